"""What a consortium's directory keeps of cities, organisations, nodes, channels and relays.

Where a node or an organisation is, is not kept with it: it is where its city is, so that the two cannot differ.
"""

from rules.codes import is_code
from rules.instrument import enter
from sdk import Event, Map, ctx, dataclass, require

ZONES = ("mainland", "international")
NODE_ROLES = ("validator", "observer", "regulator", "gateway")
RELAY_KINDS = ("payment", "exchange", "oracle")
KINDS = ("city", "member", "node", "channel", "relay")
TEXT_MAX = 128
NAME_MAX = 32
PAGE_MAX = 200
ENDPOINT_MAX = 128
CARRIES_MAX = 32
# How many of a kind one member may ever enter: nobody fills the directory alone.
MOST_OF_MEMBER = (("city", 256), ("member", 1), ("node", 64), ("channel", 1024), ("relay", 64))
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"


@dataclass
class City:
    """jurisdiction: ISO 3166. parties: who proposed and who confirmed it."""

    id: str
    region: str
    zone: str
    jurisdiction: str
    parties: dict
    state: str = ""
    version: int = 1
    entered_ms: int = 0


@dataclass
class Organisation:
    """admin: digest of the key that signed this entry. authority: SM3 of the certificate of the authority over
    its people, or ""."""

    id: str
    name: str
    city: str
    admin: str
    authority: str
    parties: dict
    state: str = ""
    version: int = 1
    entered_ms: int = 0


@dataclass
class Node:
    """keys: identity key (hex) by suite. certificate: SHA-256 of the certificate to pin at its endpoints."""

    id: str
    city: str
    keys: dict
    api: str
    peer: str
    certificate: str
    roles: tuple
    parties: dict
    state: str = ""
    version: int = 1
    entered_ms: int = 0


@dataclass
class Channel:
    """id: of the channel, in hexadecimal. nodes: those that vote, followers: (name, role) of the others.
    contracts: name@version. epoch: whose validators `nodes` are; shown: those of them that its genesis names by
    the keys that they have here, and none of a later epoch, of which only names are known; sealed_height,
    sealed_ms: of the newest header that was shown; said_by: who said its state."""

    id: str
    name: str
    suite: str
    engine: str
    nodes: tuple
    followers: tuple
    zone: str
    jurisdiction: str
    contracts: tuple
    parties: dict
    shown: tuple
    state: str = ""
    version: int = 1
    entered_ms: int = 0
    epoch: int = 0
    sealed_height: int = 0
    sealed_ms: int = 0
    said_by: str = ""


@dataclass
class Relay:
    """id: <member>/<name>. carries: ids of channels, or names of centers."""

    id: str
    kind: str
    carries: tuple
    parties: dict
    state: str = ""
    version: int = 1
    entered_ms: int = 0


cities = Map("city", None)
members = Map("member", None)
nodes = Map("node", None)
channels = Map("channel", None)
relays = Map("relay", None)
past = Map("past", None)  # (kind, id, version) → the record as it was
entered = Map("entered", 0)  # (kind, member) → how many it has entered
living = Map("living", 0)  # (what, of whom) → how many are active there
key_owner = Map("key_owner", ())  # identity key → (node, owner), for ever
seats = Map("seat", "")  # (node, channel) → its role, while the channel lives

CityProposed = Event("Directory.CityProposed")
CityConfirmed = Event("Directory.CityConfirmed")
CityRetired = Event("Directory.CityRetired")
MemberRegistered = Event("Directory.MemberRegistered")
MemberChanged = Event("Directory.MemberChanged")
MemberRetired = Event("Directory.MemberRetired")
NodeRegistered = Event("Directory.NodeRegistered")
NodeChanged = Event("Directory.NodeChanged")
NodeKeyAdded = Event("Directory.NodeKeyAdded")
NodeRetired = Event("Directory.NodeRetired")
ChannelListed = Event("Directory.ChannelListed")
ChannelProven = Event("Directory.ChannelProven")
ChannelRefreshed = Event("Directory.ChannelRefreshed")
ChannelPaused = Event("Directory.ChannelPaused")
ChannelResumed = Event("Directory.ChannelResumed")
ChannelArchived = Event("Directory.ChannelArchived")
RelayRegistered = Event("Directory.RelayRegistered")
RelayChanged = Event("Directory.RelayChanged")
RelayRetired = Event("Directory.RelayRetired")


# ---- keeping ---------------------------------------------------------------------------------------


def put(kind: str, records, record, event, former) -> str:
    """Keep a record; what it was before stays. former: the record so far, None for a first entry. Codes:
    E_LIMIT."""
    if former is None:
        count = entered[(kind, ctx.member)] + 1
        most = max([number for name, number in MOST_OF_MEMBER if name == kind])
        require(count <= most, "E_LIMIT", "this member has entered as many as may be")
        entered[(kind, ctx.member)] = count
    else:
        past[(kind, record.id, former.version)] = former
        record.version = former.version + 1
    record.entered_ms = ctx.time
    records[record.id] = record
    event(id=record.id, version=record.version)
    return record.state


def change(table: tuple, records, id: str, move: str, expected_version: int = 0) -> tuple:
    """The record moved as its table says, and what it was: the caller changes the first and gives both to
    `put`. Codes: E_NOT_FOUND, E_VERSION, E_STATE, E_NOT_PARTY."""
    return (enter(table, records, id, move, expected_version), records[id])


def count_living(what: str, of_whom: str, by: int):
    living[(what, of_whom)] += by


# ---- reading ---------------------------------------------------------------------------------------


def require_name(text: str):
    """Code: E_TEXT."""
    plain = all(c == " " or c in LETTERS for c in text)
    fits = 0 < len(text) <= NAME_MAX and plain and text == text.strip()
    require(fits, "E_TEXT", "a name is 1 to 32 letters, digits, blanks, . and -")


def require_text(text: str, most: int):
    require(0 < len(text) <= most, "E_TEXT", f"1 to {most} characters")


def require_jurisdiction(text: str):
    require(len(text) == 2 and is_code(text), "E_CODE", "a jurisdiction is two letters (ISO 3166)")


def active_city(name: str):
    """Code: E_CITY."""
    found = cities[name]
    known = found is not None and found.state == "ACTIVE"
    require(known, "E_CITY", "no such city is in force in the directory")
    return found


def active_member(id: str):
    """Code: E_NOT_REGISTERED."""
    found = members[id]
    known = found is not None and found.state == "ACTIVE"
    require(known, "E_NOT_REGISTERED", "the member is not registered in the directory")
    return found
