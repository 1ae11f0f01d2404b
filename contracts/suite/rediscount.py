"""Rediscount lane (M6): a bank turns bills that it has discounted into central bank money (domain 2.9).

bundle → apply → auto_check → approve → disburse against a proof → repay at maturity. When what may happen:
`rules.bill_machine`. Amounts are fen; dates are text in China Standard Time.

Invariants: one bill in one pool; a pool is worth the sum of its bills; its price is that of the dated rate.
"""

from rules.bill_machine import (
    BILLS_MAX,
    CONCENTRATION_BPS,
    POOL,
    POOL_TENOR_DAYS_MIN,
    TAGS,
    USE_REPORT_DAYS,
)
from rules.calendar import date_text, parse_date
from rules.codes import is_code, is_digest
from rules.dated_rules import rule_on
from rules.day_count import simple_interest
from rules.instrument import enter, keep, load, require_sight, require_step, today
from rules.machine import moves_from
from rules.money import half_up, share_of
from rules.official_sight import is_official, require_look
from rules.rediscount_records import (
    AppliedFor,
    Approved,
    Bundled,
    Checked,
    Closed,
    Disbursed,
    DisbursementPrepared,
    Pool,
    RepaymentPrepared,
    Returned,
    Revoked,
    UseReported,
    Withdrawn,
    describe,
    pools,
)
from rules.settlement import fix, prove
from sdk import call, ctx, export, require, view


def rate_on(date: str) -> int:
    """The central bank's rate of a day, parts per million a year."""
    return rule_on("rate:rediscount", parse_date(date))["rate_ppm"]


def interest(bills: tuple, date: str) -> int:
    """Rediscount interest from a day to each bill's maturity: one cash flow, rounded once."""
    weighted = sum(face * (parse_date(due) - parse_date(date)) for _, face, due, _ in bills)
    return half_up(*simple_interest(weighted, rate_on(date), 1))


def let_go(pool):
    """The bills are the bank's own again."""
    for bill in pool.bills:
        call("bill", "unpool", bill[0])


@export
def bundle(id: str, branch: str, tag: str, bills: list) -> str:
    """Codes: E_NOT_PARTY, E_CODE, E_DUPLICATE, E_TAG, E_BILLS, E_TENOR; of the bill: E_STATE, E_NOT_PARTY."""
    parts = {"bank": ctx.member, "branch": branch}
    require_step(POOL, "-", "bundle", parts)
    require(is_code(id, 32), "E_CODE", "a number is 1 to 32 of A-Z, 0-9 and -")
    require(pools[id] is None, "E_DUPLICATE", "this number is taken")
    require(tag in TAGS, "E_TAG", "one of " + ", ".join(TAGS))
    require(0 < len(bills) <= BILLS_MAX, "E_BILLS", "1 to 50 bills")
    taken = []
    for number in bills:
        require(isinstance(number, str), "E_BILLS", "bills by their numbers")
        found = call("bill", "pool", number, ctx.member)
        taken.append((number, found["face_fen"], found["due_date"], found["parties"]["acceptor"]))
    one_day = all(bill[2] == taken[0][2] for bill in taken)
    require(one_day, "E_TENOR", "the bills of a pool fall due on one day")
    face = sum(bill[1] for bill in taken)
    pool = Pool(id, parts, tag, tuple(taken), face, ctx.sender, state="DRAFT")
    return keep(pools, pool, Bundled)


@export
def apply(id: str, expected_version: int = 0) -> str:
    pool = enter(POOL, pools, id, "apply", expected_version)
    require(ctx.sender != pool.maker, "E_FOUR_EYES", "maker and checker are two persons")
    return keep(pools, pool, AppliedFor)


@export
def withdraw(id: str, expected_version: int = 0) -> str:
    pool = enter(POOL, pools, id, "withdraw", expected_version)
    let_go(pool)
    return keep(pools, pool, Withdrawn)


@export
def auto_check(id: str) -> str:
    """What a machine can see: every bill still runs, no acceptor has too large a part. Codes: E_TENOR,
    E_CONCENTRATION, E_PARTY."""
    pool = enter(POOL, pools, id, "auto_check")
    most = share_of(pool.face_fen, CONCENTRATION_BPS)
    by_acceptor: dict = {}
    for _, face, due, acceptor in pool.bills:
        left = parse_date(due) - today()
        require(left >= POOL_TENOR_DAYS_MIN, "E_TENOR", "a bill of the pool has fallen due")
        call("party", "check_member", acceptor)
        by_acceptor[acceptor] = by_acceptor.get(acceptor, 0) + face
    alone = len(by_acceptor) == 1 and len(pool.bills) == 1
    spread = alone or all(part <= most for part in by_acceptor.values())
    require(spread, "E_CONCENTRATION", "one acceptor has more than half of the pool")
    return keep(pools, pool, Checked)


