# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of disks and storage accounts: to a new place, in place, refused, joined, killed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from backups import ACCOUNT, OPERATOR, OTHER_ACCOUNT, backed_up_account, backed_up_disks, permit
from conftest import GROUP, Driver, disk

RESTORED = disk("data01-restored")
TO_DISK = {"target": {"resource_group": "demo-rg", "name": "data01-restored"}}
TO_ACCOUNT = {"target": {"storage_account_id": OTHER_ACCOUNT}}


def moment(azure: Driver, seconds_ago: float) -> str:
    """Give a time that long ago, by the clock of Azure."""
    return f"{azure.azure.clock.now() - timedelta(seconds=seconds_ago):%Y-%m-%dT%H:%M:%SZ}"


def one(result: dict[str, Any]) -> dict[str, Any]:
    (found,) = result["datasources"]
    return dict(found)


def test_a_disk_is_restored_to_a_new_one_although_the_original_is_gone(azure: Driver) -> None:
    backed_up_disks(azure)
    del azure.azure.compute.disks[disk("data01").lower()]
    result = one(azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK))
    assert result["action"] == "start"
    assert result["changed"]
    restored = result["restored"]
    assert (restored["id"], restored["size_gb"], restored["sku"]) == (RESTORED, 4, "Premium_LRS")
    job = result["job"]
    assert (job["operation"], job["status"], job["destination_id"]) == ("restore", "completed", RESTORED)
    assert job["source_recovery_point_id"] == result["recovery_point"]["name"]
    assert job["transferred_bytes"] is None
    assert "from the recovery point of" in result["msg"]
    assert azure.writes()[-1:] == ["POST restore"]
    (request,) = azure.requests("POST", "/restore")
    assert request["body"] == {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": result["recovery_point"]["name"],
        "sourceDataStoreType": "OperationalStore",
        "restoreTargetInfo": {
            "objectType": "RestoreTargetInfo",
            "recoveryOption": "FailIfExists",
            "restoreLocation": "westeurope",
            "datasourceInfo": {
                "datasourceType": "Microsoft.Compute/disks",
                "objectType": "Datasource",
                "resourceID": RESTORED,
                "resourceLocation": "westeurope",
                "resourceName": "data01-restored",
                "resourceType": "Microsoft.Compute/disks",
                "resourceUri": RESTORED,
            },
        },
    }


def test_several_disks_by_one_task_and_each_by_its_own_order(azure: Driver) -> None:
    ids = backed_up_disks(azure, "data01", "data02")
    result = azure.run("backup_restore", datasource_id=ids, target={"resource_group": "demo-rg", "name_suffix": "-r"})
    assert [item["restored"]["name"] for item in result["datasources"]] == ["data01-r", "data02-r"]
    orders = [
        {"datasource_id": ids[0], "target": {"resource_group": GROUP, "rename": {"data01": "first"}}},
        {"datasource_id": ids[0], "before": "0s", "target": {"resource_group": "demo-rg", "name": "again"}},
    ]
    result = azure.run("backup_restore", restores=[{**orders[0]}, {**orders[1], "before": "1s"}])
    assert [item["restored"]["name"] for item in result["datasources"]] == ["first", "again"]


def test_check_mode_tells_the_point_the_target_and_missing_roles(azure: Driver) -> None:
    azure.protected("data01")
    azure.run("backup_adhoc", datasource_id=disk("data01"))
    before = len(azure.azure.journal.writes())
    result = azure.run("backup_restore", datasource_id=disk("data01"), check=True, **TO_DISK)
    item = one(result)
    assert item["changed"]
    assert item["missing_roles"] == [f"'Disk Restore Operator' on {GROUP}"]
    assert item["recovery_point"]["tier"] == "operational_store"
    assert item["target"]["id"] == RESTORED
    assert item["recovery_point_age_seconds"] > 0
    permit(azure, OPERATOR, GROUP)
    assert one(azure.run("backup_restore", datasource_id=disk("data01"), check=True, **TO_DISK))["missing_roles"] == []
    assert len(azure.azure.journal.writes()) == before


