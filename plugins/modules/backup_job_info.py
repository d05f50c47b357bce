#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_job_info
short_description: Read backup jobs, and wait for them
version_added: 0.1.0
description:
  - Reads jobs of a vault, or of all vaults of one or more subscriptions, newest first.
  - The list is empty if nothing matches. A vault that does not exist is an error, unless O(missing_ok) is set.
  - With O(wait), the module returns when all selected jobs have finished, and a missing job is an error. A failed job does not
    fail the task; check its C(status).
  - Across vaults the data comes from Azure Resource Graph, which may lag some minutes behind.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes.info
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.datasources
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.select
  - holdfast.azure_backup.subscriptions
  - holdfast.azure_backup.missing_ok
  - holdfast.azure_backup.vault
  - holdfast.azure_backup.wait
options:
  resource_group:
    description:
      - The resource group of the vault; without O(vault_name), every vault in it.
    type: str
  job_id:
    description:
      - Only these jobs, by ARM id, or by GUID if a vault is given; a single string is accepted as a list of one.
    type: list
    elements: str
  datasource_id:
    description:
      - Only jobs of these datasources, by ARM id; a single string is accepted as a list of one.
    type: list
    elements: str
  datasource_type:
    description:
      - Only jobs for this datasource type, V(azure_disk), V(azure_blob), V(azure_data_lake_storage) or V(azure_vm).
    type: str
  instance_name:
    description:
      - Only jobs of the backup instance with this name.
    type: str
  status:
    description:
      - Only jobs with one of these statuses.
    type: list
    elements: str
    choices: [in_progress, completed, completed_with_warnings, failed, cancelled, cancelling, paused]
  operation:
    description:
      - Only jobs with these operations. V(backup) includes on-demand and scheduled backups.
    type: list
    elements: str
    choices: [backup, on_demand_backup, scheduled_backup, restore]
  start_time:
    description:
      - Only jobs that started from this time on, in ISO 8601 such as V(2026-11-04T08:00:00Z), or a duration before now such as
        V(24h), by the clock of the machine that runs the task.
    type: str
  end_time:
    description:
      - Only jobs that started before this time, in the same formats.
    type: str
  details:
    description:
      - Read each job individually as well, for its sub-tasks, progress and recovery point. The list of a vault omits these.
    type: bool
    default: false
  wait:
    description:
      - Wait until all of the jobs have finished.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait. After that the task fails and returns the jobs, which continue in Azure.
    type: int
    default: 14400
"""

EXAMPLES = r"""
- name: Read the jobs of a vault from the last day
  holdfast.azure_backup.backup_job_info:
    resource_group: demo-rg
    vault_name: demo-vault
    start_time: 24h
  register: found

- name: Wait for all running backups of a vault, and fail unless each of them succeeds
  holdfast.azure_backup.backup_job_info:
    resource_group: demo-rg
    vault_name: demo-vault
    status: in_progress
    operation: backup
    wait: true
  register: running
  failed_when: >-
    running.jobs is undefined or
    running.jobs | rejectattr('status', 'in', ['completed', 'completed_with_warnings']) | length > 0

- name: Read the backups from the last day of all datasources in a vault that are tagged critical
  holdfast.azure_backup.backup_job_info:
    resource_group: demo-rg
    vault_name: demo-vault
    select:
      tags:
        Tier: critical
    operation: backup
    start_time: 24h
  register: critical

- name: Read the failed jobs of the last week in all vaults of all accessible subscriptions
  holdfast.azure_backup.backup_job_info:
    subscription_ids: all
    status: failed
    start_time: 7d

- name: Read one job
  holdfast.azure_backup.backup_job_info:
    job_id: "{{ found.jobs[0].id }}"
