"""Demand guarantee (M10): a bank's own promise to pay on a demand that complies on its face (URDG 758).

The guarantor examines the demand and its statement of breach, never the deal beneath: it pays, or refuses once,
in time and with every discrepancy, or has lost the right to refuse. What may happen when stands in
`rules.guarantee_machine`. Amounts are fen; dates are text in China Standard Time.

Invariants: what is paid and demanded never exceeds the amount in force; a refused demand is never paid; one
refusal notice a demand; an amendment counts as a whole or not at all.

    issue    the guarantee and its amendments
    demands  demands under it
"""

from chapters.issue import (
    draft,
    issue,
    cancel,
    advise,
    propose_amendment,
    accept_amendment,
    reject_amendment,
    reduce,
    release,
    expire,
    exhaust,
)
from chapters.demands import (
    demand,
    comply,
    reject,
    deadline_passed,
    suspend,
    extend,
    refuse_extension,
    suspension_over,
    withdraw,
    prepare_payment,
    record_payment,
)

from rules.guarantee_machine import DEMAND, GUARANTEE
from rules.guarantee_records import demands, describe, describe_demand, guarantees
from rules.instrument import load, require_sight
from rules.machine import moves_from
from sdk import view


@view
def get(id: str) -> dict:
    """Its parties and the regulator see a guarantee, or a demand by its number (GT-1/1)."""
    found = load(demands if "/" in id else guarantees, id)
    require_sight(found.parties)
    return describe_demand(found) if "/" in id else describe(found)


@view
def next_steps(id: str) -> list:
    """What may happen now to a guarantee or a demand: call, who, guard, to."""
    if "/" in id:
        return moves_from(DEMAND, load(demands, id).state)
    return moves_from(GUARANTEE, load(guarantees, id).state)
