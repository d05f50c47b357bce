# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Windows time zones, the names that Azure takes, with their standard offset from UTC (CLDR, tz database 2026).

A schedule carries both a time with an offset and a zone's name. Its anchor lies on a day without daylight saving
time, so that the standard offset is the right one.
"""

from __future__ import annotations

import difflib

from ..errors import BadInput

_ZONES = {
    "-12:00": "Dateline",
    "-11:00": "UTC-11",
    "-10:00": "Aleutian|Hawaiian",
    "-09:30": "Marquesas",
    "-09:00": "Alaskan|UTC-09",
    "-08:00": "Pacific|British Columbia|Pacific Standard Time (Mexico)|UTC-08",
    "-07:00": "US Mountain|Mountain Standard Time (Mexico)|Mountain|Alberta|Yukon",
    "-06:00": "Central America|Central|Manitoba|Easter Island|Central Standard Time (Mexico)|Canada Central",
    "-05:00": "SA Pacific|Eastern Standard Time (Mexico)|Eastern|Haiti|Cuba|US Eastern|Turks And Caicos",
    "-04:00": "Atlantic|Venezuela|Central Brazilian|SA Western|Pacific SA",
    "-03:30": "Newfoundland",
    "-03:00": "Tocantins|E. South America|SA Eastern|Argentina|Paraguay|Montevideo|Magallanes|Saint Pierre|Bahia",
    "-02:00": "UTC-02|Greenland",
    "-01:00": "Azores|Cape Verde",
    "+00:00": "UTC|Coordinated Universal Time|GMT|Greenwich|Sao Tome",
    "+01:00": "Morocco|W. Europe|Central Europe|Romance|Central European|W. Central Africa",
    "+02:00": "GTB|Middle East|Egypt|E. Europe|West Bank|South Africa|FLE|Israel|South Sudan|Kaliningrad|Sudan|Libya|Namibia",
    "+03:00": "Arabic|Jordan|Syria|Turkey|Arab|Belarus|Russian|E. Africa|Volgograd",
    "+03:30": "Iran",
    "+04:00": "Arabian|Astrakhan|Azerbaijan|Russia Time Zone 3|Mauritius|Saratov|Georgian|Caucasus",
    "+04:30": "Afghanistan",
    "+05:00": "West Asia|Ekaterinburg|Pakistan|Qyzylorda",
    "+05:30": "India|Sri Lanka",
    "+05:45": "Nepal",
    "+06:00": "Central Asia|Bangladesh|Omsk",
    "+06:30": "Myanmar",
    "+07:00": "SE Asia|Altai|W. Mongolia|North Asia|N. Central Asia|Tomsk",
    "+08:00": "China|North Asia East|Singapore|W. Australia|Taipei|Ulaanbaatar",
    "+08:45": "Aus Central W.",
    "+09:00": "Transbaikal|Tokyo|North Korea|Korea|Yakutsk",
    "+09:30": "Cen. Australia|AUS Central",
    "+10:00": "E. Australia|AUS Eastern|West Pacific|Tasmania|Vladivostok",
    "+10:30": "Lord Howe",
    "+11:00": "Bougainville|Russia Time Zone 10|Magadan|Norfolk|Sakhalin|Central Pacific",
    "+12:00": "Russia Time Zone 11|New Zealand|UTC+12|Fiji|Kamchatka",
    "+12:45": "Chatham Islands",
    "+13:00": "UTC+13|Tonga|Samoa",
    "+14:00": "Line Islands",
}

# Their summer is in January.
_SOUTHERN = {
    "Easter Island", "Pacific SA", "Cen. Australia", "AUS Eastern", "Tasmania", "Lord Howe", "Norfolk",
    "New Zealand", "Chatham Islands",
}  # fmt: skip

_WHOLE_NAMES = ("UTC", "Coordinated", "Russia Time Zone", "(Mexico)")


def _full(name: str) -> str:
    return name if any(part in name for part in _WHOLE_NAMES) else f"{name} Standard Time"


_OFFSETS = {_full(name).lower(): offset for offset, names in _ZONES.items() for name in names.split("|")}
_NAMES = {_full(name).lower(): _full(name) for names in _ZONES.values() for name in names.split("|")}
_SOUTHERN_NAMES = {_full(name).lower() for name in _SOUTHERN}
_UTC = ("utc", "coordinated universal time")


def find_zone(name: str, option: str) -> str:
    """Give Azure's spelling of a zone's name. Raises BadInput with the nearest names."""
    found = _NAMES.get(name.strip().lower())
    if found:
        return found
    near = [_NAMES[key] for key in difflib.get_close_matches(name.lower(), _NAMES, n=3, cutoff=0.4)]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise BadInput(f"{option}: '{name}' is not a Windows time zone such as UTC or 'W. Europe Standard Time'{hint}")


def offset_of(zone: str) -> str:
    """Give the standard offset of a zone, such as +05:30."""
    return _OFFSETS.get(zone.lower(), "+00:00")


def has_southern_summer(zone: str) -> bool:
    """Tell whether January is daylight saving time there."""
    return zone.lower() in _SOUTHERN_NAMES


def same_zone(one: str | None, other: str | None) -> bool:
    """Tell whether two names mean the same zone; none means UTC, which Azure also calls Coordinated Universal Time."""
    left, right = ((name or "utc").lower() for name in (one, other))
    return left == right or (left in _UTC and right in _UTC)
