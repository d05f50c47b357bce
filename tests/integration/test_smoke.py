# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module by ansible-playbook, once with a change and once without: what differs between ansible-cores shows here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from emulator.server import Emulator
from modules import MODULES
from playing import DISK, MACHINE, MACHINES, VARIABLES, VAULT, environment, installed, loopback, play

__all__ = ["environment", "installed", "loopback"]

TARGET = {"resource_group": "demo-rg"}
SCRATCH = VARIABLES["restore_drill_scratch"]
SHARE = {"path": "\\\\fileserver\\backups", "user_name": "backup", "share_password": "opens-the-share"}


def tasks_for(loopback: Emulator) -> list[tuple[str, dict[str, Any], tuple[bool, bool]]]:
    """Give module, options, and whether its first and its second run change anything, in an order that works.

    What follows a colon tells two tasks of one module apart.
    """
    hub = {"cloud_environment": loopback.urls["stackhub"], "location": "local", "poll_interval": 0.2}
    once, never = (True, False), (False, False)
    tasks = [
        ("backup_resource_guard", {"resource_group": "demo-rg", "resource_guard_name": "guard"}, once),
        ("backup_vault", {**VAULT, "poll_interval": 0.2}, once),
        ("backup_policy", {**VAULT, "policy_name": "disks", "datasource_type": "azure_disk", "poll_interval": 0.2}, once),
        ("backup_permission", {**VAULT, "datasource_id": DISK}, once),
        ("backup_instance", {**VAULT, "datasource_id": DISK, "policy_name": "disks", "poll_interval": 0.2}, once),
        ("backup_unselected", {**VAULT, "policy_name": "disks", "selections": [{"datasource_types": ["azure_disk"]}]}, never),
        ("backup_adhoc", {**VAULT, "datasource_id": DISK, "max_age": "12h", "poll_interval": 0.2}, once),
        ("backup_permission:restore", {**VAULT, "datasource_id": DISK, "operation": "restore", "target": TARGET}, once),
        (
            "backup_restore",
            {**VAULT, "datasource_id": DISK, "target": {**TARGET, "name": "back"}, "on_existing": "skip", "poll_interval": 0.2},
            once,
        ),
        *((f"backup_{noun}_info", VAULT, never) for noun in ("vault", "policy", "instance", "job")),
        ("backup_coverage_info", {}, never),
        ("backup_recovery_point_info", {**VAULT, "datasource_id": DISK}, never),
        ("backup_vault:machines", {**MACHINES, "vault_type": "recovery_services", "poll_interval": 0.2}, once),
        (
            "backup_instance:machine",
            {**MACHINES, "datasource_id": MACHINE, "policy_name": "DefaultPolicy", "poll_interval": 0.2},
            once,
        ),
        ("backup_adhoc:machine", {**MACHINES, "datasource_id": MACHINE, "wait": False}, once),
        ("backup_job", {"job_id": "{{ first_backup_adhoc_machine.datasources[0].job.id }}", "poll_interval": 0.2}, once),
        ("stackhub_backup_location", {**hub, **SHARE}, once),
        ("stackhub_backup", {**hub, "max_age": "12h"}, once),
        ("stackhub_backup_info", {key: hub[key] for key in ("cloud_environment", "location")}, never),
    ]
    if loopback.azure.blob_store is not None:
        blobs = loopback.azure.blob_store
        blobs.drop("drillaccount", "holdfast-drills")
        drill = {**VAULT, "datasource_id": DISK, "scratch": SCRATCH, "poll_interval": 0.2}
        # Whatever was drilled before, a drill is one more proof.
        tasks.append(("backup_restore_drill", drill, (True, True)))
        hsm = {"hsm_uri": loopback.urls["managed_hsm"], "sas_token": blobs.make_sas(), "poll_interval": 0.2}
        place = {"storage_container_uri": blobs.container_uri}
        tasks.append(("hsm_backup", {**hsm, **place, "max_age": "12h"}, once))
        restore = {**hsm, "folder_uri": "{{ first_hsm_backup.folder_uri }}", "confirm": "127.0.0.1"}
        tasks.append(("hsm_restore", restore, (True, True)))
        tasks.append(("hsm_restore_drill", {**hsm, **place}, never))
        report = {"storage_container_uri": blobs.container_uri, "sas_token": blobs.make_sas(), "name": "smoke"}
        tasks.append(("backup_report_container", {**report, "files": {"smoke.md": "written"}}, (True, True)))
    return tasks


@pytest.mark.smoke
def test_every_module_with_a_change_and_without(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    # Slow enough for a backup of a machine to be running still when it is cancelled.
    loopback.azure.clock.speed = 150
    wanted = tasks_for(loopback)
    assert sorted({name.split(":")[0] for name, _options, _changes in wanted}) == MODULES or loopback.azure.blob_store is None
    played = [
        {
            "name": f"{turn} {name}",
            f"holdfast.azure_backup.{name.split(':')[0]}": options,
            "register": f"{turn}_{name}".replace(":", "_"),
        }
        for name, options, _changes in wanted
        for turn in ("first", "second")
    ]
    shown = {
        name: [f"{{{{ {turn}_{name.replace(':', '_')}.changed }}}}" for turn in ("first", "second")]
        for name, _options, _changes in wanted
    }
    file = tmp_path / "changed.json"
    played.append({"ansible.builtin.copy": {"content": "{{ shown | to_json }}", "dest": str(file)}, "vars": {"shown": shown}})
    book = tmp_path / "every.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": played}]), encoding="utf-8")
    # On the core that all tests run on, others run the real command.
    done = play(environment, str(book), quick="REAL_PLAYBOOKS" not in os.environ)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    changed = json.loads(file.read_text(encoding="utf-8"))
    assert {name: tuple(changed[name]) for name in changed} == {name: changes for name, _options, changes in wanted}
