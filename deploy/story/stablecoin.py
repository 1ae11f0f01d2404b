"""Step 24: a coin whose reserve falls below its supply is restricted with the statement that says so."""

from __future__ import annotations

from deploy.demo.opening import admit
from deploy.demo.play import Play
from deploy.demo.story import expect
from deploy.story.opening import later_party
from deploy.story.screens import Look, open_receipt

BEFORE_MS = 1_000  # a statement is not of the future, by whatever clock orders the block


async def state_reserve(play: Play, amount: int) -> str:
    """The custodian states what lies in its vault now. Returns the coin's state."""
    step = play.story["step24"]
    as_of = play.stage.now_ms() - BEFORE_MS
    statement = f"{step['coin']} reserve {amount} as of {as_of}"
    state: str = await play.desk.do(
        play.desk.user(step["custodian"], "checker"), "stablecoin", "reserve_update",
        id=step["coin"], classes=[["CASH", amount]], as_of_ms=as_of,
        statement=play.story.suite.hash(statement.encode()).hex(),
    )  # fmt: skip
    return state


async def launch(play: Play) -> None:
    """Licensed, two full statements, coins minted by two persons."""
    step, desk = play.story["step24"], play.desk
    issuer, coin = step["issuer"], step["coin"]
    await admit(play, later_party(play, issuer), step["attested_by"])
    maker, checker = desk.user(issuer), desk.user(issuer, "checker")
    await desk.do(
        maker, "stablecoin", "apply", id=coin, currency=step["currency"],
        custodian=step["custodian"], supervisor=step["supervisor"],
    )  # fmt: skip
    await desk.do(
        desk.user(step["supervisor"], "regulator"), "stablecoin", "license", id=coin,
        capital=step["capital"], until=step["licence_until"],
    )  # fmt: skip
    for _ in range(2):
        await state_reserve(play, step["reserve"])
    expect(f"state of {coin}", "ACTIVE", await desk.do(checker, "stablecoin", "cure", id=coin))
    minted = {"id": coin, "to": step["holder"], "amount": step["minted"]}
    await desk.do(maker, "stablecoin", "order_mint", **minted)
    expect("supply", step["minted"], await desk.do(checker, "stablecoin", "mint", **minted))


async def restrict(play: Play) -> None:
    """The reserve drops; from that block on nothing is minted, and the supervisor's panel shows it."""
    step, desk = play.story["step24"], play.desk
    await play.on(step["date"], "a stablecoin's reserve falls")
    await launch(play)
    coin, supervisor = step["coin"], step["supervisor"]
    more = {"id": coin, "to": step["holder"], "amount": step["more"]}
    await desk.do(desk.user(step["issuer"]), "stablecoin", "order_mint", **more)
    receipt = await open_receipt(play, supervisor, "stablecoin", coin)
    expect(f"state of {coin}", "RESTRICTED", await state_reserve(play, step["reserve_after"]))
    block = desk.height
    officer = desk.user(supervisor, "regulator")
    net = await play.stage.net(officer)
    answer = await net.query(
        "stablecoin", "supervisor_view", {"id": coin, "receipt": receipt}, min_height=block
    )
    shown = answer.value
    expect("state and coverage on the panel", ("RESTRICTED", step["ratio_bps"]),
           (shown["state"], shown["ratio_bps"]))  # fmt: skip
    percent = step["ratio_bps"] / 100
    play.report.step(
        24,
        step["date"],
        f"the reserve of {coin} drops to {percent:.1f} % of its supply: RESTRICTED",
    )
    await desk.refused(
        f"minting {step['more']:,} more", step["mint_code"], desk.user(step["issuer"], "checker"),
        "stablecoin", "mint", **more,
    )  # fmt: skip
    Look(play, supervisor, "stablecoin", receipt, shown).say(
        f"coverage {percent:.2f} %, stated in block {block:,}, read at height {answer.height:,}"
    )
