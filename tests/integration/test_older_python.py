# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules on a Python that is too old for the Azure SDKs: a message, and no traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from emulator.server import Emulator
from modules import MODULES
from playing import BIN, environment_of, installed, play

__all__ = ["installed"]


def older_python(environment: dict[str, str]) -> tuple[str, str] | None:
    """Give the version and the path of the oldest interpreter of the machine that this ansible-core runs modules on."""
    for version in ("3.7", "3.8", "3.9"):
        candidates = [shutil.which(f"python{version}")]
        candidates += [str(path) for path in Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python{version}")]
        for candidate in filter(None, candidates):
            ping = [str(BIN / "ansible"), "localhost", "-m", "ping", "-e", f"ansible_python_interpreter={candidate}"]
            if subprocess.run(ping, env=environment, capture_output=True, check=False, timeout=60).returncode == 0:
                return version, candidate
    return None


# Each module begins with the same import (test_house.py), so that one of them stands for all from day to day.
@pytest.mark.parametrize("modules", [["backup_vault"], pytest.param(MODULES, marks=pytest.mark.certify)], ids=["one", "all"])
def test_a_module_says_which_python_it_needs(installed: Path, tmp_path: Path, modules: list[str]) -> None:
    with Emulator() as emulator:
        environment = environment_of(emulator, installed, tmp_path)
        found = older_python(environment)
        if found is None:
            pytest.skip("this machine has no Python older than 3.10 that this ansible-core runs modules on")
        version, interpreter = found
        there = {"ansible_python_interpreter": interpreter}
        shown = {name: f"{{{{ result_{name}.msg | default(result_{name}) }}}}" for name in modules}
        file = tmp_path / "messages.json"
        tasks: list[dict[str, object]] = [
            {f"holdfast.azure_backup.{name}": {}, "ignore_errors": True, "register": f"result_{name}", "vars": there}
            for name in modules
        ]
        tasks.append({"ansible.builtin.copy": {"content": "{{ shown | to_json }}", "dest": str(file)}, "vars": {"shown": shown}})
        book = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        (tmp_path / "play.yml").write_text(json.dumps([book]), encoding="utf-8")
        done = play(environment, str(tmp_path / "play.yml"), quick=False)
        asked = emulator.azure.journal.entries
    messages = json.loads(file.read_text(encoding="utf-8"))
    expected = f"holdfast.azure_backup needs Python 3.10 or newer where its tasks run, and {interpreter} is Python {version}"
    assert {name: said for name, said in messages.items() if not str(said).startswith(expected)} == {}
    assert "Traceback" not in done.stdout + done.stderr
    assert not asked
