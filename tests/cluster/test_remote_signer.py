"""A validator that holds no key: a process of its own signs for it, is killed, and comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.config import load_config
from node.identity.transport import (
    TransportIdentity,
    issue_transport_certificate,
    make_peer_ca,
    save_transport,
)
from node.network.ports import free_ports
from tests.cluster.cluster import CALL_SECONDS, Cluster
from tests.cluster.conftest import ONCE

pytestmark = [pytest.mark.cluster, ONCE]
SLUG = "hong-kong"


@contextmanager
def serving(folder: Path, node: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The signing service as its operator starts it."""
    words = ["signer", "serve", "--keys", folder, "--node", node, "--listen", f"127.0.0.1:{port}"]
    words += ["--certificate", folder / "own.crt", "--key", folder / "own.key", "--dev"]
    command = [sys.executable, "-m", "node.cli.main", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "signing at" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()


def give_away(cluster: Cluster, folder: Path) -> tuple[Path, int]:
    """Moves a stopped node's identity and vote keys to a signing service; node.toml says where."""
    config = load_config(cluster.layout.node_config(SLUG))
    folder.mkdir()
    for name in ("identity", "vote"):
        (config.keys_dir / f"{name}.pem").rename(folder / f"{name}.pem")
    own: TransportIdentity = issue_transport_certificate(make_peer_ca("S"), "s", ["localhost"])
    save_transport(own, folder / "own.crt", folder / "own.key")
    (port,) = free_ports(1)
    path = cluster.layout.node_config(SLUG)
    setting = f'signer = "remote:127.0.0.1:{port}"\nsigner_certificate = "{folder}/own.crt"\n'
    path.write_text(path.read_text().replace("[keys]\n", "[keys]\n" + setting))
    return config.keys_dir / "transport.crt", port


async def test_a_validator_votes_through_a_signing_process_and_waits_for_it(
    four: Cluster, tmp_path: Path
) -> None:
    four.stop_one(SLUG)
    node, port = give_away(four, tmp_path / "signer")
    with serving(tmp_path / "signer", node, port) as first:
        four.start(SLUG)
        four.kill("beijing")  # three of four are left: none is decided without this one's vote
        done = await four.call("open_account", {"owner": "a", "amount": 5})
        first.kill()
        first.wait()
        async with four.net("shenzhen") as net:
            sent = await net.build("transfer", "open_account", {"owner": "b", "amount": 5})
            await net.send(sent)
        # It reads and answers while it cannot vote.
        await four.applied(SLUG, done.block)
    with serving(tmp_path / "signer", node, port):
        async with asyncio.timeout(CALL_SECONDS), four.net(SLUG) as net:
            found = await net.wait(sent)
        left = ["shenzhen", "guangzhou", SLUG]
        assert len(await four.roots(found.block, left)) == 1
    four.stop_one(SLUG)
