# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The option select of several modules: read, and told of in their results."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import BadInput
from ..model.result_shapes import Described
from ..model.selection import Selection, read_selection
from ..services.interface import BackupService
from ..services.selection import Selected, choose_instances
from .results import name_some, summarise
from .task import Result, Task

_SHOWN = 5


def read_select(task: Task, is_protected: bool = True) -> Selection | None:
    """Read the option select; None where it is not set. is_protected: see read_selection. Raises BadInput."""
    given = task.options["select"]
    if given is None:
        return None
    if task.options.get("datasource_type"):
        raise BadInput("datasource_type: it goes with datasource_id; to select by type, set select.datasource_types")
    return read_selection(given, is_protected=is_protected)


def warn_of_unreadable(task: Task, selected: Selected) -> None:
    """Warn of what the caller cannot see and what is therefore not selected."""
    subscriptions = [name for name in selected.unreadable if "/providers/" not in name]
    datasources = [name for name in selected.unreadable if "/providers/" in name]
    if subscriptions:
        task.warn(f"not searched, because the caller cannot see the subscription(s): {name_some(subscriptions, _SHOWN)}")
    if datasources:
        task.warn(
            f"not selected, because their tags and location could not be read: {name_some(datasources, _SHOWN)}. They do not "
            "exist any more, or the caller lacks read permission; grant Reader on them"
        )


def choose_in_vault(task: Task, service: BackupService, instances: Sequence[Described], selection: Selection) -> Selected:
    """Choose among instances of a vault, and warn of what cannot be read. Raises BadInput, see choose_instances."""
    selected = choose_instances(task.session, instances, selection, f"protected in vault '{service.vault.name}'")
    warn_of_unreadable(task, selected)
    return selected


def nothing_selected(selected: Selected) -> Result:
    """Give the result of a module whose selection is empty, with the reason."""
    return {**summarise([]), "msg": selected.reason, "selection": selected.as_result()}


def with_selection(result: Result, selected: Selected | None) -> Result:
    """Give a module's result with what its selection found, where it has one."""
    return result if selected is None else {**result, "selection": selected.as_result()}
