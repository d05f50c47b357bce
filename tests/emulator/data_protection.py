# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.DataProtection: Backup vaults, policies, instances, on-demand backups, jobs, recovery points.

Durations are the medians of the recordings, in Azure's seconds.
"""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .arm import (
    ArmError,
    Call,
    Reply,
    Route,
    Wire,
    backup_error,
    check_api_version,
    check_properties,
    page_of,
    resource_not_found,
)
from .authorization import Authorization
from .clock import Schedule, dotnet_duration, iso_duration, ticks
from .faults import Faults
from .operations import Operation, Operations
from .planting import daily_disk_policy, disk_instance
from .protectable import DISK, Datasources, Protectable, has_schedule, refuse, row_of, snapshot_group
from .resource_graph import graph_row
from .resource_guards import ResourceGuards
from .resources import ResourceGroups
from .subscription import REGIONS, check_location

NAMESPACE = "Microsoft.DataProtection"
_VAULTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults"
_VAULT = _VAULTS + "/{vault}"
_INSTANCE = _VAULT + "/backupInstances/{instance}"
_DELETED_VAULTS = "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/deletedVaults"
# An empty vault can be brought back for ten minutes (recorded: dataprotection-2026/Undo-AzDataProtectionVaultDeletion).
_SECONDS_DELETED = 600
_SECONDS = {
    "vault": 1.0,
    "validate": 40.0,
    "instance": 1.0,
    "configure": 45.0,
    "state": 60.0,
    "delete": 60.0,
    "trigger": 1.0,
    "job": 216.0,
}
# Operations that leave everything as it was where they fail.
_MAY_FAIL = ("validate", "state", "delete")
_VAULT_NAME = re.compile(r"^[-A-Za-z0-9]{2,50}$")
_POLICY_NAME = re.compile(r"^[-A-Za-z0-9]{3,150}$")
_POINT_FILTER = re.compile(r"^(startDate eq '(?P<start>[^']+)')?( and )?(endDate eq '(?P<end>[^']+)')?$", re.IGNORECASE)
_INTERVAL = re.compile(r"^R/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?/P(T\d+H|\d+[DW])$")
_NOT_OF_DELETED = ("secureScore", "bcdrSecurityLevel", "replicatedRegions", "regionOfChoiceSettings")
_NEEDS_ALWAYS_ON = (
    "This API version requires backup vaults to have the soft delete setting configured to Enable Always-On Soft Delete."
)
_NEVER = "0001-01-01T00:00:00Z"
_NO_LENGTH = "-10675199.02:48:05.4775808"
_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


@dataclass
class Instance:
    """A backup instance with its recovery points, newest first; since: when it was made."""

    wire: Wire
    since: datetime
    points: list[Wire] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The protection state."""
        return str(self.wire["properties"]["currentProtectionState"])

    def become(self, state: str, error: Wire | None = None) -> None:
        """Enter a protection state."""
        properties = self.wire["properties"]
        properties["currentProtectionState"] = state
        properties["protectionStatus"] = {"status": state, **({"errorDetails": error} if error else {})}
        properties["provisioningState"] = "Provisioning" if state.endswith("ingProtection") else "Succeeded"

    @property
    def policy_name(self) -> str:
        """The lower-cased name of the policy."""
        return str(self.wire["properties"]["policyInfo"]["policyId"]).rsplit("/", 1)[-1].lower()

    @property
    def datasource_id(self) -> str:
        """The id of what is protected."""
        return str(self.wire["properties"]["dataSourceInfo"]["resourceID"])


