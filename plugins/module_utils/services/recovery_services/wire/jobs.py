# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Jobs of a Recovery Services vault: to results, and what a list is asked for. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from ....errors import sentences
from ....model.durations import format_time, parse_time, seconds_of
from ....model.resource_ids import ResourceId
from ....model.result_shapes import Wire, shape, snake
from ...interface import JobQuery
from .items import item_path

_OPERATIONS = {"backup": "Backup", "on_demand_backup": "Backup", "scheduled_backup": "Backup", "restore": "Restore"}

_STATUSES = {
    "in_progress": "InProgress",
    "completed": "Completed",
    "completed_with_warnings": "CompletedWithWarnings",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "cancelling": "Cancelling",
}

# A backup that was cancelled after its snapshot is said to be complete, with this error (recorded: recoveryservices-errors).
_CANCELLED_ERROR = "400158"
_SIZE = re.compile(r"\s*([\d.]+)\s*(B|KB|MB|GB|TB)\s*", re.IGNORECASE)
_BYTES = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


def filter_of(query: JobQuery, now: datetime) -> str:
    """Give the OData filter that asks for jobs; what it cannot say is chosen from the answer.

    The service takes one status and one operation, and both ends of a range of time.
    """
    parts = ["backupManagementType eq 'AzureIaasVM'"]
    if len(query.statuses) == 1 and query.statuses[0] in _STATUSES:
        parts.append(f"status eq '{_STATUSES[query.statuses[0]]}'")
    operations = {_OPERATIONS.get(operation) for operation in query.operations}
    if len(operations) == 1 and None not in operations:
        parts.append(f"operation eq '{operations.pop()}'")
    if query.started_after:
        end = query.started_before or now
        parts += [f"startTime eq '{_moment(query.started_after)}'", f"endTime eq '{_moment(end)}'"]
    return " and ".join(parts)


def _moment(moment: datetime) -> str:
    # Not %p: the machine's language would decide what stands there.
    return f"{moment:%Y-%m-%d %I:%M:%S} {'AM' if moment.hour < 12 else 'PM'}"


def _transferred(extended: Wire) -> int | None:
    match = _SIZE.fullmatch(str((extended.get("propertyBag") or {}).get("Backup Size") or ""))
    return int(float(match.group(1)) * _BYTES[match.group(2).upper()]) if match else None


def _errors(details: Any) -> list[dict[str, Any]]:
    return [
        {
            "code": str(detail.get("errorCode")),
            "message": ": ".join(str(text) for text in (detail.get("errorTitle"), detail.get("errorString")) if text) or None,
            "recommended_action": sentences(detail.get("recommendations")),
        }
        for detail in details or []
        if isinstance(detail, dict)
    ]


def instance_name_of(wire: Wire) -> str | None:
    """Give the name of the virtual machine's item that a job is about; None for other workloads, whose jobs name no item."""
    properties = wire.get("properties") or {}
    container = properties.get("containerName")
    return f"VM;{container}" if container and properties.get("backupManagementType") == "AzureIaasVM" else None


def describe(wire: Wire, vault: ResourceId, instances: dict[str, Wire]) -> dict[str, Any]:
    """Give a job as results show it. Lists carry no extendedInfo: then sub_tasks are unknown.

    instances: what the vault protects, by the lower-cased name; jobs do not say the id of their virtual machine.
    """
    properties = wire.get("properties") or {}
    extended = properties.get("extendedInfo") or {}
    status = snake(properties.get("status"))
    errors = _errors(properties.get("errorDetails"))
    if status == "completed_with_warnings" and any(error["code"] == _CANCELLED_ERROR for error in errors):
        status = "cancelled"
    name = instance_name_of(wire)
    instance = instances.get(str(name).lower()) or {}
    percent = extended.get("progressPercentage")
    duration = properties.get("duration")
    operation = snake(str(properties.get("operation") or "").split(" (", maxsplit=1)[0])
    return shape(
        "job",
        id=f"{vault.text}/backupJobs/{wire.get('name')}",
        name=wire.get("name"),
        vault_id=vault.text,
        operation=operation,
        status=status,
        datasource_id=instance.get("datasource_id"),
        datasource_type="azure_vm" if properties.get("backupManagementType") == "AzureIaasVM" else None,
        instance_id=instance.get("id") or (item_path(vault, name) if name else None),
        instance_name=instance.get("name") or name,
        policy_name=(extended.get("propertyBag") or {}).get("Policy Name") or None,
        user_triggered=properties.get("isUserTriggered"),
        start_time=format_time(parse_time(properties.get("startTime"))),
        end_time=format_time(parse_time(properties.get("endTime"))),
        duration=duration,
        duration_seconds=None if status in ("in_progress", "cancelling") else seconds_of(duration),
        progress_percent=int(percent) if percent is not None else None,
        transferred_bytes=_transferred(extended),
        sub_tasks=[{"name": task.get("taskId"), "status": snake(task.get("status"))} for task in extended.get("tasksList") or []],
        errors=errors,
    )
