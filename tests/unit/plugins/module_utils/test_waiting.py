# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits last as long as they were told to, whatever the clock is set to, and what passes does not end them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from conftest import Driver, disk

WITH_GROUP = {"snapshot_resource_group": "demo-snapshots-rg"}


def permitted(azure: Driver) -> dict[str, Any]:
    """Have all there that a protection needs, and give its arguments."""
    azure.vault()
    azure.policy()
    azure.run("backup_permission", datasource_id=[disk("data01")], **WITH_GROUP)
    return {"datasource_id": [disk("data01")], "policy_name": "disks", **WITH_GROUP}


@pytest.mark.parametrize("hours", [5, -5])
def test_a_clock_that_is_set_neither_shortens_a_wait_nor_lengthens_it(azure: Driver, hours: int) -> None:
    azure.protected()
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 3600})

    def set_the_clock() -> None:
        if len(azure.clock.slept) == 3:
            azure.clock.skew = timedelta(hours=hours)

    azure.on_sleep = set_the_clock
    result = azure.run("backup_adhoc", datasource_id=disk("data01"), wait_timeout=7200)
    assert not result["failed"], result["msg"]
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 40_000})
    late = azure.run("backup_adhoc", datasource_id=disk("data01"), wait_timeout=600)
    assert "still running after 600 seconds" in late["msg"]
    assert sum(azure.clock.slept) == pytest.approx(600, abs=60)


@pytest.mark.parametrize("path", ["/backupJobs/", "/operationStatus/"])
def test_no_pause_that_azure_asks_for_goes_beyond_wait_timeout(azure: Driver, path: str) -> None:
    azure.protected()
    azure.fault(kind="answer", method="GET", path=path, status=429, headers={"Retry-After": "3000"})
    result = azure.run("backup_adhoc", datasource_id=disk("data01"), wait_timeout=60)
    assert result["failed"]
    assert "wait_timeout" in result["msg"]
    assert sum(azure.clock.slept) <= 61


def test_no_look_at_a_protection_pauses_beyond_wait_timeout(azure: Driver) -> None:
    wanted = permitted(azure)
    azure.fault(kind="answer", method="GET", path="/backupInstances/data01", status=429, headers={"Retry-After": "800"}, times=5)
    result = azure.run("backup_instance", **wanted, wait_timeout=60)
    assert result["failed"]
    assert sum(azure.clock.slept) <= 4 * 60, "the validation has a wait of its own"


@pytest.mark.parametrize("failure", [{"kind": "reset_before"}, {"kind": "answer", "status": 502, "after": 3}])
def test_a_question_that_fails_is_asked_again(azure: Driver, failure: dict[str, Any]) -> None:
    wanted = permitted(azure)
    azure.azure.authorization.assignments.clear()
    azure.run("backup_permission", datasource_id=[disk("data01")], **WITH_GROUP)
    azure.fault(method="POST", path="/validateForBackup", **failure)
    result = azure.run("backup_instance", **wanted)
    assert not result["failed"], result["msg"]


def test_an_operation_that_is_not_found_once_is_looked_for_again(azure: Driver) -> None:
    wanted = permitted(azure)
    azure.fault(kind="answer", method="GET", path="/operationStatus/", status=404, after=2)
    result = azure.run("backup_instance", **wanted)
    assert not result["failed"], result["msg"]


def test_who_may_not_read_the_operation_of_a_vault_waits_through_failures(azure: Driver) -> None:
    azure.fault(kind="answer", method="GET", path="/operationStatus/", status=403, times=9)
    azure.fault(kind="answer", method="GET", path="/backupVaults/demo-vault", status=502, times=7, after=1)
    result = azure.run("backup_vault")
    assert not result["failed"], result["msg"]


def test_a_wait_goes_on_while_entra_id_is_away(azure: Driver) -> None:
    azure.protected()
    azure.azure.configure({"tokens_by_clock": True})
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 3 * 3600})
    azure.fault(kind="reset_before", method="POST", path="/oauth2/v2.0/token", times=8, after=1)
    result = azure.run("backup_adhoc", datasource_id=disk("data01"))
    assert not result["failed"], result["msg"]
    assert len(azure.requests("POST", "/backup")) == 1


@pytest.mark.parametrize("status", [503, 429])
def test_a_wait_goes_on_while_entra_id_is_busy(azure: Driver, status: int) -> None:
    """MSAL asks Entra ID again after a minute, which is a real one; so it is the end of the wait that comes."""
    azure.protected()
    azure.azure.configure({"tokens_by_clock": True})
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 3 * 3600})
    busy = {"error": "temporarily_unavailable", "error_description": "AADSTS90033: A transient error has occurred."}
    azure.fault(kind="answer", status=status, body=busy, method="POST", path="/oauth2/v2.0/token", times=1000, after=1)
    result = azure.run("backup_adhoc", datasource_id=disk("data01"))
    assert "still running after 14400 seconds" in result["msg"]
    assert sum(azure.clock.slept) == pytest.approx(14400, abs=60)


def test_an_answer_of_another_form_takes_nothing_else_with_it(azure: Driver) -> None:
    both = azure.protected("data01", "data02")
    azure.fault(kind="answer", method="GET", path="/operationStatus/", status=200, body=[])
    result = azure.run("backup_adhoc", datasource_id=both)
    assert not result["failed"], result["msg"]
    azure.fault(kind="answer", method="GET", path="/recoveryPoints", status=200, body={"value": [[]]})
    result = azure.run("backup_adhoc", datasource_id=both, max_age="1h", max_concurrency=1)
    assert [item["failed"] for item in result["datasources"]] == [True, False]
    assert "data01" in result["msg"]


def test_one_datasource_s_wait_takes_nothing_from_the_next_one_s(azure: Driver) -> None:
    both = azure.protected("data01", "data02")
    azure.fault(kind="job", outcome={"status": "Completed", "seconds": 7200}, times=2)
    azure.fault(kind="answer", method="GET", path="/backupJobs", status=429, headers={"Retry-After": "5"}, after=40)
    result = azure.run("backup_adhoc", datasource_id=both, wait_timeout=600, max_concurrency=1)
    assert all("still running after 600 seconds" in item["msg"] for item in result["datasources"]), result["msg"]


def test_a_first_read_pauses_no_longer_than_wait_timeout_either(azure: Driver) -> None:
    azure.protected()
    azure.fault(kind="answer", method="GET", path="/backupInstances", status=429, headers={"Retry-After": "800"}, times=9)
    result = azure.run("backup_adhoc", datasource_id=disk("data01"), wait_timeout=60)
    assert "Azure asks to wait 800 seconds, which exceeds wait_timeout" in result["msg"]
    assert sum(azure.clock.slept) <= 60


def test_a_short_wait_hides_no_error_behind_its_end(azure: Driver) -> None:
    azure.fault(kind="answer", method="PUT", path="/backupVaults/", status=503, times=99)
    result = azure.run("backup_vault", wait_timeout=5)
    assert result["error"]["status"] == 503


@pytest.mark.parametrize("value", ["nan", "inf", "-5", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_a_pause_that_is_no_time_is_not_waited_for(azure: Driver, value: str) -> None:
    azure.protected()
    azure.fault(kind="answer", method="GET", path="/backupJobs/", status=429, headers={"Retry-After": value})
    result = azure.run("backup_adhoc", datasource_id=disk("data01"), wait_timeout=3600)
    assert not result["failed"], result["msg"]
    assert 216 <= sum(azure.clock.slept) < 600
