"""`city oracle`: the committee, what it reported, and whether an answer fits its service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from node.cli import relay
from node.cli.files import read_file
from node.cli.output import Output, OutputOption, fail, guarded, plain, show
from node.cli.session import open_network

app = typer.Typer(
    help="Facts from outside, told by a committee of oracles. A missing report is `hold`.",
    no_args_is_help=True,
)
app.add_typer(relay.app, name="relay")
KeysOption = Annotated[
    Path, typer.Option("--keys", help="a folder of development key files *.pem, one an oracle")
]


@app.command()
@guarded
def status(
    feed: Annotated[str, typer.Argument(help="a feed; none: the committee")] = "",
    subject: Annotated[str, typer.Argument(help="of a fact")] = "",
    output: OutputOption = Output.table,
) -> None:
    """The committee with its bonds, or what is reported of a feed: `ok` with a value, or `hold`.

    Example:  city oracle status customs 530120260001234567
    """
    with open_network() as net:
        if not feed:
            found = net.query("oracle", "status", {}).value
            rows = found.pop("oracles")
            if output is Output.json:
                show(plain({**found, "oracles": rows}), output)
                return
            show(plain(found), output)
            show(plain(rows), output)
            return
        kind = net.query("oracle", "get_feed", {"feed": feed}).value["kind"]
        if kind == "number":
            show(net.query("oracle", "number", {"feed": feed}).value, output)
        else:
            args = {"feed": feed, "subject": subject}
            show(net.query("oracle", "fact", args).value, output)


@app.command()
@guarded
def report(
    feed: Annotated[str, typer.Argument(help="a feed of kind fact or number")],
    value: Annotated[str, typer.Argument(help="what the oracles say")],
    keys: KeysOption,
    subject: Annotated[str, typer.Option("--subject", help="of a fact")] = "",
    output: OutputOption = Output.table,
) -> None:
    """Signs a report with oracles' keys and brings it to the chain. For development networks.

    Example:  city as ops oracle report customs CLEARED --subject 530120260001234567 --keys ./oracles
    """
    from consensus.encoding import Hash
    from consensus.oracle_report import OracleConfig, config_digest
    from node.identity.suite import get_suite

    suite = get_suite("sm")
    with open_network() as net:
        found = net.query("oracle", "status", {}).value
        config = OracleConfig(
            Hash(net.context.channel_id), found["number"], found["f"],
            tuple(row["name"] for row in found["oracles"]),
            tuple(row["key"] for row in found["oracles"]), found["custodian"],
        )  # fmt: skip
        if config_digest(suite.hash, config) != found["digest"]:
            raise fail("CITY-1092", name="the committee", reason="its digest is another one")
        kind = net.query("oracle", "get_feed", {"feed": feed}).value["kind"]
        topic = f"{feed}/{subject}" if subject else feed
        epoch, last = net.query("oracle", "last_round", {"topic": topic}).value
        at = (max(epoch, 1), last + 1)
        method, args = _signed(kind, config, keys, feed, subject, value, at, _now_ms(net))
        done = net.call("oracle", method, args)
    show({"tx_id": done.tx_id, "block": done.block, "value": done.value}, output)


@app.command()
@guarded
def test(
    service: Annotated[str, typer.Argument(help="a service definition, such as fx-mid")],
    file: Annotated[
        Path | None, typer.Argument(help="an answer to check; none: the schemas")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Checks an answer against the service's schema, or shows what the service is.

    Example:  city oracle test customs-release answer.json
    """
    from node.oracle.service import load_service

    found = load_service(service)
    if file is not None:
        answer = found.read_answer(read_file(file))
        show({"service": service, "fits": True, **answer}, output)
        return
    facts = {
        "service": found.name, "kind": found.kind, "description": found.description,
        "deposit_fen": found.deposit_fen, "price_fen": found.price_fen,
        "answer_within_ms": found.answer_within_ms, "digest": found.digest.hex(),
    }  # fmt: skip
    schemas = {"input": found.input_schema.schema, "output": found.output_schema.schema}
    show({**facts, **(schemas if output is Output.json else {})}, output)


def _signed(
    kind: str, config: Any, keys: Path, feed: str, subject: str, value: str, at: tuple[int, int],
    now_ms: int,
) -> tuple[str, dict[str, Any]]:  # fmt: skip
    """The method and its arguments, signed by every key of the folder that is in the committee."""
    import asyncio

    from node.identity.keyfile import read_key
    from node.identity.suite import get_suite
    from node.oracle.committee import (
        Oracle,
        fact_payload,
        fact_report,
        number_payload,
        number_report,
    )

    suite = get_suite("sm")
    if kind == "number" and not value.isdigit():
        raise fail("CITY-1092", name="VALUE", reason="it is no whole number")

    async def say(topic: str) -> bytes:
        return (
            number_payload(int(value), now_ms) if kind == "number" else fact_payload(value, now_ms)
        )

    oracles = []
    for path in sorted(keys.glob("*.pem")):
        signer = suite.signer(read_key(path, None, dev=True))
        if signer.public_key in config.keys:
            oracles.append(Oracle(config.keys.index(signer.public_key), signer, say, config))
    if not oracles:
        raise fail("CITY-1092", name="--keys", reason="no key of the committee is there")
    if kind == "number":
        return "report_number", asyncio.run(number_report(oracles, feed, at))
    return "report_fact", asyncio.run(fact_report(oracles, feed, subject, at))


def _now_ms(net: Any) -> int:
    """The channel's clock: a development network shares an offset."""
    file = net.context.clock_offset_file
    offset_ms = int(Path(file).read_text(encoding="ascii")) if file and Path(file).exists() else 0
    return time.time_ns() // 1_000_000 + offset_ms
