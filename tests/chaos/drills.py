# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore drills that are killed after each of their requests, or run in a storm, and swept then.

What has to hold after the sweep: nothing of the drill is left, neither disks, machines, interfaces, containers, roles nor the
journal with its lease; nothing is gone that the drill did not make, also not what appeared in the scratch group meanwhile.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from typing import Any

from bodies import GROUP
from emulator.faults import SECONDS_OF_A_HANGING_JOB, Storm
from emulator.seed import SUBSCRIPTION
from emulator.server import Emulator
from modules import VirtualClock, run_module

from .campaign import DISK, MACHINE, RATES, VAULT, Result, Step, Tally, Violation, brief, disks, loopback, machines, patience
from .kill import KillingJournal

_ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
_DRILLS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/drills-rg"
_SCRATCH = {
    "resource_group": "drills-rg",
    "storage_account_id": f"{_DRILLS}/providers/Microsoft.Storage/storageAccounts/drillaccount",
}
_BOOT = {
    "boot": True,
    "scratch": {
        **_SCRATCH,
        "virtual_network_id": f"{_DRILLS}/providers/Microsoft.Network/virtualNetworks/drills-vnet",
        "subnet": "closed",
    },
}
_MACHINES = {**VAULT, "vault_name": "demo-rsv"}
# What a drill waits for is over after a few of its requests.
_SECONDS_A_REQUEST = 30.0
_MOST_REQUESTS = 120
_SECONDS_OF_PATIENCE = 0.3
# A day is longer than any of them may last.
_SECONDS_UNTIL_OVER = 86_400.0

KINDS: dict[str, Result] = {
    "disk": {**VAULT, "datasource_id": [DISK], "scratch": _SCRATCH},
    "containers": {**VAULT, "datasource_id": [_ACCOUNT], "scratch": _SCRATCH},
    "machine_disks": {**_MACHINES, "datasource_id": [MACHINE], "scratch": _SCRATCH},
    "machine": {**_MACHINES, "datasource_id": [MACHINE], **_BOOT},
}


def _steps_before(kind: str) -> list[Step]:
    """Give the tasks that protect what is drilled, and back it up."""
    if kind in ("machine_disks", "machine"):
        return machines()[:5]
    if kind == "disk":
        return disks()[:5]
    about = {**VAULT, "datasource_id": KINDS[kind]["datasource_id"]}
    return [
        Step("backup_vault", VAULT),
        Step("backup_policy", {**VAULT, "policy_name": "drilled", "datasource_type": "azure_blob"}),
        Step("backup_permission", about),
        Step("backup_instance", {**about, "policy_name": "drilled"}),
        Step("backup_adhoc", about, is_backup=True),
    ]


def things(emulator: Emulator) -> dict[str, set[str]]:
    """Give all that a drill could make or remove, apart from the container of the journals."""
    azure = emulator.azure
    azure.schedule.settle()
    return {
        "disks": set(azure.compute.disks),
        "machines": set(azure.compute.machines),
        "network": set(azure.network.resources),
        "containers": {
            f"{key}/{name}" for key, names in azure.storage.containers.items() for name in names if name != "holdfast-drills"
        },
        "roles": set(azure.authorization.assignments),
        "journals": set(azure.blob_store.blobs_of("drillaccount", "holdfast-drills")) if azure.blob_store else set(),
    }


class HastyJournal(KillingJournal):
    """A journal that lets time pass with every request, whatever is waited for, and kills where it is told to."""

    seconds = 0.0

    def note(self, *arguments: Any, **more: Any) -> None:
        """Write a request down, and kill where it is the one."""
        self.emulator.azure.clock.advance(self.seconds)
        super().note(*arguments, **more)


