# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator's answers beside the recorded ones: status, headers, shape. What differs is in emulator/PARITY.md."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests
from bodies import BLOB_INSTANCE, BLOB_POLICY, GROUP, INSTANCE, POLICY, SNAPSHOTS, VAULT, VAULT_ID, disk
from emulator.app import Azure
from emulator.identity import ServicePrincipal
from emulator.metadata import stackhub_audience
from emulator.seed import CLIENT, GROUP_CLIENT, OUTSIDER_CLIENT, SECRET, SUBSCRIPTION, TENANT, Seed
from emulator.server import Emulator
from replay.comparison import HEADERS, Answer, Kind, Shape, kind_of, of_known_types, read_answers
from replay.test_replay import RECORDINGS

API = "2025-07-01"
NAMESPACES = (
    "Microsoft.DataProtection", "Microsoft.RecoveryServices", "Microsoft.Authorization", "Microsoft.ResourceGraph",
    "Microsoft.Backup.Admin",
)  # fmt: skip
PARITY = Path(__file__).parents[1] / "emulator" / "PARITY.md"
ROUTES = [route for route in Azure(Seed(), 1).route_table if route.namespace in NAMESPACES]
RECORDED = read_answers(RECORDINGS, ROUTES) if RECORDINGS.is_dir() else {}
READER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/3e5e47e6-65f7-47ef-90b5-e5dd4d455f24"
SNAPSHOT_ROLE = READER.replace("3e5e47e6-65f7-47ef-90b5-e5dd4d455f24", "7efff54f-a5b4-42b5-a1c5-5411624893ce")
ASSIGNMENT = "providers/Microsoft.Authorization/roleAssignments/0c7d146b-87cf-4812-accf-134b2f9029e"


