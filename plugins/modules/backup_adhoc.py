#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_adhoc
short_description: Back up datasources now and wait until the backup is complete
version_added: 0.1.0
description:
  - Starts an on-demand backup of each datasource and waits until its job has finished. If the job fails, the task fails with
    Azure's error.
  - The request that starts a backup is never sent twice. If its outcome is unknown, the module looks for the job, and fails
    rather than risk a second backup.
  - If a run is killed or cancelled while it waits, run it again. It joins the backup that it started within O(join_within) or
    O(max_age); later, O(job_id) resumes the wait.
  - If O(max_age) is not set, every run starts a backup, unless it joins a running one (see O(on_running)).
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
  max_age:
    description:
      - Do not back up a datasource that has a recovery point younger than this, such as V(12h) or V(PT12H), by Azure's clock.
      - The snapshot of a virtual machine's backup that is still being transferred to the vault does not count; O(on_running)
        applies to that backup.
    type: str
  on_running:
    description:
      - What to do if a backup of the datasource is already running.
      - V(join) waits for that backup if its snapshot is still being taken, and in any phase if it started within O(max_age) or, if
        that is not set, within O(join_within). An older backup holds an older state of the datasource, so the module starts another.
      - V(fail) fails. V(start) starts another.
    type: str
    choices: [join, fail, start]
    default: join
  join_within:
    description:
      - Join a running backup that started within this time, such as V(1h), whichever phase it is in. With V(0), join only a backup
        whose snapshot is still being taken. If O(max_age) is set, it replaces this option.
      - Azure does not report who started a backup or, for virtual machines, whether a schedule did, so the start time decides.
    type: str
    default: 1h
  rule_name:
    description:
      - The backup rule of the policy, such as V(BackupHourly). If not set, the module selects it.
      - A retention rule such as V(Default) is not a backup rule; set O(retention_tag) for that.
    type: str
  retention_tag:
    description:
      - Keep this backup by a different retention rule of the policy than the backup rule would select.
    type: str
  job_id:
    description:
      - Wait for this job, given by ARM id or GUID, and start nothing. O(datasource_id) is not needed then.
    type: str
  wait:
    description:
      - Whether to wait until the job has finished. V(false) returns the job as soon as it has started.
    type: bool
    default: true
  retain_until:
    description:
      - Until when to keep the backup of a virtual machine, as a time such as V(2026-12-31T00:00:00Z), a date, or a duration
        from now such as V(60d), at least a day. The default is Azure's own, 30 days.
    type: str
  wait_for:
    description:
      - What to wait for. A backup of a virtual machine takes a snapshot, from which you can restore immediately, and then
        transfers it to the vault, which may take hours. V(snapshot) returns when the snapshot exists.
    type: str
    choices: [job, snapshot]
    default: job
  wait_timeout:
    description:
      - Seconds to wait. After that the task fails and returns the job, which continues in Azure.
    type: int
    default: 14400
"""

EXAMPLES = r"""
- name: Back up two disks now and wait for both
  holdfast.azure_backup.backup_adhoc:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id:
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
  register: backup

- name: Back up all disks of the vault that are tagged as critical
  holdfast.azure_backup.backup_adhoc:
    resource_group: demo-rg
    vault_name: demo-vault
    select:
      datasource_types: [azure_disk]
      tags:
        Tier: critical
    max_age: 12h

- name: Back up unless there is a recovery point from the last 12 hours
  holdfast.azure_backup.backup_adhoc:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
    max_age: 12h

- name: Resume the wait for a job that an earlier run started
  holdfast.azure_backup.backup_adhoc:
    job_id: "{{ backup.datasources[0].job.id }}"
  when: backup.datasources[0].job is not none

- name: Back up a virtual machine before a change, wait only for its snapshot, and keep the backup for 90 days
  holdfast.azure_backup.backup_adhoc:
    resource_group: demo-rg
    vault_name: demo-rsv
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
    wait_for: snapshot
    retain_until: 90d
"""

RETURN = r"""
datasources:
  description: Result for each datasource, in the order of O(datasource_id); also if some of them failed.
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
      sample: "backed up 'data01': job 6e24aef9-5b8b-4df5-8d9b-9075abb77300 completed"
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
      description: The backup job.
      type: dict
      sample:
        id: /subscriptions/0000.../backupVaults/demo-vault/backupJobs/6e24aef9-5b8b-4df5-8d9b-9075abb77300
        name: 6e24aef9-5b8b-4df5-8d9b-9075abb77300
        operation: backup
        status: completed
        user_triggered: true
        start_time: '2026-11-04T08:54:50Z'
        end_time: '2026-11-04T08:58:27Z'
        duration: PT3M36.4945012S
        duration_seconds: 216.4945012
        progress_percent:
        sub_tasks:
          - name: Trigger Backup
            status: completed
        errors: []
        recovery_point_id: 9db34ab2e18f4b268a0ac740ef8fa6bd
    recovery_point:
      description: The recovery point.
      type: dict
      sample:
        name: 9db34ab2e18f4b268a0ac740ef8fa6bd
        time: '2026-11-04T08:55:40Z'
        type: incremental
        consistency:
        tier: operational_store
        expiry: '2026-11-11T08:55:40Z'
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
    message: "Cannot back up 'data01': job 6e24aef9-5b8b-4df5-8d9b-9075abb77300 failed: The snapshot is gone. (X)"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_adhoc import ensure_backups
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.DATASOURCES,
    **arguments.PROGRESS,
    **arguments.SELECT,
    **arguments.wait(14400),
    "max_age": {"type": "str"},
    "on_running": {"type": "str", "choices": ["join", "fail", "start"], "default": "join"},
    "join_within": {"type": "str", "default": "1h"},
    "rule_name": {"type": "str"},
    "retention_tag": {"type": "str"},
    "retain_until": {"type": "str"},
    "wait_for": {"type": "str", "choices": ["job", "snapshot"], "default": "job"},
    "job_id": {"type": "str"},
    "wait": {"type": "bool", "default": True},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(
        ARGUMENTS,
        ensure_backups,
        clock,
        required_one_of=[("datasource_id", "job_id", "select")],
        mutually_exclusive=[("datasource_id", "job_id", "select")],
    )


if __name__ == "__main__":
    main()
