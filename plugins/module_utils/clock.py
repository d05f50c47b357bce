# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Time, and waiting. Injected everywhere, so that a test lives through hours in a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone

from .errors import Interrupted, Throttled, TimedOut

# How long an interrupted task may still wait for the outcome of the requests that it has just sent.
_SECONDS_AFTER_INTERRUPT = 5.0
LONGEST_RAMP_SECONDS = 30.0


class Clock:
    """The machine's own time."""

    # Whether the task is to end: nothing new is begun then.
    is_interrupted = False

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Tell the seconds since some moment, which go on whatever the time is set to."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        time.sleep(max(0.0, seconds))

    def pause(self, seconds: float) -> None:
        """Let as many seconds pass as Azure asks for between two requests."""
        self.sleep(seconds)

    def bound(self, seconds: float) -> None:
        """Have pauses end that many seconds from now; this clock has no end."""


class InterruptibleClock(Clock):
    """The time of another clock, with waits that an interrupt ends."""

    def __init__(self, inner: Clock) -> None:
        self._inner = inner
        self._end: float | None = None
        self._interrupted = threading.Event()
        self._left = _SECONDS_AFTER_INTERRUPT

    @property
    def is_interrupted(self) -> bool:  # type: ignore[override]
        """Whether the task is to end."""
        return self._interrupted.is_set()

    def interrupt(self) -> None:
        """Have the task end: waits are cut short, and soon there are none any more."""
        self._interrupted.set()

    def now(self) -> datetime:
        """Tell the time, in UTC."""
        return self._inner.now()

    def monotonic(self) -> float:
        """Tell the seconds since some moment."""
        return self._inner.monotonic()

    def bound(self, seconds: float) -> None:
        """Have pauses end that many seconds from now; of several ends the last one counts."""
        self._end = max(self._end or 0.0, self.monotonic() + seconds)

    def pause(self, seconds: float) -> None:
        """Let as many seconds pass as Azure asks for between two requests. Raises Throttled where the task has not as many."""
        if self._end is not None and seconds > self._end - self.monotonic():
            raise Throttled(f"Azure asks to wait {seconds:.0f} seconds, which exceeds wait_timeout", retry_after=seconds)
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass. Raises Interrupted where the task is to end."""
        if self.is_interrupted:
            if self._left <= 0:
                raise Interrupted("the task was interrupted")
            seconds = min(seconds, self._left)
            self._left -= max(seconds, 0.1)
        elif self._inner.__class__ is Clock:
            # Real seconds, which can be waited for in any way; another clock has a sleep of its own.
            self._interrupted.wait(max(0.0, seconds))
            return
        self._inner.sleep(seconds)


class Deadline:
    """How long a wait may last and how often it looks.

    timeout and poll_interval are seconds.
    """

    def __init__(self, clock: Clock, timeout: float, poll_interval: float) -> None:
        self.clock = clock
        self.timeout = timeout
        self.poll_interval = poll_interval
        self._end = clock.monotonic() + timeout

    def remaining(self) -> float:
        """Tell how many seconds are left; never negative."""
        return max(0.0, self._end - self.clock.monotonic())

    def sleep(self, seconds: float, what: str) -> None:
        """Wait, but not beyond the end; what names the thing that is awaited.

        Raises TimedOut when no time is left to wait.
        """
        remaining = self.remaining()
        if remaining <= 0:
            raise TimedOut(f"{what} is still running after {self.timeout:g} seconds (wait_timeout)")
        self.clock.sleep(min(seconds, remaining))


def looks(clock: Clock, seconds: float, every: float) -> Iterator[None]:
    """Give the turns of a search: the first at once, then one every so many seconds, until the time is over."""
    search = Deadline(clock, seconds, every)
    while True:
        yield
        try:
            search.sleep(every, "the search")
        except TimedOut:
            return


class Ramp:
    """Polling intervals that begin short and double up to a limit, in seconds.

    first: by default a second, or an eighth of the limit where that is less.
    A Retry-After of the service is honoured instead where it sent one above zero.
    """

    def __init__(self, limit: float, first: float | None = None, longest: float = LONGEST_RAMP_SECONDS) -> None:
        self._limit = min(limit, longest)
        self._next = min(first or min(1.0, self._limit / 8), self._limit)

    def following(self, retry_after: float | None = None) -> float:
        """Give the seconds to wait before the next look."""
        if retry_after:
            return retry_after
        seconds = self._next
        self._next = min(self._next * 2, self._limit)
        return seconds
