# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The interface to a vault and to what lies in it; each kind of vault implements it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ..clock import Deadline
from ..errors import AzureBackupError
from ..model.datasource_types import DatasourceType
from ..model.durations import is_between
from ..model.policy_spec import Plan
from ..model.resource_ids import ResourceId, same_id
from ..model.result_shapes import Described
from .vault_interface import VaultService


def by_datasource(instances: Sequence[Described]) -> dict[str, Described]:
    """Give the instances of a vault by the lower-cased ids of what they protect."""
    return {str(instance["datasource_id"]).lower().rstrip("/"): instance for instance in reversed(instances)}


def by_name(instances: Sequence[Described]) -> dict[str, Described]:
    """Give the instances of a vault by their lower-cased names."""
    return {str(instance["name"]).lower(): instance for instance in instances}


@dataclass(frozen=True)
class Protection:
    """What a datasource's protection is to be.

    location: of the datasource; snapshot_resource_group_id: None for types without one; containers_list, auto_protection: what
    of the datasource is backed up (containers.Selection), include_disk_luns, exclude_disk_luns: likewise of a virtual machine's
    data disks; identity_id: the user-assigned identity that acts, None for the
    vault's own.
    """

    instance_name: str
    datasource_type: DatasourceType
    datasource: ResourceId
    location: str
    policy_id: str
    snapshot_resource_group_id: str | None = None
    containers_list: tuple[str, ...] = ()
    auto_protection: Mapping[str, Any] | None = None
    include_disk_luns: tuple[int, ...] | None = None
    exclude_disk_luns: tuple[int, ...] | None = None
    identity_id: str | None = None


@dataclass(frozen=True)
class ContainerRestore:
    """A container that is restored; prefixes: of its blobs, none for all; new_name: of the container at the target."""

    name: str
    new_name: str
    prefixes: tuple[str, ...] = ()


# Azure's words for the ways to restore a virtual machine, and those of results.
MACHINE_MODES = {"RestoreDisks": "disks", "AlternateLocation": "machine", "OriginalLocation": "in_place"}
# Stands for the system-assigned identity of a vault where the id of an identity could stand.
SYSTEM_ASSIGNED = "system_assigned"


@dataclass(frozen=True)
class MachineRestore:
    """How a virtual machine is restored.

    recovery_type: RestoreDisks, AlternateLocation (a new machine) or OriginalLocation (the disks of the machine are replaced);
    staging_account: where Azure puts what it needs meanwhile; network, subnet: ids, of a new machine; zone: where disks or
    machine are created, None for Azure's choice; disk_luns: of the data disks to restore, none of them for an empty tuple, None
    for all; staging_identity: of the vault, that reaches the staging account: system_assigned or the id of a user-assigned one,
    None for the rights of the caller; network_access: of the new disks, in Azure's word; disk_access: for private access.
    """

    recovery_type: str
    staging_account: ResourceId
    network: ResourceId | None = None
    subnet: ResourceId | None = None
    zone: str | None = None
    disk_luns: tuple[int, ...] | None = None
    disk_encryption_set: ResourceId | None = None
    staging_identity: str | None = None
    network_access: str | None = None
    disk_access: ResourceId | None = None


@dataclass(frozen=True)
class Restore:
    """What is restored, and where to.

    recovery_point: the name of a point, None for a moment of continuous backup, which is point_in_time; store: where it comes
    from, in Azure's word, None where Azure chooses; target: the new disk, the storage account, the virtual machine, or the
    resource group of a machine's disks; location: of the target; containers: those that are restored; ranges: of blobs in place,
    first and last, none for everything; identity_id: the user-assigned identity that acts; machine: of virtual machines only;
    recovery_point_time: when the point was taken.
    """

    instance: Described
    datasource_type: DatasourceType
    store: str | None
    target: ResourceId
    location: str
    recovery_point: str | None = None
    recovery_point_time: str | None = None
    point_in_time: datetime | None = None
    containers: tuple[ContainerRestore, ...] = ()
    ranges: tuple[tuple[str, str], ...] = ()
    identity_id: str | None = None
    machine: MachineRestore | None = None


