# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a policy would do: when it runs next, how many recovery points it keeps, what a change gains and loses. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from .durations import seconds_of
from .policy_spec import Plan, plan_of
from .result_shapes import Described
from .schedule import DAYS, Schedule, minutes_of_day
from .time_zones import offset_of

_RUNS_SHOWN = 5
_DAYS_SEARCHED = 8


def preview_policy(before: Described | None, after: Described, datasources: int, now: datetime) -> dict[str, Any]:
    """Show what a policy that is to be would do.

    before: the policy that it takes the place of, None where there is none; datasources: how many are protected by that; now: of
    the service, in UTC. Both policies are with_count. Gives C(time_zone), C(next_runs), C(recovery_points_kept),
    C(backups_a_week), C(datasources), C(gains) and C(loses).
    """
    new = plan_of(after)
    old = plan_of(before) if before else None
    gains, loses = _changes(old, new) if old else ([], [])
    return {
        "time_zone": (new.schedule or {}).get("time_zone") or "UTC" if new.schedule else None,
        "next_runs": next_runs(new.schedule, now),
        "recovery_points_kept": {"before": (before or {}).get("recovery_points_kept"), "after": after["recovery_points_kept"]},
        "backups_a_week": {"before": _backups_a_week(old), "after": _backups_a_week(new)},
        "datasources": datasources,
        "gains": gains,
        "loses": loses,
    }


def next_runs(schedule: Schedule | None, now: datetime) -> list[str]:
    """Give the next times at which a schedule backs up, as its zone's clocks show them, such as 2026-11-27T22:30.

    Daylight saving time is left out of what the zone's clocks show now; so in summer the first may be an hour past.
    """
    if not schedule or not schedule.get("times"):
        return []
    hours, minutes = offset_of(str(schedule.get("time_zone") or "UTC")).lstrip("+-").split(":")
    sign = -1 if offset_of(str(schedule.get("time_zone") or "UTC")).startswith("-") else 1
    local = now.replace(tzinfo=None) + sign * timedelta(hours=int(hours), minutes=int(minutes))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight + timedelta(days=number) for number in range(_DAYS_SEARCHED)]
    if schedule["frequency"] == "weekly":
        days = [day for day in days if DAYS[day.weekday()] in schedule["days"]]
    runs = (day + timedelta(minutes=minute) for day in days for minute in minutes_of_day(schedule))
    return [moment.isoformat(timespec="minutes") for moment in sorted(runs) if moment > local][:_RUNS_SHOWN]


def _backups_a_week(plan: Plan | None) -> int | None:
    if plan is None or not plan.schedule or not plan.schedule.get("times"):
        return None
    return len(minutes_of_day(plan.schedule)) * (len(plan.schedule["days"]) if plan.schedule["frequency"] == "weekly" else 7)


def _changes(old: Plan, new: Plan) -> tuple[list[str], list[str]]:
    """Name what of the retention and of the number of backups becomes more, and what less."""
    gains: list[str] = []
    loses: list[str] = []
    lengths = [
        {
            **{f"retention.{tag}": text for tag, text in plan.retention.items()},
            **{f"retention_rules.{rule['name']}": rule["duration"] for rule in plan.rules or []},
        }
        for plan in (old, new)
    ]
    for name in sorted({*lengths[0], *lengths[1]}):
        was, becomes = lengths[0].get(name), lengths[1].get(name)
        difference = (seconds_of(becomes or "P0D") or 0) - (seconds_of(was or "P0D") or 0)
        if difference:
            (gains if difference > 0 else loses).append(f"{name}: {was or 'none'} becomes {becomes or 'none'}")
    counts = [_backups_a_week(plan) or 0 for plan in (old, new)]
    if counts[0] != counts[1]:
        (gains if counts[1] > counts[0] else loses).append(f"backups a week: {counts[0]} become {counts[1]}")
    return gains, loses
