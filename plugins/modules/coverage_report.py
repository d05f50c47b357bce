#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: coverage_report
short_description: Write the report of the role report
version_added: 0.1.0
description:
  - Writes what M(holdfast.azure_backup.backup_coverage_info) found as one HTML page that needs no other file, Markdown, CSV, JSON, JUnit
    XML and Prometheus text, to a folder, a blob container or both. The role P(holdfast.azure_backup.report#role) uses it at its end; it
    is not meant for other roles.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.report_delivery
options:
  coverage:
    description:
      - The coverage, as M(holdfast.azure_backup.backup_coverage_info) returns it.
    type: dict
    required: true
  title:
    description:
      - The title of the report.
    type: str
    default: Backup coverage
  drill_folder:
    description:
      - The folder on the controller with the reports of the role P(holdfast.azure_backup.restore_drill#role).
    type: path
  drill_container_folder:
    description:
      - The folder in the container with these reports, if O(drill_folder) is not set.
    type: str
  fail_on:
    description:
      - The verdicts, and V(controls), V(drift) and V(unreadable), that RV(failures) tells of.
    type: list
    elements: str
    default: []
  min_compliance_percent:
    description:
      - RV(failures) tells of a compliance below this.
    type: float
"""

EXAMPLES = r"""
- name: Write the report
  holdfast.azure_backup.coverage_report:
    coverage: "{{ estate.coverage }}"
    folder: /var/lib/backup-reports
"""

RETURN = r"""
files:
  description: The files that were written, and the URLs of those in the container.
  returned: success
  type: list
  elements: str
  sample:
    - /var/lib/backup-reports/backup-report.html
    - /var/lib/backup-reports/backup-report.csv
failures:
  description: What O(fail_on) and O(min_compliance_percent) ask to fail on.
  returned: success
  type: list
  elements: str
  sample: ['2 resource(s) are unprotected: data02, data03']
summary:
  description: The totals and the first resources that are not covered, for the statistics of a workflow.
  returned: success
  type: dict
  sample:
    compliance_percent: 33.3
    count: 3
    not_covered:
      - datasource_id: /subscriptions/0000.../disks/data02
        verdict: unprotected
        reason: no vault protects it
"""
