# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the reports of roles go (plugin_utils/report_delivery.py)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that say where a report is written to, and how many earlier ones are kept there."""

    DOCUMENTATION = r"""
options:
  folder:
    description:
      - The folder on the controller to write to. By default, nothing is written.
    type: path
  storage_container_uri:
    description:
      - The URL of a blob container to write to, as in M(holdfast.azure_backup.backup_report_container). If it is set, earlier
        reports are read from there.
    type: str
  sas_token:
    description:
      - A SAS token of the container. The default is the identity of the connection options.
    type: str
  container_folder:
    description:
      - The folder in the container.
    type: str
  history:
    description:
      - How many earlier reports are kept in the folder C(history) below O(folder) and in the container, and shown as a trend.
    type: int
    default: 12
notes:
  - Runs on the controller. Only M(holdfast.azure_backup.backup_report_container), which it runs for the container, connects to
    Azure.
"""
