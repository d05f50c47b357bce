# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Policies: comparing what is there with what is wanted, and new versions of what Azure never changes."""

from __future__ import annotations

import re

from ..concurrency import settle_each
from ..errors import AzureBackupError, BadInput, NotFound
from ..model.datasource_types import DATASOURCE_TYPES, DatasourceType, find_by_name
from ..model.policy_preview import preview_policy
from ..model.policy_spec import Plan, check_plan, complete_plan, differences, plan_of, same_plan
from ..model.recovery_point_count import with_count
from ..model.resource_ids import SEGMENT, parse_resource_id, same_id
from ..model.result_shapes import Described, comparable
from ..services.interface import BackupService
from ..services.protection_states import IN_TRANSIT, PROTECTED, STOPPED, wait_for_state, wait_until_settled
from .open_vaults import open_existing_vault, open_vault
from .reconcile import Change, reconcile
from .task import Result, Task
from .vault_options import read_existing_vault

_REPOINTED_AT_ONCE = 8


def check_policy_name(name: str) -> None:
    """Refuse what would lead a request elsewhere; what a new policy may be called is stricter. Raises BadInput."""
    if not SEGMENT.fullmatch(name):
        raise BadInput(f"policy_name: '{name}' is not a valid policy name")


def versions_of(name: str, policies: list[Described]) -> list[tuple[int, Described]]:
    """Give the versions of a policy, the highest last: C(name) is the first, C(name-v2) the second."""
    pattern = re.compile(rf"{re.escape(name)}(?:-v(\d+))?", re.IGNORECASE)
    found = [(match, policy) for policy in policies if (match := pattern.fullmatch(str(policy["name"])))]
    return sorted(((int(match.group(1) or 1), policy) for match, policy in found), key=lambda item: item[0])


def find_versions(service: BackupService, name: str) -> list[tuple[int, Described]]:
    """Read the versions of a policy, the highest last; what is changed in place has only one."""
    listed = None if service.changes_policies else service.list_policies()
    if listed is None:
        # Or the list is not to be had: look for the policy itself.
        policy = service.read_policy(name)
        listed = [policy] if policy else []
    return versions_of(name, listed)


def find_literal_policy(service: BackupService, policy_id: str, is_there: bool = True) -> Described | None:
    """Read the policy of an ARM id, which has to lie in the vault; is_there: false reads nothing. Raises BadInput."""
    wanted = parse_resource_id(policy_id, "policy_id")
    if wanted.types[-1].lower() != "backuppolicies":
        raise BadInput(f"policy_id: '{wanted.text}' is a {wanted.type}, not a policy")
    if not same_id(wanted.parent().text, service.vault.text):
        raise BadInput(f"policy_id: '{wanted.text}' is not in vault {service.vault.text}")
    return service.read_policy(wanted.name) if is_there else None


def find_policy(task: Task, service: BackupService, datasource_types: list[DatasourceType], vault: Described | None) -> Described:
    """Find the policy that policy_id (literally) or policy_name (its highest version) means, for datasources of some types.

    vault: None where it is still to be created. In check mode a missing policy is a warning and the empty policy
    that is to be. Raises BadInput, NotFound.
    """
    options = task.options
    if options["policy_id"]:
        option, name = "policy_id", str(options["policy_id"]).rstrip("/").rsplit("/", 1)[-1]
        policy = find_literal_policy(service, options["policy_id"], is_there=vault is not None)
    else:
        option, name = "policy_name", options["policy_name"]
        check_policy_name(name)
        versions = find_versions(service, name) if vault else []
        policy = versions[-1][1] if versions else None
    if policy is None:
        message = f"policy '{name}' does not exist in vault '{service.vault.name}'"
        error = NotFound(f"{option}: {message}; create it with backup_policy", status=404)
        task.require(error, f"{message}; what depends on it would be created")
        policy = {"id": f"{service.vault.text}/backupPolicies/{name}", "name": name, "datasource_type": datasource_types[0].name}
    others = sorted({datasource_type.name for datasource_type in datasource_types} - {policy["datasource_type"]})
    if others:
        raise BadInput(
            f"{option}: policy '{policy['name']}' is for {policy['datasource_type']}, but datasource_id names "
            f"{' and '.join(others)}; use a separate policy for each type"
        )
    return policy


