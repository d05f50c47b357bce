#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore_drill
short_description: Prove that backups can be restored, by restoring them into a scratch resource group
version_added: 0.1.0
description:
  - Restores each datasource from its newest recovery point into a scratch resource group, checks what was restored, removes it, and
    revokes the roles that it has granted for that. The result says for each datasource whether it V(passed), how long the restore took
    and how old the recovery point was.
  - Supported are V(azure_disk), V(azure_blob), V(azure_data_lake_storage) and V(azure_vm).
  - Never restores in place, to the resource group or the network of a source, or to a target that exists. The scratch group must be used
    for drills only, see O(scratch). One drill at a time uses a scratch group; others are refused.
  - What could not be removed fails the drill, and no further datasource is restored then.
  - Before it makes anything, it writes into a journal, a blob in the container C(holdfast-drills) of the scratch account, what it is
    about to make and which roles it is about to grant. If a run dies, the next drill in the same scratch group, or O(state=absent) on any
    machine, removes what it left. What cannot be proven to be the drill's is reported as a leftover and never removed.
  - Of a virtual machine, the disks are restored and compared; O(boot) restores a whole machine into a closed network and waits for
    its agent.
  - Datasources that cannot be drilled are V(skipped) with the reason, such as a storage account that has only a continuous (operational)
    backup, whose restore would overwrite it.
  - The task is C(changed) if it restored or removed anything, although nothing of that remains.
  - The caller needs the data role Storage Blob Data Contributor on the scratch account, besides the actions that the permissions guide lists.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.drill_outcome
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.select
  - holdfast.azure_backup.vault
  - holdfast.azure_backup.wait
options:
  state:
    description:
      - V(present) drills. V(absent) removes what an earlier drill has left or kept in the scratch group, and drills nothing.
    type: str
    choices: [present, absent]
    default: present
  datasource_id:
    description:
      - The ARM ids of the datasources to drill; a single string is accepted as a list of one. Alternatively, set O(select).
    type: list
    elements: str
  datasource_type:
    description:
      - The datasource type of O(datasource_id), where a resource can be protected as several types; rarely needed.
    type: str
  max_concurrency:
    description:
      - How many datasources are drilled at the same time. The next ones begin when all of these are removed again, which bounds the cost
        of what exists at any moment.
    type: int
    default: 16
  scratch:
    description:
      - Where drills restore to. Create the resource group, the account and the network yourself, once.
    type: dict
    required: true
    suboptions:
      resource_group:
        description:
          - The scratch resource group, by name or ARM id. It may contain only the storage account, the staging identity, virtual networks and
            network security groups; anything else is refused. It must not contain the vault, a source, or snapshots of backups.
        type: str
        required: true
      storage_account_id:
        description:
          - The ARM id of a storage account in the scratch group and in the region of the vault. It holds the journal, restored containers,
            and what Azure needs meanwhile to restore a virtual machine.
        type: str
        required: true
      staging_identity:
        description:
          - The identity of the vault that accesses the account when virtual machines are restored, V(system_assigned) or the ARM id of a
            user-assigned identity. By default, the rights of the caller count.
          - A drill does not grant its roles, because Azure offers no way to wait until they take effect. Grant them beforehand with
            M(holdfast.azure_backup.backup_permission) and C(operation=restore).
        type: str
      virtual_network_id:
        description:
          - The ARM id of the virtual network for O(boot), in the scratch group. It must be closed, without peering and without a
            gateway, firewall, Bastion or Route Server subnet.
        type: str
      subnet:
        description:
          - The name of the subnet for O(boot). It may have no NAT gateway, route table or service endpoint, and needs a network security
            group that denies everything in the rule with the lowest priority number, inbound and outbound.
        type: str
  random_within:
    description:
      - Drill a random recovery point from this period before now, such as V(7d), instead of the newest one.
    type: str
  max_size:
    description:
      - Skip disks and virtual machines that are larger than this, such as V(512G). Without a unit, in bytes.
    type: bytes
  sample_containers:
    description:
      - Restore at most this number of containers of a storage account, chosen at random. At most 100, which is also the default.
    type: int
  boot:
    description:
      - Whether to restore virtual machines as whole machines and start them, instead of only their disks. Needs
        O(scratch.virtual_network_id) and O(scratch.subnet).
    type: bool
    default: false
  boot_timeout:
    description: Seconds to wait until the agent of a booted machine reports.
    type: int
    default: 1200
  rto:
    description:
      - The recovery time objective, such as V(4h). A restore that takes longer, without the removal, makes the drill V(partial).
    type: str
  rpo:
    description:
      - The recovery point objective, such as V(24h). If the newest recovery point is older, the drill is V(partial), whichever recovery point
        is drilled.
    type: str
  keep:
    description:
      - Whether to keep what was restored, for checks of your own. When they are done, remove what was restored with O(state=absent) and
        O(drill_id), which is returned as RV(drill.id).
      - The scratch group stays reserved for as long as the options of the drill allow, about ten hours with the defaults. After that, the
        next drill in the group removes what was kept.
    type: bool
    default: false
  drill_id:
    description:
      - For O(state=absent), the drill to remove, as returned in RV(drill.id) or named in the message of a refusal. Without it,
        O(state=absent) removes only what a drill could not remove itself, or what a drill left or kept whose allowed time has passed. With
        it, that drill is removed at once, even if it is still running.
    type: str
  permission_timeout:
    description:
      - Seconds to retry while the vault's identity lacks a role. New roles take up to 30 minutes to take effect.
    type: int
    default: 1800
  wait_timeout:
    description:
      - Seconds to wait for the restores that run at the same time. A restore that takes longer fails the drill, and is removed by
        the next one or by O(state=absent).
    type: int
    default: 14400
