# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Managed HSMs: full backups into a real blob store, and restores."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure import libraries
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.clients import container_client, managed_hsm_client
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.pipeline import ForAudiences
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.session import Session
from ansible_collections.holdfast.azure_backup.plugins.module_utils.clock import InterruptibleClock
from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import Interrupted, UntrustedHost
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.administration import KeyVaultBackupClient
from azure.keyvault.administration._internal import http_challenge_cache
from conftest import Driver
from emulator.blob_store import BlobStore
from emulator.seed import OUTSIDER_CLIENT
from modules import Result, VirtualClock

NOWHERE = "https://127.0.0.1:9/demoaccount/hsm-backups"
SAS = "sp=crdwl&se=2099-01-01T00:00:00Z&sr=c&sig=bm90aGluZw%3D%3D"


class Operator:
    """Somebody who backs a Managed HSM up."""

    def __init__(self, azure: Driver) -> None:
        # The SDK remembers for its process how an HSM is signed in to.
        http_challenge_cache.clear()
        self.azure = azure
        self.uri = azure.emulator.urls["managed_hsm"]
        self.hsm = azure.azure.managed_hsm

    def run(self, module: str = "hsm_backup", check: bool = False, **arguments: Any) -> Result:
        values = {"hsm_uri": self.uri, "resource_group": None, "vault_name": None, "poll_interval": 2, **arguments}
        return self.azure.run(module, check=check, **values)

    def started(self, path: str = "/backup") -> int:
        return len([one for one in self.azure.requests("POST", path) if one["status"] == 202])


class WithStore(Operator):
    """The same, with a container to back up into."""

    def __init__(self, azure: Driver, blobs: BlobStore) -> None:
        super().__init__(azure)
        self.blobs = blobs

    def run(self, module: str = "hsm_backup", check: bool = False, **arguments: Any) -> Result:
        sas = self.blobs.make_sas()
        opened = {} if "use_user_managed_identity" in arguments or "job_id" in arguments else {"sas_token": sas}
        where = {} if {"job_id", "folder_uri"} & set(arguments) else {"storage_container_uri": self.blobs.container_uri}
        result = super().run(module, check, **{**where, **opened, **arguments})
        for token in (sas, str(arguments.get("sas_token"))):
            signature = re.search(r"sig=([^&]+)", token)
            assert signature is None or signature[1] not in str(result), "no result shows a signature"
        return result

    def folders(self) -> list[str]:
        return sorted({name.split("/", 1)[0] for name in self.blobs.names()})

    def put_backup(self, name: str, hours: float) -> str:
        """Put a backup of an HSM there that was made so many hours ago."""
        folder = f"mhsm-{name}-{self.azure.azure.clock.now() - timedelta(hours=hours):%Y%m%d%H%M%S}07"
        self.blobs.put(f"{folder}/keys/0001.bin")
        return folder


@pytest.fixture
def operator(azure: Driver) -> Operator:
    return Operator(azure)


@pytest.fixture
def stored(azure: Driver) -> WithStore:
    blobs = azure.emulator.start_blob_store()
    if blobs is None:
        pytest.skip("Azurite, which stores the backups of Managed HSMs, is not on this machine (make azurite)")
    blobs.clear()
    # The store tells the real time.
    azure.azure.clock.catch_up()
    return WithStore(azure, blobs)


# -- backups


@pytest.mark.parametrize("mark", ["", "?"])
def test_a_backup_lands_in_the_container_and_its_address_is_told(stored: WithStore, mark: str) -> None:
    result = stored.run(sas_token=mark + stored.blobs.make_sas("crdw"))
    assert not result["failed"], result.get("msg")
    assert (result["changed"], result["action"]) == (True, "start")
    (folder,) = stored.folders()
    assert re.match(r"^mhsm-127\.0\.0\.1-\d{16}$", folder)
    assert result["folder_uri"] == f"{stored.blobs.container_uri}/{folder}"
    backup = result["backup"]
    assert (backup["folder_name"], backup["status"], backup["error"]) == (folder, "succeeded", None)
    assert backup["duration_seconds"] == pytest.approx(9, abs=2)
    assert backup["duration"].startswith("PT")
    assert backup["start_time"] < backup["end_time"]
    assert stored.started() == 1
    first = stored.azure.requests("POST", "/backup")[0]
    assert (first["status"], "body" in first) == (401, False), "the HSM asks for a token before it is given the SAS token"


