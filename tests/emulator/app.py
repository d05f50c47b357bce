# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole loopback Azure: its services over one clock, and the HTTP that carries them."""

from __future__ import annotations

import asyncio
import copy
import json
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as HttpRoute

from . import metadata
from .arm import ArmError, Call, Reply, Route, Wire, check_api_version
from .authorization import Authorization
from .backup_admin import BackupAdmin
from .blob_store import BlobStore
from .clock import Clock, Schedule, http_date, ticks
from .compute import Compute
from .data_protection.provider import DataProtection
from .faults import Faults, Storm
from .identity import EntraId
from .journal import Journal
from .limits import Limits
from .managed_hsm import AUDIENCE as HSM_AUDIENCE
from .managed_hsm import ManagedHsm, action_of
from .network import Network
from .protectable import Datasources
from .recovery_services.provider import RecoveryServices
from .resource_graph import Index, ResourceGraph
from .resources import ResourceGroups
from .seed import Seed
from .sign_in import sign_in_routes
from .storage import Storage
from .subscription import Subscription, check_location

_OLDEST_API = {
    "Microsoft.Backup.Admin": "2018-09-01",
    "Microsoft.DataProtection": "2021-01-01",
    "Microsoft.RecoveryServices": "2016-06-01",
    "Microsoft.Authorization": "2015-07-01",
    "Microsoft.Compute": "2018-04-01",
    "Microsoft.ResourceGraph": "2019-04-01",
    "Microsoft.Resources": "2018-05-01",
    "Microsoft.Storage": "2015-06-15",
    "Microsoft.Network": "2018-04-01",
}
# Endpoints of their own, beside that of Resource Manager.
STACKHUB, MANAGED_HSM, BLOBS = "stackhub", "managed_hsm", "blobs"
_STORAGE_AUDIENCE = "https://storage.azure.com"
# What the administrators' Resource Manager of an Azure Stack Hub answers.
_OF_STACKHUB = ("Microsoft.Backup.Admin", "Microsoft.Resources")
_PAGE = "<!DOCTYPE html><html><body>Sign in to the guest network</body></html>"
_OF_URLS = "/:?#[]@!$&'()*+,;=%~"
_STALE = {"error": {"code": "ResourceNotFound", "message": "The resource was not found."}}
# It puts one on every answer; it is no challenge.
_KERBEROS_REPLY = "oYG1MIGyoAMKAQChCwYJKoZIhvcSAQICooGdBIGabG9vcGJhY2stc3RhY2todWItYW5zd2Vycy1hcy1rZXJiZXJvcw=="


# Settings by whose they are: the attribute of Azure ("" for its own), the attribute of that, and its type.
_SETTINGS: dict[str, tuple[str, str, Callable[[Any], Any]]] = {
    "page_size": ("groups", "page_size", int),
    "graph_page_size": ("resource_graph", "page_size", int),
    "graph_lag_seconds": ("resource_graph", "lag_seconds", float),
    "seconds_between_identities": ("data_protection", "seconds_between_identities", float),
    "propagation_seconds": ("authorization", "propagation_seconds", float),
    "latency_seconds": ("", "latency_seconds", float),
    "limits": ("limits", "is_on", bool),
    "tokens_by_clock": ("entra", "by_clock", bool),
    "stackhub_identity": ("", "stackhub_identity", str),
    "hsm_has_identity": ("managed_hsm", "has_identity", bool),
}


