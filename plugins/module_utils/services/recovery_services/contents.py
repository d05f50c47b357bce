# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Microsoft.RecoveryServices: virtual machines in a Recovery Services vault, by the SDK's client."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from ...azure.clients import recovery_services_client
from ...azure.long_running import Outcome, follow, follow_accepted, follow_status, look_until, send_once
from ...azure.resource_graph import quote, run_query
from ...azure.sdk_calls import list_operation, read_operation, send_operation
from ...azure.session import Session, json_object
from ...clock import Deadline, Ramp
from ...concurrency import FreshRead, ReadOnce
from ...errors import (
    AzureBackupError,
    BadInput,
    Conflict,
    Denied,
    NotFound,
    OperationFailed,
    TimedOut,
    catch,
)
from ...model.datasource_types import DatasourceType
from ...model.durations import read_end
from ...model.policy_spec import Plan
from ...model.resource_ids import ResourceId, same_id
from ...model.result_shapes import Described, Wire
from ...waiting import wait_until
from ..interface import EVERY_JOB, JobQuery, Protection, Restore
from ..job_reads import JobReads
from ..protection_states import wait_until_gone
from ..read_back import read_as_written
from ..vault_guard import ITEM_DELETE, ITEM_RESTORE, ITEM_STOP, ITEM_WRITE, POLICY_WRITE
from .vault import RecoveryServicesVault
from .wire import items, jobs, policies, recovery_points
from .wire.restores import restore_request
from .wire.vaults import approved, soft_delete_of
from .wire.vaults import describe as describe_vault

VMS = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'"
_PROTECTABLE = "backupManagementType eq 'AzureIaasVM'"
# Azure's own default for backups on demand.
_DAYS_ON_DEMAND = 30
_LEAST_RETENTION = timedelta(days=1)
# The job of a change began at most that long before the operation told of it.
_LONGEST_OPERATION = timedelta(minutes=30)
# A list of jobs serves all that wait for so much of the poll interval: seven and a half seconds of the default.
_SHARE_OF_INTERVAL = 1 / 4
# A list that was read before a job began does not tell it.
_UNTIL_LISTED = timedelta(minutes=1)
# As many as the other lists of a vault have.
_JOBS_OF_A_PAGE = 200
# How long to look for a virtual machine that the vault has just been told to discover.
_SECONDS_TO_DISCOVER = 120
_MOST_IDS_IN_A_QUERY = 100


def _is_unfinished(job: Described) -> bool:
    return job["status"] in ("in_progress", "cancelling")