class Client:
    """Sends plain requests to the emulator and keeps every answer by its kind."""

    def __init__(self, emulator: Emulator) -> None:
        self.url = self.login = emulator.url
        self.azure = emulator.azure
        self.clock = emulator.azure.clock
        self.http = requests.Session()
        # What this machine trusts is no part of the test.
        self.http.trust_env = False
        self.http.verify = emulator.environment()["REQUESTS_CA_BUNDLE"]
        self.observed: dict[Kind, list[Answer]] = {}
        self.sign_in(CLIENT)

    def sign_in(self, client_id: str, audience: str = "") -> None:
        """Get a token."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": SECRET}
        form["scope"] = f"{audience or self.url}/.default"
        token = self.http.post(f"{self.login}/{TENANT}/oauth2/v2.0/token", data=form).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def send(self, method: str, target: str, body: Any = None, version: str = API) -> requests.Response:
        """Send a request; target is a path, or the URL of an operation as it was given out."""
        if target.startswith("/"):
            target = f"{self.url}{target}{'&' if '?' in target else '?'}api-version={version}"
        response = self.http.request(method, target, json=body)
        path = unquote(urlsplit(target).path)
        content = of_known_types(response.json()) if response.text else None
        kind = kind_of(method, path, response.status_code, content, ROUTES)
        assert kind, f"{method} {path} has no route"
        headers = {name.lower() for name in response.headers} & set(HEADERS)
        self.observed.setdefault(kind, []).append(Answer(headers, content, "emulator"))
        return response

    def finish(self, response: requests.Response) -> requests.Response:
        """Follow an operation to its end, by every URL that was given out, and let its work settle."""
        url = response.headers["Azure-AsyncOperation"]
        self.send("GET", url)
        self.clock.advance(600)
        last = self.send("GET", url)
        if "Location" in response.headers:
            self.send("GET", response.headers["Location"])
        self.clock.advance(600)
        return last


def first_steps(client: Client) -> str:
    """A vault, its settings, its refusals, its policy; gives the identity of the vault."""
    new = client.send("PUT", VAULT_ID, VAULT)
    client.finish(new)
    client.send("PUT", VAULT_ID, VAULT)
    client.send("GET", VAULT_ID)
    locked = copy.deepcopy(VAULT)
    locked["properties"]["securitySettings"] = {
        "softDeleteSettings": {"state": "AlwaysOn", "retentionDurationInDays": 14},
        "immutabilitySettings": {"state": "Locked"},
    }
    locked["properties"]["featureSettings"] = {"crossRegionRestoreSettings": {"state": "Enabled"}}
    other = VAULT_ID.replace("demo-vault", "locked-vault")
    client.finish(client.send("PUT", other, locked))
    for change in (
        {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14}, "immutabilitySettings": {"state": "Locked"}},
        {
            "softDeleteSettings": {"state": "AlwaysOn", "retentionDurationInDays": 14},
            "immutabilitySettings": {"state": "Unlocked"},
        },
        None,
    ):
        body = copy.deepcopy(locked)
        if change:
            body["properties"]["securitySettings"] = change
        else:
            body["properties"]["featureSettings"]["crossRegionRestoreSettings"]["state"] = "Disabled"
        assert client.send("PUT", other, body).status_code == 400
    client.send("GET", f"{GROUP}/providers/Microsoft.DataProtection/backupVaults")
    reader = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/key-reader"
    with_key: dict[str, Any] = copy.deepcopy(VAULT)
    with_key["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {reader: {}}}
    with_key["properties"]["securitySettings"]["encryptionSettings"] = {
        "state": "Enabled",
        "keyVaultProperties": {"keyUri": "https://keys.vault.azure.net/keys/one/24efffaddbe84838a1c39b6135edbdf5"},
        "kekIdentity": {"identityType": "UserAssigned", "identityId": reader},
        "infrastructureEncryption": "Enabled",
    }
    keyed = VAULT_ID.replace("demo-vault", "keyed-vault")
    for key in ("one", "two"):
        with_key["properties"]["securitySettings"]["encryptionSettings"]["keyVaultProperties"]["keyUri"] = (
            f"https://keys.vault.azure.net/keys/{key}"
        )
        client.finish(client.send("PUT", keyed, with_key))
        client.send("GET", keyed)
    client.send("PUT", f"{VAULT_ID}/backupPolicies/disks", POLICY)
    client.send("GET", f"{VAULT_ID}/backupPolicies/disks")
    client.send("GET", f"{VAULT_ID}/backupPolicies")
    for name in ("others", "unused"):
        client.send("PUT", f"{VAULT_ID}/backupPolicies/{name}", POLICY)
    return str(client.send("GET", VAULT_ID).json()["identity"]["principalId"])


def roles(client: Client, principal: str) -> None:
    """Roles of the vault's identity: refused, granted, listed, read, granted again, taken back."""
    wanted = {"properties": {"roleDefinitionId": READER, "principalId": principal, "principalType": "ServicePrincipal"}}
    stranger = {"properties": {"roleDefinitionId": READER, "principalId": "e92c765f-7f4f-4794-afb9-2012f91f0fa3"}}
    client.send(
        "GET", f"{GROUP}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName eq 'Reader'", version="2022-04-01"
    )
    client.send("PUT", f"{disk('data01')}/{ASSIGNMENT}0", stranger, "2022-04-01")
    client.send("PUT", f"{disk('data01')}/{ASSIGNMENT}1", wanted, "2022-04-01")
    client.send("PUT", f"{disk('data01')}/{ASSIGNMENT}2", wanted, "2022-04-01")
    list_url = f"{disk('data01')}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()"
    client.send("GET", list_url, version="2022-04-01")
    condition = {"condition": "@Resource[name] StringEquals 'data01'", "conditionVersion": "2.0", "description": "one disk"}
    conditional = {"properties": {**wanted["properties"], **condition, "roleDefinitionId": SNAPSHOT_ROLE}}
    client.send("PUT", f"{disk('data01')}/{ASSIGNMENT}4", conditional, "2022-04-01")
    client.send("GET", f"{disk('data01')}/{ASSIGNMENT}4", version="2022-04-01")
    client.send("DELETE", f"{disk('data01')}/{ASSIGNMENT}1", version="2022-04-01")
    client.send("PUT", f"{disk('data01')}/{ASSIGNMENT}1", wanted, "2022-04-01")
    wanted["properties"]["roleDefinitionId"] = SNAPSHOT_ROLE
    client.send("PUT", f"{SNAPSHOTS}/{ASSIGNMENT}3", wanted, "2022-04-01")


