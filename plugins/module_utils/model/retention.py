# Copyright (c) 2026 The holdfast.azure_backup authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to this collection: it may change with any release.
"""How long recovery points are kept, as a person writes it: checked, completed, compared. Pure.

A retention is C({default, operational, daily, weekly, monthly, yearly}) of ISO 8601 durations: the default for every
recovery point, C(operational) for what is backed up continuously, the others for the first one of a day and so on.
A retention rule keeps the recovery points that its own criteria choose: C({name, duration, tagging_priority}) and at least one
of CRITERIA. Only what the user set is compared.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

from ..errors import BadInput
from .datasource_types import DatasourceType
from .durations import count_in, seconds_of, to_iso, to_readable
from .schedule import DAYS, check_times, check_words

Retention = dict[str, str]

RetentionRule = dict[str, Any]

OPERATIONAL = "operational"

# Tag -> its name in Azure, its priority and its criterion, as Microsoft's clients have them.
STANDARD_TAGS = {
    "daily": ("Daily", 25, "FirstOfDay"),
    "weekly": ("Weekly", 20, "FirstOfWeek"),
    "monthly": ("Monthly", 15, "FirstOfMonth"),
    "yearly": ("Yearly", 10, "FirstOfYear"),
}

WEEKS = ("First", "Second", "Third", "Fourth", "Last")

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

ABSOLUTE = ("AllBackup", "FirstOfDay", "FirstOfWeek", "FirstOfMonth", "FirstOfYear")

CRITERIA = {
    "absolute_criteria": ABSOLUTE,
    "days_of_the_week": DAYS,
    "weeks_of_the_month": WEEKS,
    "days_of_month": None,
    "months_of_year": MONTHS,
    "schedule_times": None,
}

LAST_DAY = "last"
_SECONDS_A_DAY = 86400
# Rules of their own come before those of retention, the first one first. Azure takes the lowest priority that matches.
_LOWEST_STANDARD_PRIORITY = min(priority for _name, priority, _criterion in STANDARD_TAGS.values())
_RULE_NAME = re.compile(r"[A-Za-z0-9][-\w ]{0,99}")
_RESERVED = ("default", "default_operationalstore")


def check_retention(given: dict[str, str | None] | None, datasource_type: DatasourceType) -> Retention:
    """Check what the user set of a retention, and give it as ISO 8601 durations. Raises BadInput with every mistake."""
    problems: list[str] = []
    wanted: Retention = {}
    tags = ("default", *([OPERATIONAL] if datasource_type.continuous_store else []), *datasource_type.retention_tags)
    for tag, value in (given or {}).items():
        if value is None:
            continue
        if tag not in tags:
            problems.append(f"retention.{tag}: a {datasource_type.title} has no {tag} retention; it has {', '.join(tags)}")
            continue
        longest = datasource_type.longest_continuous_days if tag == OPERATIONAL else datasource_type.longest_retention_days
        wanted[tag] = _check_duration(value, f"retention.{tag}", longest, datasource_type, problems)
        _check_unit(wanted[tag], tag, f"retention.{tag}", datasource_type, problems)
    if problems:
        raise BadInput("; ".join(problems))
    return wanted


def _check_duration(value: Any, option: str, longest: int, datasource_type: DatasourceType, problems: list[str]) -> str:
    try:
        iso = to_iso(value, option)
    except BadInput as error:
        problems.append(error.message)
        return ""
    days = (seconds_of(iso) or 0) / _SECONDS_A_DAY
    if days < datasource_type.shortest_retention_days or "T" in iso:
        least = "a day" if datasource_type.shortest_retention_days == 1 else f"{datasource_type.shortest_retention_days} days"
        problems.append(f"{option}: '{value}' must be a whole number of days and at least {least}")
    elif days > longest:
        problems.append(f"{option}: '{value}' is longer than {longest} days, the maximum for a {datasource_type.title}")
    return iso


def _check_unit(iso: str, tag: str, option: str, datasource_type: DatasourceType, problems: list[str]) -> None:
    unit = datasource_type.retention_units.get(tag)
    if not (iso and unit):
        return
    count, most = count_in(iso, unit), datasource_type.most_of_unit[unit]
    if count is None:
        problems.append(f"{option}: '{iso}' is not a whole number of {unit}, which Azure requires for a {datasource_type.title}")
    # Weeks that are the default of a weekly schedule are counted when that is known.
    elif count > most and not (tag == "default" and (count_in(iso, "weeks") or count) <= datasource_type.most_of_unit["weeks"]):
        problems.append(f"{option}: {count} {unit} exceed the maximum of {most} for a {datasource_type.title}")


def check_rules(
    given: list[dict[str, Any]] | None, retention: Retention, datasource_type: DatasourceType
) -> list[RetentionRule] | None:
    """Check what the user set as retention_rules and give it in canonical form, None where it is not set.

    retention: checked; a rule may not have the name of one of its tags. Raises BadInput with every mistake.
    """
    if given is None:
        return None
    if given and not datasource_type.custom_retention:
        raise BadInput(f"retention_rules: a {datasource_type.title} does not support custom rules; set retention instead")
    problems: list[str] = []
    rules = [_check_rule(values, f"retention_rules[{index}]", datasource_type, problems) for index, values in enumerate(given)]
    names = [str(rule["name"]).lower() for rule in rules]
    for index, name in enumerate(names):
        option = f"retention_rules[{index}].name"
        if name in names[:index] or name in retention:
            problems.append(f"{option}: '{name}' is used twice")
        elif not is_rule_name(name):
            problems.append(f"{option}: '{name}' is not a valid rule name")
        elif datasource_type.rule_criteria and name not in datasource_type.rule_criteria:
            problems.append(
                f"{option}: '{name}' is not a rule for a {datasource_type.title}; use {', '.join(datasource_type.rule_criteria)}"
            )
    if len(rules) >= _LOWEST_STANDARD_PRIORITY and any(rule["tagging_priority"] is None for rule in rules):
        problems.append(f"retention_rules: with more than {_LOWEST_STANDARD_PRIORITY - 1} rules, each needs a tagging_priority")
    if problems:
        raise BadInput("; ".join(problems))
    given_priorities = [rule["tagging_priority"] for rule in rules if rule["tagging_priority"]]
    if len(set(given_priorities)) < len(given_priorities):
        raise BadInput("retention_rules: each rule needs a different tagging_priority")
    return rules


def is_rule_name(name: str) -> bool:
    """Tell whether the option retention_rules takes a rule of that name."""
    return name.lower() not in _RESERVED and bool(_RULE_NAME.fullmatch(name))


def check_rules_together(rules: list[RetentionRule], retention: Retention, schedule: dict[str, Any]) -> None:
    """Check rules against the rest of a whole policy. Raises BadInput with every mistake.

    retention, schedule: complete; Azure refuses one name or priority for two rules, and a time that is none of the schedule's
    chooses nothing.
    """
    problems = []
    tags = {STANDARD_TAGS[tag][1]: tag for tag in retention if tag in STANDARD_TAGS}
    for index, rule in enumerate(rules):
        option = f"retention_rules[{index}]"
        name, priority = str(rule["name"]).lower(), rule["tagging_priority"]
        if name in retention:
            problems.append(f"{option}.name: '{rule['name']}' is already set by retention.{name}; set only one of them")
        elif priority in tags:
            problems.append(f"{option}.tagging_priority: {priority} is already used by retention.{tags[priority]}")
        strange = sorted(set(rule.get("schedule_times") or []) - set(schedule["times"]))
        if strange and schedule["frequency"] != "hourly":
            problems.append(f"{option}.schedule_times: {', '.join(strange)} is not one of the schedule's times")
    if problems:
        raise BadInput("; ".join(problems))


def with_priorities(rules: list[RetentionRule], datasource_type: DatasourceType) -> list[RetentionRule]:
    """Give rules without a tagging_priority the lowest ones that are free, the first rule the lowest.

    A type whose rules have names of their own has no priorities.
    """
    if datasource_type.rule_criteria:
        return rules
    taken = {rule["tagging_priority"] for rule in rules}
    free = (number for number in itertools.count(1) if number not in taken)
    return [{**rule, "tagging_priority": rule["tagging_priority"] or next(free)} for rule in rules]


def _check_rule(values: dict[str, Any], option: str, datasource_type: DatasourceType, problems: list[str]) -> RetentionRule:
    duration = _check_duration(
        values["duration"], f"{option}.duration", datasource_type.longest_retention_days, datasource_type, problems
    )
    priority = values.get("tagging_priority")
    if priority is not None and not 1 <= priority <= 98:
        problems.append(f"{option}.tagging_priority: {priority} is not between 1 and 98; the default retention uses 99")
    if priority is not None and datasource_type.rule_criteria:
        problems.append(
            f"{option}.tagging_priority: a {datasource_type.title} does not support it; every rule applies to what it selects"
        )
    _check_unit(duration, str(values["name"]).lower(), f"{option}.duration", datasource_type, problems)
    rule: RetentionRule = {"name": str(values["name"]), "duration": duration, "tagging_priority": priority}
    for key, words in CRITERIA.items():
        chosen = values.get(key)
        if not chosen:
            continue
        if key == "schedule_times":
            rule[key] = check_times(chosen, f"{option}.{key}", problems)
        elif key == "days_of_month":
            rule[key] = _check_days_of_month(chosen, f"{option}.{key}", problems)
        else:
            rule[key] = check_words(chosen, words or (), f"{option}.{key}", problems)
    if not any(key in rule for key in CRITERIA):
        problems.append(f"{option}: it selects no recovery points; set at least one of {', '.join(CRITERIA)}")
    allowed = datasource_type.rule_criteria.get(str(values["name"]).lower(), ())
    if allowed and {key for key in CRITERIA if key in rule} not in [set(keys) for keys in allowed]:
        ways = ", or ".join(" with ".join(keys) for keys in allowed)
        problems.append(f"{option}: a {values['name']} rule for a {datasource_type.title} selects by {ways}")
    if "days_of_month" in rule and ("days_of_the_week" in rule or "weeks_of_the_month" in rule):
        problems.append(f"{option}: select by days_of_month, or by days_of_the_week and weeks_of_the_month, not by both")
    return rule


def _check_days_of_month(given: list[Any], option: str, problems: list[str]) -> list[str]:
    """Give days of the month as text, in order, the last day at the end: 29 to 31 are not in every month, so Azure has none."""
    texts = {str(value).strip().lower() for value in given}
    wrong = sorted(text for text in texts if text != LAST_DAY and not (text.isdecimal() and 1 <= int(text) <= 28))
    if wrong:
        problems.append(f"{option}: {', '.join(wrong)} is neither a day from 1 to 28 nor '{LAST_DAY}'")
        return []
    return [*(str(day) for day in sorted(int(text) for text in texts - {LAST_DAY})), *sorted(texts & {LAST_DAY})]


def complete_retention(
    wanted: Retention, existing: Retention | None, datasource_type: DatasourceType, is_scheduled: bool
) -> Retention:
    """Fill in what the user did not set: from the existing retention, else Azure's default.

    is_scheduled: the user speaks of scheduled backups in other words. Where a type is backed up continuously as well, a new
    policy has only the kind of backup that the user speaks of, and both where nothing is said.
    """
    if existing:
        return {**existing, **wanted}
    result = {**datasource_type.default_retention, **wanted}
    if datasource_type.continuous_store and (wanted or is_scheduled):
        if OPERATIONAL not in wanted:
            del result[OPERATIONAL]
        elif not is_scheduled and set(wanted) == {OPERATIONAL}:
            del result["default"]
    return result


def same_retention(wanted: Retention, existing: Retention) -> bool:
    """Tell whether an existing retention is what the user set; P1W and P7D are the same."""
    return all(seconds_of(value) == seconds_of(existing.get(tag)) for tag, value in wanted.items())


def same_rules(wanted: list[RetentionRule] | None, existing: list[RetentionRule]) -> bool:
    """Tell whether existing rules are what the user set; where priorities are not set, so that their order says them."""
    if wanted is None:
        return True
    there = {str(rule["name"]).lower(): rule for rule in existing}
    if len(wanted) != len(there) or not all(_same_rule(rule, there.get(str(rule["name"]).lower())) for rule in wanted):
        return False
    # Rules without a priority have that of their order.
    ranks = [there[str(rule["name"]).lower()]["tagging_priority"] for rule in wanted if rule["tagging_priority"] is None]
    return None in ranks or ranks == sorted(ranks)


def _same_rule(wanted: RetentionRule, existing: RetentionRule | None) -> bool:
    return (
        existing is not None
        and seconds_of(wanted["duration"]) == seconds_of(existing["duration"])
        and wanted["tagging_priority"] in (None, existing["tagging_priority"])
        and all(sorted(wanted.get(key) or []) == sorted(existing.get(key) or []) for key in CRITERIA)
    )


def readable_retention(retention: Retention) -> Retention:
    """Write the durations as people do: P7D as 7d."""
    return {tag: to_readable(value) for tag, value in retention.items()}


def readable_rules(rules: list[RetentionRule]) -> list[RetentionRule]:
    """Write the durations of rules as people do."""
    return [{**rule, "duration": to_readable(rule["duration"])} for rule in rules]