"""

EXAMPLES = r"""
- name: Prove that two disks can be restored
  holdfast.azure_backup.backup_restore_drill:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id:
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
      - "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data02"
    scratch:
      resource_group: drills-rg
      storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/drills-rg/providers/Microsoft.Storage/storageAccounts/drillaccount"
    rto: 2h
    rpo: 24h
  register: drill

- name: Drill everything with a tag, from a random recovery point of the last week
  holdfast.azure_backup.backup_restore_drill:
    resource_group: demo-rg
    vault_name: demo-vault
    select:
      tags:
        Backup: daily
    random_within: 7d
    max_size: 1T
    fail_on: partial
    scratch:
      resource_group: drills-rg
      storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/drills-rg/providers/Microsoft.Storage/storageAccounts/drillaccount"

- name: Boot a virtual machine from its backup in a closed network
  holdfast.azure_backup.backup_restore_drill:
    resource_group: demo-rg
    vault_name: demo-rsv
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
    boot: true
    scratch:
      resource_group: drills-rg
      storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/drills-rg/providers/Microsoft.Storage/storageAccounts/drillaccount"
      virtual_network_id: "/subscriptions/{{ subscription }}/resourceGroups/drills-rg/providers/Microsoft.Network/virtualNetworks/drills-vnet"
      subnet: closed

- name: Remove what a drill that was killed has left
  holdfast.azure_backup.backup_restore_drill:
    state: absent
    scratch:
      resource_group: drills-rg
      storage_account_id: "/subscriptions/{{ subscription }}/resourceGroups/drills-rg/providers/Microsoft.Storage/storageAccounts/drillaccount"
"""

RETURN = r"""
datasources:
  description: Result for each datasource, in the order of O(datasource_id); empty with O(state=absent).
  returned: unless the options are wrong
  type: list
  elements: dict
  contains:
    datasource_id:
      description: The datasource.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
    changed:
      description: Whether something was restored, although it was removed again.
      type: bool
      sample: true
    failed:
      description: Whether the outcome is one that O(fail_on) names.
      type: bool
      sample: false
    msg:
      description: What happened, in one sentence.
      type: str
      sample: "'data01' was restored and checked in 4m 52s; 4 check(s) passed"
    action:
      description: V(drill) or V(skip).
      type: str
      sample: drill
    status:
      description:
        - V(passed) if no check was partial or failed. V(partial) if a job had warnings, an objective was missed, or a check was inconclusive.
          V(failed) if the restore, a check, or the removal failed. V(skipped) if the datasource cannot be drilled. Null in check mode.
        - If the source does not exist any more, the checks that compare with it are skipped, and the status can still be V(passed).
      type: str
      sample: passed
    reason:
      description: Why the status is not V(passed).
      type: str
      sample:
    checks:
      description:
        - One result for each check, with C(name), C(status) (V(passed), V(partial), V(failed) or V(skipped)), C(msg), C(expected) and
          C(found).
        - C(job) is the restore job. Of a disk, C(exists), C(size) and C(sku) follow, of containers C(exists) and C(blobs of NAME), of a
          virtual machine C(exists), C(disk count) and C(disk sizes), and with O(boot) C(isolation) and C(boot). C(rto) and C(rpo) are the
          objectives.
      type: list
      elements: dict
      sample:
        - name: size
          status: passed
          msg: 4 GiB, same as the source
          expected: 4294967296
          found: 4294967296
    times:
      description:
        - Seconds of each phase. C(find) is the choice of the recovery point and all checks before the restore, C(grant) the granting of
          roles, for all datasources together, C(propagate) the wait until they take effect, C(validate) Azure's validation, C(queue) the
          time from the request to the start of the job, C(job) the job by Azure's clock, C(check) the checks, C(remove) the removal.
      type: dict
      sample: {find: 0.9, grant: 0.4, propagate: 61.2, validate: 11.0, queue: 2.1, job: 216.5, check: 0.4, remove: 12.8}
    rto_seconds:
      description: The measured recovery time, which is the sum of all phases but C(remove). Null unless the restore was checked.
      type: float
      sample: 292.5
    recovery_point:
      description: The recovery point that was restored.
      type: dict
      sample:
        name: 9db34ab2e18f4b268a0ac740ef8fa6bd
        time: '2026-11-04T08:55:40Z'
    recovery_point_age_seconds:
      description: The age of the recovery point when the drill began.
      type: int
      sample: 10920
    instance:
      description: The backup instance of the datasource.
      type: dict
      sample:
        name: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
        state: protection_configured
    job:
      description: The restore job.
      type: dict
      sample:
        name: 6e24aef9-5b8b-4df5-8d9b-9075abb77300
        status: completed
    target:
      description: Where the datasource was restored to, as in M(holdfast.azure_backup.backup_restore).
      type: dict
      sample:
        id: /subscriptions/0000.../resourceGroups/drills-rg/providers/Microsoft.Compute/disks/drill-1f0c9a3e-1-data01
        location: westeurope
        containers: []
    restored_ids:
      description: With O(keep), the ARM ids of what was restored and is still there.
      type: list
      elements: str
      sample: []
    leftovers:
      description: What was restored and could not be removed, with C(id) and C(reason).
      type: list
      elements: dict
      sample: []
    error:
      description: Azure's error, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
      type: dict
      sample: null
