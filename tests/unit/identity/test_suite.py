"""Both suites behind their front layer: total verification, shapes, sealing, the key cache."""

import pytest

from consensus.tags import Tag, preimage
from node.identity.errors import BadKey, BadSeal
from node.identity.suite import DEFAULT_ID, Item, generate_key, get_suite, identity_digest
from tests.damage import flipped


@pytest.fixture(params=["sm", "intl"])
def suite(request):
    return get_suite(request.param)


def test_a_suite_is_found_by_name_and_by_id_and_made_once(suite):
    assert get_suite(suite.name) is get_suite(suite.id) is suite


@pytest.mark.parametrize("wrong", ["SM", "", 0, 3, None])
def test_an_unknown_suite_is_refused(wrong):
    with pytest.raises(ValueError, match="unknown crypto suite"):
        get_suite(wrong)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="unknown crypto backend"):
        get_suite("sm", "kernel")


def test_both_suites_have_the_same_shapes(suite):
    key = generate_key(suite)
    signature = suite.signer(key).sign(b"message")
    assert (len(key.public_key), len(signature), len(suite.hash(b""))) == (65, 64, 32)
    hasher = suite.hasher()
    hasher.update(b"mess")
    hasher.update(b"age")
    assert hasher.digest() == suite.hash(b"message")


def test_a_signature_counts_for_its_key_message_and_bytes_only(suite):
    key, other = generate_key(suite), generate_key(suite)
    signature = suite.signer(key).sign(b"message")
    assert suite.verify(key.public_key, b"message", signature)
    assert not suite.verify(key.public_key, b"messagf", signature)
    assert not suite.verify(other.public_key, b"message", signature)
    for position in range(64):
        changed = bytearray(signature)
        changed[position] ^= 1
        assert not suite.verify(key.public_key, b"message", bytes(changed))


def test_verify_is_total_over_lengths_and_bad_keys(suite):
    key = generate_key(suite)
    signature = suite.signer(key).sign(b"m")
    for length in range(200):
        if length != 64:
            assert suite.verify(key.public_key, b"m", (signature * 4)[:length]) is False
        if length != 65:
            assert suite.verify((key.public_key * 4)[:length], b"m", signature) is False
    for first in (0, 2, 3, 5, 6, 7):
        assert suite.verify(bytes((first,)) + key.public_key[1:], b"m", signature) is False
    assert suite.verify(b"\4" + bytes(64), b"m", signature) is False
    assert suite.verify(flipped(key.public_key), b"m", signature) is False
    assert suite.verify(key.public_key, b"m", signature, b"x" * 8192) is False


@pytest.mark.parametrize("argument", range(4))
@pytest.mark.parametrize("wrong", ["text", None, 5, bytearray(64)])
def test_only_a_callers_mistake_of_type_raises(suite, argument, wrong):
    key = generate_key(suite)
    arguments = [key.public_key, b"m", suite.signer(key).sign(b"m"), DEFAULT_ID]
    arguments[argument] = wrong
    with pytest.raises(TypeError):
        suite.verify(*arguments)


def test_ids_from_empty_to_8191_bytes_are_bound_into_sm2_signatures():
    suite = get_suite("sm")
    key = generate_key(suite)
    signer = suite.signer(key)
    ids = [b"", b"x" * 16, b"x" * 8191, DEFAULT_ID]
    for own in ids:
        signature = signer.sign(b"m", own)
        assert [suite.verify(key.public_key, b"m", signature, i) for i in ids] == [
            i == own for i in ids
        ]
    with pytest.raises(ValueError, match="8191"):
        signer.sign(b"m", b"x" * 8192)


@pytest.mark.parametrize("message", [b"", b"x" * (1 << 20)], ids=["empty", "1 MiB"])
def test_empty_and_large_messages_are_signed(suite, message):
    key = generate_key(suite)
    assert suite.verify(key.public_key, message, suite.signer(key).sign(message))


def test_verify_many_answers_in_order_and_takes_plain_tuples(suite):
    key = generate_key(suite)
    signature = suite.signer(key).sign(b"m")
    items = [
        Item(key.public_key, b"m", signature),
        (key.public_key, b"n", signature),
        (b"", b"m", signature),
        (key.public_key, b"m", signature, DEFAULT_ID),
    ]
    assert suite.verify_many(items) == [True, False, False, True]


def test_the_key_cache_is_bounded_and_bad_keys_do_not_enter_it():
    suite = get_suite("sm")
    before = suite._key.cache_info()
    assert before.maxsize == 4096
    for number in range(50):
        assert not suite.verify(b"\4" + number.to_bytes(64), b"m", b"\1" * 64)
    assert suite._key.cache_info().currsize == before.currsize


def test_p256_signatures_are_low_s_and_the_high_twin_is_refused():
    from node.identity.curve import P256

    suite = get_suite("intl")
    key = generate_key(suite)
    signer = suite.signer(key)
    for number in range(40):
        message = bytes((number,))
        signature = signer.sign(message)
        s = int.from_bytes(signature[32:])
        assert s <= (P256.n - 1) // 2
        twin = signature[:32] + (P256.n - s).to_bytes(32)
        assert suite.verify(key.public_key, message, signature)
        assert not suite.verify(key.public_key, message, twin)


def test_a_key_of_one_suite_is_no_key_of_the_other():
    sm, intl = get_suite("sm"), get_suite("intl")
    for suite, other in ((sm, intl), (intl, sm)):
        key = generate_key(suite)
        with pytest.raises(BadKey):
            other.check_public_key(key.public_key)
        with pytest.raises(BadKey):
            other.signer(key)


def test_sealing_opens_again_and_any_change_is_noticed(suite):
    key, nonce = bytes(range(16)), bytes(range(12))
    sealed = suite.seal(key, nonce, b"secret", b"aad")
    assert suite.open(key, nonce, sealed, b"aad") == b"secret"
    assert len(sealed) == len(b"secret") + 16
    bad = [
        (key, nonce, flipped(sealed), b"aad"),
        (key, nonce, flipped(sealed, 0), b"aad"),
        (key, nonce, sealed, b"aae"),
        (key, flipped(nonce), sealed, b"aad"),
        (flipped(key), nonce, sealed, b"aad"),
        (key, nonce, sealed[:15], b"aad"),
        (key, nonce, b"", b"aad"),
    ]
    for arguments in bad:
        with pytest.raises(BadSeal):
            suite.open(*arguments)


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_only_nonces_of_96_bits_are_taken(suite, length):
    with pytest.raises(ValueError, match="nonce"):
        suite.seal(bytes(16), bytes(length), b"", b"")
    with pytest.raises(ValueError, match="nonce"):
        suite.open(bytes(16), bytes(length), bytes(16), b"")


def test_an_identity_is_the_tagged_hash_of_a_good_key(suite):
    key = generate_key(suite).public_key
    expected = suite.hash(preimage(Tag.IDENTITY, suite.id, key))
    assert identity_digest(suite, key) == expected
    with pytest.raises(BadKey):
        identity_digest(suite, key[:-1])
