# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What can be backed up: one row a type. Adding a type is adding a row.

Sources: the datasource manifests of azure-cli's dataprotection extension (roles, defaults, tags), Microsoft's
support matrices (intervals and SKUs), the recordings (spelling of types).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadInput
from .resource_ids import ResourceId, parse_resource_id

# Where a role has to be held.
ON_DATASOURCE = "datasource"
ON_SNAPSHOT_RESOURCE_GROUP = "snapshot_resource_group"
ON_TARGET_RESOURCE_GROUP = "target.resource_group"
ON_TARGET_STORAGE_ACCOUNT = "target.storage_account_id"
ON_STAGING_STORAGE_ACCOUNT = "target.staging_storage_account_id"

_INTO_A_DISK = ("resource_group", "name", "name_prefix", "name_suffix", "rename")
_INTO_AN_ACCOUNT = ("storage_account_id", "containers", "prefixes", "rename")
_INTO_A_MACHINE = (
    "resource_group", "staging_storage_account_id", "staging_identity", "disk_luns", "zone", "disk_encryption_set_id",
    "disk_network_access", "disk_access_id", "virtual_network_id", "subnet", "name", "name_prefix", "name_suffix", "rename",
)  # fmt: skip
_IN_A_MACHINE = (
    "in_place", "staging_storage_account_id", "staging_identity", "disk_luns", "disk_network_access", "disk_access_id",
)  # fmt: skip


@dataclass(frozen=True)
class Role:
    """An Azure role that the vault's identity needs, and where."""

    name: str
    definition: str
    scope: str


@dataclass(frozen=True)
class DatasourceType:
    """All that is particular to one type of datasource.

    default_policy_name: of the role protect.
    frequencies: what a schedule may be; interval_hours: the hours that an hourly one may have.
    sku_interval_hours: SKUs that take fewer hourly intervals. retention_tags: retention beside the default.
    data_store: where scheduled backups go; continuous_store: where a type is backed up continuously as well.
    custom_retention: whether a policy may have retention rules with criteria of its own.
    parameters_type: the objectType that carries the containers chosen for a scheduled backup.
    names_datasource_set: whether a protection names the datasource a second time, as the set that it is.
    retention_units: the unit of each retention that Azure takes in that unit only; most_of_unit: how many of a unit it takes at
    most; rule_criteria: the names that retention rules may have, with the sets of criteria that each may have, any where none is
    named. weekly_retention: how long a weekly schedule keeps where nothing is said, for types whose weekly schedule has no weekly
    retention beside the default. has_window: whether an hourly schedule has a window of the day. minutes_of_times: the minutes
    past the hour at which a schedule may begin, any where none is named. has_instant_restore: whether a policy speaks of
    snapshots beside the vault (instant_restore). kind_property: of the resource's properties the one that tells this type from
    others with the same resource_type, and its value here. restore_roles: what a restore needs beside roles; target_keys: the
    keys of a restore's target, none where the type cannot be restored; in_place_target_keys: those of a restore in place.
    """

    name: str
    title: str
    default_policy_name: str
    vault_type: str
    resource_type: str
    wire_type: str
    backup_type: str
    data_store: str
    frequencies: tuple[str, ...]
    interval_hours: tuple[int, ...]
    default_schedule: dict[str, object]
    default_retention: dict[str, str]
    retention_tags: tuple[str, ...]
    longest_retention_days: int
    most_recovery_points: int | None
    roles: tuple[Role, ...]
    needs_snapshot_resource_group: bool = False
    continuous_store: str | None = None
    longest_continuous_days: int = 0
    custom_retention: bool = False
    parameters_type: str | None = None
    names_datasource_set: bool = False
    shortest_retention_days: int = 1
    retention_units: dict[str, str] = field(default_factory=dict)
    most_of_unit: dict[str, int] = field(default_factory=dict)
    rule_criteria: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    weekly_retention: str | None = None
    has_window: bool = False
    has_instant_restore: bool = False
    most_times_a_day: int | None = None
    minutes_of_times: tuple[int, ...] = ()
    sku_interval_hours: dict[str, tuple[int, ...]] = field(default_factory=dict)
    kind_property: tuple[str, bool] | None = None
    restore_roles: tuple[Role, ...] = ()
    target_keys: tuple[str, ...] = ()
    in_place_target_keys: tuple[str, ...] = ()

    def is_kind_of(self, wire: dict[str, Any]) -> bool:
        """Tell whether a resource of resource_type, as Azure has it, is of this type and not of another one that shares that."""
        if self.kind_property is None:
            return True
        name, wanted = self.kind_property
        return bool((wire.get("properties") or {}).get(name)) is wanted


