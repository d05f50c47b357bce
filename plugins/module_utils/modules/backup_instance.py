# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Protection of datasources: brought to a state and awaited until it really holds."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from ..clock import Deadline
from ..concurrency import ReadOnce, item_concurrency
from ..errors import AzureBackupError, BadInput, NotFound
from ..model.containers import check_containers, selection_of
from ..model.datasource_types import DatasourceType
from ..model.durations import format_time
from ..model.resource_ids import ResourceId, normalize, same_id
from ..model.result_shapes import Described, shape
from ..model.selection import Selection
from ..services.data_protection.containers import choose_containers
from ..services.datasource_kinds import check_kind, read_datasource, settle_kinds
from ..services.interface import BackupService, Protection, by_datasource, by_name
from ..services.named_vaults import read_group
from ..services.protection_states import BROKEN, IN_TRANSIT, PROTECTED, STOPPED, SUSPENDED, wait_for_state, wait_until_settled
from ..services.role_assignments import find_identity
from ..services.selection import choose_protectable
from .backup_permission import snapshot_group
from .backup_policy import find_policy
from .open_vaults import open_existing_vault, open_vault
from .permission_wait import ask_until_permitted
from .results import Datasource, Steps, Work, item_diff, item_result, read_datasource_ids, run_each
from .select_option import choose_in_vault, nothing_selected, read_select, warn_of_unreadable, with_selection
from .task import Result, Task
from .vault_options import read_existing_vault

_INSTANCE_NAME = re.compile(r"[A-Za-z0-9][-\w.]{1,149}")

_WORDS = {
    PROTECTED: "'{name}' is protected{by}",
    SUSPENDED: "protection of '{name}' is suspended; its recovery points expire{by}",
    STOPPED: "protection of '{name}'{by} is stopped; its recovery points are kept",
}

# The options that change an existing protection.
_CHANGING = (
    "policy_name", "policy_id", "containers_list", "auto_protection", "include_disk_luns", "exclude_disk_luns",
)  # fmt: skip

_STATE_OF_OPTION = {"present": PROTECTED, "suspended": SUSPENDED, "stopped": STOPPED}


@dataclass
class ProtectionRun:
    """What all datasources of a task share.

    policy: None where the task names none; location: of the vault, or of the one that is still to be created.
    """

    task: Task
    service: BackupService
    vault: Described | None
    policy: Described | None
    instances: list[Described]
    location: str | None
    datasources: list[ResourceId]

    def __post_init__(self) -> None:
        self._elsewhere = ReadOnce(lambda _vault: self.service.find_instances_anywhere(self._unprotected()))
        self._settled = ReadOnce(lambda _vault: by_name(self.service.list_instances()))
        self._deleted = ReadOnce(lambda _vault: self.service.list_deleted_instances())
        self.policy_of = ReadOnce(self.service.read_policy)

    def deleted_instance_of(self, datasource: ResourceId) -> Described | None:
        """Find the soft-deleted instance of a datasource; what soft delete holds is read when it is first asked for."""
        deleted = self._deleted(self.service.vault.text)
        return next((item for item in deleted if same_id(item["datasource_id"], datasource.text)), None)

    def _unprotected(self) -> list[ResourceId]:
        found = {datasource.key: datasource for datasource in self.datasources if not self.instance_of(datasource)}
        return list(found.values())

    def instances_elsewhere(self, datasource: ResourceId) -> list[Described]:
        """Find the instances of a datasource that the vault does not protect, in whatever vault; all are looked for at once."""
        found: list[Described] | AzureBackupError = self._elsewhere(self.service.vault.text)[datasource.key]
        if isinstance(found, AzureBackupError):
            raise found
        return found

    def settle(self, name: str, wanted: str, deadline: Deadline, expected: Described | None = None) -> Described:
        """Wait until an instance is in a state, when all of the task have been written: one list then tells it of most."""
        listed = self._settled(self.service.vault.text).get(name.lower()) if self.service.protects_by_job else None
        if listed and listed["state"] == wanted:
            return dict(listed)
        return wait_for_state(self.service, name, wanted, deadline, expected)

    @cached_property
    def _by_datasource(self) -> dict[str, Described]:
        return by_datasource(self.instances)

    def instance_of(self, datasource: ResourceId) -> Described | None:
        """Find the instance of a datasource in the vault, whatever its name."""
        return self._by_datasource.get(datasource.key)


