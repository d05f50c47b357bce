# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there when the emulator starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .identity import ManagedIdentity, ServicePrincipal, User

if TYPE_CHECKING:
    from .app import Azure

SUBSCRIPTION = "5ca1ab1e-0000-4000-8000-00000000d15c"
OTHER_SUBSCRIPTION = "5ca1ab1e-0000-4000-8000-0000000075ec"
TENANT = "7e9a9700-0000-4000-8000-0000000000a5"
CLIENT = "c11e9700-0000-4000-8000-0000000000a5"
SECRET = "loopback-secret"
GROUP_CLIENT = "c11e9700-0000-4000-8000-000000096009"
USER = "operator@loopback.example"
PASSWORD = "loopback-password"
MACHINE_CLIENT = "c11e9700-0000-4000-8000-00000000051e"
ASSIGNED_CLIENT = "c11e9700-0000-4000-8000-0000000a5519"
OUTSIDER_CLIENT = "c11e9700-0000-4000-8000-00000000dead"


def _default_groups() -> list[dict[str, Any]]:
    # As the guide of an estate has it.
    daily = {"Backup": "daily"}
    disks = [
        {"name": "data01", "tags": {**daily, "App": "shop"}},
        {"name": "data02", "tags": daily},
        {"name": "data03", "sku": "StandardSSD_LRS", "tags": {**daily, "BackupExempt": "rebuilt from code"}},
        {"name": "fast01", "sku": "PremiumV2_LRS"},
        {"name": "far01", "location": "eastus"},
    ]
    machines = [
        {"name": "web01", "tags": {**daily, "App": "shop"}},
        {"name": "web02", "new": True},
        {"name": "far-web01", "location": "eastus", "tags": daily},
    ]
    accounts = [{"name": "demoaccount", "containers": ["invoices", "photos"]}, {"name": "emptyaccount"}]
    accounts.append({"name": "demolake", "containers": ["raw", "curated"], "lake": True})
    networks = [{"name": "demo-vnet", "subnets": ["default", "restored"]}]
    demo = {"disks": disks, "storage_accounts": accounts, "machines": machines, "networks": networks}
    north = {"storage_accounts": [{"name": "northaccount"}], "networks": [{"name": "north-vnet", "subnets": ["default"]}]}
    return [
        {"name": "demo-rg", "location": "westeurope", **demo},
        {"name": "demo-snapshots-rg", "location": "westeurope"},
        {
            "name": "drills-rg",
            "location": "westeurope",
            "storage_accounts": [{"name": "drillaccount"}],
            "networks": [{"name": "drills-vnet", "subnets": ["closed"], "closed": True}],
        },
        {"name": "north-rg", "location": "northeurope", **north},
        {
            "name": "other-rg",
            "location": "westeurope",
            "subscription": OTHER_SUBSCRIPTION,
            "disks": [{"name": "other01"}],
            "machines": [{"name": "other-web01"}],
        },
    ]


def _default_regions() -> list[dict[str, Any]]:
    garbage = ["masbackup/progressivebackup/1.2301.2.50/BackupEncryptionCert.cer"]
    store = {"path": r"\\fileserver\backups", "user_name": "stackhub-backup"}
    return [{"name": "local", **store, "garbage": garbage}, {"name": "blank"}]


def _names_of(one: dict[str, Any]) -> list[str]:
    """Give the names of a resource of the seed, or of as many as it is to be."""
    return [f"{one['name']}{number:05d}" for number in range(one["count"])] if "count" in one else [one["name"]]


@dataclass
class Seed:
    """Tenant, subscriptions, resource groups with their disks, and who may sign in.

    certificate: the PEM of a certificate that the client may sign in with as well;
    groups: name, location, subscription (default SUBSCRIPTION), disks (name, sku, location, tags; count: that many, numbered;
    protected_in: the Backup vault of the group that protects them already),
    storage_accounts (name, location, tags, containers, lake: with a hierarchical namespace), machines (name, location, tags,
    new: whether vaults have to be told of it; count and protected_in as of disks, the Recovery Services vault of the group),
    networks (name, location, subnets, closed: guarded by a security group that denies everything);
    stackhub_regions: name, path and user_name of the store, and what lies in it that nothing needs (garbage).
    """

    tenant_id: str = TENANT
    subscription_id: str = SUBSCRIPTION
    client_id: str = CLIENT
    secret: str = SECRET
    certificate: str = ""
    groups: list[dict[str, Any]] = field(default_factory=_default_groups)
    stackhub_regions: list[dict[str, Any]] = field(default_factory=_default_regions)

    @classmethod
    def read(cls, path: Path) -> Seed:
        """Read a seed from YAML or JSON; keys that it leaves out keep their default."""
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return cls(**document)

    def plant(self, azure: Azure) -> None:
        """Put everything there."""
        everything = ServicePrincipal(self.tenant_id, self.client_id, self.secret, certificate=self.certificate)
        one_group = f"/subscriptions/{self.subscription_id}/resourceGroups/"
        scopes = [one_group + group["name"] for group in self.groups]
        azure.entra.add(everything)
        azure.entra.add(User(self.tenant_id, USER, PASSWORD))
        azure.entra.add(ManagedIdentity(self.tenant_id, MACHINE_CLIENT, is_system=True))
        azure.entra.add(ManagedIdentity(self.tenant_id, ASSIGNED_CLIENT, scopes=scopes))
        # One may do everything in the resource groups and nothing on the subscription, one may do nothing at all.
        azure.entra.add(ServicePrincipal(self.tenant_id, GROUP_CLIENT, self.secret, scopes=scopes))
        azure.entra.add(ServicePrincipal(self.tenant_id, OUTSIDER_CLIENT, self.secret, scopes=[]))
        for region in self.stackhub_regions:
            azure.backup_admin.add_location(**region)
        for group in self.groups:
            subscription = group.get("subscription", self.subscription_id)
            azure.groups.add(subscription, group["name"], group["location"])
            for disk in group.get("disks", []):
                names = _names_of(disk)
                location, sku = disk.get("location", group["location"]), disk.get("sku", "Premium_LRS")
                tags = disk.get("tags")
                ids = [azure.compute.add_disk(subscription, group["name"], name, location, sku, tags=tags) for name in names]
                if disk.get("protected_in"):
                    described = azure.groups.find(subscription, group["name"])
                    azure.data_protection.plant(self.client_id, described, disk["protected_in"], ids)
            for account in group.get("storage_accounts", []):
                location = account.get("location", group["location"])
                containers, is_lake = account.get("containers", []), bool(account.get("lake"))
                place, tags = (subscription, group["name"]), account.get("tags")
                azure.storage.add_account(*place, account["name"], location, containers, is_lake, tags=tags)
            for network in group.get("networks", []):
                location = network.get("location", group["location"])
                place, is_closed = (subscription, group["name"]), bool(network.get("closed"))
                azure.network.add_network(*place, network["name"], location, network["subnets"], is_closed)
            for machine in group.get("machines", []):
                names = _names_of(machine)
                location, is_new = machine.get("location", group["location"]), bool(machine.get("new"))
                place, tags = (subscription, group["name"]), machine.get("tags")
                ids = [azure.compute.add_machine(*place, name, location, is_new, tags) for name in names]
                if machine.get("protected_in"):
                    described = azure.groups.find(subscription, group["name"])
                    azure.recovery_services.plant(described, machine["protected_in"], ids)
