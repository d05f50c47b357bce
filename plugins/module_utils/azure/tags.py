# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of Azure resources. Pure."""

from __future__ import annotations

from typing import Any

from ..errors import BadInput


def merge_tags(present: dict[str, str], wanted: dict[str, Any]) -> dict[str, str]:
    """Lay tags over those that are there. Azure's tags are text, and their names are compared without regard to case.

    Raises BadInput for values that are no text.
    """
    wrong = [str(name) for name, value in wanted.items() if value is None or isinstance(value, dict | list)]
    if wrong:
        raise BadInput(f"tags: the value of {', '.join(wrong)} is no text")
    spelling = {name.lower(): name for name in present}
    return {**present, **{spelling.get(str(name).lower(), str(name)): str(value) for name, value in wanted.items()}}
