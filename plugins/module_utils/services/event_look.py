# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""One look at the backups of an estate, for what has happened since the one before (event source backup_events).

Resource Graph answers nearly all of it. Vaults are asked themselves for their settings, about instances that are not there any
more, and for recovery points that Resource Graph does not know.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ..azure.session import Session
from ..errors import AzureBackupError, NotFound, sentences
from ..model.coverage import FAILED, SUCCEEDED, Objective, Objectives, Protected, interval_of, judge
from ..model.durations import format_time, is_between, parse_time, read_seconds
from ..model.events import Look, Memory, Signal, describe_datasource, describe_vault, settings_of
from ..model.resource_ids import parse_resource_id, same_id
from ..model.result_shapes import Described
from ..model.selection import Selection
from .coverage import CoverageReader, Estate, Resource, with_first_error
from .interface import BackupService, JobQuery
from .protection_states import BROKEN, STOPPED, SUSPENDED
from .registry import open_service
from .search import find_jobs

# Resource Graph may show a job that much later than it ended.
_SECONDS_OF_LAG = 3600
_SECONDS_A_DAY = 86400.0
_EVERYWHERE: list[str] = []
# What the state of a resource and of its instance decides.
_OF_STATE = ("unprotected", "protection_error", "protection_stopped", "soft_deleted")
_NO_OBJECTIVE = Objective(None, None)
_JOB_KEYS = ("id", "name", "operation", "status", "start_time", "end_time", "error_code", "message", "recommended_action")


