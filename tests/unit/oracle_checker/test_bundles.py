"""Evidence bundles with payments, and the command line."""

import copy
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.oracle.__main__ import main
from tests.oracle.hashes import SM
from tests.oracle.payments import check_payment
from tests.oracle.structures import Invalid, encode
from tests.unit.oracle_checker.forge import TIME_MS, Center, World, arguments, public_key
from tests.unit.oracle_checker.test_proofs import ENTRIES, KEY, reason

ROOT = Path(__file__).parents[3]


@cache
def _made():
    """A bundle: the log's registration, two settlements by payment, and a fact."""
    world, center = World(), Center()
    proofs = [encode("PaymentProof", center.prove()) for _ in range(2)]
    proofs.append(encode("PaymentProof", center.prove(anchor=7)))
    bodies = [world.body(contract="dcep", method="add_log", args=arguments(key=center.root_key))]
    bodies += [world.body(method="settle", args=arguments(proof=proof)) for proof in proofs]
    transactions = world.transactions(bodies, 3)
    return world, world.bundle(transactions, [world.fact(KEY, ENTRIES, 9)], proofs)


def bundle():
    return copy.deepcopy(_made()[1])


def why_not(file) -> str:
    return reason(file, "EvidenceBundle")


def test_a_whole_bundle_is_accepted():
    assert why_not(bundle()) == ""


def test_an_empty_bundle_shows_nothing():
    world = World()
    assert "shows nothing" in why_not(world.bundle([], [], []))


def test_a_payment_that_no_transaction_quotes_is_refused():
    file = bundle()
    del file.transactions[1]
    assert "accepted by none of the transactions" in why_not(file)


def test_a_payment_that_its_transaction_did_not_accept_is_refused():
    world, center = World(), Center()
    proof = encode("PaymentProof", center.prove())
    args = arguments(proof=proof, key=center.root_key)
    file = world.bundle(
        world.transactions([world.body(contract="dcep", args=args)], 3, outcome="revert"),
        [],
        [proof],
    )
    assert "accepted by none of the transactions" in why_not(file)


def test_a_payment_of_a_log_that_no_transaction_registers_is_refused():
    file = bundle()
    del file.transactions[0]
    assert "no accepted transaction registers the log" in why_not(file)


def test_a_fork_between_two_proofs_of_one_bundle_is_refused():
    world, file = World(), bundle()
    fork = world.transactions([world.body(request_id="r-2")], 3)
    file.transactions += fork
    assert "two certified headers at height 3: a fork" in why_not(file)


def settled_with(*proofs):
    """A bundle in which these payment proofs were accepted, whatever they are."""
    world, center = World(), Center()
    data = [encode("PaymentProof", proof) for proof in proofs]
    bodies = [world.body(contract="dcep", args=arguments(key=center.root_key))]
    bodies += [world.body(args=arguments(proof=proof)) for proof in data]
    return world.bundle(world.transactions(bodies, 3), [], data)


def test_two_signed_heads_of_one_size_are_refused():
    honest, forked = Center(), Center()
    fields = forked.fields(amount_fen=bytes(8))
    file = settled_with(honest.prove(), forked.prove(fields))
    assert "two signed tree heads of one size differ" in why_not(file)


def test_an_anchor_that_another_payment_shows_must_be_consistent():
    center = Center()
    first, second = center.prove(anchor=0), center.prove(anchor=6)
    assert why_not(settled_with(first, second)) == ""
    second.anchor_path[0] = bytes(32)
    assert "consistency: the path does not lead" in why_not(settled_with(first, second))
    first.anchor_path = [bytes(32)]
    assert "an anchor path where nothing" in why_not(settled_with(first))


def without(name: str) -> dict[str, bytes]:
    fields = Center().fields()
    del fields[name]
    return fields


def bad_salt(proof) -> None:
    proof.disclosures[0].salt = bytes(16)


def unsorted(proof) -> None:
    proof.disclosures.reverse()


def swapped_path(proof) -> None:
    proof.audit_path.append(bytes(32))


def changed(**values):
    return lambda proof: vars(proof).update(values)


