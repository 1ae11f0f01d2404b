"""What is kept, and who may ask for it."""

from rules.calendar import date_text, day_at
from sdk import Map, call, ctx, dataclass, require

BATCH_MAX = 500


@dataclass
class Reliance:
    """A bank's reliance on another's check: whose, of which file, until when, and who decided."""

    bank: str
    issuer: str
    level: int
    report: str
    relied_on: str
    expires: str
    officer: str


@dataclass
class Hit:
    """A list names a party. cleared_by: the officer who looked into it; cleared: a second one agreed."""

    party_id: str
    list_id: str
    on: str
    screened_by: str
    reason: str = ""
    cleared_by: str = ""
    cleared_member: str = ""
    cleared: bool = False


@dataclass
class Licence:
    number: str
    authority: str
    expires: str
    revoked_by_order: str = ""


consents = Map("consent", "")  # (party id, bank) → last day
reliances = Map("reliance", None)  # (party id, bank)
lists = Map("list", None)  # list id → (authority, entries so far)
listed = Map("listed", False)  # (digest, list id)
screened = Map("screened", "")  # (party id, bank) → date of the last screening
hits = Map("hit", None)  # (party id, list id)
licences = Map("licence", None)  # (party id, kind)


def today() -> str:
    return date_text(day_at(ctx.time))


def require_officer():
    require("kyc" in ctx.roles, "E_ROLE", "only a KYC officer may do this")


def require_batch(entries: list):
    fits = 0 < len(entries) <= BATCH_MAX and len(set(entries)) == len(entries)
    require(fits, "E_BATCH", "a batch is 1 to 500 distinct entries")


def facts_of(party_id: str) -> tuple:
    (found,) = call("party", "kyc_facts", [party_id])
    require(found[1] != "", "E_NOT_FOUND", "no such party")
    return found
