# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was asked of the emulator, in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Wire = dict[str, Any]
_READS = ("GET", "HEAD", "OPTIONS")


@dataclass
class Journal:
    """Every request to Resource Manager and Entra ID. Bodies of token requests are left out: they hold secrets."""

    entries: list[Wire] = field(default_factory=list)

    def note(self, method: str, path: str, query: str, status: int | str, time: str, **more: Any) -> None:
        """Write down a request and how it was answered; status is a word for a broken connection.

        more: among others served, the status that the service gave, None where a failure came before it.
        """
        self.entries.append(
            {
                "method": method,
                "path": path,
                "query": query[:200],
                "status": status,
                "time": time,
                "is_write": _may_change(method, path),
                **more,
            }
        )

    def writes(self) -> list[Wire]:
        """Give the requests that may have changed something."""
        return [entry for entry in self.entries if entry["is_write"]]


def _may_change(method: str, path: str) -> bool:
    """Tell whether a request may change something; signing in, questions that are POSTs and queries of Resource Graph do not."""
    harmless = (
        "/validateforbackup", "/validaterestore", "/findrestorabletimeranges", "/microsoft.resourcegraph/resources",
        "/backupcrrjob", "/backupcrrjobs", "/accesstoken",
    )  # fmt: skip
    return method not in _READS and "/oauth2/" not in path and not path.lower().endswith(harmless)
