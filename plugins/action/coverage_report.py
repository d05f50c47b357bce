# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the role report, on the controller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ansible_collections.holdfast.azure_backup.plugins.plugin_utils import coverage_report, drill_report
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.report_delivery import Report, ReportAction


class ActionModule(ReportAction):
    """Builds the report of the coverage, delivers it, and tells what of it fails a pipeline."""

    report_name = coverage_report.NAME
    schema_version = coverage_report.SCHEMA_VERSION
    own_options = ("coverage", "title", "drill_folder", "drill_container_folder", "fail_on", "min_compliance_percent")
    undelivered = "the report is not delivered"

    def build(self, now: datetime, earlier: Sequence[Report]) -> Report:
        """See ReportAction."""
        given = self._task.args
        place = (given.get("drill_folder"), given.get("drill_container_folder"))
        drills = self.reports_of(drill_report.NAME, drill_report.SCHEMA_VERSION, *place)
        title = str(given.get("title") or "Backup coverage")
        return coverage_report.build_report(given["coverage"], title, now, earlier, drills)

    def forms_of(self, report: Report) -> dict[str, str]:
        """See ReportAction."""
        return coverage_report.forms_of(report)

    def kept_of(self, report: Report) -> str:
        """See ReportAction."""
        return coverage_report.kept_of(report)

    def results_of(self, report: Report, files: list[str]) -> dict[str, Any]:
        """See ReportAction."""
        given = self._task.args
        least = given.get("min_compliance_percent")
        # Older Ansible gives templated numbers as texts.
        failures = coverage_report.failures_of(report, given.get("fail_on") or [], None if least is None else float(least))
        return {"failures": failures, "summary": coverage_report.summary_of(report, failures, files)}
