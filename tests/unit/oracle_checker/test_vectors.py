"""The checker against every golden vector of proto/vectors and the shared vectors."""

import base64
import hashlib
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.oracle import merkle, sm2
from tests.oracle.hashes import INTL, SM, H, P, tagged, tagged_structure
from tests.oracle.structures import STRUCTURES, Invalid, decode, encode

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "proto" / "vectors"
SHARED = ROOT.parent / "shared"
SUITES = {"sm": SM, "intl": INTL}


def golden(name: str) -> list[dict]:
    return json.loads((GOLDEN / f"{name}.json").read_text())


def shared(name: str) -> list[dict]:
    """The cases of a shared vector file; a loud skip where the folder is not there."""
    path = SHARED / "vectors" / f"{name}.json"
    if not path.exists():
        pytest.skip(
            f"{path} is not there: the shared vectors were not checked", allow_module_level=True
        )
    return json.loads(path.read_text())["tests"]


def from_json(kind: str, value):
    """A vector's JSON value (bytes in hexadecimal) as the checker's own."""
    if kind in STRUCTURES:
        assert set(value) == {name for name, _ in STRUCTURES[kind]}
        pairs = {name: from_json(field, value[name]) for name, field in STRUCTURES[kind]}
        return SimpleNamespace(**pairs)
    if kind.startswith("list of "):
        return [from_json(kind.removeprefix("list of "), item) for item in value]
    return bytes.fromhex(value) if kind in ("bytes", "hash", "signature", "salt") else value


@pytest.mark.parametrize("case", golden("structures"), ids=lambda case: case["structure"])
def test_a_golden_structure_decodes_to_its_value_and_encodes_to_its_bytes(case):
    kind, data = case["structure"], bytes.fromhex(case["bytes"])
    value = from_json(kind, case["value"])
    assert decode(kind, data) == value
    assert encode(kind, value) == data


@pytest.mark.parametrize("case", golden("structures"), ids=lambda case: case["structure"])
def test_a_golden_structure_with_one_byte_more_or_less_is_refused(case):
    kind, data = case["structure"], bytes.fromhex(case["bytes"])
    for size in range(len(data)):
        with pytest.raises(Invalid):
            decode(kind, data[:size])
    with pytest.raises(Invalid, match="left over"):
        decode(kind, data + b"\x00")


def test_the_pages_example_of_a_structure_has_the_pages_bytes(monkeypatch):
    monkeypatch.setitem(STRUCTURES, "Example", [("number", "int"), ("letter", "text")])
    data = bytes.fromhex("0000000800000000000000010000000161")
    assert encode("Example", SimpleNamespace(number=1, letter="a")) == data
    assert decode("Example", data) == SimpleNamespace(number=1, letter="a")


@pytest.mark.parametrize("case", golden("tags"), ids=lambda case: case["tag"])
def test_a_golden_tag_has_its_preimage(case):
    name = case["tag"].removeprefix("citychain/").removesuffix("/v1")
    assert P(name, SM, b"\xff").hex() == case["preimage"]


def golden_structure(kind: str, suite: int):
    values = [from_json(kind, c["value"]) for c in golden("structures") if c["structure"] == kind]
    return next(value for value in values if getattr(value, "suite", suite) == suite)


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_golden_hashes_of_golden_structures_agree(suite):
    cases = {case["what"]: case for case in golden("hashes") if SUITES[case["suite"]] == suite}
    header, seal = golden_structure("Header", suite), golden_structure("Seal", suite)
    block_hash = tagged_structure("header", suite, "Header", header)
    assert block_hash.hex() == cases["block-hash"]["hash"]
    assert P("commit-seal", suite, encode("Seal", seal)).hex() == cases["seal-message"]["bytes"]


def with_given_parts() -> list[dict]:
    """The hashes whose inputs are no golden structure, so that their vector has to give them."""
    return [case for case in golden("hashes") if case["what"] not in ("block-hash", "seal-message")]


@pytest.mark.parametrize("case", with_given_parts(), ids=lambda c: f"{c['suite']} {c['what']}")
def test_a_golden_hash_is_that_of_its_parts(case):
    if "parts" not in case:
        pytest.skip(
            "hashes.json gives no parts for this hash: nothing outside the code says what it is of"
        )
    parts = [bytes.fromhex(part) for part in case["parts"]]
    tag = case["what"].removesuffix("-hash")
    assert tagged(tag, SUITES[case["suite"]], *parts).hex() == case["hash"]


CLASSICAL = "|00|10|2021|3031|40414243|5051525354555657|606162636465666768696a6b6c6d6e6f"


@pytest.mark.parametrize("case", golden("merkle"), ids=lambda c: f"{c['suite']} {c['size']}")
def test_a_golden_merkle_root_is_that_of_the_classical_leaves(case):
    h = partial(H, SUITES[case["suite"]])
    entries = [bytes.fromhex(text) for text in CLASSICAL.split("|")][: case["size"]]
    leaves = [merkle.leaf_hash(h, entry) for entry in entries]
    assert merkle.root(h, leaves).hex() == case["root"]


