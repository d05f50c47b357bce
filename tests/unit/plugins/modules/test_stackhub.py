# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Infrastructure backups of an Azure Stack Hub: to the true end, once, and where they go."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from conftest import Driver
from modules import Result

LOCATION = "backupLocations/local"
SHARE = {"path": r"\\other\backups", "user_name": "backup", "share_password": "opens-the-share"}


class Operator:
    """Somebody who backs an Azure Stack Hub up."""

    def __init__(self, azure: Driver) -> None:
        self.azure = azure
        self.cloud = azure.emulator.urls["stackhub"]
        self.region = azure.azure.backup_admin.locations["local"]

    def run(self, module: str = "stackhub_backup", check: bool = False, **arguments: Any) -> Result:
        values = {"cloud_environment": self.cloud, "location": "local", "resource_group": None, "vault_name": None, **arguments}
        return self.azure.run(module, check=check, **values)

    def started(self) -> int:
        return len(self.azure.requests("POST", "/createBackup"))


@pytest.fixture
def operator(azure: Driver) -> Operator:
    return Operator(azure)


def test_a_backup_is_followed_to_its_true_end(operator: Operator) -> None:
    seen = []
    operator.azure.on_sleep = lambda: seen.append(
        [
            (one["properties"]["backupInfo"]["status"], one["properties"]["backupInfo"]["completelyUploaded"])
            for one in operator.region.backups.values()
        ]
    )
    result = operator.run()
    assert not result["failed"], result.get("msg")
    assert result["changed"] is True
    assert result["action"] == "start"
    assert [("Succeeded", False)] in seen, "the emulator told of success early, and the module was not taken in"
    backup = result["backup"]
    (name,) = operator.region.backups
    assert backup["name"] == name
    assert backup["id"].endswith(f"/backupLocations/local/backups/{name}")
    assert (backup["status"], backup["completely_uploaded"], backup["location"]) == ("succeeded", True, "local")
    assert {role["status"] for role in backup["role_status"]} == {"succeeded"}
    assert backup["time_taken_seconds"] == pytest.approx(1232, abs=1)
    assert backup["time_taken"].startswith("PT20M3")
    assert all(backup[key] for key in ("created_time", "stamp_version", "oem_version", "deployment_id", "backup_data_version"))
    assert (backup["type"], backup["tags"]) == ("Microsoft.Backup.Admin/backupLocations/backups", {})
    assert result["msg"] == f"backed up 'local': backup {name} succeeded in 20m 32s"
    assert operator.started() == 1
    assert operator.azure.requests("GET", "/backups"), "it was confirmed from the list"


def test_check_mode_foretells_and_sends_nothing(operator: Operator) -> None:
    prediction = operator.run(check=True)
    assert prediction["changed"] is True
    assert prediction["action"] == "start"
    assert prediction["diff"]["after"] == {"started_backup": "to be started"}
    assert operator.azure.writes() == []
    assert operator.run()["changed"] is True
    fresh = operator.run(check=True, max_age="1h")
    assert (fresh["changed"], fresh["action"]) == (False, "skip")


def test_a_young_backup_is_enough(operator: Operator) -> None:
    first = operator.run()
    again = operator.run(max_age="1h")
    assert (again["changed"], again["action"], again["backup"]["name"]) == (False, "skip", first["backup"]["name"])
    operator.azure.azure.clock.advance(7200)
    assert operator.run(max_age="1h")["action"] == "start"


@pytest.mark.parametrize("outcome", ["Failed", "PartialSucceeded"])
def test_what_was_not_backed_up_is_named_and_is_not_fresh(operator: Operator, outcome: str) -> None:
    operator.azure.fault(kind="job", outcome={"status": outcome, "roles": ["CRP", "SRP"]})
    result = operator.run()
    assert result["changed"] is True
    assert result["failed"] is (outcome == "Failed")
    told = result["msg"] if result["failed"] else str(result["warnings"])
    assert "SRP, CRP" in told
    if result["failed"]:
        assert result["error"]["code"] == "failed"
        assert result["backup"]["name"] in result["msg"]
    assert operator.run(max_age="1h")["action"] == "start"


