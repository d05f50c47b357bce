# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module's process killed right after one of its requests, and run again.

The emulator has served the request and the module never reads the answer. What has to hold then: nothing is there twice, the
run after it reaches what was asked for, one more changes nothing, and a backup that runs is joined instead of doubled.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulator.journal import Journal
from emulator.server import Emulator
from modules import VirtualClock, run_module

from .campaign import (
    ORDERS,
    SECONDS_OF_A_HANGING_JOB,
    Result,
    Step,
    Tally,
    Violation,
    brief,
    facts,
    loopback,
    names_running_restore,
)

# What a module waits for is over after a few of its requests; a backup job runs on.
_SECONDS_A_REQUEST = 8.0
_MODULES = Path(__file__).parents[2] / "plugins" / "modules"
# The steps that protect a disk or a virtual machine, back it up and restore it, by the names of their orders.
STEPS = [("disks", number) for number in range(7)] + [("machines", number) for number in range(6)]
_MOST_REQUESTS = 40


def is_backup(job: Result) -> bool:
    """Tell whether a job backs something up or restores it; others configure a protection."""
    return job.get("operation") in ("Backup", "Restore")


@dataclass
class KillingJournal(Journal):
    """A journal that kills a process when so many requests are in it, before the last is answered. 0 kills nobody."""

    emulator: Any = None
    process: subprocess.Popen[bytes] | None = None
    at: int = 0

    def note(self, *arguments: Any, **more: Any) -> None:
        """Write a request down, and kill where it is the one."""
        super().note(*arguments, **more)
        azure = self.emulator.azure
        vaults = (*azure.data_protection.vaults.values(), *azure.recovery_services.vaults.values())
        backups = [job["properties"] for vault in vaults for job in vault.jobs.values() if is_backup(job["properties"])]
        if all(job["status"] != "InProgress" for job in backups):
            self.emulator.azure.clock.advance(_SECONDS_A_REQUEST)
        if self.process and self.at and len(self.entries) == self.at:
            os.kill(self.process.pid, signal.SIGKILL)


class Killing:
    """Steps of an order, each killed at one boundary."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.journal = KillingJournal(emulator=emulator)
        emulator.azure.journal = self.journal
        # A process of its own sleeps real seconds.
        emulator.azure.clock.retry_after = lambda _seconds: "0"  # type: ignore[method-assign]
        self.tally = Tally()

    def go(self, order: str, number: int, at: int, pause: float = 0) -> bool:
        """Kill a step of an order after so many requests; tells whether it made that many.

        pause: how many seconds pass before it is run again.
        """
        azure = self.emulator.azure
        azure.reset()
        self.journal.process = None
        steps = ORDERS[order]()
        for step in steps[:number]:
            self._run(step)
        step = steps[number]
        before = facts(azure)
        self.journal.entries.clear()
        was_killed = self._run_killed(step, at)
        azure.clock.advance(pause)
        where = f"{order}: {step.module}, killed after request {at}"
        again = self._run(step)
        if names_running_restore(again):
            # Its job does not prove what it restores, so it is not joined; when it is over, what it created does.
            azure.clock.advance(SECONDS_OF_A_HANGING_JOB)
            again = self._run(step)
        if again["failed"]:
            raise Violation(f"{where}: the next run fails: {again['msg']}")
        jobs = [fact for fact in facts(azure) - before if fact.startswith("job")]
        if len(jobs) > 1:
            raise Violation(f"{where}: {len(jobs)} jobs; {brief(again)}")
        if not step.is_backup:
            once_more = self._run(step)
            if once_more["failed"] or once_more["changed"]:
                raise Violation(f"{where}: it does not converge: {brief(once_more)}")
        self.tally.runs += was_killed
        self.tally.requests += len(self.journal.entries)
        return was_killed

    def _run(self, step: Step) -> Result:
        self.tally.tasks += 1
        return run_module(step.module, dict(step.arguments), VirtualClock(self.emulator.azure.clock))

    def _run_killed(self, step: Step, at: int) -> bool:
        self.journal.at = at
        arguments = {**step.arguments, "_ansible_remote_tmp": "/tmp", **_impatient(step)}  # noqa: S108
        process = subprocess.Popen(
            [sys.executable, str(_MODULES / f"{step.module}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.journal.process = process
        output, _none = process.communicate(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode(), timeout=120)
        self.journal.process = None
        if process.returncode not in (0, -signal.SIGKILL):
            raise Violation(f"{step.module}, to be killed after request {at}: it ended by itself: {output.decode()[-500:]}")
        return process.returncode == -signal.SIGKILL


def _impatient(step: Step) -> dict[str, float]:
    """Give short waits to what waits: they are real seconds here."""
    waits = ("backup_instance", "backup_adhoc", "backup_restore", "backup_vault")
    return {"poll_interval": 0.05} if step.module in waits else {}


def run_kills(chosen: tuple[str, int, int] | None = None, pause: float = 0) -> Tally:
    """Kill at all boundaries of the steps, or at a chosen one: the order, the number of the step, and after which request.

    pause: how many seconds pass before the next run.
    """
    with Emulator() as emulator, loopback(emulator):
        killing = Killing(emulator)
        for order, number in [chosen[:2]] if chosen else STEPS:
            boundaries = [chosen[2]] if chosen else range(1, _MOST_REQUESTS)
            try:
                # A step that was not killed has made all its requests.
                all(killing.go(order, number, at, pause) for at in boundaries)
            except Violation as violation:
                killing.tally.violations.append(str(violation))
    return killing.tally
