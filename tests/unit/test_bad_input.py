# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is given to a module: never a traceback, never a request that Azure cannot read, always the option's name."""

from __future__ import annotations

import importlib
import re
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.holdfast.azure_backup.plugins.module_utils.errors import BadInput
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.durations import format_time, parse_time, seconds_in
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.resource_ids import parse_resource_id
from conftest import GROUP, VAULT_ID, Driver, disk
from emulator.seed import SUBSCRIPTION
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from modules import MODULES, pruned

_PACKAGE = "ansible_collections.holdfast.azure_backup.plugins.modules"
# A failure is found again in every run, and a run has no time of its own.
calm = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
NASTY = (
    "", " ", "\x00", "a/b", "..", "%2e%2e", "x?y=1", "x#y", "https://evil.example/", "{{ lookup }}", "\n", "ä", "-", "0", "None",
    "P", "P1", "PT", "1x", "-1d", "99999999999d", "25:00", "24:00", "7:5", "/subscriptions", "/subscriptions//resourceGroups//",
    f"{GROUP}/providers/Microsoft.Compute/disks/", f"{GROUP}/providers/Microsoft.Compute/disks/a b", disk("data01"), "data01",
    "demo-rg", "demo-vault", "disks", "azure_disk", "azure_vm", "azure_blob", "7d", "12h", "2026-11-04T08:00:00Z", "UTC", "Mars",
)  # fmt: skip
LEADING_ELSEWHERE = ("..", " ", "%2e%2e", f"{GROUP}/providers/Microsoft.Compute/disks/..", "data01\n", "a?b=1", "a/../../b")
# What only lengthens a run, or leads it away from the loopback.
LEFT_OUT = (
    "wait_timeout", "poll_interval", "progress_interval", "progress_file", "permission_timeout", "cloud_environment",
    "auth_source", "profile", "log_path",
)  # fmt: skip
# Answers to what was not to be asked: what cannot be read, and what there is no such thing as.
REFUSED = (400, 501)


