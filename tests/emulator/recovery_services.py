# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.RecoveryServices: vaults, policies, virtual machines as protected items, backups, jobs, recovery points.

Durations are those of the recordings, in Azure's seconds.
"""

from __future__ import annotations

import base64
import copy
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .arm import ArmError, Call, Reply, Route, Wire, check_properties, page_of, resource_not_found
from .authorization import Authorization
from .clock import Schedule, iso_duration, ticks
from .compute import Compute
from .faults import Faults
from .resource_graph import graph_row
from .resources import ResourceGroups
from .subscription import check_location

NAMESPACE = "Microsoft.RecoveryServices"
_VAULTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults"
_VAULT = _VAULTS + "/{vault}"
_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/locations/{location}"
_FABRIC = _VAULT + "/backupFabrics/{fabric}"
_ITEM = _FABRIC + "/protectionContainers/{container}/protectedItems/{item}"
_VM = "Microsoft.Compute/virtualMachines"
_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
_SECONDS = {"vault": 2.0, "refresh": 12.0, "item": 6.0, "configure": 30.0, "snapshot": 456.0, "transfer": 2018.0, "delete": 111.0}
_JOB_READS_AN_HOUR = 150
_NEVER = "0001-01-01T00:00:00"
_NO_BACKUP = "2001-01-01T00:00:00Z"
# The api-version by which the CLI of today says how a vault's costs are shown.
_COST_MANAGEMENT = "2026-07-01"
_VAULT_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9-]{1,49}$")
_POLICY_NAME = re.compile(r"^[A-Za-z][-_!A-Za-z0-9]{2,149}$")
_MOST = {"Days": 9999, "Weeks": 5163, "Months": 1188, "Years": 99}
_CRITICAL = "The Vault and Bakcup Item is in Immutable state where destructive operations are not supported. "
_SOFT_DELETE_BY_VAULT = (
    "Soft delete state for this vault cannot be modified using this API. Since the Vault API was previously used to update the "
    "soft delete property for this vault, you must again use the Vault API to make any further changes to this property."
)
_FILTER = re.compile(r"(\w+)\s+eq\s+'([^']*)'")
_UNITS = {"dailySchedule": "Days", "weeklySchedule": "Weeks", "monthlySchedule": "Months", "yearlySchedule": "Years"}
_REDUNDANCY_IS_FINAL = "The vault has protected items, so that its redundancy cannot be changed."


@dataclass
class Operation:
    """A long-running operation: done is called when its time has come, and may set an error."""

    name: str
    started: datetime
    owner: str
    status: str = "InProgress"
    job: str | None = None
    error: Wire | None = None
    body: Wire | None = None


@dataclass
class Item:
    """A protected virtual machine with its recovery points, newest first."""

    wire: Wire
    points: list[Wire] = field(default_factory=list)


@dataclass
class Vault:
    """A Recovery Services vault and all that lies in it, by lower-cased names."""

    wire: Wire
    config: Wire
    policies: dict[str, Wire] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    jobs: dict[str, Wire] = field(default_factory=dict)
    # Items of other workloads, by lower-cased ids: they are listed, and nothing can be done with them.
    foreign: dict[str, Wire] = field(default_factory=dict)
    # Whether soft delete was ever written through the vault, which its configuration refuses from then on.
    has_own_soft_delete: bool = False
    # What the vault lists although it was not told to look again.
    discovered: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """The ARM id."""
        return str(self.wire["id"])


def _vm_policy(name: str, vault_id: str, properties: Wire) -> Wire:
    return {
        "id": f"{vault_id}/backupPolicies/{name}",
        "name": name,
        "type": f"{NAMESPACE}/vaults/backupPolicies",
        "properties": properties,
    }


def _long_term(times: list[str]) -> Wire:
    return {
        "retentionPolicyType": "LongTermRetentionPolicy",
        "dailySchedule": {"retentionTimes": times, "retentionDuration": {"count": 30, "durationType": "Days"}},
    }


def default_policies(vault_id: str, day: str) -> dict[str, Wire]:
    """Give the policies that a new vault has."""
    evening, morning = [f"{day}T20:00:00Z"], [f"{day}T08:00:00Z"]
    simple = {
        "schedulePolicyType": "SimpleSchedulePolicy",
        "scheduleRunFrequency": "Daily",
        "scheduleRunTimes": evening,
        "scheduleWeeklyFrequency": 0,
    }
    hourly = {"interval": 4, "scheduleWindowStartTime": morning[0], "scheduleWindowDuration": 12}
    common = {
        "backupManagementType": "AzureIaasVM",
        "instantRPDetails": {},
        "instantRpRetentionRangeInDays": 2,
        "timeZone": "UTC",
    }
    log_kept = {"retentionPolicyType": "SimpleRetentionPolicy", "retentionDuration": {"count": 30, "durationType": "Days"}}
    log = {
        "backupManagementType": "AzureWorkload",
        "workLoadType": "SQLDataBase",
        "settings": {"timeZone": "UTC", "issqlcompression": False, "isCompression": False},
        "subProtectionPolicy": [
            {"policyType": "Full", "schedulePolicy": simple, "retentionPolicy": _long_term(evening)},
            {
                "policyType": "Log",
                "schedulePolicy": {"schedulePolicyType": "LogSchedulePolicy", "scheduleFrequencyInMins": 60},
                "retentionPolicy": log_kept,
            },
        ],
        "protectedItemsCount": 0,
    }
    enhanced = {"schedulePolicyType": "SimpleSchedulePolicyV2", "scheduleRunFrequency": "Hourly", "hourlySchedule": hourly}
    made = {
        "HourlyLogBackup": log,
        "DefaultPolicy": {
            **common,
            "schedulePolicy": simple,
            "retentionPolicy": _long_term(evening),
            "protectedItemsCount": 0,
        },
        "EnhancedPolicy": {
            **common,
            "policyType": "V2",
            "schedulePolicy": enhanced,
            "retentionPolicy": _long_term(morning),
            "protectedItemsCount": 0,
        },
    }
    return {name.lower(): _vm_policy(name, vault_id, properties) for name, properties in made.items()}


class RecoveryServices:
    """The service."""

    def __init__(
        self, schedule: Schedule, groups: ResourceGroups, compute: Compute, authorization: Authorization, faults: Faults
    ) -> None:
        self._schedule = schedule
        self._clock = schedule.clock
        self._groups = groups
        self._compute = compute
        self._authorization = authorization
        self._faults = faults
        self._operations: dict[str, Operation] = {}
        self._job_reads: list[datetime] = []
        self.vaults: dict[tuple[str, str, str], Vault] = {}

    def routes(self) -> list[Route]:
        """Give what is answered."""
        plain: list[tuple[str, str, Callable[[Call], Reply]]] = [
            ("GET", "/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/vaults", self._list_vaults),
            ("GET", _VAULTS, self._list_vaults),
            ("GET", _VAULT, self._read_vault),
            ("PUT", _VAULT, self._write_vault),
            ("PATCH", _VAULT, self._change_vault),
            ("DELETE", _VAULT, self._delete_vault),
            ("GET", _VAULT + "/operationStatus/{operation}", self._read_vault_operation),
            ("GET", _VAULT + "/operationResults/{operation}", self._read_result),
            ("GET", _VAULT + "/backupconfig/vaultconfig", self._read_config),
            ("PATCH", _VAULT + "/backupconfig/vaultconfig", self._change_config),
            ("GET", _VAULT + "/backupResourceGuardProxies", self._list_nothing),
            ("GET", _VAULT + "/backupDeletedProtectionContainers", self._list_nothing),
            ("GET", _VAULT + "/backupstorageconfig/vaultstorageconfig", self._read_storage),
            ("PATCH", _VAULT + "/backupstorageconfig/vaultstorageconfig", self._change_storage),
            ("PUT", _VAULT + "/backupstorageconfig/vaultstorageconfig", self._change_storage),
            ("GET", _VAULT + "/backupEncryptionConfigs/backupResourceEncryptionConfig", self._read_encryption),
            ("GET", _VAULT + "/usages", self._read_usages),
            ("GET", _VAULT + "/backupUsageSummaries", self._read_usage_summaries),
            ("GET", _VAULT + "/replicationUsages", self._read_replication_usages),
            ("POST", _LOCATION + "/backupStatus", self._read_backup_status),
            ("GET", _VAULT + "/backupPolicies", self._list_policies),
            ("GET", _VAULT + "/backupPolicies/{policy}", self._read_policy),
            ("PUT", _VAULT + "/backupPolicies/{policy}", self._write_policy),
            ("DELETE", _VAULT + "/backupPolicies/{policy}", self._delete_policy),
            ("GET", _VAULT + "/backupProtectableItems", self._list_protectable),
            ("GET", _VAULT + "/backupProtectionContainers", self._list_containers),
            ("GET", _VAULT + "/backupProtectedItems", self._list_items),
            ("POST", _FABRIC + "/refreshContainers", self._refresh),
            ("GET", _FABRIC + "/operationResults/{operation}", self._read_refresh),
            ("GET", _ITEM, self._read_item),
            ("PUT", _ITEM, self._write_item),
            ("DELETE", _ITEM, self._delete_item),
            ("POST", _ITEM + "/backup", self._backup),
            ("GET", _ITEM + "/operationsStatus/{operation}", self._read_operation),
            ("GET", _ITEM + "/operationResults/{operation}", self._read_result),
            ("GET", _ITEM + "/recoveryPoints", self._list_points),
            ("GET", _ITEM + "/recoveryPoints/{point}", self._read_point),
            ("GET", _VAULT + "/backupOperations/{operation}", self._read_operation),
            ("GET", _VAULT + "/backupJobs", self._list_jobs),
            ("GET", _VAULT + "/backupJobs/{job}", self._read_job),
            ("POST", _VAULT + "/backupJobs/{job}/cancel", self._cancel_job),
            ("GET", _VAULT + "/backupJobs/{job}/operationResults/{operation}", self._read_result),
        ]
        return [Route(method, template, handler, NAMESPACE) for method, template, handler in plain]

    def graph_rows(self, which: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of vaults, or of what they protect."""
        kind = f"{NAMESPACE}/vaults"
        for vault in self.vaults.values():
            if which == "vaults":
                yield {**graph_row(vault.wire, kind, _TENANT), "sku": vault.wire["sku"]}
                continue
            for wire in (*(self._shown(item.wire) for item in vault.items.values()), *vault.foreign.values()):
                located = {**wire, "location": vault.wire["location"]}
                yield graph_row(located, f"{kind}/backupFabrics/protectionContainers/protectedItems", _TENANT)

    def plant_workload(self, vault_id: str, source: str, kind: str, name: str) -> Wire:
        """Have something protected that lies in a machine or an account: kind SQLDataBase or AzureFileShare.

        vault_id: of a vault that is there; source: the id of the machine or the account. Shapes as recorded in backup_wl_sql_item
        and afs_backup_restore.
        """
        vault = next(vault for vault in self.vaults.values() if vault.id.lower() == vault_id.lower())
        parts = source.split("/")
        if kind == "AzureFileShare":
            container = f"StorageContainer;storage;{parts[4]};{parts[8]}"
            item = f"AzureFileShare;{uuid.uuid5(uuid.NAMESPACE_URL, source + name).hex * 2}"
            more: Wire = {"protectedItemType": "AzureFileShareProtectedItem", "backupManagementType": "AzureStorage"}
        else:
            container, item = f"VMAppContainer;compute;{parts[4]};{parts[8]}", f"SQLDataBase;mssqlserver;{name}"
            more = {"protectedItemType": "AzureVmWorkloadSQLDatabase", "backupManagementType": "AzureWorkload"}
            more |= {"serverName": parts[8][:15], "parentName": "MSSQLSERVER", "parentType": "AzureVmWorkloadSQLInstance"}
        wire: Wire = {
            "id": f"{vault.id}/backupFabrics/Azure/protectionContainers/{container}/protectedItems/{item}",
            "name": item,
            "type": f"{NAMESPACE}/vaults/backupFabrics/protectionContainers/protectedItems",
            "properties": {
                "friendlyName": name,
                "protectionStatus": "Healthy",
                "protectionState": "Protected",
                "lastBackupStatus": "Healthy",
                "lastBackupTime": ticks(self._clock.now()),
                **more,
                "workloadType": kind,
                "containerName": container,
                "sourceResourceId": source,
                "policyId": f"{vault.id}/backupPolicies/HourlyLogBackup",
                "vaultId": f"https://management.azure.com{vault.id}",
                "isArchiveEnabled": False,
                "softDeleteRetentionPeriod": 0,
            },
        }
        vault.foreign[wire["id"].lower()] = wire
        return wire

    # -- look-ups and operations

    def _vault(self, call: Call) -> Vault:
        self._groups.find(call.path["subscription"], call.path["group"])
        found = self.vaults.get((*call.group_key(), call.path["vault"].lower()))
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/vaults", call.path["vault"], call.path["group"])
        return found

    def _item(self, call: Call) -> tuple[Vault, Item]:
        vault = self._vault(call)
        found = vault.items.get(call.path["item"].lower())
        if found is None:
            raise ArmError(404, "BMSUserErrorDataSourceObjectNotFound", "Datasource not found.")
        return vault, found

    def _begin(self, call: Call, owner: str, seconds: float, work: Callable[[Operation, datetime], None]) -> Operation:
        name = str(uuid.uuid4())
        operation = Operation(name, self._clock.now(), owner)
        self._operations[name] = operation

        def finish(due: datetime) -> None:
            work(operation, due)
            operation.status = "Failed" if operation.error else "Succeeded"

        self._schedule.after(seconds, finish)
        return operation

    def _headers(self, call: Call, status_url: str, result_url: str, retry_after: float = 0) -> dict[str, str]:
        moment = int(self._clock.now().timestamp() * 1e7)
        query = f"api-version={call.api_version}&t={moment}&c=loopback&s=loopback&h=loopback"
        headers = {"Azure-AsyncOperation": f"{call.url}{status_url}?{query}", "Location": f"{call.url}{result_url}?{query}"}
        if retry_after:
            headers["Retry-After"] = self._clock.retry_after(retry_after)
        return headers

    def _item_headers(self, call: Call, item_id: str, operation: Operation, retry_after: float = 0) -> dict[str, str]:
        return self._headers(
            call, f"{item_id}/operationsStatus/{operation.name}", f"{item_id}/operationResults/{operation.name}", retry_after
        )

    def _operation(self, call: Call) -> Operation:
        found = self._operations.get(call.path["operation"].lower())
        if found is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{call.path['operation']}' was not found.")
        return found

    def _read_operation(self, call: Call) -> Reply:
        self._vault(call)
        operation = self._operation(call)
        body: Wire = {
            "id": operation.name,
            "name": operation.name,
            "status": operation.status,
            "startTime": ticks(operation.started),
            "endTime": _NEVER if operation.status == "InProgress" else ticks(operation.started),
        }
        if operation.error:
            body["error"] = operation.error
        elif operation.status == "Succeeded" and operation.job:
            body["properties"] = {"objectType": "OperationStatusJobExtendedInfo", "jobId": operation.job}
        return Reply(200, body)

    def _read_result(self, call: Call) -> Reply:
        operation = self._operation(call)
        if operation.status == "InProgress":
            return Reply(202, None, {"Location": f"{call.url}{call.full_path}?{call.raw_query}"})
        if operation.error:
            return Reply(400, {"error": operation.error})
        if operation.body:
            return Reply(200, operation.body)
        # The last answer names the status once more (recorded).
        status = f"{call.url}{call.full_path}?{call.raw_query}".replace("/operationResults/", "/operationsStatus/")
        return Reply(204, None, {"Azure-AsyncOperation": status})

    # -- vaults

    def _list_vaults(self, call: Call) -> Reply:
        group = call.path.get("group")
        if group:
            self._groups.find(call.path["subscription"], group)
        found = [
            _in_a_list(vault.wire)
            for (subscription, own_group, _name), vault in self.vaults.items()
            if subscription == call.path["subscription"].lower() and (not group or own_group == group.lower())
        ]
        return page_of(call, found, self._groups.page_size)

    def _read_vault(self, call: Call) -> Reply:
        return Reply(200, self._vault(call).wire)

    def _write_vault(self, call: Call) -> Reply:
        self._groups.find(call.path["subscription"], call.path["group"])
        document = call.document()
        check_properties(document, {"location", "tags", "identity", "properties", "sku", "etag", "id", "name", "type"}, "Vault")
        if not _VAULT_NAME.match(call.path["vault"]):
            raise ArmError(400, "InvalidResourceName", f"The resource name '{call.path['vault']}' is not valid.")
        if not document.get("location") or (document.get("sku") or {}).get("name") not in ("Standard", "RS0"):
            raise ArmError(400, "ResourceDefinitionInvalid", "The location or the SKU of the vault is missing or not valid.")
        key = (*call.group_key(), call.path["vault"].lower())
        current = self.vaults.get(key)
        check_location(str(document["location"]), f"{NAMESPACE}/vaults")
        location = str(document["location"]).replace(" ", "").lower()
        if current and location != current.wire["location"]:
            raise ArmError(409, "InvalidResourceLocation", f"The resource already exists in '{current.wire['location']}'.")
        properties = document.get("properties") or {}
        if current is None:
            current = Vault(
                {
                    "location": location,
                    "name": call.path["vault"],
                    "etag": _etag(ticks(self._clock.now())),
                    "properties": _first_properties(),
                    "id": call.full_path,
                    "type": f"{NAMESPACE}/vaults",
                    "sku": document["sku"],
                },
                {"enhancedSecurityState": "Enabled", "softDeleteFeatureState": "Enabled", "softDeleteRetentionPeriodInDays": 14},
            )
            current.policies = default_policies(call.full_path, ticks(self._clock.now())[:10])
            current.discovered = {key for key in self._compute.machines if self._compute.machines[key]["_known"]}
        change = {"properties": properties, "tags": document.get("tags"), "identity": document.get("identity")}
        self._lay(current, change, call.api_version)
        self.vaults[key] = vault = current
        vault.wire["properties"]["provisioningState"] = "Provisioning"
        shown = copy.deepcopy(vault.wire)

        def done(_operation: Operation, _due: datetime) -> None:
            vault.wire["properties"]["provisioningState"] = "Succeeded"
            self._settle_security(vault)

        return self._answer_vault(call, vault, done, 201, shown)

    def _answer_vault(
        self, call: Call, vault: Vault, work: Callable[[Operation, datetime], None], status: int, body: Wire | None
    ) -> Reply:
        operation = self._begin(call, vault.id, _SECONDS["vault"], work)
        # The result of an update is the vault (specification: GetOperationResult).
        operation.body = vault.wire if call.method != "DELETE" else None
        encoded = base64.b64encode(f"2047;{operation.name}".encode()).decode()
        self._operations[encoded.lower()] = operation
        headers = self._headers(call, f"{vault.id}/operationStatus/{encoded}", f"{vault.id}/operationResults/{encoded}")
        if status == 201:
            del headers["Location"]
        return Reply(status, body, headers)

    def _read_vault_operation(self, call: Call) -> Reply:
        """Answer an operation of the vault itself: without times, and not at all once the vault is gone."""
        self._vault(call)
        operation = self._operation(call)
        body: Wire = {"id": call.full_path, "name": call.path["operation"], "status": operation.status}
        if operation.error:
            body["error"] = operation.error
        if operation.status != "InProgress":
            return Reply(200, body)
        status = f"{call.url}{call.full_path}?{call.raw_query}"
        return Reply(200, body, {"Azure-AsyncOperation": status, "Location": status.replace("Status/", "Results/")})

    def _settle_security(self, vault: Vault) -> None:
        """Say what a vault says of its security a while after it was made."""
        config = vault.config
        security = vault.wire["properties"].get("securitySettings") or {}
        vault.wire["properties"]["securitySettings"] = {
            "immutabilitySettings": security.get("immutabilitySettings"),
            "softDeleteSettings": {
                "softDeleteRetentionPeriodInDays": config["softDeleteRetentionPeriodInDays"],
                "softDeleteState": config["softDeleteFeatureState"],
                "enhancedSecurityState": config["enhancedSecurityState"],
            },
            "multiUserAuthorization": "Disabled",
        }
        vault.wire["properties"].setdefault("backupStorageVersion", "Unassigned")

    def _lay(self, vault: Vault, change: Wire, api_version: str) -> None:
        """Lay a change over a vault. Raises ArmError 400 for what cannot be changed."""
        properties = change.get("properties") or {}
        allowed = {
            "publicNetworkAccess", "monitoringSettings", "redundancySettings", "restoreSettings",
            "securitySettings", "encryption",
        }  # fmt: skip
        if api_version >= _COST_MANAGEMENT:
            allowed.add("costManagementSettings")
        check_properties(properties, allowed, "VaultProperties")
        own = vault.wire["properties"]
        old_redundancy = own["redundancySettings"]
        new_redundancy = {**old_redundancy, **(properties.get("redundancySettings") or {})}
        if vault.items and new_redundancy != old_redundancy:
            raise ArmError(400, "CloudResourceStorageTypeUpdateNotAllowed", _REDUNDANCY_IS_FINAL)
        immutability = (own.get("securitySettings") or {}).get("immutabilitySettings") or {}
        wanted = ((properties.get("securitySettings") or {}).get("immutabilitySettings") or immutability).get("state")
        is_step_left_out = wanted == "Locked" and immutability.get("state") not in ("Unlocked", "Locked")
        if is_step_left_out or (immutability.get("state") == "Locked" and wanted != "Locked"):
            # Reported of both, with the same words.
            message = "The immutable vault property for this vault is locked, hence, this setting cannot be disabled."
            raise ArmError(400, "UserErrorUnsupportedVaultImmutabilityStateChange", message)
        self._lay_soft_delete(vault, properties)
        for name, value in properties.items():
            if isinstance(value, dict) and isinstance(own.get(name), dict):
                own[name] = {**own[name], **value}
            else:
                own[name] = value
        if change.get("tags") is not None:
            vault.wire["tags"] = change["tags"]
        if change.get("identity"):
            vault.wire["identity"] = self._identity(change["identity"], vault.wire.get("identity") or {})

    @staticmethod
    def _lay_soft_delete(vault: Vault, properties: Wire) -> None:
        """Take settings of soft delete that come with the vault; its configuration refuses them from then on."""
        settings = (properties.get("securitySettings") or {}).get("softDeleteSettings") or {}
        names = {
            "softDeleteState": "softDeleteFeatureState",
            "softDeleteRetentionPeriodInDays": "softDeleteRetentionPeriodInDays",
            "enhancedSecurityState": "enhancedSecurityState",
        }
        change = {names[name]: value for name, value in settings.items() if name in names}
        if change:
            if (
                vault.config["softDeleteFeatureState"] == "AlwaysON"
                and change.get("softDeleteFeatureState", "AlwaysON") != "AlwaysON"
            ):
                raise ArmError(400, "UserErrorDisableSoftDeleteNotAllowed", "Soft delete is always on and cannot be disabled.")
            vault.config.update(change)
            vault.has_own_soft_delete = True

    def _identity(self, wanted: Wire, before: Wire) -> Wire:
        kinds = [kind.strip().lower() for kind in str(wanted.get("type") or "none").split(",")]
        if kinds == ["none"]:
            return {"type": "None"}
        names = dict(before.get("userAssignedIdentities") or {})
        for name, value in (wanted.get("userAssignedIdentities") or {}).items():
            known = next((key for key in names if key.lower() == name.lower()), name)
            if value is None:
                names.pop(known, None)
            elif known not in names:
                names[known] = {"clientId": str(uuid.uuid4()), "principalId": self._authorization.add_identity()}
        system, user = "systemassigned" in kinds, "userassigned" in kinds
        if user and not names:
            raise ArmError(400, "InvalidIdentity", "A user-assigned identity is missing.")
        identity: Wire = {"type": ", ".join(["SystemAssigned"] * system + ["UserAssigned"] * user)}
        if system:
            identity |= {"principalId": before.get("principalId") or self._authorization.add_identity(), "tenantId": _TENANT}
        if user:
            identity["userAssignedIdentities"] = names
        return identity

    def _change_vault(self, call: Call) -> Reply:
        vault = self._vault(call)
        document = call.document()
        check_properties(document, {"location", "tags", "identity", "properties", "sku", "etag"}, "PatchVault")
        self._lay(vault, document, call.api_version)
        if set(document) == {"identity"} and "userassigned" not in str(document["identity"].get("type")).lower():
            return Reply(200, vault.wire)

        def done(_operation: Operation, _due: datetime) -> None:
            self._settle_security(vault)

        return self._answer_vault(call, vault, done, 202, None)

    def _delete_vault(self, call: Call) -> Reply:
        self._groups.find(call.path["subscription"], call.path["group"])
        key = (*call.group_key(), call.path["vault"].lower())
        vault = self.vaults.get(key)
        if vault is None:
            return Reply(204)
        held = [*(item.wire for item in vault.items.values()), *vault.foreign.values()]
        if held:
            names = ", ".join(wire["properties"]["friendlyName"] for wire in held)
            raise ArmError(
                400,
                "ServiceResourceNotEmptyWithBackendMessage",
                "Recovery Services vault cannot be deleted as there are backup items still present in the vault or in "
                f"soft delete state: {names}. Please ensure all containers have been unregistered from the vault.",
                target=None,
                details=None,
                innerError=None,
            )

        def done(_operation: Operation, _due: datetime) -> None:
            self.vaults.pop(key, None)

        return self._answer_vault(call, vault, done, 202, None)

    def _read_config(self, call: Call) -> Reply:
        vault = self._vault(call)
        is_editable = vault.config["softDeleteFeatureState"] != "AlwaysON"
        return Reply(
            200,
            {
                "id": f"{vault.id}/backupconfig/vaultconfig",
                "name": "vaultconfig",
                "type": f"{NAMESPACE}/vaults/backupconfig",
                "properties": {**vault.config, "isSoftDeleteFeatureStateEditable": is_editable},
            },
        )

    def _change_config(self, call: Call) -> Reply:
        vault = self._vault(call)
        properties = call.document().get("properties") or {}
        check_properties(properties, {*vault.config, "isSoftDeleteFeatureStateEditable"}, "BackupResourceVaultConfig")
        if vault.has_own_soft_delete and any(name.startswith("softDelete") for name in properties):
            raise ArmError(400, "BMSUserErrorSoftDeleteUseVaultApi", _SOFT_DELETE_BY_VAULT)
        state = properties.get("softDeleteFeatureState", vault.config["softDeleteFeatureState"])
        if (
            state not in ("Enabled", "Disabled", "AlwaysON")
            or not 14 <= properties.get("softDeleteRetentionPeriodInDays", 14) <= 180
        ):
            raise ArmError(400, "UserErrorInvalidVaultConfig", "The configuration of the vault is not valid.")
        if vault.config["softDeleteFeatureState"] == "AlwaysON" and state != "AlwaysON":
            raise ArmError(400, "UserErrorDisableSoftDeleteNotAllowed", "Soft delete is always on and cannot be disabled.")
        vault.config.update({key: properties[key] for key in vault.config if key in properties})
        self._settle_security(vault)
        return self._read_config(call)

    def _read_storage(self, call: Call) -> Reply:
        vault = self._vault(call)
        kind = vault.wire["properties"]["redundancySettings"]["standardTierStorageRedundancy"]
        state = "Locked" if vault.items or vault.foreign else "Unlocked"
        properties = {"storageModelType": kind, "storageType": kind, "storageTypeState": state}
        name = "vaultstorageconfig"
        wire = {"id": f"{vault.id}/backupstorageconfig/{name}", "name": name, "type": f"{NAMESPACE}/vaults/backupstorageconfig"}
        return Reply(200, {**wire, "properties": properties})

    def _change_storage(self, call: Call) -> Reply:
        vault = self._vault(call)
        properties = call.document().get("properties") or {}
        allowed = {"storageModelType", "storageType", "storageTypeState", "crossRegionRestoreFlag"}
        check_properties(properties, allowed, "BackupResourceConfig")
        redundancy = vault.wire["properties"]["redundancySettings"]
        wanted = properties.get("storageType") or properties.get("storageModelType")
        if wanted and wanted != redundancy["standardTierStorageRedundancy"]:
            if vault.items or vault.foreign:
                raise ArmError(400, "CloudResourceStorageTypeUpdateNotAllowed", _REDUNDANCY_IS_FINAL)
            redundancy["standardTierStorageRedundancy"] = wanted
        return Reply(204) if call.method == "PATCH" else self._read_storage(call)

    def _read_encryption(self, call: Call) -> Reply:
        vault, name = self._vault(call), "backupResourceEncryptionConfig"
        properties = {
            "useSystemAssignedIdentity": True,
            "encryptionAtRestType": "MicrosoftManaged",
            "lastUpdateStatus": "NotEnabled",
            "infrastructureEncryptionState": "Disabled",
        }
        wire = {"id": f"{vault.id}/backupEncryptionConfigs/{name}", "name": name}
        return Reply(200, {**wire, "type": f"{NAMESPACE}/vaults/backupEncryptionConfigs", "properties": properties})

    def _read_usages(self, call: Call) -> Reply:
        return Reply(200, {"value": [_usage("ProtectedItemCount", "Protected items", self._count(self._vault(call)))]})

    @staticmethod
    def _count(vault: Vault) -> int:
        return len(vault.items) + len(vault.foreign)

    def _read_usage_summaries(self, call: Call) -> Reply:
        vault = self._vault(call)
        foreign = [wire["properties"]["backupManagementType"] for wire in vault.foreign.values()]
        counts = {"AzureIaasVM": len(vault.items), "AzureStorage": foreign.count("AzureStorage")}
        counts["AzureWorkload"] = foreign.count("AzureWorkload")
        return Reply(200, {"value": [_usage(name, name, count) for name, count in counts.items()]})

    def _read_replication_usages(self, call: Call) -> Reply:
        jobs = {"failedJobs": 0, "suspendedJobs": 0, "inProgressJobs": 0}
        found = {"jobsSummary": jobs, "protectedItemCount": 0, "recoveryPlanCount": 0, "registeredServersCount": 0}
        self._vault(call)
        return Reply(200, {"value": [{"monitoringSummary": {}, **found}]})

    def _read_backup_status(self, call: Call) -> Reply:
        """Answer whether a resource is protected, in whatever vault of the subscription."""
        wanted = str(call.document().get("resourceId") or "").lower()
        for vault in self.vaults.values():
            for item in vault.items.values():
                own = item.wire["properties"]
                if own["sourceResourceId"].lower() == wanted and not own.get("isScheduledForDeferredDelete"):
                    return Reply(
                        200,
                        {
                            "protectionStatus": "Protected",
                            "vaultId": vault.id,
                            "fabricName": "Azure",
                            "containerName": f"iaasvmcontainer;{own['containerName']}",
                            "protectedItemName": item.wire["name"].lower(),
                            "policyName": own["policyName"],
                            "errorCode": "Success",
                            "errorMessage": "",
                        },
                    )
        nothing = dict.fromkeys(("vaultId", "fabricName", "containerName", "protectedItemName", "policyName"), "")
        return Reply(200, {"protectionStatus": "NotProtected", **nothing, "errorCode": "Success", "errorMessage": ""})

    def _list_nothing(self, call: Call) -> Reply:
        self._vault(call)
        return Reply(200, {"value": []})

    # -- policies

    def _list_policies(self, call: Call) -> Reply:
        vault = self._vault(call)
        wanted = dict(_FILTER.findall(call.query.get("$filter", ""))).get("backupManagementType")
        found = [policy for policy in vault.policies.values() if wanted in (None, policy["properties"]["backupManagementType"])]
        return page_of(call, found, self._groups.page_size)

    def _policy(self, call: Call, vault: Vault) -> Wire:
        found = vault.policies.get(call.path["policy"].lower())
        if found is None:
            raise ArmError(404, "BMSUserErrorObjectNotFound", f"The policy '{call.path['policy']}' was not found.")
        return found

    def _read_policy(self, call: Call) -> Reply:
        return Reply(200, self._policy(call, self._vault(call)))

    def _write_policy(self, call: Call) -> Reply:
        vault, name = self._vault(call), call.path["policy"]
        properties = _without_nulls(call.document().get("properties") or {})
        properties.pop("protectedItemsCount", None)
        _complete_policy(properties)
        _check_policy(name, properties)
        current = vault.policies.get(name.lower())
        if current and current["properties"].get("policyType") == "V2" and properties.get("policyType") != "V2":
            raise _refuse("A policy of type V2 cannot become one of type V1.")
        plain = _without_milliseconds(properties)
        count = current["properties"]["protectedItemsCount"] if current else 0
        wire = _vm_policy(current["name"] if current else name, vault.id, {**plain, "protectedItemsCount": count})
        vault.policies[name.lower()] = wire
        return Reply(200, wire)

    def _delete_policy(self, call: Call) -> Reply:
        vault = self._vault(call)
        policy = vault.policies.get(call.path["policy"].lower())
        if policy is None:
            return Reply(204)
        if policy["properties"]["protectedItemsCount"]:
            raise ArmError(400, "BMSUserErrorPolicyInUse", "The policy is in use by protected items.")
        del vault.policies[call.path["policy"].lower()]
        return Reply(200)

    # -- what can be protected

    def _list_protectable(self, call: Call) -> Reply:
        vault = self._vault(call)
        protected = {item.wire["properties"]["sourceResourceId"].lower() for item in vault.items.values()}
        found = []
        for key in sorted(vault.discovered):
            machine = self._compute.machines.get(key)
            if machine is None or key in protected or machine["location"] != vault.wire["location"]:
                continue
            if machine["id"].split("/")[2].lower() != call.path["subscription"].lower():
                continue
            name = _short_name(machine["id"])
            containers = f"{vault.id}/backupFabrics/Azure/protectionContainers"
            found.append(
                {
                    "id": f"{containers}/IaasVMContainer;{name}/protectableItems/vm;{name}",
                    "name": name,
                    "type": f"{NAMESPACE}/vaults/backupFabrics/protectionContainers/protectableItems",
                    "properties": {
                        "virtualMachineId": machine["id"],
                        "virtualMachineVersion": "Compute",
                        "resourceGroup": machine["id"].split("/")[4],
                        "backupManagementType": "AzureIaasVM",
                        "protectableItemType": _VM,
                        "friendlyName": machine["name"],
                        "protectionState": "NotProtected",
                    },
                }
            )
        return page_of(call, found, self._groups.page_size)

    def _list_containers(self, call: Call) -> Reply:
        vault = self._vault(call)
        wanted = dict(_FILTER.findall(call.query.get("$filter", "")))
        found = []
        for item in vault.items.values():
            properties = item.wire["properties"]
            name = f"IaasVMContainer;{properties['containerName']}"
            if wanted.get("friendlyName", properties["friendlyName"]) != properties["friendlyName"]:
                continue
            found.append(
                {
                    "id": f"{vault.id}/backupFabrics/Azure/protectionContainers/{name}",
                    "name": name,
                    "type": f"{NAMESPACE}/vaults/backupFabrics/protectionContainers",
                    "properties": {
                        "virtualMachineId": properties["sourceResourceId"],
                        "virtualMachineVersion": "Compute",
                        "resourceGroup": properties["sourceResourceId"].split("/")[4],
                        "friendlyName": properties["friendlyName"],
                        "backupManagementType": "AzureIaasVM",
                        "registrationStatus": "Registered",
                        "healthStatus": "Healthy",
                        "containerType": _VM,
                        "protectableObjectType": _VM,
                    },
                }
            )
        return page_of(call, found, self._groups.page_size)

    def _refresh(self, call: Call) -> Reply:
        vault = self._vault(call)

        def done(_operation: Operation, _due: datetime) -> None:
            vault.discovered = set(self._compute.machines)

        operation = self._begin(call, vault.id, _SECONDS["refresh"], done)
        fabric = f"{vault.id}/backupFabrics/Azure"
        status, result = (f"{fabric}/{kind}/{operation.name}" for kind in ("operationsStatus", "operationResults"))
        headers = self._headers(call, status, result)
        # Recorded: the status speaks an api-version of its own.
        headers["Azure-AsyncOperation"] = headers["Azure-AsyncOperation"].replace(call.api_version, "2019-05-13-preview")
        return Reply(202, None, headers)

    def _read_refresh(self, call: Call) -> Reply:
        self._vault(call)
        operation = self._operation(call)
        if operation.status == "InProgress":
            return Reply(202, None, {"Location": f"{call.url}{call.full_path}?{call.raw_query}"})
        return Reply(204)

    # -- protected items

    def _list_items(self, call: Call) -> Reply:
        vault = self._vault(call)
        wanted = dict(_FILTER.findall(call.query.get("$filter", "")))
        unknown = set(wanted) - {"backupManagementType", "itemType", "friendlyName", "policyName"}
        if unknown:
            raise _refuse(f"The filter has no {sorted(unknown)[0]}.")
        names = {"itemType": "workloadType"}
        found = [
            wire
            for wire in (*(item.wire for item in vault.items.values()), *vault.foreign.values())
            if all(str(wire["properties"].get(names.get(key, key))).lower() == value.lower() for key, value in wanted.items())
        ]
        return page_of(call, [self._shown(item) for item in found], self._groups.page_size)

    def _shown(self, wire: Wire) -> Wire:
        until = wire["properties"].get("_purged")
        if not until:
            return wire
        left = until - self._clock.now()
        hours, rest = divmod(int(left.seconds), 3600)
        text = f"{left.days}.{hours:02d}:{rest // 60:02d}:{rest % 60:02d}.0000000"
        shown = {key: value for key, value in wire["properties"].items() if key != "_purged"}
        return {**wire, "properties": {**shown, "deferredDeleteTimeRemaining": text}}

    def _read_item(self, call: Call) -> Reply:
        return Reply(200, self._shown(self._item(call)[1].wire))

    def _write_item(self, call: Call) -> Reply:
        vault = self._vault(call)
        properties = call.document().get("properties") or {}
        allowed = {"protectedItemType", "sourceResourceId", "policyId", "protectionState", "isRehydrate", "extendedProperties"}
        check_properties(properties, allowed, "AzureIaaSComputeVMProtectedItem")
        source = str(properties.get("sourceResourceId") or "")
        machine = self._compute.machines.get(source.lower())
        if properties.get("protectedItemType") != _VM or machine is None:
            raise _refuse("The virtual machine does not exist, or the type of the item is not valid.")
        name = f"vm;{_short_name(source)}"
        container = f"iaasvmcontainer;{_short_name(source)}"
        if call.path["item"].lower() != name or call.path["container"].lower() != container:
            raise _refuse("The names of the item and of its container do not belong to the virtual machine.")
        if source.split("/")[2].lower() != call.path["subscription"].lower() or machine["location"] != vault.wire["location"]:
            raise _refuse("The virtual machine is not in the region or the subscription of the vault.")
        item = vault.items.get(name)
        if item is None:
            return self._enable(call, vault, machine, properties)
        return self._change_item(call, vault, item, properties)

    def _check_policy_id(self, vault: Vault, policy_id: str) -> Wire:
        policy = vault.policies.get(policy_id.rsplit("/", 1)[-1].lower())
        if policy is None or not policy_id.lower().startswith(vault.id.lower() + "/"):
            raise _refuse("The policy does not exist in the vault.")
        if policy["properties"]["backupManagementType"] != "AzureIaasVM":
            raise _refuse("The policy is not for virtual machines.")
        return policy

    def _enable(self, call: Call, vault: Vault, machine: Wire, properties: Wire) -> Reply:
        policy = self._check_policy_id(vault, str(properties.get("policyId") or ""))
        source, name = machine["id"], _short_name(machine["id"])
        for other in self.vaults.values():
            held = other.items.get(f"vm;{name}")
            if other is not vault and held and held.wire["properties"]["sourceResourceId"].lower() == source.lower():
                raise ArmError(
                    400,
                    "BMSUserErrorVmAlreadyProtected",
                    f"The virtual machine is already protected in another Recovery Services vault: {other.id}.",
                )
        item_id = f"{vault.id}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{name}/protectedItems/VM;{name}"
        item = Item(
            {
                "id": item_id,
                "name": f"VM;{name}",
                "type": f"{NAMESPACE}/vaults/backupFabrics/protectionContainers/protectedItems",
                "properties": {
                    "friendlyName": machine["name"],
                    "virtualMachineId": source,
                    "protectionStatus": "Healthy",
                    "protectionState": "IRPending",
                    "healthStatus": "Passed",
                    "lastBackupStatus": "",
                    "lastBackupTime": _NO_BACKUP,
                    "protectedItemDataId": str(uuid.uuid4().int)[:15],
                    **_extended(properties),
                    "sourceSideScanning": 0,
                    "protectedItemType": _VM,
                    "backupManagementType": "AzureIaasVM",
                    "workloadType": "VM",
                    "containerName": name,
                    "sourceResourceId": source,
                    "policyId": policy["id"],
                    "policyName": policy["name"],
                    # As recorded, whatever the vault says.
                    "softDeleteRetentionPeriod": 0,
                    "isArchiveEnabled": False,
                    "vaultId": f"{call.url}{vault.id}",
                },
            }
        )

        def done(_due: datetime) -> None:
            vault.items[f"vm;{name}"] = item
            policy["properties"]["protectedItemsCount"] += 1

        job = self._start_job(
            vault, name, machine["name"], "ConfigureBackup", _SECONDS["configure"], done, {"Policy Name": policy["name"]}
        )
        return self._accept_item(call, vault, item_id, job)

    def _accept_item(self, call: Call, vault: Vault, item_id: str, job: Wire, retry_after: float = 0) -> Reply:
        def done(operation: Operation, _due: datetime) -> None:
            operation.job = job["name"]

        operation = self._begin(call, vault.id, _SECONDS["item"], done)
        return Reply(202, None, self._item_headers(call, item_id, operation, retry_after))

    def _change_item(self, call: Call, vault: Vault, item: Item, properties: Wire) -> Reply:
        own = item.wire["properties"]
        state, policy_id = properties.get("protectionState"), str(properties.get("policyId") or "")
        is_deleted = bool(own.get("isScheduledForDeferredDelete"))
        if is_deleted and not properties.get("isRehydrate"):
            raise _refuse("The item is soft-deleted; undelete it first.", "UserErrorItemInSoftDeletedState")
        if state == "BackupsSuspended":
            self._check_immutable(vault)
            policy_id = policy_id or own["policyId"]
        policy = self._check_policy_id(vault, policy_id) if policy_id else None
        if policy is None and state != "ProtectionStopped":
            raise _refuse("The policy is missing.")
        operation_name = "Undelete" if is_deleted else "DisableBackup" if state else "ConfigureBackup"

        def done(_due: datetime) -> None:
            before = vault.policies.get(str(own.get("policyName") or "").lower())
            if before:
                before["properties"]["protectedItemsCount"] -= 1
            for key in ("isScheduledForDeferredDelete", "deferredDeleteTimeInUTC", "_purged"):
                own.pop(key, None)
            if policy:
                policy["properties"]["protectedItemsCount"] += 1
            own["policyId"], own["policyName"] = (policy["id"], policy["name"]) if policy else ("", "")
            own["protectionState"] = state or ("Protected" if item.points else "IRPending")
            own.update(_extended(properties))
            if "extendedProperties" in properties and not _extended(properties):
                own.pop("extendedProperties", None)

        more = {"Policy Name": policy["name"] if policy else ""}
        job = self._start_job(vault, own["containerName"], own["friendlyName"], operation_name, 1.5, done, more)
        return self._accept_item(call, vault, item.wire["id"], job)

    @staticmethod
    def _check_immutable(vault: Vault) -> None:
        """Refuse to suspend backups in a vault without immutability, with the words that are reported. Raises ArmError 400."""
        settings = (vault.wire["properties"].get("securitySettings") or {}).get("immutabilitySettings") or {}
        if settings.get("state") not in ("Unlocked", "Locked"):
            more = "The Vault and Backup Item is immutable, hence operation is denied. Refer to the documentation to learn more: "
            raise _refuse(
                f"{_CRITICAL}{more}https://aka.ms/AB-ImmutableVaults-States ",
                "UserErrorOperationDeniedOnImmutableItem",
            )

    def _delete_item(self, call: Call) -> Reply:
        vault = self._vault(call)
        item = vault.items.get(call.path["item"].lower())
        if item is None:
            return Reply(204)
        own, key = item.wire["properties"], call.path["item"].lower()

        def done(due: datetime) -> None:
            policy = vault.policies.get(str(own.get("policyName") or "").lower())
            if policy:
                policy["properties"]["protectedItemsCount"] -= 1
            if vault.config["softDeleteFeatureState"] == "Disabled":
                vault.items.pop(key, None)
                return
            days = vault.config["softDeleteRetentionPeriodInDays"]
            own.update(policyId="", policyName="", protectionState="ProtectionStopped", isScheduledForDeferredDelete=True)
            own["deferredDeleteTimeInUTC"] = ticks(due)
            own["_purged"] = due + timedelta(days=days)
            self._schedule.after(days * 86400, lambda _moment: self._purge(vault, key))

        more = {"Number of Recovery Points": str(len(item.points))}
        named = (own["containerName"], own["friendlyName"])
        job = self._start_job(vault, *named, "DeleteBackupData", _SECONDS["delete"], done, more)

        def over(operation: Operation, _due: datetime) -> None:
            operation.job = job["name"]

        operation = self._begin(call, vault.id, _SECONDS["delete"], over)
        status, result = f"{vault.id}/backupOperations/{operation.name}", f"{vault.id}/backupOperationResults/{operation.name}"
        return Reply(202, None, self._headers(call, status, result))

    @staticmethod
    def _purge(vault: Vault, key: str) -> None:
        item = vault.items.get(key)
        if item and item.wire["properties"].get("isScheduledForDeferredDelete"):
            del vault.items[key]

    # -- backups, jobs, recovery points

    def _start_job(
        self,
        vault: Vault,
        container: str,
        friendly: str,
        operation: str,
        seconds: float,
        done: Callable[[datetime], None],
        more: Wire,
        tasks: list[Wire] | None = None,
    ) -> Wire:
        name, started = str(uuid.uuid4()), self._clock.now()
        properties: Wire = {
            "jobType": "AzureIaaSVMJob",
            **({"actionsInfo": ["Cancellable"]} if tasks else {}),
            "containerName": container,
            "duration": "PT0S",
            "virtualMachineVersion": "Compute",
            "extendedInfo": {"tasksList": tasks or [], "propertyBag": {"VM Name": friendly, **more}},
            "entityFriendlyName": friendly,
            "backupManagementType": "AzureIaasVM",
            "operation": operation,
            "status": "InProgress",
            "startTime": ticks(started),
            "activityId": str(uuid.uuid4()),
        }
        job: Wire = {
            "id": f"{vault.id}/backupJobs/{name}",
            "name": name,
            "type": f"{NAMESPACE}/vaults/backupJobs",
            "properties": properties,
        }
        vault.jobs[name] = job
        fate = self._faults.take_job_fate() if operation == "Backup" else {}

        def over(moment: datetime) -> None:
            if properties["status"] not in ("InProgress", "Cancelling"):
                return
            properties["status"] = fate.get("status", "Completed")
            properties["endTime"] = ticks(moment)
            properties["duration"] = iso_duration(moment - started)
            if fate.get("error"):
                properties["errorDetails"] = [fate["error"]]
            if properties["status"].startswith("Completed"):
                done(moment)

        if fate.get("status") != "InProgress":
            self._schedule.after(float(fate.get("seconds") or seconds), over)
        return job

    def _backup(self, call: Call) -> Reply:
        vault, item = self._item(call)
        own = item.wire["properties"]
        properties = call.document().get("properties") or {}
        check_properties(properties, {"objectType", "recoveryPointExpiryTimeInUTC"}, "IaasVMBackupRequest")
        expiry = str(properties.get("recoveryPointExpiryTimeInUTC") or "")
        if properties.get("objectType") != "IaasVMBackupRequest" or expiry <= ticks(self._clock.now()):
            raise _refuse("The expiry of the recovery point is missing or over.")
        if own["protectionState"] not in ("IRPending", "Protected"):
            raise _refuse("The item is not protected.", "UserErrorBackupOperationNotAllowed")
        still: Wire = {"startTime": _NEVER, "endTime": _NEVER, "duration": "PT0S", "status": "NotStarted", "taskType": "Normal"}
        tasks = [{"taskId": name, **still} for name in ("Take Snapshot", "Transfer data to vault")]
        taken = self._clock.now()
        tasks[0] |= {"startTime": ticks(taken), "status": "InProgress"}

        def done(moment: datetime) -> None:
            tasks[1] |= {"endTime": ticks(moment), "status": "Completed"}
            job["properties"]["extendedInfo"]["propertyBag"]["Backup Size"] = "11390 MB"
            own.update(protectionState="Protected", lastBackupStatus="Completed", lastBackupTime=ticks(taken))
            own["lastRecoveryPoint"] = ticks(taken)
            for point in item.points:
                if point["name"] == job["properties"]["_point"]:
                    point["properties"]["recoveryPointTierDetails"].append({"type": "HardenedRP", "status": "Valid"})

        seconds = _SECONDS["snapshot"] + _SECONDS["transfer"]
        more = {"Recovery Point Expiry Time in UTC": expiry}
        job = self._start_job(vault, own["containerName"], own["friendlyName"], "Backup", seconds, done, more, tasks)
        job["properties"]["_point"] = str(uuid.uuid4().int)[:15]
        job["properties"]["extendedInfo"]["internalPropertyBag"] = {"IsInstantRpJob": "True"}

        def snapshot(moment: datetime) -> None:
            if job["properties"]["status"] != "InProgress":
                return
            tasks[0] |= {"endTime": ticks(moment), "status": "Completed"}
            tasks[1] |= {"startTime": ticks(moment), "status": "InProgress"}
            item.points.insert(0, _point(item, job["properties"]["_point"], taken, expiry))

        self._schedule.after(_SECONDS["snapshot"], snapshot)
        return self._accept_item(call, vault, item.wire["id"], job, 60)

    def _count_job_read(self) -> None:
        """Refuse more reads of jobs than Azure allows an hour, as recorded."""
        now = self._clock.now()
        hour = self._clock.lasting(3600)
        self._job_reads = [moment for moment in self._job_reads if moment > now - hour]
        if len(self._job_reads) >= _JOB_READS_AN_HOUR:
            wait = int((self._job_reads[0] + hour - now).total_seconds()) + 1
            raise ArmError(
                429,
                "ResourceRequestsThrottled",
                f"Number of requests for action 'Microsoft.RecoveryServices/vaults/backupJobs/read' exceeded the limit of "
                f"'{_JOB_READS_AN_HOUR}' for time interval '01:00:00'. Please try again after '{wait}' seconds.",
                headers={"Retry-After": str(wait)},
            )
        self._job_reads.append(now)

    def _shown_job(self, job: Wire, is_listed: bool) -> Wire:
        properties = {key: value for key, value in job["properties"].items() if key != "_point"}
        if properties["status"] == "InProgress":
            started = datetime.fromisoformat(properties["startTime"][:26]).replace(tzinfo=self._clock.now().tzinfo)
            properties["duration"] = iso_duration(self._clock.now() - started)
        if is_listed:
            properties.pop("extendedInfo")
        return {**job, "properties": properties}

    def _list_jobs(self, call: Call) -> Reply:
        vault = self._vault(call)
        self._count_job_read()
        wanted = dict(_FILTER.findall(call.query.get("$filter", "")))
        unknown = set(wanted) - {"backupManagementType", "status", "operation", "startTime", "endTime"}
        if unknown:
            raise _refuse(f"The filter has no {sorted(unknown)[0]}.")
        found = []
        for job in reversed(list(vault.jobs.values())):
            properties = job["properties"]
            started = datetime.fromisoformat(properties["startTime"][:26])
            if (
                wanted.get("backupManagementType", "AzureIaasVM") == "AzureIaasVM"
                and wanted.get("status", properties["status"]) == properties["status"]
                and wanted.get("operation", properties["operation"]) == properties["operation"]
                and ("startTime" not in wanted or started >= _filter_time(wanted["startTime"]))
                and ("endTime" not in wanted or started < _filter_time(wanted["endTime"]))
            ):
                found.append(self._shown_job(job, is_listed=True))
        return page_of(call, found, self._groups.page_size)

    def _job(self, call: Call) -> tuple[Vault, Wire]:
        vault = self._vault(call)
        found = vault.jobs.get(call.path["job"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/vaults/backupJobs", call.path["job"], call.path["group"])
        return vault, found

    def _read_job(self, call: Call) -> Reply:
        self._count_job_read()
        return Reply(200, self._shown_job(self._job(call)[1], is_listed=False))

    def _cancel_job(self, call: Call) -> Reply:
        vault, job = self._job(call)
        if "Cancellable" not in (job["properties"].get("actionsInfo") or []) or job["properties"]["status"] != "InProgress":
            raise _refuse("The job cannot be cancelled.", "UserErrorJobCannotBeCancelled")
        job["properties"]["status"] = "Cancelling"

        def done(operation: Operation, due: datetime) -> None:
            job["properties"].update(status="Cancelled", endTime=ticks(due))
            operation.body = None

        operation = self._begin(call, vault.id, _SECONDS["item"], done)
        scope = job["id"]
        return Reply(
            202,
            None,
            self._headers(call, f"{vault.id}/backupOperations/{operation.name}", f"{scope}/operationResults/{operation.name}"),
        )

    def _list_points(self, call: Call) -> Reply:
        wanted = dict(_FILTER.findall(call.query.get("$filter", "")))
        first, last = (_filter_time(wanted[key]) if key in wanted else None for key in ("startDate", "endDate"))

        def is_within(point: Wire) -> bool:
            taken = datetime.fromisoformat(point["properties"]["recoveryPointTime"][:26])
            return (first is None or taken >= first) and (last is None or taken <= last)

        return page_of(call, [point for point in self._item(call)[1].points if is_within(point)], self._groups.page_size)

    def _read_point(self, call: Call) -> Reply:
        found = next((point for point in self._item(call)[1].points if point["name"] == call.path["point"]), None)
        if found is None:
            raise ArmError(404, "BMSUserErrorRecoveryPointNotFound", "The recovery point was not found.")
        # One by itself does not say its expiry (recorded: backup_csr).
        properties = {key: value for key, value in found["properties"].items() if key != "recoveryPointProperties"}
        return Reply(200, {**found, "properties": properties})


def _in_a_list(wire: Wire) -> Wire:
    """Give a vault as lists have it: of its settings they say little (recorded: backup_vault)."""
    left_out = ("redundancySettings", "securitySettings", "backupStorageVersion")
    properties = {key: value for key, value in wire["properties"].items() if key not in left_out}
    return {**wire, "properties": properties}


def _etag(moment: str) -> str:
    return f"W/\"datetime'{moment.replace(':', '%3A')}'\""


def _first_properties() -> Wire:
    """Give the properties that Azure adds to a new vault (recorded: backup_vault)."""
    return {
        "provisioningState": "Provisioning",
        "privateEndpointStateForBackup": "None",
        "privateEndpointStateForSiteRecovery": "None",
        "monitoringSettings": {
            "azureMonitorAlertSettings": {
                "alertsForAllJobFailures": "Enabled",
                "alertsForAllReplicationIssues": "Enabled",
                "alertsForAllFailoverIssues": "Enabled",
            },
            "classicAlertSettings": {
                "alertsForCriticalOperations": "Enabled",
                "emailNotificationsForSiteRecovery": "Enabled",
            },
        },
        "redundancySettings": {"standardTierStorageRedundancy": "GeoRedundant", "crossRegionRestore": "Disabled"},
        "secureScore": "None",
        "bcdrSecurityLevel": "Poor",
        "publicNetworkAccess": "Enabled",
        "restoreSettings": {"crossSubscriptionRestoreSettings": {"crossSubscriptionRestoreState": "Enabled"}},
    }


def _short_name(machine_id: str) -> str:
    """Give the name that containers and items are made of."""
    parts = machine_id.split("/")
    return f"iaasvmcontainerv2;{parts[4]};{parts[8]}".lower()


def _extended(properties: Wire) -> Wire:
    exclusion = (properties.get("extendedProperties") or {}).get("diskExclusionProperties")
    return {"extendedProperties": {"diskExclusionProperties": exclusion}} if exclusion is not None else {}


def _refuse(message: str, code: str = "BMSUserErrorInvalidInput") -> ArmError:
    return ArmError(400, code, message)


def _filter_time(text: str) -> datetime:
    # The specification's own example has an hour of 00 with AM.
    return datetime.strptime(re.sub(r" 00(:\d\d:\d\d AM)$", r" 12\1", text), "%Y-%m-%d %I:%M:%S %p")


def _usage(name: str, title: str, count: int) -> Wire:
    return {"unit": "Count", "currentValue": count, "limit": -1, "name": {"value": name, "localizedValue": title}}


def _without_nulls(value: Any) -> Any:
    """Leave out what is null: clients that print a policy and send it again print what is not there, too."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _complete_policy(properties: Wire) -> None:
    """Add what the service adds to a policy that leaves it out (specification: ProtectionPolicies_CreateOrUpdate_Simple)."""
    schedule = properties.get("schedulePolicy") or {}
    if schedule.get("schedulePolicyType") == "SimpleSchedulePolicy":
        schedule.setdefault("scheduleWeeklyFrequency", 0)
        is_weekly = schedule.get("scheduleRunFrequency") == "Weekly"
        properties.setdefault("instantRpRetentionRangeInDays", 5 if is_weekly else 2)
    else:
        properties.setdefault("instantRpRetentionRangeInDays", 2)


def _without_milliseconds(value: Any) -> Any:
    """Give times as they come back: without milliseconds."""
    if isinstance(value, dict):
        return {key: _without_milliseconds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_milliseconds(item) for item in value]
    return re.sub(r"\.\d+Z$", "Z", value) if isinstance(value, str) else value


def _check_policy(name: str, properties: Wire) -> None:
    """Refuse a policy for virtual machines that Azure would refuse. Raises ArmError 400."""
    if not _POLICY_NAME.match(name) or properties.get("backupManagementType") != "AzureIaasVM":
        raise _refuse("The name or the type of the policy is not valid.", "BMSUserErrorInvalidPolicyInput")
    schedule, kept = properties.get("schedulePolicy") or {}, properties.get("retentionPolicy") or {}
    frequency, days = schedule.get("scheduleRunFrequency"), properties.get("instantRpRetentionRangeInDays") or 0
    is_enhanced = properties.get("policyType") == "V2"
    if is_enhanced is not (schedule.get("schedulePolicyType") == "SimpleSchedulePolicyV2"):
        raise _refuse("The types of the policy and of its schedule do not agree.", "BMSUserErrorInvalidPolicyInput")
    durations = {key: kept[key]["retentionDuration"] for key in _UNITS if kept.get(key)}
    problems = [
        not 1 <= days <= (30 if is_enhanced else 5),
        frequency == "Weekly" and not is_enhanced and days != 5,
        frequency == "Hourly" and not is_enhanced,
        frequency == "Weekly" and ("dailySchedule" in kept or "weeklySchedule" not in kept),
        frequency != "Weekly" and "dailySchedule" not in kept,
        any(duration["durationType"] != _UNITS[key] for key, duration in durations.items()),
        durations.get("dailySchedule", {"count": 7})["count"] < 7,
        any(duration["count"] > _MOST[duration["durationType"]] for duration in durations.values()),
        any(not re.search(r"T\d\d:(00|30):00", time) for time in _times_of(schedule)),
    ]
    if frequency == "Hourly":
        hourly = schedule.get("hourlySchedule") or {}
        interval, window = hourly.get("interval") or 0, hourly.get("scheduleWindowDuration") or 0
        problems.append(interval not in (4, 6, 8, 12) or not interval <= window <= 24)
    if any(problems):
        raise _refuse("Input for create or update policy is not in proper format.", "BMSUserErrorInvalidPolicyInput")


def _times_of(schedule: Wire) -> list[str]:
    """Give the times at which a schedule begins a backup."""
    own = [schedule.get(key) or {} for key in ("hourlySchedule", "dailySchedule", "weeklySchedule")]
    starts = [part["scheduleWindowStartTime"] for part in own if part.get("scheduleWindowStartTime")]
    return [*starts, *(time for part in (schedule, *own) for time in part.get("scheduleRunTimes") or [])]


def _point(item: Item, name: str, taken: datetime, expiry: str) -> Wire:
    return {
        "id": f"{item.wire['id']}/recoveryPoints/{name}",
        "name": name,
        "type": f"{NAMESPACE}/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints",
        "properties": {
            "objectType": "IaasVMRecoveryPoint",
            "recoveryPointType": "AppConsistent",
            "recoveryPointTime": ticks(taken + timedelta(seconds=4)),
            "recoveryPointAdditionalInfo": "",
            "sourceVMStorageType": "PremiumVMOnPartialPremiumStorage",
            "isSourceVMEncrypted": False,
            "isInstantIlrSessionActive": False,
            "recoveryPointTierDetails": [{"type": "InstantRP", "status": "Valid"}],
            "isManagedVirtualMachine": True,
            "virtualMachineSize": "Standard_DS1_v2",
            "originalStorageAccountOption": False,
            "osType": "Windows",
            "recoveryPointMoveReadinessInfo": {"ArchivedRP": {"isReadyForMove": False, "additionalInfo": ""}},
            "securityType": "None",
            "isPrivateAccessEnabledOnAnyDisk": False,
            "createdWithPolicyType": "V1",
            "threatStatus": 0,
            "recoveryPointProperties": {"expiryTime": expiry, "ruleName": "", "isSoftDeleted": False},
        },
    }
