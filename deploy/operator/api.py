"""GET /payments/TXID/INDEX: one output of one accepted payment as JSON
(node/oracle/services/payment_status.json).

The operator's word and nothing else: no log, no signature. Tokens say which oracle asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from consensus.encoding import Hash
from consensus.payment import parse_field
from deploy.regcenter.center import Center
from deploy.regcenter.fields import disclosures

CENTER = web.AppKey("center", Center)
TOKENS = web.AppKey("tokens", Mapping)


def make_operator(center: Center, tokens: Mapping[str, str] | None = None) -> web.Application:
    """tokens: token -> oracle's name; none lets everybody ask."""
    app = web.Application(client_max_size=4096)
    app[CENTER], app[TOKENS] = center, dict(tokens or {})
    app.add_routes([web.get("/payments/{txid:[0-9a-f]{64}}/{index:[0-9]{1,3}}", payment)])
    return app


REFUSALS = {
    "OP_TOKEN": "only oracles with a token of this operator are answered",
    "OP_NO_OUTPUT": "no accepted payment has this output",
}


def _refusal(code: str) -> str:
    return json.dumps({"error": {"code": code, "message": REFUSALS[code]}})


async def payment(request: web.Request) -> web.Response:
    tokens = request.app[TOKENS]
    if tokens and request.headers.get("Authorization", "").removeprefix("Bearer ") not in tokens:
        raise web.HTTPUnauthorized(text=_refusal("OP_TOKEN"), content_type="application/json")
    txid, index = request.match_info["txid"], int(request.match_info["index"])
    record = request.app[CENTER].record(Hash(bytes.fromhex(txid)))
    if record is None or index >= len(record.signed.tx.outputs):
        raise web.HTTPNotFound(text=_refusal("OP_NO_OUTPUT"), content_type="application/json")
    found = {d.name: parse_field(d.name, d.value) for d in disclosures(record, index)}
    view = {name: v.hex() if isinstance(v, bytes) else v for name, v in found.items()}
    return web.json_response({"txid": txid, "output_index": index, **view})
