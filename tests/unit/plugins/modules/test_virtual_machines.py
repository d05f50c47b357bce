# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines in a Recovery Services vault, by the same modules and the same words as disks."""

from __future__ import annotations

import os
import re
import signal
from datetime import timedelta
from typing import Any

import pytest
from conftest import GROUP, Driver, disk, preparation
from emulator.seed import OTHER_SUBSCRIPTION, SUBSCRIPTION

IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup"
KIND = {"vault_type": "recovery_services"}
VAULT_ID = f"{GROUP}/providers/Microsoft.RecoveryServices/vaults/demo-vault"
POLICY = {"policy_name": "vms", "datasource_type": "azure_vm"}
ENHANCED = {"policy_type": "V2", "schedule": {"frequency": "hourly"}}


def machine(name: str) -> str:
    return f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}"


WEB01, WEB02 = machine("web01"), machine("web02")


@preparation
def prepared(azure: Driver, **policy: Any) -> None:
    """Have the vault and the policy vms there."""
    azure.vault(**KIND)
    assert not azure.run("backup_policy", **POLICY, **policy)["failed"]


@preparation
def protected(azure: Driver, *ids: str) -> None:
    """Have virtual machines protected."""
    prepared(azure)
    result = azure.run("backup_instance", datasource_id=list(ids or (WEB01,)), policy_name="vms")
    assert not result["failed"], result["msg"]


def instance(azure: Driver, **arguments: Any) -> dict[str, Any]:
    """Bring web01 to a state as predicted, and give its result."""
    (result,) = azure.predicted("backup_instance", datasource_id=WEB01, **arguments)["datasources"]
    return dict(result)


# -- vault


def test_a_vault_comes_changes_and_goes_as_predicted(azure: Driver) -> None:
    made = azure.predicted("backup_vault", **KIND, tags={"Owner": "ops"})["vault"]
    assert (made["id"], made["vault_type"], made["sku"], made["redundancy"]) == (
        VAULT_ID,
        "recovery_services",
        "Standard",
        "GeoRedundant",
    )
    assert made["soft_delete"] == {"state": "On", "retention_duration_in_days": 14}
    wanted = {
        "redundancy": "ZoneRedundant",
        "soft_delete": {"state": "On", "retention_duration_in_days": 30},
        "immutability_state": "Unlocked",
        "public_network_access": "Disabled",
        "alerts_for_all_job_failures": "Disabled",
        "cross_subscription_restore_state": "Disabled",
        "tags": {"Owner": "others"},
    }
    changed = azure.predicted("backup_vault", **KIND, **wanted)["vault"]
    assert {key: changed[key] for key in wanted} == wanted
    assert azure.run("backup_vault_info", **KIND)["vaults"][0]["redundancy"] == "ZoneRedundant"
    assert azure.predicted("backup_vault", **KIND, state="absent")["vault"] is None


def test_a_geo_redundant_vault_may_restore_in_the_paired_region(azure: Driver) -> None:
    made = azure.predicted("backup_vault", **KIND, cross_region_restore_state="Enabled")["vault"]
    assert made["cross_region_restore_state"] == "Enabled"


def test_restores_across_regions_are_enabled_while_something_is_protected(azure: Driver) -> None:
    protected(azure)
    changed = azure.predicted("backup_vault", **KIND, cross_region_restore_state="Enabled")["vault"]
    assert changed["cross_region_restore_state"] == "Enabled"


@pytest.mark.parametrize("option", ["redundancy", "cross_region_restore_state"])
def test_what_is_fixed_while_something_is_protected_is_told_before_the_write(azure: Driver, option: str) -> None:
    azure.vault(**KIND, cross_region_restore_state="Enabled")
    protected(azure)
    count = len(azure.writes())
    value = {"redundancy": "LocallyRedundant", "cross_region_restore_state": "Disabled"}[option]
    for check in (True, False):
        result = azure.run("backup_vault", check=check, **KIND, **{option: value})
        assert result["failed"]
        assert f"{option}: it can be changed only while the vault protects nothing" in result["msg"]
    assert len(azure.writes()) == count


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"datastore_type": "VaultStore"}, "datastore_type"),
        ({"undelete": True}, "undelete"),
        ({"soft_delete": {"retention_duration_in_days": 200}}, "soft_delete.retention_duration_in_days"),
    ],
)
def test_what_only_backup_vaults_have_is_refused_before_any_request(azure: Driver, arguments: Any, named: str) -> None:
    result = azure.run("backup_vault", **KIND, **arguments)
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


def test_always_on_is_final(azure: Driver) -> None:
    azure.vault(**KIND, soft_delete={"state": "AlwaysOn"})
    assert "AlwaysOn is permanent" in azure.run("backup_vault", **KIND, soft_delete={"state": "Off"})["msg"]


def test_a_vault_that_protects_something_is_not_deleted_and_says_what(azure: Driver) -> None:
    protected(azure)
    for check in (True, False):
        result = azure.run("backup_vault", check=check, **KIND, state="absent")
        assert result["failed"]
        assert "web01" in result["msg"]
    azure.run("backup_instance", datasource_id=WEB01, state="absent")
    held = azure.run("backup_vault", **KIND, state="absent")
    assert re.search(r"Soft delete keeps 1 datasource\(s\): web01 \(until \d{4}-", held["msg"])
    assert "DELETE demo-vault" not in azure.writes()


def test_a_list_tells_of_each_vault_what_it_is(azure: Driver) -> None:
    azure.vault(**KIND, soft_delete={"state": "Off"}, redundancy="LocallyRedundant", immutability_state="Unlocked")
    (named,) = azure.run("backup_vault_info", **KIND)["vaults"]
    assert (named["soft_delete"]["state"], named["redundancy"]) == ("Off", "LocallyRedundant")
    assert azure.run("backup_vault_info", vault_name=None)["vaults"] == [named]
    everywhere = azure.run("backup_vault_info", resource_group=None, vault_name=None, subscription_ids=["all"])["vaults"]
    assert everywhere == [named]


