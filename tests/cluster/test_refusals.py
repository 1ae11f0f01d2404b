"""Bad input over the wire, answered by four real cities: a stable code, cause, next step, and nothing changed.

"Nothing changed" is the state root of all four nodes, compared before and after each case.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from node.client import ContractError, InvalidRequest
from node.model import Envelope
from node.sdk.calls import Signed
from node.wire import stubs
from node.wire.codec import envelope_to_pb
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import BOTH_ENGINES
from tests.cluster.forging import TRACEBACK, Forge, Forger, Refusal, forging, refusal_of
from tests.damage import flipped

pytestmark = [pytest.mark.cluster, BOTH_ENGINES]

# The order of the groups of SM2's base point (GB/T 32918.5): r and s lie in 1 … N − 1.
N = int("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123", 16)
UNKNOWN_FIELD = b"\xa0\x06\x01"  # field 100, varint 1
NODE = "guangzhou"


def _rs(r: int | None = None, s: int | None = None) -> Forge:
    """A good transaction whose signature has another r or s."""

    def forge(f: Forger) -> Envelope:
        good = f.signed()
        first = good.signature[:32] if r is None else r.to_bytes(32, "big")
        second = good.signature[32:] if s is None else s.to_bytes(32, "big")
        return dataclasses.replace(good, signature=first + second)

    return forge


def _flipped(f: Forger) -> Envelope:
    good = f.signed()
    return dataclasses.replace(good, signature=flipped(good.signature))


def _changed_after_signing(f: Forger) -> Envelope:
    request = secrets.token_hex(8)
    nonce = secrets.token_bytes(16)
    good = f.signed(request_id=request, nonce=nonce)
    richer = f.body(request_id=request, nonce=nonce, args='{"owner":"forged","amount":9}')
    return dataclasses.replace(good, body=richer)


def _signed_by_another(f: Forger) -> Envelope:
    """ops is named, with its key; the buyer signed."""
    forged = f.sign(f.body(), f.user("buyer"))
    return dataclasses.replace(forged, public_key=f.signer.public_key)


def _with(**changed: Any) -> Forge:
    return lambda f: f.signed(**changed)


def _args(text: str) -> Forge:
    return _with(args=text)


def _of_body(make: Callable[[Forger], bytes]) -> Forge:
    return lambda f: f.sign(make(f))


@dataclass(frozen=True, slots=True)
class Bad:
    """An envelope that must not enter the pool."""

    what: str
    forge: Forge
    code: str
    why: str


NOT_ADMITTED = (
    # who signed
    Bad("a wrong signature", _flipped, "CITY-3006", "one bit decides"),
    Bad("a body changed after signing", _changed_after_signing, "CITY-3006", "amounts are signed"),
    Bad("a signature by another user's key", _signed_by_another, "CITY-3006", "nobody signs for ops"),
    Bad("a key that is not the sender's", lambda f: f.sign(f.body(sender=f.digest(f.user("buyer")))),
        "CITY-3005", "the sender is the digest of the key, so roles cannot be borrowed"),
    Bad("a key that nobody registered", lambda f: (lambda s: f.sign(f.body(sender=f.digest(s)), s))(
        f.stranger()), "CITY-3007", "only members' identities may write"),
    Bad("r = 0", _rs(r=0), "CITY-3006", "out of range: libraries disagree here, nodes must not"),
    Bad("s = 0", _rs(s=0), "CITY-3006", "out of range"),
    Bad("r = n", _rs(r=N), "CITY-3006", "0 modulo n"),
    Bad("s = n", _rs(s=N), "CITY-3006", "0 modulo n"),
    Bad("r = n + 1", _rs(r=N + 1), "CITY-3006", "1 modulo n: a second encoding of one number"),
    Bad("r = s = 2^256 - 1", _rs(r=2**256 - 1, s=2**256 - 1), "CITY-3006", "out of range"),
    Bad("a signature of zeros", _rs(r=0, s=0), "CITY-3024", "what an unsigned message looks like"),
    Bad("a signature in DER", lambda f: dataclasses.replace(f.signed(), signature=bytes(71)),
        "CITY-1014", "signatures are 64 bytes on the wire"),
    Bad("a compressed public key", lambda f: dataclasses.replace(f.signed(), public_key=bytes(33)),
        "CITY-1014", "one form, so that one key has one digest"),
    # where and when
    Bad("another channel", _with(channel_id=bytes(32)), "CITY-3004", "no replay across channels"),
    Bad("the other suite", _with(suite=2), "CITY-3003", "a channel has one suite"),
    Bad("a suite that does not exist", _with(suite=9), "CITY-1002", "1 or 2"),
    Bad("expired", lambda f: f.signed(valid_until_height=f.tip), "CITY-3013",
        "what expired can never be ordered, so the client may sign anew"),
    Bad("valid for too long", lambda f: f.signed(valid_until_height=f.tip + 1_000_000),
        "CITY-3014", "replay protection is bounded"),
    # what is called
    Bad("an unknown contract", _with(contract="nothing"), "CITY-3008", "no such name in genesis"),
    Bad("another version", _with(version=2), "CITY-3009", "an upgrade never changes what was signed"),
    Bad("version 0", _with(version=0), "CITY-1002", "a body names one exactly"),
    Bad("a private method", _with(method="_load"), "CITY-3010", "no export begins with _"),
    Bad("a path as a method", _with(method="../x"), "CITY-1002", "names only"),
    Bad("more gas than a transaction may have", _with(gas_limit=20_000_001), "CITY-3015", "20 M"),
    Bad("no gas", _with(gas_limit=0), "CITY-1002", "a limit is needed"),
    Bad("no request id", _with(request_id=""), "CITY-1002", "sending again must be safe"),
    Bad("a short nonce", _with(nonce=b"1"), "CITY-1002", "16 bytes"),
    # arguments
    Bad("a float", _args('{"owner":"a","amount":1.5}'), "CITY-3011", "money is whole fen"),
    Bad("a float in disguise", _args('{"owner":"a","amount":1e3}'), "CITY-3011", "1e3 is a float"),
    Bad("NaN", _args('{"owner":"a","amount":NaN}'), "CITY-3011", "no JSON"),
    Bad("one name twice", _args('{"owner":"a","amount":1,"amount":9}'), "CITY-3011",
        "parsers differ in which one counts: nodes and auditors would read two amounts"),
    Bad("a name twice inside", _args('{"owner":{"a":1,"a":2},"amount":1}'), "CITY-3011", "as well"),
    Bad("a list", _args("[1]"), "CITY-3011", "arguments have names"),
    Bad("no JSON", _args('{"owner":'), "CITY-3011", "cut short"),
    Bad("seventeen levels", _args('{"owner":' + "[" * 17 + "]" * 17 + ',"amount":1}'), "CITY-3011",
        "depth is bounded"),
    Bad("a hundred thousand levels", _args('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"),
        "CITY-3011", "the parser's stack is not the attacker's"),
    Bad("half a surrogate pair", _args('{"owner":"\\ud800","amount":1}'), "CITY-3011", "no UTF-8"),
    Bad("an integer of 81 digits", _args(f'{{"owner":"a","amount":{"9" * 81}}}'), "CITY-3011",
        "reading numbers costs more than their length"),
    Bad("an oversize argument", _args(f'{{"owner":"{"x" * (256 * 1024)}","amount":1}}'),
        "CITY-1003", "256 KiB: every node stores it"),
    Bad("an oversize body", _of_body(lambda f: f.body() + bytes(320 * 1024)), "CITY-1003",
        "320 KiB"),
    # bytes
    Bad("no protobuf", _of_body(lambda f: b"\xff\xff\xff\xff"), "CITY-1001", "cannot be parsed"),
    Bad("protobuf cut short", _of_body(lambda f: f.body()[:-3]), "CITY-1001", "cannot be parsed"),
    Bad("an unknown field", _of_body(lambda f: f.body() + UNKNOWN_FIELD), "CITY-1001",
        "it would change the id and mean nothing"),
    Bad("a field twice", _of_body(lambda f: f.body() + b"\x08\x01"), "CITY-1001",
        "the last one wins: two bodies for one meaning"),
    Bad("no body", lambda f: f.sign(b""), "CITY-1014", "nothing was signed"),
)  # fmt: skip


@pytest.mark.parametrize("bad", NOT_ADMITTED, ids=lambda bad: bad.what)
async def test_what_may_not_enter_the_pool_is_refused_with_its_code(
    shared: Cluster, bad: Bad
) -> None:
    async with forging(shared, NODE) as forger:
        if not forger.tip:
            await forger.receipt(forger.signed())  # "expired" needs a chain that has begun
        before = await shared.roots(forger.tip)
        assert len(before) == 1
        refusal = await forger.submit(bad.forge(forger))
        assert refusal is not None, "it was admitted"
        assert refusal.code == bad.code, refusal
        refusal.assert_helps()
        assert await shared.roots(forger.tip) == before


async def test_a_batch_says_for_each_what_is_wrong_with_it(shared: Cluster) -> None:
    # The same gate behind the other door, and the good neighbour of a bad one is not refused with it.
    async with forging(shared, NODE) as forger:
        good = forger.signed(args='{"owner":"batch","amount":1}')
        envelopes = [
            _flipped(forger),
            good,
            forger.signed(contract="nothing"),
            forger.sign(b"\xff"),
        ]
        request = stubs.SubmitBatchRequest(envelopes=[envelope_to_pb(e) for e in envelopes])
        reply = await forger.stub.SubmitBatch(request, timeout=CALL_SECONDS)
        codes = [result.code.partition(" ")[0] for result in reply.results]
        assert codes == ["CITY-3006", "", "CITY-3008", "CITY-1001"]
        assert all(r.message and TRACEBACK not in r.message for r in reply.results if r.code)
        receipt = await forger.receipt(good)
        assert receipt.outcome == "ok"
        assert len(await shared.roots(forger.tip)) == 1


# ---- ordered, executed, refused --------------------------------------------------------------------

PARTY = {
    "party_id": "FORGED",
    "legal_name": "Forged Ltd",
    "kind": "enterprise",
    "country": "CN",
    "city": "SZ",
}
GOOD_USCC, GOOD_LEI = "91440300MA5TF29U91", "969500AAAAAAAAAAAA35"


def _party(**identifiers: str) -> dict[str, Any]:
    args = json.dumps(PARTY | identifiers)
    return {"contract": "party", "method": "apply", "args": args}


def _amount(text: str) -> dict[str, Any]:
    return {"args": f'{{"owner":"a","amount":{text}}}'}


@dataclass(frozen=True, slots=True)
class Reverted:
    """A transaction that is ordered and changes nothing. code: `E_…` is a contract author's."""

    what: str
    changed: dict[str, Any]
    outcome: str
    code: str
    shown: str  # how the SDK says it
    why: str