class LookReader:
    """Takes a look.

    selection, objectives: as in backup_coverage_info; kinds: of the events that are wanted, which says what has to be read;
    most_reads: of recovery points at most; unprotected_after: seconds after which a resource without protection is told;
    drill_reports: of the role restore_drill; before: what is remembered of the looks before, None at the first one.
    """

    def __init__(
        self,
        session: Session,
        selection: Selection,
        objectives: Objectives,
        kinds: Collection[str],
        most_reads: int,
        unprotected_after: float,
        drill_reports: Sequence[Mapping[str, Any]],
        before: Memory | None,
    ) -> None:
        self._session = session
        self._objectives = objectives
        self._kinds = kinds
        self._unprotected_after = unprotected_after
        self._drill_reports = drill_reports
        self._before = before
        self._reader = CoverageReader(
            session,
            selection,
            most_reads,
            reads_vaults="vault_weakened" in kinds,
            # Later on it is known what was there, and only about that vaults are asked.
            reads_deleted=before is None and "soft_deleted" in kinds,
        )
        self._look = Look(datetime.min)
        self._undecided: set[str] = set()
        # By the lower-cased ids of vaults.
        self._deleted: dict[str, list[Described]] = {}

    def read(self) -> tuple[Look, list[Described]]:
        """Give the look, and what could not be read: C(what), C(reason). Raises AzureBackupError where nothing can be read."""
        estate = self._reader.read()
        before = self._before
        look = self._look = Look(self._session.service_now())
        self._remember(estate)
        if before is not None:
            self._find_missing(before, estate)
        wanted: dict[str, Objective] = {}
        if "rpo_missed" in self._kinds:
            points = {key: moment for key, text in (before.points if before else {}).items() if (moment := parse_time(text))}
            wanted = self._reader.read_points(self._objectives, points)
        for key, resource in estate.resources.items():
            if resource.exemption is None and (resource.protected is not None or key not in self._undecided):
                self._take(key, resource, wanted.get(key, _NO_OBJECTIVE))
        for instance in estate.orphans:
            self._take_instance(str(instance["datasource_id"]).lower(), _about(instance), instance)
        self._take_jobs(estate)
        self._take_drills(estate)
        return look, estate.unreadable

    def _remember(self, estate: Estate) -> None:
        """Keep what the next look is compared with."""
        look = self._look
        protected = [one.protected for one in estate.resources.values() if one.protected]
        for instance in [*(one.instance for one in protected), *estate.orphans]:
            if instance["state"] == "soft_deleted":
                look.deleted[str(instance["id"]).lower()] = self._with_purge_time(instance)
            else:
                keys = ("id", "name", "vault_id", "datasource_id", "policy_id")
                look.instances[str(instance["id"]).lower()] = {key: instance[key] for key in keys}
        look.policies = {str(one.policy["id"]).lower(): _strength_of(one.policy) for one in protected if one.policy}
        look.vaults = {str(vault["id"]).lower(): {"id": vault["id"], "settings": settings_of(vault)} for vault in estate.vaults}

    def _with_purge_time(self, instance: Described) -> Described:
        """Give a soft-deleted instance with the time until which it can be undeleted, which only its vault may know."""
        known = self._before.deleted.get(str(instance["id"]).lower()) if self._before else None
        if known and not instance.get("purge_time"):
            instance["purge_time"] = known.get("purge_time")
        elif not instance.get("purge_time"):
            try:
                told = [one for one in self._list_deleted(str(instance["vault_id"])) if same_id(one["id"], instance["id"])]
            except AzureBackupError:
                told = []
            instance["purge_time"] = told[0].get("purge_time") if told else None
        return instance

    def _open(self, vault_id: str) -> BackupService:
        return open_service(self._session, parse_resource_id(vault_id, "vault_id"))

    def _list_deleted(self, vault_id: str) -> list[Described]:
        """Read what a vault holds soft-deleted, once a look. Raises AzureBackupError."""
        if vault_id.lower() not in self._deleted:
            self._deleted[vault_id.lower()] = self._open(vault_id).list_deleted_instances()
        return self._deleted[vault_id.lower()]

    def _find_missing(self, before: Memory, estate: Estate) -> None:
        """Find out what has become of instances that are not there any more: deleted for good, soft-deleted, or not readable."""
        look = self._look
        missing: dict[str, list[str]] = {}
        listed = {str(one["id"]).lower() for one in estate.instances}
        for key, instance in before.instances.items():
            if key in look.instances or key in look.deleted:
                continue
            if key in listed:
                # It is there, and its resource is not selected any more, or gone.
                look.instances[key] = instance
            else:
                missing.setdefault(str(instance["vault_id"]), []).append(key)
        still_deleted = {key: one for key, one in before.deleted.items() if key not in look.instances and _is_kept(one, look)}
        look.deleted = {**still_deleted, **look.deleted}
        for vault_id, keys in missing.items():
            try:
                deleted = self._list_deleted(vault_id)
                # Resource Graph may lag behind.
                there = set(keys) & {str(one["id"]).lower() for one in self._open(vault_id).list_instances()}
            except NotFound:
                continue
            except AzureBackupError as error:
                estate.note(vault_id, error.message)
                deleted, there = [], set(keys)
            for key in there:
                look.instances[key] = before.instances[key]
                self._undecided.add(str(before.instances[key]["datasource_id"]).lower())
            datasources = {str(before.instances[key]["datasource_id"]).lower() for key in set(keys) - there}
            look.deleted |= {str(one["id"]).lower(): one for one in deleted if str(one["datasource_id"]).lower() in datasources}
        for instance in look.deleted.values():
            key = str(instance["datasource_id"]).lower()
            resource = estate.resources.get(key)
            if resource is None:
                self._take_instance(key, _about(instance), instance)
            elif resource.protected is None:
                resource.protected = Protected(instance)

    def _take(self, key: str, resource: Resource, objective: Objective) -> None:
        """Take the signals of a resource."""
        look, known = self._look, resource.protected
        about: Described = {"datasource": _describe(resource)}
        name = about["datasource"]["name"]
        look.known |= {f"{kind}|{key}" for kind in _OF_STATE}
        if known is None:
            msg = f"no vault protects '{name}'. Protect it, or exempt it by a tag (exempt_tag in select)"
            body = {**about, "msg": msg}
            look.signals.append(Signal("unprotected", key, "", body, self._unprotected_after))
            return
        about |= _about(known.instance, with_datasource=False)
        # Failed backups do not hide how old the newest recovery point is.
        verdict, reason = judge(replace(known, last_job=None), objective, look.taken_at)
        if verdict in ("covered", "stale"):
            look.known.add(f"rpo_missed|{key}")
        self._take_instance(key, about, known.instance)
        instance_id = str(known.instance["id"]).lower()
        # Resource Graph forgets the backup that made it.
        point = format_time(known.last_point) or (self._before.points.get(instance_id) if self._before else None)
        if point:
            look.points[instance_id] = point
        if verdict == "stale":
            # What has just been protected has no recovery point until its first backup.
            patience = 0.0 if point else (objective.seconds or _SECONDS_A_DAY)
            look.signals.append(
                Signal(
                    "rpo_missed",
                    key,
                    point or "never",
                    {**about, "msg": f"'{name}' misses its recovery point objective: {reason}"},
                    patience,
                )
            )

    def _take_instance(self, key: str, about: Described, instance: Described) -> None:
        """Take what the state of an instance tells."""
        state, name = str(instance["state"]), f"'{about['datasource']['name']}' in vault '{about['vault']['name']}'"
        signals = self._look.signals
        if state in BROKEN:
            codes = "+".join(sorted(str(error["code"]) for error in instance["errors"]))
            told = "; ".join(str(error["message"]) for error in instance["errors"]) or f"its state is {state}"
            body = {**about, "error": {"code": codes or None, "message": told}}
            signals.append(
                Signal("protection_error", key, codes, {**body, "msg": f"the protection of {name} has an error: {told}"})
            )
        elif state in (STOPPED, SUSPENDED):
            word = "protection of {name} was stopped" if state == STOPPED else "backups of {name} were suspended"
            msg = f"the {word.format(name=name)}, and no new backups are made. To resume, use backup_instance with state present"
            signals.append(Signal("protection_stopped", key, state, {**about, "msg": msg}))
        elif state == "soft_deleted":
            until = instance.get("purge_time")
            told = f"the backups of {name} were soft-deleted" + (f" and can be undeleted until {until}" if until else "")
            body = {**about, "purge_time": until, "msg": f"{told}. To undelete them, use backup_instance with undelete"}
            if instance.get("deletion_time"):
                body["time"] = instance["deletion_time"]
            signals.append(Signal("soft_deleted", key, str(instance.get("deletion_time") or ""), body))

    def _take_jobs(self, estate: Estate) -> None:
        """Take jobs that have ended: of Backup vaults by Resource Graph, of Recovery Services vaults each item's last backup."""
        kinds = {"job_failed": FAILED, "job_completed": SUCCEEDED}
        statuses = tuple(word for kind, words in kinds.items() if kind in self._kinds for word in words)
        if not statuses:
            return
        before = parse_time(self._before.jobs_since) if self._before else None
        # Before the first look nothing is told, so that nothing has to be read.
        since = (before or self._look.taken_at) - timedelta(seconds=_SECONDS_OF_LAG)
        try:
            jobs = find_jobs(
                self._session, _EVERYWHERE, JobQuery(statuses=statuses, ended_after=since), lambda _told: None, "backup"
            )
        except AzureBackupError as error:
            estate.note("backup jobs", error.message)
            self._look.jobs_read, jobs = False, []
        for job in jobs:
            self._take_job(estate, str(job["datasource_id"] or "").lower(), str(job["id"]).lower(), with_first_error(job))
        for key, resource in estate.resources.items():
            if resource.vault_type == "recovery_services" and resource.protected and resource.protected.last_job:
                job = {"operation": "backup", **resource.protected.last_job}
                if job["status"] in statuses and is_between(job["end_time"], since, None):
                    self._take_job(estate, key, f"{str(resource.protected.instance['id']).lower()}@{job['end_time']}", job)

    def _take_job(self, estate: Estate, key: str, mark: str, job: Described) -> None:
        resource = estate.resources.get(key)
        if resource is None or resource.exemption is not None:
            return
        about: Described = {"datasource": _describe(resource)}
        if resource.protected:
            about |= _about(resource.protected.instance, with_datasource=False)
        if job.get("vault_id"):
            about["vault"] = describe_vault(str(job["vault_id"]))
        is_failed = job["status"] in FAILED
        operation, status = (str(job.get(key) or "job").replace("_", " ") for key in ("operation", "status"))
        where = f" in vault '{about['vault']['name']}'" if about.get("vault") else ""
        told = [f"{operation} of '{about['datasource']['name']}'{where} {status}"]
        told += [str(job[key]) for key in ("error_code", "message") if job.get(key)]
        msg = sentences([": ".join(told), job.get("recommended_action") if is_failed else None])
        body = {**about, "job": {name: job.get(name) for name in _JOB_KEYS}, "msg": msg}
        if job.get("end_time"):
            body["time"] = job["end_time"]
        self._look.signals.append(Signal("job_failed" if is_failed else "job_completed", key, mark, body))

    def _take_drills(self, estate: Estate) -> None:
        """Take what failed in the newest drills."""
        for report in self._drill_reports:
            for one in report.get("datasources") or []:
                resource = estate.resources.get(str(one.get("datasource_id") or "").lower()) if isinstance(one, dict) else None
                if resource is None:
                    continue
                self._look.known.add(f"drill_failed|{resource.datasource_id.lower()}")
                if one.get("status") != "failed":
                    continue
                about = _describe(resource)
                generated = str(report.get("generated"))
                drill = {"time": generated, "status": "failed", "reason": one.get("reason")}
                told = f"the restore drill of '{about['name']}' failed: {one.get('reason')}"
                body = {"datasource": about, "drill": drill, "time": generated, "msg": told}
                self._look.signals.append(Signal("drill_failed", about["id"].lower(), generated, body))


