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


@pytest.mark.parametrize(("kind", "name"), [
    ("backup", "v"), ("backup", "has_underscore"), ("backup", "a" * 51), ("backup", "ends/slash"),
    ("recovery_services", "1vault"), ("recovery_services", "has_underscore"),
])  # fmt: skip
def test_a_name_that_azure_gives_to_no_new_vault_is_refused_before_any_write(azure: Driver, kind: str, name: str) -> None:
    for check in (True, False):
        result = azure.run("backup_vault", check=check, vault_name=name, vault_type=kind)
        assert result["failed"]
        assert "vault_name" in result["msg"]
    assert azure.writes() == []


def test_a_backup_vaults_name_may_begin_with_a_digit(azure: Driver) -> None:
    assert azure.predicted("backup_vault", vault_name="1vault")["vault"]["name"] == "1vault"


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


# -- identities, a key of one's own, restore settings, alerts

READER = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/key-reader"
SECOND = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/second"
KEY = "https://keys.vault.azure.net/keys/backup/24efffaddbe84838a1c39b6135edbdf5"


def test_user_assigned_identities_come_and_go_as_a_list(azure: Driver) -> None:
    vault = azure.predicted("backup_vault", identity={"user_assigned_identities": [READER]})["vault"]
    assert vault["identity"]["type"] == "SystemAssigned,UserAssigned"
    assert vault["identity"]["user_assigned_identities"][READER]["principal_id"]
    both = azure.predicted("backup_vault", identity={"user_assigned_identities": [SECOND, READER]})["vault"]["identity"]
    assert set(both["user_assigned_identities"]) == {READER, SECOND}
    assert both["principal_id"] == vault["identity"]["principal_id"]
    again = azure.run("backup_vault", identity={"user_assigned_identities": [READER.upper().replace("/SUB", "/sub"), SECOND]})
    assert again["changed"] is False
    # Naming the type alone removes no identity.
    assert azure.run("backup_vault", identity={"type": "SystemAssigned"})["changed"] is False
    only = azure.predicted("backup_vault", identity={"type": "UserAssigned"})["vault"]["identity"]
    assert (only["type"], only["principal_id"]) == ("UserAssigned", None)
    back = azure.predicted("backup_vault", identity={"type": "SystemAssigned", "user_assigned_identities": []})["vault"]
    assert (back["identity"]["type"], back["identity"]["user_assigned_identities"]) == ("SystemAssigned", {})
    assert azure.predicted("backup_vault", identity={"type": "None"})["vault"]["identity"]["type"] == "None"


def test_a_vault_with_a_key_of_ones_own_and_another_key_later(azure: Driver) -> None:
    encryption = {"key_uri": KEY, "identity_id": READER, "infrastructure_encryption": "Enabled"}
    identity = {"type": "UserAssigned", "user_assigned_identities": [READER]}
    vault = azure.predicted("backup_vault", identity=identity, encryption_settings=encryption)["vault"]
    assert vault["encryption_settings"] == {**encryption, "identity_type": "UserAssigned"}
    other = "https://keys.managedhsm.azure.net/keys/backup"
    changed = azure.predicted("backup_vault", encryption_settings={"key_uri": other})["vault"]["encryption_settings"]
    assert changed == {**encryption, "key_uri": other, "identity_type": "UserAssigned"}


RSV = {"vault_type": "recovery_services"}
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"


