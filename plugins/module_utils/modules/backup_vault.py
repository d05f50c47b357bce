# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Vaults, made what the options say."""

from __future__ import annotations

from ..errors import BadInput
from ..model.resource_ids import check_region, normalize, parse_resource_id
from ..model.result_shapes import Described
from ..services.lone_vaults import open_vault_alone
from ..services.named_vaults import read_group
from ..services.read_back import read_as_written
from ..services.vault_interface import GUARD_TYPE, VaultService
from .reconcile import reconcile
from .results import name_some
from .task import Result, Task
from .vault_options import find_vault

_SOFT_DELETE_SPELLING = {"on": "On", "off": "Off", "alwayson": "AlwaysOn"}


def ensure_vault(task: Task) -> Result:
    """Create, change or delete a vault (module backup_vault)."""
    options = task.options
    _check_options(options)
    vault = find_vault(task)
    service = open_vault_alone(task.session, vault)
    service.check_options(options)
    reads_guard = options["resource_guard_id"] is not None
    before = service.read_vault(reads_guard)
    if options["state"] == "absent":
        if before:
            _check_nothing_left(service, before)
        change = reconcile(task, "vault", before, None, lambda: service.delete_vault(task.deadline()))
        return change.as_result()
    deleted = None
    if before is None:
        service.check_new_name()
    if before is None and (task.check_mode or not options["location"]):
        group = read_group(task.session, service.vault.group_id, "resource_group")
        options["location"] = options["location"] or group["location"]
    if before is None and options["undelete"]:
        deleted = service.find_deleted_vault(options["location"])
        if deleted is None:
            task.warn(
                f"undelete: no deleted vault '{service.vault.name}' is in {options['location']}, so a new one is created; if "
                "the deleted vault is in another region, set location"
            )
    after = service.plan_vault(options)

    def write() -> Described | None:
        if deleted:
            service.undelete_vault(deleted, options, task.deadline())
            service.read_vault(reads_guard)
        service.write_vault(options, task.deadline())
        return read_as_written("vault", task.clock, before, after, lambda: service.read_vault(reads_guard))

    return reconcile(task, "vault", before, after, write).as_result()


def _check_options(options: dict[str, object]) -> None:
    soft_delete = options["soft_delete"]
    if isinstance(soft_delete, dict):
        if soft_delete["state"]:
            soft_delete["state"] = _SOFT_DELETE_SPELLING[soft_delete["state"].lower()]
        days = soft_delete["retention_duration_in_days"]
        if days is not None and not 14 <= days <= 180:
            raise BadInput(f"soft_delete.retention_duration_in_days: {days} is not between 14 and 180")
    if options["resource_guard_id"]:
        options["resource_guard_id"] = parse_resource_id(str(options["resource_guard_id"]), "resource_guard_id", GUARD_TYPE).text
    if options["location"]:
        check_region(options["location"], "location")


_MOST_NAMED = 5


def _check_nothing_left(service: VaultService, vault: Described) -> None:
    """Refuse to delete a vault that holds something, and say what helps. Raises BadInput."""
    blocking = service.list_blocking()
    if not blocking:
        return
    protected = [one.name for one in blocking if not one.is_deleted]
    deleted = [f"{one.name} (until {one.purge_time})" if one.purge_time else one.name for one in blocking if one.is_deleted]
    reasons = []
    if protected:
        reasons.append(f"It protects {_named(protected)}; end the protection with backup_instance, state: absent, first")
    if deleted:
        ways = "wait until then"
        if normalize(vault["soft_delete"]["state"]) != "alwayson":
            ways += ", or turn soft delete off with backup_vault and destroy them with backup_instance (absent, permanent: true)"
        reasons.append(f"Soft delete keeps {_named(deleted)}; {ways}")
    if vault["immutability_state"] not in (None, "Disabled"):
        reasons.append(
            f"Its immutability is {vault['immutability_state']}: Azure keeps recovery points until their retention ends"
        )
    raise BadInput(f"state: vault '{service.vault.name}' cannot be deleted. {'. '.join(reasons)}", code="VaultNotEmpty")


def _named(names: list[str]) -> str:
    return f"{len(names)} datasource(s): {name_some(names, _MOST_NAMED)}"
