# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_adhoc, through the real SDKs against the loopback Azure."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import timedelta

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.session import Session
from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import Throttled
from conftest import GROUP, VAULT_ID, Driver, disk
from modules import VirtualClock, run_module


def triggers(azure: Driver) -> int:
    return len(azure.requests("POST", "/backup"))


def test_a_backup_is_followed_to_the_end_of_its_job(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    whole = azure.run("backup_adhoc", datasource_id=protected)
    (result,) = whole["datasources"]
    assert whole["diff"][0]["after"] == {"started_job": result["job"]["id"]}
    job, point = result["job"], result["recovery_point"]
    assert (result["action"], result["changed"], result["failed"]) == ("start", True, False)
    assert (job["status"], job["operation"], job["user_triggered"]) == ("completed", "backup", True)
    assert job["duration_seconds"] == pytest.approx(216, abs=1)
    assert job["sub_tasks"] == [{"name": "Trigger Backup", "status": "completed"}]
    assert job["id"].startswith(VAULT_ID)
    assert point["name"] == job["recovery_point_id"]
    assert (point["type"], point["tier"]) == ("incremental", "operational_store")
    assert sum(azure.clock.slept) >= 216
    (request,) = azure.requests("POST", "/backup")
    assert request["body"] == {"backupRuleOptions": {"ruleName": "BackupHourly", "triggerOption": {}}}


def test_without_max_age_every_run_backs_up(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    for _turn in range(2):
        assert azure.run("backup_adhoc", datasource_id=protected)["changed"]
    assert triggers(azure) == 2


def test_a_fresh_recovery_point_is_enough(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    point = azure.run("backup_adhoc", datasource_id=protected)["datasources"][0]["recovery_point"]
    result = azure.run("backup_adhoc", datasource_id=protected, max_age="12h")
    assert (result["changed"], result["datasources"][0]["action"]) == (False, "skip")
    assert result["datasources"][0]["recovery_point"]["name"] == point["name"]
    azure.azure.clock.advance(13 * 3600)
    assert azure.run("backup_adhoc", datasource_id=protected, max_age="12h")["changed"]
    assert triggers(azure) == 2


def test_the_services_clock_decides_how_old_a_point_is(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.run("backup_adhoc", datasource_id=protected)

    wrong = VirtualClock(azure.azure.clock)
    wrong.skew = timedelta(days=3)
    arguments = {"resource_group": "demo-rg", "vault_name": "demo-vault", "datasource_id": [protected], "max_age": "1h"}
    result = run_module("backup_adhoc", arguments, wrong)
    assert result["datasources"][0]["action"] == "skip"


def test_check_mode_starts_nothing_and_foretells(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    writes = len(azure.writes())
    assert azure.run("backup_adhoc", check=True, datasource_id=protected)["changed"] is True
    assert len(azure.writes()) == writes
    azure.run("backup_adhoc", datasource_id=protected)
    result = azure.run("backup_adhoc", check=True, datasource_id=protected, max_age="1h")
    assert (result["changed"], result["datasources"][0]["action"]) == (False, "skip")
    assert azure.run("backup_adhoc", check=True, datasource_id=disk("data02"))["changed"] is True


def test_a_running_backup_is_joined(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    started = azure.run("backup_adhoc", datasource_id=protected, wait=False)
    assert (started["changed"], started["datasources"][0]["job"]["status"]) == (True, "in_progress")
    (joined,) = azure.run("backup_adhoc", datasource_id=protected)["datasources"]
    assert (joined["action"], joined["changed"]) == ("join", False)
    assert joined["job"]["id"] == started["datasources"][0]["job"]["id"]
    assert joined["job"]["status"] == "completed"
    assert joined["recovery_point"]
    assert triggers(azure) == 1


def test_a_running_backup_can_be_refused_or_run_beside(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.run("backup_adhoc", datasource_id=protected, wait=False)
    refused = azure.run("backup_adhoc", datasource_id=protected, on_running="fail")
    assert refused["failed"]
    assert "on_running" in refused["msg"]
    assert refused["datasources"][0]["job"]["status"] == "in_progress"
    beside = azure.run("backup_adhoc", datasource_id=protected, on_running="start")
    assert beside["changed"]
    assert triggers(azure) == 2


def transfer(azure: Driver) -> None:
    """Let the running backup be past its snapshot, which takes longer for data in a vault than for a disk's."""
    (vault,) = azure.azure.data_protection.vaults.values()
    (job,) = vault.jobs.values()
    tasks = job["properties"]["extendedInfo"]["subTasks"]
    tasks[0]["taskStatus"] = "Completed"
    tasks.append({"taskId": 2, "taskName": "Data Transfer", "taskStatus": "InProgress"})


# How old a backup is that transfers its data, the options of the next run, and what that does.
AGES = [
    (0, {}, "join"),
    (3000, {}, "join"),
    (4000, {}, "start"),
    (4000, {"join_within": "2h"}, "join"),
    (4000, {"max_age": "2h"}, "join"),
    (4000, {"max_age": "1h", "join_within": "9h"}, "start"),
    (30, {"join_within": "0"}, "start"),
    (30, {"max_age": "10s"}, "start"),
]


@pytest.mark.parametrize(("age", "options", "action"), AGES)
def test_a_backup_that_transfers_is_joined_if_it_started_within_a_time(
    azure: Driver, age: int, options: dict[str, str], action: str
) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 18_000})
    azure.run("backup_adhoc", datasource_id=protected, wait=False)
    transfer(azure)
    azure.azure.clock.advance(age)
    result = azure.run("backup_adhoc", datasource_id=protected, wait_timeout=86_400, **options)
    assert not result["failed"], result["msg"]
    assert (result["changed"], result["datasources"][0]["action"]) == (action == "start", action)
    assert triggers(azure) == (2 if action == "start" else 1)


@pytest.mark.parametrize("options", [{"join_within": "soon"}, {"join_within": "-1h"}])
def test_a_time_to_join_within_that_is_none_is_refused(azure: Driver, options: dict[str, str]) -> None:
    assert azure.run("backup_adhoc", datasource_id=disk("data01"), **options)["msg"].startswith("join_within: ")
    assert azure.azure.journal.entries == []


def test_a_job_is_resumed_by_its_id_or_its_guid(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    job = azure.run("backup_adhoc", datasource_id=protected, wait=False)["datasources"][0]["job"]
    result = azure.run("backup_adhoc", resource_group=None, vault_name=None, job_id=job["id"])
    assert (result["changed"], result["datasources"][0]["action"]) == (False, "resume")
    assert result["datasources"][0]["job"]["status"] == "completed"
    assert result["datasources"][0]["recovery_point"]["name"]
    assert azure.run("backup_adhoc", job_id=job["name"])["datasources"][0]["job"]["id"] == job["id"]
    assert triggers(azure) == 1


def test_running_out_of_time_loses_nothing_and_says_how_to_go_on(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    result = azure.run("backup_adhoc", datasource_id=protected, wait_timeout=60)
    assert result["failed"]
    assert result["changed"] is True
    job = result["datasources"][0]["job"]
    assert "job_id" in result["msg"]
    assert job["id"] in result["msg"]
    again = azure.run("backup_adhoc", datasource_id=protected)
    assert again["datasources"][0]["job"]["id"] == job["id"]
    assert triggers(azure) == 1


def test_a_failed_job_fails_with_azures_error(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    error = {"code": "UserErrorDiskSnapshotNotFound", "message": "The snapshot is gone.", "recommendedAction": ["Try again."]}
    azure.fault(kind="job", outcome={"status": "Failed", "error": error})
    result = azure.run("backup_adhoc", datasource_id=protected)
    assert (result["failed"], result["changed"]) == (True, True)
    assert "The snapshot is gone." in result["msg"]
    assert result["error"]["code"] == "UserErrorDiskSnapshotNotFound"
    assert result["error"]["recommended_action"] == "Try again."
    assert result["datasources"][0]["job"]["status"] == "failed"


def test_a_job_with_warnings_is_a_success_that_says_so(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="job", outcome={"status": "CompletedWithWarnings"})
    (result,) = azure.run("backup_adhoc", datasource_id=protected)["datasources"]
    assert (result["failed"], result["job"]["status"]) == (False, "completed_with_warnings")


def test_several_are_waited_for_together(azure: Driver) -> None:
    ids = azure.protected("data01", "data02", "data03")
    result = azure.run("backup_adhoc", datasource_id=ids)
    assert [item["job"]["status"] for item in result["datasources"]] == ["completed"] * 3
    # One list of the vault's jobs is fewer requests than three jobs.
    assert len(azure.requests("GET", "/backupJobs")) > 2
    singles = [e for e in azure.azure.journal.entries if e["method"] == "GET" and "/backupJobs/" in e["path"]]
    assert len(singles) <= 6


def test_one_failed_job_does_not_hide_the_others(azure: Driver) -> None:
    ids = azure.protected("data01", "data02")
    azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "X", "message": "Broken."}})
    result = azure.run("backup_adhoc", datasource_id=ids, max_concurrency=1)
    assert [item["failed"] for item in result["datasources"]] == [True, False]
    assert "1 of 2 datasources failed" in result["msg"]


# -- a trigger is never sent twice


@pytest.mark.parametrize("plan", [{"kind": "reset_after"}, {"kind": "answer_after", "status": 504}])
def test_after_a_broken_answer_the_job_is_looked_for_and_found(azure: Driver, plan: dict) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(method="POST", path="/backup$", **plan)
    (result,) = azure.run("backup_adhoc", datasource_id=protected)["datasources"]
    assert (result["failed"], result["changed"], result["job"]["status"]) == (False, True, "completed")
    assert triggers(azure) == 1


@pytest.mark.parametrize("plan", [{"kind": "reset_before"}, {"kind": "answer", "status": 500}, {"kind": "answer", "status": 503}])
def test_where_no_job_appears_the_outcome_is_unknown_and_nothing_is_sent_again(azure: Driver, plan: dict) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(method="POST", path="/backup$", **plan)
    result = azure.run("backup_adhoc", datasource_id=protected)
    assert result["failed"]
    assert "cannot tell whether a backup of 'data01' was started" in result["msg"]
    assert triggers(azure) == 1
    assert sum(azure.clock.slept) > 59


def test_limits_of_a_subscription_lose_and_double_nothing(azure: Driver) -> None:
    ids = azure.protected("data01", "data02", "data03")
    caller = azure.azure.entra.principals[azure.azure.seed.client_id].object_id
    azure.azure.configure({"limits": True})
    azure.azure.limits.take("PUT", f"/subscriptions/{azure.azure.seed.subscription_id}", caller)
    (bucket,) = azure.azure.limits.buckets.values()
    bucket.left = -30
    result = azure.run("backup_adhoc", datasource_id=ids)
    assert not result["failed"], result["msg"]
    statuses = [entry["status"] for entry in azure.requests("POST", "/backup")]
    assert statuses.count(202) == 3
    assert 1 <= statuses.count(429) <= 3


def test_one_workers_429_slows_all(azure: Driver) -> None:
    clock = VirtualClock(azure.azure.clock)
    azure.fault(kind="answer", method="GET", path="/resourceGroups/demo-rg$", status=429, headers={"Retry-After": "30"})
    with Session({}, clock) as session:
        with pytest.raises(Throttled):
            session.send("GET", GROUP, "read a group", "2021-04-01", retry_total=0)
        assert clock.slept == []
        session.send("GET", f"{GROUP}/providers/Microsoft.Compute/disks/data01", "read a disk", "2024-03-02", retry_total=0)
        assert clock.slept == []
        session.send("GET", GROUP, "read a group", "2021-04-01", retry_total=0)
        assert clock.slept == [pytest.approx(30, abs=2)]


def test_a_throttled_trigger_is_sent_again(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="answer", method="POST", path="/backup$", status=429, times=2, headers={"Retry-After": "17"})
    result = azure.run("backup_adhoc", datasource_id=protected)
    assert not result["failed"], result["msg"]
    assert azure.clock.slept.count(17.0) == 2
    assert len(next(iter(azure.azure.data_protection.vaults.values())).jobs) == 1


def test_a_caller_who_may_not_read_the_operation_finds_the_job_in_the_list(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="answer", method="GET", path="/operation(Status|Results)/", status=403, times=99)
    (result,) = azure.run("backup_adhoc", datasource_id=protected)["datasources"]
    assert (result["failed"], result["job"]["status"]) == (False, "completed")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_gateway_noise_while_polling_is_outlived(azure: Driver, status: int) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=status, times=12)
    azure.fault(kind="answer", method="GET", path="/operationStatus/", status=status, times=8)
    azure.fault(kind="reset_before", method="GET", path="/backupJobs/", times=3)
    (result,) = azure.run("backup_adhoc", datasource_id=protected)["datasources"]
    assert (result["failed"], result["job"]["status"]) == (False, "completed")
    assert triggers(azure) == 1


def test_a_wait_of_eight_hours_with_all_that_a_night_brings(azure: Driver) -> None:
    """Tokens of an hour whose end this machine's clock does not see, an hour of 503s, and a clock that jumps."""
    (protected,) = azure.protected("data01")
    azure.azure.configure({"tokens_by_clock": True})
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 8 * 3600})
    before, begin = len(azure.azure.journal.entries), azure.azure.clock.now()
    noise = {"kind": "answer", "method": "GET", "path": "/backupJobs/", "status": 503}

    def bring_the_night() -> None:
        hours = (azure.azure.clock.now() - begin).total_seconds() / 3600
        azure.azure.faults.planned = [one for one in azure.azure.faults.planned if one.kind == "job"]
        if 3 <= hours < 4:
            azure.fault(**noise)
        # It goes back by an hour, and half a day later is right again.
        azure.clock.skew = timedelta(hours=-1 if 2 <= hours < 5 else 0)

    azure.on_sleep = bring_the_night
    (result,) = azure.run("backup_adhoc", datasource_id=protected, wait_timeout=12 * 3600)["datasources"]
    assert (result["failed"], result["job"]["status"]) == (False, "completed"), result["msg"]
    assert triggers(azure) == 1
    entries = azure.azure.journal.entries[before:]
    assert len([entry for entry in entries if "/oauth2/" in entry["path"]]) >= 8
    assert len([entry for entry in entries if entry["status"] == 503]) > 0
    assert len([entry for entry in entries if "/backupJobs" in entry["path"]]) <= 150 * 8


# -- bad input


def test_a_retention_rules_name_leads_to_the_backup_rule(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    result = azure.run("backup_adhoc", datasource_id=protected, rule_name="Default")
    assert result["failed"]
    for word in ("rule_name", "BackupHourly", "retention_tag: Default"):
        assert word in result["msg"]
    assert triggers(azure) == 0
    tagged = azure.run("backup_adhoc", datasource_id=protected, rule_name="backuphourly", retention_tag="Default")
    assert not tagged["failed"], tagged["msg"]
    (request,) = azure.requests("POST", "/backup")
    assert request["body"]["backupRuleOptions"]["triggerOption"] == {"retentionTagOverride": "Default"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"rule_name": "NoSuchRule"}, "rule_name"),
        ({"retention_tag": "Forever"}, "retention_tag"),
        ({"datasource_id": [disk("data02")]}, "datasource_id"),
        ({"vault_name": "no-vault"}, "no-vault"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_write(azure: Driver, arguments: dict, named: str) -> None:
    (protected,) = azure.protected("data01")
    writes = len(azure.writes())
    result = azure.run("backup_adhoc", **{"datasource_id": [protected], **arguments})
    assert result["failed"]
    assert named in result["msg"]
    assert len(azure.writes()) == writes


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "datasource_id"),
        ({"datasource_id": [disk("data01")], "max_age": "soon"}, "max_age"),
        ({"datasource_id": ["x"]}, "datasource_id"),
        ({"datasource_id": [disk("data01")], "job_id": "5f0c3a3e-6a62-4f6e-8f0e-0f1df7d5a5b0"}, "job_id"),
        ({"job_id": "nonsense"}, "job_id"),
        ({"job_id": disk("data01")}, "job_id"),
    ],
)
def test_bad_input_names_the_option_before_any_request(azure: Driver, arguments: dict, named: str) -> None:
    result = azure.run("backup_adhoc", **arguments)
    assert result["failed"]
    assert named in result["msg"]
    assert azure.azure.journal.entries == []


