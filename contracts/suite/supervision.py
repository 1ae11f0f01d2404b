"""Supervision (M15): the regulators' screens, each against a receipt (domain/story.md 5.4).

Nothing is kept here: screens are counted anew from what instruments hold, so they add up to the whole. Every
screen takes the receipt that `regulator.open_view` left for it: no receipt, no view. Large books are counted in
pages: `next` goes into `after` of the following call, and sums of pages add up. Amounts are fen.
"""

from rules.calendar import parse_date
from rules.dated_rules import rule_on
from rules.instrument import today
from rules.money import BPS_UNIT, half_up
from rules.parts import split_by_weights
from rules.supervision_records import (
    CREDENTIALS_MAX,
    ENDED_CREDITS,
    PAGE,
    PAID_OUT,
    UNMATCHED,
    add,
    credentials_after,
    days_of,
    overdue_class,
    region_of,
    rows_after,
    tenor_class,
)
from sdk import call, view


def look(receipt: str, screen: str, subject: str = "*"):
    call("regulator", "use_receipt", receipt, screen, subject)


@view
def stock(receipt: str, after: str = "") -> dict:
    """Credentials outstanding by debtor, tier and tenor. Code: E_NO_RECEIPT."""
    look(receipt, "stock")
    rows, following = rows_after(after)
    by_debtor: dict[str, int] = {}
    by_tier: dict[str, int] = {}
    by_tenor: dict[str, int] = {}
    total = 0
    for terms, leaf, owed in rows:
        total += owed
        add(by_debtor, terms["issuer"], owed)
        add(by_tier, str(leaf["tier"]), owed)
        add(by_tenor, tenor_class(days_of(terms)), owed)
    return {
        "total_fen": total, "leaves": len(rows), "by_debtor": by_debtor, "by_tier": by_tier,
        "by_tenor": by_tenor, "next": following,
    }  # fmt: skip


@view
def export_stock(receipt: str, after: str = "") -> dict:
    """The stock leaf by leaf, for machines: columns and rows."""
    look(receipt, "stock")
    rows, following = rows_after(after)
    columns = ["leaf_id", "debtor", "holder", "owed_fen", "tier", "state", "issued", "due"]
    listed = [
        [leaf["leaf_id"], terms["issuer"], leaf["holder"], owed, leaf["tier"], leaf["state"],
         terms["issue_date"], terms["due_date"]]
        for terms, leaf, owed in rows
    ]  # fmt: skip
    return {"columns": columns, "rows": listed, "next": following}


@view
def exposure(receipt: str, after: str = "") -> dict:
    """What each obligor owes, and its share of the whole in basis points that add up to 10,000."""
    look(receipt, "exposure")
    rows, following = rows_after(after)
    owed_by: dict[str, int] = {}
    for terms, _, owed in rows:
        add(owed_by, terms["issuer"], owed)
    ranked = sorted([(amount, name) for name, amount in owed_by.items()], reverse=True)
    total = sum([amount for amount, _ in ranked])
    shares = split_by_weights(BPS_UNIT, [amount for amount, _ in ranked]) if total else []
    obligors = [
        {"obligor": ranked[at][1], "owed_fen": ranked[at][0], "share_bps": shares[at]}
        for at in range(len(ranked))
    ]
    return {
        "total_fen": total, "obligors": obligors, "next": following,
        "concentration": sum([share * share for share in shares]) // BPS_UNIT,
    }  # fmt: skip


@view
def regions(receipt: str, after: str = "") -> dict:
    """What is owed by the debtors of each city and region; both add up to the total."""
    look(receipt, "regions")
    rows, following = rows_after(after)
    city_of: dict[str, str] = {}
    by_city: dict[str, int] = {}
    by_region: dict[str, int] = {}
    for terms, _, owed in rows:
        debtor = terms["issuer"]
        if debtor not in city_of:
            city_of[debtor] = call("party", "get", debtor)["city"]
        add(by_city, city_of[debtor], owed)
        add(by_region, region_of(city_of[debtor]), owed)
    total = sum(by_city.values())
    assert total == sum(by_region.values())
    return {"total_fen": total, "by_city": by_city, "by_region": by_region, "next": following}


@view
def breaches(receipt: str, after: str = "") -> dict:
    """Credentials that run longer than the rule of their day of issue allows without a warning, or at all."""
    look(receipt, "breaches")
    found, following = credentials_after(after)
    listed = []
    for terms in found:
        cap = rule_on("tenor:receivable", parse_date(terms["issue_date"]))
        days = days_of(terms)
        if days > cap["warn_days"]:
            listed.append(
                {"ec_id": terms["ec_id"], "debtor": terms["issuer"], "tenor_days": days,
                 "face_fen": terms["face_fen"], "hard": days > cap["hard_days"],
                 "rule": cap["rule"]}
            )  # fmt: skip
    return {"breaches": listed, "next": following}


