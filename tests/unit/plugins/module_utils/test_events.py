# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between two looks: whatever they show, each event is told once, and what was not read is not taken for gone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.events import SEVERITIES, Look, Memory, Signal, compare
from hypothesis import given, settings
from hypothesis import strategies as st

BEGIN = datetime(2026, 11, 4, 12, tzinfo=timezone.utc)
VAULT = "/subscriptions/5ca1ab1e-0000-4000-8000-00000000d15c/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v"
POLICY = f"{VAULT}/backupPolicies/gold"
STRENGTH = {"id": POLICY, "name": "gold", "retention": {"default": 30 * 86400.0, "yearly": 365 * 86400.0}, "interval": 14400.0}


def at(minutes: float, *signals: Signal, **more: Any) -> Look:
    known = {f"{kind}|{subject}" for kind in SEVERITIES for subject in ("d1", "d2")}
    return Look(BEGIN + timedelta(minutes=minutes), list(signals), **{"known": known, **more})


def told(before: Memory | None, look: Look, **more: Any) -> tuple[list[tuple[str, str]], Memory]:
    events, memory = compare(before, look, SEVERITIES, **more)
    # As it is read again after a restart.
    again = Memory.from_dict(json.loads(json.dumps(memory.to_dict())))
    assert again == memory
    return [(event["kind"], event["meta"]["uuid"]) for event in events], memory


def signal(kind: str = "protection_error", subject: str = "d1", mark: str = "", after: float = 0.0) -> Signal:
    return Signal(kind, subject, mark, {"msg": "it happened"}, after)


signals = st.builds(
    signal, st.sampled_from(["protection_error", "rpo_missed", "unprotected", "job_failed"]), st.sampled_from(["d1", "d2"]),
    st.sampled_from(["a", "b"]),
)  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.lists(signals, max_size=6), min_size=1, max_size=8), st.booleans())
def test_what_lasts_is_told_once_whatever_comes_beside_it(looks: list[list[Signal]], sends_existing: bool) -> None:
    memory: Memory | None = None
    shown: set[str] = set()
    for index, found in enumerate(looks):
        events, memory = told(memory, at(index * 5, *found), sends_existing=sends_existing)
        moments = {one.key for one in found if one.kind == "job_failed"}
        new = {one.key for one in found} - shown
        if index == 0:
            new = new - moments if sends_existing else set()
        assert len(events) == len(new)
        assert len({identifier for _kind, identifier in events}) == len(events)
        # A condition that a whole look does not show is over; the end of a job is remembered.
        shown = {one.key for one in found} | {key for key in shown if key.startswith("job_failed")}


def test_what_comes_again_is_told_again_and_what_was_not_read_is_not_over() -> None:
    _events, memory = told(None, at(0))
    events, memory = told(memory, at(5, signal()))
    assert len(events) == 1
    events, memory = told(memory, at(10, known=set()))
    events, memory = told(memory, at(15, signal()))
    assert events == []
    _events, memory = told(memory, at(20))
    events, memory = told(memory, at(25, signal()))
    assert len(events) == 1


def test_what_has_to_last_is_told_when_it_has_lasted() -> None:
    patient = signal("unprotected", after=3600)
    events, memory = told(None, at(0, patient))
    assert events == []
    events, memory = told(memory, at(30, patient))
    assert events == []
    events, memory = told(memory, at(60, patient))
    assert [kind for kind, _identifier in events] == ["unprotected"]
    events, memory = told(memory, at(65, patient))
    assert events == []


def test_only_the_kinds_that_are_wanted_are_told() -> None:
    events, memory = compare(None, at(0, signal(), signal("rpo_missed")), ["rpo_missed"])
    assert [event["kind"] for event in events] == ["rpo_missed"]
    # What nobody wanted is not told later on either.
    assert told(memory, at(5, signal(), signal("rpo_missed")))[0] == []


