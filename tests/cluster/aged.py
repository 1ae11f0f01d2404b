"""Gives the stopped nodes of a network a past of many more blocks, sealed with their own keys.

A test of what old blocks are worth needs thousands of them. Nothing is executed in these and nobody ordered
them; a node believes them for their certificates, as it believes those that it fetches. The nodes have voted
before, and their logs stay: without memory of their own none of them would vote again."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from consensus.certificate import KIND_PBFT, CommitCert, Seal, bitmap, seal_message
from consensus.encoding import Sig
from consensus.header import Header, block_hash, leaves_root
from consensus.quorum import quorum
from node.config import load_config
from node.identity.signers import FileSigner
from node.identity.suite import get_suite
from node.network.layout import Layout
from node.opening import Ledger, open_ledger, read_genesis

STORES = ("blocks", "state")
MEMORY = Path("/dev/shm")  # where a write that must be durable costs nothing


def give_past(layout: Layout, upto: int) -> None:
    """All nodes hold the same blocks up to this height then; the first `quorum` of them seal the new ones."""
    slugs = layout.slugs()
    genesis = read_genesis(_channel(layout, slugs[0]))
    suite = get_suite(genesis.config.suite)
    votes = {}
    for slug in slugs:
        config = load_config(layout.node_config(slug))
        votes[config.name] = FileSigner(config.keys_dir / "vote.pem", None, dev=True, suite=suite)
    signers = [votes[node.name] for node in genesis.config.nodes]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        for name in STORES:
            shutil.copytree(_channel(layout, slugs[0]) / name, Path(scratch) / name)
        ledger = open_ledger(Path(scratch), genesis, suite)
        assert ledger.applied_height == ledger.tip.height, "it settled before it was stopped"
        while ledger.tip.height < upto:
            _add(ledger, signers)
        ledger.close()
        for slug in slugs:
            for name in STORES:
                shutil.rmtree(_channel(layout, slug) / name)
                shutil.copytree(Path(scratch) / name, _channel(layout, slug) / name)


def _channel(layout: Layout, slug: str) -> Path:
    return layout.node(slug) / "channels" / "main"


def _add(ledger: Ledger, signers: list[FileSigner]) -> None:
    tip, hash_ = ledger.tip, ledger.suite.hash
    height = tip.height + 1
    roots = ledger.state.roots(max(0, height - ledger.genesis.config.consensus.window))
    assert roots is not None
    header = replace(
        tip,
        height=height,
        parent_hash=block_hash(hash_, tip),
        timestamp_ms=tip.timestamp_ms + 1,
        state_root=roots.state_root,
        receipts_root=roots.receipts_root,
        tx_root=leaves_root(hash_, []),
        tx_count=0,
    )
    ledger.blocks.put(header, (), (), _certificate(ledger, header, signers))
    ledger.state.apply_block(height, {}, ())


def _certificate(ledger: Ledger, header: Header, signers: list[FileSigner]) -> CommitCert:
    named = block_hash(ledger.suite.hash, header)
    message = seal_message(ledger.suite.id, Seal(ledger.channel_id, 0, header.height, 0, named))
    indexes = list(range(quorum(len(signers))))
    seals = tuple(Sig(signers[i].sign(message)) for i in indexes)
    bits = bitmap(indexes, len(signers))
    return CommitCert(KIND_PBFT, 0, header.height, 0, named, bits, seals)
