# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Microsoft's clients send to have a disk or a storage account backed up: the bodies of a vault, policies, instances."""

from __future__ import annotations

from emulator.seed import SUBSCRIPTION

GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg"
SNAPSHOTS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-snapshots-rg"
VAULT_ID = f"{GROUP}/providers/Microsoft.DataProtection/backupVaults/demo-vault"


def disk(name: str) -> str:
    """Give the id of a seeded disk."""
    return f"{GROUP}/providers/Microsoft.Compute/disks/{name}"


VAULT = {
    "location": "westeurope",
    "identity": {"type": "SystemAssigned"},
    "properties": {
        "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}],
        "securitySettings": {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14}},
    },
}
POLICY = {
    "properties": {
        "datasourceTypes": ["Microsoft.Compute/disks"],
        "objectType": "BackupPolicy",
        "policyRules": [
            {
                "backupParameters": {"backupType": "Incremental", "objectType": "AzureBackupParams"},
                "dataStore": {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"},
                "name": "BackupHourly",
                "objectType": "AzureBackupRule",
                "trigger": {
                    "objectType": "ScheduleBasedTriggerContext",
                    "schedule": {"repeatingTimeIntervals": ["R/2020-04-05T13:00:00+00:00/PT4H"]},
                    "taggingCriteria": [{"isDefault": True, "tagInfo": {"tagName": "Default"}, "taggingPriority": 99}],
                },
            },
            {
                "isDefault": True,
                "lifecycles": [
                    {
                        "deleteAfter": {"duration": "P7D", "objectType": "AbsoluteDeleteOption"},
                        "sourceDataStore": {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"},
                    }
                ],
                "name": "Default",
                "objectType": "AzureRetentionRule",
            },
        ],
    }
}
INSTANCE = {
    "objectType": "BackupInstance",
    "friendlyName": "data01",
    "dataSourceInfo": {
        "datasourceType": "Microsoft.Compute/disks",
        "objectType": "Datasource",
        "resourceID": disk("data01"),
        "resourceLocation": "westeurope",
        "resourceName": "data01",
        "resourceType": "Microsoft.Compute/disks",
        "resourceUri": disk("data01"),
    },
    "policyInfo": {
        "policyId": VAULT_ID + "/backupPolicies/disks",
        "policyParameters": {
            "dataStoreParametersList": [
                {
                    "dataStoreType": "OperationalStore",
                    "objectType": "AzureOperationalStoreParameters",
                    "resourceGroupId": SNAPSHOTS,
                }
            ]
        },
    },
}
_ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/demoaccount"
_DATASOURCE = {
    "datasourceType": "Microsoft.Storage/storageAccounts/blobServices",
    "objectType": "Datasource",
    "resourceID": _ACCOUNT,
    "resourceLocation": "westeurope",
    "resourceName": "demoaccount",
    "resourceType": "Microsoft.Storage/storageAccounts",
    "resourceUri": _ACCOUNT,
}


def _retention(name: str, store: str, duration: str) -> dict[str, object]:
    return {
        "isDefault": True,
        "lifecycles": [
            {
                "deleteAfter": {"duration": duration, "objectType": "AbsoluteDeleteOption"},
                "sourceDataStore": {"dataStoreType": store, "objectType": "DataStoreInfoBase"},
                "targetDataStoreCopySettings": [],
            }
        ],
        "name": name,
        "objectType": "AzureRetentionRule",
    }


BLOB_POLICY = {
    "properties": {
        "datasourceTypes": ["Microsoft.Storage/storageAccounts/blobServices"],
        "objectType": "BackupPolicy",
        "policyRules": [
            _retention("Default_OperationalStore", "OperationalStore", "P30D"),
            _retention("Default", "VaultStore", "P7D"),
            {
                "backupParameters": {"backupType": "Discrete", "objectType": "AzureBackupParams"},
                "dataStore": {"dataStoreType": "VaultStore", "objectType": "DataStoreInfoBase"},
                "name": "BackupDaily",
                "objectType": "AzureBackupRule",
                "trigger": {
                    "objectType": "ScheduleBasedTriggerContext",
                    "schedule": {"repeatingTimeIntervals": ["R/2023-06-28T07:30:00+00:00/P1D"], "timeZone": "UTC"},
                    "taggingCriteria": [
                        {"isDefault": True, "tagInfo": {"id": "Default_", "tagName": "Default"}, "taggingPriority": 99}
                    ],
                },
            },
        ],
    }
}
BLOB_INSTANCE = {
    "objectType": "BackupInstance",
    "friendlyName": "demoaccount",
    "dataSourceInfo": _DATASOURCE,
    "dataSourceSetInfo": {**_DATASOURCE, "objectType": "DatasourceSet"},
    "policyInfo": {
        "policyId": VAULT_ID + "/backupPolicies/blobs",
        "policyParameters": {
            "backupDatasourceParametersList": [
                {"objectType": "BlobBackupDatasourceParameters", "containersList": ["invoices", "photos"]}
            ]
        },
    },
}
