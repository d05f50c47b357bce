# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_policy, through the real SDKs against the loopback Azure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import Driver, disk

POLICY = {"policy_name": "disks", "datasource_type": "azure_disk"}
DAILY = {"frequency": "daily", "times": ["02:30", "14:30"], "time_zone": "UTC"}


def test_nothing_said_is_azures_own_default(azure: Driver) -> None:
    azure.vault()
    policy = azure.predicted("backup_policy", **POLICY)["policy"]
    assert policy["schedule"] == {"frequency": "hourly", "interval_hours": 4, "times": ["13:00"], "time_zone": "UTC"}
    assert policy["retention"] == {"default": "7d"}
    assert policy["backup_rules"] == ["BackupHourly"]


def test_the_wire_is_the_recorded_default(azure: Driver) -> None:
    azure.vault()
    azure.policy()
    (request,) = azure.requests("PUT", "/backupPolicies/disks")
    rules = request["body"]["properties"]["policyRules"]
    assert rules[0]["trigger"]["schedule"] == {"repeatingTimeIntervals": ["R/2020-04-05T13:00:00+00:00/PT4H"]}
    assert rules[1]["lifecycles"][0]["deleteAfter"] == {"duration": "P7D", "objectType": "AbsoluteDeleteOption"}


@pytest.mark.parametrize(
    ("schedule", "retention"),
    [
        ({"frequency": "hourly", "interval_hours": 12, "times": ["01:15"]}, {"default": "30d"}),
        ({"interval_hours": 1}, {"default": "P2D", "daily": "4w", "weekly": "6mo"}),
        ({"frequency": "daily", "times": ["23:59"]}, {"default": "1y"}),
        (DAILY, {"weekly": "P12W"}),
        ({"frequency": "daily", "times": ["02:00"], "time_zone": "India Standard Time"}, None),
        ({"frequency": "daily", "time_zone": "aus eastern standard time"}, None),
    ],
)
def test_a_policy_reads_back_as_it_was_written(azure: Driver, schedule: Any, retention: Any) -> None:
    azure.vault()
    policy = azure.predicted("backup_policy", **POLICY, schedule=schedule, retention=retention)["policy"]
    assert policy["is_fully_described"]
    for key, value in schedule.items():
        assert str(policy["schedule"][key]).lower() == str(value).lower()


def test_a_zoned_time_carries_the_standard_offset(azure: Driver) -> None:
    azure.vault()
    azure.policy(schedule={"frequency": "daily", "times": ["02:00"], "time_zone": "India Standard Time"})
    (request,) = azure.requests("PUT", "/backupPolicies/disks")
    schedule = request["body"]["properties"]["policyRules"][0]["trigger"]["schedule"]
    assert schedule == {"repeatingTimeIntervals": ["R/2020-01-05T02:00:00+05:30/P1D"], "timeZone": "India Standard Time"}


def test_only_what_is_set_is_compared(azure: Driver) -> None:
    azure.vault()
    azure.policy(schedule=DAILY, retention={"default": "30d", "weekly": "12w"})
    for same in (
        {},
        {"retention": {"default": "P30D"}},
        {"retention": {"weekly": "84d"}},
        {"schedule": {"frequency": "daily"}},
        {"schedule": {"times": ["14:30", "2:30"]}},
        {"schedule": {"time_zone": "Coordinated Universal Time"}},
    ):
        result = azure.run("backup_policy", **POLICY, **same)
        assert (result["failed"], result["changed"]) == (False, False), same


def test_intervals_that_fall_on_the_same_hours_are_alike(azure: Driver) -> None:
    azure.vault()
    azure.policy(schedule={"interval_hours": 4, "times": ["13:00"]})
    assert azure.run("backup_policy", **POLICY, schedule={"interval_hours": 4, "times": ["01:00"]})["changed"] is False
    assert azure.run("backup_policy", **POLICY, schedule={"interval_hours": 4, "times": ["02:00"]})["failed"]


@pytest.mark.parametrize("check", [True, False])
def test_a_difference_fails_with_the_difference_and_changes_nothing(azure: Driver, check: bool) -> None:
    azure.vault()
    azure.policy()
    writes = len(azure.writes())
    result = azure.run("backup_policy", check=check, **POLICY, retention={"default": "30d"})
    assert result["failed"]
    assert "on_change" in result["msg"]
    assert result["diff"]["before"]["retention"] == {"default": "7d"}
    assert result["diff"]["after"]["retention"] == {"default": "30d"}
    assert len(azure.writes()) == writes


