# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data plane of a Managed HSM: full backups into a blob container, restores, and the checks before them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError

from .arm import ArmError, Reply, Wire
from .blob_store import BlobStore
from .clock import Schedule
from .faults import Faults

AUDIENCE = "https://managedhsm.azure.net"
_VERSIONS = ("7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01")
_CHECKS_SINCE = ("7.6", "2025-07-01")
_IDENTITY_SINCE = ("7.5", *_CHECKS_SINCE)
# Recorded: 8 to 11 seconds a backup, 12 to 17 a restore.
_SECONDS = {"backup": 9.0, "restore": 15.0, "check": 3.0}
_KEYS_IN_BACKUPS = {"signing": 2}
_BLOBS = ("backup.manifest", "keys/0001.bin", "roles/0001.bin")


@dataclass
class Job:
    """A backup or a restore, or the check before one."""

    kind: str
    name: str
    started: datetime
    status: str = "InProgress"
    details: str | None = None
    error: Wire | None = None
    ended: datetime | None = None
    is_check: bool = False
    uri: str | None = None

    def document(self) -> Wire:
        """Give the body in the alphabetical order of polls."""
        body: Wire = {"azureStorageBlobContainerUri": self.uri} if self.kind == "backup" else {}
        body |= {"endTime": int(self.ended.timestamp()) if self.ended else None, "error": self.error, "jobId": self.name}
        return {**body, "startTime": int(self.started.timestamp()), "status": self.status, "statusDetails": self.details}


