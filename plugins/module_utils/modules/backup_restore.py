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
from datetime import datetime, timedelta
from typing import Any

from ..concurrency import item_concurrency
from ..errors import AzureBackupError, BadInput, Denied, NotFound, OutcomeUnknown, PermissionMissing
from ..jobs.wait import SUCCEEDED, UNFINISHED, check_over, check_success, elapsed_of, find_started, is_running, reasons_of
from ..model.durations import format_time, parse_time, read_moment, to_clock_words
from ..model.resource_ids import same_id
from ..model.result_shapes import Described
from ..services.datasource_kinds import check_declared_type
from ..services.interface import JobQuery, Restore, by_datasource
from .job_options import open_job, unread_job
from .open_vaults import open_selected_vault, open_vault
from .permission_wait import ask_until_permitted
from .restore_mode import LATEST, RestoreOrder, RestoreRun
from .restore_orders import check_places_differ, read_orders
from .results import Steps, Work, failed_item, item_diff, item_result, run_each, summarise
from .select_option import choose_in_vault, nothing_selected, read_select, with_selection
from .task import Result, Task
from .vault_options import require_vault

_RESTORES = JobQuery(operations=("restore",))


def ensure_restores(task: Task) -> Result:
    """Restore datasources (module backup_restore)."""
    options = task.options
    if options["job_id"]:
        return _resume(task)
    selection = read_select(task)
    if selection:
        _check_selection(options)
        service = open_selected_vault(task)
    else:
        orders = read_orders(task, options["datasource_id"])
        service = open_vault(task, orders[0].datasource_type.vault_type)
    vault = require_vault(task, service)
    listed = service.list_instances()
    selected = None
    if selection:
        selected = choose_in_vault(task, service, listed, selection)
        if not selected.datasources:
            return nothing_selected(selected)
        orders = read_orders(task, [datasource.text for _row, datasource in selected.datasources])
    instances = by_datasource(listed)
    check_places_differ(orders, instances)
    jobs = service.list_jobs(_RESTORES)
    is_secondary = options["region"] == "secondary"
    run = RestoreRun(task, service, vault, instances, jobs, task.deadline(), service.restore_region(vault), is_secondary)
    works = [
        Work(str(index), order.datasource.text, functools.partial(restore_steps, run, order))
        for index, order in enumerate(orders)
    ]
    return with_selection(run_each(task, works, item_concurrency(options["max_concurrency"]), run.wait), selected)


def _check_selection(options: dict[str, Any]) -> None:
    """Refuse to select what would be overwritten, which has to be named. Raises BadInput with every mistake."""
    target = options["target"] or {}
    given = [name for name in ("point_in_time", "confirm") if options[name]] + ["target.in_place"] * bool(target.get("in_place"))
    problems = [f"{name}: a restore in place needs its datasource in datasource_id, not in select" for name in given]
    if options["recovery_point"] not in (None, LATEST):
        problems.append("recovery_point: a recovery point belongs to one datasource, and select may find several; set before")
    if problems:
        raise BadInput("; ".join(problems))


def restore_steps(run: RestoreRun, order: RestoreOrder) -> Steps:
    """Restore as an order says: pauses before it starts the restore, and again until the run has waited (see results.Steps)."""
    task, service = run.task, run.service
    instance = _instance_of(run, order)
    restore, point = _plan(run, order, instance)
    joined = _find_running(run, order, restore)
    done = None if joined else _check_target(run, order, restore)
    result = _result_of(run, order, restore, point)
    source, place = order.datasource.name, order.mode.place(restore)
    if done:
        message = f"'{source}' is already restored to {place}: job {done['name']} completed at {done['end_time']}"
        return {
            **result,
            "changed": False,
            "action": "skip",
            "msg": message,
            "job": done,
            "restored": _read_restored(run, order, restore, done),
        }
    if joined:
        message = f"joined the restore of '{source}' to {place} that has been running since {joined['start_time']}"
        result |= {"changed": False, "action": "join", "msg": message, "job": joined}
        run.followed.append(joined)
        yield result
        yield result
        return _conclude(run, order, restore, result)
    order.mode.check_quota(run, order, restore, point)
    result["missing_roles"] = order.mode.missing_roles(run, restore)
    if result["missing_roles"] and not run.grants_roles:
        told = ", ".join(result["missing_roles"])
        task.warn(
            f"the staging identity of the restore of '{source}' seems to lack {told}; grant it with backup_permission and "
            "operation: restore, or the job will fail"
        )
    if task.check_mode:
        result["missing_roles"] += _foresee_missing_roles(run, order, restore)
    result["msg"] = f"'{source}' would be restored to {place}, {_point_words(run, restore, point)}"
    yield result
    roles = order.mode.roles(restore)
    with run.timed(order, "propagate"):
        ask_until_permitted(task, order.datasource, roles, functools.partial(_validate, run, order, restore))
    run.before_start(order)
    job = _start(run, order, restore)
    run.started.add(str(job["id"]))
    task.progress.job({**job, "datasource_id": order.datasource.text}, elapsed_of(job, service.service_now()), is_over=False)
    run.followed.append(job)
    result |= {"job": job, "msg": f"job {job['name']} is restoring '{source}' to {place}, {_point_words(run, restore, point)}"}
    yield result
    return _conclude(run, order, restore, result)


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
    check_declared_type(order.datasource.name, instance, order.declared_type, order.at)
    point = None if order.point_in_time else _choose_point(run, order, instance)
    return order.mode.plan(run, order, instance, point), point


