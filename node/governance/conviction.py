"""Evidence against validators: what proves to the chain that a key signed two contradicting votes. Pure."""

from __future__ import annotations

from dataclasses import replace

from consensus.encoding import EncodingError, Hash, decode, encode
from consensus.pbft.evidence import Evidence, evidence_items
from consensus.tags import Tag, preimage
from node.genesis import NodeEntry
from node.governance.calls import ConfigCall
from node.governance.outcome import Outcome, Rules
from node.governance.refusals import Refused
from node.governance.state import Accepted, ConfigState, FormerKey
from node.identity.suite import Suite

EVIDENCE_MAX = 1_024


def evidence_leaf(suite: Suite, evidence: bytes) -> Hash:
    return Hash(suite.hash(preimage(Tag.EVIDENCE, suite.id, evidence)))


def report(state: ConfigState, call: ConfigCall, rules: Rules) -> Outcome:
    """Anybody the channel knows may report: what counts are two signatures of one key."""
    data: bytes = call.args["evidence"]
    evidence = _read_evidence(data, rules)
    if evidence.epoch > state.epoch:
        raise Refused("E_EVIDENCE_INVALID", f"there was no epoch {evidence.epoch} yet")
    owner = _owner(state, evidence.vote_key)
    # Once is enough: a liar could fill the state with proofs of its lies.
    if any((e.vote_key, e.epoch) == (evidence.vote_key, evidence.epoch) for e in state.evidence):
        raise Refused("E_EVIDENCE_KNOWN", "this key is convicted in this epoch already")
    if len(state.evidence) >= EVIDENCE_MAX:
        raise Refused("E_EVIDENCE_FULL", f"{EVIDENCE_MAX} pieces of evidence are kept")
    leaf = evidence_leaf(rules.suite, data)
    accepted = Accepted(
        leaf,
        data,
        evidence.vote_key,
        owner.name,
        owner.member_id,
        evidence.epoch,
        call.sender.member_id,
        call.height,
    )
    value = {"vote_key": evidence.vote_key.hex(), "node": owner.name, "kind": evidence.kind}
    return Outcome(
        replace(state, evidence=(*state.evidence, accepted)),
        value=value,
        event="EvidenceAccepted",
        evidence=(leaf,),
    )


def _read_evidence(data: bytes, rules: Rules) -> Evidence:
    try:
        evidence = decode(Evidence, data)
        items = evidence_items(evidence, rules.suite.id)
    except (EncodingError, ValueError) as error:
        raise Refused("E_EVIDENCE_INVALID", f"it is no evidence: {error}") from None
    assert encode(evidence) == data
    if evidence.channel_id != rules.channel_id:
        raise Refused("E_EVIDENCE_INVALID", "it is about another channel")
    if not all(rules.suite.verify(i.key, i.message, i.signature) for i in items):
        raise Refused("E_EVIDENCE_INVALID", "a signature in it does not verify")
    return evidence


def _owner(state: ConfigState, vote_key: bytes) -> NodeEntry | FormerKey:
    """Whose key it is or was. By key: indexes change with the validators."""
    for node in state.config.nodes:
        if node.vote_key == vote_key:
            return node
    for former in reversed(state.record.former):
        if former.vote_key == vote_key:
            return former
    raise Refused("E_EVIDENCE_INVALID", "the key never voted in this channel")
