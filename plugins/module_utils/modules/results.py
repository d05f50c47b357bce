# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Results of a module: one for each datasource, one summary, the diff."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..concurrency import settle_each
from ..errors import AzureBackupError, BadInput
from ..model.datasource_types import DatasourceType, find_by_id, find_by_name
from ..model.resource_ids import ResourceId
from .task import Result, Task

Datasource = tuple[DatasourceType, ResourceId]

# The work for a datasource. It pauses after every check and before the first write, and yields the result that it predicts. It
# may pause a second time after its last write, so that one list shows the state of all the datasources.
Steps = Generator[Result, None, Result]


def read_datasource_ids(ids: Sequence[str] | None, datasource_type: str | None = None) -> list[Datasource]:
    """Read the options datasource_id and datasource_type: every id must have a row, and all must belong in one kind of vault.

    Where an id can be of several types and datasource_type says nothing, the first is given (see datasource_kinds.settle_kinds).
    Raises BadInput with every mistake.
    """
    if datasource_type:
        find_by_name(datasource_type)
    if not ids:
        raise BadInput("datasource_id: no datasource is given")
    problems: list[str] = []
    found: list[Datasource] = []
    for value in ids:
        try:
            found.append(find_by_id(value, datasource_type))
        except BadInput as error:
            problems.append(error.message)
    problems += problems_of_vault_types(datasource_type for datasource_type, _datasource in found)
    if problems:
        raise BadInput("; ".join(problems))
    return found


def problems_of_vault_types(types: Iterable[DatasourceType]) -> list[str]:
    """Give what is wrong with datasources of one task: they need one type of vault."""
    if len({datasource_type.vault_type for datasource_type in types}) < 2:
        return []
    return ["datasource_id: these require different types of vault; use a separate task for each type"]


def item_result(datasource_id: str | None, changed: bool, action: str, msg: str, **more: Any) -> Result:
    """Give the result of one datasource, with every key that each result has."""
    result: Result = {
        "datasource_id": datasource_id,
        "changed": changed,
        "failed": False,
        "msg": msg,
        "action": action,
        "instance": None,
        "job": None,
        "recovery_point": None,
        "error": None,
    }
    return {**result, **more}


def item_diff(datasource_id: str | None, before: Any, after: Any) -> Result:
    """Give what --diff shows of one datasource; None is nothing."""
    return {
        "before": before or {},
        "after": after or {},
        "before_header": datasource_id,
        "after_header": datasource_id,
    }


def failed_item(datasource_id: str | None, error: AzureBackupError, changed: bool = False) -> Result:
    """Give the result of a datasource that failed."""
    return {
        **item_result(datasource_id, changed, "failed", error.message),
        "failed": True,
        "error": error.as_result(),
        **error.details,
    }


def run_each(task: Task, works: Sequence[Work], at_once: int, meanwhile: Callable[[], None] | None = None) -> Result:
    """Check everything, and then do the work for each that can be done, several at once; one failure stops no other.

    works: see Work; in check mode a prediction is the result; at_once: how many are worked on at the same time; meanwhile: what
    is waited for together when all has been written. Works with the same key are done once. Gives the module's result:
    datasources in the order of works, changed, failed and, where anything failed, one summary msg.
    """
    unique: dict[str, Work] = {}
    for work in works:
        unique.setdefault(work.key, work)

    def write(one: Stage) -> Stage:
        return task.carry_out(lambda: _go_on(one), Stage(one.result))

    def finish(one: Stage) -> Stage:
        try:
            done = _go_on(one)
        except AzureBackupError as error:
            # What it has written before its pause, it has.
            error.details = {**error.details, "changed": error.details.get("changed") or one.result["changed"]}
            raise
        if done.steps:
            raise TypeError("the work for a datasource pauses at most twice, and this one paused again")
        return done

    checked = settle_each(list(unique.values()), lambda one: _go_on(Stage({}, one.begin())), task.options["max_concurrency"])
    written = _settle_rest(checked, task.accounting(write), at_once)
    if meanwhile:
        meanwhile()
    finished = _settle_rest(written, task.accounting(finish), at_once)
    done = {
        work.key: failed_item(work.datasource_id, outcome) if isinstance(outcome, AzureBackupError) else outcome.result
        for work, outcome in zip(unique.values(), finished, strict=True)
    }
    return summarise([done[work.key] for work in works])


@dataclass(frozen=True)
class Work:
    """What is done for one datasource; key: tells works apart; begin: gives its steps."""

    key: str
    datasource_id: str
    begin: Callable[[], Steps]


@dataclass
class Stage:
    """How far the work for a datasource has come: its result, predicted where there are steps left."""

    result: Result
    steps: Steps | None = None


def _go_on(stage: Stage) -> Stage:
    """Let work go on to its next pause, or to its end."""
    if stage.steps is None:
        return stage
    try:
        return Stage(next(stage.steps), stage.steps)
    except StopIteration as end:
        return Stage(end.value)


def _settle_rest(
    outcomes: list[Stage | AzureBackupError], work: Callable[[Stage], Stage], at_once: int
) -> list[Stage | AzureBackupError]:
    """Let what has not failed go on."""

    def go_on(one: Stage | AzureBackupError) -> Stage:
        if isinstance(one, AzureBackupError):
            raise one
        return work(one)

    return settle_each(outcomes, go_on, at_once)


def name_some(names: Sequence[str], most: int) -> str:
    """Name the first of a list, and tell how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def summarise(results: list[Result]) -> Result:
    """Give a module's result from the results of its items."""
    failures = [result for result in results if result["failed"]]
    summary: Result = {
        "changed": any(result["changed"] for result in results),
        "datasources": results,
        "diff": [result.pop("diff") for result in results if "diff" in result],
    }
    if failures:
        summary["failed"] = True
        first = failures[0]["msg"]
        several = f"{len(failures)} of {len(results)} datasources failed; first error: {first}"
        summary["msg"] = first if len(results) == 1 else several
        summary["error"] = failures[0]["error"]
    return summary
