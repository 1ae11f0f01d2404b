"""The reference registration center: money's own ledger, simulated honestly.

No public DC/EP interface exists; this is a simulator of the outside system that the chain's contract checks
by proofs alone. Coins are whole fen in a UTXO set; every accepted transaction appends one leaf an output
to a Merkle log over SM3, whose heads the center signs.

    model      stored records              rules   what a transaction must satisfy (pure)
    log        the append-only Merkle log  center  state, batches, conservation, restart checks
    proofs     building payment proofs     api     HTTP, strict JSON, signed requests
    client     what banks and wallets use  cli     `city regcenter`
"""
