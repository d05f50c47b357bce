# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The blob container that backups of Managed HSMs go to: which one it is, what opens it, which backups lie in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from ...azure.clients import container_client
from ...azure.sdk_errors import translated
from ...azure.session import Session
from ...errors import BadInput
from ...model.blob_containers import CONTAINER_NAME, plain_sas_token, problems_with_sas_token, problems_with_url

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


@dataclass(frozen=True)
class Storage:
    """A container and what opens it; sas_token: without a question mark, None for the HSM's user-assigned identity."""

    url: str
    sas_token: str | None

    @property
    def wire(self) -> dict[str, Any]:
        """SASTokenParameter of the API."""
        if self.sas_token is None:
            return {"storageResourceUri": self.url, "useManagedIdentity": True}
        return {"storageResourceUri": self.url, "token": self.sas_token}


_MARK = ".failed"


@dataclass(frozen=True)
class Folder:
    """A backup in a container; made: when, by its name, in UTC; is_failed: whether a mark beside it says that it is none."""

    name: str
    made: datetime
    is_failed: bool = False


def problems_with(options: Mapping[str, Any], now: datetime, permissions: str) -> list[str]:
    """Tell what is wrong with the options of storage, before any request; permissions: what the work takes of a SAS token."""
    problems = []
    uri, account, container = (
        options[name] for name in ("storage_container_uri", "storage_account_name", "storage_container_name")
    )
    if uri and (account or container):
        problems.append("storage_container_uri: set either this, or storage_account_name and storage_container_name")
    elif uri:
        problems += problems_with_url(uri, "storage_container_uri")
    elif not (account and container):
        problems.append("storage_account_name, storage_container_name: set both, or storage_container_uri")
    else:
        if not _ACCOUNT.fullmatch(account):
            problems.append(f"storage_account_name: '{account}' must be 3 to 24 lowercase letters and digits")
        if not CONTAINER_NAME.fullmatch(container):
            problems.append(f"storage_container_name: '{container}' is not a valid container name")
    if bool(options["sas_token"]) == bool(options["use_user_managed_identity"]):
        problems.append("sas_token, use_user_managed_identity: set exactly one of sas_token and use_user_managed_identity")
    elif options["sas_token"]:
        problems += problems_with_sas_token(options["sas_token"], now, permissions)
    return problems


def names_storage(options: Mapping[str, Any]) -> bool:
    """Tell whether options name a container: who waits for a job need not."""
    return bool(options["storage_container_uri"] or options["storage_account_name"])


def read_storage(session: Session, options: Mapping[str, Any]) -> Storage:
    """Give the storage that checked options name. Raises BadInput where the cloud does not say how its storage is named."""
    url = (options["storage_container_uri"] or "").rstrip("/")
    if not url:
        suffix = session.cloud.storage_suffix
        if suffix is None:
            raise BadInput(f"storage_account_name: cloud '{session.cloud.name}' has no blob domain; set storage_container_uri")
        url = f"https://{options['storage_account_name']}.blob.{suffix}/{options['storage_container_name']}"
    return Storage(url, plain_sas_token(options["sas_token"]))


def list_folders(session: Session, storage: Storage, hsm_name: str) -> list[Folder]:
    """Read the backups of one HSM in a container, newest first. Raises NotFound, Denied."""
    # How an HSM names the folder of a backup: its own name, and the time with some more digits.
    pattern = re.compile(rf"mhsm-{re.escape(hsm_name)}-(\d{{14}})\d*/", re.IGNORECASE)
    found, marks = [], set()
    with translated(f"list the backups in {storage.url}"):
        for item in container_client(session, storage.url, storage.sas_token).walk_blobs(name_starts_with="mhsm-", delimiter="/"):
            marks.add(item.name)
            match = pattern.fullmatch(item.name)
            made = _made_at(match[1]) if match else None
            if made:
                found.append(Folder(item.name.rstrip("/"), made))
    told = [replace(folder, is_failed=f"{folder.name}{_MARK}" in marks) for folder in found]
    return sorted(told, key=lambda folder: (folder.made, folder.name), reverse=True)


def mark_failed(session: Session, storage: Storage, folder: Folder) -> None:
    """Put a mark beside a folder whose backup failed: an HSM leaves it there, and nothing in it tells. Raises Denied."""
    with translated(f"mark the failed backup {folder.name} in {storage.url}"):
        container_client(session, storage.url, storage.sas_token).upload_blob(f"{folder.name}{_MARK}", b"", overwrite=True)


def has_folder(session: Session, storage: Storage, folder: str) -> bool:
    """Tell whether a folder is in a container. Raises NotFound for no container, Denied."""
    with translated(f"look for {folder} in {storage.url}"):
        listed = container_client(session, storage.url, storage.sas_token).list_blobs(
            name_starts_with=f"{folder}/", results_per_page=1
        )
        return next(iter(listed), None) is not None


def written_at(session: Session, storage: Storage, folder: Folder) -> datetime | None:
    """Tell when the last blob of a folder was written, which is the end of its backup. Raises NotFound, Denied."""
    with translated(f"read when {folder.name} in {storage.url} was written"):
        listed = container_client(session, storage.url, storage.sas_token).list_blobs(name_starts_with=f"{folder.name}/")
        times: list[datetime] = [blob.last_modified for blob in listed]
    return max(times, default=None)


def _made_at(digits: str) -> datetime | None:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def delete_folder(session: Session, storage: Storage, folder: Folder) -> None:
    """Delete a backup with all that lies in it."""
    client = container_client(session, storage.url, storage.sas_token)
    with translated(f"delete the backup {folder.name} in {storage.url}"):
        listed = client.list_blobs(name_starts_with=folder.name, include=["metadata"])
        names = [blob.name for blob in listed if blob.name.startswith(f"{folder.name}/") or _is_mark_of(blob, folder)]
        # What lies in a folder goes before the folder.
        for name in sorted(names, key=len, reverse=True):
            client.delete_blob(name, delete_snapshots="include")


def _is_mark_of(blob: Any, folder: Folder) -> bool:
    """Tell whether a blob stands for the folder itself, as in stores that have folders, or says that it failed."""
    is_folder = blob.name == folder.name and (blob.metadata or {}).get("hdi_isfolder") == "true"
    return bool(is_folder or blob.name == f"{folder.name}{_MARK}")
