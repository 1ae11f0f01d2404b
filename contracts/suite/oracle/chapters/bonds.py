"""What a member stands for with its money, and what it loses by two words at once."""

from rules.calendar import CLOCK_DRIFT_MS
from rules.oracle_state import bond_payments, bonds, load_committee, observation_digest, slashed
from sdk import Event, call, ctx, export, require, sm2_verify, struct_encode

BondPrepared = Event("Oracle.BondPrepared")
BondPosted = Event("Oracle.BondPosted")
Slashed = Event("Oracle.Slashed")


@export
def prepare_bond(name: str, amount_fen: int, salt: bytes) -> bytes:
    """Fixes the reference under which an oracle pays its bond to the custodian."""
    found = load_committee()
    require(name in found.names, "E_ORACLE_UNAUTHORISED", "no oracle of this name")
    reference = call(
        "dcep", "payment_reference", "oracle", f"bond/{name}", 1, amount_fen, "CNY",
        found.custodian, salt,
    )  # fmt: skip
    bond_payments[name] = (reference, amount_fen, ctx.time)
    BondPrepared(name=name, amount_fen=amount_fen)
    return reference


@export
def post_bond(name: str, proof: bytes) -> int:
    """The proof that the bond was paid. Returns the whole bond (fen)."""
    prepared = bond_payments[name]
    require(prepared is not None, "E_NO_REFERENCE", "no bond was prepared")
    wanted = {
        "ref_commit": prepared[0],
        "payee_member": load_committee().custodian,
        "amount_fen": prepared[1],
        "not_before_ms": prepared[2] - CLOCK_DRIFT_MS,
    }
    paid = call("dcep", "verify_payment", proof, wanted)
    bonds[name] += paid["amount_fen"]
    bond_payments.delete(name)
    BondPosted(name=name, bond_fen=bonds[name])
    return bonds[name]


@export
def report_misbehaviour(
    topic: str, epoch: int, round: int, signer: int, payloads: list[bytes], signatures: list[bytes],
) -> int:  # fmt: skip
    """Anyone shows two things that one oracle signed for one round: its bond is forfeit, its key void.

    Returns the bond that was slashed (fen). Codes: E_ORACLE_UNAUTHORISED, E_ORACLE_NO_FAULT,
    E_ORACLE_SIGNATURE, E_DUPLICATE.
    """
    found = load_committee()
    require(0 <= signer < len(found.keys), "E_ORACLE_UNAUTHORISED", "no oracle of this committee")
    key = found.keys[signer]
    require(slashed[key] == b"", "E_DUPLICATE", "it is slashed already")
    two = len(payloads) == len(signatures) == 2 and payloads[0] != payloads[1]
    require(two, "E_ORACLE_NO_FAULT", "two different payloads, each with its signature")
    for i in range(2):
        message = observation_digest(topic, found.digest, epoch, round, payloads[i])
        holds = sm2_verify(key, message, signatures[i])
        require(holds, "E_ORACLE_SIGNATURE", "the oracle has not signed this")
    name = found.names[signer]
    forfeit = bonds[name]
    bonds[name] = 0
    slashed[key] = struct_encode([("str", topic), ("int", epoch), ("int", round),
                                  ("list:bytes", payloads), ("list:bytes", signatures)])  # fmt: skip
    Slashed(name=name, forfeit_fen=forfeit, evidence=slashed[key])
    return forfeit
