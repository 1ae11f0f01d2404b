"""Nonces are never repeated: seeded, threaded and forked. Threads verify without a mix-up."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from node.identity.errors import BadKey
from node.identity.keys import PrivateKey
from node.identity.signers import MemorySigner
from node.identity.suite import get_suite

COUNT = 2000


def test_many_signatures_have_distinct_r_even_when_random_is_seeded():
    suite = get_suite("sm")
    signer = MemorySigner(suite.generate_key())
    seen = set()
    for _ in range(COUNT):
        random.seed(1)
        seen.add(signer.sign(b"the same message")[:32])
    assert len(seen) == COUNT


def test_threads_signing_with_one_signer_give_distinct_and_valid_signatures():
    suite = get_suite("sm")
    signer = MemorySigner(suite.generate_key())
    messages = [number.to_bytes(4) for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(signer.sign, messages))
    assert len({signature[:32] for signature in signatures}) == len(messages)
    for message, signature in zip(messages, signatures, strict=True):
        assert suite.verify(signer.public_key, message, signature)


def test_threads_verifying_with_few_keys_mix_nothing_up():
    suite = get_suite("sm")
    items, expected = [], []
    for _ in range(4):
        signer = MemorySigner(suite.generate_key())
        for number in range(30):
            message = number.to_bytes(4)
            items.append((signer.public_key, message, signer.sign(message)))
            expected.append(True)
            items.append((signer.public_key, message + b"x", items[-1][2]))
            expected.append(False)
    batches = [items[start : start + 20] for start in range(0, len(items), 20)]
    with ThreadPoolExecutor(6) as pool:
        answers = [answer for batch in pool.map(suite.verify_many, batches) for answer in batch]
    assert answers == expected


def test_more_keys_than_the_cache_holds_are_still_verified_right(monkeypatch):
    from node.identity import sm2

    monkeypatch.setattr(sm2, "KEY_CACHE_MAX", 3)
    suite = sm2.SmSuite(get_suite("sm").backend)
    signers = [suite.signer(suite.generate_key()) for _ in range(9)]
    signed = [(s.public_key, b"m", s.sign(b"m")) for s in signers]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(suite.verify_many, [signed] * 8))
    assert answers == [[True] * 9] * 8
    assert suite._key.cache_info().currsize == 3


FORKED = """
import os
from node.identity.suite import get_suite
suite = get_suite("sm")
signer = suite.signer(suite.generate_key())
signer.sign(b"m")
for _ in range(3):
    child = os.fork()
    if child == 0:
        for _ in range(20):
            os.write(1, signer.sign(b"m")[:32].hex().encode() + b"\\n")
        os._exit(0)
    os.waitpid(child, 0)
for _ in range(20):
    os.write(1, signer.sign(b"m")[:32].hex().encode() + b"\\n")
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this platform has no fork")
def test_a_forked_process_repeats_no_nonce_of_its_parent():
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, check=True, timeout=180
    )
    values = done.stdout.split()
    assert len(values) == 80 and len(set(values)) == 80


@pytest.mark.parametrize("name", ["sm", "intl"])
def test_private_scalars_from_1_to_n_minus_2_are_taken_and_no_others(name):
    suite = get_suite(name)
    from node.identity.keys import CURVES

    n = CURVES[suite.id].n
    for scalar in (1, 2, n - 3, n - 2):
        key = suite.private_key(scalar.to_bytes(32))
        assert suite.verify(key.public_key, b"m", suite.signer(key).sign(b"m"))
    for scalar in (0, n - 1, n, n + 1, 2**256 - 1):
        with pytest.raises(BadKey):
            suite.private_key(scalar.to_bytes(32))
    for scalar in (b"", b"\1", bytes(31) + b"\1\1"):
        with pytest.raises(BadKey):
            suite.private_key(scalar)


@pytest.mark.parametrize("name", ["sm", "intl"])
def test_a_private_key_with_anothers_public_key_signs_nothing(name):
    suite = get_suite(name)
    one, other = suite.generate_key(), suite.generate_key()
    with pytest.raises(BadKey, match="does not belong"):
        suite.signer(PrivateKey(suite.id, other.public_key, one.scalar))


@pytest.mark.parametrize("name", ["sm", "intl"])
def test_the_private_scalar_shows_in_no_text_and_no_pickle(name):
    import pickle

    suite = get_suite(name)
    key = suite.generate_key()
    signer = MemorySigner(key)
    inner = suite.signer(key)
    number = int.from_bytes(key.scalar)
    secrets = (key.scalar.hex(), repr(key.scalar)[2:-1], str(number), f"{number:x}")
    for text in (repr(key), str(key), repr(signer), repr(inner), f"{key}", repr(signer.__dict__)):
        assert not [secret for secret in secrets if secret in text]
    for thing in (key, signer):
        with pytest.raises((TypeError, AttributeError, ValueError)):
            pickle.dumps(thing)
