# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore drills: what is proven, what is removed, and what is never touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from backups import (
    ACCOUNT,
    CONTRIBUTOR,
    MACHINES,
    OPERATOR,
    WEB01,
    backed_up_account,
    backed_up_disks,
    backed_up_machines,
    permit,
)
from conftest import GROUP, Driver, disk
from emulator.identity import ServicePrincipal
from emulator.seed import GROUP_CLIENT, SECRET, SUBSCRIPTION, TENANT

DRILLS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/drills-rg"
DRILL_ACCOUNT = f"{DRILLS}/providers/Microsoft.Storage/storageAccounts/drillaccount"
NETWORK = f"{DRILLS}/providers/Microsoft.Network/virtualNetworks/drills-vnet"
SCRATCH = {"resource_group": "drills-rg", "storage_account_id": DRILL_ACCOUNT}
BOOT = {"boot": True, "scratch": {**SCRATCH, "virtual_network_id": NETWORK, "subnet": "closed"}}


@pytest.fixture
def drills(azure: Driver) -> Driver:
    """Have a blob store for the journals, which is empty."""
    store = azure.emulator.start_blob_store()
    if store is None:
        pytest.skip("Azurite, which holds the journals of drills, is not on this machine (make azurite)")
    for container in ("holdfast-drills", "photos", "invoices"):
        for account in ("drillaccount", "demoaccount"):
            store.drop(account, container)
    return azure


def drill(azure: Driver, datasource: str | list[str] | None = None, check: bool = False, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"datasource_id": datasource, "scratch": SCRATCH, **options}
    return azure.run("backup_restore_drill", check=check, **given)


def one(result: dict[str, Any]) -> dict[str, Any]:
    (found,) = result["datasources"]
    return dict(found)


def statuses(item: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["status"] for check in item["checks"]}


def state(azure: Driver) -> dict[str, Any]:
    """Give all that is in the subscription apart from vaults: what a drill has to leave as it was."""
    service = azure.azure
    return {
        "disks": set(service.compute.disks),
        "machines": set(service.compute.machines),
        "network": set(service.network.resources),
        "containers": {key: sorted(set(names) - {"holdfast-drills"}) for key, names in service.storage.containers.items()},
        "roles": set(service.authorization.assignments),
    }


def journals(azure: Driver) -> dict[str, Any]:
    blobs = azure.azure.blob_store.blobs_of("drillaccount", "holdfast-drills")  # type: ignore[union-attr]
    return {name: json.loads(content) for name, content in blobs.items()}


def test_a_disk_is_proven_and_nothing_of_it_remains(drills: Driver) -> None:
    backed_up_disks(drills)
    before = state(drills)
    result = drill(drills, disk("data01"), rto="2h", rpo="24h")
    assert not result["failed"], result["msg"]
    item = one(result)
    assert item["status"] == "passed"
    assert statuses(item) == dict.fromkeys(("job", "exists", "size", "sku", "rto", "rpo"), "passed")
    assert item["job"]["status"] == "completed"
    assert set(item["times"]) == {"find", "grant", "propagate", "validate", "queue", "job", "check", "remove"}
    measured = sum(seconds for phase, seconds in item["times"].items() if phase != "remove")
    assert item["rto_seconds"] == pytest.approx(measured, abs=0.01)
    # The job took that long by Azure's clock, and the role as long to take effect.
    assert item["times"]["job"] == pytest.approx(item["job"]["duration_seconds"], abs=1.1)
    assert item["times"]["propagate"] > 30
    assert result["drill"]["granted_roles"] == [f"Disk Restore Operator on {DRILLS}"]
    assert result["drill"]["counts"] == {"passed": 1, "partial": 0, "failed": 0, "skipped": 0}
    assert state(drills) == before
    assert journals(drills) == {}


def test_a_role_that_was_there_stays(drills: Driver) -> None:
    backed_up_disks(drills)
    permit(drills, OPERATOR, DRILLS)
    before = state(drills)
    result = drill(drills, disk("data01"))
    assert not result["failed"], result["msg"]
    assert result["drill"]["granted_roles"] == []
    assert state(drills) == before