def protection(client: Client, principal: str) -> None:
    """Protection, a backup, its job and its recovery point, and the way down."""
    instance = f"{VAULT_ID}/backupInstances/data01-data01-b7e6f082-b310-11eb-8f55-9cfce85d4fa1"
    body = {"properties": INSTANCE, "tags": {"Owner": "storage-team"}}
    client.send("DELETE", instance)
    client.finish(client.send("POST", f"{VAULT_ID}/validateForBackup", {"backupInstance": INSTANCE}))
    roles(client, principal)
    client.clock.advance(600)
    client.finish(client.send("POST", f"{VAULT_ID}/validateForBackup", {"backupInstance": INSTANCE}))
    created = client.send("PUT", instance, body)
    client.send("GET", instance)
    client.finish(created)
    client.send("GET", instance)
    client.send("GET", f"{VAULT_ID}/backupInstances")
    moved = copy.deepcopy(body)
    moved["properties"]["policyInfo"]["policyId"] = f"{VAULT_ID}/backupPolicies/others"
    client.finish(client.send("PUT", instance, moved))
    trigger = {"backupRuleOptions": {"ruleName": "BackupHourly", "triggerOption": {}}}
    started = client.send("POST", f"{instance}/backup", trigger)
    url = started.headers["Azure-AsyncOperation"]
    client.clock.advance(5)
    job_id = client.send("GET", url).json()["properties"]["jobId"]
    client.send("GET", started.headers["Location"])
    client.send("GET", job_id)
    client.clock.advance(600)
    client.send("GET", job_id)
    client.send("GET", f"{VAULT_ID}/backupJobs")
    client.send("GET", f"{instance}/recoveryPoints?$filter=")
    restored(client, principal, instance)
    table = "RecoveryServicesResources | where type =~ 'microsoft.dataprotection/backupvaults"
    name = "| extend vaultName = split(split(id, '/Microsoft.DataProtection/backupVaults/')[1],'/')[0]"
    for query in (
        f"resources | where type =~ 'microsoft.dataprotection/backupvaults' | where id in~ ('{VAULT_ID}')",
        "resources | where type =~ 'microsoft.dataprotection/backupvaults' | where id in~ ('nothing')",
        f"{table}/backupinstances'{name}| extend protectionState = properties.currentProtectionState"
        "| extend datasourceId = properties.dataSourceInfo.resourceID",
        f"{table}/backupjobs'| extend vaultName = properties.vaultName| extend status = properties.status| extend operation = "
        "case( tolower(properties.operationCategory) startswith 'backup' and properties.isUserTriggered == 'true', 'x')"
        "| extend datasourceId = properties.dataSourceId",
    ):
        options = {"$top": 1000, "$skip": 0, "resultFormat": "objectArray", "allowPartialScopes": False}
        question = {"subscriptions": [SUBSCRIPTION], "query": query, "options": options}
        client.send("POST", "/providers/Microsoft.ResourceGraph/resources", question, "2021-03-01")
    client.finish(client.send("POST", f"{instance}/stopProtection", {}))
    client.finish(client.send("DELETE", instance))
    elsewhere(client)
    deleted = instance.replace("/backupInstances/", "/deletedBackupInstances/")
    client.send("GET", deleted)
    client.send("GET", f"{VAULT_ID}/deletedBackupInstances")
    client.send("POST", f"{deleted}/undelete")
    client.send("POST", f"{deleted}/undelete")
    client.send("POST", f"{instance}/resumeProtection")


def restored(client: Client, principal: str, instance: str) -> None:
    """A disk restored to a new one, which is then deleted."""
    role = READER.replace("3e5e47e6-65f7-47ef-90b5-e5dd4d455f24", "b50d9833-a0cb-478e-945f-707fcc997c13")
    wanted = {"properties": {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}}
    client.send("PUT", f"{GROUP}/{ASSIGNMENT}9", wanted, "2022-04-01")
    client.clock.advance(600)
    point = client.send("GET", f"{instance}/recoveryPoints").json()["value"][0]["name"]
    new = disk("restored")
    target = {
        "datasourceType": "Microsoft.Compute/disks",
        "objectType": "Datasource",
        "resourceId": new,
        "resourceLocation": "westeurope",
        "resourceName": "restored",
        "resourceType": "Microsoft.Compute/disks",
        "resourceUri": new,
    }
    request = {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": point,
        "sourceDataStoreType": "OperationalStore",
        "restoreTargetInfo": {
            "objectType": "RestoreTargetInfo",
            "recoveryOption": "FailIfExists",
            "restoreLocation": "westeurope",
            "datasourceInfo": target,
        },
    }
    client.finish(client.send("POST", f"{instance}/validateRestore", {"restoreRequestObject": request}))
    started = client.send("POST", f"{instance}/restore", request)
    client.clock.advance(5)
    job_id = client.send("GET", started.headers["Azure-AsyncOperation"]).json()["properties"]["jobId"]
    client.send("GET", started.headers["Location"])
    client.send("GET", job_id)
    client.clock.advance(600)
    assert client.send("GET", job_id).json()["properties"]["status"] == "Completed"
    assert new.lower() in client.azure.compute.disks


def guarded(client: Client) -> None:
    """A resource guard, a vault that is mapped to it, an approval, and the way back."""
    guard = f"{GROUP}/providers/Microsoft.DataProtection/resourceGuards/demo-guard"
    excluded = ["Microsoft.DataProtection/backupVaults/backupInstances/write"]
    client.send("PUT", guard, {"location": "westeurope"})
    client.send("PUT", guard, {"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": excluded}})
    client.send("GET", guard)
    client.send("GET", guard.rpartition("/")[0])
    mapping = f"{VAULT_ID}/backupResourceGuardProxies/DppResourceGuardProxy"
    client.send("PUT", mapping, {"properties": {"resourceGuardResourceId": guard}})
    client.send("GET", mapping)
    approval = {"resourceGuardOperationRequests": [f"{guard}/deleteResourceGuardProxyRequests/default"]}
    client.send("POST", f"{mapping}/unlockDelete", approval)
    client.send("DELETE", mapping)
    client.send("DELETE", guard)


