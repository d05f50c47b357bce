# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What every mode of restore has in common: the order, the run that carries orders out, the interface of a mode.

A mode is one way to restore one type of datasource: restore_disks, restore_containers and restore_machines have them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from ..clock import Deadline
from ..concurrency import ReadOnce
from ..errors import AzureBackupError, BadInput, NotFound
from ..jobs.wait import wait_for_jobs
from ..model.datasource_types import DatasourceType, Role
from ..model.durations import format_time, parse_time
from ..model.resource_ids import ResourceId, check_group_name, normalize, parse_group, same_id
from ..model.result_shapes import Described, snake
from ..services.compute_quota import ComputeQuota
from ..services.interface import BackupService, Restore
from ..services.named_vaults import read_group
from ..services.scratch_resources import list_disks, read_resource
from .task import Result, Task

LATEST = "latest"
# Of the jobs that may prove a restore, so many of the newest are read: the list does not say what they restored.
_MOST_JOBS_TO_READ = 20


@dataclass(frozen=True)
class RestoreOrder:
    """One thing to restore.

    recovery_point: latest or the name of a point; before: the newest at or before that, as it was given; point_in_time: of a
    continuous backup; target: the keys that are set; at: where the options say it, for messages; declared_type: the option
    datasource_type.
    """

    mode: RestoreMode
    datasource_type: DatasourceType
    datasource: ResourceId
    recovery_point: str
    before: str | None
    point_in_time: datetime | None
    tier: str | None
    target: dict[str, Any]
    confirm: str | None
    at: str = ""
    declared_type: str | None = None

    @property
    def names_a_point(self) -> bool:
        """Whether it says from which point to restore, and not just from the newest."""
        return self.recovery_point != LATEST or self.before is not None


