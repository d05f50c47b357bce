# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The interface to a vault alone; each kind of vault implements it. What both do alike is here as well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ..azure.long_running import follow, look_until
from ..azure.session import Session
from ..clock import Deadline
from ..model.resource_ids import ResourceId
from ..model.result_shapes import Described

VAULT_RESOURCE_TYPES = {
    "backup": "Microsoft.DataProtection/backupVaults",
    "recovery_services": "Microsoft.RecoveryServices/vaults",
}

# Resource guards serve both kinds of vault.
GUARD_TYPE = "Microsoft.DataProtection/resourceGuards"


@dataclass(frozen=True)
class Blocking:
    """What keeps a vault from being deleted; purge_time: until when soft delete keeps it, None for what is protected."""

    name: str
    is_deleted: bool = False
    purge_time: str | None = None


class VaultService(Protocol):
    """What can be done with a vault. Every method raises AzureBackupError; reads give None for what is not there."""

    vault: ResourceId

    def check_options(self, options: dict[str, Any]) -> None:
        """Refuse options that this kind of vault does not have, before any request. Raises BadInput."""

    def check_new_name(self) -> None:
        """Refuse a name that Azure gives to no new vault of this kind. Raises BadInput."""

    def read_vault(self, reads_guard: bool = False) -> Described | None:
        """Read the vault; reads_guard: look for a resource guard also where the vault says that it has none."""

    def plan_vault(self, options: dict[str, Any]) -> Described:
        """Predict the vault that write_vault makes. Raises BadInput for what cannot be changed or undone."""

    def write_vault(self, options: dict[str, Any], deadline: Deadline) -> None:
        """Create the vault or change it, and wait until it is done; what is as wanted already is not sent."""

    def find_deleted_vault(self, location: str) -> Described | None:
        """Find the vault among those that were deleted in a region and can be brought back; plan_vault then begins with it."""

    def undelete_vault(self, deleted: Described, options: dict[str, Any], deadline: Deadline) -> None:
        """Bring a deleted vault back as it was, and wait until it is done."""

    def delete_vault(self, deadline: Deadline) -> None:
        """Delete the vault and wait until it is gone."""

    def list_blocking(self) -> list[Blocking]:
        """List what keeps the vault from being deleted: what it protects, and what soft delete keeps in it."""


_MOVING = ("Provisioning", "Updating")


class ArmVault(ABC):
    """A vault as a resource of Resource Manager: how its changes are followed, and how it is deleted; api: its api-version."""

    api: str

    def __init__(self, session: Session, vault: ResourceId) -> None:
        self.vault = vault
        self._session = session

    @abstractmethod
    def read_vault(self, reads_guard: bool = False) -> Described | None:
        """See VaultService."""

    def restore_region(self, vault: Described) -> str:
        """See interface.BackupService."""
        return str(vault["location"])

    def _follow_change(self, answer: Any, action: str, deadline: Deadline) -> None:
        """Wait until a change of the vault is done."""
        outcome = follow(self._session, answer, action, deadline, gone_is_unknown=True)
        if not outcome.is_known:
            self._await_vault(lambda vault: vault is not None and vault["provisioning_state"] not in _MOVING, action, deadline)

    def delete_vault(self, deadline: Deadline) -> None:
        """See VaultService."""
        action = f"delete vault '{self.vault.name}'"
        answer = self._session.send("DELETE", self.vault.text, action, self.api)
        # While it is polled the operation vanishes with the vault (recorded): 404 is the success.
        outcome = follow(self._session, answer, action, deadline, gone_is_done=True)
        if not outcome.is_known:
            self._await_vault(lambda vault: vault is None, action, deadline)

    def _await_vault(self, is_done: Callable[[Described | None], bool], action: str, deadline: Deadline) -> None:
        """Look at the vault itself where the caller may not look at the operation."""
        look_until(lambda: is_done(self.read_vault()), action, deadline)
