# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How an estate is covered by backups: a few questions to Resource Graph, and reads of single vaults only where it does not know.

Resource Graph keeps the jobs of Backup vaults for 14 days, and does not have what they hold soft-deleted, nor what continuous
backup can be restored to. Each such read is counted.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..azure.session import Session
from ..concurrency import settle_each
from ..errors import AzureBackupError, BadInput
from ..model.coverage import ENDED, FAILED, SUCCEEDED, Objective, Objectives, Protected, is_continuous, judge
from ..model.datasource_types import DATASOURCE_TYPES, find_by_resource
from ..model.durations import parse_time
from ..model.resource_ids import parse_resource_id, same_id
from ..model.result_shapes import Described
from ..model.selection import Candidate, Selection
from .interface import BackupService, JobQuery
from .protection_states import STOPPED
from .registry import open_service
from .search import (
    find_deleted_instances,
    find_instances_with_times,
    find_invisible,
    find_jobs,
    find_last_backups,
    find_listed_vaults,
    find_policies,
    find_resources,
    list_subscriptions,
    told_in_part,
    told_whole,
)
from .selection import check_match, conditions_of

# How long Resource Graph keeps jobs (documented; RESTORE-AND-TYPES of the wire notes).
_DAYS_OF_JOBS = 14
_ASKED_AT_ONCE = 8
# A vault may lie in another subscription than what it protects.
_EVERYWHERE: list[str] = []
_MOST_IDS_IN_A_QUERY = 100
# What is protected counts more than what is stopped, and that more than what is deleted.
_WORTH = {STOPPED: 1, "soft_deleted": 0, "soft_deleting": 0}


# There may be 100,000 of them, so that each is small.
@dataclass(slots=True)
class Resource:
    """A resource that could be protected; exemption: why it need not be; protected: how it is, None where no vault knows it."""

    datasource_id: str
    datasource_type: str
    location: str | None
    tags: dict[str, str]
    exemption: str | None = None
    protected: Protected | None = None

    @property
    def candidate(self) -> Candidate:
        """The resource as selections and objectives look at it."""
        found = Candidate(parse_resource_id(self.datasource_id, "datasource_id"), self.datasource_type)
        return found.with_resource({"location": self.location, "tags": self.tags})

    def judge(self, objective: Objective, now: datetime) -> tuple[str, str]:
        """Give the verdict and its reason."""
        if self.exemption is not None:
            return "exempt", self.exemption or "its tag gives no reason"
        return judge(self.protected, objective, now)

    @property
    def vault_type(self) -> str:
        """The kind of vault that protects resources of this type."""
        return DATASOURCE_TYPES[self.datasource_type].vault_type


@dataclass
class Estate:
    """What was read of an estate.

    resources: what could be protected, by the lower-cased ids; instances: all that Resource Graph lists; orphans: instances
    whose resource does not exist any more or cannot be read; vaults: as results show them, with C(instances); failed_jobs:
    the last failed backups of what is failing; unreadable: what could not be read, with the reason; reads: how many reads
    beside Resource Graph there were, by what was read.
    """

    resources: dict[str, Resource] = field(default_factory=dict)
    instances: Sequence[Described] = ()
    orphans: list[Described] = field(default_factory=list)
    vaults: list[Described] = field(default_factory=list)
    failed_jobs: list[Described] = field(default_factory=list)
    unreadable: list[Described] = field(default_factory=list)
    reads: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, reason: str) -> None:
        """Note something that could not be read."""
        self.unreadable.append({"what": what, "reason": reason})


