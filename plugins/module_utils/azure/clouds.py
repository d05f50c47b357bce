# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Which Azure: the public one, a sovereign one, or one that describes itself at the URL of its Resource Manager."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..errors import AzureBackupError, BadInput, NotFound


@dataclass(frozen=True)
class Cloud:
    """Where a cloud answers.

    resource_manager and login are URLs without a trailing slash; audience is what a token is asked for,
    exactly as the cloud names it.
    """

    name: str
    resource_manager: str
    login: str
    audience: str
    # What stands behind the names of storage accounts (blob.<suffix>) and of Managed HSMs; None where a cloud does not say.
    storage_suffix: str | None = None
    managed_hsm_suffix: str | None = None
    # Microsoft's own authorities are known to the identity library; others must not be looked up at Microsoft's.
    is_known_to_microsoft: bool = True

    @property
    def scope(self) -> str:
        """The OAuth scope of the Resource Manager."""
        return f"{self.audience}/.default"


# Names as in azure.azcollection; hosts as in azure-cli's list of clouds.
KNOWN_CLOUDS = {
    cloud.name.lower(): cloud
    for cloud in (
        Cloud(
            "AzureCloud",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://management.azure.com",
            "core.windows.net",
            "managedhsm.azure.net",
        ),
        Cloud(
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://management.chinacloudapi.cn",
            "core.chinacloudapi.cn",
            "managedhsm.azure.cn",
        ),
        Cloud(
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://management.usgovcloudapi.net",
            "core.usgovcloudapi.net",
            "managedhsm.usgovcloudapi.net",
        ),
        Cloud(
            "AzureGermanCloud",
            "https://management.microsoftazure.de",
            "https://login.microsoftonline.de",
            "https://management.microsoftazure.de",
            "core.cloudapi.de",
            "managedhsm.microsoftazure.de",
        ),
    )
}

# 2022-09-01 describes clouds as a list or an object with suffixes; Azure Stack Hub speaks 2015-01-01 only.
_METADATA_VERSIONS = ("2022-09-01", "2015-01-01")

# Reads a URL with query parameters, without a token, and gives its JSON; raises NotFound or another AzureBackupError.
Reader = Callable[[str, dict[str, str]], Any]


def find_cloud(cloud_environment: str | None, read: Reader) -> Cloud:
    """Give the cloud of a name or of the URL of a Resource Manager.

    Raises BadInput for an unknown name or a URL that does not describe a cloud.
    """
    wanted = (cloud_environment or "AzureCloud").strip()
    known = KNOWN_CLOUDS.get(wanted.lower())
    if known:
        return known
    parts = urlsplit(wanted)
    if parts.scheme != "https" or not parts.netloc:
        raise BadInput(
            f"cloud_environment: '{wanted}' is neither the https URL of an Azure Resource Manager endpoint nor one of "
            + ", ".join(cloud.name for cloud in KNOWN_CLOUDS.values())
        )
    return _discover(f"https://{parts.netloc}", read)


def _discover(resource_manager: str, read: Reader) -> Cloud:
    refusal: AzureBackupError | None = None
    for version in _METADATA_VERSIONS:
        try:
            document = read(f"{resource_manager}/metadata/endpoints", {"api-version": version})
        except NotFound as error:
            refusal = error
            continue
        except AzureBackupError as error:
            # An unknown api-version is a 400; anything else (refused, untrusted certificate, 5xx) is final.
            if error.status != 400:
                raise error.about(f"read the endpoints of cloud_environment '{resource_manager}'") from error
            refusal = error
            continue
        cloud = _read_document(resource_manager, document)
        if cloud:
            return cloud
    reason = f": {refusal.message}" if refusal else ""
    raise BadInput(f"cloud_environment: {resource_manager}/metadata/endpoints does not describe an Azure cloud{reason}")


def _read_document(resource_manager: str, document: Any) -> Cloud | None:
    entries = document if isinstance(document, list) else [document]
    entries = [entry for entry in entries if isinstance(entry, dict)]
    host = urlsplit(resource_manager).netloc.lower()
    own = [entry for entry in entries if urlsplit(str(entry.get("resourceManager"))).netloc.lower() == host]
    for entry in own or entries[:1]:
        authentication = entry.get("authentication")
        if not isinstance(authentication, dict):
            continue
        audiences = authentication.get("audiences") or []
        login = str(authentication.get("loginEndpoint") or "").rstrip("/")
        if not audiences or urlsplit(login).scheme != "https":
            continue
        name = str(entry.get("name") or host)
        suffixes = entry.get("suffixes") or {}
        storage, managed_hsm = (str(suffixes.get(key) or "").strip(". ") or None for key in ("storage", "mhsmDns"))
        return Cloud(name, resource_manager, login, str(audiences[0]), storage, managed_hsm, is_known_to_microsoft=False)
    return None
