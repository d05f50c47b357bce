# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there: the reads behind the info modules.

A list is empty where nothing matches; a vault that is named and does not exist is an error.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar

from .adapters import describe_template, open_existing_vault, open_service
from .addressing import check_group_name, find_possible_vaults, missing_vault, names_a_vault
from .azure.session import Session
from .batch import Datasource, read_datasource_ids, settle_each
from .clock import Deadline
from .datasources import find_by_name
from .durations import is_between, read_iso, seconds_in
from .errors import TRANSIENT, AzureBackupError, BadInput, Denied, TimedOut
from .fleet import (
    find_deleted_vaults,
    find_instances,
    find_jobs,
    find_vaults,
    list_subscriptions,
    list_vaults,
    warn_of_invisible,
)
from .job import is_running, wait_for_jobs
from .module import Result, Task
from .plan import default_plan, with_count
from .policy import find_literal_policy, find_versions
from .resource_ids import GUID, SEGMENT, check_region, parse_resource_id, same_id
from .selection import check_selection, choose_instances
from .services import BackupService, JobQuery
from .shapes import Described, shape
from .vault_service import VAULT_RESOURCE_TYPES

Found = TypeVar("Found")


def _datasources(task: Task) -> list[Datasource]:
    """Read the datasource_id option, where the module has one and it is set."""
    given = task.options.get("datasource_id")
    return read_datasource_ids(given) if given else []


def _asks_for_nothing(task: Task) -> bool:
    """Tell whether a list of what to read is there and empty, as a filter in a playbook may leave it: nothing is meant then."""
    return any(task.options.get(option) == [] for option in ("datasource_id", "job_id", "status", "operation", "state"))


def _check_names(options: dict[str, Any]) -> None:
    """Refuse names that would lead a request elsewhere. Raises BadInput with every mistake."""
    problems = check_group_name(options["resource_group"]) if options["resource_group"] else []
    problems += [
        f"{option}: '{options[option]}' is not a valid name"
        for option in ("policy_name", "instance_name", "recovery_point_id")
        if options.get(option) and not SEGMENT.fullmatch(str(options[option]))
    ]
    if problems:
        raise BadInput("; ".join(problems))


def _kind_of_vault(task: Task) -> str | None:
    """Tell which kind of vault the datasources or their type belong in; None where the options name neither."""
    datasources, name = _datasources(task), task.options.get("datasource_type")
    if datasources:
        return datasources[0][0].vault_type
    return find_by_name(name).vault_type if name else None


def _possible_services(task: Task) -> list[BackupService]:
    """Open the vault that the options name, one of each kind where they do not say which; none where all vaults are meant."""
    _check_names(task.options)
    if not names_a_vault(task.options):
        return []
    vaults = find_possible_vaults(task, _kind_of_vault(task))
    if task.options.get("subscription_ids"):
        raise BadInput("subscription_ids: set either this or a vault, not both; a vault is in one subscription")
    return [open_service(task.session, vault) for vault in vaults]


def _look_in(task: Task, services: list[BackupService], look: Callable[[BackupService], Found]) -> Found:
    """Look for something in the vault that the options name. Raises NotFound where that does not exist, unless missing_ok is set.

    What was found in a vault proves that it exists, so that it is read only where nothing was found.
    """
    for service in services:
        found = look(service)
        if found or _may_exist(service):
            return found
    if task.options.get("missing_ok"):
        return found
    raise missing_vault(task.session, *(service.vault for service in services))


def _may_exist(service: BackupService) -> bool:
    try:
        return service.read_vault() is not None
    except Denied:
        # Who may not read the vault was still told what lies in it.
        return True


def _subscriptions(task: Task) -> list[str]:
    """Give the subscriptions to search: the connection's own by default, none (which means every one) for all."""
    given = [str(value).strip() for value in task.options["subscription_ids"] or []]
    if [value.lower() for value in given] == ["all"]:
        return []
    wrong = [value for value in given if not GUID.fullmatch(value)]
    if wrong:
        raise BadInput(f"subscription_ids: {', '.join(wrong)}: each must be the GUID of a subscription, or all the only value")
    return given or [task.session.subscription_id]


