# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be backed up as an inventory, and a fleet in slices, as AWX cuts them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
from emulator.seed import SUBSCRIPTION
from emulator.server import Emulator
from playing import BIN, DISK, MACHINE, back_up, environment, installed, loopback, packaged

__all__ = ["environment", "installed", "loopback"]

SLICE = """
- hosts: azure_disk:&unprotected
  gather_facts: false
  tasks:
    - name: One task for all hosts of this slice
      holdfast.azure_backup.backup_permission:
        resource_group: demo-rg
        vault_name: demo-vault
        snapshot_resource_group: demo-snapshots-rg
        datasource_id: "{{ ansible_play_hosts_all | map('extract', hostvars, 'datasource_id') }}"
      delegate_to: localhost
      run_once: true
      register: slice
    - ansible.builtin.debug:
        msg: "{{ slice.datasources | map(attribute='datasource_id') }}"
      run_once: true
"""


def configure(folder: Path, **more: Any) -> Path:
    file = folder / "all.azure_backup.yml"
    settings = {
        "plugin": "holdfast.azure_backup.datasources",
        "keyed_groups": [{"key": "datasource_type", "separator": ""}],
        **more,
    }
    file.write_text(json.dumps(settings), encoding="utf-8")
    return file


def listed(environment: dict[str, str], file: Path) -> dict[str, Any]:
    command = [str(BIN / "ansible-inventory"), "-i", str(file), "--list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    # Newer cores mark texts from outside.
    return dict(json.loads(done.stdout, object_hook=lambda found: found.get("__ansible_unsafe", found)))


def by_name(inventory: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = inventory["_meta"]["hostvars"].values()
    return {host["datasource_name"]: host for host in found}


def test_hosts_tell_how_they_are_protected(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    loopback.azure.clock.speed = 4000
    loopback.azure.configure({"graph_page_size": 3})
    both = {"protect_datasources": [DISK, MACHINE], "protect_recovery_services_vault_name": "demo-rsv"}
    assert packaged(environment, "protect", protect_first_backup=True, **both).returncode == 0
    inventory = listed(environment, configure(tmp_path, groups={"old": "is_protected and last_backup_time is none"}))
    hosts = by_name(inventory)
    azure = loopback.azure
    assert len(hosts) == len(azure.compute.disks) + len(azure.compute.machines) + len(azure.storage.accounts)
    for name, vault, policy in (("data01", "demo-vault", "disks"), ("web01", "demo-rsv", "virtual-machines")):
        found = hosts[name]
        assert (found["protection_state"], found["is_protected"]) == ("protection_configured", True)
        assert (found["vault_name"], found["policy_name"]) == (vault, policy)
        assert found["last_backup_time"]
    assert hosts["data02"]["protection_state"] == "unprotected"
    assert hosts["data02"]["last_backup_time"] is None
    assert {host.rsplit("_", 1)[0] for host in inventory["protected"]["hosts"]} == {"data01", "web01"}
    assert "old" not in inventory
    assert set(inventory["azure_vm"]["hosts"]) <= set(inventory["protected"]["hosts"] + inventory["unprotected"]["hosts"])
    loopback.azure.configure({"graph_page_size": 1000})


def test_only_what_is_selected_is_listed(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    disks = loopback.azure.compute.disks
    disks[DISK.lower()]["tags"] = {"Backup": "daily"}
    disks[DISK.lower().replace("data01", "data02")]["tags"] = {"backup": "daily", "Exempt": "scratch"}
    select = {"tags": {"BACKUP": "*"}, "exempt_tag": "exempt", "locations": "West Europe", "names": "data0[12]"}
    assert list(by_name(listed(environment, configure(tmp_path, select=select)))) == ["data01"]
    command = [str(BIN / "ansible-inventory"), "-i", str(configure(tmp_path, select={"tag": {}})), "--list"]
    strict = {**environment, "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
    done = subprocess.run(command, env=strict, capture_output=True, text=True, check=False, timeout=120)
    assert "select: unknown key(s) tag; use subscription_ids" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_soft_deleted_has_a_group_of_its_own(environment: dict[str, str], tmp_path: Path) -> None:
    back_up(environment, DISK, is_backup=False)
    gone = packaged(environment, "cleanup")
    assert gone.returncode == 0, gone.stdout[-2000:]
    inventory = listed(environment, configure(tmp_path, datasource_types=["azure_disk"]))
    assert [host.rsplit("_", 1)[0] for host in inventory["soft_deleted"]["hosts"]] == ["data01"]
    assert by_name(inventory)["data01"]["is_protected"] is False
    assert {host["datasource_type"] for host in by_name(inventory).values()} == {"azure_disk"}


def test_a_cache_asks_azure_once(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    file = configure(tmp_path, **cache)
    first = listed(environment, file)
    count = len(loopback.azure.journal.entries)
    assert listed(environment, file) == first
    assert len(loopback.azure.journal.entries) == count
    kept = "".join(path.read_text() for path in (tmp_path / "cache").iterdir())
    assert environment["AZURE_SECRET"] not in kept


def test_bad_credentials_are_told_in_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    command = [str(BIN / "ansible-inventory"), "-i", str(configure(tmp_path, secret="wrong")), "--list"]
    wrong = {
        **environment,
        "AZURE_SECRET": "wrong",
        "AZURE_CLIENT_SECRET": "wrong",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
    }
    done = subprocess.run(command, env=wrong, capture_output=True, text=True, check=False, timeout=120)
    assert "AADSTS7000215" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_slices_of_one_inventory_are_the_whole_and_do_not_overlap(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    assert packaged(environment, "protect", protect_datasources=[DISK]).returncode == 0
    book, file = tmp_path / "slice.yml", configure(tmp_path, datasource_types=["azure_disk"], subscription_ids=[SUBSCRIPTION])
    book.write_text(SLICE, encoding="utf-8")
    every = listed(environment, file)
    hosts = sorted(every["unprotected"]["hosts"])
    whole = {every["_meta"]["hostvars"][host]["datasource_id"] for host in hosts}
    handed_on = ("ANSIBLE_", "AZURE_", "REQUESTS", "SSL", "HOME")
    slices = []
    for number in (0, 1):
        folder = tmp_path / f"slice{number}"
        folder.mkdir()
        # AWX gives the n-th slice every k-th host.
        run = ansible_runner.run(
            private_data_dir=str(folder),
            playbook=str(book),
            inventory=str(file),
            limit=",".join(hosts[number::2]),
            envvars={name: value for name, value in environment.items() if name.startswith(handed_on)},
            extravars={"ansible_connection": "local"},
            quiet=True,
        )
        assert (run.status, run.rc) == ("successful", 0), run.stdout.read()[-3000:]
        done = [event["event_data"] for event in run.events if event["event"] == "runner_on_ok"]
        (ok,) = (data for data in done if "permission" in data["task_action"])
        slices.append({one["datasource_id"] for one in ok["res"]["datasources"]})
    assert slices[0] | slices[1] == whole
    assert slices[0] & slices[1] == set()
