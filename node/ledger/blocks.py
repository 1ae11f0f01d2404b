"""A channel's blocks: headers, certificates, bodies, and where each transaction stands.

Keys in the store (integers big-endian):

    m format                layout text               m tip         height (8)
    m mark <name>           a fact to remember (`mark`), e.g. that a write-ahead log was made once
    H <height>              canonical header          C <height>    canonical certificate (not for genesis)
    B <height>              envelopes, packed         T <tx id>     height (8) and index (4)
    K <height>              nothing: the block holds a config transaction
    S <height>              the validators after a block that changed them, where the state below cannot tell
    m base                  height (8) of the first block whose body is here; absent: from genesis on

Packed envelopes: count (4), then count + 1 offsets (4) from the end of this table, then the parts, each
with a 4-byte length: body, public key, signature. So one transaction is read without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from consensus.certificate import CommitCert
from consensus.encoding import EncodingError, decode, encode
from consensus.header import Header, block_hash
from consensus.merkle import HashFunction
from consensus.validators import ValidatorSet
from node.errors import CityError
from node.ledger.store import Batch, Reader, Store, StoreDamaged, StoreFormat
from node.model import Envelope, StoredBlock

_FORMAT_KEY, _TIP_KEY, _MARK, _BASE_KEY = b"mformat", b"mtip", b"mmark", b"mbase"
_FORMAT = b"citychain blocks 1"


@dataclass(frozen=True, slots=True)
class TxPlace:
    height: int
    index: int


# The variables of CITY-5008 where no peer is known that holds every block.
NO_ARCHIVES = {"archives": "none is linked now; those without [prune] and --from-snapshot do"}


class BodyNotHeld(CityError):
    """The block is below the first one whose transactions this node holds."""

    def __init__(self, height: int, base: int) -> None:
        super().__init__("CITY-5008", height=height, base=base, **NO_ARCHIVES)


def pack_envelopes(envelopes: Sequence[Envelope]) -> bytes:
    parts, ends, at = [], [0], 0
    for envelope in envelopes:
        for part in (envelope.body, envelope.public_key, envelope.signature):
            parts.append(len(part).to_bytes(4, "big"))
            parts.append(part)
            at += 4 + len(part)
        ends.append(at)
    table = b"".join(end.to_bytes(4, "big") for end in ends)
    return len(envelopes).to_bytes(4, "big") + table + b"".join(parts)


def _unpack_one(data: bytes, at: int, end: int) -> Envelope:
    parts = []
    for _ in range(3):
        size = int.from_bytes(data[at : at + 4], "big")
        at += 4 + size
        parts.append(data[at - size : at])
    if at != end:
        raise ValueError("an envelope has another length than its table says")
    return Envelope(*parts)


def _offsets(data: bytes, index: int) -> tuple[int, int]:
    base = 4 + 4 * (int.from_bytes(data[:4], "big") + 1)
    at = 4 + 4 * index
    start, end = data[at : at + 4], data[at + 4 : at + 8]
    return base + int.from_bytes(start, "big"), base + int.from_bytes(end, "big")


def unpack_envelopes(data: bytes) -> tuple[Envelope, ...]:
    """Raises ValueError for bytes that are no packed envelopes."""
    count = int.from_bytes(data[:4], "big")
    if len(data) < 8 + 4 * count or any(data[4:8]) or _offsets(data, count)[0] != len(data):
        raise ValueError("packed envelopes have another length than their table says")
    return tuple(_unpack_one(data, *_offsets(data, i)) for i in range(count))


def _marked(tip: Header, header: Header) -> Batch:
    """The mark of a config block, where only the header above it shows that it is one."""
    is_changed = tip.height > 0 and header.config_hash != tip.config_hash
    return [(b"K" + tip.height.to_bytes(8, "big"), b"")] if is_changed else []


class BlockStore:
    """The blocks of one channel over a store of its own. One writer; reads from any thread."""

    def __init__(self, store: Store, hash_: HashFunction) -> None:
        """Raises StoreFormat for a store of another layout, StoreDamaged."""
        self._store, self._hash = store, hash_
        found = store.get(_FORMAT_KEY)
        if found is None and next(store.iterate(b"", None, 1), None) is not None:
            raise StoreFormat(store.folder, "unknown", _FORMAT.decode())
        if found not in (None, _FORMAT):
            raise StoreFormat(store.folder, found.decode(errors="replace"), _FORMAT.decode())
        self._tip: Header | None = None
        self.base = int.from_bytes(store.get(_BASE_KEY) or b"", "big")
        tip = store.get(_TIP_KEY)
        if tip is not None:
            self._tip = self.header(int.from_bytes(tip, "big"))
            if self._tip is None:
                raise StoreDamaged(store.folder, "the tip's header is missing")

    @property
    def tip(self) -> Header | None:
        """Header of the highest durable block; None before genesis was put."""
        return self._tip

    @property
    def tip_height(self) -> int | None:
        return None if self._tip is None else self._tip.height

    def put(
        self,
        header: Header,
        envelopes: Sequence[Envelope],
        tx_ids: Sequence[bytes],
        certificate: CommitCert | None,
        *,
        is_config: bool = False,
    ) -> None:
        """Append a block, durable on return. Genesis is height 0 and alone has no certificate.
        is_config: its transaction is a config transaction.

        The caller has checked certificate and roots; here only what keeps the store whole is checked:
        ValueError if it is not the next height, its parent is not the tip, or the counts differ.
        """
        height = header.height
        if height != (0 if self._tip is None else self._tip.height + 1):
            raise ValueError(f"height {height} does not follow the tip {self.tip_height}")
        if self._tip is not None and header.parent_hash != block_hash(self._hash, self._tip):
            raise ValueError(f"block {height} has another parent than the tip")
        if (certificate is None) != (height == 0):
            raise ValueError("every block but genesis has a certificate")
        if certificate is not None and certificate.block_hash != block_hash(self._hash, header):
            raise ValueError("the certificate is for another block")
        if not header.tx_count == len(envelopes) == len(tx_ids) == len(set(tx_ids)):
            raise ValueError("transaction count, envelopes and ids differ")
        at = height.to_bytes(8, "big")
        batch: Batch = [
            (_FORMAT_KEY, _FORMAT),
            (b"H" + at, encode(header)),
            (b"B" + at, pack_envelopes(envelopes)),
            (_TIP_KEY, at),
        ]
        if certificate is not None:
            batch.append((b"C" + at, encode(certificate)))
        if is_config:
            batch.append((b"K" + at, b""))
        if self._tip is not None:
            batch += _marked(self._tip, header)
        for i, tx_id in enumerate(tx_ids):
            batch.append((b"T" + tx_id, at + i.to_bytes(4, "big")))
        self._store.write(batch)
        self._tip = header

    def put_headers(self, chain: Sequence[tuple[Header, CommitCert, ValidatorSet | None]]) -> None:
        """Append headers whose bodies stay elsewhere, durable on return: what a snapshot begins with.

        Each with its certificate and, where it changes them, the validators after it. The caller has checked
        them. Only right behind genesis or other such headers: ValueError otherwise."""
        tip = self._tip
        if tip is None or tip.height not in (0, self.base - 1):
            raise ValueError("headers without bodies stand below all bodies")
        batch: Batch = []
        for header, certificate, validators in chain:
            if header.height != tip.height + 1 or header.parent_hash != block_hash(self._hash, tip):
                raise ValueError(f"header {header.height} does not follow {tip.height}")
            at = header.height.to_bytes(8, "big")
            batch += [(b"H" + at, encode(header)), (b"C" + at, encode(certificate))]
            batch += _marked(tip, header)
            if validators is not None:
                batch += [(b"K" + at, b""), (b"S" + at, encode(validators))]
            tip = header
        base = tip.height + 1
        batch += [(_TIP_KEY, tip.height.to_bytes(8, "big")), (_BASE_KEY, base.to_bytes(8, "big"))]
        self._store.write(batch)
        self._tip, self.base = tip, base

    def note_validators(self, height: int, validators: ValidatorSet) -> None:
        """Remember the validators after a block that changed them, durable on return."""
        self._store.write([(b"S" + height.to_bytes(8, "big"), encode(validators))])

    def fill(
        self,
        height: int,
        envelopes: Sequence[Envelope],
        tx_ids: Sequence[bytes],
        *,
        is_config: bool = False,
    ) -> None:
        """Give a header of `put_headers` its transactions, durable on return; they are answered once `begin`
        was told. The caller has checked them: ValueError only where the counts differ."""
        header = self.header(height)
        if header is None or not header.tx_count == len(envelopes) == len(tx_ids):
            raise ValueError(f"these are not the transactions of block {height}")
        at = height.to_bytes(8, "big")
        batch: Batch = [(b"B" + at, pack_envelopes(envelopes))]
        if is_config:
            batch.append((b"K" + at, b""))
        for i, tx_id in enumerate(tx_ids):
            batch.append((b"T" + tx_id, at + i.to_bytes(4, "big")))
        self._store.write(batch)

    def is_filled(self, height: int) -> bool:
        """Whether its transactions are here."""
        return self._store.get(b"B" + height.to_bytes(8, "big")) is not None

    def begin(self, base: int) -> None:
        """Every header from `base` to the tip was filled: from here on these blocks are whole."""
        if self._tip is None or not all(map(self.is_filled, range(base, self._tip.height + 1))):
            raise ValueError(f"not every block from {base} on is filled")
        self._store.write([(_BASE_KEY, base.to_bytes(8, "big"))])
        self.base = base

    def validators_after(self, height: int) -> ValidatorSet | None:
        """As `put_headers` or `note_validators` was told; None where the state knows."""
        found = self._store.get(b"S" + height.to_bytes(8, "big"))
        if found is None:
            return None
        try:
            return decode(ValidatorSet, found)
        except EncodingError as error:
            raise StoreDamaged(self._store.folder, f"validators: {error}") from error

    def header(self, height: int) -> Header | None:
        found = self._store.get(b"H" + height.to_bytes(8, "big"))
        return None if found is None else self._header(found)

    def certificate(self, height: int) -> CommitCert | None:
        """None for genesis and above the tip."""
        found = self._store.get(b"C" + height.to_bytes(8, "big"))
        return None if found is None else self._certificate(found)

    def block(self, height: int) -> StoredBlock | None:
        """A whole block; None above the tip. Raises BodyNotHeld below `base`."""
        at = height.to_bytes(8, "big")
        header, body, cert = self._store.get_many([b"H" + at, b"B" + at, b"C" + at])
        if header is None:
            return None
        if 0 < height < self.base:
            raise BodyNotHeld(height, self.base)
        if body is None or (cert is None and height != 0):
            raise StoreDamaged(self._store.folder, f"block {height} is not whole")
        try:
            envelopes = unpack_envelopes(body)
        except ValueError as error:
            raise StoreDamaged(self._store.folder, f"block {height}: {error}") from error
        certificate = None if cert is None else self._certificate(cert)
        return StoredBlock(self._header(header), envelopes, certificate)

    def blocks(self, first: int, last: int | None = None) -> Iterator[StoredBlock]:
        """Blocks from height `first` to `last` (default: the tip), both included."""
        height = first
        while last is None or height <= last:
            found = self.block(height)
            if found is None:
                return
            yield found
            height += 1

    def headers(self, first: int, limit: int) -> list[Header]:
        """At most `limit` headers from height `first` up."""
        after = None if first <= 0 else b"H" + (first - 1).to_bytes(8, "big")
        return [self._header(found) for _, found in self._store.iterate(b"H", after, limit)]

    def place(self, tx_id: bytes) -> TxPlace | None:
        """Where a transaction stands; None if it was never ordered here."""
        found = self._store.get(b"T" + tx_id)
        return None if found is None else self._place(found)

    def places(self, tx_ids: Sequence[bytes]) -> list[TxPlace | None]:
        found = self._store.get_many([b"T" + tx_id for tx_id in tx_ids])
        return [None if place is None else self._place(place) for place in found]

    def envelope(self, place: TxPlace) -> Envelope | None:
        """One transaction of a block, read without the others."""
        body = self._store.get(b"B" + place.height.to_bytes(8, "big"))
        if body is None or not 0 <= place.index < int.from_bytes(body[:4], "big"):
            return None
        try:
            return _unpack_one(body, *_offsets(body, place.index))
        except ValueError as error:
            raise StoreDamaged(self._store.folder, f"block {place.height}: {error}") from error

    def is_config(self, height: int) -> bool:
        """Whether the block holds a config transaction."""
        return self._store.get(b"K" + height.to_bytes(8, "big")) is not None

    def config_heights(self, above: int) -> list[int]:
        """Heights of blocks with a config transaction, from the first one above `above`; they are few."""
        after = b"K" + above.to_bytes(8, "big")
        return [int.from_bytes(key[1:], "big") for key, _ in self._store.iterate(b"K", after)]

    def prune(self, base: int, tx_id: Callable[[bytes], bytes]) -> Iterator[None]:
        """Let go of the bodies below `base`, which is at most the tip, block by block; headers, certificates
        and the marks of config blocks stay. Nothing below is answered from the first step on. tx_id: of a
        body."""
        if self._tip is None or not self.base <= base <= self._tip.height:
            raise ValueError(f"nothing to let go below {base}")
        self._store.write([(_BASE_KEY, base.to_bytes(8, "big"))])
        self.base = base
        for key, body in self._store.iterate(b"B"):
            if int.from_bytes(key[1:], "big") >= base:
                return
            if not any(key[1:]):
                continue  # genesis stays whole
            batch: Batch = [(key, None)]
            batch += [(b"T" + tx_id(each.body), None) for each in unpack_envelopes(body)]
            self._store.write(batch)
            yield

    def compact(self) -> None:
        self._store.compact()

    def mark(self, name: str) -> None:
        """Remember a fact for ever, durable on return."""
        self._store.write([(_FORMAT_KEY, _FORMAT), (_MARK + name.encode(), b"\x01")])

    def is_marked(self, name: str) -> bool:
        return self._store.get(_MARK + name.encode()) is not None

    def snapshot(self) -> Reader:
        """All keys as they are now, for a backup. Close it."""
        return self._store.snapshot()

    def close(self) -> None:
        self._store.close()

    @staticmethod
    def _place(found: bytes) -> TxPlace:
        return TxPlace(int.from_bytes(found[:8], "big"), int.from_bytes(found[8:], "big"))

    def _header(self, data: bytes) -> Header:
        try:
            return decode(Header, data)
        except EncodingError as error:
            raise StoreDamaged(self._store.folder, f"a header: {error}") from error

    def _certificate(self, data: bytes) -> CommitCert:
        try:
            return decode(CommitCert, data)
        except EncodingError as error:
            raise StoreDamaged(self._store.folder, f"a certificate: {error}") from error
