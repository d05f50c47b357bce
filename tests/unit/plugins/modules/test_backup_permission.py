# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_permission, through the real SDKs against the loopback Azure."""

from __future__ import annotations

import pytest
from conftest import GROUP, OTHER_DISK, SNAPSHOTS, Driver, disk
from emulator.seed import CLIENT, GROUP_CLIENT

WHERE = {"datasource_id": [disk("data01")], "snapshot_resource_group": "demo-snapshots-rg"}


def statuses(result: dict) -> list[str]:
    return [role["status"] for item in result["datasources"] for role in item["roles"]]


def test_both_roles_are_granted_as_predicted_and_only_once(azure: Driver) -> None:
    azure.vault()
    result = azure.predicted("backup_permission", **WHERE)
    roles = result["datasources"][0]["roles"]
    assert [(role["role"], role["scope"]) for role in roles] == [
        ("Disk Backup Reader", disk("data01")),
        ("Disk Snapshot Contributor", SNAPSHOTS),
    ]
    bodies = [entry["body"]["properties"] for entry in azure.azure.journal.writes()[1:]]
    assert {body["principalType"] for body in bodies} == {"ServicePrincipal"}
    assert result["diff"][0]["before"]["roles"] == []
    assert len(result["diff"][0]["after"]["roles"]) == 2


def test_check_mode_names_what_is_missing(azure: Driver) -> None:
    azure.vault()
    result = azure.run("backup_permission", check=True, **WHERE)
    assert statuses(result) == ["missing", "missing"]
    assert "Disk Backup Reader" in result["datasources"][0]["msg"]


def test_a_shared_resource_group_gets_its_role_once(azure: Driver) -> None:
    azure.vault()
    ids = [disk(name) for name in ("data01", "data02", "data03")]
    azure.run("backup_permission", **{**WHERE, "datasource_id": ids})
    assert sum(entry["path"].startswith(SNAPSHOTS) for entry in azure.azure.journal.writes()) == 1


def test_a_role_held_above_the_scope_is_enough(azure: Driver) -> None:
    vault = azure.vault()["vault"]
    azure.run("backup_permission", **{**WHERE, "snapshot_resource_group": GROUP})
    assert statuses(azure.run("backup_permission", **{**WHERE, "snapshot_resource_group": "demo-rg"})) == ["present"] * 2
    key = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/above".lower()
    azure.azure.authorization.assignments[key] = {
        "id": key,
        "name": "above",
        "properties": {
            "scope": GROUP,
            "principalId": vault["identity"]["principal_id"],
            "roleDefinitionId": "/x/3e5e47e6-65f7-47ef-90b5-e5dd4d455f24",
        },
    }
    azure.azure.authorization.effective[key] = azure.azure.clock.now()
    result = azure.run("backup_permission", datasource_id=disk("data02"), snapshot_resource_group="demo-rg")
    assert (result["changed"], statuses(result)) == (False, ["present", "present"])


def test_an_assignment_under_another_name_is_taken_as_done(azure: Driver) -> None:
    azure.vault()
    azure.fault(
        kind="answer", method="PUT", path="roleAssignments", status=409,
        body={"error": {"code": "RoleAssignmentExists", "message": "The role assignment already exists."}},
    )  # fmt: skip
    result = azure.run("backup_permission", **WHERE)
    assert not result["failed"], result


