"""Contracts come, change and go while a channel runs, in one process."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any

import pytest

from consensus.certificate import KIND_PBFT, KIND_RAFT
from contracts.runtime import values
from contracts.runtime.api import Bundle
from contracts.runtime.limits import BUNDLE_BYTES_MAX
from node.errors import CATALOGUE, CityError
from node.lifecycle.state import bundle_key
from node.model import Receipt
from tests.unit.node.deploying import (
    CLAUSE,
    FAILING,
    SECOND,
    deploying,
    proposal,
)
from tests.unit.node.network import COUNTER, SECONDS

NAMES = {entry.name for entry in CATALOGUE.values()}


def assert_code(receipt: Receipt, code: str) -> None:
    assert receipt.code == code and code in NAMES, receipt


@pytest.mark.parametrize("kind", [KIND_PBFT, KIND_RAFT])
async def test_an_approved_version_with_its_migration_takes_over_and_the_old_one_stays_readable(
    tmp_path, kind
):
    async with deploying(tmp_path, kind=kind) as net:
        await net.commit(net.envelope())
        await net.approved(SECOND)
        assert (await net.commit(net.envelope())).outcome == "ok"
        answer = await net.ask("activate", name="counter", version=2, height=0)
        assert answer["status"] == "active"
        assert await net.read() == 200
        assert await net.read(version=1) == 200
        old, new = net.envelope(), net.envelope(version=2)
        refused, admitted = await net.nodes["n1"].channel.submit([old, new])
        assert refused.error is not None and refused.error.code == "CITY-3009"
        assert admitted.error is None
        await net.nodes["n1"].channel.wait(admitted.tx_id, "committed")
        assert await net.read(at="n1") == 201
        await net.same_state()


@pytest.mark.parametrize("kind", [KIND_PBFT, KIND_RAFT])
async def test_calls_that_are_on_their_way_meet_one_version_or_the_other_on_every_node(
    tmp_path, kind
):
    """Ordering runs four blocks ahead of execution, so calls for the old version stand behind the switch."""
    async with deploying(tmp_path, kind=kind, window=4) as net:
        await net.commit(net.envelope())
        await net.approved(SECOND)
        channels = [node.channel for node in net.nodes.values()]
        calls = [net.envelope("bob") for _ in range(30)]
        switch = net.asked("activate", name="counter", version=2, height=0)
        waiting = []
        for number, envelope in enumerate([*calls[:10], switch, *calls[10:]]):
            await asyncio.sleep(0)
            (outcome,) = await channels[number % 4].submit([envelope])
            if outcome.error is None:
                waiting.append((number % 4, outcome.tx_id))
            else:
                assert outcome.error.code == "CITY-3009"
        async with asyncio.timeout(SECONDS):
            answers = await asyncio.gather(
                *(channels[at].wait(id_, "committed") for at, id_ in waiting),
                return_exceptions=True,
            )
        # What was still in a pool is told that another version runs.
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert {getattr(error, "code", error) for error in refused} <= {"CITY-3009"}
        ended = [answer for answer in answers if not isinstance(answer, BaseException)]
        (told,) = [s for s in ended if s.tx_id == net.id(switch)]
        before = [s for s in ended if s.receipt and s.receipt.outcome == "ok" and s is not told]
        late = {s.receipt.code for s in ended if s.receipt and s.receipt.outcome != "ok"}
        assert late <= {"CONTRACT_VERSION_INACTIVE"}
        assert all(s.height <= told.height for s in before), "the old version ran behind the switch"
        await net.same_state()
        assert await net.read() == 100 * (1 + len(before))


async def test_a_version_runs_from_the_block_that_was_named_and_not_before(tmp_path):
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        await net.approved(SECOND)
        await net.idle()
        height = net.nodes["n0"].height + 6
        answer = await net.ask("activate", name="counter", version=2, height=height)
        assert (answer["status"], answer["height"]) == ("scheduled", height)
        while net.nodes["n0"].channel.status()["applied_height"] < height - 1:
            assert net.stage().status == "scheduled"
            await net.commit(net.envelope("bob", version=1))
            await (
                net.idle()
            )  # or the block that settles it could bring version 2 while the next is admitted
        await net.at_height(height - 1)
        stages = {net.stage(at=name).status for name in net.nodes}
        assert stages == {"active"}
        assert await net.read() % 100 == 0
        pages = net.nodes["n2"].channel.events(0, "", "_contract", "Activated")
        (event,) = (await anext(pages)).events
        assert (event.height, event.event.fields()["version"]) == (height - 1, 2)
        assert event.tx_id == net.stage().digest
        await net.same_state()


async def test_a_migration_that_fails_leaves_the_old_version_and_the_state_as_they_are(tmp_path):
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        await net.approved(FAILING)
        receipt = await net.refused("activate", name="counter", version=2, height=0)
        assert_code(receipt, "MIGRATION_FAILED")
        assert receipt.message == "revert E_LEFT_OVER something is open"
        assert net.stage().status == "approved"
        assert (await net.commit(net.envelope())).outcome == "ok"
        assert await net.read() == 2


async def test_a_scheduled_migration_that_fails_is_told_and_the_old_version_goes_on(tmp_path):
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        await net.approved(FAILING)
        height = net.nodes["n0"].height + 4
        await net.ask("activate", name="counter", version=2, height=height)
        while net.nodes["n0"].channel.status()["applied_height"] < height:
            await net.commit(net.envelope())
        await net.at_height(height)
        stage = net.stage()
        assert (stage.status, stage.failure) == (
            "approved",
            "revert E_LEFT_OVER something is open",
        )
        pages = net.nodes["n1"].channel.events(0, "", "_contract", "ActivationFailed")
        (event,) = (await anext(pages)).events
        assert event.event.fields()["failure"] == stage.failure
        assert (await net.commit(net.envelope())).outcome == "ok"
        await net.same_state()


async def test_a_new_contract_is_deployed_beside_those_of_genesis(tmp_path):
    async with deploying(tmp_path) as net:
        await net.approved(COUNTER, 1, "tally")
        unknown, _ = await net.nodes["n0"].channel.submit(
            [net.envelope(contract="tally"), net.envelope()]
        )
        assert unknown.error is not None and unknown.error.code == "CITY-3008"
        await net.ask("activate", name="tally", version=1, height=0)
        assert (await net.commit(net.envelope(contract="tally"))).outcome == "ok"
        assert net.nodes["n3"].channel.contract("tally", 0).status == "active"
        bundle = await net.nodes["n3"].channel.contract_bundle("tally", 1)
        assert bundle.main == COUNTER
        await net.approved(COUNTER + "\n\n# the same again\n", 2, "tally")
        await net.ask("activate", name="tally", version=2, height=0)
        await net.stop("n0")
        await net.start("n0")
        for version in (1, 2):
            found = await net.nodes["n0"].channel.query(
                "tally", version, "read", '{"name": "a"}', None
            )
            assert (values.decode(found.result), found.version) == (1, version)
        key = bundle_key(net.nodes["n0"].channel.contract("tally", 1).digest)
        _, stored = await net.nodes["n2"].channel.state(key)
        assert stored is not None and values.decode(stored) == bundle.encode()
        await net.same_state()


async def test_one_member_pauses_and_as_many_as_decide_resume(tmp_path):
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        await net.ask("pause", "dave", name="counter")
        (outcome,) = await net.nodes["n2"].channel.submit([net.envelope()])
        assert outcome.error is not None and outcome.error.code == "CITY-4029"
        assert await net.read() == 1
        assert_code(await net.refused("pause", name="counter"), "WRONG_STATUS")
        assert (await net.ask("resume", "alice", name="counter"))["approvals"] == 1
        assert_code(await net.refused("resume", "alice", name="counter"), "ALREADY_APPROVED")
        for user in ("bob", "carol"):
            await net.ask("resume", user, name="counter")
        assert (await net.commit(net.envelope())).outcome == "ok"
        await net.same_state()


async def test_a_retired_contract_is_read_and_never_runs_again(tmp_path):
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        for user in ("alice", "bob", "carol"):
            await net.ask("retire", user, name="counter")
        (outcome,) = await net.nodes["n1"].channel.submit([net.envelope()])
        assert outcome.error is not None and outcome.error.code == "CITY-4030"
        assert await net.read() == 1
        for method, args in (("resume", {}), ("pause", {}), ("retire", {})):
            assert_code(await net.refused(method, name="counter", **args), "WRONG_STATUS")
        assert_code(await net.refused("propose", **proposal(SECOND)), "CONTRACT_RETIRED")


# ---- what is refused ---------------------------------------------------------------------------------


def bundle_of(**parts: Any) -> bytes:
    return values.encode({"main": COUNTER, "rules": {}} | parts)


NOT_UTF8 = values.encode({"main": "x = 'zz'\n", "rules": {}}).replace(b"zz", b"\xff\xfe")
BAD_PROPOSALS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "sources too large",
        {"source": bundle_of(main="#" * (BUNDLE_BYTES_MAX + 1))},
        "BUNDLE_TOO_LARGE",
        "",
    ),
    ("not UTF-8", {"source": NOT_UTF8}, "BUNDLE_MALFORMED", ""),
    ("no bundle", {"source": b"\x00"}, "BUNDLE_MALFORMED", ""),
    ("another bundle's fields", {"source": values.encode({"main": ""})}, "BUNDLE_MALFORMED", ""),
    ("a syntax error", {"source": "def f(:\n    pass\n"}, "CONTRACT_FINDINGS", "main:1:7 CT006"),
    ("a forbidden construct", {"source": COUNTER + "\nimport os\n"}, "CONTRACT_FINDINGS", "CT1"),
    (
        "no hint on a public method",
        {"source": COUNTER.replace("name: str", "name")},
        "CONTRACT_FINDINGS",
        "main:",
    ),
    ("a version that is there", {"source": SECOND, "version": 1}, "DUPLICATE_VERSION", "2"),
    ("a version that leaves one out", {"source": SECOND, "version": 3}, "DUPLICATE_VERSION", "2"),
    ("a name of the channel's own", {"source": SECOND, "name": "_config"}, "BUNDLE_MALFORMED", ""),
    (
        "no governing law",
        {"source": SECOND, "governing_law": " "},
        "LAW_INCOMPLETE",
        "governing_law",
    ),
    ("no clause", {"source": SECOND, "clause_hash": "00" * 32}, "LAW_INCOMPLETE", "clause_hash"),
    (
        "a liable stranger",
        {"source": SECOND, "operator": "m-mallory"},
        "LAW_INCOMPLETE",
        "operator",
    ),
    ("no licence", {"source": SECOND, "licence": ""}, "LAW_INCOMPLETE", "licence"),
    ("examples that are none", {"source": SECOND, "examples": "{}"}, "EXAMPLES_MALFORMED", ""),
    (
        "examples without end",
        {"source": SECOND, "examples": json.dumps([{"method": "add"}] * 33)},
        "EXAMPLES_MALFORMED",
        "32",
    ),
]


async def test_a_bad_proposal_is_refused_with_its_code_and_changes_nothing(tmp_path):
    async with deploying(tmp_path) as net:
        before = await net.same_state()
        for why, bad, code, text in BAD_PROPOSALS:
            receipt = await net.commit(net.asked("propose", **proposal(**bad)))
            assert receipt.outcome == "revert" and text in receipt.message, (why, receipt)
            assert_code(receipt, code)
        strangers = (("erin", "ok"), ("alice", "revert"))
        assert await net.same_state() == before
        # Anybody with the role proposes; the same version is there then.
        for user, outcome in strangers:
            receipt = await net.commit(net.asked("propose", user, **proposal(SECOND)))
            assert receipt.outcome == outcome, receipt
        assert_code(receipt, "DUPLICATE_VERSION")


async def test_a_proposal_pays_for_the_work_of_the_linter(tmp_path):
    async with deploying(tmp_path) as net:
        args = json.dumps(proposal(SECOND))
        cheap = net.envelope(contract="_contract", method="propose", args=args, gas_limit=50_000)
        before = await net.same_state()
        receipt = await net.commit(cheap)
        assert (receipt.outcome, receipt.code, receipt.gas_used) == ("oog", "out-of-gas", 50_000)
        assert await net.same_state() == before
        receipt = await net.commit(net.asked("propose", **proposal(SECOND)))
        assert receipt.outcome == "ok" and receipt.gas_used > 50_000


async def test_approvals_and_activations_that_may_not_be_are_refused_and_change_nothing(tmp_path):
    async with deploying(tmp_path) as net:
        digest = await net.propose(SECOND)
        named: dict[str, Any] = {"name": "counter", "version": 2}
        cases: list[tuple[str, str, dict[str, Any], str]] = [
            ("approve", "erin", named | {"digest": digest}, "NOT_AN_APPROVER"),
            ("approve", "bob", named | {"digest": CLAUSE}, "WRONG_DIGEST"),
            ("approve", "alice", named | {"digest": digest}, "ALREADY_APPROVED"),
            ("approve", "bob", {"name": "counter", "version": 9, "digest": digest}, "NOT_PROPOSED"),
            ("approve", "bob", {"name": "counter", "version": 1, "digest": digest}, "WRONG_STATUS"),
            ("activate", "alice", named | {"height": 0}, "NOT_APPROVED"),
            ("activate", "erin", named | {"height": 0}, "NOT_AN_APPROVER"),
            ("activate", "alice", named | {"height": 1}, "ACTIVATION_IN_THE_PAST"),
            ("activate", "alice", {"name": "counter", "version": 1, "height": 0}, "WRONG_STATUS"),
            ("withdraw", "bob", named, "NOT_AN_APPROVER"),
            ("attest", "alice", named | {"transcript": "mine"}, "NOT_A_VALIDATOR"),
            ("pause", "erin", {"name": "counter"}, "NOT_AN_APPROVER"),
            ("pause", "alice", {"name": "nothing"}, "WRONG_STATUS"),
            ("resume", "alice", {"name": "counter"}, "WRONG_STATUS"),
        ]
        for method, user, args, code in cases:
            assert_code(await net.refused(method, user, **args), code)
        await net.ask("withdraw", "alice", **named)
        assert_code(await net.refused("approve", "bob", **named, digest=digest), "WRONG_STATUS")


async def test_a_call_that_cannot_be_read_never_enters_the_pool(tmp_path):
    async with deploying(tmp_path) as net:
        good = proposal(SECOND)
        bad: list[dict[str, Any]] = [
            good | {"more": 1},
            {k: v for k, v in good.items() if k != "notes"},
            good | {"version": "2"},
            good | {"version": -1},
            good | {"bundle": "no base64"},
            good | {"bundle": b64encode(b"x" * 150_000).decode()},
            good | {"clause_hash": "AB" * 32},
            good | {"notes": "a\u0007bell"},
        ]
        envelopes = [net.asked("propose", **args) for args in bad]
        envelopes += [net.asked("erase", name="counter"), net.asked("pause")]
        for outcome in await net.nodes["n0"].channel.submit(envelopes):
            assert outcome.error is not None and outcome.error.code == "CITY-3011"
        (wrong, mine) = await net.nodes["n0"].channel.submit(
            [
                net.envelope(contract="_contract", version=2, method="pause"),
                net.envelope(method="migrate", args="{}"),
            ]
        )
        assert wrong.error is not None and wrong.error.code == "CITY-3009"
        assert mine.error is not None and mine.error.code == "CITY-3010"


async def test_a_proposal_is_linted_before_its_block_asks_for_it(tmp_path):
    async with deploying(tmp_path) as net:
        channel = net.nodes["n0"].channel
        linter = channel.pipeline._attester.linter
        bad = net.asked("propose", **proposal("import os\n"))
        linter.seen(channel._admission.inspect(bad))
        await asyncio.gather(*linter._ahead.values())
        linter._blocks = None  # type: ignore[assignment]
        findings = await linter.check(Bundle("counter", 2, "import os\n"))
        assert [finding.code for finding in findings] == ["CT101"]
        for idle in (net.asked("pause", name="counter"), net.envelope()):
            linter.seen(channel._admission.inspect(idle))
        assert not linter._ahead


# ---- agreement ---------------------------------------------------------------------------------------


class Odd:
    """A node whose engine computes something else than the others'."""

    def __init__(self, execute: Any) -> None:
        self._execute = execute

    async def __call__(self, request: Any, state: Any) -> Any:
        results = await self._execute(request, state)
        return [result._replace(gas_used=result.gas_used + 1) for result in results]


