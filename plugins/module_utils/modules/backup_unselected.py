# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Protection that no selection asks for any more: reported, and ended only where nothing about it is doubtful.

A mistyped tag, a resource that the caller may not read or an index that lags must not end backups.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..arguments import DATASOURCES, PROTECTION, SELECT
from ..concurrency import settle_each
from ..errors import AzureBackupError, BadInput
from ..model.datasource_types import DATASOURCE_TYPES
from ..model.resource_ids import parse_resource_id
from ..model.result_shapes import Described
from ..model.selection import Selection, read_selection
from ..services.interface import BackupService
from ..services.protection_states import STOPPED, SUSPENDED
from ..services.selection import Selected, choose_protectable, is_still_selected
from .backup_instance import ensure_instances
from .backup_policy import check_policy_name, versions_of
from .open_vaults import open_existing_vault
from .results import item_result, name_some, read_datasource_ids, summarise
from .task import Result, Task

# More resources than these are not read one by one only to tell of them.
_MOST_READ = 100
_SHOWN = 10
# The states that leave nothing to be done.
_ENDED = {"report": (SUSPENDED, STOPPED), "suspend": (SUSPENDED, STOPPED), "stop": (STOPPED,)}
_STATES = {"suspend": "suspended", "stop": "stopped"}


@dataclass
class Unselected:
    """An instance that nothing selects; is_gone: its resource does not exist; error: why its resource could not be read."""

    instance: Described
    is_gone: bool = False
    error: AzureBackupError | None = None


def ensure_unselected(task: Task) -> Result:
    """Report, suspend or stop what no selection selects (module backup_unselected)."""
    options = task.options
    check_policy_name(options["policy_name"])
    selections = _read_selections(options["selections"])
    named = {item.key for _row, item in read_datasource_ids(options["datasource_id"])} if options["datasource_id"] else set()
    if not (selections or named):
        raise BadInput("selections, datasource_id: neither is set, so every protected datasource would count as not selected")
    if options["max_unselected"] < 0:
        raise BadInput(f"max_unselected: {options['max_unselected']} must be at least 0")
    service = open_existing_vault(task)
    selected = [choose_protectable(task.session, selection) for selection in selections]
    known = named | {item.key for one in selected for _row, item in one.datasources}
    candidates = [one for one in _instances_of_policy(task, service) if str(one["datasource_id"]).lower() not in known]
    found = _look_at(task, selections, candidates)
    told = {
        "selection": {
            "count": len(known),
            "exempt": [entry for one in selected for entry in one.as_result()["exempt"]],
            "unreadable": sorted({name for one in selected for name in one.unreadable}),
        }
    }
    if options["action"] == "report" or not found:
        return {**summarise([_reported(one) for one in found]), **told}
    doubts = _doubts(task, service, selections, selected, found)
    if doubts:
        refused = summarise([_reported(one) for one in found])
        raise BadInput("; ".join(doubts), code="UnselectedRefused", details={**refused, **told})
    ids = [str(one.instance["datasource_id"]) for one in found]
    # The other options of backup_instance are as if nobody had set them; nothing changes the policy.
    of_instances = {**SELECT, **DATASOURCES, **PROTECTION}
    ending = {name: spec.get("default") for name, spec in of_instances.items() if name not in options}
    ending |= {"state": _STATES[options["action"]], "datasource_id": ids, "policy_name": None}
    place = {"vault_id": service.vault.text, "resource_group": None, "vault_name": None, "vault_type": None}
    return {**ensure_instances(task.derived(**ending, **place)), **told}


def _read_selections(given: list[dict[str, object]] | None) -> list[Selection]:
    """Read selections. Raises BadInput with every mistake."""
    problems, found = [], []
    for index, one in enumerate(given or []):
        try:
            found.append(read_selection(one, f"selections[{index}]", is_protected=False))
        except BadInput as error:
            problems.append(error.message)
    if problems:
        raise BadInput("; ".join(problems))
    return found