def test_a_backup_by_the_hsms_own_identity(stored: WithStore) -> None:
    result = stored.run(use_user_managed_identity=True, precheck=True, max_age="1h")
    assert not result["failed"], result.get("msg")
    assert stored.folders() == [result["backup"]["folder_name"]]
    sent = stored.azure.requests("POST", "/backup")[-1]["body"]
    assert sent == {"storageResourceUri": stored.blobs.container_uri, "useManagedIdentity": True}
    assert stored.started("/prebackup") == 1
    again = stored.run(use_user_managed_identity=True, max_age="1h")
    assert (again["changed"], again["action"], again["folder_uri"]) == (False, "skip", result["folder_uri"])


def test_check_mode_foretells_and_sends_nothing(stored: WithStore) -> None:
    foreseen = stored.run(check=True)
    assert (foreseen["changed"], foreseen["action"], foreseen["backup"]) == (True, "start", None)
    assert {entry["path"] for entry in stored.azure.azure.journal.entries} <= {"/metadata/endpoints"}
    stored.put_backup("127.0.0.1", 2)
    assert stored.run(check=True, max_age="3h")["changed"] is False
    assert stored.run(check=True, max_age="1h", keep=1)["pruned_folders"] == stored.folders()
    assert len(stored.folders()) == 1
    assert stored.azure.writes() == []


