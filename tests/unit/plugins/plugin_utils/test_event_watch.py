# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source: every kind of event, each once, across restarts, and nothing that ends the watch or makes it cry wolf."""

from __future__ import annotations

import json
import logging
import runpy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ansible_collections.holdfast.azure_backup.plugins.module_utils.arguments import CONNECTION
from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import BadInput
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.events import SEVERITIES
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.event_watch import ARGUMENTS, Watch
from backups import ACCOUNT, MACHINES, WEB01, backed_up_disks, backed_up_machines, weekly_backed_up_account
from conftest import Driver, disk
from emulator.identity import ServicePrincipal
from emulator.seed import GROUP_CLIENT, OTHER_SUBSCRIPTION, SECRET, SUBSCRIPTION, TENANT
from jinja2.nativetypes import NativeEnvironment
from modules import VirtualClock

HOUR, DAY = 3600, 86400
SOURCE = Path(__file__).parents[4] / "extensions" / "eda" / "plugins" / "event_source" / "backup_events.py"
ERROR = {"code": "UserErrorDiskSnapshotNotFound", "message": "A snapshot is gone.", "recommendedAction": ["Back up again."]}
FIELDS = {
    "kind", "severity", "time", "msg", "datasource", "vault", "policy", "job", "drill", "purge_time", "change", "error", "meta",
}  # fmt: skip


def watch(azure: Driver, *names: str, **given: Any) -> Watch:
    return Watch({"select": {"names": list(names or ("data01",))}, **given}, VirtualClock(azure.azure.clock))


def look(one: Watch) -> list[dict[str, Any]]:
    """Look, remember, and check what holds for all events."""
    events = one.look()
    one.remember()
    for event in events:
        assert set(event) == FIELDS
        assert event["severity"] == SEVERITIES[event["kind"]]
        json.dumps(event)
    return events


def kinds(one: Watch) -> list[str]:
    return [str(event["kind"]) for event in look(one)]


def test_a_backup_that_ends_is_told_once_and_one_from_before_the_first_look_never(azure: Driver) -> None:
    backed_up_disks(azure)
    one = watch(azure)
    assert kinds(one) == []
    azure.azure.clock.advance(60)
    assert not azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    azure.fault(kind="job", outcome={"status": "Failed", "error": ERROR})
    failed = azure.run("backup_adhoc", datasource_id=disk("data01"))
    completed, wrong = look(one)
    assert (completed["kind"], completed["job"]["status"]) == ("job_completed", "completed")
    assert (wrong["kind"], wrong["severity"]) == ("job_failed", "error")
    assert wrong["datasource"]["id"] == disk("data01")
    assert wrong["datasource"]["tags"] == {"Backup": "daily", "App": "shop"}
    assert wrong["vault"]["name"] == "demo-vault"
    assert wrong["policy"]["name"] == "disks"
    job = failed["datasources"][0]["job"]
    assert (wrong["job"]["id"], wrong["job"]["error_code"]) == (job["id"], "UserErrorDiskSnapshotNotFound")
    assert wrong["job"]["recommended_action"] == "Back up again."
    assert wrong["time"] == job["end_time"]
    assert wrong["msg"] == (
        "backup of 'data01' in vault 'demo-vault' failed: UserErrorDiskSnapshotNotFound: A snapshot is gone. Back up again."
    )
    assert [kinds(one), kinds(one)] == [[], []]


def test_a_restart_repeats_nothing_and_whoever_tells_it_gives_it_the_same_name(azure: Driver, tmp_path: Path) -> None:
    backed_up_disks(azure)
    file = tmp_path / "state.json"
    first, other = watch(azure, state_file=str(file)), watch(azure)
    assert kinds(first) == kinds(other) == []
    azure.azure.clock.advance(60)
    azure.fault(kind="job", outcome={"status": "Failed", "error": ERROR})
    assert azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    (event,) = look(first)
    assert [one["meta"]["uuid"] for one in look(other)] == [event["meta"]["uuid"]]
    assert kinds(watch(azure, state_file=str(file))) == []
    azure.azure.clock.advance(8 * HOUR)
    (missed,) = look(watch(azure, state_file=str(file)))
    assert missed["kind"] == "rpo_missed"
    # Events that were sent, and whose state was lost before it was written.
    (again,) = watch(azure, send_existing=True).look()
    assert again["meta"] == missed["meta"]
    assert kinds(watch(azure, state_file=str(file))) == []


