# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.ResourceGraph: the queries that backup clients send, over what the services hold.

Of the query language it knows where (=~, in~, ==, contains and comparisons of times), extend of a path (also by tostring,
todatetime and tolower) or of the two expressions that Microsoft's client sends, summarize of arg_max by one column, project, and
order by id. Everything else is answered with 501.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .arm import ArmError, Call, Reply, Route, Wire, check_properties
from .clock import Clock
from .limits import Limits

_MOST_ROWS_A_PAGE = 1000
_MOST_ANSWERS_KEPT = 4
_QUOTA = 15
_QUOTA_SECONDS = 5
_REMAINING = "x-ms-user-quota-remaining"
_RESETS_AFTER = "x-ms-user-quota-resets-after"
_WORD = r"[\w.]+"
_TEXT = r"'((?:[^'\\]|\\.)*)'"
_EQUALS = re.compile(rf"^where\s+({_WORD})\s*(=~|==)\s*{_TEXT}$", re.IGNORECASE)
_ONE_OF = re.compile(rf"^where\s+({_WORD})\s+in~\s*\((.*)\)$", re.IGNORECASE)
_TIME = re.compile(rf"^where\s+(?:todatetime\()?({_WORD})\)?\s*(>=|<=|<|>)\s*datetime\(([^)]+)\)$", re.IGNORECASE)
_CONTAINS = re.compile(rf"^where\s+tostring\(({_WORD})\)\s+contains\s+{_TEXT}$", re.IGNORECASE)
_COMPARISONS = {">=": operator.ge, "<=": operator.le, "<": operator.lt, ">": operator.gt}
_EXTEND = re.compile(r"^extend\s+(\w+)\s*=\s*(.+)$", re.IGNORECASE)
_PROJECT = re.compile(r"^project\s+(.+)$", re.IGNORECASE)
_SUMMARIZE = re.compile(r"^summarize\s+arg_max\((\w+)((?:\s*,\s*\w+)*)\)\s+by\s+(\w+)$", re.IGNORECASE)
_CALL = re.compile(r"^(tolower|tostring|todatetime)\((.*)\)$", re.IGNORECASE)
_ORDER = re.compile(r"^order by id asc$", re.IGNORECASE)
_PIPE = re.compile(rf"((?:{_TEXT}|[^|'])+)")


def _vault_name(row: Wire) -> str:
    return str(row["id"]).split("/Microsoft.DataProtection/backupVaults/", 1)[1].split("/", 1)[0]


def _operation(row: Wire) -> str:
    properties = row["properties"]
    category = str(properties["operationCategory"])
    if not category.lower().startswith("backup"):
        return category
    return f"{'OnDemand' if properties['isUserTriggered'] else 'Scheduled'}{category}"


# The beginnings of the two expressions that azure-cli computes columns with (recorded).
_EXPRESSIONS: dict[str, Callable[[Wire], str]] = {
    "split(split(id, '/Microsoft.DataProtection/backupVaults/')[1],'/')[0]": _vault_name,
    "case( tolower(properties.operationCategory) startswith 'backup'": _operation,
}


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _dig(row: Wire, path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text).strip("'\"")).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _not_emulated(part: str) -> ArmError:
    return ArmError(501, "NotEmulated", f"The emulator does not know this part of a query: {part}")


def _step(part: str, rows: list[Wire]) -> list[Wire]:
    """Do one operator of a query."""
    if re.match(r"where\s", part, re.IGNORECASE):
        return _where(part, rows)
    if match := _PROJECT.match(part):
        columns = [_column(text) for text in match[1].split(",")]
        return [{name: _dig(row, path) for name, path in columns} for row in rows]
    if match := _EXTEND.match(part):
        return [{**row, match[1]: _expression(match[2].strip(), row)} for row in rows]
    if match := _SUMMARIZE.match(part):
        return _last_of_each(rows, match[1], re.findall(r"\w+", match[2]), match[3])
    if _ORDER.match(part):
        return sorted(rows, key=lambda row: str(row["id"]).lower())
    raise _not_emulated(part)


