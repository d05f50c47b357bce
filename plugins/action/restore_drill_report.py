# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the role restore_drill, on the controller."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ansible_collections.holdfast.azure_backup.plugins.plugin_utils import drill_report
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.report_delivery import Report, ReportAction


class ActionModule(ReportAction):
    """Builds the report of drills and delivers it."""

    report_name = drill_report.NAME
    schema_version = drill_report.SCHEMA_VERSION
    own_options = ("results", "title")
    undelivered = "the drill has ended, but its report is not delivered"

    def build(self, now: datetime, earlier: Sequence[Report]) -> Report:
        """See ReportAction."""
        given = self._task.args
        return drill_report.build_report(given["results"], str(given.get("title") or "Restore drill"), now, earlier)

    def forms_of(self, report: Report) -> dict[str, str]:
        """See ReportAction."""
        return drill_report.forms_of(report)

    def kept_of(self, report: Report) -> str:
        """See ReportAction. The trend is of each datasource, so that all of it is kept."""
        return drill_report.to_json(report)

    def results_of(self, report: Report, files: list[str]) -> dict[str, Any]:
        """See ReportAction."""
        return {"report": report}
