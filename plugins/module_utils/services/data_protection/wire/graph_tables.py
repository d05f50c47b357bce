# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How Resource Graph knows Backup vaults and what lies in them (recorded: dataprotection job_list_and_show and others)."""

from __future__ import annotations

from ...interface import GraphTable
from . import instances, jobs, policies, vaults

VAULTS = GraphTable("resources", "microsoft.dataprotection/backupvaults", vaults.describe)

INSTANCES = GraphTable(
    "RecoveryServicesResources",
    "microsoft.dataprotection/backupvaults/backupinstances",
    instances.describe,
    datasource_path="properties.dataSourceInfo.resourceID",
)

POLICIES = GraphTable("RecoveryServicesResources", "microsoft.dataprotection/backupvaults/backuppolicies", policies.describe)

JOBS = GraphTable(
    "RecoveryServicesResources",
    "microsoft.dataprotection/backupvaults/backupjobs",
    jobs.describe,
    datasource_path="properties.dataSourceId",
    start_path="properties.startTime",
    end_path="properties.endTime",
    status_path="properties.status",
    statuses={
        "in_progress": ("InProgress",),
        "completed": ("Completed", "Success", "Succeeded"),
        "completed_with_warnings": ("CompletedWithWarnings", "SuccessWithWarning", "SuccessWithWarnings"),
        "failed": ("Failed",),
        "cancelled": ("Cancelled", "Canceled"),
        "cancelling": ("Cancelling",),
        "paused": ("Paused",),
    },
)
