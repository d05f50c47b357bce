# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud says of itself at /metadata/endpoints, in the form of each api-version."""

from __future__ import annotations

from .arm import ArmError, Reply


def audience(tenant_id: str) -> str:
    """Give the audience that this cloud's tokens are for: as on Azure Stack Hub, not the Resource Manager's URL."""
    return f"https://management.loopback.example/{tenant_id}"


def stackhub_audience(tenant_id: str) -> str:
    """Give the audience of the administrators' Resource Manager of the Azure Stack Hub."""
    return f"https://adminmanagement.loopback.example/{tenant_id}"


def read_stackhub_endpoints(api_version: str, url: str, login: str, tenant_id: str) -> Reply:
    """Answer the endpoints of the Azure Stack Hub, which knows the oldest form only. Raises ArmError 400."""
    if api_version not in ("1.0", "2015-01-01"):
        raise ArmError(400, "InvalidApiVersionParameter", f"The api-version '{api_version}' is invalid.")
    authentication = {"loginEndpoint": login, "audiences": [stackhub_audience(tenant_id)]}
    return Reply(200, {"galleryEndpoint": url, "graphEndpoint": url, "portalEndpoint": "", "authentication": authentication})


def read_endpoints(api_version: str, url: str, tenant_id: str) -> Reply:
    """Answer the endpoints of the cloud. Raises ArmError 400 for an unknown api-version."""
    authentication = {"loginEndpoint": f"{url}/", "audiences": [audience(tenant_id), url]}
    if api_version in ("1.0", "2015-01-01", "2015-11-01", "2018-05-01"):
        return Reply(
            200,
            {
                "galleryEndpoint": url,
                "graphEndpoint": url,
                "portalEndpoint": url,
                "authentication": authentication,
            },
        )
    if api_version in ("2019-05-01", "2020-06-01", "2022-09-01"):
        cloud = {
            "name": "LoopbackAzure",
            "portal": url,
            "authentication": {**authentication, "tenant": "common", "identityProvider": "AAD"},
            "graph": url,
            "graphAudience": url,
            "gallery": url,
            "media": url,
            "batch": url,
            "vmImageAliasDoc": url,
            "sqlManagement": url,
            "activeDirectoryDataLake": url,
            "microsoftGraphResourceId": url,
            "resourceManager": url,
            "suffixes": {
                "storage": "storage.loopback.example",
                "keyVaultDns": "vault.loopback.example",
                "mhsmDns": "managedhsm.loopback.example",
                "sqlServerHostname": "database.loopback.example",
            },
        }
        # From 2022 on it is one cloud, before it is a list of them (the Azure CLI reads the first, others the second).
        return Reply(200, cloud if api_version >= "2022-09-01" else [cloud])
    raise ArmError(400, "InvalidApiVersionParameter", f"The api-version '{api_version}' is invalid.")
