# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of a bench, printed and as a page of the documentation."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from .measuring import Subject

_LIBRARIES = ("ansible-core", "azure-identity", "azure-core", "azure-mgmt-core", "azure-mgmt-dataprotection")
_COLUMNS = ("", "wall s", "cpu s", "MiB", "requests")
_HEAD = """\
..
  Copyright (c) 2026 The holdfast.azure_backup authors
  GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
  SPDX-License-Identifier: GPL-3.0-or-later

.. _ansible_collections.holdfast.azure_backup.docsite.benchmarks:

Benchmarks
==========

The cost of the collection, compared with a bare script that does the same with Microsoft's libraries (the floor), and with
other tools.
``make bench ARGS="--write docs/docsite/rst/benchmarks.rst"`` writes this page; with ``PEERS=1`` it first installs the tools.

"""


@dataclass
class Table:
    """One part of the bench: what was measured, and figures that follow from it with what they should be."""

    title: str
    text: str
    subjects: list[Subject]
    figures: list[tuple[str, float, str]] = field(default_factory=list)

    def say(self, name: str, value: float, target: str) -> None:
        """Add a figure; target: what it should be."""
        self.figures.append((name, value, target))

    def rows(self) -> list[tuple[str, ...]]:
        """Give the cells, the heads of the columns first."""
        return [
            _COLUMNS,
            *(
                (
                    subject.name,
                    f"{subject.median('wall'):.2f}",
                    f"{subject.median('cpu'):.2f}",
                    f"{subject.median('memory'):.0f}",
                    f"{subject.median('requests'):,.0f}",
                )
                for subject in self.subjects
            ),
        ]

    def figure_rows(self) -> list[tuple[str, ...]]:
        """Give the figures as cells."""
        return [("", "figure", "target"), *((name, f"{value:.2f}", target) for name, value, target in self.figures)]


def _in_columns(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _list_table(rows: list[tuple[str, ...]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'* -' if index == 0 else '  -'} {cell}".rstrip() for index, cell in enumerate(row)]
    return "\n".join(lines)


class Report:
    """All tables of a run; each is printed as soon as it is there."""

    def __init__(self) -> None:
        versions = ", ".join(f"{name} {metadata.version(name)}" for name in _LIBRARIES)
        self.machine = (
            f"{datetime.now(UTC):%Y-%m-%d}: {platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
            f"Python {platform.python_version()}, {versions}; each request takes 50 ms longer than on the loopback."
        )
        self._tables: list[Table] = []

    def add(self, table: Table) -> None:
        """Print a table and keep it."""
        self._tables.append(table)
        print(f"\n{table.title}\n{table.text}\n\n{_in_columns(table.rows())}\n\n{_in_columns(table.figure_rows())}", flush=True)

    def write(self, file: Path) -> None:
        """Write the page."""
        parts = [
            f"{table.title}\n{'-' * len(table.title)}\n\n{table.text}\n\n{_list_table(table.rows())}\n\n"
            f"{_list_table(table.figure_rows())}\n"
            for table in self._tables
        ]
        file.write_text(_HEAD + self.machine + "\n\n" + "\n".join(parts), encoding="utf-8")
