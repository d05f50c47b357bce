# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_instance, through the real SDKs against the loopback Azure."""

from __future__ import annotations

import pytest
from conftest import GROUP, OTHER_DISK, SNAPSHOTS, VAULT_ID, Driver, disk, preparation

PROTECT = {"datasource_id": [disk("data01")], "policy_name": "disks", "snapshot_resource_group": "demo-snapshots-rg"}


@preparation
def ready(azure: Driver, *names: str, **vault: object) -> None:
    azure.vault(**vault)
    azure.policy()
    ids = [disk(name) for name in names or ("data01",)]
    assert not azure.run("backup_permission", datasource_id=ids, snapshot_resource_group="demo-snapshots-rg")["failed"]


def test_a_disk_is_protected_as_predicted_and_only_once(azure: Driver) -> None:
    ready(azure)
    (result,) = azure.predicted("backup_instance", **PROTECT)["datasources"]
    assert result["action"] == "protect"
    assert result["instance"]["state"] == "protection_configured"
    assert result["instance"]["snapshot_resource_group_id"] == SNAPSHOTS
    assert len(azure.requests("PUT", result["instance"]["name"])) == 1


def test_the_name_is_the_same_wherever_it_is_made(azure: Driver) -> None:
    ready(azure)
    upper = disk("data01").replace("resourceGroups", "RESOURCEGROUPS")
    name = azure.run("backup_instance", check=True, **PROTECT)["datasources"][0]["instance"]["name"]
    other = azure.run("backup_instance", check=True, **{**PROTECT, "datasource_id": upper})["datasources"][0]["instance"]["name"]
    assert name == other
    assert name.startswith("data01-data01-")


def test_it_waits_until_new_roles_are_effective(azure: Driver) -> None:
    azure.azure.configure({"propagation_seconds": 900})
    try:
        ready(azure)
        result = azure.run("backup_instance", **PROTECT)
    finally:
        azure.azure.configure({"propagation_seconds": 90})
    assert not result["failed"], result["msg"]
    assert len(azure.requests("POST", "/validateForBackup")) > 5
    assert sum(azure.clock.slept) > 600


def test_missing_roles_are_named_when_patience_ends(azure: Driver) -> None:
    azure.vault()
    azure.policy()
    result = azure.run("backup_instance", **PROTECT, permission_timeout=300)
    assert result["failed"]
    for word in ("Disk Backup Reader", disk("data01"), "Disk Snapshot Contributor", SNAPSHOTS, "permission_timeout"):
        assert word in result["msg"]
    assert result["error"]["code"] == "UserErrorDiskAndSnapshotRGOrMSIPermissionsNotPresent"
    assert result["error"]["recommended_action"]
    assert not [entry for entry in azure.azure.journal.writes() if "/backupInstances/" in entry["path"]]


def test_an_instance_of_any_name_is_adopted(azure: Driver) -> None:
    ready(azure)
    azure.run("backup_instance", **PROTECT, name="by-hand")
    result = azure.run("backup_instance", **PROTECT)
    assert (result["failed"], result["changed"]) == (False, False)
    assert result["datasources"][0]["instance"]["name"] == "by-hand"


def test_many_are_protected_in_one_task_in_the_order_given(azure: Driver) -> None:
    names = ["data03", "data01", "data02"]
    ready(azure, *names)
    result = azure.predicted("backup_instance", **{**PROTECT, "datasource_id": [disk(name) for name in names]})
    assert [item["datasource_id"] for item in result["datasources"]] == [disk(name) for name in names]


def test_the_same_id_twice_is_protected_once(azure: Driver) -> None:
    ready(azure)
    result = azure.run("backup_instance", **{**PROTECT, "datasource_id": [disk("data01"), disk("data01").upper()]})
    assert result["failed"] is False, result
    assert [item["changed"] for item in result["datasources"]] == [True, True]
    assert len([entry for entry in azure.azure.journal.writes() if "/backupInstances/" in entry["path"]]) == 1


