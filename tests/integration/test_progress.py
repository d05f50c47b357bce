# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress on the controller while a backup runs, whatever prints the results."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
from emulator.server import Emulator
from playing import BIN, DISK, VARIABLES, back_up, environment, environment_of, installed, loopback, packaged, play

__all__ = ["environment", "installed", "loopback"]

LINE = re.compile(
    r"^backup_adhoc \[localhost\] data01: job ([0-9a-f-]{36}) (started|in progress|completed)(, .*)?$", re.MULTILINE
)
# In which service a disk is protected already: each reset makes a new one.
PROTECTED: dict[str, Any] = {}
FAR_AWAY = """
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = '''
name: far_away
short_description: A machine that is not this one, as far as Ansible can tell
description: It is this one.
author: the tests
extends_documentation_fragment: connection_pipelining
'''


class Connection(Local):
    transport = "far_away"
"""


@pytest.fixture
def protected(loopback: Emulator, installed: Path, tmp_path: Path) -> Emulator:
    """Have a protected disk, once for as long as no other test has the emulator begin anew."""
    azure = loopback.azure
    if PROTECTED.get("service") is not azure.data_protection:
        azure.clock.speed = 600
        azure.reset()
        back_up(environment_of(loopback, installed, tmp_path), DISK, is_backup=False)
        PROTECTED["service"] = azure.data_protection
    return loopback


@pytest.fixture
def slow(protected: Emulator, installed: Path, tmp_path: Path) -> dict[str, str]:
    """Have a backup take about two seconds."""
    protected.azure.clock.speed = 100
    return environment_of(protected, installed, tmp_path)


