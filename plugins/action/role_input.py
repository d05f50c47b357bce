# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that reads the variables of the collection's roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.role_groups import build_groups, policies_of, warnings_of
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.role_input import read_variables


class ActionModule(ActionBase):
    """Gives the variables of the role that the task belongs to, in their documented types."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run on the controller; fails naming every variable that cannot be read.

        With split_by, which is datasource_type, vault_type or item, it gives the groups of datasources as well (role_groups).
        """
        result: dict[str, Any] = super().run(tmp, task_vars)
        entry_point = str(self._task.args.get("entry_point", "main"))
        unknown = set(self._task.args) - {"entry_point", "split_by"}
        role = self._task._role  # noqa: SLF001 - ansible-core has no other way to the role of a task
        split_by = self._task.args.get("split_by")
        if role is None or unknown or split_by not in (None, "datasource_type", "vault_type", "item"):
            message = "role_input accepts only entry_point and split_by, and works only in a task of a role"
            return {**result, "failed": True, "msg": message}
        file = Path(role.get_role_path()) / "meta" / "argument_specs.yml"
        specs = self._loader.load_from_file(str(file))["argument_specs"]
        options = specs[entry_point]["options"]
        known = task_vars or {}
        given = {name: self._templar.template(known[name]) for name in options if name in known}
        prefix = f"{role.get_name(include_role_fqcn=False)}_"
        values, problems = read_variables(given, options, prefix)
        groups: list[dict[str, Any]] = []
        if split_by and not problems:
            groups, problems = build_groups(values, options, prefix, split_by)
        if problems:
            return {**result, "failed": True, "msg": "; ".join(problems)}
        result["warnings"] = warnings_of(values, prefix)
        return {
            **result,
            "changed": False,
            "options": values,
            "groups": groups,
            "policies": policies_of(groups) if split_by == "datasource_type" else [],
        }
