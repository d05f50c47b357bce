# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Restores of storage accounts: containers into another account, and blobs of a continuous backup in place."""

from __future__ import annotations

from typing import Any

from ..errors import BadInput
from ..model.containers import is_container_name
from ..model.datasource_types import DATASOURCE_TYPES, Role
from ..model.durations import format_time
from ..model.resource_ids import ResourceId, normalize, parse_resource_id
from ..model.result_shapes import Described
from ..services.blobs import list_container_names, read_account
from ..services.interface import ContainerRestore, Restore
from .restore_mode import (
    FromBackupVault,
    RestoreOrder,
    RestoreRun,
    check_subscription,
    foreign_keys,
    needless_confirm,
    problems_of_names,
)
from .results import name_some
from .task import Result

# What Azure takes in one request (support matrix of blob backup; Microsoft's clients).
_MOST_CONTAINERS = 100
_MOST_RANGES = 10


class ContainerCopy(FromBackupVault):
    """Containers restored into another account (see restore_mode.RestoreMode for what each method does)."""

    is_in_place = False
    # A job tells only the account, not the containers.
    joins = False

    def problems(self, order: RestoreOrder, is_alone: bool) -> list[str]:
        problems = foreign_keys(order, order.datasource_type.target_keys, "restored") + needless_confirm(order)
        return problems or _problems_of_account(order)

    def places(self, order: RestoreOrder, instance: Described | None) -> list[str]:
        if instance is None:
            return []
        account = _target_of(order).key
        return [f"{account}/{one.new_name}" for one in _containers_of(order, instance)]

    def plan(self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None) -> Restore:
        target = _target_of(order)
        check_subscription(run, order, target)
        kind = DATASOURCE_TYPES.get(str(instance["datasource_type"]), order.datasource_type)
        return Restore(
            instance=instance,
            datasource_type=kind,
            store=kind.data_store,
            target=target,
            location=_location_of_account(run, order, target),
            recovery_point=point["name"] if point else None,
            containers=_containers_of(order, instance),
            identity_id=instance["identity_id"],
        )

    def find_existing(self, run: RestoreRun, restore: Restore) -> str | None:
        there = set(list_container_names(run.task.session, restore.target))
        same = [one.new_name for one in restore.containers if one.new_name in there]
        words = ("container", "exists") if len(same) == 1 else ("containers", "exist")
        return f"{words[0]} {', '.join(same)} of storage account '{restore.target.name}' {words[1]} already" if same else None

    def matches(self, job: Described, restore: Restore) -> bool:
        """See RestoreMode. Of containers a job tells only the account."""
        return False

    def verifies(self, run: RestoreRun, restore: Restore, job: Described) -> bool:
        return False

    def place(self, restore: Restore) -> str:
        return f"container {name_some([one.new_name for one in restore.containers], 3)} of '{restore.target.name}'"

    def read_restored(self, run: RestoreRun, restore: Restore, job: Described) -> Result | None:
        there = set(list_container_names(run.task.session, restore.target))
        return {"id": restore.target.text, "containers": [one.new_name for one in restore.containers if one.new_name in there]}


class BlobsInPlace(FromBackupVault):
    """Blobs restored in place to an earlier moment (see restore_mode.RestoreMode for what each method does)."""

    is_in_place = True
    elsewhere = ""
    # A job tells neither ranges nor containers.
    joins = False

    def problems(self, order: RestoreOrder, is_alone: bool) -> list[str]:
        kind = order.datasource_type
        if not kind.continuous_store:
            return [f"point_in_time: a {kind.title} has recovery points only; set before or recovery_point"]
        problems = []
        if order.tier:
            problems.append("tier: it cannot be combined with point_in_time; remove it")
        if not is_alone:
            problems.append("point_in_time: a restore in place overwrites its source; use a separate task for each datasource")
        if order.confirm != order.datasource.name:
            problems.append(
                f"confirm: the restore overwrites and deletes blobs of '{order.datasource.name}' and blocks access to them "
                f"meanwhile; to do that, set confirm: {order.datasource.name}"
            )
        problems += foreign_keys(order, kind.in_place_target_keys, "restored in place")
        return problems + _problems_of_ranges(order.target.get("ranges"))

    def places(self, order: RestoreOrder, instance: Described | None) -> list[str]:
        """See RestoreMode. A task restores one account this way, so that it meets no other."""
        return []

    def plan(self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None) -> Restore:
        _check_moment(run, order, instance)
        kind = DATASOURCE_TYPES.get(str(instance["datasource_type"]), order.datasource_type)
        return Restore(
            instance=instance,
            datasource_type=kind,
            store=str(kind.continuous_store),
            target=order.datasource,
            location=str(run.vault["location"]),
            point_in_time=order.point_in_time,
            ranges=tuple(
                (str(one["min_matching_value"]), str(one["max_matching_value"])) for one in order.target.get("ranges") or []
            ),
            identity_id=instance["identity_id"],
        )

    def find_existing(self, run: RestoreRun, restore: Restore) -> str | None:
        return None

    def verifies(self, run: RestoreRun, restore: Restore, job: Described) -> bool:
        """See RestoreMode. The newest restore in place is what the blobs came from, as far as anything shows."""
        return True

    def place(self, restore: Restore) -> str:
        return f"'{restore.target.name}' in place"

    def needed_roles(self, restore: Restore) -> tuple[tuple[Role, ...], str]:
        """See FromBackupVault. They are those of its backups."""
        return restore.datasource_type.roles, restore.target.text

    def read_restored(self, run: RestoreRun, restore: Restore, job: Described) -> Result | None:
        return None


