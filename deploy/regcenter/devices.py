"""Offline money: what a voucher between secure elements must satisfy, and whose fault a double spend is.

A device's money lies at the address of its key. It moves by settling vouchers only: coins from the sender's
address to the address that the voucher names, in the order in which vouchers reach the center. A device signs
each counter once; two vouchers with one counter, or with another past, are its own proof against it: it is
blocked, and who was paid by the second one is paid by the vendor's address, then by the bank, up to what a
device may hand out.

Keys of the store: `D` devices, `V` vouchers by device and counter, `X` evidence by device and voucher.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from consensus.encoding import ZERO_HASH, EncodingError, Hash, decode, encode
from deploy.regcenter.errors import CenterError
from deploy.regcenter.limits import DAY_MS
from deploy.regcenter.packed import address_of
from deploy.regcenter.requests import SignedVoucher, digest_of
from deploy.regcenter.store import Overlay, Store
from node.identity.suite import Suite

VOUCHER_VERSION = 1
VOUCHER_AHEAD_MAX_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class OfflineLimits:
    """From `from_ms` on: fen a voucher, fen between two synchronisations, days between them."""

    from_ms: int
    voucher_fen: int
    between_fen: int
    days: int

    @property
    def between_ms(self) -> int:
        return self.days * DAY_MS


# Our own figures: none are published.
OFFLINE_POLICIES = (
    OfflineLimits(1_577_808_000_000, 50_000, 100_000, 7),
    OfflineLimits(1_767_196_800_000, 100_000, 500_000, 14),
)


def offline_limits_at(time_ms: int) -> OfflineLimits:
    """Before the first policy nothing is paid offline."""
    found = OfflineLimits(0, 0, 0, 0)
    for policy in OFFLINE_POLICIES:
        if policy.from_ms <= time_ms:
            found = policy
    return found


@dataclass(frozen=True, slots=True)
class Device:
    """compensated_fen: what others have paid for its double spends. contact: last synchronisation."""

    public_key: bytes
    bank: Hash
    vendor: Hash
    not_after_ms: int
    is_blocked: bool
    compensated_fen: int
    contact_ms: int


@dataclass(frozen=True, slots=True)
class DoubleSpend:
    """Two vouchers of one device that cannot both be: it convicts by itself."""

    first: SignedVoucher
    second: SignedVoucher
    vendor_fen: int
    bank_fen: int


class Devices:
    """The addresses are kept in memory, everything else in the store."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self.addresses: set[Hash] = set()

    def load(self, store: Store) -> None:
        self.addresses = {Hash(address) for address, _ in store.items(b"D")}

    def device(self, overlay: Overlay, address: Hash) -> Device:
        data = overlay.get(b"D" + address)
        if data is None:
            raise CenterError("RC_DEVICE", "no bank registered it")
        return decode(Device, data)

    def put(self, overlay: Overlay, address: Hash, device: Device) -> None:
        overlay.put(b"D" + address, encode(device))
        self.addresses.add(address)

    def open_voucher(self, data: bytes, log_id: Hash, now_ms: int) -> tuple[SignedVoucher, Hash]:
        """A voucher that its sender signed, and its digest. Raises CenterError RC_DEVICE, RC_LIMIT."""
        try:
            signed = decode(SignedVoucher, data)
        except EncodingError as error:
            raise CenterError("RC_DEVICE", str(error)) from error
        voucher, digest = signed.voucher, digest_of(signed.voucher)
        wrong = {
            "unknown version": voucher.version != VOUCHER_VERSION,
            "it is for another center": voucher.log_id != log_id,
            "it is signed by another key": address_of(signed.public_key) != voucher.sender,
            "it pays itself": voucher.sender == voucher.to,
            "it pays nothing": voucher.value_fen == 0,
            "it is of the future": voucher.time_ms > now_ms + VOUCHER_AHEAD_MAX_MS,
            "only the first has no past": (voucher.counter == 0)
            is not (voucher.previous == ZERO_HASH),
        }
        for what, is_wrong in wrong.items():
            if is_wrong:
                raise CenterError("RC_DEVICE", what)
        if voucher.value_fen > offline_limits_at(voucher.time_ms).voucher_fen:
            raise CenterError("RC_LIMIT", "more than a voucher may be")
        if not self._suite.verify(signed.public_key, digest, signed.signature):
            raise CenterError("RC_DEVICE", "its signature does not hold")
        return signed, digest

    def settled(self, overlay: Overlay, sender: Hash, counter: int) -> SignedVoucher | None:
        data = overlay.get(_voucher_key(sender, counter))
        return None if data is None else decode(SignedVoucher, data)

    def contradiction(self, overlay: Overlay, signed: SignedVoucher) -> SignedVoucher | None:
        """A settled voucher of the same device that cannot stand beside this one."""
        voucher = signed.voucher
        same = self.settled(overlay, voucher.sender, voucher.counter)
        if same is not None:
            return same
        if voucher.counter:
            before = self.settled(overlay, voucher.sender, voucher.counter - 1)
            if before is not None and digest_of(before.voucher) != voucher.previous:
                return before
        after = self.settled(overlay, voucher.sender, voucher.counter + 1)
        if after is not None and after.voucher.previous != digest_of(voucher):
            return after
        return None

    def keep(self, overlay: Overlay, signed: SignedVoucher) -> None:
        voucher = signed.voucher
        overlay.put(_voucher_key(voucher.sender, voucher.counter), encode(signed))

    def evidence(self, overlay: Overlay, sender: Hash, digest: Hash) -> DoubleSpend | None:
        data = overlay.get(b"X" + sender + digest)
        return None if data is None else decode(DoubleSpend, data)

    def convict(self, overlay: Overlay, digest: Hash, found: DoubleSpend) -> None:
        """The evidence is kept and the device blocked for good."""
        sender = found.second.voucher.sender
        overlay.put(b"X" + sender + digest, encode(found))
        device = self.device(overlay, sender)
        paid = device.compensated_fen + found.vendor_fen + found.bank_fen
        self.put(overlay, sender, replace(device, is_blocked=True, compensated_fen=paid))


def _voucher_key(sender: Hash, counter: int) -> bytes:
    return b"V" + sender + counter.to_bytes(8, "big")
