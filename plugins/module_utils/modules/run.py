# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The only place that meets AnsibleModule: options in, results out, errors as results."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from ansible.module_utils.basic import AnsibleModule

from ..arguments import CONNECTION, Spec
from ..clock import Clock, InterruptibleClock
from ..errors import AzureBackupError, catch
from .task import Result, Task, check_waiting

_SIGNATURE = re.compile(r"[?&]sig=([^&\s]+)")


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

    outcome = catch(act)
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
