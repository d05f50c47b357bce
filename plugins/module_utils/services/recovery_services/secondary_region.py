# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""A Recovery Services vault as its paired region has it: what was copied there, restores from it, their jobs.

The SDK no longer has these operations, so they go through azure-core (recorded: recoveryservices/backup_crr).
"""

from __future__ import annotations

from ...azure.long_running import follow, follow_accepted, send_once
from ...azure.session import API_VERSIONS, Session, json_object
from ...clock import Deadline
from ...errors import BadInput, NotFound
from ...model.resource_ids import ResourceId, normalize
from ...model.result_shapes import Described, Wire
from ..interface import JobQuery, Restore
from ..vault_guard import ITEM_RESTORE
from .contents import VMS, RecoveryServices
from .wire import items, jobs, recovery_points
from .wire.restores import restore_request

_API = API_VERSIONS["Microsoft.RecoveryServices/secondary"]
_LOCATIONS_API = API_VERSIONS["Microsoft.Resources"]


class SecondaryRegion(RecoveryServices):
    """The copies of a vault in its paired region (see interface.BackupService for what each method does).

    region: the paired region; None to ask Azure for it.
    """

    def __init__(self, session: Session, vault: ResourceId, region: str | None) -> None:
        super().__init__(session, vault)
        self._given = region
        self._found: str | None = None

    @property
    def region(self) -> str:
        """The paired region. Raises BadInput where there is none, or where the vault does not restore there."""
        if self._found is None:
            self._found = self._find_region()
        return self._found

    @property
    def _place(self) -> str:
        return f"/subscriptions/{self.vault.subscription_id}/providers/Microsoft.RecoveryServices/locations/{self.region}"

    def _find_region(self) -> str:
        if self._given:
            return normalize(self._given)
        own = normalize((self._vault_wire or {}).get("location"))
        url = f"/subscriptions/{self.vault.subscription_id}/locations"
        listed = self._session.read_all(url, "list the regions of the subscription", _LOCATIONS_API)
        pairs = [
            pair
            for location in listed
            if normalize(location.get("name")) == own
            for pair in (location.get("metadata") or {}).get("pairedRegion") or []
        ]
        if not pairs:
            raise BadInput(
                f"region: Azure lists no paired region for {own}, the region of vault '{self.vault.name}'; set secondary_region"
            )
        return normalize(pairs[0]["name"])

    def read_vault(self, reads_guard: bool = False) -> Described | None:
        """See interface.VaultService. A vault that does not restore in its paired region is refused. Raises BadInput."""
        vault = super().read_vault(reads_guard)
        if vault and vault["cross_region_restore_state"] != "Enabled":
            raise BadInput(
                f"region: cross-region restore is {vault['cross_region_restore_state'] or 'not enabled'} in vault "
                f"'{self.vault.name}'; enable it with backup_vault and cross_region_restore_state, which needs GeoRedundant "
                "redundancy. Only recovery points copied after that can be restored there"
            )
        return vault

    def restore_region(self, vault: Described) -> str:
        return self.region

    # The recorded client ends both addresses with a slash.
    def _list_item_wires(self, action: str) -> list[Wire]:
        return self._session.read_all(f"{self.vault.text}/backupProtectedItems/", action, _API, **{"$filter": VMS})

    def list_recovery_points(self, name: str, datasource_id: str | None = None) -> list[Described]:
        path = items.item_path(self.vault, name)
        try:
            listed = self._session.read_all(f"{path}/recoveryPoints/", f"list the recovery points of '{name}'", _API)
        except NotFound:
            return []
        points = [recovery_points.describe(wire, path, name, datasource_id) for wire in listed]
        return sorted(points, key=lambda point: point["time"] or "", reverse=True)

    def trigger_restore(self, restore: Restore, deadline: Deadline) -> str | None:
        name = str(restore.instance["name"])
        action = f"restore '{name}' in {self.region}"
        audience = json_object(self._session.send("GET", f"{self._place}/backupAadProperties", action, _API), action)
        point = f"{items.item_path(self.vault, name)}/recoveryPoints/{restore.recovery_point}"
        answer = self._session.send("POST", f"{point}/accessToken", action, _API, body={"properties": audience.get("properties")})
        # A secret: it lets its bearer restore. It goes nowhere but into the request.
        access = json_object(answer, action).get("properties")
        url = f"{self._place}/backupCrossRegionRestore"
        with self.guard.approving(ITEM_RESTORE) as requests:
            body = {"crossRegionRestoreAccessDetails": access, "restoreRequest": restore_request(restore, requests)}
            answer = send_once(lambda: self._session.send("POST", url, action, _API, body=body, retry_total=0), action, deadline)
        job = follow_accepted(lambda: follow(self._session, answer, action, deadline)).job_id
        return self._job_id(job) if job else None

    def _job_id(self, name: str) -> str:
        return f"{self._place}/backupJobs/{name.rsplit('/', 1)[-1]}"

    def _describe_jobs(self, listed: list[Wire]) -> list[Described]:
        found = super()._describe_jobs(listed)
        return [{**job, "id": self._job_id(str(job["name"]))} for job in found]

    def read_job(self, job_id: str) -> Described | None:
        name = job_id.rsplit("/", 1)[-1]
        body = {"resourceId": self.vault.text, "jobName": name}
        action = f"read job '{name}'"
        try:
            answer = self._session.send("POST", f"{self._place}/backupCrrJob", action, _API, body=body, retry_total=2)
        except NotFound:
            return None
        return self._describe_jobs([json_object(answer, action)])[0]

    def _list_job_wires(self, query: JobQuery) -> list[Wire]:
        action = f"list the jobs of vault '{self.vault.name}' in {self.region}"
        # Every job there is a restore, of an operation that the filter does not know.
        asked = JobQuery(query.statuses, started_after=query.started_after, started_before=query.started_before)
        body = {"resourceId": self.vault.text}
        chosen = {"$filter": jobs.filter_of(asked, self.service_now())}
        try:
            return self._session.read_all(f"{self._place}/backupCrrJobs", action, _API, body=body, **chosen)
        except NotFound:
            return []
