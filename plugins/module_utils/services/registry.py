# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""One row for each kind of vault: what speaks for the vault, for what lies in it, and where Resource Graph has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..azure.session import Session
from ..errors import BadInput
from ..model.datasource_types import DatasourceType
from ..model.policy_spec import Plan
from ..model.resource_ids import ResourceId
from ..model.result_shapes import Described
from .data_protection.contents import DataProtection
from .data_protection.vault import BackupVault
from .data_protection.wire import graph_tables as backup_tables
from .interface import VAULT_RESOURCE_TYPES, BackupService, GraphTable, VaultService
from .recovery_services.contents import RecoveryServices
from .recovery_services.vault import RecoveryServicesVault
from .recovery_services.wire import graph_tables as recovery_services_tables


@dataclass(frozen=True)
class KindOfVault:
    """A kind of vault.

    vault: makes what speaks for the vault alone; contents: and for what lies in it; template: gives the policy that a plan
    makes; vaults, instances, instances_with_times, jobs: tables of Resource Graph, None where it has none.
    """

    vault: Callable[[Session, ResourceId], VaultService]
    contents: Callable[[Session, ResourceId], BackupService]
    template: Callable[[DatasourceType, Plan], Described]
    vaults: GraphTable
    instances: GraphTable
    instances_with_times: GraphTable
    jobs: GraphTable | None


KINDS_OF_VAULT = {
    "backup": KindOfVault(
        vault=BackupVault,
        contents=DataProtection,
        template=DataProtection.template_policy,
        vaults=backup_tables.VAULTS,
        instances=backup_tables.INSTANCES,
        instances_with_times=backup_tables.INSTANCES,
        jobs=backup_tables.JOBS,
    ),
    "recovery_services": KindOfVault(
        vault=RecoveryServicesVault,
        contents=RecoveryServices,
        template=RecoveryServices.template_policy,
        vaults=recovery_services_tables.VAULTS,
        instances=recovery_services_tables.INSTANCES,
        instances_with_times=recovery_services_tables.INSTANCES_WITH_TIMES,
        jobs=None,
    ),
}


def describe_template(datasource_type: DatasourceType, plan: Plan) -> Described:
    """Give the policy that a plan makes for a type of datasource, in no vault."""
    return KINDS_OF_VAULT[datasource_type.vault_type].template(datasource_type, plan)


def open_service(session: Session, vault: ResourceId) -> BackupService:
    """Give the service of a vault and of what lies in it. Raises BadInput for a kind without one."""
    return _kind_of(vault).contents(session, vault)


def open_vault_alone(session: Session, vault: ResourceId) -> VaultService:
    """Give the service of a vault alone, which loads no SDK. Raises BadInput for a kind without one."""
    return _kind_of(vault).vault(session, vault)


def _kind_of(vault: ResourceId) -> KindOfVault:
    for name, kind in KINDS_OF_VAULT.items():
        if vault.type.lower() == VAULT_RESOURCE_TYPES[name].lower():
            return kind
    raise BadInput(f"vault_type: {vault.type} is not supported here")
