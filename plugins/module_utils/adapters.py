# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which adapter speaks for a vault and what lies in it: a row for each kind of vault."""

from __future__ import annotations

from .addressing import adapter_for, find_vault
from .azure.session import Session
from .data_protection.service import DataProtection
from .module import Task
from .resource_ids import ResourceId
from .services import BackupService

ADAPTERS = {"backup": DataProtection}


def open_service(session: Session, vault: ResourceId) -> BackupService:
    """Give the service of a vault. Raises BadInput for a kind without one."""
    return adapter_for(vault, ADAPTERS)(session, vault)


def open_vault(task: Task, default_type: str = "backup") -> BackupService:
    """Give the service of the vault that the options name."""
    return open_service(task.session, find_vault(task, default_type))
