# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the coverage: one value, as HTML, Markdown, CSV, JSON, JUnit XML and Prometheus text, with earlier ones."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.coverage import VERDICTS, last_drills
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.junit import add_case, to_xml, write_junit
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.report_rendering import render

Report = dict[str, Any]

NAME = "backup-report"
SCHEMA_VERSION = 1
# What the history keeps of a report, which is enough for its trend.
_KEPT = ("schema_version", "generated", "count", "verdicts", "compliance_percent")
_COLUMNS = (
    "verdict", "reason", "name", "datasource_type", "subscription_id", "resource_group", "location", "vault_name", "policy_name",
    "state", "recovery_point_time", "recovery_point_age_seconds", "rpo_seconds", "rpo_source", "failures_in_a_row",
    "datasource_id", "vault_id",
)  # fmt: skip
# A spreadsheet takes a text that begins so for a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_MOST_NAMED = 10
_MOST_IN_SUMMARY = 20
_GOOD = ("covered", "exempt")


def build_report(
    coverage: Mapping[str, Any], title: str, now: datetime, earlier: Sequence[Report], drill_reports: Sequence[Report]
) -> Report:
    """Give the report of a coverage.

    coverage: of backup_coverage_info; now: in UTC; earlier: what was kept of reports before this one, the oldest first;
    drill_reports: of the role restore_drill.
    """
    drills = last_drills(drill_reports)
    resources = [
        {**one, "last_drill": one["last_drill"] or drills.get(str(one["datasource_id"]).lower())} for one in coverage["resources"]
    ]
    return {
        **coverage,
        "schema_version": SCHEMA_VERSION,
        "title": title,
        "generated": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        # What needs somebody comes first.
        "resources": sorted(resources, key=lambda one: (-VERDICTS.index(one["verdict"]), str(one["datasource_id"]).lower())),
        "drills": [{key: one.get(key) for key in ("generated", "counts", "longest_rto_seconds")} for one in drill_reports],
        "history": [{key: one.get(key) for key in _KEPT} for one in earlier],
    }


def forms_of(report: Report) -> dict[str, str]:
    """Give a report in all its forms, by the suffixes of their files."""
    return {
        "html": render("report", "report.html.j2", report=report, verdicts=VERDICTS),
        "md": render("report", "report.md.j2", report=report, verdicts=VERDICTS),
        "csv": to_csv(report),
        "json": json.dumps(report, indent=2, sort_keys=True) + "\n",
        "xml": to_junit(report),
        "prom": to_prometheus(report),
    }


def kept_of(report: Report) -> str:
    """Give what the history keeps of a report, as JSON."""
    return json.dumps({key: report[key] for key in _KEPT}, indent=2, sort_keys=True) + "\n"


def failures_of(report: Report, fail_on: Iterable[str], least_percent: float | None) -> list[str]:
    """Tell what of a report fails a pipeline.

    fail_on: verdicts, controls, drift, unreadable; least_percent: of the compliance.
    """
    of_others = {
        "controls": (
            [vault["name"] for vault in report["vaults"] if vault["is_compliant"] is False],
            "{} vault(s) do not meet report_controls: {}",
        ),
        "drift": ([one["msg"] for one in report["drift"]], "{} difference(s) from report_protect_groups: {}"),
        "unreadable": ([one["what"] for one in report["unreadable"]], "{} thing(s) could not be read: {}"),
    }
    told = []
    for one in fail_on:
        if one in of_others:
            names, words = of_others[one]
            count = len(names)
        else:
            names = [item["name"] for item in report["resources"] if item["verdict"] == one]
            # Not all that are counted need be listed.
            count, words = report["verdicts"][one], f"{{}} resource(s) are {one.replace('_', ' ')}: {{}}"
        if count:
            told.append(words.format(count, _some(names, count)))
    percent = report["compliance_percent"]
    if least_percent is not None and (percent is None or percent < least_percent):
        found = "no resource is" if percent is None else f"{percent} % are"
        told.append(f"{found} covered, less than report_min_compliance_percent, {least_percent:g}")
    return told


def summary_of(report: Report, failures: list[str], files: list[str]) -> Report:
    """Give the totals of a report and the first of what needs somebody, for the next step of a workflow."""
    first = slice(_MOST_IN_SUMMARY)
    open_items = [item for item in report["resources"] if item["verdict"] not in _GOOD]
    return {
        **{key: report[key] for key in ("generated", "count", "verdicts", "compliance_percent")},
        "not_covered": [{key: item[key] for key in ("datasource_id", "verdict", "reason")} for item in open_items[first]],
        "vaults_not_compliant": [vault["id"] for vault in report["vaults"] if vault["is_compliant"] is False][first],
        "unreadable": report["unreadable"][first],
        "failures": failures,
        "files": files,
    }


