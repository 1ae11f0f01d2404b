"""Proof files that others made hold here and for the independent checker; whatever is changed in one is
refused, and the refusal says what was wrong with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from consensus.proof import ProofError
from node.proofs import reading as proofs
from node.proofs.reading import verify_proof, wrap_event
from tests import golden
from tests.damage import flipped
from tests.oracle.evidence import verify_file
from tests.oracle.structures import STRUCTURES, Invalid, decode, encode
from tests.unit.oracle_checker.samples import samples

ROWS = json.loads((golden.VECTORS / "proofs.json").read_text(encoding="utf-8"))
SHOWN: dict[str, dict[str, Any]] = {
    "transaction": {"fact": "transaction", "height": 7, "index": 0, "outcome": "ok"},
    "event": {"fact": "event", "event": "7/0/0", "fields": {"amount_fen": 600_000_000}},
    "state": {"fact": "state", "height": 8, "present": True, "value": {"name": "PX"}},
    "absence": {"fact": "state", "height": 8, "present": False, "value": None},
    "member PX": {"who": "member", "in_force": True, "height": 10, "city": "Shenzhen"},
    "no member QB at a moment": {"in_force": False, "time_ms": 1_795_305_609_500},
    "validator 北京": {"who": "validator", "in_force": True, "member": "PX"},
    "identity a@PX": {"who": "identity", "in_force": True, "roles": ["trader", "admin"]},
    "no validator after a change": {"in_force": False, "epoch": 1, "height": 14},
    "validator in the block that takes it out": {"in_force": True, "height": 12},
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['suite']} {row['what']}")
def test_a_golden_proof_holds_by_the_channels_id_alone_and_for_both_readers(row):
    data, id_ = bytes.fromhex(row["bytes"]), bytes.fromhex(row["channel_id"])
    shown = verify_proof(data, id_)
    assert shown["valid"] and shown["channel_id"] == id_.hex()
    assert {name: shown[name] for name in SHOWN[row["what"]]} == SHOWN[row["what"]]
    said: list[str] = []
    verify_file(data, id_, said.append)
    assert "  it is the channel given" in said
    with pytest.raises(ProofError, match="another channel than the one you trust"):
        verify_proof(data, bytes(32))


# ---- every field -------------------------------------------------------------------------------------

HEADER, OTHER_CHANNEL = "certificate is of another block", "another channel or suite"
# What is said where a field differs: by the structure's name and the field's. A field of a structure that is
# missing here fails the test, so that none can be added without its refusal.
REFUSALS: dict[str, str] = {
    **{f"Header.{name}": HEADER for name, _ in STRUCTURES["Header"]},
    "Header.height": f"{HEADER}|outside its epoch",
    "Header.suite": "a suite id has one byte",
    "Header.channel_id": OTHER_CHANNEL,
    "Header.epoch": "epoch that no change of validators leads to|outside its epoch",
    "Header.config_hash": "another configuration|another block",
    "CommitCert.kind": "certificate on a 'pbft' channel",
    "CommitCert.epoch": "epoch 1000 is not 0|epoch 1001 is not 1",
    "CommitCert.height": HEADER,
    "CommitCert.view": "a seal of height",
    "CommitCert.block_hash": HEADER,
    "CommitCert.signers": "a seal of height|bitmap|seals where",
    "CommitCert.seals": "a seal of height|seals where",
    "TransactionProof.version": "unknown proof version",
    "TransactionProof.index": "does not stand in its block",
    "TransactionProof.body": "signature does not verify",
    "TransactionProof.public_key": "signature does not verify",
    "TransactionProof.signature": "signature does not verify",
    "TransactionProof.tx_path": "does not stand in its block",
    "TransactionProof.receipt": "does not stand under the settled header",
    "TransactionProof.receipt_path": "does not stand under the settled header",
    "StateFact.version": "unknown proof version",
    "StateFact.key": "does not stand under the settled state root",
    "StateFact.value": "does not stand under the settled state root",
    "StateProof.siblings": "does not stand under the settled state root",
    "StateLeaf.path": "does not stand under the settled state root",
    "StateLeaf.value_hash": "does not stand under the settled state root",
    "EventFact.version": "unknown proof version",
    "EventFact.event": "none number",
    "MemberFact.version": "unknown proof version",
    "MemberFact.time_ms": "time does not lie between|names a time and no header",
    "MemberFact.config": "made under another configuration",
    "MemberFact.who": "nobody takes part as",
    "ProofFile.version": "version|these are not the bytes",
    "ProofFile.config": "another channel|cannot be read",
    "ProofFileV3.version": "version|these are not the bytes",
    "ProofFileV3.config": "another channel|cannot be read",
    "ProofFileV3.kind": "unknown kind of fact",
    "ValidatorSet.epoch": "does not end the last epoch",
    "Validator.name": "names other validators as the next ones",
    "Validator.vote_key": "names other validators as the next ones",
}
# Says what was asked for, not what is claimed: another name is another question with its own answer.
FREE = {"MemberFact.name"}
SIZED = ("hash", "signature", "bytes")


def mutations(kind: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every field below a structure, by its name, with the structure in which it alone is another one."""
    for name, type_ in STRUCTURES[kind]:
        for where, changed in _changes(type_, getattr(value, name), f"{kind}.{name}"):
            if where not in FREE:
                mutant = copy.copy(value)
                setattr(mutant, name, changed)
                yield where, mutant


