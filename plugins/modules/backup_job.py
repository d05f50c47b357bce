#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_job
short_description: Cancel a running job of a Recovery Services vault
version_added: 0.1.0
description:
  - Cancels a job and waits until it has ended. A job that is already cancelled is left unchanged.
  - Azure can cancel only jobs of Recovery Services vaults, and not in every phase. For others the task fails and says so; the job
    continues.
  - Azure ends a cancelled job of a virtual machine as completed with a warning; this collection returns it as V(cancelled).
  - M(holdfast.azure_backup.backup_job_info) lists jobs.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.vault
  - holdfast.azure_backup.wait
options:
  job_id:
    description:
      - The job, by ARM id or GUID. A GUID also needs the vault.
    type: str
    required: true
  state:
    description:
      - The state of the job.
    type: str
    choices: [cancelled]
    default: cancelled
  wait:
    description:
      - Whether to wait until the job has ended.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Start a backup of a virtual machine
  holdfast.azure_backup.backup_adhoc:
    resource_group: demo-rg
    vault_name: demo-rsv
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
    wait: false
  register: backup

- name: Cancel it
  holdfast.azure_backup.backup_job:
    job_id: "{{ backup.datasources[0].job.id }}"
    state: cancelled
  when: backup.datasources[0].job is not none
"""

RETURN = r"""
msg:
  description: What happened, in one sentence.
  returned: always
  type: str
  sample: job 6e24aef9-5b8b-4df5-8d9b-9075abb77300 is cancelled
job:
  description: The job.
  returned: success
  type: dict
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
      description: The sub-tasks, each with C(name) and C(status).
      type: list
      elements: dict
      sample: [{"name": "Trigger Backup", "status": "completed"}]
    errors:
      description: Why the job failed, each with C(code), C(message) and C(recommended_action).
      type: list
      elements: dict
      sample: []
    recovery_point_id:
      description: The recovery point that the job created.
      type: str
      sample: 9db34ab2e18f4b268a0ac740ef8fa6bd
    source_recovery_point_id:
      description: Of a restore, the recovery point that is restored, and for a point in time.
      type: str
      sample:
    source_recovery_point_time:
      description: Of a restore, the time of that recovery point, or the point in time.
      type: str
      sample:
    destination_id:
      description:
        - Of a restore, the ARM id of the new disk, of the storage account, or of the virtual machine that is restored in place.
      type: str
      sample:
    restore:
      description:
        - Of the restore of a virtual machine, what its job tells of the target, by names only. C(mode) is C(disks), C(machine) or
          C(in_place). The addresses are without signatures and known when the job has completed.
      type: dict
      sample: null
error:
  description: Azure's error, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
  returned: failure
  type: dict
  sample:
    code: CannotCancel
    message: "job_id: job 6e24aef9-5b8b-4df5-8d9b-9075abb77300 is a restore of a Backup vault, which Azure cannot cancel; wait for its end"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_job import ensure_job
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.PROGRESS,
    **arguments.wait(3600),
    "job_id": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["cancelled"], "default": "cancelled"},
    "wait": {"type": "bool", "default": True},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_job, clock)


if __name__ == "__main__":
    main()
