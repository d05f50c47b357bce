# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Tags of Azure resources. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from ..errors import BadInput

# Resource Manager's limits (learn.microsoft.com, Use tags to organize your Azure resources).
_NAME = re.compile(r"[^<>%&\\?/\x00-\x1f]{1,512}")
_LONGEST_VALUE = 256


def merge_tags(present: dict[str, str], wanted: dict[str, Any]) -> dict[str, str]:
    """Lay tags over those that are there. Azure's tags are text, and their names are compared without regard to case.

    Raises BadInput for values that are no text.
    """
    wrong = [str(name) for name, value in wanted.items() if value is None or isinstance(value, dict | list)]
    if wrong:
        raise BadInput(f"tags: the value of {', '.join(wrong)} is not text")
    names = [str(name) for name in wanted]
    strange = [name for name in names if not _NAME.fullmatch(name)]
    if strange:
        raise BadInput(f"tags: {', '.join(map(repr, strange))} is not a valid tag name: 1 to 512 characters, none of <>%&\\?/")
    long = [str(name) for name, value in wanted.items() if len(str(value)) > _LONGEST_VALUE]
    if long:
        raise BadInput(f"tags: the value of {', '.join(long)} is longer than {_LONGEST_VALUE} characters")
    counts = Counter(name.lower() for name in names)
    twice = sorted(name for name in names if counts[name.lower()] > 1)
    if twice:
        raise BadInput(f"tags: {', '.join(twice)} are the same name to Azure, which ignores case")
    spelling = {name.lower(): name for name in present}
    return {**present, **{spelling.get(str(name).lower(), str(name)): str(value) for name, value in wanted.items()}}
