# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Blob containers as options name them: an address, and a SAS token that opens it."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import parse_qs

from ..errors import BadInput
from .durations import parse_time
from .urls import is_machine_address, read_address

CONTAINER_NAME = re.compile(r"(\$root|[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62})")
_PERMISSIONS = {"r": "read", "c": "create", "d": "delete", "w": "write", "l": "list"}


def problems_with_url(uri: str, option: str) -> list[str]:
    """Tell what is wrong with the address of a container, before any request."""
    example = "https://account.blob.core.windows.net/container"
    try:
        parts = read_address(uri, option, example)
    except BadInput as error:
        return [error.message]
    segments = [segment for segment in parts.path.split("/") if segment]
    # An emulator names the account in the path, since an address has no names before it.
    wanted = 2 if is_machine_address(parts.hostname or "") else 1
    if len(segments) != wanted or not CONTAINER_NAME.fullmatch(segments[-1]):
        return [f"{option}: '{uri}' is not a container URL such as {example}"]
    return []


def problems_with_sas_token(token: str, now: datetime, permissions: str) -> list[str]:
    """Tell what is wrong with the option sas_token, before any request; permissions: the letters that the work takes."""
    found = {name: values[-1] for name, values in parse_qs(token.strip().lstrip("?")).items()}
    if "sig" not in found:
        return ["sas_token: it is not a SAS token: it has no signature (sig)"]
    end = parse_time(_whole_time(found.get("se", "")))
    if end and end <= now:
        return [f"sas_token: it expired at {found['se']}; create a new one"]
    # A stored access policy on the container (si) may say what the token does not.
    missing = [_PERMISSIONS[letter] for letter in permissions if letter not in found.get("sp", "")]
    if missing and "si" not in found:
        return [f"sas_token: it lacks the permission to {', '.join(missing)}; this operation needs {permissions}"]
    return []


def plain_sas_token(token: str | None) -> str | None:
    """Give a SAS token without the question mark that it may be copied with; None for none."""
    return (token or "").strip().lstrip("?") or None


def _whole_time(text: str) -> str:
    """Complete an expiry, which may be a date or lack its seconds."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return f"{text}T00:00:00Z"
    return re.sub(r"T(\d\d:\d\d)Z$", r"T\1:00Z", text)