EXECUTED = (
    Reverted("an unknown method", {"method": "nothing"}, "revert", "no-such-method", "CITY-4004",
             "only exported methods can be called"),
    Reverted("a helper as a method", {"contract": "party", "method": "load", "args": "{}"}, "revert",
             "no-such-method", "CITY-4004", "a function without @export is none"),
    Reverted("a wrong type", _amount('"1"'), "revert", "arguments", "CITY-4004", "text is no number"),
    Reverted("true for an amount", _amount("true"), "revert", "arguments", "CITY-4004",
             "Python would take it for 1"),
    Reverted("null for an amount", _amount("null"), "revert", "arguments", "CITY-4004", "no amount"),
    Reverted("a missing argument", {"args": '{"owner":"a"}'}, "revert", "arguments", "CITY-4004",
             "the method has no default for it"),
    Reverted("an unknown argument", {"args": '{"owner":"a","amount":1,"fee":1}'}, "revert",
             "arguments", "CITY-4004", "a misspelt name must not be dropped silently"),
    Reverted("the contract's own refusal", {"method": "transfer", "args":
             '{"source":"nobody-has-this","to":"a","amount":1}'}, "revert", "E_BALANCE", "CITY-4001",
             "require() in the contract"),
    Reverted("an amount of zero", _amount("0"), "revert", "E_AMOUNT", "CITY-4001", "nothing moves"),
    Reverted("a negative amount", _amount("-1"), "revert", "E_AMOUNT", "CITY-4001", "a way to take"),
    Reverted("one more than the greatest amount", _amount("1000000000001"), "revert", "E_AMOUNT",
             "CITY-4001", "a bound of the contract's own"),
    Reverted("2^63", _amount(str(2**63)), "revert", "E_AMOUNT", "CITY-4001",
             "integers do not wrap round"),
    Reverted("2^255 - 1", _amount(str(2**255 - 1)), "revert", "E_AMOUNT", "CITY-4001",
             "the greatest argument there is"),
    Reverted("an amount of 80 digits", _amount("9" * 80), "revert", "arguments", "CITY-4004",
             "more than 256 bits"),
    Reverted("a wrong check digit in a USCC", _party(uscc=GOOD_USCC[:-1] + "2"), "revert",
             "E_CHECK_DIGIT", "CITY-4001", "a typing error must not become a debtor"),
    Reverted("a wrong check digit in an LEI", _party(uscc=GOOD_USCC, lei=GOOD_LEI[:-1] + "6"),
             "revert", "E_CHECK_DIGIT", "CITY-4001", "ISO 17442"),
    Reverted("out of gas", {"gas_limit": 20}, "oog", "out-of-gas", "CITY-4002",
             "the signer's own bound"),
    Reverted("a key that no store takes", {"args": f'{{"owner":"{"x" * 200_000}","amount":1}}'},
             "fatal", "key-too-long", "CITY-4003", "the engine stops the call, on every node alike"),
)  # fmt: skip


