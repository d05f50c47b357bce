# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Which resources are covered by backups, and which are not (module backup_coverage_info)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BadInput
from ..model.coverage import Objective, Protected, check_controls, counted, judge, last_drills, total
from ..model.datasource_types import DATASOURCE_TYPES
from ..model.durations import format_time, seconds_in
from ..model.resource_ids import parse_resource_id
from ..model.result_shapes import Described
from ..model.selection import read_selection
from ..services.coverage import CoverageReader, Estate, Objectives
from .coverage_drift import find_drift, read_groups
from .task import Result, Task

_SCHEMA_VERSION = 1
_NAMES_SHOWN = 20


def read_coverage(task: Task) -> Result:
    """Read how an estate is covered by backups."""
    options = task.options
    problems: list[str] = []
    objectives = _read_objectives(options, problems)
    groups = read_groups(options["protect_groups"] or [], problems)
    controls = {name: value for name, value in (options["controls"] or {}).items() if value is not None}
    if options["max_point_reads"] < 0:
        problems.append(f"max_point_reads: {options['max_point_reads']} must be 0 or more")
    try:
        selection = read_selection(options["select"] or {}, is_protected=False)
    except BadInput as error:
        problems.append(error.message)
    if problems:
        raise BadInput("; ".join(problems))
    reader = CoverageReader(task.session, selection, options["max_point_reads"])
    estate = reader.read()
    wanted: dict[str, Objective] = {}
    for key, known in estate.protected.items():
        try:
            wanted[key] = objectives.of(estate.candidates[key], known.policy)
        except BadInput as error:
            wanted[key], known.problem = Objective(None, "tag"), error.message
    reader.read_points(wanted)
    drift = find_drift(task, estate, groups)
    drills = last_drills(options["drill_reports"] or [])
    now = task.session.service_now()
    resources = [_resource(estate, key, wanted[key], now, drills.get(key)) for key in sorted(estate.candidates)]
    vaults = [_vault(vault, controls) for vault in sorted(estate.vaults, key=lambda one: str(one["id"]).lower())]
    coverage = {
        "schema_version": _SCHEMA_VERSION,
        "taken_at": format_time(now),
        "subscription_ids": selection.subscription_ids(task.session.subscription_id) or ["all"],
        **_totals(resources),
        "resources": resources,
        "vaults": vaults,
        "drift": drift,
        "failures": _failures(estate.failed_jobs),
        "orphans": [_orphan(one) for one in estate.orphans],
        "unreadable": estate.unreadable,
        "reads": {"recovery_points": 0, "vaults": 0, **estate.reads},
    }
    verdicts = coverage["verdicts"]
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in verdicts.items() if count)
    percent = coverage["compliance_percent"]
    message = (
        f"{len(resources)} resource(s)"
        + (f": {told}" if told else "")
        + (f"; {percent} % are covered" if percent is not None else "")
    )
    for one in estate.unreadable[:_NAMES_SHOWN]:
        task.warn(f"not read: {one['what']}: {one['reason']}")
    return {"changed": False, "msg": message, "coverage": coverage}


def _read_objectives(options: Mapping[str, Any], problems: list[str]) -> Objectives:
    def read(text: Any, option: str) -> float | None:
        if text is None:
            return None
        try:
            return seconds_in(str(text), option)
        except BadInput as error:
            problems.append(error.message)
            return None

    by_type = {name: read(text, f"rpo_by_type.{name}") for name, text in (options["rpo_by_type"] or {}).items()}
    unknown = sorted(set(by_type) - set(DATASOURCE_TYPES))
    if unknown:
        problems.append(f"rpo_by_type: {', '.join(unknown)}: not supported; use {', '.join(DATASOURCE_TYPES)}")
    if options["rpo_margin"] < 1:
        problems.append(f"rpo_margin: {options['rpo_margin']:g} must be 1 or more")
    known = {name: seconds for name, seconds in by_type.items() if seconds is not None}
    tag = (options["rpo_tag"] or "").strip().lower() or None
    return Objectives(tag, known, read(options["rpo"], "rpo"), options["rpo_margin"])


