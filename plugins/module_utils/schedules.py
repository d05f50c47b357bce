# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedule and retention as a person writes them: checked, completed, compared. Pure.

A schedule is C({frequency: hourly|daily|weekly, interval_hours, times, days, time_zone}), a retention
C({default, daily, weekly}) of ISO 8601 durations. Only what the user set is compared.
"""

from __future__ import annotations

import math
import re
from typing import Any

from .datasources import DatasourceType
from .durations import seconds_of, to_iso, to_readable
from .errors import BadInput
from .time_zones import find_zone, same_zone

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
KEYS_OF_FREQUENCY = {"hourly": ("interval_hours", "times"), "daily": ("times",), "weekly": ("times", "days")}
_TIME = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")
_SECONDS_A_DAY = 86400

Schedule = dict[str, Any]
Retention = dict[str, str]


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def _check_times(given: list[Any], problems: list[str]) -> list[str]:
    times = []
    for value in given:
        # YAML reads an unquoted 13:00 as the number 780 (base 60).
        text = f"{int(value) // 60:02d}:{int(value) % 60:02d}" if str(value).isdigit() else str(value).strip()
        match = _TIME.match(text)
        if match is None:
            problems.append(f"schedule.times: '{value}' is not a time of day such as '02:30'")
        else:
            times.append(f"{int(match.group(1)):02d}:{match.group(2)}")
    return sorted(set(times))


def _check_days(given: list[Any], problems: list[str]) -> list[str]:
    known = {day.lower(): day for day in DAYS}
    unknown = [str(day) for day in given if str(day).lower() not in known]
    if unknown:
        problems.append(f"schedule.days: {', '.join(unknown)} is no day of the week ({', '.join(DAYS)})")
    chosen = {known.get(str(day).lower()) for day in given}
    return [day for day in DAYS if day in chosen]


def _frequency(values: Schedule) -> str | None:
    """Give the frequency that is meant where it is not said: only an hourly schedule has hours, only a weekly one days."""
    implied = "hourly" if "interval_hours" in values else "weekly" if "days" in values else None
    frequency: str | None = values.get("frequency", implied)
    return frequency


def check_schedule(given: Schedule | None, row: DatasourceType) -> Schedule:
    """Check what the user set of a schedule against what the type allows, and give it in canonical form.

    Keys that were not set are left out; without a frequency, what depends on it is checked when it is complete.
    Raises BadInput with every mistake.
    """
    values = {key: value for key, value in (given or {}).items() if value is not None}
    problems = [f"schedule.{key}: the list is empty" for key in ("times", "days") if values.get(key) == []]
    frequency = _frequency(values)
    wanted: Schedule = {"frequency": frequency} if frequency else {}
    if frequency and frequency not in row.frequencies:
        allowed = " or ".join(row.frequencies)
        problems.append(f"schedule.frequency: a {row.title} is not backed up {frequency}; it may be {allowed}")
    if "interval_hours" in values:
        wanted["interval_hours"] = values["interval_hours"]
        if frequency != "hourly":
            problems.append(f"schedule.interval_hours: only an hourly schedule has it, not a {frequency} one")
        elif values["interval_hours"] not in row.interval_hours:
            allowed = ", ".join(str(number) for number in row.interval_hours)
            problems.append(
                f"schedule.interval_hours: {values['interval_hours']} is not allowed for a {row.title}; {allowed} are"
            )
    if "times" in values:
        wanted["times"] = _check_times(values["times"], problems)
        if frequency == "hourly" and len(wanted["times"]) > 1:
            problems.append("schedule.times: an hourly schedule has one time, at which its intervals begin")
    if "days" in values:
        wanted["days"] = _check_days(values["days"], problems)
        if frequency != "weekly":
            problems.append(f"schedule.days: only a weekly schedule has days, not a {frequency} one")
    if "time_zone" in values:
        try:
            wanted["time_zone"] = find_zone(str(values["time_zone"]), "schedule.time_zone")
        except BadInput as error:
            problems.append(error.message)
    if problems:
        raise BadInput("; ".join(problems))
    return wanted


def check_retention(given: dict[str, str | None] | None, row: DatasourceType) -> Retention:
    """Check what the user set of a retention, and give it as ISO 8601 durations. Raises BadInput with every mistake."""
    problems: list[str] = []
    wanted: Retention = {}
    for tag, value in (given or {}).items():
        if value is None:
            continue
        option = f"retention.{tag}"
        if tag != "default" and tag not in row.retention_tags:
            problems.append(f"{option}: a {row.title} has no {tag} retention; it has default, {', '.join(row.retention_tags)}")
            continue
        try:
            wanted[tag] = to_iso(value, option)
        except BadInput as error:
            problems.append(error.message)
            continue
        days = (seconds_of(wanted[tag]) or 0) / _SECONDS_A_DAY
        if days < 1 or "T" in wanted[tag]:
            problems.append(f"{option}: '{value}' is less than a day or no whole number of days")
        elif days > row.longest_retention_days:
            problems.append(f"{option}: '{value}' is longer than the {row.longest_retention_days} days of a {row.title}")
    if problems:
        raise BadInput("; ".join(problems))
    return wanted


def complete_schedule(wanted: Schedule, existing: Schedule | None, row: DatasourceType) -> Schedule:
    """Fill in what the user did not set: from the existing schedule of the same frequency, else Azure's defaults."""
    defaults = row.default_schedule
    frequency = str(wanted.get("frequency") or (existing or defaults)["frequency"])
    sources = [wanted]
    if existing and existing.get("frequency") == frequency:
        sources.append(existing)
    if defaults["frequency"] == frequency:
        sources.append(defaults)
    sources.append({"times": defaults["times"], "days": ["Sunday"], "interval_hours": max(row.interval_hours, default=0)})
    result: Schedule = {"frequency": frequency}
    for key in KEYS_OF_FREQUENCY[frequency]:
        result[key] = next(source[key] for source in sources if source.get(key))
    zone = wanted.get("time_zone") or (existing or {}).get("time_zone")
    if zone:
        result["time_zone"] = zone
    return result


