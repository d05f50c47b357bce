# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback Azure, driven by Microsoft's own clients, which know nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.dataprotection import DataProtectionMgmtClient
from conftest import GROUP, SNAPSHOTS, VAULT_ID, Driver, disk
from emulator.seed import CLIENT, GROUP_CLIENT, SECRET, SUBSCRIPTION, TENANT

VAULT = {
    "location": "westeurope",
    "identity": {"type": "SystemAssigned"},
    "properties": {
        "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}],
        "securitySettings": {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14}},
    },
}
POLICY = {
    "properties": {
        "datasourceTypes": ["Microsoft.Compute/disks"],
        "objectType": "BackupPolicy",
        "policyRules": [
            {
                "backupParameters": {"backupType": "Incremental", "objectType": "AzureBackupParams"},
                "dataStore": {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"},
                "name": "BackupHourly",
                "objectType": "AzureBackupRule",
                "trigger": {
                    "objectType": "ScheduleBasedTriggerContext",
                    "schedule": {"repeatingTimeIntervals": ["R/2020-04-05T13:00:00+00:00/PT4H"]},
                    "taggingCriteria": [{"isDefault": True, "tagInfo": {"tagName": "Default"}, "taggingPriority": 99}],
                },
            },
            {
                "isDefault": True,
                "lifecycles": [
                    {
                        "deleteAfter": {"duration": "P7D", "objectType": "AbsoluteDeleteOption"},
                        "sourceDataStore": {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"},
                    }
                ],
                "name": "Default",
                "objectType": "AzureRetentionRule",
            },
        ],
    }
}
INSTANCE = {
    "objectType": "BackupInstance",
    "friendlyName": "data01",
    "dataSourceInfo": {
        "datasourceType": "Microsoft.Compute/disks",
        "objectType": "Datasource",
        "resourceID": disk("data01"),
        "resourceLocation": "westeurope",
        "resourceName": "data01",
        "resourceType": "Microsoft.Compute/disks",
        "resourceUri": disk("data01"),
    },
    "policyInfo": {
        "policyId": VAULT_ID + "/backupPolicies/disks",
        "policyParameters": {
            "dataStoreParametersList": [
                {
                    "dataStoreType": "OperationalStore",
                    "objectType": "AzureOperationalStoreParameters",
                    "resourceGroupId": SNAPSHOTS,
                }
            ]
        },
    },
}


@pytest.fixture
def fast(azure: Driver) -> Iterator[Driver]:
    """Real time, and Azure a thousand times faster: these clients sleep for themselves."""
    azure.azure.clock.speed = 100_000
    yield azure
    azure.azure.clock.speed = 1


def credential(azure: Driver, client_id: str = CLIENT) -> ClientSecretCredential:
    return ClientSecretCredential(TENANT, client_id, SECRET, authority=azure.emulator.url, disable_instance_discovery=True)


def client(azure: Driver, version: str = "2025-07-01", client_id: str = CLIENT) -> DataProtectionMgmtClient:
    url = azure.emulator.url
    return DataProtectionMgmtClient(
        credential(azure, client_id),
        SUBSCRIPTION,
        base_url=url,
        credential_scopes=[f"{url}/.default"],
        api_version=version,
        polling_interval=0.01,
        retry_total=0,
    )


def raw(azure: Driver, method: str, path: str, body: Any = None, version: str = "2025-07-01") -> requests.Response:
    token = credential(azure).get_token(f"{azure.emulator.url}/.default").token
    url = path if path.startswith("https") else azure.emulator.url + path
    return requests.request(
        method,
        url,
        params=None if "?" in url else {"api-version": version},
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        verify=str(azure.emulator.ca_file),
        timeout=10,
    )


def make_vault_and_policy(azure: Driver) -> None:
    assert raw(azure, "PUT", VAULT_ID, VAULT).status_code == 201
    azure.azure.clock.advance(10)
    assert raw(azure, "PUT", f"{VAULT_ID}/backupPolicies/disks", POLICY).status_code == 200


def test_a_disk_is_backed_up_by_the_sdk_alone(fast: Driver) -> None:
    sdk = client(fast)
    make_vault_and_policy(fast)
    fast.run("backup_permission", datasource_id=[disk("data01")], snapshot_resource_group="demo-snapshots-rg")
    fast.azure.clock.advance(1)
    names = ("demo-rg", "demo-vault")
    sdk.backup_instances.begin_validate_for_backup(*names, {"backupInstance": INSTANCE}).result()
    made = sdk.backup_instances.begin_create_or_update(*names, "one", {"properties": INSTANCE}).result()
    assert made.properties.data_source_info.resource_id == disk("data01")
    fast.azure.clock.advance(1)
    assert sdk.backup_instances.get(*names, "one").properties.current_protection_state == "ProtectionConfigured"
    job = sdk.backup_instances.begin_adhoc_backup(
        *names, "one", {"backupRuleOptions": {"ruleName": "BackupHourly", "triggerOption": {}}}
    ).result()
    fast.azure.clock.advance(1)
    assert sdk.jobs.get(*names, job.job_id.rsplit("/", 1)[-1]).properties.status == "Completed"
    assert len(list(sdk.recovery_points.list(*names, "one"))) == 1
    assert [item.name for item in sdk.backup_instances_extension_routing.list(disk("data01").lstrip("/"))] == ["one"]


def test_the_answers_of_a_vaults_life_are_the_recorded_ones(azure: Driver) -> None:
    made = raw(azure, "PUT", VAULT_ID, VAULT)
    assert (made.status_code, made.json()["properties"]["provisioningState"]) == (201, "Provisioning")
    assert made.headers["Retry-After"] == "10"
    assert "Location" not in made.headers
    operation = made.headers["Azure-AsyncOperation"]
    assert len(operation) > 2600
    first = raw(azure, "GET", operation).json()
    assert (first["status"], first["endTime"]) == ("Inprogress", "0001-01-01T00:00:00Z")
    azure.azure.clock.advance(2)
    assert raw(azure, "GET", operation).json()["status"] == "Succeeded"
    assert raw(azure, "PUT", VAULT_ID, raw(azure, "GET", VAULT_ID).json()).status_code == 200
    gone = raw(azure, "DELETE", VAULT_ID)
    assert (gone.status_code, gone.headers["Retry-After"], gone.text) == (202, "30", "")
    assert "/resourceGroups/demo-rg/providers/Microsoft.DataProtection/locations/" in gone.headers["Azure-AsyncOperation"]
    assert "/resourceGroups/" not in gone.headers["Location"]
    azure.azure.clock.advance(2)
    final = raw(azure, "GET", gone.headers["Location"])
    assert (final.status_code, final.json()) == (200, {"objectType": "OperationJobExtendedInfo"})
    assert final.headers["Retry-After"] == "30"
    assert "Azure-AsyncOperation" in final.headers
    assert raw(azure, "DELETE", VAULT_ID).status_code == 204


def test_an_operation_url_must_be_asked_as_it_was_given(azure: Driver) -> None:
    operation = raw(azure, "PUT", VAULT_ID, VAULT).headers["Azure-AsyncOperation"]
    assert raw(azure, "GET", operation.replace("&t=", "&x=")).status_code == 400


def test_policies_are_never_changed(azure: Driver) -> None:
    make_vault_and_policy(azure)
    again = raw(azure, "PUT", f"{VAULT_ID}/backupPolicies/disks", POLICY)
    assert (again.status_code, again.json()["error"]["code"]) == (400, "UserErrorBMSUpdatePolicyNotSupported")


def test_validation_fails_late_and_not_with_403_while_roles_are_missing(azure: Driver) -> None:
    make_vault_and_policy(azure)
    asked = raw(azure, "POST", f"{VAULT_ID}/validateForBackup", {"backupInstance": INSTANCE})
    assert asked.status_code == 202
    azure.azure.clock.advance(41)
    body = raw(azure, "GET", asked.headers["Azure-AsyncOperation"]).json()
    assert (body["status"], body["error"]["code"]) == ("Failed", "UserErrorDiskAndSnapshotRGOrMSIPermissionsNotPresent")


def test_a_new_api_version_refuses_vaults_that_are_not_always_on(azure: Driver) -> None:
    refused = raw(azure, "PUT", VAULT_ID, VAULT, version="2025-09-01")
    assert refused.status_code == 400
    assert "Always-On" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "version", "status", "code"),
    [
        (VAULT_ID, "2025-07-01", 404, "ResourceNotFound"),
        (VAULT_ID.replace("demo-rg", "no-rg"), "2025-07-01", 404, "ResourceGroupNotFound"),
        (VAULT_ID, "1999-01-01", 400, "NoRegisteredProviderFound"),
        (VAULT_ID, "", 400, "MissingApiVersionParameter"),
        (GROUP + "/providers/Microsoft.Web/sites/x", "2024-01-01", 501, "NotEmulated"),
        ("/subscriptions/0bad0bad-0000-4000-8000-000000000000", "2022-12-01", 404, "SubscriptionNotFound"),
    ],
)
def test_resource_managers_own_refusals(azure: Driver, path: str, version: str, status: int, code: str) -> None:
    answer = raw(azure, "GET", path, version=version)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-ms-request-id"]


