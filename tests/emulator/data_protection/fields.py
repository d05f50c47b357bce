# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, figures and shapes that several resources of Microsoft.DataProtection share."""

from __future__ import annotations

from datetime import datetime

from ..arm import (
    Wire,
)
from ..clock import dotnet_duration

NAMESPACE = "Microsoft.DataProtection"
VAULTS = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults"
VAULT = VAULTS + "/{vault}"
INSTANCE = VAULT + "/backupInstances/{instance}"

SECONDS = {
    "vault": 1.0,
    "validate": 40.0,
    "instance": 1.0,
    "configure": 45.0,
    "state": 60.0,
    "delete": 60.0,
    "trigger": 1.0,
    "job": 216.0,
}

NEEDS_ALWAYS_ON = (
    "This API version requires backup vaults to have the soft delete setting configured to Enable Always-On Soft Delete."
)

TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"


def with_dotnet_duration(job: Wire) -> Wire:
    """Give a job as lists and Resource Graph answer it."""
    properties = dict(job["properties"])
    if properties["endTime"]:
        length = datetime.fromisoformat(properties["endTime"][:26]) - datetime.fromisoformat(properties["startTime"][:26])
        properties["duration"] = dotnet_duration(length)
    return {**job, "properties": properties}
