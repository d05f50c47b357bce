# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What the modules of a Managed HSM share: which HSM the options name, and its job from beginning to end."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from ..clock import Deadline
from ..errors import TRANSIENT, AzureBackupError, BadInput, NotFound
from ..jobs.hsm_jobs import UNFINISHED, check_success, follow, follow_check, start_once
from ..model.durations import parse_time
from ..model.result_shapes import Described, shape
from ..model.urls import is_machine_address, read_address
from ..services.managed_hsm.backups import ManagedHsm
from ..services.managed_hsm.storage import problems_with
from .task import Task

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){2,23}")


_JOB_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


def problems_with_options(task: Task, permissions: str) -> list[str]:
    """Tell what is wrong with how the options name the HSM and the storage; permissions: what a SAS token has to allow."""
    options = task.options
    problems = []
    if bool(options["hsm_name"]) == bool(options["hsm_uri"]):
        problems.append("hsm_name, hsm_uri: set exactly one of them")
    elif options["hsm_name"] and not _NAME.fullmatch(options["hsm_name"]):
        problems.append(f"hsm_name: '{options['hsm_name']}' is not a valid Managed HSM name")
    elif options["hsm_uri"]:
        problems += _problems_with_uri(options["hsm_uri"])
    job_id = options.get("job_id")
    if job_id and not _JOB_ID.fullmatch(job_id):
        problems.append(f"job_id: '{job_id}' is not a valid job id")
    if not job_id:
        problems += problems_with(options, task.clock.now(), permissions)
    return problems


def _problems_with_uri(uri: str) -> list[str]:
    example = "https://name.managedhsm.azure.net"
    try:
        parts = read_address(uri, "hsm_uri", example)
    except BadInput as error:
        return [error.message]
    return [f"hsm_uri: '{uri}' is not a URL such as {example}"] if parts.path.strip("/") else []


def name_of(task: Task) -> str:
    """Give the name of the HSM, by which its backups are named: the first part of its host, or the whole of an address."""
    if task.options["hsm_name"]:
        return str(task.options["hsm_name"])
    host = str(urlsplit(task.options["hsm_uri"].strip()).hostname)
    return host if is_machine_address(host) else host.split(".", 1)[0]


def open_hsm(task: Task) -> ManagedHsm:
    """Give the HSM that checked options name. Raises BadInput where the cloud does not say how its HSMs are named."""
    url = task.options["hsm_uri"]
    if not url:
        suffix = task.session.cloud.managed_hsm_suffix
        if suffix is None:
            raise BadInput(f"hsm_name: cloud '{task.session.cloud.name}' has no Managed HSM domain; set hsm_uri")
        url = f"https://{task.options['hsm_name']}.{suffix}"
    return ManagedHsm(task.session, url.strip().rstrip("/"), name_of(task))


def tell(task: Task, hsm: ManagedHsm, job: Described, kind: str) -> None:
    """Tell how far a job is; the first time before anything else, so that who is interrupted can resume by its id."""
    is_over = job["status"] not in UNFINISHED
    told = shape("job", name=job["job_id"], operation=kind, status=job["status"] or "in_progress", datasource_id=hsm.name)
    start = parse_time(job["start_time"])
    running = (hsm.service_now() - start).total_seconds() if start else 0.0
    task.progress.job(told, float(job["duration_seconds"] or running), is_over)


def run_job(
    task: Task,
    hsm: ManagedHsm,
    kind: str,
    check: Callable[[Deadline], Described],
    start: Callable[[Deadline], Described],
) -> Described:
    """Start a job, after a check where the task says so, and give it: over where the task waits.

    Raises with what is known of it.
    """
    deadline = task.deadline()
    if task.options["precheck"]:
        run_check(hsm, kind, check, deadline)
    job = start_once(hsm, kind, lambda: start(deadline))
    tell(task, hsm, job, kind)
    if not task.options["wait"]:
        return job
    try:
        return follow(hsm, kind, job, deadline, lambda found: tell(task, hsm, found, kind))
    except AzureBackupError as error:
        error.details = {**error.details, "changed": True, "action": "start"}
        raise


def run_check(hsm: ManagedHsm, kind: str, check: Callable[[Deadline], Described], deadline: Deadline) -> Described:
    """Have the HSM check whether it could do something, and give the job of that. Raises OperationFailed where it could not."""
    return follow_check(hsm, kind, start_once(hsm, f"check before a {kind}", lambda: check(deadline)), deadline)


def resume_job(task: Task, hsm: ManagedHsm, kind: str) -> Described:
    """Give the job of an earlier run that job_id names: over where the task waits. Raises NotFound for one that is not known."""
    job_id = task.options["job_id"]
    try:
        job = hsm.read_job(kind, job_id)
    except TRANSIENT:
        job = shape("hsm_job", job_id=job_id, status="in_progress")
    if job is None:
        raise NotFound(f"job_id: Managed HSM '{hsm.name}' has no {kind} job {job_id}", status=404)
    if not task.waits:
        check_success(hsm, kind, job)
        return job
    tell(task, hsm, job, kind)
    return follow(hsm, kind, job, task.deadline(), lambda found: tell(task, hsm, found, kind))
