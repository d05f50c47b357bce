# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports in a blob container: what is written, read again, and removed, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import GROUP, Driver
from emulator.blob_store import BlobStore
from emulator.identity import ServicePrincipal
from emulator.seed import GROUP_CLIENT, SECRET, TENANT


class Reports:
    """A container for reports, reached by the caller's identity through the front door of the storage accounts."""

    def __init__(self, azure: Driver, store: BlobStore) -> None:
        self.azure = azure
        self.store = store
        self.url = f"{azure.emulator.urls['blobs']}/drillaccount/reports"
        store.drop("drillaccount", "reports")
        store.fill("drillaccount", "reports", {"keep.txt": b"of somebody else", "history/other-20200101T000000Z.json": b"{}"})

    def run(self, check: bool = False, **options: Any) -> dict[str, Any]:
        given = {
            "storage_container_uri": self.url,
            "name": "restore-drill",
            "resource_group": None,
            "vault_name": None,
            **options,
        }
        return self.azure.run("backup_report_container", check=check, **given)

    def write(self, second: int, **options: Any) -> dict[str, Any]:
        stamp = f"202611041203{second:02d}"
        kept = f"history/restore-drill-{stamp[:8]}T{stamp[8:]}Z.json"
        return self.run(files={"restore-drill.html": "<p>ä</p>", kept: json.dumps({"second": second})}, **options)

    def names(self) -> set[str]:
        return set(self.store.blobs_of("drillaccount", "reports"))


@pytest.fixture
def reports(azure: Driver) -> Reports:
    store = azure.emulator.start_blob_store()
    if store is None:
        pytest.skip("Azurite, which holds the reports, is not on this machine (make azurite)")
    return Reports(azure, store)


def test_a_report_is_written_and_the_oldest_of_its_history_go(reports: Reports) -> None:
    first = reports.write(1)
    assert not first["failed"], first["msg"]
    assert first["changed"] is True
    assert first["reports"] == []
    assert first["files"][0] == f"{reports.url}/restore-drill.html"
    page = reports.store.container("drillaccount", "reports").get_blob_client("restore-drill.html").get_blob_properties()
    assert page.content_settings.content_type == "text/html; charset=utf-8"
    reports.write(2)
    third = reports.write(3, history=2)
    assert third["reports"] == [{"second": 1}, {"second": 2}]
    assert third["removed"] == ["history/restore-drill-20261104T120301Z.json"]
    read = reports.run()
    assert (read["changed"], read["reports"]) == (False, [{"second": 2}, {"second": 3}])
    assert {"keep.txt", "history/other-20200101T000000Z.json"} <= reports.names()


def test_check_mode_reads_and_writes_nothing(reports: Reports) -> None:
    reports.write(1)
    before = reports.names()
    foreseen = reports.run(check=True, files={"new.md": "x"}, folder="sub")
    assert (foreseen["changed"], foreseen["files"]) == (True, [])
    assert reports.names() == before


def test_a_folder_has_a_history_of_its_own(reports: Reports) -> None:
    reports.write(1)
    assert reports.write(2, folder="prod/drills/")["reports"] == []
    assert "prod/drills/history/restore-drill-20261104T120302Z.json" in reports.names()
    assert reports.run(folder="prod/drills")["reports"] == [{"second": 2}]


def test_what_is_no_report_is_left_out(reports: Reports) -> None:
    reports.store.fill("drillaccount", "reports", {"history/restore-drill-20261104T120300Z.json": b"no report"})
    reports.write(1)
    assert reports.run()["reports"] == [{"second": 1}]


def test_a_container_that_is_not_there_and_one_that_is_closed(reports: Reports) -> None:
    missing = reports.run(storage_container_uri=f"{reports.url}-gone")
    assert "does not exist; create it first" in missing["msg"]
    reports.azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=(GROUP,)))
    closed = reports.run(client_id=GROUP_CLIENT, secret=SECRET, tenant=TENANT)
    assert closed["failed"]
    assert "Grant Storage Blob Data Contributor on the container" in closed["msg"]


def test_a_sas_token_opens_it_and_is_shown_nowhere(reports: Reports) -> None:
    store = reports.store
    store.clear()
    sas = store.make_sas("rcwdl")
    done = reports.run(storage_container_uri=store.container_uri, sas_token=f"?{sas}", files={"a.json": "{}"})
    assert not done["failed"], done["msg"]
    assert store.names() == ["a.json"]
    assert sas.rsplit("sig=", 1)[1] not in str(done)
    weak = reports.run(storage_container_uri=store.container_uri, sas_token=store.make_sas("rl"), files={"b.json": "{}"})
    assert "sas_token: it lacks the permission to create, write, delete" in weak["msg"]
    store.clear()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"storage_container_uri": "https://x.blob.core.windows.net/"}, "storage_container_uri: "),
        ({"storage_container_uri": "https://x.blob.core.windows.net/reports?sv=1&sig=abc"}, "give a SAS token in sas_token"),
        ({"folder": "../up"}, "folder: '../up'"),
        ({"name": "Ä"}, "name: 'Ä'"),
        ({"history": -1}, "history: -1"),
        ({"files": {"../x": "y"}}, "files: '../x' is not a file name"),
        ({"files": {"x.json": {"a": 1}}}, "files: x.json must be a string"),
        ({"sas_token": "sv=1"}, "sas_token: it is not a SAS token"),
    ],
)
def test_mistakes_are_told_before_any_request(azure: Driver, options: dict[str, Any], message: str) -> None:
    given = {"storage_container_uri": "https://demoaccount.blob.core.windows.net/reports", "name": "restore-drill", **options}
    done = azure.run("backup_report_container", resource_group=None, vault_name=None, **given)
    assert done["failed"]
    assert message in done["msg"]
    assert azure.azure.journal.entries == []
