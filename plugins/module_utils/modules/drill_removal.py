# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Removal of what a restore drill has made, and of nothing else: by the journal, right after a drill or by a later run.

What cannot be proven to be the drill's is left where it is and reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..azure.session import Session
from ..clock import Deadline
from ..errors import AzureBackupError
from ..jobs.wait import SUCCEEDED, is_running
from ..model.datasource_types import Role
from ..model.durations import parse_time
from ..model.resource_ids import ResourceId, same_id
from ..model.result_shapes import Described
from ..model.virtual_machines import disk_ids_of, interface_ids_of
from ..services.blobs import delete_container, list_container_names
from ..services.drill_journal import CONTAINER, DrillJournal, Entry
from ..services.restore_configuration import named_in, read_configuration
from ..services.role_assignments import Grants, Need
from ..services.scratch_resources import delete_resource, list_disks, list_resources, read_resource
from .restore_mode import is_made_by
from .task import Result

# Clocks of Azure's services differ by seconds.
_SLACK = timedelta(minutes=1)


def leftover(resource_id: str, reason: str) -> Result:
    """Tell of something that was left where it is."""
    return {"id": resource_id, "reason": reason}


def leftovers_of(entry: Entry, reason: str) -> list[Result]:
    """Tell of all that an entry of a journal has made, or of its datasource where Azure names what is made."""
    return [leftover(str(name), reason) for name in entry["targets"] or [entry["datasource_id"]]]


