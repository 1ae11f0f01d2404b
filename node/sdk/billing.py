"""What an operator puts into an invoice, and what others compare it with."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consensus.encoding import ZERO_HASH, Hash, decode
from consensus.header import Header
from contracts.rules.billing_machine import SERVED_MAX
from contracts.rules.calendar import date_text
from node.errors import CityError
from node.metering.counting import Figures, Metered, day_of_ms, days_of, totals
from node.metering.statements import ServiceStatement
from node.sdk.meter import Days, metered, recounted, stretch

SALT_BYTES = 16
DRIFT_MS = 60_000  # no block that is still to come is dated earlier than this before a node's clock


@dataclass(frozen=True, slots=True)
class Month:
    """A month that is over, as one node has it. blocks: the first and the last one; by member."""

    blocks: tuple[int, int]
    used: dict[str, Figures]

    def args(self, member: str) -> dict[str, int]:
        """The figures of a member as the contract takes them."""
        found = self.used.get(member, Figures())
        return {"transactions": found.transactions, "bytes": found.bytes, "gas": found.gas}

    @property
    def stretch(self) -> dict[str, int]:
        first, last = self.blocks
        return {"first_block": first, "last_block": last}


def month_of(net: Any, month: str, node: str | None = None, is_recount: bool = False) -> Month:
    """A month's figures: as the node has counted them, or counted again from its blocks.

    Raises CITY-1092 for what is no month, CITY-1024 where it is not over or not all of it is held."""
    days = _days(month, node)
    _require_over(net, days, month)
    counted = metered(net, days, by_day=is_recount)
    _require_whole(net, days, month, counted)
    first, last = stretch(net, days, counted)
    if is_recount:
        found = recounted(net, days, counted).figures
        rows = [(member, figures) for (_, member, _), figures in found.items()]
    else:
        rows = [(row.member, row.figures) for row in counted.rows]
    members = {member for member, _ in rows if member}
    used = {m: totals([figures for member, figures in rows if member == m]) for m in members}
    return Month((first, last), used)


def salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


# ---- statements of queries -------------------------------------------------------------------------

Chain = Sequence[tuple[ServiceStatement, Hash]]


def following(chain: Chain, head: Mapping[str, Any]) -> int:
    """Where a node's chain goes on behind what is anchored of it. head: what the contract says of that.

    Raises CITY-1025 where the chain does not hold it."""
    found = _follows(chain, head)
    if found is None:
        reason = "the node has it no more; an administrator goes on from what there is: --anew"
        raise CityError("CITY-1025", number=head["number"], reason=reason)
    return found


def begun_anew(chain: Chain, head: Mapping[str, Any]) -> int:
    """The first statement from which a chain can go on that does not follow: behind the day and member that are
    anchored, of no more members than one may name. Raises CITY-1025 where there is none, or none is needed."""
    follows = _follows(chain, head)
    for at, (said, _) in enumerate(chain):
        first = said.served[0].member_id if said.served else ""
        is_behind = (date_text(said.day), first) > (head["day"], head["last"])
        if is_behind and at >= (follows or 0) and len(said.served) <= SERVED_MAX:
            if at != follows:
                return at
            break
    reason = (
        "none has to begin anew: without --anew it goes on"
        if follows is not None
        else "no later one"
    )
    raise CityError("CITY-1025", number=head["number"], reason=reason)


def _follows(chain: Chain, head: Mapping[str, Any]) -> int | None:
    """The place of the statement that names what is anchored as the one before it, also one to come."""
    names = [said.previous.hex() for said, _ in chain]
    names.append(chain[-1][1].hex() if chain else ZERO_HASH.hex())
    return names.index(head["digest"]) if head["digest"] in names else None


def _days(month: str, node: str | None) -> Days:
    try:
        return Days(*days_of(month), node)
    except ValueError:
        raise CityError("CITY-1092", name="MONTH", reason="it is written 2026-11") from None


def _require_over(net: Any, days: Days, month: str) -> None:
    """No block of the month comes any more."""
    status = net.node_status(days.node)
    newest = max(status["block_time_ms"], status["time_ms"] - DRIFT_MS)
    if day_of_ms(newest) <= days.last:
        raise CityError("CITY-1024", month=month, reason="it is not over")


def _require_whole(net: Any, days: Days, month: str, counted: Metered) -> None:
    """Nothing of the month stands below what the node has counted."""
    if counted.first <= 1:
        return
    below = decode(Header, net.whole_header(counted.first - 1, days.node))
    if day_of_ms(below.timestamp_ms) >= days.first:
        raise CityError(
            "CITY-1024", month=month, reason=f"this node counts from {counted.first} on"
        )
