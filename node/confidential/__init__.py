"""What only some may read: sealed records, credentials with fields left out, hidden amounts."""
