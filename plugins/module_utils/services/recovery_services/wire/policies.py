# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Policies of a Recovery Services vault for virtual machines: the readable form to the wire and back. Pure.

Shapes as recorded in recoveryservices/backup_policy. Times are local to the policy's time zone, although they end in Z.
"""

from __future__ import annotations

import re
from typing import Any

from ....errors import BadInput
from ....model.datasource_types import DATASOURCE_TYPES
from ....model.durations import count_in
from ....model.policy_spec import Plan
from ....model.result_shapes import Wire, shape
from ....model.retention import LAST_DAY, MONTHS, Retention, RetentionRule
from ....model.schedule import DAYS, Schedule

# The date of a time does not count.
_DATE = "2024-01-01"
_LETTERS = {"Days": "D", "Weeks": "W", "Months": "M", "Years": "Y"}

# Tag -> the schedule that keeps it, and its unit.
_SPANS = {
    "daily": ("dailySchedule", "Days"),
    "weekly": ("weeklySchedule", "Weeks"),
    "monthly": ("monthlySchedule", "Months"),
    "yearly": ("yearlySchedule", "Years"),
}

# Which recovery point is kept where nothing chooses one: the portal's proposals (_standard has the day of the schedule).
_STANDARD = {
    "weekly": {"days_of_the_week": ["Sunday"]},
    "monthly": {"days_of_the_week": ["Sunday"], "weeks_of_the_month": ["First"]},
    "yearly": {"days_of_the_week": ["Sunday"], "weeks_of_the_month": ["First"], "months_of_year": ["January"]},
}

# Every new vault has them.
AZURES_OWN = ("defaultpolicy", "enhancedpolicy", "hourlylogbackup")
# azurerm's pattern, which is the portal's.
_NAME = re.compile(r"[A-Za-z][-_!A-Za-z0-9]{2,149}")
_TIME = re.compile(r"T(\d\d:\d\d)")


def check_new_name(name: str) -> None:
    """Refuse a name that no new policy can have. Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"policy_name: '{name}' is not a valid name for a policy in a Recovery Services vault: 3 to 150 letters, digits, "
            "'-', '_' and '!', a letter first"
        )


def own_tag(schedule: Schedule) -> str:
    """Give the span that C(retention.default) is for: every recovery point of this schedule."""
    return "weekly" if schedule["frequency"] == "weekly" else "daily"


def _standard(tag: str, schedule: Schedule | None) -> RetentionRule | None:
    """Give what a retention keeps where no rule says it: of a weekly schedule, something of its first day."""
    found = _STANDARD.get(tag)
    days = (schedule or {}).get("days") or ["Sunday"]
    return {**found, "days_of_the_week": ["Sunday"] if "Sunday" in days else days[:1]} if found else None


# -- to the wire


def to_wire(plan: Plan) -> Wire:
    """Build the properties of a policy's PUT. plan: complete and checked. Raises BadInput for durations of another unit."""
    schedule = plan.schedule or {}
    settings = plan.settings
    times = [f"{_DATE}T{time}:00Z" for time in schedule["times"]]
    wire: Wire = {
        "backupManagementType": "AzureIaasVM",
        "instantRPDetails": {
            key: value
            for key, value in (
                ("azureBackupRGNamePrefix", settings.get("azure_backup_rg_name_prefix")),
                ("azureBackupRGNameSuffix", settings.get("azure_backup_rg_name_suffix")),
            )
            if value
        },
        "schedulePolicy": _schedule_policy(schedule, settings["policy_type"], times),
        "retentionPolicy": _retention_policy(plan, times),
        "instantRpRetentionRangeInDays": settings["instant_rp_retention_range_in_days"],
        "timeZone": schedule.get("time_zone") or "UTC",
    }
    if settings["policy_type"] == "V2":
        wire["policyType"] = "V2"
    return wire


def _schedule_policy(schedule: Schedule, policy_type: str, times: list[str]) -> Wire:
    frequency = schedule["frequency"]
    if policy_type == "V1":
        wire: Wire = {
            "schedulePolicyType": "SimpleSchedulePolicy",
            "scheduleRunFrequency": frequency.capitalize(),
            "scheduleRunTimes": times,
            "scheduleWeeklyFrequency": 0,
        }
        return {**wire, "scheduleRunDays": schedule["days"]} if frequency == "weekly" else wire
    wire = {"schedulePolicyType": "SimpleSchedulePolicyV2", "scheduleRunFrequency": frequency.capitalize()}
    if frequency == "hourly":
        wire["hourlySchedule"] = {
            "interval": schedule["interval_hours"],
            "scheduleWindowStartTime": times[0],
            "scheduleWindowDuration": schedule["window_hours"],
        }
    elif frequency == "daily":
        wire["dailySchedule"] = {"scheduleRunTimes": times}
    else:
        wire["weeklySchedule"] = {"scheduleRunDays": schedule["days"], "scheduleRunTimes": times}
    return wire


