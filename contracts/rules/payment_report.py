"""A payment told by oracles: for operators that keep no Merkle log, so that nothing can be proven.

Version 2 of what an obligation is paid by. It says the same ten fields as a proof; instead of inclusion under a
signed head stand the signatures of 2f+1 oracles that each asked the operator's own interface. Everything after
that (reference, payee, amount, time, nullifier, payer, freezes) is checked alike.
"""

from rules.dcep_state import load_log
from rules.payment_proof import (
    FIELDS,
    PROOF_BYTES_MAX,
    ascending,
    attempt,
    check,
    check_regime,
    read_field,
)
from sdk import call, dataclass, require, struct_decode, struct_encode

REPORT_VERSION = 2
START = "payment"
KINDS = (
    "int", "hash", "bytes", "list:bytes", "int", "hash", "int", "int", "list:int", "list:sig",
)  # fmt: skip


@dataclass
class PaymentReport:
    """log_id: of the operator. head: none, there is no tree. not_after_ms: freshness is the report's own."""

    log_id: bytes
    point: bytes
    txid: bytes
    output_index: int
    opened: dict
    observed_ms: int
    config: bytes
    epoch: int
    round: int
    signers: list
    signatures: list
    fields: list
    head: object
    not_after_ms: int


def is_report(data: bytes) -> bool:
    return data.startswith(struct_encode([("int", REPORT_VERSION)]))


def read_parts(data: bytes) -> PaymentReport:
    (
        version, log_id, point, fields, observed_ms, config, epoch, round_, signers, signatures,
    ) = struct_decode(list(KINDS), data)  # fmt: skip
    check(version == REPORT_VERSION, "a report of this version")
    txid, output_index = struct_decode(["hash", "int"], point)
    opened = {}
    names = []
    for item in fields:
        name, value = struct_decode(["str", "bytes"], item)
        opened[name] = read_field(name, value)
        names.append(name)
    check(ascending(names) and len(names) == len(FIELDS), "ten fields in order")
    return PaymentReport(
        log_id, point, txid, output_index, opened, observed_ms, config, epoch, round_,
        list(signers), list(signatures), list(fields), None, 2**62,
    )  # fmt: skip


def read_report(data: bytes) -> PaymentReport:
    """Checks 1 and 2."""
    require(len(data) <= PROOF_BYTES_MAX, "E_PROOF_SIZE", "the report is larger than 32 KiB")
    report = attempt(read_parts, data)
    require(report is not None, "E_PROOF_ENCODING", "not the canonical bytes of a payment report")
    check_regime(report.opened)
    return report


def payload_of(report) -> bytes:
    """What each oracle signed: the operator, the output, its ten fields, and when it was seen."""
    return struct_encode(
        [
            ("hash", report.log_id),
            ("bytes", report.point),
            ("list:bytes", report.fields),
            ("int", report.observed_ms),
        ]
    )


def check_report(report):
    """Checks 3 to 9 in this mode: a known operator that may be reported, and a quorum that saw the payment."""
    log = load_log(report.log_id)
    require(log.reported, "E_PROOF_REPORT", "this operator's payments are proven, not reported")
    place = f"{START}/{report.log_id.hex()}/{report.txid.hex()}/{report.output_index}"
    call(
        "oracle", "check_payment", place, payload_of(report), report.observed_ms, report.config,
        report.epoch, report.round, report.signers, report.signatures,
    )  # fmt: skip