async def test_a_validator_that_computes_otherwise_is_named_with_method_and_line(tmp_path):
    async with deploying(tmp_path) as net:
        odd = net.nodes["n2"].channel.pipeline._attester._queries
        odd.execute = Odd(odd.execute)  # type: ignore[method-assign]
        await net.approved(SECOND)
        answer = await net.nodes["n1"].channel.query(
            "_contract", 0, "agreement", '{"name": "counter", "version": 2}', None
        )
        found = values.decode(answer.result)
        assert found["disagreement"].startswith("n2 differs in line 3: «1 add: "), found
        assert len({a["result"] for a in found["attestations"]}) == 2
        # The three others are enough.
        assert (await net.ask("activate", name="counter", version=2, height=0))[
            "status"
        ] == "active"


async def test_without_a_quorum_of_equal_results_nothing_is_activated(tmp_path):
    async with deploying(tmp_path) as net:
        for name in ("n2", "n3"):
            odd = net.nodes[name].channel.pipeline._attester._queries
            odd.execute = Odd(odd.execute)  # type: ignore[method-assign]
        await net.approved(SECOND)
        receipt = await net.refused("activate", name="counter", version=2, height=0)
        assert_code(receipt, "EXAMPLES_NOT_AGREED")
        assert "2 of the 3 validators" in receipt.message and "differs in line 3" in receipt.message


