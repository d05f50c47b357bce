# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Whether a virtual network is closed: nothing reaches a machine in it, and the machine reaches nothing."""

from __future__ import annotations

from typing import Any

from ..azure.session import API_VERSIONS, Session
from ..errors import BadInput, NotFound
from ..model.resource_ids import ResourceId

_API = API_VERSIONS["Microsoft.Network"]
# Subnets that lead out of a network by what Azure puts into them.
_WAYS_OUT = ("gatewaysubnet", "azurefirewallsubnet", "azurefirewallmanagementsubnet", "azurebastionsubnet", "routeserversubnet")
_EVERYTHING = ("*", "any")


def check_closed(session: Session, network: ResourceId, subnet: str) -> None:
    """Read a virtual network and refuse it unless it is proven closed. Raises NotFound, BadInput with every reason.

    It must have no peering and no subnet of a gateway, firewall or bastion; its subnet no NAT gateway, no routes and no service
    endpoints of its own, but a security group whose first rule of each direction denies everything.
    """
    wire = session.read(network.text, f"read virtual network '{network.name}'", _API)
    if wire is None:
        raise NotFound(
            f"scratch.virtual_network_id: the virtual network {network.text} does not exist; create it first", status=404
        )
    properties = wire.get("properties") or {}
    subnets = {str(one.get("name")).lower(): one.get("properties") or {} for one in properties.get("subnets") or []}
    chosen = subnets.get(subnet.lower())
    if chosen is None:
        raise BadInput(
            f"scratch.subnet: '{subnet}' is not a subnet of virtual network '{network.name}'; its subnets are: "
            f"{', '.join(subnets)}"
        )
    problems = [f"it has a peering ({one.get('name')})" for one in properties.get("virtualNetworkPeerings") or []]
    problems += [f"it has the subnet {name}, which leads out of it" for name in _WAYS_OUT if name in subnets]
    told = (("natGateway", "a NAT gateway"), ("routeTable", "a route table"), ("serviceEndpoints", "service endpoints"))
    problems += [f"its subnet '{subnet}' has {what}" for key, what in told if chosen.get(key)]
    problems += _problems_of_guard(session, chosen, subnet)
    if problems:
        raise BadInput(
            f"scratch.virtual_network_id: virtual network '{network.name}' is not closed, and a drill boots machines "
            f"only in a closed network: {'; '.join(problems)}; fix this or use another network"
        )


def _problems_of_guard(session: Session, subnet: dict[str, Any], name: str) -> list[str]:
    guard_id = (subnet.get("networkSecurityGroup") or {}).get("id")
    if not guard_id:
        return [f"its subnet '{name}' has no network security group"]
    guard = session.read(str(guard_id), f"read network security group {guard_id}", _API)
    if guard is None:
        return [f"the network security group {guard_id} cannot be read"]
    rules = [one.get("properties") or {} for one in (guard.get("properties") or {}).get("securityRules") or []]
    short = str(guard_id).rsplit("/", 1)[-1]
    problems = []
    for way in ("Inbound", "Outbound"):
        of_way = [rule for rule in rules if str(rule.get("direction")).lower() == way.lower()]
        first = min(of_way, key=lambda rule: int(rule.get("priority") or 0), default=None)
        if first is None or not _denies_everything(first):
            problems.append(f"the first {way.lower()} rule of network security group '{short}' does not deny everything")
    return problems


def _denies_everything(rule: dict[str, Any]) -> bool:
    """Tell whether a rule denies every protocol, address and port. Application groups and lists narrow a rule down."""
    wide = ("protocol", "sourceAddressPrefix", "destinationAddressPrefix", "sourcePortRange", "destinationPortRange")
    narrow = ("sourceApplicationSecurityGroups", "destinationApplicationSecurityGroups")
    is_wide = all(str(rule.get(key)).lower() in _EVERYTHING for key in wide)
    return is_wide and str(rule.get("access")).lower() == "deny" and not any(rule.get(key) for key in narrow)
