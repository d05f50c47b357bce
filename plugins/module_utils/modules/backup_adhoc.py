# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""On-demand backups: started at most once, joined when one runs, skipped when a fresh one is there."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..clock import Deadline
from ..concurrency import ReadOnce, item_concurrency, settle_each
from ..errors import AzureBackupError, BadInput, NotFound, OutcomeUnknown
from ..jobs.wait import (
    SECONDS_TO_FIND,
    check_over,
    check_success,
    elapsed_of,
    find_started,
    is_running,
    reasons_of,
    running_backup_of,
    wait_for_jobs,
)
from ..model.durations import format_time, parse_time, seconds_in
from ..model.resource_ids import ResourceId, same_id
from ..model.result_shapes import Described, shape
from ..services.datasource_kinds import check_declared_type
from ..services.interface import BackupService, JobQuery, by_datasource
from ..services.protection_states import IN_TRANSIT, PROTECTED, wait_for_state
from .job_options import open_job, unread_job
from .open_vaults import open_existing_vault, open_vault
from .results import Datasource, failed_item, item_diff, item_result, read_datasource_ids, summarise
from .select_option import choose_in_vault, nothing_selected, read_select, with_selection
from .task import Result, Task
from .vault_options import read_existing_vault

# What may be joined: of all the jobs that a vault ever had, a list tells these where it can.
_IN_PROGRESS = JobQuery(statuses=("in_progress",))


@dataclass
class Backup:
    """The backup of one datasource, as far as it has come.

    action: start, join, resume or skip; changed: this run started it; failure: what ended the looking after its job.
    """

    datasource_id: str | None
    action: str
    msg: str
    instance: Described | None = None
    job_id: str | None = None
    job: Described | None = None
    recovery_point: Described | None = None
    changed: bool = False
    failure: AzureBackupError | None = None

    def result(self) -> Result:
        """Give the result of this datasource."""
        started = (self.job_id or "to be started") if self.changed else None
        return item_result(
            self.datasource_id,
            self.changed,
            self.action,
            self.msg,
            instance=self.instance,
            job=self.job,
            recovery_point=self.recovery_point,
            diff=item_diff(self.datasource_id, {"started_job": None}, {"started_job": started}),
        )


@dataclass
class BackupRun:
    """What all datasources of a task share, read once; instances: by the keys of their datasources."""

    task: Task
    service: BackupService
    deadline: Deadline
    instances: dict[str, Described]
    jobs: list[Described]
    max_age: float | None
    known_jobs: set[str] = field(default_factory=set)

    @property
    def join_within(self) -> float:
        """How many seconds ago a backup may have started that is joined whatever it does; see _may_join."""
        return _join_within(self.task.options) if self.max_age is None else self.max_age

    def __post_init__(self) -> None:
        self.begun = self.service.service_now()
        self.known_jobs = {str(job["id"]).lower() for job in self.jobs}
        self.policy = ReadOnce(self._read_policy)

    def _read_policy(self, name: str) -> Described:
        policy = self.service.read_policy(name)
        if policy is None:
            raise NotFound(f"policy '{name}' does not exist in vault '{self.service.vault.name}'", status=404)
        return policy


def ensure_backups(task: Task) -> Result:
    """Back datasources up now (module backup_adhoc)."""
    options = task.options
    if options["job_id"]:
        return _resume(task)
    max_age = seconds_in(options["max_age"], "max_age") if options["max_age"] else None
    _join_within(options)
    selection = read_select(task)
    given = [] if selection else read_datasource_ids(options["datasource_id"], options["datasource_type"])
    service = open_vault(task, given[0][0].vault_type) if given else open_existing_vault(task)
    service.check_backup_options(options, task.clock.now())
    if read_existing_vault(task, service) is None:
        return summarise([_to_be_started(datasource).result() for _row, datasource in given])
    instances = service.list_instances()
    selected = None
    if selection:
        is_protected = [instance for instance in instances if instance["state"] == PROTECTED]
        selected = choose_in_vault(task, service, is_protected, selection)
        if not selected.datasources:
            return nothing_selected(selected)
    datasources = selected.datasources if selected else given
    batch = BackupRun(task, service, task.deadline(), by_datasource(instances), service.list_jobs(_IN_PROGRESS), max_age)
    # The same id given twice is backed up once.
    unique = list({datasource.key: (datasource_type, datasource) for datasource_type, datasource in datasources}.values())
    begun = settle_each(
        unique, task.accounting(functools.partial(_begin_and_tell, batch)), item_concurrency(options["max_concurrency"])
    )
    finished = _finish(batch, begun)
    done = {
        datasource.key: failed_item(datasource.text, outcome) if isinstance(outcome, AzureBackupError) else outcome
        for (_row, datasource), outcome in zip(unique, finished, strict=True)
    }
    return with_selection(summarise([done[datasource.key] for _row, datasource in datasources]), selected)


