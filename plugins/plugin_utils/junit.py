# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JUnit XML, which pipelines show: suites of cases, of which some failed and some were skipped."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

_PASSING = ("passed", "planned")
# What XML 1.0 cannot hold.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def add_case(suite: ET.Element, subject: str, name: str, status: str, message: str | None, seconds: float = 0.0) -> None:
    """Add a case to a suite; status: passed, planned, skipped, or a kind of failure, such as partial, which JUnit lacks."""
    case = ET.SubElement(suite, "testcase", classname=to_xml(subject), name=to_xml(name), time=f"{seconds:.3f}")
    if status == "skipped":
        ET.SubElement(case, "skipped", message=to_xml(message))
    elif status not in _PASSING:
        ET.SubElement(case, "failure", type=to_xml(status), message=to_xml(message))


def write_junit(root: ET.Element) -> str:
    """Give the text of suites, with the numbers of their cases."""
    for suite in root:
        cases = list(suite)
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
        suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def to_xml(text: Any) -> str:
    """Give a text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", str("" if text is None else text))