def ensure_policy(task: Task) -> Result:
    """Create or delete a policy, or make a new version of it (module backup_policy)."""
    options = task.options
    check_policy_name(options["policy_name"])
    if options["state"] == "absent":
        return _remove_policy(task)
    if not options["datasource_type"]:
        raise BadInput("datasource_type: not set; a policy applies to one datasource type")
    datasource_type = find_by_name(options["datasource_type"])
    wanted = check_plan(options, datasource_type)
    service = open_vault(task, datasource_type.vault_type)
    vault = read_existing_vault(task, service)
    versions = find_versions(service, options["policy_name"]) if vault else []
    if not versions:
        return _previewed(task, service, _create(task, service, datasource_type, options["policy_name"], wanted), [])
    mismatched = [policy for _number, policy in versions if policy["datasource_type"] != datasource_type.name]
    if mismatched:
        raise BadInput(
            f"datasource_type: policy '{mismatched[0]['name']}' is for {mismatched[0]['datasource_type']}, which cannot be "
            "changed"
        )
    version, existing = versions[-1][0], with_count(versions[-1][1])
    older = [policy for _number, policy in versions[:-1]]
    change = Change("policy", False, existing, existing)
    if service.changes_policies:
        if same_plan(wanted, plan_of(existing)):
            return change.as_result()
        return _previewed(
            task, service, _create(task, service, datasource_type, str(existing["name"]), wanted, existing), [existing]
        )
    if not same_plan(wanted, plan_of(existing)):
        name = f"{options['policy_name']}-v{version + 1}"
        _check_new_version(task, name, existing, wanted)
        _check_containers_chosen(service, datasource_type, [*older, existing], wanted)
        change = _create(task, service, datasource_type, name, wanted, existing)
        older.append(existing)
    if options["on_change"] == "new_version" and older:
        # Also where an earlier run was interrupted after it had made the new version.
        return {**_previewed(task, service, change, older), **_retire(task, service, older, change)}
    return change.as_result()


def _previewed(task: Task, service: BackupService, change: Change, replaced: list[Described]) -> Result:
    """Give the result of a change; in check mode with what the policy would do for what the replaced policies protect."""
    result = change.as_result()
    if task.check_mode and change.changed and change.after and change.after["datasource_type"] in DATASOURCE_TYPES:
        users = [item for item in _users_of(service, replaced) if item["state"] != STOPPED] if replaced else []
        result["preview"] = preview_policy(change.before, change.after, len(users), service.service_now())
    return result


def _create(
    task: Task,
    service: BackupService,
    datasource_type: DatasourceType,
    name: str,
    wanted: Plan,
    existing: Described | None = None,
) -> Change:
    if not (existing and same_id(existing["name"], name)):
        service.check_new_policy_name(name)
    plan = complete_plan(wanted, plan_of(existing) if existing else None, datasource_type)
    after = with_count(service.plan_policy(name, datasource_type, plan))
    kept = after["recovery_points_kept"]
    if kept and datasource_type.most_recovery_points and kept > datasource_type.most_recovery_points:
        task.warn(
            f"policy '{name}' would keep {kept} recovery points of a {datasource_type.title}, but Azure creates no more than "
            f"{datasource_type.most_recovery_points}; back up less often or shorten the retention"
        )
    return reconcile(
        task,
        "policy",
        existing,
        after,
        lambda: with_count(service.create_policy(name, datasource_type, plan, task.deadline())),
    )


def _check_new_version(task: Task, name: str, existing: Described, wanted: Plan) -> None:
    """Refuse a change that nobody asked to make a new version for, and one that would lose rules."""
    if task.options["on_change"] == "fail":
        told = differences(wanted, plan_of(existing))
        asked = wanted.readable()
        after = {
            **existing,
            "schedule": {**(existing["schedule"] or {}), **(asked["schedule"] or {})} or None,
            "retention": {**existing["retention"], **asked["retention"]},
            "retention_rules": existing["retention_rules"] if wanted.rules is None else asked["retention_rules"],
        }
        raise BadInput(
            f"policy '{existing['name']}' differs from the requested policy: {'; '.join(told)}. Azure cannot change a policy "
            f"of a Backup vault; set on_change: new_version (protect_on_change in the role) to create '{name}' and move its "
            "backup instances, or choose another policy_name",
            code="PolicyDiffers",
            details={
                "policy": existing,
                "diff": {"before": comparable("policy", existing), "after": comparable("policy", after)},
            },
        )
    if not existing["is_fully_described"]:
        raise BadInput(
            f"on_change: {_not_described(existing)} of policy '{existing['name']}' cannot be read from Azure, and a new "
            "version would lose it; create a policy with another name"
        )


def _not_described(policy: Described) -> str:
    """Name what of a policy its readable form leaves out."""
    schedule = policy["schedule"]
    if policy["backup_rules"] and schedule is None:
        return "the schedule"
    if schedule and schedule["times"] is None:
        return "the time of day (its UTC offset contradicts its time zone)"
    return "a rule"