def _where(part: str, rows: list[Wire]) -> list[Wire]:
    """Give the rows that a condition leaves."""
    if match := _EQUALS.match(part):
        path, sign, wanted = match[1], match[2], _unquote(match[3])
        if sign == "==":
            return [row for row in rows if str(_dig(row, path)) == wanted]
        return [row for row in rows if str(_dig(row, path)).lower() == wanted.lower()]
    if match := _ONE_OF.match(part):
        if not match[2].strip():
            raise ArmError(
                400, "BadRequest", f"Please provide below info when asking for support: the query is invalid at {part}"
            )
        values = {_unquote(text).lower() for text in re.findall(_TEXT, match[2])}
        return [row for row in rows if str(_dig(row, match[1])).lower() in values]
    if match := _TIME.match(part):
        limit, compare = _moment(match[3]), _COMPARISONS[match[2]]
        moments = [(row, _dig(row, match[1])) for row in rows]
        return [row for row, text in moments if text and compare(_moment(text), limit)]
    if match := _CONTAINS.match(part):
        text = _unquote(match[2]).lower()
        return [row for row in rows if text in json.dumps(_dig(row, match[1]), ensure_ascii=False).lower()]
    raise _not_emulated(part)


def _column(text: str) -> tuple[str, str]:
    """Give the name and the path of a column of project."""
    name, _sign, path = (word.strip() for word in text.partition("="))
    path = path or name
    if not re.fullmatch(r"\w+", name) or not re.fullmatch(_WORD, path):
        raise _not_emulated(text)
    return name, path


def _last_of_each(rows: list[Wire], greatest: str, others: list[str], by: str) -> list[Wire]:
    """Give for each value of a column the row in which another one is greatest, with these columns only."""
    found: dict[str, Wire] = {}
    for row in rows:
        known = found.get(str(row[by]))
        if row[greatest] is not None and (known is None or row[greatest] > known[greatest]):
            found[str(row[by])] = {by: row[by], greatest: row[greatest], **{name: row.get(name) for name in others}}
    return list(found.values())


def _call(function: str, value: Any) -> Any:
    if function == "todatetime":
        # A column of times is shown in one form, so that texts compare as times do.
        return _moment(value).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if value else None
    text = "" if value is None else str(value)
    return text.lower() if function == "tolower" else text


def _expression(text: str, row: Wire) -> Any:
    if match := _CALL.match(text):
        return _call(match[1].lower(), _expression(match[2].strip(), row))
    for beginning, compute in _EXPRESSIONS.items():
        if text.startswith(beginning):
            return compute(row)
    if not re.fullmatch(_WORD, text):
        raise _not_emulated(text)
    return _dig(row, text)


def graph_row(wire: Wire, kind: str, tenant_id: str) -> Wire:
    """Give a resource the columns that every row has (recorded: backup_vault_list_from_resource_graph)."""
    parts = wire["id"].split("/")
    return {
        "id": wire["id"],
        "name": wire["name"],
        "type": kind.lower(),
        "tenantId": tenant_id,
        "kind": "",
        "location": wire.get("location") or "",
        "resourceGroup": parts[4].lower(),
        "subscriptionId": parts[2],
        "managedBy": "",
        "sku": None,
        "plan": None,
        "properties": wire["properties"],
        "tags": wire.get("tags"),
        "identity": wire.get("identity"),
        "zones": None,
        "extendedLocation": None,
    }


@dataclass
class Quota:
    """How often a caller may ask: 15 times in 5 seconds (Microsoft's guidance for throttled requests), told with each answer."""

    clock: Clock
    asked: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def take(self, principal: str) -> dict[str, str]:
        """Count a question and give the headers that tell what is left. Raises ArmError 429, which names no Retry-After."""
        now = self.clock.now()
        began, count = self.asked.get(principal, (now, 0))
        if (now - began).total_seconds() >= _QUOTA_SECONDS:
            began, count = now, 0
        seconds = max(1, math.ceil(_QUOTA_SECONDS - (now - began).total_seconds()))
        headers = {_REMAINING: str(max(0, _QUOTA - count - 1)), _RESETS_AFTER: f"00:00:{seconds:02d}"}
        if count >= _QUOTA:
            message = "Please provide below info when asking for support: timestamp = " + now.isoformat()
            raise ArmError(429, "RateLimiting", message, headers=headers)
        self.asked[principal] = (began, count + 1)
        return headers


@dataclass
class Index:
    """What Resource Graph knows of a table: the services as they are, or up to lag_seconds behind them.

    tables: by lower-cased name, what gives a table's rows.
    """

    tables: Mapping[str, Callable[[], Iterable[Wire]]]
    clock: Clock
    lag_seconds: float = 0.0
    copies: dict[str, tuple[datetime, list[Wire]]] = field(default_factory=dict)

    def rows(self, name: str) -> Iterable[Wire]:
        """Give the rows of a table."""
        if not self.lag_seconds:
            return self.tables[name]()
        known = self.copies.get(name)
        if known is None or (self.clock.now() - known[0]).total_seconds() >= self.lag_seconds:
            self.copies[name] = known = (self.clock.now(), copy.deepcopy(list(self.tables[name]())))
        return known[1]

    def lag(self, seconds: float) -> None:
        """Be up to that many seconds behind from now on."""
        self.lag_seconds = seconds
        self.copies.clear()
        for name in self.tables:
            self.rows(name)


