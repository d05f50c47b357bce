# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles do, by somebody whose role lists exactly the actions that the guide of permissions names."""

from __future__ import annotations

import pytest
from backups import ACCOUNT, backed_up_disks, backed_up_machines
from chaos.campaign import ORDERS, available, located, loopback
from chaos.drills import KINDS, Drills
from conftest import Driver, disk
from emulator.identity import ServicePrincipal
from emulator.server import Emulator
from modules import VirtualClock, run_module
from permissions import OPTIONAL_ACTIONS, documented_actions


@pytest.mark.parametrize("order", ORDERS)
def test_the_documented_actions_are_enough_and_each_is_needed(azure: Driver, monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    if order not in available(azure.emulator):
        pytest.skip("Azurite, which stores the backups of Managed HSMs, is not on this machine (make azurite)")
    actions = documented_actions()[order]
    caller = ServicePrincipal(azure.azure.seed.tenant_id, "1ea57900-0000-4000-8000-000000000001", "least", actions=actions)
    azure.azure.entra.add(caller)
    monkeypatch.setenv("AZURE_CLIENT_ID", caller.client_id)
    monkeypatch.setenv("AZURE_SECRET", caller.secret)
    for step in ORDERS[order]():
        values = {"resource_group": None, "vault_name": None, **step.arguments}
        result = azure.run(step.module, **located(values, azure.emulator))
        assert not result["failed"], result["msg"]
    assert caller.used == actions | OPTIONAL_ACTIONS.get(order, set())


def test_drills_need_no_more_than_the_documented_actions_and_each_is_needed() -> None:
    actions = documented_actions()["drills"]
    with Emulator() as emulator:
        if emulator.start_blob_store() is None:
            pytest.skip("Azurite, which holds the journals of drills, is not on this machine (make azurite)")
        with loopback(emulator):
            drills = Drills(emulator)
            used: set[str] = set()
            for kind, arguments in KINDS.items():
                drills.prepare(kind)
                identity = ServicePrincipal(
                    emulator.azure.seed.tenant_id, "1ea57900-0000-4000-8000-000000000001", "least", actions=actions
                )
                emulator.azure.entra.add(identity)
                with pytest.MonkeyPatch.context() as patch:
                    patch.setenv("AZURE_CLIENT_ID", identity.client_id)
                    patch.setenv("AZURE_SECRET", identity.secret)
                    result = run_module("backup_restore_drill", dict(arguments), VirtualClock(emulator.azure.clock))
                assert not result["failed"], result["msg"]
                used |= identity.used
    assert used == actions | OPTIONAL_ACTIONS["drills"]


def test_the_coverage_needs_no_more_than_the_documented_actions_and_each_is_needed(
    azure: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    backed_up_disks(azure)
    backed_up_machines(azure)
    lake = ACCOUNT.replace("demoaccount", "demolake")
    kinds = {ACCOUNT: ("azure_blob", {"retention": {"operational": "30d"}}), lake: ("azure_data_lake_storage", {})}
    for account, (kind, policy) in kinds.items():
        assert not azure.run("backup_policy", policy_name=kind.replace("_", "-"), datasource_type=kind, **policy)["failed"]
        about = {"datasource_id": account, "datasource_type": kind}
        assert not azure.run("backup_permission", **about)["failed"]
        assert not azure.run("backup_instance", policy_name=kind.replace("_", "-"), **about)["failed"]
    actions = documented_actions()["coverage"]
    caller = ServicePrincipal(azure.azure.seed.tenant_id, "1ea57900-0000-4000-8000-000000000001", "least", actions=actions)
    azure.azure.entra.add(caller)
    monkeypatch.setenv("AZURE_CLIENT_ID", caller.client_id)
    monkeypatch.setenv("AZURE_SECRET", caller.secret)
    group = {"resource_group": "demo-rg", "vault_name": "demo-vault", "policy_name": "disks", "datasource_id": [disk("data01")]}
    result = azure.run("backup_coverage_info", resource_group=None, vault_name=None, protect_groups=[group], rpo="60d")
    assert not result["failed"], result["msg"]
    assert result["coverage"]["unreadable"] == []
    assert result["coverage"]["reads"]["recovery_points"] == 2
    assert caller.used == actions


def test_what_a_role_does_not_list_is_refused(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = documented_actions()["disks"] - {"Microsoft.DataProtection/backupVaults/write"}
    caller = ServicePrincipal(azure.azure.seed.tenant_id, "1ea57900-0000-4000-8000-000000000001", "least", actions=actions)
    azure.azure.entra.add(caller)
    monkeypatch.setenv("AZURE_CLIENT_ID", caller.client_id)
    monkeypatch.setenv("AZURE_SECRET", caller.secret)
    assert "'Microsoft.DataProtection/backupVaults/write'" in azure.run("backup_vault")["msg"]
