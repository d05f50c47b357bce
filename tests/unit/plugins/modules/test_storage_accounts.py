# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blobs of storage accounts: continuous backup, scheduled backup of containers, and both."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import GROUP, Driver, preparation

ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
EMPTY = ACCOUNT.replace("demoaccount", "emptyaccount")
POLICY = {"policy_name": "blobs", "datasource_type": "azure_blob"}
SCHEDULED = {"retention": {"default": "7d"}}
CONTINUOUS = {"retention": {"operational": "30d"}}


@preparation
def prepared(azure: Driver, **policy: Any) -> None:
    azure.vault()
    assert not azure.run("backup_policy", **POLICY, **policy)["failed"]
    assert not azure.run("backup_permission", datasource_id=ACCOUNT)["failed"]


def names_of_rules(policy: dict) -> list[tuple[str, str]]:
    return [
        (rule["name"], (rule.get("lifecycles") or [{}])[0].get("sourceDataStore", rule.get("dataStore"))["dataStoreType"])
        for rule in policy["properties"]["policyRules"]
    ]


@pytest.mark.parametrize(
    ("options", "rules", "retention"),
    [
        (
            {},
            [("BackupDaily", "VaultStore"), ("Default", "VaultStore"), ("Default_OperationalStore", "OperationalStore")],
            {"default": "7d", "operational": "30d"},
        ),
        (CONTINUOUS, [("Default", "OperationalStore")], {"operational": "30d"}),
        (SCHEDULED, [("BackupDaily", "VaultStore"), ("Default", "VaultStore")], {"default": "7d"}),
        (
            {"schedule": {"days": ["sunday"], "times": ["3:00"]}},
            [("BackupWeekly", "VaultStore"), ("Default", "VaultStore")],
            {"default": "7d"},
        ),
        (
            {"schedule": {"frequency": "weekly"}, "retention": {"operational": "60d", "monthly": "1y"}},
            [
                ("BackupWeekly", "VaultStore"),
                ("Default", "VaultStore"),
                ("Monthly", "VaultStore"),
                ("Default_OperationalStore", "OperationalStore"),
            ],
            {"default": "7d", "monthly": "1y", "operational": "60d"},
        ),
    ],
)
def test_a_policy_has_the_kinds_of_backup_that_are_spoken_of(azure: Driver, options: Any, rules: Any, retention: Any) -> None:
    azure.vault()
    policy = azure.predicted("backup_policy", **POLICY, **options)["policy"]
    assert names_of_rules(policy) == rules
    assert policy["retention"] == retention
    assert policy["is_fully_described"]
    assert (policy["schedule"] is None) is ("default" not in retention)


def test_a_new_version_gets_the_other_kind_of_backup_as_well(azure: Driver) -> None:
    prepared(azure, **CONTINUOUS)
    change = {"retention": {"weekly": "4w"}, "on_change": "new_version"}
    assert "retention.weekly" in azure.run("backup_policy", **POLICY, retention={"weekly": "4w"})["msg"]
    result = azure.predicted("backup_policy", **POLICY, **change)
    assert result["replaced_policies"] == ["blobs"]
    assert result["policy"]["retention"]["weekly"] == "4w"
    assert result["policy"]["schedule"]["frequency"] == "daily"


def test_a_new_version_does_not_give_a_schedule_to_what_has_no_containers(azure: Driver) -> None:
    prepared(azure, **CONTINUOUS)
    assert not azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")["failed"]
    change = {"retention": {"default": "14d"}, "on_change": "new_version"}
    for check_mode in (True, False):
        result = azure.run("backup_policy", **POLICY, **change, check=check_mode)
        assert result["failed"]
        assert "demoaccount would get a schedule" in result["msg"]
    assert azure.requests("PUT", "/backupPolicies/blobs-v2") == []
    azure.run("backup_policy", **(POLICY | {"policy_name": "nightly"}), retention={"operational": "30d", "default": "14d"})
    fixed = azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="nightly", containers_list=["photos", "photos"])
    assert fixed["datasources"][0]["instance"]["containers_list"] == ["photos"]
    again = azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="nightly", containers_list=["photos", "photos"])
    assert not again["changed"]


