"""Guessing the keys of a block: what is guessed, what is not, and that no guess changes a result."""

import json

from contracts.runtime import keys
from contracts.runtime.api import Transaction, TxResult
from node.execution.read_prediction import METHODS_MAX, SHAPES_MAX, ReadPredictor


def tx(sender="alice", method="move", args_json=None, **args):
    text = json.dumps(args) if args_json is None else args_json
    return Transaction(bytes(32), "token", 1, method, text, sender, "bank", (), 1_000_000)


def result(*read):
    return TxResult(bytes(32), "ok", "", "", 1, b"\x00", (), (), read)


def key(*parts):
    return keys.state_key("token", *parts)


def test_keys_made_of_arguments_sender_and_member_are_guessed_for_the_next_call():
    predictor = ReadPredictor()
    read = (
        key("balance", "alice"),
        key("balance", "bob"),
        key("limit", ("bank", 7)),
        key("total"),
    )
    predictor.learn(tx(to="bob", day=7), result(*read), ())
    assert predictor.predict([tx("carol", to="dave", day=8)]) == {
        key("balance", "carol"), key("balance", "dave"), key("limit", ("bank", 8)), key("total"),
    }  # fmt: skip


def test_nothing_is_learnt_from_what_was_known_or_from_constants_and_foreign_bytes():
    predictor = ReadPredictor()
    known = key("balance", "alice")
    read = (known, key("balance", "somebody"), b"no key")
    predictor.learn(tx(), result(*read), {known: None})
    assert predictor.predict([tx()]) == set()


def test_a_call_without_the_argument_or_with_hostile_arguments_guesses_only_what_it_can():
    predictor = ReadPredictor()
    predictor.learn(tx(to="bob"), result(key("balance", "alice"), key("balance", "bob")), ())
    for text in ("", "[1]", "{", "[" * 100_000, '{"to": {"a": 1}}', '{"to": 1.5}', "null"):
        assert predictor.predict([tx("carol", args_json=text)]) == {key("balance", "carol")}
    assert predictor.predict([tx("carol", to="x" * 2000)]) == {key("balance", "carol")}
    assert predictor.predict([tx("carol", to="\ud800")]) == {key("balance", "carol")}
    assert predictor.predict([tx("carol", method="other", to="bob")]) == set()


def test_memory_is_bounded_in_methods_and_shapes():
    predictor = ReadPredictor()
    for n in range(METHODS_MAX + 10):
        predictor.learn(tx(method=f"m{n}"), result(key("balance", "alice")), ())
    assert predictor.predict([tx(method="m0")]) == set()
    for n in range(SHAPES_MAX + 10):
        predictor.learn(tx(), result(key(f"object{n}", "alice")), ())
    assert len(predictor.predict([tx()])) == SHAPES_MAX
