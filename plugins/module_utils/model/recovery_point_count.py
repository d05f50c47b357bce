# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How many recovery points a policy keeps. Pure."""

from __future__ import annotations

import calendar
import functools
import json
from datetime import date, timedelta
from typing import Any

from .datasource_types import DATASOURCE_TYPES
from .durations import seconds_of
from .policy_spec import Plan, plan_of
from .result_shapes import Described
from .retention import (
    CRITERIA,
    LAST_DAY,
    MONTHS,
    STANDARD_TAGS,
    WEEKS,
    RetentionRule,
)
from .schedule import DAYS, minutes_of_day

_SECONDS_A_DAY = 86400
# Azure keeps nothing longer than 99 years.
_LONGEST_COUNTED = 100 * 366 * _SECONDS_A_DAY
# A Wednesday in a leap year, so that no rule begins on its own first day.
_FIRST_DAY = date(2020, 1, 1)

# -- how many recovery points a plan keeps


def with_count(policy: Described) -> Described:
    """Give a policy with recovery_points_kept: counted apart, since it takes a simulation of up to a century."""
    if policy["datasource_type"] not in DATASOURCE_TYPES:
        return policy
    return {**policy, "recovery_points_kept": count_recovery_points(plan_of(policy))}


def count_recovery_points(plan: Plan) -> int | None:
    """Tell how many recovery points a plan keeps at most, once it has run for as long as it keeps them; None where it cannot.

    Each point is kept by one tag: the one with the lowest priority that it fulfils. What is backed up continuously has none.
    """
    # A task meets the same plan as it is, as it is to be and as it was read back; an estate has it in many vaults.
    return _count(json.dumps([plan.schedule, plan.retention, plan.rules]))


@functools.lru_cache(maxsize=1024)
def _count(text: str) -> int | None:
    plan = Plan(*json.loads(text))
    if not plan.schedule or not plan.schedule["times"] or "default" not in plan.retention:
        return None
    if not all(any(rule.get(key) for key in CRITERIA) for rule in plan.rules or []):
        return None
    tags = _tags(plan)
    longest = max(length for _test, length in tags)
    if longest > _LONGEST_COUNTED:
        return None
    last_day = int(longest / _SECONDS_A_DAY) + 367
    minutes = minutes_of_day(plan.schedule)
    changes: list[tuple[float, int]] = []
    spans: dict[str, Any] = {}
    for number in range(last_day):
        day = _FIRST_DAY + timedelta(days=number)
        if plan.schedule["frequency"] == "weekly" and DAYS[day.weekday()] not in plan.schedule["days"]:
            continue
        place = _place(day, spans)
        for minute in minutes:
            place["schedule_times"] = {f"{minute // 60:02d}:{minute % 60:02d}"}
            length = next(length for test, length in tags if test is None or _matches(test, place))
            taken = number * _SECONDS_A_DAY + minute * 60.0
            changes += [(taken, 1), (taken + length, -1)]
            # Only the first backup of a day can be the first of anything.
            place["absolute_criteria"] = {"AllBackup"}
    kept = most = 0
    for moment, change in sorted(changes):
        kept += change
        if longest <= moment <= last_day * _SECONDS_A_DAY:
            most = max(most, kept)
    return most


def _tags(plan: Plan) -> list[tuple[RetentionRule | None, float]]:
    """Give the criteria with their seconds, by priority; the default comes last and has none."""
    listed: list[tuple[int, RetentionRule, str]] = [
        (priority, rule, rule["duration"]) for rule in plan.rules or [] if (priority := _priority_of(rule))
    ]
    for tag, (_name, priority, criterion) in STANDARD_TAGS.items():
        if tag in plan.retention:
            listed.append((priority, {"absolute_criteria": [criterion]}, plan.retention[tag]))
    ordered = sorted(listed, key=lambda item: item[0])
    default = seconds_of(plan.retention["default"]) or 0.0
    return [*((rule, seconds_of(text) or 0.0) for _priority, rule, text in ordered), (None, default)]


def _priority_of(rule: RetentionRule) -> int | None:
    """Give the priority of a rule: its own, or that of the tag whose name it has. A rule without either keeps nothing."""
    standard = STANDARD_TAGS.get(str(rule["name"]).lower())
    return rule["tagging_priority"] or (standard[1] if standard else None)


def _place(day: date, spans: dict[str, Any]) -> dict[str, set[str]]:
    """Tell what the first backup of a day is: the first of which spans, and where its day lies.

    spans: those of the backup before, which become those of this one.
    """
    # Weeks begin on Sunday.
    here = {"FirstOfDay": day, "FirstOfWeek": day.toordinal() // 7, "FirstOfMonth": day.replace(day=1), "FirstOfYear": day.year}
    first = {name for name, span in here.items() if spans.get(name) != span}
    spans.update(here)
    length = calendar.monthrange(day.year, day.month)[1]
    weeks = {WEEKS[min((day.day - 1) // 7, 4)]} - {"Last"} | ({"Last"} if day.day > length - 7 else set())
    return {
        "absolute_criteria": {"AllBackup", *first},
        "days_of_the_week": {DAYS[day.weekday()]},
        "weeks_of_the_month": weeks,
        "days_of_month": {str(day.day), *([LAST_DAY] if day.day == length else [])},
        "months_of_year": {MONTHS[day.month - 1]},
    }


def _matches(rule: RetentionRule, place: dict[str, set[str]]) -> bool:
    return all(place[key].intersection(rule[key]) for key in place if rule.get(key))
