# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Backup vault protects: a row a type, and what is checked of a protection."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime

from .arm import ArmError, Wire, backup_error, user_facing_error
from .authorization import Authorization
from .compute import Compute
from .storage import Storage

_READER = "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24"
_SNAPSHOT_CONTRIBUTOR = "7efff54f-a5b4-42b5-a1c5-5411624893ce"
_RESTORE_OPERATOR = "b50d9833-a0cb-478e-945f-707fcc997c13"
_STORAGE_CONTRIBUTOR = "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1"


@dataclass(frozen=True)
class Protectable:
    """One type: what its policies may say and what its recovery points are.

    intervals: the periods of its schedules; tier: what a job calls the store; tags: whether a policy may have tags of its own.
    """

    wire_type: str
    intervals: frozenset[str]
    continuous_store: str | None
    takes_other_tags: bool
    store: str
    tier: str
    point_type: str


DISK = Protectable(
    "Microsoft.Compute/disks",
    frozenset({"PT1H", "PT2H", "PT4H", "PT6H", "PT8H", "PT12H", "P1D"}),
    None,
    False,
    "OperationalStore",
    "OperationalTierStore",
    "Incremental",
)
BLOB = Protectable(
    "Microsoft.Storage/storageAccounts/blobServices",
    frozenset({"P1D", "P1W"}),
    "OperationalStore",
    True,
    "VaultStore",
    "VaultStore",
    "Full",
)
LAKE = Protectable(
    "Microsoft.Storage/storageAccounts/adlsBlobServices",
    frozenset({"P1D", "P1W"}),
    None,
    True,
    "VaultStore",
    "VaultStore",
    "Full",
)
TYPES = {row.wire_type.lower(): row for row in (DISK, BLOB, LAKE)}


def refuse(message: str, code: str = "BMSUserErrorInvalidInput") -> ArmError:
    """Give a refusal of what a request says."""
    return backup_error(400, code, message, "Correct the request and try again.")


def row_of(datasource_type: str) -> Protectable:
    """Give the row of a type. Raises ArmError 501 for one that is not there."""
    row = TYPES.get(str(datasource_type).lower())
    if row is None:
        raise ArmError(501, "NotEmulated", f"The emulator does not protect {datasource_type}.")
    return row


def has_schedule(policy: Wire) -> bool:
    """Tell whether a policy makes recovery points."""
    return any(rule["objectType"] == "AzureBackupRule" for rule in policy["properties"]["policyRules"])


def snapshot_group(properties: Wire) -> str | None:
    """Give the resource group of the snapshots of an instance."""
    stores = (properties["policyInfo"].get("policyParameters") or {}).get("dataStoreParametersList") or []
    return next((store.get("resourceGroupId") for store in stores), None)


