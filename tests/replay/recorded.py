# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second loopback server, which answers from a recording instead of from rules."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from emulator import metadata
from emulator.app import build_response
from emulator.arm import ArmError, Reply
from emulator.clock import Clock, http_date
from emulator.identity import EntraId, ServicePrincipal
from emulator.managed_hsm import AUDIENCE as HSM_AUDIENCE
from emulator.seed import Seed
from emulator.sign_in import sign_in_routes
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_READS = ("GET", "HEAD")
_RECORDED_HOST = re.compile(
    r"https://(management\.azure\.com|adminmanagement\.[-\w.]+|[-\w]+\.managedhsm\.azure\.net"
    r"|(managedhsm|[-\w]+\.vault\.azure\.net)(?=/(backup|restore)/))",
    re.IGNORECASE,
)
# POSTs that only ask.
_QUESTION = re.compile(r"/microsoft\.resourcegraph/resources|/((fetch|find)\w+|backupstatus|backupcrrjobs?)$")
# Microsoft's client looks identities up in the directory; ours knows them from the vault.
_DIRECTORY = re.compile(r"https://graph\.")
# Names of role assignments are chosen by the client, at random by Microsoft's.
_ASSIGNMENT = re.compile(r"(/roleassignments)/[0-9a-f-]{36}$")


def request_key(url: str, body: Any) -> str:
    """Give the path of a request as it is compared.

    A query of Resource Graph is compared by the type that it asks for, and the status of an operation of Azure Stack Hub is told
    from its result, which is one path with another query.
    """
    key = path_key(url)
    if "isasyncoperation" in urlsplit(url).query.lower():
        key += "?status"
    asked = re.search(r"type =~ '([^']+)'", str((body or {}).get("query"))) if key.endswith("/resources") else None
    return f"{key}?{asked[1].lower()}" if asked else key


def path_key(path: str) -> str:
    """Give a path as it is compared: decoded, in lower case, without query or slash at the end."""
    return _ASSIGNMENT.sub(r"\1/*", unquote(urlsplit(path).path).rstrip("/").lower())


@dataclass
class Interaction:
    """One recorded request with its answer, which may be given as often as it was recorded in a row."""

    index: int
    method: str
    key: str
    status: int
    headers: dict[str, str]
    body: Any
    date: datetime | None
    left: int

    @property
    def is_write(self) -> bool:
        """Tell whether it may have changed something."""
        return self.method not in _READS and not _QUESTION.search(self.key)


def whole(body: Any) -> Any:
    """Drop the marks that say how many items of a long list a recording leaves out."""
    if isinstance(body, dict):
        return {name: whole(value) for name, value in body.items()}
    if isinstance(body, list):
        return [whole(item) for item in body if not (isinstance(item, dict) and "_left_out" in item)]
    return body


def read_interactions(recording: dict[str, Any]) -> list[Interaction]:
    """Read the interactions of a recording."""
    found = []
    for index, entry in enumerate(recording["interactions"]):
        if _DIRECTORY.match(entry["uri"]) or entry["status"] == 401:
            continue
        date = entry.get("date")
        found.append(
            Interaction(
                index,
                entry["method"],
                request_key(entry["uri"], entry.get("request_body")),
                entry["status"],
                {
                    name: value
                    for name, value in (entry.get("response_headers") or {}).items()
                    if name.lower() in ("azure-asyncoperation", "location", "retry-after", "x-ms-error-code")
                },
                whole(entry.get("response_body")),
                parsedate_to_datetime(date) if date else None,
                int(entry.get("repeated") or 1),
            )
        )
    return found


