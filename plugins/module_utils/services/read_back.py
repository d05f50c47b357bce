# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Reading what was written until the service shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..clock import Clock, looks
from ..model.result_shapes import Described, comparable

# How long a read is doubted that does not show what was written.
_SECONDS_TO_SHOW = 30.0
_SECONDS_BETWEEN_LOOKS = 5.0


def read_as_written(
    noun: str, clock: Clock, before: Described | None, written: Described, read: Callable[[], Described | None]
) -> Described | None:
    """Read what was written, again and again until the answer shows it: for a while the service may still give an older one.

    noun: of comparable; before, written: described, before the write and as it was meant; only what the write changed has to
    show. Gives the last answer where it does not show in time.
    """
    old, new = comparable(noun, before) or {}, comparable(noun, written) or {}
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    found = None
    for _look in looks(clock, _SECONDS_TO_SHOW, _SECONDS_BETWEEN_LOOKS):
        found = read()
        shown = comparable(noun, found) or {}
        if all(_lowered(shown.get(name)) == _lowered(value) for name, value in changed.items()):
            break
    return found


def _lowered(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str).lower()