def test_a_vault_that_is_there_but_not_as_wanted_is_a_change(azure: Driver) -> None:
    azure.fault(kind="answer", method="PATCH", path="/vaults/demo-vault$", status=403)
    result = azure.run("backup_vault", **KIND, redundancy="LocallyRedundant")
    assert (result["failed"], result["changed"]) == (True, True)
    assert azure.run("backup_vault", **KIND, redundancy="LocallyRedundant")["vault"]["redundancy"] == "LocallyRedundant"


# -- policy


def test_nothing_said_is_azures_own_default(azure: Driver) -> None:
    azure.vault(**KIND)
    policy = azure.predicted("backup_policy", **POLICY)["policy"]
    assert policy["schedule"] == {"frequency": "daily", "times": ["20:00"], "time_zone": "UTC"}
    assert (policy["retention"], policy["policy_type"]) == ({"default": "30d"}, "V1")
    assert (policy["instant_rp_retention_range_in_days"], policy["recovery_points_kept"]) == (2, 30)
    listed = azure.run("backup_policy_info", **KIND)["policies"]
    assert {item["name"] for item in listed} >= {"DefaultPolicy", "EnhancedPolicy", "HourlyLogBackup", "vms"}
    default = next(item for item in listed if item["name"] == "DefaultPolicy")
    assert (default["retention"], default["is_fully_described"]) == ({"default": "30d"}, True)


@pytest.mark.parametrize(
    "options",
    [
        {
            "schedule": {"frequency": "weekly", "days": ["Wednesday", "Sunday"], "times": ["7:00"]},
            "retention": {"default": "4w"},
        },
        {"retention": {"default": "14d", "weekly": "12w", "monthly": "24mo", "yearly": "5y"}},
        {
            "retention_rules": [
                {"name": "monthly", "duration": "12mo", "days_of_month": [1, "last"]},
                {
                    "name": "yearly",
                    "duration": "7y",
                    "days_of_the_week": ["Friday"],
                    "weeks_of_the_month": ["Last"],
                    "months_of_year": ["June"],
                },
            ]
        },
        {"schedule": {"times": ["01:30"], "time_zone": "W. Europe Standard Time"}, "instant_rp_retention_range_in_days": 5},
        {**ENHANCED, "instant_rp_retention_range_in_days": 30},
        {"schedule": {"frequency": "hourly", "interval_hours": 6, "window_hours": 18, "times": ["05:00"]}},
        {"policy_type": "V2", "schedule": {"frequency": "weekly", "days": ["Monday"]}, "instant_rp_retention_range_in_days": 7},
        {"azure_backup_rg_name_prefix": "snaps-", "azure_backup_rg_name_suffix": "-rg"},
        {
            "schedule": {"frequency": "weekly", "days": ["Wednesday"]},
            "retention": {"default": "4w", "monthly": "12mo", "yearly": "2y"},
        },
    ],
)
def test_a_policy_reads_back_as_it_was_written(azure: Driver, options: Any) -> None:
    azure.vault(**KIND)
    policy = azure.predicted("backup_policy", **POLICY, **options)["policy"]
    assert policy["is_fully_described"]
    again = {key: policy[key] for key in ("schedule", "retention", "policy_type", "instant_rp_retention_range_in_days")}
    again["retention_rules"] = [
        {key: value for key, value in rule.items() if key != "tagging_priority"} for rule in policy["retention_rules"]
    ]
    assert azure.run("backup_policy", **POLICY, **again)["changed"] is False


def test_an_enhanced_policy_keeps_every_backup_of_the_day(azure: Driver) -> None:
    azure.vault(**KIND)
    options = {"schedule": {"frequency": "hourly", "interval_hours": 4, "window_hours": 12}, "retention": {"default": "10d"}}
    # At 8, 12, 16 and 20 o'clock.
    assert azure.run("backup_policy", **POLICY, **options)["policy"]["recovery_points_kept"] == 40


def test_a_policy_is_changed_in_place_and_the_rest_of_it_stays(azure: Driver) -> None:
    protected(azure)
    changed = azure.predicted("backup_policy", **POLICY, retention={"weekly": "8w"})["policy"]
    assert (changed["name"], changed["retention"]) == ("vms", {"default": "30d", "weekly": "8w"})
    moved = azure.predicted("backup_policy", **POLICY, schedule={"times": ["23:00"]})["policy"]
    assert (moved["schedule"]["times"], moved["retention"]) == (["23:00"], {"default": "30d", "weekly": "8w"})
    assert azure.run("backup_instance", datasource_id=WEB01, policy_name="vms")["changed"] is False
    enhanced = azure.predicted("backup_policy", **POLICY, policy_type="V2")["policy"]
    assert enhanced["policy_type"] == "V2"
    assert "cannot be changed to V1" in azure.run("backup_policy", **POLICY, policy_type="V1")["msg"]


