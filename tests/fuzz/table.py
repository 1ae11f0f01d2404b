"""Every decoder that reads a peer's, a client's or a file's bytes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from consensus.encoding import EncodingError, decode, encode
from node.governance import state
from tests.fuzz import (
    finding,
    rows_center,
    rows_consensus,
    rows_contracts,
    rows_files,
    rows_frameworks,
    rows_wire,
    samples,
)
from tests.fuzz.decoder import Decoder


def _reader(kind: type) -> Callable[[bytes], Any]:
    return functools.partial(decode, kind)


# Structures that chance does not draw: their fields depend on each other.
DRAWN_ELSEWHERE = {"PaymentProof": "payment proof", "UnspentProof": "unspent proof"}


def _samples(kind: type) -> Callable[[], list[bytes]]:
    other = DRAWN_ELSEWHERE.get(kind.__name__)
    rows = {row.name: row for row in rows_consensus.ROWS}
    return rows[other].samples if other else lambda: samples.structures(kind)


def _structures() -> list[Decoder]:
    return [
        Decoder(
            f"structure {name}",
            _reader(kind),
            (EncodingError,),
            "frames",
            _samples(kind),
            (),
            encode,
        )
        for name, kind in _kinds().items()
    ]


def _kinds() -> dict[str, type]:
    """Structures that the code decodes under their own name, and those that governance stores."""
    stored = (
        state.Proposal,
        state.Accepted,
        state.FormerIdentity,
        state.Revoked,
        state.Certificate,
        state.Authority,
    )
    return {kind.__name__: kind for kind in stored} | finding.structures()


@functools.cache
def table() -> dict[str, Decoder]:
    """By name, those written by hand first."""
    rows = [
        *rows_consensus.ROWS,
        *rows_wire.ROWS,
        *rows_contracts.ROWS,
        *rows_files.ROWS,
        *rows_frameworks.ROWS,
        *rows_center.ROWS,
    ]
    found = {row.name: row for row in [*rows, *_structures()]}
    assert len(found) == len(rows) + len(_kinds()), "two rows have one name"
    return found


# Calls of `decode` whose class stands in a variable, and the rows that read the same bytes.
SEVERAL: dict[tuple[str, str], tuple[str, ...]] = {
    ("consensus.pbft.messages", "kind"): ("pbft message",),
    ("consensus.pbft.records", "kind"): ("pbft record",),
    ("consensus.raft.ordering.messages", "kind"): ("raft message",),
    ("consensus.raft.ordering.records", "kind"): ("raft record",),
    ("consensus.proof", "kind"): ("proof file", "evidence bundle"),
    ("node.wire.signed", "kind"): ("read statement", "operator statement"),
    ("deploy.regcenter.cli_offline", "handed on: _decoded(Signed, certificate, decode)"): (
        "structure Signed",
    ),
    ("deploy.regcenter.cli_offline", "handed on: _decoded(SignedVoucher, voucher, decode)"): (
        "structure SignedVoucher",
    ),
    ("deploy.regcenter.cli_offline", "structure"): ("structure Signed", "structure SignedVoucher"),
    ("deploy.regcenter.ledger", "structure"): ("structure TxRecord", "structure Coin"),
    ("deploy.regcenter.proofs", "body"): ("request to the center",),
    ("deploy.regcenter.voice", "structure"): ("structure HookMessage",),
    ("node.governance.state", "structure"): (
        *("structure Proposal", "structure Accepted", "structure FormerIdentity"),
        *("structure Revoked", "structure Certificate"),
    ),
    ("node.ledger.state", "kind"): ("structure ValidatorSet",),
    ("node.lifecycle.state", "structure"): ("structure Proposal",),
}

_LIBRARY = "a part of consensus.encoding, which every structure goes through"
_GUEST = "runs inside the engine: whatever it raises is the outcome of a transaction"
_NAMES = "takes a name or an address, and no bytes of somebody else"
# Functions that only look like decoders of somebody's bytes, and why.
NONE_OF_OURS: dict[str, str] = {
    "consensus.api.decode_message": "the protocol that both cores fulfil",
    **{f"consensus.encoding.{name}": _LIBRARY for name in (
        "_read_bool", "_read_int", "_read_str", "decode", "read")},
    "consensus.raft.node.read_index": "a read index is asked for with an opaque context",
    "contracts.runtime.host._read": "unfolds `value of the guest` by wire.read_message and values.decode",
    **{f"contracts.runtime.{name}": _GUEST for name in (
        "methods._decode", "session.decode", "session.decode_strict", "session.read",
        "wire.decode_request", "wire.read_letter", "wire.read_scan_answer")},
    "deploy.regcenter.api_desk._read": "makes a handler around proofs.open_request",
    "deploy.regcenter.cli_common.read_wallet": "a key file: node.identity.keyfile.read_key",
    "deploy.regcenter.ledger._read": "what the center itself stored, by consensus.encoding.decode",
    "deploy.regcenter.purse.from_scalar": "a scalar of one's own",
    "deploy.regcenter.strict_json.read": "a field of a text that strict_json.parse has read",
    "deploy.regcenter.strict_json.read_all": "a field of a text that strict_json.parse has read",
    "node.api.access.read": _NAMES,
    "node.channel._read_state": "a key of the state, by bytes",
    "node.cli.change_arguments._read": "a word of the command line",
    "node.cli.change_arguments.read_change": "words of the command line",
    "node.cli.tx.parse_id": "a word of the command line",
    "node.exchange.terms.parse_side": "a word of the command line",
    "node.failpoints._parse": "an environment variable of tests",
    "node.identity.openssl_backend._from_data": "a point that suite.private_key has checked",
    "node.identity.verdicts.from_hex": "published test vectors",
    "node.governance.state.read": "what the node itself stored, by consensus.encoding.decode",
    "node.ordering.journal._read": "a record of the log: unpack_envelopes, see `packed envelopes`",
    "node.keys.keyring._read": _NAMES,
    "node.ledger.state._decode": "what the node itself stored, by consensus.encoding.decode",
    "node.lifecycle.state.read": "what the node itself stored, by consensus.encoding.decode",
    "node.peers.handshake._read": "reads a frame by parse_frame, see `peer frame`",
    "node.relay.daemon.read_feed": _NAMES,
}  # fmt: skip
