# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a role that works on groups: it fails if one of them failed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible.plugins.action import ActionBase

_MOST_NAMED = 10


class ActionModule(ActionBase):
    """Fails with what every group that failed says, and with the error of the first.

    results: of each group, with C(group), C(failure) ('' for none), C(error) and C(datasources); are_disjoint: whether a
    datasource in several groups is an error as well, since each would give it its own policy in turn.
    """

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run on the controller."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        results = self._task.args["results"]
        failed = [one for one in results if one["failure"]]
        # A single group needs no name.
        problems = [f"{one['group']}: {one['failure']}" if len(results) > 1 else str(one["failure"]) for one in failed]
        if self._task.args.get("are_disjoint"):
            problems += _shared_datasources(results)
        if not problems:
            return {**result, "changed": False}
        return {
            **result,
            "failed": True,
            "msg": "; ".join(problems),
            "error": (failed[0].get("error") or None) if failed else None,
        }


def _shared_datasources(results: list[dict[str, Any]]) -> list[str]:
    ids = Counter(key for one in results for key in {str(item["datasource_id"]).lower() for item in one["datasources"]})
    spelled = {str(item["datasource_id"]).lower(): str(item["datasource_id"]) for one in results for item in one["datasources"]}
    shared = [spelled[key] for key, count in ids.items() if count > 1]
    if not shared:
        return []
    more = f" and {len(shared) - _MOST_NAMED} more" if len(shared) > _MOST_NAMED else ""
    return [f"several groups protect {', '.join(shared[:_MOST_NAMED])}{more}; let only one group name or select each datasource"]