def test_a_recovery_services_vault_with_a_key_of_ones_own_and_other_readers_later(azure: Driver) -> None:
    identity = {"type": "SystemAssigned,UserAssigned", "user_assigned_identities": [READER]}
    first = {"key_uri": KEY, "identity_id": READER, "infrastructure_encryption": "Enabled"}
    vault = azure.predicted("backup_vault", **RSV, identity=identity, encryption_settings=first)["vault"]
    assert vault["encryption_settings"] == {**first, "identity_type": "UserAssigned"}
    other = "https://keys.managedhsm.azure.net/keys/backup"
    changed = azure.predicted("backup_vault", **RSV, encryption_settings={"key_uri": other})["vault"]["encryption_settings"]
    assert changed == {**first, "key_uri": other, "identity_type": "UserAssigned"}
    by_itself = {"identity_type": "SystemAssigned"}
    changed = azure.predicted("backup_vault", **RSV, encryption_settings=by_itself)["vault"]["encryption_settings"]
    assert (changed["identity_type"], changed["identity_id"], changed["key_uri"]) == ("SystemAssigned", None, other)
    refused = azure.run("backup_vault", **RSV, encryption_settings={"infrastructure_encryption": "Disabled"})
    assert refused["msg"].startswith("encryption_settings.infrastructure_encryption: it can be set only together with")


def test_a_recovery_services_vault_gets_the_identity_before_the_key_that_it_reads(azure: Driver) -> None:
    azure.vault(**RSV)
    identity = {"type": "SystemAssigned,UserAssigned", "user_assigned_identities": [READER]}
    azure.run("backup_vault", **RSV, identity=identity, encryption_settings={"key_uri": KEY, "identity_id": READER})
    changes = [request["body"] for request in azure.requests("PATCH", "/demo-vault")]
    assert [list(change) for change in changes] == [["identity"], ["properties"]]
    assert changes[1]["properties"]["encryption"] == {
        "keyVaultProperties": {"keyUri": KEY},
        "kekIdentity": {"userAssignedIdentity": READER},
        "infrastructureEncryption": "Disabled",
    }


@pytest.mark.parametrize("vault_type", ["backup", "recovery_services"])
@pytest.mark.parametrize("identity", [{"type": "None"}, {"type": "SystemAssigned", "user_assigned_identities": []}])
def test_the_identity_that_reads_the_key_is_not_taken_away(azure: Driver, identity: dict, vault_type: str) -> None:
    both = {"type": "SystemAssigned,UserAssigned", "user_assigned_identities": [READER]}
    key = {"key_uri": KEY, "identity_id": READER}
    assert not azure.run("backup_vault", vault_type=vault_type, identity=both, encryption_settings=key)["failed"]
    count = len(azure.writes())
    refused = azure.run("backup_vault", vault_type=vault_type, identity=identity)
    assert refused["msg"].startswith(f"identity: the vault's key is read by {READER}")
    assert len(azure.writes()) == count


def test_a_recovery_services_vault_does_not_swap_the_reader_of_its_key_in_one_task(azure: Driver) -> None:
    both = {"type": "SystemAssigned,UserAssigned", "user_assigned_identities": [READER]}
    assert not azure.run("backup_vault", **RSV, identity=both, encryption_settings={"key_uri": KEY, "identity_id": READER})[
        "failed"
    ]
    other = READER.replace("key-reader", "other")
    swap = {"identity": {"user_assigned_identities": [other]}, "encryption_settings": {"identity_id": other}}
    assert azure.run("backup_vault", **RSV, **swap)["msg"].startswith(f"identity: the vault's key is read by {READER}")
    first = {"identity": {"user_assigned_identities": [READER, other]}, "encryption_settings": {"identity_id": other}}
    assert not azure.run("backup_vault", **RSV, **first)["failed"]
    assert not azure.run("backup_vault", **RSV, **swap)["failed"]


def test_what_is_permanent_is_written_after_the_key(azure: Driver) -> None:
    azure.vault(**RSV)
    both = {"type": "SystemAssigned,UserAssigned", "user_assigned_identities": [READER]}
    key = {"key_uri": KEY, "identity_id": READER}
    azure.run("backup_vault", **RSV, identity=both, encryption_settings=key, immutability_state="Locked")
    changes = [request["body"] for request in azure.requests("PATCH", "/demo-vault")]
    assert [sorted(change.get("properties") or change) for change in changes] == [
        ["identity"], ["encryption", "securitySettings"], ["securitySettings"],
    ]  # fmt: skip