def test_a_job_that_is_not_there_is_told(azure: Driver) -> None:
    azure.vault()
    result = azure.run("backup_adhoc", job_id="5f0c3a3e-6a62-4f6e-8f0e-0f1df7d5a5b0")
    assert result["failed"]
    assert "job_id" in result["msg"]


def test_a_protection_still_being_configured_is_waited_for(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    instance = next(iter(next(iter(azure.azure.data_protection.vaults.values())).instances.values()))
    instance.become("UpdatingProtection")
    azure.azure.schedule.after(120, lambda _moment: instance.become("ProtectionConfigured"))
    (result,) = azure.run("backup_adhoc", datasource_id=protected)["datasources"]
    assert result["job"]["status"] == "completed"


def test_a_job_that_may_not_be_read_loses_neither_itself_nor_the_others(azure: Driver) -> None:
    ids = azure.protected("data01", "data02")
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=403)
    result = azure.run("backup_adhoc", datasource_id=ids, max_concurrency=1)
    assert sorted(item["failed"] for item in result["datasources"]) == [False, True]
    (lost,) = [item for item in result["datasources"] if item["failed"]]
    assert lost["changed"]
    assert lost["job"]["id"] in lost["msg"]


def test_without_waiting_a_job_that_cannot_be_read_is_still_named(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=403, times=9)
    (result,) = azure.run("backup_adhoc", datasource_id=protected, wait=False)["datasources"]
    assert (result["failed"], result["changed"], result["job"]["status"]) == (False, True, "in_progress")
    assert result["job"]["start_time"] is None


