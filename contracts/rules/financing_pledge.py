"""A leaf as security for an advance: its terms, its release, and what the bank owes once it has taken it."""

from rules.calendar import CLOCK_DRIFT_MS, date_text, day_at, parse_date
from rules.dated_rules import add_business_days, rule_on
from rules.financing_machine import PLEDGE_FREE_BUSINESS_DAYS
from rules.financing_payments import fix_repayment
from rules.financing_records import financings
from rules.money import share_of
from sdk import call, ctx, require


def most_advanced(gross_fen: int) -> int:
    """What banks may advance on an invoice or a pledged leaf, by the rule of the day."""
    return share_of(gross_fen, rule_on("cap:advance", day_at(ctx.time))["bps"])


def fix_pledge(financing):
    """The advance ends before the leaf does, so that the leaf can still be passed on when it is free."""
    financing.pledge = True
    financing.leaf_due_date = financing.due_date
    leaf_due = parse_date(financing.leaf_due_date)
    financing.due_date = date_text(add_business_days(leaf_due, -PLEDGE_FREE_BUSINESS_DAYS))


def hold_pledge(financing, leaf_fen: int, salt: bytes):
    """What the leaf is worth today covers the advance; fix how principal and interest come back."""
    in_time = day_at(financing.pay_until_ms - 1) < parse_date(financing.due_date)
    require(in_time, "E_CUT_OFF", "it would be due before it must be paid out")
    financing.gross_fen = leaf_fen
    most, principal = most_advanced(leaf_fen), financing.principal_fen
    require(principal <= most, "E_ADVANCE", f"at most {most} fen on this leaf")
    fix_repayment(financing, salt, principal + financing.interest_fen, principal, 0)


def release_leaf(financing, state: str):
    """Repaid: the borrower has its leaf again. state: before; after a reversal or an enforcement it is gone."""
    held = financing.pledge and not financing.enforced and state != "REPAYMENT_OWED"
    if held:
        call("receivable", "unlock", financing.leaf_id, financing.request_id)


def owe_surplus(financing, amount_fen: int, salt: bytes):
    """The bank owes its borrower this much; nobody else's payment and no other wallet ends it."""
    financing.instalments += 1
    financing.surplus_fen = amount_fen
    financing.surplus_since_ms = ctx.time
    financing.surplus_reference = call(
        "dcep", "payment_reference", "financing", financing.request_id, financing.instalments,
        amount_fen, "CNY", financing.borrower, salt,
    )  # fmt: skip
    financings[financing.request_id] = financing


def take_surplus(financing, proof: bytes) -> int:
    wanted = {
        "ref_commit": financing.surplus_reference,
        "payee_member": financing.borrower,
        "amount_fen": financing.surplus_fen,
        "ccy": "CNY",
        "not_before_ms": financing.surplus_since_ms - CLOCK_DRIFT_MS,
        "not_after_ms": 0,
        "payer_members": [financing.bank],
    }
    paid = call("dcep", "verify_payment", proof, wanted)
    amount = financing.surplus_fen
    financing.surplus_nullifier = paid["nullifier"]
    financing.surplus_fen = 0
    financings[financing.request_id] = financing
    return amount


def owe_surplus_again(financing, proof: bytes, salt: bytes) -> int:
    """The borrower gave a surplus back: that much is owed to it again."""
    back = call("dcep", "verify_reversal", proof, financing.surplus_nullifier)
    owe_surplus(financing, back["amount_fen"], salt)
    return back["amount_fen"]


def tell_surplus(event, financing, claim_fen: int, surplus_fen: int):
    """claim_fen, surplus_fen: by how much the bank's claim, and its borrower's on it, grew."""
    event(
        request_id=financing.request_id,
        bank=financing.bank,
        borrower=financing.borrower,
        claim_fen=claim_fen,
        surplus_fen=surplus_fen,
        version=financing.version,
    )
