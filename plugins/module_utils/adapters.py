# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which adapter speaks for a vault and what lies in it: a row for each kind of vault."""

from __future__ import annotations

from collections.abc import Callable

from .addressing import adapter_for, find_possible_vaults, find_vault, missing_vault
from .azure.session import Session
from .data_protection.service import DataProtection
from .datasources import DatasourceType
from .module import Task
from .plan import Plan
from .recovery_services.service import RecoveryServices
from .resource_ids import ResourceId
from .services import BackupService
from .shapes import Described

ADAPTERS: dict[str, Callable[..., BackupService]] = {"backup": DataProtection, "recovery_services": RecoveryServices}


_TEMPLATES = {"backup": DataProtection.template_policy, "recovery_services": RecoveryServices.template_policy}


def describe_template(row: DatasourceType, plan: Plan) -> Described:
    """Give the policy that a plan makes for a type of datasource, in no vault."""
    return _TEMPLATES[row.vault_type](row, plan)


def open_service(session: Session, vault: ResourceId) -> BackupService:
    """Give the service of a vault. Raises BadInput for a kind without one."""
    return adapter_for(vault, ADAPTERS)(session, vault)


def open_existing_vault(task: Task) -> BackupService:
    """Give the service of the vault that the options name, which has to exist; its kind is looked for where they do not say it.

    Raises NotFound.
    """
    vaults = find_possible_vaults(task)
    services = [open_service(task.session, vault) for vault in vaults]
    found = next((service for service in services if service.read_vault() is not None), None)
    if found is None:
        raise missing_vault(task.session, *vaults)
    return found


def open_vault(task: Task, needed_type: str | None = None) -> BackupService:
    """Give the service of the vault that the options name; needed_type: see addressing.find_vault."""
    return open_service(task.session, find_vault(task, needed_type))
