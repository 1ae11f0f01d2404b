"""`city ca` and `city identity`: from an empty folder to a certificate, and refusals with their codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node.cli.main import app
from node.identity.certificates import from_pem, parse

RUNNER = CliRunner()


def city(*words: Any, code: str = "") -> Any:
    """The JSON of a command, or text where it prints no JSON. code: it is refused with that one."""
    result = RUNNER.invoke(app, [str(word) for word in words])
    if code:
        assert result.exit_code != 0 and code in result.output + result.stderr
        return None
    assert result.exit_code == 0, result.output + result.stderr
    try:
        return json.loads(result.stdout)
    except ValueError:
        return result.stdout.strip()


def test_a_member_makes_its_authority_and_its_people_get_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITY_CA", str(tmp_path / "px-ca"))
    Path("pw").write_text("secret\n")
    word = ("--password-file", "pw")
    made = city("ca", "init", "PX", "--role", "maker", "--role", "kyc", *word, "-o", "json")
    assert (made["member"], made["suite"], made["roles"]) == ("PX", "sm", "kyc, maker")
    key = city("identity", "new", "buyer.pem", *word, "-o", "json")
    city("identity", "new", "buyer.pem", *word, code="CITY-2005")
    asking = ("identity", "request", "buyer.pem", "buyer", "--member", "PX", "--role", "maker")
    city(*asking, "--out", "b.csr", *word)
    token = city("ca", "token", "buyer", "--role", "maker")
    issuing = ("ca", "issue", "--csr", "b.csr", "--token", token, "--out", "b.crt", *word)
    assert city(*issuing, "-o", "json")["roles"] == "maker"
    city(*issuing, code="CITY-2032")
    city("ca", "issue", "--csr", "b.csr", *word, code="CITY-2035")
    shown = city("identity", "show", "b.crt", "-o", "json")
    assert (shown["identity"], shown["name"]) == (key["identity"], "buyer")
    assert city("identity", "show", "b.csr", "-o", "json")["identity"] == key["identity"]
    assert city("identity", "show", "buyer.pem", *word, "-o", "json")["identity"] == key["identity"]
    renewed = city("ca", "renew", "buyer", "--days", "30", "--out", "b.crt", *word, "-o", "json")
    assert parse(from_pem(Path("b.crt").read_bytes())).serial == int(renewed["serial"], 16)
    city("ca", "revoke", renewed["serial"], "--reason", "superseded", *word)
    city("ca", "revoke", renewed["serial"], *word, code="CITY-2037")
    assert "BEGIN X509 CRL" in city("ca", "crl", *word)
    rows = city("ca", "show", "-o", "json")["certificates"]
    assert [row["state"] for row in rows] == ["valid", "revoked: superseded"]


def test_a_nodes_key_for_tls_is_p256_and_its_certificate_names_hosts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    city("ca", "init", "PX", "--suite", "intl", "--dev")
    assert city("identity", "new", "t.pem", "--transport", "-o", "json")["suite"] == "intl"
    city("identity", "request", "t.pem", "sz", "--host", "localhost", "--out", "t.csr")
    city("ca", "issue", "--csr", "t.csr", "--out", "t.crt", "--dev", code="CITY-2034")
    city("ca", "issue", "--csr", "t.csr", "--node", "--out", "t.crt", "--dev")
    from node.identity.transport import load_transport

    assert load_transport(Path("t.crt"), Path("t.pem")).fingerprint


def test_without_a_password_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CITY_KEY_PASSWORD", raising=False)
    city("ca", "init", "PX", code="CITY-2013")
    city("identity", "new", "a.pem", code="CITY-2013")
    city("identity", "new", "a.pem", "--suite", "rsa", "--dev", code="CITY-1002")
    city("ca", "show", code="CITY-2030")
    city("identity", "request", "a.pem", "a", "--url", "https://x", code="CITY-1002")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_is_made_with_authorities_needs_no_second_set_up(tmp_path: Path) -> None:
    """Every key of the plan has its certificate, and the members' registers know people and nodes."""
    import subprocess

    from node.genesis import decode_genesis
    from node.network.create import create_network
    from node.network.plan import load_plan

    net = tmp_path / "net"
    plan = load_plan().with_nodes(2).with_contracts()
    create_network(plan, net, with_authorities=True)
    config = decode_genesis((net / "genesis.bin").read_bytes()).config
    by_key = {i.public_key: i for i in config.identities}
    papers = [*net.glob("users/*.crt"), *net.glob("authorities/*.crt")]
    found = [parse(from_pem(p.read_bytes())) for p in papers if ".ca." not in p.name]
    assert {c.public_key for c in found} == set(by_key)
    for each in found:
        identity = by_key[each.public_key]
        said = (each.organization, each.name, set(each.roles))
        assert said == (identity.member_id, identity.name, set(identity.roles))
    for node in config.nodes:
        folder = net / "authorities" / node.member_id
        member = config.member(node.member_id)
        assert member is not None
        assert member.peer_ca == from_pem((folder / "node-ca.crt").read_bytes())
        shown = city("ca", "show", "--dir", folder, "-o", "json")["certificates"]
        assert sorted(row["use"] for row in shown) == ["identity", "node"]
        check = ["openssl", "verify", "-CAfile", folder / "node-ca.crt"]
        slug = node.member_id.removeprefix("node-")
        subprocess.run([*check, net / "nodes" / slug / "keys/transport.crt"], check=True)
    slug = config.nodes[0].member_id.removeprefix("node-")
    folder = net / "authorities" / config.nodes[0].member_id
    revoked = city("ca", "revoke", slug, "--dir", folder, "--dev", "-o", "json")
    assert revoked["name"] == slug
