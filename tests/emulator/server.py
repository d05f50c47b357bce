# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serving the loopback Azure over TLS on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import certifi
import trustme
import uvicorn
from typing_extensions import Self

from .app import BLOBS, MANAGED_HSM, STACKHUB, Azure, build_app
from .blob_store import BlobStore, find_azurite
from .seed import Seed

_SECONDS_TO_START = 20.0
# How often a door that is shut is looked after.
_SECONDS_TO_OPEN = 0.002
# Under which variable a client finds each of the further endpoints.
PLACES = {STACKHUB: "STACKHUB_CLOUD_ENVIRONMENT", MANAGED_HSM: "EMULATOR_HSM_URI", BLOBS: "EMULATOR_BLOB_ENDPOINT"}


class TlsServer:
    """Serves an ASGI application over TLS on 127.0.0.1: a context manager around a thread.

    port 0 takes a free one; folder receives the certificate files, None takes a temporary one;
    places: names of further endpoints, each on a free port of its own.
    """

    def __init__(self, application: Any, port: int = 0, folder: Path | None = None, places: tuple[str, ...] = ()) -> None:
        self._application = application
        self._port = port
        self._places = places
        self.urls: dict[str, str] = {}
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._server: uvicorn.Server | None = None
        self._is_open = threading.Event()

    def __enter__(self) -> Self:
        folder = self._folder or Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="loopback-azure-")))
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA(organization_name="Loopback Azure")
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        key_file, chain_file = folder / "server.key", folder / "server.pem"
        certificate.private_key_pem.write_to_path(str(key_file))
        chain_file.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        # The public roots stay, because this file takes the place of the machine's own for every program.
        self.ca_file = folder / "ca-bundle.pem"
        self.authority_file = folder / "ca.pem"
        self.authority_file.write_bytes(authority.cert_pem.bytes())
        self.ca_file.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + authority.cert_pem.bytes())
        listeners = [self._listen(self._port)]
        self.url = f"https://127.0.0.1:{listeners[0].getsockname()[1]}"
        for place in self._places:
            listeners.append(self._listen(0))
            self.urls[place] = f"https://127.0.0.1:{listeners[-1].getsockname()[1]}"
        config = uvicorn.Config(
            self._application,
            ssl_keyfile=str(key_file),
            ssl_certfile=str(chain_file),
            ssl_version=ssl.PROTOCOL_TLS_SERVER,
            log_level="critical",
            lifespan="off",
            date_header=False,
            server_header=False,
            h11_max_incomplete_event_size=64 * 1024,
        )
        self._ports = [listener.getsockname()[1] for listener in listeners]
        self._server = uvicorn.Server(config)
        thread = threading.Thread(target=self._server.run, kwargs={"sockets": listeners}, daemon=True)
        thread.start()
        # Which closes the sockets as well.
        self._stack.callback(thread.join, 5)
        end = time.monotonic() + _SECONDS_TO_START
        while not self._server.started:
            if not thread.is_alive() or time.monotonic() > end:
                raise RuntimeError("the loopback Azure did not start")
            time.sleep(0.01)
        self._is_open.set()
        return self

    def shut(self, is_over: Callable[[], bool]) -> None:
        """Break all connections, and refuse new ones until is_over says that it is; called in the server's own thread."""
        if self._server and self._is_open.is_set():
            self._is_open.clear()
            for server in self._server.servers:
                server.close()
            for connection in list(self._server.server_state.connections):
                connection.transport.abort()
            self._opening = asyncio.get_running_loop().create_task(self._open_again(self._server, is_over))

    async def _open_again(self, server: uvicorn.Server, is_over: Callable[[], bool]) -> None:
        while not is_over():
            await asyncio.sleep(_SECONDS_TO_OPEN)
        await server.startup([self._listen(port) for port in self._ports])
        self._is_open.set()

    def _listen(self, port: int) -> socket.socket:
        # Without the protocol asyncio does not switch Nagle off, and each answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        return listener

    def __exit__(self, *arguments: object) -> None:
        if self._server:
            self._server.should_exit = True
            self._server.force_exit = True
        self._stack.close()

    def environment_for(self, seed: Seed) -> dict[str, str]:
        """Give the variables that lead any Azure client here, signed in as the seed says."""
        return {
            **{PLACES[place]: url for place, url in self.urls.items()},
            "EMULATOR_URL": self.url,
            "AZURE_CLOUD_ENVIRONMENT": self.url,
            "AZURE_SUBSCRIPTION_ID": seed.subscription_id,
            "AZURE_TENANT": seed.tenant_id,
            "AZURE_TENANT_ID": seed.tenant_id,
            "AZURE_CLIENT_ID": seed.client_id,
            "AZURE_SECRET": seed.secret,
            "AZURE_CLIENT_SECRET": seed.secret,
            # The Azure CLI reads a list of clouds from there, which is the form of 2019.
            "ARM_CLOUD_METADATA_URL": f"{self.url}/metadata/endpoints?api-version=2019-05-01",
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
        }


