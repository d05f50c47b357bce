# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Resource guards, made what the options say. What a vault does with one is data_protection.guard."""

from __future__ import annotations

import re
from typing import Any

from ..azure.session import API_VERSIONS
from ..errors import BadInput
from ..model.resource_ids import check_group_name, check_region, group_id, normalize, parse_resource_id
from ..model.result_shapes import Described, shape
from ..model.tags import merge_tags
from ..services.named_vaults import read_group
from ..services.vault_interface import GUARD_TYPE
from .reconcile import reconcile
from .task import Result, Task

_API = API_VERSIONS["Microsoft.DataProtection"]
_NAME = re.compile(r"[A-Za-z][-A-Za-z0-9]{2,62}")
_OPERATION = re.compile(r"Microsoft\.[A-Za-z]+(/[A-Za-z#]+)+", re.IGNORECASE)


def ensure_resource_guard(task: Task) -> Result:
    """Create, change or delete a resource guard (module backup_resource_guard)."""
    options = task.options
    _check_options(options)
    group = group_id(task.session.subscription_id, options["resource_group"])
    url = f"{group}/providers/{GUARD_TYPE}/{options['resource_guard_name']}"
    title = f"resource guard '{options['resource_guard_name']}'"
    wire = task.session.read(url, f"read {title}", _API)
    before = _describe(wire) if wire else None
    if options["state"] == "absent":
        change = reconcile(task, "resource_guard", before, None, lambda: _delete(task, url, title))
        return change.as_result()
    if wire is None and (task.check_mode or not options["location"]):
        found = read_group(task.session, group, "resource_group")
        options["location"] = options["location"] or found["location"]
    body = _merge(wire, options)
    after = _describe({"id": url, "name": options["resource_guard_name"], **(wire or {}), **body})

    def write() -> Described | None:
        task.session.send("PUT", url, f"write {title}", _API, body=body)
        made = task.session.read(url, f"read {title}", _API)
        return _describe(made) if made else None

    return reconcile(task, "resource_guard", before, after, write).as_result()


def _delete(task: Task, url: str, title: str) -> None:
    task.session.send("DELETE", url, f"delete {title}", _API)


def _check_options(options: dict[str, Any]) -> None:
    problems = check_group_name(options["resource_group"])
    if not _NAME.fullmatch(options["resource_guard_name"]):
        problems.append(
            f"resource_guard_name: '{options['resource_guard_name']}' is not a valid resource guard name: 3 to 63 letters, "
            "digits and hyphens, a letter first"
        )
    wrong = [
        str(name) for name in options["vault_critical_operation_exclusion_list"] or [] if not _OPERATION.fullmatch(str(name))
    ]
    if options["location"]:
        check_region(options["location"], "location")
    if wrong:
        problems.append(
            f"vault_critical_operation_exclusion_list: {', '.join(wrong)} is not an operation such as "
            "Microsoft.DataProtection/backupVaults/backupInstances/delete"
        )
    if problems:
        raise BadInput("; ".join(problems))


def _merge(current: dict[str, Any] | None, options: dict[str, Any]) -> dict[str, Any]:
    """Build the body of the PUT, which replaces: what was not said stays. Raises BadInput."""
    present = current or {"location": normalize(options["location"]), "properties": {}}
    if options["location"] and normalize(options["location"]) != normalize(present["location"]):
        raise BadInput(f"location: a resource guard's location cannot be changed; it is {present['location']}")
    excluded = (present.get("properties") or {}).get("vaultCriticalOperationExclusionList") or []
    wanted = options["vault_critical_operation_exclusion_list"]
    if wanted is not None and {name.lower() for name in wanted} != {name.lower() for name in excluded}:
        excluded = list(wanted)
    body: dict[str, Any] = {
        "location": present["location"],
        "properties": {"vaultCriticalOperationExclusionList": excluded},
    }
    tags = present.get("tags") or {}
    if options["tags"] is not None:
        tags = merge_tags(tags if options["append_tags"] else {}, options["tags"])
    if tags or present.get("tags"):
        body["tags"] = tags
    return body


def _describe(wire: dict[str, Any]) -> Described:
    properties = wire.get("properties") or {}
    guard = parse_resource_id(wire["id"], "id")
    return shape(
        "resource_guard",
        id=wire["id"],
        name=wire.get("name"),
        subscription_id=guard.subscription_id,
        resource_group=guard.resource_group,
        location=wire.get("location"),
        tags=wire.get("tags") or {},
        vault_critical_operations=[
            item["vaultCriticalOperation"]
            for item in properties.get("resourceGuardOperations") or []
            if "vaultCriticalOperation" in item
        ],
        vault_critical_operation_exclusion_list=properties.get("vaultCriticalOperationExclusionList") or [],
        provisioning_state=properties.get("provisioningState"),
    )
