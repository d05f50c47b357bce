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
  - Makes a Backup vault (C(Microsoft.DataProtection/backupVaults)) or, with O(vault_type=recovery_services), a Recovery Services vault
    (C(Microsoft.RecoveryServices/vaults)) what the options say. What they do not say stays as it is.
  - A new vault gets a system-assigned identity and soft delete for 14 days, unless told otherwise.
  - O(location), O(datastore_type), O(sku) and the O(redundancy) of a Backup vault never change; asking for it fails before anything is sent.
  - Some settings are B(final) and cannot be undone by anyone, O(immutability_state=Locked), soft delete V(AlwaysOn),
    O(encryption_settings), O(cross_region_restore_state=Enabled) and O(cross_subscription_restore_state=PermanentlyDisabled). The
    module sets them only when asked, and fails before the request when asked to undo them.
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
      - V(absent) deletes the vault. It never cascades; while something is protected it fails and names what.
    type: str
    choices: [present, absent]
    default: present
  location:
    description:
      - The region. A vault protects what is in its own region. For a new vault the default is the resource group's region.
    type: str
  sku:
    description:
      - The SKU of a Recovery Services vault, which never changes. V(Standard) for a new one when it is not set.
    type: str
    choices: [Standard, RS0]
  public_network_access:
    description:
      - Whether a Recovery Services vault can be reached from public networks. V(Enabled) for a new one when it is not set.
    type: str
    choices: [Enabled, Disabled]
  datastore_type:
    description:
      - The store of a Backup vault. V(VaultStore) for a new vault when it is not set.
    type: str
    choices: [VaultStore, OperationalStore, ArchiveStore]
  redundancy:
    description:
      - How the store is replicated. For a new Backup vault V(LocallyRedundant) when it is not set, and it never changes then.
      - For a new Recovery Services vault Azure takes V(GeoRedundant), and it can be changed while the vault protects nothing.
    type: str
    choices: [LocallyRedundant, ZoneRedundant, GeoRedundant]
  identity:
    description:
      - The identity that Azure Backup acts with.
    type: dict
    suboptions:
      type:
        description:
          - V(SystemAssigned), V(UserAssigned) or both, or V(None) to remove it, which ends all that the vault may do.
          - User-assigned identities stay beside V(SystemAssigned) until O(identity.user_assigned_identities) says otherwise.
        type: str
        choices: [SystemAssigned, UserAssigned, 'SystemAssigned,UserAssigned', 'SystemAssigned, UserAssigned', None]
      user_assigned_identities:
        description:
          - The ARM ids of all user-assigned identities that the vault is to have. An empty list removes them.
        type: list
        elements: str
  soft_delete:
    description:
      - How long deleted backup data is kept.
    type: dict
    suboptions:
      state:
        description:
          - V(AlwaysOn) is final. V(on) and V(off) are what YAML makes of an unquoted On and Off, and mean the same.
        type: str
        choices: ['On', 'Off', AlwaysOn, 'on', 'off']
      retention_duration_in_days:
        description:
          - Days that deleted data is kept, 14 to 180.
        type: int
  immutability_state:
    description:
      - Whether backup data can be deleted before its retention ends. V(Locked) is final.
    type: str
    choices: [Disabled, Unlocked, Locked]
  encryption_settings:
    description:
      - Encryption by a key of your own instead of Microsoft's. B(It is final), Azure never goes back to its own key; another key
        of yours can be named.
    type: dict
    suboptions:
      key_uri:
        description:
          - The URI of the key, in a Key Vault or a Managed HSM. Without a version the newest one is always used.
        type: str
      identity_type:
        description:
          - The kind of the identity that reads the key. V(UserAssigned) where O(encryption_settings.identity_id) is given. A new
            vault needs a user-assigned one, since its own does not have the right to the key yet.
        type: str
        choices: [SystemAssigned, UserAssigned]
      identity_id:
        description:
          - The user-assigned identity that reads the key. It has to be one of O(identity.user_assigned_identities).
        type: str
      infrastructure_encryption:
        description:
          - Whether data is encrypted a second time below. It can be set only when the vault is created.
        type: str
        choices: [Enabled, Disabled]
  cross_region_restore_state:
    description:
      - Whether backups can be restored in the paired region; for V(GeoRedundant) vaults. V(Enabled) is final.
    type: str
    choices: [Enabled, Disabled]
  cross_subscription_restore_state:
    description:
      - Whether backups can be restored to other subscriptions. V(PermanentlyDisabled) is final.
    type: str
    choices: [Enabled, Disabled, PermanentlyDisabled]
  alerts_for_all_job_failures:
    description:
      - Whether Azure Monitor raises an alert when a job fails.
    type: str
    choices: [Enabled, Disabled]
  resource_guard_id:
    description:
      - The ARM id of the resource guard that has to approve critical operations (multi-user authorization). An empty string ends the
        mapping.
      - Where a vault is mapped, this collection asks the guard for its approval of what it does. Azure gives it to a caller that has
        the role Backup MUA Operator on the guard at that moment.
    type: str
  undelete:
    description:
      - With O(state=present), brings the vault back if it was deleted and Azure still has it, which it does for vaults whose soft
        delete is V(AlwaysOn). It comes back with a new identity.
    type: bool
    default: false
  tags:
    description:
      - Tags of the vault. When it is not set, all tags stay.
    type: dict
  append_tags:
    description:
      - Whether O(tags) are added to those that are there, or replace them.
    type: bool
    default: true
  wait_timeout:
    description:
      - Seconds to wait for Azure to make or delete the vault.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: A vault for disks, with everything by default
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

