#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_unselected
short_description: Report, suspend or stop backups of datasources that are no longer selected
version_added: 0.1.0
description:
  - Finds the datasources that a vault protects by a policy and that neither O(selections) nor O(datasource_id) select any more, for
    example because a tag was removed or the resource was deleted. By default, it only reports them.
  - With O(action=suspend) or O(action=stop), it also ends their backups. It never deletes recovery points.
  - Before it ends anything, it reads each of these resources itself, because Azure Resource Graph may be some minutes late. It
    changes nothing and fails, with the list, if a selection matches nothing, if a resource or subscription cannot be read, or if more
    datasources than O(max_unselected) are concerned. So a mistyped tag does not end backups.
  - Protection by other policies of the vault, and in other vaults, is not touched.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.vault
  - holdfast.azure_backup.wait
options:
  policy_name:
    description:
      - The policy, in all its versions. Only protection by it is looked at.
    type: str
    required: true
  selections:
    description:
      - What is to be protected by this policy; a datasource that one of them selects is left alone. Each has the keys of
        O(holdfast.azure_backup.backup_instance#module:select). O(selections[].policy_names) is not supported.
    type: list
    elements: dict
    suboptions:
      subscription_ids:
        description: Datasources in these subscriptions. The default is the subscription of the connection.
        type: list
        elements: str
      datasource_types:
        description: Datasources of these types.
        type: list
        elements: str
      resource_groups:
        description: Datasources in these resource groups.
        type: list
        elements: str
      locations:
        description: Datasources in these regions.
        type: list
        elements: str
      names:
        description: Datasources with these names.
        type: list
        elements: str
      policy_names:
        description: Not supported here.
        type: list
        elements: str
      tags:
        description: Datasources with these tags.
        type: dict
      exclude:
        description: Except datasources that meet any of these criteria.
        type: dict
        suboptions:
          subscription_ids:
            description: Not in these subscriptions.
            type: list
            elements: str
          datasource_types:
            description: Not of these types.
            type: list
            elements: str
          resource_groups:
            description: Not in these resource groups.
            type: list
            elements: str
          locations:
            description: Not in these regions.
            type: list
            elements: str
          names:
            description: Not with these names.
            type: list
            elements: str
          policy_names:
            description: Not supported here.
            type: list
            elements: str
          tags:
            description: Without any of these tags.
            type: dict
      exempt_tag:
        description: Except resources with this tag.
        type: str
      require_match:
        description: Whether it is an error if nothing is selected.
        type: bool
        default: false
  datasource_id:
    description:
      - The ARM ids of more datasources that are to be protected by this policy and are left alone.
    type: list
    elements: str
  action:
    description:
      - What to do with what is not selected. V(suspend) creates no new recovery points and lets existing ones expire by the policy, V(stop)
        creates no new ones and keeps all existing ones.
    type: str
    choices: [report, suspend, stop]
    default: report
  max_unselected:
    description:
      - How many datasources O(action=suspend) and O(action=stop) may concern. If there are more, nothing is changed and the task fails.
    type: int
    default: 0
  max_concurrency:
    description:
      - How many requests run at the same time.
    type: int
    default: 16
  wait_timeout:
    description:
      - Seconds to wait for the state of each datasource.
    type: int
    default: 3600
"""

EXAMPLES = r"""
- name: Report the disks that the policy protects and that are not tagged for it any more
  holdfast.azure_backup.backup_unselected:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks
    selections:
      - datasource_types: [azure_disk]
        tags:
          Backup: daily
  register: unselected

- name: Stop their backups, if it is one disk at most, and keep all recovery points
  holdfast.azure_backup.backup_unselected:
    resource_group: demo-rg
    vault_name: demo-vault
    policy_name: disks
    selections:
      - datasource_types: [azure_disk]
        tags:
          Backup: daily
    action: stop
    max_unselected: 1
"""

RETURN = r"""
datasources:
  description: Result for each datasource that is protected by the policy and not selected, by the order of their ids.
  returned: unless the options are wrong
  type: list
  elements: dict
  contains:
    datasource_id:
      description: The datasource.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01
    changed:
      description: Whether its protection was changed.
      type: bool
      sample: false
    failed:
      description: Whether that failed.
      type: bool
      sample: false
    msg:
      description: What was found or done, in one sentence.
      type: str
      sample: "'data01' is protected by policy 'disks', and nothing selects it"
    action:
      description: V(report), V(suspend), V(stop) or V(failed).
      type: str
      sample: report
    instance:
      description: The backup instance, as M(holdfast.azure_backup.backup_instance_info) returns it.
      type: dict
      sample:
        name: data01-data01-5e1ad6e4-2c29-5c3f-8f0c-6f8f7a9c1d11
        policy_name: disks
        state: protection_configured
    error:
      description: Azure's error, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
      type: dict
      sample: null
selection:
  description:
    - C(count) is the number of datasources that are selected, C(exempt) lists those that O(selections[].exempt_tag) leaves out, and
      C(unreadable) the subscriptions that the caller cannot see.
  returned: unless the options are wrong
  type: dict
  sample:
    count: 12
    exempt: []
    unreadable: []
error:
  description: Why nothing was changed, or the first failure.
  returned: failure
  type: dict
  sample:
    code: UnselectedRefused
    message: >-
      nothing was changed. selections[0]: it matches nothing, which is more likely a mistake than the end of all backups; correct or
      remove it
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_unselected import ensure_unselected
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.PROGRESS,
    **arguments.wait(3600),
    "policy_name": {"type": "str", "required": True},
    "selections": {"type": "list", "elements": "dict", "options": arguments.SELECT["select"]["options"]},
    "datasource_id": {"type": "list", "elements": "str"},
    "action": {"type": "str", "choices": ["report", "suspend", "stop"], "default": "report"},
    "max_unselected": {"type": "int", "default": 0},
    "max_concurrency": {"type": "int", "default": 16},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_unselected, clock)


if __name__ == "__main__":
    main()
