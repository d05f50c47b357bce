# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Infrastructure backups of Azure Stack Hub: started at most once, joined when one runs, followed to their true end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..clock import Deadline, Ramp
from ..errors import TRANSIENT, AzureBackupError, BadInput, Conflict, Denied, NotFound, OperationFailed, OutcomeUnknown, TimedOut
from ..model.durations import format_time, parse_time, seconds_in, to_clock_words
from ..model.result_shapes import Described, shape
from ..services.stack_hub.backups import BackupAdmin
from ..services.stack_hub.wire import STORE
from ..waiting import look_for, wait_until
from .stackhub_options import missing_location, open_region, without_region
from .task import Result, Task

# What the service calls a backup that is not over (openapi).
_UNFINISHED = (None, "creating", "queued", "running", "in_progress")
_SUCCEEDED = ("succeeded", "partial_succeeded")
# How long to look for what a trigger may have started, and for what is over in the list; and how often, in seconds.
_SECONDS_TO_APPEAR = 120
_SECONDS_BETWEEN_LOOKS = 10
# How many of the newest backups are asked for the result of their operation, where it is not clear which one runs.
_MOST_TO_ASK = 3


def ensure_backup(task: Task) -> Result:
    """Back the infrastructure of a region up now (module stackhub_backup)."""
    options = task.options
    max_age = seconds_in(options["max_age"], "max_age") if options["max_age"] else None
    resumed = without_region(options["backup_id"], "backup_id") if options["backup_id"] else None
    region = open_region(task)
    deadline = task.deadline()
    if resumed:
        return _follow_and_tell(task, region, resumed, "resume", deadline)
    listed = _list_backups(region)
    fresh = next((one for one in listed or [] if _is_fresh(region, one, max_age)), None)
    if fresh:
        message = f"'{region.location}' has a backup from {fresh['created_time']}, less than {options['max_age']} old"
        return _result("skip", message, fresh)
    if task.check_mode:
        return _predict(task, region, listed)
    return _back_up(task, region, listed or [], deadline)


def _predict(task: Task, region: BackupAdmin, listed: list[Described] | None) -> Result:
    """Tell what a run would do, and refuse what the stamp would: a run is told by the answer to its request."""
    if listed is None:
        raise missing_location(region)
    running = _find_running(region, [one for one in listed if not one["completely_uploaded"]], listed)
    if running:
        _check_joinable(task, region, running)
        return _result("join", f"the running backup of '{region.location}' would be joined", running)
    location = region.read_location()
    if location and not any(location[option] for option in STORE):
        raise BadInput(f"location: '{region.location}' has no backup store; set one with stackhub_backup_location")
    return _result("start", f"a backup of '{region.location}' would be started", None, changed=True)


def _back_up(task: Task, region: BackupAdmin, listed: list[Described], deadline: Deadline) -> Result:
    # While one runs that a stamp does not tell of, it refuses to start another.
    running = _find_running(region, [one for one in listed if one["completely_uploaded"] is False], listed)
    if running:
        return _join(task, region, running, deadline)
    since = region.service_now()
    try:
        name = _start(task, region, {str(one["name"]) for one in listed}, since, deadline)
    except Conflict:
        # One runs that the list calls succeeded, or somebody else was a moment quicker.
        listed = _list_backups(region) or []
        running = _find_running(region, listed[:_MOST_TO_ASK], listed)
        if running is None:
            raise
        return _join(task, region, running, deadline)
    return _follow_and_tell(task, region, name, "start", deadline, since)


def _find_running(region: BackupAdmin, doubtful: list[Described], listed: list[Described]) -> Described | None:
    """Find the backup that runs: one that the list says to run, or else one of the doubtful whose operation has no result yet."""
    for one in listed:
        if one["status"] in _UNFINISHED:
            return one
    return next((one for one in doubtful[:_MOST_TO_ASK] if _has_no_result(region, one)), None)


def _has_no_result(region: BackupAdmin, backup: Described) -> bool:
    """Tell whether the operation of a backup goes on; one that is not known any more is over."""
    try:
        return region.read_result(str(backup["name"])) is None
    except (*TRANSIENT, NotFound):
        return False


def _check_joinable(task: Task, region: BackupAdmin, running: Described) -> None:
    if task.options["on_running"] == "fail":
        raise BadInput(
            f"on_running: a backup of '{region.location}' is already running: {running['name']}; set on_running: join to wait "
            "for it",
            code="BackupRunning",
            details={"backup": running},
        )


