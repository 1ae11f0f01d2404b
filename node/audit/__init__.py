"""For auditors: every movement of claims and money as a journal from the chain's events, the same balances
counted anew from the ledger, and where the two part."""
