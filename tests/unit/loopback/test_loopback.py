# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback Azure, driven by Microsoft's own clients, which know nothing of it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.dataprotection import DataProtectionMgmtClient
from bodies import INSTANCE, POLICY, VAULT
from conftest import GROUP, VAULT_ID, Driver, disk
from emulator.seed import CLIENT, GROUP_CLIENT, OTHER_SUBSCRIPTION, SECRET, SUBSCRIPTION, TENANT


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


@pytest.mark.parametrize(
    ("version", "disks", "machines"), [("2023-10-02", 200, 400), ("2023-03-01", 400, 200), ("2021-04-01", 200, 200)]
)
def test_disks_and_machines_have_versions_of_their_own(azure: Driver, version: str, disks: int, machines: int) -> None:
    for path, status in (("disks/data01", disks), ("virtualMachines/web01", machines)):
        answer = raw(azure, "GET", f"{GROUP}/providers/Microsoft.Compute/{path}", version=version)
        assert answer.status_code == status, answer.text


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


def ask_graph(azure: Driver, query: str, **options: Any) -> requests.Response:
    token = credential(azure).get_token(azure.emulator.url + "/.default").token
    return requests.post(
        f"{azure.emulator.url}/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01",
        json={"query": query, "subscriptions": [SUBSCRIPTION], "options": options},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )


def test_azure_clis_queries_are_understood(azure: Driver) -> None:
    """As az dataprotection job and backup-instance list-from-resourcegraph ask (recorded: job_list_and_show)."""
    azure.run("backup_adhoc", datasource_id=azure.protected("data01"))
    azure.azure.data_protection.jobs_api.run_schedule()
    table = "RecoveryServicesResources | where type =~ 'microsoft.dataprotection/backupvaults/"
    jobs = (
        f"{table}backupjobs'| extend vaultName = properties.vaultName| extend status = properties.status| extend operation = "
        "case( tolower(properties.operationCategory) startswith 'backup' and properties.isUserTriggered == 'true', "
        "strcat('OnDemand',properties.operationCategory), 'Invalid')| extend datasourceId = properties.dataSourceId "
        f"| where properties.dataSourceType in~ ('Microsoft.Compute/disks') | where datasourceId in~ ('{disk('DATA01')}')"
    )
    assert {row["operation"] for row in ask_graph(azure, jobs).json()["data"]} == {"OnDemandBackup", "ScheduledBackup"}
    only = ask_graph(azure, f"{jobs} | where operation in~ ('ScheduledBackup') | where status in~ ('InProgress', 'Failed')")
    assert only.json()["count"] == 1
    instances = (
        f"{table}backupinstances'| extend vaultName = split(split(id, '/Microsoft.DataProtection/backupVaults/')[1],'/')[0]"
        "| extend protectionState = properties.currentProtectionState | where vaultName in~ ('demo-vault')"
    )
    (row,) = ask_graph(azure, instances).json()["data"]
    assert (row["vaultName"], row["protectionState"], row["resourceGroup"]) == ("demo-vault", "ProtectionConfigured", "demo-rg")


def test_a_query_that_the_emulator_does_not_know_and_a_strange_token_are_refused(azure: Driver) -> None:
    azure.vault()
    azure.run("backup_vault", vault_name="second-vault")
    vaults = "resources | where type =~ 'microsoft.dataprotection/backupvaults' | order by id asc"
    for query in ("resources | summarize count()", "patchassessmentresources", "resources | where tags has 'x'", ""):
        assert ask_graph(azure, query).status_code == 501
    first = ask_graph(azure, vaults, **{"$top": 1}).json()
    assert (first["totalRecords"], first["count"], first["resultTruncated"]) == (2, 1, "false")
    second = ask_graph(azure, vaults, **{"$top": 1, "$skipToken": first["$skipToken"]}).json()
    assert second["data"][0]["name"] == "second-vault"
    assert "$skipToken" not in second
    other = ask_graph(azure, "resources | order by id asc", **{"$skipToken": first["$skipToken"]})
    assert (other.status_code, other.json()["error"]["code"]) == (400, "InvalidSkipToken")