@view
def rates(receipt: str, after: str = "") -> dict:
    """Average financing rate by tier, weighted by principal: tier 0 are advances on invoices.

    Sums are given too, so that pages can be put together.
    """
    look(receipt, "rates")
    weights: dict[str, int] = {}
    principals: dict[str, int] = {}
    last = after
    following = ""
    for turn in range(CREDENTIALS_MAX // PAGE):
        page = call("financing", "list_financings", "", False, last)
        for one in page:
            if one["state"] in PAID_OUT:
                leaf = one["leaf_id"]
                tier = call("receivable", "get_piece", leaf)["tier"] if leaf else 0
                add(principals, str(tier), one["principal_fen"])
                add(weights, str(tier), one["principal_fen"] * one["rate_ppm"])
        if len(page) < PAGE:
            break
        last = page[-1]["request_id"]
        following = last if turn == CREDENTIALS_MAX // PAGE - 1 else ""
    averages = {tier: half_up(weights[tier], principals[tier]) for tier in principals}
    return {"rate_ppm": averages, "principal_fen": principals, "next": following}


@view
def pools(receipt: str, after: str = "") -> dict:
    """Rediscount pools, fifty a page, and their sum by state."""
    look(receipt, "pools")
    page = call("rediscount", "list_pools", after)
    by_state: dict[str, int] = {}
    for pool in page:
        add(by_state, pool["state"], pool["face_fen"])
    following = page[-1]["id"] if len(page) == PAGE else ""
    return {"pools": page, "face_fen": by_state, "next": following}


@view
def credits(receipt: str, after: str = "") -> dict:
    """What issuing banks may still have to pay under documentary credits, fifty credits a page."""
    look(receipt, "credits")
    page = call("credit", "list_credits", after)
    by_bank: dict[str, int] = {}
    for credit in page:
        if credit["state"] not in ENDED_CREDITS:
            add(by_bank, credit["issuing"], credit["exposure_fen"])
    following = page[-1]["id"] if len(page) == PAGE else ""
    return {"exposure_fen": by_bank, "credits": len(page), "next": following}


@view
def matching(receipt: str, after: str = "") -> dict:
    """SAFE: what was declared against what was received, and accounts overdue, fifty accounts a page.

    declared_fen, received_fen: of all the branch's accounts. matched_fen: of this page, what goods and money
    have in common. overdue: accounts past their window with money or goods missing, by how long."""
    look(receipt, "matching")
    page = call("trade_account", "list_accounts", "", after, PAGE)
    totals = call("trade_account", "figures")
    window = rule_on("window:trade-account", today())["days"]
    matched = missing_goods = missing_money = 0
    by_state: dict[str, int] = {}
    ladder: dict[str, int] = {}
    overdue = []
    for one in page:
        money = one["received_fen"] - one["refunded_fen"] + one["netted_fen"]
        matched += min(money, one["declared_fen"])
        missing_money += max(one["declared_fen"] - money, 0)
        missing_goods += max(money - one["declared_fen"], 0)
        add(by_state, one["state"], 1)
        last = parse_date(one["expected_date"]) + (0 if one["extended"] else window)
        days = today() - last
        missing = max(one["expected_fen"] - min(money, one["declared_fen"]), 0)
        if days > 0 and one["state"] in UNMATCHED:
            add(ladder, overdue_class(days), missing)
            overdue.append(
                {"id": one["id"], "enterprise": one["parties"]["enterprise"],
                 "direction": one["direction"], "missing_fen": missing, "days": days,
                 "state": one["state"]}
            )  # fmt: skip
    return {
        "declared_fen": sum([row["declared_fen"] for row in totals]),
        "received_fen": sum([row["received_fen"] for row in totals]),
        "accounts": sum([row["accounts"] for row in totals]),
        "matched_fen": matched, "money_missing_fen": missing_money,
        "goods_missing_fen": missing_goods, "by_state": by_state, "overdue": overdue,
        "overdue_fen": ladder, "next": page[-1]["id"] if len(page) == PAGE else "",
    }  # fmt: skip


@view
def forms(receipt: str, after: str = "") -> dict:
    """TAX, SAFE: filing forms used and remaining, of the whole by currency, and one by one fifty a page."""
    look(receipt, "forms")
    page = call("tax_form", "list_forms", after, PAGE)
    by_state: dict[str, int] = {}
    for form in page:
        add(by_state, form["state"], 1)
    names = ("id", "state", "currency", "amount", "reserved", "used", "remaining", "until")
    return {
        "totals": call("tax_form", "usage"), "by_state": by_state,
        "forms": [{name: form[name] for name in names} for form in page],
        "next": page[-1]["id"] if len(page) == PAGE else "",
    }  # fmt: skip


@view
def case(receipt: str, party: str, after: str = "") -> dict:
    """One party: who it is, and the leaves it holds, fifty a page. The receipt names the party."""
    look(receipt, "case", party)
    page = call("receivable", "list_pieces", party, "", after, PAGE)
    following = page[-1]["leaf_id"] if len(page) == PAGE else ""
    return {"party": call("party", "get", party), "holds": page, "next": following}
