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
  - Returns the variables of the role that the task belongs to, converted to the types of its argument specification. The roles
    of this collection use it; it is not meant for other roles.
  - Extra variables and answers to AWX surveys are often strings. An empty string counts as not set; a list may be a string with
    one item per line or separated by commas; a dictionary may be JSON or YAML; numbers and booleans may be strings.
  - The module rejects values that it cannot convert and unknown keys of dictionaries. One message names all of them.
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
  split_by:
    description:
      - Also return the groups of datasources that the variables name, one for each V(datasource_type), for each V(vault_type), or
        for each V(item) of the list of groups.
    type: str
    choices: [datasource_type, vault_type, item]
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
    - The variables by name, without the prefix of the role. Secrets, and variables that are not set and have no default, are
      omitted.
  returned: success
  type: dict
  sample:
    wait: true
    wait_timeout: 14400
groups:
  description:
    - The groups, each with its own keys, the variables of the role as their defaults, and C(label), C(vault_name), C(vault_type),
      C(datasource_types) and C(policy_name).
  returned: success
  type: list
  elements: dict
  sample: []
policies:
  description: The policies of the groups, each with its vault and the C(selections) and C(datasources) of all groups that it protects.
  returned: success
  type: list
  elements: dict
  sample: []
"""
