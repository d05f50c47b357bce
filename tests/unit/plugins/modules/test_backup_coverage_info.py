# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is covered by backups: each verdict, what it is read from, and that nothing unknown counts as covered."""

from __future__ import annotations

from typing import Any

import pytest
from backups import ACCOUNT, MACHINES, WEB01, backed_up_disks, backed_up_machines, weekly_backed_up_account
from conftest import SNAPSHOTS, Driver, disk
from emulator.identity import ServicePrincipal
from emulator.seed import GROUP_CLIENT, OTHER_SUBSCRIPTION, SECRET, SUBSCRIPTION, TENANT

DAY = 86400
HIDDEN = "99999999-0000-4000-8000-000000000000"


def cover(azure: Driver, **options: Any) -> dict[str, Any]:
    result = azure.run("backup_coverage_info", resource_group=None, vault_name=None, **options)
    assert not result["failed"], result["msg"]
    return dict(result["coverage"])


def of(coverage: dict[str, Any], datasource_id: str) -> dict[str, Any]:
    (found,) = [one for one in coverage["resources"] if one["datasource_id"].lower() == datasource_id.lower()]
    return dict(found)


def verdict(azure: Driver, datasource_id: str, **options: Any) -> tuple[str, str]:
    found = of(cover(azure, **options), datasource_id)
    return found["verdict"], found["reason"]


def test_a_disk_is_covered_until_its_newest_point_is_too_old(azure: Driver) -> None:
    backed_up_disks(azure)
    fresh = of(cover(azure), disk("data01"))
    assert (fresh["verdict"], fresh["policy_name"], fresh["rpo_source"]) == ("covered", "disks", "policy")
    # Every four hours, and half as long again.
    assert fresh["rpo_seconds"] == 6 * 3600
    assert fresh["last_job"]["status"] == "completed"
    azure.azure.clock.advance(7 * 3600)
    stale, reason = verdict(azure, disk("data01"))
    assert stale == "stale"
    assert reason.startswith("its newest recovery point is 7h")
    assert verdict(azure, disk("data01"), rpo="24h")[0] == "covered"
    assert verdict(azure, disk("data01"), rpo="24h", rpo_by_type={"azure_disk": "1h"})[0] == "stale"


def test_totals_and_compliance(azure: Driver) -> None:
    backed_up_disks(azure)
    coverage = cover(azure, select={"datasource_types": ["azure_disk"]})
    verdicts = {name: count for name, count in coverage["verdicts"].items() if count}
    assert verdicts == {"covered": 1, "unprotected": coverage["count"] - 1}
    assert coverage["compliance_percent"] == int(1000 / coverage["count"]) / 10
    (kind,) = coverage["by_type"]
    assert (kind["name"], kind["count"]) == ("azure_disk", coverage["count"])
    assert [one["name"] for one in coverage["by_policy"]] == ["disks", None]
    assert coverage["by_vault"][0]["verdicts"]["covered"] == 1


def test_an_objective_in_a_tag_and_one_that_is_none(azure: Driver) -> None:
    backed_up_disks(azure)
    azure.azure.compute.disks[disk("data01").lower()]["tags"] = {"RPO": "30m"}
    azure.azure.clock.advance(3600)
    found = of(cover(azure, rpo="24h", rpo_tag="Rpo"), disk("data01"))
    assert (found["verdict"], found["rpo_seconds"], found["rpo_source"]) == ("stale", 1800, "tag")
    azure.azure.compute.disks[disk("data01").lower()]["tags"] = {"RPO": "often"}
    unknown, reason = verdict(azure, disk("data01"), rpo="24h", rpo_tag="Rpo")
    assert unknown == "unknown"
    assert "its tag rpo: 'often'" in reason


