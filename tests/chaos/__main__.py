# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of it: seeded runs of the modules, every boundary killed at, playbooks in a storm. make chaos runs it."""

from __future__ import annotations

import argparse
import multiprocessing
import time

from .campaign import Tally, run_campaign
from .drills import run_drills
from .kill import run_kills
from .playbooks import run_playbooks

_AT_ONCE = 2


def _shares(first: int, count: int) -> list[range]:
    """Give seeds in as many shares as processes."""
    return [range(first + share, first + count, _AT_ONCE) for share in range(_AT_ONCE)]


def _tell(title: str, tally: Tally, seconds: float) -> None:
    print(
        f"{title}: {tally.runs} runs, {tally.tasks} tasks, {tally.failed_tasks} of them failed as they should, "
        f"{tally.requests} requests, {sum(tally.struck.values())} failures, {len(tally.violations)} violations, {seconds:.0f} s",
        flush=True,
    )
    for kind, count in sorted(tally.struck.items()):
        print(f"    {kind}: {count}")
    for violation in tally.violations:
        print(f"  VIOLATION {violation}", flush=True)


def main() -> None:
    """Run the campaign and print its figures. Raises SystemExit 1 where anything did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="seeded runs of the modules")
    parser.add_argument("--drills", type=int, default=100, help="seeded runs of restore drills, beside a kill at each request")
    parser.add_argument("--playbooks", type=int, default=50, help="seeded runs of the packaged playbooks")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    violations = 0
    with multiprocessing.get_context("spawn").Pool(_AT_ONCE) as pool:
        for title, work, shares in (
            ("modules", run_campaign, _shares(given.first, given.runs)),
            ("kills", run_kills, [None]),
            ("drills", run_drills, _shares(given.first, given.drills)),
            ("playbooks", run_playbooks, _shares(given.first, given.playbooks)),
        ):
            begin = time.monotonic()
            whole = Tally()
            for tally in pool.map(work, shares, chunksize=1):
                whole.add(tally)
            _tell(title, whole, time.monotonic() - begin)
            violations += len(whole.violations)
    raise SystemExit(min(violations, 1))


if __name__ == "__main__":
    main()