def ensure_instances(task: Task) -> Result:
    """Bring the protection of datasources to a state (module backup_instance)."""
    options = task.options
    selection = read_select(task, is_protected=options["state"] != "present")
    if selection is None:
        datasources = read_datasource_ids(options["datasource_id"], options["datasource_type"])
        _check_options(options, [datasource_type for datasource_type, _datasource in datasources])
        service = open_vault(task, datasources[0][0].vault_type)
        return _ensure(task, service, datasources, options["datasource_type"])
    _check_selection(options, selection)
    if options["state"] == "present":
        (wanted,) = selection.datasource_types
        _check_options(options, [wanted])
        service = open_vault(task, wanted.vault_type)
        selected = choose_protectable(task.session, selection)
        warn_of_unreadable(task, selected)
    else:
        _check_options(options, [])
        service = open_existing_vault(task)
        selected = choose_in_vault(task, service, service.list_instances(), selection)
    if not selected.datasources:
        return nothing_selected(selected)
    declared = selection.datasource_types[0].name if options["state"] == "present" else None
    return with_selection(_ensure(task, service, selected.datasources, declared), selected)


def _check_selection(options: dict[str, Any], selection: Selection) -> None:
    """Refuse what a selection cannot be used for. Raises BadInput with every mistake."""
    problems = []
    if options["state"] == "absent":
        problems.append(
            "select: state: absent deletes backup data; name the datasources in datasource_id instead of selecting them"
        )
    if options["state"] == "present" and (
        "datasource_types" not in selection.criteria.wanted or len(selection.datasource_types) != 1
    ):
        problems.append("select.datasource_types: exactly one type is needed, because a policy protects one type")
    if options["name"]:
        problems.append("name: one name cannot be used for what select finds; omit it to give each its own")
    if problems:
        raise BadInput("; ".join(problems))


def _ensure(task: Task, service: BackupService, datasources: list[Datasource], declared: str | None) -> Result:
    """Bring the protection of datasources to the state; declared: their type, None where each of them has to tell it."""
    options = task.options
    datasource_type = datasources[0][0]
    groups = {datasource.key: snapshot_group(task, datasource) for datasource_type, datasource in datasources}
    problems = service.check_instance_options(options)
    if problems:
        raise BadInput("; ".join(problems))
    if options["state"] == "present":
        for _row, datasource in datasources:
            service.check_datasource(datasource)
    absent = options["state"] == "absent"
    vault = service.read_vault() if absent else read_existing_vault(task, service)
    if vault:
        _check_vault(options, service, vault)
    instances = service.list_instances() if vault else []
    datasources = datasources if absent else settle_kinds(task.session, datasources, instances, declared)
    needs_policy = options["state"] == "present" or options["policy_name"] or options["policy_id"]
    policy = (
        find_policy(task, service, [datasource_type for datasource_type, _datasource in datasources], vault)
        if needs_policy and not absent
        else None
    )
    location = None if absent else _location_of(task, service, vault)
    batch = ProtectionRun(task, service, vault, policy, instances, location, [item for _row, item in datasources])
    if absent:
        if options["permanent"] or any(batch.instance_of(item) for _row, item in datasources):
            _check_removal(batch)
    elif datasource_type.needs_snapshot_resource_group and options["state"] == "present":
        _check_groups(batch, groups)

    def work(datasource_type: DatasourceType, datasource: ResourceId) -> Steps:
        before = batch.instance_of(datasource)
        if absent:
            return _remove(batch, datasource, before)
        if before is None:
            return _protect(batch, datasource_type, datasource, groups[datasource.key])
        return _converge(batch, datasource_type, datasource, before, groups[datasource.key])

    works = [Work(item.key, item.text, functools.partial(work, datasource_type, item)) for datasource_type, item in datasources]
    return run_each(task, works, item_concurrency(options["max_concurrency"]))