def test_a_policy_in_use_is_not_deleted_and_names_its_users(azure: Driver) -> None:
    protected(azure)
    result = azure.run("backup_policy", **POLICY, state="absent")
    assert result["failed"]
    assert "web01" in result["msg"]
    azure.run("backup_instance", datasource_id=WEB01, state="stopped")
    assert azure.predicted("backup_policy", **POLICY, state="absent")["policy"] is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"instant_rp_retention_range_in_days": 0}, "instant_rp_retention_range_in_days"),
        ({"instant_rp_retention_range_in_days": 6, "policy_type": "V1"}, "instant_rp_retention_range_in_days"),
        ({"instant_rp_retention_range_in_days": 31, "policy_type": "V2"}, "instant_rp_retention_range_in_days"),
        ({"policy_type": "V1", "schedule": {"frequency": "hourly"}}, "policy_type"),
        ({"schedule": {"frequency": "hourly", "interval_hours": 8, "window_hours": 4}}, "schedule.window_hours"),
        ({"schedule": {"frequency": "hourly", "interval_hours": 5}}, "schedule.interval_hours"),
        ({"schedule": {"frequency": "daily", "window_hours": 12}}, "schedule.window_hours"),
        ({"schedule": {"times": ["01:00", "13:00"]}}, "schedule.times"),
        ({"retention": {"default": "6d"}}, "retention.default"),
        ({"retention": {"weekly": "40d"}}, "retention.weekly"),
        ({"retention": {"operational": "30d"}}, "retention.operational"),
        ({"retention_rules": [{"name": "quarterly", "duration": "1y", "days_of_month": [1]}]}, "retention_rules[0].name"),
        ({"retention_rules": [{"name": "monthly", "duration": "1mo", "schedule_times": ["20:00"]}]}, "a monthly rule"),
        (
            {"retention_rules": [{"name": "monthly", "duration": "1mo", "absolute_criteria": ["FirstOfMonth"]}]},
            "a monthly rule",
        ),
        (
            {"retention_rules": [{"name": "weekly", "duration": "4w", "days_of_month": [1]}]},
            "a weekly rule for a virtual machine selects by days_of_the_week",
        ),
        ({"retention_rules": [{"name": "yearly", "duration": "4y", "months_of_year": ["May"]}]}, "a yearly rule"),
        ({"retention": {"default": "1y"}}, "retention.default"),
        ({"datasource_type": "azure_disk", "policy_type": "V2"}, "policy_type"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_before_any_request(azure: Driver, arguments: Any, named: str) -> None:
    result = azure.run("backup_policy", **{**POLICY, **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


def test_a_weekly_standard_policy_keeps_its_snapshots_for_five_days(azure: Driver) -> None:
    azure.vault(**KIND)
    weekly = {"schedule": {"frequency": "weekly"}, "retention": {"default": "8w"}}
    assert azure.run("backup_policy", check=True, **POLICY, **weekly)["policy"]["instant_rp_retention_range_in_days"] == 5
    assert "for 5 days" in azure.run("backup_policy", **POLICY, **weekly, instant_rp_retention_range_in_days=2)["msg"]


def test_a_weekly_schedule_keeps_weekly_backups(azure: Driver) -> None:
    prepared(azure, retention={"weekly": "8w"})
    weekly = {"schedule": {"frequency": "weekly", "days": ["Monday"]}}
    assert "retention.default" in azure.run("backup_policy", **POLICY, **weekly)["msg"]
    assert "retention.weekly" in azure.run("backup_policy", **POLICY, **weekly, retention={"weekly": "9w"})["msg"]
    rule = {"name": "monthly", "duration": "6mo", "days_of_the_week": ["Friday"], "weeks_of_the_month": ["First"]}
    told = azure.run("backup_policy", **POLICY, **weekly, retention={"default": "4w"}, retention_rules=[rule])["msg"]
    assert "Friday, but the schedule creates none" in told
    changed = azure.predicted("backup_policy", **POLICY, **weekly, retention={"default": "4w"})["policy"]
    assert changed["retention"] == {"default": "4w"}
    new = {"policy_name": "other", "datasource_type": "azure_vm"}
    assert azure.run("backup_policy", **new, **weekly)["policy"]["retention"] == {"default": "12w"}


# -- permissions


def test_nothing_is_to_be_granted(azure: Driver) -> None:
    azure.vault(**KIND)
    result = azure.run("backup_permission", datasource_id=[WEB01, WEB02])
    assert (result["failed"], result["changed"]) == (False, False)
    assert "no role is needed" in result["datasources"][0]["msg"]
    assert azure.writes() == ["PUT demo-vault"]


# -- protection


def test_a_machine_is_protected_as_predicted(azure: Driver) -> None:
    prepared(azure)
    result = instance(azure, policy_name="vms")
    assert result["action"] == "protect"
    assert result["instance"]["id"].startswith(f"{VAULT_ID}/backupFabrics/Azure/protectionContainers/IaasVMContainer;")
    assert (result["instance"]["state"], result["instance"]["datasource_type"]) == ("protection_configured", "azure_vm")
    assert azure.requests("POST", "/refreshContainers") == []
    (found,) = azure.run("backup_instance_info", datasource_id=WEB01)["instances"]
    assert found == result["instance"]


def test_a_new_machine_is_found_by_telling_the_vault_to_look(azure: Driver) -> None:
    prepared(azure)
    (result,) = azure.predicted("backup_instance", datasource_id=WEB02, policy_name="vms")["datasources"]
    assert result["instance"]["friendly_name"] == "web02"
    assert len(azure.requests("POST", "/refreshContainers")) == 1
    assert azure.run("backup_instance", datasource_id=WEB02.lower(), policy_name="vms")["changed"] is False


def test_machine_and_vault_may_lie_in_different_groups(azure: Driver) -> None:
    azure.vault(**KIND, resource_group="demo-snapshots-rg", location="westeurope")
    there = {"resource_group": "demo-snapshots-rg"}
    assert not azure.run("backup_policy", **POLICY, **there)["failed"]
    (result,) = azure.predicted("backup_instance", datasource_id=WEB01, policy_name="vms", **there)["datasources"]
    assert "demo-rg;web01" in result["instance"]["name"]


@pytest.mark.parametrize(
    ("datasource", "told"),
    [
        (machine("far-web01").replace("demo-rg", "far-rg"), "in its own region"),
        (f"/subscriptions/{OTHER_SUBSCRIPTION}/resourceGroups/other-rg/providers/Microsoft.Compute/virtualMachines/other-web01",
         "protects only datasources in its own subscription"),
        (machine("nosuch"), "does not exist"),
    ],
)  # fmt: skip
def test_what_the_vault_cannot_protect_is_refused_before_the_write(azure: Driver, datasource: str, told: str) -> None:
    prepared(azure)
    if "far-web01" in datasource:
        datasource = next(item["id"] for item in azure.azure.compute.machines.values() if item["name"] == "far-web01")
    count = len(azure.writes())
    for check in (True, False):
        result = azure.run("backup_instance", check=check, datasource_id=datasource, policy_name="vms")
        assert result["failed"]
        assert told in result["msg"]
    assert len(azure.writes()) == count


def test_a_machine_of_another_vault_is_refused_naming_the_vault(azure: Driver) -> None:
    protected(azure)
    azure.vault(**KIND, vault_name="other-vault")
    azure.run("backup_policy", **POLICY, vault_name="other-vault")
    result = azure.run("backup_instance", vault_name="other-vault", datasource_id=WEB01, policy_name="vms")
    assert result["failed"]
    assert "already protected by backup instance" in result["msg"]
    assert VAULT_ID in result["msg"]


def test_disks_and_machines_belong_in_vaults_of_their_own(azure: Driver) -> None:
    mixed = azure.run("backup_instance", datasource_id=[WEB01, disk("data01")], policy_name="vms")
    assert "different types of vault" in mixed["msg"]
    wrong = azure.run("backup_instance", vault_id=VAULT_ID, resource_group=None, vault_name=None,
                      datasource_id=disk("data01"), policy_name="vms")  # fmt: skip
    assert "vault_id" in wrong["msg"]
    other = azure.run("backup_instance", vault_type="backup", datasource_id=WEB01, policy_name="vms")
    assert "vault_type" in other["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"include_disk_luns": [0], "exclude_disk_luns": [1]}, "include_disk_luns, exclude_disk_luns"),
        ({"include_disk_luns": [64]}, "64"),
        ({"snapshot_resource_group": "demo-rg"}, "snapshot_resource_group"),
        ({"name": "mine"}, "name"),
        ({"containers_list": ["a1b"]}, "containers_list"),
    ],
)
def test_a_protection_that_cannot_be_is_refused_before_any_request(azure: Driver, arguments: Any, named: str) -> None:
    result = azure.run("backup_instance", datasource_id=WEB01, policy_name="vms", **arguments)
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


def test_disks_are_chosen_by_lun(azure: Driver) -> None:
    prepared(azure)
    result = instance(azure, policy_name="vms", exclude_disk_luns=[1, 0])
    assert result["instance"]["exclude_disk_luns"] == [0, 1]
    changed = instance(azure, policy_name="vms", include_disk_luns=[])
    assert (changed["action"], changed["instance"]["include_disk_luns"]) == ("change_disks", [])
    assert changed["instance"]["exclude_disk_luns"] is None
    kept = azure.run("backup_instance", datasource_id=WEB01, policy_name="vms")
    assert (kept["changed"], kept["datasources"][0]["instance"]["include_disk_luns"]) == (False, [])


def test_another_policy_is_given_to_what_is_protected(azure: Driver) -> None:
    protected(azure)
    azure.run("backup_policy", policy_name="long", datasource_type="azure_vm", retention={"default": "365d"})
    moved = instance(azure, policy_name="long")
    assert (moved["action"], moved["instance"]["policy_name"]) == ("change_policy", "long")


def test_the_whole_ladder_up_and_down(azure: Driver) -> None:
    protected(azure)
    azure.vault(**KIND, immutability_state="Unlocked")
    suspended = instance(azure, state="suspended")
    assert (suspended["action"], suspended["instance"]["state"]) == ("suspend", "backups_suspended")
    assert suspended["instance"]["policy_name"] == "vms"
    assert instance(azure, policy_name="vms")["action"] == "resume"
    stopped = instance(azure, state="stopped")
    assert (stopped["instance"]["state"], stopped["instance"]["policy_id"]) == ("protection_stopped", None)
    assert stopped["msg"] == "protection of 'web01' is stopped; its recovery points are kept"
    assert "has no policy" in azure.run("backup_instance", datasource_id=WEB01, state="suspended")["msg"]
    assert "has no policy" in azure.run("backup_adhoc", datasource_id=WEB01)["msg"]
    assert instance(azure, policy_name="vms")["instance"]["state"] == "protection_configured"


def test_deletion_says_until_when_soft_delete_keeps_it_and_undelete_brings_it_back(azure: Driver) -> None:
    protected(azure)
    azure.run("backup_adhoc", datasource_id=WEB01)
    removed = instance(azure, state="absent")
    (deleted,) = azure.run("backup_instance_info", **KIND, deleted=True)["instances"]
    assert f"kept for 14 days, until {deleted['purge_time'][:10]}" in removed["msg"]
    assert azure.run("backup_instance_info", **KIND)["instances"] == []
    refused = azure.run("backup_instance", datasource_id=WEB01, policy_name="vms")
    assert "undelete: true" in refused["msg"]
    back = instance(azure, policy_name="vms", undelete=True)
    assert (back["action"], back["instance"]["state"]) == ("undelete", "protection_configured")
    assert len(azure.run("backup_recovery_point_info", datasource_id=WEB01)["recovery_points"]) == 1


def test_what_is_deleted_comes_back_stopped_where_nothing_more_is_asked(azure: Driver) -> None:
    protected(azure)
    azure.run("backup_instance", datasource_id=WEB01, state="absent")
    back = instance(azure, state="stopped", undelete=True)
    assert (back["action"], back["instance"]["state"]) == ("undelete", "protection_stopped")


def test_without_soft_delete_data_is_destroyed_only_when_asked(azure: Driver) -> None:
    protected(azure)
    azure.vault(**KIND, soft_delete={"state": "Off"})
    assert "delete_backup_data" in azure.run("backup_instance", datasource_id=WEB01, state="absent")["msg"]
    removed = instance(azure, state="absent", delete_backup_data=True)
    assert "permanently deleted" in removed["msg"]
    assert azure.predicted("backup_policy", **POLICY, state="absent")["policy"] is None
    assert azure.predicted("backup_vault", **KIND, state="absent")["vault"] is None


# -- backups


def test_a_backup_is_followed_through_both_phases(azure: Driver) -> None:
    protected(azure)
    (result,) = azure.run("backup_adhoc", datasource_id=WEB01)["datasources"]
    job = result["job"]
    assert (job["status"], job["operation"], job["datasource_id"]) == ("completed", "backup", WEB01)
    assert job["sub_tasks"] == [
        {"name": "Take Snapshot", "status": "completed"},
        {"name": "Transfer data to vault", "status": "completed"},
    ]
    assert (result["recovery_point"]["tier"], result["recovery_point"]["consistency"]) == ("vault_store", "application")
    (request,) = azure.requests("POST", "/backup")
    asked = request["body"]["properties"]
    assert asked["objectType"] == "IaasVMBackupRequest"
    # Thirty days on, by the service's clock.
    assert asked["recoveryPointExpiryTimeInUTC"].endswith(".000Z")
    assert 29 < (moment(asked["recoveryPointExpiryTimeInUTC"]) - moment(job["start_time"])) / 86400 < 31


def moment(text: str) -> float:
    from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.durations import parse_time

    found = parse_time(text)
    assert found
    return found.timestamp()


def test_the_snapshot_is_enough_for_those_who_say_so(azure: Driver) -> None:
    protected(azure)
    (result,) = azure.run("backup_adhoc", datasource_id=WEB01, wait_for="snapshot", retain_until="90d")["datasources"]
    assert result["job"]["status"] == "in_progress"
    assert "took the snapshot" in result["msg"]
    # The transfer goes on: whoever waits for it joins.
    (joined,) = azure.run("backup_adhoc", datasource_id=WEB01, max_age="1h")["datasources"]
    assert (joined["action"], joined["job"]["id"], joined["job"]["status"]) == ("join", result["job"]["id"], "completed")
    (whole,) = azure.run("backup_adhoc", resource_group=None, vault_name=None, job_id=result["job"]["id"])["datasources"]
    assert (whole["job"]["status"], whole["changed"]) == ("completed", False)
    (by_name,) = azure.run("backup_adhoc", **KIND, job_id=result["job"]["name"])["datasources"]
    assert by_name["job"]["id"] == result["job"]["id"]


# A snapshot takes 456 seconds, the transfer after it 2018.
IN_THE_SNAPSHOT, IN_THE_TRANSFER = 200, 1200


@pytest.mark.parametrize("seconds", [IN_THE_SNAPSHOT, IN_THE_TRANSFER])
@pytest.mark.parametrize("options", [{}, {"max_age": "6h"}])
def test_a_wait_that_ran_out_says_what_joins_the_backup_and_that_does(azure: Driver, seconds: int, options: Any) -> None:
    protected(azure)
    late = azure.run("backup_adhoc", datasource_id=WEB01, wait_timeout=seconds, **options)
    assert late["failed"]
    job = late["datasources"][0]["job"]
    assert f"job_id: {job['id']}, or run the task again before " in late["msg"]
    (joined,) = azure.run("backup_adhoc", datasource_id=WEB01, **options)["datasources"]
    assert (joined["action"], joined["changed"], joined["job"]["id"]) == ("join", False, job["id"])
    assert joined["recovery_point"]["tier"] == "vault_store"
    assert len(azure.requests("POST", "/backup")) == 1


def test_a_wait_that_ran_out_advises_nothing_that_starts_another_backup(azure: Driver) -> None:
    protected(azure)
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 18_000})
    late = azure.run("backup_adhoc", datasource_id=WEB01, wait_timeout=7200)
    assert late["failed"]
    assert "job_id: " in late["msg"]
    assert "run the task again" not in late["msg"]
    # It holds the machine as it was two hours ago.
    assert azure.run("backup_adhoc", check=True, datasource_id=WEB01)["datasources"][0]["action"] == "start"
    again = azure.run("backup_adhoc", datasource_id=WEB01, join_within="3h")
    assert again["datasources"][0]["job"]["id"] == late["datasources"][0]["job"]["id"]