def accounts(client: Client) -> None:
    """A storage account with containers: refused, protected, backed up, its policy changed."""
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
    for name in ("blobs", "more-blobs"):
        client.send("PUT", f"{VAULT_ID}/backupPolicies/{name}", BLOB_POLICY)
    client.finish(client.send("POST", f"{VAULT_ID}/validateForBackup", {"backupInstance": BLOB_INSTANCE}))
    principal = client.send("GET", VAULT_ID).json()["identity"]["principalId"]
    role = READER.replace("3e5e47e6-65f7-47ef-90b5-e5dd4d455f24", "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1")
    wanted = {"properties": {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}}
    client.send("PUT", f"{account}/{ASSIGNMENT}8", wanted, "2022-04-01")
    client.clock.advance(600)
    instance = f"{VAULT_ID}/backupInstances/demoaccount-demoaccount-b7e6f082-b310-11eb-8f55-9cfce85d4fa1"
    body = {"properties": BLOB_INSTANCE, "tags": {"Owner": "storage-team"}}
    client.finish(client.send("PUT", instance, body))
    client.send("GET", instance)
    started = client.send("POST", f"{instance}/backup", {"backupRuleOptions": {"ruleName": "BackupDaily", "triggerOption": {}}})
    client.finish(started)
    client.send("GET", f"{instance}/recoveryPoints?$filter=")
    for odd in (
        {},
        {"endTime": "2033-06-16T01:00:00.00Z"},
        {"startTime": "2023-06-16T01:00:00.000Z"},
        {"startTime": "2033-06-16T01:00:00.0000000Z", "endTime": "2023-06-16T01:00:00.0000000Z"},
    ):
        client.send("POST", f"{instance}/findRestorableTimeRanges", {"sourceDataStoreType": "OperationalStore", **odd})
    restored_accounts(client, principal, instance, account)
    moved: dict[str, Any] = copy.deepcopy(body)
    moved["properties"]["policyInfo"]["policyId"] = f"{VAULT_ID}/backupPolicies/more-blobs"
    client.finish(client.send("PUT", instance, moved))


def restored_accounts(client: Client, principal: str, instance: str, account: str) -> None:
    """A container restored into another account, and blobs in place."""
    target = account.replace("demoaccount", "emptyaccount")
    role = READER.replace("3e5e47e6-65f7-47ef-90b5-e5dd4d455f24", "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1")
    wanted = {"properties": {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}}
    client.send("PUT", f"{target}/{ASSIGNMENT}7", wanted, "2022-04-01")
    client.clock.advance(600)
    point = client.send("GET", f"{instance}/recoveryPoints").json()["value"][0]["name"]

    def info(place: str) -> dict[str, str]:
        name = place.rsplit("/", 1)[-1]
        return {
            "datasourceType": "Microsoft.Storage/storageAccounts/blobServices", "objectType": "Datasource", "resourceId": place,
            "resourceLocation": "westeurope", "resourceName": name, "resourceType": "Microsoft.Storage/storageAccounts",
            "resourceUri": place,
        }  # fmt: skip

    common = {"recoveryOption": "FailIfExists", "restoreLocation": "westeurope"}
    criteria = [{"objectType": "ItemPathBasedRestoreCriteria", "itemPath": "photos", "isPathRelativeToBackupItem": True}]
    from_vault = {
        "objectType": "AzureBackupRecoveryPointBasedRestoreRequest",
        "recoveryPointId": point,
        "sourceDataStoreType": "VaultStore",
        "restoreTargetInfo": {
            **common, "objectType": "ItemLevelRestoreTargetInfo", "datasourceInfo": info(target),
            "datasourceSetInfo": {**info(target), "objectType": "DatasourceSet"}, "restoreCriteria": criteria,
        },
    }  # fmt: skip
    in_place = {
        "objectType": "AzureBackupRecoveryTimeBasedRestoreRequest",
        "recoveryPointTime": f"{client.clock.now():%Y-%m-%dT%H:%M:%S}.0000000Z",
        "sourceDataStoreType": "OperationalStore",
        "restoreTargetInfo": {**common, "objectType": "RestoreTargetInfo", "datasourceInfo": info(account)},
    }
    for request in (from_vault, in_place):
        client.finish(client.send("POST", f"{instance}/validateRestore", {"restoreRequestObject": request}))
        started = client.send("POST", f"{instance}/restore", request)
        client.clock.advance(5)
        job = client.send("GET", started.headers["Azure-AsyncOperation"]).json()["properties"]["jobId"]
        client.send("GET", job)
        client.clock.advance(600)
        assert client.send("GET", job).json()["properties"]["status"] == "Completed"
    assert "photos" in client.azure.storage.containers[target.lower()]


