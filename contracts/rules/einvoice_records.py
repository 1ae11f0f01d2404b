"""What the e-invoice contract stores, tells and shows, and the arithmetic of its tax."""

from rules.einvoice_machine import RATE_PPM_MAX, TAX_TOLERANCE_FEN
from rules.money import RATE_UNIT, half_up
from rules.settlement import Due
from sdk import Event, Map, dataclass, sm3, struct_encode


@dataclass
class Quota:
    """What a seller may invoice. `goods`: codes applied for; `rates`: (code, parts per million); `key`: the
    authority's, which stamps the invoices."""

    id: str
    parties: dict
    goods: tuple
    rates: tuple = ()
    cap_fen: int = 0
    until: str = ""
    key: bytes = b""
    used_fen: int = 0
    state: str = ""
    version: int = 1


@dataclass
class EInvoice:
    """`lines` are (goods, rate, net, tax, net reversed, tax reversed). `document`: digest of the file.
    `paid_by`: nullifier of the payment. `financed_by`: fingerprint of its financier's claim. `salt` keeps the
    lock's owner secret."""

    id: str
    quota: str
    parties: dict
    document: str
    lines: tuple
    tax_fen: int
    salt: bytes
    maker: str
    red_net_fen: int = 0
    red_tax_fen: int = 0
    red_letters: int = 0
    issued_on: str = ""
    content: str = ""
    stamp: bytes = b""
    due: Due | None = None
    instalment: int = 0
    paid_by: bytes = b""
    financed_by: str = ""
    booked_tax_fen: int = 0
    reimbursement: Due | None = None
    consent_fen: int = 0
    order_fen: int = 0
    state: str = ""
    version: int = 1


@dataclass
class Period:
    """A member's month: what it invoiced, what it took back, and the tax of what it booked. Fen."""

    invoices: int = 0
    net_fen: int = 0
    tax_fen: int = 0
    red_net_fen: int = 0
    red_tax_fen: int = 0
    input_tax_fen: int = 0


quotas = Map("quota", None)
einvoices = Map("einvoice", None)
numbers = Map("number", "")  # (seller, document) → the invoice's number: one file, one invoice
periods = Map("period", None)  # (member, YYYY-MM)

QuotaApplied = Event("EInvoice.QuotaApplied")
QuotaGranted = Event("EInvoice.QuotaGranted")
QuotaRefused = Event("EInvoice.QuotaRefused")
QuotaRevoked = Event("EInvoice.QuotaRevoked")
Agreed = Event("EInvoice.Agreed")
Cancelled = Event("EInvoice.Cancelled")
Issued = Event("EInvoice.Issued")
IssuedFromPayment = Event("EInvoice.IssuedFromPayment")
PricePrepared = Event("EInvoice.PricePrepared")
PricePaid = Event("EInvoice.PricePaid")
Stamped = Event("EInvoice.Stamped")
Received = Event("EInvoice.Received")
Submitted = Event("EInvoice.Submitted")
Recalled = Event("EInvoice.Recalled")
Declined = Event("EInvoice.Declined")
Booked = Event("EInvoice.Booked")
Unlocked = Event("EInvoice.Unlocked")
ReimbursementPrepared = Event("EInvoice.ReimbursementPrepared")
Reimbursed = Event("EInvoice.Reimbursed")
RedLettered = Event("EInvoice.RedLettered")
Reversed = Event("EInvoice.Reversed")
Voided = Event("EInvoice.Voided")
Pledged = Event("EInvoice.Pledged")
ClaimLinked = Event("EInvoice.ClaimLinked")
ReversalConsented = Event("EInvoice.ReversalConsented")
ReversalOrdered = Event("EInvoice.ReversalOrdered")
PledgeReleased = Event("EInvoice.PledgeReleased")
FinancedReversed = Event("EInvoice.FinancedReversed")  # the alarm to whoever financed it


