# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaults, made what the options say."""

from __future__ import annotations

from collections.abc import Callable

from .addressing import adapter_for, find_vault, read_group
from .data_protection.vault_service import BackupVault
from .errors import BadInput
from .module import Result, Task, change_result
from .reconcile import reconcile
from .recovery_services.vault_service import RecoveryServicesVault
from .resource_ids import check_region, parse_resource_id
from .shapes import Described
from .vault_service import GUARD_TYPE, VaultService

# As in adapters, of which only this part is needed here.
_ADAPTERS: dict[str, Callable[..., VaultService]] = {"backup": BackupVault, "recovery_services": RecoveryServicesVault}
_SOFT_DELETE_SPELLING = {"on": "On", "off": "Off", "alwayson": "AlwaysOn"}


def ensure_vault(task: Task) -> Result:
    """Create, change or delete a vault (module backup_vault)."""
    options = task.options
    _check_options(options)
    vault = find_vault(task)
    service = adapter_for(vault, _ADAPTERS)(task.session, vault)
    service.check_options(options)
    reads_guard = options["resource_guard_id"] is not None
    before = service.read_vault(reads_guard)
    if options["state"] == "absent":
        if before:
            _check_nothing_left(service, before)
        change = reconcile(task.check_mode, before, None, lambda: service.delete_vault(task.deadline()))
        return change_result("vault", change)
    deleted = None
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
        return service.read_vault(reads_guard)

    return change_result("vault", reconcile(task.check_mode, before, after, write))


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


def _check_nothing_left(service: VaultService, vault: Described) -> None:
    blocking = service.list_blocking()
    if blocking:
        names = ", ".join(blocking[:5])
        more = f" and {len(blocking) - 5} more" if len(blocking) > 5 else ""
        state = vault["immutability_state"]
        immutable = f". Its immutability is {state}: Azure keeps the backup data in the vault until its retention ends"
        raise BadInput(
            f"state: vault '{service.vault.name}' cannot be deleted while it protects or still holds {len(blocking)} "
            f"datasource(s): {names}{more}; remove them with backup_instance first"
            f"{immutable if state not in (None, 'Disabled') else ''}",
            code="VaultNotEmpty",
        )