_CONTRIBUTOR_OF_TARGET = Role(
    "Storage Account Backup Contributor", "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1", ON_TARGET_STORAGE_ACCOUNT
)

DATASOURCE_TYPES = {
    datasource_type.name: datasource_type
    for datasource_type in (
        DatasourceType(
            name="azure_disk",
            title="disk",
            default_policy_name="disks",
            vault_type="backup",
            resource_type="Microsoft.Compute/disks",
            wire_type="Microsoft.Compute/disks",
            backup_type="Incremental",
            data_store="OperationalStore",
            frequencies=("hourly", "daily"),
            interval_hours=(1, 2, 4, 6, 8, 12),
            default_schedule={"frequency": "hourly", "interval_hours": 4, "times": ["13:00"]},
            default_retention={"default": "P7D"},
            retention_tags=("daily", "weekly"),
            # Retention of a disk's snapshots ends after a year (support matrix of disk backup).
            longest_retention_days=366,
            # A disk has 500 incremental snapshots at most; 50 are left to backups on demand (support matrix).
            most_recovery_points=450,
            roles=(
                Role("Disk Backup Reader", "3e5e47e6-65f7-47ef-90b5-e5dd4d455f24", ON_DATASOURCE),
                Role("Disk Snapshot Contributor", "7efff54f-a5b4-42b5-a1c5-5411624893ce", ON_SNAPSHOT_RESOURCE_GROUP),
            ),
            needs_snapshot_resource_group=True,
            sku_interval_hours={"premiumv2_lrs": (12,), "ultrassd_lrs": (12,)},
            # The article on restoring managed disks.
            restore_roles=(Role("Disk Restore Operator", "b50d9833-a0cb-478e-945f-707fcc997c13", ON_TARGET_RESOURCE_GROUP),),
            target_keys=_INTO_A_DISK,
        ),
        DatasourceType(
            name="azure_blob",
            title="storage account",
            default_policy_name="blobs",
            vault_type="backup",
            resource_type="Microsoft.Storage/storageAccounts",
            wire_type="Microsoft.Storage/storageAccounts/blobServices",
            backup_type="Discrete",
            data_store="VaultStore",
            frequencies=("daily", "weekly"),
            interval_hours=(),
            default_schedule={"frequency": "daily", "times": ["07:30"]},
            default_retention={"operational": "P30D", "default": "P7D"},
            retention_tags=("weekly", "monthly", "yearly"),
            # Ten years in the vault, 360 days of operational backup (support matrix of blob backup).
            longest_retention_days=3650,
            most_recovery_points=None,
            roles=(Role("Storage Account Backup Contributor", "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1", ON_DATASOURCE),),
            continuous_store="OperationalStore",
            longest_continuous_days=360,
            custom_retention=True,
            parameters_type="BlobBackupDatasourceParameters",
            names_datasource_set=True,
            kind_property=("isHnsEnabled", False),
            restore_roles=(_CONTRIBUTOR_OF_TARGET,),
            target_keys=_INTO_AN_ACCOUNT,
            in_place_target_keys=("ranges",),
        ),
        # An account with a hierarchical namespace: the manifest of Microsoft's clients, recording ..create_and_delete_adls.
        DatasourceType(
            name="azure_data_lake_storage",
            title="Data Lake storage account",
            default_policy_name="data-lakes",
            vault_type="backup",
            resource_type="Microsoft.Storage/storageAccounts",
            wire_type="Microsoft.Storage/storageAccounts/adlsBlobServices",
            backup_type="Discrete",
            data_store="VaultStore",
            frequencies=("daily", "weekly"),
            interval_hours=(),
            default_schedule={"frequency": "weekly", "days": ["Sunday"], "times": ["13:00"]},
            default_retention={"default": "P7D"},
            retention_tags=("weekly", "monthly", "yearly"),
            longest_retention_days=3650,
            most_recovery_points=None,
            roles=(Role("Storage Account Backup Contributor", "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1", ON_DATASOURCE),),
            custom_retention=True,
            parameters_type="AdlsBlobBackupDatasourceParameters",
            names_datasource_set=True,
            kind_property=("isHnsEnabled", True),
            restore_roles=(_CONTRIBUTOR_OF_TARGET,),
            target_keys=_INTO_AN_ACCOUNT,
        ),
        DatasourceType(
            name="azure_vm",
            title="virtual machine",
            default_policy_name="virtual-machines",
            vault_type="recovery_services",
            resource_type="Microsoft.Compute/virtualMachines",
            wire_type="Microsoft.Compute/virtualMachines",
            backup_type="",
            data_store="",
            frequencies=("hourly", "daily", "weekly"),
            interval_hours=(4, 6, 8, 12),
            # As the DefaultPolicy that Azure puts into a new vault (recorded).
            default_schedule={"frequency": "daily", "times": ["20:00"]},
            default_retention={"default": "P30D"},
            retention_tags=("weekly", "monthly", "yearly"),
            shortest_retention_days=7,
            longest_retention_days=9999 * 365,
            most_recovery_points=9999,
            roles=(),
            custom_retention=True,
            # The portal's proposal for a weekly schedule.
            weekly_retention="P12W",
            retention_units={"default": "days", "weekly": "weeks", "monthly": "months", "yearly": "years"},
            # azurerm's documentation of policies for virtual machines.
            most_of_unit={"days": 9999, "weeks": 5163, "months": 1188, "years": 99},
            minutes_of_times=(0, 30),
            rule_criteria={
                "weekly": (("days_of_the_week",),),
                "monthly": (("days_of_month",), ("days_of_the_week", "weeks_of_the_month")),
                "yearly": (("days_of_month", "months_of_year"), ("days_of_the_week", "weeks_of_the_month", "months_of_year")),
            },
            has_window=True,
            has_instant_restore=True,
            most_times_a_day=1,
            # Only where the vault's identity reaches the staging account, and not the caller (the article on restoring machines).
            restore_roles=(
                Role("Storage Account Backup Contributor", "e5e2a7ff-d759-4cd2-bb51-3152d37e2eb1", ON_STAGING_STORAGE_ACCOUNT),
                Role("Storage Blob Data Contributor", "ba92f5b4-2d11-453d-a403-e96b0029c9fe", ON_STAGING_STORAGE_ACCOUNT),
            ),
            target_keys=_INTO_A_MACHINE,
            in_place_target_keys=_IN_A_MACHINE,
        ),
    )
}