def _retention_policy(plan: Plan, times: list[str]) -> Wire:
    schedule = plan.schedule or {}
    wire: Wire = {"retentionPolicyType": "LongTermRetentionPolicy"}
    own = own_tag(schedule)
    rules = {str(rule["name"]).lower(): rule for rule in plan.rules or []}
    for tag, (key, unit) in _SPANS.items():
        rule = rules.get(tag)
        duration = plan.retention["default"] if tag == own else rule["duration"] if rule else plan.retention.get(tag)
        if duration is None:
            continue
        option = f"retention.{'default' if tag == own else tag}"
        kept: Wire = {"retentionTimes": times, "retentionDuration": _duration(duration, unit, option)}
        criteria: RetentionRule = rule or _standard(tag, schedule) or {}
        strange = [day for day in criteria.get("days_of_the_week") or [] if day not in (schedule.get("days") or DAYS)]
        if strange:
            raise BadInput(f"retention_rules: '{tag}' keeps backups of {', '.join(strange)}, but the schedule creates none")
        if tag == "weekly":
            kept["daysOfTheWeek"] = schedule["days"] if own == "weekly" else criteria["days_of_the_week"]
        elif tag in ("monthly", "yearly"):
            kept |= _chosen_days(criteria)
            if tag == "yearly":
                kept["monthsOfYear"] = criteria["months_of_year"]
        wire[key] = kept
    return wire


def _chosen_days(criteria: RetentionRule) -> Wire:
    if criteria.get("days_of_month"):
        days = [
            {"date": 0, "isLast": True} if day == LAST_DAY else {"date": int(day), "isLast": False}
            for day in criteria["days_of_month"]
        ]
        return {"retentionScheduleFormatType": "Daily", "retentionScheduleDaily": {"daysOfTheMonth": days}}
    weekly = {"daysOfTheWeek": criteria["days_of_the_week"], "weeksOfTheMonth": criteria["weeks_of_the_month"]}
    return {"retentionScheduleFormatType": "Weekly", "retentionScheduleWeekly": weekly}


def _duration(iso: str, unit: str, option: str) -> Wire:
    """Give a duration in the unit that Azure takes for it. Raises BadInput where that is no whole number, or too many."""
    count, most = count_in(iso, unit.lower()), DATASOURCE_TYPES["azure_vm"].most_of_unit[unit.lower()]
    if count is None:
        raise BadInput(f"{option}: '{iso}' is not a whole number of {unit.lower()}, which Azure requires here")
    if count > most:
        raise BadInput(f"{option}: {count} {unit.lower()} exceed the maximum of {most}")
    return {"count": count, "durationType": unit}


# -- from the wire


def _times(values: Any) -> list[str]:
    found = [_TIME.search(str(value)) for value in values or []]
    return sorted({match.group(1) for match in found if match})


def _read_schedule(wire: Wire) -> Schedule | None:
    policy = wire.get("schedulePolicy") or {}
    frequency = str(policy.get("scheduleRunFrequency") or "").lower()
    own = policy.get(f"{frequency}Schedule") or {}
    result: Schedule = {"frequency": frequency, "time_zone": wire.get("timeZone") or "UTC"}
    if frequency == "hourly":
        result["interval_hours"] = own.get("interval")
        result["window_hours"] = own.get("scheduleWindowDuration")
        result["times"] = _times([own.get("scheduleWindowStartTime")])
    elif frequency in ("daily", "weekly"):
        result["times"] = _times(own.get("scheduleRunTimes") or policy.get("scheduleRunTimes"))
        if frequency == "weekly":
            chosen = own.get("scheduleRunDays") or policy.get("scheduleRunDays") or []
            result["days"] = [day for day in DAYS if day in chosen]
    else:
        return None
    return result if result["times"] else None


def _read_duration(wire: Wire) -> str | None:
    duration = wire.get("retentionDuration") or {}
    letter = _LETTERS.get(str(duration.get("durationType")))
    return f"P{duration.get('count')}{letter}" if letter and duration.get("count") else None


