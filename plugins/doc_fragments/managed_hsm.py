# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Managed HSM, and which storage (arguments.MANAGED_HSM)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that name a Managed HSM and the container of its backups."""

    DOCUMENTATION = r"""
requirements:
  - azure-keyvault-administration >= 4.7.2; older ones start every backup twice
  - azure-storage-blob >= 12.24.0, to list what lies in the container
options:
  hsm_name:
    description:
      - The name of the Managed HSM, from which its address follows by the cloud. Either this or O(hsm_uri) is needed.
    type: str
  hsm_uri:
    description:
      - The address of the Managed HSM, such as V(https://name.managedhsm.azure.net).
    type: str
  storage_account_name:
    description:
      - The storage account of the backups. Goes with O(storage_container_name); O(storage_container_uri) says both.
    type: str
  storage_container_name:
    description:
      - The blob container of the backups. It has to exist.
    type: str
  storage_container_uri:
    description:
      - The address of the container, such as V(https://account.blob.core.windows.net/container).
    type: str
  sas_token:
    description:
      - What opens the container to the HSM, with or without the question mark before it.
      - Either this or O(use_user_managed_identity) is needed.
      - The storage account has to be open to public networks then.
    type: str
  use_user_managed_identity:
    description:
      - Whether the HSM opens the container by its user-assigned identity. That has to be attached to the HSM and to hold
        C(Storage Blob Data Contributor) on the container.
    type: bool
    default: false
  precheck:
    description:
      - Whether to have the HSM check first that it can. Needs an HSM that speaks 7.6 of its API.
    type: bool
    default: false
  job_id:
    description:
      - Wait for this job and start nothing. No storage is needed then.
    type: str
  wait:
    description:
      - Whether to wait until it is over. V(false) gives the job as soon as it has started.
    type: bool
    default: true
"""
