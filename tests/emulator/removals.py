# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deletions of machines and network interfaces: accepted with 202 and over later (REST references of Compute and Network)."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from .arm import ArmError, Call, Reply, Route
from .clock import Schedule


class Removals:
    """The deletions that one provider carries out; namespace: of the provider; seconds: how long one takes."""

    def __init__(self, schedule: Schedule, namespace: str, seconds: float) -> None:
        self._schedule = schedule
        self._namespace = namespace
        self._seconds = seconds
        # By the name of the operation, whether it is over.
        self._known: dict[str, bool] = {}

    def route(self) -> Route:
        """Give where the operations are asked for."""
        places = f"/subscriptions/{{subscription}}/providers/{self._namespace}/locations/{{location}}"
        return Route("GET", f"{places}/operations/{{operation}}", self._read, self._namespace)

    def accept(self, call: Call, location: str, work: Callable[[], object]) -> Reply:
        """Accept a deletion whose work is done when its time has come."""
        name = str(uuid.uuid4())
        self._known[name] = False

        def finish(_due: object) -> None:
            work()
            self._known[name] = True

        self._schedule.after(self._seconds, finish)
        place = f"{call.url}/subscriptions/{call.path['subscription']}/providers/{self._namespace}/locations/{location}"
        url = f"{place}/operations/{name}?api-version={call.api_version}"
        headers = {"Azure-AsyncOperation": url, "Location": f"{url}&monitor=true"}
        return Reply(202, None, {**headers, "Retry-After": self._schedule.clock.retry_after(10)})

    def _read(self, call: Call) -> Reply:
        name = call.path["operation"]
        if name not in self._known:
            raise ArmError(404, "OperationNotFound", f"The operation '{name}' was not found.")
        return Reply(200, {"name": name, "status": "Succeeded" if self._known[name] else "InProgress"})
