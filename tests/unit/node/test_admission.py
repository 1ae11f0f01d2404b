"""The gate before the pool: each bad input has its own code, and nothing of it enters a block."""

from __future__ import annotations

import pytest

from node.model import Envelope
from node.wire.pb import ledger_pb2
from tests.unit.node.network import SUITE, cluster

ORDER = int("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16)
DEEP = '{"name": ' + "[" * 17 + "]" * 17 + "}"


def raw(net, **changes):
    """A signed body that no honest builder would make."""
    fields = ledger_pb2.TxBody.FromString(net.envelope().body)
    for name, value in changes.items():
        setattr(fields, name, value)
    return net.sign(fields.SerializeToString())


def with_signature(net, r, s):
    envelope = net.envelope()
    return Envelope(envelope.body, envelope.public_key, r.to_bytes(32) + s.to_bytes(32))


def changed_after_signing(net):
    signed, other = net.envelope(), net.envelope(args='{"name": "b", "by": 2}')
    return Envelope(other.body, other.public_key, signed.signature)


def by_another_key(net):
    envelope, bob = net.envelope(), net.keys.users["bob"]
    return Envelope(envelope.body, bob.public_key, envelope.signature)


def by_a_stranger(net):
    from node.identity.signers import MemorySigner

    net.keys.users["eve"] = MemorySigner(SUITE.generate_key())
    return net.envelope("eve")


def with_unknown_field(net):
    return net.sign(net.envelope().body + b"\x92\x03\x01x")


CASES = [
    ("a body changed after it was signed", changed_after_signing, "CITY-3006"),
    ("r beyond the group order", lambda n: with_signature(n, ORDER, 1), "CITY-3006"),
    ("s is zero", lambda n: with_signature(n, 1, 0), "CITY-3006"),
    ("r + s is the order", lambda n: with_signature(n, 1, ORDER - 1), "CITY-3006"),
    ("all zero", lambda n: with_signature(n, 0, 0), "CITY-3024"),
    ("DER length", lambda n: Envelope(n.envelope().body, b"\4" * 65, b"0" * 71), "CITY-3024"),
    ("a key that is not the sender's", by_another_key, "CITY-3005"),
    ("a key of no identity", by_a_stranger, "CITY-3007"),
    ("a compressed key", lambda n: Envelope(n.envelope().body, b"\2" * 33, b"1" * 64), "CITY-3025"),
    ("another channel", lambda n: n.envelope(channel_id=bytes(32)), "CITY-3004"),
    ("another suite", lambda n: n.envelope(suite=2), "CITY-3003"),
    ("no protobuf", lambda n: n.sign(b"\xff" * 40), "CITY-1001"),
    ("an unknown field", with_unknown_field, "CITY-1001"),
    ("a short nonce", lambda n: raw(n, nonce=b"123"), "CITY-1002"),
    ("no request id", lambda n: raw(n, request_id=""), "CITY-1002"),
    ("an unknown contract", lambda n: n.envelope(contract="nothing"), "CITY-3008"),
    ("a version that is not active", lambda n: n.envelope(version=2), "CITY-3009"),
    ("a private method", lambda n: n.envelope(method="_add"), "CITY-3010"),
    ("a float", lambda n: n.envelope(args='{"name": "a", "by": 1.5}'), "CITY-3011"),
    ("not a number", lambda n: n.envelope(args='{"by": NaN}'), "CITY-3011"),
    ("a name twice", lambda n: n.envelope(args='{"by": 1, "by": 2}'), "CITY-3011"),
    ("no object", lambda n: n.envelope(args="[1]"), "CITY-3011"),
    ("too deep", lambda n: n.envelope(args=DEEP), "CITY-3011"),
    ("half a surrogate", lambda n: n.envelope(args='{"name": "\\ud800"}'), "CITY-3011"),
    ("a huge integer", lambda n: n.envelope(args='{"by": ' + "9" * 81 + "}"), "CITY-3011"),
    ("oversize arguments", lambda n: raw(n, args='{"name": "' + "x" * 262_144 + '"}'), "CITY-1003"),
    ("an oversize body", lambda n: raw(n, args="x" * 400_000), "CITY-3001"),
    ("too much gas", lambda n: n.envelope(gas_limit=20_000_001), "CITY-3015"),
    ("valid for too long", lambda n: n.envelope(valid_until_height=100_000), "CITY-3014"),
]


async def test_every_bad_input_is_refused_with_its_code_and_changes_nothing(tmp_path):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        before = channel.status()["state_root"]
        for why, build, code in CASES:
            (outcome,) = await channel.submit([build(net)])
            found = outcome.error.code if outcome.error else "admitted"
            assert found == code, why
            assert outcome.error is not None and outcome.error.why and outcome.error.do, why
        status = channel.status()
        assert (status["state_root"], status["pool"], status["height"]) == (before, 0, 0)


async def test_an_expired_and_a_replayed_transaction_are_refused(tmp_path):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        first = net.envelope(valid_until_height=1)
        await channel.submit([first])
        status = await channel.wait(net.id(first), "committed")
        assert status.receipt is not None and status.receipt.outcome == "ok"
        replayed, expired = await channel.submit([first, net.envelope(valid_until_height=1)])
        assert replayed.error is not None and replayed.error.code == "CITY-3017"
        assert expired.error is not None and expired.error.code == "CITY-3013"


async def test_what_the_contract_refuses_is_ordered_and_changes_no_state(tmp_path):
    async with cluster(tmp_path, 4) as net:
        channel = net.nodes["n0"].channel
        before = await net.same_state()
        calls = [
            ("revert", net.envelope(args='{"name": "a", "by": -1}')),
            ("revert", net.envelope(args='{"name": "a"}')),
            ("revert", net.envelope(args='{"name": 7, "by": 1}')),
            ("revert", net.envelope(method="nothing", args="{}")),
            ("revert", net.envelope(method="crash", args="{}")),
            ("oog", net.envelope(method="spin", args="{}", gas_limit=50_000)),
        ]
        for outcome in await channel.submit([envelope for _, envelope in calls]):
            assert outcome.error is None
        for expected, envelope in calls:
            status = await channel.wait(net.id(envelope), "committed")
            assert status.receipt is not None and status.receipt.outcome == expected
        assert await net.same_state() == before


async def test_the_same_bytes_twice_are_admitted_once(tmp_path):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        envelope = net.envelope()
        outcomes = await channel.submit([envelope, envelope])
        assert [o.error for o in outcomes] == [None, None]
        await channel.wait(net.id(envelope), "committed")
        block = await channel.block(1)
        assert block is not None and len(block.envelopes) == 1


@pytest.mark.parametrize("name", ["unknown", "crash"])
async def test_a_query_answers_failures_without_ordering_anything(tmp_path, name):
    async with cluster(tmp_path, 1) as net:
        channel = net.nodes["n0"].channel
        found = await channel.query("counter", 0, name, "{}", None)
        assert found.outcome == "revert" and channel.status()["height"] == 0
