"""Every route of the center, whichever there are: hostile input is refused with a code and changes no byte.

The routes are asked of the application, so that a new one is tried, and must be told of, without anybody
thinking of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.regcenter import requests
from deploy.regcenter.client import Wallet
from deploy.regcenter.errors import CODES
from deploy.regcenter.strict_json import BODY_BYTES_MAX
from tests.unit.regcenter.test_api import Service, service

__all__ = ["service"]
README = Path(__file__).parents[3] / "deploy/regcenter/README.md"
PUBLIC = {"/status", "/keys", "/sth", "/inclusion", "/consistency", "/ca", "/certificate"}
BODIES = {"/tx", "/lock", "/release", "/recharge"}
Request = tuple[str, dict[str, Any]]


def routes(service: Service) -> list[tuple[str, str]]:
    found = {(r.method, r.resource.canonical) for r in service.app.router.routes() if r.resource}
    return sorted((method, path) for method, path in found if method != "HEAD")


def hostile_bodies() -> Iterator[Request]:
    deep = b"[" * 5_000 + b"]" * 5_000
    for name, data in {
        "nothing": b"",
        "no JSON": b"\xff\xfe{",
        "a list": b"[]",
        "a number": b"1e999",
        "an unknown field": b'{"evil": 1}',
        "one name twice": b'{"tx": {}, "tx": {}}',
        "a float": b'{"tx": 1.5}',
        "depth": deep,
        "a transaction of nothing": b'{"tx": {}, "public_key": "", "signature": ""}',
        "null": b'{"tx": null, "public_key": null, "signature": null}',
        "too much": b" " * (BODY_BYTES_MAX + 1),
    }.items():
        yield name, {"data": data}


def hostile_headers(service: Service, path: str) -> Iterator[Request]:
    """Headers, and signed requests whose signature holds: of a stranger, of the root key, with any body."""
    action = path.removeprefix("/")
    for name, value in {
        "no scheme": "00",
        "another scheme": "Bearer 00",
        "no hex": "SM2 zz",
        "no structure": "SM2 " + secrets.token_bytes(64).hex(),
        "nothing": "SM2 ",
        "too long": "SM2 " + "00" * 3_000,
    }.items():
        yield name, {"headers": {"Authorization": value}}
    root = Wallet(service.center.keys.root)
    known = {**requests.WRITES, **requests.READS}.get(action)
    for name, by in (("a stranger", service.stranger), ("the root key", root)):
        for what, body in {
            "no body": b"",
            "noise": b"\xff" * 60,
            "a length of 4 GiB": b"\xff\xff\xff\xff" + bytes(60),
        }.items():
            header = service.header(by, action, requests.SyncQuery(0))
            yield f"{name} with {what}", {"headers": _with_body(service, by, action, body, header)}
        old = service.header(by, action, requests.SyncQuery(0), time_ms=0)
        yield f"{name}, long ago", {"headers": old}
        other = service.header(by, "elsewhere", requests.SyncQuery(0))
        yield f"{name}, for another action", {"headers": other}
        log = service.header(by, action, requests.SyncQuery(0), log_id=bytes(32))
        yield f"{name}, for another center", {"headers": log}
    if known is requests.SyncQuery:
        header = service.header(service.stranger, action, requests.SyncQuery(0))
        yield "no device", {"headers": header}


def _with_body(
    service: Service, by: Wallet, action: str, body: bytes, header: dict[str, str]
) -> dict[str, str]:
    """A request that is signed over a body which is no structure of the action."""
    from consensus.center_request import CenterRequest
    from deploy.regcenter.client import authorization
    from deploy.regcenter.clock import real_ms

    request = CenterRequest(service.center.log_id, action, body, real_ms(), bytes(16))
    made = authorization(by.signer, request)
    assert set(made) == set(header)
    return made


def hostile(service: Service, method: str, path: str) -> Iterator[Request]:
    yield "an unknown parameter", {"params": {"evil": "1"}}
    if path in ("/inclusion", "/consistency", "/certificate", "/sth"):
        for value in ("-1", "1e3", "", "٣", "9" * 40, "zz", "00" * 32):
            for names in (("leaf", "size"), ("first", "second"), ("address",), ("size",)):
                yield f"{names}={value!r}", {"params": dict.fromkeys(names, value)}
    if method == "POST" and path in BODIES:
        yield from hostile_bodies()
    elif path not in PUBLIC:
        yield "no header", {}
        yield from hostile_headers(service, path)


async def test_hostile_input_to_any_route_is_refused_with_a_code_and_changes_no_byte(
    service: Service,
) -> None:
    center, tried = service.center, 0
    before = list(center.store.items(b"")), center.totals, center.latest
    for method, path in routes(service):
        cases = list(hostile(service, method, path))
        assert path in PUBLIC or len(cases) > 10, f"{method} {path} is hardly tried"
        for name, options in cases:
            status, answer = await service.answer(method, path, **options)
            told = (method, path, name, status)
            assert 400 <= status < 500, told
            assert answer["error"]["code"] in CODES, told
            assert set(answer["error"]) == {"code", "message", "detail", "next"}, told
            tried += 1
        assert (list(center.store.items(b"")), center.totals, center.latest) == before, path
    assert tried > 500


async def test_what_is_no_route_and_no_method_is_refused_alike(service: Service) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/../keys/root.key"),
        ("DELETE", "/tx"),
        ("PUT", "/x"),
    ):
        status, answer = await service.answer(method, path)
        assert status in (404, 405) and answer["error"]["code"] == "RC_NOT_FOUND"


def test_every_route_is_told_of_and_every_signed_body_has_one(service: Service) -> None:
    text = README.read_text(encoding="utf-8")
    paths = {path for _, path in routes(service)}
    assert [path for path in sorted(paths) if not any(f"{path}{end}" in text for end in "`?")] == []
    assert {f"/{action}" for action in requests.ACTIONS.values()} <= paths


@pytest.mark.parametrize("action", [*requests.WRITES, *requests.READS])
async def test_a_stranger_s_well_formed_request_gets_nothing_that_is_not_his(
    service: Service, action: str
) -> None:
    """Bodies of zeros in the right shape, signed by a key that nobody knows."""
    body = _zeros({**requests.WRITES, **requests.READS}[action])
    center = service.center
    before = list(center.store.items(b"")), center.totals
    method = "GET" if action in requests.READS else "POST"
    header = service.header(service.stranger, action, body)
    status, answer = await service.answer(method, f"/{action}", headers=header)
    if action in requests.READS and status == 200:
        assert not any(answer.get(name) for name in ("events", "hooks", "reports", "balance_fen"))
        return
    assert 400 <= status < 500 and answer["error"]["code"] in CODES, answer
    assert (list(center.store.items(b"")), center.totals) == before


def _zeros(kind: type[Any]) -> Any:
    """A body whose fields are empty: 0, False, "", no bytes, 32 zeros."""
    values = {"int": 0, "bool": False, "str": "", "bytes": b"", "Hash": bytes(32)}
    fields = {
        name: values.get(str(annotation), ()) for name, annotation in kind.__annotations__.items()
    }
    return kind(**fields)
