# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The only place that decides of a declared resource what changed, what check mode does, and what --diff shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..model.result_shapes import Described, comparable
from .task import Result, Task


@dataclass(frozen=True)
class Change:
    """What a declarative module did, or would do.

    noun: vault, resource_guard, policy or backup_location; after: what is there at the end, None for nothing; a prediction in
    check mode.
    """

    noun: str
    changed: bool
    before: Described | None
    after: Described | None

    @property
    def action(self) -> str:
        """The action: create, change, delete or none."""
        if not self.changed:
            return "none"
        return "create" if self.before is None else "delete" if self.after is None else "change"

    @property
    def diff(self) -> dict[str, Any]:
        """Before and after, as --diff shows them."""
        return {"before": comparable(self.noun, self.before) or {}, "after": comparable(self.noun, self.after) or {}}

    def as_result(self) -> Result:
        """Give the result of the module: one dict named by its noun, and the diff."""
        return {"changed": self.changed, "action": self.action, self.noun: self.after, "diff": self.diff}


def reconcile(
    task: Task,
    noun: str,
    before: Described | None,
    after: Described | None,
    write: Callable[[], Described | None],
    is_forced: bool = False,
) -> Change:
    """Make before into after by write, unless they are alike or this is check mode.

    noun: of Change; before, after: described resources, None for absent; write: makes the change and gives what is there then;
    is_forced: something is written that no read shows, such as a password.
    """
    if not is_forced and comparable(noun, before) == comparable(noun, after):
        return Change(noun, False, before, before)
    return Change(noun, True, before, task.carry_out(write, after))