def _warn_of_invisible(task: Task, found: list[Described]) -> None:
    """Warn where nothing was found and the caller may not see what was searched."""
    if not found:
        warn_of_invisible(task.session, _subscriptions(task), task.warn)


def _subscriptions_of_deleted(task: Task, services: list[BackupService]) -> list[str]:
    """Give the subscriptions whose deleted vaults are asked for: each is asked by itself, so that all has to be listed."""
    if services:
        return [services[0].vault.subscription_id]
    return _subscriptions(task) or list_subscriptions(task.session)


def _range(task: Task) -> tuple[datetime | None, datetime | None]:
    """Read start_time and end_time. Raises BadInput."""
    start, end = _moment(task, "start_time"), _moment(task, "end_time")
    if start and end and start >= end:
        raise BadInput("start_time, end_time: the start must be before the end")
    return start, end


def _lies_where_asked(task: Task, vault_id: Any) -> bool:
    """Tell whether a vault lies in resource_group, which chooses among all vaults where none is named."""
    group = task.options["resource_group"]
    return names_a_vault(task.options) or not group or same_id(str(vault_id).split("/providers/", 1)[0].rsplit("/", 1)[-1], group)


def _moment(task: Task, option: str) -> datetime | None:
    """Read a point in time: ISO 8601, or a duration before now. Raises BadInput."""
    text = task.options[option]
    if not text:
        return None
    if re.match(r"^\d{4}-", str(text).strip()):
        try:
            moment = read_iso(str(text))
            return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        except (ValueError, OverflowError):
            pass
    try:
        return task.clock.now() - timedelta(seconds=seconds_in(text, option))
    except BadInput as error:
        raise BadInput(
            f"{option}: '{text}' is neither a time such as 2026-11-04T08:00:00Z nor a duration before now such as 24h"
        ) from error


# -- vaults


def read_vaults(task: Task) -> Result:
    """Read one vault, those of a group, of the subscription, or of several subscriptions (module backup_vault_info)."""
    options = task.options
    if options["location"] and not options["deleted"]:
        raise BadInput("location: it selects the region of deleted vaults; set deleted: true as well, or omit it")
    services = _possible_services(task)
    if options["deleted"]:
        check_region(options["location"], "location")
        found = find_deleted_vaults(task.session, _subscriptions_of_deleted(task, services), options["location"])
        found = [vault for vault in found if not services or any(same_id(vault["id"], one.vault.text) for one in services)]
    elif services:
        # Whether it exists is what is asked.
        found = [vault for service in services if (vault := service.read_vault())]
    elif options["subscription_ids"]:
        found = find_vaults(task.session, _subscriptions(task))
        _warn_of_invisible(task, found)
    else:
        found = list_vaults(task.session, task.session.subscription_id, options["resource_group"])
    wanted = [str(tag).split(":", 1) for tag in options["tags"] or []]
    chosen = [
        vault
        for vault in found
        if _lies_where_asked(task, vault["id"])
        and options["vault_type"] in (None, vault["vault_type"])
        and all(_has_tag(vault["tags"], *tag) for tag in wanted)
    ]
    return {"changed": False, "vaults": chosen}


def _has_tag(tags: dict[str, Any], name: str, value: str | None = None) -> bool:
    """Tell whether a tag is there, with that value where one is asked for. Azure compares tags' names without case."""
    return any(name.lower() == key.lower() and value in (None, found) for key, found in tags.items())


# -- policies


