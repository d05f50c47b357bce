# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a vault beside itself: soft delete, storage, encryption, usages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, check_properties
from .fields import NAMESPACE, REDUNDANCY_IS_FINAL, VAULT
from .state import Vault

if TYPE_CHECKING:
    from .provider import RecoveryServices

_SOFT_DELETE_BY_VAULT = (
    "Soft delete state for this vault cannot be modified using this API. Since the Vault API was previously used to update the "
    "soft delete property for this vault, you must again use the Vault API to make any further changes to this property."
)


def _usage(name: str, title: str, count: int) -> Wire:
    return {"unit": "Count", "currentValue": count, "limit": -1, "name": {"value": name, "localizedValue": title}}


class VaultSettings:
    """What is asked of a vault beside itself: soft delete, storage, encryption, usages."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", VAULT + "/backupconfig/vaultconfig", self._read_config),
            ("PATCH", VAULT + "/backupconfig/vaultconfig", self._change_config),
            ("GET", VAULT + "/backupDeletedProtectionContainers", self._list_nothing),
            ("GET", VAULT + "/backupstorageconfig/vaultstorageconfig", self._read_storage),
            ("PATCH", VAULT + "/backupstorageconfig/vaultstorageconfig", self._change_storage),
            ("PUT", VAULT + "/backupstorageconfig/vaultstorageconfig", self._change_storage),
            ("GET", VAULT + "/backupEncryptionConfigs/backupResourceEncryptionConfig", self._read_encryption),
            ("GET", VAULT + "/usages", self._read_usages),
            ("GET", VAULT + "/backupUsageSummaries", self._read_usage_summaries),
            ("GET", VAULT + "/replicationUsages", self._read_replication_usages),
        ]

    def _read_config(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        is_editable = vault.config["softDeleteFeatureState"] != "AlwaysON"
        return Reply(
            200,
            {
                "id": f"{vault.id}/backupconfig/vaultconfig",
                "name": "vaultconfig",
                "type": f"{NAMESPACE}/vaults/backupconfig",
                "properties": {**vault.config, "isSoftDeleteFeatureStateEditable": is_editable},
            },
        )

    def _change_config(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        properties = call.document().get("properties") or {}
        requests = properties.pop("resourceGuardOperationRequests", None)
        check_properties(properties, {*vault.config, "isSoftDeleteFeatureStateEditable"}, "BackupResourceVaultConfig")
        if properties.get("softDeleteFeatureState") == "Disabled" != vault.config["softDeleteFeatureState"]:
            self._provider.guards.check_approved(call, vault.wire, "backupconfig/write", requests)
        if vault.has_own_soft_delete and any(name.startswith("softDelete") for name in properties):
            raise ArmError(400, "BMSUserErrorSoftDeleteUseVaultApi", _SOFT_DELETE_BY_VAULT)
        state = properties.get("softDeleteFeatureState", vault.config["softDeleteFeatureState"])
        if (
            state not in ("Enabled", "Disabled", "AlwaysON")
            or not 14 <= properties.get("softDeleteRetentionPeriodInDays", 14) <= 180
        ):
            raise ArmError(400, "UserErrorInvalidVaultConfig", "The configuration of the vault is not valid.")
        if vault.config["softDeleteFeatureState"] == "AlwaysON" and state != "AlwaysON":
            raise ArmError(400, "UserErrorDisableSoftDeleteNotAllowed", "Soft delete is always on and cannot be disabled.")
        vault.config.update({key: properties[key] for key in vault.config if key in properties})
        self._provider.vaults_api.settle_security(vault)
        return self._read_config(call)

    def _read_storage(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        kind = vault.wire["properties"]["redundancySettings"]["standardTierStorageRedundancy"]
        state = "Locked" if vault.items or vault.foreign else "Unlocked"
        properties = {"storageModelType": kind, "storageType": kind, "storageTypeState": state}
        name = "vaultstorageconfig"
        wire = {"id": f"{vault.id}/backupstorageconfig/{name}", "name": name, "type": f"{NAMESPACE}/vaults/backupstorageconfig"}
        return Reply(200, {**wire, "properties": properties})

    def _change_storage(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        properties = call.document().get("properties") or {}
        allowed = {"storageModelType", "storageType", "storageTypeState", "crossRegionRestoreFlag"}
        check_properties(properties, allowed, "BackupResourceConfig")
        redundancy = vault.wire["properties"]["redundancySettings"]
        wanted = properties.get("storageType") or properties.get("storageModelType")
        if wanted and wanted != redundancy["standardTierStorageRedundancy"]:
            if vault.items or vault.foreign:
                raise ArmError(400, "CloudResourceStorageTypeUpdateNotAllowed", REDUNDANCY_IS_FINAL)
            redundancy["standardTierStorageRedundancy"] = wanted
        return Reply(204) if call.method == "PATCH" else self._read_storage(call)

    def _read_encryption(self, call: Call) -> Reply:
        vault, name = self._provider.vault(call), "backupResourceEncryptionConfig"
        encryption = vault.wire["properties"].get("encryption")
        properties: Wire = {
            "useSystemAssignedIdentity": True,
            "encryptionAtRestType": "MicrosoftManaged",
            "lastUpdateStatus": "NotEnabled",
            "infrastructureEncryptionState": "Disabled",
        }
        if encryption:
            reader = encryption["kekIdentity"]
            properties = {
                "useSystemAssignedIdentity": reader["useSystemAssignedIdentity"],
                "encryptionAtRestType": "CustomerManaged",
                "keyUri": encryption["keyVaultProperties"]["keyUri"],
                "subscriptionId": "",
                "lastUpdateStatus": "Succeeded",
                "infrastructureEncryptionState": encryption["infrastructureEncryption"],
            }
            if reader["userAssignedIdentity"]:
                properties["userAssignedIdentity"] = reader["userAssignedIdentity"]
        wire = {"id": f"{vault.id}/backupEncryptionConfigs/{name}", "name": name}
        return Reply(200, {**wire, "type": f"{NAMESPACE}/vaults/backupEncryptionConfigs", "properties": properties})

    def _read_usages(self, call: Call) -> Reply:
        return Reply(200, {"value": [_usage("ProtectedItemCount", "Protected items", self._count(self._provider.vault(call)))]})

    @staticmethod
    def _count(vault: Vault) -> int:
        return len(vault.items) + len(vault.foreign)

    def _read_usage_summaries(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        foreign = [wire["properties"]["backupManagementType"] for wire in vault.foreign.values()]
        counts = {"AzureIaasVM": len(vault.items), "AzureStorage": foreign.count("AzureStorage")}
        counts["AzureWorkload"] = foreign.count("AzureWorkload")
        return Reply(200, {"value": [_usage(name, name, count) for name, count in counts.items()]})

    def _read_replication_usages(self, call: Call) -> Reply:
        jobs = {"failedJobs": 0, "suspendedJobs": 0, "inProgressJobs": 0}
        found = {"jobsSummary": jobs, "protectedItemCount": 0, "recoveryPlanCount": 0, "registeredServersCount": 0}
        self._provider.vault(call)
        return Reply(200, {"value": [{"monitoringSummary": {}, **found}]})

    def _list_nothing(self, call: Call) -> Reply:
        self._provider.vault(call)
        return Reply(200, {"value": []})
