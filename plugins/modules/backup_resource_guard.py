#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_resource_guard
short_description: Create, change or delete a resource guard
version_added: 0.1.0
description:
  - Creates or changes a resource guard (C(Microsoft.DataProtection/resourceGuards)) to match the options. Unset options change
    nothing.
  - A resource guard must approve critical operations of the vaults that are mapped to it (multi-user authorization). It is
    owned by different people than the vaults, and is therefore often in another subscription.
  - O(holdfast.azure_backup.backup_vault#module:resource_guard_id) maps a vault to a guard.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
options:
  state:
    description:
      - V(absent) deletes the guard. Azure refuses while a vault is mapped to it.
    type: str
    choices: [present, absent]
    default: present
  resource_group:
    description:
      - The resource group of the guard. It must exist.
    type: str
    required: true
  resource_guard_name:
    description:
      - The name, 3 to 63 letters, digits and hyphens, starting with a letter.
    type: str
    required: true
  location:
    description:
      - The region, which must be that of the vaults. The default for a new guard is the resource group's region.
    type: str
  vault_critical_operation_exclusion_list:
    description:
      - Operations that need no approval, such as C(Microsoft.DataProtection/backupVaults/backupInstances/write). If not set,
        the existing list stays; with an empty list every critical operation needs approval.
    type: list
    elements: str
  tags:
    description:
      - Tags of the guard. If not set, all tags stay.
    type: dict
  append_tags:
    description:
      - Whether to add O(tags) to the existing tags (V(true)) or to replace these (V(false)).
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Create a guard for the vaults of the region
  holdfast.azure_backup.backup_resource_guard:
    resource_group: demo-rg
    resource_guard_name: demo-guard
    location: westeurope

- name: Allow policy changes without approval
  holdfast.azure_backup.backup_resource_guard:
    resource_group: demo-rg
    resource_guard_name: demo-guard
    vault_critical_operation_exclusion_list:
      - Microsoft.DataProtection/backupVaults/backupInstances/write
"""

RETURN = r"""
action:
  description: What was done or, in check mode, would be done (V(create), V(change), V(delete) or V(none)).
  returned: success
  type: str
  sample: create
resource_guard:
  description: The guard, or null after it is deleted. Values that only Azure generates are null in check mode.
  returned: success
  type: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.DataProtection/resourceGuards/demo-guard
    name:
      description: The name.
      type: str
      sample: demo-guard
    subscription_id:
      description: The subscription.
      type: str
      sample: 00000000-0000-0000-0000-000000000000
    resource_group:
      description: The resource group.
      type: str
      sample: demo-rg
    location:
      description: The region.
      type: str
      sample: westeurope
    tags:
      description: The tags.
      type: dict
      sample: {}
    vault_critical_operations:
      description: The operations that the guard must approve.
      type: list
      elements: str
      sample: [Microsoft.DataProtection/backupVaults/backupInstances/delete]
    vault_critical_operation_exclusion_list:
      description: The operations that need no approval.
      type: list
      elements: str
      sample: []
    provisioning_state:
      description: The provisioning state of the guard.
      type: str
      sample: Succeeded
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_resource_guard import ensure_resource_guard
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS: arguments.Spec = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "resource_group": {"type": "str", "required": True},
    "resource_guard_name": {"type": "str", "required": True},
    "location": {"type": "str"},
    "vault_critical_operation_exclusion_list": {"type": "list", "elements": "str"},
    "tags": {"type": "dict"},
    "append_tags": {"type": "bool", "default": True},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_resource_guard, clock)


if __name__ == "__main__":
    main()
