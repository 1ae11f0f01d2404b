"""One application over several ledgers: submit, query, subscribe, proof, whoever made the ledger behind it."""