def test_a_state_that_cannot_be_read_begins_anew(azure: Driver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "state.json"
    odd = {"schema_version": 1, "seen": {"one|two": ["then", "now", True]}}
    for text in ("{", "[]", json.dumps(odd), '{"schema_version": 1, "seen": {"a": 3}}', '{"schema_version": 99}'):
        file.write_text(text)
        caplog.clear()
        one = watch(azure, state_file=str(file), unprotected_after="0")
        assert kinds(one) == ["unprotected"], text
        assert "starting without it" in caplog.text
        assert kinds(watch(azure, state_file=str(file), unprotected_after="0")) == []


def test_a_missed_objective_is_told_for_each_point_that_is_too_old(azure: Driver) -> None:
    backed_up_disks(azure)
    one = watch(azure, rpo="2h")
    assert kinds(one) == []
    azure.azure.clock.advance(3 * HOUR)
    (missed,) = look(one)
    assert (missed["kind"], missed["datasource"]["name"]) == ("rpo_missed", "data01")
    assert missed["msg"].startswith("'data01' misses its recovery point objective: its newest recovery point is 3h")
    assert kinds(one) == []
    assert not azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    assert kinds(one) == ["job_completed"]
    azure.azure.clock.advance(3 * HOUR)
    (again,) = look(one)
    assert again["kind"] == "rpo_missed"
    assert again["meta"]["uuid"] != missed["meta"]["uuid"]


def test_a_failed_backup_does_not_hide_a_missed_objective(azure: Driver) -> None:
    backed_up_disks(azure)
    one = watch(azure, rpo="2h")
    assert kinds(one) == []
    azure.azure.clock.advance(3 * HOUR)
    azure.fault(kind="job", outcome={"status": "Failed", "error": ERROR})
    assert azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    assert sorted(kinds(one)) == ["job_failed", "rpo_missed"]


def test_what_was_just_protected_has_time_for_its_first_backup(azure: Driver) -> None:
    azure.protected()
    one = watch(azure, rpo="2h")
    assert kinds(one) == []
    azure.azure.clock.advance(HOUR)
    assert kinds(one) == []
    azure.azure.clock.advance(1.5 * HOUR)
    assert kinds(one) == ["rpo_missed"]


def test_an_unprotected_resource_is_told_after_its_time(azure: Driver) -> None:
    one = watch(azure, select={"names": ["data01"]})
    assert kinds(one) == []
    azure.azure.clock.advance(HOUR)
    (event,) = look(one)
    assert (event["kind"], event["vault"]) == ("unprotected", None)
    assert kinds(one) == []
    azure.protected()
    assert kinds(one) == []
    silent = watch(azure, select={"names": ["data02"]}, unprotected_after="0", send_existing=False)
    assert [kinds(silent), kinds(silent)] == [[], []]


@pytest.mark.parametrize("state", ["suspended", "stopped"])
def test_protection_that_is_ended_is_told(azure: Driver, state: str) -> None:
    backed_up_disks(azure)
    one = watch(azure)
    assert kinds(one) == []
    assert not azure.run("backup_instance", datasource_id=disk("data01"), state=state)["failed"]
    (event,) = look(one)
    assert event["kind"] == "protection_stopped"
    assert f"were {state}" in event["msg"] or f"was {state}" in event["msg"]
    assert kinds(one) == []
    assert not azure.run(
        "backup_instance", datasource_id=disk("data01"), policy_name="disks", snapshot_resource_group="demo-snapshots-rg"
    )["failed"]
    assert kinds(one) == []


def test_deleted_backups_are_told_with_the_time_until_which_they_can_be_brought_back(azure: Driver) -> None:
    backed_up_disks(azure)
    backed_up_machines(azure)
    one = watch(azure, "data01", "web01", unprotected_after="0")
    assert kinds(one) == []
    ended = {"state": "absent", "delete_backup_data": True}
    assert not azure.run("backup_instance", datasource_id=disk("data01"), **ended)["failed"]
    assert not azure.run("backup_instance", datasource_id=WEB01, **MACHINES, **ended)["failed"]
    events = {event["datasource"]["name"]: event for event in look(one)}
    assert {event["kind"] for event in events.values()} == {"soft_deleted"}
    assert set(events) == {"data01", "web01"}
    assert events["data01"]["severity"] == "critical"
    assert all(event["purge_time"] is not None for event in events.values())
    assert f"until {events['data01']['purge_time']}" in events["data01"]["msg"]
    assert kinds(one) == []
    # Neither is it forgotten while the backups can be brought back, nor told again.
    azure.azure.clock.advance(DAY)
    assert kinds(one) == []
    # A watch that begins later learns of it from the vaults.
    assert sorted(kinds(watch(azure, "data01", "web01"))) == ["soft_deleted", "soft_deleted"]


def test_a_vault_that_cannot_be_read_makes_nothing_unprotected(azure: Driver, caplog: pytest.LogCaptureFixture) -> None:
    backed_up_disks(azure)
    one = watch(azure, unprotected_after="0")
    assert kinds(one) == []
    # Resource Graph answers nothing of what the caller may not see any more.
    hidden = [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/demo-rg/providers/Microsoft.Compute"]
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[], reads=hidden))
    for name, value in (("client_id", GROUP_CLIENT), ("secret", SECRET), ("tenant", TENANT)):
        one._options[name] = value  # noqa: SLF001 - the rights of the caller change between two looks
    assert kinds(one) == []
    assert "Cannot read /subscriptions/" in caplog.text
    for name in ("client_id", "secret", "tenant"):
        one._options[name] = None  # noqa: SLF001 - see above
    assert kinds(one) == []