def test_a_failed_backup_is_told_with_its_code_and_how_often(azure: Driver) -> None:
    backed_up_disks(azure)
    error = {"code": "UserErrorDiskSnapshotNotFound", "message": "A snapshot is gone.", "recommendedAction": ["Back up again."]}
    for _time in range(2):
        azure.azure.clock.advance(60)
        azure.fault(kind="job", outcome={"status": "Failed", "error": error})
        assert azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    coverage = cover(azure)
    found = of(coverage, disk("data01"))
    assert (found["verdict"], found["failures_in_a_row"]) == ("failing", 2)
    assert found["reason"] == "the last 2 backups failed (UserErrorDiskSnapshotNotFound)"
    assert found["last_job"]["recommended_action"] == "Back up again."
    assert found["recovery_point_time"] is not None
    (failure,) = coverage["failures"]
    assert (failure["error_code"], failure["count"]) == ("UserErrorDiskSnapshotNotFound", 1)
    assert not azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    assert verdict(azure, disk("data01"))[0] == "covered"


def test_a_machine_tells_its_last_point_and_its_last_failure_itself(azure: Driver) -> None:
    backed_up_machines(azure)
    found = of(cover(azure), WEB01)
    assert (found["verdict"], found["rpo_seconds"]) == ("covered", 36 * 3600)
    azure.fault(
        kind="job", outcome={"status": "Failed", "error": {"errorCode": 400, "errorTitle": "VM agent", "errorString": "No."}}
    )
    assert azure.run("backup_adhoc", datasource_id=WEB01, **MACHINES)["failed"]
    assert verdict(azure, WEB01)[0] == "failing"
    azure.azure.clock.advance(2 * DAY)
    assert not azure.run("backup_adhoc", datasource_id=WEB01, **MACHINES)["failed"]
    assert verdict(azure, WEB01)[0] == "covered"
    azure.azure.clock.advance(2 * DAY)
    assert verdict(azure, WEB01)[0] == "stale"


@pytest.mark.parametrize(("state", "expected"), [("suspended", "suspended"), ("stopped", "stopped"), ("absent", "soft_deleted")])
def test_protection_that_was_ended(azure: Driver, state: str, expected: str) -> None:
    backed_up_disks(azure)
    ending = {"delete_backup_data": True} if state == "absent" else {}
    assert not azure.run("backup_instance", datasource_id=disk("data01"), state=state, **ending)["failed"]
    found = of(cover(azure), disk("data01"))
    assert found["verdict"] == expected
    assert ("can be brought back until" in found["reason"]) is (state == "absent")


def test_an_exempt_resource_has_its_reason_and_counts_in_no_percentage(azure: Driver) -> None:
    backed_up_disks(azure)
    azure.azure.compute.disks[disk("data02").lower()]["tags"] = {"BackupExempt": "scratch space"}
    select = {"names": ["data01", "data02"], "exempt_tag": "backupexempt"}
    coverage = cover(azure, select=select)
    assert (of(coverage, disk("data02"))["verdict"], of(coverage, disk("data02"))["reason"]) == ("exempt", "scratch space")
    assert coverage["compliance_percent"] == 100.0


def test_a_weekly_backup_is_read_from_its_points(azure: Driver) -> None:
    weekly_backed_up_account(azure)
    azure.azure.clock.advance(20 * DAY)
    # Resource Graph does not know the job any more.
    for vault in azure.azure.data_protection.vaults.values():
        vault.jobs.clear()
    assert verdict(azure, ACCOUNT)[0] == "stale"
    coverage = cover(azure, rpo="30d")
    assert of(coverage, ACCOUNT)["verdict"] == "covered"
    assert coverage["reads"]["recovery_points"] == 1
    bounded = cover(azure, rpo="30d", max_point_reads=0)
    assert of(bounded, ACCOUNT)["verdict"] == "unknown"
    assert "max_point_reads is 0; raise it to 1" in str(bounded["unreadable"])


