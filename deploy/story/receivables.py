"""Steps 9 and 13, and what a holder far down the chain sees of it; the central bank's screens meanwhile."""

from __future__ import annotations

from deploy.demo import credential, lending
from deploy.demo.lending import percent
from deploy.demo.play import Play
from deploy.demo.story import expect, fen
from deploy.story.screens import look


async def to_tier_three(play: Play) -> None:
    """Step 9: the holder at the end sees the debtor, the due date and its own path, no sibling."""
    step, desk = play.story["step9"], play.desk
    await credential.split_and_transfer(play, 9)
    holder = desk.user(step["to"])
    seen = [
        p["leaf_id"] for p in await desk.ask(holder, "receivable", "tree", ec_id=play.story.ec_id)
    ]
    expect(f"pieces that {step['to']} sees", step["sees_leaves"], sorted(seen))
    root = await desk.ask(holder, "receivable", "get", ec_id=play.story.ec_id)
    play.report.proof(
        f"{step['to']} sees debtor {root['issuer']}, due {root['due_date']}, its own path of "
        f"{len(seen)} pieces, and nothing beside it"
    )


async def first_supplier(play: Play) -> None:
    """Step 13, and the central bank's screens: the third tier pays what the first pays."""
    await lending.finance_first_supplier(play)
    await credential.show_invariants(play)
    bank = "PBC-SZ"
    stock, rates, breaches = [
        await look(play, bank, name) for name in ("stock", "rates", "breaches")
    ]
    face, issuer = play.story["step7"]["face_fen"], play.story["step7"]["issuer"]
    expect("stock by debtor", {issuer: face}, stock.shown["by_debtor"])
    expect("stock by tier, together", face, sum(stock.shown["by_tier"].values()))
    paid = rates.shown["rate_ppm"]
    ppm = play.story["step10"]["rate_ppm"]
    expect("rates of tiers 1 and 3", (ppm, ppm), (paid["1"], paid["3"]))
    expect("breaches of six months and a year", [], breaches.shown["breaches"])
    tiers = ", ".join(f"tier {n} {owed:,}" for n, owed in sorted(stock.shown["by_tier"].items()))
    stock.say(f"{issuer} {fen(face)} ({tiers})")
    rates.say(f"tier 1 {percent(paid['1'])}, tier 3 {percent(paid['3'])}")
    breaches.say("none beyond 6 months or 1 year")