@dataclass
class Vault:
    """A Backup vault and all that lies in it, by lower-cased names."""

    wire: Wire
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    policies: dict[str, Wire] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    deleted: dict[str, Instance] = field(default_factory=dict)
    jobs: dict[str, Wire] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The ARM id."""
        return str(self.wire["id"])

    @property
    def soft_delete(self) -> Wire:
        """The settings of soft delete."""
        settings: Wire = self.wire["properties"].get("securitySettings", {}).get("softDeleteSettings") or {}
        return settings


@dataclass
class DeletedVault:
    """A vault that was deleted and can still be brought back."""

    vault: Vault
    wire: Wire


class DataProtection:
    """The service."""

    def __init__(
        self,
        schedule: Schedule,
        groups: ResourceGroups,
        datasources: Datasources,
        authorization: Authorization,
        faults: Faults,
        may_reach: Callable[[str, str], bool],
    ) -> None:
        self._schedule = schedule
        self._clock = schedule.clock
        self._groups = groups
        self._datasources = datasources
        self._authorization = authorization
        self._faults = faults
        self._operations = Operations(schedule, faults)
        self._guards = ResourceGuards(self._clock, groups, may_reach, lambda call: self._vault(call).wire)
        self.vaults: dict[tuple[str, str, str], Vault] = {}
        self.deleted_vaults: dict[str, DeletedVault] = {}
        self.seconds_between_identities = 0.0
        self._last_identity: datetime | None = None

    def routes(self) -> list[Route]:
        """Give what is answered."""
        plain: list[tuple[str, str, Callable[[Call], Reply]]] = [
            ("GET", "/subscriptions/{subscription}/providers/Microsoft.DataProtection/backupVaults", self._list_vaults),
            ("GET", _VAULTS, self._list_vaults),
            ("GET", _VAULT, self._read_vault),
            ("PUT", _VAULT, self._write_vault),
            ("DELETE", _VAULT, self._delete_vault),
            ("POST", _VAULT + "/validateForBackup", self._validate),
            ("POST", _INSTANCE + "/validateForModifyBackup", self._validate_change),
            ("GET", _VAULT + "/backupPolicies", self._list_policies),
            ("GET", _VAULT + "/backupPolicies/{policy}", self._read_policy),
            ("PUT", _VAULT + "/backupPolicies/{policy}", self._write_policy),
            ("DELETE", _VAULT + "/backupPolicies/{policy}", self._delete_policy),
            ("GET", _VAULT + "/backupInstances", self._list_instances),
            ("GET", _INSTANCE, self._read_instance),
            ("PUT", _INSTANCE, self._write_instance),
            ("DELETE", _INSTANCE, self._delete_instance),
            ("POST", _INSTANCE + "/stopProtection", self._stop),
            ("POST", _INSTANCE + "/suspendBackups", self._suspend),
            ("POST", _INSTANCE + "/resumeProtection", self._resume),
            ("POST", _INSTANCE + "/backup", self._backup),
            ("GET", _INSTANCE + "/operationResults/{operation}", self._operations.read_result),
            ("GET", _INSTANCE + "/recoveryPoints", self._list_points),
            ("POST", _INSTANCE + "/findRestorableTimeRanges", self._find_ranges),
            ("GET", _INSTANCE + "/recoveryPoints/{point}", self._read_point),
            ("GET", _VAULT + "/deletedBackupInstances", self._list_deleted),
            ("GET", _VAULT + "/deletedBackupInstances/{instance}", self._read_deleted),
            ("POST", _VAULT + "/deletedBackupInstances/{instance}/undelete", self._undelete),
            ("GET", _VAULT + "/backupJobs", self._list_jobs),
            ("GET", _VAULT + "/backupJobs/{job}", self._read_job),
            ("GET", _VAULT + "/operationStatus/{operation}", self._operations.read_status),
            (
                "GET",
                "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/locations/"
                "{location}/operationStatus/{operation}",
                self._operations.read_status,
            ),
            (
                "GET",
                "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/operationResults/"
                "{operation}",
                self._operations.read_result,
            ),
            ("GET", _DELETED_VAULTS, self._list_deleted_vaults),
            ("GET", _DELETED_VAULTS + "/{deleted}", self._read_deleted_vault),
            ("GET", "{scope:path}/providers/Microsoft.DataProtection/backupInstances", self._route_extension),
        ]
        return [*self._guards.routes(), *(Route(method, template, handler, NAMESPACE) for method, template, handler in plain)]

    def graph_rows(self, which: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of vaults, or of their contents: instances and jobs."""
        kind = f"{NAMESPACE}/backupVaults"
        for vault in self.vaults.values():
            if which == "vaults":
                wire = {**vault.wire, "id": vault.id.replace("/backupVaults/", "/BackupVaults/")}
                yield graph_row(wire, kind, _TENANT)
                continue
            for instance in vault.instances.values():
                located = {**_spelled_out(vault, instance), "location": vault.wire["location"]}
                yield graph_row(located, f"{kind}/backupInstances", _TENANT)
            for job in vault.jobs.values():
                yield graph_row(_with_dotnet_duration(job), f"{kind}/backupJobs", _TENANT)

    def plant(self, principal_id: str, group: Wire, vault_name: str, disk_ids: list[str]) -> None:
        """Have disks of a resource group protected in a vault of it, which is made where it is not there, with all roles.

        The policy is called disks. principal_id: who is said to have asked for it.
        """
        url = f"{group['id']}/providers/{NAMESPACE}/backupVaults/{vault_name}"
        path = {"subscription": group["id"].split("/")[2], "group": group["name"], "vault": vault_name, "policy": "disks"}
        key = (path["subscription"].lower(), group["name"].lower(), vault_name.lower())
        if key not in self.vaults:

            def call(end: str, body: Wire) -> Call:
                return Call("PUT", path, {"api-version": "2025-07-01"}, "", body, "", url + end, principal_id)

            storage = {"storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]}
            identity = {"type": "SystemAssigned"}
            self._write_vault(call("", {"location": group["location"], "identity": identity, "properties": storage}))
            self._write_policy(call("/backupPolicies/disks", {"properties": daily_disk_policy(ticks(self._clock.now()))}))
            self.vaults[key].wire["properties"]["provisioningState"] = "Succeeded"
            self._datasources.permit(DISK, str(self.vaults[key].wire["identity"]["principalId"]), group["id"])
        vault = self.vaults[key]
        for disk in disk_ids:
            name = "{0}-{0}-{1}".format(disk.rsplit("/", 1)[-1], uuid.uuid5(uuid.NAMESPACE_URL, disk.lower()))
            wire = {
                "properties": disk_instance(disk, group["location"], f"{vault.id}/backupPolicies/disks", group["id"]),
                "id": f"{vault.id}/backupInstances/{name}",
                "name": name,
                "type": f"{NAMESPACE}/backupVaults/backupInstances",
            }
            vault.instances[name.lower()] = Instance(wire, self._clock.now())
            vault.instances[name.lower()].become("ProtectionConfigured")

    # -- look-ups

    def _vault(self, call: Call) -> Vault:
        self._groups.find(call.path["subscription"], call.path["group"])
        found = self.vaults.get((*call.group_key(), call.path["vault"].lower()))
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults", call.path["vault"], call.path["group"])
        return found

    def _instance(self, call: Call) -> tuple[Vault, Instance]:
        vault = self._vault(call)
        found = vault.instances.get(call.path["instance"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults/backupInstances", call.path["instance"], call.path["group"])
        return vault, found

    def _begin(self, call: Call, vault: Vault, kind: str, work: Callable[[Operation, datetime], None]) -> Operation:
        subscription, location = call.path["subscription"], vault.wire["location"]
        result_scope = f"/subscriptions/{subscription}/providers/{NAMESPACE}/locations/{location}"
        may_fail = kind in _MAY_FAIL
        return self._operations.begin(call, vault.guid, vault.id, result_scope, _SECONDS[kind], work, may_fail)

    # -- vaults

    def _list_vaults(self, call: Call) -> Reply:
        group = call.path.get("group")
        if group:
            self._groups.find(call.path["subscription"], group)
        found = [
            # Lists answer ids in other casing than single reads.
            {
                **vault.wire,
                "id": vault.id.replace("/resourceGroups/", "/resourcegroups/").replace("/backupVaults/", "/BackupVaults/"),
            }
            for (subscription, own_group, _name), vault in self.vaults.items()
            if subscription == call.path["subscription"].lower() and (not group or own_group == group.lower())
        ]
        return page_of(call, found, self._groups.page_size)

    def _read_vault(self, call: Call) -> Reply:
        return Reply(200, self._vault(call).wire)

    def _write_vault(self, call: Call) -> Reply:
        group = self._groups.find(call.path["subscription"], call.path["group"])
        document = call.document()
        check_properties(document, {"location", "tags", "identity", "properties", "eTag", "id", "name", "type"}, "BackupVault")
        key = (*call.group_key(), call.path["vault"].lower())
        current = self.vaults.get(key)
        if call.headers.get("x-ms-deleted-vault-id"):
            return self._undelete_vault(call, document, key)
        if not _VAULT_NAME.match(call.path["vault"]):
            raise backup_error(400, "BMSUserErrorInvalidInput", "The name of the vault is not valid.", "Use another name.")
        wanted = self._checked_vault(call, document, current, group)
        requests = wanted["properties"].pop("resourceGuardOperationRequests", None)
        for change in _critical_changes(current.wire if current else {}, wanted):
            self._guards.check_approved(call, wanted, change, requests)
        if current and all(current.wire.get(name) == wanted.get(name) for name in ("tags", "identity", "properties")):
            return Reply(200, current.wire)
        self._check_identities(call)
        vault = current or Vault({})
        shown = _first_answer(wanted, vault.wire)
        vault.wire = wanted
        vault.wire["properties"]["provisioningState"] = "Updating" if current else "Provisioning"
        self.vaults[key] = vault

        def done(_operation: Operation, _due: datetime) -> None:
            vault.wire["properties"]["provisioningState"] = "Succeeded"

        operation = self._begin(call, vault, "vault", done)
        shown["properties"]["provisioningState"] = vault.wire["properties"]["provisioningState"]
        return Reply(201, shown, self._operations.headers(call, operation, 10, location=False))

    def _check_identities(self, call: Call) -> None:
        """Refuse a change of a vault that comes too soon after another: the directory has a limit of its own."""
        now, last = self._clock.now(), self._last_identity
        pause = self._clock.lasting(self.seconds_between_identities)
        if last and self.seconds_between_identities and now < last + pause:
            message = f"Identity operation for resource '{call.full_path}' failed: too many requests. Retry after 20 seconds."
            raise ArmError(429, "FailedIdentityOperation", message, headers={"Retry-After": self._clock.retry_after(20)})
        self._last_identity = now

    def _checked_vault(self, call: Call, document: Wire, current: Vault | None, group: Wire) -> Wire:
        if not document.get("location"):
            raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
        check_location(str(document["location"]), f"{NAMESPACE}/backupVaults")
        location = str(document["location"]).replace(" ", "").lower()
        before = current.wire if current else {}
        if current and location != before["location"]:
            raise ArmError(
                409,
                "InvalidResourceLocation",
                f"The resource '{call.path['vault']}' already exists in location '{before['location']}' in resource group "
                f"'{group['name']}'. A resource with the same name cannot be created in location '{location}'.",
            )
        properties = document.get("properties") or {}
        allowed = {
            "storageSettings", "securitySettings", "featureSettings", "monitoringSettings", "replicatedRegions",
            "provisioningState", "isVaultProtectedByResourceGuard", "secureScore", "bcdrSecurityLevel",
            "resourceGuardOperationRequests", "regionOfChoiceSettings",
        }  # fmt: skip
        check_properties(properties, allowed, "BackupVault")
        storage = properties.get("storageSettings")
        if not storage:
            raise backup_error(400, "BMSUserErrorInvalidInput", "Storage settings are missing.", "Send storageSettings.")
        if current and storage != before["properties"]["storageSettings"]:
            raise backup_error(
                400, "BMSUserErrorInvalidInput", "The storage settings of a vault cannot be changed.", "Create another vault."
            )
        self._check_security(call, properties, before)
        security = properties.get("securitySettings") or {}
        soft, immutability = _state(security, "softDeleteSettings"), _state(security, "immutabilitySettings")
        score, level = _score(soft, immutability)
        redundancy = storage[0].get("type")
        answer: Wire = {
            "location": location,
            "properties": {
                **{key: value for key, value in properties.items() if key in allowed},
                "provisioningState": "Succeeded",
                "isVaultProtectedByResourceGuard": before.get("properties", {}).get("isVaultProtectedByResourceGuard", False),
                "secureScore": score,
                "bcdrSecurityLevel": level,
                "replicatedRegions": [REGIONS[location][1] or location] if redundancy == "GeoRedundant" else [],
                **({"regionOfChoiceSettings": {"status": "NotApplicable"}} if call.api_version >= "2026-06-01" else {}),
            },
            "id": before.get("id") or call.full_path,
            "name": before.get("name") or call.path["vault"],
            "type": f"{NAMESPACE}/backupVaults",
        }
        if document.get("tags") is not None:
            answer["tags"] = document["tags"]
        answer["identity"] = self._checked_identity(document.get("identity") or {}, before.get("identity") or {})
        if not answer["identity"]:
            del answer["identity"]
        self._check_encryption(security.get("encryptionSettings"), answer, before)
        return answer

    def _checked_identity(self, wanted: Wire, before: Wire) -> Wire:
        """Give the identity as it is answered: kinds without a space, identities with their ids."""
        kinds = [kind.strip().lower() for kind in str(wanted.get("type") or "").split(",")]
        if kinds == [""]:
            return {}
        if kinds == ["none"]:
            return {"type": "None"}
        if not set(kinds) <= {"systemassigned", "userassigned"}:
            raise ArmError(400, "InvalidIdentityType", f"The identity type '{wanted['type']}' is not valid.")
        named = wanted.get("userAssignedIdentities") or {}
        if ("userassigned" in kinds) != bool(named):
            raise ArmError(400, "InvalidIdentity", "UserAssigned identities and the type of the identity do not agree.")
        system, user = "systemassigned" in kinds, "userassigned" in kinds
        identity: Wire = {"type": ",".join(["SystemAssigned"] * system + ["UserAssigned"] * user)}
        if system:
            identity["principalId"] = before.get("principalId") or self._authorization.add_identity()
        if user:
            known = before.get("userAssignedIdentities") or {}
            made = {name: {"clientId": str(uuid.uuid4()), "principalId": self._authorization.add_identity()} for name in named}
            identity["userAssignedIdentities"] = {name: known.get(name) or made[name] for name in named}
        return {**identity, "tenantId": _TENANT}

    @staticmethod
    def _check_encryption(wanted: Wire | None, vault: Wire, before: Wire) -> None:
        """Refuse a key without an identity that the vault has, and the way back to Microsoft's key."""
        old = ((before.get("properties") or {}).get("securitySettings") or {}).get("encryptionSettings")
        if old and (not wanted or wanted.get("state") != "Enabled"):
            raise backup_error(
                400,
                "BMSUserErrorInvalidInput",
                "Encryption by a customer's key cannot be ended.",
                "Keep the encryption settings.",
            )
        if not wanted:
            return
        reader = wanted.get("kekIdentity") or {}
        names = [name.lower() for name in (vault.get("identity") or {}).get("userAssignedIdentities") or {}]
        is_known = str(reader.get("identityId")).lower() in names or reader.get("identityType") == "SystemAssigned"
        if not (wanted.get("keyVaultProperties") or {}).get("keyUri") or not is_known:
            raise backup_error(
                400,
                "BMSUserErrorInvalidInput",
                "The key or the identity that reads it is not valid.",
                "Send a key and an identity.",
            )
        if old and old.get("infrastructureEncryption") != wanted.get("infrastructureEncryption"):
            raise backup_error(
                400, "BMSUserErrorInvalidInput", "Infrastructure encryption cannot be changed.", "Keep it as it is."
            )

    def _check_security(self, call: Call, properties: Wire, before: Wire) -> None:
        security = properties.get("securitySettings") or {}
        soft, immutability = _state(security, "softDeleteSettings"), _state(security, "immutabilitySettings")
        days = (security.get("softDeleteSettings") or {}).get("retentionDurationInDays")
        if days is not None:
            if soft != "off" and not 14 <= float(days) <= 180:
                raise backup_error(
                    400, "BMSUserErrorInvalidInput", "The retention of soft delete must be 14 to 180 days.", "Send 14 to 180."
                )
            security["softDeleteSettings"]["retentionDurationInDays"] = float(days)
        if call.api_version >= "2025-09-01" and soft != "alwayson":
            raise ArmError(
                400,
                "BMSUserErrorInvalidInput",
                _NEEDS_ALWAYS_ON,
            )
        old = (before.get("properties") or {}).get("securitySettings") or {}
        if _state(old, "softDeleteSettings") == "alwayson" and soft != "alwayson":
            raise backup_error(
                400,
                "UserErrorDisableSoftDeleteNotAllowed",
                "Cannot disable soft delete once set to AlwaysOn",
                "Please contact Microsoft Support if this is not expected.",
            )
        if _state(old, "immutabilitySettings") == "locked" and immutability != "locked":
            raise backup_error(
                400,
                "UserErrorUnsupportedVaultImmutabilityStateChange",
                "The immutable vault property for this vault is locked, hence, this setting cannot be disabled.",
                "The vault has its immutable vault property enabled and locked, and it can no longer be reverted to a "
                "non-immutable vault.",
            )
        features, earlier = properties.get("featureSettings") or {}, (before.get("properties") or {}).get("featureSettings") or {}
        cross_region = "crossRegionRestoreSettings"
        if _state(earlier, cross_region) == "enabled" and _state(features, cross_region) != "enabled":
            raise backup_error(
                400,
                "UserErrorCrossRegionRestoreStateChangeNotAllowed",
                "Cross-region restore of this vault is Enabled and cannot be Disabled any more.",
                "Please contact Microsoft Support if this is not expected.",
            )

    def _delete_vault(self, call: Call) -> Reply:
        self._groups.find(call.path["subscription"], call.path["group"])
        key = (*call.group_key(), call.path["vault"].lower())
        vault = self.vaults.get(key)
        if vault is None:
            return Reply(204)
        if vault.instances or vault.deleted:
            raise backup_error(
                400,
                "UserErrorVaultHasBackupInstances",
                "The vault cannot be deleted because it contains backup instances or soft-deleted backup instances.",
                "Delete the backup instances and try again.",
            )

        def done(_operation: Operation, due: datetime) -> None:
            gone = self.vaults.pop(key, None)
            if gone and str(gone.soft_delete.get("state")).lower() == "alwayson":
                self._keep_deleted(gone, due)

        subscription, group, location = call.path["subscription"], call.path["group"], vault.wire["location"]
        operation = self._operations.begin(
            call,
            vault.guid,
            # The status lies below the resource group, although it names a location.
            f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{NAMESPACE}/locations/{location}",
            f"/subscriptions/{subscription}/providers/{NAMESPACE}/locations/{location}",
            _SECONDS["vault"],
            done,
        )
        return Reply(202, None, self._operations.headers(call, operation, 30))

    def _keep_deleted(self, vault: Vault, due: datetime) -> None:
        """Keep a deleted vault for a while, under a new name."""
        name = str(uuid.uuid4())
        subscription = vault.id.split("/")[2]
        properties = {key: value for key, value in vault.wire["properties"].items() if key not in _NOT_OF_DELETED}
        wire: Wire = {
            "location": vault.wire["location"],
            "tags": vault.wire.get("tags") or {},
            "properties": {
                "originalBackupVaultId": vault.guid,
                "originalBackupVaultName": vault.wire["name"],
                "originalBackupVaultResourcePath": vault.id,
                "resourceDeletionInfo": {
                    "deletionTime": ticks(due),
                    "scheduledPurgeTime": ticks(due + timedelta(seconds=_SECONDS_DELETED)),
                    "deleteActivityID": str(uuid.uuid4()),
                },
                **properties,
            },
            "id": f"/subscriptions/{subscription}/providers/{NAMESPACE}/locations/{vault.wire['location']}/deletedVaults/{name}",
            "name": name,
            "type": f"{NAMESPACE}/locations/deletedVaults",
        }
        self.deleted_vaults[name] = DeletedVault(vault, wire)

        def purge(_moment: datetime) -> None:
            self.deleted_vaults.pop(name, None)

        self._schedule.after(_SECONDS_DELETED, purge)

    def _deleted_vaults_of(self, call: Call) -> list[Wire]:
        check_api_version(NAMESPACE, call.api_version, "2025-09-01", "locations/deletedVaults")
        return [
            deleted.wire
            for deleted in self.deleted_vaults.values()
            if deleted.wire["location"] == call.path["location"].lower()
            and deleted.vault.id.split("/")[2].lower() == call.path["subscription"].lower()
        ]

    def _list_deleted_vaults(self, call: Call) -> Reply:
        return page_of(call, self._deleted_vaults_of(call), self._groups.page_size)

    def _read_deleted_vault(self, call: Call) -> Reply:
        found = next((wire for wire in self._deleted_vaults_of(call) if wire["name"] == call.path["deleted"].lower()), None)
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/locations/deletedVaults", call.path["deleted"], "")
        return Reply(200, found)

    def _undelete_vault(self, call: Call, document: Wire, key: tuple[str, str, str]) -> Reply:
        """Bring a deleted vault back, with a new identity and all else as it was."""
        check_api_version(NAMESPACE, call.api_version, "2025-09-01", "backupVaults")
        name = call.headers["x-ms-deleted-vault-id"].lower()
        deleted = self.deleted_vaults.get(name)
        if deleted is None or key in self.vaults or deleted.vault.id.lower() != call.full_path.lower():
            raise refuse("The deleted vault does not exist, or the vault is there.")
        del self.deleted_vaults[name]
        vault = deleted.vault
        vault.wire["identity"] = self._checked_identity(document.get("identity") or {}, {})
        vault.wire["properties"]["provisioningState"] = "Provisioning"
        self.vaults[key] = vault

        def done(_operation: Operation, _due: datetime) -> None:
            vault.wire["properties"]["provisioningState"] = "Succeeded"

        operation = self._begin(call, vault, "vault", done)
        return Reply(201, vault.wire, self._operations.headers(call, operation, 10, location=False))

    # -- policies

    def _list_policies(self, call: Call) -> Reply:
        return page_of(call, list(self._vault(call).policies.values()), self._groups.page_size)

    def _read_policy(self, call: Call) -> Reply:
        found = self._vault(call).policies.get(call.path["policy"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults/backupPolicies", call.path["policy"], call.path["group"])
        return Reply(200, found)

    def _write_policy(self, call: Call) -> Reply:
        vault, name = self._vault(call), call.path["policy"]
        document = call.document()
        check_properties(document, {"properties", "id", "name", "type"}, "BaseBackupPolicyResource")
        if name.lower() in vault.policies:
            raise backup_error(
                400,
                "UserErrorBMSUpdatePolicyNotSupported",
                "Modifying an existing backup policy is not supported.",
                "Create another policy and associate the backup instances with it.",
            )
        properties = document.get("properties") or {}
        self._check_policy(name, properties)
        properties.pop("name", None)
        for rule in properties["policyRules"]:
            for criteria in (rule.get("trigger") or {}).get("taggingCriteria") or []:
                criteria["tagInfo"].setdefault("id", criteria["tagInfo"]["tagName"] + "_")
            for lifecycle in rule.get("lifecycles") or []:
                if lifecycle.get("targetDataStoreCopySettings", ()) is None:
                    del lifecycle["targetDataStoreCopySettings"]
        vault.policies[name.lower()] = {
            "properties": properties,
            "id": f"{vault.id}/backupPolicies/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupPolicies",
        }
        return Reply(200, vault.policies[name.lower()])

    @staticmethod
    def _check_policy(name: str, properties: Wire) -> None:
        if not _POLICY_NAME.match(name):
            raise refuse("The name of the policy is not valid.")
        check_properties(properties, {"datasourceTypes", "objectType", "policyRules", "name"}, "BackupPolicy")
        rules = properties.get("policyRules") or []
        retention = [rule for rule in rules if rule.get("objectType") == "AzureRetentionRule"]
        backup = [rule for rule in rules if rule.get("objectType") == "AzureBackupRule"]
        if properties.get("objectType") != "BackupPolicy" or len(properties.get("datasourceTypes") or []) != 1:
            raise refuse("A policy is for exactly one datasource type.")
        row = row_of(properties["datasourceTypes"][0])
        if len(retention) + len(backup) != len(rules) or not any(rule.get("isDefault") for rule in retention):
            raise refuse("A policy has backup rules and retention rules, one of them the default.")
        names = [rule["name"] for rule in retention]
        if len(set(names)) < len(names):
            raise refuse("Two retention rules have one name.")
        stores = {rule["name"]: rule["lifecycles"][0]["sourceDataStore"]["dataStoreType"] for rule in retention}
        if not backup and set(stores.values()) != {row.continuous_store}:
            raise refuse("A policy without a backup rule is for continuous backup only.")
        if backup and stores.get("Default") != row.store:
            raise refuse(f"The retention rule Default has to keep recovery points in {row.store}.")
        for rule in backup:
            _check_backup_rule(rule, row, set(names))

    def _delete_policy(self, call: Call) -> Reply:
        vault, key = self._vault(call), call.path["policy"].lower()
        policy = vault.policies.get(key)
        if policy is None:
            return Reply(204)
        if any(
            instance.wire["properties"]["policyInfo"]["policyId"].lower() == policy["id"].lower()
            for instance in vault.instances.values()
        ):
            raise backup_error(
                400,
                "UserErrorDppPolicyObjectInUse",
                "The policy is in use by backup instances.",
                "Remove the backup instances from the policy and try again.",
            )
        del vault.policies[key]
        return Reply(200)

    # -- instances

    def _list_instances(self, call: Call) -> Reply:
        def listed(instance: Instance) -> Wire:
            return {**instance.wire, "id": instance.wire["id"].replace("/backupVaults/", "/BackupVaults/")}

        return page_of(call, list(self._vault(call).instances.values()), self._groups.page_size, listed)

    def _read_instance(self, call: Call) -> Reply:
        return Reply(200, self._instance(call)[1].wire)

    def _route_extension(self, call: Call) -> Reply:
        """Answer which instances protect a resource, in whatever vault."""
        wanted = call.path["scope"].lower()
        found = [
            instance.wire
            for vault in self.vaults.values()
            for instance in vault.instances.values()
            if instance.datasource_id.lower() == wanted
        ]
        return page_of(call, found, self._groups.page_size)

    def _checked_instance(self, vault: Vault, properties: Wire, own_name: str | None, api_version: str) -> Wire:
        """Check an instance's properties and give them as answers show them. Raises ArmError 400."""

        allowed = {
            "dataSourceInfo", "dataSourceSetInfo", "datasourceAuthCredentials", "friendlyName", "objectType", "policyInfo",
            "identityDetails", "validationType", "resourceGuardOperationRequests",
        }  # fmt: skip
        check_properties(properties, allowed, "BackupInstance")
        source, policy = properties.get("dataSourceInfo") or {}, properties.get("policyInfo") or {}
        resource_id = source.get("resourceID") or source.get("resourceId")
        if not resource_id or properties.get("objectType") != "BackupInstance" or not policy.get("policyId"):
            raise refuse("dataSourceInfo, policyInfo or objectType is missing.")
        row = row_of(str(source.get("datasourceType")))
        if "ForAutoProtection" in str(policy.get("policyParameters")) and api_version < "2026-03-01":
            raise refuse("BlobBackupDatasourceParametersForAutoProtection is not known to this api-version.")
        if api_version >= "2025-09-01" and str(vault.soft_delete.get("state")).lower() != "alwayson":
            raise refuse(_NEEDS_ALWAYS_ON)
        found = vault.policies.get(policy["policyId"].rsplit("/", 1)[-1].lower())
        if found is None or not policy["policyId"].lower().startswith(vault.id.lower() + "/"):
            raise refuse(f"The policy {policy['policyId']} does not exist in the vault.")
        if found["properties"]["datasourceTypes"] != [source["datasourceType"]]:
            raise refuse("The policy is for another datasource type.")
        if str(source.get("resourceLocation", "")).lower() != vault.wire["location"]:
            raise refuse("The datasource is not in the region of the vault.")
        self._check_unprotected(vault, resource_id, own_name)
        for name in ("dataSourceInfo", "dataSourceSetInfo"):
            if properties.get(name):
                answered = {key: value for key, value in properties[name].items() if key != "resourceId"}
                properties[name] = {"resourceID": resource_id, **answered}
        self._datasources.check(row, properties, found)
        return {key: value for key, value in properties.items() if value is not None}

    def _check_unprotected(self, vault: Vault, resource_id: str, own_name: str | None) -> None:
        for other_vault in self.vaults.values():
            for name, other in other_vault.instances.items():
                if other_vault is vault and name == own_name:
                    continue
                if other.datasource_id.lower() == resource_id.lower():
                    raise backup_error(
                        400,
                        "UserErrorDppDatasourceAlreadyHasBackupInstance",
                        f"Datasource is already associated with the backup instance {other.wire['name']} in the Backup vault "
                        f"{other_vault.id} with the protection status as {other.state}.",
                        f"Delete the backup instance {other.wire['name']} from the Backup vault {other_vault.id} to re-protect "
                        "the datasource in any other vault",
                    )

    def _validate(self, call: Call) -> Reply:
        vault = self._vault(call)
        document = call.document()
        check_properties(document, {"backupInstance", "objectType"}, "ValidateForBackupRequest")
        properties = self._checked_instance(vault, document.get("backupInstance") or {}, None, call.api_version)

        def done(operation: Operation, _due: datetime) -> None:
            operation.error = self._datasources.missing_permission(vault.wire, properties)

        operation = self._begin(call, vault, "validate", done)
        return Reply(202, None, self._operations.headers(call, operation, 0))

    def _validate_change(self, call: Call) -> Reply:
        """Answer whether a protection can be changed as asked for, as validateForBackup does for a new one."""
        vault, _instance = self._instance(call)
        document = call.document()
        check_properties(document, {"backupInstance", "objectType"}, "ValidateForModifyBackupRequest")
        own_name = call.path["instance"].lower()
        properties = self._checked_instance(vault, document.get("backupInstance") or {}, own_name, call.api_version)

        def done(operation: Operation, _due: datetime) -> None:
            operation.error = self._datasources.missing_permission(vault.wire, properties)

        operation = self._begin(call, vault, "validate", done)
        return Reply(202, None, self._operations.headers(call, operation, 0))

    def _write_instance(self, call: Call) -> Reply:
        vault, name = self._vault(call), call.path["instance"]
        document = call.document()
        check_properties(document, {"properties", "tags", "id", "name", "type"}, "BackupInstanceResource")
        existing = vault.instances.get(name.lower())
        properties = self._checked_instance(vault, document.get("properties") or {}, name.lower(), call.api_version)
        if existing is None:
            return self._create_instance(call, vault, name, properties, document.get("tags"))
        before = existing.wire["properties"]
        if snapshot_group(before) != snapshot_group(properties):
            raise refuse("The snapshot resource group cannot be changed.")
        requests = properties.pop("resourceGuardOperationRequests", None)
        same_policy = before["policyInfo"]["policyId"].lower() == properties["policyInfo"]["policyId"].lower()
        if same_policy and before["policyInfo"].get("policyParameters") == properties["policyInfo"].get("policyParameters"):
            return Reply(200, existing.wire)
        self._guards.check_approved(call, vault.wire, "backupInstances/write", requests)
        existing.wire["properties"].update(properties)
        existing.become("UpdatingProtection")

        def done(operation: Operation, _due: datetime) -> None:
            operation.result = lambda: existing.wire
            self._schedule.after(_SECONDS["configure"], lambda _moment: existing.become("ProtectionConfigured"))

        operation = self._operations.begin(call, vault.guid, vault.id, existing.wire["id"], _SECONDS["instance"], done)
        # Both answers are recorded for changes: 201 with a body up to 2024, 202 without one from 2025 on.
        if call.api_version < "2025-01-01":
            return Reply(201, existing.wire, self._operations.headers(call, operation, 0, location=False))
        return Reply(202, None, self._operations.headers(call, operation, 0))

    def _create_instance(self, call: Call, vault: Vault, name: str, properties: Wire, tags: Any) -> Reply:
        wire: Wire = {
            **({"tags": tags} if tags else {}),
            "properties": properties,
            "id": f"{vault.id}/backupInstances/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupInstances",
        }
        instance = Instance(wire, self._clock.now())
        instance.become("ConfiguringProtection")
        vault.instances[name.lower()] = instance

        def configured(_moment: datetime) -> None:
            if instance.state != "ConfiguringProtection":
                return
            error = self._datasources.missing_permission(vault.wire, properties)
            instance.become("ProtectionError" if error else "ProtectionConfigured", error)

        def done(_operation: Operation, _due: datetime) -> None:
            instance.wire["properties"]["provisioningState"] = "Succeeded"
            self._schedule.after(_SECONDS["configure"], configured)

        if properties.get("dataSourceSetInfo") is None or call.api_version < "2025-01-01":
            operation = self._begin(call, vault, "instance", done)
            return Reply(201, instance.wire, self._operations.headers(call, operation, 0, location=False))
        # Recorded for storage accounts from 2025 on.
        operation = self._operations.begin(call, vault.guid, vault.id, instance.wire["id"], _SECONDS["instance"], done)
        operation.result = lambda: instance.wire
        return Reply(202, None, self._operations.headers(call, operation, 0))

    def _delete_instance(self, call: Call) -> Reply:
        vault, key = self._vault(call), call.path["instance"].lower()
        instance = vault.instances.get(key)
        if instance is None:
            return Reply(204)
        self._guards.check_unlocked(vault.wire, "backupInstances/delete", instance.wire["id"])

        def done(_operation: Operation, due: datetime) -> None:
            if vault.instances.pop(key, None) and str(vault.soft_delete.get("state", "Off")).lower() != "off":
                self._soft_delete(vault, key, instance, due)

        operation = self._begin(call, vault, "delete", done)
        return Reply(202, None, self._operations.headers(call, operation, 0))

    def _soft_delete(self, vault: Vault, key: str, instance: Instance, due: datetime) -> None:
        days = float(vault.soft_delete.get("retentionDurationInDays") or 14)
        instance.become("SoftDeleted")
        properties = instance.wire["properties"]
        properties["objectType"] = "DeletedBackupInstance"
        properties["dataSourceInfo"]["resourceUri"] = ""
        properties["deletionInfo"] = {
            "deletionTime": ticks(due),
            "billingEndDate": ticks(due + timedelta(days=days)),
            "scheduledPurgeTime": ticks(due + timedelta(days=days)),
            "deleteActivityID": str(uuid.uuid4()),
        }
        instance.wire["id"] = f"{vault.id}/deletedBackupInstances/{instance.wire['name']}"
        instance.wire["type"] = f"{NAMESPACE}/backupVaults/deletedBackupInstances"
        vault.deleted[key] = instance

        def purge(_moment: datetime) -> None:
            if vault.deleted.get(key) is instance:
                del vault.deleted[key]

        self._schedule.after(days * 86400, purge)

    def _list_deleted(self, call: Call) -> Reply:
        found = [instance.wire for instance in self._vault(call).deleted.values()]
        return page_of(call, found, self._groups.page_size)

    def _deleted(self, call: Call) -> tuple[Vault, Instance]:
        vault = self._vault(call)
        found = vault.deleted.get(call.path["instance"].lower())
        if found is None:
            raise ArmError(
                404,
                "UserErrorGenericResourceNotFound",
                "Azure resource does not exist. Please make sure required resources exist. If the issue persists, contact "
                "Microsoft support.",
                target=None,
                details=None,
                headers={"x-ms-error-code": "UserErrorGenericResourceNotFound"},
            )
        return vault, found

    def _read_deleted(self, call: Call) -> Reply:
        return Reply(200, self._deleted(call)[1].wire)

    def _undelete(self, call: Call) -> Reply:
        """Bring an instance back, stopped; the datasource may be protected elsewhere meanwhile."""
        vault, instance = self._deleted(call)
        key = call.path["instance"].lower()
        vault.instances[key] = vault.deleted.pop(key)
        properties = instance.wire["properties"]
        properties.pop("deletionInfo")
        properties["objectType"] = "BackupInstance"
        instance.wire["id"] = f"{vault.id}/backupInstances/{instance.wire['name']}"
        instance.wire["type"] = f"{NAMESPACE}/backupVaults/backupInstances"
        instance.become("ProtectionStopped")
        return Reply(200)

    def _change_state(self, call: Call, state: str) -> Reply:
        vault, instance = self._instance(call)

        def done(_operation: Operation, _due: datetime) -> None:
            instance.become(state)

        operation = self._begin(call, vault, "state", done)
        return Reply(202, None, self._operations.headers(call, operation, 0))

    def _stop(self, call: Call) -> Reply:
        self._check_approved(call, "backupInstances/stopProtection/action")
        return self._change_state(call, "ProtectionStopped")

    def _suspend(self, call: Call) -> Reply:
        self._check_approved(call, "backupInstances/suspendBackups/action")
        return self._change_state(call, "BackupsSuspended")

    def _check_approved(self, call: Call, operation: str) -> None:
        requests = (call.body or {}).get("resourceGuardOperationRequests")
        self._guards.check_approved(call, self._vault(call).wire, operation, requests)

    def _resume(self, call: Call) -> Reply:
        vault, instance = self._instance(call)
        if instance.state == "ProtectionConfigured":
            return Reply(200)
        self._check_unprotected(vault, instance.datasource_id, call.path["instance"].lower())
        return self._change_state(call, "ProtectionConfigured")

    # -- backups, jobs, recovery points

    def _backup(self, call: Call) -> Reply:
        vault, instance = self._instance(call)
        document = call.document()
        check_properties(document, {"backupRuleOptions"}, "TriggerBackupRequest")
        options = document.get("backupRuleOptions") or {}
        policy_name = instance.wire["properties"]["policyInfo"]["policyId"].rsplit("/", 1)[-1]
        rules = vault.policies[policy_name.lower()]["properties"]["policyRules"]
        backup_rules = {rule["name"] for rule in rules if rule["objectType"] == "AzureBackupRule"}
        tags = {rule["name"] for rule in rules if rule["objectType"] == "AzureRetentionRule"}
        tag = (options.get("triggerOption") or {}).get("retentionTagOverride") or "Default"
        if options.get("ruleName") not in backup_rules or tag not in tags:
            raise backup_error(
                400,
                "BMSUserErrorInvalidInput",
                "Input provided for the call is invalid.",
                "Please check the inputs and try again.",
            )
        if instance.state != "ProtectionConfigured":
            raise backup_error(
                400,
                "UserErrorInvalidProtectionState",
                f"The backup instance is in the state {instance.state}.",
                "Configure the protection and try again.",
            )
        job = self._start_job(vault, instance, policy_name, tag)

        def done(operation: Operation, _due: datetime) -> None:
            operation.properties = {"jobId": job["id"], "objectType": "OperationJobExtendedInfo"}

        operation = self._begin(call, vault, "trigger", done)
        return Reply(202, None, self._operations.headers(call, operation, 30))

    def run_schedule(self) -> int:
        """Start a backup of everything that is protected, as its policy does when its time has come; gives how many."""
        protected = [
            (vault, instance)
            for vault in self.vaults.values()
            for instance in vault.instances.values()
            if instance.state == "ProtectionConfigured" and has_schedule(vault.policies[instance.policy_name])
        ]
        for vault, instance in protected:
            policy_name = instance.wire["properties"]["policyInfo"]["policyId"].rsplit("/", 1)[-1]
            self._start_job(vault, instance, policy_name, "Default", scheduled=True)
        return len(protected)

    def _start_job(self, vault: Vault, instance: Instance, policy_name: str, tag: str, scheduled: bool = False) -> Wire:
        name, started = str(uuid.uuid4()), self._clock.now()
        source = instance.wire["properties"]["dataSourceInfo"]
        parts = source["resourceID"].split("/")
        task: Wire = {
            "taskId": 1,
            "taskName": "Trigger Backup",
            "taskStatus": "InProgress",
            "taskProgress": None,
            "additionalDetails": None,
        }
        properties: Wire = {
            "activityID": str(uuid.uuid4()),
            "subscriptionId": vault.id.split("/")[2],
            "backupInstanceId": instance.wire["id"],
            "policyId": instance.wire["properties"]["policyInfo"]["policyId"],
            "dataSourceId": source["resourceID"],
            "vaultName": vault.wire["name"],
            "backupInstanceFriendlyName": instance.wire["properties"].get("friendlyName"),
            "policyName": policy_name,
            "sourceResourceGroup": parts[4],
            "dataSourceSetName": None,
            "dataSourceName": source.get("resourceName"),
            "sourceDataStoreName": None,
            "sourceDataStoreType": None,
            "destinationDataStoreName": None,
            "progressEnabled": False,
            "etag": f"W/\"datetime'{ticks(started)}'\"",
            "sourceSubscriptionID": parts[2],
            "dataSourceLocation": vault.wire["location"],
            "startTime": ticks(started),
            "endTime": None,
            "dataSourceType": source["datasourceType"],
            "operationCategory": "Backup",
            "operation": "Backup",
            "status": "InProgress",
            "restoreType": None,
            "isUserTriggered": not scheduled,
            "rehydrationPriority": None,
            "supportedActions": [""],
            "duration": "PT0S",
            "progressUrl": None,
            "isCrossRegionRestore": None,
            "errorDetails": None,
            "extendedInfo": {
                "backupInstanceState": None,
                "dataTransferredInBytes": None,
                "targetRecoverPoint": None,
                "sourceRecoverPoint": None,
                "recoveryDestination": None,
                "subTasks": [task],
                "additionalDetails": {"RetentionTag": tag},
                "warningDetails": None,
            },
        }
        job: Wire = {
            "properties": properties,
            "id": f"{vault.id}/backupJobs/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupJobs",
        }
        vault.jobs[name] = job
        fate = self._faults.take_job_fate()

        def over(moment: datetime) -> None:
            properties["endTime"] = ticks(moment)
            properties["duration"] = iso_duration(moment - started)
            properties["status"] = task["taskStatus"] = fate.get("status", "Completed")
            task["additionalDetails"] = {
                "OriginalDatasourceSizeInBytes": "4294967296",
                "DatasourceType": source["datasourceType"],
                "TaskId": properties["activityID"],
            }
            if fate.get("error"):
                properties["errorDetails"] = [fate["error"]]
            if properties["status"].startswith("Completed"):
                properties["destinationDataStoreName"] = row_of(source["datasourceType"]).tier
                point = self._add_point(vault, instance, policy_name, tag, started)
                properties["extendedInfo"]["targetRecoverPoint"] = {
                    "recoveryPointID": point["name"],
                    "recoveryPointTime": "0001-01-01T00:00:00Z",
                }

        if fate.get("status") != "InProgress":
            self._schedule.after(float(fate.get("seconds") or _SECONDS["job"]), over)
        return job

    def _add_point(self, vault: Vault, instance: Instance, policy_name: str, tag: str, taken: datetime) -> Wire:
        name = uuid.uuid4().hex
        expiry = ticks(taken + timedelta(days=7))
        row = row_of(instance.wire["properties"]["dataSourceInfo"]["datasourceType"])
        point: Wire = {
            "properties": {
                "objectType": "AzureBackupDiscreteRecoveryPoint",
                "recoveryPointId": name,
                "recoveryPointTime": ticks(taken),
                "recoveryPointType": row.point_type,
                "friendlyName": name,
                "recoveryPointDataStoresDetails": [
                    {
                        "id": str(uuid.uuid4()),
                        "type": row.store,
                        "creationTime": ticks(taken),
                        "expiryTime": expiry,
                        "metaData": None,
                        "visible": True,
                        "state": "COMMITTED",
                        "rehydrationExpiryTime": None,
                        "rehydrationStatus": None,
                    }
                ],
                "retentionTagName": tag,
                "retentionTagVersion": str(int(taken.timestamp() * 1e7)),
                "policyName": policy_name,
                "policyVersion": None,
                "expiryTime": expiry,
                "recoveryPointState": "Completed",
            },
            "id": f"{vault.id}/backupInstances/{instance.wire['name']}/recoveryPoints/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupInstances/recoveryPoints",
        }
        instance.points.insert(0, point)
        return point

    def _list_points(self, call: Call) -> Reply:
        vault, instance = self._instance(call)
        if not has_schedule(vault.policies[instance.policy_name]):
            # By public reports: what is backed up continuously has no recovery points.
            raise backup_error(
                400, "UserErrorPITBackupInstanceNotFound", "The backup instance has no recovery points.", "Use restorable ranges."
            )
        text = call.query.get("$filter", "")
        match = _POINT_FILTER.match(text)
        if text and match is None:
            raise backup_error(400, "BMSUserErrorInvalidInput", "The filter is not valid.", "Send startDate and endDate.")
        start, end = (match["start"] or "", match["end"] or "9999") if match else ("", "9999")
        found = [point for point in instance.points if start <= point["properties"]["recoveryPointTime"] <= end]
        return page_of(call, found, self._groups.page_size)

    def _find_ranges(self, call: Call) -> Reply:
        """Answer to which moments can be restored what is backed up continuously."""
        vault, instance = self._instance(call)
        document = call.document()
        check_properties(document, {"sourceDataStoreType", "startTime", "endTime"}, "AzureBackupFindRestorableTimeRangesRequest")
        _check_range(document.get("startTime"), document.get("endTime"))
        row = row_of(instance.wire["properties"]["dataSourceInfo"]["datasourceType"])
        lifecycles = [
            lifecycle
            for rule in vault.policies[instance.policy_name]["properties"]["policyRules"]
            for lifecycle in rule.get("lifecycles") or []
            if lifecycle["sourceDataStore"]["dataStoreType"] == row.continuous_store
        ]
        if not lifecycles:
            raise refuse("The backup instance is not backed up continuously.")
        now = self._clock.now()
        begin = max(instance.since, now - timedelta(days=int(lifecycles[0]["deleteAfter"]["duration"].strip("PD"))))
        found = {"startTime": ticks(begin), "endTime": ticks(now), "objectType": "RestorableTimeRange"}
        return Reply(
            200,
            {
                "properties": {
                    "restorableTimeRanges": [found],
                    "objectType": "AzureBackupFindRestorableTimeRangesResponse",
                },
                "id": instance.wire["name"],
                "type": f"{NAMESPACE}/backupVaults/backupInstances/findRestorableTimeRanges",
            },
        )

    def _read_point(self, call: Call) -> Reply:
        _vault, instance = self._instance(call)
        found = next((point for point in instance.points if point["name"] == call.path["point"].lower()), None)
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/recoveryPoints", call.path["point"], call.path["group"])
        return Reply(200, found)

    def _list_jobs(self, call: Call) -> Reply:
        """Answer the whole history. A list says less than a single read: no extendedInfo, .NET durations."""
        found = [_with_dotnet_duration(job) for job in self._vault(call).jobs.values()]
        for job in found:
            job["properties"]["extendedInfo"] = None
        reply = page_of(call, found, self._groups.page_size)
        # This list alone says that nothing follows.
        reply.body.setdefault("nextLink", None)
        return reply

    def _read_job(self, call: Call) -> Reply:
        found = self._vault(call).jobs.get(call.path["job"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults/backupJobs", call.path["job"], call.path["group"])
        return Reply(200, found)


def _spelled_out(vault: Vault, instance: Instance) -> Wire:
    """Give an instance as Resource Graph has it: what is null is spelled out, and what was computed is added."""
    properties = copy.deepcopy(instance.wire["properties"])
    source = properties["dataSourceInfo"]
    source |= {"resourceProperties": None, "baseUri": None, "resourceUri": ""}
    properties["dataSourceSetInfo"] = {**source, "objectType": "DatasourceSet"}
    properties["policyInfo"].setdefault("policyVersion", None)
    spelled = {"backupDatasourceParametersList": None, "dataStoreParametersList": None, "tags": None}
    properties["policyInfo"]["policyParameters"] = {**spelled, **(properties["policyInfo"].get("policyParameters") or {})}
    properties["protectionStatus"].setdefault("errorDetails", None)
    for name in (
        "dataSourceProperties", "datasourceAuthCredentials", "identityDetails", "protectionErrorDetails",
        "resourceGuardOperationRequests", "validationType",
    ):  # fmt: skip
        properties.setdefault(name, None)
    times = [point["properties"]["recoveryPointTime"] for point in instance.points] or [_NEVER]
    properties["backupInstanceExtendedProperties"] = {
        "allowedOperations": ["BackupNow", "Restore", "ChangePolicy", "StopBackup", "Delete"],
        "protectionStateInSecondaryRegion": "NotProtected",
        "protectedPrimaryRegion": vault.wire["location"],
        "protectedSecondaryRegion": "",
        "vaultId": vault.id,
        "dataSourceExtendedInfo": {"dataSourceId": source["resourceName"]},
        "policyExtendedInfo": {
            "configuredRPGenerationFrequency": "04:00:00",
            "configuredRPGenerationFrequencyInSecondaryRegion": _NO_LENGTH,
            "configuredMaximumRetention": "7.00:00:00",
            "configuredMaximumRetentionInSecondaryRegion": _NO_LENGTH,
            "rpoWarningThresholdInPrimaryRegion": _NO_LENGTH,
            "rpoWarningThresholdInSecondaryRegion": _NO_LENGTH,
        },
        "recoveryPointInfo": {
            "latestRecoveryPointInPrimaryRegion": times[0],
            "oldestRecoveryPointInPrimaryRegion": times[-1],
            "latestRecoveryPointInSecondaryRegion": _NEVER,
            "oldestRecoveryPointInSecondaryRegion": _NEVER,
        },
    }
    return {**instance.wire, "properties": properties}


def _check_range(start: str | None, end: str | None) -> None:
    """Refuse ranges as oddly as recorded (restorable_time_range_find). Raises ArmError."""
    if end and not start:
        message = "Microsoft Azure Backup encountered an internal error."
        raise backup_error(500, "CloudInternalError", message, "Wait for a few minutes and then try the operation again.")
    if start and not end and not re.search(r"\.\d{7}Z$", start):
        raise backup_error(400, "DppPluginInvalidInputParameters", "Invalid inputs from caller.", "Retry with correct inputs.")
    if start and end and start > end:
        message = "The given time range is invalid"
        raise backup_error(400, "UserErrorInvalidRestorableTimeRange", message, "Ensure that the time range is valid")


def _check_backup_rule(rule: Wire, row: Protectable, tags_kept: set[str]) -> None:
    trigger = rule.get("trigger") or {}
    intervals = (trigger.get("schedule") or {}).get("repeatingTimeIntervals") or []
    if not intervals or not all(_INTERVAL.match(text) for text in intervals):
        raise refuse("repeatingTimeIntervals is not valid.")
    criteria = trigger.get("taggingCriteria") or []
    tags = {item["tagInfo"]["tagName"] for item in criteria}
    if not tags or not tags <= tags_kept:
        raise refuse("Every tagging criterion needs a retention rule of its name.")
    if not row.takes_other_tags and not tags <= {"Default", "Daily", "Weekly"}:
        raise refuse("The tags are not supported for this type.")
    if len({item["taggingPriority"] for item in criteria}) < len(criteria):
        raise refuse("Two tagging criteria have one priority.")
    if not all(text.rsplit("/", 1)[-1] in row.intervals for text in intervals):
        raise refuse("The schedule is not supported for this type.")


def _critical_changes(before: Wire, wanted: Wire) -> list[str]:
    """Name the operations of a PUT of a vault that a resource guard would have to approve."""
    old, new = (((wire.get("properties") or {}).get("securitySettings") or {}) for wire in (before, wanted))
    rank = {"": 0, "disabled": 0, "unlocked": 1, "locked": 2}
    found = []
    if rank[_state(new, "immutabilitySettings")] < rank[_state(old, "immutabilitySettings")]:
        found.append("write#reduceImmutabilityState")
    days = [float((settings.get("softDeleteSettings") or {}).get("retentionDurationInDays") or 0) for settings in (old, new)]
    if (_state(old, "softDeleteSettings") == "on" and _state(new, "softDeleteSettings") == "off") or days[1] < days[0]:
        found.append("write#reduceSoftDeleteSecurity")
    if old.get("encryptionSettings") and old["encryptionSettings"] != new.get("encryptionSettings"):
        found.append("write#modifyEncryptionSettings")
    return found


def _with_dotnet_duration(job: Wire) -> Wire:
    """Give a job as lists and Resource Graph answer it."""
    properties = dict(job["properties"])
    if properties["endTime"]:
        length = datetime.fromisoformat(properties["endTime"][:26]) - datetime.fromisoformat(properties["startTime"][:26])
        properties["duration"] = dotnet_duration(length)
    return {**job, "properties": properties}


def _first_answer(wanted: Wire, before: Wire) -> Wire:
    """Give what the 201 of a PUT shows: new identities without their ids, and the old key while a new one is taken."""
    shown = copy.deepcopy(wanted)
    known = (before.get("identity") or {}).get("userAssignedIdentities") or {}
    for name in (shown.get("identity") or {}).get("userAssignedIdentities") or {}:
        if name not in known:
            shown["identity"]["userAssignedIdentities"][name] = {}
    old = ((before.get("properties") or {}).get("securitySettings") or {}).get("encryptionSettings")
    if old:
        shown["properties"]["securitySettings"]["encryptionSettings"] = old
    return shown


def _state(settings: Wire, name: str) -> str:
    return str((settings.get(name) or {}).get("state") or "").lower()


def _score(soft_delete: str, immutability: str) -> tuple[str, str]:
    """Give secureScore and bcdrSecurityLevel as recorded for these settings."""
    if soft_delete == "alwayson" or (soft_delete == "on" and immutability == "locked"):
        return "Adequate", "Good"
    if soft_delete == "on" and immutability == "unlocked":
        return "Minimum", "Fair"
    return "None", "Poor"