def test_check_mode_tells_the_point_and_writes_nothing(drills: Driver) -> None:
    backed_up_disks(drills)
    before = len(drills.azure.journal.writes())
    result = drill(drills, disk("data01"), check=True)
    assert not result["failed"], result["msg"]
    assert result["changed"] is True
    assert "would be drilled from the recovery point of" in one(result)["msg"]
    assert len(drills.azure.journal.writes()) == before


def test_containers_are_restored_under_names_of_the_drill_and_counted(drills: Driver) -> None:
    store = drills.azure.blob_store
    assert store
    store.fill("demoaccount", "photos", {"2026/beach.jpg": b"sand", "2026/dune.jpg": b"dry"})
    backed_up_account(drills)
    before = state(drills)
    result = drill(drills, ACCOUNT)
    assert not result["failed"], result["msg"]
    item = one(result)
    assert item["status"] == "passed"
    blobs = next(check for check in item["checks"] if check["name"] == "blobs of photos")
    assert blobs["found"] == {"blobs": 2, "bytes": 7}
    # The other container is as empty as its source.
    assert statuses(item)["blobs of invoices"] == "passed"
    assert state(drills) == before


def test_an_empty_container_of_a_full_source_fails(drills: Driver) -> None:
    store = drills.azure.blob_store
    assert store
    store.fill("demoaccount", "photos", {"old.jpg": b"before the backup"})
    backed_up_account(drills)
    for vault in drills.azure.data_protection.vaults.values():
        for instance in vault.instances.values():
            for content in instance.sources.values():
                content["blobs"] = {name: {} for name in content["blobs"]}
    result = drill(drills, ACCOUNT)
    assert result["failed"]
    assert "blobs of photos: container 'photos' came back empty, but its source has blobs from before" in result["msg"]
    assert result["error"]["code"] == "DrillFailed"


def test_a_sample_of_containers_bounds_the_cost(drills: Driver) -> None:
    backed_up_account(drills)
    item = one(drill(drills, ACCOUNT, sample_containers=1))
    assert len([name for name in statuses(item) if name.startswith("blobs of")]) == 1


def test_the_disks_of_a_machine_are_counted_compared_and_removed_with_their_staging_container(drills: Driver) -> None:
    backed_up_machines(drills)
    before = state(drills)
    result = drill(drills, WEB01, **MACHINES)
    assert not result["failed"], result["msg"]
    item = one(result)
    assert statuses(item) == dict.fromkeys(("job", "exists", "disk count", "disk sizes"), "passed")
    assert state(drills) == before


def test_a_machine_boots_in_a_closed_network_and_is_removed_with_its_parts(drills: Driver) -> None:
    backed_up_machines(drills)
    before = state(drills)
    result = drill(drills, WEB01, **MACHINES, **BOOT)
    assert not result["failed"], result["msg"]
    assert statuses(one(result)) == dict.fromkeys(("job", "exists", "disk count", "disk sizes", "isolation", "boot"), "passed")
    assert state(drills) == before


def test_a_machine_that_never_boots_fails_and_is_removed(drills: Driver) -> None:
    backed_up_machines(drills)
    drills.azure.compute.seconds_to_boot = None
    before = state(drills)
    result = drill(drills, WEB01, **MACHINES, **BOOT)
    assert result["failed"]
    assert (
        "boot: the machine did not reach the state running with a ready agent within 1200 seconds (power: running, "
        "agent: Not Ready)" in result["msg"]
    )
    assert state(drills) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda network, _subnet, _guard: network.update(virtualNetworkPeerings=[{"name": "to-hub"}]), "a peering (to-hub)"),
        (
            lambda network, _subnet, _guard: network["subnets"].append({"name": "GatewaySubnet", "properties": {}}),
            "gatewaysubnet",
        ),
        (lambda _network, subnet, _guard: subnet.update(natGateway={"id": "x"}), "has a NAT gateway"),
        (lambda _network, subnet, _guard: subnet.update(routeTable={"id": "x"}), "has a route table"),
        (lambda _network, subnet, _guard: subnet.pop("networkSecurityGroup"), "has no network security group"),
        (
            lambda _network, _subnet, guard: guard["securityRules"].append(
                {"properties": {"direction": "Outbound", "access": "Allow", "priority": 90}}
            ),
            "the first outbound rule of network security group 'drills-vnet-closed' does not deny everything",
        ),
        (
            lambda _network, _subnet, guard: guard["securityRules"][0]["properties"].update(sourceAddressPrefix="10.0.0.0/8"),
            "the first inbound rule",
        ),
    ],
)
def test_a_network_that_is_not_proven_closed_is_refused(drills: Driver, change: Any, told: str) -> None:
    backed_up_machines(drills)
    network = drills.azure.network.resources[NETWORK.lower()]["properties"]
    guard = drills.azure.network.resources[
        f"{DRILLS}/providers/Microsoft.Network/networkSecurityGroups/drills-vnet-closed".lower()
    ]
    change(network, network["subnets"][0]["properties"], guard["properties"])
    before = len(drills.azure.journal.writes())
    result = drill(drills, WEB01, **MACHINES, **BOOT)
    assert result["failed"]
    assert "is not closed, and a drill boots" in result["msg"]
    assert told in result["msg"]
    assert len(drills.azure.journal.writes()) == before


