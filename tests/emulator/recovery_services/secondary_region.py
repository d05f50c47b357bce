# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paired region of a vault: the copies of its recovery points, restores from them, their jobs (recorded: backup_crr)."""

from __future__ import annotations

import base64
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, page_of
from ..clock import ticks
from ..operations import Operation
from ..subscription import REGIONS
from .fields import ITEM, NAMESPACE, TENANT, refuse
from .state import Vault

if TYPE_CHECKING:
    from .provider import RecoveryServices

_PLACE = f"/subscriptions/{{subscription}}/providers/{NAMESPACE}/locations/{{location}}"
_AUDIENCE = "https://RecoveryServices/IaasCoord/aadmgmt/loopback"
_PRINCIPAL = "933276fc-1bb7-4ecb-94e6-af78325f726a"


def _region_of(vault: Vault) -> str:
    return str(REGIONS[str(vault.wire["location"])][1])


def _is_enabled(vault: Vault) -> bool:
    redundancy = vault.wire["properties"].get("redundancySettings") or {}
    return bool(redundancy.get("crossRegionRestore") == "Enabled")


class SecondaryRegion:
    """The paired regions of all vaults."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", _PLACE + "/backupAadProperties", self._read_audience),
            ("POST", ITEM + "/recoveryPoints/{point}/accessToken", self._give_token),
            ("POST", _PLACE + "/backupCrossRegionRestore", self._restore),
            ("GET", _PLACE + "/backupCrrOperationsStatus/{operation}", self._read_operation),
            ("POST", _PLACE + "/backupCrrJob", self._read_job),
            ("POST", _PLACE + "/backupCrrJobs", self._list_jobs),
        ]

    @staticmethod
    def copied(vault: Vault, points: list[Wire]) -> list[Wire]:
        """Give the points that the paired region has: those that are in the vault, without their snapshots."""
        if not _is_enabled(vault):
            return []
        hardened = {"type": "HardenedRP", "status": "Valid"}
        return [
            {
                **point,
                "properties": {
                    **point["properties"],
                    "recoveryPointTierDetails": [hardened],
                    "crossRegionRestoreState": "Supported",
                },
            }
            for point in points
            if hardened in point["properties"]["recoveryPointTierDetails"]
        ]

    @staticmethod
    def _read_audience(_call: Call) -> Reply:
        return Reply(200, {"properties": {"tenantId": TENANT, "audience": _AUDIENCE, "servicePrincipalObjectId": _PRINCIPAL}})

    def _give_token(self, call: Call) -> Reply:
        vault, item = self._provider.item(call)
        asked = call.document().get("properties") or {}
        if asked.get("audience") != _AUDIENCE or asked.get("servicePrincipalObjectId") != _PRINCIPAL:
            raise refuse("The properties of the access token request are not valid.")
        point = next((one for one in self.copied(vault, item.points) if one["name"] == call.path["point"]), None)
        if point is None:
            raise ArmError(404, "BMSUserErrorRecoveryPointNotFound", "The recovery point was not found in the secondary region.")
        own, parts, token = item.wire["properties"], vault.id.split("/"), f"crr-{uuid.uuid4()}"
        details: Wire = {
            "objectType": "CrrAccessToken",
            "accessTokenString": token,
            "subscriptionId": parts[2],
            "resourceGroupName": parts[4],
            "resourceName": parts[8],
            "resourceId": str(uuid.uuid4().int)[:19],
            "protectionContainerId": 3064633,
            "recoveryPointId": point["name"],
            "recoveryPointTime": point["properties"]["recoveryPointTime"],
            "containerName": own["containerName"],
            "containerType": "IaasVMContainer",
            "backupManagementType": "AzureIaasVM",
            "datasourceType": "VM",
            "datasourceName": own["friendlyName"],
            "datasourceId": own["protectedItemDataId"],
            "datasourceContainerName": own["containerName"],
            "coordinatorServiceStampUri": "https://coordinator.loopback.example",
            "protectionServiceStampId": str(uuid.uuid4()),
            "protectionServiceStampUri": "https://protection.loopback.example",
            "tokenExtendedInformation": f"{token}-more",
            "rpTierInformation": {"InstantRP": "Valid", "HardenedRP": "Valid"},
            "rpOriginalSAOption": False,
            "rpIsManagedVirtualMachine": True,
            "rpVMSizeDescription": "Standard_DS1_v2",
            "bMSActiveRegion": REGIONS[str(vault.wire["location"])][0].replace(" ", ""),
        }
        vault.access[token] = {"details": details, "item": item}
        return Reply(200, {"properties": details})

    def _restore(self, call: Call) -> Reply:
        document = call.document()
        details = document.get("crossRegionRestoreAccessDetails") or {}
        vault, access = self._access(str(details.get("accessTokenString")))
        if access["details"] != details:
            raise refuse("The access details are not those that were given.")
        region = call.path["location"].lower()
        if region != _region_of(vault):
            raise refuse(f"{region} is not the secondary region of the vault.")
        item, request = access["item"], document.get("restoreRequest") or {}
        restore = self._provider.restores_api.checked(call, vault, item, str(details["recoveryPointId"]), request, region)
        job = self._provider.restores_api.start(restore)
        place = f"/subscriptions/{call.path['subscription']}/providers/{NAMESPACE}/locations/{region}"
        job["id"] = f"{place}/backupJobs/{job['name']}"

        def done(operation: Operation, _due: datetime) -> None:
            operation.properties = self._provider.operations_api.of_job(job)

        name = base64.b64encode(f"8994;{uuid.uuid4()}".encode()).decode()
        self._provider.operations_api.begin(1.0, done, name=name)
        status, result = f"{place}/backupCrrOperationsStatus/{name}", f"{place}/backupCrrOperationResults/{name}"
        return Reply(202, None, self._provider.operations_api.headers(call, status, result, 60))

    def _access(self, token: str) -> tuple[Vault, Wire]:
        for vault in self._provider.vaults.values():
            if token in vault.access:
                return vault, vault.access[token]
        raise ArmError(403, "Unauthorized", "The access token of the restore is not valid.")

    def _read_operation(self, call: Call) -> Reply:
        operation = self._provider.operations_api.operation(call)
        body: Wire = {
            "id": call.full_path,
            "name": operation.name,
            "status": operation.status,
            "startTime": ticks(operation.started),
        }
        if operation.is_over:
            body |= {"endTime": ticks(operation.started), "properties": operation.properties}
        return Reply(200, body)

    def _vault_of(self, call: Call) -> tuple[Vault, Wire]:
        document: Any = call.document()
        wanted = str(document.get("resourceId")).lower()
        found = next((vault for vault in self._provider.vaults.values() if vault.id.lower() == wanted), None)
        if found is None or not self._provider.may_reach(call.principal_id, wanted):
            raise ArmError(404, "ResourceNotFound", "The vault was not found.")
        return found, document

    def _jobs(self, call: Call, vault: Vault) -> list[Wire]:
        self._provider.jobs_api.count_read()
        region = call.path["location"].lower()
        return [job for job in vault.jobs.values() if f"/locations/{region}/" in job["id"]]

    def _read_job(self, call: Call) -> Reply:
        vault, document = self._vault_of(call)
        found = next((job for job in self._jobs(call, vault) if job["name"] == document.get("jobName")), None)
        if found is None:
            raise ArmError(404, "ResourceNotFound", "The job was not found.")
        return Reply(200, self._provider.jobs_api.shown(found, is_listed=False))

    def _list_jobs(self, call: Call) -> Reply:
        vault, _document = self._vault_of(call)
        chosen = self._provider.jobs_api.chosen(call, self._jobs(call, vault))
        return page_of(call, chosen, self._provider.groups.page_size)
