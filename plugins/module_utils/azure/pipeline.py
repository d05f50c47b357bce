# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What every request goes through: the rules of the pipeline, and the connection pool."""

from __future__ import annotations

import logging
import threading
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..clock import Clock
from ..errors import Interrupted, UntrustedHost
from .libraries import load
from .sdk_errors import seconds_to_wait, was_never_sent

if TYPE_CHECKING:
    from .session import Session

_SECONDS_TO_CONNECT = 10
_SECONDS_TO_READ = 100
# Bytes; a page of a list has some hundred thousand.
LARGEST_ANSWER = 64 << 20
# How long a request is turned away with 429 before that counts as a failure.
_SECONDS_TURNED_AWAY = 900
# Requests that change nothing although they are POSTs: check mode may send them.
_HARMLESS_POSTS = (
    "/validateforbackup",
    "/validaterestore",
    "/findrestorabletimeranges",
    "/backupcrrjob",
    "/backupcrrjobs",
    # For a restore in a secondary region: a token, and nothing more.
    "/accesstoken",
    "/providers/microsoft.resourcegraph/resources",
)


def build_policies(session: Session, credential: Any) -> list[Any]:
    """Build the pipeline that every request goes through, from the outside in."""
    policies = load("azure.core.pipeline.policies")
    policy: Any = policies.SansIOHTTPPolicy

    class TrustedHost(policy):
        """Lets a request out only to the cloud's own host, before a token is put on it."""

        def on_request(self, request: Any) -> None:
            url = request.http_request.url
            if urlsplit(url).netloc.lower() != urlsplit(session.cloud.resource_manager).netloc.lower():
                raise UntrustedHost(
                    f"Azure returned a URL on another host ({urlsplit(url).netloc}) than {session.cloud.resource_manager}; "
                    "no request was sent there"
                )

    return [
        # What takes the answers of typed operations (sdk_calls).
        policies.CustomHookPolicy(),
        policies.RequestIdPolicy(),
        policies.HeadersPolicy({"Accept": "application/json"}),
        policies.UserAgentPolicy(sdk_moniker="holdfast.azure_backup"),
        policies.ProxyPolicy(),
        policies.ContentDecodePolicy(),
        *no_writes(session),
        nothing_new(session),
        # A redirect is an answer like any other: Azure Resource Manager sends none, and a token never follows one.
        policies.RedirectPolicy(permit_redirects=False),
        _build_retry(policies.RetryPolicy, session.clock),
        TrustedHost(),
        _build_authentication(session, credential),
        _build_reject_html(),
        build_service_time(session),
        build_write_counter(session.write_counter),
        _build_throttle(session.clock, session.connections),
    ]


def _build_authentication(session: Session, credential: Any) -> Any:
    """Give the policy that puts tokens on requests, and gets another where Azure says that one is not valid any more.

    Libraries keep a token until it expires by the clock of this machine, which may have jumped or have been set since.
    """

    policy: Any = load("azure.mgmt.core.policies").ARMChallengeAuthenticationPolicy
    refused: set[str] = set()
    lock = threading.Lock()

    class Authentication(policy):
        """Signs in once more where a token is refused."""

        def on_challenge(self, request: Any, response: Any) -> bool:
            """Tell whether the request may be sent again, with another token (called by azure-core)."""
            if super().on_challenge(request, response):
                return True
            # Whatever it says: an Azure Stack Hub does not say that the token is what is wrong.
            with lock:
                # Several workers may have used the same token.
                used = str(request.http_request.headers.get("Authorization"))
                if used not in refused:
                    refused.add(used)
                    self._credential = session.renew_credential()
                self.authorize_request(request, *self._scopes)
            return bool(request.http_request.headers["Authorization"] != used)

    return Authentication(credential, session.cloud.scope)


def _build_reject_html() -> Any:
    """Give the policy that takes no web page for an answer: gateways and proxies show one with 200 where Azure was not asked."""
    policy: Any = load("azure.core.pipeline.policies").SansIOHTTPPolicy
    error_type = load("azure.core.exceptions").ServiceResponseError

    class RejectHtml(policy):
        """Turns a web page into a broken connection, after which what may be sent again is."""

        def on_response(self, request: Any, response: Any) -> None:
            kind = str(response.http_response.headers.get("Content-Type") or "")
            if response.http_response.status_code < 300 and kind.startswith("text/html"):
                raise error_type("a gateway or proxy returned a web page instead")

    return RejectHtml()


