# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/controller: by the real awx.awx against a loopback controller, held against the roles, and run as AWX runs it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
import yaml
from controller_api import TOKEN, Controller, serve
from emulator.server import Emulator
from modules import run_module
from playing import BIN, DISK, ROOT, VARIABLES, VAULT, back_up, environment, installed, loopback, need_blob_store, play

__all__ = ["environment", "installed", "loopback"]

PROJECT = ROOT / "examples" / "controller"
PEERS = os.environ.get("PEER_COLLECTIONS")
needs_awx = pytest.mark.skipif(not PEERS, reason="PEER_COLLECTIONS names no folder with awx.awx")
BUILDER = shutil.which("ansible-builder")
# MB that the libraries of the modules may add to an execution environment.
MOST_MEGABYTES = 60
SECRETS = {"azure_secret": "secret-of-the-caller", "storage_sas_token": "sv=1&sig=secret-of-the-token"}
GIVEN = {
    **SECRETS,
    "azure_subscription_id": "5ca1ab1e-0000-4000-8000-00000000d15c",
    "azure_client_id": "client",
    "azure_tenant": "tenant",
    "notification_url": "https://hooks.example/secret-of-the-hook",
    "execution_environment_image": "quay.io/example/azure-backup-ee:latest",
    "managed_hsm_name": "demo-hsm",
    "managed_hsm_container_uri": "https://account.blob.core.windows.net/hsm",
    "project_url": "https://git.example/azure-backup.git",
    "backup_resource_group": "demo-rg",
    "backup_vault_name": "demo-vault",
    "machines_vault_name": "demo-rsv",
    "drill_scratch": json.dumps(VARIABLES["restore_drill_scratch"]),
    "workflow_datasources": DISK,
}
# Which module makes what of controller.yml, and what of that is for this project's own use.
MODULES = {
    "controller_credential_types": "credential_type",
    "controller_credentials": "credential",
    "controller_execution_environments": "execution_environment",
    "controller_projects": "project",
    "controller_inventories": "inventory",
    "controller_inventory_sources": "inventory_source",
    "controller_notifications": "notification_template",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
    "controller_schedules": "schedule",
}
# AWX's own pattern for the line that makes a file a playbook (awx/main/utils/ansible.py).
PLAYBOOK = re.compile(r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):\s*?.*?$")
# The types of questions that can ask for an option of a type: texts are read by the roles.
QUESTIONS = {
    "str": {"text", "textarea", "multiplechoice", "password"},
    "path": {"text"},
    "bool": {"multiplechoice"},
    "int": {"integer"},
    "float": {"float"},
    "list": {"textarea", "multiselect"},
    "dict": {"textarea"},
}


