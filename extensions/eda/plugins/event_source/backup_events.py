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
short_description: Send events about the backups of Azure resources
description:
  - Polls the backups of many resources and vaults, and sends an event for each change since the previous poll.
  - Most of it is read from Azure Resource Graph, for which the role Reader is enough. Nothing in Azure is changed, except
    the state of the source itself in O(storage_container_uri).
  - Each event is sent once. If a restart makes the source send an event again, C(meta.uuid) is the same. Set
    O(state_file) or O(storage_container_uri), or a restart loses the events of jobs that failed meanwhile.
  - Throttling, a failed sign-in or an unreachable Azure do not end the source. It logs a warning, sends
    C(read_failed) once, and polls again after O(interval).
  - The options of the connection are those of the modules of this collection, and so are the environment variables.
options:
  interval:
    description:
      - Seconds between two polls, at least 1.
    type: float
    default: 300
  events:
    description:
      - The kinds of events to send. The default is all of them. Data that only other kinds of events need is not read.
      - V(job_failed) and V(job_completed) report jobs of Backup vaults, and the last backup of each virtual machine.
      - V(rpo_missed) reports that the newest recovery point is older than the recovery point objective (RPO).
      - V(protection_error) reports a protection that Azure itself reports as broken, V(protection_stopped) that the
        protection was stopped or its backups were suspended, V(unprotected) a resource that no vault protects.
      - V(soft_deleted) reports deleted backups, with the time until which they can be undeleted.
      - V(policy_weakened) reports a policy that keeps less or backs up less often than before, and datasources that
        were moved to such a policy. V(vault_weakened) reports a vault whose soft delete, immutability, resource guard,
        cross-region restore or alerts were weakened, or whose public network access was enabled.
      - V(drill_failed) reports a failed restore drill in the newest report, see O(drill_folder).
      - V(read_failed) reports that a poll failed completely, once per outage.
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
      - read_failed
  select:
    description:
      - Which resources to watch, with the criteria of M(holdfast.azure_backup.backup_coverage_info). The default is all
        in the subscription of the connection. A resource with the exempt tag is not watched.
    type: dict
  rpo:
    description:
      - The recovery point objective (RPO), which is how old the newest recovery point may be, such as V(24h). The
        default is the longest time between two scheduled backups of the policy, times O(rpo_margin).
    type: str
  rpo_by_type:
    description:
      - The RPO by datasource type, such as V({"azure_disk":"6h"}). Overrides O(rpo).
    type: dict
  rpo_tag:
    description:
      - The name of a resource tag whose value is the RPO of that resource. Overrides O(rpo_by_type) and O(rpo).
    type: str
  rpo_margin:
    description:
      - The factor for the default RPO. The longest time between two scheduled backups is multiplied by it.
    type: float
    default: 1.5
  max_point_reads:
    description:
      - How many backup instances are asked for their recovery points per poll, at most. Resource Graph lists jobs of
        the last 14 days, so that instances with rarer or continuous backups are read from the vault.
    type: int
    default: 100
  unprotected_after:
    description:
      - How long a resource may be without protection before V(unprotected) is sent, such as V(1h), or V(0) for at once.
    type: str
    default: 1h
  send_existing:
    description:
      - Whether conditions that exist at the very first poll are sent. Jobs that ended before it are never sent.
    type: bool
    default: true
  state_file:
    description:
      - The file in which the source saves what it has sent. Without it and without O(storage_container_uri), a restart
        begins with a first poll.
    type: path
  storage_container_uri:
    description:
      - The URL of a blob container in which the source saves what it has sent, for decision environments without a
        volume of their own. The caller needs the role Storage Blob Data Contributor on it, or O(sas_token).
    type: str
  sas_token:
    description:
      - A SAS token of the container with the permissions read and write (C(rw)).
    type: str
  container_folder:
    description:
      - The folder in the container.
    type: str
  drill_folder:
    description:
      - The folder, on the machine that runs ansible-rulebook, with the report of the role
        P(holdfast.azure_backup.restore_drill#role).
    type: path
  drill_container_folder:
    description:
      - The folder in the container with that report. V('') is the root of the container.
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
    root = str(Path(__file__).absolute().parents[7])
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
        message = (
            f"holdfast.azure_backup.backup_events cannot start: {error}. Install ansible-core and the collection's "
            "requirements.txt in the Python environment of ansible-rulebook"
        )
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