def test_a_policy_that_keeps_less_is_told(azure: Driver) -> None:
    backed_up_machines(azure)
    policy = {**MACHINES, "policy_name": "gold", "datasource_type": "azure_vm"}
    daily = {"frequency": "daily", "times": ["02:00"]}
    assert not azure.run("backup_policy", **policy, schedule=daily, retention={"default": "60d"})["failed"]
    assert not azure.run("backup_instance", datasource_id=WEB01, **MACHINES, policy_name="gold")["failed"]
    one = watch(azure, "web01")
    assert kinds(one) == []
    assert not azure.run("backup_policy", **policy, schedule=daily, retention={"default": "7d"})["failed"]
    (event,) = look(one)
    assert (event["kind"], event["policy"]["name"], event["vault"]["name"]) == ("policy_weakened", "gold", "vms")
    assert "were kept for 60 day(s) and are now kept for 7 day(s)" in event["msg"]
    assert event["change"]["after"]["retention"] == {"default": 7 * DAY}
    assert kinds(one) == []
    assert not azure.run("backup_policy", **policy, schedule=daily, retention={"default": "90d"})["failed"]
    assert kinds(one) == []


def test_datasources_that_are_moved_to_a_weaker_policy_are_told_together(azure: Driver) -> None:
    backed_up_disks(azure, "data01", "data02")
    weak = {"schedule": {"frequency": "daily", "times": ["02:00"]}, "retention": {"default": "1d"}}
    assert not azure.run("backup_policy", policy_name="weak", datasource_type="azure_disk", **weak)["failed"]
    one = watch(azure, select={"names": ["data0[12]"]})
    assert kinds(one) == []
    ids = [disk("data01"), disk("data02")]
    assert not azure.run("backup_instance", datasource_id=ids, policy_name="weak", snapshot_resource_group="demo-snapshots-rg")[
        "failed"
    ]
    (event,) = look(one)
    assert event["kind"] == "policy_weakened"
    assert (event["change"]["datasource_ids"], event["change"]["datasource_count"]) == (ids, 2)
    assert "2 datasource(s) were moved from policy 'disks' to the weaker policy 'weak'" in event["msg"]
    assert "the longest time between backups was 4h 0m 0s, it is now 1 day(s)" in event["msg"]
    assert kinds(one) == []


