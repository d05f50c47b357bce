# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every cell of the tables in the guide of options and states, tried."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.datasource_types import DATASOURCE_TYPES
from conftest import GROUP, Driver, disk, preparation
from emulator.data_protection.state import Instance

GUIDE = Path(__file__).parents[2] / "docs" / "docsite" / "rst" / "guide_options_and_states.rst"


def table_below(heading: str) -> list[list[str]]:
    """Read the cells of the table below a heading; the first row is the head."""
    section = re.split(rf"^{heading}\n-+\n", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    table = section.split("list-table::\n", 1)[1]
    table = re.split(r"^[A-Z]\w+\n-+\n", table, flags=re.MULTILINE)[0]
    rows = re.split(r"^    \* - ", table, flags=re.MULTILINE)[1:]
    return [[cell.strip() for cell in re.split(r"^      - ", row.split("\n\n")[0], flags=re.MULTILINE)] for row in rows]


VAULTS, POLICIES, PROTECTION = (table_below(name)[1:] for name in ("Vaults", "Policies", "Protection"))
TYPES = [cell.replace("`", "") for cell in table_below("Policies")[0][1:]]
READER = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/key-reader"
IDENTITIES = {"type": "SystemAssigned,UserAssigned", "user_assigned_identities": [READER]}


def key(name: str, **more: Any) -> dict[str, Any]:
    return {"key_uri": f"https://keys.vault.azure.net/keys/{name}", "identity_id": READER, **more}


# Option -> what a new vault gets, what it is changed to, and what is refused after that where that is final.
CHANGES: dict[str, list[dict[str, Any]]] = {
    "location": [{"location": "westeurope"}, {"location": "eastus"}],
    "datastore_type": [{"datastore_type": "VaultStore"}, {"datastore_type": "OperationalStore"}],
    "redundancy": [{"redundancy": "ZoneRedundant"}, {"redundancy": "LocallyRedundant"}],
    "identity": [{"identity": IDENTITIES}, {"identity": {"user_assigned_identities": []}}],
    "soft_delete": [{"soft_delete": {"state": "Off"}}, {"soft_delete": {"state": "AlwaysOn"}}, {"soft_delete": {"state": "On"}}],
    "immutability_state": [
        {"immutability_state": "Unlocked"},
        {"immutability_state": "Locked"},
        {"immutability_state": "Disabled"},
    ],
    # There is no word for going back to Microsoft's key, so nothing has to be refused.
    "encryption_settings": [{"identity": IDENTITIES, "encryption_settings": key("one")}, {"encryption_settings": key("two")}],
    "encryption_settings.infrastructure_encryption": [
        {"identity": IDENTITIES, "encryption_settings": key("one", infrastructure_encryption="Enabled")},
        {"encryption_settings": {"infrastructure_encryption": "Disabled"}},
    ],
    "cross_region_restore_state": [
        {"redundancy": "GeoRedundant", "cross_region_restore_state": "Disabled"},
        {"cross_region_restore_state": "Enabled"},
        {"cross_region_restore_state": "Disabled"},
    ],
    "cross_subscription_restore_state": [
        {"cross_subscription_restore_state": "Disabled"},
        {"cross_subscription_restore_state": "PermanentlyDisabled"},
        {"cross_subscription_restore_state": "Enabled"},
    ],
    "alerts_for_all_job_failures": [{"alerts_for_all_job_failures": "Enabled"}, {"alerts_for_all_job_failures": "Disabled"}],
    "resource_guard_id": [
        {"resource_guard_id": f"{GROUP}/providers/Microsoft.DataProtection/resourceGuards/one"},
        {"resource_guard_id": f"{GROUP}/providers/Microsoft.DataProtection/resourceGuards/two"},
    ],
    "tags": [{"tags": {"owner": "a"}}, {"tags": {"owner": "b"}}],
}
QUARTER = [{"name": "Quarter", "duration": "1y", "days_of_month": ["last"], "months_of_year": ["March", "June"]}]
ASKED: dict[str, dict[str, Any]] = {
    "schedule.frequency: hourly": {"schedule": {"frequency": "hourly"}},
    "schedule.frequency: daily": {"schedule": {"frequency": "daily"}},
    "schedule.frequency: weekly": {"schedule": {"frequency": "weekly"}},
    "schedule.times, several a day": {"schedule": {"frequency": "daily", "times": ["02:00", "14:00"]}},
    "schedule.time_zone": {"schedule": {"frequency": "daily", "time_zone": "India Standard Time"}},
    "retention.default": {"retention": {"default": "9d"}},
    "retention.operational": {"retention": {"operational": "9d"}},
    "retention.daily": {"retention": {"daily": "9d"}},
    "retention.weekly": {"retention": {"weekly": "9w"}},
    "retention.monthly": {"retention": {"monthly": "9mo"}},
    "retention.yearly": {"retention": {"yearly": "9y"}},
    "retention_rules with a name other than weekly, monthly, yearly": {"retention_rules": QUARTER},
    "retention of two years": {"retention": {"default": "730d"}},
}


def words(cell: str) -> str:
    """Give a cell without its markup."""
    return cell.replace("`", "")


def holds(described: Any, wanted: Any) -> bool:
    """Tell whether a result has all that was asked for; what the service adds does not count."""
    if isinstance(wanted, dict) and isinstance(described, dict):
        return all(name in ("type", "user_assigned_identities") or holds(described.get(name), wanted[name]) for name in wanted)
    return bool(described == wanted)


def test_no_cell_is_empty_and_every_row_is_tried() -> None:
    assert all(cell for row in [*VAULTS, *POLICIES, *PROTECTION] for cell in row)
    assert list(DATASOURCE_TYPES) == TYPES
    assert [words(row[0]) for row in VAULTS] == list(CHANGES)
    assert [words(row[0]) for row in POLICIES] == list(ASKED)
    assert [words(row[0]) for row in PROTECTION] == list(BEGINNINGS)


@pytest.mark.parametrize("row", VAULTS, ids=[words(row[0]) for row in VAULTS])
def test_options_of_a_vault(azure: Driver, row: list[str]) -> None:
    new, change, *undo = CHANGES[words(row[0])]
    for name in ("one", "two"):
        azure.run("backup_resource_guard", vault_name=None, resource_guard_name=name)
    assert row[1] == "set"
    assert holds(azure.predicted("backup_vault", **new)["vault"], new)
    if row[2] == "refused":
        refuse(azure, change, words(row[0]))
        return
    assert row[2].startswith("changed")
    assert holds(azure.predicted("backup_vault", **change)["vault"], change)
    assert ("is permanent" in row[2]) is bool(undo)
    for back in undo:
        refuse(azure, back, words(row[0]))


def refuse(azure: Driver, change: dict[str, Any], option: str) -> None:
    writes = len(azure.azure.journal.writes())
    for check in (True, False):
        result = azure.run("backup_vault", check=check, **change)
        assert result["failed"]
        assert option in result["msg"]
    assert len(azure.azure.journal.writes()) == writes


@pytest.mark.parametrize("kind", DATASOURCE_TYPES)
@pytest.mark.parametrize("row", POLICIES, ids=[words(row[0]) for row in POLICIES])
def test_options_of_a_policy(azure: Driver, row: list[str], kind: str) -> None:
    vault = {"vault_type": DATASOURCE_TYPES[kind].vault_type}
    azure.vault(**vault)
    asked = ASKED[words(row[0])]
    wanted = {"policy_name": "policy", "datasource_type": kind, **vault, **asked}
    cell = row[1 + TYPES.index(kind)]
    if cell == "refused":
        entries = len(azure.azure.journal.entries)
        result = azure.run("backup_policy", **wanted)
        assert result["failed"]
        assert next(iter(asked)) in result["msg"]
        assert len(azure.azure.journal.entries) == entries
        return
    assert cell == "yes"
    policy = azure.predicted("backup_policy", **wanted)["policy"]
    assert policy["is_fully_described"]
    if "retention_rules" not in asked:
        assert holds(policy, asked)


def instance_of(azure: Driver) -> Instance:
    (vault,) = azure.azure.data_protection.vaults.values()
    (instance,) = vault.instances.values()
    return instance


@preparation
def being_protected(azure: Driver) -> None:
    azure.protected()
    instance = instance_of(azure)
    instance.become("ConfiguringProtection")
    azure.azure.schedule.after(45, lambda _moment: instance.become("ProtectionConfigured"))


@preparation
def protected_by_another(azure: Driver) -> None:
    azure.protected()
    azure.run("backup_policy", policy_name="others", datasource_type="azure_disk")
    azure.run("backup_instance", datasource_id=disk("data01"), policy_name="others")


@preparation
def in_error(azure: Driver) -> None:
    azure.protected()
    instance_of(azure).become("ProtectionError", {"code": "UserErrorDiskBackup", "message": "The disk is not to be read."})


def in_state(state: str) -> Any:
    def begin(azure: Driver) -> None:
        azure.protected()
        assert not azure.run("backup_instance", datasource_id=disk("data01"), state=state)["failed"]

    return begin


@preparation
def with_soft_delete_off(azure: Driver) -> None:
    in_state("absent")(azure)
    azure.vault(soft_delete={"state": "Off"})


@preparation
def protected_elsewhere(azure: Driver) -> None:
    azure.vault()
    azure.policy()
    other = {"vault_name": "other-vault", "datasource_id": disk("data01"), "snapshot_resource_group": "demo-snapshots-rg"}
    azure.run("backup_vault", vault_name="other-vault")
    azure.run("backup_policy", vault_name="other-vault", policy_name="disks", datasource_type="azure_disk")
    azure.run("backup_permission", **other)
    assert not azure.run("backup_instance", policy_name="disks", **other)["failed"]


@preparation
def unprotected(azure: Driver) -> None:
    azure.vault()
    azure.policy()
    azure.run("backup_permission", datasource_id=disk("data01"), snapshot_resource_group="demo-snapshots-rg")


BEGINNINGS: dict[str, Any] = {
    "not protected": unprotected,
    "being protected": being_protected,
    "protected": lambda azure: azure.protected(),
    "protected by another policy": protected_by_another,
    "suspended": in_state("suspended"),
    "stopped": in_state("stopped"),
    "in a protection error": in_error,
    "soft-deleted": in_state("absent"),
    "soft-deleted, undelete: true": in_state("absent"),
    "soft-deleted, permanent: true, soft delete is off now": with_soft_delete_off,
    "protected in another vault": protected_elsewhere,
}
STATES = {"present": "protection_configured", "suspended": "backups_suspended", "stopped": "protection_stopped"}


@pytest.mark.parametrize("state", [*STATES, "absent"])
@pytest.mark.parametrize("row", PROTECTION, ids=[words(row[0]) for row in PROTECTION])
def test_states_of_a_protection(azure: Driver, row: list[str], state: str) -> None:
    label, cell = words(row[0]), words(row[1 + [*STATES, "absent"].index(state)])
    BEGINNINGS[label](azure)
    wanted: dict[str, Any] = {"datasource_id": disk("data01"), "state": state, "snapshot_resource_group": "demo-snapshots-rg"}
    if state == "present":
        wanted["policy_name"] = "disks"
    if "undelete" in label:
        wanted["undelete"] = True
    if "permanent" in label and state == "absent":
        wanted |= {"permanent": True, "delete_backup_data": True}
    if cell == "refused":
        writes = len(azure.writes())
        for check in (True, False):
            assert azure.run("backup_instance", check=check, **wanted)["failed"]
        assert len(azure.writes()) == writes
        return
    if cell in ("none", "awaited"):
        result = azure.run("backup_instance", **wanted)
        assert (result["failed"], result["changed"]) == (False, False)
    else:
        result = azure.predicted("backup_instance", **wanted)
    assert result["datasources"][0]["action"] == cell
    if state != "absent":
        assert result["datasources"][0]["instance"]["state"] == STATES[state]
