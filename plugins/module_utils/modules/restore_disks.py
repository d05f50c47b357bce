# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Restores of managed disks of a Backup vault: each becomes a new disk."""

from __future__ import annotations

import functools
import re
from typing import Any

from ..model.datasource_types import DATASOURCE_TYPES, Role
from ..model.resource_ids import ResourceId, parse_group, parse_resource_id
from ..model.result_shapes import Described
from ..services.datasource_kinds import read_datasource
from ..services.interface import Restore
from ..waiting import look_for
from .restore_mode import (
    FromBackupVault,
    RestoreOrder,
    RestoreRun,
    check_target_group,
    foreign_keys,
    is_made_by,
    needless_confirm,
    new_name,
    problems_of_group,
    problems_of_new_resource,
    problems_of_one_name,
)
from .task import Result

# The naming rules of Azure's resources: 1 to 80 letters, digits, underscores, dots and hyphens.
_DISK_NAME = re.compile(r"[A-Za-z0-9]([-\w.]{0,78}\w)?")
_NAME_RULE = "1 to 80 letters, digits, _, . and -, which begin with a letter or digit and end with a letter, digit or _"
# How long to look for the disk that a job has made, and how often, in seconds.
_SECONDS_TO_FIND = 60
_SECONDS_BETWEEN_LOOKS = 10


class DiskCopy(FromBackupVault):
    """A disk restored to a new disk (see restore_mode.RestoreMode for what each method does)."""

    is_in_place = False
    joins = True

    def problems(self, order: RestoreOrder, is_alone: bool) -> list[str]:
        problems = foreign_keys(order, order.datasource_type.target_keys, "restored") + needless_confirm(order)
        problems = problems or problems_of_group(order.target, "restored disk") or problems_of_one_name(order, is_alone, "disks")
        return problems or problems_of_new_resource(order, _target_of, _DISK_NAME, "disk", _NAME_RULE)

    def places(self, order: RestoreOrder, instance: Described | None) -> list[str]:
        return [_target_of(order).key]

    def plan(self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None) -> Restore:
        target = _target_of(order)
        check_target_group(run, order, target)
        return Restore(
            instance=instance,
            datasource_type=DATASOURCE_TYPES["azure_disk"],
            store=DATASOURCE_TYPES["azure_disk"].data_store,
            target=target,
            location=str(run.vault["location"]),
            recovery_point=point["name"] if point else None,
            identity_id=instance["identity_id"],
        )

    def find_existing(self, run: RestoreRun, restore: Restore) -> str | None:
        found = read_disk(run, restore.target)
        if found is None:
            return None
        return f"disk '{restore.target.name}' in resource group '{restore.target.resource_group}' exists already"

    def verifies(self, run: RestoreRun, restore: Restore, job: Described) -> bool:
        found = read_disk(run, restore.target)
        return found is not None and is_made_by(found, job)

    def place(self, restore: Restore) -> str:
        return f"'{restore.target.name}' in resource group '{restore.target.resource_group}'"

    def needed_roles(self, restore: Restore) -> tuple[tuple[Role, ...], str]:
        """See FromBackupVault. The disk is not there yet, so the roles are on its group."""
        return restore.datasource_type.restore_roles, restore.target.group_id

    def read_restored(self, run: RestoreRun, restore: Restore, job: Described) -> Result | None:
        find = functools.partial(read_disk, run, restore.target)
        wire = look_for(find, run.task.clock, _SECONDS_TO_FIND, _SECONDS_BETWEEN_LOOKS, ignored=())
        if wire:
            return describe_disk(wire)
        run.task.warn(
            f"the restore's job has completed, but {restore.target.text} cannot be found; check the job and the "
            "target in the portal"
        )
        return None


def _target_of(order: RestoreOrder) -> ResourceId:
    """Give the id of the disk that an order creates. Raises BadInput."""
    group = parse_group(str(order.target["resource_group"]), "target.resource_group", order.datasource.subscription_id).text
    name = new_name(order)
    return parse_resource_id(f"{group}/providers/Microsoft.Compute/disks/{name}", "target.name", "Microsoft.Compute/disks")


def read_disk(run: RestoreRun, disk: ResourceId) -> dict[str, Any] | None:
    """Read a managed disk; None where it does not exist."""
    return read_datasource(run.task.session, DATASOURCE_TYPES["azure_disk"], disk)


def describe_disk(wire: dict[str, Any]) -> Result:
    """Give a managed disk as results show it."""
    properties = wire.get("properties") or {}
    return {
        "id": wire.get("id"),
        "name": wire.get("name"),
        "location": wire.get("location"),
        "size_gb": properties.get("diskSizeGB"),
        "size_bytes": properties.get("diskSizeBytes"),
        "sku": (wire.get("sku") or {}).get("name"),
        "zones": wire.get("zones") or [],
    }
