# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions that the guide of permissions lists for a role of one's own."""

from __future__ import annotations

import re
from pathlib import Path

_GUIDE = Path(__file__).parents[1] / "docs" / "docsite" / "rst" / "guide_permissions.rst"
_LISTS = ("disks", "estate", "machines", "stack_hub", "hsm", "drills", "coverage")
# What the guide says may be missing: it is asked for all the same.
OPTIONAL_ACTIONS = {
    "disks": {"Microsoft.DataProtection/backupInstances/read", "Microsoft.DataProtection/locations/operationStatus/read"},
    "estate": {"Microsoft.DataProtection/backupInstances/read"},
    "drills": {"Microsoft.Compute/locations/usages/read"},
}
# If a vault does not exist, one of the other kind is looked for, which the message mentions.
OTHER_KIND = {"Microsoft.DataProtection/backupVaults/read", "Microsoft.RecoveryServices/vaults/read"}


def documented_actions() -> dict[str, frozenset[str]]:
    """Give the actions of each list in the guide, by what is backed up with them."""
    section = _GUIDE.read_text(encoding="utf-8").split("A custom role\n---", 1)[1]
    lists = re.findall(r"code-block:: text\n\n((?:    \S+\n)+)", section)
    return {name: frozenset(text.split()) for name, text in zip(_LISTS, lists, strict=True)}
