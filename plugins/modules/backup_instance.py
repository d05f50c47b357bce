#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_instance
short_description: Protect datasources with a backup policy, or stop or remove their protection
version_added: 0.1.0
description:
  - Sets the protection of datasources to the requested O(state) and waits until Azure confirms it.
  - A datasource that the vault already protects is adopted, regardless of the name of its backup instance.
  - Before it protects a datasource, the module asks Azure to validate the protection. While Azure reports a missing permission,
    it retries, because new roles take up to 30 minutes to take effect.
  - Protection can be suspended, stopped or removed; each step has its own O(state).
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.datasources
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.select
  - holdfast.azure_backup.vault
  - holdfast.azure_backup.wait
options:
  state:
    description:
      - V(present) protects datasources, resumes suspended or stopped protection, and changes the policy.
      - V(suspended) creates no new recovery points; existing ones expire by the policy.
      - V(stopped) creates no new recovery points and keeps all existing ones.
      - V(absent) removes the protection. If soft delete is on, Azure keeps the recovery points for its retention; if it is off,
        Azure B(destroys them immediately), which O(delete_backup_data) must confirm.
    type: str
    choices: [present, suspended, stopped, absent]
    default: present
  location:
    description:
      - In check mode, the region of a vault that does not exist yet, which must match the datasources' region. The default is
        the region of O(resource_group). Ignored if the vault exists.
    type: str
  policy_name:
    description:
      - The policy, in its highest version (see M(holdfast.azure_backup.backup_policy)). This or O(policy_id) is required with
        O(state=present).
    type: str
  policy_id:
    description:
      - The ARM id of the policy, in exactly this version.
    type: str
  name:
    description:
      - The name of a new backup instance; not supported for virtual machines. The default consists of the datasource's name,
        twice, and a GUID derived from its id (C(data01-data01-<guid>)), so it is the same in each run. Microsoft's articles use
        the resource group, the name and a GUID; a datasource that is protected under such a name is adopted.
    type: str
  snapshot_resource_group:
    description:
      - The resource group of a disk's snapshots, by name or ARM id. It must exist, in the subscription of the datasource, which may
        differ from the vault's. It cannot be changed later.
      - The default is the datasource's own resource group.
    type: str
  containers_list:
    description:
      - The containers of a storage account to include in scheduled backups. Continuous backup always includes all containers.
      - The default for a new protection is all containers that exist then; an existing protection keeps its own.
    type: list
    elements: str
  auto_protection:
    description:
      - Protect all containers of a storage account, including those created later, instead of O(containers_list).
      - Azure supports this only for vaults whose soft delete is V(AlwaysOn). The module uses API version 2026-06-01 for it.
    type: dict
    suboptions:
      exclude_prefixes:
        description:
          - Exclude containers whose names begin with one of these.
        type: list
        elements: str
  include_disk_luns:
    description:
      - Back up only the OS disk and these data disks of a virtual machine, by their logical unit numbers. An empty list means
        only the OS disk.
    type: list
    elements: int
  exclude_disk_luns:
    description:
      - Back up all disks of a virtual machine except these data disks. An empty list includes all disks again.
    type: list
    elements: int
  identity_id:
    description:
      - The ARM id of the vault's user-assigned identity that a new protection uses.
      - The default is the system-assigned identity or, in a vault without one, its only user-assigned identity.
    type: str
  permission_timeout:
    description:
      - How long to retry while the vault's identity lacks a role, in seconds.
    type: int
    default: 1800
  delete_backup_data:
    description:
      - Confirms that O(state=absent) may destroy recovery points if soft delete is off.
    type: bool
    default: false
  permanent:
    description:
      - With O(state=absent) and O(delete_backup_data), also destroys soft-deleted backup data. B(This cannot be undone.)
      - Azure allows it only in a vault whose soft delete is off now; if it is on, the task fails before anything is sent.
    type: bool
    default: false
  undelete:
    description:
      - With O(state=present), undeletes a soft-deleted backup instance with its recovery points and resumes its protection.
        Without it the module rejects such a datasource, as Azure would.
      - With O(state=stopped), undeletes it and creates no new recovery points.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait for the state of each datasource.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Protect two disks
  holdfast.azure_backup.backup_instance:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks
    datasource_id:
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    snapshot_resource_group: demo-snapshots-rg

- name: Protect two containers of a storage account
  holdfast.azure_backup.backup_instance:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: blobs
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/demoaccount"
    containers_list: [invoices, photos]

- name: Protect all disks of the subscription that are tagged for it, except those with a reason not to
  holdfast.azure_backup.backup_instance:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks
    select:
      datasource_types: [azure_disk]
      locations: [westeurope]
      tags:
        Backup: daily
      exempt_tag: BackupExempt
    snapshot_resource_group: demo-snapshots-rg

- name: Stop the protection of a disk and keep its recovery points
  holdfast.azure_backup.backup_instance:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    state: stopped

- name: Remove the protection of a disk
  holdfast.azure_backup.backup_instance:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    state: absent

- name: Undelete the backup instance and protect the disk again
  holdfast.azure_backup.backup_instance:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    snapshot_resource_group: demo-snapshots-rg
    undelete: true

- name: Protect a virtual machine without the data disk at LUN 1
  holdfast.azure_backup.backup_instance:
    resource_group: demo-rg
    vault_name: demo-rsv
    policy_name: machines
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
    exclude_disk_luns: [1]
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
      sample: "'data01' is protected by policy 'disks'"
    action:
      description: V(protect), V(resume), V(change_policy), V(change_containers), V(change_disks),
        V(suspend), V(stop), V(remove), V(undelete), V(purge), V(awaited) (only waited for an earlier change), V(none) or
        V(failed).
      type: str
      sample: protect
    instance:
      description: The backup instance of the datasource.
      type: dict
      sample:
        name: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
        policy_name: disks
        state: protection_configured
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
    code: UserErrorMissingRequiredPermissions
    message: "Cannot protect 'data01' in vault 'demo-vault': Appropriate permissions to perform the operation is missing."
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_instance import ensure_instances
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.DATASOURCES,
    **arguments.PROGRESS,
    **arguments.SELECT,
    **arguments.wait(3600),
    **arguments.PROTECTION,
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_instances, clock, mutually_exclusive=[("datasource_id", "select")])


if __name__ == "__main__":
    main()
