"""Presentation under a documentary credit (M4): records in, and one answer (UCP 600 arts. 14-16, eUCP 2.1).

The bank looks at the records and nothing else: it pays, or refuses once, in five banking days and with every
discrepancy, or may no longer refuse. When what may happen: `rules.credit_machine`. Amounts are fen.

Invariants: a refused presentation is never paid; one refusal notice an examination; what is open or paid is
counted against the credit, once.

    examination  presented, examined, refused, waived
    payment      honoured, undertaken, stayed
"""

from chapters.examination import (
    present,
    complete,
    withdraw,
    report_corruption,
    replace_records,
    corruption_over,
    comply,
    refuse,
    deadline_passed,
    waive,
    accept_waiver,
    present_again,
)
from chapters.payment import (
    prepare_honour,
    honour,
    undertake,
    prepare_maturity,
    record_maturity,
    stay,
    lift_stay,
)

from rules.credit_machine import PRESENTATION
from rules.instrument import load, require_sight
from rules.machine import moves_from
from rules.presentation_records import describe, presentations
from sdk import view


@view
def get(id: str) -> dict:
    """The parties of the credit and the regulator see a presentation."""
    found = load(presentations, id)
    require_sight(found.parties)
    return describe(found)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(PRESENTATION, load(presentations, id).state)
