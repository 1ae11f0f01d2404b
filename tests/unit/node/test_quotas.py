"""Quotas: accounting that never passes a limit, the same on every node, over restarts and other seats."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.encoding import Hash
from contracts.runtime import values
from contracts.runtime.keys import contract_prefix, state_key
from node.clock import RealClock
from node.errors import CityError
from node.governance.state import Quota
from node.identity.signers import MemorySigner
from node.model import Receipt, StoredBlock, decode_receipt
from node.quotas.counting import CONTRACT, Charging, Rules, Use, Used, load_used, rows
from node.wire.body import parse_body
from tests.unit.node.deploying import SECOND, deploying
from tests.unit.node.governing import Chain, channel
from tests.unit.node.network import SECONDS, SUITE, Cluster, Node
from tests.unit.node.test_reconfiguration import commit, configure, count
from tests.unit.node.waiting import have_epoch, ready

HOUR_MS = 3_600_000
LIMITS = ("transactions", "bytes", "gas")


# ---- the accounting --------------------------------------------------------------------------------

MEMBERS, APPLICATIONS = ("A", "B", "C"), ("one", "two", "_config")
QUOTAS = st.lists(
    st.builds(
        Quota,
        st.sampled_from(("", "*", "A", "B")),
        st.sampled_from(("", "one")),
        st.sampled_from((10, 60)),
        st.integers(0, 6),
        st.integers(0, 900),
        st.integers(0, 900),
    ).filter(lambda quota: quota.subject != ("", "")),
    unique_by=lambda quota: quota.subject,
    max_size=5,
)
SENT = st.tuples(
    st.sampled_from(MEMBERS),
    st.sampled_from(APPLICATIONS),
    st.integers(1, 300),  # bytes
    st.integers(1, 300),  # gas limit
    st.integers(0, 100),  # per cent of it that is used
)
BLOCKS = st.lists(
    st.tuples(st.integers(1, 30_000), st.lists(SENT, max_size=12)), min_size=1, max_size=12
)


def binding(quotas: list[Quota], member: str, application: str) -> dict[tuple[str, str], Quota]:
    """By subject, written anew from the words: own before each, none for the configuration."""
    found = {}
    if application == "_config":
        return found
    for subject in ((member, ""), ("", application), (member, application)):
        own = [q for q in quotas if q.subject == subject]
        each = [q for q in quotas if q.member == "*" and q.application == subject[1] and subject[0]]
        if own or each:
            found[subject] = (own or each)[0]
    return found


@given(QUOTAS, BLOCKS)
def test_what_is_used_is_the_sum_of_what_found_room_and_never_passes_a_limit(quotas, blocks):
    rules, held, time_ms = Rules(quotas), dict[tuple[str, str], Used](), 0
    sums: dict[Any, list[int]] = {}
    for passed_ms, sent in blocks:
        time_ms += passed_ms
        charging = Charging(rules, held, time_ms)
        taken = []
        for member, application, size, gas, part in sent:
            bound = binding(quotas, member, application)
            over = charging.admit(member, application, Use(1, size, gas))
            keys = {s: (s, q.seconds, time_ms // (q.seconds * 1000)) for s, q in bound.items()}
            fits = all(
                not getattr(q, limit) or used + more <= getattr(q, limit)
                for s, q in bound.items()
                for limit, used, more in zip(
                    LIMITS, sums.get(keys[s], (0, 0, 0)), (1, size, gas), strict=True
                )
            )
            assert (over is None) is fits
            for key in keys.values() if fits else ():
                sums[key] = [
                    a + b for a, b in zip(sums.get(key, [0] * 3), (1, size, gas), strict=True)
                ]
            if fits:
                taken.append((member, application, keys, gas - gas * part // 100))
            elif over is not None:
                assert over.subject in bound and over.free_at_ms > time_ms
        for member, application, keys, unused in taken:
            charging.settle(member, application, unused)
            for key in keys.values():
                sums[key][2] -= unused
        held |= charging.changed
        for (subject, seconds, window), total in sums.items():
            used = held[subject]
            if (used.seconds, used.window) == (seconds, window):
                assert [used.use.transactions, used.use.bytes, used.use.gas] == total
                quota = rules.quota(subject)
                assert quota is not None
                for limit, so_far in zip(LIMITS, total, strict=True):
                    assert not getattr(quota, limit) or so_far <= getattr(quota, limit)
    assert set(held) <= {s for m in MEMBERS for a in APPLICATIONS for s in binding(quotas, m, a)}


def test_a_new_window_is_empty_and_so_is_one_of_another_length():
    quota = Quota("A", "", 60, 2, 0, 0)
    held = {("A", ""): Used(60, 0, Use(2, 10, 10), 1)}
    (row,) = rows(Rules((quota,)), held, (), 59_999)
    assert row["transactions"] == {"used": 2, "most": 2, "left": 0}
    assert (row["free_at_ms"], row["refused"], row["gas"]["left"]) == (60_000, 1, None)
    (row,) = rows(Rules((quota,)), held, (), 60_000)
    assert row["transactions"]["left"] == 2 and row["refused"] == 0
    other = Quota("A", "", 30, 2, 0, 0)
    assert Charging(Rules((other,)), held, 0).admit("A", "one", Use(2, 0, 0)) is None


def test_each_member_has_what_each_may_have_unless_it_has_its_own():
    each, own = Quota("*", "", 60, 1, 0, 0), Quota("B", "", 60, 5, 0, 0)
    found = rows(Rules((each, own)), {}, ("A", "B"), 0)
    assert [(r["member"], r["transactions"]["most"]) for r in found] == [("A", 1), ("B", 5)]
    also = Quota("*", "one", 60, 0, 7, 0)
    found = rows(Rules((each, also)), {}, iter(("A", "B")), 0)
    assert len(found) == 4


# ---- as a change of the configuration --------------------------------------------------------------

NONE: dict[str, Any] = {"application": "", "seconds": 0, "transactions": 0, "bytes": 0, "gas": 0}


def decided(chain: Chain, **quota: Any) -> Any:
    outcome = chain.send("admin0", "set_quota", **(NONE | {"member": ""} | quota))
    for admin in ("admin1", "admin2"):
        if not outcome.code:
            outcome = chain.approve(admin, outcome)
    return outcome


def test_a_quota_is_set_changed_and_taken_away_by_those_who_decide():
    chain = Chain(channel()[0])
    assert decided(chain, member="M4", transactions=10).event == "InForce"
    assert chain.state.quotas == (Quota("M4", "", 3_600, 10, 0, 0),)
    assert chain.loaded() == chain.state
    decided(chain, member="M4", gas=7, seconds=60)
    decided(chain, member="*", application="counter", bytes=9)
    assert chain.state.quotas == (
        Quota("*", "counter", 3_600, 0, 9, 0),
        Quota("M4", "", 60, 0, 0, 7),
    )
    assert chain.loaded() == chain.state
    decided(chain, member="M4")
    assert [quota.member for quota in chain.state.quotas] == ["*"]


@pytest.mark.parametrize(
    ("quota", "code"),
    [
        ({"transactions": 1}, "E_QUOTA"),
        ({"member": "nobody", "transactions": 1}, "E_UNKNOWN_MEMBER"),
        ({"application": "_config", "transactions": 1}, "E_QUOTA"),
        ({"application": "not a name", "transactions": 1}, "E_QUOTA"),
        ({"member": "M1", "transactions": 1, "seconds": 1}, "E_QUOTA"),
        ({"member": "M1", "transactions": 1, "seconds": 10**9}, "E_QUOTA"),
        ({"member": "M1"}, "E_NO_CHANGE"),
    ],
)
def test_a_quota_that_is_none_is_refused_by_name(quota, code):
    chain = Chain(channel()[0])
    before = chain.state
    assert decided(chain, **quota).code == code  # `send` holds the stored state against it
    assert chain.state is before


def test_a_member_that_goes_takes_its_quota_along():
    chain = Chain(channel()[0])
    decided(chain, member="M4", transactions=10)
    gone = chain.send("admin0", "remove_member", member_id="M4")
    for admin in ("admin1", "admin2"):
        gone = chain.approve(admin, gone)
    assert gone.event == "InForce" and chain.state.quotas == ()
    assert chain.loaded() == chain.state


# ---- on running nodes ------------------------------------------------------------------------------


class WoundClock:
    """Real time, begun with a window of an hour, and wound on by whole hours."""

    def __init__(self) -> None:
        self._real = RealClock()
        self._offset_ms = HOUR_MS - self._real.now_ms() % HOUR_MS

    def now_ms(self) -> int:
        return self._real.now_ms() + self._offset_ms

    def next_hour(self) -> None:
        self._offset_ms += HOUR_MS - self.now_ms() % HOUR_MS


class Quoted(Cluster):
    def __init__(self, *args: Any, **consensus: Any) -> None:
        super().__init__(*args, **consensus)
        self.hours = WoundClock()
        self.clock = self.hours

    def unguarded(self) -> None:
        """Gateways and leaders that look at no quota, as liars do not."""
        for node in self.nodes.values():
            node.channel._admission._quota = lambda admitted: None
            node.channel.pipeline.pool._room = lambda admitted, held: None

    async def grant(self, at: str = "n0", **quota: Any) -> None:
        receipt = await configure(self, at, "set_quota", **({"member": ""} | NONE | quota))
        if not values.decode(receipt.result)["in_force"]:
            proposal = values.decode(receipt.result)["proposal"]
            receipt = await configure(self, at, "approve", "bob", proposal=proposal)
        assert values.decode(receipt.result)["in_force"], receipt

    async def shown(self, name: str = "n0") -> dict[tuple[str, str], dict[str, Any]]:
        args = json.dumps({"time_ms": self.hours.now_ms()})
        answer = await self.nodes[name].channel.query("_quota", 0, "show", args, None)
        return {(r["member"], r["application"]): r for r in values.decode(answer.result)}


async def quoted(tmp_path: Any, kind: str) -> Quoted:
    net = Quoted(tmp_path, 4, **({"kind": kind} if kind == "raft" else {}))
    await net.start_all()
    await ready(net)
    return net


def counter(node: Node) -> int:
    found = node.channel._ledger.state.get(state_key("counter", "counts", "a"))
    return 0 if found is None else int(values.decode(found))


async def refused(node: Node, envelope: Any) -> CityError:
    (outcome,) = await node.channel.submit([envelope])
    assert outcome.error is not None
    return outcome.error


def ledger_of(node: Node) -> list[tuple[StoredBlock, list[Receipt]]]:
    ledger = node.channel._ledger
    return [
        (block, [decode_receipt(data) for data in ledger.state.receipts(block.header.height)])
        for block in ledger.blocks.blocks(1, ledger.applied_height)
    ]


def recounted(node: Node, member: str, keys: set[bytes], since_ms: int) -> Use:
    """What a member's identities used since then, from blocks and receipts alone."""
    total = Use()
    for block, receipts in ledger_of(node):
        for envelope, receipt in zip(block.envelopes, receipts, strict=True):
            is_own = envelope.public_key in keys and block.header.timestamp_ms >= since_ms
            if is_own and receipt.code != "QUOTA_EXCEEDED" and not is_config(envelope):
                size = len(envelope.body) + len(envelope.public_key) + len(envelope.signature)
                total += Use(1, size, receipt.gas_used)
    return total


