# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subscriptions and resource groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .arm import ArmError, Call, Reply, Route, Wire, check_properties, page_of


@dataclass
class ResourceGroups:
    """The resource groups of each subscription, by lower-cased ids.

    may_read: tells whether a principal may read an id; check_location: refuses regions that there are not; holds_anything: tells
    whether something lies in the group of an id.
    """

    may_read: Callable[[str, str], bool]
    page_size: int = 200
    subscriptions: dict[str, str] = field(default_factory=dict)
    check_location: Callable[[str, str], None] = lambda _location, _type: None
    holds_anything: Callable[[str], bool] = lambda _group_id: True
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
            Route("HEAD", "/subscriptions/{subscription}/resourceGroups/{group}", self._head, namespace),
            Route("PUT", "/subscriptions/{subscription}/resourceGroups/{group}", self._write, namespace),
            Route("DELETE", "/subscriptions/{subscription}/resourceGroups/{group}", self._delete, namespace),
            Route("GET", "/subscriptions/{subscription}/operationresults/{operation}", self._read_deletion, namespace),
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
        seen = {group["id"].split("/")[2] for group in self.groups.values() if self.may_read(call.principal_id, group["id"])}
        return page_of(call, [self._describe(subscription) for subscription in sorted(seen)], self.page_size)

    def _read(self, call: Call) -> Reply:
        return Reply(200, self.find(call.path["subscription"], call.path["group"]))

    def _head(self, call: Call) -> Reply:
        """Answer whether a group exists, without a body: 204 or 404."""
        key = (call.path["subscription"].lower(), call.path["group"].lower())
        return Reply(204 if key in self.groups else 404)

    def _write(self, call: Call) -> Reply:
        document = call.document()
        check_properties(document, {"location", "tags", "managedBy", "properties", "id", "name", "type"}, "ResourceGroup")
        subscription, name = call.path["subscription"], call.path["group"]
        existing = self.groups.get((subscription.lower(), name.lower()))
        location = str(document.get("location") or "").replace(" ", "").lower()
        if existing and location != existing["location"]:
            raise ArmError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists in location "
                f"'{existing['location']}'.",
            )
        self.check_location(location, "Microsoft.Resources/resourceGroups")
        if existing is None:
            self.add(self.subscriptions[subscription.lower()], name, location)
        group = self.groups[subscription.lower(), name.lower()]
        if document.get("tags") is not None:
            group["tags"] = document["tags"]
        return Reply(200 if existing else 201, group)

    def _delete(self, call: Call) -> Reply:
        """Delete a group that holds nothing; what lies in a group is not deleted here."""
        group = self.find(call.path["subscription"], call.path["group"])
        if self.holds_anything(group["id"]):
            raise ArmError(
                501, "NotEmulated", f"The emulator deletes empty resource groups only, and '{group['name']}' is not empty."
            )
        del self.groups[call.path["subscription"].lower(), call.path["group"].lower()]
        where = f"{call.url}/subscriptions/{call.path['subscription']}/operationresults/{group['name']}-{call.api_version}"
        return Reply(202, None, {"Location": f"{where}?api-version={call.api_version}", "Retry-After": "0"})

    @staticmethod
    def _read_deletion(_call: Call) -> Reply:
        """Answer that the deletion is over."""
        return Reply(200)

    def _list(self, call: Call) -> Reply:
        key = call.path["subscription"].lower()
        found = [group for (subscription, _name), group in self.groups.items() if subscription == key]
        return page_of(call, found, self.page_size)