def _to_be_started(datasource: ResourceId, instance: Described | None = None) -> Backup:
    return Backup(datasource.text, "start", f"a backup of '{datasource.name}' would be started", instance, changed=True)


# -- begin: skip, join or start


def _begin_and_tell(batch: BackupRun, item: Datasource) -> Backup:
    backup = _begin(batch, item)
    if backup.job_id:
        # Before anything else: who is interrupted from here on can resume by the job's name.
        job = backup.job or {**unread_job(backup.job_id), "operation": "backup", "datasource_id": backup.datasource_id}
        batch.task.progress.job(job, elapsed_of(job, batch.service.service_now()), is_over=False)
        if not backup.job and not batch.task.options["wait"]:
            with contextlib.suppress(AzureBackupError):
                backup.job = batch.service.read_job(backup.job_id)
            backup.job = backup.job or unread_job(backup.job_id)
    return backup


def _begin(batch: BackupRun, item: Datasource) -> Backup:
    _row, datasource = item
    task, service, options = batch.task, batch.service, batch.task.options
    instance = batch.instances.get(datasource.key)
    if instance is None:
        message = f"'{datasource.name}' is not protected in vault '{service.vault.name}'"
        error = NotFound(f"datasource_id: {message}; check the id, or protect it with backup_instance first", status=404)
        task.require(error, f"{message}; it must be protected before it can be backed up")
        return _to_be_started(datasource)
    check_declared_type(datasource.name, instance, options["datasource_type"])
    if not instance["policy_name"]:
        message = f"datasource_id: backup instance '{instance['name']}' has no policy, so it cannot be backed up"
        raise BadInput(message, code="NotProtected")
    policy = batch.policy(instance["policy_name"])
    plan = service.plan_backup(policy, options)
    running = running_backup_of(instance["id"], batch.jobs)
    fresh = _fresh_recovery_point(batch, instance, running)
    if fresh:
        message = f"'{datasource.name}' already has a recovery point from {fresh['time']}, less than {options['max_age']} old"
        return Backup(datasource.text, "skip", message, instance, recovery_point=fresh)
    if running and options["on_running"] != "start":
        joined = _join(batch, datasource, instance, running)
        if joined:
            return joined
    if instance["state"] != PROTECTED:
        instance = _await_protection(batch, instance)
    return task.carry_out(lambda: _start(batch, datasource, instance, plan), _to_be_started(datasource, instance))


def _join_within(options: dict[str, Any]) -> float:
    """Read join_within in seconds; 0 joins only a backup that takes its snapshot. Raises BadInput."""
    text = str(options["join_within"])
    return 0.0 if text.strip() == "0" else seconds_in(text, "join_within")


def _fresh_recovery_point(batch: BackupRun, instance: Described, running: Described | None) -> Described | None:
    """Find a recovery point younger than max_age; the snapshot of a backup that still transfers it is none yet."""
    if batch.max_age is None:
        return None
    points = batch.service.list_recovery_points(instance["name"], instance["datasource_id"])
    for point in points:
        is_unfinished = running and str(point["time"]) >= str(running["start_time"]) and not batch.service.is_whole(point)
        if not is_unfinished:
            return point if _is_younger(batch, point["time"], batch.max_age) else None
    return None


def _is_younger(batch: BackupRun, time: str | None, seconds: float) -> bool:
    """Tell whether something is younger than that, by the service's clock and not by this machine's."""
    moment = parse_time(time)
    return moment is not None and batch.service.service_now() - moment < timedelta(seconds=seconds)


