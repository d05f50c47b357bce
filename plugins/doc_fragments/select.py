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
      - Select among the protected datasources of the vault by their properties, instead of listing them in O(datasource_id).
      - An empty dictionary selects everything.
      - A backup skips datasources whose protection is stopped, suspended or still being configured.
    type: dict
    suboptions:
      datasource_types:
        description: Only datasources of these types, V(azure_disk), V(azure_blob), V(azure_data_lake_storage) or V(azure_vm).
        type: list
        elements: str
      resource_groups:
        description: Only datasources in these resource groups.
        type: list
        elements: str
      policy_names:
        description: Only datasources protected by these policies.
        type: list
        elements: str
      tags:
        description: Only datasources whose resource has these tags with these values; Azure Resource Graph provides them.
        type: dict
"""