class CoverageReader:
    """Reads an estate.

    most_reads: how many recovery points and time ranges are asked for at most, an instance a read; reads_vaults, reads_deleted:
    whether vaults, and what Backup vaults hold soft-deleted, are read, which takes requests to single vaults.
    """

    def __init__(
        self, session: Session, selection: Selection, most_reads: int, reads_vaults: bool = True, reads_deleted: bool = True
    ) -> None:
        self._session = session
        self._selection = selection
        self._most_reads = most_reads
        self._reads_vaults = reads_vaults
        self._reads_deleted = reads_deleted
        self._subscriptions = selection.subscription_ids(session.subscription_id)
        self.estate = Estate()

    def read(self) -> Estate:
        """Read everything but what read_points adds. Raises AzureBackupError where the estate as such cannot be read."""
        estate, session = self.estate, self._session
        kinds = self._selection.datasource_types
        action = "search the subscriptions for datasources"
        rows = find_resources(session, self._subscriptions, kinds, action, conditions_of(self._selection))
        while rows:
            # What was looked at is not needed any more.
            row = rows.pop()
            kind = find_by_resource(row, kinds)
            if kind is None:
                continue
            location = sys.intern(str(row["location"])) if row.get("location") else None
            resource = Resource(str(row["id"]), kind.name, location, row.get("tags") or {})
            candidate = resource.candidate
            if self._selection.matches(candidate):
                resource.exemption = self._selection.reason_of_exemption(candidate)
                estate.resources[candidate.datasource.key] = resource
        if not estate.resources:
            check_match(self._selection, f"{self._selection.at} matches nothing")
        self._note_invisible()
        instances = find_instances_with_times(session, _EVERYWHERE)
        estate.instances = instances
        policies = self._read_policies()
        if self._reads_vaults:
            self._read_vaults(instances)
        for instance in instances:
            self._take(instance, policies)
        if self._reads_deleted:
            self._read_deleted()
        self._read_jobs()
        return estate

    def _note_invisible(self) -> None:
        """Note the subscriptions that the caller may not see, of which Resource Graph answers nothing."""
        for name in find_invisible(self._session, self._subscriptions):
            self.estate.note(f"/subscriptions/{name}", "the caller may not see this subscription; grant Reader on it")
        if not self._subscriptions and not list_subscriptions(self._session):
            self.estate.note("all subscriptions", "the caller may not see any subscription; grant Reader on them")

    def _read_policies(self) -> dict[str, Described]:
        try:
            return {str(policy["id"]).lower(): policy for policy in find_policies(self._session, _EVERYWHERE)}
        except AzureBackupError as error:
            self.estate.note("backup policies", error.message)
            return {}

    def _read_vaults(self, instances: Sequence[Described]) -> None:
        try:
            listed = find_listed_vaults(self._session, self._subscriptions)
        except AzureBackupError as error:
            self.estate.note("vaults", error.message)
            return
        count = Counter(str(one["vault_id"]).lower() for one in instances)
        self.estate.reads["vaults"] += len(told_in_part(listed))
        vaults = told_whole(self._session, listed)
        self.estate.vaults = [{**vault, "instances": count[str(vault["id"]).lower()]} for vault in vaults]

    def _take(self, instance: Described, policies: dict[str, Described]) -> None:
        key = str(instance["datasource_id"] or "").lower().rstrip("/")
        resource = self.estate.resources.get(key)
        if resource is None:
            if instance["datasource_type"] in DATASOURCE_TYPES and self._is_alone(instance):
                self.estate.orphans.append(instance)
            return
        if resource.protected is not None and _worth(resource.protected.instance) >= _worth(instance):
            return
        resource.protected = Protected(
            instance,
            policies.get(str(instance["policy_id"] or "").lower()),
            parse_time(instance.get("last_backup_time")),
            last_job=instance.get("last_backup"),
        )

    def _is_alone(self, instance: Described) -> bool:
        """Tell whether a selection that says nothing of resources takes an instance whose resource was not found."""
        datasource = parse_resource_id(str(instance["datasource_id"]), "datasource_id")
        searched = {name.lower() for name in self._subscriptions}
        is_here = not searched or datasource.subscription_id.lower() in searched
        candidate = Candidate(datasource, str(instance["datasource_type"]))
        return is_here and not self._selection.needs_resources and self._selection.matches(candidate)

    def _read_deleted(self) -> None:
        """Find what Backup vaults hold soft-deleted of what is not protected; that only the vaults themselves tell."""
        resources = self.estate.resources
        if not any(one.protected is None and one.vault_type == "backup" for one in resources.values()):
            return
        self.estate.reads["vaults"] += sum(vault["vault_type"] == "backup" for vault in self.estate.vaults)
        try:
            deleted = find_deleted_instances(
                self._session, self._subscriptions, lambda told: self.estate.note("deleted backups", told)
            )
        except AzureBackupError as error:
            self.estate.note("deleted backups", error.message)
            return
        for instance in deleted:
            resource = resources.get(str(instance["datasource_id"] or "").lower().rstrip("/"))
            if resource and resource.protected is None:
                resource.protected = Protected(instance)

    def _read_jobs(self) -> None:
        """Find the last backups of what Backup vaults protect, which do not tell it of their instances."""
        active = {
            key: one.protected
            for key, one in self.estate.resources.items()
            if one.protected and one.vault_type == "backup" and not is_continuous(one.protected.policy)
        }
        if not active:
            return
        for key, known in active.items():
            # A continuous backup has no jobs, and only the policy tells that it is one.
            if known.policy is None and DATASOURCE_TYPES[self.estate.resources[key].datasource_type].continuous_store:
                known.problem = "its policy could not be read, so that it is not known how it is backed up"
        since = self._session.service_now() - timedelta(days=_DAYS_OF_JOBS)
        ask = functools.partial(find_last_backups, self._session, _EVERYWHERE, since)
        try:
            good, ended = ask(SUCCEEDED), ask((*SUCCEEDED, *FAILED))
        except AzureBackupError as error:
            self.estate.note("backup jobs", error.message)
            for known in active.values():
                known.problem = f"its backup jobs could not be read: {error.message}"
            return
        failing = []
        for key, known in active.items():
            # Another vault may have protected the datasource before.
            instance = str(known.instance["id"]).lower()
            known.last_point = parse_time((good.get(instance) or {}).get("start_time"))
            known.has_read = False
            last = ended.get(instance)
            if last and last["status"] in FAILED:
                failing.append(key)
            known.last_job = last
        self._read_failures(failing, active, since)

    def _read_failures(self, failing: list[str], active: dict[str, Protected], since: datetime) -> None:
        """Read the failed backups of what failed last, for their codes and their number in a row."""
        for begin in range(0, len(failing), _MOST_IDS_IN_A_QUERY):
            keys = frozenset(failing[begin : begin + _MOST_IDS_IN_A_QUERY])
            query = JobQuery(statuses=FAILED, operations=("backup",), datasource_keys=keys, started_after=since)
            try:
                jobs = find_jobs(self._session, _EVERYWHERE, query, lambda _told: None, "backup")
            except AzureBackupError as error:
                self.estate.note("failed backup jobs", error.message)
                return
            for key in keys:
                known = active[key]
                own = [job for job in jobs if same_id(job["instance_id"], known.instance["id"])]
                row = [
                    job for job in own if known.last_point is None or (parse_time(job["start_time"]) or since) > known.last_point
                ]
                known.failures = len(row)
                if row:
                    known.last_job = with_first_error(max(row, key=lambda job: str(job["start_time"])))
                    self.estate.failed_jobs.append(known.last_job)

    def read_points(self, objectives: Objectives, newest: Mapping[str, datetime] | None = None) -> dict[str, Objective]:
        """Ask the vaults themselves about what Resource Graph does not know: weekly and monthly backups, and continuous ones.

        newest: recovery points by the lower-cased ids of instances, which are not asked about while they are good enough.
        What is beyond most_reads becomes unknown. Gives the objectives by the keys of what is protected.
        """
        wanted = self._objectives_of_each(objectives)
        due = {
            key: one.protected
            for key, one in self.estate.resources.items()
            if one.protected and one.exemption is None and one.vault_type == "backup" and _is_due(one.protected, wanted[key])
        }
        now = self._session.service_now()
        for key, one in list(due.items()):
            point, seconds = (newest or {}).get(str(one.instance["id"]).lower()), wanted[key].seconds
            if point and seconds and (now - point).total_seconds() <= seconds:
                one.last_point, one.has_read = point, True
                del due[key]
        asked, left = dict(list(due.items())[: self._most_reads]), list(due.values())[self._most_reads :]
        self.estate.reads["recovery_points"] += len(asked)
        services: dict[str, BackupService] = {}
        for known in asked.values():
            vault = str(known.instance["vault_id"])
            services.setdefault(vault.lower(), open_service(self._session, parse_resource_id(vault, "vault_id")))

        def ask(known: Protected) -> datetime | None:
            service = services[str(known.instance["vault_id"]).lower()]
            if is_continuous(known.policy):
                ranges = service.list_restorable_ranges(known.instance)
                # Azure answers a range that ends before it begins where there is none (recorded).
                return _latest(one["end_time"] for one in ranges if str(one["start_time"]) < str(one["end_time"]))
            return _latest(point["time"] for point in service.list_recovery_points(str(known.instance["name"])))

        answers = settle_each(list(asked.values()), ask, _ASKED_AT_ONCE)
        for (key, known), answer in zip(asked.items(), answers, strict=True):
            if isinstance(answer, AzureBackupError):
                known.problem = f"its recovery points could not be read: {answer.message}"
                self.estate.note(self.estate.resources[key].datasource_id, known.problem)
            else:
                known.last_point, known.has_read = answer, True
        for known in left:
            known.problem = "its recovery points were not read, because max_point_reads was reached"
        if left:
            told = f"max_point_reads is {self._most_reads}; raise it to {len(due)}"
            self.estate.note(f"recovery points of {len(left)} backup instance(s)", told)
        return wanted

    def _objectives_of_each(self, objectives: Objectives) -> dict[str, Objective]:
        wanted = {}
        for key, one in self.estate.resources.items():
            if one.protected:
                try:
                    wanted[key] = objectives.of(one.candidate, one.protected.policy)
                except BadInput as error:
                    wanted[key], one.protected.problem = Objective(None, "tag"), error.message
        return wanted


def _is_due(known: Protected, objective: Objective) -> bool:
    """Tell whether Resource Graph cannot tell how old the newest recovery point of something is that is backed up."""
    if known.problem or known.instance["state"] in ENDED:
        return False
    is_old = known.last_point is None and (objective.seconds or 0) > _DAYS_OF_JOBS * 86400
    return is_continuous(known.policy) or is_old


def _worth(instance: Described) -> int:
    return _WORTH.get(str(instance["state"]), 2)


def _latest(times: Iterable[Any]) -> datetime | None:
    return max((moment for moment in map(parse_time, times) if moment), default=None)


def with_first_error(job: Described) -> Described:
    """Give a job with the code, message and recommended action of its first error beside it."""
    error: Described = next(iter(job["errors"]), {})
    return {
        **job,
        "error_code": error.get("code"),
        "message": error.get("message"),
        "recommended_action": error.get("recommended_action"),
    }
