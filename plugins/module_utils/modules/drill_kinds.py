# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How each type of datasource is drilled: what its restore is to make in the scratch group, and what is checked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..clock import looks
from ..errors import AzureBackupError, Denied, NotFound
from ..model.datasource_types import DatasourceType
from ..model.durations import parse_time
from ..model.resource_ids import same_id
from ..model.result_shapes import Described
from ..model.virtual_machines import disk_id_of, disks_of
from ..services.blobs import Count, blob_endpoint, count_blobs, list_containers, read_account
from ..services.restore_configuration import named_in, read_configuration
from ..services.scratch_resources import read_state
from .drill_run import DrillRun, NotDrillable, Subject, check_result
from .restore_containers import ContainerCopy
from .restore_disks import DiskCopy
from .restore_machines import DisksOfMachine, MachineCopy
from .restore_mode import RestoreMode
from .task import Result

_GIB = 1 << 30
_SECONDS_BETWEEN_LOOKS = 15


class DrillKind(Protocol):
    """One way to drill one type of datasource.

    name: of it in the journal; mode: how it is restored; tells_size: whether a source tells beforehand how large it is.
    """

    name: str
    mode: RestoreMode
    tells_size: bool = True

    def size_bytes(self, run: DrillRun, subject: Subject) -> int | None:
        """Tell how large what is restored will be, as far as the source tells it."""

    def target(self, run: DrillRun, subject: Subject) -> dict[str, Any]:
        """Give the target of the restore, as backup_restore takes it. Raises AzureBackupError."""

    def names(self, run: DrillRun, subject: Subject, target: dict[str, Any]) -> list[str]:
        """Give what the restore will make, as the journal keeps it: ids, or names of containers; empty where Azure names it."""

    def made(self, subject: Subject) -> list[str]:
        """Give the ids of what the restore has made, for the tasks of the user."""

    def parts(self, subject: Subject) -> list[str]:
        """Give the ids of what came with it and has to be removed after it."""
        return []

    def check(self, run: DrillRun, subject: Subject) -> list[Result]:
        """Check what was restored. Raises AzureBackupError."""


def kind_for(datasource_type: DatasourceType, boots: bool) -> DrillKind:
    """Give how a type is drilled; boots: whether virtual machines are started."""
    kinds: dict[str, DrillKind] = {
        "azure_vm": MachineDrill() if boots else MachineDisksDrill(),
        "azure_disk": DiskDrill(),
        "azure_blob": ContainersDrill(),
        "azure_data_lake_storage": ContainersDrill(),
    }
    return kinds[datasource_type.name]


class _UnderOneName(DrillKind):
    """What is restored as one resource, whose name the drill chooses; resource_type: of that resource."""

    resource_type: str

    def names(self, run: DrillRun, subject: Subject, target: dict[str, Any]) -> list[str]:
        """See DrillKind."""
        return [f"{run.scratch.group.text}/providers/{self.resource_type}/{target['name']}"]

    def made(self, subject: Subject) -> list[str]:
        """See DrillKind."""
        restored = subject.result.get("restored")
        return [str(restored["id"])] if restored else []


class DiskDrill(_UnderOneName):
    """A disk restored to a new disk, compared with its source."""

    name = "disk"
    mode = DiskCopy()
    resource_type = "Microsoft.Compute/disks"

    def size_bytes(self, run: DrillRun, subject: Subject) -> int | None:
        """See DrillKind."""
        return _bytes_of_disk(run.resource(subject.datasource.text))

    def target(self, run: DrillRun, subject: Subject) -> dict[str, Any]:
        """See DrillKind."""
        return {"resource_group": run.scratch.group.text, "name": _name_for(run, subject, 80)}

    def check(self, run: DrillRun, subject: Subject) -> list[Result]:
        """See DrillKind."""
        restored = subject.result.get("restored")
        if not restored:
            return [check_result("exists", "failed", "the restored disk cannot be found", expected=subject.entry["targets"][0])]
        source = run.resource(subject.datasource.text)
        found = int(restored["size_gb"] or 0) * _GIB
        sku = str(((source or {}).get("sku") or {}).get("name"))
        return [
            check_result("exists", "passed", f"disk '{restored['name']}' exists", found=restored["id"]),
            _compare("size", _bytes_of_disk(source), found, to_gib),
            _compare("sku", sku if source else None, restored["sku"], str),
        ]


