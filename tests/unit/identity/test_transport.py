"""Transport certificates: what gRPC's TLS accepts, and what is refused."""

import datetime
import stat

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from node.identity.errors import BadCertificate, UnsafeKeyFile
from node.identity.keyfile import encode_key
from node.identity.suite import get_suite
from node.identity.transport import (
    NO_END,
    TransportIdentity,
    fingerprint,
    issue_transport_certificate,
    load_certificate,
    load_transport,
    make_peer_ca,
    save_transport,
    verify_issued,
)


def now() -> datetime.datetime:
    """When it is asked: certificates are made in the tests, long after this file was read."""
    return datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def authority():
    return make_peer_ca("Shenzhen peer authority")


@pytest.fixture(scope="module")
def issued(authority):
    return issue_transport_certificate(authority, "shenzhen", ["localhost", "127.0.0.1", "::1"])


def test_a_certificate_names_its_hosts_and_serves_both_ends(authority, issued):
    certificate = load_certificate(issued.certificate_pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert len(list(usage)) == 2
    verify_issued(issued.certificate_pem, authority.certificate_pem, now())


def test_a_nodes_certificate_has_no_end_of_its_own(authority, issued):
    """Two years on a running validator must still make links: the configuration ends what it pins."""
    later = now() + datetime.timedelta(days=2 * 365)
    verify_issued(issued.certificate_pem, authority.certificate_pem, later)
    assert load_certificate(issued.certificate_pem).not_valid_after_utc == NO_END


def test_a_fingerprint_is_sha256_of_the_der(issued):
    import hashlib

    der = load_certificate(issued.certificate_pem).public_bytes(serialization.Encoding.DER)
    assert issued.fingerprint == fingerprint(issued.certificate_pem) == hashlib.sha256(der).digest()


def test_another_authority_an_expired_certificate_and_a_leaf_as_issuer_are_refused(
    authority, issued
):
    other = make_peer_ca("Shenzhen peer authority")  # the same name, another key
    with pytest.raises(BadCertificate, match="not issued"):
        verify_issued(issued.certificate_pem, other.certificate_pem, now())
    ending = issue_transport_certificate(authority, "shenzhen", ["localhost"], days=397)
    for days in (-1, 500):
        with pytest.raises(BadCertificate, match="valid from"):
            at = now() + datetime.timedelta(days=days)
            verify_issued(ending.certificate_pem, authority.certificate_pem, at)
    with pytest.raises(BadCertificate, match="not an authority"):
        issue_transport_certificate(issued, "x", ["localhost"])
    with pytest.raises(BadCertificate, match="not an authority"):
        verify_issued(issued.certificate_pem, issued.certificate_pem, now())
    with pytest.raises(BadCertificate, match="does not belong"):
        issue_transport_certificate(
            TransportIdentity(authority.certificate_pem, other.key_pem), "x", ["localhost"]
        )


@pytest.mark.parametrize("hosts", [[], [""], ["a b"], ["http://x"], ["北京"], ["x" * 254]])
def test_hosts_that_are_no_names_are_refused(authority, hosts):
    with pytest.raises(BadCertificate):
        issue_transport_certificate(authority, "x", hosts)


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_common_name_has_1_to_64_characters(name):
    with pytest.raises(BadCertificate):
        make_peer_ca(name)


def test_files_are_written_and_read_and_the_key_is_ours_alone(tmp_path, issued):
    certificate, key = tmp_path / "transport.crt", tmp_path / "transport.pem"
    save_transport(issued, certificate, key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert load_transport(certificate, key) == issued
    with pytest.raises(FileExistsError):
        save_transport(issued, certificate, key)
    key.chmod(0o644)
    with pytest.raises(UnsafeKeyFile, match="chmod 600"):
        load_transport(certificate, key)


def test_a_key_of_another_certificate_is_refused(tmp_path, authority, issued):
    other = issue_transport_certificate(authority, "other", ["localhost"])
    mixed = TransportIdentity(issued.certificate_pem, other.key_pem)
    save_transport(mixed, tmp_path / "c", tmp_path / "k")
    with pytest.raises(BadCertificate, match="does not belong"):
        load_transport(tmp_path / "c", tmp_path / "k")


def test_what_is_no_p256_certificate_is_refused(issued):
    half = issued.certificate_pem[: len(issued.certificate_pem) // 2]
    sm2_key = encode_key(get_suite("sm").generate_key(), None, dev=True)
    twice = issued.certificate_pem * 2
    for data in (b"", b"x", half, sm2_key, issued.key_pem, twice, b"\n" * 20_000):
        with pytest.raises(BadCertificate):
            load_certificate(data)


def test_changed_certificates_raise_nothing_but_our_own_error(authority, issued):
    der = load_certificate(issued.certificate_pem).public_bytes(serialization.Encoding.DER)
    import base64

    for position in range(0, len(der), 3):
        changed = bytearray(der)
        changed[position] ^= 0x21
        body = base64.encodebytes(bytes(changed))
        text = b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"
        with pytest.raises(BadCertificate):
            verify_issued(text, authority.certificate_pem, now())


def test_the_private_key_does_not_show(issued):
    assert "PRIVATE KEY" not in repr(issued)


def test_grpc_connects_with_each_others_certificate_pinned(authority, issued):
    client = issue_transport_certificate(authority, "guangzhou", ["localhost"])
    seen = []

    class Echo(grpc.GenericRpcHandler):
        def service(self, details):
            def answer(request, context):
                seen.append(context.auth_context()["x509_pem_cert"][0])
                return request

            return grpc.unary_unary_rpc_method_handler(answer)

    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Echo()])
    port = server.add_secure_port(
        "127.0.0.1:0",
        grpc.ssl_server_credentials(
            [(issued.key_pem, issued.certificate_pem)],
            root_certificates=authority.certificate_pem,
            require_client_auth=True,
        ),
    )
    server.start()
    try:
        pinned = grpc.ssl_channel_credentials(
            issued.certificate_pem, client.key_pem, client.certificate_pem
        )
        with grpc.secure_channel(f"127.0.0.1:{port}", pinned) as channel:
            assert channel.unary_unary("/t/Echo")(b"hello", timeout=60) == b"hello"
        assert fingerprint(seen[0]) == client.fingerprint
        other = issue_transport_certificate(authority, "shenzhen", ["127.0.0.1"])
        wrong = grpc.ssl_channel_credentials(
            other.certificate_pem, client.key_pem, client.certificate_pem
        )
        with grpc.secure_channel(f"127.0.0.1:{port}", wrong) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary("/t/Echo")(b"hello", timeout=60)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    finally:
        server.stop(None)
