# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Who signs in: the options, the environment and the credentials file of azure.azcollection, with its precedence.

Compatible with azure.azcollection 4.1.0 except where that loses what the user said: an explicit
cloud_environment and subscription_id count wherever the credentials come from, '' means unset, booleans from
the environment are read as booleans, and AZURE_CLIENT_SECRET is read as well.
"""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..model.resource_ids import GUID
from .clouds import KNOWN_CLOUDS

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

# These say who signs in.
_WHO = ("client_id", "secret", "tenant", "ad_user", "password", "x509_certificate_path", "oidc_token", "oidc_token_file_path")
_TRUE = {"1", "true", "yes", "on", "y", "t"}
SECONDS_FOR_THE_CLI = 30

_PLACES = {
    "options": "the task",
    "env": "the environment",
    "credential_file": "the credentials file",
    "cli": "the Azure CLI",
    "msi": "a managed identity",
}


@dataclass(frozen=True)
class Identity:
    """Who signs in, and to what; every value is '' where it is not set."""

    source: str
    values: Mapping[str, str]
    # Options of the task that do not count, because the credentials come from another place as a whole.
    ignored: tuple[str, ...] = ()

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
        # Editors of Windows put a byte order mark before the first section.
        parser.read(path.expanduser(), encoding="utf-8-sig")
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


def find_identity(
    options: Mapping[str, Any],
    environ: Mapping[str, str],
    path: Path = CREDENTIALS_FILE,
    needs_subscription: bool = True,
) -> Identity:
    """Find the credentials by auth_source and, for auto, by azure.azcollection's order.

    options: the connection options of a task; environ: the process environment; path: the credentials file;
    needs_subscription: whether the task is about what lies in a subscription.
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
    used = {"msi": {"client_id"}, "cli": set()}.get(source, set())
    ignored = () if source == "options" else tuple(name for name in _WHO if name in given and name not in used)
    identity = Identity(source, values, ignored)
    _check(identity, needs_subscription, environment)
    return identity


def _choose(auth_source: str, given: dict[str, str], environment: dict[str, str], path: Path) -> tuple[str, dict[str, str]]:
    """Find the values by the place that auth_source names."""
    if auth_source == "auto":
        return _search(given, environment, path)
    if auth_source == "msi":
        client_id = given.get("client_id") or environment.get("client_id") or ""
        return "msi", {"client_id": client_id}
    if auth_source == "cli":
        return "cli", _from_cli()
    if auth_source == "credential_file":
        profile = given.get("profile") or environment.get("profile") or "default"
        return "credential_file", _from_profile(profile, path)
    if auth_source == "env":
        found = _from_set_environment(environment, path)
        if found is None:
            raise BadInput("auth_source: env was requested, but neither AZURE_CLIENT_ID nor AZURE_AD_USER is set")
        return found
    raise BadInput(f"auth_source: '{auth_source}' is not one of auto, cli, credential_file, env, msi")


def _search(given: dict[str, str], environment: dict[str, str], path: Path) -> tuple[str, dict[str, str]]:
    """Look for the values in azure.azcollection's order; each place counts as a whole."""
    if "profile" in given:
        return "credential_file", _from_profile(given["profile"], path)
    if "client_id" in given or "ad_user" in given:
        return "options", dict(given)
    found = _from_set_environment(environment, path)
    if found:
        return found
    default = _from_file("default", path)
    if default is not None:
        return "credential_file", default
    if shutil.which("az"):
        return "cli", _from_cli()
    raise BadInput(
        "No Azure credentials: set client_id, secret, tenant and subscription_id, or AZURE_CLIENT_ID, AZURE_SECRET, "
        f"AZURE_TENANT and AZURE_SUBSCRIPTION_ID in the environment, or a section [default] in {path}, or sign in with az login"
    )


def _from_set_environment(environment: dict[str, str], path: Path) -> tuple[str, dict[str, str]] | None:
    if "profile" in environment:
        return "credential_file", _from_profile(environment["profile"], path)
    if "client_id" in environment or "ad_user" in environment:
        return "env", dict(environment)
    return None