def test_recovery_points_are_listed_by_their_time(azure: Driver) -> None:
    """As az dataprotection recovery-point list asks (recorded: recovery_point_list)."""
    ids = azure.protected("data01")
    points = [azure.run("backup_adhoc", datasource_id=ids)["datasources"][0]["recovery_point"] for _turn in range(2)]
    sdk = client(azure).recovery_points

    def listed(text: str) -> list[str]:
        found = sdk.list("demo-rg", "demo-vault", points[0]["instance_name"], filter=text)
        return [str(point.name) for point in found]

    both = [points[1]["name"], points[0]["name"]]
    assert listed("") == both
    assert listed("startDate eq '2023-06-16T01:00:00.0000000Z' and endDate eq '2093-06-16T01:00:00.0000000Z'") == both
    assert listed("startDate eq '2093-06-16T01:00:00.0000000Z' and endDate eq '2023-06-16T01:00:00.0000000Z'") == []
    assert listed(f"startDate eq '{points[1]['time'][:-1]}.0000000Z'") == [points[1]["name"]]
    with pytest.raises(HttpResponseError, match="filter"):
        listed("name eq 'x'")


def test_a_group_with_letters_beyond_ascii_holds_protected_items(azure: Driver) -> None:
    """E1: an address in a header is percent-encoded, as a header holds ASCII only."""
    azure.azure.groups.add(SUBSCRIPTION, "größe-rg", "westeurope")
    machine = azure.azure.compute.add_machine(SUBSCRIPTION, "größe-rg", "web01", "westeurope")
    vault = {"vault_type": "recovery_services", "vault_name": "demo-rsv", "resource_group": "größe-rg"}
    assert azure.run("backup_vault", **vault)["changed"] is True
    assert azure.run("backup_policy", **vault, policy_name="vms", datasource_type="azure_vm")["changed"] is True
    result = azure.run("backup_instance", **vault, policy_name="vms", datasource_id=machine)
    assert not result["failed"], result["datasources"]
    (written,) = [
        entry for entry in azure.azure.journal.entries if entry["method"] == "PUT" and "/protectedItems/" in entry["path"]
    ]
    assert written["status"] == 202
    assert azure.run("backup_instance", **vault, policy_name="vms", datasource_id=machine)["changed"] is False


# -- what Azure refuses of Recovery Services vaults, by reports; and what unmodified clients ask for

RSV = VAULT_ID.replace("Microsoft.DataProtection/backupVaults/demo-vault", "Microsoft.RecoveryServices/vaults/demo-rsv")
KIND = {"vault_type": "recovery_services", "vault_name": "demo-rsv"}
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"


def machines(azure: Driver, method: str, path: str, body: Any = None, version: str = "2024-04-01") -> requests.Response:
    """Ask about the vault of the machines."""
    return raw(azure, method, path if path.startswith("/") else f"{RSV}/{path}" if path else RSV, body, version)


def policy_of(**changes: Any) -> dict[str, Any]:
    """Give a daily policy for virtual machines as clients write it."""
    properties = {
        "backupManagementType": "AzureIaasVM",
        "policyType": "V1",
        "instantRpRetentionRangeInDays": 2,
        "timeZone": "UTC",
        "schedulePolicy": {
            "schedulePolicyType": "SimpleSchedulePolicy",
            "scheduleRunFrequency": "Daily",
            "scheduleRunTimes": ["2026-11-04T02:00:00Z"],
        },
        "retentionPolicy": {
            "retentionPolicyType": "LongTermRetentionPolicy",
            "dailySchedule": {
                "retentionTimes": ["2026-11-04T02:00:00Z"],
                "retentionDuration": {"count": 30, "durationType": "Days"},
            },
        },
    }
    return {"properties": {**properties, **changes}}


def test_a_vault_is_locked_from_unlocked_only(azure: Driver) -> None:
    azure.vault(**KIND)
    lock = {"properties": {"securitySettings": {"immutabilitySettings": {"state": "Locked"}}}}
    answer = machines(azure, "PATCH", "", lock)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserErrorUnsupportedVaultImmutabilityStateChange")
    assert azure.run("backup_vault", **KIND, immutability_state="Locked")["vault"]["immutability_state"] == "Locked"


