# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Infrastructure backups of Azure Stack Hub and where they go: to results, and to the wire. Pure.

Shapes as recorded in azurestack-backup-admin/Start-AzsBackup and Set-AzsBackupConfiguration.
"""

from __future__ import annotations

from typing import Any

from ...model.durations import format_time, parse_time, seconds_of
from ...model.result_shapes import Described, Wire, shape, snake

# Options that can be read back -> Azure's names.
STORE = {"path": "path", "user_name": "userName", "blob_storage_url": "blobStorageUrl"}

SETTINGS = {
    "backup_frequency_in_hours": "backupFrequencyInHours",
    "backup_retention_period_in_days": "backupRetentionPeriodInDays",
    "is_backup_scheduler_enabled": "isBackupSchedulerEnabled",
}

# Azure takes these and never tells them.
SECRETS = {"share_password": "password", "blob_storage_key": "blobStorageKey", "encryption_cert_base64": "encryptionCertBase64"}

# What Azure makes of a location whose store is taken away (recorded: Clear-AzsBackupConfiguration).
CLEARED = {
    "path": None,
    "user_name": None,
    "blob_storage_url": None,
    "backup_frequency_in_hours": 12,
    "backup_retention_period_in_days": 7,
    "is_backup_scheduler_enabled": None,
    "encryption_cert_thumbprint": None,
    "available_capacity": None,
    "next_backup_time": None,
}


def describe_backup(wire: Wire) -> Described:
    """Give a backup as results show it; its name is asked for without the region, which Azure puts before it."""
    info = (wire.get("properties") or {}).get("backupInfo") or {}
    name = str(wire.get("name") or info.get("backupId") or "").rsplit("/", 1)[-1]
    taken = info.get("timeTakenToCreate")
    status, uploaded = snake(info.get("status")), info.get("completelyUploaded")
    # Success is reported ten to fifteen minutes early; an older stamp that does not report the upload reports the time taken.
    is_whole = status == "succeeded" and bool(taken if uploaded is None else uploaded)
    return shape(
        "stackhub_backup",
        id=wire.get("id"),
        name=name or None,
        location=wire.get("location"),
        type=wire.get("type"),
        tags=wire.get("tags"),
        status=status,
        role_status=[
            {"role_name": role.get("roleName"), "status": snake(role.get("status"))} for role in info.get("roleStatus") or []
        ],
        created_time=format_time(parse_time(info.get("createdDateTime"))),
        time_taken=taken,
        time_taken_seconds=seconds_of(taken),
        backup_data_version=info.get("backupDataVersion"),
        stamp_version=info.get("stampVersion"),
        oem_version=info.get("oemVersion"),
        deployment_id=info.get("deploymentID"),
        encryption_cert_thumbprint=info.get("encryptionCertThumbprint"),
        completely_uploaded=uploaded,
        is_whole=is_whole if status else None,
        is_automatic_backup=info.get("isAutomaticBackup"),
        is_cloud_recovery_ready=info.get("isCloudRecoveryReady"),
    )


def describe_location(wire: Wire) -> Described:
    """Give a backup location as results show it. Azure never tells its passwords and its certificate."""
    store = (wire.get("properties") or {}).get("externalStoreDefault") or {}
    return shape(
        "backup_location",
        id=wire.get("id"),
        name=str(wire.get("name") or "").rsplit("/", 1)[-1] or None,
        location=wire.get("location"),
        type=wire.get("type"),
        tags=wire.get("tags"),
        # Azure writes what is not set as null or as nothing.
        **{option: store.get(key) or None for option, key in STORE.items()},
        **{option: store.get(key) for option, key in SETTINGS.items()},
        encryption_cert_thumbprint=store.get("encryptionCertThumbprint"),
        available_capacity=store.get("availableCapacity"),
        next_backup_time=format_time(parse_time(store.get("nextBackupTime"))),
        last_backup_time=format_time(parse_time(store.get("lastBackupTime"))),
    )


def location_body(location: str, values: dict[str, Any]) -> Wire:
    """Build the body of a location's PUT or PATCH; values: by options, and only what is to be written."""
    names = {**STORE, **SETTINGS, **SECRETS}
    return {
        "location": location,
        "properties": {"externalStoreDefault": {names[option]: value for option, value in values.items()}},
    }