def is_config(envelope: Any) -> bool:
    return parse_body(envelope.body).contract == "_config"


@pytest.mark.parametrize("kind", ["pbft", "raft"])
async def test_nobody_gets_a_member_over_its_quota_and_everybody_says_the_same(tmp_path, kind):
    net = await quoted(tmp_path, kind)
    try:
        await count(net)
        assert not list(net.nodes["n0"].channel._ledger.state.scan_all(contract_prefix(CONTRACT)))
        await net.grant(member="m-bob", transactions=3)
        for _ in range(3):
            assert (await commit(net, "n1", net.envelope("bob"))).outcome == "ok"
        root = await net.same_state()
        for node in net.nodes.values():
            error = await refused(node, net.envelope("bob"))
            assert (error.code, error.variables["used"], error.variables["most"]) == (
                "CITY-3040",
                3,
                3,
            )
            assert 0 < error.variables["retry_ms"] <= HOUR_MS
        assert await net.same_state() == root
        # Liars order them all the same: every node gives the same receipt, and only the refusal is counted.
        net.unguarded()
        before = counter(net.nodes["n0"])
        for _ in range(2):
            receipt = await commit(net, "n2", net.envelope("bob"))
            assert (receipt.outcome, receipt.code, receipt.gas_used) == (
                "revert",
                "QUOTA_EXCEEDED",
                0,
            )
        await net.same_state()
        assert all(counter(node) == before for node in net.nodes.values())
        row = (await net.shown())[("m-bob", "")]
        assert (row["transactions"], row["refused"]) == ({"used": 3, "most": 3, "left": 0}, 2)
        # Nobody else's use counts, and the next hour is a new one.
        assert (await commit(net, "n3", net.envelope("alice"))).outcome == "ok"
        net.hours.next_hour()
        assert (await commit(net, "n2", net.envelope("bob"))).outcome == "ok"
        row = (await net.shown("n3"))[("m-bob", "")]
        assert (row["transactions"]["used"], row["refused"]) == (1, 0)
    finally:
        await net.stop_all()


