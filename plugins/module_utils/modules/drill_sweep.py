# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The end of a restore drill: its group is given free, or a later run sweeps what it has left there."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any

from ..errors import AzureBackupError, BadInput, Denied, NotFound, catch
from ..jobs.wait import is_running, wait_for_jobs
from ..model.durations import format_time, parse_time
from ..model.resource_ids import parse_resource_id, same_id
from ..model.result_shapes import Described
from ..services.blobs import blob_endpoint, how_to_grant, read_account
from ..services.drill_journal import DrillJournal
from ..services.interface import BackupService, JobQuery
from ..services.registry import open_service
from .drill_removal import Entry, Removal, leftover
from .drill_run import DrillRun, Scratch
from .results import name_some, summarise
from .task import Result, Task

# How long the removal of what a drill made may take beyond its own wait.
_SECONDS_TO_REMOVE = 3600


def drop_entry(entry: Entry, content: dict[str, Any]) -> None:
    """Take an entry out of the content of a journal: all that it has made is gone."""
    content["entries"] = [
        one for one in content["entries"] if (one["datasource_id"], one["kind"]) != (entry["datasource_id"], entry["kind"])
    ]


def expiry_of(task: Task, service: BackupService) -> Any:
    """Tell until when a drill has its scratch group at the longest, by the options of the task."""
    waits = ("permission_timeout", "wait_timeout", "boot_timeout")
    return service.service_now() + timedelta(seconds=sum(int(task.options[name]) for name in waits) + _SECONDS_TO_REMOVE)


def holder_of(content: dict[str, Any]) -> str:
    """Say which drill a journal is of, in a clause."""
    return f"drill {content['drill_id']}, begun at {content['started']} on {content.get('holder')},"


def open_removal(task: Task, scratch: Scratch, run: DrillRun | None = None) -> Removal:
    """Give what removes things in a scratch group, by its journal, which is not read yet. Raises NotFound, BadInput."""
    option = "scratch.storage_account_id"
    endpoint = blob_endpoint(read_account(task.session, scratch.account, option), option)
    if run:
        run.endpoint = endpoint
    journal = DrillJournal(task.session, scratch.account, endpoint, scratch.group)
    return Removal(task.session, journal, scratch.group, scratch.account, endpoint, task.deadline)


def read_journal(removal: Removal) -> dict[str, Any] | None:
    """Read the journal of a scratch group. Raises Denied saying which role the caller lacks."""
    try:
        return removal.journal.read()
    except Denied as error:
        raise how_to_grant(error, removal.account) from error


def jobs_of(service: BackupService, content: dict[str, Any], entry: Entry) -> list[Described]:
    """Read the restores of an entry's instance since the drill began, which may be the drill's."""
    since = parse_time(content.get("started"))
    query = JobQuery(operations=("restore",), started_after=since - timedelta(minutes=1) if since else None)
    try:
        listed = service.list_jobs(query)
    except NotFound:
        # Without its vault a restore is over, whatever it has made.
        return []
    own = [
        job
        for job in listed
        if job["operation"] == "restore" and same_id(job["instance_id"], entry["instance_id"]) and query.matches(job)
    ]
    return [service.read_job(job["id"]) or job for job in own]


def give_free(removal: Removal) -> list[Result]:
    """Revoke the roles of a drill and give its group free, where all that it made is gone; give what is left."""
    content = removal.journal.content or {}
    left = removal.revoke_roles()
    strangers = removal.find_strangers() if not content["entries"] else []
    if content["entries"] or left:
        removal.journal.update(lambda changed: changed.update(state="left"))
        return left
    removal.journal.end()
    return strangers


def sweep(task: Task, removal: Removal) -> Result:
    """Remove all that the journal of a drill tells of, once its restores are over; the journal stays where something is left."""
    content = removal.journal.content or {}
    service = open_service(task.session, parse_resource_id(str(content["vault_id"]), "vault_id"))
    removal.journal.take_over(expiry_of(task, service))
    left: list[Result] = []
    for entry in list(content["entries"]):
        jobs = jobs_of(service, content, entry)
        running = [str(job["id"]) for job in jobs if is_running(job)]
        if running:
            known = wait_for_jobs(service, running, task.deadline(), task.options["max_concurrency"], task.progress)
            jobs = [job if isinstance(found := known.get(str(job["id"]), job), AzureBackupError) else found for job in jobs]
        outcome = catch(functools.partial(removal.remove, entry, jobs))
        found_left = (
            [leftover(str(entry["datasource_id"]), outcome.message)] if isinstance(outcome, AzureBackupError) else outcome
        )
        left += found_left
        if not found_left:
            removal.journal.update(functools.partial(drop_entry, entry))
    left += give_free(removal)
    return {"drill_id": content["drill_id"], "removed": list(removal.removed), "leftovers": left}


def sweep_only(task: Task, scratch: Scratch) -> Result:
    """Sweep what a drill has left or has kept (state absent)."""
    removal = open_removal(task, scratch)
    content = read_journal(removal)
    wanted = task.options["drill_id"]
    nothing = {**summarise([]), "drill": None, "msg": "no drill has left anything in the scratch group"}
    if content is None:
        return nothing
    if wanted and not same_id(wanted, content["drill_id"]):
        raise BadInput(f"drill_id: the scratch group is not that drill's; {holder_of(content)} has it until {content['expires']}")
    if not wanted and not removal.journal.is_over(task.session.service_now()):
        raise BadInput(
            f"scratch.resource_group: {holder_of(content)} has the scratch group until {content['expires']}; wait for it. If "
            f"that run has died, or has kept what it restored, set drill_id: {content['drill_id']}",
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
        left = swept["leftovers"] or [leftover(scratch.group.text, "something is left")]
        failure = AzureBackupError(
            f"drill {content['drill_id']} has left what cannot be removed: {left[0]['id']}: {left[0]['reason']}; remove the "
            "cause and run this task again",
            code="DrillLeftovers",
        )
        result |= {"failed": True, "msg": failure.message, "error": failure.as_result()}
    return result
