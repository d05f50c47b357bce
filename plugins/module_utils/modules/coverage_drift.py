# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What differs between how resources are to be protected, as groups of the role protect say it, and how they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AzureBackupError, BadInput
from ..model.coverage import ENDED, check_controls
from ..model.datasource_types import DATASOURCE_TYPES, ON_DATASOURCE
from ..model.resource_ids import ResourceId, parse_resource_id, same_id
from ..model.result_shapes import Described
from ..model.selection import Candidate, Selection, read_selection
from ..services.coverage import Estate
from ..services.role_assignments import Grants, Need, find_identity
from ..services.vault_interface import VAULT_RESOURCE_TYPES
from .backup_policy import versions_of
from .results import read_datasource_ids
from .task import Result, Task


@dataclass(frozen=True)
class Group:
    """How some resources are to be protected.

    keys: lower-cased ids of resources, None where selection says which they are; controls: what the vault has to be like.
    """

    name: str
    resource_group: str
    vault_name: str
    policy_name: str
    keys: frozenset[str] | None
    selection: Selection | None
    controls: Mapping[str, Any]

    def takes(self, candidate: Candidate) -> bool:
        """Tell whether a resource is one of the group's."""
        if self.selection is not None:
            return self.selection.selects(candidate)
        return candidate.datasource.key in (self.keys or ())


def read_groups(given: Sequence[Mapping[str, Any]], problems: list[str]) -> list[Group]:
    """Read the option protect_groups; what is wrong goes to problems."""
    groups = []
    for index, one in enumerate(given):
        at = f"protect_groups[{index}]"
        ids, select = one["datasource_id"], one["select"]
        if (ids is None) == (select is None):
            problems.append(f"{at}.datasource_id, {at}.select: set exactly one of them")
            continue
        try:
            selection = None if select is None else read_selection(select, f"{at}.select", is_protected=False)
            keys = None if ids is None else frozenset(item.key for _kind, item in read_datasource_ids(ids))
        except BadInput as error:
            problems.append(error.message.replace("datasource_id:", f"{at}.datasource_id:"))
            continue
        controls = {name: value for name, value in (one["controls"] or {}).items() if value is not None}
        name = str(one["name"] or f"{one['vault_name']}: {one['policy_name']}")
        place = (str(one["resource_group"]), str(one["vault_name"]), str(one["policy_name"]))
        groups.append(Group(name, *place, keys, selection, controls))
    return groups


def find_drift(task: Task, estate: Estate, groups: Sequence[Group]) -> list[Result]:
    """Give what differs, by group; kind: protection, vault, policy, role, setting, or vault_missing."""
    found: list[Result] = []
    listed = [one for _key, one in sorted(estate.resources.items()) if one.exemption is None] if groups else []
    candidates = [(one.candidate, one.protected.instance if one.protected else None) for one in listed]
    for group in groups:
        vault = next((one for one in estate.vaults if _is_vault(one, group)), None)
        if vault is None:
            told = f"vault '{group.vault_name}' does not exist in resource group '{group.resource_group}', or cannot be read"
            found.append(_entry(group, None, None, "vault_missing", group.vault_name, None, told))
        else:
            found += _settings(group, vault)
        right = []
        for candidate, instance in candidates:
            if not group.takes(candidate):
                continue
            wrong = _of_instance(group, candidate, instance)
            if wrong:
                found.append(wrong)
            elif instance is not None:
                right.append((candidate, instance))
        if vault is not None:
            found += _roles(task, estate, group, vault, right)
    return found


def _is_vault(vault: Described, group: Group) -> bool:
    return same_id(vault["name"], group.vault_name) and same_id(vault["resource_group"], group.resource_group)


def _settings(group: Group, vault: Described) -> list[Result]:
    return [
        _entry(
            group,
            None,
            vault["id"],
            "setting",
            one["expected"],
            one["found"],
            f"{one['name']} of vault '{vault['name']}' is {one['found']}, and has to be {one['expected']}",
        )
        for one in check_controls(vault, group.controls)
        if one["status"] != "passed"
    ]


def _of_instance(group: Group, candidate: Candidate, instance: Described | None) -> Result | None:
    """Give the first thing that is wrong with how a resource is protected, None for nothing."""
    name = candidate.datasource.name
    if instance is None or instance["state"] in ENDED:
        state = instance["state"] if instance else None
        told = f"'{name}' is not protected" + (f" any more, it is in state {state}" if state else "")
        return _entry(group, candidate.datasource, None, "protection", "protection_configured", state, told)
    vault = parse_resource_id(str(instance["vault_id"]), "vault_id")
    if not (same_id(vault.name, group.vault_name) and same_id(vault.resource_group, group.resource_group)):
        told = f"'{name}' is protected in vault '{vault.name}', and has to be in '{group.vault_name}'"
        return _entry(group, candidate.datasource, vault.text, "vault", group.vault_name, vault.text, told)
    policy = instance["policy_name"]
    # Policies of Backup vaults cannot be changed, so that the role protect gives them versions.
    has_versions = vault.type.lower() == VAULT_RESOURCE_TYPES["backup"].lower()
    is_right = bool(versions_of(group.policy_name, [{"name": policy}])) if has_versions else same_id(policy, group.policy_name)
    if not is_right:
        told = f"'{name}' is protected by policy '{policy}', and has to be by '{group.policy_name}'"
        return _entry(group, candidate.datasource, vault.text, "policy", group.policy_name, policy, told)
    return None


def _roles(
    task: Task, estate: Estate, group: Group, vault: Described, right: Sequence[tuple[Candidate, Described]]
) -> list[Result]:
    """Give the roles that the vault's identity needs for what it protects and does not have."""
    by_identity: dict[str | None, list[tuple[Candidate, Need]]] = {}
    for candidate, instance in right:
        for role in DATASOURCE_TYPES[candidate.datasource_type].roles:
            scope = candidate.datasource.text if role.scope == ON_DATASOURCE else instance["snapshot_resource_group_id"]
            if scope:
                by_identity.setdefault(instance["identity_id"], []).append((candidate, Need(role, str(scope))))
    found: list[Result] = []
    told_at: set[Need] = set()
    for identity_id, needs in by_identity.items():
        try:
            _identity, principal = find_identity(vault, identity_id, is_needed=False)
            if principal is None:
                continue
            grants = Grants(task.session, principal)
            grants.read_together([need for _candidate, need in needs])
            missing = [(candidate, need) for candidate, need in needs if grants.find(need) is None]
        except AzureBackupError as error:
            estate.note(f"role assignments of vault '{vault['name']}'", error.message)
            continue
        for candidate, need in missing:
            if need in told_at:
                continue
            told_at.add(need)
            told = f"the identity of vault '{vault['name']}' lacks the role {need.role.name} on {need.scope}"
            found.append(_entry(group, candidate.datasource, vault["id"], "role", need.role.name, None, told))
    return found


def _entry(
    group: Group, datasource: ResourceId | None, vault_id: str | None, kind: str, expected: Any, found: Any, msg: str
) -> Result:
    return {
        "group": group.name,
        "datasource_id": datasource.text if datasource else None,
        "vault_id": vault_id,
        "kind": kind,
        "expected": expected,
        "found": found,
        "msg": msg,
    }
