"""Transaction and state proofs: whole ones are accepted, each broken claim is refused with its reason."""

import copy
from functools import cache

import pytest

from tests.oracle import certificates, sm2
from tests.oracle.evidence import verify_file
from tests.oracle.hashes import INTL, SM, P, tagged
from tests.oracle.structures import Invalid, encode
from tests.oracle.transactions import read_arguments, read_body
from tests.unit.oracle_checker.forge import World, encode_value, public_key, sign

KEY, ABSENT = b"\x0aparty\x00\x0aitems\x00\x0aPX\x00", b"\x0aparty\x00\x0aitems\x00\x0aQB\x00"
ENTRIES = {KEY: encode_value({"name": "PX"}), b"a": b"1", b"b": b"2", b"c": b"3", b"d": b"4"}


def reason(file, kind: str = "ProofFile", channel_id: bytes | None = None) -> str:
    """Why the file is refused; empty if it is accepted."""
    try:
        verify_file(
            file if isinstance(file, bytes) else encode(kind, file), channel_id, lambda line: None
        )
    except Invalid as refusal:
        return str(refusal)
    return ""


@cache
def _world(suite: int = SM, n: int = 4, window: int = 1):
    world = World(suite, n, window)
    proofs = world.transactions([world.body(request_id=f"r-{i}") for i in range(5)], 7)
    return world, proofs


def transaction_file(suite: int = SM, n: int = 4, window: int = 1, which: int = 2):
    world, proofs = _world(suite, n, window)
    return copy.deepcopy(world.proof_file(proofs[which]))


def state_file(key: bytes = KEY, entries: dict[bytes, bytes] | None = None):
    world = World()
    return world.proof_file(state=world.fact(key, ENTRIES if entries is None else entries, 9))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("suite", [SM, INTL])
def test_a_whole_transaction_proof_is_accepted(suite, n):
    for which in range(5):
        assert reason(transaction_file(suite, n, 1 + n % 4, which)) == ""


def test_the_quorum_is_the_one_of_the_consensus_page():
    table = {1: 1, 2: 2, 3: 2, 4: 3, 5: 4, 6: 4, 7: 5, 8: 6, 9: 6, 10: 7, 13: 9}
    assert {n: certificates.quorum(n) for n in table} == table


@pytest.mark.parametrize("kind", ["pbft", "raft"])
def test_the_configuration_says_which_kind_of_certificate_counts_and_the_certificate_does_not(kind):
    world = World(SM, 7, 1, kind)
    other, enough = ("raft", 5) if kind == "pbft" else ("pbft", 4)
    (proof,) = world.transactions([world.body()], 3)
    assert reason(world.proof_file(proof)) == ""
    header = proof.ordered.header
    for signers, said in ((range(enough), ""), (range(4), "raft"), (range(7), other)):
        proof.ordered = world.certify(header, list(signers), kind=said)
        refusal = reason(world.proof_file(proof))
        if kind == (said or kind) and len(signers) >= enough:
            assert refusal == ""
        else:
            assert f"certificate of kind {said!r} on a {kind!r} channel" in refusal
    proof.ordered = world.certify(header, list(range(enough - 1)))
    assert f"{enough - 1} seals, {enough} are needed" in reason(world.proof_file(proof))


def test_a_file_of_another_channel_than_the_trusted_one_is_refused():
    world, _ = _world()
    assert reason(transaction_file(), channel_id=world.channel_id) == ""
    assert "another channel than the one given" in reason(transaction_file(), channel_id=bytes(32))


def recertified(file, name: str, value, part: str = "ordered") -> None:
    """One field of a header changed by a quorum that seals it again: what only the header's rules catch."""
    world, _ = _world()
    header = getattr(file.transaction, part).header
    setattr(header, name, value)
    setattr(file.transaction, part, world.certify(header))


def certificate(file, name: str, value) -> None:
    setattr(file.transaction.ordered.certificate, name, value)


def bad_header(name: str, value):
    return lambda file: recertified(file, name, value)


def bad_certificate(name: str, value):
    return lambda file: certificate(file, name, value)


def bad_transaction(name: str, value):
    return lambda file: setattr(file.transaction, name, value)


