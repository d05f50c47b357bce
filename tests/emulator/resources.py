# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions and resource groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .arm import ArmError, Call, Reply, Route, Wire, page_of


@dataclass
class ResourceGroups:
    """The resource groups of each subscription, by lower-cased ids.

    may_reach: tells whether a principal may read an id.
    """

    may_reach: Callable[[str, str], bool]
    page_size: int = 200
    subscriptions: dict[str, str] = field(default_factory=dict)
    groups: dict[tuple[str, str], Wire] = field(default_factory=dict)

    def add(self, subscription: str, name: str, location: str) -> None:
        """Put a resource group there."""
        self.subscriptions[subscription.lower()] = subscription
        self.groups[subscription.lower(), name.lower()] = {
            "id": f"/subscriptions/{subscription}/resourceGroups/{name}",
            "name": name,
            "type": "Microsoft.Resources/resourceGroups",
            "location": location,
            "properties": {"provisioningState": "Succeeded"},
        }

    def find(self, subscription: str, name: str) -> Wire:
        """Give a resource group. Raises ArmError 404."""
        found = self.groups.get((subscription.lower(), name.lower()))
        if found is None:
            raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return found

    def routes(self) -> list[Route]:
        """Give what is answered."""
        namespace = "Microsoft.Resources"
        return [
            Route("GET", "/subscriptions", self._list_subscriptions, namespace, open_to_all=True),
            Route("GET", "/subscriptions/{subscription}", self._read_subscription, namespace),
            Route("GET", "/subscriptions/{subscription}/resourceGroups", self._list, namespace),
            Route("GET", "/subscriptions/{subscription}/resourceGroups/{group}", self._read, namespace),
            Route("HEAD", "/subscriptions/{subscription}/resourceGroups/{group}", self._read, namespace),
        ]

    @staticmethod
    def _describe(subscription: str) -> Wire:
        return {
            "id": f"/subscriptions/{subscription}",
            "subscriptionId": subscription,
            "displayName": "Loopback",
            "state": "Enabled",
        }

    def _read_subscription(self, call: Call) -> Reply:
        return Reply(200, self._describe(self.subscriptions[call.path["subscription"].lower()]))

    def _list_subscriptions(self, call: Call) -> Reply:
        """Answer the subscriptions of which the caller may see anything at all."""
        seen = {group["id"].split("/")[2] for group in self.groups.values() if self.may_reach(call.principal_id, group["id"])}
        return page_of(call, [self._describe(subscription) for subscription in sorted(seen)], self.page_size)

    def _read(self, call: Call) -> Reply:
        return Reply(200, self.find(call.path["subscription"], call.path["group"]))

    def _list(self, call: Call) -> Reply:
        key = call.path["subscription"].lower()
        found = [group for (subscription, _name), group in self.groups.items() if subscription == key]
        return page_of(call, found, self.page_size)
