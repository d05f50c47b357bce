# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of disks and storage accounts: what validateRestore answers, and what a restore's job makes.

A restore is two calls with the same body. The operation of a restore only queues: what is wrong with it fails the job.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..arm import Call, PlainRoute, Reply, Wire, check_properties, user_facing_error
from ..protectable import DISK, Protectable, refuse, row_of
from .fields import INSTANCE
from .signed_operations import SignedOperation
from .state import Instance, Vault

if TYPE_CHECKING:
    from .provider import DataProtection

_POINT = "AzureBackupRecoveryPointBasedRestoreRequest"
_TIME = "AzureBackupRecoveryTimeBasedRestoreRequest"
_MOMENT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$")
_REQUEST = {
    "objectType", "recoveryPointId", "recoveryPointTime", "sourceDataStoreType", "sourceResourceId", "identityDetails",
    "resourceGuardOperationRequests", "restoreTargetInfo",
}  # fmt: skip
_TARGET = {
    "objectType", "recoveryOption", "restoreLocation", "datasourceInfo", "datasourceSetInfo", "datasourceAuthCredentials",
    "restoreCriteria",
}  # fmt: skip
# What Azure takes in one request (support matrix of blob backup, Microsoft's clients).
_MOST_CONTAINERS, _MOST_RANGES = 100, 10
# Seconds that the recorded jobs took, and that one took to fail.
_SECONDS = {"Microsoft.Compute/disks": 215.0}
_SECONDS_OF_CONTAINERS, _SECONDS_TO_FAIL = 378.0, 63.0


def _target_id(request: Wire) -> str:
    source = request["restoreTargetInfo"].get("datasourceInfo") or {}
    return str(source.get("resourceID") or source.get("resourceId") or "")


def _named(items: list[Wire]) -> dict[str, str]:
    """Give the containers of a request, with the names that they get."""
    return {str(item["itemPath"]): str(item.get("renameTo") or item["itemPath"]) for item in items}


