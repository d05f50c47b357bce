#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_vault
short_description: Create, change or delete a backup vault
version_added: 0.1.0
description:
  - Creates or changes a Backup vault (C(Microsoft.DataProtection/backupVaults)) or, with O(vault_type=recovery_services), a
    Recovery Services vault (C(Microsoft.RecoveryServices/vaults)) to match the options. Unset options change nothing.
  - By default a new vault gets a system-assigned identity and soft delete for 14 days.
  - O(location), O(datastore_type), O(sku) and the O(redundancy) of a Backup vault cannot change; a request to change
    them fails before anything is sent.
  - Some settings are B(permanent) and nobody can undo them, namely O(immutability_state=Locked), soft delete V(AlwaysOn),
    O(cross_subscription_restore_state=PermanentlyDisabled), O(encryption_settings) and, in a Backup vault,
    O(cross_region_restore_state=Enabled). The module sets them only if an option requests it, and fails before it sends
    anything if an option would undo them.
author:
  - The holdfast.azure_backup authors (@holdfast)
extends_documentation_fragment:
  - holdfast.azure_backup.attributes
  - holdfast.azure_backup.connection
  - holdfast.azure_backup.vault
  - holdfast.azure_backup.wait
options:
  state:
    description:
      - V(absent) deletes the vault. It never deletes backups; while the vault protects datasources it fails and lists them.
    type: str
    choices: [present, absent]
    default: present
  location:
    description:
      - The region. A vault protects only datasources in its own region. The default for a new vault is the resource group's
        region.
    type: str
  sku:
    description:
      - The SKU of a Recovery Services vault, which cannot change. The default for a new vault is V(Standard).
    type: str
    choices: [Standard, RS0]
  public_network_access:
    description:
      - Whether a Recovery Services vault is reachable from public networks. The default for a new vault is V(Enabled).
    type: str
    choices: [Enabled, Disabled]
  datastore_type:
    description:
      - The datastore of a Backup vault. The default for a new vault is V(VaultStore).
    type: str
    choices: [VaultStore, OperationalStore, ArchiveStore]
  redundancy:
    description:
      - How backup data is replicated. The default for a new Backup vault is V(LocallyRedundant), and it cannot change later.
      - Azure's default for a new Recovery Services vault is V(GeoRedundant). It can change while the vault protects nothing.
    type: str
    choices: [LocallyRedundant, ZoneRedundant, GeoRedundant]
  identity:
    description:
      - The identity that Azure Backup uses.
    type: dict
    suboptions:
      type:
        description:
          - V(SystemAssigned), V(UserAssigned) or both, or V(None) to remove it, which removes all access of the vault.
          - User-assigned identities remain beside V(SystemAssigned) until O(identity.user_assigned_identities) changes them.
        type: str
        choices: [SystemAssigned, UserAssigned, 'SystemAssigned,UserAssigned', 'SystemAssigned, UserAssigned', None]
      user_assigned_identities:
        description:
          - The ARM ids of all user-assigned identities of the vault. An empty list removes them.
        type: list
        elements: str
  soft_delete:
    description:
      - How long Azure keeps deleted backup data.
    type: dict
    suboptions:
      state:
        description:
          - V(AlwaysOn) is permanent. In YAML an unquoted On or Off is a boolean, which arrives as V(on) or V(off); these mean
            the same.
        type: str
        choices: ['On', 'Off', AlwaysOn, 'on', 'off']
      retention_duration_in_days:
        description:
          - How many days Azure keeps deleted data, 14 to 180.
        type: int
  immutability_state:
    description:
      - Whether backup data can be deleted before its retention ends. V(Locked) is permanent.
    type: str
    choices: [Disabled, Unlocked, Locked]
  encryption_settings:
    description:
      - Encryption with a customer-managed key instead of Microsoft's. B(This is permanent.) Azure never returns to its own key, but
        you can switch to another key of your own. A Recovery Services vault takes its first key only before it protects anything.
    type: dict
    suboptions:
      key_uri:
        description:
          - The URI of the key, in a Key Vault or a Managed HSM. Without a version Azure always uses the newest one.
        type: str
      identity_type:
        description:
          - The type of the identity that reads the key. The default is V(UserAssigned) if O(encryption_settings.identity_id) is
            set. A new vault needs a user-assigned identity, because its system-assigned one has no access to the key yet.
        type: str
        choices: [SystemAssigned, UserAssigned]
      identity_id:
        description:
          - The user-assigned identity that reads the key. It must be one of O(identity.user_assigned_identities).
        type: str
      infrastructure_encryption:
        description:
          - Whether Azure also encrypts the data at the infrastructure level. In a Backup vault, it can be set only when the vault is created, in a
            Recovery Services vault only with the first key.
        type: str
        choices: [Enabled, Disabled]
  cross_region_restore_state:
    description:
      - Whether backups can be restored in the paired region; for V(GeoRedundant) vaults. In a Backup vault V(Enabled) is
        permanent. A Recovery Services vault can be given V(Enabled) at any time, and V(Disabled) only while it protects nothing.
    type: str
    choices: [Enabled, Disabled]
  cross_subscription_restore_state:
    description:
      - Whether backups can be restored to other subscriptions. V(PermanentlyDisabled) is permanent.
    type: str
    choices: [Enabled, Disabled, PermanentlyDisabled]
  alerts_for_all_job_failures:
    description:
      - Whether Azure Monitor raises an alert when a job fails.
    type: str
    choices: [Enabled, Disabled]
  resource_guard_id:
    description:
      - The ARM id of the resource guard that must approve critical operations (multi-user authorization). An empty string
        removes the mapping.
      - If a vault is mapped, this collection requests the guard's approval for each critical operation. Azure approves it if
        the caller has the role Backup MUA Operator on the guard at that moment.
    type: str
  undelete:
    description:
      - With O(state=present), undeletes the vault if it was deleted and Azure still has it, as it does for vaults whose soft
        delete is V(AlwaysOn). The undeleted vault has a new identity.
    type: bool
    default: false
  tags:
    description:
      - Tags of the vault. If not set, all tags stay.
    type: dict
  append_tags:
    description:
      - Whether to add O(tags) to the existing tags (V(true)) or to replace these (V(false)).
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for Azure to create or delete the vault.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Create a vault for disks with the default settings
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-vault
    location: westeurope

