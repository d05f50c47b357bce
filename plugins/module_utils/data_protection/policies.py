# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup policies of a Backup vault: the readable form to the wire and back. Pure.

Shapes as recorded in dataprotection/backup_policy_create_and_delete.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from ..datasources import DatasourceType, find_by_wire_type
from ..durations import seconds_of
from ..schedules import DAYS, Retention, Schedule, count_recovery_points, readable_retention
from ..shapes import shape
from ..time_zones import has_southern_summer, offset_of
from .wire import Wire, type_of

_INTERVAL = re.compile(r"^R/(?P<start>[^/]+)/(?P<period>P[^/]+)$")
_RULE_NAMES = {"hourly": "BackupHourly", "daily": "BackupDaily", "weekly": "BackupWeekly"}
# Tag -> its name on the wire, priority and criteria. The service takes the lowest priority that matches.
_TAGS = {"daily": ("Daily", 25, "FirstOfDay"), "weekly": ("Weekly", 20, "FirstOfWeek")}
# All three are Sundays. Azure's own default begins on the first; the others lie outside daylight saving time.
_ANCHOR_UTC, _ANCHOR_NORTH, _ANCHOR_SOUTH = date(2020, 4, 5), date(2020, 1, 5), date(2020, 7, 5)


def _anchor(zone: str | None) -> date:
    if zone is None or offset_of(zone) == "+00:00":
        return _ANCHOR_UTC
    return _ANCHOR_SOUTH if has_southern_summer(zone) else _ANCHOR_NORTH


def _intervals(schedule: Schedule) -> list[str]:
    zone = schedule.get("time_zone")
    anchor = _anchor(zone)
    offset = offset_of(zone) if zone else "+00:00"
    period = {"hourly": f"PT{schedule.get('interval_hours')}H", "daily": "P1D", "weekly": "P1W"}[schedule["frequency"]]
    # Monday is 0 in DAYS; the anchor is a Sunday.
    days = [(DAYS.index(day) + 1) % 7 for day in schedule.get("days") or []] or [0]
    return [
        f"R/{(anchor + timedelta(days=day)).isoformat()}T{time}:00{offset}/{period}" for day in days for time in schedule["times"]
    ]


def to_wire(row: DatasourceType, schedule: Schedule, retention: Retention) -> Wire:
    """Build the body of a policy's PUT.

    schedule and retention: complete and checked (schedules.complete_schedule, complete_retention).
    """
    store = {"dataStoreType": row.data_store, "objectType": "DataStoreInfoBase"}
    tags = [tag for tag in _TAGS if tag in retention]
    criteria: list[Wire] = []
    rules: list[Wire] = []
    for tag in sorted(tags, key=lambda name: _TAGS[name][1]):
        name, priority, absolute = _TAGS[tag]
        criteria.append(
            {
                "criteria": [{"absoluteCriteria": [absolute], "objectType": "ScheduleBasedBackupCriteria"}],
                "isDefault": False,
                "tagInfo": {"id": f"{name}_", "tagName": name},
                "taggingPriority": priority,
            }
        )
        rules.append(_retention_rule(name, retention[tag], store, is_default=False))
    criteria.append({"isDefault": True, "tagInfo": {"id": "Default_", "tagName": "Default"}, "taggingPriority": 99})
    wire_schedule: Wire = {"repeatingTimeIntervals": _intervals(schedule)}
    if schedule.get("time_zone"):
        wire_schedule["timeZone"] = schedule["time_zone"]
    backup_rule = {
        "backupParameters": {"backupType": row.backup_type, "objectType": "AzureBackupParams"},
        "dataStore": store,
        "name": _RULE_NAMES[schedule["frequency"]],
        "objectType": "AzureBackupRule",
        "trigger": {
            "objectType": "ScheduleBasedTriggerContext",
            "schedule": wire_schedule,
            "taggingCriteria": criteria,
        },
    }
    default = _retention_rule("Default", retention["default"], store, is_default=True)
    return {
        "properties": {
            "datasourceTypes": [row.wire_type],
            "objectType": "BackupPolicy",
            "policyRules": [backup_rule, default, *rules],
        }
    }


def _retention_rule(name: str, duration: str, store: Wire, is_default: bool) -> Wire:
    return {
        "isDefault": is_default,
        "lifecycles": [{"deleteAfter": {"duration": duration, "objectType": "AbsoluteDeleteOption"}, "sourceDataStore": store}],
        "name": name,
        "objectType": "AzureRetentionRule",
    }


