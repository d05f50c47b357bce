# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook, with the modules of this collection run in Ansible's own worker processes.

For tests of roles and playbooks: to start Python and to import Microsoft's libraries takes most of the time of a task. What goes
into a module and what comes out of it is Ansible's own code; only AnsiballZ and the second Python are left out. Tests of these
(test_smoke.py and others) run the real command.

This process has the libraries loaded, and forks for each playbook that is asked for over its socket: a line of JSON with argv,
environ and cwd, and the file descriptors of output and errors; the answer is a line with the exit code.
"""

# ruff: noqa: SLF001 - it takes the place of what is private to Ansible
from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

_PREFIX = "holdfast.azure_backup."
# These import nearly all of module_utils.
_LARGEST = ("backup_restore_drill", "backup_coverage_info", "backup_unselected", "backup_report_container", "hsm_restore_drill")
_PACKAGE = "ansible_collections.holdfast.azure_backup.plugins.modules."
_LIBRARIES = (
    "azure.core.rest", "azure.identity", "azure.mgmt.core", "azure.mgmt.dataprotection", "azure.mgmt.recoveryservicesbackup",
    "azure.storage.blob", "azure.keyvault.administration", "requests", "jinja2.nativetypes", "yaml", "msal",
)  # fmt: skip


@contextlib.contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run a module and give what a process of its own would have printed."""
    from modules import patched_arguments

    module = importlib.import_module(f"{_PACKAGE}{name}")
    output, code = io.StringIO(), 0
    with patched_arguments(arguments), contextlib.redirect_stdout(output):
        try:
            module.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return {"stdout": output.getvalue(), "stderr": "", "rc": code}


def _is_ours(action: Any, name: str, wrap_async: bool) -> bool:
    """Tell whether a task is one of a module of this collection, here and now and by this Python."""
    is_here = action._connection.transport == "local" and not (wrap_async or action._task.async_val or action._task.become)
    interpreter = os.environ.get("ANSIBLE_PYTHON_INTERPRETER")
    return name.startswith(_PREFIX) and is_here and interpreter == sys.executable


def _returned(parsed: Any) -> dict[str, Any]:
    """Give what an action returns of a module's result, without what is internal; since ansible-core 2.21 it is no dict."""
    if isinstance(parsed, dict):
        from ansible.vars.clean import remove_internal_keys

        remove_internal_keys(parsed)
        return parsed
    parsed.remove_internal_keys()
    found: dict[str, Any] = parsed.as_result_dict(for_round_trip=True)
    return found


def install() -> None:
    """Have Ansible run the modules of this collection in its worker processes."""
    from ansible.executor.task_queue_manager import TaskQueueManager
    from ansible.plugins.action import ActionBase

    # Since ansible-core 2.19, what a module returns says of each text where it is from.
    profiles = ("legacy",) if "profile" in inspect.signature(ActionBase._parse_returned_data).parameters else ()
    original: Callable[..., dict[str, Any]] = ActionBase._execute_module

    def execute(
        self: Any, module_name: str | None = None, module_args: Any = None, tmp: Any = None, task_vars: Any = None, **more: Any
    ) -> dict[str, Any]:
        name = module_name or self._task.resolved_action or self._task.action
        named = (task_vars or {}).get("ansible_python_interpreter", sys.executable)
        if not _is_ours(self, name, more.get("wrap_async", False)) or named != sys.executable:
            return original(self, module_name, module_args, tmp, task_vars, **more)
        arguments = dict(self._task.args if module_args is None else module_args)
        self._update_module_args(name, arguments, task_vars or {})
        given: dict[str, str] = {}
        self._compute_environment_string(given)
        with _environment({key: str(value) for key, value in given.items()}):
            done = _run(name.removeprefix(_PREFIX), arguments)
        return _returned(self._parse_returned_data(done, *profiles))

    ActionBase._execute_module = execute
    begin = TaskQueueManager.run

    def load_and_begin(self: Any, *arguments: Any, **more: Any) -> Any:
        # Before the workers are forked, so that they need not.
        for name in _LARGEST:
            with contextlib.suppress(ImportError):
                importlib.import_module(f"{_PACKAGE}{name}")
        return begin(self, *arguments, **more)

    TaskQueueManager.run = load_and_begin


def _play(request: dict[str, Any], descriptors: list[int]) -> int:
    """Be ansible-playbook, in a process of its own, and give its exit code."""
    os.dup2(descriptors[0], 1)
    os.dup2(descriptors[1], 2)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environ"])
    # Ansible reads its configuration when it is imported.
    install()
    from ansible.cli.playbook import main as ansible_playbook

    sys.argv = ["ansible-playbook", *request["argv"]]
    try:
        ansible_playbook(sys.argv)
    except SystemExit as ended:
        return int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - as Python itself ends
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def main() -> None:
    """Serve the socket whose descriptor is the only argument, until it is closed."""
    for library in _LIBRARIES:
        importlib.import_module(library)
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        while True:
            text, descriptors, _flags, _address = socket.recv_fds(asked, 1 << 20, 2)
            if not text:
                return
            while not text.endswith(b"\n"):
                text += asked.recv(1 << 20)
            child = os.fork()
            if child == 0:
                asked.close()
                os._exit(_play(json.loads(text), descriptors))
            for descriptor in descriptors:
                os.close(descriptor)
            _child, status = os.waitpid(child, 0)
            asked.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
