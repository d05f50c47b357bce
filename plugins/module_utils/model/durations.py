# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Durations and times as people and as Azure write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from ..errors import BadInput

_READABLE = re.compile(r"(\d{1,9})\s*([a-z]+)", re.IGNORECASE | re.ASCII)

_UNITS = {
    "s": "S", "sec": "S", "second": "S",
    "m": "M", "min": "M", "minute": "M",
    "h": "H", "hour": "H",
    "d": "D", "day": "D",
    "w": "W", "week": "W",
    "mo": "MO", "month": "MO",
    "y": "Y", "year": "Y",
}  # fmt: skip

_SECONDS = {"S": 1, "M": 60, "H": 3600, "D": 86400, "W": 604800, "MO": 30 * 86400, "Y": 365 * 86400}
_LONGEST_SECONDS = 100 * 365 * 86400

_ISO = re.compile(
    r"P(?:(?P<Y>\d{1,9})Y)?(?:(?P<MO>\d{1,9})M)?(?:(?P<W>\d{1,9})W)?(?:(?P<D>\d{1,9})D)?"
    r"(?:T(?:(?P<H>\d{1,9})H)?(?:(?P<M>\d{1,9})M)?(?:(?P<S>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.IGNORECASE | re.ASCII,
)

# Lists of jobs say 00:03:49.1708393 where a single job says PT3M49.17S (recorded: dataprotection job_list_and_show).
_DOTNET = re.compile(r"(?:(?P<D>\d+)\.)?(?P<H>\d+):(?P<M>\d+):(?P<S>\d+(?:\.\d+)?)")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def to_iso(text: str, option: str) -> str:
    """Give C(7d) or C(P7D) as Azure's ISO 8601 duration.

    option: the name that an error message carries. Raises BadInput for anything else and for zero.
    """
    value = str(text).strip()
    readable = _READABLE.fullmatch(value)
    if readable:
        unit = readable.group(2).lower()
        letter = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        count = int(readable.group(1))
        if letter and count:
            if letter in ("S", "M", "H"):
                return f"PT{count}{letter}"
            return f"P{count}{'M' if letter == 'MO' else letter}"
    elif seconds_of(value):
        return value.upper()
    raise BadInput(f"{option}: '{text}' is not a duration such as 12h, 7d, 4w, 6mo, 1y or P7D")


_IN_UNIT = {
    "days": re.compile(r"P(?:(?P<one>\d+)D|(?P<seven>\d+)W)"),
    "weeks": re.compile(r"P(?:(?P<one>\d+)W|(?P<days>\d+)D)"),
    "months": re.compile(r"P(?:(?P<one>\d+)M|(?P<twelve>\d+)Y)"),
    "years": re.compile(r"P(?P<one>\d+)Y"),
}


def count_in(iso: str, unit: str) -> int | None:
    """Give a duration as a whole number of days, weeks, months or years; None where it is none."""
    match = _IN_UNIT[unit].fullmatch(iso)
    if match is None:
        return None
    found = {name: int(value) for name, value in match.groupdict().items() if value}
    if "days" in found:
        return found["days"] // 7 if found["days"] % 7 == 0 else None
    return found.get("one") or found.get("seven", 0) * 7 or found.get("twelve", 0) * 12 or None


def to_readable(iso: str) -> str:
    """Give P7D as C(7d); what has more than one part stays as it is."""
    match = _ISO.fullmatch(iso)
    parts = [(name, value) for name, value in (match.groupdict() if match else {}).items() if value]
    if len(parts) != 1:
        return iso
    name, value = parts[0]
    units = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "w", "MO": "mo", "Y": "y"}
    return f"{value}{units[name]}"


def seconds_of(text: str | None) -> float | None:
    """Give the length of an ISO 8601 or .NET duration in seconds, None for anything else.

    A month counts as 30 days and a year as 365.
    """
    match = (_ISO.fullmatch(text) or _DOTNET.fullmatch(text)) if text else None
    if match is None or not any(match.groupdict().values()):
        return None
    # Azure tells seven decimals, and sums of floats have more.
    return round(sum(float(value) * _SECONDS[name] for name, value in match.groupdict().items() if value), 7)


def to_iso_duration(text: str | None) -> str | None:
    """Give a .NET duration such as 00:03:49.17 as ISO 8601, PT3M49.17S; any other text as it is."""
    match = _DOTNET.fullmatch(text or "")
    if match is None:
        return text
    days, hours, minutes = (int(match[name] or 0) for name in ("D", "H", "M"))
    seconds = match["S"].lstrip("0") or "0"
    seconds = f"0{seconds}" if seconds.startswith(".") else seconds.rstrip("0") if "." in seconds else seconds
    parts = [f"{hours}H" * bool(hours), f"{minutes}M" * bool(minutes), f"{seconds.rstrip('.')}S" * (seconds != "0")]
    time = "".join(parts)
    return f"P{f'{days}D' * bool(days)}{f'T{time}' * bool(time)}" if days or time else "PT0S"


