# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The job that job_id names: of an earlier run, to be waited for."""

from __future__ import annotations

import re
from typing import Any

from ..errors import TRANSIENT, BadInput, NotFound
from ..model.resource_ids import GUID, parse_resource_id
from ..model.result_shapes import Described, shape
from ..services.interface import BackupService
from ..services.named_vaults import missing_vault
from ..services.registry import open_service
from .open_vaults import open_existing_vault, open_vault
from .task import Task

_OF_SECONDARY_REGION = re.compile(r"/providers/Microsoft\.RecoveryServices/locations/[^/]+/backupJobs/", re.IGNORECASE)


def open_job(task: Task) -> tuple[BackupService, Described]:
    """Give the job that job_id names, an ARM id or a GUID, and the vault it is in.

    One that cannot be read yet may have been started a moment ago, and is given without what it would tell where the task waits.
    Raises BadInput, NotFound.
    """
    given: Any = task.options["job_id"]
    if task.options.get("region") == "secondary":
        # Such a job lies in the region, and does not tell its vault.
        service = open_vault(task, "recovery_services")
        if service.read_vault() is None:
            raise missing_vault(task.session, service.vault)
        job_id = f"{service.vault.text}/backupJobs/{given.rsplit('/', 1)[-1]}"
    elif GUID.fullmatch(given):
        service = open_existing_vault(task)
        job_id = f"{service.vault.text}/backupJobs/{given}"
    elif _OF_SECONDARY_REGION.search(given):
        raise BadInput(
            f"job_id: '{given}' is a job in the secondary region of a vault, for which only backup_restore can wait, with the "
            "vault and region: secondary"
        )
    else:
        found = parse_resource_id(given, "job_id")
        if found.types[-1].lower() != "backupjobs":
            raise BadInput(f"job_id: '{given}' is a {found.type}, not a backup job")
        try:
            service = open_service(task.session, found.parent())
        except BadInput as error:
            raise BadInput(f"job_id: '{given}' is not in a vault") from error
        job_id = found.text
    try:
        job = service.read_job(job_id)
    except TRANSIENT:
        if not task.waits:
            raise
        job = None
    if job is None:
        if not task.waits:
            raise NotFound(f"job_id: job {job_id} does not exist", status=404)
        job = unread_job(job_id)
    return service, job


def unread_job(job_id: str | None) -> Described:
    """Give what is known of a job that cannot be read yet."""
    return shape("job", id=job_id, name=str(job_id).rsplit("/", 1)[-1], status="in_progress")
