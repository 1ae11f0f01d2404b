"""The client of the README: only the stubs, grpcio and an SM2 library. The server checks what it signs."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import sys
from pathlib import Path

from tests.unit.client.network import network

SCRIPT = Path(__file__).parents[2] / "acceptance" / "minimal_client.py"
ROOT = SCRIPT.parents[2]


async def test_a_client_without_our_code_commits_and_fetches_a_proof(tmp_path: Path) -> None:
    async with network(tmp_path) as one:
        folder = tmp_path / ".city"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(SCRIPT),
            f"127.0.0.1:{one.servers[0].port}",
            str(folder / "node.crt"),
            str(folder / "buyer.pem"),
            "receivable",
            "issue",
            '{"amount": 5}',
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        said = json.loads(out)
        assert (said["block"], said["outcome"], said["result"]) == (1, "ok", '{"amount":5}')
        assert said["proof_bytes"] == len(b"proof of ") + 32
        assert said["tx_id"] in {id_.hex() for id_ in one.chain.executed}


def test_it_imports_nothing_of_ours_but_the_generated_code() -> None:
    tree = ast.parse(SCRIPT.read_text())
    modules = [
        node.module if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    ]
    ours = {m for m in modules if m and m.split(".")[0] in ("node", "consensus", "contracts")}
    assert ours == {"node.wire.pb", "node.wire.pb.api_pb2_grpc"}
    assert len(SCRIPT.read_text().splitlines()) <= 90
