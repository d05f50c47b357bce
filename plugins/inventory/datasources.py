# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be backed up as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: datasources
short_description: List Azure datasources and their protection as hosts
version_added: 0.1.0
description:
  - Lists managed disks, storage accounts and virtual machines through Azure Resource Graph, each as a host with variables about
    its protection. Ansible does not connect to these hosts; they exist for selection by groups, C(--limit) and job slices.
  - The variables of a host are C(datasource_id), C(datasource_name), C(datasource_type), C(datasource_tags), C(subscription_id),
    C(resource_group), C(location), C(protection_state) (V(unprotected), or the state of its backup instance), C(is_protected),
    C(vault_id), C(vault_name), C(policy_name), C(instance_name) and C(last_backup_time).
  - The groups V(protected), V(unprotected) and V(soft_deleted) always exist.
  - Its configuration is a file whose name ends in C(azure_backup.yml) or C(azure_backup.yaml).
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - holdfast.azure_backup.connection
options:
  plugin:
    description:
      - The name of this plugin.
    type: str
    required: true
    choices: [holdfast.azure_backup.datasources]
  subscription_ids:
    description:
      - The subscriptions to search. The default is all that the caller can access.
    type: list
    elements: str
    default: []
  datasource_types:
    description:
      - The datasource types to list.
    type: list
    elements: str
    choices: [azure_disk, azure_blob, azure_data_lake_storage, azure_vm]
    default: [azure_disk, azure_blob, azure_data_lake_storage, azure_vm]
  select:
    description:
      - Lists only the datasources that meet these criteria. Its keys are those of
        O(holdfast.azure_backup.backup_instance#module:select)
        except C(require_match), for example C(tags), C(names), C(locations), C(exclude) and C(exempt_tag). C(policy_names) leaves
        out what is not protected.
    type: dict
    default: {}
  last_backup_days:
    description:
      - How many days to search back for the last backup of datasources in Backup vaults. V(0) disables the search.
      - Recovery Services vaults report it directly.
    type: int
    default: 7
"""

EXAMPLES = r"""
# datasources.azure_backup.yml: all datasources, grouped by vault and by a tag, and those never backed up
plugin: holdfast.azure_backup.datasources
keyed_groups:
  - key: vault_name
    prefix: vault
  - key: datasource_tags.Owner
    prefix: owner
groups:
  never_backed_up: is_protected and last_backup_time is none
compose:
  ansible_connection: "'local'"
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: .cache/azure_backup
cache_timeout: 900
"""

import hashlib
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.holdfast.azure_backup.plugins.module_utils.arguments import CONNECTION
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.session import Session
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import AzureBackupError
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.selection import read_selection
from ansible_collections.holdfast.azure_backup.plugins.module_utils.services.protectable_resources import find_datasources

_GROUPS = ("protected", "unprotected", "soft_deleted")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Makes a host of each datasource."""

    NAME = "holdfast.azure_backup.datasources"

    def verify_file(self, path: str) -> bool:
        """Tell whether a file is a configuration of this plugin, by its name."""
        return bool(super().verify_file(path)) and path.endswith(("azure_backup.yml", "azure_backup.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory. Raises AnsibleParserError with what Azure answered."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        self.load_cache_plugin()
        key = self.get_cache_key(path)
        use_cache = self.get_option("cache") and cache
        found = self._cache.get(key) if use_cache else None
        if found is None:
            found = self._read()
            if self.get_option("cache"):
                self._cache[key] = found
        self._populate(inventory, found)

    def _read(self) -> list[dict[str, Any]]:
        given = {name: self.templar.template(self.get_option(name)) for name in CONNECTION}
        try:
            selection = read_selection(self.get_option("select"))
            with Session(given, Clock(), needs_subscription=False) as session:
                return find_datasources(
                    session,
                    self.get_option("subscription_ids"),
                    self.get_option("datasource_types"),
                    self.get_option("last_backup_days"),
                    self.display.warning,
                    selection,
                )
        except AzureBackupError as error:
            raise AnsibleParserError(f"{self.NAME}: {error.message}") from error

    def _populate(self, inventory: Any, found: list[dict[str, Any]]) -> None:
        for group in _GROUPS:
            inventory.add_group(group)
        strict = self.get_option("strict")
        for datasource in found:
            # Names are unique in their resource group and type only.
            mark = hashlib.sha256(str(datasource["datasource_id"]).lower().encode()).hexdigest()[:8]
            host = inventory.add_host(f"{datasource['datasource_name']}_{mark}")
            for name, value in datasource.items():
                inventory.set_variable(host, name, value)
            state = datasource["protection_state"]
            inventory.add_host(host, group=state if state in _GROUPS else "protected")
            self._set_composite_vars(self.get_option("compose"), datasource, host, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), datasource, host, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), datasource, host, strict=strict)
