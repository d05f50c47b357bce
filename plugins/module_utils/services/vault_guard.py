# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The resource guard of a vault: its mapping, and its approval of critical operations (multi-user authorization).

A guard approves by the rights that the caller has on it. Deletions are unlocked beforehand, for half an hour; other operations
carry the guard's requests in their bodies (recorded: dataprotection/resource_guard_mapping, recoveryservices/backup_rg_mapping).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar

from ..azure.session import API_VERSIONS, Session
from ..errors import ApprovalMissing, AzureBackupError, BadInput, Denied, NotFound
from ..model.resource_ids import ResourceId, normalize, same_id

Sent = TypeVar("Sent")

_GUARD_API = API_VERSIONS["Microsoft.DataProtection"]
# The name of the mapping, the same for every vault of a kind, and the api-version that it is read with.
_PROXIES = {
    "microsoft.dataprotection": ("DppResourceGuardProxy", _GUARD_API),
    "microsoft.recoveryservices": ("VaultProxy", API_VERSIONS["Microsoft.RecoveryServices"]),
}
# What the guard calls the operations that it approves, without the type of the vault: of Backup vaults.
INSTANCE_DELETE = "/backupInstances/delete"
INSTANCE_WRITE = "/backupInstances/write"
STOP = "/backupInstances/stopProtection/action"
RESTORE = "/backupInstances/restore/action"
SUSPEND = "/backupInstances/suspendBackups/action"
REDUCE_SOFT_DELETE = "/write#reduceSoftDeleteSecurity"
# Of Recovery Services vaults.
ITEM_DELETE = "/protectedItems/delete"
ITEM_WRITE = "/protectedItems/write"
ITEM_STOP = "/protectedItems/write#stopProtectionWithRetainData"
ITEM_RESTORE = "/recoveryPoints/restore/action"
POLICY_WRITE = "/backupPolicies/write"
SOFT_DELETE_WRITE = "/backupconfig/write"
# Of both. No recorded guard lists the change of a key for Recovery Services vaults; Microsoft's CLI asks for its approval.
REDUCE_IMMUTABILITY = "/write#reduceImmutabilityState"
MODIFY_ENCRYPTION = "/write#modifyEncryptionSettings"
MAPPING_DELETE = "/backupResourceGuardProxies/delete"