def test_a_request_without_a_token_or_with_one_for_others_is_refused(azure: Driver) -> None:
    url = azure.emulator.url + VAULT_ID + "?api-version=2025-07-01"
    bare = requests.get(url, verify=str(azure.emulator.ca_file), timeout=10)
    assert (bare.status_code, "Bearer" in bare.headers["WWW-Authenticate"]) == (401, True)
    token = credential(azure).get_token("https://vault.azure.net/.default").token
    other = requests.get(url, verify=str(azure.emulator.ca_file), timeout=10, headers={"Authorization": f"Bearer {token}"})
    assert other.status_code == 401


def test_a_bad_body_and_an_unknown_property_are_refused(azure: Driver) -> None:
    assert raw(azure, "PUT", VAULT_ID, {"location": "westeurope", "colour": "red"}).status_code == 400
    assert raw(azure, "PUT", VAULT_ID, []).status_code == 400
    assert azure.azure.data_protection.vaults == {}


def test_ids_come_in_several_casings_and_paths_are_taken_in_any(azure: Driver) -> None:
    make_vault_and_policy(azure)
    assert raw(azure, "GET", VAULT_ID.lower()).json()["id"] == VAULT_ID
    listed = raw(azure, "GET", VAULT_ID.rsplit("/", 1)[0]).json()["value"]
    assert listed[0]["id"] != VAULT_ID
    assert listed[0]["id"].lower() == VAULT_ID.lower()


