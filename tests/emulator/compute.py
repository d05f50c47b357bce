# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Compute: managed disks."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from .arm import Call, Reply, Route, Wire, page_of, resource_not_found
from .resources import ResourceGroups

_DISKS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks"


@dataclass
class Compute:
    """The disks, by their lower-cased ids."""

    groups: ResourceGroups
    disks: dict[str, Wire] = field(default_factory=dict)

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

    def routes(self) -> list[Route]:
        """Give what is answered."""
        namespace = "Microsoft.Compute"
        return [
            Route("GET", _DISKS + "/{disk}", self._read, namespace),
            Route("GET", _DISKS, self._list, namespace),
            Route("GET", "/subscriptions/{subscription}/providers/Microsoft.Compute/disks", self._list, namespace),
        ]

    def _read(self, call: Call) -> Reply:
        self.groups.find(call.path["subscription"], call.path["group"])
        found = self.disks.get(call.full_path.lower())
        if found is None:
            raise resource_not_found("Microsoft.Compute/disks", call.path["disk"], call.path["group"])
        return Reply(200, found)

    def _list(self, call: Call) -> Reply:
        scope = call.full_path.lower().split("/providers/")[0] + "/"
        found = [disk for key, disk in self.disks.items() if key.startswith(scope)]
        return page_of(call, found, self.groups.page_size)