def undeleted(client: Client) -> None:
    """A vault that is deleted for good only later, and comes back before."""
    version = "2026-06-01"
    kept = VAULT_ID.replace("demo-vault", "kept-vault")
    body: dict[str, Any] = copy.deepcopy(VAULT)
    body["properties"]["securitySettings"]["softDeleteSettings"]["state"] = "AlwaysOn"
    client.finish(client.send("PUT", kept, body, version))
    deleted = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.DataProtection/locations/westeurope/deletedVaults"
    operation = client.send("DELETE", kept, version=version)
    client.clock.advance(5)
    client.send("GET", operation.headers["Azure-AsyncOperation"])
    (found,) = client.send("GET", deleted, version=version).json()["value"]
    client.send("GET", f"{deleted}/{found['name']}", version=version)
    client.http.headers["x-ms-deleted-vault-id"] = found["name"]
    client.send("PUT", kept, {"location": "westeurope", "identity": {"type": "SystemAssigned"}}, version)
    del client.http.headers["x-ms-deleted-vault-id"]


def elsewhere(client: Client) -> None:
    """The same disk protected in another vault meanwhile, so that it cannot go on in the first one."""
    other = VAULT_ID.replace("demo-vault", "other-vault")
    client.finish(client.send("PUT", other, VAULT))
    principal = client.send("GET", other).json()["identity"]["principalId"]
    client.send("PUT", f"{other}/backupPolicies/disks", POLICY)
    for index, (role, scope) in enumerate(((READER, disk("data01")), (SNAPSHOT_ROLE, SNAPSHOTS))):
        wanted = {"properties": {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}}
        client.send("PUT", f"{scope}/{ASSIGNMENT}{index + 5}", wanted, "2022-04-01")
    client.clock.advance(600)
    body: dict[str, Any] = copy.deepcopy(INSTANCE)
    body["policyInfo"]["policyId"] = f"{other}/backupPolicies/disks"
    client.finish(client.send("PUT", f"{other}/backupInstances/data01-elsewhere", {"properties": body}))


RSV = f"{GROUP}/providers/Microsoft.RecoveryServices/vaults/demo-rsv"
RSV_API = "2024-04-01"
RSV_CONFIG = {"enhancedSecurityState": "Enabled", "softDeleteFeatureState": "Enabled", "softDeleteRetentionPeriodInDays": 14}


def recovery_services_vault(client: Client) -> None:
    """A Recovery Services vault, its settings and its policies."""
    vault = RSV
    reader = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/key-reader"

    def send(method: str, target: str, body: Any = None) -> requests.Response:
        return client.send(method, target, body, RSV_API)

    send("GET", vault)
    body = {"location": "westeurope", "sku": {"name": "Standard"}, "properties": {"publicNetworkAccess": "Enabled"}}
    client.finish(send("PUT", vault, body))
    for target in (vault, f"{GROUP}/providers/Microsoft.RecoveryServices/vaults", f"{vault}/backupconfig/vaultconfig",
                   f"{vault}/backupResourceGuardProxies", f"{vault}/backupPolicies", f"{vault}/backupPolicies/DefaultPolicy",
                   f"{vault}/backupPolicies/EnhancedPolicy", f"{vault}/backupProtectableItems",
                   f"{vault}/backupEncryptionConfigs/backupResourceEncryptionConfig"):  # fmt: skip
        send("GET", target)
    send("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.RecoveryServices/vaults")
    for identity in ({"type": "userassigned", "userAssignedIdentities": {reader: {}}}, {"type": "none"}):
        changed = send("PATCH", vault, {"identity": identity})
        if changed.status_code == 202:
            client.finish(changed)
    keyed = vault.replace("demo-rsv", "rsv-with-key")
    identity = {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {reader: {}}}
    client.finish(send("PUT", keyed, body))
    client.finish(send("PATCH", keyed, {"identity": identity}))
    key = {"keyVaultProperties": {"keyUri": "https://demo-keys.vault.azure.net/keys/one"}}
    for own in ({"kekIdentity": {"userAssignedIdentity": reader}, "infrastructureEncryption": "Disabled"},
                {"kekIdentity": {"useSystemAssignedIdentity": True}}, {}):  # fmt: skip
        client.finish(send("PATCH", keyed, {"properties": {"encryption": {**key, **own}}}))
        send("GET", keyed)
        send("GET", f"{keyed}/backupEncryptionConfigs/backupResourceEncryptionConfig")
    for name_, value in (("standardTierStorageRedundancy", "GeoRedundant"), ("crossRegionRestore", "Disabled")):
        client.finish(send("PATCH", vault, {"properties": {"redundancySettings": {name_: value}}}))
    send("PATCH", f"{vault}/backupconfig/vaultconfig", {"properties": RSV_CONFIG})
    policy = send("GET", f"{vault}/backupPolicies/DefaultPolicy").json()["properties"]
    send("PUT", f"{vault}/backupPolicies/own", {"properties": policy})
    send("PUT", f"{vault}/backupPolicies/own", {"properties": {**policy, "instantRpRetentionRangeInDays": 3}})
    send("DELETE", f"{vault}/backupPolicies/own")


