"""Recomputing a stopped center from its records: every leaf, node, coin, head and total."""

from __future__ import annotations

from consensus.encoding import Hash, decode
from consensus.payment import (
    VERSION,
    Coin,
    CoinPoint,
    CoinState,
    LogEntry,
    SignedTreeHead,
    coin_id,
    entry_bytes,
)
from deploy.regcenter import log
from deploy.regcenter.center import Center
from deploy.regcenter.errors import CenterError
from deploy.regcenter.fields import entries
from deploy.regcenter.hashing import sm3


def _damaged(what: str) -> CenterError:
    return CenterError("RC_DAMAGED", what)


def audit(center: Center) -> dict[str, int]:
    """Counts of what was checked. Raises CenterError RC_DAMAGED at the first contradiction."""
    nodes: dict[bytes, bytes] = {}
    frontier = log.Frontier(0, [])
    roots = {0: frontier.root(sm3)}
    for key, data in center.store.items(b"e"):
        if int.from_bytes(key, "big") != frontier.size:
            raise _damaged(f"entry {frontier.size} is missing")
        found = decode(LogEntry, data)
        _check_entry(center, found, frontier.size)
        frontier.append(sm3, nodes.__setitem__, entry_bytes(found))
        roots[frontier.size] = frontier.root(sm3)
    for node, value in nodes.items():
        if center.store.get(node) != value:
            raise _damaged("a stored node is not the one of its leaves")
    heads = _check_heads(center, roots)
    if frontier.size != center.totals.tree_size:
        raise _damaged("entries and totals disagree")
    unspent = center.ledger.books.unspent.check(center.store)
    return {
        "entries": frontier.size,
        "heads": heads,
        "coins": _check_coins(center),
        "unspent": unspent,
    }


def _check_entry(center: Center, found: LogEntry, index: int) -> None:
    record = center.record(found.txid)
    if record is None and center.store.get(b"i" + found.txid) is not None:
        if found != LogEntry(VERSION, found.txid, None, found.txid):
            raise _damaged(f"entry {index} is not that of its request")
        return
    if record is None:
        raise _damaged(f"entry {index} has no transaction")
    wanted = entries(record, found.txid)
    if not record.first_leaf <= index < record.first_leaf + len(wanted):
        raise _damaged(f"entry {index} stands outside its transaction")
    if wanted[index - record.first_leaf] != found:
        raise _damaged(f"entry {index} is not that of its transaction")


def _check_heads(center: Center, roots: dict[int, bytes]) -> int:
    count, time_ms = 0, 0
    for _, data in center.store.items(b"h"):
        signed = decode(SignedTreeHead, data)
        head = signed.head
        if roots.get(head.tree_size) != head.root or head.timestamp_ms < time_ms:
            raise _damaged(f"the head of size {head.tree_size} is not of this history")
        if not center.is_signed(signed):
            raise _damaged(f"the head of size {head.tree_size} is not signed")
        count, time_ms = count + 1, head.timestamp_ms
    return count


def _check_coins(center: Center) -> int:
    count = 0
    for key, data in center.store.items(b"c"):
        coin = decode(Coin, data)
        record = center.record(coin.point.txid)
        index = coin.point.output_index
        if record is None or index >= len(record.signed.tx.outputs):
            raise _damaged(f"coin {key.hex()} comes from nowhere")
        output = record.signed.tx.outputs[index]
        point = CoinPoint(coin.point.txid, index)
        if (output.value_fen, output.owner) != (coin.value_fen, coin.owner) or coin_id(
            sm3, point
        ) != Hash(key):
            raise _damaged(f"coin {key.hex()} is not the one its transaction made")
        if coin.state == CoinState.SPENT:
            spender = center.record(coin.spent_by)
            if spender is None or coin.coin_id not in spender.signed.tx.inputs:
                raise _damaged(f"coin {key.hex()} was spent by nobody")
        if coin.state == CoinState.LOCKED and center.terms(coin.owner) is None:
            raise _damaged(f"coin {key.hex()} is locked without terms")
        if (coin.state == CoinState.FROZEN) is (center.store.get(b"z" + key) is None):
            raise _damaged(f"coin {key.hex()} and its order contradict each other")
        count += 1
    return count
