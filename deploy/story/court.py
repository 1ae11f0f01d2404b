"""Step 25: a court's order freezes a party. A payment proven meanwhile is kept, and counts at the release."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from deploy.demo import credential
from deploy.demo.carried import carried
from deploy.demo.lending import SALT_BYTES
from deploy.demo.money import Money, wallet_files
from deploy.demo.play import Play
from deploy.demo.story import expect, fen
from deploy.story.screens import look


async def new_center(play: Play) -> None:
    """The log of step 23 stays halted: the center goes on with a new key and log, registered anew."""
    step, desk, stage = play.story["step25"], play.desk, play.stage
    await play.money.close()
    await asyncio.to_thread(stage.renew_center)
    play.money = money = Money(stage, play.story)
    await money.open()
    await desk.do(play.story.regulator, "dcep", "register_log", root_key=money.root_key)
    operator = play.story["step0"]["operator"]
    await money.fund(operator, step["funds_fen"])
    wallets = list(wallet_files(stage, play.story).values())
    await asyncio.to_thread(stage.start_relay, desk.user(operator), wallets)


async def issue(play: Play) -> str:
    """A small credential to the party that will be frozen. Returns its number, which is its one leaf."""
    step, desk = play.story["step25"], play.desk
    ec_id = await credential.draft(play, step, step["target"])
    await desk.do(
        desk.user(play.story["step7"]["issuer"], "checker"), "receivable", "sign", ec_id=ec_id
    )
    await desk.do(desk.user(step["target"]), "receivable", "accept", ec_id=ec_id)
    return ec_id


async def piece(play: Play, leaf: str) -> dict[str, Any]:
    found: dict[str, Any] = await play.desk.ask(
        play.story.regulator, "receivable", "get_piece", leaf_id=leaf
    )
    return found


async def freeze(play: Play) -> None:
    """Two of three authorities freeze the party; its debtor pays; two release it."""
    step, desk = play.story["step25"], play.desk
    await play.on(step["issued"], "a court's order")
    await new_center(play)
    leaf = await issue(play)
    await play.on(step["date"], "a court's order")
    payer = desk.user(play.story["step7"]["issuer"])
    await desk.do(payer, "receivable", "due", leaf_id=leaf)
    wanted = await desk.do(
        payer, "receivable", "prepare_payment", leaf_id=leaf, salt=secrets.token_bytes(SALT_BYTES)
    )
    await order(play, leaf)
    await play.money.pay(
        play.story["step7"]["issuer"], step["target"], wanted["amount_fen"], wanted["reference"]
    )
    done = await carried(play, wanted["reference"], f"receivable.record_payment {leaf}")
    expect(f"state of {leaf}, paid while frozen", "FROZEN", (await piece(play, leaf))["state"])
    play.report.proof(
        f"{fen(wanted['amount_fen'])} paid to {step['target']}, its proof recorded in block {done.block}, "
        "not applied: FROZEN"
    )
    await visible(play)
    await release(play, leaf)


async def order(play: Play, leaf: str) -> None:
    """One authority asks, alone it freezes nothing; a second one makes it an order."""
    step, desk = play.story["step25"], play.desk
    asks, target = desk.user(step["asks"], "regulator"), step["target"]
    await desk.do(
        asks, "regulator", "request_freeze", id=step["order"], kind="party", target=target,
        document=play.story.suite.hash(step["order"].encode()).hex(), until=step["until"],
    )  # fmt: skip
    await desk.refused(
        f"{step['asks']} approves its own request", step["alone_code"], asks, "regulator",
        "approve_freeze", id=step["order"],
    )  # fmt: skip
    approves = desk.user(step["approves"], "regulator")
    state = await desk.do(approves, "regulator", "approve_freeze", id=step["order"])
    expect("state of the order", "IN_FORCE", state)
    expect(f"state of {leaf}", "FROZEN", (await piece(play, leaf))["state"])
    three = (step["asks"], step["approves"], step["third"])
    play.report.step(
        25, step["date"], f"order {step['order']} freezes {target}: {step['asks']} and "
        f"{step['approves']} of {', '.join(three)}",
    )  # fmt: skip
    await desk.refused(
        f"{target} hands its claim on", step["frozen_code"], desk.user(target), "receivable",
        "offer_transfer", leaf_id=leaf, to="XY",
        basis=play.invoices[step["invoice"]].document,
    )  # fmt: skip


async def visible(play: Play) -> None:
    """Every city shows the intervention; the party sees how often it was looked at, and by whom."""
    step, desk = play.story["step25"], play.desk
    cities = [node.name for node in play.stage.context().nodes if node.name not in play.stage.down]
    shown = [
        await play.stage.ask_city(city, play.story.regulator, "regulator", "order_on",
                                  {"kind": "party", "target": step["target"]}, desk.height)
        for city in cities
    ]  # fmt: skip
    expect("the order, asked of every city", [step["order"]] * len(cities), shown)
    play.report.proof(f"{step['order']} stands on {len(cities)} of {len(cities)} nodes")
    case = await look(play, step["asks"], "case", subject=step["target"], party=step["target"])
    held = [row["leaf_id"] for row in case.shown["holds"]]
    case.say(f"{step['target']} {case.shown['party']['state']}, holds {', '.join(held)}")
    looks = await desk.ask(desk.user(step["target"]), "regulator", "looks", subject=step["target"])
    counts = ", ".join(f"{name} {count}" for name, count in sorted(looks.items()))
    play.report.proof(
        f"looks at {step['target']} or at all, as {step['target']} sees them: {counts}"
    )


async def release(play: Play, leaf: str) -> None:
    step, desk = play.story["step25"], play.desk
    grounds = play.story.suite.hash(b"end of " + step["order"].encode()).hex()
    asks, approves = desk.user(step["approves"], "regulator"), desk.user(step["asks"], "regulator")
    ends = {"id": step["order"], "grounds": grounds}
    await desk.do(asks, "regulator", "request_release", **ends)
    await desk.do(approves, "regulator", "approve_release", **ends)
    expect(f"state of {leaf}", "PAID", (await piece(play, leaf))["state"])
    state = await desk.do(
        desk.user(play.story["step7"]["issuer"]), "receivable", "close", ec_id=leaf
    )
    expect(f"state of {leaf}", "CLOSED", state)
    play.report.proof(f"released by two authorities: the payment counts, {leaf} is PAID and CLOSED")
