# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations with signed URLs, which have to be asked for as they were given out."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..arm import ArmError, Call, Reply, Wire
from ..clock import Schedule, ticks, whole_seconds
from ..faults import Faults
from ..operations import Operation, Operations

# Since 2024 operation URLs carry a certificate: the whole URL is over 3,000 characters long.
_CERTIFICATE_LENGTH = 2600


@dataclass
class SignedOperation(Operation):
    """An operation with the paths and the query of its URLs."""

    status_path: str = ""
    result_path: str = ""
    query: str = ""

    def document(self) -> Wire:
        """Give the operationStatus body as recorded: whole seconds at the end, no endTime before."""
        body: Wire = {"id": self.status_path, "name": self.name, "status": self.status.replace("InProgress", "Inprogress")}
        if self.error:
            body["error"] = _without_nulls(self.error)
        body["startTime"] = ticks(self.started)
        body["endTime"] = whole_seconds(self.ended)
        if self.properties:
            body["properties"] = self.properties
        return body


def _without_nulls(value: Any) -> Any:
    """Leave out what is null, as the error in an operation's status does and a refusal at once does not."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


class SignedOperations:
    """All operations of Backup vaults."""

    def __init__(self, schedule: Schedule, faults: Faults) -> None:
        self._schedule = schedule
        self._operations: Operations[SignedOperation] = Operations(schedule, faults)

    def begin(
        self,
        call: Call,
        owner: str,
        status_scope: str,
        result_scope: str,
        seconds: float,
        work: Callable[[SignedOperation, datetime], None],
        may_fail: bool = False,
    ) -> SignedOperation:
        """Begin an operation that does its work after that many seconds.

        owner: the guid of the vault; status_scope, result_scope: paths before /operationStatus and /operationResults;
        work, may_fail: see operations.Operations.
        """
        name = base64.b64encode(f"{owner};{uuid.uuid4()}".encode()).decode()
        moment = self._schedule.clock.now()
        seed = hashlib.sha256(name.encode()).hexdigest()
        certificate = (seed * (_CERTIFICATE_LENGTH // len(seed) + 1))[:_CERTIFICATE_LENGTH]
        query = f"api-version={call.api_version}&t={int(moment.timestamp() * 1e7)}&c={certificate}&s={seed}&h={seed[:43]}"
        operation = SignedOperation(
            name,
            moment,
            status_path=f"{status_scope}/operationStatus/{name}",
            result_path=f"{result_scope}/operationResults/{name}",
            query=query,
        )
        return self._operations.begin(operation, (operation.status_path, operation.result_path), seconds, work, may_fail)

    def headers(self, call: Call, operation: SignedOperation, retry_after: float, location: bool = True) -> dict[str, str]:
        """Give the headers of an operation's first answer; retry_after in Azure's seconds, 0 for none."""
        headers = {"Azure-AsyncOperation": f"{call.url}{operation.status_path}?{operation.query}"}
        if location:
            headers["Location"] = f"{call.url}{operation.result_path}?{operation.query}"
        if retry_after:
            headers["Retry-After"] = self._schedule.clock.retry_after(retry_after)
        return headers

    def _find(self, call: Call) -> SignedOperation:
        operation = self._operations.find(call.full_path)
        if call.raw_query != operation.query:
            raise ArmError(400, "InvalidOperationUrl", "The operation URL is not the one that was given out.")
        return operation

    def read_status(self, call: Call) -> Reply:
        """Answer a poll of Azure-AsyncOperation: 200 while running and when failed, never a Retry-After."""
        return Reply(200, self._find(call).document())

    def read_result(self, call: Call) -> Reply:
        """Answer a poll of Location. The final answer repeats Azure-AsyncOperation and Retry-After all the same."""
        operation = self._find(call)
        headers = {
            "Azure-AsyncOperation": f"{call.url}{operation.status_path}?{operation.query}",
            "Retry-After": self._schedule.clock.retry_after(30),
        }
        if not operation.is_over:
            headers["Location"] = f"{call.url}{operation.result_path}?{operation.query}"
            return Reply(202, None, headers)
        if operation.error:
            return Reply(400, {"error": operation.error}, headers)
        if operation.result:
            # Recorded for instances: the result alone says nothing of the operation any more.
            return Reply(200, operation.result())
        return Reply(200, operation.properties or {"objectType": "OperationJobExtendedInfo"}, headers)
