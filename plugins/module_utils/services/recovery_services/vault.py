# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Microsoft.RecoveryServices: a Recovery Services vault itself."""

from __future__ import annotations

from typing import Any

from ...azure.session import API_VERSIONS, Session
from ...clock import Deadline
from ...errors import AzureBackupError, Denied, NotFound
from ...model.durations import format_time
from ...model.resource_ids import ResourceId
from ...model.result_shapes import Described, Wire
from ..vault_guard import MODIFY_ENCRYPTION, REDUCE_IMMUTABILITY, SOFT_DELETE_WRITE, VaultGuard
from ..vault_interface import ArmVault, Blocking
from .wire import items, vaults

API = API_VERSIONS["Microsoft.RecoveryServices"]
_CONFIG = "backupconfig/vaultconfig"
# What the configuration answers for ever once soft delete was written through the vault, as templates do it (public reports).
_BY_VAULT_ONLY = "BMSUserErrorSoftDeleteUseVaultApi"


class RecoveryServicesVault(ArmVault):
    """One Recovery Services vault (see interface.VaultService for what each method does)."""

    api = API

    def __init__(self, session: Session, vault: ResourceId) -> None:
        super().__init__(session, vault)
        self._vault_wire: Wire | None = None
        # No recorded vault tells whether it is mapped, so that the mapping is read where something may need approval.
        self.guard = VaultGuard(session, vault, may_be_mapped=True, is_told=False)

    def check_options(self, options: dict[str, Any]) -> None:
        vaults.check_options(options)

    def check_new_name(self) -> None:
        vaults.check_new_name(self.vault.name)

    def read_vault(self, reads_guard: bool = False) -> Described | None:
        self._vault_wire = self._session.read(self.vault.text, f"read vault '{self.vault.name}'", API)
        if self._vault_wire and not vaults.tells_soft_delete(self._vault_wire):
            vaults.complete_soft_delete(self._vault_wire, self._read_config())
        is_told = vaults.is_guarded(self._vault_wire)
        self.guard = VaultGuard(self._session, self.vault, self._vault_wire is not None, is_told or reads_guard)
        if self._vault_wire is None:
            return None
        guard_id = self.guard.guard_id if is_told or reads_guard else None
        return {**vaults.describe(self._vault_wire), "resource_guard_id": guard_id}

    def _read_config(self) -> Wire | None:
        """Read the vault's configuration, which has the settings of soft delete where the vault itself does not say them."""
        try:
            return self._session.read(f"{self.vault.text}/{_CONFIG}", f"read the configuration of vault '{self.vault.name}'", API)
        except Denied:
            return None

    def plan_vault(self, options: dict[str, Any]) -> Described:
        if self._vault_wire:
            vaults.check_change(self._vault_wire, options, lambda: bool(self._list_items()))
        after = vaults.describe(vaults.planned(self._vault_wire, options, self.vault))
        wanted = options["resource_guard_id"]
        if wanted is None and not vaults.is_guarded(self._vault_wire):
            return after
        return {**after, "resource_guard_id": self.guard.plan(wanted, str(after["location"]))}

    def write_vault(self, options: dict[str, Any], deadline: Deadline) -> None:
        self.guard.change(options["resource_guard_id"], lambda: self._write_vault(options, deadline))

    def _write_vault(self, options: dict[str, Any], deadline: Deadline) -> None:
        if self._vault_wire is not None:
            return self._change_vault(options, deadline)
        action = f"create vault '{self.vault.name}'"
        answer = self._session.send("PUT", self.vault.text, action, API, body=vaults.new_vault(options))
        try:
            self._follow_change(answer, action, deadline)
            self.read_vault()
            return self._change_vault(options, deadline)
        except AzureBackupError as error:
            # The vault is there, if not yet as it was wanted.
            error.details = {**error.details, "changed": True}
            raise

    def _change_vault(self, options: dict[str, Any], deadline: Deadline) -> None:
        current = self._vault_wire or {}
        wanted = vaults.wanted_soft_delete(current, options)
        steps = vaults.steps(current, options)
        for change in steps:
            self._patch(change, deadline)
        if steps:
            # A change of the vault may turn soft delete on again (azurerm's source), so it is read afterwards and written last.
            self.read_vault()
        soft_delete = vaults.soft_delete_change(self._vault_wire, wanted)
        if soft_delete:
            self._write_soft_delete(soft_delete, deadline)

    def _patch(self, change: Wire, deadline: Deadline, *critical: str) -> None:
        """Change the vault; critical: what the change is to a resource guard, beside what it shows itself."""
        action = f"change vault '{self.vault.name}'"
        if vaults.reduces_immutability(self._vault_wire, change):
            critical += (REDUCE_IMMUTABILITY,)
        if vaults.modifies_encryption(change):
            critical += (MODIFY_ENCRYPTION,)
        answer = self.guard.send_approved(
            lambda requests: self._session.send("PATCH", self.vault.text, action, API, body=vaults.approved(change, requests)),
            *critical,
        )
        self._follow_change(answer, action, deadline)

    def _write_soft_delete(self, change: Wire, deadline: Deadline) -> None:
        """Write the settings of soft delete, by whichever of the two interfaces the vault wants."""
        try:
            # Synchronous (recorded), and a resource of its own.
            action = f"change soft delete of vault '{self.vault.name}'"
            url = f"{self.vault.text}/{_CONFIG}"
            self.guard.send_approved(
                lambda requests: self._session.send("PATCH", url, action, API, body=vaults.approved(change, requests)),
                SOFT_DELETE_WRITE,
            )
        except AzureBackupError as error:
            if error.code != _BY_VAULT_ONLY:
                raise
            self._patch(vaults.soft_delete_of_vault(change), deadline, SOFT_DELETE_WRITE)

    def find_deleted_vault(self, location: str) -> Described | None:
        """See interface.VaultService. Azure keeps no deleted vaults of this kind."""
        return None

    def undelete_vault(self, deleted: Described, options: dict[str, Any], deadline: Deadline) -> None:
        """Do nothing: there are no deleted vaults of this kind."""

    def list_blocking(self) -> list[Blocking]:
        days = vaults.soft_delete_of(self._vault_wire)["retention_duration_in_days"]
        found = []
        for item in self._list_items():
            properties = item.get("properties") or {}
            name = str(properties.get("friendlyName") or item.get("name"))
            until = format_time(items.purge_time(properties, days, self._session.service_now()))
            found.append(Blocking(name, items.is_deleted(item), until))
        return found

    def _list_items(self, condition: str = "") -> list[Wire]:
        """Read the protected items, also the soft-deleted ones; condition: an OData filter."""
        action = f"list the protected items of vault '{self.vault.name}'"
        query = {"$filter": condition} if condition else {}
        try:
            return self._session.read_all(f"{self.vault.text}/backupProtectedItems", action, API, **query)
        except NotFound:
            return []
