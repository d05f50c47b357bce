# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The info modules, through the real SDKs against the loopback Azure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conftest import GROUP, OTHER_DISK, VAULT_ID, Driver, disk, preparation
from emulator.seed import GROUP_CLIENT, OTHER_SUBSCRIPTION, OUTSIDER_CLIENT, SUBSCRIPTION

NOWHERE: dict[str, Any] = {"resource_group": None, "vault_name": None}


def names(listed: list[dict[str, Any]]) -> list[str]:
    return [str(item["name"]) for item in listed]


def sign_in_as(monkeypatch: pytest.MonkeyPatch, client_id: str) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", client_id)


@preparation
def other_vault(azure: Driver) -> None:
    """Have a vault in the other subscription."""
    azure.run(
        "backup_vault",
        subscription_id=OTHER_SUBSCRIPTION,
        resource_group="other-rg",
        vault_name="other-vault",
        tags={"Owner": "db-team"},
    )


def test_one_vault_reads_as_the_module_that_made_it_gave_it(azure: Driver) -> None:
    made = azure.vault(tags={"owner": "storage-team"})["vault"]
    read = azure.run("backup_vault_info")
    assert read["vaults"] == [made]
    assert read["changed"] is False
    assert azure.run("backup_vault_info", vault_id=VAULT_ID, **NOWHERE)["vaults"] == [made]


IN_A_VAULT = {
    "backup_policy_info": "policies",
    "backup_instance_info": "instances",
    "backup_recovery_point_info": "recovery_points",
    "backup_job_info": "jobs",
}


def test_whether_a_vault_exists_is_answered_by_an_empty_list(azure: Driver) -> None:
    for group in ("demo-rg", "no-such-rg"):
        result = azure.run("backup_vault_info", resource_group=group)
        assert (result["failed"], result["vaults"]) == (False, [])


@pytest.mark.parametrize("module", IN_A_VAULT)
@pytest.mark.parametrize("place", [{}, {"resource_group": "no-such-rg"}, {"vault_type": "recovery_services"}])
def test_a_named_vault_that_does_not_exist_is_an_error(azure: Driver, module: str, place: dict[str, str]) -> None:
    key = IN_A_VAULT[module]
    result = azure.run(module, **place)
    assert result["failed"]
    assert result["error"]["status"] == 404
    assert "'demo-vault'" in result["msg"]
    wanted = azure.run(module, **place, missing_ok=True)
    assert (wanted["failed"], wanted[key]) == (False, [])
    assert azure.writes() == []


@pytest.mark.parametrize("arguments", [{"job_id": "00000000-0000-0000-0000-000000000000"}, {"select": {}}, {"wait": True}])
def test_jobs_of_a_vault_that_does_not_exist_are_an_error(azure: Driver, arguments: dict[str, Any]) -> None:
    assert azure.run("backup_job_info", **arguments)["error"]["status"] == 404
    job = f"{VAULT_ID}/backupJobs/00000000-0000-0000-0000-000000000000"
    by_id = azure.run("backup_job_info", vault_name=None, resource_group=None, job_id=job)
    assert by_id["error"]["status"] == 404
    assert azure.run("backup_job_info", missing_ok=True, select={})["jobs"] == []


@pytest.mark.parametrize("module", IN_A_VAULT)
def test_a_vault_of_either_kind_is_found_by_its_name(azure: Driver, module: str) -> None:
    azure.vault(vault_type="recovery_services")
    result = azure.run(module)
    assert not result["failed"], result["msg"]
    # A new vault of this kind has policies of its own.
    assert bool(result[IN_A_VAULT[module]]) is (module == "backup_policy_info")
    wrong = azure.run(module, vault_type="backup")
    assert "there is no Backup vault 'demo-vault'" in wrong["msg"]
    assert "there is a Recovery Services vault of that name" in wrong["msg"]
    vault_id = azure.run("backup_vault_info")["vaults"][0]["id"]
    assert vault_id.split("/")[-2:] == ["vaults", "demo-vault"]


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("backup_policy", {"policy_name": "p01", "datasource_type": "azure_disk"}),
        ("backup_permission", {"datasource_id": disk("data01")}),
        ("backup_instance", {"datasource_id": disk("data01"), "policy_name": "p01"}),
        ("backup_adhoc", {"datasource_id": disk("data01")}),
    ],
)
def test_a_vault_of_the_other_kind_is_named(azure: Driver, module: str, arguments: dict[str, Any]) -> None:
    azure.vault(vault_type="recovery_services")
    result = azure.run(module, **arguments)
    assert result["failed"]
    assert "there is no Backup vault 'demo-vault'" in result["msg"]
    assert "(there is a Recovery Services vault of that name); create it with backup_vault first" in result["msg"]
    foreseen = azure.run(module, check=True, **arguments)
    assert "there is a Recovery Services vault of that name" in str(foreseen["warnings"])


