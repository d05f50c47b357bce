#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_coverage_info
short_description: Report which resources are covered by backups, and which are not
version_added: 0.1.0
description:
  - Gives a verdict for each resource that could be protected, totals, and the settings of the vaults, in one dictionary. The role
    P(holdfast.azure_backup.report#role) makes a report of it.
  - V(covered) means that the resource is protected, its last backup did not fail, and its newest recovery point is not older than its
    recovery point objective. V(stale) means that the newest recovery point is older, or that there is none. V(failing) means that the last
    backup failed, or that the protection is in an error state. V(suspended), V(stopped) and V(soft_deleted) are the states of a protection
    that was ended. V(unprotected) means that no vault protects the resource, V(exempt) that a tag exempts it (O(select.exempt_tag)).
  - V(unknown) means that something that decides the verdict could not be read. It never counts as covered.
  - The compliance is the number of V(covered) resources in percent of all resources that are not V(exempt), rounded down to a tenth.
  - The objective is the value of the tag O(rpo_tag), else that of O(rpo_by_type), else O(rpo), else the longest pause in the schedule of the
    policy times O(rpo_margin). A continuous backup without an objective is judged as if it were daily.
  - It asks Azure Resource Graph, so that the number of requests grows with the pages of the answers, not with the resources. Resource Graph
    keeps backup jobs for 14 days. If an objective is longer, and for continuous backups, the vault itself is asked for each backup
    instance, at most O(max_point_reads) times. Backup vaults are asked one by one for soft-deleted backups if anything is unprotected, and
    Recovery Services vaults for their settings. RV(coverage.reads) counts these requests.
  - The roles C(Reader) or C(Backup Reader) on the subscriptions are enough, except that continuous backups need the action
    C(Microsoft.DataProtection/backupVaults/backupInstances/findRestorableTimeRanges/action) as well; without it, they are V(unknown). What
    the caller cannot see is in RV(coverage.unreadable).
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes.info
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.select
options:
  rpo:
    description:
      - How old the newest recovery point may be, such as V(24h). By default, the policy says it, see O(rpo_margin).
    type: str
  rpo_by_type:
    description:
      - >-
        The same for single datasource types, a dictionary such as C({azure_disk: 8h}).
    type: dict
  rpo_tag:
    description:
      - The name of a tag of the resources whose value is the objective, such as V(24h). A value that is not a duration makes the verdict
        V(unknown).
    type: str
  rpo_margin:
    description:
      - The factor by which the longest pause in the schedule of a policy is multiplied, because a backup takes some time.
    type: float
    default: 1.5
  controls:
    description:
      - What the vaults have to be like. A control that is not set is not checked. A value that Azure does not report is V(unknown), which
        does not pass.
    type: dict
    suboptions: &controls
      soft_delete:
        description: At least this state of soft delete.
        type: str
        choices: ['on', always_on]
      soft_delete_retention_in_days:
        description: At least this number of days.
        type: float
      immutability:
        description: At least this state of immutability.
        type: str
        choices: [unlocked, locked]
      redundancy:
        description: One of these redundancies, such as V(GeoRedundant).
        type: list
        elements: str
      resource_guard:
        description: Whether a resource guard protects the vault.
        type: bool
      cross_region_restore:
        description: Whether cross-region restore is enabled.
        type: bool
      alerts_for_all_job_failures:
        description: Whether Azure Monitor alerts for failed jobs are enabled.
        type: bool
      identity:
        description: Whether the vault has a managed identity.
        type: bool
      public_network_access:
        description: Whether access from public networks is enabled. Only Recovery Services vaults have it.
        type: bool
  protect_groups:
    description:
      - How resources are to be protected, as in the groups of the role P(holdfast.azure_backup.protect#role). RV(coverage.drift) tells what
        differs. Only resources that O(select) takes are looked at.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the group, for the result.
        type: str
      resource_group:
        description: The resource group of the vault.
        type: str
        required: true
      vault_name:
        description: The vault.
        type: str
        required: true
      policy_name:
        description: The policy, in any of its versions.
        type: str
        required: true
      datasource_id:
        description: The ARM ids of the resources. Set this or O(protect_groups[].select).
        type: list
        elements: str
      select:
        description: The resources, with the keys of O(select).
        type: dict
      controls:
        description: What the vault has to be like, with the keys of O(controls).
        type: dict
        suboptions: *controls
  max_point_reads:
    description:
      - For how many backup instances at most a vault is asked for recovery points. The others become V(unknown).
    type: int
    default: 500
  max_resources:
    description:
      - How many resources at most RV(coverage.resources) lists, those first that need attention. All are counted in the totals.
    type: int
    default: 20000
  drill_reports:
    description:
      - Reports of the role P(holdfast.azure_backup.restore_drill#role), as its JSON files contain them, for RV(coverage.resources[].last_drill).
    type: list
    elements: dict
seealso:
  - plugin: holdfast.azure_backup.datasources
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Report the coverage of all resources in the subscription of the connection
  holdfast.azure_backup.backup_coverage_info:
  register: estate

- name: Report production resources in all subscriptions against objectives, and the vaults against a standard
  holdfast.azure_backup.backup_coverage_info:
    select:
      subscription_ids: [all]
      tags:
        Environment: production
      exempt_tag: BackupExempt
    rpo: 24h
    rpo_tag: Rpo
    controls:
      soft_delete: 'on'
      immutability: unlocked
      redundancy: [GeoRedundant, ZoneRedundant]
  register: estate

- name: Show what is not covered
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.verdict }}, {{ item.reason }}"
  loop: "{{ estate.coverage.resources | rejectattr('verdict', 'in', ['covered', 'exempt']) }}"
  loop_control:
    label: "{{ item.datasource_id }}"
"""

RETURN = r"""
coverage:
  description: The coverage.
  returned: success
  type: dict
  contains:
    schema_version:
      description: The version of this form.
      type: int
      sample: 1
    taken_at:
      description: When it was read, by the clock of Azure.
      type: str
      sample: '2026-11-04T12:03:02Z'
    subscription_ids:
      description: The subscriptions that were searched, or V(all).
      type: list
      elements: str
      sample: [00000000-0000-0000-0000-000000000000]
    count:
      description: How many resources there are.
      type: int
      sample: 3
    verdicts:
      description: How many resources have each verdict.
      type: dict
      sample: {covered: 1, exempt: 1, unknown: 0, suspended: 0, stopped: 0, soft_deleted: 0, stale: 0, failing: 0, unprotected: 1}
    compliance_percent:
      description: The covered resources in percent of all that are not exempt. Null if there are none.
      type: float
      sample: 50.0
    by_type:
      description:
        - For each datasource type, its C(name), C(count), C(verdicts) and C(compliance_percent). C(by_subscription), C(by_vault) (by the ARM
          id) and C(by_policy) have the same form; there the name null stands for what is not protected.
      type: list
      elements: dict
      sample:
        - name: azure_disk
          count: 3
          verdicts: {covered: 1, exempt: 1, unknown: 0, suspended: 0, stopped: 0, soft_deleted: 0, stale: 0, failing: 0, unprotected: 1}
          compliance_percent: 50.0
    by_subscription:
      description: The same for each subscription.
      type: list
      elements: dict
      sample: []
    by_vault:
      description: The same for each vault.
      type: list
      elements: dict
      sample: []
    by_policy:
      description: The same for each policy.
      type: list
      elements: dict
      sample: []
    resources_left_out:
      description: How many resources are not listed, because of O(max_resources).
      type: int
      sample: 0
    resources:
      description: The resources that could be protected, by their ARM ids.
      type: list
      elements: dict
      contains:
        datasource_id:
          description: The ARM id.
          type: str
          sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
        name:
          description: The name.
          type: str
          sample: data01
        datasource_type:
          description: The datasource type.
          type: str
          sample: azure_disk
        subscription_id:
          description: The subscription.
          type: str
          sample: 00000000-0000-0000-0000-000000000000
        resource_group:
          description: The resource group.
          type: str
          sample: demo-rg
        location:
          description: The region.
          type: str
          sample: westeurope
        tags:
          description: The tags.
          type: dict
          sample: {Environment: production}
        verdict:
          description: The verdict.
          type: str
          sample: covered
        reason:
          description: The reason of the verdict, in one sentence; for V(exempt), the value of the tag.
          type: str
          sample: its newest recovery point is 3h 2m 5s old
        vault_id:
          description: The vault that protects it, or that holds its deleted backups.
          type: str
          sample: /subscriptions/0000.../backupVaults/demo-vault
        vault_name:
          description: The name of the vault.
          type: str
          sample: demo-vault
        policy_name:
          description: The policy.
          type: str
          sample: disks
        state:
          description: The state of the backup instance.
          type: str
          sample: protection_configured
        recovery_point_time:
          description:
            - The time of the newest recovery point; of Backup vaults, when the last successful backup started, and of continuous backups the
              latest time to which they can be restored.
          type: str
          sample: '2026-11-04T09:00:57Z'
        recovery_point_age_seconds:
          description: Its age.
          type: int
          sample: 10925
        rpo_seconds:
          description: How old the newest recovery point may be.
          type: float
          sample: 21600.0
        rpo_source:
          description: What says so, V(tag), V(type), V(option) or V(policy).
          type: str
          sample: policy
        retention:
          description: The retention of the policy, as in M(holdfast.azure_backup.backup_policy_info).
          type: dict
          sample: {default: 7d}
        last_job:
          description:
            - The last backup that has ended, with C(id), C(name), C(status), C(start_time), C(end_time), C(error_code), C(message) and
              C(recommended_action). What Azure does not list is null.
          type: dict
          sample:
        failures_in_a_row:
          description: How many backups failed since the last that succeeded. Null if none failed or if Azure does not list them.
          type: int
          sample:
        last_drill:
          description: The last restore drill in O(drill_reports), with C(time), C(status) and C(rto_seconds).
          type: dict
          sample: {time: '2026-11-01T06:00:00Z', status: passed, rto_seconds: 292.5}
    vaults:
      description:
        - The vaults in the subscriptions, with their settings, the number of their backup C(instances), the results of O(controls)
          (C(name), C(status), which is V(passed), V(failed) or V(unknown), C(expected) and C(found)), and C(is_compliant), which is null
          without controls.
      type: list
      elements: dict
      sample:
        - id: /subscriptions/0000.../backupVaults/demo-vault
          name: demo-vault
          vault_type: backup
          instances: 2
          controls: [{name: soft_delete, status: passed, expected: 'on', found: 'On'}]
          is_compliant: true
    drift:
      description:
        - What differs from O(protect_groups), with C(group), C(datasource_id), C(vault_id), C(kind), C(expected), C(found) and C(msg).
        - C(kind) is C(protection) for a resource that is not protected or not any more, C(vault) and C(policy) for one that another vault or
          policy protects, C(role) for a role that the identity of the vault lacks, C(setting) for a setting of the vault, and
          C(vault_missing) for a vault that does not exist.
      type: list
      elements: dict
      sample: []
    failures:
      description:
        - The last failed backups of Backup vaults by their C(error_code), the most frequent first, with C(count), C(message),
          C(recommended_action) and some C(datasource_ids).
      type: list
      elements: dict
      sample: []
    orphans:
      description:
        - Backup instances whose resource does not exist any more or cannot be read. They are not listed if O(select) asks for tags or
          locations.
      type: list
      elements: dict
      sample: []
    unreadable:
      description: What could not be read, with C(what) and C(reason).
      type: list
      elements: dict
      sample: []
    reads:
      description: How many requests went to single vaults, for C(recovery_points) and for C(vaults).
      type: dict
      sample: {recovery_points: 0, vaults: 1}
msg:
  description: The totals, in one sentence.
  returned: always
  type: str
  sample: "3 resource(s): 1 covered, 1 exempt, 1 unprotected; 50.0 % are covered"
error:
  description: The error.
  returned: failure
  type: dict
  sample:
    code: Denied
    message: The caller lacks a permission.
    status: 403
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_coverage_info import read_coverage
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

_CONTROLS = {
    "type": "dict",
    "options": {
        "soft_delete": {"type": "str", "choices": ["on", "always_on"]},
        "soft_delete_retention_in_days": {"type": "float"},
        "immutability": {"type": "str", "choices": ["unlocked", "locked"]},
        "redundancy": {"type": "list", "elements": "str"},
        "resource_guard": {"type": "bool"},
        "cross_region_restore": {"type": "bool"},
        "alerts_for_all_job_failures": {"type": "bool"},
        "identity": {"type": "bool"},
        "public_network_access": {"type": "bool"},
    },
}
ARGUMENTS = {
    **arguments.SELECT,
    "rpo": {"type": "str"},
    "rpo_by_type": {"type": "dict"},
    "rpo_tag": {"type": "str"},
    "rpo_margin": {"type": "float", "default": 1.5},
    "controls": _CONTROLS,
    "protect_groups": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str"},
            "resource_group": {"type": "str", "required": True},
            "vault_name": {"type": "str", "required": True},
            "policy_name": {"type": "str", "required": True},
            "datasource_id": {"type": "list", "elements": "str"},
            "select": {"type": "dict"},
            "controls": _CONTROLS,
        },
    },
    "max_point_reads": {"type": "int", "default": 500},
    "max_resources": {"type": "int", "default": 20000},
    "drill_reports": {"type": "list", "elements": "dict"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, read_coverage, clock)


if __name__ == "__main__":
    main()
