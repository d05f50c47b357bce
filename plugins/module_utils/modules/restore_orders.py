# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What backup_restore is asked for: read and checked as far as the options alone can tell, before any request."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import AzureBackupError, BadInput, catch
from ..model.datasource_types import DatasourceType, find_by_id
from ..model.durations import read_moment, read_utc
from ..model.result_shapes import Described
from .restore_containers import BlobsInPlace, ContainerCopy
from .restore_disks import DiskCopy
from .restore_machines import OF_A_NEW_MACHINE, DisksOfMachine, MachineCopy, MachineInPlace
from .restore_mode import LATEST, RestoreMode, RestoreOrder
from .results import problems_of_vault_types
from .task import Task

_OF_AN_ORDER = ("recovery_point", "before", "point_in_time", "tier", "target", "confirm")


def _mode_of(datasource_type: DatasourceType, item: Mapping[str, Any], target: Mapping[str, Any]) -> RestoreMode:
    """Give the way to restore that the options of an order ask for. Raises BadInput."""
    if datasource_type.name == "azure_vm":
        if target.get("in_place"):
            return MachineInPlace()
        return MachineCopy() if any(key in target for key in OF_A_NEW_MACHINE) else DisksOfMachine()
    if item["point_in_time"]:
        return BlobsInPlace()
    if datasource_type.name == "azure_disk":
        return DiskCopy()
    return ContainerCopy()


def read_orders(task: Task, datasource_ids: Sequence[str] | None) -> list[RestoreOrder]:
    """Read the orders of a task: restores, or what goes for all of some datasources. Raises BadInput with all mistakes."""
    options = task.options
    if options["restores"] is not None:
        given = [name for name in ("datasource_id", "datasource_type", *_OF_AN_ORDER) if options[name] not in (None, LATEST)]
        if given:
            raise BadInput(f"{', '.join(given)}: set these in each item of restores instead")
        listed = [(f"restores[{index}].", item) for index, item in enumerate(options["restores"])]
    else:
        listed = [("", {**options, "datasource_id": one}) for one in datasource_ids or []]
        if len(listed) > 1 and options["recovery_point"] not in (None, LATEST):
            raise BadInput("recovery_point: a recovery point belongs to one datasource; use restores, or before, for several")
    if not listed:
        raise BadInput("nothing to restore: set datasource_id, select, restores or job_id")
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
    if options["secondary_region"] and options["region"] != "secondary":
        problems.append("secondary_region: only region: secondary uses it; set region or remove it")
    if options["region"] == "secondary" and any(order.mode.is_in_place for order in orders):
        problems.append("region: a restore in place is made in the primary region only; remove it or restore to another place")
    problems += problems_of_vault_types(order.datasource_type for order in orders)
    if problems:
        raise BadInput("; ".join(problems))
    check_places_differ(orders, {})
    _check_renamed(orders, is_shared=options["restores"] is None)
    return orders


def check_places_differ(orders: list[RestoreOrder], instances: Mapping[str, Described]) -> None:
    """Refuse orders of one task that write to the same place; instances: of the datasources, as far as they are known.

    An order that is wrong itself is told of that later. Raises BadInput.
    """
    places: list[str] = []
    for order in orders:
        outcome = catch(functools.partial(order.mode.places, order, instances.get(order.datasource.key)))
        if not isinstance(outcome, AzureBackupError):
            places += outcome
    same = [place for place, count in Counter(places).items() if count > 1]
    if same:
        other = {order.mode.elsewhere for order in orders} - {""}
        raise BadInput(
            f"target: several restores of this task have the same target: {', '.join(sorted(same))}; choose "
            f"{' or '.join(sorted(other))} for each"
        )


def _check_renamed(orders: list[RestoreOrder], is_shared: bool) -> None:
    """Refuse a new name for what is not restored, such as a misspelled one; is_shared: the orders have one target."""
    for order in orders:
        if "resource_group" not in order.target:
            continue
        named = [one.datasource for one in (orders if is_shared else [order])]
        known = {key for one in named for key in (one.key, one.name.lower())}
        strange = [key for key in order.target.get("rename") or {} if str(key).lower().rstrip("/") not in known]
        if strange:
            title = order.datasource_type.title
            raise BadInput(f"{order.at}target.rename: {', '.join(map(str, strange))} is not among the {title}s to restore")


def _read_order(task: Task, at: str, item: dict[str, Any]) -> RestoreOrder:
    now = task.clock.now()
    target = {key: value for key, value in (item["target"] or {}).items() if value is not None}
    try:
        datasource_type, datasource = find_by_id(item["datasource_id"], item["datasource_type"])
        # A duration counts from the service's time, which is not known yet.
        read_moment(item["before"], "before", now)
        return RestoreOrder(
            _mode_of(datasource_type, item, target),
            datasource_type,
            datasource,
            str(item["recovery_point"] or LATEST),
            item["before"] or None,
            _named_moment(item["point_in_time"]),
            item["tier"],
            target,
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
        return read_utc(str(text))
    except (ValueError, OverflowError) as error:
        raise BadInput(f"point_in_time: '{text}' is not a time such as 2026-11-04T08:00:00Z") from error


def _problems_of(order: RestoreOrder, is_alone: bool) -> list[str]:
    named = order.recovery_point != LATEST
    both = [name for name, there in (("before", order.before), ("point_in_time", order.point_in_time)) if there]
    problems = []
    if named + len(both) > 1:
        problems.append(f"{', '.join([*(['recovery_point'] if named else []), *both])}: set only one of them")
    return problems + order.mode.problems(order, is_alone)
