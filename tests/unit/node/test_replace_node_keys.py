"""Another transport certificate or identity key for a node: who may, what is refused, what stays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from consensus.header import identity_digest
from node.configuration import InForce
from node.governance.views import view
from node.identity.suite import get_suite
from node.identity.transport import (
    certificate_der,
    issue_transport_certificate,
    load_certificate,
    make_peer_ca,
)
from node.sdk.meter import page_of
from tests.unit.node.evidence import CHANNEL
from tests.unit.node.governing import SPARE, SUITE, Chain, channel

AUTHORITY = make_peer_ca("M1")
FRESH, OTHER = (
    issue_transport_certificate(AUTHORITY, "n1", [host, "localhost"]) for host in ("a", "b")
)
DER, ISSUER = certificate_der(FRESH), certificate_der(AUTHORITY)
LATER = {"execute_at": 90}
NOW_MS = 1_900_000_000_000


@pytest.fixture
def chain() -> Chain:
    found = Chain(channel()[0])
    found.time_ms = NOW_MS
    return found


def follower(chain: Chain) -> None:
    args = {"name": "gate", "city": "Here", "member_id": "M1", "role": "gateway"}
    keys = {"identity_key": SPARE[4], "vote_key": "", "transport_cert": b"as it was"}
    proposed = chain.send("admin1", "add_node", **args, **keys)
    for admin in ("admin0", "admin2"):
        last = chain.approve(admin, proposed)
    assert last.value["in_force"]


@pytest.mark.parametrize("name", ["n1", "gate"])
def test_its_owner_alone_gives_a_node_another_certificate_inside_the_epoch(
    chain: Chain, name: str
) -> None:
    follower(chain)
    before = chain.state.named(name)
    done = chain.send(
        "admin1", "replace_transport", name=name, transport_cert=certificate_der(FRESH)
    )
    after = chain.state.named(name)
    assert done.value["in_force"] and before is not None and after is not None
    assert after.transport_cert == certificate_der(FRESH)
    assert (after.identity_key, after.vote_key, after.role) == (
        before.identity_key,
        before.vote_key,
        before.role,
    )
    assert chain.state.epoch == 0 and chain.loaded() == chain.state


@pytest.mark.parametrize("name", ["n1", "gate"])
def test_its_owner_alone_gives_a_node_another_identity_and_the_former_never_comes_back(
    chain: Chain, name: str
) -> None:
    follower(chain)
    before = chain.state.named(name)
    assert before is not None
    done = chain.send("admin1", "replace_node_identity", name=name, identity_key=SPARE[5])
    after = chain.state.named(name)
    assert done.value["in_force"] and after is not None and after.identity_key == SPARE[5]
    assert chain.state.epoch == 0 and chain.loaded() == chain.state
    former = chain.state.former_senders(SUITE.hash).values()
    assert [i.name for i in former] == [name]  # what it signed before is still its own
    for who, at in (("admin1", name), ("admin0", "n0")):
        back = chain.send(who, "replace_node_identity", name=at, identity_key=before.identity_key)
        assert back.code == "E_KEY_USED"
    shown = view(chain.state, "show", {}, 9, SUITE)
    rows = {row["name"]: row for row in (*shown["validators"], *shown["observers"])}
    assert rows[name]["identity_key"] == SPARE[5].hex()


def test_what_a_node_sent_under_a_former_key_is_still_nobody_s_use(chain: Chain) -> None:
    """Who counts anew after the change finds the figures of who counted before it."""
    before = chain.state.named("n1")
    assert before is not None
    digest = identity_digest(SUITE.hash, SUITE.id, before.identity_key)
    counted = InForce(chain.state, CHANNEL, SUITE).members
    chain.send("admin1", "replace_node_identity", name="n1", identity_key=SPARE[5])
    found = InForce(chain.state, CHANNEL, SUITE)
    assert found.members == counted and digest not in counted and digest in found.former
    net = SimpleNamespace(
        info=lambda: SimpleNamespace(channel_id=CHANNEL, suite=SUITE.id),
        query=lambda _, what: SimpleNamespace(value=view(chain.state, what, {}, 9, SUITE)),
    )
    assert page_of(net).members == counted


def expired() -> bytes:
    """A certificate whose time is over at the block's time."""
    short = issue_transport_certificate(AUTHORITY, "n1", ["c"], days=1)
    return certificate_der(short)


