# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Backup jobs: waiting for any number of them with as few requests as can be."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from ..clock import Clock, Deadline
from ..concurrency import settle_each
from ..errors import TRANSIENT, AzureBackupError, NotFound, OperationFailed, TimedOut
from ..model.durations import parse_time
from ..model.result_shapes import Described
from ..progress import Progress
from ..services.interface import BackupService, JobQuery
from ..services.job_reads import JobReads
from ..waiting import look_for, wait_until

SUCCEEDED = ("completed", "completed_with_warnings")
# What a list calls a job that is not over.
UNFINISHED = ("in_progress", "cancelling", "paused")
_RUNNING = (*UNFINISHED, None)
# Between two looks at a job goes at most a tenth of the time that it has taken, up to five minutes.
_PATIENCE_SHARE = 0.1
_LONGEST_INTERVAL = 300.0
# A job that was started a moment ago may be unknown to a read.
_SECONDS_UNTIL_KNOWN = 60.0
# How long to look for the job of a request whose fate is not known, and how often, in seconds.
SECONDS_TO_FIND = 60
_SECONDS_BETWEEN_LOOKS = 10


def is_running(job: Described) -> bool:
    """Tell whether a job is not over yet."""
    return job["status"] in _RUNNING


def elapsed_of(job: Described, now: datetime) -> float:
    """Give the seconds that a job took, or has taken until now."""
    started = parse_time(job["start_time"])
    if is_running(job):
        return (now - started).total_seconds() if started else 0.0
    return float(job["duration_seconds"] or 0)


def running_backup_of(instance_id: str, jobs: Iterable[Described]) -> Described | None:
    """Find the newest backup job of an instance that still runs."""
    found = [
        job
        for job in jobs
        if is_running(job) and job["operation"] == "backup" and str(job["instance_id"]).lower() == instance_id.lower()
    ]
    return max(found, key=lambda job: str(job["start_time"]), default=None)


@dataclass
class JobWatch:
    """Jobs of one vault that are waited for together; since: none of them began before that.

    A look is one list of the vault's jobs, or a GET a job where that is fewer requests. A list leaves out sub-tasks, errors and
    the recovery point, so they are read by themselves when they are over, and while they run where their snapshot is waited for;
    but no more of them than Azure answers.
    """

    service: BackupService
    max_concurrency: int
    snapshot_only: bool
    since: datetime | None

    def __post_init__(self) -> None:
        self._reads = JobReads(self.service.job_reads_an_hour, self.service.service_now)
        # By the number of its read, which puts jobs in order.
        self._last_read: dict[str, int] = {}

    def look(self, job_ids: list[str]) -> dict[str, Described | AzureBackupError]:
        """Read jobs. What cannot be read just now is left out; NotFound stands for a job that Azure does not know."""
        readable = self._reads.left()
        pages = self.service.job_pages()
        is_few = len(job_ids) <= pages or pages == 0
        if (self.snapshot_only and readable is None) or (is_few and (readable is None or len(job_ids) <= readable)):
            return self._read_each(job_ids)
        try:
            by_id = {str(job["id"]).lower(): job for job in self.service.list_jobs(JobQuery(started_after=self.since))}
        except TRANSIENT:
            return {}
        except AzureBackupError as error:
            return dict.fromkeys(job_ids, error)
        listed = {job_id: by_id[job_id.lower()] for job_id in job_ids if job_id.lower() in by_id}
        over = [job_id for job_id, job in listed.items() if not is_running(job)]
        # What went wrong is told by the job alone.
        needed = [job_id for job_id in over if listed[job_id]["status"] != "completed"]
        wanted = [job_id for job_id in over if job_id not in needed]
        if self.snapshot_only:
            wanted += sorted((one for one in listed if one not in over), key=lambda one: self._last_read.get(one, 0))
        read = needed + (wanted if readable is None else wanted[: max(0, readable - len(needed))])
        kept = {job_id: job for job_id, job in listed.items() if job_id not in read}
        if self.snapshot_only:
            # Whether a snapshot is taken is not known of them.
            kept = {job_id: job for job_id, job in kept.items() if not is_running(job)}
        return kept | self._read_each(read)

    def _read_each(self, job_ids: list[str]) -> dict[str, Described | AzureBackupError]:
        def read(job_id: str) -> Described:
            job = self.service.read_job(job_id)
            if job is None:
                raise NotFound(f"job {job_id} does not exist", status=404)
            return job

        for job_id in job_ids:
            self._reads.note()
            self._last_read[job_id] = self._reads.made
        found = zip(job_ids, settle_each(job_ids, read, self.max_concurrency), strict=True)
        return {job_id: job for job_id, job in found if not isinstance(job, TRANSIENT)}


