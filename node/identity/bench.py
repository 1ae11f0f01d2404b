"""Signatures a second on one core, for `city bench crypto`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from node.identity.errors import BackendFailure
from node.identity.suite import Suite, get_suite

MESSAGE_LEN = 200
_BATCH = 20


def bench_crypto(suite: Suite | None = None, seconds: float = 1.0) -> dict[str, Any]:
    """Signing and verifying rates over a 200-byte message, called from Python, on one thread.

    Returns {"suite", "backend", "message_bytes", "sign_per_s", "verify_per_s", "hash_per_s"};
    sign_per_s is None where the backend only verifies. `seconds` is the length of each measurement.
    """
    suite = suite or get_suite()
    signing = suite if suite.can_sign else get_suite(suite.id)
    key = signing.generate_key()
    signer = signing.signer(key)
    message = bytes(MESSAGE_LEN)
    signature = signer.sign(message)
    if not suite.verify(key.public_key, message, signature):
        raise BackendFailure("a signature just made does not verify")
    sign = _rate(lambda: signer.sign(message), seconds) if signing is suite else None
    return {
        "suite": suite.name,
        "backend": suite.library,
        "message_bytes": MESSAGE_LEN,
        "sign_per_s": sign,
        "verify_per_s": _rate(lambda: suite.verify(key.public_key, message, signature), seconds),
        "hash_per_s": _rate(lambda: suite.hash(message), seconds),
    }


def _rate(call: Callable[[], object], seconds: float) -> float:
    calls = 0
    begin = time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        for _ in range(_BATCH):
            call()
        calls += _BATCH
    return round(calls / elapsed, 1)
