#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hsm_restore_drill
short_description: Have a Managed HSM check that it can be restored from its newest backup, without restoring it
version_added: 0.1.0
description:
  - Finds the newest backup of a Managed HSM in a container and has the HSM itself check whether it could do a full restore from it
    (its pre-restore operation). Microsoft does not document how much of the backup the check reads. It restores nothing and changes
    nothing, so the task is never C(changed).
  - A real restore replaces the entire contents of the HSM, so there is no other drill for it. For a restore, use
    M(holdfast.azure_backup.hsm_restore).
  - A backup that M(holdfast.azure_backup.hsm_backup) has marked as failed does not count. If there is no backup, the drill is V(skipped).
  - The result has the same form as that of M(holdfast.azure_backup.backup_restore_drill).
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.drill_outcome
  - holdfast.azure_backup.managed_hsm
  - holdfast.azure_backup.wait
options:
  rpo:
    description:
      - The recovery point objective, such as V(24h). If the newest backup is older, the drill is V(partial).
    type: str
  wait_timeout:
    description:
      - Seconds to wait for the check.
    type: int
    default: 3600
notes:
  - The HSM must support API version 7.6.
  - The caller needs the local RBAC role C(Managed HSM Restore) or C(Managed HSM Administrator). No subscription is needed.
  - A SAS token must allow reading and listing (C(rl)). With O(use_user_managed_identity) the caller's own identity lists the container
    and needs the role C(Storage Blob Data Reader) on it.
seealso:
  - module: holdfast.azure_backup.backup_restore_drill
  - module: holdfast.azure_backup.hsm_restore
"""

EXAMPLES = r"""
- name: Check that a Managed HSM can be restored from its newest backup
  holdfast.azure_backup.hsm_restore_drill:
    hsm_uri: https://demo-hsm.managedhsm.azure.net
    storage_container_uri: https://demoaccount.blob.core.windows.net/hsm-backups
    sas_token: "{{ sas_token }}"
    rpo: 24h
    fail_on: skipped
"""

RETURN = r"""
datasources:
  description: The result of the drill, a list with one item.
  returned: unless the options are wrong
  type: list
  elements: dict
  contains:
    datasource_id:
      description: The URL of the HSM.
      type: str
      sample: https://demo-hsm.managedhsm.azure.net
    changed:
      description: Always V(false), because nothing is changed.
      type: bool
      sample: false
    failed:
      description: Whether the outcome is one that O(fail_on) names.
      type: bool
      sample: false
    msg:
      description: What happened, in one sentence.
      type: str
      sample: "'demo-hsm' can be restored from mhsm-demo-hsm-2026110408545001, as the HSM itself checked"
    action:
      description: V(drill) or V(skip).
      type: str
      sample: drill
    status:
      description:
        - V(passed), V(partial) if O(rpo) was missed, V(failed) if the check failed, or V(skipped) if there is no backup. Null in check mode.
      type: str
      sample: passed
    reason:
      description: Why the status is not V(passed).
      type: str
      sample:
    checks:
      description: The results of the checks C(precheck) and C(rpo), with C(name), C(status), C(msg), C(expected) and C(found).
      type: list
      elements: dict
      sample:
        - name: precheck
          status: passed
          msg: the HSM can be restored from mhsm-demo-hsm-2026110408545001
          expected: succeeded
          found: succeeded
    times:
      description: Seconds of C(find), the choice of the backup, and C(check), the check of the HSM.
      type: dict
      sample: {find: 0.2, check: 12.1}
    rto_seconds:
      description: Always null, because nothing is restored.
      type: float
      sample:
    recovery_point:
      description: The backup, with C(name), its folder, and C(time), when it was started.
      type: dict
      sample:
        name: mhsm-demo-hsm-2026110408545001
        time: '2026-11-04T08:54:50Z'
    recovery_point_age_seconds:
      description: The age of the backup.
      type: int
      sample: 10920
    job:
      description: The check as a job.
      type: dict
      sample:
        name: 8c1de5f0b2a94d0e9a4f5d3c2b1a0f9e
        status: succeeded
    restored_ids:
      description: Always empty.
      type: list
      elements: str
      sample: []
    leftovers:
      description: Always empty.
      type: list
      elements: dict
      sample: []
    instance:
      description: Always null, because a Managed HSM is not in a vault.
      type: dict
      sample:
    error:
      description: The error, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
      type: dict
      sample:
msg:
  description: What happened, in one sentence.
  returned: always
  type: str
  sample: "'demo-hsm' can be restored from mhsm-demo-hsm-2026110408545001, as the HSM itself checked"
error:
  description: The error.
  returned: failure
  type: dict
  sample:
    code: DrillSkipped
    message: "'demo-hsm' skipped: the container https://demoaccount.blob.core.windows.net/hsm-backups has no backup of 'demo-hsm'"
    status:
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.hsm_restore_drill import drill_hsm
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.DRILL_OUTCOME,
    **arguments.MANAGED_HSM,
    **arguments.wait(3600),
    "rpo": {"type": "str"},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, drill_hsm, clock, needs_subscription=False)


if __name__ == "__main__":
    main()
