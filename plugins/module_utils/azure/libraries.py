# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Python libraries that a task needs, imported only when it needs them."""

from __future__ import annotations

import importlib
import re
from functools import cache
from importlib import metadata
from typing import Any

from ..errors import MissingLibrary

# Import name -> (distribution, lowest version). meta/ee-requirements.txt and requirements.txt say the same.
REQUIREMENTS = {
    "azure.core": ("azure-core", "1.38.0"),
    "azure.identity": ("azure-identity", "1.19.0"),
    "azure.keyvault.administration": ("azure-keyvault-administration", "4.7.2"),
    "azure.mgmt.core": ("azure-mgmt-core", "1.6.0"),
    "azure.mgmt.dataprotection": ("azure-mgmt-dataprotection", "2.0.1"),
    "azure.mgmt.recoveryservicesbackup": ("azure-mgmt-recoveryservicesbackup", "9.1.0"),
    "azure.storage.blob": ("azure-storage-blob", "12.23.0b1"),
    "requests": ("requests", "2.31.0"),
}

# What every task needs.
_ALWAYS = ("azure.core", "azure.identity", "azure.mgmt.core", "requests")
# Why a version is asked for that few others ask for.
_REASONS = {"azure-keyvault-administration": "older versions start every backup twice"}


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def load(module_name: str) -> Any:
    """Import a module of a listed library, such as azure.core.exceptions.

    Raises MissingLibrary naming the requirement where the library is missing or too old.
    """
    library = max((name for name in REQUIREMENTS if (module_name + ".").startswith(name + ".")), key=len)
    distribution, floor = REQUIREMENTS[library]
    remedy = f"install it for the Python that runs this task: pip install '{distribution}>={floor}'"
    try:
        version = version_of(distribution)
        if _release(version) < _release(floor):
            reason = f", because {_REASONS[distribution]}" if distribution in _REASONS else ""
            raise MissingLibrary(f"the Python library {distribution} {version} is too old{reason}; {remedy}")
        return importlib.import_module(module_name)
    except (ImportError, metadata.PackageNotFoundError) as error:
        others = [
            name for name, _floor in (REQUIREMENTS[one] for one in _ALWAYS) if name != distribution and not is_installed(name)
        ]
        if not others:
            raise MissingLibrary(f"the Python library {distribution} is missing ({error}); {remedy}") from error
        floors = dict(REQUIREMENTS.values())
        wanted = " ".join(f"'{name}>={floors[name]}'" for name in (distribution, *others))
        raise MissingLibrary(
            f"the Python libraries {', '.join((distribution, *others))} are missing; install them for the Python that runs this "
            f"task: pip install {wanted}"
        ) from error


def is_installed(distribution: str) -> bool:
    """Tell whether a distribution is installed."""
    try:
        return bool(version_of(distribution))
    except metadata.PackageNotFoundError:
        return False


@cache
def version_of(distribution: str) -> str:
    """Give the installed version of a distribution; finding it reads files, so it is found once."""
    return metadata.version(distribution)
