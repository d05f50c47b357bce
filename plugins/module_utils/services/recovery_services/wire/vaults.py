# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Recovery Services vaults: options to the wire and the wire to results. Pure.

Shapes as recorded in recoveryservices/backup_vault and backup_identity.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from ....errors import BadInput
from ....model.managed_identities import kinds_of, merge_identity
from ....model.resource_ids import ResourceId, normalize, parse_resource_id
from ....model.result_shapes import Wire, shape
from ....model.tags import merge_tags
from ....model.vault_encryption import check_keeps_reader, check_key_identity, merge_encryption

# Options that are one word, where they are, and what a vault of which it was never said is.
_WORDS = {
    "redundancy": ("redundancySettings", "standardTierStorageRedundancy"),
    "cross_region_restore_state": ("redundancySettings", "crossRegionRestore"),
    "cross_subscription_restore_state": (
        "restoreSettings",
        "crossSubscriptionRestoreSettings",
        "crossSubscriptionRestoreState",
    ),
    "alerts_for_all_job_failures": ("monitoringSettings", "azureMonitorAlertSettings", "alertsForAllJobFailures"),
    "immutability_state": ("securitySettings", "immutabilitySettings", "state"),
    "public_network_access": ("publicNetworkAccess",),
}

# Azure's words for soft delete here, and those of Backup vaults, which results use for both.
_SOFT_DELETE = {"enabled": "On", "disabled": "Off", "alwayson": "AlwaysOn"}
_SOFT_DELETE_WORDS = {"On": "Enabled", "Off": "Disabled", "AlwaysOn": "AlwaysON"}
_SOFT_DELETE_PATH = ("properties", "securitySettings", "softDeleteSettings")
_NAME = re.compile(r"[A-Za-z][-A-Za-z0-9]{1,49}")
_MULTI_USER = ("properties", "securitySettings", "multiUserAuthorization")
_DAYS = 14
_ONLY_BACKUP_VAULTS = ("datastore_type", "undelete")


def dig(wire: Wire | None, *path: str) -> Any:
    """Give what lies at a path, None where there is nothing."""
    value: Any = wire
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(wire: Wire, path: tuple[str, ...], value: Any) -> None:
    """Lay a value at a path, making the objects on the way."""
    for key in path[:-1]:
        wire[key] = wire.get(key) or {}
        wire = wire[key]
    wire[path[-1]] = value


def check_options(options: dict[str, Any]) -> None:
    """Refuse what only Backup vaults have. Raises BadInput with every mistake."""
    problems = [f"{option}: not supported by a Recovery Services vault" for option in _ONLY_BACKUP_VAULTS if options[option]]
    if problems:
        raise BadInput("; ".join(problems))


def tells_soft_delete(wire: Wire) -> bool:
    """Tell whether a vault says itself how its soft delete is."""
    return bool(dig(wire, *_SOFT_DELETE_PATH))


def complete_soft_delete(wire: Wire, config: Wire | None) -> None:
    """Lay the settings of soft delete of a vault's configuration into a vault that does not say them."""
    properties = (config or {}).get("properties") or {}
    if properties.get("softDeleteFeatureState"):
        put(wire, _SOFT_DELETE_PATH, _settings_of(properties))


def _settings_of(properties: Wire) -> Wire:
    """Give settings of soft delete as a vault has them, from those of its configuration."""
    names = {
        "softDeleteState": "softDeleteFeatureState",
        "softDeleteRetentionPeriodInDays": "softDeleteRetentionPeriodInDays",
        "enhancedSecurityState": "enhancedSecurityState",
    }
    return {name: properties[other] for name, other in names.items() if properties.get(other) is not None}


def soft_delete_of_vault(change: Wire) -> Wire:
    """Build the PATCH of a vault that does what a PATCH of its configuration was to do."""
    body: Wire = {}
    put(body, _SOFT_DELETE_PATH, _settings_of(change["properties"]))
    return body


def soft_delete_of(wire: Wire | None) -> dict[str, Any]:
    """Give how soft delete of a vault is, as results show it."""
    settings = dig(wire, "properties", "securitySettings", "softDeleteSettings") or {}
    days = settings.get("softDeleteRetentionPeriodInDays")
    # A vault that was made a moment ago does not say it yet; new vaults have it on.
    state = _SOFT_DELETE.get(normalize(settings.get("softDeleteState") or "Enabled"), settings.get("softDeleteState"))
    return {"state": state, "retention_duration_in_days": int(days) if days else _DAYS}