class WriteCounter:
    """How often something was sent that may have changed something, for each thread."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def note(self) -> None:
        """Count one more."""
        self._counts[threading.get_ident()] += 1

    def of_this_thread(self) -> int:
        """Give how many this thread has sent."""
        return self._counts[threading.get_ident()]

    def total(self) -> int:
        """Give how many all threads have sent."""
        return sum(self._counts.values())


def build_write_counter(counter: WriteCounter) -> Any:
    """Give the policy that counts what may have changed something: all writes but those that were refused or never sent."""
    policy: Any = load("azure.core.pipeline.policies").HTTPPolicy
    exceptions = load("azure.core.exceptions")

    class Accounting(policy):
        """Counts by the answer."""

        def send(self, request: Any) -> Any:
            if is_harmless(request.http_request):
                return self.next.send(request)
            try:
                response = self.next.send(request)
            except exceptions.AzureError as error:
                # Anything else, such as an interrupted wait, came before it was sent, and so does signing in.
                if not (was_never_sent(error) or isinstance(error, exceptions.ClientAuthenticationError)):
                    counter.note()
                raise
            if not 400 <= response.http_response.status_code < 500:
                counter.note()
            return response

    return Accounting()


def is_harmless(request: Any) -> bool:
    """Tell whether a request changes nothing: reads, questions that are POSTs, and the checks of a Managed HSM."""
    path = urlsplit(request.url).path.lower()
    is_question = path.endswith(_HARMLESS_POSTS) or (path.endswith("/pruneexternalstore") and "DryRun" in str(request.content))
    is_check = (request.method, path) in (("POST", "/prebackup"), ("PUT", "/prerestore"))
    return request.method in ("GET", "HEAD") or is_check or (request.method == "POST" and is_question)


def _build_retry(retry_policy: Any, clock: Clock) -> Any:
    """Give azure-core's retries, of which being asked to wait uses none up: many workers may be turned away many times."""

    class Retry(retry_policy):
        """Sends again what a 429 with a time turned away, until that has gone on for too long."""

        def increment(self, settings: dict[str, Any], response: Any = None, error: Any = None) -> bool:
            """Count a try; tells whether there may be another one (called by azure-core)."""
            if error is None and response.http_response.status_code == 429:
                settings["turned_away"] = settings.get("turned_away", 0.0) + (
                    seconds_to_wait(response.http_response.headers) or 0
                )
                if settings["total"] > 0 and 0 < settings["turned_away"] < _SECONDS_TURNED_AWAY:
                    settings["total"] += 1
                    settings["status"] += 1
            return bool(super().increment(settings, response, error))

        def sleep(self, settings: dict[str, Any], transport: Any, response: Any = None) -> None:
            """Wait before the next try (called by azure-core): as long as Azure asks, or a little longer each time."""
            seconds = seconds_to_wait(response.http_response.headers) if response else None
            if seconds:
                clock.pause(seconds)
            else:
                super().sleep(settings, transport)

    return Retry(retry_total=5, retry_connect=2, retry_backoff_factor=1.0)


def _build_throttle(clock: Clock, places: int) -> Any:
    """Give the policy by which so many requests are under way at most, and one worker's 429 slows all that ask for the same."""
    policy: Any = load("azure.core.pipeline.policies").HTTPPolicy
    # Until when nobody asks again, by what is read or written.
    closed: dict[tuple[bool, str], float] = {}
    lock = threading.Lock()
    under_way = threading.BoundedSemaphore(places)

    def pause_of(key: tuple[bool, str]) -> float:
        with lock:
            return closed.get(key, 0.0) - clock.monotonic()

    class Throttle(policy):
        """Holds requests back while others are under way, and for as long as Azure asked another one of their kind to wait."""

        def send(self, request: Any) -> Any:
            key = (request.http_request.method in ("GET", "HEAD"), _kind_of(request.http_request.url))
            while True:
                with under_way:
                    pause = pause_of(key)
                    if pause <= 0:
                        response = self.next.send(request)
                        break
                clock.pause(pause)
            if response.http_response.status_code == 429:
                seconds = seconds_to_wait(response.http_response.headers)
                if seconds:
                    with lock:
                        closed[key] = max(closed.get(key, 0.0), clock.monotonic() + seconds)
            return response

    return Throttle()


def _kind_of(url: str) -> str:
    """Give the type of resource that a URL is about; Azure counts some of its limits by that."""
    path = urlsplit(url).path.lower()
    provider = path.rpartition("/providers/")[2].split("/")
    return "/".join(provider[1::2])


def no_writes(session: Session) -> list[Any]:
    """Give the policy that, in check mode, holds back whatever would change something."""
    if not session.check_mode:
        return []
    policy: Any = load("azure.core.pipeline.policies").SansIOHTTPPolicy

    class NoWrites(policy):
        """Lets reads out, and questions that are POSTs."""

        def on_request(self, request: Any) -> None:
            method, path = request.http_request.method, urlsplit(request.http_request.url).path.lower()
            if is_harmless(request.http_request):
                return
            raise AssertionError(f"a {method} of {path} was about to be sent in check mode")

    return [NoWrites()]


