# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Microsoft.DataProtection: what lies in a Backup vault, by the SDK's client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from ...azure.clients import data_protection_client
from ...azure.long_running import Outcome, follow, follow_accepted, send_once
from ...azure.sdk_calls import list_operation, page_operation, read_operation, send_operation
from ...azure.session import Session, json_object
from ...clock import Deadline, Ramp
from ...concurrency import settle_each
from ...errors import (
    TRANSIENT,
    AzureBackupError,
    BadInput,
    Denied,
    NotFound,
    PermissionMissing,
)
from ...model.datasource_types import DATASOURCE_TYPES, DatasourceType
from ...model.policy_spec import Plan
from ...model.resource_ids import ResourceId
from ...model.result_shapes import Described, Wire
from ..interface import EVERY_JOB, JobQuery, Protection, Restore
from ..protection_states import wait_until_gone
from ..vault_guard import INSTANCE_DELETE, INSTANCE_WRITE, RESTORE, STOP, SUSPEND
from .vault import API, BackupVault
from .wire import instances, jobs, policies, recovery_points
from .wire.backup_requests import backup_rule
from .wire.restores import restore_request

_ATTEMPTS_AT_A_POLICY = 5
# What the list of recovery points answers for an instance that has none by nature, such as operational backup of blobs.
_WITHOUT_POINTS = "UserErrorPITBackupInstanceNotFound"

# What validateForBackup answers while a role is missing, or granted and not effective yet (azure-wire 1.6).
_PERMISSION_CODES = {
    "usererrormissingrequiredpermissions",
    "usererrordiskandsnapshotrgormsipermissionsnotpresent",
    "usererrordiskbackupdiskormsipermissionsnotpresent",
    "usererrornotenoughpermissionondisk",
    "usererrornotenoughpermissiononsnapshotrg",
    "usererrormissingpermissionsonsecretstore",
    # Of restores (Microsoft's page on troubleshooting disk backup).
    "usererrornotenoughpermissionontargetrg",
    "usererrordiskbackuprestorergormsipermissionsnotpresent",
    "usererrorsnapshotrgormsipermissionsnotpresent",
    "usererrordiskbackupsnapshotrgormsipermissionsnotpresent",
    "usererrordiskbackupauthorizationfailed",
    "usererrormsipermissionsnotpresentondes",
}


def _raise_missing_permission(error: AzureBackupError) -> None:
    """Raise PermissionMissing for what a validation answers while a role is missing or not effective yet."""
    if str(error.code).lower() in _PERMISSION_CODES:
        raise PermissionMissing(error.message, error.code, error.status, error.request_id, error.recommended_action) from error


def _guarded(requests: list[str]) -> list[Wire]:
    """Give the body of an action that a resource guard approves; actions that none guards have no body."""
    return [{"resourceGuardOperationRequests": requests}] if requests else []


