"""The native engine and the fixture that contract authors test with."""

import pytest

from contracts.runtime.api import ContractRefused
from contracts.runtime.testing import chain, chain_engine  # noqa: F401

TOKEN = """
from sdk import Map, Event, ctx, require, export, view

balances = Map("balance", 0)
Transfer = Event("Transfer")


@export
def mint(to: str, amount: int) -> int:
    require("issuer" in ctx.roles, "E_ROLE", "only an issuer may do this")
    balances[to] += amount
    return balances[to]


@export
def transfer(to: str, amount: int) -> bool:
    require(amount > 0, "E_AMOUNT", "amount must be positive")
    have = balances[ctx.sender]
    require(have >= amount, "E_BALANCE", "insufficient balance")
    balances[ctx.sender] = have - amount
    balances[to] += amount
    Transfer(sender=ctx.sender, to=to, amount=amount)
    return True


@view
def balance_of(who: str) -> int:
    return balances[who]
"""


def test_a_transfer_moves_the_balance(chain):  # noqa: F811
    chain.deploy("token", TOKEN)
    assert chain.ok("token", "mint", to="alice", amount=5, roles=("issuer",)) == 5
    result = chain.call("token", "transfer", to="bob", amount=3, sender="alice")
    assert result.ok and result.value is True
    assert result.events == [("Transfer", {"sender": "alice", "to": "bob", "amount": 3})]
    assert chain.state("token", "balance") == {"alice": 2, "bob": 3}
    chain.refused("E_BALANCE", "token", "transfer", to="bob", amount=9, sender="alice")
    assert chain.query("token", "balance_of", who="bob") == 3


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({"to": "bob"}, "missing argument 'amount'"),
        ({"to": "bob", "amount": 1, "memo": ""}, "unknown argument 'memo'"),
        ({"to": "bob", "amount": "1"}, "argument 'amount' is not an integer"),
        ({"to": "bob", "amount": True}, "argument 'amount' is not an integer"),
        ({"to": "bob", "amount": 1.0}, "a number with a decimal point"),
        ({"to": "bob", "amount": 1 << 256}, "argument 'amount' exceeds 256 bits"),
        ({"to": 5, "amount": 1}, "argument 'to' is not text"),
    ],
)
def test_wrong_arguments_are_refused_by_name(chain, args, why):  # noqa: F811
    chain.deploy("token", TOKEN)
    assert why in chain.refused("arguments", "token", "transfer", args=args).message


def test_unknown_contracts_methods_and_versions_are_refused(chain):  # noqa: F811
    chain.deploy("token", TOKEN)
    chain.refused("no-such-contract", "nothing", "transfer")
    chain.refused("no-such-method", "token", "nothing")
    chain.deploy("token", TOKEN, version=2)
    chain.refused("version-not-active", "token", "balance_of", who="x", version=1)


def test_a_bad_contract_is_refused_with_every_finding(chain):  # noqa: F811
    with pytest.raises(ContractRefused) as refused:
        chain.deploy("bad", "import os\n\n\ndef f():\n    return 1.5 + missing\n")
    found = [(d.line, d.column, d.code) for d in refused.value.diagnostics]
    assert found == [(1, 1, "CT101"), (5, 12, "CT401"), (5, 18, "CT203")]
