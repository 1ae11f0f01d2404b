"""Files of published test vectors, run on every backend: `city crypto cases FILE --json`.

A file's kind is told by its content, not its name. Each case becomes one line (decisions.md §5):
{"id", "expected", "backends": {name: verdict}, "agree", "ok"}. Verdicts are "valid", "invalid",
and "refused" where the product, on purpose, does not offer what the case asks for; such lines say
why in "reason" and keep the file's own result in "result".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from node.identity import cases_symmetric, curve
from node.identity.der import der_to_raw
from node.identity.errors import BadCaseFile, BadKey, BadSignatureEncoding, NoCryptoBackend
from node.identity.keys import SM_ID, check_public_point, check_scalar
from node.identity.sm2 import SmSuite
from node.identity.suite import get_suite
from node.identity.verdicts import VALID, from_hex, line, verdict
from node.identity.za import DEFAULT_ID, ID_LEN_MAX, za

FILE_LEN_MAX = 64 * 1024 * 1024
Case = dict[str, Any]


def run_cases(path: str | Path) -> Iterator[dict[str, Any]]:
    """One dict a case, in the file's order. Raises BadCaseFile, NoCryptoBackend."""
    document = _load(Path(path))
    if "testGroups" in document:
        yield from cases_symmetric.run_wycheproof(document)
        return
    tests = document.get("tests")
    if not isinstance(tests, list) or not all(isinstance(test, dict) for test in tests):
        raise BadCaseFile("no list of cases under 'tests' or 'testGroups'")
    for number, test in enumerate(tests, 1):
        name = str(test.get("tcId", number))
        yield _runner(test, number)(test, name)


