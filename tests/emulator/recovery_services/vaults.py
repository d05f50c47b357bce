# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery Services vaults."""

from __future__ import annotations

import base64
import copy
import re
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, check_properties, page_of
from ..clock import ticks
from ..operations import Operation
from ..subscription import check_location
from .fields import NAMESPACE, REDUNDANCY_IS_FINAL, SECONDS, TENANT, VAULT, VAULTS, vm_policy
from .state import Vault

if TYPE_CHECKING:
    from .provider import RecoveryServices

# The api-version by which the CLI of today says how a vault's costs are shown.
_COST_MANAGEMENT = "2026-07-01"
_VAULT_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9-]{1,49}$")


def _long_term(times: list[str]) -> Wire:
    return {
        "retentionPolicyType": "LongTermRetentionPolicy",
        "dailySchedule": {"retentionTimes": times, "retentionDuration": {"count": 30, "durationType": "Days"}},
    }


def _without_default_soft_delete(properties: Wire) -> Wire:
    """Discard the AlwaysOn that az (2.91) says of every new vault: the service does, in favour of its own defaults."""
    security = properties.get("securitySettings") or {}
    if (security.get("softDeleteSettings") or {}).get("softDeleteState") != "AlwaysOn":
        return properties
    kept = {name: value for name, value in security.items() if name != "softDeleteSettings"}
    return {**properties, "securitySettings": kept}


def default_policies(vault_id: str, day: str) -> dict[str, Wire]:
    """Give the policies that a new vault has."""
    evening, morning = [f"{day}T20:00:00Z"], [f"{day}T08:00:00Z"]
    simple = {
        "schedulePolicyType": "SimpleSchedulePolicy",
        "scheduleRunFrequency": "Daily",
        "scheduleRunTimes": evening,
        "scheduleWeeklyFrequency": 0,
    }
    hourly = {"interval": 4, "scheduleWindowStartTime": morning[0], "scheduleWindowDuration": 12}
    common = {
        "backupManagementType": "AzureIaasVM",
        "instantRPDetails": {},
        "instantRpRetentionRangeInDays": 2,
        "timeZone": "UTC",
    }
    log_kept = {"retentionPolicyType": "SimpleRetentionPolicy", "retentionDuration": {"count": 30, "durationType": "Days"}}
    log = {
        "backupManagementType": "AzureWorkload",
        "workLoadType": "SQLDataBase",
        "settings": {"timeZone": "UTC", "issqlcompression": False, "isCompression": False},
        "subProtectionPolicy": [
            {"policyType": "Full", "schedulePolicy": simple, "retentionPolicy": _long_term(evening)},
            {
                "policyType": "Log",
                "schedulePolicy": {"schedulePolicyType": "LogSchedulePolicy", "scheduleFrequencyInMins": 60},
                "retentionPolicy": log_kept,
            },
        ],
        "protectedItemsCount": 0,
    }
    enhanced = {"schedulePolicyType": "SimpleSchedulePolicyV2", "scheduleRunFrequency": "Hourly", "hourlySchedule": hourly}
    made = {
        "HourlyLogBackup": log,
        "DefaultPolicy": {
            **common,
            "schedulePolicy": simple,
            "retentionPolicy": _long_term(evening),
            "protectedItemsCount": 0,
        },
        "EnhancedPolicy": {
            **common,
            "policyType": "V2",
            "schedulePolicy": enhanced,
            "retentionPolicy": _long_term(morning),
            "protectedItemsCount": 0,
        },
    }
    return {name.lower(): vm_policy(name, vault_id, properties) for name, properties in made.items()}


def _in_a_list(wire: Wire) -> Wire:
    """Give a vault as lists have it: of its settings they say little (recorded: backup_vault)."""
    left_out = ("redundancySettings", "securitySettings", "backupStorageVersion")
    properties = {key: value for key, value in wire["properties"].items() if key not in left_out}
    return {**wire, "properties": properties}


def _etag(moment: str) -> str:
    return f"W/\"datetime'{moment.replace(':', '%3A')}'\""


def _first_properties() -> Wire:
    """Give the properties that Azure adds to a new vault (recorded: backup_vault)."""
    return {
        "provisioningState": "Provisioning",
        "privateEndpointStateForBackup": "None",
        "privateEndpointStateForSiteRecovery": "None",
        "monitoringSettings": {
            "azureMonitorAlertSettings": {
                "alertsForAllJobFailures": "Enabled",
                "alertsForAllReplicationIssues": "Enabled",
                "alertsForAllFailoverIssues": "Enabled",
            },
            "classicAlertSettings": {
                "alertsForCriticalOperations": "Enabled",
                "emailNotificationsForSiteRecovery": "Enabled",
            },
        },
        "redundancySettings": {"standardTierStorageRedundancy": "GeoRedundant", "crossRegionRestore": "Disabled"},
        "secureScore": "None",
        "bcdrSecurityLevel": "Poor",
        "publicNetworkAccess": "Enabled",
        "restoreSettings": {"crossSubscriptionRestoreSettings": {"crossSubscriptionRestoreState": "Enabled"}},
    }