def read_policies(task: Task) -> Result:
    """Read policies of a vault, or Azure's default for a datasource type (module backup_policy_info)."""
    options = task.options
    row = find_by_name(options["datasource_type"]) if options["datasource_type"] else None
    if options["template"]:
        if row is None:
            raise BadInput("datasource_type: not set; template: true needs it, because Azure's default depends on it")
        template = with_count(describe_template(row, default_plan(row)))
        return {"changed": False, "policies": [template]}
    if options["policy_id"] and not (options["vault_id"] or options["vault_name"]):
        options["vault_id"] = parse_resource_id(options["policy_id"], "policy_id").parent().text
    services = _possible_services(task)
    if not services:
        raise BadInput("vault_name, vault_id: no vault is given; set one to read its policies, or set template: true")

    def look(service: BackupService) -> list[Described]:
        if options["policy_name"]:
            # The version that policy_name means elsewhere comes first.
            return [policy for _number, policy in reversed(find_versions(service, options["policy_name"]))]
        if options["policy_id"]:
            policy = find_literal_policy(service, options["policy_id"])
            return [policy] if policy else []
        return service.list_policies() or []

    found = _look_in(task, services, look)
    if row:
        found = [policy for policy in found if policy["datasource_type"] == row.name]
    return {"changed": False, "policies": [with_count(policy) for policy in found]}


# -- instances


def read_instances(task: Task) -> Result:
    """Read the backup instances of a vault, or of all vaults of subscriptions (module backup_instance_info)."""
    options = task.options
    if _asks_for_nothing(task):
        return {"changed": False, "instances": []}
    ids = [datasource.key for _row, datasource in _datasources(task)]
    wanted_type = find_by_name(options["datasource_type"]).name if options["datasource_type"] else None
    services = _possible_services(task)
    if options["deleted"] and not services:
        raise BadInput("deleted: no vault is given; set one, because Resource Graph does not list soft-deleted instances")
    if services:
        found = _look_in(
            task,
            services,
            lambda service: service.list_deleted_instances() if options["deleted"] else _instances_of(task, service),
        )
    else:
        found = find_instances(task.session, _subscriptions(task), ids, _kind_of_vault(task))
        _warn_of_invisible(task, found)
    chosen = [
        item
        for item in found
        if _lies_where_asked(task, item["vault_id"])
        and (not ids or str(item["datasource_id"]).lower() in ids)
        and (not options["instance_name"] or same_id(item["name"], options["instance_name"]))
        and (not options["policy_name"] or same_id(item["policy_name"], options["policy_name"]))
        and (not options["state"] or item["state"] in options["state"])
        and wanted_type in (None, item["datasource_type"])
    ]
    return {"changed": False, "instances": sorted(chosen, key=lambda item: str(item["id"]).lower())}


def _instances_of(task: Task, service: BackupService) -> list[Described]:
    """Read the instances of a vault: the named one by itself, all of them by the pages of the list."""
    name = task.options["instance_name"]
    if not name:
        return service.list_instances()
    instance = service.read_instance(name)
    return [instance] if instance else []


# -- recovery points


def read_recovery_points(task: Task) -> Result:
    """Read the recovery points of datasources of a vault, newest first (module backup_recovery_point_info)."""
    options = task.options
    if _asks_for_nothing(task):
        return {"changed": False, "recovery_points": [], "restorable_time_ranges": []}
    ids = [datasource.key for _row, datasource in _datasources(task)]
    after, before = _range(task)
    point_name = _take_recovery_point_id(options)
    services = _possible_services(task)
    if not services:
        raise BadInput("vault_name, vault_id: no vault is given; set the vault of the recovery points")
    listed_in = _look_in(task, services, lambda one: [(one, item) for item in _instances_of(task, one)])
    instances = [item for _service, item in listed_in if not ids or str(item["datasource_id"]).lower() in ids]
    service = listed_in[0][0] if listed_in else services[0]

    def read(instance: Described) -> list[Described]:
        if point_name:
            point = service.read_recovery_point(instance["name"], point_name, instance["datasource_id"])
            return [point] if point else []
        return service.list_recovery_points(instance["name"], instance["datasource_id"])

    read_each = settle_each(instances, read, options["max_concurrency"])
    points = [point for listed in read_each if not isinstance(listed, AzureBackupError) for point in listed]
    points = [point for point in points if is_between(point["time"], after, before)]
    wanted = instances if options["restorable_time_ranges"] else []
    ranges_each = settle_each(wanted, service.list_restorable_ranges, options["max_concurrency"])
    ranges = [item for listed in ranges_each if not isinstance(listed, AzureBackupError) for item in listed]
    failures = [outcome for outcome in [*read_each, *ranges_each] if isinstance(outcome, AzureBackupError)]
    if failures:
        failures[0].details = {"recovery_points": points, "restorable_time_ranges": ranges}
        raise failures[0]
    points.sort(key=lambda point: point["time"] or "", reverse=True)
    return {"changed": False, "recovery_points": points, "restorable_time_ranges": ranges}


