# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What all that comes from a Backup vault has in common: words, errors. Pure."""

from __future__ import annotations

import re
from typing import Any

from ....errors import sentences
from ....model.datasource_types import DatasourceType, find_by_wire_type
from ....model.resource_ids import ResourceId
from ....model.result_shapes import Wire


def describe_errors(details: Any) -> list[dict[str, Any]]:
    """Give errors as results show them; details: one error or a list of them."""
    listed = details if isinstance(details, list) else [details] if details else []
    return [
        {
            "code": error.get("code"),
            "message": error.get("message"),
            "recommended_action": sentences(error.get("recommendedAction")),
        }
        for error in listed
        if isinstance(error, dict)
    ]


def datasource_info(datasource_type: DatasourceType, resource: ResourceId, location: str) -> Wire:
    """Name a datasource as requests do: what is protected, or what a restore makes or writes into."""
    return {
        "datasourceType": datasource_type.wire_type,
        "objectType": "Datasource",
        "resourceID": resource.text,
        "resourceLocation": location,
        "resourceName": resource.name,
        "resourceType": datasource_type.resource_type,
        "resourceUri": resource.text,
    }


def vault_of(resource_id: str | None) -> str | None:
    """Give the id of the vault that something lies in."""
    match = re.match(r"^(.*?/backupVaults/[^/]+)", resource_id or "", re.IGNORECASE)
    return match.group(1) if match else None


def type_of(wire_type: str | None) -> str | None:
    """Give the datasource_type of one of Azure's, which for a type without a row is Azure's own."""
    datasource_type = find_by_wire_type(wire_type)
    return datasource_type.name if datasource_type else wire_type
