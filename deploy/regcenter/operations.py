"""What the one writer of a center can be asked to do, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.center_request import AuthorityQuery, IdentifyQuery, OperatorQuery, WalletQuery
from consensus.encoding import Hash
from consensus.payment import SignedCoinTransaction, SignedTreeHead
from consensus.payment_lock import WitnessedTransaction
from deploy.regcenter.desk import Answer, Instruction
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hooks import Told
from deploy.regcenter.model import Authority, Operator, Receipt, WalletRecord


@dataclass(frozen=True, slots=True)
class Placement:
    """Operation: a bank places reserve. request: digest of the signed request; each places reserve once."""

    query: OperatorQuery
    request: Hash


@dataclass(frozen=True, slots=True)
class Refresh:
    """Operation: sign the present tree again, so that its head is fresh. with_map: the map of unspent coins
    shall show every coin of the log."""

    with_map: bool = False


@dataclass(frozen=True, slots=True)
class Appointment:
    """Operation: the root key names an authority. Repeating it changes nothing."""

    query: AuthorityQuery


@dataclass(frozen=True, slots=True)
class Opening:
    """Operation: a bank, by its public key, opens or changes a wallet."""

    query: WalletQuery
    bank: bytes


@dataclass(frozen=True, slots=True)
class Identification:
    """Operation: two authorities, by their public keys, ask whose an address is. request: digest of the
    first one's signed request."""

    query: IdentifyQuery
    asking: tuple[bytes, bytes]
    request: Hash


Stateful = Placement | Appointment | Opening | Identification | Refresh | Instruction | Told
Operation = SignedCoinTransaction | WitnessedTransaction | Stateful
Outcome = (
    Receipt | Operator | Authority | WalletRecord | SignedTreeHead | Answer | Told | CenterError
)
