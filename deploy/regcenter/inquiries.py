"""Signed questions that change nothing: what a wallet, an account, a bank or an authority may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from consensus.center_request import FeedQuery
from consensus.encoding import Hash, encode
from consensus.payment import REGIMES, CertifiedTreeHead, Coin, CoinState, Kind, regime_at
from deploy.regcenter import aml, institutions, log, orders
from deploy.regcenter.center import Center
from deploy.regcenter.errors import CenterError
from deploy.regcenter.limits import Category
from deploy.regcenter.packed import address_of, coin_id_of
from deploy.regcenter.postings import postings
from deploy.regcenter.requests import (
    AccountQuery,
    CoinQuery,
    HoldingsQuery,
    HooksQuery,
    PostingsQuery,
    ReportsQuery,
    ShareQuery,
    WalletStateQuery,
)
from deploy.regcenter.residence import Use
from deploy.regcenter.store import Overlay
from deploy.regcenter.wallets import ORDER_CHARS_MAX

FEED_PAGE = 200
View = dict[str, Any]


def answer(center: Center, public_key: bytes, body: object) -> View:
    """Raises CenterError."""
    asking = address_of(public_key)
    center.ledger.parties.require_heard(center.clock(), asking)
    return _HANDLERS[type(body)](center, asking, body)


def _feed(center: Center, asking: Hash, query: FeedQuery) -> View:
    """Final payments to the asking address, those under a head only, oldest first; ask again from `next` on."""
    size = center.latest.head.tree_size
    found: list[View] = []
    following = query.after
    for key, _ in center.store.items(b"F" + asking, log.before(query.after)):
        leaf = int.from_bytes(key, "big")
        if leaf >= size or len(found) == FEED_PAGE:
            break
        found.append(event_of(center, leaf))
        following = leaf + 1
    return {"events": found, "next": following, "tree_size": size}


def event_of(center: Center, leaf: int) -> View:
    """The final payment of a leaf."""
    entry = center.entry(leaf)
    record = center.record(entry.txid)
    assert record is not None and entry.output_index is not None
    output = record.signed.tx.outputs[entry.output_index]
    return {
        "event": "payment.final",
        "leaf": leaf,
        "txid": entry.txid.hex(),
        "output_index": entry.output_index,
        "kind": Kind(record.signed.tx.kind).name,
        "payee": output.owner.hex(),
        "value_fen": output.value_fen,
        "reference": output.reference.hex(),
        "accepted_ms": record.accepted_ms,
    }


def _hooks(center: Center, asking: Hash, query: HooksQuery) -> View:
    if query.owner != asking:
        raise CenterError("RC_UNAUTHORISED", "an institution asks for its own hooks")
    book = center.ledger.books.hooks
    return {
        "hooks": [
            {
                "hook": known.hex(),
                "url": hook.url,
                "events": list(hook.events),
                "pending": book.pending.get(known, 0),
                "behind": hook.behind,
            }
            for known, hook in sorted(book.known.items())
            if hook.owner == asking
        ]
    }


def _holdings(center: Center, asking: Hash, query: HoldingsQuery) -> View:
    """What an authority needs to know before it freezes: free, frozen and locked coins, oldest first."""
    if asking not in center.ledger.registry.authorities:
        raise CenterError("RC_AUTHORITY", "courts and AML authorities ask")
    if not 0 < len(query.order) <= ORDER_CHARS_MAX:
        raise CenterError("RC_ORDER", "the order has a number of 1 to 64 characters")
    found: list[View] = []
    size, following = center.latest.head.tree_size, query.after
    for key, _ in center.store.items(b"F" + query.address, log.before(query.after)):
        leaf = int.from_bytes(key, "big")
        if leaf >= size or len(found) == FEED_PAGE:
            break
        following, entry = leaf + 1, center.entry(leaf)
        coin = center.coin(coin_id_of(entry.txid, entry.output_index or 0))
        if coin is not None and coin.state != CoinState.SPENT:
            state = CoinState(coin.state).name
            found.append({"coin": coin.coin_id.hex(), "fen": coin.value_fen, "state": state})
    return {"coins": found, "next": following}


def _coin(center: Center, asking: Hash, query: CoinQuery) -> View:
    """A proof that the coin is unspent, or that no such coin is: for its owner, and for the parties of its
    terms. Of what never was anybody may learn that."""
    mapped = center.mapped
    if mapped is None:
        raise CenterError("RC_NOT_FOUND", "the map of unspent coins is not ready")
    coin = center.coin(query.coin_id)
    if coin is not None and asking not in _owners(center, coin):
        raise CenterError("RC_UNAUTHORISED", "only its owner asks about a coin")
    head = CertifiedTreeHead(mapped.signed, center.voice_of(mapped.signed).chain)
    proof = center.ledger.books.unspent.prove(mapped, head, query.coin_id)
    shown = proof.coin
    return {
        "state": "NOT UNSPENT" if shown is None else CoinState(shown.state).name,
        "value_fen": 0 if shown is None else shown.value_fen,
        "tree_size": mapped.signed.head.tree_size,
        "proof": encode(proof).hex(),
    }


def _owners(center: Center, coin: Coin) -> tuple[Hash, ...]:
    terms = center.terms(coin.owner)
    return (coin.owner,) if terms is None else (terms.payer, terms.payee)


def _wallet(center: Center, asking: Hash, query: WalletStateQuery) -> View:
    if query.address != asking:
        raise CenterError("RC_UNAUTHORISED", "a wallet asks for itself")
    found = center.ledger.books.wallets.state(Overlay(center.store), asking, center.clock())
    record, limits = found.record, found.limits
    return {
        "wallet": record.wallet.hex(),
        "category": Category(record.category).name,
        "residence": record.residence,
        "use": Use(record.use).name,
        "until_ms": record.until_ms,
        "balance_fen": found.balance_fen,
        "paid_today_fen": found.today_fen,
        "balance_max_fen": limits.balance_fen,
        "payment_max_fen": limits.payment_fen,
        "day_max_fen": limits.day_fen,
    }


def _reports(center: Center, asking: Hash, query: ReportsQuery) -> View:
    authority = center.ledger.registry.authorities.get(asking)
    sees_all = authority is not None and authority.role == orders.ROLE_AML
    if not sees_all and asking not in center.operators:
        raise CenterError("RC_AUTHORITY", "needed: aml, or the wallets' bank")
    now_ms = center.clock()
    bank = None if sees_all else asking
    found = aml.reports(Overlay(center.store), bank, query.after)
    return {
        "reports": [
            {
                "serial": report.serial,
                "pattern": report.pattern,
                "wallet": report.wallet.hex(),
                "value_fen": report.value_fen,
                "made_ms": report.made_ms,
                "due_ms": report.due_ms,
                "status": report.status(now_ms),
            }
            for report in found
        ]
    }


def _account(center: Center, asking: Hash, query: AccountQuery) -> View:
    books = center.ledger.books
    fen = books.institutions.balance(Overlay(center.store), query.institution, asking)
    return {"balance_fen": fen}


def _share(center: Center, asking: Hash, query: ShareQuery) -> View:
    found = center.ledger.books.institutions.statement(
        Overlay(center.store), query.institution, query.day
    )
    if found is None:
        raise CenterError("RC_STATEMENT", f"day {query.day}")
    share = institutions.share_of(found, asking)
    return {"share": encode(share).hex(), "balance_fen": share.share.balance_fen}


def _postings(center: Center, asking: Hash, query: PostingsQuery) -> View:
    """For who signed, paid, or was paid: the lines under the regime of its time, and the same movement's under
    each of the regimes."""
    record = center.record(query.txid)
    if record is None:
        raise CenterError("RC_NOT_FOUND", "no such transaction")
    tx = record.signed.tx
    parties = (address_of(record.signed.public_key), record.payer, *(o.owner for o in tx.outputs))
    if asking not in parties:
        raise CenterError("RC_UNAUTHORISED")
    regime = regime_at(record.accepted_ms)
    assert regime is not None
    between = 0
    if tx.outputs:
        paid = [o for o in tx.outputs if o.owner != record.payer]
        moved = sum(o.value_fen for o in paid)
        if tx.kind == Kind.EXCHANGE:
            between = sum(o.value_fen for o in paid if o.owner in center.operators)
    else:
        moved = sum(coin.value_fen for coin in map(center.coin, tx.inputs) if coin is not None)
    under = {
        each.regime_id: [asdict(line) for line in postings(tx.kind, moved - between, each, between)]
        for each in REGIMES
    }
    return {"regime": regime.regime_id, "lines": under[regime.regime_id], "under": under}


_HANDLERS: Mapping[type, Callable[[Center, Hash, Any], View]] = MappingProxyType(
    {
        FeedQuery: _feed,
        CoinQuery: _coin,
        WalletStateQuery: _wallet,
        ReportsQuery: _reports,
        AccountQuery: _account,
        ShareQuery: _share,
        PostingsQuery: _postings,
        HooksQuery: _hooks,
        HoldingsQuery: _holdings,
    }
)
