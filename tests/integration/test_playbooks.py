# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and playbooks by ansible-playbook, from the built and installed collection, against the loopback Azure."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import signal
import subprocess
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from emulator.identity import ServicePrincipal
from emulator.seed import SUBSCRIPTION, TENANT
from emulator.server import Emulator
from permissions import OPTIONAL_ACTIONS, OTHER_KIND, documented_actions
from playing import BIN, DISK, HERE, ROOT, VARIABLES, back_up, environment, installed, loopback, need_blob_store, packaged, play

__all__ = ["environment", "installed", "loopback"]

TARGETS = sorted(path.name for path in (HERE / "targets").iterdir() if path.is_dir())


def hasten(loopback: Emulator, name: str) -> None:
    """Let time pass faster for virtual machines, whose backups take an hour."""
    if "virtual_machines" in name:
        loopback.azure.clock.speed = 4000


@pytest.mark.smoke
@pytest.mark.parametrize("target", TARGETS)
def test_target(environment: dict[str, str], loopback: Emulator, tmp_path: Path, target: str) -> None:
    hasten(loopback, target)
    if target == "hsm_backup":
        need_blob_store(loopback)
    if target == "modules":
        # Here the connection comes from module_defaults and from nowhere else.
        for name in ("CLIENT_ID", "SECRET", "TENANT", "SUBSCRIPTION_ID"):
            environment[f"EMULATOR_{name.removesuffix('_ID') if name.startswith('SUB') else name}"] = environment[f"AZURE_{name}"]
        for name in [name for name in environment if name.startswith("AZURE_")]:
            del environment[name]
    book = tmp_path / "target.yml"
    book.write_text(f"- hosts: localhost\n  gather_facts: false\n  roles:\n    - {target}\n", encoding="utf-8")
    done = play(environment, str(book))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "failed=0" in done.stdout


def examples_of(module: str) -> list[dict[str, Any]]:
    """Read the EXAMPLES of a module's documentation."""
    source = (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
    values = {
        node.targets[0].id: node.value.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant)
    }
    return list(yaml.safe_load(str(values["EXAMPLES"])))


_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg"
_ACCOUNT = f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
_PLACE = {"resource_group": "demo-rg", "vault_name": "demo-vault"}
# What the examples of restores find: roles on their targets, and a backup of the storage account.
BEFORE_RESTORES: list[dict[str, Any]] = [
    *(
        {"holdfast.azure_backup.backup_permission": {**_PLACE, "datasource_id": one, "operation": "restore", "target": target}}
        for one, target in (
            (VARIABLES["protect_datasources"][0], {"resource_group": "demo-rg"}),
            (_ACCOUNT, {"storage_account_id": _ACCOUNT.replace("demoaccount", "emptyaccount")}),
        )
    ),
    {"holdfast.azure_backup.backup_adhoc": {**_PLACE, "datasource_id": _ACCOUNT, "poll_interval": 0.2}},
]


