# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, figures and shapes that several resources of Microsoft.RecoveryServices share."""

from __future__ import annotations

import re
from datetime import datetime

from ..arm import ArmError, Wire

NAMESPACE = "Microsoft.RecoveryServices"
VAULTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults"
VAULT = VAULTS + "/{vault}"
FABRIC = VAULT + "/backupFabrics/{fabric}"
ITEM = FABRIC + "/protectionContainers/{container}/protectedItems/{item}"
# The version in which Microsoft's clients speak to the paired region of a vault.
SECONDARY_API = "2021-11-15"
VM = "Microsoft.Compute/virtualMachines"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
SECONDS = {"vault": 2.0, "refresh": 12.0, "item": 6.0, "configure": 30.0, "snapshot": 456.0, "transfer": 2018.0, "delete": 111.0}
NEVER = "0001-01-01T00:00:00"
FILTER = re.compile(r"(\w+)\s+eq\s+'([^']*)'")
REDUNDANCY_IS_FINAL = "The vault has protected items, so that its redundancy cannot be changed."


def vm_policy(name: str, vault_id: str, properties: Wire) -> Wire:
    """Give a policy with its names."""
    return {
        "id": f"{vault_id}/backupPolicies/{name}",
        "name": name,
        "type": f"{NAMESPACE}/vaults/backupPolicies",
        "properties": properties,
    }


def keeps_less(before: Wire, after: Wire) -> bool:
    """Tell whether a policy keeps backups or snapshots for a shorter time than another one."""
    return any(new < old for old, new in zip(_days_kept(before), _days_kept(after), strict=True))


def _days_kept(policy: Wire) -> tuple[int, int]:
    retention = policy.get("retentionPolicy") or {}
    schedule = retention.get("dailySchedule") or retention.get("weeklySchedule") or {}
    return int((schedule.get("retentionDuration") or {}).get("count") or 0), int(policy.get("instantRpRetentionRangeInDays") or 0)


def short_name(machine_id: str) -> str:
    """Give the name that containers and items are made of."""
    parts = machine_id.split("/")
    return f"iaasvmcontainerv2;{parts[4]};{parts[8]}".lower()


def refuse(message: str, code: str = "BMSUserErrorInvalidInput") -> ArmError:
    """Give the refusal of a request."""
    return ArmError(400, code, message)


def filter_time(text: str) -> datetime:
    """Read a time of a filter."""
    # The specification's own example has an hour of 00 with AM.
    return datetime.strptime(re.sub(r" 00(:\d\d:\d\d AM)$", r" 12\1", text), "%Y-%m-%d %I:%M:%S %p")