def test_one_that_fails_does_not_stop_the_others(azure: Driver) -> None:
    ready(azure, "data01", "far01")
    result = azure.run("backup_instance", **{**PROTECT, "datasource_id": [disk("far01"), disk("data01")]})
    assert [item["failed"] for item in result["datasources"]] == [True, False]
    assert result["changed"] is True
    assert "1 of 2 datasources failed" in result["msg"]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("check", [True, False])
def test_a_list_of_several_types_is_refused_before_anything_is_written(azure: Driver, order: int, check: bool) -> None:
    ready(azure)
    writes = azure.writes()
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
    mixed = {**PROTECT, "datasource_id": [disk("data01"), account][::order]}
    result = azure.run("backup_instance", check=check, **mixed)
    assert result["failed"]
    assert result["msg"].startswith("policy_name: policy 'disks' is for azure_disk, but datasource_id names azure_blob")
    assert azure.writes() == writes


def test_all_are_checked_before_the_first_is_protected(azure: Driver) -> None:
    ready(azure)
    azure.azure.journal.entries.clear()
    azure.run("backup_instance", **{**PROTECT, "datasource_id": [disk("data01"), disk("data02"), disk("nowhere")]})
    paths = [entry["path"] for entry in azure.azure.journal.entries]
    first_write = next(index for index, path in enumerate(paths) if path.endswith("/validateForBackup"))
    assert any(path.endswith("/disks/nowhere") for path in paths[:first_write])
    assert not [path for path in paths[first_write:] if path.endswith(("/disks/data01", "/disks/data02", "/disks/nowhere"))]


@pytest.mark.parametrize(("location", "is_refused"), [(None, False), ("West Europe", False), ("eastus", True)])
def test_check_mode_compares_with_the_region_that_a_vault_will_have(
    azure: Driver, location: str | None, is_refused: bool
) -> None:
    foreseen = azure.run("backup_instance", check=True, location=location, **PROTECT)
    assert foreseen["failed"] is is_refused, foreseen.get("msg")
    if is_refused:
        assert "is in westeurope, but vault 'demo-vault' is in eastus" in foreseen["msg"]


def test_lists_are_read_to_their_last_page(azure: Driver) -> None:
    ids = azure.protected("data01", "data02", "data03")
    azure.azure.configure({"page_size": 1})
    result = azure.run("backup_instance", **{**PROTECT, "datasource_id": ids})
    assert (result["failed"], result["changed"]) == (False, False), result


