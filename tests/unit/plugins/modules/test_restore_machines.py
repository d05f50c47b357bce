# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of virtual machines: their disks, new machines, in place, in the secondary region."""

from __future__ import annotations

from typing import Any

import pytest
from backups import MACHINES as VAULT
from backups import WEB01
from backups import backed_up_machines as backed_up
from conftest import GROUP, Driver, preparation
from emulator.identity import ServicePrincipal
from emulator.seed import GROUP_CLIENT, SECRET, SUBSCRIPTION, TENANT

ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/emptyaccount"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/demo-vnet"
NORTH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/north-rg"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/other"
DISKS = {"resource_group": "demo-snapshots-rg", "staging_storage_account_id": ACCOUNT}
MACHINE = {**DISKS, "name": "web01-restored", "virtual_network_id": NETWORK, "subnet": "restored"}
IN_PLACE = {"in_place": True, "staging_storage_account_id": ACCOUNT}


def restore(azure: Driver, target: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
    arguments = {"datasource_id": WEB01, **VAULT, **options}
    return azure.run("backup_restore", target=target, check=check, **arguments)


def one(result: dict[str, Any]) -> dict[str, Any]:
    (found,) = result["datasources"]
    return dict(found)


def newest_point(azure: Driver) -> str:
    points = azure.run("backup_recovery_point_info", datasource_id=WEB01, **VAULT)["recovery_points"]
    return str(points[0]["name"])


def test_disks_are_restored_beside_the_machine_and_named(azure: Driver) -> None:
    backed_up(azure)
    result = one(restore(azure, DISKS))
    assert result["action"] == "start"
    restored = result["restored"]
    assert [(disk["name"].rsplit("-", 2)[0], disk["size_gb"]) for disk in restored["disks"]] == [
        ("web01-osdisk", 127),
        ("web01-datadisk-000", 4),
        ("web01-datadisk-001", 4),
    ]
    assert all(disk["id"].lower() in azure.azure.compute.disks for disk in restored["disks"])
    assert restored["other_new_disks"] == []
    assert restored["template_uri"].startswith("https://emptyaccount.blob.core.windows.net/web01-")
    container = restored["staging_container"]
    assert container["storage_account_id"] == ACCOUNT
    assert container["name"] in azure.azure.storage.containers[ACCOUNT.lower()]
    job = result["job"]
    assert (job["operation"], job["status"], job["duration_seconds"]) == ("restore", "completed", pytest.approx(69, abs=1))
    assert job["restore"]["mode"] == "disks"
    assert job["restore"]["name"] is None
    assert job["source_recovery_point_time"] == result["recovery_point"]["time"]
    assert result["recovery_point"]["tiers"] == ["vault_store", "operational_store"]
    assert result["recovery_point"]["machine"]["has_snapshot"]
    (request,) = azure.requests("POST", "/restore")
    assert request["body"] == {
        "properties": {
            "objectType": "IaasVMRestoreRequest",
            "recoveryPointId": result["recovery_point"]["name"],
            "recoveryType": "RestoreDisks",
            "sourceResourceId": WEB01,
            "targetResourceGroupId": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-snapshots-rg",
            "storageAccountId": ACCOUNT,
            "region": "westeurope",
            "createNewCloudService": False,
            "originalStorageAccountOption": False,
        }
    }


def test_a_machine_is_restored_as_a_new_one_although_the_original_is_gone(azure: Driver) -> None:
    backed_up(azure)
    del azure.azure.compute.machines[WEB01.lower()]
    result = one(restore(azure, MACHINE))
    machine = result["restored"]
    assert machine["id"].endswith("/demo-snapshots-rg/providers/Microsoft.Compute/virtualMachines/web01-restored")
    assert (machine["size"], len(machine["disks"]), len(machine["network_interfaces"])) == ("Standard_DS1_v2", 3, 1)
    assert machine["template_uri"] is None
    assert machine["staging_container"] is None
    interface = azure.azure.network.resources[machine["network_interfaces"][0].lower()]
    assert interface["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"] == f"{NETWORK}/subnets/restored"
    body = azure.requests("POST", "/restore")[0]["body"]["properties"]
    assert body["targetVirtualMachineId"] == result["target"]["id"]
    assert body["subnetId"] == f"{NETWORK}/subnets/restored"


def test_in_place_the_disks_are_replaced_and_the_old_ones_stay(azure: Driver) -> None:
    backed_up(azure)
    before = [disk["id"] for name, disk in azure.azure.compute.disks.items() if "/web01" in name]
    result = one(restore(azure, IN_PLACE, recovery_point=newest_point(azure), confirm="web01"))
    restored = result["restored"]
    assert sorted(restored["replaced_disks"]) == sorted(before)
    assert all(disk.lower() in azure.azure.compute.disks for disk in before)
    assert len(restored["disks"]) == 3
    assert not {disk["id"] for disk in restored["disks"]} & set(before)
    assert "targetResourceGroupId" not in azure.requests("POST", "/restore")[0]["body"]["properties"]
    assert result["job"]["destination_id"] == WEB01


def test_disks_chosen_by_lun_and_what_azure_restores_beside_them(azure: Driver) -> None:
    backed_up(azure, include_disk_luns=[0])
    result = restore(azure, {**DISKS, "disk_luns": []})
    assert [disk["name"].rsplit("-", 2)[0] for disk in one(result)["restored"]["disks"]] == ["web01-osdisk"]
    assert one(result)["job"]["restore"]["restored_disks"] == ["web01_OsDisk_1"]
    assert one(result)["job"]["restore"]["backed_up_disks"] == ["web01_OsDisk_1", "web01-data0"]
    assert "warnings" not in result


def test_more_disks_than_were_chosen_are_a_warning(azure: Driver) -> None:
    backed_up(azure)
    result = restore(azure, {**DISKS, "disk_luns": []})
    assert len(one(result)["restored"]["disks"]) == 3
    assert "restored 3 disks of 'web01', but disk_luns chose 1" in str(result["warnings"])


def test_foreign_disks_that_appear_meanwhile_are_told_apart(azure: Driver) -> None:
    backed_up(azure)

    def appear() -> None:
        azure.on_sleep = None
        azure.azure.compute.add_disk(SUBSCRIPTION, "demo-snapshots-rg", "someone-elses", "westeurope")

    azure.on_sleep = appear
    restored = one(restore(azure, DISKS))["restored"]
    assert [disk.rsplit("/", 1)[-1] for disk in restored["other_new_disks"]] == ["someone-elses"]
    assert len(restored["disks"]) == 3


def test_a_second_run_makes_no_second_set_of_disks(azure: Driver) -> None:
    backed_up(azure)
    first = one(restore(azure, DISKS))
    again = restore(azure, DISKS)
    assert "disks restored from the same recovery point exist in resource group 'demo-snapshots-rg': 'web01-" in again["msg"]
    assert again["msg"].endswith("choose another resource group")
    assert again["error"]["code"] == "TargetExists"
    skipped = restore(azure, DISKS, on_existing="skip")
    assert not skipped["changed"]
    assert one(skipped)["action"] == "skip"
    # A choice of disks is proven by nothing, so that skip is not offered either.
    chosen = restore(azure, {**DISKS, "disk_luns": [0]})
    assert "on_existing: skip does not accept it; choose another resource group" in chosen["msg"]
    assert one(skipped)["job"]["id"] == first["job"]["id"]
    assert len(one(skipped)["restored"]["disks"]) == 3
    for disk in first["restored"]["disks"]:
        del azure.azure.compute.disks[disk["id"].lower()]
    assert one(restore(azure, DISKS))["action"] == "start"


def test_a_second_restore_in_place_of_the_same_point_is_refused(azure: Driver) -> None:
    backed_up(azure)
    asked = {"recovery_point": newest_point(azure), "confirm": "web01"}
    assert not restore(azure, IN_PLACE, **asked)["failed"]
    again = restore(azure, IN_PLACE, **asked)
    assert "restored 'web01' to this recovery point already" in again["msg"]
    assert one(restore(azure, IN_PLACE, on_existing="skip", **asked))["action"] == "skip"


def test_a_running_restore_is_never_joined_and_its_job_is_named(azure: Driver) -> None:
    backed_up(azure)
    started = one(restore(azure, DISKS, wait=False))
    result = restore(azure, DISKS)
    assert "already running" in result["msg"]
    assert result["error"]["code"] == "RestoreRunning"
    assert one(result)["job"]["id"] == started["job"]["id"]
    assert len(azure.requests("POST", "/restore")) == 1
    resumed = one(azure.run("backup_restore", job_id=started["job"]["id"]))
    assert (resumed["action"], resumed["job"]["status"]) == ("resume", "completed")


@pytest.mark.parametrize("target", [DISKS, MACHINE])
def test_check_mode_sends_no_write_and_predicts(azure: Driver, target: dict[str, Any]) -> None:
    backed_up(azure)
    before = len(azure.azure.journal.writes())
    result = one(restore(azure, target, check=True))
    assert result["changed"]
    assert result["target"]["staging_storage_account_id"] == ACCOUNT
    assert result["recovery_point"]["name"] == newest_point(azure)
    assert len(azure.azure.journal.writes()) == before


def test_the_vaults_identity_reaches_the_staging_account(azure: Driver) -> None:
    backed_up(azure, vault={"identity": {"type": "SystemAssigned"}})
    target = {**DISKS, "staging_identity": "system_assigned"}
    foreseen = restore(azure, target, check=True)
    roles = [f"'{name}' on {ACCOUNT}" for name in ("Storage Account Backup Contributor", "Storage Blob Data Contributor")]
    assert one(foreseen)["missing_roles"] == roles
    failed = restore(azure, target)
    assert failed["error"]["code"] == "400003"
    assert all(role in str(failed["warnings"]) for role in roles)
    del azure.azure.journal.entries[:]
    granted = azure.run("backup_permission", datasource_id=WEB01, operation="restore", target=DISKS, **VAULT)
    assert {role["role"] for role in one(granted)["roles"]} == {
        "Storage Account Backup Contributor",
        "Storage Blob Data Contributor",
    }
    azure.azure.clock.advance(200)
    assert one(restore(azure, target))["restored"]["disks"]
    assert azure.requests("POST", "/restore")[-1]["body"]["properties"]["identityInfo"] == {"isSystemAssignedIdentity": True}


@pytest.mark.parametrize(
    ("target", "options", "told"),
    [
        (
            {**DISKS, "containers": ["a"]},
            {},
            "target.containers: a virtual machine that is restored to disks does not support it",
        ),
        ({"resource_group": "demo-rg"}, {}, "target.staging_storage_account_id: not set"),
        ({"staging_storage_account_id": ACCOUNT}, {}, "target.resource_group: not set"),
        ({**DISKS, "name": "x"}, {}, "target.virtual_network_id, target.subnet: not set; a new machine needs"),
        ({**MACHINE, "name": "a" * 65}, {}, "is not a valid name for a virtual machine"),
        ({**DISKS, "disk_luns": [64]}, {}, "64 is not a LUN"),
        ({**DISKS, "zone": "4"}, {}, "is not an availability zone"),
        ({**DISKS, "disk_network_access": "private"}, {}, "private needs target.disk_access_id"),
        ({**DISKS, "staging_identity": "mine"}, {}, "target.staging_identity: 'mine' is not the id"),
        (DISKS, {"point_in_time": "2026-11-04T08:00:00Z"}, "point_in_time: a virtual machine has recovery points only"),
        (DISKS, {"confirm": "web01"}, "confirm: only a restore in place needs it"),
        (IN_PLACE, {"confirm": "web01"}, "recovery_point: not set; to replace the disks"),
        (IN_PLACE, {"before": "1h"}, "confirm: the restore stops 'web01' and replaces its disks"),
        (
            {**IN_PLACE, "resource_group": "demo-rg"},
            {"before": "1h", "confirm": "web01"},
            "target.resource_group: a virtual machine",
        ),
        (
            IN_PLACE,
            {"datasource_id": [WEB01, f"{WEB01}x"], "before": "1h", "confirm": "web01"},
            "a separate task for each machine",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name_before_any_request(
    azure: Driver, target: dict[str, Any], options: dict[str, Any], told: str
) -> None:
    result = restore(azure, target, **options)
    assert result["failed"]
    assert told in result["msg"]
    assert not azure.azure.journal.entries


def test_a_disk_encryption_set_is_taken_where_the_vault_has_a_key_of_ones_own(azure: Driver) -> None:
    key = {"key_uri": "https://keys.vault.azure.net/keys/backup", "identity_id": IDENTITY}
    identity = {"type": "SystemAssigned,UserAssigned", "user_assigned_identities": [IDENTITY]}
    backed_up(azure, vault={"identity": identity, "encryption_settings": key})
    encryption_set = f"{GROUP}/providers/Microsoft.Compute/diskEncryptionSets/own"
    assert one(restore(azure, {**DISKS, "disk_encryption_set_id": encryption_set}))["job"]["status"] == "completed"
    (request,) = azure.requests("POST", "/restore")
    assert request["body"]["properties"]["diskEncryptionSetId"] == encryption_set


@pytest.mark.parametrize(
    ("change", "target", "told"),
    [
        ({"location": "eastus"}, DISKS, "is in eastus, but has to be in westeurope"),
        ({"kind": "BlobStorage"}, DISKS, "neither BlobStorage accounts nor zone-redundant ones"),
        ({"sku": {"name": "Standard_ZRS"}}, DISKS, "neither BlobStorage accounts nor zone-redundant ones"),
        ({}, {**DISKS, "staging_storage_account_id": f"{ACCOUNT}gone"}, "does not exist; create it first"),
        ({}, {**DISKS, "resource_group": "gone-rg"}, "resource group"),
        ({}, {**MACHINE, "subnet": "nowhere"}, "'nowhere' is no subnet of virtual network 'demo-vnet'"),
        ({}, {**MACHINE, "virtual_network_id": f"{NETWORK}x"}, "the virtual network"),
        (
            {},
            {**MACHINE, "resource_group": "demo-rg", "name": "web02"},
            "virtual machine 'web02' in resource group 'demo-rg' exists",
        ),
        ({}, {**DISKS, "zone": "1"}, "restores into a zone from a ZoneRedundant vault"),
        ({}, {**DISKS, "staging_identity": IDENTITY}, "has no identity /subscriptions"),
        (
            {},
            {**DISKS, "disk_encryption_set_id": f"{GROUP}/providers/Microsoft.Compute/diskEncryptionSets/d"},
            "customer-managed key",
        ),
    ],
)
def test_what_azure_would_refuse_in_the_job_is_refused_before_the_write(
    azure: Driver, change: dict[str, Any], target: dict[str, Any], told: str
) -> None:
    backed_up(azure)
    azure.azure.storage.accounts[ACCOUNT.lower()].update(change)
    before = len(azure.azure.journal.writes())
    result = restore(azure, target)
    assert result["failed"]
    assert told in result["msg"]
    assert len(azure.azure.journal.writes()) == before


def test_private_disks_need_a_choice(azure: Driver) -> None:
    backed_up(azure)
    item = next(iter(next(iter(azure.azure.recovery_services.vaults.values())).items.values()))
    item.points[0]["properties"]["isPrivateAccessEnabledOnAnyDisk"] = True
    assert "target.disk_network_access: not set" in restore(azure, DISKS)["msg"]
    assert not restore(azure, {**DISKS, "disk_network_access": "public"})["failed"]
    settings = azure.requests("POST", "/restore")[0]["body"]["properties"]["targetDiskNetworkAccessSettings"]
    assert settings == {"targetDiskNetworkAccessOption": "EnablePublicAccessForAllDisks"}


def test_a_restore_that_fails_in_its_job_is_a_failure_with_azures_error(azure: Driver) -> None:
    backed_up(azure)

    def lose() -> None:
        azure.azure.storage.accounts.pop(ACCOUNT.lower(), None)

    azure.on_sleep = lose
    result = restore(azure, DISKS)
    assert result["failed"]
    assert result["changed"]
    assert result["error"]["code"] == "400048"
    assert "UserErrorBCMRestoreStorageAccountNotFound" in result["msg"]
    assert one(result)["job"]["status"] == "failed"


def test_from_the_vault_alone_it_takes_as_long_as_recorded(azure: Driver) -> None:
    backed_up(azure)
    item = next(iter(next(iter(azure.azure.recovery_services.vaults.values())).items.values()))
    item.points[0]["properties"]["recoveryPointTierDetails"] = [{"type": "HardenedRP", "status": "Valid"}]
    result = one(restore(azure, DISKS))
    assert not result["recovery_point"]["machine"]["has_snapshot"]
    assert result["job"]["duration_seconds"] == pytest.approx(2138, abs=1)


def test_what_is_only_in_the_archive_is_refused(azure: Driver) -> None:
    backed_up(azure)
    item = next(iter(next(iter(azure.azure.recovery_services.vaults.values())).items.values()))
    item.points[0]["properties"]["recoveryPointTierDetails"] = [{"type": "ArchivedRP", "status": "Valid"}]
    assert "is in the archive tier only" in restore(azure, DISKS)["msg"]


def test_in_the_secondary_region(azure: Driver) -> None:
    geo = {"redundancy": "GeoRedundant", "cross_region_restore_state": "Enabled"}
    backed_up(azure, vault=geo)
    north = f"{NORTH}/providers/Microsoft.Storage/storageAccounts/northaccount"
    target = {"resource_group": "north-rg", "staging_storage_account_id": north}
    result = one(restore(azure, target, region="secondary"))
    job = result["job"]
    assert "/locations/northeurope/backupJobs/" in job["id"]
    assert (job["operation"], job["status"]) == ("restore", "completed")
    assert {disk["location"] for disk in result["restored"]["disks"]} == {"northeurope"}
    assert result["recovery_point"]["tiers"] == ["vault_store"]
    # The token of the restore is a secret.
    assert "crr-" not in str(result)
    resumed = one(azure.run("backup_restore", job_id=job["id"], region="secondary", **VAULT))
    assert resumed["job"]["id"] == job["id"]
    refused = restore(azure, DISKS, region="secondary")
    assert "is in westeurope, but has to be in northeurope" in refused["msg"]


def test_several_in_the_secondary_region_are_seen_in_one_list(azure: Driver) -> None:
    geo = {"redundancy": "GeoRedundant", "cross_region_restore_state": "Enabled"}
    ids = backed_up(azure, "web01", "web02", vault=geo)
    north = f"{NORTH}/providers/Microsoft.Storage/storageAccounts/northaccount"
    target = {"resource_group": "north-rg", "staging_storage_account_id": north}
    result = restore(azure, target, region="secondary", datasource_id=ids)
    assert [len(item["restored"]["disks"]) for item in result["datasources"]] == [3, 3]
    assert azure.requests("POST", "/backupCrrJobs")


def test_a_vault_that_does_not_restore_across_regions_is_refused(azure: Driver) -> None:
    backed_up(azure)
    assert "cross-region restore is" in restore(azure, DISKS, region="secondary")["msg"]


def test_many_machines_share_what_they_read(azure: Driver) -> None:
    names = [f"many{number:02d}" for number in range(8)]
    for name in names:
        azure.azure.compute.add_machine(SUBSCRIPTION, "demo-rg", name, "westeurope")
    ids = backed_up(azure, *names)
    before = len(azure.azure.journal.entries)
    result = restore(azure, DISKS, datasource_id=ids)
    assert all(len(item["restored"]["disks"]) == 3 for item in result["datasources"])
    sent = [(entry["method"], entry["path"]) for entry in azure.azure.journal.entries[before:]]
    assert len([path for method, path in sent if method == "GET" and path.endswith("/storageAccounts/emptyaccount")]) == 1
    assert len([path for method, path in sent if path.endswith("/disks")]) == 2
    assert len([path for method, path in sent if path.endswith("/restore")]) == 8


@pytest.mark.parametrize(
    "out_of_reach", ["demo-snapshots-rg", "demo-rg/providers/Microsoft.Storage", "demo-rg/providers/Microsoft.Network"]
)
def test_the_caller_needs_rights_on_all_that_a_restore_names(
    azure: Driver, monkeypatch: pytest.MonkeyPatch, out_of_reach: str
) -> None:
    backed_up(azure)
    groups = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
    providers = ("RecoveryServices", "Compute", "Storage", "Network")
    within = ["demo-snapshots-rg", *(f"demo-rg/providers/Microsoft.{name}" for name in providers)]
    scopes = [f"{groups}/{scope}" for scope in within if scope != out_of_reach]
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=scopes, reads=[groups]))
    monkeypatch.setenv("AZURE_CLIENT_ID", GROUP_CLIENT)
    result = restore(azure, MACHINE)
    assert result["error"]["code"] == "LinkedAuthorizationFailed"
    assert f"{groups}/{out_of_reach}".lower() in result["msg"].lower()
    assert not one(result)["changed"]


UNPROVEN = "no completed job proves that it is what this task asks for"


@pytest.mark.parametrize("included", [None, [0]])
def test_some_of_the_disks_are_never_accepted_as_all_of_them(azure: Driver, included: list[int] | None) -> None:
    backed_up(azure, include_disk_luns=included)
    assert not restore(azure, {**DISKS, "disk_luns": [0] if included is None else []})["failed"]
    result = restore(azure, DISKS, on_existing="skip")
    assert UNPROVEN in result["msg"]
    assert len(azure.requests("POST", "/restore")) == 1


def test_disks_of_which_some_were_deleted_are_not_accepted(azure: Driver) -> None:
    backed_up(azure)
    first = one(restore(azure, DISKS))
    del azure.azure.compute.disks[first["restored"]["disks"][1]["id"].lower()]
    assert UNPROVEN in restore(azure, DISKS, on_existing="skip")["msg"]


def test_a_choice_of_disks_is_not_restored_twice(azure: Driver) -> None:
    backed_up(azure)
    assert not restore(azure, {**DISKS, "disk_luns": [0]})["failed"]
    assert restore(azure, {**DISKS, "disk_luns": [0]})["error"]["code"] == "TargetExists"
    asked = {"recovery_point": newest_point(azure), "confirm": "web01"}
    assert not restore(azure, {**IN_PLACE, "disk_luns": [0]}, **asked)["failed"]
    again = restore(azure, {**IN_PLACE, "disk_luns": [0]}, **asked)
    assert "restored 'web01' to this recovery point already" in again["msg"]
    assert "on_existing: skip does not accept it" in restore(azure, IN_PLACE, on_existing="skip", **asked)["msg"]


def test_a_quota_that_does_not_suffice_is_told_before_any_write(azure: Driver) -> None:
    first, second = backed_up(azure, "web01", "web02")
    compute = azure.azure.compute
    compute.cores_limit = 1 + compute.cores_limit - compute.free_cores(SUBSCRIPTION, "westeurope")
    before = len(azure.writes())
    target = {key: value for key, value in MACHINE.items() if key != "name"} | {"name_suffix": "-restored"}
    result = azure.run("backup_restore", datasource_id=[first, second], target=target, max_concurrency=1, **VAULT)
    done, refused = result["datasources"]
    assert (done["action"], done["failed"]) == ("start", False)
    assert refused["error"]["code"] == "QuotaExceeded"
    assert "quota for 1 more vCPUs in westeurope, and 2 are needed with the 1 other(s) of this task" in refused["msg"]
    assert azure.writes()[before:] == ["POST restore"]
    # What is there already needs no quota.
    again = azure.run("backup_restore", datasource_id=first, target=target, on_existing="skip", **VAULT)
    assert again["datasources"][0]["action"] == "skip", again


def test_a_machine_that_the_quota_refuses_takes_nothing_from_the_next(azure: Driver) -> None:
    large, small = backed_up(azure, "web01", "web02")
    for vault in azure.azure.recovery_services.vaults.values():
        for item in vault.items.values():
            for point in item.points if item.wire["properties"]["virtualMachineId"].lower() == large.lower() else ():
                point["properties"]["virtualMachineSize"] = "Standard_D4s_v3"
    compute = azure.azure.compute
    compute.cores_limit = 1 + compute.cores_limit - compute.free_cores(SUBSCRIPTION, "westeurope")
    target = {key: value for key, value in MACHINE.items() if key != "name"} | {"name_suffix": "-restored"}
    result = azure.run("backup_restore", datasource_id=[large, small], target=target, max_concurrency=1, **VAULT)
    refused, done = result["datasources"]
    assert "quota for 1 more vCPUs in westeurope, and 4 are needed (size Standard_D4s_v3)" in refused["msg"]
    assert (done["action"], done["failed"]) == ("start", False)


@pytest.mark.parametrize("part", ["usages", "vmSizes"])
def test_who_may_not_read_quotas_restores_all_the_same(azure: Driver, part: str) -> None:
    backed_up(azure)
    error = {"error": {"code": "AuthorizationFailed", "message": "no"}}
    azure.fault(kind="answer", method="GET", path=part, status=403, body=error, times=9)
    result = restore(azure, MACHINE)
    assert not result["failed"], result["msg"]


@preparation
def second_point(azure: Driver) -> tuple[str, str]:
    """Take another backup, and give the names of the older and the newer point."""
    older = newest_point(azure)
    azure.azure.clock.advance(7200)
    assert not azure.run("backup_adhoc", datasource_id=WEB01, **VAULT)["failed"]
    return older, newest_point(azure)


def test_in_place_only_the_newest_restore_counts(azure: Driver) -> None:
    backed_up(azure)
    older, newer = second_point(azure)
    for point in (older, newer):
        assert not restore(azure, IN_PLACE, recovery_point=point, confirm="web01")["failed"]
    # The way back to the older one is open, and it is not taken for done.
    back = one(restore(azure, IN_PLACE, recovery_point=older, confirm="web01", on_existing="skip"))
    assert back["action"] == "start"


def test_a_machine_that_was_restored_anew_from_another_point_is_not_accepted(azure: Driver) -> None:
    backed_up(azure)
    older, newer = second_point(azure)
    for point in (older, newer):
        made = one(restore(azure, MACHINE, recovery_point=point))["restored"]
        if point == older:
            del azure.azure.compute.machines[made["id"].lower()]
    assert UNPROVEN in restore(azure, MACHINE, recovery_point=older, on_existing="skip")["msg"]
    assert one(restore(azure, MACHINE, recovery_point=newer, on_existing="skip"))["action"] == "skip"


def test_a_machine_in_another_subnet_is_not_accepted(azure: Driver) -> None:
    backed_up(azure)
    assert not restore(azure, MACHINE)["failed"]
    assert UNPROVEN in restore(azure, {**MACHINE, "subnet": "default"}, on_existing="skip")["msg"]


def test_a_machine_that_no_restore_created_is_not_accepted(azure: Driver) -> None:
    backed_up(azure)
    made = one(restore(azure, MACHINE))["restored"]
    azure.azure.clock.advance(7200)
    azure.azure.compute.add_machine(SUBSCRIPTION, "demo-snapshots-rg", "web01-restored", "westeurope")
    assert made["id"].lower() in azure.azure.compute.machines
    assert UNPROVEN in restore(azure, MACHINE, on_existing="skip")["msg"]


def test_a_restore_that_is_being_cancelled_still_runs(azure: Driver) -> None:
    backed_up(azure)
    asked = {"recovery_point": newest_point(azure), "confirm": "web01"}
    started = one(restore(azure, IN_PLACE, wait=False, **asked))
    vault = next(iter(azure.azure.recovery_services.vaults.values()))
    vault.jobs[started["job"]["name"]]["properties"]["status"] = "Cancelling"
    assert "already running" in restore(azure, IN_PLACE, **asked)["msg"]
    assert len(azure.requests("POST", "/restore")) == 1


def test_disks_that_were_there_before_are_nobodys_restore(azure: Driver) -> None:
    backed_up(azure)
    older, newer = second_point(azure)
    assert not restore(azure, DISKS, recovery_point=older)["failed"]
    result = restore(azure, {**DISKS, "disk_luns": [0]}, recovery_point=newer)
    assert len(one(result)["restored"]["disks"]) == 2
    assert one(result)["restored"]["other_new_disks"] == []
    assert "warnings" not in result


def test_machines_of_one_name_are_not_restored_side_by_side(azure: Driver) -> None:
    twin = WEB01.replace("demo-rg", "demo-snapshots-rg")
    result = restore(azure, DISKS, datasource_id=[WEB01, twin])
    assert "several restores of this task have the same target" in result["msg"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"before": "24h"}, "before: '24h' is not a time such as"),
        ({"before": "2999-01-01T00:00:00Z"}, "is in the future"),
        ({"before": "2026-11-04T08:00:00Z", "region": "secondary"}, "region: a restore in place"),
        ({"before": "2026-11-04T08:00:00Z", "secondary_region": "northeurope"}, "secondary_region: only region: secondary"),
    ],
)
def test_in_place_only_a_fixed_point_in_the_primary_region_is_taken(azure: Driver, options: dict[str, Any], told: str) -> None:
    backed_up(azure)
    result = restore(azure, IN_PLACE, confirm="web01", **options)
    assert told in result["msg"]
    assert azure.requests("POST", "/restore") == []


