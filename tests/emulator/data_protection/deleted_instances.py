# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Soft-deleted backup instances."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..arm import (
    ArmError,
    Call,
    PlainRoute,
    Reply,
    page_of,
)
from ..clock import ticks
from .fields import NAMESPACE, VAULT
from .state import Instance, Vault

if TYPE_CHECKING:
    from .provider import DataProtection


class DeletedInstances:
    """Soft-deleted backup instances."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", VAULT + "/deletedBackupInstances", self._list_deleted),
            ("GET", VAULT + "/deletedBackupInstances/{instance}", self._read_deleted),
            ("POST", VAULT + "/deletedBackupInstances/{instance}/undelete", self._undelete),
        ]

    def soft_delete(self, vault: Vault, key: str, instance: Instance, due: datetime) -> None:
        """Keep what was deleted for as long as soft delete of its vault says."""
        days = float(vault.soft_delete.get("retentionDurationInDays") or 14)
        instance.become("SoftDeleted")
        properties = instance.wire["properties"]
        properties["objectType"] = "DeletedBackupInstance"
        properties["dataSourceInfo"]["resourceUri"] = ""
        properties["deletionInfo"] = {
            "deletionTime": ticks(due),
            "billingEndDate": ticks(due + timedelta(days=days)),
            "scheduledPurgeTime": ticks(due + timedelta(days=days)),
            "deleteActivityID": str(uuid.uuid4()),
        }
        instance.wire["id"] = f"{vault.id}/deletedBackupInstances/{instance.wire['name']}"
        instance.wire["type"] = f"{NAMESPACE}/backupVaults/deletedBackupInstances"
        vault.deleted[key] = instance

        def purge(_moment: datetime) -> None:
            if vault.deleted.get(key) is instance:
                del vault.deleted[key]

        self._provider.schedule.after(days * 86400, purge)

    def _list_deleted(self, call: Call) -> Reply:
        found = [instance.wire for instance in self._provider.vault(call).deleted.values()]
        return page_of(call, found, self._provider.groups.page_size)

    def _deleted(self, call: Call) -> tuple[Vault, Instance]:
        vault = self._provider.vault(call)
        found = vault.deleted.get(call.path["instance"].lower())
        if found is None:
            raise ArmError(
                404,
                "UserErrorGenericResourceNotFound",
                "Azure resource does not exist. Please make sure required resources exist. If the issue persists, contact "
                "Microsoft support.",
                target=None,
                details=None,
                headers={"x-ms-error-code": "UserErrorGenericResourceNotFound"},
            )
        return vault, found

    def _read_deleted(self, call: Call) -> Reply:
        return Reply(200, self._deleted(call)[1].wire)

    def _undelete(self, call: Call) -> Reply:
        """Bring an instance back, stopped; the datasource may be protected elsewhere meanwhile."""
        vault, instance = self._deleted(call)
        key = call.path["instance"].lower()
        vault.instances[key] = vault.deleted.pop(key)
        properties = instance.wire["properties"]
        properties.pop("deletionInfo")
        properties["objectType"] = "BackupInstance"
        instance.wire["id"] = f"{vault.id}/backupInstances/{instance.wire['name']}"
        instance.wire["type"] = f"{NAMESPACE}/backupVaults/backupInstances"
        instance.become("ProtectionStopped")
        return Reply(200)
