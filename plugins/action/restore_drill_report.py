# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the role restore_drill, on the controller."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.drill_report import build_report, read_history, write_report


class ActionModule(ActionBase):
    """Builds the report and writes it into a folder, if one is named and it is not check mode."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run on the controller; fails where the folder cannot be written."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        named, most = given.get("folder"), int(given.get("history", 12))
        role = self._task._role  # noqa: SLF001 - ansible-core has no other way to the role of a task
        if role is None:
            return {**result, "failed": True, "msg": "restore_drill_report works only in a task of the role restore_drill"}
        folder = Path(self._loader.path_dwim(named)) if named else None
        earlier = read_history(folder, most) if folder else []
        report = build_report(given["results"], str(given.get("title") or "Restore drill"), datetime.now(timezone.utc), earlier)
        files: list[str] = []
        if folder and not self._task.check_mode:
            try:
                files = write_report(report, folder, Path(role.get_role_path()) / "templates", most)
            except OSError as error:
                message = f"restore_drill_report_folder: the report cannot be written to {folder}: {error.strerror}"
                return {**result, "failed": True, "msg": message, "report": report}
        return {**result, "changed": bool(files), "report": report, "files": files}
