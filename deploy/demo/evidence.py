"""Step 27: the life of the credential in one file, checked offline by two programs that share no code."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from contracts.runtime.keys import state_key
from deploy.demo.desk import REVERTED
from deploy.demo.play import Play
from deploy.demo.story import StepFailed, expect
from node.proofs.reading import build_evidence, verify_evidence

ROOT = Path(__file__).resolve().parents[2]
REGISTER_LOG = "dcep.register_log "
BIND_WALLET = "dcep.bind_wallet "
CHECK_S = 120.0


def touching(play: Play) -> list[str]:
    """Ids of all transactions that touched the credential, accepted or refused, with what they rest on:

    its invoices, its financings, the wallets, and the registration of the center's log."""
    documents = [play.invoices[play.story[f"step{n}"]["invoice"]].document for n in (7, 8, 9)]
    leaves = [s for leaf, s in play.sales.items() if leaf.startswith(play.story.ec_id)]
    requests = [*play.open.values(), *(sale.request_id for sale in leaves)]
    subjects = [play.story.ec_id, *documents, *requests]
    return [
        filed.tx_id
        for filed in play.desk.filed
        if filed.text.startswith((REGISTER_LOG, BIND_WALLET))
        or any(subject in filed.text for subject in subjects)
    ]


async def write_evidence(play: Play, file: Path) -> None:
    """Fetches the proof of every transaction and of the final states, and writes the bundle."""
    step = play.story["step20"]
    play.report.working("collecting evidence")
    net = await play.stage.net(play.story.regulator)
    ids = touching(play)
    proofs = await asyncio.gather(*(net.proof(tx_id) for tx_id in ids))
    keys = [state_key("receivable", "credential", play.story.ec_id)]
    keys += [state_key("receivable", "piece", leaf["leaf"]) for leaf in step["leaves"]]
    states = await asyncio.gather(*(net.state_proof(key) for key in keys))
    data = build_evidence(play.story.ec_id, proofs, states)
    view = verify_evidence(data, net.context.channel_id)
    ends = [state["value"]["state"] for state in view["states"]]
    expect("final states", [step["state_after"]] + ["PAID"] * len(step["leaves"]), ends)
    attacks = [t["code"] for t in view["transactions"] if t["outcome"] == REVERTED]
    file.write_bytes(data)
    play.report.step(27, play.today, f"evidence on {play.story.ec_id}: {file.name}")
    play.report.proof(
        f"{len(ids)} transactions, {len(attacks)} of them refused attacks, {len(view['payments'])} "
        f"payment proofs, {len(states)} states · {len(data):,} bytes"
    )


async def verify_offline(play: Play, file: Path) -> None:
    """`city evidence verify`, and the independent checker, each in a process that reads only the file."""
    net = await play.stage.net(play.story.regulator)
    channel = net.context.channel_id.hex()
    city = ["node.cli.main", "evidence", "verify", str(file), "--channel-id", channel]
    checks = {"city evidence verify": city}
    if (ROOT / "tests" / "oracle" / "__main__.py").exists():
        checks["python -m tests.oracle"] = ["tests.oracle", str(file), "--channel", channel]
    verdicts = await asyncio.gather(*map(run, checks.values()))
    for name, verdict in zip(checks, verdicts, strict=True):
        play.report.proof(f"{name} {file.name} (offline): {verdict}")


async def run(module: list[str]) -> str:
    """The verdict of a module run in a process of its own. Raises StepFailed where it is not VALID."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(process.communicate(), CHECK_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = [" ".join(line.split()) for line in out.decode("utf-8", "replace").splitlines()]
    verdicts = [line for line in lines if line.startswith("VALID")]
    if process.returncode != 0 or not verdicts:
        raise StepFailed("offline check: " + " ".join(module), "VALID", "\n".join(lines[-5:]))
    return verdicts[-1]
