#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_vault_info
short_description: Read backup vaults
version_added: 0.1.0
description:
  - Reads one vault, the vaults of a resource group, of the subscription, or of several subscriptions.
  - The list is empty if nothing matches.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes.info
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.subscriptions
  - holdfast.azure_backup.vault
options:
  resource_group:
    description:
      - The resource group of the vault; without O(vault_name), every vault in it.
    type: str
  deleted:
    description:
      - Read the deleted vaults in O(location) that Azure still has, instead of existing vaults. O(resource_group) and
        O(vault_name) filter them.
    type: bool
    default: false
  location:
    description:
      - The region of the deleted vaults.
    type: str
  tags:
    description:
      - Only vaults with all of these tags, each as V(name) or V(name:value).
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Read one vault
  holdfast.azure_backup.backup_vault_info:
    resource_group: demo-rg
    vault_name: demo-vault
  register: one

- name: Read the vaults that can be undeleted
  holdfast.azure_backup.backup_vault_info:
    deleted: true
    location: westeurope

- name: Read the storage team's vaults in all accessible subscriptions
  holdfast.azure_backup.backup_vault_info:
    subscription_ids: all
    tags:
      - owner:storage-team
"""

RETURN = r"""
vaults:
  description: The vaults.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.DataProtection/backupVaults/demo-vault
    name:
      description: The name.
      type: str
      sample: demo-vault
    subscription_id:
      description: The subscription.
      type: str
      sample: 00000000-0000-0000-0000-000000000000
    resource_group:
      description: The resource group.
      type: str
      sample: demo-rg
    vault_type:
      description: The type of the vault.
      type: str
      sample: backup
    location:
      description: The region.
      type: str
      sample: westeurope
    tags:
      description: The tags.
      type: dict
      sample: {"owner": "storage-team"}
    identity:
      description: The identity, with C(type), C(principal_id), C(tenant_id) and C(user_assigned_identities) keyed by ARM id.
      type: dict
      sample: {"type": "SystemAssigned", "principal_id": "1d213bec-375f-4f72-9b0a-10cf6111f67c"}
    sku:
      description: The SKU; null for Backup vaults.
      type: str
      sample: null
    datastore_type:
      description: The datastore.
      type: str
      sample: VaultStore
    redundancy:
      description: How backup data is replicated.
      type: str
      sample: LocallyRedundant
    soft_delete:
      description: Soft delete, with C(state) and C(retention_duration_in_days).
      type: dict
      sample: {"state": "On", "retention_duration_in_days": 14}
    immutability_state:
      description: Whether backup data can be deleted before its retention ends.
      type: str
      sample: Disabled
    encryption_settings:
      description: The encryption key; null if it is Microsoft's own.
      type: dict
      sample: null
    cross_region_restore_state:
      description: Whether backups can be restored in the paired region; null if it was never set.
      type: str
      sample: null
    cross_subscription_restore_state:
      description: Whether backups can be restored to other subscriptions; null if it was never set.
      type: str
      sample: Enabled
    alerts_for_all_job_failures:
      description: Whether Azure Monitor raises an alert when a job fails; null if it was never set.
      type: str
      sample: null
    public_network_access:
      description: Whether the vault is reachable from public networks; null for Backup vaults.
      type: str
      sample: null
    is_protected_by_resource_guard:
      description: Whether critical operations need the approval of a resource guard.
      type: bool
      sample: false
    resource_guard_id:
      description: The resource guard that the vault is mapped to; null if several vaults are read.
      type: str
      sample: null
    replicated_regions:
      description: The regions that hold copies of the data.
      type: list
      elements: str
      sample: []
    secure_score:
      description: Azure's rating of the vault's settings.
      type: str
      sample: Minimum
    security_level:
      description: Azure's rating of the vault's security.
      type: str
      sample: Fair
    provisioning_state:
      description: The provisioning state of the vault.
      type: str
      sample: Succeeded
    deleted_vault_id:
      description: The name that Azure gives a deleted vault.
      type: str
      sample: null
    deletion_time:
      description: When the vault was deleted; null if it exists.
      type: str
      sample: null
    purge_time:
      description: Until when the vault can be undeleted; null if it exists.
      type: str
      sample: null
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_vault_info import read_vaults
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.SUBSCRIPTIONS,
    "deleted": {"type": "bool", "default": False},
    "location": {"type": "str"},
    "tags": {"type": "list", "elements": "str"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, read_vaults, clock, required_if=[("deleted", True, ["location"])])


if __name__ == "__main__":
    main()
