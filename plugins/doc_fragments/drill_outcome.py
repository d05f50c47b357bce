# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which outcome of a drill fails its task (arguments.DRILL_OUTCOME)."""

from __future__ import annotations


class ModuleDocFragment:
    """The option that says which outcome of a drill fails the task."""

    DOCUMENTATION = r"""
options:
  fail_on:
    description:
      - The mildest outcome that fails the task. V(failed) fails only for failed drills, V(partial) also for partial ones,
        V(skipped) for everything that did not pass.
    type: str
    choices: [failed, partial, skipped]
    default: failed
"""
