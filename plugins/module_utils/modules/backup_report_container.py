# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Reports in a blob container, for roles whose reports have to outlast the machine that they run on."""

from __future__ import annotations

import re

from ..errors import AzureBackupError, BadInput, Denied, NotFound
from ..model.blob_containers import plain_sas_token, problems_with_sas_token, problems_with_url
from ..model.report_history import superfluous
from ..services.report_container import ReportContainer
from .task import Result, Task

_PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_NAME = re.compile(r"[a-z][a-z-]*")


def keep_reports(task: Task) -> Result:
    """Read the earlier reports of a container, and write one (module backup_report_container)."""
    container = _open(task)
    most = task.options["history"]
    try:
        kept = container.list_history()
        reports = [report for report in map(container.read, kept[-most:] if most else []) if report is not None]
    except NotFound as error:
        message = f"storage_container_uri: the container {container.url} does not exist; create it first"
        raise NotFound(message, code=error.code, status=error.status) from error
    except Denied as error:
        raise _how_to_grant(error, task) from error
    files = task.options["files"]
    if not files:
        return _result(task, f"{len(kept)} earlier report(s) in {container.url}", reports, [], [])
    older = superfluous(container.with_new(kept, files), most)
    predicted = _result(task, f"{len(files)} file(s) would be written to {container.url}", reports, [], older)
    return task.carry_out(lambda: _write(task, container, reports), predicted)


def _open(task: Task) -> ReportContainer:
    """Give the container that the options name. Raises BadInput with every mistake, before any request."""
    options = task.options
    url, folder, token = options["storage_container_uri"], (options["folder"] or "").strip("/"), options["sas_token"]
    problems = problems_with_url(url, "storage_container_uri")
    if folder and not _is_path(folder):
        problems.append(f"folder: '{folder}' may contain only letters, digits, '.', '_', '-', and '/' between names")
    if not _NAME.fullmatch(options["name"]):
        problems.append(f"name: '{options['name']}' may contain only lowercase letters and hyphens")
    if options["history"] < 0:
        problems.append(f"history: {options['history']} must be 0 or more")
    problems += [f"files: '{name}' is not a file name" for name in options["files"] or {} if not _is_path(name)]
    problems += [
        f"files: {name} must be a string" for name, text in (options["files"] or {}).items() if not isinstance(text, str)
    ]
    if token:
        problems += problems_with_sas_token(token, task.clock.now(), "rcwdl" if options["files"] else "rl")
    if problems:
        raise BadInput("; ".join(problems))
    return ReportContainer(task.session, url.strip().rstrip("/"), plain_sas_token(token), folder, options["name"])


def _is_path(text: str) -> bool:
    return bool(_PATH.fullmatch(text)) and not {".", ".."} & set(text.split("/"))


def _write(task: Task, container: ReportContainer, reports: list[Result]) -> Result:
    try:
        written = container.write(task.options["files"])
    except Denied as error:
        raise _how_to_grant(error, task) from error
    removed: list[str] = []
    try:
        # Those of a run meanwhile count as well.
        for name in superfluous(container.list_history(), task.options["history"]):
            container.delete(name)
            removed.append(name)
    except AzureBackupError as error:
        most = task.options["history"]
        task.warn(f"the report was written, but not all reports older than the last {most} could be removed: {error.message}")
    return _result(task, f"wrote {len(written)} file(s) to {container.url}", reports, written, removed)


def _how_to_grant(error: Denied, task: Task) -> Denied:
    """Give the error of a caller who may not reach the container, with the way out."""
    if task.options["sas_token"]:
        error.message += " Create a SAS token of the container with the permissions rcwdl; check the network rules of the account"
    else:
        error.message += (
            " Grant Storage Blob Data Contributor on the container to the identity that runs this task, and wait a few minutes "
            "until it takes effect; if it has the role already, check the network rules of the account"
        )
    return error


def _result(task: Task, msg: str, reports: list[Result], written: list[str], removed: list[str]) -> Result:
    names = sorted(task.options["files"] or {})
    diff = {"before": {"older_reports": removed, "written": []}, "after": {"older_reports": [], "written": names}}
    return {"changed": bool(names), "msg": msg, "reports": reports, "files": written, "removed": removed, "diff": diff}
