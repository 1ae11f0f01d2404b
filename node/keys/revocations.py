"""Which nodes keep their links: those whose transport certificate no revocation names.

This decides who is spoken to, not what is computed, so a certificate may be read here with a library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cryptography import x509

from node.genesis import ChannelConfig, NodeEntry
from node.governance import ConfigState

Serials = frozenset[tuple[str, str]]  # member whose authority issued it, serial number


def linked(state: ConfigState) -> tuple[ChannelConfig, tuple[NodeEntry, ...], Serials]:
    """The configuration and the nodes without a vote as links know them: a node with a revoked certificate has
    none, and so no link. Places among the validators stay. What is revoked, for nodes that only grants name."""
    if not state.revoked:
        return state.config, state.observers, frozenset()
    nodes = _without_revoked(state, state.config.nodes)
    revoked = frozenset((each.member_id, each.serial) for each in state.revoked)
    config = replace(state.config, nodes=nodes)
    return config, _without_revoked(state, state.observers), revoked


def _without_revoked(state: ConfigState, nodes: Sequence[NodeEntry]) -> tuple[NodeEntry, ...]:
    return tuple(
        replace(node, transport_cert=b"") if _is_revoked(state, node) else node for node in nodes
    )


def _is_revoked(state: ConfigState, node: NodeEntry) -> bool:
    try:
        serial = x509.load_der_x509_certificate(node.transport_cert).serial_number
    except ValueError:
        return False  # no certificate: it has no link anyway
    return state.is_revoked(node.member_id, serial)
