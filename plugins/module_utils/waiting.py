# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Waiting for what Azure does: one loop for jobs, operations and states, and one for what has yet to appear."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from .clock import Clock, Deadline, Ramp, looks
from .errors import TRANSIENT, AzureBackupError, NotFound

Found = TypeVar("Found")


def wait_until(
    look: Callable[[], Found],
    is_over: Callable[[Found], object],
    deadline: Deadline,
    awaited: str,
    pace: Callable[[float | None], float] | None = None,
    first_pause: float | None = 0.0,
    pause_after: Callable[[Found], float | None] = lambda _found: None,
    seconds_of_doubt: float = 0.0,
    doubted: tuple[type[AzureBackupError], ...] = (NotFound,),
) -> Found:
    """Look again and again until what is found is over, and give that. A look that fails for a passing cause counts for nothing.

    awaited: what TimedOut says is still running; pace: gives the seconds between two looks, by those that Azure asked for, by
    default a Ramp up to the deadline's interval; first_pause: seconds before the first look, None for those of the pace;
    pause_after: the seconds that Azure asks for after a look; doubted: errors that count only when looks have given them for
    seconds_of_doubt, since what was begun a moment ago may be unknown. Raises TimedOut, and what look raises.
    """
    pace = pace or Ramp(deadline.poll_interval).following
    patience = Deadline(deadline.clock, seconds_of_doubt, deadline.poll_interval)
    pause = first_pause
    while True:
        if pause != 0.0:
            deadline.sleep(pace(pause), awaited)
        pause = None
        try:
            found = look()
        except TRANSIENT as error:
            pause = error.retry_after or None
        except doubted:
            if patience.remaining() <= 0:
                raise
        else:
            patience = Deadline(deadline.clock, seconds_of_doubt, deadline.poll_interval)
            if is_over(found):
                return found
            pause = pause_after(found) or None


def look_for(
    find: Callable[[], Found | None],
    clock: Clock,
    seconds: float,
    every: float,
    ignored: tuple[type[AzureBackupError], ...] = (AzureBackupError,),
) -> Found | None:
    """Look for something that is to appear, once every so many seconds, and give it; None where it does not appear in time.

    ignored: errors after which the next look may succeed.
    """
    for _look in looks(clock, seconds, every):
        with contextlib.suppress(*ignored):
            found = find()
            if found is not None:
                return found
    return None
