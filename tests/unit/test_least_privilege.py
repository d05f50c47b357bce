# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles do, by somebody whose role lists exactly the actions that the guide of permissions names."""

from __future__ import annotations

import pytest
from chaos.campaign import ORDERS, available, located
from conftest import Driver
from emulator.identity import ServicePrincipal
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


def test_what_a_role_does_not_list_is_refused(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = documented_actions()["disks"] - {"Microsoft.DataProtection/backupVaults/write"}
    caller = ServicePrincipal(azure.azure.seed.tenant_id, "1ea57900-0000-4000-8000-000000000001", "least", actions=actions)
    azure.azure.entra.add(caller)
    monkeypatch.setenv("AZURE_CLIENT_ID", caller.client_id)
    monkeypatch.setenv("AZURE_SECRET", caller.secret)
    assert "'Microsoft.DataProtection/backupVaults/write'" in azure.run("backup_vault")["msg"]