- name: Let nobody delete backups alone
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-vault
    resource_guard_id: "/subscriptions/{{ subscription }}/resourceGroups/demo-rg/providers/Microsoft.DataProtection/resourceGuards/demo-guard"

- name: Remove the vault, which fails while it protects anything
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-vault
    state: absent

- name: A vault for virtual machines
  holdfast.azure_backup.backup_vault:
    resource_group: demo-rg
    vault_name: demo-rsv
    vault_type: recovery_services
    redundancy: LocallyRedundant
"""

RETURN = r"""
vault:
  description: The vault, or none after its removal. Values that only Azure makes are none in check mode.
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
      description: The kind of vault.
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
      description: The identity, with C(type), C(principal_id), C(tenant_id) and C(user_assigned_identities) by their ARM ids.
      type: dict
      sample:
        type: SystemAssigned
        principal_id: 1d213bec-375f-4f72-9b0a-10cf6111f67c
        tenant_id: 72f988bf-86f1-41af-91ab-2d7cd011db47
    sku:
      description: The SKU; Backup vaults have none.
      type: str
      sample: null
    datastore_type:
      description: The store.
      type: str
      sample: VaultStore
    redundancy:
      description: How the store is replicated.
      type: str
      sample: LocallyRedundant
    soft_delete:
      description: Soft delete, with C(state) and C(retention_duration_in_days).
      type: dict
      sample: {"state": "On", "retention_duration_in_days": 14}
    immutability_state:
      description: Whether backup data can be deleted before its time.
      type: str
      sample: Disabled
    encryption_settings:
      description: The key that encrypts, none where it is Microsoft's own.
      type: dict
      sample: null
    cross_region_restore_state:
      description: Whether backups can be restored in the paired region; none where it was never set.
      type: str
      sample: null
    cross_subscription_restore_state:
      description: Whether backups can be restored to other subscriptions; none where it was never set.
      type: str
      sample: Enabled
    alerts_for_all_job_failures:
      description: Whether Azure Monitor raises an alert when a job fails; none where it was never set.
      type: str
      sample: null
    public_network_access:
      description: Whether the vault can be reached from public networks; Backup vaults do not say.
      type: str
      sample: null
    is_protected_by_resource_guard:
      description: Whether critical operations need a second person.
      type: bool
      sample: false
    resource_guard_id:
      description: The resource guard that it is mapped to; none where it is not.
      type: str
      sample: null
    replicated_regions:
      description: The regions that hold copies.
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
      description: How far Azure is with the vault.
      type: str
      sample: Succeeded
    deleted_vault_id:
      description: Azure's name of a deleted vault.
      type: str
      sample: null
    deletion_time:
      description: When it was deleted; none for a vault that is there.
      type: str
      sample: null
    purge_time:
      description: Until when it can be brought back; none for a vault that is there.
      type: str
      sample: null
error:
  description: Azure's answer, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
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
from ansible_collections.holdfast.azure_backup.plugins.module_utils.module import run
from ansible_collections.holdfast.azure_backup.plugins.module_utils.vault import ensure_vault

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