@pytest.mark.parametrize("module", ["backup_vault_info", "backup_instance_info", "backup_job_info"])
def test_nothing_found_where_the_caller_may_see_nothing_is_warned_of(
    azure: Driver, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    everywhere = {"resource_group": None, "vault_name": None, "subscription_ids": ["all"]}
    assert not azure.run(module, **everywhere)["failed"]
    sign_in_as(monkeypatch, OUTSIDER_CLIENT)
    assert "the caller may not see any subscription" in str(azure.run(module, **everywhere)["warnings"])


@pytest.mark.parametrize("module", ["backup_vault_info", "backup_instance_info", "backup_job_info"])
def test_who_may_not_read_a_vault_is_told_so(azure: Driver, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    azure.vault()
    sign_in_as(monkeypatch, OUTSIDER_CLIENT)
    result = azure.run(module)
    assert result["failed"]
    assert result["error"]["status"] == 403


def test_vaults_of_a_group_of_a_subscription_and_of_all_of_them(azure: Driver) -> None:
    azure.vault(tags={"owner": "storage-team"})
    azure.run("backup_vault", vault_name="second-vault")
    other_vault(azure)
    run = azure.run
    assert names(run("backup_vault_info", vault_name=None)["vaults"]) == ["demo-vault", "second-vault"]
    assert run("backup_vault_info", vault_name=None, resource_group="demo-snapshots-rg")["vaults"] == []
    assert len(run("backup_vault_info", **NOWHERE)["vaults"]) == 2
    everywhere = run("backup_vault_info", subscription_ids="all", **NOWHERE)["vaults"]
    assert names(everywhere) == ["other-vault", "demo-vault", "second-vault"]
    assert [vault["subscription_id"] for vault in everywhere] == [OTHER_SUBSCRIPTION, SUBSCRIPTION, SUBSCRIPTION]
    one = run("backup_vault_info", subscription_ids=[OTHER_SUBSCRIPTION], **NOWHERE)["vaults"]
    assert names(one) == ["other-vault"]


def test_vaults_are_chosen_by_their_tags(azure: Driver) -> None:
    azure.vault(tags={"owner": "storage-team"})
    other_vault(azure)
    for tags, found in ((["OWNER"], 2), (["owner:db-team"], 1), (["owner:nobody"], 0), (["owner", "cost"], 0)):
        assert len(azure.run("backup_vault_info", subscription_ids="all", tags=tags, **NOWHERE)["vaults"]) == found


@pytest.mark.parametrize(("client", "seen"), [(GROUP_CLIENT, 1), (OUTSIDER_CLIENT, 0)])
def test_resource_graph_shows_what_the_caller_may_see_and_nothing_else(
    azure: Driver, monkeypatch: pytest.MonkeyPatch, client: str, seen: int
) -> None:
    azure.vault()
    other_vault(azure)
    sign_in_as(monkeypatch, client)
    assert len(azure.run("backup_vault_info", subscription_ids=[SUBSCRIPTION], **NOWHERE)["vaults"]) == seen


def test_a_long_answer_of_resource_graph_is_read_by_its_pages(azure: Driver) -> None:
    for number in range(5):
        azure.run("backup_vault", vault_name=f"vault-{number}")
    azure.azure.configure({"graph_page_size": 2})
    found = azure.run("backup_vault_info", subscription_ids="all", **NOWHERE)["vaults"]
    assert names(found) == [f"vault-{number}" for number in range(5)]
    # Three pages of Backup vaults, one of Recovery Services vaults.
    assert len(azure.requests("POST", "/resources")) == 4


def test_resource_graph_may_be_asked_in_check_mode_and_is_asked_again_when_it_is_away(azure: Driver) -> None:
    azure.vault()
    azure.fault(kind="answer", method="POST", path="ResourceGraph", status=503, times=2)
    azure.fault(kind="answer", method="POST", path="ResourceGraph", status=429, times=1)
    found = azure.run("backup_vault_info", check=True, subscription_ids="all", **NOWHERE)
    assert len(found["vaults"]) == 1


def test_a_wrong_subscription_is_named_before_any_request(azure: Driver) -> None:
    result = azure.run("backup_job_info", subscription_ids=["all", "prod"], **NOWHERE)
    assert "subscription_ids: all, prod" in result["msg"]
    result = azure.run("backup_job_info", subscription_ids=[SUBSCRIPTION])
    assert result["msg"].startswith("subscription_ids: set either")
    assert azure.azure.journal.entries == []


# -- policies


def test_policies_are_read_in_both_forms(azure: Driver) -> None:
    azure.vault()
    made = azure.policy(retention={"default": "14d", "daily": "30d"})["policy"]
    (read,) = azure.run("backup_policy_info")["policies"]
    assert read == made
    assert read["retention"] == {"default": "14d", "daily": "30d"}
    rules = {rule["name"]: rule for rule in read["properties"]["policyRules"]}
    assert rules["Default"]["lifecycles"][0]["deleteAfter"]["duration"] == "P14D"


def test_versions_of_a_policy_come_newest_first(azure: Driver) -> None:
    azure.protected("data01")
    azure.run(
        "backup_policy",
        policy_name="disks",
        datasource_type="azure_disk",
        retention={"default": "21d"},
        on_change="new_version",
    )
    azure.run("backup_policy", policy_name="disks-other", datasource_type="azure_disk")
    assert names(azure.run("backup_policy_info")["policies"]) == ["disks-v2", "disks-other"]
    azure.run("backup_policy", policy_name="disks-v3", datasource_type="azure_disk")
    found = azure.run("backup_policy_info", policy_name="disks")["policies"]
    assert names(found) == ["disks-v3", "disks-v2"]
    (literal,) = azure.run("backup_policy_info", policy_id=f"{VAULT_ID}/backupPolicies/DISKS-V2")["policies"]
    assert literal["name"] == "disks-v2"


def test_azures_default_is_given_without_a_request_and_can_be_made(azure: Driver) -> None:
    result = azure.run("backup_policy_info", template=True, datasource_type="azure_disk", **NOWHERE)
    (template,) = result["policies"]
    assert template["schedule"] == {"frequency": "hourly", "interval_hours": 4, "times": ["13:00"], "time_zone": "UTC"}
    assert template["retention"] == {"default": "7d"}
    assert azure.azure.journal.entries == []
    azure.vault()
    assert azure.policy()["policy"]["properties"] == template["properties"]
    assert azure.policy(schedule=template["schedule"], retention=template["retention"])["changed"] is False


def test_a_template_needs_a_type_and_policies_need_a_vault(azure: Driver) -> None:
    assert "datasource_type" in azure.run("backup_policy_info", template=True, **NOWHERE)["msg"]
    assert "azure_disk" in azure.run("backup_policy_info", template=True, datasource_type="tape", **NOWHERE)["msg"]
    assert "vault_name" in azure.run("backup_policy_info", **NOWHERE)["msg"]
    assert azure.azure.journal.entries == []


# -- instances


def test_instances_read_as_the_module_that_made_them_gave_them(azure: Driver) -> None:
    azure.protected("data01", "data02")
    read = azure.run("backup_instance_info")["instances"]
    again = azure.run("backup_instance", datasource_id=[disk("data01"), disk("data02")], policy_name="disks")
    assert read == [result["instance"] for result in again["datasources"]]


def test_instances_are_chosen(azure: Driver) -> None:
    one, _two = azure.protected("data01", "data02")
    azure.run("backup_instance", datasource_id=one, state="stopped")
    read = azure.run("backup_instance_info")["instances"]
    by_name = {item["friendly_name"]: item["name"] for item in read}
    for arguments, expected in (
        ({"datasource_id": one.upper().replace("/SUBSCRIPTIONS", "/subscriptions")}, {"data01"}),
        ({"state": "protection_stopped"}, {"data01"}),
        ({"state": ["protection_stopped", "protection_configured"]}, {"data01", "data02"}),
        ({"instance_name": by_name["data02"].upper()}, {"data02"}),
        ({"policy_name": "disks"}, {"data01", "data02"}),
        ({"policy_name": "others"}, set()),
        ({"datasource_type": "azure_disk"}, {"data01", "data02"}),
        ({"datasource_id": disk("data03")}, set()),
    ):
        found = azure.run("backup_instance_info", **arguments)["instances"]
        assert {item["friendly_name"] for item in found} == expected, arguments


def test_which_vault_protects_a_disk_is_found_across_vaults(azure: Driver) -> None:
    azure.protected("data01", "data02")
    (found,) = azure.run("backup_instance_info", datasource_id=disk("data02"), **NOWHERE)["instances"]
    assert (found["vault_id"].lower(), found["state"]) == (VAULT_ID.lower(), "protection_configured")
    assert len(azure.run("backup_instance_info", resource_group="demo-rg", vault_name=None)["instances"]) == 2
    assert azure.run("backup_instance_info", resource_group="other-rg", vault_name=None)["instances"] == []
    assert azure.run("backup_instance_info", datasource_id=OTHER_DISK, subscription_ids="all", **NOWHERE)["instances"] == []


def test_more_datasources_than_fit_into_a_query_are_chosen_all_the_same(azure: Driver) -> None:
    azure.protected("data01")
    ids = [disk("data01"), *(disk(f"none{number:03}") for number in range(120))]
    assert len(azure.run("backup_instance_info", datasource_id=ids, **NOWHERE)["instances"]) == 1
    (request,) = azure.requests("POST", "/resources")
    assert "none" not in request["body"]["query"]


def test_instances_are_read_by_their_pages(azure: Driver) -> None:
    azure.protected("data01", "data02", "data03")
    azure.azure.configure({"page_size": 1})
    assert len(azure.run("backup_instance_info")["instances"]) == 3


# -- recovery points


def test_recovery_points_of_several_disks_newest_first(azure: Driver) -> None:
    ids = azure.protected("data01", "data02")
    first = azure.run("backup_adhoc", datasource_id=ids[0])["datasources"][0]["recovery_point"]
    second = azure.run("backup_adhoc", datasource_id=ids[1])["datasources"][0]["recovery_point"]
    third = azure.run("backup_adhoc", datasource_id=ids[0])["datasources"][0]["recovery_point"]
    azure.azure.configure({"page_size": 1})
    assert azure.run("backup_recovery_point_info")["recovery_points"] == [third, second, first]
    of_one = azure.run("backup_recovery_point_info", datasource_id=ids[0])["recovery_points"]
    assert of_one == [third, first]
    assert {point["datasource_id"] for point in of_one} == {ids[0]}
    by_name = azure.run("backup_recovery_point_info", instance_name=second["instance_name"])
    assert by_name["recovery_points"] == [second]
    for given in (second["name"], second["id"]):
        single = azure.run("backup_recovery_point_info", datasource_id=ids, recovery_point_id=given)
        assert single["recovery_points"] == [second]
    newer = azure.run("backup_recovery_point_info", datasource_id=ids, start_time=second["time"])
    assert newer["recovery_points"] == [third, second]
    older = azure.run("backup_recovery_point_info", datasource_id=ids, end_time=second["time"])
    assert older["recovery_points"] == [first]
    azure.azure.clock.advance(3 * 3600)
    assert azure.run("backup_recovery_point_info", start_time="1h")["recovery_points"] == []


def test_what_cannot_be_read_is_told_with_what_could(azure: Driver) -> None:
    ids = azure.protected("data01", "data02")
    points = [azure.run("backup_adhoc", datasource_id=one)["datasources"][0]["recovery_point"] for one in ids]
    azure.fault(kind="answer", method="GET", path="data01-.*/recoveryPoints", status=403, times=1)
    result = azure.run("backup_recovery_point_info")
    assert result["failed"]
    assert result["recovery_points"] == [points[1]]


@pytest.mark.parametrize("value", ["yesterday", "24", "2026-13-01", "2026-11-04T25:00:00Z"])
def test_a_time_that_is_none_is_named_before_any_request(azure: Driver, value: str) -> None:
    for module in ("backup_recovery_point_info", "backup_job_info"):
        result = azure.run(module, start_time=value)
        assert result["failed"]
        assert result["msg"].startswith("start_time: ")
        assert "Traceback" not in str(result)
    assert azure.azure.journal.entries == []


# -- jobs


@preparation
def history(azure: Driver) -> list[dict[str, Any]]:
    """Have a completed and a failed job of one disk, and a running one of another; gives them oldest first."""
    ids = azure.protected("data01", "data02")
    done = azure.run("backup_adhoc", datasource_id=ids[0])["datasources"][0]["job"]
    azure.azure.clock.advance(3600)
    azure.fault(
        kind="job", outcome={"status": "Failed", "error": {"code": "UserErrorX", "message": "no", "recommendedAction": ["a"]}}
    )
    failed = azure.run("backup_adhoc", datasource_id=ids[0])["datasources"][0]["job"]
    azure.azure.clock.advance(3600)
    running = azure.run("backup_adhoc", datasource_id=ids[1], wait=False)["datasources"][0]["job"]
    return [done, failed, running]


@pytest.mark.parametrize("where", [{}, NOWHERE])
def test_jobs_are_chosen_in_a_vault_and_across_vaults(azure: Driver, where: dict[str, Any]) -> None:
    done, failed, running = history(azure)
    azure.run("backup_instance", datasource_id=disk("data02"), state="suspended")
    assert azure.azure.data_protection.jobs_api.run_schedule() == 1

    def found(**arguments: Any) -> list[str]:
        result = azure.run("backup_job_info", **arguments, **where)
        assert not result["failed"], result.get("msg")
        assert result["changed"] is False
        return names(result["jobs"])

    (scheduled,) = found(operation="scheduled_backup")
    assert found() == [scheduled, running["name"], failed["name"], done["name"]]
    assert found(operation="on_demand_backup") == [running["name"], failed["name"], done["name"]]
    assert found(operation="restore") == []
    assert found(operation=["backup"], status="in_progress") == [scheduled, running["name"]]
    assert found(status=["completed", "failed"]) == [failed["name"], done["name"]]
    assert found(datasource_id=disk("data02")) == [running["name"]]
    assert found(instance_name=done["instance_name"], status="completed") == [done["name"]]
    assert found(datasource_type="azure_disk", status="failed") == [failed["name"]]
    assert found(start_time=failed["start_time"], operation="on_demand_backup") == [running["name"], failed["name"]]
    assert found(end_time=failed["start_time"]) == [done["name"]]
    assert found(start_time="90min", operation="on_demand_backup") == [running["name"], failed["name"]]


def test_a_list_says_less_than_details(azure: Driver) -> None:
    done, failed, _running = history(azure)
    listed = {job["name"]: job for job in azure.run("backup_job_info")["jobs"]}
    assert listed[done["name"]]["recovery_point_id"] is None
    assert listed[done["name"]]["duration_seconds"] == pytest.approx(done["duration_seconds"], abs=0.01)
    assert listed[failed["name"]]["errors"] == [{"code": "UserErrorX", "message": "no", "recommended_action": "a"}]
    detailed = azure.run("backup_job_info", status="completed", details=True)["jobs"]
    assert detailed == [done]


def test_jobs_by_id(azure: Driver) -> None:
    done, failed, _running = history(azure)
    by_id = azure.run("backup_job_info", job_id=[done["id"], failed["id"]], **NOWHERE)["jobs"]
    assert by_id == [failed, done]
    assert azure.run("backup_job_info", job_id=done["name"])["jobs"] == [done]
    assert azure.run("backup_job_info", job_id=VAULT_ID + "/backupJobs/" + "0" * 8 + "-0000-0000-0000-" + "0" * 12)["jobs"] == []
    assert "vault" in azure.run("backup_job_info", job_id=done["name"], **NOWHERE)["msg"]
    both = azure.run("backup_job_info", job_id=[disk("data01"), "abc"], **NOWHERE)["msg"]
    assert "not a backup job" in both
    assert "'abc' is neither" in both
    elsewhere = done["id"].replace("demo-vault", "other-vault")
    assert "is not in vault" in azure.run("backup_job_info", job_id=elsewhere)["msg"]


@pytest.mark.parametrize("where", [{}, NOWHERE])
def test_running_jobs_are_waited_for(azure: Driver, where: dict[str, Any]) -> None:
    _done, _failed, running = history(azure)
    result = azure.run("backup_job_info", status="in_progress", wait=True, **where)
    (job,) = result["jobs"]
    assert (job["name"], job["status"], job["recovery_point_id"] is None) == (running["name"], "completed", False)
    assert sum(azure.clock.slept) >= 200


def test_a_wait_that_ends_too_early_gives_the_jobs(azure: Driver) -> None:
    _done, _failed, running = history(azure)
    result = azure.run("backup_job_info", wait=True, wait_timeout=60)
    assert result["failed"]
    assert running["name"] in result["msg"]
    assert [job["status"] for job in result["jobs"]] == ["in_progress", "failed", "completed"]


def test_a_failed_job_does_not_fail_the_question(azure: Driver) -> None:
    ids = azure.protected("data01")
    azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "UserErrorX", "message": "no"}})
    azure.run("backup_adhoc", datasource_id=ids, wait=False)
    result = azure.run("backup_job_info", wait=True)
    assert (result["failed"], result["jobs"][0]["status"]) == (False, "failed")