def _take_recovery_point_id(options: dict[str, Any]) -> str | None:
    """Read recovery_point_id, a name or an ARM id, which names the vault and the instance as well. Raises BadInput."""
    given = options["recovery_point_id"]
    if not given or not str(given).startswith("/"):
        return str(given) if given else None
    point = parse_resource_id(given, "recovery_point_id")
    if len(point.names) != 3 or point.types[-1].lower() != "recoverypoints":
        raise BadInput(f"recovery_point_id: '{given}' is a {point.type}, not a recovery point")
    if not (options["vault_id"] or options["vault_name"]):
        options["vault_id"] = point.parent(2).text
    options["instance_name"] = options["instance_name"] or point.names[1]
    options["recovery_point_id"] = point.name
    return point.name


# -- jobs


def read_jobs(task: Task) -> Result:
    """Read jobs, and wait for them where asked to (module backup_job_info)."""
    options = task.options
    if _asks_for_nothing(task):
        return {"changed": False, "jobs": []}
    if options["select"] is not None:
        check_selection(options["select"])
    ids = [datasource.key for _row, datasource in _datasources(task)]
    after, before = _range(task)
    query = JobQuery(
        statuses=tuple(options["status"] or ()),
        operations=tuple(options["operation"] or ()),
        datasource_types=(find_by_name(options["datasource_type"]).name,) if options["datasource_type"] else (),
        datasource_keys=frozenset(ids),
        instance_name=options["instance_name"],
        started_after=after,
        started_before=before,
    )
    services = _possible_services(task)
    if options["select"] is not None:
        if not services:
            raise BadInput("select: no vault is given; set the vault whose datasources it selects")
        protected = _look_in(task, services, lambda service: service.list_instances())
        chosen = choose_instances(task.session, protected, options["select"])
        if not chosen:
            return {"changed": False, "jobs": []}
        query = dataclasses.replace(query, datasource_keys=frozenset(str(one["datasource_id"]).lower() for one in chosen))
    if options["job_id"]:
        found = _find_named_jobs(task, services, query)
    else:
        if services:
            listed = _look_in(task, services, lambda service: service.list_jobs(query))
        else:
            listed = find_jobs(task.session, _subscriptions(task), query, task.warn, _kind_of_vault(task))
            _warn_of_invisible(task, listed)
        found = [job for job in listed if query.matches(job) and _lies_where_asked(task, job["vault_id"])]
        if options["details"]:
            found = _read_again(task, found)
    found.sort(key=lambda job: job["start_time"] or "", reverse=True)
    return {"changed": False, "jobs": _wait(task, services, found) if options["wait"] else found}


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
        return _look_in(task, [named], lambda service: _read_named_jobs(task, service, query))
    found = _read_named_jobs(task, None, query)
    known = {_vault_key(job["id"]) for job in found}
    for vault, job_id in {_vault_key(job_id): job_id for job_id in _named_job_ids(task, None)}.items():
        if vault not in known:
            _look_in(task, [_service_of(task.session, job_id)], lambda _service: [])
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
