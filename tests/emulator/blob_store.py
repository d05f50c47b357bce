# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real blob store on this machine: Microsoft's Azurite over TLS, where one is installed (make azurite).

It holds the container that Managed HSMs are backed up into, and the blobs of the seed's storage accounts.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import urllib3
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.blob import BlobServiceClient, ContainerClient, generate_container_sas
from typing_extensions import Self

ACCOUNT, CONTAINER = "demoaccount", "hsm-backups"
_INSTALLED = Path(__file__).resolve().parents[2] / ".cache" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
_SECONDS_TO_START = 30.0


def find_azurite() -> str | None:
    """Give the program, None where this machine has none: by AZURITE, from make azurite, or on the PATH."""
    named = os.environ.get("AZURITE") or str(_INSTALLED)
    found = named if Path(named).is_file() else shutil.which("azurite-blob")
    # It is a script for node, which the environment of the tests may have brought.
    return found if found and shutil.which("node") else None


class BlobStore:
    """Storage accounts, one of which has the container of the HSM's backups: a context manager around Azurite.

    folder: has server.pem, server.key and ca-bundle.pem, and takes Azurite's log; accounts: their names, all with one key.
    """

    def __init__(self, program: str, folder: Path, accounts: Iterable[str] = ()) -> None:
        self._program = program
        self._accounts = sorted({ACCOUNT, *accounts})
        self._folder = folder
        self._key = base64.b64encode(secrets.token_bytes(32)).decode()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.account_url = self.url_of(ACCOUNT)
        self.container_uri = f"{self.account_url}/{CONTAINER}"

    def __enter__(self) -> Self:
        command = [self._program, "--blobHost", "127.0.0.1", "--blobPort", str(self._port), "--inMemoryPersistence"]
        command += ["--cert", str(self._folder / "server.pem"), "--key", str(self._folder / "server.key")]
        command += ["--oauth", "basic", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        environment = {**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{name}:{self._key}" for name in self._accounts)}
        with (self._folder / "azurite.log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self._pool = urllib3.PoolManager(ca_certs=str(self._folder / "ca-bundle.pem"))
        try:
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *arguments: object) -> None:
        self._process.terminate()
        self._process.wait(10)

    def url_of(self, account: str) -> str:
        """Give the address of an account."""
        return f"https://127.0.0.1:{self._port}/{account}"

    def _client(self, account: str = ACCOUNT) -> Any:
        options: dict[str, Any] = {"connection_verify": str(self._folder / "ca-bundle.pem"), "retry_total": 0}
        credential = {"account_name": account, "account_key": self._key}
        return BlobServiceClient(self.url_of(account), credential=credential, **options)

    def container(self, account: str, name: str) -> Any:
        """Give a client of a container of an account, which is created where it is not there."""
        client = self._client(account).get_container_client(name)
        with contextlib.suppress(ResourceExistsError):
            client.create_container()
        return client

    def blobs_of(self, account: str, container: str) -> dict[str, bytes]:
        """Give what is in a container of an account, by the names of the blobs; nothing for an account that is not here."""
        if account not in self._accounts:
            return {}
        client = self.container(account, container)
        return {blob.name: client.download_blob(blob.name).readall() for blob in client.list_blobs()}

    def fill(self, account: str, container: str, blobs: Mapping[str, bytes]) -> None:
        """Have a container of an account there with these blobs; nothing for an account that is not here."""
        if account in self._accounts:
            client = self.container(account, container)
            for name, content in blobs.items():
                client.upload_blob(name, content, overwrite=True)

    def drop(self, account: str, container: str) -> None:
        """Remove a container of an account with all that lies in it, whatever holds a lease; nothing where it is not here."""
        if account in self._accounts:
            client = self._client(account).get_container_client(container)
            with contextlib.suppress(AzureError):
                client.delete_container()

    def forward(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Send a request on as it came, and give status, body and headers of the answer; target: its path and query."""
        kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "content-length", "connection")}
        answer = self._pool.request(
            method, f"https://127.0.0.1:{self._port}{target}", headers=kept, body=body, redirect=False, retries=False
        )
        own = ("connection", "keep-alive", "transfer-encoding", "content-length", "date")
        return answer.status, answer.data, {name: value for name, value in answer.headers.items() if name.lower() not in own}

    def _await(self) -> None:
        end = time.monotonic() + _SECONDS_TO_START
        while True:
            try:
                self._client().create_container(CONTAINER)
            except AzureError as error:
                if self._process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("Azurite did not start") from error
                time.sleep(0.1)
            else:
                return

    def clear(self) -> None:
        """Remove everything from the container."""
        container = self._client().get_container_client(CONTAINER)
        for blob in list(container.list_blobs()):
            container.delete_blob(blob.name)

    def clear_but(self, folder: str) -> None:
        """Remove everything from the container but one folder."""
        container = self._client().get_container_client(CONTAINER)
        for blob in list(container.list_blobs()):
            if not blob.name.startswith(f"{folder}/"):
                container.delete_blob(blob.name)

    def names(self) -> list[str]:
        """Give the names of all blobs in the container."""
        return [blob.name for blob in self._client().get_container_client(CONTAINER).list_blobs()]

    def put(self, name: str, metadata: dict[str, str] | None = None) -> None:
        """Put a blob into the container."""
        self._client().get_container_client(CONTAINER).upload_blob(name, b"x", overwrite=True, metadata=metadata)

    def make_sas(self, permissions: str = "crdwl", hours: float = 24 * 365) -> str:
        """Make a SAS token for the container that lives so many hours, by the time of this machine."""
        end = datetime.now(timezone.utc) + timedelta(hours=hours)
        return str(generate_container_sas(ACCOUNT, CONTAINER, account_key=self._key, permission=permissions, expiry=end))

    def open(self, url: str, sas_token: str | None) -> Any:
        """Give a client of whatever container, by a SAS token or, for one of this account, by its key."""
        own = {"account_name": ACCOUNT, "account_key": self._key}
        options: dict[str, Any] = {"connection_verify": str(self._folder / "ca-bundle.pem"), "retry_total": 0}
        return ContainerClient.from_container_url(url, credential=sas_token or own, **options)
