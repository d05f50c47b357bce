# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and playbook restore_drill: drills, tasks of the user, and the report in all its forms."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from emulator.server import Emulator
from playing import DISK, MACHINE, back_up, environment, installed, loopback, packaged

__all__ = ["environment", "installed", "loopback"]


@pytest.fixture
def drilled(environment: dict[str, str], loopback: Emulator) -> dict[str, str]:
    """Give the environment of somebody whose disk is backed up, and who has a scratch group."""
    store = loopback.azure.blob_store
    if store is None:
        pytest.skip("Azurite, which holds the journals of drills, is not on this machine (make azurite)")
    store.drop("drillaccount", "holdfast-drills")
    back_up(environment, DISK)
    return environment


def scratch_disks(loopback: Emulator) -> list[str]:
    return [name for name in loopback.azure.compute.disks if "/drills-rg/" in name]


class Page(HTMLParser):
    """What a page asks for, and the headings that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [str(value) for name, value in attrs if name in ("src", "href", "action", "data", "srcset")]


def test_a_drill_is_reported_in_all_forms_and_the_trend_grows(
    drilled: dict[str, str], loopback: Emulator, tmp_path: Path
) -> None:
    folder = tmp_path / "reports"
    more = {
        "restore_drill_report_folder": str(folder),
        "restore_drill_report_title": "Drill <script>alert(1)</script>",
    }
    done = packaged(drilled, "restore_drill", **more, restore_drill_rto="2h")
    assert done.returncode == 0, done.stdout[-4000:]
    report = json.loads((folder / "restore-drill.json").read_text())
    assert report["counts"] == {"passed": 1, "partial": 0, "failed": 0, "skipped": 0}
    assert report["datasources"][0]["datasource_id"] == DISK
    assert report["history"] == []
    suite = ET.parse(folder / "restore-drill.xml").getroot()[0]  # noqa: S314 - of our own
    assert {case.get("name") for case in suite} == {"drill", "job", "exists", "size", "sku", "rto"}
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "0")
    text = (folder / "restore-drill.html").read_text()
    page = Page(text)
    assert page.asked == []
    # The script of the page itself; that of the title is text.
    assert page.tags.count("script") == 1
    assert "&lt;script&gt;" in text
    assert "| passed | data01 |" in (folder / "restore-drill.md").read_text()
    assert scratch_disks(loopback) == []
    again = packaged(drilled, "restore_drill", **more, restore_drill_report_history=1)
    assert again.returncode == 0, again.stdout[-4000:]
    second = json.loads((folder / "restore-drill.json").read_text())
    assert [one["generated"] for one in second["history"]] == [report["generated"]]
    assert len(list((folder / "history").iterdir())) == 1
    assert "<polyline" in (folder / "restore-drill.html").read_text()


def test_tasks_of_the_user_fail_the_drill_and_the_removal_still_happens(
    drilled: dict[str, str], loopback: Emulator, tmp_path: Path
) -> None:
    checks = tmp_path / "checks.yml"
    checks.write_text(
        "- name: Look at the restored disk\n"
        "  ansible.builtin.assert:\n"
        "    that:\n"
        "      - restore_drill_item.restored_ids | length == 1\n"
        "      - looks_good | bool\n"
        "    fail_msg: the data is stale\n"
    )
    folder = tmp_path / "reports"
    more = {"restore_drill_check_tasks": str(checks), "restore_drill_report_folder": str(folder)}
    done = packaged(drilled, "restore_drill", **more, looks_good=True)
    assert done.returncode == 0, done.stdout[-4000:]
    assert scratch_disks(loopback) == []
    bad = packaged(drilled, "restore_drill", **more, looks_good=False)
    assert bad.returncode != 0
    assert "'data01' failed: check_tasks: Look at the restored disk: the data is stale" in bad.stdout
    report = json.loads((folder / "restore-drill.json").read_text())
    assert report["counts"]["failed"] == 1
    assert report["datasources"][0]["checks"][-1]["status"] == "failed"
    assert scratch_disks(loopback) == []
    assert [name for name in loopback.azure.authorization.assignments if "/drills-rg/" in name] == []


def test_a_group_that_fails_stops_no_other_and_both_are_reported(
    drilled: dict[str, str], loopback: Emulator, tmp_path: Path
) -> None:
    back_up(drilled, MACHINE)
    groups = [
        {"name": "gone", "datasources": [DISK], "vault_name": "no-vault"},
        {"name": "machines", "datasources": [MACHINE], "vault_name": "demo-rsv"},
    ]
    more = {"restore_drill_datasources": "", "restore_drill_groups": groups, "restore_drill_report_folder": str(tmp_path)}
    done = packaged(drilled, "restore_drill", **more)
    assert done.returncode != 0
    assert "gone: vault_name, vault_id: there is no Backup vault 'no-vault'" in done.stdout
    report = json.loads((tmp_path / "restore-drill.json").read_text())
    assert [(one["group"], one["status"]) for one in report["datasources"]] == [("machines", "passed")]
    assert report["failures"][0]["group"] == "gone"
    suites = ET.parse(tmp_path / "restore-drill.xml").getroot()  # noqa: S314 - of our own
    assert {suite.get("name"): suite.get("failures") for suite in suites} == {"machines": "0", "gone": "1"}
    assert scratch_disks(loopback) == []


def test_check_mode_drills_nothing_and_writes_no_file(drilled: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    before = len(loopback.azure.journal.writes())
    done = packaged(drilled, "restore_drill", "--check", restore_drill_report_folder=str(tmp_path / "none"))
    assert done.returncode == 0, done.stdout[-4000:]
    assert "would be drilled from the recovery point of" in done.stdout
    assert not (tmp_path / "none").exists()
    assert len(loopback.azure.journal.writes()) == before


def test_the_report_and_its_history_are_kept_in_a_container(drilled: dict[str, str], loopback: Emulator) -> None:
    store = loopback.azure.blob_store
    assert store
    store.drop("drillaccount", "reports")
    more = {
        "restore_drill_report_container_uri": f"{loopback.urls['blobs']}/drillaccount/reports",
        "restore_drill_report_container_folder": "drills",
    }
    missing = packaged(drilled, "restore_drill", **more)
    assert missing.returncode != 0
    assert "reports does not exist; create it first" in " ".join(missing.stdout.split())
    assert scratch_disks(loopback) == []
    assert not [one for one in loopback.azure.journal.writes() if "/restore" in one["path"]], "it fails before the first restore"
    store.fill("drillaccount", "reports", {"drills/notes.txt": b"of somebody else"})
    first = packaged(drilled, "restore_drill", **more)
    assert first.returncode == 0, first.stdout[-4000:]
    foreseen = packaged(drilled, "restore_drill", "--check", **more)
    assert foreseen.returncode == 0, foreseen.stdout[-4000:]
    second = packaged(drilled, "restore_drill", **more, restore_drill_report_history=1)
    assert second.returncode == 0, second.stdout[-4000:]
    assert f"{more['restore_drill_report_container_uri']}/drills/restore-drill.html" in second.stdout
    blobs = store.blobs_of("drillaccount", "reports")
    kept = [name for name in blobs if name.startswith("drills/history/")]
    assert sorted(set(blobs) - set(kept)) == [
        "drills/notes.txt", *(f"drills/restore-drill.{suffix}" for suffix in ("html", "json", "md", "xml"))
    ]  # fmt: skip
    assert len(kept) == 1
    report = json.loads(blobs["drills/restore-drill.json"])
    assert len(report["history"]) == 1
    assert report["datasources"][0]["earlier_rto_seconds"][0] > 0


@pytest.mark.smoke
def test_a_managed_hsm_is_drilled_beside_vaults_by_its_own_check(
    drilled: dict[str, str], loopback: Emulator, tmp_path: Path
) -> None:
    store = loopback.azure.blob_store
    assert store
    hsm = {"name": "keys", "hsm_uri": loopback.urls["managed_hsm"], "storage_container_uri": store.container_uri, "rpo": "24h"}
    token = store.make_sas("rl")
    more = {
        "restore_drill_datasources": "",
        "restore_drill_groups": [{"name": "disks", "datasources": [DISK]}, hsm],
        "restore_drill_report_folder": str(tmp_path),
        "restore_drill_sas_token": token,
        "restore_drill_fail_on": "skipped",
    }
    without = packaged(drilled, "restore_drill", **more)
    assert without.returncode != 0
    assert "keys: '127.0.0.1' skipped: the container" in " ".join(without.stdout.split())
    folder = f"mhsm-127.0.0.1-{loopback.azure.clock.now():%Y%m%d%H%M%S}07"
    store.put(f"{folder}/keys/0001.bin")
    done = packaged(drilled, "restore_drill", "-vvv", quick=False, **more)
    assert done.returncode == 0, done.stdout[-4000:]
    assert token.rsplit("sig=", 1)[1] not in done.stdout + done.stderr
    report = json.loads((tmp_path / "restore-drill.json").read_text())
    assert report["counts"]["passed"] == 2
    (keys,) = [one for one in report["datasources"] if one["group"] == "keys"]
    assert (keys["recovery_point"], keys["rto_seconds"]) == (folder, None)
    assert [check["name"] for check in keys["checks"]] == ["precheck", "rpo"]
    assert loopback.azure.managed_hsm.restored == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"restore_drill_datasources": ""}, "Set exactly one of restore_drill_datasources, restore_drill_select"),
        ({"restore_drill_scratch": {"resource_group": "x"}}, "restore_drill_scratch with"),
        ({"restore_drill_hsm_name": "keys"}, "Set exactly one of restore_drill_datasources, restore_drill_select"),
        ({"restore_drill_fail_on": "never"}, "restore_drill_fail_on: 'never'"),
    ],
)
def test_answers_of_a_survey(environment: dict[str, str], given: dict[str, object], message: str) -> None:
    done = packaged(environment, "restore_drill", **given)
    assert done.returncode != 0
    assert message in " ".join(done.stdout.split())