def test_lists_are_paged(azure: Driver) -> None:
    make_vault_and_policy(azure)
    other = {**POLICY}
    raw(azure, "PUT", f"{VAULT_ID}/backupPolicies/other", other)
    azure.azure.configure({"page_size": 1})
    page = raw(azure, "GET", f"{VAULT_ID}/backupPolicies").json()
    assert len(page["value"]) == 1
    assert len(raw(azure, "GET", page["nextLink"]).json()["value"]) == 1


def test_a_caller_of_one_group_may_not_read_the_subscriptions_operations(azure: Driver) -> None:
    make_vault_and_policy(azure)
    sdk = client(azure, client_id=GROUP_CLIENT)
    assert sdk.backup_vaults.get("demo-rg", "demo-vault").name == "demo-vault"
    with pytest.raises(HttpResponseError) as refused:
        list(sdk.backup_vaults.list_by_subscription()) if hasattr(sdk.backup_vaults, "list_by_subscription") else list(
            sdk.backup_vaults.get_in_subscription()
        )
    assert refused.value.status_code == 403


def test_the_control_plane_tells_what_was_asked_and_lets_time_pass(azure: Driver) -> None:
    url, verify = azure.emulator.url, str(azure.emulator.ca_file)
    raw(azure, "PUT", VAULT_ID, VAULT)
    journal = requests.get(f"{url}/_emulator/journal", verify=verify, timeout=10).json()
    assert [entry["method"] for entry in journal["writes"]] == ["PUT"]
    assert SECRET not in str(journal)
    before = requests.get(f"{url}/_emulator/clock", verify=verify, timeout=10).json()["now"]
    after = requests.post(f"{url}/_emulator/clock", json={"advance": 3600}, verify=verify, timeout=10).json()["now"]
    assert after > before
    plan = {"kind": "answer", "method": "GET", "status": 503}
    assert requests.post(f"{url}/_emulator/faults", json=plan, verify=verify, timeout=10).status_code == 200
    assert raw(azure, "GET", VAULT_ID).status_code == 503
    assert requests.post(f"{url}/_emulator/faults", json={"kind": "no"}, verify=verify, timeout=10).status_code == 400
    assert requests.post(f"{url}/_emulator/reset", verify=verify, timeout=10).status_code == 200
    assert raw(azure, "GET", VAULT_ID).status_code == 404