def test_the_newest_backup_of_this_hsm_decides(stored: WithStore) -> None:
    old = stored.put_backup("127.0.0.1", 5)
    stored.put_backup("another", 0.1)
    stored.blobs.put("mhsm-127.0.0.1-latest/keys")
    skipped = stored.run(max_age="6h")
    assert (skipped["changed"], skipped["backup"]["folder_name"]) == (False, old)
    named = datetime.strptime(old.rsplit("-", 1)[-1][:14], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    assert skipped["backup"]["start_time"] == f"{named:%Y-%m-%dT%H:%M:%SZ}"
    written = datetime.strptime(skipped["backup"]["end_time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert abs(written - datetime.now(timezone.utc)) < timedelta(minutes=1), "the time of its file, not that in its name"
    assert stored.run(max_age="4h")["changed"] is True
    assert stored.run(max_age="4h")["changed"] is False


def test_where_nothing_can_be_listed_that_is_said_and_the_backup_is_taken(stored: WithStore) -> None:
    stored.put_backup("127.0.0.1", 0.1)
    result = stored.run(sas_token=stored.blobs.make_sas("crdw"), max_age="6h")
    assert (result["changed"], result["action"]) == (True, "start")
    assert "with this SAS token, so none counts as recent" in str(result["warnings"])


def test_older_backups_are_removed_only_when_asked_and_only_of_this_hsm(stored: WithStore) -> None:
    mine = [stored.put_backup("127.0.0.1", hours) for hours in (30, 20, 10)]
    other = stored.put_backup("another", 100)
    stored.blobs.put("notes.txt")
    assert stored.run()["pruned_folders"] == []
    assert len(stored.folders()) == 6
    foreseen = stored.run(check=True, keep=2)
    real = stored.run(keep=2)
    assert foreseen["changed"] is real["changed"] is True
    assert set(mine[:2]) < set(real["pruned_folders"])
    assert set(foreseen["pruned_folders"]) == set(real["pruned_folders"])
    left = set(stored.folders())
    assert {other, "notes.txt", real["backup"]["folder_name"]} < left
    assert len(left) == 4
    again = stored.run(keep=1, max_age="1h")
    assert (again["changed"], again["pruned_folders"]) == (False, [])
    assert len(stored.folders()) == 4


def test_nothing_is_removed_while_the_newest_may_not_be_whole(stored: WithStore) -> None:
    good = stored.put_backup("127.0.0.1", 30)
    begun = stored.run(wait=False)
    assert len(stored.folders()) == 2, "the folder of a backup that runs lies there already"
    skipped = stored.run(max_age="24h", keep=1)
    assert (skipped["changed"], skipped["action"], skipped["backup"]["status"]) == (False, "skip", None)
    assert good in stored.folders()
    stored.run(job_id=begun["backup"]["job_id"])
    stored.azure.fault(kind="job", outcome={"status": "Failed"})
    assert stored.run(keep=1)["failed"]
    assert good in stored.folders()
    assert stored.run(keep=1)["pruned_folders"][-1] == good
    assert stored.run(keep=1, wait=False)["msg"].startswith("keep: requires wait: true, because older backups are removed")


def test_a_store_with_folders_of_its_own_is_pruned_once(stored: WithStore) -> None:
    old = stored.put_backup("127.0.0.1", 30)
    stored.blobs.put(old, metadata={"hdi_isfolder": "true"})
    stray = stored.put_backup("127.0.0.1", 40)
    stored.blobs.put(f"{stray[:-1]}9")
    assert set(stored.run(keep=1)["pruned_folders"]) == {old, stray}
    assert old not in stored.blobs.names()
    assert stored.run(keep=1)["pruned_folders"] != []
    assert f"{stray[:-1]}9" in stored.blobs.names()


def test_the_stores_clock_counts_and_the_future_is_not_fresh(stored: WithStore) -> None:
    stored.put_backup("127.0.0.1", -5000)
    assert stored.run(max_age="1h")["action"] == "start"
    stored.blobs.clear()
    stored.put_backup("127.0.0.1", 2)
    stored.azure.azure.clock.advance(5 * 3600)
    assert stored.run(max_age="3h")["action"] == "skip"


def test_a_check_is_no_backup_to_resume(stored: WithStore, tmp_path: Path) -> None:
    told = tmp_path / "progress"
    late = stored.run(precheck=True, wait_timeout=1, progress_file=str(told))
    assert late["failed"]
    assert "job_id" not in late["msg"]
    assert late["changed"] is False
    assert not told.exists()
    (check,) = (name for _kind, name in stored.hsm.jobs)
    assert "created no backup" in stored.run(job_id=check)["msg"]


def test_a_failed_job_is_failed_however_it_is_looked_at(stored: WithStore) -> None:
    job = stored.run(wait=False)["backup"]["job_id"]
    (running,) = stored.hsm.jobs.values()
    stored.azure.azure.clock.advance(60)
    stored.azure.azure.schedule.settle()
    running.status, running.error = "Failed", {"code": "Planned", "message": "It was planned."}
    for more in ({"check": True}, {"wait": False}, {}):
        result = stored.run(job_id=job, **more)
        assert result["failed"]
        assert result["error"]["code"] == "Planned"


def test_a_storage_host_gets_no_token_for_anything_else(stored: WithStore) -> None:
    clock = VirtualClock(stored.azure.azure.clock)
    with Session({}, clock, check_mode=True, needs_subscription=False) as session:
        container = container_client(session, stored.blobs.container_uri, stored.blobs.make_sas())
        with pytest.raises(AssertionError, match="was about to be sent in check mode"):
            container.upload_blob("x", b"x")
        with pytest.raises(UntrustedHost):
            ForAudiences(object(), {"https://storage.azure.com"}, "storage_container_uri").get_token(
                "https://vault.azure.net/.default"
            )
    assert stored.blobs.names() == []


def test_a_wait_is_resumed_by_the_id_of_the_job(stored: WithStore, tmp_path: Path) -> None:
    told = tmp_path / "progress"
    begun = stored.run(wait=False, progress_file=str(told))
    job = begun["backup"]["job_id"]
    assert begun["changed"] is True
    assert job in told.read_text().splitlines()[0]
    refused = stored.run()
    assert refused["failed"]
    assert refused["error"]["status"] == 409
    assert "set job_id to wait for it" in refused["msg"]
    late = stored.run(job_id=job, wait_timeout=1)
    assert f"job_id: {job}" in late["msg"]
    done = stored.run(job_id=job)
    assert (done["changed"], done["action"], done["backup"]["status"]) == (False, "resume", "succeeded")
    assert done["folder_uri"].startswith(stored.blobs.container_uri)
    assert stored.started() == 1
    unknown = stored.run(job_id="00000000000000000000000000000000")
    assert "has no backup job" in unknown["msg"]


def test_a_container_that_does_not_exist_is_told_plainly(stored: WithStore) -> None:
    missing = stored.blobs.container_uri.replace("hsm-backups", "nowhere")
    before = stored.run(storage_container_uri=missing, use_user_managed_identity=True, max_age="1h")
    assert "does not exist" in before["msg"]
    assert stored.started() == 0
    after = stored.run(storage_container_uri=missing, use_user_managed_identity=True)
    assert after["failed"]
    assert f"The container {missing} does not exist" in after["msg"]


def test_what_the_store_refuses_is_told_and_the_check_tells_it_before(stored: WithStore) -> None:
    forged = stored.blobs.make_sas() + "AA"
    checked = stored.run(sas_token=forged, precheck=True)
    assert "AuthorizationFailure" in checked["msg"]
    assert stored.started() == 0
    failed = stored.run(sas_token=forged)
    assert "The storage account also rejects this SAS token" in failed["msg"]
    assert failed["changed"] is True
    stored.hsm.has_identity = False
    unattached = stored.run(use_user_managed_identity=True)
    assert "No user-assigned managed identity is attached" in unattached["msg"]
    assert stored.folders() == []


# -- restores


def test_everything_is_restored_where_the_name_is_confirmed(stored: WithStore) -> None:
    folder = stored.put_backup("127.0.0.1", 1)
    wanted = {"module": "hsm_restore", "folder_name": folder}
    for confirm in (None, "another"):
        refused = stored.run(**wanted, confirm=confirm)
        assert refused["msg"].startswith("confirm: a restore replaces")
    foreseen = stored.run(**wanted, confirm="127.0.0.1", check=True)
    assert foreseen["changed"] is True
    assert {entry["path"] for entry in stored.azure.azure.journal.entries} <= {"/metadata/endpoints"}
    real = stored.run(**wanted, confirm="127.0.0.1", precheck=True)
    assert not real["failed"], real["msg"]
    assert (real["changed"], real["restore"]["status"], real["restore"]["folder_name"]) == (True, "succeeded", folder)
    assert stored.hsm.restored == [folder]
    assert stored.azure.requests("PUT", "/prerestore")


def test_one_key_is_restored_by_the_address_of_a_backup(stored: WithStore) -> None:
    folder = stored.put_backup("127.0.0.1", 1)
    uri = f"{stored.blobs.container_uri}/{folder}"
    there = stored.run("hsm_restore", folder_uri=uri, key_name="signing", confirm="127.0.0.1")
    assert not there["failed"], there["msg"]
    assert "2 version(s) of the key already existed" in str(there["warnings"])
    assert there["msg"].endswith(": 0 version(s)")
    stored.hsm.keys.clear()
    gone = stored.run("hsm_restore", folder_uri=uri, key_name="signing", confirm="127.0.0.1", use_user_managed_identity=True)
    assert "restored: 2" in gone["restore"]["status_details"]
    assert (gone["changed"], gone["msg"].endswith(": 2 version(s)")) == (True, True)
    unknown = stored.run("hsm_restore", folder_uri=uri, key_name="nosuch", confirm="127.0.0.1")
    assert "The key nosuch is not in the backup" in unknown["msg"]
    assert stored.hsm.restored == [f"{folder}/signing"] * 2


def test_a_restore_is_waited_for_by_its_job(stored: WithStore) -> None:
    folder = stored.put_backup("127.0.0.1", 1)
    begun = stored.run("hsm_restore", folder_name=folder, confirm="127.0.0.1", wait=False)
    job = begun["restore"]["job_id"]
    done = stored.run("hsm_restore", job_id=job)
    assert (done["changed"], done["action"], done["restore"]["status"]) == (False, "resume", "succeeded")
    for check in (True, False):
        missing = stored.run("hsm_restore", check=check, folder_name="mhsm-127.0.0.1-2020010100000001", confirm="127.0.0.1")
        assert "has no backup mhsm-127.0.0.1-2020010100000001" in missing["msg"]
    assert len(stored.hsm.restored) == 1


# -- drills


def test_a_drill_has_the_newest_backup_checked_and_restores_nothing(stored: WithStore) -> None:
    stored.put_backup("127.0.0.1", 30)
    newest = stored.put_backup("127.0.0.1", 1)
    foreseen = stored.run("hsm_restore_drill", check=True)
    assert (foreseen["changed"], foreseen["datasources"][0]["status"]) == (False, None)
    assert f"would be checked with backup {newest}" in foreseen["msg"]
    assert stored.azure.requests("PUT", "/prerestore") == []
    done = stored.run("hsm_restore_drill", rpo="2h", fail_on="skipped")
    assert not done["failed"], done["msg"]
    (item,) = done["datasources"]
    assert (done["changed"], item["status"], item["recovery_point"]["name"]) == (False, "passed", newest)
    assert {check["name"]: check["status"] for check in item["checks"]} == {"precheck": "passed", "rpo": "passed"}
    assert item["job"]["status"] == "succeeded"
    assert item["recovery_point_age_seconds"] == pytest.approx(3600, abs=120)
    assert set(item["times"]) == {"find", "check"}
    assert [one["status"] for one in stored.azure.requests("PUT", "/prerestore")].count(202) == 1
    assert stored.azure.requests("PUT", "/restore") == []
    assert stored.hsm.restored == []


def test_a_drill_of_a_backup_that_the_hsm_cannot_read_fails(stored: WithStore) -> None:
    stored.put_backup("127.0.0.1", 1)
    stored.azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "Broken", "message": "a file is missing"}})
    done = stored.run("hsm_restore_drill")
    assert done["failed"]
    assert (done["datasources"][0]["status"], done["error"]["code"]) == ("failed", "Broken")
    assert "a file is missing (precheck)" in done["msg"]
    assert stored.hsm.restored == []


