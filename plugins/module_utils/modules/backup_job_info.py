# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Read jobs, and wait for them (module backup_job_info)."""

from __future__ import annotations

import dataclasses

from ..azure.session import Session
from ..clock import Deadline
from ..concurrency import settle_each
from ..errors import TRANSIENT, AzureBackupError, BadInput, TimedOut
from ..jobs.wait import is_running, wait_for_jobs
from ..model.datasource_types import find_by_name
from ..model.resource_ids import GUID, parse_resource_id, same_id
from ..model.result_shapes import Described, shape
from ..services.interface import BackupService, JobQuery
from ..services.registry import open_service
from ..services.search import (
    find_jobs,
)
from ..services.selection import choose_instances
from ..services.vault_interface import VAULT_RESOURCE_TYPES
from .info_options import (
    asks_for_nothing,
    datasources_of,
    kind_of_vault,
    lies_where_asked,
    look_in,
    possible_services,
    subscriptions_of,
    time_range,
    warn_of_empty_answer,
)
from .open_vaults import open_existing_vault
from .select_option import read_select, warn_of_unreadable, with_selection
from .task import Result, Task

# -- jobs


def read_jobs(task: Task) -> Result:
    """Read jobs, and wait for them where asked to (module backup_job_info)."""
    options = task.options
    if asks_for_nothing(task):
        return {"changed": False, "jobs": []}
    selection = read_select(task)
    ids = [datasource.key for _row, datasource in datasources_of(task)]
    after, before = time_range(task)
    query = JobQuery(
        statuses=tuple(options["status"] or ()),
        operations=tuple(options["operation"] or ()),
        datasource_types=(find_by_name(options["datasource_type"]).name,) if options["datasource_type"] else (),
        datasource_keys=frozenset(ids),
        instance_name=options["instance_name"],
        started_after=after,
        started_before=before,
    )
    services = possible_services(task)
    selected = None
    if selection:
        if not services:
            raise BadInput("select: no vault is given; set the vault whose datasources it selects")
        protected = look_in(task, services, lambda service: service.list_instances())
        selected = choose_instances(task.session, protected, selection, "protected in the vault")
        warn_of_unreadable(task, selected)
        if not selected.datasources:
            return {"changed": False, "jobs": [], "msg": selected.reason, "selection": selected.as_result()}
        query = dataclasses.replace(query, datasource_keys=frozenset(selected.instances))
    if options["job_id"]:
        found = _find_named_jobs(task, services, query)
    else:
        if services:
            listed = look_in(task, services, lambda service: service.list_jobs(query))
        else:
            listed = find_jobs(task.session, subscriptions_of(task), query, task.warn, kind_of_vault(task))
            warn_of_empty_answer(task, listed)
        found = [job for job in listed if query.matches(job) and lies_where_asked(task, job["vault_id"])]
        if options["details"]:
            found = _read_again(task, found)
    found.sort(key=lambda job: job["start_time"] or "", reverse=True)
    return with_selection({"changed": False, "jobs": _wait(task, services, found) if options["wait"] else found}, selected)


def _named_job_ids(task: Task, service: BackupService | None) -> list[str]:
    """Read job_id: ARM ids, and GUIDs where a vault is named. Raises BadInput with every mistake."""
    kinds = {f"{kind}/backupJobs".lower() for kind in VAULT_RESOURCE_TYPES.values()}
    ids, problems = [], []
    for given in task.options["job_id"]:
        if GUID.fullmatch(given):
            if service:
                ids.append(f"{service.vault.text}/backupJobs/{given}")
            else:
                problems.append(f"job_id: '{given}' is a GUID and requires a vault; set one, or give the job's ARM id")
        elif not given.startswith("/"):
            problems.append(f"job_id: '{given}' is neither the GUID of a job nor its ARM id")
        else:
            job = parse_resource_id(given, "job_id")
            if job.type.lower() not in kinds:
                problems.append(f"job_id: '{given}' is a {job.type}, not a backup job")
            elif service and not same_id(job.parent().text, service.vault.text):
                problems.append(f"job_id: '{given}' is not in vault {service.vault.text}")
            ids.append(job.text)
    if problems:
        raise BadInput("; ".join(problems))
    return ids


