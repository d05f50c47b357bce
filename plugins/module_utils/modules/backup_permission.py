# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The roles that a vault's identity needs on what it backs up: granted, reported, revoked."""

from __future__ import annotations

from typing import Any

from ..concurrency import settle_each
from ..errors import AzureBackupError, BadInput, NotFound
from ..jobs.wait import is_running
from ..model.datasource_types import (
    ON_DATASOURCE,
    ON_SNAPSHOT_RESOURCE_GROUP,
    ON_STAGING_STORAGE_ACCOUNT,
    ON_TARGET_RESOURCE_GROUP,
    ON_TARGET_STORAGE_ACCOUNT,
    DatasourceType,
)
from ..model.resource_ids import ResourceId, parse_group, parse_resource_id
from ..model.result_shapes import Described
from ..services.datasource_kinds import read_datasource
from ..services.interface import BackupService, JobQuery
from ..services.named_vaults import read_group
from ..services.registry import open_secondary_region
from ..services.role_assignments import Grants, Need, Statuses, find_identity
from ..services.selection import choose_protectable
from .open_vaults import open_existing_vault, open_vault
from .results import Datasource, failed_item, item_diff, item_result, problems_of_vault_types, read_datasource_ids, summarise
from .select_option import choose_in_vault, nothing_selected, read_select, warn_of_unreadable, with_selection
from .task import Result, Task
from .vault_options import read_existing_vault

# Stands for the staging account of a running restore that does not tell it yet.
_ANY_ACCOUNT = "*"


def snapshot_group(task: Task, datasource: ResourceId) -> ResourceId:
    """Read snapshot_resource_group, an id or a name, for a datasource: it must be in the datasource's subscription.

    The default is the datasource's own resource group. Raises BadInput.
    """
    value = str(task.options["snapshot_resource_group"] or datasource.resource_group)
    group = parse_group(value, "snapshot_resource_group", datasource.subscription_id)
    if group.subscription_id.lower() != datasource.subscription_id.lower():
        raise BadInput(f"snapshot_resource_group: {group.text} is in a different subscription than {datasource.text}")
    return group


def needs_of(task: Task, datasource_type: DatasourceType, datasource: ResourceId) -> list[Need]:
    """Give the roles that backing a datasource up or restoring it takes, with their scopes. Raises BadInput."""
    if task.options["operation"] == "restore":
        return [Need(role, _target_scope(task, role.scope, datasource)) for role in datasource_type.restore_roles]
    return [
        Need(role, datasource.text if role.scope == ON_DATASOURCE else snapshot_group(task, datasource).text)
        for role in datasource_type.roles
    ]


def _target_scope(task: Task, where: str, datasource: ResourceId) -> str:
    """Give the scope of a role for restores, which is where the task restores to. Raises BadInput."""
    target = task.options["target"] or {}
    option = where.rpartition(".")[2]
    value = target.get(option)
    if not value:
        raise BadInput(f"{where}: not set; to restore '{datasource.name}', the vault's identity needs a role there")
    if where in (ON_TARGET_STORAGE_ACCOUNT, ON_STAGING_STORAGE_ACCOUNT):
        return parse_resource_id(value, where, "Microsoft.Storage/storageAccounts").text
    return parse_group(str(value), where, datasource.subscription_id).text


def _check_operation(options: dict[str, Any]) -> None:
    """Refuse options that do not go together. Raises BadInput."""
    if options["operation"] == "backup":
        if options["target"]:
            raise BadInput("target: only operation: restore needs roles on a target")
        return
    if options["snapshot_resource_group"]:
        raise BadInput("snapshot_resource_group: only operation: backup needs roles on it")


def ensure_permissions(task: Task) -> Result:
    """Grant, report or revoke what the vault's identity needs (module backup_permission)."""
    is_restore = task.options["operation"] == "restore"
    selection = read_select(task, is_protected=is_restore)
    _check_operation(task.options)
    if selection is None:
        return _ensure(task, read_datasource_ids(task.options["datasource_id"], task.options["datasource_type"]))
    if is_restore:
        # The roles are on the target; what is selected says which they are.
        service = open_existing_vault(task)
        selected = choose_in_vault(task, service, service.list_instances(), selection)
    else:
        problems = [
            one.replace("datasource_id:", "select.datasource_types:")
            for one in problems_of_vault_types(selection.datasource_types)
        ]
        if task.options["state"] == "absent":
            problems.append("select: state: absent revokes roles for backups; name the datasources in datasource_id")
        if problems:
            raise BadInput("; ".join(problems))
        selected = choose_protectable(task.session, selection)
        warn_of_unreadable(task, selected)
    if not selected.datasources:
        return nothing_selected(selected)
    return with_selection(_ensure(task, selected.datasources), selected)