def _check_moment(run: RestoreRun, order: RestoreOrder, instance: Described) -> None:
    """Refuse a moment that a continuous backup cannot be restored to. Raises BadInput."""
    moment = str(format_time(order.point_in_time))
    ranges = run.service.list_restorable_ranges(instance)
    # Azure answers ranges that end before they begin where there is none (recorded).
    real = [(str(one["start_time"]), str(one["end_time"])) for one in ranges if str(one["start_time"]) < str(one["end_time"])]
    if any(begin <= moment <= end for begin, end in real):
        return
    told = " or ".join(f"from {begin} to {end}" for begin, end in real)
    reason = f"it can be restored to times {told}" if told else "it has no operational backup; restore a recovery point instead"
    raise BadInput(f"{order.at}point_in_time: '{order.datasource.name}' cannot be restored to {moment}; {reason}")


def _location_of_account(run: RestoreRun, order: RestoreOrder, account: ResourceId) -> str:
    """Give the region of a target account, which has to be that of the vault. Raises NotFound, BadInput."""
    wire = read_account(run.task.session, account, f"{order.at}target.storage_account_id")
    location = str(wire.get("location") or "")
    if normalize(location) != normalize(run.vault["location"]):
        raise BadInput(
            f"{order.at}target.storage_account_id: storage account '{account.name}' is in {location}, but vault "
            f"'{run.service.vault.name}' is in {run.vault['location']}; choose an account in that region"
        )
    return location


def _target_of(order: RestoreOrder) -> ResourceId:
    """Give the id of the storage account that an order restores into. Raises BadInput."""
    return parse_resource_id(order.target["storage_account_id"], "target.storage_account_id", "Microsoft.Storage/storageAccounts")


def _problems_of_account(order: RestoreOrder) -> list[str]:
    target = order.target
    if not target.get("storage_account_id"):
        return ["target.storage_account_id: not set; set it to the storage account to restore into"]
    try:
        account = _target_of(order)
    except BadInput as error:
        return [error.message]
    if account.key == order.datasource.key:
        return [
            "target.storage_account_id: Azure restores containers only into another account than their own; set a different "
            "account"
        ]
    names = [*(target.get("containers") or []), *(target.get("rename") or {}), *(target.get("rename") or {}).values()]
    wrong = sorted({str(name) for name in [*names, *(target.get("prefixes") or {})] if not is_container_name(str(name))})
    if wrong:
        return [f"target: {', '.join(wrong)} is not a valid container name"]
    problems = problems_of_names({"rename": target.get("rename")})
    problems += [
        f"target.prefixes.{name}: a list of prefixes is needed, not {listed!r}"
        for name, listed in (target.get("prefixes") or {}).items()
        if not (isinstance(listed, list) and listed and all(isinstance(prefix, str) and prefix for prefix in listed))
    ]
    if problems:
        return problems
    if target.get("containers") == []:
        return ["target.containers: the list is empty; omit it to restore every container"]
    return []


def _problems_of_ranges(ranges: list[dict[str, Any]] | None) -> list[str]:
    if ranges is None:
        return []
    if not ranges:
        return ["target.ranges: the list is empty; omit it to restore every blob of the account"]
    nowhere = [
        str(value)
        for one in ranges
        for value in (one["min_matching_value"], one["max_matching_value"])
        if not is_container_name(str(value).split("/", maxsplit=1)[0])
    ]
    if nowhere:
        return [f"target.ranges: '{value}' does not begin with the name of a container" for value in nowhere]
    if len(ranges) > _MOST_RANGES:
        return [
            f"target.ranges: Azure restores at most {_MOST_RANGES} ranges at once, not {len(ranges)}; use several tasks, one "
            "after the other"
        ]
    wrong = [one for one in ranges if str(one["min_matching_value"]) >= str(one["max_matching_value"])]
    return [
        f"target.ranges: min_matching_value {one['min_matching_value']} must sort before max_matching_value "
        f"{one['max_matching_value']}"
        for one in wrong
    ]


def _containers_of(order: RestoreOrder, instance: Described) -> tuple[ContainerRestore, ...]:
    """Give the containers that an order restores: those that it names, else all that are backed up. Raises BadInput."""
    target = order.target
    held = [str(name) for name in instance["containers_list"]]
    names = [str(name) for name in target.get("containers") or held]
    if not names:
        raise BadInput(
            f"{order.at}target.containers: the containers of '{order.datasource.name}' are selected automatically, so Azure does "
            "not list them; name those to restore"
        )
    rename, prefixes = target.get("rename") or {}, target.get("prefixes") or {}
    foreign = sorted({*rename, *prefixes} - set(names))
    if foreign:
        raise BadInput(f"{order.at}target.rename, target.prefixes: {', '.join(foreign)} is not among the containers to restore")
    if len(names) > _MOST_CONTAINERS:
        raise BadInput(
            f"{order.at}target.containers: Azure restores at most {_MOST_CONTAINERS} containers at once, not {len(names)}; use "
            "several items of restores"
        )
    return tuple(
        ContainerRestore(name, str(rename.get(name) or name), tuple(map(str, prefixes.get(name) or ())))
        for name in dict.fromkeys(names)
    )
