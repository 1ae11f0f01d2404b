"""Sealed records outside the ledger: what opens, what does not, and what an outsider is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.runtime.keys import state_key
from node.confidential.credentials import Snapshot
from node.confidential.sealing import (
    Content,
    SealedRefused,
    SealingKeys,
    content_of,
    disclose,
    open_copy,
    read_disclosure,
    reseal,
    seal,
    verify_disclosure,
)
from node.identity.suite import get_suite
from tests.damage import flipped
from tests.unit.node.test_credentials import Ledger

SUITE = get_suite("sm")
CHANNEL = bytes(range(32))
ONE, TWO = SUITE.generate_key(), SUITE.generate_key()
CONTENT = content_of("INV-1", {"price": "8731", "buyer": "HB"}, "inv.pdf", b"%PDF body")
MADE = seal(CONTENT, CHANNEL, "PX", "INVOICE", [ONE.public_key, TWO.public_key])
RECORD = {"id": "INV-1", "owner": "PX", "schema": "INVOICE", "root": CONTENT.root,
          "digest": MADE.digest, "channel": CHANNEL.hex()}  # fmt: skip


def test_each_recipient_opens_the_same_content() -> None:
    for key, wrapped in zip((ONE, TWO), MADE.wrapped, strict=True):
        assert open_copy(key, wrapped, MADE.ciphertext, RECORD) == CONTENT
    again = seal(CONTENT, CHANNEL, "PX", "INVOICE", [ONE.public_key])
    assert again.root == MADE.root and again.ciphertext != MADE.ciphertext


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "INV-2"},
        {"owner": "LG"},
        {"schema": "OTHER"},
        {"root": bytes(32)},
        {"channel": bytes(32).hex()},
        {"digest": "0" * 64},
    ],
)
def test_a_copy_opens_only_as_the_record_it_was_sealed_for(changes: dict[str, Any]) -> None:
    with pytest.raises(SealedRefused):
        open_copy(ONE, MADE.wrapped[0], MADE.ciphertext, {**RECORD, **changes})


def test_another_key_or_a_changed_ciphertext_opens_nothing() -> None:
    with pytest.raises(SealedRefused, match="another key"):
        open_copy(TWO, MADE.wrapped[0], MADE.ciphertext, RECORD)
    changed = flipped(MADE.ciphertext)
    with pytest.raises(SealedRefused, match="not the one"):
        open_copy(ONE, MADE.wrapped[0], changed, RECORD)
    told = {**RECORD, "digest": SUITE.hash(changed).hex()}
    with pytest.raises(SealedRefused):
        open_copy(ONE, MADE.wrapped[0], changed, told)
    with pytest.raises(SealedRefused, match="no SM2 key"):
        seal(CONTENT, CHANNEL, "PX", "INVOICE", [b"\4" + bytes(64)])


def test_a_sealer_who_seals_other_content_than_the_root_is_found_out() -> None:
    other = content_of("INV-1", {"price": "1"})

    class Lie(Content):
        @property
        def root(self) -> bytes:
            return CONTENT.root

    lying = seal(Lie(other.held), CHANNEL, "PX", "INVOICE", [ONE.public_key])
    told = {**RECORD, "digest": lying.digest}
    with pytest.raises(SealedRefused, match="root commits to"):
        open_copy(ONE, lying.wrapped[0], lying.ciphertext, told)


def test_a_copy_passed_on_opens_with_the_new_key() -> None:
    three = SUITE.generate_key()
    wrapped = reseal(ONE, MADE.wrapped[0], three.public_key)
    assert open_copy(three, wrapped, MADE.ciphertext, RECORD) == CONTENT
    with pytest.raises(SealedRefused):
        reseal(three, MADE.wrapped[0], ONE.public_key)


def test_a_document_is_the_one_that_its_fields_name() -> None:
    for held, body in ((CONTENT.held, b"another"), (CONTENT.held, b"")):
        with pytest.raises(SealedRefused, match="not the one that the fields name"):
            Content(held, body)
    with pytest.raises(SealedRefused):
        content_of("INV-1", {})


def test_private_keys_stand_in_files_of_their_owner_and_are_gone_when_destroyed(
    tmp_path: Path,
) -> None:
    store = SealingKeys(tmp_path / "sealing", b"password")
    key = store.create()
    (file,) = (tmp_path / "sealing").iterdir()
    assert file.stat().st_mode & 0o077 == 0 and key.scalar.hex() not in file.read_text()
    assert store.find(key.public_key) == key and store.find(ONE.public_key) is None
    assert store.destroy(key.public_key) and not store.destroy(key.public_key)
    assert store.find(key.public_key) is None and not file.exists()


def fake(proof: bytes, table: str, id: str, channel: bytes | None) -> Snapshot:
    fields = {"root": CONTENT.root, "fields": 5, "parties": {"owner": "PX"}, "schema": "INVOICE",
              "sealed_on": "2026-11-16", "state": "SEALED"}  # fmt: skip
    return Snapshot(fields, CHANNEL, 1)


def test_opened_fields_are_shown_and_the_others_stay_hidden() -> None:
    shown = disclose(CONTENT, ["price"], b"proof")
    found = verify_disclosure(shown.to_bytes(), snapshot=fake)
    assert (found["fields"], found["hidden"], found["owner"]) == ({"price": "8731"}, 4, "PX")
    assert b"HB" not in shown.to_bytes() and read_disclosure(shown.to_bytes()) == shown
    lie = replace(shown, opened=(replace(shown.opened[0], value="1"),))
    for wrong in (lie, replace(shown, hidden=shown.hidden[1:]), replace(shown, opened=())):
        with pytest.raises(SealedRefused):
            verify_disclosure(wrong.to_bytes(), snapshot=fake)
    for names in ([], ["unknown"]):
        with pytest.raises(SealedRefused):
            disclose(CONTENT, names, b"")
    for data in (b"", b"[]", json.dumps({"format": "other"}).encode()):
        with pytest.raises(SealedRefused):
            read_disclosure(data)


async def test_a_disclosure_is_checked_offline_from_a_proof_of_the_ledger(tmp_path: Path) -> None:
    net = Ledger(tmp_path, ("rulebook", "sealed_record"))
    await net.start_all()
    try:
        await net.call("px", "sealed_record.publish_key", key=ONE.public_key)
        made = seal(CONTENT, net.channel_id, "PX", "INVOICE", [ONE.public_key])
        await net.call(
            "px", "sealed_record.seal", id="INV-1", schema="INVOICE", root=made.root,
            fields=made.fields, digest=made.digest, size=len(made.ciphertext),
            ciphertext=made.ciphertext, keys=["PX/1"], wrapped=list(made.wrapped),
        )  # fmt: skip
        channel = net.nodes["n0"].channel
        proof = await channel.state_proof(state_key("sealed_record", "sealed_record", "INV-1"))
        other = await channel.state_proof(state_key("sealed_record", "sealing_key", "PX/1"))
    finally:
        await net.stop_all()
    shown = disclose(CONTENT, ["buyer"], proof)
    found = verify_disclosure(shown.to_bytes(), net.channel_id)
    assert (found["valid"], found["fields"], found["state"]) == (True, {"buyer": "HB"}, "SEALED")
    for wrong, trusted in ((replace(shown, record=other), None), (shown, CHANNEL)):
        with pytest.raises(SealedRefused):
            verify_disclosure(wrong.to_bytes(), trusted)