@pytest.mark.parametrize("case", shared("sm3"), ids=lambda case: case["digest"][:8])
def test_the_hash_of_suite_sm_is_sm3(case):
    assert H(SM, bytes.fromhex(case["msg"])).hex() == case["digest"]


def key_and_signature(case: dict) -> tuple[bytes, bytes]:
    return b"\x04" + bytes.fromhex(case["pub"]), bytes.fromhex(case["r"] + case["s"])


@pytest.mark.parametrize("case", shared("sm2_verify_edge"), ids=lambda case: case["comment"])
def test_sm2_over_messages_decides_the_edges_as_expected(case):
    key, signature = key_and_signature(case)
    message, user_id = bytes.fromhex(case["msg"]), case["id"].encode()
    assert sm2.sm2_verify(key, message, signature, user_id) is (case["result"] == "valid")


@pytest.mark.parametrize("case", shared("sm2_digest_edge"), ids=lambda case: case["comment"])
def test_sm2_over_digests_decides_the_edges_as_expected(case):
    key, signature = key_and_signature(case)
    e = bytes.fromhex(case["e"])
    assert sm2.sm2_verify_digest(key, e, signature) is (case["result"] == "valid")


@pytest.mark.parametrize("case", shared("sm2_kat"), ids=lambda case: case["source"][:30])
def test_sm2_accepts_the_known_answers_and_nothing_beside_them(case):
    key, signature = key_and_signature(case)
    e = bytes.fromhex(case["e"])
    if "ZA" in case:
        user_id, message = bytes.fromhex(case["id"]), bytes.fromhex(case["msg"])
        assert sm2.sm2_za(key, user_id).hex() == case["ZA"]
        assert sm2.sm2_verify(key, message, signature, user_id)
        assert not sm2.sm2_verify(key, message + b"!", signature, user_id)
        assert not sm2.sm2_verify(key, message, signature, b"another id")
        assert not sm2.sm2_verify(key, message, signature, bytes(8192))
    assert sm2.sm2_verify_digest(key, e, signature)
    d = int(case.get("d", "0"), 16)
    if d:
        assert sm2.SM2.combine(d, 0, None) == (
            int.from_bytes(key[1:33], "big"),
            int.from_bytes(key[33:], "big"),
        )
    for bit in range(0, 512, 37):
        flipped = int.from_bytes(signature, "big") ^ 1 << bit
        assert not sm2.sm2_verify_digest(key, e, flipped.to_bytes(64, "big"))
    for size in (0, 1, 63):
        assert not sm2.sm2_verify_digest(key, e, signature[:size])
    assert not sm2.sm2_verify_digest(key, e, signature + b"\x00")
    assert not sm2.sm2_verify_digest(b"\x02" + key[1:], e, signature)
    assert not sm2.sm2_verify_digest(key[:33], e, signature)


def test_p256_accepts_the_signature_of_rfc_6979_in_its_low_form_only():
    key = bytes.fromhex(
        "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
        "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
    )
    r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    high = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    low = (sm2.P256.n - high).to_bytes(32, "big")
    assert sm2.p256_verify(key, b"sample", bytes.fromhex(r) + low)
    assert not sm2.p256_verify(key, b"sample", bytes.fromhex(r) + high.to_bytes(32, "big"))
    assert not sm2.p256_verify(key, b"simple", bytes.fromhex(r) + low)
    assert not sm2.p256_verify(key, b"sample", bytes(32) + low)
    assert not sm2.p256_verify(key[:-1] + b"\x00", b"sample", bytes.fromhex(r) + low)


def rfc6962(kind: str) -> list:
    folder = SHARED / "suites" / "rfc6962-merkle" / "testdata" / kind
    if not folder.exists():
        reason = f"{folder} is not there: the vectors of RFC 6962 were not checked"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    files = sorted(folder.rglob("*.json"))
    return [
        pytest.param(json.loads(file.read_text()), id=str(file.relative_to(folder)))
        for file in files
    ]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def raw(case: dict, name: str) -> bytes:
    return base64.b64decode(case[name] or "")


def accepted(check) -> bool:
    try:
        check()
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("case", rfc6962("inclusion"))
def test_inclusion_is_decided_as_in_the_vectors_of_rfc_6962(case):
    path = [base64.b64decode(step) for step in case["proof"] or []]
    leaf, root = raw(case, "leafHash"), raw(case, "root")
    place = case["leafIdx"], case["treeSize"]
    good = accepted(lambda: merkle.check_inclusion(sha256, leaf, *place, path, root, "path"))
    assert good is not case["wantErr"]


@pytest.mark.parametrize("case", rfc6962("consistency"))
def test_consistency_is_decided_as_in_the_vectors_of_rfc_6962(case):
    path = [base64.b64decode(step) for step in case["proof"] or []]
    sizes, roots = (case["size1"], case["size2"]), (raw(case, "root1"), raw(case, "root2"))
    if sizes == (0, 0) and not case["wantErr"]:
        pytest.skip("an empty tree proves nothing here: the checker never asks")
    good = accepted(lambda: merkle.check_consistency(sha256, *sizes, path, *roots))
    assert good is not case["wantErr"]