@pytest.mark.parametrize("bad", EXECUTED, ids=lambda bad: bad.what)
async def test_what_a_contract_refuses_leaves_a_receipt_and_no_trace_in_the_state(
    shared: Cluster, bad: Reverted
) -> None:
    async with forging(shared, NODE) as forger:
        before = await shared.roots(forger.tip)
        envelope = forger.signed(**bad.changed)
        receipt = await forger.receipt(envelope)
        assert (receipt.outcome, receipt.code) == (bad.outcome, bad.code), receipt
        assert not receipt.events and TRACEBACK not in receipt.message
        if bad.outcome in ("oog", "fatal"):
            assert receipt.gas_used == receipt.gas_limit > 0, "what was used up is charged whole"
        else:
            assert receipt.gas_used < receipt.gas_limit
        assert await shared.roots(forger.tip) == before, "it left something in the state"
        signed = Signed(
            receipt.tx_id.hex(), envelope, "contract", "method", gas_limit=receipt.gas_limit
        )
    async with shared.net("beijing") as net:
        with pytest.raises(ContractError) as refused:
            await net.wait(signed)
    error = refused.value
    assert error.code == bad.shown
    Refusal(error.code, error.message, error.why, error.do).assert_helps()


async def test_the_identifiers_of_the_table_are_good_but_for_their_check_digit(
    shared: Cluster,
) -> None:
    # Otherwise the table would show nothing: here the same call passes.
    async with forging(shared, NODE) as forger:
        receipt = await forger.receipt(forger.signed(**_party(uscc=GOOD_USCC, lei=GOOD_LEI)))
        assert (receipt.outcome, receipt.code) == ("ok", ""), receipt


