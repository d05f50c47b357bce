# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What backup_restore is asked for: read and checked as far as the options alone can tell, before any request."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..errors import AzureBackupError, BadInput, catch
from ..model.containers import is_container_name
from ..model.datasource_types import DatasourceType, find_by_id
from ..model.durations import read_iso, read_moment
from ..model.resource_ids import ResourceId, check_group_name, parse_group, parse_resource_id
from ..model.result_shapes import Described
from ..services.interface import ContainerRestore
from .task import Task

LATEST = "latest"
# The naming rules of Azure's resources: 1 to 80 letters, digits, underscores, dots and hyphens.
_DISK_NAME = re.compile(r"[A-Za-z0-9]([-\w.]{0,78}\w)?")
# What Azure takes in one request (support matrix of blob backup; Microsoft's clients).
_MOST_CONTAINERS = 100
_MOST_RANGES = 10
_OF_AN_ORDER = ("recovery_point", "before", "point_in_time", "tier", "target", "confirm")


@dataclass(frozen=True)
class RestoreOrder:
    """One thing to restore.

    recovery_point: latest or the name of a point; before: the newest at or before that, as it was given; point_in_time: of a
    continuous backup, which is restored in place; target: the keys that are set; at: where the options say it, for messages;
    declared_type: the option datasource_type.
    """

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
    def is_in_place(self) -> bool:
        """Whether it overwrites what it is a backup of."""
        return self.point_in_time is not None


def read_orders(task: Task) -> list[RestoreOrder]:
    """Read the orders of a task: restores, or datasource_id and what goes for all of them. Raises BadInput with all mistakes."""
    options = task.options
    if options["restores"] is not None:
        given = [name for name in ("datasource_id", "datasource_type", *_OF_AN_ORDER) if options[name] not in (None, LATEST)]
        if given:
            raise BadInput(f"{', '.join(given)}: set these in each item of restores instead")
        listed = [(f"restores[{index}].", item) for index, item in enumerate(options["restores"])]
    else:
        listed = [("", {**options, "datasource_id": one}) for one in options["datasource_id"] or []]
        if len(listed) > 1 and options["recovery_point"] not in (None, LATEST):
            raise BadInput("recovery_point: a recovery point belongs to one datasource; use restores, or before, for several")
    if not listed:
        raise BadInput("nothing to restore: set datasource_id, restores or job_id")
    problems: list[str] = []
    orders: list[RestoreOrder] = []
    for at, item in listed:
        try:
            order = _read_order(task, at, item)
        except BadInput as error:
            problems.append(error.message)
            continue
        found = _problems_of(order, is_alone=len(listed) == 1)
        problems += [f"{at}{problem}" for problem in found]
        orders.append(order)
    kinds = {order.datasource_type.vault_type for order in orders}
    if len(kinds) > 1:
        problems.append("datasource_id: these require different types of vault; use a separate task for each type")
    if problems:
        raise BadInput("; ".join(problems))
    _check_targets_differ([disk_target(order).key for order in orders if order.target.get("resource_group")])
    _check_renamed(orders, is_shared=options["restores"] is None)
    return orders


def _check_renamed(orders: list[RestoreOrder], is_shared: bool) -> None:
    """Refuse a new name for a disk that is not restored, such as a misspelled one; is_shared: the orders have one target."""
    for order in orders:
        if "resource_group" not in order.target:
            continue
        named = [one.datasource for one in (orders if is_shared else [order])]
        known = {key for one in named for key in (one.key, one.name.lower())}
        strange = [key for key in order.target.get("rename") or {} if str(key).lower().rstrip("/") not in known]
        if strange:
            raise BadInput(f"{order.at}target.rename: {', '.join(map(str, strange))} is not among the disks to restore")


def _read_order(task: Task, at: str, item: dict[str, Any]) -> RestoreOrder:
    now = task.clock.now()
    try:
        datasource_type, datasource = find_by_id(item["datasource_id"], item["datasource_type"])
        # A duration counts from the service's time, which is not known yet.
        read_moment(item["before"], "before", now)
        return RestoreOrder(
            datasource_type,
            datasource,
            str(item["recovery_point"] or LATEST),
            item["before"] or None,
            _named_moment(item["point_in_time"]),
            item["tier"],
            {key: value for key, value in (item["target"] or {}).items() if value is not None},
            item["confirm"],
            at,
            item["datasource_type"],
        )
    except BadInput as error:
        raise BadInput(f"{at}{error.message}") from error


def _named_moment(text: str | None) -> datetime | None:
    """Read point_in_time, which is a time: with a duration, another run would overwrite to another moment. Raises BadInput."""
    if not text:
        return None
    try:
        moment = read_iso(str(text))
    except (ValueError, OverflowError) as error:
        raise BadInput(f"point_in_time: '{text}' is not a time such as 2026-11-04T08:00:00Z") from error
    return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _problems_of(order: RestoreOrder, is_alone: bool) -> list[str]:
    kind, target = order.datasource_type, order.target
    if not kind.target_keys:
        return [f"datasource_id: a {kind.title} cannot be restored by this collection yet"]
    named = order.recovery_point != LATEST
    both = [name for name, there in (("before", order.before), ("point_in_time", order.point_in_time)) if there]
    problems = []
    if named + len(both) > 1:
        problems.append(f"{', '.join([*(['recovery_point'] if named else []), *both])}: set only one of them")
    if not order.is_in_place:
        return problems + _problems_of_a_copy(order, is_alone)
    if not kind.continuous_store:
        return [*problems, f"point_in_time: a {kind.title} has recovery points only; set before or recovery_point"]
    if order.tier:
        problems.append("tier: it cannot be combined with point_in_time; remove it")
    if not is_alone:
        problems.append("point_in_time: a restore in place overwrites its source; use a separate task for each datasource")
    if order.confirm != order.datasource.name:
        problems.append(
            f"confirm: the restore overwrites and deletes blobs of '{order.datasource.name}' and blocks access to them "
            f"meanwhile; to do that, set confirm: {order.datasource.name}"
        )
    problems += _foreign_keys(kind, target, kind.continuous_target_keys, "restored in place")
    return problems + _problems_of_ranges(target.get("ranges"))


