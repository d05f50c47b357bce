# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others cost: azure.azcollection and the Azure CLI, each in an environment of its own.

PEERS=1 installs them into .cache/bench first: 2.5 GB. Without it, those are measured that are there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from emulator.seed import CLIENT, SECRET, SUBSCRIPTION, TENANT

from .measuring import Subject

_PLACE = Path(__file__).parents[2] / ".cache" / "bench"
_AZCOLLECTION = _PLACE / "azcollection"
_AZ = _PLACE / "az"
# The collection lies inside this wheel; 4.1.0 of it is the first with Backup vaults.
_WHEEL = "ansible==15.0.0a3"
_LOOP = Path(__file__).parent / "az_loop.sh"


def install() -> None:
    """Install the others, where PEERS=1 asks for it and they are not there yet."""
    if os.environ.get("PEERS") != "1":
        return
    if not (_AZCOLLECTION / "done").exists():
        pip = _new_environment(_AZCOLLECTION)
        wheels = _AZCOLLECTION / "wheels"
        download = [*pip, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "3.13", _WHEEL]
        subprocess.run([*download, "-d", str(wheels)], check=True)
        (wheel,) = wheels.glob("ansible-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            wanted = [name for name in archive.namelist() if name.startswith("ansible_collections/azure/azcollection/")]
            archive.extractall(_AZCOLLECTION / "collections", wanted)
        requirements = _AZCOLLECTION / "collections" / "ansible_collections" / "azure" / "azcollection" / "requirements.txt"
        subprocess.run([*pip, "install", "--quiet", "-r", str(requirements), "ansible-core>=2.19,<2.20"], check=True)
        (_AZCOLLECTION / "done").touch()
    if not (_AZ / "done").exists():
        subprocess.run([*_new_environment(_AZ), "install", "--quiet", "azure-cli>=2.80,<3"], check=True)
        (_AZ / "done").touch()


def _new_environment(place: Path) -> list[str]:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    return [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]


def no_change(folder: Path, environment: dict[str, str], backup_vault: dict[str, str], vault: dict[str, str]) -> list[Subject]:
    """Give what reads a vault, or finds that it is as it should be; vault: a Recovery Services vault that protects web01."""
    subjects = []
    if (_AZCOLLECTION / "done").exists():
        machine = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
        name = vault["vault_name"]
        subjects = [
            _module(
                "dataprotectionbackupvault",
                {"resource_group": "demo-rg", "name": backup_vault["vault_name"], "location": "westeurope"},
            ),
            _module("recoveryservicesvault", {"resource_group": "demo-rg", "name": name, "location": "westeurope"}),
            _module("backupazurevm_info", {"resource_group": "demo-rg", "recovery_vault_name": name, "resource_id": machine}),
        ]
    if (_AZ / "done").exists():
        words = ["backup", "vault", "show", "--resource-group", "demo-rg", "--name", vault["vault_name"]]
        subjects.append(
            Subject("az backup vault show", [str(_AZ / "bin" / "az"), *words], environment=_sign_in(folder, environment))
        )
    return subjects


def _module(name: str, arguments: dict[str, Any]) -> Subject:
    collections = _AZCOLLECTION / "collections"
    file = collections / "ansible_collections" / "azure" / "azcollection" / "plugins" / "modules" / f"azure_rm_{name}.py"
    given = json.dumps({"ANSIBLE_MODULE_ARGS": arguments})
    command = [str(_AZCOLLECTION / "bin" / "python"), str(file)]
    # The loopback Azure is not one that Microsoft's directory knows.
    own = {"PYTHONPATH": str(collections), "AZURE_DISABLE_INSTANCE_DISCOVERY": "true"}
    return Subject(f"azure.azcollection, {name}'s process", command, given, environment=own)


def _sign_in(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Have the Azure CLI signed in, and give the variables that it then wants."""
    own = {
        "AZURE_CONFIG_DIR": str(folder / "azure-cli"),
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        # The loopback Azure is not one that Microsoft's directory knows.
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
    }
    for words in (
        ["cloud", "register", "--name", "loopback", "--endpoint-resource-manager", environment["EMULATOR_URL"]],
        ["cloud", "set", "--name", "loopback"],
        ["login", "--service-principal", "--username", CLIENT, "--password", SECRET, "--tenant", TENANT],
        ["account", "set", "--subscription", SUBSCRIPTION],
    ):
        # Several parts of the bench sign in, each to a loopback Azure of its own.
        again = words[:2] == ["cloud", "register"] and (folder / "azure-cli" / "clouds.config").exists()
        command = ["cloud", "update", *words[2:]] if again else words
        subprocess.run([str(_AZ / "bin" / "az"), *command], check=True, capture_output=True, env={**environment, **own})
    return own


def protect(folder: Path, environment: dict[str, str], vault_id: str, disk_ids: list[str], count: int) -> list[Subject]:
    """Give a loop of the Azure CLI that protects disks, taken for that many.

    Its extension for Backup vaults is not on PyPI, so that it is az rest, with the bodies of backup_instance.
    """
    if not (_AZ / "done").exists():
        return []
    sampled = len(disk_ids)
    subject = Subject(
        f"az rest, a loop ({sampled} of them x {count // sampled})",
        ["bash", str(_LOOP), vault_id, *disk_ids],
        times=count / sampled,
        environment={**_sign_in(folder, environment), "PATH": f"{_AZ / 'bin'}:{environment['PATH']}"},
    )
    return [subject]
