# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Microsoft.DataProtection holds."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from ..arm import (
    Wire,
)


@dataclass
class Instance:
    """A backup instance with its recovery points, newest first.

    since: when it was made; sources: what each point holds, by its name.
    """

    wire: Wire
    since: datetime
    points: list[Wire] = field(default_factory=list)
    sources: dict[str, Wire] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The protection state."""
        return str(self.wire["properties"]["currentProtectionState"])

    def become(self, state: str, error: Wire | None = None) -> None:
        """Enter a protection state."""
        properties = self.wire["properties"]
        properties["currentProtectionState"] = state
        properties["protectionStatus"] = {"status": state, **({"errorDetails": error} if error else {})}
        properties["provisioningState"] = "Provisioning" if state.endswith("ingProtection") else "Succeeded"

    @property
    def policy_name(self) -> str:
        """The lower-cased name of the policy."""
        return str(self.wire["properties"]["policyInfo"]["policyId"]).rsplit("/", 1)[-1].lower()

    @property
    def datasource_id(self) -> str:
        """The id of what is protected."""
        return str(self.wire["properties"]["dataSourceInfo"]["resourceID"])


@dataclass
class Vault:
    """A Backup vault and all that lies in it, by lower-cased names."""

    wire: Wire
    guid: str = field(default_factory=lambda: str(uuid.uuid4()))
    policies: dict[str, Wire] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    deleted: dict[str, Instance] = field(default_factory=dict)
    jobs: dict[str, Wire] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The ARM id."""
        return str(self.wire["id"])

    @property
    def soft_delete(self) -> Wire:
        """The settings of soft delete."""
        settings: Wire = self.wire["properties"].get("securitySettings", {}).get("softDeleteSettings") or {}
        return settings


@dataclass
class DeletedVault:
    """A vault that was deleted and can still be brought back."""

    vault: Vault
    wire: Wire