async def test_a_block_that_holds_too_many_of_several_members_is_cut_where_each_quota_ends(
    tmp_path,
):
    net = Quoted(tmp_path / "quoted", 4, window=4, block_wait_ms=300)
    try:
        await net.start_all()
        await net.grant(member="*", transactions=5)
        await net.grant(application="counter", gas=5_000_000)
        net.unguarded()
        begun = net.hours.now_ms() - net.hours.now_ms() % HOUR_MS
        sent = [net.envelope(user) for _ in range(9) for user in ("alice", "bob")]
        channels = [node.channel for node in net.nodes.values()]
        for place, envelope in enumerate(sent):
            (outcome,) = await channels[place % 4].submit([envelope])
            assert outcome.error is None
        async with asyncio.timeout(SECONDS):
            statuses = [await channels[0].wait(net.id(e), "committed") for e in sent]
        await net.at_height(max(status.height for status in statuses))
        await net.same_state()
        for user in ("alice", "bob"):
            member = f"m-{user}"
            mine = [
                s.receipt
                for e, s in zip(sent, statuses, strict=True)
                if e.public_key == net.keys.users[user].public_key
            ]
            fine = [receipt for receipt in mine if receipt is not None and receipt.outcome == "ok"]
            assert len(fine) == 5
            row = (await net.shown())[(member, "")]
            assert (row["transactions"]["used"], row["refused"]) == (5, 4)
            used = net.nodes["n1"].channel._ledger.quotas.used[member, ""].use
            keys = {net.keys.users[user].public_key}
            assert used == recounted(net.nodes["n2"], member, keys, begun)
        total = net.nodes["n1"].channel._ledger.quotas.used["", "counter"].use
        assert total.gas == sum(
            r.gas_used
            for _, receipts in ledger_of(net.nodes["n0"])
            for r in receipts
            if r.outcome == "ok"
        )
    finally:
        await net.stop_all()


