# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules in the order of the roles, while Azure fails at random, and what has to hold all the same.

A run is one order of tasks by one seed. Each task is run in a storm, then again without one, then once more. What has to hold
(Violation names what did not):

- the task reaches what was asked for, or fails with a message that names what failed; never with a traceback;
- at most one job is started by a task, and no vault, policy, instance or assignment is there twice;
- changed is what the emulator's journal shows;
- the run without a storm converges, and one more changes nothing.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure import pipeline
from azure.keyvault.administration._internal import http_challenge_cache
from bodies import GROUP
from emulator.app import MANAGED_HSM, STACKHUB, Azure
from emulator.faults import SECONDS_OF_A_HANGING_JOB, Storm
from emulator.server import Emulator
from modules import Result, VirtualClock, run_module

DISK = f"{GROUP}/providers/Microsoft.Compute/disks/data01"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web01"
STAGING = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/emptyaccount"
VAULT = {"resource_group": "demo-rg", "vault_name": "demo-vault"}
SNAPSHOTS = {"snapshot_resource_group": "demo-snapshots-rg"}
RESTORE = {"target": {"resource_group": "demo-rg"}}
# Less than the emulator is silent for.
_SECONDS_OF_PATIENCE = 0.3
RATES = (0.02, 0.05, 0.1, 0.2, 0.4)
# POSTs of the journal that change nothing of their own.
_HARMLESS = (
    "/validateforbackup",
    "/validaterestore",
    "/refreshcontainers",
    "/backupprevalidateprotection",
    "/backupstatus",
    "/oauth2/v2.0/token",
)


class Violation(AssertionError):
    """Something did not hold; the message says what, in which run, and how to have it again."""


@dataclass(frozen=True)
class Step:
    """One task. is_backup: it starts something each time that it is run, instead of bringing about a state."""

    module: str
    arguments: dict[str, Any]
    is_backup: bool = False


def disks() -> list[Step]:
    """Give the tasks that protect a disk, back it up, restore it, and undo all of it."""
    instance = {**VAULT, "datasource_id": [DISK]}
    return [
        Step("backup_vault", {**VAULT, "soft_delete": {"state": "Off"}}),
        Step("backup_policy", {**VAULT, "policy_name": "disks", "datasource_type": "azure_disk"}),
        Step("backup_permission", {**instance, **SNAPSHOTS}),
        Step("backup_instance", {**instance, **SNAPSHOTS, "policy_name": "disks"}),
        Step("backup_adhoc", instance, is_backup=True),
        Step("backup_permission", {**instance, **RESTORE, "operation": "restore"}),
        Step(
            "backup_restore", {**instance, "target": {**RESTORE["target"], "name": "back"}, "on_existing": "skip"}, is_backup=True
        ),
        Step("backup_permission", {**instance, **RESTORE, "operation": "restore", "state": "absent"}),
        Step("backup_instance", {**instance, "state": "suspended"}),
        Step("backup_instance", {**instance, **SNAPSHOTS, "policy_name": "disks"}),
        Step("backup_instance", {**instance, "state": "absent", "delete_backup_data": True}),
        Step("backup_permission", {**instance, **SNAPSHOTS, "state": "absent"}),
        Step("backup_policy", {**VAULT, "policy_name": "disks", "state": "absent"}),
        Step("backup_vault", {**VAULT, "state": "absent"}),
    ]


def machines() -> list[Step]:
    """Give the tasks that protect a virtual machine, back it up, restore its disks, stop that, and bring it back."""
    vault = {**VAULT, "vault_name": "demo-rsv"}
    instance = {**vault, "datasource_id": [MACHINE]}
    policy = {**vault, "policy_name": "machines", "datasource_type": "azure_vm"}
    target = {"resource_group": "demo-snapshots-rg", "staging_storage_account_id": STAGING}
    return [
        Step("backup_vault", {**vault, "vault_type": "recovery_services", "tags": {"Owner": "ops"}}),
        Step("backup_policy", policy),
        Step("backup_policy", {**policy, "retention": {"default": "14d"}}),
        Step("backup_instance", {**instance, "policy_name": "machines"}),
        Step("backup_adhoc", instance, is_backup=True),
        Step("backup_restore", {**instance, "target": target, "on_existing": "skip"}, is_backup=True),
        Step("backup_instance", {**instance, "state": "stopped"}),
        Step("backup_instance", {**instance, "policy_name": "machines"}),
        Step("backup_instance", {**instance, "state": "absent", "delete_backup_data": True}),
    ]