def restored_machines(client: Client, machine: str, item: str, point: str) -> None:
    """Restores of a machine: to disks, once in vain, in place, to a new machine, in the paired region."""
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/emptyaccount"
    network = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/demo-vnet"
    common = {"objectType": "IaasVMRestoreRequest", "recoveryPointId": point, "sourceResourceId": machine,
              "storageAccountId": account, "region": "westeurope", "createNewCloudService": False,
              "originalStorageAccountOption": False}  # fmt: skip
    disks = {**common, "recoveryType": "RestoreDisks", "targetResourceGroupId": GROUP}
    new = {"recoveryType": "AlternateLocation", "targetResourceGroupId": GROUP, "virtualNetworkId": network,
           "targetVirtualMachineId": f"{machine}-restored", "subnetId": f"{network}/subnets/restored"}  # fmt: skip

    def restore(properties: Any, end: str = "Completed") -> None:
        answer = client.send("POST", f"{item}/recoveryPoints/{point}/restore", {"properties": properties}, RSV_API)
        client.clock.advance(30)
        operation = urlsplit(answer.headers["Azure-AsyncOperation"]).path.rsplit("/", 1)[-1]
        for header in ("Azure-AsyncOperation", "Location"):
            client.send("GET", answer.headers[header])
        job = client.send("GET", f"{RSV}/backupOperations/{operation}", version=RSV_API).json()["properties"]["jobId"]
        client.send("GET", f"{RSV}/backupJobs/{job}", version=RSV_API)
        client.clock.advance(7200)
        last = client.send("GET", f"{RSV}/backupJobs/{job}", version=RSV_API)
        assert last.json()["properties"]["status"] == end

    restore(disks)
    restore({**disks, "storageAccountId": f"{account}-gone"}, "Failed")
    restore({**common, "recoveryType": "OriginalLocation"})
    restore({**common, **new})
    settings = {"standardTierStorageRedundancy": "GeoRedundant", "crossRegionRestore": "Enabled"}
    client.finish(client.send("PATCH", RSV, {"properties": {"redundancySettings": settings}}, RSV_API))
    version, north = "2021-11-15", GROUP.replace("demo-rg", "north-rg")
    place = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.RecoveryServices/locations/northeurope"
    client.send("GET", f"{item}/recoveryPoints", version=version)
    audience = client.send("GET", f"{place}/backupAadProperties", version=version).json()
    access = client.send("POST", f"{item}/recoveryPoints/{point}/accessToken", audience, version).json()["properties"]
    there = {**disks, "region": "northeurope", "targetResourceGroupId": north,
             "storageAccountId": f"{north}/providers/Microsoft.Storage/storageAccounts/northaccount"}  # fmt: skip
    body = {"crossRegionRestoreAccessDetails": access, "restoreRequest": there}
    started = client.send("POST", f"{place}/backupCrossRegionRestore", body, version)
    client.clock.advance(30)
    job = client.send("GET", started.headers["Azure-AsyncOperation"]).json()["properties"]["jobId"]
    for _again in range(2):
        answer = client.send("POST", f"{place}/backupCrrJob", {"resourceId": RSV, "jobName": job}, version)
        client.clock.advance(7200)
    assert answer.json()["properties"]["status"] == "Completed"


