# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Recovery points of a Recovery Services vault: to results. Pure."""

from __future__ import annotations

from typing import Any

from ....model.durations import format_time, parse_time
from ....model.result_shapes import Wire, shape, snake

_CONSISTENCY = {
    "appconsistent": "application",
    "applicationconsistent": "application",
    "filesystemconsistent": "file_system",
    "crashconsistent": "crash",
}

# The tier that counts most: what is in the vault survives its virtual machine.
_TIERS = (("ArchivedRP", "archive_store"), ("HardenedRP", "vault_store"), ("InstantRP", "operational_store"))


def describe(wire: Wire, item_path: str, instance_name: str, datasource_id: str | None) -> dict[str, Any]:
    """Give a recovery point as results show it."""
    properties = wire.get("properties") or {}
    kind = str(properties.get("recoveryPointType") or "")
    details = properties.get("recoveryPointTierDetails") or []
    valid = {detail.get("type") for detail in details if detail.get("status") in ("Valid", "Rehydrated", 1, None)}
    tiers = [tier for name, tier in _TIERS if name in valid]
    return shape(
        "recovery_point",
        id=f"{item_path}/recoveryPoints/{wire.get('name')}",
        name=wire.get("name"),
        datasource_id=datasource_id,
        instance_name=instance_name,
        time=format_time(parse_time(properties.get("recoveryPointTime"))),
        consistency=_CONSISTENCY.get(kind.lower(), snake(kind)),
        tier=tiers[0] if tiers else None,
        tiers=tiers,
        expiry=format_time(parse_time((properties.get("recoveryPointProperties") or {}).get("expiryTime"))),
        machine=_machine(properties, tiers),
    )


def _machine(properties: Wire, tiers: list[str]) -> dict[str, Any]:
    """Give what decides how a point can be restored. Which disks it has, only the point read by itself says (recorded)."""
    disks = (properties.get("recoveryPointDiskConfiguration") or {}).get("includedDiskList")
    return {
        # With a snapshot beside the machine a restore takes about a minute, from the vault about half an hour (recorded).
        "has_snapshot": "operational_store" in tiers,
        "is_rehydrated": any(detail.get("status") == "Rehydrated" for detail in properties.get("recoveryPointTierDetails") or []),
        "has_managed_disks": properties.get("isManagedVirtualMachine"),
        "is_encrypted": properties.get("isSourceVMEncrypted"),
        "has_private_disks": properties.get("isPrivateAccessEnabledOnAnyDisk"),
        "size": properties.get("virtualMachineSize"),
        "os_type": properties.get("osType"),
        "security_type": properties.get("securityType"),
        "zones": properties.get("zones") or [],
        "disks": None if disks is None else [{"lun": disk.get("lun"), "name": disk.get("name")} for disk in disks],
    }
