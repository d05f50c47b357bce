# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Restores of virtual machines of a Recovery Services vault: their disks, a new machine, or their disks in place."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from typing import Any

from ..errors import AzureBackupError, BadInput, NotFound
from ..jobs.wait import SUCCEEDED
from ..model.datasource_types import DATASOURCE_TYPES
from ..model.durations import read_utc
from ..model.resource_ids import ResourceId, normalize, parse_group, parse_resource_id, same_id
from ..model.result_shapes import Described
from ..model.virtual_machines import disk_ids_of, interface_ids_of
from ..services.datasource_kinds import read_datasource
from ..services.interface import MACHINE_MODES, SYSTEM_ASSIGNED, MachineRestore, Restore
from ..services.role_assignments import Grants, Need, find_identity
from .restore_disks import describe_disk
from .restore_machine_checks import (
    check_identity,
    check_network,
    check_point,
    network_of,
    read_staging_account,
)
from .restore_mode import (
    RestoreMode,
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

# Windows takes 15 letters for the name inside, Azure 64 for the resource.
_MACHINE_NAME = re.compile(r"[A-Za-z0-9]([-\w.]{0,62}[A-Za-z0-9_])?")
_NAME_RULE = "1 to 64 letters, digits, _, . and -, which begin with a letter or digit and do not end with . or -"
_SUBNET = re.compile(r"[A-Za-z0-9]([-\w.]{0,78}\w)?")
_OF_NETWORK = ("virtual_network_id", "subnet")
_NAMES = ("name", "name_prefix", "name_suffix", "rename")
# The keys of a target that only a new machine has.
OF_A_NEW_MACHINE = (*_NAMES, *_OF_NETWORK)
_NETWORK_ACCESS = {
    "same_as_source": "SameAsOnSourceDisks",
    "private": "EnablePrivateAccessForAllDisks",
    "public": "EnablePublicAccessForAllDisks",
}


class _OfMachine(RestoreMode):
    """What the modes of restoring a machine share. No job shows disks, zone or subnet, so that none is joined."""

    joins = False
    is_in_place = False
    recovery_type = ""

    def _problems_of_target(self, order: RestoreOrder) -> list[str]:
        """Give what is wrong with the keys of the target that every mode has."""
        target = order.target
        problems = []
        if not target.get("staging_storage_account_id"):
            problems.append(
                "target.staging_storage_account_id: not set; set it to a storage account in the region of the restore, which "
                "Azure uses for temporary data"
            )
        problems += _problems_of_id(target, "staging_storage_account_id", "Microsoft.Storage/storageAccounts")
        problems += _problems_of_id(target, "disk_encryption_set_id", "Microsoft.Compute/diskEncryptionSets")
        problems += _problems_of_id(target, "disk_access_id", "Microsoft.Compute/diskAccesses")
        identity = target.get("staging_identity")
        if identity not in (None, SYSTEM_ASSIGNED):
            problems += _problems_of_id(target, "staging_identity", "Microsoft.ManagedIdentity/userAssignedIdentities")
        wrong = [str(lun) for lun in target.get("disk_luns") or [] if not 0 <= lun <= 63]
        if wrong:
            problems.append(f"target.disk_luns: {', '.join(wrong)} is not a LUN from 0 to 63")
        if target.get("zone") is not None and str(target["zone"]) not in ("1", "2", "3"):
            problems.append(f"target.zone: '{target['zone']}' is not an availability zone; use 1, 2 or 3")
        if target.get("disk_access_id") and target.get("disk_network_access") != "private":
            problems.append("target.disk_access_id: set target.disk_network_access: private, or remove it")
        if target.get("disk_network_access") == "private" and not target.get("disk_access_id"):
            problems.append("target.disk_network_access: private needs target.disk_access_id")
        return problems

    def usable_points(self, order: RestoreOrder, points: list[Described]) -> list[Described]:
        """See RestoreMode. Azure itself takes the snapshot of a point where there is one, and else what is in the vault."""
        name = order.datasource.name
        if order.tier is not None:
            raise BadInput(f"{order.at}tier: for a virtual machine Azure chooses the tier of a recovery point; remove it")
        usable = [
            point for point in points if set(point["tiers"]) - {"archive_store"} or (point["machine"] or {}).get("is_rehydrated")
        ]
        wanted = order.recovery_point.rstrip("/").rsplit("/", 1)[-1].lower()
        if any(point not in usable and str(point["name"]).lower() == wanted for point in points):
            raise NotFound(
                f"{order.at}recovery_point: {order.recovery_point} is in the archive tier only, from which this collection "
                "cannot restore yet; rehydrate it in the portal and restore it then",
                status=404,
            )
        if points and not usable:
            raise NotFound(
                f"{order.at}datasource_id: every recovery point of '{name}' is in the archive tier only, from which this "
                "collection cannot restore yet; rehydrate one in the portal and restore it then",
                status=404,
            )
        if not usable:
            raise NotFound(f"{order.at}datasource_id: '{name}' has no recovery point", status=404)
        return usable

    def _restore(
        self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None, target: ResourceId
    ) -> Restore:
        """Give the restore after the checks that every mode has. Raises BadInput, NotFound."""
        if point is None:
            raise TypeError("a virtual machine is restored from a recovery point")
        given = order.target
        staging = read_staging_account(run, order)
        check_point(run, order, point)
        check_identity(run, order)
        machine = MachineRestore(
            recovery_type=self.recovery_type,
            staging_account=staging,
            zone=str(given["zone"]) if given.get("zone") is not None else None,
            disk_luns=tuple(dict.fromkeys(given["disk_luns"])) if given.get("disk_luns") is not None else None,
            disk_encryption_set=_optional_id(given, "disk_encryption_set_id", "Microsoft.Compute/diskEncryptionSets"),
            staging_identity=given.get("staging_identity"),
            network_access=_NETWORK_ACCESS.get(str(given.get("disk_network_access"))),
            disk_access=_optional_id(given, "disk_access_id", "Microsoft.Compute/diskAccesses"),
            **self._network(order),
        )
        return Restore(
            instance=instance,
            datasource_type=DATASOURCE_TYPES["azure_vm"],
            store=None,
            target=target,
            location=run.location,
            recovery_point=point["name"],
            recovery_point_time=point["time"],
            machine=machine,
        )

    def _network(self, order: RestoreOrder) -> dict[str, ResourceId]:
        """Give network and subnet of a restore, for a mode that has them."""
        return {}

    def matches(self, job: Described, restore: Restore) -> bool:
        """See RestoreMode. A job names groups and machines without their subscription, and tells no choice of disks."""
        told = job["restore"] or {}
        is_same_point = job["source_recovery_point_time"] == restore.recovery_point_time
        return told.get("mode") == MACHINE_MODES[self.recovery_type] and is_same_point and self._is_same_place(told, restore)

    def _is_same_place(self, told: Described, restore: Restore) -> bool:
        return same_id(told.get("resource_group"), restore.target.resource_group)

    def may_meet(self, job: Described, restore: Restore) -> bool:
        told = job["restore"]
        return told is None or (told.get("mode") == MACHINE_MODES[self.recovery_type] and self._is_same_place(told, restore))

    def missing_roles(self, run: RestoreRun, restore: Restore) -> list[str]:
        """See RestoreMode. Azure validates nothing here, so the assignments are read; none are told where that is not allowed."""
        machine = restore.machine
        if machine is None or machine.staging_identity is None:
            return []
        identity_id = None if machine.staging_identity == SYSTEM_ASSIGNED else machine.staging_identity
        principal = find_identity(run.vault, identity_id)[1]
        if principal is None:
            return []
        grants = Grants(run.task.session, principal)
        needs = [Need(role, machine.staging_account.text) for role in restore.datasource_type.restore_roles]
        with contextlib.suppress(AzureBackupError):
            return [f"'{need.role.name}' on {need.scope}" for need in needs if not grants.find(need)]
        return []

    def roles(self, restore: Restore) -> list[str]:
        """See RestoreMode. Without an identity of the vault the rights of the caller count, which Azure checks itself."""
        machine = restore.machine
        if machine is None or machine.staging_identity is None:
            return []
        return [f"'{role.name}' on {machine.staging_account.text}" for role in restore.datasource_type.restore_roles]

    def target(self, restore: Restore) -> Result:
        machine = restore.machine
        return {
            "id": restore.target.text,
            "location": restore.location,
            "containers": [],
            "mode": MACHINE_MODES[self.recovery_type],
            "staging_storage_account_id": machine.staging_account.text if machine else None,
        }


class DisksOfMachine(_OfMachine):
    """The disks of a machine restored to new disks, which Azure names (see restore_mode.RestoreMode)."""

    recovery_type = "RestoreDisks"
    elsewhere = "another resource group"

    def problems(self, order: RestoreOrder, is_alone: bool) -> list[str]:
        known = tuple(key for key in order.datasource_type.target_keys if key not in OF_A_NEW_MACHINE)
        problems = foreign_keys(order, known, "restored to disks") + needless_confirm(order) + _needless_moment(order)
        return problems or [*problems_of_group(order.target, "restored disks"), *self._problems_of_target(order)]

    def places(self, order: RestoreOrder, instance: Described | None) -> list[str]:
        """See RestoreMode. Azure names the disks after the machine, so that those of two restores could not be told apart."""
        return [f"disks of '{order.datasource.name.lower()}' in {_group_of(order).key}"]

    def plan(self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None) -> Restore:
        group = _group_of(order)
        check_target_group(run, order, group)
        return self._restore(run, order, instance, point, group)

    def find_existing(self, run: RestoreRun, restore: Restore) -> str | None:
        """See RestoreMode. Disks count that a completed restore of the same point has created there."""
        if not any(_is_named_after(disk, restore) for disk in run.disks_before(restore.target.text)):
            return None
        job = self.find_proof(run, restore, run.restores_of(restore.instance, SUCCEEDED))
        if job is None:
            return None
        named = ", ".join(f"'{disk['name']}'" for disk in _disks_made(run.disks_before(restore.target.text), job, restore))
        return f"disks restored from the same recovery point exist in resource group '{restore.target.resource_group}': {named}"

    def find_proof(self, run: RestoreRun, restore: Restore, done: list[Described]) -> Described | None:
        """See RestoreMode. Several restores may stand side by side: the newest of the same point whose disks are there."""
        there = run.disks_before(restore.target.text)
        return next((job for job in done if self.matches(job, restore) and _disks_made(there, job, restore)), None)

    def verifies(self, run: RestoreRun, restore: Restore, job: Described) -> bool:
        count = len(_disks_made(run.disks_before(restore.target.text), job, restore))
        return count == _whole_count(run, restore, job)

    def place(self, restore: Restore) -> str:
        return f"new disks in resource group '{restore.target.resource_group}'"

    def read_restored(self, run: RestoreRun, restore: Restore, job: Described) -> Result | None:
        """See RestoreMode. Azure names the disks and its job does not tell them: they are those that were created meanwhile."""
        told = job["restore"] or {}
        made = [disk for disk in run.disks(restore.target.text) if is_made_by(disk, job)]
        if job["id"] in run.started:
            before = {disk["id"] for disk in run.disks_before(restore.target.text) if not is_made_by(disk, job, slack=False)}
            made = [disk for disk in made if disk["id"] not in before]
        own = [disk for disk in made if _is_named_after(disk, restore)]
        if not own:
            run.task.warn(
                f"job {job['name']} has completed, but no new disk of '{_source_of(restore)}' can be found in resource group "
                f"'{restore.target.resource_group}'; check the group and the deployment template {told.get('template_uri')}"
            )
        _warn_of_other_disks(run, restore, job, len(own))
        return {
            "id": restore.target.text,
            "disks": [describe_disk(disk) for disk in own],
            # Created there at the same time under other names: they may belong to someone else.
            "other_new_disks": [disk["id"] for disk in made if disk not in own],
            **_left_behind(restore, told),
        }


class MachineCopy(_OfMachine):
    """A machine restored as a new machine (see restore_mode.RestoreMode for what each method does)."""

    recovery_type = "AlternateLocation"

    def problems(self, order: RestoreOrder, is_alone: bool) -> list[str]:
        target = order.target
        problems = foreign_keys(order, order.datasource_type.target_keys, "restored to a new machine")
        problems += needless_confirm(order) + _needless_moment(order)
        missing = [key for key in _OF_NETWORK if not target.get(key)]
        if not any(key in target for key in _NAMES):
            missing.append("name")
        if missing:
            problems.append(
                f"{', '.join(f'target.{key}' for key in missing)}: not set; a new machine needs a name, a virtual network and a "
                "subnet. To restore only its disks, set none of them"
            )
        if problems:
            return problems
        problems = problems_of_group(target, "new machine") or problems_of_one_name(order, is_alone, "machines")
        problems += self._problems_of_target(order)
        problems += _problems_of_id(target, "virtual_network_id", "Microsoft.Network/virtualNetworks")
        if not _SUBNET.fullmatch(str(target["subnet"])):
            problems.append(f"target.subnet: '{target['subnet']}' is not the name of a subnet")
        return problems or problems_of_new_resource(order, _machine_of, _MACHINE_NAME, "virtual machine", _NAME_RULE)

    def places(self, order: RestoreOrder, instance: Described | None) -> list[str]:
        return [_machine_of(order).key]

    def plan(self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None) -> Restore:
        target = _machine_of(order)
        check_target_group(run, order, target)
        check_network(run, order)
        return self._restore(run, order, instance, point, target)

    def check_quota(self, run: RestoreRun, order: RestoreOrder, restore: Restore, point: Described | None) -> None:
        size = ((point or {}).get("machine") or {}).get("size")
        target = restore.target
        told = run.quota.shortage(target.subscription_id, normalize(run.location), size, target.key) if size else None
        if told:
            raise BadInput(
                f"{order.at}target: new machine '{target.name}' cannot be created: {told}; request a higher quota, or restore "
                "only the disks",
                code="QuotaExceeded",
            )

    def _network(self, order: RestoreOrder) -> dict[str, ResourceId]:
        network = network_of(order)
        subnet = parse_resource_id(f"{network.text}/subnets/{order.target['subnet']}", "target.subnet")
        return {"network": network, "subnet": subnet}

    def find_existing(self, run: RestoreRun, restore: Restore) -> str | None:
        found = _read_machine(run, restore.target)
        if found is None:
            return None
        return f"virtual machine '{restore.target.name}' in resource group '{restore.target.resource_group}' exists already"

    def verifies(self, run: RestoreRun, restore: Restore, job: Described) -> bool:
        """See RestoreMode. The machine has to be the one that the job created, whole, and in the wanted subnet."""
        wire = _read_machine(run, restore.target)
        if wire is None or not is_made_by(wire, job):
            return False
        interfaces = _describe_machine(wire)["network_interfaces"]
        subnet = restore.machine.subnet.text if restore.machine and restore.machine.subnet else None
        is_in_subnet = len(interfaces) == 1 and same_id(_subnet_of(run, interfaces[0]), subnet)
        return is_in_subnet and len(disk_ids_of(wire)) == _whole_count(run, restore, job)

    def _is_same_place(self, told: Described, restore: Restore) -> bool:
        return super()._is_same_place(told, restore) and same_id(told.get("name"), restore.target.name)

    def place(self, restore: Restore) -> str:
        return f"new machine '{restore.target.name}' in resource group '{restore.target.resource_group}'"

    def read_restored(self, run: RestoreRun, restore: Restore, job: Described) -> Result | None:
        wire = _read_machine(run, restore.target)
        if wire is None:
            run.task.warn(f"job {job['name']} has completed, but {restore.target.text} cannot be found; check the resource group")
            return None
        disks = disk_ids_of(wire)
        _warn_of_other_disks(run, restore, job, len(disks))
        return {
            **_describe_machine(wire),
            "disks": [{"id": disk} for disk in disks],
            **_left_behind(restore, job["restore"] or {}),
        }


class MachineInPlace(_OfMachine):
    """A machine whose disks are replaced (see restore_mode.RestoreMode for what each method does)."""

    recovery_type = "OriginalLocation"
    is_in_place = True
    elsewhere = ""

    def problems(self, order: RestoreOrder, is_alone: bool) -> list[str]:
        name = order.datasource.name
        problems = foreign_keys(order, order.datasource_type.in_place_target_keys, "restored in place") + _needless_moment(order)
        if order.before and _fixed_moment(order.before) is None:
            problems.append(
                f"before: '{order.before}' is not a time such as 2026-11-04T08:00:00Z; with a duration, another run would "
                "restore another recovery point"
            )
        if not is_alone:
            problems.append("target.in_place: it replaces the disks of the machine; use a separate task for each machine")
        if not order.names_a_point:
            problems.append(
                "recovery_point: not set; to replace the disks of a machine, name the recovery point, or a time with before: the "
                "newest point may have what you want to undo"
            )
        if order.confirm != name:
            problems.append(f"confirm: the restore stops '{name}' and replaces its disks; to do that, set confirm: {name}")
        return problems + self._problems_of_target(order)

    def places(self, order: RestoreOrder, instance: Described | None) -> list[str]:
        """See RestoreMode. A task restores one machine this way, so that it meets no other."""
        return []

    def plan(self, run: RestoreRun, order: RestoreOrder, instance: Described, point: Described | None) -> Restore:
        moment = _fixed_moment(order.before) if order.before else None
        if moment and moment > run.service.service_now():
            raise BadInput(f"{order.at}before: {order.before} is in the future; name a time before what you want to undo")
        wire = _read_machine(run, order.datasource)
        if wire is None:
            raise NotFound(
                f"{order.at}target.in_place: the virtual machine {order.datasource.text} does not exist; restore it to a new "
                "machine",
                status=404,
            )
        # What is attached now is left behind.
        run.attached[order.datasource.key] = disk_ids_of(wire)
        return self._restore(run, order, instance, point, order.datasource)

    def find_existing(self, run: RestoreRun, restore: Restore) -> str | None:
        return None

    def verifies(self, run: RestoreRun, restore: Restore, job: Described) -> bool:
        """See RestoreMode. Every disk that is attached has to be one that the job created."""
        attached = run.attached[restore.target.key]
        groups = {disk.split("/providers/", maxsplit=1)[0] for disk in attached}
        made = {str(disk["id"]).lower() for group in groups for disk in run.disks_before(group) if is_made_by(disk, job)}
        luns = restore.machine.disk_luns if restore.machine else None
        return luns is None and bool(attached) and {disk.lower() for disk in attached} <= made

    def _is_same_place(self, told: Described, restore: Restore) -> bool:
        # The machine is the job's own; its name is left out at first (recorded).
        return True

    def place(self, restore: Restore) -> str:
        return f"'{restore.target.name}' in place"

    def read_restored(self, run: RestoreRun, restore: Restore, job: Described) -> Result | None:
        """See RestoreMode. The replaced disks stay in their group."""
        wire = _read_machine(run, restore.target)
        if wire is None:
            return None
        disks = disk_ids_of(wire)
        before = run.attached.get(restore.target.key, [])
        # Of a restore that was done before, what was replaced is no longer known.
        replaced = [disk for disk in before if not any(same_id(disk, one) for one in disks)]
        left = _left_behind(restore, job["restore"] or {})
        return {**_describe_machine(wire), "disks": [{"id": disk} for disk in disks], **left, "replaced_disks": replaced}


# -- reading the options


def _optional_id(target: dict[str, Any], key: str, kind: str) -> ResourceId | None:
    return parse_resource_id(target[key], f"target.{key}", kind) if target.get(key) else None


def _problems_of_id(target: dict[str, Any], key: str, kind: str) -> list[str]:
    try:
        _optional_id(target, key, kind)
    except BadInput as error:
        return [error.message]
    return []


def _fixed_moment(text: str) -> datetime | None:
    """Read a time that is the same at every run, None for a duration."""
    try:
        return read_utc(text)
    except (ValueError, OverflowError):
        return None


def _needless_moment(order: RestoreOrder) -> list[str]:
    if order.point_in_time is None:
        return []
    return ["point_in_time: a virtual machine has recovery points only; set before or recovery_point"]


def _group_of(order: RestoreOrder) -> ResourceId:
    """Give the target's resource group. Raises BadInput."""
    return parse_group(str(order.target["resource_group"]), "target.resource_group", order.datasource.subscription_id)


def _machine_of(order: RestoreOrder) -> ResourceId:
    """Give the id of the machine that an order creates. Raises BadInput."""
    kind = "Microsoft.Compute/virtualMachines"
    return parse_resource_id(f"{_group_of(order).text}/providers/{kind}/{new_name(order)}", "target.name", kind)


# -- what a restore has made


def _read_machine(run: RestoreRun, machine: ResourceId) -> dict[str, Any] | None:
    return read_datasource(run.task.session, DATASOURCE_TYPES["azure_vm"], machine)


def _source_of(restore: Restore) -> str:
    return str(restore.instance["datasource_id"]).rsplit("/", 1)[-1]


def _is_named_after(disk: dict[str, Any], restore: Restore) -> bool:
    """Tell whether a disk has a name that Azure gives to restored disks of the machine (public reports)."""
    begin = re.escape(_source_of(restore))
    return bool(re.match(rf"{begin}-(os|data)disk-", str(disk.get("name")), re.IGNORECASE))


def _disks_made(disks: list[Described], job: Described, restore: Restore) -> list[Described]:
    """Give the disks, of those of a group, that a job has created of the machine."""
    return [disk for disk in disks if is_made_by(disk, job) and _is_named_after(disk, restore)]


def _whole_count(run: RestoreRun, restore: Restore, job: Described) -> int | None:
    """Tell how many disks the whole of a machine has; None where nothing tells, or where an order asks for some of them.

    A job names the disks only of a machine that is backed up in part (recorded). Otherwise the machine tells, while it is there.
    """
    told = job["restore"] or {}
    if restore.machine is None or restore.machine.disk_luns is not None:
        return None
    if told.get("backed_up_disks"):
        return len(told["backed_up_disks"]) if told["restored_disks"] == told["backed_up_disks"] else None
    source = parse_resource_id(str(restore.instance["datasource_id"]), "datasource_id")
    wire = _read_machine(run, source)
    return len(disk_ids_of(wire)) if wire else None


def _subnet_of(run: RestoreRun, interface_id: str) -> str | None:
    """Give the id of the subnet that a network interface is in."""
    wire = run.resource(interface_id) or {}
    for address in (wire.get("properties") or {}).get("ipConfigurations") or []:
        found: str | None = ((address.get("properties") or {}).get("subnet") or {}).get("id")
        return found
    return None


def _describe_machine(wire: dict[str, Any]) -> Result:
    properties = wire.get("properties") or {}
    return {
        "id": wire.get("id"),
        "name": wire.get("name"),
        "location": wire.get("location"),
        "size": (properties.get("hardwareProfile") or {}).get("vmSize"),
        "zones": wire.get("zones") or [],
        "network_interfaces": interface_ids_of(wire),
    }


def _left_behind(restore: Restore, told: Described) -> Result:
    """Give what a restore leaves in the staging account, and how to go on from there."""
    account = restore.machine.staging_account.text if restore.machine else None
    return {
        "template_uri": told.get("template_uri"),
        "config_uri": told.get("config_uri"),
        "staging_container": {"storage_account_id": account, "name": told["staging_container"]}
        if told.get("staging_container")
        else None,
    }


def _warn_of_other_disks(run: RestoreRun, restore: Restore, job: Described, count: int) -> None:
    """Warn where not as many disks were restored as were chosen: for an empty choice Azure was seen to restore all of them."""
    luns = restore.machine.disk_luns if restore.machine else None
    if luns is None or count == len(luns) + 1:
        return
    what = "check which ones you need" if count > len(luns) else "check disk_luns: a LUN may not be in the recovery point"
    run.task.warn(
        f"job {job['name']} restored {count} disks of '{_source_of(restore)}', but disk_luns chose {len(luns) + 1} with the "
        f"OS disk; {what}"
    )
