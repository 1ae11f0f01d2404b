"""Token transfers in the `xian-tech-contracting` package, with its own metering. Run by a Python that has it:

    python3.12 -m venv scratch && scratch/bin/pip install xian-tech-contracting
    python -m tests.bench.against_xian --python scratch/bin/python

It imports nothing of ours. Prints CPU seconds a transfer as one line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ACCOUNTS = 1_000
SOURCE = """
balances = Hash(default_value=0)
Transfer = LogEvent(
    event="Transfer",
    params={
        "sender": {"type": str, "idx": True},
        "to": {"type": str, "idx": True},
        "amount": {"type": (int, float, decimal)},
    },
)

@construct
def seed():
    for at in range(1000):
        balances["account" + str(at)] = 1000000000

@export
def transfer(amount: int, to: str):
    assert amount > 0, "amount must be positive"
    have = balances[ctx.caller]
    assert have >= amount, "insufficient balance"
    balances[ctx.caller] = have - amount
    balances[to] += amount
    Transfer({"sender": ctx.caller, "to": to, "amount": amount})
    return True
"""


def main(count: int, rounds: int) -> None:
    from contracting.client import ContractingClient

    with tempfile.TemporaryDirectory() as folder:
        client = ContractingClient(storage_home=Path(folder), metering=False)
        client.submit(SOURCE, name="currency")
        execute = client.executor.execute

        def run(first: int, number: int) -> float:
            started = time.process_time()
            for at in range(first, first + number):
                done = execute(
                    sender=f"account{at % ACCOUNTS}",
                    contract_name="currency",
                    function_name="transfer",
                    kwargs={"amount": 5, "to": f"account{(7 * at + 1) % ACCOUNTS}"},
                    metering=True,
                )
                assert done["status_code"] == 0, done["result"]
                assert done["chi_used"] > 0 and len(done["events"]) == 1
            return (time.process_time() - started) / number

        run(0, 50)
        best = min(run(n * count, count) for n in range(rounds))
    print(
        json.dumps(
            {
                "package": version("xian-tech-contracting"),
                "python": sys.version.split()[0],
                "seconds": best,
            }
        )
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
