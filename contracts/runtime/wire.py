"""Messages between node and engine: value-encoded, in columns, checked on arrival.

A block is a dict of columns, because a thousand small fields decoded one by one cost more than the
transactions themselves. A *pack* is a list of byte strings: all lengths (4 bytes each, big-endian)
and then all bytes; a *choice* is a list of distinct values and an index a row.
The guest is not trusted: the node checks what comes back (`decode_results`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from contracts.runtime import keys, limits, values
from contracts.runtime.api import OUTCOMES, BlockRequest, Diagnostic, EventRecord, TxResult


class WireError(ValueError):
    """A message that is not what it should be: the worker is replaced."""


# ---- columns -------------------------------------------------------------------------------------


def pack(items: Sequence[bytes]) -> list[bytes]:
    return [struct.pack(f">{len(items)}I", *map(len, items)), b"".join(items)]


def unpack(column: Any) -> list[bytes]:
    if type(column) is not list or [type(c) for c in column] != [bytes, bytes]:
        raise WireError("not a pack")
    lengths, data = column
    if len(lengths) % 4:
        raise WireError("a pack's lengths are cut")
    ends = list(accumulate(struct.unpack(f">{len(lengths) // 4}I", lengths)))
    if (ends[-1] if ends else 0) != len(data):
        raise WireError("a pack's lengths do not add up")
    return [data[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def choose(rows: Sequence[Any]) -> list[Any]:
    table = {value: at for at, value in enumerate(dict.fromkeys(rows))}
    return [list(table), struct.pack(f">{len(rows)}I", *[table[row] for row in rows])]


def chosen(column: Any) -> list[Any]:
    if type(column) is not list or len(column) != 2 or type(column[0]) is not list:
        raise WireError("not a choice")
    table = column[0]
    try:
        return [table[at] for at in numbers(column[1], "I")]
    except IndexError:
        raise WireError("a choice outside its table") from None


def numbers(data: Any, kind: str) -> tuple[int, ...]:
    size = struct.calcsize(kind)
    if type(data) is not bytes or len(data) % size:
        raise WireError("a column of numbers is cut")
    return struct.unpack(f">{len(data) // size}{kind}", data)


def optional(items: Sequence[bytes | None]) -> list[Any]:
    flags = bytes(item is not None for item in items)
    return [flags, *pack([item or b"" for item in items])]


def read_optional(column: Any) -> list[bytes | None]:
    if type(column) is not list or len(column) != 3 or type(column[0]) is not bytes:
        raise WireError("not a column of optional bytes")
    items = unpack(column[1:])
    if len(items) != len(column[0]):
        raise WireError("columns of different length")
    return [item if there else None for item, there in zip(items, column[0], strict=True)]


# ---- a block to the engine -----------------------------------------------------------------------


def encode_request(block: BlockRequest) -> bytes:
    """Bytes of a block for the guest."""
    txs = block.txs
    message = {
        "channel": block.channel_id, "height": block.height, "time": block.time_ms,
        "first": block.first_index, "active": dict(sorted(block.active.items())),
        "ids": pack([tx.tx_id for tx in txs]),
        "contract": choose([(tx.contract, tx.version, tx.method) for tx in txs]),
        "args": pack([tx.args_json.encode("utf-8", "surrogatepass") for tx in txs]),
        "sender": choose([tx.sender for tx in txs]),
        "member": choose([(tx.member, tx.roles) for tx in txs]),
        "gas": struct.pack(f">{len(txs)}Q", *[tx.gas_limit for tx in txs]),
        "keys": pack(list(block.read_set)), "values": optional(list(block.read_set.values())),
    }  # fmt: skip
    return values.encode(message)


def encode_control(fatal: Iterable[int] = (), stop: int = 1 << 32, careful: bool = False) -> bytes:
    """How a block is run, beside what it is.

    fatal: indices that trapped before. stop: index from which on everything is fatal (trap cap).
    careful: announce every transaction to the host.
    """
    return values.encode({"fatal": sorted(fatal), "stop": stop, "careful": careful})


def decode_request(data: bytes, control: bytes) -> dict[str, Any]:
    """What machine.run_block takes. The node made it, so this only unfolds it."""
    message = values.decode(data) | values.decode(control)
    rows = zip(
        unpack(message["ids"]), chosen(message["contract"]), unpack(message["args"]),
        chosen(message["sender"]), chosen(message["member"]), numbers(message["gas"], "Q"),
        strict=True,
    )  # fmt: skip
    message["txs"] = [
        {
            "tx_id": tx_id, "contract": what[0], "version": what[1], "method": what[2],
            "args": args.decode("utf-8", "surrogatepass"), "sender": sender,
            "member": who[0], "roles": who[1], "gas_limit": gas,
        }
        for tx_id, what, args, sender, who, gas in rows
    ]  # fmt: skip
    found = read_optional(message["values"])
    message["read_set"] = dict(zip(unpack(message["keys"]), found, strict=True))
    return message  # type: ignore[no-any-return]


# ---- results back --------------------------------------------------------------------------------


def encode_results(results: Sequence[dict[str, Any]]) -> bytes:
    events = [event for r in results for event in r["events"]]
    writes = [pair for r in results for pair in r["writes"].items()]
    counts = [(len(r["events"]), len(r["writes"]), len(r["reads"])) for r in results]
    return values.encode({
        "outcome": bytes(OUTCOMES.index(r["outcome"]) for r in results),
        "code": choose([(r["code"], r["message"]) for r in results]),
        "gas": struct.pack(f">{len(results)}Q", *[r["gas"] for r in results]),
        "result": pack([r["result"] for r in results]),
        "counts": choose(counts),
        "event": choose([event[:2] for event in events]),
        "event_data": pack([event[2] for event in events]),
        "write_keys": pack([key for key, _ in writes]),
        "write_values": optional([value for _, value in writes]),
        "read_keys": pack([key for r in results for key in r["reads"]]),
    })  # fmt: skip


def decode_results(data: bytes, block: BlockRequest) -> list[TxResult]:
    """Results of a block, checked: lengths, outcomes, gas within the limits, keys of real contracts,

    sizes within the caps. Raises WireError for anything else."""
    try:
        return _decode_results(data, block)
    except (values.ValueEncodingError, KeyError, TypeError, ValueError, struct.error) as error:
        raise WireError(f"the engine's answer is malformed: {error}") from error


def _decode_results(data: bytes, block: BlockRequest) -> list[TxResult]:
    message = values.decode(data)
    outcomes, gas = message["outcome"], numbers(message["gas"], "Q")
    codes, results = chosen(message["code"]), unpack(message["result"])
    counts = chosen(message["counts"])
    if not len(block.txs) == len(outcomes) == len(gas) == len(codes) == len(results) == len(counts):
        raise WireError("not one result a transaction")
    named = zip(chosen(message["event"]), unpack(message["event_data"]), strict=True)
    events = iter([EventRecord(c, n, d) for (c, n), d in named])
    written = read_optional(message["write_values"])
    writes = iter(list(zip(unpack(message["write_keys"]), written, strict=True)))
    reads = iter(unpack(message["read_keys"]))
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
