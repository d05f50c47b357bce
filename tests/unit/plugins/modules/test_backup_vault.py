# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_vault, through the real SDKs against the loopback Azure."""

from __future__ import annotations

import pytest
from conftest import GROUP, VAULT_ID, Driver, disk


def test_a_vault_is_made_as_predicted_and_only_once(azure: Driver) -> None:
    result = azure.predicted("backup_vault", location="westeurope")
    vault = result["vault"]
    assert vault["id"] == VAULT_ID
    assert vault["identity"]["type"] == "SystemAssigned"
    assert vault["identity"]["principal_id"]
    assert vault["soft_delete"] == {"state": "On", "retention_duration_in_days": 14}
    assert (vault["datastore_type"], vault["redundancy"]) == ("VaultStore", "LocallyRedundant")
    assert azure.writes() == ["PUT demo-vault"]


def test_a_new_vault_takes_the_region_of_its_group(azure: Driver) -> None:
    assert azure.vault()["vault"]["location"] == "westeurope"


def test_a_change_keeps_what_is_not_mentioned(azure: Driver) -> None:
    azure.vault(tags={"env": "prod"}, redundancy="GeoRedundant", datastore_type="VaultStore")
    result = azure.predicted("backup_vault", soft_delete={"retention_duration_in_days": 30})
    assert result["vault"]["tags"] == {"env": "prod"}
    assert result["vault"]["redundancy"] == "GeoRedundant"
    assert result["vault"]["soft_delete"] == {"state": "On", "retention_duration_in_days": 30}
    assert result["diff"]["before"]["soft_delete"]["retention_duration_in_days"] == 14


def test_tags_are_added_unless_they_are_to_be_replaced(azure: Driver) -> None:
    azure.vault(tags={"env": "prod"})
    assert azure.predicted("backup_vault", tags={"owner": "me"})["vault"]["tags"] == {"env": "prod", "owner": "me"}
    assert azure.predicted("backup_vault", tags={"owner": "you"}, append_tags=False)["vault"]["tags"] == {"owner": "you"}


@pytest.mark.parametrize("spelling", ["on", "On", True])
def test_soft_delete_takes_what_yaml_makes_of_on(azure: Driver, spelling: object) -> None:
    azure.vault()
    result = azure.run("backup_vault", soft_delete={"state": spelling})
    assert (result["failed"], result["changed"]) == (False, False)


def test_identity_and_immutability_can_be_changed(azure: Driver) -> None:
    azure.vault()
    assert azure.predicted("backup_vault", immutability_state="Unlocked")["vault"]["immutability_state"] == "Unlocked"
    assert azure.predicted("backup_vault", identity={"type": "None"})["vault"]["identity"]["type"] == "None"


