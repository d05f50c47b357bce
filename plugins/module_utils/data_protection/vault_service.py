# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.DataProtection: a Backup vault itself.

Microsoft's client stays out of it: its import would take a quarter of the time of a task that changes nothing, and it
refuses to PUT a vault by api-versions before 2025-09-01, which in turn refuse most vaults.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..azure.operations import follow
from ..azure.session import API_VERSIONS, Session
from ..clock import Deadline, Ramp
from ..durations import format_time, parse_time
from ..errors import NotFound
from ..resource_ids import ResourceId
from ..shapes import Described
from . import vaults

Wire = dict[str, Any]
API = API_VERSIONS["Microsoft.DataProtection"]
_MOVING = ("Provisioning", "Updating")


class BackupVault:
    """One Backup vault (see vault_service.VaultService for what each method does)."""

    def __init__(self, session: Session, vault: ResourceId) -> None:
        self.vault = vault
        self._session = session
        self._vault_wire: Wire | None = None

    def read_vault(self) -> Described | None:
        self._vault_wire = self._session.read(self.vault.text, f"read vault '{self.vault.name}'", API)
        return vaults.describe(self._vault_wire) if self._vault_wire else None

    def plan_vault(self, options: dict[str, Any]) -> Described:
        if self._vault_wire:
            vaults.check_change(self._vault_wire, options)
        body = vaults.merge(self._vault_wire, options)
        known = {key: value for key, value in (self._vault_wire or {}).items() if key in ("id", "name", "type")}
        return vaults.describe({**known, **body}, self.vault)

    def write_vault(self, options: dict[str, Any], deadline: Deadline) -> None:
        action = f"{'change' if self._vault_wire else 'create'} vault '{self.vault.name}'"
        body = vaults.merge(self._vault_wire, options)
        answer = self._session.send("PUT", self.vault.text, action, API, body=body)
        outcome = follow(self._session, answer, action, deadline)
        if not outcome.is_known:
            self._await_vault(lambda vault: vault is not None and vault["provisioning_state"] not in _MOVING, action, deadline)

    def delete_vault(self, deadline: Deadline) -> None:
        action = f"delete vault '{self.vault.name}'"
        answer = self._session.send("DELETE", self.vault.text, action, API)
        outcome = follow(self._session, answer, action, deadline, gone_is_done=True)
        if not outcome.is_known:
            self._await_vault(lambda vault: vault is None, action, deadline)

    def _await_vault(self, is_done: Callable[[Described | None], bool], action: str, deadline: Deadline) -> None:
        """Look at the vault itself where the caller may not look at the operation."""
        ramp = Ramp(deadline.poll_interval)
        while not is_done(self.read_vault()):
            deadline.sleep(ramp.following(), action)

    def list_blocking(self) -> list[str]:
        found = [str(instance.get("name")) for instance in self._list_below("backupInstances")]
        for instance in self._list_below("deletedBackupInstances"):
            until = ((instance.get("properties") or {}).get("deletionInfo") or {}).get("scheduledPurgeTime")
            found.append(f"{instance.get('name')} (soft-deleted until {format_time(parse_time(until))})")
        return found

    def _list_below(self, kind: str) -> list[Wire]:
        try:
            return self._session.read_all(f"{self.vault.text}/{kind}", f"list the {kind} of vault '{self.vault.name}'", API)
        except NotFound:
            return []
