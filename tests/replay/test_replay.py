# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded traffic of the real service, replayed to our modules: one test a case (README.md)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from emulator.seed import Seed
from emulator.server import PLACES, TlsServer
from modules import VirtualClock, run_module
from replay.recorded import Replay, build_app, path_key, read_interactions

HERE = Path(__file__).parent
CASES = Path(os.environ.get("CASES") or HERE / "cases")
RECORDINGS = Path(os.environ.get("RECORDINGS") or HERE.parents[2] / "shared" / "azure-wire" / "recordings")
_RECORDED_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"


def _cases() -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted(CASES.glob("*.yml"))]


def assert_holds(wanted: Any, found: Any, where: str) -> None:
    """Assert that everything wanted is in what was found; more may be there."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict), f"{where}: {found!r} is no mapping"
        for key, value in wanted.items():
            assert key in found, f"{where}: no {key} in {sorted(found)}"
            assert_holds(value, found[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), f"{where}: {found!r} is no list"
        assert len(found) == len(wanted), f"{where}: {len(found)} items, {len(wanted)} wanted"
        for index, value in enumerate(wanted):
            assert_holds(value, found[index], f"{where}[{index}]")
    else:
        assert found == wanted, f"{where}: {found!r}, {wanted!r} wanted"


@pytest.mark.parametrize("path", _cases())
def test_recorded_traffic_leads_to_the_recorded_outcome(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    recording = RECORDINGS / case["recording"]
    if not recording.is_file():
        pytest.skip(f"the recording {case['recording']} is not on this machine")
    interactions = read_interactions(json.loads(recording.read_text(encoding="utf-8")))
    given = {path_key(entry["path"]): entry for entry in case.get("given") or []}
    replay = Replay(interactions, given, position=int(case.get("position") or 0))
    dates = [entry.date for entry in interactions[replay.position :] if entry.date]
    if dates:
        replay.clock.freeze()
        replay.clock.advance((dates[0] - replay.clock.now()).total_seconds())
    seed = Seed(subscription_id=case.get("subscription_id", _RECORDED_SUBSCRIPTION))
    with TlsServer(build_app(replay, seed)) as server:
        for name, value in server.environment_for(seed).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority_file))
        # One server stands for all endpoints.
        for name in PLACES.values():
            monkeypatch.setenv(name, server.url)
        results = []
        for task in case["tasks"]:
            if "position" in task:
                replay.position = int(task["position"])
            clock = VirtualClock(replay.clock)
            # An address that is known only now is written as the variable that has it.
            arguments = {
                name: os.path.expandvars(value) if isinstance(value, str) and value.startswith("$") else value
                for name, value in task["arguments"].items()
            }
            results.append(run_module(task["module"], arguments, clock, bool(task.get("check_mode"))))
    told = json.dumps([result.get("msg") for result in results])
    assert not replay.unexpected, f"requests that were not recorded: {replay.unexpected}; results: {told}"
    expect = case["expect"]
    assert_holds(expect["results"], results, "results")
    if "requests" in expect:
        sent = [{"method": entry["method"], "path": path_key(entry["path"]), "body": entry["body"]} for entry in replay.requests]
        assert_holds([{**entry, "path": path_key(entry["path"])} for entry in expect["requests"]], sent, "requests")
