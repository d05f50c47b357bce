# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a protection, and waiting for them. The end of an operation is not yet the state that it leads to."""

from __future__ import annotations

from .clock import Deadline, Ramp
from .errors import TRANSIENT, NotFound, OperationFailed, TimedOut
from .services import BackupService, Described

PROTECTED = "protection_configured"
SUSPENDED = "backups_suspended"
STOPPED = "protection_stopped"
# In these Azure is at work and the next state comes by itself.
IN_TRANSIT = ("configuring_protection", "updating_protection", "soft_deleting")
BROKEN = ("protection_error", "configuring_protection_failed")


def wait_until_settled(service: BackupService, name: str, deadline: Deadline) -> Described:
    """Wait until Azure is not at work on an instance any more, whatever its state is then. Raises TimedOut, NotFound."""
    action = f"wait until backup instance '{name}' is settled"
    ramp = Ramp(deadline.poll_interval)
    while True:
        try:
            instance = service.read_instance(name)
        except TRANSIENT:
            pass
        else:
            if instance is None:
                raise NotFound(f"Cannot {action}: it is gone")
            if instance["state"] not in IN_TRANSIT:
                return instance
        deadline.sleep(ramp.following(), action)


def wait_for_state(service: BackupService, name: str, wanted: str, deadline: Deadline) -> Described:
    """Wait until an instance is in a state. Raises OperationFailed with its protection error, TimedOut."""
    action = f"bring backup instance '{name}' to {wanted}"
    ramp = Ramp(deadline.poll_interval)
    while True:
        try:
            instance = service.read_instance(name)
        except TRANSIENT:
            instance = None
        if instance and instance["state"] == wanted:
            return instance
        if instance and instance["state"] in BROKEN:
            raise OperationFailed(f"Cannot {action}: {_reasons(instance)}", code=_first_code(instance))
        try:
            deadline.sleep(ramp.following(), action)
        except TimedOut as error:
            error.message += f"; it is {instance['state'] if instance else 'not there'}; run the task again to go on waiting"
            raise


def _reasons(instance: Described) -> str:
    told = "; ".join(str(error["message"]) for error in instance["errors"])
    return told or f"it is in the state {instance['state']}"


def _first_code(instance: Described) -> str | None:
    return next((error["code"] for error in instance["errors"]), None)
