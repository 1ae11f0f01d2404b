"""`city proposal`: one inbox for what members decide together, and everything that can be said to it."""

from __future__ import annotations

import json
from contextlib import closing
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from node.cli.change_arguments import read_change, when
from node.cli.inbox import CONFIG, LIFECYCLE, RULEBOOK, ask, gather, kind_of, place_of
from node.cli.output import (
    Output,
    OutputOption,
    fail,
    guarded,
    progress,
    rows_table,
    show,
    stderr,
    stdout,
)
from node.cli.session import open_network

app = typer.Typer(
    help="What waits for whose word: configuration, contracts, rules.", no_args_is_help=True
)
IdArgument = Annotated[str, typer.Argument(help="p-…, CONTRACT@VERSION or RULE/NUMBER")]
KindArgument = Annotated[str, typer.Argument(help="what shall change; see: city proposal kinds")]
WordsArgument = Annotated[
    list[str] | None, typer.Argument(help="name=value …; keys and files: hex digits or @FILE")
]
AtOption = Annotated[int, typer.Option("--at", help="takes effect at this block; 0: once approved")]
UntilOption = Annotated[
    str, typer.Option("--until", help="may be approved until this height or date")
]
ACTIVATE = "activate-flag"
STREAMS = {CONFIG: "", LIFECYCLE: "", RULEBOOK: "Rule."}


@app.command("list")
@guarded
def list_proposals(output: OutputOption = Output.table) -> None:
    """Everything that is open: changes of the configuration, versions of contracts, drafts of rules.

    Examples:  city proposal list    city proposal list -o json
    """
    with open_network() as net:
        items = gather(net)
    if output is Output.json:
        show([item.json() for item in items], output)
    elif not items:
        stdout.print("nothing waits")
    else:
        rows = [
            (i.id, i.what, i.by, i.approvals, ", ".join(i.missing) or "–", i.next, i.until)
            for i in items
        ]
        heads = ("Proposal", "What", "By", "Approved", "May approve", "Waits for", "Until")
        stdout.print(rows_table(heads, rows, spare=("Approved", "By")))


@app.command("show")
@guarded
def show_proposal(proposal: IdArgument, output: OutputOption = Output.table) -> None:
    """A proposal at length: of a change what would be otherwise, line by line, and who must still approve.

    Example:  city proposal show p-3f9a01c2d4e5f607
    """
    with open_network() as net:
        row = _row(net, proposal)
        row |= _not_ready(net, str(row.get("kind", "")), str(row.get("node", "")))
    if output is Output.json or kind_of(proposal) != "change":
        show(row, output)
        return
    stdout.print(f"{row['proposal']}  {row['change']}", markup=False)
    stdout.print(f"by {row['proposed_by']} in block {row['height']}", markup=False)
    _print_lines(row)
    for policy in row["policies"]:
        stdout.print(
            f"{policy['policy']}: {len(policy['approved'])} of {policy['needed']} approved "
            f"({', '.join(policy['approved']) or 'nobody'}), against: "
            f"{', '.join(policy['rejected']) or 'nobody'}",
            markup=False,
        )
    _print_not_ready(row)
    if row["missing"]:
        stdout.print(f"may still approve: {', '.join(row['missing'])}", markup=False)


@app.command()
@guarded
def kinds(output: OutputOption = Output.table) -> None:
    """The kinds of change: what each does, who decides on it now, what a member decides alone, its arguments.

    Example:  city proposal kinds
    """
    from node.governance.calls import CHANGES

    with open_network() as net:
        rows = ask(net, CONFIG, "kinds")
    for row in rows:
        row["arguments"] = " ".join(CHANGES.get(row["kind"].replace("-", "_"), ()))
    if output is Output.json:
        show(rows, output)
        return
    heads = ("Kind", "What it does", "Decided by", "A member alone", "Arguments")
    stdout.print(
        rows_table(
            heads,
            [
                (r["kind"], r["does"], r["policy"] or "–", r["own"] or "–", r["arguments"])
                for r in rows
            ],
        )
    )


