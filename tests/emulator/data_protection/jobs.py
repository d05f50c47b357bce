# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups on demand and by schedule, and their jobs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..arm import (
    Call,
    PlainRoute,
    Reply,
    Wire,
    backup_error,
    check_properties,
    page_of,
    resource_not_found,
)
from ..clock import iso_duration, ticks
from ..protectable import has_schedule, row_of
from .fields import INSTANCE, NAMESPACE, SECONDS, VAULT, with_dotnet_duration
from .signed_operations import SignedOperation
from .state import Instance, Vault

if TYPE_CHECKING:
    from .provider import DataProtection


class Jobs:
    """Backups on demand and by schedule, and their jobs."""

    def __init__(self, provider: DataProtection) -> None:
        self._provider = provider

    def routes(self) -> list[PlainRoute]:
        """Give what is answered."""
        return [
            ("POST", INSTANCE + "/backup", self._backup),
            ("GET", VAULT + "/backupJobs", self._list_jobs),
            ("GET", VAULT + "/backupJobs/{job}", self._read_job),
        ]

    def _backup(self, call: Call) -> Reply:
        vault, instance = self._provider.instance(call)
        document = call.document()
        check_properties(document, {"backupRuleOptions"}, "TriggerBackupRequest")
        options = document.get("backupRuleOptions") or {}
        policy_name = instance.wire["properties"]["policyInfo"]["policyId"].rsplit("/", 1)[-1]
        rules = vault.policies[policy_name.lower()]["properties"]["policyRules"]
        backup_rules = {rule["name"] for rule in rules if rule["objectType"] == "AzureBackupRule"}
        tags = {rule["name"] for rule in rules if rule["objectType"] == "AzureRetentionRule"}
        tag = (options.get("triggerOption") or {}).get("retentionTagOverride") or "Default"
        if options.get("ruleName") not in backup_rules or tag not in tags:
            raise backup_error(
                400,
                "BMSUserErrorInvalidInput",
                "Input provided for the call is invalid.",
                "Please check the inputs and try again.",
            )
        if instance.state != "ProtectionConfigured":
            raise backup_error(
                400,
                "UserErrorInvalidProtectionState",
                f"The backup instance is in the state {instance.state}.",
                "Configure the protection and try again.",
            )
        job = self._start_job(vault, instance, policy_name, tag)

        def done(operation: SignedOperation, _due: datetime) -> None:
            operation.properties = {"jobId": job["id"], "objectType": "OperationJobExtendedInfo"}

        operation = self._provider.begin(call, vault, "trigger", done)
        return Reply(202, None, self._provider.operations.headers(call, operation, 30))

    def run_schedule(self) -> int:
        """Start a backup of everything that is protected, as its policy does when its time has come; gives how many."""
        protected = [
            (vault, instance)
            for vault in self._provider.vaults.values()
            for instance in vault.instances.values()
            if instance.state == "ProtectionConfigured" and has_schedule(vault.policies[instance.policy_name])
        ]
        for vault, instance in protected:
            policy_name = instance.wire["properties"]["policyInfo"]["policyId"].rsplit("/", 1)[-1]
            self._start_job(vault, instance, policy_name, "Default", scheduled=True)
        return len(protected)

    def _start_job(self, vault: Vault, instance: Instance, policy_name: str, tag: str, scheduled: bool = False) -> Wire:
        started = self._provider.clock.now()
        job = self._new_job(vault, instance, "Backup", started, is_user_triggered=not scheduled)
        properties = job["properties"]
        properties["extendedInfo"]["additionalDetails"] = {"RetentionTag": tag}

        def done(_due: datetime) -> None:
            source = instance.wire["properties"]["dataSourceInfo"]
            properties["destinationDataStoreName"] = row_of(source["datasourceType"]).tier
            point = self._provider.recovery_points_api.add_point(vault, instance, policy_name, tag, started)
            properties["extendedInfo"]["targetRecoverPoint"] = {
                "recoveryPointID": point["name"],
                "recoveryPointTime": "0001-01-01T00:00:00Z",
            }

        self._run(job, started, SECONDS["job"], done, {"OriginalDatasourceSizeInBytes": "4294967296"})
        return job

    def start_restore(
        self,
        vault: Vault,
        instance: Instance,
        store: str,
        extended: Wire,
        seconds: float,
        work: Callable[[datetime], Wire | None],
    ) -> Wire:
        """Start the job of a restore. store: where it comes from; work: does it when its time has come, or gives the error."""
        started = self._provider.clock.now()
        job = self._new_job(vault, instance, "Restore", started, is_user_triggered=True)
        job["properties"]["sourceDataStoreType"] = store
        job["properties"]["extendedInfo"].update(extended)
        self._run(job, started, seconds, work, {"DataTransferredInBytes": "0"})
        return job

    def _new_job(self, vault: Vault, instance: Instance, operation: str, started: datetime, is_user_triggered: bool) -> Wire:
        """Make a job that runs."""
        name = str(uuid.uuid4())
        source = instance.wire["properties"]["dataSourceInfo"]
        parts = source["resourceID"].split("/")
        policy_id = instance.wire["properties"]["policyInfo"]["policyId"]
        task: Wire = {
            "taskId": 1,
            "taskName": f"Trigger {operation}",
            "taskStatus": "InProgress",
            "taskProgress": None,
            "additionalDetails": None,
        }
        properties: Wire = {
            "activityID": str(uuid.uuid4()),
            "subscriptionId": vault.id.split("/")[2],
            "backupInstanceId": instance.wire["id"],
            "policyId": policy_id,
            "dataSourceId": source["resourceID"],
            "vaultName": vault.wire["name"],
            "backupInstanceFriendlyName": instance.wire["properties"].get("friendlyName"),
            "policyName": policy_id.rsplit("/", 1)[-1],
            "sourceResourceGroup": parts[4],
            "dataSourceSetName": None,
            "dataSourceName": source.get("resourceName"),
            "sourceDataStoreName": None,
            "sourceDataStoreType": None,
            "destinationDataStoreName": None,
            "progressEnabled": False,
            "etag": f"W/\"datetime'{ticks(started)}'\"",
            "sourceSubscriptionID": parts[2],
            "dataSourceLocation": vault.wire["location"],
            "startTime": ticks(started),
            "endTime": None,
            "dataSourceType": source["datasourceType"],
            "operationCategory": operation,
            "operation": operation,
            "status": "InProgress",
            "restoreType": None,
            "isUserTriggered": is_user_triggered,
            "rehydrationPriority": None,
            "supportedActions": [""],
            "duration": "PT0S",
            "progressUrl": None,
            "isCrossRegionRestore": None,
            "errorDetails": None,
            "extendedInfo": {
                "backupInstanceState": None,
                "dataTransferredInBytes": None,
                "targetRecoverPoint": None,
                "sourceRecoverPoint": None,
                "recoveryDestination": None,
                "subTasks": [task],
                "additionalDetails": None,
                "warningDetails": None,
            },
        }
        job: Wire = {
            "properties": properties,
            "id": f"{vault.id}/backupJobs/{name}",
            "name": name,
            "type": f"{NAMESPACE}/backupVaults/backupJobs",
        }
        vault.jobs[name] = job
        return job

    def _run(self, job: Wire, started: datetime, seconds: float, work: Callable[[datetime], Wire | None], told: Wire) -> None:
        """Have a job do its work after that many seconds, unless another fate is planned (faults); told: by its task then."""
        properties = job["properties"]
        (task,) = properties["extendedInfo"]["subTasks"]
        fate = self._provider.faults.take_job_fate()

        def over(moment: datetime) -> None:
            properties["endTime"] = ticks(moment)
            properties["duration"] = iso_duration(moment - started)
            status, error = fate.get("status", "Completed"), fate.get("error")
            if status.startswith("Completed"):
                failure = work(moment)
                status, error = ("Failed", failure["additionalInfo"][0]["info"]) if failure else (status, error)
            properties["status"] = task["taskStatus"] = status
            task["additionalDetails"] = {
                **told,
                "DatasourceType": properties["dataSourceType"],
                "TaskId": properties["activityID"],
            }
            if error:
                properties["errorDetails"] = [error]

        if fate.get("status") != "InProgress":
            self._provider.schedule.after(float(fate.get("seconds") or seconds), over)

    def _list_jobs(self, call: Call) -> Reply:
        """Answer the whole history. A list says less than a single read: no extendedInfo, .NET durations."""
        found = [with_dotnet_duration(job) for job in self._provider.vault(call).jobs.values()]
        for job in found:
            job["properties"]["extendedInfo"] = None
        reply = page_of(call, found, self._provider.groups.page_size)
        # This list alone says that nothing follows.
        reply.body.setdefault("nextLink", None)
        return reply

    def _read_job(self, call: Call) -> Reply:
        found = self._provider.vault(call).jobs.get(call.path["job"].lower())
        if found is None:
            raise resource_not_found(f"{NAMESPACE}/backupVaults/backupJobs", call.path["job"], call.path["group"])
        return Reply(200, found)
