# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An estate in groups: what is tagged is protected, what is not any more is told, and nothing is ended by mistake."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from bodies import GROUP
from emulator.server import Emulator
from playing import VARIABLES, environment, installed, loopback, packaged, play

__all__ = ["environment", "installed", "loopback"]

ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
DISKS: dict[str, Any] = {
    "name": "disks",
    "datasource_type": "azure_disk",
    "select": {"tags": {"Backup": "daily"}, "exempt_tag": "NoBackup"},
    "policy_name": "gold",
    "retention": {"default": "9d"},
}
MACHINES: dict[str, Any] = {
    "name": "machines",
    "datasource_type": "azure_vm",
    "select": {"tags": {"Backup": "*"}, "exclude": {"locations": "East US"}},
    "policy_settings": {"instant_rp_retention_range_in_days": 3},
    "vault_settings": {"redundancy": "LocallyRedundant"},
}
ACCOUNTS: dict[str, Any] = {"datasources": [ACCOUNT], "first_backup": True}
ESTATE: dict[str, Any] = {
    "protect_datasources": "",
    "protect_recovery_services_vault_name": "demo-rsv",
    "protect_groups": [DISKS, MACHINES, ACCOUNTS],
}


def tag(loopback: Emulator, name: str, **tags: str) -> None:
    compute = loopback.azure.compute
    for wire in (*compute.disks.values(), *compute.machines.values()):
        if wire["name"] == name:
            wire["tags"] = tags


def protected(loopback: Emulator) -> dict[str, str]:
    """Give the policies of what is protected, by the names of datasources."""
    found = {}
    for vault in loopback.azure.data_protection.vaults.values():
        for one in vault.instances.values():
            policy = one.wire["properties"]["policyInfo"]["policyId"].rsplit("/", 1)[-1]
            found[one.datasource_id.rsplit("/", 1)[-1]] = policy
    for vault in loopback.azure.recovery_services.vaults.values():
        for item in vault.items.values():
            properties = item.wire["properties"]
            found[properties["sourceResourceId"].rsplit("/", 1)[-1]] = properties["policyId"].rsplit("/", 1)[-1]
    return found