def test_containers_are_not_given_to_what_is_continuous(azure: Driver) -> None:
    prepared(azure, **CONTINUOUS)
    azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")
    result = azure.run("backup_instance", datasource_id=ACCOUNT, state="stopped", containers_list=["photos"])
    assert result["failed"]
    assert result["msg"].count("containers_list: policy 'blobs' allows only continuous backup")


def test_the_role_is_granted_on_the_account(azure: Driver) -> None:
    azure.vault()
    (result,) = azure.run("backup_permission", datasource_id=ACCOUNT)["datasources"]
    assert [(role["role"], role["scope"]) for role in result["roles"]] == [("Storage Account Backup Contributor", ACCOUNT)]


def test_all_containers_are_protected_where_none_is_named(azure: Driver) -> None:
    prepared(azure)
    (result,) = azure.predicted("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")["datasources"]
    instance = result["instance"]
    assert instance["containers_list"] == ["invoices", "photos"]
    assert instance["datasource_type"] == "azure_blob"
    assert instance["snapshot_resource_group_id"] is None
    (request,) = [entry for entry in azure.azure.journal.writes() if "/backupInstances/" in entry["path"]]
    properties = request["body"]["properties"]
    assert properties["dataSourceSetInfo"] == {**properties["dataSourceInfo"], "objectType": "DatasourceSet"}
    assert properties["policyInfo"]["policyParameters"] == {
        "backupDatasourceParametersList": [
            {"objectType": "BlobBackupDatasourceParameters", "containersList": ["invoices", "photos"]}
        ]
    }


def test_continuous_backup_takes_no_list(azure: Driver) -> None:
    prepared(azure, **CONTINUOUS)
    wanted = {"datasource_id": ACCOUNT, "policy_name": "blobs"}
    refused = azure.run("backup_instance", **wanted, containers_list=["photos"])
    assert "containers_list" in refused["msg"]
    assert azure.requests("POST", "/validateForBackup") == []
    (result,) = azure.predicted("backup_instance", **wanted)["datasources"]
    assert result["instance"]["containers_list"] == []


def test_containers_are_changed_and_the_policy_change_keeps_them(azure: Driver) -> None:
    prepared(azure)
    azure.run("backup_policy", policy_name="weekly", datasource_type="azure_blob", schedule={"frequency": "weekly"})
    wanted = {"datasource_id": ACCOUNT, "policy_name": "blobs"}
    assert not azure.run("backup_instance", **wanted, containers_list=["photos"])["failed"]
    (result,) = azure.predicted("backup_instance", **wanted, containers_list=["photos", "invoices"])["datasources"]
    assert result["action"] == "change_containers"
    assert azure.run("backup_instance", **wanted)["changed"] is False
    (moved,) = azure.predicted("backup_instance", datasource_id=ACCOUNT, policy_name="weekly")["datasources"]
    assert moved["action"] == "change_policy"
    assert moved["instance"]["containers_list"] == ["invoices", "photos"]
    azure.run("backup_instance", datasource_id=ACCOUNT, state="suspended")
    late = azure.run("backup_instance", datasource_id=ACCOUNT, state="stopped", containers_list=["photos"])
    assert "containers_list" in late["msg"]


def test_a_scheduled_policy_is_backed_up_on_demand_and_a_continuous_one_is_not(azure: Driver) -> None:
    prepared(azure)
    azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")
    (result,) = azure.run("backup_adhoc", datasource_id=ACCOUNT)["datasources"]
    assert (result["action"], result["job"]["status"]) == ("start", "completed")
    assert (result["recovery_point"]["tier"], result["recovery_point"]["type"]) == ("vault_store", "full")
    (request,) = azure.requests("POST", "/backup")
    assert request["body"] == {"backupRuleOptions": {"ruleName": "BackupDaily", "triggerOption": {}}}
    assert azure.run("backup_adhoc", datasource_id=ACCOUNT, max_age="1h")["datasources"][0]["action"] == "skip"
    azure.run("backup_policy", policy_name="continuous", datasource_type="azure_blob", **CONTINUOUS)
    azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="continuous")
    refused = azure.run("backup_adhoc", datasource_id=ACCOUNT)
    assert "no backup rule" in refused["msg"]
    points = azure.run("backup_recovery_point_info", datasource_id=ACCOUNT)
    assert (points["failed"], points["recovery_points"]) == (False, [])


