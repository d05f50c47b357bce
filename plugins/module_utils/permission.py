# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles that a vault's identity needs on what it backs up: granted, reported, revoked."""

from __future__ import annotations

import contextlib
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .adapters import open_vault
from .addressing import read_existing_vault, read_group
from .azure.session import API_VERSIONS
from .batch import Datasource, ReadOnce, failed_item, item_diff, item_result, read_datasource_ids, settle_each, summarise
from .datasources import ON_DATASOURCE, DatasourceType, Role
from .errors import AzureBackupError, BadInput, Conflict, Denied, NotFound
from .module import Result, Task
from .resource_ids import ResourceId, parse_group_id, same_id
from .services import BackupService
from .shapes import Described

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


def snapshot_group(task: Task, datasource: ResourceId) -> ResourceId:
    """Read snapshot_resource_group, an id or a name, for a datasource: it must be in the datasource's subscription.

    The default is the datasource's own resource group. Raises BadInput.
    """
    value = task.options["snapshot_resource_group"]
    if not value:
        return parse_group_id(datasource.group_id, "snapshot_resource_group")
    if not str(value).startswith("/"):
        return parse_group_id(f"/subscriptions/{datasource.subscription_id}/resourceGroups/{value}", "snapshot_resource_group")
    group = parse_group_id(value, "snapshot_resource_group")
    if group.subscription_id.lower() != datasource.subscription_id.lower():
        raise BadInput(f"snapshot_resource_group: {group.text} is in a different subscription than {datasource.text}")
    return group


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


def needs_of(task: Task, row: DatasourceType, datasource: ResourceId) -> list[Need]:
    """Give the roles that backing up a datasource takes, with their scopes."""
    return [
        Need(role, datasource.text if role.scope == ON_DATASOURCE else snapshot_group(task, datasource).text)
        for role in row.roles
    ]


def assignment_name(need: Need, principal_id: str) -> str:
    """Give the name of the assignment that grants a need to a principal."""
    return str(uuid.uuid5(_NAMESPACE, f"{need.scope}|{need.role.definition}|{principal_id}".lower()))


class Grants:
    """Role assignments of one principal."""

    def __init__(self, task: Task, principal_id: str) -> None:
        self._task = task
        self._session = task.session
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
        name = assignment_name(need, self.principal_id)
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
        name = assignment_name(need, self.principal_id)
        return next((item for item in self._assignments_at(need.scope) if same_id(item.get("name"), name)), None)

    def revoke(self, need: Need) -> None:
        """Delete the assignment that this collection made."""
        self._session.send("DELETE", self._url(need), f"revoke {need.role.name} on {need.scope}", _API)


def ensure_permissions(task: Task) -> Result:
    """Grant, report or revoke what the vault's identity needs (module backup_permission)."""
    datasources = read_datasource_ids(task.options["datasource_id"])
    needs = {datasource.key: needs_of(task, row, datasource) for row, datasource in datasources}
    service = open_vault(task, datasources[0][0].vault_type)
    absent = task.options["state"] == "absent"
    vault = service.read_vault() if absent else read_existing_vault(task, service)
    principal = find_identity(vault, task.options["identity_id"], is_needed=not absent)[1] if vault else None
    if not absent:
        for scope in {need.scope for listed in needs.values() for need in listed if need.role.scope != ON_DATASOURCE}:
            read_group(task.session, scope, "snapshot_resource_group")
    grants = Grants(task, principal) if principal else None
    still_used = _scopes_still_used(task, service, [datasource for _row, datasource in datasources])

    def settle(need: Need) -> str:
        if absent:
            return _revoke(task, grants, need, still_used)
        return _grant(task, grants, need)

    if grants:
        grants.read_together([need for listed in needs.values() for need in listed])
    gone = {} if absent else _find_missing(task, datasources, needs, grants)
    # Many datasources share a snapshot resource group: each role on each scope is settled once.
    unique = list(dict.fromkeys(need for key, listed in needs.items() if key not in gone for need in listed))
    statuses = dict(zip(unique, settle_each(unique, task.accounting(settle), task.options["max_concurrency"]), strict=True))
    describe = _describe_revoked if absent else _describe_granted
    return summarise(
        [
            failed_item(datasource.text, gone[datasource.key])
            if datasource.key in gone
            else describe(datasource, needs[datasource.key], statuses)
            for _row, datasource in datasources
        ]
    )


