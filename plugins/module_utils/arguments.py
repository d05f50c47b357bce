# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The argument specifications that the documentation fragments describe."""

from __future__ import annotations

from typing import Any, Dict  # noqa: UP035

from .required_python import require_python

require_python()

# Python 3.7 reads this file too, so that an older Python gets a message.
Spec = Dict[str, Any]  # noqa: UP006

# Names and meaning as in azure.azcollection; defaults come from the environment and the credentials file, so that
# an option that is not set is None here. tenant and client_id are no secrets: starred out they would spoil results.
CONNECTION: Spec = {
    "auth_source": {"type": "str", "choices": ["auto", "cli", "credential_file", "env", "msi"]},
    "profile": {"type": "str"},
    "subscription_id": {"type": "str"},
    "client_id": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "tenant": {"type": "str"},
    "ad_user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "cloud_environment": {"type": "str"},
    "cert_validation_mode": {"type": "str", "choices": ["validate", "ignore"]},
    "api_profile": {"type": "str"},
    "adfs_authority_url": {"type": "str"},
    "log_mode": {"type": "str"},
    "log_path": {"type": "str"},
    "x509_certificate_path": {"type": "path"},
    "thumbprint": {"type": "str", "no_log": True},
    "disable_instance_discovery": {"type": "bool"},
    "oidc_token": {"type": "str", "no_log": True},
    "oidc_token_file_path": {"type": "path", "no_log": False},
}


def wait(timeout: int) -> Spec:
    """Give the options of waiting; timeout is the default of wait_timeout in seconds."""
    return {
        "wait_timeout": {"type": "int", "default": timeout},
        "poll_interval": {"type": "float", "default": 30},
    }


PROGRESS: Spec = {
    "progress": {"type": "bool", "default": True},
    "progress_interval": {"type": "float", "default": 30},
    "progress_file": {"type": "path"},
}

VAULT: Spec = {
    "vault_id": {"type": "str"},
    "resource_group": {"type": "str"},
    "vault_name": {"type": "str"},
    "vault_type": {"type": "str", "choices": ["backup", "recovery_services"]},
}

MISSING_OK: Spec = {"missing_ok": {"type": "bool", "default": False}}

STACKHUB: Spec = {
    "location": {"type": "str", "required": True},
    "resource_group": {"type": "str"},
    "api_version": {"type": "str", "default": "2018-09-01"},
}

MANAGED_HSM: Spec = {
    "hsm_name": {"type": "str"},
    "hsm_uri": {"type": "str"},
    "storage_account_name": {"type": "str"},
    "storage_container_name": {"type": "str"},
    "storage_container_uri": {"type": "str"},
    "sas_token": {"type": "str", "no_log": True},
    "use_user_managed_identity": {"type": "bool", "default": False},
}

MANAGED_HSM_JOB: Spec = {
    "precheck": {"type": "bool", "default": False},
    "job_id": {"type": "str"},
    "wait": {"type": "bool", "default": True},
}

DRILL_OUTCOME: Spec = {"fail_on": {"type": "str", "choices": ["failed", "partial", "skipped"], "default": "failed"}}

REPORT_CONTAINER: Spec = {
    "storage_container_uri": {"type": "str", "required": True},
    "sas_token": {"type": "str", "no_log": True},
}

SUBSCRIPTIONS: Spec = {"subscription_ids": {"type": "list", "elements": "str"}}

DATASOURCES: Spec = {
    "datasource_id": {"type": "list", "elements": "str"},
    "datasource_type": {"type": "str"},
    "max_concurrency": {"type": "int", "default": 16},
}

_CRITERIA: Spec = {
    "subscription_ids": {"type": "list", "elements": "str"},
    "datasource_types": {"type": "list", "elements": "str"},
    "resource_groups": {"type": "list", "elements": "str"},
    "locations": {"type": "list", "elements": "str"},
    "names": {"type": "list", "elements": "str"},
    "policy_names": {"type": "list", "elements": "str"},
    "tags": {"type": "dict"},
}

