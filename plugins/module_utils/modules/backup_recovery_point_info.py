# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Read recovery points (module backup_recovery_point_info)."""

from __future__ import annotations

from typing import Any

from ..concurrency import settle_each
from ..errors import AzureBackupError, BadInput
from ..model.durations import is_between
from ..model.resource_ids import parse_resource_id
from ..model.result_shapes import Described
from .info_options import asks_for_nothing, datasources_of, instances_of, look_in, possible_services, time_range
from .task import Result, Task

# -- recovery points


def read_recovery_points(task: Task) -> Result:
    """Read the recovery points of datasources of a vault, newest first (module backup_recovery_point_info)."""
    options = task.options
    if asks_for_nothing(task):
        return {"changed": False, "recovery_points": [], "restorable_time_ranges": []}
    ids = [datasource.key for _row, datasource in datasources_of(task)]
    after, before = time_range(task)
    point_name = _take_recovery_point_id(options)
    services = possible_services(task)
    if not services:
        raise BadInput("vault_name, vault_id: no vault is given; set the vault of the recovery points")
    listed_in = look_in(task, services, lambda one: [(one, item) for item in instances_of(task, one)])
    instances = [item for _service, item in listed_in if not ids or str(item["datasource_id"]).lower() in ids]
    service = listed_in[0][0] if listed_in else services[0]

    def read(instance: Described) -> list[Described]:
        if point_name:
            point = service.read_recovery_point(instance["name"], point_name, instance["datasource_id"])
            return [point] if point else []
        return service.list_recovery_points(instance["name"], instance["datasource_id"])

    read_each = settle_each(instances, read, options["max_concurrency"])
    points = [point for listed in read_each if not isinstance(listed, AzureBackupError) for point in listed]
    points = [point for point in points if is_between(point["time"], after, before)]
    wanted = instances if options["restorable_time_ranges"] else []
    ranges_each = settle_each(wanted, service.list_restorable_ranges, options["max_concurrency"])
    ranges = [item for listed in ranges_each if not isinstance(listed, AzureBackupError) for item in listed]
    failures = [outcome for outcome in [*read_each, *ranges_each] if isinstance(outcome, AzureBackupError)]
    if failures:
        failures[0].details = {"recovery_points": points, "restorable_time_ranges": ranges}
        raise failures[0]
    points.sort(key=lambda point: point["time"] or "", reverse=True)
    return {"changed": False, "recovery_points": points, "restorable_time_ranges": ranges}


def _take_recovery_point_id(options: dict[str, Any]) -> str | None:
    """Read recovery_point_id, a name or an ARM id, which names the vault and the instance as well. Raises BadInput."""
    given = options["recovery_point_id"]
    if not given or not str(given).startswith("/"):
        return str(given) if given else None
    point = parse_resource_id(given, "recovery_point_id")
    if len(point.names) != 3 or point.types[-1].lower() != "recoverypoints":
        raise BadInput(f"recovery_point_id: '{given}' is a {point.type}, not a recovery point")
    if not (options["vault_id"] or options["vault_name"]):
        options["vault_id"] = point.parent(2).text
    options["instance_name"] = options["instance_name"] or point.names[1]
    options["recovery_point_id"] = point.name
    return point.name