def _some(names: Sequence[str], count: int) -> str:
    shown = names[:_MOST_NAMED]
    more = [f"{count - len(shown)} more"] if count > len(shown) else []
    return " and ".join([", ".join(shown)] * bool(shown) + more)


def to_csv(report: Report) -> str:
    """Give the resources as CSV, a row each; a text that a spreadsheet would take for a formula has an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*_COLUMNS, "last_backup_status", "last_backup_error_code", "last_drill_status", "last_drill_time"])
    for item in report["resources"]:
        job, drill = item["last_job"] or {}, item["last_drill"] or {}
        values = [item[column] for column in _COLUMNS]
        values += [job.get("status"), job.get("error_code"), drill.get("status"), drill.get("time")]
        writer.writerow([_defused(value) for value in values])
    return text.getvalue()


def _defused(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def to_junit(report: Report) -> str:
    """Give a report as JUnit XML: a case for each resource, and for each control of a vault; what is exempt is skipped."""
    root = ET.Element("testsuites", name=to_xml(report["title"]))
    moment = report["generated"].rstrip("Z")
    suite = ET.SubElement(root, "testsuite", name="resources", timestamp=moment)
    for item in report["resources"]:
        status = {"covered": "passed", "exempt": "skipped"}.get(item["verdict"], item["verdict"])
        add_case(suite, item["datasource_id"], "coverage", status, item["reason"])
    suite = ET.SubElement(root, "testsuite", name="controls", timestamp=moment)
    for vault in report["vaults"]:
        for control in vault["controls"]:
            told = f"{control['found']}, required {control['expected']}"
            add_case(suite, vault["id"], control["name"], control["status"], told)
    suite = ET.SubElement(root, "testsuite", name="drift", timestamp=moment)
    for one in report["drift"]:
        add_case(suite, one["datasource_id"] or one["vault_id"] or one["group"], one["kind"], one["kind"], one["msg"])
    suite = ET.SubElement(root, "testsuite", name="reading", timestamp=moment)
    for one in report["unreadable"]:
        add_case(suite, one["what"], "readable", "unknown", one["reason"])
    return write_junit(root)


def to_prometheus(report: Report) -> str:
    """Give a report as text for Prometheus, for the textfile collector of the node exporter (text format 0.0.4)."""
    lines: list[str] = []

    def family(name: str, told: str, samples: Iterable[tuple[Mapping[str, Any], float | None]]) -> None:
        lines.extend([f"# HELP azure_backup_{name} {told}", f"# TYPE azure_backup_{name} gauge"])
        for labels, value in samples:
            if value is not None:
                shown = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
                lines.append(f"azure_backup_{name}" + (f"{{{shown}}}" if shown else "") + f" {value:.17g}")

    moment = datetime.strptime(report["generated"] + "+0000", "%Y-%m-%dT%H:%M:%SZ%z").timestamp()
    percent = report["compliance_percent"]
    family("report_timestamp_seconds", "When the report was made.", [({}, moment)])
    family(
        "compliance_ratio", "Covered resources of all that are not exempt.", [({}, None if percent is None else percent / 100)]
    )
    counts = [
        ({"datasource_type": one["name"], "verdict": name}, float(one["verdicts"][name]))
        for one in report["by_type"]
        for name in VERDICTS
    ]
    family("resources", "Resources by their verdict.", counts)
    family("drift", "Things that differ from how resources are to be protected.", [({}, float(len(report["drift"])))])
    family("unreadable", "Things that could not be read.", [({}, float(len(report["unreadable"])))])
    resources = [({key: item[key] for key in ("datasource_id", "name", "datasource_type")}, item) for item in report["resources"]]
    covered = [
        ({**labels, "verdict": item["verdict"]}, float(item["verdict"] == "covered"))
        for labels, item in resources
        if item["verdict"] != "exempt"
    ]
    family("resource_covered", "Whether a resource is covered (1) or not (0), without those that are exempt.", covered)
    ages = [(labels, item["recovery_point_age_seconds"]) for labels, item in resources]
    family("recovery_point_age_seconds", "Age of the newest recovery point.", ages)
    family(
        "rpo_seconds", "How old the newest recovery point may be.", [(labels, item["rpo_seconds"]) for labels, item in resources]
    )
    controls = [
        ({"vault_id": vault["id"], "control": one["name"]}, float(one["status"] == "passed"))
        for vault in report["vaults"]
        for one in vault["controls"]
    ]
    family("vault_control_passed", "Whether a vault meets a control (1) or not (0).", controls)
    return "\n".join(lines) + "\n"


def _label(value: Any) -> str:
    return str("" if value is None else value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
