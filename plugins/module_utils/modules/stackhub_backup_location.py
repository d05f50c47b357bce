# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Where the infrastructure backups of an Azure Stack Hub go, made what the options say.

Passwords cannot be read back, and of a certificate only the thumbprint: see update_password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import ssl
from pathlib import Path
from typing import Any

from ..errors import AzureBackupError, BadInput
from ..model.result_shapes import Described
from ..model.urls import read_address
from ..services.stack_hub.backups import BackupAdmin
from ..services.stack_hub.wire import CLEARED, SETTINGS, STORE
from .reconcile import Change, reconcile
from .stackhub_options import missing_location, open_region
from .task import Result, Task

# Each kind of store, with the secret that opens it.
_SHARE = ("path", "user_name", "share_password")
_BLOB = ("blob_storage_url", "blob_storage_key")
_BLOB_API = "2021-09-01"
_SHARE_PATH = re.compile(r"\\\\[^\\]+(\\[^\\]+)+\\?")
# There may be text around it.
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def ensure_location(task: Task) -> Result:
    """Change where backups go, or take the store away, and prune it where asked (module stackhub_backup_location)."""
    options = task.options
    problems = _problems_with(options)
    certificate = None
    try:
        certificate = _read_certificate(options)
    except BadInput as error:
        problems.append(error.message)
    if problems:
        raise BadInput("; ".join(problems))
    region = open_region(task)
    before = region.read_location()
    if before is None:
        raise missing_location(region)
    if options["state"] == "absent":
        result = _clear(task, region, before).as_result()
    else:
        change, writes_secret = _set(task, region, before, certificate)
        result = change.as_result()
        if writes_secret:
            result["diff"]["after"]["is_secret_written"] = True
    if options["prune"]:
        try:
            result["pruned_paths"] = region.prune(task.check_mode, task.deadline())
        except AzureBackupError as error:
            done = {"changed": result["changed"] or bool(error.details.get("changed"))}
            error.details = {**error.details, **done, "backup_location": result["backup_location"]}
            raise
        result["changed"] = result["changed"] or bool(result["pruned_paths"])
        result["diff"]["before"]["leftover_paths"] = result["pruned_paths"]
        result["diff"]["after"]["leftover_paths"] = []
    return result


def _read_certificate(options: dict[str, Any]) -> tuple[str, str] | None:
    """Give the certificate as Base64 and its thumbprint. Raises BadInput for what is no certificate without its key."""
    option = "encryption_cert_path" if options["encryption_cert_path"] else "encryption_cert_base64"
    given = options[option]
    if not given:
        return None
    try:
        raw = Path(given).expanduser().read_bytes() if option == "encryption_cert_path" else given.encode()
        text = raw.decode("ascii", errors="ignore")
        pem = _PEM.search(text)
        if pem:
            der = ssl.PEM_cert_to_DER_cert(pem[0])
        elif option == "encryption_cert_path" and raw[:1] == b"\x30":
            der = raw
        else:
            der = base64.b64decode("".join(text.split()), validate=True)
        # The library's own reader tells a certificate from a PFX, a key, or anything else.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (OSError, RuntimeError) as error:
        # An SSLError is an OSError too.
        reason = "is not an X.509 certificate" if isinstance(error, ssl.SSLError) else f"cannot be read ({error})"
        raise BadInput(f"{option}: it {reason}; provide a .cer file without the private key") from error
    except (ValueError, binascii.Error) as error:
        raise BadInput(f"{option}: it is not an X.509 certificate; provide a .cer file without the private key") from error
    # Certificates are told apart by this hash on Azure Stack Hub; nothing is secured by it.
    return base64.b64encode(der).decode(), hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def _problems_with(options: dict[str, Any]) -> list[str]:
    problems = [
        f"{option}: {options[option]} must be more than 0"
        for option in ("backup_frequency_in_hours", "backup_retention_period_in_days")
        if options[option] is not None and options[option] <= 0
    ]
    problems += [
        f"{option}: it is empty; state: absent removes the store" for option in ("path", "user_name") if options[option] == ""
    ]
    path, url = options["path"], options["blob_storage_url"]
    if path and not (_SHARE_PATH.fullmatch(path)):
        problems.append(f"path: '{path}' is not a share such as \\\\server\\share\\folder")
    if url is not None:
        example = "https://account.blob.example/container"
        try:
            if not read_address(url, "blob_storage_url", example).path.strip("/"):
                problems.append(f"blob_storage_url: '{url}' is not a container URL such as {example}")
        except BadInput as error:
            problems.append(error.message)
        if options["api_version"] < _BLOB_API:
            problems.append(f"blob_storage_url: requires api_version {_BLOB_API}, which not every Azure Stack Hub supports")
        problems += ["user_name: it applies to a share, not to blob_storage_url"] * (options["user_name"] is not None)
    return problems


