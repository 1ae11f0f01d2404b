"""`city contract propose`, `approve`, `activate` and what follows: how members change a channel's contracts."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.completion import complete_contract
from node.cli.output import (
    Output,
    OutputOption,
    fail,
    guarded,
    show,
    stderr,
    stdout,
    wants_chinese,
)
from node.cli.session import open_network

LIFECYCLE = (
    "_contract"  # node.lifecycle.CONTRACT; its package costs more time than a command line has
)
NameArgument = Annotated[
    str, typer.Argument(help="the contract's name", autocompletion=complete_contract)
]
VersionArgument = Annotated[int, typer.Argument(help="a version that was proposed")]


def register(app: typer.Typer) -> None:
    """Adds these commands to `city contract`."""
    for command in (
        propose,
        approve,
        withdraw,
        activate,
        pause,
        resume,
        retire,
        versions,
        agreement,
    ):
        app.command(command.__name__)(command)


@guarded
def propose(
    path: Annotated[
        Path, typer.Argument(help="the contract's file, or its folder with main.py and chapters")
    ],
    law: Annotated[str, typer.Option("--governing-law", help="which law governs it")],
    clause: Annotated[
        str,
        typer.Option("--clause", help="a file with the clause that it carries out, or its hash"),
    ],
    operator: Annotated[str, typer.Option("--operator", help="the member that answers for it")],
    licence: Annotated[str, typer.Option("--licence", help="of the source: an SPDX expression")],
    name: Annotated[str, typer.Option("--name", help="empty: that of the file or folder")] = "",
    version: Annotated[int, typer.Option("--version", help="0: the next one")] = 0,
    notes: Annotated[str, typer.Option("--notes", help="what is new, for those who approve")] = "",
    examples: Annotated[
        Path | None, typer.Option("--examples", help="a JSON list of calls: method, args, …")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Proposes a version. Every validator runs its examples; members approve it by its digest.

    Example:  city as admin-shenzhen contract propose token.py --governing-law "PRC" --clause terms.md
    --operator node-shenzhen --licence Apache-2.0 --examples token.examples.json
    """
    from contracts.runtime.api import Bundle
    from contracts.runtime.checking import check_file, contract_name
    from contracts.runtime.language.modules import MAIN, key_of

    checked = check_file(path)
    for finding in checked.findings:
        stderr.print(checked.show(finding, chinese=wants_chinese()), markup=False)
    if checked.findings:
        raise fail("CITY-4021", detail=f"{len(checked.findings)} findings in {path}")
    rules = {key_of(module): text for module, text in checked.sources.items() if module != MAIN}
    name = name or contract_name(path)
    with open_network() as net:
        bundle = Bundle(name, version, checked.sources[MAIN], rules)
        args = {
            "name": name,
            "version": version or _newest(net, name) + 1,
            "bundle": b64encode(bundle.encode()).decode(),
            "notes": notes,
            "governing_law": law,
            "clause_hash": _clause(net, clause),
            "operator": operator,
            "licence": licence,
            "examples": "" if examples is None else _read(examples).decode("utf-8", "replace"),
        }
        _send(net, "propose", args, output)


@guarded
def approve(
    name: NameArgument,
    version: VersionArgument,
    digest: Annotated[str, typer.Argument(help="of the proposal: city contract versions NAME")],
    output: OutputOption = Output.table,
) -> None:
    """Approves a version for your member, by the digest of all that was proposed.

    Example:  city as admin-guangzhou contract approve token 2 3f9a01c2d4e5f607…
    """
    with open_network() as net:
        _send(net, "approve", {"name": name, "version": version, "digest": digest}, output)


@guarded
def withdraw(
    name: NameArgument, version: VersionArgument, output: OutputOption = Output.table
) -> None:
    """Takes back a version that your member proposed and that does not run yet.

    Example:  city as admin-shenzhen contract withdraw token 2
    """
    with open_network() as net:
        _send(net, "withdraw", {"name": name, "version": version}, output)