def _read_criteria(wire: Wire) -> RetentionRule:
    rule: RetentionRule = {}
    weekly = wire.get("retentionScheduleWeekly") or {}
    if wire.get("daysOfTheWeek"):
        rule["days_of_the_week"] = [day for day in DAYS if day in wire["daysOfTheWeek"]]
    if wire.get("retentionScheduleFormatType") == "Daily":
        days = (wire.get("retentionScheduleDaily") or {}).get("daysOfTheMonth") or []
        rule["days_of_month"] = [LAST_DAY if day.get("isLast") else str(day.get("date")) for day in days]
    elif weekly:
        rule["days_of_the_week"] = [day for day in DAYS if day in (weekly.get("daysOfTheWeek") or [])]
        rule["weeks_of_the_month"] = list(weekly.get("weeksOfTheMonth") or [])
    if wire.get("monthsOfYear"):
        rule["months_of_year"] = [month for month in MONTHS if month in wire["monthsOfYear"]]
    return rule


def _read_keeping(wire: Wire, schedule: Schedule | None) -> tuple[Retention, list[RetentionRule]]:
    policy = wire.get("retentionPolicy") or {}
    retention: Retention = {}
    rules: list[RetentionRule] = []
    for tag, (key, _unit) in _SPANS.items():
        kept = policy.get(key) or {}
        duration = _read_duration(kept)
        if duration is None:
            continue
        criteria = _read_criteria(kept)
        if schedule and tag == own_tag(schedule):
            retention["default"] = duration
        elif criteria == _standard(tag, schedule):
            retention[tag] = duration
        else:
            rules.append({"name": tag, "duration": duration, "tagging_priority": None, **criteria})
    return retention, rules


def plan_of_wire(wire: Wire) -> Plan:
    """Read what the properties of a policy say."""
    schedule = _read_schedule(wire)
    details = wire.get("instantRPDetails") or {}
    settings = {
        "policy_type": wire.get("policyType") or "V1",
        "instant_rp_retention_range_in_days": wire.get("instantRpRetentionRangeInDays"),
        "azure_backup_rg_name_prefix": details.get("azureBackupRGNamePrefix"),
        "azure_backup_rg_name_suffix": details.get("azureBackupRGNameSuffix"),
    }
    return Plan(schedule, *_read_keeping(wire, schedule), settings)


def _comparable(value: Any) -> Any:
    """Reduce a policy to what it does: times without their date, nothing that only the service makes."""
    if isinstance(value, dict):
        gone = ("protectedItemsCount", "tieringPolicy", "retentionTimes", "timeZone")
        # An old kind of policy need not say so, nor that it runs every week (azure.azcollection).
        plain = (("policyType", "V1"), ("scheduleWeeklyFrequency", 0))
        return {
            key: _comparable(item)
            for key, item in value.items()
            if key not in gone and item not in (None, [], {}) and (key, item) not in plain
        }
    if isinstance(value, list):
        return sorted((_comparable(item) for item in value), key=repr)
    match = _TIME.search(value) if isinstance(value, str) else None
    return match.group(1) if match else value


def _is_fully_described(wire: Wire, plan: Plan) -> bool:
    if plan.schedule is None or "default" not in plan.retention or not plan.settings["instant_rp_retention_range_in_days"]:
        return False
    tiering = (wire.get("tieringPolicy") or {}).get("ArchivedRP") or {}
    if tiering.get("tieringMode") not in (None, "Invalid", "DoNotTier"):
        return False
    try:
        return bool(_comparable(to_wire(plan)) == _comparable(wire))
    except (BadInput, KeyError):
        return False


def describe(wire: Wire) -> dict[str, Any]:
    """Give a policy as results show it. Azure's own type stands for one that is not for virtual machines."""
    properties = wire.get("properties") or {}
    if properties.get("backupManagementType") != "AzureIaasVM":
        kind = properties.get("workLoadType") or properties.get("backupManagementType")
        return shape("policy", id=wire.get("id"), name=wire.get("name"), datasource_type=kind, properties=properties)
    plan = plan_of_wire(properties)
    return shape(
        "policy",
        id=wire.get("id"),
        name=wire.get("name"),
        datasource_type="azure_vm",
        **plan.readable(),
        is_fully_described=_is_fully_described(properties, plan),
        properties=properties,
    )


def changed_wire(present: Wire, plan: Plan) -> Wire:
    """Give the properties that make a policy what a plan says; what the readable form does not know stays."""
    wanted = to_wire(plan)
    kept = {key: value for key, value in present.items() if key not in ("protectedItemsCount", "policyType")}
    return {**kept, **wanted}