# ---- twice -------------------------------------------------------------------------------------------


async def test_a_replayed_transaction_counts_once(shared: Cluster) -> None:
    async with forging(shared, NODE) as forger:
        envelope = forger.signed(args='{"owner":"replayed","amount":5}')
        assert (await forger.receipt(envelope)).outcome == "ok"
        before = await shared.roots(forger.tip)
        for slug in shared.slugs:
            async with forging(shared, slug) as other:
                await other.stub.NodeStatus(stubs.NodeStatusRequest(), timeout=CALL_SECONDS)
                refusal = await other.submit(envelope)
                assert refusal is not None and refusal.code == "CITY-3017", refusal
                refusal.assert_helps()
        assert await shared.roots(forger.tip) == before


async def test_a_request_id_used_again_points_at_the_first_and_changes_nothing(
    shared: Cluster,
) -> None:
    # Another body under the same business id: whoever sent it again meant the same fact.
    async with forging(shared, NODE) as forger:
        request_id = secrets.token_hex(8)
        first = forger.signed(request_id=request_id, args='{"owner":"once","amount":5}')
        assert (await forger.receipt(first)).outcome == "ok"
        before = await shared.roots(forger.tip)
        again = forger.signed(request_id=request_id, args='{"owner":"once","amount":500}')
        receipt = await forger.receipt(again)
        assert receipt.outcome == "duplicate"
        assert forger.tx_id(first).hex() in receipt.message
        assert await shared.roots(forger.tip) == before
    async with shared.net() as net:
        done = await net.wait(receipt.tx_id.hex())
        assert (done.duplicate_of, done.value) == (forger.tx_id(first).hex(), 5)