def test_late_roles_are_waited_for_and_then_named(azure: Driver) -> None:
    azure.protected("data01")
    azure.run("backup_adhoc", datasource_id=disk("data01"))
    result = azure.run("backup_restore", datasource_id=disk("data01"), permission_timeout=60, **TO_DISK)
    assert "'Disk Restore Operator' on" in result["msg"]
    assert not result["changed"]
    assert azure.requests("POST", "/restore") == []
    assert len(azure.requests("POST", "/validateRestore")) > 1
    azure.on_sleep = lambda: permit(azure, OPERATOR, GROUP)
    assert one(azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK))["restored"]


def test_a_target_that_exists_is_refused_or_accepted_by_proof(azure: Driver) -> None:
    backed_up_disks(azure)
    azure.azure.compute.add_disk(*GROUP.split("/")[2::2], "data01-restored", "westeurope")
    for choice in ("fail", "skip"):
        result = azure.run("backup_restore", datasource_id=disk("data01"), on_existing=choice, **TO_DISK)
        assert "exists already; a restore overwrites nothing" in result["msg"]
        assert result["error"]["code"] == "TargetExists"
    del azure.azure.compute.disks[RESTORED.lower()]
    assert one(azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK))["action"] == "start"
    refused = azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK)
    assert "set on_existing: skip" in refused["msg"]
    again = azure.run("backup_restore", datasource_id=disk("data01"), on_existing="skip", **TO_DISK)
    assert (again["changed"], one(again)["action"], one(again)["restored"]["name"]) == (False, "skip", "data01-restored")
    # Another point is another restore.
    azure.run("backup_adhoc", datasource_id=disk("data01"))
    assert azure.run("backup_restore", datasource_id=disk("data01"), on_existing="skip", **TO_DISK)["failed"]
    assert len(azure.requests("POST", "/restore")) == 1


def test_a_running_restore_is_joined_where_its_job_proves_it(azure: Driver) -> None:
    backed_up_disks(azure)
    started = one(azure.run("backup_restore", datasource_id=disk("data01"), wait=False, **TO_DISK))
    assert started["job"]["status"] == "in_progress"
    refused = azure.run("backup_restore", datasource_id=disk("data01"), on_running="fail", **TO_DISK)
    assert refused["error"]["code"] == "RestoreRunning"
    joined = one(azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK))
    assert (joined["action"], joined["changed"]) == ("join", False)
    assert joined["job"]["id"] == started["job"]["id"]
    assert joined["restored"]["name"] == "data01-restored"
    resumed = one(azure.run("backup_restore", job_id=started["job"]["id"]))
    assert (resumed["action"], resumed["job"]["status"]) == ("resume", "completed")
    assert len(azure.requests("POST", "/restore")) == 1


def test_a_running_restore_of_containers_is_named_and_not_joined(azure: Driver) -> None:
    backed_up_account(azure, retention={"default": "7d"})
    started = one(azure.run("backup_restore", datasource_id=ACCOUNT, wait=False, **TO_ACCOUNT))
    result = azure.run("backup_restore", datasource_id=ACCOUNT, **TO_ACCOUNT)
    assert f"job_id: {started['job']['id']}" in result["msg"]
    assert len(azure.requests("POST", "/restore")) == 1


def test_a_timeout_names_the_job_and_what_then_works(azure: Driver) -> None:
    backed_up_disks(azure)
    result = azure.run("backup_restore", datasource_id=disk("data01"), wait_timeout=60, **TO_DISK)
    assert "resume the wait with job_id:" in result["msg"]
    assert result["changed"]
    job_id = one(result)["job"]["id"]
    assert one(azure.run("backup_restore", job_id=job_id))["job"]["status"] == "completed"


def test_a_job_that_fails_later_is_a_failure_with_its_innermost_error(azure: Driver) -> None:
    backed_up_disks(azure)
    azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "UserErrorX", "message": "The snapshot is gone."}})
    result = azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK)
    assert "failed: The snapshot is gone. (UserErrorX)" in result["msg"]
    assert result["error"]["code"] == "UserErrorX"
    assert result["changed"]


