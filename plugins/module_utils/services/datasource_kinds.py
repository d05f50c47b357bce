# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What a datasource is: the resource, and which of several types it has (a storage account holds blobs or a Data Lake)."""

from __future__ import annotations

from typing import Any

from ..azure.session import Session, api_version_of
from ..concurrency import settle_each
from ..errors import AzureBackupError, BadInput
from ..model.datasource_types import DATASOURCE_TYPES, DatasourceType, types_of_resource
from ..model.resource_ids import ResourceId
from ..model.result_shapes import Described
from .interface import by_datasource


def read_datasource(session: Session, datasource_type: DatasourceType, datasource: ResourceId) -> dict[str, Any] | None:
    """Read a datasource as Azure answers it; None where it does not exist. Raises AzureBackupError."""
    version = api_version_of(datasource_type.resource_type)
    return session.read(datasource.text, f"read {datasource_type.title} '{datasource.name}'", version)


def settle_kinds(
    session: Session,
    datasources: list[tuple[DatasourceType, ResourceId]],
    instances: list[Described],
    datasource_type: str | None,
) -> list[tuple[DatasourceType, ResourceId]]:
    """Give datasources with their real types.

    Of what is protected the instance tells the type, so that a datasource which is gone can still be named; of others the
    option datasource_type or else the resource itself. One that does not exist keeps the type that it has.
    Raises BadInput where datasource_type is another than that of the instance.
    """
    known = by_datasource(instances)

    def settle(one: tuple[DatasourceType, ResourceId]) -> tuple[DatasourceType, ResourceId]:
        first, datasource = one
        possible = types_of_resource(datasource.type)
        if len(possible) < 2:
            return one
        instance = known.get(datasource.key)
        if instance:
            check_declared_type(datasource.name, instance, datasource_type)
            return DATASOURCE_TYPES.get(str(instance["datasource_type"]), first), datasource
        if datasource_type:
            return one
        wire = read_datasource(session, first, datasource)
        return (_kind_of(wire, possible) if wire else None) or first, datasource

    settled = settle_each(datasources, settle, session.connections)
    found = []
    for one, outcome in zip(datasources, settled, strict=True):
        if isinstance(outcome, BadInput):
            raise outcome
        # Whoever may not read it is told so when it is protected.
        found.append(one if isinstance(outcome, AzureBackupError) else outcome)
    return found


def check_kind(datasource_type: DatasourceType, datasource: ResourceId, wire: dict[str, Any]) -> None:
    """Refuse a type that a datasource, as it was read, does not have. Raises BadInput naming the type that it has."""
    if datasource_type.is_kind_of(wire):
        return
    real = _kind_of(wire, types_of_resource(datasource.type))
    raise BadInput(
        f"datasource_type: '{datasource.name}' is {real.name if real else 'of another type'}, not {datasource_type.name}"
    )


def check_declared_type(name: str, instance: Described, declared: str | None, at: str = "") -> None:
    """Refuse the option datasource_type where what is protected is of another type; at: see RestoreOrder. Raises BadInput."""
    if declared not in (None, instance["datasource_type"]):
        raise BadInput(
            f"{at}datasource_type: '{name}' is protected as {instance['datasource_type']}, not {declared}; correct or omit "
            "datasource_type"
        )


def _kind_of(wire: dict[str, Any], possible: list[DatasourceType]) -> DatasourceType | None:
    return next((one for one in possible if one.is_kind_of(wire)), None)