def test_a_new_version_takes_over_the_instances(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    change = {**POLICY, "retention": {"default": "30d"}, "on_change": "new_version"}
    result = azure.predicted("backup_policy", **change)
    assert result["policy"]["name"] == "disks-v2"
    assert result["policy"]["schedule"]["interval_hours"] == 4
    assert result["replaced_policies"] == ["disks"]
    assert len(result["repointed_instances"]) == 1
    names = [policy["name"] for policy in next(iter(azure.azure.data_protection.vaults.values())).policies.values()]
    assert names == ["disks-v2"]
    # The name goes on meaning the newest version.
    instance = azure.run("backup_instance", datasource_id=protected, policy_name="disks")
    assert (instance["changed"], instance["datasources"][0]["instance"]["policy_name"]) == (False, "disks-v2")
    third = azure.predicted("backup_policy", **{**change, "retention": {"default": "60d"}})
    assert third["policy"]["name"] == "disks-v3"


def test_an_interrupted_new_version_is_finished_by_the_next_run(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    change = {**POLICY, "retention": {"default": "30d"}, "on_change": "new_version"}
    azure.fault(kind="answer", method="PUT", path="/backupInstances/", status=400)
    assert azure.run("backup_policy", **change)["failed"]
    result = azure.run("backup_policy", **change)
    assert not result["failed"]
    assert result["repointed_instances"]
    instance = azure.run("backup_instance", datasource_id=protected, policy_name="disks")["datasources"][0]["instance"]
    assert instance["policy_name"] == "disks-v2"
    names = [policy["name"] for policy in next(iter(azure.azure.data_protection.vaults.values())).policies.values()]
    assert names == ["disks-v2"]


def test_a_policy_is_removed_as_predicted_and_only_once(azure: Driver) -> None:
    azure.vault()
    azure.policy()
    assert azure.predicted("backup_policy", policy_name="disks", state="absent")["policy"] is None


@pytest.mark.parametrize("check", [True, False])
def test_a_policy_in_use_is_not_removed_and_its_users_are_named(azure: Driver, check: bool) -> None:
    azure.protected("data01")
    result = azure.run("backup_policy", check=check, policy_name="disks", state="absent")
    assert result["failed"]
    assert "data01" in result["msg"]
    assert azure.requests("DELETE", "disks") == []


def test_a_missing_vault_is_an_error_and_in_check_mode_a_warning(azure: Driver) -> None:
    result = azure.run("backup_policy", **POLICY)
    assert result["failed"]
    assert "demo-vault" in result["msg"]
    assert azure.writes() == []
    prediction = azure.run("backup_policy", check=True, **POLICY)
    assert (prediction["failed"], prediction["changed"]) == (False, True)
    assert "demo-vault" in str(prediction["warnings"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"datasource_type": "azure_toaster"}, "datasource_type"),
        ({"datasource_type": None}, "datasource_type"),
        ({"schedule": {"interval_hours": 3}}, "schedule.interval_hours"),
        ({"schedule": {"interval_hours": 24}}, "schedule.interval_hours"),
        ({"schedule": {"frequency": "weekly", "days": ["Sunday"]}}, "schedule.frequency"),
        ({"schedule": {"frequency": "daily", "interval_hours": 4}}, "schedule.interval_hours"),
        ({"schedule": {"frequency": "daily", "days": ["Sunday"]}}, "schedule.days"),
        ({"schedule": {"days": ["Someday"]}}, "schedule.days"),
        ({"schedule": {"times": ["25:00"]}}, "schedule.times"),
        ({"schedule": {"times": []}}, "schedule.times"),
        ({"schedule": {"interval_hours": 4, "times": ["01:00", "02:00"]}}, "schedule.times"),
        ({"schedule": {"time_zone": "Middle Earth"}}, "schedule.time_zone"),
        ({"retention": {"default": "a while"}}, "retention.default"),
        ({"retention": {"default": "0d"}}, "retention.default"),
        ({"retention": {"default": "12h"}}, "retention.default"),
        ({"retention": {"weekly": "2y"}}, "retention.weekly"),
    ],
)
def test_bad_input_names_the_option_before_any_request(azure: Driver, arguments: dict, named: str) -> None:
    result = azure.run("backup_policy", **{**POLICY, **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


def test_all_mistakes_are_told_at_once(azure: Driver) -> None:
    result = azure.run(
        "backup_policy", **POLICY, schedule={"interval_hours": 5, "time_zone": "Mars"}, retention={"default": "none"}
    )
    for option in ("schedule.interval_hours", "schedule.time_zone", "retention.default"):
        assert option in result["msg"]


def test_yamls_base_60_times_are_understood(azure: Driver) -> None:
    azure.vault()
    assert azure.policy(schedule={"frequency": "daily", "times": [780]})["policy"]["schedule"]["times"] == ["13:00"]


def test_a_policy_for_something_else_is_told_as_it_is(azure: Driver) -> None:
    azure.vault()
    vault = next(iter(azure.azure.data_protection.vaults.values()))
    rule = {"objectType": "AzureBackupRule", "name": "BackupWeekly", "trigger": {}}
    vault.policies["foreign"] = {
        "id": f"{vault.id}/backupPolicies/foreign",
        "name": "foreign",
        "properties": {"datasourceTypes": ["Microsoft.DBforPostgreSQL/flexibleServers"], "policyRules": [rule]},
    }
    result = azure.run("backup_policy", policy_name="foreign", datasource_type="azure_disk")
    assert result["failed"]
    assert "datasource_type" in result["msg"]
    refused = azure.run("backup_instance", policy_name="foreign", datasource_id=disk("data01"))
    assert "policy_name" in refused["msg"]
    assert azure.writes() == ["PUT demo-vault"]


@pytest.mark.parametrize("kind", ["answer_after", "reset_after"])
def test_a_policy_made_behind_a_broken_answer_is_found_and_not_put_again(azure: Driver, kind: str) -> None:
    azure.vault()
    azure.fault(kind=kind, method="PUT", path="/backupPolicies/", status=502)
    assert azure.policy()["changed"]
    assert len(azure.requests("PUT", "/backupPolicies/disks")) == 1


def test_what_is_stopped_keeps_its_version(azure: Driver) -> None:
    ids = azure.protected("data01", "data02")
    azure.run("backup_instance", datasource_id=ids[0], state="stopped")
    change = {**POLICY, "retention": {"default": "30d"}, "on_change": "new_version"}
    result = azure.predicted("backup_policy", **change)
    assert (len(result["repointed_instances"]), result["replaced_policies"]) == (1, [])
    stopped = azure.run("backup_instance", datasource_id=ids[0], state="stopped")["datasources"][0]
    assert (stopped["changed"], stopped["instance"]["policy_name"]) == (False, "disks")


@pytest.mark.parametrize(
    ("schedule", "retention", "kept"),
    [
        (None, None, 42),
        ({"interval_hours": 1}, {"default": "30d"}, 720),
        ({"frequency": "daily"}, {"default": "7d"}, 7),
        # Six a day: one of them is kept for 30 days, five for a week.
        (None, {"daily": "30d"}, 65),
        # One a week is kept for 70 days, six a week for 30, and the 35 others for 7.
        (None, {"daily": "30d", "weekly": "70d"}, 71),
        ({"frequency": "daily", "times": ["02:00", "14:00"]}, {"default": "10d", "weekly": "365d"}, 71),
    ],
)
def test_how_many_recovery_points_a_policy_keeps_is_told(azure: Driver, schedule: Any, retention: Any, kept: int) -> None:
    azure.vault()
    result = azure.run("backup_policy", check=True, **POLICY, schedule=schedule, retention=retention)
    assert result["policy"]["recovery_points_kept"] == kept
    assert (f"would keep {kept} recovery" in str(result.get("warnings"))) is (kept > 450)
    azure.policy(schedule=schedule, retention=retention)
    assert azure.run("backup_policy_info")["policies"][0]["recovery_points_kept"] == kept


RULES = [
    {
        "name": "Quarter",
        "duration": "7y",
        "weeks_of_the_month": ["last"],
        "days_of_the_week": ["sunday"],
        "months_of_year": ["june"],
    },
    {"name": "Monthly", "duration": "1y", "days_of_month": [15, 1, "Last"], "schedule_times": ["2:30"]},
    {"name": "All", "duration": "P30D", "absolute_criteria": ["AllBackup"], "tagging_priority": 50},
]
BLOBS = {"policy_name": "blobs", "datasource_type": "azure_blob"}


def test_retention_rules_read_back_as_they_were_written(azure: Driver) -> None:
    azure.vault()
    wanted = {"schedule": {"frequency": "daily", "times": ["02:30"]}, "retention": {"default": "7d"}, "retention_rules": RULES}
    policy = azure.predicted("backup_policy", **BLOBS, **wanted)["policy"]
    assert policy["retention_rules"] == [
        {
            "name": "Quarter",
            "duration": "7y",
            "tagging_priority": 1,
            "days_of_the_week": ["Sunday"],
            "weeks_of_the_month": ["Last"],
            "months_of_year": ["June"],
        },
        {
            "name": "Monthly",
            "duration": "1y",
            "tagging_priority": 2,
            "days_of_month": ["1", "15", "last"],
            "schedule_times": ["02:30"],
        },
        {"name": "All", "duration": "30d", "tagging_priority": 50, "absolute_criteria": ["AllBackup"]},
    ]
    assert policy["is_fully_described"]
    assert policy["retention_tags"] == ["Default", "Quarter", "Monthly", "All"]
    (request,) = azure.requests("PUT", "/backupPolicies/blobs")
    criteria = request["body"]["properties"]["policyRules"][0]["trigger"]["taggingCriteria"]
    assert [item["taggingPriority"] for item in criteria] == [1, 2, 50, 99]
    assert criteria[1]["criteria"] == [
        {
            "objectType": "ScheduleBasedBackupCriteria",
            "daysOfMonth": [{"date": 1, "isLast": False}, {"date": 15, "isLast": False}, {"isLast": True}],
            "scheduleTimes": ["2020-04-05T02:30:00+00:00"],
        }
    ]
    for same in ({}, {"retention_rules": [RULES[2], *RULES[:2]]}, {"retention": {"default": "1w"}}):
        assert azure.run("backup_policy", **BLOBS, **same)["changed"] is False, same
    # Of the two without a priority the first one wins, so their order counts.
    for other in ([], RULES[:2], [*RULES[1:], RULES[0]], [{**RULES[0], "duration": "6y"}, *RULES[1:]]):
        assert "retention_rules" in azure.run("backup_policy", **BLOBS, retention_rules=other)["msg"]


def test_rules_become_others_by_a_new_version_and_stay_where_nothing_is_said(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_policy", **BLOBS, retention={"default": "7d", "weekly": "8w"}, retention_rules=RULES[:1])
    change = {"on_change": "new_version", "retention": {"default": "14d"}}
    second = azure.run("backup_policy", **BLOBS, **change)["policy"]
    assert (second["name"], second["retention"]) == ("blobs-v2", {"default": "14d", "weekly": "8w"})
    assert [rule["name"] for rule in second["retention_rules"]] == ["Quarter"]
    weekly = {"name": "weekly", "duration": "9w", "days_of_the_week": ["Monday"]}
    third = azure.run("backup_policy", **BLOBS, on_change="new_version", retention_rules=[weekly])["policy"]
    assert (third["retention"], third["retention_rules"][0]["name"]) == ({"default": "14d"}, "weekly")


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ([{"name": "a", "duration": "1y"}], "retention_rules[0]: it selects no recovery points"),
        ([{"name": "a", "duration": "1h", "days_of_month": [1]}], "retention_rules[0].duration"),
        ([{"name": "a", "duration": "20y", "days_of_month": [1]}], "retention_rules[0].duration"),
        ([{"name": "a", "duration": "1y", "days_of_month": [31]}], "retention_rules[0].days_of_month"),
        ([{"name": "a", "duration": "1y", "months_of_year": ["Brumaire"]}], "retention_rules[0].months_of_year"),
        ([{"name": "a", "duration": "1y", "schedule_times": ["26:00"]}], "retention_rules[0].schedule_times"),
        ([{"name": "a", "duration": "1y", "days_of_month": [1], "days_of_the_week": ["Monday"]}], "days_of_the_week"),
        ([{"name": "Default", "duration": "1y", "days_of_month": [1]}], "retention_rules[0].name"),
        ([{"name": "weekly", "duration": "1y", "days_of_month": [1]}], "retention_rules[0].name"),
        ([{"name": "a", "duration": "1y", "days_of_month": [1], "tagging_priority": 99}], "tagging_priority"),
        ([{"name": name, "duration": "1y", "days_of_month": [1], "tagging_priority": 3} for name in "ab"], "tagging_priority"),
        ([{"name": name, "duration": "1y", "days_of_month": [1]} for name in "abcdefghij"], "tagging_priority"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_before_any_request(azure: Driver, rules: Any, named: str) -> None:
    result = azure.run("backup_policy", **BLOBS, retention={"weekly": "4w"}, retention_rules=rules)
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"retention_rules": RULES}, "retention_rules"),
        ({"retention": {"monthly": "1mo"}}, "retention.monthly"),
        ({"retention": {"operational": "30d"}}, "retention.operational"),
    ],
)
def test_disks_take_less_than_blobs(azure: Driver, arguments: Any, named: str) -> None:
    assert named in azure.run("backup_policy", **POLICY, **arguments)["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"retention": {"default": "7d"}}, 7),
        ({"schedule": {"frequency": "weekly"}, "retention": {"default": "12w"}}, 12),
        # Seven of the last week, and the first of each month for a year.
        ({"retention": {"default": "7d", "monthly": "365d"}}, 19),
        # Four Sundays of the quarter's ends a year, for five years.
        (
            {
                "schedule": {"frequency": "weekly"},
                "retention": {"default": "1w"},
                "retention_rules": [{**RULES[0], "duration": "5y", "months_of_year": ["March", "June", "September", "December"]}],
            },
            21,
        ),
        ({"retention": {"operational": "30d"}}, None),
        ({"retention": {"default": "10y", "yearly": "10y"}}, 3650),
    ],
)
def test_other_criteria_are_counted_too(azure: Driver, options: Any, kept: int | None) -> None:
    azure.vault()
    assert azure.run("backup_policy", check=True, **BLOBS, **options)["policy"]["recovery_points_kept"] == kept


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"retention_rules": [{**RULES[1], "schedule_times": ["05:00"]}]}, "retention_rules[0].schedule_times: 05:00"),
        (
            {"retention": {"yearly": "1y"}, "retention_rules": [{**RULES[2], "tagging_priority": 10}]},
            "already used by retention.yearly",
        ),
    ],
)
def test_rules_have_to_suit_the_rest_of_the_policy(azure: Driver, options: Any, named: str) -> None:
    azure.vault()
    result = azure.run("backup_policy", check=True, **BLOBS, schedule={"frequency": "daily", "times": ["02:30"]}, **options)
    assert result["failed"]
    assert named in result["msg"]