- name: Keep deleted backup data for a month
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-vault
    soft_delete:
      state: 'On'
      retention_duration_in_days: 30
    tags:
      owner: storage-team

- name: Require approval by a resource guard before backups are deleted
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-vault
    resource_guard_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.DataProtection/resourceGuards/demo-guard"

- name: Delete the vault, which fails while it protects any datasource
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-vault
    state: absent

- name: Create a vault for virtual machines
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-rsv
    vault_type: recovery_services
    redundancy: LocallyRedundant
"""

RETURN = r"""
action:
  description: What was done or, in check mode, would be done (V(create), V(change), V(delete) or V(none)).
  returned: success
  type: str
  sample: create
vault:
  description: The vault, or null after it is deleted. Values that only Azure generates are null in check mode.
  returned: success
  type: dict
  contains:
    id:
      description: The ARM id.
      type: str
      sample: /subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo-rg/providers/Microsoft.DataProtection/backupVaults/demo-vault
    name:
      description: The name.
      type: str
      sample: demo-vault
    subscription_id:
      description: The subscription.
      type: str
      sample: 00000000-0000-0000-0000-000000000000
    resource_group:
      description: The resource group.
      type: str
      sample: demo-rg
    vault_type:
      description: The type of the vault.
      type: str
      sample: backup
    location:
      description: The region.
      type: str
      sample: westeurope
    tags:
      description: The tags.
      type: dict
      sample: {"owner": "storage-team"}
    identity:
      description: The identity, with C(type), C(principal_id), C(tenant_id) and C(user_assigned_identities) keyed by ARM id.
      type: dict
      sample:
        type: SystemAssigned
        principal_id: 1d213bec-375f-4f72-9b0a-10cf6111f67c
        tenant_id: 72f988bf-86f1-41af-91ab-2d7cd011db47
    sku:
      description: The SKU; null for Backup vaults.
      type: str
      sample: null
    datastore_type:
      description: The datastore.
      type: str
      sample: VaultStore
    redundancy:
      description: How backup data is replicated.
      type: str
      sample: LocallyRedundant
    soft_delete:
      description: Soft delete, with C(state) and C(retention_duration_in_days).
      type: dict
      sample: {"state": "On", "retention_duration_in_days": 14}
    immutability_state:
      description: Whether backup data can be deleted before its retention ends.
      type: str
      sample: Disabled
    encryption_settings:
      description: The encryption key; null if it is Microsoft's own.
      type: dict
      sample: null
    cross_region_restore_state:
      description: Whether backups can be restored in the paired region; null if it was never set.
      type: str
      sample: null
    cross_subscription_restore_state:
      description: Whether backups can be restored to other subscriptions; null if it was never set.
      type: str
      sample: Enabled
    alerts_for_all_job_failures:
      description: Whether Azure Monitor raises an alert when a job fails; null if it was never set.
      type: str
      sample: null
    public_network_access:
      description: Whether the vault is reachable from public networks; null for Backup vaults.
      type: str
      sample: null
    is_protected_by_resource_guard:
      description: Whether critical operations need the approval of a resource guard.
      type: bool
      sample: false
    resource_guard_id:
      description: The resource guard that the vault is mapped to; null if there is none.
      type: str
      sample: null
    replicated_regions:
      description: The regions that hold copies of the data.
      type: list
      elements: str
      sample: []
    secure_score:
      description: Azure's rating of the vault's settings.
      type: str
      sample: Minimum
    security_level:
      description: Azure's rating of the vault's security.
      type: str
      sample: Fair
    provisioning_state:
      description: The provisioning state of the vault.
      type: str
      sample: Succeeded
    deleted_vault_id:
      description: The name that Azure gives a deleted vault.
      type: str
      sample: null
    deletion_time:
      description: When the vault was deleted; null if it exists.
      type: str
      sample: null
    purge_time:
      description: Until when the vault can be undeleted; null if it exists.
      type: str
      sample: null
