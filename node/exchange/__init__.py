"""Exchanges of assets that stand on two channels: what parties send, and the carrier of proofs between both."""
