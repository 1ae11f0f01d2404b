"""`city proof`: fetch the proof of one fact, and check it without a network."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, show
from node.cli.session import open_network

app = typer.Typer(
    help="Proofs for outsiders: fetched from a node, checked offline by the channel's id alone.",
    no_args_is_help=True,
)

ChannelOption = Annotated[
    str, typer.Option("--channel-id", help="hex; the channel you trust; empty: any")
]
GenesisOption = Annotated[
    Path | None, typer.Option("--genesis", help="genesis.bin of the channel you trust, instead")
]
OutOption = Annotated[Path, typer.Option("--out", help="the file to write")]
ContractArgument = Annotated[str, typer.Argument(help="the contract's name")]
ObjectArgument = Annotated[
    str, typer.Argument(help="the name of its Var or Map: city contract show")
]
KeyArgument = Annotated[
    str, typer.Argument(help="the key in a Map; :=JSON for numbers and tuples; empty: a Var")
]


def trusted_channel(text: str, genesis: Path | None = None) -> bytes | None:
    """The channel id that the reader trusts: given as such, or as the genesis file that it is the hash of."""
    if genesis is not None:
        return _genesis_id(genesis, text)
    try:
        return bytes.fromhex(text) if text else None
    except ValueError as error:
        raise fail("CITY-1092", name="--channel-id", reason="it is no hexadecimal") from error


def _genesis_id(path: Path, text: str) -> bytes:
    from node.genesis import channel_id, decode_genesis
    from node.identity.suite import get_suite

    try:
        genesis = decode_genesis(read_file(path))
        id_ = channel_id(get_suite(genesis.config.suite).hash, genesis.config)
    except ValueError as error:
        raise fail("CITY-1091", path=path, reason=f"it is no genesis file: {error}") from error
    if text and trusted_channel(text) != id_:
        reason = f"the genesis file is of the channel {id_.hex()}"
        raise fail("CITY-1092", name="--channel-id", reason=reason)
    return id_


def say_trust(view: dict[str, Any], trusted: bytes | None) -> dict[str, Any]:
    """What was found, with what it rests on: without a channel id a file only agrees with itself."""
    is_given = (
        "the channel you trust" if trusted else "not compared: give --channel-id or --genesis"
    )
    return {**view, "trust": is_given}


def _write(out: Path, data: bytes, output: Output) -> None:
    """Checks what came, so that no file is written that would not hold."""
    from consensus.proof import ProofError
    from node.proofs.reading import verify_proof

    try:
        view = verify_proof(data)
    except ProofError as error:
        raise fail("CITY-1093", reason=error) from error
    out.write_bytes(data)
    shown = {name: view[name] for name in ("fact", "channel_id", "height")}
    show({**shown, "file": str(out), "bytes": len(data)}, output)


@app.command()
@guarded
def transaction(
    tx_id: Annotated[str, typer.Argument(help="the transaction's id, hexadecimal")],
    out: OutOption,
    output: OutputOption = Output.table,
) -> None:
    """That a transaction was ordered, and what it did; waits for the block to settle.

    Example:  city proof transaction 3f9a… --out order.proof
    """
    from node.cli.tx import parse_id

    with open_network() as net:
        data = net.proof(parse_id(tx_id))
    _write(out, data, output)


@app.command()
@guarded
def event(
    event_id: Annotated[str, typer.Argument(help="block/transaction/event, as city event tail")],
    out: OutOption,
    output: OutputOption = Output.table,
) -> None:
    """That a contract told an event, with its fields.

    Example:  city proof event 12/0/1 --out issued.proof
    """
    from consensus.proof import ProofError
    from node.proofs.reading import wrap_event

    try:
        height, index, number = map(int, event_id.split("/"))
    except ValueError as error:
        reason = "an event's id is block/transaction/event, such as 12/0/1"
        raise fail("CITY-1092", name="id", reason=reason) from error
    with open_network() as net:
        tx_ids = net.block(height).tx_ids
        if not 0 <= index < len(tx_ids) or number < 0:
            reason = f"block {height} holds {len(tx_ids)} transactions"
            raise fail("CITY-1092", name="id", reason=reason)
        data = net.proof(tx_ids[index])
    try:
        _write(out, wrap_event(data, number), output)
    except ProofError as error:
        raise fail("CITY-1093", reason=error) from error


@app.command()
@guarded
def state(
    contract: ContractArgument,
    object_: ObjectArgument,
    out: OutOption,
    key: KeyArgument = "",
    output: OutputOption = Output.table,
) -> None:
    """The value under a key of a contract's state, now.

    Example:  city proof state directory node Beijing --out ec.proof
    """
    _state(contract, object_, key, out, output, is_present=True)


@app.command()
@guarded
def absence(
    contract: ContractArgument,
    object_: ObjectArgument,
    out: OutOption,
    key: KeyArgument = "",
    output: OutputOption = Output.table,
) -> None:
    """That nothing stands under a key of a contract's state, now.

    Example:  city proof absence invoice_registry financed 5c1d… --out free.proof
    """
    _state(contract, object_, key, out, output, is_present=False)


def _state(
    contract: str, object_: str, key: str, out: Path, output: Output, is_present: bool
) -> None:
    from consensus.proof import read_proof_file

    asked = state_key_of(contract, object_, key)
    with open_network() as net:
        _require_object(net, contract, object_)
        data = net.state_proof(asked)
    fact = read_proof_file(data).state
    if fact is None or fact.key != asked:
        raise fail("CITY-1093", reason="the node proved something else than was asked")
    if (fact.value is not None) != is_present:
        other = "absence" if is_present else "state"
        stands = "nothing stands" if is_present else "a value stands"
        raise fail(
            "CITY-1036", stands=stands, place=f"{contract}.{object_} {key}".rstrip(), other=other
        )
    _write(out, data, output)


def _require_object(net: Any, contract: str, object_: str) -> None:
    """Nothing stands under a name that was misspelled, either: that would be proven, and be worth nothing."""
    from node.sdk.objects import objects_of

    if contract.startswith("_"):  # reserved names have no source
        return
    known = objects_of(net.source(contract)[1])
    if object_ not in known:
        raise fail(
            "CITY-1035", contract=contract, name=object_, known=", ".join(known) or "nothing"
        )


def state_key_of(contract: str, object_: str, key: str) -> bytes:
    from contracts.runtime.keys import VAR, StateKeyError, state_key

    def tuples(value: Any) -> Any:
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    try:
        inside: Any = key or VAR
        if key.startswith(":="):
            inside = tuples(json.loads(key[2:]))
        return state_key(contract, object_, inside)
    except (ValueError, StateKeyError) as error:
        raise fail("CITY-1092", name="KEY", reason=error) from error


@app.command()
@guarded
def member(
    name: Annotated[
        str, typer.Argument(help="a member's id; with --as a node's name, or user@member")
    ],
    out: OutOption,
    who: Annotated[str, typer.Option("--as", help="member, validator or identity")] = "member",
    height: Annotated[int, typer.Option("--height", help="of a block; 0: the newest")] = 0,
    at: Annotated[
        str, typer.Option("--at", help="a moment, ISO 8601 with its zone, or milliseconds")
    ] = "",
    output: OutputOption = Output.table,
) -> None:
    """Whether somebody took part in the channel, at a block or at a moment between two blocks.

    Examples:  city proof member PX --out px.proof
               city proof member Shenzhen --as validator --height 40 --out sz.proof
               city proof member buyer@PX --as identity --at 2026-11-22T10:00:00+08:00 --out b.proof
    """
    time_ms = _moment(at) if at else 0
    with open_network() as net:
        data = net.membership_proof(who, name, height, time_ms)
    _write(out, data, output)


def _moment(text: str) -> int:
    """Milliseconds of a moment."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("it names no zone: write +08:00, or Z")
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise fail("CITY-1092", name="--at", reason=error) from error


