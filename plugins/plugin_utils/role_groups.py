# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of datasources of a role: each in a vault of its kind and, where a policy is to be assigned, of one type.

A role has its variables once, for one group, and a list of groups whose items have the same keys without the prefix of the role.
The variables are the defaults of the groups.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import BadInput
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.datasource_types import (
    DATASOURCE_TYPES,
    DatasourceType,
    find_by_id,
)
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.selection import read_selection
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.role_input import Spec, read_variables

Group = dict[str, Any]

_VAULT_NAMES = {"backup": "backup_vault_name", "recovery_services": "recovery_services_vault_name"}
# What is said once for one policy or vault; in a list of several types it is for the first of them (see _parts_of).
_OF_ONE_TYPE = (
    "policy_name", "policy_settings", "schedule", "retention", "retention_rules", "containers_list", "auto_protection",
    "include_disk_luns", "exclude_disk_luns", "snapshot_resource_group", "identity_id",
)  # fmt: skip
_OF_ONE_POLICY = ("policy_name", "schedule", "retention", "retention_rules")
_OF_ONE_VAULT = ("vault_settings",)
# What a group is about, which no other shares.
_WHAT = ("datasources", "select", "restores", "hsm_uri", "hsm_name")
# What is said once for all groups.
_OF_THE_ROLE = (
    "groups", "job_id", "unselected", "max_unselected", "report_folder", "report_title", "report_history", "report_container_uri",
    "report_container_folder", "report_sas_token", "sas_token",
)  # fmt: skip
# Before there were groups, machines of a mixed list had variables of their own.
_OF_MACHINES = {
    "recovery_services_vault_settings": "vault_settings",
    "vm_policy_name": "policy_name",
    "vm_policy_settings": "policy_settings",
    "vm_schedule": "schedule",
    "vm_retention": "retention",
    "vm_retention_rules": "retention_rules",
    "vm_include_disk_luns": "include_disk_luns",
    "vm_exclude_disk_luns": "exclude_disk_luns",
}


def build_groups(
    options: Mapping[str, Any], specs: Mapping[str, Spec], prefix: str, split_by: str
) -> tuple[list[Group], list[str]]:
    """Give the groups that a role's variables name, and what is wrong with them.

    options: the variables by their names without the prefix (read_variables); specs: their specifications by whole names;
    split_by: what gets a group of its own: each C(datasource_type) of an item, each C(vault_type), or only each C(item) itself.
    Each group has C(label) beside its keys. An item has C(is_hsm), whether it is a Managed HSM; all others have C(vault_name),
    C(vault_type), C(datasource_types), C(policy_name), and C(datasources) or C(select). Of what is together in one vault,
    C(policy_names) are those of its types.
    """
    problems: list[str] = []
    groups: list[Group] = []
    given = options.get("groups")
    shared = {key: value for key, value in options.items() if key not in ("groups", *_WHAT)}
    if given is None:
        listed = [(prefix, options)]
    else:
        both = [f"{prefix}{key}" for key in _WHAT if key in options]
        if both:
            problems.append(f"{', '.join(both)}: set in each item of {prefix}groups, not beside it")
        listed = [(f"{prefix}groups[{index}].", item) for index, item in enumerate(given)]
    for at, item in listed:
        own = dict(item) if given is None else _read_item(item, specs, prefix, at, problems)
        try:
            groups += _split(own, shared if given is not None else {}, at, split_by)
        except BadInput as error:
            problems.append(error.message)
    return groups, problems


def warnings_of(options: Mapping[str, Any], prefix: str) -> list[str]:
    """Warn of variables that are set and deprecated."""
    given = [f"{prefix}{name}" for name in _OF_MACHINES if name in options]
    told = f"{', '.join(given)}: deprecated; use {prefix}groups with a group for virtual machines, whose keys have no vm_"
    return [told] if given else []


