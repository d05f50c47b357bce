# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Backup policies of a Backup vault: the readable form to the wire and back. Pure.

Shapes as recorded in dataprotection/backup_policy_create_and_delete.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

from ....errors import BadInput
from ....model.datasource_types import DatasourceType, find_by_wire_type
from ....model.durations import read_iso, seconds_of
from ....model.policy_spec import Plan
from ....model.result_shapes import Wire, shape
from ....model.retention import CRITERIA, LAST_DAY, OPERATIONAL, STANDARD_TAGS, Retention, RetentionRule, is_rule_name
from ....model.schedule import DAYS, Schedule
from ....model.time_zones import has_southern_summer, offset_of, same_zone
from .fields import type_of

# azurerm's pattern.
_NAME = re.compile(r"[-A-Za-z0-9]{3,150}")
_INTERVAL = re.compile(r"R/(?P<start>[^/]+)/(?P<period>P[^/]+)")
_RULE_NAMES = {"hourly": "BackupHourly", "daily": "BackupDaily", "weekly": "BackupWeekly"}
# Azure refuses a policy whose two defaults have one name (public reports of hybrid policies for blobs).
_CONTINUOUS_BESIDE_SCHEDULED = "Default_OperationalStore"

# Criteria that are lists of words, and Azure's names for them.
_WORD_CRITERIA = {
    "absolute_criteria": "absoluteCriteria",
    "days_of_the_week": "daysOfTheWeek",
    "weeks_of_the_month": "weeksOfTheMonth",
    "months_of_year": "monthsOfYear",
}

# All three are Sundays. Azure's own default begins on the first; the others lie outside daylight saving time.
_ANCHOR_UTC, _ANCHOR_NORTH, _ANCHOR_SOUTH = date(2020, 4, 5), date(2020, 1, 5), date(2020, 7, 5)

# -- to the wire


