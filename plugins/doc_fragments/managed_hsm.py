# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Managed HSM, and which storage (arguments.MANAGED_HSM)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that name a Managed HSM and the container of its backups."""

    DOCUMENTATION = r"""
requirements:
  - azure-keyvault-administration >= 4.7.2; older versions start every backup twice
  - azure-storage-blob >= 12.23.0b1, to list the contents of the container
options:
  hsm_name:
    description:
      - The name of the Managed HSM; the cloud determines the rest of its URL. Either this or O(hsm_uri) is required.
    type: str
  hsm_uri:
    description:
      - The URL of the Managed HSM, such as V(https://name.managedhsm.azure.net). In the HSM's ARM resource this is
        C(properties.hsmUri).
    type: str
  storage_account_name:
    description:
      - The storage account of the backups. Used with O(storage_container_name); O(storage_container_uri) replaces both.
    type: str
  storage_container_name:
    description:
      - The blob container of the backups. It must exist.
    type: str
  storage_container_uri:
    description:
      - The URL of the container, such as V(https://account.blob.core.windows.net/container).
    type: str
  sas_token:
    description:
      - SAS token that gives the HSM access to the container, with or without the leading question mark.
      - Either this or O(use_user_managed_identity) is required.
      - The storage account must then allow access from public networks.
    type: str
  use_user_managed_identity:
    description:
      - Whether the HSM accesses the container with its user-assigned identity. The identity must be attached to the HSM and
        have the role C(Storage Blob Data Contributor) on the container.
    type: bool
    default: false
"""
