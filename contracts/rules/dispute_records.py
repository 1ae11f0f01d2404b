"""What the dispute contract stores, tells and shows."""

from sdk import Event, Map, dataclass


@dataclass
class Case:
    """evidence: (member, digest, time). proposal: (member, outcome, owed, digest). until_ms: of the stage."""

    id: str
    kind: str
    target: str
    parties: dict
    grounds: str
    evidence: tuple
    opened_ms: int
    until_ms: int = 0
    rested: tuple = ()
    proposal: tuple = ()
    extended: bool = False
    outcome: str = ""
    owed_fen: int = 0
    decision: str = ""
    performance: str = ""
    state: str = ""
    version: int = 1


disputes = Map("case", None)
pending = Map("pending", "")  # (kind, target) → the case that is open on it
stages = Map("stage", 0)  # (state, grounds) → how many cases stand there

Opened = Event("Dispute.Opened")
Admitted = Event("Dispute.Admitted")
Declined = Event("Dispute.Declined")
EvidenceSubmitted = Event("Dispute.EvidenceSubmitted")
Rested = Event("Dispute.Rested")
EvidenceClosed = Event("Dispute.EvidenceClosed")
SettlementProposed = Event("Dispute.SettlementProposed")
Settled = Event("Dispute.Settled")
ToArbitration = Event("Dispute.ToArbitration")
TimeExtended = Event("Dispute.TimeExtended")
Decided = Event("Dispute.Decided")
Lapsed = Event("Dispute.Lapsed")
Resubmitted = Event("Dispute.Resubmitted")
Withdrawn = Event("Dispute.Withdrawn")
Executed = Event("Dispute.Executed")


def describe(case) -> dict:
    return {
        "id": case.id,
        "kind": case.kind,
        "target": case.target,
        "parties": case.parties,
        "grounds": case.grounds,
        "evidence": [list(one) for one in case.evidence],
        "opened_ms": case.opened_ms,
        "until_ms": case.until_ms,
        "rested": list(case.rested),
        "proposal": list(case.proposal),
        "outcome": case.outcome,
        "owed_fen": case.owed_fen,
        "decision": case.decision,
        "performance": case.performance,
        "state": case.state,
        "version": case.version,
    }
