# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Microsoft.Backup.Admin: the infrastructure backups of one region of an Azure Stack Hub. No SDK has a client for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ...azure.long_running import follow, look_until, send_once
from ...azure.session import Session, json_object
from ...clock import Deadline
from ...errors import AzureBackupError, NotFound, OutcomeUnknown
from ...model.result_shapes import Described, shape
from .wire import describe_backup, describe_location, location_body

PROVIDER = "Microsoft.Backup.Admin"
_KNOWS_PATCH = "2021-09-01"
# How long to try a stamp that cannot be reached at all.
_SECONDS_TO_REACH = 60.0


class BackupAdmin:
    """The backups of one region; location: its name, resource_group: system.<location> unless it is another."""

    def __init__(self, session: Session, location: str, resource_group: str | None, api_version: str) -> None:
        self.location = location
        self._session = session
        self._api = api_version
        group = resource_group or f"system.{location}"
        self._locations = f"/subscriptions/{session.subscription_id}/resourceGroups/{group}/providers/{PROVIDER}/backupLocations"
        self.id = f"{self._locations}/{location}"

    def read_location(self) -> Described | None:
        """Read where backups go."""
        wire = self._session.read(self.id, f"read the backup location '{self.location}'", self._api)
        return describe_location(wire) if wire else None

    def list_locations(self) -> list[str]:
        """Name the backup locations of the stamp."""
        try:
            listed = self._session.read_all(self._locations, f"list the backup locations next to '{self.location}'", self._api)
        except NotFound:
            return []
        return [str(wire.get("name")) for wire in listed]

    def write_location(self, values: dict[str, Any], is_change: bool, deadline: Deadline) -> Described:
        """Write where backups go, wait until it is done, and give it as it is then.

        values: by options; is_change: a store is there already, which newer API versions want to be changed by PATCH.
        """
        action = f"change the backup location '{self.location}'"
        method = "PATCH" if is_change and self._api >= _KNOWS_PATCH else "PUT"
        answer = self._session.send(method, self.id, action, self._api, body=location_body(self.location, values))
        try:
            outcome = follow(self._session, answer, action, deadline)
            if outcome.body.get("properties"):
                return describe_location({**outcome.body, "location": self.location})
            seen: list[Described] = []

            def is_as_written() -> bool:
                # Who may not read the operation sees by the location itself when it is over.
                there = self.read_location() or shape("backup_location", id=self.id)
                seen.append(there)
                shown = {option: "" if there[option] is None else there[option] for option in values if option in there}
                return outcome.is_known or all(value == values[option] for option, value in shown.items())

            look_until(is_as_written, action, deadline)
            return seen[-1]
        except AzureBackupError as error:
            # It was accepted.
            error.details = {**error.details, "changed": True}
            raise

    def prune(self, dry_run: bool, deadline: Deadline) -> list[str]:
        """Remove from the store what no backup there needs any more, and give the paths; dry_run: only give them."""
        action = f"{'find' if dry_run else 'delete'} the unused files in the store of '{self.location}'"
        body = {"operationType": "DryRun"} if dry_run else {}
        answer = self._send_once(f"{self.id}/pruneExternalStore", action, deadline, body)
        outcome = follow(self._session, answer, action, deadline)
        if not outcome.is_known:
            raise OutcomeUnknown(
                f"Cannot {action}: it was started, but the caller may not read the operation, so its result is unknown",
                details={"changed": not dry_run},
            )
        return [str(path) for path in (outcome.body.get("properties") or {}).get("pathsToDelete") or []]

    def list_backups(self) -> list[Described]:
        """Read the backups, newest first. Raises NotFound where there is no such location."""
        listed = self._session.read_all(f"{self.id}/backups", f"list the backups of '{self.location}'", self._api)
        return sorted(map(describe_backup, listed), key=lambda backup: backup["created_time"] or "9", reverse=True)

    def read_backup(self, name: str) -> Described | None:
        """Read one backup."""
        wire = self._session.read(f"{self.id}/backups/{name}", f"read backup '{name}'", self._api)
        return describe_backup(wire) if wire else None

    def start_backup(self, deadline: Deadline) -> str | None:
        """Start a backup, once, and give its name; None where the answer does not say it.

        Raises OutcomeUnknown where the request was sent and its fate is not known.
        """
        answer = self._send_once(f"{self.id}/createBackup", f"back up the infrastructure of '{self.location}'", deadline)
        # The name of the operation is that of the backup (recorded).
        url = str(answer.headers.get("Location") or answer.headers.get("Azure-AsyncOperation") or "")
        return url.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1] or None

    def _send_once(self, url: str, action: str, deadline: Deadline, body: Any = None) -> Any:
        """Send a POST that starts something; again only where it was not processed. Raises OutcomeUnknown."""

        def send() -> Any:
            return self._session.send("POST", url, action, self._api, body=body, retry_total=0)

        return send_once(send, action, deadline, _SECONDS_TO_REACH)

    def read_result(self, name: str) -> Described | None:
        """Read the result of a backup's operation; None while it runs. Raises NotFound for one that is not known (yet)."""
        action = f"read the result of backup '{name}'"
        answer = self._session.send("GET", f"{self.id}/operationResults/{name}", action, self._api, retry_total=0)
        found = json_object(answer, action)
        info = (found.get("properties") or {}).get("backupInfo") if isinstance(found, dict) else None
        return describe_backup(found) if info else None

    def service_now(self) -> datetime:
        """Tell the time by the stamp's clock."""
        return self._session.service_now()
