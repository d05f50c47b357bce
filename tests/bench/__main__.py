# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection costs beside others, on the same loopback Azure, in one run. make bench runs it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emulator.seed import SUBSCRIPTION, Seed
from emulator.server import Emulator

from . import peers
from .measuring import Subject, measure, measure_in_turn
from .report import Report, Table

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent
LATENCY_SECONDS = 0.05
# What Azure does takes a sixtieth of its time here, and is looked at every half second.
SPEED, POLL_INTERVAL = 60, 0.5
FLEET, MACHINES = 200, 100
# What is too slow for all of them is measured on these and multiplied.
SAMPLE = 10
GROUP_ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/fleet-rg"
VAULT_ID = f"{GROUP_ID}/providers/Microsoft.DataProtection/backupVaults/fleet"
PLACE = {"resource_group": "fleet-rg", "vault_name": "fleet"}
LIMITS = {"reads": (250, 25), "writes": (200, 10)}


def disk_ids(count: int) -> list[str]:
    """Give the ids of the seed's first disks."""
    return [f"{GROUP_ID}/providers/Microsoft.Compute/disks/disk{number:05d}" for number in range(count)]


def machine_ids(count: int) -> list[str]:
    """Give the ids of the seed's first virtual machines."""
    return [f"{GROUP_ID}/providers/Microsoft.Compute/virtualMachines/vm{number:05d}" for number in range(count)]


def fleet_of(count: int, is_protected: bool) -> Seed:
    """Give a seed with a vault, its policy and roles, and that many disks; one more is protected already."""
    disks = [{"name": "first", "protected_in": "fleet"}, {"name": "disk", "count": count}]
    if is_protected:
        disks[1]["protected_in"] = "fleet"
    return Seed(groups=[{"name": "fleet-rg", "location": "westeurope", "disks": disks}])


def machines_of(count: int, is_protected: bool) -> Seed:
    """Give a seed with a Recovery Services vault, a storage account, and that many virtual machines."""
    machines = [{"name": "first", "protected_in": "fleet"}, {"name": "vm", "count": count}]
    if is_protected:
        machines[1]["protected_in"] = "fleet"
    group = {"name": "fleet-rg", "location": "westeurope", "machines": machines, "storage_accounts": [{"name": "staging"}]}
    return Seed(groups=[group])


