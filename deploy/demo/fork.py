"""Step 23: the center signs two histories. Anyone halts its log on the chain; a file convicts it anywhere."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from consensus.encoding import Hash, Sig, encode
from consensus.payment import (
    CertifiedTreeHead,
    ForkEvidence,
    SignedTreeHead,
    tree_head_digest,
)
from deploy.demo.play import Play
from deploy.demo.story import StepFailed, expect
from deploy.regcenter.hashing import sm3
from deploy.regcenter.keys import open_key

ROOT = Path(__file__).resolve().parents[2]
COMMAND_S = 120.0


async def convict(play: Play, file: Path) -> None:
    """Two heads of one size are shown to the chain; the evidence leaves it as a file and convicts offline."""
    step, desk, money = play.story["step23"], play.desk, play.money
    play.report.working("the center signs two histories")
    honest = await money.tree_head()
    other = second_history(play, honest)
    evidence = encode(ForkEvidence(1, honest, other))
    reporter = desk.user(step["reporter"])
    log_id = await desk.do(reporter, "dcep", "report_fork", evidence=evidence)
    expect("the log that was halted", money.log_id, log_id)
    found = await desk.ask(play.story.regulator, "dcep", "get_log", log_id=log_id)
    expect("the log is halted", True, found["halted"])
    size = honest.signed.head.tree_size
    play.report.step(
        23, play.today, f"the center signs two heads of size {size:,}; {step['reporter']} shows both: "
        "its log is HALTED",
    )  # fmt: skip
    roots = [head.signed.head.root.hex()[:8] for head in (honest, other)]
    play.report.proof(
        f"roots {roots[0]}… and {roots[1]}… · event Dcep.LogHalted to every regulator"
    )
    await desk.refused(
        "the center's honest head, from now on", step["code"], reporter, "dcep", "anchor_head",
        certified=encode(honest), path=[],
    )  # fmt: skip
    told = await city(play, "dcep", "evidence", log_id.hex(), "--out", str(file))
    expect("bytes of the file", file.stat().st_size, told["bytes"])
    told = await city(play, "dcep", "convict", str(file))
    expect("the conviction", (True, log_id.hex()), (told["convicted"], told["log_id"]))
    play.report.proof(f"city dcep convict {file.name} (offline): {told['reason']}")
    if (ROOT / "tests" / "oracle" / "__main__.py").exists():
        line = await run([sys.executable, "-m", "tests.oracle", str(file), "--fork"])
        play.report.proof(f"python -m tests.oracle {file.name} --fork (offline): {line}")


def second_history(play: Play, honest: CertifiedTreeHead) -> CertifiedTreeHead:
    """What a center that lies would sign: the demonstration takes its key to do so."""
    key = open_key(play.stage.layout.regcenter / "keys" / "head.key", play.story.suite)
    head = replace(honest.signed.head, root=Hash(sm3(honest.signed.head.root)))
    signature = Sig(key.sign(tree_head_digest(sm3, head)))
    return CertifiedTreeHead(SignedTreeHead(head, signature), honest.key_chain)


async def city(play: Play, *words: str) -> dict[str, Any]:
    """What a command says, as its user types it."""
    command = [sys.executable, "-m", "node.cli.main", *words, "-o", "json"]
    told: dict[str, Any] = json.loads(
        await run(command, str(play.stage.layout.root), play.stage.channel)
    )
    return told


async def run(command: list[str], context: str = "", channel: str = "") -> str:
    """The last line of a command in a process of its own. Raises StepFailed where it ends badly."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env={**os.environ, "CITY_CONTEXT": context, "CITY_CHANNEL": channel},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(process.communicate(), COMMAND_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = out.decode("utf-8", "replace").strip().splitlines()
    if process.returncode != 0 or not lines:
        raise StepFailed(" ".join(command[1:]), "exit status 0", "\n".join(lines[-5:]))
    return lines[-1]