def _instances_of_policy(task: Task, service: BackupService) -> list[Described]:
    """Read the instances that have the policy, in whatever version, and whose protection has not ended yet."""
    instances = service.list_instances()
    name, ended = str(task.options["policy_name"]), _ENDED[task.options["action"]]
    names = {name.lower()}
    if not service.changes_policies:
        versions = versions_of(name, [{"name": one["policy_name"]} for one in instances])
        names = {str(policy["name"]).lower() for _number, policy in versions}
    known = [one for one in instances if one["datasource_type"] in DATASOURCE_TYPES]
    found = [one for one in known if str(one["policy_name"]).lower() in names and one["state"] not in ended]
    return sorted(found, key=lambda one: str(one["datasource_id"]).lower())


def _look_at(task: Task, selections: list[Selection], candidates: list[Described]) -> list[Unselected]:
    """Leave out what is selected by what its resource itself says now, of which Resource Graph may not know yet."""
    # What is ended is always read; if more are not selected than may be ended, nothing is.
    if len(candidates) > max(_MOST_READ, task.options["max_unselected"]):
        return [Unselected(one) for one in candidates]

    def is_selected(instance: Described) -> bool | None:
        answers = [is_still_selected(task.session, selection, instance) for selection in selections]
        return True if True in answers else None if None in answers else False

    found = []
    for instance, outcome in zip(candidates, settle_each(candidates, is_selected, task.options["max_concurrency"]), strict=True):
        if isinstance(outcome, AzureBackupError):
            found.append(Unselected(instance, error=outcome))
        elif outcome is not True:
            found.append(Unselected(instance, is_gone=outcome is None and bool(selections)))
    return found


def _doubts(
    task: Task, service: BackupService, selections: list[Selection], selected: list[Selected], found: list[Unselected]
) -> list[str]:
    """Tell why protection must not be ended by what is known."""
    options = task.options
    names = [str(one.instance["datasource_id"]).rsplit("/", 1)[-1] for one in found]
    doubts = [
        f"{selection.at}: it matches nothing, which is more likely a mistake than the end of all backups; correct or remove it"
        for selection, one in zip(selections, selected, strict=True)
        if not one.datasources
    ]
    unreadable = sorted({name for one in selected for name in one.unreadable})
    if unreadable:
        doubts.append(f"selections: the caller may not see {', '.join(unreadable)}, so what is selected there is not known")
    unread = [one for one in found if one.error]
    if unread:
        first = unread[0]
        name = str(first.instance["datasource_id"]).rsplit("/", 1)[-1]
        doubts.append(
            f"selections: {len(unread)} protected datasource(s) cannot be read, so whether they are selected is not known; first "
            f"'{name}': {first.error.message if first.error else ''}"
        )
    most = options["max_unselected"]
    if len(found) > most:
        doubts.append(
            f"max_unselected: {len(found)} datasource(s) that vault '{service.vault.name}' protects by policy "
            f"'{options['policy_name']}' are not selected, and at most {most} may be ended: {name_some(names, _SHOWN)}; "
            f"correct the selection, or set max_unselected to {len(found)} to {options['action']} them"
        )
    if doubts:
        doubts[0] = f"nothing was changed. {doubts[0]}"
    return doubts


def _reported(one: Unselected) -> Result:
    """Give the result of an instance that is only told of."""
    datasource = parse_resource_id(str(one.instance["datasource_id"]), "datasource_id")
    policy = one.instance["policy_name"]
    message = f"'{datasource.name}' is protected by policy '{policy}', and nothing selects it"
    if one.is_gone:
        message = f"'{datasource.name}' is protected by policy '{policy}', but its resource does not exist any more"
    if one.error:
        message = f"'{datasource.name}' is protected by policy '{policy}', and cannot be read: {one.error.message}"
    return item_result(datasource.text, False, "report", message, instance=one.instance)
