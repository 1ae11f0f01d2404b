"""What a consensus core takes and gives: the contract both engines implement and the driver turns.

A core is a pure state machine. `step(input)` returns actions, and **the order of the list is the order of
durability**: the driver makes every Persist of a batch durable (one append, one fdatasync) before anything
that follows it leaves the node. Time enters as `now_ms` on every input. A core knows transaction ids and
leaves, never bodies. Nothing here does I/O, reads a clock or draws a random number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from consensus.encoding import ZERO_HASH, Hash, Sig

if TYPE_CHECKING:
    from consensus.certificate import CommitCert
    from consensus.header import Header
    from consensus.validators import ValidatorSet


class ProtocolViolation(Exception):
    """Their bug: a peer sent what the protocol does not allow. Drop it, count it, maybe accuse."""


class InvariantBroken(AssertionError):
    """Our bug, or more than f liars: the channel stops and keeps its WAL."""


@dataclass(frozen=True, slots=True)
class SignatureItem:
    key: bytes
    message: bytes
    signature: Sig


class Verifier(Protocol):
    """Hashes, and answers whether a signature holds. The driver checks `signature_items` in batches off
    the loop beforehand, so `verify` normally answers from that cache; it is correct without it."""

    @property
    def suite_id(self) -> int: ...

    def hash(self, data: bytes) -> bytes: ...
    def verify(self, item: SignatureItem) -> bool: ...


class Signer(Protocol):
    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes) -> Sig: ...


@dataclass(frozen=True, slots=True)
class TxRef:
    """A transaction as a core sees it. `leaf` is its leaf in tx_root. A configuration transaction stands
    alone in its block, and nothing is voted for above that block until it is executed.

    member, application, sender: whose turn it takes (consensus/ordering/lanes.py); where nobody says, all are
    one."""

    tx_id: Hash
    leaf: Hash
    gas_limit: int
    size_bytes: int
    is_config: bool = False
    member: str = ""
    application: str = ""
    sender: bytes = b""


@dataclass(frozen=True, slots=True)
class Block:
    """A block by reference: bodies are looked up by id. `parts` of a Decided message and of Deliver."""

    header: Header
    tx_ids: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class EpochBase:
    """The last block of the epoch before: what the first block of this epoch stands on.

    For the first epoch that is genesis: height 0, its hash, no validators, no certificate. Later on the
    certificate is the base block's, sealed by `validators`, the set of the epoch before."""

    height: int
    block_hash: Hash
    validators: ValidatorSet | None = None
    cert: CommitCert | None = None


@dataclass(frozen=True, slots=True)
class ConfigEffect:
    """What a configuration transaction makes of the configuration after the tip: the hash and the
    validators in force ABOVE its block (with the epoch they will have: one higher if and only if members
    or keys differ), and the root over the evidence it accepts, which the block's own header carries (the
    empty root where it accepts none)."""

    config_hash: Hash
    validators: ValidatorSet
    evidence_root: Hash


class Configuration(Protocol):
    """Handed to a core by its driver. Asked only when every block up to the tip is executed, so that the
    answer is the same on every node. A transaction that changes nothing has an effect too: the old values."""

    def effect(self, tx_id: Hash) -> ConfigEffect | None:
        """Of that transaction as the only one of the next block. None: its body is not here (yet)."""
        ...