def test_a_backup_that_runs_is_joined_or_refused(operator: Operator) -> None:
    begun = operator.run(wait=False)
    assert begun["changed"] is True
    name = begun["backup"]["name"]
    assert begun["backup"]["status"] in (None, "creating", "running")
    started = datetime.strptime(begun["backup"]["created_time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert abs(started - operator.azure.azure.clock.now()) < timedelta(seconds=10), "the stamp has not written a time yet"
    refused = operator.run(on_running="fail")
    assert refused["failed"]
    assert name in refused["msg"]
    assert refused["msg"].startswith("on_running:")
    foreseen = operator.run(check=True)
    assert (foreseen["changed"], foreseen["action"]) == (False, "join")
    joined = operator.run()
    assert (joined["changed"], joined["action"], joined["backup"]["name"]) == (False, "join", name)
    assert joined["backup"]["status"] == "succeeded"
    assert operator.started() == 1


@pytest.mark.parametrize("tells_uploads", [True, False])
def test_a_backup_that_is_called_succeeded_early_is_joined(operator: Operator, tells_uploads: bool) -> None:
    name = operator.run(wait=False)["backup"]["name"]
    operator.azure.azure.clock.advance(900)
    operator.azure.azure.schedule.settle()
    info = operator.region.backups[name]["properties"]["backupInfo"]
    assert (info["status"], info["completelyUploaded"]) == ("Succeeded", False)
    if not tells_uploads:
        del info["completelyUploaded"]
    joined = operator.run(max_age="1h")
    assert (joined["changed"], joined["action"], joined["backup"]["name"]) == (False, "join", name)
    assert len(operator.region.backups) == 1


@pytest.mark.parametrize("form", ["{name}", "local/{name}", "{id}"])
def test_a_wait_is_resumed_by_whatever_names_the_backup(operator: Operator, form: str) -> None:
    begun = operator.run(wait=False)["backup"]
    late = operator.run(backup_id=form.format(**begun), wait_timeout=30)
    assert late["failed"]
    assert f"backup_id: {begun['name']}" in late["msg"]
    resumed = operator.run(backup_id=form.format(**begun))
    assert (resumed["changed"], resumed["action"], resumed["backup"]["status"]) == (False, "resume", "succeeded")
    again = operator.run(backup_id=form.format(**begun))
    assert again["backup"]["name"] == begun["name"]
    assert operator.started() == 1


def test_a_backup_that_is_not_known_cannot_be_resumed(operator: Operator) -> None:
    result = operator.run(backup_id="4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55")
    assert result["failed"]
    assert "4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55" in result["msg"]
    assert operator.run(backup_id="no such thing")["msg"].startswith("backup_id:")


@pytest.mark.parametrize("kind", ["reset_after", "answer_after"])
def test_a_trigger_whose_fate_is_unknown_is_found_again(operator: Operator, kind: str) -> None:
    operator.azure.fault(kind=kind, method="POST", path="createBackup", status=503)
    result = operator.run()
    assert not result["failed"], result["msg"]
    assert result["changed"] is True
    assert len(operator.region.backups) == 1
    assert operator.started() == 1


def test_a_trigger_that_started_nothing_is_told_as_unknown(operator: Operator) -> None:
    operator.azure.fault(kind="reset_before", method="POST", path="createBackup")
    result = operator.run()
    assert result["failed"]
    assert "cannot tell whether a backup of 'local' was started" in result["msg"]
    assert operator.region.backups == {}
    assert operator.run()["changed"] is True


def test_a_throttled_trigger_is_sent_again_and_storms_are_sat_out(operator: Operator) -> None:
    operator.azure.fault(kind="answer", method="POST", path="createBackup", status=429, headers={"Retry-After": "20"})
    operator.azure.fault(kind="answer", method="GET", path="operationResults", status=503, times=3)
    operator.azure.fault(kind="answer", method="GET", path="backups$", status=503, times=2, after=1)
    result = operator.run()
    assert not result["failed"], result["msg"]
    assert len(operator.region.backups) == 1


def test_while_the_stamp_is_updated_nothing_starts_and_that_is_said(operator: Operator) -> None:
    operator.azure.azure.configure({"stackhub_updating": True})
    result = operator.run()
    assert result["failed"]
    assert result["error"]["code"] == "StampUpdateInProgress"
    assert operator.region.backups == {}


@pytest.mark.parametrize("module", ["stackhub_backup", "stackhub_backup_info", "stackhub_backup_location"])
def test_a_location_that_does_not_exist_is_told_with_those_that_do(operator: Operator, module: str) -> None:
    result = operator.run(module, location="nowhere", resource_group="system.local")
    assert result["failed"]
    assert "location: backup location" in result["msg"]
    assert "does not exist; existing locations: local" in result["msg"]
    assert operator.azure.run(module, location="no/where", vault_name=None)["msg"].startswith("location:")


def test_at_an_adfs_one_signs_in_as_well(operator: Operator) -> None:
    operator.azure.azure.configure({"stackhub_identity": "adfs"})
    result = operator.run("stackhub_backup_info")
    assert result["backups"] == []
    assert operator.azure.requests("POST", "/adfs/oauth2/token")


def test_backups_are_read_newest_first_and_one_by_either_name(operator: Operator) -> None:
    names = [operator.run()["backup"]["name"] for _time in range(2)]
    listed = operator.run("stackhub_backup_info")
    assert listed["changed"] is False
    assert [one["name"] for one in listed["backups"]] == names[::-1]
    for name in (names[0], f"local/{names[0]}", listed["backups"][1]["id"]):
        (one,) = operator.run("stackhub_backup_info", name=name)["backups"]
        assert one == listed["backups"][1]
    assert operator.run("stackhub_backup_info", name="local/none")["backups"] == []


def test_the_stackhub_refuses_what_azure_refuses(operator: Operator) -> None:
    azure = operator.azure
    verify = azure.emulator.environment()["REQUESTS_CA_BUNDLE"]
    answer = requests.get(f"{operator.cloud}/subscriptions?api-version=2021-04-01", verify=verify, timeout=10)
    assert answer.status_code == 401
    elsewhere = azure.run("stackhub_backup_info", location="local", resource_group=None, vault_name=None)
    assert elsewhere["error"]["code"] == "InvalidResourceNamespace"


# -- where backups go


def location(operator: Operator, check: bool = False, **arguments: Any) -> Result:
    result = operator.run("stackhub_backup_location", check=check, **arguments)
    assert "opens-the-share" not in str(result)
    return result


def certificate(folder: Path) -> tuple[Path, str]:
    pem = trustme.CA().cert_pem.bytes()
    file = folder / "backup.cer"
    file.write_bytes(pem)
    der = base64.b64decode(b"".join(pem.split(b"-----")[2].split()))
    return file, hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def test_settings_change_alone_and_only_once(operator: Operator) -> None:
    wanted = {"backup_frequency_in_hours": 4, "backup_retention_period_in_days": 3, "is_backup_scheduler_enabled": True}
    foreseen = location(operator, check=True, **wanted)
    assert operator.azure.writes() == []
    real = location(operator, **wanted)
    assert real["changed"] is foreseen["changed"] is True
    assert real["backup_location"] == foreseen["backup_location"]
    assert real["diff"]["before"]["backup_frequency_in_hours"] == 12
    (put,) = operator.azure.requests("PUT", LOCATION)
    assert "path" not in put["body"]["properties"]["externalStoreDefault"]
    assert location(operator, **wanted)["changed"] is False
    assert real["backup_location"]["path"] == r"\\fileserver\backups"


def test_a_new_share_is_written_with_its_password_and_no_other_is(operator: Operator) -> None:
    missing = location(operator, path=SHARE["path"])
    assert missing["msg"].startswith("share_password: required")
    assert operator.azure.writes() == []
    real = location(operator, **SHARE)
    assert real["changed"] is True
    assert real["backup_location"]["path"] == SHARE["path"]
    (put,) = operator.azure.requests("PUT", LOCATION)
    assert put["body"]["properties"]["externalStoreDefault"]["password"] == "opens-the-share"
    assert location(operator, **SHARE)["changed"] is False
    foreseen = location(operator, check=True, **SHARE, update_password="always")
    assert foreseen["changed"] is True
    assert len(operator.azure.requests("PUT", LOCATION)) == 1
    written = location(operator, **SHARE, update_password="always")
    assert written["changed"] is True
    assert written["diff"]["after"]["is_secret_written"] is True
    assert "share_password is not written" in str(location(operator, share_password="opens-the-share")["warnings"])
    assert len(operator.azure.requests("PUT", LOCATION)) == 2


def test_the_certificate_counts_by_its_thumbprint(operator: Operator, tmp_path: Path) -> None:
    file, thumbprint = certificate(tmp_path)
    real = location(operator, encryption_cert_path=str(file))
    assert real["changed"] is True
    assert real["backup_location"]["encryption_cert_thumbprint"] == thumbprint
    assert location(operator, encryption_cert_path=str(file))["changed"] is False
    assert location(operator, encryption_cert_base64=file.read_text())["changed"] is False


def test_a_store_is_taken_away_and_given_back(operator: Operator) -> None:
    foreseen = location(operator, check=True, state="absent")
    assert foreseen["changed"] is True
    real = location(operator, state="absent")
    assert real["backup_location"] == foreseen["backup_location"]
    assert real["backup_location"]["path"] is None
    assert location(operator, state="absent")["changed"] is False
    refused = operator.run()
    assert refused["failed"]
    assert refused["error"]["code"] == "BackupStoreNotConfigured"
    assert "has no backup store" in operator.run(check=True)["msg"]
    assert location(operator, **SHARE)["changed"] is True
    assert operator.run()["changed"] is True


def test_a_newer_stamp_is_changed_by_patch_and_keeps_backups_in_a_container(operator: Operator) -> None:
    url = "https://account.blob.example/container"
    early = location(operator, blob_storage_url=url, blob_storage_key="key-of-the-account")
    assert early["msg"].startswith("blob_storage_url: requires api_version")
    newer = {"api_version": "2021-09-01", "blob_storage_url": url, "blob_storage_key": "key-of-the-account"}
    real = location(operator, **newer)
    assert not real["failed"], real["msg"]
    assert real["backup_location"]["blob_storage_url"] == url
    assert real["backup_location"]["path"] is None
    (patch,) = operator.azure.requests("PATCH", LOCATION)
    assert patch["body"]["properties"]["externalStoreDefault"]["path"] == ""
    assert location(operator, **newer)["changed"] is False


def test_pruning_shows_first_and_removes_then(operator: Operator) -> None:
    foreseen = location(operator, check=True, prune=True)
    assert foreseen["changed"] is True
    assert len(foreseen["pruned_paths"]) == 1
    assert operator.region.garbage == foreseen["pruned_paths"]
    real = location(operator, prune=True)
    assert (real["changed"], real["pruned_paths"]) == (True, foreseen["pruned_paths"])
    assert operator.region.garbage == []
    again = location(operator, prune=True)
    assert (again["changed"], again["pruned_paths"]) == (False, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"path": "/srv/backups"}, "path: '/srv/backups' is not a share"),
        ({"path": r"\\\\server\\share"}, "path: "),
        ({"backup_frequency_in_hours": 0}, "backup_frequency_in_hours: 0"),
        ({"encryption_cert_base64": "bm8gY2VydGlmaWNhdGU="}, "encryption_cert_base64: it is not an X.509 certificate"),
        ({"encryption_cert_path": "/nowhere.cer"}, "encryption_cert_path: it cannot be read"),
        ({"blob_storage_url": "http://x", "api_version": "2021-09-01"}, "blob_storage_url: 'http://x'"),
        ({"blob_storage_url": "https://[x/c", "api_version": "2021-09-01"}, "blob_storage_url: it is not a URL"),
        ({"resource_group": "a/b"}, "resource_group: 'a/b'"),
        ({"wait_timeout": 0}, "wait_timeout: 0"),
    ],
)
def test_bad_input_is_told_before_any_request(operator: Operator, arguments: dict[str, Any], words: str) -> None:
    result = operator.run("stackhub_backup_location", **arguments)
    assert result["failed"]
    assert result["msg"].startswith(words)
    assert operator.azure.azure.journal.entries == []


