# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of virtual machines: to disks, to a new machine, in place; what their jobs tell and what they create.

Shapes, names in property bags and durations as recorded: backup_restore, backup_disk_exclusion, backup_crr,
powershell_TestAzureVMRestoreWithMSI, recoveryservices-errors.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, check_properties
from ..clock import iso_duration
from ..compute import CORES, disks_of
from ..operations import Operation
from .fields import ITEM, refuse
from .state import Item, Vault

if TYPE_CHECKING:
    from .provider import RecoveryServices

_ALLOWED = {
    "objectType", "recoveryPointId", "recoveryType", "sourceResourceId", "targetVirtualMachineId", "targetResourceGroupId",
    "storageAccountId", "virtualNetworkId", "subnetId", "targetDomainNameId", "region", "affinityGroup", "createNewCloudService",
    "originalStorageAccountOption", "encryptionDetails", "restoreDiskLunList", "restoreWithManagedDisks", "diskEncryptionSetId",
    "zones", "identityInfo", "identityBasedRestoreDetails", "extendedLocation", "securedVMDetails",
    "targetDiskNetworkAccessSettings", "resourceGuardOperationRequests",
}  # fmt: skip
_JOB_TYPES = {
    "RestoreDisks": "Recover disks",
    "AlternateLocation": "Recover VM to an alternate location",
    "OriginalLocation": "Replace disks",
}
_SECOND_TASKS = {
    "RestoreDisks": [],
    "AlternateLocation": ["Create the restored virtual machine"],
    "OriginalLocation": ["Update the virtual machine"],
}
# Seconds that the recorded jobs took, with a snapshot beside the machine and from the vault.
_SECONDS = {"RestoreDisks": 69.0, "AlternateLocation": 133.0, "OriginalLocation": 1390.0}
_SECONDS_FROM_VAULT = 2138.0
_SECONDS_ELSEWHERE = 1140.0
_STORAGE_ROLES = ("e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1", "ba92f5b4-2d11-453d-a403-e96b0029c9fe")
_NO_STORAGE: Wire = {
    "errorCode": 400048,
    "errorTitle": "UserErrorBCMRestoreStorageAccountNotFound",
    "errorString": "Storage Account specified for Restore operation doesn't exist.",
    "recommendations": ["Make sure that the storage account exists until the restore operation is completed, and retry."],
}
_FAILED: Wire = {
    "errorCode": 400003,
    "errorTitle": "RestoreOperationFailed",
    "errorString": "Restore failed with an internal error.",
    "recommendations": ["Please retry the operation in a few minutes."],
}


@dataclass
class Restore:
    """A restore that was accepted; elsewhere: in the paired region."""

    vault: Vault
    item: Item
    point: Wire
    request: Wire
    caller: str
    region: str
    elsewhere: bool = False

    @property
    def kind(self) -> str:
        """How it is restored, in Azure's word."""
        return str(self.request["recoveryType"])

    @property
    def account(self) -> str:
        """The staging account, in either of the two forms of a request with an identity."""
        details = self.request.get("identityBasedRestoreDetails") or {}
        return str(self.request.get("storageAccountId") or details.get("targetStorageAccountId") or "")

    @property
    def group(self) -> str:
        """The id of the resource group that something is created in."""
        source = "/".join(str(self.request["sourceResourceId"]).split("/")[:5])
        return str(self.request.get("targetResourceGroupId") or source)


