# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""A vault of either kind alone, without what lies in it: a task about nothing else ships and loads as little as can be."""

from __future__ import annotations

from collections.abc import Callable

from ..azure.session import Session
from ..errors import BadInput
from ..model.resource_ids import ResourceId
from .data_protection.vault import BackupVault
from .recovery_services.vault import RecoveryServicesVault
from .vault_interface import VAULT_RESOURCE_TYPES, VaultService

_VAULTS: dict[str, Callable[[Session, ResourceId], VaultService]] = {
    "backup": BackupVault,
    "recovery_services": RecoveryServicesVault,
}


def open_vault_alone(session: Session, vault: ResourceId) -> VaultService:
    """Give the service of a vault alone. Raises BadInput for a kind without one."""
    return _VAULTS[kind_of_vault(vault)](session, vault)


def kind_of_vault(vault: ResourceId) -> str:
    """Give the kind of a vault. Raises BadInput for what is none."""
    for name, resource_type in VAULT_RESOURCE_TYPES.items():
        if vault.type.lower() == resource_type.lower():
            return name
    raise BadInput(f"vault_type: {vault.type} is not supported here")
