"""A client without our code: the proto stubs, grpcio and an SM2 library. Usage:

python minimal_client.py HOST:PORT NODE.crt KEY.pem CONTRACT METHOD '{"argument": 1}'
"""

import base64
import hashlib
import json
import secrets
import sys
import time
import uuid
from pathlib import Path

import grpc
from gmssl import sm2

from node.wire.pb import api_pb2 as api
from node.wire.pb import ledger_pb2 as ledger
from node.wire.pb.api_pb2_grpc import LedgerStub


def h(tag: str, *parts: bytes) -> bytes:
    """SM3 over: length of the tag, tag, suite (1 = sm), parts."""
    return hashlib.new("sm3", tagged(tag, *parts)).digest()


def tagged(tag: str, *parts: bytes) -> bytes:
    return bytes([len(tag)]) + tag.encode() + b"\x01" + b"".join(parts)


def load_key(path: str) -> tuple[sm2.CryptSM2, bytes]:
    """An unencrypted PKCS#8 file: the signer, and the public key as 04 | x | y."""
    der = base64.b64decode("".join(Path(path).read_text().split("\n")[1:-2]))
    at = der.index(b"\x02\x01\x01\x04\x20") + 5  # ECPrivateKey: version 1, 32 bytes of key
    key = sm2.CryptSM2(private_key=der[at : at + 32].hex(), public_key="")
    key.public_key = key._kg(
        int(key.private_key, 16), key.ecc_table["g"]
    )  # set here: the constructor
    return key, b"\x04" + bytes.fromhex(key.public_key)  # would strip leading zeros and fours of x


def sign(key: sm2.CryptSM2, message: bytes) -> bytes:
    """64 bytes r | s with the default id. The nonce is ours: gmssl's own is not random enough."""
    nonce = 1 + secrets.randbelow(int(key.ecc_table["n"], 16) - 1)
    return bytes.fromhex(key.sign_with_sm3(message, f"{nonce:064x}"))


def main(
    address: str, certificate: str, key_file: str, contract: str, method: str, args: str
) -> None:
    key, public_key = load_key(key_file)
    pinned = grpc.ssl_channel_credentials(Path(certificate).read_bytes())
    with grpc.secure_channel(address, pinned) as channel:
        node = LedgerStub(channel)
        info = node.ChannelInfo(api.ChannelInfoRequest(), timeout=60)
        body = ledger.TxBody(
            suite=1, channel_id=info.channel_id, sender=h("citychain/identity/v1", public_key),
            contract=contract, version=1, method=method, args=args, nonce=secrets.token_bytes(16),
            valid_until_height=info.height + 500, gas_limit=10_000_000, request_id=str(uuid.uuid4()),
        ).SerializeToString()  # fmt: skip
        tx_id = h("citychain/tx-id/v1", body)
        signature = sign(key, h("citychain/tx-sign/v1", info.channel_id, body))
        envelope = ledger.Envelope(body=body, public_key=public_key, signature=signature)
        node.Submit(api.SubmitRequest(envelope=envelope), timeout=60)

        # Reads: a statement for this node, signed, good for ten minutes.
        until = (int(time.time() * 1000) + 600_000).to_bytes(8, "big")
        fields = (info.channel_id, info.node_identity, public_key, until)
        statement = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
        signed = statement + sign(key, tagged("citychain/read-statement/v1", statement))
        reader = (("citychain-read-bin", signed),)
        wait = api.WaitRequest(tx_id=tx_id, level=api.COMMITTED)
        done = node.WaitTransaction(wait, timeout=60, metadata=reader)
        wanted = api.GetTransactionRequest(tx_id=tx_id)
        proof = node.TransactionProof(wanted, timeout=60, metadata=reader).proof
        shown = {"tx_id": tx_id.hex(), "block": done.height, "outcome": done.receipt.outcome}
        print(json.dumps({**shown, "result": done.receipt.result_json, "proof_bytes": len(proof)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
