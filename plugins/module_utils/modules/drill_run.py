# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a restore drill is asked for: its scratch group, and all that the drills of one task share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..concurrency import ReadOnce
from ..errors import AzureBackupError, BadInput
from ..model.datasource_types import DatasourceType
from ..model.durations import read_seconds, seconds_in, to_clock_words
from ..model.resource_ids import ResourceId, normalize, parse_group, parse_resource_id, same_id
from ..model.result_shapes import Described
from ..services.blobs import blob_endpoint, read_account
from ..services.closed_network import check_closed
from ..services.interface import SYSTEM_ASSIGNED, BackupService
from ..services.named_vaults import read_group
from ..services.role_assignments import Need
from ..services.scratch_resources import list_resources, read_resource
from .task import Result, Task

if TYPE_CHECKING:
    from .drill_kinds import DrillKind

# What a status is worse than comes before it. A result has the worst status of its checks.
STATUSES = ("passed", "skipped", "partial", "failed")


class NotDrillable(AzureBackupError):
    """Why a datasource cannot be drilled, which is no failure of its backup."""


def check_result(name: str, status: str, msg: str, expected: Any = None, found: Any = None) -> Result:
    """Give the result of one check; status: passed, partial, failed, or skipped for what could not be compared."""
    return {"name": name, "status": status, "msg": msg, "expected": expected, "found": found}


def check_objective(name: str, wanted: str | None, found: float | None, what: str) -> list[Result]:
    """Compare a time with its objective; one that is missed is partial; nothing where either is not known.

    name: rto or rpo; wanted: the option, a duration; found: in seconds; what: begins the sentence.
    """
    if not wanted or found is None:
        return []
    limit = seconds_in(wanted, name)
    told = f"{what} {to_clock_words(found)}, {name} is {wanted}"
    return [check_result(name, "passed" if found <= limit else "partial", told, limit, round(found))]


def verdict_of(checks: Sequence[Result]) -> tuple[str, str | None]:
    """Give the status of a drill by the results of its checks, and the reason where it is not passed."""
    worst = max((one["status"] for one in checks if one["status"] != "skipped"), key=STATUSES.index, default="passed")
    wrong = next((one for one in checks if one["status"] == worst), None)
    return worst, None if worst == "passed" or wrong is None else f"{wrong['name']}: {wrong['msg']}"


def failure_of(status: str | None, fail_on: str, message: str) -> AzureBackupError | None:
    """Give the error of a drill with a status that fail_on names, for which Azure has none; None where it is no failure."""
    if status is None or STATUSES.index(status) < STATUSES.index(fail_on):
        return None
    if status == "skipped":
        return AzureBackupError(message, code="DrillSkipped")
    return (
        AzureBackupError(message, code="DrillPartial") if status == "partial" else AzureBackupError(message, code="DrillFailed")
    )


@dataclass(frozen=True)
class Scratch:
    """Where drills restore to, as the options name it.

    group: the resource group; account: the storage account in it, which holds the journal, what Azure puts there meanwhile, and
    restored containers; network, subnet: where a machine is booted.
    """

    group: ResourceId
    account: ResourceId
    staging_identity: str | None
    network: ResourceId | None
    subnet: str | None


def read_scratch(task: Task) -> Scratch:
    """Read the option scratch and what goes with it, before any request. Raises BadInput with every mistake."""
    given, problems = task.options["scratch"], []
    kinds = {"storage_account_id": "Microsoft.Storage/storageAccounts", "virtual_network_id": "Microsoft.Network/virtualNetworks"}
    if given["staging_identity"] not in (None, SYSTEM_ASSIGNED):
        kinds["staging_identity"] = "Microsoft.ManagedIdentity/userAssignedIdentities"
    found: dict[str, ResourceId] = {}
    for key, kind in kinds.items():
        # The account is required, so that an empty one is a wrong one.
        if given[key] or key == "storage_account_id":
            try:
                found[key] = parse_resource_id(given[key], f"scratch.{key}", kind)
            except BadInput as error:
                problems.append(error.message)
    account = found.get("storage_account_id")
    group = None
    try:
        # A name means a group in the subscription of the account.
        group = parse_group(given["resource_group"], "scratch.resource_group", account.subscription_id) if account else None
    except BadInput as error:
        problems.append(error.message)
    if group and account and not same_id(account.group_id, group.text):
        problems.append(
            f"scratch.storage_account_id: storage account '{account.name}' is in resource group '{account.resource_group}', but "
            f"has to be in the scratch group '{group.name}', so that two drills do not share it"
        )
    network = found.get("virtual_network_id")
    if group and network and not same_id(network.group_id, group.text):
        problems.append(
            f"scratch.virtual_network_id: virtual network '{network.name}' is in resource group '{network.resource_group}', but "
            f"has to be in the scratch group '{group.name}', so that no machine of yours is in it"
        )
    if task.options["boot"] and not (found.get("virtual_network_id") and given["subnet"]):
        problems.append("boot: it needs scratch.virtual_network_id and scratch.subnet, a network that is closed")
    if not task.options["boot"] and (given["virtual_network_id"] or given["subnet"]):
        problems.append("scratch.virtual_network_id, scratch.subnet: only boot: true uses them; set it or remove them")
    problems += _problems_of_figures(task)
    if problems or group is None or account is None:
        raise BadInput("; ".join(problems))
    return Scratch(group, account, given["staging_identity"], found.get("virtual_network_id"), given["subnet"])