def test_an_identifier_depends_on_what_and_on_the_day_and_not_on_who_tells_it() -> None:
    def identifier(minutes: float, kind: str = "protection_error", mark: str = "") -> str:
        (event,) = compare(told(None, at(0))[1], at(minutes, signal(kind, mark=mark)), SEVERITIES)[0]
        return str(event["meta"]["uuid"])

    assert identifier(5) == identifier(65)
    assert identifier(5) != identifier(5 + 24 * 60)
    assert identifier(5) != identifier(5, mark="other")
    # A job is the same job on any day.
    assert identifier(5, "job_failed", "job1") == identifier(5 + 24 * 60, "job_failed", "job1")


@pytest.mark.parametrize(
    ("retention", "interval", "words"),
    [
        (
            {"default": 7 * 86400.0, "yearly": 365 * 86400.0},
            14400.0,
            "recovery points with retention tag default were kept for 30 day(s)",
        ),
        ({"default": 30 * 86400.0}, 14400.0, "retention tag yearly were kept for 365 day(s) and are no longer kept"),
        (STRENGTH["retention"], 86400.0, "the longest time between backups was 4h 0m 0s, it is now 1 day(s)"),
        # Azure has schedules that cannot be described.
        (STRENGTH["retention"], None, ""),
        # A rule of another name keeps the same recovery points.
        ({"default": 30 * 86400.0, "Friday": 365 * 86400.0}, 14400.0, ""),
        (STRENGTH["retention"], 3600.0, ""),
        ({"default": 60 * 86400.0, "yearly": 365 * 86400.0, "weekly": 1.0}, 14400.0, ""),
    ],
)
def test_a_policy_is_weaker_if_it_keeps_less_or_backs_up_less_often(
    retention: dict[str, float], interval: float | None, words: str
) -> None:
    memory = told(None, at(0, policies={POLICY.lower(): STRENGTH}))[1]
    after = {**STRENGTH, "retention": retention, "interval": interval}
    events, memory = compare(memory, at(5, policies={POLICY.lower(): after}), SEVERITIES)
    assert [event["kind"] for event in events] == (["policy_weakened"] if words else [])
    assert all(words in event["msg"] and event["vault"]["name"] == "v" for event in events)
    assert compare(memory, at(10, policies={POLICY.lower(): after}), SEVERITIES)[0] == []


@pytest.mark.parametrize(
    ("name", "before", "after", "is_weaker"),
    [
        ("soft_delete", "On", "Off", True),
        ("soft_delete", "AlwaysOn", "On", True),
        ("soft_delete", "Off", "On", False),
        ("soft_delete_retention_in_days", 30, 14, True),
        ("soft_delete_retention_in_days", 14, 30, False),
        ("immutability", "Locked", "Unlocked", True),
        ("immutability", "Disabled", "Unlocked", False),
        ("resource_guard", True, False, True),
        ("resource_guard", False, True, False),
        ("public_network_access", False, True, True),
        ("public_network_access", True, False, False),
        ("alerts_for_all_job_failures", True, False, True),
        ("cross_region_restore", True, False, True),
        # It could not be read.
        ("soft_delete", "On", None, False),
    ],
)
def test_a_vault_is_weaker_if_a_setting_protects_less(name: str, before: Any, after: Any, is_weaker: bool) -> None:
    def vaults(value: Any) -> dict[str, Any]:
        return {VAULT.lower(): {"id": VAULT, "settings": {name: value}}}

    memory = told(None, at(0, vaults=vaults(before)))[1]
    events, memory = compare(memory, at(5, vaults=vaults(after)), SEVERITIES)
    assert [event["kind"] for event in events] == (["vault_weakened"] if is_weaker else [])
    if after is None:
        # What was known before it could not be read is still compared with.
        assert [event["kind"] for event in compare(memory, at(10, vaults=vaults("Off")), SEVERITIES)[0]] == ["vault_weakened"]