@dataclass
class Replay:
    """The state of a replay: how far it has come, what was seen, what was asked.

    A write is answered by the next recorded write of its method and path. A read is answered by the next recorded read
    of its path that comes before the next recorded write, so that no answer shows what has not happened yet; then by
    the last body seen for that path, then by given, then by the items seen below it, then by 404.
    """

    interactions: list[Interaction]
    given: dict[str, Any] = field(default_factory=dict)
    position: int = 0
    clock: Clock = field(default_factory=Clock)
    seen: dict[str, Any] = field(default_factory=dict)
    seen_at: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    requests: list[dict[str, Any]] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    def answer(self, method: str, url: str, body: Any) -> Reply:
        """Answer one request."""
        key = request_key(url, body)
        path = url.partition("?")[0]
        if method in _READS or _QUESTION.search(key):
            return self._read(method, key)
        self.requests.append({"method": method, "path": path, "body": body})
        # What is done at the same time may come in another order than it was recorded in.
        for entry in [*self._from_here(), *self.interactions]:
            if entry.left and entry.method == method and entry.key == key:
                self.position = max(self.position, entry.index)
                return self._give(entry)
        given = self.given.get(key)
        if given and given.get("method") == method:
            return Reply(int(given.get("status", 200)), given.get("body"))
        self.unexpected.append(f"{method} {path}")
        return Reply(501, {"error": {"code": "NotRecorded", "message": f"{method} {path} was not recorded."}})

    def _read(self, method: str, key: str) -> Reply:
        for entry in self._from_here():
            if entry.is_write and entry.left:
                break
            if entry.left and entry.key == key and entry.method == method:
                return self._give(entry)
        if key in self.seen:
            return Reply(200, self.seen[key])
        if key in self.given and key not in self.gone and "method" not in self.given[key]:
            found = self.given[key]
            return Reply(int(found.get("status", 200)), found.get("body"))
        if key.startswith("/providers/microsoft.resourcegraph/resources"):
            # A question that nobody asked while it was recorded: about another kind of vault.
            return Reply(200, {"totalRecords": 0, "count": 0, "data": [], "facets": [], "resultTruncated": "false"})
        items = self._items_below(key)
        if items:
            return Reply(200, {"value": items})
        return Reply(404, {"error": {"code": "ResourceNotFound", "message": f"{key} was not recorded, nor given."}})

    def _see(self, key: str, index: int, body: Any) -> None:
        """Remember a body, unless a later recorded one of that path is known already."""
        if index >= self.seen_at.get(key, -1):
            self.seen[key], self.seen_at[key] = body, index

    def _items_below(self, key: str) -> list[Any]:
        """Give the last bodies of what lies directly below a path: a list that was not recorded is made of them."""
        given = {path: entry.get("body") for path, entry in self.given.items() if path not in self.gone}
        below = {**given, **self.seen}
        return [body for path, body in below.items() if path.rpartition("/")[0] == key and body]

    def _drop_from_lists(self, key: str) -> None:
        """Let no list that was seen before show what is deleted."""
        for path, body in self.seen.items():
            if isinstance(body, dict) and isinstance(body.get("value"), list):
                items = [item for item in body["value"] if not isinstance(item, dict) or path_key(str(item.get("id"))) != key]
                self.seen[path] = {**body, "value": items}

    def _from_here(self) -> list[Interaction]:
        return [entry for entry in self.interactions if entry.index >= self.position]

    def _give(self, entry: Interaction) -> Reply:
        entry.left -= 1
        if entry.date:
            self.clock.advance_to(entry.date)
        if entry.method == "DELETE" and entry.status < 300:
            self.seen.pop(entry.key, None)
            self.gone.add(entry.key)
            self._drop_from_lists(entry.key)
        elif entry.status < 300 and isinstance(entry.body, dict):
            if entry.method != "POST":
                self._see(entry.key, entry.index, entry.body)
            if str(entry.body.get("id")).startswith("/") and "properties" in entry.body:
                # An operation's result is the resource itself.
                self._see(path_key(entry.body["id"]), entry.index, entry.body)
            for item in entry.body.get("value") or []:
                if isinstance(item, dict) and item.get("id"):
                    self._see(path_key(item["id"]), entry.index, item)
        return Reply(entry.status, entry.body, dict(entry.headers))


def build_app(replay: Replay, seed: Seed) -> Any:
    """Give the ASGI application: sign-in and metadata as in the emulator, everything else from the recording."""
    entra = EntraId(seed.tenant_id, replay.clock)
    entra.add(ServicePrincipal(seed.tenant_id, seed.client_id, seed.secret))

    def serve(request: Request, reply: Reply) -> Response:
        url = f"{request.url.scheme}://{request.url.netloc}"
        text = json.dumps({"body": reply.body, "headers": reply.headers})
        rewritten = json.loads(_RECORDED_HOST.sub(url, text))
        headers = {"Date": http_date(replay.clock.now()), **rewritten["headers"]}
        return build_response(Reply(reply.status, rewritten["body"], headers))

    async def endpoints(request: Request) -> Response:
        url = f"{request.url.scheme}://{request.url.netloc}"
        try:
            return serve(request, metadata.read_endpoints(request.query_params.get("api-version", ""), url, seed.tenant_id))
        except ArmError as error:
            return serve(request, error.reply())

    async def recorded(request: Request) -> Response:
        if "authorization" not in request.headers:
            # A Managed HSM asks for a token first; recorders did so once for each host.
            here = f"{request.url.scheme}://{request.url.netloc}"
            challenge = f'Bearer authorization="{here}/{seed.tenant_id}", resource="{HSM_AUDIENCE}"'
            return serve(request, Reply(401, None, {"WWW-Authenticate": challenge}))
        raw = await request.body()
        body = json.loads(raw) if raw else None
        url = f"{unquote(request.url.path)}?{request.url.query}"
        return serve(request, replay.answer(request.method, url, body))

    return Starlette(
        routes=[
            *sign_in_routes(lambda: entra, lambda request, ask: serve(request, ask())),
            Route("/metadata/endpoints", endpoints),
            Route("/{rest:path}", recorded, methods=["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]),
        ]
    )