def test_a_drill_of_an_old_backup_is_partial_and_one_of_none_is_skipped(stored: WithStore) -> None:
    none = stored.run("hsm_restore_drill")
    assert (none["failed"], none["datasources"][0]["status"]) == (False, "skipped")
    assert "has no backup of '127.0.0.1'" in none["datasources"][0]["reason"]
    assert stored.run("hsm_restore_drill", fail_on="skipped")["error"]["code"] == "DrillSkipped"
    stored.put_backup("127.0.0.1", 30)
    old = stored.run("hsm_restore_drill", rpo="24h")
    assert (old["failed"], old["datasources"][0]["status"]) == (False, "partial")
    assert "rpo: the age of the newest backup is 30h" in old["datasources"][0]["reason"]
    assert stored.run("hsm_restore_drill", rpo="24h", fail_on="partial")["error"]["code"] == "DrillPartial"
    assert "rpo: 'soon'" in stored.run("hsm_restore_drill", rpo="soon")["msg"]


# -- what needs no store


@pytest.mark.parametrize("status", [429, 503])
def test_a_failed_trigger_is_sent_again_only_where_it_was_not_processed(operator: Operator, status: int) -> None:
    operator.azure.fault(kind="answer", method="POST", path="/backup", status=status, headers={"Retry-After": "2"}, after=1)
    operator.azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "Planned", "message": "It was planned."}})
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS)
    assert result["failed"]
    if status == 429:
        assert "It was planned." in result["msg"]
        assert result["error"]["code"] == "Planned"
        assert operator.started() == 1
    else:
        assert "cannot tell whether a backup of Managed HSM '127.0.0.1' was started" in result["msg"]
        assert operator.started() == 0


