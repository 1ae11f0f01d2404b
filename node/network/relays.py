"""Relays of payment proofs as processes of a network's folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from node.errors import CityError
from node.network import processes
from node.network.control import (
    READY_SECONDS,
    REGCENTER,
    open_layout,
    relay_slug,
    start_regcenter,
    start_relays,
)
from node.network.layout import Layout
from node.relay.client import relay_status
from node.relay.config import ENDPOINT, FILE, load_relay, relay_text
from node.sdk.context import find_context


def network_relay(
    root: Path, name: str, user: str, wallets: list[Path], channel: str = ""
) -> dict[str, Any]:
    """Gives the network a relay for these wallets, submitting as `user`, and starts it. Its status once it
    answers. channel: another than the network's own. Raises CITY-8025, CITY-8032."""
    layout = open_layout(root)
    folder = layout.relays / name
    if (folder / FILE).exists():
        raise CityError("CITY-8032", path=folder)
    find_context(str(root)).user(user)
    center = center_endpoint(layout)
    folder.mkdir(parents=True, mode=0o700)
    text = relay_text(
        name, "../..", user, [str(wallet.resolve()) for wallet in wallets], "../../regcenter",
        center["root_key"], dev=True, poll_ms=400, channel=channel,
    )  # fmt: skip
    (folder / FILE).write_text(text, encoding="utf-8")
    load_relay(folder)
    start_relays(layout)
    return wait_relay(layout, name)


def center_endpoint(layout: Layout) -> dict[str, str]:
    """Address and root key of the folder's registration center, which a network starts beside its nodes."""
    deadline = time.monotonic() + READY_SECONDS
    start_regcenter(layout)
    while True:
        try:
            text = (layout.regcenter / "endpoint.json").read_text(encoding="utf-8")
            found: dict[str, str] = json.loads(text)
            return found
        except (OSError, ValueError):
            gone = processes.find(layout, REGCENTER) is None
            if gone or time.monotonic() > deadline:
                log = layout.log(REGCENTER)
                raise CityError("CITY-8025", name=REGCENTER, log=log, tail="") from None
            time.sleep(processes.POLL_SECONDS)


def wait_relay(layout: Layout, name: str) -> dict[str, Any]:
    """Waits until a relay answers. Raises CityError CITY-8025 with the end of its log."""
    deadline = time.monotonic() + READY_SECONDS
    slug = relay_slug(name)
    while time.monotonic() < deadline and processes.find(layout, slug) is not None:
        if (layout.relays / name / ENDPOINT).exists():
            found = relay_status(layout.relays / name)
            if found["state"] != "stopped":
                return found
        time.sleep(processes.POLL_SECONDS)
    raise CityError(
        "CITY-8025", name=slug, log=layout.log(slug), tail=processes.tail(layout.log(slug))
    )
