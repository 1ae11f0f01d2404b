"""A stub of the secure element of an offline wallet: a key, a counter and a balance in one file.

A real one keeps all three in hardware that its holder cannot open; this one keeps the rules and stands in for
it. What it pays is durable before the voucher leaves it, so that a crash loses money and never spends it
twice. It takes money in by the center's proof of a transfer to its address, or by another element's voucher.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from consensus.encoding import ZERO_HASH, EncodingError, Hash, Sig, decode, encode
from consensus.payment import coin_id, log_id
from consensus.payment_proof import ProofRefused, TrustedLog, check_proof
from deploy.regcenter.devices import VOUCHER_VERSION, offline_limits_at
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.packed import address_of
from deploy.regcenter.requests import (
    DeviceCertificate,
    DeviceStatement,
    Signed,
    SignedVoucher,
    Voucher,
    digest_of,
)
from deploy.regcenter.voice import check_said
from node.identity.suite import Signer, Suite


@dataclass(frozen=True, slots=True)
class State:
    """counter: of the next voucher. previous: digest of the last one. since_fen: paid since the last
    synchronisation at synced_ms. taken: coins and vouchers that were credited once."""

    scalar: bytes
    root_key: bytes
    counter: int
    previous: Hash
    balance_fen: int
    since_fen: int
    synced_ms: int
    is_blocked: bool
    taken: tuple[Hash, ...]


class SecureElement:
    """One device, in one file of mode 0600. Methods raise CenterError: RC_DEVICE, RC_LIMIT, RC_OVERSPEND."""

    def __init__(self, path: Path, suite: Suite, state: State) -> None:
        self._path, self._suite, self._state = path, suite, state
        self._signer: Signer = suite.signer(suite.private_key(state.scalar))
        self._log_id = log_id(sm3, state.root_key)

    @classmethod
    def create(cls, path: Path, suite: Suite, root_key: bytes, now_ms: int) -> SecureElement:
        """A new device that trusts one center. Raises FileExistsError."""
        key = suite.generate_key()
        state = State(key.scalar, root_key, 0, ZERO_HASH, 0, 0, now_ms, False, ())
        element = cls(path, suite, state)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            out.write(encode(state))
            os.fsync(out.fileno())
        return element

    @classmethod
    def open(cls, path: Path, suite: Suite) -> SecureElement:
        try:
            return cls(path, suite, decode(State, path.read_bytes()))
        except EncodingError as error:
            raise CenterError("RC_DEVICE", f"{path} holds no device") from error

    @property
    def public_key(self) -> bytes:
        return self._signer.public_key

    @property
    def signer(self) -> Signer:
        return self._signer

    @property
    def address(self) -> Hash:
        return address_of(self._signer.public_key)

    @property
    def balance_fen(self) -> int:
        return self._state.balance_fen

    @property
    def counter(self) -> int:
        return self._state.counter

    def load(self, proof: bytes) -> int:
        """Credits a transfer to this device by its payment proof, once. The balance then."""
        try:
            trusted = TrustedLog(self._state.root_key)
            paid = check_proof(sm3, self._suite.verify, proof, trusted, None)
        except ProofRefused as error:
            raise CenterError("RC_DEVICE", str(error)) from error
        if paid.kind != "TRANSFER" or paid.payee != self.address or not paid.amount_fen:
            raise CenterError("RC_DEVICE", "the proof shows no transfer to this device")
        return self._take(coin_id(sm3, paid.proof.point), paid.amount_fen)

    def pay(self, to: Hash, value_fen: int, now_ms: int) -> SignedVoucher:
        """A voucher for an address: a device's, or a wallet's to leave the offline world."""
        state, limits = self._state, offline_limits_at(now_ms)
        if state.is_blocked or to == self.address or value_fen <= 0:
            raise CenterError("RC_DEVICE", "it is blocked, or there is nothing to pay")
        if value_fen > state.balance_fen:
            raise CenterError("RC_OVERSPEND", f"{value_fen} of {state.balance_fen} fen")
        if value_fen > limits.voucher_fen:
            raise CenterError("RC_LIMIT", f"{limits.voucher_fen} fen a voucher")
        if state.since_fen + value_fen > limits.between_fen:
            raise CenterError("RC_LIMIT", f"{limits.between_fen} fen until it synchronises")
        if now_ms - state.synced_ms > limits.between_ms:
            raise CenterError("RC_LIMIT", f"{limits.days} days until it synchronises")
        voucher = Voucher(
            VOUCHER_VERSION, self._log_id, self.address, to, value_fen, state.counter,
            state.previous, now_ms,
        )  # fmt: skip
        digest = digest_of(voucher)
        signed = SignedVoucher(voucher, self.public_key, Sig(self._signer.sign(digest)))
        self._save(
            replace(
                state,
                counter=state.counter + 1,
                previous=digest,
                balance_fen=state.balance_fen - value_fen,
                since_fen=state.since_fen + value_fen,
            )
        )
        return signed

    def receive(self, signed: SignedVoucher, certificate: Signed, now_ms: int) -> int:
        """Credits another device's voucher, once. The balance then."""
        root_key, voucher = self._state.root_key, signed.voucher
        sender = check_said(self._suite, certificate, root_key, DeviceCertificate, now_ms)
        digest = digest_of(voucher)
        holds = (
            sender.public_key == signed.public_key
            and address_of(signed.public_key) == voucher.sender
            and now_ms < sender.not_after_ms
            and voucher.version == VOUCHER_VERSION
            and voucher.log_id == self._log_id
            and self._suite.verify(signed.public_key, digest, signed.signature)
        )
        if not holds:
            raise CenterError("RC_DEVICE", "no device of this center signed the voucher")
        if voucher.to != self.address or voucher.value_fen == 0:
            raise CenterError("RC_DEVICE", "the voucher pays another device, or nothing")
        if voucher.value_fen > offline_limits_at(now_ms).voucher_fen:
            raise CenterError("RC_LIMIT", "more than a voucher may be")
        return self._take(digest, voucher.value_fen)

    def sync(self, said: Signed, now_ms: int) -> None:
        """The center's word that it has heard of this device: its limits start again, or it is blocked."""
        root_key = self._state.root_key
        found = check_said(self._suite, said, root_key, DeviceStatement, now_ms)
        if found.device != self.address or found.time_ms < self._state.synced_ms:
            raise CenterError("RC_DEVICE", "the statement is another device's, or an old one")
        self._save(
            replace(self._state, since_fen=0, synced_ms=found.time_ms, is_blocked=found.is_blocked)
        )

    def _take(self, once: Hash, value_fen: int) -> int:
        if once in self._state.taken:
            raise CenterError("RC_DEVICE", "it was credited before")
        balance = self._state.balance_fen + value_fen
        self._save(replace(self._state, balance_fen=balance, taken=(*self._state.taken, once)))
        return balance

    def _save(self, state: State) -> None:
        temporary = self._path.with_name(self._path.name + ".new")
        file = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(encode(state))
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(self._path)
        self._state = state
