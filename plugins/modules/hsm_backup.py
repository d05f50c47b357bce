#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hsm_backup
short_description: Back up a Managed HSM to a blob container and wait until the backup is complete
version_added: 0.1.0
description:
  - Starts a full backup of a Managed HSM (all keys with their versions, attributes, tags and role assignments) and follows it to its
    end. If the backup fails, the task fails with the HSM's reason.
  - The module never sends the request that starts a backup twice. A Managed HSM does not list jobs, so the first progress line
    and the result of O(wait=false) contain the job's id, and O(job_id) resumes the wait. While a backup is running, the HSM
    rejects another one and does not identify the running one.
  - Without O(max_age) every run starts a backup.
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
  max_age:
    description:
      - Do not back up if the newest backup of this HSM in the container is newer than this, such as V(12h) or V(PT12H). The
        name of its folder contains the time. A task whose backup fails marks the folder, so that it does not count.
      - The module lists the container with O(sas_token), which must then allow it (C(l)), or with O(use_user_managed_identity)
        with the caller's own identity. If it cannot list the container, it warns and takes the backup.
    type: str
  keep:
    description:
      - How many backups of this HSM to keep in the container, including the new one; older ones are deleted after a successful
        backup. By default nothing is deleted. Backups of other HSMs and other contents of the container stay.
      - Nothing is deleted if O(max_age) skips the backup, because the existing folder may belong to a running or failed backup.
    type: int
  wait_timeout:
    description:
      - Seconds to wait. After that the task fails and returns the job, which continues.
    type: int
    default: 3600
notes:
  - The caller needs the local RBAC role C(Managed HSM Backup) or C(Managed HSM Administrator). No subscription is needed.
  - A SAS token must allow reading, creating, deleting and writing (C(crdw)).
seealso:
  - module: holdfast.azure_backup.hsm_restore
"""

EXAMPLES = r"""
- name: Back up with a SAS token, unless there is a backup from the last day
  holdfast.azure_backup.hsm_backup:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    storage_container_uri: https://demoaccount.blob.core.windows.net/hsm-backups
    sas_token: "{{ sas_token }}"
    max_age: 24h
  register: backup

- name: Show the folder of the backup
  ansible.builtin.debug:
    msg: "{{ backup.folder_uri }}"

- name: Back up with the HSM's identity, check first, and keep a week of daily backups
  holdfast.azure_backup.hsm_backup:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    storage_container_uri: https://demoaccount.blob.core.windows.net/hsm-backups
    use_user_managed_identity: true
    precheck: true
    keep: 7
  register: backup

- name: Resume the wait for a job that an earlier run started
  holdfast.azure_backup.hsm_backup:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    job_id: "{{ backup.backup.job_id }}"
"""

RETURN = r"""
action:
  description: V(start), V(skip) or V(resume).
  returned: success
  type: str
  sample: start
msg:
  description: What happened, in one sentence.
  returned: always
  type: str
  sample: "backed up 'name' in 9s: https://account.blob.core.windows.net/container/mhsm-name-2026110408545001"
folder_uri:
  description: The URL of the backup, as Microsoft's cmdlet prints it. Null while the backup is running.
  returned: success
  type: str
  sample: https://account.blob.core.windows.net/container/mhsm-name-2026110408545001
backup:
  description: The backup; null in check mode if a backup would be started.
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
      description: When the job started; for a skipped backup, when the existing one was started, by the name of its folder.
      type: str
      sample: '2026-11-04T08:54:50Z'
    end_time:
      description: When the job ended; for a skipped backup, when the last file of the existing one was written.
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
      description: The URL of the backup; null while it is running.
      type: str
      sample: https://account.blob.core.windows.net/container/mhsm-name-2026110408545001
    folder_name:
      description: The name of the backup's folder, for a restore.
      type: str
      sample: mhsm-name-2026110408545001
    error:
      description: The HSM's error, with C(code) and C(message).
      type: dict
      sample:
pruned_folders:
  description: The backups deleted because of O(keep); in check mode those that would be deleted.
  returned: success
  type: list
  elements: str
  sample: [mhsm-name-2026102808541502]
error:
  description: The error.
  returned: failure
  type: dict
  sample:
    code: Conflict
    message: "Cannot back up Managed HSM 'name': Another backup operation is in progress"
    status: 409
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.hsm_backup import ensure_backup
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.MANAGED_HSM,
    **arguments.MANAGED_HSM_JOB,
    **arguments.PROGRESS,
    **arguments.wait(3600),
    "max_age": {"type": "str"},
    "keep": {"type": "int"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(
        ARGUMENTS,
        ensure_backup,
        clock,
        needs_subscription=False,
        mutually_exclusive=[("job_id", "max_age"), ("job_id", "keep")],
    )


if __name__ == "__main__":
    main()
