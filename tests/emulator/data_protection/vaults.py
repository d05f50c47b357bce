# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup vaults."""

from __future__ import annotations

import copy
import re
import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from ..arm import (
    ArmError,
    Call,
    PlainRoute,
    Reply,
    Wire,
    backup_error,
    check_properties,
    page_of,
)
from ..subscription import REGIONS, check_location
from .fields import NAMESPACE, NEEDS_ALWAYS_ON, SECONDS, TENANT, VAULT, VAULTS
from .signed_operations import SignedOperation
from .state import Vault

if TYPE_CHECKING:
    from .provider import DataProtection

_VAULT_NAME = re.compile(r"^[-A-Za-z0-9]{2,50}$")


def _critical_changes(before: Wire, wanted: Wire) -> list[str]:
    """Name the operations of a PUT of a vault that a resource guard would have to approve."""
    old, new = (((wire.get("properties") or {}).get("securitySettings") or {}) for wire in (before, wanted))
    rank = {"": 0, "disabled": 0, "unlocked": 1, "locked": 2}
    found = []
    if rank[_state(new, "immutabilitySettings")] < rank[_state(old, "immutabilitySettings")]:
        found.append("write#reduceImmutabilityState")
    days = [float((settings.get("softDeleteSettings") or {}).get("retentionDurationInDays") or 0) for settings in (old, new)]
    if (_state(old, "softDeleteSettings") == "on" and _state(new, "softDeleteSettings") == "off") or days[1] < days[0]:
        found.append("write#reduceSoftDeleteSecurity")
    if old.get("encryptionSettings") and old["encryptionSettings"] != new.get("encryptionSettings"):
        found.append("write#modifyEncryptionSettings")
    return found


def _first_answer(wanted: Wire, before: Wire) -> Wire:
    """Give what the 201 of a PUT shows: new identities without their ids, and the old key while a new one is taken."""
    shown = copy.deepcopy(wanted)
    known = (before.get("identity") or {}).get("userAssignedIdentities") or {}
    for name in (shown.get("identity") or {}).get("userAssignedIdentities") or {}:
        if name not in known:
            shown["identity"]["userAssignedIdentities"][name] = {}
    old = ((before.get("properties") or {}).get("securitySettings") or {}).get("encryptionSettings")
    if old:
        shown["properties"]["securitySettings"]["encryptionSettings"] = old
    return shown


def _state(settings: Wire, name: str) -> str:
    return str((settings.get(name) or {}).get("state") or "").lower()


def _score(soft_delete: str, immutability: str) -> tuple[str, str]:
    """Give secureScore and bcdrSecurityLevel as recorded for these settings."""
    if soft_delete == "alwayson" or (soft_delete == "on" and immutability == "locked"):
        return "Adequate", "Good"
    if soft_delete == "on" and immutability == "unlocked":
        return "Minimum", "Fair"
    return "None", "Poor"


