"""Proof files and evidence bundles: `building` from the ledger, `reading` offline and from the bytes alone."""