@pytest.mark.parametrize(
    ("times", "count"), [("2026-11-04T19:19:00Z", 30), ("2026-11-04T02:00:00Z", 10_000), ("2026-11-04T02:00:00Z", 6)]
)
def test_times_and_retention_of_machines_have_their_limits(azure: Driver, times: str, count: int) -> None:
    azure.vault(**KIND)
    body = policy_of()
    body["properties"]["schedulePolicy"]["scheduleRunTimes"] = [times]
    body["properties"]["retentionPolicy"]["dailySchedule"]["retentionTimes"] = [times]
    body["properties"]["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"] = count
    answer = machines(azure, "PUT", "backupPolicies/odd", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BMSUserErrorInvalidPolicyInput")
    assert machines(azure, "PUT", "backupPolicies/plain", policy_of()).status_code == 200


def test_backups_are_suspended_in_an_immutable_vault_only(azure: Driver) -> None:
    azure.vault(**KIND)
    azure.run("backup_policy", **KIND, policy_name="vms", datasource_type="azure_vm")
    assert not azure.run("backup_instance", **KIND, policy_name="vms", datasource_id=VM)["failed"]
    item = azure.run("backup_instance_info", **KIND)["instances"][0]["id"]
    body = {"properties": {"protectedItemType": "Microsoft.Compute/virtualMachines", "protectionState": "BackupsSuspended"}}
    answer = machines(azure, "PUT", item, {"properties": {**body["properties"], "sourceResourceId": VM, "policyId": ""}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "UserErrorOperationDeniedOnImmutableItem")
    assert azure.run("backup_vault", **KIND, immutability_state="Unlocked")["changed"] is True
    answer = machines(azure, "PUT", item, {"properties": {**body["properties"], "sourceResourceId": VM, "policyId": ""}})
    assert answer.status_code == 202, "an empty policy id is what a client sends that has none"


def test_soft_delete_that_the_vaults_own_interface_has_set_is_changed_there_only(azure: Driver) -> None:
    azure.vault(**KIND)
    own = {"properties": {"securitySettings": {"softDeleteSettings": {"softDeleteState": "Enabled"}}}}
    assert machines(azure, "PATCH", "", own).status_code in (200, 202)
    config = {"properties": {"softDeleteFeatureState": "Enabled", "enhancedSecurityState": "Enabled"}}
    answer = machines(azure, "PATCH", "backupconfig/vaultconfig", config)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BMSUserErrorSoftDeleteUseVaultApi")
    changed = azure.run("backup_vault", **KIND, soft_delete={"state": "On", "retention_duration_in_days": 30})
    assert not changed["failed"], changed["msg"]
    assert changed["vault"]["soft_delete"]["retention_duration_in_days"] == 30


@pytest.mark.parametrize("kind", ["DataProtection/backupVaults", "RecoveryServices/vaults"])
def test_a_region_that_there_is_not_is_refused(azure: Driver, kind: str) -> None:
    properties = {"storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]}
    body = {
        "location": "mars",
        "properties": properties if kind.startswith("Data") else {},
        "sku": {"name": "RS0", "tier": "Standard"},
    }
    if kind.startswith("Data"):
        del body["sku"]
    answer = raw(azure, "PUT", f"{GROUP}/providers/Microsoft.{kind}/odd", body, "2024-04-01")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "LocationNotAvailableForResourceType")


def test_a_slash_too_much_is_no_other_route(azure: Driver) -> None:
    """The Azure CLI asks for the policy of an item that has none; the JavaScript clients begin ids with two slashes."""
    azure.vault(**KIND)
    listed = machines(azure, "GET", "backupPolicies/")
    assert listed.status_code == 200
    assert {policy["name"] for policy in listed.json()["value"]} >= {"DefaultPolicy"}
    assert machines(azure, "GET", f"/{RSV}").json()["name"] == "demo-rsv"


def test_an_empty_daily_schedule_is_none(azure: Driver) -> None:
    """A policy can be written as az prints it."""
    azure.vault(**KIND)
    weekly = {
        "scheduleRunFrequency": "Weekly",
        "scheduleRunDays": ["Sunday"],
        "scheduleRunTimes": ["2026-11-01T02:00:00Z"],
        "schedulePolicyType": "SimpleSchedulePolicy",
        "scheduleWeeklyFrequency": 0,
    }
    kept = {
        "daysOfTheWeek": ["Sunday"],
        "retentionTimes": ["2026-11-01T02:00:00Z"],
        "retentionDuration": {"count": 12, "durationType": "Weeks"},
    }
    retention = {"retentionPolicyType": "LongTermRetentionPolicy", "dailySchedule": None, "weeklySchedule": kept}
    body = policy_of(schedulePolicy=weekly, retentionPolicy=retention, instantRpRetentionRangeInDays=5)
    assert machines(azure, "PUT", "backupPolicies/weekly", body).status_code == 200
    # Without its own figure a policy keeps its snapshots for as long as Azure says.
    daily = policy_of()
    del daily["properties"]["instantRpRetentionRangeInDays"]
    assert machines(azure, "PUT", "backupPolicies/plain", daily).json()["properties"]["instantRpRetentionRangeInDays"] == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "version"),
    [
        ("GET", f"/subscriptions/{SUBSCRIPTION}/resourceGroups", None, "2021-04-01"),
        ("HEAD", GROUP, None, "2021-04-01"),
        ("PUT", GROUP.replace("demo-rg", "new-rg"), {"location": "westeurope"}, "2021-04-01"),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/resources", None, "2021-04-01"),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/locations", None, "2022-12-01"),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.RecoveryServices", None, "2021-04-01"),
        ("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.DataProtection/resourceGuards", None, "2025-07-01"),
        ("GET", "backupstorageconfig/vaultstorageconfig", None, "2024-04-01"),
        ("GET", "backupDeletedProtectionContainers?api-version=2024-04-01", None, "2024-04-01"),
        ("GET", "backupEncryptionConfigs/backupResourceEncryptionConfig", None, "2024-04-01"),
        ("GET", "usages", None, "2024-04-01"),
        (
            "POST",
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.RecoveryServices/locations/westeurope/backupStatus",
            {"resourceType": "VM", "resourceId": VM},
            "2024-04-01",
        ),
    ],
)
def test_what_unmodified_clients_ask_for_is_answered(azure: Driver, method: str, path: str, body: Any, version: str) -> None:
    azure.vault(**KIND)
    answer = machines(azure, method, path, body, version)
    assert answer.status_code in (200, 201, 204), answer.text
    assert method != "HEAD" or answer.status_code == 204


