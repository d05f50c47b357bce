#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_instance_info
short_description: Read backup instances
version_added: 0.1.0
description:
  - Reads the backup instances of a vault, or of all vaults of one or more subscriptions.
  - The list is empty if nothing matches. A vault that does not exist is an error, unless O(missing_ok) is set.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes.info
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.subscriptions
  - holdfast.azure_backup.missing_ok
  - holdfast.azure_backup.vault
options:
  resource_group:
    description:
      - The resource group of the vault; without O(vault_name), every vault in it.
    type: str
  datasource_id:
    description:
      - Only the backup instances of these datasources, by ARM id; a single string is accepted as a list of one.
    type: list
    elements: str
  datasource_type:
    description:
      - Only backup instances of this datasource type, V(azure_disk), V(azure_blob), V(azure_data_lake_storage) or V(azure_vm).
    type: str
  instance_name:
    description:
      - Only the backup instance with this name.
    type: str
  policy_name:
    description:
      - Only backup instances with this policy.
    type: str
  deleted:
    description:
      - Read soft-deleted backup instances instead of existing ones. Requires a vault.
    type: bool
    default: false
  state:
    description:
      - Only backup instances in one of these states.
    type: list
    elements: str
    choices:
      - protection_configured
      - configuring_protection
      - updating_protection
      - configuring_protection_failed
      - protection_error
      - backups_suspended
      - protection_stopped
      - soft_deleted
"""

EXAMPLES = r"""
- name: Read the backup instances of a vault
  holdfast.azure_backup.backup_instance_info:
    resource_group: demo-rg
    vault_name: demo-vault
  register: found

- name: Read the soft-deleted backup instances
  holdfast.azure_backup.backup_instance_info:
    resource_group: demo-rg
    vault_name: demo-vault
    deleted: true

- name: Find the vault that protects a disk
  holdfast.azure_backup.backup_instance_info:
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"

- name: Find broken protection in all accessible subscriptions
  holdfast.azure_backup.backup_instance_info:
    subscription_ids: all
    state:
      - protection_error
      - configuring_protection_failed
"""

RETURN = r"""
instances:
  description: The backup instances.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault/backupInstances/data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
    name:
      description: The name.
      type: str
      sample: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
    vault_id:
      description: The vault.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.DataProtection/backupVaults/demo-vault
    datasource_id:
      description: The protected datasource.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
    datasource_type:
      description: The datasource type; Azure's own name for a type that this collection does not support.
      type: str
      sample: azure_disk
    friendly_name:
      description: The name that the portal shows.
      type: str
      sample: data01
    policy_id:
      description: The policy.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault/backupPolicies/disks
    policy_name:
      description: The policy's name.
      type: str
      sample: disks
    snapshot_resource_group_id:
      description: The resource group of the snapshots, for types that have them.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-snapshots-rg
    containers_list:
      description: The containers of a storage account that are backed up; empty for other types and without a scheduled backup.
      type: list
      elements: str
      sample: []
    auto_protection:
      description: Set if all containers, including future ones, are protected automatically, with C(exclude_prefixes).
      type: dict
      sample: null
    include_disk_luns:
      description: The data disks of a virtual machine that are backed up; null if not set.
      type: list
      elements: int
      sample: null
    exclude_disk_luns:
      description: The data disks of a virtual machine that are excluded; null if not set.
      type: list
      elements: int
      sample: null
    identity_id:
      description: The user-assigned identity that the protection uses; null for the vault's own.
      type: str
      sample: null
    state:
      description:
        - The state of the protection, such as V(protection_configured), V(protection_stopped), V(backups_suspended) or
          V(protection_error).
      type: str
      sample: protection_configured
    provisioning_state:
      description: The provisioning state of the backup instance.
      type: str
      sample: succeeded
    errors:
      description: Why the datasource is not protected, each with C(code), C(message) and C(recommended_action).
      type: list
      elements: dict
      sample: []
    deletion_time:
      description: When it was deleted, for soft-deleted backup instances.
      type: str
      sample: null
    purge_time:
      description: When Azure purges it, for soft-deleted backup instances.
      type: str
      sample: null
    tags:
      description: The tags.
      type: dict
      sample: {}
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_instance_info import read_instances
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.MISSING_OK,
    **arguments.SUBSCRIPTIONS,
    "datasource_id": {"type": "list", "elements": "str"},
    "datasource_type": {"type": "str"},
    "instance_name": {"type": "str"},
    "policy_name": {"type": "str"},
    "deleted": {"type": "bool", "default": False},
    "state": {
        "type": "list",
        "elements": "str",
        "choices": [
            "protection_configured",
            "configuring_protection",
            "updating_protection",
            "configuring_protection_failed",
            "protection_error",
            "backups_suspended",
            "protection_stopped",
            "soft_deleted",
        ],
    },
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, read_instances, clock)


if __name__ == "__main__":
    main()