# -- faults that there were once


def test_the_true_end_is_waited_for_where_uploads_are_not_told(operator: Operator) -> None:
    def forget() -> None:
        for wire in operator.region.backups.values():
            wire["properties"]["backupInfo"].pop("completelyUploaded", None)

    operator.azure.on_sleep = forget
    result = operator.run()
    assert not result["failed"], result["msg"]
    assert operator.region.running is None
    assert result["backup"]["time_taken_seconds"] == pytest.approx(1232, abs=1)


@pytest.mark.parametrize("status", [403, 500])
def test_where_the_operation_cannot_be_read_the_backup_is_looked_at(operator: Operator, status: int) -> None:
    operator.azure.fault(kind="answer", method="GET", path="operationResults", status=status, times=10_000)
    result = operator.run()
    assert not result["failed"], result["msg"]
    assert operator.region.running is None


def test_a_409_joins_what_runs(operator: Operator) -> None:
    name = operator.run(wait=False)["backup"]["name"]
    operator.azure.fault(kind="answer", method="GET", path="backups$", status=200, body={"value": [], "nextLink": None})
    joined = operator.run()
    assert (joined["action"], joined["backup"]["name"]) == ("join", name)


def test_what_was_started_is_told_as_changed_whatever_comes_after(operator: Operator) -> None:
    operator.azure.fault(kind="answer", method="GET", path="/backups/", status=503, times=10_000)
    begun = operator.run(wait=False)
    assert (begun["failed"], begun["changed"]) == (False, True)
    (name,) = operator.region.backups
    assert begun["backup"]["name"] == name