drill:
  description:
    - The drill as a whole. Null if there was nothing to do.
  returned: unless the options are wrong
  type: dict
  contains:
    id:
      description: The id of the drill.
      type: str
      sample: 1f0c9a3e-6f0f-4f54-9d0f-0d5e5b5a6c11
    started:
      description: When it began.
      type: str
      sample: '2026-11-04T11:57:40Z'
    ended:
      description: When it ended.
      type: str
      sample: '2026-11-04T12:03:02Z'
    vault_id:
      description: The vault.
      type: str
      sample: /subscriptions/0000.../backupVaults/demo-vault
    scratch_resource_group_id:
      description: The scratch group.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/drills-rg
    is_kept:
      description: Whether what was restored is still there, because of O(keep).
      type: bool
      sample: false
    counts:
      description: How many datasources have each status.
      type: dict
      sample: {passed: 2, partial: 0, failed: 0, skipped: 1}
    granted_roles:
      description: The roles that the drill granted, and revoked at its end.
      type: list
      elements: str
      sample: ["Disk Restore Operator on /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/drills-rg"]
    leftovers:
      description:
        - What is in the scratch group and was not there before, with C(id) and C(reason). The drill did not make it or could not remove it.
      type: list
      elements: dict
      sample: []
    swept:
      description:
        - What was removed of an earlier drill, with its C(drill_id), the ids of all that was C(removed), and its C(leftovers). Null if there
          was nothing.
      type: dict
      sample:
msg:
  description: How many datasources have which status, or the first failure.
  returned: unless the options are wrong
  type: str
  sample: "drilled 3 datasource(s): 2 passed, 1 skipped"
selection:
  description:
    - What O(select) found. C(count) is the number of selected datasources, C(exempt) lists those that O(select.exempt_tag) leaves out, with
      their C(reason), C(unreadable) what the caller cannot see or what does not exist any more, and C(reason) says why nothing was selected.
  returned: if O(select) is set
  type: dict
  sample:
    count: 12
    exempt: []
    unreadable: []
    reason:
error:
  description: The first failure.
  returned: failure
  type: dict
  sample:
    code: DrillFailed
    message: "'data01' failed: size: 2 GiB, but the source has 4 GiB; the restore is not complete, or the source was changed since the backup"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_restore_drill import ensure_drill
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.DRILL_OUTCOME,
    **arguments.VAULT,
    **arguments.DATASOURCES,
    **arguments.PROGRESS,
    **arguments.wait(14400),
    **arguments.SELECT,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "scratch": {
        "type": "dict",
        "required": True,
        "options": {
            "resource_group": {"type": "str", "required": True},
            "storage_account_id": {"type": "str", "required": True},
            "staging_identity": {"type": "str"},
            "virtual_network_id": {"type": "str"},
            "subnet": {"type": "str"},
        },
    },
    "random_within": {"type": "str"},
    "max_size": {"type": "bytes"},
    "sample_containers": {"type": "int"},
    "boot": {"type": "bool", "default": False},
    "boot_timeout": {"type": "int", "default": 1200},
    "rto": {"type": "str"},
    "rpo": {"type": "str"},
    "keep": {"type": "bool", "default": False},
    "drill_id": {"type": "str"},
    "permission_timeout": {"type": "int", "default": 1800},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(
        ARGUMENTS,
        ensure_drill,
        clock,
        mutually_exclusive=[("datasource_id", "select")],
        required_if=[("state", "present", ("datasource_id", "select"), True)],
    )


if __name__ == "__main__":
    main()