def test_every_example_of_the_documentation_works(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    # Those of other systems, and of a container of reports, are tested below.
    modules = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("backup_*.py"))
    left = {module: examples_of(module) for module in modules if module != "backup_report_container"}

    def take(module: str, index: int) -> dict[str, Any]:
        name = f"backup_{module}"
        task = left[name][index]
        options = task.get(f"holdfast.azure_backup.{name}")
        if options and "arguments.wait(" in (ROOT / "plugins" / "modules" / f"{name}.py").read_text(encoding="utf-8"):
            options.setdefault("poll_interval", 0.2)
        # Here nothing is an hour old.
        if options and "before" in options:
            options["before"] = "1s"
        if options and "point_in_time" in options:
            options["point_in_time"] = "{{ lookup('ansible.builtin.pipe', 'date -u +%Y-%m-%dT%H:%M:%SZ') }}"
        return dict(task)

    story = [("vault", 0), ("vault", 3), ("vault", 0), ("vault", 1)] + [("vault_info", index) for index in range(3)]
    story += [("policy", index) for index in range(5)] + [("policy_info", 0), ("policy_info", 1)]
    story += [
        ("permission", 0),
        ("permission", 1),
        ("instance", 0),
        ("instance", 1),
        ("instance", 2),
        ("unselected", 0),
        ("unselected", 1),
        ("adhoc", 0),
        ("adhoc", 1),
        ("adhoc", 2),
        ("adhoc", 3),
    ]
    story += [("instance_info", index) for index in range(4)] + [("job_info", index) for index in range(5)]
    story += [("recovery_point_info", index) for index in range(3)] + [("coverage_info", index) for index in range(3)]
    # The last one waits for the first, which was of a disk.
    story += [("permission", 2), *(("restore", index) for index in (0, 8, 1, 2, 3))]
    story += [("vault", 4), ("policy", 5), ("instance", 6), ("adhoc", 4), *(("restore", index) for index in (4, 5, 6, 7))]
    # Their journals lie in the blob store.
    drills = [("restore_drill", index) for index in range(4)]
    if loopback.azure.blob_store is None:
        del left["backup_restore_drill"]
    else:
        loopback.azure.blob_store.drop("drillaccount", "holdfast-drills")
        story += drills
    # What follows is done with the approval of the guard.
    story += [("resource_guard", 0), ("resource_guard", 1), ("vault", 2)]
    story += [("instance", 3), ("instance", 4), ("instance", 5), ("permission", 3)]
    cancelling = [("job", 0), ("job", 1)]
    assert {(f"backup_{module}", index) for module, index in story + cancelling} == {
        (module, index) for module, tasks in left.items() for index in range(len(tasks))
    }, "every example has its place in the story"
    tasks = [take(module, index) for module, index in story]
    tasks[story.index(("restore", 0)) : story.index(("restore", 0))] = BEFORE_RESTORES

    def play_all(tasks: list[dict[str, Any]]) -> None:
        book = tmp_path / "examples.yml"
        played = [{"hosts": "localhost", "gather_facts": False, "vars": {"subscription": SUBSCRIPTION}, "tasks": tasks}]
        book.write_text(yaml.safe_dump(played, sort_keys=False), encoding="utf-8")
        done = play(environment, str(book))
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]

    play_all(tasks)
    # Slow enough for a backup to be running still when it is cancelled, however busy this machine is.
    loopback.azure.clock.speed = 15
    play_all([take(module, index) for module, index in cancelling])
    (vault,) = loopback.azure.recovery_services.vaults.values()
    assert "Cancelled" in [job["properties"]["status"] for job in vault.jobs.values()]


