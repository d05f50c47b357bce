# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Protected items of a Recovery Services vault, which are instances in results: to the wire and back. Pure.

Shapes as recorded in recoveryservices/backup_scenario and backup_disk_exclusion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ....errors import sentences
from ....model.durations import format_time, parse_time, seconds_of
from ....model.resource_ids import ResourceId, parse_resource_id
from ....model.result_shapes import Wire, shape, snake

_TYPE = "Microsoft.Compute/virtualMachines"
# The only fabric that is.
FABRIC = "Azure"

# Azure's states in the words of Backup vaults. IRPending: protected, and the first backup is still to come.
_STATE_OF_ITEM = {
    "irpending": "protection_configured",
    "protected": "protection_configured",
    "protectionstopped": "protection_stopped",
    "backupssuspended": "backups_suspended",
    "protectionerror": "protection_error",
    "protectionpaused": "backups_suspended",
}

# Before the first backup (recorded).
_NEVER = "2001-01-01"


def item_name(datasource: ResourceId) -> str:
    """Give the name that Azure itself gives to the protection of a virtual machine."""
    return f"VM;iaasvmcontainerv2;{datasource.resource_group};{datasource.name}".lower().replace("vm;", "VM;", 1)


def place_of(name: str) -> tuple[str, str, str]:
    """Give the names of an item's fabric, of its container and of itself; the container's follows from its own."""
    return FABRIC, ";".join(["IaasVMContainer", *name.split(";")[1:]]), name


def item_path(vault: ResourceId, name: str) -> str:
    """Give the path of an item by its name."""
    fabric, container, item = place_of(name)
    return f"{vault.text}/backupFabrics/{fabric}/protectionContainers/{container}/protectedItems/{item}"


def _body(datasource_id: str, policy_id: str, **more: Any) -> Wire:
    return {"properties": {"protectedItemType": _TYPE, "sourceResourceId": datasource_id, "policyId": policy_id, **more}}


def enable(datasource_id: str, policy_id: str, disks: Mapping[str, Any] | None) -> Wire:
    """Build the body that protects a virtual machine, changes its policy or its disks, or resumes.

    disks: C({include_disk_luns, exclude_disk_luns}), None where nothing is said of them.
    """
    if disks is None:
        return _body(datasource_id, policy_id)
    included, excluded = disks["include_disk_luns"], disks["exclude_disk_luns"] or None
    if included is None and excluded is None:
        # Every disk again; afterwards Azure answers null as well (Microsoft's article on selective disks).
        return _body(datasource_id, policy_id, extendedProperties={"diskExclusionProperties": None})
    chosen = {"diskLunList": list((excluded if included is None else included) or []), "isInclusionList": included is not None}
    return _body(datasource_id, policy_id, extendedProperties={"diskExclusionProperties": chosen})


def stop(datasource_id: str) -> Wire:
    """Build the body that stops backups and keeps every recovery point."""
    return _body(datasource_id, "", protectionState="ProtectionStopped")


def suspend(datasource_id: str, policy_id: str) -> Wire:
    """Build the body that stops backups and lets recovery points expire by the policy."""
    return _body(datasource_id, policy_id, protectionState="BackupsSuspended")


def undelete(datasource_id: str) -> Wire:
    """Build the body that brings a soft-deleted item back, stopped."""
    return _body(datasource_id, "", protectionState="ProtectionStopped", isRehydrate=True)


def is_deleted(wire: Wire) -> bool:
    """Tell whether an item is soft-deleted; the list has it among the others."""
    return bool((wire.get("properties") or {}).get("isScheduledForDeferredDelete"))


def purge_time(properties: Wire, days: int | None, now: datetime | None) -> datetime | None:
    """Give the moment at which Azure destroys a soft-deleted item; None for other items and where it cannot be told.

    deferredDeleteTimeInUTC is the moment of deletion, deferredDeleteTimeRemaining counts down from now, which is the service's
    (recorded: backup_softdelete). days: of the vault's soft delete, used where the remaining time is missing or not as of now;
    an item's own softDeleteRetentionPeriod is 0 in every recording.
    """
    deleted = parse_time(properties.get("deferredDeleteTimeInUTC"))
    remaining = seconds_of(properties.get("deferredDeleteTimeRemaining"))
    if deleted and now and remaining is not None:
        return now + timedelta(seconds=remaining)
    kept = days or properties.get("softDeleteRetentionPeriodInDays") or properties.get("softDeleteRetentionPeriod")
    return deleted + timedelta(days=int(kept)) if deleted and kept else None


