# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that nobody should believe: they end in an error that says so, and cost no token."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure import pipeline
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.pipeline import LARGEST_ANSWER
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.session import Session
from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import Unavailable, Unreachable
from conftest import GROUP, Driver, disk
from modules import VirtualClock

ELSEWHERE = "https://localhost:1/operations/1"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        ("x" * (LARGEST_ANSWER + 1), "larger than 64 MiB"),
        ("[]", "not a JSON object"),
        ("not JSON at all", "not JSON"),
    ],
)
def test_absurd_answers_are_errors(azure: Driver, body: str, reason: str) -> None:
    azure.fault(kind="answer", method="GET", path="/resourceGroups/demo-rg$", status=200, body=body, times=9)
    with Session({}, VirtualClock(azure.azure.clock)) as session, pytest.raises(Unavailable, match=reason):
        session.read(GROUP, "read a group", "2021-04-01")


@pytest.mark.parametrize("value", [{"value": "all"}, {"value": ["one"]}, {"value": {"a": 1}}])
def test_lists_that_are_none_are_errors(azure: Driver, value: dict[str, Any]) -> None:
    azure.fault(kind="answer", method="GET", path="/roleAssignments$", status=200, body=value, times=9)
    azure.vault()
    result = azure.run("backup_permission", datasource_id=[disk("data01")], snapshot_resource_group="demo-snapshots-rg")
    assert result["failed"]
    assert "not a list of resources" in result["msg"]


@pytest.mark.parametrize("header", ["Azure-AsyncOperation", "Location"])
def test_an_operation_elsewhere_is_not_followed(azure: Driver, header: str) -> None:
    (datasource,) = azure.protected("data01")
    azure.fault(kind="answer_after", method="POST", path="/stopProtection$", status=202, body={}, headers={header: ELSEWHERE})
    result = azure.run("backup_instance", datasource_id=[datasource], state="stopped")
    assert result["failed"]
    assert "another host" in result["msg"]
    assert result["datasources"][0]["error"]["code"] == "UntrustedHost"
    assert result["changed"] is True, "it was asked for, whatever became of looking after it"


def test_a_redirected_write_goes_nowhere(azure: Driver) -> None:
    azure.fault(kind="answer", method="PUT", path="/backupVaults/", status=307, body={}, headers={"Location": ELSEWHERE}, times=9)
    result = azure.run("backup_vault")
    assert result["failed"]
    assert azure.azure.data_protection.vaults == {}


def test_a_web_page_is_no_answer(azure: Driver) -> None:
    """A gateway or a proxy shows one with 200, and Azure was never asked."""
    azure.vault()
    azure.policy()
    azure.fault(kind="page", method="DELETE", path="/backupPolicies/", times=9)
    result = azure.run("backup_policy", policy_name="disks", state="absent")
    assert result["failed"]
    assert "a gateway or proxy returned a web page instead" in result["msg"]
    azure.azure.faults.clear()
    assert azure.run("backup_policy", policy_name="disks", state="absent")["changed"] is True


def test_a_host_that_does_not_answer_is_given_up(azure: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent may have been received: that is told apart from a host that could not be reached."""
    monkeypatch.setattr(pipeline, "_SECONDS_TO_READ", 0.3)
    with Session({}, VirtualClock(azure.azure.clock)) as session:
        session.read(GROUP, "read a group", "2021-04-01")
        azure.azure.configure({"latency_seconds": 1})
        with pytest.raises(Unavailable, match="timed out") as caught:
            session.send("GET", GROUP, "read a group", "2021-04-01", retry_total=0)
    assert not isinstance(caught.value, Unreachable)


def test_a_web_page_in_an_error_is_cut_to_its_words(azure: Driver) -> None:
    """A gateway's page as the message of an error (F16)."""
    page = (
        "<!DOCTYPE html>\r\n<html><head><title>403 - Forbidden: Access is denied.</title><style>body{margin:0}</style></head>"
        "<body>\n<h2>Blocked by gateway</h2>\n" + "<p>&nbsp;reference</p>\n" * 100 + "</body></html>"
    )
    body = {"error": {"code": "Denied", "message": page}}
    azure.fault(kind="answer", method="GET", path="/backupVaults", status=403, body=body, times=9)
    result = azure.run("backup_vault_info")
    assert result["failed"]
    assert "403 - Forbidden: Access is denied." in result["msg"]
    assert "Blocked by gateway" in result["msg"]
    assert not re.search(r"<|\n|\r|margin", result["msg"])
    assert len(result["msg"]) < 700
    assert "<" not in result["error"]["message"]


def test_what_azure_recommends_is_told_as_whole_sentences(azure: Driver) -> None:
    azure.protected()
    planned = {"code": "X", "message": "It failed", "recommendedAction": ["Grant the role", "Try again."]}
    azure.fault(kind="job", outcome={"status": "Failed", "error": planned})
    result = azure.run("backup_adhoc", datasource_id=disk("data01"))
    assert result["failed"]
    assert result["error"]["recommended_action"] == "Grant the role. Try again."
