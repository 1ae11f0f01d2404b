"""The checked-in protobuf code is what proto/ generates."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.wire.generate import generate


def test_the_generated_code_is_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools (test extra) generates the code")
    for path in generate(tmp_path):
        checked_in = Path(__file__).parents[3] / "node" / "wire" / "pb" / path.name
        assert checked_in.read_text() == path.read_text(), (
            f"run: python -m node.wire.generate ({path.name})"
        )
    fresh = {path.name for path in tmp_path.iterdir()}
    held = {path.name for path in checked_in.parent.iterdir() if path.suffix in (".py", ".pyi")}
    assert held == fresh