def test_the_ladder_is_the_same_as_for_disks(azure: Driver) -> None:
    prepared(azure)
    wanted = {"datasource_id": ACCOUNT, "policy_name": "blobs"}
    azure.run("backup_instance", **wanted, containers_list=["photos"])
    for state in ("suspended", "stopped"):
        azure.predicted("backup_instance", datasource_id=ACCOUNT, state=state)
    azure.predicted("backup_instance", **wanted)
    azure.predicted("backup_instance", datasource_id=ACCOUNT, state="absent")
    (back,) = azure.predicted("backup_instance", **wanted, undelete=True, containers_list=["invoices"])["datasources"]
    assert (back["action"], back["instance"]["containers_list"]) == ("undelete", ["invoices"])


def test_missing_roles_are_named_with_the_account(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_policy", **POLICY)
    result = azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs", permission_timeout=60)
    assert result["failed"]
    assert f"'Storage Account Backup Contributor' on {ACCOUNT}" in result["msg"]
    assert azure.requests("PUT", "/backupInstances/demoaccount") == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"datasource_id": EMPTY}, "no container"),
        ({"datasource_id": ACCOUNT.replace("demoaccount", "nosuch")}, "does not exist"),
        ({"datasource_id": ACCOUNT, "containers_list": []}, "containers_list"),
        ({"datasource_id": ACCOUNT, "containers_list": ["Upper"]}, "containers_list"),
        (
            {"datasource_id": f"{GROUP}/providers/Microsoft.Compute/disks/data01", "containers_list": ["photos"]},
            "containers_list",
        ),
        ({"datasource_id": [ACCOUNT, EMPTY], "name": "both"}, "name"),
    ],
)
def test_what_cannot_be_protected_is_told_before_a_write(azure: Driver, arguments: Any, named: str) -> None:
    prepared(azure)
    writes = len(azure.azure.journal.writes())
    result = azure.run("backup_instance", policy_name="blobs", **arguments)
    assert result["failed"]
    assert named in result["msg"]
    assert len(azure.azure.journal.writes()) == writes


def test_the_vault_is_planned_for_accounts_before_anything_is_there(azure: Driver) -> None:
    result = azure.run("backup_instance", check=True, datasource_id=ACCOUNT, policy_name="blobs")
    assert (result["failed"], result["changed"]) == (False, True)
    assert azure.azure.journal.writes() == []


def test_containers_that_are_still_to_come_are_protected_by_themselves(azure: Driver) -> None:
    prepared(azure)
    azure.vault(soft_delete={"state": "AlwaysOn"})
    wanted = {"datasource_id": ACCOUNT, "policy_name": "blobs"}
    automatic = {"auto_protection": {"exclude_prefixes": ["temp-", "test"]}}
    (result,) = azure.predicted("backup_instance", **wanted, **automatic)["datasources"]
    assert result["instance"]["auto_protection"] == automatic["auto_protection"]
    assert result["instance"]["containers_list"] == []
    (request,) = azure.requests("PUT", result["instance"]["name"])
    assert "api-version=2026-06-01" in request["query"]
    (parameters,) = request["body"]["properties"]["policyInfo"]["policyParameters"]["backupDatasourceParametersList"]
    assert parameters["objectType"] == "BlobBackupDatasourceParametersForAutoProtection"
    assert parameters["autoProtectionSettings"]["rules"][0] == {
        "objectType": "BlobBackupAutoProtectionRule",
        "mode": "Exclude",
        "type": "Prefix",
        "pattern": "temp-",
    }
    assert azure.run("backup_instance", **wanted)["changed"] is False
    (listed,) = azure.predicted("backup_instance", **wanted, containers_list=["photos"])["datasources"]
    assert (listed["action"], listed["instance"]["auto_protection"]) == ("change_containers", None)
    (all_again,) = azure.predicted("backup_instance", **wanted, auto_protection={})["datasources"]
    assert all_again["instance"]["auto_protection"] == {"exclude_prefixes": []}