@pytest.mark.parametrize("kind", ["reset_after", "silent_after"])
def test_a_lost_answer_starts_no_second_restore(azure: Driver, kind: str) -> None:
    backed_up_disks(azure)
    azure.fault(kind=kind, method="POST", path="/restore$")
    result = one(azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK))
    assert result["restored"]["name"] == "data01-restored"
    (vault,) = azure.azure.data_protection.vaults.values()
    assert [job["properties"]["operation"] for job in vault.jobs.values()].count("Restore") == 1


def test_a_lost_answer_of_a_restore_of_containers_is_unknown_and_names_the_job(azure: Driver) -> None:
    backed_up_account(azure, retention={"default": "7d"})
    azure.fault(kind="reset_after", method="POST", path="/restore$")
    result = azure.run("backup_restore", datasource_id=ACCOUNT, **TO_ACCOUNT)
    assert result["failed"]
    assert "cannot tell whether the restore of 'demoaccount' to 'emptyaccount' was started" in result["msg"]
    assert "it may be this job: wait for it with job_id" in result["msg"]
    assert result["changed"]


def test_containers_are_restored_into_another_account_renamed_and_by_prefix(azure: Driver) -> None:
    backed_up_account(azure, retention={"default": "7d"})
    target = {"storage_account_id": OTHER_ACCOUNT, "rename": {"invoices": "old"}, "prefixes": {"photos": ["2026", "2025"]}}
    result = one(azure.run("backup_restore", datasource_id=ACCOUNT, target=target))
    assert result["restored"]["containers"] == ["old", "photos"]
    assert sorted(azure.azure.storage.containers[OTHER_ACCOUNT.lower()]) == ["old", "photos"]
    (request,) = azure.requests("POST", "/restore")
    info = request["body"]["restoreTargetInfo"]
    assert info["datasourceSetInfo"]["objectType"] == "DatasourceSet"
    assert info["restoreCriteria"] == [
        {
            "objectType": "ItemPathBasedRestoreCriteria",
            "itemPath": "invoices",
            "isPathRelativeToBackupItem": True,
            "renameTo": "old",
        },
        {
            "objectType": "ItemPathBasedRestoreCriteria",
            "itemPath": "photos",
            "isPathRelativeToBackupItem": True,
            "subItemPathPrefix": ["2026", "2025"],
        },
    ]
    again = azure.run("backup_restore", datasource_id=ACCOUNT, target={**target, "containers": ["invoices", "photos"]})
    assert "containers old, photos of storage account 'emptyaccount' exist already" in again["msg"]


