# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The end of a restore drill: its group is given free, or a later run sweeps what it has left there."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any

from ..clock import Deadline
from ..errors import AzureBackupError, BadInput, Denied, NotFound, catch
from ..jobs.wait import is_running, wait_for_jobs
from ..model.durations import format_time, parse_time
from ..model.resource_ids import parse_resource_id, same_id
from ..model.result_shapes import Described
from ..services.blobs import how_to_grant
from ..services.drill_journal import DrillJournal, Entry
from ..services.interface import BackupService, JobQuery
from ..services.registry import open_service
from .drill_removal import Removal, leftover, leftovers_of
from .drill_run import Scratch, endpoint_of, read_scratch_account
from .results import name_some, summarise
from .task import Result, Task

# How long the removal of what a drill made may take beyond its own wait.
_SECONDS_TO_REMOVE = 3600
# How long one deletion may take, and how long after its request a job may be in no list.
_SECONDS_TO_DELETE = 1800
_SECONDS_UNTIL_LISTED = 1800


def expiry_of(task: Task, service: BackupService) -> Any:
    """Tell until when a drill has its scratch group at the longest, by the options of the task."""
    # The start of a restore and the wait for its job may each last as long as wait_timeout.
    waits = ("permission_timeout", "wait_timeout", "wait_timeout", "boot_timeout")
    return service.service_now() + timedelta(seconds=sum(int(task.options[name]) for name in waits) + _SECONDS_TO_REMOVE)


def holder_of(content: dict[str, Any]) -> str:
    """Say which drill a journal is of, in a clause."""
    return f"drill {content['drill_id']}, started at {content['started']} on {content.get('holder')},"


def open_removal(task: Task, scratch: Scratch, endpoint: str) -> Removal:
    """Give what removes things in a scratch group, by its journal, which is not read yet; endpoint: of the account's blobs."""
    journal = DrillJournal(task.session, scratch.account, endpoint, scratch.group)

    def deadline() -> Deadline:
        return Deadline(task.clock, min(task.options["wait_timeout"], _SECONDS_TO_DELETE), task.options["poll_interval"])

    return Removal(task.session, journal, scratch.group, scratch.account, endpoint, deadline)


def read_journal(removal: Removal) -> dict[str, Any] | None:
    """Read the journal of a scratch group. Raises Denied saying which role the caller lacks."""
    try:
        return removal.journal.read()
    except Denied as error:
        raise how_to_grant(error, removal.account) from error


def jobs_of(service: BackupService, removal: Removal, entry: Entry) -> tuple[list[Described], str | None]:
    """Read the restore jobs of an entry; and say why one may still come, None where none can.

    An entry whose restore was not requested has none. One that was requested, and whose job nobody has written down, may have one
    that no list shows yet.
    """
    requested = parse_time(entry.get("starting_at"))
    if requested is None:
        return [], None
    try:
        if entry.get("job_id"):
            job = service.read_job(str(entry["job_id"]))
            return ([job] if job else []), None
        query = JobQuery(operations=("restore",), started_after=requested - timedelta(minutes=1))
        listed = [job for job in service.list_jobs(query) if job["operation"] == "restore" and query.matches(job)]
    except NotFound:
        # Without its vault a restore is over, whatever it has made.
        return [], None
    ours = [service.read_job(job["id"]) or job for job in listed if same_id(job["instance_id"], entry["instance_id"])]
    own = [job for job in ours if _restores_here(job, removal, entry)]
    if not own and service.service_now() < requested + timedelta(seconds=_SECONDS_UNTIL_LISTED):
        return (
            [],
            f"its restore was requested at {entry['starting_at']}, but Azure lists no job for it yet; run the task with "
            "state: absent again in 30 minutes",
        )
    return own, None


def _restores_here(job: Described, removal: Removal, entry: Entry) -> bool:
    """Tell whether a job may restore to the scratch group, as far as it tells where it restores to."""
    about = job["restore"] or {}
    if entry["kind"] in ("machine", "machine_disks"):
        told = (about.get("resource_group"), removal.group.name), (about.get("staging_storage_account"), removal.account.name)
        return all(found is None or same_id(found, wanted) for found, wanted in told)
    wanted = entry["targets"][0] if entry["kind"] == "disk" else removal.account.text
    return job["destination_id"] is None or same_id(job["destination_id"], wanted)


def remove_entry(removal: Removal, entry: Entry, jobs: list[Described], pending: str | None) -> list[Result]:
    """Remove what an entry has made and take it out of the journal; give what is left. Nothing is raised."""

    def remove() -> list[Result]:
        if pending:
            return leftovers_of(entry, pending)
        left = removal.remove(entry, jobs)
        if not left:
            removal.journal.drop(entry)
        return left

    outcome = catch(remove)
    return leftovers_of(entry, outcome.message) if isinstance(outcome, AzureBackupError) else outcome


