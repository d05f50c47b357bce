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
      - The subscriptions to search if no vault is given; V(all) on its own means every subscription that the caller can access.
      - The default is the subscription of the connection.
    type: list
    elements: str
"""