def test_every_example_of_an_azure_stack_hub_works(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    file = tmp_path / "backup.cer"
    file.write_bytes(trustme.CA().cert_pem.bytes())
    story = [("backup_location", index) for index in (2, 0, 1)] + [("backup", index) for index in range(3)]
    story += [("backup_info", index) for index in range(2)]
    examples = {name: examples_of(f"stackhub_{name}") for name in ("backup", "backup_info", "backup_location")}
    assert sorted(story) == sorted((name, index) for name, tasks in examples.items() for index in range(len(tasks)))
    tasks = [examples[name][index] for name, index in story]
    known = {
        "https://adminmanagement.redmond.example.com": loopback.urls["stackhub"],
        "redmond": "local",
        "/etc/pki/stackhub-backup.cer": str(file),
    }
    secrets = {"stackhub_share_password": "opens-the-share", "stackhub_new_password": "opens-it-now"}
    play_examples(environment, tmp_path, tasks, known, secrets)


def test_every_example_of_a_managed_hsm_works(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    blobs = need_blob_store(loopback)
    loopback.azure.managed_hsm.keys.clear()
    tasks = examples_of("hsm_backup") + examples_of("hsm_restore") + examples_of("hsm_restore_drill")
    known = {
        "https://demo-hsm.managedhsm.azure.net": loopback.urls["managed_hsm"],
        "https://demoaccount.blob.core.windows.net/hsm-backups": blobs.container_uri,
        "confirm: demo-hsm": "confirm: 127.0.0.1",
    }
    play_examples(environment, tmp_path, tasks, known, {"sas_token": blobs.make_sas()})
    assert len(loopback.azure.managed_hsm.restored) == 2


def test_every_example_of_a_report_container_works(environment: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    blobs = need_blob_store(loopback)
    by_token, by_identity = examples_of("backup_report_container")[::-1]
    assert "sas_token" in by_token["holdfast.azure_backup.backup_report_container"]
    place = "https://demoaccount.blob.core.windows.net/reports"
    secrets = {"sas_token": blobs.make_sas()}
    play_examples(environment, tmp_path, [by_token], {place: blobs.container_uri}, secrets)
    assert "notes/note.md" in blobs.names()
    blobs.fill("demoaccount", "reports", {})
    play_examples(environment, tmp_path, [by_identity], {place: f"{loopback.urls['blobs']}/demoaccount/reports"}, {})


def play_examples(
    environment: dict[str, str], folder: Path, tasks: list[dict[str, Any]], known: dict[str, str], secrets: dict[str, str]
) -> None:
    """Run examples with what they name put in place, and see that no secret is shown, however much is told."""
    text = yaml.safe_dump(tasks, sort_keys=False, width=1000)
    for theirs, ours in known.items():
        text = text.replace(theirs, ours)
    ready = yaml.safe_load(text)
    for task in ready:
        for name, options in task.items():
            waits = ("stackhub_backup", "stackhub_backup_location", "hsm_backup", "hsm_restore", "hsm_restore_drill")
            if name.removeprefix("holdfast.azure_backup.") in waits:
                options.setdefault("poll_interval", 0.2)
    book = folder / "examples.yml"
    played = [{"hosts": "localhost", "gather_facts": False, "vars": secrets, "tasks": ready}]
    book.write_text(yaml.safe_dump(played, sort_keys=False), encoding="utf-8")
    done = play(environment, str(book), "-vvvvv", quick=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert not [secret for secret in secrets.values() if secret in done.stdout + done.stderr]


def blocks_of(guide: str) -> list[dict[str, Any]]:
    """Read the tasks of a guide's code blocks, in their order."""
    text = (ROOT / "docs" / "docsite" / "rst" / f"{guide}.rst").read_text(encoding="utf-8")
    found = re.findall(r"^\.\. code-block:: yaml\+jinja\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return [task for block in found for task in yaml.safe_load(textwrap.dedent(block))]


# A guide with code that is not here would not be tested.
GUIDES = sorted(
    path.stem for path in (ROOT / "docs" / "docsite" / "rst").glob("*.rst") if "yaml+jinja" in path.read_text("utf-8")
)


@pytest.mark.parametrize("guide", GUIDES)
def test_the_tasks_of_the_guides_work(environment: dict[str, str], loopback: Emulator, tmp_path: Path, guide: str) -> None:
    hasten(loopback, guide)
    tasks = blocks_of(guide)
    assert len(tasks) >= 3
    for task in tasks:
        for name, options in task.items():
            if name in (
                "holdfast.azure_backup.backup_adhoc",
                "holdfast.azure_backup.backup_instance",
                "holdfast.azure_backup.backup_restore",
                "holdfast.azure_backup.backup_restore_drill",
                "holdfast.azure_backup.backup_vault",
                "holdfast.azure_backup.stackhub_backup",
                "holdfast.azure_backup.stackhub_backup_location",
                "holdfast.azure_backup.hsm_backup",
                "holdfast.azure_backup.hsm_restore",
                "holdfast.azure_backup.hsm_restore_drill",
            ):
                options["poll_interval"] = 0.2
            for role in ("protect", "backup_now", "restore", "restore_drill"):
                if name == "vars" and f"{role}_resource_group" in options:
                    options[f"{role}_poll_interval"] = 0.2
    book = tmp_path / "guide.yml"
    known = {"subscription": SUBSCRIPTION, "stackhub": loopback.urls["stackhub"], "share_password": "opens-the-share"}
    if guide == "guide_managed_hsm":
        blobs = need_blob_store(loopback)
        known |= {"hsm": loopback.urls["managed_hsm"], "hsm_name": "127.0.0.1"}
        known |= {"container": blobs.container_uri, "sas_token": blobs.make_sas()}
    if guide == "guide_restore_drills":
        blobs = need_blob_store(loopback)
        blobs.drop("drillaccount", "holdfast-drills")
        blobs.fill("drillaccount", "reports", {})
        known |= {"reports": str(tmp_path / "reports"), "report_container": f"{loopback.urls['blobs']}/drillaccount/reports"}
        known |= {"hsm": loopback.urls["managed_hsm"], "container": blobs.container_uri, "sas_token": blobs.make_sas()}
    if guide == "guide_report":
        need_blob_store(loopback).fill("drillaccount", "reports", {})
        known |= {"reports": str(tmp_path / "reports"), "report_container": f"{loopback.urls['blobs']}/drillaccount/reports"}
        back_up(environment, DISK)
    played = [{"hosts": "localhost", "gather_facts": False, "vars": known, "tasks": tasks}]
    book.write_text(yaml.safe_dump(played, sort_keys=False), encoding="utf-8")
    done = play(environment, str(book))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_one_string_is_a_list_of_one(environment: dict[str, str]) -> None:
    given = {"protect_datasources": VARIABLES["protect_datasources"][0]}
    done = packaged(environment, "protect", "--check", **given)
    assert done.returncode == 0, done.stdout[-3000:]


def test_check_mode_of_the_playbooks_works_on_an_empty_group_and_writes_nothing(
    environment: dict[str, str], loopback: Emulator
) -> None:
    done = packaged(environment, "protect", "--check", "--diff", protect_first_backup=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "changed=5" in done.stdout
    assert loopback.azure.journal.writes() == []


def test_what_a_role_needs_is_checked_before_anything_runs(environment: dict[str, str], loopback: Emulator) -> None:
    done = packaged(environment, "backup_now", backup_now_on_running="explode")
    assert done.returncode != 0
    assert "backup_now_on_running" in done.stdout
    assert loopback.azure.journal.entries == []


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


def kill_when(environment: dict[str, str], condition: Callable[[], bool], what: str) -> None:
    """Run backup_now and kill all of it, as a power cut does, once something has happened."""
    command = [str(BIN / "ansible-playbook"), "holdfast.azure_backup.backup_now", "-e", json.dumps(VARIABLES)]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_until(condition, what)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    # The module runs in a session of its own; what carries this test's HOME is gone as well then.
    mark = f"HOME={environment['HOME']}\0".encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes():
                os.kill(int(entry.parent.name), signal.SIGKILL)


def test_a_playbook_killed_in_its_wait_and_run_again_joins_its_job(environment: dict[str, str], loopback: Emulator) -> None:
    """Other moments are tested by the module's process (test_chaos)."""
    azure = loopback.azure
    back_up(environment, DISK, is_backup=False)
    # Slow enough to be caught waiting: the job takes 14 seconds.
    azure.clock.speed = 15

    def happened() -> bool:
        return sum("/backupJobs/" in entry["path"] for entry in list(azure.journal.entries)) >= 3

    azure.journal.entries.clear()
    kill_when(environment, happened, "the job was waited for")
    azure.clock.speed = 600
    done = packaged(environment, "backup_now")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "changed=0" in done.stdout
    assert "joined the backup" in done.stdout
    started = [entry for entry in azure.journal.writes() if entry["path"].endswith("/backup")]
    assert len(started) == 1
    (vault,) = azure.data_protection.vaults.values()
    assert [job["properties"]["status"] for job in vault.jobs.values()] == ["Completed"]


MACHINE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
MACHINES = {
    "protect_recovery_services_vault_name": "demo-rsv",
    "protect_datasources": [MACHINE],
    "backup_now_recovery_services_vault_name": "demo-rsv",
    "backup_now_datasources": [MACHINE],
}
STACK_HUB = {"stackhub_backup_location": "local", "stackhub_backup_poll_interval": 0.2}
HSM = {"hsm_backup_poll_interval": 0.2}


@pytest.mark.parametrize(
    ("what", "playbooks", "options"),
    [
        ("disks", ("protect", "backup_now", "restore", "cleanup"), {"restore_grant_permissions": True}),
        ("machines", ("protect", "backup_now"), MACHINES),
        ("stack_hub", ("stackhub_backup",), STACK_HUB),
        ("hsm", ("hsm_backup",), HSM),
    ],
)
def test_the_roles_need_no_more_than_the_documented_actions(
    environment: dict[str, str], loopback: Emulator, what: str, playbooks: tuple[str, ...], options: dict[str, Any]
) -> None:
    """All roles, by somebody whose role lists what the guide of permissions lists."""
    if what == "hsm":
        blobs = need_blob_store(loopback)
        place = {"hsm_backup_hsm_uri": loopback.urls["managed_hsm"], "hsm_backup_storage_container_uri": blobs.container_uri}
        options = {**options, **place, "hsm_backup_sas_token": blobs.make_sas()}
    if what == "stack_hub":
        environment = {**environment, "AZURE_CLOUD_ENVIRONMENT": loopback.urls["stackhub"]}
    actions = documented_actions()[what]
    caller = ServicePrincipal(TENANT, "1ea57900-0000-4000-8000-000000000001", "least", actions=actions)
    loopback.azure.entra.add(caller)
    own = {**environment, "AZURE_CLIENT_ID": caller.client_id, "AZURE_SECRET": caller.secret}
    for name in playbooks:
        done = packaged(own, name, **options)
        assert done.returncode == 0, done.stdout[-4000:]
    assert caller.used
    assert caller.used <= actions | OPTIONAL_ACTIONS.get(what, set()) | OTHER_KIND
    assert not [vault for vault in loopback.azure.data_protection.vaults.values() if vault.instances]


def test_virtual_machines_are_backed_up_where_a_disk_is_not(environment: dict[str, str], loopback: Emulator) -> None:
    both = {
        **MACHINES,
        "protect_datasources": [*VARIABLES["protect_datasources"], MACHINE],
        "backup_now_datasources": [*VARIABLES["backup_now_datasources"], MACHINE],
    }
    assert packaged(environment, "protect", **both).returncode == 0
    loopback.azure.faults.plan(
        {"kind": "job", "outcome": {"status": "Failed", "error": {"code": "X", "message": "It was planned."}}}
    )
    done = packaged(environment, "backup_now", **both)
    assert done.returncode != 0
    assert "It was planned." in done.stdout
    (vault,) = loopback.azure.recovery_services.vaults.values()
    assert [job["properties"]["status"] for job in vault.jobs.values() if job["properties"]["operation"] == "Backup"] == [
        "Completed"
    ]


def test_no_log_hides_the_result_of_each_datasource(environment: dict[str, str], tmp_path: Path) -> None:
    """What is in a list called results is shown despite no_log by ansible-core 2.19 and later."""
    task = {
        "name": "Back up a disk that is not protected",
        "holdfast.azure_backup.backup_adhoc": {
            "resource_group": "demo-rg",
            "vault_name": "demo-vault",
            "datasource_id": [VARIABLES["protect_datasources"][0].replace("data01", "data02")],
        },
        "no_log": True,
    }
    back_up(environment, DISK, is_backup=False)
    book = tmp_path / "hidden.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    done = play(environment, str(book), "-vvv", quick=False)
    assert done.returncode == 2, done.stdout
    after = done.stdout.split("TASK [", 1)[1]
    assert "censored" in after
    assert "/disks/data02" not in after