def test_a_recovery_point_that_may_not_be_read_fails_no_backup(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="answer", method="GET", path="/recoveryPoints/", status=403, times=9)
    result = azure.run("backup_adhoc", datasource_id=protected)
    assert (result["failed"], result["changed"]) == (False, True)
    assert result["datasources"][0]["recovery_point"]["name"] == result["datasources"][0]["job"]["recovery_point_id"]
    assert "recovery point" in str(result["warnings"])


@pytest.mark.parametrize("status", [400, 404])
def test_an_operation_that_cannot_be_followed_does_not_hide_the_backup(azure: Driver, status: int) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="answer", method="GET", path="/operationStatus/", status=status, times=9)
    (result,) = azure.run("backup_adhoc", datasource_id=protected)["datasources"]
    assert (result["failed"], result["changed"], result["job"]["status"]) == (False, True, "completed")
    assert triggers(azure) == 1


@pytest.mark.parametrize("arguments", [{"max_age": "999999999999y"}, {"wait_timeout": 10**13}])
def test_numbers_beyond_reason_are_refused(azure: Driver, arguments: dict) -> None:
    result = azure.run("backup_adhoc", datasource_id=disk("data01"), **arguments)
    assert result["failed"]
    assert next(iter(arguments)) in result["msg"]


def test_a_backup_whose_answer_breaks_inside_tls_may_have_been_sent() -> None:
    """A TLS error after the request is no proof that it was not received; a refused certificate is."""
    import ssl

    import requests
    from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.sdk_errors import translated
    from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import Unavailable, Unreachable
    from azure.core.exceptions import ServiceRequestError

    def raised(cause: Exception) -> type:
        try:
            with translated("try"):
                raise ServiceRequestError(cause, error=cause)
        except Unavailable as error:
            return type(error)

    broken = ssl.SSLError("DECRYPTION_FAILED_OR_BAD_RECORD_MAC")
    refused = ssl.SSLCertVerificationError("certificate verify failed")
    assert raised(requests.exceptions.SSLError(broken)) is Unavailable
    assert raised(requests.exceptions.SSLError(refused)) is Unreachable


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_task_begins_nothing_new_and_tells_what_runs(azure: Driver, number: signal.Signals) -> None:
    ids = azure.protected("data01", "data02", "data03")
    sent: list[signal.Signals] = []

    def end() -> None:
        """Send the signal while the first waits for its operation and the others have not begun."""
        if triggers(azure) == 1 and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)
            time.sleep(0.3)

    azure.on_sleep = end
    result = azure.run("backup_adhoc", datasource_id=ids, max_concurrency=1)
    assert result["failed"]
    first, *others = result["datasources"]
    assert first["job"]["id"]
    assert first["job"]["name"] in first["msg"]
    assert "the task was interrupted" in first["msg"]
    assert all("interrupted before this request was sent" in other["msg"] for other in others)
    assert triggers(azure) == 1
    azure.on_sleep = None
    again = azure.run("backup_adhoc", datasource_id=ids)
    assert [one["action"] for one in again["datasources"]] == ["join", "start", "start"]
    assert triggers(azure) == 3