class RecoveryServices(RecoveryServicesVault):
    """One Recovery Services vault and what lies in it (see interface.BackupService for what each method does)."""

    changes_policies = True
    stopped_keep_policy = False
    protects_by_job = True
    # Recorded, and in Microsoft's article on limits of Azure Backup's API.
    job_reads_an_hour: int | None = 150

    def __init__(self, session: Session, vault: ResourceId) -> None:
        super().__init__(session, vault)
        self._instances: dict[str, Described] = {}
        # Machines that jobs tell of and that the vault protects no more.
        self._unknown: set[str] = set()
        self._wires: dict[str, Wire] = {}
        # Many machines of one task look at the same lists.
        self._fresh_machines = FreshRead(self._read_virtual_machines, session.clock)
        self._fresh_protectable = FreshRead(self._read_protectable, session.clock)
        # What the vault lists as protectable before it was told to look for machines, and after that.
        self._protectable = ReadOnce(lambda _when: self._read_protectable())
        self._discovery = threading.Lock()
        self._has_discovered = False
        self._fresh_jobs = FreshRead(self._read_jobs_of_this_task, session.clock)
        # What may still be read of the jobs of changes. A wait for backups or restores has reads of its own.
        self._job_reads = JobReads(self.job_reads_an_hour, session.service_now)
        # Jobs that are waited for at this moment, and since when.
        self._followed: dict[str, datetime] = {}

    # -- how requests are made

    @cached_property
    def _client(self) -> Any:
        return recovery_services_client(self._session, self.vault.subscription_id)

    @property
    def _names(self) -> tuple[str, str]:
        return self.vault.name, self.vault.resource_group

    def _list(self, action: str, operation: Callable[..., Any], *arguments: Any, **options: Any) -> list[Wire]:
        return list_operation(action, operation, *self._names, *arguments, **options)

    def _read(self, action: str, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Wire | None:
        return read_operation(action, operation, *self._names, *arguments, **options)

    def _send(self, action: str, operation: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return send_operation(action, operation, *self._names, *arguments, **options)

    def _write_item(self, name: str, action: str, deadline: Deadline, body: Wire, *critical: str) -> Outcome:
        """Write an item, and follow the operation; critical: what a resource guard calls that, where it may guard it."""
        written = self._client.protected_items
        # In releases before 10 it is none of the long-running ones, although the service answers alike.
        write = getattr(written, "begin_create_or_update", None) or written.create_or_update
        answer = self.guard.send_approved(
            lambda requests: self._send(action, write, *items.place_of(name), approved(body, requests)), *critical
        )
        return self._follow_operation(answer, action, deadline)

    def _follow_operation(self, answer: Any, action: str, deadline: Deadline) -> Outcome:
        named = answer.headers.get("Azure-AsyncOperation") or answer.headers.get("Location")
        if answer.status_code != 202 or not named:
            return Outcome(json_object(answer, action))
        # Followed as Microsoft's clients do: by its id, below the vault.
        operation = named.split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1]
        read = self._client.backup_operation_statuses.get
        return follow_status(lambda: self._send(action, read, operation, retry_total=0), action, deadline)

    def _finish(self, outcome: Outcome, action: str, deadline: Deadline) -> None:
        """Wait for the job that an operation started: only its end is the end."""
        if outcome.job_id is None:
            return
        self._followed[outcome.job_id] = self.service_now()
        try:
            job = self._await_job(outcome.job_id, action, deadline)
        finally:
            self._followed.pop(outcome.job_id, None)
        if job["status"] not in ("completed", "completed_with_warnings"):
            first = (job["errors"] or [{}])[0]
            raise OperationFailed(
                f"Cannot {action}: {first.get('message') or job['status']}",
                code=first.get("code"),
                recommended_action=first.get("recommended_action"),
            )

    def _await_job(self, job_id: str, action: str, deadline: Deadline) -> Described:
        """Wait until a job is over and give it, with its details. Raises TimedOut."""

        def is_over(job: Described | None) -> bool:
            return job is not None and not _is_unfinished(job)

        try:
            job = wait_until(lambda: self._look_at(job_id, deadline), is_over, deadline, f"Cannot {action}: the operation")
        except TimedOut as error:
            name = job_id.rsplit("/", 1)[-1]
            error.message += f"; job {name} continues in Azure; run the task again to continue waiting"
            error.details = {**error.details, "changed": True}
            raise
        return job or {}

    def _look_at(self, job_id: str, deadline: Deadline) -> Described | None:
        """Look at a job that this task has started: by itself where it is the only one, else by one list for all of them.

        The list leaves out what went wrong, so a job that did not go well is read once more. Gives None where the job is not
        known yet, or where the reads of an hour are used up.
        """
        is_spent = self._job_reads.left() == 0
        if len(self._followed) > 1:
            listed = self._fresh_jobs(math.inf if is_spent else deadline.poll_interval * _SHARE_OF_INTERVAL)
            job = listed.get(job_id.rsplit("/", 1)[-1].lower())
            if job and (_is_unfinished(job) or job["status"] == "completed"):
                return job
            if job:
                return self._read_followed(job_id)
            # It may have begun after the list was read.
            if self.service_now() - self._followed[job_id] < _UNTIL_LISTED:
                return None
        return None if is_spent else self._read_followed(job_id)

    def _read_followed(self, job_id: str) -> Described | None:
        self._job_reads.note()
        return self.read_job(job_id)

    def _read_jobs_of_this_task(self) -> dict[str, Described]:
        """Read the jobs of the vault that are as new as those that are waited for, by their lower-cased names."""
        oldest = min(self._followed.copy().values(), default=self.service_now())
        listed = self._list_job_wires(JobQuery(started_after=oldest - _LONGEST_OPERATION))
        self._job_reads.note(1 + len(listed) // _JOBS_OF_A_PAGE)
        return {str(wire["name"]).lower(): jobs.describe(wire, self.vault, self._instances) for wire in listed}

    # -- policies

    def list_policies(self) -> list[Described] | None:
        action = f"list the policies of vault '{self.vault.name}'"
        try:
            listed = self._list(action, self._client.backup_policies.list)
        except NotFound:
            return None
        return [self._describe_policy(wire) for wire in listed]

    def _describe_policy(self, wire: Wire) -> Described:
        return {**policies.describe(wire), "id": f"{self.vault.text}/backupPolicies/{wire.get('name')}"}

    def _read_policy_wire(self, name: str) -> Wire | None:
        return self._read(f"read policy '{name}'", self._client.protection_policies.get, name)

    def read_policy(self, name: str) -> Described | None:
        wire = self._read_policy_wire(name)
        return self._describe_policy(wire) if wire else None

    def plan_policy(self, name: str, datasource_type: DatasourceType, plan: Plan) -> Described:
        return self._describe_policy({"name": name, "properties": policies.to_wire(plan)})

    @staticmethod
    def template_policy(_datasource_type: DatasourceType, plan: Plan) -> Described:
        """Give the policy that a plan makes, in no vault and without a name."""
        return policies.describe({"properties": policies.to_wire(plan)})

    @staticmethod
    def check_new_policy_name(name: str) -> None:
        policies.check_new_name(name)

    @staticmethod
    def is_azures_own(name: str) -> bool:
        return name.lower() in policies.AZURES_OWN

    def create_policy(self, name: str, datasource_type: DatasourceType, plan: Plan, deadline: Deadline) -> Described:
        present = self._read_policy_wire(name)
        body = {"properties": policies.changed_wire((present or {}).get("properties") or {}, plan)}
        action = f"write policy '{name}' of vault '{self.vault.name}'"
        write = self._client.protection_policies.create_or_update
        critical = (POLICY_WRITE,) if present else ()
        answer = self.guard.send_approved(lambda requests: self._send(action, write, name, approved(body, requests)), *critical)
        if answer.status_code == 202:
            # By the specification, for a policy in use; every recording is synchronous.
            follow(self._session, answer, action, deadline)
        written = self._describe_policy({"name": name, **body})
        before = self._describe_policy(present) if present else None
        return read_as_written("policy", self._session.clock, before, written, lambda: self.read_policy(name)) or written

    def delete_policy(self, name: str, deadline: Deadline) -> None:
        action = f"delete policy '{name}' of vault '{self.vault.name}'"
        answer = self._send(action, self._client.protection_policies.begin_delete, name)
        if answer.status_code == 202:
            follow(self._session, answer, action, deadline, gone_is_done=True)

    # -- instances

    @staticmethod
    def check_instance_options(options: Mapping[str, Any]) -> list[str]:
        foreign = ("name", "snapshot_resource_group", "identity_id")
        found = [f"{name}: a virtual machine does not support it" for name in foreign if options[name]]
        included, excluded = options["include_disk_luns"], options["exclude_disk_luns"]
        if included is not None and excluded is not None:
            found.append("include_disk_luns, exclude_disk_luns: set only one of them")
        wrong = [str(lun) for lun in [*(included or []), *(excluded or [])] if not 0 <= lun <= 63]
        if wrong:
            found.append(f"include_disk_luns, exclude_disk_luns: {', '.join(wrong)} is not a LUN from 0 to 63")
        return found

    @staticmethod
    def instance_name(datasource: ResourceId) -> str:
        return items.item_name(datasource)

    def instance_id(self, name: str) -> str:
        return items.item_path(self.vault, name)

    def _days(self) -> int | None:
        """Give the days of the vault's soft delete, where the vault was read."""
        return soft_delete_of(self._vault_wire)["retention_duration_in_days"] if self._vault_wire else None

    def _list_virtual_machines(self) -> list[Described]:
        return self._fresh_machines()

    def _list_item_wires(self, action: str) -> list[Wire]:
        """Read the protected machines. Raises NotFound where there is no vault."""
        return self._list(action, self._client.backup_protected_items.list, filter=VMS)

    def _read_virtual_machines(self) -> list[Described]:
        try:
            wires = self._list_item_wires(f"list the protected items of vault '{self.vault.name}'")
        except NotFound:
            wires = []
        listed = [items.describe(wire, self.vault, self._days(), self.service_now()) for wire in wires]
        self._instances = {str(item["name"]).lower(): item for item in listed}
        self._wires = {str(wire.get("name")).lower(): wire for wire in wires}
        return listed

    def list_instances(self) -> list[Described]:
        return [item for item in self._list_virtual_machines() if item["state"] != "soft_deleted"]

    def list_deleted_instances(self) -> list[Described]:
        return [item for item in self._list_virtual_machines() if item["state"] == "soft_deleted"]

    def read_instance(self, name: str) -> Described | None:
        """See interface.BackupService. The list is read: a single read is slower to tell of changes."""
        return next((item for item in self.list_instances() if same_id(item["name"], name)), None)

    def _datasource_of(self, name: str) -> tuple[str, str]:
        """Give the datasource and the policy of an item. Raises NotFound."""
        if name.lower() not in self._instances:
            self._list_virtual_machines()
        found = self._instances.get(name.lower())
        if found is None:
            raise NotFound(f"Cannot find backup instance '{name}' in vault '{self.vault.name}'", status=404)
        return str(found["datasource_id"]), str(found["policy_id"] or "")

    def undelete_instance(self, name: str, deadline: Deadline) -> None:
        action = f"undelete '{name}'"
        body = items.undelete(self._datasource_of(name)[0])
        self._finish(self._write_item(name, action, deadline, body), action, deadline)

    def find_instances_anywhere(self, datasources: Sequence[ResourceId]) -> dict[str, list[Described] | AzureBackupError]:
        found: dict[str, list[Described] | AzureBackupError] = {datasource.key: [] for datasource in datasources}
        for begin in range(0, len(datasources), _MOST_IDS_IN_A_QUERY):
            asked = datasources[begin : begin + _MOST_IDS_IN_A_QUERY]
            outcome = catch(functools.partial(self._find_anywhere, asked))
            if isinstance(outcome, AzureBackupError):
                found.update((datasource.key, outcome) for datasource in asked)
                continue
            for item in outcome:
                listed = found.get(str(item["datasource_id"]).lower())
                if isinstance(listed, list):
                    listed.append(item)
        return found

    def _find_anywhere(self, datasources: Sequence[ResourceId]) -> list[Described]:
        ids = ", ".join(quote(datasource.text) for datasource in datasources)
        query = (
            "RecoveryServicesResources | where type =~ 'microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/"
            f"protecteditems' | where properties.sourceResourceId in~ ({ids}) | order by id asc"
        )
        # A vault protects what is in its own subscription.
        more = f" and {len(datasources) - 1} more" if len(datasources) > 1 else ""
        action = f"find the protection of '{datasources[0].name}'{more}"
        try:
            rows = run_query(self._session, query, [self.vault.subscription_id], action)
        except (NotFound, Denied, BadInput):
            # Azure itself still refuses a second protection.
            return []
        # What is protected inside the machine, such as a database, names the machine as well, and has no datasource_id here.
        return [items.describe_row(row) for row in rows if not items.is_deleted(row)]

    def check_datasource(self, datasource: ResourceId) -> None:
        """See interface.BackupService. A Recovery Services vault protects what is in its own subscription."""
        if datasource.subscription_id.lower() != self.vault.subscription_id.lower():
            raise BadInput(
                f"datasource_id: '{datasource.name}' is in subscription {datasource.subscription_id}, but vault "
                f"'{self.vault.name}' is in {self.vault.subscription_id}; a Recovery Services vault "
                "protects only datasources in its own subscription"
            )

    def validate(self, protection: Protection, deadline: Deadline) -> None:
        """Have the vault discover the virtual machine: it does not list a new one by itself for hours."""
        key = protection.datasource.key
        # What it protects already it does not list as protectable.
        if protection.instance_name.lower() in self._instances or key in self._protectable("listed"):
            return
        self._discover(deadline)
        patience = Deadline(self._session.clock, _SECONDS_TO_DISCOVER, deadline.poll_interval)
        ramp = Ramp(deadline.poll_interval)
        known = self._protectable("discovered")
        while key not in known and patience.remaining() > 0:
            patience.clock.sleep(ramp.following())
            known = self._fresh_protectable()

    def _discover(self, deadline: Deadline) -> None:
        """Have the vault look for machines: once for all machines of a task, which were all there before."""
        with self._discovery:
            if self._has_discovered:
                return
            action = f"discover the new virtual machines in vault '{self.vault.name}'"
            answer = self._send(action, self._client.protection_containers.refresh, items.FABRIC)
            # 204 at its Location is the end (recorded); the status beside it speaks another api-version.
            follow(self._session, answer, action, deadline, by_location=True)
            self._has_discovered = True

    def _read_protectable(self) -> set[str]:
        """Read the keys of the machines that the vault lists as protectable."""
        action = f"list the protectable items of vault '{self.vault.name}'"
        try:
            listed = self._list(action, self._client.backup_protectable_items.list, filter=_PROTECTABLE)
        except NotFound:
            return set()
        ids = [(item.get("properties") or {}).get("virtualMachineId") for item in listed]
        return {str(one).lower().rstrip("/") for one in ids if one}

    def protect(self, protection: Protection, deadline: Deadline) -> None:
        action = f"protect '{protection.datasource.name}' in vault '{self.vault.name}'"
        disks = {"include_disk_luns": protection.include_disk_luns, "exclude_disk_luns": protection.exclude_disk_luns}
        has_choice = any(luns is not None for luns in disks.values())
        body = items.enable(protection.datasource.text, protection.policy_id, disks if has_choice else None)
        self._finish(self._write_item(protection.instance_name, action, deadline, body), action, deadline)

    def change_protection(self, name: str, changes: Mapping[str, Any], deadline: Deadline) -> None:
        action = f"change the protection of '{name}'"
        datasource_id, policy_id = self._datasource_of(name)
        disks = changes if "include_disk_luns" in changes else None
        wanted = str(changes.get("policy_id") or policy_id)
        body = items.enable(datasource_id, wanted, disks)
        outcome = self._write_item(name, action, deadline, body, ITEM_WRITE)
        self._finish(outcome, action, deadline)
        if not outcome.is_known:
            # The caller may not read operations: what is left is the list.
            look_until(lambda: same_id((self.read_instance(name) or {}).get("policy_id"), wanted), action, deadline)

    def check_state(self, state: str) -> None:
        """See interface.BackupService. What Azure answers to a suspension elsewhere says the opposite of its reason."""
        immutability = str(((self._vault_wire and describe_vault(self._vault_wire)) or {}).get("immutability_state"))
        if state == "suspended" and immutability not in ("Unlocked", "Locked"):
            raise BadInput(
                f"state: a Recovery Services vault suspends backups only if its immutability is Unlocked or Locked, and that of "
                f"vault '{self.vault.name}' is {immutability}; use state: stopped, which keeps every recovery point, or set "
                "immutability_state with backup_vault"
            )

    def suspend(self, name: str, deadline: Deadline) -> None:
        action = f"suspend the backups of '{name}'"
        datasource_id, policy_id = self._datasource_of(name)
        body = items.suspend(datasource_id, policy_id)
        self._finish(self._write_item(name, action, deadline, body, ITEM_WRITE), action, deadline)

    def stop(self, name: str, deadline: Deadline) -> None:
        action = f"stop the protection of '{name}'"
        body = items.stop(self._datasource_of(name)[0])
        self._finish(self._write_item(name, action, deadline, body, ITEM_STOP), action, deadline)

    def resume(self, name: str, policy_id: str | None, deadline: Deadline) -> None:
        action = f"resume the protection of '{name}'"
        datasource_id, own = self._datasource_of(name)
        body = items.enable(datasource_id, policy_id or own, None)
        self._finish(self._write_item(name, action, deadline, body), action, deadline)

    def delete_instance(self, name: str, deadline: Deadline) -> None:
        action = f"delete the backup data of '{name}'"
        self.guard.unlock(ITEM_DELETE, self.instance_id(name))
        answer = self._send(action, self._client.protected_items.delete, *items.place_of(name))
        outcome = self._follow_operation(answer, action, deadline)
        self._finish(outcome, action, deadline)
        if not outcome.is_known:
            # The caller may not read operations: what is left is the list.
            wait_until_gone(self, name, deadline)

    # -- backups, jobs, recovery points

    @staticmethod
    def check_backup_options(options: Mapping[str, Any], now: datetime) -> None:
        wrong = [name for name in ("rule_name", "retention_tag") if options[name]]
        if wrong:
            raise BadInput(f"{', '.join(wrong)}: not supported for a virtual machine; set retain_until instead")
        if options["retain_until"]:
            read_end(str(options["retain_until"]), "retain_until", now, _LEAST_RETENTION)

    def plan_backup(self, policy: Described, options: Mapping[str, Any]) -> dict[str, Any]:
        now = self.service_now()
        until = now + timedelta(days=_DAYS_ON_DEMAND)
        if options["retain_until"]:
            until = read_end(str(options["retain_until"]), "retain_until", now, _LEAST_RETENTION)
        return {"retain_until": f"{until:%Y-%m-%dT%H:%M:%S}.000Z"}

    def trigger_backup(self, name: str, plan: Mapping[str, Any], deadline: Deadline) -> str | None:
        action = f"back up '{name}'"
        body = {"properties": {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": plan["retain_until"]}}
        return self._start_job(action, deadline, self._client.backups.trigger, *items.place_of(name), body)

    def _start_job(self, action: str, deadline: Deadline, trigger: Callable[..., Any], *arguments: Any) -> str | None:
        """Send once what starts a job, and give the job's id, None where Azure did not tell it. Raises OutcomeUnknown."""
        answer = send_once(lambda: self._send(action, trigger, *arguments, retry_total=0), action, deadline)
        found = follow_accepted(lambda: self._follow_operation(answer, action, deadline)).job_id
        return f"{self.vault.text}/backupJobs/{found.rsplit('/', 1)[-1]}" if found else None

    def validate_restore(self, restore: Restore, deadline: Deadline) -> None:
        """See interface.BackupService. This kind of vault validates nothing; restore_machines checks what can be known."""

    def trigger_restore(self, restore: Restore, deadline: Deadline) -> str | None:
        name = str(restore.instance["name"])
        place = (*items.place_of(name), str(restore.recovery_point))
        with self.guard.approving(ITEM_RESTORE) as requests:
            body = {"properties": restore_request(restore, requests)}
            return self._start_job(f"restore '{name}'", deadline, self._client.restores.begin_trigger, *place, body)

    def list_jobs(self, query: JobQuery = EVERY_JOB) -> list[Described]:
        return self._describe_jobs(self._list_job_wires(query))

    def _list_job_wires(self, query: JobQuery) -> list[Wire]:
        action = f"list the jobs of vault '{self.vault.name}'"
        condition = jobs.filter_of(query, self.service_now())
        try:
            return self._list(action, self._client.backup_jobs.list, filter=condition)
        except NotFound:
            return []

    def _describe_jobs(self, listed: list[Wire]) -> list[Described]:
        """Describe jobs with their machines; a job is returned without its machine rather than not at all."""
        names = {name.lower() for name in map(jobs.instance_name_of, listed) if name}
        # A machine that the vault no longer protects is not searched for again.
        unknown = names - self._unknown - set(self._instances)
        if unknown and not isinstance(catch(self._list_virtual_machines), AzureBackupError):
            self._unknown |= unknown - set(self._instances)
        return [jobs.describe(wire, self.vault, self._instances) for wire in listed]

    def check_cancellable(self, job: Described) -> None:
        """See interface.BackupService. Which phases Azure cancels it says itself."""

    def cancel_job(self, job: Described) -> None:
        action = f"cancel job {job['name']} of vault '{self.vault.name}'"
        try:
            self._send(action, self._client.job_cancellations.trigger, str(job["name"]))
        except AzureBackupError as error:
            if error.status == 400:
                message = f"job_id: Azure cannot cancel job {job['name']}, a {job['operation']}, in this phase: {error.message}"
                raise BadInput(message, code="CannotCancel", status=400) from error
            raise

    def job_pages(self) -> int:
        """See interface.BackupService. One list serves any number of jobs: reads of jobs are limited to 150 an hour."""
        return 1

    def read_job(self, job_id: str) -> Described | None:
        name = job_id.rsplit("/", 1)[-1]
        # Polls read on anyhow; long sleeps of azure-core inside one read would not be bounded by wait_timeout.
        wire = self._read(f"read job '{name}'", self._client.job_details.get, name, retry_total=2)
        return None if wire is None else self._describe_jobs([wire])[0]

    def takes_snapshot(self, job: Described) -> bool:
        unfinished = [task["name"] for task in job["sub_tasks"] if task["status"] != "completed"]
        return not job["sub_tasks"] or "Take Snapshot" in unfinished

    @staticmethod
    def is_whole(point: Described) -> bool:
        """See interface.BackupService. The snapshot is a point before it is transferred to the vault."""
        return bool(point["tier"] != "operational_store")

    def list_recovery_points(self, name: str, datasource_id: str | None = None) -> list[Described]:
        path = items.item_path(self.vault, name)
        try:
            listed = self._list(f"list the recovery points of '{name}'", self._client.recovery_points.list, *items.place_of(name))
        except (NotFound, Conflict):
            return []
        points = [recovery_points.describe(wire, path, name, datasource_id) for wire in listed]
        return sorted(points, key=lambda point: point["time"] or "", reverse=True)

    def list_restorable_ranges(self, instance: Described) -> list[Described]:
        """See interface.BackupService. Nothing is backed up continuously here."""
        return []

    def read_recovery_point(self, name: str, point: str, datasource_id: str | None = None) -> Described | None:
        path = items.item_path(self.vault, name)
        read = self._client.recovery_points.get
        wire = self._read(f"read recovery point '{point}'", read, *items.place_of(name), point)
        return recovery_points.describe(wire, path, name, datasource_id) if wire else None

    def service_now(self) -> datetime:
        return self._session.service_now()