class Azure:
    """The state of all services, built from a seed."""

    def __init__(self, seed: Seed, speed: float) -> None:
        self.seed = seed
        self.clock = Clock(speed)
        self.journal = Journal()
        self.faults = Faults()
        # Where it answers: set by who serves it.
        self.url = ""
        self.places: dict[int, str] = {}
        self.refuse: Callable[[float], None] = lambda _seconds: None
        self.blob_store: BlobStore | None = None
        self.blob_url = ""
        self.reset()

    def _blob_url_or_none(self) -> str | None:
        return self.blob_url if self.blob_store else None

    def reset(self) -> None:
        """Go back to the seed: all state, the journal, the planned failures. Time goes on."""
        self.journal.entries.clear()
        self.faults.clear()
        self.last_answers: dict[str, Reply] = {}
        self.schedule = Schedule(self.clock)
        self.limits = Limits(self.clock)
        self.latency_seconds = 0.0
        self.entra = EntraId(self.seed.tenant_id, self.clock)
        self.groups = ResourceGroups(self.entra.may_read)
        self.compute = Compute(self.groups, self.schedule)
        self.authorization = Authorization(self.clock, self.groups)
        self.storage = Storage(self.groups, self.clock, lambda: self.blob_store, self._blob_url_or_none)
        datasources = Datasources(self.compute, self.storage, self.authorization)
        self.data_protection = DataProtection(
            self.schedule, self.groups, datasources, self.authorization, self.faults, self.entra.may_reach
        )
        self.network = Network(self.groups, self.schedule, lambda machine: machine.lower() in self.compute.machines)
        of_machines = (self.compute, self.storage, self.network)
        self.recovery_services = RecoveryServices(
            self.schedule, self.groups, of_machines, self.authorization, self.faults, self.data_protection.resource_guards
        )
        self.backup_admin = BackupAdmin(self.schedule, self.faults, self.seed.subscription_id)
        self.stackhub_identity = "entra"
        self.managed_hsm = ManagedHsm(self.schedule, self.faults, lambda: self.blob_store)
        both = (self.data_protection, self.recovery_services)

        def resources() -> tuple[Wire, ...]:
            return (
                *(row for service in both for row in service.graph_rows("vaults")),
                *self.compute.graph_rows(self.seed.tenant_id),
                *self.storage.graph_rows(self.seed.tenant_id),
                *self.network.graph_rows(self.seed.tenant_id),
            )

        self.groups.check_location = check_location
        self.groups.holds_anything = lambda group: any(row["id"].lower().startswith(f"{group.lower()}/") for row in resources())
        self.subscription = Subscription(self.groups, resources, self.entra.may_reach)
        tables: dict[str, Callable[[], Iterable[Wire]]] = {
            "resources": resources,
            "recoveryservicesresources": lambda: (row for service in both for row in service.graph_rows("contents")),
        }
        self.resource_graph = ResourceGraph(Index(tables, self.clock), self.entra.may_read, self.limits)
        self.route_table = self.routes()
        self.seed.plant(self)

    def routes(self) -> list[Route]:
        """Give every route of Resource Manager, the particular ones before the general."""
        return [
            *self.groups.routes(),
            *self.subscription.routes(),
            *self.compute.routes(),
            *self.storage.routes(),
            *self.network.routes(),
            *self.data_protection.routes(),
            *self.recovery_services.routes(),
            *self.backup_admin.routes(),
            *self.authorization.routes(),
            *self.resource_graph.routes(),
        ]

    def read_claims(self, request: Request) -> dict[str, Any] | None:
        """Give the claims of a request's token, None where it has no good one."""
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        return self.entra.read_token(token) if scheme.lower() == "bearer" else None

    def place_of(self, request: Request) -> str:
        """Name the endpoint that a request came to; '' for Resource Manager's."""
        return self.places.get(request.scope["server"][1], "")

    def configure(self, settings: dict[str, Any]) -> None:
        """Change how Azure behaves (README, Control plane). Raises ArmError 400."""
        for name, value in settings.items():
            if name == "storm":
                self.faults.storm = Storm(int(value["seed"]), float(value["rate"])) if value else None
            elif name == "stackhub_updating":
                self.backup_admin.set_updating(bool(value))
            elif name in _SETTINGS:
                owner, attribute, kind = _SETTINGS[name]
                setattr(getattr(self, owner) if owner else self, attribute, kind(value))
            else:
                raise ArmError(400, "InvalidSetting", f"There is no setting '{name}'.")


