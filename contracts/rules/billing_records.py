"""What the billing contract stores and shows, and how figures become fen.

An invoice is one cash flow: its lines are added up in millionths of a fen and rounded half-up once.
"""

from rules.billing_machine import DISPUTE_DAYS, FIGURE_MAX, MICRO, PRICE_MAX
from rules.calendar import date_text, day_at, day_end_ms, parse_date
from rules.instrument import today
from rules.money import half_up
from rules.settlement import Due
from sdk import Event, Map, ctx, dataclass, require

# what is counted → for how many of it a price is
PER = (("transactions", 1000), ("bytes", 1000000), ("gas", 1000000), ("queries", 1000))


@dataclass
class Tariff:
    """prices: fen for each PER of what is counted. base_fen: a month, for every member that is billed."""

    id: str
    parties: dict
    operator: str
    number: int
    from_month: str
    base_fen: int
    prices: dict
    pay_days: int
    agreed: tuple = ()
    accepted_by: str = ""
    state: str = ""
    version: int = 1


@dataclass
class Invoice:
    """figures: transactions, bytes, gas and queries of the month. heights: first and last block that was
    counted. credit_fen: of what was paid too much before. dues: each a payment that ends it, the last one
    under the figures now. claimed: figures of the payer. due_ms: 0 before it falls due."""

    id: str
    parties: dict
    operator: str
    payer: str
    month: str
    tariff: str
    figures: dict
    heights: tuple
    total_fen: int
    credit_fen: int = 0
    amount_fen: int = 0
    attested_by: str = ""
    claimed: tuple = ()
    decided_by: str = ""
    dues: tuple = ()
    due_ms: int = 0
    paid_fen: int = 0
    state: str = ""
    version: int = 1


@dataclass
class Head:
    """The newest statement of a node's queries. number: how many there are. last: member that it names last of
    its day. digest: what the next one names as the one before it."""

    number: int
    day: str
    digest: str
    last: str


operators = Map("operator", "")  # member → who named it
tariffs = Map("tariff", None, indexes=("operator",))
tariff_count = Map("tariff_count", 0)  # by operator
holding: Map[tuple[str, str], tuple[int, ...]] = Map(
    "holding", ()
)  # (operator, member or "" for all) → numbers of tariffs that hold, as agreed
invoices = Map("invoice", None, indexes=(("operator", "state"), ("payer", "state", "due_ms")))
next_month = Map(
    "next_month", ""
)  # (operator, payer) → the month to draw up next, "" before the first
credits = Map("credit", 0)  # (operator, payer) → fen that were paid too much
arrears = Map(
    "arrears", 0
)  # payer → when its oldest unpaid invoice is overdue; read by the lifecycle
heads = Map("statement_head", None)  # (operator, node)
queries = Map("queries", 0)  # (operator, payer, month)

OperatorNamed = Event("Billing.OperatorNamed")
TariffProposed = Event("Billing.TariffProposed")
TariffAccepted = Event("Billing.TariffAccepted")
TariffAgreed = Event("Billing.TariffAgreed")
TariffWithdrawn = Event("Billing.TariffWithdrawn")
Drawn = Event("Billing.Drawn")
FallenDue = Event("Billing.Due")
Disputed = Event("Billing.Disputed")
Upheld = Event("Billing.Upheld")
Settled = Event("Billing.Settled")
StatementAnchored = Event("Billing.StatementAnchored")
ChainBegun = Event("Billing.ChainBegun")


# ---- months ------------------------------------------------------------------------------------------


def is_month(text: str) -> bool:
    """`2026-11`."""
    if len(text) != 7:
        return False
    try:
        parse_date(text + "-01")
    except ValueError:
        return False
    return True


def this_month() -> str:
    return date_text(today())[:7]


def month_after(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year + 1:04d}-01" if number == 12 else f"{year:04d}-{number + 1:02d}"


# ---- prices ------------------------------------------------------------------------------------------


