#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_permission
short_description: Grant a vault's identity the roles that backups and restores require
version_added: 0.1.0
description:
  - Assigns the Azure roles that the identity of a vault needs for each datasource. For a disk these are C(Disk Backup Reader) on
    the disk and C(Disk Snapshot Contributor) on the resource group of its snapshots.
  - For a restore (O(operation=restore)) it is the role on the target, C(Disk Restore Operator) on the resource group of the new
    disk or C(Storage Account Backup Contributor) on the target account. Microsoft advises to revoke C(Disk Restore Operator)
    afterwards.
  - A role that the identity already has, on the scope or above it, is left unchanged. Check mode reports missing roles.
  - New roles take up to 30 minutes to take effect; M(holdfast.azure_backup.backup_instance) and
    M(holdfast.azure_backup.backup_restore) wait for that.
  - The caller needs the right to assign roles, such as C(User Access Administrator), which is why this is a separate module.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.datasources
  - holdfast.azure_backup.select
  - holdfast.azure_backup.vault
options:
  state:
    description:
      - V(absent) revokes only roles that this module granted. It keeps a role on a resource group that stores snapshots of
        other datasources of the vault.
    type: str
    choices: [present, absent]
    default: present
  operation:
    description:
      - Whether the roles are for backups or for restores.
    type: str
    choices: [backup, restore]
    default: backup
  target:
    description:
      - Where M(holdfast.azure_backup.backup_restore) restores to, with O(operation=restore).
    type: dict
    suboptions:
      resource_group:
        description:
          - The resource group of restored disks, by name or ARM id. A name means a resource group in the datasource's subscription.
        type: str
      storage_account_id:
        description: The ARM id of the storage account that containers are restored into.
        type: str
      staging_storage_account_id:
        description:
          - The ARM id of the storage account that Azure uses while it restores virtual machines. The roles on it are only needed if the
            vault's identity accesses the account, see C(target.staging_identity) of M(holdfast.azure_backup.backup_restore).
        type: str
  snapshot_resource_group:
    description:
      - The resource group of a disk's snapshots, by name or ARM id. It must be in the subscription of the datasource.
      - The default is the datasource's own resource group.
    type: str
  identity_id:
    description:
      - The ARM id of the vault's user-assigned identity that gets the roles.
      - The default is the system-assigned identity or, in a vault without one, its only user-assigned identity.
    type: str
"""

EXAMPLES = r"""
- name: Grant the roles for backups of two disks
  holdfast.azure_backup.backup_permission:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id:
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    snapshot_resource_group: demo-snapshots-rg

- name: Grant the role for backups of a storage account
  holdfast.azure_backup.backup_permission:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/demoaccount"

- name: Grant the role for a restore of a disk to another resource group
  holdfast.azure_backup.backup_permission:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
    operation: restore
    target:
      resource_group: demo-snapshots-rg

- name: Revoke the roles for backups of a disk that is no longer protected
  holdfast.azure_backup.backup_permission:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    snapshot_resource_group: demo-snapshots-rg
    state: absent
"""

RETURN = r"""
datasources:
  description: Result for each datasource, in the order of O(datasource_id), or of their ids with O(select); also if some of them failed.
  returned: unless the options are wrong
  type: list
  elements: dict
  contains:
    datasource_id:
      description: The datasource.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
    changed:
      description: Whether something changed for this datasource.
      type: bool
      sample: true
    failed:
      description: Whether this datasource failed.
      type: bool
      sample: false
    msg:
      description: What happened, in one sentence.
      type: str
      sample: 'granted: Disk Backup Reader on .../disks/data01'
    action:
      description: V(grant), V(revoke), V(none) or V(failed).
      type: str
      sample: grant
    instance:
      description: Always null; M(holdfast.azure_backup.backup_instance) sets it.
      type: dict
      sample: null
    job:
      description: Always null; only M(holdfast.azure_backup.backup_adhoc) sets it.
      type: dict
      sample: null
    recovery_point:
      description: Always null; only M(holdfast.azure_backup.backup_adhoc) sets it.
      type: dict
      sample: null
    error:
      description: Azure's error, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
      type: dict
      sample: null
    roles:
      description:
        - Each role with its C(scope) and C(status).
        - V(present) existed before, V(granted) was granted now, V(missing) would be granted (in check mode), V(revoked) was
          revoked now, V(absent) did not exist, V(kept) is still needed by other datasources, V(foreign) was not granted by this
          module and stays, V(failed) could not be granted or revoked.
      type: list
      elements: dict
      sample:
        - role: Disk Backup Reader
          scope: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
          status: granted
selection:
  description:
    - What O(select) found. C(count) is the number of selected datasources, C(exempt) lists those that O(select.exempt_tag) leaves out, with
      their C(reason), C(unreadable) what the caller cannot see or what does not exist any more, and C(reason) says why nothing was selected.
  returned: if O(select) is set
  type: dict
  sample:
    count: 12
    exempt:
      - datasource_id: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/scratch01
        reason: rebuilt from code
    unreadable: []
    reason:
error:
  description: The first failure.
  returned: failure
  type: dict
  sample:
    code: AuthorizationFailed
    message: Cannot grant Disk Backup Reader
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_permission import ensure_permissions
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.DATASOURCES,
    **arguments.SELECT,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "operation": {"type": "str", "choices": ["backup", "restore"], "default": "backup"},
    "target": {
        "type": "dict",
        "options": {
            "resource_group": {"type": "str"},
            "storage_account_id": {"type": "str"},
            "staging_storage_account_id": {"type": "str"},
        },
    },
    "snapshot_resource_group": {"type": "str"},
    "identity_id": {"type": "str"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_permissions, clock, mutually_exclusive=[("datasource_id", "select")])


if __name__ == "__main__":
    main()
