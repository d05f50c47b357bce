# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Storage: storage accounts and the containers in them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .arm import ArmError, Call, Reply, Route, Wire, page_of, resource_not_found
from .blob_store import BlobStore
from .clock import Clock
from .resource_graph import graph_row
from .resources import ResourceGroups

_ACCOUNTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts"
_TYPE = "Microsoft.Storage/storageAccounts"
_SEEDED = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass
class Storage:
    """The storage accounts, by their lower-cased ids."""

    groups: ResourceGroups
    clock: Clock
    # What really holds blobs, where there is anything.
    find_store: Callable[[], BlobStore | None] = lambda: None
    # Where its blobs are answered, without the name of an account.
    find_blob_url: Callable[[], str | None] = lambda: None
    accounts: dict[str, Wire] = field(default_factory=dict)
    containers: dict[str, list[str]] = field(default_factory=dict)
    # When containers that the seed does not have were made, by the id of their account and their name.
    made: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def add_account(
        self, subscription: str, group: str, name: str, location: str, containers: list[str], is_lake: bool = False, **more: Any
    ) -> str:
        """Put an account there with its containers, and give its id; is_lake: with a hierarchical namespace."""
        account_id = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{_TYPE}/{name}"
        self.accounts[account_id.lower()] = {
            "sku": {"name": "Standard_LRS", "tier": "Standard"},
            "kind": "StorageV2",
            "id": account_id,
            "name": name,
            "type": _TYPE,
            "location": location,
            "tags": dict(more.get("tags") or {}),
            "properties": {"provisioningState": "Succeeded", "isHnsEnabled": is_lake, "accessTier": "Hot"},
        }
        self.containers[account_id.lower()] = list(containers)
        return account_id

    def blobs_of(self, account_id: str, containers: list[str]) -> dict[str, dict[str, bytes]]:
        """Give the blobs in containers of an account, by their names; nothing where nothing holds blobs."""
        store = self.find_store()
        return {name: store.blobs_of(account_id.rsplit("/", 1)[-1], name) for name in containers} if store else {}

    def restore_container(self, account_id: str, name: str, blobs: dict[str, bytes]) -> None:
        """Put a restored container into an account, with its blobs where anything holds them."""
        self.add_container(account_id, name)
        store = self.find_store()
        if store:
            store.fill(account_id.rsplit("/", 1)[-1], name, blobs)

    def add_container(self, account_id: str, name: str) -> None:
        """Put an empty container into an account."""
        key = account_id.lower()
        self.containers[key].append(name)
        self.made[key, name] = self.clock.now()

    def graph_rows(self, tenant_id: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of storage accounts."""
        for wire in self.accounts.values():
            yield graph_row(wire, wire["type"], tenant_id)

    def routes(self) -> list[Route]:
        """Give what is answered."""
        namespace = "Microsoft.Storage"
        return [
            Route("GET", _ACCOUNTS + "/{account}/blobServices/default/containers", self._list_containers, namespace),
            Route("PUT", _ACCOUNTS + "/{account}/blobServices/default/containers/{container}", self._put_container, namespace),
            Route(
                "DELETE", _ACCOUNTS + "/{account}/blobServices/default/containers/{container}", self._delete_container, namespace
            ),
            Route("GET", _ACCOUNTS + "/{account}", self._read, namespace),
            Route("GET", _ACCOUNTS, self._list, namespace),
            Route("GET", "/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts", self._list, namespace),
        ]

    def _key(self, call: Call) -> str:
        self.groups.find(call.path["subscription"], call.path["group"])
        key = call.full_path.lower().split("/blobservices/")[0]
        if key not in self.accounts:
            raise resource_not_found(_TYPE, call.path["account"], call.path["group"])
        return key

    def _read(self, call: Call) -> Reply:
        return Reply(200, self._with_endpoints(self.accounts[self._key(call)]))

    def _list(self, call: Call) -> Reply:
        scope = call.full_path.lower().split("/providers/")[0] + "/"
        found = [account for key, account in self.accounts.items() if key.startswith(scope)]
        return page_of(call, found, self.groups.page_size, self._with_endpoints)

    def _with_endpoints(self, account: Wire) -> Wire:
        url = self.find_blob_url()
        blob = f"{url}/{account['name']}/" if url else f"https://{account['name']}.blob.core.windows.net/"
        return {**account, "properties": {**account["properties"], "primaryEndpoints": {"blob": blob}}}

    def account_id(self, name: str) -> str | None:
        """Give the id of the account of a name, which no other account has."""
        return next((wire["id"] for wire in self.accounts.values() if wire["name"] == name.lower()), None)

    def _put_container(self, call: Call) -> Reply:
        """Create a container; one that is there stays as it is (REST reference, Blob Containers - Create)."""
        key, name = self._key(call), call.path["container"]
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}", name):
            raise ArmError(400, "InvalidResourceName", "The specifed resource name contains invalid characters.")
        is_new = name not in self.containers[key]
        if is_new:
            self.add_container(key, name)
        store = self.find_store()
        if store:
            store.fill(self.accounts[key]["name"], name, {})
        return Reply(201 if is_new else 200, self._container(key, name))

    def _delete_container(self, call: Call) -> Reply:
        key, name = self._key(call), call.path["container"]
        if name not in self.containers[key]:
            return Reply(204)
        self.containers[key].remove(name)
        store = self.find_store()
        if store:
            store.drop(self.accounts[key]["name"], name)
        return Reply(200)

    def _list_containers(self, call: Call) -> Reply:
        key = self._key(call)
        return page_of(call, [self._container(key, name) for name in self.containers[key]], self.groups.page_size)

    def _container(self, key: str, name: str) -> Wire:
        return {
            "id": f"{self.accounts[key]['id']}/blobServices/default/containers/{name}",
            "name": name,
            "type": f"{_TYPE}/blobServices/containers",
            "etag": f'"0x{uuid.uuid5(uuid.NAMESPACE_URL, key + name).hex[:15].upper()}"',
            "properties": {
                "immutableStorageWithVersioning": {"enabled": False},
                "deleted": False,
                "remainingRetentionDays": 0,
                "defaultEncryptionScope": "$account-encryption-key",
                "denyEncryptionScopeOverride": False,
                "publicAccess": "None",
                "leaseStatus": "Unlocked",
                "leaseState": "Available",
                "lastModifiedTime": f"{self.made.get((key, name), _SEEDED):%Y-%m-%dT%H:%M:%S}.0000000Z",
                "hasImmutabilityPolicy": False,
                "hasLegalHold": False,
            },
        }
