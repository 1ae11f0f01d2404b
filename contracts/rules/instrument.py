"""Records that move by one table: state, person and version are checked from its rows before anything else.

Rows are (from, call, who, guard, to, event) as in `rules.machine`. A record is a dataclass with `id`, `state`,
`version` and `parties` (part → member: {"guarantor": "QB", "beneficiary": "HB"}). `who` is data too:

    anyone                      nobody is refused
    beneficiary                 a maker or checker of the member that plays this part
    guarantor:checker           a person of that member with the role
    any:regulator               a person of any member with the role
    @financing                  only this contract, by a cross-contract call
    guarantor, beneficiary      any of several

`to` "=" keeps the state; of several (`SETTLED|OVERPAID`) the method says which with `arrive`. `guard` is for
people: the method checks it after `enter`, then stores the record and emits the event.
"""

from rules.calendar import day_at
from rules.machine import row_for
from rules.official_sight import is_official, require_look
from sdk import ctx, require

TRADERS = ("maker", "checker")


def may_act(who: str, parties: dict) -> bool:
    """Whether the sender is one of those that a row's `who` names."""
    return any(is_one(one.strip(), parties) for one in who.split(","))


def is_one(one: str, parties: dict) -> bool:
    if one == "anyone":
        return True
    if one.startswith("@"):
        return ctx.caller == one[1:]
    part, _, role = one.partition(":")
    if part != "any" and (ctx.member == "" or parties.get(part, "") != ctx.member):
        return False
    return role in ctx.roles if role else any(known in ctx.roles for known in TRADERS)


def require_step(table: tuple, state: str, move: str, parties: dict) -> tuple:
    """The row of this step. Codes: E_STATE, E_NOT_PARTY."""
    row = row_for(table, state, move)
    require(row is not None, "E_STATE", f"{move} is not possible in state {state}")
    require(may_act(row[2], parties), "E_NOT_PARTY", f"{move} is for: {row[2]}")
    return row


def load(records, key):
    found = records[key]
    require(found is not None, "E_NOT_FOUND", "there is no such record")
    return found


def enter(table: tuple, records, key, move: str, expected_version: int = 0):
    """The record, moved as its table says; the caller stores it. Codes: E_NOT_FOUND, E_VERSION, E_STATE,
    E_NOT_PARTY."""
    record = load(records, key)
    require(expected_version in (0, record.version), "E_VERSION", "it has changed since")
    row = require_step(table, record.state, move, record.parties)
    if row[4] != "=" and "|" not in row[4]:
        record.state = row[4]
    record.version += 1
    return record


def arrive(table: tuple, record, move: str, state: str):
    """Where a row leads to one of several states, the method that made the step says to which."""
    assert any(row[1] == move and state in row[4].split("|") for row in table)
    record.state = state


def keep(records, record, event) -> str:
    """Store a record after a step and tell it. Returns its state."""
    records[record.id] = record
    event(id=record.id, version=record.version)
    return record.state


def require_sight(parties: dict):
    """A record is for its parties and for regulators. Codes: E_NOT_PARTY, E_NO_RECEIPT."""
    if ctx.member == "" or ctx.member not in parties.values():
        require(is_official(), "E_NOT_PARTY", "it belongs to other members")
        require_look(list(parties.values()))


def today() -> int:
    """The block's day in China Standard Time."""
    return day_at(ctx.time)