class VaultGuard:
    """The resource guard that a vault may be mapped to. Nothing is read before it is asked for.

    may_be_mapped: false where the vault says of itself that it is not (isVaultProtectedByResourceGuard); is_told: whether the
    vault says that it is, so that who may not read the mapping is told so.
    """

    def __init__(self, session: Session, vault: ResourceId, may_be_mapped: bool, is_told: bool = True) -> None:
        self._session = session
        self._vault = vault
        self._may_be_mapped = may_be_mapped
        self._is_told = is_told
        name, self._api = _PROXIES[vault.namespace.lower()]
        self._url = f"{vault.text}/backupResourceGuardProxies/{name}"

    @property
    def _mapping(self) -> dict[str, Any] | None:
        return self._mapping_read if self._may_be_mapped else None

    @cached_property
    def _mapping_read(self) -> dict[str, Any] | None:
        try:
            return self._session.read(self._url, f"read the resource guard of vault '{self._vault.name}'", self._api)
        except Denied:
            if self._is_told:
                raise
            return None

    @property
    def guard_id(self) -> str | None:
        """The ARM id of the guard; None for a vault without one."""
        properties = (self._mapping or {}).get("properties") or {}
        found: str | None = properties.get("resourceGuardResourceId")
        return found

    def requests_for(self, *operations: str) -> list[str]:
        """Give the requests with which the guard approves operations; none for what it does not guard."""
        if not operations:
            return []
        details = ((self._mapping or {}).get("properties") or {}).get("resourceGuardOperationDetails") or []
        wanted = tuple(operation.lower() for operation in operations)
        return [
            item["defaultResourceRequest"] for item in details if str(item.get("vaultCriticalOperation")).lower().endswith(wanted)
        ]

    def send_approved(self, send: Callable[[list[str]], Sent], *operations: str) -> Sent:
        """Send what the guard approves, or what needs no approval as it stands: which changes are critical Azure decides.

        send: takes the guard's requests. Raises Denied saying whose approval is missing.
        """
        if not self.requests_for(*operations):
            return send([])
        try:
            with self.approving(*operations) as requests:
                return send(requests)
        except Denied as error:
            try:
                return send([])
            except AzureBackupError:
                raise error from None

    @contextmanager
    def approving(self, *operations: str) -> Iterator[list[str]]:
        """Give the requests that a guarded operation carries, and say whose approval is missing where it is denied."""
        requests = self.requests_for(*operations)
        try:
            yield requests
        except Denied as error:
            if not requests:
                raise
            told = (
                f"{error.message} Resource guard {self.guard_id} protects this operation: the caller needs the role Backup MUA "
                "Operator on it for the duration of the operation"
            )
            raise ApprovalMissing(told, error.code, error.status, error.request_id, error.recommended_action) from error

    def unlock(self, operation: str, resource_id: str | None = None) -> None:
        """Have the guard approve a deletion, for half an hour; does nothing where it does not guard it."""
        with self.approving(operation) as requests:
            if requests:
                body: dict[str, Any] = {"resourceGuardOperationRequests": requests}
                if resource_id:
                    body["resourceToBeDeleted"] = resource_id
                action = f"unlock a deletion in vault '{self._vault.name}'"
                self._session.send("POST", f"{self._url}/unlockDelete", action, self._api, body=body)

    def check_mappable(self, guard_id: str, location: str) -> None:
        """Refuse a guard that a vault in a region could not be mapped to. Raises NotFound, BadInput."""
        guard = self._session.read(guard_id, f"read the resource guard {guard_id}", _GUARD_API)
        if guard is None:
            raise NotFound(f"resource_guard_id: the resource guard {guard_id} does not exist", status=404)
        if normalize(guard.get("location")) != normalize(location):
            raise BadInput(
                f"resource_guard_id: the resource guard is in {guard.get('location')}, but vault '{self._vault.name}' is in "
                f"{location}; a resource guard protects only vaults in its own region"
            )

    def map_to(self, guard_id: str) -> None:
        """Map the vault to a guard."""
        body = {"properties": {"resourceGuardResourceId": guard_id}}
        self._session.send("PUT", self._url, f"map vault '{self._vault.name}' to a resource guard", self._api, body=body)

    def unmap(self) -> None:
        """End the mapping, which the guard has to approve."""
        self.unlock(MAPPING_DELETE)
        self._session.send("DELETE", self._url, f"remove the resource guard mapping of vault '{self._vault.name}'", self._api)
        # What follows needs no approval of a guard that is gone.
        self._may_be_mapped = False

    def plan(self, wanted: str | None, location: str) -> str | None:
        """Predict the guard that a vault in a region is mapped to; wanted: None for as it is, empty for none.

        Raises NotFound, BadInput.
        """
        if wanted is None or same_id(wanted, self.guard_id):
            return self.guard_id
        if wanted:
            self.check_mappable(wanted, location)
        return wanted or None

    def change(self, wanted: str | None, write: Callable[[], None]) -> None:
        """Change the mapping around the other changes of a vault: an old guard goes before them, a new one comes after.

        wanted: see plan; write: makes the other changes. A vault that had another guard does not stay without one, and where it
        does the error says so.
        """
        before = self.guard_id if wanted is not None else None
        if wanted is None or same_id(wanted, before):
            return write()
        if before:
            self.unmap()
        is_written = False
        try:
            write()
            is_written = True
            if wanted:
                self.map_to(wanted)
        except AzureBackupError as error:
            if before or is_written:
                error.details = {**(error.details or {}), "changed": True}
            if before:
                error.message += self._map_back(before) if wanted else f" The mapping to {before} is removed already"
            raise
        return None

    def _map_back(self, before: str) -> str:
        """Map the vault to the guard that it had, and say how that ended."""
        try:
            self.map_to(before)
        except AzureBackupError as error:
            return (
                f" The vault is now mapped to no resource guard, because mapping it to {before} again failed too: "
                f"{error.message} Map it with resource_guard_id"
            )
        return f" The vault is still mapped to {before}"
