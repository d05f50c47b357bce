# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that are cancelled, and those that cannot be."""

from __future__ import annotations

from typing import Any

from conftest import GROUP, Driver, disk, preparation

MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"
RSV = {"vault_name": "demo-rsv", "vault_type": "recovery_services"}


@preparation
def started(azure: Driver) -> dict[str, Any]:
    """Have a backup of a machine run."""
    azure.run("backup_vault", **RSV)
    azure.run("backup_instance", **RSV, datasource_id=MACHINE, policy_name="DefaultPolicy")
    (item,) = azure.run("backup_adhoc", **RSV, datasource_id=MACHINE, wait=False)["datasources"]
    return dict(item["job"])


def test_a_running_job_of_a_machine_is_cancelled_once(azure: Driver) -> None:
    job = started(azure)
    result = azure.predicted("backup_job", vault_name=None, resource_group=None, job_id=job["id"])
    assert result["job"]["status"] == "cancelled"
    assert result["msg"] == f"job {job['name']} is cancelled"
    assert len(azure.requests("POST", "/cancel")) == 1
    assert azure.run("backup_job_info", **RSV, status="cancelled")["jobs"][0]["name"] == job["name"]


def test_without_waiting_it_is_being_cancelled(azure: Driver) -> None:
    job = started(azure)
    result = azure.run("backup_job", **RSV, job_id=job["name"], wait=False)
    assert result["job"]["status"] == "cancelling"
    assert not azure.run("backup_job", **RSV, job_id=job["name"])["changed"]


def test_what_is_over_or_cannot_be_cancelled_is_a_plain_error(azure: Driver) -> None:
    azure.protected("data01")
    (item,) = azure.run("backup_adhoc", datasource_id=disk("data01"), wait=False)["datasources"]
    refused = azure.run("backup_job", job_id=item["job"]["id"])
    assert refused["error"]["code"] == "CannotCancel"
    assert "of a Backup vault, which Azure cannot cancel" in refused["msg"]
    azure.run("backup_adhoc", job_id=item["job"]["id"])
    over = azure.run("backup_job", job_id=item["job"]["id"])
    assert over["error"]["code"] == "JobIsOver"
    missing = azure.run("backup_job", job_id="6e24aef9-5b8b-4df5-8d9b-9075abb77300", wait=False)
    assert "does not exist" in missing["msg"]
