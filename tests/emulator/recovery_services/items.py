# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protected items: virtual machines."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, check_properties, page_of
from ..clock import ticks
from ..operations import Operation
from .fields import FILTER, ITEM, NAMESPACE, SECONDS, VAULT, VM, keeps_less, refuse, short_name
from .state import Item, Vault

if TYPE_CHECKING:
    from .provider import RecoveryServices

_ITEMS = "backupFabrics/protectionContainers/protectedItems"
_NO_BACKUP = "2001-01-01T00:00:00Z"
_CRITICAL = "The Vault and Bakcup Item is in Immutable state where destructive operations are not supported. "


def _extended(properties: Wire) -> Wire:
    exclusion = (properties.get("extendedProperties") or {}).get("diskExclusionProperties")
    return {"extendedProperties": {"diskExclusionProperties": exclusion}} if exclusion is not None else {}


class Items:
    """Protected items: virtual machines."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", VAULT + "/backupProtectedItems", self._list_items),
            ("GET", ITEM, self._read_item),
            ("PUT", ITEM, self._write_item),
            ("DELETE", ITEM, self._delete_item),
        ]

    def _list_items(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        wanted = dict(FILTER.findall(call.query.get("$filter", "")))
        unknown = set(wanted) - {"backupManagementType", "itemType", "friendlyName", "policyName"}
        if unknown:
            raise refuse(f"The filter has no {sorted(unknown)[0]}.")
        names = {"itemType": "workloadType"}
        found = [
            wire
            for wire in (*(item.wire for item in vault.items.values()), *vault.foreign.values())
            if all(str(wire["properties"].get(names.get(key, key))).lower() == value.lower() for key, value in wanted.items())
        ]
        return page_of(call, [self.shown(item) for item in found], self._provider.groups.page_size)

    def shown(self, wire: Wire) -> Wire:
        """Give an item as lists and reads show it."""
        until = wire["properties"].get("_purged")
        if not until:
            return wire
        left = until - self._provider.clock.now()
        hours, rest = divmod(int(left.seconds), 3600)
        text = f"{left.days}.{hours:02d}:{rest // 60:02d}:{rest % 60:02d}.0000000"
        shown = {key: value for key, value in wire["properties"].items() if key != "_purged"}
        return {**wire, "properties": {**shown, "deferredDeleteTimeRemaining": text}}

    def _read_item(self, call: Call) -> Reply:
        return Reply(200, self.shown(self._provider.item(call)[1].wire))

    def _write_item(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        properties = call.document().get("properties") or {}
        allowed = {"protectedItemType", "sourceResourceId", "policyId", "protectionState", "isRehydrate", "extendedProperties"}
        requests = properties.pop("resourceGuardOperationRequests", None)
        check_properties(properties, allowed, "AzureIaaSComputeVMProtectedItem")
        source = str(properties.get("sourceResourceId") or "")
        machine = self._provider.compute.machines.get(source.lower())
        if properties.get("protectedItemType") != VM or machine is None:
            raise refuse("The virtual machine does not exist, or the type of the item is not valid.")
        name = f"vm;{short_name(source)}"
        container = f"iaasvmcontainer;{short_name(source)}"
        if call.path["item"].lower() != name or call.path["container"].lower() != container:
            raise refuse("The names of the item and of its container do not belong to the virtual machine.")
        if source.split("/")[2].lower() != call.path["subscription"].lower() or machine["location"] != vault.wire["location"]:
            raise refuse("The virtual machine is not in the region or the subscription of the vault.")
        item = vault.items.get(name)
        if item is None:
            return self._enable(call, vault, machine, properties)
        operation = self._critical(vault, item, properties)
        if operation:
            self._provider.guards.check_approved(call, vault.wire, f"{_ITEMS}/{operation}", requests)
        return self._change_item(call, vault, item, properties)

    @staticmethod
    def _critical(vault: Vault, item: Item, properties: Wire) -> str | None:
        """Give what a guard calls a change of an item, None for one that takes nothing away (recorded: backup_rg_mapping)."""
        if properties.get("protectionState") == "ProtectionStopped" and not properties.get("isRehydrate"):
            return "write#stopProtectionWithRetainData"
        policies = [
            vault.policies.get(str(policy_id or "").rsplit("/", 1)[-1].lower())
            for policy_id in (item.wire["properties"].get("policyId"), properties.get("policyId"))
        ]
        before, after = policies
        is_less = bool(before and after and keeps_less(before["properties"], after["properties"]))
        return "write" if is_less else None

    def _check_policy_id(self, vault: Vault, policy_id: str) -> Wire:
        policy = vault.policies.get(policy_id.rsplit("/", 1)[-1].lower())
        if policy is None or not policy_id.lower().startswith(vault.id.lower() + "/"):
            raise refuse("The policy does not exist in the vault.")
        if policy["properties"]["backupManagementType"] != "AzureIaasVM":
            raise refuse("The policy is not for virtual machines.")
        return policy

    @staticmethod
    def new_item(url: str, vault: Vault, machine: Wire, policy: Wire, extended: Wire) -> Item:
        """Give the item of a machine that nothing was backed up of yet; url: of this Azure."""
        source, name = machine["id"], short_name(machine["id"])
        item_id = f"{vault.id}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{name}/protectedItems/VM;{name}"
        return Item(
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
                    **extended,
                    "sourceSideScanning": 0,
                    "protectedItemType": VM,
                    "backupManagementType": "AzureIaasVM",
                    "workloadType": "VM",
                    "containerName": name,
                    "sourceResourceId": source,
                    "policyId": policy["id"],
                    "policyName": policy["name"],
                    # As recorded, whatever the vault says.
                    "softDeleteRetentionPeriod": 0,
                    "isArchiveEnabled": False,
                    "vaultId": f"{url}{vault.id}",
                },
            }
        )

    def _enable(self, call: Call, vault: Vault, machine: Wire, properties: Wire) -> Reply:
        policy = self._check_policy_id(vault, str(properties.get("policyId") or ""))
        source, name = machine["id"], short_name(machine["id"])
        for other in self._provider.vaults.values():
            held = other.items.get(f"vm;{name}")
            if other is not vault and held and held.wire["properties"]["sourceResourceId"].lower() == source.lower():
                raise ArmError(
                    400,
                    "BMSUserErrorVmAlreadyProtected",
                    f"The virtual machine is already protected in another Recovery Services vault: {other.id}.",
                )
        item = self.new_item(call.url, vault, machine, policy, _extended(properties))
        item_id = item.wire["id"]

        def done(_due: datetime) -> None:
            vault.items[f"vm;{name}"] = item
            policy["properties"]["protectedItemsCount"] += 1

        job = self._provider.jobs_api.start_job(
            vault, name, machine["name"], "ConfigureBackup", SECONDS["configure"], done, {"Policy Name": policy["name"]}
        )
        return self.accept_item(call, vault, item_id, job)

    def accept_item(self, call: Call, vault: Vault, item_id: str, job: Wire, retry_after: float = 0) -> Reply:
        """Answer that a change of an item was accepted, with its operation and its job."""

        def done(operation: Operation, _due: datetime) -> None:
            operation.properties = self._provider.operations_api.of_job(job)

        operation = self._provider.operations_api.begin(SECONDS["item"], done)
        return Reply(202, None, self._provider.operations_api.item_headers(call, item_id, operation, retry_after))

    def _change_item(self, call: Call, vault: Vault, item: Item, properties: Wire) -> Reply:
        own = item.wire["properties"]
        state, policy_id = properties.get("protectionState"), str(properties.get("policyId") or "")
        is_deleted = bool(own.get("isScheduledForDeferredDelete"))
        if is_deleted and not properties.get("isRehydrate"):
            raise refuse("The item is soft-deleted; undelete it first.", "UserErrorItemInSoftDeletedState")
        if state == "BackupsSuspended":
            self._check_immutable(vault)
            policy_id = policy_id or own["policyId"]
        policy = self._check_policy_id(vault, policy_id) if policy_id else None
        if policy is None and state != "ProtectionStopped":
            raise refuse("The policy is missing.")
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
        job = self._provider.jobs_api.start_job(vault, own["containerName"], own["friendlyName"], operation_name, 1.5, done, more)
        return self.accept_item(call, vault, item.wire["id"], job)

    @staticmethod
    def _check_immutable(vault: Vault) -> None:
        """Refuse to suspend backups in a vault without immutability, with the words that are reported. Raises ArmError 400."""
        settings = (vault.wire["properties"].get("securitySettings") or {}).get("immutabilitySettings") or {}
        if settings.get("state") not in ("Unlocked", "Locked"):
            more = "The Vault and Backup Item is immutable, hence operation is denied. Refer to the documentation to learn more: "
            raise refuse(
                f"{_CRITICAL}{more}https://aka.ms/AB-ImmutableVaults-States ",
                "UserErrorOperationDeniedOnImmutableItem",
            )

    def _delete_item(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        item = vault.items.get(call.path["item"].lower())
        if item is None:
            return Reply(204)
        self._provider.guards.check_unlocked(vault.wire, f"{_ITEMS}/delete", item.wire["id"])
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
            self._provider.schedule.after(days * 86400, lambda _moment: self._purge(vault, key))

        more = {"Number of Recovery Points": str(len(item.points))}
        named = (own["containerName"], own["friendlyName"])
        job = self._provider.jobs_api.start_job(vault, *named, "DeleteBackupData", SECONDS["delete"], done, more)

        def over(operation: Operation, _due: datetime) -> None:
            operation.properties = self._provider.operations_api.of_job(job)

        operation = self._provider.operations_api.begin(SECONDS["delete"], over)
        status, result = f"{vault.id}/backupOperations/{operation.name}", f"{vault.id}/backupOperationResults/{operation.name}"
        return Reply(202, None, self._provider.operations_api.headers(call, status, result))

    @staticmethod
    def _purge(vault: Vault, key: str) -> None:
        item = vault.items.get(key)
        if item and item.wire["properties"].get("isScheduledForDeferredDelete"):
            del vault.items[key]
