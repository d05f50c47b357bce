# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a policy for virtual machines says of its snapshots: their kind, how long they stay, where they are. Pure."""

from __future__ import annotations

from typing import Any

from ..errors import BadInput
from .datasource_types import DatasourceType
from .resource_ids import GROUP_NAME
from .schedule import Schedule

Settings = dict[str, Any]

SETTINGS = (
    "policy_type", "instant_rp_retention_range_in_days", "azure_backup_rg_name_prefix", "azure_backup_rg_name_suffix",
)  # fmt: skip

_DAYS = "instant_rp_retention_range_in_days"

# Azure's own default, and what its standard weekly policies are fixed to.
_DEFAULT_DAYS, _WEEKLY_DAYS = 2, 5

_LONGEST = {"V1": 5, "V2": 30}


def check_settings(options: dict[str, Any], datasource_type: DatasourceType, schedule: Schedule) -> Settings:
    """Check what the user set of these options. Raises BadInput with every mistake."""
    wanted = {name: options[name] for name in SETTINGS if options.get(name) is not None}
    if not datasource_type.has_instant_restore:
        if wanted:
            raise BadInput(f"{', '.join(wanted)}: a policy for a {datasource_type.title} does not support it")
        return {}
    problems = []
    kind = wanted.get("policy_type")
    if kind == "V1" and schedule.get("frequency") == "hourly":
        problems.append("policy_type: V1 does not support hourly backups; use V2")
    days = wanted.get(_DAYS)
    longest = _LONGEST["V2" if schedule.get("frequency") == "hourly" else kind or "V2"]
    if days is not None and not 1 <= days <= longest:
        problems.append(f"{_DAYS}: {days} is not between 1 and {longest}")
    if problems:
        raise BadInput("; ".join(problems))
    return wanted


def complete_settings(
    wanted: Settings, existing: Settings, datasource_type: DatasourceType, schedule: Schedule | None
) -> Settings:
    """Fill in what the user did not set: from what is there, else Azure's defaults. Raises BadInput where it does not fit."""
    if not datasource_type.has_instant_restore or schedule is None:
        return {}
    frequency = schedule["frequency"]
    present = {name: value for name, value in existing.items() if value is not None}
    kind = wanted.get("policy_type") or ("V2" if frequency == "hourly" else present.get("policy_type") or "V1")
    days = wanted.get(_DAYS) or present.get(_DAYS) or _DEFAULT_DAYS
    if kind == "V1" and frequency == "weekly":
        if wanted.get(_DAYS) not in (None, _WEEKLY_DAYS):
            raise BadInput(
                f"{_DAYS}: a weekly policy of type V1 keeps its snapshots for {_WEEKLY_DAYS} days, not {wanted[_DAYS]}"
            )
        days = _WEEKLY_DAYS
    if not 1 <= days <= _LONGEST[kind]:
        raise BadInput(f"{_DAYS}: {days} is not between 1 and {_LONGEST[kind]}, the range for a policy of type {kind}")
    if present.get("policy_type") == "V2" and kind == "V1":
        raise BadInput("policy_type: a policy of type V2 cannot be changed to V1; choose another policy_name")
    done = {**dict.fromkeys(SETTINGS), **present, **wanted, "policy_type": kind, _DAYS: days}
    for option in ("azure_backup_rg_name_prefix", "azure_backup_rg_name_suffix"):
        if done[option] and not GROUP_NAME.fullmatch(str(done[option])):
            raise BadInput(f"{option}: '{done[option]}' is not valid in a resource group name")
    if done["azure_backup_rg_name_suffix"] and not done["azure_backup_rg_name_prefix"]:
        raise BadInput("azure_backup_rg_name_suffix: requires azure_backup_rg_name_prefix")
    return done


def same_settings(wanted: Settings, existing: Settings) -> bool:
    """Tell whether existing settings are what the user set."""
    return all(existing.get(name) == value for name, value in wanted.items())
