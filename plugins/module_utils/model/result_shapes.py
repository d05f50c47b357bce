# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What modules return: vault, resource guard, policy, instance, job, recovery point. Alike for both kinds of vault.

The guide docs/docsite/rst/guide_results.rst maps these fields to those of the services.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from .resource_ids import canonical_id

# A resource as results show it, and as a service writes it.
Described = dict[str, Any]
Wire = dict[str, Any]

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Every field, with what stands for it where a service does not say. Times are ISO 8601 in UTC, sizes are bytes.
FIELDS: dict[str, Described] = {
    "vault": {
        "id": None,
        "name": None,
        "subscription_id": None,
        "resource_group": None,
        "vault_type": None,
        "location": None,
        "tags": {},
        "identity": {"type": "None", "principal_id": None, "tenant_id": None, "user_assigned_identities": {}},
        "sku": None,
        "datastore_type": None,
        "redundancy": None,
        "soft_delete": {"state": None, "retention_duration_in_days": None},
        "immutability_state": None,
        "encryption_settings": None,
        "cross_region_restore_state": None,
        "cross_subscription_restore_state": None,
        "alerts_for_all_job_failures": None,
        "public_network_access": None,
        "is_protected_by_resource_guard": None,
        "resource_guard_id": None,
        "replicated_regions": [],
        "secure_score": None,
        "security_level": None,
        "provisioning_state": None,
        "deleted_vault_id": None,
        "deletion_time": None,
        "purge_time": None,
    },
    "resource_guard": {
        "id": None,
        "name": None,
        "subscription_id": None,
        "resource_group": None,
        "location": None,
        "tags": {},
        "vault_critical_operations": [],
        "vault_critical_operation_exclusion_list": [],
        "provisioning_state": None,
    },
    "policy": {
        "id": None,
        "name": None,
        "datasource_type": None,
        "schedule": None,
        "retention": {},
        "retention_rules": [],
        "policy_type": None,
        "instant_rp_retention_range_in_days": None,
        "azure_backup_rg_name_prefix": None,
        "azure_backup_rg_name_suffix": None,
        "backup_rules": [],
        "retention_tags": [],
        "is_fully_described": False,
        "recovery_points_kept": None,
        "properties": None,
    },
    "instance": {
        "id": None,
        "name": None,
        "vault_id": None,
        "datasource_id": None,
        "datasource_type": None,
        "friendly_name": None,
        "policy_id": None,
        "policy_name": None,
        "snapshot_resource_group_id": None,
        "containers_list": [],
        "auto_protection": None,
        "include_disk_luns": None,
        "exclude_disk_luns": None,
        "identity_id": None,
        "state": None,
        "provisioning_state": None,
        "errors": [],
        "deletion_time": None,
        "purge_time": None,
        "tags": {},
    },
    "job": {
        "id": None,
        "name": None,
        "vault_id": None,
        "operation": None,
        "status": None,
        "datasource_id": None,
        "datasource_type": None,
        "instance_id": None,
        "instance_name": None,
        "policy_name": None,
        "user_triggered": None,
        "start_time": None,
        "end_time": None,
        "duration": None,
        "duration_seconds": None,
        "progress_percent": None,
        "remaining_seconds": None,
        "transferred_bytes": None,
        "sub_tasks": [],
        "errors": [],
        "recovery_point_id": None,
        "source_recovery_point_id": None,
        "source_recovery_point_time": None,
        "destination_id": None,
        "restore": None,
    },
    "recovery_point": {
        "id": None,
        "name": None,
        "datasource_id": None,
        "instance_name": None,
        "time": None,
        "type": None,
        "consistency": None,
        "tier": None,
        "tiers": [],
        "expiry": None,
        "machine": None,
    },
    "stackhub_backup": {
        "id": None,
        "name": None,
        "location": None,
        "type": None,
        "tags": None,
        "status": None,
        "role_status": [],
        "created_time": None,
        "time_taken": None,
        "time_taken_seconds": None,
        "backup_data_version": None,
        "stamp_version": None,
        "oem_version": None,
        "deployment_id": None,
        "encryption_cert_thumbprint": None,
        "completely_uploaded": None,
        "is_whole": None,
        "is_automatic_backup": None,
        "is_cloud_recovery_ready": None,
    },
    "backup_location": {
        "id": None,
        "name": None,
        "location": None,
        "type": None,
        "tags": None,
        "path": None,
        "user_name": None,
        "blob_storage_url": None,
        "backup_frequency_in_hours": None,
        "backup_retention_period_in_days": None,
        "is_backup_scheduler_enabled": None,
        "encryption_cert_thumbprint": None,
        "available_capacity": None,
        "next_backup_time": None,
        "last_backup_time": None,
    },
    "hsm_job": {
        "job_id": None,
        "status": None,
        "status_details": None,
        "start_time": None,
        "end_time": None,
        "duration": None,
        "duration_seconds": None,
        "folder_uri": None,
        "folder_name": None,
        "error": None,
    },
}

# Of these fields only the service knows the value, so that a prediction leaves them out; a star is every key of a dict.
MADE_BY_SERVICE = {
    "vault": (
        "id",
        "identity.principal_id",
        "identity.tenant_id",
        "identity.user_assigned_identities.*.principal_id",
        "identity.user_assigned_identities.*.client_id",
        "is_protected_by_resource_guard",
        "replicated_regions",
        "secure_score",
        "security_level",
        "provisioning_state",
    ),
    "resource_guard": ("id", "provisioning_state", "vault_critical_operations"),
    # A policy in Azure's form says no more than schedule and retention do.
    "policy": ("id", "properties"),
    "backup_location": ("id",),
}


def comparable(noun: str, value: Described | None) -> Described | None:
    """Give a resource without what only the service makes, None for None; noun: a key of MADE_BY_SERVICE."""
    if value is None:
        return None
    kept = copy.deepcopy(value)
    for path in MADE_BY_SERVICE[noun]:
        *folders, name = path.split(".")
        for place in _places(kept, folders):
            place.pop(name, None)
    return kept


def _places(value: Any, path: list[str]) -> list[dict[str, Any]]:
    """Give the dicts at a path, of which a star stands for every key."""
    found = [value]
    for name in path:
        found = [item for place in found for key, item in place.items() if name in ("*", key) and isinstance(item, dict)]
    return found


def shape(noun: str, **known: Any) -> Described:
    """Give a vault, policy, instance or another noun with every field that it has; what is not known stays empty."""
    fields = FIELDS[noun]
    strange = set(known) - set(fields)
    if strange:
        raise KeyError(f"a {noun} has no {', '.join(sorted(strange))}")
    return {**copy.deepcopy(fields), **{name: _in_one_casing(name, value) for name, value in known.items()}}


def _in_one_casing(name: str, value: Any) -> Any:
    """Give ids in one casing, as values and as keys, whatever Azure answered."""
    if name == "identity":
        assigned = value["user_assigned_identities"]
        return {**value, "user_assigned_identities": {canonical_id(key): made for key, made in assigned.items()}}
    if name == "encryption_settings" and value and value["identity_id"]:
        return {**value, "identity_id": canonical_id(value["identity_id"])}
    is_id = (name == "id" or name.endswith("_id")) and isinstance(value, str) and value.startswith("/")
    return canonical_id(value) if is_id else value


def snake(text: str | None) -> str | None:
    """Give one of Azure's values in snake case: ProtectionConfigured as protection_configured."""
    if not text:
        return None
    return _HUMP.sub("_", text).replace(" ", "_").lower()
