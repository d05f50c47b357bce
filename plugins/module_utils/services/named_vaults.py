# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""A vault or resource group that has to exist, and the error for one that does not."""

from __future__ import annotations

from ..azure.session import API_VERSIONS, Session
from ..errors import AzureBackupError, NotFound
from ..model.resource_ids import ResourceId, parse_resource_id
from ..model.result_shapes import Described
from .vault_interface import VAULT_RESOURCE_TYPES


def of_other_kind(vault: ResourceId) -> ResourceId:
    """Give the id of the vault of the same name of the other kind."""
    other = next(kind for kind in VAULT_RESOURCE_TYPES.values() if kind.lower() != vault.type.lower())
    return parse_resource_id(f"{vault.group_id}/providers/{other}/{vault.name}", "vault_name")


CREATE_IT = "create it with backup_vault first"


def missing_vault(session: Session, vault: ResourceId, *others: ResourceId) -> NotFound:
    """Build the error for a vault that does not exist; it says so where one of the other kind has the name.

    others: vaults that are known not to exist either.
    """
    where = f"in resource group '{vault.resource_group}' of subscription {vault.subscription_id}"
    if others:
        message = f"vault '{vault.name}' does not exist {where}"
    else:
        message = f"there is no {_titles()[vault.type.lower()]} '{vault.name}' {where}"
        other = of_other_kind(vault)
        if _exists(session, other):
            message += f" (there is a {_titles()[other.type.lower()]} of that name)"
    return NotFound(f"vault_name, vault_id: {message}; {CREATE_IT}", status=404)


def _titles() -> dict[str, str]:
    titles = {"backup": "Backup vault", "recovery_services": "Recovery Services vault"}
    return {resource_type.lower(): titles[kind] for kind, resource_type in VAULT_RESOURCE_TYPES.items()}


def _exists(session: Session, vault: ResourceId) -> bool:
    try:
        return session.read(vault.text, f"read vault '{vault.name}'", API_VERSIONS[vault.namespace]) is not None
    except AzureBackupError:
        return False


def read_group(session: Session, group: str, option: str) -> Described:
    """Read a resource group that has to exist. Raises NotFound: the collection creates none."""
    found = session.read(group, f"read resource group '{group}'", API_VERSIONS["Microsoft.Resources"])
    if found is None:
        raise NotFound(f"{option}: the resource group {group} does not exist; create it first", status=404)
    return found
