# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Across vaults and subscriptions (arguments.SUBSCRIPTIONS)."""

from __future__ import annotations


class ModuleDocFragment:
    """The option that names subscriptions."""

    DOCUMENTATION = r"""
options:
  subscription_ids:
    description:
      - Where no vault is named, the subscriptions to search; V(all) alone means every one that the caller may see.
      - The default is the subscription of the connection.
    type: list
    elements: str
"""
