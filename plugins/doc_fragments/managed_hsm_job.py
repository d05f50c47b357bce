# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job of a Managed HSM is started and waited for (arguments.MANAGED_HSM_JOB)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of a job of a Managed HSM."""

    DOCUMENTATION = r"""
options:
  precheck:
    description:
      - Whether the HSM first checks that the operation is possible, and then carries it out. Requires an HSM that supports API
        version 7.6.
    type: bool
    default: false
  job_id:
    description:
      - Wait for this job and start nothing. No storage options are needed then.
    type: str
  wait:
    description:
      - Whether to wait until the job has finished. V(false) returns the job as soon as it has started.
    type: bool
    default: true
"""