class Vaults:
    """Backup vaults."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", "/subscriptions/{subscription}/providers/Microsoft.DataProtection/backupVaults", self._list_vaults),
            ("GET", VAULTS, self._list_vaults),
            ("GET", VAULT, self._read_vault),
            ("PUT", VAULT, self.write_vault),
            ("DELETE", VAULT, self._delete_vault),
        ]

    def _list_vaults(self, call: Call) -> Reply:
        group = call.path.get("group")
        if group:
            self._provider.groups.find(call.path["subscription"], group)
        found = [
            # Lists answer ids in other casing than single reads.
            {
                **vault.wire,
                "id": vault.id.replace("/resourceGroups/", "/resourcegroups/").replace("/backupVaults/", "/BackupVaults/"),
            }
            for (subscription, own_group, _name), vault in self._provider.vaults.items()
            if subscription == call.path["subscription"].lower() and (not group or own_group == group.lower())
        ]
        return page_of(call, found, self._provider.groups.page_size)

    def _read_vault(self, call: Call) -> Reply:
        return Reply(200, self._provider.vault(call).wire)

    def write_vault(self, call: Call) -> Reply:
        """Answer the PUT of a vault."""
        group = self._provider.groups.find(call.path["subscription"], call.path["group"])
        document = call.document()
        check_properties(document, {"location", "tags", "identity", "properties", "eTag", "id", "name", "type"}, "BackupVault")
        key = (*call.group_key(), call.path["vault"].lower())
        current = self._provider.vaults.get(key)
        if call.headers.get("x-ms-deleted-vault-id"):
            return self._provider.deleted_vaults_api.undelete_vault(call, document, key)
        if not _VAULT_NAME.match(call.path["vault"]):
            raise backup_error(400, "BMSUserErrorInvalidInput", "The name of the vault is not valid.", "Use another name.")
        wanted = self._checked_vault(call, document, current, group)
        requests = wanted["properties"].pop("resourceGuardOperationRequests", None)
        for change in _critical_changes(current.wire if current else {}, wanted):
            self._provider.guards.check_approved(call, wanted, change, requests)
        if current and all(current.wire.get(name) == wanted.get(name) for name in ("tags", "identity", "properties")):
            return Reply(200, current.wire)
        self._check_identities(call)
        vault = current or Vault({})
        shown = _first_answer(wanted, vault.wire)
        vault.wire = wanted
        vault.wire["properties"]["provisioningState"] = "Updating" if current else "Provisioning"
        self._provider.vaults[key] = vault

        def done(_operation: SignedOperation, _due: datetime) -> None:
            vault.wire["properties"]["provisioningState"] = "Succeeded"

        operation = self._provider.begin(call, vault, "vault", done)
        shown["properties"]["provisioningState"] = vault.wire["properties"]["provisioningState"]
        return Reply(201, shown, self._provider.operations.headers(call, operation, 10, location=False))

    def _check_identities(self, call: Call) -> None:
        """Refuse a change of a vault that comes too soon after another: the directory has a limit of its own."""
        now, last = self._provider.clock.now(), self._provider.last_identity
        pause = self._provider.clock.lasting(self._provider.seconds_between_identities)
        if last and self._provider.seconds_between_identities and now < last + pause:
            message = f"Identity operation for resource '{call.full_path}' failed: too many requests. Retry after 20 seconds."
            raise ArmError(429, "FailedIdentityOperation", message, headers={"Retry-After": self._provider.clock.retry_after(20)})
        self._provider.last_identity = now

    def _checked_vault(self, call: Call, document: Wire, current: Vault | None, group: Wire) -> Wire:
        if not document.get("location"):
            raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
        check_location(str(document["location"]), f"{NAMESPACE}/backupVaults")
        location = str(document["location"]).replace(" ", "").lower()
        before = current.wire if current else {}
        if current and location != before["location"]:
            raise ArmError(
                409,
                "InvalidResourceLocation",
                f"The resource '{call.path['vault']}' already exists in location '{before['location']}' in resource group "
                f"'{group['name']}'. A resource with the same name cannot be created in location '{location}'.",
            )
        properties = document.get("properties") or {}
        allowed = {
            "storageSettings", "securitySettings", "featureSettings", "monitoringSettings", "replicatedRegions",
            "provisioningState", "isVaultProtectedByResourceGuard", "secureScore", "bcdrSecurityLevel",
            "resourceGuardOperationRequests", "regionOfChoiceSettings",
        }  # fmt: skip
        check_properties(properties, allowed, "BackupVault")
        storage = properties.get("storageSettings")
        if not storage:
            raise backup_error(400, "BMSUserErrorInvalidInput", "Storage settings are missing.", "Send storageSettings.")
        if current and storage != before["properties"]["storageSettings"]:
            raise backup_error(
                400, "BMSUserErrorInvalidInput", "The storage settings of a vault cannot be changed.", "Create another vault."
            )
        self._check_security(call, properties, before)
        security = properties.get("securitySettings") or {}
        soft, immutability = _state(security, "softDeleteSettings"), _state(security, "immutabilitySettings")
        score, level = _score(soft, immutability)
        redundancy = storage[0].get("type")
        answer: Wire = {
            "location": location,
            "properties": {
                **{key: value for key, value in properties.items() if key in allowed},
                "provisioningState": "Succeeded",
                "isVaultProtectedByResourceGuard": before.get("properties", {}).get("isVaultProtectedByResourceGuard", False),
                "secureScore": score,
                "bcdrSecurityLevel": level,
                "replicatedRegions": [REGIONS[location][1] or location] if redundancy == "GeoRedundant" else [],
                **({"regionOfChoiceSettings": {"status": "NotApplicable"}} if call.api_version >= "2026-06-01" else {}),
            },
            "id": before.get("id") or call.full_path,
            "name": before.get("name") or call.path["vault"],
            "type": f"{NAMESPACE}/backupVaults",
        }
        if document.get("tags") is not None:
            answer["tags"] = document["tags"]
        answer["identity"] = self.checked_identity(document.get("identity") or {}, before.get("identity") or {})
        if not answer["identity"]:
            del answer["identity"]
        self._check_encryption(security.get("encryptionSettings"), answer, before)
        return answer

    def checked_identity(self, wanted: Wire, before: Wire) -> Wire:
        """Give the identity as it is answered: kinds without a space, identities with their ids."""
        kinds = [kind.strip().lower() for kind in str(wanted.get("type") or "").split(",")]
        if kinds == [""]:
            return {}
        if kinds == ["none"]:
            return {"type": "None"}
        if not set(kinds) <= {"systemassigned", "userassigned"}:
            raise ArmError(400, "InvalidIdentityType", f"The identity type '{wanted['type']}' is not valid.")
        named = wanted.get("userAssignedIdentities") or {}
        if ("userassigned" in kinds) != bool(named):
            raise ArmError(400, "InvalidIdentity", "UserAssigned identities and the type of the identity do not agree.")
        system, user = "systemassigned" in kinds, "userassigned" in kinds
        identity: Wire = {"type": ",".join(["SystemAssigned"] * system + ["UserAssigned"] * user)}
        if system:
            identity["principalId"] = before.get("principalId") or self._provider.authorization.add_identity()
        if user:
            known = before.get("userAssignedIdentities") or {}
            made = {
                name: {"clientId": str(uuid.uuid4()), "principalId": self._provider.authorization.add_identity()}
                for name in named
            }
            identity["userAssignedIdentities"] = {name: known.get(name) or made[name] for name in named}
        return {**identity, "tenantId": TENANT}

    @staticmethod
    def _check_encryption(wanted: Wire | None, vault: Wire, before: Wire) -> None:
        """Refuse a key without an identity that the vault has, and the way back to Microsoft's key."""
        old = ((before.get("properties") or {}).get("securitySettings") or {}).get("encryptionSettings")
        if old and (not wanted or wanted.get("state") != "Enabled"):
            raise backup_error(
                400,
                "BMSUserErrorInvalidInput",
                "Encryption by a customer's key cannot be ended.",
                "Keep the encryption settings.",
            )
        if not wanted:
            return
        reader = wanted.get("kekIdentity") or {}
        names = [name.lower() for name in (vault.get("identity") or {}).get("userAssignedIdentities") or {}]
        is_known = str(reader.get("identityId")).lower() in names or reader.get("identityType") == "SystemAssigned"
        if not (wanted.get("keyVaultProperties") or {}).get("keyUri") or not is_known:
            raise backup_error(
                400,
                "BMSUserErrorInvalidInput",
                "The key or the identity that reads it is not valid.",
                "Send a key and an identity.",
            )
        if old and old.get("infrastructureEncryption") != wanted.get("infrastructureEncryption"):
            raise backup_error(
                400, "BMSUserErrorInvalidInput", "Infrastructure encryption cannot be changed.", "Keep it as it is."
            )

    def _check_security(self, call: Call, properties: Wire, before: Wire) -> None:
        security = properties.get("securitySettings") or {}
        soft, immutability = _state(security, "softDeleteSettings"), _state(security, "immutabilitySettings")
        days = (security.get("softDeleteSettings") or {}).get("retentionDurationInDays")
        if days is not None:
            if soft != "off" and not 14 <= float(days) <= 180:
                raise backup_error(
                    400, "BMSUserErrorInvalidInput", "The retention of soft delete must be 14 to 180 days.", "Send 14 to 180."
                )
            security["softDeleteSettings"]["retentionDurationInDays"] = float(days)
        if call.api_version >= "2025-09-01" and soft != "alwayson":
            raise ArmError(
                400,
                "BMSUserErrorInvalidInput",
                NEEDS_ALWAYS_ON,
            )
        old = (before.get("properties") or {}).get("securitySettings") or {}
        if _state(old, "softDeleteSettings") == "alwayson" and soft != "alwayson":
            raise backup_error(
                400,
                "UserErrorDisableSoftDeleteNotAllowed",
                "Cannot disable soft delete once set to AlwaysOn",
                "Please contact Microsoft Support if this is not expected.",
            )
        if _state(old, "immutabilitySettings") == "locked" and immutability != "locked":
            raise backup_error(
                400,
                "UserErrorUnsupportedVaultImmutabilityStateChange",
                "The immutable vault property for this vault is locked, hence, this setting cannot be disabled.",
                "The vault has its immutable vault property enabled and locked, and it can no longer be reverted to a "
                "non-immutable vault.",
            )
        features, earlier = properties.get("featureSettings") or {}, (before.get("properties") or {}).get("featureSettings") or {}
        cross_region = "crossRegionRestoreSettings"
        if _state(earlier, cross_region) == "enabled" and _state(features, cross_region) != "enabled":
            raise backup_error(
                400,
                "UserErrorCrossRegionRestoreStateChangeNotAllowed",
                "Cross-region restore of this vault is Enabled and cannot be Disabled any more.",
                "Please contact Microsoft Support if this is not expected.",
            )

    def _delete_vault(self, call: Call) -> Reply:
        self._provider.groups.find(call.path["subscription"], call.path["group"])
        key = (*call.group_key(), call.path["vault"].lower())
        vault = self._provider.vaults.get(key)
        if vault is None:
            return Reply(204)
        if vault.instances or vault.deleted:
            raise backup_error(
                400,
                "UserErrorVaultHasBackupInstances",
                "The vault cannot be deleted because it contains backup instances or soft-deleted backup instances.",
                "Delete the backup instances and try again.",
            )

        def done(_operation: SignedOperation, due: datetime) -> None:
            gone = self._provider.vaults.pop(key, None)
            if gone and str(gone.soft_delete.get("state")).lower() == "alwayson":
                self._provider.deleted_vaults_api.keep_deleted(gone, due)

        subscription, group, location = call.path["subscription"], call.path["group"], vault.wire["location"]
        operation = self._provider.operations.begin(
            call,
            vault.guid,
            # The status lies below the resource group, although it names a location.
            f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{NAMESPACE}/locations/{location}",
            f"/subscriptions/{subscription}/providers/{NAMESPACE}/locations/{location}",
            SECONDS["vault"],
            done,
        )
        return Reply(202, None, self._provider.operations.headers(call, operation, 30))
