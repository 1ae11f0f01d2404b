"""What is kept of a party, and who may take which step."""

from rules.machine import row_for
from rules.party_machine import PARTY
from sdk import Map, ctx, dataclass, require

TEXT_MAX = 200


@dataclass
class Party:
    party_id: str
    legal_name: str
    kind: str
    uscc: str
    lei: str
    country: str
    city: str
    state: str
    applied_by: str
    admitted: bool = False
    suspended_by: str = ""
    halted: bool = False  # by the kyc contract, whatever the state
    frozen_from: str = ""
    version: int = 1
    locked: bool = False  # by the key_recovery contract, whatever the state


@dataclass
class Attestation:
    """The customer check of one bank. `report` is the digest of its file, which stays with the bank."""

    issuer: str
    officer: str
    level: int
    risk: str
    report: str
    issued: str
    expires: str


parties = Map("party", None)
attestations = Map("attestation", None)
renewals = Map("renewal", None)  # party id → the attestation that a second officer is to confirm
by_identifier = Map("by_identifier", "")


def load(party_id: str):
    found = parties[party_id]
    require(found is not None, "E_NOT_FOUND", "no such party")
    return found


def enter(party, move: str, expected_version: int):
    """Take the step the table allows from here, or refuse with E_STATE."""
    require(expected_version in (0, party.version), "E_VERSION", "the party has changed since")
    row = row_for(PARTY, party.state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {party.state}")
    party.state = row[4]
    party.version += 1
    parties[party.party_id] = party


def require_officer():
    require("kyc" in ctx.roles, "E_ROLE", "only a KYC officer may do this")


def require_supervisor(party_id: str):
    """A regulator, or the bank whose attestation the party stands on."""
    attested = attestations[party_id]
    own = attested is not None and attested.issuer == ctx.member and "kyc" in ctx.roles
    require(own or "regulator" in ctx.roles, "E_ROLE", "only the attesting bank or a regulator may")


def require_stop_is_ours(party):
    """Who stopped a party lets it go on: no bank undoes what a regulator or another bank ordered."""
    require(party.suspended_by in ("", ctx.member), "E_ROLE", "another member suspended this party")


def require_text(text: str, what: str):
    require(0 < len(text) <= TEXT_MAX, "E_TEXT", f"{what} is 1 to 200 characters")


def claim(identifier: str, party_id: str):
    """One identifier belongs to one party, for ever."""
    if identifier:
        require(by_identifier[identifier] == "", "E_DUPLICATE", "identifier already registered")
        by_identifier[identifier] = party_id
