# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo: all that can be backed up is backed up on the loopback Azure, twice; the second time nothing changes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from emulator.seed import SUBSCRIPTION
from emulator.server import Emulator

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".demo"
BIN = Path(sys.executable).parent
SPEED = 600
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg"
DATASOURCES = [f"{GROUP}/providers/Microsoft.Compute/{kind}" for kind in ("disks/data01", "virtualMachines/web01")]
VARIABLES: dict[str, Any] = {
    "protect_resource_group": "demo-rg",
    "protect_backup_vault_name": "demo-vault",
    "protect_recovery_services_vault_name": "demo-rsv",
    "protect_datasources": DATASOURCES,
    "protect_snapshot_resource_group": "demo-snapshots-rg",
    "protect_poll_interval": 1,
    "backup_now_resource_group": "demo-rg",
    "backup_now_backup_vault_name": "demo-vault",
    "backup_now_recovery_services_vault_name": "demo-rsv",
    "backup_now_datasources": DATASOURCES,
    "backup_now_poll_interval": 1,
    "restore_resource_group": "demo-rg",
    "restore_vault_name": "demo-vault",
    "restore_datasources": DATASOURCES[:1],
    "restore_target": {"resource_group": "demo-rg"},
    "restore_grant_permissions": True,
    "restore_poll_interval": 1,
    "stackhub_backup_location": "local",
    "stackhub_backup_poll_interval": 1,
    "hsm_backup_poll_interval": 1,
}
MACHINE_DISKS: dict[str, Any] = {
    "restore_vault_name": "demo-rsv",
    "restore_datasources": DATASOURCES[1:],
    "restore_target": {
        "resource_group": "demo-snapshots-rg",
        "staging_storage_account_id": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/emptyaccount",
    },
}
DRILLS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/drills-rg"
DRILLED: dict[str, Any] = {
    "restore_drill_resource_group": "demo-rg",
    "restore_drill_groups": [
        {"name": "disk", "vault_name": "demo-vault", "datasources": DATASOURCES[:1]},
        {"name": "virtual machine", "vault_name": "demo-rsv", "datasources": DATASOURCES[1:]},
    ],
    "restore_drill_scratch": {
        "resource_group": "drills-rg",
        "storage_account_id": f"{DRILLS}/providers/Microsoft.Storage/storageAccounts/drillaccount",
    },
    "restore_drill_rto": "4h",
    "restore_drill_report_folder": str(WORK / "reports"),
    "restore_drill_poll_interval": 1,
}
MAX_AGES = {"backup_now_max_age": "1h", "stackhub_backup_max_age": "1h", "hsm_backup_max_age": "1h"}


def say(text: str) -> None:
    """Print a heading of our own, apart from what Ansible prints."""
    print(f"\n=== {text}", flush=True)


def install_collection(environment: dict[str, str]) -> None:
    """Build the collection and install it as a user would."""
    quiet: dict[str, Any] = {"env": environment, "stdout": subprocess.DEVNULL}
    galaxy = str(BIN / "ansible-galaxy")
    subprocess.run([galaxy, "collection", "build", "--force", "--output-path", str(WORK), str(ROOT)], check=True, **quiet)
    (archive,) = WORK.glob("holdfast-azure_backup-*.tar.gz")
    places = ["-p", str(WORK / "collections")]
    subprocess.run([galaxy, "collection", "install", "--offline", "--force", *places, str(archive)], check=True, **quiet)


def play_all(environment: dict[str, str]) -> int:
    """Run every packaged playbook of backups, and give how many tasks changed something."""
    changed = play("protect", environment) + play("backup_now", environment)
    more = {"stackhub_backup_cloud_environment": environment["STACKHUB_CLOUD_ENVIRONMENT"]}
    changed += play("stackhub_backup", environment, **more)
    if "EMULATOR_SAS_TOKEN" in environment:
        more = {"hsm_backup_hsm_uri": environment["EMULATOR_HSM_URI"]}
        more["hsm_backup_storage_container_uri"] = environment["EMULATOR_STORAGE_CONTAINER_URI"]
        more["hsm_backup_sas_token"] = "{{ lookup('ansible.builtin.env', 'EMULATOR_SAS_TOKEN') }}"
        changed += play("hsm_backup", environment, **more)
    return changed