def test_private_disks_are_replaced_in_place_as_well(azure: Driver) -> None:
    backed_up(azure)
    item = next(iter(next(iter(azure.azure.recovery_services.vaults.values())).items.values()))
    item.points[0]["properties"]["isPrivateAccessEnabledOnAnyDisk"] = True
    asked = {"recovery_point": newest_point(azure), "confirm": "web01"}
    assert not restore(azure, {**IN_PLACE, "disk_network_access": "same_as_source"}, **asked)["failed"]


def test_a_rehydrated_point_is_restored(azure: Driver) -> None:
    backed_up(azure)
    older, newer = second_point(azure)
    item = next(iter(next(iter(azure.azure.recovery_services.vaults.values())).items.values()))
    item.points[1]["properties"]["recoveryPointTierDetails"] = [{"type": "ArchivedRP", "status": "Valid"}]
    assert f"{older} is in the archive tier only" in restore(azure, DISKS, recovery_point=older)["msg"]
    item.points[1]["properties"]["recoveryPointTierDetails"] = [{"type": "ArchivedRP", "status": "Rehydrated"}]
    assert not restore(azure, DISKS, recovery_point=older)["failed"]
    assert newer != older


def test_a_lun_that_is_not_there_is_a_warning(azure: Driver) -> None:
    backed_up(azure)
    result = restore(azure, {**DISKS, "disk_luns": [7]})
    assert "a LUN may not be in the recovery point" in str(result["warnings"])


