# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source and its rulebook in a real ansible-rulebook, which needs Java: from a planted fault to a new backup."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from emulator.server import Emulator
from modules import run_module
from playing import BIN, DISK, VAULT, back_up, environment_of, installed

__all__ = ["installed"]
RULEBOOK = BIN / "ansible-rulebook"
pytestmark = [
    pytest.mark.skipif(not RULEBOOK.exists(), reason="ansible-rulebook is not installed; make certify installs it"),
    pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed; ansible-rulebook needs OpenJDK 17"),
]
ERROR = {"code": "UserErrorDiskSnapshotNotFound", "message": "A snapshot is gone."}
MOST_SECONDS = 120.0


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the address of a webhook, and what it receives."""
    received: list[dict[str, Any]] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hooks/secret-of-the-hook", received
    server.shutdown()


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[str], what: str) -> None:
    end = time.monotonic() + MOST_SECONDS
    while not is_so():
        assert process.poll() is None, f"ansible-rulebook ended before {what}"
        assert time.monotonic() < end, f"not within {MOST_SECONDS:g} seconds: {what}"
        time.sleep(0.2)


def test_a_failed_backup_is_repeated_once_and_deleted_backups_are_told(
    installed: Path, tmp_path: Path, webhook: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, received = webhook
    with Emulator(speed=600) as azure:
        environment = environment_of(azure, installed, tmp_path)
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        back_up(environment, DISK)
        azure.azure.clock.advance(2 * 3600)
        state = tmp_path / "state.json"
        variables = {
            "backup_events_interval": 1,
            "backup_events_select": {"names": ["data01"]},
            "backup_events_rpo": "13d",
            "backup_events_state_file": str(state),
            "backup_events_webhook_url": address,
        }
        (tmp_path / "variables.yml").write_text(json.dumps(variables))
        (tmp_path / "inventory").write_text("localhost ansible_connection=local\n")
        command = [str(RULEBOOK), "--rulebook", "holdfast.azure_backup.backup_events", "--print-events"]
        command += ["-i", str(tmp_path / "inventory"), "--vars", str(tmp_path / "variables.yml")]
        log = tmp_path / "rulebook.log"

        def jobs(status: str) -> list[dict[str, Any]]:
            vault = next(iter(azure.azure.data_protection.vaults.values()))
            return [job for job in vault.jobs.values() if job["properties"]["status"] == status]

        def fail_a_backup() -> None:
            azure.azure.faults.plan({"kind": "job", "outcome": {"status": "Failed", "error": ERROR}, "times": 1})
            failed = run_module("backup_adhoc", {**VAULT, "datasource_id": [DISK], "poll_interval": 0.2})
            assert failed["error"]["code"] == ERROR["code"]

        def react(process: subprocess.Popen[str]) -> None:
            wait_until(state.exists, process, "the first look")
            fail_a_backup()
            before = len(jobs("Completed"))
            wait_until(lambda: len(jobs("Completed")) > before, process, "the backup after the failed one")
            # A second failure within six hours is no reason for another attempt.
            fail_a_backup()
            ended = {**VAULT, "datasource_id": [DISK], "state": "absent", "delete_backup_data": True, "poll_interval": 0.2}
            assert not run_module("backup_instance", ended)["failed"]
            wait_until(lambda: bool(received), process, "the notification")
            assert len(jobs("Completed")) == before + 1

        with (
            log.open("w") as written,
            subprocess.Popen(  # noqa: S603
                command, env=environment, cwd=tmp_path, stdout=written, stderr=subprocess.STDOUT, text=True
            ) as process,
        ):
            try:
                react(process)
            except AssertionError as error:
                error.add_note(log.read_text()[-6000:])
                raise
            finally:
                process.terminate()
        assert [one["text"].split(" and can")[0] for one in received] == [
            "critical: the backups of 'data01' in vault 'demo-vault' were soft-deleted"
        ]
        told = log.read_text()
        assert "secret-of-the-hook" not in told
        assert environment["AZURE_SECRET"] not in told
