# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers of a storage account its scheduled backups take: a list, or all but some, also those to come."""

from __future__ import annotations

import re
from typing import Any

from .datasources import DatasourceType
from .errors import BadInput, NotFound
from .module import Task
from .resource_ids import ResourceId
from .shapes import Described

# 3 to 63 lower-case letters, digits and single hyphens, and those that Azure names itself, which lists show among the others.
_CONTAINER_NAME = re.compile(r"(\$(?:root|web|logs|blobchangefeed)|(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*)")
_PREFIX = re.compile(r"[a-z0-9$][-a-z0-9]{0,62}")

# The fields containers_list and auto_protection of an instance.
Selection = dict[str, Any]


def selection_of(instance: Described) -> Selection:
    """Give the containers of an instance, in a form to compare by."""
    automatic = instance["auto_protection"]
    return {
        "containers_list": sorted(set(instance["containers_list"])),
        "auto_protection": None if automatic is None else _canonical(automatic["exclude_prefixes"]),
    }


def _canonical(prefixes: list[Any] | None) -> dict[str, Any]:
    return {"exclude_prefixes": sorted({str(prefix) for prefix in prefixes or []})}


def check_containers(options: dict[str, Any], rows: list[DatasourceType]) -> list[str]:
    """Give what is wrong with containers_list and auto_protection, for datasources of these types."""
    containers, automatic = options["containers_list"], options["auto_protection"]
    if containers is None and automatic is None:
        return []
    option = "auto_protection" if containers is None else "containers_list"
    titles = {row.title for row in rows if not row.parameters_type}
    problems = [f"{option}: a {title} has no containers" for title in sorted(titles)]
    wrong = [str(name) for name in containers or [] if not _CONTAINER_NAME.fullmatch(str(name))]
    if wrong:
        problems.append(f"containers_list: {', '.join(wrong)} is not a valid container name")
    if containers == []:
        problems.append("containers_list: the list is empty; omit it to back up every container")
    if containers is not None and automatic is not None:
        problems.append("auto_protection: set either this or containers_list, not both")
    wrong = [str(prefix) for prefix in (automatic or {}).get("exclude_prefixes") or [] if not _PREFIX.fullmatch(str(prefix))]
    if wrong:
        problems.append(f"auto_protection.exclude_prefixes: {', '.join(wrong)} is not a valid container name prefix")
    return problems


def choose_containers(task: Task, row: DatasourceType, datasource: ResourceId, policy: Described) -> Selection:
    """Give the containers that a policy is to back up: those of the options, else all that the datasource has now.

    Continuous backup takes none of the options; for a policy that is not there yet nothing is read. Raises BadInput, NotFound.
    """
    wanted, automatic = task.options["containers_list"], task.options["auto_protection"]
    chosen: Selection = {"containers_list": sorted(set(wanted or [])), "auto_protection": None}
    if automatic is not None:
        chosen["auto_protection"] = _canonical(automatic["exclude_prefixes"])
    if not row.parameters_type or "backup_rules" not in policy:
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
        chosen["containers_list"] = sorted(_read_containers(task, row, datasource))
    return chosen


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
            f"datasource_id: {row.title} '{datasource.name}' has no container, but a scheduled backup needs at least one"
        )
    return names