def check_new_name(name: str) -> None:
    """Refuse a name that no new policy can have. Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"policy_name: '{name}' is not a valid name for a policy in a Backup vault: 3 to 150 letters, digits and hyphens"
        )


def _anchor(zone: str | None) -> date:
    if zone is None or offset_of(zone) == "+00:00":
        return _ANCHOR_UTC
    return _ANCHOR_SOUTH if has_southern_summer(zone) else _ANCHOR_NORTH


def _moment(time: str, zone: str | None, day: int = 0) -> str:
    """Give a time of day on the so many-th day after the anchor, as Azure writes a moment."""
    return f"{(_anchor(zone) + timedelta(days=day)).isoformat()}T{time}:00{offset_of(zone) if zone else '+00:00'}"


def _intervals(schedule: Schedule) -> list[str]:
    zone = schedule.get("time_zone")
    period = {"hourly": f"PT{schedule.get('interval_hours')}H", "daily": "P1D", "weekly": "P1W"}[schedule["frequency"]]
    # Monday is 0 in DAYS; the anchor is a Sunday.
    days = [(DAYS.index(day) + 1) % 7 for day in schedule.get("days") or []] or [0]
    return [f"R/{_moment(time, zone, day)}/{period}" for day in days for time in schedule["times"]]


def to_wire(datasource_type: DatasourceType, plan: Plan) -> Wire:
    """Build the body of a policy's PUT.

    plan: complete and checked (plan.complete_plan); without a schedule, what is backed up continuously.
    """
    rules = []
    if plan.schedule:
        rules.append(_backup_rule(datasource_type, plan.schedule, plan))
        rules.append(_retention_rule("Default", plan.retention["default"], datasource_type.data_store, is_default=True))
        rules += [
            _retention_rule(name, plan.retention[tag], datasource_type.data_store)
            for tag, (name, _priority, _criterion) in _by_priority()
            if tag in plan.retention
        ]
        rules += [_retention_rule(rule["name"], rule["duration"], datasource_type.data_store) for rule in plan.rules or []]
    if datasource_type.continuous_store and OPERATIONAL in plan.retention:
        name = _CONTINUOUS_BESIDE_SCHEDULED if plan.schedule else "Default"
        rules.append(_retention_rule(name, plan.retention[OPERATIONAL], datasource_type.continuous_store, is_default=True))
    return {"properties": {"datasourceTypes": [datasource_type.wire_type], "objectType": "BackupPolicy", "policyRules": rules}}


def _by_priority() -> list[tuple[str, tuple[str, int, str]]]:
    return sorted(STANDARD_TAGS.items(), key=lambda item: item[1][1])


def _backup_rule(datasource_type: DatasourceType, schedule: Schedule, plan: Plan) -> Wire:
    wire_schedule: Wire = {"repeatingTimeIntervals": _intervals(schedule)}
    if schedule.get("time_zone"):
        wire_schedule["timeZone"] = schedule["time_zone"]
    return {
        "backupParameters": {"backupType": datasource_type.backup_type, "objectType": "AzureBackupParams"},
        "dataStore": {"dataStoreType": datasource_type.data_store, "objectType": "DataStoreInfoBase"},
        "name": _RULE_NAMES[schedule["frequency"]],
        "objectType": "AzureBackupRule",
        "trigger": {
            "objectType": "ScheduleBasedTriggerContext",
            "schedule": wire_schedule,
            "taggingCriteria": _tagging_criteria(plan, schedule.get("time_zone")),
        },
    }


def _tagging_criteria(plan: Plan, zone: str | None) -> list[Wire]:
    listed = [(rule["tagging_priority"], rule["name"], _criteria(rule, zone)) for rule in plan.rules or []]
    listed += [
        (priority, name, {"absoluteCriteria": [criterion]})
        for tag, (name, priority, criterion) in STANDARD_TAGS.items()
        if tag in plan.retention
    ]
    tagged = [
        {
            "criteria": [{**criteria, "objectType": "ScheduleBasedBackupCriteria"}],
            "isDefault": False,
            "tagInfo": {"id": f"{name}_", "tagName": name},
            "taggingPriority": priority,
        }
        for priority, name, criteria in sorted(listed, key=lambda item: item[0])
    ]
    return [*tagged, {"isDefault": True, "tagInfo": {"id": "Default_", "tagName": "Default"}, "taggingPriority": 99}]


def _criteria(rule: RetentionRule, zone: str | None) -> Wire:
    wire: Wire = {there: rule[here] for here, there in _WORD_CRITERIA.items() if rule.get(here)}
    if rule.get("days_of_month"):
        wire["daysOfMonth"] = [
            {"isLast": True} if day == LAST_DAY else {"date": int(day), "isLast": False} for day in rule["days_of_month"]
        ]
    if rule.get("schedule_times"):
        wire["scheduleTimes"] = [_moment(time, zone) for time in rule["schedule_times"]]
    return wire


def _retention_rule(name: str, duration: str, store: str, is_default: bool = False) -> Wire:
    return {
        "isDefault": is_default,
        "lifecycles": [
            {
                "deleteAfter": {"duration": duration, "objectType": "AbsoluteDeleteOption"},
                "sourceDataStore": {"dataStoreType": store, "objectType": "DataStoreInfoBase"},
            }
        ],
        "name": name,
        "objectType": "AzureRetentionRule",
    }


# -- from the wire


def _rules(wire: Wire, object_type: str) -> list[Wire]:
    return [rule for rule in _objects((wire.get("properties") or {}).get("policyRules")) if rule.get("objectType") == object_type]


def _objects(value: Any) -> list[Wire]:
    """Give the objects of a list; nothing for anything else, as a trigger without a schedule has one object there (openapi)."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _read_schedule(rule: Wire) -> Schedule | None:
    schedule = (rule.get("trigger") or {}).get("schedule") or {}
    found = [_INTERVAL.fullmatch(text) for text in schedule.get("repeatingTimeIntervals") or []]
    matches = [match for match in found if match]
    periods = {match["period"].upper() for match in matches}
    if not matches or len(matches) != len(found) or len(periods) != 1:
        return None
    seconds = seconds_of(periods.pop()) or 0
    zone = schedule.get("timeZone")
    starts = [_start(match["start"], zone) for match in matches]
    if None in starts:
        # Only what is certain is returned: of the hour, the offset says one thing and the zone another (azurerm's own example).
        certain = _frequency_of(seconds)
        return (
            {**certain, "times": None, **({"days": None} if "weekly" in certain.values() else {}), "time_zone": zone or "UTC"}
            if certain
            else None
        )
    moments = [start for start in starts if start]
    if len({(moment.weekday(), moment.time()) for moment in moments}) != len({moment.weekday() for moment in moments}) * len(
        {moment.time() for moment in moments}
    ):
        # Not every time on every day, which no days and times say.
        return None
    result: Schedule = {"times": sorted({f"{moment:%H:%M}" for moment in moments})}
    frequency = _frequency_of(seconds)
    if frequency is None:
        return None
    result |= frequency
    if result["frequency"] == "weekly":
        chosen = {DAYS[moment.weekday()] for moment in moments}
        result["days"] = [day for day in DAYS if day in chosen]
    result["time_zone"] = zone or "UTC"
    return result