def _changes(type_: str, value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if type_ in STRUCTURES:
        yield from mutations(type_, value)
    elif type_.startswith("optional "):
        if value is not None:
            yield from _changes(type_.removeprefix("optional "), value, where)
    elif type_.startswith("list of "):
        inner = type_.removeprefix("list of ")
        for place, item in enumerate(value):
            for deeper, changed in _changes(inner, item, where):
                yield deeper, [*value[:place], changed, *value[place + 1 :]]
    elif type_ == "int":
        yield where, value + 1000
    elif type_ == "text":
        yield where, value + "x"
    else:
        assert type_ in SIZED and value
        yield where, flipped(value)


def parts(kind: str, file: SimpleNamespace) -> Iterator[tuple[str, bytes]]:
    """Changed files: fields of the file itself, and of the fact whose bytes a file of version 3 carries."""
    for where, changed in mutations(kind, file):
        if where != "ProofFileV3.fact":
            yield where, encode(kind, changed)
    if kind == "ProofFileV3":
        inner = {"event": "EventFact", "membership": "MemberFact"}[file.kind]
        for where, changed in mutations(inner, decode(inner, file.fact)):
            whole = copy.copy(file)
            whole.fact = encode(inner, changed)
            yield where, encode(kind, whole)


@cache
def made() -> dict[str, tuple[bytes, str, SimpleNamespace]]:
    return {
        what: (world.channel_id, kind, file)
        for what, world, kind, file in samples()
        if world.suite == 1
    }


@pytest.mark.parametrize("what", SHOWN)
def test_every_changed_field_is_refused_by_its_reason(what):
    id_, kind, file = made()[what]
    wrong, count = set(), 0
    for where, data in parts(kind, file):
        reason = refusal(data, id_)
        if not any(said in reason for said in REFUSALS[where].split("|")):
            wrong.add((where, reason))
        count += 1
    assert wrong == set()
    assert count > 30


def refusal(data: bytes, id_: bytes) -> str:
    """Why this reader refuses a file, which the independent one refuses as well; empty where it does not."""
    with pytest.raises(Invalid):
        verify_file(data, id_, lambda _: None)
    try:
        verify_proof(data, id_)
    except ProofError as error:
        return str(error)
    return ""


def test_a_name_is_the_question_and_its_answer_follows_it():
    id_, kind, file = made()["member PX"]
    fact = decode("MemberFact", file.fact)
    fact.name = "QB"
    asked = copy.copy(file)
    asked.fact = encode("MemberFact", fact)
    assert verify_proof(encode(kind, asked), id_)["in_force"] is False


# ---- other lies --------------------------------------------------------------------------------------


def test_a_time_needs_the_header_before_it_and_a_header_before_needs_a_time():
    id_, kind, file = made()["no member QB at a moment"]
    fact = decode("MemberFact", file.fact)
    for change, why in (
        ({"before": None}, "names a time and no header"),
        ({"time_ms": 0}, "does not lie between"),
        ({"before": fact.shown}, "does not follow header"),
        ({"time_ms": fact.shown.header.timestamp_ms}, "does not lie between"),
    ):
        mutant = copy.copy(file)
        mutant.fact = encode("MemberFact", SimpleNamespace(**{**vars(fact), **change}))
        with pytest.raises(ProofError, match=why):
            verify_proof(encode(kind, mutant), id_)
        with pytest.raises(Invalid):
            verify_file(encode(kind, mutant), id_, lambda _: None)


def test_without_the_change_of_validators_a_later_header_is_worth_nothing():
    id_, kind, file = made()["no validator after a change"]
    mutant = copy.copy(file)
    twice = file.changes * 2
    lies = (([], "no change of validators leads to"), (twice, "does not end the last epoch"))
    for changes, why in lies:
        mutant.changes = changes
        with pytest.raises(ProofError, match=why):
            verify_proof(encode(kind, mutant), id_)


def test_no_cut_and_no_flipped_file_passes_or_raises_anything_else():
    for what in ("event", "no validator after a change", "absence"):
        id_, kind, file = made()[what]
        data = encode(kind, file)
        for size in range(0, len(data), 53):
            for damaged in (data[:size], data[:size] + b"\xff" + data[size + 1 :]):
                try:
                    shown = verify_proof(damaged, id_)
                except ProofError:
                    continue
                # The same absence holds for other keys, the same membership for other names.
                assert shown["fact"] in ("state", "membership"), size


def test_a_file_above_the_bound_is_refused_unread(monkeypatch):
    id_, kind, file = made()["event"]
    data = encode(kind, file)
    monkeypatch.setattr(proofs, "PROOF_BYTES_MAX", len(data) - 1)
    with pytest.raises(ProofError, match="at most"):
        verify_proof(data, id_)


def test_an_event_is_wrapped_from_the_proof_of_its_transaction():
    id_, kind, file = made()["transaction"]
    data = encode(kind, file)
    assert verify_proof(wrap_event(data, 0), id_)["name"] == "Issued"
    with pytest.raises(ProofError, match="shows 1 events, and none number 1"):
        verify_proof(wrap_event(data, 1), id_)
    _, state_kind, state = made()["state"]
    with pytest.raises(ProofError, match="no proof of a transaction"):
        wrap_event(encode(state_kind, state), 0)
