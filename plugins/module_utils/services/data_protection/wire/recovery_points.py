# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Recovery points of a Backup vault: to results. Pure."""

from __future__ import annotations

from typing import Any

from ....model.durations import format_time, parse_time
from ....model.result_shapes import Described, Wire, shape, snake


def describe_ranges(wire: Wire, instance: Described) -> list[Described]:
    """Give the ranges of time that an instance can be restored to, as results show them."""
    ranges = (wire.get("properties") or {}).get("restorableTimeRanges") or []
    return [
        {
            "datasource_id": instance["datasource_id"],
            "instance_name": instance["name"],
            "start_time": format_time(parse_time(item.get("startTime"))),
            "end_time": format_time(parse_time(item.get("endTime"))),
        }
        for item in ranges
    ]


def describe(wire: Wire, instance_name: str, datasource_id: str | None = None) -> dict[str, Any]:
    """Give a recovery point as results show it. Backup vaults do not say how consistent a point is."""
    properties = wire.get("properties") or {}
    stores = [snake(store.get("type")) for store in properties.get("recoveryPointDataStoresDetails") or []]
    return shape(
        "recovery_point",
        id=wire.get("id"),
        name=wire.get("name"),
        datasource_id=datasource_id,
        instance_name=instance_name,
        time=format_time(parse_time(properties.get("recoveryPointTime"))),
        type=snake(properties.get("recoveryPointType")),
        tier=stores[0] if stores else None,
        tiers=stores,
        expiry=format_time(parse_time(properties.get("expiryTime"))),
    )
