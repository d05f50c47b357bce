# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which region of which Azure Stack Hub (arguments.STACKHUB)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that name a region of an Azure Stack Hub."""

    DOCUMENTATION = r"""
options:
  location:
    description:
      - The region of the Azure Stack Hub, which is also the name of its backup location.
    type: str
    required: true
  resource_group:
    description:
      - The resource group of the backup location. The default is C(system.) followed by the name of the region.
    type: str
  api_version:
    description:
      - The API version of C(Microsoft.Backup.Admin). Every Azure Stack Hub supports the default.
    type: str
    default: '2018-09-01'
notes:
  - An Azure Stack Hub is also called a stamp.
  - O(cloud_environment) is the URL of the administrators' Resource Manager, such as
    V(https://adminmanagement.region.example.com). It reports where and how to sign in, with Entra ID or AD FS.
  - The subscription is the default provider subscription, and the caller must be its owner or contributor.
"""