class Restores:
    """Restores of virtual machines."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [("POST", ITEM + "/recoveryPoints/{point}/restore", self._restore)]

    def _restore(self, call: Call) -> Reply:
        vault, item = self._provider.item(call)
        request = call.document().get("properties") or {}
        approved = request.get("resourceGuardOperationRequests")
        operation = "backupFabrics/protectionContainers/protectedItems/recoveryPoints/restore/action"
        self._provider.guards.check_approved(call, vault.wire, operation, approved)
        restore = self.checked(call, vault, item, call.path["point"], request)
        job = self.start(restore)

        def done(operation: Operation, _due: datetime) -> None:
            operation.properties = self._provider.operations_api.of_job(job)

        # The operation has the name of its job (recorded).
        begun = self._provider.operations_api.begin(1.0, done, name=job["name"])
        return Reply(202, None, self._provider.operations_api.item_headers(call, item.wire["id"], begun, 60))

    # -- what is refused at once

    def checked(self, call: Call, vault: Vault, item: Item, point_name: str, request: Wire, region: str = "") -> Restore:
        """Give a restore whose request Azure takes; region: the paired one. Raises ArmError."""
        check_properties(request, _ALLOWED, "IaasVMRestoreRequest")
        point = next((one for one in item.points if one["name"] == point_name), None)
        if point is None:
            raise ArmError(404, "BMSUserErrorRecoveryPointNotFound", "The recovery point was not found.")
        place = region or str(vault.wire["location"])
        if request.get("objectType") != "IaasVMRestoreRequest" or request.get("recoveryPointId") != point_name:
            raise refuse("The object type or the recovery point of the restore request is not valid.")
        if str(request.get("sourceResourceId")).lower() != item.wire["properties"]["sourceResourceId"].lower():
            raise refuse("The source of the restore request is not that of the item.")
        if request.get("recoveryType") not in _JOB_TYPES or str(request.get("region")).replace(" ", "").lower() != place:
            raise refuse("The recovery type or the region of the restore request is not valid.")
        restore = Restore(vault, item, point, request, call.principal_id, place, bool(region))
        if not restore.account:
            raise refuse("The storage account of the restore request is missing.", "UserErrorStorageAccountMissing")
        self._check_target(call, restore)
        return restore

    def _check_target(self, call: Call, restore: Restore) -> None:
        request = restore.request
        wanted = ["targetVirtualMachineId", "virtualNetworkId", "subnetId"] if restore.kind == "AlternateLocation" else []
        if restore.kind != "OriginalLocation" and (wanted or restore.elsewhere):
            wanted.append("targetResourceGroupId")
        missing = [name for name in wanted if not request.get(name)]
        if missing:
            raise refuse(f"{missing[0]} of the restore request is missing.")
        if restore.elsewhere and restore.kind == "OriginalLocation":
            raise refuse("The original location cannot be restored to from the secondary region.")
        used = [restore.account, restore.group, str(request.get("virtualNetworkId") or "")]
        for scope in [one for one in used if one]:
            # A resource that a request only names has to be within the caller's reach as well.
            if not self._provider.may_reach(call.principal_id, scope):
                raise ArmError(
                    403,
                    "LinkedAuthorizationFailed",
                    f"The client has permission to perform action '{call.method}' on scope '{call.full_path}', however the "
                    f"current tenant is not authorized to access linked subscription or scope '{scope}'.",
                )

    # -- the job

    def start(self, restore: Restore) -> Wire:
        """Start the job of a restore."""
        own = restore.item.wire["properties"]
        tasks: list[Wire] = [
            {"taskId": name, "duration": "PT0S", "status": "NotStarted", "taskType": "Normal"}
            for name in ("Transfer data from vault", *_SECOND_TASKS[restore.kind])
        ]
        tasks[0]["status"] = "InProgress"
        provider = self._provider

        extended: Wire = {}
        seconds, size = self._seconds(restore), self._size(restore)
        is_slow = restore.elsewhere or seconds >= _SECONDS_FROM_VAULT

        def halfway(_moment: datetime) -> None:
            if job["properties"]["status"] == "InProgress":
                tasks[0]["taskExecutionDetails"] = f"{size / 2:g} GBs / {size} GBs Transferred"
                extended.update(
                    progressPercentage=50.0, estimatedRemainingDuration=iso_duration(provider.clock.lasting(seconds / 2))
                )

        def find_problem() -> Wire | None:
            problem = self._problem(restore)
            if problem:
                tasks[0]["status"] = "Failed"
                for name in ("progressPercentage", "dynamicErrorMessage"):
                    extended.pop(name, None)
                extended["estimatedRemainingDuration"] = "PT0S"
            return problem

        def done(moment: datetime) -> None:
            for task in tasks:
                task["status"] = "Completed"
            if is_slow:
                tasks[0]["taskExecutionDetails"] = f"{size} GBs / {size} GBs Transferred"
            self._create(restore, job, moment)

        operation = "CrossRegionRestore" if restore.elsewhere else "Restore"
        named = (own["containerName"], own["friendlyName"])
        job = provider.jobs_api.start_job(restore.vault, *named, operation, seconds, done, {}, tasks, find_problem)
        extended = job["properties"]["extendedInfo"]
        extended |= {
            "propertyBag": self._bag(restore),
            "internalPropertyBag": {**({"AdHoc": "AdHoc"} if restore.elsewhere else {}), "restoreLocationType": restore.kind},
            "progressPercentage": 1.0,
            "dynamicErrorMessage": "",
        }
        if is_slow:
            provider.schedule.after(seconds / 2, halfway)
        return job

    @staticmethod
    def _size(restore: Restore) -> int:
        held = restore.item.contents[restore.point["name"]]["disks"]
        return sum(int(disk["wire"]["properties"]["diskSizeGB"]) for disk in held)

    @staticmethod
    def _seconds(restore: Restore) -> float:
        if restore.elsewhere:
            return _SECONDS_ELSEWHERE
        tiers = {tier["type"] for tier in restore.point["properties"]["recoveryPointTierDetails"] if tier["status"] == "Valid"}
        # Without a target group the disks are copied from the vault, whatever there is beside the machine (recorded).
        is_slow = "InstantRP" not in tiers or (
            restore.kind == "RestoreDisks" and not restore.request.get("targetResourceGroupId")
        )
        return max(_SECONDS_FROM_VAULT, _SECONDS[restore.kind]) if is_slow else _SECONDS[restore.kind]

    def _bag(self, restore: Restore) -> Wire:
        request, taken = restore.request, str(restore.point["properties"]["recoveryPointTime"])
        moment = datetime.fromisoformat(taken[:19])
        told = f"{moment.month}/{moment.day}/{moment.year} {moment:%I:%M:%S} {'AM' if moment.hour < 12 else 'PM'}".replace(
            " 0", " ", 1
        )
        bag: Wire = {"Job Type": _JOB_TYPES[restore.kind]}
        if restore.kind == "RestoreDisks":
            bag["Target VM Name"] = "vmName"
        elif restore.kind == "OriginalLocation":
            bag["Target VM Name"] = None
        else:
            bag["Original VM Name"] = restore.item.wire["properties"]["friendlyName"]
            bag["Target VM Name"] = str(request["targetVirtualMachineId"]).rsplit("/", 1)[-1]
            network = str(request["virtualNetworkId"]).split("/")
            bag["Target VNet Name"] = f"Group {network[4]} {network[8]}"
        bag["Target Storage Account Name"] = restore.account.rsplit("/", 1)[-1]
        # With a blank at its end, as recorded.
        bag["Recovery point time "] = told
        if request.get("targetResourceGroupId") or restore.kind == "OriginalLocation":
            bag["Target resource group"] = restore.group.rsplit("/", 1)[-1]
        if restore.elsewhere:
            parts = restore.vault.id.split("/")
            bag["Subscription Id of the vault"] = parts[2]
            bag["Resource Group Name of the vault"] = parts[4]
            bag["Vault name"] = parts[8]
        return bag

    def _problem(self, restore: Restore) -> Wire | None:
        """Give the error of a restore that fails in its job."""
        provider, request = self._provider, restore.request
        account = provider.storage.accounts.get(restore.account.lower())
        if account is None:
            return _NO_STORAGE
        parts = restore.group.split("/")
        is_wrong = (
            account["location"] != restore.region or account["kind"] == "BlobStorage" or account["sku"]["name"].endswith("ZRS")
        )
        is_wrong = is_wrong or (parts[2].lower(), parts[4].lower()) not in provider.groups.groups
        if request.get("identityInfo"):
            principal = self._principal(restore)
            is_wrong = is_wrong or not all(
                provider.authorization.holds(principal, role, restore.account) for role in _STORAGE_ROLES
            )
        if restore.kind == "OriginalLocation":
            is_wrong = is_wrong or str(request["sourceResourceId"]).lower() not in provider.compute.machines
        if restore.kind == "AlternateLocation":
            network = provider.network.resources.get(str(request["virtualNetworkId"]).lower())
            is_wrong = is_wrong or network is None or network["location"] != restore.region
            target = str(request["targetVirtualMachineId"])
            is_wrong = is_wrong or target.lower() in provider.compute.machines
            needed = CORES[str(restore.point["properties"]["virtualMachineSize"])]
            is_wrong = is_wrong or needed > provider.compute.free_cores(target.split("/")[2], restore.region)
        return _FAILED if is_wrong else None

    @staticmethod
    def _principal(restore: Restore) -> str:
        identity, wanted = restore.vault.wire.get("identity") or {}, restore.request["identityInfo"]
        if wanted.get("isSystemAssignedIdentity"):
            return str(identity.get("principalId"))
        assigned = identity.get("userAssignedIdentities") or {}
        named = str(wanted.get("managedIdentityResourceId")).lower()
        return next((str(made["principalId"]) for name, made in assigned.items() if name.lower() == named), "")

    # -- what is created

    def _create(self, restore: Restore, job: Wire, moment: datetime) -> None:
        held = restore.item.contents[restore.point["name"]]
        chosen = self._chosen(restore, held["disks"])
        disk_ids = {disk["lun"]: self._create_disk(restore, disk, moment) for disk in chosen}
        compute, request = self._provider.compute, restore.request
        bag = job["properties"]["extendedInfo"]["propertyBag"]
        if restore.kind == "RestoreDisks":
            self._tell_staging(restore, job, bag, list(disk_ids.values()))
            if held["is_partial"]:
                bag["Restored disk(s)"] = "; ".join(disk["name"] for disk in chosen)
                bag["Backed-up disk(s)"] = "; ".join(disk["name"] for disk in held["disks"])
        elif restore.kind == "OriginalLocation":
            bag["Target VM Name"] = restore.item.wire["properties"]["friendlyName"]
            compute.replace_disks(str(request["sourceResourceId"]), disk_ids)
        else:
            machine_id = str(request["targetVirtualMachineId"])
            parts = machine_id.split("/")
            name = f"{parts[8]}-nic-{uuid.uuid4().hex}"
            subnet = str(request["subnetId"])
            interface = self._provider.network.add_interface(parts[2], parts[4], name, restore.region, subnet, machine_id)
            source = {**held["machine"], "location": restore.region}
            zone = (request.get("zones") or [None])[0]
            compute.restore_machine(machine_id, source, disk_ids, zone, interface, moment)
        job["properties"]["extendedInfo"].pop("dynamicErrorMessage", None)
        job["properties"]["extendedInfo"] |= {"progressPercentage": 100.0, "estimatedRemainingDuration": "PT0S"}

    @staticmethod
    def _chosen(restore: Restore, disks: list[Wire]) -> list[Wire]:
        """Give the disks that a restore creates, that of the system first."""
        luns = restore.request.get("restoreDiskLunList")
        # An empty list was recorded to mean the system's disk where the machine is backed up in part, and is reported to mean
        # every disk elsewhere (azure-powershell issue 25943).
        if luns is None or (not luns and not restore.item.contents[restore.point["name"]]["is_partial"]):
            return disks
        return [disk for disk in disks if disk["lun"] < 0 or disk["lun"] in luns]

    def _create_disk(self, restore: Restore, disk: Wire, moment: datetime) -> str:
        """Create a disk, which Azure names after the machine and the time."""
        source, parts = restore.item.wire["properties"]["friendlyName"], restore.group.split("/")
        part = "osdisk" if disk["lun"] < 0 else f"datadisk-{disk['lun']:03d}"
        zones = restore.request.get("zones") or disk["wire"].get("zones")
        return self._provider.compute.add_disk(
            parts[2],
            parts[4],
            f"{source}-{part}-{moment:%Y%m%d-%H%M%S}",
            restore.region,
            disk["wire"]["sku"]["name"],
            size_gb=disk["wire"]["properties"]["diskSizeGB"],
            zones=zones,
            created=moment,
        )

    def _tell_staging(self, restore: Restore, job: Wire, bag: Wire, disk_ids: list[str]) -> None:
        """Leave a container with template and configuration in the staging account, and say where they are.

        The configuration names the disks (report of azure-powershell, issue 25943); its form was never recorded.
        """
        short = re.sub(r"[^a-z0-9]", "", restore.item.wire["properties"]["friendlyName"].lower())
        container = f"{short}-{uuid.uuid4().hex}"
        config = f"config-{short}-{job['name']}.json"
        content = json.dumps({"disks": [{"name": one.rsplit("/", 1)[-1], "id": one} for one in disk_ids]}).encode()
        self._provider.storage.restore_container(restore.account, container, {config: content})
        top = f"https://{restore.account.rsplit('/', 1)[-1]}.blob.core.windows.net/{container}"
        bag["Config Blob Name"] = config
        bag["Config Blob Container Name"] = container
        bag["Config Blob Uri"] = f"{top}/{config}"
        bag["Template Blob Uri"] = f"{top}/azuredeploy{job['name']}.json"

    def remember(self, item: Item, point: Wire) -> None:
        """Keep what a recovery point holds, which outlives its machine."""
        machine = self._provider.compute.machines.get(item.wire["properties"]["sourceResourceId"].lower())
        disks: list[Wire] = []
        for lun, disk_id in (disks_of(machine) if machine else {}).items():
            wire: Any = self._provider.compute.disks.get(disk_id.lower())
            if wire:
                disks.append({"lun": lun, "name": wire["name"], "wire": wire})
        exclusion = (item.wire["properties"].get("extendedProperties") or {}).get("diskExclusionProperties") or {}
        luns, is_included = exclusion.get("diskLunList") or [], bool(exclusion.get("isInclusionList"))
        kept = [disk for disk in disks if not exclusion or disk["lun"] < 0 or (disk["lun"] in luns) is is_included]
        item.contents[point["name"]] = {"machine": machine, "disks": kept, "is_partial": len(kept) < len(disks)}
        if len(kept) < len(disks):

            def named(listed: list[Wire]) -> list[Wire]:
                return [{"lun": disk["lun"], "name": disk["name"]} for disk in listed]

            point["properties"]["recoveryPointDiskConfiguration"] = {
                "numberOfDisksIncludedInBackup": len(kept),
                "numberOfDisksAttachedToVm": len(disks),
                "includedDiskList": named(kept),
                "excludedDiskList": named([disk for disk in disks if disk not in kept]),
            }