@pytest.mark.parametrize(
    ("select", "names"),
    [
        ({}, ["data01", "data02"]),
        ({"datasource_types": ["azure_disk"], "resource_groups": ["DEMO-RG"]}, ["data01", "data02"]),
        ({"datasource_types": ["azure_blob"]}, []),
        ({"resource_groups": ["other-rg"]}, []),
        ({"policy_names": ["disks"], "tags": {"tier": "critical"}}, ["data02"]),
        ({"tags": {"Tier": "critical", "Owner": "nobody"}}, []),
    ],
)
def test_what_a_vault_protects_is_selected_by_what_it_is(azure: Driver, select: dict, names: list[str]) -> None:
    azure.protected("data01", "data02", "data03")
    azure.run("backup_instance", datasource_id=disk("data03"), state="stopped")
    azure.azure.compute.disks[disk("data02").lower()]["tags"] = {"Tier": "critical", "Owner": "ops"}
    for check in (True, False):
        result = azure.run("backup_adhoc", check=check, select=select)
        assert not result["failed"], result["msg"]
        assert [one["datasource_id"].rsplit("/", 1)[-1] for one in result["datasources"]] == names
    assert triggers(azure) == len(names)
    assert result["changed"] is bool(names)
    jobs = azure.run("backup_job_info", select=select)["jobs"]
    assert sorted(job["datasource_id"].rsplit("/", 1)[-1] for job in jobs) == names


