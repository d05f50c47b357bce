# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's libraries beside those of azure.azcollection, which many hosts have: one environment holds both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What requirements.txt of azure.azcollection 4.1.0 pins of the libraries that both use, or that these depend on.
OF_AZCOLLECTION = (
    "azure-core==1.38.0",
    "azure-identity==1.25.2",
    "azure-keyvault==4.2.0",
    "azure-keyvault-securitydomain==1.0.0b1",
    "azure-mgmt-core==1.6.0",
    "azure-mgmt-dataprotection==2.2.0",
    "azure-mgmt-keyvault==14.0.1",
    "azure-mgmt-recoveryservicesbackup==9.1.0",
    "azure-storage-blob==12.23.0b1",
    "requests>=2.32.5",
)


def test_one_environment_holds_ours_and_those_of_azcollection() -> None:
    """pip resolves both together and installs nothing."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "-r", str(ROOT / "requirements.txt"), *OF_AZCOLLECTION]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603
    assert done.returncode == 0, done.stderr[-3000:]
