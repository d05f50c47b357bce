# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Many things at once: bounded threads, an outcome for each, and reads that are done once. Private to this collection."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from .clock import Clock
from .errors import AzureBackupError, catch

# Protecting a disk takes a minute and a half, of which its requests take a second.
_WAITING_FOR_EACH_REQUEST = 16
# Each of them takes a thread.
_MOST_AT_ONCE = 512

Found = TypeVar("Found")
Item = TypeVar("Item")

Done = TypeVar("Done")


class FreshRead(Generic[Found]):
    """A read that threads share: whoever asks gets an answer that was asked for after that moment.

    So many threads that look at one list at the same time cost two reads and not one each; an error is given to all of them.
    clock: tells how old an answer is, where an older one may do.
    """

    def __init__(self, read: Callable[[], Found], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._last: tuple[float, Found] | None = None
        self._lock = threading.Lock()
        self._one_at_a_time = threading.Lock()
        self._next: Future[Found | AzureBackupError] | None = None

    def __call__(self, most_seconds_old: float = 0.0) -> Found:
        """Give what is read, or was read so many seconds ago. Raises the error that reading ended with."""
        with self._lock:
            if self._last and self._clock.monotonic() - self._last[0] < most_seconds_old:
                return self._last[1]
            leads = self._next is None
            mine = self._next = self._next or Future()
        if leads:
            with self._one_at_a_time:
                with self._lock:
                    # It begins now, so that whoever asks from here on needs another one.
                    self._next = None
                began = self._clock.monotonic()
                read = catch(self._read)
                if not isinstance(read, AzureBackupError):
                    self._last = began, read
                mine.set_result(read)
        outcome = mine.result()
        if isinstance(outcome, AzureBackupError):
            raise outcome
        return outcome


class ReadOnce:
    """Reads something for each key, once, also where many threads ask at the same time; an error is given to all of them.

    read: takes the key and gives what it reads.
    """

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._found: dict[str, Future[Any]] = {}

    def __call__(self, key: str) -> Any:
        """Give what was read for a key. Raises the error that reading it ended with."""
        with self._lock:
            known = self._found.get(key)
            found = self._found[key] = known or Future()
        if known is None:
            # Whatever happens, nobody waits for ever.
            found.set_result(catch(lambda: self._read(key)))
        outcome = found.result()
        if isinstance(outcome, AzureBackupError):
            raise outcome
        return outcome


def item_concurrency(max_concurrency: int) -> int:
    """Give how many datasources are worked on while so many requests are under way: most of them wait for Azure.

    With one request at a time they come one after the other.
    """
    return max(min(max_concurrency * _WAITING_FOR_EACH_REQUEST, _MOST_AT_ONCE), max_concurrency) if max_concurrency > 1 else 1


def settle_each(items: Sequence[Item], work: Callable[[Item], Done], max_concurrency: int) -> list[Done | AzureBackupError]:
    """Do the work for every item, several at once; gives what each gave, or the error that it ended with."""

    with ThreadPoolExecutor(max_workers=max(1, min(max_concurrency, len(items)))) as pool:
        return list(pool.map(lambda item: catch(functools.partial(work, item)), items))