def test_a_recovery_services_vault_that_protects_something_takes_no_first_key(azure: Driver) -> None:
    azure.vault(**RSV)
    assert azure.run("backup_instance", **RSV, policy_name="DefaultPolicy", datasource_id=MACHINE)["changed"]
    count = len(azure.writes())
    key = {"key_uri": KEY, "identity_type": "SystemAssigned"}
    refused = azure.run("backup_vault", **RSV, encryption_settings=key)
    assert refused["msg"].startswith("encryption_settings: a vault takes its first customer-managed key only before")
    assert len(azure.writes()) == count


def test_restore_settings_and_alerts(azure: Driver) -> None:
    azure.vault(redundancy="GeoRedundant")
    settings = {
        "cross_region_restore_state": "Enabled",
        "cross_subscription_restore_state": "Disabled",
        "alerts_for_all_job_failures": "Enabled",
    }
    vault = azure.predicted("backup_vault", **settings)["vault"]
    assert {name: vault[name] for name in settings} == settings
    (request,) = azure.requests("PUT", "/demo-vault")[1:]
    assert request["body"]["properties"]["featureSettings"] == {
        "crossRegionRestoreSettings": {"state": "Enabled"},
        "crossSubscriptionRestoreSettings": {"state": "Disabled"},
    }
    azure.predicted(
        "backup_vault", cross_subscription_restore_state="PermanentlyDisabled", alerts_for_all_job_failures="Disabled"
    )


@pytest.mark.parametrize("vault_type", ["backup", "recovery_services"])
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"identity": {"type": "UserAssigned"}}, "identity.user_assigned_identities"),
        ({"identity": {"user_assigned_identities": ["key-reader"]}}, "identity.user_assigned_identities"),
        ({"identity": {"user_assigned_identities": [disk("data01")]}}, "identity.user_assigned_identities"),
        ({"encryption_settings": {"key_uri": KEY}}, "encryption_settings.identity_type"),
        ({"encryption_settings": {"key_uri": "backup-key", "identity_id": READER}}, "encryption_settings.key_uri"),
        ({"encryption_settings": {"key_uri": KEY, "identity_id": READER}}, "encryption_settings.identity_id"),
        ({"encryption_settings": {"key_uri": KEY, "identity_type": "UserAssigned"}}, "encryption_settings.identity_id"),
        (
            {"encryption_settings": {"key_uri": KEY, "identity_type": "SystemAssigned", "identity_id": READER}},
            "encryption_settings.identity_id",
        ),
        (
            {"identity": {"type": "None"}, "encryption_settings": {"key_uri": KEY, "identity_type": "SystemAssigned"}},
            "encryption_settings.identity_type",
        ),
    ],
)
def test_identities_and_keys_that_cannot_be_are_told_before_any_write(
    azure: Driver, arguments: dict, named: str, vault_type: str
) -> None:
    result = azure.run("backup_vault", **arguments, vault_type=vault_type)
    assert result["failed"]
    assert result["msg"].startswith(named)
    assert azure.writes() == []


def test_what_is_final_about_restore_and_encryption_is_refused_before_any_write(azure: Driver) -> None:
    azure.vault(
        redundancy="GeoRedundant",
        cross_region_restore_state="Enabled",
        cross_subscription_restore_state="PermanentlyDisabled",
    )
    count = len(azure.writes())
    for arguments in (
        {"cross_region_restore_state": "Disabled"},
        {"cross_subscription_restore_state": "Enabled"},
        {"encryption_settings": {"infrastructure_encryption": "Enabled"}},
    ):
        result = azure.run("backup_vault", **arguments)
        assert result["failed"]
        assert result["msg"].startswith(next(iter(arguments)))
    assert len(azure.writes()) == count


ALWAYS_ON = {"state": "AlwaysOn", "retention_duration_in_days": 30}


