# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of plugins/module_utils: imports go down only, and the drawing in CONTRIBUTING.md shows these layers."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE_UTILS = ROOT / "plugins" / "module_utils"
# From the highest to the lowest; what lies in no folder is the ground.
LAYERS = ("modules", "jobs", "services", "azure", "model", "ground")


def files() -> Iterator[Path]:
    yield from sorted(MODULE_UTILS.rglob("*.py"))


def layer_of(path: Path) -> str:
    parts = path.relative_to(MODULE_UTILS).parts
    return parts[0] if len(parts) > 1 else "ground"


def imported_by(path: Path) -> Iterator[Path]:
    """Give the files that a file imports of its own collection."""
    folder = path.parent
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = folder
            for _step in range(node.level - 1):
                start = start.parent
            base = start.joinpath(*(node.module or "").split("."))
            for alias in node.names:
                module = base.with_suffix(".py")
                yield module if module.is_file() else base / f"{alias.name}.py"


def test_imports_go_down_only() -> None:
    upward = [
        f"{path.relative_to(MODULE_UTILS)} -> {target.relative_to(MODULE_UTILS)}"
        for path in files()
        for target in imported_by(path)
        if LAYERS.index(layer_of(target)) < LAYERS.index(layer_of(path))
    ]
    assert upward == []


def test_every_file_lies_in_a_layer_and_every_import_is_a_file() -> None:
    assert {layer_of(path) for path in files()} == set(LAYERS)
    assert [path for path in files() for target in imported_by(path) if not target.is_file()] == []


def test_only_the_layer_of_modules_knows_a_task() -> None:
    for path in files():
        if layer_of(path) == "modules":
            continue
        names = {node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)}
        assert not names & {"Task", "AnsibleModule"}, path


def test_only_the_run_meets_ansible() -> None:
    meeting = [
        path.name for path in files() if re.search(r"^from ansible\.|^import ansible\b", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert meeting == ["run.py"]


def test_no_folder_has_an_init_that_ansible_would_ship_for_nothing() -> None:
    assert list(MODULE_UTILS.rglob("__init__.py")) == []


def test_every_file_says_that_it_is_private() -> None:
    assert [path for path in files() if "# Private to this collection" not in path.read_text(encoding="utf-8")] == []


def test_the_drawing_shows_the_layers() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawing = re.search(r"```mermaid\n(.*?)```", text, re.DOTALL)
    assert drawing is not None
    assert re.findall(r"^ +(\w+)\[", drawing[1], re.MULTILINE) == list(LAYERS)
    assert re.findall(r"^ +(\w+) --> (\w+)$", drawing[1], re.MULTILINE) == list(itertools.pairwise(LAYERS))