def policies_of(groups: list[Group]) -> list[Group]:
    """Give each policy that groups protect by: its vault, C(selections) and C(datasources) of all of them."""
    found: dict[tuple[str, ...], Group] = {}
    for group in groups:
        names = ("resource_group", "vault_type", "vault_name", "policy_name")
        key = tuple(str(group.get(name)).lower() for name in names)
        known = found.setdefault(key, {**{name: group.get(name) for name in names}, "selections": [], "datasources": []})
        known["selections"] += [group["select"]] if "select" in group else []
        known["datasources"] += group.get("datasources", [])
    return list(found.values())


def _read_item(item: Mapping[str, Any], specs: Mapping[str, Spec], prefix: str, at: str, problems: list[str]) -> Group:
    """Read the keys of an item of the list in the types of the role's variables."""
    names = {name: name.removeprefix(prefix) for name in specs}
    keys = {
        name: {**spec, "default": None, "required": False}
        for name, spec in specs.items()
        if names[name] not in _OF_THE_ROLE and names[name] not in _OF_MACHINES
    }
    unknown = sorted(str(key) for key in item if f"{prefix}{key}" not in keys and key != "name")
    if unknown:
        problems.append(
            f"{at.rstrip('.')}: unknown key(s) {', '.join(unknown)}; use name, {', '.join(names[name] for name in keys)}"
        )
    values, wrong = read_variables({f"{prefix}{key}": value for key, value in item.items()}, keys, prefix)
    problems += [problem.replace(prefix, at, 1) for problem in wrong]
    return {**values, "name": str(item["name"])} if item.get("name") else values


def _split(own: Mapping[str, Any], shared: Mapping[str, Any], at: str, split_by: str) -> list[Group]:
    """Give the groups of an item (see _parts_of). Raises BadInput with every mistake."""
    if split_by != "item":
        return _parts_of(own, shared, at, split_by == "datasource_type")
    values = {**shared, **own}
    hsm = values.get("hsm_uri") or values.get("hsm_name")
    if hsm:
        return [{**values, "is_hsm": True, "label": values.get("name") or hsm}]
    missing = [f"{at}{key}" for key in ("resource_group", "vault_name") if not values.get(key)]
    if missing:
        raise BadInput(f"{', '.join(missing)}: not set")
    return [{**values, "is_hsm": False, "label": values.get("name") or values["vault_name"]}]


def _goes_for(key: str, kind: DatasourceType) -> bool:
    """Tell whether a type of datasource has what a variable says; a default of all groups leaves out the others."""
    if key == "snapshot_resource_group":
        return kind.needs_snapshot_resource_group
    if key in ("containers_list", "auto_protection"):
        return kind.parameters_type is not None
    if key in ("include_disk_luns", "exclude_disk_luns", "policy_settings"):
        return kind.vault_type == "recovery_services"
    return key != "identity_id" or bool(kind.roles)


def _goes_into(key: str, vault_type: str) -> bool:
    """Tell whether any type of datasource in a kind of vault has what a variable says."""
    return any(_goes_for(key, kind) for kind in DATASOURCE_TYPES.values() if kind.vault_type == vault_type)


