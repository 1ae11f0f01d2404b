"""What the center stores beside coins and log entries. All are structures with canonical bytes."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.encoding import Hash
from consensus.payment import KeyChainEntry, Kind, SignedCoinTransaction


@dataclass(frozen=True, slots=True)
class Operator:
    """A bank that issues against reserve. reserve_fen: what is left to issue."""

    name: str
    public_key: bytes
    reserve_fen: int


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may act on other people's money. role: `court` or `aml`."""

    name: str
    role: str
    public_key: bytes


@dataclass(frozen=True, slots=True)
class Terminal:
    """A bank's ATM or POS terminal. limit_fen: for one recharge."""

    name: str
    public_key: bytes
    bank: Hash
    limit_fen: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """Why a coin is frozen. authority: its address. state: what the coin was before."""

    txid: Hash
    authority: Hash
    order: str
    state: int


@dataclass(frozen=True, slots=True)
class WalletRecord:
    """A wallet. bank: address of the bank that opened it, zeros when its holder did. holder: as the bank
    knows them; never in the log. residence, use, until_ms: residence.py."""

    wallet: Hash
    bank: Hash
    category: int
    holder: str
    residence: str
    use: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Identified:
    """That the owner of an address was told to authorities, by which order."""

    address: Hash
    order: str
    authorities: tuple[str, ...]
    time_ms: int


@dataclass(frozen=True, slots=True)
class Reversed:
    """How much of a payment its payee has given back."""

    value_fen: int


@dataclass(slots=True)
class Held:
    """What of the money in vaults and wallets cannot be spent now, in fen. A frozen lock counts as frozen.
    Counted up in place."""

    locked_fen: int
    frozen_fen: int


@dataclass(frozen=True, slots=True)
class TxRecord:
    """An accepted transaction. payer: owner of the inputs, zeros for ISSUE. first_leaf: index of output 0."""

    signed: SignedCoinTransaction
    payer: Hash
    accepted_ms: int
    first_leaf: int
    salt_seed: bytes


@dataclass(slots=True)
class Totals:
    """Money by where it is, in fen. funded: all reserve ever placed. Counted up in place.

    Conservation: funded = reserve + vault + public, and what circulates was issued and not destroyed.
    """

    version: int
    tree_size: int
    serial: int
    accepted_ms: int
    funded_fen: int
    reserve_fen: int
    vault_fen: int
    public_fen: int
    issued_fen: int
    destroyed_fen: int

    def conserved(self) -> bool:
        circulating = self.vault_fen + self.public_fen
        return (
            self.funded_fen == self.reserve_fen + circulating
            and circulating == self.issued_fen - self.destroyed_fen
        )


@dataclass(frozen=True, slots=True)
class KeyChain:
    root_key: bytes
    entries: tuple[KeyChainEntry, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a payer gets: where its outputs stand in the log, under a head that holds them."""

    txid: Hash
    kind: Kind
    accepted_ms: int
    first_leaf: int
    outputs: int
    tree_size: int
