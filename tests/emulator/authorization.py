# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Authorization: built-in roles and role assignments, which take time to be effective."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from .arm import ArmError, Call, Reply, Route, Wire, check_properties, page_of
from .clock import Clock, ticks
from .resources import ResourceGroups

ROLES = {
    "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24": (
        "Disk Backup Reader",
        "Provides permission to backup vault to perform disk backup.",
    ),
    "7efff54f-a5b4-42b5-a1c5-5411624893ce": (
        "Disk Snapshot Contributor",
        "Provides permission to backup vault to manage disk snapshots.",
    ),
    "b50d9833-a0cb-478e-945f-707fcc997c13": (
        "Disk Restore Operator",
        "Provides permission to backup vault to perform disk restore.",
    ),
    "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1": (
        "Storage Account Backup Contributor",
        "Lets you perform backup and restore operations using Azure Backup on the storage account.",
    ),
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": (
        "Storage Blob Data Contributor",
        "Allows for read, write and delete access to Azure Storage blob containers and data.",
    ),
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": ("Reader", "View all resources, but does not allow you to make any changes."),
    "b24988ac-6180-42a0-ab88-20f7382dd24c": ("Contributor", "Grants full access to manage all resources."),
}
_ASSIGNMENTS = "/providers/Microsoft.Authorization/roleAssignments"
# A new identity is not known to the directory's replicas for this long, unless principalType is sent.
_SECONDS_UNTIL_REPLICATED = 30.0
_FILTER = re.compile(r"^(atScope\(\)|principalId eq '(?P<principal>[^']+)')$", re.IGNORECASE)
_ROLE_NAME = re.compile(r"^roleName eq '(?P<name>[^']+)'$", re.IGNORECASE)


