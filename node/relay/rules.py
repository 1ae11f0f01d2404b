"""Which events of the contracts say that a payment is expected, and which call takes its proof.

An event tells the relay which transaction fixed a payment's reference; the reference is what that call
returned, so no rights beyond reading the ledger are needed. A channel's own contracts are added in relay.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.oracle.relay import Obligation

REFERENCE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Rule:
    """reference: its name in what the call returned, "" where that is the reference itself.
    args: names of the event's fields that the taking call wants under the same names. numbered: the call
    returned a list of references; the taking call wants the place of its own, from 1, under this name."""

    contract: str
    event: str
    method: str
    reference: str = ""
    args: tuple[str, ...] = ("id",)
    numbered: str = ""


RULES: tuple[Rule, ...] = (
    Rule("financing", "Fin.QuoteAccepted", "disburse", "pay_reference", ("request_id",)),
    Rule("financing", "Fin.QuoteAccepted", "repay", "repay_reference", ("request_id",)),
    Rule("financing", "Fin.Enforced", "prove_surplus", "surplus_reference", ("request_id",)),
    Rule("receivable", "EC.PaymentPrepared", "record_payment", "reference", ("leaf_id", "instalment")),
    Rule("guarantee", "Guarantee.PaymentPrepared", "record_payment"),
    Rule("forfaiting", "Forfaiting.SettlementPrepared", "settle"),
    Rule("forfaiting", "Forfaiting.RefundPrepared", "refund"),
    Rule("forfaiting", "Forfaiting.MaturityPrepared", "record_maturity"),
    Rule("forfaiting", "Forfaiting.SalePrepared", "settle_sale"),
    Rule("presentation", "Presentation.HonourPrepared", "honour"),
    Rule("presentation", "Presentation.MaturityPrepared", "record_maturity"),
    Rule("bill", "Bill.DiscountTaken", "settle_discount"),
    Rule("bill", "Bill.PaymentPrepared", "record_payment"),
    Rule("bill", "Bill.RecoursePrepared", "record_recourse"),
    Rule("rediscount", "Rediscount.DisbursementPrepared", "disburse"),
    Rule("rediscount", "Rediscount.RepaymentPrepared", "repay"),
    Rule("billing", "Billing.Due", "settle", "reference", ("id", "instalment")),
    Rule("conditional", "Cond.Agreed", "record_release", "", ("agreement_id",), "number"),
    Rule("oracle", "Oracle.BondPrepared", "post_bond", "", ("name",)),
)  # fmt: skip


def obligations(rule: Rule, fields: Mapping[str, Any], value: Any) -> list[Obligation]:
    """What a rule makes of an event and the value of its transaction; none where they are of another kind."""
    found = value.get(rule.reference) if rule.reference and isinstance(value, Mapping) else value
    references = found if rule.numbered and isinstance(found, list) else [found]
    if any(name not in fields for name in rule.args):
        return []
    args = {name: fields[name] for name in rule.args}
    return [
        Obligation(
            reference.hex(), rule.contract, rule.method,
            {**args, rule.numbered: number} if rule.numbered else args,
        )
        for number, reference in enumerate(references, 1)
        if isinstance(reference, bytes) and len(reference) == REFERENCE_BYTES
    ]  # fmt: skip
