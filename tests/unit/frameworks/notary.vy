# pragma version 0.4.3
# A register of document digests, a number used once: the application of notary.py for EVM nodes.
# notary.json: vyper 0.4.3, `vyper -f abi,bytecode notary.vy`

event Registered:
    number: String[64]
    digest: bytes32

digests: HashMap[String[64], bytes32]

@external
def register(number: String[64], digest: bytes32):
    assert digest != empty(bytes32), "E_DIGEST"
    assert self.digests[number] == empty(bytes32), "E_DUPLICATE"
    self.digests[number] = digest
    log Registered(number=number, digest=digest)

@external
@view
def digest_of(number: String[64]) -> bytes32:
    return self.digests[number]
