# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.DataProtection: Backup vaults, policies, instances, on-demand backups, jobs, recovery points.

Durations are the medians of the recordings, in Azure's seconds.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

from ..arm import (
    Call,
    PlainRoute,
    Route,
    Wire,
    resource_not_found,
)
from ..authorization import Authorization
from ..clock import Schedule, ticks
from ..faults import Faults
from ..planting import daily_disk_policy, disk_instance
from ..protectable import DISK, Datasources
from ..resource_graph import graph_row
from ..resource_guards import GuardMappings, ResourceGuards
from ..resources import ResourceGroups
from .deleted_instances import DeletedInstances
from .deleted_vaults import DeletedVaults
from .fields import INSTANCE, NAMESPACE, SECONDS, TENANT, VAULT, with_dotnet_duration
from .instances import Instances
from .jobs import Jobs
from .policies import Policies
from .recovery_points import RecoveryPoints
from .restores import Restores
from .signed_operations import SignedOperation, SignedOperations
from .state import DeletedVault, Instance, Vault
from .vaults import Vaults

# Operations that leave everything as it was where they fail.
_MAY_FAIL = ("validate", "state", "delete")
_NEVER = "0001-01-01T00:00:00Z"
_NO_LENGTH = "-10675199.02:48:05.4775808"


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
        self.schedule = schedule
        self.clock = schedule.clock
        self.groups = groups
        self.datasources = datasources
        self.authorization = authorization
        self.faults = faults
        self.operations = SignedOperations(schedule, faults)
        self.resource_guards = ResourceGuards(self.clock, groups, may_reach)

        def tell(vault: Wire, is_mapped: bool) -> None:
            vault["properties"]["isVaultProtectedByResourceGuard"] = is_mapped

        self.guards = GuardMappings(self.resource_guards, f"{NAMESPACE}/backupVaults", lambda call: self.vault(call).wire, tell)
        self.vaults: dict[tuple[str, str, str], Vault] = {}
        self.deleted_vaults: dict[str, DeletedVault] = {}
        self.seconds_between_identities = 0.0
        self.last_identity: datetime | None = None
        self.vaults_api = Vaults(self)
        self.deleted_vaults_api = DeletedVaults(self)
        self.policies_api = Policies(self)
        self.recovery_points_api = RecoveryPoints(self)
        self.jobs_api = Jobs(self)
        self.deleted_instances_api = DeletedInstances(self)
        self.instances_api = Instances(self)
        self.restores_api = Restores(self)

    def routes(self) -> list[Route]:
        """Give what is answered."""
        resources = (
            self.vaults_api,
            self.deleted_vaults_api,
            self.policies_api,
            self.recovery_points_api,
            self.jobs_api,
            self.deleted_instances_api,
            self.instances_api,
            self.restores_api,
        )
        plain: list[PlainRoute] = [
            *(route for resource in resources for route in resource.routes()),
            ("GET", INSTANCE + "/operationResults/{operation}", self.operations.read_result),
            ("GET", VAULT + "/operationStatus/{operation}", self.operations.read_status),
            (
                "GET",
                "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/locations/"
                "{location}/operationStatus/{operation}",
                self.operations.read_status,
            ),
            (
                "GET",
                "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/operationResults/"
                "{operation}",
                self.operations.read_result,
            ),
        ]
        return [
            *self.resource_guards.routes(),
            *self.guards.routes(),
            *(Route(method, template, handler, NAMESPACE) for method, template, handler in plain),
        ]

    def graph_rows(self, which: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of vaults, or of their contents: policies, instances and jobs."""
        kind = f"{NAMESPACE}/backupVaults"
        for vault in self.vaults.values():
            if which == "vaults":
                wire = {**vault.wire, "id": vault.id.replace("/backupVaults/", "/BackupVaults/")}
                yield graph_row(wire, kind, TENANT)
                continue
            for instance in vault.instances.values():
                located = {**_spelled_out(vault, instance), "location": vault.wire["location"]}
                yield graph_row(located, f"{kind}/backupInstances", TENANT)
            for policy in vault.policies.values():
                yield graph_row(policy, f"{kind}/backupPolicies", TENANT)
            for job in vault.jobs.values():
                yield graph_row(with_dotnet_duration(job), f"{kind}/backupJobs", TENANT)

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
            self.vaults_api.write_vault(call("", {"location": group["location"], "identity": identity, "properties": storage}))
            self.policies_api.write_policy(
                call("/backupPolicies/disks", {"properties": daily_disk_policy(ticks(self.clock.now()))})
            )
            self.vaults[key].wire["properties"]["provisioningState"] = "Succeeded"
            self.datasources.permit(DISK, str(self.vaults[key].wire["identity"]["principalId"]), group["id"])
        vault = self.vaults[key]
        for disk in disk_ids:
            name = "{0}-{0}-{1}".format(disk.rsplit("/", 1)[-1], uuid.uuid5(uuid.NAMESPACE_URL, disk.lower()))
            wire = {
                "properties": disk_instance(disk, group["location"], f"{vault.id}/backupPolicies/disks", group["id"]),
                "id": f"{vault.id}/backupInstances/{name}",
                "name": name,
                "type": f"{NAMESPACE}/backupVaults/backupInstances",
            }
            vault.instances[name.lower()] = Instance(wire, self.clock.now())
            vault.instances[name.lower()].become("ProtectionConfigured")

    def vault(self, call: Call) -> Vault:
        """Give the vault of a call. Raises ArmError 404."""
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.vaults.get((*call.group_key(), call.path["vault"].lower()))
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults", call.path["vault"], call.path["group"])
        return found

    def instance(self, call: Call) -> tuple[Vault, Instance]:
        """Give the vault and the instance of a call. Raises ArmError 404."""
        vault = self.vault(call)
        found = vault.instances.get(call.path["instance"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults/backupInstances", call.path["instance"], call.path["group"])
        return vault, found

    def begin(self, call: Call, vault: Vault, kind: str, work: Callable[[SignedOperation, datetime], None]) -> SignedOperation:
        """Begin a long-running operation of a vault; kind: of which the recorded duration is taken."""
        subscription, location = call.path["subscription"], vault.wire["location"]
        result_scope = f"/subscriptions/{subscription}/providers/{NAMESPACE}/locations/{location}"
        may_fail = kind in _MAY_FAIL
        return self.operations.begin(call, vault.guid, vault.id, result_scope, SECONDS[kind], work, may_fail)
