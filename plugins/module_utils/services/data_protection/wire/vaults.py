# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Backup vaults: options to the wire and the wire to results. Pure."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from ....errors import BadInput
from ....model.durations import format_time, parse_time
from ....model.managed_identities import kinds_of, merge_identity, writable_identity
from ....model.resource_ids import ResourceId, normalize, parse_resource_id
from ....model.result_shapes import Wire, comparable, shape
from ....model.tags import merge_tags
from ....model.vault_encryption import check_keeps_reader, check_key_identity, merge_encryption
from ...vault_guard import MODIFY_ENCRYPTION, REDUCE_IMMUTABILITY, REDUCE_SOFT_DELETE

# Settings that are one word, and where they are.
# What only the service writes: in no recorded PUT, and a PUT replaces what it says.
_READ_ONLY = (
    "provisioningState", "secureScore", "bcdrSecurityLevel", "isVaultProtectedByResourceGuard", "resourceMoveState",
    "resourceMoveDetails", "regionOfChoiceSettings",
)  # fmt: skip

_NAME = re.compile(r"[-A-Za-z0-9]{2,50}")

_PATHS_OF_STATES = {
    "cross_region_restore_state": ("featureSettings", "crossRegionRestoreSettings", "state"),
    "cross_subscription_restore_state": ("featureSettings", "crossSubscriptionRestoreSettings", "state"),
    "alerts_for_all_job_failures": ("monitoringSettings", "azureMonitorAlertSettings", "alertsForAllJobFailures"),
}


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


def merge(current: Wire | None, options: dict[str, Any]) -> Wire:
    """Build the body of the PUT that makes a vault what the options say.

    current: the vault as read, None for a new one. A PUT replaces, so all that was read and a client may write goes back.
    A new vault gets a system-assigned identity, soft delete for 14 days, VaultStore and LocallyRedundant.
    """
    body: Wire = {
        key: copy.deepcopy(value)
        for key, value in (current or {}).items()
        if key in ("location", "tags", "identity", "properties")
    }
    properties = body.setdefault("properties", {})
    for name in _READ_ONLY:
        properties.pop(name, None)
    if body.get("identity"):
        body["identity"] = writable_identity(body["identity"])
    if current is None:
        body["location"] = normalize(options["location"])
        body["identity"] = {"type": "SystemAssigned"}
        properties["storageSettings"] = [
            {
                "datastoreType": options["datastore_type"] or "VaultStore",
                "type": options["redundancy"] or "LocallyRedundant",
            }
        ]
        properties["securitySettings"] = {"softDeleteSettings": {"state": "On", "retentionDurationInDays": 14.0}}
    if options["identity"]:
        body["identity"] = merge_identity(body.get("identity") or {}, options["identity"])
    if options["tags"] is not None:
        body["tags"] = merge_tags(body.get("tags") or {} if options["append_tags"] else {}, options["tags"])
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
    if options["encryption_settings"]:
        security["encryptionSettings"] = _merge_encryption(
            security.get("encryptionSettings") or {}, options["encryption_settings"]
        )
    for option, (group, name, key) in _PATHS_OF_STATES.items():
        if options[option]:
            settings = _below(_below(properties, group), name)
            settings[key] = _keep_spelling(settings.get(key), options[option])
    _check_reader(current or {}, body, is_asked=bool(options["encryption_settings"]))
    return body


def _merge_encryption(present: Wire, wanted: dict[str, Any]) -> Wire:
    """Give the settings of encryption by a key of the customer's own: what is not mentioned stays. Raises BadInput."""
    encryption = merge_encryption(_describe_encryption(present), wanted)
    merged = copy.deepcopy(present)
    merged["state"] = _keep_spelling(merged.get("state"), "Enabled")
    merged["keyVaultProperties"] = {"keyUri": encryption["key_uri"]}
    if wanted["identity_type"] or wanted["identity_id"]:
        merged["kekIdentity"] = {"identityType": encryption["identity_type"]}
        if encryption["identity_id"]:
            merged["kekIdentity"]["identityId"] = encryption["identity_id"]
    if wanted["infrastructure_encryption"]:
        merged["infrastructureEncryption"] = wanted["infrastructure_encryption"]
    return present if _lowered(merged) == _lowered(present) else merged


