# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: read one vault as a script would, by Microsoft's libraries and nothing else.

By azure-core alone, which is what the collection does, or by the client of azure-mgmt-dataprotection.
"""

from __future__ import annotations

import os
import sys

from azure.identity import ClientSecretCredential

URL = os.environ["AZURE_CLOUD_ENVIRONMENT"]
SUBSCRIPTION = os.environ["AZURE_SUBSCRIPTION_ID"]
API_VERSION = "2025-07-01"
VAULT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg/providers/Microsoft.DataProtection/backupVaults/demo-vault"

credential = ClientSecretCredential(
    os.environ["AZURE_TENANT"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_SECRET"],
    authority=URL,
    disable_instance_discovery=True,
)
if sys.argv[1] == "core":
    from azure.core.pipeline.policies import RetryPolicy
    from azure.core.rest import HttpRequest
    from azure.mgmt.core import ARMPipelineClient
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    policies = [RetryPolicy(), ARMChallengeAuthenticationPolicy(credential, f"{URL}/.default")]
    with ARMPipelineClient(URL, policies=policies) as client:
        answer = client.send_request(HttpRequest("GET", f"{URL}{VAULT}", params={"api-version": API_VERSION}))
        answer.raise_for_status()
        vault = answer.json()
else:
    from azure.mgmt.dataprotection import DataProtectionMgmtClient

    vault = (
        DataProtectionMgmtClient(
            credential, SUBSCRIPTION, base_url=URL, credential_scopes=[f"{URL}/.default"], api_version=API_VERSION
        )
        .backup_vaults.get("demo-rg", "demo-vault")
        .as_dict()
    )
print(vault["properties"]["provisioningState"])
