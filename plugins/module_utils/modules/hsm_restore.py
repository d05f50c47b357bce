# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Restores of a Managed HSM, which replace what is in it. Only where the task names the HSM a second time."""

from __future__ import annotations

import re
from typing import Any

from ..errors import AzureBackupError, BadInput, MissingLibrary, NotFound, UntrustedHost
from ..jobs.hsm_jobs import lasted
from ..model.result_shapes import Described
from ..model.urls import read_address
from ..services.managed_hsm.backups import RESTORE, ManagedHsm
from ..services.managed_hsm.storage import Storage, has_folder, read_storage
from .hsm_options import name_of, open_hsm, problems_with_options, resume_job, run_job
from .task import Result, Task

_PERMISSIONS = "rl"
_FOLDER = re.compile(r"mhsm-[A-Za-z0-9.-]+-\d{14,}")
_KEY = re.compile(r"[0-9A-Za-z-]{1,127}")
_RESTORED = re.compile(r"successful key versions restored: (\d+)")
_NOT_OVERWRITTEN = re.compile(r"could not overwrite: ([1-9]\d*)")


def restore(task: Task) -> Result:
    """Restore a Managed HSM or one of its keys (module hsm_restore)."""
    options = task.options
    folder = _read_folder(options)
    _check_options(task, folder)
    what = f"key '{options['key_name']}' of '{name_of(task)}'" if options["key_name"] else f"'{name_of(task)}'"
    if options["job_id"]:
        job = resume_job(task, open_hsm(task), RESTORE)
        if not task.waits:
            return _result("resume", f"job {job['job_id']} has status {job['status']}", job, None)
        return _told(task, _result("resume", f"restored {what}{lasted(job)}", job, None))
    storage = read_storage(task.session, options)
    _check_folder(task, storage, folder)
    hsm = open_hsm(task)
    predicted = _result("start", f"{what} would be restored from {folder}", None, folder, is_started=True)
    return task.carry_out(lambda: _start(task, hsm, storage, folder, what), predicted)


def _start(task: Task, hsm: ManagedHsm, storage: Storage, folder: str, what: str) -> Result:
    options = task.options
    job = run_job(
        task,
        hsm,
        RESTORE,
        lambda deadline: hsm.check_restore(storage.wire, folder, deadline),
        lambda deadline: hsm.start_restore(storage.wire, folder, options["key_name"], deadline),
    )
    if not options["wait"]:
        return _result("start", f"job {job['job_id']} is restoring {what}", job, folder, is_started=True)
    return _told(task, _result("start", f"restored {what} from {folder}{lasted(job)}", job, folder, is_started=True))


def _read_folder(options: dict[str, Any]) -> str:
    """Give the name of the folder to restore from, and the container where it was named by folder_uri."""
    uri = options["folder_uri"]
    if not uri:
        return str(options["folder_name"] or "")
    storage = ("storage_container_uri", "storage_account_name", "storage_container_name")
    if options["folder_name"] or any(options[name] for name in storage):
        raise BadInput("folder_uri: it already identifies the storage and the folder; omit folder_name and the storage options")
    read_address(uri, "folder_uri", "https://account.blob.core.windows.net/container/mhsm-name-2026110408545001")
    options["storage_container_uri"], _slash, folder = uri.strip().rstrip("/").rpartition("/")
    return str(folder)


def _check_options(task: Task, folder: str) -> None:
    options = task.options
    problems = problems_with_options(task, _PERMISSIONS)
    if options["folder_uri"]:
        problems = [problem.replace("storage_container_uri:", "folder_uri:") for problem in problems]
    if not options["job_id"] and not folder:
        problems.append("folder_uri, folder_name: set one of them to the backup to restore from")
    elif not options["job_id"] and not _FOLDER.fullmatch(folder):
        option = "folder_uri" if options["folder_uri"] else "folder_name"
        problems.append(f"{option}: '{folder}' is not a Managed HSM backup folder such as mhsm-name-2026110408545001")
    # An empty variable must not make a restore of one key one of everything.
    if options["key_name"] is not None and not _KEY.fullmatch(options["key_name"]):
        problems.append(f"key_name: '{options['key_name']}' is not a valid key name")
    if options["key_name"] and options["precheck"]:
        problems.append("precheck: the HSM supports it for full restores only")
    is_named = not any(problem.startswith("hsm_") for problem in problems)
    if is_named and not options["job_id"] and str(options["confirm"] or "").lower() != name_of(task).lower():
        problems.append(f"confirm: a restore replaces what is in the HSM; to confirm, set this to its name, {name_of(task)}")
    if problems:
        raise BadInput("; ".join(problems))


def _check_folder(task: Task, storage: Storage, folder: str) -> None:
    """Refuse a backup that is not in the container, where the caller may look. Raises NotFound."""
    try:
        is_there = has_folder(task.session, storage, folder)
    except NotFound as error:
        raise NotFound(f"folder_uri, storage_container_uri: the container {storage.url} does not exist", status=404) from error
    except (MissingLibrary, UntrustedHost):
        raise
    except AzureBackupError:
        # The HSM finds out itself.
        return
    if not is_there:
        raise NotFound(f"folder_uri, folder_name: the container {storage.url} has no backup {folder}", status=404)


def _told(task: Task, result: Result) -> Result:
    """Tell how many versions of a key came back, and pass on that some did not, because they are there."""
    details = str(result["restore"]["status_details"])
    left, restored = _NOT_OVERWRITTEN.search(details), _RESTORED.search(details)
    if restored:
        result["msg"] += f": {restored[1]} version(s)"
    if left:
        task.warn(f"{left[1]} version(s) of the key already existed and were not overwritten")
    return result


def _result(action: str, msg: str, job: Described | None, folder: str | None, is_started: bool = False) -> Result:
    started = ((job or {}).get("job_id") or "to be started") if is_started else None
    found = {**job, "folder_name": folder} if job else None
    diff = {"before": {"started_job": None}, "after": {"started_job": started, "restored_from": folder if is_started else None}}
    return {"changed": is_started, "action": action, "msg": msg, "restore": found, "diff": diff}
