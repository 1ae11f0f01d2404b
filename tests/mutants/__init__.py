"""Planted mistakes: the simulator is accepted only if it finds them all (`python -m tests.mutants`)."""
