# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a seed's protected disks look like on the wire, as their clients would have sent it."""

from __future__ import annotations

from .arm import Wire

DAYS_KEPT = 7


def daily_disk_policy(start: str) -> Wire:
    """Give the properties of a policy that backs disks up daily and keeps that for seven days; start: a time of .NET."""
    store = {"dataStoreType": "OperationalStore", "objectType": "DataStoreInfoBase"}
    tag = {"id": "Default_", "tagName": "Default"}
    backup = {
        "name": "BackupDaily",
        "objectType": "AzureBackupRule",
        "backupParameters": {"backupType": "Incremental", "objectType": "AzureBackupParams"},
        "dataStore": store,
        "trigger": {
            "objectType": "ScheduleBasedTriggerContext",
            "schedule": {"repeatingTimeIntervals": [f"R/{start[:19]}+00:00/P1D"], "timeZone": "UTC"},
            "taggingCriteria": [{"isDefault": True, "tagInfo": tag, "taggingPriority": 99}],
        },
    }
    kept = {
        "deleteAfter": {"duration": f"P{DAYS_KEPT}D", "objectType": "AbsoluteDeleteOption"},
        "sourceDataStore": store,
        "targetDataStoreCopySettings": [],
    }
    retention = {"name": "Default", "isDefault": True, "objectType": "AzureRetentionRule", "lifecycles": [kept]}
    return {
        "datasourceTypes": ["Microsoft.Compute/disks"],
        "objectType": "BackupPolicy",
        "policyRules": [backup, retention],
    }


def disk_instance(disk_id: str, location: str, policy_id: str, snapshot_group_id: str) -> Wire:
    """Give the properties of a backup instance of a disk."""
    name = disk_id.rsplit("/", 1)[-1]
    source = {
        "datasourceType": "Microsoft.Compute/disks",
        "objectType": "Datasource",
        "resourceID": disk_id,
        "resourceLocation": location,
        "resourceName": name,
        "resourceType": "Microsoft.Compute/disks",
        "resourceUri": disk_id,
    }
    place = {
        "dataStoreType": "OperationalStore",
        "objectType": "AzureOperationalStoreParameters",
        "resourceGroupId": snapshot_group_id,
    }
    policy = {"policyId": policy_id, "policyParameters": {"dataStoreParametersList": [place]}}
    return {"dataSourceInfo": source, "friendlyName": name, "objectType": "BackupInstance", "policyInfo": policy}