def _from_cli() -> dict[str, str]:
    """Ask the Azure CLI for its subscription and its cloud. Raises BadInput where nobody is signed in to it."""
    account, cloud = _ask_cli("account", "show"), _ask_cli("cloud", "show")
    endpoints = cloud.get("endpoints") or {}
    name = str(cloud.get("name") or "")
    where = name if name.lower() in KNOWN_CLOUDS else str(endpoints.get("resourceManager") or "")
    return _clean({"subscription_id": account.get("id"), "tenant": account.get("tenantId"), "cloud_environment": where})


def _ask_cli(*command: str) -> dict[str, Any]:
    executable = shutil.which("az")
    if executable is None:
        raise BadInput("auth_source: cli was requested, but the Azure CLI (az) is not installed where the task runs")
    whole = [executable, *command, "--output", "json"]
    try:
        # There is no module in this layer whose run_command could be called, and no output of az that it would have to hide.
        done = subprocess.run(  # noqa: S603  # pylint: disable=ansible-bad-function
            whole, capture_output=True, text=True, check=False, timeout=SECONDS_FOR_THE_CLI, stdin=subprocess.DEVNULL
        )
        answer = json.loads(done.stdout) if done.returncode == 0 else None
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise BadInput(f"auth_source: az {' '.join(command)} returned no result ({type(error).__name__})") from error
    if not isinstance(answer, dict):
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BadInput(f"auth_source: az {' '.join(command)} failed: {reason}; sign in with az login")
    return answer


def _check(identity: Identity, needs_subscription: bool, environment: dict[str, str]) -> None:
    problems = []
    if identity["subscription_id"] and not GUID.fullmatch(identity["subscription_id"]):
        problems.append(f"subscription_id: '{identity['subscription_id']}' is not a GUID")
    elif needs_subscription and not identity["subscription_id"] and identity.source != "msi":
        problems.append(f"subscription_id: not set, and the credentials ({identity.source}) do not include one")
    if identity.source not in ("msi", "cli"):
        problems += _problems_with(identity, environment)
    if problems:
        raise BadInput("; ".join(problems))


def _problems_with(identity: Identity, environment: dict[str, str]) -> list[str]:
    """Tell what is missing for any way to sign in, or what the chosen way lacks."""
    chosen = way_of(identity)
    if chosen is None:
        missing = [name for name in ("client_id", "secret", "tenant") if not identity[name]]
        others = "; or sign in with x509_certificate_path, oidc_token, oidc_token_file_path, or ad_user and password"
        where = _PLACES[identity.source]
        problem = f"{', '.join(missing)}: not set in {where}, so no service principal can sign in{others}"
        if identity.ignored:
            problem += f". {_ignored(identity)}"
        elif identity.source == "options" and any(name in environment for name in missing):
            elsewhere = ", ".join(ENVIRONMENT[name][0] for name in missing if name in environment)
            problem += f". The environment's {elsewhere} is ignored: {_how_they_count(identity)}"
        return [problem]
    for option in ("oidc_token_file_path", "x509_certificate_path"):
        if option == chosen and not _is_file(identity[option]):
            return [f"{option}: the file {identity[option]} does not exist"]
    return []


def _how_they_count(identity: Identity) -> str:
    """Say which place the credentials come from, and how to change that."""
    if identity.source == "options":
        return "client_id or ad_user is set in the task, and each place counts as a whole; set the others in the task, too"
    where = _PLACES[identity.source]
    return f"the credentials come from {where}, and each place counts as a whole; set client_id in the task, too"


def warning_of_ignored(identity: Identity) -> str | None:
    """Give the warning of options that do not count; None where all do."""
    return _ignored(identity) if identity.ignored else None


def _ignored(identity: Identity) -> str:
    verb = "is" if len(identity.ignored) == 1 else "are"
    return f"The task's {', '.join(identity.ignored)} {verb} ignored: {_how_they_count(identity)}"


def _is_file(path: str) -> bool:
    try:
        return Path(path).expanduser().is_file()
    except (RuntimeError, ValueError):
        # Somebody's home who is not known here, or what no path can be.
        return False


def way_of(identity: Identity) -> str | None:
    """Name the option that decides how to sign in, in azure.azcollection's order; None where none is complete.

    Unlike there, a certificate needs no thumbprint, which is not used.
    """
    if identity["client_id"] and identity["tenant"]:
        for option in ("oidc_token", "oidc_token_file_path", "secret", "x509_certificate_path"):
            if identity[option]:
                return option
    return "ad_user" if identity["ad_user"] and identity["password"] else None
