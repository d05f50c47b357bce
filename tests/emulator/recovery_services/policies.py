# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of virtual machines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, page_of
from .fields import FILTER, VAULT, keeps_less, refuse, vm_policy
from .state import Vault

if TYPE_CHECKING:
    from .provider import RecoveryServices

_POLICY_NAME = re.compile(r"^[A-Za-z][-_!A-Za-z0-9]{2,149}$")
_MOST = {"Days": 9999, "Weeks": 5163, "Months": 1188, "Years": 99}
_UNITS = {"dailySchedule": "Days", "weeklySchedule": "Weeks", "monthlySchedule": "Months", "yearlySchedule": "Years"}


def _without_nulls(value: Any) -> Any:
    """Leave out what is null: clients that print a policy and send it again print what is not there, too."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _complete_policy(properties: Wire) -> None:
    """Add what the service adds to a policy that leaves it out (specification: ProtectionPolicies_CreateOrUpdate_Simple)."""
    schedule = properties.get("schedulePolicy") or {}
    if schedule.get("schedulePolicyType") == "SimpleSchedulePolicy":
        schedule.setdefault("scheduleWeeklyFrequency", 0)
        is_weekly = schedule.get("scheduleRunFrequency") == "Weekly"
        properties.setdefault("instantRpRetentionRangeInDays", 5 if is_weekly else 2)
    else:
        properties.setdefault("instantRpRetentionRangeInDays", 2)


def _without_milliseconds(value: Any) -> Any:
    """Give times as they come back: without milliseconds."""
    if isinstance(value, dict):
        return {key: _without_milliseconds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_milliseconds(item) for item in value]
    return re.sub(r"\.\d+Z$", "Z", value) if isinstance(value, str) else value


def _check_policy(name: str, properties: Wire) -> None:
    """Refuse a policy for virtual machines that Azure would refuse. Raises ArmError 400."""
    if not _POLICY_NAME.match(name) or properties.get("backupManagementType") != "AzureIaasVM":
        raise refuse("The name or the type of the policy is not valid.", "BMSUserErrorInvalidPolicyInput")
    schedule, kept = properties.get("schedulePolicy") or {}, properties.get("retentionPolicy") or {}
    frequency, days = schedule.get("scheduleRunFrequency"), properties.get("instantRpRetentionRangeInDays") or 0
    is_enhanced = properties.get("policyType") == "V2"
    if is_enhanced is not (schedule.get("schedulePolicyType") == "SimpleSchedulePolicyV2"):
        raise refuse("The types of the policy and of its schedule do not agree.", "BMSUserErrorInvalidPolicyInput")
    durations = {key: kept[key]["retentionDuration"] for key in _UNITS if kept.get(key)}
    problems = [
        not 1 <= days <= (30 if is_enhanced else 5),
        frequency == "Weekly" and not is_enhanced and days != 5,
        frequency == "Hourly" and not is_enhanced,
        frequency == "Weekly" and ("dailySchedule" in kept or "weeklySchedule" not in kept),
        frequency != "Weekly" and "dailySchedule" not in kept,
        any(duration["durationType"] != _UNITS[key] for key, duration in durations.items()),
        durations.get("dailySchedule", {"count": 7})["count"] < 7,
        any(duration["count"] > _MOST[duration["durationType"]] for duration in durations.values()),
        any(not re.search(r"T\d\d:(00|30):00", time) for time in _times_of(schedule)),
    ]
    if frequency == "Hourly":
        hourly = schedule.get("hourlySchedule") or {}
        interval, window = hourly.get("interval") or 0, hourly.get("scheduleWindowDuration") or 0
        problems.append(interval not in (4, 6, 8, 12) or not interval <= window <= 24)
    if any(problems):
        raise refuse("Input for create or update policy is not in proper format.", "BMSUserErrorInvalidPolicyInput")


def _times_of(schedule: Wire) -> list[str]:
    """Give the times at which a schedule begins a backup."""
    own = [schedule.get(key) or {} for key in ("hourlySchedule", "dailySchedule", "weeklySchedule")]
    starts = [part["scheduleWindowStartTime"] for part in own if part.get("scheduleWindowStartTime")]
    return [*starts, *(time for part in (schedule, *own) for time in part.get("scheduleRunTimes") or [])]


class Policies:
    """Policies of virtual machines."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", VAULT + "/backupPolicies", self._list_policies),
            ("GET", VAULT + "/backupPolicies/{policy}", self._read_policy),
            ("PUT", VAULT + "/backupPolicies/{policy}", self._write_policy),
            ("DELETE", VAULT + "/backupPolicies/{policy}", self._delete_policy),
        ]

    def _list_policies(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        wanted = dict(FILTER.findall(call.query.get("$filter", ""))).get("backupManagementType")
        found = [policy for policy in vault.policies.values() if wanted in (None, policy["properties"]["backupManagementType"])]
        return page_of(call, found, self._provider.groups.page_size)

    def _policy(self, call: Call, vault: Vault) -> Wire:
        found = vault.policies.get(call.path["policy"].lower())
        if found is None:
            raise ArmError(404, "BMSUserErrorObjectNotFound", f"The policy '{call.path['policy']}' was not found.")
        return found

    def _read_policy(self, call: Call) -> Reply:
        return Reply(200, self._policy(call, self._provider.vault(call)))

    def _write_policy(self, call: Call) -> Reply:
        vault, name = self._provider.vault(call), call.path["policy"]
        properties = _without_nulls(call.document().get("properties") or {})
        properties.pop("protectedItemsCount", None)
        requests = properties.pop("resourceGuardOperationRequests", None)
        _complete_policy(properties)
        _check_policy(name, properties)
        current = vault.policies.get(name.lower())
        if current and keeps_less(current["properties"], properties):
            self._provider.guards.check_approved(call, vault.wire, "backupPolicies/write", requests)
        if current and current["properties"].get("policyType") == "V2" and properties.get("policyType") != "V2":
            raise refuse("A policy of type V2 cannot become one of type V1.")
        plain = _without_milliseconds(properties)
        count = current["properties"]["protectedItemsCount"] if current else 0
        wire = vm_policy(current["name"] if current else name, vault.id, {**plain, "protectedItemsCount": count})
        vault.policies[name.lower()] = wire
        return Reply(200, wire)

    def _delete_policy(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        policy = vault.policies.get(call.path["policy"].lower())
        if policy is None:
            return Reply(204)
        if policy["properties"]["protectedItemsCount"]:
            raise ArmError(400, "BMSUserErrorPolicyInUse", "The policy is in use by protected items.")
        del vault.policies[call.path["policy"].lower()]
        return Reply(200)
