# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real Azure CLI beside this collection: it works against the loopback Azure, and its sign-in serves the modules.

Its extension for Backup vaults is not on PyPI, so that vaults are asked for by az rest.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator.seed import CLIENT, SECRET, SUBSCRIPTION, TENANT
from emulator.server import Emulator
from modules import VirtualClock, run_module

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg"
NAMED = {"resource_group": "demo-rg", "vault_name": "demo-vault"}
pytestmark = pytest.mark.skipif(not shutil.which("az"), reason="az is not installed; make test-clients installs it")
Az = Callable[..., Any]


@pytest.fixture(scope="module")
def loopback() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def blank(loopback: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Emulator:
    """An environment that knows where the loopback Azure is trusted from, and nothing of credentials."""
    loopback.azure.reset()
    loopback.azure.clock.speed = 1
    for name in [name for name in os.environ if name.startswith(("AZURE_", "ARM_"))]:
        monkeypatch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, loopback.environment()[name])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "azure"))
    monkeypatch.setenv("AZURE_CORE_COLLECT_TELEMETRY", "false")
    # The loopback Azure is not one that Microsoft's directory knows.
    monkeypatch.setenv("AZURE_CORE_INSTANCE_DISCOVERY", "false")
    return loopback


@pytest.fixture
def az(blank: Emulator) -> Az:
    """An az that is signed in to the loopback Azure."""

    def call(*words: str) -> Any:
        done = subprocess.run(["az", *words, "-o", "json"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout or "null")

    call("cloud", "register", "--name", "loopback", "--endpoint-resource-manager", blank.url)
    call("cloud", "set", "--name", "loopback")
    call("login", "--service-principal", "--username", CLIENT, "--password", SECRET, "--tenant", TENANT)
    call("account", "set", "--subscription", SUBSCRIPTION)
    return call


def test_the_cli_reads_what_is_there(az: Az) -> None:
    assert {account["id"] for account in az("account", "list")} >= {SUBSCRIPTION}
    assert "data01" in [disk["name"] for disk in az("disk", "list", "--resource-group", "demo-rg")]
    assert [group["name"] for group in az("group", "list")] == ["demo-rg", "demo-snapshots-rg", "drills-rg", "north-rg"]
    assert "demoaccount" in [account["name"] for account in az("storage", "account", "list", "--resource-group", "demo-rg")]


@pytest.mark.parametrize("source", ["cli", "auto"])
def test_the_modules_use_the_sign_in_of_the_cli(az: Az, blank: Emulator, source: str) -> None:
    clock = VirtualClock(blank.azure.clock)
    made = run_module("backup_vault", {**NAMED, "auth_source": source, "tags": {"by": "ansible"}}, clock)
    assert not made["failed"], made["msg"]
    seen = az("rest", "--method", "get", "--url", f"{blank.url}{made['vault']['id']}?api-version=2025-07-01")
    assert seen["tags"] == {"by": "ansible"}


def test_what_the_cli_made_is_adopted(az: Az, blank: Emulator) -> None:
    body = {
        "location": "westeurope",
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}],
            "securitySettings": {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14}},
        },
    }
    url = f"{blank.url}{GROUP}/providers/Microsoft.DataProtection/backupVaults/demo-vault?api-version=2025-07-01"
    az("rest", "--method", "put", "--url", url, "--body", json.dumps(body))
    found = run_module("backup_vault", {**NAMED, "auth_source": "cli"}, VirtualClock(blank.azure.clock))
    assert (found["failed"], found["changed"]) == (False, False)


def test_roles_are_seen_by_the_cli(az: Az, blank: Emulator) -> None:
    disk = f"{GROUP}/providers/Microsoft.Compute/disks/data01"
    clock = VirtualClock(blank.azure.clock)
    connection = {**NAMED, "auth_source": "cli"}
    assert not run_module("backup_vault", connection, clock)["failed"]
    assert not run_module("backup_permission", {**connection, "datasource_id": [disk]}, clock)["failed"]
    listed = az("role", "assignment", "list", "--scope", disk, "--fill-principal-name", "false")
    assert "Disk Backup Reader" in [item["roleDefinitionName"] for item in listed]