def test_jobs_are_read_by_their_pages(azure: Driver) -> None:
    history(azure)
    azure.azure.configure({"page_size": 1})
    assert len(azure.run("backup_job_info")["jobs"]) == 3


def test_the_clock_of_a_job_is_in_utc(azure: Driver) -> None:
    (job,) = [one for one in history(azure) if one["status"] == "completed"]
    read = azure.run("backup_job_info", job_id=job["id"], **NOWHERE)["jobs"][0]
    assert read["start_time"].endswith("Z")
    before = azure.azure.clock.now() - timedelta(hours=3)
    assert read["start_time"] > f"{before:%Y-%m-%dT%H:%M:%SZ}"
    assert GROUP.lower() in read["vault_id"].lower()


@pytest.mark.parametrize("module", ["backup_recovery_point_info", "backup_job_info"])
def test_a_range_in_which_nothing_can_lie_is_told(azure: Driver, module: str) -> None:
    assert azure.run(module, start_time="1h", end_time="2h")["msg"].startswith("start_time, end_time: ")
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize(
    ("module", "arguments", "key"),
    [
        ("backup_instance_info", {"datasource_id": []}, "instances"),
        ("backup_recovery_point_info", {"datasource_id": []}, "recovery_points"),
        ("backup_job_info", {"datasource_id": []}, "jobs"),
        ("backup_job_info", {"job_id": [], "wait": True}, "jobs"),
    ],
)
def test_an_empty_list_means_nothing_and_not_everything(azure: Driver, module: str, arguments: dict, key: str) -> None:
    history(azure)
    azure.azure.journal.entries.clear()
    assert azure.run(module, **arguments)[key] == []
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize(
    ("module", "arguments", "option"),
    [
        ("backup_vault_info", {"vault_name": None, "resource_group": "rg/providers/x?y="}, "resource_group"),
        ("backup_instance_info", {"instance_name": "../../backupVaults/demo-vault"}, "instance_name"),
        ("backup_recovery_point_info", {"instance_name": "a b"}, "instance_name"),
        ("backup_recovery_point_info", {"recovery_point_id": "a?b"}, "recovery_point_id"),
        ("backup_recovery_point_info", {"recovery_point_id": disk("data01")}, "recovery_point_id"),
        ("backup_instance_info", {"datasource_type": "tape"}, "datasource_type"),
        ("backup_job_info", {"datasource_type": "tape"}, "datasource_type"),
    ],
)
def test_what_cannot_be_is_named_before_any_request(azure: Driver, module: str, arguments: dict, option: str) -> None:
    result = azure.run(module, **arguments)
    assert result["failed"]
    assert result["msg"].startswith(f"{option}: ")
    assert azure.azure.journal.entries == []


