# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running operations of all providers: begun, over when their time has come, found again by what a poll asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from .arm import ArmError, Wire
from .clock import Schedule
from .faults import Faults


@dataclass
class Operation:
    """One operation.

    error: set by its work where it fails; properties: of its status once it has succeeded; result: gives what its result is
    answered with.
    """

    name: str
    started: datetime
    ended: datetime | None = None
    error: Wire | None = None
    properties: Wire | None = None
    result: Callable[[], Any] | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or badly."""
        return self.ended is not None

    @property
    def status(self) -> str:
        """InProgress, Succeeded or Failed."""
        if not self.is_over:
            return "InProgress"
        return "Failed" if self.error else "Succeeded"


Kind = TypeVar("Kind", bound=Operation)


class Operations(Generic[Kind]):
    """The operations of a provider. How they are asked for and what is answered is the provider's own."""

    def __init__(self, schedule: Schedule, faults: Faults) -> None:
        self.clock = schedule.clock
        self._schedule = schedule
        self._faults = faults
        self._known: dict[str, Kind] = {}

    def begin(
        self, operation: Kind, keys: Iterable[str], seconds: float, work: Callable[[Kind, datetime], None], may_fail: bool = False
    ) -> Kind:
        """Begin an operation that does its work after that many seconds, and give it.

        keys: what it is found by, in any casing; work: may set properties and result, or error to make it fail; may_fail: whether
        a failure may come instead of it (faults).
        """
        for key in keys:
            self._known[key.lower()] = operation
        fate = self._faults.take_operation_fate() if may_fail else {}

        def finish(due: datetime) -> None:
            if fate:
                operation.error = fate["error"]
            else:
                work(operation, due)
            operation.ended = due

        self._schedule.after(seconds, finish)
        return operation

    def find(self, key: str) -> Kind:
        """Give the operation that a poll asks for. Raises ArmError 404."""
        found = self._known.get(key.lower())
        if found is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{key.rsplit('/', 1)[-1]}' was not found.")
        return found
