# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy says, for both kinds of vault: when to back up and how long to keep. Pure."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from .datasources import DATASOURCE_TYPES, DatasourceType
from .durations import seconds_of, to_iso
from .errors import BadInput
from .instant_restore import SETTINGS, Settings, check_settings, complete_settings, same_settings
from .retention import (
    CRITERIA,
    LAST_DAY,
    MONTHS,
    OPERATIONAL,
    STANDARD_TAGS,
    WEEKS,
    Retention,
    RetentionRule,
    check_retention,
    check_rules,
    check_rules_together,
    complete_retention,
    readable_retention,
    readable_rules,
    same_retention,
    same_rules,
    with_priorities,
)
from .schedules import DAYS, Schedule, check_schedule, complete_schedule, same_schedule
from .shapes import Described

_SECONDS_A_DAY = 86400
# Azure keeps nothing longer than 99 years.
_LONGEST_COUNTED = 100 * 366 * _SECONDS_A_DAY
# A Wednesday in a leap year, so that no rule begins on its own first day.
_FIRST_DAY = date(2020, 1, 1)


@dataclass(frozen=True)
class Plan:
    """A schedule, a retention of ISO 8601 durations, retention rules, and settings of snapshots (instant_restore).

    As a wish, it holds what the user set: rules is None where that is nothing. As a whole plan, schedule is None where nothing
    is scheduled or the readable form cannot hold it.
    """

    schedule: Schedule | None = None
    retention: Retention = field(default_factory=dict)
    rules: list[RetentionRule] | None = None
    settings: Settings = field(default_factory=dict)

    def readable(self) -> dict[str, Any]:
        """Give the plan as results show it and as options take it."""
        return {
            "schedule": self.schedule,
            "retention": readable_retention(self.retention),
            "retention_rules": readable_rules(self.rules or []),
            **{name: self.settings.get(name) for name in SETTINGS},
        }


def check_plan(options: dict[str, Any], row: DatasourceType) -> Plan:
    """Read the options schedule, retention and retention_rules. Raises BadInput with every mistake."""
    problems = []
    schedule: Schedule = {}
    retention: Retention = {}
    rules = None
    settings: Settings = {}
    try:
        schedule = check_schedule(options["schedule"], row)
    except BadInput as error:
        problems.append(error.message)
    try:
        retention = check_retention(options["retention"], row)
    except BadInput as error:
        problems.append(error.message)
    try:
        rules = check_rules(options["retention_rules"], retention, row)
    except BadInput as error:
        problems.append(error.message)
    try:
        settings = check_settings(options, row, schedule)
    except BadInput as error:
        problems.append(error.message)
    if problems:
        raise BadInput("; ".join(problems))
    return Plan(schedule, retention, rules, settings)


def plan_of(policy: Described) -> Plan:
    """Read the plan of a policy that was described."""
    rules = [{**rule, "duration": _as_iso(rule["duration"])} for rule in policy["retention_rules"]]
    retention = {tag: _as_iso(text) for tag, text in policy["retention"].items() if text}
    return Plan(policy["schedule"], retention, rules, {name: policy[name] for name in SETTINGS})


def _as_iso(text: str) -> str:
    """Undo to_readable; what Azure sent and no option could say stays as it is."""
    try:
        return to_iso(text, "duration")
    except BadInput:
        return text