def test_a_policy_change_keeps_the_automatic_protection(azure: Driver) -> None:
    prepared(azure)
    azure.vault(soft_delete={"state": "AlwaysOn"})
    azure.run("backup_policy", policy_name="weekly", datasource_type="azure_blob", schedule={"frequency": "weekly"})
    azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs", auto_protection={"exclude_prefixes": ["temp"]})
    (moved,) = azure.predicted("backup_instance", datasource_id=ACCOUNT, policy_name="weekly")["datasources"]
    assert moved["instance"]["auto_protection"] == {"exclude_prefixes": ["temp"]}


def test_a_vault_that_is_not_always_on_cannot_protect_by_itself(azure: Driver) -> None:
    prepared(azure)
    result = azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs", auto_protection={}, check=True)
    assert result["failed"]
    assert "auto_protection: soft delete of vault 'demo-vault' is On" in result["msg"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"auto_protection": {}, "containers_list": ["photos"]}, "auto_protection"),
        ({"auto_protection": {"exclude_prefixes": ["No/Slash"]}}, "auto_protection.exclude_prefixes"),
        ({"auto_protection": {}, "datasource_id": f"{GROUP}/providers/Microsoft.Compute/disks/data01"}, "auto_protection"),
    ],
)
def test_automatic_protection_that_cannot_be_is_refused_before_any_request(azure: Driver, arguments: Any, named: str) -> None:
    result = azure.run("backup_instance", **{"datasource_id": ACCOUNT, "policy_name": "blobs", **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


def test_the_moments_that_can_be_restored_to_are_read(azure: Driver) -> None:
    prepared(azure, **CONTINUOUS)
    azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")
    azure.azure.clock.advance(3600)
    found = azure.run("backup_recovery_point_info", check=True, restorable_time_ranges=True)
    (times,) = found["restorable_time_ranges"]
    assert (times["datasource_id"], found["recovery_points"]) == (ACCOUNT, [])
    assert times["start_time"] < times["end_time"]
    assert azure.run("backup_recovery_point_info")["restorable_time_ranges"] == []
    azure.run("backup_policy", policy_name="scheduled", datasource_type="azure_blob", **SCHEDULED)
    azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="scheduled")
    assert azure.run("backup_recovery_point_info", restorable_time_ranges=True)["restorable_time_ranges"] == []


@pytest.mark.parametrize("name", ["$logs", "$web", "$root"])
def test_a_container_that_azure_makes_is_taken_as_it_is_read(azure: Driver, name: str) -> None:
    """What the implicit list writes and an info module shows can be given back (F17)."""
    prepared(azure, **SCHEDULED)
    azure.azure.storage.containers[ACCOUNT.lower()].append(name)
    given = {"datasource_id": ACCOUNT, "policy_name": "blobs"}
    result = azure.run("backup_instance", **given, containers_list=[name])
    assert not result["failed"], result["datasources"]
    shown = azure.run("backup_instance_info", datasource_id=ACCOUNT)["instances"][0]["containers_list"]
    assert shown == [name]
    assert azure.run("backup_instance", **given, containers_list=shown)["changed"] is False


def test_a_rule_whose_name_the_options_refuse_is_not_fully_described(azure: Driver) -> None:
    """A rule beside the default one may be called default in Azure, and in the options it may not (F18)."""
    rule = {"name": "Often", "duration": "60d", "tagging_priority": 20, "absolute_criteria": ["FirstOfDay"]}
    prepared(azure, **SCHEDULED, retention_rules=[rule])
    (vault,) = azure.azure.data_protection.vaults.values()
    ours = vault.policies["blobs"]
    vault.policies["blobs"] = json.loads(json.dumps(ours).replace('"Often"', '"default"'))
    (read,) = azure.run("backup_policy_info", policy_name="blobs")["policies"]
    assert (read["retention_rules"][0]["name"], read["is_fully_described"]) == ("default", False)
    vault.policies["blobs"] = ours
    (read,) = azure.run("backup_policy_info", policy_name="blobs")["policies"]
    assert read["is_fully_described"] is True


LAKE = ACCOUNT.replace("demoaccount", "demolake")


@preparation
def lake_policy(azure: Driver) -> None:
    azure.vault()
    for name, kind in (("lakes", "azure_data_lake_storage"), ("blobs", "azure_blob")):
        assert not azure.run("backup_policy", policy_name=name, datasource_type=kind)["failed"]
    assert not azure.run("backup_permission", datasource_id=[LAKE, ACCOUNT])["failed"]


def test_a_data_lake_is_known_by_its_account(azure: Driver) -> None:
    lake_policy(azure)
    (result,) = azure.predicted("backup_instance", datasource_id=LAKE, policy_name="lakes")["datasources"]
    assert result["instance"]["datasource_type"] == "azure_data_lake_storage"
    assert result["instance"]["containers_list"] == ["curated", "raw"]
    (request,) = [entry for entry in azure.azure.journal.writes() if "/backupInstances/" in entry["path"]]
    source = request["body"]["properties"]["dataSourceInfo"]
    assert source["datasourceType"] == "Microsoft.Storage/storageAccounts/adlsBlobServices"
    backup = azure.run("backup_adhoc", datasource_id=LAKE)
    assert backup["datasources"][0]["job"]["datasource_type"] == "azure_data_lake_storage"
    assert backup["datasources"][0]["recovery_point"]["type"] == "full"
    assert azure.run("backup_instance_info", datasource_type="azure_data_lake_storage")["instances"]
    assert azure.run("backup_instance_info", datasource_type="azure_blob")["instances"] == []


def test_what_is_protected_tells_its_type_although_the_account_is_gone(azure: Driver) -> None:
    lake_policy(azure)
    azure.run("backup_instance", datasource_id=LAKE, policy_name="lakes")
    del azure.azure.storage.accounts[LAKE.lower()]
    result = azure.run("backup_instance", datasource_id=LAKE, policy_name="lakes")
    assert not result["changed"]
    refused = azure.run("backup_instance", datasource_id=LAKE, policy_name="blobs", datasource_type="azure_blob")
    assert refused["msg"] == (
        "datasource_type: 'demolake' is protected as azure_data_lake_storage, not azure_blob; correct or omit datasource_type"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"datasource_id": LAKE, "policy_name": "blobs"},
            "policy 'blobs' is for azure_blob, but datasource_id names azure_data_la",
        ),
        (
            {"datasource_id": LAKE, "policy_name": "blobs", "datasource_type": "azure_blob"},
            "datasource_type: 'demolake' is azure_data_lake_storage, not azure_blob",
        ),
        (
            {"datasource_id": LAKE, "policy_name": "lakes", "datasource_type": "azure_disk"},
            "which is azure_blob or azure_data_lake_storage, not azure_disk",
        ),
        ({"datasource_id": LAKE, "policy_name": "lakes", "datasource_type": "lake"}, "datasource_type: 'lake' is not supported"),
    ],
)
def test_another_type_than_the_account_has_is_refused_before_any_write(azure: Driver, options: Any, message: str) -> None:
    lake_policy(azure)
    writes = len(azure.azure.journal.writes())
    result = azure.run("backup_instance", **options)
    assert message in result["msg"]
    assert len(azure.azure.journal.writes()) == writes


def test_the_type_of_an_on_demand_backup_is_that_of_the_protection(azure: Driver) -> None:
    lake_policy(azure)
    azure.run("backup_instance", datasource_id=LAKE, policy_name="lakes")
    refused = azure.run("backup_adhoc", datasource_id=LAKE, datasource_type="azure_blob")
    assert "datasource_type: 'demolake' is protected as azure_data_lake_storage" in refused["msg"]
    refused = azure.run("backup_adhoc", select={"tags": {"a": "b"}}, datasource_type="azure_blob")
    assert "select.datasource_types" in refused["msg"]
