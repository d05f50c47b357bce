# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the reports of roles go: a folder on the controller, a blob container, or both, where their history is read."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

Report = dict[str, Any]

_WRITER = "holdfast.azure_backup.backup_report_container"


class DeliveryFailed(Exception):
    """A report cannot be read from where it is kept, or written there; the message names the variable."""


class ReportAction(ActionBase):
    """What the actions that write reports share.

    The options folder (on the controller), storage_container_uri, sas_token and container_folder say where reports go, history
    how many are kept; the options of the connection go to the module that reaches the container.
    """

    _requires_connection = False
    # What reports of this kind are named by, the version of their form, and the options that only their action has.
    report_name = ""
    schema_version = 1
    own_options: tuple[str, ...] = ()

    def earlier_reports(self, task_vars: Mapping[str, Any]) -> list[Report]:
        """Read the newest reports of the container or, without one, of the folder, the oldest first.

        What is no report is left out. Raises DeliveryFailed.
        """
        given = self._task.args
        in_container = self._in_container()
        folder = None if in_container else given.get("folder")
        return self.reports_of(self.report_name, self.schema_version, folder, given.get("container_folder") or "", task_vars)

    def reports_of(
        self, name: str, schema_version: int, folder: str | None, container_folder: str | None, task_vars: Mapping[str, Any]
    ) -> list[Report]:
        """Read the newest reports of a name, the oldest first, in a folder or in a folder of the container; None for neither.

        Raises DeliveryFailed.
        """
        found: list[Any] = []
        if folder:
            found = _read_folder(Path(self._loader.path_dwim(folder)), name, self._most())
        elif container_folder is not None and self._in_container():
            found = self._ask_container(task_vars, name, container_folder)["reports"]
        return [one for one in found if isinstance(one, dict) and one.get("schema_version") == schema_version]

    def deliver(self, forms: Mapping[str, str], kept: str, stamp: str, task_vars: Mapping[str, Any]) -> list[str]:
        """Write a report in all its forms, unless it is check mode, and give the files and addresses.

        forms: contents by suffix, such as html; kept: what the history keeps of it, as JSON; stamp: its time, such as
        20261104T120302Z. Raises DeliveryFailed.
        """
        files = {f"{self.report_name}.{suffix}": text for suffix, text in forms.items()}
        files[f"history/{self.report_name}-{stamp}.json"] = kept
        folder, written = self._folder(), []
        if self._task.check_mode:
            return []
        if folder:
            try:
                written = _write_folder(folder, self.report_name, files, self._most())
            except OSError as error:
                raise DeliveryFailed(f"the report cannot be written to {folder}: {error.strerror}") from error
        if self._in_container():
            written += self._ask_container(task_vars, self.report_name, self._task.args.get("container_folder"), files)["files"]
        return written

    def _folder(self) -> Path | None:
        named = self._task.args.get("folder")
        return Path(self._loader.path_dwim(named)) if named else None

    def _most(self) -> int:
        return int(self._task.args.get("history", 12))

    def _in_container(self) -> bool:
        return bool(self._task.args.get("storage_container_uri"))

    def _ask_container(
        self, task_vars: Mapping[str, Any], name: str, folder: str | None, files: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        own = ("folder", "container_folder", *self.own_options)
        given = {key: value for key, value in self._task.args.items() if key not in own and value is not None}
        about = {"name": name, "folder": folder or None, "files": files}
        result: dict[str, Any] = self._execute_module(
            module_name=_WRITER, module_args={**given, **about}, task_vars=dict(task_vars)
        )
        if result.get("failed"):
            raise DeliveryFailed(str(result.get("msg")))
        return result


def _read_folder(folder: Path, name: str, most: int) -> list[Any]:
    found = []
    for path in _kept(folder, name)[-most:] if most else []:
        with contextlib.suppress(OSError, ValueError):
            found.append(json.loads(path.read_text(encoding="utf-8")))
    return found


def _kept(folder: Path, name: str) -> list[Path]:
    pattern = re.compile(rf"{re.escape(name)}-\d{{8}}T\d{{6}}Z\.json")
    there = (folder / "history").glob("*.json") if (folder / "history").is_dir() else []
    return sorted(path for path in there if pattern.fullmatch(path.name))


def _write_folder(folder: Path, name: str, files: Mapping[str, str], most: int) -> list[str]:
    (folder / "history").mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        # Half a character, which JSON can hold, is no text of a file.
        (folder / file).write_bytes(text.encode("utf-8", "replace"))
    for path in _kept(folder, name)[: -max(most, 1)]:
        path.unlink()
    return [str(folder / file) for file in files]
