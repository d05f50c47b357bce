# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Network: virtual networks with their subnets and security groups, and the interfaces of restored machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .arm import ArmError, Call, Reply, Route, Wire, page_of, resource_not_found
from .clock import Schedule
from .removals import Removals
from .resource_graph import graph_row
from .resources import ResourceGroups

_TOP = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network"


@dataclass
class Network:
    """The networks, security groups and interfaces, by their lower-cased ids; has_machine: whether one of an id is there."""

    groups: ResourceGroups
    schedule: Schedule
    has_machine: Callable[[str], bool] = lambda _machine_id: False
    resources: dict[str, Wire] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._removals = Removals(self.schedule, "Microsoft.Network", 10.0)

    def add_network(
        self, subscription: str, group: str, name: str, location: str, subnets: list[str], is_closed: bool = False
    ) -> str:
        """Put a virtual network there and give its id; is_closed: a security group that denies everything guards its subnets."""
        guard = self._add_closed_group(subscription, group, f"{name}-closed", location) if is_closed else None
        network = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/{name}"
        parts = [
            {
                "name": subnet,
                "id": f"{network}/subnets/{subnet}",
                "type": "Microsoft.Network/virtualNetworks/subnets",
                "properties": {
                    "provisioningState": "Succeeded",
                    "addressPrefix": f"10.0.{number}.0/24",
                    **({"networkSecurityGroup": {"id": guard}} if guard else {}),
                },
            }
            for number, subnet in enumerate(subnets)
        ]
        properties = {
            "provisioningState": "Succeeded",
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": parts,
            "virtualNetworkPeerings": [],
        }
        return self._add(network, "Microsoft.Network/virtualNetworks", location, properties)

    def _add_closed_group(self, subscription: str, group: str, name: str, location: str) -> str:
        kind = "Microsoft.Network/networkSecurityGroups"
        every = {f"{end}{part}": "*" for end in ("source", "destination") for part in ("AddressPrefix", "PortRange")}
        rules = [
            {"name": f"deny-{way.lower()}", "properties": {**every, **rule, "direction": way}}
            for way in ("Inbound", "Outbound")
            for rule in [{"protocol": "*", "access": "Deny", "priority": 100}]
        ]
        guard = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"
        return self._add(guard, kind, location, {"provisioningState": "Succeeded", "securityRules": rules})

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
        kinds = ("virtualNetworks", "networkInterfaces", "networkSecurityGroups")
        return [
            self._removals.route(),
            Route("DELETE", f"{_TOP}/networkInterfaces/{{name}}", self._delete_interface, namespace),
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

    def _delete_interface(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        key = call.full_path.lower()
        found = self.resources.get(key)
        if found is None:
            return Reply(204)
        machine = str((found["properties"].get("virtualMachine") or {}).get("id"))
        if self.has_machine(machine):
            message = f"Network Interface {found['id']} is used by existing resource {machine}."
            raise ArmError(400, "NicInUse", message, details=[])
        return self._removals.accept(call, found["location"], lambda: self.resources.pop(key, None))

    def _list(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        scope = call.full_path.lower() + "/"
        return page_of(call, [one for key, one in self.resources.items() if key.startswith(scope)], self.groups.page_size)