def _check_groups(batch: ProtectionRun, groups: dict[str, ResourceId]) -> None:
    """Refuse snapshot resource groups that do not exist; groups: by the keys of datasources. Raises NotFound."""
    unprotected = [datasource for datasource in batch.datasources if not batch.instance_of(datasource)]
    for scope in sorted({groups[datasource.key].text for datasource in unprotected}):
        read_group(batch.task.session, scope, "snapshot_resource_group")


def _check_vault(options: dict[str, Any], service: BackupService, vault: Described) -> None:
    """Refuse what Azure refuses because of the vault's settings. Raises BadInput."""
    service.check_state(options["state"])
    if options["auto_protection"] is not None and normalize(vault["soft_delete"]["state"]) != "alwayson":
        raise BadInput(
            f"auto_protection: soft delete of vault '{service.vault.name}' is {vault['soft_delete']['state']}, but Azure "
            "protects containers automatically only if it is AlwaysOn; set soft_delete.state with backup_vault (permanent)"
        )


def _location_of(task: Task, service: BackupService, vault: Described | None) -> str:
    """Give the region of the vault; of one that is still to be created it is the option's, or that of its resource group."""
    if vault:
        return str(vault["location"])
    return str(task.options["location"] or read_group(task.session, service.vault.group_id, "resource_group")["location"])


def _check_options(options: dict[str, Any], datasource_types: list[DatasourceType]) -> None:
    problems = []
    if options["name"]:
        if len({str(one).strip().lower().rstrip("/") for one in options["datasource_id"]}) > 1:
            problems.append("name: one name cannot be used for several datasources; omit it to give each its own")
        if not _INSTANCE_NAME.fullmatch(options["name"]):
            problems.append(f"name: '{options['name']}' is not a valid backup instance name")
    if options["state"] == "present" and not (options["policy_name"] or options["policy_id"]):
        problems.append("policy_name: a protected datasource needs a policy; set policy_name or policy_id")
    if options["policy_name"] and options["policy_id"]:
        problems.append("policy_name: set either policy_name or policy_id, not both")
    problems += check_containers(options, datasource_types)
    problems += [
        f"{option}: not allowed with state: absent, which removes the whole protection"
        for option in ("containers_list", "auto_protection", "include_disk_luns", "exclude_disk_luns")
        if options["state"] == "absent" and options[option] is not None
    ]
    if options["permanent"] and not (options["state"] == "absent" and options["delete_backup_data"]):
        problems.append(
            "permanent: it destroys soft-deleted backup data, so it requires state: absent and delete_backup_data: true"
        )
    if options["delete_backup_data"] and options["state"] != "absent":
        problems.append(f"delete_backup_data: only state: absent deletes backup data, not {options['state']}")
    if problems:
        raise BadInput("; ".join(problems))


def _check_removal(batch: ProtectionRun) -> None:
    """Refuse to destroy data that nothing keeps, unless the task says so."""
    if batch.vault is None:
        return
    is_off = str(batch.vault["soft_delete"]["state"] or "Off").lower() == "off"
    if batch.task.options["permanent"] and not is_off:
        raise BadInput(
            f"permanent: soft delete is {batch.vault['soft_delete']['state']} in vault '{batch.service.vault.name}', so Azure "
            "keeps the data until its retention ends; turn it off with backup_vault first (AlwaysOn cannot be turned off)"
        )
    if is_off and not batch.task.options["delete_backup_data"]:
        raise BadInput(
            f"delete_backup_data: soft delete is off in vault '{batch.service.vault.name}', so state: absent destroys the "
            "recovery points immediately and permanently; set delete_backup_data: true to allow that, or use state: stopped"
        )


def _result(datasource: ResourceId, before: Described | None, after: Described | None, action: str, msg: str) -> Result:
    changed = action not in ("none", "awaited")
    diff = item_diff(datasource.text, before, after)
    return item_result(datasource.text, changed, action, msg, instance=after, diff=diff)


# -- a datasource that the vault does not protect yet


