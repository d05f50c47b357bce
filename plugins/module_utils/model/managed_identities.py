# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Managed identities of Azure resources. Pure."""

from __future__ import annotations

from typing import Any

from ..errors import BadInput
from .resource_ids import parse_resource_id
from .result_shapes import Wire

_IDENTITY_KINDS = ("SystemAssigned", "UserAssigned")
_USER_IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities"


def kinds_of(identity: Wire) -> list[str]:
    """Give the kinds of an identity, in Azure's spelling."""
    kinds = [kind.strip() for kind in str(identity.get("type") or "None").split(",")]
    return [name for name in _IDENTITY_KINDS if name.lower() in [kind.lower() for kind in kinds]]


def writable_identity(present: Wire) -> Wire:
    """Give an identity as a client may write it, without the ids that only the service makes."""
    names = present.get("userAssignedIdentities")
    kept: Wire = {"type": present.get("type") or "None"}
    return {**kept, "userAssignedIdentities": {name: {} for name in names}} if names else kept


def merge_identity(present: Wire, wanted: dict[str, Any]) -> Wire:
    """Give the identity to send.

    User-assigned ones are a list as a whole; where it is not given they stay, also beside another type. Raises BadInput.
    """
    names: list[str] = list(present.get("userAssignedIdentities") or {})
    kinds = kinds_of(present)
    if wanted["type"]:
        kept = ["UserAssigned"] if names and wanted["type"] != "None" else []
        kinds = [*kinds_of({"type": wanted["type"]}), *kept]
    if wanted["user_assigned_identities"] is not None:
        spelling = {name.lower(): name for name in names}
        names = [
            spelling.get(given.lower(), given)
            for given in (
                parse_resource_id(text, "identity.user_assigned_identities", _USER_IDENTITY).text
                for text in wanted["user_assigned_identities"]
            )
        ]
        kinds = [kind for kind in kinds if kind != "UserAssigned"] + (["UserAssigned"] if names else [])
    if "UserAssigned" in kinds and not names:
        raise BadInput("identity.user_assigned_identities: not set; an identity of type UserAssigned needs at least one")
    merged: Wire = {"type": ",".join(kind for kind in _IDENTITY_KINDS if kind in kinds) or "None"}
    if "UserAssigned" in kinds:
        merged["userAssignedIdentities"] = {name: {} for name in names}
    same = kinds_of(present) == kinds_of(merged) and set(present.get("userAssignedIdentities") or {}) == set(
        merged.get("userAssignedIdentities") or {}
    )
    return present if same and present else merged
