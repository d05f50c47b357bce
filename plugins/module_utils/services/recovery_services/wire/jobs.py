# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Jobs of a Recovery Services vault: to results, and what a list is asked for. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

from ....errors import sentences
from ....model.durations import format_time, parse_time, seconds_of
from ....model.resource_ids import ResourceId
from ....model.result_shapes import Wire, shape, snake
from ...interface import MACHINE_MODES, JobQuery
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
_SIZE = re.compile(r"\s*([\d.]+)\s*(B|KB|MB|GB|TB)s?\s*(?:/.*)?", re.IGNORECASE)
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d) (AM|PM)", re.IGNORECASE)
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


def _bag(extended: Wire) -> dict[str, Any]:
    """Give the property bag by names without the blanks that some of them end with (recorded)."""
    return {str(name).strip(): value for name, value in (extended.get("propertyBag") or {}).items()}


def _transferred(extended: Wire) -> int | None:
    """Give the bytes of a backup, or those that a restore has transferred from the vault so far."""
    details = [task.get("taskExecutionDetails") for task in extended.get("tasksList") or []]
    told = [_bag(extended).get("Backup Size"), *details]
    match = next((match for text in told if (match := _SIZE.fullmatch(str(text or "")))), None)
    return int(float(match.group(1)) * _BYTES[match.group(2).upper()]) if match else None


def _restore(extended: Wire) -> dict[str, Any] | None:
    """Give what a restore job tells of its target, by names only: neither subscription nor disks nor subnet.

    Signatures of addresses are left out. Azure names the template only when disks were restored and the job is over (recorded).
    """
    bag = _bag(extended)
    mode = MACHINE_MODES.get(str((extended.get("internalPropertyBag") or {}).get("restoreLocationType")))
    if not bag and mode is None:
        return None
    # Where only disks are restored, a name stands here that means nothing (recorded).
    name = bag.get("Target VM Name") if mode != "disks" else None
    return {
        "mode": mode,
        "resource_group": bag.get("Target resource group"),
        "name": name,
        "virtual_network": bag.get("Target VNet Name"),
        "staging_storage_account": bag.get("Target Storage Account Name"),
        "staging_container": bag.get("Config Blob Container Name"),
        "config_uri": _unsigned(bag.get("Config Blob Uri")),
        "template_uri": _unsigned(bag.get("Template Blob Uri")),
        # Only of a machine of which some disks are left out (recorded).
        "restored_disks": _names(bag.get("Restored disk(s)")),
        "backed_up_disks": _names(bag.get("Backed-up disk(s)")),
    }


def _unsigned(address: Any) -> str | None:
    return str(address).split("?", maxsplit=1)[0] if address else None


def _names(text: Any) -> list[str] | None:
    return [name.strip() for name in str(text).split(";") if name.strip()] if text else None


def _point_time(text: Any) -> str | None:
    """Read the time of a restored point, which the property bag writes in the American way, in UTC."""
    match = _AMERICAN.fullmatch(str(text or ""))
    if match is None:
        return None
    month, day, year, hour, minute, second = map(int, match.groups()[:6])
    # Not %p: the machine's language would decide what it reads.
    hour = hour % 12 + (12 if match.group(7).upper() == "PM" else 0)
    return format_time(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc))


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
    if operation == "cross_region_restore":
        operation = "restore"
    restore = _restore(extended) if operation == "restore" else None
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
        policy_name=_bag(extended).get("Policy Name") or None,
        user_triggered=properties.get("isUserTriggered"),
        start_time=format_time(parse_time(properties.get("startTime"))),
        end_time=format_time(parse_time(properties.get("endTime"))),
        duration=duration,
        duration_seconds=None if status in ("in_progress", "cancelling") else seconds_of(duration),
        progress_percent=int(percent) if percent is not None else None,
        remaining_seconds=seconds_of(extended.get("estimatedRemainingDuration")) if status == "in_progress" else None,
        transferred_bytes=_transferred(extended),
        sub_tasks=[{"name": task.get("taskId"), "status": snake(task.get("status"))} for task in extended.get("tasksList") or []],
        errors=errors,
        source_recovery_point_time=_point_time(_bag(extended).get("Recovery point time")) if restore else None,
        destination_id=instance.get("datasource_id") if restore and restore["mode"] == "in_place" else None,
        restore=restore,
    )
