# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Read the backups of a region (module stackhub_backup_info)."""

from __future__ import annotations

from ..errors import NotFound
from .stackhub_options import missing_location, open_region, without_region
from .task import Result, Task


def read_backups(task: Task) -> Result:
    """Read the backups of a region, or one of them (module stackhub_backup_info)."""
    name = without_region(task.options["name"], "name") if task.options["name"] else None
    region = open_region(task)
    try:
        if name:
            one = region.read_backup(name)
            if one is None and region.read_location() is None:
                raise missing_location(region)
            found = [one] if one else []
        else:
            found = region.list_backups()
    except NotFound as error:
        raise (error if error.message.startswith("location:") else missing_location(region)) from error
    return {"changed": False, "backups": found}