class ContainersDrill(DrillKind):
    """Containers restored into the scratch account, under names of the drill."""

    name = "containers"
    mode = ContainerCopy()
    # A sample of containers bounds it.
    tells_size = False

    def size_bytes(self, run: DrillRun, subject: Subject) -> int | None:
        """See DrillKind."""
        return None

    def target(self, run: DrillRun, subject: Subject) -> dict[str, Any]:
        """See DrillKind."""
        names = self._backed_up(run, subject)
        most = run.task.options["sample_containers"] or 100
        chosen = sorted(run.chance.sample(names, most)) if len(names) > most else names
        rename = {name: f"drill-{run.short_id}-{subject.number}-{number}" for number, name in enumerate(chosen)}
        return {"storage_account_id": run.scratch.account.text, "containers": chosen, "rename": rename}

    def _backed_up(self, run: DrillRun, subject: Subject) -> list[str]:
        """Give the containers that the recovery point has, as far as the backup instance and the account tell.

        One that is younger than the point is not in it. Azure tells no more than when a container was changed last, so that one
        is left out as well that was there, and was changed since. Raises NotFound for no containers, NotDrillable where none is
        left.
        """
        there: dict[str, Any] = {}
        names = [str(name) for name in subject.instance["containers_list"]]
        try:
            there = list_containers(run.task.session, subject.datasource)
        except NotFound:
            # An account that is gone is the very reason to have a backup; what it had, the instance may tell.
            if not names:
                raise
        if not names:
            excluded = tuple((subject.instance["auto_protection"] or {}).get("exclude_prefixes") or [])
            names = [name for name in there if not name.startswith((*excluded, "$"))]
        if not names:
            raise NotFound(
                f"'{subject.datasource.name}' has no container that could be restored; check the containers of its "
                "backup instance"
            )
        taken = parse_time((subject.point or {}).get("time"))
        young = sorted(name for name in names if taken and there.get(name) and there[name] > taken)
        if not young:
            return names
        told = f"created or changed since the recovery point, so that it may not be in it: {', '.join(young)}"
        if len(young) == len(names):
            raise NotDrillable(f"each of its containers was {told}")
        subject.checks.append(check_result("containers", "skipped", f"not restored, because {told}", found=young))
        return [name for name in names if name not in young]

    def names(self, run: DrillRun, subject: Subject, target: dict[str, Any]) -> list[str]:
        """See DrillKind."""
        return list(target["rename"].values())

    def made(self, subject: Subject) -> list[str]:
        """See DrillKind."""
        restored = subject.result.get("restored") or {}
        return [f"{restored['id']}/blobServices/default/containers/{name}" for name in restored.get("containers") or []]

    def check(self, run: DrillRun, subject: Subject) -> list[Result]:
        """See DrillKind."""
        wanted: list[str] = subject.entry["targets"]
        there = (subject.result.get("restored") or {}).get("containers") or []
        missing = sorted(set(wanted) - set(there))
        told = f"{len(there)} of {len(wanted)} containers exist" + (f"; missing: {', '.join(missing)}" if missing else "")
        checks = [check_result("exists", "failed" if missing else "passed", told, expected=len(wanted), found=len(there))]
        sources = {new: old for old, new in subject.entry["rename"].items()}
        return checks + [self._check_blobs(run, subject, sources[name], name) for name in there]

    def _check_blobs(self, run: DrillRun, subject: Subject, source: str, name: str) -> Result:
        """Check that a container has blobs, or that its source has none either."""
        label = f"blobs of {source}"
        try:
            found = count_blobs(run.task.session, run.endpoint, name)
        except Denied as error:
            told = f"cannot tell whether container '{source}' came back with its blobs: {error.message}"
            return check_result(label, "partial", told)
        told = f"{found.blobs} blob(s), {found.size_bytes} bytes" + ("" if found.is_whole else ", and more")
        if found.blobs:
            return check_result(label, "passed", told, found=_shown(found))
        try:
            account = read_account(run.task.session, subject.datasource, "datasource_id")
            taken = parse_time((subject.point or {}).get("time"))
            held = count_blobs(run.task.session, blob_endpoint(account, "datasource_id"), source, until=taken)
        except AzureBackupError:
            told = f"container '{source}' came back empty, and its source cannot be read to compare"
            return check_result(label, "partial", told, found=_shown(found))
        if held.blobs:
            told = f"container '{source}' came back empty, but its source has blobs from before the recovery point"
            return check_result(label, "failed", told, expected=_shown(held), found=_shown(found))
        return check_result(label, "passed", "no blobs, same as the source", expected=_shown(held), found=_shown(found))


