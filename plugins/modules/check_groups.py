#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: check_groups
short_description: Fail if a group of a role of this collection failed
version_added: 0.1.0
description:
  - Fails with one message that says what failed in each group, and with the error of the first. The roles of this collection use
    it at their end, since a group that fails stops no other; it is not meant for other roles.
author:
  - The holdfast.azure_backup authors (@holdfast)
attributes:
  check_mode:
    description: Runs in check mode and changes nothing.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
options:
  results:
    description:
      - The result of each group, with C(group), C(failure) (empty if it succeeded), C(error) and C(datasources).
    type: list
    elements: dict
    required: true
  are_disjoint:
    description:
      - Whether a datasource that is in several groups is an error as well, because each of them would assign its own policy.
    type: bool
    default: false
notes:
  - Runs on the controller and sends nothing.
"""

EXAMPLES = r"""
- name: Fail if a group failed
  holdfast.azure_backup.check_groups:
    results: "{{ backup_now_results }}"
"""

RETURN = r"""
error:
  description: The error of the first group that failed, with C(code), C(message), C(status), C(request_id) and C(recommended_action).
  returned: failure
  type: dict
  sample:
    code: Denied
    message: The caller lacks a permission.
"""
