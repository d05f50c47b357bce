# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Read backup instances (module backup_instance_info)."""

from __future__ import annotations

from ..errors import BadInput
from ..model.datasource_types import find_by_name
from ..model.resource_ids import same_id
from ..services.search import (
    find_instances,
)
from .info_options import (
    asks_for_nothing,
    datasources_of,
    instances_of,
    kind_of_vault,
    lies_where_asked,
    look_in,
    possible_services,
    subscriptions_of,
    warn_of_empty_answer,
)
from .task import Result, Task

# -- instances


def read_instances(task: Task) -> Result:
    """Read the backup instances of a vault, or of all vaults of subscriptions (module backup_instance_info)."""
    options = task.options
    if asks_for_nothing(task):
        return {"changed": False, "instances": []}
    ids = [datasource.key for _row, datasource in datasources_of(task)]
    wanted_type = find_by_name(options["datasource_type"]).name if options["datasource_type"] else None
    services = possible_services(task)
    if options["deleted"] and not services:
        raise BadInput("deleted: no vault is given; set one, because Resource Graph does not list soft-deleted instances")
    if services:
        found = look_in(
            task,
            services,
            lambda service: service.list_deleted_instances() if options["deleted"] else instances_of(task, service),
        )
    else:
        found = find_instances(task.session, subscriptions_of(task), ids, kind_of_vault(task))
        warn_of_empty_answer(task, found)
    chosen = [
        item
        for item in found
        if lies_where_asked(task, item["vault_id"])
        and (not ids or str(item["datasource_id"]).lower() in ids)
        and (not options["instance_name"] or same_id(item["name"], options["instance_name"]))
        and (not options["policy_name"] or same_id(item["policy_name"], options["policy_name"]))
        and (not options["state"] or item["state"] in options["state"])
        and wanted_type in (None, item["datasource_type"])
    ]
    return {"changed": False, "instances": sorted(chosen, key=lambda item: str(item["id"]).lower())}
