# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What backups and restores of a Managed HSM have in common: which HSM, and a job followed to its end."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from .clock import Deadline, Ramp
from .durations import parse_time, to_clock_words
from .errors import TRANSIENT, AzureBackupError, BadInput, Conflict, NotFound, OperationFailed, OutcomeUnknown, TimedOut
from .managed_hsm.service import BACKUP, ManagedHsm
from .managed_hsm.storage import is_address, problems_with
from .module import Task
from .shapes import Described, shape

_NAME = re.compile(r"^[A-Za-z](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){2,23}$")
_JOB_ID = re.compile(r"^[0-9A-Za-z-]{8,64}$")
_RUNNING = (None, "in_progress", "not_started")
# A job that was started a moment ago may be unknown to a read.
_SECONDS_UNTIL_KNOWN = 60.0


def check_options(task: Task, permissions: str) -> None:
    """Check which HSM and which storage the options name; permissions: what a SAS token has to allow. Raises BadInput."""
    options = task.options
    problems = []
    if bool(options["hsm_name"]) == bool(options["hsm_uri"]):
        problems.append("hsm_name, hsm_uri: give exactly one of them")
    elif options["hsm_name"] and not _NAME.match(options["hsm_name"]):
        problems.append(f"hsm_name: '{options['hsm_name']}' cannot be the name of a Managed HSM")
    elif options["hsm_uri"]:
        parts = urlsplit(options["hsm_uri"])
        if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
            problems.append(f"hsm_uri: '{options['hsm_uri']}' is no address such as https://name.managedhsm.azure.net")
    if options["job_id"] and not _JOB_ID.match(options["job_id"]):
        problems.append(f"job_id: '{options['job_id']}' cannot be the id of a job")
    if not options["job_id"]:
        problems += problems_with(options, task.clock.now(), permissions)
    if problems:
        raise BadInput("; ".join(problems))


def name_of(task: Task) -> str:
    """Give the name of the HSM, by which its backups are named: the first part of its host, or the whole of an address."""
    if task.options["hsm_name"]:
        return str(task.options["hsm_name"])
    host = str(urlsplit(task.options["hsm_uri"]).hostname)
    return host if is_address(host) else host.split(".", 1)[0]


def open_hsm(task: Task) -> ManagedHsm:
    """Give the HSM that checked options name. Raises BadInput where the cloud does not say how its HSMs are named."""
    url = task.options["hsm_uri"]
    if not url:
        suffix = task.session.cloud.managed_hsm_suffix
        if suffix is None:
            raise BadInput(f"hsm_name: cloud '{task.session.cloud.name}' does not say where its Managed HSMs are; give hsm_uri")
        url = f"https://{task.options['hsm_name']}.{suffix}"
    return ManagedHsm(task.session, url.rstrip("/"), name_of(task))


def start_once(hsm: ManagedHsm, kind: str, start: Callable[[], Described]) -> Described:
    """Start a job and give it. Raises what says how to go on where that is not known."""
    try:
        return start()
    except OutcomeUnknown as error:
        error.message = (
            f"whether a {kind} of Managed HSM '{hsm.name}' was started is not known, since an HSM lists no jobs "
            f"({error.message}); wait some minutes before another, which is refused while one runs"
        )
        error.details = {"changed": True}
        raise
    except Conflict as error:
        error.message += (
            "; which one it is, an HSM does not tell. Wait until it is over; or wait for it with job_id, which the first line of "
            "progress of the run that started it names"
        )
        raise


def tell(task: Task, hsm: ManagedHsm, job: Described, kind: str) -> None:
    """Tell how far a job is; the first time before anything else, so that who is interrupted can resume by its id."""
    is_over = job["status"] not in _RUNNING
    told = shape("job", name=job["job_id"], operation=kind, status=job["status"] or "in_progress", datasource_id=hsm.name)
    start = parse_time(job["start_time"])
    running = (hsm.service_now() - start).total_seconds() if start else 0.0
    task.progress.job(told, float(job["duration_seconds"] or running), is_over)


def follow(task: Task, hsm: ManagedHsm, kind: str, job: Described, deadline: Deadline) -> Described:
    """Wait until a job is over and give it. Raises OperationFailed with the HSM's error, TimedOut, NotFound."""
    action = f"{'back up' if kind == BACKUP else 'restore'} Managed HSM '{hsm.name}'"
    job_id = str(job["job_id"])
    ramp = Ramp(deadline.poll_interval)
    patience = Deadline(deadline.clock, _SECONDS_UNTIL_KNOWN, deadline.poll_interval)
    while job["status"] in _RUNNING:
        try:
            deadline.sleep(ramp.following(), action)
        except TimedOut as error:
            error.message += f". Job {job_id} goes on; resume the wait with job_id: {job_id}"
            error.details = {**error.details, kind: job}
            raise
        try:
            found = hsm.read_job(kind, job_id)
        except TRANSIENT:
            continue
        if found is None and patience.remaining() <= 0:
            raise NotFound(f"Cannot {action}: the HSM knows no {kind} job {job_id} any more", status=404, details={kind: job})
        job = found or job
        tell(task, hsm, job, kind)
    if job["status"] != "succeeded":
        told = job["error"] or {}
        reason = told.get("message") or job["status_details"] or "the HSM gives no reason"
        code = told.get("code") or str(job["status"])
        message = f"Cannot {action}: job {job_id} {job['status']}: {reason}"
        raise OperationFailed(message, code=code, details={kind: job})
    return job


def read_resumed(hsm: ManagedHsm, kind: str, job_id: str) -> Described:
    """Read a job that an earlier run started. Raises NotFound for one that the HSM does not know."""
    try:
        job = hsm.read_job(kind, job_id)
    except TRANSIENT:
        return shape("hsm_job", job_id=job_id, status="in_progress")
    if job is None:
        raise NotFound(f"job_id: Managed HSM '{hsm.name}' knows no {kind} job {job_id}", status=404)
    return job


def with_details(error: AzureBackupError, **details: object) -> AzureBackupError:
    """Add to what a failed task returns."""
    error.details = {**error.details, **details}
    return error


def lasted(job: Described) -> str:
    """Say how long a job took, '' where it is not known."""
    return f" in {to_clock_words(job['duration_seconds'])}" if job["duration_seconds"] is not None else ""
