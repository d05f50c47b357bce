#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_policy
short_description: Create, version or delete a backup policy
version_added: 0.1.0
description:
  - Makes a policy of a Backup vault back up by O(schedule) and keep by O(retention), both in readable form.
  - What is not set has Azure's own default for the type of datasource. For disks that is every 4 hours, kept for 7 days; for blobs
    every day, kept for 7 days in the vault, and continuously, kept for 30 days in the storage account.
  - Azure never changes the policy of a Backup vault. Where it differs from what is asked for, the module fails with the
    difference, or makes a new version of it, see O(on_change).
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.vault
  - holdfast.azure_backup.wait
options:
  state:
    description:
      - V(absent) deletes the policy with all its versions. It fails while an instance uses one of them, and names it.
    type: str
    choices: [present, absent]
    default: present
  policy_name:
    description:
      - The name, 3 to 150 letters, digits and hyphens, a letter first.
      - It means the highest version of that name, which is V(gold-v2) where V(gold) and V(gold-v2) are there.
    type: str
    required: true
  datasource_type:
    description:
      - What the policy is for, such as V(azure_disk). Needed with O(state=present).
    type: str
  schedule:
    description:
      - When to back up. Only what is set here is compared with an existing policy.
    type: dict
    suboptions:
      frequency:
        description:
          - How often. Disks can be backed up V(hourly) and V(daily), blobs V(daily) and V(weekly), virtual machines each way.
        type: str
        choices: [hourly, daily, weekly]
      interval_hours:
        description:
          - Hours between backups of an hourly schedule. Disks take 1, 2, 4, 6, 8 and 12, virtual machines 4, 6, 8 and 12.
        type: int
      window_hours:
        description:
          - For virtual machines, how many hours of the day an hourly schedule backs up, from its time on. 12 when it is not set.
        type: int
      times:
        description:
          - Times of day as V('13:00'), in quotes. An hourly schedule has one, at which its intervals begin.
        type: list
        elements: str
      days:
        description:
          - Days of the week of a weekly schedule.
        type: list
        elements: str
      time_zone:
        description:
          - The Windows name of the time zone that the times are in, such as V(W. Europe Standard Time). V(UTC) when it is not set.
        type: str
  retention:
    description:
      - How long recovery points are kept, as V(7d), V(4w), V(6mo), V(1y) or V(P7D). Only what is set here is compared.
      - A policy for blobs has the kinds of backup that it speaks of. With O(retention.operational) alone it is continuous, with
        other retention or a O(schedule) it is scheduled, with both it is both, and also where nothing at all is said.
    type: dict
    suboptions:
      default:
        description:
          - For every recovery point.
        type: str
      operational:
        description:
          - For what is backed up continuously in the storage account itself. Blobs only, at most 360 days.
        type: str
      daily:
        description:
          - For the first one of each day. Disks only.
        type: str
      weekly:
        description:
          - For the first one of each week.
        type: str
      monthly:
        description:
          - For the first one of each month. Blobs only.
        type: str
      yearly:
        description:
          - For the first one of each year. Blobs only.
        type: str
  retention_rules:
    description:
      - More retention, for recovery points that are chosen by other criteria. Blobs only; Azure takes none for disks.
      - A recovery point has to fulfil all criteria that a rule sets. The rules are compared as a whole; an empty list means none.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name, which is the tag of the recovery points that it keeps.
        type: str
        required: true
      duration:
        description:
          - How long they are kept.
        type: str
        required: true
      tagging_priority:
        description:
          - Which rule counts where a recovery point fulfils several; the lowest does. O(retention) has 10 for V(yearly), 15 for
            V(monthly), 20 for V(weekly), 25 for V(daily).
          - Without it, the rules come before these, in their own order.
        type: int
      absolute_criteria:
        description:
          - Any of C(AllBackup), C(FirstOfDay), C(FirstOfWeek), C(FirstOfMonth), C(FirstOfYear).
        type: list
        elements: str
      days_of_the_week:
        description:
          - Days of the week, such as V(Sunday).
        type: list
        elements: str
      weeks_of_the_month:
        description:
          - Any of C(First), C(Second), C(Third), C(Fourth), C(Last).
        type: list
        elements: str
      days_of_month:
        description:
          - Days of the month, 1 to 28, and V(last).
        type: list
        elements: str
      months_of_year:
        description:
          - Months, such as V(January).
        type: list
        elements: str
      schedule_times:
        description:
          - Times of day as V('13:00'), which have to be times of the schedule.
        type: list
        elements: str
  policy_type:
    description:
      - Whether a policy for virtual machines is standard (V(V1)) or enhanced (V(V2)). V(V2) where the schedule is hourly, V(V1) else.
    type: str
    choices: [V1, V2]
  instant_rp_retention_range_in_days:
    description:
      - How many days a policy for virtual machines keeps snapshots beside the vault, from which a restore is quick. V(V1) takes 1 to 5,
        and 5 only for a weekly schedule; V(V2) takes 1 to 30. It is 2 where nothing is said.
    type: int
  azure_backup_rg_name_prefix:
    description:
      - How the name of the resource group of these snapshots begins; Azure puts a number behind it.
    type: str
  azure_backup_rg_name_suffix:
    description:
      - How the name of that resource group ends.
    type: str
  on_change:
    description:
      - What to do where the existing policy of a Backup vault differs from what is asked for. A policy of a Recovery Services vault is
        changed in place.
      - V(fail) fails and shows the difference.
      - V(new_version) creates the next version (V(gold-v2), V(gold-v3) and so on), re-points all instances of the old one to it
        and deletes the old one.
    type: str
    choices: [fail, new_version]
    default: fail
  wait_timeout:
    description:
      - Seconds to wait for instances that are re-pointed.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Azure's default for disks, every 4 hours, kept for 7 days
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks
    datasource_type: azure_disk

