"""A settled obligation as a payment message: pacs.008 for a customer's payment, pacs.009 between banks.

The obligation's reference travels as end-to-end id (its first 35 hexadecimal digits) and in full as remittance
information, so that what comes back finds its obligation. The UETR is made of the reference too: the same
obligation always gives the same message.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from node.iso20022.message import check_rules
from node.iso20022.rails import Rail

HEAD = "urn:iso:std:iso:20022:tech:xsd:head.001.001.02"
RULES_YEAR = 2026
END_TO_END_CHARS = 35
DEFINITIONS = {"pacs.008": "pacs.008.001.08", "pacs.009": "pacs.009.001.08"}


@dataclass(frozen=True, slots=True)
class Bank:
    name: str
    bic: str
    country: str


@dataclass(frozen=True, slots=True)
class Customer:
    """lei: or empty. town, country: of its address."""

    name: str
    lei: str
    town: str
    country: str


@dataclass(frozen=True, slots=True)
class Settled:
    """An obligation as the chain has it. reference: ref_commit, 32 bytes. settled_ms: when it was paid."""

    reference: bytes
    obligation_id: str
    amount_minor: int
    ccy: str
    settled_ms: int
    payer_bank: Bank
    payee_bank: Bank
    payer: Customer | None
    payee: Customer | None


def end_to_end_id(reference: bytes) -> str:
    return reference.hex()[:END_TO_END_CHARS]


def uetr(reference: bytes) -> str:
    """A version 4 UUID whose bits are the reference's."""
    return str(uuid.UUID(bytes=reference[:16], version=4))


def payment_message(settled: Settled, rail: Rail) -> bytes:
    """Canonical XML of pacs.008, or of pacs.009 where both sides are banks. Raises CityError CITY-7021."""
    customers = settled.payer is not None and settled.payee is not None
    assert customers or settled.payer is settled.payee, "a customer's payment names both customers"
    kind = "pacs.008" if customers else "pacs.009"
    envelope = etree.Element("Envelope")
    message_id = f"CC-{settled.reference.hex()[:24]}"
    moment = datetime.fromtimestamp(settled.settled_ms / 1000, UTC)
    when = moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    _header(envelope, settled, rail, DEFINITIONS[kind], message_id, when)
    document = _add(
        envelope, None, f"urn:iso:std:iso:20022:tech:xsd:{DEFINITIONS[kind]}", "Document"
    )
    body = _add(document, None, None, "FIToFICstmrCdtTrf" if customers else "FICdtTrf")
    group = _add(body, None, None, "GrpHdr")
    _add(group, message_id, None, "MsgId")
    _add(group, when, None, "CreDtTm")
    _add(group, "1", None, "NbOfTxs")
    _add(_add(group, None, None, "SttlmInf"), rail.settlement, None, "SttlmMtd")
    _transfer(body, settled, moment.strftime("%Y-%m-%d"))
    data: bytes = etree.tostring(
        envelope, xml_declaration=True, encoding="UTF-8", pretty_print=True
    )
    check_rules(data, RULES_YEAR)
    return data


def _header(
    envelope: Any, settled: Settled, rail: Rail, definition: str, message_id: str, when: str
) -> None:
    header = _add(envelope, None, HEAD, "AppHdr")
    for side, bank in (("Fr", settled.payer_bank), ("To", settled.payee_bank)):
        _agent(_add(_add(header, None, None, side), None, None, "FIId"), bank)
    _add(header, message_id, None, "BizMsgIdr")
    _add(header, definition, None, "MsgDefIdr")
    _add(header, rail.service, None, "BizSvc")
    _add(header, when, None, "CreDt")


def _transfer(body: Any, settled: Settled, date: str) -> None:
    transfer = _add(body, None, None, "CdtTrfTxInf")
    ids = _add(transfer, None, None, "PmtId")
    _add(ids, settled.reference.hex()[:16], None, "InstrId")
    _add(ids, end_to_end_id(settled.reference), None, "EndToEndId")
    _add(ids, uetr(settled.reference), None, "UETR")
    amount = f"{settled.amount_minor // 100}.{settled.amount_minor % 100:02d}"
    _add(transfer, amount, None, "IntrBkSttlmAmt", Ccy=settled.ccy)
    _add(transfer, date, None, "IntrBkSttlmDt")
    customers = settled.payer is not None and settled.payee is not None
    if customers:
        _add(transfer, amount, None, "InstdAmt", Ccy=settled.ccy)
        _add(transfer, "SHAR", None, "ChrgBr")
    _agent(_add(transfer, None, None, "InstgAgt"), settled.payer_bank)
    _agent(_add(transfer, None, None, "InstdAgt"), settled.payee_bank)
    if settled.payer is not None and settled.payee is not None:
        _customer(_add(transfer, None, None, "Dbtr"), settled.payer)
        _agent(_add(transfer, None, None, "DbtrAgt"), settled.payer_bank)
        _agent(_add(transfer, None, None, "CdtrAgt"), settled.payee_bank)
        _customer(_add(transfer, None, None, "Cdtr"), settled.payee)
    else:
        _agent(_add(transfer, None, None, "Dbtr"), settled.payer_bank)
        _agent(_add(transfer, None, None, "Cdtr"), settled.payee_bank)
    remittance = _add(transfer, None, None, "RmtInf")
    _add(remittance, f"{settled.obligation_id} {settled.reference.hex()}", None, "Ustrd")


def _agent(parent: Any, bank: Bank) -> None:
    _add(_add(parent, None, None, "FinInstnId"), bank.bic, None, "BICFI")


def _customer(parent: Any, customer: Customer) -> None:
    _add(parent, customer.name, None, "Nm")
    address = _add(parent, None, None, "PstlAdr")
    _add(address, customer.town, None, "TwnNm")
    _add(address, customer.country, None, "Ctry")
    if customer.lei:
        organisation = _add(_add(parent, None, None, "Id"), None, None, "OrgId")
        _add(organisation, customer.lei, None, "LEI")


def _add(parent: Any, text: str | None, namespace: str | None, name: str, **attributes: str) -> Any:
    """A child in its parent's namespace, or in a new one."""
    own = namespace or etree.QName(parent).namespace
    tag = f"{{{own}}}{name}" if own else name
    child = etree.SubElement(parent, tag, nsmap={None: namespace} if namespace else None)
    for key, value in attributes.items():
        child.set(key, value)
    if text is not None:
        child.text = text
    return child
