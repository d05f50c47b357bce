# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the event source backup_events does: looks at an estate again and again, and remembers what it has told."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.azure_backup.plugins.module_utils.arguments import CONNECTION, SELECT, Spec
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.session import Session
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import Clock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import AzureBackupError, BadInput, catch
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.blob_containers import (
    plain_sas_token,
    problems_with_sas_token,
    problems_with_url,
)
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.coverage import read_objectives
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.durations import format_time, read_seconds
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.events import (
    SEVERITIES,
    Memory,
    Signal,
    compare,
    to_event,
)
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.selection import read_selection
from ansible_collections.holdfast.azure_backup.plugins.module_utils.services.event_look import LookReader
from ansible_collections.holdfast.azure_backup.plugins.module_utils.services.report_container import ReportContainer
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils import drill_report

Event = dict[str, Any]

ARGUMENTS: Spec = {
    **CONNECTION,
    **SELECT,
    "interval": {"type": "float", "default": 300},
    "events": {"type": "list", "elements": "str", "choices": list(SEVERITIES)},
    "rpo": {"type": "str"},
    "rpo_by_type": {"type": "dict"},
    "rpo_tag": {"type": "str"},
    "rpo_margin": {"type": "float", "default": 1.5},
    "max_point_reads": {"type": "int", "default": 100},
    "unprotected_after": {"type": "str", "default": "1h"},
    "send_existing": {"type": "bool", "default": True},
    "state_file": {"type": "path"},
    "storage_container_uri": {"type": "str"},
    "sas_token": {"type": "str", "no_log": True},
    "container_folder": {"type": "str"},
    "drill_folder": {"type": "path"},
    "drill_container_folder": {"type": "str"},
}
# Azure's own lists change no faster, and every caller shares Resource Graph's quota.
_LEAST_INTERVAL = 1.0
_STATE = "backup-events-state"

logger = logging.getLogger("holdfast.azure_backup.backup_events")