def _frequency_of(seconds: float) -> Schedule | None:
    """Give the frequency of a repeating interval; None for one that is neither hourly, daily nor weekly."""
    named = {604800: "weekly", 86400: "daily"}.get(int(seconds))
    if named:
        return {"frequency": named}
    is_hourly = seconds % 3600 == 0 and 0 < seconds < 86400
    return {"frequency": "hourly", "interval_hours": int(seconds // 3600)} if is_hourly else None


def _start(text: str, zone: str | None) -> datetime | None:
    """Read when a repeating interval begins, by the clock of the policy's time zone; None for what cannot be told.

    Without a zone the offset alone says when (azurerm writes
    2021-05-19T06:33:16-05:00); with one, it has to be the zone's own, in winter or in summer.
    """
    try:
        moment = read_iso(str(text))
    except ValueError:
        return None
    offset = moment.utcoffset()
    if offset is None:
        return moment
    if zone is None or same_zone(zone, None):
        return moment.astimezone(timezone.utc)
    standard = datetime.fromisoformat(f"2020-01-01T00:00:00{offset_of(zone)}").utcoffset() or timedelta()
    return moment if offset - standard in (timedelta(), timedelta(hours=1)) else None


def _read_criteria(criteria: list[Wire], zone: str | None) -> RetentionRule | None:
    """Read the criteria of one tag; None for what the readable form cannot hold."""
    if len(criteria) != 1:
        return None
    wire = criteria[0]
    rule: RetentionRule = {
        here: [str(word) for word in wire[there]] for here, there in _WORD_CRITERIA.items() if isinstance(wire.get(there), list)
    }
    days = _objects(wire.get("daysOfMonth"))
    if not all(day.get("isLast") or day.get("date") for day in days):
        return None
    if days:
        rule["days_of_month"] = [LAST_DAY if day.get("isLast") else str(day["date"]) for day in days]
    if wire.get("scheduleTimes"):
        times = [_start(text, zone) for text in wire["scheduleTimes"]]
        if None in times:
            return None
        rule["schedule_times"] = [f"{time:%H:%M}" for time in times if time]
    return rule


def _read_keeping(wire: Wire, datasource_type: DatasourceType | None) -> tuple[Retention, list[RetentionRule]]:
    """Read retention and retention rules; what neither can hold makes the policy one that is not fully described."""
    names = {name: (tag, {"absolute_criteria": [criterion]}) for tag, (name, _priority, criterion) in STANDARD_TAGS.items()}
    triggers = [rule.get("trigger") or {} for rule in _rules(wire, "AzureBackupRule")]
    tagged = {
        str((item.get("tagInfo") or {}).get("tagName")): (item, (trigger.get("schedule") or {}).get("timeZone"))
        for trigger in triggers
        for item in _objects(trigger.get("taggingCriteria"))
    }
    retention: Retention = {}
    rules: list[RetentionRule] = []
    for rule in _rules(wire, "AzureRetentionRule"):
        lifecycle = (_objects(rule.get("lifecycles")) or [{}])[0]
        duration = (lifecycle.get("deleteAfter") or {}).get("duration") or ""
        store = (lifecycle.get("sourceDataStore") or {}).get("dataStoreType")
        name = str(rule.get("name"))
        criterion, zone = tagged.get(name) or ({}, None)
        criteria = _read_criteria(_objects(criterion.get("criteria")), zone)
        if rule.get("isDefault"):
            retention[
                OPERATIONAL
                if datasource_type and datasource_type.continuous_store and store == datasource_type.continuous_store
                else "default"
            ] = duration
        elif name in names and criteria == names[name][1]:
            retention[names[name][0]] = duration
        else:
            rules.append(
                {"name": name, "duration": duration, "tagging_priority": criterion.get("taggingPriority"), **(criteria or {})}
            )
    return retention, rules


def backup_rule_names(wire: Wire) -> list[str]:
    """Give the names of the rules that make backups; these, not the retention rules, are what on-demand wants."""
    return [str(rule.get("name")) for rule in _rules(wire, "AzureBackupRule")]


def retention_rule_names(wire: Wire) -> list[str]:
    """Give the names of the retention rules of scheduled backups, which are the tags that an on-demand backup may carry."""
    names = [str(rule.get("name")) for rule in _rules(wire, "AzureRetentionRule")]
    # A hybrid policy of the CLI calls both of its defaults Default (recorded: backup_policy_create_and_delete).
    return list(dict.fromkeys(name for name in names if name != _CONTINUOUS_BESIDE_SCHEDULED))


# Ids that the service adds, and what the readable form has read whole: the moments, by their zone.
_NOT_COMPARED = ("id", "name", "timeZone", "scheduleTimes")


def _comparable(value: Any) -> Any:
    """Reduce a policy's properties to what it does: no ids that the service adds, no empty settings, no name."""
    if isinstance(value, dict):
        return {
            key: _comparable(item)
            for key, item in sorted(value.items())
            if item not in (None, [], False) and key not in _NOT_COMPARED
        }
    if isinstance(value, list):
        return sorted((_comparable(item) for item in value), key=repr)
    match = _INTERVAL.fullmatch(value) if isinstance(value, str) else None
    return match["period"] if match else value


def _is_fully_described(wire: Wire, datasource_type: DatasourceType | None, plan: Plan) -> bool:
    """Tell whether the plan says all that the policy does, so that it can be written again from it."""
    is_scheduled = bool(_rules(wire, "AzureBackupRule"))
    if plan.schedule and plan.schedule["times"] is None:
        return False
    if datasource_type is None or is_scheduled is (plan.schedule is None) or (is_scheduled and "default" not in plan.retention):
        return False
    if any(not rule["tagging_priority"] or not any(rule.get(key) for key in CRITERIA) for rule in plan.rules or []):
        return False
    if not all(is_rule_name(rule["name"]) for rule in plan.rules or []):
        return False
    return bool(_comparable(to_wire(datasource_type, plan)["properties"]) == _comparable(wire["properties"]))


def describe(wire: Wire) -> dict[str, Any]:
    """Give a policy as results show it."""
    wire_types = (wire.get("properties") or {}).get("datasourceTypes") or [None]
    datasource_type = find_by_wire_type(wire_types[0])
    backup_rules = _rules(wire, "AzureBackupRule")
    plan = Plan(_read_schedule(backup_rules[0]) if len(backup_rules) == 1 else None, *_read_keeping(wire, datasource_type))
    return shape(
        "policy",
        id=wire.get("id"),
        name=wire.get("name"),
        datasource_type=type_of(wire_types[0]),
        **plan.readable(),
        backup_rules=backup_rule_names(wire),
        retention_tags=retention_rule_names(wire),
        is_fully_described=_is_fully_described(wire, datasource_type, plan),
        properties=wire.get("properties"),
    )