async def test_what_was_used_outlives_a_restart_and_another_epoch_and_binds_a_new_identity(
    tmp_path,
):
    net = await quoted(tmp_path, "pbft")
    try:
        await net.grant(member="m-bob", transactions=3)
        await commit(net, "n0", net.envelope("bob"))
        await net.stop("n3")
        await net.start("n3")
        receipt = await configure(net, "n1", "remove_validator", name="n3")
        if not values.decode(receipt.result)["in_force"]:
            proposal = values.decode(receipt.result)["proposal"]
            await configure(net, "n1", "approve", "bob", proposal=proposal)
        await have_epoch(net, 1)
        await commit(net, "n3", net.envelope("bob"))
        # Another identity of the member is the same member.
        signer = MemorySigner(SUITE.generate_key())
        enrolled = await configure(
            net, "n0", "add_identity", "bob", name="carl", member_id="m-bob", roles=["clerk"],
            public_key=signer.public_key, certificate="", serial="",
        )  # fmt: skip
        assert values.decode(enrolled.result)["in_force"]
        net.keys.users["carl"] = signer
        assert (await commit(net, "n2", net.envelope("carl"))).outcome == "ok"
        for node in net.nodes.values():
            assert (await refused(node, net.envelope("carl"))).code == "CITY-3040"
        # More is granted in the middle of the window: what was used stays used.
        await net.grant(member="m-bob", transactions=4)
        assert (await commit(net, "n1", net.envelope("carl"))).outcome == "ok"
        assert (await refused(net.nodes["n0"], net.envelope("bob"))).code == "CITY-3040"
        for node in net.nodes.values():
            state = node.channel._ledger.state
            assert load_used(state.scan_all) == node.channel._ledger.quotas.used
            assert node.channel._ledger.quotas.used["m-bob", ""].use.transactions == 4
        # Taken away, it is not counted any more, nor kept.
        await net.grant(member="m-bob")
        assert (await commit(net, "n0", net.envelope("bob"))).outcome == "ok"
        await net.same_state()
        for node in net.nodes.values():
            assert not list(node.channel._ledger.state.scan_all(contract_prefix(CONTRACT)))
    finally:
        await net.stop_all()


