# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Which resources are covered by backups, and which are not (module backup_coverage_info)."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import BadInput
from ..model.coverage import VERDICTS, Objective, check_controls, counted, last_drills, read_objectives, total
from ..model.durations import format_time
from ..model.resource_ids import parse_resource_id
from ..model.result_shapes import Described
from ..model.selection import read_selection
from ..services.coverage import CoverageReader, Estate, Resource
from .coverage_drift import find_drift, read_groups
from .task import Result, Task

_SCHEMA_VERSION = 1
_NAMES_SHOWN = 20
_NO_OBJECTIVE = Objective(None, None)


def read_coverage(task: Task) -> Result:
    """Read how an estate is covered by backups."""
    options = task.options
    problems: list[str] = []
    objectives = read_objectives(options, problems)
    groups = read_groups(options["protect_groups"] or [], problems)
    controls = {name: value for name, value in (options["controls"] or {}).items() if value is not None}
    problems += [
        f"{name}: {options[name]} must be 0 or more" for name in ("max_point_reads", "max_resources") if options[name] < 0
    ]
    try:
        selection = read_selection(options["select"] or {}, is_protected=False)
    except BadInput as error:
        problems.append(error.message)
    if problems:
        raise BadInput("; ".join(problems))
    reader = CoverageReader(task.session, selection, options["max_point_reads"])
    estate = reader.read()
    wanted = reader.read_points(objectives)
    drift = find_drift(task, estate, groups)
    now = task.session.service_now()
    verdicts = {key: one.judge(wanted.get(key, _NO_OBJECTIVE), now) for key, one in estate.resources.items()}
    listed = _worst_first(verdicts)[: options["max_resources"]]
    drills = last_drills(options["drill_reports"] or [])
    coverage = {
        "schema_version": _SCHEMA_VERSION,
        "taken_at": format_time(now),
        "subscription_ids": selection.subscription_ids(task.session.subscription_id) or ["all"],
        **_totals(estate, verdicts),
        "resources": [
            _resource(estate.resources[key], verdicts[key], wanted.get(key, _NO_OBJECTIVE), now, drills.get(key))
            for key in sorted(listed)
        ],
        "resources_left_out": len(verdicts) - len(listed),
        "vaults": [_vault(vault, controls) for vault in sorted(estate.vaults, key=lambda one: str(one["id"]).lower())],
        "drift": drift,
        "failures": _failures(estate.failed_jobs),
        "orphans": [_orphan(one) for one in estate.orphans],
        "unreadable": estate.unreadable,
        "reads": {"recovery_points": 0, "vaults": 0, **estate.reads},
    }
    _warn(task, coverage)
    return {"changed": False, "msg": _message(coverage), "coverage": coverage}


def _worst_first(verdicts: Mapping[str, tuple[str, str]]) -> list[str]:
    return sorted(verdicts, key=lambda key: (-VERDICTS.index(verdicts[key][0]), key))


def _message(coverage: Result) -> str:
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in coverage["verdicts"].items() if count)
    percent = coverage["compliance_percent"]
    message = f"{coverage['count']} resource(s)" + (f": {told}" if told else "")
    return message + (f"; {percent} % are covered" if percent is not None else "")


def _warn(task: Task, coverage: Result) -> None:
    for one in coverage["unreadable"][:_NAMES_SHOWN]:
        task.warn(f"not read: {one['what']}: {one['reason']}")
    left_out = coverage["resources_left_out"]
    if left_out:
        task.warn(f"{left_out} resource(s) are counted and not listed, because max_resources is {task.options['max_resources']}")


def _resource(one: Resource, judged: tuple[str, str], objective: Objective, now: datetime, drill: Result | None) -> Result:
    known = one.protected
    datasource = parse_resource_id(one.datasource_id, "datasource_id")
    instance: Described = known.instance if known else {}
    vault_id, point = instance.get("vault_id"), known.last_point if known else None
    return {
        "datasource_id": datasource.text,
        "name": datasource.name,
        "datasource_type": one.datasource_type,
        # The same texts many times over.
        "subscription_id": sys.intern(datasource.subscription_id),
        "resource_group": sys.intern(datasource.resource_group),
        "location": one.location,
        "tags": one.tags,
        "verdict": judged[0],
        "reason": judged[1],
        "vault_id": vault_id,
        "vault_name": str(vault_id).rsplit("/", 1)[-1] if vault_id else None,
        "policy_name": instance.get("policy_name"),
        "state": instance.get("state"),
        "recovery_point_time": format_time(point),
        "recovery_point_age_seconds": round((now - point).total_seconds()) if point else None,
        "rpo_seconds": objective.seconds,
        "rpo_source": objective.source,
        "retention": ((known.policy if known else None) or {}).get("retention"),
        "last_job": _job(known.last_job) if known and known.last_job else None,
        "failures_in_a_row": known.failures if known else None,
        "last_drill": drill,
    }


def _job(job: Described) -> Result:
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


def _totals(estate: Estate, verdicts: Mapping[str, tuple[str, str]]) -> Result:
    def by(name_of: Callable[[Resource], str | None]) -> list[Result]:
        return total((name_of(estate.resources[key]), verdict) for key, (verdict, _reason) in verdicts.items())

    def of_instance(field: str) -> Callable[[Resource], str | None]:
        return lambda one: one.protected.instance[field] if one.protected else None

    return {
        **counted(Counter(verdict for verdict, _reason in verdicts.values())),
        "by_type": by(lambda one: one.datasource_type),
        "by_subscription": by(lambda one: one.datasource_id.split("/")[2]),
        "by_vault": by(of_instance("vault_id")),
        "by_policy": by(of_instance("policy_name")),
    }


def _failures(jobs: Sequence[Described]) -> list[Result]:
    """Group failed backups by their code, the most frequent first."""
    found: dict[str | None, list[Described]] = {}
    for job in jobs:
        found.setdefault(job["error_code"], []).append(job)
    grouped = [
        {
            "error_code": code,
            "count": len(listed),
            "message": listed[0]["message"],
            "recommended_action": listed[0]["recommended_action"],
            "datasource_ids": sorted(str(job["datasource_id"]) for job in listed)[:_NAMES_SHOWN],
        }
        for code, listed in found.items()
    ]
    return sorted(grouped, key=lambda one: (-one["count"], str(one["error_code"])))


def _orphan(instance: Described) -> Result:
    datasource = parse_resource_id(str(instance["datasource_id"]), "datasource_id")
    keys = ("datasource_id", "datasource_type", "vault_id", "policy_name", "state")
    return {"name": datasource.name, **{key: instance[key] for key in keys}}
