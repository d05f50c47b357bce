# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Backup.Admin of an Azure Stack Hub: backup locations, infrastructure backups, pruning."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .arm import ArmError, Call, Reply, Route, Wire, check_properties, page_of, resource_not_found
from .clock import Schedule, iso_duration, ticks
from .faults import Faults
from .operations import Operation, Operations

NAMESPACE = "Microsoft.Backup.Admin"
_LOCATIONS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Backup.Admin/backupLocations"
_LOCATION = f"{_LOCATIONS}/{{location}}"
# Newer versions answer with Azure-AsyncOperation as well, and know PATCH and blob storage.
_ASYNC_API = "2021-09-01"
_ROLES = ("NRP", "SRP", "CRP", "KeyVaultInternalControlPlane", "ACSBlob", "FabricRP")
_IN_RESULTS_ONLY = ("encryptedBackupEncryptionKey", "backupSizeInKb", "compressedBackupSizeInKb")
_SECRETS = ("password", "encryptionCertBase64", "blobStorageKey")
# Recorded: a backup without anything to back up took 4 to 21 minutes, a location seconds, pruning a minute.
_SECONDS_OF_A_BACKUP = 1232.0
_SECONDS_UNTIL_REGISTERED = 3.0
_SECONDS_UNTIL_RUNNING = 60.0
# The portal calls a backup done that long before it is (Microsoft's article).
_SECONDS_OF_EARLY_SUCCESS = 600.0
_SECONDS_OF_A_CHANGE = 8.0
_SECONDS_OF_PRUNING = 50.0


@dataclass
class Location:
    """A region: where its backups go, its backups by id, and what goes on there."""

    name: str
    store: Wire
    backups: dict[str, Wire] = field(default_factory=dict)
    garbage: list[str] = field(default_factory=list)
    running: str | None = None
    is_updating: bool = False


