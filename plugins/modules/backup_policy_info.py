#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_policy_info
short_description: Read backup policies, or Azure's default policy for a datasource type
version_added: 0.1.0
description:
  - Reads the policies of a vault, in the form of M(holdfast.azure_backup.backup_policy) and in Azure's own.
  - The list is empty if nothing matches. A vault that does not exist is an error, unless O(missing_ok) is set.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes.info
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.missing_ok
  - holdfast.azure_backup.vault
options:
  policy_name:
    description:
      - Only this policy and its versions, the newest first.
    type: str
  policy_id:
    description:
      - Only the policy with this ARM id.
    type: str
  datasource_type:
    description:
      - Only policies for this datasource type, V(azure_disk), V(azure_blob), V(azure_data_lake_storage) or V(azure_vm).
    type: str
  template:
    description:
      - Return Azure's default policy for O(datasource_type) instead. This sends no request to Azure and needs no vault.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Read the policies of a vault for disks
  holdfast.azure_backup.backup_policy_info:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_type: azure_disk
  register: found

- name: Show Azure's default policy for disks
  holdfast.azure_backup.backup_policy_info:
    datasource_type: azure_disk
    template: true
"""

RETURN = r"""
policies:
  description: The policies.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The ARM id; null for a template.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault/backupPolicies/disks
    name:
      description: The name, with its version; null for a template.
      type: str
      sample: disks
    datasource_type:
      description: The datasource type; Azure's own name for a type that this collection does not support.
      type: str
      sample: azure_disk
    schedule:
      description: When the policy backs up, in the form of M(holdfast.azure_backup.backup_policy); null if not expressible.
      type: dict
      sample: {"frequency": "hourly", "interval_hours": 4, "times": ["13:00"], "time_zone": "UTC"}
    retention:
      description: How long the policy keeps recovery points, in the form of M(holdfast.azure_backup.backup_policy).
      type: dict
      sample: {"default": "7d"}
    retention_rules:
      description: The retention rules with other criteria, in the form of M(holdfast.azure_backup.backup_policy).
      type: list
      elements: dict
      sample: []
    policy_type:
      description: Whether a policy for virtual machines is standard (V1) or enhanced (V2).
      type: str
      sample: null
    instant_rp_retention_range_in_days:
      description: How many days a policy for virtual machines keeps snapshots for instant restore.
      type: int
      sample: null
    azure_backup_rg_name_prefix:
      description: Prefix of the name of the resource group of these snapshots.
      type: str
      sample: null
    azure_backup_rg_name_suffix:
      description: Suffix of that name.
      type: str
      sample: null
    backup_rules:
      description: The names of the backup rules that an on-demand backup can use.
      type: list
      elements: str
      sample: [BackupHourly]
    retention_tags:
      description: The names of the retention rules that an on-demand backup can use.
      type: list
      elements: str
      sample: [Default]
    is_fully_described:
      description: Whether schedule, retention and retention_rules describe the policy completely.
      type: bool
      sample: true
    recovery_points_kept:
      description: How many recovery points of each datasource exist once the policy has run for its longest retention. Azure
        keeps at most 450 of a disk.
      type: int
      sample: 42
    properties:
      description: The policy as Azure returns it, the C(properties) of its body.
      type: dict
      sample: {"objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.Compute/disks"], "policyRules": []}
error:
  description: Azure's error, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
  returned: failure
  type: dict
  sample:
    code: AuthorizationFailed
    message: The client does not have authorization to perform the action.
    status: 403
    request_id: 5f0c3a3e-6a62-4f6e-8f0e-0f1df7d5a5b0
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_policy_info import read_policies
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.MISSING_OK,
    "policy_name": {"type": "str"},
    "policy_id": {"type": "str"},
    "datasource_type": {"type": "str"},
    "template": {"type": "bool", "default": False},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(
        ARGUMENTS,
        read_policies,
        clock,
        mutually_exclusive=[("template", "policy_name"), ("template", "policy_id"), ("policy_name", "policy_id")],
    )


if __name__ == "__main__":
    main()