# ---- calls and reads ---------------------------------------------------------------------------------


async def test_a_message_over_four_megabytes_is_refused_before_it_is_read(shared: Cluster) -> None:
    async with forging(shared, NODE) as forger:
        before = await shared.roots(forger.tip)
        large = forger.signed(args=f'{{"owner":"{"x" * 250_000}","amount":1}}')
        request = stubs.SubmitBatchRequest(envelopes=[envelope_to_pb(large)] * 18)
        assert request.ByteSize() > 4 * 1024 * 1024
        refusal = await refusal_of(forger.stub.SubmitBatch(request, timeout=CALL_SECONDS))
        assert refusal is not None and refusal.code == "RESOURCE_EXHAUSTED", refusal
        async with shared.net(NODE) as net:
            signed = Signed(forger.tx_id(large).hex(), large, "transfer", "open_account", 1)
            with pytest.raises(InvalidRequest) as refused:
                await net.batch([signed] * 18)
        error = refused.value
        assert error.code == "CITY-1003"
        Refusal(error.code, error.message, error.why, error.do).assert_helps()
        assert await shared.roots(forger.tip) == before


@pytest.mark.parametrize("method", ["Submit", "SubmitBatch", "Query", "WaitTransaction"])
async def test_bytes_that_are_no_request_are_refused_without_a_trace(
    shared: Cluster, method: str
) -> None:
    # gRPC itself answers: no method of ours is reached, so the code is gRPC's.
    async with forging(shared, NODE) as forger:
        before = await shared.roots(forger.tip)
        call = forger.raw(f"/citychain.v1.Ledger/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(b"\xff\xff\xff\xff", timeout=CALL_SECONDS)
        assert TRACEBACK not in str(refused.value)
        assert await shared.roots(forger.tip) == before


async def test_a_write_without_deadline_or_with_an_unknown_channel_is_refused(
    shared: Cluster,
) -> None:
    async with forging(shared, NODE) as forger:
        envelope = forger.signed()
        request = stubs.SubmitRequest(envelope=envelope_to_pb(envelope))
        without = await refusal_of(forger.stub.Submit(request))
        elsewhere = await forger.submit(envelope, channel="elsewhere")
        empty = await refusal_of(
            forger.stub.SubmitBatch(stubs.SubmitBatchRequest(), timeout=CALL_SECONDS)
        )
        for refusal, code in (
            (without, "CITY-1005"),
            (elsewhere, "CITY-1004"),
            (empty, "CITY-1006"),
        ):
            assert refusal is not None and refusal.code == code, refusal
            refusal.assert_helps()


def _tampered(f: Forger) -> bytes:
    return flipped(f.statement())


READS: tuple[tuple[str, Callable[[Forger], bytes | None], str, str], ...] = (
    ("no statement", lambda f: None, "CITY-2210", "the ledger is the members' alone"),
    ("no statement at all", lambda f: b"hello", "CITY-2211", "not canonical"),
    ("a statement for another node", lambda f: f.statement(node_identity=bytes(32)), "CITY-2211",
     "what one node was shown is worth nothing at another"),
    ("a statement for another channel", lambda f: f.statement(channel_id=bytes(32)), "CITY-2211",
     "nor on another channel"),
    ("a statement that has expired", lambda f: f.statement(not_after_ms=1), "CITY-2211", "15 min"),
    ("a statement for ever", lambda f: f.statement(not_after_ms=time.time_ns() // 10**6 + 86_400_000),
     "CITY-2211", "what is stolen must end"),
    ("a statement of a stranger", lambda f: f.statement(f.stranger()), "CITY-2212", "no member"),
    ("a statement in ops' name", lambda f: f.statement(f.stranger(), reader_key=f.signer.public_key),
     "CITY-2211", "signed by another key"),
    ("a statement with one bit changed", _tampered, "CITY-2211", "the signature covers it"),
)  # fmt: skip


@pytest.mark.parametrize(("what", "make", "code", "why"), READS, ids=[row[0] for row in READS])
async def test_a_read_is_answered_to_members_only(
    shared: Cluster, what: str, make: Callable[[Forger], bytes | None], code: str, why: str
) -> None:
    async with forging(shared, NODE) as forger:
        assert await forger.query(forger.statement()) is None, "a good statement is answered"
        refusal = await forger.query(make(forger))
        assert refusal is not None and refusal.code == code, refusal
        refusal.assert_helps()


# ---- as an operator meets it ---------------------------------------------------------------------------


def _city(shared: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "CITY_CONTEXT": str(shared.layout.root), "CITY_USER": "ops"}
    env |= {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, "-m", "node.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=180,
        env=env,
    )


def test_the_command_line_says_what_why_and_what_to_do(shared: Cluster) -> None:
    words = ("call", "transfer", "open_account", "owner=a", "amount:=0")
    done = _city(shared, *words)
    assert done.returncode == 4, done.stderr
    lines = [line.strip() for line in done.stderr.strip().splitlines()]
    assert lines[-4].startswith("✗ CITY-4001 CONTRACT_REFUSED") and "E_AMOUNT" in lines[-4]
    assert [line.split()[0] for line in lines[-3:]] == ["Why", "Do", "More"]
    as_json = _city(shared, *words, "-o", "json")
    error = json.loads(as_json.stdout)["error"]
    assert (as_json.returncode, error["code"]) == (4, "CITY-4001")
    assert error["why"] and error["do"] and error["variables"]["reason"] == "E_AMOUNT"


async def test_after_all_this_no_node_has_logged_a_traceback_or_stopped(shared: Cluster) -> None:
    # Runs last in this file: whatever was thrown at them above, the four are as they were.
    done = await shared.call("open_account", {"owner": "after", "amount": 1})
    assert len(await shared.roots(done.block)) == 1
    for slug in shared.slugs:
        assert shared.is_running(slug)
        assert TRACEBACK not in shared.log(slug), f"{slug} logged a traceback"