class Vaults:
    """Recovery Services vaults."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", "/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/vaults", self._list_vaults),
            ("GET", VAULTS, self._list_vaults),
            ("GET", VAULT, self._read_vault),
            ("PUT", VAULT, self.write_vault),
            ("PATCH", VAULT, self._change_vault),
            ("DELETE", VAULT, self._delete_vault),
            ("GET", VAULT + "/operationStatus/{operation}", self._read_vault_operation),
        ]

    def _list_vaults(self, call: Call) -> Reply:
        group = call.path.get("group")
        if group:
            self._provider.groups.find(call.path["subscription"], group)
        found = [
            _in_a_list(vault.wire)
            for (subscription, own_group, _name), vault in self._provider.vaults.items()
            if subscription == call.path["subscription"].lower() and (not group or own_group == group.lower())
        ]
        return page_of(call, found, self._provider.groups.page_size)

    def _read_vault(self, call: Call) -> Reply:
        return Reply(200, self._provider.vault(call).wire)

    def write_vault(self, call: Call) -> Reply:
        """Create a vault or change it."""
        self._provider.groups.find(call.path["subscription"], call.path["group"])
        document = call.document()
        check_properties(document, {"location", "tags", "identity", "properties", "sku", "etag", "id", "name", "type"}, "Vault")
        if not _VAULT_NAME.match(call.path["vault"]):
            raise ArmError(400, "InvalidResourceName", f"The resource name '{call.path['vault']}' is not valid.")
        if not document.get("location") or (document.get("sku") or {}).get("name") not in ("Standard", "RS0"):
            raise ArmError(400, "ResourceDefinitionInvalid", "The location or the SKU of the vault is missing or not valid.")
        key = (*call.group_key(), call.path["vault"].lower())
        current = self._provider.vaults.get(key)
        check_location(str(document["location"]), f"{NAMESPACE}/vaults")
        location = str(document["location"]).replace(" ", "").lower()
        if current and location != current.wire["location"]:
            raise ArmError(409, "InvalidResourceLocation", f"The resource already exists in '{current.wire['location']}'.")
        properties = document.get("properties") or {}
        if current is None:
            current = Vault(
                {
                    "location": location,
                    "name": call.path["vault"],
                    "etag": _etag(ticks(self._provider.clock.now())),
                    "properties": _first_properties(),
                    "id": call.full_path,
                    "type": f"{NAMESPACE}/vaults",
                    "sku": document["sku"],
                },
                {"enhancedSecurityState": "Enabled", "softDeleteFeatureState": "Enabled", "softDeleteRetentionPeriodInDays": 14},
            )
            current.policies = default_policies(call.full_path, ticks(self._provider.clock.now())[:10])
            current.discovered = {
                key for key in self._provider.compute.machines if self._provider.compute.machines[key]["_known"]
            }
            properties = _without_default_soft_delete(properties)
        change = {"properties": properties, "tags": document.get("tags"), "identity": document.get("identity")}
        self._lay(current, change, call.api_version)
        self._provider.vaults[key] = vault = current
        vault.wire["properties"]["provisioningState"] = "Provisioning"
        shown = copy.deepcopy(vault.wire)

        def done(_operation: Operation, _due: datetime) -> None:
            vault.wire["properties"]["provisioningState"] = "Succeeded"
            self.settle_security(vault)

        return self._answer_vault(call, vault, done, 201, shown)

    def _answer_vault(
        self, call: Call, vault: Vault, work: Callable[[Operation, datetime], None], status: int, body: Wire | None
    ) -> Reply:
        encoded = base64.b64encode(f"2047;{uuid.uuid4()}".encode()).decode()
        operation = self._provider.operations_api.begin(SECONDS["vault"], work, encoded, may_fail=True)
        if call.method != "DELETE":
            # The result of an update is the vault (specification: GetOperationResult).
            operation.result = lambda: vault.wire
        headers = self._provider.operations_api.headers(
            call, f"{vault.id}/operationStatus/{encoded}", f"{vault.id}/operationResults/{encoded}"
        )
        if status == 201:
            del headers["Location"]
        return Reply(status, body, headers)

    def _read_vault_operation(self, call: Call) -> Reply:
        """Answer an operation of the vault itself: without times, and not at all once the vault is gone."""
        self._provider.vault(call)
        operation = self._provider.operations_api.operation(call)
        body: Wire = {"id": call.full_path, "name": call.path["operation"], "status": operation.status}
        if operation.error:
            body["error"] = operation.error
        if operation.is_over:
            return Reply(200, body)
        status = f"{call.url}{call.full_path}?{call.raw_query}"
        return Reply(200, body, {"Azure-AsyncOperation": status, "Location": status.replace("Status/", "Results/")})

    def settle_security(self, vault: Vault) -> None:
        """Say what a vault says of its security a while after it was made."""
        config = vault.config
        security = vault.wire["properties"].get("securitySettings") or {}
        vault.wire["properties"]["securitySettings"] = {
            "immutabilitySettings": security.get("immutabilitySettings"),
            "softDeleteSettings": {
                "softDeleteRetentionPeriodInDays": config["softDeleteRetentionPeriodInDays"],
                "softDeleteState": config["softDeleteFeatureState"],
                "enhancedSecurityState": config["enhancedSecurityState"],
            },
            # Whether it says Enabled then is by its name; no recorded vault is read while it is mapped.
            "multiUserAuthorization": "Enabled" if self._provider.guards.is_mapped(vault.wire) else "Disabled",
        }
        vault.wire["properties"].setdefault("backupStorageVersion", "Unassigned")

    def _lay(self, vault: Vault, change: Wire, api_version: str) -> None:
        """Lay a change over a vault. Raises ArmError 400 for what cannot be changed."""
        properties = change.get("properties") or {}
        allowed = {
            "publicNetworkAccess", "monitoringSettings", "redundancySettings", "restoreSettings",
            "securitySettings", "encryption",
        }  # fmt: skip
        if api_version >= _COST_MANAGEMENT:
            allowed.add("costManagementSettings")
        check_properties(properties, allowed, "VaultProperties")
        own = vault.wire["properties"]
        old_redundancy = own["redundancySettings"]
        new_redundancy = {**old_redundancy, **(properties.get("redundancySettings") or {})}
        # Restores across regions can be enabled at any time, and not disabled again (recorded: backup_crr).
        enabled = {**old_redundancy, "crossRegionRestore": "Enabled"}
        if vault.items and new_redundancy not in (old_redundancy, enabled):
            raise ArmError(400, "CloudResourceStorageTypeUpdateNotAllowed", REDUNDANCY_IS_FINAL)
        immutability = (own.get("securitySettings") or {}).get("immutabilitySettings") or {}
        wanted = ((properties.get("securitySettings") or {}).get("immutabilitySettings") or immutability).get("state")
        is_step_left_out = wanted == "Locked" and immutability.get("state") not in ("Unlocked", "Locked")
        if is_step_left_out or (immutability.get("state") == "Locked" and wanted != "Locked"):
            # Reported of both, with the same words.
            message = "The immutable vault property for this vault is locked, hence, this setting cannot be disabled."
            raise ArmError(400, "UserErrorUnsupportedVaultImmutabilityStateChange", message)
        self._lay_soft_delete(vault, properties)
        identity = vault.wire.get("identity") or {}
        if change.get("identity"):
            identity = self._identity(change["identity"], identity)
        if properties.get("encryption") or own.get("encryption"):
            properties = {**properties, "encryption": self._encryption(vault, identity, properties.get("encryption") or {})}
        if identity:
            vault.wire["identity"] = identity
        for name, value in properties.items():
            if isinstance(value, dict) and isinstance(own.get(name), dict):
                own[name] = {**own[name], **value}
            else:
                own[name] = value
        if change.get("tags") is not None:
            vault.wire["tags"] = change["tags"]

    @staticmethod
    def _encryption(vault: Vault, identity: Wire, wanted: Wire) -> Wire:
        """Give encryption with a customer's key as a vault shows it (recorded: backup_encryption); identity: the vault's then.

        What is refused is not recorded: it follows Microsoft's article and the checks of its client. Raises ArmError 400.
        """
        check_properties(wanted, {"keyVaultProperties", "kekIdentity", "infrastructureEncryption"}, "VaultPropertiesEncryption")
        before = vault.wire["properties"].get("encryption") or {}
        reader = {**(wanted.get("kekIdentity") or before.get("kekIdentity") or {})}
        key_uri = (wanted.get("keyVaultProperties") or before.get("keyVaultProperties") or {}).get("keyUri")
        names = [name.lower() for name in identity.get("userAssignedIdentities") or {}]
        if reader.get("userAssignedIdentity"):
            is_known = reader["userAssignedIdentity"].lower() in names
        else:
            is_known = bool(reader.get("useSystemAssignedIdentity")) and "SystemAssigned" in str(identity.get("type"))
        if not key_uri or not is_known:
            raise ArmError(400, "InvalidRestApiParameter", "The key, or the identity of the vault that reads it, is not valid.")
        if not before and vault.items:
            raise ArmError(400, "InvalidRestApiParameter", "A vault that protects items cannot be given a customer's key.")
        infrastructure = wanted.get("infrastructureEncryption") or before.get("infrastructureEncryption") or "Disabled"
        if before and infrastructure != before["infrastructureEncryption"]:
            raise ArmError(400, "InvalidRestApiParameter", "Infrastructure encryption can be set only with the first key.")
        return {
            "keyVaultProperties": {"keyUri": key_uri},
            "kekIdentity": {
                "useSystemAssignedIdentity": not reader.get("userAssignedIdentity"),
                "userAssignedIdentity": reader.get("userAssignedIdentity"),
            },
            "infrastructureEncryption": infrastructure,
        }

    @staticmethod
    def _lay_soft_delete(vault: Vault, properties: Wire) -> None:
        """Take settings of soft delete that come with the vault; its configuration refuses them from then on."""
        settings = (properties.get("securitySettings") or {}).get("softDeleteSettings") or {}
        names = {
            "softDeleteState": "softDeleteFeatureState",
            "softDeleteRetentionPeriodInDays": "softDeleteRetentionPeriodInDays",
            "enhancedSecurityState": "enhancedSecurityState",
        }
        change = {names[name]: value for name, value in settings.items() if name in names}
        if change:
            if (
                vault.config["softDeleteFeatureState"] == "AlwaysON"
                and change.get("softDeleteFeatureState", "AlwaysON") != "AlwaysON"
            ):
                raise ArmError(400, "UserErrorDisableSoftDeleteNotAllowed", "Soft delete is always on and cannot be disabled.")
            vault.config.update(change)
            vault.has_own_soft_delete = True

    def _identity(self, wanted: Wire, before: Wire) -> Wire:
        kinds = [kind.strip().lower() for kind in str(wanted.get("type") or "none").split(",")]
        if kinds == ["none"]:
            return {"type": "None"}
        names = dict(before.get("userAssignedIdentities") or {})
        for name, value in (wanted.get("userAssignedIdentities") or {}).items():
            known = next((key for key in names if key.lower() == name.lower()), name)
            if value is None:
                names.pop(known, None)
            elif known not in names:
                names[known] = {"clientId": str(uuid.uuid4()), "principalId": self._provider.authorization.add_identity()}
        system, user = "systemassigned" in kinds, "userassigned" in kinds
        if user and not names:
            raise ArmError(400, "InvalidIdentity", "A user-assigned identity is missing.")
        identity: Wire = {"type": ", ".join(["SystemAssigned"] * system + ["UserAssigned"] * user)}
        if system:
            identity |= {
                "principalId": before.get("principalId") or self._provider.authorization.add_identity(),
                "tenantId": TENANT,
            }
        if user:
            identity["userAssignedIdentities"] = names
        return identity

    def _change_vault(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        document = call.document()
        check_properties(document, {"location", "tags", "identity", "properties", "sku", "etag"}, "PatchVault")
        requests = (document.get("properties") or {}).pop("resourceGuardOperationRequests", None)
        states = [
            ((wire.get("properties") or {}).get("securitySettings") or {}).get("immutabilitySettings") or {}
            for wire in (vault.wire, document)
        ]
        if [state.get("state") for state in states] == ["Unlocked", "Disabled"]:
            self._provider.guards.check_approved(call, vault.wire, "write#reduceImmutabilityState", requests)
        self._lay(vault, document, call.api_version)
        if set(document) == {"identity"} and "userassigned" not in str(document["identity"].get("type")).lower():
            return Reply(200, vault.wire)

        def done(_operation: Operation, _due: datetime) -> None:
            self.settle_security(vault)

        return self._answer_vault(call, vault, done, 202, None)

    def _delete_vault(self, call: Call) -> Reply:
        self._provider.groups.find(call.path["subscription"], call.path["group"])
        key = (*call.group_key(), call.path["vault"].lower())
        vault = self._provider.vaults.get(key)
        if vault is None:
            return Reply(204)
        held = [*(item.wire for item in vault.items.values()), *vault.foreign.values()]
        if held:
            names = ", ".join(wire["properties"]["friendlyName"] for wire in held)
            raise ArmError(
                400,
                "ServiceResourceNotEmptyWithBackendMessage",
                "Recovery Services vault cannot be deleted as there are backup items still present in the vault or in "
                f"soft delete state: {names}. Please ensure all containers have been unregistered from the vault.",
                target=None,
                details=None,
                innerError=None,
            )

        def done(_operation: Operation, _due: datetime) -> None:
            self._provider.vaults.pop(key, None)

        return self._answer_vault(call, vault, done, 202, None)
