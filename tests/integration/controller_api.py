# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of the API of Automation Controller and AWX as the modules of awx.awx speak, over a dict of each kind of object.

Written from those modules (24.6.1): lists that are filtered by fields, objects that are created and changed, lists of associated
objects, surveys. What is secret is answered as $encrypted$, and what refers to something that is not there is refused.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Item = dict[str, Any]
TOKEN = "a-token-of-the-controller"
_API = "/api/v2/"
# Fields that name an object of another kind by its number.
_REFERENCES = {
    "organization": "organizations", "credential_type": "credential_types", "project": "projects", "inventory": "inventories",
    "source_project": "projects", "credential": "credentials", "execution_environment": "execution_environments",
    "default_environment": "execution_environments", "workflow_job_template": "workflow_job_templates",
    "unified_job_template": "unified_job_templates",
}  # fmt: skip
_UNIFIED = ("job_templates", "workflow_job_templates", "projects", "inventory_sources")
_KINDS = (
    "organizations", "credential_types", "credentials", "execution_environments", "projects", "inventories", "inventory_sources",
    "notification_templates", "job_templates", "workflow_job_templates", "workflow_job_template_nodes", "schedules", "labels",
)  # fmt: skip


class Controller:
    """What a controller holds; journal: every request that changed something, as method and path."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[int, Item]] = {kind: {} for kind in _KINDS}
        self.associated: dict[str, list[int]] = {}
        self.surveys: dict[int, Item] = {}
        self.journal: list[str] = []
        self._next = 1
        self.create("organizations", {"name": "Default"})
        self.create("credential_types", {"name": "Microsoft Azure Resource Manager", "kind": "cloud", "namespace": "azure_rm"})
        self.journal.clear()

    def named(self, kind: str, name: str) -> Item:
        """Give the only object of a kind with that name or identifier."""
        (found,) = [one for one in self.kinds[kind].values() if name in (one.get("name"), one.get("identifier"))]
        return found

    def names_of(self, kind: str, name: str, association: str) -> list[str]:
        """Give the names of what is associated with an object."""
        ids = self.associated.get(f"{kind}/{self.named(kind, name)['id']}/{association}", [])
        where = "workflow_job_template_nodes" if association.endswith("_nodes") else association.split("_success", maxsplit=1)[0]
        where = "notification_templates" if association.startswith("notification") else where
        return [str(self.kinds[where][one].get("name") or self.kinds[where][one]["identifier"]) for one in ids]

    def create(self, kind: str, fields: Item) -> Item:
        """Create an object and give it as the API shows it."""
        number, self._next = self._next, self._next + 1
        url = f"{_API}{kind}/{number}/"
        related = {"survey_spec": f"{url}survey_spec/"} if kind in ("job_templates", "workflow_job_templates") else {}
        own = {"id": number, "url": url, "type": kind.rstrip("s"), "related": related, "summary_fields": {}}
        if kind == "projects":
            own["scm_revision"] = ""
        self.kinds[kind][number] = {**fields, **own}
        self.journal.append(f"POST {kind}")
        return self.shown(self.kinds[kind][number])

    @staticmethod
    def shown(item: Item) -> Item:
        """Give an object without its secrets."""
        if "inputs" in item and "injectors" not in item:
            secret = ("secret", "password", "sas_token")
            inputs = {name: "$encrypted$" if name in secret else value for name, value in item["inputs"].items()}
            return {**item, "inputs": inputs}
        return item

    def everything(self, kind: str) -> list[Item]:
        """Give all objects of a kind."""
        kinds = _UNIFIED if kind == "unified_job_templates" else (kind,)
        return [one for name in kinds for one in self.kinds[name].values()]

    def refused(self, fields: Item) -> Item | None:
        """Give what is wrong with fields that refer to other objects."""
        for name, kind in _REFERENCES.items():
            if fields.get(name) is not None and not any(one["id"] == fields[name] for one in self.everything(kind)):
                return {name: [f'Invalid pk "{fields[name]}" - object does not exist.']}
        return None

    def answer(self, method: str, path: str, query: list[tuple[str, str]], body: Item) -> tuple[int, Any]:
        """Answer a request with a status and a document."""
        parts = path.removeprefix(_API).strip("/").split("/")
        if parts in ([""], ["ping"], ["me"]):
            return 200, {"count": 0, "next": None, "results": [], "version": "24.6.1"}
        kind = parts[0]
        if kind not in (*_KINDS, "unified_job_templates"):
            return 404, {"detail": "Not found."}
        if len(parts) == 1:
            return self._answer_list(method, kind, query, body)
        number = int(parts[1])
        if number not in self.kinds[kind]:
            return 404, {"detail": "Not found."}
        if len(parts) == 2:
            return self._answer_item(method, kind, number, body)
        return self._answer_below(method, "/".join(parts), number, body)

    def _answer_list(self, method: str, kind: str, query: list[tuple[str, str]], body: Item) -> tuple[int, Any]:
        if method == "POST":
            wrong = self.refused(body)
            return (400, wrong) if wrong else (201, self.create(kind, body))
        found = [one for one in self.everything(kind) if all(str(one.get(name)) == value for name, value in query)]
        return 200, {"count": len(found), "next": None, "results": [self.shown(one) for one in found]}

    def _answer_item(self, method: str, kind: str, number: int, body: Item) -> tuple[int, Any]:
        if method == "PATCH":
            wrong = self.refused(body)
            if wrong:
                return 400, wrong
            self.kinds[kind][number] |= body
            self.journal.append(f"PATCH {kind}")
        return 200, self.shown(self.kinds[kind][number])

    def _answer_below(self, method: str, path: str, number: int, body: Item) -> tuple[int, Any]:
        """Answer about a survey, or about what is associated with an object."""
        if path.endswith("/survey_spec"):
            if method == "POST":
                self.surveys[number] = body
                self.journal.append(f"POST {path}")
            return 200, self.surveys.get(number, {})
        listed = self.associated.setdefault(path, [])
        if method == "POST":
            (listed.remove if body.get("disassociate") else listed.append)(int(body["id"]))
            self.journal.append(f"POST {path}")
            return 204, None
        return 200, {"count": len(listed), "next": None, "results": [{"id": one} for one in listed]}


@contextmanager
def serve(controller: Controller) -> Iterator[str]:
    """Serve a controller on this machine, and give its address."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            url = urlsplit(self.path)
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = 401, {"detail": "Authentication credentials were not provided."}
            if re.fullmatch(f"Bearer {TOKEN}", self.headers.get("Authorization") or ""):
                with lock:
                    status, document = controller.answer(self.command, url.path, parse_qsl(url.query), json.loads(text or "{}"))
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