class ResourceGraph:
    """The service.

    index: what it knows; may_see: tells whether a principal may read an id; limits: whether it counts how often a caller asks.
    """

    def __init__(self, index: Index, may_see: Callable[[str, str], bool], limits: Limits) -> None:
        self._index = index
        self._may_see = may_see
        self._limits = limits
        self.quota = Quota(limits.clock)
        # What pages that are still to be asked for come from.
        self._answers: dict[str, list[Wire]] = {}
        self.page_size = _MOST_ROWS_A_PAGE

    @property
    def lag_seconds(self) -> float:
        """How far it may be behind what is written."""
        return self._index.lag_seconds

    @lag_seconds.setter
    def lag_seconds(self, seconds: float) -> None:
        self._index.lag(seconds)

    def routes(self) -> list[Route]:
        """Give what is answered. Whoever may sign in may ask, and gets what it may see."""
        template = "/providers/Microsoft.ResourceGraph/resources"
        return [Route("POST", template, self._answer, "Microsoft.ResourceGraph", open_to_all=True)]

    def _answer(self, call: Call) -> Reply:
        headers = self.quota.take(call.principal_id) if self._limits.is_on else {}
        document = call.document()
        check_properties(document, {"query", "subscriptions", "managementGroups", "options", "facets"}, "QueryRequest")
        query, options = str(document.get("query") or ""), document.get("options") or {}
        known = {"$top", "$skip", "$skipToken", "resultFormat", "allowPartialScopes", "authorizationScopeFilter"}
        check_properties(options, known, "QueryRequestOptions")
        if options.get("resultFormat", "objectArray") != "objectArray":
            raise _not_emulated("resultFormat")
        subscriptions = document.get("subscriptions") or []
        mark = self._mark(query, call.principal_id, subscriptions)
        start = self._start(options, mark)
        rows = self._answers.pop(mark, None) if options.get("$skipToken") else None
        if rows is None:
            rows = self._rows(query, call.principal_id, subscriptions)
        top = min(int(options.get("$top") or 100), self.page_size)
        page = rows[start : start + top]
        body: Wire = {
            "totalRecords": len(rows),
            "count": len(page),
            "data": page,
            "facets": [],
            "resultTruncated": "false",
        }
        if start + top < len(rows):
            # A longer answer is not sorted anew for each page; only a few are kept.
            self._answers[mark] = rows
            while len(self._answers) > _MOST_ANSWERS_KEPT:
                del self._answers[next(iter(self._answers))]
            body["$skipToken"] = self._token(mark, start + top)
        return Reply(200, body, {"x-ms-ratelimit-remaining-tenant-resource-requests": "14", **headers})

    def _rows(self, query: str, principal_id: str, subscriptions: list[str]) -> list[Wire]:
        parts = [match[0].strip() for match in _PIPE.findall(query)]
        if not parts or parts[0].lower() not in self._index.tables:
            raise _not_emulated(query)
        within = {text.lower() for text in subscriptions}
        rows = [
            row
            for row in self._index.rows(parts[0].lower())
            if (not within or row["subscriptionId"].lower() in within) and self._may_see(principal_id, row["id"])
        ]
        for part in parts[1:]:
            rows = _step(part, rows)
        return rows

    @staticmethod
    def _mark(query: str, principal_id: str, subscriptions: list[str]) -> str:
        return hashlib.sha256(json.dumps([query, principal_id, subscriptions]).encode()).hexdigest()

    @staticmethod
    def _token(mark: str, start: int) -> str:
        return base64.b64encode(json.dumps({"start": start, "query": mark}).encode()).decode()

    def _start(self, options: Wire, mark: str) -> int:
        """Give the row to begin at. A token goes on with the very query that it came from."""
        token = options.get("$skipToken")
        if not token:
            return int(options.get("$skip") or 0)
        try:
            start = int(json.loads(base64.b64decode(token))["start"])
        except (ValueError, KeyError, TypeError) as error:
            raise ArmError(400, "InvalidSkipToken", "The skip token is not valid.") from error
        if token != self._token(mark, start):
            raise ArmError(400, "InvalidSkipToken", "The skip token belongs to another query.")
        return start