def _find_missing(
    task: Task, datasources: list[Datasource], needs: dict[str, list[Need]], grants: Grants | None
) -> dict[str, AzureBackupError]:
    """Find the datasources that do not exist, of those that lack a role, before anything is granted for them.

    Who grants may not be allowed to read a datasource, which counts as there then.
    """

    def look(item: Datasource) -> bool:
        row, datasource = item
        if grants and all(grants.find(need) for need in needs[datasource.key]):
            return True
        try:
            return task.session.read(datasource.text, f"read {row.title} '{datasource.name}'", row.api_version) is not None
        except AzureBackupError:
            return True

    found = settle_each(datasources, look, task.options["max_concurrency"])
    return {
        datasource.key: NotFound(
            f"datasource_id: the {row.title} {datasource.text} does not exist, so no role was granted for it", status=404
        )
        for (row, datasource), is_there in zip(datasources, found, strict=True)
        if is_there is False
    }


def _scopes_still_used(task: Task, service: BackupService, leaving: list[ResourceId]) -> set[str]:
    """Give the snapshot resource groups that other datasources of the vault still need."""
    if task.options["state"] != "absent":
        return set()
    keys = {datasource.key for datasource in leaving}
    return {
        str(item["snapshot_resource_group_id"]).lower()
        for item in service.list_instances()
        if str(item["datasource_id"]).lower() not in keys and item["snapshot_resource_group_id"]
    }


def _grant(task: Task, grants: Grants | None, need: Need) -> str:
    if grants and grants.find(need):
        return "present"
    if task.check_mode or grants is None:
        return "missing"
    return "granted" if grants.grant(need) else "present"


def _revoke(task: Task, grants: Grants | None, need: Need, still_used: set[str]) -> str:
    if grants is None or not grants.find(need):
        return "absent"
    if not grants.find_own(need):
        return "foreign"
    if need.scope.lower() in still_used:
        return "kept"
    if not task.check_mode:
        grants.revoke(need)
    return "revoked"


Statuses = dict[Need, "str | AzureBackupError"]


def _roles(needs: list[Need], statuses: Statuses) -> list[dict[str, Any]]:
    """Give the roles of one datasource with their status. Raises what went wrong with one of them, with all the rest."""
    failures = {need: status for need in needs if isinstance(status := statuses[need], AzureBackupError)}
    roles = [
        {"role": need.role.name, "scope": need.scope, "status": "failed" if need in failures else statuses[need]}
        for need in needs
    ]
    for failure in failures.values():
        changed = any(role["status"] in ("granted", "revoked") for role in roles)
        changed = changed or any(one.details.get("changed") for one in failures.values())
        # Several datasources may share the role, so the error itself stays as it is.
        raise AzureBackupError(
            failure.message,
            code=failure.code or type(failure).__name__,
            status=failure.status,
            request_id=failure.request_id,
            recommended_action=failure.recommended_action,
            details={"roles": roles, "changed": changed},
        )
    return roles


def _diff(datasource: ResourceId, roles: list[dict[str, Any]]) -> Result:
    """Give which roles were held before and are held after."""
    gained, lost = ("granted", "missing"), ("revoked",)
    held = [role for role in roles if role["status"] != "absent"]
    listed = [(f"{role['role']} on {role['scope']}", role["status"]) for role in held]
    before = {"roles": [name for name, status in listed if status not in gained]}
    after = {"roles": [name for name, status in listed if status not in lost]}
    return item_diff(datasource.text, before, after)


def _describe_granted(datasource: ResourceId, needs: list[Need], statuses: Statuses) -> Result:
    try:
        roles = _roles(needs, statuses)
    except AzureBackupError as error:
        return failed_item(datasource.text, error)
    new = [role for role in roles if role["status"] != "present"]
    if not new:
        names = " and ".join(need.role.name for need in needs)
        return item_result(
            datasource.text,
            False,
            "none",
            f"already in place: {names}" if names else "no role is needed",
            roles=roles,
            diff=_diff(datasource, roles),
        )
    listed = ", ".join(f"{role['role']} on {role['scope']}" for role in new)
    return item_result(
        datasource.text, True, "grant", f"{new[0]['status']}: {listed}", roles=roles, diff=_diff(datasource, roles)
    )


def _describe_revoked(datasource: ResourceId, needs: list[Need], statuses: Statuses) -> Result:
    try:
        roles = _roles(needs, statuses)
    except AzureBackupError as error:
        return failed_item(datasource.text, error)
    revoked = [f"{role['role']} on {role['scope']}" for role in roles if role["status"] == "revoked"]
    message = f"revoked: {', '.join(revoked)}" if revoked else "no roles granted by this collection are left"
    kept = [str(role["scope"]) for role in roles if role["status"] == "kept"]
    if kept:
        message += f"; kept on {', '.join(kept)}, which other datasources of the vault still use"
    return item_result(
        datasource.text, bool(revoked), "revoke" if revoked else "none", message, roles=roles, diff=_diff(datasource, roles)
    )