def read_seconds(text: object, option: str, problems: list[str]) -> float | None:
    """Give a duration in seconds; None where there is none, and where it is wrong, which goes to problems."""
    if text is None or text == "":
        return None
    try:
        return seconds_in(str(text), option)
    except BadInput as error:
        problems.append(error.message)
        return None


def seconds_in(text: str, option: str) -> float:
    """Give the seconds of a duration that a user wrote, at most a century. Raises BadInput naming the option."""
    seconds = seconds_of(to_iso(text, option)) or 0.0
    if seconds > _LONGEST_SECONDS:
        raise BadInput(f"{option}: '{text}' is longer than 100 years")
    return seconds


def read_end(text: str, option: str, now: datetime, least: timedelta) -> datetime:
    """Read a moment ahead: a time, a date, or a duration from now. Raises BadInput where it is not at least so far ahead."""
    # A date keeps through that day.
    moment = parse_time(f"{text}T23:59:59Z" if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else text)
    if moment is None:
        try:
            moment = now + timedelta(seconds=seconds_in(text, option))
        except BadInput as error:
            raise BadInput(f"{option}: '{text}' is neither a date such as 2027-12-31 nor a duration such as 60d") from error
    if moment < now + least:
        raise BadInput(f"{option}: '{text}' must be at least {to_words(least)} in the future")
    return moment


def to_words(length: timedelta) -> str:
    """Write a length as a person does, in days or seconds."""
    return f"{length.days} day(s)" if length.days else f"{length.seconds} seconds"


def to_clock_words(seconds: float) -> str:
    """Write how long something took, as recaps do: 1h 0m 3s, 20m 32s, 7s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return " ".join([f"{hours}h"] * bool(hours) + [f"{minutes}m"] * bool(hours or minutes) + [f"{rest}s"])


def seconds_of_span(start: datetime | None, end: datetime | None) -> tuple[str | None, float | None]:
    """Give the length between two times as an ISO 8601 duration and in seconds; None for both where one is missing."""
    if start is None or end is None:
        return None, None
    seconds = max(0.0, (end - start).total_seconds())
    return f"PT{f'{seconds:.7f}'.rstrip('0').rstrip('.')}S", seconds


def read_iso(text: str) -> datetime:
    """Read ISO 8601 as people and services write it, with Z and any number of decimals. Raises ValueError.

    Python 3.10 reads neither Z nor decimals other than three or six; those after the sixth are dropped.
    """
    written = re.sub(r"[zZ]$", "+00:00", text.strip())
    written = re.sub(r"([+-]\d{2})(\d{2})$", r"\1:\2", written) if "T" in written else written
    return datetime.fromisoformat(re.sub(r"\.(\d+)", lambda match: f".{match[1][:6]:0<6}", written))


def read_utc(text: str) -> datetime:
    """Read ISO 8601 (read_iso) in UTC; what names no zone is UTC. Raises ValueError, OverflowError."""
    moment = read_iso(text)
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def parse_time(text: str | None) -> datetime | None:
    """Read Azure's time stamps, which carry up to seven decimals; None for year 0001 and for what is no time."""
    match = _TIME.fullmatch(text or "")
    if match is None or match.group(1).startswith("0001-"):
        return None
    offset = match.group(3)
    try:
        moment = datetime.fromisoformat(match.group(1) + ("+00:00" if offset in (None, "Z") else offset)).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return moment.replace(microsecond=int(float(match.group(2)) * 1_000_000)) if match.group(2) else moment


def is_between(text: str | None, after: datetime | None, before: datetime | None) -> bool:
    """Tell whether one of Azure's times lies in a range; after is inclusive, before exclusive, None stands for no bound."""
    moment = parse_time(text)
    if moment is None:
        return after is None and before is None
    return (after is None or moment >= after) and (before is None or moment < before)


def format_time(moment: datetime | None) -> str | None:
    """Write a time as ISO 8601 in UTC with whole seconds."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def read_moment(text: object, option: str, now: datetime) -> datetime | None:
    """Read a point in time: ISO 8601, or a duration before now; None for nothing. Raises BadInput naming the option."""
    if not text:
        return None
    if re.match(r"^\d{4}-", str(text).strip()):
        try:
            return read_utc(str(text))
        except (ValueError, OverflowError):
            pass
    try:
        return now - timedelta(seconds=seconds_in(str(text), option))
    except BadInput as error:
        raise BadInput(
            f"{option}: '{text}' is neither a time such as 2026-11-04T08:00:00Z nor a duration before now such as 24h"
        ) from error