def summary_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Read what set_stats gave to the workflow."""
    text = done.stdout.split("CUSTOM STATS:", 1)[1].split("RUN:", 1)[1]
    (found,) = json.JSONDecoder().raw_decode(text.strip())[:1]
    return dict(found["protect_summary"])


def estate(environment: dict[str, str], *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    shown = {**environment, "ANSIBLE_SHOW_CUSTOM_STATS": "true"}
    return packaged(shown, "protect", *arguments, **{**ESTATE, **more})


@pytest.fixture
def tagged(environment: dict[str, str], loopback: Emulator) -> Emulator:  # noqa: ARG001 - which begins anew
    loopback.azure.clock.speed = 4000
    for name in ("data01", "data02", "web01", "far-web01"):
        tag(loopback, name, backup="daily")
    tag(loopback, "data03", Backup="daily", NoBackup="rebuilt from code")
    return loopback


def test_one_playbook_holds_an_estate(environment: dict[str, str], tagged: Emulator) -> None:
    foretold = estate(environment, "--check", protect_groups=[DISKS, MACHINES])
    assert foretold.returncode == 0, foretold.stdout[-5000:]
    assert tagged.azure.journal.writes() == []
    done = estate(environment)
    assert done.returncode == 0, done.stdout[-5000:]
    assert protected(tagged) == {"data01": "gold", "data02": "gold", "web01": "virtual-machines", "demoaccount": "blobs"}
    told = summary_of(done)
    assert (told["groups"], told["datasources"], len(told["changed"])) == (3, 4, 4)
    assert told["failed"] == told["failed_groups"] == told["unselected"] == []
    assert len(told["job_ids"]) == 1
    assert [one["reason"] for one in told["exempt"]] == ["rebuilt from code"]
    (vault,) = tagged.azure.recovery_services.vaults.values()
    assert vault.policies["virtual-machines"]["properties"]["instantRpRetentionRangeInDays"] == 3
    # One more is tagged, and one is not any more.
    tag(tagged, "web02", Backup="weekly")
    tag(tagged, "data02", Backup="weekly")
    after = estate(environment, protect_groups=[DISKS, MACHINES])
    assert after.returncode == 0, after.stdout[-5000:]
    assert protected(tagged)["web02"] == "virtual-machines"
    told = summary_of(after)
    assert [one.rsplit("/", 1)[-1] for one in told["changed"]] == ["web02"]
    assert [one.rsplit("/", 1)[-1] for one in told["unselected"]] == ["data02"]
    assert "'data02' is protected by policy 'gold', and nothing selects it" in after.stdout


def test_what_no_group_selects_is_ended_only_as_far_as_it_is_allowed(environment: dict[str, str], tagged: Emulator) -> None:
    only_disks = {"protect_groups": [DISKS], "protect_unselected": "stop"}
    assert estate(environment, **only_disks).returncode == 0
    tag(tagged, "data01")
    refused = estate(environment, **only_disks)
    assert refused.returncode != 0
    assert "at most 0 may be ended: data01" in refused.stdout
    told = summary_of(refused)
    assert [one.rsplit("/", 1)[-1] for one in told["unselected"]] == ["data01"]
    assert told["failed_groups"] == ["what no group selects in demo-vault: gold"]
    (vault,) = tagged.azure.data_protection.vaults.values()

    def states() -> set[str]:
        return {one.wire["properties"]["currentProtectionState"] for one in vault.instances.values()}

    assert states() == {"ProtectionConfigured"}
    ended = estate(environment, **only_disks, protect_max_unselected="1")
    assert ended.returncode == 0, ended.stdout[-4000:]
    assert states() == {"ProtectionConfigured", "ProtectionStopped"}
    nothing = {**MACHINES, "name": "old machines", "select": {"tags": {"Backup": "never"}}}
    again = estate(environment, **{**only_disks, "protect_groups": [DISKS, nothing]})
    assert re.search(r"changed=[12] ", again.stdout), again.stdout[-3000:]
    assert "old machines: select matches nothing: no virtual machines in 1 subscription(s) meet" in again.stdout
    # With a plain list, nobody looks at the others.
    plain = {"protect_groups": "", "protect_datasources": VARIABLES["protect_datasources"], "protect_policy_name": "gold"}
    ending = {"protect_retention": {"default": "9d"}, "protect_unselected": "stop", "protect_max_unselected": 9}
    listed = estate(environment, **plain, **ending)
    assert listed.returncode == 0, listed.stdout[-4000:]
    assert "no group selects" not in listed.stdout.replace("Look at what no group selects any more", "").lower()


def test_a_datasource_of_two_groups_is_refused_before_anything_is_written(environment: dict[str, str], tagged: Emulator) -> None:
    # Also where a group is there already and another one is new.
    listed = {
        "name": "a list",
        "policy_name": "gold",
        "datasources": VARIABLES["protect_datasources"],
        "retention": {"default": "9d"},
    }
    assert estate(environment, protect_groups=[listed]).returncode == 0
    tagged.azure.journal.entries.clear()
    other = {**DISKS, "name": "other disks", "policy_name": "silver", "select": {"names": ["data01"]}}
    done = estate(environment, protect_groups=[listed, other])
    assert done.returncode != 0
    assert "several groups protect /subscriptions/" in done.stdout, done.stdout[-3000:]
    assert "disks/data01; let only one group name or select each datasource" in done.stdout
    assert tagged.azure.journal.writes() == []


def test_a_group_that_fails_stops_no_other(environment: dict[str, str], tagged: Emulator) -> None:
    planned = {"error": {"code": "X", "message": "It was planned."}}
    tagged.azure.faults.plan(
        {"kind": "answer", "method": "PUT", "path": "backupVaults/demo-vault$", "status": 400, "body": planned}
    )
    done = estate(environment, protect_groups=[DISKS, MACHINES])
    assert done.returncode != 0
    assert "disks: Cannot create vault 'demo-vault'" in done.stdout, done.stdout[-3000:]
    assert "It was planned." in done.stdout
    assert protected(tagged) == {"web01": "virtual-machines"}
    assert summary_of(done)["failed_groups"] == ["disks"]


@pytest.mark.smoke
def test_a_selection_in_a_playbook_of_ones_own(environment: dict[str, str], tagged: Emulator, tmp_path: Any) -> None:
    """The flat variables are the form for one group."""
    book = tmp_path / "role.yml"
    variables = {key: value for key, value in VARIABLES.items() if key.startswith("protect_") and key != "protect_datasources"}
    select = {"datasource_types": ["azure_disk", "azure_vm"], "tags": {"Backup": "daily"}, "locations": ["westeurope"]}
    variables |= {"protect_select": select, "protect_recovery_services_vault_name": "demo-rsv"}
    role = {"role": "holdfast.azure_backup.protect", "vars": variables}
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "roles": [role]}]), encoding="utf-8")
    done = play(environment, str(book))
    assert done.returncode == 0, done.stdout[-3000:]
    disks = {"data01": "disks", "data02": "disks", "data03": "disks"}
    assert protected(tagged) == {**disks, "web01": "virtual-machines"}