def test_a_vault_that_protects_less_is_told(azure: Driver) -> None:
    backed_up_disks(azure)
    backed_up_machines(azure)
    one = watch(azure, "data01", "web01")
    assert kinds(one) == []
    assert not azure.run("backup_vault", soft_delete={"state": "On", "retention_duration_in_days": 30})["failed"]
    assert kinds(one) == []
    assert not azure.run("backup_vault", soft_delete={"state": "On", "retention_duration_in_days": 14})["failed"]
    assert not azure.run("backup_vault", **MACHINES, soft_delete={"state": "Off"})["failed"]
    found = {(event["vault"]["name"], event["change"]["name"]): event for event in look(one)}
    assert set(found) == {("demo-vault", "soft_delete_retention_in_days"), ("vms", "soft_delete")}
    assert found["vms", "soft_delete"]["kind"] == "vault_weakened"
    assert kinds(one) == []
    # Vaults are read for this kind of event only.
    before = len(azure.azure.journal.entries)
    look(watch(azure, events=["job_failed"]))
    paths = [entry["path"].lower() for entry in azure.azure.journal.entries[before:]]
    assert not [path for path in paths if "/vaults/" in path or "/backupvaults/" in path]


def test_the_backup_of_a_machine_from_before_the_first_look_is_never_told(azure: Driver) -> None:
    backed_up_machines(azure)
    azure.azure.clock.advance(6 * HOUR)
    one = watch(azure, "data01", "web01", events=["job_failed"])
    assert kinds(one) == []
    one._kinds = frozenset(SEVERITIES)  # noqa: SLF001 - as after a restart with more kinds
    assert [kind for kind in kinds(one) if kind.startswith("job")] == []
    assert not azure.run("backup_adhoc", datasource_id=WEB01, **MACHINES)["failed"]
    assert kinds(one) == ["job_completed"]
    assert kinds(one) == []


def test_jobs_that_could_not_be_read_are_told_later(azure: Driver) -> None:
    backed_up_disks(azure)
    one = watch(azure, events=["job_failed"])
    assert kinds(one) == []
    before = len(azure.requests("POST", "/resources"))
    assert kinds(one) == []
    questions = len(azure.requests("POST", "/resources")) - before
    azure.azure.clock.advance(60)
    azure.fault(kind="job", outcome={"status": "Failed", "error": ERROR})
    assert azure.run("backup_adhoc", datasource_id=disk("data01"))["failed"]
    for _time in range(3):
        # The jobs are the last question of a look; what follows the failed backup is one more.
        azure.fault(kind="answer", method="POST", path=".*ResourceGraph.*", status=403, after=questions, times=1, body={})
        assert kinds(one) == []
        azure.azure.faults.clear()
        azure.azure.clock.advance(2 * HOUR)
    assert kinds(one) == ["job_failed"]


def test_backups_that_are_deleted_after_their_resource_are_told(azure: Driver) -> None:
    backed_up_disks(azure)
    one = watch(azure, select={"tags": {"App": "shop"}, "datasource_types": ["azure_disk"]})
    assert kinds(one) == []
    gone = azure.azure.compute.disks.pop(disk("data01").lower())
    assert kinds(one) == []
    azure.azure.compute.disks[disk("data01").lower()] = gone
    ended = {"state": "absent", "delete_backup_data": True}
    assert not azure.run("backup_instance", datasource_id=disk("data01"), **ended)["failed"]
    del azure.azure.compute.disks[disk("data01").lower()]
    assert kinds(one) == ["soft_deleted"]
    assert kinds(one) == []


