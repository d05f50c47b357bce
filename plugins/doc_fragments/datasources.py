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
      - The ARM ids of what is backed up, such as managed disks; one string is taken as a list of one.
      - A thousand in one task are served by one process with O(max_concurrency) requests at a time.
    type: list
    elements: str
  max_concurrency:
    description:
      - How many requests are under way at the same time.
      - Sixteen times as many datasources are in progress, since most of them wait for Azure; only as many where virtual
        machines are protected, whose jobs Azure counts the looks at.
      - With V(1) they come one after the other.
    type: int
    default: 16
"""
