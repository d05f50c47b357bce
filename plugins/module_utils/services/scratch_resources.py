# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Resources of a scratch group: which there are, and the removal of what a drill has made there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..azure.long_running import follow, look_until
from ..azure.session import API_VERSIONS, Session, api_version_of
from ..clock import Deadline
from ..errors import AzureBackupError
from ..model.resource_ids import ResourceId, parse_resource_id

# Of a type that does not have the version of its namespace, only the list tells.
_NO_SUCH_VERSION = ("NoRegisteredProviderFound", "InvalidResourceType")


def list_resources(session: Session, group: ResourceId, known: Collection[str] = ()) -> list[dict[str, Any]]:
    """List what lies in a resource group and is not known, each with id and type; known: lower-cased ids. Raises NotFound.

    Resource Manager's list shows for a while what was deleted, so that each is looked for itself.
    """
    listed = session.read_all(f"{group.text}/resources", f"list what is in '{group.name}'", API_VERSIONS["Microsoft.Resources"])
    return [one for one in listed if str(one["id"]).lower() not in known and _is_there(session, str(one["id"]))]


def list_disks(session: Session, group: ResourceId) -> list[dict[str, Any]]:
    """List the managed disks of a resource group, as Azure answers them."""
    url = f"{group.text}/providers/Microsoft.Compute/disks"
    return session.read_all(url, f"list the disks of {group.text}", API_VERSIONS["Microsoft.Compute/disks"])


def read_state(session: Session, machine_id: str) -> dict[str, str]:
    """Read power and agent of a virtual machine (REST reference, Virtual Machines - Instance View)."""
    version = API_VERSIONS["Microsoft.Compute/virtualMachines"]
    wire = session.read(f"{machine_id}/instanceView", f"read the state of {machine_id}", version) or {}
    codes = [str(one.get("code")) for one in wire.get("statuses") or []]
    agent = ((wire.get("vmAgent") or {}).get("statuses") or [{}])[0]
    power = next((code.split("/", 1)[1] for code in codes if code.lower().startswith("powerstate/")), "unknown")
    return {"power": power, "agent": str(agent.get("displayStatus") or "unknown")}


def _is_there(session: Session, resource_id: str) -> bool:
    """Tell whether a resource exists, as far as it is of a kind that this collection reads."""
    resource = parse_resource_id(resource_id, "id")
    if len(resource.types) > 1 or api_version_of(resource.type) is None:
        return True
    try:
        return read_resource(session, resource_id) is not None
    except AzureBackupError as error:
        if error.code in _NO_SUCH_VERSION:
            return True
        raise


def read_resource(session: Session, resource_id: str) -> dict[str, Any] | None:
    """Read a resource as Azure answers it; None where it does not exist."""
    return session.read(resource_id, f"read {resource_id}", api_version_of(parse_resource_id(resource_id, "id").type))


def delete_resource(session: Session, resource_id: str, deadline: Deadline) -> None:
    """Delete a resource and wait until it is gone. Raises AzureBackupError, TimedOut."""
    action = f"delete {resource_id}"
    response = session.send("DELETE", resource_id, action, api_version_of(parse_resource_id(resource_id, "id").type))
    if response.status_code == 202:
        follow(session, response, action, deadline, gone_is_done=True)
    # A deletion that is over may be seen a moment later.
    look_until(lambda: read_resource(session, resource_id) is None, action, deadline)