async def test_a_gateway_looks_ahead_of_what_is_executed_and_config_transactions_are_free(tmp_path):
    net = Quoted(tmp_path, 4)
    try:
        await net.start_all()
        await net.grant(member="m-bob", gas=500_000)
        node = net.nodes["n0"]
        for name in ("n1", "n2", "n3"):
            await net.stop(name)  # nothing is ordered any more
        for _ in range(2):  # 200,000 gas each
            (outcome,) = await node.channel.submit([net.envelope("bob")])
            assert outcome.error is None
        error = await refused(node, net.envelope("bob"))
        assert (error.code, error.variables["limit"], error.variables["used"]) == (
            "CITY-3040",
            "gas",
            400_000,
        )
        assert error.variables["retry_ms"] == 1_000  # it may use less than its limit
        change = net.envelope(
            "bob", contract="_config", method="withdraw", args='{"proposal": "p"}'
        )
        for envelope in (net.envelope("bob", gas_limit=100_000), change):
            (outcome,) = await node.channel.submit([envelope])
            assert outcome.error is None
    finally:
        await net.stop_all()


async def test_what_a_node_owes_the_channel_is_free_once_and_no_way_around_its_members_quota(
    tmp_path,
):
    async with deploying(tmp_path) as net:
        net.keys.users["n1"] = net.identities[1]  # of m-bob
        receipt = await configure(
            net, "n0", "set_quota", **({"member": "m-bob"} | NONE | {"transactions": 1})
        )
        for user in ("bob", "carol"):
            value = values.decode(receipt.result)
            if not value["in_force"]:
                receipt = await configure(net, "n0", "approve", user, proposal=value["proposal"])
        assert values.decode(receipt.result)["in_force"]
        await commit(net, "n0", net.envelope("bob"))
        assert (await refused(net.nodes["n1"], net.envelope("bob"))).code == "CITY-3040"
        # Its node attests all the same, each version once.
        await net.propose(SECOND)
        await net.propose(SECOND, name="other", version=1)
        root = await net.settled_state()
        assert {a.node for a in net.stage().attestations} == set(net.nodes)
        used = net.nodes["n0"].channel.pipeline.ledger.quotas.used["m-bob", ""]
        assert (used.use.transactions, used.refused) == (1, 0)
        again = {"name": "counter", "version": 2, "transcript": "again"}
        strange = again | {"version": 9}
        for node in net.nodes.values():
            for args in (again, strange):
                error = await refused(node, net.asked("attest", "n1", **args))
                assert error.code == "CITY-3040"
            # What is not the node's to say is a transaction like any other.
            assert (await refused(node, net.asked("attest", "bob", **again))).code == "CITY-3040"
        assert await net.settled_state() == root
        # Ordered by liars: refused by the quota, and counted so.
        for node in net.nodes.values():
            node.channel._admission._quota = lambda admitted: None
            node.channel.pipeline.pool._room = lambda admitted, held: None
        for sent in (net.asked("attest", "n1", **again), net.asked("attest", "bob", **again)):
            assert (await commit(net, "n2", sent)).code == "QUOTA_EXCEEDED"
        await net.same_state()
        for node in net.nodes.values():
            used = node.channel.pipeline.ledger.quotas.used["m-bob", ""]
            assert (used.use.transactions, used.refused) == (1, 2)


def test_a_hash_is_no_subject_and_damage_is_noticed():
    with pytest.raises(ValueError, match=r"."):
        load_used(lambda prefix: [(prefix + bytes(Hash(bytes(32))), b"\x00")])