def complete_plan(wanted: Plan, existing: Plan | None, row: DatasourceType) -> Plan:
    """Fill in what the user did not set: from the existing plan, else Azure's defaults. Raises BadInput."""
    is_scheduled = bool(wanted.schedule or wanted.rules or set(wanted.retention) - {OPERATIONAL})
    retention = complete_retention(wanted.retention, existing.retention if existing else None, row, is_scheduled)
    rules = wanted.rules
    if rules is None and existing:
        # A retention that is set takes the place of a rule that had its name.
        rules = [rule for rule in existing.rules or [] if str(rule["name"]).lower() not in wanted.retention]
    if "default" not in retention and not is_scheduled:
        return Plan(None, retention, rules or [])
    if "default" not in retention:
        retention = {"default": row.default_retention["default"], **retention}
    schedule = complete_schedule(wanted.schedule or {}, existing.schedule if existing else None, row)
    # A frequency may follow only now from what was there.
    check_schedule(schedule, row)
    names = {str(rule["name"]).lower() for rule in wanted.rules or []}
    if row.weekly_retention and schedule["frequency"] == "weekly":
        if "weekly" in wanted.retention or "weekly" in names:
            raise BadInput("retention.weekly: a weekly schedule creates only weekly backups; set retention.default instead")
        retention.pop("weekly", None)
        rules = [rule for rule in rules or [] if str(rule["name"]).lower() != "weekly"]
        if not existing and "default" not in wanted.retention:
            retention["default"] = row.weekly_retention
    retention = {tag: value for tag, value in retention.items() if tag not in names}
    check_rules_together(rules or [], retention, schedule)
    settings = complete_settings(wanted.settings, existing.settings if existing else {}, row, schedule)
    return Plan(schedule, retention, with_priorities(rules or [], row), settings)


def default_plan(row: DatasourceType) -> Plan:
    """Give Azure's own default for a type of datasource."""
    return complete_plan(Plan({}), None, row)


def same_plan(wanted: Plan, existing: Plan) -> bool:
    """Tell whether an existing plan does all that the user set; what was not set does not count."""
    if wanted.schedule and (existing.schedule is None or not same_schedule(wanted.schedule, existing.schedule)):
        return False
    return (
        same_retention(wanted.retention, existing.retention)
        and same_rules(wanted.rules, existing.rules or [])
        and same_settings(wanted.settings, existing.settings)
    )


def differences(wanted: Plan, existing: Plan) -> list[str]:
    """Name what of an existing plan is not what the user set."""
    asked, there = wanted.readable(), existing.readable()
    differing = {
        "schedule": [
            key for key, value in (wanted.schedule or {}).items() if not same_schedule({key: value}, existing.schedule or {})
        ],
        "retention": [tag for tag, value in wanted.retention.items() if not same_retention({tag: value}, existing.retention)],
    }
    found = [
        f"{option}.{key} is {(there[option] or {}).get(key)}, not {asked[option][key]}"
        for option, keys in differing.items()
        for key in keys
    ]
    found += [
        f"{name} is {existing.settings.get(name)}, not {value}"
        for name, value in wanted.settings.items()
        if existing.settings.get(name) != value
    ]
    if not same_rules(wanted.rules, existing.rules or []):
        names = [", ".join(str(rule["name"]) for rule in plan["retention_rules"]) or "none" for plan in (there, asked)]
        found.append(f"retention_rules are {names[0]}, not {names[1]}, or differ in their criteria or durations")
    return found


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
    if not plan.schedule or not plan.schedule["times"] or "default" not in plan.retention:
        return None
    if not all(any(rule.get(key) for key in CRITERIA) for rule in plan.rules or []):
        return None
    tags = _tags(plan)
    longest = max(length for _test, length in tags)
    if longest > _LONGEST_COUNTED:
        return None
    last_day = int(longest / _SECONDS_A_DAY) + 367
    minutes = _minutes_of_day(plan.schedule)
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


def _minutes_of_day(schedule: Schedule) -> list[int]:
    minutes = [int(time[:2]) * 60 + int(time[3:]) for time in schedule["times"]]
    if schedule["frequency"] != "hourly":
        return minutes
    period = int(schedule["interval_hours"]) * 60
    if schedule.get("window_hours"):
        last = minutes[0] + int(schedule["window_hours"]) * 60
        return sorted({minute % (24 * 60) for minute in range(minutes[0], last + 1, period)})
    return list(range(minutes[0] % period, 24 * 60, period))


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
