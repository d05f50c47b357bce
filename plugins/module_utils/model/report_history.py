# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Earlier reports by the names of their files, history/NAME-TIME.json, alike in a folder and in a blob container. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

FOLDER = "history"


def kept_name(name: str, generated: str) -> str:
    """Give the name of the file that keeps a report; generated: its time, such as 2026-11-04T12:03:02Z."""
    return f"{FOLDER}/{name}-{generated.replace('-', '').replace(':', '')}.json"


def earlier_names(files: Iterable[str], name: str) -> list[str]:
    """Give those of some files that keep reports of a name, the oldest first."""
    pattern = re.compile(rf"{FOLDER}/{re.escape(name)}-\d{{8}}T\d{{6}}Z\.json")
    return sorted(file for file in files if pattern.fullmatch(file))


def superfluous(names: Sequence[str], most: int) -> list[str]:
    """Give the names of the reports, of some with the oldest first, that are older than as many as are kept, at least one."""
    return list(names[: -max(most, 1)])