error:
  description: Azure's error, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
  returned: failure
  type: dict
  sample:
    code: UserErrorDisableSoftDeleteNotAllowed
    message: Cannot disable soft delete once set to AlwaysOn
    status: 400
    request_id: 5f0c3a3e-6a62-4f6e-8f0e-0f1df7d5a5b0
    recommended_action: Please contact Microsoft Support if this is not expected.
"""

from ansible_collections.holdfast.azure_backup.plugins.module_utils import arguments
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.backup_vault import ensure_vault
from ansible_collections.holdfast.azure_backup.plugins.module_utils.modules.run import run

ARGUMENTS = {
    **arguments.VAULT,
    **arguments.wait(600),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "location": {"type": "str"},
    "sku": {"type": "str", "choices": ["Standard", "RS0"]},
    "public_network_access": {"type": "str", "choices": ["Enabled", "Disabled"]},
    "datastore_type": {"type": "str", "choices": ["VaultStore", "OperationalStore", "ArchiveStore"]},
    "redundancy": {"type": "str", "choices": ["LocallyRedundant", "ZoneRedundant", "GeoRedundant"]},
    "identity": {
        "type": "dict",
        "options": {
            "type": {
                "type": "str",
                "choices": [
                    "SystemAssigned",
                    "UserAssigned",
                    "SystemAssigned,UserAssigned",
                    "SystemAssigned, UserAssigned",
                    "None",
                ],
            },
            "user_assigned_identities": {"type": "list", "elements": "str"},
        },
    },
    "soft_delete": {
        "type": "dict",
        "options": {
            "state": {"type": "str", "choices": ["On", "Off", "AlwaysOn", "on", "off"]},
            "retention_duration_in_days": {"type": "int"},
        },
    },
    "immutability_state": {"type": "str", "choices": ["Disabled", "Unlocked", "Locked"]},
    "encryption_settings": {
        "type": "dict",
        # A key is named, not given: its URI is no secret.
        "no_log": False,
        "options": {
            "key_uri": {"type": "str", "no_log": False},
            "identity_type": {"type": "str", "choices": ["SystemAssigned", "UserAssigned"]},
            "identity_id": {"type": "str"},
            "infrastructure_encryption": {"type": "str", "choices": ["Enabled", "Disabled"]},
        },
    },
    "cross_region_restore_state": {"type": "str", "choices": ["Enabled", "Disabled"]},
    "cross_subscription_restore_state": {"type": "str", "choices": ["Enabled", "Disabled", "PermanentlyDisabled"]},
    "alerts_for_all_job_failures": {"type": "str", "choices": ["Enabled", "Disabled"]},
    "resource_guard_id": {"type": "str"},
    "undelete": {"type": "bool", "default": False},
    "tags": {"type": "dict"},
    "append_tags": {"type": "bool", "default": True},
}


def main(clock: Clock | None = None) -> None:
    """Run the module; a test may pass its own clock."""
    run(ARGUMENTS, ensure_vault, clock)


if __name__ == "__main__":
    main()
