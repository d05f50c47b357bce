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
  - B(A full restore replaces everything that is in the HSM). All keys, versions, attributes, tags and role assignments become what they
    were when the backup was made; what was made since is gone. While it runs the HSM answers nothing else. Microsoft asks for a
    backup of the HSM within the 30 minutes before.
  - The backup has to come from an HSM with the same security domain.
  - Every run restores, and counts as a change. The request that starts it is never sent twice.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.managed_hsm
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.wait
options:
  folder_uri:
    description:
      - The address of the backup, as M(holdfast.azure_backup.hsm_backup) returns it, instead of the options of storage and O(folder_name).
    type: str
  folder_name:
    description:
      - The name of the backup's folder in the container.
    type: str
  key_name:
    description:
      - Restore this key only. Versions of it that are there are not overwritten.
    type: str
  confirm:
    description:
      - The name of the HSM, a second time, so that no HSM is restored by mistake. With O(hsm_uri) it is the first part of the host, or the
        whole of it where it is an address.
      - Needed for one key as well, and for everything but O(job_id).
    type: str
  wait_timeout:
    description:
      - Seconds to wait. When they are over the task fails, gives the job, and it goes on.
    type: int
    default: 7200
notes:
  - The caller needs the local role C(Managed HSM Administrator), or for one key C(Managed HSM Crypto Officer) or C(Managed HSM Restore).
  - A SAS token has to allow reading and listing (C(rl)).
seealso:
  - module: holdfast.azure_backup.hsm_backup
"""

EXAMPLES = r"""
- name: Bring one key back
  holdfast.azure_backup.hsm_restore:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    folder_uri: "{{ backup.folder_uri }}"
    sas_token: "{{ sas_token }}"
    key_name: signing
    confirm: demo-hsm

- name: Make the whole HSM what it was
  holdfast.azure_backup.hsm_restore:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    storage_container_uri: https://demoaccount.blob.core.windows.net/hsm-backups
    folder_name: "{{ backup.backup.folder_name }}"
    use_user_managed_identity: true
    confirm: demo-hsm
  register: restored

- name: Go on waiting for a restore that an earlier run started
  holdfast.azure_backup.hsm_restore:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    job_id: "{{ restored.restore.job_id }}"
"""

RETURN = r"""
action:
  description: V(start) or V(resume).
  returned: always
  type: str
  sample: start
msg:
  description: One sentence.
  returned: always
  type: str
  sample: "restored 'name' from mhsm-name-2026110408545001 in 15s"
restore:
  description: The job; null in check mode.
  returned: always
  type: dict
  contains:
    job_id:
      description: The id of the job. Null where none was started.
      type: str
      sample: 8c1de5f0b2a94d0e9a4f5d3c2b1a0f9e
    status:
      description: V(in_progress), V(succeeded), V(failed) or V(canceled).
      type: str
      sample: succeeded
    status_details:
      description: What the HSM says beside that.
      type: str
      sample:
    start_time:
      description: When it began.
      type: str
      sample: '2026-11-04T08:54:50Z'
    end_time:
      description: When it was over; of a backup that is fresh enough, when it was made.
      type: str
      sample: '2026-11-04T08:54:59Z'
    duration:
      description: How long it took, in ISO 8601.
      type: str
      sample: PT9S
    duration_seconds:
      description: The same in seconds.
      type: float
      sample: 9.0
    folder_uri:
      description: The address of the backup. Of a backup only.
      type: str
      sample: https://account.blob.core.windows.net/container/mhsm-name-2026110408545001
    folder_name:
      description: The name of the backup's folder, which a restore wants.
      type: str
      sample: mhsm-name-2026110408545001
    error:
      description: The HSM's error, with C(code) and C(message).
      type: dict
      sample:
error:
  description: What went wrong.
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.hsm_restore import restore
from ansible_collections.holdfast.azure_backup.plugins.module_utils.module import run

ARGUMENTS = {
    **arguments.MANAGED_HSM,
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