@export
def return_pool(id: str, reasons: list, expected_version: int = 0) -> str:
    pool = enter(POOL, pools, id, "return_pool", expected_version)
    told = 0 < len(reasons) <= 20
    told = told and all(isinstance(r, str) and 0 < len(r) <= 200 for r in reasons)
    require(told, "E_TEXT", "each reason in 1 to 200 characters")
    pool.reasons = tuple(reasons)
    let_go(pool)
    return keep(pools, pool, Returned)


@export
def approve(id: str, expected_version: int = 0) -> dict:
    """The branch prices the pool by the rate of today. Returns the pool. Code: E_TENOR."""
    pool = enter(POOL, pools, id, "approve", expected_version)
    running = all(parse_date(bill[2]) > today() for bill in pool.bills)
    require(running, "E_TENOR", "a bill of the pool has fallen due")
    pool.approved_on = date_text(today())
    pool.rate_ppm = rate_on(pool.approved_on)
    pool.interest_fen = interest(pool.bills, pool.approved_on)
    keep(pools, pool, Approved)
    return describe(pool)


@export
def prepare_disbursement(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """Codes: E_PREPARED, E_SALT, E_WALLET."""
    pool = enter(POOL, pools, id, "prepare_disbursement", expected_version)
    require(pool.due is None, "E_PREPARED", "the reference is fixed already")
    parts = pool.parties
    net = pool.face_fen - pool.interest_fen
    pool.due = fix(id, 1, parts["branch"], parts["bank"], net, salt)
    keep(pools, pool, DisbursementPrepared)
    return pool.due.reference


@export
def disburse(id: str, proof: bytes) -> str:
    pool = enter(POOL, pools, id, "disburse")
    prove(pool.due, proof)
    pool.due = None
    for bill in pool.bills:
        call("bill", "rediscounted", bill[0])
    return keep(pools, pool, Disbursed)


@export
def report_use(id: str, report: str, expected_version: int = 0) -> str:
    """`report`: digest of what the money was used for. Codes: E_TOO_LATE, E_DIGEST."""
    pool = enter(POOL, pools, id, "report_use", expected_version)
    last = parse_date(pool.approved_on) + USE_REPORT_DAYS
    require(today() <= last, "E_TOO_LATE", "the report was due within 30 days")
    require(is_digest(report), "E_DIGEST", "a report is a digest: 64 hex digits")
    pool.use = report
    return keep(pools, pool, UseReported)


@export
def prepare_repayment(id: str, salt: bytes, expected_version: int = 0) -> bytes:
    """From the maturity on. Codes: E_TOO_EARLY, E_PREPARED, E_SALT, E_WALLET."""
    pool = enter(POOL, pools, id, "prepare_repayment", expected_version)
    maturity = parse_date(pool.bills[0][2])
    require(today() >= maturity, "E_TOO_EARLY", "the maturity has not come")
    require(pool.due is None, "E_PREPARED", "the reference is fixed already")
    parts = pool.parties
    pool.due = fix(id, 2, parts["bank"], parts["branch"], pool.face_fen, salt)
    keep(pools, pool, RepaymentPrepared)
    return pool.due.reference


@export
def repay(id: str, proof: bytes) -> str:
    """The face is back: the bills are the bank's to present."""
    pool = enter(POOL, pools, id, "repay")
    prove(pool.due, proof)
    let_go(pool)
    return keep(pools, pool, Closed)


@export
def revoke(id: str, reason: str, expected_version: int = 0) -> str:
    pool = enter(POOL, pools, id, "revoke", expected_version)
    require(0 < len(reason) <= 200, "E_TEXT", "a reason is 1 to 200 characters")
    require(pool.due is None, "E_PREPARED", "the disbursement is fixed and may be proven")
    pool.reasons = (reason,)
    let_go(pool)
    return keep(pools, pool, Revoked)


@view
def list_pools(after: str = "") -> list:
    """Every pool, for regulators; fifty after a number. E_NOT_PARTY."""
    require(is_official(), "E_NOT_PARTY", "for regulators")
    require_look([])
    return [describe(pool) for _, pool in pools.scan(None, after or None, 50)]


@view
def get(id: str) -> dict:
    """Bank, branch and regulators see a pool."""
    pool = load(pools, id)
    require_sight(pool.parties)
    return describe(pool)


@view
def next_steps(id: str) -> list:
    """What may happen now: call, who, guard, to."""
    return moves_from(POOL, load(pools, id).state)