def test_policies_that_could_not_be_read_hide_no_move_and_repeat_nothing(azure: Driver) -> None:
    backed_up_disks(azure)
    weak = {"schedule": {"frequency": "daily", "times": ["02:00"]}, "retention": {"default": "1d"}}
    assert not azure.run("backup_policy", policy_name="weak", datasource_type="azure_disk", **weak)["failed"]
    one = watch(azure, rpo_margin=1.5)
    assert kinds(one) == []
    azure.azure.clock.advance(8 * HOUR)
    assert kinds(one) == ["rpo_missed"]
    moved = {"policy_name": "weak", "snapshot_resource_group": "demo-snapshots-rg"}
    assert not azure.run("backup_instance", datasource_id=disk("data01"), **moved)["failed"]
    azure.fault(kind="answer", method="POST", path=".*ResourceGraph.*", status=403, after=3, times=1, body={})
    assert kinds(one) == []
    azure.azure.faults.clear()
    assert kinds(one) == ["policy_weakened"]
    assert kinds(one) == []


def test_a_rule_of_its_own_that_keeps_less_is_told(azure: Driver) -> None:
    azure.vault()
    daily = {"schedule": {"frequency": "daily", "times": ["02:00"]}, "retention": {"default": "7d"}}
    rule = {"name": "Quarter", "days_of_month": ["1"], "months_of_year": ["January", "April"]}
    for name, duration in (("long", "2y"), ("short", "30d")):
        about = {"policy_name": name, "datasource_type": "azure_blob", **daily}
        made = azure.run("backup_policy", **about, retention_rules=[{**rule, "duration": duration}])
        assert not made["failed"], made["msg"]
    assert not azure.run("backup_permission", datasource_id=ACCOUNT)["failed"]
    assert not azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="long")["failed"]
    one = watch(azure, "demoaccount")
    assert kinds(one) == []
    assert not azure.run("backup_instance", datasource_id=ACCOUNT, policy_name="short")["failed"]
    (event,) = look(one)
    assert "retention tag Quarter were kept for 730 day(s) and are now kept for 30 day(s)" in event["msg"]


def test_a_protection_error_is_told_with_its_code(azure: Driver) -> None:
    backed_up_disks(azure)
    one = watch(azure, rpo="2h")
    azure.azure.clock.advance(3 * HOUR)
    assert kinds(one) == ["rpo_missed"]
    (vault,) = azure.azure.data_protection.vaults.values()
    (instance,) = vault.instances.values()
    properties = instance.wire["properties"] if hasattr(instance, "wire") else instance["properties"]
    status = dict(properties["protectionStatus"])
    properties["protectionStatus"] = {"status": "ProtectionError", "errorDetails": {"code": "Broken", "message": "It broke."}}
    properties["currentProtectionState"] = "ProtectionError"
    (event,) = look(one)
    assert (event["kind"], event["error"]["code"]) == ("protection_error", "Broken")
    assert kinds(one) == []
    properties["protectionStatus"], properties["currentProtectionState"] = status, "ProtectionConfigured"
    # The objective was missed before, and still is.
    assert kinds(one) == []


def test_a_failed_drill_is_told_from_its_report(azure: Driver, tmp_path: Path) -> None:
    backed_up_disks(azure)
    report: dict[str, Any] = {"schema_version": 1, "generated": "2026-11-04T06:00:00Z"}
    drilled = {"datasource_id": disk("data01"), "status": "failed", "reason": "size: it is smaller"}
    file = tmp_path / "restore-drill.json"
    file.write_text(json.dumps({**report, "datasources": [{**drilled, "status": "passed"}]}))
    one = watch(azure, drill_folder=str(tmp_path))
    assert kinds(one) == []
    file.write_text(json.dumps({**report, "datasources": [drilled]}))
    (event,) = look(one)
    assert (event["kind"], event["drill"]["reason"]) == ("drill_failed", "size: it is smaller")
    assert kinds(one) == []
    whole = file.read_text()
    file.write_text("no report")
    assert kinds(one) == []
    # A report that cannot be read for a moment is no reason to send it again.
    file.write_text(whole)
    assert kinds(one) == []
    file.write_text(json.dumps({**report, "datasources": ["odd", {**drilled, "status": "passed"}]}))
    assert kinds(one) == []


