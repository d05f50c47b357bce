# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The data plane of one Managed HSM: full backups, restores, and the checks before them.

Through the SDK's client, which answers the HSM's challenge. Its pollers stay out of it: they poll on a thread of their own, and
raise "invalid status 'OK'" where the HSM told why a backup failed.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ...azure.clients import managed_hsm_client
from ...azure.libraries import load
from ...azure.long_running import send_once
from ...azure.sdk_errors import error_of, http_error, translated
from ...azure.session import API_VERSIONS, Session, json_object
from ...clock import Deadline
from ...errors import NotFound
from ...model.durations import format_time, seconds_of_span
from ...model.result_shapes import Described, Wire, shape, snake

BACKUP, RESTORE = "backup", "restore"

_YEAR_9999 = 253_000_000_000
# How long to try an HSM that cannot be reached at all.
_SECONDS_TO_REACH = 60.0


class ManagedHsm:
    """One Managed HSM; url: https://<name>.<suffix>, name: what its backups are named by."""

    def __init__(self, session: Session, url: str, name: str) -> None:
        self.name = name
        self.url = url
        self._session = session
        self._client = managed_hsm_client(session, url)

    def _send(self, method: str, path: str, action: str, body: Any = None, version: str = "managed HSM") -> Any:
        request = load("azure.core.rest").HttpRequest(method, path, params={"api-version": API_VERSIONS[version]}, json=body)
        with translated(action):
            response = self._client.send_request(request)
            text = response.text()
        if response.status_code >= 300:
            raise http_error(response.status_code, text, response.headers, action)
        return response

    def _start(self, method: str, path: str, action: str, body: Wire, deadline: Deadline, version: str) -> Described:
        """Start something, once. Raises OutcomeUnknown where the request was sent and its fate is not known."""

        def send() -> Described:
            answer = self._send(method, path, action, body, version)
            return _with_id(describe(json_object(answer, action)), answer)

        # A name that is wrong stays wrong.
        return send_once(send, action, deadline, _SECONDS_TO_REACH)

    def start_backup(self, storage: Wire, deadline: Deadline) -> Described:
        """Start a full backup; storage: SASTokenParameter of the API."""
        return self._start("POST", "/backup", f"back up Managed HSM '{self.name}'", storage, deadline, "managed HSM")

    def check_backup(self, storage: Wire, deadline: Deadline) -> Described:
        """Start the check whether a full backup can be made."""
        action = f"check whether Managed HSM '{self.name}' can be backed up"
        return self._start("POST", "/prebackup", action, storage, deadline, "managed HSM/checks")

    def start_restore(self, storage: Wire, folder: str, key_name: str | None, deadline: Deadline) -> Described:
        """Start a restore of everything, or of one key (recorded: the folder has another name then)."""
        if key_name:
            action = f"restore key '{key_name}' of Managed HSM '{self.name}'"
            body = {"sasTokenParameters": storage, "folder": folder}
            return self._start("PUT", f"/keys/{key_name}/restore", action, body, deadline, "managed HSM")
        body = {"sasTokenParameters": storage, "folderToRestore": folder}
        return self._start("PUT", "/restore", f"restore Managed HSM '{self.name}'", body, deadline, "managed HSM")

    def check_restore(self, storage: Wire, folder: str, deadline: Deadline) -> Described:
        """Start the check whether a full restore can be made."""
        body = {"sasTokenParameters": storage, "folderToRestore": folder}
        action = f"check whether Managed HSM '{self.name}' can be restored"
        return self._start("PUT", "/prerestore", action, body, deadline, "managed HSM/checks")

    def read_job(self, kind: str, job_id: str) -> Described | None:
        """Read a job, BACKUP or RESTORE, at a URL of our own making: the one that the HSM names is the same."""
        action = f"read {kind} job '{job_id}' of Managed HSM '{self.name}'"
        try:
            return describe(json_object(self._send("GET", f"/{kind}/{job_id}/pending", action), action))
        except NotFound:
            return None

    def service_now(self) -> datetime:
        """Tell the time by the HSM's clock, as of its last answer."""
        return self._session.service_now()


def _with_id(job: Described, answer: Any) -> Described:
    """Complete the id of a job from the address that the HSM names, where the body leaves it out."""
    named = str(answer.headers.get("Azure-AsyncOperation") or "").split("?", 1)[0].rstrip("/").split("/")
    return {**job, "job_id": job["job_id"] or (named[-2] if len(named) > 2 else None)}


def describe(wire: Wire) -> Described:
    """Give a job as results show it. Times on the wire are Unix seconds; while it runs an error may be an object of nulls."""
    uri = wire.get("azureStorageBlobContainerUri") or None
    start, end = (_moment(wire.get(key)) for key in ("startTime", "endTime"))
    error = error_of({"error": wire.get("error")})
    duration, seconds = seconds_of_span(start, end)
    return shape(
        "hsm_job",
        job_id=wire.get("jobId"),
        status=snake(str(wire.get("status") or "")),
        status_details=wire.get("statusDetails") or None,
        start_time=format_time(start),
        end_time=format_time(end),
        duration=duration,
        duration_seconds=seconds,
        folder_uri=uri,
        folder_name=uri.rstrip("/").rsplit("/", 1)[-1] if uri else None,
        error={"code": error.get("code"), "message": error.get("message")} if error.get("code") or error.get("message") else None,
    )


def _moment(seconds: Any) -> datetime | None:
    return (
        datetime.fromtimestamp(seconds, timezone.utc) if isinstance(seconds, int | float) and 0 < seconds < _YEAR_9999 else None
    )
