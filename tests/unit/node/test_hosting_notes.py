"""What a node keeps beside a channel's blocks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from node.errors import CityError
from node.hosting.notes import (
    MANIFEST_FILE,
    NOTE_FILE,
    Note,
    State,
    read_manifest,
    read_note,
    seal,
    sweep,
    throw_away,
    write_note,
)


def test_a_note_reads_back_and_none_means_that_the_channel_runs(tmp_path: Path) -> None:
    assert read_note(tmp_path) == Note(State.running, {})
    note = Note(State.paused, {"Guangzhou": "127.0.0.1:7051"})
    write_note(tmp_path, note)
    assert read_note(tmp_path) == note


@pytest.mark.parametrize("text", ["", "[]", '{"state": "asleep", "addresses": {}}', "{"])
def test_a_note_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NOTE_FILE).write_text(text)
    with pytest.raises(CityError, match="CITY-8004"):
        read_note(tmp_path)


def test_an_archive_has_the_hash_of_each_file_and_none_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "000003.log").write_bytes(b"blocks")
    (tmp_path / "genesis.bin").write_bytes(b"genesis")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "vote.pem").write_bytes(b"secret")
    write_note(tmp_path, Note(State.archived))
    seal(tmp_path, {"channel": "scf-px", "height": 7})
    manifest = json.loads((tmp_path / MANIFEST_FILE).read_text())
    assert {f["file"]: (f["bytes"], f["sha256"]) for f in manifest["files"]} == {
        "blocks/000003.log": (6, hashlib.sha256(b"blocks").hexdigest()),
        "genesis.bin": (7, hashlib.sha256(b"genesis").hexdigest()),
    }
    assert (tmp_path / "genesis.bin").stat().st_mode & 0o777 == 0o400
    found = read_manifest(tmp_path)
    assert (found["channel"], found["height"]) == ("scf-px", 7) and "files" not in found


def test_what_is_thrown_away_is_gone_also_after_a_crash_between(tmp_path: Path) -> None:
    for name in ("scf-px", "main"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "genesis.bin").write_bytes(b"genesis")
    throw_away(tmp_path / "scf-px")
    assert [path.name for path in tmp_path.iterdir()] == ["main"]
    (tmp_path / ".gone-other-1").mkdir()
    (tmp_path / ".gone-other-1" / "genesis.bin").write_bytes(b"left over")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["main"]
