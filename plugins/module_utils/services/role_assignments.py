# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Role assignments of a principal: which are needed, there, granted or revoked."""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..azure.session import API_VERSIONS, Session
from ..concurrency import ReadOnce
from ..errors import BadInput, Conflict, Denied
from ..model.datasource_types import Role
from ..model.resource_ids import same_id
from ..model.result_shapes import Described

# Assignments made here always get the same name, so that a second grant is the first one again and revoking finds it.
_NAMESPACE = uuid.UUID("6f1f4c0e-2d0b-5d5e-9c53-8a5f8f0a5b11")
_API = API_VERSIONS["Microsoft.Authorization"]
# From so many scopes of a subscription on, one list of it takes the place of a list for each.
_READ_ONE_BY_ONE = 8


@dataclass(frozen=True)
class Need:
    """One role on one scope (an ARM id)."""

    role: Role
    scope: str


def find_identity(vault: Described, identity_id: str | None, is_needed: bool = True) -> tuple[str | None, str | None]:
    """Find the identity of a vault that Azure Backup acts with: its ARM id, None for the system-assigned one, and its principal.

    identity_id: a user-assigned one; the default is the system-assigned one, or the only one that there is.
    Raises BadInput where there is none, or none can be chosen, and is_needed.
    """
    identity = vault["identity"]
    assigned = {name.lower(): (name, made["principal_id"]) for name, made in identity["user_assigned_identities"].items()}
    if identity_id:
        if identity_id.lower() not in assigned:
            raise BadInput(f"identity_id: vault '{vault['name']}' does not have the identity {identity_id}")
        return assigned[identity_id.lower()]
    if identity["principal_id"]:
        return None, identity["principal_id"]
    if len(assigned) == 1:
        return next(iter(assigned.values()))
    if not is_needed:
        return None, None
    if assigned:
        raise BadInput(f"identity_id: vault '{vault['name']}' has several identities; set it to one of {', '.join(assigned)}")
    raise BadInput(
        f"vault_name, vault_id: vault '{vault['name']}' has no identity, so nothing can be granted to it; set "
        "identity.type: SystemAssigned with backup_vault"
    )


def assignment_name(need: Need, principal_id: str, mark: str = "") -> str:
    """Give the name of the assignment that grants a need to a principal; mark: of whoever wants to know its own again."""
    return str(uuid.uuid5(_NAMESPACE, f"{need.scope}|{need.role.definition}|{principal_id}{f'|{mark}' if mark else ''}".lower()))


class Grants:
    """Role assignments of one principal; mark: those that are granted have names by it, and no others are revoked."""

    def __init__(self, session: Session, principal_id: str, mark: str = "") -> None:
        self._session = session
        self._mark = mark
        self.principal_id = principal_id
        # Many datasources share a snapshot resource group: it is read once.
        self._read_at = ReadOnce(self._list_at)
        # By lower-cased subscription: what there is anywhere in it, by lower-cased scopes.
        self._whole: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def read_together(self, needs: Sequence[Need]) -> None:
        """Read the assignments of many scopes by one list of their subscription, where the caller may read that."""
        scopes = {need.scope.lower() for need in needs}
        counts = Counter(scope.split("/")[2] for scope in scopes)
        for subscription in sorted(name for name, count in counts.items() if count > _READ_ONE_BY_ONE):
            # Rights on resource groups alone are enough; they cost a list for each scope.
            with contextlib.suppress(Denied):
                whole: dict[str, list[dict[str, Any]]] = {}
                for item in self._list(f"/subscriptions/{subscription}", f"principalId eq '{self.principal_id}'"):
                    whole.setdefault(str(item["properties"].get("scope")).lower().rstrip("/"), []).append(item)
                self._whole[subscription] = whole

    def _list(self, scope: str, condition: str) -> list[dict[str, Any]]:
        listed = self._session.read_all(
            f"{scope}/providers/Microsoft.Authorization/roleAssignments",
            f"read the role assignments on {scope}",
            _API,
            **{"$filter": condition},
        )
        # atScope() gives those of everybody.
        return [item for item in listed if same_id((item.get("properties") or {}).get("principalId"), self.principal_id)]

    def _list_at(self, scope: str) -> list[dict[str, Any]]:
        return self._list(scope, "atScope()")

    def _assignments_at(self, scope: str) -> list[dict[str, Any]]:
        """Give the assignments on a scope, own and inherited."""
        whole = self._whole.get(scope.lower().split("/")[2])
        if whole is None:
            found: list[dict[str, Any]] = self._read_at(scope)
            return found
        parts = scope.lower().split("/")
        above = {"/".join(parts[: count + 1]) for count in range(len(parts))}
        # What is above subscriptions is above this one.
        above |= {own for own in whole if not own.startswith("/subscriptions/")}
        return [item for own in above for item in whole.get(own, ())]

    def find(self, need: Need) -> dict[str, Any] | None:
        """Find an assignment, own or inherited, that fills a need."""
        for item in self._assignments_at(need.scope):
            if str(item["properties"].get("roleDefinitionId", "")).lower().endswith(need.role.definition):
                return item
        return None

    def _url(self, need: Need) -> str:
        name = assignment_name(need, self.principal_id, self._mark)
        return f"{need.scope}/providers/Microsoft.Authorization/roleAssignments/{name}"

    def grant(self, need: Need) -> bool:
        """Assign the role; tells whether it was not there, as one under another name is as good."""
        subscription = need.scope.split("/")[2]
        definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{need.role.definition}"
        # principalType spares a look-up that fails for an identity made a moment ago.
        body = {
            "properties": {
                "roleDefinitionId": definition,
                "principalId": self.principal_id,
                "principalType": "ServicePrincipal",
            }
        }
        try:
            self._session.send("PUT", self._url(need), f"grant {need.role.name} on {need.scope}", _API, body=body)
        except Conflict as error:
            if error.code != "RoleAssignmentExists":
                raise
            return False
        return True

    def find_own(self, need: Need) -> dict[str, Any] | None:
        """Find the assignment that this collection made for a need."""
        name = assignment_name(need, self.principal_id, self._mark)
        return next((item for item in self._assignments_at(need.scope) if same_id(item.get("name"), name)), None)

    def revoke(self, need: Need) -> None:
        """Delete the assignment that this collection made."""
        self._session.send("DELETE", self._url(need), f"revoke {need.role.name} on {need.scope}", _API)


# By need: how it was met, or the AzureBackupError that prevented it.
Statuses = dict[Need, Any]
