"""Messages between node and engine: value-encoded, in columns, checked on arrival.

A block is columns, because a thousand small fields decoded one by one cost more than the transactions
themselves. A *pack* is byte strings in one: their number and all lengths (4 bytes each, big-endian),
then all bytes; a *choice* is a list of distinct values and an index a row; a message is a pack of columns.
The guest is not trusted: the node checks what comes back (`decode_results`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any, NamedTuple

from contracts.runtime import keys, limits, values
from contracts.runtime.api import OUTCOMES, BlockRequest, Diagnostic, EventRecord, TxResult


class WireError(ValueError):
    """A message that is not what it should be: the worker is replaced."""


# ---- columns -------------------------------------------------------------------------------------


def pack(items: Sequence[bytes]) -> bytes:
    count = len(items)
    return struct.pack(f">{count + 1}I", count, *map(len, items)) + b"".join(items)


def unpack(data: Any) -> list[bytes]:
    if type(data) is not bytes or len(data) < 4:
        raise WireError("not a pack")
    start = 4 + 4 * int.from_bytes(data[:4], "big")
    if start > len(data):
        raise WireError("a pack's lengths are cut")
    ends = list(accumulate(struct.unpack_from(f">{start // 4 - 1}I", data, 4), initial=start))
    if ends[-1] != len(data):
        raise WireError("a pack's lengths do not add up")
    return [data[a:b] for a, b in pairwise(ends)]


def columns(data: Any, count: int) -> list[bytes]:
    """The columns of a message. Raises WireError when there are more or fewer."""
    found = unpack(data)
    if len(found) != count:
        raise WireError("not the columns of this message")
    return found


def choose(rows: Sequence[Any]) -> bytes:
    table = {value: at for at, value in enumerate(dict.fromkeys(rows))}
    indices = struct.pack(f">{len(rows)}I", *map(table.__getitem__, rows))
    return pack([values.encode(list(table)), indices])


def chosen(column: Any) -> list[Any]:
    encoded, indices = columns(column, 2)
    table = values.decode(encoded)
    if type(table) is not list:
        raise WireError("not a choice")
    try:
        return [table[at] for at in numbers(indices, "I")]
    except IndexError:
        raise WireError("a choice outside its table") from None


def numbers(data: Any, kind: str) -> tuple[int, ...]:
    size = struct.calcsize(kind)
    if type(data) is not bytes or len(data) % size:
        raise WireError("a column of numbers is cut")
    return struct.unpack(f">{len(data) // size}{kind}", data)


def optional(items: Sequence[bytes | None]) -> bytes:
    flags = bytes([item is not None for item in items])
    return pack([flags, *[item or b"" for item in items]])


def read_optional(column: Any) -> list[bytes | None]:
    found = unpack(column)
    if not found or len(found) != len(found[0]) + 1:
        raise WireError("not a column of optional bytes")
    flags = found.pop(0)
    return [item if there else None for item, there in zip(found, flags, strict=True)]


# ---- a block to the engine -----------------------------------------------------------------------


# One transaction as the guest takes it: id, (contract, version, method), arguments, sender,
# (member, roles), gas limit. A plain tuple: it is the hot path of every transaction.
Call = tuple[bytes, tuple[str, int, str], str, str, tuple[str, tuple[str, ...]], int]


class Request(NamedTuple):
    """A block as the guest takes it. fatal, stop, careful: see encode_control."""

    channel: str
    height: int
    time: int
    first: int
    active: dict[str, int]
    calls: list[Call]
    read_set: dict[bytes, bytes | None]
    fatal: frozenset[int]
    stop: int
    careful: bool


def encode_request(block: BlockRequest) -> bytes:
    """Bytes of a block for the guest."""
    txs = block.txs
    head = (block.channel_id, block.height, block.time_ms, block.first_index,
            dict(sorted(block.active.items())))  # fmt: skip
    return pack([
        values.encode(head),
        pack([tx.tx_id for tx in txs]),
        choose([(tx.contract, tx.version, tx.method) for tx in txs]),
        pack([tx.args_json.encode("utf-8", "surrogatepass") for tx in txs]),
        pack([tx.sender.encode("utf-8") for tx in txs]),
        choose([(tx.member, tx.roles) for tx in txs]),
        struct.pack(f">{len(txs)}Q", *[tx.gas_limit for tx in txs]),
        pack(list(block.read_set)),
        optional(list(block.read_set.values())),
    ])  # fmt: skip


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
    head, ids, targets, args, senders, members, gas, names, found = columns(data, 9)
    channel, height, time, first, active = values.decode(head)
    calls = zip(
        unpack(ids), chosen(targets), [str(a, "utf-8", "surrogatepass") for a in unpack(args)],
        [str(s, "utf-8") for s in unpack(senders)], chosen(members), numbers(gas, "Q"),
        strict=True,
    )  # fmt: skip
    read_set = dict(zip(unpack(names), read_optional(found), strict=True))
    careful, (stop, *fatal) = bool(control[0]), numbers(control[1:], "I")
    return Request(channel, height, time, first, active, list(calls), read_set, frozenset(fatal),
                   stop, careful)  # fmt: skip


# ---- results back --------------------------------------------------------------------------------


# What a transaction did: outcome, code, message, gas used, result, events ((contract, name), data),
# writes, keys read. A plain tuple, for the same reason.
Event = tuple[tuple[str, str], bytes]
Ran = tuple[str, str, str, int, bytes, list[Event], dict[bytes, bytes | None], dict[bytes, None]]
_OUTCOME_BYTES = {outcome: at for at, outcome in enumerate(OUTCOMES)}


def encode_results(results: Sequence[Ran]) -> bytes:
    transposed: Any = zip(*results, strict=True) if results else [()] * 8
    outcomes, codes, messages, gas, values_, events, writes, reads = transposed
    flat = list(chain.from_iterable(events))
    counts = zip(map(len, events), map(len, writes), map(len, reads), strict=True)
    return pack([
        bytes([_OUTCOME_BYTES[outcome] for outcome in outcomes]),
        choose(list(zip(codes, messages, strict=True))),
        struct.pack(f">{len(gas)}Q", *gas),
        pack(values_),
        choose(list(counts)),
        choose([event[0] for event in flat]),
        pack([event[1] for event in flat]),
        pack(list(chain.from_iterable(writes))),
        optional([value for written in writes for value in written.values()]),
        pack(list(chain.from_iterable(reads))),
    ])  # fmt: skip


def decode_results(data: bytes, block: BlockRequest) -> list[TxResult]:
    """Results of a block, checked: lengths, outcomes, gas within the limits, keys of real contracts,

    sizes within the caps. Raises WireError for anything else."""
    try:
        return _decode_results(data, block)
    except (LookupError, TypeError, ValueError, struct.error) as error:
        raise WireError(f"the engine's answer is malformed: {error}") from error


def _decode_results(data: bytes, block: BlockRequest) -> list[TxResult]:
    (outcomes, code_column, gas_column, result_column, count_column, event_column, event_data,
     write_keys, write_values, read_keys) = columns(data, 10)  # fmt: skip
    gas, codes, results = numbers(gas_column, "Q"), chosen(code_column), unpack(result_column)
    counts = chosen(count_column)
    if not len(block.txs) == len(outcomes) == len(gas) == len(codes) == len(results) == len(counts):
        raise WireError("not one result a transaction")
    named = zip(chosen(event_column), unpack(event_data), strict=True)
    events = iter([EventRecord(c, n, d) for (c, n), d in named])
    writes = iter(list(zip(unpack(write_keys), read_optional(write_values), strict=True)))
    reads = iter(unpack(read_keys))
    names = {*block.active, *(tx.contract for tx in block.txs)}
    prefixes = {keys.contract_prefix(name) for name in names}
    out = []
    for at, tx in enumerate(block.txs):
        event_count, write_count, read_count = counts[at]
        result = TxResult(
            tx.tx_id,
            OUTCOMES[outcomes[at]],
            codes[at][0],
            codes[at][1],
            gas[at],
            results[at],
            tuple([next(events) for _ in range(event_count)]),
            tuple([next(writes) for _ in range(write_count)]),
            tuple([next(reads) for _ in range(read_count)]),
        )
        _check(result, tx.gas_limit, prefixes)
        out.append(result)
    if any(next(rest, None) is not None for rest in (events, writes, reads)):
        raise WireError("more events, writes or reads than counted")
    return out


def _check(result: TxResult, gas_limit: int, prefixes: set[bytes]) -> None:
    if result.gas_used > gas_limit:
        raise WireError("more gas than the limit")
    if result.outcome in ("oog", "fatal") and result.gas_used != gas_limit:
        raise WireError("oog and fatal cost the whole limit")
    if result.outcome != "ok" and (result.writes or result.events or result.result != b"\x00"):
        raise WireError("effects of a failed transaction")
    if (result.outcome == "ok") != (result.code == ""):
        raise WireError("a code says why, and only why not")
    if len(result.message) > limits.MESSAGE_CHARS_MAX or type(result.code) is not str:
        raise WireError("a code or message out of bounds")
    if len(result.writes) > limits.WRITES_MAX or len(result.events) > limits.EVENTS_MAX:
        raise WireError("too many writes or events")
    if len(result.result) > limits.VALUE_BYTES_MAX:
        raise WireError("result too large")
    for key, value in result.writes:
        if len(key) > limits.KEY_BYTES_MAX or key[: key.find(b"\x00") + 1] not in prefixes:
            raise WireError("a write outside the state of the channel's contracts")
        if value is not None and not 0 < len(value) <= limits.VALUE_BYTES_MAX:
            raise WireError("a written value out of bounds")
    for event in result.events:
        if len(event.data) > limits.EVENT_BYTES_MAX or type(event.name) is not str:
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


def read_scan(request: Any) -> tuple[bytes, bytes | None, int]:
    """A scan the guest asks for: prefix of a contract's state, position, limit."""
    if type(request) is not tuple or len(request) != 3:
        raise WireError("not a scan")
    prefix, after, limit = request
    after_ok = after is None or type(after) is bytes
    if type(prefix) is not bytes or prefix[:1] != b"\x0a" or not after_ok:
        raise WireError("not a scan")
    if type(limit) is not int or not 0 < limit <= limits.SCAN_LIMIT_MAX:
        raise WireError("a scan without a limit")
    return prefix, after, limit
