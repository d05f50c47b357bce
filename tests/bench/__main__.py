# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task costs: time, processor, memory and requests, beside the floor. make bench runs it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from emulator.server import Emulator

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
VAULT = {"resource_group": "demo-rg", "vault_name": "demo-vault"}
LIBRARIES = ("ansible-core", "azure-identity", "azure-core", "azure-mgmt-core", "azure-mgmt-dataprotection")


@dataclass
class Sample:
    """What one run cost: seconds of wall time and of processor time, MiB at most, requests."""

    wall: float
    cpu: float
    memory: float
    requests: int


@dataclass
class Subject:
    """One thing that is measured."""

    name: str
    command: Sequence[str]
    standard_input: str = ""
    samples: list[Sample] = field(default_factory=list)

    def median(self, value: str) -> float:
        """Give the median of a value over all runs."""
        return statistics.median(getattr(sample, value) for sample in self.samples)


def measure(subject: Subject, environment: dict[str, str], emulator: Emulator) -> None:
    """Run a subject once and keep what it cost. Raises SystemExit where it fails."""
    journal = emulator.azure.journal
    journal.entries.clear()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as given:
        given.write(subject.standard_input.encode())
        given.seek(0)
        begin = time.perf_counter()
        process = subprocess.Popen(subject.command, env=environment, stdin=given, stdout=output, stderr=subprocess.STDOUT)
        _pid, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{subject.name} failed:\n{output.read().decode()}")
    sample = Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, len(journal.entries))
    subject.samples.append(sample)


def install_collection(folder: Path, environment: dict[str, str]) -> None:
    """Install the collection as a user would."""
    galaxy = str(BIN / "ansible-galaxy")
    command = [galaxy, "collection", "install", "--offline", "--force", "-p", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, env=environment)


def print_table(subjects: list[Subject]) -> None:
    """Print what each subject cost: medians."""
    print(f"{'':<38}{'wall s':>9}{'cpu s':>9}{'MiB':>7}{'requests':>10}")
    for subject in subjects:
        wall, cpu, memory = (subject.median(value) for value in ("wall", "cpu", "memory"))
        print(f"{subject.name:<38}{wall:>9.3f}{cpu:>9.3f}{memory:>7.0f}{subject.median('requests'):>10.0f}")


def bench_no_change(runs: int, folder: Path) -> None:
    """Measure a backup_vault task that finds nothing to do."""
    with Emulator(speed=100_000) as emulator:
        environment = {
            **os.environ,
            **emulator.environment(),
            "ANSIBLE_COLLECTIONS_PATH": str(folder),
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "PYTHONPATH": str(folder),
        }
        install_collection(folder, environment)
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": VAULT})
        module = folder / "ansible_collections" / "holdfast" / "azure_backup" / "plugins" / "modules" / "backup_vault.py"
        options = " ".join(f"{name}={value}" for name, value in VAULT.items())
        ansible = str(BIN / "ansible")
        script = [sys.executable, str(HERE / "floor.py")]
        floor = Subject("script, the same calls (azure-core)", [*script, "core"])
        client = Subject("script, the SDK's client", [*script, "client"])
        process = Subject("backup_vault, the module's process", [sys.executable, str(module)], arguments)
        empty = Subject("ansible, an empty task", [ansible, "localhost", "-m", "ansible.builtin.ping"])
        task = Subject("ansible, backup_vault", [ansible, "localhost", "-m", "holdfast.azure_backup.backup_vault", "-a", options])
        subjects = [floor, client, process, empty, task]
        # The vault comes to be, and every cache is warm.
        for subject in (process, *subjects):
            measure(subject, environment, emulator)
            subject.samples.clear()
        for _run in range(runs):
            for subject in subjects:
                measure(subject, environment, emulator)
    print_table(subjects)
    net = task.median("wall") - empty.median("wall")
    print()
    for script in (floor, client):
        own = script.median("wall")
        print(f"(task - empty task) / {script.name}: {net:.3f} s / {own:.3f} s = {net / own:.2f}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="how often each is run; medians are printed")
    runs = parser.parse_args().runs
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, {versions}")
    print(f"A task without a change, median of {runs} runs, no latency\n")
    with tempfile.TemporaryDirectory() as folder:
        bench_no_change(runs, Path(folder))


if __name__ == "__main__":
    main()
