# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_unselected, through the real SDKs against the loopback Azure."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules import backup_unselected
from conftest import OTHER_DISK, Driver, disk, preparation
from emulator.seed import OTHER_SUBSCRIPTION, SUBSCRIPTION

DAILY: dict[str, Any] = {"datasource_types": ["azure_disk"], "tags": {"Backup": "daily"}}
HIDDEN = "5ca1ab1e-0000-4000-8000-00000000ffff"


def tag(azure: Driver, name: str, **tags: str) -> None:
    azure.azure.compute.disks[disk(name).lower()]["tags"] = tags


@pytest.fixture
@preparation
def estate(azure: Driver) -> Driver:
    """Three disks that are tagged and protected."""
    azure.protected("data01", "data02", "data03")
    for name in ("data01", "data02", "data03"):
        tag(azure, name, Backup="daily")
    return azure


def run(azure: Driver, **order: Any) -> dict[str, Any]:
    return azure.run("backup_unselected", **{"policy_name": "disks", "selections": [DAILY], **order})


def named(result: dict[str, Any]) -> dict[str, str]:
    return {str(one["datasource_id"]).rsplit("/", 1)[-1]: one["action"] for one in result["datasources"]}


def states(azure: Driver) -> dict[str, str]:
    listed = azure.run("backup_instance_info")["instances"]
    return {str(one["datasource_id"]).rsplit("/", 1)[-1]: one["state"] for one in listed}


UNTOUCHED = dict.fromkeys(("data01", "data02", "data03"), "protection_configured")


@pytest.mark.parametrize(
    ("action", "state"), [("suspend", "backups_suspended"), ("stop", "protection_stopped")], ids=["suspend", "stop"]
)
def test_what_is_not_selected_any_more_is_reported_and_ended_on_request(estate: Driver, action: str, state: str) -> None:
    assert named(run(estate)) == {}
    tag(estate, "data02", Backup="weekly")
    reported = run(estate)
    assert named(reported) == {"data02": "report"}
    assert reported["datasources"][0]["msg"] == "'data02' is protected by policy 'disks', and nothing selects it"
    assert not reported["changed"]
    assert states(estate) == UNTOUCHED
    result = estate.predicted("backup_unselected", policy_name="disks", selections=[DAILY], action=action, max_unselected=1)
    assert named(result) == {"data02": action}
    assert states(estate) == {**UNTOUCHED, "data02": state}
    assert named(run(estate)) == {}


def test_a_datasource_that_another_selection_or_the_task_names_is_left_alone(estate: Driver) -> None:
    tag(estate, "data02", Backup="weekly")
    tag(estate, "data03")
    both = [DAILY, {"datasource_types": ["azure_disk"], "tags": {"Backup": "weekly"}}]
    assert named(run(estate, selections=both, datasource_id=disk("data03").upper())) == {}
    assert named(run(estate, selections=None, datasource_id=[disk("data01")])) == {"data02": "report", "data03": "report"}


def test_protection_by_another_policy_is_not_looked_at(estate: Driver) -> None:
    tag(estate, "data03")
    estate.run("backup_policy", policy_name="archive", datasource_type="azure_disk")
    estate.run("backup_instance", datasource_id=disk("data03"), policy_name="archive")
    assert named(run(estate)) == {}
    assert named(run(estate, policy_name="archive")) == {"data03": "report"}


def test_an_exempt_resource_is_not_selected(estate: Driver) -> None:
    tag(estate, "data02", Backup="daily", Exempt="rebuilt from code")
    result = run(estate, selections=[{**DAILY, "exempt_tag": "exempt"}])
    assert named(result) == {"data02": "report"}
    assert [one["reason"] for one in result["selection"]["exempt"]] == ["rebuilt from code"]


def refused(azure: Driver, **order: Any) -> str:
    """Ask for an end of backups that is refused, and give the message."""
    result = run(azure, **{"action": "stop", "max_unselected": 10, **order})
    assert result["failed"]
    assert result["error"]["code"] == "UnselectedRefused"
    assert result["msg"].startswith("nothing was changed. ")
    assert states(azure) == UNTOUCHED
    return str(result["msg"])


def test_a_mistyped_tag_ends_no_backup(estate: Driver) -> None:
    mistyped = {"datasource_types": ["azure_disk"], "tags": {"Backup": "dialy"}}
    assert "selections[0]: it matches nothing, which is more likely a mistake" in refused(estate, selections=[mistyped])
    # A mistyped tag of exemption leaves nothing, either.
    assert "selections[0]: it matches nothing" in refused(estate, selections=[{**DAILY, "exempt_tag": "Backup"}])
    # Also where it matches something else.
    tag(estate, "data01", Backup="dialy")
    told = refused(estate, selections=[mistyped], max_unselected=1)
    assert "max_unselected: 2 datasource(s) that vault 'demo-vault' protects by policy 'disks' are not selected" in told
    assert "at most 1 may be ended: data02, data03; correct the selection, or set max_unselected to 2 to stop them" in told


