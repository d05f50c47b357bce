# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""What has happened between two looks at the backups of an estate, as events that are each told once. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .coverage import CONTROLS
from .durations import format_time, parse_time, to_clock_words, to_words
from .resource_ids import parse_resource_id
from .result_shapes import Described

# Every kind of event, with its severity.
SEVERITIES = {
    "job_failed": "error",
    "job_completed": "info",
    "rpo_missed": "error",
    "protection_error": "error",
    "unprotected": "warning",
    "protection_stopped": "warning",
    "soft_deleted": "critical",
    "policy_weakened": "critical",
    "vault_weakened": "critical",
    "drill_failed": "error",
    "read_failed": "warning",
}
# These tell of a moment and not of a condition that lasts: those before the first look are nobody's news.
_MOMENTS = ("job_failed", "job_completed")
# These lie between two looks, so that no look shows them again.
_CHANGES = ("policy_weakened", "vault_weakened")
# An event has the same identifier wherever and whenever it is told.
_NAMESPACE = uuid.UUID("58bdf48c-48bd-4844-b5af-4b7c97805074")
# How long what was told is remembered after it was last seen. Jobs are looked for in a window that moves on.
_SECONDS_OF_MOMENTS = 2 * 3600
_SECONDS_A_DAY = 86400
_SECONDS_OF_CONDITIONS = 14 * _SECONDS_A_DAY
_MOST_NAMED = 20
_SCHEMA_VERSION = 1
# The controls whose loss weakens a vault, and the value that protects, of those that are on or off.
_LEVELS = ("soft_delete", "soft_delete_retention_in_days", "immutability")
_SWITCHES = {
    "resource_guard": True,
    "cross_region_restore": True,
    "alerts_for_all_job_failures": True,
    "public_network_access": False,
}


@dataclass(frozen=True)
class Signal:
    """Something that one look shows and that an event tells of.

    subject: the lower-cased id of what it is about; mark: tells it from others of its kind and subject; body: fields of the
    event; after: seconds that it has to last before it is told.
    """

    kind: str
    subject: str
    mark: str
    body: Mapping[str, Any]
    after: float = 0.0

    @property
    def key(self) -> str:
        """What is the same at each look that shows it."""
        return f"{self.kind}|{self.subject}|{self.mark}"


@dataclass
class Look:
    """What was seen of an estate.

    known: what was decided, as the beginnings of keys (kind and subject); jobs_read: whether the jobs could be read;
    instances: by their lower-cased ids, what remains of each: C(name), C(vault_id), C(datasource_id), C(policy_id);
    deleted: likewise, instances that are soft-deleted, as results show them; policies: by their lower-cased ids, C(id),
    C(name), C(retention) in seconds by tag, C(interval) in seconds; vaults: likewise, C(id) and C(settings); points: times
    of the newest recovery points that were read, by the ids of instances.
    """

    taken_at: datetime
    signals: list[Signal] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    jobs_read: bool = True
    instances: dict[str, Described] = field(default_factory=dict)
    deleted: dict[str, Described] = field(default_factory=dict)
    policies: dict[str, Described] = field(default_factory=dict)
    vaults: dict[str, Described] = field(default_factory=dict)
    points: dict[str, str] = field(default_factory=dict)


@dataclass
class Memory:
    """What is remembered of the looks so far: as Look, and when the signals were first and last seen, and whether told.

    began: the time of the first look; jobs_since: of the last one that could read the jobs.
    """

    taken_at: str
    began: str
    jobs_since: str
    seen: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    instances: dict[str, Described] = field(default_factory=dict)
    deleted: dict[str, Described] = field(default_factory=dict)
    policies: dict[str, Described] = field(default_factory=dict)
    vaults: dict[str, Described] = field(default_factory=dict)
    points: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> Described:
        """Give it as JSON can hold it."""
        return {"schema_version": _SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, kept: Any) -> Memory | None:
        """Give what to_dict gave; None for anything else."""
        if not isinstance(kept, dict) or kept.get("schema_version") != _SCHEMA_VERSION:
            return None
        try:
            seen = {str(key): (str(first), str(last), bool(told)) for key, (first, last, told) in kept["seen"].items()}
            for key, (first, last, _told) in seen.items():
                _kind, _subject, _mark = key.split("|", 2)
                _moment(first), _moment(last)
            times = [str(kept[name]) for name in ("taken_at", "began", "jobs_since")]
            for text in times:
                _moment(text)
            others = {name: dict(kept[name]) for name in ("instances", "deleted", "policies", "vaults", "points")}
            return cls(times[0], times[1], times[2], seen, **others)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


