"""Whether a proven payment is the one an obligation waits for: checks 11 to 14, 16 and 17 of dcep.md 3.5."""

from rules.dcep_state import frozen, is_wallet_then, wallet_owner
from rules.payment_proof import SKEW_MS
from sdk import ctx, require

CCY = "CNY"
NEEDED = ("ref_commit", "payee_member", "amount_fen")
OPTIONAL = ("ccy", "not_before_ms", "not_after_ms", "payer_members", "allow_partial")


def read_expected(expected: dict) -> dict:
    """The caller's expectation with defaults. Code: E_EXPECTED."""
    for name in expected:
        require(name in NEEDED or name in OPTIONAL, "E_EXPECTED", "an unknown expectation")
    for name in NEEDED:
        require(name in expected, "E_EXPECTED", "reference, payee and amount are needed")
    reference = expected["ref_commit"]
    require(
        isinstance(reference, bytes) and len(reference) == 32 and reference != bytes(32),
        "E_EXPECTED",
        "a reference is 32 bytes, not all zero",
    )
    require(expected["amount_fen"] > 0, "E_EXPECTED", "an amount is above zero")
    wanted = {
        "ccy": CCY,
        "not_before_ms": 0,
        "not_after_ms": 0,
        "payer_members": [],
        "allow_partial": False,
    }
    wanted.update(expected)
    return wanted


def check_reference(opened: dict, reference: bytes):
    """Check 11."""
    require(
        opened.get("ref_commit", b"") == reference,
        "E_PROOF_REF",
        "the payment has another reference",
    )


def check_payee(member: str, address: bytes, time_ms: int):
    """Check 12."""
    require(
        is_wallet_then(member, address, time_ms),
        "E_PROOF_PAYEE",
        "the payment went to another wallet than the creditor's at that time",
    )


def check_amount_and_time(opened: dict, wanted: dict):
    """Checks 13 and 14: this much, in time."""
    time_ms = opened["time_ms"]
    require(opened.get("ccy", "") == wanted["ccy"], "E_PROOF_CURRENCY", "another currency")
    amount = opened.get("amount_fen", 0)
    require(
        amount >= wanted["amount_fen"] or (wanted["allow_partial"] and amount > 0),
        "E_PROOF_AMOUNT",
        "less than the amount due",
    )
    require(
        wanted["not_before_ms"] <= time_ms <= ctx.time + SKEW_MS,
        "E_PROOF_TIME",
        "paid before the obligation began, or in the future",
    )
    require(
        wanted["not_after_ms"] == 0 or time_ms <= wanted["not_after_ms"],
        "E_PROOF_TIME",
        "paid too late",
    )


def check_payer(opened: dict, payer_members) -> bytes:
    """Check 16: who paid. Returns the payer's address."""
    payer = opened.get("payer", b"")
    require(
        payer != b"", "E_PROOF_PAYER", "the payer must be opened: an order may stand against it"
    )
    if payer_members:
        owner = wallet_owner[payer]
        allowed = owner in payer_members and is_wallet_then(owner, payer, opened["time_ms"])
        require(allowed, "E_PROOF_PAYER", "somebody else paid")
    return payer


def check_orders(addresses):
    """Check 17: no order stands against a wallet of the payment."""
    require(
        all(frozen[address] == "" for address in addresses),
        "E_PROOF_FROZEN",
        "a wallet is frozen by order",
    )
