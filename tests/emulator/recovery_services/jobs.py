# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and all other jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..arm import ArmError, Call, PlainRoute, Reply, Wire, check_properties, page_of, resource_not_found
from ..clock import iso_duration, ticks
from ..operations import Operation
from .fields import FILTER, ITEM, NAMESPACE, NEVER, SECONDS, VAULT, filter_time, refuse
from .state import Vault

if TYPE_CHECKING:
    from .provider import RecoveryServices

_JOB_READS_AN_HOUR = 150


class Jobs:
    """Backups and all other jobs."""

    def __init__(self, provider: RecoveryServices) -> None:
        self._provider = provider
        self._job_reads: list[datetime] = []

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("POST", ITEM + "/backup", self._backup),
            ("GET", VAULT + "/backupJobs", self._list_jobs),
            ("GET", VAULT + "/backupJobs/{job}", self._read_job),
            ("POST", VAULT + "/backupJobs/{job}/cancel", self._cancel_job),
        ]

    def start_job(
        self,
        vault: Vault,
        container: str,
        friendly: str,
        operation: str,
        seconds: float,
        done: Callable[[datetime], None],
        more: Wire,
        tasks: list[Wire] | None = None,
        find_problem: Callable[[], Wire | None] = lambda: None,
        failed: Callable[[Wire], None] = lambda _properties: None,
    ) -> Wire:
        """Start a job that is done after so many seconds.

        find_problem: gives the error that it ends with, if any; failed: is called with the job's properties where it ends without
        success.
        """
        name, started = str(uuid.uuid4()), self._provider.clock.now()
        properties: Wire = {
            "jobType": "AzureIaaSVMJob",
            **({"actionsInfo": ["Cancellable"]} if tasks else {}),
            "containerName": container,
            "duration": "PT0S",
            "virtualMachineVersion": "Compute",
            "extendedInfo": {"tasksList": tasks or [], "propertyBag": {"VM Name": friendly, **more}},
            "entityFriendlyName": friendly,
            "backupManagementType": "AzureIaasVM",
            "operation": operation,
            "status": "InProgress",
            "startTime": ticks(started),
            "activityId": str(uuid.uuid4()),
        }
        job: Wire = {
            "id": f"{vault.id}/backupJobs/{name}",
            "name": name,
            "type": f"{NAMESPACE}/vaults/backupJobs",
            "properties": properties,
        }
        vault.jobs[name] = job
        fate = self._provider.faults.take_job_fate() if operation in ("Backup", "Restore", "CrossRegionRestore") else {}

        def over(moment: datetime) -> None:
            if properties["status"] not in ("InProgress", "Cancelling"):
                return
            problem = fate.get("error") or (None if fate.get("status") else find_problem())
            properties["status"] = fate.get("status") or ("Failed" if problem else "Completed")
            properties["endTime"] = ticks(moment)
            properties["duration"] = iso_duration(moment - started)
            if problem:
                properties["errorDetails"] = [problem]
            if properties["status"].startswith("Completed"):
                done(moment)
            else:
                failed(properties)

        if fate.get("status") != "InProgress":
            self._provider.schedule.after(float(fate.get("seconds") or seconds), over)
        return job

    def _backup(self, call: Call) -> Reply:
        vault, item = self._provider.item(call)
        own = item.wire["properties"]
        properties = call.document().get("properties") or {}
        check_properties(properties, {"objectType", "recoveryPointExpiryTimeInUTC"}, "IaasVMBackupRequest")
        expiry = str(properties.get("recoveryPointExpiryTimeInUTC") or "")
        if properties.get("objectType") != "IaasVMBackupRequest" or expiry <= ticks(self._provider.clock.now()):
            raise refuse("The expiry of the recovery point is missing or over.")
        if own["protectionState"] not in ("IRPending", "Protected"):
            raise refuse("The item is not protected.", "UserErrorBackupOperationNotAllowed")
        still: Wire = {"startTime": NEVER, "endTime": NEVER, "duration": "PT0S", "status": "NotStarted", "taskType": "Normal"}
        tasks = [{"taskId": name, **still} for name in ("Take Snapshot", "Transfer data to vault")]
        taken = self._provider.clock.now()
        tasks[0] |= {"startTime": ticks(taken), "status": "InProgress"}

        def done(moment: datetime) -> None:
            tasks[1] |= {"endTime": ticks(moment), "status": "Completed"}
            job["properties"]["extendedInfo"]["propertyBag"]["Backup Size"] = "11390 MB"
            own.update(protectionState="Protected", lastBackupStatus="Completed", lastBackupTime=ticks(taken), healthDetails=[])
            own["lastRecoveryPoint"] = ticks(taken)
            for point in item.points:
                if point["name"] == job["properties"]["_point"]:
                    point["properties"]["recoveryPointTierDetails"].append({"type": "HardenedRP", "status": "Valid"})

        def failed(ended: Wire) -> None:
            if ended["status"] == "Failed":
                own.update(lastBackupStatus="Failed", lastBackupTime=ticks(taken))
                own["healthDetails"] = [
                    {
                        "code": problem.get("errorCode"),
                        "title": problem.get("errorTitle"),
                        "message": problem.get("errorString"),
                        "recommendations": problem.get("recommendations") or [],
                    }
                    for problem in ended.get("errorDetails") or []
                ]

        seconds = SECONDS["snapshot"] + SECONDS["transfer"]
        more = {"Recovery Point Expiry Time in UTC": expiry}
        job = self.start_job(
            vault, own["containerName"], own["friendlyName"], "Backup", seconds, done, more, tasks, failed=failed
        )
        job["properties"]["_point"] = str(uuid.uuid4().int)[:15]
        job["properties"]["extendedInfo"]["internalPropertyBag"] = {"IsInstantRpJob": "True"}

        def snapshot(moment: datetime) -> None:
            if job["properties"]["status"] != "InProgress":
                return
            tasks[0] |= {"endTime": ticks(moment), "status": "Completed"}
            tasks[1] |= {"startTime": ticks(moment), "status": "InProgress"}
            self._provider.recovery_points_api.add(item, job["properties"]["_point"], taken, expiry)

        self._provider.schedule.after(SECONDS["snapshot"], snapshot)
        return self._provider.items_api.accept_item(call, vault, item.wire["id"], job, 60)

    def count_read(self) -> None:
        """Refuse more reads of jobs than Azure allows an hour, as recorded."""
        now = self._provider.clock.now()
        hour = self._provider.clock.lasting(3600)
        self._job_reads = [moment for moment in self._job_reads if moment > now - hour]
        if len(self._job_reads) >= _JOB_READS_AN_HOUR:
            wait = int((self._job_reads[0] + hour - now).total_seconds()) + 1
            raise ArmError(
                429,
                "ResourceRequestsThrottled",
                f"Number of requests for action 'Microsoft.RecoveryServices/vaults/backupJobs/read' exceeded the limit of "
                f"'{_JOB_READS_AN_HOUR}' for time interval '01:00:00'. Please try again after '{wait}' seconds.",
                headers={"Retry-After": str(wait)},
            )
        self._job_reads.append(now)

    def shown(self, job: Wire, is_listed: bool) -> Wire:
        """Give a job as lists and reads show it."""
        properties = {key: value for key, value in job["properties"].items() if key != "_point"}
        if properties["status"] == "InProgress":
            started = datetime.fromisoformat(properties["startTime"][:26]).replace(tzinfo=self._provider.clock.now().tzinfo)
            properties["duration"] = iso_duration(self._provider.clock.now() - started)
        if is_listed:
            # A list tells neither how far a job is nor what went wrong (recorded).
            properties.pop("extendedInfo")
            properties.pop("errorDetails", None)
        return {**job, "properties": properties}

    def _list_jobs(self, call: Call) -> Reply:
        vault = self._provider.vault(call)
        self.count_read()
        # Those of the paired region are told there only.
        here = [job for job in vault.jobs.values() if job["properties"]["operation"] != "CrossRegionRestore"]
        return page_of(call, self.chosen(call, here), self._provider.groups.page_size)

    def chosen(self, call: Call, jobs: list[Wire]) -> list[Wire]:
        """Give the jobs that the filter of a call asks for, as lists show them, the newest first."""
        wanted = dict(FILTER.findall(call.query.get("$filter", "")))
        unknown = set(wanted) - {"backupManagementType", "status", "operation", "startTime", "endTime"}
        if unknown:
            raise refuse(f"The filter has no {sorted(unknown)[0]}.")
        found = []
        for job in reversed(jobs):
            properties = job["properties"]
            started = datetime.fromisoformat(properties["startTime"][:26])
            if (
                wanted.get("backupManagementType", "AzureIaasVM") == "AzureIaasVM"
                and wanted.get("status", properties["status"]) == properties["status"]
                and wanted.get("operation", properties["operation"]) == properties["operation"]
                and ("startTime" not in wanted or started >= filter_time(wanted["startTime"]))
                and ("endTime" not in wanted or started < filter_time(wanted["endTime"]))
            ):
                found.append(self.shown(job, is_listed=True))
        return found

    def _job(self, call: Call) -> tuple[Vault, Wire]:
        vault = self._provider.vault(call)
        found = vault.jobs.get(call.path["job"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/vaults/backupJobs", call.path["job"], call.path["group"])
        return vault, found

    def _read_job(self, call: Call) -> Reply:
        self.count_read()
        return Reply(200, self.shown(self._job(call)[1], is_listed=False))

    def _cancel_job(self, call: Call) -> Reply:
        vault, job = self._job(call)
        if "Cancellable" not in (job["properties"].get("actionsInfo") or []) or job["properties"]["status"] != "InProgress":
            raise refuse("The job cannot be cancelled.", "UserErrorJobCannotBeCancelled")
        job["properties"]["status"] = "Cancelling"

        def done(_operation: Operation, due: datetime) -> None:
            job["properties"].update(status="Cancelled", endTime=ticks(due))

        operation = self._provider.operations_api.begin(SECONDS["item"], done)
        scope = job["id"]
        return Reply(
            202,
            None,
            self._provider.operations_api.headers(
                call, f"{vault.id}/backupOperations/{operation.name}", f"{scope}/operationResults/{operation.name}"
            ),
        )