@dataclass
class ManagedHsm:
    """One HSM. blobs: gives the blob store of this machine, if there is one; keys: by name, their number of versions."""

    schedule: Schedule
    faults: Faults
    blobs: Callable[[], BlobStore | None]
    jobs: dict[tuple[str, str], Job] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=lambda: dict(_KEYS_IN_BACKUPS))
    has_identity: bool = True
    restored: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, host: str) -> Reply:
        """Answer a request that has a good token; host: with its port, as it was asked. Raises ArmError."""
        # Previews are known beside the versions that they became; the Azure CLI speaks one.
        version = query.get("api-version", "").split("-preview", 1)[0]
        parts = path.strip("/").split("/")
        if method == "GET" and len(parts) == 3 and parts[0] in ("backup", "restore") and parts[2] == "pending":
            job = self.jobs.get((parts[0], parts[1]))
            if job is None:
                raise ArmError(404, "NotFound", f"The {parts[0]} job {parts[1]} was not found.")
            return Reply(200, job.document())
        if version not in _VERSIONS:
            raise ArmError(400, "BadParameter", f"The specified version ({version}) is not recognized.")
        if (method, path) in (("POST", "/prebackup"), ("PUT", "/prerestore")) and version not in _CHECKS_SINCE:
            raise ArmError(404, "NotFound", "The requested resource was not found.")
        document = body if isinstance(body, dict) else {}
        if (method, path) in (("POST", "/backup"), ("POST", "/prebackup")):
            self._check_storage(document, version)
            return self._backup(document, host, is_check=path == "/prebackup")
        if (method, path) in (("PUT", "/restore"), ("PUT", "/prerestore")):
            return self._restore(document, "folderToRestore", None, version, host, is_check=path == "/prerestore")
        key = re.fullmatch(r"/keys/([^/]+)/restore", path)
        if method == "PUT" and key:
            return self._restore(document, "folder", key[1], version, host)
        raise ArmError(404, "NotFound", f"There is no {method} {path}.")

    def _check_storage(self, document: Wire, version: str) -> None:
        uri, token, by_identity = (document.get(name) for name in ("storageResourceUri", "token", "useManagedIdentity"))
        if not isinstance(uri, str) or not uri.startswith("https://"):
            raise ArmError(400, "BadParameter", "Property storageResourceUri has invalid value.")
        if by_identity and version not in _IDENTITY_SINCE:
            raise ArmError(400, "BadParameter", "Property useManagedIdentity is not recognized.")
        if bool(token) == bool(by_identity):
            raise ArmError(400, "BadParameter", "Either a token or the managed identity is needed.")
        if str(token or "").startswith("?"):
            raise ArmError(400, "BadParameter", "Property token has invalid value.")

    def _begin(self, kind: str, is_check: bool, host: str, work: Callable[[Job, datetime], None]) -> Reply:
        job = Job(kind, uuid.uuid4().hex, self.schedule.clock.now(), is_check=is_check)
        fate = self.faults.take_job_fate()
        self.jobs[kind, job.name] = job

        def finish(due: datetime) -> None:
            if fate:
                job.status, job.error = fate.get("status", "Failed"), fate.get("error")
            else:
                work(job, due)
                job.status = "Failed" if job.error else "Succeeded"
            job.ended = due

        self.schedule.after(float(fate.get("seconds") or _SECONDS["check" if is_check else kind]), finish)
        body = job.document()
        # The first answer has an order of its own, and nothing in it is a link but the header.
        ordered = ("status", "statusDetails", "error", "startTime", "endTime", "jobId", "azureStorageBlobContainerUri")
        headers = {
            "Azure-AsyncOperation": f"https://{host}/{kind}/{job.name}/pending",
            "Retry-After": self.schedule.clock.retry_after(10),
        }
        return Reply(202, {key: body[key] for key in ordered if key in body}, headers)

    def _refuse_second(self, kind: str) -> None:
        if any(job.kind == kind and job.ended is None for job in self.jobs.values()):
            raise ArmError(409, "Conflict", f"Another {kind} operation is in progress.")

    def _backup(self, document: Wire, host: str, is_check: bool) -> Reply:
        self._refuse_second("backup")

        # Recorded: it is named by its start, and lies there from then on, whatever becomes of it.
        now = self.schedule.clock.now()
        folder = f"mhsm-{name_of(host)}-{now:%Y%m%d%H%M%S}{now.microsecond // 10000:02d}"
        first = None if is_check else self._write(document, folder, _BLOBS[:1])

        def work(job: Job, _due: datetime) -> None:
            job.error = first or self._write(document, None if is_check else folder, _BLOBS[1:])
            if not job.error and not is_check:
                job.uri = f"{document['storageResourceUri'].rstrip('/')}/{folder}"

        return self._begin("backup", is_check, host, work)

    def _open(self, storage: Wire) -> tuple[Any, Wire | None]:
        """Give the container, or the error of storage that cannot be opened."""
        blobs = self.blobs()
        if blobs is None:
            return None, _failure("The storage account cannot be reached.")
        if storage.get("useManagedIdentity") and not self.has_identity:
            return None, _failure("No user-assigned managed identity is attached to the Managed HSM.")
        return blobs.open(storage["storageResourceUri"], storage.get("token")), None

    def _write(self, storage: Wire, folder: str | None, names: tuple[str, ...]) -> Wire | None:
        """Write a backup, or for no folder only try; gives the error of what the store refuses."""
        container, failure = self._open(storage)
        if failure:
            return failure
        try:
            for name in names if folder else ("mhsm-check",):
                blob = container.upload_blob(f"{folder}/{name}" if folder else name, b"x" * 64, overwrite=True)
                blob.download_blob().readall()
            if not folder:
                container.delete_blob("mhsm-check")
        except AzureError as error:
            return _refusal(error)
        return None

    def _restore(
        self, document: Wire, folder_key: str, key: str | None, version: str, host: str, is_check: bool = False
    ) -> Reply:
        storage, folder = document.get("sasTokenParameters"), document.get(folder_key)
        if not isinstance(storage, dict) or not isinstance(folder, str) or not folder:
            raise ArmError(400, "BadParameter", f"Properties sasTokenParameters and {folder_key} are needed.")
        self._check_storage(storage, version)
        # Clients cut an address after its first part, which is the account where that has no name before the host.
        if urlsplit(storage["storageResourceUri"]).path.count("/") == 1 and "/" in folder:
            container, folder = folder.split("/", 1)
            storage = {**storage, "storageResourceUri": f"{storage['storageResourceUri']}/{container}"}
        self._refuse_second("restore")

        def work(job: Job, _due: datetime) -> None:
            container, job.error = self._open(storage)
            if job.error:
                return
            try:
                found = list(container.list_blobs(name_starts_with=f"{folder}/"))
            except AzureError as error:
                job.error = _refusal(error)
                return
            if not found:
                job.error = _failure(f"The folder {folder} is not there.")
            elif key and key not in _KEYS_IN_BACKUPS:
                job.error = _failure(f"The key {key} is not in the backup.")
            elif key and not is_check:
                there = self.keys.get(key, 0)
                self.keys.setdefault(key, 2)
                told = {"successful key versions restored": 2 - there, "key versions could not overwrite": there}
                job.details = ", ".join(f"Number of {what}: {count}" for what, count in told.items())
            if not job.error and not is_check:
                self.restored.append(f"{folder}/{key}" if key else folder)

        return self._begin("restore", is_check, host, work)


def _failure(message: str) -> Wire:
    return {"code": "BackupRestoreFailed", "message": message, "innererror": None}


def _refusal(error: AzureError) -> Wire:
    code = getattr(error, "error_code", None)
    return _failure(f"The storage account refused: {getattr(code, 'value', code) or type(error).__name__}.")


def action_of(method: str, path: str) -> str:
    """Give the data action of an HSM's own roles that a request needs (recorded in role definitions for backups)."""
    kind = "restore" if "restore" in path else "backup"
    return f"Microsoft.KeyVault/managedHsm/{kind}/{'status' if method == 'GET' else 'start'}/action"


def name_of(host: str) -> str:
    """Give the name of an HSM by its host, which here is an address and the whole name."""
    bare = host.rsplit(":", 1)[0]
    return bare if re.fullmatch(r"[\d.]+|localhost", bare) else bare.split(".", 1)[0]
