# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What it means that a resource is covered by backups, and what a vault has to be like. Pure."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .datasource_types import DATASOURCE_TYPES
from .durations import read_seconds, seconds_in, to_clock_words
from .resource_ids import normalize
from .result_shapes import Described
from .schedule import DAYS
from .selection import Candidate

# From the best to the worst.
VERDICTS = (
    "covered", "exempt", "unknown", "suspended", "stopped", "soft_deleted", "stale", "failing", "unprotected",
)  # fmt: skip
SUCCEEDED = ("completed", "completed_with_warnings")
FAILED = ("failed",)
# In these Azure is at work and the next state comes by itself.
_BEGINNING = ("configuring_protection", "updating_protection")
_BROKEN = ("protection_error", "configuring_protection_failed")
# What ends backups, and the verdict.
ENDED = {
    "backups_suspended": "suspended",
    "protection_stopped": "stopped",
    "soft_deleted": "soft_deleted",
    "soft_deleting": "stopped",
}
_HOUR, _DAY = 3600, 86400
# What a continuous backup is judged by where nothing says it.
_SECONDS_OF_CONTINUOUS = float(_DAY)


@dataclass(frozen=True)
class Objective:
    """How old the newest recovery point may be: seconds, None where nothing says it; source: tag, type, option or policy."""

    seconds: float | None
    source: str | None


@dataclass
class Protected:
    """What is known of the protection of one resource.

    instance, policy: as results show them; policy: None where it is not known; last_point: the time of the newest recovery point
    that is good; has_read: whether it is known that there is none where last_point is None; problem: why it is not known;
    last_job: the last backup that has ended; failures: how many of the last backups failed in a row, None where Azure does not
    tell.
    """

    instance: Described
    policy: Described | None = None
    last_point: datetime | None = None
    has_read: bool = True
    problem: str | None = None
    last_job: Described | None = None
    failures: int | None = None


def interval_of(policy: Described | None) -> float | None:
    """Give the longest pause between two scheduled backups of a policy, in seconds; None where it has no schedule."""
    schedule = (policy or {}).get("schedule")
    if not schedule:
        return None
    frequency = schedule.get("frequency")
    if frequency == "hourly":
        interval, window = int(schedule.get("interval_hours") or 1), schedule.get("window_hours")
        # Outside the window of the day there are no backups.
        return float(max(interval, 24 - int(window)) if window else interval) * _HOUR
    if frequency == "daily":
        return float(_DAY)
    chosen = sorted(DAYS.index(day) for day in schedule.get("days") or [] if day in DAYS) or [0]
    pauses = [(later - earlier) % 7 or 7 for earlier, later in zip(chosen, [*chosen[1:], chosen[0]], strict=True)]
    return float(max(pauses)) * _DAY


def is_continuous(policy: Described | None) -> bool:
    """Tell whether a policy backs up continuously only, so that there are no jobs and no recovery points."""
    return bool(policy) and not (policy or {}).get("schedule") and bool((policy or {}).get("retention", {}).get("operational"))


@dataclass(frozen=True)
class Objectives:
    """How old newest recovery points may be, in seconds.

    tag: the lower-cased name of a tag whose value says it; by_type: by the datasource type; default: for all others; margin: by
    which the interval of the policy is multiplied where nothing else says it.
    """

    tag: str | None
    by_type: dict[str, float]
    default: float | None
    margin: float

    def of(self, candidate: Candidate, policy: Described | None) -> Objective:
        """Give that of a resource. Raises BadInput for a tag that is no duration."""
        tagged = candidate.tags.get(self.tag) if self.tag else None
        if tagged is not None:
            return Objective(seconds_in(tagged.strip(), f"its tag {self.tag}"), "tag")
        if candidate.datasource_type in self.by_type:
            return Objective(self.by_type[candidate.datasource_type], "type")
        if self.default is not None:
            return Objective(self.default, "option")
        # Of continuous backup, no pause is planned at all.
        interval = interval_of(policy) or (_SECONDS_OF_CONTINUOUS if is_continuous(policy) else None)
        return Objective(interval * self.margin, "policy") if interval else Objective(None, None)


