"""`city why`: why the channel stands still, or one of its nodes, and what to do."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, guarded, rows_table, show, stdout
from node.cli.session import open_context, open_network
from node.doctor.diagnosis import Answers, Finding, Severity, diagnose, summary
from node.errors import CityError
from node.sdk.transport import NOT_HERE

ANSWER_SECONDS = 3.0
Look = tuple[str, list[Finding]]
MARKS = {Severity.stop: "✗", Severity.warn: "!"}


@guarded
def why(
    node: Annotated[str, typer.Argument(help="one node; empty: the whole channel")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="each channel of the context, not the chosen one only")
    ] = False,
    output: OutputOption = Output.table,
) -> None:
    """Asks every node how it is and says what keeps the channel, or one node, from going on, and the next step.

    Examples:  city why    city why Guangzhou    city --channel scf-px why    city why --all -o json
    """
    if not every:
        said = _look("", node)
        if output is Output.json:
            show(_facts(said), output)
        else:
            _print(said)
        return
    context = open_context()
    names = (context.channel, *(channel.name for channel in context.channels))
    looks = {name: _look(name, node) for name in names}
    if output is Output.json:
        show([{"channel": name, **_facts(said)} for name, said in looks.items()], output)
        return
    for name, said in looks.items():
        stdout.print(f"{name}: ", markup=False, end="")
        _print(said)


def _look(channel: str, node: str) -> Look:
    """channel: empty for the chosen one."""
    with open_network(channel=channel) as net:
        answers = ask_all(net)
    found = [f for f in diagnose(answers) if node in ("", f.node) or f.severity is Severity.stop]
    return summary(answers), found


def _facts(look: Look) -> dict[str, Any]:
    said, found = look
    rows = [{"severity": f.severity, "node": f.node, "what": f.what, "do": f.do} for f in found]
    return {"summary": said, "findings": rows}


def _print(look: Look) -> None:
    said, found = look
    stdout.print(said, markup=False)
    if found:
        stdout.print(rows_table(("", "Node", "What", "Next step"), [_row(f) for f in found]))


def _row(finding: Finding) -> tuple[str, ...]:
    return MARKS[finding.severity], finding.node or "(channel)", finding.what, finding.do


def ask_all(net: Any) -> Answers:
    """Every node of the context, and every validator of the configuration that one of them tells."""
    statuses: dict[str, dict[str, Any] | None] = {}
    without = []
    for address in net.context.nodes:
        try:
            status = net.node_status(address.name, timeout=ANSWER_SECONDS)
        except CityError as error:
            statuses[address.name] = None
            if error.code == NOT_HERE:
                without.append(address.name)
        else:
            statuses[address.name] = status | {"asked_ms": time.time_ns() // 1_000_000}
    return Answers(statuses, _validators(net, statuses), without)


def _validators(net: Any, statuses: dict[str, dict[str, Any] | None]) -> list[str]:
    """As the configuration in force has them; where nobody answers, the nodes that were asked."""
    if not any(statuses.values()):
        return list(statuses)
    try:
        shown = net.query("_config", "show", {}).value
    except CityError:
        return list(statuses)
    return [each["name"] for each in shown["validators"]]
