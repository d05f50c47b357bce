#!/usr/bin/python
# -*- coding: utf-8 -*-
# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_input
short_description: Read the variables of a role of this collection
version_added: 0.1.0
description:
  - Gives the variables of the role that the task belongs to in the types of its argument specification. The roles of this collection
    use it; it is not meant for other roles.
  - Extra variables and answers of AWX surveys are often texts. An empty text is not set; a list is a text with one item a line or
    separated by commas; a dictionary is JSON or YAML; numbers and booleans are texts.
  - What cannot be read is refused by its name, all mistakes at once, and so are keys that a dictionary does not have.
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
  entry_point:
    description:
      - The entry point of the role in C(meta/argument_specs.yml).
    type: str
    default: main
notes:
  - Runs on the controller and sends nothing.
"""

EXAMPLES = r"""
- name: Read the variables of the role
  holdfast.azure_backup.role_input:
  register: backup_now_input
"""

RETURN = r"""
options:
  description:
    - The variables by their names without the name of the role. A variable that is not set and has no default is left out, and so are secrets.
  returned: success
  type: dict
  sample:
    wait: true
    wait_timeout: 14400
"""