def read_scratch_account(task: Task, scratch: Scratch) -> dict[str, Any]:
    """Read the storage account of a scratch group, as Azure answers it. Raises NotFound."""
    return read_account(task.session, scratch.account, "scratch.storage_account_id")


def endpoint_of(account: dict[str, Any]) -> str:
    """Give the address of the blobs of a scratch account. Raises BadInput."""
    return blob_endpoint(account, "scratch.storage_account_id")


def _problems_of_figures(task: Task) -> list[str]:
    problems: list[str] = []
    for name in ("rto", "rpo", "random_within"):
        read_seconds(task.options[name], name, problems)
    least = {"sample_containers": 1, "max_size": 1, "boot_timeout": 1}
    problems += [
        f"{name}: {task.options[name]} must be at least {lowest}"
        for name, lowest in least.items()
        if task.options[name] is not None and task.options[name] < lowest
    ]
    if task.options["sample_containers"] is not None and task.options["sample_containers"] > 100:
        problems.append("sample_containers: Azure restores at most 100 containers at once")
    return problems


@dataclass
class DrillRun:
    """All that the drills of one task share; account: of the scratch group, as Azure answers it."""

    task: Task
    service: BackupService
    vault: Described
    scratch: Scratch
    account: dict[str, Any]
    drill_id: str

    def __post_init__(self) -> None:
        self.endpoint = endpoint_of(self.account)
        # Seeded by the drill, so that its choices can be told from its id.
        self.chance = random.Random(self.drill_id)  # noqa: S311 - a choice, not a secret
        self.resource = ReadOnce(lambda resource_id: read_resource(self.task.session, resource_id))

    @property
    def short_id(self) -> str:
        """What names of a drill begin with, beside the word drill."""
        return self.drill_id[:8]

    def check_place(self, instances: Sequence[Described], is_swept: bool) -> list[str]:
        """Read the scratch group and refuse one that is not only for drills; give the ids of what lies in it.

        is_swept: whether nothing of an earlier drill is there, so that anything else is somebody's. Raises NotFound, BadInput.
        """
        session, scratch = self.task.session, self.scratch
        read_group(session, scratch.group.text, "scratch.resource_group")
        self._check_region()
        self._check_apart(instances)
        if scratch.network and scratch.subnet:
            check_closed(session, scratch.network, scratch.subnet)
        listed = list_resources(session, scratch.group)
        named = {scratch.account.key, *([scratch.network.key] if scratch.network else []), str(scratch.staging_identity).lower()}
        # A network and what guards it may lie ready for drills that boot.
        ready = ("microsoft.network/virtualnetworks", "microsoft.network/networksecuritygroups")
        strange = [
            str(one["id"]) for one in listed if str(one["id"]).lower() not in named and str(one.get("type")).lower() not in ready
        ]
        if strange and is_swept:
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            raise BadInput(
                f"scratch.resource_group: resource group '{scratch.group.name}' contains {strange[0]}{more}. A scratch group may "
                "contain only the storage account, the staging identity, virtual networks and network security groups, because a "
                "drill must be able to tell its own resources from others. Move that out, delete it if nobody needs it, or use "
                "another group"
            )
        return [str(one["id"]) for one in listed]

    def _check_region(self) -> None:
        account = self.account
        place = self.service.restore_region(self.vault) or self.vault["location"]
        if normalize(account.get("location")) != normalize(place):
            raise BadInput(
                f"scratch.storage_account_id: storage account '{self.scratch.account.name}' is in {account.get('location')}, but "
                f"vault '{self.service.vault.name}' restores in {place}; use a scratch group with an account there"
            )

    def _check_apart(self, instances: Sequence[Described]) -> None:
        """Refuse a scratch group that holds the vault, what it protects, or its snapshots. Raises BadInput."""
        group, account = self.scratch.group, self.scratch.account
        if same_id(self.service.vault.group_id, group.text):
            raise BadInput(f"scratch.resource_group: '{group.name}' holds the vault; use a resource group of its own for drills")
        for one in instances:
            source = str(one["datasource_id"])
            if same_id(source, account.text):
                raise BadInput(f"scratch.storage_account_id: the vault backs up '{account.name}'; use another account for drills")
            if source.lower().startswith(f"{group.key}/"):
                raise BadInput(
                    f"scratch.resource_group: '{group.name}' holds {source}, which is backed up; use a resource group of its own "
                    "for drills"
                )
            if same_id(one["snapshot_resource_group_id"], group.text):
                raise BadInput(
                    f"scratch.resource_group: '{group.name}' holds the snapshots of backups; use a resource group of its own for "
                    "drills"
                )


@dataclass
class Subject:
    """One datasource of a drill, and what is known of it so far.

    number: its place in the task; kind: how it is drilled; point: the one that is drilled; newest_time: when the newest one was
    taken; requested: when its restore was; needs: the roles that its restore needs, with the principals; result: of its restore;
    times: seconds by phase; reason: why it was skipped or has failed.
    """

    number: int
    kind: DrillKind
    datasource_type: DatasourceType
    datasource: ResourceId
    instance: Described
    point: Described | None = None
    newest_time: str | None = None
    requested: datetime | None = None
    entry: dict[str, Any] = field(default_factory=dict)
    needs: list[tuple[Need, str]] = field(default_factory=list)
    result: Result = field(default_factory=dict)
    checks: list[Result] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    status: str | None = None
    reason: str | None = None
    error: Result | None = None
    leftovers: list[Result] = field(default_factory=list)