def check_new_name(name: str) -> None:
    """Refuse a name that no new vault can have (azurerm's pattern). Raises BadInput."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"vault_name: '{name}' is not a valid name for a Recovery Services vault: 2 to 50 letters, digits and hyphens, a "
            "letter first"
        )


def new_vault(options: dict[str, Any]) -> Wire:
    """Build the body of a new vault's PUT: what can only be said when it is made, and its first settings."""
    body: Wire = {
        "location": normalize(options["location"]),
        "sku": {"name": options["sku"] or "Standard"},
        "identity": {"type": "SystemAssigned"},
        "properties": {"publicNetworkAccess": options["public_network_access"] or "Enabled"},
    }
    if options["identity"]:
        body["identity"] = merge_identity(body["identity"], options["identity"])
    if options["tags"] is not None:
        body["tags"] = merge_tags({}, options["tags"])
    return body


def changes(current: Wire, options: dict[str, Any]) -> Wire:
    """Build the body of the PATCH that makes a vault what the options say; empty where nothing is to be changed.

    What is not mentioned stays. Soft delete has a resource of its own (soft_delete_change).
    """
    properties: Wire = {}
    for option, path in _WORDS.items():
        if options[option] and normalize(options[option]) != normalize(dig(current, "properties", *path) or _UNSAID.get(option)):
            put(properties, path, options[option])
    if "redundancySettings" in properties:
        # They are written together, as recorded.
        properties["redundancySettings"] = {
            **(dig(current, "properties", "redundancySettings") or {}),
            **properties["redundancySettings"],
        }
    if "monitoringSettings" in properties:
        present = dig(current, "properties", "monitoringSettings") or {}
        alerts = {
            **(present.get("azureMonitorAlertSettings") or {}),
            **properties["monitoringSettings"]["azureMonitorAlertSettings"],
        }
        properties["monitoringSettings"] = {**present, "azureMonitorAlertSettings": alerts}
    present_identity = identity = current.get("identity") or {}
    body: Wire = {}
    if options["identity"]:
        identity = merge_identity(present_identity, options["identity"])
        if identity != present_identity:
            body["identity"] = _identity_change(present_identity, identity)
    encryption = _encryption_change(current, identity, options["encryption_settings"])
    if encryption:
        properties["encryption"] = encryption
    if properties:
        body["properties"] = properties
    if options["tags"] is not None:
        present_tags = current.get("tags") or {}
        tags = merge_tags(present_tags if options["append_tags"] else {}, options["tags"])
        if tags != present_tags:
            body["tags"] = tags
    return body


_UNSAID = {"immutability_state": "Disabled"}


def _encryption_change(current: Wire, identity: Wire, wanted: dict[str, Any] | None) -> Wire | None:
    """Give encryption by a key of the customer's own as a PATCH takes it (recorded: backup_encryption); None for no change.

    identity: of the vault as it is to be. Raises BadInput.
    """
    present = _describe_encryption(dig(current, "properties", "encryption"))
    check_keeps_reader(present, current.get("identity") or {}, identity)
    if wanted is None:
        return None
    encryption = merge_encryption(present, wanted)
    check_key_identity(encryption, identity)
    if _lowered(encryption) == _lowered(present):
        return None
    change: Wire = {"keyVaultProperties": {"keyUri": encryption["key_uri"]}, "kekIdentity": {"useSystemAssignedIdentity": True}}
    if encryption["identity_id"]:
        change["kekIdentity"] = {"userAssignedIdentity": encryption["identity_id"]}
    if present is None:
        change["infrastructureEncryption"] = encryption["infrastructure_encryption"] or "Disabled"
    return change


def _lowered(encryption: dict[str, Any] | None) -> dict[str, str] | None:
    if encryption is None:
        return None
    shown = {**encryption, "infrastructure_encryption": encryption["infrastructure_encryption"] or "Disabled"}
    return {name: str(value).lower() for name, value in shown.items()}


def _describe_encryption(wire: Wire | None) -> dict[str, Any] | None:
    """Give encryption as results show it; None for Microsoft's key."""
    key_uri = dig(wire, "keyVaultProperties", "keyUri")
    if not key_uri:
        return None
    identity_id = dig(wire, "kekIdentity", "userAssignedIdentity")
    return {
        "key_uri": key_uri,
        "identity_type": "UserAssigned" if identity_id else "SystemAssigned",
        "identity_id": identity_id or None,
        "infrastructure_encryption": dig(wire, "infrastructureEncryption"),
    }