def sealed_by(signers: list[int]):
    def change(file) -> None:
        world, _ = _world()
        file.transaction.ordered = world.certify(file.transaction.ordered.header, signers)

    return change


def one_seal_twice(file) -> None:
    seals = file.transaction.ordered.certificate.seals
    seals[1] = seals[0]


def seals_of_two_views(file) -> None:
    world, _ = _world()
    ordered = file.transaction.ordered
    ordered.certificate.seals[0] = world.certify(ordered.header, view=3).certificate.seals[0]


def a_body_by(**changes):
    def change(file) -> None:
        world, _ = _world()
        body = world.body(**changes)
        file.transaction.body = body
        message = tagged("tx-sign", SM, world.channel_id, body)
        file.transaction.signature = sign(SM, world.client, message)

    return change


def settled_too_late(file) -> None:
    world, _ = _world()
    file.transaction.settled = world.certify(world.header(9))


def another_parent(file) -> None:
    recertified(file, "parent_hash", bytes(32), "settled")


def receipt_of_another(file) -> None:
    _, proofs = _world()
    file.transaction.receipt = proofs[3].receipt
    file.transaction.receipt_path = proofs[3].receipt_path


BROKEN = {
    "file version": (lambda file: setattr(file, "version", 2), "proof file version 2 is unknown"),
    "nothing in it": (lambda file: setattr(file, "transaction", None), "shows nothing"),
    "proof version": (bad_transaction("version", 0), "transaction proof version 0 is unknown"),
    "header version": (bad_header("version", 2), "header version 2 is unknown"),
    "other suite": (bad_header("suite", 2), "of another suite"),
    "other channel": (bad_header("channel_id", bytes(32)), "the header is of another channel"),
    "genesis": (bad_header("height", 0), "the genesis block has no certificate"),
    "later epoch": (bad_header("epoch", 1), "epoch 1 is not the configuration's"),
    "other set": (bad_header("validators_hash", bytes(32)), "other validators"),
    "other config": (bad_header("config_hash", bytes(32)), "another configuration"),
    "raft": (bad_certificate("kind", "raft"), "certificate of kind 'raft'"),
    "other block": (bad_certificate("block_hash", bytes(32)), "for another block"),
    "other height": (bad_certificate("height", 8), "for another height"),
    "other epoch": (bad_certificate("epoch", 1), "of another epoch"),
    "other view": (bad_certificate("view", 3), "the seal of Guangzhou does not verify"),
    "long bitmap": (bad_certificate("signers", b"\x0e\x00"), "bitmap has a wrong length"),
    "no bitmap": (bad_certificate("signers", b""), "bitmap has a wrong length"),
    "stray signer": (bad_certificate("signers", b"\x1e"), "a signer beyond the last validator"),
    "other signers": (bad_certificate("signers", b"\x0d"), "the seal of Shenzhen does not verify"),
    "fewer signers": (bad_certificate("signers", b"\x0c"), "signers and seals differ in number"),
    "no quorum": (sealed_by([0, 2]), "2 seals, 3 are needed"),
    "no seals": (sealed_by([]), "0 seals, 3 are needed"),
    "one seal twice": (one_seal_twice, "the seal of 北京 does not verify"),
    "mixed views": (seals_of_two_views, "the seal of Guangzhou does not verify"),
    "settled late": (settled_too_late, "settled 2 blocks later, the window is 1"),
    "other parent": (another_parent, "block 8 has another parent"),
    "suite of the body": (a_body_by(suite=2), "transaction: of another suite"),
    "other sender": (a_body_by(sender=bytes(32)), "key is not the sender's"),
    "other body": (
        a_body_by(method="burn"),
        "transaction path: the path does not lead to the root",
    ),
    "unsigned": (bad_transaction("signature", bytes(64)), "its signature does not verify"),
    "other key": (bad_transaction("public_key", public_key(SM, 7)), "key is not the sender's"),
    "other index": (bad_transaction("index", 3), "the path does not lead to the root"),
    "index out": (bad_transaction("index", 5), "index 5 in a tree of 5"),
    "short path": (bad_transaction("tx_path", []), "the path is shorter than the tree is deep"),
    "long path": (bad_transaction("tx_path", [bytes(32)] * 9), "longer than the tree is deep"),
    "other receipt": (bad_transaction("receipt", b"\x00"), "receipt path: the path does not lead"),
    "swapped receipt": (receipt_of_another, "receipt path: the path does not lead to the root"),
    "receipt path": (bad_transaction("receipt_path", []), "receipt path: the path is shorter"),
}