def test_a_broken_trigger_is_not_sent_twice(operator: Operator) -> None:
    operator.azure.fault(kind="reset_after", method="POST", path="/backup", after=1)
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS)
    assert "cannot tell whether a backup of Managed HSM '127.0.0.1' was started" in result["msg"]
    assert result["changed"] is True
    assert len(operator.hsm.jobs) == 1


def test_a_failed_backup_counts_neither_as_fresh_nor_as_one_to_keep(stored: WithStore) -> None:
    planned = {"kind": "job", "outcome": {"status": "Failed", "error": {"code": "Planned", "message": "It was planned."}}}
    good = [stored.put_backup("127.0.0.1", hours) for hours in (30, 20)]
    stored.azure.fault(**planned)
    assert stored.run(max_age="12h")["failed"]
    assert any(name.endswith(".failed") for name in stored.blobs.names())
    stored.azure.azure.clock.advance(60)
    stored.azure.fault(**planned)
    again = stored.run(max_age="12h")
    assert (again["failed"], again["action"]) == (True, "start"), "what failed is not fresh"
    stored.azure.azure.clock.advance(60)
    third = stored.run(keep=3)
    assert third["pruned_folders"] == []
    assert set(good) <= set(stored.folders())
    stored.azure.azure.clock.advance(60)
    fourth = stored.run(keep=2)
    assert set(good) <= set(fourth["pruned_folders"])
    assert not [name for name in stored.blobs.names() if name.endswith(".failed")], "a mark goes with its folder"
    assert stored.run(max_age="12h")["action"] == "skip"