@dataclass
class RestoreRun:
    """What all restores of a task share, read once; jobs: restore jobs of the vault; known: what the wait has found by job."""

    task: Task
    service: BackupService
    vault: Described
    instances: dict[str, Described]
    jobs: list[Described]
    deadline: Deadline
    # Where disks and machines are restored: the vault's region, or its secondary one.
    location: str = ""
    is_secondary: bool = False
    # The disks of machines before they were replaced, by the machine's lower-cased id.
    attached: dict[str, list[str]] = field(default_factory=dict)
    # The ids of jobs that this run has started.
    started: set[str] = field(default_factory=set)
    followed: list[Described] = field(default_factory=list)
    known: dict[str, Described | AzureBackupError] = field(default_factory=dict)
    # Called right before the request that starts a restore; what it raises keeps it from being sent.
    before_start: Callable[[RestoreOrder], None] = lambda _order: None
    # Called where Azure has refused that request, so that nothing was started.
    after_refusal: Callable[[RestoreOrder], None] = lambda _order: None
    # Whether the caller grants the roles that are missing, so that nobody needs to be told of them.
    grants_roles: bool = False
    # The seconds that phases of a restore took when they were last gone through, by the datasource's key.
    times: dict[str, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begun = self.service.service_now()
        # A job that is over and one that runs tell what they restore only by themselves.
        self.job = ReadOnce(self.service.read_job)
        self._points = ReadOnce(self._read_points)
        # Many restores share a resource group, an account, a network and the roles on them.
        self.resource = ReadOnce(lambda resource_id: read_resource(self.task.session, resource_id))
        self.quota = ComputeQuota(self.task.session)
        self.disks_before = ReadOnce(self._list_disks)
        self.disks = self.disks_before

    def points_of(self, instance: Described) -> list[Described]:
        """Give the recovery points of an instance, the newest first, as they were when they were first asked for."""
        found: list[Described] = self._points(f"{instance['name']} {instance['datasource_id']}")
        return found

    def _read_points(self, key: str) -> list[Described]:
        name, datasource_id = key.rsplit(" ", 1)
        return self.service.list_recovery_points(name, datasource_id)

    @contextlib.contextmanager
    def timed(self, order: RestoreOrder, phase: str) -> Iterator[None]:
        """Keep how long a phase of an order takes."""
        begun = self.task.clock.monotonic()
        try:
            yield
        finally:
            self.times.setdefault(order.datasource.key, {})[phase] = self.task.clock.monotonic() - begun

    def wait(self) -> None:
        """Wait for all jobs together."""
        if not self.task.waits:
            return
        # Waiting for roles has taken none of it.
        self.deadline = self.task.deadline()
        starts = [moment for job in self.followed if (moment := parse_time(job["start_time"]))]
        self.known = wait_for_jobs(
            self.service,
            [str(job["id"]) for job in self.followed],
            self.deadline,
            self.task.options["max_concurrency"],
            self.task.progress,
            since=min([self.begun, *starts]) - timedelta(minutes=1),
        )
        # What was restored has appeared since.
        self.disks = ReadOnce(self._list_disks)

    def _list_disks(self, group_id: str) -> list[Described]:
        """List the managed disks of a resource group, as Azure answers them."""
        return list_disks(self.task.session, parse_group(group_id, "target.resource_group", ""))

    def how_to_wait(self, job: Described) -> str:
        """Say how to wait for a job of this vault."""
        more = ", with region: secondary, resource_group and vault_name" if self.is_secondary else ""
        return f"job_id: {job['id']}{more}"

    def restores_of(self, instance: Described, statuses: tuple[str, ...]) -> list[Described]:
        """Give the restore jobs of an instance with one of these statuses, the newest first, with what they restore."""
        listed = [
            job
            for job in self.jobs
            if job["operation"] == "restore" and job["status"] in statuses and same_id(job["instance_id"], instance["id"])
        ]
        newest = sorted(listed, key=lambda job: str(job["start_time"]), reverse=True)[:_MOST_JOBS_TO_READ]
        return [self.job(job["id"]) or job for job in newest]


class RestoreMode(Protocol):
    """One way to restore one type of datasource.

    is_in_place: whether it overwrites what it is a backup of; joins: whether a job shows all that it restores, so that one that
    runs can be known for the same restore; elsewhere: what to choose to restore to another place, empty for a restore in place.
    """

    is_in_place: bool
    joins: bool
    elsewhere: str = "another name"

    def problems(self, order: RestoreOrder, is_alone: bool) -> list[str]:
        """Give what is wrong with an order, as far as the options alone tell; is_alone: the task restores nothing else."""

    def places(self, order: RestoreOrder, instance: Described | None) -> list[str]:
        """Name what an order writes to, for orders of one task that must not meet; instance: None where it is not known yet."""

    def usable_points(self, order: RestoreOrder, points: list[Described]) -> list[Described]:
        """Give the points that can be restored, of all of a datasource. Raises BadInput, NotFound where there is none."""

    def plan(self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None) -> Restore:
        """Give what is restored, and check what Azure holds of the target. Raises BadInput, NotFound."""

    def find_existing(self, run: RestoreRun, restore: Restore) -> str | None:
        """Say that the target exists, in a clause of a message; None for nothing there, and for a restore in place."""

    def matches(self, job: Described, restore: Restore) -> bool:
        """Tell whether a restore job restores the same point to the same place, as far as a job shows it."""

    def find_proof(self, run: RestoreRun, restore: Restore, done: list[Described]) -> Described | None:
        """Find the job that may have created what is there now; done: completed restores of the instance, the newest first."""
        last = next((job for job in done if self.may_meet(job, restore)), None)
        return last if last and self.matches(last, restore) else None

    def verifies(self, run: RestoreRun, restore: Restore, job: Described) -> bool:
        """Tell whether what is there now is all that the order asks for, and what that job created. Raises AzureBackupError."""

    def may_meet(self, job: Described, restore: Restore) -> bool:
        """Tell whether a running job may write to the same place; one that does not tell where it writes may."""

    def place(self, restore: Restore) -> str:
        """Say where something is restored to."""

    def check_quota(self, run: RestoreRun, order: RestoreOrder, restore: Restore, point: Described | None) -> None:
        """Refuse what the quota of the target's subscription does not allow, where it is started. Raises BadInput."""
        return

    def missing_roles(self, run: RestoreRun, restore: Restore) -> list[str]:
        """Name the roles that the identity does not seem to hold, where Azure itself does not validate that."""
        return []

    def roles(self, restore: Restore) -> list[str]:
        """Name the roles that the identity needs which the restore acts with, and where."""

    def target(self, restore: Restore) -> Result:
        """Give the target as results show it: at least id and location."""

    def read_restored(self, run: RestoreRun, restore: Restore, job: Described) -> Result | None:
        """Read what a restore has made. Raises AzureBackupError."""


class FromBackupVault(RestoreMode):
    """What the ways to restore from a Backup vault share: its jobs tell the point and the resource that they write to."""

    def usable_points(self, order: RestoreOrder, points: list[Described]) -> list[Described]:
        """See RestoreMode. Those in the store that the scheduled backups of the type go to."""
        kind = order.datasource_type
        tier = str(snake(kind.data_store))
        words = tier.replace("_", " ")
        if order.tier not in (None, tier):
            given = str(order.tier).replace("_", " ")
            raise BadInput(f"{order.at}tier: a {kind.title} is restored from the {words} only, not from the {given}")
        usable = [point for point in points if point["tier"] == tier]
        if not usable:
            more = "; if it has an operational backup, restore it in place with point_in_time" if kind.continuous_store else ""
            name = order.datasource.name
            raise NotFound(f"{order.at}datasource_id: '{name}' has no recovery point in the {words}{more}", status=404)
        return usable

    def matches(self, job: Described, restore: Restore) -> bool:
        """See RestoreMode."""
        if restore.recovery_point:
            is_same = str(job["source_recovery_point_id"]).lower() == restore.recovery_point.lower()
        else:
            is_same = job["source_recovery_point_time"] == format_time(restore.point_in_time)
        return is_same and same_id(job["destination_id"], restore.target.text)

    def may_meet(self, job: Described, restore: Restore) -> bool:
        """See RestoreMode."""
        return same_id(job["destination_id"] or restore.target.text, restore.target.text)

    def needed_roles(self, restore: Restore) -> tuple[tuple[Role, ...], str]:
        """Give the roles that the identity needs, and the ARM id that it needs them on."""
        return restore.datasource_type.restore_roles, restore.target.text

    def roles(self, restore: Restore) -> list[str]:
        """See RestoreMode."""
        of = f" of identity {restore.identity_id}" if restore.identity_id else ""
        roles, scope = self.needed_roles(restore)
        return [f"'{role.name}' on {scope}{of}" for role in roles]

    def target(self, restore: Restore) -> Result:
        """See RestoreMode."""
        names = [one.new_name for one in restore.containers]
        return {"id": restore.target.text, "location": restore.location, "containers": names}


# Clocks of Azure's services differ by seconds.
_SLACK = timedelta(minutes=1)


def is_made_by(wire: dict[str, Any], job: Described, slack: bool = True) -> bool:
    """Tell whether a disk or machine, as Azure answers it, was created while a job ran; slack: or a moment before or after."""
    made = parse_time((wire.get("properties") or {}).get("timeCreated"))
    begin, end = parse_time(job["start_time"]), parse_time(job["end_time"])
    more = _SLACK if slack else timedelta(0)
    return bool(made and begin and begin - more <= made and (end is None or made <= end + more))


def check_subscription(run: RestoreRun, order: RestoreOrder, target: ResourceId) -> None:
    """Refuse a target in another subscription where the vault does not restore across subscriptions. Raises BadInput."""
    state = normalize(run.vault["cross_subscription_restore_state"])
    if target.subscription_id.lower() != run.service.vault.subscription_id.lower() and state in (
        "disabled",
        "permanentlydisabled",
    ):
        way_out = "set cross_subscription_restore_state with backup_vault"
        if state == "permanentlydisabled":
            way_out = f"that cannot be undone, so restore into subscription {run.service.vault.subscription_id}"
        raise BadInput(
            f"{order.at}target: '{target.name}' is in subscription {target.subscription_id}, but restores across subscriptions "
            f"are {run.vault['cross_subscription_restore_state']} in vault '{run.service.vault.name}'; {way_out}"
        )


def check_target_group(run: RestoreRun, order: RestoreOrder, target: ResourceId) -> None:
    """Refuse a resource group that does not exist, or that the vault does not restore to. Raises BadInput, NotFound."""
    check_subscription(run, order, target)
    read_group(run.task.session, target.group_id, f"{order.at}target.resource_group")


def foreign_keys(order: RestoreOrder, known: tuple[str, ...], how: str) -> list[str]:
    """Give what is wrong with the keys of a target: those that this way to restore does not have."""
    foreign = [f"target.{key}" for key in order.target if key not in known]
    if not foreign:
        return []
    return [
        f"{', '.join(foreign)}: a {order.datasource_type.title} that is {how} does not support it; it supports {', '.join(known)}"
    ]


def needless_confirm(order: RestoreOrder) -> list[str]:
    """Give what is wrong with a confirmation of what overwrites nothing."""
    if order.confirm is None:
        return []
    return ["confirm: only a restore in place needs it, and this one overwrites nothing; remove it"]


def problems_of_group(target: dict[str, Any], of_what: str) -> list[str]:
    """Give what is wrong with target.resource_group, which is needed."""
    if not target.get("resource_group"):
        return [f"target.resource_group: not set; set it to the resource group of the {of_what}"]
    if str(target["resource_group"]).startswith("/"):
        return []
    return [f"target.{problem}" for problem in check_group_name(str(target["resource_group"]))]


def problems_of_names(target: dict[str, Any]) -> list[str]:
    """Give what is wrong with new names: an empty one would silently be the old one."""
    given = {f"target.{key}": target[key] for key in ("name", "name_prefix", "name_suffix") if key in target}
    given |= {f"target.rename.{key}": value for key, value in (target.get("rename") or {}).items()}
    return [f"{key}: a name is needed, not {value!r}" for key, value in given.items() if not (isinstance(value, str) and value)]


def problems_of_one_name(order: RestoreOrder, is_alone: bool, noun: str) -> list[str]:
    """Give what is wrong with the ways to name what an order makes; noun: what that is, in the plural."""
    target = order.target
    problems = problems_of_names(target)
    if problems:
        return problems
    many = [key for key in ("name_prefix", "name_suffix", "rename") if key in target]
    if "name" in target and many:
        return [
            f"target.name, {', '.join(f'target.{key}' for key in many)}: set either target.name or prefix, suffix and rename, "
            "not both"
        ]
    if "name" in target and not (is_alone or order.at):
        return [f"target.name: one name cannot be used for several {noun}; use name_prefix, name_suffix or rename"]
    return []


def problems_of_new_resource(
    order: RestoreOrder, id_of: Callable[[RestoreOrder], ResourceId], pattern: re.Pattern[str], noun: str, rule: str
) -> list[str]:
    """Give what is wrong with the name of what an order makes; id_of: gives its id; rule: says what pattern wants."""
    try:
        name = id_of(order).name
    except BadInput as error:
        return [error.message]
    return [] if pattern.fullmatch(name) else [f"target: '{name}' is not a valid name for a {noun}; use {rule}"]


def new_name(order: RestoreOrder) -> str:
    """Give the name of what an order makes of its datasource."""
    target, source = order.target, order.datasource
    renamed = {str(key).lower().rstrip("/"): str(value) for key, value in (target.get("rename") or {}).items()}
    name = target.get("name") or renamed.get(source.key) or renamed.get(source.name.lower())
    return str(name or f"{target.get('name_prefix') or ''}{source.name}{target.get('name_suffix') or ''}")