def play(playbook: str, environment: dict[str, str], **more: Any) -> int:
    """Run a packaged playbook by its full name, showing what it prints, and give how many tasks changed something."""
    name = f"holdfast.azure_backup.{playbook}"
    variables = json.dumps({**VARIABLES, **MAX_AGES, **more})
    print(f"$ ansible-playbook {name}", flush=True)
    process = subprocess.Popen(
        [str(BIN / "ansible-playbook"), name, "-e", variables],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    printed = []
    for line in process.stdout or ():
        print(line, end="", flush=True)
        printed.append(line)
    if process.wait():
        raise SystemExit(f"{name} failed")
    recap = re.search(r"changed=(\d+)", "".join(printed).rpartition("PLAY RECAP")[2])
    if recap is None:
        raise SystemExit(f"{name} printed no recap")
    return int(recap.group(1))


def recap(emulator: Emulator) -> None:
    """Tell what Azure holds now, as Azure tells it."""
    (vault,) = emulator.azure.data_protection.vaults.values()
    (instance,) = vault.instances.values()
    (job,) = vault.jobs.values()
    (other,) = emulator.azure.recovery_services.vaults.values()
    (item,) = other.items.values()
    name, backup = next(
        (job["name"], job["properties"]) for job in other.jobs.values() if job["properties"]["operation"] == "Backup"
    )
    properties = job["properties"]
    disk = {
        "vault": f"{vault.wire['name']} ({vault.wire['location']}, soft delete {vault.soft_delete['state']})",
        "policy": properties["policyName"],
        "disk": f"{properties['dataSourceName']}, {instance.state}",
        "job": f"{job['name']}, {properties['status']}",
        "duration": f"{properties['duration']} here, about {SPEED} times that on Azure",
        "recovery point": instance.points[0]["name"],
    }
    machine = {
        "vault": f"{other.wire['name']} ({other.wire['location']}, Recovery Services)",
        "policy": str(item.wire["properties"]["policyId"]).rsplit("/", 1)[-1],
        "virtual machine": f"{item.wire['properties']['friendlyName']}, {item.wire['properties']['protectionState']}",
        "job": f"{name}, {backup['status']}",
        "recovery point": item.points[0]["name"],
    }
    (region,) = (one for one in emulator.azure.backup_admin.locations.values() if one.backups)
    (info,) = (one["properties"]["backupInfo"] for one in region.backups.values())
    stackhub = {
        "Azure Stack Hub": f"region {region.name}",
        "backup": f"{info['backupId']}, {info['status']}, uploaded: {info['completelyUploaded']}",
    }
    tables = [disk, machine, stackhub]
    blobs = emulator.azure.blob_store
    if blobs:
        folders = sorted({name.split("/", 1)[0] for name in blobs.names()})
        tables.append({"Managed HSM": emulator.urls["managed_hsm"], "backup": f"{blobs.container_uri}/{folders[0]}"})
    say("What the loopback Azure holds now")
    for rows in tables:
        print("\n".join(f"    {name + ':':<18}{value}" for name, value in rows.items()), end="\n\n")


def main() -> None:
    """Run the demonstration; exits with an error when a run fails or the second one changes anything."""
    begin = time.monotonic()
    WORK.mkdir(exist_ok=True)
    with Emulator(SPEED) as emulator:
        if emulator.start_blob_store() is None:
            say("Without Azurite there is no blob store here, so the Managed HSM is left out")
        environment = {
            **os.environ,
            **emulator.environment(),
            "ANSIBLE_COLLECTIONS_PATH": str(WORK / "collections"),
            "ANSIBLE_HOME": str(WORK / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        }
        # The demonstration shows itself alone, whatever this machine is set up for.
        for name in ("ANSIBLE_STDOUT_CALLBACK", "AZURE_PROFILE"):
            environment.pop(name, None)
        (WORK / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
        environment["ANSIBLE_CONFIG"] = str(WORK / "ansible.cfg")
        say(f"A loopback Azure answers at {emulator.url}, {SPEED} times faster than Azure")
        install_collection(environment)
        say("First run: protect a disk and a virtual machine, back them up, and an Azure Stack Hub and a Managed HSM as well")
        changed = play_all(environment)
        recap(emulator)
        say("Second run: nothing is left to do")
        again = play_all(environment)
        if not changed or again:
            raise SystemExit(f"first run: changed={changed}; second run: changed={again}, which should be 0")
        say("A disk is deleted, and brought back from its recovery point")
        del emulator.azure.compute.disks[DATASOURCES[0].lower()]
        play("restore", environment)
        if DATASOURCES[0].lower() not in emulator.azure.compute.disks:
            raise SystemExit("the disk is not there after its restore")
        say("The disks of the virtual machine are restored beside it")
        play("restore", environment, **MACHINE_DISKS)
        restored = [disk["name"] for name, disk in emulator.azure.compute.disks.items() if "/demo-snapshots-rg/" in name]
        if len(restored) != 3:
            raise SystemExit(f"restored disks of the machine: {restored}")
        if emulator.azure.blob_store:
            say("A restore drill proves that both can be restored, and removes what it restored")
            play("restore_drill", environment, **DRILLED)
            left = [name for name in emulator.azure.compute.disks if name.startswith(f"{DRILLS.lower()}/")]
            if left:
                raise SystemExit(f"left by the drill: {left}")
        begun = [entry for entry in emulator.azure.journal.writes() if entry["status"] == 202]
        started = sum(entry["path"].lower().endswith(("/backup", "/createbackup")) for entry in begun)
    report = WORK / "reports" / "restore-drill.html"
    if report.is_file():
        say(f"The report of the restore drill: {report}")
    say(f"First run: changed={changed}. Second run: changed=0. Backups started: {started}. {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
