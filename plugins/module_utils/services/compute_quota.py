# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How many virtual machines a subscription may still create in a region, and of how many vCPUs together."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ..azure.session import API_VERSIONS, Session
from ..concurrency import ReadOnce
from ..errors import AzureBackupError

_API = API_VERSIONS["Microsoft.Compute/virtualMachines"]
# Names of usages that hold for all sizes (REST reference of Compute, Usage - List).
_CORES, _MACHINES = "cores", "virtualmachines"


class ComputeQuota:
    """The quotas of subscriptions by region, and the machines that one task is to create there."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._free = ReadOnce(self._read_free)
        self._cores = ReadOnce(self._read_cores)
        # The vCPUs of each new machine, by region and by the machine's key.
        self._planned: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._lock = threading.Lock()

    def shortage(self, subscription_id: str, location: str, size: str, key: str) -> str | None:
        """Count a new machine, and say what the quota is short of; None where it is enough or the caller may not read it.

        location: Azure's name of the region, such as westeurope; size: such as Standard_DS1_v2; key: tells the machine from the
        others of the task.
        """
        place = f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/locations/{location}"
        try:
            free: Mapping[str, int] = self._free(place)
            cores = int(self._cores(place).get(size.lower(), 0))
        except AzureBackupError:
            # The restore's job is told by Azure all the same.
            return None
        with self._lock:
            others = {name: needed for name, needed in self._planned[place].items() if name != key}
            needed = {_MACHINES: len(others) + 1, _CORES: sum(others.values()) + cores}
            missing = next((name for name in needed if needed[name] > free.get(name, needed[name])), None)
            if missing is None:
                # What is refused takes nothing from the next.
                self._planned[place][key] = cores
                return None
        noun = "virtual machines" if missing == _MACHINES else "vCPUs"
        together = f" with the {len(others)} other(s) of this task" if others else ""
        return (
            f"subscription {subscription_id} has quota for {free[missing]} more {noun} in {location}, and {needed[missing]} are "
            f"needed{together} (size {size})"
        )

    def _read_free(self, place: str) -> dict[str, int]:
        listed = self._session.read_all(f"{place}/usages", f"read the quotas of {place}", _API)
        return {_name_of(one): int(one["limit"]) - int(one["currentValue"]) for one in listed}

    def _read_cores(self, place: str) -> dict[str, int]:
        listed = self._session.read_all(f"{place}/vmSizes", f"list the sizes of {place}", _API)
        return {str(one["name"]).lower(): int(one["numberOfCores"]) for one in listed}


def _name_of(usage: Mapping[str, Any]) -> str:
    return str((usage.get("name") or {}).get("value")).lower()
