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
  - Creates or changes a policy that backs up by O(schedule) and keeps recovery points by O(retention), both in readable form.
  - Options that are not set use Azure's default for the datasource type. For disks that is every 4 hours, kept for 7 days; for
    blobs every day, kept for 7 days in the vault, and continuously, kept for 30 days in the storage account.
  - Azure cannot change a policy of a Backup vault. If it differs from the requested one, the module fails and shows the
    difference, or creates a new version, see O(on_change).
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
      - V(absent) deletes the policy with all its versions. It fails while backup instances use one of them, and lists them.
    type: str
    choices: [present, absent]
    default: present
  policy_name:
    description:
      - The name. A new policy's name has 3 to 150 letters, digits and hyphens; in a Recovery Services vault it must start with
        a letter and may also contain V(_) and V(!). Existing policies with other names can be used.
      - In a Backup vault it selects the highest version of that name, such as V(gold-v2) if V(gold) and V(gold-v2) exist.
    type: str
    required: true
  datasource_type:
    description:
      - The datasource type of the policy, V(azure_disk), V(azure_blob), V(azure_data_lake_storage) or V(azure_vm). Required with O(state=present).
    type: str
  schedule:
    description:
      - When to back up. Only the suboptions that are set are compared with an existing policy.
    type: dict
    suboptions:
      frequency:
        description:
          - How often to back up. Disks support V(hourly) and V(daily), blobs V(daily) and V(weekly), virtual machines all.
        type: str
        choices: [hourly, daily, weekly]
      interval_hours:
        description:
          - Hours between backups of an hourly schedule. Disks support 1, 2, 4, 6, 8 and 12, virtual machines 4, 6, 8 and 12.
        type: int
      window_hours:
        description:
          - For virtual machines, the daily window of an hourly schedule in hours, starting at its time. The default is 12.
        type: int
      times:
        description:
          - Times of day such as V('13:00'), in quotes. An hourly schedule has exactly one, at which its intervals begin.
        type: list
        elements: str
      days:
        description:
          - Days of the week of a weekly schedule.
        type: list
        elements: str
      time_zone:
        description:
          - The Windows name of the time zone that the times are in, such as V(W. Europe Standard Time). The default is V(UTC).
        type: str
  retention:
    description:
      - How long recovery points are kept, such as V(7d), V(4w), V(6mo), V(1y) or V(P7D). Only the suboptions that are set are
        compared.
      - A policy for blobs enables the backup types that its options imply. O(retention.operational) alone means continuous
        backup, other retention or a O(schedule) means scheduled backup, and both together or none at all mean both.
    type: dict
    suboptions:
      default:
        description:
          - Retention of every recovery point that no other retention or rule keeps.
        type: str
      operational:
        description:
          - Retention of continuous backup in the storage account itself. Blobs only, at most 360 days.
        type: str
      daily:
        description:
          - Retention of the first recovery point of each day. Disks only.
        type: str
      weekly:
        description:
          - Retention of the first recovery point of each week.
        type: str
      monthly:
        description:
          - Retention of the first recovery point of each month. Blobs and virtual machines only.
        type: str
      yearly:
        description:
          - Retention of the first recovery point of each year. Blobs and virtual machines only.
        type: str
  retention_rules:
    description:
      - More retention rules, for recovery points selected by other criteria. Blobs and virtual machines only. For virtual
        machines the rules are named V(weekly), V(monthly) and V(yearly).
      - A recovery point must match all criteria of a rule. The rules are compared as a whole; an empty list means none.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - The name, which is also the tag of the recovery points that the rule keeps.
        type: str
        required: true
      duration:
        description:
          - How long the rule keeps recovery points.
        type: str
        required: true
      tagging_priority:
        description:
          - If a recovery point matches several rules, the rule with the lowest value applies. O(retention) uses 10 for
            V(yearly), 15 for V(monthly), 20 for V(weekly), 25 for V(daily). Blobs only.
          - If not set, the rules precede these, in the order in which they are listed.
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
          - Times of day such as V('13:00'), which must be times of the schedule.
        type: list
        elements: str
  policy_type:
    description:
      - Whether a policy for virtual machines is standard (V(V1)) or enhanced (V(V2)). The default is V(V2) for
        an hourly schedule and V(V1) otherwise.
    type: str
    choices: [V1, V2]
  instant_rp_retention_range_in_days:
    description:
      - How many days a policy for virtual machines keeps snapshots for instant restore. V(V1) supports 1 to 5, and only 5 with
        a weekly schedule; V(V2) supports 1 to 30. The default is 2.
    type: int
  azure_backup_rg_name_prefix:
    description:
      - Prefix of the name of the resource group of these snapshots; Azure appends a number.
    type: str
  azure_backup_rg_name_suffix:
    description:
      - Suffix of the name of that resource group.
    type: str
  on_change:
    description:
      - What to do if an existing policy of a Backup vault differs from the requested one. A policy of a Recovery Services vault
        is changed in place.
      - V(fail) fails and shows the difference.
      - V(new_version) creates the next version (V(gold-v2), V(gold-v3) and so on), moves all backup instances of the old
        version to it and deletes the old one.
    type: str
    choices: [fail, new_version]
    default: fail
  wait_timeout:
    description:
      - Seconds to wait for each backup instance that moves to a new version.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Create a policy with Azure's default for disks, every 4 hours, kept for 7 days
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks
    datasource_type: azure_disk

