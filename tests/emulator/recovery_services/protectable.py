# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could be protected, containers, and backupStatus."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ..arm import Call, PlainRoute, Reply, page_of
from ..operations import Operation
from .fields import FABRIC, FILTER, NAMESPACE, SECONDS, VAULT, VM, short_name

if TYPE_CHECKING:
    from .provider import RecoveryServices

_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.RecoveryServices/locations/{location}"


class Protectable:
    """What could be protected, containers, and backupStatus."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("POST", _LOCATION + "/backupStatus", self._read_backup_status),
            ("GET", VAULT + "/backupProtectableItems", self._list_protectable),
            ("GET", VAULT + "/backupProtectionContainers", self._list_containers),
            ("POST", FABRIC + "/refreshContainers", self._refresh),
            ("GET", FABRIC + "/operationResults/{operation}", self._read_refresh),
        ]

    def _read_backup_status(self, call: Call) -> Reply:
        """Answer whether a resource is protected, in whatever vault of the subscription."""
        wanted = str(call.document().get("resourceId") or "").lower()
        for vault in self._provider.vaults.values():
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

    def _list_protectable(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        protected = {item.wire["properties"]["sourceResourceId"].lower() for item in vault.items.values()}
        found = []
        for key in sorted(vault.discovered):
            machine = self._provider.compute.machines.get(key)
            if machine is None or key in protected or machine["location"] != vault.wire["location"]:
                continue
            if machine["id"].split("/")[2].lower() != call.path["subscription"].lower():
                continue
            name = short_name(machine["id"])
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
                        "protectableItemType": VM,
                        "friendlyName": machine["name"],
                        "protectionState": "NotProtected",
                    },
                }
            )
        return page_of(call, found, self._provider.groups.page_size)

    def _list_containers(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        wanted = dict(FILTER.findall(call.query.get("$filter", "")))
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
                        "containerType": VM,
                        "protectableObjectType": VM,
                    },
                }
            )
        return page_of(call, found, self._provider.groups.page_size)

    def _refresh(self, call: Call) -> Reply:
        vault = self._provider.vault(call)

        def done(_operation: Operation, _due: datetime) -> None:
            vault.discovered = set(self._provider.compute.machines)

        operation = self._provider.operations_api.begin(SECONDS["refresh"], done, may_fail=True)
        fabric = f"{vault.id}/backupFabrics/Azure"
        status, result = (f"{fabric}/{kind}/{operation.name}" for kind in ("operationsStatus", "operationResults"))
        headers = self._provider.operations_api.headers(call, status, result)
        # Recorded: the status speaks an api-version of its own.
        headers["Azure-AsyncOperation"] = headers["Azure-AsyncOperation"].replace(call.api_version, "2019-05-13-preview")
        return Reply(202, None, headers)

    def _read_refresh(self, call: Call) -> Reply:
        self._provider.vault(call)
        operation = self._provider.operations_api.operation(call)
        if not operation.is_over:
            return Reply(202, None, {"Location": f"{call.url}{call.full_path}?{call.raw_query}"})
        return Reply(204)
