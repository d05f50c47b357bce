# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source as ansible-rulebook loads it: by its path in an installed collection, which Python does not know of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from playing import environment, installed, loopback

__all__ = ["environment", "installed", "loopback"]

SOURCE = "ansible_collections/holdfast/azure_backup/extensions/eda/plugins/event_source/backup_events.py"
# What ansible-rulebook does with a source, and the end of it after the first event.
LOAD = """
import asyncio, json, runpy, sys
class Queue:
    async def put(self, event):
        print(json.dumps(event))
        raise SystemExit(0)
{before}
main = runpy.run_path(sys.argv[1])["main"]
try:
    asyncio.run(main(Queue(), json.loads(sys.argv[2])))
except ValueError as error:
    print(error)
    raise SystemExit(1)
"""


@pytest.mark.parametrize("before", ["", "import ansible_collections"], ids=["alone", "beside_others"])
def test_the_source_finds_its_collection_where_it_is_installed(
    environment: dict[str, str], installed: Path, tmp_path: Path, before: str
) -> None:
    (tmp_path / "ansible_collections").mkdir()
    environment["PYTHONPATH"] = str(tmp_path)
    arguments = json.dumps({"unprotected_after": "0", "select": {"names": ["data01"]}})
    command = [sys.executable, "-c", LOAD.format(before=before), str(installed / SOURCE), arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    event = json.loads(done.stdout)
    assert (event["kind"], event["datasource"]["name"]) == ("unprotected", "data01")


def test_wrong_arguments_are_said_in_one_sentence(environment: dict[str, str], installed: Path) -> None:
    command = [sys.executable, "-c", LOAD.format(before=""), str(installed / SOURCE), json.dumps({"interval": 0, "rpo": "soon"})]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stdout.startswith("holdfast.azure_backup.backup_events: rpo: 'soon' is not a duration")
    assert "interval: 0 must be at least 1 second" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
