# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Microsoft.RecoveryServices holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..arm import Wire


@dataclass
class Item:
    """A protected virtual machine with its recovery points, newest first; contents: what each point holds, by its name."""

    wire: Wire
    points: list[Wire] = field(default_factory=list)
    contents: dict[str, Wire] = field(default_factory=dict)


@dataclass
class Vault:
    """A Recovery Services vault and all that lies in it, by lower-cased names."""

    wire: Wire
    config: Wire
    policies: dict[str, Wire] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    jobs: dict[str, Wire] = field(default_factory=dict)
    # Restores in the paired region and their tokens, by the token.
    access: dict[str, Wire] = field(default_factory=dict)
    # Items of other workloads, by lower-cased ids: they are listed, and nothing can be done with them.
    foreign: dict[str, Wire] = field(default_factory=dict)
    # Whether soft delete was ever written through the vault, which its configuration refuses from then on.
    has_own_soft_delete: bool = False
    # What the vault lists although it was not told to look again.
    discovered: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """The ARM id."""
        return str(self.wire["id"])
