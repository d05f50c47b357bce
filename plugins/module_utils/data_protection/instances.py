# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup instances, jobs and recovery points of a Backup vault: to the wire and to results. Pure."""

from __future__ import annotations

import copy
import re
from typing import Any

from ..durations import format_time, parse_time, seconds_of
from ..services import Protection

Wire = dict[str, Any]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# The description of the API says Success and SuccessWithWarning where the service says Completed.
_JOB_STATUS = {
    "inprogress": "in_progress",
    "success": "completed",
    "succeeded": "completed",
    "successwithwarning": "completed_with_warnings",
    "successwithwarnings": "completed_with_warnings",
    "canceled": "cancelled",
}


def snake(text: str | None) -> str | None:
    """Give one of Azure's values in snake case: ProtectionConfigured as protection_configured."""
    if not text:
        return None
    return _HUMP.sub("_", text).replace(" ", "_").lower()


def _job_status(text: str | None) -> str | None:
    return _JOB_STATUS.get((text or "").lower()) or snake(text)


def instance_body(protection: Protection) -> Wire:
    """Build the properties of a new instance, as recorded in backup_instance_create_backup_delete_disk."""
    datasource, row = protection.datasource, protection.row
    info: Wire = {
        "datasourceType": row.wire_type,
        "objectType": "Datasource",
        "resourceID": datasource.text,
        "resourceLocation": protection.location,
        "resourceName": datasource.name,
        "resourceType": row.resource_type,
        "resourceUri": datasource.text,
    }
    policy: Wire = {"policyId": protection.policy_id}
    if protection.snapshot_resource_group_id:
        policy["policyParameters"] = {
            "dataStoreParametersList": [
                {
                    "dataStoreType": row.data_store,
                    "objectType": "AzureOperationalStoreParameters",
                    "resourceGroupId": protection.snapshot_resource_group_id,
                }
            ]
        }
    return {
        "dataSourceInfo": info,
        "friendlyName": datasource.name,
        "objectType": "BackupInstance",
        "policyInfo": policy,
    }


def with_policy(wire: Wire, policy_id: str) -> Wire:
    """Give the body that re-points an instance to another policy and keeps all the rest."""
    properties = copy.deepcopy(wire["properties"])
    for key in ("protectionStatus", "currentProtectionState", "provisioningState", "protectionErrorDetails"):
        properties.pop(key, None)
    properties["policyInfo"]["policyId"] = policy_id
    properties["policyInfo"].pop("policyVersion", None)
    body: Wire = {"properties": properties}
    if wire.get("tags"):
        body["tags"] = wire["tags"]
    return body


def _errors(details: Any) -> list[dict[str, Any]]:
    listed = details if isinstance(details, list) else [details] if details else []
    return [
        {
            "code": error.get("code"),
            "message": error.get("message"),
            "recommended_action": " ".join(error.get("recommendedAction") or []) or None,
        }
        for error in listed
        if isinstance(error, dict)
    ]


def describe_instance(wire: Wire) -> dict[str, Any]:
    """Give an instance as results show it."""
    properties = wire.get("properties") or {}
    source = properties.get("dataSourceInfo") or {}
    policy = properties.get("policyInfo") or {}
    stores = (policy.get("policyParameters") or {}).get("dataStoreParametersList") or []
    status = properties.get("protectionStatus") or {}
    state = properties.get("currentProtectionState") or status.get("status")
    policy_id = policy.get("policyId")
    return {
        "id": wire.get("id"),
        "name": wire.get("name"),
        "datasource_id": source.get("resourceID"),
        "friendly_name": properties.get("friendlyName"),
        "policy_id": policy_id,
        "policy_name": policy_id.rsplit("/", 1)[-1] if policy_id else None,
        "snapshot_resource_group_id": next((s["resourceGroupId"] for s in stores if s.get("resourceGroupId")), None),
        "state": snake(state),
        "provisioning_state": snake(properties.get("provisioningState")),
        "errors": _errors(status.get("errorDetails") or properties.get("protectionErrorDetails")),
        "tags": wire.get("tags") or {},
    }


def _progress(sub_tasks: list[Wire]) -> int | None:
    for task in reversed(sub_tasks):
        match = re.match(r"^\s*(\d+)", str(task.get("taskProgress") or ""))
        if match:
            return int(match.group(1))
    return None


def describe_job(wire: Wire) -> dict[str, Any]:
    """Give a job as results show it. Lists carry no extendedInfo: then sub_tasks and recovery_point_id are unknown."""
    properties = wire.get("properties") or {}
    extended = properties.get("extendedInfo") or {}
    sub_tasks = extended.get("subTasks") or []
    status = _job_status(properties.get("status"))
    instance_id = properties.get("backupInstanceId") or ""
    return {
        "id": wire.get("id"),
        "name": wire.get("name"),
        "operation": snake(properties.get("operation") or properties.get("operationCategory")),
        "status": status,
        "datasource_id": properties.get("dataSourceId"),
        "instance_id": instance_id or None,
        "instance_name": instance_id.rsplit("/", 1)[-1] or None,
        "policy_name": properties.get("policyName"),
        "user_triggered": properties.get("isUserTriggered"),
        "start_time": format_time(parse_time(properties.get("startTime"))),
        "end_time": format_time(parse_time(properties.get("endTime"))),
        "duration": properties.get("duration"),
        "duration_seconds": None if status == "in_progress" else seconds_of(properties.get("duration")),
        "progress_percent": _progress(sub_tasks),
        "sub_tasks": [{"name": task.get("taskName"), "status": _job_status(task.get("taskStatus"))} for task in sub_tasks],
        "errors": _errors(properties.get("errorDetails")),
        "recovery_point_id": (extended.get("targetRecoverPoint") or {}).get("recoveryPointID"),
    }


def describe_recovery_point(wire: Wire) -> dict[str, Any]:
    """Give a recovery point as results show it. Backup vaults do not say how consistent a point is."""
    properties = wire.get("properties") or {}
    stores = properties.get("recoveryPointDataStoresDetails") or []
    return {
        "id": wire.get("id"),
        "name": wire.get("name"),
        "time": format_time(parse_time(properties.get("recoveryPointTime"))),
        "type": snake(properties.get("recoveryPointType")),
        "consistency": None,
        "tier": snake(stores[0].get("type")) if stores else None,
        "expiry": format_time(parse_time(properties.get("expiryTime"))),
    }