def removed(azure: Driver) -> None:
    azure.vault(soft_delete=ALWAYS_ON, tags={"owner": "storage-team"}, redundancy="ZoneRedundant")
    assert azure.run("backup_vault", state="absent")["changed"]


def test_a_deleted_vault_is_listed_and_brought_back_as_it_was(azure: Driver) -> None:
    removed(azure)
    wanted = {"deleted": True, "location": "West Europe"}
    (found,) = azure.run("backup_vault_info", **wanted)["vaults"]
    assert (found["name"], found["soft_delete"]["state"]) == ("demo-vault", "AlwaysOn")
    assert found["deletion_time"] < found["purge_time"]
    assert azure.run("backup_vault_info", vault_name="others", deleted=True, location="westeurope")["vaults"] == []
    assert azure.run("backup_vault_info", vault_name=None, **wanted)["vaults"] == [found]
    back = azure.predicted("backup_vault", undelete=True)["vault"]
    assert (back["id"], back["tags"], back["redundancy"]) == (found["id"], {"owner": "storage-team"}, "ZoneRedundant")
    assert (back["soft_delete"], back["deleted_vault_id"]) == (ALWAYS_ON, None)
    (request,) = azure.requests("PUT", "/demo-vault")[1:]
    assert request["body"] == {"location": "westeurope", "identity": {"type": "SystemAssigned"}}
    assert "2026-06-01" in request["query"]
    assert azure.run("backup_vault_info", **wanted)["vaults"] == []


def test_what_is_asked_for_beside_the_undelete_is_done_as_well(azure: Driver) -> None:
    removed(azure)
    back = azure.predicted("backup_vault", undelete=True, immutability_state="Unlocked", tags={"team": "b"})["vault"]
    assert (back["immutability_state"], back["tags"]) == ("Unlocked", {"owner": "storage-team", "team": "b"})
    assert len(azure.requests("PUT", "/demo-vault")) == 3


def test_what_a_deleted_vault_cannot_become_is_refused_before_it_is_back(azure: Driver) -> None:
    removed(azure)
    writes = len(azure.azure.journal.writes())
    for arguments in ({"redundancy": "GeoRedundant"}, {"soft_delete": {"state": "Off"}}):
        result = azure.run("backup_vault", undelete=True, **arguments)
        assert result["failed"], arguments
        assert next(iter(arguments)) in result["msg"]
    assert len(azure.azure.journal.writes()) == writes


def test_a_vault_that_is_gone_for_good_is_made_anew(azure: Driver) -> None:
    removed(azure)
    azure.azure.clock.advance(700)
    azure.azure.schedule.settle()
    assert azure.predicted("backup_vault", undelete=True)["vault"]["tags"] == {}


def test_without_a_word_a_deleted_vault_stays_deleted(azure: Driver) -> None:
    removed(azure)
    assert azure.predicted("backup_vault")["vault"]["soft_delete"]["state"] == "On"
    assert azure.requests("GET", "/deletedVaults") == []


def test_deleted_vaults_are_asked_for_by_their_region(azure: Driver) -> None:
    assert "location" in azure.run("backup_vault_info", deleted=True)["msg"]
    assert "deleted" in azure.run("backup_vault_info", location="westeurope")["msg"]
    assert azure.azure.journal.entries == []


def test_immutability_is_named_among_what_blocks_a_removal(azure: Driver) -> None:
    azure.protected("data01")
    azure.vault(immutability_state="Unlocked")
    result = azure.run("backup_vault", state="absent")
    assert "data01" in result["msg"]
    assert "immutability is Unlocked" in result["msg"]
    assert azure.requests("DELETE", "/demo-vault") == []
    for location in ("west/../europe?x", ""):
        assert "location" in azure.run("backup_vault_info", deleted=True, location=location)["msg"]
    assert azure.requests("GET", "/deletedVaults") == []


