# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Full backups of a Managed HSM: started at most once, skipped where a fresh one lies in the container, older ones pruned."""

from __future__ import annotations

from datetime import timedelta

from .durations import format_time, seconds_in
from .errors import AzureBackupError, BadInput, Denied, NotFound, OperationFailed
from .hsm_job import check_options, follow, lasted, name_of, open_hsm, read_resumed, start_once, tell, with_details
from .managed_hsm.service import BACKUP, ManagedHsm
from .managed_hsm.storage import Folder, Storage, delete_folder, list_folders, read_storage
from .module import Result, Task
from .shapes import Described, shape

# What Microsoft's article asks of a SAS token for backups.
_PERMISSIONS = "crdw"


def ensure_backup(task: Task) -> Result:
    """Back a Managed HSM up now (module hsm_backup)."""
    options = task.options
    check_options(task, _PERMISSIONS)
    max_age = seconds_in(options["max_age"], "max_age") if options["max_age"] else None
    if options["keep"] is not None and options["keep"] < 1:
        raise BadInput(f"keep: {options['keep']} must be 1 or more; the newest backup is never removed")
    if options["job_id"]:
        return _resume(task)
    storage = read_storage(task.session, options)
    folders = _list(task, storage) if max_age is not None or options["keep"] is not None else None
    newest = folders[0] if folders else None
    if newest and max_age is not None and task.session.service_now() - newest.made < timedelta(seconds=max_age):
        made = format_time(newest.made)
        backup = shape(
            "hsm_job", status="succeeded", end_time=made, folder_uri=f"{storage.url}/{newest.name}", folder_name=newest.name
        )
        message = f"'{name_of(task)}' has a backup of {made}, younger than {options['max_age']}"
        return _result("skip", message, backup, False, _prune(task, storage, folders))
    if task.check_mode:
        # A folder that is still to come counts.
        pruned = _prune(task, storage, folders, more=1)
        return _result("start", f"a backup of '{name_of(task)}' is to be started", None, True, pruned)
    return _start(task, open_hsm(task), storage)


def _list(task: Task, storage: Storage) -> list[Folder] | None:
    """Read the backups in the container; None, and a warning, where the caller may not. Raises NotFound for no container."""
    try:
        return list_folders(task.session, storage, name_of(task))
    except NotFound as error:
        raise _no_container(storage, error) from error
    except AzureBackupError as error:
        who = "the caller's own identity" if storage.sas_token is None else "this SAS token"
        task.warn(f"the backups in {storage.url} cannot be listed by {who}, so that none counts as fresh: {error.message}")
        return None


def _no_container(storage: Storage, error: AzureBackupError) -> NotFound:
    return NotFound(
        f"storage_container_uri, storage_container_name: the container {storage.url} does not exist; a Managed HSM makes none",
        code=error.code,
        status=error.status,
    )


def _start(task: Task, hsm: ManagedHsm, storage: Storage) -> Result:
    deadline = task.deadline()
    if task.options["precheck"]:
        follow(task, hsm, BACKUP, hsm.check_backup(storage.wire, deadline), deadline)
    job = start_once(hsm, BACKUP, lambda: hsm.start_backup(storage.wire, deadline))
    tell(task, hsm, job, BACKUP)
    if not task.options["wait"]:
        return _result("start", f"job {job['job_id']} backs '{hsm.name}' up", job, True, [])
    try:
        job = follow(task, hsm, BACKUP, job, deadline)
    except OperationFailed as error:
        raise with_details(_explained(task, storage, error), changed=True, action="start") from error
    except AzureBackupError as error:
        raise with_details(error, changed=True, action="start") from error
    pruned = []
    if task.options["keep"] is not None:
        try:
            pruned = _prune(task, storage, list_folders(task.session, storage, hsm.name))
        except AzureBackupError as error:
            task.warn(f"the backup is done, and older ones could not be removed: {error.message}")
    return _result("start", f"backed up '{hsm.name}'{lasted(job)}: {job['folder_uri']}", job, True, pruned)


def _explained(task: Task, storage: Storage, error: OperationFailed) -> OperationFailed:
    """Add what can be told of the container to a failure, which an HSM often tells without a reason."""
    try:
        list_folders(task.session, storage, name_of(task))
    except NotFound:
        error.message += f". The container {storage.url} does not exist"
    except Denied as denied:
        if storage.sas_token is not None:
            error.message += f". The storage refuses this SAS token as well: {denied.code or denied.message}"
    except AzureBackupError:
        pass
    if storage.sas_token is None:
        error.message += ". The HSM needs a user-assigned identity with 'Storage Blob Data Contributor' on the container"
    return error


def _prune(task: Task, storage: Storage, folders: list[Folder] | None, more: int = 0) -> list[str]:
    """Remove all backups of this HSM but the newest, where the task says how many; more: so many are still to come."""
    keep = task.options["keep"]
    if keep is None or folders is None:
        return []
    old = folders[max(keep - more, 0) :]
    if not task.check_mode:
        for folder in old:
            delete_folder(task.session, storage, folder)
    return [folder.name for folder in old]


def _resume(task: Task) -> Result:
    hsm = open_hsm(task)
    job = read_resumed(hsm, BACKUP, task.options["job_id"])
    if not task.options["wait"] or task.check_mode:
        return _result("resume", f"job {job['job_id']} is {job['status']}", job, False, [])
    tell(task, hsm, job, BACKUP)
    job = follow(task, hsm, BACKUP, job, task.deadline())
    return _result("resume", f"backed up '{hsm.name}'{lasted(job)}: {job['folder_uri']}", job, False, [])


def _result(action: str, msg: str, backup: Described | None, is_started: bool, pruned: list[str]) -> Result:
    started = ((backup or {}).get("job_id") or "to be started") if is_started else None
    return {
        "changed": is_started or bool(pruned),
        "action": action,
        "msg": msg,
        "backup": backup,
        "folder_uri": (backup or {}).get("folder_uri"),
        "pruned_folders": pruned,
        "diff": {
            "before": {"started_job": None, "folders": pruned},
            "after": {"started_job": started, "folders": []},
        },
    }
