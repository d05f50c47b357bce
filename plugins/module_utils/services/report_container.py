# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""A blob container that keeps reports: the last one under names that stay, and a history by time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ..azure.clients import blob_client, container_client
from ..azure.libraries import load
from ..azure.session import Session
from ..errors import NotFound
from ..model.report_history import FOLDER, earlier_names
from .blobs import answered

# What a browser shows, and does not save.
_CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "xml": "application/xml",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "prom": "text/plain; charset=utf-8",
}


class ReportContainer:
    """The reports of one name in a container.

    url: of the container; sas_token: without a question mark, None for the caller's identity; folder: in the container, '' for
    its top; name: what reports are named by, such as restore-drill.
    """

    def __init__(self, session: Session, url: str, sas_token: str | None, folder: str, name: str) -> None:
        self.url = url
        self._session = session
        self._sas_token = sas_token
        self._folder = f"{folder}/" if folder else ""
        self._name = name

    def list_history(self) -> list[str]:
        """Give the names of the earlier reports, the oldest first. Raises NotFound where there is no container, Denied."""
        client = container_client(self._session, self.url, self._sas_token)
        with answered(f"list the reports in {self.url}"):
            listed = [str(blob.name) for blob in client.list_blobs(name_starts_with=f"{self._folder}{FOLDER}/")]
        return self._earlier(name.removeprefix(self._folder) for name in listed)

    def _earlier(self, files: Iterable[str]) -> list[str]:
        return [self._folder + name for name in earlier_names(files, self._name)]

    def with_new(self, kept: Iterable[str], files: Iterable[str]) -> list[str]:
        """Give the names of the earlier reports, the oldest first, as they will be when files are written."""
        return sorted({*kept, *self._earlier(files)})

    def read(self, name: str) -> dict[str, Any] | None:
        """Read an earlier report; None where it is gone, or is none. Raises Denied."""
        try:
            with answered(f"read {name} in {self.url}"):
                content = self._blob(name).download_blob().readall()
        except NotFound:
            return None
        try:
            report = json.loads(content)
        except ValueError:
            return None
        return report if isinstance(report, dict) else None

    def write(self, files: Mapping[str, str]) -> list[str]:
        """Write files into the folder in place of those of their names, and give their addresses. Raises Denied."""
        settings = load("azure.storage.blob").ContentSettings
        written = []
        for name, text in files.items():
            with answered(f"write {self._folder}{name} in {self.url}"):
                kind = _CONTENT_TYPES.get(name.rsplit(".", 1)[-1], "application/octet-stream")
                self._blob(self._folder + name).upload_blob(
                    text.encode("utf-8", "replace"), overwrite=True, content_settings=settings(content_type=kind)
                )
            written.append(f"{self.url}/{quote(self._folder + name)}")
        return written

    def delete(self, name: str) -> None:
        """Delete an earlier report; one that is gone is deleted already. Raises Denied."""
        try:
            with answered(f"delete {name} in {self.url}"):
                self._blob(name).delete_blob()
        except NotFound:
            return

    def _blob(self, name: str) -> Any:
        return blob_client(self._session, f"{self.url}/{quote(name)}", self._sas_token)
