# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Microsoft.DataProtection: a Backup vault itself.

Microsoft's client stays out of it: its import would take a quarter of the time of a task that changes nothing, and it
refuses to PUT a vault by api-versions before 2025-09-01, which in turn refuse most vaults.
"""

from __future__ import annotations

from typing import Any

from ...azure.session import API_VERSIONS, Session
from ...clock import Deadline
from ...errors import NotFound
from ...model.durations import format_time, parse_time
from ...model.resource_ids import ResourceId, normalize, same_id
from ...model.result_shapes import Described, Wire
from ..vault_guard import VaultGuard
from ..vault_interface import ArmVault, Blocking
from .wire import vaults

API = API_VERSIONS["Microsoft.DataProtection"]
_API_OF_DELETED = API_VERSIONS["Microsoft.DataProtection/newest"]


def list_deleted_vaults(session: Session, subscription_id: str, location: str) -> list[Wire]:
    """Read the vaults of a subscription that were deleted in a region and can be brought back."""
    url = f"/subscriptions/{subscription_id}/providers/Microsoft.DataProtection/locations/{normalize(location)}/deletedVaults"
    return session.read_all(url, f"list the deleted vaults of {location}", _API_OF_DELETED)


class BackupVault(ArmVault):
    """One Backup vault (see interface.VaultService for what each method does)."""

    api = API

    def __init__(self, session: Session, vault: ResourceId) -> None:
        super().__init__(session, vault)
        self._vault_wire: Wire | None = None
        # What may have to approve what is done here; a vault that was not read is asked for its mapping.
        self.guard = VaultGuard(session, vault, may_be_mapped=True)

    def check_options(self, options: dict[str, Any]) -> None:
        vaults.check_options(options)

    def check_new_name(self) -> None:
        vaults.check_new_name(self.vault.name)

    def read_vault(self, reads_guard: bool = False) -> Described | None:
        self._vault_wire = self._session.read(self.vault.text, f"read vault '{self.vault.name}'", API)
        if self._vault_wire is None:
            self.guard = VaultGuard(self._session, self.vault, may_be_mapped=False)
            return None
        self.guard = VaultGuard(self._session, self.vault, may_be_mapped=reads_guard or vaults.is_guarded(self._vault_wire))
        return {**vaults.describe(self._vault_wire), "resource_guard_id": self.guard.guard_id}

    def plan_vault(self, options: dict[str, Any]) -> Described:
        if self._vault_wire:
            vaults.check_change(self._vault_wire, options)
        body = vaults.merge(self._vault_wire, options)
        known = {key: value for key, value in (self._vault_wire or {}).items() if key in ("id", "name", "type")}
        after = vaults.describe({**known, **body}, self.vault)
        return {**after, "resource_guard_id": self.guard.plan(options["resource_guard_id"], str(after["location"]))}

    def write_vault(self, options: dict[str, Any], deadline: Deadline) -> None:
        self.guard.change(options["resource_guard_id"], lambda: self._put_vault(options, deadline))

    def _put_vault(self, options: dict[str, Any], deadline: Deadline) -> None:
        if vaults.is_as_wanted(self._vault_wire, options):
            return
        action = f"{'change' if self._vault_wire else 'create'} vault '{self.vault.name}'"
        body = vaults.merge(self._vault_wire, options)
        critical = vaults.critical_changes(self._vault_wire, body) if self._vault_wire else ()
        with self.guard.approving(*critical) as requests:
            if requests:
                body["properties"]["resourceGuardOperationRequests"] = requests
            answer = self._session.send("PUT", self.vault.text, action, API, body=body)
        self._follow_change(answer, action, deadline)

    def find_deleted_vault(self, location: str) -> Described | None:
        listed = list_deleted_vaults(self._session, self.vault.subscription_id, location)
        own = [wire for wire in listed if same_id(vaults.describe_deleted(wire)["id"], self.vault.text)]
        if not own:
            return None
        newest = max(own, key=lambda wire: str(vaults.describe_deleted(wire)["deletion_time"]))
        self._vault_wire = vaults.as_it_was(newest, self.vault)
        self.guard = VaultGuard(self._session, self.vault, may_be_mapped=vaults.is_guarded(self._vault_wire))
        return vaults.describe_deleted(newest)

    def undelete_vault(self, deleted: Described, options: dict[str, Any], deadline: Deadline) -> None:
        action = f"undelete vault '{self.vault.name}'"
        # All but the identity comes back as it was (recorded: dataprotection-2026/Undo-AzDataProtectionVaultDeletion).
        body = {"location": deleted["location"], "identity": vaults.merge(self._vault_wire, options)["identity"]}
        headers = {"x-ms-deleted-vault-id": deleted["deleted_vault_id"]}
        answer = self._session.send("PUT", self.vault.text, action, _API_OF_DELETED, body=body, headers=headers)
        self._follow_change(answer, action, deadline)

    def list_blocking(self) -> list[Blocking]:
        found = [Blocking(str(instance.get("name"))) for instance in self._list_below("backupInstances")]
        for instance in self._list_below("deletedBackupInstances"):
            until = ((instance.get("properties") or {}).get("deletionInfo") or {}).get("scheduledPurgeTime")
            found.append(Blocking(str(instance.get("name")), True, format_time(parse_time(until))))
        return found

    def _list_below(self, kind: str) -> list[Wire]:
        try:
            return self._session.read_all(f"{self.vault.text}/{kind}", f"list the {kind} of vault '{self.vault.name}'", API)
        except NotFound:
            return []