def _parts_of(own: Mapping[str, Any], shared: Mapping[str, Any], at: str, is_by_type: bool) -> list[Group]:
    """Give a group for each type of datasource of an item, or for each kind of vault.

    own: what the item says; shared: what the role's variables say for all groups. Raises BadInput with every mistake.
    """
    values = {**shared, **own}
    by_type = _types_of(values, at, is_by_type)
    first = DATASOURCE_TYPES.get(str(values.get("datasource_type") or "azure_disk"))
    problems = [] if values.get("resource_group") else [f"{at}resource_group: not set"]
    given = [key for key in _OF_ONE_POLICY if key in own]
    if len(by_type) > 1 and first is not None and first.name not in by_type and given and is_by_type:
        problems.append(
            f"{at}datasource_type: not set; set it to the type that {', '.join(given)} is for ({', '.join(by_type)}), or use a "
            "group for each type"
        )
    parts: list[Group] = []
    for name, chosen in by_type.items():
        kind = DATASOURCE_TYPES[name]
        # A role's variables may also say something of datasources in the other kind of vault.
        said = own if shared else {key: value for key, value in own.items() if _goes_into(key, kind.vault_type)}
        part: Group = {**{key: value for key, value in shared.items() if _goes_for(key, kind)}, **said, **chosen}
        if len(by_type) > 1 and first is not None and kind is not first:
            # What is said of one policy goes for one type only; the others get the defaults of their type.
            part = {key: value for key, value in part.items() if key not in _OF_ONE_TYPE}
            if kind.vault_type != first.vault_type:
                part = {key: value for key, value in part.items() if key not in _OF_ONE_VAULT}
        if kind.name == "azure_vm":
            # What a group says itself counts more than what was said before there were groups.
            part |= {key: values[twin] for twin, key in _OF_MACHINES.items() if twin in values and not (shared and key in own)}
        option = _VAULT_NAMES[kind.vault_type]
        if not part.get(option):
            problems.append(f"{at}{option}: not set, and needed for the {kind.title}s of this group")
        part["policy_name"] = part.get("policy_name") or kind.default_policy_name
        part |= {"vault_type": kind.vault_type, "vault_name": part.get(option), "datasource_types": [kind.name]}
        parts.append(part)
    if problems:
        raise BadInput("; ".join(dict.fromkeys(problems)))
    if not is_by_type:
        parts = _joined(parts)
    for part in parts:
        what = part["policy_name"] if is_by_type else ", ".join(part["datasource_types"])
        part["label"] = values.get("name") or f"{part['vault_name']}: {what}"
    return parts


def _joined(parts: list[Group]) -> list[Group]:
    """Put the parts together that lie in one vault."""
    found: dict[str, Group] = {}
    for part in parts:
        known = found.setdefault(part["vault_type"], {**part, "datasource_types": [], "policy_names": [], "datasources": []})
        known["datasource_types"] += part["datasource_types"]
        known["policy_names"] = list(dict.fromkeys([*known["policy_names"], part["policy_name"]]))
        if "select" in part:
            known["select"] = {**part["select"], "datasource_types": known["datasource_types"]}
        else:
            known["datasources"] = [*known["datasources"], *part["datasources"]]
    return [{key: value for key, value in part.items() if key != "datasources" or value} for part in found.values()]


def _types_of(values: Mapping[str, Any], at: str, is_by_type: bool) -> dict[str, Group]:
    """Give what of each type an item names or selects, in the order of its first datasource. Raises BadInput."""
    datasources, select = values.get("datasources"), values.get("select")
    if (datasources is None) == (select is None):
        raise BadInput(f"{at}datasources, {at}select: set exactly one of them")
    wanted = _find_type(values["datasource_type"], at) if values.get("datasource_type") else None
    if select is not None:
        selection = read_selection(select, f"{at}select", is_protected=not is_by_type)
        kinds = selection.datasource_types
        if select.get("datasource_types") is None:
            # Among what vaults protect, everything in those that are named.
            kinds = [wanted] if wanted else [] if is_by_type else [k for k in kinds if values.get(_VAULT_NAMES[k.vault_type])]
        if not kinds:
            raise BadInput(f"{at}select.datasource_types: not set; name the types of datasources to select")
        return {kind.name: {"select": {**select, "datasource_types": [kind.name]}} for kind in kinds}
    found: dict[str, list[str]] = {}
    problems = []
    for one in datasources or []:
        try:
            kind, datasource = find_by_id(one)
        except BadInput as error:
            problems.append(error.message.replace("datasource_id", f"{at}datasources", 1))
            continue
        if wanted and wanted.resource_type.lower() == datasource.type.lower():
            kind = wanted
        found.setdefault(kind.name, []).append(datasource.text)
    if wanted and wanted.name not in found and any(DATASOURCE_TYPES[name].vault_type == wanted.vault_type for name in found):
        problems.append(
            f"{at}datasource_type: {wanted.name} is none of the types of the datasources, which are {', '.join(found)}"
        )
    if problems:
        raise BadInput("; ".join(problems))
    return {name: {"datasources": ids} for name, ids in found.items()}


def _find_type(name: str, at: str) -> DatasourceType:
    if name not in DATASOURCE_TYPES:
        raise BadInput(f"{at}datasource_type: '{name}' is not supported; use one of {', '.join(DATASOURCE_TYPES)}")
    return DATASOURCE_TYPES[name]