def wait_for_jobs(
    service: BackupService,
    job_ids: Iterable[str],
    deadline: Deadline,
    max_concurrency: int,
    progress: Progress,
    snapshot_only: bool = False,
    since: datetime | None = None,
) -> dict[str, Described | AzureBackupError]:
    """Wait until all jobs are over or the deadline is; snapshot_only: until they have taken their snapshots;
    since: none of them began before that, so that lists need not tell older ones.

    Gives by id the last known state of each, or the error that ended the looking after it, NotFound for one that has not
    appeared within a minute; a job that never could be read is left out.
    """
    pending = dict.fromkeys(job_ids)
    known: dict[str, Described | AzureBackupError] = {}
    begin = deadline.remaining()
    watch = JobWatch(service, max_concurrency, snapshot_only, since)

    def elapsed() -> float:
        return begin - deadline.remaining()

    def look() -> None:
        waited = elapsed()
        for job_id, job in watch.look(list(pending)).items():
            if isinstance(job, NotFound) and (job_id in known or waited < _SECONDS_UNTIL_KNOWN):
                continue
            known[job_id] = job
            if isinstance(job, AzureBackupError):
                progress.note(job_id.rsplit("/", 1)[-1], job_id, "no longer monitored", is_over=True)
                is_over = True
            else:
                is_over = not is_running(job) or (snapshot_only and not service.takes_snapshot(job))
                progress.job(job, elapsed_of(job, service.service_now()), is_over=is_over)
            if is_over:
                del pending[job_id]

    def pace(_asked: float | None) -> float:
        return max(deadline.poll_interval, min(elapsed() * _PATIENCE_SHARE, _LONGEST_INTERVAL))

    with contextlib.suppress(TimedOut):
        if pending:
            wait_until(look, lambda _looked: not pending, deadline, "the job", pace)
    return known


def find_started(
    service: BackupService, clock: Clock, query: JobQuery, known: Collection[str], find: Callable[[Described], Described | None]
) -> Described | None:
    """Look for a minute for the job that a request of unknown fate may have started; None where there is none.

    query: with started_after, before which no job can be it; known: lower-cased ids of jobs that were there before; find: gives
    the job where one of the list is it.
    """

    def find_new() -> Described | None:
        for listed in service.list_jobs(query):
            started = parse_time(listed["start_time"])
            is_new = started and query.started_after and started >= query.started_after
            if is_new and str(listed["id"]).lower() not in known:
                found = find(listed)
                if found:
                    return found
        return None

    return look_for(find_new, clock, SECONDS_TO_FIND, _SECONDS_BETWEEN_LOOKS)


def check_over(job: Described, failure: AzureBackupError | None, what: str, way_on: str, deadline: Deadline) -> None:
    """Raise for a job that is not known to be over.

    failure: what kept it from being read; what: the work, as in "Cannot ..."; way_on: how to go on waiting for it.
    Raises AzureBackupError, TimedOut.
    """
    if failure:
        raise AzureBackupError(
            f"Cannot read the job that is to {what}: {failure.message}. Job {job['name']} may still be running; {way_on}",
            code=failure.code or type(failure).__name__,
            status=failure.status,
        )
    if is_running(job):
        end = f"is still running after {deadline.timeout:g} seconds (wait_timeout)"
        if deadline.clock.is_interrupted:
            end = "is still running, and the task was interrupted"
        raise TimedOut(f"Cannot {what} in time: job {job['name']} {end}. It continues in Azure; {way_on}")


def reasons_of(job: Described) -> str:
    """Say what Azure says of a job that did not go well."""
    return "; ".join(f"{error['message']} ({error['code']})" for error in job["errors"]) or "Azure gave no reason"


def check_success(job: Described, what: str) -> None:
    """Raise OperationFailed with Azure's error for a job that is over and did not succeed."""
    if job["status"] in SUCCEEDED:
        return
    first = job["errors"][0] if job["errors"] else {}
    ended = "was cancelled" if job["status"] == "cancelled" else str(job["status"]).replace("_", " ")
    raise OperationFailed(
        f"Cannot {what}: job {job['name']} {ended}: {reasons_of(job)}",
        code=first.get("code"),
        recommended_action=first.get("recommended_action"),
    )
