# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-running operations, which are asked for below their vault, fabric or item."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..arm import Call, PlainRoute, Reply, Wire
from ..clock import ticks
from ..operations import Operation, Operations
from .fields import ITEM, NEVER, VAULT

if TYPE_CHECKING:
    from .provider import RecoveryServices


class OperationsBelow:
    """Long-running operations, which are asked for below their vault, fabric or item."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider
        self._operations: Operations[Operation] = Operations(provider.schedule, provider.faults)

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("GET", VAULT + "/operationResults/{operation}", self._read_result),
            ("GET", ITEM + "/operationsStatus/{operation}", self._read_operation),
            ("GET", ITEM + "/operationResults/{operation}", self._read_result),
            ("GET", VAULT + "/backupOperations/{operation}", self._read_operation),
            ("GET", VAULT + "/backupJobs/{job}/operationResults/{operation}", self._read_result),
        ]

    def begin(
        self, seconds: float, work: Callable[[Operation, datetime], None], name: str | None = None, may_fail: bool = False
    ) -> Operation:
        """Begin a long-running operation; name: by which it is asked for, else a GUID; may_fail: see operations.Operations."""
        operation = Operation(name or str(uuid.uuid4()), self._provider.clock.now())
        return self._operations.begin(operation, (operation.name,), seconds, work, may_fail)

    def headers(self, call: Call, status_url: str, result_url: str, retry_after: float = 0) -> dict[str, str]:
        """Give the headers by which an operation is followed; retry_after in seconds, 0 for none."""
        moment = int(self._provider.clock.now().timestamp() * 1e7)
        query = f"api-version={call.api_version}&t={moment}&c=loopback&s=loopback&h=loopback"
        headers = {"Azure-AsyncOperation": f"{call.url}{status_url}?{query}", "Location": f"{call.url}{result_url}?{query}"}
        if retry_after:
            headers["Retry-After"] = self._provider.clock.retry_after(retry_after)
        return headers

    @staticmethod
    def of_job(job: Wire) -> Wire:
        """Give the properties of an operation that has started a job."""
        return {"objectType": "OperationStatusJobExtendedInfo", "jobId": job["name"]}

    def item_headers(self, call: Call, item_id: str, operation: Operation, retry_after: float = 0) -> dict[str, str]:
        """Give the headers by which the operation of an item is followed."""
        return self.headers(
            call, f"{item_id}/operationsStatus/{operation.name}", f"{item_id}/operationResults/{operation.name}", retry_after
        )

    def operation(self, call: Call) -> Operation:
        """Give the operation of a call. Raises ArmError 404."""
        return self._operations.find(call.path["operation"])

    def _read_operation(self, call: Call) -> Reply:
        self._provider.vault(call)
        operation = self.operation(call)
        body: Wire = {
            "id": operation.name,
            "name": operation.name,
            "status": operation.status,
            "startTime": ticks(operation.started),
            "endTime": ticks(operation.started) if operation.is_over else NEVER,
        }
        if operation.error:
            body["error"] = operation.error
        elif operation.is_over and operation.properties:
            body["properties"] = operation.properties
        return Reply(200, body)

    def _read_result(self, call: Call) -> Reply:
        operation = self.operation(call)
        if not operation.is_over:
            return Reply(202, None, {"Location": f"{call.url}{call.full_path}?{call.raw_query}"})
        if operation.error:
            return Reply(400, {"error": operation.error})
        if operation.result:
            return Reply(200, operation.result())
        # The last answer names the status once more (recorded).
        status = f"{call.url}{call.full_path}?{call.raw_query}".replace("/operationResults/", "/operationsStatus/")
        return Reply(204, None, {"Azure-AsyncOperation": status})
