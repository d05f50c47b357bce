# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a virtual machine, as Azure answers it, consists of."""

from __future__ import annotations

from typing import Any


def disks_of(wire: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what a machine says of its managed disks, that of the system first and without a C(lun)."""
    storage = (wire.get("properties") or {}).get("storageProfile") or {}
    listed = [storage.get("osDisk") or {}, *(storage.get("dataDisks") or [])]
    return [disk for disk in listed if disk_id_of(disk)]


def disk_id_of(disk: dict[str, Any]) -> str:
    """Give the id of a disk by what its machine says of it; empty for one that is not managed."""
    return str((disk.get("managedDisk") or {}).get("id") or "")


def disk_ids_of(wire: dict[str, Any]) -> list[str]:
    """Give the ids of the managed disks of a machine, that of the system first."""
    return [disk_id_of(disk) for disk in disks_of(wire)]


def interface_ids_of(wire: dict[str, Any]) -> list[str]:
    """Give the ids of the network interfaces of a machine."""
    interfaces = ((wire.get("properties") or {}).get("networkProfile") or {}).get("networkInterfaces") or []
    return [str(one.get("id")) for one in interfaces]
