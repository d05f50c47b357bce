# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What is checked before a virtual machine is restored: this kind of vault has no validateRestore."""

from __future__ import annotations

from ..errors import BadInput, NotFound
from ..model.resource_ids import ResourceId, normalize, parse_resource_id, same_id
from ..model.result_shapes import Described
from ..services.interface import SYSTEM_ASSIGNED
from .restore_mode import RestoreOrder, RestoreRun


def network_of(order: RestoreOrder) -> ResourceId:
    """Give the id of the virtual network of a new machine. Raises BadInput."""
    return parse_resource_id(order.target["virtual_network_id"], "target.virtual_network_id", "Microsoft.Network/virtualNetworks")


def read_staging_account(run: RestoreRun, order: RestoreOrder) -> ResourceId:
    """Give the staging account, which has to be one that Azure takes. Raises NotFound, BadInput.

    Its region and kind are those of the article on restoring machines.
    """
    option = f"{order.at}target.staging_storage_account_id"
    account = parse_resource_id(order.target["staging_storage_account_id"], option)
    wire = _read_in_region(run, account, option, "storage account")
    sku, kind = str((wire.get("sku") or {}).get("name")), str(wire.get("kind"))
    if kind == "BlobStorage" or sku.upper().endswith("ZRS"):
        raise BadInput(
            f"{option}: storage account '{account.name}' is of kind {kind} and SKU {sku}; to restore "
            "machines, Azure accepts neither BlobStorage accounts nor zone-redundant ones; choose another account"
        )
    return account


def _read_in_region(run: RestoreRun, resource: ResourceId, option: str, noun: str) -> Described:
    """Read a resource that has to exist in the region of the restore. Raises NotFound, BadInput."""
    wire: Described | None = run.resource(resource.text)
    if wire is None:
        raise NotFound(f"{option}: the {noun} {resource.text} does not exist; create it first", status=404)
    if normalize(wire.get("location")) != normalize(run.location):
        raise BadInput(f"{option}: {noun} '{resource.name}' is in {wire.get('location')}, but has to be in {run.location}")
    return wire


def check_point(run: RestoreRun, order: RestoreOrder, point: Described) -> None:
    """Refuse a point that cannot be restored as the target says. Raises BadInput."""
    about, target = point["machine"] or {}, order.target
    name = order.datasource.name
    if about.get("has_managed_disks") is False:
        raise BadInput(
            f"{order.at}recovery_point: '{name}' had unmanaged disks at {point['time']}, which Azure no longer offers; choose a "
            "later recovery point"
        )
    if about.get("has_private_disks") and not target.get("disk_network_access"):
        raise BadInput(
            f"{order.at}target.disk_network_access: not set, but disks of '{name}' allow private access only; set it to "
            "same_as_source, private or public"
        )
    if target.get("zone") is not None:
        _check_zone(run, order, point)
    if target.get("disk_encryption_set_id") and about.get("is_encrypted"):
        raise BadInput(
            f"{order.at}target.disk_encryption_set_id: '{name}' is encrypted by Azure Disk Encryption, which cannot be combined "
            "with a disk encryption set; remove it"
        )
    if target.get("disk_encryption_set_id") and not run.vault["encryption_settings"]:
        raise BadInput(
            f"{order.at}target.disk_encryption_set_id: vault '{run.service.vault.name}' is not encrypted with a customer-managed "
            "key, which Azure requires for this; remove it"
        )


def _check_zone(run: RestoreRun, order: RestoreOrder, point: Described) -> None:
    """Refuse a zone where Azure restores into none (the rules of Microsoft's client). Raises BadInput."""
    option = f"{order.at}target.zone"
    is_pinned_elsewhere = run.is_secondary and (point["machine"] or {}).get("zones")
    if normalize(run.vault["redundancy"]) != "zoneredundant" and not is_pinned_elsewhere:
        raise BadInput(
            f"{option}: vault '{run.service.vault.name}' has the redundancy {run.vault['redundancy']}; Azure restores into a "
            "zone from a ZoneRedundant vault, or in the secondary region from a machine that was in a zone"
        )
    if "vault_store" not in point["tiers"]:
        raise BadInput(
            f"{option}: the recovery point of {point['time']} is not in the vault yet, from which Azure restores into a zone; "
            "wait for its transfer or choose an older one"
        )


def check_identity(run: RestoreRun, order: RestoreOrder) -> None:
    """Refuse an identity that the vault does not have. Raises BadInput."""
    wanted = order.target.get("staging_identity")
    if wanted is None:
        return
    identity = run.vault["identity"]
    assigned = identity["user_assigned_identities"]
    has = identity["principal_id"] if wanted == SYSTEM_ASSIGNED else any(same_id(wanted, one) for one in assigned)
    if not has:
        raise BadInput(
            f"{order.at}target.staging_identity: vault '{run.service.vault.name}' has no identity {wanted}; give it one with "
            "backup_vault"
        )


def check_network(run: RestoreRun, order: RestoreOrder) -> None:
    """Refuse a network that is not there, in another region, or without the subnet. Raises NotFound, BadInput."""
    network, subnet = network_of(order), str(order.target["subnet"])
    wire = _read_in_region(run, network, f"{order.at}target.virtual_network_id", "virtual network")
    names = [str(one.get("name")) for one in (wire.get("properties") or {}).get("subnets") or []]
    if subnet.lower() not in [name.lower() for name in names]:
        raise BadInput(
            f"{order.at}target.subnet: '{subnet}' is no subnet of virtual network '{network.name}', which has: {', '.join(names)}"
        )
