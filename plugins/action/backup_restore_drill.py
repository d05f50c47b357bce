# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of backup_restore_drill on the controller."""

from __future__ import annotations

from ansible_collections.holdfast.azure_backup.plugins.plugin_utils.progress_lines import ProgressAction as ActionModule

__all__ = ["ActionModule"]
