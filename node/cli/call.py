"""`city call`, `city query`, `city simulate`: contracts from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.completion import complete_argument, complete_contract, complete_method
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import open_network

ContractArgument = Annotated[
    str, typer.Argument(help="the contract's name", autocompletion=complete_contract)
]
MethodArgument = Annotated[str, typer.Argument(help="the method", autocompletion=complete_method)]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(
        help="name=text, name:=JSON, name=@file (the file's bytes); text becomes what the method takes",
        autocompletion=complete_argument,
    ),
]


HeightOption = Annotated[
    int, typer.Option("--height", help="ask behind this block; 0: behind the last one")
]
VersionOption = Annotated[
    int, typer.Option("--version", help="another version than the one that runs")
]


def parse_arguments(words: list[str] | None) -> dict[str, Any]:
    """`name=text`, `name:=JSON`, `name=@file`; files travel as base64, which contracts read as bytes."""
    found: dict[str, Any] = {}
    for word in words or []:
        name, separator, value = word.partition("=")
        is_json = name.endswith(":")
        name = name.removesuffix(":")
        if not separator or not name.isidentifier() or name in found:
            raise fail(
                "CITY-1092", name=word, reason="it is not name=text, name:=JSON or name=@file"
            )
        found[name] = _value(name, value, is_json)
    return found


def _value(name: str, text: str, is_json: bool) -> Any:
    if is_json:
        try:
            return json.loads(text, parse_float=_no_float)
        except ValueError as error:
            raise fail("CITY-1092", name=name, reason=f"after := comes JSON: {error}") from error
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes()
        except OSError as error:
            raise fail("CITY-1091", path=text[1:], reason=error.strerror) from error
    return text


def _no_float(text: str) -> Any:
    raise ValueError(f"{text} has a fraction; count in fen, or write a decimal as text")


def checked_arguments(
    net: Any, contract: str, method: str, words: list[str] | None, version: int = 0
) -> dict[str, Any]:
    """Arguments by name as the method takes them, checked by the contract's schema before anything is signed.

    Raises CITY-3008 with the contracts there are, CITY-4061 for a method that it lacks, CITY-4062 for arguments
    that do not fit. A reserved name (`_config`) has no schema: its arguments go as they are."""
    from contracts.schema import DoesNotFit, did_you_mean
    from node.sdk.calls import args_text

    found = parse_arguments(words)
    if contract.startswith("_"):
        return found
    _, schema = net.schema(contract, version)
    known = schema.method(method)
    if known is None:
        names = [one.name for one in schema.methods]
        meant = did_you_mean(method, names)
        raise fail(
            "CITY-4061", contract=contract, method=method, meant=meant, known=", ".join(names)
        )
    typed: dict[str, Any] = schema.typed(known, found)
    try:
        schema.check(known, json.loads(args_text(typed)))
    except DoesNotFit as error:
        raise fail(
            "CITY-4062",
            contract=contract,
            method=method,
            reason=str(error),
            signature=known.declaration,
        ) from error
    return typed


@guarded
def call(
    contract: ContractArgument,
    method: MethodArgument,
    arguments: Arguments = None,
    request_id: Annotated[
        str, typer.Option("--request-id", help="business id; sending it again is safe")
    ] = "",
    gas: Annotated[
        int, typer.Option("--gas", help="gas limit; 0: twice what a simulation used")
    ] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="simulate only")] = False,
    output: OutputOption = Output.table,
) -> None:
    """Sends a transaction and waits until it is committed.

    Example:  city as supplier call receivable split leaf_id=EC-2026-SZ-000001 'amounts:=[40000,20000]'
    """
    if dry_run:
        _simulate(contract, method, arguments, output)
        return
    with open_network() as net:
        options: dict[str, Any] = {"request_id": request_id} if request_id else {}
        if gas:
            options["gas_limit"] = gas
        done = net.call(
            contract, method, checked_arguments(net, contract, method, arguments), **options
        )
        show(committed_view(done), output)


@guarded
def query(
    contract: ContractArgument,
    method: MethodArgument,
    arguments: Arguments = None,
    min_height: Annotated[
        int, typer.Option("--min-height", help="wait until this block is applied")
    ] = 0,
    version: VersionOption = 0,
    height: HeightOption = 0,
    output: OutputOption = Output.table,
) -> None:
    """Calls a view and prints its value. Nothing is written.

    Example:  city query receivable tree ec_id=EC-2026-SZ-000001 -o json
    """
    with open_network() as net:
        args = checked_arguments(net, contract, method, arguments, version)
        answer = net.query(
            contract, method, args, min_height=min_height, version=version, height=height
        )
        show(answer.value, output)


@guarded
def simulate(
    contract: ContractArgument,
    method: MethodArgument,
    arguments: Arguments = None,
    version: VersionOption = 0,
    height: HeightOption = 0,
    output: OutputOption = Output.table,
) -> None:
    """Runs a method as if it were sent: outcome, value, gas, events, what it would write. Nothing is written.

    Example:  city as supplier simulate receivable split leaf_id=EC-2026-SZ-000001 'amounts:=[40000,20000]'
    """
    _simulate(contract, method, arguments, output, version, height)


def _simulate(
    contract: str,
    method: str,
    arguments: list[str] | None,
    output: Output,
    version: int = 0,
    height: int = 0,
) -> None:
    with open_network() as net:
        args = checked_arguments(net, contract, method, arguments, version)
        found = net.simulate(contract, method, args, version=version, height=height)
        show(
            {
                "height": found.height,
                "outcome": found.outcome,
                "code": found.reason,
                "message": found.message,
                "value": found.value,
                "gas_used": found.gas_used,
                "version": found.version,
                "events": [f"{c}.{name}: {dict(fields)}" for c, name, fields in found.events],
                "writes": {shown_key(key): value for key, value in found.writes},
            },
            output,
        )


def shown_key(key: bytes) -> str:
    """A state key for people: object and key in it."""
    from contracts.runtime.keys import split_state_key

    contract, name, inside = split_state_key(key)
    return f"{contract}.{name}[{inside!r}]"


def committed_view(done: Any) -> dict[str, Any]:
    return {
        "tx_id": done.tx_id,
        "block": done.block,
        "value": done.value,
        "gas_used": done.gas_used,
        "events": [{"name": e.name, "fields": e.fields} for e in done.events],
    }
