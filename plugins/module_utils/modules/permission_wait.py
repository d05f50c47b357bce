# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Waiting until roles count that were granted a moment ago."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..clock import Deadline, Ramp
from ..errors import TRANSIENT, PermissionMissing
from ..model.resource_ids import ResourceId
from .task import Task


def ask_until_permitted(task: Task, datasource: ResourceId, roles: Sequence[str], ask: Callable[[], None]) -> None:
    """Ask Azure again and again while it answers that a permission is missing, for as long as roles take to be effective.

    roles: what the vault's identity needs and where, for the message. Raises PermissionMissing after permission_timeout.
    """
    patience = Deadline(task.clock, task.options["permission_timeout"], task.options["poll_interval"])
    ramp = Ramp(task.options["poll_interval"], first=10)
    while True:
        try:
            return ask()
        except TRANSIENT:
            if patience.remaining() <= 0:
                raise
        except PermissionMissing as error:
            if patience.remaining() <= 0:
                error.message = (
                    f"{error.message} After {task.options['permission_timeout']} seconds (permission_timeout) the vault's "
                    f"identity still lacks a role; it needs {', '.join(roles)}. Grant them with backup_permission; new roles "
                    "take up to 30 minutes to take effect"
                )
                raise
        task.progress.note(datasource.name, datasource.key, "waiting until the roles of the vault's identity take effect")
        patience.clock.sleep(min(ramp.following(), max(patience.remaining(), 0.01)))
