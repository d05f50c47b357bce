#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hsm_restore
short_description: Restore a Managed HSM, or one key of it, from a backup
version_added: 0.1.0
description:
  - Restores a Managed HSM from a full backup, or with O(key_name) one key with all its versions, and follows the job to its end.
  - B(A full restore replaces the entire contents of the HSM). All keys, versions, attributes, tags and role assignments return
    to their state at the time of the backup; anything created since is lost. During the restore the HSM answers no other
    requests. Microsoft requires that a full backup of the HSM was completed at least 30 minutes before.
  - The backup must come from an HSM with the same security domain.
  - Every run restores and reports a change. The module never sends the request that starts a restore twice.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.managed_hsm
  - holdfast.azure_backup.managed_hsm_job
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.wait
options:
  folder_uri:
    description:
      - The URL of the backup, as M(holdfast.azure_backup.hsm_backup) returns it, instead of storage options and O(folder_name).
    type: str
  folder_name:
    description:
      - The name of the backup's folder in the container.
    type: str
  key_name:
    description:
      - Restore only this key. Existing versions of it are not overwritten.
    type: str
  confirm:
    description:
      - The name of the HSM again, so that no HSM is restored by mistake. With O(hsm_uri) it is the first part of the host name,
        or the whole host if that is an IP address.
      - Also required for a single key; not required with O(job_id).
    type: str
  wait_timeout:
    description:
      - Seconds to wait. After that the task fails and returns the job, which continues.
    type: int
    default: 7200
notes:
  - The caller needs the local RBAC role C(Managed HSM Restore) or C(Managed HSM Administrator).
  - A SAS token must allow reading and listing (C(rl)).
seealso:
  - module: holdfast.azure_backup.hsm_backup
"""

EXAMPLES = r"""
- name: Restore one key
  holdfast.azure_backup.hsm_restore:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    folder_uri: "{{ backup.folder_uri }}"
    sas_token: "{{ sas_token }}"
    key_name: signing
    confirm: demo-hsm

- name: Restore the whole HSM
  holdfast.azure_backup.hsm_restore:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    storage_container_uri: https://demoaccount.blob.core.windows.net/hsm-backups
    folder_name: "{{ backup.backup.folder_name }}"
    use_user_managed_identity: true
    confirm: demo-hsm
  register: restored

- name: Resume the wait for a restore that an earlier run started
  holdfast.azure_backup.hsm_restore:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    job_id: "{{ restored.restore.job_id }}"
"""

RETURN = r"""
action:
  description: V(start) or V(resume).
  returned: success
  type: str
  sample: start
msg:
  description: What happened, in one sentence.
  returned: always
  type: str
  sample: "restored 'name' from mhsm-name-2026110408545001 in 15s"
restore:
  description: The job; null in check mode.
  returned: success, and failure once a job is known
  type: dict
  contains:
    job_id:
      description: The id of the job. Null if none was started.
      type: str
      sample: 8c1de5f0b2a94d0e9a4f5d3c2b1a0f9e
    status:
      description: V(in_progress), V(succeeded), V(failed) or V(canceled).
      type: str
      sample: succeeded
    status_details:
      description: Details of the status from the HSM.
      type: str
      sample:
    start_time:
      description: When the job started.
      type: str
      sample: '2026-11-04T08:54:50Z'
    end_time:
      description: When the job ended.
      type: str
      sample: '2026-11-04T08:54:59Z'
    duration:
      description: How long the job took, in ISO 8601.
      type: str
      sample: PT9S
    duration_seconds:
      description: The same in seconds.
      type: float
      sample: 9.0
    folder_uri:
      description: Always null; set only for backups.
      type: str
      sample: null
    folder_name:
      description: The name of the folder that was restored; null with O(job_id).
      type: str
      sample: mhsm-name-2026110408545001
    error:
      description: The HSM's error, with C(code) and C(message).
      type: dict
      sample:
error:
  description: The error.
  returned: failure
  type: dict
  sample:
    code: Conflict
    message: "Cannot restore Managed HSM 'name': Another restore operation is in progress"
    status: 409
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.hsm_restore import restore
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.MANAGED_HSM,
    **arguments.MANAGED_HSM_JOB,
    **arguments.PROGRESS,
    **arguments.wait(7200),
    "folder_uri": {"type": "str"},
    "folder_name": {"type": "str"},
    "key_name": {"type": "str", "no_log": False},
    "confirm": {"type": "str"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, restore, clock, needs_subscription=False)


if __name__ == "__main__":
    main()
