"""Key files: round trips with ourselves and with the `openssl` tool, and everything refused."""

import contextlib
import os
import shutil
import stat
import subprocess

import pytest

from node.identity.curve import SM2
from node.identity.der import der_to_raw, raw_to_der
from node.identity.errors import BadKey, KeyFileError, UnsafeKeyFile, WrongPassword
from node.identity.keyfile import FILE_LEN_MAX, decode_key, encode_key, read_key, write_key
from node.identity.keys import subject_public_key_info
from node.identity.signers import FileSigner
from node.identity.suite import DEFAULT_ID, get_suite

PASSWORD = b"correct horse"
OPENSSL = shutil.which("openssl")
needs_tool = pytest.mark.skipif(
    OPENSSL is None, reason="no `openssl` tool here: key files are not checked against it"
)


@pytest.fixture(params=["sm", "intl"])
def suite(request):
    return get_suite(request.param)


def tool(*arguments, data=None):
    return subprocess.run(
        [OPENSSL, *map(str, arguments)], input=data, capture_output=True, check=True, timeout=180
    ).stdout


def make_with_tool(suite):
    curve = "SM2" if suite.name == "sm" else "P-256"
    return tool("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}")


def test_a_key_is_written_0600_and_read_back(suite, tmp_path):
    key = suite.generate_key()
    path = tmp_path / "identity.pem"
    write_key(path, key, PASSWORD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path, PASSWORD) == key
    text = path.read_bytes()
    assert text.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    signer = FileSigner(path, PASSWORD)
    assert suite.verify(signer.public_key, b"m", signer.sign(b"m"))


def test_two_files_of_one_key_share_no_ciphertext(suite):
    key = suite.generate_key()
    assert encode_key(key, PASSWORD).splitlines()[4:] != encode_key(key, PASSWORD).splitlines()[4:]


def test_a_key_file_is_never_overwritten(suite, tmp_path):
    path = tmp_path / "k.pem"
    write_key(path, suite.generate_key(), PASSWORD)
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="exists already"):
        write_key(path, suite.generate_key(), PASSWORD)
    assert path.read_bytes() == before


def test_unencrypted_keys_are_for_development_only(suite, tmp_path):
    key, path = suite.generate_key(), tmp_path / "k.pem"
    with pytest.raises(UnsafeKeyFile):
        write_key(path, key, None)
    with pytest.raises(UnsafeKeyFile):
        write_key(path, key, b"", dev=True)
    assert not path.exists()
    write_key(path, key, None, dev=True)
    assert read_key(path, dev=True) == key
    with pytest.raises(UnsafeKeyFile, match="not encrypted") as caught:
        read_key(path)
    assert caught.value.code == "CITY-2007" and str(path) in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o610, 0o700, 0o777])
def test_a_file_that_others_can_read_is_refused_with_the_command_to_run(tmp_path, mode):
    path = tmp_path / "k.pem"
    write_key(path, get_suite("sm").generate_key(), PASSWORD)
    path.chmod(mode)
    with pytest.raises(UnsafeKeyFile, match=f"chmod 600 {path}"):
        read_key(path, PASSWORD)


def test_a_wrong_password_and_a_missing_one_are_told_without_key_material(suite, tmp_path):
    key, path = suite.generate_key(), tmp_path / "k.pem"
    write_key(path, key, PASSWORD)
    for password in (b"wrong", None):
        with pytest.raises(WrongPassword) as caught:
            read_key(path, password)
        assert caught.value.code == "CITY-2006"
        assert key.scalar.hex() not in str(caught.value)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path):
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_key(tmp_path / "none.pem")
    with pytest.raises(KeyFileError):
        read_key(tmp_path)


def test_truncated_and_changed_files_are_refused_and_nothing_else_is_raised(suite):
    key = suite.generate_key()
    text = encode_key(key, None, dev=True)
    for cut in range(0, len(text) - 30, 7):
        with pytest.raises(KeyFileError):
            decode_key(text[:cut], dev=True)
    from asn1crypto import pem

    _, _, der = pem.unarmor(text)
    for position in range(len(der)):
        for bit in (0, 3, 7):
            changed = bytearray(der)
            changed[position] ^= 1 << bit
            with contextlib.suppress(KeyFileError):  # refused, or it says nothing about the key
                assert decode_key(pem.armor("PRIVATE KEY", bytes(changed)), dev=True) == key


def test_changed_encrypted_files_are_refused_and_nothing_else_is_raised(monkeypatch):
    from asn1crypto import pem

    from node.identity import keyfile

    monkeypatch.setattr(keyfile, "SCRYPT_N", 2)  # a quick derivation, so that many can be tried
    key = get_suite("sm").generate_key()
    _, _, der = pem.unarmor(encode_key(key, PASSWORD))
    # Everything up to the ciphertext: algorithms and their parameters.
    for position in range(len(der) - 130):
        changed = bytearray(der)
        changed[position] ^= 0x15
        with contextlib.suppress(KeyFileError):
            assert decode_key(pem.armor("ENCRYPTED PRIVATE KEY", bytes(changed)), PASSWORD) == key


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        b"\xff" * 100,
        b"-" * (FILE_LEN_MAX + 1),
    ],
)
def test_what_is_no_pkcs8_key_is_refused(data):
    with pytest.raises(KeyFileError):
        decode_key(data, PASSWORD, dev=True)


