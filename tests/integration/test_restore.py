# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and playbook restore: for a person who has lost something."""

from __future__ import annotations

import json

import pytest
from emulator.server import Emulator
from playing import DISK, environment, installed, loopback, packaged

__all__ = ["environment", "installed", "loopback"]

RESTORED = DISK.replace("data01", "data01-restored").lower()
ROLE = "b50d9833-a0cb-478e-945f-707fcc997c13"


@pytest.fixture
def lost(environment: dict[str, str], loopback: Emulator) -> dict[str, str]:
    """Give the environment of somebody whose disk was backed up and is gone."""
    for name in ("protect", "backup_now"):
        done = packaged(environment, name)
        assert done.returncode == 0, done.stdout[-3000:]
    del loopback.azure.compute.disks[DISK.lower()]
    return environment


def assignments(loopback: Emulator) -> list[str]:
    return [name for name, one in loopback.azure.authorization.assignments.items() if ROLE in json.dumps(one, default=str)]


def test_a_lost_disk_is_brought_back_and_its_role_revoked(lost: dict[str, str], loopback: Emulator) -> None:
    done = packaged(lost, "restore", restore_grant_permissions=True)
    assert done.returncode == 0, done.stdout[-3000:]
    assert RESTORED in loopback.azure.compute.disks
    assert "restored 'data01' to 'data01-restored' in resource group 'demo-rg'" in done.stdout
    assert assignments(loopback) == []
    refused = packaged(lost, "restore")
    assert refused.returncode != 0
    assert "exists already, and a restore overwrites nothing" in refused.stdout
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
        ({"restore_datasources": ""}, "Set exactly one of restore_datasources, restore_restores and restore_job_id"),
        ({"restore_wait": "perhaps"}, "restore_wait: 'perhaps'"),
    ],
)
def test_answers_of_a_survey(environment: dict[str, str], given: dict[str, str], message: str) -> None:
    done = packaged(environment, "restore", **given)
    assert done.returncode != 0
    assert message in done.stdout
