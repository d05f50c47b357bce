# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: one loopback Azure for all tests, back at its seed for each."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import pytest
import yaml
from bodies import GROUP, SNAPSHOTS, VAULT_ID, disk
from emulator.seed import OTHER_SUBSCRIPTION
from emulator.server import Emulator
from modules import Result, VirtualClock, pruned, run_module

__all__ = ["GROUP", "SNAPSHOTS", "VAULT_ID", "disk"]
OTHER_DISK = f"/subscriptions/{OTHER_SUBSCRIPTION}/resourceGroups/other-rg/providers/Microsoft.Compute/disks/other01"


# The name of a job is not known beforehand, nor what a stamp finds in a store.
SHOW_MORE = ("backup_adhoc", "hsm_backup", "hsm_restore", "stackhub_backup", "stackhub_backup_location")


Prepare = TypeVar("Prepare", bound=Callable[..., Any])


def preparation(prepare: Prepare) -> Prepare:
    """Have a function that readies Azure for a test run each module once: other tests foretell what it does."""

    @functools.wraps(prepare)
    def prepared(azure: Driver, *arguments: Any, **options: Any) -> Any:
        with azure.unforeseen():
            return prepare(azure, *arguments, **options)

    return cast(Prepare, prepared)


class Driver:
    """Runs modules against the loopback Azure as an operator does, on a clock that waits for nobody."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.azure = emulator.azure
        self.on_sleep: Callable[[], None] | None = None
        # Whether each change is first foretold by check mode.
        self.foresees = True

    @contextmanager
    def unforeseen(self) -> Iterator[None]:
        """Run modules once, without check mode before them."""
        before, self.foresees = self.foresees, False
        try:
            yield
        finally:
            self.foresees = before

    def run(self, module: str, check: bool = False, **arguments: Any) -> Result:
        """Run a module on the demo vault; arguments add to that or replace it."""
        values = {"resource_group": "demo-rg", "vault_name": "demo-vault", **arguments}
        values = {name: value for name, value in values.items() if value is not None}
        # What is planned to happen during a run happens once, and who only reads changes nothing.
        is_foreseeable = self.foresees and not (check or module.endswith("_info") or self.azure.faults.planned or self.on_sleep)
        prediction = self._foreseen(module, values) if is_foreseeable else None
        self.clock = VirtualClock(self.azure.clock, self.on_sleep)
        before = len(self.azure.journal.entries)
        result = run_module(module, values, self.clock, check)
        check_returned(module, result)
        if prediction:
            sent = [entry for entry in self.azure.journal.entries[before:] if entry["method"] not in ("GET", "HEAD")]
            compare(module, prediction, result, had_to_ask=bool(sent))
        return result

    def _foreseen(self, module: str, values: dict[str, Any]) -> Result:
        """Give what check mode says of a task, and leave no trace of that but the time it took."""
        entries = self.azure.journal.entries
        before = len(entries)
        prediction = run_module(module, values, VirtualClock(self.azure.clock), check=True)
        assert [entry for entry in entries[before:] if entry["is_write"] and not is_question(entry)] == []
        del entries[before:]
        return prediction

    def writes(self) -> list[str]:
        """Give the requests so far that may have changed something, as METHOD and the end of the path."""
        return [f"{entry['method']} {entry['path'].rsplit('/', 1)[-1]}" for entry in self.azure.journal.writes()]

    def requests(self, method: str, ending: str) -> list[Result]:
        """Give the requests so far of a method whose path ends so."""
        return [
            entry
            for entry in self.azure.journal.entries
            if entry["method"] == method and entry["path"].lower().endswith(ending.lower())
        ]

    def fault(self, **plan: Any) -> None:
        """Plan a failure."""
        self.azure.faults.plan(plan)

    @preparation
    def vault(self, **arguments: Any) -> Result:
        """Have the demo vault there."""
        return self._done("backup_vault", **arguments)

    @preparation
    def policy(self, **arguments: Any) -> Result:
        """Have the policy disks there."""
        return self._done("backup_policy", policy_name="disks", datasource_type="azure_disk", **arguments)

    @preparation
    def protected(self, *names: str, soft_delete: str = "On") -> list[str]:
        """Have disks protected, and give their ids."""
        ids = [disk(name) for name in names or ("data01",)]
        self.vault(soft_delete={"state": soft_delete})
        self.policy()
        self._done("backup_permission", datasource_id=ids, snapshot_resource_group="demo-snapshots-rg")
        self._done("backup_instance", datasource_id=ids, policy_name="disks", snapshot_resource_group="demo-snapshots-rg")
        return ids

    def _done(self, module: str, **arguments: Any) -> Result:
        result = self.run(module, **arguments)
        assert not result["failed"], result.get("msg")
        return result

    def predicted(self, module: str, **arguments: Any) -> Result:
        """Run a change as it should be: check mode writes nothing and predicts it, a second run changes nothing.

        Gives the result of the real run.
        """
        before = len(self.azure.journal.writes())
        prediction = self.run(module, check=True, **arguments)
        assert not prediction["failed"], prediction.get("msg")
        assert self.azure.journal.writes()[before:] == []
        # It has been foretold, and more of it is compared here.
        with self.unforeseen():
            real = self._done(module, **arguments)
        assert real["changed"] is prediction["changed"] is True
        assert bool(self.azure.journal.writes()[before:])
        count = len(self.azure.journal.writes())
        again = self._done(module, **arguments)
        assert again["changed"] is False
        assert self.azure.journal.writes()[count:] == []
        for noun in ("vault", "policy"):
            if noun in real:
                assert made_by_us(prediction[noun]) == made_by_us(real[noun])
        assert prediction["diff"] == real["diff"] or "datasources" in real
        for foreseen, became in zip(prediction.get("datasources", []), real.get("datasources", []), strict=True):
            assert foreseen["action"] == became["action"]
            assert made_by_us(foreseen["instance"]) == made_by_us(became["instance"])
        return real


# Every module may have these (Ansible's documentation of return values).
ANSIBLES_OWN = {"changed", "failed", "msg", "diff", "invocation", "warnings", "deprecations", "exception"}


@functools.cache
def documented_returns(module: str) -> dict[str, str]:
    """Give the documented keys of a module's result, each with when it is returned."""
    documentation = importlib.import_module(f"ansible_collections.holdfast.azure_backup.plugins.modules.{module}").RETURN
    return {key: described["returned"] for key, described in yaml.safe_load(documentation).items()}


