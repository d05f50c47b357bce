# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.RecoveryServices: vaults, policies, virtual machines as protected items, backups, jobs, recovery points.

Durations are those of the recordings, in Azure's seconds.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from ..arm import ArmError, Call, PlainRoute, Route, Wire, resource_not_found
from ..authorization import Authorization
from ..clock import Schedule, ticks
from ..compute import Compute
from ..faults import Faults
from ..network import Network
from ..resource_graph import graph_row
from ..resource_guards import GuardMappings, ResourceGuards
from ..resources import ResourceGroups
from ..storage import Storage
from .fields import NAMESPACE, TENANT
from .items import Items
from .jobs import Jobs
from .operations import OperationsBelow
from .policies import Policies
from .protectable import Protectable
from .recovery_points import RecoveryPoints
from .restores import Restores
from .secondary_region import SecondaryRegion
from .state import Item, Vault
from .vault_settings import VaultSettings
from .vaults import Vaults


class RecoveryServices:
    """The service."""

    def __init__(
        self,
        schedule: Schedule,
        groups: ResourceGroups,
        resources: tuple[Compute, Storage, Network],
        authorization: Authorization,
        faults: Faults,
        guards: ResourceGuards,
    ) -> None:
        self.schedule = schedule
        self.clock = schedule.clock
        self.groups = groups
        self.compute, self.storage, self.network = resources
        self.may_reach = guards.may_reach

        def tell(wire: Wire, _is_mapped: bool) -> None:
            self.vaults_api.settle_security(next(vault for vault in self.vaults.values() if vault.wire is wire))

        self.guards = GuardMappings(guards, f"{NAMESPACE}/vaults", lambda call: self.vault(call).wire, tell)
        self.authorization = authorization
        self.faults = faults
        self.vaults: dict[tuple[str, str, str], Vault] = {}
        self.operations_api = OperationsBelow(self)
        self.vaults_api = Vaults(self)
        self.vault_settings_api = VaultSettings(self)
        self.policies_api = Policies(self)
        self.protectable_api = Protectable(self)
        self.items_api = Items(self)
        self.jobs_api = Jobs(self)
        self.recovery_points_api = RecoveryPoints(self)
        self.restores_api = Restores(self)
        self.secondary_region_api = SecondaryRegion(self)

    def routes(self) -> list[Route]:
        """Give what is answered."""
        resources = (
            self.operations_api,
            self.vaults_api,
            self.vault_settings_api,
            self.policies_api,
            self.protectable_api,
            self.items_api,
            self.jobs_api,
            self.recovery_points_api,
            self.restores_api,
            self.secondary_region_api,
        )
        plain: list[PlainRoute] = [
            *(route for resource in resources for route in resource.routes()),
        ]
        return [*self.guards.routes(), *(Route(method, template, handler, NAMESPACE) for method, template, handler in plain)]

    def graph_rows(self, which: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of vaults, or of their contents: policies and what they protect."""
        kind = f"{NAMESPACE}/vaults"
        for vault in self.vaults.values():
            if which == "vaults":
                yield {**graph_row(vault.wire, kind, TENANT), "sku": vault.wire["sku"]}
                continue
            for policy in vault.policies.values():
                yield graph_row(policy, f"{kind}/backupPolicies", TENANT)
            for wire in (*(self.items_api.shown(item.wire) for item in vault.items.values()), *vault.foreign.values()):
                located = {**wire, "location": vault.wire["location"]}
                yield graph_row(located, f"{kind}/backupFabrics/protectionContainers/protectedItems", TENANT)

    def plant(self, group: Wire, vault_name: str, machine_ids: list[str]) -> None:
        """Have machines of a resource group protected by DefaultPolicy in a vault of it, which is made where it is not there."""
        path = {"subscription": group["id"].split("/")[2], "group": group["name"], "vault": vault_name}
        key = (path["subscription"].lower(), group["name"].lower(), vault_name.lower())
        if key not in self.vaults:
            vault_id = f"{group['id']}/providers/{NAMESPACE}/vaults/{vault_name}"
            body = {"location": group["location"], "sku": {"name": "RS0", "tier": "Standard"}, "properties": {}}
            self.vaults_api.write_vault(
                Call("PUT", path, {"api-version": "2024-04-01"}, "", body, "https://management.azure.com", vault_id, "")
            )
        vault = self.vaults[key]
        policy = vault.policies["defaultpolicy"]
        for machine_id in machine_ids:
            machine = self.compute.machines[machine_id.lower()]
            item = self.items_api.new_item("https://management.azure.com", vault, machine, policy, {})
            vault.items[item.wire["name"].lower()] = item
            policy["properties"]["protectedItemsCount"] += 1

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
                "lastBackupTime": ticks(self.clock.now()),
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

    def vault(self, call: Call) -> Vault:
        """Give the vault of a call. Raises ArmError 404."""
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.vaults.get((*call.group_key(), call.path["vault"].lower()))
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/vaults", call.path["vault"], call.path["group"])
        return found

    def item(self, call: Call) -> tuple[Vault, Item]:
        """Give the vault and the item of a call. Raises ArmError 404."""
        vault = self.vault(call)
        found = vault.items.get(call.path["item"].lower())
        if found is None:
            raise ArmError(404, "BMSUserErrorDataSourceObjectNotFound", "Datasource not found.")
        return vault, found
