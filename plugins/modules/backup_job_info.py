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
  - The list is empty where nothing matches, also where there is no such vault. With O(wait) a vault or job that is not there is
    an error.
  - With O(wait) it returns when none of them runs any more. That a job failed does not fail the task; look at its C(status).
  - Across vaults the answer is Azure Resource Graph's, which may lag some minutes behind.
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
      - Only these jobs, by ARM id, or by GUID where a vault is named; one string is taken as a list of one.
    type: list
    elements: str
  datasource_id:
    description:
      - Only jobs of these datasources, by ARM id; one string is taken as a list of one.
    type: list
    elements: str
  datasource_type:
    description:
      - Only jobs for this type of datasource, such as V(azure_disk).
    type: str
  instance_name:
    description:
      - Only jobs of the backup instance of this name.
    type: str
  status:
    description:
      - Only jobs with one of these statuses.
    type: list
    elements: str
    choices: [in_progress, completed, completed_with_warnings, failed, cancelled, cancelling, paused]
  operation:
    description:
      - Only jobs of these kinds. V(backup) means both on demand and scheduled.
    type: list
    elements: str
    choices: [backup, on_demand_backup, scheduled_backup, restore]
  start_time:
    description:
      - Only jobs that began from this time on, in ISO 8601 such as V(2026-11-04T08:00:00Z), or a duration before now such as V(24h),
        by the clock of the machine that runs the task.
    type: str
  end_time:
    description:
      - Only jobs that began before this time, in the same forms.
    type: str
  details:
    description:
      - Read each job once more by itself, for its sub-tasks, progress and recovery point. The list of a vault leaves these out.
    type: bool
    default: false
  wait:
    description:
      - Wait until none of the jobs runs any more.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait. When they are over the task fails, gives the jobs, and they go on in Azure.
    type: int
    default: 14400
"""

EXAMPLES = r"""
- name: What ran in a vault in the last day
  holdfast.azure_backup.backup_job_info:
    resource_group: demo-rg
    vault_name: demo-vault
    start_time: 24h
  register: found

- name: Wait for all backups of a vault that run, and fail unless each of them succeeds
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

- name: The backups of the last day of everything in a vault that is tagged critical
  holdfast.azure_backup.backup_job_info:
    resource_group: demo-rg
    vault_name: demo-vault
    select:
      tags:
        Tier: critical
    operation: backup
    start_time: 24h
  register: critical

- name: What failed in the last week, in all vaults of all subscriptions that we may see
  holdfast.azure_backup.backup_job_info:
    subscription_ids: all
    status: failed
    start_time: 7d

- name: One job
  holdfast.azure_backup.backup_job_info:
    job_id: "{{ found.jobs[0].id }}"
"""

RETURN = r"""
jobs:
  description: The jobs, newest first; also when the waiting for them ended too early.
  returned: success
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
      description: What it does, such as V(backup) or V(restore).
      type: str
      sample: backup
    status:
      description: How it is, V(in_progress), V(completed), V(completed_with_warnings), V(failed), V(cancelled) and others.
      type: str
      sample: completed
    datasource_id:
      description: What it is about.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
    datasource_type:
      description: Its type; Azure's own name for a type that this collection does not support.
      type: str
      sample: azure_disk
    instance_id:
      description: The backup instance.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault/backupInstances/data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
    instance_name:
      description: The backup instance's name.
      type: str
      sample: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
    policy_name:
      description: The policy.
      type: str
      sample: disks
    user_triggered:
      description: Whether it was started on demand.
      type: bool
      sample: true
    start_time:
      description: When it began, in UTC.
      type: str
      sample: '2026-11-04T08:54:50Z'
    end_time:
      description: When it ended, in UTC; none while it runs.
      type: str
      sample: '2026-11-04T08:58:27Z'
    duration:
      description: How long it took, as Azure writes it.
      type: str
      sample: PT3M36.4945012S
    duration_seconds:
      description: How long it took in seconds; none while it runs.
      type: float
      sample: 216.4945012
    progress_percent:
      description: How far it is, where Azure says it.
      type: int
      sample: null
    transferred_bytes:
      description: How much was copied, where Azure says it.
      type: int
      sample: null
    sub_tasks:
      description: Its parts, each with C(name) and C(status); empty in a list without O(details).
      type: list
      elements: dict
      sample: [{"name": "Trigger Backup", "status": "completed"}]
    errors:
      description: Why it failed, each with C(code), C(message) and C(recommended_action).
      type: list
      elements: dict
      sample: []
    recovery_point_id:
      description: The recovery point that it made; none in a list without O(details).
      type: str
      sample: 9db34ab2e18f4b268a0ac740ef8fa6bd
error:
  description: Azure's answer, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.info import read_jobs
from ansible_collections.holdfast.azure_backup.plugins.module_utils.module import run

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
