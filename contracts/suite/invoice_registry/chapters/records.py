"""What the registry keeps: documents by their seller, claims by the fingerprint of an invoice."""

from sdk import Map, dataclass


@dataclass
class Document:
    digest: str
    kind: str
    seller: str
    buyer: str
    amount_fen: int
    currency: str
    issued_on: str
    drawn_fen: int = 0
    version: int = 1


@dataclass
class Claim:
    """A bank's share of one fingerprint; several leaves of one invoice make several claims.

    until_ms: when a reservation ends by itself, unless a financing that waits for its payment holds it.
    """

    bank: str
    number: int
    share_bps: int = 0
    state: str = "-"
    until_ms: int = 0
    registered_ms: int = 0
    held: bool = False
    alert_bps: int = 0  # how much this invoice looks like another one that is financed
    reason: str = ""  # why the bank goes on all the same
    version: int = 0


documents = Map("document", None)  # (seller, digest): nobody takes a digest from its seller
claims = Map("claim", None)  # (fingerprint, bank, number from 1)
latest = Map("latest", 0)  # (fingerprint, bank) → number of the bank's newest claim
banks_of: Map[str, tuple[str, ...]] = Map(
    "banks", ()
)  # fingerprint → banks that may have a reservation open
financed = Map("financed", 0)  # fingerprint → basis points of ACTIVE claims
marked: Map[str, tuple[str, ...]] = Map(
    "marked", ()
)  # mark → fingerprints that were registered with it
conflicts = Map("conflict", 0)  # fingerprint → how often a second bank tried