def guarded_machines(client: Client) -> None:
    """The mapping of a Recovery Services vault to a resource guard, with and without rights on it."""
    guard = f"{GROUP}/providers/Microsoft.DataProtection/resourceGuards/machine-guard"
    client.send("PUT", guard, {"location": "westeurope"})
    approval = {"resourceGuardOperationRequests": [f"{guard}/deleteResourceGuardProxyRequests/default"]}
    mapping = f"{RSV}/backupResourceGuardProxies/VaultProxy"
    wanted = {"properties": {"resourceGuardResourceId": guard}}
    # With rights on the vault and none on the guard.
    vaults = f"{GROUP}/providers/Microsoft.RecoveryServices"
    client.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[vaults]))
    client.sign_in(GROUP_CLIENT)
    client.send("PUT", mapping, wanted, RSV_API)
    client.sign_in(CLIENT)
    client.send("PUT", mapping, wanted, RSV_API)
    client.send("GET", mapping, version=RSV_API)
    client.send("GET", mapping.rpartition("/")[0], version=RSV_API)
    client.send("POST", f"{mapping}/unlockDelete", approval, RSV_API)
    client.send("DELETE", mapping, version=RSV_API)
    client.send("DELETE", guard)


def virtual_machines(client: Client) -> None:
    """The life of a virtual machine in a Recovery Services vault, and the end of the vault."""
    vault, config = RSV, RSV_CONFIG
    machine = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web02"
    name = "iaasvmcontainerv2;demo-rg;web02"
    item = f"{vault}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{name}/protectedItems/VM;{name}"

    def send(method: str, target: str, body: Any = None) -> requests.Response:
        return client.send(method, target, body, RSV_API)

    def done(method: str, target: str, body: Any = None) -> requests.Response:
        """Send a request, follow its operation as Microsoft's CLI does, and read the job that it started."""
        answer = send(method, target, body)
        operation = urlsplit(answer.headers["Azure-AsyncOperation"]).path.rsplit("/", 1)[-1]
        send("GET", f"{vault}/backupOperations/{operation}")
        client.clock.advance(300)
        last = send("GET", f"{vault}/backupOperations/{operation}")
        job = last.json()["properties"]["jobId"]
        for _again in range(3):
            answer = send("GET", f"{vault}/backupJobs/{job}")
            client.clock.advance(7200)
        return answer

    refreshed = send("POST", f"{vault}/backupFabrics/Azure/refreshContainers")
    send("GET", refreshed.headers["Location"])
    client.clock.advance(600)
    send("GET", refreshed.headers["Location"])
    send("GET", f"{vault}/backupProtectableItems")
    protected = {"protectedItemType": "Microsoft.Compute/virtualMachines", "sourceResourceId": machine,
                 "policyId": f"{vault}/backupPolicies/DefaultPolicy"}  # fmt: skip
    done("PUT", item, {"properties": protected})
    backup = {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": "2040-01-01T00:00:00.000Z"}
    # Some clients ask the item itself for its operations.
    changed = send("PUT", item, {"properties": protected})
    client.clock.advance(300)
    for header in ("Azure-AsyncOperation", "Location"):
        send("GET", changed.headers[header])
    done("POST", f"{item}/backup", {"properties": backup})
    for target in (item, f"{vault}/backupProtectedItems", f"{vault}/backupProtectionContainers", f"{vault}/backupJobs",
                   f"{item}/recoveryPoints"):  # fmt: skip
        answer = send("GET", target)
    send("GET", answer.json()["value"][0]["id"])
    restored_machines(client, machine, item, answer.json()["value"][0]["name"])
    client.azure.faults.plan({"kind": "job", "outcome": {"status": "CompletedWithWarnings"}})
    done("POST", f"{item}/backup", {"properties": backup})
    send("POST", f"{item}/backup", {"properties": backup})
    client.clock.advance(60)
    running = next(
        job for job in send("GET", f"{vault}/backupJobs").json()["value"] if job["properties"]["status"] == "InProgress"
    )
    send("POST", f"{running['id']}/cancel")
    client.clock.advance(7200)
    done("PUT", item, {"properties": {**protected, "policyId": "", "protectionState": "ProtectionStopped"}})
    done("PUT", item, {"properties": protected})
    done("DELETE", item)
    send("GET", f"{vault}/backupProtectedItems")
    assert send("DELETE", vault).status_code == 400
    done("PUT", item, {"properties": {**protected, "policyId": "", "protectionState": "ProtectionStopped", "isRehydrate": True}})
    send("PATCH", f"{vault}/backupconfig/vaultconfig", {"properties": {**config, "softDeleteFeatureState": "Disabled"}})
    done("DELETE", item)
    gone = send("DELETE", vault)
    send("GET", gone.headers["Azure-AsyncOperation"])
    client.clock.advance(600)
    send("GET", gone.headers["Azure-AsyncOperation"])


def infrastructure(client: Client, stackhub: str) -> None:
    """Azure Stack Hub: its backup location read, changed and pruned, a backup from start to end."""
    resource_manager, client.url = client.url, stackhub
    client.sign_in(CLIENT, stackhub_audience(TENANT))
    group = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/System.local/providers/Microsoft.Backup.Admin"
    location = f"{group}/backupLocations/local"
    old, new = "2018-09-01", "2021-09-01"

    def follow(response: requests.Response) -> None:
        urls = [response.headers[name] for name in ("Azure-AsyncOperation", "Location") if name in response.headers]
        for seconds in (5, 3600):
            client.clock.advance(seconds)
            for url in urls:
                client.send("GET", url)

    client.send("GET", f"{group}/backupLocations", version=old)
    client.send("GET", location, version=old)
    store = {"backupFrequencyInHours": 10, "isBackupSchedulerEnabled": False, "backupRetentionPeriodInDays": 6}
    change = {"location": "local", "properties": {"externalStoreDefault": store}}
    follow(client.send("PUT", location, change, version=old))
    follow(client.send("PATCH", location, change, version=new))
    follow(client.send("POST", f"{location}/createBackup", version=old))
    (backup,) = client.send("GET", f"{location}/backups", version=old).json()["value"]
    client.send("GET", f"{location}/backups/{backup['name'].split('/')[1]}", version=old)
    follow(client.send("POST", f"{location}/createBackup", version=new))
    follow(client.send("POST", f"{location}/pruneExternalStore", {}, version=old))
    client.url = resource_manager
    client.sign_in(CLIENT)


def last_steps(client: Client) -> None:
    """What is refused, and the end of policies and vaults."""
    client.send("GET", VAULT_ID.replace("demo-rg", "no-such-rg") + "/backupInstances/data01")
    client.send("DELETE", f"{VAULT_ID}/backupPolicies/others")
    client.send("DELETE", f"{VAULT_ID}/backupPolicies/unused")
    empty = VAULT_ID.replace("demo-vault", "empty-vault")
    client.finish(client.send("PUT", empty, VAULT))
    client.finish(client.send("DELETE", empty))
    client.azure.configure({"seconds_between_identities": 20})
    for name in ("third-vault", "fourth-vault"):
        client.send("PUT", VAULT_ID.replace("demo-vault", name), VAULT)
    client.sign_in(OUTSIDER_CLIENT)
    client.send("GET", VAULT_ID)


@pytest.fixture(scope="module")
def observed() -> Iterator[dict[Kind, list[Answer]]]:
    with Emulator() as emulator:
        emulator.azure.clock.freeze()
        client = Client(emulator)
        principal = first_steps(client)
        protection(client, principal)
        accounts(client)
        guarded(client)
        undeleted(client)
        recovery_services_vault(client)
        guarded_machines(client)
        virtual_machines(client)
        infrastructure(client, emulator.urls["stackhub"])
        last_steps(client)
        yield client.observed


def table_below(heading: str) -> dict[str, str]:
    """Read a table of PARITY.md: the reason by the first column."""
    section = PARITY.read_text(encoding="utf-8").split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip().strip("`") for cell in line.strip("| \n").split(" | ")]
        for line in section.splitlines()
        if line.startswith("| `")
    ]
    assert all(len(row) == 2 and row[1] for row in rows), rows
    return {row[0]: row[1] for row in rows}


