"""Handing out what the log knows: signed requests are checked here, proofs are built here."""

from __future__ import annotations

import secrets
from typing import TypeVar

from consensus.center_request import (
    REQUEST_AGE_MAX_MS,
    CoinsQuery,
    EntryQuery,
    PaymentQuery,
    SignedCenterRequest,
    delegation_digest,
    request_digest,
)
from consensus.encoding import EncodingError, Hash, Sig, decode
from consensus.payment import (
    FIELDS,
    VERSION,
    CoinPoint,
    Kind,
    LogEntry,
    PaymentProof,
    ProofGrant,
    field_commitment,
    fields_root,
    grant_digest,
    wallet_address,
)
from consensus.payment_proof import redact
from deploy.regcenter import log
from deploy.regcenter.center import Center
from deploy.regcenter.clock import real_ms
from deploy.regcenter.errors import CenterError
from deploy.regcenter.fields import disclosures
from deploy.regcenter.hashing import sm3
from deploy.regcenter.model import TxRecord

GRANT_MS = 24 * 3_600_000
COINS_PAGE = 200

Body = TypeVar("Body")


def open_request(
    center: Center, data: bytes, action: str, body: type[Body]
) -> tuple[bytes, Body, Hash]:
    """Public key of the signer, body and digest of a signed request. Raises CenterError RC_REQUEST."""
    try:
        signed = decode(SignedCenterRequest, data)
        found = decode(body, signed.request.body)
    except EncodingError as error:
        raise CenterError("RC_REQUEST", str(error)) from error
    request = signed.request
    if request.log_id != center.log_id or request.action != action:
        raise CenterError("RC_REQUEST", "it is for another center or another action")
    if abs(real_ms() - request.time_ms) > REQUEST_AGE_MAX_MS:
        raise CenterError("RC_REQUEST", "it is older than a minute, or of the future")
    digest = request_digest(sm3, request)
    if not center.suite.verify(signed.public_key, digest, signed.signature):
        raise CenterError("RC_REQUEST", "its signature does not hold")
    return signed.public_key, found, digest


def payment_proof(center: Center, public_key: bytes, query: PaymentQuery) -> PaymentProof:
    """The proof of one output under the latest head, for payer, payee or their delegate.

    Raises CenterError: RC_NOT_FOUND, RC_UNAUTHORISED, RC_RANGE."""
    record = _record(center, query.point)
    asking = wallet_address(sm3, public_key)
    if asking not in _parties(center, record, query.point) and not _is_delegate(
        center, asking, record, query
    ):
        raise CenterError("RC_UNAUTHORISED")
    unknown = [name for name in query.fields if name not in FIELDS]
    if unknown:
        raise CenterError("RC_QUERY", f"a payment has no field {unknown[0]!r}")
    opened = disclosures(record, query.point.output_index)
    signed = center.latest
    head, voice = signed.head, center.voice_of(signed)
    get = center.store.get
    leaf_index = record.first_leaf + query.point.output_index
    if leaf_index >= head.tree_size:  # stored, and its head is being signed at this moment
        raise CenterError("RC_NOT_FOUND", "the payment is not under a head yet")
    nonce = secrets.token_bytes(16)
    grant = ProofGrant(center.log_id, query.point, nonce, head.timestamp_ms + GRANT_MS)
    proof = PaymentProof(
        version=VERSION,
        log_id=center.log_id,
        point=query.point,
        fields_root=fields_root(sm3, [field_commitment(sm3, d) for d in opened]),
        disclosures=opened,
        hidden=(),
        leaf_index=leaf_index,
        audit_path=_hashes(log.inclusion_path(sm3, get, leaf_index, head.tree_size)),
        head=signed,
        key_chain=voice.chain,
        anchor_size=query.anchor_size,
        anchor_path=_anchor_path(center, query.anchor_size, head.tree_size),
        nonce=nonce,
        not_after_ms=grant.not_after_ms,
        grant_signature=Sig(voice.signer.sign(grant_digest(sm3, grant))),
    )
    return redact(sm3, proof, query.fields) if query.fields else proof


def entry(center: Center, public_key: bytes, query: EntryQuery) -> LogEntry:
    """A log entry, for payer or payee of its output."""
    found = center.entry(query.index)
    point = CoinPoint(found.txid, found.output_index or 0)
    record = center.record(found.txid)
    if record is None:  # that authorities asked for an owner: nobody is party to it
        raise CenterError("RC_UNAUTHORISED")
    if wallet_address(sm3, public_key) not in _parties(center, record, point):
        raise CenterError("RC_UNAUTHORISED")
    return found


def coins(center: Center, public_key: bytes, query: CoinsQuery) -> list[tuple[Hash, int]]:
    """Unspent coins of the asking wallet: coin id and fen; a page of at most 200."""
    return center.unspent(wallet_address(sm3, public_key), query.after, COINS_PAGE)


def _record(center: Center, point: CoinPoint) -> TxRecord:
    record = center.record(point.txid)
    if record is None or point.output_index >= len(record.signed.tx.outputs):
        raise CenterError("RC_NOT_FOUND", "no such payment")
    return record


def _parties(center: Center, record: TxRecord, point: CoinPoint) -> tuple[Hash, ...]:
    """Who signed, who paid, who was paid; of money under terms, also the payee of the terms, and of its
    refund."""
    tx = record.signed.tx
    outputs = tx.outputs
    parties = [wallet_address(sm3, record.signed.public_key), record.payer]
    if outputs:
        owner = outputs[point.output_index].owner
        terms = center.terms(owner)
        parties += [owner] if terms is None else [terms.payer, terms.payee]
        coin = center.coin(tx.inputs[0]) if tx.kind == Kind.REFUND_LOCK else None
        refunded = None if coin is None else center.terms(coin.owner)
        parties += [] if refunded is None else [refunded.payee]
    return tuple(parties)


def _is_delegate(center: Center, asking: Hash, record: TxRecord, query: PaymentQuery) -> bool:
    signed = query.delegation
    if signed is None:
        return False
    given = signed.delegation
    return (
        given.log_id == center.log_id
        and given.point == query.point
        and given.delegate == asking
        and given.not_after_ms >= real_ms()
        and wallet_address(sm3, signed.public_key) in _parties(center, record, query.point)
        and center.suite.verify(signed.public_key, delegation_digest(sm3, given), signed.signature)
    )


def _anchor_path(center: Center, anchor: int, size: int) -> tuple[Hash, ...]:
    if anchor in (0, size):
        return ()
    small, large = sorted((anchor, size))
    if large > center.latest.head.tree_size:
        raise CenterError("RC_RANGE", f"no tree of {large} leaves yet")
    return _hashes(log.consistency_path(sm3, center.store.get, small, large))


def _hashes(path: list[bytes]) -> tuple[Hash, ...]:
    return tuple(Hash(step) for step in path)