@pytest.mark.parametrize(("change", "why"), BROKEN.values(), ids=BROKEN)
def test_a_broken_claim_of_a_transaction_proof_is_refused_with_its_reason(change, why):
    file = transaction_file()
    change(file)
    assert why in reason(file)


RECEIPTS = {
    "of another transaction": ({"tx_id": bytes(32)}, "receipt: of another transaction"),
    "unknown outcome": ({"outcome": "maybe"}, "outcome 'maybe' is unknown"),
    "wrong type": ({"gas_used": "1"}, "gas_used has a wrong type"),
    "endless gas": ({"gas_used": 1 << 20000}, "gas_used is out of range"),
    "one more field": ({"mood": "good"}, "other fields than a receipt has"),
}


@pytest.mark.parametrize(("changes", "why"), RECEIPTS.values(), ids=RECEIPTS)
def test_a_sealed_receipt_that_is_none_is_refused(changes, why):
    world = World()
    (proof,) = world.transactions([world.body()], 3, **changes)
    assert why in reason(world.proof_file(proof))


def test_a_refused_transaction_is_shown_with_its_outcome_and_code():
    world, lines = World(), []
    (proof,) = world.transactions([world.body()], 3, outcome="revert", code="E_DUPLICATE_FINANCING")
    data = encode("ProofFile", world.proof_file(proof))
    verify_file(data, world.channel_id, lines.append)
    assert "  outcome revert E_DUPLICATE_FINANCING, gas 4321" in lines


CONFIGS = {
    "version": (lambda c: setattr(c, "version", 2), "configuration version 2 is unknown"),
    "suite": (lambda c: setattr(c, "suite", 3), "suite 3 is unknown"),
    "consensus": (lambda c: setattr(c.consensus, "kind", "poa"), "consensus 'poa' is unknown"),
    "window": (lambda c: setattr(c.consensus, "window", 0), "window is empty"),
    "no nodes": (lambda c: setattr(c, "nodes", []), "names no validators"),
    "one key twice": (lambda c: c.nodes.append(c.nodes[0]), "share a vote key"),
    "another name": (lambda c: setattr(c, "name", "side"), "the header is of another channel"),
}


@pytest.mark.parametrize(("change", "why"), CONFIGS.values(), ids=CONFIGS)
def test_a_configuration_that_cannot_be_the_channels_is_refused(change, why):
    file, world = transaction_file(), World()
    change(world.config)
    file.config = encode("ChannelConfig", world.config)
    assert why in reason(file)


def test_presence_and_absence_of_a_key_are_accepted_in_trees_of_every_small_size():
    for size in range(6):
        entries = dict(list(ENTRIES.items())[:size])
        for key in (KEY, ABSENT, b"a"):
            assert reason(state_file(key, entries)) == ""


def bad_state(change):
    def apply(file) -> None:
        change(file.state, file.state.proof)

    return apply


def other_leaf(state, proof) -> None:
    proof.other = World().fact(ABSENT, {KEY: b"1"}, 9).proof.other


STATES = {
    "version": (lambda s, p: setattr(s, "version", 3), "state fact version 3 is unknown"),
    "other value": (lambda s, p: setattr(s, "value", b"\x00"), "does not lead to the state root"),
    "no value": (lambda s, p: setattr(s, "value", None), "does not lead to the state root"),
    "other key": (lambda s, p: setattr(s, "key", b"a"), "does not lead to the state root"),
    "no siblings": (lambda s, p: p.siblings.clear(), "does not lead to the state root"),
    "one sibling more": (lambda s, p: p.siblings.append(bytes(32)), "does not lead to the state"),
    "too long": (lambda s, p: p.siblings.extend([bytes(32)] * 257), "longer than the tree is deep"),
    "value and other": (other_leaf, "shows a value and another leaf"),
    "seal": (
        lambda s, p: setattr(s.settled.certificate, "view", 9),
        "the seal of Guangzhou does not verify",
    ),
}


