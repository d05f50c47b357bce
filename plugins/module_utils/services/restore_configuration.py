# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The configuration that a restore of a machine's disks leaves in the staging account: it names them, and the job does not."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..azure.session import Session
from ..model.result_shapes import Described
from .blobs import read_text


def read_configuration(session: Session, endpoint: str, job: Described) -> str:
    """Read what a job has left, an empty text where it names nothing; endpoint: of the staging account's blobs. Raises Denied."""
    about = job["restore"] or {}
    container, uri = about.get("staging_container"), about.get("config_uri")
    if not (container and uri):
        return ""
    return read_text(session, endpoint, str(container), str(uri).rsplit("/", 1)[-1]) or ""


def named_in(configuration: str, disks: Iterable[Described]) -> list[Described]:
    """Give those disks whose names stand in a configuration. Its form was never recorded, so that it is read as a text."""
    text = configuration.lower()
    return [
        disk for disk in disks if re.search(rf"(?<![-\w.]){re.escape(str(disk.get('name')).lower())}(?![-\w.])", text) is not None
    ]