@app.command()
@guarded
def simulate(
    kind: Annotated[str, typer.Argument(help="a kind of change, or an open proposal's id")],
    words: WordsArgument = None,
    at: AtOption = 0,
    until: UntilOption = "",
    output: OutputOption = Output.table,
) -> None:
    """What a change would do, whether it would be taken, and who would have to approve. Nothing is sent.

    Examples:  city as admin-shenzhen proposal simulate set-limits args_bytes_max=65536
    city proposal simulate p-3f9a01c2d4e5f607
    """
    with open_network() as net:
        if kind.startswith("p-"):
            row = _row(net, kind)
            found = row | {"accepted": not row["refused"], "message": row["refused"], "code": ""}
            found |= _not_ready(net, str(row["kind"]), str(row["node"]))
        else:
            method, args = read_change(net, kind, words or [])
            asked = {"method": method, "args": args | when(at, until)}
            found = ask(net, CONFIG, "preview", asked)
            found |= _not_ready(net, kind, str(args.get("flag", "")))
    if output is Output.json:
        show(found, output)
        return
    if not found["accepted"]:
        stdout.print(f"would be refused: {found['code']} {found['message']}", markup=False)
        return
    stdout.print(str(found["change"]), markup=False)
    _print_lines(found)
    _print_not_ready(found)
    if found.get("in_force"):
        stdout.print("would be in force at once: it is your own member's affair")
    else:
        missing = ", ".join(found["missing"]) or "nobody"
        text = f"decided by {found['policy']}; {found['needed']} must approve; missing: {missing}"
        stdout.print(text, markup=False)


@app.command()
@guarded
def propose(
    kind: KindArgument,
    words: WordsArgument = None,
    at: AtOption = 0,
    until: UntilOption = "",
    output: OutputOption = Output.table,
) -> None:
    """Proposes a change. What concerns your own member alone is in force at once.

    Examples:  city as admin-shenzhen proposal propose add-member LOG name="Harbour Logistics" city=Ningbo
    city as admin-shenzhen proposal propose add-identity certificate=@buyer.crt
    city as admin-shenzhen proposal propose revoke-identity clerk-shenzhen
    city as admin-shenzhen proposal propose activate-flag contract-notice height=5000 --until 2026-12-31
    """
    with open_network() as net:
        method, args = read_change(net, kind, words or [])
        if kind == ACTIVATE:
            _require_known_flag(str(args["flag"]))
            _print_not_ready(_not_ready(net, kind, str(args["flag"])), stderr)
        _send(net, method, args | when(at, until), output, (kind, str(args.get("name", ""))))


@app.command()
@guarded
def approve(proposal: IdArgument, output: OutputOption = Output.table) -> None:
    """Says yes for your member: approves a change or a contract's version, signs a rule.

    Examples:  city as admin-beijing proposal approve p-3f9a01c2d4e5f607
    city as admin-beijing proposal approve receivable@2    city as officer proposal approve tenor:receivable/1
    """
    with open_network() as net:
        row, kind = _row(net, proposal), kind_of(proposal)
        if kind == "change":
            change = (str(row["kind"]), str(row["node"]))
            _print_not_ready(_not_ready(net, *change), stderr)
            _send(net, "approve", {"proposal": proposal}, output, change)
        elif kind == "contract":
            args = place_of(proposal) | {"digest": row["digest"]}
            _call(net, LIFECYCLE, "approve", args, output)
        else:
            _call(net, RULEBOOK, "sign", {"id": proposal}, output)


@app.command()
@guarded
def reject(proposal: IdArgument, output: OutputOption = Output.table) -> None:
    """Says no for your member. Where too few are left who could approve, the proposal ends.

    Example:  city as admin-beijing proposal reject p-3f9a01c2d4e5f607
    """
    _end("reject", proposal, output)


@app.command()
@guarded
def withdraw(proposal: IdArgument, output: OutputOption = Output.table) -> None:
    """Takes back what your member proposed, or its approval of another's change.

    Example:  city as admin-shenzhen proposal withdraw p-3f9a01c2d4e5f607
    """
    _end("withdraw", proposal, output)


def _end(move: str, proposal: str, output: Output) -> None:
    """A draft of the rulebook knows no other's rejection: its authority takes it back either way."""
    with open_network() as net:
        kind = kind_of(proposal)
        if kind == "change":
            _send(net, move, {"proposal": proposal}, output)
        elif kind == "contract":
            _call(net, LIFECYCLE, move, place_of(proposal), output)
        else:
            _call(net, RULEBOOK, "withdraw", {"id": proposal}, output)