def value_of(spec: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Give values for an option, good ones and bad."""
    kind = spec.get("type", "str")
    texts = st.sampled_from(NASTY) | st.text(max_size=20)
    if spec.get("choices"):
        texts = st.sampled_from(spec["choices"])
    if kind == "dict":
        return options_of(spec["options"]) if spec.get("options") else st.dictionaries(texts, texts | st.integers(), max_size=2)
    if kind == "list":
        element = {**spec, "type": spec.get("elements", "str")}
        return st.lists(value_of(element), max_size=3)
    return {
        "int": st.integers(-10, 400) | st.sampled_from((10**6, -(10**9))),
        "float": st.floats(allow_nan=False, allow_infinity=False),
        "bool": st.booleans(),
        "raw": st.one_of(texts, st.integers(), st.lists(texts, max_size=2)),
    }.get(kind, texts)


def options_of(spec: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give sets of options."""
    wanted = {name: value_of(one) for name, one in spec.items() if name not in LEFT_OUT}
    needed = {name: wanted[name] for name in wanted if spec[name].get("required")}
    return st.fixed_dictionaries(needed, optional={name: one for name, one in wanted.items() if name not in needed})


def arguments_of(module: str) -> st.SearchStrategy[dict[str, Any]]:
    """Give arguments of a module: three or so of its options, beside good ones that lead further in."""
    spec = specification_of(module)
    base = good_for(spec)
    some = st.sets(st.sampled_from(sorted(set(spec) - set(LEFT_OUT))), min_size=1, max_size=4)
    return some.flatmap(
        lambda names: st.fixed_dictionaries({name: value_of(spec[name]) for name in names}).map(lambda chosen: {**base, **chosen})
    )


def specification_of(module: str) -> dict[str, Any]:
    """Give the options of a module."""
    specification: dict[str, Any] = importlib.import_module(f"{_PACKAGE}.{module}").ARGUMENTS
    return specification


def good_for(spec: dict[str, Any]) -> dict[str, Any]:
    """Give good values for the options that lead furthest in."""
    good = {
        "datasource_id": [disk("data01")],
        "policy_name": "disks",
        "datasource_type": "azure_disk",
        "location": "westeurope",
        "snapshot_resource_group": "demo-snapshots-rg",
    }
    return {name: value for name, value in good.items() if name in spec}


def refuses(azure: Driver, module: str, arguments: dict[str, Any]) -> None:
    """Try arguments on the demo vault: whatever they are, nothing unexpected and nothing that Azure cannot read."""
    azure.azure.journal.entries.clear()
    result = azure.run(module, check=True, **arguments)
    message = str(result.get("msg", ""))
    assert "Unexpected error" not in message, (arguments, message)
    refused = [
        (entry["method"], entry["path"], entry["status"]) for entry in azure.azure.journal.entries if entry["status"] in REFUSED
    ]
    assert not [entry for entry in refused if entry[1] != "/metadata/endpoints"], (arguments, refused)
    if result.get("error", {}).get("code") == "BadInput":
        assert re.match(r"[a-z][][a-z0-9_., ]*:", message), (arguments, message)
    assert azure.writes() == [], "check mode writes nothing"


@pytest.mark.parametrize("module", MODULES)
@calm
@given(data=st.data())
def test_bad_input_is_refused_by_the_name_of_its_option(azure: Driver, module: str, data: st.DataObject) -> None:
    arguments = data.draw(arguments_of(module))
    azure.azure.reset()
    azure.vault()
    refuses(azure, module, arguments)


@pytest.mark.parametrize("module", MODULES)
def test_no_name_leads_a_request_elsewhere(azure: Driver, module: str) -> None:
    """Each option that is a text or a list of texts, with names that would leave the path they are put in."""
    azure.vault()
    spec = specification_of(module)
    for option in sorted(set(spec) - set(LEFT_OUT)):
        kind = spec[option].get("type", "str")
        if spec[option].get("choices") or kind not in ("str", "raw", "list", "path"):
            continue
        needed = {name: good for name, good in good_for(spec).items() if spec[name].get("required")}
        for name in LEADING_ELSEWHERE:
            # Other options may lead a module past this one.
            for others in (good_for(spec), needed):
                refuses(azure, module, {**others, option: [name] if kind == "list" else name})


@calm
@given(text=st.text() | st.sampled_from(NASTY))
def test_ids_and_durations_are_read_or_refused(text: str) -> None:
    for read in (parse_resource_id, seconds_in):
        refusal = "datasource_id: x"
        try:
            read(text, "datasource_id")
        except BadInput as error:
            refusal = error.message
        assert refusal.startswith("datasource_id: ")


@calm
@given(names=st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True), min_size=3, max_size=3))
def test_ids_round_trip(names: list[str]) -> None:
    # Namespaces have no hyphens.
    namespace = names[1].replace("-", "").replace("_", "")
    text = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{names[0]}/providers/Microsoft.{namespace}/things/{names[2]}"
    assert parse_resource_id(text, "id").text == text


@calm
@given(moment=st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30)))
def test_times_round_trip(moment: datetime) -> None:
    told = format_time(moment.replace(microsecond=0, tzinfo=timezone.utc))
    assert format_time(parse_time(told)) == told


DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
hours = st.integers(0, 23).map(lambda hour: f"{hour:02d}:30")
zones = st.sampled_from(("UTC", "Romance Standard Time", "Pacific Standard Time"))


def schedules(datasource_type: str) -> st.SearchStrategy[dict[str, Any]]:
    """Give schedules, most of which Azure accepts."""
    times = st.lists(hours, min_size=1, max_size=1)
    daily = st.fixed_dictionaries({"frequency": st.just("daily"), "times": times, "time_zone": zones})
    days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True)
    weekly = st.fixed_dictionaries({"frequency": st.just("weekly"), "times": times, "days": days, "time_zone": zones})
    every = st.fixed_dictionaries(
        {
            "frequency": st.just("hourly"),
            "interval_hours": st.sampled_from((1, 2, 4, 6, 8, 12)),
            "times": times,
            "time_zone": zones,
        }
    )
    return {"azure_disk": daily | every, "azure_blob": daily | weekly, "azure_vm": daily | weekly}[datasource_type]


