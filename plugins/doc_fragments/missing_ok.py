# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vault is that does not exist (arguments.MISSING_OK)."""

from __future__ import annotations


class ModuleDocFragment:
    """The option of modules that list what lies in a vault."""

    DOCUMENTATION = r"""
options:
  missing_ok:
    description:
      - Whether to return an empty list if the given vault does not exist. By default this is an error, because a check such as
        "no job failed" would otherwise pass for a misspelled name.
    type: bool
    default: false
"""