def test_a_failure_that_is_seen_by_the_id_of_its_job_is_marked_as_well(stored: WithStore) -> None:
    stored.azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "Planned", "message": "It was planned."}})
    job_id = stored.run(wait=False)["backup"]["job_id"]
    given = {"storage_container_uri": stored.blobs.container_uri, "sas_token": stored.blobs.make_sas()}
    assert stored.run(job_id=job_id, **given)["failed"]
    stored.azure.azure.clock.advance(60)
    assert stored.run(max_age="12h")["action"] == "start"


def test_a_failed_job_without_a_folder_marks_no_other(stored: WithStore) -> None:
    good = stored.put_backup("127.0.0.1", 9 / 3600)
    stored.azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "Planned", "message": "It was planned."}})
    stored.azure.on_sleep = lambda: stored.blobs.clear_but(good)
    assert stored.run()["failed"]
    assert stored.folders() == [good]
    assert not [name for name in stored.blobs.names() if name.endswith(".failed")]


@pytest.mark.parametrize("body", [[], {"jobId": "abc", "status": 5}, {"status": "InProgress", "startTime": 1e20}])
def test_an_odd_answer_to_a_trigger_is_told_as_changed(operator: Operator, body: Any) -> None:
    operator.azure.fault(kind="answer_after", method="POST", path="/backup", status=202, body=body, after=1)
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS, wait_timeout=200)
    assert result["failed"]
    assert result["changed"] is True
    assert "Unexpected error" not in result["msg"]
    assert operator.started() == 1


def test_a_job_that_is_not_found_once_is_looked_for_again(operator: Operator) -> None:
    operator.azure.fault(kind="job", outcome={"status": "Succeeded", "seconds": 600})
    operator.azure.fault(kind="answer", method="GET", path="/pending", status=404, after=6)
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS, poll_interval=30)
    assert not result["failed"], result["msg"]


def test_no_signature_is_shown_in_whatever_form_it_comes_back(operator: Operator) -> None:
    token = "sp=crdwl&se=2099-01-01T00:00:00Z&sr=c&sig=bm90aGluZw%2Babc%3D%3D"
    told = {"code": "StorageError", "message": "PUT https://acc/c?sp=crdwl&sr=c&sig=bm90aGluZw+abc== was refused"}
    operator.azure.fault(kind="job", outcome={"status": "Failed", "error": told})
    result = operator.run(storage_container_uri=NOWHERE, sas_token=token)
    assert result["failed"]
    assert "bm90aGluZw" not in str(result)


def test_a_check_whose_fate_is_not_known_is_told_as_one(operator: Operator) -> None:
    operator.azure.fault(kind="reset_after", method="POST", path="/prebackup", after=1)
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS, precheck=True)
    assert "cannot tell whether a check before a backup of Managed HSM '127.0.0.1' was started" in result["msg"]
    assert operator.started() == 0


def test_storms_are_sat_out_and_tokens_that_expire_are_renewed(operator: Operator) -> None:
    operator.azure.fault(kind="answer", method="GET", path="/pending", status=503, times=3)
    challenge = {
        "WWW-Authenticate": f'Bearer authorization="{operator.azure.emulator.url}/x", resource="https://managedhsm.azure.net"'
    }
    operator.azure.fault(kind="answer", method="GET", path="/pending", status=401, headers=challenge, after=3)
    operator.azure.fault(kind="job", outcome={"status": "Succeeded"})
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS)
    assert not result["failed"], result["msg"]


def test_a_host_that_is_not_there_is_given_up_soon(operator: Operator) -> None:
    begun = operator.azure.azure.clock.now()
    result = operator.run(hsm_uri="https://127.0.0.1:9", storage_container_uri=NOWHERE, sas_token=SAS)
    assert "connection refused" in result["msg"]
    assert operator.azure.azure.clock.now() - begun < timedelta(minutes=3)


def test_who_may_not_back_up_is_told(operator: Operator) -> None:
    outsider = {"client_id": OUTSIDER_CLIENT, "secret": "loopback-secret", "tenant": operator.azure.azure.seed.tenant_id}
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS, **outsider)
    assert result["error"]["status"] == 403
    assert result["error"]["code"] == "Forbidden"


def test_no_token_goes_to_a_host_that_asks_for_another_audience(operator: Operator) -> None:
    challenge = {"WWW-Authenticate": 'Bearer authorization="https://login.example/x", resource="https://management.azure.com"'}
    operator.azure.fault(kind="answer", method="POST", path="/backup", status=401, headers=challenge, times=3)
    result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS)
    assert "requests a token for https://management.azure.com" in result["msg"]
    assert not operator.hsm.jobs