def _identity_change(present: Wire, wanted: Wire) -> Wire:
    """Give an identity as a PATCH takes it: identities that are there are left out, those to go are null (recorded)."""
    before = {name.lower(): name for name in present.get("userAssignedIdentities") or {}}
    after = {name.lower(): name for name in wanted.get("userAssignedIdentities") or {}}
    named: dict[str, Wire | None] = {name: {} for key, name in after.items() if key not in before}
    if "UserAssigned" in kinds_of(wanted):
        named |= {name: None for key, name in before.items() if key not in after}
    return {"type": wanted["type"], **({"userAssignedIdentities": named} if named else {})}


def steps(current: Wire, options: dict[str, Any]) -> list[Wire]:
    """Build the bodies of the PATCHes that make a vault what the options say, one after the other.

    Azure locks immutability only where it is Unlocked, of a new vault as well (azurerm's source, public reports).
    """
    change = changes(current, options)
    if "identity" in change and "encryption" in (change.get("properties") or {}):
        # The identity has to be there before it reads the key: recorded as two changes. What is permanent comes last.
        return [{"identity": change.pop("identity")}, *_unlocked_first(current, change)]
    return _unlocked_first(current, change)


def _unlocked_first(current: Wire, change: Wire) -> list[Wire]:
    """Give a change as two where it locks immutability that is not on yet."""
    path = _WORDS["immutability_state"]
    present = normalize(dig(current, "properties", *path) or _UNSAID["immutability_state"])
    if normalize(dig(change, "properties", *path)) != "locked" or present != "disabled":
        return [change] if change else []
    unlocked = copy.deepcopy(change)
    put(unlocked, ("properties", *path), "Unlocked")
    locked: Wire = {}
    put(locked, ("properties", *path), "Locked")
    return [unlocked, locked]


def wanted_soft_delete(current: Wire | None, options: dict[str, Any]) -> dict[str, Any]:
    """Give how soft delete of a vault is to be: as the options say, and as it is where they do not say it."""
    wanted = {name: value for name, value in (options["soft_delete"] or {}).items() if value is not None}
    return {**soft_delete_of(current), **wanted}


def soft_delete_change(current: Wire | None, wanted: dict[str, Any]) -> Wire | None:
    """Build the body that makes soft delete what is wanted (wanted_soft_delete); None where it is so already."""
    present = soft_delete_of(current)
    state, days = wanted["state"], wanted["retention_duration_in_days"]
    if normalize(state) == normalize(present["state"]) and days == present["retention_duration_in_days"]:
        return None
    enhanced = dig(current, "properties", "securitySettings", "softDeleteSettings", "enhancedSecurityState") or "Enabled"
    return {
        "properties": {
            "enhancedSecurityState": enhanced,
            "softDeleteFeatureState": _SOFT_DELETE_WORDS[state],
            "softDeleteRetentionPeriodInDays": days,
        }
    }


def planned(current: Wire | None, options: dict[str, Any], vault: ResourceId) -> Wire:
    """Give the vault as it will be: the wire form that describe() understands."""
    wire: Wire = current or {
        **new_vault(options),
        "id": f"{vault.group_id}/providers/Microsoft.RecoveryServices/vaults/{vault.name}",
        "name": vault.name,
    }
    properties = {**(wire.get("properties") or {})}
    if current is None:
        # What Azure makes of a vault of which nothing is said (recorded).
        properties.setdefault(
            "redundancySettings", {"standardTierStorageRedundancy": "GeoRedundant", "crossRegionRestore": "Disabled"}
        )
        properties["restoreSettings"] = {"crossSubscriptionRestoreSettings": {"crossSubscriptionRestoreState": "Enabled"}}
        properties["monitoringSettings"] = {"azureMonitorAlertSettings": {"alertsForAllJobFailures": "Enabled"}}
    wire = {**wire, "properties": properties}
    change = changes(wire, options)
    for key, value in (change.get("properties") or {}).items():
        properties[key] = {**(properties.get(key) or {}), **value} if isinstance(value, dict) else value
    if change.get("identity"):
        wire["identity"] = merge_identity(wire.get("identity") or {}, options["identity"])
    if "tags" in change:
        wire["tags"] = change["tags"]
    soft_delete = soft_delete_change(current, wanted_soft_delete(current, options))
    if soft_delete:
        settings = soft_delete["properties"]
        security = {**(properties.get("securitySettings") or {})}
        security["softDeleteSettings"] = {
            "softDeleteState": settings["softDeleteFeatureState"],
            "softDeleteRetentionPeriodInDays": settings["softDeleteRetentionPeriodInDays"],
        }
        properties["securitySettings"] = security
    return wire


