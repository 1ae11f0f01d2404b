"""What is counted with the blocks is what blocks and receipts give again, to anybody."""

from __future__ import annotations

import asyncio
import io
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Hash
from consensus.header import identity_digest
from node.errors import CityError
from node.ledger import meter
from node.ledger.meter import Use, counted
from node.ledger.store import LevelStore, MemoryStore
from node.metering.counting import Asked, Figures, Metered, days_of, month_of, totals
from node.metering.recount import Page, Recount, Told, differences, read, write
from node.model import Envelope, decode_receipt
from tests.oracle import metering as oracle
from tests.oracle.structures import Invalid
from tests.unit.node.network import SUITE, Cluster, Node, cluster

ALL = Asked(0, 2**31, by_day=True)


async def used(net: Cluster) -> None:
    """Some of everything: accepted, refused, out of gas, and of the channel's own."""
    channel = net.nodes["n0"].channel
    sent = [
        *(net.envelope(["alice", "bob"][i % 2]) for i in range(7)),
        net.envelope("bob", args='{"name": "a", "by": 0}'),
        net.envelope("bob", method="spin", args="{}"),
        net.envelope("alice"),
        net.envelope("alice", contract="_contract", method="pause", args='{"name": "counter"}'),
    ]
    for envelope in sent:
        (outcome,) = await channel.submit([envelope])
        assert outcome.error is None
        await channel.wait(outcome.tx_id, "committed")


def page_of(net: Cluster, node: Node) -> Page:
    members = node.channel._configuration.members
    return Page(net.channel_id, SUITE.id, net.genesis.config.consensus.window, members)


async def blocks_of(node: Node, last: int) -> list[Told]:
    found = []
    for height in range(1, last + 1):
        block = await node.channel.block(height)
        assert block is not None
        receipts = await node.channel.receipts(height)
        found.append(Told(block.header, block.envelopes, tuple(receipts)))
    return found


async def test_every_node_counts_what_a_recount_of_anybody_s_blocks_gives(tmp_path: Path) -> None:
    async with cluster(tmp_path, 4) as net:
        await used(net)
        await net.same_state()
        seen: list[Metered] = [await node.channel.usage(ALL) for node in net.nodes.values()]
        node = net.nodes["n2"]
        blocks = await blocks_of(node, min(found.last for found in seen))
        page = page_of(net, node)
    recount = Recount(page)
    for told in blocks:
        recount.take(told)
    for found in seen:
        assert (found.first, found.last >= recount.last) == (1, True)
        assert differences(found.rows, recount.figures) == []
    every = totals(recount.figures.values())
    assert (every.accepted, every.refused) == (9, 2)
    assert every.bytes == sum(
        len(e.body) + len(e.public_key) + len(e.signature) for t in blocks for e in t.envelopes
    )
    assert every.gas == sum(decode_receipt(r).gas_used for t in blocks for r in t.receipts)
    lines = {(member, app): f.transactions for (_, member, app), f in recount.figures.items()}
    assert lines == {
        ("m-alice", "counter"): 5,
        ("m-bob", "counter"): 5,
        ("m-alice", "_contract"): 1,
    }

    # The same by a program that shares no code with the ledger, from the exported text.
    text = io.StringIO()
    write(text, page, blocks[:-1], [blocks[-1].header])
    theirs = oracle.count(text.getvalue().splitlines())
    from contracts.rules.calendar import date_text

    without_last = Recount(page)
    for told in blocks[:-1]:
        without_last.take(told)
    without_last.settle(blocks[-1].header)
    assert without_last.settled == len(blocks) - 1
    assert {key: {name: n[name] for name in oracle.FIGURES} for key, n in theirs.items()} == {
        (date_text(day), member, app): {name: getattr(f, name) for name in oracle.FIGURES}
        for (day, member, app), f in without_last.figures.items()
    }

    # And by the file's reader.
    path = tmp_path / "blocks.jsonl"
    path.write_text(text.getvalue())
    with path.open() as file:
        again, told_again = read(path, file)
        assert again == page
        assert list(told_again) == [*blocks[:-1], blocks[-1].header]

    # Whoever changes a receipt, a transaction or the order is caught by the headers.
    busy = next(i for i, told in enumerate(blocks) if told.envelopes)
    told = blocks[busy]
    for changed in (
        replace(told, envelopes=(), receipts=()),
        replace(told, envelopes=(Envelope(b"", b"", b""), *told.envelopes[1:])),
        replace(told, header=blocks[busy - 1].header),
    ):
        with pytest.raises(CityError, match="CITY-1022"):
            fresh = Recount(page)
            for each in (*blocks[:busy], changed):
                fresh.take(each)
    receipt = bytearray(told.receipts[0])
    place = bytes(receipt).index(b"gas_used") + len(b"gas_used") + 2
    receipt[place] ^= 1
    forged = replace(told, receipts=(bytes(receipt), *told.receipts[1:]))
    fresh = Recount(page)
    with pytest.raises(CityError, match="CITY-1022"):
        for each in (*blocks[:busy], forged, *blocks[busy + 1 :]):
            fresh.take(each)
    text = io.StringIO()
    write(text, page, [*blocks[:busy], forged, *blocks[busy + 1 :]], [])
    with pytest.raises(Invalid):
        oracle.count(text.getvalue().splitlines())