def _check_containers_chosen(
    service: BackupService, datasource_type: DatasourceType, older: list[Described], wanted: Plan
) -> None:
    """Refuse a schedule for what is protected without one and so has no containers. Raises BadInput."""
    if not datasource_type.parameters_type or complete_plan(wanted, plan_of(older[-1]), datasource_type).schedule is None:
        return
    names = [
        str(item["friendly_name"])
        for item in _users_of(service, older)
        if item["state"] in (PROTECTED, *IN_TRANSIT) and not item["containers_list"] and item["auto_protection"] is None
    ]
    if names:
        raise BadInput(
            f"on_change: {', '.join(names[:5])}{' and more' if len(names) > 5 else ''} would get a schedule, which needs "
            "containers, but none are selected; create the policy with another name and assign it with backup_instance"
        )


def _retire(task: Task, service: BackupService, older: list[Described], change: Change) -> Result:
    """Re-point what older versions protect to the newest one, and delete those that nothing uses then.

    What is suspended or stopped keeps its policy: Azure changes the policy of what it protects.
    """
    newest = change.after or {}
    users = _users_of(service, older)
    moving = [item for item in users if item["state"] in (PROTECTED, *IN_TRANSIT)]
    kept = {str(item["policy_id"]).lower() for item in users if item not in moving}
    removable = [policy for policy in older if str(policy["id"]).lower() not in kept]

    def repoint(item: Described) -> None:
        deadline = task.deadline()
        wait_until_settled(service, item["name"], deadline)
        service.change_protection(item["name"], {"policy_id": newest["id"]}, deadline)
        wait_for_state(service, item["name"], PROTECTED, deadline)

    def move() -> None:
        outcomes = settle_each(moving, repoint, _REPOINTED_AT_ONCE)
        failure = next((outcome for outcome in outcomes if isinstance(outcome, AzureBackupError)), None)
        if failure:
            failure.details = {"changed": True, "policy": newest}
            failure.message += f"; policy '{newest['name']}' exists; run the task again to move the remaining backup instances"
            raise failure
        for policy in removable:
            service.delete_policy(policy["name"], task.deadline())

    task.carry_out(move, None)
    changed = change.changed or bool(moving or removable)
    return {
        **Change("policy", changed, change.before, change.after).as_result(),
        "replaced_policies": [policy["name"] for policy in removable],
        "repointed_instances": [item["name"] for item in moving],
    }


def _users_of(service: BackupService, policies: list[Described]) -> list[Described]:
    return [item for item in service.list_instances() if any(same_id(item["policy_id"], policy["id"]) for policy in policies)]


def _open_for_removal(task: Task) -> BackupService:
    """Open the vault of either kind that exists; where none does, there is nothing to remove."""
    try:
        return open_existing_vault(task)
    except NotFound:
        return open_vault(task)


def _remove_policy(task: Task) -> Result:
    name, datasource_type = task.options["policy_name"], task.options["datasource_type"]
    service = open_vault(task, find_by_name(datasource_type).vault_type) if datasource_type else _open_for_removal(task)
    versions = find_versions(service, name)
    if versions and service.is_azures_own(name):
        task.warn(f"policy_name: '{name}' is one of Azure's own policies, which every new vault has; it is not removed")
        return Change("policy", False, versions[-1][1], versions[-1][1]).as_result()
    if not versions:
        return Change("policy", False, None, None).as_result()
    policies = [policy for _version, policy in versions]
    if datasource_type and policies[-1]["datasource_type"] != datasource_type:
        raise BadInput(
            f"datasource_type: policy '{name}' is for {policies[-1]['datasource_type']}; omit datasource_type to delete it"
        )
    if len({policy["datasource_type"] for policy in policies}) > 1:
        names = ", ".join(str(policy["name"]) for policy in policies)
        raise BadInput(f"policy_name: {names} are not versions of one policy; they are for different datasource types")
    users = [str(item["name"]) for item in _users_of(service, policies)]
    if users:
        raise BadInput(
            f"policy_name: policy '{name}' is used by {len(users)} backup instance(s): {', '.join(users[:5])}"
            f"{' and more' if len(users) > 5 else ''}; assign them another policy or remove them first",
            code="PolicyInUse",
        )

    def remove() -> None:
        for policy in policies:
            service.delete_policy(policy["name"], task.deadline())

    return reconcile(task, "policy", with_count(policies[-1]), None, remove).as_result()