def test_what_cannot_be_drilled_is_skipped_with_its_reason(drills: Driver) -> None:
    backed_up_disks(drills)
    assert not drills.run("backup_policy", policy_name="blobs", datasource_type="azure_blob", retention={"operational": "30d"})[
        "failed"
    ]
    assert not drills.run("backup_permission", datasource_id=ACCOUNT)["failed"]
    assert not drills.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")["failed"]
    listed = [disk("data01"), ACCOUNT]
    result = drill(drills, listed)
    assert not result["failed"], result["msg"]
    assert [item["status"] for item in result["datasources"]] == ["passed", "skipped"]
    assert "has no recovery point in the vault store" in result["datasources"][1]["reason"]
    assert result["msg"] == "drilled 2 datasource(s): 1 passed, 1 skipped"
    unprotected = drill(drills, [*listed, disk("data02")])
    assert unprotected["failed"]
    assert "'data02' has no backup instance in vault 'demo-vault'" in unprotected["msg"]
    strict = drill(drills, listed, fail_on="skipped")
    assert strict["failed"]
    assert strict["error"]["code"] == "DrillSkipped"


def test_what_is_only_in_the_archive_is_skipped(drills: Driver) -> None:
    backed_up_machines(drills)
    item = next(iter(next(iter(drills.azure.recovery_services.vaults.values())).items.values()))
    for point in item.points:
        point["properties"]["recoveryPointTierDetails"] = [{"type": "ArchivedRP", "status": "Valid"}]
    before = state(drills)
    result = drill(drills, WEB01, **MACHINES)
    assert not result["failed"], result["msg"]
    assert one(result)["status"] == "skipped"
    assert "every recovery point of 'web01' is in the archive tier only" in one(result)["reason"]
    assert state(drills) == before
    assert journals(drills) == {}