def test_blobs_are_restored_in_place_where_it_is_confirmed(azure: Driver) -> None:
    backed_up_account(azure, retention={"operational": "30d"})
    azure.azure.clock.advance(7200)
    order = {"datasource_id": ACCOUNT, "point_in_time": moment(azure, 3600)}
    refused = azure.run("backup_restore", **order)
    assert "confirm: the restore overwrites and deletes blobs of 'demoaccount'" in refused["msg"]
    ranges = [{"min_matching_value": "invoices/a", "max_matching_value": "invoices/m"}]
    result = one(azure.run("backup_restore", **order, confirm="demoaccount", target={"ranges": ranges}))
    assert result["job"]["status"] == "completed"
    assert result["recovery_point"] is None
    (request,) = azure.requests("POST", "/restore")
    body = request["body"]
    assert body["objectType"] == "AzureBackupRecoveryTimeBasedRestoreRequest"
    assert body["recoveryPointTime"].endswith(".0000000Z")
    assert body["restoreTargetInfo"]["restoreCriteria"] == [
        {"objectType": "RangeBasedItemLevelRestoreCriteria", "minMatchingValue": "invoices/a", "maxMatchingValue": "invoices/m"}
    ]
    outside = azure.run("backup_restore", datasource_id=ACCOUNT, point_in_time="2020-01-01T00:00:00Z", confirm="demoaccount")
    assert "cannot be restored to 2020-01-01T00:00:00Z; it can be restored to times from" in outside["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "target.resource_group: not set; set it to the resource"),
        (
            {"target": {"resource_group": "demo-rg", "containers": ["a"]}},
            "target.containers: a disk that is restored",
        ),
        (
            {"target": {"resource_group": "demo-rg", "name": "a", "name_suffix": "b"}},
            "target.name, target.name_suffix",
        ),
        ({"target": {"resource_group": "demo-rg", "name": "-"}}, "is not a valid name for a disk"),
        ({"target": {"resource_group": "demo-rg", "name": "x" * 81}}, "is not a valid name for a disk"),
        ({"target": {"resource_group": "demo-rg", "name": "a/b"}}, "target.name"),
        ({"target": {"resource_group": "no/group"}}, "target.resource_group"),
        ({"target": {"resource_group": "demo-rg", "name": ""}}, "target.name: a name is needed, not ''"),
        ({"target": {"resource_group": "demo-rg", "name": "a/snapshots/b"}}, "target.name"),
        (
            {"target": {"resource_group": "demo-rg", "rename": {"data01": None}}},
            "target.rename.data01: a name is needed, not None",
        ),
        ({"target": {"resource_group": "demo-rg", "rename": {"dataO1": "x"}}}, "dataO1 is not among the disks to restore"),
        (
            {**TO_DISK, "recovery_point": "nosuchpoint"},
            "recovery_point: 'data01' has no recovery point nosuchpoint; the",
        ),
        ({**TO_DISK, "before": "2020-01-01T00:00:00Z"}, "before: 'data01' has no recovery point at or before"),
        ({**TO_DISK, "before": "soon"}, "before: 'soon' is neither a time"),
        ({**TO_DISK, "before": "1h", "recovery_point": "x"}, "recovery_point, before: set only one of them"),
        (
            {**TO_DISK, "tier": "vault_store"},
            "tier: a disk is restored from the operational store only, not from the vault store",
        ),
        ({**TO_DISK, "point_in_time": "1h"}, "point_in_time: '1h' is not a time such as"),
        ({**TO_DISK, "point_in_time": "2026-11-04T08:00:00Z"}, "point_in_time: a disk has recovery points only"),
        ({**TO_DISK, "confirm": "data01"}, "confirm: only a restore in place needs it"),
        ({"target": {"resource_group": "missing-rg", "name": "a"}}, "missing-rg"),
        ({**TO_DISK, "datasource_id": [disk("data01"), disk("data02")]}, "target.name: one name cannot be used for several"),
        (
            {"datasource_id": [disk("data01")] * 2, "target": {"resource_group": "demo-rg", "name_suffix": "-r"}},
            "target: several restores of this task have the same target",
        ),
        ({**TO_DISK, "datasource_id": disk("data02")}, "'data02' has no backup instance in vault 'demo-vault'"),
        (
            {**TO_DISK, "datasource_id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"},
            "target.virtual_network_id, target.subnet: not set",
        ),
        ({**TO_DISK, "vault_name": "no-vault"}, "there is no Backup vault 'no-vault'"),
    ],
)
def test_what_cannot_be_restored_is_refused_by_name_before_any_write(azure: Driver, options: Any, message: str) -> None:
    backed_up_disks(azure)
    writes = azure.writes()
    result = azure.run("backup_restore", **{"datasource_id": disk("data01"), **options})
    assert result["failed"]
    assert message in result["msg"]
    assert azure.writes() == writes


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({}, "target.storage_account_id: not set; set it to the storage"),
        ({"storage_account_id": ACCOUNT}, "only into another account than their own"),
        ({"storage_account_id": OTHER_ACCOUNT + "x"}, "does not exist"),
        ({"storage_account_id": OTHER_ACCOUNT, "containers": ["nothere"]}, "A container is not in the recovery point"),
        ({"storage_account_id": OTHER_ACCOUNT, "containers": []}, "target.containers: the list is empty"),
        (
            {"storage_account_id": OTHER_ACCOUNT, "prefixes": {"photos": "text"}},
            "target.prefixes.photos: a list of prefixes is needed",
        ),
        (
            {"storage_account_id": OTHER_ACCOUNT, "prefixes": {"photos": [""]}},
            "target.prefixes.photos: a list of prefixes is needed",
        ),
        (
            {"storage_account_id": OTHER_ACCOUNT, "prefixes": {"photos": None}},
            "target.prefixes.photos: a list of prefixes is needed",
        ),
        ({"storage_account_id": OTHER_ACCOUNT, "rename": {"Bad_Name": "x"}}, "is not a valid container name"),
        ({"storage_account_id": OTHER_ACCOUNT, "rename": {"videos": "old"}}, "videos is not among the containers to restore"),
        ({"storage_account_id": OTHER_ACCOUNT, "rename": {"photos": "invoices"}}, "have the same target"),
        ({"storage_account_id": OTHER_ACCOUNT, "resource_group": "demo-rg"}, "target.resource_group: a storage account that is"),
        ({"storage_account_id": disk("data01")}, "target.storage_account_id"),
    ],
)
def test_containers_that_cannot_be_restored_are_refused_by_name(azure: Driver, target: Any, message: str) -> None:
    backed_up_account(azure, retention={"default": "7d"})
    writes = azure.writes()
    result = azure.run("backup_restore", datasource_id=ACCOUNT, target=target)
    assert result["failed"]
    assert message in result["msg"]
    assert azure.writes() == writes


