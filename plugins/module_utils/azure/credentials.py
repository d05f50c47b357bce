# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How an identity signs in: azure-identity's credential for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import BadInput
from .caller import SECONDS_FOR_THE_CLI, Identity, way_of
from .clouds import Cloud
from .libraries import load

_SECONDS_TO_CONNECT = 10
# Users sign in as the Azure CLI does where no application is named (as in azure.azcollection).
_CLIENT_OF_THE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


def build_credential(identity: Identity, cloud: Cloud, transport: Any) -> Any:
    """Give azure-identity's credential for that identity in that cloud.

    Raises MissingLibrary, BadInput (a tenant that cannot be one, a certificate that cannot be read).
    """
    library = load("azure.identity")
    authority, is_adfs = _authority(identity["adfs_authority_url"] or cloud.login)
    common = {
        "transport": transport,
        "retry_total": 2,
        "retry_connect": 1,
        "connection_timeout": _SECONDS_TO_CONNECT,
    }
    if identity.source == "msi":
        # Whether an identity is there is answered at once or not at all.
        return library.ManagedIdentityCredential(**{**common, "client_id": identity["client_id"] or None})
    if identity.source == "cli":
        return library.AzureCliCredential(tenant_id=identity["tenant"], process_timeout=SECONDS_FOR_THE_CLI)
    common["authority"] = authority
    common["disable_instance_discovery"] = (
        identity.flag("disable_instance_discovery") or is_adfs or not cloud.is_known_to_microsoft
    )
    way = way_of(identity)
    try:
        return _WAYS[str(way)](library, identity, "adfs" if is_adfs else identity["tenant"], common)
    except ValueError as error:
        option = "x509_certificate_path" if way == "x509_certificate_path" else "tenant, client_id"
        raise BadInput(f"{option}: {error}") from error


def _by_secret(library: Any, identity: Identity, tenant: str, common: dict[str, Any]) -> Any:
    return library.ClientSecretCredential(tenant, identity["client_id"], identity["secret"], **common)


def _by_token(library: Any, identity: Identity, tenant: str, common: dict[str, Any]) -> Any:
    return library.ClientAssertionCredential(tenant, identity["client_id"], lambda: identity["oidc_token"], **common)


def _by_token_file(library: Any, identity: Identity, tenant: str, common: dict[str, Any]) -> Any:
    # Read again for each token: what is in the file lives for minutes, and a wait for hours.
    file = str(Path(identity["oidc_token_file_path"]).expanduser())
    return library.WorkloadIdentityCredential(tenant_id=tenant, client_id=identity["client_id"], token_file_path=file, **common)


def _by_certificate(library: Any, identity: Identity, tenant: str, common: dict[str, Any]) -> Any:
    file = str(Path(identity["x509_certificate_path"]).expanduser())
    return library.CertificateCredential(tenant, identity["client_id"], certificate_path=file, **common)


def _by_password(library: Any, identity: Identity, tenant: str, common: dict[str, Any]) -> Any:
    return library.UsernamePasswordCredential(
        identity["client_id"] or _CLIENT_OF_THE_CLI,
        identity["ad_user"],
        identity["password"],
        tenant_id=tenant or "organizations",
        _silence_deprecation_warning=True,
        **common,
    )


# By the option that decides (identity.way_of).
_WAYS = {
    "secret": _by_secret,
    "oidc_token": _by_token,
    "oidc_token_file_path": _by_token_file,
    "x509_certificate_path": _by_certificate,
    "ad_user": _by_password,
}


def _authority(url: str) -> tuple[str, bool]:
    """Give the host of an authority, and whether it is an ADFS: that one has no tenants, its path is /adfs."""
    stripped = url.rstrip("/")
    if stripped.lower().endswith("/adfs"):
        return stripped[: -len("/adfs")], True
    return stripped, False
