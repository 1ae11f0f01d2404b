"""Key files that follow one another: no former key stays on the disk, whatever a crash has left."""

from __future__ import annotations

import os
from pathlib import Path

from node.keys import files as key_files
from node.keys.files import next_path, old_path, supersede


def test_what_another_round_left_is_destroyed_before_its_name_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "vote.pem"
    path.write_bytes(b"second")
    old_path(path).write_bytes(b"first")
    next_path(path).write_bytes(b"third")
    os.link(
        old_path(path), tmp_path / "blocks"
    )  # the same bytes on the disk, under a name that stays
    supersede(path)
    assert (tmp_path / "blocks").read_bytes() == b"\0" * len(b"first")
    assert path.read_bytes() == b"third"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["blocks", "vote.pem"]


def test_a_crash_between_the_two_names_loses_no_key(tmp_path: Path) -> None:
    path = tmp_path / "vote.pem"
    old_path(path).write_bytes(b"first")  # moved aside, and nothing in its place yet
    next_path(path).write_bytes(b"second")
    key_files.finish(path)
    assert old_path(path).exists()
    supersede(path)
    assert [one.name for one in tmp_path.iterdir()] == ["vote.pem"]
    assert path.read_bytes() == b"second"