def test_a_file_that_asks_for_too_much_memory_or_time_is_refused():
    from asn1crypto import pem

    from node.identity import keyfile

    _, _, der = pem.unarmor(encode_key(get_suite("sm").generate_key(), PASSWORD))
    info = keyfile._EncryptedInfo.load(der)
    scheme = info["algorithm"]["parameters"].parse(keyfile._Pbes2)
    cipher = scheme["cipher"]

    def with_kdf(oid, params):
        pbes2 = keyfile._Pbes2(
            {"kdf": {"algorithm": oid, "parameters": params}, "cipher": cipher.copy()}
        )
        made = keyfile._EncryptedInfo(
            {
                "algorithm": {"algorithm": keyfile._PBES2, "parameters": pbes2},
                "data": info["data"].native,
            }
        )
        return pem.armor("ENCRYPTED PRIVATE KEY", made.dump())

    scrypt = {"salt": b"x" * 16, "n": 2**14, "r": 8, "p": 1}
    for change in ({"n": 2**30}, {"n": 2**20, "r": 32}, {"n": 1000}, {"r": 0}, {"p": 10**9}):
        text = with_kdf(keyfile._SCRYPT, keyfile._Scrypt(scrypt | change))
        with pytest.raises(KeyFileError, match="scrypt"):
            decode_key(text, PASSWORD)
    for iterations in (0, -1, 10**12):
        params = keyfile._Pbkdf2({"salt": b"x" * 16, "iterations": iterations})
        with pytest.raises(KeyFileError, match="PBKDF2"):
            decode_key(with_kdf(keyfile._PBKDF2, params), PASSWORD)


@needs_tool
def test_the_tool_reads_what_we_write(suite, tmp_path):
    key, path = suite.generate_key(), tmp_path / "k.pem"
    write_key(path, key, PASSWORD)
    text = tool("pkey", "-in", path, "-passin", f"pass:{PASSWORD.decode()}", "-noout", "-text")
    shown = text.decode().replace(":", "").replace(" ", "").replace("\n", "")
    assert key.scalar.hex() in shown and key.public_key.hex() in shown


@needs_tool
def test_a_public_key_is_written_as_the_tool_writes_it(suite):
    key = suite.generate_key()
    text = encode_key(key, None, dev=True)
    der = tool("pkey", "-pubout", "-outform", "DER", data=text)
    assert subject_public_key_info(suite.id, key.public_key) == der
    with pytest.raises(BadKey):
        subject_public_key_info(3 - suite.id, key.public_key)


@needs_tool
@pytest.mark.parametrize(
    "options",
    [
        ("-v2", "sm4-cbc", "-scrypt"),
        ("-v2", "sm4-cbc"),
        ("-v2", "aes-256-cbc", "-scrypt"),
        ("-v2", "aes-128-cbc", "-iter", "5000"),
        ("-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"),
        ("-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"),
    ],
    ids=" ".join,
)
def test_we_read_what_the_tool_writes(suite, options):
    plain = make_with_tool(suite)
    encrypted = tool(
        "pkcs8", "-topk8", *options, "-passout", f"pass:{PASSWORD.decode()}", data=plain
    )
    key = decode_key(encrypted, PASSWORD)
    assert key.suite_id == suite.id
    assert key == decode_key(tool("pkcs8", "-topk8", "-nocrypt", data=plain), dev=True)
    with pytest.raises(WrongPassword):
        decode_key(encrypted, PASSWORD + b"!")


@needs_tool
def test_ciphers_and_curves_that_we_do_not_use_are_refused(suite):
    plain = make_with_tool(suite)
    odd = tool("pkcs8", "-topk8", "-v2", "des3", "-passout", "pass:x", data=plain)
    with pytest.raises(KeyFileError, match="cipher"):
        decode_key(odd, b"x")
    other = tool("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")
    with pytest.raises(KeyFileError, match="curve"):
        decode_key(other, dev=True)
    rsa = tool("genpkey", "-algorithm", "ED25519")
    with pytest.raises(KeyFileError):
        decode_key(rsa, dev=True)


@needs_tool
def test_sm2_signatures_are_exchanged_with_the_tool(tmp_path):
    suite = get_suite("sm")
    key, message = suite.generate_key(), b"a letter of credit"
    (tmp_path / "m").write_bytes(message)
    write_key(tmp_path / "k", key, None, dev=True)
    common = ("-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{DEFAULT_ID.decode()}")
    made = tool("pkeyutl", "-sign", "-inkey", tmp_path / "k", "-in", tmp_path / "m", *common)
    assert suite.verify(key.public_key, message, der_to_raw(made))
    (tmp_path / "s").write_bytes(raw_to_der(suite.signer(key).sign(message)))
    answer = tool(
        "pkeyutl", "-verify", "-inkey", tmp_path / "k", "-in", tmp_path / "m",
        "-sigfile", tmp_path / "s", *common,
    )  # fmt: skip
    assert b"Verified Successfully" in answer


def test_a_stored_scalar_out_of_range_or_another_public_key_is_refused():
    from asn1crypto import pem

    suite = get_suite("sm")
    key = suite.generate_key()
    _, _, der = pem.unarmor(encode_key(key, None, dev=True))
    for scalar in (bytes(32), (SM2.n - 1).to_bytes(32), SM2.n.to_bytes(32), b"\xff" * 32):
        with pytest.raises(KeyFileError):
            decode_key(pem.armor("PRIVATE KEY", der.replace(key.scalar, scalar)), dev=True)
    other = suite.generate_key().public_key
    with pytest.raises(KeyFileError, match="does not belong"):
        decode_key(pem.armor("PRIVATE KEY", der.replace(key.public_key, other)), dev=True)


@pytest.mark.skipif(os.name != "posix", reason="umask is a matter of posix")
def test_a_wide_umask_does_not_widen_the_file(tmp_path):
    before = os.umask(0)
    try:
        write_key(tmp_path / "k", get_suite("sm").generate_key(), PASSWORD)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