@guarded
def activate(
    name: NameArgument,
    version: VersionArgument,
    height: Annotated[
        int, typer.Option("--height", help="the first block that runs it; 0: the next one")
    ] = 0,
    output: OutputOption = Output.table,
) -> None:
    """Lets an approved version run. Its migrate runs before; if that fails, the old version goes on.

    Example:  city as admin-shenzhen contract activate token 2 --height 1200
    """
    with open_network() as net:
        args = {"name": name, "version": version, "height": height}
        _send(net, "activate", args, output)


@guarded
def pause(name: NameArgument, output: OutputOption = Output.table) -> None:
    """Stops a contract from the next block on; one member may. It can still be read.

    Example:  city as admin-beijing contract pause token
    """
    with open_network() as net:
        _send(net, "pause", {"name": name}, output)


@guarded
def resume(name: NameArgument, output: OutputOption = Output.table) -> None:
    """Asks for a paused contract to run again; it does when enough members have asked.

    Example:  city as admin-beijing contract resume token
    """
    with open_network() as net:
        _send(net, "resume", {"name": name}, output)


@guarded
def retire(name: NameArgument, output: OutputOption = Output.table) -> None:
    """Asks for a contract to end for ever; it does when enough members have asked. It can still be read.

    Example:  city as admin-beijing contract retire token
    """
    with open_network() as net:
        _send(net, "retire", {"name": name}, output)


@guarded
def versions(name: NameArgument, output: OutputOption = Output.table) -> None:
    """Every version of a contract: how far it has come, who approved it, what the law asks of it.

    Example:  city contract versions token -o json
    """
    with open_network() as net:
        rows = _view(net, "versions", name=name)
    if not rows:
        raise fail("CITY-4037", detail=f"there is no contract {name}")
    if output is Output.json:
        show(rows, output)
        return
    for row in rows:
        show({key: value for key, value in row.items() if value not in ("", [], 0)}, output)
        stdout.print()


@guarded
def agreement(
    name: NameArgument, version: VersionArgument, output: OutputOption = Output.table
) -> None:
    """What the validators' examples of a version gave, and where one of them differs.

    Example:  city contract agreement token 2
    """
    with open_network() as net:
        found = _view(net, "agreement", name=name, version=version)
    if not found:
        raise fail("CITY-4037", detail=f"there is no {name} version {version}")
    if output is Output.json:
        show(found, output)
        return
    for number, line in enumerate(found["transcript"], 1):
        stdout.print(f"{number:4}  {line}", markup=False)
    for given in found["attestations"]:
        stdout.print(f"{given['node']:16} {given['result']}", markup=False)
    if found["disagreement"]:
        stdout.print(found["disagreement"], markup=False)


def _newest(net: Any, name: str) -> int:
    return max((row["version"] for row in _view(net, "versions", name=name)), default=0)


def _clause(net: Any, clause: str) -> str:
    """The hash of a clause: given as it is, or of a file's bytes with the channel's hash."""
    if len(clause) == 64 and set(clause) <= set("0123456789abcdef"):
        return clause
    from node.identity.suite import get_suite

    return get_suite(net.context.suite).hash(_read(Path(clause))).hex()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise fail("CITY-1091", path=path, reason=error.strerror) from error


def _view(net: Any, view: str, **args: Any) -> Any:
    from contracts.runtime import values

    return values.to_json(net.query(LIFECYCLE, view, args).value)


def _send(net: Any, method: str, args: dict[str, Any], output: Output) -> None:
    """What would be refused now is not sent."""
    from contracts.runtime import values

    tried = net.query(LIFECYCLE, method, args)
    done = net.call(LIFECYCLE, method, args, gas_limit=max(1, tried.gas_used))
    show({"tx_id": done.tx_id, "block": done.block} | values.to_json(done.value), output)