def estate() -> list[Step]:
    """Give the tasks that protect what is tagged, suspend what a narrower selection leaves out, and take it back."""
    select = {"datasource_types": ["azure_disk"], "tags": {"Backup": "daily"}, "exempt_tag": "BackupExempt"}
    place = {**VAULT, "policy_name": "disks"}
    narrow = {"selections": [{**select, "names": ["data01"]}], "action": "suspend", "max_unselected": 1}
    return [
        Step("backup_vault", VAULT),
        Step("backup_policy", {**place, "datasource_type": "azure_disk"}),
        Step("backup_permission", {**VAULT, **SNAPSHOTS, "select": select}),
        Step("backup_instance", {**place, **SNAPSHOTS, "select": select}),
        Step("backup_unselected", {**place, **narrow}),
        Step("backup_instance", {**place, **SNAPSHOTS, "select": select}),
        Step("backup_instance", {**VAULT, "select": {"names": ["data0*"]}, "state": "stopped"}),
    ]


def stack_hub() -> list[Step]:
    """Give the tasks that set the backups of an Azure Stack Hub up and make one."""
    place = {"location": "blank", "cloud_environment": f"${STACKHUB}"}
    share = {"path": r"\\fileserver\backups", "user_name": "backup", "share_password": "opens-the-share"}
    return [
        Step("stackhub_backup_location", {**place, **share, "backup_frequency_in_hours": 12}),
        Step("stackhub_backup_location", {**place, "backup_frequency_in_hours": 8}),
        Step("stackhub_backup", place, is_backup=True),
    ]


def hsm() -> list[Step]:
    """Give the tasks that back a Managed HSM up, and restore it."""
    place = {"hsm_uri": f"${MANAGED_HSM}", "poll_interval": 2}
    store = {"sas_token": "$sas_token"}
    return [
        Step("hsm_backup", {**place, **store, "storage_container_uri": "$container_uri"}, is_backup=True),
        Step("hsm_backup", {**place, **store, "storage_container_uri": "$container_uri", "keep": 2}, is_backup=True),
        Step("hsm_restore", {**place, **store, "folder_uri": "$folder_uri", "confirm": "127.0.0.1"}, is_backup=True),
    ]


ORDERS: dict[str, Callable[[], list[Step]]] = {
    "disks": disks, "machines": machines, "estate": estate, "stack_hub": stack_hub, "hsm": hsm,
}  # fmt: skip


def located(arguments: dict[str, Any], emulator: Emulator) -> dict[str, Any]:
    """Give arguments with the addresses that things have in an emulator, and with the newest backup of its HSM."""
    places = {f"${name}": url for name, url in emulator.urls.items()}
    blobs = emulator.azure.blob_store
    if blobs:
        places |= {"$container_uri": blobs.container_uri, "$sas_token": blobs.make_sas()}
    for job in emulator.azure.managed_hsm.jobs.values():
        places["$folder_uri"] = job.uri or places.get("$folder_uri", "")
    return {name: places.get(str(value), value) for name, value in arguments.items()}


@dataclass
class Tally:
    """What a campaign has seen. violations: what did not hold, as texts."""

    runs: int = 0
    tasks: int = 0
    requests: int = 0
    failed_tasks: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another campaign's figures in."""
        self.runs += other.runs
        self.tasks += other.tasks
        self.requests += other.requests
        self.failed_tasks += other.failed_tasks
        self.struck += other.struck
        self.violations += other.violations


