# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Blobs of a storage account, read and counted with the rights of the caller; and its containers, by Resource Manager."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

from ..azure.clients import blob_client, container_client
from ..azure.libraries import load
from ..azure.sdk_errors import translated
from ..azure.session import API_VERSIONS, Session
from ..errors import BadInput, Denied, NotFound, Unavailable
from ..model.durations import parse_time
from ..model.resource_ids import ResourceId

# How many blobs of a container are counted at most: one page of its list.
_MOST_COUNTED = 5000
_API = API_VERSIONS["Microsoft.Storage"]


@dataclass(frozen=True)
class Count:
    """How many blobs a container has, and their bytes; is_whole: whether all of them were counted."""

    blobs: int
    size_bytes: int
    is_whole: bool


def read_account(session: Session, account: ResourceId, option: str) -> dict[str, Any]:
    """Read a storage account that has to exist, as Azure answers it. Raises NotFound naming the option."""
    wire = session.read(account.text, f"read storage account '{account.name}'", _API)
    if wire is None:
        raise NotFound(f"{option}: the storage account {account.text} does not exist; create it first", status=404)
    return wire


def blob_endpoint(account: dict[str, Any], option: str) -> str:
    """Give the address of an account's blobs, from the account as Azure answers it. Raises BadInput."""
    found = ((account.get("properties") or {}).get("primaryEndpoints") or {}).get("blob")
    if not found:
        raise BadInput(f"{option}: storage account '{account.get('name')}' has no blobs; choose one of kind StorageV2")
    return str(found).rstrip("/")


def list_containers(session: Session, account: ResourceId) -> dict[str, datetime | None]:
    """Give the containers of an account by name, without those that soft delete keeps, and when each was changed last, in UTC.

    A change of its contents is none of a container. Raises NotFound.
    """
    url = f"{account.text}/blobServices/default/containers"
    listed = session.read_all(url, f"list the containers of '{account.name}'", _API)
    there = {str(item["name"]): item.get("properties") or {} for item in listed}
    return {name: parse_time(about.get("lastModifiedTime")) for name, about in there.items() if not about.get("deleted")}


def list_container_names(session: Session, account: ResourceId) -> list[str]:
    """Give the names of the containers of an account, as list_containers does. Raises NotFound."""
    return list(list_containers(session, account))


def create_container(session: Session, account: ResourceId, name: str) -> None:
    """Have a container there."""
    url = f"{account.text}/blobServices/default/containers/{name}"
    session.send("PUT", url, f"create container '{name}' of '{account.name}'", _API, body={"properties": {}})


def delete_container(session: Session, account: ResourceId, name: str) -> None:
    """Delete a container with all that lies in it; one that is not there is deleted already."""
    url = f"{account.text}/blobServices/default/containers/{name}"
    session.send("DELETE", url, f"delete container '{name}' of '{account.name}'", _API)


def count_blobs(session: Session, endpoint: str, container: str, until: datetime | None = None) -> Count:
    """Count the blobs of a container, at most one page of them; until: only those that were there at that time.

    Raises NotFound, Denied.
    """
    with translated(f"count the blobs of container '{container}' in {endpoint}"):
        listed = list(islice(container_client(session, f"{endpoint}/{container}", None).list_blobs(), _MOST_COUNTED + 1))
    counted = [blob for blob in listed[:_MOST_COUNTED] if until is None or (blob.creation_time or blob.last_modified) <= until]
    return Count(len(counted), sum(int(blob.size or 0) for blob in counted), len(listed) <= _MOST_COUNTED)


def read_text(session: Session, endpoint: str, container: str, name: str) -> str | None:
    """Read a blob as text; None where it is not there. Raises Denied."""
    client = blob_client(session, f"{endpoint}/{container}/{quote(name)}")
    try:
        with answered(f"read blob '{name}' of container '{container}' in {endpoint}"):
            return str(client.download_blob().readall().decode("utf-8", "replace"))
    except NotFound:
        return None


@contextlib.contextmanager
def answered(action: str) -> Iterator[None]:
    """Turn what the SDK raises into an AzureBackupError, also where the answer is a web page and not a blob's."""
    try:
        with translated(action):
            yield
    except (ValueError, KeyError) as error:
        raise Unavailable(f"Cannot {action}: the response is not that of a storage account") from error


class LeasedBlob:
    """One small blob that is written by one run at a time, which holds a lease of it.

    Each write names the version that it takes the place of, so that of two runs one fails, and carries the lease, so that nobody
    else removes the blob meanwhile.
    """

    def __init__(self, session: Session, endpoint: str, container: str, name: str) -> None:
        self._what = f"blob '{name}' of container '{container}' in {endpoint}"
        self._client = blob_client(session, f"{endpoint}/{container}/{quote(name)}")
        self._etag: str | None = None
        self._lease: str | None = None

    def read(self) -> bytes | None:
        """Read the blob and remember its version; None where it is not there. Raises Denied."""
        try:
            with answered(f"read {self._what}"):
                answer = self._client.download_blob()
                content = bytes(answer.readall())
                self._etag = _version_of(answer.properties.etag)
        except NotFound:
            self._etag = None
            return None
        return content

    def write(self, content: bytes) -> bool:
        """Write the blob in place of the version that was read or written last; False where it is another one by now."""
        library = load("azure.core")
        own: dict[str, Any] = {"overwrite": False}
        if self._etag:
            own = {"overwrite": True, "etag": self._etag, "match_condition": library.MatchConditions.IfNotModified}
        if self._lease:
            own["lease"] = self._lease
        exceptions = load("azure.core.exceptions")
        with answered(f"write {self._what}"):
            try:
                self._etag = _version_of(self._client.upload_blob(content, **own)["etag"])
            except exceptions.HttpResponseError as error:
                if error.status_code not in (409, 412):
                    raise
                # The answer to a write may be lost, and the write comes again.
                return self._is_written(content)
        return True

    def _is_written(self, content: bytes) -> bool:
        try:
            answer = self._client.download_blob()
            is_same = bytes(answer.readall()) == content
        except load("azure.core.exceptions").ResourceNotFoundError:
            return False
        if not is_same:
            return False
        self._etag = _version_of(answer.properties.etag)
        return True

    def hold(self, lease_id: str) -> None:
        """Hold the lease of that id, also where an earlier run has begun to. It has no end: the longest that ends lasts a minute.

        Raises Conflict where the blob is leased by another id.
        """
        with translated(f"lease {self._what}"):
            load("azure.storage.blob").BlobLeaseClient(self._client, lease_id).acquire(lease_duration=-1)
        self._lease = lease_id

    def delete(self) -> None:
        """Delete the blob, and its lease with it; nothing where it is another version by now. Raises Denied."""
        exceptions = load("azure.core.exceptions")
        own: dict[str, Any] = {"etag": self._etag, "match_condition": load("azure.core").MatchConditions.IfNotModified}
        if self._lease:
            own["lease"] = self._lease
        with answered(f"delete {self._what}"):
            try:
                self._client.delete_blob(**own)
            except exceptions.HttpResponseError as error:
                if error.status_code not in (404, 412):
                    raise
        self._etag = self._lease = None


def _version_of(etag: str | None) -> str:
    if not etag:
        raise ValueError("no version of the blob")
    return etag


def how_to_grant(error: Denied, account: ResourceId) -> Denied:
    """Give the error of a caller who may not reach the blobs of an account, with the way out."""
    error.message += (
        f" Grant Storage Blob Data Contributor on {account.text} to the identity that runs this task, and wait a few "
        "minutes until it takes effect; if it has the role already, check the network rules of the account"
    )
    return error