def is_figure(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def lines_of(tariff, figures: dict) -> list:
    """What each figure costs, in millionths of a fen."""
    lines = [{"what": "base", "count": 1, "price_fen": tariff.base_fen, "per": 1,
              "micro_fen": tariff.base_fen * MICRO}]  # fmt: skip
    for what, per in PER:
        price = tariff.prices[what]
        lines.append({"what": what, "count": figures[what], "price_fen": price, "per": per,
                      "micro_fen": figures[what] * price * (MICRO // per)})  # fmt: skip
    return lines


def total_of(tariff, figures: dict) -> int:
    """Fen, rounded half-up once."""
    return half_up(sum(line["micro_fen"] for line in lines_of(tariff, figures)), MICRO)


def tariff_for(operator: str, payer: str, month: str):
    """The tariff that holds for a member in a month: of those accepted for all or agreed with it the one that
    begins last, and of these the newest. None where there is none."""
    found = None
    for number in (*holding[(operator, "")], *holding[(operator, payer)]):
        tariff = tariffs[f"{operator}/{number}"]
        if tariff.from_month <= month and (found is None or order_of(tariff) > order_of(found)):
            found = tariff
    return found


def order_of(tariff) -> tuple:
    return (tariff.from_month, tariff.number)


def require_figures(transactions: int, volume: int, gas: int):
    known = all(is_figure(value, FIGURE_MAX) for value in (transactions, volume, gas))
    require(known, "E_FIGURES", "figures are whole numbers from 0")


def require_prices(values: tuple):
    known = all(is_figure(value, PRICE_MAX) for value in values)
    require(known, "E_AMOUNT", f"a price is 0 to {PRICE_MAX} fen")


# ---- what stands where -------------------------------------------------------------------------------


def require_operator(member: str):
    require(operators[member] != "", "E_OPERATOR", "an authority names who operates nodes here")


def require_attester(invoice):
    """Whoever says that its own recount gives the same has no part in the invoice."""
    require(
        ctx.member not in (invoice.operator, invoice.payer), "E_SELF", "somebody else attests it"
    )
    apart = operators[ctx.member] != "" or "regulator" in ctx.roles
    require(apart, "E_OPERATOR", "another operator attests it, or an authority")


def due_after(days: int) -> int:
    """The last millisecond of the day so many days from now."""
    return day_end_ms(day_at(ctx.time) + days) - 1


def decided_due(due_ms: int) -> int:
    return max(due_ms, due_after(DISPUTE_DAYS))


def note_arrears(payer: str):
    """Keeps when the oldest of a member's unpaid invoices is overdue; what is disputed is not."""
    oldest = 0
    for _, invoice in invoices.by(("payer", "state", "due_ms"), payer, "DUE", limit=1):
        oldest = invoice.due_ms
    if oldest:
        arrears[payer] = oldest
    elif arrears[payer]:
        arrears.delete(payer)


def describe_tariff(tariff) -> dict:
    return {
        "id": tariff.id,
        "operator": tariff.operator,
        "from_month": tariff.from_month,
        "base_fen": tariff.base_fen,
        "prices_fen": tariff.prices,
        "pay_days": tariff.pay_days,
        "accepted_by": tariff.accepted_by,
        "agreed": list(tariff.agreed),
        "state": tariff.state,
        "version": tariff.version,
    }


def describe(invoice) -> dict:
    due = invoice.dues[-1] if invoice.dues else None
    is_open = invoice.state == "DUE"
    figures = invoice.figures
    return {
        "id": invoice.id,
        "operator": invoice.operator,
        "payer": invoice.payer,
        "month": invoice.month,
        "state": invoice.state,
        "tariff": invoice.tariff,
        "transactions": figures["transactions"],
        "bytes": figures["bytes"],
        "gas": figures["gas"],
        "queries": figures["queries"],
        "blocks": list(invoice.heights),
        "total_fen": invoice.total_fen,
        "credit_fen": invoice.credit_fen,
        "amount_fen": invoice.amount_fen,
        "paid_fen": invoice.paid_fen,
        "attested_by": invoice.attested_by,
        "decided_by": invoice.decided_by,
        "claimed": list(invoice.claimed),
        "due": date_text(day_at(invoice.due_ms)) if invoice.due_ms else "",
        "is_overdue": is_open and 0 < invoice.due_ms < ctx.time,
        "instalment": len(invoice.dues),
        "reference": due.reference if due else b"",
        "version": invoice.version,
    }


def new_due(invoice, reference: bytes):
    """The payment that ends an invoice as it stands."""
    return Due(reference, "", invoice.operator, invoice.amount_fen, ctx.time)
