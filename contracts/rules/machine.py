"""State machines as data: rows of (from, call, who, guard, to, event), read by the contract at run time.

The rows are the tables of domain/trade-finance.md. `from` may name several states (`DRAFT|OFFERED`);
"-" is "does not exist yet". `guard` is for people: the method checks it.
"""


def row_for(table: tuple, state: str, move: str):
    """The row that allows the move in this state, or None."""
    for row in table:
        if row[1] == move and state in row[0].split("|"):
            return row
    return None


def moves_from(table: tuple, state: str) -> list:
    """The possible next steps of an object: what, who may, under which condition, where it leads."""
    return [
        {"call": row[1], "who": row[2], "guard": row[3], "to": row[4]}
        for row in table
        if state in row[0].split("|")
    ]
