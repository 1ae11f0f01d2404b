"""The kinds of change: the one table of who decides on them and what they do to ordering."""

from __future__ import annotations

from dataclasses import dataclass

from node.governance.policies import Policy, read_policy
from node.governance.state import (
    ADD,
    REMOVE,
    REPLACE_KEY,
    REPLACE_NODE_IDENTITY,
    REPLACE_TRANSPORT,
    Change,
    ConfigState,
)

MOST = "quorum of validators"
ALL = "all of validators"
BOTH = "the stricter of the old and the new policy"


@dataclass(frozen=True, slots=True)
class Kind:
    """subject: the argument that names what it is about. policy: who decides where the channel has said
    nothing else; empty: nobody but the owner. own: what a member decides alone, in words; empty for nothing.
    does: in words, for tables."""

    name: str
    subject: str
    policy: str
    own: str
    does: str

    @property
    def method(self) -> str:
        return self.name.replace("-", "_")


_ROLES_IT_HAS = "of its own, with roles that the member has"
KINDS = {
    kind.name: kind
    for kind in (
        Kind(ADD, "name", MOST, "", "a node votes; a new epoch"),
        Kind(REMOVE, "name", MOST, "", "a validator observes from then on; a new epoch"),
        Kind(REPLACE_KEY, "name", "", "of its own validator", "another vote key; a new epoch"),
        Kind(
            REPLACE_TRANSPORT, "name", "", "of its own node", "another certificate for TLS of peers"
        ),
        Kind(
            REPLACE_NODE_IDENTITY, "name", "", "of its own node", "another key that speaks for it"
        ),
        Kind("add-node", "name", MOST, "", "a node follows by name: observer, regulator, gateway"),
        Kind("remove-node", "name", MOST, "of its own", "such a node is named no longer"),
        Kind("set-node-role", "name", MOST, "", "observer, regulator or gateway"),
        Kind("add-member", "member_id", MOST, "", "an organisation takes part"),
        Kind(
            "set-member",
            "member_id",
            MOST,
            "its admin key and its authority's certificate",
            "name, city, admin key, authority, roles that its identities may have",
        ),
        Kind("remove-member", "member_id", MOST, "", "it and its identities are out"),
        Kind(
            "set-authority",
            "member_id",
            MOST,
            "of its own",
            "the authority by whose certificates a member's identities come in",
        ),
        Kind("add-identity", "name", MOST, _ROLES_IT_HAS, "a key may send transactions"),
        Kind("revoke-identity", "identity", MOST, "of its own", "a key may not any more"),
        Kind(
            "replace-identity-key", "identity", MOST, "of its own", "the same person, another key"
        ),
        Kind("set-roles", "identity", MOST, _ROLES_IT_HAS, "the roles of an identity"),
        Kind(
            "revoke-certificate",
            "serial",
            MOST,
            "of its own authority",
            "a certificate is worth nothing, nor is the identity that it is for",
        ),
        Kind("set-limits", "", MOST, "", "sizes, gas and validity of transactions and blocks"),
        Kind(
            "set-quota", "member", MOST, "", "what a member or an application may use in a window"
        ),
        Kind("set-policy", "kind", BOTH, "", "who decides on a kind of change"),
        Kind("set-zones", "", ALL, "", "other zones' nodes may take part in a channel of one zone"),
        Kind("activate-flag", "flag", MOST, "", "a new rule holds from a height on"),
        Kind("cancel-flag", "flag", MOST, "", "it does not, as long as that lies ahead"),
    )
}
VERSIONS = "contract-version"  # no change of the configuration: node/lifecycle asks who decides
CONTRACTS = Kind(
    VERSIONS, "", MOST, "", "a version of a contract runs, a contract resumes or retires"
)
# Kinds on which a channel may say who decides, with who does where it has said nothing.
POLICIES = {
    kind.name: kind.policy for kind in (*KINDS.values(), CONTRACTS) if kind.policy in (MOST, ALL)
}
BY_METHOD = {kind.method: kind for kind in KINDS.values()}


def policy_of(state: ConfigState, kind: str) -> Policy:
    """Who decides on a kind of change now. Only of POLICIES."""
    said = next((rule.policy for rule in state.statutes.policies if rule.kind == kind), None)
    return read_policy(said or POLICIES[kind])


def policies_for(state: ConfigState, change: Change) -> tuple[Policy, ...]:
    """All of these must be satisfied. A change of policy asks those who decide now and those who will."""
    if change.kind == "set-policy":
        args = change.args
        return tuple(dict.fromkeys((policy_of(state, args["kind"]), read_policy(args["policy"]))))
    return (policy_of(state, change.kind),)
