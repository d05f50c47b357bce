# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option select, through the real SDKs against the loopback Azure."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Driver, disk, preparation
from emulator.seed import OTHER_SUBSCRIPTION, SUBSCRIPTION

HIDDEN = "5ca1ab1e-0000-4000-8000-00000000ffff"
DISKS: dict[str, Any] = {"datasource_types": ["azure_disk"], "locations": ["West Europe"]}


def tag(azure: Driver, name: str, **tags: str) -> None:
    azure.azure.compute.disks[disk(name).lower()]["tags"] = tags


def names(result: dict[str, Any]) -> list[str]:
    return [str(one["datasource_id"]).rsplit("/", 1)[-1] for one in result["datasources"]]


@pytest.fixture
@preparation
def estate(azure: Driver) -> Driver:
    """Vault, policy and roles for tagged disks, of which none is protected."""
    azure.vault()
    azure.policy()
    ids = [disk(name) for name in ("data01", "data02", "data03")]
    azure.run("backup_permission", datasource_id=ids, snapshot_resource_group="demo-snapshots-rg")
    tag(azure, "data01", backup="daily", Tier="gold (eu)")
    tag(azure, "data02", Backup="daily", Tier="silver", NoBackup="rebuilt from code")
    tag(azure, "data03", Backup="true", Tier="gold's")
    azure.azure.journal.entries.clear()
    return azure


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({"tags": {"BACKUP": "daily"}}, ["data01", "data02"]),
        ({"tags": {"Backup": "Daily"}}, []),
        ({"tags": {"backup": "d*"}}, ["data01", "data02"]),
        ({"tags": {"Backup": ["weekly", "daily"], "Tier": "*"}}, ["data01", "data02"]),
        ({"tags": {"Backup": True}}, ["data03"]),
        ({"tags": {"Tier": "gold (eu)"}}, ["data01"]),
        ({"tags": {"Tier": "gold's"}}, ["data03"]),
        ({"tags": {"Backup": "*"}, "exclude": {"tags": {"Tier": "gold*"}}}, ["data02"]),
        ({"tags": {"Backup": "*"}, "exclude": {"names": ["*02"], "tags": {"Tier": "gold's"}}}, ["data01"]),
        ({"tags": {"Backup": "daily"}, "exempt_tag": "nobackup"}, ["data01"]),
        ({"names": ["DATA0[12]"], "resource_groups": ["Demo-*"]}, ["data01", "data02"]),
        ({"names": ["data01"], "resource_groups": ["demo-rg"], "subscription_ids": [SUBSCRIPTION.upper()]}, ["data01"]),
        ({"names": ["data01"], "resource_groups": ["other-rg"]}, []),
        ({"names": ["other01"], "subscription_ids": [OTHER_SUBSCRIPTION]}, ["other01"]),
        ({"names": ["data01", "other01"], "subscription_ids": ["all"]}, ["data01", "other01"]),
        ({"names": ["data01", "other01"], "exclude": {"subscription_ids": [OTHER_SUBSCRIPTION]}}, ["data01"]),
        ({"names": []}, []),
    ],
)
def test_what_could_be_protected_is_selected_by_what_it_is(estate: Driver, select: dict[str, Any], expected: list[str]) -> None:
    result = estate.run("backup_instance", check=True, policy_name="disks", select={**DISKS, **select})
    assert sorted(names(result)) == expected
    assert result["selection"]["count"] == len(expected)
    assert (result["selection"]["reason"] is None) is bool(expected)
    assert estate.writes() == []


