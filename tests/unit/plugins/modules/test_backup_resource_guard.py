# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource guards, and vaults that are mapped to one."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import GROUP, SNAPSHOTS, Driver, disk, preparation
from emulator.identity import ServicePrincipal
from emulator.seed import CLIENT, GROUP_CLIENT, OTHER_SUBSCRIPTION, SECRET, TENANT

NAMED = {"vault_name": None, "resource_guard_name": "demo-guard"}
GUARD = f"{GROUP}/providers/Microsoft.DataProtection/resourceGuards/demo-guard"
WRITE = "Microsoft.DataProtection/backupVaults/backupInstances/write"

RSV = {"vault_name": "demo-rsv", "vault_type": "recovery_services"}


@preparation
def guarded(azure: Driver, *names: str, **arguments: Any) -> list[str]:
    """Have disks protected in a vault that a guard guards."""
    ids = azure.protected(*names, **arguments)
    assert not azure.run("backup_resource_guard", **NAMED)["failed"]
    azure.vault(resource_guard_id=GUARD)
    return ids


def test_a_guard_comes_changes_and_goes_as_predicted(azure: Driver) -> None:
    made = azure.predicted("backup_resource_guard", **NAMED, location="West Europe", tags={"Owner": "security"})["resource_guard"]
    assert made["id"] == GUARD
    assert WRITE in made["vault_critical_operations"]
    changed = azure.predicted("backup_resource_guard", **NAMED, vault_critical_operation_exclusion_list=[WRITE])["resource_guard"]
    assert WRITE not in changed["vault_critical_operations"]
    assert changed["tags"] == {"Owner": "security"}
    kept = azure.predicted("backup_resource_guard", **NAMED, tags={"owner": "others"})["resource_guard"]
    assert (kept["tags"], kept["vault_critical_operation_exclusion_list"]) == ({"Owner": "others"}, [WRITE])
    azure.predicted("backup_resource_guard", **NAMED, vault_critical_operation_exclusion_list=[])
    assert azure.predicted("backup_resource_guard", **NAMED, state="absent")["resource_guard"] is None


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"resource_guard_name": "a"}, "resource_guard_name"),
        ({"resource_group": "a/b"}, "resource_group"),
        ({"vault_critical_operation_exclusion_list": ["delete everything"]}, "vault_critical_operation_exclusion_list"),
    ],
)
def test_bad_input_names_the_option_before_any_request(azure: Driver, arguments: Any, named: str) -> None:
    result = azure.run("backup_resource_guard", **{**NAMED, **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


def test_a_guard_stays_where_it_is(azure: Driver) -> None:
    azure.run("backup_resource_guard", **NAMED)
    assert "location" in azure.run("backup_resource_guard", **NAMED, location="eastus")["msg"]
    missing = azure.run("backup_resource_guard", resource_group="nosuch", vault_name=None, resource_guard_name="demo-guard")
    assert "nosuch" in missing["msg"]


def test_a_vault_is_mapped_and_unmapped_as_predicted(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_resource_guard", **NAMED)
    mapped = azure.predicted("backup_vault", resource_guard_id=GUARD)["vault"]
    assert (mapped["resource_guard_id"], mapped["is_protected_by_resource_guard"]) == (GUARD, True)
    assert azure.run("backup_vault_info")["vaults"][0]["resource_guard_id"] == GUARD
    # A vault that nobody speaks of a guard for keeps it, and is not written for it.
    assert azure.run("backup_vault", tags={"a": "b"})["vault"]["resource_guard_id"] == GUARD
    in_use = azure.run("backup_resource_guard", **NAMED, state="absent")
    assert in_use["failed"]
    free = azure.predicted("backup_vault", resource_guard_id="")["vault"]
    assert (free["resource_guard_id"], free["is_protected_by_resource_guard"]) == (None, False)
    (unlock,) = azure.requests("POST", "/unlockDelete")
    assert unlock["body"] == {"resourceGuardOperationRequests": [f"{GUARD}/deleteResourceGuardProxyRequests/default"]}


def test_a_new_vault_is_made_and_mapped_in_one_task(azure: Driver) -> None:
    azure.run("backup_resource_guard", **NAMED)
    azure.predicted("backup_vault", resource_guard_id=GUARD)
    assert azure.writes() == ["PUT demo-guard", "PUT demo-vault", "PUT DppResourceGuardProxy"]


def test_a_guard_that_cannot_be_is_refused_before_the_vault_is_written(azure: Driver) -> None:
    azure.run("backup_resource_guard", **NAMED)
    azure.run("backup_resource_guard", **(NAMED | {"resource_guard_name": "far-guard"}), location="eastus")
    azure.vault(resource_guard_id=f" {GUARD} ")
    count = len(azure.writes())
    for check in (True, False):
        for name, told in (("nosuch", "does not exist"), ("far-guard", "only vaults in its own region")):
            result = azure.run("backup_vault", check=check, resource_guard_id=GUARD.replace("demo-guard", name))
            assert result["failed"]
            assert told in result["msg"]
    assert len(azure.writes()) == count


def test_a_vault_does_not_lose_its_guard_to_one_that_refuses_it(azure: Driver) -> None:
    azure.run("backup_resource_guard", **NAMED)
    azure.run("backup_resource_guard", **(NAMED | {"resource_guard_name": "other-guard"}))
    azure.vault(resource_guard_id=GUARD)
    azure.fault(kind="answer", method="PUT", path="/DppResourceGuardProxy", status=403, times=1)
    result = azure.run("backup_vault", resource_guard_id=GUARD.replace("demo-guard", "other-guard"))
    assert result["failed"]
    assert result["changed"]
    assert "is still mapped to" in result["msg"]
    assert azure.run("backup_vault_info")["vaults"][0]["resource_guard_id"] == GUARD


@pytest.mark.parametrize("vault", [{}, RSV])
def test_a_vault_does_not_lose_its_guard_where_another_change_fails(azure: Driver, vault: dict) -> None:
    azure.run("backup_resource_guard", **NAMED)
    azure.run("backup_resource_guard", **(NAMED | {"resource_guard_name": "other-guard"}))
    assert not azure.run("backup_vault", **vault, resource_guard_id=GUARD)["failed"]
    method = "PATCH" if vault else "PUT"
    azure.fault(kind="answer", method=method, path=f"vaults/{vault.get('vault_name', 'demo-vault')}", status=409, times=1)
    other = GUARD.replace("demo-guard", "other-guard")
    result = azure.run("backup_vault", **vault, resource_guard_id=other, cross_subscription_restore_state="Disabled")
    assert result["failed"]
    assert result["changed"]
    assert result["msg"].endswith(f"The vault is still mapped to {GUARD}")
    assert azure.run("backup_vault_info", **vault)["vaults"][0]["resource_guard_id"] == GUARD


@pytest.mark.parametrize("vault", [{}, RSV])
def test_a_vault_that_is_left_without_a_guard_is_told(azure: Driver, vault: dict) -> None:
    azure.run("backup_resource_guard", **NAMED)
    azure.run("backup_resource_guard", **(NAMED | {"resource_guard_name": "other-guard"}))
    assert not azure.run("backup_vault", **vault, resource_guard_id=GUARD)["failed"]
    azure.fault(kind="answer", method="PUT", path="Proxy", status=403, times=2)
    result = azure.run("backup_vault", **vault, resource_guard_id=GUARD.replace("demo-guard", "other-guard"))
    assert result["changed"]
    assert f"The vault is now mapped to no resource guard, because mapping it to {GUARD} again failed too" in result["msg"]
    assert azure.run("backup_vault_info", **vault)["vaults"][0]["resource_guard_id"] is None


def test_an_id_of_something_else_is_refused(azure: Driver) -> None:
    result = azure.run("backup_vault", resource_guard_id=disk("data01"))
    assert "resource_guard_id" in result["msg"]
    assert azure.azure.journal.entries == []


def test_the_guard_approves_each_critical_operation(azure: Driver) -> None:
    (protected,) = guarded(azure, "data01")
    azure.run("backup_policy", policy_name="others", datasource_type="azure_disk", retention={"default": "14d"})
    wanted = {"datasource_id": protected, "policy_name": "others", "snapshot_resource_group": "demo-snapshots-rg"}
    azure.predicted("backup_instance", **wanted)
    for state in ("suspended", "stopped"):
        azure.predicted("backup_instance", datasource_id=protected, state=state)
    azure.predicted("backup_vault", soft_delete={"state": "Off"})
    azure.predicted("backup_instance", datasource_id=protected, state="absent", delete_backup_data=True)
    kinds = {"dppModifyPolicy", "dppDisableSuspendBackupsRequests", "dppDisableStopProtectionRequests"}
    kinds |= {"dppReduceSoftDeleteSecurityRequests", "deleteBackupInstanceRequests"}
    carried = str([entry.get("body") for entry in azure.azure.journal.writes()])
    assert {kind for kind in kinds if f"{GUARD}/{kind}/default" in carried} == kinds
    (unlock,) = azure.requests("POST", "/unlockDelete")
    assert unlock["body"]["resourceToBeDeleted"].endswith(
        "/backupInstances/" + unlock["body"]["resourceToBeDeleted"].split("/")[-1]
    )


def test_what_the_guard_does_not_guard_needs_no_approval(azure: Driver) -> None:
    (protected,) = guarded(azure, "data01")
    azure.run("backup_instance", datasource_id=protected, state="suspended")
    azure.run("backup_instance", datasource_id=protected, policy_name="disks")
    azure.vault(soft_delete={"retention_duration_in_days": 30})
    bodies = [entry.get("body") or {} for entry in azure.requests("POST", "/resumeProtection")]
    bodies += [entry["body"]["properties"] for entry in azure.requests("PUT", "/demo-vault")]
    assert not [body for body in bodies if "resourceGuardOperationRequests" in body]


def test_without_rights_on_the_guard_nothing_critical_is_done(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard belongs to others: the caller has all rights on the vault and none on the guard."""
    (protected,) = guarded(azure, "data01")
    seed = azure.azure.seed
    azure.azure.entra.add(
        ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[f"{GROUP}/providers/Microsoft.DataProtection/backupVaults"])
    )
    assert seed.client_id == CLIENT
    for name in ("AZURE_CLIENT_ID",):
        monkeypatch.setenv(name, GROUP_CLIENT)
    for arguments in ({"state": "stopped"}, {"state": "suspended"}, {"state": "absent"}):
        result = azure.run("backup_instance", datasource_id=protected, **arguments)
        assert result["failed"], arguments
        assert "Backup MUA Operator" in result["msg"]
        assert GUARD in result["msg"]
    instance = next(iter(next(iter(azure.azure.data_protection.vaults.values())).instances.values()))
    assert instance.state == "ProtectionConfigured"
    unmapped = azure.run("backup_vault", resource_guard_id="")
    assert "Backup MUA Operator" in unmapped["msg"]


def test_a_restore_carries_the_request_of_the_guard(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    (protected,) = guarded(azure, "data01")
    assert not azure.run("backup_adhoc", datasource_id=protected)["failed"]
    target = {"resource_group": SNAPSHOTS, "name": "back"}
    role = {"datasource_id": protected, "operation": "restore", "target": {"resource_group": SNAPSHOTS}}
    assert not azure.run("backup_permission", **role)["failed"]
    result = azure.run("backup_restore", datasource_id=protected, target=target)
    assert not result["failed"], result["msg"]
    (request,) = azure.requests("POST", "/restore")
    assert request["body"]["resourceGuardOperationRequests"] == [f"{GUARD}/dppTriggerRestoreRequests/default"]
    # All rights on the vault and the target, and none on the guard.
    scopes = [f"{GROUP}/providers/Microsoft.DataProtection/backupVaults", SNAPSHOTS]
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=scopes))
    monkeypatch.setenv("AZURE_CLIENT_ID", GROUP_CLIENT)
    refused = azure.run("backup_restore", datasource_id=protected, target={**target, "name": "again"})
    assert "Backup MUA Operator" in refused["msg"]
    assert GUARD in refused["msg"]
    assert f"{SNAPSHOTS}/providers/Microsoft.Compute/disks/again".lower() not in azure.azure.compute.disks


def test_the_guard_may_lie_in_another_subscription(azure: Driver) -> None:
    azure.vault()
    elsewhere = {"resource_group": "other-rg", "subscription_id": OTHER_SUBSCRIPTION}
    made = azure.run("backup_resource_guard", **NAMED, **elsewhere)["resource_guard"]
    assert made["subscription_id"] == OTHER_SUBSCRIPTION
    assert azure.vault(resource_guard_id=made["id"])["vault"]["resource_guard_id"] == made["id"]


def test_disable_soft_delete_of_recovery_services_can_be_excluded(azure: Driver) -> None:
    """What the CLI calls disableSoftDelete."""
    excluded = ["Microsoft.RecoveryServices/vaults/backupconfig/write"]
    made = azure.run("backup_resource_guard", **NAMED, vault_critical_operation_exclusion_list=excluded)
    assert not made["failed"], made["msg"]
    assert excluded[0] not in str(made["resource_guard"]["vault_critical_operations"])


# -- Recovery Services vaults

WEB01 = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"
STAGING = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/emptyaccount"
ITEM_KINDS = {
    "updateProtectedItemRequests", "stopProtectionWithRetainDataRequests", "deleteProtectedItemRequests",
    "updateProtectionPolicyRequests", "disableSoftDeleteRequests", "triggerRestoreRequests",
}  # fmt: skip


@preparation
def guarded_machine(azure: Driver) -> dict[str, Any]:
    """Have a machine backed up in a Recovery Services vault that a guard guards; gives the place of its instance."""
    assert not azure.run("backup_vault", **RSV)["failed"]
    for name, days in (("long", "60d"), ("short", "14d")):
        made = azure.run("backup_policy", **RSV, policy_name=name, datasource_type="azure_vm", retention={"default": days})
        assert not made["failed"], made["msg"]
    instance = {**RSV, "datasource_id": WEB01}
    assert not azure.run("backup_instance", **instance, policy_name="long")["failed"]
    assert not azure.run("backup_adhoc", **instance)["failed"]
    assert not azure.run("backup_resource_guard", **NAMED)["failed"]
    assert not azure.run("backup_vault", **RSV, resource_guard_id=GUARD)["failed"]
    return instance


def test_a_recovery_services_vault_is_mapped_and_unmapped_as_predicted(azure: Driver) -> None:
    azure.run("backup_vault", **RSV)
    azure.run("backup_resource_guard", **NAMED)
    mapped = azure.predicted("backup_vault", **RSV, resource_guard_id=GUARD)["vault"]
    assert (mapped["resource_guard_id"], mapped["is_protected_by_resource_guard"]) == (GUARD, True)
    assert azure.run("backup_vault", **RSV, tags={"a": "b"})["vault"]["resource_guard_id"] == GUARD
    free = azure.predicted("backup_vault", **RSV, resource_guard_id="")["vault"]
    assert (free["resource_guard_id"], free["is_protected_by_resource_guard"]) == (None, False)
    (unlock,) = azure.requests("POST", "/VaultProxy/unlockDelete")
    assert unlock["body"] == {"resourceGuardOperationRequests": [f"{GUARD}/deleteResourceGuardProxyRequests/default"]}


def test_the_guard_approves_each_critical_operation_on_machines(azure: Driver) -> None:
    instance = guarded_machine(azure)
    target = {"resource_group": "demo-snapshots-rg", "staging_storage_account_id": STAGING}
    assert not azure.run("backup_restore", **instance, target=target)["failed"]
    azure.predicted("backup_instance", **instance, policy_name="short")
    azure.predicted("backup_policy", **RSV, policy_name="short", datasource_type="azure_vm", retention={"default": "7d"})
    azure.predicted("backup_instance", **instance, state="stopped")
    azure.predicted("backup_vault", **RSV, soft_delete={"state": "Off"})
    azure.predicted("backup_instance", **instance, state="absent", delete_backup_data=True)
    carried = str([entry.get("body") for entry in azure.azure.journal.writes()])
    assert {kind for kind in ITEM_KINDS if f"{GUARD}/{kind}/default" in carried} == ITEM_KINDS
    (unlock,) = azure.requests("POST", "/VaultProxy/unlockDelete")
    assert unlock["body"]["resourceToBeDeleted"].endswith("/protectedItems/VM;iaasvmcontainerv2;demo-rg;web01")


def test_without_rights_on_the_guard_nothing_critical_is_done_to_machines(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = guarded_machine(azure)
    scopes = [f"{GROUP}/providers/Microsoft.{name}" for name in ("RecoveryServices", "Compute", "Storage")] + [SNAPSHOTS]
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=scopes))
    monkeypatch.setenv("AZURE_CLIENT_ID", GROUP_CLIENT)
    target = {"resource_group": SNAPSHOTS, "staging_storage_account_id": STAGING}
    for module, arguments in (
        ("backup_restore", {**instance, "target": target}),
        ("backup_instance", {**instance, "policy_name": "short"}),
        ("backup_instance", {**instance, "state": "stopped"}),
        ("backup_instance", {**instance, "state": "absent", "delete_backup_data": True}),
        ("backup_vault", {**RSV, "resource_guard_id": ""}),
    ):
        result = azure.run(module, **arguments)
        assert result["failed"], arguments
        assert "Backup MUA Operator" in result["msg"], arguments
        assert GUARD in result["msg"]
    # What takes nothing away needs no approval.
    longer = {"policy_name": "long", "datasource_type": "azure_vm", "retention": {"default": "90d"}}
    assert not azure.run("backup_policy", **RSV, **longer)["failed"]


def test_who_may_not_read_the_mapping_is_stopped_only_where_there_is_one(azure: Driver) -> None:
    azure.run("backup_vault", **RSV)
    azure.fault(kind="answer", method="GET", path="/VaultProxy", status=403, times=1)
    assert not azure.run("backup_vault", **RSV, soft_delete={"retention_duration_in_days": 30})["failed"]
    azure.run("backup_resource_guard", **NAMED)
    assert not azure.run("backup_vault", **RSV, resource_guard_id=GUARD)["failed"]
    azure.fault(kind="answer", method="GET", path="/VaultProxy", status=403, times=9)
    count = len(azure.writes())
    assert azure.run("backup_vault", **RSV, soft_delete={"state": "Off"})["failed"]
    assert len(azure.writes()) == count


def test_a_guard_that_is_taken_away_is_not_asked_for_other_changes(azure: Driver) -> None:
    azure.run("backup_vault", **RSV, immutability_state="Unlocked")
    azure.run("backup_resource_guard", **NAMED)
    assert not azure.run("backup_vault", **RSV, resource_guard_id=GUARD)["failed"]
    assert not azure.run("backup_vault", **RSV, resource_guard_id="", immutability_state="Disabled")["failed"]
    assert "resourceGuardOperationRequests" not in str([entry["body"] for entry in azure.requests("PATCH", "/demo-rsv")])


def test_a_guard_that_lists_changes_of_the_key_is_asked_for_them(azure: Driver) -> None:
    azure.run("backup_vault", **RSV)
    azure.run("backup_resource_guard", **NAMED)
    assert not azure.run("backup_vault", **RSV, resource_guard_id=GUARD)["failed"]
    (mapping,) = azure.azure.recovery_services.guards.mappings.values()
    request = f"{GUARD}/modifyEncryptionSettingsRequests/default"
    operation = "Microsoft.RecoveryServices/vaults/write#modifyEncryptionSettings"
    details = {"vaultCriticalOperation": operation, "defaultResourceRequest": request}
    mapping.wire["properties"]["resourceGuardOperationDetails"].append(details)
    key = {"key_uri": "https://keys.vault.azure.net/keys/backup", "identity_type": "SystemAssigned"}
    assert not azure.run("backup_vault", **RSV, encryption_settings=key)["failed"]
    (change,) = azure.requests("PATCH", "/demo-rsv")
    assert change["body"]["properties"]["resourceGuardOperationRequests"] == [request]
