# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: what a bare script costs that does the same by Microsoft's libraries, in threads where there is much to do.

python floor.py core|client reads one vault, by azure-core alone or by the client of azure-mgmt-dataprotection;
instance|item reads a vault, its policies or one of them, and what it protects, for disks and for virtual machines;
protect|backup|restore COUNT THREADS does that for the disks disk00000 and on, over 16 connections.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from azure.identity import ClientSecretCredential

URL = os.environ["AZURE_CLOUD_ENVIRONMENT"]
SUBSCRIPTION = os.environ["AZURE_SUBSCRIPTION_ID"]
API_VERSION = "2025-07-01"
GROUP, VAULT = os.environ.get("BENCH_GROUP", "demo-rg"), os.environ.get("BENCH_VAULT", "demo-vault")
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
VAULT_ID = f"{GROUP_ID}/providers/Microsoft.DataProtection/backupVaults/{VAULT}"
SECONDS = float(os.environ.get("BENCH_POLL_INTERVAL", "0.5"))
CONNECTIONS = 16

credential = ClientSecretCredential(
    os.environ["AZURE_TENANT"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_SECRET"],
    authority=URL,
    disable_instance_discovery=True,
)


def open_pool() -> Any:
    """Give a pool of connections, over which the cloud has been asked where to sign in."""
    import requests

    pool = requests.Session()
    pool.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS, pool_block=True))
    # A script knows its cloud by heart; this is what a cloud that is given by its URL costs anybody.
    pool.get(f"{URL}/metadata/endpoints?api-version=2022-09-01", timeout=10).raise_for_status()
    return pool


def read_by_core() -> None:
    """Read the vault with azure-core alone."""
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.pipeline.transport import RequestsTransport
    from azure.core.rest import HttpRequest
    from azure.mgmt.core import ARMPipelineClient
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    policies = [RetryPolicy(), ARMChallengeAuthenticationPolicy(credential, f"{URL}/.default")]
    transport = RequestsTransport(session=open_pool(), session_owner=False)
    with ARMPipelineClient(URL, policies=policies, transport=transport) as client:
        answer = client.send_request(HttpRequest("GET", f"{URL}{VAULT_ID}", params={"api-version": API_VERSION}))
        answer.raise_for_status()
        print(answer.json()["properties"]["provisioningState"])


def build_client() -> Any:
    """Give the SDK's client."""
    from azure.core.pipeline.transport import RequestsTransport
    from azure.mgmt.dataprotection import DataProtectionMgmtClient

    return DataProtectionMgmtClient(
        credential,
        SUBSCRIPTION,
        base_url=URL,
        credential_scopes=[f"{URL}/.default"],
        api_version=API_VERSION,
        transport=RequestsTransport(session=open_pool(), session_owner=False),
        polling_interval=SECONDS,
    )


def read_instances() -> None:
    """Read what tells that a disk is protected as it should be."""
    client = build_client()
    client.backup_vaults.get(GROUP, VAULT)
    names = [policy.name for policy in client.backup_policies.list(GROUP, VAULT)]
    print(len(names), [item.properties.friendly_name for item in client.backup_instances.list(GROUP, VAULT)])


def build_machines_client() -> Any:
    """Give the SDK's client of what lies in Recovery Services vaults."""
    from azure.core.pipeline.transport import RequestsTransport
    from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient

    return RecoveryServicesBackupClient(
        credential,
        SUBSCRIPTION,
        base_url=URL,
        credential_scopes=[f"{URL}/.default"],
        api_version="2024-04-01",
        transport=RequestsTransport(session=open_pool(), session_owner=False),
    )


def read_items() -> None:
    """Read what tells that a virtual machine is protected as it should be."""
    from azure.core.rest import HttpRequest

    client = build_machines_client()
    vault = f"{URL}{GROUP_ID}/providers/Microsoft.RecoveryServices/vaults/{VAULT}"
    for part in ("", "/backupconfig/vaultconfig"):
        client.send_request(HttpRequest("GET", vault + part, params={"api-version": "2024-04-01"})).raise_for_status()
    policy = client.protection_policies.get(VAULT, GROUP, "DefaultPolicy")
    condition = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
    print(policy.name, [item.name for item in client.backup_protected_items.list(VAULT, GROUP, filter=condition)])


def instance_name(name: str) -> str:
    """Name a disk's backup instance."""
    return f"{name}-{name}-bench"


