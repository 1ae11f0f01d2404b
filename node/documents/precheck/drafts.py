"""Drafts and maturity (UCP 600 arts. 3, 6; ISBP 821 section B)."""

from __future__ import annotations

from contracts.rules.calendar import date_text, parse_date
from node.documents.precheck.case import Case
from node.documents.precheck.registry import check
from node.documents.precheck.timing import Found


@check("draft-on-applicant", "UCP 600 art. 6(c)", "no draft is drawn on the applicant")
def draft_on_applicant(case: Case) -> Found:
    for draft in case.of("draft"):
        if draft.drawee == case.credit.applicant.name:
            yield draft, "a credit is not available by a draft on the applicant"


@check("draft-drawee", "ISBP 821 B1", "drafts are drawn on the bank that the credit names")
def draft_drawee(case: Case) -> Found:
    for draft in case.of("draft"):
        wrong = case.credit.drawee and draft.drawee != case.credit.drawee
        if wrong and draft.drawee != case.credit.applicant.name:
            yield draft, f"drawn on {draft.drawee or 'nobody'}, not {case.credit.drawee}"


@check("draft-drawer", "ISBP 821 B8", "the beneficiary draws and signs")
def draft_drawer(case: Case) -> Found:
    for draft in case.of("draft"):
        if draft.issued_by != case.credit.beneficiary.name:
            yield draft, f"drawn by {draft.issued_by or 'nobody'}"


@check("draft-amount", "ISBP 821 B13", "drawn for the amount demanded")
def draft_amount(case: Case) -> Found:
    for draft in case.of("draft"):
        asked = (case.credit.currency, case.presentation.amount)
        if (draft.currency, draft.amount) != asked:
            yield draft, f"{draft.currency} {draft.amount}, demanded {asked[0]} {asked[1]}"


@check("draft-words", "ISBP 821 B14", "words and figures agree")
def draft_words(case: Case) -> Found:
    for draft in case.of("draft"):
        if draft.amount_in_words and draft.amount_in_words != draft.amount:
            yield draft, f"{draft.amount_in_words} in words, {draft.amount} in figures"


@check("draft-tenor", "ISBP 821 B2", "the tenor is that of the credit")
def draft_tenor(case: Case) -> Found:
    asked = (case.credit.tenor_days, case.credit.tenor_from)
    for draft in case.of("draft"):
        if (draft.tenor_days, draft.tenor_from or "sight") != asked:
            yield draft, f"{draft.tenor_days} days from {draft.tenor_from or 'sight'}"


@check("draft-maturity", "UCP 600 art. 3", "the maturity leaves the day counted from out")
def draft_maturity(case: Case) -> Found:
    starts = {"shipment": case.shipped_on, "presentation": case.presentation.presented_on}
    for draft in case.of("draft"):
        start = draft.dated if draft.tenor_from == "draft" else starts.get(draft.tenor_from, "")
        if draft.maturity and start:
            due = date_text(parse_date(start) + draft.tenor_days)
            if draft.maturity != due:
                yield draft, f"due {draft.maturity}; {draft.tenor_days} days from {start} end {due}"