def _ensure(task: Task, datasources: list[Datasource]) -> Result:
    """Grant, report or revoke what the vault's identity needs for datasources."""
    needs = {datasource.key: needs_of(task, datasource_type, datasource) for datasource_type, datasource in datasources}
    service = open_vault(task, datasources[0][0].vault_type)
    absent = task.options["state"] == "absent"
    vault = service.read_vault() if absent else read_existing_vault(task, service)
    principal = find_identity(vault, task.options["identity_id"], is_needed=not absent)[1] if vault else None
    if not absent:
        for scope, where in sorted({(need.scope, need.role.scope) for listed in needs.values() for need in listed}):
            if where in (ON_SNAPSHOT_RESOURCE_GROUP, ON_TARGET_RESOURCE_GROUP):
                read_group(task.session, scope, where)
    grants = Grants(task.session, principal) if principal else None
    still_used = _scopes_still_used(task, service, [datasource for _row, datasource in datasources])

    def settle(need: Need) -> str:
        if absent:
            return _revoke(task, grants, need, still_used)
        return _grant(task, grants, need)

    if grants:
        grants.read_together([need for listed in needs.values() for need in listed])
    # What is restored may be gone.
    gone = {} if absent or task.options["operation"] == "restore" else _find_missing(task, datasources, needs, grants)
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
        datasource_type, datasource = item
        if grants and all(grants.find(need) for need in needs[datasource.key]):
            return True
        try:
            return read_datasource(task.session, datasource_type, datasource) is not None
        except AzureBackupError:
            return True

    found = settle_each(datasources, look, task.options["max_concurrency"])
    return {
        datasource.key: NotFound(
            f"datasource_id: the {datasource_type.title} {datasource.text} does not exist, so no role was granted for it",
            status=404,
        )
        for (datasource_type, datasource), is_there in zip(datasources, found, strict=True)
        if is_there is False
    }


def _scopes_still_used(task: Task, service: BackupService, leaving: list[ResourceId]) -> set[str]:
    """Give the scopes on which the vault still needs its roles for what it protects."""
    if task.options["state"] != "absent":
        return set()
    if task.options["operation"] == "restore":
        # A target account may be backed up by the same vault, which takes the same role on it; and restores may still run.
        used = {str(item["datasource_id"]).lower() for item in service.list_instances()}
        jobs = _running_restores(task, service)
        places = {str(job["destination_id"]).lower() for job in jobs if job["destination_id"]}
        # Of a machine a job names the staging account, whose name no other account has, or nothing yet.
        staging = {str((job["restore"] or {}).get("staging_storage_account") or _ANY_ACCOUNT).lower() for job in jobs}
        return used | places | {place.split("/providers/")[0] for place in places} | staging
    keys = {datasource.key for datasource in leaving}
    return {
        str(item["snapshot_resource_group_id"]).lower()
        for item in service.list_instances()
        if str(item["datasource_id"]).lower() not in keys and item["snapshot_resource_group_id"]
    }


def _running_restores(task: Task, service: BackupService) -> list[Described]:
    """Read the restores of a vault that are not over, also those in its secondary region."""
    regions = [service]
    vault = service.read_vault()
    if vault and vault["vault_type"] == "recovery_services" and vault["cross_region_restore_state"] == "Enabled":
        secondary = open_secondary_region(task.session, service.vault, None)
        secondary.read_vault()
        regions.append(secondary)
    return [
        region.read_job(job["id"]) or job
        for region in regions
        for job in region.list_jobs(JobQuery(operations=("restore",)))
        if job["operation"] == "restore" and is_running(job)
    ]


def _grant(task: Task, grants: Grants | None, need: Need) -> str:
    if grants and grants.find(need):
        return "present"
    if grants is None:
        return "missing"
    return task.carry_out(lambda: "granted" if grants.grant(need) else "present", "missing")


def _revoke(task: Task, grants: Grants | None, need: Need, still_used: set[str]) -> str:
    if grants is None or not grants.find(need):
        return "absent"
    if not grants.find_own(need):
        return "foreign"
    account = need.scope.lower().rsplit("/", 1)[-1]
    is_staging = need.role.scope == ON_STAGING_STORAGE_ACCOUNT
    if need.scope.lower() in still_used or (is_staging and {account, _ANY_ACCOUNT} & still_used):
        return "kept"
    task.carry_out(lambda: grants.revoke(need), None)
    return "revoked"


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
        message += f"; kept on {', '.join(kept)}, which the vault still uses for other datasources or running restores"
    return item_result(
        datasource.text, bool(revoked), "revoke" if revoked else "none", message, roles=roles, diff=_diff(datasource, roles)
    )
