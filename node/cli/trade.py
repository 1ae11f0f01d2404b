"""Groups of `city` for the trade instruments, as data: which contracts a group covers, and its views.

Every call of the contracts' state tables is a command of its group (`city bill accept BILL-1`), with the
table's own words as help; what is here is only what a table does not know.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Show:
    """One view as a command. words: its parameters in order; those with a default are options.

    columns: of many rows, the ones that a person wants; empty for all. draw: `rows`, `tree` or `pages`.
    """

    name: str
    target: str
    words: tuple[str, ...]
    help: str
    columns: tuple[str, ...] = ()
    draw: str = "rows"


@dataclass(frozen=True, slots=True)
class Group:
    """contracts: the first one answers `show`, `next` and `journal`. key: the parameter that names a record."""

    name: str
    help: str
    contracts: tuple[str, ...]
    shows: tuple[Show, ...] = ()
    key: str = "id"


PIECE = ("leaf_id", "holder", "amount_fen", "paid_fen", "state", "financed", "lien")
CREDENTIAL = ("ec_id", "issuer", "first_holder", "face_fen", "paid_fen", "due_date", "state")
FINANCING = ("request_id", "borrower", "bank", "principal_fen", "payout_fen", "due_date", "state")
QUOTE = ("number", "bank", "rate_ppm", "principal_fen", "recourse", "until_ms", "state")
SHARE = ("payee", "owed_fen", "amount_fen", "request_id", "reference")
FORM = ("id", "state", "amount", "currency", "reserved", "used", "remaining", "until")
ACCOUNT = ("id", "state", "direction", "declared_fen", "received_fen", "expected_date")
QUOTA = ("member", "capital_fen", "limit_fen", "taken_fen", "left_fen", "is_over")
BILLED = ("id", "state", "month", "amount_fen", "due", "is_overdue")
SEALED = ("id", "owner", "schema", "sealed_on", "retain_until", "held", "state")
PRIVATE = ("id", "note", "state", "sealed", "amount_fen")

GROUPS = (
    Group(
        "receivable",
        "Receivable e-credentials: issue, split, transfer, settle; disputes, guarantee, recourse.",
        ("receivable", "remedy"),
        (
            Show("show", "receivable.get", ("ec_id",), "A credential's terms."),
            Show("piece", "receivable.get_piece", ("leaf_id",), "One piece of a credential."),
            Show("tree", "receivable.tree", ("ec_id",),
                 "The split tree that you may see, with amounts that add up.", draw="tree"),
            Show("list", "receivable.list_pieces", ("holder=", "state="),
                 "Pieces by index: your own, or anybody's for a regulator.", PIECE, "pages"),
            Show("credentials", "receivable.list_credentials", ("state=", "first_holder="),
                 "Credentials you issued; with --first-holder true those first made out to you.",
                 CREDENTIAL, "pages"),
            Show("facts", "receivable.invariants", ("ec_id",),
                 "What holds of the whole tree, counted anew."),
            Show("line", "credit_line.headroom", ("issuer", "bank"),
                 "An issuer's credit line at a bank, and what of it is used."),
            Show("dispute", "remedy.get_dispute", ("leaf_id",), "The latest dispute about a leaf."),
        ),
        "identifier",
    ),
    Group(
        "finance",
        "Financing of a leaf or an invoice: quotes, delivery against payment, repayment.",
        ("financing",),
        (
            Show("show", "financing.get", ("request_id",), "One financing."),
            Show("quotes", "financing.list_quotes", ("request_id",), "Its quotes that you may see.",
                 QUOTE),
            Show("list", "financing.list_financings", ("state=", "as_bank="),
                 "What you borrow; with --as-bank true what you finance.", FINANCING, "pages"),
            Show("waterfall", "financing.payment_waterfall", ("seller", "document", "received_fen"),
                 "How a payment of an invoice runs down among banks and seller.", SHARE),
        ),
        "request_id",
    ),
    Group(
        "credit",
        "Documentary credits and presentations under them.",
        ("credit", "presentation"),
        (
            Show("show", "credit.get", ("id",), "One credit."),
            Show("presentation", "presentation.get", ("id",), "One presentation."),
        ),
    ),
    Group(
        "bill",
        "Commercial bills and the rediscount lane.",
        ("bill", "rediscount"),
        (
            Show("show", "bill.get", ("id",), "One bill."),
            Show("pool", "rediscount.get", ("id",), "One rediscount pool."),
        ),
    ),
    Group(
        "forfaiting",
        "Forfaiting of undertakings, and their sale to other banks.",
        ("forfaiting",),
        (Show("show", "forfaiting.get", ("id",), "One deal."),),
    ),
    Group(
        "guarantee",
        "Demand guarantees and demands under them.",
        ("guarantee",),
        (Show("show", "guarantee.get", ("id",), "One guarantee."),),
    ),
    Group(
        "form",
        "Tax filing of payments abroad, payments under a form, and the tax office's review.",
        ("tax_form", "tax_review"),
        (
            Show("show", "tax_form.get", ("id",), "One form."),
            Show("payment", "tax_form.get_payment", ("id",), "A payment under a form, FORM/1."),
            Show("review", "tax_review.get", ("id",), "The review of a form."),
            Show("list", "tax_form.list_forms", (), "Your forms.", FORM, "pages"),
            Show("usage", "tax_form.usage", (), "Forms used and what remains of them."),
            Show("needed", "tax_form.needs_form", ("amount", "currency", "exemption="),
                 "Whether a payment abroad needs a form."),
        ),
    ),
    Group(
        "account",
        "Supervised trade accounts: declared goods, documents and money of a contract.",
        ("trade_account", "declared_goods"),
        (
            Show("show", "trade_account.get", ("id",), "One account."),
            Show("receipt", "trade_account.get_receipt", ("id", "number"),
                 "How a receipt is divided, and under which references."),
            Show("list", "trade_account.list_accounts", ("state=",),
                 "Your accounts; for SAFE those it supervises.", ACCOUNT, "pages"),
            Show("figures", "trade_account.figures", (), "Declared against received."),
            Show("goods", "declared_goods.get", ("id",), "What customs has cleared."),
            Show("available", "declared_goods.is_available", ("id", "amount_fen"),
                 "Whether so much of a declaration is free: yes or no."),
        ),
    ),
    Group(
        "cross",
        "Cross-border financing: products, quotes, filing, quota, payout and repayment.",
        ("cross_border",),
        (
            Show("show", "cross_border.get", ("id",), "One financing."),
            Show("quotes", "cross_border.list_quotes", ("id",), "Its quotes that you may see."),
            Show("products", "cross_border.products", (), "The products and what they rest on."),
        ),
    ),
    Group(
        "quota",
        "Quotas: what members may use of the channel (show); of cross-border financing (the others).",
        ("quota",),
        (
            Show("headroom", "quota.headroom", ("member",), "A party's quota."),
            Show("list", "quota.list_positions", ("member",), "What takes a quota.", draw="pages"),
            Show("board", "quota.dashboard", (), "Every party's quota, for PBC and SAFE.", QUOTA,
                 "pages"),
            Show("fits", "quota.fits", ("member", "product", "currency", "amount", "days"),
                 "Whether a financing would find room: yes or no."),
        ),
    ),
    Group(
        "bridge",
        "The bridge between zones: consents, and what has crossed.",
        ("zone_bridge",),
        (
            Show("show", "zone_bridge.get", ("id",), "One consent."),
            Show("crossed", "zone_bridge.first_crossed", ("commitment",),
                 "When a commitment first crossed (ms)."),
        ),
    ),
    Group(
        "invoice",
        "E-invoices: quota, issue, booking, reversal; documents lodged in the registry.",
        ("einvoice",),
        (
            Show("show", "einvoice.get", ("id",), "One e-invoice."),
            Show("status", "einvoice.status", ("id",), "What everybody may know of it."),
            Show("quota", "einvoice.get_quota", ("id",), "A merchant's quota."),
            Show("document", "invoice_registry.get_document", ("document", "seller="),
                 "A document that a seller lodged."),
        ),
    ),
    Group(
        "registry",
        "The invoice registry: one invoice, one financing.",
        ("invoice_registry",),
        (
            Show("claim", "invoice_registry.my_claim", ("fingerprint",),
                 "Your bank's claim on an invoice, and how many conflicts there were."),
            Show("available", "invoice_registry.available_bps", ("fingerprint",),
                 "What share of an invoice can still be registered (basis points)."),
        ),
        "fingerprint",
    ),
    Group(
        "tax",
        "Value-added tax of a month, as the ledger's e-invoices add up.",
        ("tax_return",),
        (
            Show("show", "tax_return.get", ("id",), "One return."),
            Show("month", "einvoice.period", ("member", "month"), "A member's month, YYYY-MM."),
        ),
    ),
    Group(
        "document",
        "Customs declarations and trade documents.",
        ("trade_document",),
        (
            Show("show", "trade_document.get", ("id",), "A declaration or document."),
            Show("status", "trade_document.status", ("id",), "What everybody may know of it."),
            Show("types", "trade_document.types", (), "The kinds of documents and their codes."),
        ),
    ),
    Group(
        "record",
        "Electronic transferable records: bills of lading, warehouse receipts and the like.",
        ("transferable_record",),
        (
            Show("show", "transferable_record.get", ("id",), "One record."),
            Show("status", "transferable_record.status", ("id",), "What everybody may know of it."),
        ),
    ),
    Group(
        "catalogue",
        "Who holds which data, and consented queries between administrations.",
        ("data_catalogue",),
        (
            Show("show", "data_catalogue.get", ("id",), "One query."),
            Show("dataset", "data_catalogue.get_dataset", ("id",), "One set of data."),
            Show("list", "data_catalogue.catalogue", (), "Every set of data.", draw="pages"),
            Show("log", "data_catalogue.access_log", ("subject=",),
                 "Who asked for your data, and what became of it."),
        ),
    ),
    Group(
        "credential",
        "Trusted e-credentials: slips, bills, policies and receipts shown field by field.",
        ("trusted_credential",),
        (
            Show("show", "trusted_credential.get", ("id",), "One credential."),
            Show("status", "trusted_credential.status", ("id",), "What everybody may know of it."),
            Show("key", "trusted_credential.get_key", ("id",), "An issuer's accredited key."),
        ),
    ),
    Group(
        "sealed",
        "Sealed records: papers and terms encrypted to those they concern; erased by destroying keys.",
        ("sealed_record",),
        (
            Show("show", "sealed_record.get", ("id",), "A record that you have a copy of."),
            Show("status", "sealed_record.status", ("id",), "What everybody may know of it."),
            Show("list", "sealed_record.list_records", (), "Records you have a copy of.", SEALED,
                 "pages"),
            Show("erasure", "sealed_record.erasure", ("id",), "The certificate of an erasure."),
            Show("schemas", "sealed_record.schemas", (),
                 "What a record may be, and which authorities may have a copy."),
        ),
    ),
    Group(
        "private",
        "Receivables with hidden amounts: everybody checks them, those concerned read them.",
        ("private_receivable",),
        (
            Show("show", "private_receivable.get", ("id",), "A note that concerns you."),
            Show("leaf", "private_receivable.get_leaf", ("id",), "A leaf of yours."),
            Show("branch", "private_receivable.branch", ("id",),
                 "From the root to a leaf of yours: commitments at each split."),
            Show("status", "private_receivable.status", ("id",), "What everybody may know."),
            Show("adds-up", "private_receivable.adds_up", ("id",),
                 "Whether a split's parts add up: for everybody."),
            Show("list", "private_receivable.list_leaves", (), "Your leaves.", PRIVATE, "pages"),
        ),
    ),
    Group(
        "party",
        "Who takes part: parties of the trade and members of the channel.",
        ("party", "key_recovery"),
        (
            Show("reset", "key_recovery.get", ("id",), "One reset of a lost key."),
            Show("guardians", "key_recovery.guardians_of", ("party_id",), "Who guards your party."),
        ),
        "party_id",
    ),
    Group(
        "dispute",
        "Disputes: evidence, conciliation, arbitration, award.",
        ("dispute",),
        (
            Show("show", "dispute.get", ("id",), "One case."),
            Show("statistics", "dispute.statistics", (), "How many cases stand where."),
        ),
    ),
    Group(
        "rulebook",
        "Dated rules and business-day calendars of authorities.",
        ("rulebook",),
        (
            Show("show", "rulebook.get", ("id",), "One version of a rule."),
            Show("in-force", "rulebook.in_force", ("name", "date"), "What a rule says on a day."),
            Show("history", "rulebook.history", ("name",), "All versions of a rule."),
            Show("names", "rulebook.names", (), "The rules there are."),
        ),
    ),
    Group(
        "regulator",
        "Orders, supervisory rules, and figures: each look of an authority leaves a receipt.",
        ("regulator", "regulation", "supervision"),
        (
            Show("show", "regulator.get", ("id",), "One order or receipt."),
            Show("rule", "regulation.get", ("id",), "One supervisory rule."),
            Show("looks", "regulator.looks", ("subject",), "How often a subject was looked at."),
            Show("screens", "regulator.screens", (), "What can be looked at."),
            *(
                Show(name, f"supervision.{name}", ("receipt", "after="), text)
                for name, text in (
                    ("stock", "Credentials outstanding by debtor, tier and tenor."),
                    ("exposure", "Exposure and concentration by obligor."),
                    ("regions", "Totals by city and region."),
                    ("breaches", "Tenors beyond the cap."),
                    ("rates", "Average rate by tier."),
                    ("pools", "Rediscount pools."),
                    ("credits", "Exposure under documentary credits."),
                    ("matching", "Declared against received, and accounts overdue."),
                    ("forms", "Tax filing forms: used and remaining."),
                )
            ),
        ),
    ),
    Group(
        "billing",
        "Tariffs of operators, invoices for what members used, and how they are paid.",
        ("billing",),
        (
            Show("show", "billing.get", ("id",), "One invoice with its lines."),
            Show("list", "billing.list_invoices", ("state=", "as_operator="),
                 "Invoices to you; with --as-operator true those you drew up.", BILLED, "pages"),
            Show("tariff", "billing.get_tariff", ("id",), "One tariff."),
            Show("tariffs", "billing.list_tariffs", ("operator",), "All tariffs of an operator."),
            Show("quote", "billing.quote",
                 ("operator", "payer", "month", "transactions", "bytes", "gas", "queries="),
                 "What figures would cost."),
            Show("account", "billing.account", ("operator", "payer"),
                 "The next month to draw up, and what is credited."),
            Show("standing", "billing.standing", ("member",),
                 "Whether a member may deploy, or has an overdue invoice."),
            Show("statements", "billing.last_statement", ("operator", "node"),
                 "The newest anchored statement of a node's queries."),
        ),
    ),
)  # fmt: skip