def protect(client: Any, name: str) -> None:
    """Protect one disk, and wait until it is."""
    disk_id = f"{GROUP_ID}/providers/Microsoft.Compute/disks/{name}"
    source = {
        "datasourceType": "Microsoft.Compute/disks",
        "objectType": "Datasource",
        "resourceID": disk_id,
        "resourceLocation": "westeurope",
        "resourceName": name,
        "resourceType": "Microsoft.Compute/disks",
        "resourceUri": disk_id,
    }
    snapshots = {
        "dataStoreType": "OperationalStore",
        "objectType": "AzureOperationalStoreParameters",
        "resourceGroupId": GROUP_ID,
    }
    policy = {"policyId": f"{VAULT_ID}/backupPolicies/disks", "policyParameters": {"dataStoreParametersList": [snapshots]}}
    body = {"dataSourceInfo": source, "friendlyName": name, "objectType": "BackupInstance", "policyInfo": policy}
    client.backup_instances.begin_validate_for_backup(GROUP, VAULT, {"backupInstance": body}).result()
    client.backup_instances.begin_create_or_update(GROUP, VAULT, instance_name(name), {"properties": body}).result()
    while True:
        found = client.backup_instances.get(GROUP, VAULT, instance_name(name))
        if found.properties.current_protection_state == "ProtectionConfigured":
            return
        time.sleep(SECONDS)


def back_up(client: Any, name: str) -> str:
    """Start a backup of one disk, and give the id of its job."""
    body = {"backupRuleOptions": {"ruleName": "BackupDaily", "triggerOption": {}}}
    poller = client.backup_instances.begin_adhoc_backup(GROUP, VAULT, name, body)
    return str(poller.result().job_id)


def back_all_up(client: Any, threads: ThreadPoolExecutor, count: int) -> None:
    """Back disks up, wait for all jobs by the list of jobs, and read each job and its recovery point."""
    listed = client.backup_instances.list(GROUP, VAULT)
    names = {item.properties.friendly_name: item.name for item in listed}
    wanted = [names[f"disk{number:05d}"] for number in range(count)]
    jobs = set(threads.map(lambda name: back_up(client, name), wanted))
    while True:
        found = {job.id: job.properties.status for job in client.jobs.list(GROUP, VAULT)}
        if all(found.get(job) == "Completed" for job in jobs):
            break
        time.sleep(SECONDS)

    def read_point(job_id: str) -> None:
        job = client.jobs.get(GROUP, VAULT, job_id.rsplit("/", 1)[-1])
        point = job.properties.extended_info.target_recover_point.recovery_point_id
        client.recovery_points.get(GROUP, VAULT, job.properties.backup_instance_id.rsplit("/", 1)[-1], point)

    list(threads.map(read_point, jobs))


def restore(client: Any, name: str, instance: str) -> str:
    """Start the restore of one disk's newest recovery point, and give the id of its job."""
    point = next(iter(client.recovery_points.list(GROUP, VAULT, instance))).name
    new = f"{GROUP_ID}/providers/Microsoft.Compute/disks/{name}-restored"
    target = {
        "datasourceType": "Microsoft.Compute/disks",
        "objectType": "Datasource",
        "resourceID": new,
        "resourceLocation": "westeurope",
        "resourceName": f"{name}-restored",
        "resourceType": "Microsoft.Compute/disks",
        "resourceUri": new,
    }
    info = {"objectType": "RestoreTargetInfo", "recoveryOption": "FailIfExists", "restoreLocation": "westeurope"}
    body = {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": point,
        "sourceDataStoreType": "OperationalStore",
        "restoreTargetInfo": {**info, "datasourceInfo": target},
    }
    client.backup_instances.begin_validate_for_restore(GROUP, VAULT, instance, {"restoreRequestObject": body}).result()
    return str(client.backup_instances.begin_trigger_restore(GROUP, VAULT, instance, body).result().job_id)


def restore_all(client: Any, threads: ThreadPoolExecutor, count: int) -> None:
    """Restore disks, wait for all jobs by the list of jobs, and read each job."""
    listed = client.backup_instances.list(GROUP, VAULT)
    names = {item.properties.friendly_name: item.name for item in listed}
    wanted = [f"disk{number:05d}" for number in range(count)]
    jobs = set(threads.map(lambda name: restore(client, name, names[name]), wanted))
    while True:
        found = {job.id: job.properties.status for job in client.jobs.list(GROUP, VAULT)}
        if all(found.get(job) == "Completed" for job in jobs):
            break
        time.sleep(SECONDS)
    list(threads.map(lambda job: client.jobs.get(GROUP, VAULT, job.rsplit("/", 1)[-1]), jobs))


def main() -> None:
    """Do what the first argument says."""
    what = sys.argv[1]
    if what == "core":
        read_by_core()
        return
    if what in ("instance", "item"):
        (read_instances if what == "instance" else read_items)()
        return
    client = build_client()
    if what == "client":
        print(client.backup_vaults.get(GROUP, VAULT).as_dict()["properties"]["provisioningState"])
        return
    count = int(sys.argv[2])
    with ThreadPoolExecutor(int(sys.argv[3])) as threads:
        if what == "protect":
            list(threads.map(lambda number: protect(client, f"disk{number:05d}"), range(count)))
        elif what == "restore":
            restore_all(client, threads, count)
        else:
            back_all_up(client, threads, count)


if __name__ == "__main__":
    main()
