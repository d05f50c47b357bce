# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The groups of a role, from its variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.role_groups import build_groups, policies_of, warnings_of
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.role_input import read_variables
from bodies import GROUP

ROLES = Path(__file__).parents[4] / "roles"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks/data01"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
VAULTS = {"resource_group": "demo-rg", "backup_vault_name": "demo-vault", "recovery_services_vault_name": "demo-rsv"}


def built(role: str = "protect", split_by: str = "datasource_type", **given: Any) -> tuple[list[dict[str, Any]], list[str]]:
    """Give the groups of a role, and what is wrong with its variables."""
    specs = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    options = specs["main"]["options"]
    named = {f"{role}_{key}": value for key, value in given.items()}
    values, problems = read_variables(named, options, f"{role}_")
    assert problems == []
    return build_groups(values, options, f"{role}_", split_by)


def groups(role: str = "protect", split_by: str = "datasource_type", **given: Any) -> list[dict[str, Any]]:
    found, problems = built(role, split_by, **given)
    assert problems == []
    return found


def test_each_datasource_goes_to_the_vault_and_the_policy_of_its_type() -> None:
    found = groups(**VAULTS, datasources=[MACHINE, DISK, ACCOUNT], policy_name="gold", retention={"default": "9d"})
    assert [(one["vault_name"], one["policy_name"], one["datasources"]) for one in found] == [
        ("demo-rsv", "virtual-machines", [MACHINE]),
        ("demo-vault", "gold", [DISK]),
        ("demo-vault", "blobs", [ACCOUNT]),
    ]
    # What is said of a policy is for one type.
    assert [one.get("retention") for one in found] == [None, {"default": "9d"}, None]
    chosen = groups(**VAULTS, datasources=[MACHINE, DISK], datasource_type="azure_vm", policy_name="gold")
    assert [one["policy_name"] for one in chosen] == ["gold", "disks"]


def test_what_is_said_of_machines_alone_still_holds() -> None:
    twins = {"vm_policy_name": "nightly", "vm_retention": {"default": "9d"}, "recovery_services_vault_settings": {"sku": "RS0"}}
    machines, disks = groups(**VAULTS, datasources=[MACHINE, DISK], vault_settings={"redundancy": "GeoRedundant"}, **twins)
    assert (machines["policy_name"], machines["retention"]) == ("nightly", {"default": "9d"})
    (told,) = warnings_of(twins, "protect_")
    assert told.startswith(
        "protect_recovery_services_vault_settings, protect_vm_policy_name, protect_vm_retention: deprecated; use"
    )
    assert warnings_of({"policy_name": "x"}, "protect_") == []
    assert (machines["vault_settings"], disks["vault_settings"]) == ({"sku": "RS0"}, {"redundancy": "GeoRedundant"})


def test_a_variable_for_the_other_kind_of_vault_is_left_out() -> None:
    (machines,) = groups(**VAULTS, datasources=[MACHINE], snapshot_resource_group="snapshots")
    assert "snapshot_resource_group" not in machines
    # In a group it is a mistake, which the module refuses.
    (said,) = groups(**VAULTS, groups=[{"datasources": [MACHINE], "snapshot_resource_group": "snapshots"}])
    assert said["snapshot_resource_group"] == "snapshots"


def test_what_a_group_says_counts_more_than_the_old_variables_for_machines() -> None:
    listed = [{"datasources": [MACHINE], "retention": {"default": "365d"}}]
    (found,) = groups(**VAULTS, vm_retention={"default": "30d"}, vm_policy_name="nightly", groups=listed)
    assert (found["retention"], found["policy_name"]) == ({"default": "365d"}, "nightly")


def test_variables_are_the_defaults_of_groups_that_have_them() -> None:
    listed = [
        {"datasource_type": "azure_disk", "select": {"tags": {"a": "b"}}},
        {"name": "mine", "datasources": f"{MACHINE}\n", "first_backup": "true", "wait_timeout": "60"},
    ]
    disks, machines = groups(**VAULTS, snapshot_resource_group="snapshots", policy_settings={"policy_type": "V2"}, groups=listed)
    assert disks["snapshot_resource_group"] == "snapshots"
    assert disks["select"] == {"tags": {"a": "b"}, "datasource_types": ["azure_disk"]}
    assert ("policy_settings" in disks, "snapshot_resource_group" in machines) == (False, False)
    assert machines["policy_settings"] == {"policy_type": "V2"}
    assert (machines["label"], machines["first_backup"], machines["wait_timeout"]) == ("mine", True, 60)
    assert (disks["first_backup"], disks["label"]) == (False, "demo-vault: disks")


