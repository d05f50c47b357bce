# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup policies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..arm import (
    Call,
    PlainRoute,
    Reply,
    Wire,
    backup_error,
    check_properties,
    page_of,
    resource_not_found,
)
from ..protectable import Protectable, refuse, row_of
from .fields import NAMESPACE, VAULT

if TYPE_CHECKING:
    from .provider import DataProtection

_POLICY_NAME = re.compile(r"^[-A-Za-z0-9]{3,150}$")
_INTERVAL = re.compile(r"^R/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?/P(T\d+H|\d+[DW])$")


def _check_backup_rule(rule: Wire, row: Protectable, tags_kept: set[str]) -> None:
    trigger = rule.get("trigger") or {}
    intervals = (trigger.get("schedule") or {}).get("repeatingTimeIntervals") or []
    if not intervals or not all(_INTERVAL.match(text) for text in intervals):
        raise refuse("repeatingTimeIntervals is not valid.")
    criteria = trigger.get("taggingCriteria") or []
    tags = {item["tagInfo"]["tagName"] for item in criteria}
    if not tags or not tags <= tags_kept:
        raise refuse("Every tagging criterion needs a retention rule of its name.")
    if not row.takes_other_tags and not tags <= {"Default", "Daily", "Weekly"}:
        raise refuse("The tags are not supported for this type.")
    if len({item["taggingPriority"] for item in criteria}) < len(criteria):
        raise refuse("Two tagging criteria have one priority.")
    if not all(text.rsplit("/", 1)[-1] in row.intervals for text in intervals):
        raise refuse("The schedule is not supported for this type.")


class Policies:
    """Backup policies."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", VAULT + "/backupPolicies", self._list_policies),
            ("GET", VAULT + "/backupPolicies/{policy}", self._read_policy),
            ("PUT", VAULT + "/backupPolicies/{policy}", self.write_policy),
            ("DELETE", VAULT + "/backupPolicies/{policy}", self._delete_policy),
        ]

    def _list_policies(self, call: Call) -> Reply:
        return page_of(call, list(self._provider.vault(call).policies.values()), self._provider.groups.page_size)

    def _read_policy(self, call: Call) -> Reply:
        found = self._provider.vault(call).policies.get(call.path["policy"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults/backupPolicies", call.path["policy"], call.path["group"])
        return Reply(200, found)

    def write_policy(self, call: Call) -> Reply:
        """Answer the PUT of a policy: a new one only."""
        vault, name = self._provider.vault(call), call.path["policy"]
        document = call.document()
        check_properties(document, {"properties", "id", "name", "type"}, "BaseBackupPolicyResource")
        if name.lower() in vault.policies:
            raise backup_error(
                400,
                "UserErrorBMSUpdatePolicyNotSupported",
                "Modifying an existing backup policy is not supported.",
                "Create another policy and associate the backup instances with it.",
            )
        properties = document.get("properties") or {}
        self._check_policy(name, properties)
        properties.pop("name", None)
        for rule in properties["policyRules"]:
            for criteria in (rule.get("trigger") or {}).get("taggingCriteria") or []:
                criteria["tagInfo"].setdefault("id", criteria["tagInfo"]["tagName"] + "_")
            for lifecycle in rule.get("lifecycles") or []:
                if lifecycle.get("targetDataStoreCopySettings", ()) is None:
                    del lifecycle["targetDataStoreCopySettings"]
        vault.policies[name.lower()] = {
            "properties": properties,
            "id": f"{vault.id}/backupPolicies/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupPolicies",
        }
        return Reply(200, vault.policies[name.lower()])

    @staticmethod
    def _check_policy(name: str, properties: Wire) -> None:
        if not _POLICY_NAME.match(name):
            raise refuse("The name of the policy is not valid.")
        check_properties(properties, {"datasourceTypes", "objectType", "policyRules", "name"}, "BackupPolicy")
        rules = properties.get("policyRules") or []
        retention = [rule for rule in rules if rule.get("objectType") == "AzureRetentionRule"]
        backup = [rule for rule in rules if rule.get("objectType") == "AzureBackupRule"]
        if properties.get("objectType") != "BackupPolicy" or len(properties.get("datasourceTypes") or []) != 1:
            raise refuse("A policy is for exactly one datasource type.")
        row = row_of(properties["datasourceTypes"][0])
        if len(retention) + len(backup) != len(rules) or not any(rule.get("isDefault") for rule in retention):
            raise refuse("A policy has backup rules and retention rules, one of them the default.")
        names = [rule["name"] for rule in retention]
        if len(set(names)) < len(names):
            raise refuse("Two retention rules have one name.")
        stores = {rule["name"]: rule["lifecycles"][0]["sourceDataStore"]["dataStoreType"] for rule in retention}
        if not backup and set(stores.values()) != {row.continuous_store}:
            raise refuse("A policy without a backup rule is for continuous backup only.")
        if backup and stores.get("Default") != row.store:
            raise refuse(f"The retention rule Default has to keep recovery points in {row.store}.")
        for rule in backup:
            _check_backup_rule(rule, row, set(names))

    def _delete_policy(self, call: Call) -> Reply:
        vault, key = self._provider.vault(call), call.path["policy"].lower()
        policy = vault.policies.get(key)
        if policy is None:
            return Reply(204)
        if any(
            instance.wire["properties"]["policyInfo"]["policyId"].lower() == policy["id"].lower()
            for instance in vault.instances.values()
        ):
            raise backup_error(
                400,
                "UserErrorDppPolicyObjectInUse",
                "The policy is in use by backup instances.",
                "Remove the backup instances from the policy and try again.",
            )
        del vault.policies[key]
        return Reply(200)
