"""Step 22: discounted bills become central bank money; e-credentials never do, as they are no bills."""

from __future__ import annotations

import secrets
from typing import Any

from deploy.demo.carried import carried
from deploy.demo.lending import SALT_BYTES, percent, simple_interest
from deploy.demo.play import Play
from deploy.demo.story import expect, fen
from deploy.story.screens import look


async def discount(play: Play, bill: Any) -> None:
    """Drawn, accepted, sold to the bank against its payment."""
    step, desk = play.story["step22"], play.desk
    id, bank, holder = bill["id"], step["bank"], desk.user(bill["payee"])
    await desk.do(
        desk.user(bill["drawer"]), "bill", "draw", id=id, acceptor=bill["acceptor"],
        payee=bill["payee"], face_fen=bill["face_fen"], due_date=step["due_date"],
    )  # fmt: skip
    await desk.do(desk.user(bill["acceptor"], "checker"), "bill", "accept", id=id)
    await desk.do(holder, "bill", "ask_discount", id=id, bank=bank)
    net = await desk.do(
        desk.user(bank, "financier"), "bill", "offer_discount", id=id, rate_ppm=step["discount_ppm"]
    )
    price = simple_interest(bill["face_fen"], step["discount_ppm"], step["days"])
    expect(f"net of {id}, recomputed", bill["face_fen"] - price, net)
    reference = await desk.do(
        holder, "bill", "take_discount", id=id, salt=secrets.token_bytes(SALT_BYTES)
    )
    await play.money.pay(bank, bill["payee"], net, reference)
    await carried(play, reference, f"bill.settle_discount {id}")


async def rediscount(play: Play) -> None:
    """Bundled, checked, approved by the branch, paid; no bill stands in a second pool."""
    step, desk = play.story["step22"], play.desk
    await play.on(step["date"], "rediscount")
    for bill in step["bills"]:
        await discount(play, bill)
    pool, bank, branch = step["pool"], step["bank"], step["branch"]
    bills = [bill["id"] for bill in step["bills"]]
    wanted = {"branch": branch, "tag": step["tag"]}
    await desk.do(desk.user(bank), "rediscount", "bundle", id=pool, bills=bills, **wanted)
    await desk.do(desk.user(bank, "checker"), "rediscount", "apply", id=pool)
    await desk.do(desk.user(bank), "rediscount", "auto_check", id=pool)
    officer = desk.user(branch, "regulator")
    approved = await desk.do(officer, "rediscount", "approve", id=pool)
    face = sum(bill["face_fen"] for bill in step["bills"])
    interest = simple_interest(face, approved["rate_ppm"], step["days"])
    expect(
        "face, interest, recomputed", (face, step["interest_fen"], step["interest_fen"]),
        (approved["face_fen"], approved["interest_fen"], interest),
    )  # fmt: skip
    reference = await desk.do(
        officer, "rediscount", "prepare_disbursement", id=pool, salt=secrets.token_bytes(SALT_BYTES)
    )
    await play.money.pay(branch, bank, face - interest, reference)
    await carried(play, reference, f"rediscount.disburse {pool}")
    found = await desk.ask(officer, "rediscount", "get", id=pool)
    expect(f"state of {pool}", "DISBURSED", found["state"])
    play.report.step(
        22, step["date"], f"{bank} bundles {len(bills)} discounted bills of {fen(face)}; {branch} "
        f"rediscounts them at {percent(approved['rate_ppm'])}",
    )  # fmt: skip
    play.report.proof(
        f"{step['days']} days: interest {fen(interest)} (by the contract, and recomputed here), paid "
        f"{fen(face - interest)}: DISBURSED"
    )
    await desk.refused(
        f"{bills[0]} in a second pool", step["second_code"], desk.user(bank), "rediscount", "bundle",
        id=step["second_pool"], bills=bills[:1], **wanted,
    )  # fmt: skip
    pools = await look(play, branch, "pools")
    expect("pools by state", {"DISBURSED": face}, pools.shown["face_fen"])
    pools.say(f"{pool} {fen(face)} DISBURSED")