def compare(
    before: Memory | None, look: Look, kinds: Iterable[str], sends_existing: bool = True
) -> tuple[list[Described], Memory]:
    """Give the events of a look, each of which was not told before, and what is to be remembered.

    before: None at the first look; kinds: of the events that are wanted; sends_existing: whether conditions that are there at the
    first look are told.
    """
    now = str(format_time(look.taken_at))
    known = before.seen if before else {}
    began = before.began if before else now
    signals = look.signals + (_weakened(before, look) if before else [])
    told: list[Signal] = []
    seen: dict[str, tuple[str, str, bool]] = {}
    for signal in {signal.key: signal for signal in signals}.values():
        first, _last, is_told = known.get(signal.key, (now, now, False))
        lasts = (look.taken_at - _moment(first)).total_seconds() >= signal.after
        if signal.kind in _MOMENTS and _is_older(signal, began):
            # Resource Graph may show it later than it ended.
            is_told = True
        elif before is None and (signal.kind in _MOMENTS or not sends_existing):
            is_told = True
        elif lasts and not is_told:
            told.append(signal)
            is_told = True
        if signal.kind not in _CHANGES:
            seen[signal.key] = (first, now, is_told)
    kept = {key: value for key, value in known.items() if key not in seen and _is_kept(key, value, look, before)}
    events = [to_event(signal, seen.get(signal.key, (now,))[0]) for signal in told if signal.kind in kinds]
    memory = Memory(
        now,
        began,
        now if look.jobs_read or before is None else before.jobs_since,
        {**kept, **seen},
        look.instances,
        look.deleted,
        _with_used(before.policies if before else {}, look.policies, look.instances, "policy_id"),
        _with_used(before.vaults if before else {}, look.vaults, look.instances, "vault_id"),
        look.points,
    )
    return events, memory


def to_event(signal: Signal, first_seen: str) -> Described:
    """Give the event of a signal; first_seen: when it was first seen, whose day is part of the identifier."""
    empty = dict.fromkeys(("time", "msg", "datasource", "vault", "policy", "job", "drill", "purge_time", "change", "error"))
    identifier = uuid.uuid5(_NAMESPACE, f"{signal.key}|{'' if signal.kind in _MOMENTS else first_seen[:10]}")
    return {
        "kind": signal.kind,
        "severity": SEVERITIES[signal.kind],
        **empty,
        "time": first_seen,
        **signal.body,
        "meta": {"uuid": str(identifier)},
    }


def describe_datasource(
    datasource_id: str, datasource_type: str | None, location: str | None, tags: Mapping[str, str]
) -> Described:
    """Give a datasource as events show it."""
    datasource = parse_resource_id(datasource_id, "datasource_id")
    return {
        "id": datasource.text,
        "name": datasource.name,
        "type": datasource_type,
        "subscription_id": datasource.subscription_id,
        "resource_group": datasource.resource_group,
        "location": location,
        "tags": dict(tags),
    }


def describe_vault(vault_id: str) -> Described:
    """Give a vault as events show it."""
    vault = parse_resource_id(vault_id, "vault_id")
    return {
        "id": vault.text,
        "name": vault.name,
        "type": "backup" if vault.type.lower().startswith("microsoft.dataprotection/") else "recovery_services",
        "subscription_id": vault.subscription_id,
        "resource_group": vault.resource_group,
    }


def settings_of(vault: Described) -> Described:
    """Give what may be weakened of a vault, as results show it."""
    names = [name for name in (*_LEVELS, *_SWITCHES) if vault["vault_type"] in CONTROLS[name].vault_types]
    return {name: CONTROLS[name].read(vault) for name in names}


def _moment(text: str) -> datetime:
    moment = parse_time(text)
    if moment is None:
        raise ValueError(text)
    return moment


def _is_older(signal: Signal, moment: str) -> bool:
    """Tell whether something is said to have happened before a moment."""
    told = parse_time(signal.body.get("time"))
    return told is not None and told < _moment(moment)


def _with_used(
    before: dict[str, Described], now: dict[str, Described], instances: dict[str, Described], key: str
) -> dict[str, Described]:
    """Give what was read now, and what was read before and not now of what instances still refer to."""
    used = {str(one[key]).lower() for one in instances.values()}
    return {**{name: one for name, one in before.items() if name in used}, **now}


def _is_kept(key: str, value: tuple[str, str, bool], look: Look, before: Memory | None) -> bool:
    """Tell whether something that this look does not show is still remembered: nobody knows that it is over."""
    kind, subject, _mark = key.split("|", 2)
    if kind in _MOMENTS:
        # The next look reads jobs from a little before this one, or from where they could last be read.
        since = _moment(before.jobs_since) if before else look.taken_at
        return since - _moment(value[1]) < timedelta(seconds=_SECONDS_OF_MOMENTS)
    is_over = f"{kind}|{subject}" in look.known
    return not is_over and look.taken_at - _moment(value[1]) < timedelta(seconds=_SECONDS_OF_CONDITIONS)