def test_what_was_tagged_since_is_protected_by_the_next_run(estate: Driver) -> None:
    order = {
        "policy_name": "disks",
        "snapshot_resource_group": "demo-snapshots-rg",
        "select": {**DISKS, "tags": {"Backup": "daily"}, "exempt_tag": "NoBackup"},
    }
    first = estate.predicted("backup_instance", **order)
    assert names(first) == ["data01"]
    assert first["selection"]["exempt"] == [{"datasource_id": disk("data02"), "reason": "rebuilt from code"}]
    tag(estate, "data03", Backup="daily")
    second = estate.run("backup_instance", **order)
    assert [(name, one["action"]) for name, one in zip(names(second), second["datasources"], strict=True)] == [
        ("data01", "none"),
        ("data03", "protect"),
    ]
    # Stopping and suspending select among what is protected.
    stopped = estate.predicted("backup_instance", state="stopped", select={"policy_names": ["disks"], "names": ["*01"]})
    assert names(stopped) == ["data01"]


def test_nothing_selected_is_an_error_where_the_task_says_so(estate: Driver) -> None:
    select = {**DISKS, "tags": {"Backup": "dialy"}}
    result = estate.run("backup_instance", policy_name="disks", select=select)
    assert not result["failed"]
    assert result["msg"] == "select matches nothing: no disks in 1 subscription(s) meet all of its criteria"
    for module, order in (("backup_instance", {"policy_name": "disks"}), ("backup_adhoc", {}), ("backup_job_info", {})):
        failed = estate.run(module, select={**select, "require_match": True}, **order)
        assert failed["error"]["code"] == "NothingSelected"
        assert failed["msg"].endswith("correct select, or remove require_match")


def test_a_subscription_that_the_caller_may_not_see_is_told(estate: Driver) -> None:
    select = {**DISKS, "names": ["data01"], "subscription_ids": [SUBSCRIPTION, HIDDEN]}
    result = estate.run("backup_instance", check=True, policy_name="disks", select=select)
    assert result["selection"]["unreadable"] == [f"/subscriptions/{HIDDEN}"]
    assert any(f"cannot see the subscription(s): /subscriptions/{HIDDEN}" in str(text) for text in result["warnings"])
    assert names(result) == ["data01"]


def test_a_protected_datasource_that_is_gone_is_told_and_not_selected_by_its_tags(azure: Driver) -> None:
    azure.protected("data01", "data02")
    tag(azure, "data01", Tier="gold")
    del azure.azure.compute.disks[disk("data02").lower()]
    result = azure.run("backup_adhoc", select={"tags": {"Tier": "gold"}})
    assert names(result) == ["data01"]
    assert result["selection"]["unreadable"] == [disk("data02")]
    # By what the instance itself tells, it is.
    restored = azure.run("backup_job_info", select={"names": ["data0*"]})
    assert restored["selection"]["count"] == 2


@pytest.mark.parametrize(
    "select", [{"exclude": {"tags": {"Env": "prod"}}}, {"exempt_tag": "NoBackup"}, {"names": ["data*"], "exempt_tag": "x"}]
)
def test_what_cannot_be_read_is_not_selected_by_what_it_may_not_have(azure: Driver, select: dict[str, Any]) -> None:
    azure.protected("data01", "data02")
    del azure.azure.compute.disks[disk("data02").lower()]
    result = azure.run("backup_instance", state="stopped", select=select)
    assert names(result) == ["data01"]
    assert any("could not be read" in str(text) for text in result["warnings"])


@pytest.mark.parametrize("select", [{"datasource_types": ["azure_blob"], "tags": {"a": "b"}}, {"datasource_types": []}])
def test_no_type_at_all_asks_nothing(azure: Driver, select: dict[str, Any]) -> None:
    azure.protected("data01")
    result = azure.run("backup_adhoc", select=select)
    assert not result["failed"], result["msg"]
    assert result["datasources"] == []