def test_a_query_of_jobs_by_time_is_understood(azure: Driver) -> None:
    azure.run("backup_adhoc", datasource_id=azure.protected("data01"))
    table = "RecoveryServicesResources | where type =~ 'microsoft.dataprotection/backupvaults/backupjobs'"
    later = ask_graph(azure, f"{table} | where properties.startTime > datetime(2040-01-01T00:00:00Z)")
    assert (later.status_code, later.json()["count"]) == (200, 0)
    assert ask_graph(azure, f"{table} | where properties.startTime > datetime(2020-01-01T00:00:00Z)").json()["count"] == 1


def test_recovery_points_of_a_machine_are_listed_by_their_time(azure: Driver) -> None:
    azure.vault(**KIND)
    azure.run("backup_policy", **KIND, policy_name="vms", datasource_type="azure_vm")
    azure.run("backup_instance", **KIND, policy_name="vms", datasource_id=VM)
    assert not azure.run("backup_adhoc", **KIND, datasource_id=VM)["failed"]
    points = f"{azure.run('backup_instance_info', **KIND)['instances'][0]['id']}/recoveryPoints"

    def listed(start: str, end: str) -> int:
        condition = f"startDate eq '{start}' and endDate eq '{end}'"
        answer = machines(azure, "GET", f"{points}?api-version=2024-04-01&$filter={condition}")
        return len(answer.json()["value"])

    assert listed("2020-01-01 12:00:00 AM", "2040-01-01 12:00:00 AM") == 1
    assert listed("2020-01-01 12:00:00 AM", "2020-02-01 12:00:00 AM") == 0


