"""Figures of use, receipts and statements over the clients' port; every answered read is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest_asyncio

from node.api import ledger as service
from node.wire import stubs
from tests.unit.api.served import Served, served

SECONDS = 60


@pytest_asyncio.fixture
async def net() -> AsyncIterator[Served]:
    async with served() as each:
        yield each


async def test_figures_go_over_the_wire_as_they_are(net: Served) -> None:
    request = stubs.UsageRequest(first_day=20_000, last_day=20_030, member="PX")
    reply = await net.stub.GetUsage(request, timeout=SECONDS, metadata=net.read())
    (row,) = reply.rows
    assert (reply.first_height, reply.last_height) == (1, net.chain.tip)
    assert (row.day, row.member, row.application) == (20_000, "PX", "counter")
    assert (row.accepted, row.refused, row.bytes, row.gas, row.events) == (2, 1, 300, 40, 5)


async def test_receipts_larger_than_one_answer_come_in_several(net: Served) -> None:
    half = service.RECEIPTS_BYTES_MAX // 2
    receipts = [bytes([n]) * half for n in range(5)]
    net.chain.receipts_of[3] = receipts
    found: list[bytes] = []
    sizes = []
    while len(found) < 5:
        request = stubs.ReceiptsRequest(height=3, first=len(found))
        reply = await net.stub.GetReceipts(request, timeout=SECONDS, metadata=net.read())
        assert reply.count == 5 and reply.receipts
        found += reply.receipts
        sizes.append(len(reply.receipts))
    assert (found, sizes) == (receipts, [2, 2, 1])


async def test_every_read_is_counted_for_the_member_whose_person_made_it(net: Served) -> None:
    request = stubs.StatementsRequest(first=1)
    users = ("buyer", "supplier", "buyer")
    for user in users:
        metadata = net.read(net.chain.users[user])
        reply = await net.stub.GetStatements(request, timeout=SECONDS, metadata=metadata)
        assert list(reply.statements) == [b"statement"]
    members = {i.name: i.member_id for i in net.chain.config.identities}
    assert net.chain.reads == Counter(members[user] for user in users)
