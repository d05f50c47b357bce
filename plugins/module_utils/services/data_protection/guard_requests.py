# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The resource guard of a Backup vault: its mapping, and its approval of critical operations (multi-user authorization).

A guard approves by the rights that the caller has on it. Deletions are unlocked beforehand, for half an hour; other operations
carry the guard's requests in their bodies (recorded: dataprotection/resource_guard_mapping).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from ...azure.session import API_VERSIONS, Session
from ...errors import BadInput, Denied, NotFound
from ...model.resource_ids import ResourceId, normalize

_API = API_VERSIONS["Microsoft.DataProtection"]
# What the guard calls the operations that it approves, without the type of the vault.
INSTANCE_DELETE = "/backupInstances/delete"
INSTANCE_WRITE = "/backupInstances/write"
STOP = "/backupInstances/stopProtection/action"
RESTORE = "/backupInstances/restore/action"
SUSPEND = "/backupInstances/suspendBackups/action"
MAPPING_DELETE = "/backupResourceGuardProxies/delete"


class VaultGuard:
    """The resource guard that a vault may be mapped to. Nothing is read before it is asked for.

    may_be_mapped: false where the vault says of itself that it is not (isVaultProtectedByResourceGuard).
    """

    def __init__(self, session: Session, vault: ResourceId, may_be_mapped: bool) -> None:
        self._session = session
        self._vault = vault
        self._may_be_mapped = may_be_mapped
        # The name is the same for every vault.
        self._url = f"{vault.text}/backupResourceGuardProxies/DppResourceGuardProxy"

    @cached_property
    def _mapping(self) -> dict[str, Any] | None:
        if not self._may_be_mapped:
            return None
        return self._session.read(self._url, f"read the resource guard of vault '{self._vault.name}'", _API)

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

    @contextmanager
    def approving(self, *operations: str) -> Iterator[list[str]]:
        """Give the requests that a guarded operation carries, and say whose approval is missing where it is denied."""
        requests = self.requests_for(*operations)
        try:
            yield requests
        except Denied as error:
            if requests:
                error.message += (
                    f" Resource guard {self.guard_id} protects this operation: the caller needs the role Backup MUA Operator "
                    "on it for the duration of the operation"
                )
            raise

    def unlock(self, operation: str, resource_id: str | None = None) -> None:
        """Have the guard approve a deletion, for half an hour; does nothing where it does not guard it."""
        with self.approving(operation) as requests:
            if requests:
                body: dict[str, Any] = {"resourceGuardOperationRequests": requests}
                if resource_id:
                    body["resourceToBeDeleted"] = resource_id
                action = f"unlock a deletion in vault '{self._vault.name}'"
                self._session.send("POST", f"{self._url}/unlockDelete", action, _API, body=body)

    def check_mappable(self, guard_id: str, location: str) -> None:
        """Refuse a guard that a vault in a region could not be mapped to. Raises NotFound, BadInput."""
        guard = self._session.read(guard_id, f"read the resource guard {guard_id}", _API)
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
        self._session.send("PUT", self._url, f"map vault '{self._vault.name}' to a resource guard", _API, body=body)

    def unmap(self) -> None:
        """End the mapping, which the guard has to approve."""
        self.unlock(MAPPING_DELETE)
        self._session.send("DELETE", self._url, f"remove the resource guard mapping of vault '{self._vault.name}'", _API)
