# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Full backups of a Managed HSM: started at most once, skipped where a fresh one lies in the container, older ones pruned."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..errors import AzureBackupError, BadInput, Denied, MissingLibrary, NotFound, OperationFailed, UntrustedHost
from ..jobs.hsm_jobs import lasted
from ..model.durations import format_time, parse_time, seconds_in
from ..model.result_shapes import Described, shape
from ..services.managed_hsm.backups import BACKUP, ManagedHsm
from ..services.managed_hsm.storage import (
    Folder,
    Storage,
    delete_folder,
    list_folders,
    mark_failed,
    names_storage,
    read_storage,
    written_at,
)
from .hsm_options import name_of, open_hsm, problems_with_options, resume_job, run_job
from .task import Result, Task

# What Microsoft's article asks of a SAS token for backups.
_PERMISSIONS = "crdw"
# How far two clocks may be apart; what is dated later than that is no fresh backup.
_MOST_AHEAD = timedelta(minutes=5)
# A folder is named 0 to 3 seconds after its job's start (recorded), and no job takes less than 8.
_AFTER_THE_START = (timedelta(seconds=-1), timedelta(seconds=5))


def ensure_backup(task: Task) -> Result:
    """Back a Managed HSM up now (module hsm_backup)."""
    options = task.options
    problems = problems_with_options(task, _PERMISSIONS)
    if options["keep"] is not None and options["keep"] < 1:
        problems.append(f"keep: {options['keep']} must be 1 or more; the newest backup is never removed")
    if options["keep"] is not None and not options["wait"]:
        problems.append("keep: requires wait: true, because older backups are removed only after the new one has succeeded")
    if problems:
        raise BadInput("; ".join(problems))
    max_age = seconds_in(options["max_age"], "max_age") if options["max_age"] else None
    if options["job_id"]:
        return _resume(task)
    storage = read_storage(task.session, options)
    folders = _list(task, storage) if max_age is not None or options["keep"] is not None else None
    now = task.session.service_now()
    newest = next((one for one in folders or [] if not one.is_failed and one.made <= now + _MOST_AHEAD), None)
    if newest and max_age is not None and now - newest.made < timedelta(seconds=max_age):
        made = format_time(newest.made)
        backup = shape(
            "hsm_job",
            start_time=made,
            end_time=_end_of(task, storage, newest),
            folder_uri=f"{storage.url}/{newest.name}",
            folder_name=newest.name,
        )
        return _result("skip", f"'{name_of(task)}' has a backup from {made}, less than {options['max_age']} old", backup)
    hsm = open_hsm(task)
    # The folder that is still to come counts.
    old = [] if options["keep"] is None else [one.name for one in _superfluous(folders or [], options["keep"] - 1)]
    predicted = _result("start", f"a backup of '{name_of(task)}' would be started", None, old, is_started=True)
    return task.carry_out(lambda: _start(task, hsm, storage), predicted)


def _end_of(task: Task, storage: Storage, folder: Folder) -> str | None:
    """Tell when a backup that is there ended; None if that cannot be read, which is no reason for a failure."""
    try:
        return format_time(written_at(task.session, storage, folder))
    except AzureBackupError:
        return None


def _list(task: Task, storage: Storage) -> list[Folder] | None:
    """Read the backups in the container; None, and a warning, where the caller may not. Raises NotFound for no container."""
    try:
        return list_folders(task.session, storage, name_of(task))
    except NotFound as error:
        raise _no_container(storage, error) from error
    except (MissingLibrary, UntrustedHost):
        raise
    except AzureBackupError as error:
        who = "the caller's own identity" if storage.sas_token is None else "this SAS token"
        task.warn(f"cannot list the backups in {storage.url} with {who}, so none counts as recent: {error.message}")
        return None


def _no_container(storage: Storage, error: AzureBackupError) -> NotFound:
    return NotFound(
        f"storage_container_uri, storage_container_name: the container {storage.url} does not exist; create it first",
        code=error.code,
        status=error.status,
    )


def _start(task: Task, hsm: ManagedHsm, storage: Storage) -> Result:
    try:
        job = run_job(
            task,
            hsm,
            BACKUP,
            lambda deadline: hsm.check_backup(storage.wire, deadline),
            lambda deadline: hsm.start_backup(storage.wire, deadline),
        )
    except OperationFailed as error:
        # Only a failed job is looked into; a failed check has said why.
        if error.details.get("changed"):
            _mark_failed(task, storage, error.details.get("backup"))
            _explain(task, storage, error)
        raise
    if not task.options["wait"]:
        return _result("start", f"job {job['job_id']} is backing up '{hsm.name}'", job, is_started=True)
    pruned = _prune(task, hsm, storage, job)
    return _result("start", f"backed up '{hsm.name}'{lasted(job)}: {job['folder_uri']}", job, pruned, is_started=True)


