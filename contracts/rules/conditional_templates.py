"""Templates of conditional payment, as a table: who pays whom, and what must happen before money is released.

A template is a row of (name, trade, parts most, confirmed by, quiet days, needs, sentence). `confirmed by`
says who
lets a part go: the payer, an arbiter, both, or a fact of the oracles. After `quiet days` without an objection a
claimed part goes by itself (0: never). `needs` is one of: "" nothing more, "all" every part must be funded
before any is released, "first" part 1 must be paid before the others, "rest" the payee may take less and the
payer gets the rest back. Released money carries no condition any more.
"""

PAYER = "payer"
ARBITER = "arbiter"
EITHER = "payer or arbiter"
FACT = "fact"

TEMPLATES = (
    ("goods-arrival", "trade", 1, "fact", 0, "",
     "the seller is paid when customs has released the goods"),
    ("prepaid-lessons", "education", 60, "payer", 3, "",
     "each lesson is released when it was held; what is left goes back at the end"),
    ("deposit", "tourism", 1, "payer or arbiter", 0, "rest",
     "the host takes what the guest agrees to or an arbiter awards; the rest goes back"),
    ("co-payment", "medical", 8, "arbiter", 0, "all",
     "the hospital is paid when insurer and patient have both put up their shares"),
    ("escrow", "e-commerce", 1, "payer or arbiter", 7, "",
     "the merchant is paid when the buyer confirms, or is silent for a week after the delivery"),
    ("milestone-wage-split", "construction", 60, "arbiter", 0, "first",
     "a certified milestone pays the wages first, and the contractor only after them"),
)  # fmt: skip


def template_of(name: str):
    """The row of a name, or None."""
    for row in TEMPLATES:
        if row[0] == name:
            return row
    return None
