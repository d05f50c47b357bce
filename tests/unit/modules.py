# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running modules in process, through the real SDKs, against a loopback server."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ansible.module_utils import basic
from ansible.module_utils.common import warnings
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from emulator.clock import Clock as EmulatorClock

Result = dict[str, Any]
# What works only on the controller, in a role of this collection: there is no module to run.
ON_CONTROLLER = frozenset({"role_input", "check_groups", "restore_drill_report", "coverage_report"})
MODULES = sorted({path.stem for path in (Path(__file__).parents[2] / "plugins" / "modules").glob("*.py")} - ON_CONTROLLER)
_PACKAGE = "ansible_collections.holdfast.azure_backup.plugins.modules"


class VirtualClock(Clock):
    """A clock whose sleep lets the emulator's time pass, so that hours take no time.

    on_sleep: called at each sleep, for tests that let something happen in the middle of a wait; skew: by how much it is wrong.
    """

    def __init__(self, shared: EmulatorClock, on_sleep: Callable[[], None] | None = None) -> None:
        self._shared = shared
        self._lock = threading.Lock()
        self._on_sleep = on_sleep
        self.slept: list[float] = []
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """Tell the emulator's time."""
        return self._shared.now() + self.skew

    def monotonic(self) -> float:
        """Tell the emulator's time in seconds, which nobody can set."""
        return self._shared.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Let that time pass at once."""
        with self._lock:
            self.slept.append(seconds)
            self._shared.advance(max(0.0, seconds))
        if self._on_sleep:
            self._on_sleep()


@contextlib.contextmanager
def patched_arguments(values: dict[str, Any]) -> Iterator[None]:
    """Give a module its arguments, in the way of the ansible-core at hand."""
    try:
        from ansible.module_utils.testing import patch_module_args
    except ImportError:
        # ansible-core before 2.19 has no supported way.
        basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": values}).encode()  # noqa: SLF001
        try:
            yield
        finally:
            basic._ANSIBLE_ARGS = None  # noqa: SLF001
    else:
        with patch_module_args(values):
            yield


def run_module(name: str, arguments: Result, clock: Clock | None = None, check: bool = False) -> Result:
    """Run a module and give its result; failed is always there."""
    module = importlib.import_module(f"{_PACKAGE}.{name}")
    values = {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp", **arguments}  # noqa: S108
    output = io.StringIO()
    # A process of its own begins with none.
    warnings._global_warnings.clear()  # noqa: SLF001
    with patched_arguments(values), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        module.main(clock)
    result: Result = json.loads(output.getvalue().strip().splitlines()[-1])
    result.setdefault("failed", False)
    return result


def pruned(value: Any) -> Any:
    """Leave out what is None or empty."""
    if isinstance(value, dict):
        return {name: kept for name, item in value.items() if (kept := pruned(item)) not in (None, [], {})}
    return [pruned(item) for item in value] if isinstance(value, list) else value
