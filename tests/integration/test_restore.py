# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and playbook restore: for a person who has lost something."""

from __future__ import annotations

import json
import re

import pytest
from emulator.server import Emulator
from playing import DISK, MACHINE, back_up, environment, installed, loopback, packaged

__all__ = ["environment", "installed", "loopback"]

RESTORED = DISK.replace("data01", "data01-restored").lower()
ROLE = "b50d9833-a0cb-478e-945f-707fcc997c13"


@pytest.fixture
def lost(environment: dict[str, str], loopback: Emulator) -> dict[str, str]:
    """Give the environment of somebody whose disk was backed up and is gone."""
    back_up(environment, DISK)
    del loopback.azure.compute.disks[DISK.lower()]
    return environment


def assignments(loopback: Emulator) -> list[str]:
    return [name for name, one in loopback.azure.authorization.assignments.items() if ROLE in json.dumps(one, default=str)]


@pytest.mark.smoke
def test_a_lost_disk_is_brought_back_and_its_role_revoked(lost: dict[str, str], loopback: Emulator) -> None:
    done = packaged(lost, "restore", restore_grant_permissions=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert RESTORED in loopback.azure.compute.disks
    assert "restored 'data01' to 'data01-restored' in resource group 'demo-rg'" in done.stdout
    assert assignments(loopback) == []
    refused = packaged(lost, "restore")
    assert refused.returncode != 0
    assert "exists already; a restore overwrites nothing" in refused.stdout
    again = packaged(lost, "restore", restore_on_existing="skip")
    assert again.returncode == 0, again.stdout[-3000:]
    assert "changed=0" in again.stdout


def test_check_mode_tells_what_is_missing_and_restores_nothing(lost: dict[str, str], loopback: Emulator) -> None:
    before = len(loopback.azure.journal.writes())
    done = packaged(lost, "restore", "--check", "--diff")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "would be restored to 'data01-restored'" in done.stdout
    assert "'Disk Restore Operator' on" in done.stdout + done.stderr
    assert len(loopback.azure.journal.writes()) == before
    assert RESTORED not in loopback.azure.compute.disks


def test_a_restore_that_fails_fails_the_play_and_its_role_is_revoked(lost: dict[str, str], loopback: Emulator) -> None:
    loopback.azure.faults.plan(
        {"kind": "job", "outcome": {"status": "Failed", "error": {"code": "X", "message": "It was planned."}}}
    )
    done = packaged(lost, "restore", restore_grant_permissions=True)
    assert done.returncode != 0
    assert "It was planned." in done.stdout
    assert assignments(loopback) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"restore_target": '{"resource_group": "demo-rg", "nme": "x"}'}, "unknown key(s) nme"),
        (
            {"restore_datasources": ""},
            "Set exactly one of restore_datasources, restore_select, restore_restores and restore_job_id",
        ),
        ({"restore_wait": "perhaps"}, "restore_wait: 'perhaps'"),
    ],
)
def test_answers_of_a_survey(environment: dict[str, str], given: dict[str, str], message: str) -> None:
    done = packaged(environment, "restore", **given)
    assert done.returncode != 0
    assert message in done.stdout


STAGING = DISK.replace("Microsoft.Compute/disks/data01", "Microsoft.Storage/storageAccounts/emptyaccount")
OF_MACHINE = {
    "restore_vault_name": "demo-rsv",
    "restore_datasources": MACHINE,
    "restore_target": {"resource_group": "demo-snapshots-rg", "staging_storage_account_id": STAGING},
}


@pytest.fixture
def broken(environment: dict[str, str]) -> dict[str, str]:
    """Give the environment of somebody whose virtual machine was backed up."""
    back_up(environment, MACHINE)
    return environment


def restored_disks(loopback: Emulator) -> list[str]:
    return [disk["name"] for name, disk in loopback.azure.compute.disks.items() if "/demo-snapshots-rg/" in name]


