#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stackhub_backup
short_description: Back the infrastructure of an Azure Stack Hub up, and wait until the backup is really done
version_added: 0.1.0
description:
  - Starts an infrastructure backup of a region and follows it to its true end. Azure Stack Hub calls a backup succeeded ten to
    fifteen minutes before it is over, so the end is where the operation has its result, the backup says that it succeeded, all of it
    is uploaded as far as the stamp tells that, and the list of backups shows it.
  - Only one backup runs at a time. The one that runs is joined; a run that was killed while it waited is simply run again.
  - The request that starts a backup is never sent twice. Where its fate is not known, the module looks for the backup, and fails
    rather than risk a second one.
  - Fails when Azure Stack Hub says that the backup failed, and names the roles that did. Warns where it succeeded in part.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.stackhub
  - holdfast.azure_backup.wait
options:
  max_age:
    description:
      - Do not back up where there is a whole backup younger than this, such as V(12h) or V(PT12H). The stamp's clock counts.
    type: str
  on_running:
    description:
      - What to do where a backup runs already. V(join) waits for that one, V(fail) fails.
    type: str
    choices: [join, fail]
    default: join
  backup_id:
    description:
      - Wait for this backup and start nothing. Its name, with the region before it or not, or its ARM id.
    type: str
  wait:
    description:
      - Whether to wait until the backup is over. V(false) returns as soon as it has started.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait. When they are over the task fails, gives the backup, and it goes on.
    type: int
    default: 10800
seealso:
  - module: holdfast.azure_backup.stackhub_backup_info
  - module: holdfast.azure_backup.stackhub_backup_location
"""

EXAMPLES = r"""
- name: Back the infrastructure up unless there is a backup of the last half day
  holdfast.azure_backup.stackhub_backup:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
    max_age: 12h
  register: backup

- name: Say how it went
  ansible.builtin.debug:
    msg: "{{ backup.msg }}"

- name: Go on waiting for a backup that an earlier run started
  holdfast.azure_backup.stackhub_backup:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
    backup_id: "{{ backup.backup.name }}"
"""

RETURN = r"""
action:
  description: V(start), V(join), V(skip) or V(resume).
  returned: always
  type: str
  sample: start
msg:
  description: One sentence.
  returned: always
  type: str
  sample: "backed up 'redmond': backup 4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55 succeeded in 20m 32s"
backup:
  description: The backup; in check mode the one that is there already, if any.
  returned: always
  type: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/0000.../resourceGroups/system.redmond/providers/Microsoft.Backup.Admin/backupLocations/redmond/backups/4f3c1d0e-...
    name:
      description: The backup's id, without the region.
      type: str
      sample: 4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55
    location:
      description: The region.
      type: str
      sample: redmond
    status:
      description: V(succeeded), V(partial_succeeded), V(failed), V(deleted), V(creating), V(queued) or V(running).
      type: str
      sample: succeeded
    role_status:
      description: Each infrastructure role with its C(role_name) and its C(status).
      type: list
      elements: dict
      sample: [{role_name: NRP, status: succeeded}]
    created_time:
      description: When it was made.
      type: str
      sample: '2026-11-04T12:22:18Z'
    time_taken:
      description: How long that took, in ISO 8601.
      type: str
      sample: PT20M32.345912S
    time_taken_seconds:
      description: The same in seconds.
      type: float
      sample: 1232.345912
    backup_data_version:
      description: The version of the backup's data.
      type: str
      sample: 1.0.1
    stamp_version:
      description: The version of the Azure Stack Hub that was backed up; a restore needs one of the same.
      type: str
      sample: 1.2301.2.58
    oem_version:
      description: The version of the hardware partner's package.
      type: str
      sample: 2.1.1907.1
    deployment_id:
      description: The deployment that was backed up.
      type: str
      sample: 8f2b4a0d-93f5-4c0f-9d0f-6b6c2ed0a1ab
    encryption_cert_thumbprint:
      description: The thumbprint of the certificate that it is encrypted for.
      type: str
      sample: 7E2D9C1AF05B64E8A1C3B59D0F8672E4AA91C3D5
    completely_uploaded:
      description: Whether all of it lies in the store. Null where the stamp does not say.
      type: bool
      sample: true
    is_whole:
      description:
        - Whether the backup succeeded and is uploaded completely. A stamp says V(succeeded) ten to fifteen minutes before that.
      type: bool
      sample: true
    is_automatic_backup:
      description: Whether the scheduler started it.
      type: bool
      sample: false
    is_cloud_recovery_ready:
      description: Whether a whole Azure Stack Hub can be recovered from it.
      type: bool
      sample: true
error:
  description: What went wrong.
  returned: failure
  type: dict
  sample:
    code: failed
    message: "Cannot back up 'redmond': backup 4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55 is failed; failed: NRP"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.module import run
from ansible_collections.holdfast.azure_backup.plugins.module_utils.stackhub_backup import ensure_backup

ARGUMENTS = {
    **arguments.STACKHUB,
    **arguments.PROGRESS,
    **arguments.wait(10800),
    "max_age": {"type": "str"},
    "on_running": {"type": "str", "choices": ["join", "fail"], "default": "join"},
    "backup_id": {"type": "str"},
    "wait": {"type": "bool", "default": True},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_backup, clock, mutually_exclusive=[("backup_id", "max_age")])


if __name__ == "__main__":
    main()
