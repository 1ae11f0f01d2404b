"""The configuration as a pure function: policies, refusals that change nothing, and any sequence of calls."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.quorum import quorum
from node.contracts.arguments import BadArguments
from node.governance import METHODS, ConfigState, parse_call
from node.governance.apply import PROPOSALS_OF_MEMBER_MAX
from node.governance.state import PROPOSAL_LIFE
from node.identity.signers import MemorySigner
from tests.damage import flipped
from tests.unit.node.evidence import evidence_of
from tests.unit.node.governing import SPARE, Chain, channel
from tests.unit.node.network import SUITE


def names(state: ConfigState) -> list[str]:
    return [node.name for node in state.config.nodes]


def test_a_validator_is_added_when_three_of_four_members_approved() -> None:
    chain = Chain(channel()[0])
    proposed = chain.add("admin4", "Fifth")
    assert (proposed.value["approvals"], proposed.value["needed"]) == (0, 3)
    for admin in ("admin0", "admin1"):
        assert not chain.approve(admin, proposed).value["in_force"]
    before = chain.state
    assert before.epoch == 0 and len(before.config.nodes) == 4
    done = chain.approve("admin2", proposed)
    assert done.value["in_force"] and done.event == "InForce"
    assert (chain.state.epoch, chain.state.validators.epoch) == (1, 1)
    assert names(chain.state)[4] == "Fifth" and not chain.state.proposals
    record = chain.state.record
    assert record.base_height == chain.height and record.base_validators == before.validators


def test_the_proposer_approves_by_proposing_where_it_owns_a_validator() -> None:
    chain = Chain(channel()[0])
    assert chain.send("admin0", "remove_validator", name="n3").value["approvals"] == 1


def test_a_lone_member_decides_alone() -> None:
    chain = Chain(channel(1)[0])
    assert chain.add("admin0", "Second", "M0").value["in_force"]
    assert chain.send("admin0", "remove_validator", name="n0").value["in_force"]
    assert names(chain.state) == ["Second"] and chain.state.epoch == 2
    refused = chain.send("admin0", "remove_validator", name="Second")
    assert refused.code == "E_LAST_VALIDATOR"


def test_a_removed_validator_observes_and_may_come_back() -> None:
    chain = Chain(channel()[0])
    proposed = chain.send("admin0", "remove_validator", name="n3")
    chain.approve("admin1", proposed)
    chain.approve("admin2", proposed)
    (gone,) = chain.state.observers
    assert gone.name == "n3" and len(chain.state.config.nodes) == 3
    again = {name: getattr(gone, name) for name in METHODS["add_validator"]}
    back = chain.send("admin0", "add_validator", **again)
    assert back.value["needed"] == 2
    assert chain.approve("admin1", back).value["in_force"]
    assert not chain.state.observers and not chain.state.record.former
    assert chain.state.epoch == 2


def test_a_member_replaces_the_key_of_its_own_validator_alone() -> None:
    chain = Chain(channel()[0])
    old = chain.state.config.nodes[1].vote_key
    done = chain.send("admin1", "replace_key", name="n1", vote_key=SPARE[0])
    assert done.value["in_force"] and chain.state.epoch == 1
    assert chain.state.config.nodes[1].vote_key == SPARE[0]
    assert chain.state.record.former[0].vote_key == old
    back = chain.send("admin1", "replace_key", name="n1", vote_key=old)
    assert back.code == "E_KEY_USED"


@pytest.mark.parametrize(
    ("who", "method", "args", "code"),
    [
        ("alice", "remove_validator", {"name": "n1"}, "E_ROLE"),
        ("n1", "remove_validator", {"name": "n1"}, "E_ROLE"),
        ("admin0", "remove_validator", {"name": "nobody"}, "E_UNKNOWN_NODE"),
        ("admin0", "replace_key", {"name": "n1", "vote_key": SPARE[0]}, "E_NOT_OWNER"),
        ("admin1", "replace_key", {"name": "n1", "vote_key": b"\4" * 65}, "E_KEY_INVALID"),
        ("admin0", "approve", {"proposal": "p-0"}, "E_UNKNOWN_PROPOSAL"),
        ("admin0", "withdraw", {"proposal": "p-0"}, "E_UNKNOWN_PROPOSAL"),
        ("admin0", "report_evidence", {"evidence": b"nonsense"}, "E_EVIDENCE_INVALID"),
    ],
)
def test_what_may_not_be_is_refused_and_changes_nothing(
    who: str, method: str, args: dict[str, Any], code: str
) -> None:
    chain = Chain(channel()[0])
    assert chain.send(who, method, **args).code == code
    assert not chain.stored


def test_nodes_and_keys_that_exist_are_not_added_again() -> None:
    state, _ = channel()
    chain = Chain(state)
    assert chain.add("admin0", "n1").code == "E_NODE_EXISTS"
    assert chain.add("admin0", "Fifth", "nobody").code == "E_UNKNOWN_MEMBER"
    taken = {
        "name": "Fifth",
        "city": "Here",
        "member_id": "M4",
        "identity_key": SPARE[0],
        "transport_cert": b"c",
    }
    for key in (state.config.nodes[0].vote_key, state.config.nodes[0].identity_key):
        assert chain.send("admin0", "add_validator", vote_key=key, **taken).code == "E_KEY_USED"
    assert chain.send("admin0", "add_validator", vote_key=SPARE[0], **taken).code == "E_KEY_USED"
    assert chain.add("admin0", "Fifth").code == ""
    assert chain.add("admin1", "Fifth").code == "E_SAME_PROPOSAL"


def test_approvals_count_once_and_can_be_taken_back() -> None:
    chain = Chain(channel()[0])
    proposed = chain.add("admin0", "Fifth")
    assert chain.approve("admin0", proposed).code == "E_APPROVED"
    assert chain.approve("admin4", proposed).code == "E_NO_VALIDATOR"
    args = {"proposal": proposed.value["proposal"]}
    assert chain.send("admin2", "withdraw", **args).code == "E_NOT_APPROVED"
    chain.approve("admin1", proposed)
    assert chain.send("admin1", "withdraw", **args).event == "ApprovalWithdrawn"
    assert chain.state.proposals[0].approvals == ("M0",)
    assert chain.send("admin0", "withdraw", **args).event == "Withdrawn"
    assert not chain.state.proposals and not chain.stored.keys() - {chain_key()}


def chain_key() -> bytes:
    from node.governance.state import CHANNEL_KEY

    return CHANNEL_KEY


def test_a_proposal_that_became_impossible_is_refused_at_its_last_approval() -> None:
    chain = Chain(channel()[0])
    first = chain.add("admin0", "Fifth")
    rival = chain.add("admin1", "Sixth")  # with the same keys
    for admin in ("admin1", "admin2"):
        chain.approve(admin, first)
    chain.approve("admin0", rival)
    chain.approve("admin2", rival)
    assert names(chain.state)[-1] == "Fifth"
    last = chain.approve("admin3", rival)
    assert last.code == "E_KEY_USED" and chain.state.epoch == 1


def test_proposals_expire_and_a_member_has_only_so_many() -> None:
    chain = Chain(channel()[0])
    for n in range(PROPOSALS_OF_MEMBER_MAX):
        assert chain.add("admin0", f"City{n}").code == ""
    assert chain.add("admin0", "CityX").code == "E_INBOX_FULL"
    chain.height += PROPOSAL_LIFE + 1
    late = chain.add("admin0", "CityX")
    assert late.code == "" and len(chain.state.proposals) == 1
    assert chain.loaded() == chain.state


def test_evidence_names_the_key_once_an_epoch_also_after_the_key_was_replaced() -> None:
    state, votes = channel()
    chain = Chain(state)
    done = chain.send("n0", "report_evidence", evidence=evidence_of(votes[1], 0))
    assert done.event == "EvidenceAccepted" and len(done.evidence) == 1
    assert done.value["node"] == "n1" and chain.state.evidence[0].reported_by == "M0"
    again = chain.send("n2", "report_evidence", evidence=evidence_of(votes[1], 0, height=4))
    assert again.code == "E_EVIDENCE_KNOWN"
    later = chain.send("n2", "report_evidence", evidence=evidence_of(votes[2], 1))
    assert later.code == "E_EVIDENCE_INVALID"
    chain.send("admin2", "replace_key", name="n2", vote_key=SPARE[3])
    former = chain.send("n0", "report_evidence", evidence=evidence_of(votes[2], 0))
    assert former.value["node"] == "n2" and chain.state.evidence[1].epoch == 0
    assert chain.loaded() == chain.state


def test_evidence_of_a_stranger_or_with_a_wrong_signature_is_refused() -> None:
    state, votes = channel()
    chain = Chain(state)
    stranger = MemorySigner(SUITE.generate_key())
    bad = evidence_of(votes[1], 0)
    for data in (evidence_of(stranger, 0), flipped(bad), bad + b"\0"):
        found = chain.send("n0", "report_evidence", evidence=data)
        assert found.code == "E_EVIDENCE_INVALID"


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("dissolve", "{}"),
        ("approve", "{}"),
        ("approve", '{"proposal": 1}'),
        ("approve", '{"proposal": "p", "more": "x"}'),
        ("approve", '{"proposal": ""}'),
        ("approve", '{"proposal": "ü"}'),
        ("approve", '{"proposal": "p", "proposal": "q"}'),
        ("report_evidence", '{"evidence": "%"}'),
        ("report_evidence", '{"evidence": "AB=="}'),
        ("report_evidence", '{"evidence": ""}'),
        ("approve", "[]"),
    ],
)
def test_arguments_are_read_strictly(method: str, args: str) -> None:
    with pytest.raises(BadArguments):
        parse_call(method, args)


STEP = st.tuples(
    st.integers(0, 4),
    st.sampled_from(("add_validator", "remove_validator", "replace_key", "approve", "withdraw")),
    st.integers(0, 6),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_any_sequence_keeps_a_safe_set_and_the_stored_state_says_the_same(
    steps: list[tuple[int, str, int]],
) -> None:
    # Whatever admins do: at least one validator, one member or key at a time, one epoch a change of the
    # set and none otherwise, and what is loaded from the keys is what grew in memory.
    chain = Chain(channel()[0])
    for who, method, n in steps:
        before = chain.state
        known = [node.name for node in (*before.config.nodes, *before.observers)]
        name = known[n % len(known)]
        open_ = [p.proposal_id for p in before.proposals] or ["p-none"]
        if method == "add_validator":
            outcome = chain.add(f"admin{who}", f"New{n}", f"M{who}", n)
        elif method == "remove_validator":
            outcome = chain.send(f"admin{who}", method, name=name)
        elif method == "replace_key":
            outcome = chain.send(f"admin{who}", method, name=name, vote_key=SPARE[n])
        else:
            outcome = chain.send(f"admin{who}", method, proposal=open_[n % len(open_)])
        after = chain.state
        old = {(v.name, v.vote_key) for v in before.validators.validators}
        new = {(v.name, v.vote_key) for v in after.validators.validators}
        assert len(after.config.nodes) >= 1
        assert len(old - new) <= 1 and len(new - old) <= 1
        assert after.epoch == before.epoch + (old != new)
        if outcome.value.get("in_force") and method == "approve":
            (decided,) = [p for p in before.proposals if p not in after.proposals]
            approved = {*decided.approvals, f"M{who}"} & set(before.owners)
            assert len(approved) >= quorum(len(before.owners))
        assert chain.loaded() == after
