# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What lies in all vaults of all subscriptions, by Resource Graph instead of vault by vault."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from ..azure.resource_graph import quote, run_query
from ..azure.session import API_VERSIONS, Session
from ..concurrency import settle_each
from ..errors import AzureBackupError, NotFound
from ..model.datasource_types import DatasourceType
from ..model.durations import format_time, parse_time
from ..model.resource_ids import group_id, parse_resource_id
from ..model.result_shapes import Described
from .data_protection.vault import list_deleted_vaults
from .data_protection.wire import graph_tables as backup_tables
from .data_protection.wire.vaults import describe_deleted
from .interface import EVERY_JOB, BackupService, GraphTable, JobQuery
from .recovery_services.wire import graph_tables as recovery_services_tables
from .registry import open_service
from .vault_interface import VAULT_RESOURCE_TYPES

# By kind of vault.
_VAULTS = {"backup": backup_tables.VAULTS, "recovery_services": recovery_services_tables.VAULTS}
_INSTANCES = {"backup": backup_tables.INSTANCES, "recovery_services": recovery_services_tables.INSTANCES}
_INSTANCES_WITH_TIMES = {**_INSTANCES, "recovery_services": recovery_services_tables.INSTANCES_WITH_TIMES}
_POLICIES = {"backup": backup_tables.POLICIES, "recovery_services": recovery_services_tables.POLICIES}
# Resource Graph has no jobs of Recovery Services vaults that tell what is needed.
_JOBS = {"backup": backup_tables.JOBS}
# More ids than these are not put into a query; the rows are chosen here then.
_MOST_IDS_IN_A_QUERY = 100
_ASKED_AT_ONCE = 8


def list_vaults(session: Session, subscription_id: str, resource_group: str | None = None) -> list[Described]:
    """Read the vaults of a subscription or of one of its resource groups, as they are at this moment."""
    scope = group_id(subscription_id, resource_group) if resource_group else f"/subscriptions/{subscription_id}"
    found = []
    for kind, table in _VAULTS.items():
        resource_type = VAULT_RESOURCE_TYPES[kind]
        url = f"{scope}/providers/{resource_type}"
        try:
            listed = session.read_all(url, f"list the vaults of {scope}", API_VERSIONS[resource_type.split("/", maxsplit=1)[0]])
        except NotFound:
            continue
        found += told_whole(session, [table.describe(wire) for wire in listed])
    return found


def told_in_part(vaults: list[Described]) -> list[Described]:
    """Give those vaults of which a list tells only a part."""
    return [vault for vault in vaults if vault["soft_delete"]["state"] is None]


def told_whole(session: Session, vaults: list[Described]) -> list[Described]:
    """Read those vaults by themselves that are told_in_part; what cannot be read stays as it is."""
    partial = told_in_part(vaults)
    services = [open_service(session, parse_resource_id(vault["id"], "id")) for vault in partial]
    read = settle_each(services, lambda service: service.read_vault(), _ASKED_AT_ONCE)
    whole = {str(vault["id"]).lower(): vault for vault in read if isinstance(vault, dict)}
    return [whole.get(str(vault["id"]).lower(), vault) for vault in vaults]


def find_vaults(session: Session, subscription_ids: list[str]) -> list[Described]:
    """Read the vaults of subscriptions."""
    return told_whole(session, find_listed_vaults(session, subscription_ids))


def find_listed_vaults(session: Session, subscription_ids: list[str]) -> list[Described]:
    """Read the vaults of subscriptions as Resource Graph lists them, some of them told_in_part."""
    return _find(session, _VAULTS, subscription_ids, "search the vaults of the subscriptions", [])


def list_subscriptions(session: Session) -> list[str]:
    """Read which subscriptions the caller may see."""
    listed = session.read_all("/subscriptions", "list the subscriptions", API_VERSIONS["Microsoft.Resources"])
    return [str(item["subscriptionId"]) for item in listed]


def find_invisible(session: Session, subscription_ids: list[str]) -> list[str]:
    """Tell which of some subscriptions the caller may not see: Resource Graph answers nothing for them."""
    return _hidden(subscription_ids, list_subscriptions(session)) if subscription_ids else []


