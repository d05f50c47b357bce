# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of restore drills: one value, written as JSON, JUnit XML, Markdown and one HTML page, with earlier ones."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

Report = dict[str, Any]

SCHEMA_VERSION = 1
STATUSES = ("passed", "partial", "failed", "skipped")
# In check mode, which drills nothing.
_PLANNED = "planned"
# What JUnit shows of a check; JUnit has no partial.
_JUNIT_FAILURES = ("failed", "partial")
_PHASES = ("find", "grant", "propagate", "validate", "queue", "job", "check", "remove")
# What XML 1.0 cannot hold.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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


def forms_of(report: Report, templates: Path) -> dict[str, str]:
    """Give a report in all its forms, by the suffixes of their files."""
    return {
        "json": json.dumps(report, indent=2, sort_keys=True) + "\n",
        "xml": to_junit(report),
        "md": render(report, templates, "report.md.j2"),
        "html": render(report, templates, "report.html.j2"),
    }


def render(report: Report, templates: Path, name: str) -> str:
    """Give a report by a template; everything in it is escaped for HTML, and for tables of Markdown."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        # A report of another form has an escape of its own, see to_markdown.
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": to_words, "markdown": to_markdown, "share": _share}
    return environment.get_template(name).render(report=report, statuses=STATUSES, points=_points)


def to_words(seconds: float | None) -> str:
    """Write a duration in seconds for people, such as 3m42s; a dash for none."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours}h"
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def to_markdown(value: Any) -> str:
    """Write a text for a cell of a Markdown table, so that nothing in it is markup."""
    text = " ".join(str("" if value is None else value).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~&!()+-])", r"\\\1", text)


def _share(seconds: float, whole: float) -> float:
    """Give which share something has of a whole, in percent."""
    return round(100 * seconds / whole, 2) if whole else 0.0


def _points(values: Sequence[float | None], width: int = 120, height: int = 28) -> str:
    """Give the points of a line of values for SVG; none where there are less than two."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    most = max(value for _index, value in known) or 1.0
    step = width / max(len(values) - 1, 1)
    return " ".join(f"{index * step:.1f},{height - 2 - (height - 4) * value / most:.1f}" for index, value in known)


def to_junit(report: Report) -> str:
    """Give a report as JUnit XML: a suite for each group, a case for each datasource and check."""
    root = ET.Element("testsuites", name=_xml(report["title"]))
    groups = list(dict.fromkeys([one["group"] for one in report["datasources"]] + [one["group"] for one in report["failures"]]))
    for group in groups:
        suite = ET.SubElement(root, "testsuite", name=_xml(group), timestamp=report["generated"].rstrip("Z"))
        for item in (one for one in report["datasources"] if one["group"] == group):
            whole = sum(seconds for phase, seconds in item["times"].items() if phase != "remove")
            _case(suite, item["datasource_id"], "drill", item["status"], item["reason"], whole)
            for check in item["checks"]:
                _case(suite, item["datasource_id"], check["name"], check["status"], check["msg"], 0.0)
        for failure in (one for one in report["failures"] if one["group"] == group):
            _case(suite, group, "group", "failed", failure["message"], 0.0)
        for drill in (one for one in report["drills"] if one["group"] == group and one["leftovers"]):
            told = "; ".join(f"{left['id']}: {left['reason']}" for left in drill["leftovers"])
            _case(suite, group, "leftovers", "partial", told, 0.0)
        cases = list(suite)
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
        suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, subject: str, name: str, status: str, message: str | None, seconds: float) -> None:
    case = ET.SubElement(suite, "testcase", classname=_xml(subject), name=_xml(name), time=f"{seconds:.3f}")
    if status in _JUNIT_FAILURES:
        ET.SubElement(case, "failure", type=status, message=_xml(message))
    elif status == "skipped":
        ET.SubElement(case, "skipped", message=_xml(message))


def _xml(text: Any) -> str:
    return _NOT_XML.sub("\ufffd", str("" if text is None else text))
