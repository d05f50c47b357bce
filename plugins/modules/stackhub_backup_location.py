#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stackhub_backup_location
short_description: Configure where and when an Azure Stack Hub stores its infrastructure backups
version_added: 0.1.0
description:
  - Changes the backup location of a region to match the options. Unset options change nothing.
  - Azure Stack Hub never returns a password, and returns only the thumbprint of a certificate. The module compares certificates
    by thumbprint; for passwords see O(update_password).
  - The location itself belongs to the region. It can be neither created nor deleted.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.stackhub
  - holdfast.azure_backup.wait
options:
  state:
    description:
      - V(absent) removes the store and its credentials from the location, so backups stop. The contents of the store stay.
    type: str
    choices: [present, absent]
    default: present
  path:
    description:
      - The share that backups go to, such as C(\\server\backups).
    type: str
  user_name:
    description:
      - The user that accesses the share.
    type: str
  share_password:
    description:
      - The password of O(user_name), Azure's C(password). Required if the share or its user changes.
      - Do not confuse it with O(password), which signs in to the Azure Stack Hub.
    type: str
  blob_storage_url:
    description:
      - The container that backups go to, instead of a share. Requires O(api_version=2021-09-01), which not all stamps support.
    type: str
  blob_storage_key:
    description:
      - The key of that storage account. Required if the container changes.
    type: str
  update_password:
    description:
      - When to write O(share_password) or O(blob_storage_key). V(on_create) writes it only together with a
        new share, user or container.
      - V(always) writes it in every run, which then reports a change.
    type: str
    choices: [always, on_create]
    default: on_create
  encryption_cert_path:
    description:
      - A file on the machine that runs the module, with the certificate that encrypts backups, without its private key (.cer).
    type: path
  encryption_cert_base64:
    description:
      - The same certificate as Base64 or PEM.
    type: str
  backup_frequency_in_hours:
    description:
      - Hours between two scheduled backups.
    type: int
  backup_retention_period_in_days:
    description:
      - How many days backups are kept.
    type: int
  is_backup_scheduler_enabled:
    description:
      - Whether scheduled backups are enabled.
    type: bool
  prune:
    description:
      - Whether to delete files from the store that no backup needs any more. In check mode Azure Stack Hub only lists them.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait until Azure Stack Hub has applied the change.
    type: int
    default: 900
seealso:
  - module: holdfast.azure_backup.stackhub_backup
"""

EXAMPLES = r"""
- name: Back up to a share twice a day and keep a week
  holdfast.azure_backup.stackhub_backup_location:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
    path: '\\backup.example.com\stackhub'
    user_name: stackhub-backup
    share_password: "{{ stackhub_share_password }}"
    encryption_cert_path: /etc/pki/stackhub-backup.cer
    backup_frequency_in_hours: 12
    backup_retention_period_in_days: 7
    is_backup_scheduler_enabled: true

- name: Change the password of the same user
  holdfast.azure_backup.stackhub_backup_location:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
    share_password: "{{ stackhub_new_password }}"
    update_password: always

- name: List the unused files of the store
  holdfast.azure_backup.stackhub_backup_location:
    cloud_environment: https://adminmanagement.redmond.example.com
    location: redmond
    prune: true
  check_mode: true
  register: leftover
"""

RETURN = r"""
action:
  description: What was done or, in check mode, would be done (V(change) or V(none)).
  returned: success
  type: str
  sample: change
backup_location:
  description: The backup location after the change; in check mode as it would be.
  returned: success
  type: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/0000.../resourceGroups/system.redmond/providers/Microsoft.Backup.Admin/backupLocations/redmond
    name:
      description: The name, which is that of the region.
      type: str
      sample: redmond
    location:
      description: The region.
      type: str
      sample: redmond
    type:
      description: The resource type, as Azure names it.
      type: str
      sample: Microsoft.Backup.Admin/backupLocations
    tags:
      description: The tags, as Azure gives them.
      type: dict
      sample: {}
    path:
      description: The share.
      type: str
      sample: \\backup.example.com\stackhub
    user_name:
      description: The user that accesses the share.
      type: str
      sample: stackhub-backup
    blob_storage_url:
      description: The container.
      type: str
      sample:
    backup_frequency_in_hours:
      description: Hours between two scheduled backups.
      type: int
      sample: 12
    backup_retention_period_in_days:
      description: How many days backups are kept.
      type: int
      sample: 7
    is_backup_scheduler_enabled:
      description: Whether scheduled backups are enabled.
      type: bool
      sample: true
    encryption_cert_thumbprint:
      description: The thumbprint of the certificate.
      type: str
      sample: 7E2D9C1AF05B64E8A1C3B59D0F8672E4AA91C3D5
    available_capacity:
      description: The free space in the store, as Azure formats it.
      type: str
      sample: 0.99 TB
    next_backup_time:
      description: When the next scheduled backup is due.
      type: str
      sample: '2026-11-05T07:19:27Z'
    last_backup_time:
      description: When the last backup was created.
      type: str
      sample: '2026-11-04T12:42:50Z'
pruned_paths:
  description: The files deleted from the store; in check mode those that would be deleted.
  returned: when O(prune) is V(true)
  type: list
  elements: str
  sample: [masbackup/progressivebackup/BackupEncryptionCert.cer]
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.stackhub_backup_location import ensure_location

ARGUMENTS = {
    **arguments.STACKHUB,
    **arguments.wait(900),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "path": {"type": "str"},
    "user_name": {"type": "str"},
    "share_password": {"type": "str", "no_log": True},
    "blob_storage_url": {"type": "str"},
    "blob_storage_key": {"type": "str", "no_log": True},
    "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "on_create", "no_log": False},
    "encryption_cert_path": {"type": "path"},
    "encryption_cert_base64": {"type": "str"},
    "backup_frequency_in_hours": {"type": "int"},
    "backup_retention_period_in_days": {"type": "int"},
    "is_backup_scheduler_enabled": {"type": "bool"},
    "prune": {"type": "bool", "default": False},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(
        ARGUMENTS,
        ensure_location,
        clock,
        mutually_exclusive=[
            ("encryption_cert_path", "encryption_cert_base64"),
            ("path", "blob_storage_url"),
            ("share_password", "blob_storage_key"),
        ],
    )


if __name__ == "__main__":
    main()
