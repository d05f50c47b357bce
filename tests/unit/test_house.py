# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the house promises about itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml
from ansible_collections.holdfast.azure_backup.plugins.module_utils.arguments import CONNECTION
from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.caller import ENVIRONMENT
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.datasource_types import DATASOURCE_TYPES
from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.result_shapes import FIELDS

ROOT = Path(__file__).parents[2]
# What runs on the controller connects to nothing.
MODULES = sorted(
    path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem not in ("role_input", "check_groups")
)


def read_yaml(*parts: str) -> dict:
    return dict(yaml.safe_load(ROOT.joinpath(*parts).read_text(encoding="utf-8")))


def test_every_module_is_in_the_action_group() -> None:
    assert read_yaml("meta", "runtime.yml")["action_groups"]["azure"] == MODULES


def test_every_module_looks_at_its_python_before_it_imports_more() -> None:
    """The first import of each is arguments, whose first is required_python."""
    package = "ansible_collections.holdfast.azure_backup.plugins.module_utils"
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        found = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
        ours = next((node for node in found if str(node.module).startswith(package)), None)
        if ours is not None:
            assert (ours.module, ours.names[0].name) == (package, "arguments"), path
    text = (ROOT / "plugins" / "module_utils" / "arguments.py").read_text(encoding="utf-8")
    first = next(node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom) and node.level)
    assert "required_python" in (first.module or "") or first.names[0].name == "required_python"


def test_make_test_runs_what_nox_runs_by_itself() -> None:
    by_default = ast.literal_eval(re.search(r"nox\.options\.sessions = (\[.*\])", (ROOT / "noxfile.py").read_text("utf-8"))[1])
    rules = dict(re.findall(r"^(\w+):.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    commands = "".join(rules[name] for name in ("test", "checks", "pages"))
    assert sorted(" ".join(re.findall(r"nox -s (.*)", commands)).split()) == sorted(by_default)
    assert "checks pages" in rules["test"]


def test_requirements_say_everywhere_the_same() -> None:
    from ansible_collections.holdfast.azure_backup.plugins.module_utils.azure.libraries import REQUIREMENTS

    wanted = sorted(f"{distribution}>={floor}" for distribution, floor in REQUIREMENTS.values())
    for name in ("requirements.txt", "meta/ee-requirements.txt"):
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        assert sorted(line for line in lines if line and not line.startswith("#")) == wanted, name
    oldest = (ROOT / "tests" / "requirements" / "oldest.txt").read_text(encoding="utf-8").replace("==", ">=").splitlines()
    assert sorted(line for line in oldest if line and not line.startswith("#")) == wanted


def test_only_the_door_imports_azure() -> None:
    for path in (ROOT / "plugins").rglob("*.py"):
        imported = {
            name
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else [])
            + ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        }
        assert not [name for name in imported if name.split(".")[0] in ("azure", "msal", "requests")], path


def test_every_role_has_a_playbook_of_its_name_and_documented_variables() -> None:
    for role in (path.name for path in (ROOT / "roles").iterdir() if path.is_dir()):
        assert (ROOT / "playbooks" / f"{role}.yml").is_file()
        entries = read_yaml("roles", role, "meta", "argument_specs.yml")["argument_specs"]
        assert all((ROOT / "roles" / role / "tasks" / f"{entry}.yml").is_file() for entry in entries)
        assert all((ROOT / "playbooks" / f"{entry}.yml").is_file() for entry in entries if entry != "main")
        options = {name: spec for entry in entries.values() for name, spec in entry["options"].items()}
        defaults = read_yaml("roles", role, "defaults", "main.yml")
        assert {name: spec["default"] for name, spec in options.items() if "default" in spec} == defaults
        assert all(name.startswith(f"{role}_") for name in options)


def test_there_is_no_sanity_ignore_file() -> None:
    assert not list((ROOT / "tests" / "sanity").glob("ignore*")) if (ROOT / "tests" / "sanity").exists() else True


def test_every_claim_of_the_emulators_parity_has_a_witness() -> None:
    """What is absent or our own guess needs none; everything else names a test."""
    text = (ROOT / "tests" / "emulator" / "PARITY.md").read_text(encoding="utf-8").split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 70
    without = [
        claim for claim, told, *witness in rows if not told.startswith("absent") and not re.search(r"`test_\w+`", str(witness))
    ]
    assert without == []


def test_every_witness_of_the_emulators_parity_is_a_test() -> None:
    text = (ROOT / "tests" / "emulator" / "PARITY.md").read_text(encoding="utf-8")
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    witnesses = re.findall(r"`(test_\w+)`", text)
    assert len(witnesses) > 30
    assert [name for name in witnesses if f"def {name}(" not in tests] == []


def test_every_field_of_a_result_is_mapped_to_azures_in_the_guide() -> None:
    text = (ROOT / "docs" / "docsite" / "rst" / "guide_results.rst").read_text(encoding="utf-8")
    for noun, fields in FIELDS.items():
        section = text.split(f"Field of ``{noun}``", 1)[1].split("list-table::", 1)[0]
        assert re.findall(r"\* - ``(\w+)``", section) == list(fields)


def test_every_error_code_of_our_own_is_in_the_guide() -> None:
    """A code is the name of an error's class, or the one that it is raised with."""
    text = (ROOT / "docs" / "docsite" / "rst" / "guide_results.rst").read_text(encoding="utf-8")
    listed = re.findall(r"\* - ``(\w+)``", text.split("\nError codes\n", 1)[1])
    classes = [node.name for node in ast.walk(read_tree("module_utils/errors.py")) if isinstance(node, ast.ClassDef)]
    given = [
        keyword.value.value
        for path in (ROOT / "plugins" / "module_utils").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant) and keyword.value.value
    ]
    assert listed == sorted({*classes, *given})


