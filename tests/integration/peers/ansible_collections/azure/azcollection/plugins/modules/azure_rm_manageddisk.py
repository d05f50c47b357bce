# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module of that name in azure.azcollection returns for a disk that is there, by its documentation: it makes none."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

SUBSCRIPTION = "5ca1ab1e-0000-4000-8000-00000000d15c"


def main() -> None:
    """Return the state of the disk."""
    options = {"name": {"type": "str"}, "resource_group": {"type": "str"}, "disk_size_gb": {"type": "int"}}
    module = AnsibleModule(argument_spec=options)
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{module.params['resource_group']}"
    identifier = f"{group}/providers/Microsoft.Compute/disks/{module.params['name']}"
    state = {
        "id": identifier,
        "name": module.params["name"],
        "location": "westeurope",
        "disk_size_gb": module.params["disk_size_gb"],
    }
    module.exit_json(changed=True, state=state)


if __name__ == "__main__":
    main()
