# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What speaks for what lies in a vault, one for each kind; the other kind's is not imported."""

from __future__ import annotations

from typing import Any

from ..azure.session import Session
from ..errors import BadInput
from ..model.datasource_types import DatasourceType
from ..model.policy_spec import Plan
from ..model.resource_ids import ResourceId
from ..model.result_shapes import Described
from .interface import BackupService
from .lone_vaults import kind_of_vault


def _data_protection() -> Any:
    from .data_protection.contents import DataProtection

    return DataProtection


def _recovery_services() -> Any:
    from .recovery_services.contents import RecoveryServices

    return RecoveryServices


def _secondary_region() -> Any:
    from .recovery_services.secondary_region import SecondaryRegion

    return SecondaryRegion


# Every task sends all of this to the host, but compiles only what it imports.
_CONTENTS = {"backup": _data_protection, "recovery_services": _recovery_services}


def describe_template(datasource_type: DatasourceType, plan: Plan) -> Described:
    """Give the policy that a plan makes for a type of datasource, in no vault."""
    described: Described = _CONTENTS[datasource_type.vault_type]().template_policy(datasource_type, plan)
    return described


def open_service(session: Session, vault: ResourceId) -> BackupService:
    """Give the service of a vault and of what lies in it. Raises BadInput for a kind without one."""
    service: BackupService = _CONTENTS[kind_of_vault(vault)]()(session, vault)
    return service


def open_secondary_region(session: Session, vault: ResourceId, region: str | None) -> BackupService:
    """Give the service of a vault as its paired region has it; region: None to ask Azure. Raises BadInput for other kinds."""
    if kind_of_vault(vault) != "recovery_services":
        raise BadInput("region: only virtual machines can be restored in the secondary region by this collection; remove it")
    service: BackupService = _secondary_region()(session, vault, region)
    return service