def _describe(resource: Resource) -> Described:
    return describe_datasource(resource.datasource_id, resource.datasource_type, resource.location, resource.tags)


def _about(instance: Described, with_datasource: bool = True) -> Described:
    """Give the fields of an event that an instance tells."""
    about: Described = {"vault": describe_vault(str(instance["vault_id"]))}
    if instance.get("policy_id"):
        about["policy"] = {"id": instance["policy_id"], "name": instance.get("policy_name")}
    if with_datasource:
        about["datasource"] = describe_datasource(str(instance["datasource_id"]), instance.get("datasource_type"), None, {})
    return about


def _is_kept(instance: Described, look: Look) -> bool:
    """Tell whether something that is soft-deleted can still be brought back."""
    until = parse_time(instance.get("purge_time"))
    return until is not None and until > look.taken_at


def _strength_of(policy: Described) -> Described:
    """Give how much a policy protects: how long it keeps recovery points, in seconds, and its longest pause between backups."""
    texts = {**(policy["retention"] or {}), **{rule["name"]: rule["duration"] for rule in policy["retention_rules"] or []}}
    retention = {tag: seconds for tag, text in texts.items() if (seconds := read_seconds(text, "retention", [])) is not None}
    return {"id": policy["id"], "name": policy["name"], "retention": retention, "interval": interval_of(policy)}
