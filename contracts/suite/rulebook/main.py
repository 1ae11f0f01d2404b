"""Rulebook: legal regimes, tenor caps, thresholds, rates and business-day calendars as dated rules.

An authority drafts a rule and another of its persons signs it. From its first day on, which lies ahead, it
holds for every contract that asks with `at`. Nothing is changed in place: a later version supersedes from its
own first day, so the answer for a day that has begun never changes, and old blocks replay under old rules.
Which rules there are, who issues them and what held at genesis: `rules.rulebook_catalogue`. Where no calendar
is issued for a day, the bundled one of `rules.banking_days` holds.

    calendar  business days
"""

from chapters.calendar import (
    is_business_day,
    add_business_days,
    business_days_between,
    following,
    business_days,
    is_open,
)

from rules.calendar import is_date, parse_date, weekday
from rules.codes import is_digest
from rules.instrument import enter, keep, load, require_step, today
from rules.machine import moves_from
from rules.rulebook_catalogue import RULES, authority_of, default_on, row_of, stored, wrong_field
from rules.rulebook_machine import (
    CALENDAR_CHANGES_MAX,
    CALENDAR_DAYS_MAX,
    CLOSED_RUN_MAX,
    RULE,
    VERSIONS_MAX,
)
from rules.rulebook_records import (
    NO_END,
    Drafted,
    Issued,
    Rule,
    Withdrawn,
    describe,
    drafted,
    rules,
    timelines,
    version_on,
)
from sdk import ctx, export, require, view


def require_row(name: str) -> tuple:
    row = row_of(name)
    require(row is not None, "E_CODE", "no such rule: names() lists them")
    return row


def require_ahead(since: int):
    """A day that has begun keeps the rule it began with."""
    require(since > today(), "E_BACKDATED", "a rule's first day lies ahead")


def check_calendar(value: dict, since: int, until: int):
    """A calendar stays inside its year, worked days are weekends, and no deadline runs away."""
    off, worked = value["days_off"], value["worked"]
    require(until - since < CALENDAR_DAYS_MAX, "E_CALENDAR", "a calendar speaks of one year")
    require(len(off) + len(worked) <= CALENDAR_CHANGES_MAX, "E_CALENDAR", "too many days")
    within = all(since <= day <= until for day in off + worked)
    require(within, "E_CALENDAR", "a day lies outside the calendar's days")
    once = len(set(off + worked)) == len(off) + len(worked)
    require(once, "E_CALENDAR", "a day is named twice")
    weekends = all(weekday(day) >= 5 for day in worked)
    require(weekends, "E_CALENDAR", "a make-up work day is a Saturday or Sunday")
    run = 0
    for day in range(since, until + 1):
        run = 0 if is_open(value, day) else run + 1
        require(run <= CLOSED_RUN_MAX, "E_CALENDAR", "closed for longer than twenty days on end")


@export
def draft(
    name: str, value: dict, since: str, source: str, document: str, until: str = ""
) -> str:  # fmt: skip
    """An officer of the competent authority draws a version up. Returns its id: tenor:receivable/1.

    value: by field, as `names` shows. since, until: first and last day. source: what it rests on, for people;
    document: digest of the signed text. Codes: E_CODE, E_NOT_PARTY, E_AUTHORITY, E_DATE, E_BACKDATED, E_VALUE,
    E_CALENDAR, E_TEXT, E_DIGEST, E_DRAFT_OPEN, E_LIMIT.
    """
    row = require_row(name)
    parts = {"authority": ctx.member}
    require_step(RULE, "-", "draft", parts)
    competent = authority_of(ctx.member) in row[1]
    require(competent, "E_AUTHORITY", "issued by: " + ", ".join(row[1]))
    require(is_date(since) and (until == "" or is_date(until)), "E_DATE", "written YYYY-MM-DD")
    first = parse_date(since)
    last = parse_date(until) if until else NO_END
    require(last >= first, "E_DATE", "the last day is not before the first")
    require_ahead(first)
    wrong = wrong_field(row, value)
    require(wrong == "", "E_VALUE", "names() tells what is expected of: " + wrong[:64])
    kept = stored(row, value)
    if name.startswith("calendar:"):
        check_calendar(kept, first, last)
    require(0 < len(source) <= 200, "E_TEXT", "a source is 1 to 200 characters")
    require(is_digest(document), "E_DIGEST", "the document as a digest: 64 hex digits")
    number = drafted[name]
    before = rules[f"{name}/{number}"]
    free = before is None or before.state != "DRAFT"
    require(free, "E_DRAFT_OPEN", "a draft of this rule waits for its signature")
    require(number < VERSIONS_MAX, "E_LIMIT", "too many versions")
    drafted[name] = number + 1
    id = f"{name}/{number + 1}"
    made = Rule(
        id, name, number + 1, parts, kept, first, last, source, document, ctx.sender, state="DRAFT"
    )
    keep(rules, made, Drafted)
    return id


@export
def sign(id: str, expected_version: int = 0) -> str:
    """Another officer of the authority issues it. Codes: E_FOUR_EYES, E_BACKDATED."""
    rule = enter(RULE, rules, id, "sign", expected_version)
    require(ctx.sender != rule.maker, "E_FOUR_EYES", "drafted and signed by two persons")
    require_ahead(rule.since)
    rule.signer = ctx.sender
    rule.issued_ms = ctx.time
    timelines[rule.name] = timelines[rule.name] + ((rule.number, rule.since, rule.until),)
    return keep(rules, rule, Issued)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    return keep(rules, enter(RULE, rules, id, "withdraw", expected_version), Withdrawn)


@view
def at(name: str, day: int) -> dict:
    """What the rule says on a day (days since 1970-01-01): its fields, and `rule`, the id of the version.

    Version 0 is what held at genesis. Codes: E_CODE, E_NO_RULE.
    """
    row = require_row(name)
    number = version_on(timelines[name], day)
    value = rules[f"{name}/{number}"].value if number else default_on(row, day)
    require(value is not None, "E_NO_RULE", f"no {name} is in force on that day")
    value["rule"] = f"{name}/{number}"
    return value


@view
def in_force(name: str, date: str) -> dict:
    """The version in force on a date, with its authority, days and source; of version 0 only the values."""
    require(is_date(date), "E_DATE", "a date is written YYYY-MM-DD")
    found = at(name, parse_date(date))
    number = version_on(timelines[name], parse_date(date))
    return describe(load(rules, found["rule"])) if number else {"id": found["rule"], "value": found}


@view
def get(id: str) -> dict:
    return describe(load(rules, id))


@view
def history(name: str, after: int = 0, limit: int = 50) -> list:
    """Versions drawn up under a name after a number, the oldest first."""
    require_row(name)
    last = min(drafted[name], after + min(max(limit, 1), 100))
    return [describe(rules[f"{name}/{number}"]) for number in range(max(after, 0) + 1, last + 1)]


@view
def names() -> list:
    """Which rules there are, who issues them, and the schema of each."""
    return [
        {"name": row[0], "authorities": list(row[1]), "fields": [list(field) for field in row[2]]}
        for row in RULES
    ]


@view
def next_steps(id: str) -> list:
    """What may happen to a version now: call, who, guard, to."""
    return moves_from(RULE, load(rules, id).state)
