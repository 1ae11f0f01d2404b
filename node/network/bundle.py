"""Folders to carry to real hosts: one a node, with configuration, keys, genesis and a systemd unit."""

from __future__ import annotations

import shutil
from pathlib import Path

from node.errors import CityError
from node.genesis import Genesis, decode_genesis
from node.network.create import node_toml
from node.network.layout import Layout

PEER_PORT, API_PORT, WEB_PORT = 7051, 7052, 7053

UNIT = """\
[Unit]
Description=Citychain city node {name}
After=network-online.target
Wants=network-online.target

[Service]
Type=simple
User=citychain
Group=citychain
WorkingDirectory=/var/lib/citychain/{slug}
ExecStart=/opt/citychain/.venv/bin/city node run --config /var/lib/citychain/{slug}/node.toml
Restart=on-failure
RestartSec=2
TimeoutStopSec=60
LimitNOFILE=65536
NoNewPrivileges=true
ProtectSystem=strict
ProtectHome=true
PrivateTmp=true
ReadWritePaths=/var/lib/citychain/{slug}
Environment=CITY_HOME=/var/lib/citychain/{slug}/.city

[Install]
WantedBy=multi-user.target
"""

README = """\
Citychain city node {name}

1. Install Citychain under /opt/citychain (its environment in /opt/citychain/.venv).
2. Copy this folder to /var/lib/citychain/{slug}, owned by the user citychain, mode 0700.
3. Check the addresses in node.toml; others reach this node at {host}:{peer}.
4. cp citychain-{slug}.service /etc/systemd/system/ && systemctl enable --now citychain-{slug}
5. curl http://127.0.0.1:{web}/healthz

The keys in keys/ are this node's alone. They are not encrypted: this bundle was made from a development
network. For any other use make them on the host itself.
"""


def read_genesis(layout: Layout) -> Genesis:
    try:
        return decode_genesis(layout.genesis.read_bytes())
    except OSError as error:
        raise CityError("CITY-8026", path=layout.root) from error


def write_bundles(layout: Layout, out: Path, hosts: dict[str, str]) -> list[Path]:
    """One folder a node of the network under `out`. hosts: city name to the host name others use."""
    config = read_genesis(layout).config
    names = [node.name for node in config.nodes]
    for name in hosts:
        if name not in names:
            raise CityError("CITY-8027", name=name, cities=", ".join(names))
    if out.is_dir() and any(out.iterdir()):
        raise CityError("CITY-8028", path=out)
    slugs = {name: name.lower().replace(" ", "-") for name in names}
    addresses = {name: f"{hosts.get(name, slugs[name])}:{PEER_PORT}" for name in names}
    written = []
    for name, slug in slugs.items():
        folder = out / slug
        folder.mkdir(parents=True, mode=0o700)
        shutil.copytree(layout.node(slug) / "keys", folder / "keys")
        channel = folder / "channels" / config.name
        channel.mkdir(parents=True)
        shutil.copy(layout.genesis, channel / "genesis.bin")
        listen = (f"0.0.0.0:{PEER_PORT}", f"0.0.0.0:{API_PORT}", f"127.0.0.1:{WEB_PORT}")
        peers = {peer: address for peer, address in addresses.items() if peer != name}
        text = node_toml(name, config.name, listen, peers, clock_offset="")
        (folder / "node.toml").write_text(text, encoding="utf-8")
        (folder / f"citychain-{slug}.service").write_text(UNIT.format(name=name, slug=slug))
        host = hosts.get(name, slug)
        (folder / "README").write_text(
            README.format(name=name, slug=slug, host=host, peer=PEER_PORT, web=WEB_PORT)
        )
        written.append(folder)
    return written