SELECT: Spec = {
    "select": {
        "type": "dict",
        "options": {
            **_CRITERIA,
            "exclude": {"type": "dict", "options": _CRITERIA},
            "exempt_tag": {"type": "str"},
            "require_match": {"type": "bool", "default": False},
        },
    },
}

PROTECTION: Spec = {
    "state": {"type": "str", "choices": ["present", "suspended", "stopped", "absent"], "default": "present"},
    "location": {"type": "str"},
    "policy_name": {"type": "str"},
    "policy_id": {"type": "str"},
    "name": {"type": "str"},
    "snapshot_resource_group": {"type": "str"},
    "containers_list": {"type": "list", "elements": "str"},
    "auto_protection": {"type": "dict", "options": {"exclude_prefixes": {"type": "list", "elements": "str"}}},
    "include_disk_luns": {"type": "list", "elements": "int"},
    "exclude_disk_luns": {"type": "list", "elements": "int"},
    "identity_id": {"type": "str"},
    "permission_timeout": {"type": "int", "default": 1800},
    "delete_backup_data": {"type": "bool", "default": False},
    "permanent": {"type": "bool", "default": False},
    "undelete": {"type": "bool", "default": False},
}

_RESTORE_TARGET: Spec = {
    "type": "dict",
    "options": {
        "resource_group": {"type": "str"},
        "name": {"type": "str"},
        "name_prefix": {"type": "str"},
        "name_suffix": {"type": "str"},
        "rename": {"type": "dict"},
        "storage_account_id": {"type": "str"},
        "containers": {"type": "list", "elements": "str"},
        "prefixes": {"type": "dict"},
        "ranges": {
            "type": "list",
            "elements": "dict",
            "options": {
                "min_matching_value": {"type": "str", "required": True},
                "max_matching_value": {"type": "str", "required": True},
            },
        },
        "staging_storage_account_id": {"type": "str"},
        "staging_identity": {"type": "str"},
        "in_place": {"type": "bool"},
        "virtual_network_id": {"type": "str"},
        "subnet": {"type": "str"},
        "disk_luns": {"type": "list", "elements": "int"},
        "zone": {"type": "str"},
        "disk_encryption_set_id": {"type": "str"},
        "disk_network_access": {"type": "str", "choices": ["same_as_source", "private", "public"]},
        "disk_access_id": {"type": "str"},
    },
}

RESTORE: Spec = {
    "recovery_point": {"type": "str"},
    "before": {"type": "str"},
    "point_in_time": {"type": "str"},
    "tier": {"type": "str", "choices": ["operational_store", "vault_store", "archive_store"]},
    "target": _RESTORE_TARGET,
    "confirm": {"type": "str"},
}

SCHEDULE: Spec = {
    "type": "dict",
    "options": {
        "frequency": {"type": "str", "choices": ["hourly", "daily", "weekly"]},
        "interval_hours": {"type": "int"},
        "window_hours": {"type": "int"},
        "times": {"type": "list", "elements": "str"},
        "days": {"type": "list", "elements": "str"},
        "time_zone": {"type": "str"},
    },
}

RETENTION: Spec = {
    "type": "dict",
    "options": {tag: {"type": "str"} for tag in ("default", "operational", "daily", "weekly", "monthly", "yearly")},
}

RETENTION_RULES: Spec = {
    "type": "list",
    "elements": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "duration": {"type": "str", "required": True},
        "tagging_priority": {"type": "int"},
        "absolute_criteria": {"type": "list", "elements": "str"},
        "days_of_the_week": {"type": "list", "elements": "str"},
        "weeks_of_the_month": {"type": "list", "elements": "str"},
        "days_of_month": {"type": "list", "elements": "str"},
        "months_of_year": {"type": "list", "elements": "str"},
        "schedule_times": {"type": "list", "elements": "str"},
    },
}