def test_nothing_is_ended_by_default(estate: Driver) -> None:
    tag(estate, "data02")
    result = run(estate, action="suspend")
    assert "max_unselected: 1 datasource(s)" in result["msg"]
    assert named(result) == {"data02": "report"}
    assert states(estate) == UNTOUCHED


def test_a_lagging_index_ends_no_backup(estate: Driver) -> None:
    for name in ("data02", "data03"):
        tag(estate, name)
    estate.azure.configure({"graph_lag_seconds": 600})
    tag(estate, "data02", Backup="daily")
    tag(estate, "data03", backup="daily")
    # Resource Graph says that neither is tagged; they are.
    result = run(estate, action="stop", max_unselected=10)
    assert not result["failed"]
    assert named(result) == {}
    assert states(estate) == UNTOUCHED


def test_what_is_ended_is_read_before_however_many_there_are(estate: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_unselected, "_MOST_READ", 0)
    for name in ("data02", "data03"):
        tag(estate, name)
    estate.azure.configure({"graph_lag_seconds": 600})
    tag(estate, "data02", Backup="daily")
    # Without being read, both are only told of.
    assert named(run(estate)) == {"data02": "report", "data03": "report"}
    assert "max_unselected: 2 datasource(s)" in refused(estate, max_unselected=1)
    assert named(run(estate, action="stop", max_unselected=2)) == {"data03": "stop"}


def test_what_cannot_be_read_ends_no_backup(estate: Driver) -> None:
    tag(estate, "data02")
    estate.fault(kind="answer", method="GET", path="disks/data02$", status=403, times=2)
    assert "1 protected datasource(s) cannot be read" in refused(estate)
    hidden = [{**DAILY, "subscription_ids": [SUBSCRIPTION, HIDDEN]}]
    assert f"the caller may not see /subscriptions/{HIDDEN}" in refused(estate, selections=hidden)


def test_a_resource_that_is_gone_is_told_so(estate: Driver) -> None:
    del estate.azure.compute.disks[disk("data02").lower()]
    result = run(estate)
    assert result["datasources"][0]["msg"] == "'data02' is protected by policy 'disks', but its resource does not exist any more"
    ended = run(estate, action="suspend", max_unselected=1)
    assert named(ended) == {"data02": "suspend"}


def test_another_subscription_is_selected_only_where_it_is_named(azure: Driver) -> None:
    azure.protected("data01")
    tag(azure, "data01", Backup="daily")
    azure.run("backup_permission", datasource_id=OTHER_DISK, snapshot_resource_group="other-rg")
    azure.run("backup_instance", datasource_id=OTHER_DISK, policy_name="disks", snapshot_resource_group="other-rg")
    azure.azure.compute.disks[OTHER_DISK.lower()]["tags"] = {"Backup": "daily"}
    assert named(run(azure)) == {"other01": "report"}
    both = [{**DAILY, "subscription_ids": [SUBSCRIPTION, OTHER_SUBSCRIPTION]}]
    assert named(run(azure, selections=both)) == {}


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"selections": None}, "selections, datasource_id: neither is set"),
        ({"selections": []}, "selections, datasource_id: neither is set"),
        ({"selections": [{"policy_names": ["a"]}]}, "selections[0].policy_names: what is selected here need not be protected"),
        ({"max_unselected": -1}, "max_unselected: -1 must be at least 0"),
        ({"datasource_id": ["nonsense"]}, "datasource_id: 'nonsense' is not the id of an Azure resource"),
        ({"policy_name": "a/b"}, "policy_name: 'a/b' is not a valid"),
    ],
)
def test_what_cannot_be_is_refused_before_any_request(azure: Driver, order: dict[str, Any], told: str) -> None:
    result = run(azure, **order)
    assert told in result["msg"]
    assert azure.azure.journal.entries == []


def test_a_machine_is_looked_at_as_well(azure: Driver) -> None:
    machines = azure.azure.compute.machines
    place = {"vault_name": "demo-rsv", "vault_type": "recovery_services"}
    ids = [one["id"] for one in machines.values() if one["name"] in ("web01", "web02")]
    azure.run("backup_vault", **place)
    azure.run("backup_policy", policy_name="machines", datasource_type="azure_vm", **place)
    azure.run("backup_instance", policy_name="machines", datasource_id=ids, **place)
    machines[ids[0].lower()]["tags"] = {"backup": "yes"}
    order = {"selections": [{"datasource_types": ["azure_vm"], "tags": {"Backup": "*"}}], "policy_name": "machines", **place}
    assert named(run(azure, **order)) == {"web02": "report"}
    assert named(run(azure, **order, action="stop", max_unselected=1)) == {"web02": "stop"}