RootKeyOption = Annotated[
    str,
    typer.Option(
        "--root-key", help="hex; FILE is a payment proof of the log whose root key this is"
    ),
]


@app.command()
@guarded
def verify(
    file: Annotated[
        Path, typer.Argument(help="written by: city proof …, or city dcep proof … --out")
    ],
    channel_id: ChannelOption = "",
    genesis: GenesisOption = None,
    root_key: RootKeyOption = "",
    output: OutputOption = Output.table,
) -> None:
    """Checks every signature, path and root of a proof file and prints the fact it shows; uses no network.

    Examples:  city proof verify order.proof --channel-id 8be1…
               city proof verify order.proof --genesis genesis.bin
               city proof verify payment.bin --root-key 04…
    """
    if root_key:
        from node.cli.dcep import verify as verify_payment

        verify_payment(file, root_key, output)
        return
    from consensus.proof import ProofError
    from node.proofs.reading import verify_proof

    data, trusted = read_file(file), trusted_channel(channel_id, genesis)
    try:
        view = verify_proof(data, trusted)
    except ProofError as error:
        if _is_payment(data):
            reason = "FILE is a payment proof: name the root key of its log, which you trust"
            raise fail("CITY-1092", name="--root-key", reason=reason) from error
        raise fail("CITY-1093", reason=error) from error
    if "key" in view:
        view = {**view, "object": key_text(view["key"])}
    show(say_trust(view, trusted), output)


def key_text(key: str) -> str:
    """contract.object and the key inside it, as far as the bytes are a contract's key. key: hexadecimal."""
    from contracts.runtime.keys import StateKeyError, split_state_key

    try:
        contract, name, inside = split_state_key(bytes.fromhex(key))
    except StateKeyError:
        return key
    return f"{contract}.{name} {inside!r}"


def _is_payment(data: bytes) -> bool:
    from consensus.payment_proof import ProofRefused, decode_proof

    try:
        decode_proof(data)
    except ProofRefused:
        return False
    return True
