"""Faults against real networks: `python -m tests.faults` plays them in random order, under load."""
