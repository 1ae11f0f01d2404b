"""Facts from outside. Payments bring their own proof: an adapter fetches and carries it, the contract decides.

adapter      PaymentAdapter, what every source of payment proofs offers, and `deliver`
proof_relay  ProofRelay: proofs of the DC/EP registration center, asked for with the holder's key
"""
