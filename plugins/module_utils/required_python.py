# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""The oldest Python that modules run on, and what an older one gets to say instead of a traceback.

Every module imports arguments first, and arguments imports this first; both have only what Python 3.7 can read.
"""

from __future__ import annotations

import json
import sys

MINIMUM = (3, 10)


def require_python() -> None:
    """End the module with a failed result if the Python that runs it is too old for the Azure SDKs."""
    if sys.version_info >= MINIMUM:
        return
    needed, found = (".".join(map(str, version[:2])) for version in (MINIMUM, sys.version_info))
    message = (
        f"holdfast.azure_backup needs Python {needed} or newer where its tasks run, and {sys.executable} is Python {found}; "
        "set ansible_python_interpreter to a newer one that has the collection's requirements installed"
    )
    sys.stdout.write(json.dumps({"failed": True, "msg": message}) + "\n")
    raise SystemExit(1)
