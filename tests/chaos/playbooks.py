# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packaged playbooks by ansible-playbook, while Azure fails at random; what has to hold is in campaign."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from emulator.app import MANAGED_HSM, STACKHUB
from emulator.faults import SECONDS_OF_A_HANGING_JOB, Storm
from emulator.server import Emulator
from integration.playing import environment_of

from .campaign import DISK, MACHINE, Tally, facts, located

_ROOT = Path(__file__).parents[2]
_BIN = Path(sys.executable).parent
_RATES = (0.02, 0.05, 0.1)
# What a real process sits out in real seconds is left to the campaign in process.
_KINDS = (*(kind for kind in Storm.KINDS if not kind.startswith(("429", "silent"))), "429 without Retry-After")
_OPTIONS = {
    "protect_resource_group": "demo-rg",
    "protect_backup_vault_name": "demo-vault",
    "protect_snapshot_resource_group": "demo-snapshots-rg",
    "protect_recovery_services_vault_name": "demo-rsv",
    "protect_datasources": [DISK, MACHINE],
    "protect_poll_interval": 0.2,
    "backup_now_resource_group": "demo-rg",
    "backup_now_backup_vault_name": "demo-vault",
    "backup_now_recovery_services_vault_name": "demo-rsv",
    "backup_now_datasources": [DISK, MACHINE],
    "backup_now_poll_interval": 0.2,
    "stackhub_backup_location": "local",
    "stackhub_backup_poll_interval": 0.2,
    "hsm_backup_hsm_uri": f"${MANAGED_HSM}",
    "hsm_backup_storage_container_uri": "$container_uri",
    "hsm_backup_sas_token": "$sas_token",
    "hsm_backup_poll_interval": 0.2,
}
# How many things each playbook backs up.
_BACKED_UP = {"protect": 0, "backup_now": 2, "stackhub_backup": 1, "hsm_backup": 1}


class Operator:
    """Somebody with ansible-playbook and the collection, in front of an emulator."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.environment = environment_of(emulator, folder, folder)
        install = ["collection", "install", "--offline", "-p", str(folder), str(_ROOT)]
        subprocess.run([str(_BIN / "ansible-galaxy"), *install], check=True, capture_output=True, env=self.environment)

    def play(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run a packaged playbook."""
        options = json.dumps(located(_OPTIONS, self.emulator))
        cloud = {"AZURE_CLOUD_ENVIRONMENT": self.emulator.urls[STACKHUB]} if name == "stackhub_backup" else {}
        command = [str(_BIN / "ansible-playbook"), f"holdfast.azure_backup.{name}", "-e", options]
        own = {**self.environment, **cloud}
        return subprocess.run(command, env=own, capture_output=True, text=True, check=False, timeout=900)


def _problems(name: str, seed: int, stormy: str, operator: Operator, jobs_before: int) -> list[str]:
    """Run a playbook again without a storm and tell what does not hold."""
    azure = operator.emulator.azure
    where = f"playbook {name}, seed {seed}"
    found = [f"{where}: a traceback: {stormy[-1500:]}"] if "Traceback" in stormy or "Unexpected error" in stormy else []
    jobs = sum(fact.startswith("job") for fact in facts(azure)) - jobs_before
    if jobs > _BACKED_UP[name]:
        found.append(f"{where}: {jobs} jobs for {_BACKED_UP[name]} to back up")
    calm = operator.play(name)
    if calm.returncode and name != "protect":
        # It may have joined a job that the storm had decided about, or a Managed HSM has refused a second one.
        azure.clock.advance(SECONDS_OF_A_HANGING_JOB)
        calm = operator.play(name)
    if calm.returncode:
        found.append(f"{where}: without a storm it fails: {calm.stdout[-1500:]} {calm.stderr[-500:]}")
    if name == "protect" and not found:
        again = operator.play(name).stdout
        if not re.search(r"changed=0 .*failed=0", again):
            found.append(f"{where}: it does not converge: {again[-1500:]}")
    return found


def run_playbooks(seeds: range) -> Tally:
    """Run the playbooks in turn, each seed in a storm and then without one."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, Emulator(speed=600) as emulator:
        names = [name for name in _BACKED_UP if name != "hsm_backup" or emulator.start_blob_store()]
        operator = Operator(emulator, Path(folder))
        for seed in seeds:
            chance = random.Random(seed)  # noqa: S311 - the same again is what is wanted
            name = names[seed % len(names)]
            emulator.azure.reset()
            if name == "backup_now" and operator.play("protect").returncode:
                tally.violations.append("protect fails without a storm")
                continue
            jobs_before = sum(fact.startswith("job") for fact in facts(emulator.azure))
            storm = Storm(seed, chance.choice(_RATES), (*_KINDS, *Storm.FATES))
            emulator.azure.faults.storm = storm
            stormy = operator.play(name)
            emulator.azure.faults.storm = None
            tally.runs += 1
            tally.failed_tasks += bool(stormy.returncode)
            tally.struck += storm.struck
            tally.violations += _problems(name, seed, stormy.stdout + stormy.stderr, operator, jobs_before)
            tally.requests += len(emulator.azure.journal.entries)
    return tally
