# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress while a module waits (arguments.PROGRESS)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of progress."""

    DOCUMENTATION = r"""
options:
  progress:
    description:
      - Whether to print progress lines to the controller's stderr while the module waits. A backup's first line shows its job.
      - No lines are printed if the module runs on another machine, with C(async), with C(no_log), or in check mode.
    type: bool
    default: true
  progress_interval:
    description:
      - Interval in seconds between progress lines without news. Starts and ends are shown immediately.
    type: float
    default: 30
  progress_file:
    description:
      - A file on the machine that runs the module, to which it appends progress as JSON lines. On the controller it is set
        automatically; if it is set here, no lines are shown.
    type: path
"""