def _hidden(subscription_ids: list[str], visible: list[str]) -> list[str]:
    known = {name.lower() for name in visible}
    return [name for name in subscription_ids if name.lower() not in known]


def warn_of_invisible(session: Session, subscription_ids: list[str], warn: Callable[[str], None]) -> None:
    """Warn of subscriptions that the caller may not see; subscription_ids: which were searched, empty for all."""
    try:
        visible = list_subscriptions(session)
    except AzureBackupError:
        return
    hidden = _hidden(subscription_ids, visible)
    if not visible:
        warn("the caller may not see any subscription, so nothing was found; it needs the role Reader or Backup Reader")
    elif hidden:
        warn(f"the caller may not see the subscription(s) {', '.join(hidden)}, so nothing was found there")


def find_deleted_vaults(session: Session, subscription_ids: list[str], location: str) -> list[Described]:
    """Read the vaults of subscriptions that were deleted in a region and can be brought back. Only Backup vaults can."""
    return [
        describe_deleted(wire)
        for subscription_id in subscription_ids
        for wire in list_deleted_vaults(session, subscription_id, location)
    ]


def find_instances(
    session: Session, subscription_ids: list[str], datasource_ids: list[str], kind: str | None = None
) -> list[Described]:
    """Read the backup instances of subscriptions; datasource_ids: only these, where any are given; kind: of the vault."""
    wanted = {text.lower() for text in datasource_ids}
    found = _find(
        session, _of_kind(_INSTANCES, kind), subscription_ids, "search the backup instances of the subscriptions", datasource_ids
    )
    return [item for item in found if not wanted or str(item["datasource_id"]).lower() in wanted]


def find_instances_with_times(session: Session, subscription_ids: list[str]) -> list[Described]:
    """Read the backup instances of subscriptions, with C(last_backup_time) where their kind of vault tells it of them."""
    tables = _INSTANCES_WITH_TIMES
    return _find(session, tables, subscription_ids, "search the backup instances of the subscriptions", [])


def find_policies(session: Session, subscription_ids: list[str]) -> list[Described]:
    """Read the policies of the vaults of subscriptions."""
    return _find(session, _POLICIES, subscription_ids, "search the backup policies of the subscriptions", [])


def find_last_backups(
    session: Session, subscription_ids: list[str], started_after: datetime, statuses: tuple[str, ...]
) -> dict[str, Described]:
    """Read the last backup of each instance that ended with one of some statuses, by the lower-cased id: its start_time, status.

    Resource Graph chooses them, since all jobs of a large estate would be too many to read. It knows those of Backup vaults, for
    14 days.
    """
    table = backup_tables.JOBS
    words = [word for status in statuses for word in table.statuses.get(status, (status,))]
    query = " | ".join(
        [
            table.table,
            f"where type =~ {quote(table.resource_type)}",
            "where properties.operationCategory =~ 'Backup'",
            f"where {table.status_path} in~ ({', '.join(map(quote, words))})",
            f"where todatetime({table.start_path}) >= datetime({format_time(started_after)})",
            "extend instance = tolower(tostring(properties.backupInstanceId))",
            f"extend started = todatetime({table.start_path})",
            f"extend status = tostring({table.status_path})",
            "summarize arg_max(started, status) by instance",
            "project id = instance, started, status",
            "order by id asc",
        ]
    )
    rows = run_query(session, query, subscription_ids, "search the last backups of the subscriptions")
    known = {word.lower(): status for status, listed in table.statuses.items() for word in listed}
    return {
        str(row["id"]): {
            "start_time": format_time(parse_time(row["started"])),
            "status": known.get(str(row["status"]).lower(), str(row["status"]).lower()),
        }
        for row in rows
    }


def find_deleted_instances(session: Session, subscription_ids: list[str], warn: Callable[[str], None]) -> list[Described]:
    """Read what Backup vaults still hold soft-deleted, vault by vault; Recovery Services vaults list it among the others.

    warn: receives a text about vaults that cannot be read.
    """
    vaults = _find(session, _of_kind(_VAULTS, "backup"), subscription_ids, "search the vaults of the subscriptions", [])
    told, failures = _ask_each(session, vaults, lambda service: service.list_deleted_instances())
    for vault, error in failures.items():
        warn(f"the soft-deleted backup instances of vault {vault} are omitted: {error.message}")
    return told


