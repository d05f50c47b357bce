# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every secret that can be given, searched for in everything that a run leaves: output at -vvvvv, logs, caches, processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from emulator.seed import SECRET
from emulator.server import Emulator
from playing import BIN, environment, installed, loopback

__all__ = ["environment", "installed", "loopback"]

# Each is told from all others. The first opens the loopback Azure.
SECRETS = {
    "secret": SECRET,
    "wrong secret": "wr0ng-Cl1ent-secret",
    "password": "p4ss-0f-a-person",
    "oidc_token": "eyJhbGciOi.J3dC1vZi1h.bm90aGVyLWlzc3Vlcg",
    "sas signature": "S1gn4tur3/of+a/SAS==",
    "share_password": "0pens-the-sh4re",
    "blob_storage_key": "S2V5LW9mLWEtYmxvYi1zdG9yZQ==",
}
SAS = f"?sv=2022-11-02&sr=c&sp=racwdl&sig={quote(SECRETS['sas signature'], safe='')}"
VAULT = {"resource_group": "demo-rg", "vault_name": "demo-vault"}
HUB = {"cloud_environment": "{{ lookup('env', 'STACKHUB_CLOUD_ENVIRONMENT') }}", "location": "blank"}
SHARE = {"path": "\\\\fileserver\\backups", "user_name": "backup", "share_password": SECRETS["share_password"]}
BLOB = {"blob_storage_url": "https://store.example/backups", "blob_storage_key": SECRETS["blob_storage_key"]}
HSM = {"hsm_uri": "{{ lookup('env', 'EMULATOR_HSM_URI') }}", "storage_container_uri": "https://127.0.0.1:1/account/backups"}
SIGN_IN = {"client_id": "c11e9700-0000-4000-8000-0000000000a5", "tenant": "7e9a9700-0000-4000-8000-0000000000a5"}
TASKS = [
    ("backup_vault", {**VAULT, **SIGN_IN, "secret": SECRETS["secret"]}),
    ("backup_vault", {**VAULT, **SIGN_IN, "secret": SECRETS["wrong secret"]}),
    ("backup_vault", {**VAULT, **SIGN_IN, "ad_user": "operator@loopback.example", "password": SECRETS["password"]}),
    ("backup_vault", {**VAULT, **SIGN_IN, "oidc_token": SECRETS["oidc_token"]}),
    ("stackhub_backup_location", {**HUB, **SHARE}),
    ("stackhub_backup_location", {**HUB, **BLOB, "path": "both"}),
    ("hsm_backup", {**HSM, "sas_token": SAS}),
    ("hsm_backup", {**HSM, "storage_container_uri": f"https://127.0.0.1:1/account/backups{SAS}", "sas_token": SAS}),
]


def spelled(secret: str) -> set[bytes]:
    """Give the forms in which a secret may be found."""
    return {secret.encode(), quote(secret, safe="").encode(), quote(secret).encode(), json.dumps(secret)[1:-1].encode()}


def found_in(what: bytes) -> set[str]:
    """Name the secrets in something."""
    return {name for name, secret in SECRETS.items() if any(form in what for form in spelled(secret))}


class Watch(threading.Thread):
    """Looks at the arguments of all processes, again and again."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self.over = threading.Event()

    def run(self) -> None:
        """Look until it is over."""
        while not self.over.wait(0.03):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.seen |= found_in(file.read_bytes())


@pytest.fixture
def kept() -> Iterator[Path]:
    """A folder for all that is kept, with a short name: newer cores have a socket in it."""
    with tempfile.TemporaryDirectory(prefix="kept-") as folder:
        yield Path(folder)


@pytest.fixture
def books(environment: dict[str, str], tmp_path: Path, kept: Path) -> dict[str, str]:
    """An operator who keeps everything that can be kept."""
    tasks = []
    for module, arguments in TASKS:
        tasks.append({f"holdfast.azure_backup.{module}": arguments, "register": "told", "ignore_errors": True})
        tasks.append({"ansible.builtin.debug": {"var": "told"}})
        tasks.append({"ansible.builtin.set_fact": {"kept": "{{ told }}", "cacheable": True}})
    (tmp_path / "book.json").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    return {
        **{name: value for name, value in environment.items() if name not in ("AZURE_SECRET", "AZURE_CLIENT_SECRET")},
        "AZURE_SECRET": SECRET,
        # The newest cores show options only so.
        "ANSIBLE_INJECT_INVOCATION": "true",
        "ANSIBLE_LOG_PATH": str(kept / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(kept / "facts"),
        "ANSIBLE_HOME": str(kept / "home"),
        "ANSIBLE_REMOTE_TMP": str(kept / "tmp"),
        "TMPDIR": str(kept),
    }


def kept_files(kept: Path) -> dict[str, bytes]:
    """Give what lies where things are kept, but what Ansible itself sends modules by and could not remove when it was killed."""
    files = [path for path in kept.rglob("*") if path.is_file() and not path.name.startswith("AnsiballZ_")]
    return {str(path.relative_to(kept)): path.read_bytes() for path in files}


def test_no_secret_is_found_anywhere(books: dict[str, str], tmp_path: Path, kept: Path) -> None:
    watch = Watch()
    watch.start()
    command = [str(BIN / "ansible-playbook"), "-vvvvv", "--diff", str(tmp_path / "book.json")]
    done = subprocess.run(command, env=books, capture_output=True, check=False, timeout=300)
    watch.over.set()
    watch.join()
    assert done.returncode == 0, done.stderr.decode()
    output = done.stdout + done.stderr
    assert output.count(b"failed=0") == 1
    assert found_in(output) == set()
    assert watch.seen == set()
    files = kept_files(kept)
    shown = output + b"".join(files.values())
    assert b"VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in shown, "the options were shown, without their secrets"
    assert any("ansible.log" in name for name in files)
    assert any("facts" in name for name in files)
    assert {name: found_in(content) for name, content in files.items() if found_in(content)} == {}


def test_no_secret_is_left_by_a_killed_run(books: dict[str, str], loopback: Emulator, tmp_path: Path, kept: Path) -> None:
    loopback.azure.configure({"latency_seconds": 1})
    command = [str(BIN / "ansible-playbook"), "-vvvvv", str(tmp_path / "book.json")]
    with (kept / "output").open("wb") as output:
        process = subprocess.Popen(command, env=books, stdout=output, stderr=output, start_new_session=True)
        end = time.monotonic() + 30
        while not any("/backupVaults/" in entry["path"] for entry in loopback.azure.journal.entries) and time.monotonic() < end:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with contextlib.suppress(ProcessLookupError):
        # What it had started ends as well.
        os.killpg(process.pid, signal.SIGKILL)
    files = kept_files(kept)
    assert files["output"]
    assert {name: found_in(content) for name, content in files.items() if found_in(content)} == {}
