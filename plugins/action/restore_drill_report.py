# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the role restore_drill, on the controller."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.drill_report import SCHEMA_VERSION, build_report, forms_of
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.report_delivery import DeliveryFailed, ReportAction


class ActionModule(ReportAction):
    """Builds the report and delivers it where the task says, if it is not check mode."""

    report_name = "restore-drill"
    schema_version = SCHEMA_VERSION
    own_options = ("results", "title")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run on the controller; fails where the report cannot be delivered, and gives it all the same."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given = self._task.args
        problem, earlier, files = "", [], []
        try:
            earlier = self.earlier_reports(task_vars or {})
        except DeliveryFailed as error:
            problem = str(error)
        title = str(given.get("title") or "Restore drill")
        report = build_report(given["results"], title, datetime.now(timezone.utc), earlier)
        forms = forms_of(report)
        stamp = report["generated"].replace("-", "").replace(":", "")
        try:
            files = self.deliver(forms, forms["json"], stamp, task_vars or {})
        except DeliveryFailed as error:
            problem = str(error)
        failure = {"failed": True, "msg": f"the drill has ended, but its report is not delivered: {problem}"} if problem else {}
        return {**result, "changed": bool(files), "report": report, "files": files, **failure}