# ---- restarts ----------------------------------------------------------------------------------------


async def test_a_node_that_was_away_comes_back_over_an_activation_and_a_newcomer_replays_it(
    tmp_path,
):
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        await net.stop("n3")
        digest = await net.propose(SECOND)
        for user in ("bob", "carol"):
            await net.ask("approve", user, name="counter", version=2, digest=digest)
        await net.settled_state()
        await net.ask("activate", name="counter", version=2, height=0)
        await net.commit(net.envelope(version=2))
        await net.start("n3")
        await net.start("watcher")
        height = net.nodes["n0"].height
        await net.at_height(height, "n3", "watcher")
        assert await net.read(at="n3") == await net.read(at="watcher") == 101
        assert await net.read(version=1, at="watcher") == 101
        await net.same_state()
        # From its own disk, without replaying anything.
        await net.stop("n0")
        node = await net.start("n0")
        assert node.channel.contract("counter", 0).version == 2
        assert await net.read(at="n0") == 101
        async with asyncio.timeout(SECONDS):
            assert (await net.commit(net.envelope(version=2), at="n1")).outcome == "ok"
        await net.same_state()


async def test_a_block_may_hold_all_steps_of_two_contracts_beside_ordinary_calls(tmp_path):
    """Everything a member sends at once lands in one or two blocks; each step sees the one before it."""
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        await net.approved(SECOND)
        await net.approved(COUNTER, 1, "tally")
        channel = net.nodes["n0"].channel
        envelopes = [
            net.envelope(),
            net.asked("activate", name="counter", version=2, height=0),
            net.asked("activate", name="tally", version=1, height=0),
            net.asked("pause", "bob", name="counter"),
            net.envelope(),
        ]
        outcomes = await channel.submit(envelopes)
        assert [o.error for o in outcomes] == [None] * 5
        for outcome in outcomes:
            await channel.wait(outcome.tx_id, "committed")
        await net.same_state()
        assert net.stage().status == net.stage("tally", 1).status == "active"
        assert channel.contract("counter", 2).status == "paused"


