# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entra ID, an ADFS, and the machine's own token endpoint: tokens for whoever may sign in."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt
from cryptography.x509 import load_pem_x509_certificate

from .arm import Reply, Wire
from .clock import Clock

_LIFETIME_SECONDS = 3599
_FEDERATION_KEY = "loopback-issuer-of-federated-tokens-signs-with-this-key"
_FEDERATION_AUDIENCE = "api://AzureADTokenExchange"
_SIGNING_KEY = "loopback-entra-id-signs-with-this-key-of-32-bytes-or-more"


@dataclass
class Principal:
    """Somebody who may sign in, and what it may do.

    scopes: ARM ids below which it may do everything; no scope at all means no access;
    reads: ARM ids below which it may read only, as with the role Reader;
    actions: all that it may do there, as a role of one's own lists them, None for everything; used: those of them it has used.
    """

    tenant_id: str
    client_id: str
    scopes: list[str] = field(default_factory=lambda: ["/"], kw_only=True)
    reads: list[str] = field(default_factory=list, kw_only=True)
    actions: frozenset[str] | None = field(default=None, kw_only=True)
    used: set[str] = field(default_factory=set, kw_only=True)

    @cached_property
    def object_id(self) -> str:
        """The id in the directory: the same after a reset, so that who is signed in stays so."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.tenant_id}/{self.client_id}"))


@dataclass
class ServicePrincipal(Principal):
    """An application that signs in with a secret, with a certificate (PEM), or with a token of another issuer."""

    secret: str = ""
    certificate: str = field(default="", kw_only=True)


@dataclass
class User(Principal):
    """A person who signs in with a password by some application; client_id stands for the name."""

    password: str = ""


@dataclass
class ManagedIdentity(Principal):
    """An identity of the machine itself; is_system: the one that is meant where none is named."""

    is_system: bool = field(default=False, kw_only=True)


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


def _is_below(path: str, scopes: list[str]) -> bool:
    """Tell whether an ARM id lies at or below one of some scopes."""
    return any(f"{path.lower()}/".startswith(scope.lower().rstrip("/") + "/") for scope in scopes)


class EntraId:
    """One tenant's directory and its token endpoint.

    Tokens live their full hour, by real time; with by_clock by the emulator's, as it is for a client whose own clock jumped.
    """

    def __init__(self, tenant_id: str, clock: Clock) -> None:
        self.tenant_id = tenant_id
        self._clock = clock
        self.by_clock = False
        self.principals: dict[str, Principal] = {}

    def add(self, principal: Principal) -> None:
        """Register an application, a user, or a managed identity."""
        self.principals[principal.client_id.lower()] = principal

    def may_reach(self, object_id: str, path: str) -> bool:
        """Tell whether a principal may do everything on an ARM id."""
        principal = self.by_object_id(object_id)
        return principal is not None and _is_below(path, principal.scopes)

    def may_read(self, object_id: str, path: str) -> bool:
        """Tell whether a principal may at least read an ARM id."""
        principal = self.by_object_id(object_id)
        return principal is not None and _is_below(path, [*principal.scopes, *principal.reads])

    def may_do(self, object_id: str, action: str) -> bool:
        """Tell whether a principal's role lists an action, and keep that it was used."""
        principal = self.by_object_id(object_id)
        if principal is None or principal.actions is None:
            return True
        principal.used.add(action)
        return action.lower() in {listed.lower() for listed in principal.actions}

    def by_object_id(self, object_id: str) -> Principal | None:
        """Find a principal by its object id."""
        return next((one for one in self.principals.values() if one.object_id == object_id), None)

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() not in (self.tenant_id.lower(), "organizations", "adfs"):
            raise EntraError(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")

    def discover(self, tenant: str, url: str) -> Reply:
        """Answer the OpenID configuration; an ADFS has its endpoints elsewhere."""
        self._check_tenant(tenant)
        base = f"{url}/{tenant}"
        oauth = f"{base}/oauth2" if tenant.lower() == "adfs" else f"{base}/oauth2/v2.0"
        return Reply(
            200,
            {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{oauth}/authorize",
                "token_endpoint": f"{oauth}/token",
                "device_authorization_endpoint": f"{oauth}/devicecode",
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token", "token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": "WW",
            },
        )

    def issue(self, tenant: str, form: dict[str, str]) -> Reply:
        """Answer a token request. Raises EntraError."""
        self._check_tenant(tenant)
        grant = form.get("grant_type")
        if grant == "client_credentials":
            principal = self._application(form)
        elif grant == "password":
            principal = self._user(form)
        else:
            raise EntraError(400, "unsupported_grant_type", 70003, f"The grant type '{grant}' is not supported.")
        scopes = [scope for scope in form.get("scope", "").split() if "/" in scope]
        resource = scopes[0].removesuffix("/.default") if scopes else ""
        answer = self._token_for(principal, resource) | {"expires_in": _LIFETIME_SECONDS}
        if isinstance(principal, User):
            answer["id_token"] = self._id_token_of(principal, form["client_id"])
        return Reply(200, answer)

    def _id_token_of(self, user: User, client_id: str) -> str:
        """Tell the application who signed in."""
        now = int(time.time())
        who = {"sub": user.object_id, "oid": user.object_id, "preferred_username": user.client_id, "tid": self.tenant_id}
        issuer = f"https://sts.windows.net/{self.tenant_id}/"
        claims = {**who, "aud": client_id, "iss": issuer, "iat": now, "exp": now + _LIFETIME_SECONDS}
        return jwt.encode(claims, _SIGNING_KEY, algorithm="HS256")

    def _application(self, form: dict[str, str]) -> Principal:
        client_id = form.get("client_id", "")
        principal = self.principals.get(client_id.lower())
        if not isinstance(principal, ServicePrincipal):
            raise EntraError(
                400, "unauthorized_client", 700016, f"Application with identifier '{client_id}' was not found in the directory."
            )
        if "client_assertion" in form:
            self._check_assertion(principal, form["client_assertion"])
        elif not principal.secret or form.get("client_secret") != principal.secret:
            raise EntraError(401, "invalid_client", 7000215, "Invalid client secret provided.")
        return principal

    def _check_assertion(self, principal: ServicePrincipal, assertion: str) -> None:
        """Take a token that the application signed with its certificate, or that the issuer which it trusts made."""
        try:
            if jwt.get_unverified_header(assertion)["alg"] == "HS256":
                claims = jwt.decode(assertion, _FEDERATION_KEY, algorithms=["HS256"], audience=_FEDERATION_AUDIENCE)
            else:
                key: Any = load_pem_x509_certificate(principal.certificate.encode()).public_key()
                claims = jwt.decode(assertion, key, algorithms=["RS256", "PS256"], options={"verify_aud": False})
        except (jwt.PyJWTError, ValueError) as error:
            raise EntraError(401, "invalid_client", 700027, "The client assertion is not valid.") from error
        if claims.get("sub") != principal.client_id:
            raise EntraError(401, "invalid_client", 700213, "No matching federated identity record found.")

    def _user(self, form: dict[str, str]) -> Principal:
        user = self.principals.get(form.get("username", "").lower())
        if not isinstance(user, User) or form.get("password") != user.password:
            raise EntraError(400, "invalid_grant", 50126, "Error validating credentials due to invalid username or password.")
        return user

    def federated_token(self, client_id: str, lifetime: int = 600) -> str:
        """Make a token of the issuer that every application here trusts, as a pipeline or a cluster is given."""
        claims = {"iss": "https://issuer.loopback.example", "sub": client_id, "aud": _FEDERATION_AUDIENCE}
        return jwt.encode({**claims, "exp": int(time.time()) + lifetime}, _FEDERATION_KEY, algorithm="HS256")

    def issue_to_machine(self, query: dict[str, str], has_header: bool) -> Reply:
        """Answer the machine's own token endpoint (IMDS)."""
        if not has_header:
            return Reply(400, {"error": "bad_request_102", "error_description": "Required metadata header not specified"})
        wanted = query.get("client_id", "").lower()
        identities = [one for one in self.principals.values() if isinstance(one, ManagedIdentity)]
        found = next((one for one in identities if (one.client_id.lower() == wanted if wanted else one.is_system)), None)
        if found is None:
            return Reply(400, {"error": "invalid_request", "error_description": "Identity not found"})
        resource = query.get("resource", "")
        token = self._token_for(found, resource)
        expiry = str(int(time.time()) + _LIFETIME_SECONDS)
        more = {"resource": resource, "expires_in": str(_LIFETIME_SECONDS), "expires_on": expiry, "not_before": "0"}
        return Reply(200, {**token, **more, "client_id": found.client_id})

    def _token_for(self, principal: Principal, resource: str) -> Wire:
        now = int(self._now())
        claims = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{self.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + _LIFETIME_SECONDS,
            "appid": principal.client_id,
            "oid": principal.object_id,
            "tid": self.tenant_id,
        }
        token = jwt.encode(claims, _SIGNING_KEY, algorithm="HS256")
        return {"token_type": "Bearer", "ext_expires_in": _LIFETIME_SECONDS, "access_token": token}

    def _now(self) -> float:
        return self._clock.now().timestamp() if self.by_clock else time.time()

    def read_token(self, token: str) -> Wire | None:
        """Check a token's signature and lifetime and give its claims; None for a bad one."""
        try:
            claims: Wire = jwt.decode(
                token,
                _SIGNING_KEY,
                algorithms=["HS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.PyJWTError:
            return None
        return claims if self._now() < claims["exp"] else None