def _join(task: Task, region: BackupAdmin, running: Described, deadline: Deadline) -> Result:
    _check_joinable(task, region, running)
    return _follow_and_tell(task, region, str(running["name"]), "join", deadline, parse_time(running["created_time"]))


def _list_backups(region: BackupAdmin) -> list[Described] | None:
    """Read the backups; None where there is no such location, which the trigger is answered with the reason of."""
    try:
        return region.list_backups()
    except NotFound:
        return None


def _is_fresh(region: BackupAdmin, backup: Described, max_age: float | None) -> bool:
    """Tell whether a backup is whole and young enough, by the stamp's clock."""
    created = parse_time(backup["created_time"])
    if max_age is None or created is None or backup["status"] != "succeeded" or backup["completely_uploaded"] is False:
        return False
    if region.service_now() - created >= timedelta(seconds=max_age):
        return False
    # A stamp that does not tell what is uploaded still tells whether the operation has its result.
    return backup["completely_uploaded"] is True or not _has_no_result(region, backup)


def _result(action: str, msg: str, backup: Described | None, changed: bool = False) -> Result:
    started = (backup or {}).get("name") or "to be started"
    diff = {"before": {"started_backup": None}, "after": {"started_backup": started if changed else None}}
    return {"changed": changed, "action": action, "msg": msg, "backup": backup, "diff": diff}


# -- start


def _start(task: Task, region: BackupAdmin, known: set[str], since: datetime, deadline: Deadline) -> str:
    unknown: OutcomeUnknown | None = None
    name: str | None = None
    try:
        name = region.start_backup(deadline)
    except NotFound as error:
        raise missing_location(region) from error
    except OutcomeUnknown as error:
        unknown = error
    name = name or _find_started(task, region, known, since)
    if name is None:
        reason = unknown.message if unknown else "Azure accepted the request but returned no backup"
        raise OutcomeUnknown(
            f"cannot tell whether a backup of '{region.location}' was started: none appeared within "
            f"{_SECONDS_TO_APPEAR} seconds ({reason}); check the list of backups before you start another",
            code=unknown.code if unknown else None,
            status=unknown.status if unknown else None,
            details={"changed": True},
        )
    return name


def _find_started(task: Task, region: BackupAdmin, known: set[str], since: datetime) -> str | None:
    """Look for a backup that a trigger may have started: one that was not there before."""

    def find_new() -> str | None:
        for one in region.list_backups():
            created = parse_time(one["created_time"])
            is_new = created is None or created >= since - timedelta(minutes=1)
            if str(one["name"]) not in known and is_new and not one["is_automatic_backup"]:
                return str(one["name"])
        return None

    return look_for(find_new, task.clock, _SECONDS_TO_APPEAR, _SECONDS_BETWEEN_LOOKS)


# -- follow


def _follow_and_tell(
    task: Task, region: BackupAdmin, name: str, action: str, deadline: Deadline, started: datetime | None = None
) -> Result:
    """Wait for a backup where the task says so, and give its result. Raises with what is known of it.

    started: when it was started by the stamp's clock, where that is known.
    """
    changed = action == "start"
    began = started or region.service_now()
    begun = shape(
        "stackhub_backup",
        id=f"{region.id}/backups/{name}",
        name=name,
        location=region.location,
        created_time=format_time(started),
    )

    def tell(status: str, is_over: bool = False) -> None:
        # Before anything else: who is interrupted from here on can resume by the backup's name.
        job = shape(
            "job",
            name=name,
            operation="backup",
            status=status,
            datasource_id=region.location,
            start_time=format_time(started),
        )
        task.progress.job(job, (region.service_now() - began).total_seconds(), is_over)

    waits = task.waits
    if action == "resume":
        found = region.read_backup(name) or (begun if _has_no_result(region, begun) else None)
        if found is None:
            raise NotFound(f"backup_id: backup {name} of '{region.location}' does not exist", status=404)
        if not waits:
            _check_status(region, found)
            return _result(action, f"backup {name} has status {found['status'] or 'running'}", found)
    tell("running")
    if not waits:
        return _result(action, f"backup {name} of '{region.location}' is running", begun, changed)
    try:
        backup = _await_end(region, name, deadline, tell)
        tell(str(backup["status"]), is_over=True)
        _check_status(region, backup)
        backup = _confirm(task, region, backup)
    except AzureBackupError as error:
        known = error.details.get("backup") or _last_known(region, begun)
        error.details = {**error.details, "backup": known, "changed": changed, "action": action}
        if isinstance(error, TimedOut):
            error.message += f". The backup continues; resume the wait with backup_id: {name}, or run the task again to join it"
        raise
    ended = str(backup["status"]).replace("_", " ")
    if backup["status"] != "succeeded":
        failed = [str(role["role_name"]) for role in backup["role_status"] if role["status"] != "succeeded"]
        task.warn(f"backup {name} ended with status {ended}; roles not backed up: {', '.join(failed) or 'unknown'}")
    verb = "joined the backup of" if action == "join" else "backed up"
    taken = f" in {to_clock_words(backup['time_taken_seconds'])}" if backup["time_taken_seconds"] else ""
    return _result(action, f"{verb} '{region.location}': backup {name} {ended}{taken}", backup, changed)


