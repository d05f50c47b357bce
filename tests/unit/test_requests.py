# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a task sends for many virtual machines: so many for each, and the pages of lists once."""

from __future__ import annotations

from collections import Counter

import pytest
from emulator.seed import SUBSCRIPTION, Seed
from emulator.server import Emulator
from modules import VirtualClock, run_module

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/fleet-rg"


def requests_of(monkeypatch: pytest.MonkeyPatch, count: int, is_protected: bool, module: str, **options: object) -> Counter[str]:
    """Run a task on new or protected machines of a vault and count its requests by what they are about."""
    machines = [{"name": "first", "protected_in": "fleet"}, {"name": "vm", "count": count}]
    if is_protected:
        machines[1]["protected_in"] = "fleet"
    group = {"name": "fleet-rg", "location": "westeurope", "machines": machines, "storage_accounts": [{"name": "st"}]}
    seed = Seed(groups=[group])
    with Emulator(1, seed=seed) as emulator:
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        ids = [f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm{number:05d}" for number in range(count)]
        given = {"resource_group": "fleet-rg", "vault_name": "fleet", "datasource_id": ids, "wait_timeout": 80_000, **options}
        service = emulator.azure.recovery_services
        for vault in service.vaults.values() if module == "backup_restore" else ():
            for number, item in enumerate(vault.items.values()):
                service.recovery_points_api.add(item, f"{10**14 + number}", service.clock.now(), "2040-01-01T00:00:00Z")
        emulator.azure.journal.entries.clear()
        result = run_module(module, given, VirtualClock(emulator.azure.clock))
        assert not result["failed"], result
        entries = emulator.azure.journal.entries
    found = Counter(entry["path"].lower().split("/vaults/fleet/")[-1].split("/")[0] for entry in entries)
    found["429"] = sum(entry["status"] == 429 for entry in entries)
    found["all"] = len(entries)
    return found


def test_protecting_machines_costs_four_requests_each(monkeypatch: pytest.MonkeyPatch) -> None:
    few = requests_of(monkeypatch, 16, False, "backup_instance", policy_name="DefaultPolicy")
    many = requests_of(monkeypatch, 96, False, "backup_instance", policy_name="DefaultPolicy")
    # The machine, the item, its operation which is seen once or twice, and a share of the looks at the jobs.
    assert (many["all"] - few["all"]) / 80 <= 4
    for listed in ("backupprotecteditems", "backupprotectableitems"):
        assert many[listed] <= few[listed] + 2 <= 8
    # Jobs are looked at by one list for all, which Azure answers 150 times an hour.
    assert many["backupjobs"] <= 20
    assert many["429"] == 0


def test_a_converge_without_a_change_costs_the_pages_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    few = requests_of(monkeypatch, 16, True, "backup_instance", policy_name="DefaultPolicy")
    many = requests_of(monkeypatch, 600, True, "backup_instance", policy_name="DefaultPolicy")
    assert many["all"] - few["all"] == 3


def test_waiting_for_snapshots_keeps_to_the_reads_of_jobs_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    found = requests_of(monkeypatch, 16, True, "backup_adhoc", wait_for="snapshot")
    assert found["429"] == 0
    assert found["backupjobs"] < 150


def test_restoring_machines_costs_five_requests_each(monkeypatch: pytest.MonkeyPatch) -> None:
    target = {
        "resource_group": "fleet-rg",
        "staging_storage_account_id": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/st",
    }
    few = requests_of(monkeypatch, 8, True, "backup_restore", target=target)
    many = requests_of(monkeypatch, 48, True, "backup_restore", target=target)
    # Its points, the restore, its operation and its job, and a share of the looks at all jobs.
    assert (many["all"] - few["all"]) / 40 <= 5
    assert many["backupprotecteditems"] == few["backupprotecteditems"]
    assert many["429"] == 0