@dataclass
class Authorization:
    """Who holds which role where, and since when it counts.

    propagation_seconds: how long, in Azure's seconds, a new assignment is without effect.
    """

    clock: Clock
    groups: ResourceGroups
    propagation_seconds: float = 90.0
    assignments: dict[str, Wire] = field(default_factory=dict)
    effective: dict[str, datetime] = field(default_factory=dict)
    identities: dict[str, datetime] = field(default_factory=dict)

    def add_identity(self) -> str:
        """Make a managed identity and give its principal id."""
        principal_id = str(uuid.uuid4())
        self.identities[principal_id] = self.clock.now()
        return principal_id

    def plant(self, principal_id: str, role: str, scope: str) -> None:
        """Have an assignment there that is effective already."""
        name = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}|{role}|{principal_id}".lower()))
        key = f"{scope}{_ASSIGNMENTS}/{name}"
        subscription = scope.split("/")[2]
        definition = f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        wanted = {"roleDefinitionId": definition, "principalId": principal_id, "principalType": "ServicePrincipal"}
        self.assignments[key.lower()] = self._assignment(key, name, scope, wanted, "", None)
        self.effective[key.lower()] = self.clock.now()

    def _assignment(self, key: str, name: str, scope: str, wanted: Wire, caller: str, existing: Wire | None) -> Wire:
        """Give an assignment as it is read; existing: the one that it takes the place of."""
        now = ticks(self.clock.now())
        before = existing["properties"] if existing else {}
        return {
            "properties": {
                "roleDefinitionId": wanted["roleDefinitionId"],
                "principalId": wanted["principalId"],
                "principalType": wanted.get("principalType") or "ServicePrincipal",
                "scope": scope,
                "condition": wanted.get("condition"),
                "conditionVersion": wanted.get("conditionVersion"),
                "createdOn": before.get("createdOn", now),
                "updatedOn": now,
                "createdBy": before.get("createdBy", caller),
                "updatedBy": caller,
                "delegatedManagedIdentityResourceId": None,
                "description": wanted.get("description"),
            },
            "id": key,
            "type": "Microsoft.Authorization/roleAssignments",
            "name": name,
        }

    def holds(self, principal_id: str, role: str, scope: str) -> bool:
        """Tell whether a principal holds a role on a scope or above it, effectively."""
        return any(
            self.effective[key] <= self.clock.now() and self._reaches(assignment, scope)
            for key, assignment in self.assignments.items()
            if assignment["properties"]["principalId"] == principal_id
            and assignment["properties"]["roleDefinitionId"].lower().endswith(role)
        )

    @staticmethod
    def _reaches(assignment: Wire, scope: str) -> bool:
        own = assignment["properties"]["scope"].lower().rstrip("/")
        return (scope.lower() + "/").startswith(own + "/")

    def routes(self) -> list[Route]:
        """Give what is answered."""
        namespace = "Microsoft.Authorization"
        definitions = "/providers/Microsoft.Authorization/roleDefinitions"
        return [
            Route("GET", "{scope:path}" + _ASSIGNMENTS + "/{name}", self._read, namespace),
            Route("PUT", "{scope:path}" + _ASSIGNMENTS + "/{name}", self._write, namespace),
            Route("DELETE", "{scope:path}" + _ASSIGNMENTS + "/{name}", self._delete, namespace),
            Route("GET", "{scope:path}" + _ASSIGNMENTS, self._list, namespace),
            Route("GET", "{scope:path}" + definitions, self._list_definitions, namespace),
            Route("GET", "{scope:path}" + definitions + "/{name}", self._read_definition, namespace),
        ]

    def _read(self, call: Call) -> Reply:
        found = self.assignments.get(call.full_path.lower())
        if found is None:
            raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{call.path['name']}' is not found.")
        return Reply(200, found)

    def _write(self, call: Call) -> Reply:
        document = call.document()
        check_properties(document, {"properties", "id", "name", "type"}, "RoleAssignment")
        wanted = document.get("properties") or {}
        scope = call.path["scope"]
        parts = scope.strip("/").split("/")
        if len(parts) > 3:
            self.groups.find(parts[1], parts[3])
        definition, principal = str(wanted.get("roleDefinitionId", "")), str(wanted.get("principalId", ""))
        if definition.lower().rsplit("/", 1)[-1] not in ROLES:
            raise ArmError(400, "RoleDefinitionDoesNotExist", f"The specified role definition '{definition}' does not exist.")
        self._check_principal(principal, wanted.get("principalType"))
        key = call.full_path.lower()
        for other, assignment in self.assignments.items():
            present = assignment["properties"]
            if (
                other != key
                and present["principalId"] == principal
                and present["scope"].lower() == scope.lower()
                and present["roleDefinitionId"].lower() == definition.lower()
            ):
                raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")
        existing = self.assignments.get(key)
        name = call.path["name"]
        self.assignments[key] = self._assignment(call.full_path, name, scope, wanted, call.principal_id, existing)
        if existing is None:
            self.effective[key] = self.clock.now() + self.clock.lasting(self.propagation_seconds)
        # The answer to the PUT does not say yet who made it.
        answer = self.assignments[key]
        return Reply(201, {**answer, "properties": {**answer["properties"], "createdBy": None}})

    def _check_principal(self, principal: str, kind: object) -> None:
        born = self.identities.get(principal)
        young = born is not None and self.clock.now() < born + self.clock.lasting(_SECONDS_UNTIL_REPLICATED)
        if kind is None and (born is None or young):
            raise ArmError(
                400,
                "PrincipalNotFound",
                f"Principal {principal.replace('-', '')} does not exist in the directory. Check that you have the correct "
                "principal ID. If you are creating this principal and then immediately assigning a role, this error might be "
                "related to a replication delay. In this case, set the role assignment principalType property to a value, "
                "such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
            )

    def _delete(self, call: Call) -> Reply:
        found = self.assignments.pop(call.full_path.lower(), None)
        self.effective.pop(call.full_path.lower(), None)
        return Reply(200, found) if found else Reply(204)

    def _list(self, call: Call) -> Reply:
        match = _FILTER.match(call.query.get("$filter", "atScope()"))
        if match is None:
            raise ArmError(400, "UnsupportedQuery", "The filter is not supported.")
        scope = call.path["scope"]
        if match["principal"]:
            # At, above, or below the scope.
            begin = scope.lower().rstrip("/") + "/"
            mine = [one for one in self.assignments.values() if one["properties"]["principalId"] == match["principal"]]
            found = [one for one in mine if self._reaches(one, scope) or one["properties"]["scope"].lower().startswith(begin)]
        else:
            found = [assignment for assignment in self.assignments.values() if self._reaches(assignment, scope)]
        return page_of(call, found, self.groups.page_size)

    @staticmethod
    def _definition(guid: str, subscription: str) -> Wire:
        name, description = ROLES[guid]
        return {
            "properties": {
                "roleName": name,
                "type": "BuiltInRole",
                "description": description,
                "assignableScopes": ["/"],
                "permissions": [{"actions": ["*/read"], "notActions": [], "dataActions": [], "notDataActions": []}],
                "createdOn": "2020-12-15T07:39:03.8394514Z",
                "updatedOn": "2021-11-11T20:14:56.0178737Z",
                "createdBy": None,
                "updatedBy": None,
            },
            "id": f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{guid}",
            "type": "Microsoft.Authorization/roleDefinitions",
            "name": guid,
        }

    def _list_definitions(self, call: Call) -> Reply:
        subscription = call.path["scope"].strip("/").split("/")[1]
        match = _ROLE_NAME.match(call.query.get("$filter", ""))
        wanted = match["name"].lower() if match else None
        found = [
            self._definition(guid, subscription) for guid, (name, _description) in ROLES.items() if wanted in (None, name.lower())
        ]
        return Reply(200, {"value": found})

    def _read_definition(self, call: Call) -> Reply:
        guid = call.path["name"].lower()
        if guid not in ROLES:
            raise ArmError(404, "RoleDefinitionDoesNotExist", f"The specified role definition '{guid}' does not exist.")
        return Reply(200, self._definition(guid, call.path["scope"].strip("/").split("/")[1]))
