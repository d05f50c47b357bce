# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the reports of roles go: a folder on the controller, a blob container, or both, where their history is read."""

from __future__ import annotations

import contextlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.report_history import (
    FOLDER,
    earlier_names,
    kept_name,
    superfluous,
)

Report = dict[str, Any]

_WRITER = "holdfast.azure_backup.backup_report_container"


class DeliveryFailed(Exception):
    """A report cannot be read from where it is kept, or written there; the message names the variable."""


class ReportAction(ActionBase):
    """What the actions that write reports share: read the earlier ones, build this one, and deliver it where the task says.

    The options folder (on the controller), storage_container_uri, sas_token and container_folder say where reports go, history
    how many are kept; the options of the connection go to the module that reaches the container.
    """

    _requires_connection = False
    # What reports of this kind are named by, the version of their form, the options that only their action has, and how the
    # message begins if a report cannot be delivered.
    report_name = ""
    schema_version = 1
    own_options: tuple[str, ...] = ()
    undelivered = ""

    @abstractmethod
    def build(self, now: datetime, earlier: Sequence[Report]) -> Report:
        """Give the report, which has C(generated); now: in UTC; earlier: what was kept of reports before, the oldest first."""

    @abstractmethod
    def forms_of(self, report: Report) -> dict[str, str]:
        """Give a report in all its forms, by the suffixes of their files."""

    @abstractmethod
    def kept_of(self, report: Report) -> str:
        """Give what the history keeps of a report, as JSON."""

    @abstractmethod
    def results_of(self, report: Report, files: list[str]) -> dict[str, Any]:
        """Give what the task returns beside files and changed."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run on the controller; fails where the report cannot be read or delivered, and gives it all the same."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        self._vars = task_vars or {}
        self._problems: list[str] = []
        given = self._task.args
        folder = None if self._in_container() else given.get("folder")
        earlier = self.reports_of(self.report_name, self.schema_version, folder, given.get("container_folder") or "")
        report = self.build(datetime.now(timezone.utc), earlier)
        files: list[str] = []
        try:
            files = self._deliver(report)
        except DeliveryFailed as error:
            self._problems.append(str(error))
        told = "; ".join(dict.fromkeys(self._problems))
        failure = {"failed": True, "msg": f"{self.undelivered}: {told}"} if told else {}
        return {**result, "changed": bool(files), "files": files, **self.results_of(report, files), **failure}

    def reports_of(self, name: str, schema_version: int, folder: str | None, container_folder: str | None) -> list[Report]:
        """Read the newest reports of a name, the oldest first, in a folder or in a folder of the container; None for neither.

        What is no report is left out. If they cannot be read, the task fails in the end.
        """
        found: list[Any] = []
        if folder:
            found = _read_folder(Path(self._loader.path_dwim(folder)), name, self._most())
        elif container_folder is not None and self._in_container():
            try:
                found = self._ask_container(name, container_folder)["reports"]
            except DeliveryFailed as error:
                self._problems.append(str(error))
        return [one for one in found if isinstance(one, dict) and one.get("schema_version") == schema_version]

    def _deliver(self, report: Report) -> list[str]:
        """Write a report in all its forms, unless it is check mode, and give the files and addresses. Raises DeliveryFailed."""
        files = {f"{self.report_name}.{suffix}": text for suffix, text in self.forms_of(report).items()}
        files[kept_name(self.report_name, report["generated"])] = self.kept_of(report)
        written: list[str] = []
        if self._task.check_mode:
            return written
        named = self._task.args.get("folder")
        if named:
            folder = Path(self._loader.path_dwim(named))
            try:
                written = _write_folder(folder, self.report_name, files, self._most())
            except OSError as error:
                raise DeliveryFailed(f"the report cannot be written to {folder}: {error.strerror}") from error
        if self._in_container():
            written += self._ask_container(self.report_name, self._task.args.get("container_folder"), files)["files"]
        return written

    def _most(self) -> int:
        return int(self._task.args.get("history", 12))

    def _in_container(self) -> bool:
        return bool(self._task.args.get("storage_container_uri"))

    def _ask_container(self, name: str, folder: str | None, files: Mapping[str, str] | None = None) -> dict[str, Any]:
        own = ("folder", "container_folder", *self.own_options)
        given = {key: value for key, value in self._task.args.items() if key not in own and value is not None}
        about = {"name": name, "folder": folder or None, "files": files}
        result: dict[str, Any] = self._execute_module(
            module_name=_WRITER, module_args={**given, **about}, task_vars=dict(self._vars)
        )
        if result.get("failed"):
            raise DeliveryFailed(str(result.get("msg")))
        return result


def _read_folder(folder: Path, name: str, most: int) -> list[Any]:
    found = []
    for file in _earlier(folder, name)[-most:] if most else []:
        with contextlib.suppress(OSError, ValueError):
            found.append(json.loads((folder / file).read_text(encoding="utf-8")))
    return found


def _earlier(folder: Path, name: str) -> list[str]:
    there = (folder / FOLDER).iterdir() if (folder / FOLDER).is_dir() else []
    return earlier_names((f"{FOLDER}/{path.name}" for path in there), name)


def _write_folder(folder: Path, name: str, files: Mapping[str, str], most: int) -> list[str]:
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        # Half a character, which JSON can hold, is no text of a file.
        (folder / file).write_bytes(text.encode("utf-8", "replace"))
    for file in superfluous(_earlier(folder, name), most):
        (folder / file).unlink()
    return [str(folder / file) for file in files]
