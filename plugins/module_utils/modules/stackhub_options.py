# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Which region and which backup of an Azure Stack Hub the options name."""

from __future__ import annotations

import re

from ..errors import BadInput, NotFound
from ..services.stack_hub.backups import BackupAdmin
from .task import Task

_NAME = re.compile(r"[A-Za-z0-9][-\w.]{0,89}")


def open_region(task: Task) -> BackupAdmin:
    """Give the service of the region that the options name. Raises BadInput for names that cannot be."""
    options = task.options
    problems = [
        f"{option}: '{options[option]}' is not a valid {'region' if option == 'location' else 'resource group'} name"
        for option in ("location", "resource_group")
        if options[option] is not None and not _NAME.fullmatch(str(options[option]))
    ]
    if problems:
        raise BadInput("; ".join(problems))
    cloud = task.session.cloud
    if cloud.is_known_to_microsoft:
        raise BadInput(
            f"cloud_environment: {cloud.name} has no Azure Stack Hub; set it to the address of the administrators' Resource "
            "Manager, such as https://adminmanagement.local.example.com"
        )
    return BackupAdmin(task.session, options["location"], options["resource_group"], options["api_version"])


def without_region(name: str, option: str) -> str:
    """Give the name of a backup, which may be given as region/name or as an ARM id. Raises BadInput."""
    found = str(name).strip().rstrip("/").rsplit("/", 1)[-1]
    if not _NAME.fullmatch(found):
        raise BadInput(f"{option}: '{name}' is neither the name nor the id of a backup")
    return found


def missing_location(region: BackupAdmin) -> NotFound:
    """Build the error for a location that does not exist; it names those that do."""
    there = ", ".join(region.list_locations())
    nothing = "none that the caller can see; the location of a region is in resource group system.<region>"
    return NotFound(f"location: backup location {region.id} does not exist; existing locations: {there or nothing}", status=404)