def check_change(current: Wire, options: dict[str, Any], protects_something: Callable[[], bool]) -> None:
    """Refuse what Azure cannot change or undo. Raises BadInput with every mistake.

    protects_something: asked only where the answer counts.
    """
    view = describe(current)
    problems = [
        f"{option}: a vault's {option} cannot be changed after creation; it is {view[option]}, not {options[option]}"
        for option in ("location", "sku")
        if options[option] and normalize(options[option]) != normalize(view[option])
    ]
    problems += [
        f"{option}: it can be changed only while the vault protects nothing; it is {view[option]}, not {options[option]}"
        for option in ("redundancy", "cross_region_restore_state")
        if options[option]
        and normalize(options[option]) != normalize(view[option])
        and protects_something()
        # What a geo-redundant vault protects does not keep it from restoring across regions (recorded: backup_crr).
        and not (option == "cross_region_restore_state" and normalize(options[option]) == "enabled")
    ]
    wanted = normalize((options["soft_delete"] or {}).get("state") or "AlwaysOn")
    if view["soft_delete"]["state"] == "AlwaysOn" and wanted != "alwayson":
        problems.append("soft_delete.state: AlwaysOn is permanent; this vault's soft delete can no longer be changed")
    final = {"immutability_state": "Locked", "cross_subscription_restore_state": "PermanentlyDisabled"}
    problems += [
        f"{option}: {value} is permanent; this vault's setting can no longer be changed"
        for option, value in final.items()
        if normalize(view[option]) == normalize(value) and options[option] and normalize(options[option]) != normalize(value)
    ]
    asked = options["encryption_settings"] or {}
    encryption = view["encryption_settings"]
    infrastructure = asked.get("infrastructure_encryption")
    if (
        encryption
        and infrastructure
        and normalize(infrastructure) != normalize(encryption["infrastructure_encryption"] or "Disabled")
    ):
        problems.append("encryption_settings.infrastructure_encryption: it can be set only together with the vault's first key")
    if any(asked.values()) and encryption is None and protects_something():
        # Microsoft's article on encryption with customer-managed keys.
        problems.append(
            "encryption_settings: a vault takes its first customer-managed key only before it protects anything; use a new vault"
        )
    if problems:
        raise BadInput("; ".join(problems))


def is_guarded(wire: Wire | None) -> bool:
    """Tell whether a vault says that it is mapped to a resource guard."""
    return bool(normalize(dig(wire, *_MULTI_USER)) == "enabled")


def modifies_encryption(change: Wire) -> bool:
    """Tell whether a change modifies the encryption of a vault."""
    return bool(dig(change, "properties", "encryption"))


def reduces_immutability(current: Wire | None, change: Wire) -> bool:
    """Tell whether a change makes an immutable vault mutable again."""
    path = ("properties", "securitySettings", "immutabilitySettings", "state")
    return normalize(dig(current, *path)) == "unlocked" and normalize(dig(change, *path)) == "disabled"


def approved(change: Wire, guard_requests: list[str]) -> Wire:
    """Give a change with the requests by which a resource guard approves it (recorded: backup_rg_mapping)."""
    if not guard_requests:
        return change
    return {**change, "properties": {**change["properties"], "resourceGuardOperationRequests": guard_requests}}


def describe_listed(wire: Wire) -> dict[str, Any]:
    """Give a vault of a list, which tells nothing of its security (recorded: backup_vault), as results show it."""
    described = describe(wire)
    if "securitySettings" in (wire.get("properties") or {}):
        return described
    unknown = {"state": None, "retention_duration_in_days": None}
    return {**described, "soft_delete": unknown, "immutability_state": None, "is_protected_by_resource_guard": None}


def describe(wire: Wire) -> dict[str, Any]:
    """Give a vault as results show it; values that only the service makes are None in a prediction."""
    identity = wire.get("identity") or {}
    vault = parse_resource_id(wire["id"], "id")
    words = {option: dig(wire, "properties", *path) or _UNSAID.get(option) for option, path in _WORDS.items()}
    return shape(
        "vault",
        id=f"{vault.group_id}/providers/Microsoft.RecoveryServices/vaults/{vault.name}",
        name=wire.get("name") or vault.name,
        subscription_id=vault.subscription_id,
        resource_group=vault.resource_group,
        vault_type="recovery_services",
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
        sku=dig(wire, "sku", "name"),
        soft_delete=soft_delete_of(wire),
        encryption_settings=_describe_encryption(dig(wire, "properties", "encryption")),
        **words,
        is_protected_by_resource_guard=is_guarded(wire),
        secure_score=dig(wire, "properties", "secureScore"),
        security_level=dig(wire, "properties", "bcdrSecurityLevel"),
        provisioning_state=dig(wire, "properties", "provisioningState"),
    )