def _choose_point(run: RestoreRun, order: RestoreOrder, instance: Described) -> Described:
    """Give the recovery point that an order means. Raises NotFound saying which there are."""
    points = run.points_of(instance)
    name = order.datasource.name
    points = order.mode.usable_points(order, points)
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


# -- what is there already


def _check_target(run: RestoreRun, order: RestoreOrder, restore: Restore) -> Described | None:
    """Refuse a target that exists; give the job that proves that it is what is asked for, where the task accepts that.

    Raises BadInput.
    """
    mode, accepts = order.mode, run.task.options["on_existing"] == "skip"
    existing = mode.find_existing(run, restore)
    if existing is None and not mode.is_in_place:
        return None
    proof = mode.find_proof(run, restore, run.restores_of(restore.instance, SUCCEEDED))
    is_verified = proof is not None and mode.verifies(run, restore, proof)
    if is_verified and accepts:
        return proof
    if existing is None:
        if proof is None:
            return None
        option, what = ("point_in_time", "time") if restore.point_in_time else ("recovery_point", "recovery point")
        way_out = "What is there now cannot be verified as what this task would restore, so on_existing: skip does not accept it;"
        if is_verified:
            way_out = "To accept it, set on_existing: skip; to restore again,"
        raise BadInput(
            f"{order.at}{option}: job {proof['name']} restored '{restore.target.name}' to this {what} already, at "
            f"{proof['end_time']}; another restore would discard what changed since. {way_out} choose another {what}",
            code="TargetExists",
        )
    message = f"{order.at}target: {existing}; a restore overwrites nothing"
    if accepts or (proof and not is_verified):
        message += "; no completed job proves that it is what this task asks for, so on_existing: skip does not accept it;"
    elif proof:
        message += f"; job {proof['name']} restored from the same recovery point: set on_existing: skip to accept it, or"
    else:
        message += ";"
    raise BadInput(f"{message} choose {mode.elsewhere}", code="TargetExists")


def _find_running(run: RestoreRun, order: RestoreOrder, restore: Restore) -> Described | None:
    """Find a running restore that is this one. Raises BadInput for one that may be, or that is not to be joined."""
    running = run.restores_of(restore.instance, UNFINISHED)
    same = next((job for job in running if order.mode.may_meet(job, restore)), None)
    if same is None:
        return None
    what = f"a restore of '{order.datasource.name}' to '{restore.target.name}' is already running: job {same['name']}"
    if run.task.options["on_running"] == "fail":
        way_out = ", or set on_running: join" if order.mode.joins else ""
        raise BadInput(
            f"{order.at}on_running: {what}; wait for it with {run.how_to_wait(same)}{way_out}",
            code="RestoreRunning",
            details={"job": same},
        )
    if not (order.mode.joins and order.mode.matches(same, restore)):
        # One that does not tell yet where it writes would stop a restore to any other place as well.
        is_told = same["restore"] or same["destination_id"]
        way_out = "then decide whether to restore again"
        if is_told and order.mode.elsewhere:
            way_out = f"or choose {order.mode.elsewhere}"
        raise BadInput(
            f"{order.at}target: {what}, which may not be the same restore; wait for it with {run.how_to_wait(same)}, {way_out}",
            code="RestoreRunning",
            details={"job": same},
        )
    return same


# -- start


def _validate(run: RestoreRun, order: RestoreOrder, restore: Restore) -> None:
    with run.timed(order, "validate"):
        run.service.validate_restore(restore, run.task.deadline())


def _foresee_missing_roles(run: RestoreRun, order: RestoreOrder, restore: Restore) -> list[str]:
    """Ask Azure in check mode whether it would restore, and tell which roles may be missing."""
    try:
        run.service.validate_restore(restore, run.task.deadline())
    except PermissionMissing as error:
        roles = order.mode.roles(restore)
        if not run.grants_roles:
            run.task.warn(
                f"Azure would not restore to '{restore.target.name}' yet: {error.message} Grant {', '.join(roles)} with "
                "backup_permission"
            )
        return roles
    return []


