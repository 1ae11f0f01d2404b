"""The life of contracts as a pure function: any history of calls keeps its rules, and the state reads back."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.encoding import Hash
from contracts.runtime import values
from contracts.runtime.api import Bundle, Diagnostic, TxResult
from contracts.runtime.keys import contract_prefix
from node.contracts.activations import Overlay
from node.contracts.arguments import BadArguments
from node.errors import CATALOGUE
from node.genesis import ChannelConfig, Identity
from node.governance import genesis_state as config_state
from node.governance.apply import needed
from node.governance.state import ConfigState
from node.lifecycle import (
    METHODS,
    ContractCall,
    LifecycleState,
    Outcome,
    Rules,
    apply,
    genesis_state,
    load_state,
    parse_call,
    state_writes,
)
from node.lifecycle.activation import activated, due, failure_of, migration, not_activated
from node.lifecycle.agreement import agreeing
from node.lifecycle.apply import ACTIVATIONS_BLOCK_MAX, OPEN_OF_MEMBER_MAX
from node.lifecycle.examples import first_difference, parse_examples, transcript, transcript_digest
from node.lifecycle.state import ACTIVE, ARCHIVED, SCHEDULED, STATUSES, transcript_key
from tests.unit.node.deploying import OWNERS, owned_by_four, proposal
from tests.unit.node.network import COUNTER, SUITE

NAMES = {entry.name for entry in CATALOGUE.values()}
FINDING = Diagnostic(3, 5, "main", "CT101", "no", "不")


@cache
def channel() -> tuple[ChannelConfig, ConfigState]:
    genesis, _ = owned_by_four()
    return genesis.config, config_state(genesis.config)


def identity(name: str) -> Identity:
    _, state = channel()
    return next(i for i in state.senders(SUITE.hash).values() if i.name == name)


class Chain:
    """Blocks of one call each, with what is due behind them; every rule is checked after every block."""

    def __init__(self) -> None:
        config, self.config = channel()
        self.genesis = config
        self.state, self.height = genesis_state(config), 0
        self.stored: dict[bytes, bytes] = {}
        self.ran: dict[str, list[int]] = {"counter": [1]}

    def transcript(self, digest: Hash) -> str:
        text: str = values.decode(self.stored[transcript_key(digest)])
        return text

    def send(
        self,
        who: str,
        method: str,
        findings: tuple[Diagnostic, ...] = (),
        migration_code: str = "",
        **args: Any,
    ) -> Outcome:
        """migration_code: how the migrations that are due behind this block end; empty: well."""
        self.height += 1
        given = parse_call(method, json.dumps(args))
        call = ContractCall(self.height, Hash(bytes(32)), identity(who), method, given, 20_000_000)
        before = self.state
        outcome = apply(before, call, Rules(self.config, SUITE, self.transcript), findings)
        if outcome.code:
            assert outcome.code in NAMES and outcome.state is before and not outcome.puts, outcome
        for place in due(outcome.state, self.height):
            self.settle_one(outcome, place, before, migration_code)
        self.keep(before, outcome)
        return outcome

    def settle_one(
        self, outcome: Outcome, place: Any, before: LifecycleState, migration_code: str
    ) -> None:
        state = outcome.state
        approvals = set(state.stages[place].approvals) & set(self.config.owners)
        assert len(approvals) >= needed(self.config), "active without approvals"
        assert agreeing(state.stages[place], {f"n{i}" for i in range(4)}) >= 3, "not attested"
        result = None
        if migration(state, place, 1) is not None:
            kind = "revert" if migration_code else "ok"
            result = TxResult(b"", kind, migration_code, "", 1, b"\x00", (), (), ())
        failure = failure_of(state, place, result)
        if failure:
            at_once = before.stages.get(place) if outcome.place == place else None
            after = not_activated(state, place, failure, at_once)
            if at_once is not None and not outcome.code:
                assert after.heads == state.heads
        else:
            after = activated(state, place)
            self.ran.setdefault(place[0], []).append(place[1])
        object.__setattr__(outcome, "state", after)

    def keep(self, before: LifecycleState, outcome: Outcome) -> None:
        self.state = outcome.state
        writes = {**state_writes(before, outcome.state), **outcome.puts}
        assert all(key.startswith(contract_prefix("_contract")) for key in writes)
        for key, value in writes.items():
            assert value is not None, "nothing is ever removed"
            self.stored[key] = value
        self.check()

    def check(self) -> None:
        state = self.state
        loaded = load_state(
            self.genesis,
            lambda prefix: sorted(i for i in self.stored.items() if i[0].startswith(prefix)),
        )
        assert loaded == state, "the stored state reads back"
        for name in {name for name, _ in state.terms}:
            statuses = {v: state.stages[name, v].status for v in state.versions(name)}
            assert state.versions(name) == list(range(1, len(statuses) + 1)), "versions have gaps"
            active = [v for v, status in statuses.items() if status == ACTIVE]
            head = state.head(name)
            assert active == ([head.active] if head.active else []), "one version a name at most"
            archived = [v for v, status in statuses.items() if status == ARCHIVED]
            assert archived + active == self.ran.get(name, []), "what was archived ran again"
            assert sum(s == SCHEDULED for s in statuses.values()) <= 1
            assert state.running[name] in (0, head.active)
            assert not (head.is_retired or head.is_paused) or state.running[name] == 0
        assert {stage.status for stage in state.stages.values()} <= set(STATUSES)

    # ---- steps that are right ---------------------------------------------------------------------

    def propose(self, version: int, name: str = "counter", who: str = "alice") -> Outcome:
        outcome = self.send(who, "propose", **proposal(COUNTER, version, name))
        assert not outcome.code, outcome
        return outcome

    def ready(self, version: int, name: str = "counter") -> None:
        """Proposed, approved by three of four, attested by all."""
        digest = self.propose(version, name).value["digest"]
        for who in ("bob", "carol"):
            self.send(who, "approve", name=name, version=version, digest=digest)
        for node in range(4):
            self.send(f"n{node}", "attest", name=name, version=version, transcript="as expected")
        assert self.state.stages[name, version].status == "approved"


def test_a_version_goes_from_proposed_to_active_and_the_one_before_is_archived():
    chain = Chain()
    chain.ready(2)
    outcome = chain.send("alice", "activate", name="counter", version=2, height=0)
    assert outcome.place == ("counter", 2)
    assert chain.state.running["counter"] == 2
    assert chain.state.stages["counter", 1].status == ARCHIVED
    again = chain.send("alice", "activate", name="counter", version=1, height=0)
    assert again.code == "WRONG_STATUS"


def test_approval_counts_members_not_people_and_only_those_that_own_validators():
    chain = Chain()
    digest = chain.propose(2, who="erin").value["digest"]
    assert chain.state.stages["counter", 2].approvals == ()
    args = {"name": "counter", "version": 2, "digest": digest}
    assert chain.send("erin", "approve", **args).code == "NOT_AN_APPROVER"
    for who, count in (("alice", 1), ("bob", 2), ("carol", 3)):
        assert chain.send(who, "approve", **args).value["approvals"] == count
    assert chain.state.stages["counter", 2].status == "approved"


def test_an_owner_that_is_gone_at_the_activation_counts_no_more():
    chain = Chain()
    chain.ready(2)
    nodes = chain.config.config.nodes
    kept = tuple(n for n in nodes if n.member_id not in ("m-bob", "m-carol"))
    config = replace(chain.config.config, nodes=kept)
    chain.config = replace(chain.config, record=replace(chain.config.record, config=config))
    outcome = chain.send("alice", "activate", name="counter", version=2, height=0)
    assert (outcome.code, outcome.message) == ("NOT_APPROVED", "1 of 2 members approved it")


def test_findings_are_told_by_place_and_code():
    chain = Chain()
    outcome = chain.send("alice", "propose", (FINDING,) * 25, **proposal(COUNTER))
    assert outcome.code == "CONTRACT_FINDINGS"
    assert outcome.message.startswith("main:3:5 CT101; ") and outcome.message.endswith("5 more")


def test_what_waits_is_bounded_for_each_member():
    chain = Chain()
    for number in range(OPEN_OF_MEMBER_MAX):
        chain.propose(1, f"c{number}")
    refused = chain.send("alice", "propose", **proposal(COUNTER, 1, "more"))
    assert refused.code == "TOO_MANY_PROPOSED"
    chain.propose(1, "more", who="bob")
    chain.send("alice", "withdraw", name="c0", version=1)
    chain.propose(1, "again")


def test_no_more_than_a_few_versions_become_active_at_one_height():
    chain = Chain()
    height = 100
    for number in range(ACTIVATIONS_BLOCK_MAX + 1):
        name = f"c{number}"
        chain.ready(1, name)
        outcome = chain.send("alice", "activate", name=name, version=1, height=height)
        assert bool(outcome.code) == (number == ACTIVATIONS_BLOCK_MAX), outcome


def test_a_liar_among_the_validators_neither_stops_nor_decides_anything():
    chain = Chain()
    digest = chain.propose(2).value["digest"]
    for who in ("bob", "carol"):
        chain.send(who, "approve", name="counter", version=2, digest=digest)
    texts = ["head\n1 add: ok\n1 add: 9 gas", *["head\n1 add: ok\n1 add: 8 gas"] * 3]
    for node, text in enumerate(texts):
        before = chain.send("alice", "activate", name="counter", version=2, height=0)
        assert before.code == "EXAMPLES_NOT_AGREED"
        outcome = chain.send(f"n{node}", "attest", name="counter", version=2, transcript=text)
    said = "n0 differs in line 3: «1 add: 9 gas» where others have «1 add: 8 gas»"
    assert outcome.event == "Disagreement" and outcome.value["disagreement"] == said
    assert not chain.send("alice", "activate", name="counter", version=2, height=0).code


# ---- any history -------------------------------------------------------------------------------------

who = st.sampled_from([*OWNERS, *OWNERS, "erin", "n0", "n3"])
name = st.sampled_from(["counter", "tally"])
step = st.tuples(
    st.sampled_from([*METHODS, "ready", "ready", "ready", "activate", "activate", "activate"]),
    who,
    name,
    st.integers(0, 3),
    st.sampled_from([0, 0, 1, 3]),
    st.sampled_from(["", "", "", "E_FAILED", "no-such-method"]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(step, min_size=25, max_size=40))
def test_any_history_keeps_the_rules(steps: list[Any]) -> None:
    chain = Chain()
    waiting: list[tuple[str, int]] = []
    for method, sender, of, back, ahead, code in steps:
        version = max(1, chain.state.newest(of) + 1 - back)
        if method == "activate" and waiting and back:
            of, version = waiting.pop()
        if method == "ready":
            args = proposal(COUNTER, chain.state.newest(of) + 1, of)
            outcome = chain.send("alice", "propose", **args)
            # Now and then one approval or attestation too few.
            for other in (
                ("bob", "carol")[: 1 if ahead == 3 and not back else 2] if not outcome.code else ()
            ):
                chain.send(other, "approve", **named_of(outcome))
            for node in range(2 if ahead == 1 and not back else 3) if not outcome.code else ():
                told = {k: outcome.value[k] for k in ("name", "version")}
                chain.send(f"n{node}", "attest", **told, transcript="same")
            waiting.append((of, outcome.value.get("version", 1)))
            if ahead == 0 or back == 0:
                now = {"name": of, "version": waiting[-1][1], "height": 0}
                chain.send("alice", "activate", (), code, **now)
            continue
        chain.send(sender, method, (), code, **arguments_of(chain, method, of, version, ahead))


def arguments_of(chain: Chain, method: str, of: str, version: int, ahead: int) -> dict[str, Any]:
    """What a member that knows the state would send, though not always in time."""
    named, stage = {"name": of, "version": version}, chain.state.stages.get((of, version))
    if method == "propose":
        return proposal(COUNTER, version, of)
    if method == "approve":
        return named | {"digest": stage.digest.hex() if stage else "0" * 64}
    if method == "attest":
        return named | {"transcript": "same"}
    if method == "activate":
        return named | {"height": ahead and chain.height + ahead}
    return named if method in ("reject", "withdraw") else {"name": of}


def named_of(outcome: Outcome) -> dict[str, Any]:
    return {key: outcome.value[key] for key in ("name", "version", "digest")}


# ---- reading -----------------------------------------------------------------------------------------


def test_every_method_takes_exactly_its_arguments():
    for method in METHODS:
        with pytest.raises(BadArguments):
            parse_call(method, "{}")
    with pytest.raises(BadArguments, match="not erase"):
        parse_call("erase", "{}")


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "1",
        "[1]",
        '[{"args": {}}]',
        '[{"method": "", "args": {}}]',
        '[{"method": "a", "args": []}]',
        '[{"method": "a", "gas": 0}]',
        '[{"method": "a", "gas": 1.5}]',
        '[{"method": "a", "roles": "admin"}]',
        '[{"method": "a", "more": 1}]',
        '[{"method": "a", "gas": 20000000}, {"method": "a", "gas": 1}]',
        '[{"method": "a", "method": "b"}]',
        "[",
        '[{"method": "a"}]}, "more": {"b": [',
        '[], "more": []',
        '[{"method": "\\ud800"}]',
    ],
)
def test_examples_that_are_none_are_refused(text):
    with pytest.raises(BadArguments):
        parse_examples(text)


def test_a_transcript_is_bounded_and_a_difference_beyond_the_bound_is_still_one():
    examples = parse_examples(json.dumps([{"method": "a"}] * 32))
    many = tuple((f"k{n}".encode(), values.encode(n)) for n in range(100))

    def text(last: int) -> str:
        results = [
            TxResult(b"", "ok", "", "", last if n == 31 else 1, b"\x00", (), many, ())
            for n in range(32)
        ]
        return transcript(SUITE.hash, "head", examples, results)

    one, other = text(1), text(2)
    assert len(one) <= 32 * 1024 and one != other
    number, left, right = first_difference(one, other)
    assert left.startswith("and more: ") and right.startswith("and more: ") and number > 1
    assert transcript_digest(SUITE.hash, SUITE.id, one) != transcript_digest(
        SUITE.hash, SUITE.id, other
    )


# ---- what an activation sees -------------------------------------------------------------------------


class Memory:
    """State in a dict."""

    def __init__(self, data: dict[bytes, bytes]) -> None:
        self.data = data

    def state_get(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.data.get(key) for key in keys]

    def state_scan(
        self, prefix: bytes, after: bytes | None, limit: int
    ) -> list[tuple[bytes, bytes]]:
        found = sorted(i for i in self.data.items() if i[0].startswith(prefix))
        return [i for i in found if after is None or i[0] > after][:limit]


keys = st.binary(min_size=1, max_size=2)


@given(
    st.dictionaries(keys, st.binary(max_size=1)),
    st.dictionaries(keys, st.none() | st.binary(max_size=1)),
    st.binary(max_size=1),
    st.none() | keys,
    st.integers(1, 5),
)
def test_writes_on_top_read_like_a_state_that_has_them(below, writes, prefix, after, limit):
    merged = Memory({k: v for k, v in (below | writes).items() if v is not None})
    overlay = Overlay(Memory(below), writes)
    assert overlay.state_scan(prefix, after, limit) == merged.state_scan(prefix, after, limit)
    asked = [*below, *writes, b"zzz"]
    assert overlay.state_get(asked) == merged.state_get(asked)


def test_the_bundle_of_a_proposal_is_kept_whole():
    chain = Chain()
    outcome = chain.propose(2)
    (kept,) = outcome.puts.values()
    assert Bundle.decode("counter", 2, values.decode(kept)).main == COUNTER