# --- inputs -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restart:
    """First input of every life. `records` as read from the WAL (empty on a first start); `tip` the
    last durable block with its certificate (genesis: certificate None); `executed` the roots of every
    executed height from max(0, tip - W) up, as (height, state_root, receipts_root).

    The core was made from the configuration in force above the tip. One exception: a tip that is a
    configuration block and not executed yet (`is_tip_config`). Then the core is of the configuration below
    it, and does nothing but wait for Executed(tip) to answer Reconfigured.

    is_key_new: no record was ever written with this vote key, as far as this node's disk can tell: it has
    nothing to forget. False where the driver cannot tell.

    nonce: another number in every life. A validator that must hear the others before it votes tells fresh
    answers from old ones by it; 0 takes now_ms for it."""

    now_ms: int
    records: tuple[bytes, ...]
    tip: Header
    tip_cert: CommitCert | None
    executed: tuple[tuple[int, Hash, Hash], ...]
    observes_because: str = ""  # why this node must not vote in this life
    is_wal_loss_accepted: bool = False  # an operator's word, where there are one or two validators
    is_tip_config: bool = False
    nonce: int = 0
    is_key_new: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Deadlines are judged now, and with no other input. A driver hands it in behind what has arrived."""

    now_ms: int


@dataclass(frozen=True, slots=True)
class Received:
    """A message from validator `sender` (index in the set of this core's epoch; authenticated link)."""

    now_ms: int
    sender: int
    message: Any


@dataclass(frozen=True, slots=True)
class TxWaiting:
    """Valid bodies held by this node that wait to be ordered (from clients or peers)."""

    now_ms: int
    txs: tuple[TxRef, ...]


@dataclass(frozen=True, slots=True)
class TxDropped:
    """The pool gave these up (expired, evicted): they are no longer waiting work."""

    now_ms: int
    tx_ids: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class Have:
    """Answer to Need. Invalid: the body breaks a rule at this height, so whoever proposed it is at fault."""

    now_ms: int
    tx_id: Hash
    valid: bool
    tx: TxRef | None


@dataclass(frozen=True, slots=True)
class Synced:
    """A certified block fetched from a peer; the driver has its bodies and checked tx_root against them.
    The core verifies the certificate and the chain rules before it advances. `is_config`: its only
    transaction is a configuration transaction."""

    now_ms: int
    block: Block
    cert: CommitCert
    is_config: bool = False


@dataclass(frozen=True, slots=True)
class Executed:
    """Own execution reached `height`, durably. `manifest`: hash of the snapshot made after this height, by
    which checkpoints name it; zero where none was made (it must be the same on every node)."""

    now_ms: int
    height: int
    state_root: Hash
    receipts_root: Hash
    manifest: Hash = ZERO_HASH


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A link to validator `index` came up: both sides tell each other where they stand. Without this
    input a node that missed the last block of a now idle chain would not hear of it."""

    now_ms: int
    index: int


@dataclass(frozen=True, slots=True)
class Leaving:
    """This node is about to stop in good order. A core that leads may hand leadership over, so that nobody
    waits for a timeout; it need not, and goes on as before where nobody takes it."""

    now_ms: int


Input = (
    Restart
    | Tick
    | Received
    | TxWaiting
    | TxDropped
    | Have
    | Synced
    | Executed
    | PeerConnected
    | Leaving
)

# --- actions ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Persist:
    """Append to the WAL and make durable before any later action of this list."""

    records: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """To every other validator. `message` is encoded by the core's own codec."""

    message: bytes


@dataclass(frozen=True, slots=True)
class Send:
    to: int
    message: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """Store block and certificate durably, then execute. In height order, each height once."""

    block: Block
    cert: CommitCert


@dataclass(frozen=True, slots=True)
class Keep:
    """Make the bodies of these transactions durable before any later action of this list: this node is
    about to vote for the block that names them, and must be able to serve it after a restart
    (consensus.md section 5). Not needed any more once block `height` is delivered. `leaves` say which
    copies: a client can sign one body twice, and only the copy that the block covers can be served."""

    height: int
    tx_ids: tuple[Hash, ...]
    leaves: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """Fetch these bodies, first from validator `from_`; answer each with Have."""

    tx_ids: tuple[Hash, ...]
    from_: int


@dataclass(frozen=True, slots=True)
class Behind:
    """Certified blocks exist up to `height`, or a validator of a later epoch says so: fetch from tip + 1,
    first from validator `from_`."""

    height: int
    from_: int


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand these waiting transactions to validator `to` (censorship timer T1, rule R10)."""

    to: int
    tx_ids: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Call step(Tick) at or after `at_ms`. One timer: a later SetTimer replaces it; None clears it."""

    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Accuse:
    """Two contradicting signed messages of one validator, encoded as Evidence."""

    evidence: bytes


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop this channel: a root sealed by a quorum differs from the own (R12). Never fork."""

    reason: str
    height: int
    own_root: Hash
    sealed_root: Hash


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """Configuration block `height` is executed and this core has ended: it returns no further action. Make a
    new core from the new configuration and start it with Restart(the WAL's records, tip = that block, …),
    as after a restart of the process, and tell it again what waits. Peers' indexes may have changed."""

    height: int


Action = (
    Persist
    | Keep
    | Broadcast
    | Send
    | Deliver
    | Need
    | Behind
    | Forward
    | SetTimer
    | Accuse
    | Halt
    | Reconfigured
)


@dataclass(frozen=True, slots=True)
class CoreStatus:
    """What `city node status` and the status page show about ordering.

    observes_because: why this node does not vote; empty while it does. stable_checkpoint: the highest height
    whose state a quorum has signed, 0 for none."""

    view: int
    is_active: bool
    leader: int
    tip_height: int
    view_since_ms: int
    waiting: int
    timeout_ms: int
    last_view_change_reason: str
    epoch: int = 0
    observes_because: str = ""
    stable_checkpoint: int = 0


class Core(Protocol):
    def step(self, event: Input) -> list[Action]: ...

    def decode_message(self, data: bytes) -> Any:
        """Strictly decode a peer's message. Raises ProtocolViolation."""
        ...

    def signature_items(self, message: Any) -> list[SignatureItem]:
        """Every signature the message carries, for checking in batches. Pure."""
        ...

    def status(self) -> CoreStatus: ...
