"""`city regulator look`: a screen of an authority, and the receipt that it leaves on the chain."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.cli.output import Output, OutputOption, fail, guarded, show

app = typer.Typer(no_args_is_help=True)

# screen → (contract, view, the parameter that names its subject; "" where it is of everybody)
SCREENS = {
    **{
        name: ("supervision", name, "")
        for name in (
            "stock", "exposure", "regions", "breaches", "rates", "pools", "credits", "matching",
            "forms",
        )
    },
    "case": ("supervision", "case", "party"),
    "stablecoin": ("stablecoin", "supervisor_view", "id"),
    "alerts": ("regulation", "list_alerts", "rule"),
}  # fmt: skip


def open_network() -> Any:
    """As `session.open_network`; here so that a test can put a world without a network in its place."""
    from node.cli import session

    return session.open_network()


@app.command()
@guarded
def look(
    screen: Annotated[str, typer.Argument(help="one of: " + ", ".join(SCREENS))],
    purpose: Annotated[str, typer.Option("--purpose", help="why; its digest is in the receipt")],
    subject: Annotated[
        str, typer.Option("--subject", help="of case: the party; stablecoin: the coin; alerts: the rule")
    ] = "",
    after: Annotated[str, typer.Option("--after", help="the page after: `next` of the last")] = "",
    output: OutputOption = Output.table,
) -> None:  # fmt: skip
    """Leaves a receipt on the chain and shows a screen against it. The supervised can count the receipts.

    Examples:  city as safe regulator look matching --purpose "month end"
               city as hkma regulator look stablecoin --subject HKDX --purpose "coverage"
    """
    if screen not in SCREENS:
        raise fail("CITY-1092", name="SCREEN", reason="one of " + ", ".join(SCREENS))
    contract, view, names = SCREENS[screen]
    if (names != "") is not (subject != ""):
        reason = f"{screen} is of one {names}" if names else f"{screen} is of everybody"
        raise fail("CITY-1092", name="--subject", reason=reason)
    from node.cli.sealed import digest_of

    with open_network() as net:
        # Alerts are of a rule, which is no party: their receipt is for all.
        of = subject if screen in ("case", "stablecoin") else "*"
        asked = {"screen": screen, "purpose": digest_of(purpose.encode()), "subject": of}
        left = net.call("regulator", "open_view", asked)
        args = {"receipt": left.value} | ({names: subject} if names else {})
        args |= {"after": after} if after else {}
        found = net.query(contract, view, args).value
    receipt = {"id": left.value, "tx": left.tx_id, "block": left.block, "purpose": purpose}
    if output is Output.json:
        show({"receipt": receipt, "screen": screen, "shown": found}, output)
        return
    from node.cli.trade_drawing import for_people

    show(f"receipt {left.value} on the chain: block {left.block}, transaction {left.tx_id}", output)
    show(for_people(found, ()), output)
