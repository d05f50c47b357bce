# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a restore from a Backup vault says. Pure.

Shapes as recorded in backup_instance_restore_disk, ..restore_blob_recovery_point, ..restore_blob_point_in_time and
..ilr_restore_adls_recovery_point. The only recovery option is FailIfExists: nothing is ever overwritten.
"""

from __future__ import annotations

from ....model.result_shapes import Wire
from ...interface import ContainerRestore, Restore
from .fields import datasource_info


def restore_request(restore: Restore, guard_requests: list[str]) -> Wire:
    """Build the body of a restore, which validateRestore wraps; guard_requests: see vault_guard.VaultGuard."""
    body: Wire = {"sourceDataStoreType": restore.store, "restoreTargetInfo": _target(restore)}
    if restore.recovery_point:
        body |= {"objectType": "AzureBackupRecoveryPointBasedRestoreRequest", "recoveryPointId": restore.recovery_point}
    else:
        # Seven decimals are what Microsoft's clients send.
        moment = f"{restore.point_in_time:%Y-%m-%dT%H:%M:%S}.0000000Z"
        body |= {"objectType": "AzureBackupRecoveryTimeBasedRestoreRequest", "recoveryPointTime": moment}
    if restore.identity_id:
        body["identityDetails"] = {"useSystemAssignedIdentity": False, "userAssignedIdentityArmUrl": restore.identity_id}
    if guard_requests:
        body["resourceGuardOperationRequests"] = guard_requests
    return body


def _target(restore: Restore) -> Wire:
    datasource_type, resource = restore.datasource_type, restore.target
    info = datasource_info(datasource_type, resource, restore.location)
    criteria: list[Wire] = [_container(one) for one in restore.containers]
    criteria += [
        {"objectType": "RangeBasedItemLevelRestoreCriteria", "minMatchingValue": first, "maxMatchingValue": last}
        for first, last in restore.ranges
    ]
    target: Wire = {
        "objectType": "ItemLevelRestoreTargetInfo" if criteria else "RestoreTargetInfo",
        "recoveryOption": "FailIfExists",
        "restoreLocation": restore.location,
        "datasourceInfo": info,
    }
    if restore.containers:
        target["datasourceSetInfo"] = {**info, "objectType": "DatasourceSet"}
    if criteria:
        target["restoreCriteria"] = criteria
    return target


def _container(one: ContainerRestore) -> Wire:
    criterion: Wire = {
        "objectType": "ItemPathBasedRestoreCriteria",
        "itemPath": one.name,
        "isPathRelativeToBackupItem": True,
    }
    if one.prefixes:
        criterion["subItemPathPrefix"] = list(one.prefixes)
    if one.new_name != one.name:
        criterion["renameTo"] = one.new_name
    return criterion
