"""Benchmarks of a whole network: pre-signed load, one clock, figures a node."""
