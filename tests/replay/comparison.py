# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes of answers: what the recordings of one kind of request have in common, and how another answer differs from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from emulator.arm import Route
from emulator.protectable import TYPES
from replay.recorded import whole

# Headers that the recordings keep and that are not about rate limits or a recorder's choice (azure-wire README).
HEADERS = ("azure-asyncoperation", "location", "etag", "content-type", "x-ms-error-code", "www-authenticate")
# Here the keys are data.
_OPAQUE = ("tags", "additionalDetails", "userAssignedIdentities")
_TYPES = tuple(TYPES)


@dataclass(frozen=True)
class Kind:
    """A kind of answer: to which request, with which status, and what the body says that makes it a case of its own."""

    method: str
    template: str
    status: int
    variant: str = ""

    def __str__(self) -> str:
        short = re.sub(r"^.*/providers/", "", self.template)
        return f"{self.method} {short} {self.status} {self.variant}".strip()


@dataclass
class Answer:
    """One answer, recorded or of the emulator."""

    headers: set[str]
    body: Any
    source: str


@dataclass
class Shape:
    """What was seen at one place of a body: JSON types, keys with how often they were there, items."""

    types: set[str] = field(default_factory=set)
    objects: int = 0
    keys: dict[str, Shape] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    items: Shape | None = None

    def learn(self, value: Any, name: str = "") -> None:
        """Take one more example in."""
        self.types.add(json_type(value))
        if isinstance(value, dict) and name not in _OPAQUE:
            self.objects += 1
            for key, item in value.items():
                self.counts[key] = self.counts.get(key, 0) + 1
                self.keys.setdefault(key, Shape()).learn(item, key)
        elif isinstance(value, list):
            self.items = self.items or Shape()
            for item in value:
                self.items.learn(item)

    def differences(self, value: Any, path: str = "$", name: str = "") -> Iterator[str]:
        """Tell where a value has another shape: a type or a key never seen, or a key missing that was always there."""
        if json_type(value) not in self.types:
            yield f"{path}: {json_type(value)}, recorded {' or '.join(sorted(self.types))}"
            return
        if isinstance(value, dict) and name not in _OPAQUE:
            for key, item in value.items():
                if key in self.keys:
                    yield from self.keys[key].differences(item, f"{path}.{key}", key)
                else:
                    yield f"{path}.{key}: never recorded"
            for key in self.keys:
                if key not in value and self.counts[key] == self.objects:
                    yield f"{path}.{key}: missing, recorded always"
        elif isinstance(value, list) and self.items and self.items.types:
            for item in value:
                yield from self.items.differences(item, f"{path}[]")


def json_type(value: Any) -> str:
    """Name the JSON type of a value; whole numbers and others are told apart."""
    names = {dict: "object", list: "list", str: "string", bool: "boolean", int: "whole number", float: "number"}
    return names.get(type(value), "null")


def template_of(method: str, path: str, routes: Iterable[Route]) -> str | None:
    """Find the emulator's route for a path; None for one that it does not answer."""
    for route in routes:
        pattern = re.sub(r"\{\w+:path\}", ".+", route.template)
        pattern = re.sub(r"\{\w+\}", "[^/]+", pattern)
        if route.method == method and re.fullmatch(pattern, path, re.IGNORECASE):
            return route.template
    return None


def variant_of(status: int, body: Any) -> str:
    """Tell what makes a body a case of its own: an error's code, or the status of an operation or a job."""
    if not isinstance(body, dict):
        return ""
    if status >= 400:
        error = body.get("error") or {}
        return str(error.get("code") or body.get("ErrorCode") or "")
    if "startTime" in body and "status" in body:
        return f"{body['status']} {(body.get('error') or {}).get('code') or ''}".strip()
    if isinstance(body.get("data"), list):
        # What Resource Graph was asked for; its computed columns are the query's and not compared.
        return str(body["data"][0]["type"]) if body["data"] else "nothing"
    properties = body.get("properties") or {}
    if not isinstance(properties, dict):
        return ""
    if "jobType" in properties:
        # The jobs of a Recovery Services vault have another shape for each operation.
        return f"{properties.get('operation')} {properties.get('status')}"
    return str(properties["status"]) if "isUserTriggered" in properties else ""


def kind_of(method: str, path: str, status: int, body: Any, routes: Iterable[Route]) -> Kind | None:
    """Give the kind of an answer, None for a request that the emulator does not answer."""
    template = template_of(method, path, routes)
    return Kind(method, template, status, variant_of(status, body)) if template else None


def _is_known(item: Any) -> bool:
    """Tell whether a body, if it is about a type of datasource, is about one that the emulator has."""
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(properties, dict):
        return True
    if properties.get("backupManagementType") not in (None, "AzureIaasVM"):
        return False
    types = properties.get("datasourceTypes") or [
        properties.get("dataSourceType") or (properties.get("dataSourceInfo") or {}).get("datasourceType")
    ]
    return all(str(kind).lower() in (*_TYPES, "none") for kind in types)


def of_known_types(body: Any) -> Any:
    """Leave what is about other types of datasource out of a list; None where nothing is left of the body."""
    for key in ("value", "data"):
        if isinstance(body, dict) and isinstance(body.get(key), list):
            return {**body, key: [item for item in body[key] if "_left_out" not in item and _is_known(item)]}
    return body


def read_answers(folder: Path, routes: list[Route]) -> dict[Kind, list[Answer]]:
    """Read every recorded answer to a request that the emulator answers, by its kind."""
    found: dict[Kind, list[Answer]] = {}
    for path in sorted(folder.glob("*/*.json")):
        for index, entry in enumerate(json.loads(path.read_text(encoding="utf-8"))["interactions"]):
            url = urlsplit(entry["uri"])
            # One recorder keeps no hosts, and that of Azure Stack Hub has a name of its own.
            is_arm = url.hostname in (None, "management.azure.com") or url.hostname.startswith("adminmanagement.")
            if not is_arm or not _is_known(entry.get("response_body")):
                continue
            if isinstance(entry.get("response_body"), str):
                # A part of a recording that was not read.
                continue
            body = whole(of_known_types(entry.get("response_body")))
            kind = kind_of(entry["method"], unquote(url.path).rstrip("/"), entry["status"], body, routes)
            if kind:
                headers = {name.lower() for name in entry.get("response_headers") or {}} & set(HEADERS)
                found.setdefault(kind, []).append(Answer(headers, body, f"{path.parent.name}/{path.stem} #{index}"))
    return found
