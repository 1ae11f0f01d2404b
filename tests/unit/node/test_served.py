"""What a node's port served: counted a day at a time, signed, chained, and never more than was served."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from consensus.encoding import Hash, decode, encode
from node.errors import CityError
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite
from node.metering.served import FOLDER, STATEMENTS, TODAY, Served
from node.metering.statements import MemberServed, SignedStatement, chain_of, digest_of, message_of

SUITE, CHANNEL, DAY_MS = get_suite("sm"), Hash(b"c" * 32), 86_400_000
MORNING_MS = 20_000 * DAY_MS + 3_600_000


class Time:
    now = MORNING_MS

    def now_ms(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def life(tmp_path: Path, clock: Time) -> Callable[[], Served]:
    """A node that starts, with the same key and folder each time."""
    signer = MemorySigner(SUITE.generate_key())
    return lambda: Served(tmp_path, CHANNEL, SUITE, lambda: signer, "Shenzhen", clock)


async def said(served: Served) -> list[tuple[int, dict[str, int]]]:
    chain = chain_of(SUITE, CHANNEL, await served.statements(1))
    return [(one.day, {row.member_id: row.queries for row in one.served}) for one in chain]


async def test_each_day_with_queries_is_closed_by_one_statement_that_follows_the_last(
    life: Callable[[], Served], clock: Time
) -> None:
    served = life()
    await served.keep()
    for member in ("PX", "LG", "PX"):
        served.note(member)
    await served.keep()
    assert await said(served) == []
    clock.now += DAY_MS
    served.note("HL")  # before anybody has kept yesterday
    await served.keep()
    await served.keep()
    assert await said(served) == [(20_000, {"LG": 1, "PX": 2})]
    clock.now += 3 * DAY_MS  # two days without anything need no statement
    await served.keep()
    assert await said(served) == [(20_000, {"LG": 1, "PX": 2}), (20_001, {"HL": 1})]
    assert len(await served.statements(2)) == 1 and await served.statements(3) == []


async def test_counts_that_were_kept_outlive_the_node_and_no_day_is_stated_twice(
    life: Callable[[], Served], clock: Time, tmp_path: Path
) -> None:
    first = life()
    first.note("PX")  # before what an earlier life left is read
    await first.keep()
    first.note("PX")  # lost: nobody kept it
    second = life()
    second.note("LG")
    await second.keep()
    kept = json.loads((tmp_path / FOLDER / TODAY).read_text())
    assert kept["counts"] == {"PX": 1, "LG": 1}
    today = (tmp_path / FOLDER / TODAY).read_text()
    clock.now += DAY_MS
    await second.keep()
    # Killed between the statement and what follows it: the day's counts are still there.
    (tmp_path / FOLDER / TODAY).write_text(today)
    with (tmp_path / FOLDER / STATEMENTS).open("ab") as file:
        file.write(b"\0\0\1")  # and half of another one
    third = life()
    await third.keep()
    third.note("PX")
    clock.now += DAY_MS
    await third.keep()
    assert await said(third) == [(20_000, {"LG": 1, "PX": 1}), (20_001, {"PX": 1})]
    # Damaged counts of a day are nobody's debt.
    (tmp_path / FOLDER / TODAY).write_text("{")
    fourth = life()
    await fourth.keep()
    clock.now += DAY_MS
    await fourth.keep()
    assert len(await said(fourth)) == 2


async def test_statements_that_were_changed_or_left_out_are_not_believed(
    life: Callable[[], Served], clock: Time
) -> None:
    served = life()
    await served.keep()
    for _ in range(3):
        served.note("PX")
        clock.now += DAY_MS
        await served.keep()
    found = await served.statements(1)
    chain = chain_of(SUITE, CHANNEL, found)
    assert [one.number for one in chain] == [1, 2, 3]
    assert chain[2].previous == digest_of(SUITE, chain[1])
    signed = decode(SignedStatement, found[1])
    more = dataclasses.replace(signed.statement.served[0], queries=2)
    changed = dataclasses.replace(
        signed, statement=dataclasses.replace(signed.statement, served=(more,))
    )
    for wrong in (found[1:], [found[0], found[2]], [found[0], encode(changed), found[2]], [b"x"]):
        with pytest.raises(CityError, match="CITY-1025"):
            chain_of(SUITE, CHANNEL, wrong)
    with pytest.raises(CityError, match="CITY-1025"):
        chain_of(SUITE, Hash(b"d" * 32), found)


async def test_a_day_of_many_members_has_statements_that_follow_each_other_though_one_write_breaks_off(
    life: Callable[[], Served], clock: Time, tmp_path: Path
) -> None:
    first = life()
    await first.keep()
    everybody = [f"M{number:03}" for number in range(450)]
    for member in reversed(everybody):
        first.note(member)
    await first.keep()
    today = (tmp_path / FOLDER / TODAY).read_text()
    clock.now += DAY_MS
    await first.keep()
    found = await said(first)
    assert [(day, len(rows)) for day, rows in found] == [(20_000, 200), (20_000, 200), (20_000, 50)]
    assert [member for _, rows in found for member in rows] == everybody
    # Killed while the second of them was written.
    whole = await first.statements(1)
    kept = tmp_path / FOLDER / STATEMENTS
    kept.write_bytes(kept.read_bytes()[: 4 + len(whole[0]) + 100])
    (tmp_path / FOLDER / TODAY).write_text(today)
    second = life()
    await second.keep()
    assert await said(second) == found
    # Named once more behind the day's last one, a member is not believed to have been served twice.
    chain = chain_of(SUITE, CHANNEL, whole)
    for members in (["M399"], ["M000"], []):
        rows = tuple(MemberServed(member, 1) for member in members)
        wrong = dataclasses.replace(chain[2], served=rows)
        signature = life()._signer().sign(message_of(SUITE, wrong))
        with pytest.raises(CityError, match="does not follow"):
            chain_of(SUITE, CHANNEL, [*whole[:2], encode(SignedStatement(wrong, signature))])