class Datasources:
    """The datasources that are there, and what the identity of a vault may do with them."""

    def __init__(self, compute: Compute, storage: Storage, authorization: Authorization) -> None:
        self._compute = compute
        self._storage = storage
        self._authorization = authorization

    def check(self, row: Protectable, properties: Wire, policy: Wire) -> None:
        """Refuse parameters that do not suit the type and the policy. Raises ArmError 400."""
        source = properties["dataSourceInfo"]
        if row is DISK:
            self._check_disk(properties, source["resourceID"])
        else:
            self._check_account(row, properties, source["resourceID"], policy)

    @staticmethod
    def _check_disk(properties: Wire, disk: str) -> None:
        group = snapshot_group(properties)
        if not group:
            raise refuse("The snapshot resource group is missing.")
        if group.split("/")[2].lower() != disk.split("/")[2].lower():
            raise backup_error(
                400,
                "UserErrorSnapshotRGSubscriptionMismatch",
                "The snapshot resource group is not in the subscription of the disk.",
                "Choose a resource group in the subscription of the disk.",
            )

    def _check_account(self, row: Protectable, properties: Wire, account: str, policy: Wire) -> None:
        there = self._storage.accounts.get(account.lower())
        if there and there["properties"]["isHnsEnabled"] is not (row is LAKE):
            # The code is documented (blob-backup-troubleshoot).
            raise refuse("The storage account is of a type that is not supported.", "UserErrorUnsupportedStorageAccountType")
        if (properties.get("dataSourceSetInfo") or {}).get("objectType") != "DatasourceSet":
            raise refuse("dataSourceSetInfo is missing.")
        parameters = (properties["policyInfo"].get("policyParameters") or {}).get("backupDatasourceParametersList") or []
        for item in parameters:
            if not str(item.get("objectType")).startswith("Adls" if row is LAKE else "Blob"):
                raise refuse(f"{item.get('objectType')} does not suit {row.wire_type}.")
        chosen = [name for item in parameters for name in item.get("containersList") or []]
        is_automatic = any((item.get("autoProtectionSettings") or {}).get("enabled") for item in parameters)
        if has_schedule(policy) and not chosen and not is_automatic:
            raise refuse("No containers are selected for the operation.", "UserErrorNoContainersSelectedForOperation")
        unknown = set(chosen) - set(self._storage.containers.get(account.lower(), chosen))
        if unknown:
            raise refuse(f"The container {sorted(unknown)[0]} does not exist.")

    def missing_permission(self, vault: Wire, properties: Wire) -> Wire | None:
        """Give the error of validateForBackup where a datasource is gone, or the vault's identity lacks a role on it."""
        source = properties["dataSourceInfo"]["resourceID"]
        principal = _acting_principal(vault, properties)
        if row_of(properties["dataSourceInfo"]["datasourceType"]) is not DISK:
            return self._missing_on_account(principal, source)
        group = str(snapshot_group(properties))
        parts = group.split("/")
        exists = source.lower() in self._compute.disks and (parts[2].lower(), parts[4].lower()) in self._compute.groups.groups
        if exists and self._holds(principal, _READER, source) and self._holds(principal, _SNAPSHOT_CONTRIBUTOR, group):
            return None
        return user_facing_error(
            "UserErrorDiskAndSnapshotRGOrMSIPermissionsNotPresent",
            "Could not perform the operation as Disk and Snapshot Data store Resource Group no longer exists. Or Azure Backup "
            "Service requires additional permissions on the Snapshot Data store Resource Group and Disk to do this operation.",
            "Grant Backup Vault managed identity appropriate permissions on the Snapshot Data store Resource Group and on the "
            "Disk.",
        )

    def _missing_on_account(self, principal: str | None, account: str) -> Wire | None:
        if account.lower() in self._storage.accounts and self._holds(principal, _STORAGE_CONTRIBUTOR, account):
            return None
        code = "UserErrorMissingRequiredPermissions"
        detail = (
            f"Validate for Protection failed. Exception Message: The client '{principal}' with object id '{principal}' does not "
            f"have authorization to perform action 'Microsoft.Authorization/roleAssignments/read' over scope '{account}'."
        )
        return user_facing_error(
            code,
            "Appropriate permissions to perform the operation is missing.",
            f"Grant appropriate permissions to perform this operation as mentioned at https://aka.ms/{code} and retry the "
            "operation.",
            {"code": code, "additionalInfo": {"DetailedNonLocalisedMessage": detail}},
        )

    def content_of(self, properties: Wire) -> Wire:
        """Give what a recovery point of an instance holds."""
        source = properties["dataSourceInfo"]["resourceID"]
        if row_of(properties["dataSourceInfo"]["datasourceType"]) is DISK:
            return {"disk": copy.deepcopy(self._compute.disks.get(source.lower()))}
        parameters = (properties["policyInfo"].get("policyParameters") or {}).get("backupDatasourceParametersList") or []
        chosen = [name for item in parameters for name in item.get("containersList") or []]
        containers = chosen or list(self._storage.containers.get(source.lower(), []))
        return {"containers": containers, "blobs": self._storage.blobs_of(source, containers)}

    def containers_of(self, account: str) -> list[str]:
        """Give the containers of an account."""
        return self._storage.containers[account.lower()]

    def make_container(self, account: str, name: str, blobs: dict[str, bytes]) -> None:
        """Make a container of what a recovery point holds."""
        self._storage.restore_container(account, name, blobs)

    def make_disk(self, disk_id: str, source: Wire, created: datetime) -> None:
        """Make a disk of what a recovery point holds."""
        parts = disk_id.split("/")
        more = {"size_gb": source["properties"]["diskSizeGB"], "created": created}
        self._compute.add_disk(parts[2], parts[4], parts[8], source["location"], source["sku"]["name"], **more)

    def disk_restore_problem(self, vault: Wire, disk_id: str) -> Wire | None:
        """Give the error of a disk's restore to a place."""
        parts = disk_id.split("/")
        if disk_id.lower() in self._compute.disks:
            return user_facing_error(
                "UserErrorDiskAlreadyExists", "A disk of that name exists in the target resource group.", "Choose another name."
            )
        principal = _acting_principal(vault, {})
        group = "/".join(parts[:5])
        exists = (parts[2].lower(), parts[4].lower()) in self._compute.groups.groups
        if exists and self._holds(principal, _RESTORE_OPERATOR, group):
            return None
        # The code is documented (disk-backup-troubleshoot).
        return user_facing_error(
            "UserErrorNotEnoughPermissionOnTargetRG",
            "Azure Backup Service does not have sufficient permissions on the target resource group.",
            "Grant the vault's identity the role Disk Restore Operator on the target resource group.",
        )

    def account_problem(self, vault: Wire, account: str) -> Wire | None:
        """Give the error of a restore into a storage account that is gone, or where the vault's identity lacks its role."""
        return self._missing_on_account(_acting_principal(vault, {}), account)

    def permit(self, row: Protectable, principal: str, group_id: str) -> None:
        """Grant a vault's identity what it needs of a resource group to protect what lies in it, effective at once."""
        for role in (_READER, _SNAPSHOT_CONTRIBUTOR) if row is DISK else (_STORAGE_CONTRIBUTOR,):
            self._authorization.plant(principal, role, group_id)

    def _holds(self, principal: str | None, role: str, scope: str) -> bool:
        return bool(principal) and self._authorization.holds(str(principal), role, scope)


def _acting_principal(vault: Wire, properties: Wire) -> str | None:
    identity, acting = vault.get("identity") or {}, properties.get("identityDetails") or {}
    if acting.get("useSystemAssignedIdentity", True):
        found: str | None = identity.get("principalId")
        return found
    wanted = str(acting.get("userAssignedIdentityArmUrl")).lower()
    assigned = identity.get("userAssignedIdentities") or {}
    return next((made["principalId"] for name, made in assigned.items() if name.lower() == wanted), None)
