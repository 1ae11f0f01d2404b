"""`python -m tests.bench.trade`: pages of 10,000 receivables, checks of 100,000 attestations, prices of calls.

The contracts make one receivable with a split tree, and one party with its attestation. Their records and
index entries are then written with other numbers until there are as many as asked for, into LevelDB, and the
engine that nodes run reads them from there. Consensus and network take no part: what is timed is a view.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from contracts.bundles import load_suite
from contracts.runtime import values
from contracts.runtime.api import BlockRequest, Transaction
from contracts.runtime.artifact import ensure_artifact
from contracts.runtime.host import WasmEngine
from node.bench.machine import cpu_name
from node.ledger.state import StateView
from node.ledger.store import LevelStore
from node.wire.body import TxBody, build_body
from tests.unit.suite.center_world import CHANNEL, MemoryState, Natives, as_json
from tests.unit.suite.test_reversal import prepare
from tests.unit.suite.test_story import finance_invoice
from tests.unit.suite.world import EC, USERS, World, at, digest, open_world

RECEIVABLES, DEPTH, ATTESTATIONS, BATCH = 10_000, 6, 100_000, 500
PAGE = 50
WRITE_BYTES = 4 << 20
MOST_USED = (
    "receivable.draft", "receivable.sign", "receivable.accept", "receivable.split",
    "receivable.offer_transfer", "receivable.accept_transfer", "financing.accept_quote",
    "financing.disburse", "receivable.prepare_payment", "receivable.record_payment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timed:
    """rows: of one page. Milliseconds of a call on the engine: of the clock, median and slowest, and of the
    processor alone, which a busy machine stretches less."""

    what: str
    calls: int
    rows: int
    median_ms: float
    slowest_ms: float
    cpu_ms: float
    gas: int


# ---- many of what the contracts made once --------------------------------------------------------


def one_receivable() -> tuple[MemoryState, MemoryState]:
    """State before, and after a credential was issued and split until its tree is six levels deep."""
    world = open_world()
    before = MemoryState(world.state)
    leaf = world.issue()
    for level in range(DEPTH - 1):
        half = 600_000_000 // 2 ** (level + 1)
        leaf = world.ok("lg", "receivable.split", leaf_id=leaf, amounts=[half, half])[0]
    return before, world.state


def one_party() -> tuple[MemoryState, MemoryState]:
    world = open_world()
    before = MemoryState(world.state)
    world.ok(
        "qb-ops", "party.apply", party_id="P000000", legal_name="One of many", kind="authority",
        country="CN", city="SZ",
    )  # fmt: skip
    world.attest("P000000")
    return before, world.state


def copies(
    before: MemoryState, after: MemoryState, first: str, name: Callable[[int], str], count: int
) -> Iterator[tuple[bytes, bytes]]:
    """The state before, then what is new with other numbers of the same length."""
    yield from before.items()
    new = {k: v for k, v in after.items() if before.get(k) != v}
    own = {k: v for k, v in new.items() if first.encode() in k}
    yield from ((k, v) for k, v in new.items() if k not in own)
    for number in range(1, count + 1):
        other = name(number).encode()
        for key, value in own.items():
            yield key.replace(first.encode(), other), value.replace(first.encode(), other)


def fill(folder: Path, entries: Iterator[tuple[bytes, bytes]]) -> LevelStore:
    store = LevelStore(folder)
    batch: list[tuple[bytes, bytes | None]] = []
    size = 0
    for key, value in entries:
        batch.append((b"s" + key, value))
        size += len(key) + len(value)
        if size > WRITE_BYTES:
            store.write(batch)
            batch, size = [], 0
    store.write(batch)
    return store


# ---- timing --------------------------------------------------------------------------------------


class Answer(NamedTuple):
    value: Any
    gas: int
    clock_ms: float
    cpu_ms: float


class Node:
    """The engine that nodes run, over a LevelDB."""

    def __init__(self, store: LevelStore) -> None:
        self.engine = WasmEngine(ensure_artifact(), Natives(), StateView(store), metered=False)
        for bundle in load_suite():
            self.engine.load(bundle)
        self.height = 1_000_000

    def ask(self, who: str, target: str, **args: Any) -> Answer:
        member, roles = USERS[who]
        contract, method = target.split(".")
        self.height += 1
        tx = Transaction(
            self.height.to_bytes(32), contract, 1, method, json.dumps(as_json(args)), digest(who),
            member, roles, 20_000_000,
        )  # fmt: skip
        request = BlockRequest(CHANNEL.hex(), self.height, at("2026-12-01"), (tx,))
        began, worked = time.perf_counter(), time.process_time()
        (result,) = self.engine.block(request)
        spent = (time.perf_counter() - began) * 1_000
        worked = (time.process_time() - worked) * 1_000
        assert result.outcome == "ok", (target, result.code, result.message)
        return Answer(values.decode(result.result), result.gas_used, spent, worked)


def timed(what: str, found: list[Answer]) -> Timed:
    spent = [answer.clock_ms for answer in found]
    return Timed(
        what,
        len(found),
        max(len(answer.value) for answer in found),
        round(statistics.median(spent), 1),
        round(max(spent), 1),
        round(statistics.median(answer.cpu_ms for answer in found), 1),
        max(answer.gas for answer in found),
    )


def pages(node: Node, pages_max: int, **args: Any) -> list[Answer]:
    """Pages one after the other by index, each after the last id of the one before."""
    found, after = [], ""
    for _ in range(pages_max):
        answer = node.ask("pbc", "receivable.list_pieces", **args, after=after, limit=PAGE)
        if not answer.value:
            break
        found.append(answer)
        after = answer.value[-1]["leaf_id"]
    return found


def receivables(count: int) -> list[Timed]:
    with tempfile.TemporaryDirectory() as folder:
        made = one_receivable()
        store = fill(Path(folder), copies(*made, EC, lambda n: f"EC-2026-SZ-{n:06d}", count))
        node = Node(store)
        node.ask("pbc", "receivable.list_pieces", limit=1)
        last = f"EC-2026-SZ-{count:06d}"
        rows = [
            timed(f"a holder's leaves, {PAGE} a page", pages(node, 40, holder="LG")),
            timed("a holder's leaves of a state", pages(node, 40, holder="LG", state="ACTIVE")),
            timed("everybody's pieces of a state", pages(node, 40, state="SPLIT")),
            timed("credentials of a state", [
                node.ask("pbc", "receivable.list_credentials", state="ACTIVE",
                         after=f"EC-2026-SZ-{n:06d}")
                for n in range(0, count - PAGE, max(1, count // 40))
            ]),
            timed("the tree of one, six levels deep",
                  [node.ask("pbc", "receivable.tree", ec_id=last) for _ in range(20)]),
        ]  # fmt: skip
        store.close()
    return rows


def attestations(count: int) -> list[Timed]:
    with tempfile.TemporaryDirectory() as folder:
        store = fill(Path(folder), copies(*one_party(), "P000000", lambda n: f"P{n:06d}", count))
        node = Node(store)
        node.ask("pbc", "kyc.check", party_ids=["P000001"])
        names = [f"P{n:06d}" for n in range(1, count + 1)]
        found = [
            node.ask("pbc", "kyc.check", party_ids=names[first : first + BATCH])
            for first in range(0, count, BATCH)
        ]
        assert all(answer.value == [] for answer in found)
        store.close()
    clock, cpu = (
        sum(times) / 1_000 for times in zip(*((a.clock_ms, a.cpu_ms) for a in found), strict=True)
    )
    row = timed(
        f"{count:,} attestations by {BATCH}: {clock:.1f} s, {cpu:.1f} s of processor", found
    )
    return [row]


# ---- prices --------------------------------------------------------------------------------------


def sent_bytes(target: str, arguments: str) -> int:
    """Of a signed transaction: body, public key, signature."""
    contract, method = target.split(".")
    body = build_body(TxBody(
        suite=1, channel_id=CHANNEL, sender=bytes(32), contract=contract, version=1, method=method,
        args=arguments, nonce=bytes(16), valid_until_height=1_000_000, gas_limit=1_000_000,
        request_id="0" * 36,
    ))  # fmt: skip
    return len(body) + 65 + 64


def prices() -> list[dict[str, Any]]:
    """Gas, and bytes of arguments, envelope and writes, of the ten most used calls in the story."""
    found: dict[str, dict[str, Any]] = {}

    class Priced(World):
        def run(self, who: str, target: str, **args: Any) -> Any:
            result = super().run(who, target, **args)
            if target in MOST_USED and result.outcome == "ok":
                sent = sent_bytes(target, json.dumps(as_json(args)))
                written = sum(len(key) + len(value or b"") for key, value in result.writes)
                row = {"call": target, "gas": result.gas_used, "writes": len(result.writes),
                       "bytes_sent": sent, "bytes_written": written}  # fmt: skip
                if result.gas_used > found.get(target, {"gas": 0})["gas"]:
                    found[target] = row
            return result

    with tempfile.TemporaryDirectory() as folder:
        world = open_world()
        world.__class__ = Priced
        world.open_center(Path(folder) / "center")
        request_id, terms = finance_invoice(world)
        proof = world.pay("QB", "PX", terms["payout_fen"], terms["pay_reference"])
        world.ok("qb-ops", "financing.disburse", request_id=request_id, proof=proof)
        world.issue()
        leaf = world.to_tier_three()
        world.now_ms = at("2027-05-20")
        world.ok("nobody", "receivable.due", leaf_id=leaf)
        wanted = prepare(world, leaf)
        proof = world.pay("PX", "XY", wanted["amount_fen"], wanted["reference"])
        world.ok("nobody", "receivable.record_payment", leaf_id=leaf, proof=proof)
    return [found[target] for target in MOST_USED]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trade", description=__doc__)
    parser.add_argument("what", choices=["receivables", "attestations", "prices"])
    parser.add_argument("--count", type=int, help="how many records")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.what == "prices":
        rows = prices()
    elif options.what == "receivables":
        rows = [asdict(row) for row in receivables(options.count or RECEIVABLES)]
    else:
        rows = [asdict(row) for row in attestations(options.count or ATTESTATIONS)]
    if options.json:
        print(json.dumps({"cpu": cpu_name(), "rows": rows}, indent=2))
        return 0
    print("  ".join(rows[0]))
    for row in rows:
        print(
            "  ".join(
                f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
