"""Payment messages both ways: golden files out, matches in, and every sample accepted or refused by its
rule."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from node.errors import CityError
from node.iso20022.match import Expected, Match, Verdict, match
from node.iso20022.message import read_message
from node.iso20022.pay import Bank, Customer, Settled, end_to_end_id, payment_message, uetr
from node.iso20022.rails import CROSS_BORDER, HIGH_VALUE, LOW_VALUE, choose_rail

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "iso20022"
REFERENCE = bytes(range(32))
SZ = Bank("Sample Bank A", "SBADCNBSXXX", "CN")
GZ = Bank("Sample Bank B", "SBBDCNBGXXX", "CN")
HK = Bank("Sample Bank HK", "SBHDHKHHXXX", "HK")
PX = Customer("Pengxu Smart Devices (Shenzhen) Co., Ltd", "3003DEM0SZPENGXUEX86", "Shenzhen", "CN")
HB = Customer("Harbour Bright Trading (HK) Ltd", "3003DEM0HKHARBOURB66", "Hong Kong", "HK")
INVOICE = Settled(
    REFERENCE, "FR-2026-000001/2", 1_200_000_000, "CNY", 1_802_764_800_000, HK, SZ, HB, PX
)
BANKS = Settled(
    REFERENCE, "FR-2026-000002/1", 49_309_514, "CNY", 1_796_695_200_000, SZ, GZ, None, None
)


def samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.xml"))


@pytest.mark.skipif(not SAMPLES.exists(), reason="the folder ../shared is not here")
def test_every_sample_is_accepted_and_every_violator_refused_by_the_rule_it_breaks() -> None:
    accepted, refused = [], []
    for path in samples():
        data = path.read_bytes()
        if not path.name.startswith("violator__"):
            accepted.append(read_message(data).kind)
            continue
        rule = path.name.split("__violates_")[1].split("_")[0].replace("-", ":", 1)
        with pytest.raises(CityError) as refusal:
            read_message(data)
        assert refusal.value.code == "CITY-7021"
        assert f"rule {rule}:" in refusal.value.message, path.name
        refused.append(rule)
    assert len(accepted) == len(refused) == 8


@pytest.mark.parametrize(
    "name,settled", [("pacs008.xml", INVOICE), ("pacs009.xml", BANKS)], ids=["pacs008", "pacs009"]
)
def test_a_settled_obligation_is_the_golden_message_and_passes_its_own_reader(
    name: str, settled: Settled
) -> None:
    rail = choose_rail(
        settled.payer_bank.country, settled.payee_bank.country, settled.ccy, settled.amount_minor
    )
    data = payment_message(settled, rail)
    assert data == (GOLDEN / name).read_bytes()
    message = read_message(data)
    assert message.kind == ("pacs.008" if settled.payer else "pacs.009")
    assert message.text("PmtId/EndToEndId") == end_to_end_id(REFERENCE)
    assert message.text("RmtInf/Ustrd") == f"{settled.obligation_id} {REFERENCE.hex()}"


def credit(amount: str = "12000000.00", ccy: str = "CNY", end_to_end: str = "", id_: str = "",
           booked: str = "BOOK") -> bytes:  # fmt: skip
    text = (GOLDEN / "camt054.xml").read_text(encoding="utf-8")
    for name, value in (
        ("AMOUNT", amount), ("CCY", ccy), ("BOOKED", booked),
        ("ENDTOEND", end_to_end or end_to_end_id(REFERENCE)), ("UETR-ID", id_ or uetr(REFERENCE)),
    ):  # fmt: skip
        text = text.replace(f"@{name}@", value)
    return text.encode()


OWED = Expected(REFERENCE, "FR-2026-000001/2", 1_200_000_000, "CNY")
STRANGE = str(uuid.UUID(int=7, version=4))


@pytest.mark.parametrize(
    "data,verdict",
    [
        (credit(), Verdict.SETTLED),
        (credit(booked="PDNG"), Verdict.PENDING),
        (credit(amount="11999999.99"), Verdict.WRONG_AMOUNT),
        (credit(ccy="HKD"), Verdict.WRONG_AMOUNT),
        (credit(end_to_end="NOTPROVIDED"), Verdict.SETTLED),
        (credit(end_to_end="NOTPROVIDED", id_=STRANGE), Verdict.UNKNOWN),
    ],
)
def test_a_credit_notification_finds_its_obligation(data: bytes, verdict: Verdict) -> None:
    (found,) = match(read_message(data), [OWED])
    assert found.verdict is verdict
    assert found.obligation_id == ("" if verdict is Verdict.UNKNOWN else OWED.obligation_id)


@pytest.mark.parametrize(
    "status,verdict",
    [("ACSC", Verdict.SETTLED), ("ACSP", Verdict.PENDING), ("RJCT", Verdict.REJECTED)],
)
def test_a_status_report_finds_its_obligation(status: str, verdict: Verdict) -> None:
    text = (GOLDEN / "pacs002.xml").read_text(encoding="utf-8")
    reason = "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn></StsRsnInf>" if status == "RJCT" else ""
    for name, value in (("STATUS", status), ("UETR-ID", uetr(REFERENCE)), ("REASON", reason),
                        ("ENDTOEND", end_to_end_id(REFERENCE))):  # fmt: skip
        text = text.replace(f"@{name}@", value)
    assert match(read_message(text.encode()), [OWED]) == [
        Match(verdict, OWED.obligation_id, end_to_end_id(REFERENCE), None, "")
    ]


def test_a_payment_order_is_no_report() -> None:
    with pytest.raises(CityError, match="CITY-7020"):
        match(read_message((GOLDEN / "pacs008.xml").read_bytes()), [OWED])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a/>",
        b"not xml",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Envelope>&x;</Envelope>',
        b"<Envelope>" + b"<a>" * 300 + b"</Envelope>",
        b" " * (256 * 1024 + 1),
        (GOLDEN / "pacs008.xml").read_bytes().replace(b"swift.cbprplus.03", b"someone.else.01"),
        (GOLDEN / "pacs008.xml").read_bytes().replace(b"pacs.008.001.08", b"pacs.777.001.08"),
    ],
)
def test_anything_else_is_refused_before_it_is_read(data: bytes) -> None:
    with pytest.raises(CityError, match="CITY-7020"):
        read_message(data)


def test_a_message_of_ours_that_is_changed_breaks_a_rule() -> None:
    data = (GOLDEN / "pacs008.xml").read_bytes()
    for old, new in ((b'Ccy="CNY"', b'Ccy="XAU"'), (b"SBHDHKHHXXX", b"SBBDCNBGXXX")):
        with pytest.raises(CityError, match="CITY-7021"):
            read_message(data.replace(old, new, 1))


@pytest.mark.parametrize(
    "payer,payee,ccy,amount,rail",
    [
        ("CN", "CN", "CNY", 5_000_000, HIGH_VALUE),
        ("CN", "CN", "CNY", 4_999_999, LOW_VALUE),
        ("HK", "CN", "CNY", 1, CROSS_BORDER),
        ("CN", "HK", "CNY", 10**12, CROSS_BORDER),
        ("CN", "CN", "USD", 10**12, CROSS_BORDER),
    ],
)
def test_the_rail_is_chosen_by_border_and_threshold(
    payer: str, payee: str, ccy: str, amount: int, rail: object
) -> None:
    assert choose_rail(payer, payee, ccy, amount) is rail
    assert HIGH_VALUE.modelled and not CROSS_BORDER.modelled