class _OfMachine(DrillKind):
    """What the ways to drill a virtual machine share."""

    def size_bytes(self, run: DrillRun, subject: Subject) -> int | None:
        """See DrillKind. That of all disks of the machine which are backed up."""
        sizes = _sizes_of_machine(run, subject)
        return sum(sizes) if sizes else None

    def target(self, run: DrillRun, subject: Subject) -> dict[str, Any]:
        """See DrillKind."""
        scratch = run.scratch
        target: dict[str, Any] = {
            "resource_group": scratch.group.text,
            "staging_storage_account_id": scratch.account.text,
            "staging_identity": scratch.staging_identity,
        }
        if ((subject.point or {}).get("machine") or {}).get("has_private_disks"):
            target["disk_network_access"] = "same_as_source"
        return target

    def _check_disks(self, run: DrillRun, subject: Subject, disks: Sequence[Described]) -> list[Result]:
        """Check number and sizes of the disks against those of the machine, which may be gone."""
        told = ((subject.result.get("job") or {}).get("restore") or {}).get("backed_up_disks")
        expected = _sizes_of_machine(run, subject)
        found = [_bytes_of_disk(run.resource(str(disk["id"]))) or 0 for disk in disks]
        # Of a machine that is backed up in part, the job tells how many disks the backup has.
        count = len(told) if told else (len(expected) if expected else None)
        checks = [_compare("disk count", count, len(found), "{} disk(s)".format)]
        if expected and len(expected) == len(found):
            sizes = (sorted(expected), sorted(found))
            checks.append(_compare("disk sizes", *sizes, lambda listed: ", ".join(map(to_gib, listed))))
        return checks


class MachineDisksDrill(_OfMachine):
    """The disks of a machine restored, counted and compared."""

    name = "machine_disks"
    mode = DisksOfMachine()

    def names(self, run: DrillRun, subject: Subject, target: dict[str, Any]) -> list[str]:
        """See DrillKind. Azure names the disks."""
        return []

    def made(self, subject: Subject) -> list[str]:
        """See DrillKind."""
        return [str(disk["id"]) for disk in (subject.result.get("restored") or {}).get("disks") or []]

    def check(self, run: DrillRun, subject: Subject) -> list[Result]:
        """See DrillKind."""
        listed = (subject.result.get("restored") or {}).get("disks") or []
        if not listed:
            return [check_result("exists", "failed", "no restored disk can be found")]
        # Others may have names of this machine, too.
        disks = named_in(read_configuration(run.task.session, run.endpoint, subject.result["job"]), listed)
        if not disks:
            told = "the configuration of the restore job does not name the restored disks, so that the drill cannot prove that "
            told += "they are its own and does not remove them; check them and delete them yourself"
            return [check_result("exists", "partial", told, found=[disk["id"] for disk in listed])]
        names = ", ".join(str(disk["name"]) for disk in disks)
        exists = check_result("exists", "passed", f"restored disks exist: {names}", found=[disk["id"] for disk in disks])
        return [exists, *self._check_disks(run, subject, disks)]