@pytest.mark.parametrize("module", ["backup_adhoc", "backup_job_info"])
def test_a_selection_of_no_known_type_is_refused(azure: Driver, module: str) -> None:
    assert azure.run(module, select={"datasource_types": ["tape"]})["msg"].startswith("select.datasource_types: 'tape'")
    assert azure.azure.journal.entries == []


def test_jobs_are_selected_in_a_vault(azure: Driver) -> None:
    result = azure.run("backup_job_info", select={}, resource_group=None, vault_name=None)
    assert result["msg"].startswith("select: no vault is given")
    assert "mutually exclusive" in azure.run("backup_job_info", select={}, datasource_id=[disk("data01")])["msg"]


def test_more_wait_for_azure_than_requests_are_under_way(azure: Driver) -> None:
    names = [f"many{number:02d}" for number in range(40)]
    for name in names:
        azure.azure.compute.add_disk(azure.azure.seed.subscription_id, "demo-rg", name, "westeurope")
    ids = azure.protected(*names)
    waiting: set[int] = set()
    many = threading.Event()

    def wait_for_others() -> None:
        waiting.add(threading.get_ident())
        if len(waiting) >= 20:
            many.set()
        many.wait(10)

    azure.on_sleep = wait_for_others
    result = azure.run("backup_adhoc", datasource_id=ids, max_concurrency=2, wait=False)
    assert not result["failed"], result["msg"]
    assert many.is_set()
    assert triggers(azure) == 40


def test_check_mode_tells_how_a_job_ended_that_is_over(azure: Driver) -> None:
    (protected,) = azure.protected("data01")
    azure.fault(kind="job", outcome={"status": "Failed", "error": {"code": "Planned", "message": "It was planned."}})
    job = azure.run("backup_adhoc", datasource_id=protected)["datasources"][0]["job"]["id"]
    for check in (True, False):
        result = azure.run("backup_adhoc", check=check, job_id=job, resource_group=None, vault_name=None)
        assert "It was planned." in result["msg"]


def test_a_shared_policy_that_cannot_be_read_fails_each_backup_and_none_waits_for_ever(azure: Driver) -> None:
    disks = azure.protected("data01", "data02", "data03")
    nonsense = {"id": "x", "name": "disks", "properties": {"policyRules": 5, "datasourceTypes": 7}}
    azure.fault(kind="answer", method="GET", path="/backupPolicies/disks", status=200, body=nonsense, times=9)
    result = azure.run("backup_adhoc", datasource_id=disks)
    assert [item["failed"] for item in result["datasources"]] == [True, True, True]
    assert triggers(azure) == 0
