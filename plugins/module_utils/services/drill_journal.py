# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The journal of a restore drill: what it is about to make, written before that into a blob of its scratch account.

There is one blob for each scratch group. It is the lock of the group as well: whoever writes it first has the group, and a later
run reads there what an earlier one, which may be dead, has left.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..azure.session import Session
from ..errors import AzureBackupError, BadInput, Conflict
from ..model.durations import format_time, parse_time
from ..model.resource_ids import ResourceId
from .blobs import LeasedBlob, create_container

CONTAINER = "holdfast-drills"

Content = dict[str, Any]
Entry = dict[str, Any]


class DrillJournal:
    """The journal of one scratch group.

    content: what it says, a dict with drill_id, state (running, kept for tasks of the user, left when something could not be
    removed), started, expires, vault_id, before (resources and containers that were there), roles (that were absent), and
    entries; None where no drill has the group.
    """

    def __init__(self, session: Session, account: ResourceId, endpoint: str, group: ResourceId) -> None:
        self._session = session
        self._account = account
        self._group = group
        # Until when a drill is at most at work after it wrote this, see expiry_of; set by who drills.
        self.renew: Callable[[], datetime | None] = lambda: None
        self._name = f"{group.subscription_id}/{group.resource_group}.json".lower()
        self._blob = LeasedBlob(session, endpoint, CONTAINER, self._name)
        self._lock = threading.Lock()
        self.content: Content | None = None

    def read(self) -> Content | None:
        """Read the journal. Raises Denied."""
        raw = self._blob.read()
        self.content = json.loads(raw) if raw else None
        if self.content is not None:
            self._check(self.content)
        return self.content

    def _check(self, content: Content) -> None:
        """Refuse a journal that names what does not lie in the scratch group. Raises BadInput."""
        inside = f"{self._group.key}/"
        for entry in content["entries"]:
            for name in [*entry["targets"], *entry.get("parts", [])]:
                if name.startswith("/") and not name.lower().startswith(inside):
                    raise BadInput(
                        f"scratch.storage_account_id: the journal of drill {content['drill_id']} names {name}, which is not in "
                        f"the scratch group, so it cannot be trusted and nothing was removed. Open blob '{self._name}' in "
                        f"container '{CONTAINER}', remove the resources and role assignments of the drill that it lists, break "
                        "the lease of the blob and delete it",
                        code="DrillLeftovers",
                    )

    def is_over(self, now: datetime) -> bool:
        """Tell whether the drill of the journal has ended or must have: so that its leftovers may be swept."""
        content = self.content or {}
        end = parse_time(content.get("expires"))
        return content.get("state") == "left" or end is None or end <= now

    def begin(self, content: Content) -> None:
        """Take the group, which no drill has. Raises BadInput where another run was faster."""
        create_container(self._session, self._account, CONTAINER)
        if not self._blob.write(_encode(content)):
            raise self._taken()
        self.content = content
        try:
            self._hold()
        except AzureBackupError:
            # Nothing was made yet, so that nobody needs it.
            with contextlib.suppress(AzureBackupError):
                self._blob.delete()
            self.content = None
            raise

    def take_over(self) -> None:
        """Go on with the journal that was read. Raises BadInput where another run does, too."""
        with self._lock:
            self._hold()
            self._write(lambda content: content.update(state="running"))

    def update(self, change: Callable[[Content], object]) -> None:
        """Change what the journal says. Raises BadInput where another run has taken it over meanwhile."""
        with self._lock:
            self._write(change)

    def add(self, entries: Sequence[Entry]) -> None:
        """Write down what is about to be made as well. Raises BadInput as update does."""
        self.update(lambda content: content["entries"].extend(entries))

    def add_role(self, role: dict[str, str]) -> None:
        """Write down a role that is about to be granted. Raises BadInput as update does."""
        self.update(lambda content: content["roles"].append(role))

    def note(self, entry: Entry, **facts: Any) -> None:
        """Add facts to an entry. Raises BadInput as update does."""
        self.update(lambda content: [one.update(facts) for one in content["entries"] if _is_same(one, entry)])

    def drop(self, entry: Entry) -> None:
        """Take an entry out: all that it has made is gone. Raises BadInput as update does."""
        self.update(lambda content: content.update(entries=[one for one in content["entries"] if not _is_same(one, entry)]))

    def find(self, entry: Entry) -> Entry:
        """Give an entry as the journal has it by now."""
        return next((one for one in (self.content or {})["entries"] if _is_same(one, entry)), entry)

    def end(self) -> None:
        """Give the group free: nothing of the drill is left."""
        self._blob.delete()
        self.content = None

    def _write(self, change: Callable[[Content], object]) -> None:
        if self.content is None:
            raise self._taken()
        content: Content = json.loads(_encode(self.content))
        end = self.renew()
        if end:
            content["expires"] = format_time(end)
        change(content)
        if not self._blob.write(_encode(content)):
            raise self._taken()
        self.content = content

    def _hold(self) -> None:
        try:
            self._blob.hold(str((self.content or {})["drill_id"]))
        except Conflict as error:
            raise BadInput(
                f"scratch.storage_account_id: the drill journal in storage account '{self._account.name}' is leased by another "
                f"client: {error.message}; if no drill is running, break the lease of blob '{self._name}' in container "
                f"'{CONTAINER}' and run this task again",
                code="DrillRunning",
            ) from error

    def _taken(self) -> BadInput:
        return BadInput(
            f"scratch.resource_group: another run has taken over resource group '{self._group.resource_group}', or has changed "
            "or deleted its drill journal; this run starts no further restores there. Wait for the other run, or use a separate "
            "scratch group for each run",
            code="DrillRunning",
        )


def _is_same(one: Entry, other: Entry) -> bool:
    return (one["datasource_id"], one["kind"]) == (other["datasource_id"], other["kind"])


def _encode(content: Content | None) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