@pytest.mark.parametrize("datasource_type", ["azure_disk", "azure_blob", "azure_vm"])
@calm
@given(data=st.data())
def test_what_is_said_of_a_policy_is_a_task_that_makes_it(azure: Driver, datasource_type: str, data: st.DataObject) -> None:
    """Readable form, wire, readable form: the same for every policy that is accepted."""
    kind = {"vault_type": "recovery_services"} if datasource_type == "azure_vm" else {}
    azure.foresees = False
    azure.azure.reset()
    azure.vault(**kind)
    schedule = data.draw(schedules(datasource_type))
    unit = "w" if schedule["frequency"] == "weekly" else "d"
    keeping = {"default": f"{data.draw(st.integers(1, 60))}{unit}"}
    options = {"policy_name": "made", "datasource_type": datasource_type, **kind}
    made = azure.run("backup_policy", schedule=schedule, retention=keeping, **options)
    if made["failed"]:
        assert re.match(r"[a-z][a-z0-9_., ]*:", made["msg"]), made["msg"]
        return
    told = {name: pruned(made["policy"][name]) for name in ("schedule", "retention")}
    again = azure.run("backup_policy", **told, **options)
    assert not again["failed"], (told, again["msg"])
    assert again["changed"] is False, (told, again["diff"])
    azure.run("backup_policy", state="absent", policy_name="made", **kind)
    remade = azure.run("backup_policy", **told, **options)
    assert {name: pruned(remade["policy"][name]) for name in told} == told


@pytest.mark.parametrize(
    ("module", "arguments", "option"),
    [
        ("backup_instance", {"permission_timeout": 10**12, "policy_name": "disks"}, "permission_timeout"),
        ("backup_job_info", {"end_time": "9999-12-31T23:59:59-01:00"}, "end_time"),
        ("backup_policy", {"retention": {"default": "P\u0667D"}}, "retention.default"),
        ("backup_policy", {"retention": {"default": "9" * 5000 + "d"}}, "retention.default"),
        ("backup_policy", {"schedule": {"times": ["02:3\u0660"]}}, "schedule.times"),
        ("backup_policy", {"schedule": {"times": ["9" * 5000]}}, "schedule.times"),
        ("backup_instance", {"policy_id": f"{VAULT_ID}/backupInstances/disks"}, "policy_id"),
        ("backup_vault", {"tags": {"a/b": "c"}}, "tags"),
        ("backup_vault", {"tags": {"": "c"}}, "tags"),
        ("backup_vault", {"tags": {"a": "c" * 300}}, "tags"),
        ("backup_vault", {"tags": {"Env": "1", "env": "2"}}, "tags"),
        ("backup_adhoc", {"job_id": f"{GROUP}/providers/Microsoft.Compute/disks/data01/backupJobs/x"}, "job_id"),
        ("backup_resource_guard", {"resource_guard_name": "guard", "location": "not/a region?"}, "location"),
    ],
)
def test_what_once_got_through_is_refused(azure: Driver, module: str, arguments: dict[str, Any], option: str) -> None:
    azure.vault()
    good = good_for(specification_of(module))
    if module == "backup_adhoc" or "policy_id" in arguments:
        good = {name: value for name, value in good.items() if name == "datasource_id" and "policy_id" in arguments}
    elif module == "backup_resource_guard":
        arguments = {**arguments, "vault_name": None}
    azure.azure.journal.entries.clear()
    result = azure.run(module, **{**good, **arguments})
    assert result["failed"]
    assert result["error"]["code"] == "BadInput", result["msg"]
    assert option in result["msg"]
    assert azure.writes() == []