def test_a_policy_and_a_recovery_point_are_found_by_their_ids_alone(azure: Driver) -> None:
    point = azure.run("backup_adhoc", datasource_id=azure.protected("data01"))["datasources"][0]["recovery_point"]
    found = azure.run("backup_recovery_point_info", recovery_point_id=point["id"], **NOWHERE)["recovery_points"]
    assert found == [point]
    policy = f"{VAULT_ID}/backupPolicies/disks"
    assert names(azure.run("backup_policy_info", policy_id=policy, **NOWHERE)["policies"]) == ["disks"]


@pytest.mark.parametrize("time", ["2026-11-04T08:00Z", "2026-11-04 08:00", "20261104", "2026-11-04T08:00:00+0100", "2026-11-04"])
def test_times_are_taken_as_iso_8601_has_them(azure: Driver, time: str) -> None:
    result = azure.run("backup_job_info", start_time=time, missing_ok=True)
    assert result["failed"] is (time == "20261104")


def test_an_instance_that_has_no_recovery_points_by_nature_hides_no_others(azure: Driver) -> None:
    ids = azure.protected("data01", "data02")
    point = azure.run("backup_adhoc", datasource_id=ids[1])["datasources"][0]["recovery_point"]
    error = {"error": {"code": "UserErrorPITBackupInstanceNotFound", "message": "no"}}
    azure.fault(kind="answer", method="GET", path="data01-.*/recoveryPoints", status=400, body=error)
    assert azure.run("backup_recovery_point_info")["recovery_points"] == [point]


