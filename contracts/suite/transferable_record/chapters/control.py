"""Control passes on, also against an asset on another channel, and is given up. Table RECORD."""

from chapters.issue import check_control
from rules.calendar import date_text
from rules.instrument import today
from rules.trade_document_machine import ENDORSEMENTS_MAX
from rules.transferable_records import (
    BLANK,
    DELIVERY,
    SPECIAL,
    Accomplished,
    Freed,
    GivenBack,
    Held,
    Surrendered,
    Transferred,
    all_agree,
    is_bearer,
    move,
    take,
)
from sdk import ctx, export, require


@export
def transfer(
    id: str, to: list[str], threshold: int = 1, endorsement: str = "special",
    expected_version: int = 0,
) -> str:  # fmt: skip
    """Hand control over. endorsement: special (to the new holder), blank, or delivery (none) of what passes
    without. Of several controllers each sends the same call.

    Codes: E_CONTROL, E_PARTY, E_SELF, E_ENDORSEMENT, E_TITLES, E_CONSENTED."""
    found, state = take(id, "transfer", expected_version)
    known = endorsement in (SPECIAL, BLANK) or (endorsement == DELIVERY and is_bearer(found))
    require(known, "E_ENDORSEMENT", "special or blank; delivery alone of a bearer record")
    held_by = check_control(to, threshold)
    require(held_by != found.controllers, "E_SELF", "they control it already")
    require(len(found.endorsements) < ENDORSEMENTS_MAX, "E_TITLES", "64 transfers are the most")
    if not all_agree(found, "transfer", [to, threshold, endorsement]):
        return found.state
    named = ",".join(held_by) if endorsement == SPECIAL else ""
    entry = (",".join(found.controllers), named, endorsement, date_text(today()))
    found.endorsements = (*found.endorsements, entry)
    found.controllers = held_by
    found.threshold = threshold
    found.asked = ()
    return move(found, state, Transferred)


@export
def exchange_hold(id: str, number: str, taker: str) -> bool:
    """Codes: E_NOT_PARTY, E_ASKED, E_PARTY, E_TITLES."""
    found, state = take(id, "exchange_hold", 0)
    own = found.controllers == (ctx.member,)
    require(own, "E_NOT_PARTY", "its one controller gives it")
    require(found.asked == (), "E_ASKED", "something is asked already")
    require(len(found.endorsements) < ENDORSEMENTS_MAX, "E_TITLES", "64 transfers are the most")
    check_control([taker], 1)
    found.exchange = (number, taker)
    move(found, state, Held)
    return True


@export
def exchange_move(id: str, number: str) -> bool:
    """The taker controls it, by endorsement. Code: E_EXCHANGE_TERMS."""
    found, state = take(id, "exchange_move", 0)
    giver, taker = found.controllers[0], exchange_taker(found, number)
    found.endorsements = (*found.endorsements, (giver, taker, SPECIAL, date_text(today())))
    found.controllers = (taker,)
    move(found, state, Transferred)
    return True


@export
def exchange_free(id: str, number: str) -> bool:
    """Its giver goes on controlling it. Code: E_EXCHANGE_TERMS."""
    found, state = take(id, "exchange_free", 0)
    exchange_taker(found, number)
    move(found, state, Freed)
    return True


def exchange_taker(found, number: str) -> str:
    require(found.exchange[0] == number, "E_EXCHANGE_TERMS", "another exchange holds it")
    taker = found.exchange[1]
    found.exchange = ()
    return taker


@export
def surrender(id: str, expected_version: int = 0) -> str:
    """Present it to the issuer for what it stands for. Code: E_CONSENTED."""
    found, state = take(id, "surrender", expected_version)
    if not all_agree(found, "surrender", []):
        return found.state
    found.asked = ()
    return move(found, state, Surrendered)


@export
def give_back(id: str, expected_version: int = 0) -> str:
    """The issuer has not performed: control stays with who surrendered."""
    found, state = take(id, "give_back", expected_version)
    return move(found, state, GivenBack)


@export
def accomplish(id: str, expected_version: int = 0) -> str:
    """Performed: the record has done its work. Its register reference is never used again."""
    found, state = take(id, "accomplish", expected_version)
    return move(found, state, Accomplished)