def test_the_cli_backs_a_virtual_machine_up(az: Az, blank: Emulator) -> None:
    """The way of Microsoft's quickstart, from a vault to its removal, by the commands of az backup."""
    # The CLI sleeps in real time, half a minute at once while it waits for a job.
    blank.azure.clock.speed = 3600
    vault = ["--resource-group", "demo-rg", "--vault-name", "cli-vault"]
    machine = ["--backup-management-type", "AzureIaasVM", "--workload-type", "VM"]
    web02 = [*vault, "--container-name", "web02", "--item-name", "web02", *machine]
    az("backup", "vault", "create", "--resource-group", "demo-rg", "--name", "cli-vault", "--location", "westeurope")
    az("backup", "vault", "backup-properties", "set", "--resource-group", "demo-rg", "--name", "cli-vault",
       "--soft-delete-feature-state", "Disable")  # fmt: skip
    assert "DefaultPolicy" in [policy["name"] for policy in az("backup", "policy", "list", *vault)]
    # A new machine, which the vault is told to look for.
    enabled = az("backup", "protection", "enable-for-vm", *vault, "--vm", "web02", "--policy-name", "DefaultPolicy")
    assert enabled["properties"]["operation"] == "ConfigureBackup"
    started = az("backup", "protection", "backup-now", *web02, "--retain-until", "01-01-2040")
    az("backup", "job", "wait", *vault, "--name", started["name"])
    assert az("backup", "job", "show", *vault, "--name", started["name"])["properties"]["status"] == "Completed"
    (point,) = az("backup", "recoverypoint", "list", *web02)
    arguments = {"resource_group": "demo-rg", "vault_name": "cli-vault", "auth_source": "cli"}
    seen = run_module(
        "backup_recovery_point_info",
        {**arguments, "datasource_id": [f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web02"]},
        VirtualClock(blank.azure.clock),
    )
    assert [found["name"] for found in seen["recovery_points"]] == [point["name"]]
    ended = az("backup", "protection", "disable", *web02, "--delete-backup-data", "true", "--yes")
    assert ended["properties"]["operation"] == "DeleteBackupData"
    assert az("backup", "item", "list", *vault) == []
    az("backup", "vault", "delete", "--resource-group", "demo-rg", "--name", "cli-vault", "--yes")


STAGING = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/emptyaccount"
WEB01 = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"


@pytest.fixture
def backed_up(az: Az, blank: Emulator) -> list[str]:
    """Have web01 backed up by the CLI in a geo-redundant vault; gives how commands name its newest point."""
    blank.azure.clock.speed = 3600
    vault = ["--resource-group", "demo-rg", "--vault-name", "cli-vault"]
    web01 = [*vault, "--container-name", "web01", "--item-name", "web01"]
    machine = ["--backup-management-type", "AzureIaasVM"]
    az("backup", "vault", "create", "--resource-group", "demo-rg", "--name", "cli-vault", "--location", "westeurope")
    az("backup", "protection", "enable-for-vm", *vault, "--vm", "web01", "--policy-name", "DefaultPolicy")
    started = az("backup", "protection", "backup-now", *web01, *machine, "--retain-until", "01-01-2040")
    az("backup", "job", "wait", *vault, "--name", started["name"])
    (point,) = az("backup", "recoverypoint", "list", *web01, *machine, "--workload-type", "VM")
    return [*web01, "--rp-name", point["name"]]


def test_the_cli_restores_a_virtual_machine_in_every_way(az: Az, blank: Emulator, backed_up: list[str]) -> None:
    """By az backup restore restore-disks: to disks, in place, to a new machine, in the secondary region."""
    vault = ["--resource-group", "demo-rg", "--vault-name", "cli-vault"]
    compute = blank.azure.compute

    def restored(*more: str) -> Any:
        started = az("backup", "restore", "restore-disks", *backed_up, "--storage-account", STAGING, *more)
        az("backup", "job", "wait", *vault, "--name", started["name"])
        return az("backup", "job", "show", *vault, "--name", started["name"])["properties"]

    job = restored("--target-resource-group", "demo-snapshots-rg")
    assert (job["operation"], job["status"]) == ("Restore", "Completed")
    assert job["extendedInfo"]["propertyBag"]["Template Blob Uri"]
    assert len([name for name in compute.disks if "/demo-snapshots-rg/" in name]) == 3
    seen = run_module(
        "backup_restore",
        {
            "resource_group": "demo-rg", "vault_name": "cli-vault", "auth_source": "cli", "datasource_id": [WEB01],
            "on_existing": "skip", "target": {"resource_group": "demo-snapshots-rg", "staging_storage_account_id": STAGING},
        },
        VirtualClock(blank.azure.clock),
    )  # fmt: skip
    # What the CLI restored is known for what it is.
    assert [item["action"] for item in seen["datasources"]] == ["skip"], seen
    only_system = restored("--target-resource-group", "demo-rg", "--restore-only-osdisk")
    assert only_system["status"] == "Completed"
    before = compute.machines[WEB01.lower()]["properties"]["storageProfile"]
    assert restored("--restore-mode", "OriginalLocation")["extendedInfo"]["propertyBag"]["Job Type"] == "Replace disks"
    assert compute.machines[WEB01.lower()]["properties"]["storageProfile"] != before
    network = ["--target-vnet-name", "demo-vnet", "--target-vnet-resource-group", "demo-rg", "--target-subnet-name", "restored"]
    new = ["--restore-mode", "AlternateLocation", "--target-vm-name", "cli-web", "--target-resource-group", "demo-rg"]
    assert restored(*new, *network)["status"] == "Completed"
    assert f"{GROUP}/providers/Microsoft.Compute/virtualMachines/cli-web".lower() in compute.machines


def test_the_cli_restores_in_the_secondary_region(az: Az, blank: Emulator, backed_up: list[str]) -> None:
    vault = ["--resource-group", "demo-rg", "--vault-name", "cli-vault"]
    az("backup", "vault", "backup-properties", "set", "--resource-group", "demo-rg", "--name", "cli-vault",
       "--cross-region-restore-flag", "True")  # fmt: skip
    north = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/north-rg/providers/Microsoft.Storage/storageAccounts/northaccount"
    place = ["--storage-account", north, "--target-resource-group", "north-rg", "--use-secondary-region"]
    started = az("backup", "restore", "restore-disks", *backed_up, *place)
    blank.azure.clock.advance(7200)
    job = az("backup", "job", "show", *vault, "--name", started["name"], "--use-secondary-region")
    assert job["properties"]["status"] == "Completed"
    assert len([name for name in blank.azure.compute.disks if "/north-rg/" in name]) == 3


def test_the_cli_maps_a_vault_to_a_resource_guard(az: Az, blank: Emulator, backed_up: list[str]) -> None:
    made = run_module(
        "backup_resource_guard",
        {"resource_group": "demo-rg", "resource_guard_name": "demo-guard", "auth_source": "cli"},
        VirtualClock(blank.azure.clock),
    )
    guard = made["resource_guard"]["id"]
    named = ["--resource-group", "demo-rg", "--name", "cli-vault"]
    az("backup", "vault", "resource-guard-mapping", "update", *named, "--resource-guard-id", guard)
    shown = az("backup", "vault", "resource-guard-mapping", "show", *named)
    assert shown["properties"]["resourceGuardResourceId"] == guard
    # The CLI asks the guard for its approval, as the mapping says.
    place = ["--storage-account", STAGING, "--target-resource-group", "demo-snapshots-rg"]
    az("backup", "restore", "restore-disks", *backed_up, *place)
    az("backup", "vault", "resource-guard-mapping", "delete", *named, "--yes")


def test_the_cli_manages_groups_and_reads_what_a_subscription_has(az: Az, blank: Emulator) -> None:
    blank.azure.clock.speed = 3600
    assert az("group", "exists", "--name", "cli-rg") is False
    az("group", "create", "--name", "cli-rg", "--location", "westeurope", "--tags", "owner=cli")
    assert az("group", "exists", "--name", "cli-rg") is True
    az("backup", "vault", "create", "--resource-group", "cli-rg", "--name", "cli-vault", "--location", "westeurope")
    assert [one["name"] for one in az("resource", "list", "--resource-group", "cli-rg")] == ["cli-vault"]
    assert "westeurope" in [one["name"] for one in az("account", "list-locations")]
    assert az("provider", "show", "--namespace", "Microsoft.RecoveryServices")["registrationState"] == "Registered"
    az("backup", "vault", "delete", "--resource-group", "cli-rg", "--name", "cli-vault", "--yes")
    az("group", "delete", "--name", "cli-rg", "--yes")
    assert az("group", "exists", "--name", "cli-rg") is False


def test_the_cli_writes_a_policy_as_it_prints_it(az: Az, blank: Emulator) -> None:
    """A weekly policy is printed with an empty daily schedule, and is taken back like that."""
    blank.azure.clock.speed = 3600
    vault = ["--resource-group", "demo-rg", "--vault-name", "cli-vault"]
    az("backup", "vault", "create", "--resource-group", "demo-rg", "--name", "cli-vault", "--location", "westeurope")
    arguments = {"resource_group": "demo-rg", "vault_name": "cli-vault", "vault_type": "recovery_services", "auth_source": "cli"}
    schedule = {"frequency": "weekly", "days": ["sunday"], "times": ["02:00"]}
    wanted = {"policy_name": "weekly", "datasource_type": "azure_vm", "schedule": schedule, "retention": {"default": "12w"}}
    made = run_module("backup_policy", {**arguments, **wanted}, VirtualClock(blank.azure.clock))
    assert not made["failed"], made["msg"]
    shown = az("backup", "policy", "show", *vault, "--name", "weekly")
    assert shown["properties"]["retentionPolicy"]["dailySchedule"] is None
    az("backup", "policy", "set", *vault, "--name", "weekly", "--policy", json.dumps(shown))
    copied = {**shown, "name": "copied", "id": shown["id"].replace("/weekly", "/copied")}
    machine = ["--backup-management-type", "AzureIaasVM", "--workload-type", "VM"]
    az("backup", "policy", "create", *vault, "--name", "copied", *machine, "--policy", json.dumps(copied))
    again = run_module("backup_policy", {**arguments, **wanted, "policy_name": "copied"}, VirtualClock(blank.azure.clock))
    assert (again["failed"], again["changed"]) == (False, False)


def test_the_cli_stops_and_resumes_and_reads_points_by_date(az: Az, blank: Emulator) -> None:
    blank.azure.clock.speed = 3600
    vault = ["--resource-group", "demo-rg", "--vault-name", "cli-vault"]
    machine = ["--backup-management-type", "AzureIaasVM", "--workload-type", "VM"]
    web01 = [*vault, "--container-name", "web01", "--item-name", "web01", *machine]
    vm = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"
    az("backup", "vault", "create", "--resource-group", "demo-rg", "--name", "cli-vault", "--location", "westeurope")
    assert az("backup", "vault", "backup-properties", "show", "--resource-group", "demo-rg", "--name", "cli-vault")
    assert not az("backup", "protection", "check-vm", "--vm-id", vm)
    az("backup", "protection", "enable-for-vm", *vault, "--vm", "web01", "--policy-name", "DefaultPolicy")
    assert az("backup", "protection", "check-vm", "--vm-id", vm).lower().endswith("/cli-vault")
    started = az("backup", "protection", "backup-now", *web01, "--retain-until", "01-01-2040")
    az("backup", "job", "wait", *vault, "--name", started["name"])
    az("backup", "protection", "disable", *web01, "--yes")
    stopped = az("backup", "item", "show", *vault, "--container-name", "web01", "--name", "web01", *machine)
    assert (stopped["properties"]["protectionState"], stopped["properties"]["policyName"]) == ("ProtectionStopped", "")
    az("backup", "protection", "resume", *web01, "--policy-name", "DefaultPolicy")
    resumed = az("backup", "item", "show", *vault, "--container-name", "web01", "--name", "web01", *machine)
    assert resumed["properties"]["protectionState"] in ("Protected", "IRPending")
    everything = ["--start-date", "01-01-2020", "--end-date", "01-01-2040"]
    assert len(az("backup", "recoverypoint", "list", *web01, *everything)) == 1
    assert az("backup", "recoverypoint", "list", *web01, "--start-date", "01-01-2020", "--end-date", "01-02-2020") == []
    assert [one["name"] for one in az("backup", "container", "list", *vault, *machine[:2])]
    assert {one["properties"]["operation"] for one in az("backup", "job", "list", *vault)} >= {"Backup", "ConfigureBackup"}


@pytest.mark.usefixtures("blank")
def test_a_cli_that_nobody_is_signed_in_with_is_told() -> None:
    result = run_module("backup_vault", {**NAMED, "auth_source": "cli"})
    assert result["failed"]
    assert "az login" in result["msg"]


def test_the_cli_backs_a_managed_hsm_up_and_restores_it(az: Az, blank: Emulator) -> None:
    blobs = blank.start_blob_store()
    if blobs is None:
        pytest.skip("Azurite, which stores the backups of Managed HSMs, is not on this machine (make azurite)")
    blank.azure.clock.speed = 20
    hsm = ("--id", blank.urls["managed_hsm"])
    storage = ("--storage-resource-uri", blobs.container_uri, "--storage-container-SAS-token", blobs.make_sas())
    backup = az("keyvault", "backup", "start", *hsm, *storage)
    assert backup["status"] == "Succeeded"
    folder = backup["folderUrl" if "folderUrl" in backup else "azureStorageBlobContainerUri"].rsplit("/", 1)[-1]
    assert {name.split("/", 1)[0] for name in blobs.names()} == {folder}
    az("keyvault", "restore", "start", *hsm, *storage, "--backup-folder", folder)
    assert blank.azure.managed_hsm.restored == [folder]
