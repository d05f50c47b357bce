# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The drill of a Managed HSM: the HSM's own check that a backup could be restored, since a restore would replace all in it."""

from __future__ import annotations

import functools
from typing import Any

from ..errors import AzureBackupError, BadInput, Denied, NotFound, catch
from ..model.durations import format_time, read_seconds
from ..model.result_shapes import Described, shape
from ..services.managed_hsm.backups import RESTORE
from ..services.managed_hsm.storage import Folder, Storage, list_folders, read_storage
from .drill_run import NotDrillable, check_objective, check_result, failure_of, verdict_of
from .hsm_options import name_of, open_hsm, problems_with_options, run_check
from .results import item_result, summarise
from .task import Result, Task

_PERMISSIONS = "rl"


def drill_hsm(task: Task) -> Result:
    """Have a Managed HSM check that it can be restored from its newest backup (module hsm_restore_drill)."""
    options = task.options
    problems = problems_with_options(task, _PERMISSIONS)
    read_seconds(options["rpo"], "rpo", problems)
    if problems:
        raise BadInput("; ".join(problems))
    drill = _HsmDrill(task, read_storage(task.session, options))
    outcome = catch(drill.run)
    if isinstance(outcome, NotDrillable):
        drill.status, drill.reason = "skipped", outcome.message
    elif isinstance(outcome, AzureBackupError):
        drill.status, drill.reason, drill.error = "failed", outcome.message, outcome.as_result()
    return drill.result()


class _HsmDrill:
    """The drill of one HSM, from the choice of the backup to its result; status: None before it, and in check mode."""

    def __init__(self, task: Task, storage: Storage) -> None:
        self.task = task
        self.storage = storage
        self.hsm = open_hsm(task)
        self.folder: Folder | None = None
        self.job: Described | None = None
        self.checks: list[Result] = []
        self.times: dict[str, float] = {}
        self.status: str | None = None
        self.reason: str | None = None
        self.error: Result | None = None

    def run(self) -> None:
        """Choose the newest backup and have it checked. Raises AzureBackupError, NotDrillable where there is none."""
        folder = self._timed("find", self._find_newest)
        self.folder = folder
        self.task.carry_out(functools.partial(self._check, folder), None)

    def _find_newest(self) -> Folder:
        try:
            folders = list_folders(self.task.session, self.storage, name_of(self.task))
        except NotFound as error:
            raise NotFound(
                f"storage_container_uri, storage_container_name: the container {self.storage.url} does not exist", status=404
            ) from error
        except Denied as error:
            who = (
                "sas_token must allow listing (l)"
                if self.storage.sas_token
                else "the caller needs Storage Blob Data Reader on it"
            )
            error.message += f"; to find the newest backup, {who}"
            raise
        found = next((one for one in folders if not one.is_failed), None)
        if found is None:
            raise NotDrillable(f"the container {self.storage.url} has no backup of '{self.hsm.name}'")
        return found

    def _check(self, folder: Folder) -> None:
        deadline = self.task.deadline()
        self.job = self._timed(
            "check",
            lambda: run_check(
                self.hsm, RESTORE, lambda end: self.hsm.check_restore(self.storage.wire, folder.name, end), deadline
            ),
        )
        told = f"the HSM can be restored from {folder.name}"
        self.checks = [check_result("precheck", "passed", told, "succeeded", self.job["status"])]
        self.checks += check_objective("rpo", self.task.options["rpo"], self._age(), "the age of the newest backup is")
        self.status, self.reason = verdict_of(self.checks)

    def _timed(self, phase: str, work: Any) -> Any:
        clock = self.task.clock
        begun = clock.monotonic()
        try:
            return work()
        finally:
            self.times[phase] = round(clock.monotonic() - begun, 3)

    def _age(self) -> float | None:
        return (self.hsm.service_now() - self.folder.made).total_seconds() if self.folder else None

    def result(self) -> Result:
        """Give the module's result, in the form of backup_restore_drill."""
        name, folder, job = self.hsm.name, self.folder, self.job
        words = {
            None: f"'{name}' would be checked with backup {folder.name if folder else None}",
            "passed": f"'{name}' can be restored from {folder.name if folder else None}, as the HSM itself checked",
        }
        message = words.get(self.status) or f"'{name}' {self.status}: {self.reason}"
        failure = failure_of(self.status, self.task.options["fail_on"], message)
        shown = None
        if job:
            same = {key: job[key] for key in ("status", "start_time", "end_time", "duration", "duration_seconds")}
            shown = shape("job", name=job["job_id"], operation="restore", datasource_id=self.hsm.url, **same)
        age = self._age()
        item = item_result(
            self.hsm.url,
            False,
            "skip" if self.status == "skipped" else "drill",
            message,
            job=shown,
            recovery_point={"name": folder.name, "time": format_time(folder.made)} if folder else None,
            recovery_point_age_seconds=round(age) if age is not None else None,
            status=self.status,
            reason=self.reason,
            checks=self.checks,
            times=self.times,
            rto_seconds=None,
            restored_ids=[],
            leftovers=[],
        )
        if failure:
            item |= {"failed": True, "error": self.error or failure.as_result()}
        return {"msg": message, **summarise([item])}
