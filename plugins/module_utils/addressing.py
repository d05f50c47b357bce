# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vault the options name, and whether it is there."""

from __future__ import annotations

from typing import Any, TypeVar

from .azure.session import API_VERSIONS, Session
from .errors import AzureBackupError, BadInput, NotFound
from .module import Task
from .resource_ids import GROUP_NAME, SEGMENT, ResourceId, group_id, parse_resource_id
from .shapes import Described
from .vault_service import VAULT_RESOURCE_TYPES, VaultService

Adapter = TypeVar("Adapter")


def find_vault(task: Task, needed_type: str | None = None) -> ResourceId:
    """Give the id of the vault that vault_id, or resource_group and vault_name, name.

    needed_type: the kind that the task's datasources belong in, where it has any. Raises BadInput.
    """
    options = task.options
    if options["vault_type"] and needed_type not in (None, options["vault_type"]):
        raise BadInput(f"vault_type: this datasource requires a {needed_type} vault, not {options['vault_type']}")
    kind = options["vault_type"] or needed_type or "backup"
    if options["vault_id"]:
        if options["resource_group"] or options["vault_name"]:
            raise BadInput("vault_id: give either vault_id, or resource_group and vault_name, not both")
        found = parse_resource_id(options["vault_id"], "vault_id")
        kinds = {resource_type.lower(): name for name, resource_type in VAULT_RESOURCE_TYPES.items()}
        if found.type.lower() not in kinds:
            raise BadInput(f"vault_id: '{found.text}' is a {found.type}; it must be one of {', '.join(kinds)}")
        if options["vault_type"] and kinds[found.type.lower()] != options["vault_type"]:
            raise BadInput(f"vault_type: {options['vault_type']} contradicts vault_id '{found.text}'")
        if needed_type not in (None, kinds[found.type.lower()]):
            raise BadInput(
                f"vault_id: '{found.text}' is not a {VAULT_RESOURCE_TYPES[str(needed_type)]}, which this datasource requires"
            )
        _check_names(found.resource_group, found.name, "vault_id")
        return found
    missing = [name for name in ("resource_group", "vault_name") if not options[name]]
    if missing:
        raise BadInput(f"{', '.join(missing)}: not set; identify the vault by vault_id, or by resource_group and vault_name")
    _check_names(options["resource_group"], options["vault_name"], "vault_name")
    group = group_id(task.session.subscription_id, options["resource_group"])
    return parse_resource_id(f"{group}/providers/{VAULT_RESOURCE_TYPES[kind]}/{options['vault_name']}", "vault_name")


def _check_names(resource_group: str, vault_name: str, option: str) -> None:
    problems = []
    # What a new vault may be called is stricter (check_new_name); here it is to be found.
    if not SEGMENT.fullmatch(vault_name):
        problems.append(f"{option}: '{vault_name}' is not a valid vault name")
    problems += check_group_name(resource_group)
    if problems:
        raise BadInput("; ".join(problems))


def check_group_name(resource_group: str) -> list[str]:
    """Give what is wrong with the option resource_group."""
    if GROUP_NAME.fullmatch(resource_group):
        return []
    return [f"resource_group: '{resource_group}' is not a valid resource group name"]


def names_a_vault(options: dict[str, Any]) -> bool:
    """Tell whether the options name a vault."""
    return bool(options["vault_id"] or options["vault_name"])


def find_possible_vaults(task: Task, needed_type: str | None = None) -> list[ResourceId]:
    """Give the ids that the options may mean: one, or one of each kind where neither they nor needed_type say which.

    Raises BadInput.
    """
    found = find_vault(task, needed_type)
    if task.options["vault_id"] or task.options["vault_type"] or needed_type:
        return [found]
    return [found, of_other_kind(found)]


def of_other_kind(vault: ResourceId) -> ResourceId:
    """Give the id of the vault of the same name of the other kind."""
    other = next(kind for kind in VAULT_RESOURCE_TYPES.values() if kind.lower() != vault.type.lower())
    return parse_resource_id(f"{vault.group_id}/providers/{other}/{vault.name}", "vault_name")


def adapter_for(vault: ResourceId, adapters: dict[str, Adapter]) -> Adapter:
    """Give the adapter for a vault, by the type in its id. Raises BadInput for a kind without one."""
    for kind, adapter in adapters.items():
        if vault.type.lower() == VAULT_RESOURCE_TYPES[kind].lower():
            return adapter
    raise BadInput(f"vault_type: {vault.type} is not supported here")


def read_existing_vault(task: Task, service: VaultService) -> Described | None:
    """Read a vault that has to exist; in check mode a missing one is a warning and None.

    Raises NotFound saying how to create it.
    """
    vault = service.read_vault()
    if vault is None:
        error = missing_vault(task.session, service.vault)
        if not task.check_mode:
            raise error
        message = error.message.removeprefix("vault_name, vault_id: ")
        task.warn(message.replace(_CREATE_IT, "what depends on it would be created"))
    return vault


_CREATE_IT = "create it with backup_vault first"


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
    return NotFound(f"vault_name, vault_id: {message}; {_CREATE_IT}", status=404)


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