@pytest.mark.parametrize(
    "plan",
    [
        {"kind": "answer", "method": "POST", "path": ".*ResourceGraph.*", "status": 403, "times": 2, "body": {}},
        {"kind": "answer", "method": "POST", "path": ".*ResourceGraph.*", "status": 429, "times": 40, "body": {}},
        {"kind": "answer", "method": "POST", "path": ".*/token", "status": 401, "times": 9, "body": {"error": "invalid_client"}},
    ],
    ids=["denied", "throttled", "signed_out"],
)
def test_what_fails_is_said_once_and_the_watch_goes_on(
    azure: Driver, plan: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    backed_up_disks(azure)
    one = watch(azure, rpo="2h")
    assert kinds(one) == []
    azure.azure.clock.advance(3 * HOUR)
    azure.fault(**plan)
    (event,) = look(one)
    assert event["kind"] == "read_failed"
    assert event["error"]["code"]
    assert "Next attempt in 300 seconds" in caplog.text
    for _time in range(9):
        if found := kinds(one):
            break
        azure.azure.faults.clear()
    assert found == ["rpo_missed"]
    assert SECRET not in caplog.text + json.dumps(event)


def test_a_reader_is_enough_and_nothing_is_written(azure: Driver) -> None:
    backed_up_disks(azure)
    backed_up_machines(azure)
    azure.azure.entra.add(ServicePrincipal(TENANT, GROUP_CLIENT, SECRET, scopes=[], reads=[f"/subscriptions/{SUBSCRIPTION}"]))
    one = watch(azure, "data01", "web01", client_id=GROUP_CLIENT, secret=SECRET, tenant=TENANT)
    before = len(azure.azure.journal.entries)
    assert kinds(one) == []
    azure.azure.clock.advance(3 * DAY)
    assert sorted(kinds(one)) == ["rpo_missed", "rpo_missed"]
    writes = [entry for entry in azure.azure.journal.entries[before:] if entry["is_write"]]
    assert {entry["path"].rsplit("/", 1)[-1] for entry in writes} <= {"resources"}


def test_weekly_backups_are_asked_for_their_points_only_when_these_may_be_too_old(azure: Driver) -> None:
    weekly_backed_up_account(azure)
    azure.azure.clock.advance(20 * DAY)
    for vault in azure.azure.data_protection.vaults.values():
        vault.jobs.clear()

    def reads() -> int:
        return len(azure.requests("GET", "/recoveryPoints"))

    one = watch(azure, select={"names": ["demoaccount"]}, rpo="30d")
    before = reads()
    assert kinds(one) == []
    assert reads() == before + 1
    assert kinds(one) == []
    assert reads() == before + 1
    azure.azure.clock.advance(11 * DAY)
    assert kinds(one) == ["rpo_missed"]
    assert reads() == before + 2


def test_only_what_is_selected_and_not_exempt_is_watched(azure: Driver) -> None:
    backed_up_disks(azure, "data01", "data03")
    select = {"names": ["data0*"], "exempt_tag": "BackupExempt", "subscription_ids": [SUBSCRIPTION]}
    one = watch(azure, select=select, rpo="2h", unprotected_after="0")
    assert {event["datasource"]["name"] for event in look(one)} == {"data02"}
    azure.azure.clock.advance(3 * HOUR)
    assert [event["datasource"]["name"] for event in look(one)] == ["data01"]
    elsewhere = watch(azure, select={"subscription_ids": [OTHER_SUBSCRIPTION]}, unprotected_after="0", events=["unprotected"])
    assert {event["datasource"]["subscription_id"] for event in look(elsewhere)} == {OTHER_SUBSCRIPTION}


def test_documentation_and_schema_have_the_arguments_of_the_source() -> None:
    source = runpy.run_path(str(SOURCE))
    documented = yaml.safe_load(source["DOCUMENTATION"])["options"]
    schema = json.loads((SOURCE.parent / "schemas" / "backup_events.json").read_text(encoding="utf-8"))
    assert set(documented) == set(ARGUMENTS) - set(CONNECTION)
    assert set(schema["properties"]) == set(ARGUMENTS)
    jsonschema.Draft202012Validator.check_schema(schema)
    types = {
        "str": "string",
        "path": "string",
        "int": "integer",
        "float": "number",
        "bool": "boolean",
        "list": "array",
        "dict": "object",
    }
    for name, spec in ARGUMENTS.items():
        shown = schema["properties"][name]
        assert shown["description"].strip()
        assert shown["type"] == types[spec["type"]], name
        assert shown.get("enum", shown.get("items", {}).get("enum")) == spec.get("choices"), name
        assert shown.get("default") == spec.get("default"), name
        assert bool(shown.get("writeOnly")) is bool(spec.get("no_log")), name
        if name in documented:
            assert documented[name]["type"] == spec["type"], name
            assert documented[name].get("default") == spec.get("default"), name
            assert documented[name].get("choices") == spec.get("choices"), name


@pytest.mark.parametrize("place", ["the documentation", "the rulebook"])
def test_the_source_takes_what_the_examples_give_it(place: str, tmp_path: Path) -> None:
    rulebook = SOURCE.parents[2] / "rulebooks" / "backup_events.yml"
    text = runpy.run_path(str(SOURCE))["EXAMPLES"] if place == "the documentation" else rulebook.read_text(encoding="utf-8")
    ((ruleset,),) = [yaml.safe_load(text)]
    (source,) = ruleset["sources"]
    given = source["holdfast.azure_backup.backup_events"]
    if given["state_file"].startswith("/var"):
        given["state_file"] = str(tmp_path / "state.json")
    # ansible-rulebook renders them as its native values.
    rendered = {
        name: NativeEnvironment().from_string(value).render() if isinstance(value, str) else value
        for name, value in given.items()
    }
    assert Watch(rendered).interval == 300
    schema = json.loads((SOURCE.parent / "schemas" / "backup_events.json").read_text(encoding="utf-8"))
    jsonschema.validate(rendered, schema)


def test_bad_arguments_are_refused_together_before_any_request(azure: Driver, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "interval": 0.1,
        "rpo": "soon",
        "rpo_by_type": {"azure_car": "1d"},
        "rpo_margin": 0.5,
        "max_point_reads": -1,
        "unprotected_after": "later",
        "select": {"datasource_types": ["azure_car"]},
        "state_file": str(tmp_path / "none" / "state.json"),
        "storage_container_uri": "https://nowhere",
        "drill_container_folder": "drills",
    }
    before = len(azure.azure.journal.entries)
    with pytest.raises(BadInput) as refused:
        Watch(given)
    named = ("interval", "rpo: 'soon'", "rpo_by_type", "rpo_margin", "max_point_reads", "unprotected_after", "select")
    for name in (*named, "state_file", "storage_container_uri"):
        assert name in refused.value.message
    for wrong, told in (
        ({"events": ["everything"]}, "events"),
        ({"intervall": 3}, "intervall"),
        ({"state_file": str(tmp_path / "none" / "state.json")}, "cannot be written"),
        ({"drill_container_folder": ""}, "requires storage_container_uri"),
    ):
        with pytest.raises(BadInput, match=told):
            Watch(wrong)
    assert len(azure.azure.journal.entries) == before


def test_a_lost_state_file_is_said_and_ends_nothing(azure: Driver, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    one = watch(azure, state_file=str(folder / "state.json"))
    folder.rmdir()
    with caplog.at_level(logging.WARNING):
        assert kinds(one) == []
    assert "After a restart, events may be sent again" in caplog.text
