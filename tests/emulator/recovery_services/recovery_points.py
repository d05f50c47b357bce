# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery points."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, page_of
from ..clock import ticks
from .fields import FILTER, ITEM, NAMESPACE, SECONDARY_API, filter_time
from .state import Item

if TYPE_CHECKING:
    from .provider import RecoveryServices


def _point(item: Item, name: str, taken: datetime, expiry: str) -> Wire:
    return {
        "id": f"{item.wire['id']}/recoveryPoints/{name}",
        "name": name,
        "type": f"{NAMESPACE}/vaults/backupFabrics/protectionContainers/protectedItems/recoveryPoints",
        "properties": {
            "objectType": "IaasVMRecoveryPoint",
            "recoveryPointType": "AppConsistent",
            "recoveryPointTime": ticks(taken + timedelta(seconds=4)),
            "recoveryPointAdditionalInfo": "",
            "sourceVMStorageType": "PremiumVMOnPartialPremiumStorage",
            "isSourceVMEncrypted": False,
            "isInstantIlrSessionActive": False,
            "recoveryPointTierDetails": [{"type": "InstantRP", "status": "Valid"}],
            "isManagedVirtualMachine": True,
            "virtualMachineSize": "Standard_DS1_v2",
            "originalStorageAccountOption": False,
            "osType": "Windows",
            "recoveryPointMoveReadinessInfo": {"ArchivedRP": {"isReadyForMove": False, "additionalInfo": ""}},
            "securityType": "None",
            "isPrivateAccessEnabledOnAnyDisk": False,
            "createdWithPolicyType": "V1",
            "threatStatus": 0,
            "recoveryPointProperties": {"expiryTime": expiry, "ruleName": "", "isSoftDeleted": False},
        },
    }


class RecoveryPoints:
    """Recovery points."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", ITEM + "/recoveryPoints", self._list_points),
            ("GET", ITEM + "/recoveryPoints/{point}", self._read_point),
        ]

    def add(self, item: Item, name: str, taken: datetime, expiry: str, is_transferred: bool = False) -> None:
        """Put the point of a backup there, with what it holds; is_transferred: it is in the vault, and not only a snapshot."""
        point = _point(item, name, taken, expiry)
        if is_transferred:
            point["properties"]["recoveryPointTierDetails"].append({"type": "HardenedRP", "status": "Valid"})
        item.points.insert(0, point)
        self._provider.restores_api.remember(item, point)

    def _list_points(self, call: Call) -> Reply:
        wanted = dict(FILTER.findall(call.query.get("$filter", "")))
        first, last = (filter_time(wanted[key]) if key in wanted else None for key in ("startDate", "endDate"))

        def is_within(point: Wire) -> bool:
            taken = datetime.fromisoformat(point["properties"]["recoveryPointTime"][:26])
            return (first is None or taken >= first) and (last is None or taken <= last)

        vault, item = self._provider.item(call)
        points = [point for point in item.points if is_within(point)]
        if call.api_version == SECONDARY_API:
            points = self._provider.secondary_region_api.copied(vault, points)
        return page_of(call, [_listed(point) for point in points], self._provider.groups.page_size)

    def _read_point(self, call: Call) -> Reply:
        found = next((point for point in self._provider.item(call)[1].points if point["name"] == call.path["point"]), None)
        if found is None:
            raise ArmError(404, "BMSUserErrorRecoveryPointNotFound", "The recovery point was not found.")
        # One by itself does not say its expiry (recorded: backup_csr).
        properties = {key: value for key, value in found["properties"].items() if key != "recoveryPointProperties"}
        return Reply(200, {**found, "properties": properties})


def _listed(point: Wire) -> Wire:
    """Give a point as lists show it: how many disks it has, and not which (recorded: backup_disk_exclusion)."""
    disks = point["properties"].get("recoveryPointDiskConfiguration")
    if not disks:
        return point
    counts = {key: value for key, value in disks.items() if key.startswith("numberOf")}
    return {**point, "properties": {**point["properties"], "recoveryPointDiskConfiguration": counts}}