def test_the_policy_is_changed_and_all_else_kept(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.run("backup_policy", policy_name="daily", datasource_type="azure_disk", schedule={"frequency": "daily"})
    (result,) = azure.predicted("backup_instance", datasource_id=protected, policy_name="daily")["datasources"]
    assert result["action"] == "change_policy"
    assert result["instance"]["policy_name"] == "daily"
    assert result["instance"]["snapshot_resource_group_id"] == SNAPSHOTS


def test_the_ladder_down_and_up_again(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    for state, action, became in (
        ("suspended", "suspend", "backups_suspended"),
        ("present", "resume", "protection_configured"),
        ("stopped", "stop", "protection_stopped"),
        ("present", "resume", "protection_configured"),
    ):
        (result,) = azure.predicted("backup_instance", datasource_id=protected, policy_name="disks", state=state)["datasources"]
        assert (result["action"], result["instance"]["state"]) == (action, became)
    (result,) = azure.predicted("backup_instance", datasource_id=protected, state="absent")["datasources"]
    assert result["action"] == "remove"
    assert result["instance"] is None
    vault = next(iter(azure.azure.data_protection.vaults.values()))
    assert (len(vault.instances), len(vault.deleted)) == (0, 1)


@pytest.mark.parametrize("check", [True, False])
def test_destroying_data_has_to_be_confirmed(azure: Driver, check: bool) -> None:
    (protected,) = azure.protected("data01", soft_delete="Off")
    writes = len(azure.writes())
    result = azure.run("backup_instance", check=check, datasource_id=protected, state="absent")
    assert result["failed"]
    assert "delete_backup_data" in result["msg"]
    assert len(azure.writes()) == writes
    azure.predicted("backup_instance", datasource_id=protected, state="absent", delete_backup_data=True)


def test_a_soft_deleted_disk_is_not_protected_behind_ones_back_and_comes_back_when_asked(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    point = azure.run("backup_adhoc", datasource_id=protected)["datasources"][0]["recovery_point"]
    azure.run("backup_policy", policy_name="others", datasource_type="azure_disk")
    azure.run("backup_instance", datasource_id=protected, state="absent")
    writes = len(azure.writes())
    result = azure.run("backup_instance", **PROTECT)
    assert result["failed"]
    assert "soft-deleted until 20" in result["msg"]
    assert result["msg"].startswith("undelete: ")
    assert len(azure.writes()) == writes
    (back,) = azure.predicted("backup_instance", **{**PROTECT, "policy_name": "others"}, undelete=True)["datasources"]
    assert back["action"] == "undelete"
    assert (back["instance"]["policy_name"], back["instance"]["state"]) == ("others", "protection_configured")
    assert azure.run("backup_recovery_point_info")["recovery_points"] == [point]
    assert azure.run("backup_adhoc", datasource_id=protected)["changed"]


def test_what_is_soft_deleted_is_listed_until_its_time_is_over(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    before = azure.run("backup_instance_info")["instances"][0]
    assert azure.run("backup_instance_info", deleted=True)["instances"] == []
    azure.run("backup_instance", datasource_id=protected, state="absent")
    (deleted,) = azure.run("backup_instance_info", deleted=True, state="soft_deleted")["instances"]
    assert (deleted["name"], deleted["datasource_id"], deleted["state"]) == (before["name"], protected, "soft_deleted")
    assert deleted["deletion_time"] < deleted["purge_time"]
    assert azure.run("backup_instance_info")["instances"] == []
    refusal = azure.run("backup_vault", state="absent")
    assert (
        f"Soft delete keeps 1 datasource(s): {before['name']} (until {deleted['purge_time']}); wait until then" in refusal["msg"]
    )
    azure.azure.clock.advance(15 * 86400)
    assert azure.run("backup_instance_info", deleted=True)["instances"] == []
    azure.predicted("backup_vault", state="absent")


def test_soft_deleted_instances_of_all_vaults_cannot_be_searched(azure: Driver) -> None:
    result = azure.run("backup_instance_info", deleted=True, vault_name=None)
    assert result["msg"].startswith("deleted: ")


def test_what_soft_delete_holds_is_destroyed_only_where_it_is_off_and_confirmed(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.run("backup_instance", datasource_id=protected, state="absent")
    gone = {"datasource_id": protected, "state": "absent", "permanent": True}
    assert azure.run("backup_instance", **gone)["msg"].startswith("permanent: ")
    writes = len(azure.writes())
    refused = azure.run("backup_instance", **gone, delete_backup_data=True)
    assert "soft delete is On" in refused["msg"]
    assert len(azure.writes()) == writes
    azure.vault(soft_delete={"state": "Off"})
    (result,) = azure.predicted("backup_instance", **gone, delete_backup_data=True)["datasources"]
    assert result["action"] == "purge"
    assert azure.run("backup_instance_info", deleted=True)["instances"] == []


@pytest.mark.parametrize("check", [True, False])
def test_a_disk_protected_in_another_vault_names_that_vault(azure: Driver, check: bool) -> None:
    azure.protected("data01")
    for module, arguments in (("backup_vault", {}), ("backup_policy", {"policy_name": "disks", "datasource_type": "azure_disk"})):
        azure.run(module, vault_name="second-vault", **arguments)
    writes = len(azure.writes())
    result = azure.run("backup_instance", check=check, vault_name="second-vault", **PROTECT)
    assert result["failed"]
    assert VAULT_ID in result["msg"]
    assert len(azure.writes()) == writes


def test_a_protection_error_is_told_and_mended_by_the_next_run(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    instance = next(iter(next(iter(azure.azure.data_protection.vaults.values())).instances.values()))
    instance.become("ProtectionError", {"code": "UserErrorX", "message": "A role was taken away.", "recommendedAction": ["Do."]})
    result = azure.run("backup_adhoc", datasource_id=protected)
    assert result["failed"]
    assert "protection_error" in result["msg"]
    (mended,) = azure.predicted("backup_instance", datasource_id=protected, policy_name="disks")["datasources"]
    assert (mended["action"], mended["instance"]["state"]) == ("resume", "protection_configured")


def test_a_protection_that_comes_to_nothing_fails_with_its_error(azure: Driver) -> None:
    ready(azure)

    def take_roles_away() -> None:
        if azure.requests("PUT", "-data01") or any("/backupInstances/" in e["path"] for e in azure.azure.journal.writes()):
            azure.azure.authorization.assignments.clear()

    azure.on_sleep = take_roles_away
    result = azure.run("backup_instance", **PROTECT)
    azure.on_sleep = None
    assert result["failed"]
    assert result["error"]["code"] == "UserErrorDiskAndSnapshotRGOrMSIPermissionsNotPresent"


def test_a_run_interrupted_after_the_put_goes_on_with_the_same_instance(azure: Driver) -> None:
    ready(azure)
    azure.fault(kind="answer", method="GET", path="/operationStatus/", after=3, times=1, status=404)
    first = azure.run("backup_instance", **PROTECT)
    second = azure.run("backup_instance", **PROTECT)
    assert first["failed"] or first["changed"]
    assert not second["failed"], second["msg"]
    assert len(azure.requests("PUT", second["datasources"][0]["instance"]["name"])) <= 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"datasource_id": ["/subscriptions/x/disks/y"]}, "datasource_id"),
        ({"datasource_id": [disk("data01"), "nonsense", GROUP]}, "nonsense"),
        ({"policy_name": None}, "policy_name"),
        ({"policy_id": VAULT_ID + "/backupPolicies/disks"}, "policy_name"),
        ({"name": "one", "datasource_id": [disk("data01"), disk("data02")]}, "name"),
        ({"name": "bad name!"}, "name"),
        ({"delete_backup_data": True}, "delete_backup_data"),
        ({"datasource_id": [OTHER_DISK], "snapshot_resource_group": SNAPSHOTS}, "snapshot_resource_group"),
        ({"snapshot_resource_group": GROUP + "/providers/x"}, "snapshot_resource_group"),
    ],
)
def test_bad_input_names_the_option_before_any_request(azure: Driver, arguments: dict, named: str) -> None:
    result = azure.run("backup_instance", **{**PROTECT, **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"vault_name": "no-vault"}, "vault"),
        ({"policy_name": "no-policy"}, "policy_name"),
        ({"policy_name": None, "policy_id": VAULT_ID + "/backupPolicies/no-policy"}, "policy_id"),
        ({"policy_name": None, "policy_id": VAULT_ID.replace("demo-vault", "else") + "/backupPolicies/disks"}, "policy_id"),
        ({"snapshot_resource_group": "no-rg"}, "snapshot_resource_group"),
        ({"datasource_id": [disk("nosuch")]}, "datasource_id"),
        ({"datasource_id": [disk("far01")]}, "eastus"),
        ({"datasource_id": [disk("fast01")]}, "policy_name"),
        ({"state": "stopped", "datasource_id": [disk("data02")]}, "state"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_write(azure: Driver, arguments: dict, named: str) -> None:
    azure.protected("data03")
    writes = len(azure.writes())
    result = azure.run("backup_instance", **{**PROTECT, **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert len(azure.writes()) == writes


def test_a_slow_disk_type_takes_a_policy_of_its_own_pace(azure: Driver) -> None:
    ready(azure, "fast01")
    azure.run("backup_policy", policy_name="slow", datasource_type="azure_disk", schedule={"interval_hours": 12})
    result = azure.run("backup_instance", **{**PROTECT, "datasource_id": disk("fast01"), "policy_name": "slow"})
    assert not result["failed"], result["msg"]


def test_the_snapshot_group_cannot_be_changed_later(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    result = azure.run("backup_instance", datasource_id=protected, policy_name="disks", snapshot_resource_group="demo-rg")
    assert result["failed"]
    assert "snapshot_resource_group" in result["msg"]


def test_check_mode_works_on_an_empty_group(azure: Driver) -> None:
    result = azure.run("backup_instance", check=True, **PROTECT)
    assert (result["failed"], result["changed"]) == (False, True), result
    assert result["datasources"][0]["action"] == "protect"
    assert azure.writes() == []


def test_absent_is_nothing_to_do_where_nothing_is(azure: Driver) -> None:
    result = azure.run("backup_instance", datasource_id=disk("data01"), state="absent")
    assert (result["failed"], result["changed"]) == (False, False)


def test_a_stop_that_was_interrupted_is_gone_on_with(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    instance = next(iter(next(iter(azure.azure.data_protection.vaults.values())).instances.values()))
    instance.become("UpdatingProtection")
    azure.azure.schedule.after(120, lambda _moment: instance.become("ProtectionStopped"))
    (result,) = azure.run("backup_instance", datasource_id=protected, state="stopped")["datasources"]
    assert (result["failed"], result["instance"]["state"]) == (False, "protection_stopped")
    assert not azure.requests("POST", "/stopProtection")


@pytest.mark.parametrize("check", [True, False])
def test_the_policy_of_what_is_stopped_is_not_changed(azure: Driver, check: bool) -> None:
    (protected,) = azure.protected("data01")
    azure.run("backup_policy", policy_name="daily", datasource_type="azure_disk", schedule={"frequency": "daily"})
    azure.run("backup_instance", datasource_id=protected, state="stopped")
    writes = len(azure.writes())
    result = azure.run("backup_instance", check=check, datasource_id=protected, state="stopped", policy_name="daily")
    assert result["failed"]
    assert "policy_name" in result["msg"]
    assert len(azure.writes()) == writes


def test_waiting_for_roles_takes_nothing_from_wait_timeout(azure: Driver) -> None:
    azure.vault()
    azure.policy()
    result = azure.run("backup_instance", **PROTECT, wait_timeout=300, permission_timeout=1200)
    assert "Disk Backup Reader" in result["msg"]


def test_a_vault_without_an_identity_of_its_own_acts_by_a_user_assigned_one(azure: Driver) -> None:
    reader = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader"
    second = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/second"
    azure.vault(identity={"type": "UserAssigned", "user_assigned_identities": [reader]})
    azure.policy()
    roles = {"datasource_id": disk("data01"), "snapshot_resource_group": "demo-snapshots-rg"}
    azure.predicted("backup_permission", **roles)
    (result,) = azure.predicted("backup_instance", **PROTECT)["datasources"]
    assert result["instance"]["identity_id"] == reader
    body = azure.requests("PUT", result["instance"]["name"])[0]["body"]["properties"]
    assert body["identityDetails"] == {"useSystemAssignedIdentity": False, "userAssignedIdentityArmUrl": reader}
    azure.vault(identity={"user_assigned_identities": [reader, second]})
    refused = azure.run("backup_permission", datasource_id=disk("data02"))
    assert refused["msg"].startswith("identity_id: ")
    assert azure.run("backup_permission", datasource_id=disk("data02"), identity_id=second)["changed"]
    strange = azure.run("backup_permission", datasource_id=disk("data02"), identity_id=second + "x")
    assert "does not have the identity" in strange["msg"]


def test_what_is_undeleted_keeps_its_snapshot_resource_group(azure: Driver) -> None:
    protected = azure.protected("data01")
    azure.run("backup_instance", datasource_id=protected, state="absent")
    count = len(azure.writes())
    wanted = {"policy_name": "disks", "snapshot_resource_group": "demo-rg", "undelete": True}
    result = azure.run("backup_instance", datasource_id=protected, **wanted)
    assert "snapshot_resource_group: 'data01' stores its snapshots in" in result["msg"]
    assert azure.writes()[count:] == []
