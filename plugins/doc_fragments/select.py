# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a vault protects, chosen by what it is (arguments.SELECT)."""

from __future__ import annotations


class ModuleDocFragment:
    """The option that selects datasources."""

    DOCUMENTATION = r"""
options:
  select:
    description:
      - Choose among what the vault protects by what it is, instead of naming it by O(datasource_id).
      - An empty dictionary is everything.
      - A backup leaves out what is stopped or suspended, or still being configured.
    type: dict
    suboptions:
      datasource_types:
        description: Of these types.
        type: list
        elements: str
      resource_groups:
        description: In these resource groups.
        type: list
        elements: str
      policy_names:
        description: By these policies.
        type: list
        elements: str
      tags:
        description: Whose resource has these tags with these values; they are read through Azure Resource Graph.
        type: dict
"""