def test_pruning_is_asked_for_once(operator: Operator) -> None:
    operator.azure.fault(kind="answer_after", method="POST", path="pruneExternalStore", status=503)
    result = location(operator, prune=True, backup_frequency_in_hours=4)
    assert result["failed"]
    assert result["changed"] is True
    assert result["backup_location"]["backup_frequency_in_hours"] == 4
    assert len(operator.azure.requests("POST", "/pruneExternalStore")) == 1


def test_an_accepted_change_is_told_as_changed(operator: Operator) -> None:
    result = location(operator, backup_frequency_in_hours=4, wait_timeout=1)
    assert result["failed"]
    assert result["changed"] is True


def test_a_resumed_backup_has_to_be_there(operator: Operator) -> None:
    for more in ({"check": True}, {"wait": False}, {}):
        result = operator.run(backup_id="4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55", **more)
        assert "backup_id: backup 4f3c1d0e-6f0f-4a8c-9b35-7d1f8f8b3c55 of 'local' does not exist" in result["msg"]


@pytest.mark.parametrize("form", ["pem", "pem with text", "wrapped", "der file"])
def test_a_certificate_is_taken_in_every_form(operator: Operator, tmp_path: Path, form: str) -> None:
    file, thumbprint = certificate(tmp_path)
    pem = file.read_text()
    body = pem.split("-----")[2]
    if form == "der file":
        file.write_bytes(base64.b64decode(body))
        given = {"encryption_cert_path": str(file)}
    else:
        texts = {"pem": pem, "pem with text": f"Certificate:\n  Data\n{pem}", "wrapped": body}
        given = {"encryption_cert_base64": texts[form]}
    result = location(operator, **given)
    assert not result["failed"], result["msg"]
    assert result["backup_location"]["encryption_cert_thumbprint"] == thumbprint