def complete_retention(wanted: Retention, existing: Retention | None, row: DatasourceType) -> Retention:
    """Fill in what the user did not set: from the existing retention, else Azure's default."""
    return {**(existing or row.default_retention), **wanted}


def same_schedule(wanted: Schedule, existing: Schedule) -> bool:
    """Tell whether an existing schedule does what the user set; what was not set does not count."""
    for key, value in wanted.items():
        present = existing.get(key)
        if key == "time_zone":
            if not same_zone(value, present):
                return False
        elif key == "times" and existing.get("frequency") == "hourly" and present:
            period = int(existing.get("interval_hours") or 24) * 60
            if {_minutes(time) % period for time in value} != {_minutes(time) % period for time in present}:
                return False
        elif value != present:
            return False
    return True


def same_retention(wanted: Retention, existing: Retention) -> bool:
    """Tell whether an existing retention is what the user set; P1W and P7D are the same."""
    return all(seconds_of(value) == seconds_of(existing.get(tag)) for tag, value in wanted.items())


def readable_retention(retention: Retention) -> Retention:
    """Write the durations as people do: P7D as 7d."""
    return {tag: to_readable(value) for tag, value in retention.items()}


def count_recovery_points(schedule: Schedule | None, retention: Retention) -> int | None:
    """Tell how many recovery points a policy keeps once it has run for as long as it keeps them; None where it cannot be told.

    retention: ISO 8601 durations. Each point is kept by one tag: the rarest that it is the first of.
    """
    if not schedule or "default" not in retention:
        return None
    a_day = {
        "hourly": 24 / int(schedule.get("interval_hours") or 24),
        "daily": len(schedule.get("times") or [1]),
        "weekly": len(schedule.get("times") or [1]) * len(schedule.get("days") or [1]) / 7,
    }[schedule["frequency"]]
    left = {"daily": min(1.0, a_day), "weekly": 1 / 7}
    taken = kept = 0.0
    for tag in ("weekly", "daily"):
        if tag in retention:
            rate = max(0.0, min(left[tag], a_day) - taken)
            kept += rate * (seconds_of(retention[tag]) or 0) / _SECONDS_A_DAY
            taken += rate
    kept += (a_day - taken) * (seconds_of(retention["default"]) or 0) / _SECONDS_A_DAY
    return math.ceil(kept - 1e-9)