def build_response(reply: Reply) -> Response:
    """Give the HTTP response for an answer; addresses in headers are encoded, as names in them may have any letters."""
    headers = {
        "x-ms-request-id": str(uuid.uuid4()),
        "x-ms-correlation-request-id": str(uuid.uuid4()),
        **{name: quote(value, _OF_URLS) if value.startswith("https://") else value for name, value in reply.headers.items()},
    }
    if isinstance(reply.body, bytes):
        # As another store answered it.
        return Response(reply.body, reply.status, headers)
    # A text is a planned answer that need not be JSON.
    text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    content = b"" if reply.body is None else text.encode()
    if reply.body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
    return Response(content, reply.status, headers)


def _serve(reply: Reply, azure: Azure) -> Response:
    reply.headers.setdefault("Date", http_date(azure.clock.now()))
    return build_response(reply)


def answer_or_fail(
    azure: Azure, request: Request, raw: bytes, claims: dict[str, Any] | None, serve: Callable[[], Reply]
) -> Response:
    """Answer a request, or fail as it was planned, and write it down; serve: gives the service's answer."""
    azure.schedule.settle()
    path = unquote(request.url.path).rstrip("/")
    fault = azure.faults.strike(request.method, path)
    note: dict[str, Any] = {
        "principal": claims.get("appid") if claims else None,
        "audience": claims.get("aud") if claims else None,
    }
    if raw and request.method in ("PUT", "PATCH", "POST"):
        note["body"] = _decode(raw)

    def noted(status: int | str) -> None:
        azure.journal.note(request.method, path, request.url.query, status, ticks(azure.clock.now()), **note)

    kind = fault.kind if fault else ""
    if fault and kind == "refused":
        noted(kind)
        azure.refuse(fault.seconds)
        return abort(request)
    if kind in ("reset_before", "silent_before"):
        noted(kind.replace("_", " "))
        return abort(request, fault.seconds if fault and kind == "silent_before" else 0)
    if kind == "page":
        noted("page")
        return Response(_PAGE, 200, media_type="text/html")
    if fault and kind == "answer":
        reply = fault.reply()
        noted(reply.status)
        return _serve(reply, azure)
    if kind == "stale" and request.method == "GET":
        reply = azure.last_answers.get(str(request.url)) or Reply(404, _STALE)
        noted(reply.status)
        return _serve(reply, azure)
    reply = serve()
    note["served"] = reply.status
    if request.method == "GET" and azure.faults.remembers:
        azure.last_answers[str(request.url)] = copy.deepcopy(reply)
    if fault and kind in ("reset_after", "silent_after", "cut"):
        noted(kind.replace("_", " "))
        return cut(_serve(reply, azure)) if kind == "cut" else abort(request, fault.seconds if kind == "silent_after" else 0)
    if fault and kind == "answer_after":
        reply = fault.reply()
    noted(reply.status)
    return _serve(reply, azure)