@pytest.mark.parametrize("seconds", [IN_THE_SNAPSHOT, IN_THE_TRANSFER])
@pytest.mark.parametrize("options", [{}, {"max_age": "6h"}])
def test_a_cancelled_wait_is_resumed_by_the_next_run(azure: Driver, seconds: int, options: Any) -> None:
    protected(azure)
    begin = azure.azure.clock.now()

    def end() -> None:
        if (azure.azure.clock.now() - begin).total_seconds() > seconds and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

    sent: list[bool] = []
    azure.on_sleep = end
    cancelled = azure.run("backup_adhoc", datasource_id=WEB01, **options)
    azure.on_sleep = None
    assert cancelled["failed"]
    assert "the task was interrupted" in cancelled["msg"]
    (joined,) = azure.run("backup_adhoc", datasource_id=WEB01, **options)["datasources"]
    assert (joined["action"], joined["job"]["id"]) == ("join", cancelled["datasources"][0]["job"]["id"])
    assert len(azure.requests("POST", "/backup")) == 1


def test_a_fresh_recovery_point_is_enough(azure: Driver) -> None:
    protected(azure)
    azure.run("backup_adhoc", datasource_id=WEB01)
    (result,) = azure.run("backup_adhoc", datasource_id=WEB01, max_age="12h")["datasources"]
    assert (result["action"], result["changed"]) == ("skip", False)
    assert result["recovery_point"]["time"]
    assert len(azure.requests("POST", "/backup")) == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"retain_until": "2020-01-01"}, "retain_until"),
        ({"retain_until": "2h"}, "retain_until"),
        ({"retain_until": "soon"}, "retain_until"),
        ({"retention_tag": "Weekly"}, "retention_tag"),
        ({"rule_name": "BackupDaily"}, "rule_name"),
        ({"datasource_id": disk("data01"), "retain_until": "30d"}, "retain_until"),
    ],
)
def test_a_backup_that_cannot_be_is_refused_before_any_request(azure: Driver, arguments: Any, named: str) -> None:
    result = azure.run("backup_adhoc", **{"datasource_id": WEB01, **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize("plan", [{"kind": "reset_after"}, {"kind": "answer_after", "status": 503}])
def test_a_trigger_whose_answer_is_lost_starts_one_backup(azure: Driver, plan: Any) -> None:
    protected(azure)
    azure.fault(method="POST", path="/backup$", **plan)
    (result,) = azure.run("backup_adhoc", datasource_id=WEB01)["datasources"]
    assert (result["failed"], result["job"]["status"]) == (False, "completed")
    vault = next(iter(azure.azure.recovery_services.vaults.values()))
    assert sum(job["properties"]["operation"] == "Backup" for job in vault.jobs.values()) == 1


def test_a_failed_job_tells_code_title_and_what_to_do(azure: Driver) -> None:
    protected(azure)
    error = {
        "errorCode": 400001,
        "errorTitle": "Snapshot operation failed",
        "errorString": "The agent of the virtual machine does not answer.",
        "recommendations": ["Restart the agent."],
    }
    azure.fault(kind="job", outcome={"status": "Failed", "error": error})
    result = azure.run("backup_adhoc", datasource_id=WEB01)
    (failed,) = result["datasources"]
    assert failed["failed"]
    assert failed["changed"]
    assert "Snapshot operation failed" in failed["msg"]
    assert (failed["error"]["code"], failed["error"]["recommended_action"]) == ("400001", "Restart the agent.")
    (job,) = azure.run("backup_job_info", **KIND, status=["failed"])["jobs"]
    assert job["id"] == failed["job"]["id"]


def test_jobs_are_read_at_most_150_times_an_hour(azure: Driver) -> None:
    protected(azure, WEB01, WEB02)
    before = len(azure.requests("GET", ""))
    begin = azure.azure.clock.now()
    azure.run("backup_adhoc", datasource_id=[WEB01, WEB02], poll_interval=1, wait_timeout=86400)
    hours = (azure.azure.clock.now() - begin).total_seconds() / 3600
    reads = [entry for entry in azure.azure.journal.entries[before:] if "/backupJobs" in entry["path"]]
    assert 0 < len(reads) <= 150 * max(hours, 1)


def test_a_throttled_vault_is_waited_for(azure: Driver) -> None:
    protected(azure)
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=429, times=3,
                body={"error": {"code": "ResourceRequestsThrottled", "message": "Too many requests."}})  # fmt: skip
    (result,) = azure.run("backup_adhoc", datasource_id=WEB01)["datasources"]
    assert result["job"]["status"] == "completed"


# -- information


def test_jobs_and_points_across_vaults_and_subscriptions(azure: Driver) -> None:
    protected(azure)
    azure.run("backup_adhoc", datasource_id=WEB01)
    everywhere = {"resource_group": None, "vault_name": None}
    jobs = azure.run("backup_job_info", **everywhere, operation=["on_demand_backup"], datasource_type="azure_vm")["jobs"]
    assert [job["datasource_id"] for job in jobs] == [WEB01]
    found = azure.run("backup_instance_info", **everywhere, datasource_id=[WEB01])["instances"]
    assert [(item["vault_id"], item["state"]) for item in found] == [(VAULT_ID, "protection_configured")]
    (point,) = azure.run("backup_recovery_point_info", datasource_id=WEB01)["recovery_points"]
    assert point["id"].endswith(f"/recoveryPoints/{point['name']}")
    (job,) = azure.run("backup_job_info", **KIND, job_id=[jobs[0]["name"]], details=True)["jobs"]
    assert len(job["sub_tasks"]) == 2


def test_a_template_is_told_without_a_vault(azure: Driver) -> None:
    found = azure.run("backup_policy_info", resource_group=None, vault_name=None, template=True, datasource_type="azure_vm")
    (policy,) = found["policies"]
    assert (policy["datasource_type"], policy["retention"]) == ("azure_vm", {"default": "30d"})
    assert azure.azure.journal.entries == []


# -- faults that there were once


def the_vault(azure: Driver) -> Any:
    (vault,) = azure.azure.recovery_services.vaults.values()
    return vault


@pytest.mark.parametrize("seconds", [60, 4000])
def test_a_cancelled_backup_is_no_backup(azure: Driver, seconds: int) -> None:
    protected(azure)
    told = {"errorCode": 400158, "errorTitle": "Cancelled", "errorString": "The job was cancelled.", "recommendations": []}
    azure.fault(kind="job", outcome={"status": "CompletedWithWarnings", "seconds": seconds, "error": told})
    result = azure.run("backup_adhoc", datasource_id=WEB01)
    assert result["failed"]
    assert "was cancelled" in result["msg"]
    assert result["datasources"][0]["error"]["code"] == "400158"


def test_other_warnings_of_a_backup_are_passed_on(azure: Driver) -> None:
    protected(azure)
    told = {"errorCode": 400000, "errorTitle": "Agent", "errorString": "The agent is old.", "recommendations": []}
    azure.fault(kind="job", outcome={"status": "CompletedWithWarnings", "error": told})
    result = azure.run("backup_adhoc", datasource_id=WEB01)
    assert not result["failed"]
    assert "The agent is old. (400000)" in str(result["warnings"])


def test_the_history_of_a_vault_is_not_read_to_back_up(azure: Driver) -> None:
    protected(azure, WEB01, WEB02)
    jobs = the_vault(azure).jobs
    example = next(iter(jobs.values()))
    for number in range(300):
        name = f"00000000-0000-4000-8000-{number:012d}"
        jobs[name] = {
            **example,
            "name": name,
            "properties": {**example["properties"], "startTime": "2026-01-01T00:00:00.0000000"},
        }
    azure.azure.configure({"page_size": 10})
    begun = len(azure.azure.journal.entries)
    assert azure.run("backup_adhoc", datasource_id=[WEB01, WEB02])["changed"] is True
    lists = [entry for entry in azure.azure.journal.entries[begun:] if entry["path"].endswith("/backupJobs")]
    assert len(lists) < 120
    assert all("startTime" in entry["query"] or "InProgress" in entry["query"] for entry in lists)


@pytest.mark.parametrize("before", ["present", "absent"])
def test_stopped_twice_with_the_policy_named_is_stopped_once(azure: Driver, before: str) -> None:
    protected(azure)
    if before == "absent":
        azure.run("backup_instance", datasource_id=WEB01, state="absent")
    instance(azure, state="stopped", policy_name="vms", undelete=True)


def test_what_is_stopped_cannot_be_suspended_and_check_mode_knows(azure: Driver) -> None:
    protected(azure)
    azure.vault(**KIND, immutability_state="Unlocked")
    instance(azure, state="stopped")
    for check in (True, False):
        result = azure.run("backup_instance", check=check, datasource_id=WEB01, state="suspended")
        assert result["failed"]
        assert "is stopped and has no policy" in result["msg"]


def test_resuming_a_wait_gives_the_recovery_point_of_that_job(azure: Driver) -> None:
    protected(azure)
    first, _second = (azure.run("backup_adhoc", datasource_id=WEB01)["datasources"][0] for _time in range(2))
    resumed = azure.run("backup_adhoc", **KIND, job_id=first["job"]["name"])["datasources"][0]
    assert resumed["recovery_point"]["name"] == first["recovery_point"]["name"]


def test_excluded_disks_are_included_again_by_an_empty_list(azure: Driver) -> None:
    prepared(azure)
    instance(azure, policy_name="vms", exclude_disk_luns=[1])
    result = instance(azure, policy_name="vms", exclude_disk_luns=[])
    assert result["instance"]["exclude_disk_luns"] is None
    assert azure.run("backup_instance", datasource_id=WEB02, policy_name="vms", exclude_disk_luns=[])["changed"] is True


def test_identities_of_a_vault_have_no_part_in_protecting_machines(azure: Driver) -> None:
    prepared(azure)
    base = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"
    several = {f"{base}{name}": {"clientId": name, "principalId": name} for name in ("a", "b")}
    the_vault(azure).wire["identity"] = {"type": "UserAssigned", "userAssignedIdentities": several}
    assert instance(azure, policy_name="vms")["instance"]["identity_id"] is None


def test_who_may_not_read_operations_waits_for_what_they_do(azure: Driver) -> None:
    protected(azure)
    azure.run("backup_policy", policy_name="long", datasource_type="azure_vm", retention={"default": "365d"})
    azure.fault(kind="answer", method="GET", path="/backupOperations/", status=403, times=50)
    changed = azure.run("backup_instance", datasource_id=WEB01, policy_name="long")
    assert changed["datasources"][0]["instance"]["policy_name"] == "long"
    gone = azure.run("backup_instance", datasource_id=WEB01, state="absent")
    assert not gone["failed"], gone["msg"]
    assert azure.run("backup_instance_info", **KIND)["instances"] == []


def test_jobs_of_machines_that_are_gone_are_told_without_a_list_for_each(azure: Driver) -> None:
    protected(azure)
    jobs = the_vault(azure).jobs
    example = next(iter(jobs.values()))
    for number in range(20):
        name = f"00000000-0000-4000-8000-{number:012d}"
        gone = {**example["properties"], "containerName": f"iaasvmcontainerv2;demo-rg;gone{number % 2}"}
        jobs[name] = {**example, "name": name, "properties": gone}
    begun = len(azure.azure.journal.entries)
    assert len(azure.run("backup_job_info", **KIND)["jobs"]) == 21
    lists = [entry for entry in azure.azure.journal.entries[begun:] if entry["path"].endswith("/backupProtectedItems")]
    assert len(lists) <= 3


def test_one_vault_that_tells_no_jobs_is_left_out_with_a_warning(azure: Driver) -> None:
    protected(azure)
    azure.vault(**KIND, vault_name="other-vault")
    azure.fault(kind="answer", method="GET", path="/other-vault/backupJobs", status=403, times=50)
    result = azure.run("backup_job_info", resource_group=None, vault_name=None)
    assert not result["failed"], result["msg"]
    assert len(result["jobs"]) == 1
    assert "other-vault are omitted" in str(result["warnings"])


def test_after_a_protection_error_nothing_is_looked_for(azure: Driver) -> None:
    protected(azure)
    (item,) = the_vault(azure).items.values()
    item.wire["properties"]["protectionState"] = "ProtectionError"
    assert azure.run("backup_instance", datasource_id=WEB01, policy_name="vms")["changed"] is True
    assert not azure.requests("POST", "/refreshContainers")


def test_a_timeout_names_the_job_and_tells_of_the_change(azure: Driver) -> None:
    prepared(azure)
    result = azure.run("backup_instance", datasource_id=WEB01, policy_name="vms", wait_timeout=12)
    assert result["failed"]
    (job,) = the_vault(azure).jobs
    assert f"job {job} continues in Azure" in result["msg"]
    assert result["changed"] is True


def test_the_suffix_of_a_group_is_changed_alone_where_it_has_a_prefix(azure: Driver) -> None:
    azure.vault(**KIND)
    assert "requires azure_backup_rg_name_prefix" in azure.run("backup_policy", **POLICY, azure_backup_rg_name_suffix="c")["msg"]
    azure.run("backup_policy", **POLICY, azure_backup_rg_name_prefix="a", azure_backup_rg_name_suffix="b")
    changed = azure.predicted("backup_policy", **POLICY, azure_backup_rg_name_suffix="c")["policy"]
    assert (changed["azure_backup_rg_name_prefix"], changed["azure_backup_rg_name_suffix"]) == ("a", "c")


def test_a_window_of_a_whole_day_counts_its_first_backup_once(azure: Driver) -> None:
    azure.vault(**KIND)
    schedule = {"frequency": "hourly", "interval_hours": 4, "window_hours": 24}
    policy = azure.run("backup_policy", **POLICY, schedule=schedule, retention={"default": "30d"})["policy"]
    assert policy["recovery_points_kept"] == 180


def test_a_time_as_yaml_writes_it_is_a_time(azure: Driver) -> None:
    protected(azure)
    end = f"{azure.azure.clock.now() + timedelta(days=90):%Y-%m-%d} 00:00:00+00:00"
    assert azure.run("backup_adhoc", datasource_id=WEB01, retain_until=end)["changed"] is True


# -- what Azure refuses


def test_a_new_vault_is_locked_in_two_steps(azure: Driver) -> None:
    """Azure locks only what is Unlocked (azurerm's source)."""
    made = azure.predicted("backup_vault", **KIND, immutability_state="Locked")["vault"]
    assert made["immutability_state"] == "Locked"
    sent = [
        entry["body"]["properties"]["securitySettings"]["immutabilitySettings"]["state"]
        for entry in azure.azure.journal.writes()
        if "immutabilitySettings" in str(entry.get("body"))
    ]
    assert sent[-2:] == ["Unlocked", "Locked"]


def test_a_suspension_without_immutability_is_refused_before(azure: Driver) -> None:
    protected(azure)
    writes = len(azure.writes())
    result = azure.run("backup_instance", datasource_id=WEB01, state="suspended")
    assert result["failed"]
    assert "immutab" in result["msg"]
    assert len(azure.writes()) == writes


@pytest.mark.parametrize("time", ["02:10", "23:59"])
def test_a_time_that_azure_does_not_take_is_refused_before(azure: Driver, time: str) -> None:
    azure.vault(**KIND)
    writes = len(azure.writes())
    result = azure.run("backup_policy", **POLICY, schedule={"frequency": "daily", "times": [time]})
    assert result["failed"]
    assert "times" in result["msg"]
    assert time in result["msg"]
    assert len(azure.writes()) == writes


@pytest.mark.parametrize("number", [13, 150, 1300])
def test_a_time_without_quotes_is_refused_where_it_may_mean_another(azure: Driver, number: int) -> None:
    azure.vault(**KIND)
    result = azure.run("backup_policy", **POLICY, schedule={"frequency": "daily", "times": [number]})
    assert result["failed"]
    assert f"'{number}' is not a time of day" in result["msg"]


def test_soft_delete_stays_off_when_only_tags_change(azure: Driver) -> None:
    azure.vault(**KIND, soft_delete={"state": "Off"})
    changed = azure.predicted("backup_vault", **KIND, tags={"Owner": "ops"})["vault"]
    assert changed["soft_delete"]["state"] == "Off"


@pytest.mark.parametrize("kind", ["SQLDataBase", "AzureFileShare"])
def test_other_workloads_are_listed_by_their_own_ids_and_keep_the_vault(azure: Driver, kind: str) -> None:
    azure.vault(**KIND, soft_delete={"state": "Off"})
    source = WEB01 if kind == "SQLDataBase" else f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
    azure.azure.recovery_services.plant_workload(VAULT_ID, source, kind, "orders")
    everywhere = {"vault_name": None, "resource_group": None, "subscription_ids": [SUBSCRIPTION]}
    (seen,) = azure.run("backup_instance_info", **everywhere)["instances"]
    assert seen["datasource_id"] is None
    assert seen["id"].startswith(VAULT_ID)
    assert "/protectedItems/" in seen["id"]
    # A machine that holds a protected database is not protected itself.
    assert azure.run("backup_instance_info", **everywhere, datasource_id=[WEB01])["instances"] == []
    refused = azure.run("backup_vault", **KIND, state="absent")
    assert refused["failed"]
    assert azure.run("backup_vault_info", **KIND)["vaults"] != []


def test_a_new_vault_whose_operation_is_not_found_is_there(azure: Driver) -> None:
    """With a user-assigned identity Azure may answer 404 for the status of the operation (F9)."""
    azure.fault(kind="answer", method="GET", path="/operation(Status|Results)/", status=404, times=20)
    identity = {"type": "UserAssigned", "user_assigned_identities": [IDENTITY]}
    result = azure.run("backup_vault", **KIND, identity=identity)
    assert not result["failed"], result["msg"]
    assert (result["changed"], result["vault"]["provisioning_state"]) == (True, "Succeeded")
    azure.azure.faults.clear()
    assert azure.run("backup_vault", **KIND, identity=identity)["changed"] is False


def test_many_machines_share_the_lists_that_they_look_at(azure: Driver) -> None:
    """A vault answers 150 reads of jobs an hour; each machine by itself would ask for more than that."""
    azure.foresees = False
    azure.vault(**KIND)
    azure.run("backup_policy", **POLICY)
    names = [f"many{number:02}" for number in range(40)]
    machines = [azure.azure.compute.add_machine(SUBSCRIPTION, "demo-rg", name, "westeurope", is_new=True) for name in names]
    before = len(azure.azure.journal.entries)
    result = azure.run("backup_instance", **KIND, policy_name=POLICY["policy_name"], datasource_id=machines)
    assert not result["failed"], result["msg"]
    asked = azure.azure.journal.entries[before:]
    assert [entry for entry in asked if entry["status"] == 429] == []

    def lists_of(name: str) -> int:
        return len([entry for entry in asked if entry["method"] == "GET" and entry["path"].endswith(f"/{name}")])

    # By itself each machine would read two lists of what can be protected and two of what is.
    assert lists_of("backupProtectableItems") < len(names)
    assert lists_of("backupProtectedItems") < 2 * len(names)
    assert len([entry for entry in asked if "/backupJobs" in entry["path"]]) < 150