CENTER = Center()
LONG = 1 << 62
PAYMENTS = {
    "version": ({"version": 2}, None, "payment proof version 2 is unknown"),
    "long path": ({"audit_path": [bytes(32)] * 65}, None, "a path is too long"),
    "other log": ({"log_id": bytes(32)}, None, "the root key is of another log"),
    "no chain": ({"key_chain": []}, None, "the key chain is empty"),
    "key version": (
        {"key": CENTER.key(version=2)},
        None,
        "key 0 of the chain has an unknown version",
    ),
    "key of another log": ({"key": CENTER.key(log_id=bytes(32))}, None, "key 0 of the chain is of"),
    "issuing head key": ({"key": CENTER.key(issues=True)}, None, "may not do what it does"),
    "expired": ({"key": CENTER.key(not_after_ms=TIME_MS)}, None, "not valid at the head's time"),
    "too early": ({"key": CENTER.key(not_before_ms=LONG)}, None, "not valid at the head's time"),
    "head version": ({"head_changes": {"version": 2}}, None, "tree head version 2 is unknown"),
    "head's log": (
        {"head_changes": {"log_id": bytes(32)}},
        None,
        "the tree head is of another log",
    ),
    "head's key": ({"head_changes": {"key_id": bytes(32)}}, None, "names another key"),
    "head's root": (
        {"head_changes": {"root": bytes(32)}},
        None,
        "audit path: the path does not lead",
    ),
    "rolled back": ({"head_changes": {"tree_size": 5}}, None, "index 5 in a tree of 5"),
    "index": ({"leaf_index": 2}, None, "payment's audit path"),
    "pending": ({"fields": CENTER.fields(status=b"PENDING")}, None, "not shown to be final"),
    "lock": ({"fields": CENTER.fields(kind=b"LOCK")}, None, "of no kind that pays a debt"),
    "hidden status": ({"hide": ("status",)}, None, "not shown to be final"),
    "hidden kind": ({"hide": ("kind",)}, None, "of no kind that pays a debt"),
    "short amount": ({"fields": CENTER.fields(amount_fen=b"1")}, None, "amount_fen is malformed"),
    "odd text": ({"fields": CENTER.fields(ccy="¥".encode())}, None, "ccy is malformed"),
    "nine fields": ({"fields": without("regime")}, None, "not ten fields"),
    "odd field": (
        {"fields": {"aa": b"1", **without("ccy")}},
        None,
        "disclosed field is unknown",
    ),
    "bad salt": ({}, bad_salt, "do not give the fields root"),
    "unsorted": ({}, unsorted, "not sorted, each once"),
    "hidden twice": ({}, changed(hidden=[bytes(32)] * 2), "hidden fields not sorted, each once"),
    "longer path": ({}, swapped_path, "the path is longer than the tree is deep"),
    "other nonce": ({}, changed(nonce=b"1" * 16), "the grant's signature does not verify"),
    "later grant": ({}, changed(not_after_ms=LONG), "the grant's signature does not verify"),
}


@pytest.mark.parametrize(("options", "change", "why"), PAYMENTS.values(), ids=PAYMENTS)
def test_a_broken_claim_of_a_payment_is_refused_with_its_reason(options, change, why):
    center = Center()
    proof = center.prove(**options)
    if change:
        change(proof)
    with pytest.raises(Invalid) as refusal:
        check_payment(encode("PaymentProof", proof), center.root_key)
    assert why in str(refusal.value)


def test_a_chain_of_two_keys_is_accepted_only_if_each_signs_the_next():
    center = Center()
    middle = center.key(public_key=public_key(SM, 903), issues=True)
    last = center.chained(center.key())
    last.signature = center._sign(903, "log-key", "LogKey", last.key)
    chain = [center.chained(middle), last]
    data = encode("PaymentProof", center.prove(key_chain=chain))
    assert check_payment(data, center.root_key).fields["amount_fen"] == 600_000_000
    middle.issues = False
    data = encode("PaymentProof", center.prove(key_chain=[center.chained(middle), last]))
    with pytest.raises(Invalid, match="key 0 of the chain may not do what it does"):
        check_payment(data, center.root_key)
    data = encode("PaymentProof", center.prove(key_chain=[last]))
    with pytest.raises(Invalid, match="signature of key 0 of the chain does not verify"):
        check_payment(data, center.root_key)


def test_no_flipped_bit_of_a_bundle_passes_and_none_raises():
    data = encode("EvidenceBundle", bundle())
    subject = data.index(b"receivable R-1")
    for at in range(0, len(data), 41):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        if not subject <= at < subject + 14:  # the subject is a title: nothing signs it
            assert reason(bytes(flipped)) != "", f"byte {at}"


def test_the_command_prints_what_a_file_shows_and_ends_with_valid(tmp_path):
    world, file = _made()
    path = tmp_path / "bundle.bin"
    path.write_bytes(encode("EvidenceBundle", file))
    command = [sys.executable, "-m", "tests.oracle", str(path), "--channel", world.channel_id.hex()]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=180)
    lines = ended.stdout.decode("utf-8", "replace").splitlines()
    assert (ended.returncode, ended.stderr, lines[-1]) == (0, b"", "VALID")
    assert lines[2:4] == ["  it is the channel given", "subject 'receivable R-1'"]
    assert "state after block 8: party.items[PX]" in lines
    assert sum(line.startswith("transaction ") for line in lines) == 4
    assert sum(line.startswith("payment ") for line in lines) == 3


def test_the_command_ends_with_the_reason_of_a_refusal(tmp_path, capsys):
    path = tmp_path / "bundle.bin"
    path.write_bytes(encode("EvidenceBundle", bundle()) + b"\x00")
    assert main([str(path)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("INVALID EvidenceBundle: ")
    path.write_bytes(b"")
    assert main([str(path)]) == 1
    assert capsys.readouterr().out == "INVALID ProofFile: the bytes end too early\n"
    assert main([str(tmp_path / "missing")]) == 1
    assert capsys.readouterr().out.startswith("INVALID the file cannot be read")


def test_a_hostile_text_cannot_write_a_line_of_its_own(tmp_path, capsys):
    world = World()
    (proof,) = world.transactions(
        [world.body(method="issue\nVALID")], 3, outcome="ok", code="\x1b[2J\n"
    )
    path = tmp_path / "proof.bin"
    path.write_bytes(encode("ProofFile", world.proof_file(proof)))
    assert main([str(path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines().count("VALID") == 1
    assert "\x1b" not in out


def test_the_checker_imports_nothing_but_itself_and_the_standard_library():
    names = set()
    for path in (ROOT / "tests" / "oracle").glob("*.py"):
        lines = path.read_text().splitlines()
        names |= {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    foreign = {n for n in names if n.split(".")[0] not in sys.stdlib_module_names}
    assert all(name.startswith("tests.oracle.") for name in foreign)
