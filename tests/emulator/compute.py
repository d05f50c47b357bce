# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Compute: managed disks and virtual machines."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .arm import ArmError, Call, Reply, Route, Wire, page_of, resource_not_found
from .clock import Schedule, ticks
from .removals import Removals
from .resource_graph import graph_row
from .resources import ResourceGroups

_MACHINES = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines"
_PLACES = "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}"
_DISKS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks"


# The vCPUs of the sizes that machines have here.
CORES = {"Standard_DS1_v2": 1, "Standard_D4s_v3": 4}


@dataclass
class Compute:
    """The disks and the virtual machines, by their lower-cased ids."""

    groups: ResourceGroups
    schedule: Schedule
    disks: dict[str, Wire] = field(default_factory=dict)
    machines: dict[str, Wire] = field(default_factory=dict)
    # How many vCPUs machines of a subscription may have in a region.
    cores_limit: int = 100
    # How long a new machine takes until its agent reports; None for one that never boots.
    seconds_to_boot: float | None = 90.0

    def __post_init__(self) -> None:
        self.clock = self.schedule.clock
        self._removals = Removals(self.schedule, "Microsoft.Compute", 40.0)

    def add_disk(self, subscription: str, group: str, name: str, location: str, sku: str = "Premium_LRS", **more: Any) -> str:
        """Put a disk there and give its id."""
        disk_id = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks/{name}"
        self.disks[disk_id.lower()] = {
            "name": name,
            "id": disk_id,
            "type": "Microsoft.Compute/disks",
            "location": location,
            "tags": dict(more.get("tags") or {}),
            "sku": {"name": sku, "tier": sku.split("_", maxsplit=1)[0]},
            **({"zones": more["zones"]} if more.get("zones") else {}),
            **({"managedBy": more["machine_id"]} if more.get("machine_id") else {}),
            "properties": {
                "diskSizeGB": more.get("size_gb", 4),
                "diskState": "Attached" if more.get("machine_id") else "Unattached",
                "timeCreated": ticks(more.get("created") or self.clock.now()),
                "provisioningState": "Succeeded",
                "uniqueId": str(uuid.uuid4()),
            },
        }
        return disk_id

    def add_machine(
        self, subscription: str, group: str, name: str, location: str, is_new: bool = False, tags: dict[str, str] | None = None
    ) -> str:
        """Put a virtual machine with its disks there and give its id; is_new: vaults do not list it before they look again."""
        machine_id = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"
        place = (subscription, group)
        disks = {SYSTEM: self.add_disk(*place, f"{name}_OsDisk_1", location, size_gb=127, machine_id=machine_id)}
        disks |= {lun: self.add_disk(*place, f"{name}-data{lun}", location, machine_id=machine_id) for lun in (0, 1)}
        self.machines[machine_id.lower()] = {
            "name": name,
            "id": machine_id,
            "type": "Microsoft.Compute/virtualMachines",
            "location": location,
            "tags": dict(tags or {}),
            "properties": {
                "vmId": str(uuid.uuid4()),
                "timeCreated": ticks(self.clock.now()),
                "hardwareProfile": {"vmSize": "Standard_DS1_v2"},
                "storageProfile": _storage_profile(disks),
                "provisioningState": "Succeeded",
            },
            "_known": not is_new,
        }
        return machine_id

    def restore_machine(
        self, machine_id: str, source: Wire, disk_ids: dict[int, str], zone: str | None, interface_id: str, created: datetime
    ) -> None:
        """Put a restored virtual machine there, with disks that are there; source: the machine that it is a copy of."""
        parts = machine_id.split("/")
        self.machines[machine_id.lower()] = {
            **source,
            "name": parts[8],
            "id": machine_id,
            **({"zones": [zone]} if zone else {}),
            "properties": {
                **source["properties"],
                "vmId": str(uuid.uuid4()),
                "timeCreated": ticks(created),
                "storageProfile": _storage_profile(disk_ids),
                "networkProfile": {"networkInterfaces": [{"id": interface_id}]},
            },
            "_known": False,
        }
        self._attach(machine_id, disk_ids)

    def replace_disks(self, machine_id: str, disk_ids: dict[int, str]) -> None:
        """Give a virtual machine other disks at some LUNs; those that it had there stay in their group."""
        machine = self.machines[machine_id.lower()]
        before = disks_of(machine)
        for lun in disk_ids.keys() & before.keys():
            disk = self.disks.get(before[lun].lower())
            if disk:
                disk.pop("managedBy", None)
                disk["properties"]["diskState"] = "Unattached"
        machine["properties"]["storageProfile"] = _storage_profile({**before, **disk_ids})
        self._attach(machine_id, disk_ids)

    def _attach(self, machine_id: str, disk_ids: dict[int, str]) -> None:
        for disk_id in disk_ids.values():
            disk = self.disks[disk_id.lower()]
            disk["managedBy"] = machine_id
            disk["properties"]["diskState"] = "Attached"

    def graph_rows(self, tenant_id: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of disks and virtual machines."""
        for wire in (*self.disks.values(), *self.machines.values()):
            yield graph_row(wire, wire["type"], tenant_id)

    def routes(self) -> list[Route]:
        """Give what is answered."""
        namespace = "Microsoft.Compute"
        return [
            Route("GET", _MACHINES + "/{machine}", self._read_machine, namespace),
            Route("DELETE", _MACHINES + "/{machine}", self._delete_machine, namespace),
            Route("GET", _MACHINES + "/{machine}/instanceView", self._read_instance_view, namespace),
            self._removals.route(),
            Route("GET", _MACHINES, self._list_machines, namespace),
            Route(
                "GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines", self._list_machines, namespace
            ),
            Route("GET", _DISKS + "/{disk}", self._read, namespace),
            Route("DELETE", _DISKS + "/{disk}", self._delete, namespace),
            Route("GET", _PLACES + "/usages", self._list_usages, namespace),
            Route("GET", _PLACES + "/vmSizes", self._list_sizes, namespace),
            Route("GET", _PLACES + "/DiskOperations/{operation}", self._read_deletion, namespace),
            Route("GET", _DISKS, self._list, namespace),
            Route("GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/disks", self._list, namespace),
        ]

    def free_cores(self, subscription: str, location: str) -> int:
        """Tell how many vCPUs a subscription may still use in a region."""
        return self.cores_limit - sum(
            CORES[one["properties"]["hardwareProfile"]["vmSize"]] for one in self._in(subscription, location)
        )

    def _in(self, subscription: str, location: str) -> list[Wire]:
        start = f"/subscriptions/{subscription.lower()}/"
        return [one for key, one in self.machines.items() if key.startswith(start) and one["location"] == location.lower()]

    def _list_usages(self, call: Call) -> Reply:
        """Answer the quotas of a region (REST reference, Usage - List)."""
        subscription, location = call.path["subscription"], call.path["location"]
        used = {
            "cores": ("Total Regional vCPUs", self.cores_limit - self.free_cores(subscription, location), self.cores_limit),
            "virtualMachines": ("Virtual Machines", len(self._in(subscription, location)), 25000),
        }
        listed = [
            {"unit": "Count", "currentValue": value, "limit": limit, "name": {"value": name, "localizedValue": title}}
            for name, (title, value, limit) in used.items()
        ]
        return Reply(200, {"value": listed})

    @staticmethod
    def _list_sizes(_call: Call) -> Reply:
        """Answer the sizes of machines (REST reference, Virtual Machine Sizes - List)."""
        more = {"osDiskSizeInMB": 1047552, "resourceDiskSizeInMB": 7168, "memoryInMB": 3584, "maxDataDiskCount": 4}
        return Reply(200, {"value": [{"name": name, "numberOfCores": cores, **more} for name, cores in CORES.items()]})

    def _read(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.disks.get(call.full_path.lower())
        if found is None:
            raise resource_not_found("Microsoft.Compute/disks", call.path["disk"], call.path["group"])
        return Reply(200, found)

    def _delete(self, call: Call) -> Reply:
        """Delete a disk (recorded: backup_instance_restore_disk); it is gone at once."""
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.disks.get(call.full_path.lower())
        if found is None:
            return Reply(204)
        if found.get("managedBy"):
            message = f"Disk {found['name']} is attached to VM {found['managedBy']}."
            raise ArmError(409, "OperationNotAllowed", message, target="Disk")
        del self.disks[call.full_path.lower()]
        place = f"{call.url}/subscriptions/{call.path['subscription']}/providers/Microsoft.Compute/locations/{found['location']}"
        url = f"{place}/DiskOperations/{uuid.uuid4()}?api-version={call.api_version}"
        return Reply(202, None, {"Azure-AsyncOperation": url, "Location": f"{url}&monitor=true"})

    @staticmethod
    def _read_deletion(call: Call) -> Reply:
        return Reply(200, {"name": call.path["operation"], "status": "Succeeded"})

    def _read_machine(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.machines.get(call.full_path.lower())
        if found is None:
            raise resource_not_found("Microsoft.Compute/virtualMachines", call.path["machine"], call.path["group"])
        return Reply(200, {key: value for key, value in found.items() if key != "_known"})

    def _delete_machine(self, call: Call) -> Reply:
        """Delete a machine; its disks and interfaces stay, and are free then."""
        self.groups.find(call.path["subscription"], call.path["group"])
        key = call.full_path.lower()
        found = self.machines.get(key)
        if found is None:
            return Reply(204)
        found["properties"]["provisioningState"] = "Deleting"

        def remove() -> None:
            machine = self.machines.pop(key, None)
            for disk_id in disks_of(machine).values() if machine else ():
                disk = self.disks.get(disk_id.lower())
                if disk:
                    disk.pop("managedBy", None)
                    disk["properties"]["diskState"] = "Unattached"

        return self._removals.accept(call, found["location"], remove)

    def _read_instance_view(self, call: Call) -> Reply:
        """Answer how a machine is: its power, and whether its agent reports (REST reference, Instance View)."""
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.machines.get(call.full_path.lower().rsplit("/", 1)[0])
        if found is None:
            raise resource_not_found("Microsoft.Compute/virtualMachines", call.path["machine"], call.path["group"])
        made = datetime.fromisoformat(found["properties"]["timeCreated"][:26]).replace(tzinfo=self.clock.now().tzinfo)
        seconds = self.seconds_to_boot
        has_booted = seconds is not None and self.clock.now() >= made + self.clock.lasting(seconds)
        agent = ("Ready", "Ready", "Info") if has_booted else ("Unavailable", "Not Ready", "Warning")
        body: Wire = {
            "vmAgent": {
                "vmAgentVersion": "2.7.41491.1176" if has_booted else "Unknown",
                "statuses": [
                    {"code": f"ProvisioningState/{agent[0]}", "level": agent[2], "displayStatus": agent[1], "message": ""}
                ],
            },
            "statuses": [
                {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"},
                {"code": "PowerState/running", "level": "Info", "displayStatus": "VM running"},
            ],
        }
        return Reply(200, body)

    def _list_machines(self, call: Call) -> Reply:
        scope = call.full_path.lower().split("/providers/")[0] + "/"
        found = [
            {name: value for name, value in machine.items() if name != "_known"}
            for key, machine in self.machines.items()
            if key.startswith(scope)
        ]
        return page_of(call, found, self.groups.page_size)

    def _list(self, call: Call) -> Reply:
        scope = call.full_path.lower().split("/providers/")[0] + "/"
        found = [disk for key, disk in self.disks.items() if key.startswith(scope)]
        return page_of(call, found, self.groups.page_size)


# Where the disk of the system is among the LUNs of a machine's disks.
SYSTEM = -1


def _storage_profile(disk_ids: dict[int, str]) -> Wire:
    """Give what a machine says of its disks; disk_ids: by their LUNs, that of the system by SYSTEM."""

    def one(disk_id: str) -> Wire:
        return {"name": disk_id.rsplit("/", 1)[-1], "managedDisk": {"id": disk_id}, "createOption": "Attach"}

    data = [{"lun": lun, **one(disk_id)} for lun, disk_id in sorted(disk_ids.items()) if lun != SYSTEM]
    return {"osDisk": {"osType": "Windows", **one(disk_ids[SYSTEM])}, "dataDisks": data}


def disks_of(machine: Wire) -> dict[int, str]:
    """Give the ids of a machine's disks by their LUNs, that of the system first, by SYSTEM."""
    storage = machine["properties"]["storageProfile"]
    return {
        SYSTEM: storage["osDisk"]["managedDisk"]["id"],
        **{disk["lun"]: disk["managedDisk"]["id"] for disk in storage["dataDisks"]},
    }
