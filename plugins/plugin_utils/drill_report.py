# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of restore drills: one value, written as JSON, JUnit XML, Markdown and one HTML page, with earlier ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.junit import add_case, to_xml, write_junit
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.report_rendering import render

Report = dict[str, Any]

NAME = "restore-drill"
SCHEMA_VERSION = 1
STATUSES = ("passed", "partial", "failed", "skipped")
# In check mode, which drills nothing.
_PLANNED = "planned"
_PHASES = ("find", "grant", "propagate", "validate", "queue", "job", "check", "remove")


def build_report(results: Sequence[Mapping[str, Any]], title: str, now: datetime, earlier: Sequence[Report]) -> Report:
    """Give the report of the groups of a role.

    results: of each group, with group, failure ('' for none), drill and datasources (of backup_restore_drill), and complaints
    (what tasks of the user found wrong, by datasource; None where there were none); now: in UTC; earlier: reports before this
    one, the oldest first.
    """
    datasources = [_datasource(group, item, earlier) for group in results for item in group["datasources"]]
    counts = Counter(str(one["status"]) for one in datasources)
    measured = [one["rto_seconds"] for one in datasources if one["rto_seconds"] is not None]
    report: Report = {
        "schema_version": SCHEMA_VERSION,
        "title": title,
        "generated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "counts": {status: counts[status] for status in STATUSES},
        "longest_rto_seconds": max(measured, default=None),
        "failures": [{"group": one["group"], "message": one["failure"]} for one in results if one["failure"]],
        "drills": [{"group": one["group"], **one["drill"]} for one in results if one.get("drill")],
        "datasources": datasources,
        "history": [{key: one.get(key) for key in ("generated", "counts", "longest_rto_seconds")} for one in earlier],
    }
    return report


def _datasource(group: Mapping[str, Any], item: Mapping[str, Any], earlier: Sequence[Report]) -> Report:
    point, job = item.get("recovery_point") or {}, item.get("job") or {}
    times, complaints = item.get("times") or {}, group.get("complaints")
    if complaints is not None and item.get("restored_ids"):
        wrong = complaints.get(item["datasource_id"])
        told = {"name": "check_tasks", "status": "failed" if wrong else "passed", "msg": wrong or "the tasks passed"}
        item = {**item, "checks": [*item["checks"], {**told, "expected": None, "found": None}]}
        if wrong:
            item = {**item, "status": "failed", "reason": wrong}
    return {
        "group": group["group"],
        "datasource_id": item["datasource_id"],
        "name": str(item["datasource_id"]).rsplit("/", 1)[-1],
        "status": item.get("status") or ("failed" if item["failed"] else _PLANNED),
        "reason": item.get("reason") or (item["msg"] if item["failed"] else None),
        "checks": item.get("checks") or [],
        "recovery_point": point.get("name"),
        "recovery_point_time": point.get("time"),
        "recovery_point_age_seconds": item.get("recovery_point_age_seconds"),
        "rto_seconds": item.get("rto_seconds"),
        # Of each earlier report, the oldest first; null where it was not drilled.
        "earlier_rto_seconds": [_rto_of(one, item["datasource_id"]) for one in earlier],
        "times": {phase: times[phase] for phase in _PHASES if phase in times},
        "job": job.get("name"),
        "error_code": (item.get("error") or {}).get("code"),
        "leftovers": item.get("leftovers") or [],
    }


def _rto_of(report: Report, datasource_id: str) -> float | None:
    listed = report.get("datasources") or []
    return next((one.get("rto_seconds") for one in listed if one.get("datasource_id") == datasource_id), None)


def forms_of(report: Report) -> dict[str, str]:
    """Give a report in all its forms, by the suffixes of their files."""
    return {
        "json": to_json(report),
        "xml": to_junit(report),
        "md": render("restore_drill", "report.md.j2", report=report),
        "html": render("restore_drill", "report.html.j2", report=report, statuses=STATUSES),
    }


def to_json(report: Report) -> str:
    """Give a report as JSON."""
    return json.dumps(report, indent=2, sort_keys=True) + "\n"


def to_junit(report: Report) -> str:
    """Give a report as JUnit XML: a suite for each group, a case for each datasource and check."""
    root = ET.Element("testsuites", name=to_xml(report["title"]))
    groups = list(dict.fromkeys([one["group"] for one in report["datasources"]] + [one["group"] for one in report["failures"]]))
    for group in groups:
        suite = ET.SubElement(root, "testsuite", name=to_xml(group), timestamp=report["generated"].rstrip("Z"))
        for item in (one for one in report["datasources"] if one["group"] == group):
            whole = sum(seconds for phase, seconds in item["times"].items() if phase != "remove")
            add_case(suite, item["datasource_id"], "drill", item["status"], item["reason"], whole)
            for check in item["checks"]:
                add_case(suite, item["datasource_id"], check["name"], check["status"], check["msg"])
        for failure in (one for one in report["failures"] if one["group"] == group):
            add_case(suite, group, "group", "failed", failure["message"])
        for drill in (one for one in report["drills"] if one["group"] == group and one["leftovers"]):
            told = "; ".join(f"{left['id']}: {left['reason']}" for left in drill["leftovers"])
            add_case(suite, group, "leftovers", "partial", told)
    return write_junit(root)