@app.command()
@guarded
def watch(
    from_height: Annotated[int, typer.Option("--from", help="begin at this block")] = 0,
    limit: Annotated[
        int, typer.Option("--limit", help="stop after so many; 0: go on for ever")
    ] = 0,
    output: OutputOption = Output.table,
) -> None:
    """Prints what happens to proposals as it happens: proposed, approved, rejected, in force, active, issued.

    Example:  city proposal watch --from 1 --limit 10
    """
    with open_network() as net:
        progress("watching · Ctrl-C ends")
        with closing(net.events(from_height=from_height)) as stream:
            wanted = (e for e in stream if e.name.startswith(STREAMS.get(e.contract, "\n")))
            for event in islice(wanted, limit or None):
                fields = dict(event.fields)
                if output is Output.json:
                    data = {"id": event.id, "contract": event.contract, "name": event.name}
                    print(json.dumps(data | {"fields": fields}, default=str), flush=True)
                else:
                    said = "  ".join(f"{k} {v}" for k, v in fields.items() if v not in ("", None))
                    text = f"block {event.height:<7} {event.name:<18} {said}"
                    stdout.print(text, markup=False)


def _row(net: Any, proposal: str) -> dict[str, Any]:
    """What the channel says of it. Raises CITY-1034 where it is not open."""
    kind = kind_of(proposal)
    found: dict[str, Any] = {}
    if kind == "change":
        found = ask(net, CONFIG, "proposal", {"proposal": proposal})
    elif kind == "contract":
        place = place_of(proposal)
        rows = ask(net, LIFECYCLE, "versions", {"name": place["name"]})
        found = next((row for row in rows if row["version"] == place["version"]), {})
    else:
        found = ask(net, RULEBOOK, "get", {"id": proposal})
    if not found:
        raise fail("CITY-1034", proposal=proposal)
    return found


def _print_lines(row: dict[str, Any]) -> None:
    for line in row["before"]:
        stdout.print(f"- {line}", markup=False, style="red")
    for line in row["after"]:
        stdout.print(f"+ {line}", markup=False, style="green")
    if row.get("refused"):
        stdout.print(f"! it could not take effect now: {row['refused']}", markup=False)


def _not_ready(net: Any, kind: str, flag: str) -> dict[str, Any]:
    """For a flag's activation: the validators whose build does not know it, and those of which nobody knows."""
    if kind != ACTIVATE:
        return {}
    from node.cli.why import ask_all
    from node.doctor.diagnosis import readiness

    found = readiness(ask_all(net), flag)
    return {"not_ready": list(found.lacking), "not_known": list(found.unknown)}


def _print_not_ready(row: dict[str, Any], where: Console = stdout) -> None:
    if row.get("not_ready"):
        names = ", ".join(row["not_ready"])
        text = f"! their builds do not know this flag, and stop ahead of it: {names}"
        where.print(text, markup=False)
    if row.get("not_known"):
        names = ", ".join(row["not_known"])
        where.print(f"! nobody knows whether their builds know this flag: {names}", markup=False)


def _require_known_flag(flag: str) -> None:
    """Nobody's node would go on under a flag that no build knows."""
    from node.flags import known_flags

    if flag not in known_flags():
        raise fail("CITY-1002", field="flag", rule=f"one of {', '.join(known_flags())}")


def _send(
    net: Any,
    method: str,
    args: dict[str, Any],
    output: Output,
    change: tuple[str, str] | None = None,
) -> None:
    """A config transaction has a block of its own: what would be refused now is not sent."""
    from node.cli.standstill import warn
    from node.governance.state import ADD, REMOVE, REPLACE_KEY
    from node.sdk.changes import send_change

    def before() -> None:
        if change is not None and change[0] in (ADD, REMOVE, REPLACE_KEY):
            warn(net, ask(net, CONFIG, "show"), *change)

    _print_done(send_change(net, method, args, before), output)


def _call(net: Any, contract: str, method: str, args: dict[str, Any], output: Output) -> None:
    _print_done(net.call(contract, method, args), output)


def _print_done(done: Any, output: Output) -> None:
    from contracts.runtime import values

    value = values.to_json(done.value)
    told = value if isinstance(value, dict) else {"result": value}
    show({"tx_id": done.tx_id, "block": done.block} | told, output)
