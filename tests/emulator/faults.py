# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned failures: answers, broken connections and jobs that end badly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from typing import Any

from .arm import ArmError, Reply, Wire

_KINDS = ("answer", "answer_after", "reset_before", "reset_after", "job")


@dataclass
class Fault:
    """One plan.

    kind: answer (instead of the service), answer_after (instead of the service's answer), reset_before or reset_after
    the request is served, job (how the next job ends). after: so many matching requests pass first; times: how many it strikes.
    """

    kind: str
    method: str = ".*"
    path: str = ".*"
    times: int = 1
    after: int = 0
    status: int = 500
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    outcome: Wire = field(default_factory=dict)

    def strikes(self, method: str, path: str) -> bool:
        """Tell whether it is this request's turn."""
        if self.times <= 0 or self.kind == "job":
            return False
        if not re.fullmatch(self.method, method, re.IGNORECASE) or not re.search(self.path, path, re.IGNORECASE):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True

    def reply(self) -> Reply:
        """Give the planned answer."""
        body = self.body
        if body is None:
            body = {"error": {"code": f"Injected{self.status}", "message": "This failure was planned."}}
        return Reply(self.status, body, dict(self.headers))


class Faults:
    """The failures that are planned."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []

    def plan(self, document: Any) -> None:
        """Add plans, one object or a list of them. Raises ArmError 400 for what is no plan."""
        for entry in document if isinstance(document, list) else [document]:
            if not isinstance(entry, dict) or entry.get("kind") not in _KINDS:
                raise ArmError(400, "InvalidFault", f"A fault has a kind: {', '.join(_KINDS)}.")
            strange = set(entry) - {item.name for item in fields(Fault)}
            if strange:
                raise ArmError(400, "InvalidFault", f"A fault has no {', '.join(sorted(strange))}.")
            if entry["kind"] == "job" and not entry.get("outcome"):
                raise ArmError(400, "InvalidFault", "A fault of kind job has an outcome.")
            self.planned.append(Fault(**entry))

    def strike(self, method: str, path: str) -> Fault | None:
        """Give the plan that strikes a request, if any."""
        return next((fault for fault in self.planned if fault.strikes(method, path)), None)

    def take_job_fate(self) -> Wire:
        """Give how a job that starts now will end; {} for well."""
        for fault in self.planned:
            if fault.kind == "job" and fault.times > 0:
                fault.times -= 1
                return fault.outcome
        return {}
