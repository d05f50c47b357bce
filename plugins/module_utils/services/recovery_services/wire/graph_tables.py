# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How Resource Graph knows Recovery Services vaults and what they protect.

Jobs are asked of the vaults themselves: no recording shows how Resource Graph has them.
"""

from __future__ import annotations

from ....model.durations import format_time, parse_time
from ...interface import GraphTable
from . import items, policies, vaults

VAULTS = GraphTable("resources", "microsoft.recoveryservices/vaults", vaults.describe_listed)
_ITEMS = "microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems"
INSTANCES = GraphTable("RecoveryServicesResources", _ITEMS, items.describe_row, datasource_path="properties.sourceResourceId")

INSTANCES_WITH_TIMES = GraphTable(
    "RecoveryServicesResources",
    _ITEMS,
    lambda row: {
        **items.describe_row(row),
        "last_backup_time": format_time(parse_time(items.last_recovery_point(row))),
        "last_backup": items.last_backup(row),
    },
)

POLICIES = GraphTable("RecoveryServicesResources", "microsoft.recoveryservices/vaults/backuppolicies", policies.describe)
