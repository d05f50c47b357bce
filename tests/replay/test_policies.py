# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every recorded policy: what the collection says of it is a task that makes the same policy again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.datasource_types import DATASOURCE_TYPES
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.result_shapes import FIELDS
from ansible_collections.holdfast.azure_backup.plugins.module_utils.services.data_protection.wire import (
    policies as of_backup_vaults,
)
from ansible_collections.holdfast.azure_backup.plugins.module_utils.services.recovery_services.wire import policies as of_vms
from ansible_collections.holdfast.azure_backup.plugins.modules.backup_policy import ARGUMENTS
from emulator.server import Emulator
from modules import Result, VirtualClock, pruned, run_module
from replay.recorded import read_interactions
from replay.test_replay import RECORDINGS

# All that the options of backup_policy say.
READABLE = (
    "datasource_type",
    "schedule",
    "retention",
    "retention_rules",
    "policy_type",
    "instant_rp_retention_range_in_days",
    "azure_backup_rg_name_prefix",
    "azure_backup_rg_name_suffix",
)
assert set(READABLE) <= set(FIELDS["policy"]) & set(ARGUMENTS), "each is a field of results and an option"


def bodies_of(value: Any) -> Iterator[dict[str, Any]]:
    """Find the policies in an answer."""
    if isinstance(value, list):
        for item in value:
            yield from bodies_of(item)
    elif isinstance(value, dict):
        properties = value.get("properties")
        if isinstance(properties, dict) and ("policyRules" in properties or "schedulePolicy" in properties) and value.get("id"):
            yield value
        for item in value.values():
            yield from bodies_of(item)


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """Give the recorded policies that the collection can make, once each, described."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for file in sorted(RECORDINGS.rglob("*.json")):
        try:
            interactions = read_interactions(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        for entry in interactions:
            for wire in bodies_of(entry.body):
                properties = wire["properties"]
                is_machine = properties.get("backupManagementType") == "AzureIaasVM"
                if "policyRules" not in properties and not is_machine:
                    continue
                described = (of_vms if is_machine else of_backup_vaults).describe(wire)
                if described["datasource_type"] in DATASOURCE_TYPES and described["schedule"]:
                    key = json.dumps(readable(described), sort_keys=True)
                    found.setdefault(key, (f"{file.stem}: {wire.get('name')}", described))
    return list(found.values())


def readable(described: dict[str, Any]) -> dict[str, Any]:
    """Give the readable form without what is not set."""
    return pruned({name: described.get(name) for name in READABLE})


@pytest.fixture(scope="module")
def loopback() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not on this machine")
def test_recorded_policies_round_trip(loopback: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in loopback.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(loopback.authority_file))
    clock = VirtualClock(loopback.azure.clock)
    loopback.azure.reset()

    def run(module: str, **arguments: Any) -> Result:
        return run_module(module, {"resource_group": "demo-rg", **arguments}, clock)

    assert run("backup_vault", vault_name="of-backup")["changed"] is True
    assert run("backup_vault", vault_name="of-machines", vault_type="recovery_services")["changed"] is True
    policies = recorded()
    assert len(policies) >= 10
    different = []
    for number, (where, described) in enumerate(policies):
        vault = "of-machines" if described["datasource_type"] == "azure_vm" else "of-backup"
        options = {option: value for option, value in readable(described).items() if option in ARGUMENTS}
        made = run("backup_policy", vault_name=vault, policy_name=f"made{number}", **options)
        if made["failed"]:
            different.append((where, made["msg"]))
        elif readable(made["policy"]) != readable(described):
            different.append((where, readable(described), readable(made["policy"])))
    assert different == [], "\n".join(map(str, different))
