# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What the info modules share: which vaults, datasources and times the options mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from ..errors import BadInput, Denied
from ..model.datasource_types import find_by_name
from ..model.durations import read_moment
from ..model.resource_ids import GUID, SEGMENT, check_group_name, same_id
from ..model.result_shapes import Described
from ..services.interface import BackupService
from ..services.named_vaults import missing_vault
from ..services.registry import open_service
from ..services.search import (
    warn_of_invisible,
)
from .results import Datasource, read_datasource_ids
from .task import Task
from .vault_options import find_possible_vaults, names_a_vault

Found = TypeVar("Found")


def datasources_of(task: Task) -> list[Datasource]:
    """Read the datasource_id option, where the module has one and it is set."""
    given = task.options.get("datasource_id")
    return read_datasource_ids(given) if given else []


def asks_for_nothing(task: Task) -> bool:
    """Tell whether a list of what to read is there and empty, as a filter in a playbook may leave it: nothing is meant then."""
    return any(task.options.get(option) == [] for option in ("datasource_id", "job_id", "status", "operation", "state"))


def _check_names(options: dict[str, Any]) -> None:
    """Refuse names that would lead a request elsewhere. Raises BadInput with every mistake."""
    problems = check_group_name(options["resource_group"]) if options["resource_group"] else []
    problems += [
        f"{option}: '{options[option]}' is not a valid name"
        for option in ("policy_name", "instance_name", "recovery_point_id")
        if options.get(option) and not SEGMENT.fullmatch(str(options[option]))
    ]
    if problems:
        raise BadInput("; ".join(problems))


def kind_of_vault(task: Task) -> str | None:
    """Tell which kind of vault the datasources or their type belong in; None where the options name neither."""
    datasources, name = datasources_of(task), task.options.get("datasource_type")
    if datasources:
        return datasources[0][0].vault_type
    return find_by_name(name).vault_type if name else None


def possible_services(task: Task) -> list[BackupService]:
    """Open the vault that the options name, one of each kind where they do not say which; none where all vaults are meant."""
    _check_names(task.options)
    if not names_a_vault(task.options):
        return []
    vaults = find_possible_vaults(task, kind_of_vault(task))
    if task.options.get("subscription_ids"):
        raise BadInput("subscription_ids: set either this or a vault, not both; a vault is in one subscription")
    return [open_service(task.session, vault) for vault in vaults]


def look_in(task: Task, services: list[BackupService], look: Callable[[BackupService], Found]) -> Found:
    """Look for something in the vault that the options name. Raises NotFound where that does not exist, unless missing_ok is set.

    What was found in a vault proves that it exists, so that it is read only where nothing was found.
    """
    for service in services:
        found = look(service)
        if found or _may_exist(service):
            return found
    if task.options.get("missing_ok"):
        return found
    raise missing_vault(task.session, *(service.vault for service in services))


def _may_exist(service: BackupService) -> bool:
    try:
        return service.read_vault() is not None
    except Denied:
        # Who may not read the vault was still told what lies in it.
        return True


def subscriptions_of(task: Task) -> list[str]:
    """Give the subscriptions to search: the connection's own by default, none (which means every one) for all."""
    given = [str(value).strip() for value in task.options["subscription_ids"] or []]
    if [value.lower() for value in given] == ["all"]:
        return []
    wrong = [value for value in given if not GUID.fullmatch(value)]
    if wrong:
        raise BadInput(f"subscription_ids: {', '.join(wrong)}: each must be the GUID of a subscription, or all the only value")
    return given or [task.session.subscription_id]


def warn_of_empty_answer(task: Task, found: list[Described]) -> None:
    """Warn where nothing was found and the caller may not see what was searched."""
    if not found:
        warn_of_invisible(task.session, subscriptions_of(task), task.warn)


def time_range(task: Task) -> tuple[datetime | None, datetime | None]:
    """Read start_time and end_time. Raises BadInput."""
    now = task.clock.now()
    start, end = (read_moment(task.options[option], option, now) for option in ("start_time", "end_time"))
    if start and end and start >= end:
        raise BadInput("start_time, end_time: the start must be before the end")
    return start, end


def lies_where_asked(task: Task, vault_id: Any) -> bool:
    """Tell whether a vault lies in resource_group, which chooses among all vaults where none is named."""
    group = task.options["resource_group"]
    return names_a_vault(task.options) or not group or same_id(str(vault_id).split("/providers/", 1)[0].rsplit("/", 1)[-1], group)


def instances_of(task: Task, service: BackupService) -> list[Described]:
    """Read the instances of a vault: the named one by itself, all of them by the pages of the list."""
    name = task.options["instance_name"]
    if not name:
        return service.list_instances()
    instance = service.read_instance(name)
    return [instance] if instance else []
