# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running operations, which are asked for below their vault, fabric or item."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..arm import ArmError, Call, PlainRoute, Reply, Wire
from ..clock import ticks
from .fields import ITEM, NEVER, VAULT
from .state import Operation

if TYPE_CHECKING:
    from .provider import RecoveryServices


class Operations:
    """Long-running operations, which are asked for below their vault, fabric or item."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", VAULT + "/operationResults/{operation}", self._read_result),
            ("GET", ITEM + "/operationsStatus/{operation}", self._read_operation),
            ("GET", ITEM + "/operationResults/{operation}", self._read_result),
            ("GET", VAULT + "/backupOperations/{operation}", self._read_operation),
            ("GET", VAULT + "/backupJobs/{job}/operationResults/{operation}", self._read_result),
        ]

    def begin(self, call: Call, owner: str, seconds: float, work: Callable[[Operation, datetime], None]) -> Operation:
        """Begin a long-running operation; owner: the id below which it is asked for."""
        name = str(uuid.uuid4())
        operation = Operation(name, self._provider.clock.now(), owner)
        self._provider.operations[name] = operation

        def finish(due: datetime) -> None:
            work(operation, due)
            operation.status = "Failed" if operation.error else "Succeeded"

        self._provider.schedule.after(seconds, finish)
        return operation

    def headers(self, call: Call, status_url: str, result_url: str, retry_after: float = 0) -> dict[str, str]:
        """Give the headers by which an operation is followed; retry_after in seconds, 0 for none."""
        moment = int(self._provider.clock.now().timestamp() * 1e7)
        query = f"api-version={call.api_version}&t={moment}&c=loopback&s=loopback&h=loopback"
        headers = {"Azure-AsyncOperation": f"{call.url}{status_url}?{query}", "Location": f"{call.url}{result_url}?{query}"}
        if retry_after:
            headers["Retry-After"] = self._provider.clock.retry_after(retry_after)
        return headers

    def item_headers(self, call: Call, item_id: str, operation: Operation, retry_after: float = 0) -> dict[str, str]:
        """Give the headers by which the operation of an item is followed."""
        return self.headers(
            call, f"{item_id}/operationsStatus/{operation.name}", f"{item_id}/operationResults/{operation.name}", retry_after
        )

    def operation(self, call: Call) -> Operation:
        """Give the operation of a call. Raises ArmError 404."""
        found = self._provider.operations.get(call.path["operation"].lower())
        if found is None:
            raise ArmError(404, "OperationNotFound", f"The operation '{call.path['operation']}' was not found.")
        return found

    def _read_operation(self, call: Call) -> Reply:
        self._provider.vault(call)
        operation = self.operation(call)
        body: Wire = {
            "id": operation.name,
            "name": operation.name,
            "status": operation.status,
            "startTime": ticks(operation.started),
            "endTime": NEVER if operation.status == "InProgress" else ticks(operation.started),
        }
        if operation.error:
            body["error"] = operation.error
        elif operation.status == "Succeeded" and operation.job:
            body["properties"] = {"objectType": "OperationStatusJobExtendedInfo", "jobId": operation.job}
        return Reply(200, body)

    def _read_result(self, call: Call) -> Reply:
        operation = self.operation(call)
        if operation.status == "InProgress":
            return Reply(202, None, {"Location": f"{call.url}{call.full_path}?{call.raw_query}"})
        if operation.error:
            return Reply(400, {"error": operation.error})
        if operation.body:
            return Reply(200, operation.body)
        # The last answer names the status once more (recorded).
        status = f"{call.url}{call.full_path}?{call.raw_query}".replace("/operationResults/", "/operationsStatus/")
        return Reply(204, None, {"Azure-AsyncOperation": status})