def test_machines_of_another_subscription_are_not_listed_as_protectable(azure: Driver) -> None:
    azure.vault(**KIND)
    azure.azure.groups.add(OTHER_SUBSCRIPTION, "far-rg", "westeurope")
    azure.azure.compute.add_machine(OTHER_SUBSCRIPTION, "far-rg", "far01", "westeurope")
    listed = machines(azure, "GET", "backupProtectableItems?api-version=2024-04-01&$filter=backupManagementType eq 'AzureIaasVM'")
    names = [item["properties"]["friendlyName"] for item in listed.json()["value"]]
    assert "web01" in names
    assert "far01" not in names


def test_a_policy_as_azcollection_writes_it_is_fully_described(azure: Driver) -> None:
    """With its policyType, and without scheduleWeeklyFrequency."""
    azure.vault(**KIND)
    assert machines(azure, "PUT", "backupPolicies/theirs", policy_of()).status_code == 200
    (read,) = azure.run("backup_policy_info", **KIND, policy_name="theirs")["policies"]
    assert read["is_fully_described"] is True
    given_back = {name: read[name] for name in ("datasource_type", "schedule", "retention")}
    assert azure.run("backup_policy", **KIND, policy_name="theirs", **given_back)["changed"] is False


def test_a_change_of_an_instance_is_validated(azure: Driver) -> None:
    azure.protected("data01")
    (instance,) = azure.run("backup_instance_info")["instances"]
    wire = raw(azure, "GET", instance["id"]).json()["properties"]
    writable = ("friendlyName", "dataSourceInfo", "policyInfo", "objectType")
    body = {"backupInstance": {name: wire[name] for name in writable}}
    answer = raw(azure, "POST", f"{instance['id']}/validateForModifyBackup", body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Azure-AsyncOperation"]


def test_two_signals_end_the_emulator_as_one_does(tmp_path: Path) -> None:
    """A second one inside the handler of the first left it hanging."""
    command = [sys.executable, "-m", "emulator", "--port", "0", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        for line in process.stdout:
            if "/env" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) is not None


def test_an_unlock_of_the_mapping_by_its_id_unlocks_it(azure: Driver) -> None:
    """As az does it: --resource-to-be-deleted names the mapping."""
    guard = f"{GROUP}/providers/Microsoft.DataProtection/resourceGuards/demo-guard"
    azure.vault()
    azure.run("backup_resource_guard", vault_name=None, resource_guard_name="demo-guard")
    azure.vault(resource_guard_id=guard)
    (vault,) = azure.azure.data_protection.vaults.values()
    mapping = f"{vault.id}/backupResourceGuardProxies/DppResourceGuardProxy"
    assert raw(azure, "DELETE", mapping).status_code == 403
    request = f"{guard}/deleteResourceGuardProxyRequests/default"
    body = {"resourceGuardOperationRequests": [request], "resourceToBeDeleted": mapping}
    assert raw(azure, "POST", f"{mapping}/unlockDelete", body).status_code == 200
    assert raw(azure, "DELETE", mapping).status_code in (200, 204)


def test_soft_delete_that_az_says_of_every_new_vault_is_discarded(azure: Driver) -> None:
    """az 2.91 writes AlwaysOn when it makes a vault, and switches soft delete off by the configuration afterwards."""
    settings = {"softDeleteState": "AlwaysOn", "enhancedSecurityState": "AlwaysOn", "softDeleteRetentionPeriodInDays": 14}
    body = {
        "location": "westeurope",
        "sku": {"name": "RS0", "tier": "Standard"},
        "properties": {"securitySettings": {"softDeleteSettings": settings}},
    }
    assert machines(azure, "PUT", "", body).status_code == 201
    off = {"properties": {"softDeleteFeatureState": "Disabled", "enhancedSecurityState": "Disabled"}}
    answer = machines(azure, "PATCH", "backupconfig/vaultconfig", off)
    assert (answer.status_code, answer.json()["properties"]["softDeleteFeatureState"]) == (200, "Disabled")