def test_absent_takes_back_only_what_was_granted_here(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_permission", **WHERE)
    result = azure.predicted("backup_permission", **WHERE, state="absent")
    assert statuses(result) == ["revoked", "revoked"]
    assert (len(result["diff"][0]["before"]["roles"]), result["diff"][0]["after"]["roles"]) == (2, [])
    assert azure.azure.authorization.assignments == {}


def test_absent_leaves_the_roles_of_others(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_permission", **WHERE)
    assignments = azure.azure.authorization.assignments
    for key, assignment in list(assignments.items()):
        assignments[key + "-by-hand"] = {**assignments.pop(key), "name": assignment["name"] + "-by-hand"}
    result = azure.run("backup_permission", **WHERE, state="absent")
    assert (result["changed"], statuses(result)) == (False, ["foreign", "foreign"])


def test_absent_keeps_the_role_that_other_disks_still_need(azure: Driver) -> None:
    azure.protected("data01", "data02")
    result = azure.run("backup_permission", **WHERE, state="absent")
    assert statuses(result) == ["revoked", "kept"]
    assert SNAPSHOTS in result["datasources"][0]["msg"]


def test_a_vault_without_identity_is_told(azure: Driver) -> None:
    azure.vault(identity={"type": "None"})
    result = azure.run("backup_permission", **WHERE)
    assert result["failed"]
    assert "identity" in result["msg"]


def test_one_that_fails_does_not_stop_the_others(azure: Driver) -> None:
    azure.vault()
    azure.fault(kind="answer", method="PUT", path="disks/data01/.*roleAssignments", status=403, times=9,
                body={"error": {"code": "AuthorizationFailed", "message": "You may not."}})  # fmt: skip
    result = azure.run("backup_permission", **{**WHERE, "datasource_id": [disk("data01"), disk("data02")]})
    assert result["failed"]
    assert [item["failed"] for item in result["datasources"]] == [True, False]
    assert result["datasources"][0]["error"]["code"] == "AuthorizationFailed"
    assert "1 of 2 datasources failed" in result["msg"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"datasource_id": ["nonsense"]}, "datasource_id"),
        ({"datasource_id": []}, "datasource_id"),
        ({"datasource_id": [GROUP]}, "datasource_id"),
        ({"datasource_id": [GROUP + "/providers/Microsoft.Web/sites/x"]}, "datasource_id"),
        ({"datasource_id": [OTHER_DISK], "snapshot_resource_group": SNAPSHOTS}, "snapshot_resource_group"),
        ({"snapshot_resource_group": "/subscriptions/nonsense"}, "snapshot_resource_group"),
        ({"max_concurrency": 0}, "max_concurrency"),
    ],
)
def test_bad_input_names_the_option_before_any_request(azure: Driver, arguments: dict, named: str) -> None:
    result = azure.run("backup_permission", **{**WHERE, **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize("check", [True, False])
def test_a_missing_snapshot_group_is_an_error_before_any_write(azure: Driver, check: bool) -> None:
    azure.vault()
    writes = len(azure.writes())
    result = azure.run("backup_permission", check=check, **{**WHERE, "snapshot_resource_group": "nowhere-rg"})
    assert result["failed"]
    assert "snapshot_resource_group" in result["msg"]
    assert len(azure.writes()) == writes


def test_half_a_grant_is_told_as_it_is(azure: Driver) -> None:
    azure.vault()
    azure.fault(kind="answer", method="PUT", path="demo-snapshots-rg/.*roleAssignments", status=403, times=9,
                body={"error": {"code": "AuthorizationFailed", "message": "You may not."}})  # fmt: skip
    result = azure.run("backup_permission", **WHERE)
    assert (result["failed"], result["changed"]) == (True, True)
    assert statuses(result) == ["granted", "failed"]


def test_absent_is_nothing_to_do_without_a_vault(azure: Driver) -> None:
    result = azure.run("backup_permission", **WHERE, state="absent")
    assert (result["failed"], result["changed"]) == (False, False)


@pytest.mark.parametrize("check", [True, False])
def test_nothing_is_granted_for_a_datasource_that_does_not_exist(azure: Driver, check: bool) -> None:
    azure.vault()
    ids = [disk("data01x"), disk("data01")]
    writes = len(azure.writes())
    alone = azure.run("backup_permission", datasource_id=ids[0], snapshot_resource_group="demo-snapshots-rg", check=check)
    assert alone["failed"]
    assert "data01x does not exist" in alone["msg"]
    assert len(azure.writes()) == writes
    result = azure.run("backup_permission", datasource_id=ids, snapshot_resource_group="demo-snapshots-rg", check=check)
    assert [item["failed"] for item in result["datasources"]] == [True, False]
    assert not [entry for entry in azure.azure.journal.writes() if "data01x" in entry["path"]]


@pytest.mark.parametrize("client", [CLIENT, GROUP_CLIENT])
def test_many_datasources_are_read_by_one_list_where_that_is_allowed(
    azure: Driver, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    names = [f"many{number:02d}" for number in range(30)]
    for name in names:
        azure.azure.compute.add_disk(azure.azure.seed.subscription_id, "demo-rg", name, "westeurope")
    azure.vault()
    azure.azure.groups.page_size = 10
    monkeypatch.setenv("AZURE_CLIENT_ID", client)
    options = {"datasource_id": [disk(name) for name in names], "snapshot_resource_group": "demo-snapshots-rg"}
    granted = azure.predicted("backup_permission", **options)
    assert {role["status"] for result in granted["datasources"] for role in result["roles"]} == {"granted"}
    azure.azure.journal.entries.clear()
    again = azure.run("backup_permission", **options)
    assert (again["failed"], again["changed"]) == (False, False)
    lists = azure.requests("GET", "/roleAssignments")
    # 31 assignments in pages of ten; or one list for each disk and for the snapshots, beside the one that was refused.
    assert len(lists) == (4 if client == CLIENT else 32)


TO_GROUP = {"operation": "restore", "target": {"resource_group": "demo-snapshots-rg"}}
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
OTHER_ACCOUNT = ACCOUNT.replace("demoaccount", "emptyaccount")


def test_the_role_for_a_restore_is_granted_on_the_target_and_revoked(azure: Driver) -> None:
    azure.vault()
    wanted = {"datasource_id": [disk("data01"), disk("gone")], **TO_GROUP}
    result = azure.predicted("backup_permission", **wanted)
    roles = [(role["role"], role["scope"]) for item in result["datasources"] for role in item["roles"]]
    assert roles == [("Disk Restore Operator", SNAPSHOTS)] * 2
    assert len(azure.requests("PUT", "")) == 2
    revoked = azure.predicted("backup_permission", **wanted, state="absent")
    assert statuses(revoked) == ["revoked", "revoked"]


def test_a_role_that_was_there_before_is_not_revoked_after_a_restore(azure: Driver) -> None:
    principal = azure.vault()["vault"]["identity"]["principal_id"]
    azure.azure.authorization.plant(principal, "b50d9833-a0cb-478e-945f-707fcc997c13", SNAPSHOTS)
    wanted = {"datasource_id": disk("data01"), **TO_GROUP}
    assert statuses(azure.run("backup_permission", **wanted)) == ["present"]
    assert statuses(azure.run("backup_permission", **wanted, state="absent")) == ["foreign"]


def test_a_target_account_that_is_backed_up_keeps_its_role(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_policy", policy_name="blobs", datasource_type="azure_blob")
    azure.run("backup_permission", datasource_id=[ACCOUNT, OTHER_ACCOUNT])
    azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")
    for target, status in ((ACCOUNT, "kept"), (OTHER_ACCOUNT, "revoked")):
        wanted = {"operation": "restore", "target": {"storage_account_id": target}, "state": "absent"}
        source = OTHER_ACCOUNT if target == ACCOUNT else ACCOUNT
        assert statuses(azure.run("backup_permission", datasource_id=source, **wanted)) == [status]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"operation": "restore"}, "target.resource_group: not set; to restore 'data01'"),
        ({"target": {"resource_group": "demo-rg"}}, "target: only operation: restore"),
        ({**TO_GROUP, "snapshot_resource_group": "demo-rg"}, "snapshot_resource_group: only operation: backup"),
        ({"operation": "restore", "target": {"resource_group": "no-rg"}}, "no-rg"),
        ({"operation": "restore", "target": {"resource_group": "a/b"}}, "target.resource_group"),
    ],
)
def test_options_of_a_restore_that_do_not_fit_are_refused(azure: Driver, options: dict, message: str) -> None:
    azure.vault()
    writes = azure.writes()
    result = azure.run("backup_permission", datasource_id=disk("data01"), **options)
    assert message in result["msg"]
    assert azure.writes() == writes