def _protect(batch: ProtectionRun, datasource_type: DatasourceType, datasource: ResourceId, group: ResourceId) -> Steps:
    task, service = batch.task, batch.service
    if task.options["state"] == "stopped" and task.options["undelete"]:
        held = batch.deleted_instance_of(datasource)
        if held:
            return (yield from _undelete(batch, datasource_type, datasource, held, group))
    if task.options["state"] != "present":
        raise NotFound(
            f"state: '{datasource.name}' is not protected in vault '{service.vault.name}', so it cannot be "
            f"{task.options['state']}"
        )
    _refuse_protected_elsewhere(batch, datasource)
    location = _check_datasource(batch, datasource_type, datasource)
    deleted = batch.deleted_instance_of(datasource)
    if deleted:
        return (yield from _undelete(batch, datasource_type, datasource, deleted, group))
    selection = choose_containers(task.session, task.options, datasource_type, datasource, batch.policy or {})
    protection = Protection(
        task.options["name"] or service.instance_name(datasource),
        datasource_type,
        datasource,
        location,
        str((batch.policy or {}).get("id")),
        group.text if datasource_type.needs_snapshot_resource_group else None,
        tuple(selection["containers_list"]),
        selection["auto_protection"],
        _luns(task, "include_disk_luns"),
        _luns(task, "exclude_disk_luns"),
        _acting_identity(batch, datasource_type),
    )
    predicted = _predict(batch, protection)
    message = f"'{datasource.name}' is protected by policy '{predicted['policy_name']}'"
    predicted_result = _result(datasource, None, predicted, "protect", message)
    yield predicted_result
    try:
        _validate_until_permitted(task, service, protection)
        deadline = task.deadline()
        task.progress.note(datasource.name, datasource.key, "waiting until it is protected")
        service.protect(protection, deadline)
        yield predicted_result
        expected = predicted if service.protects_by_job else None
        after = batch.settle(protection.instance_name, PROTECTED, deadline, expected)
    except AzureBackupError:
        task.progress.note(datasource.name, datasource.key, "failed", is_over=True)
        raise
    task.progress.note(datasource.name, datasource.key, "protected", is_over=True)
    return _result(datasource, None, after, "protect", message)


def _undelete(
    batch: ProtectionRun, datasource_type: DatasourceType, datasource: ResourceId, deleted: Described, group: ResourceId
) -> Steps:
    """Bring a soft-deleted instance back, where the task says so, and protect by it unless it is to be stopped."""
    task, service, policy = batch.task, batch.service, batch.policy or {}
    if not task.options["undelete"]:
        raise BadInput(
            f"undelete: '{datasource.name}' was protected in this vault, and its backup instance '{deleted['name']}' is "
            f"soft-deleted until {deleted['purge_time']}; set undelete: true to undelete it with its recovery points",
            code="SoftDeleted",
        )
    _check_group_stays(task, datasource_type, datasource, deleted, group)
    name = deleted["name"]
    after = {**deleted, "id": service.instance_id(name), "state": STOPPED, "deletion_time": None, "purge_time": None}
    if task.options["state"] == "stopped":
        message = f"'{datasource.name}' is undeleted with its recovery points; its protection is stopped"
        yield _result(datasource, deleted, after, "undelete", message)
        deadline = task.deadline()
        service.undelete_instance(name, deadline)
        return _result(datasource, deleted, wait_for_state(service, name, STOPPED, deadline), "undelete", message)
    changes = _wanted_changes(batch, datasource_type, datasource, deleted)
    after |= {**changes, "state": PROTECTED, "policy_name": policy.get("name")}
    message = f"'{datasource.name}' is protected again by policy '{after['policy_name']}', with its recovery points"
    yield _result(datasource, deleted, after, "undelete", message)
    deadline = task.deadline()
    service.undelete_instance(name, deadline)
    stopped = wait_for_state(service, name, STOPPED, deadline)
    _change(batch, _resume(batch, datasource_type, datasource, stopped, deadline), changes, deadline)
    return _result(datasource, deleted, wait_for_state(service, name, PROTECTED, deadline), "undelete", message)


