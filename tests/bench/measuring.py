# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process costs: time, processor, memory, and requests to the loopback Azure."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emulator.server import Emulator

_STOPWATCH = Path(__file__).with_name("stopwatch.py")


@dataclass
class Sample:
    """What one run cost: seconds of wall time and of processor time, MiB at most, requests, and how many were refused."""

    wall: float
    cpu: float
    memory: float
    requests: int
    refused: int


@dataclass
class Subject:
    """One thing that is measured. times: how often what the sample did is taken for the whole; 1 is all of it."""

    name: str
    command: Sequence[str]
    standard_input: str = ""
    times: float = 1
    environment: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def median(self, value: str) -> float:
        """Give the median of a value over all runs."""
        median = statistics.median(getattr(sample, value) for sample in self.samples)
        return median if value == "memory" else median * self.times


def measure(
    subject: Subject, environment: dict[str, str], emulator: Emulator, prepare: Callable[[], None] | None = None
) -> Sample:
    """Run a subject once, on what prepare has made ready, and keep what it cost. Raises SystemExit where it fails."""
    if prepare:
        prepare()
    journal = emulator.azure.journal
    journal.entries.clear()
    with tempfile.NamedTemporaryFile() as output:
        done = subprocess.run(
            [sys.executable, "-S", str(_STOPWATCH), output.name, *subject.command],
            env={**environment, **subject.environment},
            input=subject.standard_input,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        cost = json.loads(done.stdout)
        if cost["exit"]:
            raise SystemExit(f"{subject.name} failed:\n{output.read(2000).decode()}")
    refused = sum(entry["status"] == 429 for entry in journal.entries)
    sample = Sample(cost["wall"], cost["cpu"], cost["memory"], len(journal.entries), refused)
    subject.samples.append(sample)
    return sample


def measure_in_turn(
    subjects: Sequence[Subject],
    runs: int,
    environment: dict[str, str],
    emulator: Emulator,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Run the subjects in turn, so that a machine whose speed drifts does so for all of them."""
    for _run in range(runs):
        for subject in subjects:
            measure(subject, environment, emulator, prepare)
