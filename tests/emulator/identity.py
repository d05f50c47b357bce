# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entra ID: tokens for service principals, and what a client asks before it signs in."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field

import jwt

from .arm import Reply, Wire

_LIFETIME_SECONDS = 3599
_SIGNING_KEY = "loopback-entra-id-signs-with-this-key-of-32-bytes-or-more"


@dataclass
class ServicePrincipal:
    """An application that signs in with a secret.

    scopes: ARM ids below which it may do everything; no scope at all means no access.
    """

    tenant_id: str
    client_id: str
    secret: str
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    scopes: list[str] = field(default_factory=lambda: ["/"])


class EntraError(Exception):
    """A refusal of the token endpoint, with its AADSTS code."""

    def __init__(self, status: int, error: str, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body: Wire = {
            "error": error,
            "error_description": f"AADSTS{code}: {message} Trace ID: {uuid.uuid4()}",
            "error_codes": [code],
            "trace_id": str(uuid.uuid4()),
        }


class EntraId:
    """One tenant's directory and its token endpoint. Tokens live their full hour, by real time."""

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        self.principals: dict[str, ServicePrincipal] = {}

    def add(self, principal: ServicePrincipal) -> None:
        """Register an application."""
        self.principals[principal.client_id.lower()] = principal

    def may_reach(self, object_id: str, path: str) -> bool:
        """Tell whether a principal may do everything on an ARM id."""
        principal = self.by_object_id(object_id)
        scopes = principal.scopes if principal else []
        return any(f"{path.lower()}/".startswith(scope.lower().rstrip("/") + "/") for scope in scopes)

    def by_object_id(self, object_id: str) -> ServicePrincipal | None:
        """Find an application by its object id."""
        return next((one for one in self.principals.values() if one.object_id == object_id), None)

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() not in (self.tenant_id.lower(), "adfs"):
            raise EntraError(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")

    def discover(self, tenant: str, url: str) -> Reply:
        """Answer the OpenID configuration."""
        self._check_tenant(tenant)
        base = f"{url}/{tenant}"
        return Reply(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": "WW",
            },
        )

    def issue(self, tenant: str, form: dict[str, str]) -> Reply:
        """Answer a token request of the client credentials grant. Raises EntraError."""
        self._check_tenant(tenant)
        if form.get("grant_type") != "client_credentials":
            raise EntraError(400, "unsupported_grant_type", 70003, f"The grant type '{form.get('grant_type')}' is not supported.")
        client_id = form.get("client_id", "")
        principal = self.principals.get(client_id.lower())
        if principal is None:
            raise EntraError(
                400, "unauthorized_client", 700016, f"Application with identifier '{client_id}' was not found in the directory."
            )
        if form.get("client_secret") != principal.secret:
            raise EntraError(401, "invalid_client", 7000215, "Invalid client secret provided.")
        audience = form.get("scope", "").removesuffix("/.default")
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + _LIFETIME_SECONDS,
            "appid": principal.client_id,
            "oid": principal.object_id,
            "tid": self.tenant_id,
        }
        token = jwt.encode(claims, _SIGNING_KEY, algorithm="HS256")
        return Reply(
            200,
            {
                "token_type": "Bearer",
                "expires_in": _LIFETIME_SECONDS,
                "ext_expires_in": _LIFETIME_SECONDS,
                "access_token": token,
            },
        )

    def read_token(self, token: str) -> Wire | None:
        """Check a token's signature and lifetime and give its claims; None for a bad one."""
        try:
            claims: Wire = jwt.decode(token, _SIGNING_KEY, algorithms=["HS256"], options={"verify_aud": False})
        except jwt.PyJWTError:
            return None
        return claims
