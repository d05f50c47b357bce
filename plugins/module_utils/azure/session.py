# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The only door to Azure: one sign-in, one connection pool, one set of rules for every request of a task."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from ..clock import Clock
from ..errors import AzureBackupError, BadInput, NotFound, Unavailable
from .caller import find_identity
from .clouds import Cloud, find_cloud
from .credentials import build_credential
from .libraries import load
from .pipeline import (
    WriteCounter,
    build_policies,
    build_transport,
)
from .sdk_errors import http_error, translated

# One table for every service. Data Protection 2025-09-01 and later refuse vaults that are not AlwaysOn.
API_VERSIONS = {
    "Microsoft.DataProtection": "2025-07-01",
    # For what only newer versions know: deleted vaults and automatic protection.
    "Microsoft.DataProtection/newest": "2026-06-01",
    "Microsoft.RecoveryServices": "2024-04-01",
    # Restores in the paired region of a vault: newer versions have other operations, which nothing recorded shows.
    "Microsoft.RecoveryServices/secondary": "2021-11-15",
    "Microsoft.Authorization": "2022-04-01",
    "Microsoft.ResourceGraph": "2021-03-01",
    "Microsoft.Resources": "2021-04-01",
    # Two teams make them: neither type has the newer versions of the other.
    "Microsoft.Compute/disks": "2023-10-02",
    "Microsoft.Compute/snapshots": "2023-10-02",
    "Microsoft.Compute/virtualMachines": "2023-03-01",
    "Microsoft.Network": "2023-09-01",
    "Microsoft.Storage": "2025-01-01",
    # The data plane: the first that knows managed identities, and the first that checks beforehand.
    "managed HSM": "7.5",
    "managed HSM/checks": "7.6",
}

_VERSIONS_BY_TYPE = {name.lower(): version for name, version in API_VERSIONS.items()}

LARGEST_LIST_PAGES = 10_000


def api_version_of(resource_type: str) -> str | None:
    """Give the version that resources of a type are read and written with, such as Microsoft.Compute/disks in any casing.

    None for a type that this collection does not know.
    """
    name = resource_type.lower()
    return _VERSIONS_BY_TYPE.get(name) or _VERSIONS_BY_TYPE.get(name.split("/", 1)[0])


