#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_recovery_point_info
short_description: Read recovery points
version_added: 0.1.0
description:
  - Reads the recovery points of datasources of a vault, newest first. Without O(datasource_id) and O(instance_name) it reads
    those of all protected datasources of the vault.
  - The list is empty if nothing matches or the vault does not protect the datasource. A vault that does not exist is an
    error, unless O(missing_ok) is set.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes.info
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.datasources
  - holdfast.azure_backup.missing_ok
  - holdfast.azure_backup.vault
options:
  instance_name:
    description:
      - Only recovery points of the backup instance with this name.
    type: str
  recovery_point_id:
    description:
      - Only this recovery point, by name or ARM id.
    type: str
  restorable_time_ranges:
    description:
      - Also read the restorable time ranges of datasources with continuous backup, which has no recovery points.
    type: bool
    default: false
  start_time:
    description:
      - Only recovery points from this time on, in ISO 8601 such as V(2026-11-04T08:00:00Z), or a duration before now such as
        V(24h), by the clock of the machine that runs the task.
    type: str
  end_time:
    description:
      - Only recovery points before this time, in the same formats.
    type: str
"""

EXAMPLES = r"""
- name: Read the recovery points of a disk
  holdfast.azure_backup.backup_recovery_point_info:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
  register: points

- name: Read the times to which a storage account can be restored
  holdfast.azure_backup.backup_recovery_point_info:
    resource_group: demo-rg
    vault_name: demo-vault
    datasource_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.Storage/storageAccounts/demoaccount"
    restorable_time_ranges: true

- name: Fail if the newest recovery point is older than a day
  ansible.builtin.assert:
    that: points.recovery_points | selectattr('time', '>', limit) | length > 0
  vars:
    limit: "{{ '%Y-%m-%dT%H:%M:%SZ' | strftime(now(utc=true).timestamp() - 86400, utc=true) }}"
"""

RETURN = r"""
recovery_points:
  description: The recovery points, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/0000.../recoveryPoints/9db34ab2e18f4b268a0ac740ef8fa6bd
    name:
      description: The name, which a restore requires.
      type: str
      sample: 9db34ab2e18f4b268a0ac740ef8fa6bd
    datasource_id:
      description: The datasource of the recovery point.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
    instance_name:
      description: The backup instance of the recovery point.
      type: str
      sample: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
    time:
      description: The time of its data, in UTC.
      type: str
      sample: '2026-11-04T08:55:40Z'
    type:
      description: V(full) or V(incremental).
      type: str
      sample: incremental
    consistency:
      description: The consistency; null in Backup vaults.
      type: str
      sample: null
    tier:
      description: The store that contains the recovery point; of several the one that keeps it longest.
      type: str
      sample: operational_store
    tiers:
      description:
        - Every store that contains the recovery point. Of a virtual machine, V(operational_store) is the snapshot beside the machine,
          from which a restore takes about a minute; from V(vault_store) alone, all data is copied first.
      type: list
      elements: str
      sample: [operational_store]
    expiry:
      description: When its retention ends, in UTC.
      type: str
      sample: '2026-11-11T08:55:40Z'
    machine:
      description:
        - Of a virtual machine, what decides how it can be restored. C(has_snapshot) tells whether a restore can use the snapshot, C(zones)
          and C(has_private_disks) whether it needs C(target.zone) or C(target.disk_network_access) of
          M(holdfast.azure_backup.backup_restore). C(disks) lists the disks if some of the machine's disks are left out, and only for a
          single recovery point.
      type: dict
      sample: null
restorable_time_ranges:
  description: Time ranges within which every moment can be restored, each with C(datasource_id), C(instance_name),
    C(start_time) and C(end_time); empty if O(restorable_time_ranges) is not set.
  returned: success
  type: list
  elements: dict
  sample: []
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_recovery_point_info import read_recovery_points
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.MISSING_OK,
    **arguments.DATASOURCES,
    "instance_name": {"type": "str"},
    "recovery_point_id": {"type": "str"},
    "restorable_time_ranges": {"type": "bool", "default": False},
    "start_time": {"type": "str"},
    "end_time": {"type": "str"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, read_recovery_points, clock)


if __name__ == "__main__":
    main()