def _last_known(region: BackupAdmin, begun: Described) -> Described:
    try:
        return region.read_backup(str(begun["name"])) or begun
    except AzureBackupError:
        return begun


def _await_end(region: BackupAdmin, name: str, deadline: Deadline, tell: Any) -> Described:
    """Wait for the operation's result, and then until the backup itself is over and uploaded.

    Success is reported ten to fifteen minutes early (Microsoft's article), so the result alone is not the end.
    """
    backup: Described | None = None

    def look() -> Described | None:
        nonlocal backup
        backup = _look_for_result(region, name) if backup is None else region.read_backup(name) or backup
        return backup

    def is_over(found: Described | None) -> bool:
        if found and found["status"] not in _UNFINISHED and not _is_uploading(found):
            return True
        tell("uploading" if found and _is_uploading(found) else "running")
        return False

    wait_until(
        look,
        is_over,
        deadline,
        f"backup '{name}' of '{region.location}'",
        pace=Ramp(deadline.poll_interval, longest=deadline.poll_interval).following,
        seconds_of_doubt=_SECONDS_TO_APPEAR,
        doubted=(NotFound, Denied),
    )
    return backup or {}


def _look_for_result(region: BackupAdmin, name: str) -> Described | None:
    """Read the result of a backup's operation, or the backup itself where it has certainly ended; None while it runs.

    Raises NotFound, Denied where the backup is not there either.
    """
    try:
        return region.read_result(name)
    except (*TRANSIENT, NotFound, Denied) as error:
        # Too quick: it is registered a moment after it is accepted. Later it is forgotten, and the backup is not.
        backup = region.read_backup(name)
        if backup and _has_certainly_ended(backup):
            return backup
        if backup is None or isinstance(error, TRANSIENT):
            raise
        return None


def _is_uploading(backup: Described) -> bool:
    """Tell whether a backup that is called succeeded, in whole or in part, is still on its way; of a failed one nothing comes."""
    return backup["status"] in _SUCCEEDED and backup["completely_uploaded"] is False


def _has_certainly_ended(backup: Described) -> bool:
    """Tell whether a backup has certainly ended: its status alone says so too early."""
    if backup["status"] in _UNFINISHED or _is_uploading(backup):
        return False
    return bool(backup["completely_uploaded"] or backup["time_taken"] or backup["status"] not in _SUCCEEDED)


def _check_status(region: BackupAdmin, backup: Described) -> None:
    if backup["status"] in (*_UNFINISHED, *_SUCCEEDED):
        return
    failed = [str(role["role_name"]) for role in backup["role_status"] if role["status"] == "failed"]
    roles = f"; failed roles: {', '.join(failed)}" if failed else ""
    raise OperationFailed(
        f"Cannot back up '{region.location}': backup {backup['name']} ended with status {backup['status']}{roles}",
        code=str(backup["status"]),
        details={"backup": backup},
    )


def _confirm(task: Task, region: BackupAdmin, backup: Described) -> Described:
    """Find a backup that is over in the list of backups, which is what an operator will restore from."""

    def find() -> Described | None:
        return next((one for one in region.list_backups() if one["name"] == backup["name"]), None)

    found = look_for(find, task.clock, _SECONDS_TO_APPEAR, _SECONDS_BETWEEN_LOOKS, (*TRANSIENT, NotFound))
    if found:
        return found
    task.warn(f"backup {backup['name']} has finished, but the list of backups does not show it")
    return backup
