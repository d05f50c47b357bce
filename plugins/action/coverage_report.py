# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the role report, on the controller."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ansible_collections.holdfast.azure_backup.plugins.plugin_utils import drill_report
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.coverage_report import (
    SCHEMA_VERSION,
    build_report,
    failures_of,
    forms_of,
    kept_of,
)
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.report_delivery import DeliveryFailed, ReportAction

_MOST_NAMED = 20


class ActionModule(ReportAction):
    """Builds the report, delivers it where the task says, if it is not check mode, and tells what of it fails a pipeline."""

    report_name = "backup-report"
    schema_version = SCHEMA_VERSION
    own_options = ("coverage", "title", "drill_folder", "drill_container_folder", "fail_on", "min_compliance_percent")

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run on the controller; fails where the report cannot be delivered, and gives it all the same."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        given, problem = self._task.args, ""
        earlier, drills, files = [], [], []
        try:
            earlier = self.earlier_reports(task_vars or {})
            drills = self.reports_of(
                "restore-drill",
                drill_report.SCHEMA_VERSION,
                given.get("drill_folder"),
                given.get("drill_container_folder"),
                task_vars or {},
            )
        except DeliveryFailed as error:
            problem = str(error)
        title = str(given.get("title") or "Backup coverage")
        report = build_report(given["coverage"], title, datetime.now(timezone.utc), earlier, drills)
        stamp = report["generated"].replace("-", "").replace(":", "")
        try:
            files = self.deliver(forms_of(report), kept_of(report), stamp, task_vars or {})
        except DeliveryFailed as error:
            problem = str(error)
        least = given.get("min_compliance_percent")
        # Older Ansible gives templated numbers as texts.
        failures = failures_of(report, given.get("fail_on") or [], None if least is None else float(least))
        return {
            **result,
            "changed": bool(files),
            "files": files,
            "failures": failures,
            "summary": self._summary(report, files, failures),
            **({"failed": True, "msg": f"the report is not delivered: {problem}"} if problem else {}),
        }

    def _summary(self, report: dict[str, Any], files: list[str], failures: list[str]) -> dict[str, Any]:
        open_items = [item for item in report["resources"] if item["verdict"] not in ("covered", "exempt")]
        keys = ("datasource_id", "verdict", "reason")
        return {
            "generated": report["generated"],
            "count": report["count"],
            "verdicts": report["verdicts"],
            "compliance_percent": report["compliance_percent"],
            "not_covered": [{key: item[key] for key in keys} for item in open_items[:_MOST_NAMED]],
            "vaults_not_compliant": [vault["id"] for vault in report["vaults"] if vault["is_compliant"] is False][:_MOST_NAMED],
            "unreadable": report["unreadable"][:_MOST_NAMED],
            "failures": failures,
            "files": files,
        }