class Restores:
    """Restores of disks and storage accounts."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [("POST", INSTANCE + "/validateRestore", self._validate), ("POST", INSTANCE + "/restore", self._restore)]

    def _validate(self, call: Call) -> Reply:
        vault, instance = self._provider.instance(call)
        document = call.document()
        check_properties(document, {"restoreRequestObject", "objectType"}, "ValidateRestoreRequestObject")
        request = self._checked(instance, document.get("restoreRequestObject") or {})

        def done(operation: SignedOperation, _due: datetime) -> None:
            operation.error = self._problem(vault, instance, request)

        operation = self._provider.begin(call, vault, "validate", done)
        return Reply(202, None, self._provider.operations.headers(call, operation, 10))

    def _restore(self, call: Call) -> Reply:
        vault, instance = self._provider.instance(call)
        request = self._checked(instance, call.document())
        approved = request.get("resourceGuardOperationRequests")
        self._provider.guards.check_approved(call, vault.wire, "backupInstances/restore/action", approved)
        job = self._start_job(vault, instance, request)

        def done(operation: SignedOperation, _due: datetime) -> None:
            operation.properties = {"jobId": job["id"], "objectType": "OperationJobExtendedInfo"}

        operation = self._provider.begin(call, vault, "trigger", done)
        return Reply(202, None, self._provider.operations.headers(call, operation, 30))

    # -- what is refused at once

    def _checked(self, instance: Instance, request: Wire) -> Wire:
        """Give a request whose form is right. Raises ArmError 400."""
        check_properties(request, _REQUEST, "AzureBackupRestoreRequest")
        target = request.get("restoreTargetInfo") or {}
        check_properties(target, _TARGET, "RestoreTargetInfo")
        kind = str(request.get("objectType"))
        if kind not in (_POINT, _TIME):
            raise refuse(f"The restore request {kind} is not supported.")
        if kind == _POINT and not request.get("recoveryPointId"):
            raise refuse("recoveryPointId is missing.")
        if kind == _TIME and not _MOMENT.match(str(request.get("recoveryPointTime"))):
            raise refuse("recoveryPointTime is missing or not valid.")
        if target.get("recoveryOption") != "FailIfExists" or not target.get("restoreLocation") or not _target_id(request):
            raise refuse("recoveryOption, restoreLocation or datasourceInfo is missing.")
        row = row_of(instance.wire["properties"]["dataSourceInfo"]["datasourceType"])
        # The target of one recorded restore was declared with another type than the instance has.
        if (row_of(target["datasourceInfo"]["datasourceType"]) is DISK) is not (row is DISK):
            raise refuse("The target is of another datasource type.")
        # Recorded with a small i as well.
        shape = str(target.get("objectType")).lower()
        if row is DISK and (shape != "restoretargetinfo" or kind != _POINT):
            raise refuse("A disk is restored from a recovery point to a RestoreTargetInfo.")
        if row is not DISK and kind == _POINT and shape != "itemlevelrestoretargetinfo":
            raise refuse("Containers are restored to an ItemLevelRestoreTargetInfo.")
        if row is not DISK and kind == _POINT and not target.get("datasourceSetInfo"):
            raise refuse("datasourceSetInfo is missing.")
        self._check_criteria(kind, shape, target.get("restoreCriteria"))
        store = row.store if kind == _POINT else row.continuous_store
        if request.get("sourceDataStoreType") != store:
            raise refuse(f"The source data store is {request.get('sourceDataStoreType')}, not {store}.")
        return request

    @staticmethod
    def _check_criteria(kind: str, shape: str, criteria: Any) -> None:
        if shape != "itemlevelrestoretargetinfo":
            return
        wanted = "ItemPathBasedRestoreCriteria" if kind == _POINT else "RangeBasedItemLevelRestoreCriteria"
        most = _MOST_CONTAINERS if kind == _POINT else _MOST_RANGES
        if not isinstance(criteria, list) or not 0 < len(criteria) <= most:
            raise refuse(f"restoreCriteria has to have 1 to {most} items.", "UserErrorNoContainersSelectedForOperation")
        if any(item.get("objectType") != wanted for item in criteria):
            raise refuse(f"restoreCriteria has to have {wanted}.")

    # -- what validateRestore finds, and what fails a job

    def _problem(self, vault: Vault, instance: Instance, request: Wire) -> Wire | None:
        """Give the error of a restore that cannot be done. The codes are those of blob-backup-troubleshoot."""
        row = row_of(instance.wire["properties"]["dataSourceInfo"]["datasourceType"])
        datasources = self._provider.datasources
        if request["objectType"] == _POINT and self._point(instance, request) is None:
            return _error("UserErrorRestorePointNotFound", "The recovery point does not exist.")
        if row is DISK:
            return datasources.disk_restore_problem(vault.wire, _target_id(request))
        if request["objectType"] == _TIME:
            return self._moment_problem(vault, instance, request)
        return self._containers_problem(vault, instance, request)

    def _moment_problem(self, vault: Vault, instance: Instance, request: Wire) -> Wire | None:
        if _target_id(request).lower() != instance.datasource_id.lower():
            return _error("UserErrorAlternateLocationRestoreNotSupported", "Operational backups are restored in place only.")
        ranges = self._provider.recovery_points_api.ranges_of(vault, instance)
        if not any(begin <= str(request["recoveryPointTime"]) <= end for begin, end in ranges):
            return _error("UserErrorInvalidRecoveryPointInTime", "The point in time is not within the restorable ranges.")
        return self._provider.datasources.account_problem(vault.wire, instance.datasource_id)

    def _containers_problem(self, vault: Vault, instance: Instance, request: Wire) -> Wire | None:
        account = _target_id(request)
        named = _named(request["restoreTargetInfo"]["restoreCriteria"])
        if account.lower() == instance.datasource_id.lower():
            return _error("UserErrorOriginalLocationRestoreNotSupported", "Restore to the original account is not supported.")
        problem = self._provider.datasources.account_problem(vault.wire, account)
        if problem:
            return problem
        held = instance.sources[str(request["recoveryPointId"]).lower()]["containers"]
        if set(named) - set(held):
            return _error("UserErrorIncorrectContainersSelectedForOperation", "A container is not in the recovery point.")
        if set(named.values()) & set(self._provider.datasources.containers_of(account)):
            return _error("UserErrorTargetContainersExistOnAccount", "A container of that name exists on the target account.")
        return None

    @staticmethod
    def _point(instance: Instance, request: Wire) -> Wire | None:
        wanted = str(request["recoveryPointId"]).lower()
        return next((point for point in instance.points if point["name"] == wanted), None)

    # -- the job

    def _start_job(self, vault: Vault, instance: Instance, request: Wire) -> Wire:
        point = self._point(instance, request) if request["objectType"] == _POINT else None
        row = row_of(instance.wire["properties"]["dataSourceInfo"]["datasourceType"])
        moment = point["properties"]["recoveryPointTime"] if point else request.get("recoveryPointTime")
        extended = {
            # Of a moment the point has no id (recorded).
            "sourceRecoverPoint": {"recoveryPointID": request.get("recoveryPointId"), "recoveryPointTime": moment},
            "recoveryDestination": _target_id(request),
        }
        problem = self._problem(vault, instance, request)

        def restored(due: datetime) -> Wire | None:
            # What was there in the meantime counts.
            found = problem or self._problem(vault, instance, request)
            if found is None:
                self._make(row, instance, request, due)
            return found

        seconds = _SECONDS_TO_FAIL if problem else _SECONDS.get(row.wire_type, _SECONDS_OF_CONTAINERS)
        return self._provider.jobs_api.start_restore(vault, instance, request["sourceDataStoreType"], extended, seconds, restored)

    def _make(self, row: Protectable, instance: Instance, request: Wire, due: datetime) -> None:
        if request["objectType"] == _TIME:
            return
        source = instance.sources[str(request["recoveryPointId"]).lower()]
        if row is DISK:
            self._provider.datasources.make_disk(_target_id(request), source["disk"], due)
        else:
            for item in request["restoreTargetInfo"]["restoreCriteria"]:
                held, prefixes = source["blobs"].get(item["itemPath"], {}), tuple(item.get("subItemPathPrefix") or [""])
                blobs = {name: content for name, content in held.items() if name.startswith(prefixes)}
                new_name = str(item.get("renameTo") or item["itemPath"])
                self._provider.datasources.make_container(_target_id(request), new_name, blobs)

    def remember(self, instance: Instance, point: Wire) -> None:
        """Keep what a recovery point holds, which outlives its source."""
        instance.sources[point["name"]] = self._provider.datasources.content_of(instance.wire["properties"])


def _error(code: str, message: str) -> Wire:
    return user_facing_error(code, message, "Correct the request and try again.")