def _refuse_protected_elsewhere(batch: ProtectionRun, datasource: ResourceId) -> None:
    for other in batch.instances_elsewhere(datasource):
        vault = str(other["vault_id"])
        if not same_id(vault, batch.service.vault.text):
            raise BadInput(
                f"datasource_id: '{datasource.name}' is already protected by backup instance '{other['name']}' in "
                f"vault {vault} ({other['state']}); a datasource can be protected in only one vault at a time",
                code="ProtectedElsewhere",
            )


def _check_datasource(batch: ProtectionRun, datasource_type: DatasourceType, datasource: ResourceId) -> str:
    """Read the datasource and refuse what Azure would refuse later: another region, a SKU that the policy does not suit."""
    service = batch.service
    found = read_datasource(batch.task.session, datasource_type, datasource)
    if found is None:
        raise NotFound(f"datasource_id: the {datasource_type.title} {datasource.text} does not exist", status=404)
    check_kind(datasource_type, datasource, found)
    location = str(found.get("location") or "")
    if batch.location and normalize(location) != normalize(batch.location):
        raise BadInput(
            f"datasource_id: {datasource_type.title} '{datasource.name}' is in {location}, but vault '{service.vault.name}' is "
            f"in {batch.location}; a vault protects only datasources in its own region"
        )
    sku = str((found.get("sku") or {}).get("name") or "")
    allowed = datasource_type.sku_interval_hours.get(sku.lower())
    schedule = (batch.policy or {}).get("schedule") or {}
    if allowed and schedule.get("frequency") == "hourly" and schedule["interval_hours"] not in allowed:
        hours = ", ".join(str(number) for number in allowed)
        raise BadInput(
            f"policy_name: policy '{(batch.policy or {}).get('name')}' backs up every {schedule['interval_hours']} hours, "
            f"but a {sku} {datasource_type.title} ('{datasource.name}') can be backed up only every {hours} hours or daily"
        )
    return location


def _acting_identity(batch: ProtectionRun, datasource_type: DatasourceType) -> str | None:
    """Give the user-assigned identity that a new protection acts with; where the vault has none at all, Azure says so itself."""
    if batch.vault is None or not datasource_type.roles:
        return None
    is_needed = bool(batch.vault["identity"]["user_assigned_identities"])
    return find_identity(batch.vault, batch.task.options["identity_id"], is_needed)[0]


def _predict(batch: ProtectionRun, protection: Protection) -> Described:
    return shape(
        "instance",
        id=batch.service.instance_id(protection.instance_name),
        name=protection.instance_name,
        vault_id=batch.service.vault.text,
        datasource_id=protection.datasource.text,
        datasource_type=protection.datasource_type.name,
        friendly_name=protection.datasource.name,
        policy_id=(batch.policy or {}).get("id"),
        policy_name=(batch.policy or {}).get("name"),
        snapshot_resource_group_id=protection.snapshot_resource_group_id,
        containers_list=list(protection.containers_list),
        auto_protection=protection.auto_protection,
        include_disk_luns=_listed(protection.include_disk_luns),
        exclude_disk_luns=_listed(protection.exclude_disk_luns) or None,
        identity_id=protection.identity_id,
        state=PROTECTED,
        provisioning_state="succeeded",
    )


def _validate_until_permitted(task: Task, service: BackupService, protection: Protection) -> None:
    """Validate again and again while the answer is a missing permission, for as long as roles take to be effective."""
    scopes = {"datasource": protection.datasource.text, "snapshot_resource_group": protection.snapshot_resource_group_id}
    roles = [f"'{role.name}' on {scopes[role.scope]}" for role in protection.datasource_type.roles]
    ask_until_permitted(task, protection.datasource, roles, lambda: service.validate(protection, task.deadline()))


# -- a datasource that the vault knows


def _changing_option(task: Task) -> str:
    """Name the option by which the task would change protection, which only active protection allows."""
    return next(option for option in _CHANGING if task.options[option] is not None)


def _change_action(changes: Mapping[str, object]) -> str:
    """Name the action of a change; the policy comes before what it applies to."""
    actions = {"policy_id": "change_policy", "containers_list": "change_containers", "include_disk_luns": "change_disks"}
    return next(action for field, action in actions.items() if field in changes)