def find_by_name(name: str) -> DatasourceType:
    """Give the row of a datasource_type. Raises BadInput."""
    datasource_type = DATASOURCE_TYPES.get(name)
    if datasource_type is None:
        raise BadInput(f"datasource_type: '{name}' is not supported; use one of {', '.join(DATASOURCE_TYPES)}")
    return datasource_type


def find_by_id(datasource_id: str, name: str | None = None) -> tuple[DatasourceType, ResourceId]:
    """Read the ARM id of a datasource and give its row; of several that share its resource type the first, or that of a name.

    Raises BadInput for other ids, for types without a row, and for a name that a datasource of this id cannot have.
    """
    found = parse_resource_id(datasource_id, "datasource_id")
    possible = types_of_resource(found.type)
    for datasource_type in possible:
        if name in (None, datasource_type.name):
            return datasource_type, found
    if possible:
        names = " or ".join(one.name for one in possible)
        raise BadInput(f"datasource_type: '{found.text}' is a {found.type}, which is {names}, not {name}")
    supported = ", ".join(datasource_type.resource_type for datasource_type in DATASOURCE_TYPES.values())
    raise BadInput(f"datasource_id: '{found.text}' is a {found.type}, which is not supported; supported types are {supported}")


def types_of_resource(resource_type: str) -> list[DatasourceType]:
    """Give the rows of a resource type: several where one resource can be protected in several ways."""
    return [one for one in DATASOURCE_TYPES.values() if one.resource_type.lower() == resource_type.lower()]


def find_by_resource(wire: dict[str, Any], datasource_types: Iterable[DatasourceType]) -> DatasourceType | None:
    """Give the row among some that a resource is of, None for one that only shares its resource type with them."""
    kind = str(wire["type"]).lower()
    return next((one for one in datasource_types if one.resource_type.lower() == kind and one.is_kind_of(wire)), None)


def find_by_wire_type(wire_type: str | None) -> DatasourceType | None:
    """Give the row whose datasourceType Azure names, None for a type without a row."""
    wanted = (wire_type or "").lower()
    return next(
        (datasource_type for datasource_type in DATASOURCE_TYPES.values() if datasource_type.wire_type.lower() == wanted), None
    )
