# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Read vaults (module backup_vault_info)."""

from __future__ import annotations

from typing import Any

from ..errors import BadInput
from ..model.resource_ids import check_region, same_id
from ..services.interface import BackupService
from ..services.search import (
    find_deleted_vaults,
    find_vaults,
    list_subscriptions,
    list_vaults,
)
from .info_options import lies_where_asked, possible_services, subscriptions_of, warn_of_empty_answer
from .task import Result, Task


def _subscriptions_of_deleted(task: Task, services: list[BackupService]) -> list[str]:
    """Give the subscriptions whose deleted vaults are asked for: each is asked by itself, so that all has to be listed."""
    if services:
        return [services[0].vault.subscription_id]
    return subscriptions_of(task) or list_subscriptions(task.session)


# -- vaults


def read_vaults(task: Task) -> Result:
    """Read one vault, those of a group, of the subscription, or of several subscriptions (module backup_vault_info)."""
    options = task.options
    if options["location"] and not options["deleted"]:
        raise BadInput("location: it selects the region of deleted vaults; set deleted: true as well, or omit it")
    services = possible_services(task)
    if options["deleted"]:
        check_region(options["location"], "location")
        found = find_deleted_vaults(task.session, _subscriptions_of_deleted(task, services), options["location"])
        found = [vault for vault in found if not services or any(same_id(vault["id"], one.vault.text) for one in services)]
    elif services:
        # Whether it exists is what is asked.
        found = [vault for service in services if (vault := service.read_vault())]
    elif options["subscription_ids"]:
        found = find_vaults(task.session, subscriptions_of(task))
        warn_of_empty_answer(task, found)
    else:
        found = list_vaults(task.session, task.session.subscription_id, options["resource_group"])
    wanted = [str(tag).split(":", 1) for tag in options["tags"] or []]
    chosen = [
        vault
        for vault in found
        if lies_where_asked(task, vault["id"])
        and options["vault_type"] in (None, vault["vault_type"])
        and all(_has_tag(vault["tags"], *tag) for tag in wanted)
    ]
    return {"changed": False, "vaults": chosen}


def _has_tag(tags: dict[str, Any], name: str, value: str | None = None) -> bool:
    """Tell whether a tag is there, with that value where one is asked for. Azure compares tags' names without case."""
    return any(name.lower() == key.lower() and value in (None, found) for key, found in tags.items())