def _check_reader(current: Wire, body: Wire, is_asked: bool) -> None:
    """Refuse a vault without the identity that reads its key; is_asked: an option names the key. Raises BadInput."""
    encryption = _describe_encryption(_dig(body, "properties", "securitySettings", "encryptionSettings"))
    identity = body.get("identity") or {}
    if encryption and is_asked:
        check_key_identity(encryption, identity)
    check_keeps_reader(encryption, current.get("identity") or {}, identity)


def _lowered(wire: Wire) -> str:
    return json.dumps(wire, sort_keys=True).lower()


def is_guarded(wire: Wire) -> bool:
    """Tell whether a vault is mapped to a resource guard."""
    return bool(_dig(wire, "properties", "isVaultProtectedByResourceGuard"))


def is_as_wanted(current: Wire | None, options: dict[str, Any]) -> bool:
    """Tell whether a vault needs no PUT to be what the options say."""
    if current is None:
        return False
    known = {key: value for key, value in current.items() if key in ("id", "name", "type")}
    return bool(comparable("vault", describe(current)) == comparable("vault", describe({**known, **merge(current, options)})))


def check_new_name(name: str) -> None:
    """Refuse a name that no new vault can have (azurerm's pattern). Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"vault_name: '{name}' is not a valid name for a Backup vault: 2 to 50 letters, digits and hyphens")


def critical_changes(current: Wire, body: Wire) -> list[str]:
    """Name the operations that a PUT is to a resource guard: what makes the vault less safe."""
    found = []
    was, becomes = (_dig(wire, "properties", "securitySettings") or {} for wire in (current, body))
    order = ("disabled", "unlocked", "locked")
    states = [normalize(_dig(settings, "immutabilitySettings", "state") or "disabled") for settings in (was, becomes)]
    if set(states) <= set(order) and order.index(states[1]) < order.index(states[0]):
        found.append(REDUCE_IMMUTABILITY)
    soft = [_dig(settings, "softDeleteSettings") or {} for settings in (was, becomes)]
    days = [float(settings.get("retentionDurationInDays") or 0) for settings in soft]
    is_off = [normalize(settings.get("state")) == "off" for settings in soft]
    if (is_off[1] and not is_off[0]) or days[1] < days[0]:
        found.append(REDUCE_SOFT_DELETE)
    if was.get("encryptionSettings") and was["encryptionSettings"] != becomes.get("encryptionSettings"):
        found.append(MODIFY_ENCRYPTION)
    return found


def check_options(options: dict[str, Any]) -> None:
    """Refuse what only Recovery Services vaults have. Raises BadInput with every mistake."""
    problems = [f"{option}: not supported by a Backup vault" for option in ("sku", "public_network_access") if options[option]]
    if problems:
        raise BadInput("; ".join(problems))


def check_change(current: Wire, options: dict[str, Any]) -> None:
    """Refuse what Azure cannot change or undo. Raises BadInput with every mistake."""
    view = describe(current)
    problems = [
        f"{option}: a vault's {option} cannot be changed after creation; it is {view[option]}, not {options[option]}"
        for option in ("location", "datastore_type", "redundancy")
        if options[option] and normalize(options[option]) != normalize(view[option])
    ]
    wanted = ((options["soft_delete"] or {}).get("state") or "AlwaysOn").lower()
    if str(view["soft_delete"]["state"]).lower() == "alwayson" and wanted != "alwayson":
        problems.append("soft_delete.state: AlwaysOn is permanent; this vault's soft delete can no longer be changed")
    wanted = (options["immutability_state"] or "Locked").lower()
    if str(view["immutability_state"]).lower() == "locked" and wanted != "locked":
        problems.append("immutability_state: Locked is permanent; this vault's immutability can no longer be changed")
    final = {"cross_region_restore_state": "Enabled", "cross_subscription_restore_state": "PermanentlyDisabled"}
    problems += [
        f"{option}: {value} is permanent; this vault's setting can no longer be changed"
        for option, value in final.items()
        if view[option] == value and options[option] not in (None, value)
    ]
    encryption, asked = view["encryption_settings"] or {}, options["encryption_settings"] or {}
    infrastructure = asked.get("infrastructure_encryption")
    if infrastructure and normalize(infrastructure) != normalize(encryption.get("infrastructure_encryption") or "Disabled"):
        problems.append("encryption_settings.infrastructure_encryption: it can be set only when the vault is created")
    if problems:
        raise BadInput("; ".join(problems))


def _canonical(vault: ResourceId) -> str:
    """Give a vault's id in one casing: lists, single reads and Resource Graph answer it in several."""
    return f"{vault.group_id}/providers/Microsoft.DataProtection/backupVaults/{vault.name}"


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
        id=_canonical(vault_id) if vault_id else None,
        name=wire.get("name") or (vault.name if vault else None),
        subscription_id=vault_id.subscription_id if vault_id else None,
        resource_group=vault_id.resource_group if vault_id else None,
        vault_type="backup",
        location=wire.get("location"),
        tags=wire.get("tags") or {},
        identity={
            "type": ",".join(kinds_of(identity)) or "None",
            "principal_id": identity.get("principalId"),
            "tenant_id": identity.get("tenantId"),
            "user_assigned_identities": {
                name: {"client_id": (made or {}).get("clientId"), "principal_id": (made or {}).get("principalId")}
                for name, made in (identity.get("userAssignedIdentities") or {}).items()
            },
        },
        datastore_type=storage.get("datastoreType"),
        redundancy=storage.get("type"),
        soft_delete={
            "state": _dig(wire, "properties", "securitySettings", "softDeleteSettings", "state"),
            "retention_duration_in_days": int(days) if days is not None else None,
        },
        immutability_state=_dig(wire, "properties", "securitySettings", "immutabilitySettings", "state") or "Disabled",
        encryption_settings=_describe_encryption(_dig(wire, "properties", "securitySettings", "encryptionSettings")),
        **{option: _dig(wire, "properties", *path) for option, path in _PATHS_OF_STATES.items()},
        is_protected_by_resource_guard=_dig(wire, "properties", "isVaultProtectedByResourceGuard"),
        replicated_regions=_dig(wire, "properties", "replicatedRegions") or [],
        secure_score=_dig(wire, "properties", "secureScore"),
        security_level=_dig(wire, "properties", "bcdrSecurityLevel"),
        provisioning_state=_dig(wire, "properties", "provisioningState"),
    )