def describe(wire: Wire, vault: ResourceId, days: int | None, now: datetime | None = None) -> dict[str, Any]:
    """Give an item as results show it; days, now: see purge_time.

    What Azure protects inside a virtual machine or a storage account names that as its source: here it has no datasource_id, so
    that it is not taken for the protection of the machine or the account.
    """
    properties = wire.get("properties") or {}
    is_machine = properties.get("backupManagementType") == "AzureIaasVM" or properties.get("workloadType") == "VM"
    policy_id = properties.get("policyId") or None
    datasource_id = properties.get("sourceResourceId") or properties.get("virtualMachineId")
    exclusion = (properties.get("extendedProperties") or {}).get("diskExclusionProperties") or {}
    luns = exclusion.get("diskLunList") if exclusion else None
    state = str(properties.get("protectionState") or "").lower()
    return shape(
        "instance",
        id=item_path(vault, str(wire.get("name"))) if is_machine else _id_in(vault, str(wire.get("id"))),
        name=wire.get("name"),
        vault_id=vault.text,
        datasource_id=datasource_id if is_machine else None,
        datasource_type="azure_vm" if is_machine else properties.get("workloadType"),
        friendly_name=properties.get("friendlyName"),
        policy_id=policy_id,
        policy_name=policy_id.rsplit("/", 1)[-1] if policy_id else None,
        include_disk_luns=sorted(luns) if luns is not None and exclusion.get("isInclusionList") else None,
        exclude_disk_luns=sorted(luns) if luns is not None and not exclusion.get("isInclusionList") else None,
        state="soft_deleted" if is_deleted(wire) else _STATE_OF_ITEM.get(state, snake(properties.get("protectionState"))),
        provisioning_state="succeeded",
        errors=_errors(properties) if state == "protectionerror" else [],
        deletion_time=format_time(parse_time(properties.get("deferredDeleteTimeInUTC"))),
        purge_time=format_time(purge_time(properties, days, now)),
        tags=wire.get("tags") or {},
    )


def _id_in(vault: ResourceId, item_id: str) -> str:
    """Give the id of an item with that of its vault in one casing."""
    return vault.text + re.sub(r"(?i)^.*?(?=/backupFabrics/)", "", item_id)


def describe_row(row: Wire) -> dict[str, Any]:
    """Give an item of any vault, as Resource Graph has it, as results show it."""
    vault = re.split("/backupFabrics/", str(row.get("id")), maxsplit=1, flags=re.IGNORECASE)[0]
    return describe(row, parse_resource_id(vault, "id"), None)


def _errors(properties: Wire) -> list[dict[str, Any]]:
    return [
        {
            "code": str(detail.get("code")),
            "message": detail.get("message") or detail.get("title"),
            "recommended_action": sentences(detail.get("recommendations")),
        }
        for detail in properties.get("healthDetails") or []
    ]


# Azure's words for backups of virtual machines and for those of workloads inside them (recorded: Completed, Unhealthy).
_LAST_BACKUP = {"completed": "completed", "healthy": "completed", "failed": "failed", "unhealthy": "failed"}


def last_backup(wire: Wire) -> dict[str, Any] | None:
    """Give how the last backup of an item ended: C(status), C(end_time), C(error_code) and C(message); None before the first."""
    properties = wire.get("properties") or {}
    status = _LAST_BACKUP.get(str(properties.get("lastBackupStatus") or "").lower())
    if status is None:
        return None
    told: Wire = properties.get("lastBackupErrorDetail") or next(iter(properties.get("healthDetails") or []), {})
    is_failed = status == "failed"
    return {
        "status": status,
        "end_time": format_time(parse_time(properties.get("lastBackupTime"))),
        "error_code": str(told["code"]) if is_failed and told.get("code") else None,
        "message": told.get("message") or told.get("title") if is_failed else None,
        "recommended_action": sentences(told.get("recommendations")) if is_failed else None,
    }


def last_recovery_point(wire: Wire) -> str | None:
    """Give the time of the newest recovery point that an item knows of, None before the first one."""
    text = str((wire.get("properties") or {}).get("lastRecoveryPoint") or "")
    return None if not text or text.startswith(_NEVER) else text
