# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a module was asked to do, and with what."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from ..azure.caller import warning_of_ignored
from ..azure.session import Session
from ..clock import Clock, Deadline
from ..errors import AzureBackupError, BadInput, NotFound, catch
from ..progress import Progress

Result = dict[str, Any]

Done = TypeVar("Done")

_A_MONTH = 31 * 86400

_LIMITS = {
    "wait_timeout": _A_MONTH,
    "permission_timeout": _A_MONTH,
    "poll_interval": 3600,
    "progress_interval": 86400,
    "max_concurrency": 256,
}


@dataclass
class Task:
    """What a module was asked to do, and with what."""

    options: dict[str, Any]
    check_mode: bool
    clock: Clock
    warn: Callable[[str], None]
    # Whether it is about what lies in a subscription.
    needs_subscription: bool = True

    @cached_property
    def session(self) -> Session:
        """The connection to Azure. Nothing is sent before it is used."""
        session = Session(
            self.options,
            self.clock,
            check_mode=self.check_mode,
            connections=int(self.options.get("max_concurrency") or 8),
            needs_subscription=self.needs_subscription,
        )
        ignored = warning_of_ignored(session.identity)
        if ignored:
            self.warn(ignored)
        if not session.verifies_certificates:
            self.warn("cert_validation_mode is ignore: the identity of the Azure endpoints is not verified")
        return session

    def derived(self, **options: Any) -> Task:
        """Give a task with other options beside its own, over the same connection."""
        session = self.session
        task = Task({**self.options, **options}, self.check_mode, self.clock, self.warn, self.needs_subscription)
        task.__dict__["session"] = session
        return task

    @cached_property
    def progress(self) -> Progress:
        """Who to tell how far things are."""
        return Progress(None if self.check_mode else self.options.get("progress_file"))

    @property
    def waits(self) -> bool:
        """Whether the task waits for what was started; check mode tells how things are at this moment."""
        return bool(self.options["wait"]) and not self.check_mode

    def carry_out(self, work: Callable[[], Done], prediction: Done) -> Done:
        """Do what changes something and give its result; check mode does nothing and gives the prediction."""
        return prediction if self.check_mode else work()

    def require(self, error: NotFound, told: str) -> None:
        """Say that something is missing which the task needs: raises the error; check mode, where it may be created by an
        earlier task, warns with what is told instead.
        """
        if not self.check_mode:
            raise error
        self.warn(told)

    @property
    def may_have_changed(self) -> bool:
        """Whether anything was sent that may have changed something."""
        return "session" in self.__dict__ and self.session.write_counter.total() > 0

    def accounting(self, work: Callable[..., Done]) -> Callable[..., Done]:
        """Give the same work, whose failure tells whether it may have changed something before; it runs in one thread."""

        def accounted(*arguments: Any) -> Done:
            self.bound()
            before = self.session.write_counter.of_this_thread()
            outcome = catch(functools.partial(work, *arguments))
            if not isinstance(outcome, AzureBackupError):
                return outcome
            if self.session.write_counter.of_this_thread() > before:
                outcome.details = {**outcome.details, "changed": True}
            raise outcome

        return accounted

    def bound(self) -> None:
        """Have no pause that Azure asks for last beyond wait_timeout from now."""
        if self.options.get("wait_timeout"):
            self.clock.bound(self.options["wait_timeout"])

    def deadline(self) -> Deadline:
        """Begin the wait that wait_timeout and poll_interval describe."""
        self.bound()
        return Deadline(self.clock, self.options["wait_timeout"], self.options["poll_interval"])


def check_waiting(options: dict[str, Any]) -> None:
    """Refuse numbers that cannot be. Raises BadInput with every mistake."""
    problems = [
        f"{name}: {options[name]:g} must be more than 0 and at most {most}"
        for name, most in _LIMITS.items()
        if options.get(name) is not None and not 0 < options[name] <= most
    ]
    if problems:
        raise BadInput("; ".join(problems))
