"""Members, identities, limits, policies, conditions: what each change does, and any order of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from node.genesis import Identity
from node.governance import ConfigState, genesis_state
from node.governance.apply import tallies
from node.governance.kinds import KINDS, policies_for
from node.governance.policies import ADMIN_ROLE, electorate, read_policy
from node.governance.refusals import Refused
from node.governance.words import describe, diff
from node.identity.transport import load_certificate, make_peer_ca
from node.keys.revocations import linked
from tests.unit.node.governing import SPARE, Chain, channel
from tests.unit.node.network import SUITE


def new_chain(n: int = 4) -> Chain:
    return Chain(channel(n)[0])


def identity(state: ConfigState, name: str) -> Identity | None:
    return next((i for i in state.config.identities if i.name == name), None)


def enrol(chain: Chain, who: str, name: str, key: int, **more: Any) -> Any:
    args = {"member_id": "M0", "roles": ["admin"], "certificate": "", "serial": ""} | more
    return chain.send(who, "add_identity", name=name, public_key=SPARE[key], **args)


def decide(chain: Chain, proposed: Any, *admins: str) -> Any:
    for admin in admins:
        proposed = chain.approve(admin, proposed)
    return proposed


def test_a_member_enrols_revokes_and_rekeys_its_own_people_alone():
    chain = new_chain()
    assert enrol(chain, "admin0", "second", 0).value["in_force"]
    done = chain.send(
        "admin0",
        "replace_identity_key",
        identity=chain.digest("second"),
        public_key=SPARE[1],
        certificate="",
        serial="",
    )
    assert done.value["in_force"]
    now = identity(chain.state, "second")
    assert now is not None and now.public_key == SPARE[1] and now.roles == ("admin",)
    assert (
        chain.send("admin0", "revoke_identity", identity=chain.digest("second")).event == "InForce"
    )
    assert identity(chain.state, "second") is None
    assert [f.reason for f in chain.state.former] == ["replaced", "revoked"]
    assert {f.identity.public_key for f in chain.state.former} == {SPARE[0], SPARE[1]}
    assert chain.state.epoch == 0 and chain.loaded() == chain.state
    for gone in (0, 1):
        assert enrol(chain, "admin0", "third", gone).code == "E_KEY_USED"


def test_a_role_that_is_new_to_a_member_concerns_all():
    chain = new_chain()
    proposed = enrol(chain, "admin0", "watcher", 0, roles=["regulator"])
    assert not proposed.value["in_force"] and proposed.value["approvals"] == 1
    assert decide(chain, proposed, "admin1", "admin2").value["in_force"]
    # What the channel granted once, the house may give again.
    assert enrol(chain, "admin0", "watcher2", 1, roles=["regulator"]).value["in_force"]
    raised = chain.send(
        "admin1", "set_roles", identity=chain.digest("admin1"), roles=["admin", "regulator"]
    )
    assert not raised.value["in_force"]


def test_a_key_is_replaced_and_revoked_by_its_own_member_alone_and_by_others_with_the_policy():
    chain = new_chain()
    enrol(chain, "admin0", "second", 0)
    args = {"identity": chain.digest("second"), "public_key": SPARE[1]}
    lost = chain.send("admin1", "replace_identity_key", certificate="", serial="", **args)
    assert not lost.value["in_force"] and identity(chain.state, "second").public_key == SPARE[0]
    assert decide(chain, lost, "admin2", "admin3").value["in_force"]
    found = identity(chain.state, "second")
    assert (found.public_key, found.member_id) == (SPARE[1], "M0")
    proposed = chain.send("admin1", "revoke_identity", identity=chain.digest("second"))
    assert not proposed.value["in_force"]
    assert decide(chain, proposed, "admin2", "admin3").value["in_force"]
    assert identity(chain.state, "second") is None


def test_a_member_comes_with_its_people_and_goes_with_them():
    chain = new_chain()
    args = {"name": "深圳银行", "city": "深圳", "admin_key": "", "peer_ca": "", "roles": ["clerk"]}
    added = chain.send("admin0", "add_member", member_id="M9", **args)
    assert decide(chain, added, "admin1", "admin2").value["in_force"]
    first = enrol(chain, "admin0", "admin9", 0, member_id="M9")
    assert decide(chain, first, "admin1", "admin2").value["in_force"]
    assert enrol(chain, "admin9", "clerk9", 1, member_id="M9", roles=["clerk"]).value["in_force"]
    again = chain.send("admin0", "add_member", member_id="M9", **args)
    assert again.code == "E_MEMBER_EXISTS"
    gone = chain.send("admin0", "remove_member", member_id="M9")
    assert decide(chain, gone, "admin1", "admin2").value["in_force"]
    assert chain.state.config.member("M9") is None and not chain.state.statutes.members
    assert {f.identity.name for f in chain.state.former} == {"admin9", "clerk9"}
    assert chain.loaded() == chain.state


def test_nobody_removes_the_last_admin_or_a_member_that_validates():
    chain = new_chain()
    stored = dict(chain.stored)
    me = chain.digest("admin0")
    assert chain.send("admin0", "revoke_identity", identity=me).code == "E_LAST_ADMIN"
    assert chain.send("admin0", "set_roles", identity=me, roles=["clerk"]).code == "E_LAST_ADMIN"
    assert chain.send("admin0", "remove_member", member_id="M1").code == "E_MEMBER_VALIDATES"
    assert chain.send("admin0", "remove_member", member_id="M8").code == "E_UNKNOWN_MEMBER"
    assert chain.stored == stored


def test_a_revoked_certificate_takes_its_holder_with_it():
    chain = new_chain()
    assert enrol(chain, "admin0", "second", 0, serial="77").value["in_force"]
    assert enrol(chain, "admin0", "third", 1, serial="77").code == "E_CERTIFICATE"
    done = chain.send("admin0", "revoke_certificate", member_id="M0", serial="77")
    assert done.value["in_force"] and identity(chain.state, "second") is None
    assert chain.state.is_revoked("M0", "77") and chain.state.is_revoked("M0", 77)
    assert not chain.state.is_revoked("M1", 77) and not chain.state.certificates
    assert enrol(chain, "admin0", "third", 1, serial="77").code == "E_REVOKED"
    again = chain.send("admin0", "revoke_certificate", member_id="M0", serial="77")
    assert again.code == "E_REVOKED" and chain.loaded() == chain.state


def test_limits_change_within_what_this_version_is_built_for():
    chain = new_chain()
    limits = dict.fromkeys(
        ("block_txs_max", "block_bytes_max", "block_gas_max", "tx_gas_max", "tx_bytes_max"), 0
    ) | {"args_bytes_max": 0, "valid_until_window": 0}
    for wrong in ({"block_txs_max": 10**6}, {"tx_bytes_max": 1}, {"tx_bytes_max": 16 * 1024}):
        assert chain.send("admin0", "set_limits", **(limits | wrong)).code == "E_LIMIT"
    assert chain.send("admin0", "set_limits", **limits).code == "E_NO_CHANGE"
    proposed = chain.send("admin0", "set_limits", **(limits | {"valid_until_window": 100}))
    assert decide(chain, proposed, "admin1", "admin2").value["in_force"]
    assert chain.state.config.limits.valid_until_window == 100 and chain.state.epoch == 0


def test_a_policy_is_changed_by_those_who_decide_before_and_after():
    chain = new_chain()
    relaxed = chain.send("admin0", "set_policy", kind="add-member", policy="any of validators")
    assert (relaxed.value["approvals"], relaxed.value["needed"]) == (1, 3)
    assert decide(chain, relaxed, "admin1", "admin2").value["in_force"]
    args = {"name": "N", "city": "C", "admin_key": "", "peer_ca": "", "roles": []}
    assert chain.send("admin1", "add_member", member_id="M9", **args).value["in_force"]
    # Back: one was enough to decide, but three are needed to have it so.
    strict = chain.send("admin3", "set_policy", kind="add-member", policy="quorum of validators")
    assert (strict.value["approvals"], strict.value["needed"]) == (1, 3)
    assert decide(chain, strict, "admin0", "admin1").value["in_force"]
    assert not chain.state.statutes.policies and chain.loaded() == chain.state


def test_a_policy_asks_the_members_of_a_role_and_never_more_than_there_are():
    chain = new_chain()
    for policy in ("6 of members", "any of regulator", "2 of regulator", "none", "0 of members"):
        refused = chain.send("admin0", "set_policy", kind="set-limits", policy=policy)
        assert refused.code in ("E_POLICY", "E_POLICY_IMPOSSIBLE"), policy
    for kind in ("replace-key", "set-policy", "nothing"):
        refused = chain.send("admin0", "set_policy", kind=kind, policy="any of members")
        assert refused.code == "E_POLICY"
    everybody = chain.send("admin0", "set_policy", kind="set-limits", policy="all of members")
    done = decide(chain, everybody, "admin1", "admin2", "admin3", "admin4")
    assert done.value["in_force"]
    assert electorate(chain.state, "members") == ("M0", "M1", "M2", "M3", "M4")


@pytest.mark.parametrize(
    ("text", "size", "needed"),
    [("any of x", 4, 1), ("majority of x", 4, 3), ("majority of x", 5, 3), ("quorum of x", 4, 3),
     ("quorum of x", 7, 5), ("all of x", 4, 4), ("2 of x", 4, 2), ("any of x", 0, 1), ("all of x", 0, 1)],
)  # fmt: skip
def test_policies_count(text: str, size: int, needed: int):
    assert str(read_policy(text)) == text and read_policy(text).needed(size) == needed


@pytest.mark.parametrize("text", ["", "any", "any of", "of of of", "01 of x", "1 of a,b"])
def test_what_is_no_policy_is_refused(text: str):
    with pytest.raises(Refused) as caught:
        read_policy(text)
    assert caught.value.code == "E_POLICY"


def test_a_rejection_that_makes_approval_impossible_ends_the_proposal():
    chain = new_chain()
    proposed = chain.add("admin4", "Fifth")
    args = {"proposal": proposed.value["proposal"]}
    assert chain.send("admin4", "reject", **args).code == "E_NO_VALIDATOR"
    assert chain.send("admin0", "reject", **args).event == "RejectionNoted"
    assert chain.send("admin0", "reject", **args).code == "E_REJECTED"
    assert chain.approve("admin0", proposed).value["approvals"] == 1
    chain.send("admin1", "reject", **args)
    ended = chain.send("admin2", "reject", **args)
    assert ended.event == "Rejected" and not chain.state.proposals
    assert chain.approve("admin3", proposed).code == "E_UNKNOWN_PROPOSAL"
    assert chain.loaded() == chain.state


def test_a_proposal_expires_by_height_or_by_the_time_of_blocks_and_then_never_executes():
    chain = new_chain()
    short = chain.add("admin0", "Fifth")
    chain.send("admin0", "withdraw", proposal=short.value["proposal"])
    args = {"kind": "set-limits", "policy": "any of validators"}
    by_height = chain.send("admin0", "set_policy", valid_until_height=chain.height + 3, **args)
    chain.approve("admin1", by_height)
    chain.height += 2
    assert chain.approve("admin2", by_height).code == "E_UNKNOWN_PROPOSAL"
    by_date = chain.send("admin0", "set_policy", valid_until_ms=5_000, **args)
    chain.time_ms = 5_000
    assert chain.approve("admin1", by_date).code == ""
    chain.time_ms = 5_001
    assert chain.approve("admin2", by_date).code == "E_UNKNOWN_PROPOSAL"
    late = chain.send("admin0", "set_policy", valid_until_ms=5_000, **args)
    past = chain.send("admin0", "set_policy", execute_at=1, **args)
    assert (late.code, past.code) == ("E_HEIGHT", "E_HEIGHT")


def test_what_is_approved_for_a_height_is_in_force_from_its_block_on():
    chain = new_chain()
    at = chain.height + 10
    args = {"kind": "set-limits", "policy": "any of validators", "execute_at": at}
    proposed = chain.send("admin0", "set_policy", **args)
    done = decide(chain, proposed, "admin1", "admin2")
    assert done.event == "Scheduled" and done.value["execute_at"] == at
    name = {"proposal": proposed.value["proposal"]}
    assert chain.send("n0", "execute", **name).code == "E_HEIGHT"
    assert chain.loaded() == chain.state
    chain.height = at - 1
    executed = chain.send("n0", "execute", **name)
    assert executed.event == "InForce" and chain.height == at
    assert chain.state.statutes.policies and not chain.state.proposals
    assert chain.send("n1", "execute", **name).code == "E_UNKNOWN_PROPOSAL"


def test_what_waits_for_its_height_does_not_outlive_the_approvals():
    chain = new_chain()
    args = {"kind": "set-limits", "policy": "any of validators", "execute_at": 30}
    proposed = chain.send("admin0", "set_policy", valid_until_height=30, **args)
    decide(chain, proposed, "admin1", "admin2")
    name = {"proposal": proposed.value["proposal"]}
    assert chain.send("admin2", "withdraw", **name).event == "ApprovalWithdrawn"
    chain.height = 29
    assert chain.send("n0", "execute", **name).code == "E_NOT_APPROVED"
    chain.height = 31
    assert chain.approve("admin3", proposed).code == "E_UNKNOWN_PROPOSAL"


def test_an_execution_that_cannot_be_ends_the_proposal_and_changes_nothing_else():
    chain = new_chain()
    at = chain.height + 20
    later = chain.send("admin0", "remove_validator", name="n3", execute_at=at)
    decide(chain, later, "admin1", "admin2")
    now = chain.send("admin0", "remove_validator", name="n3")
    decide(chain, now, "admin1", "admin2")
    before = chain.state
    chain.height = at - 1
    failed = chain.send("n0", "execute", proposal=later.value["proposal"])
    assert (failed.event, failed.value["failure"]) == ("ExecutionFailed", "E_UNKNOWN_NODE")
    assert chain.state.record == before.record and not chain.state.proposals


def test_nodes_without_a_vote_get_names_and_roles():
    chain = new_chain()
    args = {"city": "Here", "member_id": "M4", "transport_cert": b"c", "identity_key": SPARE[0]}
    args |= {"name": "Watch", "vote_key": "", "role": "regulator"}
    assert chain.send("admin0", "add_node", **(args | {"role": "king"})).code == "E_ROLES"
    assert chain.send("admin0", "add_node", **args, zone="moon").code == "E_ZONE"
    added = chain.send("admin0", "add_node", **args, zone="international", region="Asia")
    assert decide(chain, added, "admin1", "admin2").value["in_force"]
    (watch,) = chain.state.observers
    assert (watch.role, watch.zone, watch.region) == ("regulator", "international", "Asia")
    assert chain.state.epoch == 0
    changed = chain.send("admin0", "set_node_role", name="Watch", role="gateway")
    assert decide(chain, changed, "admin1", "admin2").value["in_force"]
    assert chain.send("admin0", "remove_node", name="n0").code == "E_UNKNOWN_NODE"
    assert chain.send("admin4", "remove_node", name="Watch").value["in_force"]
    assert not chain.state.observers and chain.loaded() == chain.state


def test_a_flag_is_in_force_from_its_height_on():
    chain = new_chain()
    assert chain.send("admin0", "activate_flag", flag="new-rule", height=1).code == "E_HEIGHT"
    at = chain.height + 50
    flag = chain.send("admin0", "activate_flag", flag="new-rule", height=at)
    assert decide(chain, flag, "admin1", "admin2").value["in_force"]
    assert not chain.state.has_flag("new-rule", at - 1) and chain.state.has_flag("new-rule", at)
    again = chain.send("admin0", "activate_flag", flag="new-rule", height=at + 1)
    assert again.code == "E_FLAG" and chain.loaded() == chain.state


def test_a_change_shows_what_would_be_otherwise():
    chain = new_chain()
    proposed = enrol(chain, "admin0", "watcher", 0, roles=["regulator"])
    (proposal,) = chain.state.proposals
    assert proposal.proposal_id == proposed.value["proposal"]
    assert describe(proposal.change) == "add identity watcher of M0 with the roles regulator"
    shown = diff(chain.state, proposal.change, chain.height + 1, SUITE)
    assert shown["before"] == [] and not shown["refused"]
    assert shown["after"] == [
        f"identity watcher of M0: key {SPARE[0].hex()[:20]}…; roles regulator"
    ]


# ---- any order of anything ---------------------------------------------------------------------------

NAMES = ("admin0", "admin1", "admin2", "admin3", "admin4", "p0", "p1")
STEP = st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 6), st.integers(0, 3))


def step(chain: Chain, who: str, what: int, n: int, wait: int) -> Any:
    """One call, made of four small numbers."""
    state = chain.state
    known = [name for name in NAMES if identity(state, name) is not None]
    someone = chain.digest(known[n % len(known)])
    member = f"M{n % 6}"
    when = {"execute_at": chain.height + 1 + wait} if wait else {}
    match what:
        case 0:
            house = {"member_id": member, "roles": ["admin"] if wait % 2 else ["clerk"]}
            return enrol(chain, who, f"p{n % 2}", n, **house, **when)
        case 1:
            return chain.send(who, "revoke_identity", identity=someone, **when)
        case 2:
            return chain.send(who, "set_roles", identity=someone, roles=["clerk"], **when)
        case 3:
            return chain.send(who, "remove_member", member_id=member, **when)
        case 4:
            policy = ("any", "majority", "all", "2")[n % 4] + " of members"
            kind = ("remove-member", "revoke-identity")[wait % 2]
            return chain.send(who, "set_policy", kind=kind, policy=policy)
        case 5:
            return chain.send(who, "remove_validator", name=f"n{n % 4}", **when)
        case _:
            open_ = [p.proposal_id for p in state.proposals] or ["p-none"]
            verb = ("approve", "approve", "reject", "withdraw", "execute")[(what + wait) % 5]
            return chain.send(who, verb, proposal=open_[n % len(open_)])


@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, max_size=30))
def test_any_order_of_calls_keeps_the_channel_governable(steps: list[tuple[int, int, int, int]]):
    # At least one validator; every owner of one has an admin; approvals only of members; no policy that nobody
    # can satisfy; a key that is out stays out; what is in force was approved, and in time; the stored form says
    # the same.
    chain = new_chain()
    for who, what, n, wait in steps:
        before, name = chain.state, f"admin{who}"
        if identity(before, name) is None:
            continue
        outcome = step(chain, name, what, n, wait)
        after = chain.state
        members = {m.member_id for m in after.config.members}
        assert after.config.nodes and set(after.owners) <= members
        for owner in after.owners:
            assert any(
                i.member_id == owner and ADMIN_ROLE in i.roles for i in after.config.identities
            )
        for proposal in after.proposals:
            assert proposal.expires_height >= chain.height or proposal.approved_height
            for each in tallies(after, proposal):
                assert set(each.approved) <= members
        for rule in after.statutes.policies:
            policy = read_policy(rule.policy)
            asked = len(electorate(after, policy.whom))
            assert policy.needed(asked) <= asked
        live = {i.public_key for i in after.config.identities}
        gone = {f.identity.public_key for f in after.former if f.reason != "changed"}
        assert not live & gone
        if outcome.value.get("in_force") and outcome.value["proposal"]:
            assert_decided(before, outcome.value["proposal"], f"M{who}", chain.height)
        assert chain.loaded() == after


def assert_decided(before: ConfigState, proposal_id: str, member: str, height: int) -> None:
    """Of a proposal that was open below: it was in time, and enough approved it."""
    proposal = before.proposal(proposal_id)
    if proposal is None:
        return  # in force with its own block
    assert proposal.approved_height or height <= proposal.expires_height
    assert height >= proposal.execute_at
    for policy in policies_for(before, proposal.change):
        asked = electorate(before, policy.whom)
        approved = {*proposal.approvals, member} & set(asked)
        assert len(approved) >= policy.needed(len(asked))


def test_the_table_of_kinds_is_whole():
    from node.governance.calls import CHANGES

    assert {kind.method for kind in KINDS.values()} == set(CHANGES)


def test_a_node_with_a_revoked_certificate_is_no_longer_linked_and_keeps_its_place():
    certificate = load_certificate(make_peer_ca("n1", days=1).certificate_pem)
    der = certificate.public_bytes(Encoding.DER)
    state = channel(4)[0]
    node = replace(state.config.nodes[1], transport_cert=der)
    nodes = (state.config.nodes[0], node, *state.config.nodes[2:])
    config = replace(state.config, nodes=nodes)
    chain = Chain(genesis_state(config))
    assert linked(chain.state)[:2] == (config, ())
    serial = str(certificate.serial_number)
    other = chain.send("admin2", "revoke_certificate", member_id="M2", serial=serial)
    assert other.value["in_force"]
    assert linked(chain.state)[0].nodes[1].transport_cert == der  # another authority's
    assert chain.send("admin1", "revoke_certificate", member_id="M1", serial=serial).event
    kept = linked(chain.state)[0].nodes
    assert kept[1] == replace(node, transport_cert=b"") and kept[2] == nodes[2]
