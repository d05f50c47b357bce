# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Typed operations of Microsoft's SDKs: called by their names, answered with the service's own JSON.

The models that the SDKs make of an answer are left aside: those of older releases drop every field that they do not know, and
one environment with azure.azcollection has such a release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..errors import AzureBackupError, NotFound
from ..model.result_shapes import Wire
from .long_running import FirstAnswer
from .sdk_errors import translated
from .session import LARGEST_LIST_PAGES, json_object, page_items

Operation = Callable[..., Any]


def send_operation(action: str, operation: Operation, *arguments: Any, **options: Any) -> Any:
    """Call an operation and give its answer; of a long-running one the first, which polls nothing.

    Raises AzureBackupError.
    """
    answers: list[Any] = []
    if operation.__name__.startswith("begin_"):
        options["polling"] = FirstAnswer()
    with translated(action):
        operation(*arguments, raw_response_hook=answers.append, **options)
    return answers[-1].http_response


def read_operation(action: str, operation: Operation, *arguments: Any, **options: Any) -> Wire | None:
    """Call an operation that reads one resource, and give it; None for 404."""
    found: list[Wire] = []
    try:
        with translated(action):
            operation(*arguments, raw_response_hook=lambda answer: found.extend(_objects_of(answer, action)), **options)
    except NotFound:
        return None
    return found[-1]


def page_operation(action: str, operation: Operation, *arguments: Any, **options: Any) -> Iterator[list[Wire]]:
    """Call an operation that lists resources, and give them page by page. Raises NotFound where the list does not exist."""
    found: list[Wire] = []

    def take(answer: Any) -> None:
        for body in _objects_of(answer, action):
            found[:] = page_items(body, action)

    with translated(action):
        pages = iter(operation(*arguments, raw_response_hook=take, **options).by_page())
    for _page in range(LARGEST_LIST_PAGES):
        with translated(action):
            if next(pages, None) is None:
                return
        yield list(found)
    raise AzureBackupError(f"Cannot {action}: the list has too many pages")


def list_operation(action: str, operation: Operation, *arguments: Any, **options: Any) -> list[Wire]:
    """Call an operation that lists resources, and give them all. Raises NotFound where the list does not exist."""
    return [item for page in page_operation(action, operation, *arguments, **options) for item in page]


def _objects_of(answer: Any, action: str) -> list[Wire]:
    """Give the JSON object of an answer, before the SDK makes a model of it; none for an error, which the SDK raises."""
    response = answer.http_response
    return [json_object(response, action)] if response.status_code < 300 else []
