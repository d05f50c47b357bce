# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Failures, planned or at random: answers, broken connections, old answers, operations and jobs that end badly."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from .arm import ArmError, Reply, Wire

_KINDS = (
    "answer", "answer_after", "refused", "reset_before", "reset_after", "silent_before", "silent_after", "cut", "page", "stale",
    "operation", "job",
)  # fmt: skip
# Five hours; modules wait for four.
SECONDS_OF_A_HANGING_JOB = 18_000
# What these strike is not a request.
_FATES = ("operation", "job")


@dataclass
class Fault:
    """One plan.

    kind: answer (instead of the service), answer_after (instead of the service's answer), reset_before or reset_after
    the request is served, refused (as reset_before, and for some seconds of the emulator's time no connection is accepted),
    silent_before or silent_after it is served (nothing comes for some real seconds, then the connection breaks), cut (the answer
    breaks off in its middle), page (a web page with 200 instead of an answer, as a gateway shows one), stale (a read answers what
    it answered last, or 404), operation (how the next long-running operation fails, before it has done anything), job (how the
    next job ends, after how many seconds). after: so many matching requests pass first; times: how many it strikes.
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
    seconds: float = 1.0

    def strikes(self, method: str, path: str) -> bool:
        """Tell whether it is this request's turn."""
        if self.times <= 0 or self.kind in _FATES:
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


class Storm:
    """Failures at random, the same ones for the same seed and the same requests.

    rate: which share of the requests they strike; kinds: which there are, by default all;
    struck: how often each struck. A job that hangs is over at last, long after the modules have given up waiting.
    """

    KINDS = (
        "429 with Retry-After", "429 without Retry-After", "429 five times", "500", "502", "503", "504", "500 after it was done",
        "504 after it was done", "409", "403", "403 from now on", "refused", "reset before", "reset after", "silent before",
        "silent after", "cut", "page", "stale",
    )  # fmt: skip
    FATES = ("operation fails", "job fails", "job with warnings", "job cancelled", "job hangs")

    def __init__(self, seed: int, rate: float, kinds: tuple[str, ...] = (*KINDS, *FATES)) -> None:
        self._random = random.Random(seed)  # noqa: S311 - the same again is what is wanted
        self.rate = rate
        self.kinds = [kind for kind in kinds if kind in self.KINDS]
        self.fates = [kind for kind in kinds if kind in self.FATES]
        self.struck: Counter[str] = Counter()
        self._left = 0
        self._is_revoked = False

    def strike(self, method: str) -> Fault | None:
        """Give the failure that strikes a request, if any."""
        if self._is_revoked:
            return self._fault("403")
        if self._left:
            self._left -= 1
            return self._fault("429 with Retry-After")
        if not self.kinds or self._random.random() >= self.rate:
            return None
        kind = self._random.choice(self.kinds)
        if kind == "stale" and method != "GET":
            return None
        self._left = 4 if kind == "429 five times" else 0
        self._is_revoked = kind == "403 from now on"
        return self._fault(kind)

    def _fault(self, kind: str) -> Fault:
        self.struck[kind] += 1
        if kind == "refused":
            return Fault(kind, seconds=self._random.choice((1, 30, 300)))
        if not kind[0].isdigit():
            return Fault(kind.replace(" ", "_"))
        status = int(kind[:3])
        headers = {"Retry-After": str(self._random.choice((1, 7, 30)))} if kind.endswith(("with Retry-After", "times")) else {}
        code = {403: "AuthorizationFailed", 409: "OperationInProgress", 429: "TooManyRequests"}.get(status, "InternalServerError")
        body = {"error": {"code": code, "message": "This failure came by chance."}}
        return Fault("answer_after" if "after it" in kind else "answer", status=status, body=body, headers=headers)

    def fate(self, what: str) -> Wire:
        """Give how an operation or a job that starts now ends; {} for well."""
        mine = [kind for kind in self.fates if kind.startswith(what)]
        if not mine or self._random.random() >= self.rate:
            return {}
        kind = self._random.choice(mine)
        self.struck[kind] += 1
        error = {"code": "UserErrorByChance", "message": "This failure came by chance."}
        status = {"job with warnings": "CompletedWithWarnings", "job cancelled": "Cancelled"}.get(kind, "Failed")
        return {"status": status, "error": error, **({"seconds": SECONDS_OF_A_HANGING_JOB} if kind == "job hangs" else {})}


class Faults:
    """The failures that are planned, and the storm that blows, if any."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []
        self.storm: Storm | None = None

    def clear(self) -> None:
        """Let nothing fail any more."""
        self.planned.clear()
        self.storm = None

    @property
    def remembers(self) -> bool:
        """Whether an old answer may be asked for."""
        return self.storm is not None or any(fault.kind == "stale" for fault in self.planned)

    def plan(self, document: Any) -> None:
        """Add plans, one object or a list of them. Raises ArmError 400 for what is no plan."""
        for entry in document if isinstance(document, list) else [document]:
            if not isinstance(entry, dict) or entry.get("kind") not in _KINDS:
                raise ArmError(400, "InvalidFault", f"A fault has a kind: {', '.join(_KINDS)}.")
            strange = set(entry) - {item.name for item in fields(Fault)}
            if strange:
                raise ArmError(400, "InvalidFault", f"A fault has no {', '.join(sorted(strange))}.")
            if entry["kind"] in _FATES and not entry.get("outcome"):
                raise ArmError(400, "InvalidFault", f"A fault of kind {entry['kind']} has an outcome.")
            self.planned.append(Fault(**entry))

    def strike(self, method: str, path: str) -> Fault | None:
        """Give the failure that strikes a request, if any."""
        planned = next((fault for fault in self.planned if fault.strikes(method, path)), None)
        return planned or (self.storm.strike(method) if self.storm else None)

    def take_job_fate(self) -> Wire:
        """Give how a job that starts now will end; {} for well."""
        return self._take_fate("job")

    def take_operation_fate(self) -> Wire:
        """Give how a long-running operation that starts now will fail; {} for well."""
        return self._take_fate("operation")

    def _take_fate(self, kind: str) -> Wire:
        for fault in self.planned:
            if fault.kind == kind and fault.times > 0:
                fault.times -= 1
                return fault.outcome
        return self.storm.fate(kind) if self.storm else {}
