# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules support, in Ansible's words."""

from __future__ import annotations


class ModuleDocFragment:
    """The attributes of every module."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against. The module needs no target; it talks to Azure.
    support: full
    platforms: all
  action_group:
    description: Use C(group/holdfast.azure_backup.azure) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - holdfast.azure_backup.azure
"""

    INFO = r"""
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    support: full
    details:
      - The module changes nothing.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    support: N/A
    details:
      - The module changes nothing.
  platform:
    description: Target OS/families that can be operated against. The module needs no target; it talks to Azure.
    support: full
    platforms: all
  action_group:
    description: Use C(group/holdfast.azure_backup.azure) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - holdfast.azure_backup.azure
"""
