# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a policy says, for both kinds of vault: when to back up and how long to keep. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import BadInput
from .datasource_types import DatasourceType
from .durations import to_iso
from .instant_restore import SETTINGS, Settings, check_settings, complete_settings, same_settings
from .result_shapes import Described
from .retention import (
    OPERATIONAL,
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
from .schedule import Schedule, check_schedule, complete_schedule, same_schedule


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


def check_plan(options: dict[str, Any], datasource_type: DatasourceType) -> Plan:
    """Read the options schedule, retention and retention_rules. Raises BadInput with every mistake."""
    problems = []
    schedule: Schedule = {}
    retention: Retention = {}
    rules = None
    settings: Settings = {}
    try:
        schedule = check_schedule(options["schedule"], datasource_type)
    except BadInput as error:
        problems.append(error.message)
    try:
        retention = check_retention(options["retention"], datasource_type)
    except BadInput as error:
        problems.append(error.message)
    try:
        rules = check_rules(options["retention_rules"], retention, datasource_type)
    except BadInput as error:
        problems.append(error.message)
    try:
        settings = check_settings(options, datasource_type, schedule)
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


def complete_plan(wanted: Plan, existing: Plan | None, datasource_type: DatasourceType) -> Plan:
    """Fill in what the user did not set: from the existing plan, else Azure's defaults. Raises BadInput."""
    is_scheduled = bool(wanted.schedule or wanted.rules or set(wanted.retention) - {OPERATIONAL})
    retention = complete_retention(wanted.retention, existing.retention if existing else None, datasource_type, is_scheduled)
    rules = wanted.rules
    if rules is None and existing:
        # A retention that is set takes the place of a rule that had its name.
        rules = [rule for rule in existing.rules or [] if str(rule["name"]).lower() not in wanted.retention]
    if "default" not in retention and not is_scheduled:
        return Plan(None, retention, rules or [])
    if "default" not in retention:
        retention = {"default": datasource_type.default_retention["default"], **retention}
    schedule = complete_schedule(wanted.schedule or {}, existing.schedule if existing else None, datasource_type)
    # A frequency may follow only now from what was there.
    check_schedule(schedule, datasource_type)
    names = {str(rule["name"]).lower() for rule in wanted.rules or []}
    if datasource_type.weekly_retention and schedule["frequency"] == "weekly":
        if "weekly" in wanted.retention or "weekly" in names:
            raise BadInput("retention.weekly: a weekly schedule creates only weekly backups; set retention.default instead")
        retention.pop("weekly", None)
        rules = [rule for rule in rules or [] if str(rule["name"]).lower() != "weekly"]
        if not existing and "default" not in wanted.retention:
            retention["default"] = datasource_type.weekly_retention
    retention = {tag: value for tag, value in retention.items() if tag not in names}
    check_rules_together(rules or [], retention, schedule)
    settings = complete_settings(wanted.settings, existing.settings if existing else {}, datasource_type, schedule)
    return Plan(schedule, retention, with_priorities(rules or [], datasource_type), settings)


def default_plan(datasource_type: DatasourceType) -> Plan:
    """Give Azure's own default for a type of datasource."""
    return complete_plan(Plan({}), None, datasource_type)


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
