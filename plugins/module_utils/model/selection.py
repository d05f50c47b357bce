# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""Which datasources the option select means: criteria, exclusions, the exempt tag."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from ..errors import BadInput
from .datasource_types import DATASOURCE_TYPES, DatasourceType
from .resource_ids import GUID, ResourceId, normalize

CRITERIA = ("subscription_ids", "datasource_types", "resource_groups", "locations", "names", "policy_names", "tags")
_OTHER = ("exclude", "exempt_tag", "require_match")
# What a value of a tag may consist of to be looked for in the text of all tags, whatever is escaped there.
_PLAIN = re.compile(r"[A-Za-z0-9 _.-]+")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Candidate:
    """A datasource that may be selected.

    location: None where the resource itself was not read; tags: by lower-cased names, since Azure compares these in any casing,
    and none where the resource was not read; policy_name: None for what is not protected.
    """

    datasource: ResourceId
    datasource_type: str
    location: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    policy_name: str | None = None

    def with_resource(self, wire: Mapping[str, Any]) -> Candidate:
        """Give the same with what its resource says, as Resource Manager or Resource Graph has it."""
        tags = {str(name).lower(): str(value) for name, value in (wire.get("tags") or {}).items()}
        return replace(self, location=wire.get("location"), tags=tags)


@dataclass(frozen=True)
class Criteria:
    """Criteria by their names; only those that are set."""

    wanted: Mapping[str, Any]

    def of(self, candidate: Candidate) -> Iterable[bool]:
        """Tell of each criterion whether a candidate meets it; each tag is one."""
        datasource = candidate.datasource
        for name, wanted in self.wanted.items():
            if name == "tags":
                for tag, values in wanted.items():
                    yield tag in candidate.tags and any(_fits(candidate.tags[tag], value) for value in values)
            elif name == "subscription_ids":
                yield wanted == ["all"] or datasource.subscription_id.lower() in wanted
            elif name == "datasource_types":
                yield candidate.datasource_type in wanted
            elif name == "locations":
                yield normalize(candidate.location) in wanted
            else:
                text = {
                    "resource_groups": datasource.resource_group,
                    "names": datasource.name,
                    "policy_names": str(candidate.policy_name or ""),
                }[name]
                yield any(_fits(text.lower(), pattern) for pattern in wanted)


@dataclass(frozen=True)
class Selection:
    """What select says.

    criteria: each must be met; exclude: one that is met leaves a datasource out; exempt_tag: the tag whose value is the reason
    why its resource is left out; require_match: whether an empty selection is an error; at: the option, for messages.
    """

    criteria: Criteria
    exclude: Criteria
    exempt_tag: str | None
    require_match: bool
    at: str

    def matches(self, candidate: Candidate) -> bool:
        """Tell whether a candidate is meant, an exempt one as well (see reason_of_exemption)."""
        return all(self.criteria.of(candidate)) and not any(self.exclude.of(candidate))

    def reason_of_exemption(self, candidate: Candidate) -> str | None:
        """Give the value of a candidate's exempt tag, None where it is not exempt."""
        return None if self.exempt_tag is None else candidate.tags.get(self.exempt_tag.lower())

    def selects(self, candidate: Candidate) -> bool:
        """Tell whether a candidate is meant and not exempt."""
        return self.matches(candidate) and self.reason_of_exemption(candidate) is None

    @property
    def needs_resources(self) -> bool:
        """Whether the resources themselves have to be read to tell what is meant."""
        return bool(self.exempt_tag) or any({"tags", "locations"} & one.wanted.keys() for one in (self.criteria, self.exclude))

    @property
    def datasource_types(self) -> list[DatasourceType]:
        """The types that can be meant."""
        names = self.criteria.wanted.get("datasource_types", DATASOURCE_TYPES)
        return [DATASOURCE_TYPES[name] for name in names]

    def subscription_ids(self, default: str) -> list[str]:
        """Give the subscriptions to search: that of the connection by default, none (which means every one) for all."""
        given = self.criteria.wanted.get("subscription_ids")
        return [default] if given is None else [] if given == ["all"] else list(given)

    @property
    def tag_texts(self) -> list[str]:
        """Texts that the tags of all that is meant contain, in any casing: a way to read less, not the whole condition."""
        texts = []
        for name, values in self.criteria.wanted.get("tags", {}).items():
            texts += [text for text in (name, *(values if len(values) == 1 else ())) if _PLAIN.fullmatch(text)]
        return texts

    @property
    def plain_resource_groups(self) -> list[str] | None:
        """The resource groups that can be meant, None where patterns or nothing at all name them."""
        groups: list[str] | None = self.criteria.wanted.get("resource_groups")
        return None if groups is None or any(_WILD.search(group) for group in groups) else groups


