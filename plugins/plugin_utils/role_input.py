# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a role in their documented types, in whatever form an extra variable or a survey gives them.

Extra variables on a command line and answers of AWX surveys are texts: an empty one is not set, a list has an item a line or is
separated by commas, a dict is JSON or YAML. Ansible's own validation of a role accepts some of these forms, and does not convert
what the role then uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml
from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE, BOOLEANS_TRUE

Spec = Mapping[str, Any]


def read_variables(given: Mapping[str, Any], options: Mapping[str, Spec], prefix: str) -> tuple[dict[str, Any], list[str]]:
    """Read a role's variables by the options of its argument specification, and give them and what is wrong with them.

    given: values by the whole names of variables; prefix: how these names begin, which is left out of the names of the result.
    A variable that is not set, or is empty, has its default; without one it is left out. Values of C(no_log) options are
    checked and left out.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, spec in options.items():
        value = _read(given.get(name), spec, name, problems)
        if value is None:
            value = spec.get("default")
        if value is None and spec.get("required"):
            problems.append(f"{name}: not set")
        if value is not None and not spec.get("no_log"):
            values[name.removeprefix(prefix)] = value
    return values, problems


def _read(value: Any, spec: Spec, name: str, problems: list[str]) -> Any:
    """Give a value in the type of its option, None where it is not set; what is wrong with it goes to problems."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    kind = str(spec.get("type", "str"))
    try:
        found = _READERS[kind](value)
    except (ValueError, TypeError, yaml.YAMLError):
        problems.append(f"{name}: {_shown(value, spec)} is not {_WORDS[kind]}")
        return None
    if kind == "list":
        element = {**spec, "type": spec.get("elements", "str"), "no_log": spec.get("no_log")}
        items = [_read(item, element, f"{name}[{index}]", problems) for index, item in enumerate(found)]
        return [item for item in items if item is not None]
    if kind == "dict":
        return _read_dict(found, spec.get("options"), name, problems)
    choices = spec.get("choices")
    if choices and found not in choices:
        problems.append(f"{name}: {_shown(value, spec)} is not one of {', '.join(map(str, choices))}")
    return found


def _read_dict(found: dict[str, Any], options: Mapping[str, Spec] | None, name: str, problems: list[str]) -> dict[str, Any]:
    """Give a dict with its values in the types of its own options; keys that it does not have go to problems."""
    if options is None:
        return found
    unknown = sorted(str(key) for key in found if key not in options)
    if unknown:
        problems.append(f"{name}: unknown key(s) {', '.join(unknown)}; use {', '.join(options)}")
    read = {key: _read(value, options[key], f"{name}.{key}", problems) for key, value in found.items() if key in options}
    return {key: value for key, value in read.items() if value is not None}


def _shown(value: Any, spec: Spec) -> str:
    return "the value" if spec.get("no_log") else f"'{value}'"


def _read_text(value: Any) -> str:
    if isinstance(value, bool | dict | list):
        raise TypeError
    return str(value).strip()


def _read_bool(value: Any) -> bool:
    known = value.strip().lower() if isinstance(value, str) else value
    if known in BOOLEANS_TRUE:
        return True
    if known in BOOLEANS_FALSE:
        return False
    raise ValueError


def _read_number(value: Any, kind: type) -> Any:
    if isinstance(value, bool) or (kind is int and isinstance(value, float) and value != int(value)):
        raise TypeError
    return kind(value)


def _read_list(value: Any) -> list[Any]:
    """Give a list: as it is, from JSON or YAML, or from a text with an item a line or with commas."""
    if isinstance(value, list | tuple):
        return [item for one in value for item in (one.splitlines() if isinstance(one, str) else [one])]
    if not isinstance(value, str):
        if isinstance(value, Mapping):
            raise TypeError
        return [value]
    text = value.strip()
    if re.match(r"\[|- |-$", text):
        found = yaml.safe_load(text)
        if not isinstance(found, list):
            raise TypeError
        return found
    return [item.strip() for item in re.split(r"[\r\n,]+", text) if item.strip()]


def _read_mapping(value: Any) -> dict[str, Any]:
    """Give a dict: as it is, or from JSON, YAML or C(key=value) pairs."""
    if isinstance(value, Mapping):
        return dict(value)
    found = yaml.safe_load(value) if isinstance(value, str) else None
    if isinstance(found, str):
        pairs = [part.partition("=") for part in re.split(r"[\s,]+", found) if part]
        if all(key and sign for key, sign, _value in pairs):
            found = {key: item for key, _sign, item in pairs}
    if not isinstance(found, dict):
        raise TypeError
    return found


_READERS = {
    "str": _read_text,
    "path": _read_text,
    "raw": lambda value: value,
    "bool": _read_bool,
    "int": lambda value: _read_number(value, int),
    "float": lambda value: _read_number(value, float),
    "list": _read_list,
    "dict": _read_mapping,
}
_WORDS = {
    "str": "a string",
    "path": "a path",
    "bool": "a boolean such as true",
    "int": "a whole number",
    "float": "a number",
    "list": "a list; give a list, or a string with one item per line or separated by commas",
    "dict": "a dictionary; give a dictionary, or one as JSON or YAML",
}