class Run:
    """One order of tasks in one storm after the other."""

    def __init__(self, emulator: Emulator, order: str, seed: int) -> None:
        self.azure = emulator.azure
        self.emulator = emulator
        self.order = order
        self.seed = seed
        self._random = random.Random(seed)  # noqa: S311 - the same again is what is wanted
        self.tally = Tally(runs=1)
        self.skew = self._random.choice((0, 0, -3600, 3600))

    def go(self) -> Tally:
        """Run all tasks. Gives what was seen; the first violation ends the run."""
        self.azure.reset()
        if self.order == "hsm":
            # The SDK remembers for its process how an HSM is signed in to, and the store tells the real time.
            http_challenge_cache.clear()
            self.azure.clock.catch_up()
        # Tokens end in the middle of waits.
        self.azure.configure({"tokens_by_clock": self._random.random() < 0.5})
        try:
            for number, step in enumerate(ORDERS[self.order]()):
                self._go_through(number, step)
        except Violation as violation:
            self.tally.violations.append(str(violation))
        self.tally.requests = len(self.azure.journal.entries)
        return self.tally

    def _task(self, step: Step, check: bool = False) -> Result:
        self.tally.tasks += 1
        arguments = located(step.arguments, self.emulator)
        clock = VirtualClock(self.azure.clock, self.emulator.open_in_time)
        clock.skew = timedelta(seconds=self.skew)
        result = run_module(step.module, arguments, clock, check)
        self.azure.schedule.settle()
        return result

    def _go_through(self, number: int, step: Step) -> None:
        where = f"{self.order} {self.seed}, task {number} ({step.module} {step.arguments.get('state', '')})"
        rate = self._random.choice(RATES)
        storm = Storm(self._random.randrange(2**32), rate)
        before, mark = facts(self.azure), len(self.azure.journal.entries)
        self.azure.faults.storm = storm
        with patience(_SECONDS_OF_PATIENCE):
            stormy = self._task(step)
        self.azure.faults.storm = None
        self.emulator.open_now()
        # On a busy machine, the task may have given up a request that is served only now.
        self.emulator.catch_up()
        self.tally.struck += storm.struck
        end = len(self.azure.journal.entries)
        self._check(where, step, stormy, before, mark)
        if stormy["failed"]:
            self.tally.failed_tasks += 1
        calm = self._calm(where, step)
        # A job that it joined, and that the storm had decided about, may hang and then end badly.
        for _joined in range(2):
            if calm["failed"] and is_refused_a_second(calm):
                self.azure.clock.advance(SECONDS_OF_A_HANGING_JOB)
            elif not (calm["failed"] and step.is_backup and (ended_badly(calm) or hangs(calm))):
                break
            calm = self._calm(where, step)
        if calm["failed"]:
            raise Violation(f"{where}: without a storm it fails: {calm['msg']}")
        if step.is_backup:
            return
        # Who is told of what was there a moment ago cannot know better, and leaves it as it is; what it wrote has to stay.
        has_several = len(stormy.get("datasources", [])) > 1 or self._read_stale_roles(mark, end)
        was_misled = bool(storm.struck["stale"]) and (not stormy["changed"] or has_several)
        if not stormy["failed"] and calm["changed"] and not was_misled:
            raise Violation(f"{where}: it said that all was done, and the next run changed something: {brief(calm)}")
        again = self._task(step)
        if again["failed"] or again["changed"]:
            raise Violation(f"{where}: it does not converge: {brief(again)}")

    def _read_stale_roles(self, mark: int, end: int) -> bool:
        """Tell whether the roles on one of several scopes were read as they were a moment ago."""
        told = self.azure.journal.entries[mark:end]
        return any(
            entry["status"] == 200 and not entry.get("served") and entry["path"].endswith("/roleAssignments") for entry in told
        )

    def _calm(self, where: str, step: Step) -> Result:
        where = f"{where}, without a storm"
        before, mark = facts(self.azure), len(self.azure.journal.entries)
        foreseen = self._task(step, check=True)
        if any(is_change(entry) for entry in self.azure.journal.entries[mark:]):
            raise Violation(f"{where}: check mode has sent a write")
        result = self._task(step)
        self._check(where, step, result, before, mark)
        # What a protection that is still being configured comes to, the storm has decided, and nothing shows it yet.
        is_open = any(item["action"] == "awaited" for item in foreseen.get("datasources", []))
        if not (result["failed"] or is_open) and (foreseen["failed"] or foreseen["changed"] != result["changed"]):
            raise Violation(f"{where}: check mode foretold something else: {brief(foreseen)} instead of {brief(result)}")
        return result

    def _check(self, where: str, step: Step, result: Result, before: set[str], mark: int) -> None:
        """Check what has to hold after each task. Raises Violation."""
        after = facts(self.azure)
        entries = self.azure.journal.entries[mark:]
        message = str(result.get("msg", ""))
        if "Unexpected error" in message or "Traceback" in json.dumps(result):
            raise Violation(f"{where}: a traceback: {message}")
        jobs = [fact for fact in after - before if fact.startswith("job")]
        if len(jobs) > 1:
            raise Violation(f"{where}: {len(jobs)} jobs were started: {jobs}; {brief(result)}")
        doubled = {fact: count for fact, count in Counter(fact.split(" = ")[0] for fact in after).items() if count > 1}
        if doubled:
            raise Violation(f"{where}: twice there: {doubled}")
        has_changed = after != before
        if result["failed"]:
            if not names_what_failed(message, step):
                raise Violation(f"{where}: the message does not name what failed: {message}")
            if has_changed and not result["changed"]:
                raise Violation(
                    f"{where}: it failed, said that nothing has changed, and it has: {after ^ before}; {brief(result)}"
                )
            return
        was_written = any(is_change(entry) for entry in entries)
        if result["changed"] and not was_written:
            raise Violation(f"{where}: changed, without a write in the journal: {brief(result)}")
        if has_changed and not result["changed"]:
            raise Violation(f"{where}: not changed, and it has: {after ^ before}; {brief(result)}")


