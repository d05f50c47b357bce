# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Backup instances of a Backup vault: to the wire and to results. Pure."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ....model.datasource_types import DatasourceType, find_by_wire_type
from ....model.durations import format_time, parse_time
from ....model.resource_ids import ResourceId
from ....model.result_shapes import Wire, shape, snake
from ...interface import Protection
from .fields import datasource_info, describe_errors, type_of, vault_of

# How the objectType of containers ends that are protected by themselves (azure-mgmt-dataprotection 2.2, api-version 2026-06-01).
_AUTOMATIC = "ForAutoProtection"


def instance_name_for(datasource: ResourceId) -> str:
    """Give the name that a datasource's instance always gets: Microsoft's pattern, with a uuid of the id.

    Microsoft's clients put a random uuid there, so that each run makes another name.
    """
    parent = datasource.names[0]
    return f"{parent}-{datasource.name}-{uuid.uuid5(uuid.NAMESPACE_URL, datasource.key)}"


def instance_body(protection: Protection) -> Wire:
    """Build the properties of a new instance, as recorded in backup_instance_create_backup_delete_disk."""
    datasource, datasource_type = protection.datasource, protection.datasource_type
    info = datasource_info(datasource_type, datasource, protection.location)
    parameters: Wire = {}
    if protection.snapshot_resource_group_id:
        parameters["dataStoreParametersList"] = [
            {
                "dataStoreType": datasource_type.data_store,
                "objectType": "AzureOperationalStoreParameters",
                "resourceGroupId": protection.snapshot_resource_group_id,
            }
        ]
    if protection.containers_list or protection.auto_protection is not None:
        parameters["backupDatasourceParametersList"] = [
            _containers(datasource_type, protection.containers_list, protection.auto_protection)
        ]
    policy: Wire = {"policyId": protection.policy_id, **({"policyParameters": parameters} if parameters else {})}
    body: Wire = {
        "dataSourceInfo": info,
        "friendlyName": datasource.name,
        "objectType": "BackupInstance",
        "policyInfo": policy,
    }
    if datasource_type.names_datasource_set:
        body["dataSourceSetInfo"] = {**info, "objectType": "DatasourceSet"}
    if protection.identity_id:
        body["identityDetails"] = {
            "useSystemAssignedIdentity": False,
            "userAssignedIdentityArmUrl": protection.identity_id,
        }
    return body


def _containers(datasource_type: DatasourceType, names: Sequence[str], automatic: Mapping[str, Any] | None) -> Wire:
    if automatic is None:
        return {"objectType": datasource_type.parameters_type, "containersList": list(names)}
    rules = [
        {"objectType": "BlobBackupAutoProtectionRule", "mode": "Exclude", "type": "Prefix", "pattern": prefix}
        for prefix in automatic["exclude_prefixes"]
    ]
    return {
        "objectType": f"{datasource_type.parameters_type}{_AUTOMATIC}",
        "autoProtectionSettings": {"objectType": "BlobBackupRuleBasedAutoProtectionSettings", "enabled": True, "rules": rules},
    }


def is_automatic(properties: Wire) -> bool:
    """Tell whether an instance protects containers that are still to come, which only newer api-versions know."""
    parameters = (properties.get("policyInfo") or {}).get("policyParameters") or {}
    return any(
        str(item.get("objectType")).endswith(_AUTOMATIC) for item in parameters.get("backupDatasourceParametersList") or []
    )


def with_changes(wire: Wire, changes: Mapping[str, Any], requests: list[str]) -> Wire:
    """Give the body that changes an instance's policy or containers and keeps all the rest of it.

    changes: see interface.BackupService.change_protection; requests: what a resource guard wants to see (guard.requests_for).
    """
    properties = copy.deepcopy(wire["properties"])
    for key in ("protectionStatus", "currentProtectionState", "provisioningState", "protectionErrorDetails"):
        properties.pop(key, None)
    policy = properties["policyInfo"]
    policy.pop("policyVersion", None)
    if changes.get("policy_id"):
        policy["policyId"] = changes["policy_id"]
    datasource_type = find_by_wire_type((properties.get("dataSourceInfo") or {}).get("datasourceType"))
    if datasource_type and "containers_list" in changes:
        chosen = [_containers(datasource_type, changes["containers_list"], changes["auto_protection"])]
        policy["policyParameters"] = {**(policy.get("policyParameters") or {}), "backupDatasourceParametersList": chosen}
    for source in (properties.get("dataSourceInfo"), properties.get("dataSourceSetInfo")):
        if source:
            # After an undelete it is empty (recorded: backup_instance_softdelete).
            source["resourceUri"] = source.get("resourceUri") or source.get("resourceID")
    if requests:
        properties["resourceGuardOperationRequests"] = requests
    body: Wire = {"properties": properties}
    if wire.get("tags"):
        body["tags"] = wire["tags"]
    return body


def _read_automatic(sources: list[Wire]) -> dict[str, Any] | None:
    settings = next((source["autoProtectionSettings"] for source in sources if source.get("autoProtectionSettings")), None)
    if not settings or not settings.get("enabled"):
        return None
    return {"exclude_prefixes": [rule.get("pattern") for rule in settings.get("rules") or []]}


def describe(wire: Wire) -> dict[str, Any]:
    """Give an instance as results show it."""
    properties = wire.get("properties") or {}
    source = properties.get("dataSourceInfo") or {}
    policy = properties.get("policyInfo") or {}
    parameters = policy.get("policyParameters") or {}
    stores = parameters.get("dataStoreParametersList") or []
    sources = parameters.get("backupDatasourceParametersList") or []
    status = properties.get("protectionStatus") or {}
    state = properties.get("currentProtectionState") or status.get("status")
    policy_id = policy.get("policyId")
    deletion = properties.get("deletionInfo") or {}
    return shape(
        "instance",
        id=wire.get("id"),
        name=wire.get("name"),
        vault_id=vault_of(wire.get("id")),
        datasource_id=source.get("resourceID"),
        datasource_type=type_of(source.get("datasourceType")),
        friendly_name=properties.get("friendlyName"),
        policy_id=policy_id,
        policy_name=policy_id.rsplit("/", 1)[-1] if policy_id else None,
        snapshot_resource_group_id=next((s["resourceGroupId"] for s in stores if s.get("resourceGroupId")), None),
        containers_list=sorted(name for source in sources for name in source.get("containersList") or []),
        auto_protection=_read_automatic(sources),
        identity_id=(properties.get("identityDetails") or {}).get("userAssignedIdentityArmUrl"),
        state=snake(state),
        provisioning_state=snake(properties.get("provisioningState")),
        errors=describe_errors(status.get("errorDetails") or properties.get("protectionErrorDetails")),
        deletion_time=format_time(parse_time(deletion.get("deletionTime"))),
        purge_time=format_time(parse_time(deletion.get("scheduledPurgeTime"))),
        tags=wire.get("tags") or {},
    )
