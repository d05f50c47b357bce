# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Long-running operations, followed to their end.

The SDK's own pollers raise where Azure is merely awkward: a subscription-scoped URL that a caller with rights on
one resource group may not read (403), and the 404 that ends a vault's deletion. So the SDK starts operations and
this follows them, by whichever header Azure sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..clock import Deadline, Ramp
from ..errors import (
    AzureBackupError,
    Denied,
    NotFound,
    OperationFailed,
    OutcomeUnknown,
    Throttled,
    Unavailable,
    UnknownHost,
    Unreachable,
)
from ..waiting import wait_until
from .sdk_errors import failed_operation, seconds_to_wait
from .session import Session, json_object

Sent = TypeVar("Sent")

# Azure spells Inprogress, InProgress, Accepted; only the terminal ones are alike everywhere.
_SUCCEEDED = "succeeded"
_FAILED = ("failed", "canceled", "cancelled")
# How long an operation that cannot be found may still appear (again).
_SECONDS_OF_DOUBT = 60.0
# How often a host is asked for whose name is not known.
_TRIES_AT_A_NAME = 2


class FirstAnswer:
    """Stands in for the SDK's polling: keeps the first answer of an operation and polls nothing."""

    def __init__(self) -> None:
        self.response: Any = None

    def initialize(self, client: Any, initial_response: Any, deserialization_callback: Any) -> None:
        """Take the first answer (called by the SDK's poller)."""
        self.response = initial_response.http_response

    def run(self) -> None:
        """Do nothing (called by the SDK's poller)."""

    def finished(self) -> bool:
        """Say that there is nothing to poll (called by the SDK's poller)."""
        return True

    def status(self) -> str:
        """Name the state for the SDK's poller."""
        return "InProgress"

    def resource(self) -> None:
        """Give no resource (called by the SDK's poller)."""


@dataclass
class Outcome:
    """What is known of an operation when it is over.

    is_known is false where the operation cannot be read: then the resource itself has to be looked at.
    """

    body: dict[str, Any] = field(default_factory=dict)
    is_known: bool = True

    @property
    def job_id(self) -> str | None:
        """The ARM id of the job that the operation started, if any."""
        properties = self.body.get("properties") or {}
        return properties.get("jobId") or self.body.get("jobId")


def send_once(send: Callable[[], Sent], action: str, deadline: Deadline, seconds_to_reach: float | None = None) -> Sent:
    """Send what starts something, and again only where it was not processed: a second request is a second backup.

    send: sends without retries of its own; seconds_to_reach: how long to try a host that cannot be reached at all, by
    default as long as the deadline. Raises OutcomeUnknown where it was sent and its fate is not known.
    """
    ramp = Ramp(deadline.poll_interval)
    patience = Deadline(deadline.clock, seconds_to_reach or deadline.timeout, deadline.poll_interval)
    tries = 0
    while True:
        try:
            return send()
        except (Throttled, Unreachable) as error:
            tries += 1
            is_misspelled = isinstance(error, UnknownHost) and tries >= _TRIES_AT_A_NAME
            if deadline.remaining() <= 0 or is_misspelled or (isinstance(error, Unreachable) and patience.remaining() <= 0):
                raise
            deadline.sleep(ramp.following(error.retry_after), f"Cannot {action}: the request")
        except Unavailable as error:
            raise OutcomeUnknown(error.message, code=error.code, status=error.status, details={"changed": True}) from error


def follow_accepted(look: Callable[[], Outcome]) -> Outcome:
    """Follow a request that starts something and was accepted: whatever comes in between, what it started may go on.

    look: follows the operation. Raises OperationFailed where Azure says that it failed, else OutcomeUnknown.
    """
    try:
        return look()
    except OperationFailed:
        raise
    except AzureBackupError as error:
        raise OutcomeUnknown(error.message, code=error.code, status=error.status) from error


def follow(
    session: Session,
    response: Any,
    action: str,
    deadline: Deadline,
    gone_is_done: bool = False,
    by_location: bool = False,
    gone_is_unknown: bool = False,
) -> Outcome:
    """Wait until the operation that began with response is over.

    gone_is_done: a 404 on the operation means that what was to be deleted is gone; gone_is_unknown: one that lasts means that the
    resource itself has to be looked at; by_location: look at the result and not at the status, where both are named.
    Raises OperationFailed with Azure's error, TimedOut.
    """
    status_url = None if by_location else response.headers.get("Azure-AsyncOperation")
    url = status_url or (response.headers.get("Location") if response.status_code == 202 else None)
    if not url:
        return Outcome(json_object(response, action))
    pause = seconds_to_wait(response.headers)
    try:
        # The loop is the retry: what azure-core would sleep through is not bounded by wait_timeout.
        return _poll(
            lambda place: session.send("GET", place, action, retry_total=0),
            url,
            action,
            deadline,
            by_status=bool(status_url),
            gone_is_done=gone_is_done,
            first_pause=pause,
        )
    except NotFound:
        if gone_is_unknown:
            return Outcome(is_known=False)
        raise


def look_until(is_done: Callable[[], bool], action: str, deadline: Deadline) -> None:
    """Look again and again until it is done; a look that fails for a passing cause counts for nothing. Raises TimedOut."""
    wait_until(is_done, bool, deadline, f"Cannot {action}: the operation")


def follow_status(look: Callable[[], Any], action: str, deadline: Deadline) -> Outcome:
    """Wait until the operation is over whose status is looked at by a typed operation. Raises OperationFailed, TimedOut."""
    return _poll(lambda _url: look(), "", action, deadline, by_status=True, gone_is_done=False, first_pause=None)


def _poll(
    look: Callable[[str], Any],
    url: str,
    action: str,
    deadline: Deadline,
    by_status: bool,
    gone_is_done: bool,
    first_pause: float | None,
) -> Outcome:
    place, pause = url, first_pause

    def look_at_it() -> Outcome | None:
        nonlocal place, pause
        try:
            answer = look(place)
            body = json_object(answer, action)
        except Denied:
            return Outcome(is_known=False)
        except NotFound:
            if gone_is_done:
                return Outcome()
            raise
        pause = seconds_to_wait(answer.headers)
        if not by_status:
            place = answer.headers.get("Location") or place
            return None if answer.status_code == 202 else Outcome(body)
        status = str(body.get("status", "")).lower()
        if status in _FAILED:
            raise failed_operation(body, action)
        return Outcome(body) if status == _SUCCEEDED else None

    found = wait_until(
        look_at_it,
        lambda outcome: outcome is not None,
        deadline,
        f"Cannot {action}: the operation",
        first_pause=first_pause or None,
        pause_after=lambda _outcome: pause,
        seconds_of_doubt=_SECONDS_OF_DOUBT,
    )
    return found or Outcome()