class BackupAdmin:
    """The provider; subscription_id: the default provider subscription."""

    def __init__(self, schedule: Schedule, faults: Faults, subscription_id: str) -> None:
        self._schedule = schedule
        self._clock = schedule.clock
        self._faults = faults
        self._operations: Operations[Operation] = Operations(schedule, faults)
        self._subscription = subscription_id
        self.locations: dict[str, Location] = {}

    def add_location(self, name: str, path: str = "", user_name: str = "", garbage: list[str] | None = None) -> None:
        """Put a region there; without a path nothing can be backed up in it."""
        store = {
            "path": path,
            "userName": user_name,
            "password": None,
            "encryptionCertBase64": None,
            "encryptionCertThumbprint": hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest().upper() if path else None,
            "backupFrequencyInHours": 12,
            "availableCapacity": "0.99 TB" if path else None,
            "isBackupSchedulerEnabled": False if path else None,
            "nextBackupTime": ticks(self._clock.now() + timedelta(hours=12)) if path else None,
            "lastBackupTime": None,
            "backupRetentionPeriodInDays": 7,
        }
        self.locations[name.lower()] = Location(name, store, garbage=list(garbage or []))

    def set_updating(self, is_updating: bool) -> None:
        """Begin or end an update of the stamp, during which no backup can be started."""
        for location in self.locations.values():
            location.is_updating = is_updating

    def routes(self) -> list[Route]:
        """Give what is answered."""
        routes = [
            ("GET", _LOCATIONS, self._list_locations),
            ("GET", _LOCATION, self._read_location),
            ("PUT", _LOCATION, self._write_location),
            ("PATCH", _LOCATION, self._change_location),
            ("POST", f"{_LOCATION}/createBackup", self._create_backup),
            ("POST", f"{_LOCATION}/pruneExternalStore", self._prune),
            ("GET", f"{_LOCATION}/backups", self._list_backups),
            ("GET", f"{_LOCATION}/backups/{{backup}}", self._read_backup),
            ("GET", f"{_LOCATION}/operationResults/{{operation}}", self._read_result),
        ]
        return [Route(method, template, handler, NAMESPACE) for method, template, handler in routes]

    # -- locations

    def _group(self, call: Call) -> str:
        """Check the resource group, which is one for each region. Raises ArmError 404."""
        group = call.path["group"].lower()
        if group.removeprefix("system.") not in self.locations:
            raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{call.path['group']}' could not be found.")
        return group

    def _find(self, call: Call) -> Location:
        group = self._group(call)
        name = call.path["location"]
        found = self.locations.get(name.lower())
        if found is None or group != f"system.{found.name}":
            raise resource_not_found(f"{NAMESPACE}/backupLocations", name, group)
        return found

    def _id(self, location: Location) -> str:
        # Asked for in whatever casing, the group is answered in this one (recorded).
        group = f"system.{location.name}"
        return f"/subscriptions/{self._subscription}/resourceGroups/{group}/providers/{NAMESPACE}/backupLocations/{location.name}"

    def _describe(self, location: Location, api_version: str) -> Wire:
        store = dict(location.store)
        properties: Wire = {"externalStoreDefault": store}
        if api_version >= _ASYNC_API:
            store.setdefault("blobStorageUrl", None)
            store["blobStorageKey"] = None
            properties["provisioningState"] = "Succeeded"
        return self._resource(self._id(location), location.name, "backupLocations", location, properties)

    @staticmethod
    def _resource(resource_id: str, name: str, kind: str, location: Location, properties: Wire) -> Wire:
        own = {"id": resource_id, "name": name, "type": f"{NAMESPACE}/{kind}"}
        return {**own, "location": location.name, "tags": {}, "properties": properties}

    def _list_locations(self, call: Call) -> Reply:
        group = self._group(call)
        found = [self._describe(one, call.api_version) for one in self.locations.values() if group == f"system.{one.name}"]
        return Reply(200, {"value": found, "nextLink": None})

    def _read_location(self, call: Call) -> Reply:
        return Reply(200, self._describe(self._find(call), call.api_version))

    def _write_location(self, call: Call) -> Reply:
        return self._store(call, 60 if call.api_version >= _ASYNC_API else 5)

    def _change_location(self, call: Call) -> Reply:
        if call.api_version < _ASYNC_API:
            raise ArmError(405, "MethodNotAllowed", "The request does not support http method 'PATCH'.")
        return self._store(call, 5)

    def _store(self, call: Call, retry_after: float) -> Reply:
        location = self._find(call)
        document = call.document()
        check_properties(document, {"id", "name", "type", "location", "tags", "properties"}, "BackupLocation")
        wanted = (document.get("properties") or {}).get("externalStoreDefault")
        if not isinstance(wanted, dict) or str(document.get("location", "")).lower() != location.name.lower():
            raise ArmError(400, "InvalidRequestContent", "The backup location is not valid.")
        known = set(location.store) | {"blobStorageUrl", "blobStorageKey"}
        check_properties(wanted, known, "ExternalStore")
        moves = any(wanted.get(key) and wanted[key] != location.store.get(key) for key in ("path", "userName"))
        if moves and not wanted.get("password"):
            raise ArmError(400, "BackupStoreAccessDenied", "The backup store cannot be reached with these credentials.")
        thumbprint = self._thumbprint(wanted.get("encryptionCertBase64"))

        def work(_due: datetime) -> Any:
            if wanted == {"userName": ""}:
                keep = location.store["lastBackupTime"]
                self.add_location(location.name)
                location.store = self.locations[location.name.lower()].store
                self.locations[location.name.lower()] = location
                location.store["lastBackupTime"] = keep
            else:
                changes = {key: value for key, value in wanted.items() if key not in _SECRETS and value is not None}
                location.store.update(changes)
                location.store["availableCapacity"] = location.store["availableCapacity"] or "0.99 TB"
                if thumbprint:
                    location.store["encryptionCertThumbprint"] = thumbprint
            return self._describe(location, call.api_version)

        is_async = call.api_version >= _ASYNC_API
        return self._accept(call, location, str(uuid.uuid4()), _SECONDS_OF_A_CHANGE, retry_after, work, is_async)

    @staticmethod
    def _thumbprint(text: str | None) -> str | None:
        try:
            raw = base64.b64decode(text or "", validate=True)
        except ValueError as error:
            raise ArmError(400, "InvalidCertificate", "The encryption certificate is not valid.") from error
        return hashlib.sha1(raw, usedforsecurity=False).hexdigest().upper() if raw else None

    # -- operations

    def _accept(
        self,
        call: Call,
        location: Location,
        name: str,
        seconds: float,
        retry_after: float,
        work: Callable[[datetime], Any],
        is_async: bool,
    ) -> Reply:
        """Answer 202 and let the work be done later; it gives the result."""
        operation = Operation(name, self._clock.now())

        def finish(_operation: Operation, due: datetime) -> None:
            result = work(due)
            operation.result = lambda: result

        self._operations.begin(operation, (f"{self._id(location)}/{name}",), seconds, finish)
        return Reply(202, None, self._headers(call, location, name, retry_after, is_async))

    def _headers(self, call: Call, location: Location, name: str, retry_after: float, is_async: bool) -> dict[str, str]:
        url = f"{call.url}{self._id(location)}/operationResults/{name}?api-version={call.api_version}"
        headers = {"Location": url, "Retry-After": self._clock.retry_after(retry_after)}
        if is_async:
            headers["Azure-AsyncOperation"] = f"{url}&IsAsyncOperation=1"
        return headers

    def _read_result(self, call: Call) -> Reply:
        location = self._find(call)
        name = call.path["operation"].lower()
        operation = self._operations.find(f"{self._id(location)}/{name}")
        if self._clock.now() < operation.started + self._clock.lasting(_SECONDS_UNTIL_REGISTERED):
            # Asked too quickly, it is not registered yet (azure-docs pull request 15596).
            raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
        result: Any = operation.result() if operation.result else None
        if call.query.get("IsAsyncOperation"):
            if not operation.is_over:
                body = {"status": "Accepted", "properties": {"provisioningState": "Accepted"}}
                return Reply(200, body, self._headers(call, location, name, 30, is_async=True))
            return Reply(200, {"status": "Succeeded", **{key: result[key] for key in ("id", "name", "properties")}})
        if not operation.is_over:
            return Reply(202, None, self._headers(call, location, name, 60, is_async=False))
        return Reply(200, result)

    # -- backups

    def _create_backup(self, call: Call) -> Reply:
        location = self._find(call)
        if not (location.store.get("path") or location.store.get("blobStorageUrl")):
            raise ArmError(400, "BackupStoreNotConfigured", "The backup location has no external store.")
        if location.is_updating:
            raise ArmError(409, "StampUpdateInProgress", "A backup cannot be started while an update is in progress.")
        if location.running:
            raise ArmError(409, "BackupInProgress", "Another backup operation is in progress.")
        name = str(uuid.uuid4())
        fate = self._faults.take_job_fate()
        location.running = name
        info: Wire = {
            "backupDataVersion": "1.0.1",
            "backupId": name,
            "roleStatus": [],
            "status": "Creating",
            "createdDateTime": None,
            "timeTakenToCreate": None,
            "stampVersion": "1.2301.2.58",
            "oemVersion": "2.1.1907.1",
            "deploymentID": str(uuid.uuid5(uuid.NAMESPACE_DNS, location.name)),
            "encryptedBackupEncryptionKey": "",
            "encryptionCertThumbprint": location.store["encryptionCertThumbprint"],
            "backupSizeInKb": 0,
            "compressedBackupSizeInKb": 0,
            "completelyUploaded": False,
            "isAutomaticBackup": False,
            "isCloudRecoveryReady": False,
        }
        path = f"{self._id(location)}/backups/{name}"
        wire = self._resource(path, f"{location.name}/{name}", "backupLocations/backups", location, {"backupInfo": info})
        location.backups[name] = wire
        began = self._clock.now()

        def run(due: datetime) -> None:
            info.update(status="Running", createdDateTime=ticks(due))
            info["roleStatus"] = [{"roleName": role, "status": "Running"} for role in _ROLES]

        def call_it_done(_due: datetime) -> None:
            info["status"] = fate.get("status", "Succeeded")
            failed = fate.get("roles", _ROLES[:1] if fate else ())
            info["roleStatus"] = [{"roleName": role, "status": "Failed" if role in failed else "Succeeded"} for role in _ROLES]

        def finish(due: datetime) -> Wire:
            location.running = None
            is_whole, is_there = info["status"] == "Succeeded", info["status"] != "Failed"
            info.update(timeTakenToCreate=iso_duration(due - began), completelyUploaded=is_there, isCloudRecoveryReady=is_whole)
            location.store["lastBackupTime"] = info["createdDateTime"]
            return wire

        seconds = float(fate.get("seconds") or _SECONDS_OF_A_BACKUP)
        self._schedule.after(_SECONDS_UNTIL_RUNNING, run)
        self._schedule.after(seconds - _SECONDS_OF_EARLY_SUCCESS, call_it_done)
        return self._accept(call, location, name, seconds, 60, finish, call.api_version >= _ASYNC_API)

    def _list_backups(self, call: Call) -> Reply:
        found = [_as_read(wire) for wire in self._find(call).backups.values()]
        reply = page_of(call, found, int(call.query.get("$top") or 200))
        reply.body.setdefault("nextLink", None)
        return reply

    def _read_backup(self, call: Call) -> Reply:
        location = self._find(call)
        found = location.backups.get(call.path["backup"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupLocations/backups", call.path["backup"], call.path["group"])
        return Reply(200, _as_read(found))

    def _prune(self, call: Call) -> Reply:
        location = self._find(call)
        is_dry_run = call.document().get("operationType") == "DryRun"

        def work(_due: datetime) -> Wire:
            paths = list(location.garbage)
            if not is_dry_run:
                location.garbage.clear()
            return self._resource(self._id(location), location.name, "backupLocations", location, {"pathsToDelete": paths})

        # Pruning has both headers in every version.
        return self._accept(call, location, str(uuid.uuid4()), _SECONDS_OF_PRUNING, 60, work, is_async=True)


def _as_read(wire: Wire) -> Wire:
    """Leave out what only the result of a backup's operation shows."""
    info = {key: value for key, value in wire["properties"]["backupInfo"].items() if key not in _IN_RESULTS_ONLY}
    return {**wire, "properties": {"backupInfo": info}}
