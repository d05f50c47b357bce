# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable of every role, in every form that extra variables and surveys have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.role_input import read_variables

ROLES = Path(__file__).parents[4] / "roles"


def variables() -> list[Any]:
    """Give every variable of every entry point with its specification."""
    found = []
    for file in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        specs = yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]
        found += [
            pytest.param(name, spec, id=f"{entry}: {name}")
            for entry, one in specs.items()
            for name, spec in one["options"].items()
        ]
    return found


def sample(spec: dict[str, Any]) -> Any:
    """Give a value of the type of an option."""
    kind = spec["type"]
    if kind == "list":
        one = {"int": [0, 3], "dict": [{"name": "Quarter", "duration": "1y"}, {"name": "Year", "duration": "2y"}]}
        return one.get(spec["elements"], list(spec.get("choices", ("first/one", "second/one")))[:2])
    if kind == "dict":
        return {key: sample(option) for key, option in spec.get("options", {"state": {"type": "str"}}).items()}
    return spec["choices"][-1] if spec.get("choices") else {"bool": True, "int": 7, "float": 0.5}.get(kind, "some text")


def texts(value: Any, spec: dict[str, Any]) -> list[str]:
    """Give the texts that mean a value."""
    kind = spec["type"]
    if kind == "bool":
        return ["true", "True", "yes", "1", "on", " TRUE\n"]
    if kind in ("dict", "list"):
        found = [json.dumps(value), yaml.safe_dump(value), f"\n{json.dumps(value, indent=2)}\r\n"]
        if kind == "list" and spec["elements"] != "dict":
            words = [str(item) for item in value]
            found += [
                ",".join(words),
                ", ".join(words),
                "\n".join(words),
                "\r\n".join([*words, ""]),
                "\n\n".join([*words, "", ""]),
            ]
        return found
    return [str(value), f"{value}\n", f" {value}\r\n"]


@pytest.mark.parametrize(("name", "spec"), variables())
def test_a_variable_is_read_from_every_form(name: str, spec: dict[str, Any]) -> None:
    wanted = sample(spec)
    hidden = bool(spec.get("no_log"))
    for given in [wanted, *texts(wanted, spec)]:
        values, problems = read_variables({name: given}, {name: spec}, "")
        assert problems == [], given
        assert values == ({} if hidden else {name: wanted}), given


@pytest.mark.parametrize(("name", "spec"), variables())
@pytest.mark.parametrize("empty", [None, "", " ", "\n"])
def test_what_is_empty_is_not_set(name: str, spec: dict[str, Any], empty: Any) -> None:
    values, problems = read_variables({name: empty}, {name: spec}, "")
    assert problems == ([f"{name}: not set"] if spec.get("required") else [])
    assert values == ({name: spec["default"]} if "default" in spec else {})


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        ({"type": "bool"}, "perhaps"),
        ({"type": "int"}, "many"),
        ({"type": "int"}, "1.5"),
        ({"type": "int"}, True),
        ({"type": "float"}, "1,5"),
        ({"type": "dict"}, "GeoRedundant"),
        ({"type": "dict"}, "{not: [closed"),
        ({"type": "dict"}, ["a", "b"]),
        ({"type": "dict", "options": {"state": {"type": "str"}}}, '{"stat": "On"}'),
        ({"type": "dict", "options": {"days": {"type": "int"}}}, {"days": "many"}),
        ({"type": "list", "elements": "int"}, "0,one"),
        ({"type": "list", "elements": "str"}, {"a": 1}),
        ({"type": "list", "elements": "dict"}, "a,b"),
        ({"type": "str", "choices": ["join", "fail"]}, "explode"),
        ({"type": "str"}, {"a": 1}),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(spec: dict[str, Any], given: Any) -> None:
    _values, problems = read_variables({"role_x": given}, {"role_x": spec}, "role_")
    assert problems
    assert all(problem.startswith("role_x") for problem in problems)


def test_no_secret_is_in_a_message() -> None:
    spec = {"type": "str", "no_log": True}
    values, problems = read_variables({"token": {"sig": "hidden"}}, {"token": spec}, "")
    assert values == {}
    assert "hidden" not in str(problems)


def test_all_mistakes_are_told_at_once() -> None:
    options = {
        "role_a": {"type": "int"},
        "role_b": {"type": "dict", "options": {"c": {"type": "str"}}},
        "role_d": {"required": True},
    }
    _values, problems = read_variables({"role_a": "x", "role_b": "{y: 1}"}, options, "role_")
    assert [problem.split(":")[0] for problem in problems] == ["role_a", "role_b", "role_d"]