def test_a_job_that_appears_late_is_waited_for(azure: Driver) -> None:
    _done, _failed, running = history(azure)
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=404, times=2)
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=503, times=3)
    (job,) = azure.run("backup_job_info", job_id=running["id"], wait=True, **NOWHERE)["jobs"]
    assert job["status"] == "completed"
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=404)
    (result,) = azure.run("backup_adhoc", job_id=running["id"], **NOWHERE)["datasources"]
    assert (result["action"], result["job"]["status"]) == ("resume", "completed")


def test_many_jobs_are_waited_for_by_the_list(azure: Driver) -> None:
    ids = azure.protected("data01", "data02", "data03")
    azure.run("backup_adhoc", datasource_id=ids, wait=False, max_concurrency=1)
    azure.azure.journal.entries.clear()
    jobs = azure.run("backup_job_info", status="in_progress", wait=True)["jobs"]
    assert [job["status"] for job in jobs] == ["completed"] * 3
    assert len(azure.requests("GET", "/backupJobs")) > 3
    # By themselves only those that are over, for what the list leaves out.
    single = [entry for entry in azure.azure.journal.entries if "/backupJobs/" in entry["path"]]
    assert len(single) == 3


def test_details_that_cannot_be_read_are_warned_of(azure: Driver) -> None:
    history(azure)
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=403)
    result = azure.run("backup_job_info", details=True)
    assert len(result["jobs"]) == 3
    assert "details: cannot read the details of 1 job(s)" in str(result["warnings"])


