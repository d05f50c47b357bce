# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Which vault the options name, and whether it is there."""

from __future__ import annotations

from typing import Any

from ..errors import BadInput
from ..model.resource_ids import SEGMENT, ResourceId, check_group_name, group_id, parse_resource_id
from ..model.result_shapes import Described
from ..services.named_vaults import CREATE_IT, missing_vault, of_other_kind
from ..services.vault_interface import VAULT_RESOURCE_TYPES, VaultService
from .task import Task


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


def require_vault(task: Task, service: VaultService) -> Described:
    """Read a vault that has to exist, in check mode as well. Raises NotFound saying how to create it."""
    vault = service.read_vault()
    if vault is None:
        raise missing_vault(task.session, service.vault)
    return vault


def read_existing_vault(task: Task, service: VaultService) -> Described | None:
    """Read a vault that has to exist; in check mode a missing one is a warning and None.

    Raises NotFound saying how to create it.
    """
    vault = service.read_vault()
    if vault is None:
        error = missing_vault(task.session, service.vault)
        message = error.message.removeprefix("vault_name, vault_id: ")
        task.require(error, message.replace(CREATE_IT, "what depends on it would be created"))
    return vault