class Watch:
    """An estate that is looked at again and again.

    given: the arguments of the event source; clock: for tests. Raises BadInput, with all that is wrong, before any request.
    """

    def __init__(self, given: Mapping[str, Any], clock: Clock | None = None) -> None:
        options, problems = _read_options(given)
        self.interval = float(options.get("interval") or 0)
        self._options = options
        self._clock = clock or Clock()
        self._kinds = frozenset(options.get("events") or SEVERITIES)
        self._memory: Memory | None = None
        self._is_restored = False
        self._failing_since: str | None = None
        self._unreadable: set[str] = set()
        if not problems:
            problems += self._check()
        if problems:
            raise BadInput("; ".join(problems))

    def _check(self) -> list[str]:
        """Give what is wrong with options that have the right types."""
        options, problems = self._options, list[str]()
        self._objectives = read_objectives(options, problems)
        self._unprotected_after = _seconds_or_none(options["unprotected_after"], problems)
        try:
            self._selection = read_selection(options["select"] or {}, is_protected=False)
        except BadInput as error:
            problems.append(error.message)
        if self.interval < _LEAST_INTERVAL:
            problems.append(f"interval: {self.interval:g} must be at least {_LEAST_INTERVAL:g} second")
        if options["max_point_reads"] < 0:
            problems.append(f"max_point_reads: {options['max_point_reads']} must be 0 or more")
        uri = options["storage_container_uri"]
        if uri:
            problems += problems_with_url(uri, "storage_container_uri")
            if options["sas_token"]:
                problems += problems_with_sas_token(options["sas_token"], self._clock.now(), "rw")
            if options["state_file"]:
                problems.append("state_file: cannot be combined with storage_container_uri; set only one of them")
        elif options["drill_container_folder"] is not None:
            problems.append("drill_container_folder: requires storage_container_uri")
        if not problems and options["state_file"]:
            problems += _problems_with_file(Path(options["state_file"]))
        return problems

    def look(self) -> list[Event]:
        """Look once and give the events. What goes wrong is logged, and is an event when it begins; nothing ends the watch."""
        outcome = catch(self._look)
        if not isinstance(outcome, AzureBackupError):
            if self._failing_since:
                logger.warning("Azure can be read again, after errors since %s", self._failing_since)
            self._failing_since = None
            return outcome
        logger.warning("Cannot read the backups from Azure: %s. Next attempt in %g seconds", outcome.message, self.interval)
        if self._failing_since:
            return []
        self._failing_since = str(format_time(self._clock.now()))
        if "read_failed" not in self._kinds:
            return []
        error = {"code": outcome.code or type(outcome).__name__, "message": outcome.message}
        body = {
            "error": error,
            "msg": f"backups cannot be read from Azure, and no events are sent until they can: {outcome.message}",
        }
        return [to_event(Signal("read_failed", str(error["code"]).lower(), self._failing_since, body), self._failing_since)]

    def _look(self) -> list[Event]:
        options = self._options
        with Session(options, self._clock, check_mode=True, needs_subscription=False) as session:
            if not self._is_restored:
                self._memory = self._restore(session)
                self._is_restored = True
            reader = LookReader(
                session,
                self._selection,
                self._objectives,
                self._kinds,
                options["max_point_reads"],
                self._unprotected_after or 0.0,
                self._read_drills(session),
                self._memory,
            )
            look, unreadable = reader.read()
        self._say_unreadable(unreadable)
        events, self._memory = compare(self._memory, look, self._kinds, options["send_existing"])
        return sorted(events, key=lambda one: str(one["time"]))

    def _say_unreadable(self, unreadable: list[dict[str, Any]]) -> None:
        """Log what could not be read, once as long as it lasts."""
        now = {f"{one['what']}: {one['reason']}" for one in unreadable}
        for told in sorted(now - self._unreadable):
            logger.warning("Cannot read %s. No events are sent for what depends on it until it can be read", told)
        self._unreadable = now

    def remember(self) -> None:
        """Keep what was told, so that it is not told again after a restart. What goes wrong is logged."""
        if self._memory is None:
            return
        memory = self._memory
        outcome = catch(lambda: self._keep(json.dumps(memory.to_dict(), separators=(",", ":"))))
        if isinstance(outcome, AzureBackupError):
            logger.warning("Cannot save the state: %s. After a restart, events may be sent again", outcome.message)

    def _keep(self, text: str) -> None:
        file = self._options["state_file"]
        if file:
            beside = Path(f"{file}.new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(file)
        elif self._options["storage_container_uri"]:
            with Session(self._options, self._clock, needs_subscription=False) as session:
                self._container(session, self._options["container_folder"]).write({f"{_STATE}.json": text})

    def _restore(self, session: Session) -> Memory | None:
        """Read what an earlier run has kept; what cannot be understood is begun anew, and that is logged."""
        kept: Any = None
        file = self._options["state_file"]
        if file and Path(file).exists():
            try:
                kept = json.loads(Path(file).read_text(encoding="utf-8"))
            except (OSError, ValueError):
                kept = {}
        elif self._options["storage_container_uri"]:
            folder = _folder(self._options["container_folder"])
            kept = self._container(session, folder).read(f"{folder}{_STATE}.json")
        memory = Memory.from_dict(kept)
        if kept is not None and memory is None:
            place = file or f"{self._options['storage_container_uri']} ({_STATE}.json)"
            logger.warning(
                "Cannot read the saved state in %s; starting without it. Existing conditions are sent again; jobs that failed "
                "since it was saved are not sent: check the job lists of the vaults",
                place,
            )
        return memory

    def _read_drills(self, session: Session) -> list[dict[str, Any]]:
        """Read the newest report of drills, in a folder and in a folder of the container."""
        found: list[Any] = []
        name = f"{drill_report.NAME}.json"
        folder, in_container = self._options["drill_folder"], self._options["drill_container_folder"]
        if "drill_failed" not in self._kinds:
            return []
        if folder:
            try:
                found.append(json.loads((Path(folder) / name).read_text(encoding="utf-8")))
            except FileNotFoundError:
                pass
            except (OSError, ValueError) as error:
                logger.warning(
                    "Cannot read the restore drill report in %s: %s. No drill_failed event is sent until it can be read",
                    folder,
                    error,
                )
        if in_container is not None:
            try:
                found.append(self._container(session, in_container).read(f"{_folder(in_container)}{name}"))
            except AzureBackupError as error:
                logger.warning(
                    "Cannot read the restore drill report: %s. No drill_failed event is sent until it can be read", error.message
                )
        return [one for one in found if isinstance(one, dict) and one.get("schema_version") == drill_report.SCHEMA_VERSION]

    def _container(self, session: Session, folder: str | None) -> ReportContainer:
        token, url = plain_sas_token(self._options["sas_token"]), str(self._options["storage_container_uri"]).rstrip("/")
        return ReportContainer(session, url, token, (folder or "").strip("/"), _STATE)


def _read_options(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give the options in their types, and what is wrong with them. What ansible-rulebook itself adds is left out."""
    validated = ArgumentSpecValidator(ARGUMENTS).validate(
        {key: value for key, value in given.items() if key != "eda_feedback_queue"}
    )
    return validated.validated_parameters, list(validated.error_messages)


def _seconds_or_none(text: str, problems: list[str]) -> float | None:
    return 0.0 if text.strip() == "0" else read_seconds(text, "unprotected_after", problems)


def _folder(name: str | None) -> str:
    text = (name or "").strip("/")
    return f"{text}/" if text else ""


def _problems_with_file(file: Path) -> list[str]:
    """Tell whether a file can be written, before hours have passed."""
    try:
        with file.open("a", encoding="utf-8"):
            pass
        if not file.stat().st_size:
            file.unlink()
    except OSError as error:
        return [f"state_file: {file} cannot be written: {error.strerror}"]
    return []
