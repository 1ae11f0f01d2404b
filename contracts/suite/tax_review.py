"""A tax authority's review of a filing form (M7): fifteen business days, questions, and tax found to be due.

Opened by `tax_form` when a form is filed; banks pay meanwhile. Only a question left unanswered blocks them.
What may happen when stands in `rules.tax_form_machine` (REVIEW).

Invariants: one review a form; tax found due is settled by the payer's proven payment and by nothing else.
"""

from rules.calendar import date_text, day_at, day_end_ms
from rules.codes import is_digest
from rules.dated_rules import add_business_days, rule_on
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.money import PAYMENT_MAX, is_amount
from rules.settlement import Due, fix, prove
from rules.tax_form_machine import ANSWER_BUSINESS_DAYS, REVIEW
from sdk import Event, Map, ctx, dataclass, export, require, view


@dataclass
class Review:
    """until_ms: when the authority's days are over, or the payer's to answer. question, answer: digests."""

    id: str
    parties: dict
    until_ms: int
    question: str = ""
    answer: str = ""
    tax_fen: int = 0
    due: Due | None = None
    state: str = ""
    version: int = 1


reviews = Map("review", None)

ReviewBegun = Event("Tax.ReviewBegun")
SupplementAsked = Event("Tax.SupplementAsked")
Answered = Event("Tax.Answered")
Unanswered = Event("Tax.Unanswered")
ReviewedOk = Event("Tax.ReviewedOk")
TaxFound = Event("Tax.TaxFound")
ReviewOver = Event("Tax.ReviewOver")
TaxPrepared = Event("Tax.TaxPrepared")
TaxPaid = Event("Tax.TaxPaid")


def days_end(business_days: int) -> int:
    return day_end_ms(add_business_days(today(), business_days))


def review_end() -> int:
    return days_end(rule_on("window:tax-review", today())["business_days"])


def require_review_time(review):
    require(ctx.time < review.until_ms, "E_TOO_LATE", "the days of the review are over")


@export
def open(id: str, parties: dict) -> str:
    """Codes: E_NOT_PARTY, E_DUPLICATE."""
    require_step(REVIEW, "-", "open", parties)
    require(reviews[id] is None, "E_DUPLICATE", "this form has its review")
    return keep(reviews, Review(id, parties, review_end(), state="AWAITED"), ReviewBegun)


@export
def supplement(id: str, question: str, expected_version: int = 0) -> str:
    """Ask the payer for more. `question`: digest. Codes: E_TOO_LATE, E_DIGEST."""
    review = enter(REVIEW, reviews, id, "supplement", expected_version)
    require_review_time(review)
    require(is_digest(question), "E_DIGEST", "a question is a digest: 64 hex digits")
    review.question = question
    review.until_ms = days_end(ANSWER_BUSINESS_DAYS)
    return keep(reviews, review, SupplementAsked)


@export
def answer(id: str, document: str, expected_version: int = 0) -> str:
    """The days of the review begin anew, and a bank that was blocked may verify again. Code: E_DIGEST."""
    review = enter(REVIEW, reviews, id, "answer", expected_version)
    require(is_digest(document), "E_DIGEST", "an answer is a digest: 64 hex digits")
    review.answer = document
    review.until_ms = review_end()
    return keep(reviews, review, Answered)


@export
def answer_overdue(id: str) -> str:
    review = enter(REVIEW, reviews, id, "answer_overdue")
    require(ctx.time >= review.until_ms, "E_TOO_EARLY", "the payer may still answer")
    return keep(reviews, review, Unanswered)


@export
def review_ok(id: str, expected_version: int = 0) -> str:
    review = enter(REVIEW, reviews, id, "review_ok", expected_version)
    require_review_time(review)
    return keep(reviews, review, ReviewedOk)


@export
def find_tax_due(id: str, tax_fen: int, expected_version: int = 0) -> str:
    """Codes: E_TOO_LATE, E_AMOUNT."""
    review = enter(REVIEW, reviews, id, "find_tax_due", expected_version)
    waits = ctx.time < review.until_ms or review.answer == ""
    require(waits, "E_TOO_LATE", "the days of the review are over")
    require(is_amount(tax_fen) and tax_fen <= PAYMENT_MAX, "E_AMOUNT", "1 to 2^53 - 1 fen")
    review.tax_fen = tax_fen
    return keep(reviews, review, TaxFound)


@export
def review_over(id: str) -> str:
    review = enter(REVIEW, reviews, id, "review_over")
    require(ctx.time >= review.until_ms, "E_TOO_EARLY", "the days of the review are not over")
    return keep(reviews, review, ReviewOver)


@export
def prepare_tax(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Codes: E_PREPARED, E_SALT, E_WALLET."""
    review = enter(REVIEW, reviews, id, "prepare_tax", expected_version)
    require(review.due is None, "E_PREPARED", "the reference is fixed already")
    parts = review.parties
    review.due = fix(id, 1, parts["payer"], parts["tax"], review.tax_fen, salt)
    keep(reviews, review, TaxPrepared)
    return review.due.reference


@export
def record_tax(id: str, proof: bytes) -> str:
    """Anyone brings the proof that the payer paid the tax. Codes: E_UNPREPARED, E_PROOF_…"""
    review = enter(REVIEW, reviews, id, "record_tax")
    prove(review.due, proof)
    return keep(reviews, review, TaxPaid)


@view
def is_unanswered(id: str) -> bool:
    """Whether banks are blocked because the payer leaves a question unanswered."""
    return load(reviews, id).state == "UNANSWERED"


@view
def get(id: str) -> dict:
    """Payer and authorities see a review."""
    review = load(reviews, id)
    parts = review.parties
    require_sight({"payer": parts["payer"], "tax": parts["tax"], "safe": parts["safe"]})
    return {
        "id": id,
        "state": review.state,
        "until": date_text(day_at(review.until_ms - 1)),
        "question": review.question,
        "answer": review.answer,
        "tax_fen": review.tax_fen,
        "reference": review.due.reference if review.due else b"",
        "version": review.version,
    }


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(REVIEW, load(reviews, id).state)