@pytest.mark.parametrize(("change", "why"), STATES.values(), ids=STATES)
def test_a_broken_claim_of_a_state_proof_is_refused_with_its_reason(change, why):
    file = state_file()
    bad_state(change)(file)
    assert why in reason(file)


def test_a_present_key_cannot_be_shown_absent():
    file = state_file(KEY, {KEY: b"1"})
    file.state.value = None
    assert "does not lead" in reason(file)
    file = state_file(ABSENT, {KEY: b"1"})
    assert reason(file) == ""
    file.state.key = KEY
    assert "shows the key's own leaf" in reason(file)


def test_absence_is_not_shown_by_a_leaf_from_elsewhere():
    keys = [bytes([i]) for i in range(20)]
    entries = dict.fromkeys(keys, b"1")
    files = (state_file(b"absent %d" % i, entries) for i in range(20))
    file = next(file for file in files if file.state.proof.other is not None)
    assert reason(file) == ""
    moved = bytearray(file.state.proof.other.path)
    moved[0] ^= 0x80
    file.state.proof.other.path = bytes(moved)
    assert "does not stand where the key would be" in reason(file)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x60\x01", "field 12 is unknown"),
        (b"\x00\x01", "field 0 is unknown"),
        (b"\x0a\x00", "suite has a wrong wire type"),
        (b"\x10\x01", "channel_id has a wrong wire type"),
        (b"\x22\x05abc", "end too early"),
        (b"\x22\x02\xc3\x28", "contract: a text is not UTF-8"),
        (b"\x08" + b"\xff" * 10, "too many bytes"),
        (b"\x08\x80\x80\x80\x80\x10", "suite is too large"),
        (b"\x08", "end too early"),
    ],
)
def test_a_body_that_is_no_transaction_body_is_refused(data, why):
    with pytest.raises(Invalid, match=why):
        read_body(data)


def test_an_empty_body_has_the_defaults_and_a_repeated_field_its_last_value():
    assert vars(read_body(b""))["gas_limit"] == 0
    assert read_body(b"\x22\x01a\x22\x01b").contract == "b"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("[]", "not an object"),
        ('{"a": 1, "a": 2}', "a name stands twice"),
        ('{"a": 1.5}', "no integer"),
        ('{"a": NaN}', "no integer"),
        ('{"a": ' + "[" * 16 + "]" * 16 + "}", "nested too deep"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON"),
    ],
)
def test_arguments_that_are_not_strict_are_refused(text, why):
    with pytest.raises(Invalid, match=why):
        read_arguments(text)


@pytest.mark.parametrize("make", [transaction_file, state_file, lambda: state_file(ABSENT)])
def test_no_flipped_bit_passes_and_none_raises(make):
    file = make()
    data = encode("ProofFile", file)
    assert reason(data) == ""
    # The same absence holds for other keys too, so an absent key's own bytes are left alone.
    absent = file.state is not None and file.state.value is None
    free = range(data.index(ABSENT), data.index(ABSENT) + len(ABSENT)) if absent else ()
    for at in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        if at not in free:
            assert reason(bytes(flipped)) != "", f"byte {at}"


def test_no_cut_file_passes_and_none_raises():
    data = encode("ProofFile", transaction_file())
    for size in range(0, len(data), 7):
        assert reason(data[:size]) != ""
        assert reason(data[size + 1 :]) != ""
    assert "left over" in reason(data + b"\x00\x00\x00\x00")


def test_a_seal_for_another_purpose_is_no_seal():
    world, _ = _world()
    file = transaction_file()
    ordered = file.transaction.ordered
    message = P("prepare", SM, world.block_hash(ordered.header))
    ordered.certificate.seals[0] = sign(SM, world.vote_keys[1], message)
    assert "the seal of Guangzhou does not verify" in reason(file)
    assert sm2.verify(SM, world.config.nodes[1].vote_key, message, ordered.certificate.seals[0])
