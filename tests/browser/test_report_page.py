# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the reports in a real browser: Debian's Chromium without a screen, driven by selenium."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.coverage import VERDICTS, counted, total
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils import coverage_report, drill_report

selenium = pytest.importorskip("selenium.webdriver", reason="selenium is not installed; make certify installs it")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are not installed")
NOW = datetime(2026, 11, 2, 6, 0, 12, tzinfo=timezone.utc)
SUBSCRIPTION = "00000000-0000-4000-8000-000000000000"
HOSTILE = "<script>alert(1)</script><img src=https://evil.example/x.png onerror=alert(1)>{{ 7 * 7 }}"
# Seconds; the largest page takes less than two on a desk.
MOST_TO_OPEN = 5.0


def resource(number: int) -> dict[str, Any]:
    verdict = VERDICTS[number % len(VERDICTS)]
    name = HOSTILE if number == 0 else f"disk{number:05d}"
    age = 3600 * (number % 50) if verdict in ("covered", "stale", "failing") else None
    return {
        "datasource_id": f"/subscriptions/{SUBSCRIPTION}/resourceGroups/prod-rg/providers/Microsoft.Compute/disks/{name}",
        "name": name,
        "datasource_type": "azure_disk",
        "subscription_id": SUBSCRIPTION,
        "location": "westeurope",
        "verdict": verdict,
        "reason": f"because of {number}",
        "vault_id": None,
        "vault_name": "prod-vault",
        "policy_name": "disks",
        "recovery_point_time": None,
        "recovery_point_age_seconds": age,
        "rpo_seconds": 21600.0,
        "last_job": {"status": "completed", "error_code": None, "recommended_action": None},
        "last_drill": None,
        **dict.fromkeys(("resource_group", "state", "rpo_source", "failures_in_a_row")),
    }


def write_page(folder: Path, count: int) -> Path:
    """Write the page of so many resources, and give the file."""
    resources = [resource(number) for number in range(count)]
    coverage = {
        "schema_version": 1,
        "subscription_ids": [SUBSCRIPTION],
        **counted(Counter(one["verdict"] for one in resources)),
        "by_type": total((one["datasource_type"], one["verdict"]) for one in resources),
        **{
            name: []
            for name in ("by_subscription", "by_vault", "by_policy", "vaults", "drift", "failures", "orphans", "unreadable")
        },
        "resources": resources,
        "resources_left_out": 0,
    }
    report = coverage_report.build_report(coverage, HOSTILE, NOW, [], [])
    path = folder / "backup-report.html"
    path.write_text(coverage_report.forms_of(report)["html"], encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    quiet = ("no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "disable-quic")
    for argument in ("headless", "no-sandbox", "disable-gpu", *quiet):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
    yield driver
    driver.quit()


def fetched(browser: Any) -> list[str]:
    """Give what the page has asked for since this was asked last."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]


def shown(browser: Any) -> int:
    return int(browser.execute_script("return document.querySelectorAll('#resources tbody tr:not([hidden])').length"))


@pytest.mark.parametrize("count", [10, 10_000])
def test_the_page_opens_fetches_nothing_filters_and_sorts(browser: Any, tmp_path: Path, count: int) -> None:
    page = write_page(tmp_path, count)
    fetched(browser)
    browser.get(page.as_uri())
    assert fetched(browser) == [page.as_uri()]
    times = "const [one] = performance.getEntriesByType('navigation'); return one.loadEventEnd / 1000"
    assert 0 < browser.execute_script(times) < MOST_TO_OPEN
    # A name is text, in the title as well.
    assert browser.title == HOSTILE
    assert shown(browser) == min(count, 500)
    more = browser.find_element("css selector", "form.filter button")
    assert more.is_displayed() is (count > 500)
    text = browser.find_element("css selector", "form.filter input")
    text.send_keys("disk00007")
    assert shown(browser) == 1
    assert browser.find_element("css selector", "form.filter output").text == f"1 of {count}"
    text.send_keys("\ue003" * len("disk00007"))
    assert browser.find_element("css selector", "form.filter output").text.startswith(f"{count} of {count}")
    choice = browser.find_element("css selector", "form.filter select")
    choice.find_element("css selector", "option[value=stale]").click()
    stale = sum(VERDICTS[number % len(VERDICTS)] == "stale" for number in range(count))
    assert shown(browser) == min(stale, 500)
    choice.find_element("css selector", "option").click()
    head = browser.find_elements("css selector", "#resources thead th")[4]
    button = head.find_element("css selector", "button")
    # By the keyboard, as everything on the page.
    button.send_keys("\n")
    assert head.get_attribute("aria-sort") == "ascending"
    ages = "return Array.from(document.querySelectorAll('#resources tbody tr')).map((row) => row.cells[4].dataset.value)"
    values = [-1.0 if one == "" else float(one) for one in browser.execute_script(ages)]
    assert values == sorted(values)
    button.send_keys("\n")
    assert head.get_attribute("aria-sort") == "descending"
    assert fetched(browser) == []
    if count > 500:
        more.click()
        assert shown(browser) == count
    assert browser.get_log("browser") == []


def test_the_page_of_drills_opens_and_fetches_nothing(browser: Any, tmp_path: Path) -> None:
    item = {
        "datasource_id": f"/x/{HOSTILE}", "failed": False, "msg": "m", "status": "passed", "reason": HOSTILE, "restored_ids": [],
        "checks": [{"name": "size", "status": "passed", "msg": HOSTILE, "expected": 1, "found": 1}],
        "recovery_point": {"name": "p", "time": "2026-11-01T06:00:00Z"}, "times": {"find": 1.0, "job": 200.0},
        "rto_seconds": 201.0,
    }  # fmt: skip
    results = [{"group": "disks", "failure": "", "drill": None, "datasources": [item]}]
    report = drill_report.build_report(results, "Drill", NOW, [])
    page = tmp_path / "restore-drill.html"
    page.write_text(drill_report.forms_of(report)["html"], encoding="utf-8")
    fetched(browser)
    browser.get(page.as_uri())
    assert fetched(browser) == [page.as_uri()]
    assert browser.get_log("browser") == []
    assert HOSTILE in browser.find_element("css selector", "main").text