def test_the_disks_of_a_machine_are_restored_by_the_role(broken: dict[str, str], loopback: Emulator) -> None:
    foreseen = packaged(broken, "restore", "--check", **OF_MACHINE)
    assert foreseen.returncode == 0, foreseen.stdout[-3000:]
    assert "would be restored to new disks in resource group 'demo-snapshots-rg'" in foreseen.stdout
    assert restored_disks(loopback) == []
    # Roles are granted only where an identity of the vault needs them.
    done = packaged(broken, "restore", restore_grant_permissions=True, **OF_MACHINE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(restored_disks(loopback)) == 3
    assert not [entry for entry in loopback.azure.journal.writes() if "/roleassignments/" in entry["path"].lower()]


def test_the_roles_of_a_staging_identity_are_granted_and_revoked(broken: dict[str, str], loopback: Emulator) -> None:
    loopback.azure.authorization.propagation_seconds = 0
    target = {**OF_MACHINE["restore_target"], "staging_identity": "system_assigned"}
    done = packaged(broken, "restore", restore_grant_permissions=True, **{**OF_MACHINE, "restore_target": target})
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(restored_disks(loopback)) == 3
    written = [entry["method"] for entry in loopback.azure.journal.writes() if "/roleassignments/" in entry["path"].lower()]
    assert written == ["PUT", "PUT", "DELETE", "DELETE"]


def test_a_list_of_restores_that_differ(lost: dict[str, str], loopback: Emulator) -> None:
    orders = [
        {"datasource_id": DISK, "target": {"resource_group": "demo-rg", "name": name}} for name in ("data01", "data01-copy")
    ]
    done = packaged(
        lost, "restore", restore_grant_permissions=True, restore_datasources="", restore_target={}, restore_restores=orders
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert {DISK.lower(), f"{DISK.lower()}-copy"} <= set(loopback.azure.compute.disks)
    assert assignments(loopback) == []


def test_the_role_stays_while_the_restore_runs(lost: dict[str, str], loopback: Emulator) -> None:
    done = packaged(lost, "restore", restore_grant_permissions=True, restore_wait=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert len(assignments(loopback)) == 1
    # What happened is told before the roles are revoked.
    told, revoked = done.stdout.index("Show the result for each"), done.stdout.index("Revoke the roles")
    assert told < revoked


def test_every_blob_of_an_account_is_overwritten_only_where_no_target_is_given(environment: dict[str, str]) -> None:
    account = STAGING.replace("emptyaccount", "demoaccount")
    order = {
        "datasource_id": account,
        "point_in_time": "2026-11-04T08:00:00Z",
        "confirm": "demoaccount",
        "target": {"ranges": None},
    }
    done = packaged(environment, "restore", restore_datasources="", restore_target={}, restore_restores=[order])
    assert done.returncode != 0
    assert "target.ranges is not set" in done.stdout


def test_a_restore_from_the_vault_tells_how_far_it_is(broken: dict[str, str], loopback: Emulator) -> None:
    for vault in loopback.azure.recovery_services.vaults.values():
        for item in vault.items.values():
            item.points[0]["properties"]["recoveryPointTierDetails"] = [{"type": "HardenedRP", "status": "Valid"}]
    done = packaged(broken, "restore", restore_progress_interval=0.5, **OF_MACHINE)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"web01: job \S+ in progress, Transfer data from vault, 50 %, about [12]s left", done.stderr), done.stderr


def test_the_role_is_granted_to_the_identity_that_is_named(lost: dict[str, str], loopback: Emulator) -> None:
    named = DISK.replace("Microsoft.Compute/disks/data01", "Microsoft.ManagedIdentity/userAssignedIdentities/restorer")
    (vault,) = loopback.azure.data_protection.vaults.values()
    principal = loopback.azure.authorization.add_identity()
    vault.wire["identity"] |= {
        "type": "SystemAssigned, UserAssigned",
        "userAssignedIdentities": {named: {"principalId": principal, "clientId": principal}},
    }
    # The instance itself acts with the system-assigned identity.
    group = DISK.split("/providers/", maxsplit=1)[0]
    loopback.azure.authorization.plant(str(vault.wire["identity"]["principalId"]), ROLE, group)
    options = {"restore_grant_permissions": True, "restore_revoke_permissions": False, "restore_identity_id": named}
    done = packaged(lost, "restore", **options)
    assert done.returncode == 0, done.stdout[-3000:]
    held = [one["properties"] for one in loopback.azure.authorization.assignments.values()]
    granted = [one["principalId"] for one in held if one["scope"] == group and one["roleDefinitionId"].endswith(ROLE)]
    assert principal in granted
