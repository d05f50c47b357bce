# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor for virtual machines: a bare script that does the same by azure-mgmt-recoveryservicesbackup, in threads.

python floor_machines.py protect|backup|restore COUNT THREADS does that for the machines vm00000 and on, over 16 connections, and
waits for all jobs by the list of jobs.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from floor import GROUP, GROUP_ID, SECONDS, VAULT, build_machines_client

VAULT_ID = f"{GROUP_ID}/providers/Microsoft.RecoveryServices/vaults/{VAULT}"
STAGING = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/staging"
JOBS = "backupManagementType eq 'AzureIaasVM'"


def place(name: str) -> tuple[str, str, str, str, str]:
    """Name a machine's protected item with all that it lies in."""
    own = f"iaasvmcontainerv2;{GROUP};{name}"
    return VAULT, GROUP, "Azure", f"IaasVMContainer;{own}", f"VM;{own}"


def started_job(client: Any, response: Any) -> str:
    """Follow the operation of a request, and give the name of the job that it started."""
    name = response.headers["Azure-AsyncOperation"].split("?")[0].rsplit("/", 1)[-1]
    while True:
        status = client.backup_operation_statuses.get(VAULT, GROUP, name)
        if status.status == "Succeeded":
            return str(status.properties.job_id)
        time.sleep(SECONDS)


def send(operation: Any, *arguments: Any) -> Any:
    """Call an operation of the SDK and give its first answer."""
    answers: list[Any] = []
    more = {"polling": False} if operation.__name__.startswith("begin_") else {}
    operation(*arguments, raw_response_hook=answers.append, **more)
    return answers[-1].http_response


def discover(client: Any) -> None:
    """Have the vault look for new machines, as the Azure CLI does before it protects one, and wait until it has."""
    from azure.core.rest import HttpRequest

    place = send(client.protection_containers.refresh, VAULT, GROUP, "Azure").headers["Location"]
    while client.send_request(HttpRequest("GET", place)).status_code != 204:
        time.sleep(SECONDS)


def protect(client: Any, name: str) -> str:
    """Protect one machine, and give the name of the job."""
    machine = f"{GROUP_ID}/providers/Microsoft.Compute/virtualMachines/{name}"
    properties = {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": machine,
        "policyId": f"{VAULT_ID}/backupPolicies/DefaultPolicy",
    }
    return started_job(client, send(client.protected_items.begin_create_or_update, *place(name), {"properties": properties}))


def back_up(client: Any, name: str) -> str:
    """Back one machine up, and give the name of the job."""
    properties = {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": "2040-01-01T00:00:00.000Z"}
    return started_job(client, send(client.backups.trigger, *place(name), {"properties": properties}))


def restore(client: Any, name: str) -> str:
    """Restore the disks of one machine's newest recovery point, and give the name of the job."""
    point = next(iter(client.recovery_points.list(*place(name)))).name
    properties = {
        "objectType": "IaasVMRestoreRequest",
        "recoveryPointId": point,
        "recoveryType": "RestoreDisks",
        "sourceResourceId": f"{GROUP_ID}/providers/Microsoft.Compute/virtualMachines/{name}",
        "targetResourceGroupId": GROUP_ID,
        "storageAccountId": STAGING,
        "region": "westeurope",
        "createNewCloudService": False,
        "originalStorageAccountOption": False,
    }
    return started_job(client, send(client.restores.begin_trigger, *place(name), point, {"properties": properties}))


def main() -> None:
    """Do what the first argument says."""
    work = {"protect": protect, "backup": back_up, "restore": restore}[sys.argv[1]]
    client = build_machines_client()
    if sys.argv[1] == "protect":
        discover(client)
    with ThreadPoolExecutor(int(sys.argv[3])) as threads:
        jobs = set(threads.map(lambda number: work(client, f"vm{number:05d}"), range(int(sys.argv[2]))))
    while True:
        found = {job.name: job.properties.status for job in client.backup_jobs.list(VAULT, GROUP, filter=JOBS)}
        if all(found.get(job) == "Completed" for job in jobs):
            break
        time.sleep(SECONDS)
    if sys.argv[1] == "restore":
        # Where the template lies and what was restored is told by each job alone.
        with ThreadPoolExecutor(int(sys.argv[3])) as threads:
            list(threads.map(lambda job: client.job_details.get(VAULT, GROUP, job), jobs))


if __name__ == "__main__":
    main()
