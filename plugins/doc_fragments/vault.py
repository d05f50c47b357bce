# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vault (arguments.VAULT)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options that name a vault."""

    DOCUMENTATION = r"""
options:
  vault_id:
    description:
      - The ARM id of the vault. Give either this, or O(resource_group) and O(vault_name).
    type: str
  resource_group:
    description:
      - The resource group of the vault. It must exist; this collection does not create it.
    type: str
  vault_name:
    description:
      - The name of the vault, 2 to 50 letters, digits and hyphens, starting with a letter.
    type: str
  vault_type:
    description:
      - The type of the vault, V(backup) for a Backup vault and V(recovery_services) for a Recovery Services vault.
      - Not needed if O(vault_id), a datasource or a datasource type determines it. Otherwise a task that
        only needs an existing vault, such as one of an info module, finds a vault of either type by its name; for all other
        tasks the default is V(backup).
    type: str
    choices: [backup, recovery_services]
"""
