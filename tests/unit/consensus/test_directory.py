"""Two hundred cities and fifty channels of four to sixteen of them, all cores in one process.

Every channel here has the same vote keys, so that nothing but the channel's id keeps one apart from another.
"""

from __future__ import annotations

import random
from collections import Counter

import pytest

from consensus.encoding import Hash
from consensus.pbft.messages import Message, ProtocolViolation
from tests.simulation.ghost import hash_
from tests.unit.consensus.cluster import Cluster, tx

CITIES, CHANNELS = 200, 50
SEATS = range(4, 17)
STRAYS = 40  # messages of each channel that are handed to another


def directory() -> list[tuple[int, ...]]:
    """The cities of each channel; sizes go round, cities are drawn."""
    rng = random.Random(1)
    return [tuple(rng.sample(range(CITIES), SEATS[i % len(SEATS)])) for i in range(CHANNELS)]


def test_fifty_channels_of_two_hundred_cities_order_apart_whatever_strays_between_them() -> None:
    seats = directory()
    holds = Counter(city for cities in seats for city in cities)
    assert max(holds.values()) > 1, "cities take part in several channels"
    clusters = [
        Cluster(len(cities), channel=Hash(hash_(b"channel %d" % i)))
        for i, cities in enumerate(seats)
    ]
    for i, cluster in enumerate(clusters):
        cluster.give(tx(2 * i), tx(2 * i + 1))
    strays: list[list[Message]] = [[] for _ in clusters]
    busy = True
    while busy:  # a message of each channel in turn, as on the port that they share
        busy = False
        for i, cluster in enumerate(clusters):
            if not cluster.sent:
                continue
            busy = True
            sender, to, message = cluster.sent.pop(0)
            cluster.receive(to, sender, message)
            if len(strays[i]) < STRAYS:
                strays[i].append(message)
                _stray(clusters[(i + 1) % CHANNELS], sender, message)
    for cluster in clusters:
        cluster.settle()
    for i, cluster in enumerate(clusters):
        ordered = [
            [tx_id for found in blocks for tx_id in found.block.tx_ids] for blocks in cluster.blocks
        ]
        assert set(ordered[0]) == {tx(2 * i).tx_id, tx(2 * i + 1).tx_id}
        assert all(other == ordered[0] for other in ordered)
        assert len({roots[-1] for roots in cluster.roots}) == 1
        assert {f.block.header.channel_id for b in cluster.blocks for f in b} == {
            cluster.config.channel_id
        }


def _stray(other: Cluster, sender: int, message: Message) -> None:
    """A core of another channel refuses it and does nothing."""
    before = (list(other.sent), [len(b) for b in other.blocks], [len(w) for w in other.wal])
    with pytest.raises(ProtocolViolation):
        other.receive((sender + 1) % 4, sender % 4, message)
    assert before == (other.sent, [len(b) for b in other.blocks], [len(w) for w in other.wal])