def differences(kind: Kind, answer: Answer) -> set[str]:
    """Tell how an answer of the emulator differs from the recorded ones."""
    recorded = RECORDED[kind]
    shape = Shape()
    for example in recorded:
        shape.learn(example.body)
    found = {re.sub(r"^\$\.?", "", text) for text in shape.differences(answer.body)}
    always = set.intersection(*[example.headers for example in recorded])
    ever = set.union(*[example.headers for example in recorded])
    found |= {f"header {name}: missing, recorded always" for name in always - answer.headers}
    found |= {f"header {name}: never recorded" for name in answer.headers - ever}
    return {f"{kind}: {text}" for text in found}


@pytest.mark.skipif(not RECORDED, reason="the recordings are not on this machine")
def test_every_recorded_kind_of_answer_is_given_for_its_cause(observed: dict[Kind, list[Answer]]) -> None:
    missing = {str(kind) for kind in RECORDED if kind not in observed}
    assert missing == set(table_below("Recorded answers that the emulator does not give"))


@pytest.mark.skipif(not RECORDED, reason="the recordings are not on this machine")
def test_answers_have_the_recorded_headers_and_shape(observed: dict[Kind, list[Answer]]) -> None:
    found = {
        text for kind, answers in observed.items() if kind in RECORDED for answer in answers for text in differences(kind, answer)
    }
    assert found == set(table_below("Where answers differ from the recorded ones"))


@pytest.mark.skipif(not RECORDED, reason="the recordings are not on this machine")
def test_answers_of_which_no_recording_is_here_are_named(observed: dict[Kind, list[Answer]]) -> None:
    assert {str(kind) for kind in observed if kind not in RECORDED} == set(table_below("Answers without a recording here"))