def _find_named_jobs(task: Task, services: list[BackupService], query: JobQuery) -> list[Described]:
    """Read the jobs of job_id. Raises NotFound where a vault that they lie in does not exist, unless missing_ok is set."""
    # A job that is not known yet is waited for, so that its vault has to be known first.
    named = open_existing_vault(task) if len(services) > 1 else next(iter(services), None)
    if named:
        return look_in(task, [named], lambda service: _read_named_jobs(task, service, query))
    found = _read_named_jobs(task, None, query)
    known = {_vault_key(job["id"]) for job in found}
    for vault, job_id in {_vault_key(job_id): job_id for job_id in _named_job_ids(task, None)}.items():
        if vault not in known:
            look_in(task, [_service_of(task.session, job_id)], lambda _service: [])
    return found


def _read_named_jobs(task: Task, service: BackupService | None, query: JobQuery) -> list[Described]:
    ids = _named_job_ids(task, service)
    read = _read_each(task, ids)
    found = []
    for job_id, job in zip(ids, read, strict=True):
        if task.options["wait"] and (job is None or isinstance(job, TRANSIENT)):
            # It may have been started a moment ago, and the wait gives it a minute to appear.
            vault_id = job_id.rsplit("/", 2)[0]
            found.append(shape("job", id=job_id, name=job_id.rsplit("/", 1)[-1], vault_id=vault_id, status="in_progress"))
        elif isinstance(job, AzureBackupError):
            job.details = {"jobs": [one for one in read if isinstance(one, dict)]}
            raise job
        elif job and query.matches(job):
            found.append(job)
    return found


def _service_of(session: Session, job_id: str) -> BackupService:
    """Open the vault that a job lies in."""
    return open_service(session, parse_resource_id(job_id, "job_id").parent())


def _read_each(task: Task, job_ids: list[str]) -> list[Described | AzureBackupError | None]:
    """Read jobs by themselves, with one client for each vault however many lie in it."""
    one_of = {_vault_key(job_id): job_id for job_id in job_ids}
    services = {vault: _service_of(task.session, job_id) for vault, job_id in one_of.items()}
    return settle_each(job_ids, lambda job_id: services[_vault_key(job_id)].read_job(job_id), _at_once(task))


def _vault_key(job_id: str) -> str:
    return job_id.lower().rsplit("/", 2)[0]


def _read_again(task: Task, jobs: list[Described]) -> list[Described]:
    """Read each job by itself, for what a list leaves out; one that cannot be read stays as it was listed."""
    read = _read_each(task, [job["id"] for job in jobs])
    unread = [outcome for outcome in read if isinstance(outcome, AzureBackupError)]
    if unread:
        task.warn(f"details: cannot read the details of {len(unread)} job(s): {unread[0].message}")
    return [one if isinstance(one, dict) else job for job, one in zip(jobs, read, strict=True)]


def _at_once(task: Task) -> int:
    return int(task.options["max_concurrency"])


def _wait(task: Task, services: list[BackupService], jobs: list[Described]) -> list[Described]:
    """Wait until none of the jobs runs any more, for all vaults at once. Raises TimedOut with all of them.

    services: of the named vault, which know already how long its list of jobs is.
    """
    opened = {service.vault.key: service for service in services}
    deadline: Deadline = task.deadline()
    by_vault: dict[str, list[str]] = {}
    for job in jobs:
        if is_running(job):
            by_vault.setdefault(str(job["vault_id"]).lower(), []).append(job["id"])

    def wait_in_vault(ids: list[str]) -> dict[str, Described | AzureBackupError]:
        service = opened.get(_vault_key(ids[0])) or _service_of(task.session, ids[0])
        return wait_for_jobs(service, ids, deadline, _at_once(task), task.progress)

    known: dict[str, Described | AzureBackupError] = {}
    for outcome in settle_each(list(by_vault.values()), wait_in_vault, _at_once(task)):
        if isinstance(outcome, AzureBackupError):
            raise outcome
        known |= outcome
    latest = [known.get(job["id"], job) for job in jobs]
    after = [job if isinstance(item, AzureBackupError) else item for job, item in zip(jobs, latest, strict=True)]
    failure = next((item for item in latest if isinstance(item, AzureBackupError)), None)
    if failure:
        failure.details = {"jobs": after}
        raise failure
    running = [job for job in after if is_running(job)]
    if running:
        raise TimedOut(
            f"{len(running)} of {len(after)} job(s) are still running after {deadline.timeout:g} seconds (wait_timeout), "
            f"such as {running[0]['name']}; they continue in Azure; run the task again to continue waiting",
            details={"jobs": after},
        )
    return after
