# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Compute: managed disks and virtual machines."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .arm import Call, Reply, Route, Wire, page_of, resource_not_found
from .resource_graph import graph_row
from .resources import ResourceGroups

_MACHINES = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines"
_PLACES = "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}"
_DISKS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks"


@dataclass
class Compute:
    """The disks and the virtual machines, by their lower-cased ids."""

    groups: ResourceGroups
    disks: dict[str, Wire] = field(default_factory=dict)
    machines: dict[str, Wire] = field(default_factory=dict)

    def add_disk(self, subscription: str, group: str, name: str, location: str, sku: str = "Premium_LRS", **more: Any) -> str:
        """Put a disk there and give its id."""
        disk_id = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks/{name}"
        self.disks[disk_id.lower()] = {
            "name": name,
            "id": disk_id,
            "type": "Microsoft.Compute/disks",
            "location": location,
            "tags": more.get("tags") or {},
            "sku": {"name": sku, "tier": sku.split("_", maxsplit=1)[0]},
            "properties": {
                "diskSizeGB": more.get("size_gb", 4),
                "diskState": "Unattached",
                "provisioningState": "Succeeded",
                "uniqueId": str(uuid.uuid4()),
            },
        }
        return disk_id

    def add_machine(self, subscription: str, group: str, name: str, location: str, is_new: bool = False) -> str:
        """Put a virtual machine there and give its id; is_new: vaults do not list it before they are told to look again."""
        machine_id = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"
        self.machines[machine_id.lower()] = {
            "name": name,
            "id": machine_id,
            "type": "Microsoft.Compute/virtualMachines",
            "location": location,
            "tags": {},
            "properties": {
                "vmId": str(uuid.uuid4()),
                "hardwareProfile": {"vmSize": "Standard_DS1_v2"},
                "storageProfile": {"dataDisks": [{"lun": 0, "name": f"{name}-data0"}, {"lun": 1, "name": f"{name}-data1"}]},
                "provisioningState": "Succeeded",
            },
            "_known": not is_new,
        }
        return machine_id

    def graph_rows(self, tenant_id: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of disks and virtual machines."""
        for wire in (*self.disks.values(), *self.machines.values()):
            yield graph_row(wire, wire["type"], tenant_id)

    def routes(self) -> list[Route]:
        """Give what is answered."""
        namespace = "Microsoft.Compute"
        return [
            Route("GET", _MACHINES + "/{machine}", self._read_machine, namespace),
            Route("GET", _MACHINES, self._list_machines, namespace),
            Route(
                "GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines", self._list_machines, namespace
            ),
            Route("GET", _DISKS + "/{disk}", self._read, namespace),
            Route("DELETE", _DISKS + "/{disk}", self._delete, namespace),
            Route("GET", _PLACES + "/DiskOperations/{operation}", self._read_deletion, namespace),
            Route("GET", _DISKS, self._list, namespace),
            Route("GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/disks", self._list, namespace),
        ]

    def _read(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.disks.get(call.full_path.lower())
        if found is None:
            raise resource_not_found("Microsoft.Compute/disks", call.path["disk"], call.path["group"])
        return Reply(200, found)

    def _delete(self, call: Call) -> Reply:
        """Delete a disk (recorded: backup_instance_restore_disk); it is gone at once."""
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.disks.pop(call.full_path.lower(), None)
        if found is None:
            return Reply(204)
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