def _problems_of_a_copy(order: RestoreOrder, is_alone: bool) -> list[str]:
    """Give what is wrong with a restore beside its source."""
    kind, target = order.datasource_type, order.target
    problems = _foreign_keys(kind, target, kind.target_keys, "restored")
    if order.confirm is not None:
        problems.append("confirm: only a restore in place needs it, and this one overwrites nothing; remove it")
    if problems:
        return problems
    return _problems_of_a_disk(order, is_alone) if "resource_group" in kind.target_keys else _problems_of_an_account(order)


def _foreign_keys(kind: DatasourceType, target: dict[str, Any], known: tuple[str, ...], how: str) -> list[str]:
    foreign = [f"target.{key}" for key in target if key not in known]
    if not foreign:
        return []
    return [f"{', '.join(foreign)}: a {kind.title} that is {how} does not support it; it supports {', '.join(known)}"]


def _problems_of_a_disk(order: RestoreOrder, is_alone: bool) -> list[str]:
    target = order.target
    if not target.get("resource_group"):
        return ["target.resource_group: not set; set it to the resource group of the restored disk"]
    if not str(target["resource_group"]).startswith("/"):
        problems = [f"target.{problem}" for problem in check_group_name(str(target["resource_group"]))]
        if problems:
            return problems
    problems = _problems_of_names(target)
    if problems:
        return problems
    many = [key for key in ("name_prefix", "name_suffix", "rename") if key in target]
    if "name" in target and many:
        return [
            f"target.name, {', '.join(f'target.{key}' for key in many)}: set either target.name or prefix, suffix and rename, "
            "not both"
        ]
    if "name" in target and not (is_alone or order.at):
        return ["target.name: one name cannot be used for several disks; use name_prefix, name_suffix or rename"]
    try:
        name = disk_target(order).name
    except BadInput as error:
        return [error.message]
    if _DISK_NAME.fullmatch(name):
        return []
    rule = "1 to 80 letters, digits, _, . and -, which begin with a letter or digit and end with a letter, digit or _"
    return [f"target: '{name}' is not a valid name for a disk; use {rule}"]


def _problems_of_names(target: dict[str, Any]) -> list[str]:
    """Give what is wrong with new names: an empty one would silently be the old one."""
    given = {f"target.{key}": target[key] for key in ("name", "name_prefix", "name_suffix") if key in target}
    given |= {f"target.rename.{key}": value for key, value in (target.get("rename") or {}).items()}
    return [f"{key}: a name is needed, not {value!r}" for key, value in given.items() if not (isinstance(value, str) and value)]


def disk_target(order: RestoreOrder) -> ResourceId:
    """Give the id of the disk that an order creates. Raises BadInput."""
    target, source = order.target, order.datasource
    group = parse_group(str(target["resource_group"]), "target.resource_group", source.subscription_id).text
    renamed = {str(key).lower().rstrip("/"): str(value) for key, value in (target.get("rename") or {}).items()}
    name = target.get("name") or renamed.get(source.key) or renamed.get(source.name.lower())
    name = name or f"{target.get('name_prefix') or ''}{source.name}{target.get('name_suffix') or ''}"
    return parse_resource_id(f"{group}/providers/Microsoft.Compute/disks/{name}", "target.name", "Microsoft.Compute/disks")


def _problems_of_an_account(order: RestoreOrder) -> list[str]:
    target = order.target
    if not target.get("storage_account_id"):
        return ["target.storage_account_id: not set; set it to the storage account to restore into"]
    try:
        account = account_target(order)
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
    problems = _problems_of_names({"rename": target.get("rename")})
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


def containers_of(order: RestoreOrder, instance: Described) -> tuple[ContainerRestore, ...]:
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


def check_containers_differ(orders: list[RestoreOrder], restored: Callable[[RestoreOrder], tuple[ContainerRestore, ...]]) -> None:
    """Refuse containers of one task that would get the same place; an order that is wrong itself is told of that later."""
    places = []
    for order in orders:
        outcome = catch(functools.partial(restored, order)) if "storage_account_id" in order.target else ()
        if not isinstance(outcome, AzureBackupError):
            places += [f"{account_target(order).key}/{one.new_name}" for one in outcome]
    _check_targets_differ(places)


def account_target(order: RestoreOrder) -> ResourceId:
    """Give the id of the storage account that an order restores into. Raises BadInput."""
    return parse_resource_id(order.target["storage_account_id"], "target.storage_account_id", "Microsoft.Storage/storageAccounts")


def _check_targets_differ(places: list[str]) -> None:
    same = [place for place, count in Counter(places).items() if count > 1]
    if same:
        raise BadInput(
            f"target: several restores of this task have the same target: {', '.join(sorted(same))}; give each a different name"
        )