def test_the_quota_of_resource_graph_is_kept(estate: Driver) -> None:
    for number in range(40):
        group = ("demo-rg", f"many{number:02d}", "westeurope")
        estate.azure.compute.add_disk(SUBSCRIPTION, *group, tags={"Backup": "no"})
    estate.azure.configure({"limits": True, "graph_page_size": 2})
    select = {**DISKS, "names": ["many*"], "exclude": {"tags": {"Backup": ["yes", "maybe"]}}}
    result = estate.run("backup_instance", check=True, policy_name="disks", select=select)
    assert result["selection"]["count"] == 40
    asked = estate.requests("POST", "/providers/Microsoft.ResourceGraph/resources")
    assert {entry["status"] for entry in asked} == {200}
    assert len(asked) > 15
    # Somebody else has used it up just before.
    taken = {one.object_id: (estate.azure.clock.now(), 15) for one in estate.azure.entra.principals.values()}
    estate.azure.resource_graph.quota.asked.update(taken)
    again = estate.run("backup_instance", check=True, policy_name="disks", select=select)
    assert again["selection"]["count"] == 40
    asked = estate.requests("POST", "/providers/Microsoft.ResourceGraph/resources")
    assert 429 in {entry["status"] for entry in asked}


@pytest.mark.parametrize(
    ("module", "order", "told"),
    [
        ("backup_instance", {"select": {}}, "select.datasource_types: exactly one type is needed"),
        ("backup_instance", {"select": {"datasource_types": []}}, "select.datasource_types: exactly one type is needed"),
        ("backup_instance", {"select": DISKS, "state": "absent"}, "select: state: absent deletes backup data; name the"),
        ("backup_instance", {"select": DISKS, "name": "x" * 20}, "name: one name cannot be used for what select finds"),
        ("backup_instance", {"select": {**DISKS, "policy_names": ["a"]}}, "select.policy_names: what is selected here need not"),
        (
            "backup_instance",
            {"select": {**DISKS, "subscription_ids": ["x"]}},
            "select.subscription_ids: 'x': each must be the GUID",
        ),
        ("backup_instance", {"select": DISKS, "datasource_type": "azure_disk"}, "datasource_type: it goes with datasource_id"),
        ("backup_adhoc", {"select": {"exclude": {"datasource_types": ["tape"]}}}, "select.exclude.datasource_types: 'tape'"),
        ("backup_adhoc", {"select": {"tags": {}}}, "select.tags: empty; name at least one tag, or omit it"),
        ("backup_adhoc", {"select": {"exempt_tag": " "}}, "select.exempt_tag: the name of a tag is expected"),
        ("backup_restore", {"select": {}, "recovery_point": "abc"}, "recovery_point: a recovery point belongs to one datasource"),
        ("backup_restore", {"select": {}, "point_in_time": "2026-11-04T08:00:00Z"}, "point_in_time: a restore in place needs"),
        (
            "backup_restore",
            {"select": {}, "target": {"in_place": True}},
            "target.in_place: a restore in place needs its datasource",
        ),
    ],
)
def test_a_selection_that_cannot_be_is_refused_before_any_request(
    azure: Driver, module: str, order: dict[str, Any], told: str
) -> None:
    policy = {"policy_name": "disks"} if module == "backup_instance" and order.get("state") != "absent" else {}
    result = azure.run(module, **policy, **order)
    assert result["failed"]
    assert told in result["msg"]
    assert azure.azure.journal.entries == []


def test_what_a_vault_protects_is_restored_by_a_selection(azure: Driver) -> None:
    ids = azure.protected("data01", "data02", "data03")
    azure.run("backup_adhoc", datasource_id=ids)
    tag(azure, "data01", App="shop")
    tag(azure, "data03", App="shop")
    azure.run("backup_permission", datasource_id=ids, operation="restore", target={"resource_group": "demo-rg"})
    order = {"select": {"tags": {"app": "shop"}}, "target": {"resource_group": "demo-rg", "name_suffix": "-restored"}}
    result = azure.run("backup_restore", **order)
    assert not result["failed"], result["msg"]
    assert names(result) == ["data01", "data03"]
    assert {disk(f"{name}-restored").lower() for name in ("data01", "data03")} <= azure.azure.compute.disks.keys()
    empty = azure.run("backup_restore", **{**order, "select": {"tags": {"app": "shop"}, "resource_groups": ["elsewhere"]}})
    assert empty["datasources"] == []
    assert empty["msg"] == "select matches none of the 3 datasource(s) protected in vault 'demo-vault'"
