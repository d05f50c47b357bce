# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Which containers of a storage account its scheduled backups take: a list, or all but some, also those to come."""

from __future__ import annotations

import re
from typing import Any

from .datasource_types import DatasourceType
from .result_shapes import Described

# 3 to 63 lower-case letters, digits and single hyphens, and those that Azure names itself, which lists show among the others.
_CONTAINER_NAME = re.compile(r"(\$(?:root|web|logs|blobchangefeed)|(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*)")
_PREFIX = re.compile(r"[a-z0-9$][-a-z0-9]{0,62}")


def is_container_name(name: str) -> bool:
    """Tell whether a container can have a name."""
    return bool(_CONTAINER_NAME.fullmatch(name))


# The fields containers_list and auto_protection of an instance.
Selection = dict[str, Any]


def selection_of(instance: Described) -> Selection:
    """Give the containers of an instance, in a form to compare by."""
    automatic = instance["auto_protection"]
    return {
        "containers_list": sorted(set(instance["containers_list"])),
        "auto_protection": None if automatic is None else canonical_prefixes(automatic["exclude_prefixes"]),
    }


def canonical_prefixes(prefixes: list[Any] | None) -> dict[str, Any]:
    """Give excluded prefixes in a form to compare by."""
    return {"exclude_prefixes": sorted({str(prefix) for prefix in prefixes or []})}


def check_containers(options: dict[str, Any], datasource_types: list[DatasourceType]) -> list[str]:
    """Give what is wrong with containers_list and auto_protection, for datasources of these types."""
    containers, automatic = options["containers_list"], options["auto_protection"]
    if containers is None and automatic is None:
        return []
    option = "auto_protection" if containers is None else "containers_list"
    titles = {datasource_type.title for datasource_type in datasource_types if not datasource_type.parameters_type}
    problems = [f"{option}: a {title} has no containers" for title in sorted(titles)]
    wrong = [str(name) for name in containers or [] if not is_container_name(str(name))]
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