def read_tree(name: str) -> ast.Module:
    return ast.parse((ROOT / "plugins" / name).read_text(encoding="utf-8"))


def test_every_datasource_type_is_named_where_one_is() -> None:
    """Documentation that names one type names all, whatever types come later."""
    for path in (ROOT / "plugins" / "modules").glob("*.py"):
        if path.name == "backup_restore.py":
            # Where to restore to differs by type; see below.
            continue
        for line in path.read_text(encoding="utf-8").split('RETURN = r"""')[0].splitlines():
            named = set(re.findall(r"V\((azure_\w+)\)", line))
            assert not named or named == set(DATASOURCE_TYPES), (path.name, line)


def test_each_key_of_a_target_names_the_types_that_take_it() -> None:
    source = (ROOT / "plugins" / "modules" / "backup_restore.py").read_text(encoding="utf-8")
    document = yaml.safe_load(source.split('DOCUMENTATION = r"""', 1)[1].split('"""', 1)[0])
    options = document["options"]
    for keys in (options["target"]["suboptions"], options["restores"]["suboptions"]["target"]["suboptions"]):
        assert set(keys) == {key for one in DATASOURCE_TYPES.values() for key in (*one.target_keys, *one.in_place_target_keys)}
        for key, described in keys.items():
            takes = {name for name, one in DATASOURCE_TYPES.items() if key in (*one.target_keys, *one.in_place_target_keys)}
            assert set(re.findall(r"V\((azure_\w+)\)", str(described["description"]))) == takes, key
    supported = next(text for text in document["description"] if text.startswith("Supported are"))
    assert set(re.findall(r"V\((azure_\w+)\)", supported)) == {name for name, one in DATASOURCE_TYPES.items() if one.target_keys}


def documented_fields(module: str, key: str) -> list[str]:
    source = (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
    returned = yaml.safe_load(source.split('RETURN = r"""', 1)[1].split('"""', 1)[0])
    return list(returned[key]["contains"])


def test_the_documented_fields_of_results_are_those_that_there_are() -> None:
    for module, key, noun in (
        ("backup_vault", "vault", "vault"),
        ("backup_policy", "policy", "policy"),
        ("backup_vault_info", "vaults", "vault"),
        ("backup_policy_info", "policies", "policy"),
        ("backup_instance_info", "instances", "instance"),
        ("backup_job_info", "jobs", "job"),
        ("backup_recovery_point_info", "recovery_points", "recovery_point"),
        ("hsm_backup", "backup", "hsm_job"),
        ("hsm_restore", "restore", "hsm_job"),
        ("stackhub_backup", "backup", "stackhub_backup"),
        ("stackhub_backup_info", "backups", "stackhub_backup"),
        ("stackhub_backup_location", "backup_location", "backup_location"),
    ):
        assert documented_fields(module, key) == list(FIELDS[noun]), module


def test_every_connection_option_is_in_the_guide_with_its_environment() -> None:
    text = (ROOT / "docs" / "docsite" / "rst" / "guide_authentication.rst").read_text(encoding="utf-8")
    for option in CONNECTION:
        assert f"``{option}``" in text, option
    for option, names in ENVIRONMENT.items():
        row = text.split(f"    * - ``{option}``\n", 1)[1].split("    * -", 1)[0]
        assert all(f"``{name}``" in row for name in names), option
        # A profile is a section of the file, not a key in it.
        assert f"      - {'-' if option == 'profile' else f'``{option}``'}\n" in row, option


def test_blocks_of_the_guides_on_controllers_and_events_are_parts_of_what_is_tested() -> None:
    places = [*ROOT.glob("examples/controller/**/*.yml"), *ROOT.glob("extensions/eda/rulebooks/*.yml")]
    # In whatever depth they stand there.
    files = [re.sub(r"^ +", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE) for path in places]
    for guide in ("guide_automation_controller", "guide_events"):
        text = (ROOT / "docs" / "docsite" / "rst" / f"{guide}.rst").read_text(encoding="utf-8")
        blocks = re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)
        assert blocks
        for block in blocks:
            assert any(re.sub(r"^ +", "", block, flags=re.MULTILINE).strip() in file for file in files), block


def test_every_kind_of_event_is_in_the_guide() -> None:
    from ansible_collections.holdfast.azure_backup.plugins.module_utils.model.events import SEVERITIES

    text = (ROOT / "docs" / "docsite" / "rst" / "guide_events.rst").read_text(encoding="utf-8")
    told = re.findall(r"^   \* - ``(\w+)``\n     - (\w+)\n", text, re.MULTILINE)
    assert dict(told) == SEVERITIES
