# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Everything that can go wrong, as one tree of exceptions. Imports nothing of Azure and nothing of Ansible."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

Done = TypeVar("Done")


class AzureBackupError(Exception):
    """A failure with a message for a person, and Azure's own words beside it.

    message: one sentence that says what could not be done and why.
    code, status, request_id, recommended_action: what Azure answered, None where it answered nothing.
    retry_after: seconds that Azure asks to wait before another attempt.
    details: more keys for the module's result, such as the job that goes on after a timeout.
    """

    def __init__(
        self,
        message: str,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        recommended_action: str | None = None,
        details: dict[str, object] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.recommended_action = recommended_action
        self.details = details or {}
        self.retry_after = retry_after

    def as_result(self) -> dict[str, object]:
        """Give the error value of a module's result."""
        return {
            "code": self.code or type(self).__name__,
            "message": self.message,
            "status": self.status,
            "request_id": self.request_id,
            "recommended_action": self.recommended_action,
        }

    def about(self, action: str) -> AzureBackupError:
        """Give the same error with its message headed by what was being done."""
        self.message = f"Cannot {action}: {self.message}"
        self.args = (self.message,)
        return self


class BadInput(AzureBackupError):
    """The options are wrong; the message names them. Raised before anything is written."""


class MissingLibrary(AzureBackupError):
    """A Python library is missing or too old; the message names the requirement that brings it."""


class SignInFailed(AzureBackupError):
    """Entra ID gave no token."""


class NotFound(AzureBackupError):
    """Azure has no such resource (404)."""


class Denied(AzureBackupError):
    """The caller may not do this (401, 403)."""


class ApprovalMissing(Denied):
    """A resource guard protects the operation, and the caller has no rights on the guard."""


class Conflict(AzureBackupError):
    """The resource is in the way of the request (409)."""


class Throttled(AzureBackupError):
    """Too many requests (429). Such a request was not processed."""


class Unavailable(AzureBackupError):
    """A 5xx answer or a broken connection: the outcome of the request is unknown."""


class Unreachable(Unavailable):
    """No connection could be made at all: the request was not sent."""


class UnknownHost(Unreachable):
    """The name of the host is not known; nothing was sent, and a misspelled name stays unknown."""


class UntrustedHost(AzureBackupError):
    """A URL points to another host than the cloud's own; nothing was sent there."""


class OperationFailed(AzureBackupError):
    """A long-running operation or a backup job ended without success."""


class PermissionMissing(OperationFailed):
    """The vault's identity lacks a role, or holds it since too short a time for it to count."""


class TimedOut(AzureBackupError):
    """The time to wait is over. What was started goes on in Azure."""


class Interrupted(TimedOut):
    """Somebody ended the task (Ctrl-C, SIGTERM). What was started goes on in Azure."""


class OutcomeUnknown(AzureBackupError):
    """A request that starts something was sent, and whether it did cannot be told."""


def sentences(texts: Any) -> str | None:
    """Give one text or a list of them as sentences that each have an end; None for nothing."""
    listed = texts if isinstance(texts, list) else [texts]
    words = [str(text).strip() for text in listed if text is not None and str(text).strip()]
    ended = [text if text.endswith((".", "!", "?", ":")) else f"{text}." for text in words[:-1]]
    return " ".join([*ended, *words[-1:]]) or None


# What a later attempt may cure: polling goes on after these.
TRANSIENT = (Throttled, Unavailable)


def catch(work: Callable[[], Done]) -> Done | AzureBackupError:
    """Do some work and give what it gave, or the error that it ended with, whatever that is.

    The one place that catches everything: no traceback reaches a person, and what breaks for one of many takes no other with it.
    """
    try:
        return work()
    except AzureBackupError as error:
        return error
    except Exception as error:  # noqa: BLE001 - see above
        return _unexpected(error)


def _unexpected(error: Exception) -> AzureBackupError:
    """Give the error for something that nobody thought of: where it broke, in words that a report can quote."""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-3:]]
    return AzureBackupError(
        f"Unexpected error (possibly a bug in this collection): {type(error).__name__}: {error} "
        f"({' > '.join(places)}). Earlier requests of this task may have taken effect; please report this error",
        code=type(error).__name__,
    )