@contextmanager
def patience(seconds: float) -> Any:
    """Have modules wait for answers no longer than that; real seconds, which are a hundred else."""
    before = pipeline._SECONDS_TO_READ  # noqa: SLF001
    pipeline._SECONDS_TO_READ = seconds  # noqa: SLF001
    try:
        yield
    finally:
        pipeline._SECONDS_TO_READ = before  # noqa: SLF001


def ended_badly(result: Result) -> bool:
    """Tell whether a job was looked after to its end, which was not a good one."""
    how = r"(?:back up|restore) '[^']*'[^:]*: job \S+ (failed|was cancelled)"
    told = r" ended with status | has status (failed|cancelled|completed_with)"
    return bool(re.search(f"{how}|{told}", str(result.get("msg"))))


def hangs(result: Result) -> bool:
    """Tell whether a job was waited for until wait_timeout."""
    return " still running after " in str(result.get("msg"))


def is_refused_a_second(result: Result) -> bool:
    """Tell whether a second one was refused beside that of an earlier run, whose job does not prove that it is the same.

    By a Managed HSM, which has no list of jobs, and for the restore of a machine, naming the job.
    """
    return "operation is in progress" in str(result.get("msg")) or names_running_restore(result)


def names_running_restore(result: Result) -> bool:
    """Tell whether a restore was refused because of a running one, whose job is in the result."""
    refused = [item for item in result.get("datasources", []) if (item["error"] or {}).get("code") == "RestoreRunning"]
    return bool(refused) and all(item["job"]["id"] in item["msg"] for item in refused)


def is_change(entry: Result) -> bool:
    """Tell whether an entry of the journal is a write that the service did."""
    served = entry.get("served")
    return bool(entry["is_write"] and served and served < 400 and not entry["path"].lower().endswith(_HARMLESS))