@pytest.mark.parametrize(
    ("who", "method", "args", "code"),
    [
        ("admin0", "replace_transport", {"name": "n1", "transport_cert": b"x"}, "E_CERTIFICATE"),
        ("admin0", "replace_transport", {"name": "n1", "transport_cert": DER}, "E_NOT_OWNER"),
        ("alice", "replace_transport", {"name": "n1", "transport_cert": DER}, "E_ROLE"),
        ("n1", "replace_transport", {"name": "n1", "transport_cert": DER}, "E_ROLE"),
        ("admin1", "replace_transport", {"name": "no", "transport_cert": DER}, "E_UNKNOWN_NODE"),
        ("admin1", "replace_transport", {"name": "n1", "transport_cert": ISSUER}, "E_CERTIFICATE"),
        ("admin1", "replace_transport", {"name": "n1", "transport_cert": expired()}, "E_CERTIFICATE"),
        ("admin1", "replace_transport", {"name": "n1", "transport_cert": DER + b"\0"}, "E_CERTIFICATE"),
        ("admin1", "replace_transport", {"name": "n1", "transport_cert": DER} | LATER, "E_HEIGHT"),
        ("admin0", "replace_node_identity", {"name": "n1", "identity_key": SPARE[5]}, "E_NOT_OWNER"),
        ("admin1", "replace_node_identity", {"name": "no", "identity_key": SPARE[5]}, "E_UNKNOWN_NODE"),
        ("admin1", "replace_node_identity", {"name": "n1", "identity_key": b"\4" * 65}, "E_KEY_INVALID"),
        ("admin1", "replace_node_identity", {"name": "n1", "identity_key": SPARE[5]} | LATER, "E_HEIGHT"),
        ("admin1", "replace_key", {"name": "n1", "vote_key": SPARE[5]} | LATER, "E_HEIGHT"),
    ],
)  # fmt: skip
def test_what_may_not_be_is_refused_and_changes_nothing(
    chain: Chain, who: str, method: str, args: dict[str, Any], code: str
) -> None:
    before = chain.state
    assert chain.send(who, method, **args).code == code
    assert chain.state is before and not chain.stored


@pytest.mark.parametrize("field", ["identity_key", "vote_key"])
@pytest.mark.parametrize("whose", [0, 1])
def test_a_key_that_has_a_use_does_not_become_an_identity(
    chain: Chain, field: str, whose: int
) -> None:
    """Another node's, and its own."""
    key = getattr(chain.state.config.nodes[whose], field)
    done = chain.send("admin1", "replace_node_identity", name="n1", identity_key=key)
    assert done.code == "E_KEY_USED"


def test_another_nodes_certificate_and_a_revoked_one_are_refused(chain: Chain) -> None:
    der = certificate_der(FRESH)
    assert chain.send("admin1", "replace_transport", name="n1", transport_cert=der).value
    again = chain.send("admin1", "replace_transport", name="n1", transport_cert=der)
    assert again.code == "E_NO_CHANGE"
    taken = chain.send("admin0", "replace_transport", name="n0", transport_cert=der)
    assert taken.code == "E_KEY_USED"
    serial = str(load_certificate(OTHER.certificate_pem).serial_number)
    assert chain.send("admin1", "revoke_certificate", member_id="M1", serial=serial).value
    gone = chain.send(
        "admin1", "replace_transport", name="n1", transport_cert=certificate_der(OTHER)
    )
    assert gone.code == "E_REVOKED"
    node = chain.state.named("n1")
    assert node is not None and node.transport_cert == der


def test_a_certificate_of_sm2_is_none_for_tls(chain: Chain) -> None:
    from node.identity.certificates import Holder, issue, make_authority
    from node.identity.signers import MemorySigner

    suite = get_suite("sm")
    own, key = MemorySigner(suite.generate_key()), suite.generate_key()
    times = (NOW_MS - 1_000_000, NOW_MS + 1_000_000_000)
    authority = make_authority(suite, own, "M1", *times)
    made = issue(suite, authority, own, Holder("n1", (), key.public_key, "M1", ("a",)), times)
    done = chain.send("admin1", "replace_transport", name="n1", transport_cert=made.der)
    assert done.code == "E_CERTIFICATE"
