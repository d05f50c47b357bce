# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's JavaScript clients against the loopback Azure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from emulator.seed import CLIENT, SECRET, SUBSCRIPTION, TENANT
from emulator.server import Emulator

PACKAGES = os.environ.get("JAVASCRIPT_CLIENTS", "")


@pytest.mark.skipif(not (PACKAGES and shutil.which("node")), reason="make test-clients installs the JavaScript clients")
def test_a_virtual_machine_is_backed_up_by_microsofts_javascript_clients() -> None:
    with Emulator(speed=3600) as emulator:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "ARM_"))},
            "NODE_PATH": PACKAGES,
            "NODE_EXTRA_CA_CERTS": emulator.environment()["SSL_CERT_FILE"],
            "URL_OF_AZURE": emulator.url,
            "SUBSCRIPTION": SUBSCRIPTION,
            "TENANT": TENANT,
            "CLIENT": CLIENT,
            "SECRET": SECRET,
        }
        command = ["node", str(Path(__file__).with_name("recovery_services.cjs"))]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        unanswered = [entry for entry in emulator.azure.journal.entries if entry["status"] == 501]
    assert unanswered == []
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert (told["absent"], told["present"]) == (False, True)
    assert "js-rg" in told["groups"]
    assert (told["vault"], told["byId"], told["tags"]) == ("Succeeded", "js-vault", {"owner": "js"})
    assert told["softDelete"] == "Enabled"
    assert {"DefaultPolicy", "EnhancedPolicy", "HourlyLogBackup"} <= set(told["policies"])
    assert told["copied"] == {"count": 30, "durationType": "Days"}
    assert told["status"] == "NotProtected"
    assert "web01" in told["protectable"]
    assert told["state"] in ("IRPending", "Protected")
    assert (told["job"], told["points"], told["gone"]) == ("Completed", 1, False)