- name: Back up every night, keep two weeks and the first backup of each week for three months
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

- name: Extend the retention and move every backup instance to the new version
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks-nightly
    datasource_type: azure_disk
    retention:
      default: 30d
    on_change: new_version

- name: Back up storage accounts continuously for a month and every Sunday into the vault
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

- name: Delete a policy that no backup instance uses
  holdfast.azure_backup.backup_policy:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks-nightly
    state: absent

- name: Back up virtual machines every six hours from six to midnight, with a week of instant restore snapshots
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
action:
  description: What was done or, in check mode, would be done (V(create), V(change), V(delete) or V(none)).
  returned: success
  type: str
  sample: create
policy:
  description: The policy, in the form of the options; null after it is deleted.
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
      description: The datasource type; Azure's own name for a type that this collection does not support.
      type: str
      sample: azure_disk
    schedule:
      description: When the policy backs up; null if the readable form cannot express it.
      type: dict
      sample: {"frequency": "hourly", "interval_hours": 4, "times": ["13:00"], "time_zone": "UTC"}
    retention:
      description: How long the policy keeps recovery points.
      type: dict
      sample: {"default": "7d"}
    retention_rules:
      description: The retention rules with other criteria.
      type: list
      elements: dict
      sample: []
    policy_type:
      description: Whether a policy for virtual machines is standard (V1) or enhanced (V2).
      type: str
      sample: null
    instant_rp_retention_range_in_days:
      description: How many days a policy for virtual machines keeps snapshots for instant restore.
      type: int
      sample: null
    azure_backup_rg_name_prefix:
      description: Prefix of the name of the resource group of these snapshots.
      type: str
      sample: null
    azure_backup_rg_name_suffix:
      description: Suffix of that name.
      type: str
      sample: null
    backup_rules:
      description: The names of the backup rules that an on-demand backup can use.
      type: list
      elements: str
      sample: [BackupHourly]
    retention_tags:
      description: The names of the retention rules that an on-demand backup can use.
      type: list
      elements: str
      sample: [Default]
    is_fully_described:
      description: Whether schedule, retention and retention_rules describe the policy completely.
      type: bool
      sample: true
    recovery_points_kept:
      description: How many recovery points of each datasource exist once the policy has run for its longest retention. Azure
        keeps at most 450 of a disk.
      type: int
      sample: 42
    properties:
      description: The policy as Azure returns it, the C(properties) of its body.
      type: dict
      sample: {"objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.Compute/disks"], "policyRules": []}
preview:
  description: What the policy would do, and what a change of it would gain and lose.
  returned: in check mode, if the policy would be created or changed
  type: dict
  contains:
    time_zone:
      description: The time zone of the schedule.
      type: str
      sample: W. Europe Standard Time
    next_runs:
      description: The next times at which it would back up, as clocks in that time zone show them without daylight saving time.
      type: list
      elements: str
      sample: ['2026-11-27T22:30', '2026-11-28T22:30']
    recovery_points_kept:
      description: How many recovery points of each datasource exist in the end, C(before) and C(after) the change.
      type: dict
      sample: {"before": 30, "after": 42}
    backups_a_week:
      description: How many scheduled backups of each datasource there are in a week, C(before) and C(after) the change.
      type: dict
      sample: {"before": 7, "after": 7}
    datasources:
      description: How many datasources the change concerns.
      type: int
      sample: 12
    gains:
      description: What becomes more.
      type: list
      elements: str
      sample: ['retention.weekly: none becomes P12W']
    loses:
      description: What becomes less.
      type: list
      elements: str
      sample: ['retention.default: P30D becomes P14D']
replaced_policies:
  description: The names of the policy versions that the newest one replaced.
  returned: when a new version was created
  type: list
  elements: str
  sample: [disks]
repointed_instances:
  description: The names of the backup instances that moved to the new version.
  returned: when a new version was created
  type: list
  elements: str
  sample: [data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11]
error:
  description: Azure's error or the reason, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_policy import ensure_policy
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

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
