# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Restore drills: the proof that backups can be restored, in a scratch group and without harm to anything else.

A drill restores each datasource to the scratch group, checks what came, removes it, and revokes the roles that it has granted.
What it is about to make is in its journal before it makes it (services/drill_journal.py), so that a later run can remove what a
dead one left.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ..concurrency import settle_each
from ..errors import ApprovalMissing, AzureBackupError, BadInput, Denied, NotFound, catch
from ..jobs.wait import is_running
from ..model.durations import format_time, parse_time, seconds_in, to_clock_words
from ..model.result_shapes import Described
from ..services.blobs import how_to_grant, list_container_names
from ..services.closed_network import check_closed
from ..services.interface import JobQuery, by_datasource
from ..services.role_assignments import Grants, Need, find_identity
from ..services.selection import Selected
from .backup_permission import needs_of
from .backup_restore import restore_steps
from .drill_kinds import kind_for, to_gib
from .drill_removal import leftover, leftovers_of
from .drill_run import (
    DrillRun,
    NotDrillable,
    Subject,
    check_objective,
    check_result,
    failure_of,
    read_scratch,
    read_scratch_account,
    verdict_of,
)
from .drill_sweep import expiry_of, give_free, holder_of, jobs_of, open_removal, read_journal, remove_entry, sweep, sweep_only
from .open_vaults import open_existing_vault, open_vault
from .restore_mode import LATEST, RestoreOrder, RestoreRun
from .results import Steps, item_result, name_some, read_datasource_ids, summarise
from .select_option import choose_in_vault, nothing_selected, read_select, with_selection
from .task import Result, Task
from .vault_options import require_vault

_GUARDED = "UserErrorOperationNotAllowedByResourceGuard"
# What results show of the times of a drill: those of Azure's job by its own clock, the others by ours.
_PHASES = ("find", "grant", "propagate", "validate", "queue", "job", "check", "remove")
# What keeps a datasource from being drilled, and is no failure of its backup.
_SKIPPING_CODES = ("RestoreRunning", _GUARDED)


def ensure_drill(task: Task) -> Result:
    """Drill restores, or sweep what earlier drills have left (module backup_restore_drill)."""
    scratch = read_scratch(task)
    if task.options["state"] == "absent":
        return sweep_only(task, scratch)
    selection = read_select(task)
    if selection is None:
        named = read_datasource_ids(task.options["datasource_id"], task.options["datasource_type"])
        service = open_vault(task, named[0][0].vault_type)
    else:
        service = open_existing_vault(task)
    vault = require_vault(task, service)
    instances = service.list_instances()
    selected: Selected | None = None
    if selection:
        selected = choose_in_vault(task, service, instances, selection)
        if not selected.datasources:
            return {**nothing_selected(selected), "drill": None}
        named = selected.datasources
    most = task.options["max_concurrency"]
    if task.options["keep"] and len(named) > most:
        raise BadInput(
            f"keep: {len(named)} datasources would be restored and kept at the same time, more than max_concurrency {most}; "
            "drill fewer at once, or raise max_concurrency"
        )
    run = DrillRun(task, service, vault, scratch, read_scratch_account(task, scratch), str(uuid.uuid4()))
    known = by_datasource(instances)
    subjects = [
        Subject(
            number, kind_for(datasource_type, task.options["boot"]), datasource_type, datasource, known.get(datasource.key) or {}
        )
        for number, (datasource_type, datasource) in enumerate({one[1].key: one for one in named}.values(), 1)
    ]
    return with_selection(_Drill(run, instances).go(subjects), selected)


