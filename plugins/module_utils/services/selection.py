# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Instances of a vault that are chosen by what they are, instead of by the ids of their datasources."""

from __future__ import annotations

from typing import Any

from ..azure.session import Session
from ..errors import BadInput
from ..model.datasource_types import DATASOURCE_TYPES, find_by_name
from ..model.resource_ids import parse_resource_id
from ..model.result_shapes import Described
from .search import find_resources


def check_selection(selection: dict[str, Any]) -> None:
    """Refuse types of datasources that there are not. Raises BadInput naming select."""
    for name in selection["datasource_types"] or []:
        try:
            find_by_name(name)
        except BadInput as error:
            raise BadInput(error.message.replace("datasource_type:", "select.datasource_types:", 1)) from error


def choose_instances(session: Session, instances: list[Described], selection: dict[str, Any]) -> list[Described]:
    """Give the instances that a selection (option select) means, by datasource id; what it leaves out is not asked."""
    chosen = [one for one in instances if one["datasource_type"] in DATASOURCE_TYPES]
    for key, read in (
        ("datasource_types", lambda one: one["datasource_type"]),
        ("resource_groups", lambda one: parse_resource_id(str(one["datasource_id"]), "datasource_id").resource_group),
        ("policy_names", lambda one: one["policy_name"]),
    ):
        if selection[key] is not None:
            wanted = {str(name).lower() for name in selection[key]}
            chosen = [one for one in chosen if str(read(one)).lower() in wanted]
    if selection["tags"] and chosen:
        tags = _read_tags(session, chosen)
        wanted_tags = {str(name).lower(): str(value) for name, value in selection["tags"].items()}
        chosen = [one for one in chosen if wanted_tags.items() <= tags.get(str(one["datasource_id"]).lower(), {}).items()]
    # A vault lists them in whatever order they came into being.
    return sorted(chosen, key=lambda one: str(one["datasource_id"]).lower())


def _read_tags(session: Session, instances: list[Described]) -> dict[str, dict[str, str]]:
    """Read the tags of datasources by their lower-cased ids; names of tags are the same in any casing."""
    types = sorted({one["datasource_type"] for one in instances})
    subscriptions = sorted({parse_resource_id(str(one["datasource_id"]), "datasource_id").subscription_id for one in instances})
    rows = find_resources(session, subscriptions, [DATASOURCE_TYPES[name] for name in types], "read the tags of the datasources")
    return {
        str(row["id"]).lower(): {str(name).lower(): str(value) for name, value in (row.get("tags") or {}).items()} for row in rows
    }
