# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers of a storage account its scheduled backups take."""

from __future__ import annotations

import re

from .datasources import DatasourceType
from .errors import BadInput, NotFound
from .module import Task
from .resource_ids import ResourceId
from .shapes import Described

# 3 to 63 lower-case letters, digits and single hyphens, and the two that Azure names itself.
_CONTAINER_NAME = re.compile(r"^(\$root|\$web|[a-z0-9](-?[a-z0-9]){2,62})$")


def check_containers(containers: list[str] | None, rows: list[DatasourceType]) -> list[str]:
    """Give what is wrong with the option containers_list, for datasources of these types."""
    if containers is None:
        return []
    titles = {row.title for row in rows if not row.parameters_type}
    problems = [f"containers_list: a {title} has no containers" for title in sorted(titles)]
    wrong = [str(name) for name in containers if not _CONTAINER_NAME.match(str(name))]
    if wrong:
        problems.append(f"containers_list: {', '.join(wrong)} cannot be a container's name")
    if not containers:
        problems.append("containers_list: the list is empty; leave it out to back up every container")
    return problems


def choose_containers(task: Task, row: DatasourceType, datasource: ResourceId, policy: Described) -> list[str]:
    """Give the containers that a policy is to back up: those of the option, else all that the datasource has now.

    Continuous backup takes no list; nor can one be made by a policy that is not there yet. Raises BadInput, NotFound.
    """
    wanted: list[str] | None = task.options["containers_list"]
    if not row.parameters_type or "backup_rules" not in policy:
        return sorted(wanted or [])
    if not policy["backup_rules"]:
        if wanted:
            raise BadInput(
                f"containers_list: policy '{policy['name']}' is for continuous backup only, which takes every container; leave "
                "the list out or choose a policy with a schedule"
            )
        return []
    return sorted(wanted or _read_containers(task, row, datasource))


def _read_containers(task: Task, row: DatasourceType, datasource: ResourceId) -> list[str]:
    try:
        listed = task.session.read_all(
            f"{datasource.text}/blobServices/default/containers", f"list the containers of '{datasource.name}'", row.api_version
        )
    except NotFound as error:
        raise NotFound(f"datasource_id: the {row.title} {datasource.text} does not exist", status=404) from error
    names = [str(item["name"]) for item in listed if not (item.get("properties") or {}).get("deleted")]
    if not names:
        raise BadInput(
            f"datasource_id: {row.title} '{datasource.name}' has no container, and a scheduled backup takes at least one"
        )
    return names
