# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Addresses that a user wrote: of an HSM, of a container."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from ..errors import BadInput


def read_address(text: str, option: str, example: str) -> SplitResult:
    """Read an https address without user, query and fragment. Raises BadInput naming the option, never quoting a token.

    example: what one looks like, for the message.
    """
    try:
        parts = urlsplit(text.strip())
        is_whole = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise BadInput(f"{option}: it is not a URL such as {example}") from None
    if parts.query or parts.fragment or parts.username or parts.password or "?" in text or "#" in text:
        raise BadInput(f"{option}: the URL must contain only the address; give a SAS token in sas_token")
    if not is_whole or any(character.isspace() for character in text.strip()):
        raise BadInput(f"{option}: '{text}' is not a URL such as {example}")
    return parts


def is_machine_address(host: str) -> bool:
    """Tell whether a host is an address, or this machine, and no name below a domain."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True
