"""One whole proof file of each kind, made from the pages only: golden vectors and tests start here."""

from collections.abc import Iterator
from types import SimpleNamespace as S

from tests.oracle.hashes import INTL, SM
from tests.oracle.structures import encode
from tests.unit.oracle_checker.forge import TIME_MS, World, encode_value

KEY, ABSENT = b"\x0aparty\x00\x0aitems\x00\x0aPX\x00", b"\x0aparty\x00\x0aitems\x00\x0aQB\x00"
ENTRIES = {KEY: encode_value({"name": "PX"}), b"a": b"\x00", b"b": b"\x01", b"c": b"\x02"}


def samples() -> Iterator[tuple[str, World, str, S]]:
    """What it shows, its channel, the structure's name, the file."""
    for suite in (SM, INTL):
        world = World(suite, 4)
        first, _ = world.transactions([world.body(), world.body(request_id="r-2")], 7)
        yield "transaction", world, "ProofFile", world.proof_file(first)
        event = S(version=1, transaction=first, event=0)
        yield "event", world, "ProofFileV3", world.fact_file("event", event)
        world = World(suite, 4)
        yield "state", world, "ProofFile", world.proof_file(state=world.fact(KEY, ENTRIES, 9))
        world = World(suite, 4)
        yield "absence", world, "ProofFile", world.proof_file(state=world.fact(ABSENT, ENTRIES, 9))
        yield from _memberships(suite)


def _memberships(suite: int) -> Iterator[tuple[str, World, str, S]]:
    world = World(suite, 4)
    asked = (
        ("member PX", "member", "PX", 0),
        ("no member QB at a moment", "member", "QB", TIME_MS + 9_500),
        ("validator 北京", "validator", "北京", 0),
        ("identity a@PX", "identity", "a@PX", TIME_MS + 9_000),
    )
    for what, who, name, time_ms in asked:
        fact = world.membership(10, who, name, time_ms)
        yield what, world, "ProofFileV3", world.fact_file("membership", fact)
    change, config = world.hand_over(12)
    fact = world.membership(14, "validator", "Hong Kong", TIME_MS + 13_000, config)
    file = world.fact_file("membership", fact, [change])
    yield "no validator after a change", world, "ProofFileV3", file
    fact = world.membership(12, "validator", "Hong Kong")
    file = world.fact_file("membership", fact, [change])
    yield "validator in the block that takes it out", world, "ProofFileV3", file


def golden_rows() -> list[dict[str, str]]:
    return [
        {
            "what": what,
            "suite": {SM: "sm", INTL: "intl"}[world.suite],
            "structure": kind,
            "channel_id": world.channel_id.hex(),
            "bytes": encode(kind, file).hex(),
        }
        for what, world, kind, file in samples()
    ]
