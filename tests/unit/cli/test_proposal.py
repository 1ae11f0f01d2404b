"""Words of `city proposal` as arguments of a change, and ids of what the inbox holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.cli.change_arguments import read_change, when
from node.cli.inbox import CONFIG, kind_of, place_of
from node.errors import CityError
from node.governance.calls import CHANGES, parse_call
from node.governance.kinds import KINDS
from node.wire.codec import json_text

DIGEST = "ab" * 32


class Views:
    """A network that answers the views of a configuration."""

    def query(self, contract: str, view: str, args: Any = None) -> Any:
        assert contract == CONFIG
        answers = {
            "identities": [
                {"name": "clerk", "member": "M0", "identity": DIGEST, "until": 0},
                {"name": "clerk", "member": "M1", "identity": "cd" * 32, "until": 7},
            ],
            "members": [
                {
                    "member_id": "M0",
                    "name": "Bank",
                    "city": "Ningbo",
                    "admin_key": "04",
                    "peer_ca": "",
                }
                | {"roles": ["maker"], "region": "", "zone": "mainland", "jurisdiction": ""}
            ],
        }
        return type("Answer", (), {"value": answers[view]})()


def read(kind: str, *words: str) -> dict[str, Any]:
    """Whatever comes out is what a node takes."""
    method, args = read_change(Views(), kind, words)
    return parse_call(method, json_text(args))


def test_words_become_what_a_node_reads(tmp_path: Path):
    key = tmp_path / "key"
    key.write_bytes(b"\4" * 65)
    found = read(
        "add-identity", "clerk", "member_id=M0", f"public_key=@{key}", "roles=maker,checker"
    )
    assert found["name"] == "clerk" and found["roles"] == ("maker", "checker")
    assert found["public_key"] == b"\4" * 65 and found["certificate"] == b""
    assert read("revoke-identity", "clerk")["identity"] == bytes.fromhex(DIGEST)
    assert read("revoke-identity", f"identity={DIGEST}")["identity"] == bytes.fromhex(DIGEST)
    assert read("set-limits", "tx_bytes_max=70000")["tx_bytes_max"] == 70_000
    assert read("set-limits", "tx_bytes_max=70000")["block_txs_max"] == 0
    member = read("add-member", "M9", "name=Bank of Ningbo", "city=Ningbo", "zone=mainland")
    assert member["name"] == "Bank of Ningbo" and member["zone"] == "mainland"
    after = read("set-member", "M0", "city=Hangzhou")
    assert (after["name"], after["city"], after["admin_key"]) == ("Bank", "Hangzhou", b"\4")
    assert read("activate-flag", "new-rule", "height=9") == {"flag": "new-rule", "height": 9}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("abolish", ()),
        ("add-identity", ("clerk",)),
        ("revoke-identity", ("nobody",)),
        ("revoke-identity", ("clerk@M1",)),
        ("set-limits", ("tx_bytes_max=many",)),
        ("set-limits", ("sizes=3",)),
        ("replace-key", ("n0", "vote_key=xyz")),
    ],
)
def test_words_that_make_no_change_are_refused_before_anything_is_sent(
    kind: str, words: tuple[str, ...]
):
    with pytest.raises(CityError) as caught:
        read(kind, *words)
    assert caught.value.code == "CITY-1002"


def test_a_time_to_wait_for_is_a_height_and_an_end_a_height_or_a_date():
    assert when(0, "") == {} and when(7, "900") == {"execute_at": 7, "valid_until_height": 900}
    assert when(0, "2026-12-31") == {"valid_until_ms": 1_798_675_200_000}
    with pytest.raises(CityError):
        when(0, "soon")


def test_ids_say_what_they_are_of():
    kinds = {"p-3f9a": "change", "receivable@2": "contract", "tenor:bill/1": "rule"}
    assert {id_: kind_of(id_) for id_ in kinds} == kinds
    assert place_of("receivable@2") == {"name": "receivable", "version": 2}
    with pytest.raises(CityError):
        kind_of("something")


def test_every_kind_is_on_the_page():
    page = (Path(__file__).parents[3] / "docs" / "governance.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
    assert len(CHANGES) == len(KINDS)
