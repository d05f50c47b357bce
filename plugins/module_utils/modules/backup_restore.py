# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Restores: checked before anything is written, started at most once, followed to the end of their jobs.

Nothing is overwritten but what the task names and confirms. When in doubt, a restore is refused with how to go on.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..clock import Deadline, looks
from ..concurrency import ReadOnce, item_concurrency
from ..errors import AzureBackupError, BadInput, NotFound, OutcomeUnknown, PermissionMissing, TimedOut
from ..jobs.wait import check_success, elapsed_of, is_running, reasons_of, wait_for_jobs
from ..model.datasource_types import (
    DATASOURCE_TYPES,
    ON_TARGET_RESOURCE_GROUP,
    DatasourceType,
)
from ..model.durations import format_time, parse_time, read_moment, to_clock_words
from ..model.resource_ids import ResourceId, normalize, same_id
from ..model.result_shapes import Described, snake
from ..services.data_protection.containers import list_containers
from ..services.interface import BackupService, JobQuery, Restore, by_datasource
from ..services.named_vaults import missing_vault, read_group
from .job_options import open_job, unread_job
from .open_vaults import open_vault
from .permission_wait import ask_until_permitted
from .restore_orders import LATEST, RestoreOrder, account_target, check_containers_differ, containers_of, disk_target, read_orders
from .results import Steps, Work, failed_item, item_diff, item_result, run_each, summarise
from .task import Result, Task

# How long to look for the job of a request whose fate is not known, and for what a job has made, and how often, in seconds.
_SECONDS_TO_FIND = 60
_SECONDS_BETWEEN_LOOKS = 10
# Of the jobs that may prove a restore, so many of the newest are read: the list does not say what they restored.
_MOST_JOBS_TO_READ = 20
_RESTORES = JobQuery(operations=("restore",))


