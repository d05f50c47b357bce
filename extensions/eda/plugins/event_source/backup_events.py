# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source holdfast.azure_backup.backup_events of ansible-rulebook: what happens to the backups of Azure resources."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
---
short_description: Tell what happens to the backups of Azure resources
description:
  - Looks at the backups of an estate again and again, and sends an event for each thing that happened since the look
    before.
  - Most of it is read from Azure Resource Graph, for which the role Reader is enough. Nothing in Azure is ever
    changed.
  - Each event is sent once. C(meta.uuid) is the same if one has to be repeated, for example because a restart lost
    the state.
  - Throttling, a failed sign-in or an unreachable Azure do not end the source. It logs a warning, sends
    C(look_failed) once, and goes on.
  - The options of the connection are those of the modules of this collection, and so are the environment variables.
options:
  interval:
    description:
      - Seconds between two looks, at least 1.
    type: float
    default: 300
  events:
    description:
      - The kinds of events to send. The default is all of them. What no event needs is not read.
      - V(job_failed) and V(job_completed) tell of jobs of Backup vaults, and of the last backup of each virtual
        machine.
      - V(rpo_missed) tells of a newest recovery point that is older than it may be.
      - V(protection_error) tells of a protection that Azure itself reports as broken, V(protection_stopped) of
        backups that were stopped or suspended, V(unprotected) of a resource that no vault protects.
      - V(soft_deleted) tells of deleted backups, with the time until which they can be brought back.
      - V(policy_weakened) tells of a policy that keeps less or backs up less often than before, and of datasources
        that were moved to such a policy. V(vault_weakened) tells of a vault whose soft delete, immutability, resource
        guard, cross-region restore, alerts or closed network were reduced.
      - V(drill_failed) tells of a failed restore drill in the newest report, see O(drill_folder).
      - V(look_failed) tells that Azure cannot be read, once until it can be read again.
    type: list
    elements: str
    choices:
      - job_failed
      - job_completed
      - rpo_missed
      - protection_error
      - unprotected
      - protection_stopped
      - soft_deleted
      - policy_weakened
      - vault_weakened
      - drill_failed
      - look_failed
  select:
    description:
      - Which resources to watch, with the criteria of M(holdfast.azure_backup.backup_coverage_info). The default is
        all in the subscription of the connection. A resource with the exempt tag is not watched.
    type: dict
  rpo:
    description:
      - How old a newest recovery point may be, such as V(24h). The default is the longest pause between two backups
        of the policy, times O(rpo_margin).
    type: str
  rpo_by_type:
    description:
      - The same by datasource type, such as V({"azure_disk":"6h"}).
    type: dict
  rpo_tag:
    description:
      - The name of a tag of resources whose value says it.
    type: str
  rpo_margin:
    description:
      - By which the pause between two backups of the policy is multiplied where nothing else says how old a recovery
        point may be.
    type: float
    default: 1.5
  max_point_reads:
    description:
      - How many backup instances are asked for their recovery points at a look, at most. Resource Graph knows 14 days
        of jobs, so that weekly and monthly backups, and continuous ones, have to be asked for.
    type: int
    default: 100
  unprotected_after:
    description:
      - How long a resource may be without protection before V(unprotected) is sent, such as V(1h), or V(0) for at
        once.
    type: str
    default: 1h
  tell_first:
    description:
      - Whether conditions that are found at the very first look are sent. Jobs that have ended before it never are.
    type: bool
    default: true
  state_file:
    description:
      - The file that keeps what was sent. Without it and without O(storage_container_uri), a restart begins anew.
    type: path
  storage_container_uri:
    description:
      - The URL of a blob container that keeps what was sent, for decision environments without a volume of their own.
        The caller needs the role Storage Blob Data Contributor on it, or O(sas_token).
    type: str
  sas_token:
    description:
      - A SAS token of the container with the permissions C(rw).
    type: str
  container_folder:
    description:
      - The folder in the container.
    type: str
  drill_folder:
    description:
      - The folder of this machine with the report of the role P(holdfast.azure_backup.restore_drill#role).
    type: path
  drill_container_folder:
    description:
      - The folder in the container with that report. V('') is its top.
    type: str
"""

EXAMPLES = r"""
- name: Watch production
  hosts: all
  sources:
    - holdfast.azure_backup.backup_events:
        interval: 300
        select:
          subscription_ids: [all]
          tags:
            Environment: production
        rpo: 24h
        state_file: /var/lib/eda/backup-events.json
  rules:
    - name: A backup failed
      condition: event.kind == "job_failed"
      action:
        debug:
          msg: "{{ event.msg }}"
"""


def _find_collection() -> None:
    """Have Python find this collection where it is installed: ansible-rulebook runs this file by its path."""
    root = str(Path(__file__).resolve().parents[6])
    if root not in sys.path:
        sys.path.append(root)
    # Where a package of that name was imported before, from another place, its path is what counts.
    for name, folder in (
        ("ansible_collections", "ansible_collections"),
        ("ansible_collections.holdfast", "ansible_collections/holdfast"),
    ):
        place = str(Path(root) / folder)
        package = sys.modules.get(name)
        if package is not None and place not in list(package.__path__):
            package.__path__ = [*package.__path__, place]


async def main(queue: asyncio.Queue[Any], args: dict[str, Any]) -> None:
    """Look again and again, and put events into the queue. Raises ValueError with all that is wrong with the arguments."""
    _find_collection()
    try:
        from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import BadInput
        from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.event_watch import Watch
    except ImportError as error:
        message = f"holdfast.azure_backup.backup_events needs ansible-core and requirements.txt of the collection: {error}"
        raise ValueError(message) from None
    try:
        watch = Watch(args)
    except BadInput as error:
        raise ValueError(f"holdfast.azure_backup.backup_events: {error.message}") from None
    while True:
        for event in await asyncio.to_thread(watch.look):
            await queue.put(event)
        await asyncio.to_thread(watch.remember)
        await asyncio.sleep(watch.interval)