async def test_figures_that_are_gone_or_behind_are_made_up_from_the_blocks(tmp_path: Path) -> None:
    net = Cluster(tmp_path, 1)
    await net.start_all()
    await used(net)
    before = await net.nodes["n0"].channel.usage(ALL)
    await net.stop_all()
    assert before.rows

    def rewrite(puts: object) -> None:
        with closing(LevelStore(tmp_path / "n0" / "state")) as store:
            store.write(puts(store))  # type: ignore[operator]

    async def found() -> Metered:
        await net.start_all()
        try:
            return await net.nodes["n0"].channel.usage(ALL)
        finally:
            await net.stop_all()

    def rows(told: Metered) -> object:
        # An idle chain may settle by further empty blocks meanwhile.
        assert told.last >= before.last
        return told.first, told.rows

    # As an earlier release leaves it: nothing is counted.
    rewrite(
        lambda store: [(key, None) for key, _ in [*store.iterate(b"u"), *store.iterate(b"mmet")]]
    )
    assert rows(await found()) == rows(before)
    # As it leaves it where it ran in between: some blocks are not.
    upto = before.last // 2
    rewrite(lambda store: meter.begin(store, upto + 1))
    part = await found()
    assert part.first == upto + 1

    # A node that holds the receipts of its last blocks only counts from there.
    def forget(store: LevelStore) -> list[tuple[bytes, bytes | None]]:
        gone = [(k, None) for k, _ in store.iterate(b"r") if int.from_bytes(k[1:9], "big") <= upto]
        return [*gone, *((key, None) for key, _ in store.iterate(b"mmet"))]

    rewrite(forget)
    late = await found()
    assert 1 < late.first <= upto + 1
    assert totals(row.figures for row in late.rows) == totals(row.figures for row in part.rows)


LINES = st.dictionaries(
    st.tuples(st.sampled_from(["PX", "LG", ""]), st.sampled_from(["receivable", "_config"])),
    st.builds(Figures, *[st.integers(0, 2**40)] * 5),
    max_size=4,
)


@given(st.lists(st.tuples(st.integers(0, 3), LINES), max_size=12))
def test_sums_over_members_and_applications_are_the_sums_of_the_blocks(
    history: list[tuple[int, dict[tuple[str, str], Figures]]],
) -> None:
    store, day = MemoryStore(), 20_000
    store.write(meter.begin(store, 1))
    every, by_day = Figures(), {}
    for height, (later, lines) in enumerate(history, 1):
        day += later
        store.write(meter.puts(store, height, height, Use(day, lines)))
        of_block = totals(lines.values())
        every += of_block
        by_day[day] = by_day.get(day, Figures()) + of_block
    rows = list(meter.rows(store, 0, 2**31))
    assert sum((row.figures for row in rows), Figures()) == every
    for each, group in groupby(rows, key=lambda row: row.day):
        assert sum((row.figures for row in group), Figures()) == by_day[each]
        assert list(meter.rows(store, each, each)) == [row for row in rows if row.day == each]
    mark = counted(store)
    assert mark is not None and (mark.first, mark.last) == (1, len(history))
    # A block that does not follow what is counted changes nothing.
    assert meter.puts(store, len(history) + 2, len(history) + 2, Use(day, {})) == []


def test_days_are_let_go_when_nobody_counts_them_any_more() -> None:
    store, line = MemoryStore(), {("PX", "receivable"): Figures(1)}
    store.write(meter.begin(store, 1))
    for height, day in enumerate((20_000, 20_001, 20_000 + meter.DAYS_KEPT + 1), 1):
        store.write(meter.puts(store, height, height, Use(day, line)))
    assert [row.day for row in meter.rows(store, 0, 2**31)] == [20_001, 20_801]


def test_a_month_is_of_china_standard_time() -> None:
    first, last = days_of("2026-11")
    assert (last - first + 1, month_of(first), month_of(last), month_of(last + 1)) == (
        30, "2026-11", "2026-11", "2026-12",
    )  # fmt: skip
    assert days_of("2026-12")[0] == last + 1
    for wrong in ("2026-13", "2026", "2026-1", "x"):
        with pytest.raises(ValueError):
            days_of(wrong)


def test_what_no_member_signed_counts_under_no_name(tmp_path: Path) -> None:
    async def play() -> None:
        async with cluster(tmp_path, 1) as net:
            node = net.nodes["n0"]
            await used(net)
            digest = identity_digest(SUITE.hash, SUITE.id, net.keys.users["bob"].public_key)
            page = page_of(net, node)
            members = {d: m for d, m in page.members.items() if d != Hash(digest)}
            blocks = await blocks_of(node, node.channel.status()["applied_height"])
        recount = Recount(replace(page, members=members))
        for told in blocks:
            recount.take(told)
        assert {key[1:] for key in recount.figures} == {
            ("m-alice", "counter"), ("m-alice", "_contract"), ("", "counter"),
        }  # fmt: skip

    asyncio.run(play())
