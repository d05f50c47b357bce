# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.DataProtection: resource guards, their mapping to vaults, and what they approve."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .arm import ArmError, Call, Reply, Route, Wire, backup_error, check_properties, page_of, resource_not_found
from .clock import Clock, ticks
from .resources import ResourceGroups

_NAMESPACE = "Microsoft.DataProtection"
_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
_GUARDS = f"{_GROUP}/Microsoft.DataProtection/resourceGuards"
# The name of the mapping, by the type of the vault.
_PROXY_NAMES = {
    "Microsoft.DataProtection/backupVaults": "DppResourceGuardProxy",
    "Microsoft.RecoveryServices/vaults": "VaultProxy",
}
# Operation -> the guard's kind of request for it, as recorded. The first nine are of Backup vaults.
_OPERATIONS = {
    "Microsoft.DataProtection/backupVaults/backupInstances/delete": "deleteBackupInstanceRequests",
    "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/delete": "deleteResourceGuardProxyRequests",
    "Microsoft.DataProtection/backupVaults/write#reduceImmutabilityState": "dppReduceImmutabilityStateRequests",
    "Microsoft.DataProtection/backupVaults/write#reduceSoftDeleteSecurity": "dppReduceSoftDeleteSecurityRequests",
    "Microsoft.DataProtection/backupVaults/write#modifyEncryptionSettings": "dppModifyEncryptionSettingsRequests",
    "Microsoft.DataProtection/backupVaults/backupInstances/stopProtection/action": "dppDisableStopProtectionRequests",
    "Microsoft.DataProtection/backupVaults/backupInstances/suspendBackups/action": "dppDisableSuspendBackupsRequests",
    "Microsoft.DataProtection/backupVaults/backupInstances/write": "dppModifyPolicy",
    "Microsoft.DataProtection/backupVaults/backupInstances/restore/action": "dppTriggerRestoreRequests",
    "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/delete": "deleteProtectedItemRequests",
    "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/write": "updateProtectedItemRequests",
    "Microsoft.RecoveryServices/vaults/backupPolicies/write": "updateProtectionPolicyRequests",
    "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete": "deleteResourceGuardProxyRequests",
    "Microsoft.RecoveryServices/vaults/backupSecurityPIN/action": "getBackupSecurityPINRequests",
    # What Microsoft's CLI calls disableSoftDelete.
    "Microsoft.RecoveryServices/vaults/backupconfig/write": "disableSoftDeleteRequests",
    "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/write#stopProtectionWithRetainData": (
        "stopProtectionWithRetainDataRequests"
    ),
    "Microsoft.RecoveryServices/vaults/write#reduceImmutabilityState": "reduceImmutabilityStateRequests",
    "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action": (
        "triggerRestoreRequests"
    ),
    "Microsoft.RecoveryServices/vaults/registeredIdentities/delete": "deleteMABIdentityRequests",
}
_SECONDS_UNLOCKED = 1800


@dataclass
class Mapping:
    """The guard that a vault is mapped to; unlocked: what may be deleted, and until when."""

    guard_id: str
    wire: Wire
    unlocked: dict[str, datetime] = field(default_factory=dict)