def _describe_encryption(wire: Wire | None) -> dict[str, Any] | None:
    if not wire or str(wire.get("state")).lower() != "enabled":
        return None
    return {
        "key_uri": _dig(wire, "keyVaultProperties", "keyUri"),
        "identity_type": _dig(wire, "kekIdentity", "identityType"),
        "identity_id": _dig(wire, "kekIdentity", "identityId"),
        "infrastructure_encryption": wire.get("infrastructureEncryption"),
    }


def as_it_was(deleted: Wire, vault: ResourceId) -> Wire:
    """Give a deleted vault as it will be once it is back; it gets a new identity."""
    gone = ("originalBackupVaultId", "originalBackupVaultName", "originalBackupVaultResourcePath", "resourceDeletionInfo")
    return {
        "id": _canonical(vault),
        "name": vault.name,
        "location": deleted.get("location"),
        "tags": deleted.get("tags") or {},
        "identity": {"type": "SystemAssigned"},
        "properties": {key: value for key, value in (deleted.get("properties") or {}).items() if key not in gone},
    }


def describe_deleted(wire: Wire) -> dict[str, Any]:
    """Give a deleted vault as results show it: by the id that it had, with its end."""
    properties = wire.get("properties") or {}
    vault = parse_resource_id(str(properties.get("originalBackupVaultResourcePath")), "originalBackupVaultResourcePath")
    deletion = properties.get("resourceDeletionInfo") or {}
    return {
        **describe({**wire, "id": vault.text, "name": vault.name}),
        "deleted_vault_id": wire.get("name"),
        "deletion_time": format_time(parse_time(deletion.get("deletionTime"))),
        "purge_time": format_time(parse_time(deletion.get("scheduledPurgeTime"))),
    }
