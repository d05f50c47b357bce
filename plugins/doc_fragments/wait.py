# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting (arguments.wait)."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of waiting."""

    DOCUMENTATION = r"""
options:
  poll_interval:
    description:
      - Interval in seconds between status polls.
      - Operations are polled at shorter intervals at first, which grow to this value but not beyond 30 seconds. Jobs of a vault
        are polled less often the longer they run, at intervals of a tenth of the elapsed time, but not beyond five minutes.
        A Retry-After header from Azure takes precedence.
    type: float
    default: 30
"""
