# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Network: virtual networks with their subnets, and the network interfaces of restored machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .arm import Call, Reply, Route, Wire, page_of, resource_not_found
from .resource_graph import graph_row
from .resources import ResourceGroups

_TOP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network"


@dataclass
class Network:
    """The networks and interfaces, by their lower-cased ids."""

    groups: ResourceGroups
    resources: dict[str, Wire] = field(default_factory=dict)

    def add_network(self, subscription: str, group: str, name: str, location: str, subnets: list[str]) -> str:
        """Put a virtual network there and give its id."""
        network = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/{name}"
        parts = [
            {
                "name": subnet,
                "id": f"{network}/subnets/{subnet}",
                "type": "Microsoft.Network/virtualNetworks/subnets",
                "properties": {"provisioningState": "Succeeded", "addressPrefix": f"10.0.{number}.0/24"},
            }
            for number, subnet in enumerate(subnets)
        ]
        properties = {"provisioningState": "Succeeded", "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "subnets": parts}
        return self._add(network, "Microsoft.Network/virtualNetworks", location, properties)

    def add_interface(self, subscription: str, group: str, name: str, location: str, subnet_id: str, machine_id: str) -> str:
        """Put the network interface of a machine there and give its id."""
        interface = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/networkInterfaces/{name}"
        address = {"subnet": {"id": subnet_id}, "privateIPAllocationMethod": "Dynamic", "primary": True}
        properties = {
            "provisioningState": "Succeeded",
            "ipConfigurations": [{"name": "ipconfig1", "properties": address}],
            "virtualMachine": {"id": machine_id},
        }
        return self._add(interface, "Microsoft.Network/networkInterfaces", location, properties)

    def _add(self, resource_id: str, kind: str, location: str, properties: Wire) -> str:
        name = resource_id.rsplit("/", 1)[-1]
        self.resources[resource_id.lower()] = {
            "name": name, "id": resource_id, "type": kind, "location": location, "tags": {}, "properties": properties,
        }  # fmt: skip
        return resource_id

    def graph_rows(self, tenant_id: str) -> Iterator[Wire]:
        """Give the rows that Resource Graph has of them."""
        for wire in self.resources.values():
            yield graph_row(wire, wire["type"], tenant_id)

    def routes(self) -> list[Route]:
        """Give what is answered."""
        namespace = "Microsoft.Network"
        kinds = ("virtualNetworks", "networkInterfaces")
        return [
            *(Route("GET", f"{_TOP}/{kind}/{{name}}", self._read, namespace) for kind in kinds),
            *(Route("GET", f"{_TOP}/{kind}", self._list, namespace) for kind in kinds),
        ]

    def _read(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.resources.get(call.full_path.lower())
        if found is None:
            kind = call.full_path.split("/providers/")[1].rsplit("/", 1)[0]
            raise resource_not_found(kind, call.path["name"], call.path["group"])
        return Reply(200, found)

    def _list(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        scope = call.full_path.lower() + "/"
        return page_of(call, [one for key, one in self.resources.items() if key.startswith(scope)], self.groups.page_size)
