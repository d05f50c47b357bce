#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore
short_description: Restore disks, storage accounts and virtual machines and wait until the restore is complete
version_added: 0.1.0
description:
  - Restores each datasource from a recovery point to a new disk, to containers of another storage account, to the disks of a
    virtual machine or to a new virtual machine, and waits until the job has finished. If the job fails, the task fails with Azure's error.
  - Nothing is overwritten. An existing disk, machine or container is refused, and so is a group that already holds the machine's
    disks from the same recovery point (see O(on_existing)). The exceptions are restores in place, of a continuous
    backup with O(point_in_time) and of a virtual machine with O(target.in_place), which need O(confirm).
  - All datasources are checked before the first restore is started. A Backup vault also validates each restore before it starts, and the
    module retries while new roles take effect. Some errors appear only in the job. In check mode it shows the recovery point, its age,
    the target and missing roles.
  - The request that starts a restore is never sent twice. If a run is killed or cancelled, resume the wait with O(job_id). For a disk of a
    Backup vault, the same task with the same O(recovery_point) joins the running restore. Jobs of containers, blobs and virtual machines
    do not show all that they restore, so they are never joined.
  - Supported are V(azure_disk), V(azure_blob), V(azure_data_lake_storage) and V(azure_vm). The original may be gone, as long as its
    backup instance exists.
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
  recovery_point:
    description:
      - V(latest), which is the default, or the name or ARM id of a recovery point of one datasource.
    type: str
  before:
    description:
      - Use the newest recovery point at or before this time, such as V(2026-11-04T08:00:00Z), or a duration before now such as
        V(24h).
    type: str
  point_in_time:
    description:
      - Restore the blobs of a storage account in place to their state at this time, such as V(2026-11-04T08:00:00Z), from its
        continuous (operational) backup. It must be within the ranges that M(holdfast.azure_backup.backup_recovery_point_info)
        returns as C(restorable_time_ranges).
      - This overwrites and deletes blobs that changed since then and blocks access to the affected blobs meanwhile. It cannot bring back
        a deleted container. It needs O(confirm), and a task restores only one storage account this way.
    type: str
  tier:
    description:
      - The tier to restore from. It is that of the datasource type's scheduled backups, V(operational_store) for disks and
        V(vault_store) for storage accounts; V(archive_store) is always refused. Do not set it for virtual machines, for which Azure
        chooses the tier.
    type: str
    choices: [operational_store, vault_store, archive_store]
  target:
    description:
      - Where to restore to. Each suboption lists the datasource types that it applies to; others are refused.
    type: dict
    suboptions: &target
      resource_group:
        description:
          - The resource group of the restored disk, disks or virtual machine, by name or ARM id, for V(azure_disk) and V(azure_vm). It may
            be in another subscription. Required, except with O(target.in_place).
          - A name means a resource group in the subscription of the datasource.
        type: str
      name:
        description:
          - The name of the restored disk, for V(azure_disk), by default that of the original, or of the new virtual machine, for
            V(azure_vm).
          - For several of them use O(target.name_prefix), O(target.name_suffix) or O(target.rename).
        type: str
      name_prefix:
        description: Text to put before the name of each disk, for V(azure_disk), or virtual machine, for V(azure_vm).
        type: str
      name_suffix:
        description: Text to put after the name of each disk, for V(azure_disk), or virtual machine, for V(azure_vm).
        type: str
      rename:
        description:
          - A mapping from old name to new name. For V(azure_disk) and V(azure_vm) the old name is a name or ARM id, for V(azure_blob) and
            V(azure_data_lake_storage) the name of a container.
        type: dict
      staging_storage_account_id:
        description:
          - The ARM id of the storage account that Azure uses while it restores a virtual machine, for V(azure_vm), where it is required. It
            must be in the region of the vault (or the secondary region), of another kind than BlobStorage, and not zone-redundant.
          - Azure leaves a container with a deployment template and the configuration of the machine in it, which RV(datasources[].restored)
            names.
        type: str
      staging_identity:
        description:
          - The identity of the vault that accesses the staging account, for V(azure_vm), V(system_assigned) or the ARM id of a
            user-assigned identity. By default, the rights of the caller count.
        type: str
      in_place:
        description:
          - Whether to replace the disks of the original virtual machine, for V(azure_vm). It needs O(confirm), and
            O(recovery_point) or O(before) with a fixed time. Only one machine per task.
          - The machine must exist. Azure stops it; its present disks are kept in their resource group, and are returned as
            C(replaced_disks).
        type: bool
      virtual_network_id:
        description:
          - The ARM id of the virtual network of a new virtual machine, for V(azure_vm). Set it, O(target.subnet) and a name to
            create a machine; set none of them to restore only disks.
        type: str
      subnet:
        description: The name of the subnet of a new virtual machine, for V(azure_vm).
        type: str
      disk_luns:
        description:
          - The logical unit numbers (LUN) of the data disks to restore, for V(azure_vm); the disk of the operating system is always
            restored. An empty list restores only that. By default, every disk in the recovery point.
        type: list
        elements: int
      zone:
        description:
          - The availability zone to restore into, for V(azure_vm). The vault must be ZoneRedundant or, in the secondary region, the
            machine must have been in a zone. The recovery point must be in the vault.
        type: str
      disk_encryption_set_id:
        description: The ARM id of the disk encryption set for the restored disks, for V(azure_vm). The vault must be encrypted with a customer-managed key.
        type: str
      disk_network_access:
        description:
          - The network access that the restored disks allow, for V(azure_vm). Required if a disk of the machine allows private access only.
        type: str
        choices: [same_as_source, private, public]
      disk_access_id:
        description: The ARM id of the disk access resource, for V(azure_vm) with O(target.disk_network_access=private).
        type: str
      storage_account_id:
        description:
          - The ARM id of the storage account to restore into, for V(azure_blob) and V(azure_data_lake_storage). It must be another
            account than the original, in the region of the vault.
        type: str
      containers:
        description:
          - The containers to restore, for V(azure_blob) and V(azure_data_lake_storage), at most 100. The default is every
            container of the backup instance. Required if the instance selects containers automatically.
        type: list
        elements: str
      prefixes:
        description:
          - A mapping from container name to a list of blob prefixes, for V(azure_blob) and V(azure_data_lake_storage). Only blobs whose names
            start with one of them are restored.
        type: dict
      ranges:
        description:
          - Which blobs a restore in place (O(point_in_time)) covers, for V(azure_blob), at most 10 ranges. By default, all blobs.
        type: list
        elements: dict
        suboptions:
          min_matching_value:
            description: The first blob of the range, as V(container/prefix), inclusive.
            type: str
            required: true
          max_matching_value:
            description: The end of the range, as V(container/prefix), exclusive.
            type: str
            required: true
  confirm:
    description:
      - The name of the storage account whose blobs a restore with O(point_in_time) may overwrite, or of the virtual machine whose disks
        a restore with O(target.in_place) may replace.
    type: str
  restores:
    description:
      - A list of restores that differ, instead of O(datasource_id) and the options above.
    type: list
    elements: dict
    suboptions:
      datasource_id:
        description: The ARM id of the datasource.
        type: str
        required: true
      datasource_type:
        description: See O(datasource_type).
        type: str
      recovery_point:
        description: See O(recovery_point).
        type: str
      before:
        description: See O(before).
        type: str
      point_in_time:
        description: See O(point_in_time).
        type: str
      tier:
        description: See O(tier).
        type: str
        choices: [operational_store, vault_store, archive_store]
      target:
        description: See O(target).
        type: dict
        suboptions: *target
      confirm:
        description: See O(confirm).
        type: str
  region:
    description:
      - V(secondary) restores in the paired region of the vault, from the copies there (cross-region restore), for V(azure_vm). The vault
        must be geo-redundant with C(cross_region_restore_state) enabled. Resource group, staging account and network of O(target) are
        those in the paired region, and only recovery points that were copied there can be restored.
      - A restore in the secondary region is found and resumed only with O(region=secondary).
    type: str
    choices: [primary, secondary]
    default: primary
  secondary_region:
    description:
      - The paired region, for O(region=secondary), such as V(northeurope). By default, Azure is asked for it.
    type: str
  on_existing:
    description:
      - What to do if the target exists.
      - V(fail) fails. V(skip) accepts a disk, the disks of a virtual machine, a new virtual machine or a restore in place, if a
        completed job proves that it restored the same recovery point to this target; otherwise it fails.
      - The job of a virtual machine does not show which disks it restored. V(skip) therefore compares their number with the
        original machine, which must normally still exist, and accepts a new virtual machine only in the wanted subnet. With
        O(target.disk_luns), nothing is accepted.
    type: str
    choices: [fail, skip]
    default: fail
  on_running:
    description:
      - What to do if a restore of the datasource to the same target is already running.
      - V(join) waits for it if its job proves that recovery point and target are the same; otherwise the task fails and names the
        job. V(fail) fails.
    type: str
    choices: [join, fail]
    default: join
  permission_timeout:
    description:
      - Seconds to retry while the vault's identity lacks a role. New roles take up to 30 minutes to take effect. It has no effect
        for virtual machines.
    type: int
    default: 1800
  job_id:
    description:
      - Wait for this restore job, given by ARM id or GUID, and start nothing. A GUID, or any job in the secondary region, also
        needs the vault. C(restored) is null then.
    type: str
  wait:
    description:
      - Whether to wait until the job has finished. V(false) returns the job as soon as it has started.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait. After that the task fails and returns the job, which continues in Azure.
    type: int
    default: 14400