- name: Every night, kept for two weeks, the first of each week for three months
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks-nightly
    datasource_type: azure_disk
    schedule:
      frequency: daily
      times: ['02:30']
      time_zone: W. Europe Standard Time
    retention:
      default: 14d
      weekly: 12w

- name: Keep for longer from now on; every instance gets the new version
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks-nightly
    datasource_type: azure_disk
    retention:
      default: 30d
    on_change: new_version

- name: Storage accounts, continuously for a month and every Sunday into the vault
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: blobs
    datasource_type: azure_blob
    schedule:
      frequency: weekly
      days: [Sunday]
      times: ['03:00']
    retention:
      operational: 30d
      default: 12w
      monthly: 1y
    retention_rules:
      - name: QuarterEnd
        duration: 7y
        weeks_of_the_month: [Last]
        days_of_the_week: [Sunday]
        months_of_year: [March, June, September, December]

- name: Remove a policy that nothing uses
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks-nightly
    state: absent

- name: Virtual machines, every six hours between six and midnight, with snapshots of a week for instant restore
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-rsv
    policy_name: machines
    datasource_type: azure_vm
    policy_type: V2
    schedule:
      frequency: hourly
      interval_hours: 6
      times: ['06:00']
      window_hours: 18
    retention:
      default: 30d
      monthly: 12mo
    instant_rp_retention_range_in_days: 7
"""

RETURN = r"""
policy:
  description: The policy, in the form that the options take; none after its removal.
  returned: success
  type: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault/backupPolicies/disks
    name:
      description: The name, with its version.
      type: str
      sample: disks
    datasource_type:
      description: What the policy is for; Azure's own name for a type that this collection does not support.
      type: str
      sample: azure_disk
    schedule:
      description: When it backs up; none where the readable form cannot say it.
      type: dict
      sample: {"frequency": "hourly", "interval_hours": 4, "times": ["13:00"], "time_zone": "UTC"}
    retention:
      description: How long it keeps.
      type: dict
      sample: {"default": "7d"}
    retention_rules:
      description: What it keeps by other criteria.
      type: list
      elements: dict
      sample: []
    policy_type:
      description: Whether a policy for virtual machines is standard (V1) or enhanced (V2).
      type: str
      sample: null
    instant_rp_retention_range_in_days:
      description: How many days a policy for virtual machines keeps snapshots beside the vault.
      type: int
      sample: null
    azure_backup_rg_name_prefix:
      description: How the name of the resource group of these snapshots begins.
      type: str
      sample: null
    azure_backup_rg_name_suffix:
      description: How it ends.
      type: str
      sample: null
    backup_rules:
      description: The names of the rules that an on-demand backup can name.
      type: list
      elements: str
      sample: [BackupHourly]
    retention_tags:
      description: The names of the retention rules, which an on-demand backup can be tagged with.
      type: list
      elements: str
      sample: [Default]
    is_fully_described:
      description: Whether schedule, retention and retention_rules say all that the policy does.
      type: bool
      sample: true
    recovery_points_kept:
      description: How many recovery points of each datasource there are once it has run for as long as it keeps them. Azure keeps
        450 of a disk at most.
      type: int
      sample: 42
    properties:
      description: The policy as Azure writes it, which is the C(properties) of its body.
      type: dict
      sample: {"objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.Compute/disks"], "policyRules": []}
replaced_policies:
  description: The names of the versions that the newest one replaced.
  returned: when a new version was made
  type: list
  elements: str
  sample: [disks]
repointed_instances:
  description: The names of the instances that got the new version.
  returned: when a new version was made
  type: list
  elements: str
  sample: [data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11]
error:
  description: Azure's answer or the reason, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
  returned: failure
  type: dict
  sample:
    code: PolicyInUse
    message: "policy_name: policy 'disks' is used by 2 backup instance(s)"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.module import run
from ansible_collections.holdfast.azure_backup.plugins.module_utils.policy import ensure_policy

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.wait(3600),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "policy_name": {"type": "str", "required": True},
    "datasource_type": {"type": "str"},
    "schedule": arguments.SCHEDULE,
    "retention": arguments.RETENTION,
    "retention_rules": arguments.RETENTION_RULES,
    "policy_type": {"type": "str", "choices": ["V1", "V2"]},
    "instant_rp_retention_range_in_days": {"type": "int"},
    "azure_backup_rg_name_prefix": {"type": "str"},
    "azure_backup_rg_name_suffix": {"type": "str"},
    "on_change": {"type": "str", "choices": ["fail", "new_version"], "default": "fail"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_policy, clock)


if __name__ == "__main__":
    main()