def _resource(estate: Estate, key: str, objective: Objective, now: Any, drill: Result | None) -> Result:
    candidate, known = estate.candidates[key], estate.protected[key]
    if key in estate.exempt:
        verdict, reason = "exempt", estate.exempt[key] or "its tag gives no reason"
    else:
        verdict, reason = judge(known, objective, now)
    instance: Described = known.instance or {}
    vault_id = instance.get("vault_id")
    point = known.last_point
    return {
        "datasource_id": candidate.datasource.text,
        "name": candidate.datasource.name,
        "datasource_type": candidate.datasource_type,
        "subscription_id": candidate.datasource.subscription_id,
        "resource_group": candidate.datasource.resource_group,
        "location": candidate.location,
        "tags": estate.tags[key],
        "verdict": verdict,
        "reason": reason,
        "vault_id": vault_id,
        "vault_name": str(vault_id).rsplit("/", 1)[-1] if vault_id else None,
        "policy_name": instance.get("policy_name"),
        "instance_name": instance.get("name"),
        "state": instance.get("state"),
        "purge_time": instance.get("purge_time"),
        "recovery_point_time": format_time(point),
        "recovery_point_age_seconds": round((now - point).total_seconds()) if point else None,
        "rpo_seconds": objective.seconds,
        "rpo_source": objective.source,
        "retention": (known.policy or {}).get("retention"),
        "last_job": _job(known),
        "failures_in_a_row": known.failures,
        "last_drill": drill,
    }


def _job(known: Protected) -> Result | None:
    job = known.last_job
    if job is None:
        return None
    keys = ("id", "name", "status", "start_time", "end_time", "error_code", "message", "recommended_action")
    return {key: job.get(key) for key in keys}


def _vault(vault: Described, controls: Mapping[str, Any]) -> Result:
    checked = check_controls(vault, controls)
    keys = (
        "id",
        "name",
        "vault_type",
        "subscription_id",
        "resource_group",
        "location",
        "redundancy",
        "soft_delete",
        "immutability_state",
        "is_protected_by_resource_guard",
        "cross_region_restore_state",
        "alerts_for_all_job_failures",
        "public_network_access",
        "instances",
    )
    return {
        **{key: vault[key] for key in keys},
        "controls": checked,
        "is_compliant": all(one["status"] == "passed" for one in checked) if checked else None,
    }


def _totals(resources: Sequence[Result]) -> Result:
    return {
        **counted(Counter(str(one["verdict"]) for one in resources)),
        "by_type": total(resources, lambda one: one["datasource_type"]),
        "by_subscription": total(resources, lambda one: one["subscription_id"]),
        "by_vault": total(resources, lambda one: one["vault_id"]),
        "by_policy": total(resources, lambda one: one["policy_name"]),
    }


def _failures(jobs: Sequence[Described]) -> list[Result]:
    """Group failed backups by their code, the most frequent first."""
    found: dict[str | None, list[Described]] = {}
    for job in jobs:
        found.setdefault(_error_of(job).get("code"), []).append(job)
    grouped = [
        {
            "error_code": code,
            "count": len(listed),
            "message": _error_of(listed[0]).get("message"),
            "recommended_action": _error_of(listed[0]).get("recommended_action"),
            "datasource_ids": sorted(str(job["datasource_id"]) for job in listed)[:_NAMES_SHOWN],
        }
        for code, listed in found.items()
    ]
    return sorted(grouped, key=lambda one: (-one["count"], str(one["error_code"])))


def _error_of(job: Described) -> Described:
    return next(iter(job["errors"]), {})


def _orphan(instance: Described) -> Result:
    datasource = parse_resource_id(str(instance["datasource_id"]), "datasource_id")
    keys = ("datasource_id", "datasource_type", "vault_id", "policy_name", "state")
    return {"name": datasource.name, **{key: instance[key] for key in keys}}