def test_no_subscription_is_needed(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID")
    operator.azure.fault(kind="job", outcome={"status": "Succeeded"})
    assert operator.run(storage_container_uri=NOWHERE, sas_token=SAS)["changed"] is True


def test_names_become_addresses_by_the_cloud(operator: Operator) -> None:
    named = operator.run(hsm_uri=None, hsm_name="demo-hsm", storage_container_uri=NOWHERE, sas_token=SAS, wait_timeout=1)
    assert "demo-hsm" in named["msg"]
    by_name = operator.run(
        storage_account_name="demoaccount", storage_container_name="backups", sas_token=SAS, max_age="1h", wait=False
    )
    assert "https://demoaccount.blob.storage.loopback.example/backups" in str(by_name["warnings"])
    sent = operator.azure.requests("POST", "/backup")[-1]["body"]
    assert sent["storageResourceUri"] == "https://demoaccount.blob.storage.loopback.example/backups"


def test_a_library_that_starts_backups_twice_is_refused(
    operator: Operator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "azure_keyvault_administration-4.7.1.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: azure-keyvault-administration\nVersion: 4.7.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    libraries.version_of.cache_clear()
    try:
        result = operator.run(storage_container_uri=NOWHERE, sas_token=SAS)
    finally:
        libraries.version_of.cache_clear()
    assert "4.7.1 is too old, because older versions start every backup twice" in result["msg"]
    assert operator.azure.azure.journal.entries == []


GOOD = {"storage_container_uri": NOWHERE, "sas_token": SAS}


@pytest.mark.parametrize(
    ("module", "arguments", "words"),
    [
        ("hsm_backup", {**GOOD, "hsm_name": "demo-hsm"}, "hsm_name, hsm_uri: set exactly one"),
        ("hsm_backup", {**GOOD, "hsm_uri": None}, "hsm_name, hsm_uri: set exactly one"),
        ("hsm_backup", {**GOOD, "hsm_uri": "http://demo.managedhsm.azure.net"}, "hsm_uri: 'http://demo.managedhsm.azure.net'"),
        ("hsm_backup", {**GOOD, "hsm_uri": None, "hsm_name": "a b"}, "hsm_name: 'a b'"),
        ("hsm_backup", {**GOOD, "hsm_uri": "https://[x"}, "hsm_uri: it is not a URL"),
        ("hsm_backup", {**GOOD, "hsm_uri": "https://h.managedhsm.azure.net:abc"}, "hsm_uri: it is not a URL"),
        ("hsm_backup", {**GOOD, "hsm_uri": "https://h.managedhsm.azure.net#x"}, "hsm_uri: the URL must contain only the address"),
        (
            "hsm_restore",
            {"folder_uri": f"{NOWHERE}/mhsm-a-2026010100000001?{SAS}"},
            "folder_uri: the URL must contain only the address",
        ),
        ("hsm_restore", {**GOOD, "folder_name": "mhsm-a-2026010100000001\n", "confirm": "127.0.0.1"}, "folder_name: 'mhsm-a"),
        ("hsm_backup", {"sas_token": SAS}, "storage_account_name, storage_container_name: set both"),
        (
            "hsm_backup",
            {"sas_token": SAS, "storage_account_name": "demo"},
            "storage_account_name, storage_container_name: set both",
        ),
        ("hsm_backup", {**GOOD, "storage_account_name": "demo"}, "storage_container_uri: set either"),
        (
            "hsm_backup",
            {**GOOD, "storage_container_uri": "https://a.blob.core.windows.net"},
            "storage_container_uri: 'https://a.blob",
        ),
        (
            "hsm_backup",
            {**GOOD, "storage_container_uri": "https://a.blob.core.windows.net/b/c"},
            "storage_container_uri: 'https://a",
        ),
        (
            "hsm_backup",
            {**GOOD, "storage_container_uri": f"{NOWHERE}?{SAS}"},
            "storage_container_uri: the URL must contain only the address",
        ),
        ("hsm_backup", {**GOOD, "use_user_managed_identity": True}, "sas_token, use_user_managed_identity: set exactly one"),
        ("hsm_backup", {"storage_container_uri": NOWHERE}, "sas_token, use_user_managed_identity: set exactly one"),
        ("hsm_backup", {**GOOD, "sas_token": "hello"}, "sas_token: it is not a SAS token"),
        (
            "hsm_backup",
            {**GOOD, "sas_token": SAS.replace("crdwl", "rl")},
            "sas_token: it lacks the permission to create, delete",
        ),
        ("hsm_backup", {**GOOD, "sas_token": SAS.replace("2099-01-01T00:00:00Z", "2020-01-01")}, "sas_token: it expired"),
        ("hsm_backup", {**GOOD, "max_age": "soon"}, "max_age: 'soon'"),
        ("hsm_backup", {**GOOD, "keep": 0}, "keep: 0"),
        ("hsm_backup", {"job_id": "../x"}, "job_id: '../x'"),
        ("hsm_backup", {**GOOD, "wait_timeout": 0}, "wait_timeout: 0"),
        ("hsm_restore", {**GOOD, "folder_name": "x", "confirm": "127.0.0.1"}, "folder_name: 'x'"),
        ("hsm_restore", {**GOOD, "folder_uri": f"{NOWHERE}/x"}, "folder_uri: it already identifies the storage"),
        ("hsm_restore", {**GOOD, "folder_name": "mhsm-a-2026010100000001"}, "confirm: a restore replaces"),
        ("hsm_restore", {**GOOD, "folder_name": "mhsm-a-2026010100000001", "key_name": "a/b"}, "key_name: 'a/b'"),
        ("hsm_restore", {**GOOD, "folder_name": "mhsm-a-2026010100000001", "key_name": ""}, "key_name: ''"),
        ("hsm_restore", {**GOOD, "confirm": "127.0.0.1"}, "folder_uri, folder_name: set one of them"),
        ("hsm_restore", {"sas_token": SAS, "folder_uri": NOWHERE, "confirm": "127.0.0.1"}, "folder_uri: "),
    ],
)
def test_bad_input_is_told_before_any_request(operator: Operator, module: str, arguments: dict[str, Any], words: str) -> None:
    result = operator.run(module, **arguments)
    assert result["failed"]
    assert result["msg"].startswith(words)
    assert "bm90aGluZw" not in str(result)
    assert operator.azure.azure.journal.entries == []


@pytest.fixture
def hasty(stored: WithStore) -> Iterator[WithStore]:
    """Let an HSM take no time worth speaking of, for clients that wait in real time."""
    clock = stored.azure.azure.clock
    usual, clock.speed = clock.speed, 100
    yield stored
    clock.speed = usual


def test_microsofts_own_client_works_unchanged(hasty: WithStore) -> None:
    stored, azure = hasty, hasty.azure.azure
    seed, authority = azure.seed, stored.azure.emulator.url
    credential = ClientSecretCredential(
        seed.tenant_id, seed.client_id, seed.secret, authority=authority, disable_instance_discovery=True
    )
    client = KeyVaultBackupClient(stored.uri, credential, verify_challenge_resource=False)
    sas: dict[str, Any] = {"sas_token": stored.blobs.make_sas(), "_polling_interval": 0.1}
    client.begin_pre_backup(stored.blobs.container_uri, **sas).wait()
    folder = client.begin_backup(stored.blobs.container_uri, **sas).result().folder_url
    client.begin_pre_restore(folder, **sas).wait()
    client.begin_restore(folder, **sas).wait()
    client.begin_restore(folder, key_name="signing", **sas).wait()
    name = folder.rsplit("/", 1)[-1]
    assert stored.folders() == [name]
    assert stored.hsm.restored == [name, f"{name}/signing"]
    with pytest.raises(HttpResponseError):
        client.begin_backup(f"{stored.blobs.account_url}/nowhere", use_managed_identity=True, _polling_interval=0.1).result()


def test_nothing_new_goes_to_an_hsm_or_a_store_once_the_task_is_to_end(operator: Operator) -> None:
    clock = InterruptibleClock(VirtualClock(operator.azure.azure.clock))
    clock.interrupt()
    before = len(operator.azure.azure.journal.entries)
    with Session({}, clock, needs_subscription=False) as session:
        hsm = managed_hsm_client(session, operator.azure.emulator.urls["managed_hsm"])
        with pytest.raises(Interrupted):
            hsm.begin_backup(NOWHERE, sas_token=SAS)
        with pytest.raises(Interrupted):
            container_client(session, NOWHERE, SAS).delete_blob("folder/blob")
    assert [entry for entry in operator.azure.azure.journal.entries[before:] if entry["is_write"]] == []