def test_deleted_vaults_of_all_subscriptions(azure: Driver) -> None:
    azure.vault(soft_delete=ALWAYS_ON)
    azure.run("backup_vault", state="absent")
    found = azure.run("backup_vault_info", vault_name=None, deleted=True, location="westeurope", subscription_ids=["all"])[
        "vaults"
    ]
    assert [vault["name"] for vault in found] == ["demo-vault"]
    assert len(azure.requests("GET", "/deletedVaults")) == 2


def test_an_undelete_that_finds_nothing_says_where_it_looked(azure: Driver) -> None:
    result = azure.run("backup_vault", undelete=True)
    assert "no deleted vault 'demo-vault' is in westeurope" in str(result["warnings"])


def test_fields_that_only_azure_writes_are_not_sent_back(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_vault", tags={"Owner": "ops"})
    body = azure.requests("PUT", "/backupVaults/demo-vault")[-1]["body"]
    assert body["tags"] == {"Owner": "ops"}
    assert {"provisioningState", "resourceMoveState", "resourceMoveDetails", "secureScore", "bcdrSecurityLevel"}.isdisjoint(
        body["properties"]
    )
    assert {"principalId", "tenantId"}.isdisjoint(body.get("identity") or {})
    assert {"id", "name", "type", "systemData"}.isdisjoint(body)


def test_a_region_that_azure_does_not_know_is_its_error(azure: Driver) -> None:
    result = azure.run("backup_vault", location="mars")
    assert result["failed"]
    assert "mars" in result["msg"]


@pytest.mark.parametrize("module", ["backup_instance_info", "backup_policy_info", "backup_job_info"])
def test_a_named_vault_that_is_missing_is_an_error_unless_it_may_be(azure: Driver, module: str) -> None:
    result = azure.run(module, vault_name="no-vault")
    assert result["failed"]
    assert "no-vault" in result["msg"]
    assert not azure.run(module, vault_name="no-vault", missing_ok=True)["failed"]


def test_ids_have_one_casing_whatever_the_caller_writes(azure: Driver) -> None:
    made = azure.vault()["vault"]["id"]
    lower = azure.run("backup_vault_info", vault_name=None, resource_group=None, vault_id=made.lower())
    assert [vault["id"].split("/providers/")[0].split("/")[3] for vault in lower["vaults"]] == ["resourceGroups"]


# -- what is read can be given back, and what is shown is what is there


@pytest.mark.parametrize("spelling", ["SystemAssigned,UserAssigned", "SystemAssigned, UserAssigned"])
@pytest.mark.parametrize("vault_type", ["backup", "recovery_services"])
def test_both_identities_are_written_in_either_spelling(azure: Driver, spelling: str, vault_type: str) -> None:
    """Azure writes a space after the comma, azure.azcollection as well (F14)."""
    vault = {"vault_type": vault_type, "vault_name": "both"}
    identity = {"type": spelling, "user_assigned_identities": [READER]}
    made = azure.run("backup_vault", **vault, identity=identity)
    assert not made["failed"], made["msg"]
    given_back = {"type": made["vault"]["identity"]["type"], "user_assigned_identities": [READER]}
    assert azure.run("backup_vault", **vault, identity=given_back)["changed"] is False


@pytest.mark.parametrize("vault_type", ["backup", "recovery_services"])
def test_a_stale_read_after_a_change_is_not_the_result(azure: Driver, vault_type: str) -> None:
    """The service answers as before for a while (F13)."""
    vault = {"vault_type": vault_type, "vault_name": "stale"}
    assert azure.run("backup_vault", **vault, soft_delete={"state": "On"})["changed"] is True
    # The first read after the write, and the two that follow, answer as before the write.
    azure.fault(kind="stale", method="GET", path="/(vaults|backupVaults)/stale$", times=3, after=1)
    result = azure.run("backup_vault", **vault, soft_delete={"state": "Off"})
    assert not result["failed"], result["msg"]
    assert (result["changed"], result["vault"]["soft_delete"]["state"]) == (True, "Off")