def test_the_reads_of_single_vaults_are_as_many_as_were_sent(azure: Driver) -> None:
    backed_up_disks(azure)
    backed_up_machines(azure)
    before = len(azure.azure.journal.entries)
    reads = cover(azure)["reads"]["vaults"]
    paths = [entry["path"].lower() for entry in azure.azure.journal.entries[before:] if entry["method"] == "GET"]
    alone = [path for path in paths if path.rsplit("/", 2)[1] == "vaults"]
    deleted = [path for path in paths if path.endswith("/deletedbackupinstances")]
    assert len(deleted) == 1
    assert reads == len(alone) + len(deleted)


def test_continuous_backup_is_judged_by_what_it_can_be_restored_to(azure: Driver) -> None:
    azure.vault()
    retention = {"operational": "30d"}
    assert not azure.run("backup_policy", policy_name="blobs", datasource_type="azure_blob", retention=retention)["failed"]
    assert not azure.run("backup_permission", datasource_id=ACCOUNT)["failed"]
    assert not azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")["failed"]
    azure.azure.clock.advance(3600)
    found = of(cover(azure), ACCOUNT)
    assert (found["verdict"], found["last_job"]) == ("covered", None)
    azure.fault(kind="answer", path=".*/findRestorableTimeRanges", method="POST", status=403, times=5, body={})
    failed = of(cover(azure), ACCOUNT)
    assert failed["verdict"] == "unknown"
    azure.azure.faults.clear()
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[], reads=[f"/subscriptions/{SUBSCRIPTION}"]))
    reader = of(cover(azure, client_id=GROUP_CLIENT, secret=SECRET, tenant=TENANT), ACCOUNT)
    assert reader["verdict"] == "unknown"
    assert "its recovery points could not be read" in failed["reason"]


def test_jobs_that_cannot_be_read_make_it_unknown_and_not_covered(azure: Driver) -> None:
    backed_up_disks(azure)
    backed_up_machines(azure)
    azure.fault(kind="answer", method="POST", path=".*ResourceGraph.*", status=403, after=7, times=99, body={})
    found = cover(azure)
    assert of(found, disk("data01"))["verdict"] == "unknown"
    assert of(found, WEB01)["verdict"] == "covered"
    assert any(one["what"] == "backup jobs" for one in found["unreadable"])


def test_a_backup_in_another_vault_is_none_of_this_one(azure: Driver) -> None:
    backed_up_disks(azure)
    for vault in azure.azure.data_protection.vaults.values():
        for job in vault.jobs.values():
            job["properties"]["backupInstanceId"] = job["properties"]["backupInstanceId"].replace("demo-vault", "former-vault")
    assert verdict(azure, disk("data01"))[0] == "stale"


def test_without_its_policy_it_is_not_known_how_an_account_is_backed_up(azure: Driver) -> None:
    azure.vault()
    assert not azure.run("backup_policy", policy_name="blobs", datasource_type="azure_blob", retention={"operational": "30d"})[
        "failed"
    ]
    assert not azure.run("backup_permission", datasource_id=ACCOUNT)["failed"]
    assert not azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")["failed"]
    azure.fault(kind="answer", method="POST", path=".*ResourceGraph.*", status=403, after=3, times=1, body={})
    coverage = cover(azure, rpo="24h")
    assert any(one["what"] == "backup policies" for one in coverage["unreadable"])
    assert of(coverage, ACCOUNT)["verdict"] == "unknown"


def test_a_vault_of_another_subscription_counts(azure: Driver) -> None:
    azure.vault(resource_group="other-rg", subscription_id=OTHER_SUBSCRIPTION)
    place = {"resource_group": "other-rg", "subscription_id": OTHER_SUBSCRIPTION}
    assert not azure.run("backup_policy", policy_name="disks", datasource_type="azure_disk", **place)["failed"]
    about = {"datasource_id": disk("data01"), "snapshot_resource_group": SNAPSHOTS, **place}
    assert not azure.run("backup_permission", **about)["failed"]
    assert not azure.run("backup_instance", policy_name="disks", **about)["failed"]
    assert not azure.run("backup_adhoc", datasource_id=disk("data01"), **place)["failed"]
    coverage = cover(azure)
    assert of(coverage, disk("data01"))["verdict"] == "covered"
    assert coverage["orphans"] == []


