# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the coverage in all its forms, with names that would do harm if they were taken for anything but text."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.coverage_report import (
    build_report,
    failures_of,
    forms_of,
    kept_of,
)
from conftest import Driver, disk
from emulator.seed import SUBSCRIPTION
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[4]
SCHEMA = ROOT / "roles" / "report" / "files" / "backup-report.schema.json"
NOW = datetime(2026, 11, 4, 12, 3, 2, tzinfo=timezone.utc)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ lookup('env', 'HOME') }}",
    "=cmd|' /C calc'!A0",
    "a|b\nc",
    "\x00\ud800",
)


def coverage(azure: Driver, **options: Any) -> dict[str, Any]:
    result = azure.run(
        "backup_coverage_info", resource_group=None, vault_name=None, controls={"immutability": "locked"}, **options
    )
    assert not result["failed"], result["msg"]
    return dict(result["coverage"])


@pytest.fixture
def found(azure: Driver) -> dict[str, Any]:
    azure.protected("data01", "data02")
    assert not azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    return coverage(azure, select={"datasource_types": ["azure_disk"]})


class Page(HTMLParser):
    """What a page asks for, the scripts in it, and the texts of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.handlers: list[str] = []
        self.scripts = 0
        self.images = 0
        self.headings: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.asked += [str(value) for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]
        self.handlers += [name for name, _value in attrs if name.startswith("on")]
        self.scripts += tag == "script"
        self.images += tag == "img"
        if tag in ("h1", "h2", "h3"):
            self.headings.append(tag)


def test_all_forms_tell_the_same(found: dict[str, Any]) -> None:
    earlier = [{"generated": "2026-10-28T12:00:00Z", "count": 2, "verdicts": {}, "compliance_percent": 10.0}]
    drills = [
        {
            "generated": "2026-11-01T06:00:00Z",
            "counts": {"passed": 1, "partial": 0, "failed": 0, "skipped": 0},
            "longest_rto_seconds": 292.5,
            "datasources": [{"datasource_id": disk("data01"), "status": "passed", "rto_seconds": 292.5}],
        }
    ]
    report = build_report(found, "Monday", NOW, earlier, drills)
    forms = forms_of(report)
    jsonschema.validate(json.loads(forms["json"]), json.loads(SCHEMA.read_text(encoding="utf-8")))
    rows = list(csv.DictReader(io.StringIO(forms["csv"])))
    assert len(rows) == found["count"]
    # What needs somebody comes first.
    assert [row["verdict"] for row in rows][-1] == "covered"
    covered = rows[-1]
    assert (covered["name"], covered["last_backup_status"], covered["last_drill_status"]) == ("data01", "completed", "passed")
    suites = {suite.get("name"): suite for suite in ET.fromstring(forms["xml"])}  # noqa: S314 - of our own
    assert int(str(suites["resources"].get("failures"))) == found["count"] - 1
    assert suites["controls"].get("failures") == "1"
    metrics = {family.name: family for family in text_string_to_metric_families(forms["prom"])}
    assert metrics["azure_backup_compliance_ratio"].samples[0].value == pytest.approx(found["compliance_percent"] / 100)
    counts = {(one.labels["verdict"]): one.value for one in metrics["azure_backup_resources"].samples}
    assert counts == {name: float(count) for name, count in found["verdicts"].items()}
    ages = metrics["azure_backup_recovery_point_age_seconds"].samples
    assert [one.labels["datasource_id"] for one in ages] == [disk("data01")]
    assert "| stale | data02 |" in forms["md"]
    page = Page(forms["html"])
    assert (page.asked, page.handlers, page.scripts) == ([], [], 1)
    assert page.headings[0] == "h1"
    assert "<polyline" in forms["html"]
    assert "2026-11-01T06:00:00Z" in forms["html"]
    assert json.loads(kept_of(report))["compliance_percent"] == found["compliance_percent"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_in_every_form(found: dict[str, Any], name: str) -> None:
    for item in found["resources"]:
        item |= {"name": name, "reason": name, "vault_name": name, "policy_name": name, "tags": {name: name}}
        item["last_job"] = {"status": name, "error_code": name, "recommended_action": name}
    found["unreadable"] = [{"what": name, "reason": name}]
    found["failures"] = [{"error_code": name, "count": 1, "message": name, "recommended_action": name}]
    found["by_policy"][0]["name"] = name
    report = build_report(found, name, NOW, [], [])
    forms = forms_of(report)
    page = Page(forms["html"])
    assert (page.asked, page.handlers, page.scripts, page.images) == ([], [], 1, 0)
    for row in csv.DictReader(io.StringIO(forms["csv"])):
        assert not any(str(value).startswith(("=", "+", "-", "@")) for value in row.values())
    ET.fromstring(forms["xml"])  # noqa: S314 - of our own
    list(text_string_to_metric_families(forms["prom"]))
    for line in forms["md"].splitlines():
        if line.startswith("|"):
            # Nine columns, whatever a name has in it.
            assert len([one for one in line.replace("\\\\|", "").replace("\\|", "") if one == "|"]) == 10
    assert not re.search(r"(?<!\\)<", forms["md"])
    json.loads(forms["json"])


def test_what_fails_a_pipeline(found: dict[str, Any]) -> None:
    report = build_report(found, "x", NOW, [], [])
    assert failures_of(report, [], None) == []
    assert failures_of(report, ["stale"], None) == ["1 resource(s) are stale: data02"]
    # What is counted and not listed counts.
    short = {**report, "resources": []}
    assert failures_of(short, ["stale"], None) == ["1 resource(s) are stale: 1 more"]
    (controls,) = failures_of(report, ["controls", "unreadable", "failing"], None)
    assert controls == "1 vault(s) do not meet report_controls: demo-vault"
    (least,) = failures_of(report, [], 99.5)
    assert least.endswith("% are covered, less than report_min_compliance_percent, 99.5")
    report["unreadable"] = [{"what": f"/subscriptions/{SUBSCRIPTION}", "reason": "no"}]
    assert failures_of(report, ["unreadable"], None) == [f"1 thing(s) could not be read: /subscriptions/{SUBSCRIPTION}"]


def test_an_empty_estate_has_a_report(azure: Driver) -> None:
    nothing = coverage(azure, select={"names": ["no-such-disk"]})
    report = build_report(nothing, "Empty", NOW, [], [])
    forms = forms_of(report)
    jsonschema.validate(json.loads(forms["json"]), json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert failures_of(report, [], 50.0) == ["no resource is covered, less than report_min_compliance_percent, 50"]
    assert Page(forms["html"]).scripts == 1