def test_cases_of_proposals_name_codes_of_the_catalogue():
    assert {code for _, _, code, _ in BAD_PROPOSALS} <= NAMES


async def test_the_channel_is_asked_as_it_was_behind_an_earlier_block(tmp_path):
    """State, the version that ran, what was proposed and the configuration: all of that block."""
    async with deploying(tmp_path) as net:
        await net.commit(net.envelope())
        channel = net.nodes["n1"].channel
        first = channel.status()["applied_height"]
        await net.commit(net.envelope())
        await net.approved(COUNTER + "\n\n# again\n")
        await net.ask("activate", name="counter", version=2, height=0)
        await net.commit(net.envelope(version=2))

        async def read(height: int, version: int = 0) -> tuple[int, int, int]:
            asked = "counter", version, "read", '{"name": "a"}', None
            found = await channel.query(*asked, height=height)
            return values.decode(found.result), found.version, found.height

        assert await read(first) == (1, 1, first)
        assert (await read(0))[:2] == (3, 2)
        added = await channel.query(
            "counter", 0, "add", '{"name": "a", "by": 5}', None, height=first
        )
        assert (values.decode(added.result), added.version) == (6, 1)
        with pytest.raises(CityError, match="CITY-4060"):
            await read(first, version=2)
        versions = "_contract", 0, "versions", '{"name": "counter"}', None
        was = values.decode((await channel.query(*versions, height=first)).result)
        now = values.decode((await channel.query(*versions)).result)
        assert ([v["version"] for v in was], [v["version"] for v in now]) == ([1], [1, 2])
        told = await channel.query("_config", 0, "show", "{}", None, height=first)
        assert (values.decode(told.result)["channel"], told.height) == ("main", first)
        for height in (channel.status()["applied_height"] + 1_000, 1 << 62):
            with pytest.raises(CityError, match=r"CITY-5010 .*blocks 0 to"):
                await read(height)
