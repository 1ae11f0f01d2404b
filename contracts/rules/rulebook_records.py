"""What the rulebook stores, tells and shows."""

from rules.calendar import date_text
from sdk import Event, Map, dataclass

NO_END = 10000000  # a day number that never comes


@dataclass
class Rule:
    """`since` and `until` are day numbers, both counted in; `document` is the digest of the signed text."""

    id: str
    name: str
    number: int
    parties: dict
    value: dict
    since: int
    until: int
    source: str
    document: str
    maker: str
    signer: str = ""
    issued_ms: int = 0
    state: str = ""
    version: int = 1


rules = Map("rule", None)
drafted = Map("drafted", 0)  # name → number of the last draft
timelines: Map[str, tuple[tuple[int, int, int], ...]] = Map(
    "timeline", ()
)  # name → (number, since, until) of each issued version, oldest first

Drafted = Event("Rule.Drafted")
Issued = Event("Rule.Issued")
Withdrawn = Event("Rule.Withdrawn")


def version_on(timeline: tuple, day: int) -> int:
    """The number of the version in force: the latest issued whose days include this one; 0 for none."""
    found = 0
    for number, since, until in timeline:
        if since <= day <= until:
            found = number
    return found


def describe(rule) -> dict:
    return {
        "id": rule.id,
        "name": rule.name,
        "number": rule.number,
        "authority": rule.parties["authority"],
        "value": rule.value,
        "since": date_text(rule.since),
        "until": "" if rule.until == NO_END else date_text(rule.until),
        "source": rule.source,
        "document": rule.document,
        "maker": rule.maker,
        "signer": rule.signer,
        "issued_ms": rule.issued_ms,
        "state": rule.state,
        "version": rule.version,
    }