@dataclass
class Removal:
    """Removes what the entries of a journal have made; session, journal: of the scratch group; deadline: of each deletion.

    removed: ids of what was removed.
    """

    session: Session
    journal: DrillJournal
    group: ResourceId
    account: ResourceId
    endpoint: str
    deadline: Callable[[], Deadline]
    removed: list[str] = field(default_factory=list)

    @property
    def _content(self) -> dict[str, Any]:
        return self.journal.content or {}

    @property
    def _before(self) -> set[str]:
        return {str(one).lower() for one in self._content["before"]["resources"]}

    def remove(self, entry: Entry, jobs: list[Described]) -> list[Result]:
        """Remove what an entry has made, and give what was left; jobs: restores of its instance since the drill began."""
        running = [job for job in jobs if is_running(job)]
        if running:
            return [leftover(str(job["id"]), f"job {job['name']} is still running") for job in running]
        ways: dict[str, Callable[[Entry, list[Described]], list[Result]]] = {
            "disk": self._remove_disk,
            "containers": self._remove_containers,
            "machine_disks": self._remove_disks_of_machine,
            "machine": self._remove_machine,
        }
        return ways[entry["kind"]](entry, jobs)

    def _delete(self, resource_id: str) -> list[Result]:
        try:
            delete_resource(self.session, resource_id, self.deadline())
        except AzureBackupError as error:
            return [leftover(resource_id, error.message)]
        self.removed.append(resource_id)
        return []

    def _remove_disk(self, entry: Entry, _jobs: list[Described]) -> list[Result]:
        (target,) = entry["targets"]
        wire = read_resource(self.session, target)
        if wire is None:
            return []
        if not self._is_new(wire):
            return [leftover(target, "it was created before the drill began")]
        return self._delete(target)

    def _is_new(self, wire: dict[str, Any]) -> bool:
        """Tell whether a disk or machine is younger than the drill and was not there before it."""
        made = parse_time((wire.get("properties") or {}).get("timeCreated"))
        return str(wire.get("id")).lower() not in self._before and made is not None and made >= self._started() - _SLACK

    def _started(self) -> datetime:
        started = parse_time(self._content["started"])
        if started is None:
            raise AzureBackupError("the journal of the drill does not tell when it began")
        return started

    def _remove_containers(self, entry: Entry, _jobs: list[Described]) -> list[Result]:
        left: list[Result] = []
        there = set(list_container_names(self.session, self.account))
        for name in entry["targets"]:
            if name in there and name not in self._content["before"]["containers"]:
                left += self._delete_container(name)
        return left

    def _delete_container(self, name: str) -> list[Result]:
        container_id = f"{self.account.text}/blobServices/default/containers/{name}"
        try:
            delete_container(self.session, self.account, name)
        except AzureBackupError as error:
            return [leftover(container_id, error.message)]
        self.removed.append(container_id)
        return []

    def _remove_disks_of_machine(self, entry: Entry, jobs: list[Described]) -> list[Result]:
        """Remove the disks that are new, were created while the job ran, and are named in its configuration.

        Azure names them, and the job itself does not tell the names. Any other disk is somebody else's, see find_strangers.
        """
        new = [disk for disk in list_disks(self.session, self.group) if str(disk["id"]).lower() not in self._before]
        left: list[Result] = []
        for job in jobs:
            made = [disk for disk in new if is_made_by(disk, job)]
            for disk in named_in(read_configuration(self.session, self.endpoint, job), made):
                left += self._delete(str(disk["id"]))
        # The configuration is needed for as long as it has disks to tell of.
        return left or self._remove_staging(entry, jobs)

    def _remove_staging(self, entry: Entry, jobs: list[Described]) -> list[Result]:
        """Remove the containers that Azure has left in the scratch account.

        Those are the ones that jobs name and, of failed jobs, which name none, those that are new and named after the machine.
        """
        before = self._content["before"]["containers"]
        there = [name for name in list_container_names(self.session, self.account) if name not in before]
        named = {str((job["restore"] or {}).get("staging_container")) for job in jobs}
        others = [one for one in self._content["entries"] if one["instance_id"] != entry["instance_id"]]
        taken = {one.get("staging_container") for one in others}
        short = _short_name(entry)
        # Of two machines whose names are the same in short, one whose container is not known yet could have it.
        is_certain = all("staging_container" in one or _short_name(one) != short for one in others)
        by_name = is_certain and any(job["status"] not in SUCCEEDED for job in jobs)
        after_machine = re.compile(rf"{re.escape(short)}-[0-9a-f]{{32}}")
        left: list[Result] = []
        for name in there:
            if name in named or (by_name and name not in taken and after_machine.fullmatch(name)):
                left += self._delete_container(name)
        return left

    def _remove_machine(self, entry: Entry, jobs: list[Described]) -> list[Result]:
        """Remove a machine, and then the disks and interfaces that it had, which the journal keeps before that."""
        (target,) = entry["targets"]
        wire = read_resource(self.session, target)
        if wire is not None:
            if not self._is_new(wire):
                return [leftover(target, "it was created before the drill began")]
            if "parts" not in self.journal.find(entry):
                self.note_parts(entry, target, jobs, [*interface_ids_of(wire), *disk_ids_of(wire)])
            left = self._delete(target)
            if left:
                return left
        left = []
        for part in [*(self.journal.find(entry).get("parts") or []), *self._fragments(target, jobs)]:
            if read_resource(self.session, part) is not None:
                left += self._delete(part)
        return left or self._remove_staging(entry, jobs)

    def _fragments(self, machine_id: str, jobs: list[Described]) -> list[str]:
        """Give what a failed restore has left of a machine: new disks and interfaces that have its name, which is the drill's."""
        failed = [job for job in jobs if job["status"] not in SUCCEEDED]
        if not failed:
            return []
        begin = machine_id.rsplit("/", 1)[-1].lower()
        listed = [str(one["id"]) for one in list_resources(self.session, self.group, self._before)]
        named = [one for one in listed if one.lower().rsplit("/", 1)[-1].startswith(begin)]
        disks = [one for one in named if "/disks/" in one.lower()]
        made = [one for one in disks if any(is_made_by(read_resource(self.session, one) or {}, job) for job in failed)]
        return [*(one for one in named if "/networkinterfaces/" in one.lower()), *made]

    def _is_part(self, part: str, machine_id: str, jobs: list[Described]) -> bool:
        """Tell whether an interface or a disk came with a machine: in the scratch group, attached to it, and as new as it is."""
        if not part.lower().startswith(f"{self.group.key}/") or part.lower() in self._before:
            return False
        wire = read_resource(self.session, part) or {}
        if "/disks/" in part.lower():
            return same_id(wire.get("managedBy"), machine_id) and any(is_made_by(wire, job) for job in jobs)
        return same_id(((wire.get("properties") or {}).get("virtualMachine") or {}).get("id"), machine_id)

    def note_parts(self, entry: Entry, machine_id: str, jobs: list[Described], parts: list[str]) -> None:
        """Write down the interfaces and disks that a machine was restored with: they are removed after it."""
        own = [part for part in parts if self._is_part(part, machine_id, jobs)]
        self.journal.note(entry, parts=own)

    def find_strangers(self) -> list[Result]:
        """Give what has appeared in the scratch group and its account since the drill began and cannot be proven the drill's."""
        told = "it appeared in the scratch group during the drill, and cannot be proven to be the drill's"
        listed = [str(one["id"]) for one in list_resources(self.session, self.group, self._before)]
        # What lay in something that was deleted, such as an extension of a machine, is gone with it.
        gone = tuple(f"{one.lower()}/" for one in self.removed)
        new = [one for one in listed if not f"{one.lower()}/".startswith(gone)]
        known = {*self._content["before"]["containers"], CONTAINER}
        containers = [name for name in list_container_names(self.session, self.account) if name not in known]
        place = f"{self.account.text}/blobServices/default/containers"
        return [leftover(one, told) for one in [*new, *(f"{place}/{name}" for name in containers)]]

    def revoke_roles(self) -> list[Result]:
        """Revoke the roles that the drill has granted, which were absent before."""
        left: list[Result] = []
        for role in self._content["roles"]:
            need = Need(Role(role["name"], role["definition"], ""), role["scope"])
            grants = Grants(self.session, role["principal_id"], mark=self._content["drill_id"])
            try:
                # Who could not grant a role may not be allowed to revoke one either.
                if grants.find_own(need):
                    grants.revoke(need)
            except AzureBackupError as error:
                left.append(leftover(f"{role['name']} on {role['scope']}", error.message))
        return left


def _short_name(entry: Entry) -> str:
    """Give how Azure begins the name of a staging container: the name of the machine, letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", str(entry["name"]).lower())
