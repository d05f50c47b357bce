# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Azure Resource Graph: one question to everything that the caller may see, in whatever subscription."""

from __future__ import annotations

from typing import Any

from ..errors import AzureBackupError
from .sdk_errors import seconds_to_wait
from .session import API_VERSIONS, Session, json_body

_URL = "/providers/Microsoft.ResourceGraph/resources"
_ROWS_A_PAGE = 1000
_MOST_PAGES = 10_000


def quote(text: str) -> str:
    """Give a text as a string literal of the query language."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def run_query(session: Session, query: str, subscription_ids: list[str], action: str) -> list[dict[str, Any]]:
    """Read every row of a query by its pages; each id is given once.

    subscription_ids: where to look; empty for all that the caller may see. The query has to order by id, since only
    sorted rows keep their place from one page to the next (Microsoft's guidance for pagination).
    """
    options: dict[str, Any] = {"$top": _ROWS_A_PAGE, "resultFormat": "objectArray", "allowPartialScopes": False}
    body: dict[str, Any] = {"query": query, "options": options}
    if subscription_ids:
        body["subscriptions"] = subscription_ids
    found: dict[str, dict[str, Any]] = {}
    for _page in range(_MOST_PAGES):
        # A query changes nothing, so it may be asked again like a GET.
        response = session.send(
            "POST", _URL, action, API_VERSIONS["Microsoft.ResourceGraph"], body=body, retry_on_methods=("POST",)
        )
        answer = json_body(response, action)
        found |= {str(row["id"]).lower(): row for row in answer.get("data") or []}
        pause = seconds_to_wait(response.headers)
        token = answer.get("$skipToken")
        if token and pause:
            # The quota is used up: the next question would be refused.
            session.clock.pause(pause)
        if not token:
            if str(answer.get("resultTruncated")).lower() == "true":
                raise AzureBackupError(f"Cannot {action}: Azure Resource Graph truncated the list and returned no $skipToken")
            return list(found.values())
        options["$skipToken"] = token
    raise AzureBackupError(f"Cannot {action}: the list has too many pages")