def test_an_account_of_another_region_and_another_subscription_are_refused(azure: Driver) -> None:
    backed_up_account(azure, retention={"default": "7d"})
    azure.azure.storage.accounts[OTHER_ACCOUNT.lower()]["location"] = "eastus"
    result = azure.run("backup_restore", datasource_id=ACCOUNT, **TO_ACCOUNT)
    assert "is in eastus, but vault 'demo-vault' is in westeurope" in result["msg"]
    azure.run("backup_vault", cross_subscription_restore_state="Disabled")
    other = OTHER_ACCOUNT.replace(GROUP.split("/")[2], "11111111-2222-4333-8444-555555555555")
    result = azure.run("backup_restore", datasource_id=ACCOUNT, target={"storage_account_id": other})
    assert "restores across subscriptions are Disabled in vault 'demo-vault'" in result["msg"]


def test_one_that_fails_stops_no_other(azure: Driver) -> None:
    ids = backed_up_disks(azure, "data01", "data02")
    azure.azure.compute.add_disk(*GROUP.split("/")[2::2], "data02-r", "westeurope")
    result = azure.run("backup_restore", datasource_id=ids, target={"resource_group": "demo-rg", "name_suffix": "-r"})
    assert [item["failed"] for item in result["datasources"]] == [False, True]
    assert result["msg"].startswith("1 of 2 datasources failed")
    assert "DELETE" not in str(azure.writes())


def test_an_account_that_is_spelled_in_two_ways_is_one_target(azure: Driver) -> None:
    backed_up_account(azure, retention={"default": "7d"})
    orders = [
        {"datasource_id": ACCOUNT, "target": {"storage_account_id": spelled}} for spelled in (OTHER_ACCOUNT, OTHER_ACCOUNT + "/")
    ]
    assert "have the same target" in azure.run("backup_restore", restores=orders)["msg"]
    assert azure.requests("POST", "/restore") == []


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ([], "target.ranges: the list is empty"),
        ([{"min_matching_value": "", "max_matching_value": "invoices/b"}], "'' does not begin with the name of a container"),
        ([{"min_matching_value": "invoices/b", "max_matching_value": "invoices/a"}], "must sort before max_matching_value"),
        ([{"min_matching_value": "invoices/a", "max_matching_value": "invoices/b"}] * 11, "at most 10 ranges"),
    ],
)
def test_ranges_that_would_cover_something_else_are_refused(azure: Driver, ranges: Any, message: str) -> None:
    backed_up_account(azure, retention={"operational": "30d"})
    azure.azure.clock.advance(7200)
    order = {"datasource_id": ACCOUNT, "point_in_time": moment(azure, 3600), "confirm": "demoaccount"}
    result = azure.run("backup_restore", **order, target={"ranges": ranges})
    assert message in result["msg"]
    assert azure.requests("POST", "/restore") == []


