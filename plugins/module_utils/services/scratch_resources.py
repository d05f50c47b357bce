# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Resources of a scratch group: which there are, and the removal of what a drill has made there."""

from __future__ import annotations

from typing import Any

from ..azure.long_running import follow, look_until
from ..azure.session import API_VERSIONS, Session
from ..clock import Deadline
from ..model.resource_ids import ResourceId, parse_resource_id


def list_resources(session: Session, group: ResourceId) -> list[dict[str, Any]]:
    """List what lies in a resource group, each with id and type. Raises NotFound."""
    return session.read_all(f"{group.text}/resources", f"list what is in '{group.name}'", API_VERSIONS["Microsoft.Resources"])


def read_resource(session: Session, resource_id: str) -> dict[str, Any] | None:
    """Read a resource as Azure answers it; None where it does not exist."""
    version = API_VERSIONS[parse_resource_id(resource_id, "id").namespace]
    return session.read(resource_id, f"read {resource_id}", version)


def delete_resource(session: Session, resource_id: str, deadline: Deadline) -> None:
    """Delete a resource and wait until it is gone. Raises AzureBackupError, TimedOut."""
    action = f"delete {resource_id}"
    version = API_VERSIONS[parse_resource_id(resource_id, "id").namespace]
    response = session.send("DELETE", resource_id, action, version)
    if response.status_code == 202:
        follow(session, response, action, deadline, gone_is_done=True)
    # A deletion that is over may be seen a moment later.
    look_until(lambda: read_resource(session, resource_id) is None, action, deadline)