def read_objectives(options: Mapping[str, Any], problems: list[str]) -> Objectives:
    """Read the options rpo, rpo_by_type, rpo_tag and rpo_margin; what is wrong goes to problems."""
    given = options["rpo_by_type"] or {}
    by_type = {name: read_seconds(text, f"rpo_by_type.{name}", problems) for name, text in given.items()}
    unknown = sorted(set(by_type) - set(DATASOURCE_TYPES))
    if unknown:
        problems.append(f"rpo_by_type: {', '.join(unknown)}: not supported; use {', '.join(DATASOURCE_TYPES)}")
    if options["rpo_margin"] < 1:
        problems.append(f"rpo_margin: {options['rpo_margin']:g} must be 1 or more")
    known = {name: seconds for name, seconds in by_type.items() if seconds is not None}
    tag = (options["rpo_tag"] or "").strip().lower() or None
    return Objectives(tag, known, read_seconds(options["rpo"], "rpo", problems), options["rpo_margin"])


def judge(known: Protected | None, objective: Objective, now: datetime) -> tuple[str, str]:
    """Give the verdict on a resource that is not exempt, and the reason in one sentence; known: None where no vault knows it."""
    if known is None:
        return "unprotected", "no vault protects it"
    instance = known.instance
    state = str(instance["state"])
    if state in ENDED:
        return ENDED[state], _words_of_state(instance)
    if state in _BROKEN:
        told = "; ".join(str(error["message"]) for error in instance["errors"])
        return "failing", f"its protection is in state {state}" + (f": {told}" if told else "")
    if known.problem:
        return "unknown", known.problem
    job = known.last_job
    if job and job["status"] in FAILED:
        told = f" ({job['error_code']})" if job.get("error_code") else ""
        several = f"the last {known.failures} backups failed" if (known.failures or 0) > 1 else "the last backup failed"
        return "failing", several + told
    return _judge_age(known, objective, now)


def _judge_age(known: Protected, objective: Objective, now: datetime) -> tuple[str, str]:
    """Give the verdict by the age of the newest recovery point."""
    if known.last_point is None:
        is_new = known.instance["state"] in _BEGINNING
        configured = "its protection is being configured, and it has no recovery point yet"
        listed = "it has no recovery point" if known.has_read else "it had no successful backup in the time that Azure lists"
        return "stale", configured if is_new else listed
    if objective.seconds is None:
        return "unknown", "nothing says how old its newest recovery point may be; set rpo"
    age = (now - known.last_point).total_seconds()
    told = f"its newest recovery point is {to_clock_words(age)} old"
    if age > objective.seconds:
        return "stale", f"{told}, more than {to_clock_words(objective.seconds)}"
    return "covered", told


def _words_of_state(instance: Described) -> str:
    if instance["state"] == "soft_deleted":
        until = instance.get("purge_time")
        return "its backups are deleted" + (f", and can be brought back until {until}" if until else "")
    words = {"backups_suspended": "its backups are suspended", "protection_stopped": "its protection is stopped"}
    return words.get(str(instance["state"]), f"its protection is in state {instance['state']}")


def compliance_percent(verdicts: Mapping[str, int]) -> float | None:
    """Give the covered resources in percent of all that are not exempt; None where there are none.

    What is unknown counts as not covered. Rounded down to a tenth, so that only all of them are 100.
    """
    whole = sum(verdicts.values()) - verdicts.get("exempt", 0)
    return int(1000 * verdicts.get("covered", 0) / whole) / 10 if whole else None


def total(verdicts: Iterable[tuple[str | None, str]]) -> list[Described]:
    """Give for each name how many verdicts there are of each kind, and the compliance; None for a name is last."""
    groups: dict[str | None, Counter[str]] = {}
    for name, verdict in verdicts:
        groups.setdefault(name, Counter())[verdict] += 1
    ordered = sorted(groups, key=lambda name: (name is None, str(name).lower()))
    return [{"name": name, **counted(groups[name])} for name in ordered]