def _ask_each(
    session: Session, vaults: list[Described], ask: Callable[[BackupService], list[Described]]
) -> tuple[list[Described], dict[str, AzureBackupError]]:
    """Ask every vault, several at once; gives what they told, and by its id the error of each that told nothing."""
    services = [open_service(session, parse_resource_id(vault["id"], "id")) for vault in vaults]
    told: list[Described] = []
    failures = {}
    for service, answer in zip(services, settle_each(services, ask, _ASKED_AT_ONCE), strict=True):
        if isinstance(answer, AzureBackupError):
            failures[service.vault.text] = answer
        else:
            told += answer
    return told, failures


def find_resources(
    session: Session,
    subscription_ids: list[str],
    datasource_types: Iterable[DatasourceType],
    action: str,
    conditions: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Read the resources of some types as Resource Graph has them: id, type, location, tags, and what tells types apart.

    conditions: steps of the query that leave some of them out.
    """
    types = list(datasource_types)
    if not types:
        return []
    kinds = ", ".join(sorted({quote(one.resource_type.lower()) for one in types}))
    telling = sorted({one.kind_property[0] for one in types if one.kind_property})
    # Whole resources would be ten times as much to read.
    columns = ", ".join(["id", "type", "location", "tags", *(f"{name} = properties.{name}" for name in telling)])
    query = " | ".join(["resources", f"where type in~ ({kinds})", *conditions, f"project {columns}", "order by id asc"])
    rows = run_query(session, query, subscription_ids, action)
    return [{**row, "properties": {name: row.pop(name, None) for name in telling}} for row in rows]


def _of_kind(tables: dict[str, GraphTable], kind: str | None) -> dict[str, GraphTable]:
    return {name: table for name, table in tables.items() if kind in (None, name)}


def find_jobs(
    session: Session, subscription_ids: list[str], query: JobQuery, warn: Callable[[str], None], kind: str | None = None
) -> list[Described]:
    """Read the backup jobs of subscriptions that a query asks for.

    warn: receives a text about vaults whose jobs cannot be read; kind: of the vault.
    Raises AzureBackupError where no vault tells its jobs.
    """
    ids = sorted(query.datasource_keys)
    found = _find(session, _of_kind(_JOBS, kind), subscription_ids, "search the backup jobs of the subscriptions", ids, query)
    tables = {name: table for name, table in _of_kind(_VAULTS, kind).items() if name not in _JOBS}
    asked = _find(session, tables, subscription_ids, "search the vaults of the subscriptions", [])
    told, failures = _ask_each(session, asked, lambda service: service.list_jobs(query))
    if failures and len(failures) == len(asked):
        raise next(iter(failures.values()))
    for vault, error in failures.items():
        warn(f"the jobs of vault {vault} are omitted: {error.message}")
    found += told
    return [job for job in found if query.matches(job)]


def _find(
    session: Session,
    tables: dict[str, GraphTable],
    subscription_ids: list[str],
    action: str,
    datasource_ids: list[str],
    query: JobQuery = EVERY_JOB,
) -> list[Described]:
    found = []
    for table in tables.values():
        parts = [table.table, f"where type =~ {quote(table.resource_type)}"]
        if table.datasource_path and 0 < len(datasource_ids) <= _MOST_IDS_IN_A_QUERY:
            parts.append(f"where {table.datasource_path} in~ ({', '.join(map(quote, datasource_ids))})")
        if table.status_path and query.statuses:
            words = [word for status in query.statuses for word in table.statuses.get(status, (status,))]
            parts.append(f"where {table.status_path} in~ ({', '.join(map(quote, words))})")
        limits = (
            (table.start_path, ">=", query.started_after),
            (table.start_path, "<", query.started_before),
            (table.end_path, ">=", query.ended_after),
        )
        for path, operator, moment in limits:
            if path and moment:
                parts.append(f"where todatetime({path}) {operator} datetime({format_time(moment)})")
        parts.append("order by id asc")
        listed = run_query(session, " | ".join(parts), subscription_ids, action)
        found += [table.describe(wire) for wire in listed]
    return found
