# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Jobs of a Managed HSM: started at most once, followed to their end."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Deadline, Ramp
from ..errors import AzureBackupError, Conflict, NotFound, OperationFailed, OutcomeUnknown, TimedOut
from ..model.durations import to_clock_words
from ..model.result_shapes import Described
from ..services.managed_hsm.backups import BACKUP, RESTORE, ManagedHsm
from ..waiting import wait_until

UNFINISHED = (None, "in_progress", "not_started", "queued", "accepted", "running")


# A job that was started a moment ago may be unknown to a read.
_SECONDS_UNTIL_KNOWN = 60.0


def start_once(hsm: ManagedHsm, what: str, start: Callable[[], Described]) -> Described:
    """Start a job and give it; what: names it. Raises what says how to go on where it is not known whether it was started."""
    try:
        return start()
    except OutcomeUnknown as error:
        error.message = (
            f"cannot tell whether a {what} of Managed HSM '{hsm.name}' was started, because an HSM does not list jobs "
            f"({error.message}); wait a few minutes before you start another; the HSM rejects it while one is running"
        )
        error.details = {"changed": what in (BACKUP, RESTORE)}
        raise
    except Conflict as error:
        error.message += (
            "; the HSM does not say which job it is. Wait until it has finished, or set job_id to wait for it; the run that "
            "started it shows the id in its first progress line"
        )
        raise


def follow(hsm: ManagedHsm, kind: str, job: Described, deadline: Deadline, see: Callable[[Described], None]) -> Described:
    """Wait until a job is over and give it; see: is called with what each poll finds.

    Raises OperationFailed with the HSM's error, TimedOut, NotFound.
    """
    job_id = str(job["job_id"])
    try:
        return _await(hsm, kind, job, deadline, see)
    except TimedOut as error:
        error.message += f". Job {job_id} continues; resume the wait with job_id: {job_id}"
        error.details = {**error.details, kind: job}
        raise


def follow_check(hsm: ManagedHsm, kind: str, job: Described, deadline: Deadline) -> Described:
    """Wait until the check before a job says that it can be done, and give it. Raises OperationFailed where it cannot be done."""
    try:
        return _await(hsm, kind, job, deadline, lambda _found: None)
    except AzureBackupError as error:
        # Nothing was started, and there is no backup to tell of.
        error.details.pop(kind, None)
        error.message = f"{error.message} (precheck)"
        raise


def _await(hsm: ManagedHsm, kind: str, job: Described, deadline: Deadline, see: Callable[[Described], None]) -> Described:
    action = _action(hsm, kind)
    last = job

    def look() -> Described:
        nonlocal last
        found = hsm.read_job(kind, str(job["job_id"]))
        if found is None:
            message = f"Cannot {action}: the HSM no longer knows {kind} job {job['job_id']}"
            raise NotFound(message, status=404, details={kind: last})
        last = found
        see(found)
        return found

    if job["status"] in UNFINISHED:
        wait_until(
            look,
            lambda found: found["status"] not in UNFINISHED,
            deadline,
            f"Cannot {action}: the job",
            pace=Ramp(deadline.poll_interval, longest=deadline.poll_interval).following,
            first_pause=None,
            seconds_of_doubt=_SECONDS_UNTIL_KNOWN,
        )
    check_success(hsm, kind, last)
    return last


def _action(hsm: ManagedHsm, kind: str) -> str:
    return f"{'back up' if kind == BACKUP else 'restore'} Managed HSM '{hsm.name}'"


def check_success(hsm: ManagedHsm, kind: str, job: Described) -> None:
    """Raise OperationFailed with the HSM's error for a job that is over and did not succeed."""
    if job["status"] in (*UNFINISHED, "succeeded"):
        return
    told = job["error"] or {}
    reason = told.get("message") or job["status_details"] or "the HSM gave no reason"
    code = told.get("code") or str(job["status"])
    ended = "was canceled" if job["status"] == "canceled" else job["status"]
    raise OperationFailed(f"Cannot {_action(hsm, kind)}: job {job['job_id']} {ended}: {reason}", code=code, details={kind: job})


def lasted(job: Described) -> str:
    """Say how long a job took, '' where it is not known."""
    return f" in {to_clock_words(job['duration_seconds'])}" if job["duration_seconds"] is not None else ""
