# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Backup jobs: waiting for any number of them with as few requests as can be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..clock import Deadline
from ..concurrency import settle_each
from ..errors import TRANSIENT, AzureBackupError, NotFound, OperationFailed, TimedOut
from ..model.durations import parse_time
from ..model.result_shapes import Described
from ..progress import Progress
from ..services.interface import BackupService, JobQuery

SUCCEEDED = ("completed", "completed_with_warnings")
_RUNNING = ("in_progress", "cancelling", "paused", None)
# Between two looks at a job goes at most a tenth of the time that it has taken, up to five minutes.
_PATIENCE_SHARE = 0.1
_LONGEST_INTERVAL = 300.0
# A job that was started a moment ago may be unknown to a read.
_SECONDS_UNTIL_KNOWN = 60.0


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
    Each look is one list of the vault's jobs, or a GET a job where that is fewer requests.
    """
    pending = dict.fromkeys(job_ids)
    known: dict[str, Described | AzureBackupError] = {}
    begin = deadline.remaining()
    while pending:
        elapsed = begin - deadline.remaining()
        for job_id, job in _look(service, list(pending), max_concurrency, snapshot_only, since).items():
            if isinstance(job, NotFound) and (job_id in known or elapsed < _SECONDS_UNTIL_KNOWN):
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
        if not pending:
            break
        interval = max(deadline.poll_interval, min(elapsed * _PATIENCE_SHARE, _LONGEST_INTERVAL))
        try:
            deadline.sleep(interval, f"{len(pending)} backup job(s)")
        except TimedOut:
            break
    return known


def _look(
    service: BackupService, job_ids: list[str], max_concurrency: int, with_sub_tasks: bool, since: datetime | None
) -> dict[str, Described | AzureBackupError]:
    """Read jobs. What cannot be read just now is left out; NotFound stands for a job that Azure does not know."""
    if not with_sub_tasks and 0 < service.job_pages() < len(job_ids):
        try:
            by_id = {str(job["id"]).lower(): job for job in service.list_jobs(JobQuery(started_after=since))}
        except TRANSIENT:
            return {}
        except AzureBackupError as error:
            return dict.fromkeys(job_ids, error)
        listed = {job_id: by_id[job_id.lower()] for job_id in job_ids if job_id.lower() in by_id}
        running = {job_id: job for job_id, job in listed.items() if is_running(job)}
        # The list leaves out sub-tasks and the recovery point, so a finished job is read once more.
        return running | _read_each(service, [job_id for job_id in listed if job_id not in running], max_concurrency)
    return _read_each(service, job_ids, max_concurrency)


def _read_each(service: BackupService, job_ids: list[str], max_concurrency: int) -> dict[str, Described | AzureBackupError]:
    def read(job_id: str) -> Described:
        job = service.read_job(job_id)
        if job is None:
            raise NotFound(f"job {job_id} does not exist", status=404)
        return job

    found = zip(job_ids, settle_each(job_ids, read, max_concurrency), strict=True)
    return {job_id: job for job_id, job in found if not isinstance(job, TRANSIENT)}


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
