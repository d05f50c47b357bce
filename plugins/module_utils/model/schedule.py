# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Schedules as a person writes them: checked, completed, compared. Pure.

A schedule is C({frequency: hourly|daily|weekly, interval_hours, window_hours, times, days, time_zone}). Only what the user set is
compared.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import BadInput
from .datasource_types import DatasourceType
from .time_zones import find_zone, same_zone

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
KEYS_OF_FREQUENCY = {"hourly": ("interval_hours", "times"), "daily": ("times",), "weekly": ("times", "days")}
# Of an hourly schedule that has a window: as Azure's own enhanced policy.
_DEFAULT_WINDOW = 12
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_NUMBER = re.compile(r"\d{1,4}", re.ASCII)

Schedule = dict[str, Any]


def _minutes(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def check_times(given: list[Any], option: str, problems: list[str]) -> list[str]:
    """Give times of day as 02:30, sorted; what is none goes to problems."""
    times = []
    for value in given:
        text = str(value).strip()
        # YAML reads an unquoted 13:00 as the number 780 (base 60), and who writes 1300 or 13 means another time than that.
        if _NUMBER.fullmatch(text) and _is_base_60_only(text):
            text = f"{int(text) // 60:02d}:{int(text) % 60:02d}"
        match = _TIME.fullmatch(text)
        if match is None:
            problems.append(f"{option}: '{value}' is not a time of day such as '02:30', in quotes")
        else:
            times.append(f"{int(match.group(1)):02d}:{match.group(2)}")
    return sorted(set(times))


def _is_base_60_only(number: str) -> bool:
    """Tell whether a number can be nothing but a time of day that YAML has read: neither an hour nor hours and minutes."""
    minutes = int(number)
    is_hours_and_minutes = minutes % 100 < 60 and minutes // 100 < 24
    return not number.startswith("0") and not is_hours_and_minutes and 60 <= minutes < 24 * 60


def check_words(given: list[Any], known_words: tuple[str, ...], option: str, problems: list[str]) -> list[str]:
    """Give words of a known list, such as weekdays, in its spelling and order; others go to problems."""
    known = {word.lower() for word in known_words}
    unknown = [str(word) for word in given if str(word).lower() not in known]
    if unknown:
        problems.append(f"{option}: {', '.join(unknown)} is not one of {', '.join(known_words)}")
    chosen = {str(word).lower() for word in given}
    return [word for word in known_words if word.lower() in chosen]


def _frequency(values: Schedule) -> str | None:
    """Give the frequency that is meant where it is not said: only an hourly schedule has hours, only a weekly one days."""
    implied = "hourly" if {"interval_hours", "window_hours"} & set(values) else "weekly" if "days" in values else None
    frequency: str | None = values.get("frequency", implied)
    return frequency


def check_schedule(given: Schedule | None, datasource_type: DatasourceType) -> Schedule:
    """Check what the user set of a schedule against what the type allows, and give it in canonical form.

    Keys that were not set are left out; without a frequency, what depends on it is checked when it is complete.
    Raises BadInput with every mistake.
    """
    values = {key: value for key, value in (given or {}).items() if value is not None}
    problems = [f"schedule.{key}: the list is empty" for key in ("times", "days") if values.get(key) == []]
    frequency = _frequency(values)
    wanted: Schedule = {"frequency": frequency} if frequency else {}
    if frequency and frequency not in datasource_type.frequencies:
        allowed = " or ".join(datasource_type.frequencies)
        problems.append(f"schedule.frequency: a {datasource_type.title} cannot be backed up {frequency}; use {allowed}")
    if "interval_hours" in values:
        wanted["interval_hours"] = values["interval_hours"]
        if frequency != "hourly":
            problems.append(f"schedule.interval_hours: only an hourly schedule supports it, not a {frequency} one")
        elif values["interval_hours"] not in datasource_type.interval_hours:
            allowed = ", ".join(str(number) for number in datasource_type.interval_hours)
            problems.append(
                f"schedule.interval_hours: {values['interval_hours']} is not allowed for a {datasource_type.title}; "
                f"use one of {allowed}"
            )
    _check_window(values, wanted, datasource_type, problems)
    _check_times_of_day(values, wanted, datasource_type, problems)
    if "days" in values:
        wanted["days"] = check_words(values["days"], DAYS, "schedule.days", problems)
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


def _check_times_of_day(values: Schedule, wanted: Schedule, datasource_type: DatasourceType, problems: list[str]) -> None:
    if "times" not in values:
        return
    wanted["times"] = check_times(values["times"], "schedule.times", problems)
    if datasource_type.most_times_a_day and len(wanted["times"]) > datasource_type.most_times_a_day:
        problems.append(f"schedule.times: a {datasource_type.title} is backed up at one time of the day, or hourly")
    wrong = [
        time
        for time in wanted["times"]
        if datasource_type.minutes_of_times and _minutes(time) % 60 not in datasource_type.minutes_of_times
    ]
    if wrong:
        problems.append(
            f"schedule.times: {', '.join(wrong)} is not on the hour or the half hour, as policies for a "
            f"{datasource_type.title} require"
        )
    if wanted.get("frequency") == "hourly" and len(wanted["times"]) > 1 and not datasource_type.most_times_a_day:
        problems.append("schedule.times: an hourly schedule has one time, at which its intervals begin")


def _check_window(values: Schedule, wanted: Schedule, datasource_type: DatasourceType, problems: list[str]) -> None:
    hours = values.get("window_hours")
    if hours is None:
        return
    wanted["window_hours"] = hours
    interval = values.get("interval_hours") or min(datasource_type.interval_hours, default=0)
    if not datasource_type.has_window or wanted.get("frequency") != "hourly":
        problems.append("schedule.window_hours: only the hourly schedule of a virtual machine supports it")
    elif not interval <= hours <= 24:
        problems.append(f"schedule.window_hours: {hours} is not between {interval} (one interval) and 24")


def complete_schedule(wanted: Schedule, existing: Schedule | None, datasource_type: DatasourceType) -> Schedule:
    """Fill in what the user did not set: from the existing schedule of the same frequency, else Azure's defaults."""
    defaults = datasource_type.default_schedule
    frequency = str(wanted.get("frequency") or (existing or defaults)["frequency"])
    sources = [wanted]
    if existing and existing.get("frequency") == frequency:
        sources.append(existing)
    if defaults["frequency"] == frequency:
        sources.append(defaults)
    hours = (min if datasource_type.has_window else max)(datasource_type.interval_hours, default=0)
    times = ["08:00"] if datasource_type.has_window and frequency == "hourly" else defaults["times"]
    sources.append({"times": times, "days": ["Sunday"], "interval_hours": hours, "window_hours": _DEFAULT_WINDOW})
    result: Schedule = {"frequency": frequency}
    window = ("window_hours",) if datasource_type.has_window and frequency == "hourly" else ()
    for key in (*KEYS_OF_FREQUENCY[frequency], *window):
        result[key] = next(source[key] for source in sources if source.get(key))
    zone = wanted.get("time_zone") or (existing or {}).get("time_zone")
    if zone:
        result["time_zone"] = zone
    return result


def minutes_of_day(schedule: Schedule) -> list[int]:
    """Give the minutes of a day, in the zone of a complete schedule, at which it backs up."""
    minutes = [int(time[:2]) * 60 + int(time[3:]) for time in schedule["times"]]
    if schedule["frequency"] != "hourly":
        return minutes
    period = int(schedule["interval_hours"]) * 60
    if schedule.get("window_hours"):
        last = minutes[0] + int(schedule["window_hours"]) * 60
        return sorted({minute % (24 * 60) for minute in range(minutes[0], last + 1, period)})
    return list(range(minutes[0] % period, 24 * 60, period))


def same_schedule(wanted: Schedule, existing: Schedule) -> bool:
    """Tell whether an existing schedule does what the user set; what was not set does not count."""
    for key, value in wanted.items():
        present = existing.get(key)
        if key == "time_zone":
            if not same_zone(value, present):
                return False
        elif key == "times" and existing.get("frequency") == "hourly" and present and "window_hours" not in existing:
            period = int(existing.get("interval_hours") or 24) * 60
            if {_minutes(time) % period for time in value} != {_minutes(time) % period for time in present}:
                return False
        elif value != present:
            return False
    return True
