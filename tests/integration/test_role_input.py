# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles with the forms of input that extra variables and AWX surveys have; bad input is refused before anything is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from emulator.server import Emulator
from playing import DISK, ROOT, VARIABLES, back_up, environment, installed, loopback, packaged, play

__all__ = ["environment", "installed", "loopback"]

ACCOUNT = DISK.replace("Microsoft.Compute/disks/data01", "Microsoft.Storage/storageAccounts/demoaccount")
MACHINE = DISK.replace("disks/data01", "virtualMachines/web01")


def optional_variables(role: str) -> dict[str, str]:
    """Give an empty answer for each optional variable of a role."""
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    return {
        name: ""
        for one in specs.values()
        for name, spec in one["options"].items()
        if not spec.get("required") and name not in VARIABLES
    }


def test_a_survey_of_texts_protects_as_typed_variables_do(environment: dict[str, str], loopback: Emulator) -> None:
    """Settings of both vaults as JSON and YAML, one datasource a line, numbers as texts, and an empty answer for all the rest."""
    answers = {
        **optional_variables("protect"),
        "protect_datasources": f"{DISK}\r\n{MACHINE}\n{DISK.replace('data01', 'data02')}\n\n",
        "protect_recovery_services_vault_name": "demo-rsv",
        "protect_vault_settings": '{"redundancy": "GeoRedundant", "soft_delete": {"state": "AlwaysOn"}}',
        "protect_recovery_services_vault_settings": "soft_delete:\n  retention_duration_in_days: 30\n",
        "protect_vm_policy_settings": "instant_rp_retention_range_in_days=3",
        "protect_retention": "{default: 9d}",
        "protect_poll_interval": "0.2",
        "protect_wait_timeout": "3600",
    }
    loopback.azure.clock.speed = 4000
    done = packaged(environment, "protect", **answers)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    (vault,) = loopback.azure.data_protection.vaults.values()
    properties = vault.wire["properties"]
    assert properties["storageSettings"][0]["type"] == "GeoRedundant"
    assert properties["securitySettings"]["softDeleteSettings"]["state"] == "AlwaysOn"
    assert sorted(one.datasource_id for one in vault.instances.values()) == [DISK, DISK.replace("data01", "data02")]
    (other,) = loopback.azure.recovery_services.vaults.values()
    assert other.config["softDeleteRetentionPeriodInDays"] == 30
    assert other.policies["virtual-machines"]["properties"]["instantRpRetentionRangeInDays"] == 3
    assert len(other.items) == 1
    again = packaged(environment, "protect", **answers)
    assert again.returncode == 0, again.stdout[-4000:]
    assert "changed=0" in again.stdout


def test_a_survey_of_texts_backs_up(environment: dict[str, str], loopback: Emulator) -> None:
    back_up(environment, DISK, is_backup=False)
    answers = {**optional_variables("backup_now"), "backup_now_datasources": f"{DISK}\n", "backup_now_wait": "true"}
    done = packaged(environment, "backup_now", **answers, backup_now_poll_interval="0.2")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "backed up 'data01'" in done.stdout
    (vault,) = loopback.azure.data_protection.vaults.values()
    (job,) = vault.jobs
    # By its name or its id, whoever started it.
    for named in (job, f"{vault.id}/backupJobs/{job}"):
        resumed = packaged(environment, "backup_now", backup_now_datasources="", backup_now_job_id=named)
        assert resumed.returncode == 0, resumed.stdout[-4000:]
        assert "changed=0" in resumed.stdout
        assert "backed up 'data01'" in resumed.stdout or f"job {job} completed" in resumed.stdout, resumed.stdout[-2000:]


BAD = [
    ({"protect_vault_settings": '{"redundncy": "GeoRedundant"}'}, "protect_vault_settings: unknown key(s) redundncy"),
    ({"protect_vault_settings": "GeoRedundant"}, "protect_vault_settings: 'GeoRedundant' is not a dictionary"),
    ({"protect_vault_settings": {"soft_delete": {"stat": "On"}}}, "soft_delete.stat"),
    ({"protect_retention": {"default": "10x"}}, "retention.default: '10x'"),
    ({"protect_schedule": '{"frequency": "hourly", "interval_hours": 5}'}, "schedule.interval_hours: 5"),
    ({"protect_first_backup": True, "protect_first_backup_max_age": "soon"}, "max_age: 'soon'"),
    (
        {"protect_datasources": [ACCOUNT], "protect_datasource_type": "azure_disk"},
        "protect_datasource_type: azure_disk is none of the types of the datasources, which are azure_blob",
    ),
    ({"protect_select": {}}, "protect_datasources, protect_select: set exactly one of them"),
    ({"protect_groups": [{"policy": "x"}], "protect_datasources": ""}, "protect_groups[0]: unknown key(s) policy; use name,"),
    (
        {"protect_groups": "- retention: weekly", "protect_datasources": ""},
        "protect_groups[0].retention: 'weekly' is not a dictionary",
    ),
    (
        {"protect_groups": [{"select": {"tags": {"a": "b"}}}], "protect_datasources": ""},
        "protect_groups[0].select.datasource_types",
    ),
    ({"protect_groups": [{"datasources": [DISK]}]}, "protect_datasources: set in each item of protect_groups, not beside it"),
    ({"protect_datasources": [DISK.replace("data01", "nowhere")]}, "nowhere does not exist"),
    ({"protect_location": "eastus"}, "is in westeurope, but vault 'demo-vault' is in eastus"),
    ({"protect_location": "mars"}, "mars"),
    ({"protect_datasources": [DISK, MACHINE]}, "protect_recovery_services_vault_name"),
    (
        {
            "protect_datasources": [DISK, MACHINE],
            "protect_recovery_services_vault_name": "demo-rsv",
            "protect_vm_retention": {"default": "1d"},
        },
        "retention.default: '1d'",
    ),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_bad_input_leaves_nothing_half_done(
    environment: dict[str, str], loopback: Emulator, given: dict[str, Any], message: str
) -> None:
    done = packaged(environment, "protect", **given)
    assert done.returncode != 0
    assert message in done.stdout.replace("\\n", " ").replace('\\"', '"'), done.stdout[-3000:]
    assert loopback.azure.journal.writes() == []


def test_the_role_itself_reads_texts_as_well(environment: dict[str, str], loopback: Emulator, tmp_path: Any) -> None:
    """Without the packaged playbook, Ansible validates first, and takes all but empty texts for numbers and the like."""
    book = tmp_path / "role.yml"
    book.write_text(
        "- hosts: localhost\n  gather_facts: false\n  roles:\n    - holdfast.azure_backup.protect\n", encoding="utf-8"
    )
    texts = {**VARIABLES, "protect_datasources": f"{DISK}\n", "protect_vault_settings": '{"redundancy": "GeoRedundant"}'}
    done = play(environment, str(book), "-e", json.dumps({**texts, "protect_location": "", "protect_poll_interval": "0.2"}))
    assert done.returncode == 0, done.stdout[-3000:]
    (vault,) = loopback.azure.data_protection.vaults.values()
    assert vault.wire["properties"]["storageSettings"][0]["type"] == "GeoRedundant"
