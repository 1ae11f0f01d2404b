"""Insurance documents (UCP 600 art. 28; ISBP 821 section K)."""

from __future__ import annotations

from node.documents.precheck.case import Case
from node.documents.precheck.invoices import words
from node.documents.precheck.registry import check
from node.documents.precheck.timing import BPS, Found

INSURERS = ("insurer", "underwriter", "agent-of-insurer", "proxy-of-insurer")
LEAST_BPS = 11_000  # 110 % of the CIF or CIP value, where the credit states nothing else


@check(
    "insurance-signature", "UCP 600 art. 28(a)", "signed by an insurer, underwriter, agent or proxy"
)
def insurance_signature(case: Case) -> Found:
    for policy in case.of("insurance"):
        if not policy.is_signed or policy.signed_as not in INSURERS:
            yield policy, f"signed as {policy.signed_as or 'nobody'}"


@check("insurance-originals", "UCP 600 art. 28(b)", "all originals issued are presented")
def insurance_originals(case: Case) -> Found:
    for policy in case.of("insurance"):
        if policy.medium == "paper" and policy.originals < policy.originals_issued:
            yield policy, f"{policy.originals} of {policy.originals_issued} originals"


@check("cover-note", "UCP 600 art. 28(c)", "no cover note")
def cover_note(case: Case) -> Found:
    for policy in case.of("insurance"):
        if policy.is_cover_note:
            yield policy, "a cover note is not accepted"


@check("insurance-date", "UCP 600 art. 28(e)", "cover begins no later than shipment")
def insurance_date(case: Case) -> Found:
    for policy in case.of("insurance"):
        begins = policy.effective_on or policy.dated
        if case.shipped_on and begins > case.shipped_on:
            yield policy, f"cover from {begins}, shipped {case.shipped_on}"


@check("insurance-currency", "UCP 600 art. 28(f)(i)", "insured in the currency of the credit")
def insurance_currency(case: Case) -> Found:
    for policy in case.of("insurance"):
        if policy.currency != case.credit.currency:
            yield policy, f"in {policy.currency or 'no currency'}, not {case.credit.currency}"


@check(
    "insurance-amount", "UCP 600 art. 28(f)(ii)", "insured for 110 % of the value, or what is asked"
)
def insurance_amount(case: Case) -> Found:
    part = case.credit.insured_bps or LEAST_BPS
    value = max(case.presentation.amount, sum(i.amount for i in case.of("invoice")))
    for policy in case.of("insurance"):
        if policy.amount * BPS < value * part:
            yield policy, f"insured {policy.amount}, asked {part / 100:g} % of {value}"


@check("insurance-route", "UCP 600 art. 28(f)(iii)", "covered from loading to discharge at least")
def insurance_route(case: Case) -> Found:
    route = (case.credit.loading, case.credit.discharge)
    for policy in case.of("insurance"):
        covered = (policy.loading, policy.discharge)
        if any(asked and found != asked for asked, found in zip(route, covered, strict=True)):
            yield policy, f"covers {covered[0] or '?'} to {covered[1] or '?'}"


@check("insurance-risks", "UCP 600 art. 28(g)", "the risks asked for are covered")
def insurance_risks(case: Case) -> Found:
    for policy in case.of("insurance"):
        covered = {" ".join(words(risk)) for risk in policy.risks}
        for risk in case.credit.risks:
            if " ".join(words(risk)) not in covered:
                yield policy, f"not covered: {risk[:60]}"


@check("insurance-endorsement", "ISBP 821 K19", "insured to the beneficiary: endorsed by it")
def insurance_endorsement(case: Case) -> Found:
    for policy in case.of("insurance"):
        own = words(policy.assured) == words(case.credit.beneficiary.name)
        if own and not policy.is_endorsed:
            yield policy, "insured to the beneficiary and not endorsed"
