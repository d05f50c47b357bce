# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports by templates: pages in one file, and tables of Markdown. Everything in them is escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_ROLES = Path(__file__).resolve().parents[2] / "roles"
# What all pages share lies with the role report.
_SHARED = _ROLES / "report" / "templates"


def render(role: str, name: str, **values: Any) -> str:
    """Give a text by a template of a role, with values; HTML escapes everything, Markdown what its filter is asked for."""
    environment = Environment(
        loader=FileSystemLoader([_ROLES / role / "templates", _SHARED]),
        # A report of another form has an escape of its own, see to_markdown.
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": to_words, "markdown": to_markdown, "share": _share}
    script = environment.get_template("page.js").render().strip() if name.endswith(".html.j2") else ""
    # The page runs this script and no other, whatever is in it.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(name).render(points=_points, page_script=script, page_script_hash=digest, **values)


def to_words(seconds: float | None) -> str:
    """Write a duration in seconds for people, such as 3m42s; a dash for none."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours}h"
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def to_markdown(value: Any) -> str:
    """Write a text for a cell of a Markdown table, so that nothing in it is markup."""
    text = " ".join(str("" if value is None else value).split())
    return re.sub(r"([\\`*_{}\[\]<>#|~&!()+-])", r"\\\1", text)


def _share(seconds: float, whole: float) -> float:
    """Give which share something has of a whole, in percent."""
    return round(100 * seconds / whole, 2) if whole else 0.0


def _points(values: Sequence[float | None], width: int = 120, height: int = 28) -> str:
    """Give the points of a line of values for SVG; none where there are less than two."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return ""
    most = max(value for _index, value in known) or 1.0
    step = width / max(len(values) - 1, 1)
    return " ".join(f"{index * step:.1f},{height - 2 - (height - 4) * value / most:.1f}" for index, value in known)