def _may_join(batch: BackupRun, job: Described) -> bool:
    """Tell whether a running backup is joined: while it takes its snapshot, or if it started within max_age or join_within.

    Neither kind of vault tells whose job it is, and a Recovery Services vault not even whether it was scheduled, so only its
    time can say whether it is as good as a new one: an older backup holds an older state than now.
    """
    return batch.service.takes_snapshot(job) or _is_younger(batch, job["start_time"], batch.join_within)


def _join(batch: BackupRun, datasource: ResourceId, instance: Described, running: Described) -> Backup | None:
    """Attach to a running job if it may be joined."""
    job = batch.service.read_job(running["id"]) or running
    if not is_running(job):
        return None
    if batch.task.options["on_running"] == "fail":
        raise BadInput(
            f"on_running: a backup of '{datasource.name}' is already running: job {job['name']}, since {job['start_time']}",
            code="BackupRunning",
            details={"job": job},
        )
    if not _may_join(batch, job):
        return None
    message = f"joined the backup of '{datasource.name}' that has been running since {job['start_time']}"
    return Backup(datasource.text, "join", message, instance, job["id"], job)


def _await_protection(batch: BackupRun, instance: Described) -> Described:
    """Wait for a protection that is being configured; refuse to back up what is not protected."""
    current = batch.service.read_instance(instance["name"]) or instance
    if current["state"] in IN_TRANSIT:
        return batch.task.carry_out(lambda: wait_for_state(batch.service, instance["name"], PROTECTED, batch.deadline), current)
    if current["state"] == PROTECTED:
        return current
    raise BadInput(
        f"datasource_id: backup instance '{instance['name']}' is in state {current['state']}, so it cannot be backed "
        "up; set state: present with backup_instance first",
        code="NotProtected",
    )


def _start(batch: BackupRun, datasource: ResourceId, instance: Described, plan: dict[str, Any]) -> Backup:
    since = batch.service.service_now()
    message = f"started a backup of '{datasource.name}'"
    backup = Backup(datasource.text, "start", message, instance, changed=True)
    unknown: OutcomeUnknown | None = None
    try:
        backup.job_id = batch.service.trigger_backup(instance["name"], plan, batch.deadline)
    except OutcomeUnknown as error:
        unknown = error
    if backup.job_id is None:
        backup.job = _find_started_job(batch, instance, since)
        backup.job_id = backup.job["id"] if backup.job else None
    if backup.job_id is None:
        reason = unknown.message if unknown else "Azure accepted the request but returned no job"
        raise OutcomeUnknown(
            f"cannot tell whether a backup of '{datasource.name}' was started: no job for it appeared within "
            f"{SECONDS_TO_FIND} seconds ({reason}); check the vault's jobs before you start another backup",
            code=unknown.code if unknown else None,
            status=unknown.status if unknown else None,
            # A request was sent that may have started a backup.
            details={"changed": True, "instance": instance},
        )
    return backup


def _find_started_job(batch: BackupRun, instance: Described, since: datetime) -> Described | None:
    """Look for a minute for the job that a trigger may have started."""

    def find(job: Described) -> Described | None:
        is_it = (
            same_id(job["instance_id"], instance["id"]) and job["operation"] == "backup" and job["user_triggered"] is not False
        )
        return job if is_it else None

    query = JobQuery(started_after=since - timedelta(minutes=1))
    return find_started(batch.service, batch.task.clock, query, batch.known_jobs, find)


# -- finish: wait for the jobs, look up the recovery points


def _finish(batch: BackupRun, begun: list[Backup | AzureBackupError]) -> list[Result | AzureBackupError]:
    """Wait for all jobs together and give each datasource its result."""
    options = batch.task.options
    if batch.task.waits:
        going = [one for one in begun if isinstance(one, Backup) and one.job_id]
        known = wait_for_jobs(
            batch.service,
            [str(one.job_id) for one in going],
            batch.deadline,
            options["max_concurrency"],
            batch.task.progress,
            snapshot_only=options["wait_for"] == "snapshot",
            since=_first_start(going, batch.begun),
        )
        for one in going:
            found = known.get(str(one.job_id), one.job)
            if isinstance(found, AzureBackupError):
                one.failure = found
            else:
                one.job = found

    def conclude(one: Backup | AzureBackupError) -> Result:
        if isinstance(one, AzureBackupError):
            raise one
        # What is over already needs no wait to be told of.
        is_over = bool(one.job and not is_running(one.job))
        if one.job_id and options["wait"] and (is_over or batch.task.waits):
            _conclude(batch, one)
        return one.result()

    return settle_each(begun, conclude, options["max_concurrency"])


