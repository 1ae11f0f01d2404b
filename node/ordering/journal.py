"""The write-ahead log as the pipeline uses it: the core's records, and the bodies of what was voted for.

A proposal names transactions by id, and pools live in memory. If every node lost power after voting, nobody
could serve the block that a view change must propose again; so bodies are logged with the vote (consensus.md
section 5). Both kinds go into one log and one fdatasync; the first byte of a record tells them apart.

Each append also says how many blocks were durable by then. A vote rests on the block below it, so a block store
that ends lower than its log says has lost its tail; what was voted for above is then not to be judged by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from consensus.encoding import Hash
from node.failpoints import reach
from node.ledger.blocks import pack_envelopes, unpack_envelopes
from node.model import Envelope
from node.ordering.admission import Admitted
from node.ordering.core import retained_records
from node.ordering.wal import Wal, WalDamaged

CORE, BODIES, TIP = b"c", b"b", b"t"
ROTATE_BYTES = 32 * 1024 * 1024


class Journal:
    """Owned by the driver's task. Calls that write block; the driver makes them in a thread."""

    def __init__(
        self, wal: Wal, logged: Sequence[bytes], folder: Path, on_first_record: Callable[[], None]
    ) -> None:
        """on_first_record: called in the log's thread when the first core record is durable, before
        anything that rests on it leaves the node."""
        self._wal = wal
        self._on_first_record = on_first_record
        self._records: list[bytes] = []
        self._kept: dict[Hash, tuple[int, Admitted]] = {}
        self._restored: list[Envelope] = []
        self._tip_height = 0
        for record in logged:
            self._read(record, folder)

    def _read(self, record: bytes, folder: Path) -> None:
        kind, data = record[:1], record[1:]
        if kind == CORE:
            self._records.append(data)
            return
        if kind == TIP:
            self._tip_height = max(self._tip_height, int.from_bytes(data, "big"))
            return
        try:
            if kind != BODIES:
                raise ValueError("a record of unknown kind")
            self._restored += unpack_envelopes(data)
        except ValueError as error:
            raise WalDamaged(folder, 0, str(error)) from error

    @property
    def core_records(self) -> tuple[bytes, ...]:
        return tuple(self._records)

    @property
    def tip_height(self) -> int:
        """The highest block that is known to have been durable."""
        return self._tip_height

    @property
    def restored(self) -> tuple[Envelope, ...]:
        """Bodies logged in an earlier life."""
        return tuple(self._restored)

    def kept(self, tx_id: Hash) -> Admitted | None:
        """The very transaction this node voted for, while its block is not delivered."""
        found = self._kept.get(tx_id)
        return found[1] if found else None

    def keep(self, height: int, bodies: Sequence[Admitted]) -> list[Envelope]:
        """Remembers these for a block of `height`; returns those that the log does not hold yet."""
        new = [b.envelope for b in bodies if self._differs(b)]
        for body in bodies:
            self._kept[body.tx_id] = (height, body)
        return new

    def _differs(self, body: Admitted) -> bool:
        found = self._kept.get(body.tx_id)
        return found is None or found[1].envelope != body.envelope

    def append(self, bodies: Sequence[Envelope], records: Sequence[bytes]) -> None:
        """One append, durable on return. Raises WalWriteFailed: the channel must stop."""
        logged = [self._tip_record()]
        logged += [BODIES + pack_envelopes(bodies)] if bodies else []
        logged += [CORE + record for record in records]
        reach("before-wal")
        self._wal.append(logged)
        reach("after-wal")
        if records and not self._records:
            self._on_first_record()
        self._records += records

    def delivered(self, height: int) -> None:
        """Block `height` is durable: its bodies need no keeping here."""
        self._tip_height = max(self._tip_height, height)
        for tx_id in [i for i, (at, _) in self._kept.items() if at <= height]:
            del self._kept[tx_id]

    @property
    def is_large(self) -> bool:
        return self._wal.size_bytes > ROTATE_BYTES

    def rotate(self, height: int) -> None:
        """Drops what is not needed once `height` is durable and executed. Durable on return."""
        self._records = list(retained_records(self._records, height))
        bodies = [body.envelope for _, body in self._kept.values()]
        logged = [self._tip_record()]
        logged += [BODIES + pack_envelopes(bodies)] if bodies else []
        self._wal.rotate(logged + [CORE + record for record in self._records])
        self._restored.clear()

    def _tip_record(self) -> bytes:
        return TIP + self._tip_height.to_bytes(8, "big")

    def close(self) -> None:
        self._wal.close()