def _start(run: RestoreRun, order: RestoreOrder, restore: Restore) -> Described:
    """Start a restore and give its job. Raises OutcomeUnknown where it is not known whether one was started."""
    since = run.service.service_now()
    unknown: OutcomeUnknown | None = None
    job_id = None
    try:
        job_id = run.service.trigger_restore(restore, run.task.deadline())
    except OutcomeUnknown as error:
        unknown = error
    except Denied:
        run.after_refusal(order)
        raise
    if job_id:
        # Reads of jobs are few in some vaults, and the wait reads each of them at its end.
        is_readable = run.service.job_reads_an_hour is None or not run.task.waits
        with contextlib.suppress(AzureBackupError):
            found = run.service.read_job(job_id) if is_readable else None
            if found:
                return found
        return {**unread_job(job_id), "operation": "restore", "start_time": format_time(run.service.service_now())}
    started = _find_started(run, order, restore, since)
    if started and order.mode.joins and order.mode.matches(started, restore):
        return started
    reason = unknown.message if unknown else "Azure accepted the request but returned no job"
    source = str(restore.instance["datasource_id"]).rsplit("/", 1)[-1]
    told = f"; it may be this job: wait for it with {run.how_to_wait(started)}" if started else ""
    raise OutcomeUnknown(
        f"cannot tell whether the restore of '{source}' to '{restore.target.name}' was started ({reason}){told}; check the "
        "vault's jobs before you start another",
        code=unknown.code if unknown else None,
        status=unknown.status if unknown else None,
        details={"changed": True, "instance": restore.instance, "job": started},
    )


def _find_started(run: RestoreRun, order: RestoreOrder, restore: Restore, since: datetime) -> Described | None:
    """Look for a minute for the job that a request may have started."""

    def find(listed: Described) -> Described | None:
        if listed["operation"] != "restore" or not same_id(listed["instance_id"], restore.instance["id"]):
            return None
        job = run.service.read_job(listed["id"])
        return job if job and order.mode.may_meet(job, restore) else None

    query = JobQuery(operations=("restore",), started_after=since - timedelta(minutes=1))
    return find_started(run.service, run.task.clock, query, {str(job["id"]).lower() for job in run.jobs}, find)


# -- results


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
    target = order.mode.target(restore)
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


def _conclude(run: RestoreRun, order: RestoreOrder, restore: Restore, result: Result) -> Result:
    """Complete a restore whose wait is over: what it made, or why it failed."""
    begun: Described = result["job"]
    found = run.known.get(str(begun["id"]), begun)
    if not run.task.waits:
        return result
    source = str(restore.instance["datasource_id"]).rsplit("/", 1)[-1]
    job = begun if isinstance(found, AzureBackupError) else found
    try:
        _check_over(run, job, found, f"restore '{source}'")
        check_success(job, f"restore '{source}' to {order.mode.place(restore)}")
    except AzureBackupError as error:
        keys = ("changed", "instance", "recovery_point", "target")
        error.details = {**error.details, **{key: result[key] for key in keys}, "job": job}
        raise
    if job["status"] == "completed_with_warnings":
        run.task.warn(f"job {job['name']} completed with warnings: {reasons_of(job)}")
    lasted = f" in {to_clock_words(job['duration_seconds'])}" if job["duration_seconds"] is not None else ""
    words = _point_words(run, restore, result["recovery_point"])
    ended = f"job {job['name']} {job['status'].replace('_', ' ')}{lasted}"
    message = f"restored '{source}' to {order.mode.place(restore)}, {words}: {ended}"
    return {**result, "job": job, "msg": message, "restored": _read_restored(run, order, restore, job)}


def _check_over(run: RestoreRun, job: Described, found: Described | AzureBackupError, what: str) -> None:
    failure = found if isinstance(found, AzureBackupError) else None
    check_over(job, failure, what, f"resume the wait with {run.how_to_wait(job)}", run.deadline)


def _read_restored(run: RestoreRun, order: RestoreOrder, restore: Restore, job: Described) -> Result | None:
    """Read what a restore has made; what cannot be read fails no restore."""
    try:
        return order.mode.read_restored(run, restore, job)
    except AzureBackupError as error:
        run.task.warn(f"the restore succeeded, but what it created cannot be read: {error.message}")
        return None


# -- resume: wait for a job that an earlier run started


def _resume(task: Task) -> Result:
    service, job = open_job(task)
    if job["operation"] not in ("restore", None):
        raise BadInput(f"job_id: job {job['name']} is a {job['operation']}, not a restore; wait for it with backup_job_info")
    run = RestoreRun(task, service, {}, {}, [], task.deadline(), is_secondary=task.options["region"] == "secondary")
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
            result["msg"] = f"restored '{source}'{_told_place(last)}: job {last['name']} {last['status'].replace('_', ' ')}"
    except AzureBackupError as error:
        error.details = {**error.details, "changed": False, "job": last}
        return summarise([failed_item(last["datasource_id"], error)])
    return summarise([result])


def _told_place(job: Described) -> str:
    """Say where a job restored to, as far as it tells."""
    if job["destination_id"]:
        return f" to {job['destination_id']}"
    told = job["restore"] or {}
    if told.get("name"):
        return f" to '{told['name']}' in resource group '{told['resource_group']}'"
    return f" to resource group '{told['resource_group']}'" if told.get("resource_group") else ""