@pytest.mark.parametrize(
    ("first", "then", "named"),
    [
        ({"location": "westeurope"}, {"location": "eastus"}, "location"),
        ({}, {"redundancy": "GeoRedundant"}, "redundancy"),
        ({}, {"datastore_type": "ArchiveStore"}, "datastore_type"),
        ({"soft_delete": {"state": "AlwaysOn"}}, {"soft_delete": {"state": "Off"}}, "soft_delete.state"),
        ({"immutability_state": "Locked"}, {"immutability_state": "Disabled"}, "immutability_state"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_what_cannot_change_is_refused_before_any_write(azure: Driver, first: dict, then: dict, named: str, check: bool) -> None:
    azure.vault(**first)
    writes = len(azure.writes())
    result = azure.run("backup_vault", check=check, **then)
    assert result["failed"]
    assert named in result["msg"]
    assert len(azure.writes()) == writes


def test_the_same_region_in_other_words_is_no_change(azure: Driver) -> None:
    azure.vault(location="westeurope")
    assert azure.run("backup_vault", location="West Europe")["changed"] is False


def test_a_vault_is_removed_as_predicted_and_only_once(azure: Driver) -> None:
    azure.vault()
    assert azure.predicted("backup_vault", state="absent")["vault"] is None
    assert azure.azure.data_protection.vaults == {}


@pytest.mark.parametrize("check", [True, False])
def test_removing_a_vault_names_what_blocks_it(azure: Driver, check: bool) -> None:
    azure.protected("data01")
    writes = len(azure.writes())
    result = azure.run("backup_vault", check=check, state="absent")
    assert result["failed"]
    assert "data01" in result["msg"]
    assert len(azure.writes()) == writes


@pytest.mark.parametrize("name", ["1vault", "v", "has_underscore", "a" * 51, "ends/slash"])
def test_a_name_that_azure_would_refuse_is_refused_before_any_request(azure: Driver, name: str) -> None:
    result = azure.run("backup_vault", vault_name=name)
    assert result["failed"]
    assert "vault_name" in result["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"resource_group": None, "vault_name": None}, "vault_name"),
        ({"resource_group": None}, "resource_group"),
        ({"vault_id": "nonsense", "resource_group": None, "vault_name": None}, "vault_id"),
        ({"vault_id": disk("data01"), "resource_group": None, "vault_name": None}, "vault_id"),
        ({"vault_id": VAULT_ID}, "vault_id"),
        ({"vault_id": VAULT_ID, "resource_group": None, "vault_name": None, "vault_type": "recovery_services"}, "vault_type"),
        ({"soft_delete": {"retention_duration_in_days": 13}}, "soft_delete.retention_duration_in_days"),
        ({"wait_timeout": 0}, "wait_timeout"),
        ({"poll_interval": -1}, "poll_interval"),
        ({"resource_group": "bad group!"}, "resource_group"),
    ],
)
def test_bad_input_names_the_option_before_any_request(azure: Driver, arguments: dict, named: str) -> None:
    result = azure.run("backup_vault", **arguments)
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


@pytest.mark.parametrize("check", [True, False])
def test_a_missing_resource_group_is_an_error(azure: Driver, check: bool) -> None:
    result = azure.run("backup_vault", check=check, resource_group="nowhere-rg")
    assert result["failed"]
    assert "nowhere-rg" in result["msg"]
    assert azure.writes() == []


def test_a_vault_can_be_named_by_its_id_in_any_casing(azure: Driver) -> None:
    azure.vault()
    other = VAULT_ID.replace("resourceGroups", "resourcegroups").replace("backupVaults", "BackupVaults")
    result = azure.run("backup_vault", resource_group=None, vault_name=None, vault_id=other)
    assert (result["failed"], result["changed"]) == (False, False)


def test_azures_refusal_is_told_with_its_code_and_advice(azure: Driver) -> None:
    body = {"error": {"code": "SomethingElse", "message": "Azure does not want to.", "additionalInfo": []}}
    azure.fault(kind="answer", method="PUT", status=400, body=body)
    result = azure.run("backup_vault")
    assert result["failed"]
    assert result["msg"] == "Cannot create vault 'demo-vault': Azure does not want to."
    assert result["error"]["code"] == "SomethingElse"
    assert result["error"]["status"] == 400


def test_an_identity_that_is_throttled_is_made_in_the_end(azure: Driver) -> None:
    azure.fault(
        kind="answer", method="PUT", status=429, times=2, body={"error": {"code": "FailedIdentityOperation", "message": "x"}}
    )
    assert azure.vault()["changed"] is True


def test_a_forbidden_read_is_an_error_and_no_absence(azure: Driver) -> None:
    azure.fault(kind="answer", method="GET", path="backupVaults/demo-vault$", status=403, times=9)
    result = azure.run("backup_vault")
    assert result["failed"]
    assert azure.writes() == []


def test_a_caller_without_the_subscription_follows_operations_all_the_same(
    azure: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emulator.seed import GROUP_CLIENT

    monkeypatch.setenv("AZURE_CLIENT_ID", GROUP_CLIENT)
    assert azure.predicted("backup_vault")["vault"]["provisioning_state"] == "Succeeded"
    assert azure.predicted("backup_vault", state="absent")["vault"] is None
    assert not azure.requests("GET", GROUP + "/nothing")


def test_tags_are_text_and_their_names_have_no_case(azure: Driver) -> None:
    azure.vault(tags={"Owner": "me"})
    result = azure.predicted("backup_vault", tags={"cost": 1234, "owner": "you"})
    assert result["vault"]["tags"] == {"Owner": "you", "cost": "1234"}
    refused = azure.run("backup_vault", tags={"list": ["a"]})
    assert refused["failed"]
    assert "tags" in refused["msg"]


def test_a_caller_who_may_not_read_operations_still_waits_for_the_vault(azure: Driver) -> None:
    azure.fault(kind="answer", method="GET", path="/operationStatus/", status=403, times=99)
    assert azure.vault()["vault"]["provisioning_state"] == "Succeeded"
    assert azure.run("backup_vault", state="absent")["changed"]
    assert azure.azure.data_protection.vaults == {}


def test_a_tag_may_have_any_name(azure: Driver) -> None:
    azure.vault(tags={"id": "1", "errors": "none"})
    result = azure.predicted("backup_vault", tags={"id": "2"})
    assert result["vault"]["tags"] == {"id": "2", "errors": "none"}
    assert (result["diff"]["before"]["tags"]["id"], result["diff"]["after"]["tags"]["id"]) == ("1", "2")