class Drills:
    """Drills of one emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.journal = HastyJournal(emulator=emulator)
        emulator.azure.journal = self.journal
        self.tally = Tally()
        self._retry_after = emulator.azure.clock.retry_after

    def prepare(self, kind: str) -> None:
        """Have what is drilled backed up, in an Azure that begins anew."""
        azure = self.emulator.azure
        azure.reset()
        if azure.blob_store:
            azure.blob_store.drop("drillaccount", "holdfast-drills")
        self.journal.process, self.journal.seconds = None, 0.0
        for step in _steps_before(kind):
            done = self._run(step.module, step.arguments)
            if done["failed"]:
                raise Violation(f"{kind}: {step.module} fails: {done['msg']}")

    def kill(self, kind: str, at: int) -> bool:
        """Kill a drill after so many requests and sweep what it left; tells whether it made that many."""
        self.prepare(kind)
        before = things(self.emulator)
        self.journal.entries.clear()
        was_killed = self._run_killed(kind, at)
        where = f"{kind}, killed after request {at}"
        foreign = self._intrude() if was_killed else ""
        self._sweep(where, before, foreign)
        if not foreign:
            return was_killed
        del self.emulator.azure.compute.disks[foreign]
        again = self._run("backup_restore_drill", KINDS[kind])
        if again["failed"]:
            raise Violation(f"{where}: the next drill fails: {brief(again)}")
        self._compare(f"{where}, and drilled again", before, "")
        self.tally.runs += 1
        self.tally.requests += len(self.journal.entries)
        return was_killed

    def storm(self, kind: str, seed: int) -> None:
        """Run a drill in a storm and sweep what it left."""
        self.prepare(kind)
        before = things(self.emulator)
        chance = random.Random(seed)  # noqa: S311 - the same again is what is wanted
        self.emulator.azure.faults.storm = Storm(chance.randrange(2**32), chance.choice(RATES))
        with patience(_SECONDS_OF_PATIENCE):
            stormy = self._run("backup_restore_drill", KINDS[kind])
        self.tally.struck += self.emulator.azure.faults.storm.struck
        self.emulator.azure.faults.storm = None
        self.emulator.open_now()
        self.emulator.catch_up()
        where = f"{kind} in storm {seed}"
        message = str(stormy.get("msg"))
        if "Unexpected error" in message or "Traceback" in json.dumps(stormy):
            raise Violation(f"{where}: a traceback: {message}")
        self.tally.failed_tasks += bool(stormy["failed"])
        # A job that the storm has decided about may hang.
        self.emulator.azure.clock.advance(SECONDS_OF_A_HANGING_JOB)
        foreign = self._intrude()
        self._sweep(where, before, foreign)
        self.tally.runs += 1

    def _intrude(self) -> str:
        """Have somebody else's disk appear in the scratch group, named as Azure names restored disks of the machine."""
        compute = self.emulator.azure.compute
        return compute.add_disk(SUBSCRIPTION, "drills-rg", "web01-osdisk-20261127-120000", "westeurope").lower()

    def _sweep(self, where: str, before: dict[str, set[str]], foreign: str) -> None:
        """Sweep when the drill must be over, and look what is there then."""
        self.emulator.azure.clock.advance(_SECONDS_UNTIL_OVER)
        swept = self._run("backup_restore_drill", {**VAULT, "state": "absent", "scratch": _SCRATCH})
        if swept["failed"]:
            raise Violation(f"{where}: the sweep fails: {brief(swept)}")
        self._compare(where, before, foreign)
        once_more = self._run("backup_restore_drill", {**VAULT, "state": "absent", "scratch": _SCRATCH})
        if once_more["failed"] or once_more["changed"]:
            raise Violation(f"{where}: a second sweep changes something: {brief(once_more)}")

    def _compare(self, where: str, before: dict[str, set[str]], foreign: str) -> None:
        after = things(self.emulator)
        for what, held in before.items():
            own = {foreign} if foreign and what == "disks" else set()
            if after[what] - held - own:
                raise Violation(f"{where}: left: {what} {sorted(after[what] - held - own)}")
            if (held | own) - after[what]:
                raise Violation(f"{where}: gone, and not the drill's: {what} {sorted((held | own) - after[what])}")

    def _run(self, module: str, arguments: Result) -> Result:
        self.tally.tasks += 1
        self.emulator.azure.clock.retry_after = self._retry_after  # type: ignore[method-assign]
        return run_module(module, dict(arguments), VirtualClock(self.emulator.azure.clock, self.emulator.open_in_time))

    def _run_killed(self, kind: str, at: int) -> bool:
        # A process of its own sleeps real seconds.
        self.emulator.azure.clock.retry_after = lambda _seconds: "0"  # type: ignore[method-assign]
        self.journal.at, self.journal.seconds = at, _SECONDS_A_REQUEST
        arguments = {**KINDS[kind], "poll_interval": 0.05, "_ansible_remote_tmp": "/tmp"}  # noqa: S108
        module = "ansible_collections.holdfast.azure_backup.plugins.modules.backup_restore_drill"
        process = subprocess.Popen(
            [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.journal.process = process
        output, _none = process.communicate(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode(), timeout=120)
        self.journal.process, self.journal.at, self.journal.seconds = None, 0, 0.0
        if process.returncode not in (0, -signal.SIGKILL):
            raise Violation(f"{kind}, to be killed after request {at}: it ended by itself: {output.decode()[-800:]}")
        return process.returncode == -signal.SIGKILL


def run_drills(storms: range, chosen: tuple[str, int] | None = None) -> Tally:
    """Kill drills at all boundaries, or at a chosen one, and run them in storms; nothing where there is no Azurite.

    storms: the seeds, of which every second one means that every second kind is killed.
    """
    with Emulator() as emulator:
        if emulator.start_blob_store() is None:
            return Tally()
        with loopback(emulator):
            drills = Drills(emulator)
            kinds = list(KINDS)[storms.start % 2 :: 2] if storms.step == 2 else list(KINDS)
            for kind in [chosen[0]] if chosen else kinds:
                boundaries = [chosen[1]] if chosen else range(1, _MOST_REQUESTS)
                try:
                    # A drill that was not killed has made all its requests.
                    all(drills.kill(kind, at) for at in boundaries)
                except Violation as violation:
                    drills.tally.violations.append(str(violation))
            for seed in storms:
                try:
                    drills.storm(list(KINDS)[seed % len(KINDS)], seed)
                except Violation as violation:
                    drills.tally.violations.append(str(violation))
        return drills.tally
