"""Start, look at, stop and extend a network that lies in a folder."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from node.config import load_config
from node.errors import CityError
from node.network import processes
from node.network.consortium import enter_consortium
from node.network.layout import Layout

REGCENTER = "regcenter"
READY_SECONDS = 180.0
STATUS_SECONDS = 3.0
# A node that changed its view alone serves; it stays in that state until there is work for a new view.
UP = ("ready", "changing view")


def open_layout(root: Path) -> Layout:
    layout = Layout(root)
    if not layout.genesis.exists():
        raise CityError("CITY-8026", path=root)
    return layout


def network_up(root: Path) -> list[dict[str, Any]]:
    """Starts what is not running and waits for all; returns the status rows."""
    layout = open_layout(root)
    slugs = layout.slugs()
    try:
        if layout.regcenter.exists():
            start_regcenter(layout)
        for slug in slugs:
            if processes.find(layout, slug) is None:
                processes.start_node(layout, slug)
        processes.wait_ready(layout, slugs, timeout_s=READY_SECONDS)
        start_relays(layout)
        rows = wait_linked(root)
        return wait_linked(root) if any(enter_consortium(layout).values()) else rows
    except KeyboardInterrupt:
        raise CityError("CITY-8030", path=root) from None


def start_regcenter(layout: Layout) -> None:
    """Starts the folder's registration center if it does not run; its address is in regcenter/endpoint.json."""
    if processes.find(layout, REGCENTER) is None:
        city = [sys.executable, "-m", "node.cli.main", REGCENTER, "run"]
        options = ["--dir", str(layout.regcenter), "--clock-offset-file", str(layout.clock_offset)]
        processes.start(layout, REGCENTER, [*city, *options])


def relay_slug(name: str) -> str:
    """The name of a relay's process in the network's folder."""
    return f"relay-{name}"


def start_relays(layout: Layout) -> list[str]:
    """Starts the folder's relays that do not run (`city network relay`); returns their names."""
    names = sorted(path.parent.name for path in layout.relays.glob("*/relay.toml"))
    for name in names:
        if processes.find(layout, relay_slug(name)) is None:
            command = ["oracle", "relay", "run", str(layout.relays / name)]
            city = [sys.executable, "-m", "node.cli.main"]
            processes.start(layout, relay_slug(name), [*city, *command])
    return names


def wait_linked(root: Path) -> list[dict[str, Any]]:
    """The status rows once every node is up: linked to a quorum and caught up. Raises CITY-8025."""
    layout = Layout(root)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        rows = network_status(root)
        waiting = [row for row in rows if row["state"] not in UP]
        if not waiting:
            return rows
        if time.monotonic() > deadline:
            slug = waiting[0]["slug"]
            raise CityError("CITY-8025", name=slug, log=layout.log(slug), tail=waiting[0]["state"])
        time.sleep(processes.POLL_SECONDS)


def network_stop(root: Path) -> list[str]:
    """Stops every process of the folder, the registration center too; returns who was running."""
    layout = open_layout(root)
    return processes.stop(layout, layout.started())


def network_status(root: Path) -> list[dict[str, Any]]:
    """A row a node: process, addresses, height, state root; `state` says what is wrong otherwise."""
    layout = open_layout(root)
    return [_node_row(layout, slug) for slug in layout.slugs()]


def _node_row(layout: Layout, slug: str) -> dict[str, Any]:
    config = load_config(layout.node_config(slug))
    process = processes.find(layout, slug)
    row: dict[str, Any] = {
        "city": config.name,
        "slug": slug,
        "pid": process.pid if process else None,
    }
    row |= {"state": "stopped", "role": "", "height": None, "state_root": ""}
    row |= {"api": config.listen.api, "web": "http://" + config.listen.web}
    if process is None:
        return row
    status = fetch_status(row["web"])
    if status is None:
        return row | {"state": "not answering"}
    # The state root is that of the applied height: a block more may be ordered already.
    row |= {"state": status["state"], "role": status["role"], "height": status["applied_height"]}
    if status["state"] in UP and status["applied_height"] < status["height"] and executes(status):
        row["state"] = "executing"
    return row | {"state_root": status["state_root"]}


def executes(status: dict[str, Any]) -> bool:
    """Whether the node runs contracts; one with a verify-only cryptography follows and verifies."""
    return bool(status.get("executes", True))


def fetch_status(web: str, channel: str = "") -> dict[str, Any] | None:
    """A node's own status from its REST twin, of the network's channel or another; None: no answer."""
    asked = f"{web}/api/v1/status" + (f"?channel={channel}" if channel else "")
    try:
        with urllib.request.urlopen(asked, timeout=STATUS_SECONDS) as reply:
            data = json.load(reply)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def network_add(root: Path, city: str) -> list[dict[str, Any]]:
    """Adds an observer node and starts it; returns the status rows. Raises CITY-8027 for an unknown city."""
    from node.network.observer import choose_city, write_observer

    layout = open_layout(root)
    chosen = choose_city(layout, city)
    write_observer(layout, chosen)
    processes.start_node(layout, chosen.slug)
    processes.wait_ready(layout, [chosen.slug], timeout_s=READY_SECONDS)
    return wait_linked(root)