def _fits(text: str, wanted: str) -> bool:
    """Tell whether a text is the wanted one, or fits it as a pattern."""
    return text == wanted or fnmatchcase(text, wanted)


def read_selection(options: Mapping[str, Any], at: str = "select", is_protected: bool = True) -> Selection:
    """Read the option select.

    options: its suboptions, of which None is not set; at: the name of the option; is_protected: whether it selects among what is
    protected, of which alone there are policies. Raises BadInput with every mistake.
    """
    problems: list[str] = []
    unknown = sorted(str(key) for key in options if key not in (*CRITERIA, *_OTHER))
    if unknown:
        problems.append(f"{at}: unknown key(s) {', '.join(unknown)}; use {', '.join((*CRITERIA, *_OTHER))}")
    exclude = options.get("exclude") or {}
    if not isinstance(exclude, Mapping):
        problems.append(f"{at}.exclude: it must be a dictionary of criteria")
        exclude = {}
    unknown = sorted(str(key) for key in exclude if key not in CRITERIA)
    if unknown:
        problems.append(f"{at}.exclude: unknown key(s) {', '.join(unknown)}; use {', '.join(CRITERIA)}")
    read = [
        Criteria({name: _read(given, name, f"{place}.{name}", problems) for name in CRITERIA if given.get(name) is not None})
        for place, given in ((at, options), (f"{at}.exclude", exclude))
    ]
    for place, criteria in ((at, read[0]), (f"{at}.exclude", read[1])):
        if not is_protected and "policy_names" in criteria.wanted:
            problems.append(
                f"{place}.policy_names: what is selected here need not be protected yet, so it has no policy; remove it"
            )
    exempt_tag = options.get("exempt_tag")
    if exempt_tag is not None and not str(exempt_tag).strip():
        problems.append(f"{at}.exempt_tag: the name of a tag is expected")
    if problems:
        raise BadInput("; ".join(problems))
    return Selection(read[0], read[1], str(exempt_tag) if exempt_tag else None, bool(options.get("require_match")), at)


def _read(options: Mapping[str, Any], name: str, at: str, problems: list[str]) -> Any:
    """Give a criterion in the form that candidates are compared with."""
    if name == "tags":
        if not isinstance(options[name], Mapping):
            problems.append(f"{at}: a dictionary is expected, from the name of a tag to a value, a pattern or a list of them")
            return {}
        if not options[name]:
            problems.append(f"{at}: empty; name at least one tag, or omit it")
        return {str(tag).lower(): [_tag_value(one) for one in _listed(value)] for tag, value in options[name].items()}
    texts = [str(one).strip() for one in _listed(options[name])]
    if name == "datasource_types":
        wrong = [text for text in texts if text not in DATASOURCE_TYPES]
        if wrong:
            told = ", ".join(f"'{text}'" for text in wrong)
            problems.append(f"{at}: {told}: not supported; use {', '.join(DATASOURCE_TYPES)}")
        return [text for text in texts if text in DATASOURCE_TYPES]
    if name == "subscription_ids":
        wrong = [text for text in texts if not GUID.fullmatch(text)]
        if wrong and [text.lower() for text in texts] != ["all"]:
            told = ", ".join(f"'{text}'" for text in wrong)
            problems.append(f"{at}: {told}: each must be the GUID of a subscription, or all the only value")
    return [normalize(text) if name == "locations" else text.lower() for text in texts]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _tag_value(value: Any) -> str:
    """Give the text of a tag's value: YAML reads true and 1 as something else than Azure's texts."""
    return str(value).lower() if isinstance(value, bool) else str(value)