def _explain(task: Task, storage: Storage, error: OperationFailed) -> None:
    """Add what can be told of the container to a failure, which an HSM often tells without a reason."""
    told = []
    try:
        list_folders(task.session, storage, name_of(task))
    except NotFound:
        told.append(f"The container {storage.url} does not exist")
    except Denied as denied:
        if storage.sas_token is not None:
            told.append(f"The storage account also rejects this SAS token: {denied.code or denied.message}")
    except AzureBackupError:
        pass
    if storage.sas_token is None:
        told.append("The HSM needs a user-assigned identity with 'Storage Blob Data Contributor' on the container")
    if told:
        error.message = ". ".join([error.message.rstrip("."), *told])


def _mark_failed(task: Task, storage: Storage, job: Any) -> None:
    """Mark the folder of a backup that failed, so that it counts neither as fresh nor as one to keep; else warn."""
    began = parse_time(job["start_time"]) if isinstance(job, dict) else None
    if began is None:
        return
    try:
        # One backup runs at a time, so that no other can be named by that moment.
        first, last = _AFTER_THE_START
        for folder in list_folders(task.session, storage, name_of(task)):
            if first <= folder.made - began <= last:
                mark_failed(task.session, storage, folder)
    except AzureBackupError as error:
        if task.options["max_age"] is None and task.options["keep"] is None:
            # Whoever counts no folders may have no right to list them.
            return
        task.warn(f"cannot mark the folder of the failed backup, so max_age and keep still count it: {error.message}")


def _superfluous(folders: list[Folder], kept: int) -> list[Folder]:
    """Give the folders, of some with the newest first, that are older than so many backups that did not fail."""
    good = 0
    for number, folder in enumerate(folders):
        if good >= kept:
            return folders[number:]
        good += not folder.is_failed
    return []


def _prune(task: Task, hsm: ManagedHsm, storage: Storage, backup: Described) -> list[str]:
    """Remove all backups of this HSM but the newest, where the task says how many, and give those that are gone.

    Only what is older than a backup that this task has seen succeed is superfluous: another folder may be of a backup that
    runs, or that failed. What cannot be removed is a warning; the backup is done.
    """
    done: list[str] = []
    if task.options["keep"] is None:
        return done
    try:
        folders = list_folders(task.session, storage, hsm.name)
        place = next((index for index, one in enumerate(folders) if one.name == backup["folder_name"]), None)
        if place is None:
            task.warn(f"the container does not list folder {backup['folder_name']}, so no older backup was removed")
            return done
        for folder in _superfluous(folders[place:], task.options["keep"]):
            delete_folder(task.session, storage, folder)
            done.append(folder.name)
    except AzureBackupError as error:
        task.warn(f"the backup succeeded, but not all older backups could be removed: {error.message}")
    return done


def _resume(task: Task) -> Result:
    hsm = open_hsm(task)
    try:
        job = resume_job(task, hsm, BACKUP)
    except OperationFailed as error:
        if names_storage(task.options):
            storage, failed = read_storage(task.session, task.options), error.details.get("backup")
            task.carry_out(lambda: _mark_failed(task, storage, failed), None)
        raise
    is_over = job["status"] == "succeeded"
    if not is_over and not task.waits:
        return _result("resume", f"job {job['job_id']} has status {job['status']}", job)
    if not job["folder_uri"]:
        raise OperationFailed(f"job_id: job {job['job_id']} created no backup; it was a precheck", details={"backup": job})
    return _result("resume", f"backed up '{hsm.name}'{lasted(job)}: {job['folder_uri']}", job)


def _result(action: str, msg: str, backup: Described | None, pruned: list[str] | None = None, is_started: bool = False) -> Result:
    started = ((backup or {}).get("job_id") or "to be started") if is_started else None
    return {
        "changed": is_started,
        "action": action,
        "msg": msg,
        "backup": backup,
        "folder_uri": (backup or {}).get("folder_uri"),
        "pruned_folders": pruned or [],
        "diff": {
            "before": {"started_job": None, "older_backups": pruned or []},
            "after": {"started_job": started, "older_backups": []},
        },
    }