class Gateway:
    """Resource Manager's front door: tokens, access, api-versions, failures, the journal."""

    def __init__(self, azure: Azure, route_index: int, route: Route) -> None:
        self.azure = azure
        self.index = route_index
        self.route = route

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        azure = self.azure
        raw = await request.body()
        if azure.latency_seconds:
            await asyncio.sleep(azure.latency_seconds)
        claims = azure.read_claims(request)

        def serve() -> Reply:
            path, query = unquote(request.url.path).rstrip("/"), dict(parse_qsl(request.url.query, keep_blank_values=True))
            try:
                reply = self._answer(request, path, query, raw, claims)
            except ArmError as error:
                reply = error.reply()
                if reply.status == 400 and re.search("charset|ieee754", request.headers.get("accept", ""), re.IGNORECASE):
                    # Recorded by others: such an Accept header hides the reason of a refusal.
                    reply = Reply(406)
            if azure.place_of(request) == STACKHUB:
                reply.headers["WWW-Authenticate"] = _KERBEROS_REPLY
            return reply

        return answer_or_fail(azure, request, raw, claims, serve)

    def _answer(self, request: Request, path: str, query: dict[str, str], raw: bytes, claims: dict[str, Any] | None) -> Reply:
        azure = self.azure
        url = f"{request.url.scheme}://{request.url.netloc}"
        is_stackhub = azure.place_of(request) == STACKHUB
        audiences = {url, metadata.audience(azure.seed.tenant_id), "https://management.azure.com"}
        if is_stackhub:
            audiences = {metadata.stackhub_audience(azure.seed.tenant_id)}
        if claims is None or claims["aud"].rstrip("/") not in audiences:
            code = "AuthenticationFailed" if claims is None else "InvalidAuthenticationTokenAudience"
            challenge = f'Bearer authorization_uri="{url}/{azure.seed.tenant_id}", error="invalid_token"'
            raise ArmError(401, code, "Authentication failed.", headers={"WWW-Authenticate": challenge})
        call = Call(
            request.method,
            # A scope is an ARM id, which begins with a slash.
            {name: f"/{value}" if name == "scope" else value for name, value in request.path_params.items()},
            query,
            request.url.query,
            _decode(raw) if raw else None,
            url,
            path,
            claims["oid"],
            {name.lower(): value for name, value in request.headers.items()},
        )
        kind = self.route.template.split("/providers/")[-1].split("/", 1)[-1]
        namespace = self.route.namespace
        if (namespace not in _OF_STACKHUB) if is_stackhub else (namespace == "Microsoft.Backup.Admin"):
            raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{namespace}' is invalid.")
        check_api_version(self.route.namespace, call.api_version, _OLDEST_API[self.route.namespace], kind)
        self._check_access(call)
        told = azure.limits.take(call.method, call.full_path, call.principal_id)
        # The route table is rebuilt by a reset; the handler of now is looked up.
        reply = azure.route_table[self.index].handler(call)
        reply.headers.update(told)
        return reply

    def _check_access(self, call: Call) -> None:
        parts = call.full_path.strip("/").split("/")
        if len(parts) > 1 and parts[0].lower() == "subscriptions" and parts[1].lower() not in self.azure.groups.subscriptions:
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{parts[1]}' could not be found.")
        if self.route.open_to_all:
            return
        entra = self.azure.entra
        verb = {"GET": "read", "HEAD": "read", "DELETE": "delete", "POST": "action"}.get(call.method, "write")
        kind = self.route.template.split("/providers/")[-1]
        # What has no provider of its own lies in Resource Manager itself.
        is_plain = "/providers/" not in self.route.template
        first = "Microsoft.Resources/subscriptions" if is_plain else kind.split("/", 1)[0]
        types = re.findall(r"/([A-Za-z]+)(?=/|$)", kind.removeprefix("/subscriptions") if is_plain else kind)
        # The one instance of a service is no type.
        types = [name for name in types if name != "default"]
        action = "/".join([first, *types, verb])
        may_reach = entra.may_read if verb == "read" else entra.may_reach
        if may_reach(call.principal_id, call.full_path) and entra.may_do(call.principal_id, action):
            return
        principal = entra.by_object_id(call.principal_id)
        client = principal.client_id if principal else call.principal_id
        raise ArmError(
            403,
            "AuthorizationFailed",
            f"The client '{client}' with object id '{call.principal_id}' does not have authorization to perform action "
            f"'{action}' over scope '{call.full_path}' or the scope is invalid. If access was recently granted, please refresh "
            "your credentials.",
        )