def names_what_failed(message: str, step: Step) -> bool:
    """Tell whether a message names the thing, the option, or the place that it is about."""
    names = [step.arguments.get(key) for key in ("vault_name", "policy_name", "location", "resource_group")]
    names += ["127.0.0.1"] if step.module.startswith("hsm") else []
    names += [item.rsplit("/", 1)[-1] for item in step.arguments.get("datasource_id", [])]
    known = [str(name) for name in names if name] + ["sign in", "subscription", "metadata"]
    return len(message) > 20 and (any(name in message for name in known) or bool(re.search(r"Cannot .*'[-\w]+'", message)))


def brief(result: Result) -> str:
    """Give what matters of a result."""
    kept = {key: result.get(key) for key in ("changed", "failed", "msg", "action", "error") if key in result}
    items = [{key: item.get(key) for key in ("action", "msg", "changed")} for item in result.get("datasources", [])]
    return json.dumps({**kept, "datasources": items})[:1500]


def is_started(job: Result) -> bool:
    """Tell whether a job is a backup or a restore; others bring about a state."""
    return job["properties"].get("operation") in ("Backup", "Restore", None)


def facts(azure: Azure) -> set[str]:
    """Give what there is, a text each: nothing of it changes by time alone."""
    azure.schedule.settle()
    found = set()
    for vault in (*azure.data_protection.vaults.values(), *azure.recovery_services.vaults.values()):
        properties = vault.wire.get("properties") or {}
        # A Recovery Services vault shows its own a while after it was made.
        security = properties.get("securitySettings") if "backupVaults" in vault.id else None
        settings = [vault.wire.get("tags"), security, (vault.wire.get("identity") or {}).get("type")]
        found.add(f"vault {vault.id} = {json.dumps(settings, sort_keys=True)}")
        found |= {
            f"policy {policy['id']} = {json.dumps(policy['properties'], sort_keys=True)}" for policy in vault.policies.values()
        }
        found |= {f"job {name}" for name, job in vault.jobs.items() if is_started(job)}
    for vault in azure.data_protection.vaults.values():
        for instance in vault.instances.values():
            held = {"ProtectionStopped": "stopped", "BackupsSuspended": "suspended"}.get(instance.state, "protected")
            found.add(f"instance of {instance.datasource_id} in {vault.id} = {held} {instance.policy_name}")
        found |= {f"deleted {name}" for name in vault.deleted}
    for vault in azure.recovery_services.vaults.values():
        for name, item in vault.items.items():
            properties = item.wire["properties"]
            stopped = properties.get("protectionState") in ("ProtectionStopped", "BackupsSuspended")
            kept = [stopped, properties.get("policyId"), bool(properties.get("isScheduledForDeferredDelete"))]
            found.add(f"item {name} in {vault.id} = {kept}")
    found |= {f"job {job.name}" for job in azure.managed_hsm.jobs.values() if not job.is_check}
    found |= {f"assignment {name}" for name in azure.authorization.assignments}
    for name, location in azure.backup_admin.locations.items():
        found |= {f"job {backup}" for backup in location.backups}
        shown = {key: value for key, value in location.store.items() if not key.startswith(("last", "next", "available"))}
        found.add(f"location {name} = {json.dumps(shown, sort_keys=True, default=str)}")
    return found


@contextmanager
def loopback(emulator: Emulator) -> Any:
    """Have modules find an emulator, and nothing else of this machine."""
    own = {
        **emulator.environment(),
        "REQUESTS_CA_BUNDLE": str(emulator.authority_file),
        "HOME": str(emulator.authority_file.parent),
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def available(emulator: Emulator) -> tuple[str, ...]:
    """Give the orders that this machine can run: a Managed HSM backs up into a blob store, which is Azurite."""
    has_store = emulator.start_blob_store() is not None
    return tuple(order for order in ORDERS if has_store or order != "hsm")


def run_campaign(seeds: range, orders: tuple[str, ...] = tuple(ORDERS)) -> Tally:
    """Run each seed on one of the orders in turn."""
    tally = Tally()
    with Emulator() as emulator, loopback(emulator):
        orders = tuple(order for order in orders if order in available(emulator))
        for seed in seeds:
            tally.add(Run(emulator, orders[seed % len(orders)], seed).go())
    return tally