def counted(verdicts: Mapping[str, int]) -> Described:
    """Give how many resources have each verdict, how many there are, and the compliance."""
    return {
        "count": sum(verdicts.values()),
        "verdicts": {name: verdicts.get(name, 0) for name in VERDICTS},
        "compliance_percent": compliance_percent(verdicts),
    }


# -- controls

_SOFT_DELETE = ("off", "on", "alwayson")
_IMMUTABILITY = ("disabled", "unlocked", "locked")


def _at_least(levels: Sequence[str]) -> Callable[[Any, Any], bool]:
    def compare(found: Any, wanted: Any) -> bool:
        return levels.index(normalize(found)) >= levels.index(normalize(wanted)) if normalize(found) in levels else False

    return compare


@dataclass(frozen=True)
class Control:
    """What a vault may have to be like.

    read: gives its value from a vault, None where that does not tell; is_met: compares it; vault_types: which have it.
    """

    read: Callable[[Described], Any]
    is_met: Callable[[Any, Any], bool]
    vault_types: tuple[str, ...] = ("backup", "recovery_services")


def _identity_of(vault: Described) -> bool:
    return str((vault["identity"] or {}).get("type") or "None") != "None"


def _is_enabled(key: str) -> Callable[[Described], Any]:
    return lambda vault: None if vault[key] is None else normalize(vault[key]) == "enabled"


# The keys of the option controls.
CONTROLS: dict[str, Control] = {
    "soft_delete": Control(lambda vault: vault["soft_delete"]["state"], _at_least(_SOFT_DELETE)),
    "soft_delete_retention_in_days": Control(
        lambda vault: vault["soft_delete"]["retention_duration_in_days"], lambda found, wanted: float(found) >= float(wanted)
    ),
    "immutability": Control(lambda vault: vault["immutability_state"], _at_least(_IMMUTABILITY)),
    "redundancy": Control(
        lambda vault: vault["redundancy"], lambda found, wanted: normalize(found) in {normalize(one) for one in wanted}
    ),
    "resource_guard": Control(lambda vault: vault["is_protected_by_resource_guard"], operator.is_),
    "cross_region_restore": Control(_is_enabled("cross_region_restore_state"), operator.is_),
    "alerts_for_all_job_failures": Control(_is_enabled("alerts_for_all_job_failures"), operator.is_),
    "identity": Control(_identity_of, operator.is_),
    "public_network_access": Control(_is_enabled("public_network_access"), operator.is_, ("recovery_services",)),
}


def check_controls(vault: Described, wanted: Mapping[str, Any]) -> list[Described]:
    """Compare a vault with what it has to be like; a value that Azure does not tell is unknown, and not passed.

    What this kind of vault does not have is left out.
    """
    results = []
    for name, expected in wanted.items():
        if vault["vault_type"] not in CONTROLS[name].vault_types:
            continue
        found = CONTROLS[name].read(vault)
        status = "unknown" if found is None else "passed" if CONTROLS[name].is_met(found, expected) else "failed"
        results.append({"name": name, "status": status, "expected": expected, "found": found})
    return results


# -- drills


def last_drills(reports: Sequence[Mapping[str, Any]]) -> dict[str, Described]:
    """Give the last drill of each datasource, by the lower-cased id, from reports of the role restore_drill."""
    found: dict[str, Described] = {}
    for report in sorted(reports, key=lambda one: str(one.get("generated"))):
        for one in report.get("datasources") or []:
            if isinstance(one, dict) and one.get("datasource_id") and one.get("status") != "skipped":
                found[str(one["datasource_id"]).lower()] = {
                    "time": report.get("generated"),
                    "status": one.get("status"),
                    "rto_seconds": one.get("rto_seconds"),
                }
    return found