class Emulator(TlsServer):
    """A running loopback Azure; speed divides Azure's durations."""

    def __init__(self, speed: float = 1.0, port: int = 0, seed: Seed | None = None, folder: Path | None = None) -> None:
        self.azure = Azure(seed or Seed(), speed)
        self.azure.refuse = self._refuse
        self._shut_until: datetime | None = None
        super().__init__(build_app(self.azure), port, folder, (STACKHUB, MANAGED_HSM, BLOBS))

    def __enter__(self) -> Self:
        super().__enter__()
        self.azure.url = self.url
        self.azure.blob_url = self.urls[BLOBS]
        self.azure.places = {int(url.rsplit(":", 1)[1]): place for place, url in self.urls.items()}
        return self

    def _refuse(self, seconds: float) -> None:
        until = self.azure.clock.now() + self.azure.clock.lasting(seconds)
        self._shut_until = until
        self.shut(lambda: self.azure.clock.now() >= until)

    def open_in_time(self) -> None:
        """Where connections were refused for a time that is over by now: come back when they are no more.

        Who lets the emulator's time pass at once has to call it after that, since opening takes some real time.
        """
        if self._shut_until and self.azure.clock.now() >= self._shut_until:
            self._is_open.wait(_SECONDS_TO_START)

    def catch_up(self) -> None:
        """Return when everything that was sent before is answered, also to clients that did not wait for that.

        It serves one request after the other, so that its own comes last.
        """
        context = ssl.create_default_context(cafile=str(self.ca_file))
        address = f"{self.url}/_emulator/health"
        with urllib.request.urlopen(address, context=context, timeout=_SECONDS_TO_START) as answer:  # noqa: S310 - its own
            answer.read()

    def open_now(self) -> None:
        """Let the time pass for which connections are refused, if any are."""
        if self._shut_until:
            self.azure.clock.advance_to(self._shut_until)
            self.open_in_time()

    def start_blob_store(self) -> BlobStore | None:
        """Have a blob store there, for the Managed HSM and the storage accounts; None where this machine has no Azurite."""
        program = find_azurite()
        if self.azure.blob_store is None and program:
            accounts = [account["name"] for account in self.azure.storage.accounts.values()]
            self.azure.blob_store = self._stack.enter_context(BlobStore(program, self.ca_file.parent, accounts))
            self._stack.callback(setattr, self.azure, "blob_store", None)
        return self.azure.blob_store

    def environment(self) -> dict[str, str]:
        """Give the variables that lead any Azure client here."""
        blobs = self.azure.blob_store
        storage = {"EMULATOR_STORAGE_CONTAINER_URI": blobs.container_uri, "EMULATOR_SAS_TOKEN": blobs.make_sas()} if blobs else {}
        return self.environment_for(self.azure.seed) | storage

    def make_client_certificate(self, folder: Path) -> Path:
        """Make a certificate with its key that the seed's client may sign in with from now on, and give the file."""
        authority = trustme.CA(organization_name="Loopback Azure", key_type=trustme.KeyType.RSA)
        issued = authority.issue_cert("client.loopback.example", key_type=trustme.KeyType.RSA)
        file = folder / "client.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(str(file))
        self.azure.seed.certificate = issued.cert_chain_pems[0].bytes().decode()
        self.azure.reset()
        return file