def _converge(
    batch: ProtectionRun, datasource_type: DatasourceType, datasource: ResourceId, before: Described, group: ResourceId
) -> Steps:
    task, service, policy = batch.task, batch.service, batch.policy
    wanted = _STATE_OF_OPTION[task.options["state"]]
    _check_group_stays(task, datasource_type, datasource, before, group)
    changes = _wanted_changes(batch, datasource_type, datasource, before)
    in_transit = before["state"] in IN_TRANSIT
    moves = before["state"] != wanted and not (in_transit and wanted == PROTECTED)
    if changes and wanted != PROTECTED and before["state"] != PROTECTED:
        raise BadInput(
            f"{_changing_option(task)}: '{datasource.name}' is {before['state']}, and Azure changes only active protection; "
            "set state: present with this change first"
        )
    if moves and wanted == SUSPENDED and not before["policy_id"]:
        raise BadInput(
            f"state: '{datasource.name}' is stopped and has no policy, which suspended protection needs; set state: present first"
        )
    after = {**before, **changes, "state": wanted, "errors": []}
    if policy and "policy_id" in changes:
        _check_datasource(batch, datasource_type, datasource)
        after["policy_name"] = policy["name"]
    action = {PROTECTED: "resume", SUSPENDED: "suspend", STOPPED: "stop"}[wanted] if moves else "none"
    if changes and not moves:
        action = _change_action(changes)
    if wanted == STOPPED and not service.stopped_keep_policy:
        after |= {"policy_id": None, "policy_name": None}
    by = f" by policy '{after['policy_name']}'" if after["policy_name"] else ""
    message = _WORDS[wanted].format(name=datasource.name, by=by)
    if action == "none":
        if not in_transit:
            return _result(datasource, before, before, "none", message)
        action = "awaited"
    predicted = _result(datasource, before, after, action, message)
    yield predicted
    deadline, name = task.deadline(), before["name"]
    current = wait_until_settled(service, name, deadline) if in_transit else before
    if wanted == PROTECTED and current["state"] != PROTECTED:
        current = _resume(batch, datasource_type, datasource, current, deadline)
        action = "resume"
    _change(batch, current, changes, deadline)
    if wanted != PROTECTED and current["state"] != wanted:
        (service.suspend if wanted == SUSPENDED else service.stop)(name, deadline)
    yield predicted
    return _result(datasource, before, batch.settle(name, wanted, deadline), action, message)


def _check_group_stays(
    task: Task, datasource_type: DatasourceType, datasource: ResourceId, before: Described, group: ResourceId
) -> None:
    """Refuse another snapshot resource group than what is protected, or was, has. Raises BadInput."""
    chooses_group = datasource_type.needs_snapshot_resource_group and task.options["snapshot_resource_group"]
    # A deleted instance need not tell it.
    there = before["snapshot_resource_group_id"]
    if chooses_group and there and not same_id(there, group.text):
        raise BadInput(
            f"snapshot_resource_group: '{datasource.name}' stores its snapshots in {before['snapshot_resource_group_id']}, "
            "which Azure cannot change; remove the protection first to choose another group"
        )


def _wanted_changes(
    batch: ProtectionRun, datasource_type: DatasourceType, datasource: ResourceId, before: Described
) -> dict[str, Any]:
    """Give what of an existing protection is to be changed: policy_id, and containers_list with auto_protection."""
    task, policy = batch.task, batch.policy or {}
    changes: dict[str, Any] = {}
    loses_policy = task.options["state"] == "stopped" and not batch.service.stopped_keep_policy
    if policy and not loses_policy and not same_id(before["policy_id"], policy["id"]):
        changes["policy_id"] = policy["id"]
    # A protection that had no containers needs some when it gets a schedule; else they stay what they are.
    has_containers = bool(before["containers_list"]) or before["auto_protection"] is not None
    gets_schedule = bool("policy_id" in changes and policy.get("backup_rules") and not has_containers)
    asks = bool(task.options["containers_list"]) or task.options["auto_protection"] is not None
    if datasource_type.parameters_type and (asks or gets_schedule):
        selection = choose_containers(
            task.session, task.options, datasource_type, datasource, policy or _policy_of(batch, before)
        )
        if selection != selection_of(before):
            changes |= selection
    chosen = {name: _listed(_luns(task, name)) for name in ("include_disk_luns", "exclude_disk_luns")}
    if any(luns is not None for luns in chosen.values()):
        # To exclude nothing is to have no choice.
        chosen["exclude_disk_luns"] = chosen["exclude_disk_luns"] or None
        if chosen != {name: before[name] for name in chosen}:
            changes |= chosen
    return changes