def test_what_a_guard_keeps_from_being_restored_is_skipped(drills: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard belongs to others: the caller has all rights but those on the guard."""
    backed_up_disks(drills)
    made = drills.run("backup_resource_guard", resource_group="demo-rg", vault_name=None, resource_guard_name="demo-guard")
    drills.vault(resource_guard_id=made["resource_guard"]["id"])
    scopes = [f"{GROUP}/providers/{kind}" for kind in ("Microsoft.DataProtection/backupVaults", "Microsoft.Compute")]
    drills.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[*scopes, DRILLS]))
    monkeypatch.setenv("AZURE_CLIENT_ID", GROUP_CLIENT)
    before = state(drills)
    # Only who asks learns what a guard refuses.
    drills.foresees = False
    result = drill(drills, disk("data01"))
    assert not result["failed"], result["msg"]
    assert one(result)["status"] == "skipped"
    assert "Backup MUA Operator" in one(result)["reason"]
    assert state(drills) == before
    assert journals(drills) == {}


def test_containers_that_are_younger_than_the_point_are_left_out_and_told(drills: Driver) -> None:
    backed_up_account(drills)
    drills.azure.clock.advance(60)
    drills.azure.storage.made[ACCOUNT.lower(), "invoices"] = drills.azure.clock.now()
    before = state(drills)
    item = one(drill(drills, ACCOUNT))
    assert item["status"] == "passed"
    (left_out,) = [check for check in item["checks"] if check["name"] == "containers"]
    assert (left_out["status"], left_out["found"]) == ("skipped", ["invoices"])
    assert "blobs of photos" in statuses(item)
    assert state(drills) == before
    drills.azure.storage.made[ACCOUNT.lower(), "photos"] = drills.azure.clock.now()
    skipped = one(drill(drills, ACCOUNT))
    assert (skipped["status"], skipped["changed"]) == ("skipped", False)
    assert "each of its containers was created or changed since the recovery point" in skipped["reason"]


def test_of_containers_that_are_backed_up_automatically_only_those_of_the_point_are_restored(drills: Driver) -> None:
    drills.vault(soft_delete={"state": "AlwaysOn"})
    assert not drills.run("backup_policy", policy_name="blobs", datasource_type="azure_blob")["failed"]
    assert not drills.run("backup_permission", datasource_id=ACCOUNT)["failed"]
    automatic = {"exclude_prefixes": ["inv"]}
    assert not drills.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs", auto_protection=automatic)["failed"]
    assert not drills.run("backup_adhoc", datasource_id=ACCOUNT)["failed"]
    drills.azure.clock.advance(60)
    drills.azure.storage.add_container(ACCOUNT, "since")
    before = state(drills)
    item = one(drill(drills, ACCOUNT))
    assert item["status"] == "passed", item["reason"]
    assert {name for name in statuses(item) if name.startswith("blobs of")} == {"blobs of photos"}
    assert state(drills) == before


def test_what_is_too_large_is_skipped(drills: Driver) -> None:
    backed_up_disks(drills)
    item = one(drill(drills, disk("data01"), max_size="1G"))
    assert (item["status"], item["changed"]) == ("skipped", False)
    assert "it has 4 GiB, and max_size is 1 GiB" in item["reason"]


def test_a_missed_objective_is_partial(drills: Driver) -> None:
    backed_up_disks(drills)
    result = drill(drills, disk("data01"), rto="1m", fail_on="partial")
    assert result["failed"]
    assert one(result)["status"] == "partial"
    assert statuses(one(result))["rto"] == "partial"


def test_warnings_of_the_job_are_partial(drills: Driver) -> None:
    backed_up_disks(drills)
    drills.fault(kind="job", outcome={"status": "CompletedWithWarnings", "error": {"code": "W", "message": "Some files."}})
    assert one(drill(drills, disk("data01")))["status"] == "partial"


def test_a_restore_that_fails_fails_the_drill_and_leaves_nothing(drills: Driver) -> None:
    backed_up_disks(drills)
    before = state(drills)
    drills.fault(kind="job", outcome={"status": "Failed", "error": {"code": "X", "message": "It was planned."}})
    result = drill(drills, disk("data01"))
    assert result["failed"]
    assert "It was planned." in result["msg"]
    assert one(result)["status"] == "failed"
    assert state(drills) == before
    assert journals(drills) == {}


def test_a_disk_of_another_size_fails(drills: Driver) -> None:
    backed_up_disks(drills)
    drills.azure.compute.disks[disk("data01").lower()]["properties"]["diskSizeGB"] = 8
    result = drill(drills, disk("data01"))
    assert result["failed"]
    assert "size: 4 GiB, but the source has 8 GiB" in result["msg"]


def test_a_source_that_is_gone_is_drilled_and_not_compared(drills: Driver) -> None:
    backed_up_disks(drills)
    del drills.azure.compute.disks[disk("data01").lower()]
    item = one(drill(drills, disk("data01")))
    assert item["status"] == "passed"
    assert statuses(item)["size"] == "skipped"


def test_a_random_point_of_the_last_days(drills: Driver) -> None:
    backed_up_disks(drills)
    drills.azure.clock.advance(3 * 86400)
    item = one(drill(drills, disk("data01"), random_within="2d"))
    assert item["status"] == "skipped"
    assert "has no recovery point of the last 2d (random_within)" in item["reason"]
    assert one(drill(drills, disk("data01"), random_within="7d"))["status"] == "passed"


def test_foreign_things_that_appear_meanwhile_stay_and_are_told(drills: Driver) -> None:
    backed_up_machines(drills)
    before = state(drills)
    compute = drills.azure.compute
    names: list[str] = []

    def intrude() -> None:
        if not names and any(entry["path"].endswith("/restore") for entry in drills.azure.journal.entries):
            # Named as Azure names restored disks of this very machine.
            names.append(compute.add_disk(SUBSCRIPTION, "drills-rg", "web01-osdisk-20261127-120000", "westeurope"))

    drills.on_sleep = intrude
    result = drill(drills, WEB01, **MACHINES)
    assert not result["failed"], result["msg"]
    assert statuses(one(result))["disk count"] == "passed"
    assert names[0].lower() in compute.disks
    assert [left["id"] for left in result["drill"]["leftovers"]] == names
    assert state(drills)["disks"] - before["disks"] == {names[0].lower()}
    # The next drill does not begin in a group with what nobody names.
    drills.on_sleep = None
    refused = drill(drills, WEB01, **MACHINES)
    assert refused["failed"]
    assert "A scratch group may contain only" in refused["msg"]


def test_a_second_run_does_not_meet_the_first(drills: Driver) -> None:
    backed_up_disks(drills)
    met: list[dict[str, Any]] = []

    def meet() -> None:
        if not met and journals(drills):
            met.append({})
            first_clock = drills.clock
            drills.on_sleep = None
            met[0] = drill(drills, disk("data01"))
            drills.clock = first_clock

    drills.on_sleep = meet
    result = drill(drills, disk("data01"))
    assert not result["failed"], result["msg"]
    assert met[0]["failed"]
    assert met[0]["error"]["code"] == "DrillRunning"
    assert result["drill"]["id"] in met[0]["msg"]


def test_what_is_kept_is_removed_by_its_drill_id_and_not_without(drills: Driver) -> None:
    backed_up_disks(drills)
    before = state(drills)
    kept = drill(drills, disk("data01"), keep=True)
    assert not kept["failed"], kept["msg"]
    (restored,) = one(kept)["restored_ids"]
    assert restored.lower() in drills.azure.compute.disks
    assert kept["drill"]["is_kept"] is True
    refused = drill(drills, state="absent")
    assert refused["failed"]
    assert f"set drill_id: {kept['drill']['id']}" in refused["msg"]
    other = drill(drills, state="absent", drill_id="00000000-0000-4000-8000-000000000000")
    assert other["failed"]
    swept = drill(drills, state="absent", drill_id=kept["drill"]["id"])
    assert not swept["failed"], swept["msg"]
    assert swept["drill"]["swept"]["removed"] == [restored]
    assert state(drills) == before
    again = drill(drills, state="absent")
    assert (again["failed"], again["changed"]) == (False, False)


def test_what_cannot_be_removed_fails_the_drill_and_is_swept_later(drills: Driver) -> None:
    backed_up_disks(drills)
    before = state(drills)
    body = {"error": {"code": "ScopeLocked", "message": "The scope is locked."}}
    drills.fault(kind="answer", method="DELETE", path="/disks/drill-", status=409, body=body, times=9)
    result = drill(drills, disk("data01"))
    assert result["failed"]
    assert "what the drill made cannot be removed" in result["msg"]
    assert "The scope is locked." in result["msg"]
    drills.azure.faults.clear()
    swept = drill(drills, state="absent")
    assert not swept["failed"], swept["msg"]
    assert state(drills) == before


def test_two_disks_of_one_name_do_not_meet(drills: Driver) -> None:
    drills.azure.compute.add_disk(SUBSCRIPTION, "demo-snapshots-rg", "data01", "westeurope")
    names = [disk("data01"), disk("data02")]
    backed_up_disks(drills, "data01", "data02")
    result = drill(drills, names, max_concurrency=1)
    assert not result["failed"], result["msg"]
    assert [item["status"] for item in result["datasources"]] == ["passed", "passed"]
    assert journals(drills) == {}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scratch": {**SCRATCH, "resource_group": "demo-snapshots-rg"}}, "has to be in the scratch group 'demo-snapshots-rg'"),
        ({"scratch": {**SCRATCH, "storage_account_id": "x"}}, "scratch.storage_account_id: 'x' is not the id"),
        ({"scratch": {"resource_group": "", "storage_account_id": ""}}, "scratch.storage_account_id: '' is not the id"),
        ({"scratch": {**SCRATCH, "resource_group": ""}}, "scratch.resource_group"),
        ({"boot": True}, "boot: it needs scratch.virtual_network_id and scratch.subnet"),
        ({"scratch": {**SCRATCH, "subnet": "closed"}}, "only boot: true uses them"),
        ({"rto": "soon"}, "rto: 'soon'"),
        ({"random_within": "x"}, "random_within: 'x'"),
        ({"sample_containers": 0}, "sample_containers: 0 must be at least 1"),
    ],
)
def test_bad_input_is_refused_before_any_request(drills: Driver, options: dict[str, Any], told: str) -> None:
    result = drill(drills, disk("data01"), **options)
    assert result["failed"]
    assert told in result["msg"]
    assert drills.azure.journal.entries == []


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("demo-rg", "holds the vault"),
        ("demo-snapshots-rg", "holds the snapshots of backups"),
    ],
)
def test_a_scratch_group_that_is_not_for_drills_is_refused(drills: Driver, place: str, told: str) -> None:
    backed_up_disks(drills)
    account = drills.azure.storage.add_account(SUBSCRIPTION, place, "otherdrills", "westeurope", [])
    before = len(drills.azure.journal.writes())
    # Its journal would lie in an account that the blob store does not have.
    result = drill(drills, disk("data01"), scratch={"resource_group": place, "storage_account_id": account})
    assert result["failed"]
    assert told in result["msg"]
    assert len(drills.azure.journal.writes()) == before


def test_nothing_is_ever_written_to_a_source_its_group_or_its_network(drills: Driver) -> None:
    backed_up_machines(drills)
    count = len(drills.azure.journal.entries)
    assert not drill(drills, WEB01, **MACHINES, **BOOT)["failed"]
    written = [entry["path"].lower() for entry in drills.azure.journal.entries[count:] if entry["is_write"]]
    elsewhere = [path for path in written if not path.startswith((DRILLS.lower(), "/drillaccount"))]
    # Only the restore itself, which names the item.
    assert len(elsewhere) == 1
    assert elsewhere[0].endswith("/restore")
    assert not [path for path in written if path.startswith(f"{GROUP}/providers/microsoft.compute".lower())]


def test_a_caller_without_the_data_role_is_told_which(drills: Driver) -> None:
    backed_up_disks(drills)
    drills.fault(kind="answer", method="GET", path="/drillaccount/holdfast-drills", status=403, body="", times=9)
    result = drill(drills, disk("data01"))
    assert result["failed"]
    assert "Grant Storage Blob Data Contributor on" in result["msg"]


def test_roles_on_the_scratch_account_are_granted_and_revoked(drills: Driver) -> None:
    backed_up_account(drills)
    result = drill(drills, ACCOUNT)
    assert result["drill"]["granted_roles"] == [f"Storage Account Backup Contributor on {DRILL_ACCOUNT}"]
    left = [one for one in drills.azure.authorization.assignments if DRILL_ACCOUNT.lower() in one]
    assert (left, CONTRIBUTOR in str(drills.azure.authorization.assignments)) == ([], True)


def test_a_caller_who_may_not_assign_roles_fails_and_leaves_nothing(drills: Driver) -> None:
    backed_up_disks(drills)
    before = state(drills)
    body = {"error": {"code": "AuthorizationFailed", "message": "You may not."}}
    drills.fault(kind="answer", method="PUT", path="/roleAssignments/", status=403, body=body, times=9)
    result = drill(drills, [disk("data01")])
    assert result["failed"]
    assert "You may not." in result["msg"]
    assert one(result)["status"] == "failed"
    assert state(drills) == before
    assert journals(drills) == {}


def test_a_disk_that_somebody_attaches_to_the_booted_machine_stays(drills: Driver) -> None:
    backed_up_machines(drills)
    kept = drill(drills, WEB01, keep=True, **MACHINES, **BOOT)
    assert not kept["failed"], kept["msg"]
    (machine_id,) = one(kept)["restored_ids"]
    compute = drills.azure.compute
    foreign = compute.add_disk(SUBSCRIPTION, "drills-rg", "evidence", "westeurope", machine_id=machine_id)
    storage = compute.machines[machine_id.lower()]["properties"]["storageProfile"]
    storage["dataDisks"].append({"lun": 9, "name": "evidence", "managedDisk": {"id": foreign}})
    swept = drill(drills, state="absent", drill_id=kept["drill"]["id"], **MACHINES)
    assert not swept["failed"], swept["msg"]
    assert [name for name in compute.disks if "/drills-rg/" in name] == [foreign.lower()]
    assert [left["id"] for left in swept["drill"]["leftovers"]] == [foreign]
    assert journals(drills) == {}


def test_a_disk_elsewhere_that_is_attached_to_the_machine_of_a_dead_drill_stays(drills: Driver) -> None:
    backed_up_machines(drills)
    kept = drill(drills, WEB01, keep=True, **MACHINES, **BOOT)
    (machine_id,) = one(kept)["restored_ids"]
    store, name = drills.azure.blob_store, next(iter(journals(drills)))
    assert store
    content = journals(drills)[name]
    # As if it had died before it wrote down what came with the machine.
    del content["entries"][0]["parts"]
    client = store.container("drillaccount", "holdfast-drills").get_blob_client(name)
    client.upload_blob(json.dumps(content).encode(), overwrite=True, lease=content["drill_id"])
    production = drills.azure.compute.add_disk(SUBSCRIPTION, "demo-rg", "production", "westeurope", machine_id=machine_id)
    storage = drills.azure.compute.machines[machine_id.lower()]["properties"]["storageProfile"]
    storage["dataDisks"].append({"lun": 9, "name": "production", "managedDisk": {"id": production}})
    swept = drill(drills, state="absent", drill_id=kept["drill"]["id"], **MACHINES)
    assert not swept["failed"], swept["msg"]
    assert production.lower() in drills.azure.compute.disks
    assert not [name for name in drills.azure.compute.disks if "/drills-rg/" in name]
    # A journal that names it is not believed.
    kept = drill(drills, WEB01, keep=True, **MACHINES, **BOOT)
    name = next(iter(journals(drills)))
    content = journals(drills)[name]
    content["entries"][0]["parts"].append(production)
    client.upload_blob(json.dumps(content).encode(), overwrite=True, lease=content["drill_id"])
    refused = drill(drills, state="absent", drill_id=kept["drill"]["id"], **MACHINES)
    assert refused["failed"]
    assert "which is not in the scratch group, so it cannot be trusted and nothing was removed" in refused["msg"]
    assert production.lower() in drills.azure.compute.disks


def test_a_run_whose_journal_was_swept_starts_no_restore(drills: Driver) -> None:
    backed_up_disks(drills)
    permit(drills, OPERATOR, DRILLS)
    swept: list[dict[str, Any]] = []

    def sweep() -> None:
        found = journals(drills)
        if found and not swept:
            swept.append({})
            own = drills.clock
            drills.on_sleep = None
            swept[0] = drill(drills, state="absent", drill_id=next(iter(found.values()))["drill_id"])
            drills.clock = own

    drills.on_sleep = sweep
    result = drill(drills, disk("data01"))
    assert swept
    assert not swept[0]["failed"], swept[0]["msg"]
    assert result["failed"]
    assert result["error"]["code"] == "DrillRunning"
    assert [entry for entry in drills.azure.journal.writes() if entry["path"].endswith("/restore")] == []
    assert journals(drills) == {}


def test_a_restore_that_no_list_shows_yet_keeps_its_journal(drills: Driver) -> None:
    backed_up_disks(drills)
    permit(drills, OPERATOR, DRILLS)
    drills.fault(kind="reset_after", method="POST", path="/restore$", times=1)
    drills.fault(kind="answer", method="GET", path="/backupJobs", status=200, body={"value": []}, after=1, times=99)
    result = drill(drills, disk("data01"))
    assert result["failed"]
    assert journals(drills) != {}
    refused = drill(drills, state="absent")
    assert refused["failed"]
    assert "Azure lists no job for it yet" in refused["msg"]
    drills.azure.faults.clear()
    drills.azure.clock.advance(600)
    swept = drill(drills, state="absent")
    assert not swept["failed"], swept["msg"]
    assert [name for name in drills.azure.compute.disks if "/drills-rg/" in name] == []
    assert journals(drills) == {}


def test_the_next_drill_sweeps_what_was_left_and_goes_on(drills: Driver) -> None:
    backed_up_disks(drills)
    before = state(drills)
    body = {"error": {"code": "ScopeLocked", "message": "The scope is locked."}}
    drills.fault(kind="answer", method="DELETE", path="/disks/drill-", status=409, body=body, times=9)
    assert drill(drills, disk("data01"))["failed"]
    drills.azure.faults.clear()
    result = drill(drills, disk("data01"))
    assert not result["failed"], result["msg"]
    assert len(result["drill"]["swept"]["removed"]) == 1
    # One that died is swept when its time is over.
    assert not drill(drills, disk("data01"), keep=True)["failed"]
    drills.azure.clock.advance(86400)
    again = drill(drills, disk("data01"))
    assert not again["failed"], again["msg"]
    assert state(drills) == before


def test_no_more_is_restored_when_something_could_not_be_removed(drills: Driver) -> None:
    names = [disk("data01"), disk("data02")]
    backed_up_disks(drills, "data01", "data02")
    body = {"error": {"code": "ScopeLocked", "message": "The scope is locked."}}
    drills.fault(kind="answer", method="DELETE", path="/disks/drill-", status=409, body=body, times=9)
    result = drill(drills, names, max_concurrency=1)
    assert [item["status"] for item in result["datasources"]] == ["failed", "failed"]
    assert [item["changed"] for item in result["datasources"]] == [True, False]
    assert "not started" in result["datasources"][1]["reason"]
    restores = [entry for entry in drills.azure.journal.writes() if entry["path"].endswith("/restore")]
    assert len(restores) == 1


def test_a_caller_who_may_neither_assign_nor_revoke_roles_leaves_the_group_free(drills: Driver) -> None:
    backed_up_disks(drills)
    body = {"error": {"code": "AuthorizationFailed", "message": "You may not."}}
    drills.fault(kind="answer", method="PUT|DELETE", path="/roleAssignments/", status=403, body=body, times=9)
    assert drill(drills, disk("data01"))["failed"]
    assert journals(drills) == {}


def test_the_time_of_a_boot_counts_for_rto(drills: Driver) -> None:
    backed_up_machines(drills)
    drills.azure.compute.seconds_to_boot = 900
    item = one(drill(drills, WEB01, rto="10m", **MACHINES, **BOOT))
    assert item["rto_seconds"] > 900
    assert statuses(item)["rto"] == "partial"


def test_what_a_failed_restore_of_a_machine_left_is_removed(drills: Driver) -> None:
    backed_up_machines(drills)
    before = state(drills)
    drills.fault(kind="job", outcome={"status": "Failed", "error": {"code": "X", "message": "It was planned."}})
    made: list[str] = []

    def leave() -> None:
        begun = [entry for entry in drills.azure.journal.writes() if entry["path"].endswith("/restore")]
        if begun and not made:
            target = begun[0]["body"]["properties"]["targetVirtualMachineId"].rsplit("/", 1)[-1]
            made.append(drills.azure.compute.add_disk(SUBSCRIPTION, "drills-rg", f"{target}-osdisk", "westeurope"))

    drills.on_sleep = leave
    result = drill(drills, WEB01, **MACHINES, **BOOT)
    assert result["failed"]
    assert made
    assert state(drills) == before


def test_a_network_outside_the_scratch_group_is_refused(drills: Driver) -> None:
    network = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/demo-vnet"
    scratch = {**SCRATCH, "virtual_network_id": network, "subnet": "default"}
    result = drill(drills, WEB01, boot=True, scratch=scratch, **MACHINES)
    assert result["failed"]
    assert "has to be in the scratch group 'drills-rg'" in result["msg"]
    assert drills.azure.journal.entries == []
