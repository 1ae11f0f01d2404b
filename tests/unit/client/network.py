"""A network of one or two served nodes and a contexts file, as the network generator writes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from node.api.server import ApiServer
from node.identity.keyfile import write_key
from tests.unit.api.chain import MemoryChannel
from tests.unit.api.hosting import MemoryHosting


@dataclass
class Network:
    chain: MemoryChannel
    servers: list[ApiServer]
    folder: Path

    @property
    def context(self) -> str:
        return str(self.folder)


def write_contexts(folder: Path, chain: MemoryChannel, ports: list[int]) -> None:
    (folder / ".city").mkdir(parents=True)
    (folder / ".city" / "node.crt").write_bytes(chain.transport.certificate_pem)
    lines = [
        'current = "dev"',
        "[contexts.dev]",
        'channel = "main"',
        f'channel_id = "{chain.channel_id.hex()}"',
        'suite = "sm"',
    ]
    for number, port in enumerate(ports):
        lines += [
            "[[contexts.dev.nodes]]",
            f'name = "node{number}"',
            f'api = "127.0.0.1:{port}"',
            'certificate = "node.crt"',
        ]
    for user, key in chain.user_keys.items():
        write_key(folder / ".city" / f"{user}.pem", key, None, dev=True)
        lines += [f"[contexts.dev.users.{user}]", f'key = "{user}.pem"', 'member = "PX"']
    (folder / ".city" / "contexts.toml").write_text("\n".join(lines))


@asynccontextmanager
async def network(
    folder: Path, nodes: int = 1, without: Collection[int] = ()
) -> AsyncIterator[Network]:
    """Nodes that serve one chain: what one has, all have. without: nodes that serve another channel only."""
    chain = MemoryChannel()
    async with AsyncExitStack() as stack:
        servers = []
        for number in range(nodes):
            server = ApiServer(
                {"other" if number in without else "main": chain},
                node_name="Shenzhen",
                identity_keys={chain.suite.id: chain.node_signer.public_key},
                transport=chain.transport,
                listen="127.0.0.1:0",
                hosting=MemoryHosting(chain.node_signer.public_key),
            )
            await server.start()
            stack.push_async_callback(server.stop)
            servers.append(server)
        write_contexts(folder, chain, [server.port for server in servers])
        yield Network(chain, servers, folder)
