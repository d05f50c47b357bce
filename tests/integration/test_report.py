# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role and playbook report: where it writes, its trend, what it gives to a workflow, when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from emulator.server import Emulator
from playing import DISK, back_up, environment, installed, loopback, need_blob_store, packaged

__all__ = ["environment", "installed", "loopback"]

FORMS = ("csv", "html", "json", "md", "prom", "xml")


@pytest.mark.smoke
def test_a_report_that_is_not_as_required_fails_the_play_and_is_there(environment: dict[str, str], tmp_path: Path) -> None:
    more = {"report_folder": str(tmp_path), "report_fail_on": "unprotected", "report_min_compliance_percent": "99"}
    done = packaged(environment, "report", **more)
    assert done.returncode != 0
    told = " ".join(done.stdout.split())
    assert "resource(s) are unprotected: " in told
    assert "0.0 % are covered, less than report_min_compliance_percent, 99" in told
    assert sorted(path.name for path in tmp_path.glob("backup-report.*")) == [f"backup-report.{suffix}" for suffix in FORMS]


def test_the_report_is_written_and_its_trend_grows(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    back_up(environment, DISK)
    folder = tmp_path / "reports"
    more = {
        "report_folder": str(folder),
        "report_title": "{{ 'Monday' }} <b>",
        "report_controls": {"soft_delete": "on", "redundancy": ["GeoRedundant"]},
        "report_select": {"datasource_types": ["azure_disk"]},
    }
    before = len(loopback.azure.journal.writes())
    done = packaged(environment, "report", **more)
    assert done.returncode == 0, done.stdout[-4000:]
    assert sorted(path.name for path in folder.iterdir()) == [*(f"backup-report.{suffix}" for suffix in FORMS), "history"]
    report = json.loads((folder / "backup-report.json").read_text(encoding="utf-8"))
    assert report["title"] == "Monday <b>"
    assert report["verdicts"]["covered"] == 1
    assert report["history"] == []
    assert len(loopback.azure.journal.writes()) == before
    again = packaged(environment, "report", **more, report_history=1)
    assert again.returncode == 0, again.stdout[-4000:]
    second = json.loads((folder / "backup-report.json").read_text(encoding="utf-8"))
    assert [one["generated"] for one in second["history"]] == [report["generated"]]
    assert len(list((folder / "history").iterdir())) == 1
    groups = [{"resource_group": "demo-rg", "vault_name": "demo-vault", "policy_name": "gold", "datasource_id": [DISK]}]
    failing = packaged(
        environment,
        "report",
        **more,
        report_protect_groups=groups,
        report_fail_on="unprotected,controls,drift",
        report_min_compliance_percent="99",
        report_history=3,
    )
    assert failing.returncode != 0
    told = " ".join(failing.stdout.split())
    assert "resource(s) are unprotected: " in told
    assert "1 vault(s) do not meet report_controls: demo-vault" in told
    assert "'data01' is protected by policy 'disks', and has to be by 'gold'" in told
    assert "% are covered, less than report_min_compliance_percent, 99" in told
    # The report is there all the same.
    assert len(json.loads((folder / "backup-report.json").read_text(encoding="utf-8"))["history"]) == 1


def test_check_mode_writes_no_file(environment: dict[str, str], tmp_path: Path) -> None:
    done = packaged(environment, "report", "--check", report_folder=str(tmp_path / "none"))
    assert done.returncode == 0, done.stdout[-4000:]
    assert not (tmp_path / "none").exists()


def test_the_report_is_kept_in_a_container_beside_the_drills(environment: dict[str, str], loopback: Emulator) -> None:
    store = need_blob_store(loopback)
    store.drop("drillaccount", "reports")
    drill = {
        "schema_version": 1,
        "generated": "2026-11-01T06:00:00Z",
        "counts": {"passed": 1, "partial": 0, "failed": 0, "skipped": 0},
        "longest_rto_seconds": 12.0,
        "datasources": [{"datasource_id": DISK, "status": "passed", "rto_seconds": 12.0}],
    }
    kept = {"drills/history/restore-drill-20261101T060000Z.json": json.dumps(drill).encode(), "other.txt": b"of somebody else"}
    store.fill("drillaccount", "reports", kept)
    more = {
        "report_container_uri": f"{loopback.urls['blobs']}/drillaccount/reports",
        "report_container_folder": "coverage",
        "report_drill_container_folder": "drills",
        "report_select": {"names": ["data01"]},
    }
    done = packaged(environment, "report", **more)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{more['report_container_uri']}/coverage/backup-report.html" in done.stdout
    blobs = store.blobs_of("drillaccount", "reports")
    assert set(kept) | {f"coverage/backup-report.{suffix}" for suffix in FORMS} < set(blobs)
    report = json.loads(blobs["coverage/backup-report.json"])
    assert report["resources"][0]["last_drill"]["status"] == "passed"
    assert report["drills"][0]["generated"] == "2026-11-01T06:00:00Z"
    again = packaged(environment, "report", **more)
    assert again.returncode == 0, again.stdout[-4000:]
    assert len(json.loads(store.blobs_of("drillaccount", "reports")["coverage/backup-report.json"])["history"]) == 1


def test_a_sas_token_is_shown_nowhere(environment: dict[str, str], loopback: Emulator) -> None:
    store = need_blob_store(loopback)
    token = store.make_sas("rcwdl")
    more = {"report_container_uri": store.container_uri, "report_sas_token": token, "report_select": {"names": ["data01"]}}
    done = packaged(environment, "report", "-vvvvv", quick=False, **more)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "backup-report.html" in store.names()
    # The command line itself has it, as extra variables do.
    shown = [line for line in (done.stdout + done.stderr).splitlines() if token.rsplit("sig=", 1)[1] in line]
    assert [line for line in shown if "report_sas_token" not in line] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"report_rpo": "soon"}, "rpo: 'soon'"),
        ({"report_fail_on": "sometimes"}, "report_fail_on"),
        ({"report_select": {"tag": {}}}, "select"),
        ({"report_container_uri": "http://x"}, "storage_container_uri"),
    ],
)
def test_answers_of_a_survey(environment: dict[str, str], given: dict[str, object], message: str) -> None:
    done = packaged(environment, "report", **given)
    assert done.returncode != 0
    assert message in " ".join(done.stdout.split())