class Bench:
    """One run: where the collection is installed, and how its modules and playbooks are run."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        galaxy = [str(BIN / "ansible-galaxy"), "collection", "install", "--offline", "--force", "-p", str(folder), str(ROOT)]
        subprocess.run(galaxy, check=True, capture_output=True, env={**os.environ, "ANSIBLE_HOME": str(folder / "ansible")})

    def environment(self, emulator: Emulator) -> dict[str, str]:
        """Give the environment of everything that is measured."""
        return {
            **os.environ,
            **emulator.environment(),
            "HOME": str(self.folder),
            "ANSIBLE_COLLECTIONS_PATH": str(self.folder),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "PYTHONPATH": str(self.folder),
            "BENCH_GROUP": PLACE["resource_group"],
            "BENCH_VAULT": PLACE["vault_name"],
            "BENCH_POLL_INTERVAL": str(POLL_INTERVAL),
        }

    def module(self, name: str, module: str, arguments: dict[str, Any]) -> Subject:
        """Give a module's process, without Ansible around it."""
        file = self.folder / "ansible_collections" / "holdfast" / "azure_backup" / "plugins" / "modules" / f"{module}.py"
        return Subject(name, [sys.executable, str(file)], json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))

    def play(self, name: str, module: str, arguments: dict[str, Any], inventory: str = "", **more: Any) -> Subject:
        """Give an ansible-playbook with one task, on localhost or on all hosts of an inventory; more: keywords of the task."""
        task = {module: arguments, **more}
        file = self.folder / f"{len(list(self.folder.glob('play*.json')))}.play.json"
        file = file.with_name(f"play{file.name}")
        hosts = "all" if inventory else "localhost"
        file.write_text(json.dumps([{"hosts": hosts, "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
        given = ["-i", inventory] if inventory else []
        return Subject(name, [str(BIN / "ansible-playbook"), *given, str(file)])

    def hosts(self, count: int) -> str:
        """Give an inventory of that many disks as hosts, which are all worked on from here."""
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        listed = {disk_id.rsplit("/", 1)[-1]: {"datasource_id": disk_id} for disk_id in disk_ids(count)}
        file = self.folder / "hosts.json"
        file.write_text(json.dumps({"all": {"hosts": listed, "vars": variables}}), encoding="utf-8")
        return str(file)

    def empty_play(self) -> Subject:
        """Give an ansible-playbook whose task does nothing."""
        return self.play("an empty task", "ansible.builtin.ping", {})

    def floor(self, name: str, *arguments: str, script: str = "floor.py") -> Subject:
        """Give the bare script."""
        return Subject(name, [sys.executable, str(HERE / script), *arguments])


def slow_down(emulator: Emulator, **settings: Any) -> None:
    """Go back to the seed, with the latency of a network."""
    emulator.azure.reset()
    emulator.azure.configure({"latency_seconds": LATENCY_SECONDS, **settings})


def bench_no_change(bench: Bench) -> Table:
    """Measure a task that finds nothing to do."""
    with Emulator(100_000) as emulator:
        place = {"resource_group": "demo-rg", "vault_name": "demo-vault"}
        machines = {"resource_group": "demo-rg", "vault_name": "demo-rsv"}
        environment = {**bench.environment(emulator), "BENCH_GROUP": "demo-rg", "BENCH_VAULT": "demo-vault"}
        core = bench.floor("script, azure-core, the same requests", "core")
        client = bench.floor("script, azure-mgmt-dataprotection", "client")
        process = bench.module("backup_vault, its process", "backup_vault", place)
        empty = bench.empty_play()
        task = bench.play("backup_vault, a task", "holdfast.azure_backup.backup_vault", place)
        machine = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg/providers/Microsoft.Compute/virtualMachines/web01"
        for module, more in (
            ("backup_vault", {"vault_type": "recovery_services"}),
            ("backup_policy", {"policy_name": "machines", "datasource_type": "azure_vm"}),
            ("backup_instance", {"policy_name": "machines", "datasource_id": [machine]}),
        ):
            measure(bench.module(module, module, {**machines, **more}), environment, emulator)
        measure(process, environment, emulator)
        others = peers.no_change(bench.folder, environment, place, machines)
        emulator.azure.configure({"latency_seconds": LATENCY_SECONDS})
        subjects = [core, client, process, empty, task, *others]
        for subject in subjects:
            # Every cache is warm.
            measure(subject, environment, emulator)
            subject.samples.clear()
        measure_in_turn(subjects, bench.runs, environment, emulator)
    table = Table(
        "A task without a change",
        f"One vault that needs no change; medians of {bench.runs} runs in turn.",
        subjects,
    )
    net = task.median("wall") - empty.median("wall")
    for script in (core, client):
        table.say(f"(task - empty task) / {script.name}", net / script.median("wall"), "at most 1.3")
    for other in others:
        if other.name.endswith("process"):
            table.say(f"{other.name} / backup_vault's", other.median("wall") / process.median("wall"), "at least 4")
    table.say("requests beside signing in and the cloud's metadata", process.median("requests") - 2, "1")
    return table


def bench_no_change_of_protection(bench: Bench) -> Table:
    """Measure a task that finds a disk and a virtual machine protected as they should be."""
    group = fleet_of(1, True).groups[0]
    group["machines"] = [{"name": "vm", "count": 1, "protected_in": "machines"}]
    subjects, ratios = [], []
    with Emulator(100_000, seed=Seed(groups=[group])) as emulator:
        slow_down(emulator)
        empty = bench.empty_play()
        for kind, vault, work, options in (
            ("disk", "fleet", "instance", {"policy_name": "disks", "datasource_id": disk_ids(1)}),
            ("virtual machine", "machines", "item", {"policy_name": "DefaultPolicy", "datasource_id": [machine_ids(1)[0]]}),
        ):
            environment = {**bench.environment(emulator), "BENCH_VAULT": vault}
            script = bench.floor(f"script, the same SDK calls for a {kind}", work)
            place = {"resource_group": "fleet-rg", "vault_name": vault}
            task = bench.play(f"backup_instance, a {kind}", "holdfast.azure_backup.backup_instance", {**place, **options})
            turn = [script, empty, task]
            measure_in_turn(turn, 1, environment, emulator)
            for subject in turn:
                # Every cache is warm.
                subject.samples.clear()
            measure_in_turn(turn, bench.runs, environment, emulator)
            ratios.append((script, task, empty.median("wall")))
            subjects += [script, task]
    table = Table(
        "A protection without a change",
        f"A protected disk and a protected virtual machine; medians of {bench.runs} runs in turn.",
        [empty, *subjects],
    )
    for script, task, nothing in ratios:
        name = f"({task.name} - empty task) / {script.name}"
        table.say(name, (task.median("wall") - nothing) / script.median("wall"), "at most 1.3")
    return table


def bench_protect(bench: Bench) -> Table:
    """Measure the protection of many disks."""
    with Emulator(SPEED, seed=fleet_of(FLEET, False)) as emulator:
        options = {"policy_name": "disks", "permission_timeout": 60, "snapshot_resource_group": GROUP_ID}
        others = peers.protect(bench.folder, bench.environment(emulator), VAULT_ID, disk_ids(SAMPLE), FLEET)
        text = "Time until Azure reports every disk as protected."
        return measure_many(bench, emulator, Table(f"{FLEET} disks protected", text, others), "backup_instance", options)


def bench_back_up(bench: Bench) -> Table:
    """Measure on-demand backups of many disks."""
    with Emulator(SPEED, seed=fleet_of(FLEET, True)) as emulator:
        text = "Time until every job has finished and its recovery point is known."
        return measure_many(bench, emulator, Table(f"{FLEET} disks backed up now", text, []), "backup_adhoc", {})


def bench_restore(bench: Bench) -> Table:
    """Measure restores of many disks."""
    with Emulator(SPEED, seed=fleet_of(FLEET, True)) as emulator:
        text = "Time until every job has finished. One task of a loop restores one disk."
        options = {"target": {"resource_group": GROUP_ID, "name_suffix": "-restored"}}
        return measure_many(bench, emulator, Table(f"{FLEET} disks restored", text, []), "backup_restore", options)


def bench_drills(bench: Bench) -> Table:
    """Measure restore drills of many disks in one task, and how the requests grow with their number."""
    sizes, subjects = (FLEET // 4, FLEET), []
    drills = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/drills-rg"
    account = f"{drills}/providers/Microsoft.Storage/storageAccounts/drillaccount"
    for size in sizes:
        seed = fleet_of(size, True)
        scratch = {"name": "drills-rg", "location": "westeurope", "storage_accounts": [{"name": "drillaccount"}]}
        with Emulator(SPEED, seed=Seed(groups=[*seed.groups, scratch])) as emulator:
            if emulator.start_blob_store() is None:
                raise SystemExit("Azurite, which holds the journals of drills, is not on this machine (make azurite)")
            slow_down(emulator)
            add_points(emulator)
            options = {**PLACE, "datasource_id": disk_ids(size), "poll_interval": POLL_INTERVAL}
            options["scratch"] = {"resource_group": "drills-rg", "storage_account_id": account}
            subject = bench.module(f"{size} disks, the module's process", "backup_restore_drill", options)
            measure(subject, bench.environment(emulator), emulator)
            left = [name for name in emulator.azure.compute.disks if name.startswith(drills.lower())]
        if left:
            raise SystemExit(f"left by the drills: {left}")
        subjects.append(subject)
    few, many = subjects
    text = "One task, 16 disks at the same time: each is restored, compared and removed. Requests for the journal are included."
    table = Table("Restore drills of many disks", text, subjects)
    table.say("requests for each disk", many.median("requests") / sizes[1], "")
    growth = (many.median("requests") / sizes[1]) / (few.median("requests") / sizes[0])
    table.say(f"requests for each of {sizes[1]} / for each of {sizes[0]}", growth, "at most 1, which is linear")
    return table


def add_points(emulator: Emulator) -> None:
    """Give each protected disk a recovery point, and the vault the role to restore it."""
    service = emulator.azure.data_protection
    for vault in service.vaults.values():
        emulator.azure.authorization.plant(
            str(vault.wire["identity"]["principalId"]), "b50d9833-a0cb-478e-945f-707fcc997c13", GROUP_ID
        )
        for instance in vault.instances.values():
            service.recovery_points_api.add_point(vault, instance, "disks", "Default", service.clock.now())


def measure_many(bench: Bench, emulator: Emulator, table: Table, module: str, options: dict[str, Any]) -> Table:
    """Measure one task on many disks beside bare scripts, a loop of tasks, and what the table has already."""
    work = {"backup_instance": "protect", "backup_adhoc": "backup", "backup_restore": "restore"}[module]

    def prepare() -> None:
        slow_down(emulator)
        add_points(emulator)

    given = {**PLACE, **options, "poll_interval": POLL_INTERVAL}
    full = f"holdfast.azure_backup.{module}"
    floor = bench.floor(f"script, {FLEET} threads", work, str(FLEET), str(FLEET))
    fewer = bench.floor("script, 16 threads", work, str(FLEET), "16")
    ours = bench.play(f"{module}, one task", full, {**given, "datasource_id": disk_ids(FLEET)})
    times = FLEET // SAMPLE
    one = {**given, "datasource_id": ["{{ item }}"]}
    loop = bench.play(f"{module}, a loop ({SAMPLE} of them x {times})", full, one, loop=disk_ids(SAMPLE))
    loop.times = times
    table.subjects = [floor, fewer, ours, loop, *table.subjects]
    for subject in table.subjects:
        for _run in range(1 if subject.times > 1 else min(bench.runs, 3)):
            measure(subject, bench.environment(emulator), emulator, prepare)
    table.say(f"one task / {floor.name}", ours.median("wall") / floor.median("wall"), "at most 1.25")
    table.say("loop / one task", loop.median("wall") / ours.median("wall"), "at least 20")
    return table


def bench_machines(bench: Bench) -> Table:
    """Measure one task on many virtual machines beside a bare script: protected, backed up, restored to disks."""
    table = Table(
        f"{MACHINES} virtual machines: protected, backed up, their disks restored",
        "Time until every job has finished.",
        [],
    )
    staging = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/staging"
    target = {"resource_group": GROUP_ID, "staging_storage_account_id": staging}
    # How fast Azure's time goes, and the poll interval: what takes a minute of Azure's is not to be shorter than the work for it.
    works: tuple[tuple[str, str, float, float, dict[str, Any]], ...] = (
        ("protect", "backup_instance", 10, 1.0, {"policy_name": "DefaultPolicy"}),
        ("backup", "backup_adhoc", SPEED, POLL_INTERVAL, {}),
        ("restore", "backup_restore", 10, 1.0, {"target": target}),
    )
    for work, module, speed, interval, options in works:
        with Emulator(speed, seed=machines_of(MACHINES, work != "protect")) as emulator:

            def prepare(emulator: Emulator = emulator, work: str = work) -> None:
                slow_down(emulator)
                if work == "restore":
                    add_machine_points(emulator)

            script = bench.floor(
                f"{work}: script, {MACHINES} threads", work, str(MACHINES), str(MACHINES), script="floor_machines.py"
            )
            script.environment["BENCH_POLL_INTERVAL"] = str(interval)
            given = {**PLACE, **options, "poll_interval": interval, "datasource_id": machine_ids(MACHINES)}
            task = bench.play(f"{work}: {module}, one task", f"holdfast.azure_backup.{module}", given)
            for subject in (script, task):
                for _run in range(min(bench.runs, 3)):
                    measure(subject, bench.environment(emulator), emulator, prepare)
            empty = bench.empty_play()
            measure_in_turn([empty], min(bench.runs, 3), bench.environment(emulator), emulator)
        table.subjects += [script, task]
        table.say(f"{work}: one task / {script.name}", task.median("wall") / script.median("wall"), "at most 1.25")
        net = task.median("wall") - empty.median("wall")
        table.say(f"{work}: (one task - empty task) / {script.name}", net / script.median("wall"), "")
    return table


def add_machine_points(emulator: Emulator) -> None:
    """Give each protected machine a recovery point, beside the machine and in the vault."""
    service = emulator.azure.recovery_services
    for vault in service.vaults.values():
        for number, item in enumerate(vault.items.values()):
            service.recovery_points_api.add(item, f"{10**14 + number}", service.clock.now(), "2040-01-01T00:00:00Z", True)


def bench_growth(bench: Bench) -> Table:
    """Measure how a task that changes nothing grows with the number of disks."""
    return measure_growth(bench, "disks", fleet_of, disk_ids, "disks")


def bench_growth_of_machines(bench: Bench) -> Table:
    """Measure how a task that changes nothing grows with the number of virtual machines."""
    return measure_growth(bench, "machines", machines_of, machine_ids, "DefaultPolicy")


def measure_growth(
    bench: Bench, noun: str, seed_of: Callable[[int, bool], Seed], ids_of: Callable[[int], list[str]], policy: str
) -> Table:
    """Measure a task that changes nothing on 100, 1,000 and 10,000 datasources."""
    subjects, net = [], {}
    sizes = (100, 1_000, 10_000)
    for size in sizes:
        with Emulator(SPEED, seed=seed_of(size, True)) as emulator:
            slow_down(emulator)
            environment = bench.environment(emulator)
            options = {**PLACE, "policy_name": policy, "datasource_id": ids_of(size)}
            process = bench.module(f"{size:,} {noun}, the module's process", "backup_instance", options)
            empty = bench.empty_play()
            task = bench.play(f"{size:,} {noun}, a task", "holdfast.azure_backup.backup_instance", options)
            measure_in_turn([process, empty, task], min(bench.runs, 3), environment, emulator)
        subjects += [process, task]
        net[size] = process
    text = f"Protected {noun} that need no change, in one task; a page of Azure's lists has 200."
    table = Table(f"A converge of {noun} without a change, and how it grows", text, subjects)
    for size in sizes:
        pages = -(-(size + 1) // 200)
        table.say(f"requests beside pages, {size:,} {noun}", net[size].median("requests") - pages, "the same for all")
    few, many = net[1_000], net[10_000]
    growth = (many.median("wall") / 10_000) / (few.median("wall") / 1_000)
    table.say(f"seconds of one of the {noun} at 10,000 / at 1,000", growth, "at most 1.3")
    for less, more in ((100, 1_000), (1_000, 10_000)):
        kib = 1024 * (net[more].median("memory") - net[less].median("memory")) / (more - less)
        table.say(f"KiB for one of the {noun}, from {less:,} to {more:,}", kib, "flat")
    table.say("MiB at 10,000", many.median("memory"), "at most 250")
    return table


def estate_of(tagged: int, others: int) -> Seed:
    """Give a seed of 50 subscriptions: in the first as many tagged disks, protected, and in the others so many more in all."""
    tags = {"Backup": "daily", "Owner": "storage-team"}
    fleet = [{"name": "disk", "count": tagged, "protected_in": "fleet", "tags": tags}]
    groups: list[dict[str, Any]] = [{"name": "fleet-rg", "location": "westeurope", "disks": fleet}]
    for number in range(1, 50):
        count = others // 49 + (number <= others % 49)
        disks = [{"name": "disk", "count": count, "tags": {"Backup": "none"}}]
        subscription = f"5ca1ab1e-0000-4000-8000-{number:012d}"
        groups.append({"name": f"rg-{number}", "location": "westeurope", "subscription": subscription, "disks": disks})
    return Seed(groups=groups)


def bench_estate(bench: Bench) -> Table:
    """Measure a converge of what is tagged among 100,000 disks in 50 subscriptions."""
    tagged, every = 10_000, 100_000
    with Emulator(SPEED, seed=estate_of(tagged, every - tagged)) as emulator:
        slow_down(emulator)
        environment = bench.environment(emulator)
        options = {**PLACE, "policy_name": "disks"}
        select = {"datasource_types": ["azure_disk"], "subscription_ids": ["all"]}
        by_tag = {**options, "select": {**select, "tags": {"Backup": "daily"}}}
        by_pattern = {**options, "select": {**select, "tags": {"Backup": "*"}, "exclude": {"tags": {"Backup": "no*"}}}}
        tag = bench.module("selected by a tag, the module's process", "backup_instance", by_tag)
        pattern = bench.module("selected by patterns, the module's process", "backup_instance", by_pattern)
        measure_in_turn([tag, pattern], min(bench.runs, 3), environment, emulator)
    text = (
        f"{tagged:,} protected disks, selected among {every:,} in 50 subscriptions, that need no change. A page of Resource "
        "Graph has 1,000 rows, a page of a vault's list 200 instances."
    )
    table = Table("A converge of what is tagged in an estate", text, [tag, pattern])
    pages = tagged // 200
    table.say("requests beside pages, by a tag", tag.median("requests") - pages - tagged // 1000, "constant")
    table.say("requests beside pages, by patterns", pattern.median("requests") - pages - every // 1000, "constant")
    table.say("MiB, by patterns", pattern.median("memory"), "at most 300")
    return table


def bench_coverage(bench: Bench) -> Table:
    """Measure how 100,000 disks in 50 subscriptions are held against what covers them."""
    protected, every = 10_000, 100_000
    with Emulator(SPEED, seed=estate_of(protected, every - protected)) as emulator:
        slow_down(emulator)
        environment = bench.environment(emulator)
        options = {"select": {"subscription_ids": ["all"]}, "controls": {"soft_delete": "on"}}
        subject = bench.module("the module's process", "backup_coverage_info", options)
        measure(subject, environment, emulator)
    text = f"{every:,} disks in 50 subscriptions, of which {protected:,} are protected. A page of Resource Graph has 1,000 rows."
    table = Table("The coverage of an estate", text, [subject])
    pages = every // 1000 + protected // 1000
    table.say("requests beside pages", subject.median("requests") - pages, "constant")
    table.say("MiB", subject.median("memory"), "at most 300")
    return table


def bench_hosts(bench: Bench) -> Table:
    """Measure how a play over many hosts is written best: one task for all of them, or one for each."""
    with Emulator(SPEED, seed=fleet_of(FLEET, True)) as emulator:
        slow_down(emulator)
        environment = {**bench.environment(emulator), "ANSIBLE_FORKS": "16"}
        module = "holdfast.azure_backup.backup_instance"
        every = "{{ ansible_play_hosts_all | map('extract', hostvars, 'datasource_id') }}"
        options = {**PLACE, "policy_name": "disks"}
        inventory = bench.hosts(FLEET)
        batch = {**options, "datasource_id": every}
        once = bench.play("one task for all hosts (run_once)", module, batch, inventory, run_once=True)
        each = bench.play(
            "a task for each host, 16 forks", module, {**options, "datasource_id": ["{{ datasource_id }}"]}, inventory
        )
        for subject in (once, each):
            measure(subject, environment, emulator)
    table = Table(
        f"A play over {FLEET} hosts",
        "Protected disks as hosts, as in a job slice; no change is needed.",
        [once, each],
    )
    table.say("a task for each / one task", each.median("wall") / once.median("wall"), "")
    return table


def bench_limits(bench: Bench) -> Table:
    """Measure how much of what Resource Manager allows is used."""
    count = 500
    figures = []
    with Emulator(SPEED, seed=fleet_of(count, False)) as emulator:
        environment = bench.environment(emulator)
        options = {**PLACE, "policy_name": "disks", "poll_interval": POLL_INTERVAL, "snapshot_resource_group": GROUP_ID}
        protect = bench.module("protect, the module's process", "backup_instance", {**options, "datasource_id": disk_ids(count)})
        start = bench.module(
            "start backups, the module's process",
            "backup_adhoc",
            {**PLACE, "select": {}, "wait": False, "poll_interval": POLL_INTERVAL},
        )
        slow_down(emulator, limits=True)
        for subject in (protect, start):
            # The buckets fill up again.
            emulator.azure.limits.buckets.clear()
            measure(subject, environment, emulator)
            figures.append((f"{subject.name.split(',')[0]}: share of the allowed rate", share_of_allowed(emulator, subject)))
        vault = emulator.azure.data_protection.vaults[SUBSCRIPTION, "fleet-rg", "fleet"]
        unprotected = count + 1 - sum(item.state == "ProtectionConfigured" for item in vault.instances.values())
        backed_up = {job["properties"]["dataSourceId"].lower() for job in vault.jobs.values()}
    text = (
        f"{count} disks with Resource Manager's token buckets on: 250 reads and 25 more a second, 200 writes and 10 more a "
        "second. The allowed rate is computed from the accepted requests."
    )
    table = Table("As fast as Azure allows", text, [protect, start])
    for name, share in figures:
        table.say(name, share, "at least 0.9")
    table.say("requests refused, and sent again", protect.samples[0].refused + start.samples[0].refused, "")
    table.say("disks left unprotected or without a job", unprotected + count + 1 - len(backed_up), "0")
    table.say("disks with two jobs", len(vault.jobs) - len(backed_up), "0")
    return table


def share_of_allowed(emulator: Emulator, subject: Subject) -> float:
    """Give the least time in which these requests were allowed over the time that they took."""
    served = [entry for entry in emulator.azure.journal.entries if entry["status"] != 429 and "/subscriptions/" in entry["path"]]
    reads = sum(entry["method"] == "GET" for entry in served)
    counts = {"reads": reads, "writes": len(served) - reads}
    least = max((counts[kind] - size) / rate for kind, (size, rate) in LIMITS.items())
    return least / subject.samples[0].wall


SECTIONS = {
    "no-change": bench_no_change,
    "no-change-of-protection": bench_no_change_of_protection,
    "protect": bench_protect,
    "back-up": bench_back_up,
    "restore": bench_restore,
    "machines": bench_machines,
    "growth": bench_growth,
    "growth-of-machines": bench_growth_of_machines,
    "estate": bench_estate,
    "coverage": bench_coverage,
    "drills": bench_drills,
    "hosts": bench_hosts,
    "limits": bench_limits,
}


def main() -> None:
    """Print the tables, and write them down where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="how often each is run; medians are printed")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="a part of it; may be given several times")
    parser.add_argument("--write", type=Path, help="write the tables into this file of the documentation as well")
    given = parser.parse_args()
    peers.install()
    report = Report()
    print(report.machine)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), given.runs)
        for name in given.only or SECTIONS:
            report.add(SECTIONS[name](bench))
    if given.write:
        report.write(given.write)


if __name__ == "__main__":
    main()
