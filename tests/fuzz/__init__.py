"""Fuzzing of everything that reads a peer's, a client's or a file's bytes: `python -m tests.fuzz`."""