class BlobGateway:
    """The front door of the storage accounts' blobs: tokens, roles, failures, the journal; what answers is a real blob store."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        azure = self.azure
        raw = await request.body()
        claims = azure.read_claims(request)
        target = request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")

        def serve() -> Reply:
            store = azure.blob_store
            account_id = azure.storage.account_id(request.url.path.strip("/").split("/")[0])
            if store is None or account_id is None:
                return _blob_refusal(404, "ResourceNotFound", "The specified resource does not exist.")
            if claims is None or claims["aud"].rstrip("/") != _STORAGE_AUDIENCE:
                return _blob_refusal(401, "InvalidAuthenticationInfo", "Server failed to authenticate the request.")
            verb = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
            action = f"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{verb}"
            if not (azure.entra.may_reach(claims["oid"], account_id) and azure.entra.may_do(claims["oid"], action)):
                message = "This request is not authorized to perform this operation using this permission."
                return _blob_refusal(403, "AuthorizationPermissionMismatch", message)
            return Reply(*store.forward(request.method, target, request.headers, raw))

        return answer_or_fail(azure, request, raw, claims, serve)


def _blob_refusal(status: int, code: str, message: str) -> Reply:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Reply(status, body.encode(), {"x-ms-error-code": code, "Content-Type": "application/xml"})


class HsmGateway:
    """A Managed HSM's front door: its challenge, tokens, failures, the journal."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        azure = self.azure
        raw = await request.body()
        claims = azure.read_claims(request)

        def serve() -> Reply:
            if claims is None or claims["aud"].rstrip("/") != HSM_AUDIENCE:
                # Recorded: empty, and before the body was sent.
                challenge = f'Bearer authorization="{azure.url}/{azure.seed.tenant_id}", resource="{HSM_AUDIENCE}"'
                return Reply(401, None, {"WWW-Authenticate": challenge})
            path, query = unquote(request.url.path).rstrip("/"), dict(parse_qsl(request.url.query, keep_blank_values=True))
            action = action_of(request.method, path)
            if not (azure.entra.may_reach(claims["oid"], "/") and azure.entra.may_do(claims["oid"], action)):
                message = "User is not authorized to perform operation."
                return ArmError(403, "Forbidden", message, innererror={"code": "ForbiddenByRbac"}).reply()
            try:
                return azure.managed_hsm.answer(request.method, path, query, _decode(raw) if raw else None, request.url.netloc)
            except ArmError as error:
                return error.reply()

        return answer_or_fail(azure, request, raw, claims, serve)