def test_what_is_not_there_cannot_be_waited_for(azure: Driver) -> None:
    assert "does not exist" in azure.run("backup_job_info", wait=True)["msg"]
    azure.vault()
    unknown = "00000000-0000-0000-0000-000000000000"
    assert unknown in azure.run("backup_job_info", wait=True, job_id=unknown)["msg"]
    assert azure.run("backup_job_info", job_id=unknown)["jobs"] == []
    assert azure.run("backup_job_info", job_id="latest")["msg"].startswith("job_id: 'latest' is neither")


def test_a_thing_has_the_same_id_wherever_it_is_read(azure: Driver) -> None:
    azure.run("backup_adhoc", datasource_id=azure.protected("data01"))
    for module, key in (("backup_vault_info", "vaults"), ("backup_instance_info", "instances"), ("backup_job_info", "jobs")):
        here, there = azure.run(module)[key], azure.run(module, **NOWHERE, subscription_ids=[SUBSCRIPTION])[key]
        assert [item["id"] for item in here] == [item["id"] for item in there]
        assert [item.get("vault_id") for item in here] == [item.get("vault_id") for item in there]
    (listed,) = azure.run("backup_job_info")["jobs"]
    (single,) = azure.run("backup_job_info", job_id=listed["name"])["jobs"]
    assert listed["duration"] == single["duration"]