def _weakened(before: Memory, look: Look) -> list[Signal]:
    """Give what protects less than at the look before."""
    found = []
    for key, one in look.vaults.items():
        earlier = before.vaults.get(key, {}).get("settings", {})
        for name, value in one["settings"].items():
            if value is None:
                # It cannot be told now; what was known stays to be compared.
                one["settings"][name] = earlier.get(name)
            elif earlier.get(name) is not None and _is_weaker(name, earlier[name], value):
                vault, change = describe_vault(one["id"]), {"name": name, "before": earlier[name], "after": value}
                was, now = (str(word).lower() if isinstance(word, bool) else word for word in (earlier[name], value))
                told = f"vault '{vault['name']}' protects less: {name} was changed from {was} to {now}. Check its activity log"
                found.append(_change("vault_weakened", key, {"vault": vault, "change": change, "msg": told}, before))
    for key, policy in look.policies.items():
        known = before.policies.get(key)
        if known is not None:
            found += _policy_signals(key, known, policy, [], before)
    moved: dict[tuple[str, str], list[str]] = {}
    for key, instance in look.instances.items():
        known = before.instances.get(key)
        old, new = str((known or {}).get("policy_id") or "").lower(), str(instance["policy_id"] or "").lower()
        if known is None or not old or not new or old == new:
            continue
        if new in look.policies:
            moved.setdefault((old, new), []).append(str(instance["datasource_id"]))
        else:
            # As long as the new policy cannot be read, it stays to be compared.
            instance["policy_id"] = known["policy_id"]
    for (old, new), ids in moved.items():
        if old in before.policies:
            found += _policy_signals(new, before.policies[old], look.policies[new], sorted(ids), before)
    return found


def _is_weaker(name: str, before: Any, after: Any) -> bool:
    if name in _SWITCHES:
        return bool(before is _SWITCHES[name]) and after is not _SWITCHES[name]
    try:
        return not CONTROLS[name].is_met(after, before)
    except ValueError:
        # A word that Azure did not have.
        return False


def _policy_signals(key: str, before: Described, after: Described, datasource_ids: Sequence[str], memory: Memory) -> list[Signal]:
    """Give a signal if a policy keeps less, or backs up less often, than the one before; datasource_ids: that got it instead."""
    worse = []
    new = [seconds for tag, seconds in after["retention"].items() if tag not in before["retention"]]
    for tag, seconds in before["retention"].items():
        now = after["retention"].get(tag)
        # A rule of another name may keep the same recovery points.
        is_replaced = now is None and any(one >= seconds for one in new)
        if not is_replaced and (now is None or now < seconds):
            told = "no longer kept" if now is None else f"now kept for {_words(now)}"
            worse.append(f"recovery points with retention tag {tag} were kept for {_words(seconds)} and are {told}")
    # Not every schedule of Azure can be described.
    if before["interval"] and after["interval"] and after["interval"] > before["interval"]:
        told = f"the longest time between backups was {_words(before['interval'])}, it is now {_words(after['interval'])}"
        worse.append(told)
    if not worse:
        return []
    about = (
        f"{len(datasource_ids)} datasource(s) were moved from policy '{before['name']}' to the weaker policy '{after['name']}'"
    )
    heading = about if datasource_ids else f"policy '{after['name']}' was weakened"
    change = {
        "name": "policy" if datasource_ids else "retention",
        "before": {name: before[name] for name in ("name", "retention", "interval")},
        "after": {name: after[name] for name in ("name", "retention", "interval")},
        "datasource_ids": list(datasource_ids[:_MOST_NAMED]),
        "datasource_count": len(datasource_ids),
    }
    body = {
        "vault": describe_vault(str(after["id"]).rsplit("/", 2)[0]),
        "policy": {"id": after["id"], "name": after["name"]},
        "change": change,
        "msg": f"{heading}: {'; '.join(worse)}",
    }
    return [_change("policy_weakened", key, body, memory)]


def _words(seconds: float) -> str:
    """Write a length in whole days where it has some, otherwise by the clock."""
    return to_words(timedelta(seconds=seconds)) if seconds >= _SECONDS_A_DAY else to_clock_words(seconds)


def _change(kind: str, key: str, body: Mapping[str, Any], before: Memory) -> Signal:
    """Give the signal of a change, which is the same one if it is found again with the same memory."""
    return Signal(kind, key, f"{body['change']}|{before.taken_at}", body)