"""

EXAMPLES = r"""
- name: Restore a disk from its newest recovery point
  holdfast.azure_backup.backup_restore:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
    target:
      resource_group: demo-rg
      name: data01-restored
  register: restore

- name: Restore two disks as they were an hour ago
  holdfast.azure_backup.backup_restore:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id:
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    before: 1h
    target:
      resource_group: demo-snapshots-rg
      name_suffix: -an-hour-ago

- name: Restore one container of a storage account into another account, under a new name
  holdfast.azure_backup.backup_restore:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/demoaccount"
    target:
      storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/emptyaccount"
      containers: [invoices]
      rename:
        invoices: invoices-restored

- name: Restore blobs in place to an earlier state, which overwrites them
  holdfast.azure_backup.backup_restore:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/demoaccount"
    point_in_time: 2026-11-04T08:00:00Z
    confirm: demoaccount
    target:
      ranges:
        - min_matching_value: invoices/2026-11
          max_matching_value: invoices/2026-12

- name: Restore the disks of a virtual machine
  holdfast.azure_backup.backup_restore:
    resource_group: demo-rg
    vault_name: demo-rsv
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
    target:
      resource_group: demo-snapshots-rg
      staging_storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/emptyaccount"

- name: Restore a virtual machine as a new one
  holdfast.azure_backup.backup_restore:
    resource_group: demo-rg
    vault_name: demo-rsv
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
    target:
      resource_group: demo-snapshots-rg
      name: web01-restored
      virtual_network_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Network/virtualNetworks/demo-vnet"
      subnet: restored
      staging_storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/emptyaccount"

