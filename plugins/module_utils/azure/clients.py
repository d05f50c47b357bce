# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Clients of Microsoft's SDKs with our own rules of the pipeline and our own transport. Nothing is sent by making one."""

from __future__ import annotations

from typing import Any

from .clouds import KNOWN_CLOUDS
from .libraries import load
from .pipeline import ForAudiences, build_service_time, build_write_counter, no_writes, nothing_new
from .session import API_VERSIONS, Session

# Of every storage account in every cloud.
_STORAGE_AUDIENCE = "https://storage.azure.com"


def data_protection_client(session: Session, subscription_id: str, version: str = "Microsoft.DataProtection") -> Any:
    """Give the SDK's client of Microsoft.DataProtection for a subscription; version: a key of API_VERSIONS."""
    return load("azure.mgmt.dataprotection").DataProtectionMgmtClient(
        credential=object(),  # never asked: the policies carry the real one
        subscription_id=subscription_id,
        base_url=session.cloud.resource_manager,
        api_version=API_VERSIONS[version],
        policies=session.policies,
        transport=session.transport,
    )


def recovery_services_client(session: Session, subscription_id: str) -> Any:
    """Give the SDK's client of what lies in the Recovery Services vaults of a subscription."""
    return load("azure.mgmt.recoveryservicesbackup").RecoveryServicesBackupClient(
        credential=object(),  # never asked: the policies carry the real one
        subscription_id=subscription_id,
        base_url=session.cloud.resource_manager,
        api_version=API_VERSIONS["Microsoft.RecoveryServices"],
        policies=session.policies,
        transport=session.transport,
    )


def managed_hsm_client(session: Session, url: str) -> Any:
    """Give the SDK's client of a Managed HSM, whose pipeline answers its challenge; no token goes anywhere else.

    Redirects are answers like any other, and no request is sent twice by the client itself.
    """
    library = load("azure.keyvault.administration")
    policies = load("azure.core.pipeline.policies")
    known = {cloud.managed_hsm_suffix for cloud in (*KNOWN_CLOUDS.values(), session.cloud)} - {None}
    audiences = {f"https://{suffix}" for suffix in known}
    return library.KeyVaultBackupClient(
        url,
        ForAudiences(session.credential, audiences, "hsm_uri"),
        api_version=API_VERSIONS["managed HSM"],
        # Only a cloud that describes itself may have its HSMs at other names than the audience.
        verify_challenge_resource=session.cloud.is_known_to_microsoft,
        transport=session.transport,
        redirect_policy=policies.RedirectPolicy(permit_redirects=False),
        retry_policy=policies.RetryPolicy(retry_total=0),
        per_call_policies=[*no_writes(session), nothing_new(session)],
        per_retry_policies=[build_service_time(session), build_write_counter(session.write_counter)],
    )


def container_client(session: Session, url: str, sas_token: str | None) -> Any:
    """Give the SDK's client of a blob container, by a SAS token or, for None, by the caller's own identity."""
    library = load("azure.storage.blob")
    return library.ContainerClient.from_container_url(
        url,
        credential=sas_token or ForAudiences(session.credential, {_STORAGE_AUDIENCE}, "storage_container_uri"),
        transport=session.transport,
        # This client knows no other way to have policies of one's own.
        _additional_pipeline_policies=[*no_writes(session), nothing_new(session), build_service_time(session)],
        # Where the HSM reaches the store and this machine does not, that is to be known soon.
        retry_total=2,
        retry_connect=0,
    )


def blob_client(session: Session, url: str, sas_token: str | None = None) -> Any:
    """Give the SDK's client of one blob, by a SAS token or the caller's own identity. It still writes when the task is to end.

    A client that a container's client gives sleeps by itself between two tries, and not by the session's clock.
    """
    return load("azure.storage.blob").BlobClient.from_blob_url(
        url,
        credential=sas_token or ForAudiences(session.credential, {_STORAGE_AUDIENCE}, "storage_account_id"),
        transport=session.transport,
        _additional_pipeline_policies=[*no_writes(session), build_service_time(session)],
        retry_total=2,
        retry_connect=0,
        # Seconds; a state of a drill is not worth the SDK's fifteen.
        initial_backoff=2,
        increment_base=2,
    )
