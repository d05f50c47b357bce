# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator's time, and what is due at which time. Nothing else looks at a clock."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime


class Clock:
    """Real time, shifted by what a test has let pass.

    speed divides every duration of the service: at 600, four minutes of Azure take 0.4 s.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """Tell the emulator's time, in UTC."""
        return (self._frozen or datetime.now(timezone.utc)) + self._offset

    def freeze(self) -> None:
        """Let time pass only by advance()."""
        self._frozen = self._frozen or datetime.now(timezone.utc)

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass at once."""
        self._offset += timedelta(seconds=seconds)

    def catch_up(self) -> None:
        """Be at the real time again."""
        self._offset = timedelta(0)

    def advance_to(self, moment: datetime) -> None:
        """Let time pass until that moment, unless it is over already."""
        self.advance(max(0.0, (moment - self.now()).total_seconds()))

    def lasting(self, seconds: float) -> timedelta:
        """Give how long something of Azure's takes here."""
        return timedelta(seconds=seconds / self.speed)

    def retry_after(self, seconds: float) -> str:
        """Give a Retry-After header's value, scaled like every duration."""
        return str(round(seconds / self.speed))


class Schedule:
    """What happens later, in the order of time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, event: Callable[[datetime], None]) -> datetime:
        """Let event happen that many of Azure's seconds from now; it is called with its own time."""
        moment = self.clock.now() + self.clock.lasting(seconds)
        heapq.heappush(self._due, (moment, next(self._order), event))
        return moment

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        while self._due and self._due[0][0] <= self.clock.now():
            moment, _order, event = heapq.heappop(self._due)
            event(moment)

    def clear(self) -> None:
        """Forget all that was to happen."""
        self._due.clear()


def ticks(moment: datetime | None) -> str:
    """Write a time as .NET does, with seven decimals; None is the year 1."""
    if moment is None:
        return "0001-01-01T00:00:00Z"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def whole_seconds(moment: datetime | None) -> str:
    """Write a time without decimals, as finished operations do."""
    return "0001-01-01T00:00:00Z" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_duration(length: timedelta) -> str:
    """Write a duration as a single job does: PT3M36.4945012S."""
    seconds = length.total_seconds()
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = (f"{int(hours)}H" if hours else "") + (f"{int(minutes)}M" if minutes else "")
    return f"PT{parts}{rest:.7f}".rstrip("0").rstrip(".") + "S"


def dotnet_duration(length: timedelta) -> str:
    """Write a duration as lists of jobs do: 00:03:36.4945012."""
    seconds = length.total_seconds()
    return f"{int(seconds // 3600):02d}:{int(seconds % 3600 // 60):02d}:{seconds % 60:010.7f}"


def http_date(moment: datetime) -> str:
    """Write a time as the Date header does."""
    return format_datetime(moment.astimezone(timezone.utc), usegmt=True)
