#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stackhub_backup
short_description: Back up the infrastructure of an Azure Stack Hub and wait until the backup is complete
version_added: 0.1.0
description:
  - Starts an infrastructure backup of a region and waits until it is really complete. Azure Stack Hub reports success ten to
    fifteen minutes before a backup is complete, so the module waits until the operation has its result, the backup reports
    success and, if the stamp reports uploads, is completely uploaded, and the list of backups contains it.
  - Only one backup runs at a time. The module joins a running one; if a run is killed while it waits, run it again.
  - The module never sends the request that starts a backup twice. If its outcome is unknown, it searches for the backup,
    and fails rather than risk a second one.
  - If the backup fails, the task fails and lists the failed roles. If it succeeds partially, the task warns.
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
      - Do not back up if there is a complete backup newer than this, such as V(12h) or V(PT12H), by the stamp's clock.
    type: str
  on_running:
    description:
      - What to do if a backup is already running. V(join) waits for that one, V(fail) fails.
    type: str
    choices: [join, fail]
    default: join
  backup_id:
    description:
      - Wait for this backup and start nothing. Its name, optionally with the region as a prefix, or its ARM id.
    type: str
  wait:
    description:
      - Whether to wait until the backup is complete. V(false) returns as soon as it has started.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait. After that the task fails and returns the backup, which continues.
    type: int
    default: 10800
seealso:
  - module: holdfast.azure_backup.stackhub_backup_info
  - module: holdfast.azure_backup.stackhub_backup_location
"""

EXAMPLES = r"""
- name: Back up the infrastructure unless there is a backup from the last 12 hours
  holdfast.azure_backup.stackhub_backup:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
    max_age: 12h
  register: backup

- name: Show the result
  ansible.builtin.debug:
    msg: "{{ backup.msg }}"

- name: Resume the wait for a backup that an earlier run started
  holdfast.azure_backup.stackhub_backup:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
    backup_id: "{{ backup.backup.name }}"
"""

RETURN = r"""
action:
  description: V(start), V(join), V(skip) or V(resume).
  returned: success
  type: str
  sample: start
msg:
  description: What happened, in one sentence.
  returned: always
  type: str
  sample: "backed up 'redmond': backup 4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55 succeeded in 20m 32s"
backup:
  description: The backup; in check mode the existing one, if any.
  returned: success, and failure once a job is known
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
    type:
      description: The resource type, as Azure names it.
      type: str
      sample: Microsoft.Backup.Admin/backupLocations/backups
    tags:
      description: The tags, as Azure gives them.
      type: dict
      sample: {}
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
      description: When the backup was created; while it runs, when it was started, by the stamp's clock.
      type: str
      sample: '2026-11-04T12:22:18Z'
    time_taken:
      description: How long the backup took, in ISO 8601.
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
      description: The version of the Azure Stack Hub that was backed up; a restore requires the same version.
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
      description: The thumbprint of the certificate that encrypts the backup.
      type: str
      sample: 7E2D9C1AF05B64E8A1C3B59D0F8672E4AA91C3D5
    completely_uploaded:
      description: Whether the backup is completely uploaded. Null if the stamp does not report it.
      type: bool
      sample: true
    is_whole:
      description:
        - Whether the backup succeeded and is completely uploaded. A stamp reports V(succeeded) ten to fifteen minutes earlier.
      type: bool
      sample: true
    is_automatic_backup:
      description: Whether the scheduler started the backup.
      type: bool
      sample: false
    is_cloud_recovery_ready:
      description: Whether an entire Azure Stack Hub can be recovered from the backup.
      type: bool
      sample: true
error:
  description: The error.
  returned: failure
  type: dict
  sample:
    code: failed
    message: "Cannot back up 'redmond': backup 4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55 ended with status failed; failed roles: NRP"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.stackhub_backup import ensure_backup

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
