# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Recovery points of a Recovery Services vault: to results. Pure."""

from __future__ import annotations

from typing import Any

from ....model.durations import format_time, parse_time
from ....model.result_shapes import Wire, shape, snake

_CONSISTENCY = {
    "appconsistent": "application",
    "applicationconsistent": "application",
    "filesystemconsistent": "file_system",
    "crashconsistent": "crash",
}

# The tier that counts most: what is in the vault survives its virtual machine.
_TIERS = (("ArchivedRP", "archive_store"), ("HardenedRP", "vault_store"), ("InstantRP", "operational_store"))


def describe(wire: Wire, item_path: str, instance_name: str, datasource_id: str | None) -> dict[str, Any]:
    """Give a recovery point as results show it."""
    properties = wire.get("properties") or {}
    kind = str(properties.get("recoveryPointType") or "")
    valid = {
        detail.get("type")
        for detail in properties.get("recoveryPointTierDetails") or []
        if detail.get("status") in ("Valid", 1, None)
    }
    return shape(
        "recovery_point",
        id=f"{item_path}/recoveryPoints/{wire.get('name')}",
        name=wire.get("name"),
        datasource_id=datasource_id,
        instance_name=instance_name,
        time=format_time(parse_time(properties.get("recoveryPointTime"))),
        consistency=_CONSISTENCY.get(kind.lower(), snake(kind)),
        tier=next((tier for name, tier in _TIERS if name in valid), None),
        expiry=format_time(parse_time((properties.get("recoveryPointProperties") or {}).get("expiryTime"))),
    )