def test_a_policy_of_several_groups_is_looked_at_once() -> None:
    listed = [
        {"datasource_type": "azure_disk", "select": {"tags": {"a": "b"}}},
        {"datasources": [DISK]},
        {"datasource_type": "azure_disk", "select": {"names": ["x"]}, "policy_name": "gold"},
    ]
    first, second = policies_of(groups(**VAULTS, groups=listed))
    assert (first["policy_name"], len(first["selections"]), first["datasources"]) == ("disks", 1, [DISK])
    assert (second["policy_name"], len(second["selections"]), second["datasources"]) == ("gold", 1, [])


def test_what_lies_in_one_vault_is_backed_up_together() -> None:
    found = groups("backup_now", "vault_type", **VAULTS, datasources=[DISK, MACHINE, ACCOUNT])
    assert [(one["vault_name"], one["datasources"]) for one in found] == [
        ("demo-vault", [DISK, ACCOUNT]),
        ("demo-rsv", [MACHINE]),
    ]
    selected = groups("backup_now", "vault_type", **VAULTS, select={"policy_names": ["gold"]})
    types = ["azure_disk", "azure_blob", "azure_data_lake_storage"]
    assert [one["select"]["datasource_types"] for one in selected] == [types, ["azure_vm"]]
    only = {**VAULTS, "backup_vault_name": None}
    assert [one["vault_name"] for one in groups("backup_now", "vault_type", **only, select={})] == ["demo-rsv"]


def test_an_item_stays_whole_where_the_vault_is_named() -> None:
    listed = [{"vault_name": "a", "datasources": [DISK, MACHINE]}, {"vault_name": "b", "select": {}}]
    found = groups("restore", "item", resource_group="demo-rg", groups=listed)
    assert [(one["label"], one["resource_group"], one["on_existing"]) for one in found] == [
        ("a", "demo-rg", "fail"),
        ("b", "demo-rg", "fail"),
    ]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"groups": [{"select": {"names": ["x"]}}]}, "protect_groups[0].select.datasource_types: not set"),
        ({"groups": [{"select": {"tag": {}}, "datasource_type": "azure_disk"}]}, "protect_groups[0].select: unknown key(s) tag"),
        ({"groups": [{"datasources": [DISK], "unselected": "stop"}]}, "protect_groups[0]: unknown key(s) unselected"),
        ({"groups": [{"datasources": [DISK], "vm_policy_name": "x"}]}, "protect_groups[0]: unknown key(s) vm_policy_name"),
        ({"groups": [{"datasources": [DISK], "wait_timeout": "soon"}]}, "protect_groups[0].wait_timeout: 'soon' is not a whole"),
        ({"groups": [{"datasources": ["x"]}]}, "protect_groups[0].datasources: 'x' is not the id"),
        ({"groups": [{"datasources": [DISK], "datasource_type": "tape"}]}, "protect_groups[0].datasource_type: 'tape' is not"),
        ({"groups": [{}]}, "protect_groups[0].datasources, protect_groups[0].select: set exactly one of them"),
        ({"groups": [{"datasources": [DISK]}], "select": {}}, "protect_select: set in each item of protect_groups"),
        ({"datasources": [DISK], "resource_group": ""}, "protect_resource_group: not set"),
        ({"datasources": [MACHINE], "recovery_services_vault_name": ""}, "protect_recovery_services_vault_name: not set"),
        (
            {"datasources": [ACCOUNT, MACHINE], "retention": {}},
            "protect_datasource_type: not set; set it to the type that retention",
        ),
        (
            {"groups": [{"select": {"datasource_types": None, "tags": {"a": "b"}}}]},
            "protect_groups[0].select.datasource_types: not set; name the types",
        ),
        ({"datasources": [DISK], "datasource_type": "azure_blob"}, "protect_datasource_type: azure_blob is none of the types"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(given: dict[str, Any], told: str) -> None:
    _found, problems = built(**{**VAULTS, **given})
    assert any(problem.startswith(told) for problem in problems), problems