def put_behind_our_back(azure: Driver, schedule: Any, criteria: Any, duration: str = "P7D", **more: Any) -> dict:
    """Put a policy for disks into the vault as another client may have left it there, and read it."""
    vault = next(iter(azure.azure.data_protection.vaults.values()))
    rules: list[Any] = [
        {
            "objectType": "AzureBackupRule",
            "name": "BackupDaily",
            "backupParameters": {"backupType": "Incremental", "objectType": "AzureBackupParams"},
            "dataStore": {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"},
            "trigger": {"objectType": "ScheduleBasedTriggerContext", "schedule": schedule, "taggingCriteria": criteria},
        },
        {
            "objectType": "AzureRetentionRule",
            "name": "Default",
            "isDefault": True,
            "lifecycles": [
                {
                    "deleteAfter": {"duration": duration, "objectType": "AbsoluteDeleteOption"},
                    "sourceDataStore": {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"},
                }
            ],
        },
        *more.get("rules", []),
    ]
    vault.policies["theirs"] = {
        "id": f"{vault.id}/backupPolicies/theirs",
        "name": "theirs",
        "properties": {"datasourceTypes": ["Microsoft.Compute/disks"], "objectType": "BackupPolicy", "policyRules": rules},
    }
    (policy,) = azure.run("backup_policy_info", policy_name="theirs")["policies"]
    return policy


DEFAULT_TAG = {"isDefault": True, "tagInfo": {"id": "Default_", "tagName": "Default"}, "taggingPriority": 99, "criteria": None}


@pytest.mark.parametrize(
    ("schedule", "read"),
    [
        # azurerm writes the offset of the caller and no zone.
        ({"repeatingTimeIntervals": ["R/2022-07-01T21:00:00-05:00/P1D"]}, {"times": ["02:00"], "time_zone": "UTC"}),
        (
            {"repeatingTimeIntervals": ["R/2022-07-03T21:00:00-05:00/P1W"]},
            {"times": ["02:00"], "days": ["Monday"], "time_zone": "UTC"},
        ),
        (
            {"repeatingTimeIntervals": ["R/2022-07-01T21:00:00+02:00/P1D"], "timeZone": "W. Europe Standard Time"},
            {"times": ["21:00"], "time_zone": "W. Europe Standard Time"},
        ),
        # Monday at two and Sunday at fourteen: not each time on each day.
        ({"repeatingTimeIntervals": ["R/2024-01-01T02:00:00+00:00/P1W", "R/2024-01-07T14:00:00+00:00/P1W"]}, None),
    ],
)
def test_the_schedules_of_others_are_read_for_what_they_do(azure: Driver, schedule: Any, read: Any) -> None:
    azure.vault()
    policy = put_behind_our_back(azure, schedule, [DEFAULT_TAG])
    assert policy["is_fully_described"] is (read is not None)
    assert (policy["schedule"] is None) is (read is None)
    assert read is None or policy["schedule"] == {**policy["schedule"], **read}


# azurerm's own examples: the offset is not that of the zone, so that nobody can tell the hour.
DOUBTFUL = [
    (["R/2021-05-19T06:33:16+00:00/PT4H"], {"frequency": "hourly", "interval_hours": 4, "times": None}),
    (["R/2022-07-01T02:30:00+00:00/P1D"], {"frequency": "daily", "times": None}),
    (["R/2022-07-03T02:30:00+00:00/P1W"], {"frequency": "weekly", "times": None, "days": None}),
]


@pytest.mark.parametrize(("intervals", "read"), DOUBTFUL)
def test_what_is_certain_of_a_schedule_is_told_although_its_hour_is_not(azure: Driver, intervals: Any, read: Any) -> None:
    azure.vault()
    policy = put_behind_our_back(
        azure, {"repeatingTimeIntervals": intervals, "timeZone": "W. Europe Standard Time"}, [DEFAULT_TAG]
    )
    assert policy["schedule"] == {**read, "time_zone": "W. Europe Standard Time"}
    assert (policy["is_fully_described"], policy["recovery_points_kept"]) == (False, None)
    kind = {"policy_name": policy["name"], "datasource_type": policy["datasource_type"]}
    same = {name: value for name, value in read.items() if value is not None}
    if policy["datasource_type"] == "azure_blob" or read["frequency"] != "weekly":
        again = azure.run("backup_policy", schedule=same, **kind)
        assert (again["failed"], again["changed"]) == (False, False), again.get("msg")
        refused = azure.run("backup_policy", schedule={"times": ["02:00"]}, on_change="new_version", **kind)
        assert "the time of day (its UTC offset contradicts its time zone)" in refused["msg"]


SCHEDULE = {"repeatingTimeIntervals": ["R/2020-04-05T02:30:00+00:00/P1D"], "timeZone": "UTC"}
ODD_TAG = {"isDefault": False, "tagInfo": {"tagName": "Odd"}, "taggingPriority": 5}
ODD_RULE = {"objectType": "AzureRetentionRule", "name": "Odd", "lifecycles": [{"deleteAfter": {"duration": "P1Y"}}]}


@pytest.mark.parametrize(
    "odd",
    [
        {"criteria": {"tagInfo": {"tagName": "Default"}}},
        {"criteria": [DEFAULT_TAG, {**ODD_TAG, "criteria": [{"daysOfMonth": [{}]}]}], "rules": [ODD_RULE]},
        {"criteria": [DEFAULT_TAG, ODD_TAG], "rules": [ODD_RULE]},
        {"criteria": [None, DEFAULT_TAG], "rules": [None, {"objectType": "AzureRetentionRule"}]},
        {"criteria": [DEFAULT_TAG], "duration": "P9999Y"},
        {"criteria": [DEFAULT_TAG], "duration": "for ever"},
    ],
)
def test_an_odd_policy_is_shown_and_leaves_the_others_of_its_vault_alone(azure: Driver, odd: dict) -> None:
    azure.vault()
    azure.policy()
    policy = put_behind_our_back(azure, SCHEDULE, **odd)
    assert policy["recovery_points_kept"] is None or not odd.get("rules")
    assert azure.run("backup_policy", **POLICY)["changed"] is False
    told = azure.run("backup_policy", policy_name="theirs", datasource_type="azure_disk", retention={"default": "9d"})
    assert told["failed"]
    assert "policy 'theirs' differs" in told["msg"]


def test_a_policy_for_something_else_is_not_deleted(azure: Driver) -> None:
    azure.vault()
    azure.policy()
    result = azure.run("backup_policy", policy_name="disks", datasource_type="azure_blob", state="absent")
    assert result["msg"].startswith("datasource_type: policy 'disks' is for azure_disk")
    assert azure.requests("DELETE", "/disks") == []


@pytest.mark.parametrize("name", ["a", "has space", "x" * 151, "dots.in.it"])
def test_a_name_that_no_new_policy_can_have_is_refused_before(azure: Driver, name: str) -> None:
    azure.vault()
    writes = len(azure.writes())
    result = azure.run("backup_policy", policy_name=name, datasource_type="azure_disk")
    assert result["failed"]
    assert "policy_name" in result["msg"]
    assert len(azure.writes()) == writes


def test_check_mode_previews_what_a_policy_would_do(azure: Driver) -> None:
    azure.vault()
    azure.azure.clock.freeze()
    plan = {"policy_name": "disks", "datasource_type": "azure_disk"}
    schedule = {"frequency": "daily", "times": ["22:30"], "time_zone": "W. Europe Standard Time"}
    new = azure.run("backup_policy", check=True, **plan, schedule=schedule, retention={"default": "30d"})["preview"]
    local = azure.azure.clock.now() + timedelta(hours=1)
    first = local.replace(hour=22, minute=30)
    first += timedelta(days=0 if first > local else 1)
    assert new["next_runs"][:2] == [f"{first:%Y-%m-%dT%H:%M}", f"{first + timedelta(days=1):%Y-%m-%dT%H:%M}"]
    assert new["time_zone"] == "W. Europe Standard Time"
    assert new["recovery_points_kept"] == {"before": None, "after": 30}
    assert (new["datasources"], new["gains"], new["loses"]) == (0, [], [])
    azure.protected("data01", "data02")
    change = {"schedule": {"frequency": "daily", "times": ["13:00"]}, "retention": {"default": "14d", "weekly": "12w"}}
    changed = azure.run("backup_policy", check=True, **plan, **change, on_change="new_version")
    preview = changed["preview"]
    assert preview["datasources"] == 2
    assert preview["backups_a_week"] == {"before": 42, "after": 7}
    assert preview["gains"] == ["retention.default: P7D becomes P14D", "retention.weekly: none becomes P12W"]
    assert preview["loses"] == ["backups a week: 42 become 7"]
    assert "preview" not in azure.run("backup_policy", **plan, **change, on_change="new_version")
    assert "preview" not in azure.run("backup_policy", check=True, **plan, **change, on_change="new_version")


def test_a_change_in_place_is_previewed(azure: Driver) -> None:
    place = {"vault_name": "demo-rsv", "vault_type": "recovery_services"}
    azure.run("backup_vault", **place)
    plan = {"policy_name": "machines", "datasource_type": "azure_vm", **place}
    azure.run("backup_policy", **plan, retention={"default": "30d", "weekly": "8w"})
    machine = next(iter(azure.azure.compute.machines.values()))["id"]
    azure.run("backup_instance", policy_name="machines", datasource_id=machine, **place)
    weekly = {"frequency": "weekly", "days": ["Sunday", "Wednesday"], "times": ["03:30"]}
    preview = azure.run("backup_policy", check=True, **plan, schedule=weekly, retention={"default": "8w"})["preview"]
    assert preview["datasources"] == 1
    assert {datetime.fromisoformat(moment).strftime("%a %H:%M") for moment in preview["next_runs"]} <= {"Sun 03:30", "Wed 03:30"}
    assert preview["loses"] == ["retention.weekly: P8W becomes none", "backups a week: 7 become 2"]