class DataProtection(BackupVault):
    """One Backup vault and what lies in it (see interface.BackupService for what each method does)."""

    changes_policies = False
    stopped_keep_policy = True
    protects_by_job = False
    job_reads_an_hour: int | None = None

    def __init__(self, session: Session, vault: ResourceId) -> None:
        super().__init__(session, vault)
        self._names = (vault.resource_group, vault.name)
        self._job_pages = 0

    @cached_property
    def _client(self) -> Any:
        return data_protection_client(self._session, self.vault.subscription_id)

    @cached_property
    def _newest_client(self) -> Any:
        return data_protection_client(self._session, self.vault.subscription_id, "Microsoft.DataProtection/newest")

    def _client_for(self, properties: Wire) -> Any:
        """Give the client whose api-version knows what an instance says."""
        return self._newest_client if instances.is_automatic(properties) else self._client

    # -- how requests are made

    def _read(self, action: str, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Wire | None:
        return read_operation(action, operation, *self._names, *arguments, **options)

    def _list(self, action: str, operation: Callable[..., Any], *arguments: Any) -> list[Wire]:
        return list_operation(action, operation, *self._names, *arguments)

    def _start(self, action: str, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return send_operation(action, operation, *self._names, *arguments, **options)

    def _run(
        self,
        action: str,
        deadline: Deadline,
        operation: Callable[..., Any],
        *arguments: Any,
        gone_is_done: bool = False,
        gone_is_unknown: bool = False,
    ) -> Outcome:
        """Begin a long-running SDK operation and follow it to its end."""
        answer = self._start(action, operation, *arguments)
        return follow(self._session, answer, action, deadline, gone_is_done, gone_is_unknown=gone_is_unknown)

    # -- policies

    def list_policies(self) -> list[Described] | None:
        try:
            listed = self._list(f"list the policies of vault '{self.vault.name}'", self._client.backup_policies.list)
        except NotFound:
            return None
        return [policies.describe(wire) for wire in listed]

    def read_policy(self, name: str) -> Described | None:
        wire = self._read(f"read policy '{name}'", self._client.backup_policies.get, name)
        return policies.describe(wire) if wire else None

    def plan_policy(self, name: str, datasource_type: DatasourceType, plan: Plan) -> Described:
        body = policies.to_wire(datasource_type, plan)
        return policies.describe({"id": f"{self.vault.text}/backupPolicies/{name}", "name": name, **body})

    @staticmethod
    def template_policy(datasource_type: DatasourceType, plan: Plan) -> Described:
        """Give the policy that a plan makes, in no vault and without a name."""
        return policies.describe(policies.to_wire(datasource_type, plan))

    @staticmethod
    def check_new_policy_name(name: str) -> None:
        policies.check_new_name(name)

    @staticmethod
    def is_azures_own(_name: str) -> bool:
        """See interface.BackupService. A new Backup vault has no policy."""
        return False

    def create_policy(self, name: str, datasource_type: DatasourceType, plan: Plan, deadline: Deadline) -> Described:
        action = f"create policy '{name}' in vault '{self.vault.name}'"
        body = policies.to_wire(datasource_type, plan)
        ramp = Ramp(30)
        attempts = _ATTEMPTS_AT_A_POLICY
        while True:
            try:
                # Retries are off: a policy that is there is never PUT again, not even unchanged.
                answer = self._start(action, self._client.backup_policies.create_or_update, name, body, retry_total=0)
                return policies.describe(json_object(answer, action))
            except TRANSIENT as error:
                attempts -= 1
                if not attempts or deadline.remaining() <= 0:
                    raise
                self._session.clock.pause(ramp.following(error.retry_after))
                found = self.read_policy(name)
                if found:
                    return found

    def delete_policy(self, name: str, deadline: Deadline) -> None:
        self._start(f"delete policy '{name}' of vault '{self.vault.name}'", self._client.backup_policies.delete, name)

    # -- instances

    @staticmethod
    def check_instance_options(options: Mapping[str, Any]) -> list[str]:
        wrong = [name for name in ("include_disk_luns", "exclude_disk_luns") if options[name] is not None]
        return [f"{', '.join(wrong)}: only virtual machines have disks to choose from"] if wrong else []

    @staticmethod
    def instance_name(datasource: ResourceId) -> str:
        return instances.instance_name_for(datasource)

    def instance_id(self, name: str) -> str:
        return f"{self.vault.text}/backupInstances/{name}"

    def check_datasource(self, datasource: ResourceId) -> None:
        """See interface.BackupService. A Backup vault protects what is in any subscription of its tenant."""

    def list_instances(self) -> list[Described]:
        action = f"list the backup instances of vault '{self.vault.name}'"
        try:
            listed = self._list(action, self._client.backup_instances.list)
        except NotFound:
            return []
        return [self._describe_own(wire) for wire in listed]

    def _describe_own(self, wire: Wire) -> Described:
        """Describe an instance of this vault; lists and single reads answer its id in different casing."""
        described = instances.describe(wire)
        return {**described, "id": self.instance_id(described["name"]), "vault_id": self.vault.text}

    def _read_instance_wire(self, name: str) -> Wire | None:
        return self._read(f"read backup instance '{name}'", self._client.backup_instances.get, name)

    def read_instance(self, name: str) -> Described | None:
        wire = self._read_instance_wire(name)
        return self._describe_own(wire) if wire else None

    def list_deleted_instances(self) -> list[Described]:
        action = f"list the deleted backup instances of vault '{self.vault.name}'"
        try:
            listed = self._list(action, self._client.deleted_backup_instances.list)
        except NotFound:
            return []
        return [{**instances.describe(wire), "vault_id": self.vault.text} for wire in listed]

    def undelete_instance(self, name: str, deadline: Deadline) -> None:
        operation = self._client.deleted_backup_instances.begin_undelete
        self._run(f"undelete backup instance '{name}'", deadline, operation, name)

    def find_instances_anywhere(self, datasources: Sequence[ResourceId]) -> dict[str, list[Described] | AzureBackupError]:
        found = settle_each(datasources, self._find_anywhere, self._session.connections)
        return {datasource.key: listed for datasource, listed in zip(datasources, found, strict=True)}

    def _find_anywhere(self, datasource: ResourceId) -> list[Described]:
        url = f"{datasource.text}/providers/Microsoft.DataProtection/backupInstances"
        action = f"find the protection of '{datasource.name}'"
        try:
            listed = self._session.read_all(url, action, API)
        except (NotFound, Denied):
            # Without the right to read this, Azure itself still refuses a second instance.
            return []
        return [instances.describe(wire) for wire in listed]

    def validate(self, protection: Protection, deadline: Deadline) -> None:
        body = instances.instance_body(protection)
        try:
            self._run(
                f"protect '{protection.datasource.name}' in vault '{self.vault.name}'",
                deadline,
                self._client_for(body).backup_instances.begin_validate_for_backup,
                {"backupInstance": body},
            )
        except AzureBackupError as error:
            _raise_missing_permission(error)
            code = str(error.code).lower()
            if "alreadyhasbackupinstance" in code and self.read_instance(protection.instance_name):
                # What is there already is asked about again after a protection error; that it is there is no obstacle.
                return
            raise

    def protect(self, protection: Protection, deadline: Deadline) -> None:
        body = instances.instance_body(protection)
        self._run(
            f"protect '{protection.datasource.name}' in vault '{self.vault.name}'",
            deadline,
            self._client_for(body).backup_instances.begin_create_or_update,
            protection.instance_name,
            {"properties": body},
            gone_is_unknown=True,
        )

    def change_protection(self, name: str, changes: Mapping[str, Any], deadline: Deadline) -> None:
        action = f"change the protection by backup instance '{name}'"
        wire = self._read_instance_wire(name)
        if wire is None:
            raise NotFound(f"Cannot {action}: it no longer exists")
        with self.guard.approving(INSTANCE_WRITE) as requests:
            body = instances.with_changes(wire, changes, requests)
            operation = self._client_for(body["properties"]).backup_instances.begin_create_or_update
            self._run(action, deadline, operation, name, body, gone_is_unknown=True)

    def check_state(self, state: str) -> None:
        """See interface.BackupService. A Backup vault takes every state."""

    def suspend(self, name: str, deadline: Deadline) -> None:
        operation = self._client.backup_instances.begin_suspend_backups
        with self.guard.approving(SUSPEND) as requests:
            self._run(f"suspend the backups of '{name}'", deadline, operation, name, *_guarded(requests))

    def stop(self, name: str, deadline: Deadline) -> None:
        operation = self._client.backup_instances.begin_stop_protection
        with self.guard.approving(STOP) as requests:
            self._run(f"stop the protection of '{name}'", deadline, operation, name, *_guarded(requests))

    def resume(self, name: str, policy_id: str | None, deadline: Deadline) -> None:
        action = f"resume the protection of '{name}'"
        url = f"{self.instance_id(name)}/resumeProtection"
        # Not the SDK's operation: by mistake that one refuses api-versions before 2026-06-01.
        follow(self._session, self._session.send("POST", url, action, API), action, deadline)

    def delete_instance(self, name: str, deadline: Deadline) -> None:
        operation = self._client.backup_instances.begin_delete
        self.guard.unlock(INSTANCE_DELETE, self.instance_id(name))
        self._run(f"delete backup instance '{name}'", deadline, operation, name, gone_is_done=True)
        wait_until_gone(self, name, deadline)

    # -- backups, jobs, recovery points

    @staticmethod
    def check_backup_options(options: Mapping[str, Any], _now: datetime) -> None:
        if options["retain_until"]:
            raise BadInput("retain_until: only backups of virtual machines have their own expiry; set retention_tag instead")

    def plan_backup(self, policy: Described, options: Mapping[str, Any]) -> dict[str, Any]:
        rule, tag = backup_rule(policy, options["rule_name"], options["retention_tag"])
        return {"rule": rule, "retention_tag": tag}

    def trigger_backup(self, name: str, plan: Mapping[str, Any], deadline: Deadline) -> str | None:
        action = f"back up '{name}'"
        options: Wire = {"ruleName": plan["rule"], "triggerOption": {}}
        if plan["retention_tag"]:
            options["triggerOption"] = {"retentionTagOverride": plan["retention_tag"]}
        body = {"backupRuleOptions": options}
        return self._trigger(action, self._client.backup_instances.begin_adhoc_backup, name, body, deadline)

    def _trigger(self, action: str, operation: Callable[..., Any], name: str, body: Wire, deadline: Deadline) -> str | None:
        """Send what starts a job, once, and give the job's id; None where the operation does not tell it."""
        answer = send_once(lambda: self._start(action, operation, name, body, retry_total=0), action, deadline)
        return follow_accepted(lambda: follow(self._session, answer, action, deadline)).job_id

    # -- restores

    def validate_restore(self, restore: Restore, deadline: Deadline) -> None:
        name = str(restore.instance["name"])
        action = f"restore '{restore.instance['friendly_name'] or name}' to '{restore.target.name}'"
        body = {"restoreRequestObject": restore_request(restore, [])}
        try:
            self._run(action, deadline, self._client.backup_instances.begin_validate_for_restore, name, body)
        except AzureBackupError as error:
            _raise_missing_permission(error)
            raise

    def trigger_restore(self, restore: Restore, deadline: Deadline) -> str | None:
        name = str(restore.instance["name"])
        action = f"restore '{restore.instance['friendly_name'] or name}' to '{restore.target.name}'"
        with self.guard.approving(RESTORE) as requests:
            body = restore_request(restore, requests)
            return self._trigger(action, self._client.backup_instances.begin_trigger_restore, name, body, deadline)

    # -- jobs, recovery points

    def list_jobs(self, query: JobQuery = EVERY_JOB) -> list[Described]:
        """See interface.BackupService. This kind's list takes no filter."""
        action = f"list the jobs of vault '{self.vault.name}'"
        found: list[Described] = []
        self._job_pages = 0
        try:
            for page in page_operation(action, self._client.jobs.list, *self._names):
                self._job_pages += 1
                found += map(self._describe_job, page)
        except NotFound:
            return []
        return found

    def _describe_job(self, wire: Wire) -> Described:
        return {**jobs.describe(wire), "vault_id": self.vault.text}

    def check_cancellable(self, job: Described) -> None:
        """See interface.BackupService. No job of a Backup vault says that it could be cancelled (recorded: supportedActions)."""
        raise BadInput(
            f"job_id: job {job['name']} is a {job['operation']} of a Backup vault, which Azure cannot cancel; wait for its end",
            code="CannotCancel",
        )

    def cancel_job(self, job: Described) -> None:
        self.check_cancellable(job)

    def job_pages(self) -> int:
        return self._job_pages

    def read_job(self, job_id: str) -> Described | None:
        name = job_id.rsplit("/", 1)[-1]
        # Polls read on anyhow; long sleeps of azure-core inside one read would not be bounded by wait_timeout.
        wire = self._read(f"read job '{name}'", self._client.jobs.get, name, retry_total=2)
        return self._describe_job(wire) if wire else None

    def takes_snapshot(self, job: Described) -> bool:
        """See interface.BackupService. The snapshot is the sub-task Trigger Backup, the only one a disk has."""
        running = [task["name"] for task in job["sub_tasks"] if task["status"] != "completed"]
        return not job["sub_tasks"] or "Trigger Backup" in running

    @staticmethod
    def is_whole(_point: Described) -> bool:
        """See interface.BackupService. A point appears when its data is in its store."""
        return True

    def list_recovery_points(self, name: str, datasource_id: str | None = None) -> list[Described]:
        try:
            listed = self._list(f"list the recovery points of '{name}'", self._client.recovery_points.list, name)
        except NotFound:
            return []
        except AzureBackupError as error:
            if error.code == _WITHOUT_POINTS:
                return []
            raise
        points = [recovery_points.describe(wire, name, datasource_id) for wire in listed]
        return sorted(points, key=lambda point: point["time"] or "", reverse=True)

    def list_restorable_ranges(self, instance: Described) -> list[Described]:
        datasource_type = DATASOURCE_TYPES.get(str(instance["datasource_type"]))
        if datasource_type is None or datasource_type.continuous_store is None:
            return []
        # A range of the caller's own is no filter: some are answered with an internal error (recorded).
        url = f"{self.instance_id(instance['name'])}/findRestorableTimeRanges"
        action = f"find the restorable time ranges of '{instance['name']}'"
        try:
            answer = self._session.send("POST", url, action, API, body={"sourceDataStoreType": datasource_type.continuous_store})
        except AzureBackupError as error:
            if error.status == 400:
                # So is answered what is backed up by a schedule only.
                return []
            raise
        return recovery_points.describe_ranges(json_object(answer, action), instance)

    def read_recovery_point(self, name: str, point: str, datasource_id: str | None = None) -> Described | None:
        wire = self._read(f"read recovery point '{point}'", self._client.recovery_points.get, name, point)
        return recovery_points.describe(wire, name, datasource_id) if wire else None

    def service_now(self) -> datetime:
        return self._session.service_now()
