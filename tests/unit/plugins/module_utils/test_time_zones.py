# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of Windows time zones beside CLDR's names (tzlocal) and the tz database (tzdata)."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.time_zones import (
    find_zone,
    has_southern_summer,
    offset_of,
)

windows_tz = pytest.importorskip("tzlocal.windows_tz")
pytest.importorskip("tzdata")


@pytest.mark.parametrize("windows", sorted(windows_tz.win_tz))
def test_a_zone_has_the_offset_of_the_tz_database(windows: str) -> None:
    zone = ZoneInfo(windows_tz.win_tz[windows])
    january, july = (datetime(2026, month, 5, 12, tzinfo=zone).utcoffset() or timedelta() for month in (1, 7))
    standard = min(january, july)
    hours, minutes = divmod(abs(standard) // timedelta(minutes=1), 60)
    assert find_zone(windows, "time_zone") == windows
    assert offset_of(windows) == f"{'-' if standard < timedelta() else '+'}{hours:02}:{minutes:02}"
    assert has_southern_summer(windows) is (january > july)