def _rules(wire: Wire, object_type: str) -> list[Wire]:
    rules = (wire.get("properties") or {}).get("policyRules") or []
    return [rule for rule in rules if rule.get("objectType") == object_type]


def _read_schedule(rule: Wire) -> Schedule | None:
    schedule = (rule.get("trigger") or {}).get("schedule") or {}
    found = [_INTERVAL.match(text) for text in schedule.get("repeatingTimeIntervals") or []]
    matches = [match for match in found if match]
    periods = {match["period"].upper() for match in matches}
    if not matches or len(matches) != len(found) or len(periods) != 1:
        return None
    seconds = seconds_of(periods.pop()) or 0
    starts = [_start(match["start"]) for match in matches]
    if None in starts:
        return None
    moments = [start for start in starts if start]
    result: Schedule = {"times": sorted({f"{moment:%H:%M}" for moment in moments})}
    if seconds == 604800:
        chosen = {DAYS[moment.weekday()] for moment in moments}
        result |= {"frequency": "weekly", "days": [day for day in DAYS if day in chosen]}
    elif seconds == 86400:
        result["frequency"] = "daily"
    elif seconds % 3600 == 0 and 0 < seconds < 86400:
        result |= {"frequency": "hourly", "interval_hours": int(seconds // 3600)}
    else:
        return None
    result["time_zone"] = schedule.get("timeZone") or "UTC"
    return result


def _start(text: str) -> datetime | None:
    """Read when a repeating interval begins; the seventh decimal that some clients write is dropped."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None


def _read_retention(wire: Wire) -> Retention:
    names = {name: tag for tag, (name, _priority, _criteria) in _TAGS.items()}
    result: Retention = {}
    for rule in _rules(wire, "AzureRetentionRule"):
        tag = "default" if rule.get("isDefault") else names.get(rule["name"], str(rule["name"]).lower())
        for lifecycle in rule.get("lifecycles") or []:
            result.setdefault(tag, (lifecycle.get("deleteAfter") or {}).get("duration") or "")
    return result


def backup_rule_names(wire: Wire) -> list[str]:
    """Give the names of the rules that make backups; these, not the retention rules, are what on-demand wants."""
    return [rule["name"] for rule in _rules(wire, "AzureBackupRule")]


def retention_rule_names(wire: Wire) -> list[str]:
    """Give the names of the retention rules, which are the tags that an on-demand backup may carry."""
    return [rule["name"] for rule in _rules(wire, "AzureRetentionRule")]


def schedule_and_retention(wire: Wire) -> tuple[Schedule | None, Retention]:
    """Read the canonical schedule (None where the readable form cannot hold it) and retention (ISO 8601)."""
    rules = _rules(wire, "AzureBackupRule")
    return (_read_schedule(rules[0]) if len(rules) == 1 else None), _read_retention(wire)


def _comparable(value: Any) -> Any:
    """Reduce a policy's properties to what it does: no ids that the service adds, no empty settings, no name."""
    if isinstance(value, dict):
        return {
            key: _comparable(item)
            for key, item in value.items()
            if not (key == "targetDataStoreCopySettings" and not item) and key not in ("id", "name", "timeZone")
        }
    if isinstance(value, list):
        return sorted((_comparable(item) for item in value), key=repr)
    if isinstance(value, str) and _INTERVAL.match(value):
        match = _INTERVAL.match(value)
        return match["period"] if match else value
    return value


def is_fully_described(wire: Wire) -> bool:
    """Tell whether schedule and retention say all that the policy does, so that it can be written again from them."""
    schedule, retention = schedule_and_retention(wire)
    row = find_by_wire_type(((wire.get("properties") or {}).get("datasourceTypes") or [None])[0])
    if row is None or schedule is None or "default" not in retention or set(retention) - {"default", *_TAGS}:
        return False
    rebuilt = to_wire(row, schedule, retention)
    return bool(_comparable(rebuilt["properties"]) == _comparable(wire["properties"]))


def describe(wire: Wire) -> dict[str, Any]:
    """Give a policy as results show it."""
    wire_types = (wire.get("properties") or {}).get("datasourceTypes") or [None]
    schedule, retention = schedule_and_retention(wire)
    return shape(
        "policy",
        id=wire.get("id"),
        name=wire.get("name"),
        datasource_type=type_of(wire_types[0]),
        schedule=schedule,
        retention=readable_retention(retention),
        backup_rules=backup_rule_names(wire),
        retention_tags=retention_rule_names(wire),
        is_fully_described=is_fully_described(wire),
        recovery_points_kept=count_recovery_points(schedule, retention),
        properties=wire.get("properties"),
    )
