#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_report_container
short_description: Keep the reports of this collection's roles in a blob container
version_added: 0.1.0
description:
  - Reads the earlier reports in a blob container and writes a new one. The roles of this collection use it, because an execution
    environment keeps no files; it can also store files of your own.
  - It overwrites only the files that O(files) names, and deletes only the oldest files C(history/NAME-TIME.json) of O(name).
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
options:
  storage_container_uri:
    description:
      - The URL of the container, such as V(https://account.blob.core.windows.net/reports). It must exist.
    type: str
    required: true
  sas_token:
    description:
      - A SAS token of the container, with or without the leading question mark. It must allow reading and listing (C(rl)), and with O(files)
        also creating, writing and deleting (C(rcwdl)).
      - Without it, the caller's own identity is used, which needs the role C(Storage Blob Data Contributor) on the container.
    type: str
  folder:
    description:
      - The folder in the container, such as V(prod/drills). The default is the top of the container.
    type: str
  name:
    description:
      - What the reports are named by. An earlier report is C(history/NAME-TIME.json), with a time such as C(20261104T120302Z).
    type: str
    required: true
  files:
    description:
      - The files to write into O(folder), a dictionary of names and contents. Files that exist are overwritten. By default, nothing is
        written.
    type: dict
  history:
    description:
      - How many of the newest earlier reports to return, and to keep when O(files) are written. At least one is kept.
    type: int
    default: 12
notes:
  - No subscription is needed.
"""

EXAMPLES = r"""
- name: Read the earlier reports
  holdfast.azure_backup.backup_report_container:
    storage_container_uri: https://demoaccount.blob.core.windows.net/reports
    name: restore-drill
  register: earlier

- name: Write a file
  holdfast.azure_backup.backup_report_container:
    storage_container_uri: https://demoaccount.blob.core.windows.net/reports
    sas_token: "{{ sas_token }}"
    folder: notes
    name: note
    files:
      note.md: All drills of this month passed.
"""

RETURN = r"""
reports:
  description: The newest earlier reports, the oldest first; without those that cannot be read as JSON.
  returned: success
  type: list
  elements: dict
  sample: []
files:
  description: The URLs of the files that were written.
  returned: success
  type: list
  elements: str
  sample: ['https://demoaccount.blob.core.windows.net/reports/restore-drill.html']
removed:
  description: The names of the earlier reports that were deleted.
  returned: success
  type: list
  elements: str
  sample: ['history/restore-drill-20251104T120302Z.json']
msg:
  description: What happened, in one sentence.
  returned: always
  type: str
  sample: wrote 5 file(s) to https://demoaccount.blob.core.windows.net/reports
error:
  description: The error.
  returned: failure
  type: dict
  sample:
    code: ContainerNotFound
    message: "storage_container_uri: the container https://demoaccount.blob.core.windows.net/nosuch does not exist; create it first"
    status: 404
    request_id:
    recommended_action:
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_report_container import keep_reports
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.REPORT_CONTAINER,
    "folder": {"type": "str"},
    "name": {"type": "str", "required": True},
    "files": {"type": "dict"},
    "history": {"type": "int", "default": 12},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, keep_reports, clock, needs_subscription=False)


if __name__ == "__main__":
    main()
