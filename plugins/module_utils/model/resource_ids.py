# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Azure Resource Manager ids: reading, checking, comparing without regard to case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..errors import BadInput


def check_group_name(resource_group: str) -> list[str]:
    """Give what is wrong with the option resource_group."""
    if GROUP_NAME.fullmatch(resource_group):
        return []
    return [f"resource_group: '{resource_group}' is not a valid resource group name"]


_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# Azure allows no dot at the end; two of them alone would lead a request out of its path.
_GROUP_NAME = r"[-\w.()]{0,89}[-\w()]"
# Nothing that would end the path, leave it, or be read as something else on the way.
_SEGMENT = r"(?!\.\.?(?:/|$))[^/?#%\\\s\x00-\x1f]{1,260}"
_GROUP = re.compile(rf"/subscriptions/({_GUID})/resourceGroups/({_GROUP_NAME})", re.IGNORECASE)

_RESOURCE = re.compile(
    rf"/subscriptions/({_GUID})/resourceGroups/({_GROUP_NAME})/providers/([A-Za-z][\w.]*)((?:/{_SEGMENT}/{_SEGMENT})+)",
    re.IGNORECASE,
)

GUID = re.compile(_GUID, re.IGNORECASE)
GROUP_NAME = re.compile(_GROUP_NAME)
SEGMENT = re.compile(_SEGMENT)


@dataclass(frozen=True)
class ResourceId:
    """The id of a resource or, without a namespace, of a resource group."""

    text: str
    subscription_id: str
    resource_group: str
    namespace: str = ""
    types: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The full type, such as Microsoft.Compute/disks."""
        return "/".join((self.namespace, *self.types))

    @property
    def name(self) -> str:
        """The last name in the id."""
        return self.names[-1] if self.names else self.resource_group

    @property
    def key(self) -> str:
        """The form to compare by: Azure answers the same id in several casings."""
        return self.text.lower()

    @property
    def group_id(self) -> str:
        """The id of the resource group that holds the resource."""
        return group_id(self.subscription_id, self.resource_group)

    def parent(self, levels: int = 1) -> ResourceId:
        """Give the resource that this one lies in, that many levels up."""
        kept = len(self.names) - levels
        pairs = "".join(f"/{kind}/{name}" for kind, name in zip(self.types[:kept], self.names[:kept], strict=False))
        return ResourceId(
            f"{self.group_id}/providers/{self.namespace}{pairs}",
            self.subscription_id,
            self.resource_group,
            self.namespace,
            self.types[:kept],
            self.names[:kept],
        )


def parse_resource_id(value: str, option: str, expected_type: str | None = None) -> ResourceId:
    """Read the id of a resource.

    option: the name for error messages; expected_type: refuse any other, such as Microsoft.Compute/disks.
    Raises BadInput.
    """
    text = str(value).strip().rstrip("/")
    match = _RESOURCE.fullmatch(text)
    example = f"/providers/{expected_type}/<name>" if expected_type else "/providers/<namespace>/<type>/<name>"
    if match is None:
        raise BadInput(
            f"{option}: '{value}' is not the id of an Azure resource (/subscriptions/<guid>/resourceGroups/<group>{example})"
        )
    parts = match.group(4).strip("/").split("/")
    found = ResourceId(text, match.group(1), match.group(2), match.group(3), tuple(parts[0::2]), tuple(parts[1::2]))
    if expected_type and found.type.lower() != expected_type.lower():
        raise BadInput(f"{option}: '{value}' is a {found.type}; a {expected_type} is required")
    return found


def parse_group(value: str, option: str, subscription_id: str) -> ResourceId:
    """Read a resource group given by its id, or by its name in a subscription. Raises BadInput."""
    value = value if value.startswith("/") else group_id(subscription_id, value)
    text = value.strip().rstrip("/")
    match = _GROUP.fullmatch(text)
    if match is None:
        raise BadInput(f"{option}: '{value}' is not the id of a resource group (/subscriptions/<guid>/resourceGroups/<group>)")
    return ResourceId(text, match.group(1), match.group(2))


def group_id(subscription_id: str, resource_group: str) -> str:
    """Build the id of a resource group."""
    return f"/subscriptions/{subscription_id}/resourceGroups/{resource_group}"


def same_id(one: str | None, other: str | None) -> bool:
    """Tell whether two ids name the same resource: case does not count, nor does a trailing slash."""
    return (one or "").rstrip("/").lower() == (other or "").rstrip("/").lower()


# The types and namespaces of resources that results name, in the spelling of their API.
_SPELLING = {
    word.lower(): word
    for word in (
        "subscriptions", "resourceGroups", "providers",
        "Microsoft.DataProtection", "backupVaults", "backupInstances", "deletedBackupInstances", "backupPolicies", "backupJobs",
        "recoveryPoints", "resourceGuards",
        "Microsoft.RecoveryServices", "vaults", "backupFabrics", "protectionContainers", "protectedItems",
        "Microsoft.Compute", "disks", "virtualMachines", "diskEncryptionSets", "diskAccesses",
        "Microsoft.Network", "virtualNetworks", "subnets", "networkInterfaces", "Microsoft.Storage", "storageAccounts",
        "Microsoft.ManagedIdentity", "userAssignedIdentities",
    )
}  # fmt: skip


def canonical_id(text: str) -> str:
    """Give an id in one casing: lists, single reads and Resource Graph answer it in several. Names stay as they are."""
    parts = text.split("/")
    is_word = False
    for place, part in enumerate(parts[1:], 1):
        # Words and names take turns, but for the namespace, which is a word between two.
        is_word = not is_word or parts[place - 1] == "providers" or (place > 1 and parts[place - 2] == "providers")
        if is_word:
            parts[place] = _SPELLING.get(part.lower(), part)
    return "/".join(parts)


def check_region(text: Any, option: str) -> None:
    """Refuse what cannot be a region and would lead a request elsewhere. Raises BadInput naming the option."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ]*", str(text)):
        raise BadInput(f"{option}: '{text}' is not the name of a region such as westeurope or West Europe")


def normalize(text: Any) -> str:
    """Give a location or enum value to compare by: 'West Europe' is westeurope."""
    return str(text or "").replace(" ", "").lower()