def test_a_restore_in_place_is_neither_joined_nor_done_twice(azure: Driver) -> None:
    backed_up_account(azure, retention={"operational": "30d"})
    azure.azure.clock.advance(7200)
    order = {"datasource_id": ACCOUNT, "point_in_time": moment(azure, 3600), "confirm": "demoaccount"}
    ranges = [{"min_matching_value": "invoices/a", "max_matching_value": "invoices/m"}]
    started = one(azure.run("backup_restore", **order, target={"ranges": ranges}, wait=False))
    running = azure.run("backup_restore", **order)
    assert running["error"]["code"] == "RestoreRunning"
    azure.run("backup_restore", job_id=started["job"]["id"])
    again = azure.run("backup_restore", **order, target={"ranges": ranges})
    assert "restored 'demoaccount' to this time already" in again["msg"]
    skipped = azure.run("backup_restore", **order, target={"ranges": ranges}, on_existing="skip")
    assert (skipped["changed"], one(skipped)["action"]) == (False, "skip")
    assert len(azure.requests("POST", "/restore")) == 1


def test_roles_that_come_late_leave_the_whole_time_for_the_job(azure: Driver) -> None:
    azure.protected("data01")
    azure.run("backup_adhoc", datasource_id=disk("data01"))
    begun = azure.azure.clock.now()
    azure.on_sleep = lambda: azure.azure.clock.now() - begun < timedelta(seconds=900) or permit_once(azure)
    result = azure.run("backup_restore", datasource_id=disk("data01"), wait_timeout=600, **TO_DISK)
    assert one(result)["restored"], result["msg"]


def permit_once(azure: Driver) -> None:
    azure.on_sleep = None
    principal = next(iter(azure.azure.data_protection.vaults.values())).wire["identity"]["principalId"]
    azure.azure.authorization.plant(principal, OPERATOR, GROUP)


def test_a_running_job_that_cannot_be_read_may_be_the_same_restore(azure: Driver) -> None:
    backed_up_disks(azure)
    started = one(azure.run("backup_restore", datasource_id=disk("data01"), wait=False, **TO_DISK))
    azure.fault(kind="answer", method="GET", path=f"/backupJobs/{started['job']['name']}", status=404, times=5)
    result = azure.run("backup_restore", datasource_id=disk("data01"), **TO_DISK)
    assert "which may not be the same restore" in result["msg"]
    assert len(azure.requests("POST", "/restore")) == 1


def test_before_counts_from_the_services_clock(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    backed_up_disks(azure)
    azure.azure.clock.advance(3600)
    # This machine is a day behind: by its own clock the point would lie in the future.
    monkeypatch.setattr("modules.VirtualClock.now", lambda clock: clock._shared.now() - timedelta(days=1))  # noqa: SLF001
    result = one(azure.run("backup_restore", datasource_id=disk("data01"), before="30m", check=True, **TO_DISK))
    assert result["recovery_point"]["name"]
    assert 1800 < result["recovery_point_age_seconds"] < 7200


def test_a_job_that_cannot_be_read_is_an_error_where_nothing_is_waited_for(azure: Driver) -> None:
    backed_up_disks(azure)
    started = one(azure.run("backup_restore", datasource_id=disk("data01"), wait=False, **TO_DISK))
    azure.fault(kind="answer", method="GET", path=f"/backupJobs/{started['job']['name']}", status=404, times=9)
    result = azure.run("backup_restore", job_id=started["job"]["id"], wait=False)
    assert result["failed"]
    assert "does not exist" in result["msg"]


def test_blobs_come_back_by_their_prefixes_where_anything_holds_them(azure: Driver) -> None:
    store = azure.emulator.start_blob_store()
    if store is None:
        pytest.skip("Azurite, which holds blobs, is not on this machine (make azurite)")
    store.fill("demoaccount", "photos", {"2026/beach.jpg": b"sand", "2025/snow.jpg": b"cold"})
    backed_up_account(azure)
    store.container("demoaccount", "photos").delete_blob("2026/beach.jpg")
    target = {"storage_account_id": OTHER_ACCOUNT, "containers": ["photos"], "rename": {"photos": "back"}}
    target["prefixes"] = {"photos": ["2026/"]}
    assert not azure.run("backup_restore", datasource_id=ACCOUNT, target=target)["failed"]
    assert store.blobs_of("emptyaccount", "back") == {"2026/beach.jpg": b"sand"}
