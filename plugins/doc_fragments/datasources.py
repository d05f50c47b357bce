# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which datasources (arguments.DATASOURCES)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that name datasources."""

    DOCUMENTATION = r"""
options:
  datasource_id:
    description:
      - The ARM ids of the datasources, such as managed disks; a single string is accepted as a list of one.
      - One task can handle a thousand datasources, in one process with O(max_concurrency) requests at a time.
    type: list
    elements: str
  datasource_type:
    description:
      - The datasource type of O(datasource_id), where a resource can be protected as several types. By default, the type is
        that of the existing protection, or else that of the resource itself, so it is rarely needed.
      - A storage account without a hierarchical namespace is V(azure_blob), one with it V(azure_data_lake_storage).
        V(azure_disk) and V(azure_vm) follow from the id.
    type: str
  max_concurrency:
    description:
      - How many requests run at the same time.
      - Up to sixteen times as many datasources, but at most 512, are in progress, because most of them wait for Azure. When
        virtual machines are protected, it is only this number, because Azure throttles the status requests of their jobs.
      - With V(1) they run one after the other.
    type: int
    default: 16
"""
