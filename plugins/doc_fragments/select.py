# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasources chosen by what they are (arguments.SELECT)."""

from __future__ import annotations


class ModuleDocFragment:
    """The option that selects datasources."""

    DOCUMENTATION = r"""
options:
  select:
    description:
      - Select datasources by their properties, instead of listing them in C(datasource_id).
      - >-
        It selects among the datasources that the vault protects. Only M(holdfast.azure_backup.backup_permission) with
        C(operation=backup), M(holdfast.azure_backup.backup_instance) with C(state=present), and
        M(holdfast.azure_backup.backup_coverage_info) select among all resources that could be protected, in the subscriptions
        that O(select.subscription_ids) names.
      - A datasource is selected if it meets all criteria and none of O(select.exclude). An empty dictionary selects everything,
        an empty list of a criterion nothing.
      - A backup skips datasources whose protection is stopped, suspended or still being configured.
      - Tags and locations come from Azure Resource Graph, which shows only what the caller may read and may be some minutes late.
    type: dict
    suboptions:
      subscription_ids:
        description:
          - Only datasources in these subscriptions. V(all) means all that the caller can access.
          - Among resources that could be protected, the default is the subscription of the connection.
        type: list
        elements: str
      datasource_types:
        description: Only datasources of these types, V(azure_disk), V(azure_blob), V(azure_data_lake_storage) or V(azure_vm).
        type: list
        elements: str
      resource_groups:
        description: Only datasources in these resource groups. Patterns such as V(prod-*) are allowed; the case does not matter.
        type: list
        elements: str
      locations:
        description: Only datasources in these regions.
        type: list
        elements: str
      names:
        description: Only datasources with these names. Patterns such as V(db-*) are allowed; the case does not matter.
        type: list
        elements: str
      policy_names:
        description: Only datasources protected by these policies. Patterns are allowed. Only among protected datasources.
        type: list
        elements: str
      tags:
        description:
          - Only datasources whose resource has all these tags. A value is a string, a pattern such as V(gold*), or a list of
            these; one match is enough. V(*) means any value.
          - The case of a tag's name does not matter, that of its value does.
        type: dict
      exclude:
        description:
          - Leave out datasources that meet any of these criteria, each tag by itself. The keys are those of O(select).
        type: dict
        suboptions:
          subscription_ids:
            description: Not in these subscriptions.
            type: list
            elements: str
          datasource_types:
            description: Not of these types.
            type: list
            elements: str
          resource_groups:
            description: Not in these resource groups.
            type: list
            elements: str
          locations:
            description: Not in these regions.
            type: list
            elements: str
          names:
            description: Not with these names.
            type: list
            elements: str
          policy_names:
            description: Not protected by these policies.
            type: list
            elements: str
          tags:
            description: Without any of these tags.
            type: dict
      exempt_tag:
        description:
          - The name of a tag that leaves a resource out. Its value is the reason, which the result lists.
        type: str
      require_match:
        description: Whether it is an error if nothing is selected. Otherwise the result says why.
        type: bool
        default: false
"""