def _is_alike(wanted: str, there: str | None) -> bool:
    return there is not None and wanted.rstrip("\\").casefold() == there.rstrip("\\").casefold()


def _clear(task: Task, region: BackupAdmin, before: Described) -> Change:
    after = {**before, **CLEARED} if any(before[option] for option in STORE) else before

    def write() -> Described:
        return region.write_location({"user_name": ""}, False, task.deadline())

    return reconcile(task, "backup_location", before, after, write)


def _set(task: Task, region: BackupAdmin, before: Described, certificate: tuple[str, str] | None) -> tuple[Change, bool]:
    """Give the change, and whether a password or key is written with it."""
    options = task.options
    # Windows names are the same in any casing: what is there already stays as it is spelled.
    store = {
        option: before[option] if _is_alike(options[option], before[option]) else options[option]
        for option in STORE
        if options[option] is not None
    }
    settings = {option: options[option] for option in SETTINGS if options[option] is not None}
    after = {**before, **store, **settings}
    if "blob_storage_url" in store:
        after |= {"path": None, "user_name": None}
    elif store:
        after["blob_storage_url"] = None
    if certificate:
        after["encryption_cert_thumbprint"] = certificate[1]
    moves = any(after[option] != before[option] for option in STORE)
    is_blob = bool(after["blob_storage_url"])
    secret, foreign = ("share_password", "blob_storage_key")[:: -1 if is_blob else 1]
    is_asked_for = options["update_password"] == "always"  # noqa: S105
    writes_secret = options[secret] is not None and (moves or is_asked_for)
    if options[foreign] is not None or (options[secret] is not None and not any(after[option] for option in STORE)):
        given = foreign if options[foreign] is not None else secret
        raise BadInput(f"{given}: the backup location '{region.location}' has no store for it; set the store as well")
    if moves and options[secret] is None:
        raise BadInput(f"{secret}: required, because {', '.join(store)} of the backup location '{region.location}' change")
    if options[secret] is not None and not writes_secret and not store:
        task.warn(f"{secret} is not written, because the store does not change; set update_password: always to write it")
    # Whatever is left out stays; a store is always written with the secret that opens it (recorded).
    values = {option: after[option] for option in SETTINGS if after[option] is not None}
    if writes_secret:
        values |= {option: after[option] for option in STORE if after[option] is not None} | {secret: options[secret]}
    if moves and any(before[option] for option in STORE) and bool(before["path"]) != bool(after["path"]):
        # The store of the other kind is given up.
        values |= dict.fromkeys(_SHARE if before["path"] else _BLOB, "")
    if certificate and certificate[1] != before["encryption_cert_thumbprint"]:
        values["encryption_cert_base64"] = certificate[0]
    is_there = bool(before["path"] or before["blob_storage_url"])

    def write() -> Described:
        return region.write_location(values, is_there, task.deadline())

    return reconcile(task, "backup_location", before, after, write, is_forced=writes_secret), writes_secret
