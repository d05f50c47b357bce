# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The vault that the options name, with all that lies in it."""

from __future__ import annotations

from ..model.resource_ids import ResourceId
from ..services.interface import BackupService
from ..services.named_vaults import missing_vault
from ..services.registry import open_secondary_region, open_service
from .task import Task
from .vault_options import find_possible_vaults, find_vault


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


def open_selected_vault(task: Task) -> BackupService:
    """Give the service of the existing vault among whose datasources the task selects, or of its secondary region.

    Raises NotFound.
    """
    return _open_region(task, open_existing_vault(task).vault)


def open_vault(task: Task, needed_type: str | None = None) -> BackupService:
    """Give the service of the vault that the options name, or of its secondary region; needed_type: see find_vault."""
    return _open_region(task, find_vault(task, needed_type))


def _open_region(task: Task, vault: ResourceId) -> BackupService:
    """Open a vault in the region that the options mean."""
    if task.options.get("region") == "secondary":
        return open_secondary_region(task.session, vault, task.options["secondary_region"])
    return open_service(task.session, vault)