def task(environment: dict[str, str], folder: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a playbook of one task that backs up."""
    arguments = {
        "resource_group": "demo-rg",
        "vault_name": "demo-vault",
        "datasource_id": [DISK],
        "poll_interval": 0.2,
        "progress_interval": 0.5,
        **more.pop("arguments", {}),
    }
    then = more.pop("then", [])
    book = folder / "book.yml"
    tasks = [{"holdfast.azure_backup.backup_adhoc": arguments, "register": "backup", **more}]
    tasks.append({"ansible.builtin.debug": {"var": "backup.datasources"}})
    tasks += then
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    done = play(environment, str(book), quick=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done


def assert_watched(text: str) -> None:
    """The first line names the job, some come in between, the last one tells how it ended."""
    lines = [(match[1], match[2]) for match in LINE.finditer(text)]
    assert len(lines) >= 3, text
    assert len({job for job, _status in lines}) == 1
    assert lines[0][1] in ("started", "in progress")
    assert [status for _job, status in lines].count("completed") == 1
    assert lines[-1][1] == "completed"


def with_callback(environment: dict[str, str], name: str) -> dict[str, str]:
    peers = os.environ.get("PEER_COLLECTIONS")
    if name.startswith("ansible.posix."):
        if not peers:
            pytest.skip("PEER_COLLECTIONS names no folder with ansible.posix")
        environment["ANSIBLE_COLLECTIONS_PATH"] += f"{os.pathsep}{peers}"
    return {**environment, "ANSIBLE_STDOUT_CALLBACK": name, "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true"}


def test_lines_come_on_stderr_and_not_among_the_results(slow: dict[str, str], tmp_path: Path) -> None:
    done = task(slow, tmp_path)
    assert_watched(done.stderr)
    assert not LINE.search(done.stdout)
    assert re.search(r"completed, \ds$", done.stderr, re.MULTILINE)


def test_what_the_json_callback_prints_stays_json(slow: dict[str, str], tmp_path: Path) -> None:
    done = task(with_callback(slow, "ansible.posix.json"), tmp_path)
    (played,) = json.loads(done.stdout)["plays"]
    result = played["tasks"][0]["hosts"]["localhost"]
    assert result["datasources"][0]["job"]["status"] == "completed"
    assert_watched(done.stderr)


def test_with_the_minimal_callback(slow: dict[str, str], tmp_path: Path) -> None:
    done = task(with_callback(slow, "minimal"), tmp_path)
    assert_watched(done.stderr)
    assert not LINE.search(done.stdout)


def test_an_ad_hoc_command_has_lines_too(slow: dict[str, str]) -> None:
    arguments = f"resource_group=demo-rg vault_name=demo-vault datasource_id={DISK} poll_interval=0.2 progress_interval=0.5"
    command = [str(BIN / "ansible"), "localhost", "-m", "holdfast.azure_backup.backup_adhoc", "-a", arguments]
    done = subprocess.run(command, env=slow, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_watched(done.stderr)
    assert json.loads(done.stdout.split("=>", 1)[1])["changed"] is True


def test_under_ansible_runner_as_awx_has_it(slow: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "runner"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    handed_on = ("ANSIBLE_", "AZURE_", "REQUESTS", "SSL", "HOME")
    run = ansible_runner.run(
        private_data_dir=str(folder),
        playbook="holdfast.azure_backup.backup_now",
        envvars={name: value for name, value in slow.items() if name.startswith(handed_on)},
        extravars={**VARIABLES, "backup_now_progress_interval": 0.5, "backup_now_poll_interval": 0.2},
        quiet=True,
    )
    assert (run.status, run.rc) == ("successful", 0), run.stdout.read()[-3000:]
    told = [event for event in run.events if "data01: job" in event["stdout"] and event["event"] == "verbose"]
    assert len(told) >= 3
    (ok,) = [event for event in run.events if event["event"] == "runner_on_ok" and "adhoc" in event["event_data"]["task_action"]]
    assert ok["event_data"]["res"]["datasources"][0]["job"]["status"] == "completed"


@pytest.mark.parametrize(
    "more",
    [
        {"arguments": {"progress": False}},
        {"no_log": True},
        {"async": 120, "poll": 1},
        {"check_mode": True},
        {"vars": {"ansible_connection": "far_away"}},
    ],
    ids=["told so", "no_log", "async", "check mode", "remote"],
)
def test_silence(slow: dict[str, str], tmp_path: Path, more: dict[str, Any]) -> None:
    plugins = tmp_path / "connections"
    plugins.mkdir()
    (plugins / "far_away.py").write_text(FAR_AWAY, encoding="utf-8")
    settings = {"ANSIBLE_CONNECTION_PLUGINS": str(plugins), "ANSIBLE_ASYNC_DIR": str(tmp_path / "async")}
    done = task({**slow, **settings}, tmp_path, **more)
    assert "data01: job" not in done.stderr
    if "no_log" not in more and "check_mode" not in more:
        assert '"status": "completed"' in done.stdout


def test_a_role_is_silent_when_told_so(slow: dict[str, str]) -> None:
    done = packaged(slow, "backup_now", quick=False, backup_now_progress=False)
    assert done.returncode == 0
    assert "data01: job" not in done.stderr


def test_a_wrong_interval_is_told_before_anything_runs(slow: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    loopback.azure.journal.entries.clear()
    arguments = {"resource_group": "demo-rg", "vault_name": "demo-vault", "datasource_id": DISK, "progress_interval": "soon"}
    book = tmp_path / "book.yml"
    tasks = [{"holdfast.azure_backup.backup_adhoc": arguments}]
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    done = play(slow, str(book), quick=False)
    assert done.returncode != 0
    assert "progress_interval" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert loopback.azure.journal.entries == []


def test_nothing_is_left_behind(slow: dict[str, str], tmp_path: Path) -> None:
    # Ansible clears its folder when it ends, so a later task of the same play has to look.
    local = tmp_path / "local"
    look = {"ansible.builtin.find": {"paths": str(local), "recurse": True, "patterns": "progress"}, "register": "left"}
    done = task({**slow, "ANSIBLE_LOCAL_TEMP": str(local)}, tmp_path, then=[look, {"ansible.builtin.debug": {"var": "left"}}])
    assert '"examined": ' in done.stdout
    assert '"matched": 0' in done.stdout
    assert_watched(done.stderr)


def test_a_task_does_not_fail_for_want_of_a_place_for_its_lines(slow: dict[str, str], tmp_path: Path) -> None:
    book = tmp_path / "book.yml"
    arguments = {"resource_group": "demo-rg", "vault_name": "demo-vault", "datasource_id": DISK, "poll_interval": 0.2}
    gone = {"ansible.builtin.shell": f"rm -rf {tmp_path}/local/*"}
    tasks = [gone, {"holdfast.azure_backup.backup_adhoc": arguments}]
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    done = play({**slow, "ANSIBLE_PIPELINING": "true", "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local")}, str(book), quick=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "data01: job" not in done.stderr


def test_the_permissions_that_are_waited_for_are_told(environment: dict[str, str], loopback: Emulator) -> None:
    loopback.azure.clock.speed = 60
    done = packaged(environment, "protect", quick=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "backup_instance [localhost] data01: waiting until" in done.stderr
    assert "backup_instance [localhost] data01: protected" in done.stderr


def test_the_end_of_an_azure_stack_hubs_backup_is_told_when_it_is_true(environment: dict[str, str], loopback: Emulator) -> None:
    loopback.azure.clock.speed = 400
    more = {"stackhub_backup_location": "local", "stackhub_backup_cloud_environment": loopback.urls["stackhub"]}
    more |= {"stackhub_backup_poll_interval": 0.2, "stackhub_backup_progress_interval": 0.5}
    done = packaged(environment, "stackhub_backup", quick=False, **more)
    assert done.returncode == 0, done.stdout[-3000:]
    found = re.findall(r"^stackhub_backup \[localhost\] local: job ([0-9a-f-]{36}) (\w+)(?:, (.*))?$", done.stderr, re.MULTILINE)
    assert len({job for job, _status, _elapsed in found}) == 1
    statuses = [status for _job, status, _elapsed in found]
    assert (statuses[0], statuses[-1], statuses.count("succeeded")) == ("running", "succeeded", 1)
    assert re.search(r"succeeded in \d+s", done.stdout)