def test_roles_stay_while_a_restore_in_the_secondary_region_runs(azure: Driver) -> None:
    backed_up(azure, vault={"redundancy": "GeoRedundant", "cross_region_restore_state": "Enabled"})
    north = f"{NORTH}/providers/Microsoft.Storage/storageAccounts/northaccount"
    place = {"resource_group": "north-rg", "staging_storage_account_id": north}
    role = {"datasource_id": WEB01, "operation": "restore", "target": {"staging_storage_account_id": north}, **VAULT}
    assert not azure.run("backup_permission", **role)["failed"]
    azure.azure.clock.advance(200)
    started = restore(azure, {**place, "staging_identity": "system_assigned"}, region="secondary", wait=False)
    assert not started["failed"], started["msg"]
    kept = one(azure.run("backup_permission", state="absent", **role))
    assert {entry["status"] for entry in kept["roles"]} == {"kept"}
    azure.azure.clock.advance(7200)
    revoked = one(azure.run("backup_permission", state="absent", **role))
    assert {entry["status"] for entry in revoked["roles"]} == {"revoked"}


def test_the_way_to_wait_for_a_job_of_the_secondary_region_is_told(azure: Driver) -> None:
    backed_up(azure, vault={"redundancy": "GeoRedundant", "cross_region_restore_state": "Enabled"})
    north = f"{NORTH}/providers/Microsoft.Storage/storageAccounts/northaccount"
    target = {"resource_group": "north-rg", "staging_storage_account_id": north}
    late = restore(azure, target, region="secondary", wait_timeout=60)
    assert "with region: secondary, resource_group and vault_name" in late["msg"]
    job_id = one(late)["job"]["id"]
    for module in ("backup_restore", "backup_job"):
        more = {"state": "cancelled"} if module == "backup_job" else {}
        refused = azure.run(module, job_id=job_id, vault_name=None, resource_group=None, **more)
        assert "with the vault and region: secondary" in refused["msg"]
    resumed = azure.run("backup_restore", job_id=job_id, region="secondary", **VAULT)
    assert "restored 'web01' to resource group 'north-rg'" in one(resumed)["msg"]


