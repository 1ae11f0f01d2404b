"""Contracts come, change and go while a channel runs, in one process."""

from __future__ import annotations

from tests.unit.node.deploying import SECOND, deploying


async def test_an_approved_version_with_its_migration_takes_over_and_the_old_one_stays_readable(
    tmp_path,
):
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        await net.approved(SECOND)
        assert (await net.commit(net.envelope())).outcome == "ok"
        answer = await net.ask("activate", name="counter", version=2, height=0)
        assert answer["status"] == "active"
        assert await net.read() == 200
        assert await net.read(version=1) == 200
        assert (await net.commit(net.envelope(version=2))).outcome == "ok"
        assert await net.read(at="n3") == 201
        await net.same_state()
