"""Looks at one node from its configuration file: what would keep it from running, or soon will.

Reads only, but for a torn last record of a log, which the next start would drop as well. A running node holds
its stores, so they are looked at where it is stopped. Blocking; each check is one function, in the order in
which a node needs things. A check that needs what an earlier one found broken is left out.

examine(path, channel, deep, progress)    the checks' results: of each channel (doctor_channel.py), of the node
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from node.config import NodeConfig, load_config
from node.daemon import check_ports
from node.doctor.channel import Handshakes, examine_channel
from node.doctor.check import Check, Mark, failed
from node.doctor.stores import Progress, examine_stores
from node.errors import CityError
from node.hosting.notes import on_disk
from node.identity.transport import NO_END, load_certificate, load_transports

__all__ = ["Check", "Mark", "examine", "examine_stores"]

DAYS_LEFT_WARN = 30
OPEN_FILES_MIN = 1_024
ROOM_WARN = 0.15  # of the disk


def examine(
    path: Path, channel: str = "", *, deep: bool = False, progress: Progress = lambda _: None
) -> list[Check]:
    """channel: only that one; empty: all that lie here. deep: of a stopped node also every block and every
    value of the state (minutes when large). Raises CITY-1004 for a channel that is not here."""
    try:
        config = load_config(path)
    except CityError as error:
        return [failed("configuration", error)]
    found = [Check("configuration", Mark.ok, str(path))]
    held = [config.channel.name]
    held += [name for name in on_disk(config.channels_dir) if name != config.channel.name]
    if channel and channel not in held:
        raise CityError("CITY-1004", channel=channel[:64], known=", ".join(held))
    pid = _running(config)
    handshakes = Handshakes(config.keys_dir)
    for name in [channel] if channel else held:
        place = config.place(name)
        checks = examine_channel(config, place, handshakes, pid is None, deep, progress)
        found += [replace(check, channel=name) for check in checks]
    for check in (_certificate, _room, _open_files):
        found.extend(check(config))
    found.append(_ports(config, pid))
    found.extend(_settings(config, held))
    if not channel:
        found.extend(handshakes.of_nobody(config))
    return found


def _running(config: NodeConfig) -> int | None:
    """The process that announced itself and is alive."""
    try:
        pid = int(json.loads(config.endpoints_file.read_text("utf-8"))["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid


def _certificate(config: NodeConfig) -> Iterator[Check]:
    folder = config.keys_dir
    try:
        transport = load_transports(folder)[0]
    except CityError:
        return  # the keys' check has said so
    ends = load_certificate(transport.certificate_pem).not_valid_after_utc
    days = (ends - datetime.datetime.now(datetime.UTC)).days
    is_near = days < DAYS_LEFT_WARN
    left = "no end of its own" if ends == NO_END else f"{days} days left"
    yield Check(
        "certificate",
        Mark.warn if is_near else Mark.ok,
        left if days >= 0 else f"expired {-days} days ago",
        "issue another one; links that stand go on, new ones are refused when it has expired"
        if is_near
        else "",
    )


def _settings(config: NodeConfig, held: list[str]) -> Iterator[Check]:
    for name in config.channel.others:
        if name not in held:
            yield Check(
                "configuration",
                Mark.warn,
                f"[channel.{name}] is about a channel that is not here",
                f"name one of {', '.join(held)}, or remove it",
            )


def _room(config: NodeConfig) -> Iterator[Check]:
    folder = config.data_dir
    usage = shutil.disk_usage(folder)
    free, least = usage.free, config.disk.free_bytes_min
    share = f"{free / 2**30:.1f} GiB free, {100 * free / usage.total:.0f} %"
    if free < least:
        yield Check(
            "disk", Mark.bad, share, "free some space: below the limit no transactions are taken"
        )
    elif free < ROOM_WARN * usage.total:
        yield Check("disk", Mark.warn, share, "free some space, or move the data to a larger disk")
    else:
        yield Check("disk", Mark.ok, share)


def _open_files(_: NodeConfig) -> Iterator[Check]:
    limit, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_low = limit != resource.RLIM_INFINITY and limit < OPEN_FILES_MIN
    yield Check(
        "open files",
        Mark.warn if is_low else Mark.ok,
        f"limit {limit}",
        f"raise it to {OPEN_FILES_MIN} or more: ulimit -n" if is_low else "",
    )


def _ports(config: NodeConfig, pid: int | None) -> Check:
    if pid is not None:
        return Check("ports", Mark.ok, f"the node runs, process {pid}")
    try:
        check_ports(config)
    except CityError as error:
        return failed("ports", error)
    return Check("ports", Mark.ok, "free; the node does not run")
