# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What could be protected in whatever subscriptions, and how it is: a few questions to Resource Graph, however many there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ..azure.session import Session
from ..errors import AzureBackupError
from ..model.datasource_types import DATASOURCE_TYPES, DatasourceType, find_by_resource
from ..model.durations import parse_time
from ..model.resource_ids import parse_resource_id
from ..model.result_shapes import Described
from ..model.selection import Candidate, Selection
from .interface import JobQuery
from .search import find_deleted_instances, find_instances_with_times, find_jobs, find_resources, warn_of_invisible
from .selection import conditions_of

UNPROTECTED = "unprotected"


def find_datasources(
    session: Session,
    subscription_ids: list[str],
    types: list[str],
    days: int,
    warn: Callable[[str], None],
    selection: Selection,
) -> list[Described]:
    """Read the datasources of some types, by their ids, with how they are protected.

    types: names of rows of datasources; days: how far back to look for the last backup of what a Backup vault protects, 0 for not
    at all; warn: receives a text about what could not be read; selection: which of them.
    """
    datasource_types = [DATASOURCE_TYPES[name] for name in types]
    action, conditions = "search the subscriptions for datasources", conditions_of(selection)
    resources = find_resources(session, subscription_ids, datasource_types, action, conditions)
    known = ((wire, find_by_resource(wire, datasource_types)) for wire in resources)
    found = {str(wire["id"]).lower(): _describe(wire, one) for wire, one in known if one}
    if not found:
        warn_of_invisible(session, subscription_ids, warn)
    for instance in find_deleted_instances(session, subscription_ids, warn):
        _note(found, instance)
    # What is protected again counts more than what was deleted.
    for instance in find_instances_with_times(session, subscription_ids):
        _note(found, instance)
    found = {key: one for key, one in found.items() if _is_selected(one, selection)}
    if days:
        _note_last_backups(session, subscription_ids, days, found, warn)
    return sorted(found.values(), key=lambda one: str(one["datasource_id"]).lower())


def _describe(wire: dict[str, Any], datasource_type: DatasourceType) -> Described:
    datasource = parse_resource_id(str(wire["id"]), "id")
    return {
        "datasource_id": datasource.text,
        "datasource_name": datasource.name,
        "datasource_type": datasource_type.name,
        "subscription_id": datasource.subscription_id,
        "resource_group": datasource.resource_group,
        "location": wire.get("location"),
        "datasource_tags": wire.get("tags") or {},
        "protection_state": UNPROTECTED,
        "is_protected": False,
        "vault_id": None,
        "vault_name": None,
        "policy_name": None,
        "instance_name": None,
        "last_backup_time": None,
    }


def _is_selected(one: Described, selection: Selection) -> bool:
    datasource = parse_resource_id(str(one["datasource_id"]), "datasource_id")
    candidate = Candidate(datasource, str(one["datasource_type"]), policy_name=one["policy_name"])
    return selection.selects(candidate.with_resource({"location": one["location"], "tags": one["datasource_tags"]}))


def _note(found: dict[str, Described], instance: Described) -> None:
    one = found.get(str(instance["datasource_id"]).lower())
    if one is None:
        return
    vault = str(instance["vault_id"])
    one.update(
        protection_state=instance["state"],
        is_protected=instance["state"] != "soft_deleted",
        vault_id=vault,
        vault_name=vault.rsplit("/", 1)[-1],
        policy_name=instance["policy_name"],
        instance_name=instance["name"],
        last_backup_time=instance.get("last_backup_time"),
    )


def _note_last_backups(
    session: Session, subscription_ids: list[str], days: int, found: dict[str, Described], warn: Callable[[str], None]
) -> None:
    """Find the newest backup that succeeded of what Backup vaults protect, which do not tell it of their instances."""
    since = session.service_now() - timedelta(days=days)
    query = JobQuery(statuses=("completed", "completed_with_warnings"), started_after=since)
    try:
        jobs = find_jobs(session, subscription_ids, query, warn, "backup")
    except AzureBackupError as error:
        warn(f"cannot read the times of the last backups: {error.message}")
        return
    for job in jobs:
        one = found.get(str(job["datasource_id"]).lower())
        time = job["end_time"] or job["start_time"]
        if one and job["operation"] == "backup" and parse_time(time) and str(time) > str(one["last_backup_time"] or ""):
            one["last_backup_time"] = time
