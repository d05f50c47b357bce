# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of examples/, as people embed them: beside other collections, around a change, in a pipeline, by error, async."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from emulator.server import Emulator
from playing import DISK, HERE, ROOT, back_up, environment, installed, loopback, play

__all__ = ["environment", "installed", "loopback"]

EXAMPLES = ROOT / "examples"
ERROR = {"code": "UserErrorDiskSnapshotNotFound", "message": "A snapshot is gone."}


def example(environment: dict[str, str], name: str, quick: bool = True, **variables: Any) -> Any:
    return play(environment, str(EXAMPLES / f"{name}.yml"), "-e", json.dumps({"datasource_id": DISK, **variables}), quick=quick)


def jobs(loopback: Emulator) -> list[str]:
    (vault,) = loopback.azure.data_protection.vaults.values()
    return [job["properties"]["status"] for job in vault.jobs.values()]


def test_every_example_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    names = {file.stem for file in EXAMPLES.glob("*.yml")}
    # The tasks of an example are no playbook.
    assert {name for name in names if f'environment, "{name}"' not in text} == {"change_window_tasks"} | {"pipeline"}
    assert 'pipeline, "pipeline"' in text


def test_a_disk_of_another_collection_is_protected(environment: dict[str, str], loopback: Emulator) -> None:
    # The vault and its policy are there; data02 is not protected.
    back_up(environment, DISK, is_backup=False)
    environment["ANSIBLE_COLLECTIONS_PATH"] += f"{os.pathsep}{HERE / 'peers'}"
    done = example(environment, "protect_new_disk", disk_name="data02")
    assert done.returncode == 0, done.stdout[-3000:]
    (vault,) = loopback.azure.data_protection.vaults.values()
    assert len(vault.instances) == 2
    again = example(environment, "protect_new_disk", disk_name="data02")
    # The stand-in of the other module always says that it changed the disk.
    assert "changed=1 " in again.stdout, again.stdout[-1000:]


def test_a_change_stands_between_two_backups_and_its_failure_names_the_recovery_point(
    environment: dict[str, str], loopback: Emulator, tmp_path: Path
) -> None:
    back_up(environment, DISK, is_backup=False)
    loopback.azure.clock.speed = 6000
    done = example(environment, "change_window")
    assert done.returncode == 0, done.stdout[-3000:]
    assert jobs(loopback) == ["Completed", "Completed"]
    tasks = tmp_path / "change.yml"
    tasks.write_text("- name: Break something\n  ansible.builtin.fail:\n    msg: no\n")
    broken = example(environment, "change_window", change_tasks=str(tasks))
    assert broken.returncode != 0
    assert "The change failed in 'Break something'. Recovery point " in broken.stdout


def test_a_pipeline_fails_until_everything_is_backed_up(environment: dict[str, str], tmp_path: Path) -> None:
    pipeline = {**environment, "BACKUP_NAMES": "data01", "REPORT_FOLDER": str(tmp_path / "report")}
    assert example(pipeline, "pipeline").returncode != 0
    suite = ET.parse(tmp_path / "report" / "backup-report.xml").getroot()  # noqa: S314 - of our own
    assert [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None] != []
    back_up(environment, DISK)
    done = example(pipeline, "pipeline")
    assert done.returncode == 0, done.stdout[-3000:]


def test_what_to_do_depends_on_the_code(environment: dict[str, str], loopback: Emulator) -> None:
    back_up(environment, DISK, is_backup=False)
    loopback.azure.clock.speed = 1
    late = example(environment, "by_error_code", wait_timeout=1)
    assert late.returncode == 0, late.stdout[-3000:]
    assert "Report that the job still runs in Azure" in late.stdout
    loopback.azure.clock.speed = 6000
    loopback.azure.clock.advance(4 * 3600)
    loopback.azure.faults.plan({"kind": "job", "outcome": {"status": "Failed", "error": ERROR}})
    failed = example(environment, "by_error_code")
    assert failed.returncode != 0
    assert "UserErrorDiskSnapshotNotFound: " in failed.stdout


def test_a_backup_goes_on_beside_other_work(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    back_up(environment, DISK, is_backup=False)
    # HOME is not the home of the user here, which Ansible tells apart.
    where = {"ansible_async_dir": str(tmp_path / "jobs")}
    done = example(environment, "async_backup", quick=False, poll_interval=1, **where)
    assert done.returncode == 0, done.stdout[-3000:]
    assert jobs(loopback) == ["Completed"]
