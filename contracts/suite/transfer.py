"""Balances that move: the smallest contract with reads, writes and an event. What benchmarks drive.

It holds no money and stands in development networks only.
"""

from sdk import Event, Map, export, require, view

balances = Map("balance", 0)
Transferred = Event("Transfer.Made")


@export
def open_account(owner: str, amount: int) -> int:
    require(0 < amount <= 1000000000000, "E_AMOUNT", "an amount is 1 to 1,000,000,000,000")
    balances[owner] = balances[owner] + amount
    return balances[owner]


@export
def transfer(source: str, to: str, amount: int) -> bool:
    require(amount > 0, "E_AMOUNT", "an amount is positive")
    require(source != to, "E_SELF", "source and target are the same")
    have = balances[source]
    require(have >= amount, "E_BALANCE", "not enough")
    balances[source] = have - amount
    balances[to] += amount
    Transferred(source=source, to=to, amount=amount)
    return True


@view
def balance_of(owner: str) -> int:
    return balances[owner]
