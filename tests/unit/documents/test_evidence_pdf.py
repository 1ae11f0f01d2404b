"""Pages of an evidence bundle say what was checked, Chinese included, and print the digest of the file."""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import a85decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli.main import app
from node.documents.evidence_pdf import evidence_pdf
from node.proofs.life import life_of
from tests.damage import flipped
from tests.oracle.structures import encode
from tests.unit.oracle_checker.forge import World
from tests.unit.oracle_checker.samples import ENTRIES, KEY

RUNNER = CliRunner()


def bundle(subject: str = "应收账款 EC-2026-SZ-000001") -> tuple[World, bytes]:
    world = World()
    proofs = world.transactions([world.body(request_id=f"r-{n}") for n in range(3)], 7)
    made = world.bundle(proofs, [world.fact(KEY, ENTRIES, 9)], [])
    made.subject = subject
    return world, encode("EvidenceBundle", made)


def words_of(pdf: bytes) -> str:
    """The text of all pages: strings of the CID font are UTF-16 in a UCS2 map."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            plain = zlib.decompress(a85decode(stream.strip(), adobe=False))
        except ValueError:
            plain = zlib.decompress(a85decode(b"<~" + stream.strip(), adobe=True))
        except zlib.error:
            continue
        for text in re.findall(rb"\((.*?)(?<!\\)\) Tj", plain, re.DOTALL):
            raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes((int(m.group(1), 8),)), text)
            raw = re.sub(rb"\\([()\\])", rb"\1", raw)
            found.append(raw.decode("utf-16-be", "replace"))
    return "".join(found)


def test_the_pages_say_what_was_checked_and_print_the_digest_of_the_file(tmp_path: Path) -> None:
    world, data = bundle()
    file, out = tmp_path / "ec.evidence", tmp_path / "ec.pdf"
    file.write_bytes(data)
    words = ["evidence", "pdf", str(file), "--channel-id", world.channel_id.hex(), "--out"]
    done = RUNNER.invoke(app, [*words, str(out)])
    assert done.exit_code == 0, done.output
    pdf = out.read_bytes()
    text = words_of(pdf)
    digest = hashlib.sha256(data).hexdigest()
    for said in (
        *("应收账款", "EC-2026-SZ-000001", "交易 (3)", "receivable@1.issue", "7/0", "7/2"),
        *(digest, world.channel_id.hex(), "party.items 'PX'", "3 of 4 validators"),
    ):
        assert said in text, said
    assert b"/STSong-Light" in pdf and pdf.startswith(b"%PDF-1.")
    assert b"/FontFile" not in pdf, "the font is the reader's"
    again = RUNNER.invoke(app, [*words, str(tmp_path / "again.pdf")])
    assert again.exit_code == 0 and (tmp_path / "again.pdf").read_bytes() == pdf


def test_no_page_is_made_of_a_bundle_that_does_not_hold(tmp_path: Path) -> None:
    world, data = bundle()
    file, out = tmp_path / "ec.evidence", tmp_path / "ec.pdf"
    file.write_bytes(flipped(data, -40))
    words = ["evidence", "pdf", str(file), "--out", str(out), "--channel-id"]
    assert RUNNER.invoke(app, [*words, world.channel_id.hex()]).exit_code == 4
    file.write_bytes(data)
    assert RUNNER.invoke(app, [*words, "00" * 32]).exit_code == 4
    assert not out.exists()


def test_what_a_hostile_bundle_says_of_itself_is_only_text() -> None:
    from node.proofs.reading import verify_evidence

    _, data = bundle("<b>x</b> & \x07\x00 " + "长" * 3_000)
    view = verify_evidence(data)
    states = [{**state, "object": "<para>&"} for state in view["states"]]
    assert "<b>x</b> &" in words_of(evidence_pdf({**view, "states": states}, data))


@dataclass(frozen=True)
class Told:
    tx_id: str
    name: str
    fields: dict[str, Any]


def test_the_life_of_an_object_is_all_that_told_of_it_its_parts_and_its_financing() -> None:
    events: Any = [
        Told("log", "Dcep.LogRegistered", {"by": "PBC"}),
        Told("other", "EC.Issued", {"ec_id": "EC-10"}),
        Told("issue", "EC.Issued", {"ec_id": "EC-1", "holder": "LG"}),
        Told("split", "EC.Split", {"leaf_id": "EC-1", "parts": ["EC-1/1", "EC-1/2"]}),
        Told("ask", "Fin.Requested", {"request_id": "F-1", "collateral": {"leaf": "EC-1/2"}}),
        Told("quote", "Fin.Quoted", {"request_id": "F-1", "bank": "QB"}),
        Told("quote", "Fin.Quoted", {"request_id": "F-1", "bank": "NB"}),
    ]
    assert life_of("EC-1", events) == ["log", "issue", "split", "ask", "quote"]
    assert life_of("EC-2", events) == []
    assert life_of("EC-10", events) == ["log", "other"]


@pytest.mark.parametrize("text", ["receivable", "/x/y", "receivable/"])
def test_a_state_is_named_by_contract_object_and_key(text: str, tmp_path: Path) -> None:
    words = ["evidence", "export", "EC-1", "--state", text, "--out", str(tmp_path / "x")]
    refused = RUNNER.invoke(app, words)
    assert (refused.exit_code, "CONTRACT/OBJECT/KEY" in refused.output) == (2, True)