class Loader(yaml.SafeLoader):
    """Reads Ansible's own tag as well."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
CONTROLLER: dict[str, Any] = yaml.load((PROJECT / "controller.yml").read_text(encoding="utf-8"), Loader)  # noqa: S506
TEMPLATES: list[dict[str, Any]] = CONTROLLER["controller_templates"]


def configure(environment: dict[str, str], url: str) -> Any:
    paths = f"{environment['ANSIBLE_COLLECTIONS_PATH']}{os.pathsep}{PEERS}"
    there = {**environment, "ANSIBLE_COLLECTIONS_PATH": paths, "CONTROLLER_HOST": url, "CONTROLLER_OAUTH_TOKEN": TOKEN}
    return play(there, str(PROJECT / "configure.yml"), "-e", json.dumps(GIVEN), "-v")


@needs_awx
@pytest.mark.certify
def test_a_controller_is_configured_once(environment: dict[str, str]) -> None:
    controller = Controller()
    with serve(controller) as url:
        first = configure(environment, url)
        assert first.returncode == 0, first.stdout[-4000:] + first.stderr[-2000:]
        made = {kind: len(items) for kind, items in controller.kinds.items()}
        controller.journal.clear()
        second = configure(environment, url)
    assert second.returncode == 0, second.stdout[-4000:]
    assert re.search(r"changed=0 .*failed=0", second.stdout), second.stdout[-600:]
    assert controller.journal == []
    assert made["job_templates"] == len(TEMPLATES)
    workflow = CONTROLLER["controller_workflows"][0]
    assert made["workflow_job_template_nodes"] == len(workflow["simplified_workflow_nodes"])
    for node in workflow["simplified_workflow_nodes"]:
        for link in ("success_nodes", "failure_nodes", "always_nodes"):
            found = controller.names_of("workflow_job_template_nodes", node["identifier"], link)
            assert found == node.get(link, []), node["identifier"]
    template = controller.named("job_templates", "Azure backup - report")
    assert controller.surveys[template["id"]]["spec"][0]["variable"] == "report_select"
    # A template of AWX's own is not filled in beforehand.
    sas = controller.named("credential_types", "Azure Storage SAS token")
    assert sas["injectors"]["extra_vars"]["report_sas_token"] == "{{ sas_token }}"
    told = first.stdout + first.stderr + second.stdout + second.stderr
    assert not [secret for secret in SECRETS.values() if secret in told]


@needs_awx
@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_key_is_an_option_of_its_module(name: str) -> None:
    file = Path(str(PEERS)) / "ansible_collections" / "awx" / "awx" / "plugins" / "modules" / f"{MODULES[name]}.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    options = {
        word.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "argument_spec"
        for word in getattr(node.value, "keywords", [])
    }
    assert "name" in options
    # What infra.aap_configuration has beside the module's options.
    more = {"simplified_workflow_nodes"} if name == "controller_workflows" else set()
    for one in CONTROLLER[name]:
        assert set(one) - options <= more, one["name"]


def test_what_refers_to_something_names_it() -> None:
    names = {key: {one["name"] for one in items} for key, items in CONTROLLER.items() if isinstance(items, list)}
    for template in TEMPLATES:
        assert template["project"] in names["controller_projects"]
        assert template["inventory"] in names["controller_inventories"]
        assert template["execution_environment"] in names["controller_execution_environments"]
        assert set(template["credentials"]) <= names["controller_credentials"]
    for node in CONTROLLER["controller_workflows"][0]["simplified_workflow_nodes"]:
        assert node["unified_job_template"] in names["controller_templates"]
    known = names["controller_templates"] | names["controller_workflows"]
    assert {schedule["unified_job_template"] for schedule in CONTROLLER["controller_schedules"]} <= known


@pytest.mark.certify
@pytest.mark.skipif(BUILDER is None, reason="ansible-builder is not installed; make certify installs it")
@pytest.mark.parametrize("definition", ["execution-environment.yml", "decision-environment.yml"])
def test_the_environments_are_what_ansible_builder_takes(definition: str, installed: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    create = [str(BUILDER), "create", "--file", str(PROJECT / definition), "--context", str(context)]
    create += ["--output-filename", "Containerfile"]
    done = subprocess.run(create, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (context / "Containerfile").read_text(encoding="utf-8")
    assert "ansible-galaxy collection install" in text
    # What the collection itself asks for is found where it is installed.
    introspect = [str(BUILDER), "introspect", str(installed)]
    found = subprocess.run(introspect, capture_output=True, text=True, check=True).stdout
    wanted = (ROOT / "meta" / "ee-requirements.txt").read_text(encoding="utf-8").splitlines()
    for line in (line for line in wanted if not line.startswith("#")):
        assert line in found


@pytest.mark.certify
def test_the_libraries_are_small_beside_a_bare_environment(tmp_path: Path) -> None:
    bare = ["ansible-core>=2.19,<2.20", "ansible-runner>=2.4,<3"]
    sizes = []
    for name, more in (("bare", []), ("ours", ["-r", str(ROOT / "meta" / "ee-requirements.txt")])):
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-compile",
            "--target",
            str(tmp_path / name),
            *bare,
            *more,
        ]
        subprocess.run(command, check=True, capture_output=True)
        sizes.append(sum(file.stat().st_size for file in (tmp_path / name).rglob("*") if file.is_file()))
    assert (sizes[1] - sizes[0]) / 1e6 < MOST_MEGABYTES


def specification(template: dict[str, Any]) -> dict[str, Any]:
    """Give the options of the role that a template's playbook runs."""
    playbook = template["playbook"].removesuffix(".yml")
    role, entry = ("protect", "cleanup") if playbook == "cleanup" else (playbook, "main")
    file = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    return dict(yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"][entry]["options"])


@pytest.mark.parametrize("template", [one for one in TEMPLATES if "survey_spec" in one], ids=lambda one: one["playbook"])
def test_a_survey_asks_for_what_the_role_has(template: dict[str, Any]) -> None:
    options = specification(template)
    asked = template["survey_spec"]["spec"]
    assert len({question["variable"] for question in asked}) == len(asked)
    for question in asked:
        option = options[question["variable"]]
        assert question["type"] in QUESTIONS[option["type"]], question["variable"]
        if option["type"] == "bool":
            assert question["choices"] == ["true", "false"]
            assert question["default"] == str(option["default"]).lower()
        elif question["type"] in ("multiplechoice", "multiselect"):
            assert question["choices"] == option["choices"], question["variable"]
            assert question.get("default") in (None, option.get("default"))
        assert not option.get("no_log"), "a secret is for a credential, not for a survey"
    injected = CONTROLLER["controller_credential_types"][0]["injectors"]["extra_vars"]
    for name, value in injected.items():
        role = next(one for one in sorted(ROOT.glob("roles/*"), reverse=True) if name.startswith(f"{one.name}_"))
        specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
        assert specs["options"][name]["no_log"] is True
        assert value == "{{ sas_token }}"


def test_awx_finds_every_playbook_of_the_project() -> None:
    found = {
        file.name
        for file in PROJECT.glob("*.yml")
        if any(PLAYBOOK.match(line) for line in file.read_text(encoding="utf-8").splitlines())
    }
    assert {template["playbook"] for template in TEMPLATES} | {"configure.yml"} == found


def test_a_template_waits_longer_than_its_role() -> None:
    for template in TEMPLATES:
        if template["playbook"] in ("report.yml", "backup_hosts.yml"):
            continue
        options = specification(template)
        prefix = next(iter(options)).split("_datasources")[0].rsplit("_hsm", 1)[0]
        waits = [option["default"] for name, option in options.items() if name.endswith("wait_timeout")]
        assert template["timeout"] > waits[0], prefix


@pytest.fixture
def awx(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the environment of a job, in which ansible-runner finds ansible-playbook."""
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    return {**environment, "PATH": os.environ["PATH"]}


def run_in_awx(
    environment: dict[str, str],
    folder: Path,
    playbook: str,
    answers: dict[str, Any],
    cancel: Any = None,
    inventory: str = "localhost ansible_connection=local",
) -> ansible_runner.Runner:
    """Run a playbook of the project as AWX does: by ansible-runner, with the answers of a survey as extra variables."""
    project = folder / "project"
    if not project.exists():
        project.parent.mkdir(parents=True, exist_ok=True)
        project.symlink_to(PROJECT)
    handed_on = ("ANSIBLE_", "AZURE_", "REQUESTS", "SSL", "HOME", "PATH")
    return ansible_runner.run(
        private_data_dir=str(folder),
        playbook=playbook,
        inventory=inventory,
        envvars={name: value for name, value in environment.items() if name.startswith(handed_on)},
        extravars=answers,
        cancel_callback=cancel,
        quiet=True,
    )


def answered(template: dict[str, Any], **given: str) -> dict[str, Any]:
    """Give the answers of a survey as AWX passes them on: defaults, and an empty text for what nobody answered."""
    answers: dict[str, Any] = {}
    for question in template["survey_spec"]["spec"]:
        text = question.get("default", [] if question["type"] == "multiselect" else "")
        for name, value in GIVEN.items():
            text = text.replace(f"{{{{ {name} }}}}", value) if isinstance(text, str) else text
        answers[question["variable"]] = given.pop(question["variable"], text)
    assert not given
    return answers


def template_of(playbook: str) -> dict[str, Any]:
    return next(one for one in TEMPLATES if one["playbook"] == playbook)


@pytest.mark.certify
def test_the_answers_of_surveys_protect_back_up_restore_and_report(
    awx: dict[str, str], loopback: Emulator, tmp_path: Path
) -> None:
    often = dict.fromkeys(("protect_poll_interval", "backup_now_poll_interval", "restore_poll_interval"), "0.2")

    def launch(playbook: str, **given: str) -> dict[str, Any]:
        answers = {**often, **answered(template_of(playbook), **given)}
        done = run_in_awx(awx, tmp_path / playbook, playbook, answers)
        assert (done.status, done.rc) == ("successful", 0), done.stdout.read()[-4000:]
        stats = [event["event_data"].get("artifact_data") for event in done.events if event["event"] == "playbook_on_stats"]
        return dict(stats[0] or {})

    lines = f"{DISK}\n\n{DISK.replace('data01', 'data02')}\n"
    snapshots = {"protect_snapshot_resource_group": "demo-snapshots-rg"}
    launch("protect.yml", protect_datasources=lines, **snapshots)
    backed_up = launch("backup_now.yml", backup_now_datasources=lines)
    assert backed_up["backup_now_summary"]["datasources"] == 2
    # Backed up within twelve hours, as the survey's default says.
    assert launch("backup_now.yml", backup_now_datasources=lines)["backup_now_summary"]["changed"] == []
    target = "resource_group: demo-rg\nname: data01-restored"
    launch("restore.yml", restore_datasources=DISK, restore_target=target, restore_grant_permissions="true")
    assert any(name.endswith("/data01-restored") for name in loopback.azure.compute.disks)
    report = launch("report.yml", report_select='{"datasource_types": ["azure_disk"], "names": ["data01", "data02"]}')
    assert report["backup_report_summary"]["compliance_percent"] == 100.0
    launch("cleanup.yml", protect_datasources=lines, protect_backup_vault_name="demo-vault")


@pytest.mark.certify
def test_the_answers_of_surveys_drill_and_back_up_other_systems(
    awx: dict[str, str], loopback: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = need_blob_store(loopback)
    back_up(awx, DISK)
    permit = {**VAULT, "datasource_id": DISK, "operation": "restore", "target": {"resource_group": "drills-rg"}}
    for name, value in awx.items():
        if name.startswith(("AZURE_", "REQUESTS_", "SSL_")):
            monkeypatch.setenv(name, value)
    assert not run_module("backup_permission", permit)["failed"]
    token = blobs.make_sas()
    # What the credential of the template injects.
    injected = dict.fromkeys(CONTROLLER["controller_credential_types"][0]["injectors"]["extra_vars"], token)

    def launch(playbook: str, more: dict[str, str], **given: str) -> dict[str, Any]:
        answers = {**injected, **answered(template_of(playbook), **given), **more}
        done = run_in_awx(awx, tmp_path / playbook, playbook, answers)
        assert (done.status, done.rc) == ("successful", 0), done.stdout.read()[-4000:]
        assert token not in done.stdout.read()
        stats = [event["event_data"].get("artifact_data") for event in done.events if event["event"] == "playbook_on_stats"]
        return dict(stats[0] or {})

    drilled = launch(
        "restore_drill.yml",
        {"restore_drill_poll_interval": "0.2"},
        restore_drill_datasources=DISK,
        restore_drill_report_container_uri=blobs.container_uri,
    )
    assert drilled["restore_drill_summary"]["counts"]["passed"] == 1
    assert any(name.endswith("restore-drill.json") for name in blobs.names())
    # The loopback Azure's HSM has an address and no name.
    hsm = {"hsm_backup_hsm_uri": loopback.urls["managed_hsm"], "hsm_backup_hsm_name": "", "hsm_backup_poll_interval": "0.2"}
    launch("hsm_backup.yml", hsm, hsm_backup_storage_container_uri=blobs.container_uri, hsm_backup_keep="3")
    hub = {"stackhub_backup_location": "local", "stackhub_backup_cloud_environment": loopback.urls["stackhub"]}
    launch("stackhub_backup.yml", {"stackhub_backup_poll_interval": "0.2"}, **hub)


@pytest.mark.certify
def test_a_slice_backs_up_its_hosts_in_one_task(awx: dict[str, str], loopback: Emulator, tmp_path: Path) -> None:
    back_up(awx, DISK, is_backup=False)
    (template,) = [one for one in TEMPLATES if one["playbook"] == "backup_hosts.yml"]
    answers = {name: GIVEN[value.strip("{} ")] for name, value in template["extra_vars"].items()}
    done = run_in_awx(awx, tmp_path, "backup_hosts.yml", answers, inventory=str(PROJECT / "inventory"))
    assert (done.status, done.rc) == ("successful", 0), done.stdout.read()[-4000:]
    (vault,) = loopback.azure.data_protection.vaults.values()
    assert [job["properties"]["status"] for job in vault.jobs.values()] == ["Completed"]


def test_a_job_that_is_cancelled_and_launched_again_joins_its_backup(
    awx: dict[str, str], loopback: Emulator, tmp_path: Path
) -> None:
    back_up(awx, DISK, is_backup=False)
    # Slow enough for the job to be running still when it is cancelled.
    loopback.azure.clock.speed = 20
    (vault,) = loopback.azure.data_protection.vaults.values()
    answers = {
        **answered(template_of("backup_now.yml"), backup_now_datasources=DISK, backup_now_recovery_services_vault_name=""),
        "backup_now_poll_interval": "0.2",
    }
    begun = threading.Event()
    threading.Thread(target=lambda: (_wait_for_job(vault), begun.set()), daemon=True).start()
    first = run_in_awx(awx, tmp_path / "first", "backup_now.yml", answers, cancel=begun.is_set)
    assert first.status == "canceled"
    loopback.azure.clock.speed = 600
    second = run_in_awx(awx, tmp_path / "second", "backup_now.yml", answers)
    assert second.status == "successful", second.stdout.read()[-4000:]
    assert len(vault.jobs) == 1


def _wait_for_job(vault: Any) -> None:
    end = time.monotonic() + 60
    while not vault.jobs and time.monotonic() < end:
        time.sleep(0.05)
    # The module looks at the job once before it is cancelled.
    time.sleep(0.5)
