# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The containers of a storage account: which there are, and which a policy is to back up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...azure.session import Session
from ...errors import BadInput, NotFound
from ...model.containers import Selection, canonical_prefixes
from ...model.datasource_types import DatasourceType
from ...model.resource_ids import ResourceId
from ...model.result_shapes import Described
from ..blobs import list_container_names


def choose_containers(
    session: Session, options: Mapping[str, Any], datasource_type: DatasourceType, datasource: ResourceId, policy: Described
) -> Selection:
    """Give the containers that a policy is to back up: those of the options, else all that the datasource has now.

    Continuous backup takes none of the options; for a policy that is not there yet nothing is read. Raises BadInput, NotFound.
    """
    wanted, automatic = options["containers_list"], options["auto_protection"]
    chosen: Selection = {"containers_list": sorted(set(wanted or [])), "auto_protection": None}
    if automatic is not None:
        chosen["auto_protection"] = canonical_prefixes(automatic["exclude_prefixes"])
    if not datasource_type.parameters_type or "backup_rules" not in policy:
        return chosen
    if not policy["backup_rules"]:
        if wanted or automatic is not None:
            option = "containers_list" if wanted else "auto_protection"
            raise BadInput(
                f"{option}: policy '{policy['name']}' allows only continuous backup, which covers every "
                "container; omit the option or choose a policy with a schedule"
            )
        return chosen
    if not wanted and automatic is None:
        chosen["containers_list"] = sorted(_read_containers(session, datasource_type, datasource))
    return chosen


def _read_containers(session: Session, datasource_type: DatasourceType, datasource: ResourceId) -> list[str]:
    try:
        names = list_container_names(session, datasource)
    except NotFound as error:
        raise NotFound(f"datasource_id: the {datasource_type.title} {datasource.text} does not exist", status=404) from error
    if not names:
        raise BadInput(
            f"datasource_id: {datasource_type.title} '{datasource.name}' has no container, but a scheduled backup needs at "
            "least one"
        )
    return names