class _Drill:
    """One drill of a task, from taking the scratch group to giving it free."""

    def __init__(self, run: DrillRun, instances: list[Described]) -> None:
        self.run = run
        self.task = run.task
        self.instances = instances
        self.removal = open_removal(run.task, run.scratch, run.endpoint)
        self.journal = self.removal.journal
        self.swept: Result | None = None
        self.leftovers: list[Result] = []
        self.granted: list[str] = []
        self.has_begun = False

    def go(self, subjects: list[Subject]) -> Result:
        """Drill all, as many at the same time as max_concurrency, and give the module's result."""
        task, run = self.task, self.run
        # What would be swept first is there still.
        there = run.check_place(self.instances, is_swept=self._sweep_first())
        before = {"resources": there, "containers": list_container_names(task.session, run.scratch.account)}
        started = run.service.service_now()
        jobs = run.service.list_jobs(JobQuery(operations=("restore",)))
        size = task.options["max_concurrency"]
        if not task.check_mode:
            self.journal.renew = lambda: expiry_of(task, run.service)
        stop: AzureBackupError | None = None
        for begin in range(0, len(subjects), size):
            batch = subjects[begin : begin + size]
            if stop is None:
                outcome = catch(functools.partial(self._drill_batch, batch, before, jobs))
                stop = outcome if isinstance(outcome, AzureBackupError) else self._reason_to_stop()
            if stop is not None:
                for subject in batch:
                    if subject.status is None and not task.check_mode:
                        _fail(subject, stop)
        is_kept = bool(task.options["keep"] and self.has_begun)
        if self.has_begun:
            self._finish(is_kept, subjects)
        return self._summary(subjects, started, is_kept)

    def _reason_to_stop(self) -> AzureBackupError | None:
        """Say why no more is drilled: what was made before is not removed, so that it would become more and more."""
        if self.task.options["keep"] or not (self.journal.content or {}).get("entries"):
            return None
        return AzureBackupError(
            "not started, because an earlier datasource of this drill could not be removed from the scratch group; resolve the "
            "cause that drill.leftovers names and run this task again",
            code="DrillLeftovers",
        )

    # -- before

    def _sweep_first(self) -> bool:
        """Remove what a dead drill has left in the scratch group, and tell whether nothing of it is there any more.

        Raises BadInput for a group that another drill has, and for what cannot be removed.
        """
        content = read_journal(self.removal)
        if content is None:
            return True
        now = self.run.service.service_now()
        if not self.journal.is_over(now):
            raise BadInput(
                f"scratch.resource_group: resource group '{self.run.scratch.group.name}' is in use by {holder_of(content)} which "
                f"may run until {content['expires']}; wait for it to finish. If you are sure that the run has died, or if it "
                f"kept what it restored, remove it with state: absent and drill_id: {content['drill_id']}",
                code="DrillRunning",
            )
        if self.task.check_mode:
            self.task.warn(f"{holder_of(content)} has left something in the scratch group, which would be removed first")
            return False
        self.swept = sweep(self.task, self.removal)
        if self.journal.content is not None:
            first = [f"{one['id']}: {one['reason']}" for one in self.swept["leftovers"]]
            raise BadInput(
                f"scratch.resource_group: cannot remove what {holder_of(content)} left behind: "
                f"{name_some(first, 3) or 'its journal'}; resolve the cause and run this task again",
                code="DrillLeftovers",
                details={"drill": {"id": content["drill_id"], "leftovers": self.swept["leftovers"]}},
            )
        return True

    # -- a batch

    def _drill_batch(self, batch: list[Subject], before: dict[str, Any], jobs: list[Described]) -> None:
        task, run = self.task, self.run
        # It accepts nothing that is there, and joins nothing.
        strict = task.derived(on_existing="fail", on_running="fail", wait=True)
        instances = {subject.datasource.key: subject.instance for subject in batch if subject.instance}
        region = run.service.restore_region(run.vault)
        restores = RestoreRun(strict, run.service, run.vault, instances, jobs, task.deadline(), region)
        restores.grants_roles = True
        by_key = {subject.datasource.key: subject for subject in batch}
        # Where another run has taken the journal over meanwhile, nothing is started any more.
        restores.before_start = lambda order: self._note_request(by_key[order.datasource.key])
        restores.after_refusal = lambda order: self._take_back(by_key[order.datasource.key])
        most = task.options["max_concurrency"]
        begun: dict[int, Steps] = {}

        def find(subject: Subject) -> None:
            self._settle(subject, "find", functools.partial(self._find, subject, restores, begun))

        settle_each(batch, find, most)
        ready = [subject for subject in batch if subject.status is None]
        if task.check_mode or not ready:
            return
        self._write_down(ready, before)
        denied = catch(functools.partial(self._grant, ready))
        if isinstance(denied, AzureBackupError):
            for subject in ready:
                _fail(subject, denied)

        def start(subject: Subject) -> None:
            self._settle(subject, "start", functools.partial(self._start, subject, restores, begun))

        settle_each([subject for subject in ready if subject.status is None], task.accounting(start), most)
        lost = catch(restores.wait)

        def finish(subject: Subject) -> None:
            if isinstance(lost, AzureBackupError) and subject.status is None:
                _fail(subject, lost)
            if subject.status is None:
                self._settle(subject, "end", functools.partial(self._conclude, subject, begun))
            if subject.status is None:
                self._settle(subject, "check", functools.partial(self._check, subject))
            if subject.status is None:
                self._judge(subject)
            if not task.options["keep"]:
                self._settle(subject, "remove", functools.partial(self._remove, subject))

        settle_each(ready, task.accounting(finish), most)

    def _settle(self, subject: Subject, phase: str, work: functools.partial[None]) -> None:
        """Do a phase of one datasource, and keep how long it took and how it went wrong."""
        clock = self.task.clock
        begun = clock.monotonic()
        outcome = catch(work)
        subject.times[phase] = clock.monotonic() - begun
        if isinstance(outcome, AzureBackupError):
            if isinstance(outcome, NotDrillable | ApprovalMissing) or outcome.code in _SKIPPING_CODES:
                _skip(subject, outcome.message)
            else:
                _fail(subject, outcome)

    def _find(self, subject: Subject, restores: RestoreRun, begun: dict[int, Steps]) -> None:
        """Choose the point, plan the restore, and check it as far as can be before it starts. Raises AzureBackupError."""
        run, task = self.run, self.task
        if not subject.instance:
            raise NotFound(
                f"datasource_id: '{subject.datasource.name}' has no backup instance in vault '{run.service.vault.name}'; protect "
                "it with backup_instance first, or check vault_name",
                status=404,
            )
        kind = subject.kind
        order = RestoreOrder(kind.mode, subject.datasource_type, subject.datasource, LATEST, None, None, None, {}, None)
        subject.point = self._choose_point(subject, order, restores.points_of(subject.instance))
        most = task.options["max_size"]
        if most is not None and kind.tells_size:
            size = kind.size_bytes(run, subject)
            if size is None or size > most:
                told = (
                    "its size is unknown, because it does not exist any more or Azure does not report the size"
                    if size is None
                    else f"it has {to_gib(size)}"
                )
                raise NotDrillable(f"{told}, and max_size is {to_gib(most)}")
        target = kind.target(run, subject)
        given = {key: value for key, value in target.items() if value is not None}
        order = replace(order, recovery_point=str(subject.point["name"]), target=given)
        problems = kind.mode.problems(order, is_alone=True)
        if problems:
            raise BadInput("; ".join(problems))
        steps = restore_steps(restores, order)
        subject.result = next(steps)
        begun[subject.number] = steps
        subject.needs = self._needs(subject)
        subject.entry = {
            "kind": kind.name,
            "datasource_id": subject.datasource.text,
            "name": subject.datasource.name,
            "instance_id": subject.instance["id"],
            "targets": kind.names(run, subject, target),
            **({"rename": target["rename"]} if "rename" in target else {}),
        }

    def _choose_point(self, subject: Subject, order: RestoreOrder, points: list[Described]) -> Described:
        """Give the newest recovery point, or one at random of the last so many days. Raises NotDrillable."""
        try:
            usable = order.mode.usable_points(order, points)
        except NotFound as error:
            raise NotDrillable(error.message) from error
        subject.newest_time = usable[0]["time"]
        within = self.task.options["random_within"]
        if not within:
            return usable[0]
        first = self.run.service.service_now() - timedelta(seconds=seconds_in(within, "random_within"))
        young = [point for point in usable if (taken := parse_time(point["time"])) and taken >= first]
        if not young:
            raise NotDrillable(
                f"it has no recovery point of the last {within} (random_within); the newest is from {usable[0]['time']}"
            )
        return self.run.chance.choice(young)

    def _write_down(self, ready: list[Subject], before: dict[str, Any]) -> None:
        """Write into the journal what is about to be made. Raises BadInput where another run has the group, Denied."""
        entries = [subject.entry for subject in ready]
        if self.task.options["boot"] and self.run.scratch.network and self.run.scratch.subnet:
            # It may have been opened while the batch before was drilled.
            check_closed(self.task.session, self.run.scratch.network, self.run.scratch.subnet)
        expires = format_time(expiry_of(self.task, self.run.service))
        try:
            if self.has_begun:
                self.journal.add(entries)
                return
            self.journal.begin(
                {
                    "version": 1,
                    "drill_id": self.run.drill_id,
                    "state": "running",
                    "holder": socket.gethostname(),
                    "started": format_time(self.run.service.service_now()),
                    "expires": expires,
                    "vault_id": self.run.service.vault.text,
                    "before": before,
                    "roles": [],
                    "entries": entries,
                }
            )
        except Denied as error:
            raise how_to_grant(error, self.run.scratch.account) from error
        self.has_begun = True

    def _grant(self, ready: Sequence[Subject]) -> None:
        """Grant the roles that restores need and that are absent, each written down before. Raises AzureBackupError."""
        clock = self.task.clock
        begun = clock.monotonic()
        for need, principal in dict.fromkeys(one for subject in ready for one in subject.needs):
            told = {
                "name": need.role.name,
                "definition": need.role.definition,
                "scope": need.scope,
                "principal_id": principal,
            }
            if told in (self.journal.content or {})["roles"] or Grants(self.task.session, principal).find(need):
                continue
            self.journal.add_role(told)
            if Grants(self.task.session, principal, mark=self.run.drill_id).grant(need):
                self.granted.append(f"{need.role.name} on {need.scope}")
        lasted = clock.monotonic() - begun
        for subject in ready:
            subject.times["grant"] = lasted

    def _needs(self, subject: Subject) -> list[tuple[Need, str]]:
        """Give the roles that a restore needs and that a drill grants, with who needs them. Raises BadInput.

        Azure validates no restore of a machine, so that nobody could wait until a new role takes effect: there the roles have to
        be held already.
        """
        scratch = self.run.scratch
        if subject.datasource_type.name == "azure_vm":
            missing = subject.result.get("missing_roles")
            if missing:
                raise BadInput(
                    f"scratch.staging_identity: it seems to lack {', '.join(missing)}, which a drill of virtual machines does "
                    "not grant; grant it with backup_permission and operation: restore, and wait until it takes effect"
                )
            return []
        identity_id = subject.instance["identity_id"]
        principal = find_identity(self.run.vault, identity_id)[1]
        target = {
            "resource_group": scratch.group.text,
            "storage_account_id": scratch.account.text,
            "staging_storage_account_id": scratch.account.text,
        }
        task = self.task.derived(operation="restore", target=target)
        return [(need, str(principal)) for need in needs_of(task, subject.datasource_type, subject.datasource)]

    def _start(self, subject: Subject, restores: RestoreRun, begun: dict[int, Steps]) -> None:
        subject.result = next(begun[subject.number])
        job = subject.result["job"]
        self.journal.note(subject.entry, job_id=job["id"])
        times = restores.times.get(subject.datasource.key, {})
        subject.times["validate"] = times.get("validate", 0.0)
        subject.times["propagate"] = times.get("propagate", 0.0) - subject.times["validate"]

    def _conclude(self, subject: Subject, begun: dict[int, Steps]) -> None:
        try:
            next(begun[subject.number])
        except StopIteration as end:
            subject.result = end.value
        parts = subject.kind.parts(subject)
        if parts:
            # What somebody attaches to the machine from now on is not the drill's.
            (made,) = subject.kind.made(subject)
            self.removal.note_parts(subject.entry, made, [subject.result["job"]], parts)
        container = (subject.result["job"]["restore"] or {}).get("staging_container")
        if container:
            self.journal.note(subject.entry, staging_container=container)

    def _check(self, subject: Subject) -> None:
        """Check what was restored, and measure it against rto and rpo. Raises AzureBackupError."""
        job = subject.result["job"]
        is_whole = job["status"] == "completed"
        told = f"job {job['name']} {str(job['status']).replace('_', ' ')}"
        subject.checks.append(check_result("job", "passed" if is_whole else "partial", told, "completed", job["status"]))
        subject.checks += subject.kind.check(self.run, subject)

    def _judge(self, subject: Subject) -> None:
        """Give the status of a datasource whose checks are done, by their results and by rto and rpo."""
        job = subject.result["job"]
        started, ended = parse_time(job["start_time"]), parse_time(job["end_time"])
        if started and ended:
            subject.times["job"] = (ended - started).total_seconds()
        if started and subject.requested:
            subject.times["queue"] = max(0.0, (started - subject.requested).total_seconds())
        subject.checks += self._targets_of_time(subject)
        subject.status, subject.reason = verdict_of(subject.checks)

    def _targets_of_time(self, subject: Subject) -> list[Result]:
        """Compare the time of the restore with rto, and the age of the point with rpo; missing one is partial."""
        options = self.task.options
        return [
            *check_objective("rto", options["rto"], _rto_seconds(subject), "the recovery took"),
            # Whichever point is drilled, the newest one says what would be lost.
            *check_objective("rpo", options["rpo"], self._age_of(subject.newest_time), "the age of the newest recovery point is"),
        ]

    def _age_of(self, time: str | None) -> float | None:
        taken = parse_time(time)
        return (self.run.service.service_now() - taken).total_seconds() if taken else None

    def _note_request(self, subject: Subject) -> None:
        """Write down that a restore is requested now. Raises BadInput where another run has the journal."""
        subject.requested = self.run.service.service_now()
        self.journal.note(subject.entry, starting_at=format_time(subject.requested))

    def _take_back(self, subject: Subject) -> None:
        """Write down that the request was refused, so that nobody looks for its job."""
        subject.requested = None
        with contextlib.suppress(AzureBackupError):
            self.journal.note(subject.entry, starting_at=None)

    # -- after

    def _remove(self, subject: Subject) -> None:
        """Remove what a datasource's restore has made. Raises AzureBackupError."""
        entry = self.journal.find(subject.entry)
        job = subject.result.get("job")
        is_over = job is not None and not is_running(job)
        found = ([job], None) if is_over else jobs_of(self.run.service, self.removal, entry)
        subject.leftovers = remove_entry(self.removal, entry, *found)
        if subject.leftovers:
            left = name_some([str(one["id"]) for one in subject.leftovers], 3)
            raise AzureBackupError(
                f"what the drill made cannot be removed: {left}: {subject.leftovers[0]['reason']}", code="DrillLeftovers"
            )

    def _finish(self, is_kept: bool, subjects: list[Subject]) -> None:
        """Give the scratch group free, or keep it for tasks of the user; what could not be removed is left to a sweep."""
        if is_kept:
            done: Any = catch(lambda: self.journal.update(lambda content: content.update(state="kept")))
        else:
            done = catch(functools.partial(give_free, self.removal))
        if isinstance(done, AzureBackupError):
            self.leftovers = [leftover(self.run.scratch.group.text, done.message)]
        elif done:
            self.leftovers = done
        told = {str(one["id"]) for subject in subjects for one in subject.leftovers}
        for entry in [] if is_kept else (self.journal.content or {}).get("entries", []):
            left = leftovers_of(entry, "it is not removed yet; the next drill does that")
            self.leftovers += [one for one in left if one["id"] not in told]

    def _summary(self, subjects: list[Subject], started: Any, is_kept: bool) -> Result:
        counts = Counter(subject.status or "planned" for subject in subjects)
        results = [self._item(subject, is_kept) for subject in subjects]
        told = ", ".join(
            f"{counts[status]} {status}" for status in ("passed", "partial", "failed", "skipped", "planned") if counts[status]
        )
        result = summarise(results)
        if self.leftovers:
            self.task.warn(
                f"scratch group '{self.run.scratch.group.name}' still contains "
                f"{name_some([one['id'] for one in self.leftovers], 3)}: {self.leftovers[0]['reason']}. "
                "The next drill may refuse the group until this is removed; check it, and delete it if nobody needs it"
            )
        result["changed"] = result["changed"] or bool(self.swept)
        result["drill"] = {
            "id": self.run.drill_id,
            "started": format_time(started),
            "ended": format_time(self.run.service.service_now()),
            "vault_id": self.run.service.vault.text,
            "scratch_resource_group_id": self.run.scratch.group.text,
            "is_kept": is_kept,
            "counts": {status: counts[status] for status in ("passed", "partial", "failed", "skipped")},
            "granted_roles": self.granted,
            "leftovers": self.leftovers,
            "swept": self.swept,
        }
        result.setdefault("msg", f"drilled {len(subjects)} datasource(s): {told}")
        return result

    def _item(self, subject: Subject, is_kept: bool) -> Result:
        name, status = subject.datasource.name, subject.status
        result = subject.result
        point = subject.point
        passed = sum(check["status"] == "passed" for check in subject.checks)
        rto = _rto_seconds(subject) if status in ("passed", "partial") else None
        words = {
            None: f"'{name}' would be drilled from the recovery point of {point['time'] if point else None}",
            "passed": f"'{name}' was restored and checked in {to_clock_words(rto or 0)}; {passed} check(s) passed",
        }
        if status is None and not self.task.check_mode:
            raise TypeError("the drill of a datasource ended without a status")
        message = words.get(status) or f"'{name}' {status}: {subject.reason}"
        failure = failure_of(status, self.task.options["fail_on"], message)
        changed = subject.requested is not None or (self.task.check_mode and status is None)
        item = item_result(
            subject.datasource.text,
            changed,
            "drill" if changed else "skip",
            message,
            instance=subject.instance or None,
            job=result.get("job"),
            recovery_point=point,
            recovery_point_age_seconds=result.get("recovery_point_age_seconds"),
            status=status,
            reason=subject.reason,
            checks=subject.checks,
            times={phase: round(subject.times[phase], 3) for phase in _PHASES if phase in subject.times},
            rto_seconds=round(rto, 3) if rto is not None else None,
            target=result.get("target"),
            restored_ids=subject.kind.made(subject) if is_kept and subject.status in ("passed", "partial") else [],
            leftovers=subject.leftovers,
        )
        if failure:
            item |= {"failed": True, "error": subject.error or failure.as_result()}
        return item


# -- one datasource


def _skip(subject: Subject, reason: str) -> None:
    subject.status = subject.status or "skipped"
    subject.reason = subject.reason or reason.removeprefix("datasource_id: ")


def _fail(subject: Subject, error: AzureBackupError) -> None:
    """Have a datasource failed; the first failure is the one that is told, and a removal that fails makes any drill fail."""
    if subject.status == "failed":
        subject.reason = f"{subject.reason}; {error.message}"
    else:
        subject.status, subject.reason, subject.error = "failed", error.message, error.as_result()
    found = error.details.get("job")
    if found:
        subject.result = {**subject.result, "job": found}


def _rto_seconds(subject: Subject) -> float:
    """Give how long it took until a datasource was back and checked: all phases but the removal."""
    return sum(subject.times[phase] for phase in _PHASES if phase in subject.times and phase != "remove")
