"""Who somebody is: crypto suites, keys, signers, transport certificates.

Start at `suite.get_suite`: it finds a library, proves it with known answers, and gives hashing,
verification, signing and sealing behind one strict layer (`sm2`, `p256`). `signers` signs, `keyfile`
reads and writes keys, `transport` makes the certificates of gRPC's TLS, `cases` runs published test
vectors. Libraries are behind `backend.Backend`; nothing but a suite calls them.
"""
