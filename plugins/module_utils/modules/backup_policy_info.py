# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Read policies (module backup_policy_info)."""

from __future__ import annotations

from ..errors import BadInput
from ..model.datasource_types import find_by_name
from ..model.policy_spec import default_plan
from ..model.recovery_point_count import with_count
from ..model.resource_ids import parse_resource_id
from ..model.result_shapes import Described
from ..services.interface import BackupService
from ..services.registry import describe_template
from .backup_policy import find_literal_policy, find_versions
from .info_options import look_in, possible_services
from .task import Result, Task

# -- policies


def read_policies(task: Task) -> Result:
    """Read policies of a vault, or Azure's default for a datasource type (module backup_policy_info)."""
    options = task.options
    datasource_type = find_by_name(options["datasource_type"]) if options["datasource_type"] else None
    if options["template"]:
        if datasource_type is None:
            raise BadInput("datasource_type: not set; template: true needs it, because Azure's default depends on it")
        template = with_count(describe_template(datasource_type, default_plan(datasource_type)))
        return {"changed": False, "policies": [template]}
    if options["policy_id"] and not (options["vault_id"] or options["vault_name"]):
        options["vault_id"] = parse_resource_id(options["policy_id"], "policy_id").parent().text
    services = possible_services(task)
    if not services:
        raise BadInput("vault_name, vault_id: no vault is given; set one to read its policies, or set template: true")

    def look(service: BackupService) -> list[Described]:
        if options["policy_name"]:
            # The version that policy_name means elsewhere comes first.
            return [policy for _number, policy in reversed(find_versions(service, options["policy_name"]))]
        if options["policy_id"]:
            policy = find_literal_policy(service, options["policy_id"])
            return [policy] if policy else []
        return service.list_policies() or []

    found = look_in(task, services, look)
    if datasource_type:
        found = [policy for policy in found if policy["datasource_type"] == datasource_type.name]
    return {"changed": False, "policies": [with_count(policy) for policy in found]}