def test_several_machines_are_named_anew_and_no_two_alike(azure: Driver) -> None:
    ids = backed_up(azure, "web01", "web02")
    target = {**MACHINE, "name": None, "name_suffix": "-r"}
    result = restore(azure, target, datasource_id=ids)
    assert [item["restored"]["name"] for item in result["datasources"]] == ["web01-r", "web02-r"]
    same = {**MACHINE, "name": None, "rename": {"web01": "twin", "web02": "twin"}}
    assert "several restores of this task have the same target" in restore(azure, same, datasource_id=ids)["msg"]


def test_progress_tells_percent_and_what_is_left(azure: Driver) -> None:
    backed_up(azure)
    item = next(iter(next(iter(azure.azure.recovery_services.vaults.values())).items.values()))
    item.points[0]["properties"]["recoveryPointTierDetails"] = [{"type": "HardenedRP", "status": "Valid"}]
    job_id = one(restore(azure, DISKS, wait=False))["job"]["id"]
    azure.azure.clock.advance(1500)
    (job,) = azure.run("backup_job_info", job_id=job_id, **VAULT)["jobs"]
    assert (job["progress_percent"], job["remaining_seconds"]) == (50, pytest.approx(1069, abs=1))
    assert job["transferred_bytes"] == int(67.5 * 2**30)


def test_a_restore_is_cancelled(azure: Driver) -> None:
    backed_up(azure)
    job_id = one(restore(azure, DISKS, wait=False))["job"]["id"]
    cancelled = azure.run("backup_job", job_id=job_id, state="cancelled")
    assert cancelled["job"]["status"] == "cancelled"
    assert not [disk for name, disk in azure.azure.compute.disks.items() if "demo-snapshots-rg" in name]
