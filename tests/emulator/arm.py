# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The envelope of Azure Resource Manager: requests and answers as values, errors, ids, api-versions, paging.

Services see Call and give Reply; they know nothing of HTTP.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

Wire = dict[str, Any]

_API_VERSION = re.compile(r"^\d{4}-\d\d-\d\d(-preview|-privatepreview|-alpha|-beta|-rc)?$")


@dataclass
class Reply:
    """An answer: a status, a JSON body (None for an empty one), headers."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class ArmError(Exception):
    """An answer with Azure's error envelope."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers: dict[str, str] = more.pop("headers", {})
        self.error: Wire = {"code": code, "message": message, **more}

    def reply(self) -> Reply:
        """Give the answer."""
        return Reply(self.status, {"error": self.error}, dict(self.headers))


def user_facing_error(code: str, message: str, action: str, inner: Wire | None = None, activity: str = "") -> Wire:
    """Build the backup service's error object (recorded: errors/dataprotection-errors.json)."""
    info = {
        "message": message,
        "recommendedAction": [action],
        "details": None,
        "code": code,
        "target": "",
        "innerError": inner,
        "isRetryable": False,
        "isUserError": False,
        "properties": {"ActivityId": activity},
    }
    return {
        "additionalInfo": [{"type": "UserFacingError", "info": info}],
        "code": code,
        "message": message,
        "target": None,
        "details": None,
    }


def backup_error(status: int, code: str, message: str, action: str, inner: Wire | None = None) -> ArmError:
    """Build a refusal of the backup service."""
    error = user_facing_error(code, message, action, inner)
    more = {key: value for key, value in error.items() if key not in ("code", "message")}
    return ArmError(status, code, message, **more)


@dataclass
class Call:
    """A request to Resource Manager, already authenticated.

    path: names from the route's template; url: scheme and host to build absolute URLs with; headers: by lower-cased names.
    """

    method: str
    path: dict[str, str]
    query: dict[str, str]
    raw_query: str
    body: Any
    url: str
    full_path: str
    principal_id: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def api_version(self) -> str:
        """The api-version of the request."""
        return self.query.get("api-version", "")

    def document(self) -> Wire:
        """Give the body, which must be a JSON object. Raises ArmError 400."""
        if not isinstance(self.body, dict):
            raise ArmError(400, "InvalidRequestContent", "The request content was invalid and could not be deserialized.")
        return copy.deepcopy(self.body)

    def group_key(self) -> tuple[str, str]:
        """Give the subscription and resource group of the path, to look things up by."""
        return self.path["subscription"].lower(), self.path["group"].lower()


Handler = Callable[[Call], Reply]
# Method, path template, handler.
PlainRoute = tuple[str, str, Handler]


@dataclass(frozen=True)
class Route:
    """Which handler answers a method on a path template.

    namespace: the provider whose api-version is checked; open_to_all: the handler itself looks at what the caller may see.
    """

    method: str
    template: str
    handler: Handler
    namespace: str
    open_to_all: bool = False


# Disks and virtual machines come from two teams: each type has versions that Resource Manager refuses for the other (its own
# lists in issues of azure-docs, 62621, and azure-rest-api-specs, 27695).
_VERSIONS_OF_ONE_TYPE = {
    "disks": {
        "2018-09-30", "2019-11-01", "2020-05-01", "2020-06-30", "2020-09-30", "2021-08-01", "2021-12-01", "2022-03-02",
        "2022-07-02", "2023-01-02", "2023-04-02", "2023-10-02", "2024-03-02", "2025-01-02",
    },
    "virtualmachines": {
        "2018-10-01", "2019-12-01", "2020-06-01", "2021-03-01", "2021-07-01", "2021-11-01", "2022-03-01", "2022-08-01",
        "2022-11-01", "2023-03-01", "2023-07-01", "2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01",
    },
}  # fmt: skip


def check_api_version(namespace: str, version: str, oldest: str, kind: str) -> None:
    """Refuse a missing or unknown api-version as Resource Manager does. Raises ArmError 400."""
    if not version:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    own = kind.split("/", 1)[0].lower()
    is_foreign = own in _VERSIONS_OF_ONE_TYPE and any(
        version in versions for other, versions in _VERSIONS_OF_ONE_TYPE.items() if other != own
    )
    if not _API_VERSION.match(version) or version < oldest or is_foreign:
        raise ArmError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{version}' and type '{kind}' in namespace '{namespace}'.",
        )


def resource_not_found(kind: str, name: str, group: str) -> ArmError:
    """Build the 404 of a resource (recorded in several services)."""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to "
        "https://aka.ms/ARMResourceNotFoundFix",
    )


def page_of(call: Call, items: list[Any], page_size: int, describe: Callable[[Any], Wire] = lambda item: item) -> Reply:
    """Give one page of a list and the nextLink to the one after it; describe: gives an item as lists show it."""
    token = call.query.get("$skiptoken") or call.query.get("$skipToken") or "0"
    start = int(token) if token.isdigit() else 0
    body: Wire = {"value": [describe(item) for item in items[start : start + page_size]]}
    if start + page_size < len(items):
        kept = {name: value for name, value in call.query.items() if name.lower() != "$skiptoken"}
        query = urlencode({**kept, "$skipToken": start + page_size}, safe="$")
        body["nextLink"] = f"{call.url}{quote(call.full_path)}?{query}"
    return Reply(200, body)


def check_properties(document: Wire, allowed: set[str], what: str) -> None:
    """Refuse properties that Azure does not know. Raises ArmError 400."""
    unknown = set(document) - allowed
    if unknown:
        raise ArmError(
            400,
            "InvalidRequestContent",
            f"The request content was invalid and could not be deserialized: 'Could not find member '{sorted(unknown)[0]}' "
            f"on object of type '{what}'.'",
        )
