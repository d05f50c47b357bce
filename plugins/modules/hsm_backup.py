#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hsm_backup
short_description: Back a Managed HSM up into a blob container, and wait until it is done
version_added: 0.1.0
description:
  - Starts a full backup of a Managed HSM (all keys with their versions, attributes, tags and role assignments) and follows it to its
    end. It fails with the HSM's reason.
  - The request that starts a backup is never sent twice. A Managed HSM lists no jobs, so the id of the job is the first line of
    progress and the result of O(wait=false), and O(job_id) goes on waiting for it. Where another backup runs, the HSM refuses a second
    one and does not tell which runs.
  - Without O(max_age) every run backs up.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.managed_hsm
  - holdfast.azure_backup.progress
  - holdfast.azure_backup.wait
options:
  max_age:
    description:
      - Do not back up where the newest backup of this HSM in the container is younger than this, such as V(12h) or V(PT12H). The name of
        its folder says when it was made. A task that sees its backup fail marks the folder, which does not count then.
      - The container is listed by O(sas_token), which then has to allow it (C(l)), or with O(use_user_managed_identity) by whoever runs the
        task. Where it cannot be listed there is a warning, and the backup is taken.
    type: str
  keep:
    description:
      - After a backup that succeeded, remove all older backups of this HSM from the container but so many, this one counted. By default
        nothing is removed. Backups of other HSMs and whatever else lies there are left alone.
      - Nothing is removed where no backup was made because of O(max_age), since the folder there may be of a backup that runs or failed.
    type: int
  wait_timeout:
    description:
      - Seconds to wait. When they are over the task fails, gives the job, and it goes on.
    type: int
    default: 3600
notes:
  - The caller needs the local role C(Managed HSM Backup) or C(Managed HSM Administrator). No subscription is needed.
  - A SAS token has to allow reading, creating, deleting and writing (C(crdw)).
seealso:
  - module: holdfast.azure_backup.hsm_restore
"""

EXAMPLES = r"""
- name: Back up with a SAS token, unless there is a backup of the last day
  holdfast.azure_backup.hsm_backup:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    storage_container_uri: https://demoaccount.blob.core.windows.net/hsm-backups
    sas_token: "{{ sas_token }}"
    max_age: 24h
  register: backup

- name: Say where it is
  ansible.builtin.debug:
    msg: "{{ backup.folder_uri }}"

- name: Back up by the HSM's own identity, check first, and keep a week of daily backups
  holdfast.azure_backup.hsm_backup:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    storage_container_uri: https://demoaccount.blob.core.windows.net/hsm-backups
    use_user_managed_identity: true
    precheck: true
    keep: 7
  register: backup

- name: Go on waiting for a job that an earlier run started
  holdfast.azure_backup.hsm_backup:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    job_id: "{{ backup.backup.job_id }}"
"""

RETURN = r"""
action:
  description: V(start), V(skip) or V(resume).
  returned: always
  type: str
  sample: start
msg:
  description: One sentence.
  returned: always
  type: str
  sample: "backed up 'name' in 9s: https://account.blob.core.windows.net/container/mhsm-name-2026110408545001"
folder_uri:
  description: The address of the backup, as Microsoft's cmdlet prints it. Null while it runs.
  returned: success
  type: str
  sample: https://account.blob.core.windows.net/container/mhsm-name-2026110408545001
backup:
  description: The backup; null in check mode where one is to be started.
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
pruned_folders:
  description: The backups that were removed because of O(keep); in check mode those that would be.
  returned: success
  type: list
  elements: str
  sample: [mhsm-name-2026102808541502]
error:
  description: What went wrong.
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.hsm_backup import ensure_backup
from ansible_collections.holdfast.azure_backup.plugins.module_utils.module import run

ARGUMENTS = {
    **arguments.MANAGED_HSM,
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
