# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The states of a protection, and waiting for them. The end of an operation is not yet the state that it leads to."""

from __future__ import annotations

from collections.abc import Callable

from ..clock import Deadline
from ..errors import NotFound, OperationFailed, TimedOut
from ..model.result_shapes import Described
from ..waiting import wait_until
from .interface import BackupService

PROTECTED = "protection_configured"
SUSPENDED = "backups_suspended"
STOPPED = "protection_stopped"
# How long a job that is over is doubted for want of what it made.
_SECONDS_TO_SHOW = 120
# In these Azure is at work and the next state comes by itself.
IN_TRANSIT = ("configuring_protection", "updating_protection", "soft_deleting")
BROKEN = ("protection_error", "configuring_protection_failed")


def wait_until_settled(service: BackupService, name: str, deadline: Deadline) -> Described:
    """Wait until Azure is not at work on an instance any more, whatever its state is then. Raises TimedOut, NotFound."""
    action = f"wait until Azure has finished changing backup instance '{name}'"

    def is_settled(instance: Described | None) -> bool:
        if instance is None:
            raise NotFound(f"Cannot {action}: it no longer exists")
        return instance["state"] not in IN_TRANSIT

    return _wait(service, name, is_settled, action, deadline) or {}


def wait_for_state(
    service: BackupService, name: str, wanted: str, deadline: Deadline, expected: Described | None = None
) -> Described:
    """Wait until an instance is in a state. Raises OperationFailed with its protection error, TimedOut.

    expected: what is given where a job has made the instance and no list shows it for two minutes.
    """
    patience = Deadline(deadline.clock, _SECONDS_TO_SHOW, deadline.poll_interval)
    action = f"bring backup instance '{name}' to state {wanted}"

    def is_there(instance: Described | None) -> bool:
        if instance and instance["state"] in BROKEN and instance["state"] != wanted:
            raise OperationFailed(f"Cannot {action}: {_reasons(instance)}", code=_first_code(instance))
        if instance is None and expected is not None and patience.remaining() <= 0:
            return True
        return bool(instance and instance["state"] == wanted)

    return _wait(service, name, is_there, action, deadline) or expected or {}


def wait_until_gone(service: BackupService, name: str, deadline: Deadline) -> None:
    """Wait until an instance is not there any more. Raises TimedOut."""
    _wait(service, name, lambda instance: instance is None, f"delete backup instance '{name}'", deadline)


def _wait(
    service: BackupService,
    name: str,
    is_done: Callable[[Described | None], bool],
    action: str,
    deadline: Deadline,
) -> Described | None:
    """Look at an instance until is_done. Raises TimedOut with the state that it was in."""
    state = "unknown"

    def look() -> Described | None:
        nonlocal state
        state = "unknown"
        instance = service.read_instance(name)
        state = str(instance["state"]) if instance else "missing"
        return instance

    try:
        return wait_until(look, is_done, deadline, f"Cannot {action}: the operation")
    except TimedOut as error:
        error.message += f"; the backup instance is {state}; run the task again to continue waiting"
        raise


def _reasons(instance: Described) -> str:
    told = "; ".join(str(error["message"]) for error in instance["errors"])
    return told or f"it is in state {instance['state']}"


def _first_code(instance: Described) -> str | None:
    return next((error["code"] for error in instance["errors"]), None)