def test_vaults_are_held_against_controls(azure: Driver) -> None:
    backed_up_disks(azure)
    backed_up_machines(azure)
    wanted = {
        "soft_delete": "on",
        "soft_delete_retention_in_days": 14,
        "immutability": "locked",
        "redundancy": ["GeoRedundant"],
        "public_network_access": False,
        "identity": True,
        "resource_guard": False,
    }
    vaults = {vault["name"]: vault for vault in cover(azure, controls=wanted)["vaults"]}
    backup = {one["name"]: one["status"] for one in vaults["demo-vault"]["controls"]}
    assert backup == {
        "soft_delete": "passed", "soft_delete_retention_in_days": "passed", "immutability": "failed", "redundancy": "failed",
        "identity": "passed", "resource_guard": "passed",
    }  # fmt: skip
    assert vaults["demo-vault"]["is_compliant"] is False
    assert vaults["demo-vault"]["instances"] == 1
    machines = {one["name"]: one for one in vaults["vms"]["controls"]}
    assert machines["public_network_access"]["status"] == "failed"
    assert all(vault["controls"] == [] and vault["is_compliant"] is None for vault in cover(azure)["vaults"])


def test_what_the_caller_may_not_see_is_told(azure: Driver) -> None:
    coverage = cover(azure, select={"subscription_ids": [SUBSCRIPTION, HIDDEN]})
    assert [one["what"] for one in coverage["unreadable"]] == [f"/subscriptions/{HIDDEN}"]
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[]))
    blind = cover(azure, client_id=GROUP_CLIENT, secret=SECRET, tenant=TENANT, select={"subscription_ids": ["all"]})
    assert (blind["count"], blind["compliance_percent"]) == (0, None)
    assert [one["what"] for one in blind["unreadable"]] == ["all subscriptions"]
    nothing = azure.run(
        "backup_coverage_info", resource_group=None, vault_name=None, select={"names": ["none"], "require_match": True}
    )
    assert nothing["error"]["code"] == "NothingSelected"


def test_a_reader_is_enough(azure: Driver) -> None:
    backed_up_disks(azure)
    before = cover(azure)
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[], reads=[f"/subscriptions/{SUBSCRIPTION}"]))
    reader = cover(azure, client_id=GROUP_CLIENT, secret=SECRET, tenant=TENANT)
    assert reader["verdicts"] == before["verdicts"]
    assert reader["unreadable"] == []


def test_backups_of_what_is_gone_are_listed_apart(azure: Driver) -> None:
    backed_up_disks(azure)
    del azure.azure.compute.disks[disk("data01").lower()]
    coverage = cover(azure)
    assert [one["datasource_id"] for one in coverage["orphans"]] == [disk("data01")]
    assert not [one for one in coverage["resources"] if one["name"] == "data01"]


def test_the_last_drill_of_each_resource(azure: Driver) -> None:
    backed_up_disks(azure)
    reports = [
        {
            "generated": f"2026-11-0{day}T06:00:00Z",
            "datasources": [{"datasource_id": disk("data01"), "status": status, "rto_seconds": 9.5}],
        }
        for day, status in ((3, "skipped"), (2, "passed"), (1, "failed"))
    ]
    found = of(cover(azure, drill_reports=reports), disk("data01"))
    assert found["last_drill"] == {"time": "2026-11-02T06:00:00Z", "status": "passed", "rto_seconds": 9.5}


def group(**more: Any) -> dict[str, Any]:
    place = {"name": "disks", "resource_group": "demo-rg", "vault_name": "demo-vault", "policy_name": "disks"}
    return {**place, "datasource_id": [disk("data01")], **more}


