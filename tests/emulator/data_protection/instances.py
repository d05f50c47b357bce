# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup instances: protection, its validation and its states."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..arm import (
    Call,
    PlainRoute,
    Reply,
    Wire,
    backup_error,
    check_properties,
    page_of,
)
from ..protectable import refuse, row_of, snapshot_group
from .fields import INSTANCE, NAMESPACE, NEEDS_ALWAYS_ON, SECONDS, VAULT
from .signed_operations import SignedOperation
from .state import Instance, Vault

if TYPE_CHECKING:
    from .provider import DataProtection


class Instances:
    """Backup instances: protection, its validation and its states."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("POST", VAULT + "/validateForBackup", self._validate),
            ("POST", INSTANCE + "/validateForModifyBackup", self._validate_change),
            ("GET", VAULT + "/backupInstances", self._list_instances),
            ("GET", INSTANCE, self._read_instance),
            ("PUT", INSTANCE, self._write_instance),
            ("DELETE", INSTANCE, self._delete_instance),
            ("POST", INSTANCE + "/stopProtection", self._stop),
            ("POST", INSTANCE + "/suspendBackups", self._suspend),
            ("POST", INSTANCE + "/resumeProtection", self._resume),
            ("GET", "{scope:path}/providers/Microsoft.DataProtection/backupInstances", self._route_extension),
        ]

    def _list_instances(self, call: Call) -> Reply:
        def listed(instance: Instance) -> Wire:
            return {**instance.wire, "id": instance.wire["id"].replace("/backupVaults/", "/BackupVaults/")}

        return page_of(call, list(self._provider.vault(call).instances.values()), self._provider.groups.page_size, listed)

    def _read_instance(self, call: Call) -> Reply:
        return Reply(200, self._provider.instance(call)[1].wire)

    def _route_extension(self, call: Call) -> Reply:
        """Answer which instances protect a resource, in whatever vault."""
        wanted = call.path["scope"].lower()
        found = [
            instance.wire
            for vault in self._provider.vaults.values()
            for instance in vault.instances.values()
            if instance.datasource_id.lower() == wanted
        ]
        return page_of(call, found, self._provider.groups.page_size)

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
            raise refuse("Automatic protection is not known to this api-version.")
        if api_version >= "2025-09-01" and str(vault.soft_delete.get("state")).lower() != "alwayson":
            raise refuse(NEEDS_ALWAYS_ON)
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
        self._provider.datasources.check(row, properties, found)
        return {key: value for key, value in properties.items() if value is not None}

    def _check_unprotected(self, vault: Vault, resource_id: str, own_name: str | None) -> None:
        for other_vault in self._provider.vaults.values():
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
        vault = self._provider.vault(call)
        document = call.document()
        check_properties(document, {"backupInstance", "objectType"}, "ValidateForBackupRequest")
        properties = self._checked_instance(vault, document.get("backupInstance") or {}, None, call.api_version)

        def done(operation: SignedOperation, _due: datetime) -> None:
            operation.error = self._provider.datasources.missing_permission(vault.wire, properties)

        operation = self._provider.begin(call, vault, "validate", done)
        return Reply(202, None, self._provider.operations.headers(call, operation, 0))

    def _validate_change(self, call: Call) -> Reply:
        """Answer whether a protection can be changed as asked for, as validateForBackup does for a new one."""
        vault, _instance = self._provider.instance(call)
        document = call.document()
        check_properties(document, {"backupInstance", "objectType"}, "ValidateForModifyBackupRequest")
        own_name = call.path["instance"].lower()
        properties = self._checked_instance(vault, document.get("backupInstance") or {}, own_name, call.api_version)

        def done(operation: SignedOperation, _due: datetime) -> None:
            operation.error = self._provider.datasources.missing_permission(vault.wire, properties)

        operation = self._provider.begin(call, vault, "validate", done)
        return Reply(202, None, self._provider.operations.headers(call, operation, 0))

    def _write_instance(self, call: Call) -> Reply:
        vault, name = self._provider.vault(call), call.path["instance"]
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
        self._provider.guards.check_approved(call, vault.wire, "backupInstances/write", requests)
        existing.wire["properties"].update(properties)
        existing.become("UpdatingProtection")

        def done(operation: SignedOperation, _due: datetime) -> None:
            operation.result = lambda: existing.wire
            self._provider.schedule.after(SECONDS["configure"], lambda _moment: existing.become("ProtectionConfigured"))

        operation = self._provider.operations.begin(call, vault.guid, vault.id, existing.wire["id"], SECONDS["instance"], done)
        # Both answers are recorded for changes: 201 with a body up to 2024, 202 without one from 2025 on.
        if call.api_version < "2025-01-01":
            return Reply(201, existing.wire, self._provider.operations.headers(call, operation, 0, location=False))
        return Reply(202, None, self._provider.operations.headers(call, operation, 0))

    def _create_instance(self, call: Call, vault: Vault, name: str, properties: Wire, tags: Any) -> Reply:
        wire: Wire = {
            **({"tags": tags} if tags else {}),
            "properties": properties,
            "id": f"{vault.id}/backupInstances/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupInstances",
        }
        instance = Instance(wire, self._provider.clock.now())
        instance.become("ConfiguringProtection")
        vault.instances[name.lower()] = instance

        def configured(_moment: datetime) -> None:
            if instance.state != "ConfiguringProtection":
                return
            error = self._provider.datasources.missing_permission(vault.wire, properties)
            instance.become("ProtectionError" if error else "ProtectionConfigured", error)

        def done(_operation: SignedOperation, _due: datetime) -> None:
            instance.wire["properties"]["provisioningState"] = "Succeeded"
            self._provider.schedule.after(SECONDS["configure"], configured)

        if properties.get("dataSourceSetInfo") is None or call.api_version < "2025-01-01":
            operation = self._provider.begin(call, vault, "instance", done)
            return Reply(201, instance.wire, self._provider.operations.headers(call, operation, 0, location=False))
        # Recorded for storage accounts from 2025 on.
        operation = self._provider.operations.begin(call, vault.guid, vault.id, instance.wire["id"], SECONDS["instance"], done)
        operation.result = lambda: instance.wire
        return Reply(202, None, self._provider.operations.headers(call, operation, 0))

    def _delete_instance(self, call: Call) -> Reply:
        vault, key = self._provider.vault(call), call.path["instance"].lower()
        instance = vault.instances.get(key)
        if instance is None:
            return Reply(204)
        self._provider.guards.check_unlocked(vault.wire, "backupInstances/delete", instance.wire["id"])

        def done(_operation: SignedOperation, due: datetime) -> None:
            if vault.instances.pop(key, None) and str(vault.soft_delete.get("state", "Off")).lower() != "off":
                self._provider.deleted_instances_api.soft_delete(vault, key, instance, due)

        operation = self._provider.begin(call, vault, "delete", done)
        return Reply(202, None, self._provider.operations.headers(call, operation, 0))

    def _change_state(self, call: Call, state: str) -> Reply:
        vault, instance = self._provider.instance(call)

        def done(_operation: SignedOperation, _due: datetime) -> None:
            instance.become(state)

        operation = self._provider.begin(call, vault, "state", done)
        return Reply(202, None, self._provider.operations.headers(call, operation, 0))

    def _stop(self, call: Call) -> Reply:
        self._check_approved(call, "backupInstances/stopProtection/action")
        return self._change_state(call, "ProtectionStopped")

    def _suspend(self, call: Call) -> Reply:
        self._check_approved(call, "backupInstances/suspendBackups/action")
        return self._change_state(call, "BackupsSuspended")

    def _check_approved(self, call: Call, operation: str) -> None:
        requests = (call.body or {}).get("resourceGuardOperationRequests")
        self._provider.guards.check_approved(call, self._provider.vault(call).wire, operation, requests)

    def _resume(self, call: Call) -> Reply:
        vault, instance = self._provider.instance(call)
        if instance.state == "ProtectionConfigured":
            return Reply(200)
        self._check_unprotected(vault, instance.datasource_id, call.path["instance"].lower())
        return self._change_state(call, "ProtectionConfigured")
