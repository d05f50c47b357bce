# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Jobs of a Backup vault: to results. Pure."""

from __future__ import annotations

import re
from typing import Any

from ....model.durations import format_time, parse_time, seconds_of, to_iso_duration
from ....model.result_shapes import Wire, shape, snake
from .fields import describe_errors, type_of, vault_of

# The description of the API says Success and SuccessWithWarning where the service says Completed.
_JOB_STATUS = {
    "inprogress": "in_progress",
    "success": "completed",
    "succeeded": "completed",
    "successwithwarning": "completed_with_warnings",
    "successwithwarnings": "completed_with_warnings",
    "canceled": "cancelled",
}


def _job_status(text: str | None) -> str | None:
    return _JOB_STATUS.get((text or "").lower()) or snake(text)


def _progress(sub_tasks: list[Wire]) -> int | None:
    for task in reversed(sub_tasks):
        match = re.match(r"^\s*(\d+)", str(task.get("taskProgress") or ""))
        if match:
            return int(match.group(1))
    return None


def describe(wire: Wire) -> dict[str, Any]:
    """Give a job as results show it. Lists carry no extendedInfo: then sub_tasks and recovery_point_id are unknown."""
    properties = wire.get("properties") or {}
    extended = properties.get("extendedInfo") or {}
    sub_tasks = extended.get("subTasks") or []
    status = _job_status(properties.get("status"))
    transferred = extended.get("dataTransferredInBytes")
    instance_id = properties.get("backupInstanceId") or ""
    # Of a restore, which says what was restored from where.
    source = extended.get("sourceRecoverPoint") or {}
    return shape(
        "job",
        id=wire.get("id"),
        name=wire.get("name"),
        vault_id=vault_of(wire.get("id")),
        operation=snake(properties.get("operation") or properties.get("operationCategory")),
        status=status,
        datasource_id=properties.get("dataSourceId"),
        datasource_type=type_of(properties.get("dataSourceType")),
        instance_id=instance_id or None,
        instance_name=instance_id.rsplit("/", 1)[-1] or None,
        policy_name=properties.get("policyName"),
        user_triggered=properties.get("isUserTriggered"),
        start_time=format_time(parse_time(properties.get("startTime"))),
        end_time=format_time(parse_time(properties.get("endTime"))),
        duration=to_iso_duration(properties.get("duration")),
        duration_seconds=None if status == "in_progress" else seconds_of(properties.get("duration")),
        progress_percent=_progress(sub_tasks),
        transferred_bytes=int(transferred) if transferred is not None else None,
        sub_tasks=[{"name": task.get("taskName"), "status": _job_status(task.get("taskStatus"))} for task in sub_tasks],
        errors=describe_errors(properties.get("errorDetails")),
        source_recovery_point_id=source.get("recoveryPointID"),
        source_recovery_point_time=format_time(parse_time(source.get("recoveryPointTime"))),
        destination_id=extended.get("recoveryDestination"),
        recovery_point_id=(extended.get("targetRecoverPoint") or {}).get("recoveryPointID"),
    )
