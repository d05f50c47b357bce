#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_drill_report
short_description: Write the report of the role restore_drill
version_added: 0.1.0
description:
  - Writes what the role restore_drill found as JSON, JUnit XML, Markdown and one HTML page that needs no other file, to a folder, a
    blob container or both. The role uses it at its end; it is not meant for other roles.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.report_delivery
options:
  results:
    description:
      - The result of each group, with C(group), C(failure) (empty if it succeeded), C(drill) and C(datasources).
    type: list
    elements: dict
    required: true
  title:
    description:
      - The title of the report.
    type: str
    default: Restore drill
"""

EXAMPLES = r"""
- name: Write the report
  holdfast.azure_backup.restore_drill_report:
    results: "{{ restore_drill_results }}"
    folder: /var/lib/restore-drills
"""

RETURN = r"""
report:
  description: The report, as in the JSON file.
  returned: success
  type: dict
  sample:
    schema_version: 1
    title: Restore drill
    generated: '2026-11-04T12:03:02Z'
    counts: {passed: 2, partial: 0, failed: 0, skipped: 1}
    longest_rto_seconds: 292.5
files:
  description: The files that were written, and the URLs of those in the container.
  returned: success
  type: list
  elements: str
  sample:
    - /var/lib/restore-drills/restore-drill.json
    - /var/lib/restore-drills/restore-drill.html
"""
