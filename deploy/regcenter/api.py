"""The center's HTTP interface (dcep.md section 3.3). Every refusal is JSON with a stable code.

Public: /status /keys /sth /inclusion /consistency. Signed, header `Authorization: SM2 <hex of the canonical
SignedCenterRequest>`: /payment /entry /coins /operator /authority /wallet /identify. POST /tx, /lock and
/release carry a signed transaction, the last two with the terms or with what opens them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from consensus.center_request import (
    ACTION_AUTHORITY,
    ACTION_COINS,
    ACTION_ENTRY,
    ACTION_IDENTIFY,
    ACTION_OPERATOR,
    ACTION_PAYMENT,
    ACTION_WALLET,
    AuthorityQuery,
    CoinsQuery,
    EntryQuery,
    IdentifyQuery,
    OperatorQuery,
    PaymentQuery,
    WalletQuery,
)
from consensus.encoding import ZERO_HASH, Hash, encode
from consensus.payment import (
    Kind,
    PaymentProof,
    SignedCoinTransaction,
    SignedTreeHead,
    entry_bytes,
    parse_field,
)
from consensus.payment_lock import WitnessedTransaction
from deploy.regcenter import log, proofs
from deploy.regcenter.api_common import (
    CENTER,
    HOOKS,
    IDENTITIES,
    WRITER,
    Handler,
    authorization,
    number,
    query_of,
)
from deploy.regcenter.api_desk import desk_routes
from deploy.regcenter.center import Center
from deploy.regcenter.errors import CenterError
from deploy.regcenter.hashing import sm3
from deploy.regcenter.hook_sender import HookPolicy, HookSender
from deploy.regcenter.model import Authority, Operator, Receipt, WalletRecord
from deploy.regcenter.operations import Appointment, Identification, Opening, Placement, Refresh
from deploy.regcenter.packed import address_of
from deploy.regcenter.strict_json import (
    BODY_BYTES_MAX,
    hexed,
    read_lock,
    read_release,
    read_transaction,
)
from deploy.regcenter.writer import Writer

SECOND_HEADER = "X-Second-Authorization"


def make_app(center: Center, hooks: HookPolicy | None = None) -> web.Application:
    """The application; it owns the writer's and the webhooks' tasks, not the center. hooks: where messages
    may go; by default nowhere."""
    app = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_refusals])
    app[CENTER] = center
    app[WRITER] = Writer(center)
    app[HOOKS] = HookSender(center, app[WRITER], hooks or HookPolicy())
    app[IDENTITIES] = asyncio.Lock()
    app.add_routes(
        [
            web.get("/status", status),
            web.get("/keys", keys),
            web.get("/sth", tree_head),
            web.get("/inclusion", inclusion),
            web.get("/consistency", consistency),
            web.get("/ca", authority_certificate),
            web.get("/certificate", certificate),
            web.get("/payment", payment),
            web.get("/entry", entry),
            web.get("/coins", coins),
            web.post("/tx", submit),
            web.post("/lock", lock),
            web.post("/release", release),
            web.post("/authority", authority),
            web.post("/wallet", wallet),
            web.post("/identify", identify),
            web.post("/operator", operator),
            web.post("/recharge", recharge),
            *desk_routes(),
        ]
    )
    app.on_startup.append(_start)
    app.on_shutdown.append(_stop)
    return app


async def _start(app: web.Application) -> None:
    app[WRITER].start()
    app[HOOKS].start()


async def _stop(app: web.Application) -> None:
    await app[HOOKS].stop()
    await app[WRITER].stop()


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except CenterError as error:
        return web.json_response(error.view(), status=error.status)
    except web.HTTPRequestEntityTooLarge:
        refused = CenterError("RC_JSON", "longer than 256 KiB")
        return web.json_response(refused.view(), status=413)
    except web.HTTPException as error:
        refused = CenterError("RC_NOT_FOUND", f"{request.method} {request.path}")
        return web.json_response(refused.view(), status=error.status)


async def _fresh_head(request: web.Request) -> SignedTreeHead:
    center = request.app[CENTER]
    if center.is_stale():
        await request.app[WRITER].submit(Refresh(), SignedTreeHead)
    return center.latest


# ---- public --------------------------------------------------------------------------------------


async def status(request: web.Request) -> web.Response:
    query_of(request)
    center = request.app[CENTER]
    totals = center.totals
    return web.json_response(
        {
            "log_id": center.log_id.hex(),
            "root_key": center.root_key.hex(),
            "now_ms": center.clock(),
            "tree_size": center.latest.head.tree_size,
            "funded_fen": totals.funded_fen,
            "reserve_fen": totals.reserve_fen,
            "vault_fen": totals.vault_fen,
            "public_fen": totals.public_fen,
            "locked_fen": center.ledger.books.held.locked_fen,
            "frozen_fen": center.ledger.books.held.frozen_fen,
            "nonresident_fen": center.ledger.books.wallets.abroad.nonresident_fen,
            "reserve_wallets_fen": center.ledger.books.wallets.abroad.reserve_fen,
            "rotations": len(center.chains) - 1,
            "operators": sorted(bank.name for bank in center.operators.values()),
        }
    )


async def keys(request: web.Request) -> web.Response:
    query_of(request)
    center = request.app[CENTER]
    return web.json_response(
        {
            "log_id": center.log_id.hex(),
            "root_key": center.root_key.hex(),
            "key_chain": [encode(item).hex() for item in center.chain.entries],
            "view": [
                {
                    "public_key": item.key.public_key.hex(),
                    "issues": item.key.issues,
                    "not_before_ms": item.key.not_before_ms,
                    "not_after_ms": item.key.not_after_ms,
                    "signature": item.signature.hex(),
                }
                for item in center.chain.entries
            ],
        }
    )


async def authority_certificate(request: web.Request) -> web.Response:
    """The certification authority and its revocation list, DER in hexadecimal."""
    query_of(request)
    center = request.app[CENTER]
    pki = center.ledger.parties.pki
    return web.json_response(
        {
            "certificate": pki.authority.der.hex(),
            "revocation_list": pki.revocation_list(center.clock()).hex(),
        }
    )


async def certificate(request: web.Request) -> web.Response:
    query = query_of(request, "address")
    address = hexed(32)(query["address"], "address")
    return web.json_response(_certificate_of(request.app[CENTER], address))


def _certificate_of(center: Center, address: Hash) -> dict[str, str]:
    found = center.ledger.parties.pki.of(address)
    if found is None:
        raise CenterError("RC_NOT_FOUND", "the address has no certificate")
    return {"certificate": found.der.hex()}


async def tree_head(request: web.Request) -> web.Response:
    query = query_of(request, optional=("size",))
    if "size" in query:
        signed = request.app[CENTER].head_at(number(query["size"], "size"))
    else:
        signed = await _fresh_head(request)
    return web.json_response({"sth": encode(signed).hex(), "view": _head_view(signed)})


async def inclusion(request: web.Request) -> web.Response:
    query = query_of(request, "leaf", "size")
    center = request.app[CENTER]
    size = _size(center, query["size"], "size")
    found = center.store.get(log.leaf_key(hexed(32)(query["leaf"], "leaf")))
    if found is None:
        raise CenterError("RC_NOT_FOUND", "no such leaf")
    index = int.from_bytes(found, "big")
    path = log.inclusion_path(sm3, center.store.get, index, size)
    return web.json_response(
        {"leaf_index": index, "tree_size": size, "path": [step.hex() for step in path]}
    )


async def consistency(request: web.Request) -> web.Response:
    query = query_of(request, "first", "second")
    center = request.app[CENTER]
    first, second = (_size(center, query[name], name) for name in ("first", "second"))
    path = log.consistency_path(sm3, center.store.get, first, second)
    return web.json_response(
        {"first": first, "second": second, "path": [step.hex() for step in path]}
    )


def _size(center: Center, text: str, name: str) -> int:
    size = number(text, name)
    if size > center.latest.head.tree_size:
        raise CenterError("RC_RANGE", f"{name} {size}: no such tree yet")
    return size


# ---- signed --------------------------------------------------------------------------------------


async def payment(request: web.Request) -> web.Response:
    query = query_of(request, "txid", "index", "view")
    if query["view"] != "proof":
        raise CenterError("RC_QUERY", "view is proof")
    center = request.app[CENTER]
    key, wanted, _ = proofs.open_request(
        center, authorization(request), ACTION_PAYMENT, PaymentQuery
    )
    if wanted.point.txid != hexed(32)(query["txid"], "txid") or wanted.point.output_index != number(
        query["index"], "index"
    ):
        raise CenterError("RC_REQUEST", "it was signed for another payment")
    await _fresh_head(request)
    proof = proofs.payment_proof(center, key, wanted)
    return web.json_response({"proof": encode(proof).hex(), "view": proof_view(proof)})


async def entry(request: web.Request) -> web.Response:
    query = query_of(request, "index")
    center = request.app[CENTER]
    key, wanted, _ = proofs.open_request(center, authorization(request), ACTION_ENTRY, EntryQuery)
    if wanted.index != number(query["index"], "index"):
        raise CenterError("RC_REQUEST", "it was signed for another entry")
    found = proofs.entry(center, key, wanted)
    return web.json_response(
        {
            "entry": entry_bytes(found).hex(),
            "view": {
                "txid": found.txid.hex(),
                "output_index": found.output_index,
                "leaf_commit": found.leaf_commit.hex(),
            },
        }
    )


async def coins(request: web.Request) -> web.Response:
    query_of(request)
    center = request.app[CENTER]
    key, wanted, _ = proofs.open_request(center, authorization(request), ACTION_COINS, CoinsQuery)
    found = proofs.coins(center, key, wanted)
    return web.json_response(
        {
            "coins": [{"coin_id": coin.hex(), "value_fen": value} for coin, value in found],
            "more": len(found) == proofs.COINS_PAGE,
        }
    )


async def operator(request: web.Request) -> web.Response:
    query_of(request)
    center = request.app[CENTER]
    key, wanted, digest = proofs.open_request(
        center, authorization(request), ACTION_OPERATOR, OperatorQuery
    )
    if key != center.root_key:
        raise CenterError("RC_UNAUTHORISED", "only the center's root key registers banks")
    bank = await request.app[WRITER].submit(Placement(wanted, digest), Operator)
    given = _certificate_of(center, address_of(wanted.public_key))
    return web.json_response({"name": bank.name, "reserve_fen": bank.reserve_fen, **given})


async def authority(request: web.Request) -> web.Response:
    query_of(request)
    center = request.app[CENTER]
    key, wanted, _ = proofs.open_request(
        center, authorization(request), ACTION_AUTHORITY, AuthorityQuery
    )
    if key != center.root_key:
        raise CenterError("RC_UNAUTHORISED", "only the center's root key names authorities")
    named = await request.app[WRITER].submit(Appointment(wanted), Authority)
    given = _certificate_of(center, address_of(wanted.public_key))
    return web.json_response({"name": named.name, "role": named.role, **given})


async def wallet(request: web.Request) -> web.Response:
    query_of(request)
    key, wanted, _ = proofs.open_request(
        request.app[CENTER], authorization(request), ACTION_WALLET, WalletQuery
    )
    opened = await request.app[WRITER].submit(Opening(wanted, key), WalletRecord)
    return web.json_response({"wallet": opened.wallet.hex(), "category": opened.category})


async def identify(request: web.Request) -> web.Response:
    """Two authorities, two headers, one question."""
    query_of(request)
    center = request.app[CENTER]
    first, wanted, digest = proofs.open_request(
        center, authorization(request), ACTION_IDENTIFY, IdentifyQuery
    )
    second, same, _ = proofs.open_request(
        center, authorization(request, SECOND_HEADER), ACTION_IDENTIFY, IdentifyQuery
    )
    if same != wanted:
        raise CenterError("RC_REQUEST", "the two authorities ask for different things")
    asked = Identification(wanted, (first, second), digest)
    found = await request.app[WRITER].submit(asked, WalletRecord)
    return web.json_response(
        {
            "wallet": found.wallet.hex(),
            "bank": "" if found.bank == ZERO_HASH else center.operators[found.bank].name,
            "category": found.category,
            "holder": found.holder,
        }
    )


async def submit(request: web.Request) -> web.Response:
    """POST /tx: any kind that needs no more than its signature."""
    query_of(request)
    return await _accept(request, read_transaction(await request.read()))


async def lock(request: web.Request) -> web.Response:
    query_of(request)
    found = read_lock(await request.read())
    if found.signed.tx.kind != Kind.LOCK:
        raise CenterError("RC_KIND", "here money is locked")
    return await _accept(request, found)


async def recharge(request: web.Request) -> web.Response:
    """An exchange that a machine of the bank confirms: its signature stands among the approvals."""
    query_of(request)
    found = read_release(await request.read())
    if found.signed.tx.kind != Kind.EXCHANGE:
        raise CenterError("RC_KIND", "here a wallet is recharged")
    return await _accept(request, found)


async def release(request: web.Request) -> web.Response:
    query_of(request)
    found = read_release(await request.read())
    if found.signed.tx.kind not in (Kind.RELEASE, Kind.REFUND_LOCK):
        raise CenterError("RC_KIND", "here a lock is opened")
    return await _accept(request, found)


async def _accept(
    request: web.Request, found: SignedCoinTransaction | WitnessedTransaction
) -> web.Response:
    receipt = await request.app[WRITER].submit(found, Receipt)
    return web.json_response(
        {
            "txid": receipt.txid.hex(),
            "kind": receipt.kind.name,
            "accepted_ms": receipt.accepted_ms,
            "first_leaf": receipt.first_leaf,
            "outputs": receipt.outputs,
            "tree_size": receipt.tree_size,
        }
    )


# ---- views ---------------------------------------------------------------------------------------


def _head_view(signed: SignedTreeHead) -> dict[str, Any]:
    head = signed.head
    return {
        "log_id": head.log_id.hex(),
        "tree_size": head.tree_size,
        "timestamp_ms": head.timestamp_ms,
        "root": head.root.hex(),
        "key_id": head.key_id.hex(),
        "signature": signed.signature.hex(),
    }


def proof_view(proof: PaymentProof) -> dict[str, Any]:
    """A payment proof for people: never read back, never hashed."""
    opened: dict[str, Any] = {}
    for field in proof.disclosures:
        value = parse_field(field.name, field.value)
        opened[field.name] = value.hex() if isinstance(value, bytes) else value
    return {
        "txid": proof.point.txid.hex(),
        "output_index": proof.point.output_index,
        "fields": opened,
        "hidden": len(proof.hidden),
        "leaf_index": proof.leaf_index,
        "audit_path": [step.hex() for step in proof.audit_path],
        "sth": _head_view(proof.head),
        "anchor_size": proof.anchor_size,
        "not_after_ms": proof.not_after_ms,
    }
