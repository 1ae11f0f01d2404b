"""A wallet's key and what it signs: transactions, approvals, requests, and its bond with a member of a
channel."""

from __future__ import annotations

from dataclasses import dataclass

from consensus.center_request import CenterRequest, SignedCenterRequest, request_digest
from consensus.encoding import Hash, Sig, encode
from consensus.payment import (
    NO_REFERENCE,
    CoinTransaction,
    SignedCoinTransaction,
    WalletBinding,
    binding_digest,
    coin_tx_digest,
    wallet_address,
)
from consensus.payment_lock import Approval
from deploy.regcenter.hashing import sm3
from node.identity.suite import Signer, get_suite


@dataclass(frozen=True, slots=True)
class Wallet:
    """A key that owns coins; a bank's vault is one too."""

    signer: Signer

    @classmethod
    def generate(cls) -> Wallet:
        suite = get_suite("sm")
        return cls(suite.signer(suite.generate_key()))

    @classmethod
    def from_scalar(cls, scalar: bytes) -> Wallet:
        suite = get_suite("sm")
        return cls(suite.signer(suite.private_key(scalar)))

    @property
    def public_key(self) -> bytes:
        return self.signer.public_key

    @property
    def address(self) -> Hash:
        return wallet_address(sm3, self.signer.public_key)

    def binding_signature(self, channel_id: bytes, member: str) -> bytes:
        """Signature for the contract's `dcep.bind_wallet`: this wallet belongs to that member."""
        binding = WalletBinding(Hash(channel_id), member, self.address)
        return self.signer.sign(binding_digest(sm3, binding))


@dataclass(frozen=True, slots=True)
class Payment:
    """One output to somebody. reference: its payment reference, zeros for none."""

    to: bytes
    amount_fen: int
    reference: bytes = NO_REFERENCE


def sign_transaction(payer: Wallet, log: Hash, tx: CoinTransaction) -> SignedCoinTransaction:
    signature = Sig(payer.signer.sign(coin_tx_digest(sm3, log, tx)))
    return SignedCoinTransaction(tx, payer.public_key, signature)


def approve(wallet: Wallet, log: Hash, tx: CoinTransaction) -> Approval:
    """An arbiter's, or the payee's, signature beside the owner's."""
    return Approval(wallet.public_key, Sig(wallet.signer.sign(coin_tx_digest(sm3, log, tx))))


def authorization(signer: Signer, request: CenterRequest) -> dict[str, str]:
    """The header of a signed request."""
    signature = Sig(signer.sign(request_digest(sm3, request)))
    signed = SignedCenterRequest(request, signer.public_key, signature)
    return {"Authorization": "SM2 " + encode(signed).hex()}
