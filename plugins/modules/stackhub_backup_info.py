#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stackhub_backup_info
short_description: Read the infrastructure backups of an Azure Stack Hub
version_added: 0.1.0
description:
  - Returns the infrastructure backups of a region, newest first, or one of them.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes.info
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.stackhub
options:
  name:
    description:
      - Return only this backup. Its name, optionally with the region as a prefix, or its ARM id.
    type: str
seealso:
  - module: holdfast.azure_backup.stackhub_backup
"""

EXAMPLES = r"""
- name: Read the backups
  holdfast.azure_backup.stackhub_backup_info:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
  register: stackhub

- name: Check that the newest backup is complete and uploaded
  ansible.builtin.assert:
    that: stackhub.backups[0].is_whole
"""

RETURN = r"""
backups:
  description: The backups, newest first. Empty if the requested backup does not exist.
  returned: success
  type: list
  elements: dict
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.stackhub_backup_info import read_backups

ARGUMENTS = {**arguments.STACKHUB, "name": {"type": "str"}}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, read_backups, clock)


if __name__ == "__main__":
    main()