def _policy_of(batch: ProtectionRun, instance: Described) -> Described:
    """Read the policy that an instance has, where the task names none."""
    found = batch.policy_of(str(instance["policy_name"]))
    # What is stopped may have lost its policy.
    return found or {"name": instance["policy_name"], "backup_rules": [True]}


def _luns(task: Task, option: str) -> tuple[int, ...] | None:
    given = task.options[option]
    return tuple(sorted(set(given))) if given is not None else None


def _listed(luns: tuple[int, ...] | None) -> list[int] | None:
    return list(luns) if luns is not None else None


def _change(batch: ProtectionRun, current: Described, changes: dict[str, Any], deadline: Deadline) -> None:
    """Change what an instance is not already; a resumed one may have got its policy with that."""
    left = {**changes}
    if "policy_id" in left and same_id(current["policy_id"], left["policy_id"]):
        del left["policy_id"]
    if left:
        batch.service.change_protection(current["name"], left, deadline)
        if not batch.service.protects_by_job:
            wait_for_state(batch.service, current["name"], PROTECTED, deadline)


def _resume(
    batch: ProtectionRun, datasource_type: DatasourceType, datasource: ResourceId, before: Described, deadline: Deadline
) -> Described:
    """Back up again, and give the instance as it is then.

    After a protection error the roles are asked for first, as they are its usual cause.
    """
    if before["state"] in BROKEN:
        protection = Protection(
            before["name"],
            datasource_type,
            datasource,
            str((batch.vault or {}).get("location")),
            before["policy_id"],
            before["snapshot_resource_group_id"],
            tuple(before["containers_list"]),
            before["auto_protection"],
            before["include_disk_luns"],
            before["exclude_disk_luns"],
            before["identity_id"],
        )
        _validate_until_permitted(batch.task, batch.service, protection)
    batch.service.resume(before["name"], (batch.policy or {}).get("id"), deadline)
    return wait_for_state(batch.service, before["name"], PROTECTED, deadline)


def _remove(batch: ProtectionRun, datasource: ResourceId, before: Described | None) -> Steps:
    task, service = batch.task, batch.service
    if before is None:
        return (yield from _purge(batch, datasource))
    kept = str((batch.vault or {})["soft_delete"]["state"] or "Off").lower() != "off"
    days = (batch.vault or {})["soft_delete"]["retention_duration_in_days"]
    fate = "its recovery points are permanently deleted"
    if kept:
        until = format_time(service.service_now() + timedelta(days=days)) if days else None
        fate = f"its recovery points are soft-deleted and kept for {days} days, until {until}"
    removed = _result(datasource, before, None, "remove", f"'{datasource.name}' is no longer protected; {fate}")
    yield removed
    service.delete_instance(before["name"], task.deadline())
    return removed


def _purge(batch: ProtectionRun, datasource: ResourceId) -> Steps:
    """Destroy a soft-deleted instance where the task says so: without soft delete, bringing it back and deleting it does."""
    task, service = batch.task, batch.service
    nothing = f"'{datasource.name}' is not protected in this vault"
    if batch.vault is None or not task.options["permanent"]:
        return _result(datasource, None, None, "none", nothing)
    deleted = batch.deleted_instance_of(datasource)
    if deleted is None:
        return _result(datasource, None, None, "none", nothing)
    message = f"the soft-deleted backup data of '{datasource.name}' is permanently deleted"
    purged = _result(datasource, deleted, None, "purge", message)
    yield purged
    deadline = task.deadline()
    service.undelete_instance(deleted["name"], deadline)
    wait_for_state(service, deleted["name"], STOPPED, deadline)
    service.delete_instance(deleted["name"], deadline)
    return purged
