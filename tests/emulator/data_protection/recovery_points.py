# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recovery points, and the time ranges of continuous backup."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..arm import (
    Call,
    PlainRoute,
    Reply,
    Wire,
    backup_error,
    check_properties,
    page_of,
    resource_not_found,
)
from ..clock import ticks
from ..protectable import has_schedule, refuse, row_of
from .fields import INSTANCE, NAMESPACE
from .state import Instance, Vault

if TYPE_CHECKING:
    from .provider import DataProtection

_POINT_FILTER = re.compile(r"^(startDate eq '(?P<start>[^']+)')?( and )?(endDate eq '(?P<end>[^']+)')?$", re.IGNORECASE)


def _check_range(start: str | None, end: str | None) -> None:
    """Refuse ranges as oddly as recorded (restorable_time_range_find). Raises ArmError."""
    if end and not start:
        message = "Microsoft Azure Backup encountered an internal error."
        raise backup_error(500, "CloudInternalError", message, "Wait for a few minutes and then try the operation again.")
    if start and not end and not re.search(r"\.\d{7}Z$", start):
        raise backup_error(400, "DppPluginInvalidInputParameters", "Invalid inputs from caller.", "Retry with correct inputs.")
    if start and end and start > end:
        message = "The given time range is invalid"
        raise backup_error(400, "UserErrorInvalidRestorableTimeRange", message, "Ensure that the time range is valid")


class RecoveryPoints:
    """Recovery points, and the time ranges of continuous backup."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", INSTANCE + "/recoveryPoints", self._list_points),
            ("POST", INSTANCE + "/findRestorableTimeRanges", self._find_ranges),
            ("GET", INSTANCE + "/recoveryPoints/{point}", self._read_point),
        ]

    def add_point(self, vault: Vault, instance: Instance, policy_name: str, tag: str, taken: datetime) -> Wire:
        """Add the recovery point of a backup."""
        name = uuid.uuid4().hex
        expiry = ticks(taken + timedelta(days=7))
        row = row_of(instance.wire["properties"]["dataSourceInfo"]["datasourceType"])
        point: Wire = {
            "properties": {
                "objectType": "AzureBackupDiscreteRecoveryPoint",
                "recoveryPointId": name,
                "recoveryPointTime": ticks(taken),
                "recoveryPointType": row.point_type,
                "friendlyName": name,
                "recoveryPointDataStoresDetails": [
                    {
                        "id": str(uuid.uuid4()),
                        "type": row.store,
                        "creationTime": ticks(taken),
                        "expiryTime": expiry,
                        "metaData": None,
                        "visible": True,
                        "state": "COMMITTED",
                        "rehydrationExpiryTime": None,
                        "rehydrationStatus": None,
                    }
                ],
                "retentionTagName": tag,
                "retentionTagVersion": str(int(taken.timestamp() * 1e7)),
                "policyName": policy_name,
                "policyVersion": None,
                "expiryTime": expiry,
                "recoveryPointState": "Completed",
            },
            "id": f"{vault.id}/backupInstances/{instance.wire['name']}/recoveryPoints/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupInstances/recoveryPoints",
        }
        instance.points.insert(0, point)
        self._provider.restores_api.remember(instance, point)
        return point

    def _list_points(self, call: Call) -> Reply:
        vault, instance = self._provider.instance(call)
        if not has_schedule(vault.policies[instance.policy_name]):
            # By public reports: what is backed up continuously has no recovery points.
            raise backup_error(
                400, "UserErrorPITBackupInstanceNotFound", "The backup instance has no recovery points.", "Use restorable ranges."
            )
        text = call.query.get("$filter", "")
        match = _POINT_FILTER.match(text)
        if text and match is None:
            raise backup_error(400, "BMSUserErrorInvalidInput", "The filter is not valid.", "Send startDate and endDate.")
        start, end = (match["start"] or "", match["end"] or "9999") if match else ("", "9999")
        found = [point for point in instance.points if start <= point["properties"]["recoveryPointTime"] <= end]
        return page_of(call, found, self._provider.groups.page_size)

    def ranges_of(self, vault: Vault, instance: Instance) -> list[tuple[str, str]]:
        """Give the first and the last moment of each range that a continuous backup can be restored to."""
        row = row_of(instance.wire["properties"]["dataSourceInfo"]["datasourceType"])
        lifecycles = [
            lifecycle
            for rule in vault.policies[instance.policy_name]["properties"]["policyRules"]
            for lifecycle in rule.get("lifecycles") or []
            if row.continuous_store and lifecycle["sourceDataStore"]["dataStoreType"] == row.continuous_store
        ]
        if not lifecycles:
            return []
        now = self._provider.clock.now()
        begin = max(instance.since, now - timedelta(days=int(lifecycles[0]["deleteAfter"]["duration"].strip("PD"))))
        return [(ticks(begin), ticks(now))]

    def _find_ranges(self, call: Call) -> Reply:
        """Answer to which moments can be restored what is backed up continuously."""
        vault, instance = self._provider.instance(call)
        document = call.document()
        check_properties(document, {"sourceDataStoreType", "startTime", "endTime"}, "AzureBackupFindRestorableTimeRangesRequest")
        _check_range(document.get("startTime"), document.get("endTime"))
        ranges = self.ranges_of(vault, instance)
        if not ranges:
            raise refuse("The backup instance is not backed up continuously.")
        found = [{"startTime": begin, "endTime": end, "objectType": "RestorableTimeRange"} for begin, end in ranges]
        return Reply(
            200,
            {
                "properties": {
                    "restorableTimeRanges": found,
                    "objectType": "AzureBackupFindRestorableTimeRangesResponse",
                },
                "id": instance.wire["name"],
                "type": f"{NAMESPACE}/backupVaults/backupInstances/findRestorableTimeRanges",
            },
        )

    def _read_point(self, call: Call) -> Reply:
        _vault, instance = self._provider.instance(call)
        found = next((point for point in instance.points if point["name"] == call.path["point"].lower()), None)
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/recoveryPoints", call.path["point"], call.path["group"])
        return Reply(200, found)
