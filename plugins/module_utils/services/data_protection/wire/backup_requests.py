# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What an on-demand backup in a Backup vault has to name. Pure."""

from __future__ import annotations

from ....errors import BadInput
from ....model.result_shapes import Described


def backup_rule(policy: Described, rule_name: str | None, retention_tag: str | None) -> tuple[str, str | None]:
    """Give the rule that an on-demand backup names and the tag that it carries, in the policy's own spelling.

    Raises BadInput: for a retention rule's name it says which rule is meant and which option takes the tag.
    """
    rules = {str(name).lower(): str(name) for name in policy["backup_rules"]}
    tags = {str(name).lower(): str(name) for name in policy["retention_tags"]}
    told = " or ".join(rules.values())
    if not rules:
        raise BadInput(f"policy '{policy['name']}' has no backup rule, so it cannot be used for an on-demand backup")
    if retention_tag and retention_tag.lower() not in tags:
        there = ", ".join(tags.values())
        raise BadInput(f"retention_tag: policy '{policy['name']}' has no retention tag '{retention_tag}'; it has {there}")
    wanted = (rule_name or next(iter(rules))).lower()
    if wanted in rules:
        return rules[wanted], tags[retention_tag.lower()] if retention_tag else None
    if wanted in tags:
        raise BadInput(
            f"rule_name: '{rule_name}' is a retention rule of policy '{policy['name']}'; a backup needs its backup rule "
            f"{told} (the default if rule_name is omitted); to apply the retention '{rule_name}' to this backup, set "
            f"retention_tag: {tags[wanted]}",
            code="NotABackupRule",
        )
    raise BadInput(f"rule_name: policy '{policy['name']}' has no rule '{rule_name}'; it has {told}")
