"""`city billing`: invoices drawn up from what a node has counted, and compared with what another one counts."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, progress, show

app = typer.Typer(no_args_is_help=True)
IdArgument = Annotated[
    str, typer.Argument(help="OPERATOR/MEMBER/MONTH, as city billing list shows it")
]
NodeOption = Annotated[
    str, typer.Option("--node", help="whose blocks are counted; else any node's")
]


def open_network() -> Any:
    """As `session.open_network`; here so that a test can put a world without a network in its place."""
    from node.cli import session

    return session.open_network()


@app.command()
@guarded
def draw(
    month: Annotated[str, typer.Argument(help="2026-11; it must be over")],
    member: Annotated[
        str, typer.Option("--member", help="this one only; else all that are due")
    ] = "",
    node: Annotated[str, typer.Option("--node", help="whose figures; else any node's")] = "",
    output: OutputOption = Output.table,
) -> None:
    """Draws up what members used in a month, at the tariff that holds: an invoice each. What is drawn up
    already is left alone, so that a run that was interrupted is simply run again.

    Without --member: whoever used something, and whoever had an invoice for the month before.

    Example:  city as admin-shenzhen billing draw 2026-11
    """
    from node.sdk.billing import month_of

    with open_network() as net:
        operator = net.query("billing", "standing", {}).value["member"]
        found = month_of(net, month, node or None)
        rows = []
        for payer in [member] if member else sorted(_due(net, operator, month, found.used)):
            asked = {"operator": operator, "payer": payer}
            following = net.query("billing", "account", asked).value["next_month"]
            if following > month:
                rows.append({"id": f"{operator}/{payer}/{month}", "drawn": "before"})
                continue
            args = {"payer": payer, "month": month, **found.args(payer), **found.stretch}
            done = net.call("billing", "draw", args)
            rows.append({"id": done.value, "drawn": f"block {done.block}"})
    show(rows or "nobody used anything", output)


def _due(net: Any, operator: str, month: str, used: dict[str, Any]) -> set[str]:
    """Members of the channel other than the operator itself that have a tariff and used something, or were
    billed before."""
    from node.errors import CityError

    known = {str(row["member_id"]) for row in net.query("_config", "members").value}
    due = set()
    for payer in known - {operator}:
        series = {"operator": operator, "payer": payer}
        if payer not in used and not net.query("billing", "account", series).value["next_month"]:
            continue
        nothing = {"transactions": 0, "bytes": 0, "gas": 0}
        try:
            net.query("billing", "quote", {**series, "month": month, **nothing})
        except CityError as error:
            if "E_NO_TARIFF" not in str(error):
                raise
            progress(f"{payer}: no tariff holds in {month}")
            continue
        due.add(payer)
    return due


@app.command()
@guarded
def redraw(id: IdArgument, node: NodeOption = "", output: OutputOption = Output.table) -> None:
    """Puts the figures of a recount into an invoice that nobody has attested yet.

    Example:  city as admin-shenzhen billing redraw node-shenzhen/PX/2026-11
    """
    with open_network() as net:
        found = _recounted(net, id, node)
        args = {"id": id, **found.args(_payer(id)), **found.stretch}
        _told(net.call("billing", "redraw", args), output)


@app.command()
@guarded
def attest(id: IdArgument, node: NodeOption = "", output: OutputOption = Output.table) -> None:
    """Counts the month again from the blocks of a node, your own best, and says so where the invoice is right:
    it falls due. Refused with what differs where it is not.

    Example:  city as admin-guangzhou billing attest node-shenzhen/PX/2026-11 --node Guangzhou
    """
    from node.sdk.billing import salt

    with open_network() as net:
        found = _recounted(net, id, node)
        _told(
            net.call("billing", "attest", {"id": id, **found.args(_payer(id)), "salt": salt()}),
            output,
        )


@app.command()
@guarded
def dispute(
    id: IdArgument,
    queries: Annotated[
        int, typer.Option("--queries", help="as you have counted them; else as invoiced")
    ] = -1,
    node: NodeOption = "",
    output: OutputOption = Output.table,
) -> None:
    """Holds the figures of a recount of your own against an invoice. Refused where they do not make it smaller.

    Example:  city as buyer billing dispute node-shenzhen/PX/2026-11 --queries 120
    """
    with open_network() as net:
        found = _recounted(net, id, node)
        served = (
            net.query("billing", "get", {"id": id}).value["queries"] if queries < 0 else queries
        )
        args = {"id": id, **found.args(_payer(id)), "queries": served}
        _told(net.call("billing", "dispute", args), output)


@app.command()
@guarded
def uphold(id: IdArgument, node: NodeOption = "", output: OutputOption = Output.table) -> None:
    """Counts the month of a disputed invoice again, and says so where the invoice is right.

    Example:  city as admin-guangzhou billing uphold node-shenzhen/PX/2026-11 --node Guangzhou
    """
    with open_network() as net:
        found = _recounted(net, id, node)
        _told(net.call("billing", "uphold", {"id": id, **found.args(_payer(id))}), output)


@app.command()
@guarded
def concede(id: IdArgument, output: OutputOption = Output.table) -> None:
    """Takes the figures of the payer: a smaller amount, under a reference of its own.

    Example:  city as admin-shenzhen billing concede node-shenzhen/PX/2026-11
    """
    from node.sdk.billing import salt

    with open_network() as net:
        _told(net.call("billing", "concede", {"id": id, "salt": salt()}), output)


@app.command()
@guarded
def pay(id: IdArgument, output: OutputOption = Output.table) -> None:
    """How an invoice is paid: to which wallet, how much, under which reference. A relay carries the proof, and
    the invoice closes by itself.

    Example:  city as buyer billing pay node-shenzhen/PX/2026-11
    """
    with open_network() as net:
        found = net.query("billing", "get", {"id": id}).value
        payee = net.query("dcep", "wallet_of", {"member": found["operator"]}).value
    reference, amount = found["reference"].hex(), found["amount_fen"]
    facts = {"state": found["state"], "due": found["due"], "payee": payee.hex(), "amount_fen": amount,
             "reference": reference}  # fmt: skip
    if found["state"] in ("DUE", "DISPUTED"):
        command = f"city dcep pay WALLET.pem {payee.hex()} {amount} --reference {reference}"
        facts |= {"command": command}
    show(facts, output)


@app.command()
@guarded
def anchor(
    node: Annotated[str, typer.Argument(help="one of your own")],
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help="the node lost its statements: go on from what it has; for an administrator",
        ),
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Anchors the statements of what a node of yours has served, each whose turn has come, in their order.

    With --anew the ledger tells that the node's chain begins again behind what is anchored. What is anchored
    stays, and no day is billed twice.

    Example:  city as admin-shenzhen billing anchor Shenzhen
    """
    from contracts.rules.calendar import date_text
    from node.sdk.billing import begun_anew, following
    from node.sdk.meter import served

    with open_network() as net:
        chain = served(net, node)
        asked = {"operator": net.query("billing", "standing", {}).value["member"], "node": node}
        head = net.query("billing", "last_statement", asked).value
        rows = []
        if anew:
            start = begun_anew(chain, head)
            previous = chain[start][0].previous.hex()
            net.call("billing", "begin_chain", {"node": node, "previous": previous})
        else:
            start = following(chain, head)
        for said, digest in chain[start:]:
            args = {
                "node": node,
                "day": date_text(said.day),
                "previous": said.previous.hex(),
                "digest": digest.hex(),
                "members": [row.member_id for row in said.served],
                "counts": [row.queries for row in said.served],
            }
            done = net.call("billing", "anchor_statement", args)
            rows.append(
                {
                    "number": done.value,
                    "day": args["day"],
                    "digest": digest.hex(),
                    "block": done.block,
                }
            )
    show(rows or "nothing new", output)


def _payer(id: str) -> str:
    return id.split("/")[1]


def _recounted(net: Any, id: str, node: str) -> Any:
    from node.cli.output import fail
    from node.sdk.billing import month_of

    parts = id.split("/")
    if len(parts) != 3:
        raise fail("CITY-1092", name="ID", reason="it is written OPERATOR/MEMBER/MONTH")
    return month_of(net, parts[2], node or None, is_recount=True)


def _told(done: Any, output: Output) -> None:
    from node.cli.output import plain

    value = plain(done.value)
    facts = value if isinstance(value, dict) else {"state": value}
    show({**facts, "block": done.block, "tx": done.tx_id}, output)