- name: List the recovery points of a virtual machine
  holdfast.azure_backup.backup_recovery_point_info:
    resource_group: demo-rg
    vault_name: demo-rsv
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
  register: points

- name: Replace the disks of the virtual machine with those of its oldest recovery point
  holdfast.azure_backup.backup_restore:
    resource_group: demo-rg
    vault_name: demo-rsv
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
    recovery_point: "{{ points.recovery_points[-1].name }}"
    confirm: web01
    target:
      in_place: true
      staging_storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/emptyaccount"

- name: Resume the wait for a restore that an earlier run started
  holdfast.azure_backup.backup_restore:
    # The first progress line of the earlier run shows the id.
    job_id: "{{ restore.datasources[0].job.id }}"
"""

RETURN = r"""
datasources:
  description: Result for each restore, in the order of O(datasource_id) or O(restores); also if some of them failed.
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
      sample: >-
        restored 'data01' to 'data01-restored' in resource group 'demo-rg', from the recovery point of 2026-11-04T08:55:40Z, 3h 2m
        old: job 6e24aef9-5b8b-4df5-8d9b-9075abb77300 completed in 3m36s
    action:
      description: V(start), V(join), V(skip), V(resume) or V(failed).
      type: str
      sample: start
    instance:
      description: The backup instance of the datasource.
      type: dict
      sample:
        name: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
        policy_name: disks
        state: protection_configured
    job:
      description: The restore job.
      type: dict
      sample:
        id: /subscriptions/0000.../backupVaults/demo-vault/backupJobs/6e24aef9-5b8b-4df5-8d9b-9075abb77300
        name: 6e24aef9-5b8b-4df5-8d9b-9075abb77300
        operation: restore
        status: completed
        user_triggered: true
        start_time: '2026-11-04T11:57:40Z'
        end_time: '2026-11-04T12:01:16Z'
        duration: PT3M36.4945012S
        duration_seconds: 216.4945012
        progress_percent:
        sub_tasks:
          - name: Trigger Restore
            status: completed
        errors: []
        source_recovery_point_id: 9db34ab2e18f4b268a0ac740ef8fa6bd
        source_recovery_point_time: '2026-11-04T08:55:40Z'
        destination_id: /subscriptions/0000.../disks/data01-restored
    recovery_point:
      description: The recovery point that was restored; null for a restore with O(point_in_time).
      type: dict
      sample:
        name: 9db34ab2e18f4b268a0ac740ef8fa6bd
        time: '2026-11-04T08:55:40Z'
        type: incremental
        consistency:
        tier: operational_store
        expiry: '2026-11-11T08:55:40Z'
    recovery_point_age_seconds:
      description: The age of the recovery point when the restore began.
      type: int
      returned: unless the wait for a job was resumed
      sample: 10920
    target:
      description: Where the datasource is restored to.
      type: dict
      contains:
        id:
          description: The ARM id of the new disk, of the storage account, of the virtual machine, or of the resource group of its disks.
          type: str
          sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01-restored
        location:
          description: The region.
          type: str
          sample: westeurope
        containers:
          description: The containers, under their new names.
          type: list
          elements: str
          sample: []
        mode:
          description: Of a virtual machine, V(disks), V(machine) or V(in_place).
          type: str
          returned: for a virtual machine
          sample: disks
        staging_storage_account_id:
          description: The ARM id of the storage account that Azure uses meanwhile.
          type: str
          returned: for a virtual machine
          sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/emptyaccount
    restored:
      description:
        - What exists after the restore. For a disk these are C(id), C(name), C(location), C(size_gb), C(size_bytes), C(sku) and
          C(zones), for a storage account its C(id) and the restored C(containers).
        - For the disks of a virtual machine these are C(id) of the resource group, C(disks) and C(other_new_disks). Azure names the disks,
          and its job does not list them. C(disks) are those that were created during the job and are named after the machine,
          C(other_new_disks) the ids of others that were created then.
        - For a virtual machine these are C(id), C(name), C(location), C(size), C(zones), C(network_interfaces) and C(disks), and in place
          C(replaced_disks), which are still there.
        - For disks, C(template_uri) is the address of a deployment template for a new machine with these disks and C(config_uri) that of
          its configuration. C(staging_container) is the container with both, which remains in the staging account.
      type: dict
      sample:
        id: /subscriptions/0000.../disks/data01-restored
        name: data01-restored
        location: westeurope
        size_gb: 4
        size_bytes:
        sku: Premium_LRS
        zones: []
    missing_roles:
      description:
        - In check mode, the roles that the identity needs, if Azure reports that one is missing or not effective yet. For a virtual
          machine with O(target.staging_identity), the roles that the identity does not seem to hold.
      type: list
      elements: str
      returned: unless the wait for a job was resumed
      sample: []
    last_restore_seconds:
      description: How long the last completed restore of this datasource type took in this vault.
      type: float
      returned: unless the wait for a job was resumed
      sample: 215.1109964
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
    code: UserErrorDiskSnapshotNotFound
    message: "Cannot restore 'data01' to 'data01-restored' in resource group 'demo-rg': job 6e24... failed: The snapshot is gone. (X)"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_restore import ensure_restores
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.DATASOURCES,
    **arguments.PROGRESS,
    **arguments.wait(14400),
    **arguments.RESTORE,
    **arguments.SELECT,
    "restores": {
        "type": "list",
        "elements": "dict",
        "options": {
            "datasource_id": {"type": "str", "required": True},
            "datasource_type": {"type": "str"},
            **arguments.RESTORE,
        },
    },
    "region": {"type": "str", "choices": ["primary", "secondary"], "default": "primary"},
    "secondary_region": {"type": "str"},
    "on_existing": {"type": "str", "choices": ["fail", "skip"], "default": "fail"},
    "on_running": {"type": "str", "choices": ["join", "fail"], "default": "join"},
    "permission_timeout": {"type": "int", "default": 1800},
    "job_id": {"type": "str"},
    "wait": {"type": "bool", "default": True},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(
        ARGUMENTS,
        ensure_restores,
        clock,
        required_one_of=[("datasource_id", "restores", "job_id", "select")],
        mutually_exclusive=[("datasource_id", "restores", "job_id", "select")],
    )


if __name__ == "__main__":
    main()
