# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Requests that restore virtual machines. Pure.

Shapes as recorded in recoveryservices/backup_restore, backup_disk_exclusion, powershell_TestAzureVMRestoreWithMSI, backup_crr.
"""

from __future__ import annotations

from ....model.result_shapes import Wire
from ...interface import SYSTEM_ASSIGNED, Restore


def restore_request(restore: Restore, guard_requests: list[str]) -> Wire:
    """Build the properties of a restore; guard_requests: see vault_guard.VaultGuard.

    No tier is named: of a point that has a snapshot Azure takes that, where the disks are managed.
    """
    machine = restore.machine
    if machine is None:
        raise TypeError("a virtual machine is restored as a MachineRestore says")
    body: Wire = {
        "objectType": "IaasVMRestoreRequest",
        "recoveryPointId": restore.recovery_point,
        "recoveryType": machine.recovery_type,
        "sourceResourceId": restore.instance["datasource_id"],
        "storageAccountId": machine.staging_account.text,
        "region": restore.location,
        "createNewCloudService": False,
        "originalStorageAccountOption": False,
    }
    if machine.recovery_type != "OriginalLocation":
        body["targetResourceGroupId"] = restore.target.group_id
    if machine.recovery_type == "AlternateLocation":
        body["targetVirtualMachineId"] = restore.target.text
        body["virtualNetworkId"] = machine.network.text if machine.network else None
        body["subnetId"] = machine.subnet.text if machine.subnet else None
    if machine.zone:
        body["zones"] = [machine.zone]
    if machine.disk_luns is not None:
        body["restoreDiskLunList"] = list(machine.disk_luns)
    if machine.disk_encryption_set:
        body["diskEncryptionSetId"] = machine.disk_encryption_set.text
    if machine.network_access:
        body["targetDiskNetworkAccessSettings"] = {"targetDiskNetworkAccessOption": machine.network_access}
        if machine.disk_access:
            body["targetDiskNetworkAccessSettings"]["targetDiskAccessId"] = machine.disk_access.text
    if machine.staging_identity:
        is_system = machine.staging_identity == SYSTEM_ASSIGNED
        body["identityInfo"] = {"isSystemAssignedIdentity": is_system}
        if not is_system:
            body["identityInfo"]["managedIdentityResourceId"] = machine.staging_identity
    if guard_requests:
        body["resourceGuardOperationRequests"] = guard_requests
    return body