def test_a_share_is_the_same_in_any_casing(operator: Operator) -> None:
    assert location(operator, path="\\\\FileServer\\Backups\\", user_name="StackHub-Backup")["changed"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        {"blob_storage_key": "k", "update_password": "always"},
        {"user_name": "", "share_password": "opens-the-share"},
        {"path": ""},
    ],
)
def test_secrets_and_stores_have_to_fit(operator: Operator, arguments: dict[str, Any]) -> None:
    assert location(operator, **arguments)["failed"]
    assert operator.azure.writes() == []


def test_all_mistakes_are_told_at_once(operator: Operator) -> None:
    told = location(operator, path="x", backup_frequency_in_hours=0, encryption_cert_base64="eA==")["msg"]
    assert all(option in told for option in ("path:", "backup_frequency_in_hours:", "encryption_cert_base64:"))


def test_where_the_operation_cannot_be_read_the_location_shows_the_change(operator: Operator) -> None:
    operator.azure.fault(kind="answer", method="GET", path="operationResults|operations", status=403, times=10_000)
    result = location(operator, backup_frequency_in_hours=4)
    assert not result["failed"], result["msg"]
    assert operator.region.store["backupFrequencyInHours"] == 4


def test_a_list_that_fails_names_its_location(operator: Operator) -> None:
    operator.azure.fault(kind="answer", method="GET", path="/backups$", status=403, times=10)
    result = operator.run()
    assert result["failed"]
    assert "'local'" in result["msg"]


def test_a_wait_outlives_its_tokens(operator: Operator) -> None:
    """A stamp refuses a token that has ended in words of its own."""
    operator.azure.azure.configure({"tokens_by_clock": True})
    operator.azure.fault(kind="job", outcome={"status": "Succeeded", "roles": [], "seconds": 9000})
    result = operator.run(wait_timeout=10_000)
    assert not result["failed"], result["msg"]
    assert result["backup"]["time_taken_seconds"] == pytest.approx(9000, abs=1)
    assert len(operator.azure.requests("POST", "/token")) == 3


def test_pruning_whose_end_cannot_be_read_is_no_success(operator: Operator) -> None:
    operator.region.garbage.append(r"old\files")
    operator.azure.fault(kind="answer", method="GET", path="/operationResults/", status=403, times=9)
    result = location(operator, prune=True)
    assert result["failed"]
    assert result["changed"] is True
    assert "may not read the operation" in result["msg"]


def test_without_a_cloud_the_option_is_named(operator: Operator) -> None:
    result = operator.azure.run(
        "stackhub_backup", location="local", resource_group=None, vault_name=None, cloud_environment="AzureCloud"
    )
    assert result["failed"]
    assert result["msg"].startswith("cloud_environment: AzureCloud has no Azure Stack Hub")
    assert operator.azure.azure.journal.entries == []
