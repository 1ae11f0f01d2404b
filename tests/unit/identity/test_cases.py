"""Published vectors on every backend, and the lines of `city crypto cases`."""

import json

import pytest

from node.identity.cases import main, run_cases
from node.identity.errors import BadCaseFile
from tests.unit.identity import pyref

FILES = {
    "sm2_kat.json": 4,
    "sm2_verify_edge.json": 21,
    "sm2_digest_edge.json": 11,
    "sm3.json": 3,
    "sm4.json": 9,
    "wycheproof_sm4_gcm_test.json": 104,
    "wycheproof_sm4_ccm_test.json": 184,
    "wycheproof_hmac_sm3_test.json": 174,
}


@pytest.mark.parametrize("name", FILES)
def test_every_published_case_is_answered_as_expected_by_every_backend(vectors, name):
    results = list(run_cases(vectors / name))
    assert len(results) == FILES[name]
    assert [r for r in results if not (r["ok"] and r["agree"])] == []
    if name.startswith("sm2"):
        assert all(set(r["backends"]) == {"openssl", "gmssl"} for r in results)


@pytest.mark.parametrize("name", ["sm2_verify_edge.json", "sm2_digest_edge.json"])
def test_the_independent_model_agrees_with_the_published_sm2_cases(vectors, name):
    for test in json.loads((vectors / name).read_text())["tests"]:
        key = b"\x04" + bytes.fromhex(test["pub"])
        signature = bytes.fromhex(test["r"] + test["s"])
        if "e" in test:
            answer = pyref.verify_digest(key, bytes.fromhex(test["e"]), signature)
        else:
            message, id = bytes.fromhex(test["msg"]), test["id"].encode()
            answer = pyref.verify(key, message, signature, id)
        assert ("valid" if answer else "invalid") == test["result"], test["comment"]


def test_odd_gcm_nonces_and_all_of_ccm_are_refused_by_design_and_say_so(vectors):
    gcm = list(run_cases(vectors / "wycheproof_sm4_gcm_test.json"))
    refused = [r for r in gcm if r["expected"] == "refused"]
    assert len(refused) == 9
    assert all(r["result"] == "valid" and "96-bit" in r["reason"] for r in refused)
    ccm = list(run_cases(vectors / "wycheproof_sm4_ccm_test.json"))
    assert {r["expected"] for r in ccm} == {"refused"}
    assert {r["result"] for r in ccm} == {"valid", "invalid"}


def _changed(vectors, tmp_path, name, change):
    document = json.loads((vectors / name).read_text())
    change(document)
    path = tmp_path / "renamed.json"
    path.write_text(json.dumps(document))
    return path


def _flip(text):
    return f"{int(text[:2], 16) ^ 1:02x}{text[2:]}"


CHANGES = [
    ("sm3.json", lambda d: d["tests"][0].update(digest=_flip(d["tests"][0]["digest"]))),
    ("sm4.json", lambda d: d["tests"][0].update(ct=_flip(d["tests"][0]["ct"]))),
    ("sm4.json", lambda d: d["tests"][2].update(ct=_flip(d["tests"][2]["ct"]))),
    ("sm4.json", lambda d: d["tests"][7].update(tag=_flip(d["tests"][7]["tag"]))),
    ("sm2_kat.json", lambda d: d["tests"][0].update(ZA=_flip(d["tests"][0]["ZA"]))),
    ("sm2_kat.json", lambda d: d["tests"][0].update(k=_flip(d["tests"][0]["k"]))),
    ("sm2_kat.json", lambda d: d["tests"][0].update(e=_flip(d["tests"][0]["e"]))),
    ("sm2_kat.json", lambda d: d["tests"][1].update(d=_flip(d["tests"][1]["d"]))),
    ("sm2_kat.json", lambda d: d["tests"][1].update(der=d["tests"][1]["der"] + "00")),
    ("sm2_kat.json", lambda d: d["tests"][3].update(s=_flip(d["tests"][3]["s"]))),
    ("sm2_verify_edge.json", lambda d: d["tests"][0].update(id="31323334")),
    ("sm2_digest_edge.json", lambda d: d["tests"][0].update(result="invalid")),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_one_wrong_value_in_a_file_fails_that_case_and_the_exit_code(
    vectors, tmp_path, name, change
):
    path = _changed(vectors, tmp_path, name, change)
    lines = []
    assert main(path, as_json=True, write=lines.append) == 1
    results = [json.loads(line) for line in lines]
    assert len(results) == FILES[name]
    assert sum(not r["ok"] for r in results) == 1


def test_the_text_form_counts_and_a_good_file_exits_0(vectors):
    lines = []
    assert main(vectors / "sm3.json", write=lines.append) == 0
    assert lines == ["3 cases, 3 as expected, 0 not"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        '{"tests": 5}',
        '{"tests": [5]}',
        '{"tests": [{}]}',
        '{"tests": [{"msg": "zz", "digest": ""}]}',
        '{"tests": [{"msg": "61 62", "digest": ""}]}',
        '{"tests": [{"msg": 5, "digest": ""}]}',
        '{"tests": [{"mode": "XTS", "key": "", "pt": "", "ct": "", "iv": ""}]}',
        '{"tests": [{"mode": "ECB", "key": "", "pt": "", "ct": "", "iterations": 1e99}]}',
        '{"tests": [{"pub": "00", "msg": "", "r": "0"}]}',
        '{"testGroups": [], "algorithm": "AES-GCM"}',
        '{"testGroups": [{"tests": [{}]}], "algorithm": "SM4-GCM"}',
    ],
)
def test_a_file_of_another_kind_is_refused_with_a_code(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(BadCaseFile) as caught:
        list(run_cases(path))
    assert caught.value.code == "CITY-2010"


def test_a_missing_file_is_refused_with_a_code(tmp_path):
    with pytest.raises(BadCaseFile):
        list(run_cases(tmp_path / "none.json"))