class ResourceGuards:
    """The guards, and the mappings of vaults of every kind, by the lower-cased ids of the vaults.

    may_reach: tells whether a principal has rights on an id.
    """

    def __init__(self, clock: Clock, groups: ResourceGroups, may_reach: Callable[[str, str], bool]) -> None:
        self.clock = clock
        self.may_reach = may_reach
        self._groups = groups
        self.guards: dict[str, Wire] = {}
        self.mappings: dict[str, Mapping] = {}

    def routes(self) -> list[Route]:
        """Give what is answered."""
        plain: list[tuple[str, str, Callable[[Call], Reply]]] = [
            ("GET", "/subscriptions/{subscription}/providers/Microsoft.DataProtection/resourceGuards", self._list),
            ("GET", _GUARDS, self._list),
            ("GET", _GUARDS + "/{guard}", self._read),
            ("PUT", _GUARDS + "/{guard}", self._write),
            ("DELETE", _GUARDS + "/{guard}", self._delete),
        ]
        return [Route(method, template, handler, _NAMESPACE) for method, template, handler in plain]

    def _list(self, call: Call) -> Reply:
        scope = call.full_path.lower().split("/providers/", 1)[0] + "/"
        return page_of(call, [wire for key, wire in self.guards.items() if key.startswith(scope)], self._groups.page_size)

    def _read(self, call: Call) -> Reply:
        self._groups.find(call.path["subscription"], call.path["group"])
        found = self.guards.get(call.full_path.lower())
        if found is None:
            raise resource_not_found(f"{_NAMESPACE}/resourceGuards", call.path["guard"], call.path["group"])
        return Reply(200, found)

    def _write(self, call: Call) -> Reply:
        self._groups.find(call.path["subscription"], call.path["group"])
        document = call.document()
        check_properties(document, {"location", "tags", "properties", "eTag", "id", "name", "type"}, "ResourceGuardResource")
        if not document.get("location"):
            raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
        properties = document.get("properties") or {}
        check_properties(properties, {"vaultCriticalOperationExclusionList"}, "ResourceGuard")
        excluded = properties.get("vaultCriticalOperationExclusionList") or []
        if any(name not in _OPERATIONS for name in excluded):
            raise backup_error(400, "BMSUserErrorInvalidInput", "An excluded operation is not known.", "Correct the list.")
        wire: Wire = {
            "location": str(document["location"]).replace(" ", "").lower(),
            **({"tags": document["tags"]} if document.get("tags") else {}),
            "properties": {
                "provisioningState": "Succeeded",
                "resourceGuardOperations": [
                    {"vaultCriticalOperation": name, "requestResourceType": f"{_NAMESPACE}/resourceGuards/{kind}"}
                    for name, kind in _OPERATIONS.items()
                    if name not in excluded
                ],
                "vaultCriticalOperationExclusionList": excluded,
                "allowAutoApprovals": True,
            },
            "id": call.full_path,
            "name": call.path["guard"],
            "type": f"{_NAMESPACE}/resourceGuards",
        }
        self.guards[call.full_path.lower()] = wire
        return Reply(200, wire)

    def _delete(self, call: Call) -> Reply:
        key = call.full_path.lower()
        if key not in self.guards:
            return Reply(204)
        if any(mapping.guard_id.lower() == key for mapping in self.mappings.values()):
            raise backup_error(
                400, "BMSUserErrorInvalidInput", "The resource guard is mapped to a vault.", "End the mapping and try again."
            )
        del self.guards[key]
        return Reply(200)


