# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that meets AnsibleModule: options in, results out, errors as results."""

from __future__ import annotations

import contextlib
import functools
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import unquote

from ansible.module_utils.basic import AnsibleModule

from .arguments import CONNECTION, Spec
from .azure.identity import warning_of_ignored
from .azure.session import Session
from .clock import Clock, Deadline, InterruptibleClock
from .errors import AzureBackupError, BadInput, attempted
from .progress import Progress
from .reconcile import Change

Result = dict[str, Any]
Done = TypeVar("Done")
_SIGNATURE = re.compile(r"[?&]sig=([^&\s]+)")
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

    @cached_property
    def progress(self) -> Progress:
        """Who to tell how far things are."""
        return Progress(None if self.check_mode else self.options.get("progress_file"))

    @property
    def may_have_changed(self) -> bool:
        """Whether anything was sent that may have changed something."""
        return "session" in self.__dict__ and self.session.ledger.total() > 0

    def accounting(self, work: Callable[..., Done]) -> Callable[..., Done]:
        """Give the same work, whose failure tells whether it may have changed something before; it runs in one thread."""

        def accounted(*arguments: Any) -> Done:
            self.bound()
            before = self.session.ledger.of_this_thread()
            outcome = attempted(functools.partial(work, *arguments))
            if not isinstance(outcome, AzureBackupError):
                return outcome
            if self.session.ledger.of_this_thread() > before:
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


def run(
    arguments: Spec,
    action: Callable[[Task], Result],
    clock: Clock | None = None,
    needs_subscription: bool = True,
    **constraints: Any,
) -> None:
    """Run a module: the whole of its main().

    arguments: its own options, the connection's are added; action: does the work and gives the result;
    needs_subscription: whether it is about what lies in a subscription;
    constraints: AnsibleModule's required_if and the like. Every AzureBackupError becomes a failed result.
    """
    module = AnsibleModule(argument_spec={**CONNECTION, **arguments}, supports_check_mode=True, **constraints)
    # A SAS token that was written into an address is refused, and shown no more than one in its place.
    for value in map(str, module.params.values()):
        for signature in _SIGNATURE.findall(value):
            module.no_log_values |= {signature, unquote(signature)}
    interruptible = InterruptibleClock(clock or Clock())
    task = Task(module.params, module.check_mode, interruptible, module.warn, needs_subscription)

    def act() -> Result:
        check_waiting(task.options)
        task.bound()
        with _ended_by_signals(interruptible):
            return action(task)

    outcome = attempted(act)
    if "session" in task.__dict__:
        task.session.close()
    if isinstance(outcome, AzureBackupError):
        changed = bool(task.may_have_changed or outcome.details.get("changed"))
        failure: Result = {**outcome.details, "changed": changed, "error": outcome.as_result()}
        module.fail_json(outcome.message, **failure)
    result = outcome
    if not module._diff:
        result.pop("diff", None)
    if result.get("failed"):
        module.fail_json(**{key: value for key, value in result.items() if key != "failed"})
    module.exit_json(**result)


@contextlib.contextmanager
def _ended_by_signals(clock: InterruptibleClock) -> Iterator[None]:
    """Have Ctrl-C and SIGTERM end the task in an orderly way; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]

    def end(_number: int, _frame: object) -> None:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        clock.interrupt()

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def check_waiting(options: dict[str, Any]) -> None:
    """Refuse numbers that cannot be. Raises BadInput with every mistake."""
    problems = [
        f"{name}: {options[name]:g} must be more than 0 and at most {most}"
        for name, most in _LIMITS.items()
        if options.get(name) is not None and not 0 < options[name] <= most
    ]
    if problems:
        raise BadInput("; ".join(problems))


def change_result(noun: str, change: Change) -> Result:
    """Give the result of a declarative module: one dict named by the noun, and the diff."""
    return {"changed": change.changed, "action": change.action, noun: change.after, "diff": change.diff}
