# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deleted vaults, and bringing one back."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..arm import (
    Call,
    PlainRoute,
    Reply,
    Wire,
    check_api_version,
    page_of,
    resource_not_found,
)
from ..clock import ticks
from ..protectable import refuse
from .fields import NAMESPACE
from .signed_operations import SignedOperation
from .state import DeletedVault, Vault

if TYPE_CHECKING:
    from .provider import DataProtection

_DELETED_VAULTS = "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/deletedVaults"
# An empty vault can be brought back for ten minutes (recorded: dataprotection-2026/Undo-AzDataProtectionVaultDeletion).
_SECONDS_DELETED = 600
_NOT_OF_DELETED = ("secureScore", "bcdrSecurityLevel", "replicatedRegions", "regionOfChoiceSettings")


class DeletedVaults:
    """Deleted vaults, and bringing one back."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", _DELETED_VAULTS, self._list_deleted_vaults),
            ("GET", _DELETED_VAULTS + "/{deleted}", self._read_deleted_vault),
        ]

    def keep_deleted(self, vault: Vault, due: datetime) -> None:
        """Keep a deleted vault for a while, under a new name."""
        name = str(uuid.uuid4())
        subscription = vault.id.split("/")[2]
        properties = {key: value for key, value in vault.wire["properties"].items() if key not in _NOT_OF_DELETED}
        wire: Wire = {
            "location": vault.wire["location"],
            "tags": vault.wire.get("tags") or {},
            "properties": {
                "originalBackupVaultId": vault.guid,
                "originalBackupVaultName": vault.wire["name"],
                "originalBackupVaultResourcePath": vault.id,
                "resourceDeletionInfo": {
                    "deletionTime": ticks(due),
                    "scheduledPurgeTime": ticks(due + timedelta(seconds=_SECONDS_DELETED)),
                    "deleteActivityID": str(uuid.uuid4()),
                },
                **properties,
            },
            "id": f"/subscriptions/{subscription}/providers/{NAMESPACE}/locations/{vault.wire['location']}/deletedVaults/{name}",
            "name": name,
            "type": f"{NAMESPACE}/locations/deletedVaults",
        }
        self._provider.deleted_vaults[name] = DeletedVault(vault, wire)

        def purge(_moment: datetime) -> None:
            self._provider.deleted_vaults.pop(name, None)

        self._provider.schedule.after(_SECONDS_DELETED, purge)

    def _deleted_vaults_of(self, call: Call) -> list[Wire]:
        check_api_version(NAMESPACE, call.api_version, "2025-09-01", "locations/deletedVaults")
        return [
            deleted.wire
            for deleted in self._provider.deleted_vaults.values()
            if deleted.wire["location"] == call.path["location"].lower()
            and deleted.vault.id.split("/")[2].lower() == call.path["subscription"].lower()
        ]

    def _list_deleted_vaults(self, call: Call) -> Reply:
        return page_of(call, self._deleted_vaults_of(call), self._provider.groups.page_size)

    def _read_deleted_vault(self, call: Call) -> Reply:
        found = next((wire for wire in self._deleted_vaults_of(call) if wire["name"] == call.path["deleted"].lower()), None)
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/locations/deletedVaults", call.path["deleted"], "")
        return Reply(200, found)

    def undelete_vault(self, call: Call, document: Wire, key: tuple[str, str, str]) -> Reply:
        """Bring a deleted vault back, with a new identity and all else as it was."""
        check_api_version(NAMESPACE, call.api_version, "2025-09-01", "backupVaults")
        name = call.headers["x-ms-deleted-vault-id"].lower()
        deleted = self._provider.deleted_vaults.get(name)
        if deleted is None or key in self._provider.vaults or deleted.vault.id.lower() != call.full_path.lower():
            raise refuse("The deleted vault does not exist, or the vault is there.")
        del self._provider.deleted_vaults[name]
        vault = deleted.vault
        vault.wire["identity"] = self._provider.vaults_api.checked_identity(document.get("identity") or {}, {})
        vault.wire["properties"]["provisioningState"] = "Provisioning"
        self._provider.vaults[key] = vault

        def done(_operation: SignedOperation, _due: datetime) -> None:
            vault.wire["properties"]["provisioningState"] = "Succeeded"

        operation = self._provider.begin(call, vault, "vault", done)
        return Reply(201, vault.wire, self._provider.operations.headers(call, operation, 10, location=False))
