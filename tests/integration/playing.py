# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as an operator has it: built, installed, run by ansible-playbook against the loopback Azure."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from emulator.blob_store import BlobStore
from emulator.seed import SUBSCRIPTION
from emulator.server import Emulator
from modules import run_module

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
# How long a playbook may take.
_MOST_SECONDS = 300
DISK = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg/providers/Microsoft.Compute/disks/data01"
VARIABLES = {
    "protect_resource_group": "demo-rg",
    "protect_backup_vault_name": "demo-vault",
    "protect_datasources": [DISK],
    "protect_snapshot_resource_group": "demo-snapshots-rg",
    "protect_poll_interval": 0.2,
    "backup_now_resource_group": "demo-rg",
    "backup_now_backup_vault_name": "demo-vault",
    "backup_now_datasources": [DISK],
    "backup_now_poll_interval": 0.2,
    "restore_resource_group": "demo-rg",
    "restore_vault_name": "demo-vault",
    "restore_datasources": [DISK],
    "restore_target": {"resource_group": "demo-rg", "name": "data01-restored"},
    "restore_poll_interval": 0.2,
    "restore_drill_resource_group": "demo-rg",
    "restore_drill_vault_name": "demo-vault",
    "restore_drill_datasources": [DISK],
    "restore_drill_scratch": {
        "resource_group": "drills-rg",
        "storage_account_id": (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/drills-rg/providers/Microsoft.Storage/storageAccounts/drillaccount"
        ),
    },
    "restore_drill_poll_interval": 0.2,
}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build and install the collection as a user would, and give the folder."""
    folder = tmp_path_factory.mktemp("collections")
    galaxy = str(BIN / "ansible-galaxy")
    subprocess.run([galaxy, "collection", "build", "--output-path", str(folder), str(ROOT)], check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    install = [galaxy, "collection", "install", "--offline", "--force", "-p", str(folder), str(archive)]
    subprocess.run(install, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def loopback() -> Iterator[Emulator]:
    with Emulator(speed=600) as emulator:
        emulator.start_blob_store()
        yield emulator


@pytest.fixture
def environment(loopback: Emulator, installed: Path, tmp_path: Path) -> dict[str, str]:
    loopback.azure.clock.speed = 600
    loopback.azure.reset()
    if loopback.azure.blob_store:
        loopback.azure.blob_store.clear()
    return environment_of(loopback, installed, tmp_path)


def need_blob_store(loopback: Emulator) -> BlobStore:
    """Skip a test where this machine has nothing that a Managed HSM could be backed up into."""
    if loopback.azure.blob_store is None:
        pytest.skip("Azurite, which stores the backups of Managed HSMs, is not on this machine (make azurite)")
    return loopback.azure.blob_store


def environment_of(loopback: Emulator, installed: Path, home: Path) -> dict[str, str]:
    """Give the environment of an operator who has nothing but the collection and the way to the loopback Azure."""
    (home / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
    # Not the place where the tests find the collection, which is not the one that was installed.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AZURE_", "PYTHONPATH"))}
    return {
        **kept,
        **loopback.environment(),
        "HOME": str(home),
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(installed),
        "ANSIBLE_ROLES_PATH": str(HERE / "targets"),
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }


def play(environment: dict[str, str], *arguments: str, quick: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook; quick: as quick_playbook.py does."""
    if quick:
        return QUICK.run(environment, *arguments)
    command = [str(BIN / "ansible-playbook"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_MOST_SECONDS)


class QuickPlaybooks:
    """Runs ansible-playbook as quick_playbook.py does, in a process that is started when it is first needed."""

    def __init__(self) -> None:
        self._ours: socket.socket | None = None
        self._group = 0

    def run(self, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a playbook, and give what subprocess.run would."""
        ours = self._start()
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            request = {"argv": arguments, "environ": environment, "cwd": str(Path.cwd())}
            socket.send_fds(ours, [json.dumps(request).encode() + b"\n"], [output.fileno(), errors.fileno()])
            ours.settimeout(_MOST_SECONDS)
            try:
                code = int(ours.makefile("r").readline())
            except TimeoutError as error:
                self._ours = None
                os.killpg(self._group, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["ansible-playbook", *arguments], _MOST_SECONDS) from error
            texts = [(file.seek(0), file.read().decode())[1] for file in (output, errors)]
        return subprocess.CompletedProcess(["ansible-playbook", *arguments], code, *texts)

    def _start(self) -> socket.socket:
        if self._ours is None:
            self._ours, theirs = socket.socketpair()
            command = [sys.executable, str(HERE / "quick_playbook.py"), str(theirs.fileno())]
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
            self._group = process.pid
            theirs.close()
            atexit.register(process.wait)
            atexit.register(self._ours.close)
        return self._ours


QUICK = QuickPlaybooks()


VAULT = {"resource_group": "demo-rg", "vault_name": "demo-vault"}
MACHINES = {"resource_group": "demo-rg", "vault_name": "demo-rsv"}
MACHINE = DISK.replace("disks/data01", "virtualMachines/web01")


def back_up(environment: dict[str, str], datasource_id: str, is_backup: bool = True) -> None:
    """Have a disk or a virtual machine protected, and backed up, as the roles do it by their variables.

    The modules run in this process, where no playbook is what is tested.
    """
    is_machine = "/virtualMachines/" in datasource_id
    place = MACHINES if is_machine else VAULT
    often = {"poll_interval": 0.2}
    about: dict[str, Any] = {"datasource_id": [datasource_id]}
    snapshots = {} if is_machine else {"snapshot_resource_group": "demo-snapshots-rg"}
    kind, policy = ("azure_vm", "virtual-machines") if is_machine else ("azure_disk", "disks")
    steps: list[tuple[str, dict[str, Any]]] = [
        ("backup_vault", {**often, **({"vault_type": "recovery_services"} if is_machine else {})}),
        ("backup_policy", {**often, "policy_name": policy, "datasource_type": kind}),
        *([] if is_machine else [("backup_permission", {**about, **snapshots})]),
        ("backup_instance", {**often, **about, **snapshots, "policy_name": policy}),
        *([("backup_adhoc", {**often, **about})] if is_backup else []),
    ]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            if name.startswith(("AZURE_", "REQUESTS_", "SSL_")):
                patch.setenv(name, value)
        for module, options in steps:
            done = run_module(module, {**place, **options})
            assert not done["failed"], done["msg"]


def packaged(
    environment: dict[str, str], name: str, *arguments: str, quick: bool = True, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection; more: variables."""
    variables = json.dumps({**VARIABLES, **more})
    return play(environment, f"holdfast.azure_backup.{name}", "-e", variables, *arguments, quick=quick)
