# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""One job, cancelled and seen to its end."""

from __future__ import annotations

from ..errors import BadInput
from ..jobs.wait import is_running, wait_for_jobs
from ..model.result_shapes import Described
from ..services.interface import BackupService
from .job_options import open_job
from .task import Result, Task


def ensure_job(task: Task) -> Result:
    """Cancel a job (module backup_job)."""
    service, job = open_job(task)
    if job["status"] == "cancelled":
        return _result(False, f"job {job['name']} is cancelled", job, job)
    if not is_running(job):
        ended = str(job["status"]).replace("_", " ")
        raise BadInput(f"job_id: job {job['name']} has {ended} and cannot be cancelled any more", code="JobIsOver")
    service.check_cancellable(job)
    end = "cancelled" if task.options["wait"] else "cancelling"
    predicted = _result(job["status"] != "cancelling", f"job {job['name']} would be cancelled", job, {**job, "status": end})
    return task.carry_out(lambda: _cancel(task, service, job), predicted)


def _cancel(task: Task, service: BackupService, job: Described) -> Result:
    changed = job["status"] != "cancelling"
    if changed:
        service.cancel_job(job)
    if not task.waits:
        return _result(changed, f"job {job['name']} is being cancelled", job, service.read_job(job["id"]) or job)
    deadline = task.deadline()
    known = wait_for_jobs(service, [str(job["id"])], deadline, 1, task.progress)
    last = known.get(str(job["id"]), job)
    if isinstance(last, Exception):
        last.details = {**last.details, "changed": changed, "job": job}
        raise last
    if last["status"] == "cancelled":
        return _result(changed, f"job {job['name']} is cancelled", job, last)
    # It was quicker than its cancellation, or is still on its way there.
    ended = "is still being cancelled" if is_running(last) else f"has {str(last['status']).replace('_', ' ')} instead"
    raise BadInput(f"job_id: job {job['name']} {ended}", code="NotCancelled", details={"changed": changed, "job": last})


def _result(changed: bool, msg: str, before: Described, after: Described) -> Result:
    diff = {"before": {"status": before["status"]}, "after": {"status": after["status"]}}
    return {"changed": changed, "msg": msg, "job": after, "diff": diff}
