# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Resource Manager tells of a subscription as a whole: its regions, its providers, its resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .arm import ArmError, Call, Reply, Route, Wire, page_of
from .resources import ResourceGroups

# Names of regions with what people call them and the region that they are paired with, where there is one.
REGIONS = {
    "westeurope": ("West Europe", "northeurope"),
    "northeurope": ("North Europe", "westeurope"),
    "germanywestcentral": ("Germany West Central", "germanynorth"),
    "germanynorth": ("Germany North", "germanywestcentral"),
    "francecentral": ("France Central", "francesouth"),
    "francesouth": ("France South", "francecentral"),
    "uksouth": ("UK South", "ukwest"),
    "ukwest": ("UK West", "uksouth"),
    "swedencentral": ("Sweden Central", None),
    "eastus": ("East US", "westus"),
    "westus": ("West US", "eastus"),
    "eastus2": ("East US 2", "centralus"),
    "centralus": ("Central US", "eastus2"),
    "westus2": ("West US 2", "westcentralus"),
    "westcentralus": ("West Central US", "westus2"),
    "westus3": ("West US 3", "eastus"),
    "southcentralus": ("South Central US", "northcentralus"),
    "northcentralus": ("North Central US", "southcentralus"),
    "centraluseuap": ("Central US EUAP", "eastus2euap"),
    "eastus2euap": ("East US 2 EUAP", "centraluseuap"),
    "eastasia": ("East Asia", "southeastasia"),
    "southeastasia": ("Southeast Asia", "eastasia"),
    "centralindia": ("Central India", "southindia"),
    "southindia": ("South India", "centralindia"),
    "australiaeast": ("Australia East", "australiasoutheast"),
    "australiasoutheast": ("Australia Southeast", "australiaeast"),
    "japaneast": ("Japan East", "japanwest"),
    "japanwest": ("Japan West", "japaneast"),
}
_TYPES = {
    "Microsoft.DataProtection": ("backupVaults", "resourceGuards"),
    "Microsoft.RecoveryServices": ("vaults",),
    "Microsoft.Compute": ("disks", "virtualMachines"),
    "Microsoft.Network": ("virtualNetworks", "networkInterfaces"),
    "Microsoft.Storage": ("storageAccounts",),
    "Microsoft.Authorization": ("roleAssignments", "roleDefinitions"),
    "Microsoft.ResourceGraph": ("resources",),
    "Microsoft.Resources": ("resourceGroups",),
}
_FILTER = re.compile(r"(resourceType|resourceGroup) eq '([^']+)'", re.IGNORECASE)
# What a filter names -> the field of a row.
_FILTERED = {"resourcetype": "type", "resourcegroup": "resourceGroup"}


def check_location(location: str, resource_type: str) -> None:
    """Refuse a region that there is not. Raises ArmError 400."""
    if location.replace(" ", "").lower() not in REGIONS:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceType",
            f"The provided location '{location}' is not available for resource type '{resource_type}'. List of available regions "
            f"for the resource type is '{','.join(REGIONS)}'.",
        )


class Subscription:
    """Lists of a subscription.

    rows: gives the resources as Resource Graph has them; may_see: tells whether a principal may read an id.
    """

    def __init__(self, groups: ResourceGroups, rows: Callable[[], Iterable[Wire]], may_see: Callable[[str, str], bool]) -> None:
        self._groups = groups
        self._rows = rows
        self._may_see = may_see

    def routes(self) -> list[Route]:
        """Give what is answered."""
        top = "/subscriptions/{subscription}"
        plain: list[tuple[str, str, Callable[[Call], Reply]]] = [
            ("GET", top + "/locations", self._list_locations),
            ("GET", top + "/resources", self._list_resources),
            ("GET", top + "/resourceGroups/{group}/resources", self._list_resources),
            ("GET", top + "/providers", self._list_providers),
            ("GET", top + "/providers/{namespace}", self._read_provider),
            ("POST", top + "/providers/{namespace}/register", self._read_provider),
        ]
        return [Route(method, template, handler, "Microsoft.Resources") for method, template, handler in plain]

    def _list_locations(self, call: Call) -> Reply:
        top = f"/subscriptions/{call.path['subscription']}/locations"
        found = [
            {
                "id": f"{top}/{name}",
                "name": name,
                "type": "Region",
                "displayName": title,
                "regionalDisplayName": title,
                "metadata": {
                    "regionType": "Physical",
                    "regionCategory": "Recommended",
                    "pairedRegion": [{"name": pair, "id": f"{top}/{pair}"}] if pair else [],
                },
            }
            for name, (title, pair) in REGIONS.items()
        ]
        return Reply(200, {"value": found})

    def _list_resources(self, call: Call) -> Reply:
        condition = call.query.get("$filter", "")
        match = _FILTER.fullmatch(condition.strip())
        if condition and match is None:
            raise ArmError(501, "NotEmulated", f"The emulator does not know this filter of resources: {condition}")
        found = [
            {key: row[key] for key in ("id", "name", "type", "location", "tags", "sku", "identity") if row.get(key) is not None}
            for row in self._rows()
            if row["subscriptionId"].lower() == call.path["subscription"].lower()
            and str(call.path.get("group") or row["resourceGroup"]).lower() == row["resourceGroup"].lower()
            and (match is None or str(row[_FILTERED[match[1].lower()]]).lower() == match[2].lower())
            and self._may_see(call.principal_id, row["id"])
        ]
        return page_of(call, found, self._groups.page_size)

    def _provider(self, subscription: str, namespace: str) -> Wire:
        titles = [title for title, _pair in REGIONS.values()]
        return {
            "id": f"/subscriptions/{subscription}/providers/{namespace}",
            "namespace": namespace,
            "registrationState": "Registered",
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": [
                {"resourceType": kind, "locations": titles, "apiVersions": ["2024-04-01"], "capabilities": "None"}
                for kind in _TYPES[namespace]
            ],
        }

    def _list_providers(self, call: Call) -> Reply:
        return Reply(200, {"value": [self._provider(call.path["subscription"], namespace) for namespace in _TYPES]})

    def _read_provider(self, call: Call) -> Reply:
        namespace = next((name for name in _TYPES if name.lower() == call.path["namespace"].lower()), None)
        if namespace is None:
            raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{call.path['namespace']}' is invalid.")
        return Reply(200, self._provider(call.path["subscription"], namespace))
