# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that decides what changed, what check mode does, and what --diff shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .clock import Clock, looks
from .shapes import Described

# How long a read is doubted that does not show what was written.
_SECONDS_TO_SHOW = 30.0
_SECONDS_BETWEEN_LOOKS = 5.0

# Only the service knows them, so a prediction leaves them out of the comparison.
_MADE_BY_SERVICE = {
    "id", "principal_id", "client_id", "tenant_id", "provisioning_state", "secure_score", "security_level", "replicated_regions",
    "is_protected_by_resource_guard", "errors", "vault_critical_operations",
    # A policy in Azure's form: what it says, schedule and retention say as well.
    "properties",
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """What a declarative module did, or would do.

    after: what is there at the end, None for nothing; a prediction in check mode.
    """

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
        return {"before": comparable(self.before) or {}, "after": comparable(self.after) or {}}


def comparable(value: Any) -> Any:
    """Leave out what only the service makes. Tags are the user's, whatever their names."""
    if isinstance(value, dict):
        return {key: item if key == "tags" else comparable(item) for key, item in value.items() if key not in _MADE_BY_SERVICE}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return value


def read_as_written(
    clock: Clock, before: Described | None, written: Described, read: Callable[[], Described | None]
) -> Described | None:
    """Read what was written, again and again until the answer shows it: for a while the service may still give an older one.

    before, written: described, before the write and as it was meant; only what the write changed has to show. Gives the last
    answer where it does not show in time.
    """
    old, new = comparable(before) or {}, comparable(written)
    changed = {name: value for name, value in new.items() if old.get(name) != value}
    found = None
    for _look in looks(clock, _SECONDS_TO_SHOW, _SECONDS_BETWEEN_LOOKS):
        found = read()
        shown = comparable(found) or {}
        if all(_lowered(shown.get(name)) == _lowered(value) for name, value in changed.items()):
            break
    return found


def _lowered(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str).lower()


def reconcile(
    check_mode: bool, before: Described | None, after: Described | None, write: Callable[[], Described | None]
) -> Change:
    """Make before into after by write, unless they are alike or this is check mode.

    before, after: described resources, None for absent; write: makes the change and gives what is there then.
    """
    changed = comparable(before) != comparable(after)
    if not changed:
        return Change(False, before, before)
    return Change(True, before, after if check_mode else write())