class GuardMappings:
    """The mappings of one kind of vault to guards, and what the guards approve there.

    vault_type: Microsoft.DataProtection/backupVaults or Microsoft.RecoveryServices/vaults; find_vault: gives the wire form of the
    vault of a call; tell: writes down in a vault whether it is mapped.
    """

    def __init__(
        self, guards: ResourceGuards, vault_type: str, find_vault: Callable[[Call], Wire], tell: Callable[[Wire, bool], None]
    ) -> None:
        self._guards = guards
        self._clock = guards.clock
        self._may_reach = guards.may_reach
        self._vault_type = vault_type
        self._proxy_name = _PROXY_NAMES[vault_type]
        self._find_vault = find_vault
        self._tell = tell
        self.mappings = guards.mappings

    def routes(self) -> list[Route]:
        """Give what is answered."""
        all_of_vault = f"{_GROUP}/{self._vault_type}/{{vault}}/backupResourceGuardProxies"
        proxy = f"{all_of_vault}/{{proxy}}"
        plain: list[tuple[str, str, Callable[[Call], Reply]]] = [
            ("GET", all_of_vault, self._list_mappings),
            ("GET", proxy, self._read_mapping),
            ("PUT", proxy, self._write_mapping),
            ("DELETE", proxy, self._delete_mapping),
            ("POST", proxy + "/unlockDelete", self._unlock),
        ]
        return [
            Route(method, template, handler, self._vault_type.split("/", maxsplit=1)[0]) for method, template, handler in plain
        ]

    def _list_mappings(self, call: Call) -> Reply:
        mapping = self.mappings.get(str(self._find_vault(call)["id"]).lower())
        return Reply(200, {"value": [mapping.wire] if mapping else []})

    def _vault_key(self, call: Call) -> str:
        if call.path["proxy"].lower() != self._proxy_name.lower():
            raise backup_error(400, "BMSUserErrorInvalidInput", "The name of the proxy is not valid.", f"Use {self._proxy_name}.")
        return str(self._find_vault(call)["id"]).lower()

    def _mapping(self, call: Call) -> Mapping:
        mapping = self.mappings.get(self._vault_key(call))
        if mapping is None:
            raise resource_not_found(f"{self._vault_type}/backupResourceGuardProxies", self._proxy_name, call.path["group"])
        return mapping

    def _read_mapping(self, call: Call) -> Reply:
        return Reply(200, self._mapping(call).wire)

    def _write_mapping(self, call: Call) -> Reply:
        key, vault = self._vault_key(call), self._find_vault(call)
        document = call.document()
        properties = document.get("properties") or {}
        check_properties(properties, {"resourceGuardResourceId", "resourceGuardOperationDetails"}, "ResourceGuardProxyBase")
        guard = self._guards.guards.get(str(properties.get("resourceGuardResourceId")).lower())
        if guard is None:
            raise backup_error(400, "BMSUserErrorInvalidInput", "The resource guard does not exist.", "Name another.")
        self._check_rights(call, Mapping(guard["id"], {}))
        if guard["location"] != vault["location"]:
            raise backup_error(400, "BMSUserErrorInvalidInput", "The resource guard is in another region.", "Name another.")
        guarded = {item["vaultCriticalOperation"] for item in guard["properties"]["resourceGuardOperations"]}
        wire = {
            "properties": {
                "resourceGuardResourceId": guard["id"],
                "resourceGuardOperationDetails": [
                    {"vaultCriticalOperation": name, "defaultResourceRequest": f"{guard['id']}/{kind}/default"}
                    for name, kind in _OPERATIONS.items()
                    if name in guarded and name.startswith(f"{self._vault_type}/")
                ],
                "lastUpdatedTime": ticks(self._clock.now()),
                **({"description": "Loopback"} if self._vault_type.startswith("Microsoft.RecoveryServices") else {}),
            },
            "id": f"{vault['id']}/backupResourceGuardProxies/{self._proxy_name}",
            "name": self._proxy_name,
            # Recorded so of both kinds of vault.
            "type": f"{self._vault_type.split('/', maxsplit=1)[0]}/vaults/backupResourceGuardProxies",
        }
        self.mappings[key] = Mapping(guard["id"], wire)
        self._tell(vault, True)
        return Reply(200, wire)

    def _unlock(self, call: Call) -> Reply:
        mapping = self._mapping(call)
        document = call.document()
        check_properties(document, {"resourceGuardOperationRequests", "resourceToBeDeleted"}, "UnlockDeleteRequest")
        requests = [str(request).lower() for request in document.get("resourceGuardOperationRequests") or []]
        known = {item["defaultResourceRequest"].lower() for item in mapping.wire["properties"]["resourceGuardOperationDetails"]}
        if not requests or not set(requests) <= known:
            raise backup_error(400, "BMSUserErrorInvalidInput", "The guard has no such request.", "Correct the requests.")
        self._check_rights(call, mapping)
        until = self._clock.now() + self._clock.lasting(_SECONDS_UNLOCKED)
        for request in requests:
            mapping.unlocked[f"{request}|{str(document.get('resourceToBeDeleted') or '').lower()}"] = until
        return Reply(200, {"unlockDeleteExpiryTime": ticks(until)})

    def _delete_mapping(self, call: Call) -> Reply:
        mapping = self.mappings.get(self._vault_key(call))
        if mapping is None:
            return Reply(204)
        vault = self._find_vault(call)
        self.check_unlocked(vault, "backupResourceGuardProxies/delete")
        del self.mappings[str(vault["id"]).lower()]
        self._tell(vault, False)
        return Reply(200, {})

    # -- approvals

    def is_mapped(self, vault: Wire) -> bool:
        """Tell whether a vault is mapped to a guard."""
        return str(vault["id"]).lower() in self.mappings

    def _request_for(self, mapping: Mapping, operation: str) -> str | None:
        details = mapping.wire["properties"]["resourceGuardOperationDetails"]
        found = (item for item in details if item["vaultCriticalOperation"] == f"{self._vault_type}/{operation}")
        return next((item["defaultResourceRequest"].lower() for item in found), None)

    def _check_rights(self, call: Call, mapping: Mapping) -> None:
        if not self._may_reach(call.principal_id, mapping.guard_id):
            raise ArmError(
                403,
                "LinkedAuthorizationFailed",
                f"The client with object id '{call.principal_id}' does not have permission on the linked scope "
                f"'{mapping.guard_id}' or the linked scope is invalid.",
            )

    def check_unlocked(self, vault: Wire, operation: str, resource_id: str = "") -> None:
        """Refuse a deletion that the guard of the vault has not unlocked. Raises ArmError."""
        mapping = self.mappings.get(str(vault["id"]).lower())
        request = self._request_for(mapping, operation) if mapping else None
        if mapping and request:
            # A client may name the mapping as what is to be deleted, or nothing, which means the same.
            named = [
                key
                for key in mapping.unlocked
                if key == f"{request}|{resource_id.lower()}" or (not resource_id and key.startswith(f"{request}|"))
            ]
            until = max((mapping.unlocked[key] for key in named), default=None)
            if until is None or until < self._clock.now():
                raise _not_approved()

    def check_approved(self, call: Call, vault: Wire, operation: str, requests: Any) -> None:
        """Refuse an operation that does not carry the request of the vault's guard, or by a caller without rights on it."""
        mapping = self.mappings.get(str(vault["id"]).lower())
        request = self._request_for(mapping, operation) if mapping else None
        if mapping and request:
            if request not in [str(given).lower() for given in requests or []]:
                raise _not_approved()
            self._check_rights(call, mapping)


def _not_approved() -> ArmError:
    return backup_error(
        403,
        "UserErrorOperationNotAllowedByResourceGuard",
        "The operation is protected by a resource guard and was not approved.",
        "Get the approval of the resource guard's owner and try again.",
    )