@dataclass
class RestoreRun:
    """What all restores of a task share, read once; jobs: restore jobs of the vault; known: what the wait has found by job."""

    task: Task
    service: BackupService
    vault: Described
    instances: dict[str, Described]
    jobs: list[Described]
    deadline: Deadline
    followed: list[Described] = field(default_factory=list)
    known: dict[str, Described | AzureBackupError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begun = self.service.service_now()
        # A job that is over and one that runs tell what they restore only by themselves.
        self.job = ReadOnce(self.service.read_job)

    def wait(self) -> None:
        """Wait for all jobs together."""
        if not self.task.waits:
            return
        # Waiting for roles has taken none of it.
        self.deadline = self.task.deadline()
        starts = [moment for job in self.followed if (moment := parse_time(job["start_time"]))]
        self.known = wait_for_jobs(
            self.service,
            [str(job["id"]) for job in self.followed],
            self.deadline,
            self.task.options["max_concurrency"],
            self.task.progress,
            since=min([self.begun, *starts]) - timedelta(minutes=1),
        )

    def restores_of(self, instance: Described, statuses: tuple[str, ...]) -> list[Described]:
        """Give the restore jobs of an instance with one of these statuses, the newest first, with what they restore."""
        listed = [
            job
            for job in self.jobs
            if job["operation"] == "restore" and job["status"] in statuses and same_id(job["instance_id"], instance["id"])
        ]
        newest = sorted(listed, key=lambda job: str(job["start_time"]), reverse=True)[:_MOST_JOBS_TO_READ]
        return [self.job(job["id"]) or job for job in newest]


def ensure_restores(task: Task) -> Result:
    """Restore datasources (module backup_restore)."""
    options = task.options
    if options["job_id"]:
        return _resume(task)
    orders = read_orders(task)
    service = open_vault(task, orders[0].datasource_type.vault_type)
    vault = service.read_vault()
    if vault is None:
        raise missing_vault(task.session, service.vault)
    instances = by_datasource(service.list_instances())
    known = [order for order in orders if order.datasource.key in instances and not order.is_in_place]
    check_containers_differ(known, lambda order: containers_of(order, instances[order.datasource.key]))
    run = RestoreRun(task, service, vault, instances, service.list_jobs(_RESTORES), task.deadline())
    works = [
        Work(str(index), order.datasource.text, functools.partial(_restore, run, order)) for index, order in enumerate(orders)
    ]
    return run_each(task, works, item_concurrency(options["max_concurrency"]), run.wait)


def _restore(run: RestoreRun, order: RestoreOrder) -> Steps:
    task, service = run.task, run.service
    instance = _instance_of(run, order)
    restore, point = _plan(run, order, instance)
    joined = _find_running(run, order, restore)
    done = None if joined else _check_target(run, order, restore)
    result = _result_of(run, order, restore, point)
    source, place = order.datasource.name, _place_of(restore)
    if done:
        message = f"'{source}' is already restored to {place}: job {done['name']} completed at {done['end_time']}"
        return {
            **result,
            "changed": False,
            "action": "skip",
            "msg": message,
            "job": done,
            "restored": _read_restored(run, restore),
        }
    if joined:
        message = f"joined the restore of '{source}' to {place} that has been running since {joined['start_time']}"
        result |= {"changed": False, "action": "join", "msg": message, "job": joined}
        run.followed.append(joined)
        yield result
        yield result
        return _conclude(run, restore, result)
    if task.check_mode:
        result["missing_roles"] = _foresee_missing_roles(run, restore)
    result["msg"] = f"'{source}' would be restored to {place}, {_point_words(run, restore, point)}"
    yield result
    ask_until_permitted(task, order.datasource, _roles_of(restore), lambda: service.validate_restore(restore, task.deadline()))
    job = _start(run, restore)
    task.progress.job({**job, "datasource_id": order.datasource.text}, elapsed_of(job, service.service_now()), is_over=False)
    run.followed.append(job)
    result |= {"job": job, "msg": f"job {job['name']} is restoring '{source}' to {place}, {_point_words(run, restore, point)}"}
    yield result
    return _conclude(run, restore, result)


# -- what is to be restored


def _instance_of(run: RestoreRun, order: RestoreOrder) -> Described:
    instance = run.instances.get(order.datasource.key)
    if instance is None:
        raise NotFound(
            f"{order.at}datasource_id: '{order.datasource.name}' has no backup instance in vault '{run.service.vault.name}'; if "
            "its protection was removed, bring it back with backup_instance and undelete: true",
            status=404,
        )
    return instance


def _plan(run: RestoreRun, order: RestoreOrder, instance: Described) -> tuple[Restore, Described | None]:
    """Give what is restored from which point. Raises BadInput, NotFound."""
    kind = DATASOURCE_TYPES.get(str(instance["datasource_type"]), order.datasource_type)
    if order.declared_type not in (None, kind.name):
        raise BadInput(
            f"{order.at}datasource_type: '{order.datasource.name}' is protected as {kind.name}, not {order.declared_type}; "
            "correct or omit datasource_type"
        )
    point = None if order.is_in_place else _choose_point(run, order, instance)
    if order.is_in_place:
        _check_moment(run, order, instance)
        target: ResourceId = order.datasource
        location = str(run.vault["location"])
    elif "resource_group" in kind.target_keys:
        target = disk_target(order)
        _check_subscription(run, order, target)
        read_group(run.task.session, target.group_id, f"{order.at}target.resource_group")
        location = str(run.vault["location"])
    else:
        target = account_target(order)
        _check_subscription(run, order, target)
        location = _location_of_account(run, order, target, kind)
    restore = Restore(
        instance=instance,
        datasource_type=kind,
        store=str(kind.continuous_store if order.is_in_place else kind.data_store),
        target=target,
        location=location,
        recovery_point=point["name"] if point else None,
        point_in_time=order.point_in_time,
        containers=() if order.is_in_place or "containers" not in kind.target_keys else containers_of(order, instance),
        ranges=tuple(
            (str(one["min_matching_value"]), str(one["max_matching_value"])) for one in order.target.get("ranges") or []
        ),
        identity_id=instance["identity_id"],
    )
    return restore, point


def _choose_point(run: RestoreRun, order: RestoreOrder, instance: Described) -> Described:
    """Give the recovery point that an order means. Raises NotFound saying which there are."""
    points = run.service.list_recovery_points(instance["name"], instance["datasource_id"])
    name = order.datasource.name
    tier = str(snake(order.datasource_type.data_store))
    if order.tier not in (None, tier):
        raise BadInput(
            f"{order.at}tier: a {order.datasource_type.title} is restored from the {tier.replace('_', ' ')} only, not from the "
            f"{str(order.tier).replace('_', ' ')}"
        )
    points = [point for point in points if point["tier"] == tier]
    if not points:
        where = f" in the {tier.replace('_', ' ')}"
        more = ""
        if order.datasource_type.continuous_store:
            more = "; if it has an operational backup, restore it in place with point_in_time"
        raise NotFound(f"{order.at}datasource_id: '{name}' has no recovery point{where}{more}", status=404)
    if order.recovery_point != LATEST:
        wanted = order.recovery_point.rstrip("/").rsplit("/", 1)[-1].lower()
        found = next((point for point in points if str(point["name"]).lower() == wanted), None)
        if found is None:
            raise NotFound(
                f"{order.at}recovery_point: '{name}' has no recovery point {order.recovery_point}; the newest is "
                f"{points[0]['name']} from {points[0]['time']}; backup_recovery_point_info lists all",
                status=404,
            )
        return found
    if order.before is None:
        return points[0]
    last = str(format_time(read_moment(order.before, "before", run.service.service_now())))
    found = next((point for point in points if str(point["time"]) <= last), None)
    if found is None:
        raise NotFound(
            f"{order.at}before: '{name}' has no recovery point at or before {last}; the oldest is from {points[-1]['time']}; "
            "choose a later time",
            status=404,
        )
    return found


def _check_moment(run: RestoreRun, order: RestoreOrder, instance: Described) -> None:
    """Refuse a moment that a continuous backup cannot be restored to. Raises BadInput."""
    moment = str(format_time(order.point_in_time))
    ranges = run.service.list_restorable_ranges(instance)
    # Azure answers ranges that end before they begin where there is none (recorded).
    real = [(str(one["start_time"]), str(one["end_time"])) for one in ranges if str(one["start_time"]) < str(one["end_time"])]
    if any(begin <= moment <= end for begin, end in real):
        return
    told = " or ".join(f"from {begin} to {end}" for begin, end in real)
    reason = f"it can be restored to times {told}" if told else "it has no operational backup; restore a recovery point instead"
    raise BadInput(f"{order.at}point_in_time: '{order.datasource.name}' cannot be restored to {moment}; {reason}")


def _check_subscription(run: RestoreRun, order: RestoreOrder, target: ResourceId) -> None:
    state = normalize(run.vault["cross_subscription_restore_state"])
    if target.subscription_id.lower() != run.service.vault.subscription_id.lower() and state in (
        "disabled",
        "permanentlydisabled",
    ):
        way_out = "set cross_subscription_restore_state with backup_vault"
        if state == "permanentlydisabled":
            way_out = f"that cannot be undone, so restore into subscription {run.service.vault.subscription_id}"
        raise BadInput(
            f"{order.at}target: '{target.name}' is in subscription {target.subscription_id}, but restores across subscriptions "
            f"are {run.vault['cross_subscription_restore_state']} in vault '{run.service.vault.name}'; {way_out}"
        )


def _location_of_account(run: RestoreRun, order: RestoreOrder, account: ResourceId, kind: DatasourceType) -> str:
    """Give the region of a target account, which has to be that of the vault. Raises NotFound, BadInput."""
    wire = run.task.session.read(account.text, f"read storage account '{account.name}'", kind.api_version)
    if wire is None:
        raise NotFound(
            f"{order.at}target.storage_account_id: the storage account {account.text} does not exist; create it first", status=404
        )
    location = str(wire.get("location") or "")
    if normalize(location) != normalize(run.vault["location"]):
        raise BadInput(
            f"{order.at}target.storage_account_id: storage account '{account.name}' is in {location}, but vault "
            f"'{run.service.vault.name}' is in {run.vault['location']}; choose an account in that region"
        )
    return location


# -- what is there already


def _check_target(run: RestoreRun, order: RestoreOrder, restore: Restore) -> Described | None:
    """Refuse a target that exists; give the job that proves that it is what is asked for, where the task accepts that.

    Raises BadInput.
    """
    proof = _find_proof(run, restore) if restore.point_in_time else None
    if proof and run.task.options["on_existing"] == "skip":
        return proof
    if proof:
        raise BadInput(
            f"{order.at}point_in_time: job {proof['name']} restored '{restore.target.name}' to this time already, at "
            f"{proof['end_time']}; another restore would overwrite what changed since. To accept it, set on_existing: skip; to "
            "restore again, choose another time",
            code="TargetExists",
        )
    existing = _existing(run, restore)
    if not existing:
        return None
    proof = _find_proof(run, restore)
    message = f"{order.at}target: {existing} exists already, and a restore overwrites nothing"
    if proof and run.task.options["on_existing"] == "skip":
        return proof
    if proof:
        message += f"; job {proof['name']} restored it from the same recovery point: set on_existing: skip to accept it, or"
    elif run.task.options["on_existing"] == "skip":
        message += "; no completed job shows that it came from this recovery point, so on_existing: skip does not accept it;"
    else:
        message += ";"
    raise BadInput(f"{message} choose another name", code="TargetExists")


def _existing(run: RestoreRun, restore: Restore) -> str | None:
    """Name what is at the target already; None for nothing, and for a restore in place."""
    session, target, kind = run.task.session, restore.target, restore.datasource_type
    if restore.point_in_time:
        return None
    if not restore.containers:
        found = session.read(target.text, f"read {kind.title} '{target.name}'", kind.api_version)
        return f"{kind.title} '{target.name}' in resource group '{target.resource_group}'" if found else None
    there = set(list_containers(session, kind, target))
    same = [one.new_name for one in restore.containers if one.new_name in there]
    return f"container {', '.join(same)} of storage account '{target.name}'" if same else None


def _find_proof(run: RestoreRun, restore: Restore) -> Described | None:
    """Find the completed job that restored the same point to the same place; of containers a job tells only the account."""
    if restore.containers:
        return None
    done = run.restores_of(restore.instance, ("completed", "completed_with_warnings"))
    return next((job for job in done if _is_same(job, restore)), None)


def _is_same(job: Described, restore: Restore) -> bool:
    """Tell whether a job restores the same point, or moment, to the same resource."""
    if restore.recovery_point:
        is_point = str(job["source_recovery_point_id"]).lower() == restore.recovery_point.lower()
    else:
        is_point = job["source_recovery_point_time"] == format_time(restore.point_in_time)
    return is_point and same_id(job["destination_id"], restore.target.text)


def _find_running(run: RestoreRun, order: RestoreOrder, restore: Restore) -> Described | None:
    """Find a running restore that is this one. Raises BadInput for one that may be, or that is not to be joined."""
    running = run.restores_of(restore.instance, ("in_progress",))
    # One that does not tell where it restores to may be this one.
    same = next((job for job in running if same_id(job["destination_id"] or restore.target.text, restore.target.text)), None)
    if same is None:
        return None
    what = f"a restore of '{order.datasource.name}' to '{restore.target.name}' is already running: job {same['name']}"
    if run.task.options["on_running"] == "fail":
        raise BadInput(
            f"{order.at}on_running: {what}; wait for it with job_id: {same['id']}, or set on_running: join",
            code="RestoreRunning",
            details={"job": same},
        )
    # Of containers, and of blobs in place, the job does not tell which it restores.
    if not _is_same(same, restore) or restore.containers or restore.point_in_time:
        raise BadInput(
            f"{order.at}target: {what}, which may not be the same restore; wait for it with job_id: {same['id']}, or "
            "choose another target",
            code="RestoreRunning",
            details={"job": same},
        )
    return same


# -- start


def _foresee_missing_roles(run: RestoreRun, restore: Restore) -> list[str]:
    """Ask Azure in check mode whether it would restore, and tell which roles may be missing."""
    try:
        run.service.validate_restore(restore, run.task.deadline())
    except PermissionMissing as error:
        roles = _roles_of(restore)
        run.task.warn(
            f"Azure would not restore to '{restore.target.name}' yet: {error.message} Grant {', '.join(roles)} with "
            "backup_permission"
        )
        return roles
    return []


def _roles_of(restore: Restore) -> list[str]:
    """Name the roles that the identity needs which the restore acts with, and where."""
    of = f" of identity {restore.identity_id}" if restore.identity_id else ""
    if restore.point_in_time:
        return [f"'{role.name}' on {restore.target.text}{of}" for role in restore.datasource_type.roles]
    scopes = {ON_TARGET_RESOURCE_GROUP: restore.target.group_id}
    roles = restore.datasource_type.restore_roles
    return [f"'{role.name}' on {scopes.get(role.scope, restore.target.text)}{of}" for role in roles]


def _start(run: RestoreRun, restore: Restore) -> Described:
    """Start a restore and give its job. Raises OutcomeUnknown where it is not known whether one was started."""
    since = run.service.service_now()
    unknown: OutcomeUnknown | None = None
    job_id = None
    try:
        job_id = run.service.trigger_restore(restore, run.task.deadline())
    except OutcomeUnknown as error:
        unknown = error
    if job_id:
        with contextlib.suppress(AzureBackupError):
            found = run.service.read_job(job_id)
            if found:
                return found
        return {**unread_job(job_id), "operation": "restore"}
    started = _find_started(run, restore, since)
    if started and not (restore.containers or restore.point_in_time):
        return started
    reason = unknown.message if unknown else "Azure accepted the request but returned no job"
    source = str(restore.instance["datasource_id"]).rsplit("/", 1)[-1]
    told = f"; job {started['id']} may be it: wait for it with job_id" if started else ""
    raise OutcomeUnknown(
        f"cannot tell whether the restore of '{source}' to '{restore.target.name}' was started ({reason}){told}; check the "
        "vault's jobs before you start another",
        code=unknown.code if unknown else None,
        status=unknown.status if unknown else None,
        details={"changed": True, "instance": restore.instance, "job": started},
    )


def _find_started(run: RestoreRun, restore: Restore, since: datetime) -> Described | None:
    """Look for a minute for the job that a request may have started."""
    earliest = since - timedelta(minutes=1)
    before = {str(job["id"]).lower() for job in run.jobs}
    query = JobQuery(operations=("restore",), started_after=earliest)
    for _look in looks(run.task.clock, _SECONDS_TO_FIND, _SECONDS_BETWEEN_LOOKS):
        # A failed read may succeed at the next look. If nothing is found in the end, the outcome is reported as unknown.
        with contextlib.suppress(AzureBackupError):
            for listed in run.service.list_jobs(query):
                started = parse_time(listed["start_time"])
                is_new = str(listed["id"]).lower() not in before and started and started >= earliest
                if is_new and listed["operation"] == "restore" and same_id(listed["instance_id"], restore.instance["id"]):
                    job = run.service.read_job(listed["id"])
                    if job and _is_same(job, restore):
                        return job
    return None


# -- results


def _place_of(restore: Restore) -> str:
    """Say where something is restored to."""
    if restore.point_in_time:
        return f"'{restore.target.name}' in place"
    if restore.containers:
        named = ", ".join(one.new_name for one in restore.containers[:3])
        more = f" and {len(restore.containers) - 3} more" if len(restore.containers) > 3 else ""
        return f"container {named}{more} of '{restore.target.name}'"
    return f"'{restore.target.name}' in resource group '{restore.target.resource_group}'"


def _point_words(run: RestoreRun, restore: Restore, point: Described | None) -> str:
    if point is None:
        return f"as of {format_time(restore.point_in_time)}"
    age = _age_of(run, point)
    return f"from the recovery point of {point['time']}{f', {to_clock_words(age)} old' if age is not None else ''}"


def _age_of(run: RestoreRun, point: Described | None) -> float | None:
    taken = parse_time(point["time"]) if point else None
    return (run.service.service_now() - taken).total_seconds() if taken else None


def _result_of(run: RestoreRun, order: RestoreOrder, restore: Restore, point: Described | None) -> Result:
    """Give the result of a restore that is to be started."""
    target = {
        "id": restore.target.text,
        "location": restore.location,
        "containers": [one.new_name for one in restore.containers],
    }
    age = _age_of(run, point)
    return item_result(
        order.datasource.text,
        True,
        "start",
        "",
        instance=restore.instance,
        recovery_point=point,
        recovery_point_age_seconds=round(age) if age is not None else None,
        target=target,
        restored=None,
        missing_roles=[],
        last_restore_seconds=_last_seconds(run, restore),
        diff=item_diff(order.datasource.text, {"restored": None}, {"restored": target}),
    )


def _last_seconds(run: RestoreRun, restore: Restore) -> float | None:
    """Tell how long the last restore of that datasource type took in this vault."""
    done = [
        job
        for job in run.jobs
        if job["operation"] == "restore"
        and job["status"] == "completed"
        and job["datasource_type"] == restore.datasource_type.name
        and job["duration_seconds"] is not None
    ]
    newest = max(done, key=lambda job: str(job["start_time"]), default=None)
    return float(newest["duration_seconds"]) if newest else None


def _conclude(run: RestoreRun, restore: Restore, result: Result) -> Result:
    """Complete a restore whose wait is over: what it made, or why it failed."""
    begun: Described = result["job"]
    found = run.known.get(str(begun["id"]), begun)
    if not run.task.waits:
        return result
    source = str(restore.instance["datasource_id"]).rsplit("/", 1)[-1]
    job = begun if isinstance(found, AzureBackupError) else found
    try:
        _check_over(run, job, found, f"restore '{source}'")
        check_success(job, f"restore '{source}' to {_place_of(restore)}")
    except AzureBackupError as error:
        keys = ("changed", "instance", "recovery_point", "target")
        error.details = {**error.details, **{key: result[key] for key in keys}, "job": job}
        raise
    if job["status"] == "completed_with_warnings":
        run.task.warn(f"job {job['name']} completed with warnings: {reasons_of(job)}")
    lasted = f" in {to_clock_words(job['duration_seconds'])}" if job["duration_seconds"] is not None else ""
    words = _point_words(run, restore, result["recovery_point"])
    message = f"restored '{source}' to {_place_of(restore)}, {words}: job {job['name']} {job['status'].replace('_', ' ')}{lasted}"
    return {**result, "job": job, "msg": message, "restored": _read_restored(run, restore)}


def _check_over(run: RestoreRun, job: Described, found: Described | AzureBackupError, what: str) -> None:
    """Raise for a job that is not known to be over, saying how to go on waiting for it."""
    resume = f"resume the wait with job_id: {job['id']}"
    if isinstance(found, AzureBackupError):
        message = f"Cannot read the job that is to {what}: {found.message}. Job {job['name']} may still be running; {resume}"
        raise AzureBackupError(message, code=found.code or type(found).__name__, status=found.status)
    if is_running(job):
        end = f"is still running after {run.deadline.timeout:g} seconds (wait_timeout)"
        if run.task.clock.is_interrupted:
            end = "is still running, and the task was interrupted"
        raise TimedOut(f"Cannot {what} in time: job {job['name']} {end}. It continues in Azure; {resume}")


def _read_restored(run: RestoreRun, restore: Restore) -> Result | None:
    """Read what a restore has made; what cannot be read fails no restore."""
    try:
        if restore.point_in_time:
            return None
        if restore.containers:
            there = set(list_containers(run.task.session, restore.datasource_type, restore.target))
            return {
                "id": restore.target.text,
                "containers": [one.new_name for one in restore.containers if one.new_name in there],
            }
        kind = restore.datasource_type
        for _look in looks(run.task.clock, _SECONDS_TO_FIND, _SECONDS_BETWEEN_LOOKS):
            wire = run.task.session.read(restore.target.text, f"read {kind.title} '{restore.target.name}'", kind.api_version)
            if wire:
                return _describe_disk(wire)
        run.task.warn(
            f"the restore's job has completed, but {restore.target.text} cannot be found; check the job and the "
            "target in the portal"
        )
    except AzureBackupError as error:
        run.task.warn(f"the restore succeeded, but what it created cannot be read: {error.message}")
    return None


def _describe_disk(wire: dict[str, Any]) -> Result:
    properties = wire.get("properties") or {}
    return {
        "id": wire.get("id"),
        "name": wire.get("name"),
        "location": wire.get("location"),
        "size_gb": properties.get("diskSizeGB"),
        "size_bytes": properties.get("diskSizeBytes"),
        "sku": (wire.get("sku") or {}).get("name"),
        "zones": wire.get("zones") or [],
    }


# -- resume: wait for a job that an earlier run started


def _resume(task: Task) -> Result:
    service, job = open_job(task)
    if job["operation"] not in ("restore", None):
        raise BadInput(f"job_id: job {job['name']} is a {job['operation']}, not a restore; wait for it with backup_job_info")
    run = RestoreRun(task, service, {}, {}, [], task.deadline())
    run.followed.append(job)
    run.wait()
    found = run.known.get(str(job["id"]), job)
    last = job if isinstance(found, AzureBackupError) else found
    source = str(last["datasource_id"] or last["name"]).rsplit("/", 1)[-1]
    result = item_result(last["datasource_id"], False, "resume", f"job {last['name']} has status {last['status']}", job=last)
    result |= {"target": {"id": last["destination_id"], "location": None, "containers": []}, "restored": None}
    try:
        if task.waits or not is_running(last):
            _check_over(run, last, found, f"restore '{source}'")
            check_success(last, f"restore '{source}'")
            result["msg"] = (
                f"restored '{source}' to {last['destination_id']}: job {last['name']} {last['status'].replace('_', ' ')}"
            )
    except AzureBackupError as error:
        error.details = {**error.details, "changed": False, "job": last}
        return summarise([failed_item(last["datasource_id"], error)])
    return summarise([result])