def _first_start(going: list[Backup], begun: datetime) -> datetime:
    """Give the time before which none of these jobs began: this run's, or that of the oldest job which it joins."""
    starts = [moment for one in going if one.job and (moment := parse_time(one.job["start_time"]))]
    return min([begun, *starts]) - timedelta(minutes=1)


def _conclude(batch: BackupRun, backup: Backup) -> None:
    """Complete a backup whose wait is over: its recovery point, or why it failed. Raises with what is known."""
    what = f"back up '{(backup.datasource_id or str(backup.job_id)).rsplit('/', 1)[-1]}'"
    job = backup.job or unread_job(backup.job_id)
    has_snapshot = batch.task.options["wait_for"] == "snapshot" and is_running(job) and not batch.service.takes_snapshot(job)
    if has_snapshot and not backup.failure:
        backup.recovery_point = _recovery_point_of(batch, job)
        backup.msg = (
            f"took the snapshot of {what.removeprefix('back up ')}; job {job['name']} is still transferring it to the vault"
        )
        return
    try:
        way_on = f"resume the wait with job_id: {job['id']}{_or_run_again(batch, job)}"
        check_over(job, backup.failure, what, way_on, batch.deadline)
        check_success(job, what)
    except AzureBackupError as error:
        error.details = {"job": job, "instance": backup.instance, "changed": backup.changed}
        raise
    backup.recovery_point = _recovery_point_of(batch, job)
    if job["status"] == "completed_with_warnings":
        batch.task.warn(f"job {job['name']} completed with warnings: {reasons_of(job)}")
    verb = {"start": "backed up", "join": "joined the backup of", "resume": "backed up"}[backup.action]
    backup.msg = f"{verb} {what.removeprefix('back up ')}: job {job['name']} {str(job['status']).replace('_', ' ')}"


def _or_run_again(batch: BackupRun, job: Described) -> str:
    """Say until when another run of the task joins a job; nothing where it would start another backup."""
    started = parse_time(job["start_time"]) or batch.begun
    end = started + timedelta(seconds=batch.join_within)
    if batch.task.options["job_id"] or batch.task.options["on_running"] != "join":
        return ""
    if batch.service.service_now() < end:
        return f", or run the task again before {format_time(end)} to join it"
    return ", or run the task again while its snapshot is being taken, to join it" if batch.service.takes_snapshot(job) else ""


def _recovery_point_of(batch: BackupRun, job: Described) -> Described | None:
    """Look up the recovery point that a job made; its bare name where it cannot be read, which fails no backup."""
    service, name, instance = batch.service, job["recovery_point_id"], job["instance_name"]
    bare = shape("recovery_point", name=name, instance_name=instance, datasource_id=job["datasource_id"])
    try:
        if name:
            return service.read_recovery_point(instance, name, job["datasource_id"]) or bare
        begin = str(job["start_time"])
        points = service.list_recovery_points(instance, job["datasource_id"])
        # The newest first: the last of these is the first that was made since the job began.
        made = [point for point in points if str(point["time"]) >= begin]
        return made[-1] if made else None
    except AzureBackupError as error:
        batch.task.warn(f"the backup succeeded, but its recovery point cannot be read: {error.message}")
        return bare if name else None


# -- resume: wait for a job that an earlier run started


def _resume(task: Task) -> Result:
    service, job = open_job(task)
    job_id = str(job["id"])
    backup = Backup(job["datasource_id"], "resume", f"job {job['name']} has status {job['status']}", None, job_id, job)
    batch = BackupRun(task, service, task.deadline(), {}, [], None)
    outcome = _finish(batch, [backup])[0]
    return summarise([failed_item(backup.datasource_id, outcome) if isinstance(outcome, AzureBackupError) else outcome])