"""

RETURN = r"""
jobs:
  description: The jobs, newest first.
  returned: success, and if the wait for them timed out
  type: list
  elements: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault/backupJobs/6e24aef9-5b8b-4df5-8d9b-9075abb77300
    name:
      description: The GUID.
      type: str
      sample: 6e24aef9-5b8b-4df5-8d9b-9075abb77300
    vault_id:
      description: The vault.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.DataProtection/backupVaults/demo-vault
    operation:
      description: The operation, such as V(backup) or V(restore).
      type: str
      sample: backup
    status:
      description: The status, V(in_progress), V(completed), V(completed_with_warnings), V(failed), V(cancelled) and others.
      type: str
      sample: completed
    datasource_id:
      description: The datasource.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
    datasource_type:
      description: The datasource type; Azure's own name for a type that this collection does not support.
      type: str
      sample: azure_disk
    instance_id:
      description: The backup instance.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault/backupInstances/data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
    instance_name:
      description: The name of the backup instance.
      type: str
      sample: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
    policy_name:
      description: The policy.
      type: str
      sample: disks
    user_triggered:
      description: Whether the job was started on demand; null if Azure does not report it, as for virtual machines.
      type: bool
      sample: true
    start_time:
      description: When the job started, in UTC.
      type: str
      sample: '2026-11-04T08:54:50Z'
    end_time:
      description: When the job ended, in UTC; null while it is running.
      type: str
      sample: '2026-11-04T08:58:27Z'
    duration:
      description: How long the job took, as Azure formats it.
      type: str
      sample: PT3M36.4945012S
    duration_seconds:
      description: How long the job took in seconds; null while it is running.
      type: float
      sample: 216.4945012
    progress_percent:
      description: The progress in percent, if Azure reports it.
      type: int
      sample: null
    remaining_seconds:
      description: The time that the job is still expected to take, in seconds, if Azure reports it.
      type: float
      sample: null
    transferred_bytes:
      description: The number of bytes copied, if Azure reports it.
      type: int
      sample: null
    sub_tasks:
      description: The sub-tasks, each with C(name) and C(status); empty in a list without O(details).
      type: list
      elements: dict
      sample: [{"name": "Trigger Backup", "status": "completed"}]
    errors:
      description: Why the job failed, each with C(code), C(message) and C(recommended_action).
      type: list
      elements: dict
      sample: []
    recovery_point_id:
      description: The recovery point that the job created; null in a list without O(details).
      type: str
      sample: 9db34ab2e18f4b268a0ac740ef8fa6bd
    source_recovery_point_id:
      description: Of a restore, the recovery point that is restored; null in a list without O(details), and for a point in time.
      type: str
      sample:
    source_recovery_point_time:
      description: Of a restore, the time of that recovery point, or the point in time; null in a list without O(details).
      type: str
      sample:
    destination_id:
      description:
        - Of a restore, the ARM id of the new disk, of the storage account, or of the virtual machine that is restored in place; null in
          a list without O(details).
      type: str
      sample:
    restore:
      description:
        - Of the restore of a virtual machine, what its job tells of the target, by names only. C(mode) is C(disks), C(machine) or
          C(in_place). The addresses are without signatures and known when the job has completed; null in a list without O(details).
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_job_info import read_jobs
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.MISSING_OK,
    **arguments.SUBSCRIPTIONS,
    **arguments.DATASOURCES,
    **arguments.PROGRESS,
    **arguments.SELECT,
    **arguments.wait(14400),
    "job_id": {"type": "list", "elements": "str"},
    "datasource_type": {"type": "str"},
    "instance_name": {"type": "str"},
    "status": {
        "type": "list",
        "elements": "str",
        "choices": [
            "in_progress",
            "completed",
            "completed_with_warnings",
            "failed",
            "cancelled",
            "cancelling",
            "paused",
        ],
    },
    "operation": {
        "type": "list",
        "elements": "str",
        "choices": ["backup", "on_demand_backup", "scheduled_backup", "restore"],
    },
    "start_time": {"type": "str"},
    "end_time": {"type": "str"},
    "details": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": False},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, read_jobs, clock, mutually_exclusive=[("select", "datasource_id"), ("select", "job_id")])


if __name__ == "__main__":
    main()
