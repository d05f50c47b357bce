# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A short form of make chaos. What a seed finds gets a test of its own: the seed tells nothing once the storm has changed."""

from __future__ import annotations

from typing import Any

import pytest
from chaos.campaign import DISK, Run, Step, Violation, available, facts, loopback, names_what_failed
from chaos.drills import Drills, run_drills, things
from chaos.kill import run_kills
from emulator.blob_store import find_azurite
from emulator.server import Emulator

SEEDS = [seed for seed in range(13) if seed != 6]  # Which is a calm one.


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_or_doubled_in_a_storm(loopback_of_chaos: Emulator, seed: int) -> None:
    orders = available(loopback_of_chaos)
    tally = Run(loopback_of_chaos, orders[seed % len(orders)], seed).go()
    assert tally.violations == []
    assert sum(tally.struck.values()) > 0


# After the first request, after the validation was sent, after the instance was made, and around the trigger.
BOUNDARIES = (
    ("disks", 0, 4), ("disks", 1, 5), ("disks", 3, 9), ("disks", 3, 12), ("disks", 4, 6), ("disks", 4, 7), ("disks", 6, 12),
    ("disks", 6, 16), ("machines", 3, 10), ("machines", 4, 7),
)  # fmt: skip


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_killed_module_is_simply_run_again(boundary: tuple[str, int, int]) -> None:
    tally = run_kills(boundary)
    assert tally.violations == []
    assert tally.runs == 1, "it was killed"


# A snapshot takes 456 seconds and the transfer after it 2018; a disk's backup has no transfer, and takes 216.
@pytest.mark.parametrize(
    ("boundary", "pause"), [(("machines", 4, 10), 1200), (("machines", 4, 10), 200), (("disks", 4, 10), 100)]
)
def test_a_backup_is_joined_after_its_task_was_killed_in_either_phase(boundary: tuple[str, int, int], pause: float) -> None:
    tally = run_kills(boundary, pause)
    assert tally.violations == []
    assert tally.runs == 1, "it was killed"


# Around the journal, the role, the start of the restore, and the removal.
KILLED_DRILLS = (
    ("disk", 17), ("disk", 19), ("disk", 22), ("disk", 27), ("containers", 24), ("machine_disks", 22), ("machine", 21),
    ("machine", 40),
)  # fmt: skip


@pytest.mark.parametrize("boundary", KILLED_DRILLS)
def test_what_a_killed_drill_left_is_swept_and_nothing_else(boundary: tuple[str, int]) -> None:
    need_azurite()
    tally = run_drills(range(0), boundary)
    assert tally.violations == []
    assert tally.runs == 1, "it was killed"


def test_a_drill_in_a_storm_leaves_nothing() -> None:
    need_azurite()
    tally = run_drills(range(4), ("disk", 1))
    assert tally.violations == []
    assert sum(tally.struck.values()) > 0


def test_the_campaign_notices_what_a_drill_leaves_and_what_it_takes(loopback_of_chaos: Emulator) -> None:
    need_azurite()
    drills = Drills(loopback_of_chaos)
    drills.prepare("disk")
    before = things(loopback_of_chaos)
    disks = loopback_of_chaos.azure.compute.disks
    taken = disks.pop(DISK.lower())
    with pytest.raises(Violation, match="gone, and not the drill's: disks"):
        drills._compare("here", before, "")  # noqa: SLF001
    disks[DISK.lower()] = taken
    role = next(iter(loopback_of_chaos.azure.authorization.assignments))
    loopback_of_chaos.azure.authorization.assignments[f"{role}-more"] = {}
    with pytest.raises(Violation, match="left: roles"):
        drills._compare("here", before, "")  # noqa: SLF001


def need_azurite() -> None:
    """Skip a test where this machine has nothing that holds the journals of drills."""
    if find_azurite() is None:
        pytest.skip("Azurite, which holds the journals of drills, is not on this machine (make azurite)")


def test_the_campaign_notices_what_does_not_hold(loopback_of_chaos: Emulator) -> None:
    """A check that cannot fail is none: results with mistakes in them are violations."""
    run = Run(loopback_of_chaos, "disks", 1)
    loopback_of_chaos.azure.reset()
    step = Step("backup_vault", {"vault_name": "demo-vault"})
    there = facts(loopback_of_chaos.azure)
    good: dict[str, Any] = {"changed": False, "failed": False}
    run._check("here", step, good, there, 0)  # noqa: SLF001
    for wrong in (
        {**good, "changed": True},
        {**good, "failed": True, "msg": "Something went wrong somewhere."},
        {**good, "failed": True, "msg": "Unexpected error (possibly a bug in this collection): vault 'demo-vault'"},
    ):
        with pytest.raises(Violation):
            run._check("here", step, wrong, there, 0)  # noqa: SLF001
    with pytest.raises(Violation, match="not changed, and it has"):
        run._check("here", step, good, there | {"vault x = gone"}, 0)  # noqa: SLF001
    assert not names_what_failed("It failed for some reason.", step)


@pytest.fixture(scope="module")
def loopback_of_chaos() -> Any:
    with Emulator() as emulator, loopback(emulator):
        emulator.start_blob_store()
        yield emulator
