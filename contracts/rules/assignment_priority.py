"""Whose assignment of one claim comes first, and how a payment runs down among them (Civil Code art. 768).

Filed in the unified register before not filed, the earlier filing first; then by the notice to the debtor, the
earlier first; what has neither shares in proportion. A claim is (amount, filed_ms, noticed_ms), 0 for never.
"""


def in_order(claims: list) -> list:
    """Groups of indexes: one after the other, those of a group side by side."""
    every = range(len(claims))
    filed = sorted((claims[i][1], i) for i in every if claims[i][1] > 0)
    told = sorted((claims[i][2], i) for i in every if claims[i][1] == 0 and claims[i][2] > 0)
    rest = [i for i in every if claims[i][1] == 0 and claims[i][2] == 0]
    return [[i] for _, i in filed] + [[i] for _, i in told] + ([rest] if rest else [])


def waterfall(received: int, claims: list, split) -> tuple:
    """(what each claim gets, what is left over): to the minor unit, nobody more than his amount.

    split: `parts.split_by_weights`.
    """
    parts = [0] * len(claims)
    left = received
    for group in in_order(claims):
        amounts = [claims[i][0] for i in group]
        given = min(left, sum(amounts))
        shares = split(given, amounts) if given > 0 else [0] * len(group)
        for at in range(len(group)):
            parts[group[at]] = shares[at]
        left -= given
    return (parts, left)
