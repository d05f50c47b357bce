# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Datasources that are chosen by what they are: among what a vault protects, or among all that could be protected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..azure.resource_graph import quote
from ..azure.session import Session
from ..errors import BadInput
from ..model.datasource_types import DATASOURCE_TYPES, DatasourceType, find_by_resource
from ..model.resource_ids import ResourceId, parse_resource_id
from ..model.result_shapes import Described
from ..model.selection import Candidate, Selection
from .datasource_kinds import read_datasource
from .search import find_invisible, find_resources

Datasource = tuple[DatasourceType, ResourceId]


@dataclass
class Selected:
    """What a selection found.

    datasources: by their ids' order; instances: of what is protected, by the lower-cased ids; exempt: the reason by the id;
    unreadable: ids of subscriptions and of protected datasources that the caller cannot see or that are gone, so that nobody
    knows whether they are meant; reason: why nothing was selected.
    """

    datasources: list[Datasource] = field(default_factory=list)
    instances: dict[str, Described] = field(default_factory=dict)
    exempt: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    reason: str | None = None

    def as_result(self) -> dict[str, Any]:
        """Give what a module returns of its selection."""
        return {
            "count": len(self.datasources),
            "exempt": [{"datasource_id": name, "reason": reason} for name, reason in self.exempt.items()],
            "unreadable": self.unreadable,
            "reason": self.reason,
        }


def choose_instances(session: Session, instances: Sequence[Described], selection: Selection, where: str) -> Selected:
    """Choose among what is protected; a resource is read only if the selection asks for what only that tells.

    where: what protects the instances, for the reason. Raises BadInput where nothing matches and that is an error.
    """
    known = [one for one in instances if one["datasource_type"] in DATASOURCE_TYPES]
    candidates = [(one, _candidate_of(one)) for one in known]
    found = Selected()
    if selection.needs_resources and candidates:
        # What the instances tell by themselves narrows down what is read.
        types = {candidate.datasource_type for _one, candidate in candidates}
        subscriptions = sorted({candidate.datasource.subscription_id for _one, candidate in candidates})
        datasource_types = [one for one in selection.datasource_types if one.name in types]
        rows = find_resources(session, subscriptions, datasource_types, "read the tags of the datasources")
        read = {str(row["id"]).lower(): row for row in rows}
        asked = {one.name for one in datasource_types}
        found.unreadable = sorted(
            one.datasource.text
            for _instance, one in candidates
            if one.datasource_type in asked and one.datasource.key not in read
        )
        # Of what nobody could read, nobody knows that no exclusion and no exemption is meant.
        candidates = [
            (one, candidate.with_resource(read[candidate.datasource.key]))
            for one, candidate in candidates
            if candidate.datasource.key in read
        ]
    for instance, candidate in sorted(candidates, key=lambda one: one[1].datasource.key):
        if _take(found, selection, candidate):
            found.instances[candidate.datasource.key] = instance
    if not found.datasources:
        found.reason = f"{selection.at} matches none of the {len(instances)} datasource(s) {where}"
    return _checked(selection, found)


def choose_protectable(session: Session, selection: Selection) -> Selected:
    """Choose among all resources that could be protected, in the subscriptions that the selection names.

    Raises BadInput where nothing matches and that is an error.
    """
    subscriptions = selection.subscription_ids(session.subscription_id)
    rows = find_resources(
        session, subscriptions, selection.datasource_types, "search the subscriptions for datasources", conditions_of(selection)
    )
    found = Selected(unreadable=[f"/subscriptions/{name}" for name in find_invisible(session, subscriptions)])
    for candidate in sorted(_candidates(rows, selection.datasource_types), key=lambda one: one.datasource.key):
        _take(found, selection, candidate)
    if not found.datasources:
        titles = ", ".join(f"{one.title}s" for one in selection.datasource_types)
        where = f"in {len(subscriptions)} subscription(s)" if subscriptions else "in the subscriptions that the caller may see"
        found.reason = f"{selection.at} matches nothing: no {titles} {where} meet all of its criteria"
        if found.unreadable:
            found.reason += f"; the caller may not see {', '.join(found.unreadable)}"
    return _checked(selection, found)


def is_still_selected(session: Session, selection: Selection, instance: Described) -> bool | None:
    """Read the resource of an instance itself and tell whether it is selected, whatever Resource Graph says of it by now.

    Gives None where there is no resource any more. Raises AzureBackupError where it cannot be read.
    """
    candidate = _candidate_of(instance)
    datasource = candidate.datasource
    subscriptions = [name.lower() for name in selection.subscription_ids(session.subscription_id)]
    if subscriptions and datasource.subscription_id.lower() not in subscriptions:
        return False
    row = DATASOURCE_TYPES[candidate.datasource_type]
    wire = read_datasource(session, row, datasource)
    if wire is None:
        return None
    return row.is_kind_of(wire) and selection.selects(candidate.with_resource(wire))


def _take(found: Selected, selection: Selection, candidate: Candidate) -> bool:
    """Put a candidate where it belongs; tells whether it is selected."""
    if not selection.matches(candidate):
        return False
    exemption = selection.reason_of_exemption(candidate)
    if exemption is not None:
        found.exempt[candidate.datasource.text] = exemption
        return False
    found.datasources.append((DATASOURCE_TYPES[candidate.datasource_type], candidate.datasource))
    return True


def _checked(selection: Selection, found: Selected) -> Selected:
    if found.reason:
        check_match(selection, found.reason)
    return found


def check_match(selection: Selection, reason: str) -> None:
    """Raise BadInput with the reason why nothing was selected, where the selection has to match something."""
    if selection.require_match:
        raise BadInput(f"{reason}; correct {selection.at}, or remove require_match", code="NothingSelected")


def conditions_of(selection: Selection) -> list[str]:
    """Give the conditions of a query that leave out most of what is not meant; what they leave is compared here."""
    conditions = []
    locations = selection.criteria.wanted.get("locations")
    for column, values in (("location", locations), ("resourceGroup", selection.plain_resource_groups)):
        if values:
            conditions.append(f"where {column} in~ ({', '.join(map(quote, values))})")
    # Names of tags are keys, which the language tells apart by their casing and Azure does not.
    return conditions + [f"where tostring(tags) contains {quote(text)}" for text in selection.tag_texts]


def _candidates(rows: Iterable[dict[str, Any]], datasource_types: list[DatasourceType]) -> Iterable[Candidate]:
    for row in rows:
        kind = find_by_resource(row, datasource_types)
        if kind:
            yield Candidate(parse_resource_id(str(row["id"]), "id"), kind.name).with_resource(row)


def _candidate_of(instance: Described) -> Candidate:
    datasource = parse_resource_id(str(instance["datasource_id"]), "datasource_id")
    return Candidate(datasource, str(instance["datasource_type"]), policy_name=instance["policy_name"])
