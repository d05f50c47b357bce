# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasources that are backed up already, for tests of what comes after a backup."""

from __future__ import annotations

from typing import Any

from conftest import GROUP, Driver, disk, preparation

OPERATOR = "b50d9833-a0cb-478e-945f-707fcc997c13"
CONTRIBUTOR = "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
OTHER_ACCOUNT = ACCOUNT.replace("demoaccount", "emptyaccount")
MACHINES = {"vault_name": "vms", "vault_type": "recovery_services"}
WEB01 = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"


def permit(azure: Driver, role: str, scope: str) -> None:
    principal = azure.run("backup_vault_info")["vaults"][0]["identity"]["principal_id"]
    azure.azure.authorization.plant(principal, role, scope)


@preparation
def backed_up_disks(azure: Driver, *names: str) -> list[str]:
    """Have disks protected and backed up, and the vault's identity permitted to restore into demo-rg."""
    ids = [disk(name) for name in names or ("data01",)]
    azure.protected(*(names or ("data01",)))
    assert not azure.run("backup_adhoc", datasource_id=ids)["failed"]
    permit(azure, OPERATOR, GROUP)
    return ids


@preparation
def backed_up_account(azure: Driver, **policy: Any) -> None:
    azure.vault()
    assert not azure.run("backup_policy", policy_name="blobs", datasource_type="azure_blob", **policy)["failed"]
    assert not azure.run("backup_permission", datasource_id=ACCOUNT)["failed"]
    assert not azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="blobs")["failed"]
    if "operational" not in policy.get("retention", {}):
        assert not azure.run("backup_adhoc", datasource_id=ACCOUNT)["failed"]
    permit(azure, CONTRIBUTOR, OTHER_ACCOUNT)


@preparation
def weekly_backed_up_account(azure: Driver) -> None:
    """Have the containers of an account backed up, by a policy that backs up on Sundays."""
    weekly = {"frequency": "weekly", "days": ["Sunday"], "times": ["07:30"]}
    backed_up_account(azure, schedule=weekly, retention={"default": "90d"})


@preparation
def backed_up_machines(azure: Driver, *names: str, vault: dict[str, Any] | None = None, **protection: Any) -> list[str]:
    """Have machines protected and backed up, snapshot and transfer."""
    ids = [WEB01.replace("web01", name) for name in names or ("web01",)]
    assert not azure.run("backup_vault", location="westeurope", **MACHINES, **(vault or {}))["failed"]
    protect = {"datasource_id": ids, "policy_name": "DefaultPolicy", **protection}
    assert not azure.run("backup_instance", **MACHINES, **protect)["failed"]
    assert not azure.run("backup_adhoc", datasource_id=ids, **MACHINES)["failed"]
    return ids
