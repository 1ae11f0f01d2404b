"""Keys in a token: made there, never outside; what it signs, when it goes away, and what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consensus.tags import Tag, preimage
from consensus.validators import Validator, ValidatorSet
from node.config import Keys, NodeConfig
from node.doctor.check import Mark
from node.errors import CityError
from node.identity.signers import SignerAway
from node.identity.suite import get_suite
from node.keys.keyring import held_keys, open_identities
from node.signing import pkcs11, remote
from node.signing.token_check import examine_token
from node.signing.token_place import PIN_FILE_VARIABLE, PIN_VARIABLE, read_pin, read_place
from tests.unit.cli.test_ca import city
from tests.unit.signing.kinds import KINDS, Kind
from tests.unit.signing.tokens import MODULES, PIN, Hsm

INTL = get_suite("intl")
MESSAGE = b"what is signed"


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pkcs11, "PATIENCE_S", 0.0)
    monkeypatch.setattr(remote, "PATIENCE_S", 0.0)


# ---- the same over all kinds of signer -----------------------------------------------------------------


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with request.param(tmp_path, request) as made:
        yield made


def test_what_a_signer_signs_holds_under_its_key(kind: Kind) -> None:
    signer, message = kind.signer(), kind.message()
    for _ in range(20):  # half of a token's signatures have the higher s
        assert kind.suite.verify(signer.public_key, message, signer.sign(message))
    assert "1" * 8 not in repr(signer) and PIN not in repr(signer)


def test_what_a_key_is_not_for_is_not_signed(kind: Kind) -> None:
    signer = kind.signer()
    for message in (b"", b"any text", preimage(Tag.GENESIS, kind.suite.id, b"x")):
        if kind.is_bound:
            with pytest.raises(SignerAway, match="CITY-2051"):
                signer.sign(message)
        else:  # a key file serves the one process that holds it
            assert kind.suite.verify(signer.public_key, message, signer.sign(message))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the binding
def test_a_signer_that_goes_away_says_so_and_signs_again_when_it_is_back(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer, message = kind.signer(), kind.message()
    kind.go_away()
    if kind.can_go:
        with pytest.raises(SignerAway, match=r"CITY-205[47]"):
            signer.sign(message)
    for kept in (pkcs11, remote):
        monkeypatch.setattr(kept, "PATIENCE_S", 60.0)
    kind.come_back()
    assert kind.suite.verify(signer.public_key, message, signer.sign(message))


def test_two_processes_sign_with_one_key_at_a_time(kind: Kind) -> None:
    signer, message = kind.signer(), kind.message()
    command = [sys.executable, "-c", kind.program(), message.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert kind.suite.verify(signer.public_key, message, bytes.fromhex(done.stdout.strip()))
    assert kind.suite.verify(signer.public_key, message, signer.sign(message))


# ---- what only a token does ------------------------------------------------------------------------------


def test_a_key_is_made_in_the_token_and_never_leaves_it(hsm: Hsm) -> None:
    import pkcs11 as binding

    token = hsm.open()
    key = token.generate("buyer")
    assert token.names() == {"buyer": key}
    INTL.check_public_key(key)
    private = token._private(token._session, "buyer")
    assert private[binding.Attribute.SENSITIVE] and not private[binding.Attribute.EXTRACTABLE]
    with pytest.raises(binding.exceptions.AttributeSensitive):
        private[binding.Attribute.VALUE]
    with pytest.raises(CityError, match="CITY-2059"):
        token.generate("buyer")
    for name in ("", "x" * 65, "a\nb"):
        with pytest.raises(CityError, match="CITY-2059"):
            token.generate(name)
    assert token.names() == {"buyer": key}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_session_that_the_device_lost_is_opened_again(hsm: Hsm) -> None:
    token = hsm.open()
    key = token.generate("identity")
    signer = token.signer("identity")
    for _ in range(3):
        hsm.forget()
        assert INTL.verify(key, MESSAGE, signer.sign(MESSAGE))


def test_a_pin_that_was_refused_is_never_tried_again(hsm: Hsm) -> None:
    hsm.open().generate("identity")
    token = hsm.open("0000")
    asked = []
    token._ask_pin = lambda: asked.append(1) or "0000"  # type: ignore[func-returns-value]
    hsm.forget()
    for _ in range(20):  # many more than lock a token
        with pytest.raises(SignerAway, match="CITY-2058") as caught:
            token.names()
        assert "0000" not in str(caught.value)
    assert asked == [1]
    assert "identity" in hsm.open().names()


def test_a_signature_that_does_not_hold_is_not_used(
    hsm: Hsm, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = hsm.open()
    token.generate("identity")
    signer = token.signer("identity")
    monkeypatch.setattr(token, "sign_digest", lambda *_: bytes(64))
    with pytest.raises(SignerAway, match="CITY-2055"):
        signer.sign(MESSAGE)
    with pytest.raises(CityError, match="CITY-2050"):
        token.signer("nobody")


def test_a_node_finds_its_keys_in_the_token(hsm: Hsm, tmp_path: Path) -> None:
    token = hsm.open()
    made = {name: token.generate(name) for name in ("identity", "identity-next", "vote", "admin")}
    config = NodeConfig(name="n", root=tmp_path, keys=Keys(signer=str(hsm.place)))
    assert [s.public_key for s in open_identities(config, INTL)] == [
        made["identity"],
        made["identity-next"],
    ]
    held = held_keys(config, INTL)
    assert held is not None and held.vote_key() == made["vote"]
    votes = ValidatorSet(0, (Validator("n", made["vote"]),))
    signer = held(votes)
    assert signer is not None and signer.name == "vote"
    assert held(ValidatorSet(0, (Validator("n", made["admin"]),))) is None  # no key for that
    with pytest.raises(CityError, match="CITY-2056"):
        held_keys(config, get_suite("sm"))


@pytest.mark.parametrize(
    "text",
    ["pkcs11:", "pkcs11:relative.so?token=px", "pkcs11:/m.so", "pkcs11:/m.so?token=",
     "pkcs11:/m.so?token=a&pin=1", "pkcs11:/m.so?token=a&more=b", "pkcs11:/m.so?token", "file", "remote:h:1"],
)  # fmt: skip
def test_what_names_no_token_is_refused(text: str) -> None:
    with pytest.raises(CityError, match="CITY-2056") as caught:
        read_place(text)
    assert "pin=1" not in str(caught.value)
    with pytest.raises(CityError, match="CITY-2056"):
        read_place("pkcs11:/m.so?token=px", needs_object=True)


def test_a_pin_comes_from_the_environment_or_a_file_of_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PIN_VARIABLE, raising=False)
    monkeypatch.delenv(PIN_FILE_VARIABLE, raising=False)
    with pytest.raises(CityError, match="CITY-2058"):
        read_pin()
    file = tmp_path / "pin"
    file.write_text("2468\n")
    file.chmod(0o600)
    monkeypatch.setenv(PIN_FILE_VARIABLE, str(file))
    assert read_pin() == "2468"
    file.chmod(0o640)
    with pytest.raises(CityError, match="CITY-2058"):
        read_pin()
    monkeypatch.setenv(PIN_VARIABLE, "1357")
    assert read_pin() == "1357"


def test_what_is_wrong_with_a_token_is_said(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(text: str) -> dict[str, Mark]:
        return {c.name: c.mark for c in examine_token(read_place(text))}

    good = f"pkcs11:{MODULES[0]}?token="
    whole = dict.fromkeys(("module", "token", "mechanisms"), Mark.ok)
    assert look(good + "px") == whole | {"keys": Mark.warn}
    hsm.open().generate("identity")
    assert look(good + "px") == whole | {"keys": Mark.ok}
    assert look(good + "other") == {"module": Mark.ok, "token": Mark.bad}
    assert look("pkcs11:/nowhere.so?token=px") == {"module": Mark.bad}
    pkcs11._shared.cache_clear()
    hsm.forget()
    monkeypatch.setenv(PIN_VARIABLE, "0000")
    assert look(good + "px") == whole | {"keys": Mark.bad}


def test_an_authority_in_a_token_issues_what_openssl_verifies(hsm: Hsm, tmp_path: Path) -> None:
    where = f"{hsm.place}"
    folder = tmp_path / "ca"
    city("ca", "init", "PX", "--dir", str(folder), "--suite", "intl", "--pkcs11", where, "--dev")
    assert not (folder / "ca.key").exists() and not (folder / "node-ca.key").exists()
    key, out = f"{where}&object=buyer", tmp_path / "buyer"
    city("identity", "new", key, "--suite", "intl")
    city("identity", "request", key, "buyer", "--role", "maker", "--out", f"{out}.csr")
    issue = ("ca", "issue", "--dir", str(folder), "--csr", f"{out}.csr", "--out", f"{out}.crt")
    city(*issue, "--dev")
    command = ["openssl", "verify", "-CAfile", str(folder / "ca.crt"), f"{out}.crt"]
    assert subprocess.run(command, capture_output=True, check=True).stdout.endswith(b": OK\n")
    city("identity", "new", f"{where}&object=b", "--suite", "sm", code="CITY-2056")
    city(
        "ca",
        "init",
        "Q",
        "--dir",
        str(tmp_path / "q"),
        "--pkcs11",
        where,
        "--dev",
        code="CITY-2056",
    )
    assert not (tmp_path / "q").exists()