class Session:
    """A signed-in connection to one cloud, shared by everything a task does.

    options: the connection options (arguments.CONNECTION); check_mode: refuse to send writes;
    connections: how many requests are under way at the same time. Nothing is sent before the first request.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        clock: Clock,
        check_mode: bool = False,
        connections: int = 16,
        environ: Mapping[str, str] | None = None,
        needs_subscription: bool = True,
    ) -> None:
        self.clock = clock
        self.check_mode = check_mode
        self.connections = connections
        self.write_counter = WriteCounter()
        # The service's time, and when it was told by a clock that nobody can set.
        self._told: tuple[datetime, float] | None = None
        self.identity = find_identity(options, os.environ if environ is None else environ, needs_subscription=needs_subscription)
        mode = self.identity["cert_validation_mode"].lower() or "validate"
        if mode not in ("validate", "ignore"):
            raise BadInput(f"cert_validation_mode: '{mode}' is neither validate nor ignore")
        self.verifies_certificates = mode == "validate"

    @cached_property
    def subscription_id(self) -> str:
        """The subscription: the one that was given, or with a managed identity the first that it may see."""
        given = self.identity["subscription_id"]
        if given:
            return given
        listed = self.read_all(
            "/subscriptions", "list the subscriptions of the managed identity", API_VERSIONS["Microsoft.Resources"]
        )
        if not listed:
            raise BadInput("subscription_id: not set, and the managed identity has access to no subscription")
        return str(listed[0]["subscriptionId"])

    @cached_property
    def transport(self) -> Any:
        """The connection pool."""
        return build_transport(self.clock, self.connections, self.verifies_certificates)

    @cached_property
    def cloud(self) -> Cloud:
        """The cloud to talk to; asks its metadata endpoint when it is given by URL."""
        return find_cloud(self.identity["cloud_environment"], self._read_openly)

    @cached_property
    def credential(self) -> Any:
        """Who signs in."""
        return build_credential(self.identity, self.cloud, self.transport)

    def renew_credential(self) -> Any:
        """Give another credential of the same identity, which knows none of the tokens of the one before."""
        self.credential = build_credential(self.identity, self.cloud, self.transport)
        return self.credential

    @cached_property
    def policies(self) -> list[Any]:
        """The rules of the pipeline to Resource Manager."""
        return build_policies(self, self.credential)

    @cached_property
    def _arm(self) -> Any:
        return load("azure.mgmt.core").ARMPipelineClient(
            base_url=self.cloud.resource_manager, policies=self.policies, transport=self.transport
        )

    def see_date(self, header: str | None) -> None:
        """Learn the service's time from a Date header."""
        try:
            told = parsedate_to_datetime(header or "")
        except (TypeError, ValueError):
            return
        # One that names no zone is UTC (RFC 9110).
        self._told = (told if told.tzinfo else told.replace(tzinfo=timezone.utc), self.clock.monotonic())

    def service_now(self) -> datetime:
        """Tell the time by the service's clock, as of its last answer."""
        if self._told is None:
            return self.clock.now()
        told, moment = self._told
        return told + timedelta(seconds=self.clock.monotonic() - moment)

    def send(
        self,
        method: str,
        url: str,
        action: str,
        api_version: str | None = None,
        params: dict[str, str] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """Send one request and give azure-core's response.

        url: a path, or a whole URL that is sent as it is; options: azure-core's per-request options.
        Raises AzureBackupError for statuses of 400 and more.
        """
        rest = load("azure.core.rest")
        query = dict(params or {})
        if api_version:
            query["api-version"] = api_version
        target = f"{self.cloud.resource_manager}{url}" if url.startswith("/") else url
        request = rest.HttpRequest(method, target, params=query or None, json=body, headers=headers)
        with translated(action):
            response = self._arm.send_request(request, **options)
            text = response.text()
        if response.status_code >= 300:
            raise http_error(response.status_code, text, response.headers, action)
        return response

    def read(self, url: str, action: str, api_version: str | None = None, **params: str) -> dict[str, Any] | None:
        """Read one resource; None when it does not exist (404)."""
        try:
            return json_object(self.send("GET", url, action, api_version, params=params), action)
        except NotFound:
            return None

    def read_all(self, url: str, action: str, api_version: str, body: Any = None, **params: str) -> list[dict[str, Any]]:
        """Read a whole list by its pages; body: of a list that is asked for by POST. Raises NotFound where it does not exist."""
        return [item for page in self.pages(url, action, api_version, body, **params) for item in page]

    def pages(self, url: str, action: str, api_version: str, body: Any = None, **params: str) -> Iterator[list[dict[str, Any]]]:
        """Read a list page by page, following nextLink as it is; body: see read_all."""
        method = "GET" if body is None else "POST"
        page = json_object(self.send(method, url, action, api_version, params=params, body=body), action)
        for _page in range(LARGEST_LIST_PAGES):
            yield page_items(page, action)
            following = page.get("nextLink")
            if not following:
                return
            page = json_object(self.send(method, following, action, body=body), action)
        raise AzureBackupError(f"Cannot {action}: the list has too many pages")

    def _read_openly(self, url: str, params: dict[str, str]) -> Any:
        """Read a URL without a token and without following redirects."""
        rest = load("azure.core.rest")
        policies = load("azure.core.pipeline.policies")
        action = f"reach {url}"
        client = load("azure.core").PipelineClient(
            url,
            policies=[
                policies.RedirectPolicy(permit_redirects=False),
                policies.RetryPolicy(retry_total=2, retry_connect=1),
            ],
            transport=self.transport,
        )
        with translated(action):
            response = client.send_request(rest.HttpRequest("GET", url, params=params))
            text = response.text()
        if response.status_code >= 300:
            raise http_error(response.status_code, text, response.headers, action)
        return json_body(response, action)

    def close(self) -> None:
        """Close the connections."""
        if "transport" in self.__dict__:
            self.transport.session.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *arguments: object) -> None:
        self.close()


def json_object(response: Any, action: str) -> dict[str, Any]:
    """Give the JSON object of a response, {} for an empty one. Raises Unavailable for anything else."""
    found = json_body(response, action)
    if not isinstance(found, dict):
        raise Unavailable(f"Cannot {action}: the response is not a JSON object", status=response.status_code)
    return found


def page_items(body: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """Give the resources of a page of a list. Raises Unavailable for what is no list of resources."""
    found = body.get("value") or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise Unavailable(f"Cannot {action}: the response is not a list of resources")
    return found


def json_body(response: Any, action: str) -> Any:
    """Give the JSON of a response, {} for an empty one. Raises Unavailable for what is not JSON."""
    try:
        text = response.text()
        return json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise Unavailable(f"Cannot {action}: the response is not JSON", status=response.status_code) from error