def is_rate(rate: object) -> bool:
    return isinstance(rate, int) and not isinstance(rate, bool) and 0 <= rate <= RATE_PPM_MAX


def line_tax(net_fen: int, rate_ppm: int) -> int:
    return half_up(net_fen * rate_ppm, RATE_UNIT)


def fits_lines(tax_fen: int, lines: tuple) -> bool:
    """Whether a stated tax is that of the lines, to a fen a line: files round by line or once."""
    return abs(tax_fen - sum(line[3] for line in lines)) <= TAX_TOLERANCE_FEN * len(lines)


def net_of(found) -> int:
    return sum(line[2] for line in found.lines)


def gross_left(found) -> int:
    """The price with tax after red letters."""
    return net_of(found) + found.tax_fen - found.red_net_fen - found.red_tax_fen


def reverse_line(line: tuple, net_fen: int) -> tuple:
    """The line with a part taken back; its last part takes the tax that is left."""
    goods, rate, net, tax, red_net, red_tax = line
    is_last = red_net + net_fen == net
    part = tax - red_tax if is_last else min(line_tax(net_fen, rate), tax - red_tax)
    return (goods, rate, net, tax, red_net + net_fen, red_tax + part)


def content_of(found) -> bytes:
    """Digest of what the invoice says: the authority signs it."""
    lines = [
        struct_encode([("str", goods), ("int", rate), ("int", net), ("int", tax)])
        for goods, rate, net, tax, _, _ in found.lines
    ]
    return sm3(
        struct_encode(
            [
                ("str", "einvoice/v1"),
                ("str", found.id),
                ("str", found.parties["seller"]),
                ("str", found.parties["buyer"]),
                ("str", found.issued_on),
                ("str", found.document),
                ("list:bytes", lines),
                ("int", found.tax_fen),
            ]
        )
    )


def lock_of(found) -> str:
    """Commitment to who booked the invoice: all see that it is locked, nobody sees to whom."""
    owner = found.parties.get("owner", "")
    return sm3(struct_encode([("bytes", found.salt), ("str", owner)])).hex() if owner else ""


def describe_quota(found) -> dict:
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "goods": list(found.goods),
        "rates": [list(rate) for rate in found.rates],
        "cap_fen": found.cap_fen,
        "left_fen": found.cap_fen - found.used_fen,
        "until": found.until,
        "version": found.version,
    }


def describe(found) -> dict:
    return {
        "id": found.id,
        "parties": found.parties,
        "state": found.state,
        "document": found.document,
        "issued_on": found.issued_on,
        "lines": [
            {"goods": goods, "rate_ppm": rate, "net_fen": net, "tax_fen": tax,
             "red_net_fen": red_net, "red_tax_fen": red_tax}
            for goods, rate, net, tax, red_net, red_tax in found.lines
        ],
        "net_fen": net_of(found),
        "tax_fen": found.tax_fen,
        "gross_fen": net_of(found) + found.tax_fen,
        "red_net_fen": found.red_net_fen,
        "red_tax_fen": found.red_tax_fen,
        "left_fen": gross_left(found),
        "red_letters": found.red_letters,
        "reference": found.due.reference if found.due else b"",
        "paid_by": found.paid_by,
        "financed_by": found.financed_by,
        "reimbursement": found.reimbursement.reference if found.reimbursement else b"",
        "content": found.content,
        "stamp": found.stamp,
        "version": found.version,
    }  # fmt: skip


def describe_status(found) -> dict:
    """What every member of the channel may see."""
    return {
        "id": found.id,
        "state": found.state,
        "content": found.content,
        "stamp": found.stamp,
        "lock": lock_of(found),
        "version": found.version,
    }


def describe_period(found) -> dict:
    return {
        "invoices": found.invoices,
        "net_fen": found.net_fen,
        "tax_fen": found.tax_fen,
        "red_net_fen": found.red_net_fen,
        "red_tax_fen": found.red_tax_fen,
        "input_tax_fen": found.input_tax_fen,
    }