class MachineDrill(_OfMachine, _UnderOneName):
    """A machine restored into a closed network and booted there."""

    name = "machine"
    mode = MachineCopy()
    resource_type = "Microsoft.Compute/virtualMachines"

    def target(self, run: DrillRun, subject: Subject) -> dict[str, Any]:
        """See DrillKind."""
        network = run.scratch.network
        return {
            **super().target(run, subject),
            # Windows takes 15 letters for the name inside.
            "name": _name_for(run, subject, 64),
            "virtual_network_id": network.text if network else None,
            "subnet": run.scratch.subnet,
        }

    def parts(self, subject: Subject) -> list[str]:
        """See DrillKind. Its interfaces, and its disks."""
        restored = subject.result.get("restored") or {"network_interfaces": [], "disks": []}
        return [*map(str, restored["network_interfaces"]), *(str(disk["id"]) for disk in restored["disks"])]

    def check(self, run: DrillRun, subject: Subject) -> list[Result]:
        """See DrillKind."""
        restored = subject.result.get("restored")
        if not restored:
            return [
                check_result("exists", "failed", "the restored machine cannot be found", expected=subject.entry["targets"][0])
            ]
        exists = check_result("exists", "passed", f"machine '{restored['name']}' exists", found=restored["id"])
        checks = [exists, *self._check_disks(run, subject, restored["disks"]), self._check_isolation(run, restored)]
        if checks[-1]["status"] == "failed":
            # What is not closed in is not watched while it runs, but removed.
            return checks
        return [*checks, self._check_boot(run, str(restored["id"]))]

    def _check_isolation(self, run: DrillRun, restored: Described) -> Result:
        """Check that no interface of the machine has a public address or lies in another subnet."""
        network, wrong = run.scratch.network, []
        subnet = f"{network.text if network else ''}/subnets/{run.scratch.subnet}"
        for interface in restored["network_interfaces"]:
            wire = run.resource(str(interface)) or {}
            for address in (wire.get("properties") or {}).get("ipConfigurations") or []:
                about = address.get("properties") or {}
                if about.get("publicIPAddress"):
                    wrong.append(f"{interface} has a public address")
                if not same_id((about.get("subnet") or {}).get("id"), subnet):
                    wrong.append(f"{interface} is not in subnet '{run.scratch.subnet}'")
        if wrong:
            return check_result("isolation", "failed", "; ".join(wrong))
        return check_result("isolation", "passed", f"its interfaces are in '{run.scratch.subnet}' and have no public address")

    def _check_boot(self, run: DrillRun, machine_id: str) -> Result:
        """Wait until Azure says that the machine runs and its agent reports."""
        state: dict[str, str] = {}
        clock, timeout = run.task.clock, run.task.options["boot_timeout"]
        for _look in looks(clock, timeout, _SECONDS_BETWEEN_LOOKS):
            try:
                state = read_state(run.task.session, machine_id)
            except AzureBackupError as error:
                state = {"agent": error.message}
            if state.get("power") == "running" and state.get("agent") == "Ready":
                return check_result("boot", "passed", "the machine runs and its agent reports", found=state)
        told = ", ".join(f"{key}: {value}" for key, value in state.items())
        told = f"the machine did not reach the state running with a ready agent within {timeout} seconds ({told})"
        told += "; check that the agent works on the source, or raise boot_timeout"
        return check_result("boot", "failed", told, found=state)


def _shown(count: Count) -> dict[str, Any]:
    return {"blobs": count.blobs, "bytes": count.size_bytes}


def to_gib(size_bytes: int) -> str:
    """Write a size for people."""
    return f"{size_bytes / _GIB:g} GiB"


def _compare(name: str, expected: Any, found: Any, words: Callable[[Any], str]) -> Result:
    """Compare what was restored with its source; a source that is gone tells nothing; words: writes either for people."""
    if expected is None:
        return check_result(
            name, "skipped", "not compared: the source no longer exists, or Azure does not report this value for it", found=found
        )
    if expected == found:
        return check_result(name, "passed", f"{words(found)}, same as the source", expected, found)
    told = f"{words(found)}, but the source has {words(expected)}"
    told += "; the restore is not complete, or the source was changed since the backup"
    return check_result(name, "failed", told, expected, found)


def _name_for(run: DrillRun, subject: Subject, longest: int) -> str:
    """Name what is made of a datasource: the drill, its number in it, its own name."""
    own = re.sub(r"[^A-Za-z0-9_-]", "-", subject.datasource.name)
    return f"drill-{run.short_id}-{subject.number}-{own}"[:longest].rstrip("-")


def _bytes_of_disk(wire: Described | None) -> int | None:
    size = ((wire or {}).get("properties") or {}).get("diskSizeGB")
    return int(size) * _GIB if size else None


def _sizes_of_machine(run: DrillRun, subject: Subject) -> list[int] | None:
    """Give the sizes of a machine's managed disks that are backed up; None where there is no machine, or one does not tell."""
    wire = run.resource(subject.datasource.text)
    included, excluded = subject.instance["include_disk_luns"], subject.instance["exclude_disk_luns"] or []
    backed_up = [
        disk
        for disk in disks_of(wire or {})
        # The disk of the system always is.
        if "lun" not in disk or (disk["lun"] not in excluded and (included is None or disk["lun"] in included))
    ]
    sizes = [_bytes_of_disk(run.resource(disk_id_of(disk))) for disk in backed_up]
    known = [size for size in sizes if size is not None]
    return known if known and len(known) == len(sizes) else None