def nothing_new(session: Session) -> Any:
    """Give the policy that holds back whatever would change something, once the task is to end."""
    policy: Any = load("azure.core.pipeline.policies").SansIOHTTPPolicy

    class NothingNew(policy):
        """Lets only reads out then."""

        def on_request(self, request: Any) -> None:
            method = request.http_request.method
            if session.clock.is_interrupted and method not in ("GET", "HEAD"):
                raise Interrupted("the task was interrupted before this request was sent; run the task again to continue")

    return NothingNew()


def build_service_time(session: Session) -> Any:
    """Give the policy that learns the service's time."""
    policy: Any = load("azure.core.pipeline.policies").SansIOHTTPPolicy

    class ServiceTime(policy):
        """Reads the service's clock from the Date header of each answer."""

        def on_response(self, request: Any, response: Any) -> None:
            session.see_date(response.http_response.headers.get("Date"))

    return ServiceTime()


def build_transport(clock: Clock, connections: int, verify: bool) -> Any:
    """Build the connection pool. Retries sleep on the injected clock."""
    requests = load("requests")
    # What these libraries log would reach the task's output where nobody has set up logging.
    for library in ("azure", "msal", "urllib3"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    if not verify:
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    transport: Any = load("azure.core.pipeline.transport").RequestsTransport

    class ClockedTransport(transport):
        """azure-core's transport, waiting on our clock; it outlives the clients that share it."""

        def sleep(self, duration: float) -> None:
            clock.sleep(duration)

        def __exit__(self, *arguments: object) -> None:
            """Stay open: the session closes it."""

    pool = _build_pool(requests)
    pool.mount("https://", _build_adapter(requests, connections))
    return ClockedTransport(
        session=pool,
        session_owner=False,
        connection_timeout=_SECONDS_TO_CONNECT,
        read_timeout=_SECONDS_TO_READ,
        connection_verify=verify,
    )


def _build_pool(requests: Any) -> Any:
    """Give requests' session, which asks the environment for a proxy once for each host, and a .netrc for nothing.

    requests reads all of the environment before each request, and an entry of .netrc would take the place of the token.
    """
    session: Any = requests.Session
    found: dict[tuple[Any, ...], dict[str, Any]] = {}

    class Pool(session):
        """Connections to a few hosts."""

        def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> dict[str, Any]:
            """Give the settings of a request (called by requests); the transport names no proxies."""
            host = (*urlsplit(url)[:2], stream, verify, cert)
            if host not in found:
                found[host] = super().merge_environment_settings(url, proxies, stream, verify, cert)
            return found[host]

    pool = Pool()
    # What signs a request is a policy of the pipeline.
    pool.auth = lambda request: request
    return pool


def _build_adapter(requests: Any, connections: int) -> Any:
    """Give the adapter that reads no more of an answer than an answer can be."""
    adapter: Any = requests.adapters.HTTPAdapter
    too_long = requests.exceptions.ChunkedEncodingError

    class BoundedAdapter(adapter):
        """Breaks off what is absurdly long, whatever length it gives itself."""

        def build_response(self, request: Any, response: Any) -> Any:
            """Give the response to read (called by requests)."""
            stream = response.stream

            def bounded(*arguments: Any, **options: Any) -> Any:
                length = 0
                for chunk in stream(*arguments, **options):
                    length += len(chunk)
                    if length > LARGEST_ANSWER:
                        response.close()
                        raise too_long(f"the response is larger than {LARGEST_ANSWER >> 20} MiB and was not read completely")
                    yield chunk

            response.stream = bounded
            return super().build_response(request, response)

    # An answer is still read while the next request has begun.
    return BoundedAdapter(pool_connections=4, pool_maxsize=2 * connections)


class ForAudiences:
    """A credential that gives tokens for some audiences only, whatever a host asks for in its challenge.

    audiences: URLs; option: what names the host, for the message of a refusal.
    """

    def __init__(self, credential: Any, audiences: set[str], option: str) -> None:
        self._credential = credential
        self._audiences = audiences
        self._option = option

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Give a token. Raises UntrustedHost where it is asked for anything else.

        The tenant is that of the caller: a host that names another in its challenge has no say in it.
        """
        options.pop("tenant_id", None)
        for scope in scopes:
            if scope.removesuffix("/.default").rstrip("/").lower() not in self._audiences:
                raise UntrustedHost(f"{self._option}: the host requests a token for {scope}, not for itself; no token was sent")
        return self._credential.get_token(*scopes, **options)
