# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup vaults: options to the wire and the wire to results. Pure."""

from __future__ import annotations

import copy
from typing import Any

from ..errors import BadInput
from ..resource_ids import ResourceId, parse_resource_id
from ..shapes import shape

Wire = dict[str, Any]


def _dig(wire: Wire | None, *path: str) -> Any:
    value: Any = wire
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _keep_spelling(current: Any, wanted: str) -> str:
    """Give the current value where it differs from the wanted one only in case (one old vault answers OFF)."""
    return current if isinstance(current, str) and current.lower() == wanted.lower() else wanted


def _below(wire: Wire, key: str) -> Wire:
    """Give the object under a key, making it where it is missing or null."""
    wire[key] = wire.get(key) or {}
    found: Wire = wire[key]
    return found


def _merge_identity(present: Wire, wanted: str, is_new: bool) -> Wire:
    """Give the identity to send; user-assigned ones are kept beside a system-assigned one."""
    kinds = [kind.strip() for kind in str(present.get("type") or "None").split(",")]
    if wanted.lower() in [kind.lower() for kind in kinds] and not is_new:
        return present
    if wanted == "SystemAssigned" and present.get("userAssignedIdentities"):
        identities: Wire = {name: {} for name in present["userAssignedIdentities"]}
        return {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": identities}
    return {"type": wanted}


def _merge_tags(present: dict[str, str], wanted: dict[str, Any]) -> dict[str, str]:
    """Lay tags over those that are there. Azure's tags are text, and their names are compared without regard to case."""
    wrong = [str(name) for name, value in wanted.items() if value is None or isinstance(value, dict | list)]
    if wrong:
        raise BadInput(f"tags: the value of {', '.join(wrong)} is no text")
    spelling = {name.lower(): name for name in present}
    return {**present, **{spelling.get(str(name).lower(), str(name)): str(value) for name, value in wanted.items()}}


def merge(current: Wire | None, options: dict[str, Any]) -> Wire:
    """Build the body of the PUT that makes a vault what the options say.

    current: the vault as read, None for a new one. A PUT replaces, so all that was read goes back.
    A new vault gets a system-assigned identity, soft delete for 14 days, VaultStore and LocallyRedundant.
    """
    body: Wire = {
        key: copy.deepcopy(value)
        for key, value in (current or {}).items()
        if key in ("location", "tags", "identity", "properties", "eTag")
    }
    properties = body.setdefault("properties", {})
    if current is None:
        body["location"] = options["location"]
        body["identity"] = {"type": "SystemAssigned"}
        properties["storageSettings"] = [
            {
                "datastoreType": options["datastore_type"] or "VaultStore",
                "type": options["redundancy"] or "LocallyRedundant",
            }
        ]
        properties["securitySettings"] = {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14.0}}
    if options["identity"]:
        body["identity"] = _merge_identity(body.get("identity") or {}, options["identity"]["type"], is_new=current is None)
    if options["tags"] is not None:
        body["tags"] = _merge_tags(body.get("tags") or {} if options["append_tags"] else {}, options["tags"])
    security = _below(properties, "securitySettings")
    soft_delete = options["soft_delete"] or {}
    if soft_delete.get("state"):
        settings = _below(security, "softDeleteSettings")
        settings["state"] = _keep_spelling(settings.get("state"), soft_delete["state"])
    if soft_delete.get("retention_duration_in_days"):
        settings = _below(security, "softDeleteSettings")
        settings.setdefault("state", "On")
        settings["retentionDurationInDays"] = float(soft_delete["retention_duration_in_days"])
    if options["immutability_state"]:
        settings = _below(security, "immutabilitySettings")
        settings["state"] = _keep_spelling(settings.get("state"), options["immutability_state"])
    return body


def check_change(current: Wire, options: dict[str, Any]) -> None:
    """Refuse what Azure cannot change or undo. Raises BadInput with every mistake."""
    view = describe(current)
    problems = [
        f"{option}: a vault's {option} cannot be changed after it was created; it is {view[option]}, not {options[option]}"
        for option in ("location", "datastore_type", "redundancy")
        if options[option] and _squeeze(options[option]) != _squeeze(view[option])
    ]
    wanted = ((options["soft_delete"] or {}).get("state") or "AlwaysOn").lower()
    if str(view["soft_delete"]["state"]).lower() == "alwayson" and wanted != "alwayson":
        problems.append("soft_delete.state: AlwaysOn is final; this vault's soft delete cannot be changed any more")
    wanted = (options["immutability_state"] or "Locked").lower()
    if str(view["immutability_state"]).lower() == "locked" and wanted != "locked":
        problems.append("immutability_state: Locked is final; this vault's immutability cannot be changed any more")
    if problems:
        raise BadInput("; ".join(problems))


def _squeeze(text: Any) -> str:
    """Give a location or enum value to compare by: 'West Europe' is westeurope."""
    return str(text or "").replace(" ", "").lower()


def describe(wire: Wire, vault: ResourceId | None = None) -> dict[str, Any]:
    """Give a vault as results show it; values that only the service makes are None in a prediction.

    vault: the id to use where wire is a PUT's body, which carries none.
    """
    identity = wire.get("identity") or {}
    storage = (_dig(wire, "properties", "storageSettings") or [{}])[0]
    days = _dig(wire, "properties", "securitySettings", "softDeleteSettings", "retentionDurationInDays")
    vault_id = parse_resource_id(wire["id"], "id") if wire.get("id") else vault
    return shape(
        "vault",
        id=vault_id.text if vault_id else None,
        name=wire.get("name") or (vault.name if vault else None),
        subscription_id=vault_id.subscription_id if vault_id else None,
        resource_group=vault_id.resource_group if vault_id else None,
        vault_type="backup",
        location=wire.get("location"),
        tags=wire.get("tags") or {},
        identity={
            "type": identity.get("type") or "None",
            "principal_id": identity.get("principalId"),
            "tenant_id": identity.get("tenantId"),
        },
        datastore_type=storage.get("datastoreType"),
        redundancy=storage.get("type"),
        soft_delete={
            "state": _dig(wire, "properties", "securitySettings", "softDeleteSettings", "state"),
            "retention_duration_in_days": int(days) if days is not None else None,
        },
        immutability_state=_dig(wire, "properties", "securitySettings", "immutabilitySettings", "state") or "Disabled",
        is_protected_by_resource_guard=_dig(wire, "properties", "isVaultProtectedByResourceGuard"),
        replicated_regions=_dig(wire, "properties", "replicatedRegions") or [],
        secure_score=_dig(wire, "properties", "secureScore"),
        security_level=_dig(wire, "properties", "bcdrSecurityLevel"),
        provisioning_state=_dig(wire, "properties", "provisioningState"),
    )
