# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Encryption of a vault with a customer-managed key: the option, and the identity that reads the key. Pure."""

from __future__ import annotations

import re
from typing import Any

from ..errors import BadInput
from .managed_identities import kinds_of
from .result_shapes import Described, Wire

_KEY_URI = re.compile(r"https://[^/\s?#]+/keys/[^/\s?#]+(/[^/\s?#]+)?", re.IGNORECASE)


def merge_encryption(present: Described | None, wanted: dict[str, Any]) -> Described:
    """Give encryption_settings, as results show them, as they are to be: what is not mentioned stays.

    present: None for Microsoft's key; wanted: the option. Raises BadInput.
    """
    merged: Described = {"key_uri": None, "identity_type": None, "identity_id": None, "infrastructure_encryption": None}
    merged |= present or {}
    if wanted["key_uri"]:
        if not _KEY_URI.fullmatch(wanted["key_uri"]):
            raise BadInput(
                f"encryption_settings.key_uri: '{wanted['key_uri']}' is not the URI of a key, such as "
                "https://<vault>.vault.azure.net/keys/<key> or https://<hsm>.managedhsm.azure.net/keys/<key>"
            )
        merged["key_uri"] = wanted["key_uri"]
    if wanted["identity_type"] or wanted["identity_id"]:
        kind = wanted["identity_type"] or "UserAssigned"
        if kind == "UserAssigned" and not wanted["identity_id"]:
            raise BadInput("encryption_settings.identity_id: not set; identity_type: UserAssigned requires it")
        if kind == "SystemAssigned" and wanted["identity_id"]:
            raise BadInput("encryption_settings.identity_id: identity_type: SystemAssigned does not use it; remove one of them")
        merged["identity_type"] = kind
        merged["identity_id"] = wanted["identity_id"]
    if wanted["infrastructure_encryption"]:
        merged["infrastructure_encryption"] = wanted["infrastructure_encryption"]
    missing = [name for name in ("key_uri", "identity_type") if not merged[name]]
    if missing:
        options = ", ".join(f"encryption_settings.{name}" for name in missing)
        raise BadInput(f"{options}: not set; encryption with a customer-managed key needs the key and an identity to read it")
    return merged


def check_key_identity(encryption: Described, identity: Wire) -> None:
    """Refuse a key that is to be read by an identity which the vault does not have. Raises BadInput.

    identity: of the vault as it is to be.
    """
    if _has_reader(encryption, identity):
        return
    if encryption["identity_id"]:
        raise BadInput(
            f"encryption_settings.identity_id: the vault does not have the identity {encryption['identity_id']}; "
            "name it in identity.user_assigned_identities as well"
        )
    raise BadInput("encryption_settings.identity_type: the vault has no system-assigned identity; give it one with identity.type")


def check_keeps_reader(encryption: Described | None, before: Wire, after: Wire) -> None:
    """Refuse to take the identity away that reads the vault's key; before, after: the vault's identity. Raises BadInput."""
    if encryption and _has_reader(encryption, before) and not _has_reader(encryption, after):
        reader = encryption["identity_id"] or "its system-assigned identity"
        raise BadInput(
            f"identity: the vault's key is read by {reader}, which this would take away; keep it, have another identity read the "
            "key with encryption_settings, and take it away in a later task"
        )


def _has_reader(encryption: Described, identity: Wire) -> bool:
    """Tell whether an identity has what reads a key."""
    if encryption["identity_id"]:
        return str(encryption["identity_id"]).lower() in [name.lower() for name in identity.get("userAssignedIdentities") or {}]
    return "SystemAssigned" in kinds_of(identity)
