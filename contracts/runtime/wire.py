"""Messages between node and engine: plain columns of numbers and byte strings, checked on arrival.

A block has thousands of small fields; decoded one by one they would cost more than the transactions. So a
*message* is two counts (4 bytes each), all numbers (8 bytes each), the lengths of all byte strings
(4 bytes each, all big-endian), then all bytes; who reads it knows the order. A *pack* has no numbers.
A *letter* holds the same and brings the format that `struct` unfolds it by, which is the fastest way inside the
guest: only the guest reads letters, since it may believe the node. The guest is not trusted: the node checks
what comes back (`decode_results`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice, pairwise
from typing import Any, NamedTuple

from contracts.runtime import keys, limits
from contracts.runtime.api import OUTCOMES, BlockRequest, Diagnostic, EventRecord, TxResult


class WireError(ValueError):
    """A message that is not what it should be: the worker is replaced."""


# ---- columns -------------------------------------------------------------------------------------


def message(numbers: Sequence[int], items: Sequence[bytes]) -> bytes:
    head = struct.pack(
        f">II{len(numbers)}Q{len(items)}I", len(numbers), len(items), *numbers, *map(len, items)
    )
    return head + b"".join(items)


def read_message(data: Any) -> tuple[tuple[int, ...], list[bytes]]:
    """Numbers and byte strings of a message. Raises WireError."""
    if type(data) is not bytes or len(data) < 8:
        raise WireError("not a message")
    count, several = struct.unpack_from(">II", data)
    start = 8 + 8 * count + 4 * several
    if start > len(data):
        raise WireError("a message's columns are cut")
    found = struct.unpack_from(f">{count}Q{several}I", data, 8)
    ends = list(accumulate(found[count:], initial=start))
    if ends[-1] != len(data):
        raise WireError("a message's lengths do not add up")
    return found[:count], [data[a:b] for a, b in pairwise(ends)]


def letter(numbers: Sequence[int], items: Sequence[bytes]) -> bytes:
    """A message for the guest: two counts (numbers, bytes of the format), the format, then all fields."""
    form = f">{len(numbers)}Q{'s'.join(map(str, map(len, items)))}s".encode()
    head = struct.pack(">II", len(numbers), len(form)) + form
    return head + struct.pack(f">{len(numbers)}Q", *numbers) + b"".join(items)


def read_letter(data: bytes) -> tuple[tuple[int, ...], tuple[bytes, ...]]:
    """Numbers and byte strings of a letter; there is at least one of these."""
    count, size = struct.unpack_from(">II", data)
    found = struct.unpack_from(data[8 : 8 + size], data, 8 + size)
    return found[:count], found[count:]


def pack(items: Sequence[bytes]) -> bytes:
    return message((), items)


def unpack(data: Any) -> list[bytes]:
    count, items = read_message(data)
    if count:
        raise WireError("not a pack")
    return items


def numbers(data: Any, kind: str) -> tuple[int, ...]:
    size = struct.calcsize(kind)
    if type(data) is not bytes or len(data) % size:
        raise WireError("a column of numbers is cut")
    return struct.unpack(f">{len(data) // size}{kind}", data)


# ---- a block to the engine -----------------------------------------------------------------------


# One transaction as the guest takes it: id, (contract, version, method), arguments, sender,
# (member, roles), gas limit. A plain tuple: it is the hot path of every transaction.
Call = tuple[bytes, tuple[str, int, str], str, str, tuple[str, tuple[str, ...]], int]


class Request(NamedTuple):
    """A block as the guest takes it. fatal, stop, careful: see encode_control.

    read_set: encoded values; an absent key has no bytes, which no encoded value is.
    """

    channel: str
    height: int
    time: int
    first: int
    active: dict[str, int]
    calls: list[Call]
    read_set: dict[bytes, bytes]
    fatal: frozenset[int]
    stop: int
    careful: bool


def encode_request(block: BlockRequest) -> bytes:
    """Bytes of a block for the guest."""
    txs, read_set = block.txs, block.read_set
    active = sorted(block.active.items())
    targets = {(t.contract, t.version, t.method): 0 for t in txs}
    callers = {(t.member, t.roles): 0 for t in txs}
    for table in (targets, callers):
        table.update(zip(table, range(len(table)), strict=True))  # type: ignore[attr-defined]
    numbers = [block.height, block.time_ms, block.first_index, len(active), len(targets),
               len(callers), len(txs), len(read_set)]  # fmt: skip
    numbers += [version for _, version in active] + [target[1] for target in targets]
    numbers += [len(roles) for _, roles in callers]
    items = [block.channel_id, *(name for name, _ in active)]
    for contract, _, method in targets:
        items += (contract, method)
    for member, roles in callers:
        items += (member, *roles)
    for tx in txs:
        numbers += (
            tx.gas_limit,
            targets[tx.contract, tx.version, tx.method],
            callers[tx.member, tx.roles],
        )
    rows = [item.encode() for item in items]
    for tx in txs:
        rows += (tx.tx_id, tx.args_json.encode("utf-8", "surrogatepass"), tx.sender.encode())
    rows += read_set
    rows += [value or b"" for value in read_set.values()]
    return letter(numbers, rows)


def encode_control(
    fatal: Iterable[int] = (), stop: int = (1 << 32) - 1, careful: bool = False
) -> bytes:
    """How a block is run, beside what it is.

    fatal: indices that trapped before. stop: index from which on everything is fatal (trap cap).
    careful: announce every transaction to the host.
    """
    indices = sorted(fatal)
    return struct.pack(f">?{len(indices) + 1}I", careful, stop, *indices)


def decode_request(data: bytes, control: bytes) -> Request:
    """What machine.run_block takes. The node made it, so this only unfolds it."""
    counts, rows = read_letter(data)
    height, time, first, actives, targets, callers, txs, known = counts[:8]
    number, row = iter(counts[8:]), iter(rows)
    channel = next(row).decode()
    active = {next(row).decode(): next(number) for _ in range(actives)}
    called = [(next(row).decode(), next(number), next(row).decode()) for _ in range(targets)]
    signed = [
        (next(row).decode(), tuple([part.decode() for part in islice(row, next(number))]))
        for _ in range(callers)
    ]
    ends = list(accumulate((3 * txs, known, known), initial=len(rows) - 3 * txs - 2 * known))
    fields, names, found = (rows[a:b] for a, b in pairwise(ends))
    rest = counts[len(counts) - 3 * txs :]
    calls = list(zip(
        fields[::3], map(called.__getitem__, rest[1::3]), _texts(fields[1::3]), _texts(fields[2::3]),
        map(signed.__getitem__, rest[2::3]), rest[::3], strict=True,
    ))  # fmt: skip
    read_set = dict(zip(names, found, strict=True))
    careful, (stop, *fatal) = bool(control[0]), numbers(control[1:], "I")
    return Request(channel, height, time, first, active, calls, read_set, frozenset(fatal), stop,
                   careful)  # fmt: skip


def _texts(rows: Sequence[bytes]) -> list[str]:
    try:
        return list(map(bytes.decode, rows))
    except UnicodeDecodeError:
        return [
            str(row, "utf-8", "surrogatepass") for row in rows
        ]  # arguments with half a character


# ---- results back --------------------------------------------------------------------------------


# What a transaction did: outcome, code, message, gas used, result, events, writes, keys read. The outcome is
# its number in OUTCOMES. Events are label and data one after the other; a label is contract name, NUL, event
# name. A deleted key is written with no bytes. Plain tuples, because this is the hot path as well.
Ran = tuple[int, str, str, int, bytes, list[bytes], dict[bytes, bytes], dict[bytes, None]]
NOTHING = b""
OK, REVERT, OUT_OF_GAS, FATAL = range(len(OUTCOMES))


def event_label(contract: str, name: str) -> bytes:
    return f"{contract}\0{name}".encode()


def encode_results(results: Sequence[Ran]) -> bytes:
    counts: list[int] = []
    rows: list[bytes] = []
    for outcome, code, text, gas, result, events, writes, reads in results:
        counts += (outcome, gas, len(events) >> 1, len(writes), len(reads))
        rows += (code.encode(), text.encode(), result) if code else (NOTHING, NOTHING, result)
        rows += events
        rows += writes
        rows += writes.values()
        rows += reads
    return message(counts, rows)


def decode_results(data: bytes, block: BlockRequest) -> list[TxResult]:
    """Results of a block, checked: lengths, outcomes, gas within the limits, keys of real contracts,

    sizes within the caps. Raises WireError for anything else."""
    try:
        return _decode_results(data, block)
    except (LookupError, TypeError, ValueError, struct.error) as error:
        raise WireError(f"the engine's answer is malformed: {error}") from error


def _decode_results(data: bytes, block: BlockRequest) -> list[TxResult]:
    counts, rows = read_message(data)
    several = 3 * len(block.txs) + sum(2 * e + 2 * w + r for e, w, r in
                                       zip(counts[2::5], counts[3::5], counts[4::5], strict=True))  # fmt: skip
    if len(counts) != 5 * len(block.txs) or len(rows) != several:
        raise WireError("not one result a transaction")
    names = {*block.active, *(tx.contract for tx in block.txs)}
    prefixes = {keys.contract_prefix(name) for name in names}
    labels: dict[bytes, tuple[str, str]] = {}
    of_a_result = zip(*[iter(counts)] * 5, strict=True)
    out, at = [], 0
    for tx, (outcome, gas, events, writes, reads) in zip(block.txs, of_a_result, strict=True):
        code, text, value = rows[at : at + 3]
        first = at + 3 + 2 * events
        middle, last = first + writes, first + 2 * writes
        told = [_event(rows[n], rows[n + 1], labels) for n in range(at + 3, first, 2)]
        written = [*zip(rows[first:middle], rows[middle:last], strict=True)]
        if writes and b"" in rows[middle:last]:
            written = [(key, found or None) for key, found in written]  # no bytes are a deletion
        at = last + reads
        result = TxResult(
            tx.tx_id, OUTCOMES[outcome], code.decode(), text.decode(), gas, value,
            tuple(told), tuple(written), tuple(rows[last:at]),
        )  # fmt: skip
        _check(result, tx.gas_limit, prefixes)
        out.append(result)
    return out


def _event(label: bytes, data: bytes, labels: dict[bytes, tuple[str, str]]) -> EventRecord:
    found = labels.get(label)
    if found is None:
        contract, nul, name = label.decode().partition("\0")
        if not nul:
            raise WireError("an event without a contract")
        found = labels[label] = contract, name
    return EventRecord(*found, data)


def _check(result: TxResult, gas_limit: int, prefixes: set[bytes]) -> None:
    if result.gas_used > gas_limit:
        raise WireError("more gas than the limit")
    if result.outcome in ("oog", "fatal") and result.gas_used != gas_limit:
        raise WireError("oog and fatal cost the whole limit")
    if result.outcome != "ok" and (result.writes or result.events or result.result != b"\x00"):
        raise WireError("effects of a failed transaction")
    if (result.outcome == "ok") != (result.code == ""):
        raise WireError("a code says why, and only why not")
    if len(result.message) > limits.MESSAGE_CHARS_MAX or len(result.code) > limits.CODE_CHARS_MAX:
        raise WireError("a code or message out of bounds")
    if len(result.writes) > limits.WRITES_MAX or len(result.events) > limits.EVENTS_MAX:
        raise WireError("too many writes or events")
    if len(result.result) > limits.VALUE_BYTES_MAX:
        raise WireError("result too large")
    for key, value in result.writes:
        if len(key) > limits.KEY_BYTES_MAX or key[: key.find(b"\x00") + 1] not in prefixes:
            raise WireError("a write outside the state of the channel's contracts")
        if value is not None and len(value) > limits.VALUE_BYTES_MAX:
            raise WireError("a written value out of bounds")
    for event in result.events:
        if len(event.data) > limits.EVENT_BYTES_MAX or len(event.name) > limits.NAME_CHARS_MAX:
            raise WireError("an event out of bounds")


# ---- findings, scans -----------------------------------------------------------------------------


def findings(diagnostics: Iterable[Diagnostic]) -> list[tuple[Any, ...]]:
    return [(d.line, d.column, d.module, d.code, d.message, d.message_zh) for d in diagnostics]


def read_findings(rows: Any) -> tuple[Diagnostic, ...]:
    """Findings that came back, checked. Raises WireError."""
    if type(rows) is not list or len(rows) > limits.FINDINGS_MAX * 64:
        raise WireError("not findings")
    for row in rows:
        if type(row) is not tuple or [type(x) for x in row] != [int, int, str, str, str, str]:
            raise WireError("not a finding")
    return tuple(Diagnostic(*row) for row in rows)


def read_key(key: bytes) -> bytes:
    """A key the guest asks for: of a contract's state."""
    if key[:1] != b"\x0a" or len(key) > limits.KEY_BYTES_MAX:
        raise WireError("not a state key")
    return key


def scan_question(prefix: bytes, after: bytes | None, limit: int) -> bytes:
    return message((limit, after is not None), (prefix, after or b""))


def read_scan(data: bytes) -> tuple[bytes, bytes | None, int]:
    """A scan the guest asks for: prefix of a contract's state, position, limit. Raises WireError."""
    counts, items = read_message(data)
    if len(counts) != 2 or len(items) != 2:
        raise WireError("not a scan")
    limit, placed = counts
    if not 0 < limit <= limits.SCAN_LIMIT_MAX:
        raise WireError("a scan without a limit")
    return read_key(items[0]), items[1] if placed else None, limit


def scan_answer(found: Sequence[tuple[bytes, bytes]]) -> bytes:
    return pack([part for entry in found for part in entry])


def read_scan_answer(data: bytes) -> list[tuple[bytes, bytes]]:
    parts = unpack(data)
    return list(zip(parts[::2], parts[1::2], strict=True))
