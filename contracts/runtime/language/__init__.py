"""The language of contracts: what is refused and why (linter), and how gas and guards get in (compiler)."""