def check_returned(module: str, result: Result) -> None:
    """Look whether a result has the keys that the documentation says, and no others."""
    documented = documented_returns(module)
    assert set(result) - set(documented) <= ANSIBLES_OWN, (module, set(result) - set(documented))
    # Ansible's own refusals of arguments come before any of the module.
    if result["failed"] and "error" not in result:
        return
    outcome = "failure" if result["failed"] else "success"
    wanted = {key for key, when in documented.items() if when in (outcome, "always")}
    assert wanted <= set(result), (module, outcome, wanted - set(result))


def is_question(entry: Result) -> bool:
    """Tell whether a POST only asks what would be removed."""
    return "DryRun" in str(entry.get("body"))


def compare(module: str, prediction: Result, result: Result, had_to_ask: bool) -> None:
    """Look whether check mode foretold what came; had_to_ask: it took more than reads to learn of a failure.

    Check mode warns of a vault or a policy that an earlier task may create, waits for nothing, and calls no HSM.
    """
    said = {"foretold": pruned(prediction), "came": pruned(result)}
    if not result["failed"]:
        assert not prediction["failed"], said
        assert prediction["changed"] is result["changed"], said
        if module not in SHOW_MORE:
            assert made_by_us(prediction["diff"]) == made_by_us(result["diff"]), said
        if "datasources" in result:
            assert [item["action"] for item in prediction["datasources"]] == [item["action"] for item in result["datasources"]], (
                said
            )
    elif result.get("error", {}).get("code") in ("TimedOut", "Unreachable", "UnknownHost"):
        return
    elif not (had_to_ask or prediction.get("warnings")):
        assert prediction["failed"], (module, said)
        assert prediction["msg"] == result["msg"]


# What check mode cannot foretell, because the service makes it up: said here again, so that the product cannot excuse itself.
MADE_BY_AZURE = {
    "id", "principal_id", "client_id", "tenant_id", "provisioning_state", "secure_score", "security_level", "replicated_regions",
    "is_protected_by_resource_guard", "errors", "vault_critical_operations", "properties",
}  # fmt: skip


def made_by_us(described: Any) -> Any:
    """Leave out what only the service knows beforehand; a user's tags may have any name."""
    if isinstance(described, dict):
        return {
            name: value if name == "tags" else made_by_us(value) for name, value in described.items() if name not in MADE_BY_AZURE
        }
    return [made_by_us(item) for item in described] if isinstance(described, list) else described


@pytest.fixture(scope="session")
def loopback() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def azure(loopback: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Driver:
    loopback.azure.reset()
    for name, value in loopback.environment().items():
        monkeypatch.setenv(name, value)
    # Reading the public roots takes a fifth of all the time of these tests, and nothing public is asked.
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(loopback.authority_file))
    monkeypatch.setenv("HOME", str(tmp_path))
    return Driver(loopback)