def test_nothing_drifts_from_what_protect_made(azure: Driver) -> None:
    backed_up_disks(azure)
    assert cover(azure, protect_groups=[group(controls={"soft_delete": "on"})])["drift"] == []


def test_what_differs_from_how_resources_are_to_be_protected(azure: Driver) -> None:
    backed_up_disks(azure)

    def kinds(*groups: dict[str, Any]) -> list[tuple[str, Any]]:
        return [(one["kind"], one["found"]) for one in cover(azure, protect_groups=list(groups))["drift"]]

    assert kinds(group(datasource_id=[disk("data02")])) == [("protection", None)]
    assert kinds(group(policy_name="gold")) == [("policy", "disks")]
    ((kind, vault),) = kinds({**group(vault_name="other-vault"), "name": "elsewhere"})[1:]
    assert (kind, str(vault).endswith("/demo-vault")) == ("vault", True)
    assert kinds(group(vault_name="other-vault", datasource_id=[disk("data99")])) == [("vault_missing", None)]
    assert kinds(group(controls={"immutability": "locked"})) == [("setting", "Disabled")]
    assert kinds(group(datasource_id=None, select={"names": ["data0[12]"]})) == [("protection", None)]
    for key, assignment in list(azure.azure.authorization.assignments.items()):
        if assignment["properties"]["scope"].lower() == disk("data01").lower():
            del azure.azure.authorization.assignments[key]
    (role,) = cover(azure, protect_groups=[group()])["drift"]
    assert (role["kind"], role["expected"]) == ("role", "Disk Backup Reader")
    assert not azure.run("backup_instance", datasource_id=disk("data01"), state="stopped")["failed"]
    assert kinds(group()) == [("protection", "protection_stopped")]


def test_what_is_not_listed_is_counted_and_told(azure: Driver) -> None:
    backed_up_disks(azure)
    result = azure.run("backup_coverage_info", resource_group=None, vault_name=None, max_resources=2)
    coverage = result["coverage"]
    assert (len(coverage["resources"]), coverage["resources_left_out"]) == (2, coverage["count"] - 2)
    assert coverage["verdicts"]["covered"] == 1
    # Those first that need somebody.
    assert {one["verdict"] for one in coverage["resources"]} == {"unprotected"}
    assert any("are counted and not listed, because max_resources is 2" in str(one) for one in result["warnings"])


def test_requests_grow_with_pages_and_not_with_resources(azure: Driver) -> None:
    def asked() -> int:
        before = len(azure.azure.journal.entries)
        cover(azure)
        return len(azure.azure.journal.entries) - before

    backed_up_disks(azure)
    few = asked()
    for number in range(200):
        azure.azure.compute.add_disk(SUBSCRIPTION, "demo-rg", f"more{number}", "westeurope")
    assert asked() == few


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rpo": "soon"}, "rpo: 'soon'"),
        ({"rpo_by_type": {"azure_disk": "x"}}, "rpo_by_type.azure_disk: 'x'"),
        ({"rpo_by_type": {"azure_tape": "1d"}}, "rpo_by_type: azure_tape: not supported"),
        ({"rpo_margin": 0.5}, "rpo_margin: 0.5 must be 1 or more"),
        ({"protect_groups": [group(select={})]}, "protect_groups[0].datasource_id, protect_groups[0].select: set exactly one"),
        ({"protect_groups": [group(datasource_id=["x"])]}, "protect_groups[0].datasource_id"),
        ({"max_point_reads": -1}, "max_point_reads: -1 must be 0 or more"),
        ({"select": {"policy_names": ["x"]}}, "select.policy_names"),
    ],
)
def test_mistakes_are_told_before_any_request(azure: Driver, options: dict[str, Any], message: str) -> None:
    done = azure.run("backup_coverage_info", resource_group=None, vault_name=None, **options)
    assert done["failed"]
    assert message in done["msg"]
    assert azure.azure.journal.entries == []
