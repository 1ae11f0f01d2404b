"""What stands behind a credential: invoices, a credit limit, a wallet."""

from sdk import call, ctx, require


def require_active():
    """A suspended party deals no more; paying its old debts stays open to it."""
    call("party", "check_member", ctx.member)


def require_wallet():
    """Who takes a claim can be paid: otherwise the debtor could not pay, and would owe penalties for it."""
    bound = call("dcep", "wallet_of", ctx.member)
    require(bound != b"", "E_WALLET", "bind a wallet first: the claim is paid into it")


def back_with_invoices(first_holder: str, face_fen: int, invoices: list) -> list:
    """Draw the face from the invoices in order; E_UNDERLYING when they are not enough (I5)."""
    backing = []
    left = face_fen
    for document in invoices:
        found = call("invoice_registry", "get_document", document, first_holder)
        require(found["currency"] == "CNY", "E_CURRENCY", "a credential is in CNY")
        part = min(left, found["amount_fen"] - found["drawn_fen"])
        if part > 0:
            call("invoice_registry", "draw", document, part, first_holder, ctx.member)
            backing.append((document, part))
            left -= part
    require(left == 0, "E_UNDERLYING", "the invoices do not cover the face amount")
    return backing


def release_backing(ec):
    """Give invoices and credit limit back: the credential never came to life."""
    call("credit_line", "give_back", ec.issuer, ec.paying_bank, ec.face_fen)
    for document, amount in ec.invoices:
        call("invoice_registry", "restore", document, amount, ec.first_holder)
