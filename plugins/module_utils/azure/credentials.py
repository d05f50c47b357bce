# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signs in: the options, the environment and the credentials file of azure.azcollection, with its precedence.

Compatible with azure.azcollection 4.1.0 except where that loses what the user said: an explicit
cloud_environment and subscription_id count wherever the credentials come from, '' means unset, booleans from
the environment are read as booleans, and AZURE_CLIENT_SECRET is read as well.
"""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..resource_ids import GUID
from .clouds import Cloud
from .libraries import load

# Option -> environment variables, the first that is set counts.
ENVIRONMENT = {
    "profile": ("AZURE_PROFILE",),
    "subscription_id": ("AZURE_SUBSCRIPTION_ID",),
    "client_id": ("AZURE_CLIENT_ID",),
    "secret": ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
    "tenant": ("AZURE_TENANT", "AZURE_TENANT_ID"),
    "ad_user": ("AZURE_AD_USER",),
    "password": ("AZURE_PASSWORD",),
    "cloud_environment": ("AZURE_CLOUD_ENVIRONMENT",),
    "cert_validation_mode": ("AZURE_CERT_VALIDATION_MODE",),
    "adfs_authority_url": ("AZURE_ADFS_AUTHORITY_URL",),
    "x509_certificate_path": ("AZURE_X509_CERTIFICATE_PATH",),
    "thumbprint": ("AZURE_THUMBPRINT",),
    "disable_instance_discovery": ("AZURE_DISABLE_INSTANCE_DISCOVERY",),
    "oidc_token": ("AZURE_FEDERATED_TOKEN",),
    "oidc_token_file_path": ("AZURE_FEDERATED_TOKEN_FILE",),
}
CREDENTIALS_FILE = Path("~/.azure/credentials")
# These say where and how to connect, not who signs in: what the task says wins over where credentials come from.
_WINS_EVERYWHERE = (
    "subscription_id",
    "cloud_environment",
    "cert_validation_mode",
    "adfs_authority_url",
    "disable_instance_discovery",
)
_TRUE = {"1", "true", "yes", "on", "y", "t"}
_SECONDS_TO_CONNECT = 10


@dataclass(frozen=True)
class Identity:
    """Who signs in, and to what; every value is '' where it is not set."""

    source: str
    values: Mapping[str, str]

    def __getitem__(self, option: str) -> str:
        return self.values.get(option, "")

    def flag(self, option: str) -> bool:
        """Read a value as a boolean."""
        return self[option].strip().lower() in _TRUE


def _clean(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value).strip() for name, value in values.items() if value is not None and str(value).strip()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for option, names in ENVIRONMENT.items():
        value = next((environ[name].strip() for name in names if environ.get(name, "").strip()), "")
        if value:
            found[option] = value
    return found


def _from_file(profile: str, path: Path) -> dict[str, str] | None:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path.expanduser(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        # The parser's own message quotes the line, which may hold a secret.
        raise BadInput(f"profile: the credentials file {path} cannot be read ({type(error).__name__})") from None
    if not parser.has_section(profile):
        return None
    return _clean(dict(parser.items(profile)))


def _from_profile(profile: str, path: Path) -> dict[str, str]:
    found = _from_file(profile, path)
    if found is None:
        raise BadInput(f"profile: the credentials file {path} has no section [{profile}]")
    return found


def find_identity(options: Mapping[str, Any], environ: Mapping[str, str], path: Path = CREDENTIALS_FILE) -> Identity:
    """Find the credentials by auth_source and, for auto, by azure.azcollection's order.

    options: the connection options of a task; environ: the process environment; path: the credentials file.
    Raises BadInput where nothing is found or a part is missing; no request is made.
    """
    given = _clean(options)
    environment = _from_environment(environ)
    auth_source = given.get("auth_source") or environ.get("ANSIBLE_AZURE_AUTH_SOURCE", "").strip() or "auto"
    source, values = _choose(auth_source, given, environment, path)
    for option in _WINS_EVERYWHERE:
        if option in given:
            values[option] = given[option]
        elif option not in values and option in environment:
            values[option] = environment[option]
    identity = Identity(source, values)
    _check(identity)
    return identity


def _choose(auth_source: str, given: dict[str, str], environment: dict[str, str], path: Path) -> tuple[str, dict[str, str]]:
    if auth_source not in ("auto", "cli", "credential_file", "env", "msi"):
        raise BadInput(f"auth_source: '{auth_source}' is none of auto, cli, credential_file, env, msi")
    if auth_source in ("cli", "msi"):
        raise BadInput(
            f"auth_source: '{auth_source}' is not available in this version; sign in with a service principal "
            "(client_id, secret, tenant)"
        )
    signs_in = "client_id" in given or "ad_user" in given
    if auth_source == "auto" and "profile" in given:
        return "credential_file", _from_profile(given["profile"], path)
    if auth_source == "auto" and signs_in:
        return "options", dict(given)
    if auth_source in ("auto", "env"):
        if "profile" in environment:
            return "credential_file", _from_profile(environment["profile"], path)
        if "client_id" in environment or "ad_user" in environment:
            return "env", dict(environment)
        if auth_source == "env":
            raise BadInput("auth_source: env was asked for, and neither AZURE_CLIENT_ID nor AZURE_AD_USER is set")
    if auth_source == "credential_file":
        profile = given.get("profile") or environment.get("profile") or "default"
        return "credential_file", _from_profile(profile, path)
    found = _from_file("default", path)
    if found is not None:
        return "credential_file", found
    raise BadInput(
        "No Azure credentials: set client_id, secret, tenant and subscription_id, or AZURE_CLIENT_ID, AZURE_SECRET, "
        f"AZURE_TENANT and AZURE_SUBSCRIPTION_ID in the environment, or a section [default] in {path}"
    )


def _check(identity: Identity) -> None:
    problems = []
    if not identity["subscription_id"]:
        problems.append(f"subscription_id: no subscription is given, and the credentials ({identity.source}) do not carry one")
    elif not GUID.match(identity["subscription_id"]):
        problems.append(f"subscription_id: '{identity['subscription_id']}' is not a GUID")
    if not (identity["client_id"] and identity["secret"] and identity["tenant"]):
        others = ("oidc_token", "oidc_token_file_path", "x509_certificate_path", "ad_user")
        present = [name for name in others if identity[name]]
        missing = [name for name in ("client_id", "secret", "tenant") if not identity[name]]
        note = f"; signing in by {', '.join(present)} is not available in this version" if present else ""
        problems.append(f"{', '.join(missing)}: not set, so no service principal can sign in{note}")
    if problems:
        raise BadInput("; ".join(problems))


def build_credential(identity: Identity, cloud: Cloud, transport: Any) -> Any:
    """Give azure-identity's credential for that identity in that cloud.

    Raises MissingLibrary, BadInput (a tenant that cannot be one).
    """
    identity_library = load("azure.identity")
    authority = identity["adfs_authority_url"] or cloud.login
    try:
        return identity_library.ClientSecretCredential(
            identity["tenant"],
            identity["client_id"],
            identity["secret"],
            authority=authority,
            disable_instance_discovery=identity.flag("disable_instance_discovery") or not cloud.is_known_to_microsoft,
            transport=transport,
            retry_total=2,
            retry_connect=1,
            connection_timeout=_SECONDS_TO_CONNECT,
        )
    except ValueError as error:
        raise BadInput(f"tenant, client_id: {error}") from error