def main(path: str | Path, as_json: bool = False, write: Callable[[str], object] = print) -> int:
    """Print a line a case; 0 if each is as expected, 1 otherwise. Raises as `run_cases`."""
    total = failed = 0
    for result in run_cases(path):
        total += 1
        failed += not result["ok"]
        if as_json:
            write(json.dumps(result, ensure_ascii=False))
        elif not result["ok"]:
            write(f"✗ {result['id']}  expected {result['expected']}  got {result['backends']}")
    if not as_json:
        write(f"{total} cases, {total - failed} as expected, {failed} not")
    return 1 if failed else 0


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > FILE_LEN_MAX:
            raise BadCaseFile(f"{path} is larger than {FILE_LEN_MAX} bytes")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BadCaseFile(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadCaseFile(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadCaseFile(f"{path} is no JSON object")
    return document


def _runner(test: Case, number: int) -> Callable[[Case, str], dict[str, Any]]:
    if "digest" in test:
        return cases_symmetric.run_sm3
    if "mode" in test and "ct" in test:
        return cases_symmetric.run_sm4
    if "pub" in test:
        return run_sm2
    raise BadCaseFile(f"case {number} is of no known kind: it has {', '.join(sorted(test))}")


@cache
def _suites() -> dict[str, SmSuite]:
    """Every backend that this machine has, behind the same front layer."""
    found: dict[str, SmSuite] = {}
    for name in ("openssl", "gmssl"):
        try:
            suite = get_suite("sm", name)
        except NoCryptoBackend:
            continue
        assert isinstance(suite, SmSuite)
        found[name] = suite
    if not found:
        get_suite("sm", "auto")  # raises, naming everything that was tried
    return found


def run_sm2(test: Case, name: str) -> dict[str, Any]:
    """One SM2 case: verification at message or digest level, and what else the case knows.

    A known answer (with d, k, ZA, e, der) is valid only if all of that fits together too.
    """
    expected = test.get("result", VALID)
    key, signature = _key(test), _signature(test)
    known = key is not None and signature is not None and _known_answers_fit(test, key, signature)
    backends: dict[str, str] = {}
    for backend, suite in _suites().items():
        good = known and _verify(suite, test, key or b"", signature or b"")
        backends[backend] = verdict(good)
    return line(name, expected, backends, comment=test.get("comment", test.get("source", "")))


def _verify(suite: SmSuite, test: Case, key: bytes, signature: bytes) -> bool:
    if _is_digest_level(test):
        return suite.verify_digest(key, _digest(test), signature)
    return suite.verify(key, from_hex(test, "msg"), signature, _id(test))


def _is_digest_level(test: Case) -> bool:
    mode = str(test.get("mode", ""))
    return mode.startswith("digest") or ("e" in test and "id" not in test and "ZA" not in test)


def _digest(test: Case) -> bytes:
    """e in 32 bytes; without it, the message itself as a big-endian number."""
    e = from_hex(test, "e") if "e" in test else from_hex(test, "msg")
    return e.rjust(32, b"\0")


def _id(test: Case) -> bytes:
    """The known-answer file gives the id as hex, the edge file as text; neither says so."""
    if "id" not in test:
        return DEFAULT_ID
    text = test["id"]
    if not isinstance(text, str):
        raise BadCaseFile("an id is not text")
    if any(field in test for field in ("d", "k", "ZA")):
        return from_hex(test, "id")
    return text.encode("utf-8", "surrogatepass")


def _key(test: Case) -> bytes | None:
    raw = from_hex(test, "pub")
    return b"\4" + raw if len(raw) == 64 else raw


def _signature(test: Case) -> bytes | None:
    """r‖s in bytes as the case gives them; None if there is no signature that can be read."""
    if "r" in test and "s" in test:
        r, s = from_hex(test, "r"), from_hex(test, "s")
        return r + s if len(r) == len(s) == 32 else None
    if "der" in test:
        try:
            return der_to_raw(from_hex(test, "der"))
        except BadSignatureEncoding:
            return None
    return from_hex(test, "sig")


def _known_answers_fit(test: Case, key: bytes, signature: bytes) -> bool:
    """Whether ZA, e, der, d and k of the case, where given, belong to its key and signature.

    The values are published ones, so Python integers may hold them.
    """
    checks: Iterable[bool] = (
        "ZA" not in test or _is_za(test, key),
        "ZA" not in test or "e" not in test or _is_e(test),
        "der" not in test or _is_der(test, signature),
        "d" not in test or _is_scalar_of(from_hex(test, "d"), key),
        not {"d", "k", "e"} <= set(test) or _is_signed_with(test, signature),
    )
    return all(checks)


def _is_za(test: Case, key: bytes) -> bool:
    try:
        check_public_point(curve.SM2, key)
    except BadKey:
        return False
    id = _id(test)
    return len(id) <= ID_LEN_MAX and za(key[1:], id) == from_hex(test, "ZA")


def _is_e(test: Case) -> bool:
    data = from_hex(test, "ZA") + from_hex(test, "msg")
    return next(iter(_suites().values())).hash(data) == from_hex(test, "e")


def _is_der(test: Case, signature: bytes) -> bool:
    try:
        return der_to_raw(from_hex(test, "der")) == signature
    except BadSignatureEncoding:
        return False


def _is_scalar_of(scalar: bytes, key: bytes) -> bool:
    try:
        check_scalar(SM_ID, scalar)
    except BadKey:
        return False
    point = curve.multiply(curve.SM2, int.from_bytes(scalar), curve.SM2.generator)
    assert point is not None
    return key == b"\4" + point[0].to_bytes(32) + point[1].to_bytes(32)


def _is_signed_with(test: Case, signature: bytes) -> bool:
    """GB/T 32918.2 §6.1 with the nonce of the case: it must give exactly this r and s."""
    n = curve.SM2.n
    d, k = int.from_bytes(from_hex(test, "d")), int.from_bytes(from_hex(test, "k"))
    if not 0 < k < n:
        return False
    point = curve.multiply(curve.SM2, k, curve.SM2.generator)
    assert point is not None
    r = (int.from_bytes(_digest(test)) + point[0]) % n
    s = pow(1 + d, -1, n) * (k - r * d) % n
    return signature == r.to_bytes(32) + s.to_bytes(32)