@dataclass(frozen=True)
class JobQuery:
    """Which jobs are asked for; what is empty or None asks for all.

    operations: backup, on_demand_backup, scheduled_backup, restore; datasource_keys: lower-cased ids;
    started_after and ended_after are inclusive, started_before exclusive.
    """

    statuses: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    datasource_types: tuple[str, ...] = ()
    datasource_keys: frozenset[str] = frozenset()
    instance_name: str | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    ended_after: datetime | None = None

    def matches(self, job: Described) -> bool:
        """Tell whether a job is one of those asked for."""
        kinds = {job["operation"]}
        if job["operation"] == "backup":
            # Recovery Services vaults do not tell which it was.
            unknown = ("on_demand_backup", "scheduled_backup")
            kinds.update({True: unknown[:1], False: unknown[1:]}.get(job["user_triggered"], unknown))
        return not (
            (self.statuses and job["status"] not in self.statuses)
            or (self.operations and not kinds.intersection(self.operations))
            or (self.datasource_types and job["datasource_type"] not in self.datasource_types)
            or (self.datasource_keys and str(job["datasource_id"]).lower() not in self.datasource_keys)
            or (self.instance_name and not same_id(job["instance_name"], self.instance_name))
            or not is_between(job["start_time"], self.started_after, self.started_before)
            or not is_between(job["end_time"], self.ended_after, None)
        )


EVERY_JOB = JobQuery()