def _decode(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def abort(request: Request, seconds: float = 0) -> Response:
    """Break the connection without an answer, after so many seconds of silence."""
    request.scope["state"]["abort"] = seconds
    return Response(status_code=500)


def cut(response: Response) -> Response:
    """Promise more than there is, so that the connection breaks off in the middle of the body."""
    body = bytes(response.body)
    response.headers["content-length"] = str(len(body) + 1000)
    response.body = body[: len(body) // 2]
    return response


class Aborting:
    """ASGI middleware that cuts the connection of a request that was to be aborted."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve, and drop the transport instead of answering where the request asks for it."""

        async def guarded(message: Any) -> None:
            silence = scope.get("state", {}).get("abort")
            if silence is not None:
                await asyncio.sleep(silence)
                # uvicorn hands out its request cycle's own send; the cycle knows the connection.
                send.__self__.transport.abort()
                return
            await send(message)

        if scope["type"] == "http":
            scope["state"] = dict(scope.get("state") or {})
        await self.app(scope, receive, guarded if scope["type"] == "http" else send)


class ByEndpoint:
    """ASGI application that hands a request to what answers at its port."""

    def __init__(self, azure: Azure, resource_manager: Any) -> None:
        self.azure = azure
        self.resource_manager = resource_manager
        every = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"]
        self.managed_hsm = Starlette(routes=[HttpRoute("/{rest:path}", HsmGateway(azure).answer, methods=every)])
        self.blobs = Starlette(routes=[HttpRoute("/{rest:path}", BlobGateway(azure).answer, methods=every)])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve. A slash at the end of a path, or one more anywhere in it, leads to no other route (recorded, and sent by az)."""
        if scope["type"] == "http":
            plain = re.sub(r"/+", "/", scope["path"])
            scope = {**scope, "path": plain.rstrip("/") or "/"}
        place = self.azure.places.get(scope["server"][1]) if scope["type"] == "http" else None
        await {MANAGED_HSM: self.managed_hsm, BLOBS: self.blobs}.get(str(place), self.resource_manager)(scope, receive, send)


def build_app(azure: Azure) -> Any:
    """Give the ASGI application."""

    def serve(request: Request, ask: Callable[[], Reply]) -> Response:
        return answer_or_fail(azure, request, b"", None, ask) if "token" in request.url.path else _serve(ask(), azure)

    async def endpoints(request: Request) -> Response:
        def ask() -> Reply:
            version = request.query_params.get("api-version", "")
            url = f"{request.url.scheme}://{request.url.netloc}"
            try:
                if azure.place_of(request) == STACKHUB:
                    login = f"{azure.url}/adfs" if azure.stackhub_identity == "adfs" else f"{azure.url}/"
                    return metadata.read_stackhub_endpoints(version, url, login, azure.seed.tenant_id)
                return metadata.read_endpoints(version, url, azure.seed.tenant_id)
            except ArmError as error:
                return error.reply()

        return answer_or_fail(azure, request, b"", None, ask)

    async def control(request: Request) -> Response:
        verb = request.path_params["verb"]
        try:
            document = json.loads(await request.body() or b"{}")
            return _serve(_control(azure, request.method, verb, document), azure)
        except ValueError:
            return _serve(Reply(400, {"error": {"code": "InvalidJson", "message": "The body is not JSON."}}), azure)
        except ArmError as error:
            return _serve(error.reply(), azure)

    async def unknown(request: Request) -> Response:
        path = unquote(request.url.path)
        azure.journal.note(request.method, path, request.url.query, 501, ticks(azure.clock.now()))
        message = f"The emulator does not answer {request.method} {path}."
        return _serve(Reply(501, {"error": {"code": "NotEmulated", "message": message}}), azure)

    routes: list[BaseRoute] = [
        *sign_in_routes(lambda: azure.entra, serve),
        HttpRoute("/metadata/endpoints", endpoints),
        HttpRoute("/_emulator/{verb}", control, methods=["GET", "POST"]),
    ]
    for index, route in enumerate(azure.route_table):
        # Starlette wants a leading slash; a scope is the path before /providers.
        template = route.template if route.template.startswith("/") else "/" + route.template
        http_route = HttpRoute(template, Gateway(azure, index, route).answer, methods=[route.method])
        # Starlette answers HEAD wherever it answers GET; Resource Manager has it for few resources, with an answer of its own.
        http_route.methods = {route.method}
        http_route.path_regex = re.compile(http_route.path_regex.pattern, re.IGNORECASE)
        routes.append(http_route)
    routes.append(HttpRoute("/{rest:path}", unknown, methods=["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"]))
    return Aborting(ByEndpoint(azure, Starlette(routes=routes)))


def _control(azure: Azure, method: str, verb: str, document: Any) -> Reply:
    """Answer the control plane: health, journal, faults, clock, settings, schedule, reset."""
    if verb == "health":
        return Reply(200, {"status": "healthy", "speed": azure.clock.speed})
    if verb == "journal":
        struck = dict(azure.faults.storm.struck) if azure.faults.storm else {}
        return Reply(200, {"requests": azure.journal.entries, "writes": azure.journal.writes(), "struck": struck})
    if verb == "clock":
        if method == "POST":
            azure.clock.advance(float(document.get("advance", 0)))
            azure.schedule.settle()
        return Reply(200, {"now": ticks(azure.clock.now())})
    if method == "POST" and verb == "faults":
        azure.faults.plan(document)
        return Reply(200, {"planned": len(azure.faults.planned)})
    if method == "POST" and verb == "settings":
        azure.configure(document)
        return Reply(200, {})
    if method == "POST" and verb == "schedule":
        return Reply(200, {"started": azure.data_protection.jobs_api.run_schedule()})
    if method == "POST" and verb == "reset":
        azure.reset()
        return Reply(200, {})
    raise ArmError(501, "NotEmulated", f"The control plane has no {method} {verb}.")
