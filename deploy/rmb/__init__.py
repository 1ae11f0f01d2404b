"""Three uses of the currency abroad, played against the reference registration center: settlement of trade,
cross-border investment and financing, reserve holding.

    python -m deploy.rmb             all three; or trade, investment, reserve

Every step states what it expects, refusals with their codes among them, and the play ends at the first that
differs. Companies, banks and authorities are invented or simulated.
"""