@dataclass(frozen=True)
class GraphTable:
    """Where Resource Graph keeps one noun of one kind of vault.

    describe: makes a row, which has the shape of the resource, a result; datasource_path, start_path, end_path and status_path:
    the columns that a query can choose by; statuses: Azure's words for each status of a job.
    """

    table: str
    resource_type: str
    describe: Callable[[dict[str, Any]], Described]
    datasource_path: str | None = None
    start_path: str | None = None
    end_path: str | None = None
    status_path: str | None = None
    statuses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class BackupService(VaultService, Protocol):
    """What can be done with a vault and with what lies in it.

    changes_policies: whether create_policy also changes a policy that is there; where it does not, a new version is made.
    stopped_keep_policy: whether an instance that is stopped still names the policy that it had.
    protects_by_job: whether changes of a protection are over with a job, so that many of them are seen in one list afterwards.
    job_reads_an_hour: how many reads of jobs Azure answers, None for as many as are asked.
    """

    changes_policies: bool
    stopped_keep_policy: bool
    protects_by_job: bool
    job_reads_an_hour: int | None

    # -- policies

    def list_policies(self) -> list[Described] | None:
        """Read all policies; None where there is no vault."""

    def read_policy(self, name: str) -> Described | None:
        """Read one policy."""

    def plan_policy(self, name: str, datasource_type: DatasourceType, plan: Plan) -> Described:
        """Predict the policy that create_policy makes."""

    def check_new_policy_name(self, name: str) -> None:
        """Refuse a name that Azure gives to no new policy in this kind of vault. Raises BadInput."""

    def create_policy(self, name: str, datasource_type: DatasourceType, plan: Plan, deadline: Deadline) -> Described:
        """Create a policy that is not there yet, and wait until it is done."""

    def is_azures_own(self, name: str) -> bool:
        """Tell whether a policy of that name is one that Azure puts into every new vault of this kind."""

    def delete_policy(self, name: str, deadline: Deadline) -> None:
        """Delete a policy that nothing uses, and wait until it is done."""

    # -- instances

    def check_instance_options(self, options: Mapping[str, Any]) -> list[str]:
        """Give what is wrong with the options of a protection for this kind of vault."""

    def instance_name(self, datasource: ResourceId) -> str:
        """Give the name of a datasource's instance where the user chooses none."""

    def instance_id(self, name: str) -> str:
        """Give the ARM id of the instance of a name."""

    def check_datasource(self, datasource: ResourceId) -> None:
        """Refuse a datasource that the vault cannot protect wherever it is. Raises BadInput."""

    def list_instances(self) -> list[Described]:
        """Read all instances by the pages of the list."""

    def read_instance(self, name: str) -> Described | None:
        """Read one instance."""

    def list_deleted_instances(self) -> list[Described]:
        """Read the soft-deleted instances, with C(deletion_time) and C(purge_time)."""

    def undelete_instance(self, name: str, deadline: Deadline) -> None:
        """Bring a soft-deleted instance back. It is stopped then."""

    def find_instances_anywhere(self, datasources: Sequence[ResourceId]) -> dict[str, list[Described] | AzureBackupError]:
        """Find the instances of datasources in whatever vault, by the keys of the datasources, or why they cannot be found."""

    def validate(self, protection: Protection, deadline: Deadline) -> None:
        """Ask whether a datasource can be protected, or still could be.

        Raises PermissionMissing while the vault's identity lacks a role, OperationFailed with Azure's other reasons.
        """

    def protect(self, protection: Protection, deadline: Deadline) -> None:
        """Create an instance and wait for the operation, not for the protection."""

    def change_protection(self, name: str, changes: Mapping[str, Any], deadline: Deadline) -> None:
        """Give an instance another policy_id, or other containers (containers_list and auto_protection); all else stays."""

    def check_state(self, state: str) -> None:
        """Refuse a state that protections cannot have in this vault, which has been read. Raises BadInput."""

    def suspend(self, name: str, deadline: Deadline) -> None:
        """Stop new backups; retention goes on."""

    def stop(self, name: str, deadline: Deadline) -> None:
        """Stop new backups and keep every recovery point."""

    def resume(self, name: str, policy_id: str | None, deadline: Deadline) -> None:
        """Back up again after suspend, stop or a protection error; policy_id: by this policy, where the kind can at once."""

    def delete_instance(self, name: str, deadline: Deadline) -> None:
        """End the protection, delete its data, and wait until that is done."""

    # -- backups, jobs, recovery points

    def check_backup_options(self, options: Mapping[str, Any], now: datetime) -> None:
        """Refuse options of an on-demand backup that this kind of vault does not take. Raises BadInput."""

    def plan_backup(self, policy: Described, options: Mapping[str, Any]) -> dict[str, Any]:
        """Give what an on-demand backup says, by a policy and rule_name, retention_tag, retain_until. Raises BadInput."""

    def trigger_backup(self, name: str, plan: Mapping[str, Any], deadline: Deadline) -> str | None:
        """Start an on-demand backup, once, as plan_backup says. Gives the job's id, None where only the job list knows it.

        Raises OutcomeUnknown where the request was sent and its fate is not known.
        """

    def restore_region(self, vault: Described) -> str:
        """Tell the region in which restores of the vault create what they create."""

    def validate_restore(self, restore: Restore, deadline: Deadline) -> None:
        """Ask whether something can be restored.

        Raises PermissionMissing while the vault's identity lacks a role, OperationFailed with Azure's other reasons.
        """

    def trigger_restore(self, restore: Restore, deadline: Deadline) -> str | None:
        """Start a restore, once. Gives the job's id, None where only the job list knows it.

        Raises OutcomeUnknown where the request was sent and its fate is not known.
        """

    def list_jobs(self, query: JobQuery = EVERY_JOB) -> list[Described]:
        """Read the vault's jobs. Where the service cannot filter, more are given than the query asks for."""

    def read_job(self, job_id: str) -> Described | None:
        """Read one job by its ARM id or its name."""

    def check_cancellable(self, job: Described) -> None:
        """Refuse a job that Azure cannot cancel in whatever phase. Raises BadInput."""

    def cancel_job(self, job: Described) -> None:
        """Ask Azure to cancel a running job, which then ends by itself. Raises BadInput where Azure cannot cancel it."""

    def job_pages(self) -> int:
        """Tell how many pages the job list had when it was last read; 0 when it was not."""

    def takes_snapshot(self, job: Described) -> bool:
        """Tell whether a running backup job is still in its snapshot phase, in which it may be joined."""

    def is_whole(self, point: Described) -> bool:
        """Tell whether a recovery point of a running backup is all that the backup makes, and not only its snapshot."""

    def list_recovery_points(self, name: str, datasource_id: str | None = None) -> list[Described]:
        """Read the recovery points of the instance of that name, newest first."""

    def list_restorable_ranges(self, instance: Described) -> list[Described]:
        """Read the ranges of time to whose moments an instance can be restored; none where it is not backed up continuously."""

    def read_recovery_point(self, name: str, point: str, datasource_id: str | None = None) -> Described | None:
        """Read one recovery point of the instance of that name."""

    def service_now(self) -> datetime:
        """Tell the time by the service's clock."""
