# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines on the controller while a module waits, on stderr so that what callbacks print stays parseable.

The module writes facts to a file (module_utils/progress.py); here they become lines. Where the module runs on another
machine, or detached from the task (async), there are no lines and the result is the same.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BETWEEN_LOOKS = 0.2
# With more than these at work, one line counts them instead of a line for each.
_MOST_LINES_AT_ONCE = 5
# What begins is named, so that a wait for it can be resumed; beyond these a thousand would drown all else.
_MOST_LINES_FOR_NEWS = 20

Facts = dict[str, Any]
_BLANK: Facts = {"subject": "", "status": "", "elapsed_seconds": None, "is_over": False}
# Ansible makes these names when it reads its configuration.
_SETTINGS: Any = constants


class ProgressAction(NormalAction):
    """Runs the module of the action's name as ever, and shows its progress."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> Any:
        """Run the module."""
        given = self._task.args
        if not self._shows_progress():
            return NormalAction.run(self, tmp, task_vars)
        interval = self._interval(given.get("progress_interval"))
        heading = f"{str(self._task.action).rsplit('.', 1)[-1]} [{(task_vars or {}).get('inventory_hostname', 'localhost')}]"
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(tempfile.TemporaryDirectory(dir=_SETTINGS.DEFAULT_LOCAL_TMP))
                path = Path(folder) / "progress"
                path.touch(mode=0o600)
            except OSError:
                # Lines are a service; a task never fails for them.
                return NormalAction.run(self, tmp, task_vars)
            self._task.args = {**given, "progress_file": str(path)}
            display = Display()
            lines = ProgressLines(path, interval, lambda text: display.display(f"{heading} {text}", stderr=True))
            lines.start()
            try:
                return NormalAction.run(self, tmp, task_vars)
            finally:
                self._task.args = given
                lines.stop()

    def _shows_progress(self) -> bool:
        args = self._task.args
        return (
            getattr(self._connection, "transport", None) == "local"
            and not self._task.async_val
            and not self._task.no_log
            and not self._play_context.check_mode
            and boolean(args.get("progress", True), strict=False)
            and not args.get("progress_file")
        )

    @staticmethod
    def _interval(value: Any) -> float:
        try:
            seconds = float(_SECONDS_BETWEEN_LINES if value is None else value)
        except (TypeError, ValueError):
            seconds = 0
        if seconds <= 0:
            raise AnsibleActionFail(f"progress_interval: '{value}' must be a number of seconds greater than 0")
        return seconds


class ProgressLines:
    """Turns the facts in a file into lines.

    path: the file; interval: seconds between lines that tell nothing new; show: prints a line.
    Starts and ends are reported immediately.
    """

    def __init__(self, path: Path, interval: float, show: Callable[[str], None]) -> None:
        self._path = path
        self._interval = interval
        self._show = show
        self._read_bytes = 0
        self._at_work: dict[str, Facts] = {}
        self._begun: dict[str, float] = {}
        self._last_line = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Begin to follow the file."""
        self._thread.start()

    def stop(self) -> None:
        """Tell what is left to be told, and end."""
        self._over.set()
        self._thread.join(timeout=5)

    def _follow(self) -> None:
        while not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            self._tell_news()
            if self._at_work and time.monotonic() - self._last_line >= self._interval:
                self._tell_all()
        self._tell_news()

    def _tell_news(self) -> None:
        news = self._new_facts()
        now = time.monotonic()
        begun = [facts for facts in news if facts["key"] not in self._begun and not facts["is_over"]]
        ended = [facts for facts in news if facts["is_over"]]
        for facts in news:
            facts["told_at"] = now
            facts["begun_at"] = self._begun.setdefault(facts["key"], now)
            self._at_work[facts["key"]] = facts
        for facts in begun[:_MOST_LINES_FOR_NEWS]:
            self._line(facts)
        if len(begun) > _MOST_LINES_FOR_NEWS:
            self._say(f"and {len(begun) - _MOST_LINES_FOR_NEWS} more")
        for facts in ended if len(ended) <= _MOST_LINES_AT_ONCE else []:
            self._line(facts)
        for facts in ended:
            self._at_work.pop(facts["key"], None)
        if len(ended) > _MOST_LINES_AT_ONCE:
            self._say(f"finished: {_counted(ended)}; {len(self._at_work)} still running")

    def _new_facts(self) -> list[Facts]:
        """Read the lines that are whole and new; of several about the same thing, the last one counts."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                text = file.read()
        except OSError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        found: dict[str, Facts] = {}
        for line in whole.splitlines():
            # Whatever else may stand in the file is passed over.
            with contextlib.suppress(ValueError, TypeError, KeyError):
                facts = json.loads(line)
                found[str(facts["key"])] = {**_BLANK, **facts}
        return list(found.values())

    def _tell_all(self) -> None:
        at_work = list(self._at_work.values())
        if len(at_work) <= _MOST_LINES_AT_ONCE:
            for facts in at_work:
                self._line(facts)
            return
        self._say(f"{_counted(at_work)}, {readable_seconds(max(map(_elapsed, at_work)))}")

    def _line(self, facts: Facts) -> None:
        parts = [f"{facts['subject']}: "]
        if facts.get("job"):
            parts.append(f"job {facts['job']} ")
        parts.append(facts["status"])
        if facts.get("sub_task"):
            parts.append(f", {facts['sub_task']}")
        if facts.get("percent") is not None:
            parts.append(f", {facts['percent']} %")
        if facts.get("remaining_seconds"):
            parts.append(f", about {readable_seconds(facts['remaining_seconds'])} left")
        elapsed = _elapsed(facts)
        self._say("".join(parts) + (f", {readable_seconds(elapsed)}" if elapsed >= 1 else ""))

    def _say(self, text: str) -> None:
        self._last_line = time.monotonic()
        self._show(text)


def _elapsed(facts: Facts) -> float:
    """Give how long something goes on already, or went on, in seconds: by Azure's time, else since its first line."""
    if facts["elapsed_seconds"] is None:
        return time.monotonic() - float(facts["begun_at"])
    return float(facts["elapsed_seconds"]) + (0 if facts["is_over"] else time.monotonic() - float(facts["told_at"]))


def _counted(listed: list[Facts]) -> str:
    """Count what is alike: 3 completed, 1 failed."""
    counts = Counter(str(facts["status"]) for facts in listed)
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))


def readable_seconds(seconds: float) -> str:
    """Give a length of time as people write it: 2h05m, 1m30s, 7s."""
    whole = int(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 60}m{whole % 60:02d}s" if whole >= 60 else f"{whole}s"