def give_free(removal: Removal) -> list[Result]:
    """Revoke the roles of a drill and give its group free, where all that it made is gone; give what is left."""
    content = removal.journal.content or {}
    left = removal.revoke_roles()
    if content["entries"] or left:
        removal.journal.update(lambda changed: changed.update(state="left"))
        return left
    strangers = catch(removal.find_strangers)
    removal.journal.end()
    return [leftover(removal.group.text, strangers.message)] if isinstance(strangers, AzureBackupError) else strangers


def sweep(task: Task, removal: Removal) -> Result:
    """Remove all that the journal of a drill tells of, once its restores are over; the journal stays where something is left."""
    content = removal.journal.content or {}
    service = open_service(task.session, parse_resource_id(str(content["vault_id"]), "vault_id"))
    removal.journal.renew = lambda: expiry_of(task, service)
    removal.journal.take_over()
    left: list[Result] = []
    for entry in list((removal.journal.content or content)["entries"]):
        found = catch(functools.partial(_wait_for_jobs_of, task, service, removal, entry))
        if isinstance(found, AzureBackupError):
            left += leftovers_of(entry, found.message)
        else:
            left += remove_entry(removal, entry, *found)
    done = catch(functools.partial(give_free, removal))
    left += [leftover(removal.group.text, done.message)] if isinstance(done, AzureBackupError) else done
    return {"drill_id": content["drill_id"], "removed": list(removal.removed), "leftovers": left}


def _wait_for_jobs_of(task: Task, service: BackupService, removal: Removal, entry: Entry) -> tuple[list[Described], str | None]:
    """Read the jobs of an entry, see jobs_of, once they are over or wait_timeout is."""
    jobs, pending = jobs_of(service, removal, entry)
    running = [str(job["id"]) for job in jobs if is_running(job)]
    if running:
        known = wait_for_jobs(service, running, task.deadline(), task.options["max_concurrency"], task.progress)
        jobs = [job if isinstance(found := known.get(str(job["id"]), job), AzureBackupError) else found for job in jobs]
    return jobs, pending


def sweep_only(task: Task, scratch: Scratch) -> Result:
    """Sweep what a drill has left or has kept (state absent)."""
    removal = open_removal(task, scratch, endpoint_of(read_scratch_account(task, scratch)))
    content = read_journal(removal)
    wanted = task.options["drill_id"]
    nothing = {**summarise([]), "drill": None, "msg": "no drill has left anything in the scratch group"}
    if content is None:
        return nothing
    if wanted and not same_id(wanted, content["drill_id"]):
        raise BadInput(f"drill_id: the scratch group is not that drill's; {holder_of(content)} has it until {content['expires']}")
    if not wanted and not removal.journal.is_over(task.session.service_now()):
        raise BadInput(
            f"scratch.resource_group: the scratch group is in use by {holder_of(content)} which may run until "
            f"{content['expires']}; wait for it to finish. If you are sure that the run has died, or if it kept what it "
            f"restored, set drill_id: {content['drill_id']}",
            code="DrillRunning",
        )
    targets = [target for entry in content["entries"] for target in entry["targets"]]
    drill: Result = {
        "id": content["drill_id"],
        "started": content["started"],
        "ended": None,
        "vault_id": content["vault_id"],
        "scratch_resource_group_id": scratch.group.text,
        "is_kept": False,
        "counts": None,
        "granted_roles": [f"{role['name']} on {role['scope']}" for role in content["roles"]],
        "leftovers": [],
        "swept": None,
    }
    if task.check_mode:
        told = f"would remove what {holder_of(content)} has left: {name_some(targets, 3) or 'what Azure has named'}"
        return {**nothing, "changed": True, "msg": told, "drill": drill}
    swept = sweep(task, removal)
    drill |= {"swept": swept, "leftovers": swept["leftovers"], "ended": format_time(task.session.service_now())}
    result = {
        **nothing,
        "changed": True,
        "msg": f"removed {len(swept['removed'])} resource(s) of drill {content['drill_id']}",
        "drill": drill,
    }
    if removal.journal.content is not None:
        left = swept["leftovers"] or [leftover(scratch.group.text, "the journal of the drill could not be closed")]
        failure = AzureBackupError(
            f"cannot remove {left[0]['id']}, which drill {content['drill_id']} left behind: {left[0]['reason']}; "
            "resolve the cause and run this task again",
            code="DrillLeftovers",
        )
        result |= {"failed": True, "msg": failure.message, "error": failure.as_result()}
    return result
